/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * fsstress: the tree afterwards, seen through each mount.
 *
 * Notes: nobody changes anything meanwhile. A walk makes one line of text for each
 * name, in the order of names, with all that can be asked about it but its
 * access time; so two sides are equal iff the texts are.
 */
#define _GNU_SOURCE
#include "fss.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

struct inode {
	u64 ino, nlink;
};

struct walk {
	u32 side;
	char *text;
	size_t len, room;
	struct inode *inode;	/* of what is no directory */
	u64 nr_inodes, room_inodes;
	u64 dirs, names;
};

static u8 content[65536];

/* ---- one name ---- */

static u64 mix(u64 h, const void *from, size_t len)
{
	const u8 *p = from;

	while (len--)
		h = (h ^ *p++) * 0x100000001b3ull;
	return h;
}

static u64 hash_content(const char *path)
{
	u64 h = 0xcbf29ce484222325ull;
	int fd = open(path, O_RDONLY | O_NOATIME);
	s64 n;

	if (fd < 0)
		WRONG("open %s: %s", path, strerror(errno));
	while ((n = read(fd, content, sizeof(content))) > 0)
		h = mix(h, content, (size_t)n);
	if (n < 0)
		WRONG("read %s: %s", path, strerror(errno));
	close(fd);
	return h;
}

static u64 hash_target(const char *path)
{
	s64 n = readlink(path, (char *)content, sizeof(content));

	if (n < 0)
		WRONG("readlink %s: %s", path, strerror(errno));
	return mix(1, content, (size_t)n);
}

/* In no order, as the list of them is. */
static u64 hash_xattrs(const char *path)
{
	static char names[65536];
	s64 n, at, len;
	u64 h = 0;

	if (!fss_has[FSS_XATTR])
		return 0;
	n = llistxattr(path, names, sizeof(names));
	if (n < 0)
		WRONG("listxattr %s: %s", path, strerror(errno));
	for (at = 0; at < n; at += (s64)strlen(names + at) + 1) {
		len = lgetxattr(path, names + at, content, sizeof(content));
		if (len < 0)
			WRONG("getxattr %s %s: %s", path, names + at,
			      strerror(errno));
		h += mix(mix(7, names + at, strlen(names + at)), content,
			 (size_t)len);
	}
	return h;
}

static void add_line(struct walk *w, const char *path, const struct stat *st)
{
	u64 hash = S_ISREG(st->st_mode) ? hash_content(path) :
		   S_ISLNK(st->st_mode) ? hash_target(path) : 0;

	if (w->room - w->len < FSS_PATH + 300) {
		w->room = 2 * w->room + 65536;
		w->text = realloc(w->text, w->room);
		if (!w->text)
			WRONG("no memory");
	}
	w->len += (size_t)snprintf(w->text + w->len, w->room - w->len,
		"%s: inode %llu mode 0%o links %llu owner %u:%u size %lld "
		"blocks %lld device %x:%x changed %lld.%09ld %lld.%09ld content %llx "
		"attributes %llx\n", path + strlen(fss_top[w->side]),
		(unsigned long long)st->st_ino, st->st_mode,
		(unsigned long long)st->st_nlink, st->st_uid, st->st_gid,
		(long long)st->st_size, (long long)st->st_blocks,
		major(st->st_rdev), minor(st->st_rdev),
		(long long)st->st_mtim.tv_sec, st->st_mtim.tv_nsec,
		(long long)st->st_ctim.tv_sec, st->st_ctim.tv_nsec,
		(unsigned long long)hash, (unsigned long long)hash_xattrs(path));
}

static void add_inode(struct walk *w, const struct stat *st)
{
	if (w->nr_inodes == w->room_inodes) {
		w->room_inodes = 2 * w->room_inodes + 1024;
		w->inode = realloc(w->inode, w->room_inodes * sizeof(*w->inode));
		if (!w->inode)
			WRONG("no memory");
	}
	w->inode[w->nr_inodes++] = (struct inode){
		st->st_ino, st->st_nlink };
}

/* ---- the walk ---- */

static void look_at(const char *path, struct stat *st)
{
	if (lstat(path, st))
		WRONG("stat %s: %s", path, strerror(errno));
}

/* What the listing says of a name, and what the name says itself. */
static void check_entry(const struct dirent *de, const char *path,
			const struct stat *st)
{
	if (de->d_ino != st->st_ino)
		WRONG("%s: inode %llu in the list, and %llu", path,
		      (unsigned long long)de->d_ino,
		      (unsigned long long)st->st_ino);
	if (de->d_type != DT_UNKNOWN && de->d_type != IFTODT(st->st_mode))
		WRONG("%s: type %u in the list, mode 0%o", path, de->d_type,
		      st->st_mode);
}

static void check_parent(const char *dir, u64 parent)
{
	char path[FSS_PATH + 4];
	struct stat st;

	snprintf(path, sizeof(path), "%s/..", dir);
	look_at(path, &st);
	if (st.st_ino != parent)
		WRONG("%s is inode %llu, not %llu", path,
		      (unsigned long long)st.st_ino, (unsigned long long)parent);
}

static void walk(struct walk *w, const char *dir);

/* 1 if it is a directory. */
static u32 visit(struct walk *w, const char *dir, const struct dirent *de,
		 u64 parent)
{
	char path[2 * FSS_PATH];
	struct stat st;

	if (!strcmp(de->d_name, ".") || !strcmp(de->d_name, ".."))
		return 0;
	snprintf(path, sizeof(path), "%s/%s", dir, de->d_name);
	if (strlen(path) >= FSS_PATH)
		WRONG("%s: too deep", path);
	look_at(path, &st);
	check_entry(de, path, &st);
	add_line(w, path, &st);
	w->names++;
	if (!S_ISDIR(st.st_mode)) {
		add_inode(w, &st);
		return 0;
	}
	check_parent(path, parent);
	walk(w, path);
	return 1;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static void walk(struct walk *w, const char *dir)
{
	u32 subdirs = 0;
	struct dirent **list;
	struct stat st;
	int i, nr;

	nr = scandir(dir, &list, NULL, by_name);
	if (nr < 0)
		WRONG("scandir %s: %s", dir, strerror(errno));
	look_at(dir, &st);
	for (i = 0; i < nr; i++) {
		if (i && !strcmp(list[i]->d_name, list[i - 1]->d_name))
			WRONG("%s lists %s twice", dir, list[i]->d_name);
		subdirs += visit(w, dir, list[i], st.st_ino);
	}
	for (i = 0; i < nr; i++)
		free(list[i]);
	free(list);
	w->dirs++;
	if (st.st_nlink != 2 + subdirs)
		WRONG("%s: %llu links and %u directories in it", dir,
		      (unsigned long long)st.st_nlink, subdirs);
}

/* ---- link counts ---- */

static int by_ino(const void *a, const void *b)
{
	const struct inode *x = a, *y = b;

	return x->ino < y->ino ? -1 : x->ino > y->ino;
}

static u64 check_links(struct walk *w)
{
	u64 i, k, wrong = 0;

	qsort(w->inode, w->nr_inodes, sizeof(*w->inode), by_ino);
	for (i = 0; i < w->nr_inodes; i = k) {
		for (k = i; k < w->nr_inodes &&
		     w->inode[k].ino == w->inode[i].ino; k++)
			;
		if (w->inode[i].nlink == k - i)
			continue;
		wrong++;
		printf("# inode %llu has %llu names and says %llu\n",
		       (unsigned long long)w->inode[i].ino,
		       (unsigned long long)(k - i),
		       (unsigned long long)w->inode[i].nlink);
	}
	return wrong;
}

/* The first line that differs. */
static void print_difference(const struct walk *a, const struct walk *b)
{
	const char *x = a->text, *y = b->text;

	while (*x && *y && !strncmp(x, y, strcspn(x, "\n") + 1)) {
		x += strcspn(x, "\n") + 1;
		y += strcspn(y, "\n") + 1;
	}
	printf("# first side:  %.*s\n", (int)strcspn(x, "\n"), x);
	printf("# second side: %.*s\n", (int)strcspn(y, "\n"), y);
}

/* A user has shut himself out of what is his. */
static void let_in(const char *dir)
{
	char path[2 * FSS_PATH];
	struct dirent **list;
	int i, nr;

	if (chmod(dir, 0700))
		WRONG("chmod %s: %s", dir, strerror(errno));
	nr = scandir(dir, &list, NULL, by_name);
	if (nr < 0)
		WRONG("scandir %s: %s", dir, strerror(errno));
	for (i = 0; i < nr; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, list[i]->d_name);
		if (list[i]->d_type == DT_REG && chmod(path, 0600))
			WRONG("chmod %s: %s", path, strerror(errno));
		if (list[i]->d_type == DT_DIR && list[i]->d_name[0] != '.')
			let_in(path);
		free(list[i]);
	}
	free(list);
}

void fss_tree_check(void)
{
	struct walk w[FSS_SIDES] = { 0 };
	u32 side;
	int equal;

	if (geteuid())
		let_in(fss_top[0]);
	for (side = 0; side < fss_sides; side++) {
		w[side].side = side;
		walk(&w[side], fss_top[side]);
		report(!check_links(&w[side]), "fsstress: %llu directories, %llu "
		       "names, link counts are what the names say",
		       (unsigned long long)w[side].dirs,
		       (unsigned long long)w[side].names);
	}
	if (fss_sides > 1) {
		equal = w[0].len == w[1].len &&
			!memcmp(w[0].text, w[1].text, w[0].len);
		if (!equal && w[0].text && w[1].text)
			print_difference(&w[0], &w[1]);
		report(equal, "fsstress: both mounts show the same tree");
	}
	for (side = 0; side < fss_sides; side++) {
		free(w[side].text);
		free(w[side].inode);
	}
}

/* ---- removal ---- */

static void remove_in(const char *dir)
{
	char path[2 * FSS_PATH];
	struct dirent **list;
	int i, nr;

	snprintf(path, sizeof(path), "%s%s", fss_top[below(fss_sides)], dir);
	nr = scandir(path, &list, NULL, by_name);
	if (nr < 0)
		WRONG("scandir %s: %s", path, strerror(errno));
	for (i = 0; i < nr; i++) {
		const char *name = list[i]->d_name;
		int is_dir = list[i]->d_type == DT_DIR;

		snprintf(path, sizeof(path), "%s/%s", dir, name);
		if (is_dir && strcmp(name, ".") && strcmp(name, ".."))
			remove_in(path);
		snprintf(path, sizeof(path), "%s%s/%s",
			 fss_top[below(fss_sides)], dir, name);
		if (strcmp(name, ".") && strcmp(name, "..") &&
		    (is_dir ? rmdir(path) : unlink(path)))
			WRONG("remove %s: %s", path, strerror(errno));
		free(list[i]);
	}
	free(list);
}

void fss_tree_remove(void)
{
	remove_in("");
}
