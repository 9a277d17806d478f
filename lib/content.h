/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Calls of the core that may need content of a backing file, with all it takes.
 *
 * Notes: shared by libdaxfs, the FUSE server and the tools. Each is the core's
 * call of that name; in split mode it brings pages into the cache that are not
 * there, waiting where it must, and calls again. -EIO then also says that a page
 * cannot be read, now: the next call tries again. Not to be used inside a section.
 */
#ifndef DAXFS_LIB_CONTENT_H
#define DAXFS_LIB_CONTENT_H

#include "mount.h"

/* Less than len bytes: at the end of the file only, or before what is -EIO. */
s64 daxfs_mount_read(struct daxfs_mount *m, struct daxfs_cx *cx,
		     struct daxfs_held *held, u64 off, void *buf, u64 len);
s64 daxfs_mount_write(struct daxfs_mount *m, struct daxfs_cx *cx,
		      struct daxfs_held *held, u64 off, const void *buf, u64 len);
s64 daxfs_mount_append(struct daxfs_mount *m, struct daxfs_cx *cx,
		       struct daxfs_held *held, const void *buf, u64 len, u64 *at);
int daxfs_mount_truncate(struct daxfs_mount *m, struct daxfs_cx *cx,
			 struct daxfs_held *held, u64 size);
int daxfs_mount_fallocate(struct daxfs_mount *m, struct daxfs_cx *cx,
			  struct daxfs_held *held, u32 mode, u64 off, u64 len);
s64 daxfs_mount_copy(struct daxfs_mount *m, struct daxfs_cx *cx,
		     struct daxfs_held *from, u64 off, struct daxfs_held *to,
		     u64 to_off, u64 len);
/*
 * Bring the page at that backing address in and pin it. *off: of it in the
 * region. Each pin is counted: one daxfs_mount_unpin_page() for it. -EBUSY: all
 * slots that it may be in are pinned.
 */
int daxfs_mount_pin_page(struct daxfs_mount *m, struct daxfs_cx *cx, u64 addr,
			 u64 want, u64 *slot, u64 *off);
void daxfs_mount_unpin_page(struct daxfs_mount *m, struct daxfs_cx *cx, u64 slot);

#endif
