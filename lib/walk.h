/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * From a path to an inode, component by component, through symbolic links.
 *
 * Notes: no permission is checked. Each lookup is atomic, the walk is not:
 * it may pass through a directory that is moved meanwhile, as in any kernel.
 */
#ifndef DAXFS_LIB_WALK_H
#define DAXFS_LIB_WALK_H

#include "core.h"

#define DAXFS_WALK_LINKS	40u	/* symbolic links in one walk */
#define DAXFS_WALK_FOLLOW	1u	/* the last component, too */
#define DAXFS_WALK_PARENT	2u	/* do not look at the last component */

struct daxfs_walk {
	u64 dir;		/* of the last component */
	u32 len;		/* of its name; 0: the walk ended before it */
	int slash;		/* behind it: it must be a directory */
	char name[DAXFS_NAME_MAX + 1];	/* "." if the path has no component */
	struct daxfs_stat st;	/* but with DAXFS_WALK_PARENT */
};

/*
 * Walk path from the directory start. how: DAXFS_WALK_*. 0, or -ENOENT (with
 * w->len != 0 the last component alone is missing), -ENOTDIR, -ELOOP,
 * -ENAMETOOLONG, -ENOMEM.
 */
int daxfs_walk(struct daxfs_cx *cx, u64 start, const char *path, u32 how,
	       struct daxfs_walk *w);
/* The last component of a parent walk is "." or "..". */
int daxfs_walk_is_dots(const struct daxfs_walk *w);

#endif
