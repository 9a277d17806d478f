// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Does the kernel take a file's map, so that it needs no server for content?
 *
 * Notes: proposed for Linux as FUSE_DAX_FMAP; no release of Linux up to 6.18 has
 * it, nor libfuse 3.14, so nothing here uses it and content is always served from
 * the mapped device. What is found is said at start, once, so that nobody has to
 * guess which way is active.
 */
#include <linux/fuse.h>

#include "fuse_map.h"

#ifdef FUSE_DAX_FMAP
static const char *found(const struct daxfs_session *s)
{
	u64 offers = (u64)s->offers2 << 32 | s->offers;

	return offers & FUSE_DAX_FMAP ?
	       "the kernel offers to take them, this libfuse cannot hand them over" :
	       "the kernel does not offer to take them";
}
#else
static const char *found(const struct daxfs_session *s)
{
	(void)s;
	return "the kernel headers of this build do not know them";
}
#endif

void famfs_filemap_say(const struct daxfs_session *s)
{
	famfs_say("file maps in the kernel: not used (%s); content is served from the "
		  "mapped device", found(s));
}
