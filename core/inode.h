/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Inodes: finding, copying up, attributes, holding and dropping.
 */
#ifndef DAXFS_INODE_H
#define DAXFS_INODE_H

#include "core.h"

/* What an inode number stands for at present; volatile, inside a section. */
struct daxfs_iref {
	u64 ino;
	u64 off;			/* of the overlay inode, 0: none */
	struct daxfs_inode *in;		/* NULL: only in the base image */
	int own;			/* in lies in the top layer of the view */
	u32 depth;			/* of the layer of in, from the top */
	int has_base;
	struct daxfs_base_inode base;	/* if has_base */
};

/* -ENOENT: no such inode, or it is gone. hint: offset where it may be, or 0. */
int daxfs_iget(struct daxfs_cx *cx, u64 ino, u64 hint, struct daxfs_iref *ref);
/*
 * Give it an inode in the top layer, to be changed there, if it has none.
 * -EROFS: nothing may be changed in what the view shows; -ENOSPC.
 */
int daxfs_copy_up(struct daxfs_cx *cx, struct daxfs_iref *ref);
/* The same for what is no change of the tree: locks. */
int daxfs_copy_in(struct daxfs_cx *cx, struct daxfs_iref *ref);
/* Does something below the inode of ref show through it? */
int daxfs_has_lower(const struct daxfs_iref *ref);
/*
 * What lies below: an inode of a lower layer, or of the base image alone.
 * -ENOENT: nothing.
 */
int daxfs_lower(struct daxfs_cx *cx, const struct daxfs_iref *ref,
		struct daxfs_iref *lower);

/* The attribute record; -ENOENT once the inode is dropped. */
int daxfs_attr(struct daxfs_cx *cx, const struct daxfs_inode *in,
	       struct daxfs_attr *at, u64 *off);
/*
 * Put at, a changed copy of old, in the place of the record at old_off. What
 * only that has led to is retired. Else a new set of extended attributes is given
 * back; -EAGAIN: another was faster.
 */
int daxfs_attr_replace(struct daxfs_cx *cx, struct daxfs_inode *in, u64 old_off,
		       const struct daxfs_attr *old, const struct daxfs_attr *at);
int daxfs_ref_mode(struct daxfs_cx *cx, const struct daxfs_iref *ref, u32 *mode);
int daxfs_ref_stat(struct daxfs_cx *cx, const struct daxfs_iref *ref,
		   struct daxfs_stat *st);

/* What of struct daxfs_setattr is in the attribute record. */
#define DAXFS_SET_RECORD	(DAXFS_SET_MODE | DAXFS_SET_UID | DAXFS_SET_GID | \
				 DAXFS_SET_DROP_IDS)
/* All of that in one record, put in place by one CAS; times stay. */
int daxfs_attr_set(struct daxfs_cx *cx, struct daxfs_iref *ref,
		   const struct daxfs_setattr *sa);
/* Times alone, where layers freeze; what: DAXFS_TCH_*; 0: those of cx->asked. */
int daxfs_times_record(struct daxfs_cx *cx, struct daxfs_inode *in, u64 what);
/* The mode after somebody wrote who may not keep set-id bits. */
u32 daxfs_without_ids(u32 mode);

#define DAXFS_TOUCH_CTIME	1u
#define DAXFS_TOUCH_MTIME	2u	/* both */
#define DAXFS_TOUCH_CONTENT	4u	/* and the change counter, after the rest */
#define DAXFS_TOUCH_COUNTER	8u	/* that alone: no time moves */
/* Set times to now, or a little later than they are. */
void daxfs_touch(struct daxfs_cx *cx, struct daxfs_inode *in, u32 what);

/*
 * A new inode, complete but in no index: value LIVE, one link (two for
 * directories). *off is the caller's until it is published or given back.
 */
int daxfs_inode_make(struct daxfs_cx *cx, u64 ino, u64 parent,
		     const struct daxfs_new *what, u64 *off);
/*
 * The same for a number that a layer above has, and this one not: what that one says,
 * without its content. is_copy: something below shows through.
 */
int daxfs_inode_like(struct daxfs_cx *cx, u64 ino, const struct daxfs_inode *from,
		     int is_copy, u64 *off);
/* attr_off from old, at old_off, to the record at off; what only old led to goes. */
int daxfs_attr_fold(struct daxfs_cx *cx, struct daxfs_inode *in, u64 old_off, u64 off,
		    const struct daxfs_attr *old, const struct daxfs_attr *at);
/* Give back a new inode that was never published. */
void daxfs_inode_give(struct daxfs_cx *cx, u64 off);
/* Statistics of this context. */
void daxfs_count_inodes(struct daxfs_cx *cx, u64 n);
/* A number that was never used. */
int daxfs_ino_take(struct daxfs_cx *cx, u64 *ino);

/*
 * Drop the inode if it has no link and no holder. Whoever makes one of the
 * two true calls this afterwards. Idempotent; others may be at it.
 */
int daxfs_drop_if_unused(struct daxfs_cx *cx, struct daxfs_iref *ref);
/*
 * Hosts that hold it, as a bitmap: of words of the inode, of those that it is a copy
 * of, and of the base image. clear: take these bits away everywhere.
 */
u64 daxfs_holders(struct daxfs_cx *cx, const struct daxfs_iref *ref);
void daxfs_holders_clear(struct daxfs_cx *cx, const struct daxfs_iref *ref, u64 bits);
/* Go on with a drop that a dead host began. */
int daxfs_drop_finish(struct daxfs_cx *cx, struct daxfs_iref *ref);
/*
 * Retire an inode of a layer that is not there any more, with all that only it leads
 * to. The index keeps its cell.
 */
int daxfs_inode_reap(struct daxfs_cx *cx, struct daxfs_inode *in);
/* Bury and retire a cell whose value is final. */
int daxfs_cell_dispose(struct daxfs_cx *cx, u64 cell_off);

#define DAXFS_ATTR_GONE		1ull	/* attr_off of a dropped inode */

#endif
