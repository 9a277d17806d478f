// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The operations that the tests of crashes and of power cuts go through.
 *
 * Notes: one line of the table is one operation on a tree that both hosts have
 * made. What a setup does must be there after any crash of the operation.
 */
#include <stdlib.h>

#include "pool.h"
#include "scenario.h"
#include "word.h"

/* Made by both hosts in turn, so that either works on the other's memory. */
static void setup_tree(struct world *w)
{
	struct daxfs_cx *a = &w->cx[0], *b = &w->cx[1];

	SETUP(w_mkdir(a, "d1"));
	SETUP(w_mkdir(b, "d2"));
	SETUP(w_create(b, "d1/a"));
	SETUP(w_write(a, "d1/a", 0, 5000, 'a'));
	SETUP(w_create(a, "d1/b"));
	SETUP(w_write(b, "d1/b", 0, 9000, 'b'));
	SETUP(w_mkdir(a, "d1/sub"));
	SETUP(w_mkdir(b, "d1/dir"));
	SETUP(w_create(b, "d2/c"));
	SETUP(w_write(b, "d2/c", 0, 100, 'c'));
	SETUP(w_mkdir(a, "d2/empty"));
	SETUP(w_symlink(b, "d1/short", 2));
	SETUP(w_symlink(a, "d1/long", 200));
}

#define HOLE	(DAXFS_PUNCH_HOLE | DAXFS_KEEP_SIZE)

static void setup_linked(struct world *w)
{
	setup_tree(w);
	SETUP(w_link(&w->cx[1], "d1/a", "d2/other"));
}

static void setup_held(struct world *w)
{
	setup_tree(w);
	SETUP(w_open(&w->cx[0], "d1/a", &w->held));
	SETUP(w_unlink(&w->cx[1], "d1/a"));
}

static void setup_held_here(struct world *w)
{
	setup_tree(w);
	SETUP(w_open(&w->cx[0], "d1/a", &w->held));
}

/* A file without a name and with content, open on host 0. */
static int make_tmpfile(struct daxfs_cx *cx, struct world *w, int excl)
{
	struct daxfs_new what = { .mode = S_IFREG | 0640 };
	struct daxfs_stat st;
	int r = w_lookup(cx, "d1", &st);
	s64 n;

	memset(&w->held, 0, sizeof(w->held));
	if (!r)
		r = daxfs_tmpfile(cx, st.ino, &what, excl, &st, &w->held);
	if (r)
		return r;
	n = daxfs_write(cx, &w->held, 3000, "no name yet", 11);
	return n < 0 ? (int)n : 0;
}

static void setup_tmpfile(struct world *w)
{
	setup_tree(w);
	SETUP(make_tmpfile(&w->cx[0], w, 0));
}

/* It has had a name: now it is like any other that was unlinked. */
static void setup_was_tmpfile(struct world *w)
{
	struct daxfs_stat st;

	setup_tmpfile(w);
	SETUP(w_lookup(&w->cx[1], "d2", &st));
	SETUP(daxfs_link(&w->cx[1], w->held.ino, st.ino, "x", 1, NULL));
	SETUP(w_unlink(&w->cx[1], "d2/x"));
}

static void setup_big(struct world *w)
{
	setup_tree(w);
	SETUP(w_write(&w->cx[1], "d1/b", 9000, 90000, 'B'));
}

/* Up to the insert that makes the index grow, and a bit into the growth. */
static void setup_full_index(struct world *w, u32 extra)
{
	struct daxfs_index_stat st;
	char name[16];
	u32 i;

	setup_tree(w);
	for (i = 0; i < 1000; i++) {
		SETUP(daxfs_index_stat(&w->cx[0], &st));
		if (st.migrating && !extra--)
			return;
		snprintf(name, sizeof(name), "d2/f%u", i);
		SETUP(w_create(&w->cx[i % 2], name));
	}
	fprintf(stderr, "setup: the index never grew\n");
	exit(1);
}

static void make_names(struct world *w, u32 n, u32 hosts)
{
	char name[16];

	setup_tree(w);
	while (n--) {
		snprintf(name, sizeof(name), "d2/f%u", n);
		SETUP(w_create(&w->cx[n % hosts], name));
	}
}

/* So many names that the next one of host 0 changes what is counted. */
static void setup_before(struct world *w, u32 hosts, u64 (*count)(struct world *w))
{
	u64 before, after;
	u32 n = 0;

	world_freeze(w);
	do {
		world_reset(w);
		make_names(w, ++n, hosts);
		before = count(w);
		SETUP(w_create(&w->cx[0], "d1/new"));
		after = count(w);
	} while (before == after && n < 1000);
	world_thaw(w);
	make_names(w, n, hosts);
}

static u64 count_migrating(struct world *w)
{
	struct daxfs_index_stat st;

	SETUP(daxfs_index_stat(&w->cx[0], &st));
	return st.migrating != 0;
}

static void setup_before_growth(struct world *w)
{
	setup_before(w, 2, count_migrating);
}

static void setup_before_slab(struct world *w)
{
	setup_before(w, 1, world_slab_pages);
}

static void setup_in_growth(struct world *w)
{
	setup_full_index(w, 1);
}

/* Most buckets have moved: names are referred to from two tables. */
static void setup_late_growth(struct world *w)
{
	setup_full_index(w, 25);
}

/* The next insert puts the new table in the place of the old one. */
static void setup_end_of_growth(struct world *w)
{
	struct daxfs_index_stat st = { .migrating = 1 };
	char name[16];
	u32 n;

	setup_full_index(w, 1);
	world_freeze(w);
	for (n = 0; st.migrating; n++) {
		snprintf(name, sizeof(name), "d2/g%u", n);
		SETUP(w_create(&w->cx[n % 2], name));
		SETUP(daxfs_index_stat(&w->cx[0], &st));
	}
	world_thaw(w);
	while (--n) {
		snprintf(name, sizeof(name), "d2/g%u", n);
		SETUP(w_create(&w->cx[n % 2], name));
	}
}

/* A table of 8192 buckets with a few names, and so many burials behind it. */
static void setup_large_index(struct world *w)
{
	struct world_options o = { .buckets = 8192 };

	world_remake(w, &o);
	setup_tree(w);
	w->cx[0].buried = 8192 / 8;	/* a count that a context keeps for itself */
}

static void setup_holes(struct world *w)
{
	setup_tree(w);
	SETUP(w_write(&w->cx[0], "d1/b", 600 * 4096, 5000, 'h'));
	SETUP(w_write(&w->cx[1], "d1/b", 70000, 100, 'i'));
}

/* A directory whose page of slots has been used. */
static void setup_used_dir(struct world *w)
{
	setup_tree(w);
	SETUP(w_create(&w->cx[0], "d1/sub/x"));
	SETUP(w_create(&w->cx[1], "d1/sub/y"));
	SETUP(w_unlink(&w->cx[0], "d1/sub/y"));
	SETUP(w_unlink(&w->cx[1], "d1/sub/x"));
}

static void setup_held_by_two(struct world *w)
{
	setup_held_here(w);
	SETUP(w_open(&w->cx[3], "d1/a", &w->other));
	SETUP(w_unlink(&w->cx[1], "d1/a"));
}

static void setup_chmod(struct world *w)
{
	struct daxfs_setattr sa = { .set = DAXFS_SET_UID, .uid = 7 };
	struct daxfs_stat st;

	setup_tree(w);
	SETUP(w_lookup(&w->cx[1], "d1/a", &st));
	SETUP(daxfs_setattr(&w->cx[1], st.ino, &sa, NULL));
}

/* Many objects and pages that wait for their reuse. */
static void setup_retired(struct world *w)
{
	char name[16];
	u32 i;

	setup_tree(w);
	for (i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "d2/f%u", i);
		SETUP(w_create(&w->cx[i % 2], name));
	}
	while (i--) {
		snprintf(name, sizeof(name), "d2/f%u", i);
		SETUP(w_unlink(&w->cx[i % 2], name));
	}
}

/* A pool of several chunks; host 0 is at the end of its own. */
static void setup_end_of_chunk(struct world *w)
{
	struct world_options o = { .buckets = 512, .pool_len = 7u << 20 };

	world_remake(w, &o);
	setup_tree(w);
	w->cx[0].chunk_page = DAXFS_CHUNK_PAGES;
	w->cx[0].page_nr = 0;
}

static void setup_left(struct world *w)
{
	setup_tree(w);
	SETUP(daxfs_host_leave(&w->cx[0]));
}

static void setup_base(struct world *w)
{
	struct world_options o = { .buckets = 512, .base = 1 };

	world_remake(w, &o);
}

static void setup_base_whiteouts(struct world *w)
{
	setup_base(w);
	SETUP(w_unlink(&w->cx[1], "d1/a"));
	SETUP(w_rmdir(&w->cx[0], "d1/sub"));
}

static void setup_base_held(struct world *w)
{
	setup_base(w);
	SETUP(w_open(&w->cx[0], "d1/a", &w->held));
	SETUP(w_unlink(&w->cx[1], "d1/a"));
}

/* Pages behind the end of a file, allocated by the other host. */
static void setup_allocated(struct world *w)
{
	setup_tree(w);
	SETUP(w_fallocate(&w->cx[1], "d1/a", DAXFS_KEEP_SIZE, 0, 24000));
}

/* A hole that hides the base image. */
static void setup_base_hole(struct world *w)
{
	setup_base(w);
	SETUP(w_fallocate(&w->cx[1], "d1/a", HOLE, 0, 4096));
}

/* Locks of host 3, so many that their list has a second page. */
static void setup_locked(struct world *w)
{
	u64 i;

	setup_tree(w);
	SETUP(w_open(&w->cx[3], "d1/a", &w->other));
	for (i = 0; i < DAXFS_LOCK_FIRST; i++)
		SETUP(w_lock(&w->cx[3], &w->other, DAXFS_LOCK_EX, 1000 + 2 * i,
			     1000 + 2 * i));
}

/* A file without a name whose last holder goes, and locks with it. */
static void setup_locked_held(struct world *w)
{
	setup_held(w);
	SETUP(w_lock(&w->cx[0], &w->held, DAXFS_LOCK_EX, 0, 10));
}

/* Sets of extended attributes that another host has made. */
static void setup_xattr(struct world *w)
{
	setup_tree(w);
	SETUP(w_setxattr(&w->cx[1], "d1/a", "user.n", 20, 'n'));
}

static void setup_xattr_pages(struct world *w)
{
	setup_xattr(w);
	SETUP(w_setxattr(&w->cx[1], "d1/a", "user.long", 9000, 'x'));
}

static void setup_acl(struct world *w)
{
	setup_xattr(w);
	SETUP(w_setacl(&w->cx[1], "d1/a", "system.posix_acl_access"));
}

static void setup_default_acl(struct world *w)
{
	setup_tree(w);
	SETUP(w_setacl(&w->cx[1], "d1", "system.posix_acl_default"));
}

/* A file whose first record has a set. */
static void setup_inherited(struct world *w)
{
	setup_default_acl(w);
	SETUP(w_create(&w->cx[1], "d1/new"));
}

static s64 op_create(struct daxfs_cx *cx, struct world *w)
{
	(void)w;
	return w_create(cx, "d1/new");
}

static s64 op_create_long(struct daxfs_cx *cx, struct world *w)
{
	(void)w;
	return w_create(cx, "d1/a-name-that-does-not-fit-into-the-smallest-cell");
}

static s64 op_mkdir(struct daxfs_cx *cx, struct world *w)
{
	(void)w;
	return w_mkdir(cx, "d1/new");
}

static s64 op_symlink(struct daxfs_cx *cx, struct world *w)
{
	(void)w;
	return w_symlink(cx, "d1/new", 300);
}

static s64 op_link(struct daxfs_cx *cx, struct world *w)
{
	(void)w;
	return w_link(cx, "d1/a", "d2/a");
}

static s64 op_unlink(struct daxfs_cx *cx, struct world *w)
{
	(void)w;
	return w_unlink(cx, "d1/a");
}

static s64 op_close(struct daxfs_cx *cx, struct world *w)
{
	u64 ino = w->held.ino;

	w->held.ino = 0;
	return daxfs_close(cx, ino);
}

static s64 op_tmpfile(struct daxfs_cx *cx, struct world *w)
{
	return make_tmpfile(cx, w, 0);
}

/* The first name of what was made without one. */
static s64 op_tmpfile_link(struct daxfs_cx *cx, struct world *w)
{
	struct daxfs_stat st;
	int r = w_lookup(cx, "d1", &st);

	return r ? r : daxfs_link(cx, w->held.ino, st.ino, "new", 3, &st);
}

static s64 op_tmpfile_whole(struct daxfs_cx *cx, struct world *w)
{
	int r = make_tmpfile(cx, w, 0);

	if (!r)
		r = (int)op_tmpfile_link(cx, w);
	return r ? r : op_close(cx, w);
}

static s64 op_tmpfile_excl(struct daxfs_cx *cx, struct world *w)
{
	int r = make_tmpfile(cx, w, 1);

	return r ? r : op_tmpfile_link(cx, w);
}

static s64 op_open(struct daxfs_cx *cx, struct world *w)
{
	return w_open(cx, "d1/a", &w->held);
}

static s64 op_rename_same_dir(struct daxfs_cx *cx, struct world *w)
{
	(void)w;
	return w_rename(cx, "d1/a", "d1/new", 0);
}

static s64 op_rename_replace(struct daxfs_cx *cx, struct world *w)
{
	(void)w;
	return w_rename(cx, "d1/a", "d1/b", 0);
}

static s64 op_rename_across(struct daxfs_cx *cx, struct world *w)
{
	(void)w;
	return w_rename(cx, "d1/a", "d2/a", 0);
}

static s64 op_rename_across_replace(struct daxfs_cx *cx, struct world *w)
{
	(void)w;
	return w_rename(cx, "d1/a", "d2/c", 0);
}

static s64 op_move_dir(struct daxfs_cx *cx, struct world *w)
{
	(void)w;
	return w_rename(cx, "d1/sub", "d2/sub", 0);
}

static s64 op_move_dir_replace(struct daxfs_cx *cx, struct world *w)
{
	(void)w;
	return w_rename(cx, "d1/sub", "d2/empty", 0);
}

static s64 op_exchange(struct daxfs_cx *cx, struct world *w)
{
	(void)w;
	return w_rename(cx, "d1/a", "d1/b", DAXFS_RENAME_EXCHANGE);
}

static s64 op_exchange_across(struct daxfs_cx *cx, struct world *w)
{
	(void)w;
	return w_rename(cx, "d1/a", "d2/c", DAXFS_RENAME_EXCHANGE);
}

static s64 op_exchange_types(struct daxfs_cx *cx, struct world *w)
{
	(void)w;
	return w_rename(cx, "d1/a", "d1/sub", DAXFS_RENAME_EXCHANGE);
}

static s64 op_exchange_types_across(struct daxfs_cx *cx, struct world *w)
{
	(void)w;
	return w_rename(cx, "d1/a", "d2/empty", DAXFS_RENAME_EXCHANGE);
}

static s64 op_exchange_dirs(struct daxfs_cx *cx, struct world *w)
{
	(void)w;
	return w_rename(cx, "d1/sub", "d1/dir", DAXFS_RENAME_EXCHANGE);
}

static s64 op_exchange_dirs_across(struct daxfs_cx *cx, struct world *w)
{
	(void)w;
	return w_rename(cx, "d1/sub", "d2/empty", DAXFS_RENAME_EXCHANGE);
}

static s64 op_exchange_full_dir(struct daxfs_cx *cx, struct world *w)
{
	(void)w;
	return w_rename(cx, "d2", "d1/sub", DAXFS_RENAME_EXCHANGE);
}

static s64 op_exchange_links(struct daxfs_cx *cx, struct world *w)
{
	(void)w;
	return w_rename(cx, "d1/a", "d2/other", DAXFS_RENAME_EXCHANGE);
}

static s64 op_exchange_below(struct daxfs_cx *cx, struct world *w)
{
	(void)w;
	return w_rename(cx, "d1", "d1/sub", DAXFS_RENAME_EXCHANGE);
}

static s64 op_exchange_above(struct daxfs_cx *cx, struct world *w)
{
	(void)w;
	return w_rename(cx, "d2/empty", "d2", DAXFS_RENAME_EXCHANGE);
}

static s64 op_exchange_missing(struct daxfs_cx *cx, struct world *w)
{
	(void)w;
	return w_rename(cx, "d1/a", "d1/new", DAXFS_RENAME_EXCHANGE);
}

static s64 op_whiteout(struct daxfs_cx *cx, struct world *w)
{
	(void)w;
	return w_rename(cx, "d1/a", "d1/new", DAXFS_RENAME_WHITEOUT);
}

static s64 op_whiteout_replace(struct daxfs_cx *cx, struct world *w)
{
	(void)w;
	return w_rename(cx, "d1/a", "d1/b", DAXFS_RENAME_WHITEOUT);
}

static s64 op_whiteout_across(struct daxfs_cx *cx, struct world *w)
{
	(void)w;
	return w_rename(cx, "d1/a", "d2/a", DAXFS_RENAME_WHITEOUT | DAXFS_RENAME_NOREPLACE);
}

static s64 op_whiteout_across_replace(struct daxfs_cx *cx, struct world *w)
{
	(void)w;
	return w_rename(cx, "d1/a", "d2/c", DAXFS_RENAME_WHITEOUT);
}

static s64 op_whiteout_dir(struct daxfs_cx *cx, struct world *w)
{
	(void)w;
	return w_rename(cx, "d1/sub", "d1/new", DAXFS_RENAME_WHITEOUT);
}

static s64 op_whiteout_move(struct daxfs_cx *cx, struct world *w)
{
	(void)w;
	return w_rename(cx, "d1/sub", "d2/sub", DAXFS_RENAME_WHITEOUT);
}

static s64 op_whiteout_move_replace(struct daxfs_cx *cx, struct world *w)
{
	(void)w;
	return w_rename(cx, "d1/sub", "d2/empty", DAXFS_RENAME_WHITEOUT);
}

static s64 op_whiteout_exists(struct daxfs_cx *cx, struct world *w)
{
	(void)w;
	return w_rename(cx, "d1/a", "d2/c", DAXFS_RENAME_WHITEOUT | DAXFS_RENAME_NOREPLACE);
}

static s64 op_rmdir(struct daxfs_cx *cx, struct world *w)
{
	(void)w;
	return w_rmdir(cx, "d1/sub");
}

static s64 op_truncate_down(struct daxfs_cx *cx, struct world *w)
{
	(void)w;
	return w_truncate(cx, "d1/b", 5000);
}

static s64 op_truncate_to_0(struct daxfs_cx *cx, struct world *w)
{
	(void)w;
	return w_truncate(cx, "d1/b", 0);
}

static s64 op_truncate_up(struct daxfs_cx *cx, struct world *w)
{
	(void)w;
	return w_truncate(cx, "d1/b", 50000);
}

static s64 op_write_new(struct daxfs_cx *cx, struct world *w)
{
	(void)w;
	return w_write(cx, "d1/a", 12288, 8192, 'w');
}

static s64 op_write_far(struct daxfs_cx *cx, struct world *w)
{
	(void)w;
	return w_write(cx, "d1/a", 4ull << 20, 5000, 'w');
}

static s64 op_append(struct daxfs_cx *cx, struct world *w)
{
	(void)w;
	return w_append(cx, "d1/a", 6000, 'p');
}

static s64 op_setattr(struct daxfs_cx *cx, struct world *w)
{
	struct daxfs_setattr sa = { .set = DAXFS_SET_MODE, .mode = 0600 };
	struct daxfs_stat st;
	int r = w_lookup(cx, "d1/a", &st);

	(void)w;
	return r ? r : daxfs_setattr(cx, st.ino, &sa, NULL);
}

static void setup_setid(struct world *w)
{
	struct daxfs_setattr sa = { .set = DAXFS_SET_MODE, .mode = 06751 };
	struct daxfs_stat st;

	setup_tree(w);
	SETUP(w_lookup(&w->cx[1], "d1/a", &st));
	SETUP(daxfs_setattr(&w->cx[1], st.ino, &sa, NULL));
}

static s64 op_drop_ids(struct daxfs_cx *cx, struct world *w)
{
	struct daxfs_file f = { .ino = 0 };
	struct daxfs_stat st;
	int r = w_lookup(cx, "d1/a", &st);

	(void)w;
	f.ino = st.ino;
	if (!r)
		r = daxfs_drop_ids(cx, &f);
	if (!r)
		r = w_lookup(cx, "d1/a", &st);
	return r ? r : (s64)(st.mode & 07777);
}

/* The new owner never has the old bits. */
static s64 op_chown_setid(struct daxfs_cx *cx, struct world *w)
{
	struct daxfs_setattr sa = { .set = DAXFS_SET_UID | DAXFS_SET_DROP_IDS,
				    .uid = 7 };
	struct daxfs_stat st;
	int r = w_lookup(cx, "d1/a", &st);

	(void)w;
	if (!r)
		r = daxfs_setattr(cx, st.ino, &sa, &st);
	return r ? r : (s64)(st.mode & 07777) << 16 | st.uid;
}

/* The second time tells nothing new. */
static s64 op_accessed(struct daxfs_cx *cx, struct world *w)
{
	struct daxfs_file f = { .ino = 0 };
	struct daxfs_stat st, after, again;
	int r = w_lookup(cx, "d1/a", &st);

	(void)w;
	f.ino = st.ino;
	if (!r)
		r = daxfs_accessed(cx, &f, 0);
	if (!r)
		r = w_lookup(cx, "d1/a", &after);
	if (!r)
		r = daxfs_accessed(cx, &f, 0);
	if (!r)
		r = w_lookup(cx, "d1/a", &again);
	if (r)
		return r;
	return after.mtime_ns == st.mtime_ns && after.ctime_ns == st.ctime_ns &&
	       after.atime_ns > st.atime_ns && again.atime_ns == after.atime_ns;
}

static s64 op_lock(struct daxfs_cx *cx, struct world *w)
{
	struct daxfs_file f;
	int r = w_open(cx, "d1/a", &f);

	(void)w;
	if (!r)
		r = w_lock(cx, &f, DAXFS_LOCK_EX, 3, 9);
	if (!r)
		r = w_lock(cx, &f, DAXFS_UNLOCK, 0, DAXFS_LOCK_END);
	return r ? r : daxfs_close(cx, f.ino);
}

/* Split, and joined again by another type. */
static s64 op_lock_split(struct daxfs_cx *cx, struct world *w)
{
	struct daxfs_file f;
	int r = w_open(cx, "d1/a", &f);

	(void)w;
	if (!r)
		r = w_lock(cx, &f, DAXFS_LOCK_EX, 0, 100);
	if (!r)
		r = w_lock(cx, &f, DAXFS_UNLOCK, 40, 50);
	if (!r)
		r = w_lock(cx, &f, DAXFS_LOCK_SH, 20, 60);
	if (!r)
		r = w_lock(cx, &f, DAXFS_LOCK_EX, 20, 60);
	if (!r)
		r = w_lock(cx, &f, DAXFS_UNLOCK, 0, DAXFS_LOCK_END);
	return r ? r : daxfs_close(cx, f.ino);
}

static s64 op_create_first(struct daxfs_cx *cx, struct world *w)
{
	(void)w;
	return w_create(cx, "d2/empty/first");
}

static s64 op_unlink_symlink(struct daxfs_cx *cx, struct world *w)
{
	(void)w;
	return w_unlink(cx, "d1/long");
}

static s64 op_unlink_late(struct daxfs_cx *cx, struct world *w)
{
	(void)w;
	return w_unlink(cx, "d2/f3");
}

static s64 op_noreplace(struct daxfs_cx *cx, struct world *w)
{
	(void)w;
	return w_rename(cx, "d1/a", "d1/new", DAXFS_RENAME_NOREPLACE);
}

static s64 op_noreplace_exists(struct daxfs_cx *cx, struct world *w)
{
	(void)w;
	return w_rename(cx, "d1/a", "d2/c", DAXFS_RENAME_NOREPLACE);
}

static s64 op_rename_to_link(struct daxfs_cx *cx, struct world *w)
{
	(void)w;
	return w_rename(cx, "d1/a", "d2/other", 0);
}

static s64 op_rename_onto_link(struct daxfs_cx *cx, struct world *w)
{
	(void)w;
	return w_rename(cx, "d1/b", "d2/other", 0);
}

static s64 op_rename_dir(struct daxfs_cx *cx, struct world *w)
{
	(void)w;
	return w_rename(cx, "d1/sub", "d1/new", 0);
}

static s64 op_rename_dir_replace(struct daxfs_cx *cx, struct world *w)
{
	(void)w;
	return w_rename(cx, "d1/sub", "d1/dir", 0);
}

static s64 op_move_full_dir(struct daxfs_cx *cx, struct world *w)
{
	(void)w;
	return w_rename(cx, "d1", "d2/empty/d1", 0);
}

static s64 op_rmdir_full(struct daxfs_cx *cx, struct world *w)
{
	(void)w;
	return w_rmdir(cx, "d1");
}

static s64 op_truncate_hole(struct daxfs_cx *cx, struct world *w)
{
	(void)w;
	return w_truncate(cx, "d1/b", 1ull << 20);
}

static s64 op_write_hole(struct daxfs_cx *cx, struct world *w)
{
	(void)w;
	return w_write(cx, "d1/b", 300000, 100, 'w');
}

/* Within a cache line: what the simulator copies in one step, and keeps. */
static s64 op_write_in_place(struct daxfs_cx *cx, struct world *w)
{
	(void)w;
	return w_write(cx, "d1/a", 130, 50, 'w');
}

/* One call, and nothing behind it that could tell of an eviction. */
static s64 op_write_held(struct daxfs_cx *cx, struct world *w)
{
	return daxfs_write(cx, &w->held, 5000, "behind what was there", 21);
}

static s64 op_append_long(struct daxfs_cx *cx, struct world *w)
{
	(void)w;
	return w_append(cx, "d1/a", 40000, 'p');
}

static s64 op_pin(struct daxfs_cx *cx, struct world *w)
{
	u64 epoch;
	int r = w_open(cx, "d1/b", &w->held);

	if (!r)
		r = daxfs_map_begin(cx, &w->held, &epoch);
	if (r)
		return r;
	daxfs_map_epoch(cx->rg, epoch);
	r = daxfs_truncate(cx, &w->held, 5000);
	daxfs_map_epoch(cx->rg, 0);
	daxfs_map_end(cx, &w->held);
	return r;
}

static s64 op_punch_pages(struct daxfs_cx *cx, struct world *w)
{
	(void)w;
	return w_fallocate(cx, "d1/b", HOLE, 4096, 20480);
}

/* A part of the first page, whole pages, a part of the last. */
static s64 op_punch_parts(struct daxfs_cx *cx, struct world *w)
{
	(void)w;
	return w_fallocate(cx, "d1/b", HOLE, 1000, 12000);
}

static s64 op_punch_inside(struct daxfs_cx *cx, struct world *w)
{
	(void)w;
	return w_fallocate(cx, "d1/a", HOLE, 100, 50);
}

static s64 op_punch_far(struct daxfs_cx *cx, struct world *w)
{
	(void)w;
	return w_fallocate(cx, "d1/b", HOLE, 4000, 1ull << 40);
}

static s64 op_punch_page(struct daxfs_cx *cx, struct world *w)
{
	(void)w;
	return w_fallocate(cx, "d1/a", HOLE, 0, 4096);
}

static s64 op_truncate_down_a(struct daxfs_cx *cx, struct world *w)
{
	(void)w;
	return w_truncate(cx, "d1/a", 2000);
}

static s64 op_punch_pinned(struct daxfs_cx *cx, struct world *w)
{
	u64 epoch;
	int r = w_open(cx, "d1/b", &w->held);

	if (!r)
		r = daxfs_map_begin(cx, &w->held, &epoch);
	if (r)
		return r;
	daxfs_map_epoch(cx->rg, epoch);
	r = daxfs_fallocate(cx, &w->held, HOLE, 4096, 2000);
	daxfs_map_epoch(cx->rg, 0);
	daxfs_map_end(cx, &w->held);
	return r;
}

static s64 op_zero(struct daxfs_cx *cx, struct world *w)
{
	(void)w;
	return w_fallocate(cx, "d1/b", DAXFS_ZERO_RANGE | DAXFS_KEEP_SIZE, 1000,
			   6000);
}

/* Nothing but the size shows: it is zero there. */
static s64 op_zero_end(struct daxfs_cx *cx, struct world *w)
{
	(void)w;
	return w_fallocate(cx, "d1/a", DAXFS_ZERO_RANGE, 5000, 10000);
}

static s64 op_allocate(struct daxfs_cx *cx, struct world *w)
{
	(void)w;
	return w_fallocate(cx, "d1/a", 0, 3000, 20000);
}

static s64 op_allocate_holes(struct daxfs_cx *cx, struct world *w)
{
	(void)w;
	return w_fallocate(cx, "d1/b", DAXFS_KEEP_SIZE, 0, 120000);
}

static s64 op_allocate_behind(struct daxfs_cx *cx, struct world *w)
{
	(void)w;
	return w_fallocate(cx, "d1/a", DAXFS_KEEP_SIZE, 5000, 20000);
}

static s64 op_truncate_same(struct daxfs_cx *cx, struct world *w)
{
	(void)w;
	return w_truncate(cx, "d1/a", 5000);
}

static s64 op_truncate_into(struct daxfs_cx *cx, struct world *w)
{
	(void)w;
	return w_truncate(cx, "d1/a", 13000);
}

static s64 op_copy(struct daxfs_cx *cx, struct world *w)
{
	(void)w;
	return w_copy(cx, "d1/a", 50, "d1/b", 9000, 4000);
}

static s64 op_copy_hole(struct daxfs_cx *cx, struct world *w)
{
	(void)w;
	return w_copy(cx, "d1/b", 20480, "d1/a", 0, 4500);
}

static s64 op_copy_inside(struct daxfs_cx *cx, struct world *w)
{
	(void)w;
	return w_copy(cx, "d1/a", 96, "d1/a", 5000, 4000);
}

static s64 op_reclaim(struct daxfs_cx *cx, struct world *w)
{
	(void)w;
	return daxfs_reclaim(cx) ? 0 : -ENOSPC;
}

static s64 op_leave(struct daxfs_cx *cx, struct world *w)
{
	(void)w;
	return daxfs_host_leave(cx);
}

static s64 op_join(struct daxfs_cx *cx, struct world *w)
{
	struct daxfs_host_id id = { .kind = DAXFS_HOST_TOOL, .pid = 300 };
	int r = daxfs_host_join(&w->rg[0], &id);

	if (!r)
		r = daxfs_cx_init(cx, &w->rg[0], 0);
	return r ? r : w_create(cx, "d1/new");
}

static s64 op_base_create(struct daxfs_cx *cx, struct world *w)
{
	(void)w;
	return w_create(cx, "d1/a");
}

static s64 op_base_mkdir(struct daxfs_cx *cx, struct world *w)
{
	(void)w;
	return w_mkdir(cx, "d1/sub");
}

static s64 op_base_rename(struct daxfs_cx *cx, struct world *w)
{
	(void)w;
	return w_rename(cx, "d1/b", "d1/a", 0);
}

static s64 op_base_write(struct daxfs_cx *cx, struct world *w)
{
	(void)w;
	return w_write(cx, "d1/a", 4000, 50, 'w');
}

static s64 op_setxattr(struct daxfs_cx *cx, struct world *w)
{
	(void)w;
	return w_setxattr(cx, "d1/a", "user.n", 30, 's');
}

static s64 op_setxattr_pages(struct daxfs_cx *cx, struct world *w)
{
	(void)w;
	return w_setxattr(cx, "d1/a", "user.long", 9000, 's');
}

static s64 op_setxattr_page(struct daxfs_cx *cx, struct world *w)
{
	(void)w;
	return w_setxattr(cx, "d1/a", "user.long", 1000, 's');
}

static s64 op_removexattr(struct daxfs_cx *cx, struct world *w)
{
	(void)w;
	return w_removexattr(cx, "d1/a", "user.n");
}

static s64 op_setacl(struct daxfs_cx *cx, struct world *w)
{
	(void)w;
	return w_setacl(cx, "d1/a", "system.posix_acl_access");
}

static s64 op_unlink_new(struct daxfs_cx *cx, struct world *w)
{
	(void)w;
	return w_unlink(cx, "d1/new");
}

static s64 op_base_removexattr(struct daxfs_cx *cx, struct world *w)
{
	(void)w;
	return w_removexattr(cx, "d1/a", "user.b");
}

const struct scenario scenarios[] = {
	{ "create", setup_tree, op_create, 0, 512, 0 },
	{ "create, long name", setup_tree, op_create_long, 0, 512, 0 },
	{ "create that starts growth", setup_before_growth, op_create, 0, 512, 0 },
	{ "create during growth", setup_in_growth, op_create, 0, 512, 0 },
	{ "mkdir", setup_tree, op_mkdir, 0, 512, 0 },
	{ "symlink", setup_tree, op_symlink, 0, 512, 0 },
	{ "link", setup_tree, op_link, 0, 512, 0 },
	{ "unlink", setup_tree, op_unlink, 0, 512, 0 },
	{ "unlink, one of two", setup_linked, op_unlink, 0, 512, 0 },
	{ "unlink, held by itself", setup_held_here, op_unlink, 0, 512, 0 },
	{ "unlink during growth", setup_in_growth, op_unlink, 0, 512, 0 },
	{ "open", setup_tree, op_open, 0, 512, 0 },
	{ "last close", setup_held, op_close, 0, 512, 0 },
	{ "tmpfile", setup_tree, op_tmpfile, 0, 512, 0 },
	{ "tmpfile during growth", setup_in_growth, op_tmpfile, 0, 512, 0 },
	{ "tmpfile, close", setup_tmpfile, op_close, 0, 512, 0 },
	{ "tmpfile, link", setup_tmpfile, op_tmpfile_link, 0, 512, 0 },
	{ "tmpfile, link, close", setup_tree, op_tmpfile_whole, 0, 512, 0 },
	{ "tmpfile, no link", setup_tree, op_tmpfile_excl, -ENOENT, 512, 1 },
	{ "tmpfile, no second first link", setup_was_tmpfile, op_tmpfile_link, -ENOENT, 512, 1 },
	{ "base: tmpfile", setup_base, op_tmpfile, 0, 512, 0 },
	{ "rename", setup_tree, op_rename_same_dir, 0, 512, 0 },
	{ "rename, replace", setup_tree, op_rename_replace, 0, 512, 0 },
	{ "rename, across", setup_tree, op_rename_across, 0, 512, 0 },
	{ "rename, across, replace", setup_tree, op_rename_across_replace, 0, 512, 0 },
	{ "rename, two links", setup_linked, op_rename_across, 0, 512, 0 },
	{ "move directory", setup_tree, op_move_dir, 0, 512, 0 },
	{ "move directory, replace", setup_tree, op_move_dir_replace, 0, 512, 0 },
	{ "rmdir", setup_tree, op_rmdir, 0, 512, 0 },
	{ "truncate down", setup_tree, op_truncate_down, 0, 512, 0 },
	{ "truncate to 0, many pages", setup_big, op_truncate_to_0, 0, 512, 0 },
	{ "truncate up", setup_tree, op_truncate_up, 0, 512, 0 },
	{ "write new pages", setup_tree, op_write_new, 8192, 512, 0 },
	{ "write far behind the end", setup_tree, op_write_far, 5000, 512, 0 },
	{ "append", setup_tree, op_append, 6000, 512, 0 },
	{ "chmod", setup_tree, op_setattr, 0, 512, 0 },
	{ "create, first in its directory", setup_tree, op_create_first, 0, 512, 0 },
	{ "create that ends growth", setup_end_of_growth, op_create, 0, 512, 0 },
	{ "create, new slab page", setup_before_slab, op_create, 0, 512, 0 },
	{ "write, next chunk", setup_end_of_chunk, op_write_new, 8192, 512, 0 },
	{ "unlink of a long symbolic link", setup_tree, op_unlink_symlink, 0, 512, 0 },
	{ "unlink late in growth", setup_late_growth, op_unlink_late, 0, 512, 0 },
	{ "unlink that makes the index smaller", setup_large_index, op_unlink, 0, 512, 1 },
	{ "close, another holds it", setup_held_by_two, op_close, 0, 512, 0 },
	{ "rename, noreplace", setup_tree, op_noreplace, 0, 512, 0 },
	{ "rename, noreplace, exists", setup_tree, op_noreplace_exists, -EEXIST, 512, 1 },
	{ "rename to a link of itself", setup_linked, op_rename_to_link, 0, 512, 0 },
	{ "rename, replace one of two links", setup_linked, op_rename_onto_link, 0, 512, 0 },
	{ "rename directory", setup_tree, op_rename_dir, 0, 512, 0 },
	{ "rename directory, replace", setup_tree, op_rename_dir_replace, 0, 512, 0 },
	{ "move directory with names", setup_tree, op_move_full_dir, 0, 512, 0 },
	{ "exchange", setup_tree, op_exchange, 0, 512, 0 },
	{ "exchange, across", setup_tree, op_exchange_across, 0, 512, 0 },
	{ "exchange, file and directory", setup_tree, op_exchange_types, 0, 512, 0 },
	{ "exchange, file and directory, across", setup_tree, op_exchange_types_across, 0, 512, 0 },
	{ "exchange, directories", setup_tree, op_exchange_dirs, 0, 512, 0 },
	{ "exchange, directories, across", setup_tree, op_exchange_dirs_across, 0, 512, 0 },
	{ "exchange, directory with names", setup_tree, op_exchange_full_dir, 0, 512, 0 },
	{ "exchange during growth", setup_in_growth, op_exchange_across, 0, 512, 0 },
	{ "exchange, two links", setup_linked, op_exchange_links, 0, 512, 0 },
	{ "exchange, below itself", setup_tree, op_exchange_below, -EINVAL, 512, 1 },
	{ "exchange, above itself", setup_tree, op_exchange_above, -EINVAL, 512, 1 },
	{ "exchange, missing", setup_tree, op_exchange_missing, -ENOENT, 512, 1 },
	{ "whiteout", setup_tree, op_whiteout, 0, 512, 0 },
	{ "whiteout, replace", setup_tree, op_whiteout_replace, 0, 512, 0 },
	{ "whiteout, across", setup_tree, op_whiteout_across, 0, 512, 0 },
	{ "whiteout, across, replace", setup_tree, op_whiteout_across_replace, 0, 512, 0 },
	{ "whiteout, directory", setup_tree, op_whiteout_dir, 0, 512, 0 },
	{ "whiteout, move directory", setup_tree, op_whiteout_move, 0, 512, 0 },
	{ "whiteout, move directory, replace", setup_tree, op_whiteout_move_replace, 0, 512, 0 },
	{ "whiteout during growth", setup_in_growth, op_whiteout_across, 0, 512, 0 },
	{ "whiteout, exists", setup_tree, op_whiteout_exists, -EEXIST, 512, 1 },
	{ "rmdir of a used directory", setup_used_dir, op_rmdir, 0, 512, 0 },
	{ "rmdir, not empty", setup_tree, op_rmdir_full, -ENOTEMPTY, 512, 1 },
	{ "truncate into a hole", setup_holes, op_truncate_hole, 0, 512, 0 },
	{ "truncate to 0 over holes", setup_holes, op_truncate_to_0, 0, 512, 0 },
	{ "write into a hole", setup_holes, op_write_hole, 100, 512, 0 },
	{ "write in place", setup_tree, op_write_in_place, 50, 512, 0 },
	{ "write to an open file", setup_held_here, op_write_held, 21, 512, 0 },
	{ "append, many pages", setup_tree, op_append_long, 40000, 512, 0 },
	{ "chmod again", setup_chmod, op_setattr, 0, 512, 0 },
	{ "set-id bits go", setup_setid, op_drop_ids, 0751, 512, 0 },
	{ "chown with set-id bits", setup_setid, op_chown_setid, 0751 << 16 | 7, 512, 0 },
	{ "no set-id bits", setup_tree, op_drop_ids, 0644, 512, 0 },
	{ "accessed", setup_tree, op_accessed, 1, 512, 0 },
	{ "unlink, attributes of another", setup_chmod, op_unlink, 0, 512, 0 },
	{ "lock, unlock", setup_tree, op_lock, 0, 512, 0 },
	{ "lock, split, join, unlock", setup_tree, op_lock_split, 0, 512, 0 },
	{ "lock beside locks of another", setup_locked, op_lock, 0, 512, 0 },
	{ "last close, with locks", setup_locked_held, op_close, 0, 512, 0 },
	{ "base: lock, unlock", setup_base, op_lock, 0, 512, 0 },
	{ "pin, truncate, unpin", setup_tree, op_pin, 0, 512, 0 },
	{ "reclaim", setup_retired, op_reclaim, 0, 512, 0 },
	{ "leave", setup_tree, op_leave, 0, 512, 1 },
	{ "join and create", setup_left, op_join, 0, 512, 1 },
	{ "punch whole pages", setup_big, op_punch_pages, 0, 512, 0 },
	{ "punch parts of pages", setup_big, op_punch_parts, 0, 512, 0 },
	{ "punch inside a page", setup_tree, op_punch_inside, 0, 512, 0 },
	{ "punch to far behind the end", setup_tree, op_punch_far, 0, 512, 0 },
	{ "pin, punch, unpin", setup_tree, op_punch_pinned, 0, 512, 0 },
	{ "copy a hole", setup_holes, op_copy_hole, 4500, 512, 0 },
	{ "zero range", setup_tree, op_zero, 0, 512, 0 },
	{ "zero range across the end", setup_tree, op_zero_end, 0, 512, 0 },
	{ "allocate", setup_tree, op_allocate, 0, 512, 0 },
	{ "allocate in holes", setup_holes, op_allocate_holes, 0, 512, 0 },
	{ "allocate behind the end", setup_tree, op_allocate_behind, 0, 512, 0 },
	{ "write to what is allocated", setup_allocated, op_write_new, 8192, 512, 0 },
	{ "append to what is allocated", setup_allocated, op_append, 6000, 512, 0 },
	{ "truncate to the same size", setup_allocated, op_truncate_same, 0, 512, 0 },
	{ "truncate up, allocated", setup_allocated, op_truncate_into, 0, 512, 0 },
	{ "unlink, allocated", setup_allocated, op_unlink, 0, 512, 0 },
	{ "copy", setup_tree, op_copy, 4000, 512, 0 },
	{ "copy inside a file", setup_tree, op_copy_inside, 4000, 512, 0 },
	{ "base: create over a whiteout", setup_base_whiteouts, op_base_create, 0, 512, 0 },
	{ "base: mkdir over a whiteout", setup_base_whiteouts, op_base_mkdir, 0, 512, 0 },
	{ "base: rename over a whiteout", setup_base_whiteouts, op_base_rename, 0, 512, 0 },
	{ "base: unlink", setup_base, op_unlink, 0, 512, 0 },
	{ "base: unlink of a symbolic link", setup_base, op_unlink_symlink, 0, 512, 0 },
	{ "base: rename", setup_base, op_rename_same_dir, 0, 512, 0 },
	{ "base: rename, replace", setup_base, op_base_rename, 0, 512, 0 },
	{ "base: link", setup_base, op_link, 0, 512, 0 },
	{ "base: rmdir", setup_base, op_rmdir, 0, 512, 0 },
	{ "base: move directory", setup_base, op_move_dir, 0, 512, 0 },
	{ "base: exchange", setup_base, op_exchange, 0, 512, 0 },
	{ "base: exchange, across", setup_base, op_exchange_across, 0, 512, 0 },
	{ "base: exchange, directories, across", setup_base, op_exchange_dirs_across, 0, 512, 0 },
	{ "base: exchange, file and directory", setup_base, op_exchange_types_across, 0, 512, 0 },
	{ "base: whiteout", setup_base, op_whiteout, 0, 512, 0 },
	{ "base: whiteout, replace", setup_base, op_whiteout_replace, 0, 512, 0 },
	{ "base: whiteout, move directory", setup_base, op_whiteout_move, 0, 512, 0 },
	{ "base: open", setup_base, op_open, 0, 512, 0 },
	{ "base: last close", setup_base_held, op_close, 0, 512, 0 },
	{ "base: write that copies up", setup_base, op_base_write, 50, 512, 0 },
	{ "base: append", setup_base, op_append, 6000, 512, 0 },
	{ "base: truncate down", setup_base, op_truncate_down, 0, 512, 0 },
	{ "base: punch a page", setup_base, op_punch_page, 0, 512, 0 },
	{ "base: punch parts", setup_base, op_punch_parts, 0, 512, 0 },
	{ "base: punch inside a page", setup_base, op_punch_inside, 0, 512, 0 },
	{ "base: zero range", setup_base, op_zero, 0, 512, 0 },
	{ "base: allocate", setup_base, op_allocate, 0, 512, 0 },
	{ "base: allocate in a hole", setup_base_hole, op_allocate, 0, 512, 0 },
	{ "base: truncate down, a hole", setup_base_hole, op_truncate_down_a, 0, 512, 0 },
	{ "base: write into a hole", setup_base_hole, op_write_in_place, 50, 512, 0 },
	{ "base: copy", setup_base, op_copy, 4000, 512, 0 },
	{ "base: chmod", setup_base, op_setattr, 0, 512, 0 },
	{ "set attribute", setup_tree, op_setxattr, 0, 512, 0 },
	{ "set attribute, a page", setup_xattr, op_setxattr_page, 0, 512, 0 },
	{ "set attribute, pages", setup_xattr, op_setxattr_pages, 0, 512, 0 },
	{ "replace attribute", setup_xattr, op_setxattr, 0, 512, 0 },
	{ "replace attribute, pages by a page", setup_xattr_pages,
	  op_setxattr_page, 0, 512, 0 },
	{ "remove attribute", setup_xattr, op_removexattr, 0, 512, 0 },
	{ "remove attribute of several", setup_xattr_pages, op_removexattr, 0, 512, 0 },
	{ "chmod with attributes", setup_xattr_pages, op_setattr, 0, 512, 0 },
	{ "chmod with an access list", setup_acl, op_setattr, 0, 512, 0 },
	{ "unlink with attributes", setup_xattr_pages, op_unlink, 0, 512, 0 },
	{ "set access list", setup_xattr, op_setacl, 0, 512, 0 },
	{ "create, inherits lists", setup_default_acl, op_create, 0, 512, 0 },
	{ "mkdir, inherits lists", setup_default_acl, op_mkdir, 0, 512, 0 },
	{ "unlink with inherited lists", setup_inherited, op_unlink_new, 0, 512, 0 },
	{ "base: set attribute", setup_base, op_setxattr, 0, 512, 0 },
	{ "base: remove attribute", setup_base, op_base_removexattr, 0, 512, 0 },
};

const u32 scenario_nr = sizeof(scenarios) / sizeof(scenarios[0]);
_Static_assert(sizeof(scenarios) / sizeof(scenarios[0]) <= SCENARIOS_MAX,
	       "SCENARIOS_MAX");
