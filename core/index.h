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
 * The cell of the key whose value is LIVE or WHITEOUT. Inside a section; what
 * is found stays valid memory until its end. 0, -ENOENT, -EUCLEAN.
 */
int daxfs_index_find(struct daxfs_cx *cx, const struct daxfs_key *k,
		     u64 *cell_off, u64 *value);
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
