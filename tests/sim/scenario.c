// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The operations that the tests of crashes and of power cuts go through.
 *
 * Notes: one line of the table is one operation on a tree that both hosts have
 * made. What a setup does must be there after any crash of the operation.
 */
#include <stdlib.h>

#include "scenario.h"

#define SETUP(call) do { \
	s64 r_ = (call); \
	if (r_ < 0) { \
		fprintf(stderr, "setup: %s: %s\n", #call, strerror((int)-r_)); \
		exit(1); \
	} \
} while (0)

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

/* One name before growth starts: found by trying. */
static void setup_before_growth(struct world *w)
{
	struct daxfs_index_stat st;
	char name[16];
	u32 n;

	world_freeze(w);
	for (n = 0; ; n++) {
		u32 i;

		world_reset(w);
		setup_tree(w);
		for (i = 0; i < n; i++) {
			snprintf(name, sizeof(name), "d2/f%u", i);
			SETUP(w_create(&w->cx[i % 2], name));
		}
		SETUP(w_create(&w->cx[0], "d1/new"));
		SETUP(daxfs_index_stat(&w->cx[0], &st));
		if (st.migrating)
			break;
	}
	world_thaw(w);
	setup_tree(w);
	while (n--) {
		snprintf(name, sizeof(name), "d2/f%u", n);
		SETUP(w_create(&w->cx[n % 2], name));
	}
}

static void setup_in_growth(struct world *w)
{
	setup_full_index(w, 1);
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
	return daxfs_close(cx, w->held.ino);
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

const struct scenario scenarios[] = {
	{ "create", setup_tree, op_create, 0, 512 },
	{ "create, long name", setup_tree, op_create_long, 0, 512 },
	{ "create that starts growth", setup_before_growth, op_create, 0, 512 },
	{ "create during growth", setup_in_growth, op_create, 0, 512 },
	{ "mkdir", setup_tree, op_mkdir, 0, 512 },
	{ "symlink", setup_tree, op_symlink, 0, 512 },
	{ "link", setup_tree, op_link, 0, 512 },
	{ "unlink", setup_tree, op_unlink, 0, 512 },
	{ "unlink, one of two", setup_linked, op_unlink, 0, 512 },
	{ "unlink, held by itself", setup_held_here, op_unlink, 0, 512 },
	{ "unlink during growth", setup_in_growth, op_unlink, 0, 512 },
	{ "open", setup_tree, op_open, 0, 512 },
	{ "last close", setup_held, op_close, 0, 512 },
	{ "rename", setup_tree, op_rename_same_dir, 0, 512 },
	{ "rename, replace", setup_tree, op_rename_replace, 0, 512 },
	{ "rename, across", setup_tree, op_rename_across, 0, 512 },
	{ "rename, across, replace", setup_tree, op_rename_across_replace, 0, 512 },
	{ "rename, two links", setup_linked, op_rename_across, 0, 512 },
	{ "move directory", setup_tree, op_move_dir, 0, 512 },
	{ "move directory, replace", setup_tree, op_move_dir_replace, 0, 512 },
	{ "rmdir", setup_tree, op_rmdir, 0, 512 },
	{ "truncate down", setup_tree, op_truncate_down, 0, 512 },
	{ "truncate to 0, many pages", setup_big, op_truncate_to_0, 0, 512 },
	{ "truncate up", setup_tree, op_truncate_up, 0, 512 },
	{ "write new pages", setup_tree, op_write_new, 8192, 512 },
	{ "write far behind the end", setup_tree, op_write_far, 5000, 512 },
	{ "append", setup_tree, op_append, 6000, 512 },
	{ "chmod", setup_tree, op_setattr, 0, 512 },
};

const u32 scenario_nr = sizeof(scenarios) / sizeof(scenarios[0]);
_Static_assert(sizeof(scenarios) / sizeof(scenarios[0]) <= SCENARIOS_MAX,
	       "SCENARIOS_MAX");
