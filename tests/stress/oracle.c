/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Random system calls in a directory of one's own, and what must be there.
 *
 * Notes: nobody else works in that directory, so each result is known before,
 * but for the errors of a mount whose server has died. Names have lengths
 * around the sizes of directory cells; the window of some files lies over the
 * boundary of a 2 MiB chunk. See oracle.h.
 */
#define _GNU_SOURCE
#include "oracle.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/mman.h>

#define DIRS		6u
#define HELD		3u
#define FAR		(2 * MIB - ORACLE_WINDOW / 2)
#define LINK_LEN	200u
#define PATH_LEN	(DIRS * (DAXFS_NAME_MAX + 1) + PATH_MAX)

static struct {
	u32 obj;
	int fd;
} held[HELD];			/* obj 0: none */

u64 *oracle_stale;

static char names[ORACLE_NAMES][DAXFS_NAME_MAX + 1];
static char why[1024];		/* what compare() found */

/* ---- states ---- */

static struct oracle_obj *now(struct oracle *o, u32 n)
{
	return &o->now.o[n];
}

static struct oracle_obj *next(struct oracle *o, u32 n)
{
	return &o->next.o[n];
}

/* In each process that begins. */
static void names_init(void)
{
	static const u32 len[ORACLE_NAMES] = { 1, 8, 15, 16, 80, 255 };
	u32 i;

	for (i = 0; i < ORACLE_NAMES && !names[i][0]; i++) {
		memset(names[i], 'a' + (int)i, len[i]);
		names[i][len[i]] = 0;
	}
}

void oracle_init(struct oracle *o)
{
	memset(&o->now, 0, sizeof(o->now));
	o->pending = 0;
	now(o, 0)->type = ORACLE_DIR;
	now(o, 0)->nlink = 1;
	now(o, 0)->mode = 0755;
}

static u32 count_type(const struct oracle_state *s, u32 type)
{
	u32 n, nr = 0;

	for (n = 0; n < ORACLE_OBJS; n++)
		nr += s->o[n].type == type;
	return nr;
}

static u32 free_obj(const struct oracle_state *s)
{
	u32 n;

	for (n = 1; n < ORACLE_OBJS; n++) {
		if (!s->o[n].type)
			return n;
	}
	return 0;
}

/* An object of that type, or 0 (which is a directory all the same). */
static u32 some_obj(struct oracle *o, u32 type)
{
	u32 tries, n;

	for (tries = 0; tries < 60; tries++) {
		n = (u32)below(ORACLE_OBJS);
		if (now(o, n)->type == type &&
		    (now(o, n)->nlink || now(o, n)->holders))
			return n;
	}
	return 0;
}

/* Where dir has a name: 1 and the place. */
static int parent_of(const struct oracle_state *s, u32 obj, u32 *dir, u32 *slot)
{
	u32 n, i;

	for (n = 0; n < ORACLE_OBJS; n++) {
		for (i = 0; i < ORACLE_NAMES; i++) {
			if (s->o[n].type == ORACLE_DIR &&
			    s->o[n].child[i] == obj) {
				*dir = n;
				*slot = i;
				return 1;
			}
		}
	}
	return 0;
}

static int is_inside(const struct oracle_state *s, u32 n, u32 of)
{
	u32 slot;

	while (n != of) {
		if (!n || !parent_of(s, n, &n, &slot))
			return 0;
	}
	return 1;
}

static u32 children(const struct oracle_obj *dir)
{
	u32 i, nr = 0;

	for (i = 0; i < ORACLE_NAMES; i++)
		nr += !!dir->child[i];
	return nr;
}

/* The path of a name in dir, as it is now. */
static void path_to(struct oracle *o, const char *top, u32 dir, const char *name,
		    char *path)
{
	char tail[PATH_LEN], more[PATH_LEN];
	u32 slot;

	snprintf(tail, sizeof(tail), "%s", name);
	while (dir && parent_of(&o->now, dir, &dir, &slot)) {
		snprintf(more, sizeof(more), "%.255s/%.4000s", names[slot],
			 tail);
		strcpy(tail, more);
	}
	snprintf(path, PATH_LEN, "%.900s/%.4000s", top, tail);
}

/* Any name of a file; 0: it has none. */
static int path_of(struct oracle *o, const char *top, u32 obj, char *path)
{
	u32 dir, slot;

	if (!parent_of(&o->now, obj, &dir, &slot))
		return 0;
	path_to(o, top, dir, names[slot], path);
	return 1;
}

/* ---- intent and acknowledgement ---- */

static void begin(struct oracle *o)
{
	o->next = o->now;
	o->in_place = 0;
	o->content = 0;
}

static void arm(struct oracle *o)
{
	__atomic_store_n(&o->pending, 1, __ATOMIC_SEQ_CST);
}

/*
 * ret and errno of the call. want: the errno that it must give, 0: success.
 * Returns 1 if it was done, 0 if it was refused, negative if the server died.
 */
static int result(struct oracle *o, const char *what, s64 ret, int want)
{
	int err = ret < 0 ? errno : 0;

	if (oracle_is_dead(err)) {
		o->in_doubt++;
		return -err;
	}
	if (err != want)
		WRONG("%s gave %s, not %s", what, strerror(err), strerror(want));
	if (!err) {
		__atomic_store_n(&o->pending, ORACLE_DONE, __ATOMIC_SEQ_CST);
		o->now = o->next;
		o->acked++;
	}
	__atomic_store_n(&o->pending, 0, __ATOMIC_SEQ_CST);
	return !err;
}

/* A call that changes nothing that is compared. */
static int harmless(const char *what, s64 ret)
{
	if (ret >= 0)
		return 0;
	if (!oracle_is_dead(errno))
		WRONG("%s: %s", what, strerror(errno));
	return -errno;
}

s64 oracle_read(int fd, void *to, u64 len, u64 off)
{
	u64 done = 0;
	s64 n;

	while (done < len) {
		n = pread(fd, (u8 *)to + done, len - done, (off_t)(off + done));
		if (n < 0)
			return n;
		if (!n)
			break;
		done += (u64)n;
	}
	return (s64)done;
}

/* ---- names ---- */

static int note_ino(struct oracle *o, u32 n, const char *path)
{
	struct stat st;
	int r = harmless("lstat of a new name", lstat(path, &st));

	if (!r)
		now(o, n)->ino = st.st_ino;
	return r;
}

static void target_of(const struct oracle_obj *n, char *target)
{
	memset(target, 't', n->size);
	target[n->size] = 0;
}

static s64 make(const struct oracle_obj *n, const char *path)
{
	char target[LINK_LEN + 1];
	int fd;

	if (n->type == ORACLE_DIR)
		return mkdir(path, n->mode);
	if (n->type == ORACLE_LINK) {
		target_of(n, target);
		return symlink(target, path);
	}
	fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, n->mode);
	if (fd >= 0)
		close(fd);
	return fd;
}

static int op_create(struct oracle *o, const char *top, u32 dir, u32 i)
{
	u32 n = free_obj(&o->now), type = 1 + (u32)below(5);
	u8 old = now(o, dir)->child[i];
	struct oracle_obj *new;
	char path[PATH_LEN];
	int r;

	if (!n)
		return 0;
	if (type > ORACLE_LINK || (type == ORACLE_DIR &&
				   count_type(&o->now, ORACLE_DIR) == DIRS))
		type = ORACLE_FILE;
	begin(o);
	new = next(o, n);
	memset(new, 0, sizeof(*new));
	new->type = (u8)type;
	new->mode = type == ORACLE_LINK ? 0777 : below(2) ? 0750 : 0640;
	new->nlink = 1;
	new->base = below(4) ? 0 : FAR;
	new->size = type == ORACLE_LINK ? 1 + below(LINK_LEN) : 0;
	memset(o->data[n][0], 0, ORACLE_WINDOW);
	next(o, dir)->child[i] = (u8)n;
	path_to(o, top, dir, names[i], path);
	arm(o);
	r = result(o, "create", make(new, path), old ? EEXIST : 0);
	return r > 0 ? note_ino(o, n, path) : r;
}

/* The name goes, in the next state; so does what it named, with the last. */
static void drop_name(struct oracle *o, u32 dir, u32 i)
{
	struct oracle_obj *n = next(o, next(o, dir)->child[i]);

	next(o, dir)->child[i] = 0;
	n->nlink--;
	if (!n->nlink && !n->holders)
		n->type = ORACLE_NONE;
}

static int op_remove(struct oracle *o, const char *top, u32 dir, u32 i, int rm)
{
	struct oracle_obj *n = now(o, now(o, dir)->child[i]);
	char path[PATH_LEN];
	int want, r;

	if (!now(o, dir)->child[i])
		want = ENOENT;
	else if (rm)
		want = n->type != ORACLE_DIR ? ENOTDIR :
		       children(n) ? ENOTEMPTY : 0;
	else
		want = n->type == ORACLE_DIR ? EISDIR : 0;
	begin(o);
	if (!want)
		drop_name(o, dir, i);
	path_to(o, top, dir, names[i], path);
	arm(o);
	r = result(o, rm ? "rmdir" : "unlink", rm ? rmdir(path) : unlink(path),
		   want);
	return r < 0 ? r : 0;
}

static int op_link(struct oracle *o, const char *top, u32 from, u32 i, u32 to,
		   u32 k)
{
	u32 n = now(o, from)->child[i];
	char path[PATH_LEN], path2[PATH_LEN];
	int want, r;

	if (!n)
		return 0;
	want = now(o, to)->child[k] ? EEXIST :
	       now(o, n)->type == ORACLE_DIR ? EPERM : 0;
	begin(o);
	if (!want) {
		next(o, to)->child[k] = (u8)n;
		next(o, n)->nlink++;
	}
	path_to(o, top, from, names[i], path);
	path_to(o, top, to, names[k], path2);
	arm(o);
	r = result(o, "link", link(path, path2), want);
	return r < 0 ? r : 0;
}

/* 0, or an error that applies; renames to be refused may have several. */
static int rename_refused(struct oracle *o, u32 n, u32 from, u32 to, u32 over,
			  int noreplace)
{
	int dir, dir2;

	if (!n)
		return ENOENT;
	dir = now(o, n)->type == ORACLE_DIR;
	dir2 = now(o, over)->type == ORACLE_DIR;
	if (dir && is_inside(&o->now, to, n))
		return EINVAL;
	if (!over)
		return 0;
	if (noreplace)
		return EEXIST;
	if (over == n)
		return 0;
	if (dir2 && (is_inside(&o->now, from, over) || children(now(o, over))))
		return ENOTEMPTY;
	return dir == dir2 ? 0 : dir ? ENOTDIR : EISDIR;
}

static int is_rename_error(int err)
{
	return err == ENOENT || err == EINVAL || err == EEXIST ||
	       err == ENOTEMPTY || err == ENOTDIR || err == EISDIR;
}

static int op_rename(struct oracle *o, const char *top, u32 from, u32 i, u32 to,
		     u32 k)
{
	u32 n = now(o, from)->child[i], over = now(o, to)->child[k];
	u32 flags = below(4) ? 0 : DAXFS_RENAME_NOREPLACE;
	char path[PATH_LEN], path2[PATH_LEN];
	int want, r;

	want = rename_refused(o, n, from, to, over, !!flags);
	begin(o);
	if (!want && n != over) {
		if (over)
			drop_name(o, to, k);
		next(o, from)->child[i] = 0;
		next(o, to)->child[k] = (u8)n;
	}
	path_to(o, top, from, names[i], path);
	path_to(o, top, to, names[k], path2);
	arm(o);
	r = renameat2(AT_FDCWD, path, AT_FDCWD, path2, flags);
	if (r && want && is_rename_error(errno))
		want = errno;	/* which of them comes first is not ours */
	r = result(o, "rename", r, want);
	return r < 0 ? r : 0;
}

/* ---- content ---- */

static u64 some_bytes(u8 *to, u64 max)
{
	u64 len = 1 + below(below(3) ? 700 : 12000), i;
	u8 c = (u8)below(256);

	if (len > max)
		len = max;
	for (i = 0; i < len; i++)
		to[i] = (u8)(c + i / 3) | 1;
	return len;
}

/* The bytes of the next state, to be changed. */
static u8 *next_data(struct oracle *o, u32 n)
{
	u8 *from = o->data[n][now(o, n)->data];

	next(o, n)->data = !now(o, n)->data;
	memcpy(o->data[n][next(o, n)->data], from, ORACLE_WINDOW);
	next(o, n)->mtime_known = 0;
	return o->data[n][next(o, n)->data];
}

static int op_write(struct oracle *o, u32 n, int fd)
{
	u64 at = below(ORACLE_WINDOW), len, end;
	u8 *data;
	s64 ret;
	int r;

	begin(o);
	data = next_data(o, n);
	len = some_bytes(data + at, ORACLE_WINDOW - at);
	end = now(o, n)->base + at + len;
	if (end > now(o, n)->size)
		next(o, n)->size = end;
	o->in_place = o->content = 1;
	o->obj = n;
	o->from = at;
	o->to = at + len;
	arm(o);
	ret = pwrite(fd, data + at, len, (off_t)(now(o, n)->base + at));
	if (ret >= 0 && (u64)ret < len) {	/* the kernel had cut it in two */
		o->in_doubt++;
		return -ECONNABORTED;
	}
	r = result(o, "write", ret, 0);
	o->bytes += r > 0 ? len : 0;
	return r < 0 ? r : 0;
}

static sigjmp_buf fault;

/* The server died before it gave a page: as if the call had said so. */
static void on_fault(int nr)
{
	(void)nr;
	siglongjmp(fault, 1);
}

/* Store through a mapping, then msync(): 0 or -1 and errno. */
static int store_mapped(u8 *map, u64 at, const u8 *data, u64 len, u64 map_len)
{
	struct sigaction sa = { .sa_handler = on_fault }, old;
	int r = -1;

	sigaction(SIGBUS, &sa, &old);
	if (!sigsetjmp(fault, 1)) {
		memcpy(map + at, data, len);
		r = msync(map, map_len, MS_SYNC);
	} else {
		errno = ECONNABORTED;
	}
	sigaction(SIGBUS, &old, NULL);
	return r;
}

/* Of the content that there is; acknowledged by msync(). */
static int op_mapped(struct oracle *o, u32 n, int fd)
{
	struct oracle_obj *f = now(o, n);
	u64 have = f->size > f->base ? f->size - f->base : 0, at, len;
	u8 *map, *data;
	int r;

	if (!have)
		return 0;
	/* the window begins at a page */
	map = mmap(NULL, have, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		   (off_t)f->base);
	if (map == MAP_FAILED)
		return harmless("mmap", -1);
	begin(o);
	at = below(have);
	data = next_data(o, n) + at;
	len = some_bytes(data, have - at);
	o->in_place = o->content = 1;
	o->obj = n;
	o->from = at;
	o->to = at + len;
	arm(o);
	r = result(o, "msync", store_mapped(map, at, data, len, have), 0);
	o->bytes += r > 0 ? len : 0;
	o->synced += r > 0;
	munmap(map, have);
	return r < 0 ? r : 0;
}

/* By one record: all of it or nothing. */
static int op_append(struct oracle *o, u32 n, const char *path)
{
	u64 size = now(o, n)->size, base = now(o, n)->base, len;
	u8 *data;
	int fd, r;
	s64 ret;

	if (size < base || size >= base + ORACLE_WINDOW)
		return 0;
	fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
	if (fd < 0)
		return harmless("open for append", fd);
	begin(o);
	data = next_data(o, n) + (size - base);
	len = some_bytes(data, base + ORACLE_WINDOW - size);
	next(o, n)->size = size + len;
	o->content = 1;
	o->obj = n;
	arm(o);
	ret = write(fd, data, len);
	if (ret >= 0 && (u64)ret < len)
		WRONG("an append of %llu bytes gave %lld",
		      (unsigned long long)len, (long long)ret);
	r = result(o, "append", ret, 0);
	o->bytes += r > 0 ? len : 0;
	close(fd);
	return r < 0 ? r : 0;
}

/* The next state has that size. */
static void cut(struct oracle *o, u32 n, u64 size)
{
	u64 base = now(o, n)->base, keep = size > base ? size - base : 0;

	memset(next_data(o, n) + keep, 0, ORACLE_WINDOW - keep);
	next(o, n)->size = size;
}

static int op_truncate(struct oracle *o, u32 n, int fd)
{
	u64 base = now(o, n)->base;
	int r;

	begin(o);
	cut(o, n, below(4) ? base + below(ORACLE_WINDOW + 1) : below(base + 1));
	arm(o);
	r = result(o, "truncate", ftruncate(fd, (off_t)next(o, n)->size), 0);
	return r < 0 ? r : 0;
}

static int op_open_trunc(struct oracle *o, u32 n, const char *path)
{
	int fd, r;

	begin(o);
	cut(o, n, 0);
	arm(o);
	fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	r = result(o, "open with O_TRUNC", fd, 0);
	if (fd >= 0)
		close(fd);
	return r < 0 ? r : 0;
}

static int same_bytes(struct oracle *o, const struct oracle_state *s, u32 n,
		      const u8 *have, u64 len, int slack)
{
	const u8 *want = o->data[n][s->o[n].data];
	const u8 *other = o->data[n][o->next.o[n].data];
	u64 i;

	for (i = 0; i < len; i++) {
		int maybe = slack && i >= o->from && i < o->to;

		if (have[i] == want[i] || (maybe && have[i] == other[i]))
			continue;
		snprintf(why, sizeof(why), "inode %llu: byte %llu of the "
			 "window at %llu is %u, not %u",
			 (unsigned long long)s->o[n].ino, (unsigned long long)i,
			 (unsigned long long)s->o[n].base, have[i], want[i]);
		return 0;
	}
	return 1;
}

static int op_read(struct oracle *o, u32 n, int fd)
{
	static u8 have[ORACLE_WINDOW];
	struct oracle_obj *f = now(o, n);
	u64 want = f->size > f->base ? f->size - f->base : 0;
	s64 ret = oracle_read(fd, have, sizeof(have), f->base);

	if (ret < 0)
		return harmless("read", ret);
	if ((u64)ret != want)
		WRONG("inode %llu: read gave %lld bytes, not %llu",
		      (unsigned long long)f->ino, (long long)ret,
		      (unsigned long long)want);
	if (!same_bytes(o, &o->now, n, have, want, 0))
		WRONG("%s", why);
	return 0;
}

static int on_content(struct oracle *o, u32 n, int fd)
{
	int r;

	switch (below(7)) {
	case 0:
		return op_mapped(o, n, fd);
	case 1: case 2: case 3:
		r = op_write(o, n, fd);
		if (!r && !below(3)) {
			r = harmless("fsync", fsync(fd));
			o->synced += !r;
		}
		return r;
	case 4:
		return op_truncate(o, n, fd);
	default:
		return op_read(o, n, fd);
	}
}

static int op_content(struct oracle *o, const char *top)
{
	u32 n = some_obj(o, ORACLE_FILE);
	char path[PATH_LEN];
	int fd, r;

	if (!n || !path_of(o, top, n, path))
		return 0;
	switch (below(8)) {
	case 0: case 1:
		return op_append(o, n, path);
	case 2:
		return op_open_trunc(o, n, path);
	}
	fd = open(path, O_RDWR | O_CLOEXEC | (below(4) ? 0 : O_SYNC));
	if (fd < 0)
		return harmless("open", fd);
	r = on_content(o, n, fd);
	close(fd);
	return r;
}

static int op_setattr(struct oracle *o, const char *top)
{
	u32 n = some_obj(o, below(3) ? ORACLE_FILE : ORACLE_DIR);
	struct timespec ts[2] = { { 0 } };
	char path[PATH_LEN];
	int r, times = (int)below(2);

	if (!n || !path_of(o, top, n, path))
		return 0;
	begin(o);
	if (times && now(o, n)->type == ORACLE_FILE) {
		next(o, n)->mtime = (s64)below(1000000000);
		next(o, n)->mtime_known = 1;
		ts[1].tv_sec = next(o, n)->mtime;
	} else {
		times = 0;
		next(o, n)->mode = 0700 + (u32)below(0100);
	}
	arm(o);
	r = result(o, times ? "utimensat" : "chmod", times ?
		   utimensat(AT_FDCWD, path, ts, 0) :
		   chmod(path, next(o, n)->mode), 0);
	return r < 0 ? r : 0;
}

/* ---- files that stay open, also without a name ---- */

static void let_go(struct oracle *o, u32 k)
{
	struct oracle_obj *n = now(o, held[k].obj);

	close(held[k].fd);
	held[k].obj = 0;
	n->holders--;
	if (!n->holders && !n->nlink)
		n->type = ORACLE_NONE;
}

void oracle_close(struct oracle *o)
{
	u32 k;

	for (k = 0; k < HELD; k++) {
		if (held[k].obj)
			let_go(o, k);
	}
}

static int op_held(struct oracle *o, const char *top)
{
	u32 k = (u32)below(HELD), n = held[k].obj;
	char path[PATH_LEN];

	if (n && !below(4)) {
		let_go(o, k);
		return 0;
	}
	if (n)
		return on_content(o, n, held[k].fd);
	n = some_obj(o, ORACLE_FILE);
	if (!n || !path_of(o, top, n, path))
		return 0;
	held[k].fd = open(path, O_RDWR | O_CLOEXEC);
	if (held[k].fd < 0)
		return harmless("open", -1);
	held[k].obj = n;
	now(o, n)->holders++;
	return 0;
}

/* ---- comparing: 0 the same, 1 not (says why), negative: server died ---- */

static int __attribute__((format(printf, 1, 2))) differs(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	return 1;
}

static int failed_to(const char *what, const char *path)
{
	return oracle_is_dead(errno) ? -errno :
	       differs("%s %s: %s", what, path, strerror(errno));
}

static int compare_size(struct oracle *o, const struct oracle_obj *n, u64 size,
			int slack)
{
	u64 least = n->size, most = slack ? o->next.o[o->obj].size : least;

	if (size >= least && size <= most)
		return 0;
	return differs("inode %llu: size is %llu, not %llu",
		       (unsigned long long)n->ino, (unsigned long long)size,
		       (unsigned long long)n->size);
}

static int compare_content(struct oracle *o, const struct oracle_state *s,
			   u32 n, const char *path, u64 size, int slack)
{
	static u8 have[ORACLE_WINDOW + 4096];
	u64 base = s->o[n].base, before = base ? 4096 : 0, i;
	u64 want = size > base - before ? size - (base - before) : 0;
	int fd = (int)FRESH(open(path, O_RDONLY | O_CLOEXEC));
	s64 ret;

	if (fd < 0)
		return failed_to("open", path);
	ret = oracle_read(fd, have, before + ORACLE_WINDOW, base - before);
	close(fd);
	if (ret < 0)
		return failed_to("read", path);
	if ((u64)ret != want)
		return differs("%s: read gives %lld bytes, not %llu", path,
			       (long long)ret, (unsigned long long)want);
	for (i = 0; i < before && i < want; i++) {
		if (have[i])
			return differs("%s: its hole is not zero", path);
	}
	return want <= before ||
	       same_bytes(o, s, n, have + before, want - before, slack) ? 0 : 1;
}

static int compare_target(const struct oracle_obj *n, const char *path)
{
	char want[LINK_LEN + 1], have[LINK_LEN + 2];
	s64 ret = FRESH(readlink(path, have, sizeof(have)));

	if (ret < 0)
		return failed_to("readlink", path);
	target_of(n, want);
	return (u64)ret == n->size && !memcmp(have, want, n->size) ? 0 :
	       differs("%s: another target", path);
}

static int compare_dir(struct oracle *o, const struct oracle_state *s, u32 d,
		       const char *path, int slack);

static u32 mode_of(u32 type)
{
	return type == ORACLE_DIR ? S_IFDIR : type == ORACLE_LINK ? S_IFLNK :
	       S_IFREG;
}

static u32 links_of(const struct oracle_state *s, const struct oracle_obj *n)
{
	u32 i, nr = 2;

	if (n->type != ORACLE_DIR)
		return n->nlink;
	for (i = 0; i < ORACLE_NAMES; i++)
		nr += n->child[i] && s->o[n->child[i]].type == ORACLE_DIR;
	return nr;
}

static int compare_attr(const struct oracle_state *s, const struct oracle_obj *n,
			const char *path, const struct stat *st, int slack)
{
	if (st->st_mode != (mode_of(n->type) | n->mode))
		return differs("%s: mode %o, not %o", path, st->st_mode,
			       mode_of(n->type) | n->mode);
	if (st->st_nlink != links_of(s, n))
		return differs("%s: %u links, not %u", path,
			       (u32)st->st_nlink, links_of(s, n));
	if (n->ino && st->st_ino != n->ino)
		return differs("%s: inode %llu, not %llu", path,
			       (unsigned long long)st->st_ino,
			       (unsigned long long)n->ino);
	if (n->mtime_known && !slack && st->st_mtim.tv_sec != n->mtime)
		return differs("%s: mtime %lld, not %lld", path,
			       (long long)st->st_mtim.tv_sec,
			       (long long)n->mtime);
	return 0;
}

static int compare_obj(struct oracle *o, const struct oracle_state *s, u32 n,
		       const char *path, int slack)
{
	const struct oracle_obj *f = &s->o[n];
	struct stat st;
	int r;

	slack = slack && n == o->obj;
	if (FRESH(lstat(path, &st)))
		return failed_to("lstat", path);
	r = compare_attr(s, f, path, &st, slack);
	if (r)
		return r;
	if (f->type == ORACLE_DIR)
		return compare_dir(o, s, n, path, o->pending && o->in_place);
	r = compare_size(o, f, (u64)st.st_size, slack);
	if (r)
		return r;
	if (f->type == ORACLE_LINK)
		return compare_target(f, path);
	return compare_content(o, s, n, path, (u64)st.st_size, slack);
}

/* Each name once, none too many. */
static int compare_list(const struct oracle_obj *dir, const char *path)
{
	u32 seen[ORACLE_NAMES] = { 0 }, i;
	struct dirent *de;
	int fd = (int)FRESH(open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	DIR *list = fd < 0 ? NULL : fdopendir(fd);

	if (!list)
		return failed_to("opendir", path);
	for (errno = 0; (de = readdir(list)); errno = 0) {
		if (!strcmp(de->d_name, ".") || !strcmp(de->d_name, ".."))
			continue;
		for (i = 0; i < ORACLE_NAMES; i++) {
			if (!strcmp(de->d_name, names[i]))
				break;
		}
		if (i == ORACLE_NAMES || !dir->child[i] || seen[i]++) {
			differs("%s: %s should not be listed", path, de->d_name);
			closedir(list);
			return 1;
		}
	}
	i = (u32)errno;
	closedir(list);
	errno = (int)i;
	if (errno)
		return failed_to("readdir", path);
	for (i = 0; i < ORACLE_NAMES; i++) {
		if (!seen[i] != !dir->child[i])
			return differs("%s: %s is not listed", path, names[i]);
	}
	return 0;
}

static int compare_dir(struct oracle *o, const struct oracle_state *s, u32 d,
		       const char *path, int slack)
{
	char *sub = malloc(PATH_LEN);
	int r = compare_list(&s->o[d], path);
	u32 i, n;

	if (!sub)
		WRONG("out of memory");
	for (i = 0; i < ORACLE_NAMES && !r; i++) {
		n = s->o[d].child[i];
		if (!n)
			continue;
		snprintf(sub, PATH_LEN, "%s/%s", path, names[i]);
		r = compare_obj(o, s, n, sub, slack);
	}
	free(sub);
	return r;
}

int oracle_check(struct oracle *o, const char *top)
{
	int r;

	names_init();
	r = compare_dir(o, &o->now, 0, top, 0);
	if (r > 0)
		WRONG("not as acknowledged: %s", why);
	return r;
}

/* ---- after a death ---- */

static void forget_open(struct oracle_state *s)
{
	u32 n;

	for (n = 1; n < ORACLE_OBJS; n++) {
		s->o[n].holders = 0;
		if (!s->o[n].nlink)
			s->o[n].type = ORACLE_NONE;
	}
}

/* A part of the write may be there: what there is counts from now on. */
static int adopt_content(struct oracle *o, const char *top)
{
	struct oracle_obj *n = now(o, o->obj);
	u8 *data = o->data[o->obj][n->data], *all = o->data[o->obj][!n->data];
	char path[PATH_LEN];
	struct stat st;
	int fd;

	if (!path_of(o, top, o->obj, path))
		return 0;	/* had lost its names: it is gone */
	fd = (int)FRESH(open(path, O_RDONLY | O_CLOEXEC));
	if (fd < 0 || fstat(fd, &st))
		return harmless("open", -1);
	memcpy(all, data, ORACLE_WINDOW);
	o->came_true += n->size != (u64)st.st_size;
	if (oracle_read(fd, data, ORACLE_WINDOW, n->base) < 0) {
		close(fd);
		return harmless("read", -1);
	}
	close(fd);
	o->came_true += n->size == (u64)st.st_size &&
			memcmp(all, data, ORACLE_WINDOW);
	n->size = (u64)st.st_size;
	n->mtime_known = 0;
	return 0;
}

/*
 * Behind the end, in a last page that was there, may lie bytes of the write
 * that was cut off, and of nobody else. They show when the file is made longer
 * (docs/design.md, section 10): do that, and go on from what there is.
 */
static int settle_tail(struct oracle *o, const char *top, const u8 *cut_off)
{
	struct oracle_obj *n = now(o, o->obj);
	u64 end = (n->size + 4095) & ~4095ull, i;
	u8 *data = o->data[o->obj][n->data];
	char path[PATH_LEN];
	int fd, r;

	if (n->size < n->base || !path_of(o, top, o->obj, path))
		return 0;
	fd = (int)FRESH(open(path, O_RDWR | O_CLOEXEC));
	r = harmless("open", fd);
	if (!r)
		r = harmless("truncate", ftruncate(fd, (off_t)end));
	if (!r)
		r = harmless("read", oracle_read(fd, data, ORACLE_WINDOW,
						 n->base));
	for (i = n->size - n->base; !r && i < end - n->base; i++) {
		if (data[i] && data[i] != cut_off[i])
			WRONG("inode %llu: byte %u was behind the end at %llu",
			      (unsigned long long)n->ino, data[i],
			      (unsigned long long)(n->base + i));
	}
	close(fd);
	n->size = end;
	n->mtime_known = 0;
	return r;
}

/*
 * Recovery raises the mtime of a file whose content a dead host was changing,
 * whether the change came true or not (docs/design.md, section 10).
 */
static void forget_raised(struct oracle *o)
{
	u32 n;

	for (n = 1; n < ORACLE_OBJS; n++) {
		if (!o->next.o[n].mtime_known)
			o->now.o[n].mtime_known = 0;
	}
}

int oracle_resolve(struct oracle *o, const char *top)
{
	static u8 cut_off[ORACLE_WINDOW];
	char first[sizeof(why)];
	int r;

	if (o->pending == ORACLE_DONE) {
		o->now = o->next;
		o->pending = 0;
	}
	memcpy(cut_off, o->data[o->obj][o->next.o[o->obj].data], ORACLE_WINDOW);
	names_init();
	forget_open(&o->now);
	forget_open(&o->next);
	if (o->pending)
		forget_raised(o);
	r = compare_dir(o, &o->now, 0, top, o->pending && o->in_place);
	if (r > 0 && o->pending && !o->in_place) {
		strcpy(first, why);
		r = compare_dir(o, &o->next, 0, top, 0);
		if (r > 0)
			WRONG("done by halves: %s; and %s", first, why);
		o->now = o->next;
		o->came_true++;
	} else if (r > 0) {
		WRONG("after a death, not as acknowledged: %s", why);
	} else if (!r && o->pending && o->in_place) {
		r = adopt_content(o, top);
	}
	if (!r && o->pending && o->content)
		r = settle_tail(o, top, cut_off);
	if (!r)
		o->pending = 0;
	return r;
}

/* ---- one step ---- */

int oracle_step(struct oracle *o, const char *top)
{
	u32 d = some_obj(o, ORACLE_DIR), e = some_obj(o, ORACLE_DIR);
	u32 i = (u32)below(ORACLE_NAMES), k = (u32)below(ORACLE_NAMES);

	names_init();
	switch (below(18)) {
	case 0: case 1: case 2: case 3:
		return op_create(o, top, d, i);
	case 4:
		return op_remove(o, top, d, i, 0);
	case 5:
		return op_remove(o, top, d, i, 1);
	case 6:
		return op_link(o, top, d, i, e, k);
	case 7: case 8: case 9:
		return op_rename(o, top, d, i, e, k);
	case 10:
		return op_setattr(o, top);
	case 11: case 12:
		return op_held(o, top);
	case 13:
		return below(20) ? 0 : oracle_check(o, top);
	default:
		return op_content(o, top);
	}
}
