/* SPDX-License-Identifier: (GPL-2.0-only WITH Linux-syscall-note) OR BSD-2-Clause */
/*
 * ioctl requests on files and directories of a daxfs mount.
 *
 * Notes: kernel mounts know all of them; a request that a mount does not know
 * is ENOTTY. Structures grow at their end only, by fields that are zero.
 */
#ifndef DAXFS_IOCTL_H
#define DAXFS_IOCTL_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define DAXFS_IOC_TYPE	0xDA

struct daxfs_ioc_status {
	__u64 region_len;	/* bytes */
	__u32 host;		/* own slot; ~0: not a host */
	__u32 incarnation;
	__u32 flags;		/* DAXFS_IOC_ST_* */
	__u32 reserved;
	__u8 uuid[16];
};

#define DAXFS_IOC_ST_RDONLY	(1u << 0)
#define DAXFS_IOC_ST_EVICTED	(1u << 1)	/* declared dead: unmount it */

/*
 * A descriptor of a dma-buf that is the region's memory, closed on exec. mmap
 * of it shows the superblock first. Needs CAP_SYS_ADMIN in the initial user
 * namespace, because all files can be read and changed through it. EPERM.
 */
#define DAXFS_IOC_GET_DMABUF	_IO(DAXFS_IOC_TYPE, 1)
#define DAXFS_IOC_STATUS	_IOR(DAXFS_IOC_TYPE, 2, struct daxfs_ioc_status)

#endif
