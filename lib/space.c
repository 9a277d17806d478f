// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Public API: space of open files, and copies between them.
 *
 * Notes: the modes of fallocate(2) are the core's own values; the core refuses
 * those that it does not know.
 */
#define _GNU_SOURCE	/* SEEK_DATA */

#include <linux/falloc.h>
#include <unistd.h>

#include "api.h"
#include "content.h"

_Static_assert(DAXFS_KEEP_SIZE == FALLOC_FL_KEEP_SIZE &&
	       DAXFS_PUNCH_HOLE == FALLOC_FL_PUNCH_HOLE &&
	       DAXFS_ZERO_RANGE == FALLOC_FL_ZERO_RANGE, "as the kernel's");

static int writes(const struct daxfs_fd *fd)
{
	return (fd->flags & O_ACCMODE) != O_RDONLY;
}

int daxfs_fd_fallocate(struct daxfs_fd *fd, int mode, off_t off, off_t len)
{
	struct daxfs_cx *cx;
	int r;

	if (!writes(fd))
		return -EBADF;
	if (off < 0 || len <= 0)
		return -EINVAL;
	r = daxfs_api_begin(fd->fs, &cx);
	if (r)
		return r;
	r = daxfs_mount_fallocate(fd->fs->m, cx, fd->held, (u32)mode, (u64)off,
				  (u64)len);
	return (int)daxfs_api_end(fd->fs, cx, r);
}

off_t daxfs_fd_seek(struct daxfs_fd *fd, off_t off, int whence)
{
	struct daxfs_cx *cx;
	s64 r;

	if (whence != SEEK_DATA && whence != SEEK_HOLE)
		return -EINVAL;
	if (off < 0)
		return -ENXIO;
	r = daxfs_api_begin(fd->fs, &cx);
	if (r)
		return (off_t)r;
	r = daxfs_seek(cx, &fd->held->file, (u64)off, whence == SEEK_HOLE);
	return (off_t)daxfs_api_end(fd->fs, cx, r);
}

static int check_copy(const struct daxfs_fd *from, const struct daxfs_fd *to)
{
	if ((from->flags & O_ACCMODE) == O_WRONLY || !writes(to) ||
	    (to->flags & O_APPEND))
		return -EBADF;
	return from->fs == to->fs ? 0 : -EXDEV;
}

ssize_t daxfs_fd_copy(struct daxfs_fd *from, off_t off, struct daxfs_fd *to,
		      off_t to_off, size_t len)
{
	struct daxfs_cx *cx;
	s64 r = check_copy(from, to);

	if (!r && (off < 0 || to_off < 0))
		r = -EINVAL;
	if (!r)
		r = daxfs_api_begin(to->fs, &cx);
	if (r)
		return r;
	r = daxfs_mount_copy(to->fs->m, cx, from->held, (u64)off, to->held,
			     (u64)to_off, len);
	return daxfs_api_end(to->fs, cx, r);
}
