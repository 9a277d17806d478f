/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Lists of locks: what the other parts of the core need of them.
 */
#ifndef DAXFS_LOCK_H
#define DAXFS_LOCK_H

#include "core.h"

/* The inode is dropped: give its list back. Idempotent. */
void daxfs_lock_drop(struct daxfs_cx *cx, struct daxfs_inode *in);
/*
 * A dead host had noted that it takes the unit at off out of its inode. 1: it is
 * a list, and is retired unless its inode refers to it; 0: it is none.
 */
int daxfs_lock_forget(struct daxfs_cx *cx, u64 off);

#endif
