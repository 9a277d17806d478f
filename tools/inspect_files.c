// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * daxfs-inspect ls and cat: read a tree without mounting it.
 *
 * Notes: on a region with an overlay the tool joins as a host, so that memory
 * which it looks at is not reused meanwhile, and leaves at the end, also on
 * Ctrl-C. Who may only read the region file cannot join: then it says that
 * the content may change underneath, and goes on. Permissions are not
 * checked: who can open the region can read all of it.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "content.h"
#include "inspect.h"

#define MAX_LINKS	40	/* as the kernel: then -ELOOP */
#define CAT_BLOCK	(1u << 20)
#define LIST_BATCH	256	/* names per section */

static volatile sig_atomic_t stop;

static void on_signal(int sig)
{
	stop = sig;
}

/* Also of a closed pipe: the host must leave before the process ends. */
static void catch_signals(void)
{
	static const int sigs[] = { SIGINT, SIGTERM, SIGHUP, SIGPIPE };
	struct sigaction sa = { .sa_handler = on_signal };
	size_t i;

	for (i = 0; i < sizeof(sigs) / sizeof(sigs[0]); i++)
		sigaction(sigs[i], &sa, NULL);
}

struct reader {
	struct daxfs_mount *m;
	struct daxfs_cx *cx;
	int joined;
	const struct inspect *in;
};

static int reader_open(struct reader *rd, const struct inspect *in)
{
	char why[512] = "";
	u32 flags = DAXFS_OPEN_RDONLY;
	int r;

	rd->in = in;
	catch_signals();
	if (strncmp(in->region, "phys:", 5) && access(in->region, W_OK) &&
	    (errno == EACCES || errno == EROFS))
		flags |= DAXFS_OPEN_NOHOST;
	r = daxfs_mount_open(&rd->m, in->region, flags, DAXFS_HOST_TOOL, why,
			     sizeof(why));
	/* A mount may give its memory for reading only; no name tells before. */
	if (r == -EACCES && !strncmp(in->region, "mount:", 6)) {
		flags |= DAXFS_OPEN_NOHOST;
		r = daxfs_mount_open(&rd->m, in->region, flags, DAXFS_HOST_TOOL,
				     why, sizeof(why));
	}
	if (r) {
		if (why[0])
			daxfs_tool_error("%s", why);
		else
			daxfs_tool_error("%s: %s", in->region, strerror(-r));
		return INSPECT_FAILED;
	}
	rd->joined = daxfs_mount_region(rd->m)->joined;
	if ((flags & DAXFS_OPEN_NOHOST) &&
	    daxfs_has_overlay(daxfs_mount_region(rd->m)))
		daxfs_tool_error("%s: not writable for you, so it is read "
				 "without being a host: what others change "
				 "meanwhile may show torn", in->region);
	rd->cx = daxfs_cx_get(rd->m);
	return INSPECT_OK;
}

static void say(void *arg, const char *text)
{
	daxfs_tool_error("%s: %s", ((const struct inspect *)arg)->region, text);
}

/* Content that is in no region: of the file that was named, or of other hosts. */
static int reader_backing(struct reader *rd)
{
	const struct inspect *in = rd->in;
	char why[512] = "";

	daxfs_mount_on_message(rd->m, say, (void *)(uintptr_t)in);
	if (!in->backing ||
	    !daxfs_mount_backing(rd->m, in->backing, why, sizeof(why)))
		return INSPECT_OK;
	daxfs_tool_error("%s", why);
	return INSPECT_FAILED;
}

static int reader_close(struct reader *rd, int status)
{
	daxfs_cx_put(rd->m, rd->cx);
	daxfs_mount_close(rd->m);
	if (stop) {
		signal(stop, SIG_DFL);
		raise(stop);
	}
	return status;
}

/* Say what went wrong with a path in the region. */
static int complain(const struct reader *rd, const char *path, s64 r)
{
	r = daxfs_mount_result(rd->m, r);
	if (r == -EUCLEAN)
		daxfs_tool_error("%s: %s: the region is damaged here; "
				 "fsck.daxfs says more", rd->in->region, path);
	else
		daxfs_tool_error("%s: %s: %s", rd->in->region, path,
				 strerror((int)-r));
	return INSPECT_FAILED;
}

/* ---- paths ---- */

struct walk {
	char *rest;		/* what is still to go, allocated */
	u64 dir;
	int links;
};

/* Put the target of a symbolic link before what is left of the path. */
static int follow(struct reader *rd, struct walk *w, const char *rest, u64 ino)
{
	char target[DAXFS_TARGET_MAX + 1], *joined = NULL;
	s64 n;

	if (++w->links > MAX_LINKS)
		return -ELOOP;
	n = daxfs_readlink(rd->cx, ino, target, DAXFS_TARGET_MAX);
	if (n < 0)
		return (int)n;
	target[n] = 0;
	if (asprintf(&joined, "%s%s", target, rest) < 0)
		return -ENOMEM;
	if (target[0] == '/')
		w->dir = DAXFS_ROOT_INO;
	free(w->rest);
	w->rest = joined;
	return 0;
}

/* One component; returns 1 while there is more. */
static int step(struct reader *rd, struct walk *w, int nofollow,
		struct daxfs_stat *st)
{
	char *name = w->rest + strspn(w->rest, "/");
	size_t len = strcspn(name, "/");
	const char *rest = name + len;
	int last = !rest[strspn(rest, "/")];
	int r;

	if (!len)
		return daxfs_getattr(rd->cx, w->dir, st);
	r = daxfs_lookup(rd->cx, w->dir, name, (u32)len, st);
	if (r)
		return r;
	if (S_ISLNK(st->mode) && !(last && nofollow && !*rest)) {
		r = follow(rd, w, rest, st->ino);
		return r ? r : 1;
	}
	if (last && !*rest)
		return 0;
	if (!S_ISDIR(st->mode))
		return -ENOTDIR;
	w->dir = st->ino;
	memmove(w->rest, rest, strlen(rest) + 1);
	return 1;
}

static int resolve(struct reader *rd, const char *path, int nofollow,
		   struct daxfs_stat *st)
{
	struct walk w = { .rest = strdup(path), .dir = DAXFS_ROOT_INO };
	int r = w.rest ? 1 : -ENOMEM;

	while (r == 1)
		r = step(rd, &w, nofollow, st);
	free(w.rest);
	return r;
}

/* ---- cat ---- */

static int write_all(const char *buf, size_t len)
{
	ssize_t n;

	while (len) {
		n = write(STDOUT_FILENO, buf, len);
		if (n < 0 && errno == EINTR && !stop)
			continue;
		if (n < 0)
			return -errno;
		buf += n;
		len -= (size_t)n;
	}
	return 0;
}

static int copy_out(struct reader *rd, struct daxfs_held *held)
{
	char *buf = malloc(CAT_BLOCK);
	u64 off = 0;
	int status = INSPECT_OK, w;
	s64 n;

	if (!buf)
		return complain(rd, rd->in->path, -ENOMEM);
	do {
		n = daxfs_mount_read(rd->m, rd->cx, held, off, buf, CAT_BLOCK);
		n = daxfs_mount_result(rd->m, n);
		if (n < 0) {
			status = complain(rd, rd->in->path, n);
			break;
		}
		w = write_all(buf, (size_t)n);
		if (w) {
			if (!stop)
				daxfs_tool_error("standard output: %s",
						 strerror(-w));
			status = INSPECT_FAILED;
			break;
		}
		off += (u64)n;
	} while (n && !stop);
	free(buf);
	return status;
}

static int cat_inode(struct reader *rd, u64 ino)
{
	struct daxfs_held alone = { .file = { .ino = ino } };
	struct daxfs_held *held;
	int status, r;

	if (!rd->joined)
		return copy_out(rd, &alone);
	r = daxfs_hold(rd->m, rd->cx, ino, &held);
	if (r)
		return complain(rd, rd->in->path, r);
	status = copy_out(rd, held);
	daxfs_unhold(rd->m, rd->cx, held);
	return status;
}

int inspect_cat(const struct inspect *in)
{
	struct daxfs_stat st;
	struct reader rd;
	int r, status = reader_open(&rd, in);

	if (status)
		return status;
	if (reader_backing(&rd))
		return reader_close(&rd, INSPECT_FAILED);
	r = resolve(&rd, in->path, 0, &st);
	if (!r && S_ISDIR(st.mode))
		r = -EISDIR;
	else if (!r && !S_ISREG(st.mode))
		r = -EINVAL;
	status = r ? complain(&rd, in->path, r) : cat_inode(&rd, st.ino);
	return reader_close(&rd, status);
}

/* ---- ls ---- */

struct name {
	char *text;
	u64 ino;
};

struct listing {
	struct name *name;
	size_t nr, room;
	u64 cookie;		/* behind the last name taken */
	u32 batch;
	int error;
};

static int take_name(void *arg, const struct daxfs_dirent *de)
{
	struct listing *ls = arg;

	if (ls->batch == LIST_BATCH)
		return 1;
	ls->batch++;
	ls->cookie = de->next;
	if (!strcmp(de->name, ".") || !strcmp(de->name, ".."))
		return 0;
	if (ls->nr == ls->room) {
		size_t room = ls->room ? ls->room * 2 : 256;
		struct name *more = reallocarray(ls->name, room, sizeof(*more));

		if (!more) {
			ls->error = -ENOMEM;
			return 1;
		}
		ls->name = more;
		ls->room = room;
	}
	ls->name[ls->nr].text = strdup(de->name);
	ls->name[ls->nr].ino = de->ino;
	if (!ls->name[ls->nr].text)
		ls->error = -ENOMEM;
	else
		ls->nr++;
	return ls->error;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct name *)a)->text,
		      ((const struct name *)b)->text);
}

static void listing_free(struct listing *ls)
{
	while (ls->nr)
		free(ls->name[--ls->nr].text);
	free(ls->name);
}

/* All names, sorted; in batches, so that no section lasts long. */
static int list_names(struct reader *rd, u64 dir, struct listing *ls)
{
	int r;

	do {
		ls->batch = 0;
		r = daxfs_readdir(rd->cx, dir, ls->cookie, take_name, ls);
		r = (int)daxfs_mount_result(rd->m, r);
		if (!r || r > 0)
			r = ls->error;
	} while (!r && ls->batch && !stop);
	if (!r && ls->nr)
		qsort(ls->name, ls->nr, sizeof(*ls->name), by_name);
	return r;
}

static char type_char(u32 mode)
{
	switch (mode & S_IFMT) {
	case S_IFDIR:
		return 'd';
	case S_IFLNK:
		return 'l';
	case S_IFIFO:
		return 'p';
	case S_IFSOCK:
		return 's';
	case S_IFCHR:
		return 'c';
	case S_IFBLK:
		return 'b';
	default:
		return '-';
	}
}

static void mode_text(u32 mode, char out[11])
{
	static const char rwx[] = "rwxrwxrwx";
	int i;

	out[0] = type_char(mode);
	for (i = 0; i < 9; i++)
		out[i + 1] = mode & (0400u >> i) ? rwx[i] : '-';
	if (mode & S_ISUID)
		out[3] = mode & 0100 ? 's' : 'S';
	if (mode & S_ISGID)
		out[6] = mode & 0010 ? 's' : 'S';
	if (mode & S_ISVTX)
		out[9] = mode & 0001 ? 't' : 'T';
	out[10] = 0;
}

/* Names may hold anything but NUL and '/': a terminal gets what prints. */
static void print_name(const char *name)
{
	char clean[DAXFS_TARGET_MAX + 1];

	if (isatty(STDOUT_FILENO)) {
		inspect_printable(clean, name, strnlen(name, DAXFS_TARGET_MAX));
		name = clean;
	}
	fputs(name, stdout);
}

static int link_target(struct reader *rd, u64 ino,
		       char target[DAXFS_TARGET_MAX + 1])
{
	s64 n = daxfs_readlink(rd->cx, ino, target, DAXFS_TARGET_MAX);

	target[n < 0 ? 0 : n] = 0;
	return n < 0 ? (int)n : 0;
}

static void print_details(const struct daxfs_stat *st)
{
	s64 sec = (s64)st->mtime_ns / 1000000000;
	char mode[11], when[32] = "?";
	time_t t = (time_t)((s64)st->mtime_ns % 1000000000 < 0 ? sec - 1 : sec);
	struct tm tm;

	mode_text(st->mode, mode);
	if (gmtime_r(&t, &tm))
		strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S", &tm);
	printf("%s %4u %6u %6u ", mode, st->nlink, st->uid, st->gid);
	if (S_ISCHR(st->mode) || S_ISBLK(st->mode))
		printf("%7u,%4u", (st->rdev >> 8) & 0xfff,
		       (st->rdev & 0xff) | ((st->rdev >> 12) & 0xfff00));
	else
		printf("%12ju", (uintmax_t)st->size);
	printf(" %s ", when);
}

static int print_entry(struct reader *rd, const char *name,
		       const struct daxfs_stat *st)
{
	char target[DAXFS_TARGET_MAX + 1];
	int r = 0;

	if (rd->in->details)
		print_details(st);
	print_name(name);
	if (rd->in->details && S_ISLNK(st->mode)) {
		r = link_target(rd, st->ino, target);
		fputs(" -> ", stdout);
		print_name(target);
	}
	putchar('\n');
	return r;
}

static struct json_object *json_entry(struct reader *rd, const char *path,
				      const struct daxfs_stat *st)
{
	static const char *const types[] = { "fifo", "char", "directory",
					     "block", "file", "symlink",
					     "socket" };
	struct json_object *o = json_object_new_object();
	char target[DAXFS_TARGET_MAX + 1], mode[8];
	u32 type = (st->mode & S_IFMT) >> 12;

	snprintf(mode, sizeof(mode), "%04o", st->mode & 07777);
	json_object_object_add(o, "path", inspect_json_bytes(path, strlen(path)));
	if (!inspect_is_utf8(path, strlen(path)))
		json_object_object_add(o, "path_is_exact",
				       json_object_new_boolean(0));
	json_object_object_add(o, "ino", json_object_new_uint64(st->ino));
	json_object_object_add(o, "type", json_object_new_string(
			       type == 1 ? types[0] : types[type / 2]));
	json_object_object_add(o, "mode", json_object_new_string(mode));
	json_object_object_add(o, "nlink", json_object_new_int64(st->nlink));
	json_object_object_add(o, "uid", json_object_new_int64(st->uid));
	json_object_object_add(o, "gid", json_object_new_int64(st->gid));
	json_object_object_add(o, "size", json_object_new_uint64(st->size));
	json_object_object_add(o, "mtime_ns",
			       json_object_new_int64((s64)st->mtime_ns));
	if (S_ISLNK(st->mode) && !link_target(rd, st->ino, target))
		json_object_object_add(o, "target",
				       inspect_json_bytes(target, strlen(target)));
	return o;
}

struct ls {
	struct reader *rd;
	struct json_object *list;	/* --json */
	int status;
	int depth;
	int blocks;			/* directories printed so far */
};

static int list_dir(struct ls *ls, const char *path, u64 ino);

static void show(struct ls *ls, const char *path, const char *name,
		 const struct daxfs_stat *st)
{
	int r;

	if (ls->list) {
		json_object_array_add(ls->list, json_entry(ls->rd, path, st));
		return;
	}
	r = print_entry(ls->rd, name, st);
	if (r)
		ls->status = complain(ls->rd, path, r);
}

static char *join_path(const char *dir, const char *name)
{
	char *path;
	size_t n = strlen(dir);

	while (n && dir[n - 1] == '/')
		n--;
	return asprintf(&path, "%.*s/%s", (int)n, dir, name) < 0 ? NULL : path;
}

static void show_child(struct ls *ls, const char *dir, struct name *name)
{
	char *path = join_path(dir, name->text);
	struct daxfs_stat st;
	int r = path ? daxfs_getattr(ls->rd->cx, name->ino, &st) : -ENOMEM;

	/* Deleted since it was listed. */
	if (r == -ENOENT)
		name->ino = 0;
	else if (r)
		ls->status = complain(ls->rd, path ? path : dir, r);
	else
		show(ls, path, name->text, &st);
	if (r || !S_ISDIR(st.mode))
		name->ino = 0;
	free(path);
}

static void descend(struct ls *ls, const char *dir, const struct name *name)
{
	char *path = join_path(dir, name->text);

	if (!path)
		ls->status = complain(ls->rd, dir, -ENOMEM);
	else
		list_dir(ls, path, name->ino);
	free(path);
}

/* A damaged region may hold a cycle: no deeper than a path can name. */
#define MAX_DEPTH	2048

static int list_dir(struct ls *ls, const char *path, u64 ino)
{
	struct listing names = { 0 };
	size_t i;
	int r = ls->depth < MAX_DEPTH ? 0 : -ELOOP;

	if (!r)
		r = list_names(ls->rd, ino, &names);
	if (r)
		ls->status = complain(ls->rd, path, r);
	if (ls->rd->in->recursive && !ls->list)
		printf("%s%s:\n", ls->blocks++ ? "\n" : "", path);
	for (i = 0; i < names.nr && !stop; i++)
		show_child(ls, path, &names.name[i]);
	ls->depth++;
	for (i = 0; i < names.nr && ls->rd->in->recursive && !stop; i++) {
		if (names.name[i].ino)
			descend(ls, path, &names.name[i]);
	}
	ls->depth--;
	listing_free(&names);
	return ls->status;
}

int inspect_ls(const struct inspect *in)
{
	const char *path = in->path ? in->path : "/";
	struct daxfs_stat st;
	struct reader rd;
	struct ls ls = { .rd = &rd };
	int r, status = reader_open(&rd, in);

	if (status)
		return status;
	if (in->json)
		ls.list = json_object_new_array();
	r = resolve(&rd, path, 1, &st);
	if (r)
		ls.status = complain(&rd, path, r);
	else if (S_ISDIR(st.mode))
		list_dir(&ls, path, st.ino);
	else
		show(&ls, path, path, &st);
	if (ls.list && !r)
		inspect_json_print(ls.list);
	else if (ls.list)
		json_object_put(ls.list);
	return reader_close(&rd, ls.status);
}
