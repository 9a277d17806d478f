// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The golden regions that inputs begin with: made by the core, always alike.
 *
 * Notes: a host dies by leaving the core after so many accesses, so records,
 * migrations and recoveries are half done as they are after a SIGKILL. The
 * base image is put together here, from format.h. What each word of a region
 * is part of is found by the info words of its pages.
 */
#include <stdio.h>
#include <stdlib.h>

#include "fuzz.h"
#include "index.h"
#include "pool.h"
#include "region.h"
#include "word.h"

#define CREATED_NS	1700000000000000000ull
#define BASE_INODES	8u
#define DEAD		4u	/* hosts that die in something */

struct maker {
	struct daxfs_geometry g;
	struct daxfs_region rg[DEAD + 1];
	struct daxfs_cx cx[DEAD + 1];
	u8 *base_meta;
	u64 meta_len;
};

static struct maker mk;
static u8 content[256 * 1024];

static void must(int r, const char *what)
{
	if (r < 0)
		fuzz_fail("cannot make a golden region: %s: %d", what, r);
}

/* ---- a base image ---- */

struct base_plan {
	u64 size, data;		/* data: offset in its area */
	u32 mode, nlink, parent, flags;
};

static struct base_plan plan[BASE_INODES] = {
	{ 5 * 271, 0, S_IFDIR | 0755, 3, 1, 0 },	/* / */
	{ 10000, 0, S_IFREG | 0644, 2, 0, 0 },		/* /a, /d/a2 */
	{ 3 * 271, 5 * 271, S_IFDIR | 0700, 2, 1, 0 },	/* /d */
	{ 4, 8 * 271, S_IFLNK | 0777, 1, 0, 0 },	/* /l */
	{ 0x5000, 0x900, S_IFREG | 0600, 1, 0, DAXFS_BASE_SPARSE }, /* /s */
	{ 0, 0, S_IFIFO | 0600, 1, 0, 0 },		/* /d/p */
	{ 0, 0, S_IFREG | 0600, 1, 0, 0 },		/* /z */
	{ 4096, 0x3000, S_IFREG | 0600, 1, 0, 0 },	/* /d/q */
};

static const struct {
	u32 ino, type;
	const char *name;
} base_names[] = {		/* those of /, then those of /d */
	{ 2, 8, "a" }, { 3, 4, "d" }, { 4, 10, "l" }, { 5, 8, "s" }, { 7, 8, "z" },
	{ 2, 8, "a2" }, { 6, 1, "p" }, { 8, 8, "q" },
};

static void put_dirents(u8 *meta)
{
	for (u32 i = 0; i < sizeof(base_names) / sizeof(*base_names); i++) {
		struct daxfs_base_dirent de = { .ino = base_names[i].ino,
			.d_type = (u8)base_names[i].type,
			.name_len = (u16)strlen(base_names[i].name) };

		memcpy(de.name, base_names[i].name, de.name_len);
		memcpy(meta + i * sizeof(de), &de, sizeof(de));
	}
	memcpy(meta + 8 * 271, "d/a2", 4);
}

static void put_extents(u8 *meta, u64 data_off)
{
	struct daxfs_base_extent e[2] = {
		{ .file_off = 0x1000, .len = 0x1000, .data_off = data_off + 0x4000,
		  .nr = 2 },
		{ .file_off = 0x4000, .len = 0x1000, .data_off = data_off + 0x5000 },
	};
	struct daxfs_base_xattr x = { .name_len = 6, .value_len = 3 };

	memcpy(meta + 0x900, e, sizeof(e));
	memcpy(meta + 0xa00, &x, sizeof(x));
	memcpy(meta + 0xa08, "user.xyes", 9);
}

static u64 area_off(u32 type)
{
	for (u32 i = 0; i < mk.g.super.area_nr; i++)
		if (mk.g.super.area[i].type == type)
			return mk.g.super.area[i].off;
	fuzz_fail("cannot make a golden region: no area %u", type);
}

static void put_base(u8 *base)
{
	u64 inodes = area_off(DAXFS_AREA_BASE_INODES);
	u64 meta = area_off(DAXFS_AREA_BASE_META);
	int split = mk.g.mode == DAXFS_MODE_SPLIT;
	u64 data = split ? DAXFS_PAGE_SIZE : area_off(DAXFS_AREA_BASE_DATA);
	u32 crc;

	for (u32 i = 0; i < BASE_INODES; i++) {
		struct daxfs_base_inode in = { .size = plan[i].size,
			.mode = plan[i].mode, .nlink = plan[i].nlink,
			.parent = plan[i].parent, .flags = plan[i].flags,
			.mtime_ns = 1000000000 };

		in.data_off = plan[i].size ? plan[i].data +
			(S_ISREG(in.mode) && !in.flags ? data : meta) : 0;
		if (i == 1) {
			in.xattr_off = meta + 0xa00;
			in.xattr_len = 24;
		}
		memcpy(base + inodes + i * sizeof(in), &in, sizeof(in));
	}
	put_dirents(base + meta);
	put_extents(base + meta, data);
	for (u32 i = 0; i < 0x6000 && !split; i++)
		base[data + i] = (u8)('A' + i % 23);
	crc = port_crc32(0, base + inodes, BASE_INODES * 64);
	mk.g.super.base_crc = port_crc32(crc, base + meta, 0x1000);
}

/* ---- hosts that do something ---- */

static void join(u32 i)
{
	struct daxfs_host_id id = { .kind = DAXFS_HOST_TOOL, .pid = 100 + i,
				    .boot_id = { 7, 7 }, .start_time = 9,
				    .name = "fuzz" };

	must(daxfs_region_open(&mk.rg[i], fuzz_mem.base, fuzz_mem.len, 1, NULL, 0),
	     "open");
	must(daxfs_host_join(&mk.rg[i], &id), "join");
	must(daxfs_cx_init(&mk.cx[i], &mk.rg[i], 0), "context");
}

static int make(u32 i, u64 dir, const char *name, u32 mode, u64 *ino)
{
	struct daxfs_new what = { .mode = mode, .target = (const char *)content };
	struct daxfs_stat st = { .ino = 0 };
	int r;

	what.target_len = S_ISLNK(mode) ? (u32)strlen(name) * 9 : 0;
	r = daxfs_create(&mk.cx[i], dir, name, (u32)strlen(name), &what, &st);
	if (ino)
		*ino = st.ino;
	return r;
}

static void put(u32 i, u64 ino, u64 off, u64 len)
{
	struct daxfs_file f;

	must(daxfs_open(&mk.cx[i], ino, 1, &f), "open");
	must((int)daxfs_write(&mk.cx[i], &f, off, content, len), "write");
}

/* Files of all shapes below dir. */
static void make_tree(u64 dir)
{
	char name[256];
	u64 sub, ino;

	must(make(0, dir, "sub", S_IFDIR | 0755, &sub), "mkdir");
	must(make(0, sub, "deep", S_IFDIR | 02755, &ino), "mkdir");
	must(make(0, ino, "deeper", S_IFDIR | 0755, NULL), "mkdir");
	must(make(0, dir, "file", S_IFREG | 0644, &ino), "create");
	put(0, ino, 0, 20000);
	must(daxfs_link(&mk.cx[0], ino, sub, "link", 4, NULL), "link");
	must(make(0, sub, "holes", S_IFREG | 0644, &ino), "create");
	put(0, ino, 3ull << 20, 5000);
	put(0, ino, 1ull << 33, 100);
	must(make(0, sub, "sym", S_IFLNK | 0777, NULL), "symlink");
	memset(name, 'x', 200);
	name[200] = 0;
	must(make(0, sub, name, S_IFLNK | 0777, NULL), "symlink");
	name[40] = 0;
	must(make(0, sub, name, S_IFCHR | 0600, NULL), "mknod");
	for (u32 i = 0; i < 24; i++) {
		snprintf(name, sizeof(name), "n%u", i);
		must(make(0, sub, name, S_IFREG | 0644, &ino), "create");
		put(0, ino, i * 10, 50);
		if (i % 3 == 1)
			must(daxfs_unlink(&mk.cx[0], sub, name,
					  (u32)strlen(name)), "unlink");
	}
}

/* Names until the index has a second table. */
static void fill_index(u64 dir)
{
	struct daxfs_index_stat st = { .buckets = 0 };
	char name[32];

	for (u32 i = 0; i < 4000 && !st.migrating; i++) {
		snprintf(name, sizeof(name), "many%u", i);
		must(make(0, dir, name, S_IFREG | 0644, NULL), "create");
		must(daxfs_index_stat(&mk.cx[0], &st), "index");
	}
	for (u32 i = 0; i < 3; i++) {
		snprintf(name, sizeof(name), "more%u", i);
		must(make(0, dir, name, S_IFREG | 0644, NULL), "create");
	}
	if (!st.migrating)
		fuzz_fail("cannot make a golden region: the index does not grow");
}

/* ---- hosts that die ---- */

struct death {
	u32 host;
	u64 dir, ino;
};

static void die_renaming(void *p)
{
	struct death *d = p;

	daxfs_rename(&mk.cx[d->host], d->dir, "n0", 2, d->dir, "renamed", 7, 0);
}

static void die_appending(void *p)
{
	struct death *d = p;
	struct daxfs_file f;

	if (!daxfs_open(&mk.cx[d->host], d->ino, 0, &f))
		daxfs_append(&mk.cx[d->host], &f, content, 60000, NULL);
}

static void die_cutting(void *p)
{
	struct death *d = p;
	struct daxfs_file f;

	if (!daxfs_open(&mk.cx[d->host], d->ino, 0, &f))
		daxfs_truncate(&mk.cx[d->host], &f, 5001);
}

static void die_setting(void *p)
{
	struct death *d = p;

	daxfs_setxattr(&mk.cx[d->host], d->ino, "user.long", 9, content, 3000, 0);
}

static void die_unlinking(void *p)
{
	struct death *d = p;

	daxfs_unlink(&mk.cx[d->host], d->dir, "n3", 2);
}

static u64 look_up(u64 dir, const char *name)
{
	struct daxfs_stat st;

	must(daxfs_lookup(&mk.cx[0], dir, name, (u32)strlen(name), &st), "lookup");
	return st.ino;
}

static void kill_hosts(u64 dir)
{
	static const struct {
		void (*fn)(void *);
		u64 steps;
	} deaths[DEAD] = {
		{ die_renaming, 170 }, { die_appending, 380 },
		{ die_cutting, 150 }, { die_unlinking, 100 },
	};
	u64 sub = look_up(dir, "sub");

	for (u32 i = 0; i < DEAD; i++) {
		struct death d = { i + 1, sub, look_up(dir, "file") };

		if (i == 2)
			d.ino = look_up(sub, "holes");
		join(d.host);
		if (!fuzz_stopped(deaths[i].fn, &d, deaths[i].steps))
			fuzz_fail("cannot make a golden region: host %u lived", i);
		must(daxfs_host_mark_dead(&mk.rg[0], mk.rg[i + 1].host,
					  mk.rg[i + 1].incarnation), "mark dead");
	}
}

static const u8 acl[] = {	/* u::rw-,u:5:r--,g::r--,m::r--,o::--- */
	2, 0, 0, 0,
	0x01, 0, 6, 0, 255, 255, 255, 255, 0x02, 0, 4, 0, 5, 0, 0, 0,
	0x04, 0, 4, 0, 255, 255, 255, 255, 0x10, 0, 4, 0, 255, 255, 255, 255,
	0x20, 0, 0, 0, 255, 255, 255, 255,
};

static void set_attr(u64 ino, const char *name, const void *value, u64 len)
{
	must(daxfs_setxattr(&mk.cx[0], ino, name, (u32)strlen(name), value, len,
			    0), "setxattr");
}

/* Extended attributes in each form, and a host that dies as it sets one. */
static void make_xattrs(void)
{
	struct death d = { .host = 1 };
	u64 dir, ino;

	must(make(0, DAXFS_ROOT_INO, "xd", S_IFDIR | 0755, &dir), "mkdir");
	set_attr(dir, "system.posix_acl_default", acl, sizeof(acl));
	for (u32 i = 0; i < 4; i++) {
		static const u32 lens[] = { 10, 200, 2000, 20000 };
		char name[8];

		snprintf(name, sizeof(name), "x%u", i);
		must(make(0, dir, name, S_IFREG | 0644, &ino), "create");
		set_attr(ino, "user.long", content, lens[i]);
		set_attr(ino, "trusted.t", content, i);
	}
	must(make(0, dir, "sub", S_IFDIR | 0755, NULL), "mkdir");
	set_attr(2, "user.short", "abc", 3);
	d.ino = ino;
	join(1);
	if (!fuzz_stopped(die_setting, &d, 90))
		fuzz_fail("cannot make a golden region: the host that sets lived");
	must(daxfs_host_mark_dead(&mk.rg[0], mk.rg[1].host, mk.rg[1].incarnation),
	     "mark dead");
}

/* An open file without a name, a pinned one, retired pages that wait for it. */
static void hold_some(u64 dir)
{
	struct daxfs_file f;
	u64 ino, epoch;

	must(make(0, dir, "held", S_IFREG | 0644, &ino), "create");
	put(0, ino, 0, 30000);
	must(daxfs_open(&mk.cx[0], ino, 0, &f), "open");
	must(daxfs_map_begin(&mk.cx[0], &f, &epoch), "pin");
	daxfs_map_epoch(&mk.rg[0], epoch);
	must(daxfs_truncate(&mk.cx[0], &f, 9000), "truncate");
	must(daxfs_unlink(&mk.cx[0], dir, "held", 4), "unlink");
}

static void fill_pool(void)
{
	struct daxfs_file f;
	u64 ino;
	s64 r;

	must(make(0, DAXFS_ROOT_INO, "big", S_IFREG | 0644, &ino), "create");
	must(daxfs_open(&mk.cx[0], ino, 1, &f), "open");
	do {
		r = daxfs_append(&mk.cx[0], &f, content, 8192, NULL);
	} while (r > 0);
	if (r != -ENOSPC)
		must((int)r, "append");
}

/* ---- layers ---- */

/* A branch of the one that is shown, which the host shows from now on. */
static u64 enter_branch(u64 parent, const char *name)
{
	u64 id;

	must(daxfs_branch_create(&mk.cx[0], parent, name, DAXFS_BRANCH_KEEP, &id),
	     "branch");
	must(daxfs_branch_mount(&mk.cx[0], id), "mount");
	return id;
}

static void commit(u64 id)
{
	must(daxfs_branch_commit(&mk.cx[0], id, 0), "commit");
	must(daxfs_branch_leave(&mk.cx[0]), "leave");
}

/* Three commits of which some is merged, two branches, one of them ended. */
static void make_layers(void)
{
	u64 id = enter_branch(0, "one"), ino;

	make_tree(DAXFS_ROOT_INO);
	commit(id);
	id = enter_branch(0, "two");
	put(0, look_up(DAXFS_ROOT_INO, "file"), 4096, 100);
	must(daxfs_unlink(&mk.cx[0], look_up(DAXFS_ROOT_INO, "sub"), "n0", 2), "unlink");
	commit(id);
	id = enter_branch(0, "three");
	must(make(0, DAXFS_ROOT_INO, "a", S_IFREG | 0644, &ino), "create");
	set_attr(ino, "user.long", content, 2000);
	commit(id);
	for (u32 i = 0; i < 5; i++)
		must(daxfs_tidy(&mk.cx[0]), "tidy");
	id = enter_branch(0, "over");
	put(0, look_up(DAXFS_ROOT_INO, "file"), 0, 9000);
	must(daxfs_branch_abort(&mk.cx[0], id), "abort");
	daxfs_branch_leave(&mk.cx[0]);
	id = enter_branch(0, "work");
	must(daxfs_unlink(&mk.cx[0], DAXFS_ROOT_INO, "a", 1), "unlink");
	must(daxfs_branch_checkpoint(&mk.cx[0], id, "point"), "checkpoint");
	put(0, look_up(DAXFS_ROOT_INO, "file"), 1, 5);
	must(daxfs_branch_leave(&mk.cx[0]), "leave");
	enter_branch(id, "try");
	must(make(0, look_up(DAXFS_ROOT_INO, "sub"), "new", S_IFREG | 0644, &ino),
	     "create");
	put(0, ino, 0, 5000);
	must(daxfs_branch_leave(&mk.cx[0]), "leave");
}

/* ---- a page cache ---- */

static void bring_in(u32 i, u64 page)
{
	struct daxfs_fill f;

	if (daxfs_cache_claim(&mk.cx[i], page << DAXFS_PAGE_SHIFT, &f) !=
	    DAXFS_CACHE_OURS)
		fuzz_fail("cannot make a golden region: a page is not to be had");
	memcpy(f.page, content, DAXFS_PAGE_SIZE);
	must(daxfs_cache_filled(&mk.cx[i], &f), "fill");
}

/* Pages that are there, pinned, asked for, failed, and half filled by the dead. */
static void make_cache(void)
{
	struct daxfs_fill f;
	u64 slot, off;

	bring_in(0, 1);
	bring_in(0, 2);
	must(daxfs_cache_pin(&mk.cx[0], DAXFS_PAGE_SIZE, &slot, &off), "pin");
	must(daxfs_cache_ask(&mk.cx[0], 4 * DAXFS_PAGE_SIZE, 0), "ask");
	if (daxfs_cache_claim(&mk.cx[0], 5 * DAXFS_PAGE_SIZE, &f) != DAXFS_CACHE_OURS)
		fuzz_fail("cannot make a golden region: no slot");
	must(daxfs_cache_failed(&mk.cx[0], &f), "fail");
	join(1);
	if (daxfs_cache_claim(&mk.cx[1], 3 * DAXFS_PAGE_SIZE, &f) != DAXFS_CACHE_OURS)
		fuzz_fail("cannot make a golden region: no slot");
	must(daxfs_host_mark_dead(&mk.rg[0], mk.rg[1].host, mk.rg[1].incarnation),
	     "mark dead");
}

/* ---- what is where ---- */

static void add_word(struct fuzz_words *w, u64 off)
{
	if (!(w->nr & (w->nr - 1))) {
		w->at = realloc(w->at, (w->nr ? 2 * w->nr : 1) * sizeof(*w->at));
		if (!w->at)
			fuzz_fail("no memory");
	}
	w->at[w->nr++] = (u32)(off / 8);
}

static void add_words(struct fuzz_words *w, u64 off, u64 nr, u64 step)
{
	for (u64 i = 0; i < nr; i++)
		add_word(w, off + i * step);
}

static void add_off(u64 **list, u32 *nr, u64 off)
{
	if (!(*nr & (*nr - 1))) {
		*list = realloc(*list, (*nr ? 2 * *nr : 1) * sizeof(**list));
		if (!*list)
			fuzz_fail("no memory");
	}
	(*list)[(*nr)++] = off;
}

static u64 word_at(u64 off)
{
	u64 v;

	memcpy(&v, fuzz_mem.base + off, 8);
	return v;
}

/* Words in use, and their neighbours. */
static void add_used(struct fuzz_words *w, u64 off, u64 nr)
{
	for (u64 i = 0; i < nr; i++)
		if (word_at(off + 8 * i) || (i && word_at(off + 8 * (i - 1))))
			add_word(w, off + 8 * i);
}

static void scan_slab(struct fuzz_image *im, u64 page, enum daxfs_class class)
{
	u64 size = daxfs_class_size(class);

	for (u32 i = 0; i < daxfs_class_nr(class); i++) {
		u64 off = page + i * size, info = word_at(off), key;

		if (DAXFS_KIND(info) != DAXFS_I_OWNED)
			continue;
		if (info_type(info) == DAXFS_T_ATTR) {
			add_words(&im->words[FUZZ_C_ATTR], off, 4, 8);
			continue;
		}
		if (info_type(info) == DAXFS_T_XATTR) {
			add_words(&im->words[FUZZ_C_ATTR], off, 8, 8);
			continue;
		}
		add_words(&im->words[info_type(info) == DAXFS_T_INODE ?
			  FUZZ_C_INODE : FUZZ_C_DIRENT], off,
			  size < 256 ? 8 : 32, 8);
		add_off(&im->cell, &im->cell_nr, off);
		key = word_at(off + 24);
		if (info_type(info) == DAXFS_T_INODE &&
		    (word_at(off + 200) & S_IFMT) == S_IFDIR)
			add_off(&im->dir, &im->dir_nr, DAXFS_KEY_INO(key));
	}
}

static void scan_page(struct fuzz_image *im, u64 page, u64 info)
{
	enum daxfs_class class = daxfs_slab_class(info);

	add_off(&im->page, &im->page_nr, page);
	if (class != DAXFS_NO_CLASS) {
		scan_slab(im, page, class);
		return;
	}
	switch (info_type(info)) {
	case DAXFS_T_TABLE: case DAXFS_T_TABDIR:
		add_used(&im->words[FUZZ_C_TABLE], page, 300);
		add_words(&im->words[FUZZ_C_TABLE], page + 8, 1, 8);
		add_words(&im->words[FUZZ_C_TABLE], page + 64, 4, 8);
		break;
	case DAXFS_T_SEGMENT:
		add_used(&im->words[FUZZ_C_BUCKET], page, 512);
		break;
	case DAXFS_T_MAP:
		add_used(&im->words[FUZZ_C_MAP], page, 512);
		break;
	case DAXFS_T_SLOTS:
		add_used(&im->words[FUZZ_C_SLOT], page, 512);
		break;
	case DAXFS_T_XATTR:
		add_words(&im->words[FUZZ_C_ATTR], page, 12, 8);
		break;
	case DAXFS_T_ENTRIES:
		add_words(&im->words[FUZZ_C_ENTRY], page, 64, 8);
		break;
	}
}

static void scan_overlay(struct fuzz_image *im, const struct daxfs_region *rg)
{
	const struct daxfs_span *pool = &rg->area[DAXFS_AREA_POOL];
	u64 info = rg->area[DAXFS_AREA_PAGE_INFO].off +
		   ((pool->off - rg->pool_base) >> DAXFS_PAGE_SHIFT) * 8;
	u64 hosts = rg->area[DAXFS_AREA_HOSTS].off;

	add_words(&im->words[FUZZ_C_GLOBALS],
		  rg->area[DAXFS_AREA_GLOBALS].off, 6, 64);
	add_words(&im->words[FUZZ_C_LAYER],
		  rg->area[DAXFS_AREA_LAYERS].off + 128, 4, 8);
	for (u32 i = 2; i < 10 && daxfs_is_branching(rg); i++) {
		add_words(&im->words[FUZZ_C_LAYER],
			  rg->area[DAXFS_AREA_LAYERS].off + i * 128, 8, 8);
		add_words(&im->words[FUZZ_C_LAYER],
			  rg->area[DAXFS_AREA_BRANCHES].off + (i - 2) * 256, 8, 8);
	}
	for (u32 i = 0; i < DEAD + 2; i++) {
		u64 slot = hosts + i * sizeof(struct daxfs_host_slot);

		add_words(&im->words[FUZZ_C_HOST], slot, 4, 8);
		add_words(&im->words[FUZZ_C_CTX], slot + 512, 2 * 48, 8);
	}
	add_words(&im->words[FUZZ_C_HINT], rg->area[DAXFS_AREA_CHUNK_HINT].off,
		  4, 8);
	add_words(&im->words[FUZZ_C_OPENS], rg->area[DAXFS_AREA_BASE_OPENS].off,
		  rg->area[DAXFS_AREA_BASE_OPENS].nr, 8);
	if (daxfs_is_split(rg)) {
		add_words(&im->words[FUZZ_C_CACHE],
			  rg->area[DAXFS_AREA_PCACHE_SLOTS].off, 2 * 64, 8);
		add_words(&im->words[FUZZ_C_CACHE],
			  rg->area[DAXFS_AREA_PCACHE_PINS].off, 64, 8);
		add_words(&im->words[FUZZ_C_CACHE],
			  rg->area[DAXFS_AREA_PCACHE_ASKS].off, 8, 8);
		add_words(&im->words[FUZZ_C_CACHE],
			  rg->area[DAXFS_AREA_BACKING].off, 5, 8);
		add_words(&im->words[FUZZ_C_GLOBALS],
			  rg->area[DAXFS_AREA_GLOBALS].off + 384, 2, 320);
	}
	for (u64 i = 0; i < pool->nr; i++) {
		u64 v = word_at(info + i * 8);

		if (v || !(i % 16))
			add_word(&im->words[FUZZ_C_INFO], info + i * 8);
		if (DAXFS_KIND(v) == DAXFS_I_OWNED)
			scan_page(im, pool->off + (i << DAXFS_PAGE_SHIFT), v);
	}
}

static void scan(enum fuzz_golden g)
{
	struct fuzz_image *im = &fuzz_image[g];
	struct daxfs_region rg;

	must(daxfs_region_open(&rg, fuzz_mem.base, fuzz_mem.len, 0, NULL, 0),
	     "open");
	add_words(&im->words[FUZZ_C_SUPER], 0, 256 / 8 + 4 * 14, 8);
	add_words(&im->words[FUZZ_C_BASE_INODE],
		  rg.area[DAXFS_AREA_BASE_INODES].off,
		  rg.area[DAXFS_AREA_BASE_INODES].len / 8, 8);
	add_words(&im->words[FUZZ_C_BASE_META],
		  rg.area[DAXFS_AREA_BASE_META].off,
		  rg.area[DAXFS_AREA_BASE_META].len / 8, 8);
	add_off(&im->dir, &im->dir_nr, DAXFS_ROOT_INO);
	if (rg.super.base_inode_nr)
		add_off(&im->dir, &im->dir_nr, 3);
	add_off(&im->page, &im->page_nr, 4096);
	if (daxfs_has_overlay(&rg))
		scan_overlay(im, &rg);
	im->bytes = malloc(fuzz_mem.len);
	if (!im->bytes)
		fuzz_fail("no memory");
	memcpy(im->bytes, fuzz_mem.base, fuzz_mem.len);
	im->len = fuzz_mem.len;
}

/* ---- each of them ---- */

static void format(int overlay, int base, int branching, int split)
{
	struct daxfs_geometry *g = &mk.g;
	u64 needed;

	memset(&mk, 0, sizeof(mk));
	g->overlay = overlay;
	g->branching = branching;
	g->mode = base ? DAXFS_MODE_STATIC : DAXFS_MODE_EMPTY;
	g->buckets = 512;
	g->uuid[0] = 5;
	g->created_ns = CREATED_NS;
	g->root_mode = 0755;
	if (base) {
		g->base_inode_nr = BASE_INODES;
		g->base_meta_len = 0x1000;
		g->base_data_len = 0x6000;
	}
	if (split) {
		g->mode = DAXFS_MODE_SPLIT;
		g->backing_nr = 1;
		g->cache_slots = DAXFS_CACHE_MIN;
	}
	must(daxfs_plan(g, &needed), "plan");
	fuzz_mem.len = g->region_len;
	fuzz_mem.base = aligned_alloc(DAXFS_PAGE_SIZE, fuzz_mem.len);
	fuzz_mem.dirty = calloc(fuzz_mem.len / DAXFS_PAGE_SIZE, 1);
	if (!fuzz_mem.base || !fuzz_mem.dirty)
		fuzz_fail("no memory");
	memset(fuzz_mem.base, 0, fuzz_mem.len);
	if (split) {
		struct daxfs_backing b = { .size = DAXFS_PAGE_SIZE + 0x6000 };

		memcpy(fuzz_mem.base + area_off(DAXFS_AREA_BACKING), &b, sizeof(b));
	}
	if (base)
		put_base(fuzz_mem.base);
	must(daxfs_format(g, fuzz_mem.base, fuzz_mem.len), "format");
}

static void finish(enum fuzz_golden g)
{
	scan(g);
	free(fuzz_mem.base);
	free(fuzz_mem.dirty);
	fuzz_mem.base = NULL;
}

void fuzz_golden_make(void)
{
	for (u32 i = 0; i < sizeof(content); i++)
		content[i] = (u8)('a' + i % 26);
	fuzz_mem.own = (u8 *)&mk;	/* handles of files lie on the stack */
	fuzz_mem.own = NULL;
	fuzz_mem.own_len = ~0ull;
	format(1, 0, 0, 0);
	finish(FUZZ_EMPTY);
	format(0, 1, 0, 0);
	finish(FUZZ_BASE);
	format(1, 1, 0, 0);
	join(0);
	make_tree(DAXFS_ROOT_INO);
	make_tree(3);
	must(daxfs_unlink(&mk.cx[0], DAXFS_ROOT_INO, "z", 1), "unlink");
	hold_some(DAXFS_ROOT_INO);
	kill_hosts(DAXFS_ROOT_INO);
	fill_index(3);
	finish(FUZZ_RICH);
	format(1, 0, 0, 0);
	join(0);
	make_tree(DAXFS_ROOT_INO);
	fill_pool();
	finish(FUZZ_FULL);
	format(1, 1, 0, 0);
	join(0);
	make_xattrs();
	finish(FUZZ_XATTR);
	format(1, 0, 1, 0);
	join(0);
	make_layers();
	finish(FUZZ_LAYERS);
	format(1, 1, 0, 1);
	join(0);
	make_cache();
	make_tree(DAXFS_ROOT_INO);
	finish(FUZZ_SPLIT);
	fuzz_mem.own_len = 0;
}
