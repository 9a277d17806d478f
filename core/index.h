/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The index: from a key to its cell, growing online.
 */
#ifndef DAXFS_INDEX_H
#define DAXFS_INDEX_H

#include "core.h"

struct daxfs_key {
	u64 key;		/* DAXFS_KEY_* | ino */
	u64 hash;
	const char *name;	/* DAXFS_KEY_DIRENT */
	u32 len;
};

struct daxfs_key daxfs_key_inode(const struct daxfs_region *rg, u64 ino);
struct daxfs_key daxfs_key_dirent(const struct daxfs_region *rg, u64 dir,
				  const char *name, u32 len);

/*
 * The cell of the key in that layer whose value is LIVE or WHITEOUT. Inside a
 * section; what is found stays valid memory until its end. 0, -ENOENT, -EUCLEAN.
 * All calls without a layer are about the top one of the view.
 */
int daxfs_index_find_in(struct daxfs_cx *cx, u32 layer, const struct daxfs_key *k,
			u64 *cell_off, u64 *value);
static inline int daxfs_index_find(struct daxfs_cx *cx, const struct daxfs_key *k,
				   u64 *cell_off, u64 *value)
{
	return daxfs_index_find_in(cx, cx->view.layer[0], k, cell_off, value);
}
/*
 * Refer to the complete cell at cell_off from a bucket, unless the key has a
 * cell that is LIVE or WHITEOUT: then -EEXIST, and that one in *found_off and
 * *value. -ENOSPC: no room for a larger table.
 */
int daxfs_index_insert(struct daxfs_cx *cx, const struct daxfs_key *k,
		       u64 cell_off, u64 *found_off, u64 *value);
/* Take all references to a cell whose value is DEAD away. The caller retires. */
int daxfs_index_bury(struct daxfs_cx *cx, u64 cell_off);

/*
 * Give memory of the index back: finish a migration, and start one if the
 * table is far too large for its keys. Outside a section; takes its time.
 */
void daxfs_index_compact(struct daxfs_cx *cx);

/* An empty table for that many buckets (a power of two); owned by back_off. */
int daxfs_table_make(struct daxfs_cx *cx, u32 shift, u64 back_off, u64 *off);

/* Retire all pages of a table that nothing refers to. */
int daxfs_table_retire(struct daxfs_cx *cx, u64 off);

/*
 * Visit the cells of buckets [*from, *from + nr) of that layer's tables, counted
 * through all of them. Nobody is in the way if others change them.
 * *from moves on; 1: that was the end.
 */
int daxfs_index_walk_some(struct daxfs_cx *cx, u32 layer, u64 *from, u64 nr,
			  int (*fn)(struct daxfs_cx *cx, void *arg, u64 bucket,
				    struct daxfs_cell *cell),
			  void *arg);
/* Retire all tables of that layer. */
int daxfs_index_retire(struct daxfs_cx *cx, u32 layer);

/* Visit the cells that buckets refer to, each at least once. */
int daxfs_index_walk(struct daxfs_cx *cx,
		     int (*fn)(struct daxfs_cx *cx, void *arg, u64 bucket,
			       struct daxfs_cell *cell),
		     void *arg);

/* The word of bucket i; NULL if the table is damaged. For walks and fsck. */
struct daxfs_a64 *daxfs_table_bucket(const struct daxfs_region *rg, u64 table_off,
				     u64 i);
/* Number of buckets of the table; 0: damaged. */
u64 daxfs_table_size(const struct daxfs_region *rg, u64 table_off);

#endif
