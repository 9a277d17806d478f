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
	int has_base;
	struct daxfs_base_inode base;	/* if has_base */
};

/* -ENOENT: no such inode, or it is gone. hint: offset where it may be, or 0. */
int daxfs_iget(struct daxfs_cx *cx, u64 ino, u64 hint, struct daxfs_iref *ref);
/* Give it an overlay inode if it has only a base one. -EROFS, -ENOSPC. */
int daxfs_copy_up(struct daxfs_cx *cx, struct daxfs_iref *ref);

/* The attribute record; -ENOENT once the inode is dropped. */
int daxfs_attr(struct daxfs_cx *cx, struct daxfs_inode *in, struct daxfs_attr *at,
	       u64 *off);
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
/* The bitmap of hosts that hold it: a word of the base, or of the inode. */
struct daxfs_a64 *daxfs_opens_word(struct daxfs_cx *cx,
				   const struct daxfs_iref *ref);
/* Go on with a drop that a dead host began. */
int daxfs_drop_finish(struct daxfs_cx *cx, struct daxfs_iref *ref);
/* Bury and retire a cell whose value is final. */
int daxfs_cell_dispose(struct daxfs_cx *cx, u64 cell_off);

#define DAXFS_ATTR_GONE		1ull	/* attr_off of a dropped inode */

#endif
