/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * File content: what the other parts of the core need of it.
 */
#ifndef DAXFS_DATA_H
#define DAXFS_DATA_H

#include "inode.h"

/*
 * End a shrink that somebody began: takes the pages behind the end away.
 * Anyone may call it, several at once. 0 once the cut word has no PURGE.
 */
int daxfs_purge(struct daxfs_cx *cx, struct daxfs_iref *ref);

/* The inode of a file handle; fills inode_off in once there is one. */
int daxfs_file_ref(struct daxfs_cx *cx, struct daxfs_file *f,
		   struct daxfs_iref *ref);
/* Is it a regular file? 0, -EISDIR, -EINVAL. */
int daxfs_regular(struct daxfs_cx *cx, const struct daxfs_iref *ref);
/*
 * Take away what a dead host had put behind the end of the file's last page,
 * before a record that never came: the page gets a copy, as by a cut.
 */
int daxfs_cut_tail(struct daxfs_cx *cx, struct daxfs_iref *ref);
/* Pages that a committed record has replaced are retired. */
void daxfs_retire_replaced(struct daxfs_cx *cx, struct daxfs_shared_ctx *sh,
			   int mapped);

#endif
