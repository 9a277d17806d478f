/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Directories: names found, slots of the listing.
 */
#ifndef DAXFS_DIR_H
#define DAXFS_DIR_H

#include "index.h"
#include "inode.h"

struct daxfs_name {		/* a name in a directory, as found */
	struct daxfs_key key;
	u64 cell_off;		/* overlay cell, LIVE or WHITEOUT; 0: none */
	struct daxfs_dirent_cell *cell;
	u64 value;		/* of the cell */
	int found;		/* the name exists */
	u64 ino;
	u32 d_type;
	u64 hint;		/* where the inode may be */
	int below;		/* a lower layer, or the base image, has the name */
	u64 slot;		/* that it has there */
};

/* The directory, alive. -ENOTDIR, -ENOENT. */
int daxfs_dir_get(struct daxfs_cx *cx, u64 ino, struct daxfs_iref *dir);
int daxfs_name_find(struct daxfs_cx *cx, const struct daxfs_iref *dir,
		    const char *name, u32 len, struct daxfs_name *n);
/*
 * The name was found, and not what it refers to. -EAGAIN: it has changed since,
 * as it does before an inode goes; -EUCLEAN: it has not.
 */
int daxfs_name_dangles(struct daxfs_cx *cx, const struct daxfs_iref *dir,
		       const struct daxfs_name *n);
/* Attributes of what a name that was found refers to. -EAGAIN: as above. */
int daxfs_name_stat(struct daxfs_cx *cx, const struct daxfs_iref *dir,
		    const struct daxfs_name *n, struct daxfs_stat *st);
/*
 * The directory dir named that parent, and there is none of that number. As
 * above: directories leave a parent, or go, before it goes.
 */
int daxfs_parent_dangles(struct daxfs_cx *cx, u64 dir, u64 parent);
/* Number of the parent directory; the root's is itself. */
int daxfs_dir_parent(struct daxfs_cx *cx, const struct daxfs_iref *dir, u64 *ino);

/* What a cell in the top layer notes of its slot. */
u64 daxfs_dslot(const struct daxfs_cx *cx, u64 slot, int below);
/* Put the cell into a free slot of the directory; *slot: its number. */
int daxfs_slot_take(struct daxfs_cx *cx, struct daxfs_iref *dir, u64 cell_off,
		    u64 *slot);
/* Put the cell into that slot, which is free. -EBUSY: it is not. */
int daxfs_slot_put(struct daxfs_cx *cx, struct daxfs_iref *dir, u64 slot,
		   u64 cell_off);
/*
 * Merging: the name in a directory of the top layer becomes what a layer above says,
 * value, and keeps its slot there. -EAGAIN: again, there was more than one step.
 */
int daxfs_name_fold(struct daxfs_cx *cx, struct daxfs_iref *dir, const char *name,
		    u32 len, u64 value, u64 slot);
/* Take the cell out of its slot, if it is there. */
int daxfs_slot_clear(struct daxfs_cx *cx, struct daxfs_iref *dir, u64 slot,
		     u64 cell_off);
/* The word of a slot; NULL in *word if its page is missing. */
int daxfs_slot_word(struct daxfs_cx *cx, struct daxfs_inode *in, u64 slot,
		    int create, struct daxfs_a64 **word);

#endif
