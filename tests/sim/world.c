// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A small region and its hosts, for tests that run them step by step.
 *
 * Notes: the region lies in a memfd. Setup writes to it through a shared
 * mapping; freezing replaces that by a private one at the same address, so a
 * reset only drops the pages that were written since. The accounting walk
 * reads info words itself and does not ask the code that it checks.
 */
#define _GNU_SOURCE		/* memfd_create() */
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "world.h"
#include "word.h"

#define POOL_LEN	(1536u << 10)
#define EPOCH_NS	1700000000000000000ull
#define DIR_MAX		1024u		/* names in one directory */
#define DEPTH		8u
#define OLD_BYTE	0xee		/* in memory that was never used; no test writes it */

static struct daxfs_region saved_rg[WORLD_HOSTS];
static struct daxfs_cx saved_cx[WORLD_HOSTS];
static struct daxfs_file saved_held;

__attribute__((noreturn))
static void die(const char *what, int err)
{
	fprintf(stderr, "cannot make the region of a test: %s: %s\n", what,
		strerror(err < 0 ? -err : err));
	exit(1);
}

static void join(struct world *w, u32 i)
{
	struct daxfs_host_id id = { .kind = DAXFS_HOST_TOOL, .pid = 100 + i };
	char why[256] = "";
	int r;

	r = daxfs_region_open(&w->rg[i], w->base, w->len, 1, why, sizeof(why));
	if (r)
		die(why, r);
	r = daxfs_host_join(&w->rg[i], &id);
	if (!r)
		r = daxfs_cx_init(&w->cx[i], &w->rg[i], 0);
	if (r)
		die("join", r);
}

/* Room for the region, and on both sides memory that nobody may touch. */
static u8 *reserve(u64 len)
{
	u8 *p = mmap(NULL, len + 2 * WORLD_GUARD, PROT_NONE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		die("mmap", errno);
	return p + WORLD_GUARD;
}

static void *map(struct world *w, void *at, int flags)
{
	void *p = mmap(at, w->len, PROT_READ | PROT_WRITE, flags, w->fd, 0);

	if (p == MAP_FAILED)
		die("mmap", errno);
	return p;
}

static struct daxfs_a64 *page_info(struct world *w, u64 off);

/* Memory that was used before: what is not zeroed shows in files. */
static void soil(struct world *w)
{
	const struct daxfs_span *pool = &w->rg[0].area[DAXFS_AREA_POOL];
	u64 i;

	for (i = 0; i < pool->nr; i++) {
		u64 off = pool->off + (i << DAXFS_PAGE_SHIFT);

		if (page_info(w, off)->raw == DAXFS_I_FREE)
			memset(w->base + off, OLD_BYTE, DAXFS_PAGE_SIZE);
	}
}

static void show_branch(struct world *w)
{
	int r = daxfs_branch_create(&w->cx[0], 0, "b", DAXFS_BRANCH_KEEP, &w->branch);

	for (u32 i = 0; i < WORLD_HOSTS && !r; i++)
		r = daxfs_branch_mount(&w->cx[i], w->branch);
	if (r)
		die("branch", r);
	w->when_empty = NULL;
}

void world_make_as(struct world *w, const struct world_options *o)
{
	struct daxfs_geometry g = {
		.overlay = 1, .persistent = o->persistent,
		.branching = o->branching,
		.mode = DAXFS_MODE_EMPTY, .buckets = o->buckets,
		.overlay_len = o->pool_len ? o->pool_len : POOL_LEN,
		.root_mode = 0755, .uuid = { 1, 2, 3 }, .created_ns = EPOCH_NS,
		.cache_slots = o->cache_slots,
	};
	u64 needed = 0;
	u32 i;
	int r;

	memset(w, 0, sizeof(*w));
	sim_clock_set(EPOCH_NS);
	if (o->base)
		world_base_plan(&g);
	r = daxfs_plan(&g, &needed);
	if (r)
		die("daxfs_plan", r);
	w->len = g.region_len;
	w->fd = memfd_create("daxfs-sim", MFD_CLOEXEC);
	if (w->fd < 0 || ftruncate(w->fd, (off_t)w->len))
		die("memfd", errno);
	w->base = map(w, reserve(w->len), MAP_SHARED | MAP_FIXED);
	if (o->base)
		world_base_put(&g, w->base);
	w->persistent = o->persistent;
	w->when_empty = o->base ? world_base_when_empty() :
		     "slots: 1\ninode: 1\n";
	r = daxfs_format(&g, w->base, w->len);
	if (r)
		die("daxfs_format", r);
	for (i = 0; i < WORLD_HOSTS; i++)
		join(w, i);
	soil(w);
	if (o->branching)
		show_branch(w);
}

void world_make(struct world *w, u64 buckets)
{
	struct world_options o = { .buckets = buckets };

	world_make_as(w, &o);
}

void world_remake(struct world *w, const struct world_options *o)
{
	struct world_options same = *o;

	same.persistent = w->persistent;
	same.branching = !!w->branch;
	world_free(w);
	world_make_as(w, &same);
}

void world_make_persistent(struct world *w, u64 buckets)
{
	struct world_options o = { .buckets = buckets, .persistent = 1 };

	world_make_as(w, &o);
}

void world_freeze(struct world *w)
{
	memcpy(saved_rg, w->rg, sizeof(saved_rg));
	memcpy(saved_cx, w->cx, sizeof(saved_cx));
	saved_held = w->held;
	map(w, w->base, MAP_PRIVATE | MAP_FIXED);
}

void world_reset(struct world *w)
{
	if (madvise(w->base, w->len, MADV_DONTNEED))
		die("madvise", errno);
	memcpy(w->rg, saved_rg, sizeof(saved_rg));
	memcpy(w->cx, saved_cx, sizeof(saved_cx));
	w->held = saved_held;
	sim_clock_set(EPOCH_NS + 1000000000ull);
}

void world_thaw(struct world *w)
{
	world_reset(w);
	map(w, w->base, MAP_SHARED | MAP_FIXED);
}

void world_free(struct world *w)
{
	munmap(w->base - WORLD_GUARD, w->len + 2 * WORLD_GUARD);
	close(w->fd);
}

/* ---- logs ---- */

void log_add(struct log *log, const char *format, ...)
{
	u32 room = WORLD_LOG - log->len;
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(log->text + log->len, room, format, ap);
	va_end(ap);
	if (n < 0 || (u32)n >= room)
		die("a log is too small", ENOSPC);
	log->len += (u32)n;
}

int log_same(const struct log *a, const struct log *b)
{
	return a->len == b->len && !memcmp(a->text, b->text, a->len);
}

static u32 line_len(const char *s)
{
	return (u32)strcspn(s, "\n");
}

const char *log_diff(const struct log *got, const struct log *want)
{
	static char text[400];
	u32 i = 0, start = 0;

	while (i < got->len && i < want->len && got->text[i] == want->text[i])
		if (got->text[i++] == '\n')
			start = i;
	snprintf(text, sizeof(text), "got '%.*s', want '%.*s'",
		 (int)line_len(got->text + start), got->text + start,
		 (int)line_len(want->text + start), want->text + start);
	return text;
}

/* ---- paths ---- */

/* The directory of a path, and its last part. */
static int split(struct daxfs_cx *cx, const char *path, u64 *dir,
		 const char **name, u32 *len)
{
	struct daxfs_stat st;
	const char *slash;
	int r = 0;

	*dir = DAXFS_ROOT_INO;
	while (!r && (slash = strchr(path, '/'))) {
		r = daxfs_lookup(cx, *dir, path, (u32)(slash - path), &st);
		*dir = st.ino;
		path = slash + 1;
	}
	*name = path;
	*len = (u32)strlen(path);
	return r;
}

int w_lookup(struct daxfs_cx *cx, const char *path, struct daxfs_stat *st)
{
	const char *name;
	u64 dir;
	u32 len;
	int r = split(cx, path, &dir, &name, &len);

	return r ? r : daxfs_lookup(cx, dir, name, len, st);
}

static int make(struct daxfs_cx *cx, const char *path,
		const struct daxfs_new *what)
{
	struct daxfs_stat st;
	const char *name;
	u64 dir;
	u32 len;
	int r = split(cx, path, &dir, &name, &len);

	return r ? r : daxfs_create(cx, dir, name, len, what, &st);
}

int w_create(struct daxfs_cx *cx, const char *path)
{
	return make(cx, path, &(struct daxfs_new){ .mode = S_IFREG | 0644 });
}

int w_mkdir(struct daxfs_cx *cx, const char *path)
{
	return make(cx, path, &(struct daxfs_new){ .mode = S_IFDIR | 0755 });
}

int w_symlink(struct daxfs_cx *cx, const char *path, u32 target_len)
{
	static const char target[DAXFS_TARGET_MAX] = "to/somewhere/else";

	return make(cx, path, &(struct daxfs_new){ .mode = S_IFLNK | 0777,
						   .target = target,
						   .target_len = target_len });
}

int w_link(struct daxfs_cx *cx, const char *from, const char *to)
{
	struct daxfs_stat st;
	const char *name;
	u64 dir;
	u32 len;
	int r = w_lookup(cx, from, &st);

	if (!r)
		r = split(cx, to, &dir, &name, &len);
	return r ? r : daxfs_link(cx, st.ino, dir, name, len, NULL);
}

int w_unlink(struct daxfs_cx *cx, const char *path)
{
	const char *name;
	u64 dir;
	u32 len;
	int r = split(cx, path, &dir, &name, &len);

	return r ? r : daxfs_unlink(cx, dir, name, len);
}

int w_rmdir(struct daxfs_cx *cx, const char *path)
{
	const char *name;
	u64 dir;
	u32 len;
	int r = split(cx, path, &dir, &name, &len);

	return r ? r : daxfs_rmdir(cx, dir, name, len);
}

int w_rename(struct daxfs_cx *cx, const char *from, const char *to, u32 flags)
{
	const char *name[2];
	u64 dir[2];
	u32 len[2];
	int r = split(cx, from, &dir[0], &name[0], &len[0]);

	if (!r)
		r = split(cx, to, &dir[1], &name[1], &len[1]);
	return r ? r : daxfs_rename(cx, dir[0], name[0], len[0], dir[1],
				    name[1], len[1], flags);
}

int w_open(struct daxfs_cx *cx, const char *path, struct daxfs_file *f)
{
	struct daxfs_stat st;
	int r = w_lookup(cx, path, &st);

	memset(f, 0, sizeof(*f));
	return r ? r : daxfs_open(cx, st.ino, 0, f);
}

/* Host 0 may hold the file from the setup on: then only the handle is new. */
static s64 closed(struct daxfs_cx *cx, struct daxfs_file *f, s64 r)
{
	int err = daxfs_close(cx, f->ino);

	return r < 0 || !err ? r : err;
}

/* A buffer of each host's own: others run while it is being copied. */
static u8 *filled(u64 len, u8 fill)
{
	static u8 buf[SIM_HOSTS + 1][512 << 10];
	u8 *mine = buf[sim_self()];

	if (len > sizeof(buf[0]))
		die("a write is too long", E2BIG);
	memset(mine, fill, len);
	return mine;
}

s64 w_write(struct daxfs_cx *cx, const char *path, u64 off, u64 len, u8 fill)
{
	struct daxfs_file f;
	s64 r = w_open(cx, path, &f);

	if (r)
		return r;
	return closed(cx, &f, daxfs_write(cx, &f, off, filled(len, fill), len));
}

s64 w_append(struct daxfs_cx *cx, const char *path, u64 len, u8 fill)
{
	struct daxfs_file f;
	s64 r = w_open(cx, path, &f);

	if (r)
		return r;
	return closed(cx, &f, daxfs_append(cx, &f, filled(len, fill), len, NULL));
}

int w_truncate(struct daxfs_cx *cx, const char *path, u64 size)
{
	struct daxfs_file f;
	int r = w_open(cx, path, &f);

	return r ? r : (int)closed(cx, &f, daxfs_truncate(cx, &f, size));
}

int w_fallocate(struct daxfs_cx *cx, const char *path, u32 mode, u64 off, u64 len)
{
	struct daxfs_file f;
	int r = w_open(cx, path, &f);

	return r ? r : (int)closed(cx, &f, daxfs_fallocate(cx, &f, mode, off, len));
}

s64 w_copy(struct daxfs_cx *cx, const char *from, u64 off, const char *to,
	   u64 to_off, u64 len)
{
	struct daxfs_file f, g;
	s64 r = w_open(cx, from, &f);

	if (r)
		return r;
	r = w_open(cx, to, &g);
	if (!r)
		r = closed(cx, &g, daxfs_copy_range(cx, &f, off, &g, to_off, len));
	return closed(cx, &f, r);
}

s64 w_seek(struct daxfs_cx *cx, const char *path, u64 off, int hole)
{
	struct daxfs_stat st;
	struct daxfs_file f = { .ino = 0 };
	int r = w_lookup(cx, path, &st);

	f.ino = st.ino;
	return r ? r : daxfs_seek(cx, &f, off, hole);
}

int w_lock(struct daxfs_cx *cx, struct daxfs_file *f, enum daxfs_lock_type type,
	   u64 start, u64 end)
{
	struct daxfs_lock want = { .type = type, .kind = DAXFS_RANGE, .owner = 1,
				   .start = start, .end = end, .pid = 77 };

	return daxfs_lock(cx, f, &want, NULL);
}

static int find(struct daxfs_cx *cx, const char *path, u64 *ino)
{
	struct daxfs_stat st;
	int r = w_lookup(cx, path, &st);

	*ino = st.ino;
	return r;
}

int w_setxattr(struct daxfs_cx *cx, const char *path, const char *name, u64 len,
	       u8 fill)
{
	static u8 value[WORLD_HOSTS][DAXFS_XATTR_VALUE_MAX];
	u8 *mine = value[cx->rg->host % WORLD_HOSTS];
	u64 ino;
	int r = find(cx, path, &ino);

	memset(mine, fill, len);
	return r ? r : daxfs_setxattr(cx, ino, name, (u32)strlen(name), mine,
				      len, 0);
}

int w_setacl(struct daxfs_cx *cx, const char *path, const char *name)
{
	static const u8 acl[] = {	/* u::rwx,u:5:rw-,g::r-x,m::rwx,o::r-- */
		2, 0, 0, 0,
		0x01, 0, 7, 0, 255, 255, 255, 255, 0x02, 0, 6, 0, 5, 0, 0, 0,
		0x04, 0, 5, 0, 255, 255, 255, 255, 0x10, 0, 7, 0, 255, 255, 255,
		255, 0x20, 0, 4, 0, 255, 255, 255, 255,
	};
	u64 ino;
	int r = find(cx, path, &ino);

	return r ? r : daxfs_setxattr(cx, ino, name, (u32)strlen(name), acl,
				      sizeof(acl), 0);
}

s64 w_getxattr(struct daxfs_cx *cx, const char *path, const char *name)
{
	u64 ino;
	int r = find(cx, path, &ino);

	return r ? r : daxfs_getxattr(cx, ino, name, (u32)strlen(name), NULL, 0);
}

int w_removexattr(struct daxfs_cx *cx, const char *path, const char *name)
{
	u64 ino;
	int r = find(cx, path, &ino);

	return r ? r : daxfs_removexattr(cx, ino, name, (u32)strlen(name));
}

/* ---- the tree as text ---- */

struct names {
	u32 nr;
	struct daxfs_dirent de[DIR_MAX];
};

static struct names names_of[DEPTH];	/* one per level, too big for stacks */

struct dump {
	struct daxfs_cx *cx;
	struct log *log;
	u64 first[DIR_MAX];	/* inodes seen, for hard links */
	u32 first_nr;
};

static int collect(void *arg, const struct daxfs_dirent *de)
{
	struct names *n = arg;

	if (!strcmp(de->name, ".") || !strcmp(de->name, ".."))
		return 0;
	if (n->nr == DIR_MAX)
		return 1;
	n->de[n->nr++] = *de;
	return 0;
}

static int by_name(const void *a, const void *b)
{
	const struct daxfs_dirent *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static int list_sorted(struct daxfs_cx *cx, u64 dir, struct names *n)
{
	int r;

	n->nr = 0;
	r = daxfs_readdir(cx, dir, 0, collect, n);
	qsort(n->de, n->nr, sizeof(n->de[0]), by_name);
	return r;
}

int w_count(struct daxfs_cx *cx, const char *path)
{
	struct daxfs_stat st;
	int r = w_lookup(cx, path, &st);

	if (!r)
		r = list_sorted(cx, st.ino, &names_of[0]);
	return r ? r : (int)names_of[0].nr;
}

/* FNV-1a */
static u64 hash(u64 h, const u8 *p, u64 len)
{
	while (len--)
		h = (h ^ *p++) * 0x100000001b3ull;
	return h;
}

static s64 content_hash(struct daxfs_cx *cx, u64 ino, u64 *h)
{
	struct daxfs_file f = { .ino = ino };
	u8 buf[4096];
	u64 off = 0;
	s64 n;

	*h = 0xcbf29ce484222325ull;
	while ((n = daxfs_read(cx, &f, off, buf, sizeof(buf))) > 0) {
		if (memchr(buf, OLD_BYTE, (size_t)n))
			return -EILSEQ;	/* nobody has written that */
		*h = hash(*h, buf, (u64)n);
		off += (u64)n;
	}
	return n < 0 ? n : (s64)off;
}

s64 w_content(struct daxfs_cx *cx, const char *path)
{
	struct daxfs_stat st;
	s64 r = w_lookup(cx, path, &st);
	u64 h = 0;

	if (!r)
		r = content_hash(cx, st.ino, &h);
	return r < 0 ? r : (s64)(h >> 1);
}

s64 w_filled(struct daxfs_cx *cx, const char *path, u64 off)
{
	struct daxfs_stat st;
	struct daxfs_file f;
	s64 r = w_lookup(cx, path, &st), filled = 0, i;
	u8 buf[4096];

	if (r)
		return r;
	f = (struct daxfs_file){ .ino = st.ino };
	while ((r = daxfs_read(cx, &f, off, buf, sizeof(buf))) > 0) {
		for (i = 0; i < r; i++)
			filled += buf[i] != 0;
		off += (u64)r;
	}
	return r ? r : filled;
}

/* A number for the inode: that of the first name met. */
static u32 link_nr(struct dump *d, u64 ino)
{
	u32 i;

	for (i = 0; i < d->first_nr; i++)
		if (d->first[i] == ino)
			return i;
	if (d->first_nr < DIR_MAX)
		d->first[d->first_nr++] = ino;
	return i;
}

static int dump_content(struct dump *d, const struct daxfs_stat *st)
{
	char target[64];
	u64 h = 0;
	s64 r;

	if (S_ISLNK(st->mode)) {
		r = daxfs_readlink(d->cx, st->ino, target, sizeof(target));
		if (r >= 0)
			log_add(d->log, " -> %.*s", (int)strnlen(target,
				(size_t)r), target);
		return r < 0 ? (int)r : 0;
	}
	if (!S_ISREG(st->mode)) {
		log_add(d->log, " device %x", st->rdev);
		return 0;
	}
	r = content_hash(d->cx, st->ino, &h);
	if (r >= 0)
		log_add(d->log, " size %llu read %lld content %016llx",
			(unsigned long long)st->size, (long long)r,
			(unsigned long long)h);
	return r < 0 ? (int)r : 0;
}

/* Extended attributes: their names, and a number for the values. */
static int dump_xattrs(struct dump *d, u64 ino)
{
	static char list[4096], value[DAXFS_XATTR_VALUE_MAX];
	s64 r = daxfs_listxattr(d->cx, ino, list, sizeof(list), 1), n;
	u64 h = 0xcbf29ce484222325ull;
	char *name;

	for (name = list; name < list + r; name += strlen(name) + 1) {
		n = daxfs_getxattr(d->cx, ino, name, (u32)strlen(name), value,
				   sizeof(value));
		if (n < 0)
			return (int)n;
		if (memchr(value, OLD_BYTE, (size_t)n))
			return -EILSEQ;
		h = hash(h, (u8 *)value, (u64)n);
		log_add(d->log, " %s %lld %016llx", name, (long long)n,
			(unsigned long long)h);
	}
	return r < 0 ? (int)r : 0;
}

static int dump_dir(struct dump *d, u64 dir, const char *path, u32 depth);

static int dump_one(struct dump *d, u64 dir, const struct daxfs_dirent *de,
		    const char *path, u32 depth)
{
	struct daxfs_stat st, up;
	char sub[DEPTH * 64];
	int r = daxfs_lookup(d->cx, dir, de->name, de->name_len, &st);

	if (r)
		return r;
	log_add(d->log, "%s/%s mode %o links %u inode %u%s", path, de->name,
		st.mode, st.nlink, link_nr(d, st.ino),
		st.ino != de->ino || st.mode >> 12 != de->d_type ?
		" LISTED AS ANOTHER" : "");
	r = dump_xattrs(d, st.ino);
	if (r)
		return r;
	if (!S_ISDIR(st.mode)) {
		r = dump_content(d, &st);
		log_add(d->log, "\n");
		return r;
	}
	r = daxfs_lookup(d->cx, st.ino, "..", 2, &up);
	log_add(d->log, "%s\n", !r && up.ino != dir ? " WRONG PARENT" : "");
	snprintf(sub, sizeof(sub), "%s/%.60s", path, de->name);
	return r ? r : dump_dir(d, st.ino, sub, depth + 1);
}

static int dump_dir(struct dump *d, u64 dir, const char *path, u32 depth)
{
	struct names *n = &names_of[depth];
	u32 i;
	int r;

	if (depth == DEPTH)
		return -ELOOP;
	r = list_sorted(d->cx, dir, n);
	for (i = 0; i < n->nr && !r; i++) {
		if (i && !strcmp(n->de[i].name, n->de[i - 1].name))
			log_add(d->log, "LISTED TWICE ");
		r = dump_one(d, dir, &n->de[i], path, depth);
	}
	return r;
}

int world_dump(struct daxfs_cx *cx, struct log *log)
{
	struct dump d = { .cx = cx, .log = log };
	struct daxfs_stat st;
	int r = daxfs_getattr(cx, DAXFS_ROOT_INO, &st);

	log_add(log, "/ links %u\n", st.nlink);
	return r ? r : dump_dir(&d, DAXFS_ROOT_INO, "", 0);
}

static int rights_dir(struct daxfs_cx *cx, struct log *log, u64 dir,
		      const char *path, u32 depth)
{
	struct names *n = &names_of[depth];
	struct daxfs_stat st;
	char sub[DEPTH * 64];
	int r = depth == DEPTH ? -ELOOP : list_sorted(cx, dir, n);

	for (u32 i = 0; i < n->nr && !r; i++) {
		const struct daxfs_dirent *de = &n->de[i];

		r = daxfs_lookup(cx, dir, de->name, de->name_len, &st);
		if (r)
			break;
		log_add(log, "%s/%s %llu %o %u %u\n", path, de->name,
			(unsigned long long)st.ino, st.mode, st.uid, st.gid);
		snprintf(sub, sizeof(sub), "%s/%.60s", path, de->name);
		if (S_ISDIR(st.mode))
			r = rights_dir(cx, log, st.ino, sub, depth + 1);
	}
	return r;
}

int world_rights(struct daxfs_cx *cx, struct log *log)
{
	return rights_dir(cx, log, DAXFS_ROOT_INO, "", 0);
}

static int empty_dir(struct daxfs_cx *cx, u64 dir, u32 depth)
{
	struct names *n = &names_of[depth];
	u32 i;
	int r;

	if (depth == DEPTH)
		return -ELOOP;
	r = list_sorted(cx, dir, n);
	for (i = 0; i < n->nr && !r; i++) {
		const struct daxfs_dirent *de = &n->de[i];

		if (de->d_type != S_IFDIR >> 12) {
			r = daxfs_unlink(cx, dir, de->name, de->name_len);
			continue;
		}
		r = empty_dir(cx, de->ino, depth + 1);
		if (!r)
			r = daxfs_rmdir(cx, dir, de->name, de->name_len);
	}
	return r;
}

int world_empty(struct daxfs_cx *cx)
{
	return empty_dir(cx, DAXFS_ROOT_INO, 0);
}

static void report(void *arg, const char *where, u64 id, const char *what)
{
	log_add(arg, "%s %llu: %s\n", where, (unsigned long long)id, what);
}

int world_check(struct daxfs_cx *cx, struct log *log)
{
	struct daxfs_check ck = { .report = report, .arg = log };

	return daxfs_check_index(cx, &ck);
}

/* ---- accounting ---- */

static const char *const type_name[16] = {
	"none", "data", "map", "slots", "slab64", "slab128", "slab256",
	"slab320", "table", "tabdir", "segment", "entries", "dirent", "inode",
	"attr", "xattr",
};
static const u32 slab_size[4] = { 64, 128, 256, 320 };
static const u32 slab_nr[4] = { 64, 32, 16, 12 };

static struct daxfs_a64 *at(struct world *w, u64 off)
{
	return (struct daxfs_a64 *)(w->base + off);
}

static struct daxfs_a64 *page_info(struct world *w, u64 off)
{
	const struct daxfs_span *info = &w->rg[0].area[DAXFS_AREA_PAGE_INFO];

	return at(w, info->off + ((off - w->rg[0].pool_base) >>
				  DAXFS_PAGE_SHIFT) * 8);
}

/* A bucket that refers to a name or an inode, or to nothing. */
static int bucket_is_sound(struct world *w, u64 b)
{
	u64 off = bucket_off(b), v;

	if (!is_cell(b))
		return 1;
	v = page_info(w, off & ~(DAXFS_PAGE_SIZE - 1))->raw;
	if (DAXFS_KIND(v) != DAXFS_I_OWNED || info_type(v) < DAXFS_T_SLAB64 ||
	    info_type(v) > DAXFS_T_SLAB320)
		return 0;
	v = at(w, off)->raw;
	return DAXFS_KIND(v) == DAXFS_I_OWNED && (info_type(v) ==
	       DAXFS_T_DIRENT || info_type(v) == DAXFS_T_INODE);
}

struct tables {
	u64 pages, unsound;
};

/* The tables that a root reaches (of one level: small tests). */
static void look_from(struct world *w, u64 off, struct tables *seen)
{
	u32 i, k;

	while (off) {
		struct daxfs_table *t = (struct daxfs_table *)at(w, off);

		if (t->levels.raw != 1)
			die("a table of more levels", ENOTSUP);
		seen->pages++;
		for (i = 0; i < DAXFS_TABLE_FANOUT && t->dir[i].raw; i++) {
			seen->pages++;
			for (k = 0; k < DAXFS_PAGE_SIZE / 8; k++)
				seen->unsound += !bucket_is_sound(w,
						at(w, t->dir[i].raw)[k].raw);
		}
		off = t->next.raw;
	}
}

/* Of all layers that there are: of one that is unused the root is a leftover. */
static struct tables look_at_tables(struct world *w)
{
	const struct daxfs_span *layers = &w->rg[0].area[DAXFS_AREA_LAYERS];
	struct daxfs_layer *l = (struct daxfs_layer *)(w->base + layers->off);
	struct tables seen = { 0, 0 };

	for (u64 i = 1; i < layers->nr; i++)
		if (layer_state(l[i].word.raw) != DAXFS_L_NONE)
			look_from(w, l[i].root_off.raw, &seen);
	return seen;
}

/* Chunks that a host is said to take from. */
static u64 chunks_held(struct world *w)
{
	const struct daxfs_span *a = &w->rg[0].area[DAXFS_AREA_CHUNK_HINT];
	u64 i, held = 0;

	for (i = 0; i < a->nr; i++)
		held += at(w, a->off)[i].raw >> 16 != 0;
	return held;
}

static void count_slab(struct world *w, u64 off, u32 class, u64 *count)
{
	u32 i;

	for (i = 0; i < slab_nr[class]; i++) {
		u64 v = at(w, off + i * slab_size[class])->raw;

		if (DAXFS_KIND(v) == DAXFS_I_OWNED)
			count[info_type(v)]++;
		else if (DAXFS_KIND(v) == DAXFS_I_RESERVED)
			count[DAXFS_T_NONE]++;
	}
}

void world_owned(struct world *w, struct log *log)
{
	const struct daxfs_span *pool = &w->rg[0].area[DAXFS_AREA_POOL];
	u64 count[16] = { 0 }, i, tables, held = chunks_held(w);
	struct tables seen = look_at_tables(w);

	for (i = 0; i < pool->nr; i++) {
		u64 off = pool->off + (i << DAXFS_PAGE_SHIFT);
		u64 v = page_info(w, off)->raw;
		u32 type = info_type(v);

		if (DAXFS_KIND(v) == DAXFS_I_RESERVED)
			count[DAXFS_T_NONE]++;
		if (DAXFS_KIND(v) != DAXFS_I_OWNED)
			continue;
		if (type >= DAXFS_T_SLAB64 && type <= DAXFS_T_SLAB320)
			count_slab(w, off, type - DAXFS_T_SLAB64, count);
		else
			count[type]++;
	}
	tables = count[DAXFS_T_TABLE] + count[DAXFS_T_TABDIR] +
		 count[DAXFS_T_SEGMENT] - seen.pages;
	if (tables)
		log_add(log, "lost table: %lld\n", (long long)tables);
	if (seen.unsound)
		log_add(log, "buckets of other memory: %llu\n",
			(unsigned long long)seen.unsound);
	if (held)
		log_add(log, "chunks held: %llu\n", (unsigned long long)held);
	if (count[DAXFS_T_NONE])
		log_add(log, "reserved: %llu\n", (unsigned long long)count[0]);
	for (i = 1; i < 16; i++)
		if (count[i] && i != DAXFS_T_TABLE && i != DAXFS_T_TABDIR &&
		    i != DAXFS_T_SEGMENT)
			log_add(log, "%s: %llu\n", type_name[i],
				(unsigned long long)count[i]);
}

static u64 count_pages(struct world *w, int slabs)
{
	const struct daxfs_span *pool = &w->rg[0].area[DAXFS_AREA_POOL];
	u64 i, nr = 0;

	for (i = 0; i < pool->nr; i++) {
		u64 v = page_info(w, pool->off + (i << DAXFS_PAGE_SHIFT))->raw;
		int slab = info_type(v) >= DAXFS_T_SLAB64 &&
			   info_type(v) <= DAXFS_T_SLAB320;

		nr += DAXFS_KIND(v) == DAXFS_I_OWNED && (slab || !slabs);
		nr += DAXFS_KIND(v) == DAXFS_I_RESERVED && !slabs;
	}
	return nr;
}

u64 world_pages_owned(struct world *w)
{
	return count_pages(w, 0);
}

u64 world_slab_pages(struct world *w)
{
	return count_pages(w, 1);
}

static void print_finding(void *arg, const char *where, u64 id, const char *what)
{
	(void)arg;
	printf("  %s %llu: %s\n", where, (unsigned long long)id, what);
}

int world_account(struct daxfs_cx *cx)
{
	struct daxfs_check ck = { .report = print_finding, .quiet = 1 };
	u64 len = daxfs_check_pool_scratch(cx->rg);
	void *scratch = calloc(1, len);
	int r = scratch ? daxfs_check_pool(cx, &ck, scratch, len) : -ENOMEM;

	free(scratch);
	return r;
}
