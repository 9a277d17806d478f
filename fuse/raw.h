/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the kernel asks and libfuse 3.14 does not hand on.
 *
 * Notes: libfuse calls a handler on the thread that has read the request, so
 * what it leaves out of its arguments is kept here for that thread until the
 * next read. Two requests that it does not know reach a handler as their next
 * of kin: STATX as GETATTR, TMPFILE as CREATE. Their numbers and layouts are
 * those of the kernel's <linux/fuse.h>, which may be older where we build.
 */
#ifndef DAXFS_FUSE_RAW_H
#define DAXFS_FUSE_RAW_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct daxfs_request {
	uint64_t unique;	/* of the kernel, for a reply of our own */
	int statx;		/* a STATX: the reply is a daxfs_raw_statx_out */
	int tmpfile;		/* a TMPFILE: the name means nothing */
	int drop_ids;		/* its writer may not keep set-id bits */
	int drop_sgid;		/* SETXATTR: its caller may not keep that bit */
};

/* The request that this thread has read last. */
const struct daxfs_request *daxfs_request(void);

enum daxfs_raw {		/* what the handlers can do */
	DAXFS_RAW_STATX		= 1,
	DAXFS_RAW_TMPFILE	= 2,
	DAXFS_RAW_SETXATTR	= 4,	/* with flags: only if the kernel has them */
};

/* A request of len bytes was read to buf: note it; may change it. New len. */
ssize_t daxfs_raw_note(unsigned int can, void *buf, ssize_t len);

/* Reply to STATX: protocol 7.39, Linux 6.6. */
struct daxfs_raw_time {
	int64_t sec;
	uint32_t nsec;
	int32_t reserved;
};

struct daxfs_raw_statx_out {
	uint64_t attr_valid;
	uint32_t attr_valid_nsec;
	uint32_t flags;
	uint64_t spare[2];
	uint32_t mask;		/* STATX_* of <linux/stat.h> */
	uint32_t blksize;
	uint64_t attributes;
	uint32_t nlink;
	uint32_t uid;
	uint32_t gid;
	uint16_t mode;
	uint16_t spare_mode;
	uint64_t ino;
	uint64_t size;
	uint64_t blocks;
	uint64_t attributes_mask;
	struct daxfs_raw_time atime, btime, ctime, mtime;
	uint32_t rdev_major, rdev_minor;
	uint32_t dev_major, dev_minor;
	uint64_t spare_stat[14];
};

#endif
