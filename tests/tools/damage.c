// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * damage: does fsck.daxfs find and correct whatever is wrong in a region?
 *
 * Notes: four small regions with a rich tree are made once: one filled from
 * empty, one on a base image, one with branches upon merged commits, one in split mode,
 * whose content is read by the backing file where the cache has it no more. Each case
 * copies one of them, changes one word, and looks at what fsck.daxfs -n, -y and -n
 * again say, and that every file that the word did not belong to is still there
 * with its content, in main and in each branch. The cases are in damage_cases.inc.
 * An argument selects those whose text contains it; -v shows what fsck.daxfs said;
 * -rN adds N runs with some words changed anywhere, -sSEED says which. Needs $BUILD;
 * regions go to /dev/shm.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "content.h"
#include "damage.h"
#include "mount.h"
#include "mount_priv.h"
#include "region.h"
#include "word.h"

#define REGION_SIZE	"10M"
#define FILES		330u	/* small ones in one directory */
#define TEXT_MAX	(256u << 10)

static struct daxfs_mount *mnt;
static const char *build;
static char dir[64];		/* in /dev/shm */
static pid_t owner;
static int verbose;
static u32 passed, failed;
static char said[TEXT_MAX];	/* by the last fsck.daxfs */

static void clean_up(void)
{
	char cmd[128];

	if (getpid() != owner || !dir[0])
		return;
	snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	if (system(cmd))
		fprintf(stderr, "damage: cannot remove %s\n", dir);
}

static void on_signal(int sig)
{
	(void)sig;
	exit(130);
}

#define MUST(call)							\
	do {								\
		s64 must_ = (call);					\
		if (must_ < 0)						\
			give_up("%s: %s", #call, strerror((int)-must_));\
	} while (0)

static const char *at(const char *name)
{
	static char path[4][128];
	static u32 nr;
	char *p = path[nr++ % 4];

	snprintf(p, sizeof(path[0]), "%s/%s", dir, name);
	return p;
}

__attribute__((format(printf, 1, 2)))
static void shell(const char *fmt, ...)
{
	char cmd[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(cmd, sizeof(cmd), fmt, ap);
	va_end(ap);
	if (system(cmd))
		give_up("failed: %s", cmd);
}

/* ---- a region in use ---- */

static void join(const char *path, u32 flags)
{
	char why[512] = "";
	int r = daxfs_mount_open(&mnt, path, flags, DAXFS_HOST_LIB, why,
				 sizeof(why));

	if (r)
		give_up("%s: %s", path, why);
	the_rg = daxfs_mount_region(mnt);
	the_cx = daxfs_cx_get(mnt);
}

static void part(void)
{
	daxfs_cx_put(mnt, the_cx);
	daxfs_mount_close(mnt);
}

static u64 lookup(const char *path, u64 *parent, const char **last)
{
	struct daxfs_stat st = { .ino = DAXFS_ROOT_INO };
	const char *slash;

	while ((slash = strchr(path, '/'))) {
		MUST(daxfs_lookup(the_cx, st.ino, path, (u32)(slash - path), &st));
		path = slash + 1;
	}
	*parent = st.ino;
	*last = path;
	return daxfs_lookup(the_cx, st.ino, path, (u32)strlen(path), &st) ? 0 : st.ino;
}

static u64 make(const char *path, u32 mode, const char *target)
{
	struct daxfs_new what = { .mode = mode, .target = target, .uid = 3,
				  .gid = 4, .rdev = 0x103 };
	struct daxfs_stat st;
	const char *last;
	u64 parent;

	if (target)
		what.target_len = (u32)strlen(target);
	lookup(path, &parent, &last);
	MUST(daxfs_create(the_cx, parent, last, (u32)strlen(last), &what, &st));
	return st.ino;
}

/* Bytes that tell where they belong. */
static void fill(const char *path, u64 from, u64 len)
{
	static u8 buf[1 << 20];
	struct daxfs_file f;
	const char *last;
	u64 parent, i, ino = lookup(path, &parent, &last);

	if (!ino)
		ino = make(path, S_IFREG | 0640, NULL);
	for (i = 0; i < len; i++)
		buf[i] = (u8)(ino * 31 + (from + i) * 7 + ((from + i) >> 9));
	MUST(daxfs_open(the_cx, ino, 0, &f));
	MUST(daxfs_write(the_cx, &f, from, buf, len));
	MUST(daxfs_close(the_cx, ino));
}

/* Locks that stay when their host leaves, on two pages. */
static void lock_bytes(const char *path)
{
	struct daxfs_lock want = { .type = DAXFS_LOCK_EX, .kind = DAXFS_RANGE };
	struct daxfs_file f;
	const char *last;
	u64 parent, ino = lookup(path, &parent, &last);

	MUST(daxfs_open(the_cx, ino, 0, &f));
	for (; want.owner < DAXFS_LOCK_FIRST + 3; want.owner++) {
		want.start = want.end = 2 * want.owner;
		MUST(daxfs_lock(the_cx, &f, &want, NULL));
	}
	MUST(daxfs_close(the_cx, ino));
}

static void hard_link(const char *path, const char *to)
{
	const char *last;
	u64 parent, ino = lookup(path, &parent, &last);

	lookup(to, &parent, &last);
	MUST(daxfs_link(the_cx, ino, parent, last, (u32)strlen(last), NULL));
}

static void chmod_of(const char *path, u32 mode)
{
	struct daxfs_setattr sa = { .set = DAXFS_SET_MODE, .mode = mode };
	const char *last;
	u64 parent;

	MUST(daxfs_setattr(the_cx, lookup(path, &parent, &last), &sa, NULL));
}

/* Extended attributes: an object, a page, or several, and a list as well. */
static void xattr_of(const char *path, u64 len)
{
	static const u8 acl[] = {	/* u::rw-,u:5:r--,g::r--,m::r--,o::--- */
		2, 0, 0, 0,
		0x01, 0, 6, 0, 255, 255, 255, 255, 0x02, 0, 4, 0, 5, 0, 0, 0,
		0x04, 0, 4, 0, 255, 255, 255, 255, 0x10, 0, 4, 0, 255, 255, 255,
		255, 0x20, 0, 0, 0, 255, 255, 255, 255,
	};
	static const char list[] = "system.posix_acl_access";
	static u8 value[16384];
	const char *last;
	u64 parent, ino;

	fill(path, 0, 100);
	ino = lookup(path, &parent, &last);
	memset(value, path[1], len);
	MUST(daxfs_setxattr(the_cx, ino, "user.x", 6, value, len, 0));
	MUST(daxfs_setxattr(the_cx, ino, list, sizeof(list) - 1, acl,
			    sizeof(acl), 0));
}

static void unlink_of(const char *path, int is_dir)
{
	const char *last;
	u64 parent;

	lookup(path, &parent, &last);
	MUST(is_dir ? daxfs_rmdir(the_cx, parent, last, (u32)strlen(last)) :
	     daxfs_unlink(the_cx, parent, last, (u32)strlen(last)));
}

static void rename_of(const char *path, const char *to)
{
	const char *last, *last2;
	u64 parent, parent2;

	lookup(path, &parent, &last);
	lookup(to, &parent2, &last2);
	MUST(daxfs_rename(the_cx, parent, last, (u32)strlen(last), parent2, last2,
			  (u32)strlen(last2), 0));
}

/* ---- the trees ---- */

static char long_target[200];
static const char name60[] =
	"a-name-of-sixty-bytes-which-takes-a-cell-of-the-second-size0";
static char name200[201];

static void tree_content(void)
{
	fill("one", 0, 1);
	fill("page", 0, 4096);
	fill("three", 0, 3 * 4096 - 5);
	fill("other", 0, 5 * 4096 + 17);
	fill("large", 0, 200 * 4096);
	fill("large", 500 * 4096, 100 * 4096 + 9);
	fill("sparse", 0, 10);
	fill("sparse", 600 * 4096, 100);
	make("empty", S_IFREG | 0600, NULL);
	make("fifo", S_IFIFO | 0644, NULL);
	make("dev", S_IFCHR | 0644, NULL);
	make("short", S_IFLNK | 0777, "to/one");
	memset(long_target, 'x', sizeof(long_target) - 1);
	make("long", S_IFLNK | 0777, long_target);
	xattr_of("xs", 100);
	xattr_of("xp", 1000);
	xattr_of("xm", 9000);
}

static void tree_dirs(void)
{
	char path[300];

	make("d", S_IFDIR | 0755, NULL);
	make("d/sub", S_IFDIR | 0755, NULL);
	make("d/sub/deep", S_IFDIR | 0755, NULL);
	make("d/none", S_IFDIR | 0755, NULL);
	make("d2", S_IFDIR | 0711, NULL);
	fill("d/sub/deep/file", 0, 5000);
	fill("d/sub/f", 0, 4097);
	fill("d2/g", 0, 12);
	hard_link("three", "d/three");
	hard_link("three", "d2/three");
	chmod_of("page", 0751);
	memset(name200, 'n', 200);
	snprintf(path, sizeof(path), "d2/%s", name60);
	fill(path, 0, 60);
	snprintf(path, sizeof(path), "d2/%s", name200);
	fill(path, 0, 200);
}

static struct daxfs_table *root_table(void)
{
	struct daxfs_layer *l = daxfs_at(the_rg, the_rg->area[DAXFS_AREA_LAYERS].off +
					 sizeof(*l), sizeof(*l), 8);

	return daxfs_at(the_rg, a64_load_relaxed(&l->root_off), 4096, 4096);
}

/* Many names; the index has grown and is about to grow once more. */
static void tree_many(void)
{
	char path[64];
	u32 i;

	make("many", S_IFDIR | 0755, NULL);
	for (i = 0; i < FILES || (!a64_load_relaxed(&root_table()->next) &&
				  i < 4 * FILES); i++) {
		snprintf(path, sizeof(path), "many/m%u", i);
		make(path, S_IFREG | 0644, NULL);
		if (i % 3 == 0)
			fill(path, 0, i + 1);
	}
	if (!a64_load_relaxed(&root_table()->next))
		give_up("the index does not grow");
	for (i = 0; i < 60; i += 3) {
		snprintf(path, sizeof(path), "many/m%u", i);
		unlink_of(path, 0);
	}
}

static void make_empty(void)
{
	shell("%s/mkdaxfs --empty -q -B 512 -s " REGION_SIZE " -r %s", build,
	      at("e"));
	join(at("e"), 0);
	tree_content();
	tree_dirs();
	tree_many();
	lock_bytes("other");
	part();
}

static void make_based(void)
{
	shell("mkdir -p %s/src/bd/bsub %s/src/gone %s/src/bd2", dir, dir, dir);
	shell("cd %s/src && head -c 9000 /dev/zero | tr '\\0' a >ba && "
	      "echo b >bd/bb && echo c >bd/bsub/bc && ln ba bd/ba2 && "
	      "echo x >gone/x && ln -s ba bl && echo y >by && echo u >bd2/bu",
	      dir);
	shell("%s/mkdaxfs -q -B 512 -s " REGION_SIZE " -d %s/src -r %s", build,
	      dir, at("b"));
	join(at("b"), 0);
	fill("ba", 4096, 100);
	unlink_of("gone/x", 0);
	unlink_of("gone", 1);
	unlink_of("by", 0);
	rename_of("bd/bsub", "moved");
	make("bd/new", S_IFDIR | 0755, NULL);
	fill("bd/new/f", 0, 6000);
	hard_link("bd/bb", "bb2");
	part();
}

/* ---- a region with branches ---- */

/* As mkdaxfs makes it, but for what stands in it. */
static void format_branching(const char *path)
{
	struct daxfs_geometry g = {
		.region_len = 24u << 20, .overlay = 1, .mode = DAXFS_MODE_EMPTY,
		.branching = 1, .buckets = 512, .root_mode = 0755, .uuid = { 9 },
	};
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	void *base;
	u64 needed;

	MUST(daxfs_plan(&g, &needed));
	if (fd < 0 || ftruncate(fd, (off_t)g.region_len))
		give_up("%s: cannot make it", path);
	base = mmap(NULL, g.region_len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (base == MAP_FAILED)
		give_up("%s: cannot map it", path);
	MUST(daxfs_format(&g, base, g.region_len));
	munmap(base, g.region_len);
	close(fd);
}

/* A new branch, shown from now on. */
static u64 enter_branch(const char *parent, const char *name)
{
	u64 up, id;

	MUST(daxfs_branch_find(the_cx, parent, &up));
	MUST(daxfs_branch_create(the_cx, up, name, DAXFS_BRANCH_KEEP, &id));
	MUST(daxfs_branch_mount(the_cx, id));
	return id;
}

static void leave_branch(u64 commit)
{
	if (commit)
		MUST(daxfs_branch_commit(the_cx, commit, 0));
	MUST(daxfs_branch_leave(the_cx));
}

/* Three commits: the lower two may be merged. */
static void fill_main(void)
{
	u64 id = enter_branch("main", "first");

	make("d", S_IFDIR | 0755, NULL);
	make("d/sub", S_IFDIR | 0755, NULL);
	make("gone", S_IFDIR | 0755, NULL);
	fill("one", 0, 1);
	fill("three", 0, 3 * 4096 - 5);
	fill("large", 0, 20 * 4096);
	fill("d/file", 0, 9000);
	fill("d/sub/f", 0, 4097);
	fill("gone/x", 0, 10);
	fill("by", 0, 10);
	make("short", S_IFLNK | 0777, "to/one");
	xattr_of("xs", 100);
	leave_branch(id);
	id = enter_branch("main", "second");
	fill("three", 4096, 100);
	hard_link("three", "d/three");
	unlink_of("gone/x", 0);
	unlink_of("gone", 1);
	xattr_of("xp", 1000);
	chmod_of("one", 0751);
	fill("later", 0, 5000);
	leave_branch(id);
	id = enter_branch("main", "third");
	fill("large", 4096, 4096);
	rename_of("d/sub", "moved");
	leave_branch(id);
}

/* Branches, one in another, with a checkpoint; and one that has ended. */
static void make_layers(void)
{
	u64 id;

	format_branching(at("l"));
	join(at("l"), 0);
	fill_main();
	id = enter_branch("main", "work");
	fill("three", 2 * 4096, 50);
	make("w", S_IFDIR | 0755, NULL);
	fill("w/new", 0, 7000);
	unlink_of("by", 0);
	MUST(daxfs_branch_checkpoint(the_cx, id, "point"));
	fill("w/new", 4096, 10);
	rename_of("later", "w/later");
	hard_link("one", "w/one");
	MUST(daxfs_branch_leave(the_cx));
	enter_branch("work", "try");
	fill("w/tried", 0, 3000);
	chmod_of("d/file", 0600);
	unlink_of("w/one", 0);
	MUST(daxfs_branch_leave(the_cx));
	enter_branch("main", "other");
	fill("d/other", 0, 6000);
	fill("large", 0, 8);
	rename_of("moved", "d/sub");
	MUST(daxfs_branch_leave(the_cx));
	id = enter_branch("main", "over");
	fill("nothing", 0, 9000);
	MUST(daxfs_branch_abort(the_cx, id));
	daxfs_branch_leave(the_cx);
	/* Its layer is dropped, not more. */
	MUST(daxfs_tidy(the_cx));
	part();
}

/* ---- a region in split mode ---- */

/* All content is in the cache, but for what is written over. */
static void make_split(void)
{
	shell("mkdir -p %s/split/d", dir);
	shell("cd %s/split && for i in 1 2 3 4 5 6; do head -c $((i * 5000)) /dev/zero | "
	      "tr '\\0' $i >f$i; cp f$i d/g$i; done", dir);
	shell("%s/mkdaxfs -q -B 512 -s " REGION_SIZE " -O 4M -d %s/split -r %s -o %s/back "
	      "-C 64", build, dir, at("s"), dir);
	join(at("s"), 0);
	fill("new", 0, 5000);
	unlink_of("d/g1", 0);
	rename_of("d/g2", "moved");
	part();
}

/* ---- the tree as text ---- */

struct text {
	char *s;
	size_t len;
};

static void text_add(struct text *t, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(t->s + t->len, TEXT_MAX - t->len, fmt, ap);
	va_end(ap);
	t->len += (size_t)n;
	if (t->len >= TEXT_MAX)
		give_up("a tree is too large");
}

static u64 content_hash(u64 ino)
{
	struct daxfs_held held = { .file = { .ino = ino } };
	u64 h = 0xcbf29ce484222325ull, off = 0;
	u8 buf[4096];
	s64 n, i;

	while ((n = daxfs_mount_read(mnt, the_cx, &held, off, buf, sizeof(buf))) > 0) {
		for (i = 0; i < n; i++)
			h = (h ^ buf[i]) * 0x100000001b3ull;
		off += (u64)n;
	}
	return n ? 0 : h ^ off;
}

static u64 xattr_hash(u64 ino)
{
	static char names[4096], value[65536];
	s64 len = daxfs_listxattr(the_cx, ino, names, sizeof(names), 1), n, i;
	u64 h = 0xcbf29ce484222325ull;

	for (char *p = names; p < names + len; p += strlen(p) + 1) {
		n = daxfs_getxattr(the_cx, ino, p, (u32)strlen(p), value,
				   sizeof(value));
		for (i = 0; i < n; i++)
			h = (h ^ (u8)value[i]) * 0x100000001b3ull;
	}
	return len < 0 ? 0 : h;
}

struct walk {
	struct text *t;
	const char *path;
	u32 depth;
};

static int walk_one(void *arg, const struct daxfs_dirent *de)
{
	struct walk *w = arg, down = { .t = w->t, .depth = w->depth + 1 };
	struct daxfs_stat st;
	char path[1024], target[256];
	s64 n;

	if (de->name[0] == '.' || w->depth > 8)
		return 0;
	snprintf(path, sizeof(path), "%s%s", w->path, de->name);
	if (daxfs_getattr(the_cx, de->ino, &st))
		return 0;
	text_add(w->t, "%s %o %llx", path, st.mode,
		 (unsigned long long)xattr_hash(de->ino));
	if (S_ISREG(st.mode)) {
		text_add(w->t, " %llu %llx", (unsigned long long)st.size,
			 (unsigned long long)content_hash(de->ino));
	} else if (S_ISLNK(st.mode)) {
		n = daxfs_readlink(the_cx, de->ino, target, sizeof(target));
		text_add(w->t, " %.*s", n > 0 ? (int)n : 0, target);
	}
	text_add(w->t, "\n");
	if (!S_ISDIR(st.mode))
		return 0;
	strcat(path, "/");
	down.path = path;
	daxfs_readdir(the_cx, de->ino, 0, walk_one, &down);
	return 0;
}

static void dump_view(struct text *t, const char *name)
{
	struct walk w = { t, name, 0 };

	if (daxfs_enter(the_cx))
		return;
	daxfs_readdir(the_cx, DAXFS_ROOT_INO, 0, walk_one, &w);
	daxfs_leave(the_cx);
}

/* main, and each branch under its name. */
static void dump(struct text *t)
{
	struct daxfs_branch_info info;
	char name[80];
	int r = 0;

	t->s[t->len = 0] = 0;
	dump_view(t, "");
	for (u32 i = 0; daxfs_is_branching(the_rg) && r != -ERANGE; i++) {
		r = daxfs_branch_info(the_cx, i, &info);
		if (r || info.state == DAXFS_BRANCH_STALE)
			continue;
		snprintf(name, sizeof(name), "%s:", info.name);
		a64_store_relaxed(&the_rg->view, info.id);
		dump_view(t, name);
		a64_store_relaxed(&the_rg->view, 0);
	}
}

static void dump_of(const char *path, struct text *t)
{
	char backing[96], why[256];

	join(path, DAXFS_OPEN_RDONLY | DAXFS_OPEN_NOHOST);
	snprintf(backing, sizeof(backing), "%s/back", dir);
	/* One that is refused is missing: then so is the content. */
	if (daxfs_is_split(the_rg))
		daxfs_mount_backing(mnt, backing, why, sizeof(why));
	dump(t);
	part();
}

/* Does the line begin with that path, or is it of a file of that name? */
static int may_be_lost(const char *line, const char *loses)
{
	char below[128];

	if (!loses)
		return 0;
	if (!*loses)
		return 1;
	snprintf(below, sizeof(below), "/%s", loses);
	return !strncmp(line, loses, strlen(loses)) || strstr(line, below);
}

/*
 * The first line of a that b has not, unless it may be lost; NULL: none. What
 * has only lost its name is to be found under another, unless it is empty.
 */
static const char *lost_line(const struct text *a, const struct text *b,
			     const struct damage *d)
{
	static char line[1200];
	const char *p = a->s;

	while (*p) {
		size_t len = strcspn(p, "\n");

		snprintf(line, sizeof(line), "%.*s\n", (int)len, p);
		p += len + 1;
		if (strstr(b->s, line))
			continue;
		if (!may_be_lost(line, d->loses))
			return line;
		if (!strncmp(d->what, "name", 4) && !strstr(line, " 0 ") &&
		    !strstr(b->s, strchr(line, ' ')))
			return line;
	}
	return NULL;
}

/* ---- fsck.daxfs ---- */

static int fsck(const char *option, const char *path)
{
	char cmd[512];
	size_t n;
	FILE *f;
	int status;

	snprintf(cmd, sizeof(cmd), "timeout 60 %s/fsck.daxfs %s %s 2>&1", build,
		 option, path);
	f = popen(cmd, "r");
	if (!f)
		give_up("cannot run fsck.daxfs");
	n = fread(said, 1, sizeof(said) - 1, f);
	said[n] = 0;
	status = pclose(f);
	if (verbose)
		printf("# %s -> %d\n%s", option, WEXITSTATUS(status), said);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

static int fsck_named(const char *path, const char *where)
{
	char start[256];

	if (!strcmp(where, "super"))
		return strstr(said, "superblock") != NULL;
	snprintf(start, sizeof(start), "%s: %s ", path, where);
	return strstr(said, start) != NULL;
}

static void verdict(const char *what, const char *why)
{
	char *p = said;
	u32 lines = 0;

	if (!why) {
		passed++;
		printf("ok %s\n", what);
		return;
	}
	failed++;
	printf("not ok %s: %s\n", what, why);
	for (; *p && lines < 14; lines++) {
		size_t len = strcspn(p, "\n");

		printf("  # %.*s\n", (int)len, p);
		p += len + (p[len] != 0);
	}
}

static void copy_region(const char *from, const char *to)
{
	shell("cp --sparse=always %s %s", from, to);
}

static void copy_bytes(const struct damage *d, int fd, u64 to, u64 from)
{
	u8 buf[4096];

	if (d->value > sizeof(buf) || !to ||
	    pread(fd, buf, d->value, (off_t)from) != (ssize_t)d->value ||
	    pwrite(fd, buf, d->value, (off_t)to) != (ssize_t)d->value)
		give_up("%s: cannot copy", d->what);
}

static void change(const struct damage *d, const char *path)
{
	u64 off, value = d->value, v = 0;
	size_t len = d->how == BYTE ? 1 :
		     d->how == SET32 || d->how == XOR32 ? 4 : 8;
	int fd = open(path, O_RDWR | O_CLOEXEC);

	join(path, DAXFS_OPEN_RDONLY | DAXFS_OPEN_NOHOST);
	off = d->at(d->path, d->n);
	if (d->from)
		value = d->from(d->from_path, d->from_n);
	part();
	if (d->how == COPY) {
		copy_bytes(d, fd, off, value);
		close(fd);
		return;
	}
	if (!off || pread(fd, &v, len, (off_t)off) != (ssize_t)len)
		give_up("%s: no such place", d->what);
	value = d->how == XOR || d->how == XOR32 ? v ^ value : value;
	if (!memcmp(&value, &v, len))
		give_up("%s: it is so already", d->what);
	if (pwrite(fd, &value, len, (off_t)off) != (ssize_t)len)
		give_up("%s: cannot change it", d->what);
	close(fd);
}

static const char *check_unseen(const char *path)
{
	return fsck("-n", path) ? "fsck -n says that it is damage" : NULL;
}

static const char *check_found(const struct damage *d, const char *path,
			       const struct text *before, struct text *after)
{
	static char why[1400];
	int r = fsck("-n", path);
	const char *lost;

	if (r != 4)
		return "fsck -n does not end with 4";
	if (!fsck_named(path, d->where))
		return "fsck -n does not name the place";
	r = fsck(d->expect == SAFELY ? "-p" : "-y", path);
	if (d->expect == REFUSED)
		return r & 8 ? NULL : "fsck -y does not end with 8";
	if (d->expect == LEFT && !(r & 4))
		return "fsck -y does not end with 4";
	if (d->expect != LEFT && r != 1)
		return "fsck -y does not end with 1";
	r = fsck("-n", path);
	if (r != (d->expect == LEFT ? 4 : 0))
		return "a second fsck -n does not agree";
	if (!strcmp(d->where, "super"))
		return NULL;	/* nothing can look behind it */
	dump_of(path, after);
	lost = lost_line(before, after, d);
	if (!lost)
		return NULL;
	snprintf(why, sizeof(why), "lost: %s", lost);
	return why;
}

static void run_case(const struct damage *d, const struct text *before)
{
	static char text[TEXT_MAX];
	struct text after = { text, 0 };
	const char *path = at("r");
	char name[2] = { d->image, 0 };

	copy_region(at(name), path);
	change(d, path);
	verdict(d->what, d->expect == UNSEEN ? check_unseen(path) :
		check_found(d, path, before, &after));
}

static void run_cases(const char *only)
{
	static const char images[] = "ebls";
	static char text[4][TEXT_MAX];
	struct text before[4];
	u32 i;

	for (i = 0; i < 4; i++) {
		char name[2] = { images[i], 0 };

		before[i] = (struct text){ text[i], 0 };
		dump_of(at(name), &before[i]);
	}
	for (i = 0; i < damages_nr; i++)
		if (!only || strstr(damages[i].what, only))
			run_case(&damages[i],
				 &before[strchr(images, damages[i].image) - images]);
}

/* ---- any word ---- */

static u64 seed = 1;

static u64 random_u64(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

/* A page of the region that is not empty, behind the superblock. */
static u64 used_word(int fd, u64 len)
{
	u8 buf[4096];

	for (;;) {
		u64 at_page = 4096 + random_u64() % (len / 4096 - 1) * 4096, i;

		if (pread(fd, buf, sizeof(buf), (off_t)at_page) != sizeof(buf))
			give_up("cannot read a region");
		for (i = 0; i < sizeof(buf) && !buf[i]; i++)
			;
		if (i == sizeof(buf))
			continue;
		/* words that hold something, mostly */
		i = random_u64() % 8 ? i / 8 + random_u64() % 16 :
		    random_u64() % 512;
		return at_page + i % 512 * 8;
	}
}

static u64 random_value(u64 v)
{
	switch (random_u64() % 4) {
	case 0:
		return 0;
	case 1:
		return random_u64();
	default:
		return v ^ 1ull << random_u64() % 64;
	}
}

/* Some words anywhere: no crash, and what -y says of the rest is true. */
static void run_random(u32 nr)
{
	const char *path = at("r");
	char what[96], why[96];
	u64 first = seed, v, off = 0, len;
	u32 words = 1 + (u32)(random_u64() % 4), i;
	int fd, n, y, again;

	copy_region(at(nr % 4 == 3 ? "s" : nr % 4 == 1 ? "e" : nr % 4 ? "l" : "b"), path);
	fd = open(path, O_RDWR | O_CLOEXEC);
	len = (u64)lseek(fd, 0, SEEK_END);
	for (i = 0; i < words; i++) {
		off = used_word(fd, len);
		if (pread(fd, &v, 8, (off_t)off) != 8)
			give_up("cannot read a region");
		v = random_value(v);
		if (pwrite(fd, &v, 8, (off_t)off) != 8)
			give_up("cannot change a region");
	}
	close(fd);
	n = fsck("-n", path);
	y = n & ~12 ? 128 : fsck("-y", path);
	again = y & ~13 ? 128 : fsck("-n", path);
	snprintf(what, sizeof(what), "%u words anywhere, seed %llu", words,
		 (unsigned long long)first);
	snprintf(why, sizeof(why), "-n %d, -y %d, -n %d", n, y, again);
	verdict(what, n & ~12 || y & ~13 || again & ~12 ||
		(again & 4) != (y & 4) ? why : NULL);
}

/* ---- a dead host ---- */

static const struct damage *case_of(const char *what)
{
	u32 i;

	for (i = 0; i < damages_nr; i++)
		if (!strcmp(damages[i].what, what))
			return &damages[i];
	give_up("no such case: %s", what);
}

/* fn as a host that dies of nothing that it could tidy up behind. */
static void die_in(const char *path, void (*fn)(void))
{
	pid_t pid = fork();

	if (pid < 0)
		give_up("cannot fork");
	if (!pid) {
		join(path, 0);
		fn();
		_exit(0);
	}
	waitpid(pid, NULL, 0);
}

static void open_and_unlink(const char *name)
{
	struct daxfs_file f;
	const char *last;
	u64 parent, ino = lookup(name, &parent, &last);

	MUST(daxfs_open(the_cx, ino, 0, &f));
	unlink_of(name, 0);
}

static void leave_open_file(void)
{
	fill("unlinked", 0, 9000);
	open_and_unlink("unlinked");
}

static void run_dead(void)
{
	char path[128];

	strcpy(path, at("r"));
	copy_region(at("e"), path);
	die_in(path, leave_open_file);
	verdict("a dead host with an unlinked open file is found",
		fsck("-n", path) == 4 && fsck_named(path, "host") ? NULL :
		"fsck -n does not say so");
	verdict("... and recovered", fsck("-p", path) == 1 ? NULL :
		"fsck -p does not end with 1");
	verdict("... and nothing is left of it", fsck("-n", path) ?
		"fsck -n is not content" : NULL);
	copy_region(at("e"), path);
	die_in(path, leave_open_file);
	change(case_of("table.next itself"), path);
	verdict("a dead host in a damaged region is recovered",
		fsck("-y", path) != 1 || fsck("-n", path) ?
		"fsck -y does not end with 1, or something is left" : NULL);
}

/* It shows a branch, and has files open that it removed, one of them of main. */
static void leave_open_files_of_branch(void)
{
	u64 id;

	MUST(daxfs_branch_find(the_cx, "other", &id));
	MUST(daxfs_branch_mount(the_cx, id));
	open_and_unlink("three");
	unlink_of("d/three", 0);
	leave_open_file();
}

static void run_dead_in_branch(void)
{
	char path[128];

	strcpy(path, at("r"));
	copy_region(at("l"), path);
	die_in(path, leave_open_files_of_branch);
	verdict("a dead host that shows a branch is found",
		fsck("-n", path) == 4 && fsck_named(path, "host") ? NULL :
		"fsck -n does not say so");
	verdict("... and recovered, and what has ended is taken away",
		fsck("-p", path) != 1 ? "fsck -p does not end with 1" :
		!strstr(said, "main and 3 branches; 0 have ended") ?
		"branches or layers are not what they should be" : NULL);
	verdict("... and nothing is left of it", fsck("-n", path) ?
		"fsck -n is not content" : NULL);
	copy_region(at("l"), path);
	verdict("what has ended is taken away where nothing is wrong",
		fsck("-p", path) ? "fsck -p does not end with 0" :
		!strstr(said, "; 0 have ended") ? "it is still there" : NULL);
}

/* Branches come, change, end and are merged, until somebody kills it. */
static void work_in_branches(const char *path, u64 first)
{
	char name[32];

	join(path, 0);
	for (u64 i = first; ; i++) {
		u64 id;

		snprintf(name, sizeof(name), "b%llu", (unsigned long long)i);
		id = enter_branch("main", name);
		fill("d/file", 4096 * (i % 3), 3000);
		snprintf(name, sizeof(name), "d/n%llu", (unsigned long long)i % 7);
		fill(name, 0, 5000);
		fill("large", 4096 * (i % 20), 8192);
		xattr_of("xs", 200 + i % 3 * 1000);
		MUST(daxfs_branch_checkpoint(the_cx, id, "point"));
		unlink_of(name, 0);
		if (i % 4)
			MUST(daxfs_branch_rollback(the_cx, id, "point"));
		if (i % 3)
			MUST(daxfs_branch_commit(the_cx, id, 0));
		else
			MUST(daxfs_branch_abort(the_cx, id));
		daxfs_branch_leave(the_cx);
		for (u32 k = 0; k < i % 9; k++)
			MUST(daxfs_tidy(the_cx));
	}
}

static const char *kill_worker(const char *path, u64 first)
{
	pid_t pid = fork();
	int r;

	if (pid < 0)
		give_up("cannot fork");
	if (!pid)
		work_in_branches(path, first);
	usleep((useconds_t)(3000 + random_u64() % 9000));
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	r = fsck("-n", path);
	if (r & ~4)
		return "fsck -n does not end with 0 or 4";
	if (fsck("-p", path) > 1)
		return "fsck -p does not end with 0 or 1";
	return fsck("-n", path) ? "fsck -n is not content" : NULL;
}

static void run_killed_in_branch(u32 times)
{
	const char *why = NULL;
	char path[128];

	strcpy(path, at("r"));
	copy_region(at("l"), path);
	for (u32 i = 0; i < times && !why; i++)
		why = kill_worker(path, i * 1000);
	verdict("who is killed in branches leaves what can be set right", why);
}

/* A process that has begun to leave, and is no more: state as daxfs_host_leave() has it. */
static void leave_half(const char *path)
{
	struct daxfs_a64 *state;
	u64 v;

	join(path, 0);
	state = &daxfs_host(the_rg, the_rg->host)->state;
	v = a64_load_relaxed(state);
	a64_store_release(state, host_make(DAXFS_H_RECOVERING, the_rg->host,
					   host_pid(v), host_incarnation(v)));
	_exit(0);
}

static void run_left_half(void)
{
	char path[128];
	pid_t pid;

	strcpy(path, at("r"));
	copy_region(at("e"), path);
	fflush(stdout);
	pid = fork();
	if (pid < 0)
		give_up("cannot fork");
	if (!pid)
		leave_half(path);
	waitpid(pid, NULL, 0);
	verdict("who ended as he left is recovered", fsck("-n", path) != 4 ||
		fsck("-y", path) != 1 || fsck("-n", path) ?
		"it is taken for a host that works" : NULL);
}

/* The new index is made in the reserve, or where the leaks were. */
static void run_full(void)
{
	struct daxfs_new what = { .mode = S_IFREG | 0600 };
	static u8 buf[64 << 10];
	struct daxfs_file f;
	struct daxfs_stat st;
	char path[128];
	u64 off = 0;
	s64 n;

	strcpy(path, at("r"));
	copy_region(at("e"), path);
	join(path, 0);
	MUST(daxfs_create(the_cx, DAXFS_ROOT_INO, "fill", 4, &what, &st));
	MUST(daxfs_open(the_cx, st.ino, 0, &f));
	while ((n = daxfs_write(the_cx, &f, off, buf, sizeof(buf))) > 0)
		off += (u64)n;
	MUST(daxfs_close(the_cx, st.ino));
	part();
	verdict("a full region is clean", n != -ENOSPC || fsck("-n", path) ?
		"fsck -n is not content" : NULL);
	change(case_of("table.size_shift"), path);
	verdict("... and can be corrected", fsck("-y", path) != 1 ||
		fsck("-n", path) ? "fsck -y does not end with 1, or something "
		"is left" : NULL);
}

static void kill_fsck(const char *path, u32 after_us)
{
	char program[256];
	pid_t pid;

	snprintf(program, sizeof(program), "%s/fsck.daxfs", build);
	fflush(stdout);
	pid = fork();
	if (pid < 0)
		give_up("cannot fork");
	if (!pid) {
		if (freopen("/dev/null", "w", stdout))
			execl(program, "fsck.daxfs", "-y", path, (char *)NULL);
		_exit(127);
	}
	usleep(after_us);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* Wherever it is cut off, another run ends the work. */
static void run_killed(void)
{
	static const char *const cases[] = {
		"table.size_shift", "the root's cell", "name.key",
		"inode.map another file's", "page info of names FREE",
		"base: a moved directory's name lost",
	};
	char path[128];
	u32 i, bad = 0;

	strcpy(path, at("r"));
	for (i = 0; i < 6 * 4; i++) {
		const struct damage *d = case_of(cases[i % 6]);

		copy_region(at(d->image == 'b' ? "b" : "e"), path);
		change(d, path);
		kill_fsck(path, (u32)(random_u64() % 8000));
		if (fsck("-y", path) > 1 || fsck("-n", path)) {
			bad++;
			break;
		}
	}
	verdict("a correction that was cut off is finished by the next",
		bad ? "something is left" : NULL);
}

static void run_beside(void)
{
	const char *path = at("r");

	copy_region(at("e"), path);
	join(path, 0);
	verdict("beside a host nothing is corrected", fsck("-y", path) != 8 ?
		"fsck -y does not refuse" : !strstr(said, "in use") ?
		"fsck -y does not say why" : NULL);
	verdict("... and a check says so", fsck("-n", path) != 0 ?
		"fsck -n is not content" : !strstr(said, "not counted") ?
		"fsck -n does not say so" : NULL);
	part();
	verdict("... and all is clean behind it", fsck("-n", path) ?
		"fsck -n is not content" : NULL);
}

static void run_clean(void)
{
	verdict("a region filled from empty is clean", fsck("-n", at("e")) ?
		"fsck -n is not content" : NULL);
	verdict("a region with branches is clean", fsck("-n", at("l")) ?
		"fsck -n is not content" : !strstr(said, "by main and 3 branches") ?
		"fsck -n does not see three branches" : !strstr(said, "; 1 have ended") ?
		"fsck -n does not see that one has ended" : NULL);
	verdict("a region in split mode is clean", fsck("-n", at("s")) ?
		"fsck -n is not content" : NULL);
	verdict("a region on a base image is clean", fsck("-n", at("b")) ?
		"fsck -n is not content" : NULL);
}

int main(int argc, char **argv)
{
	const char *only = NULL;
	u32 random_runs = 0;
	int i;

	build = getenv("BUILD");
	if (!build)
		give_up("BUILD names the folder with the programs");
	for (i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "-v"))
			verbose = 1;
		else if (!strncmp(argv[i], "-r", 2))
			random_runs = (u32)strtoul(argv[i] + 2, NULL, 0);
		else if (!strncmp(argv[i], "-s", 2))
			seed = strtoull(argv[i] + 2, NULL, 0);
		else
			only = argv[i];
	}
	owner = getpid();
	strcpy(dir, "/dev/shm/daxfs-damage.XXXXXX");
	if (!mkdtemp(dir))
		give_up("/dev/shm: %s", strerror(errno));
	atexit(clean_up);
	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
	signal(SIGHUP, on_signal);
	setvbuf(stdout, NULL, _IOLBF, 0);
	make_empty();
	make_based();
	make_layers();
	make_split();
	run_clean();
	if (!only) {
		run_dead();
		run_dead_in_branch();
		run_killed_in_branch(getenv("KILLS") ? (u32)atoi(getenv("KILLS")) : 20);
		run_beside();
		run_killed();
		run_left_half();
		run_full();
	}
	run_cases(only);
	for (i = 0; i < (int)random_runs; i++)
		run_random((u32)i);
	printf("%u passed, %u failed, 0 skipped\n", passed, failed);
	return failed != 0;
}
