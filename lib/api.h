/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The handles behind the public API, and how each call begins and ends.
 *
 * Notes: daxfs_api_begin() takes a context for one call, daxfs_api_end() gives
 * it back and turns the result into -EIO if the memory was lost meanwhile.
 */
#ifndef DAXFS_LIB_API_H
#define DAXFS_LIB_API_H

#include <daxfs/daxfs.h>

#include "mount_priv.h"
#include "walk.h"

struct daxfs {
	struct daxfs_mount *m;
	s64 handles;		/* files, listings and pins that a child of fork()
				 * closed; the others count in the contexts' slots */
	dev_t dev;
	u32 uid, gid;		/* of what is made */
};

struct daxfs_fd {
	struct daxfs *fs;
	struct daxfs_held *held;
	int flags;		/* as opened */
	u32 mode;		/* type */
	int locked;		/* it may have locks; atomic */
};

static inline int daxfs_api_begin(struct daxfs *fs, struct daxfs_cx **cx)
{
	int r = daxfs_mount_usable(fs->m);

	if (!r)
		*cx = daxfs_cx_get(fs->m);
	return r;
}

static inline s64 daxfs_api_end(struct daxfs *fs, struct daxfs_cx *cx, s64 r)
{
	daxfs_cx_put(fs->m, cx);
	return daxfs_mount_result(fs->m, r);
}

/* Begin something that changes the region: -EROFS as well. */
static inline int daxfs_api_begin_write(struct daxfs *fs, struct daxfs_cx **cx)
{
	return fs->m->rdonly ? -EROFS : daxfs_api_begin(fs, cx);
}

static inline u64 daxfs_api_start(const struct daxfs_fd *dir)
{
	return dir ? dir->held->file.ino : DAXFS_ROOT_INO;
}

/* fs.c */
void daxfs_api_stat(const struct daxfs *fs, const struct daxfs_stat *from,
		    struct stat *st);
/* n more handles are open; cx: the caller's, NULL in a child of fork(). */
void daxfs_api_count(struct daxfs *fs, struct daxfs_cx *cx, int n);
/* Give a hold back at the end of a handle, which counts no more. */
void daxfs_api_unhold(struct daxfs *fs, struct daxfs_held *held);
/* lock.c: the handle ends, and its locks with it. */
void daxfs_api_unlock(struct daxfs_fd *fd);

#endif
