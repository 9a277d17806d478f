/* SPDX-License-Identifier: (GPL-2.0-only WITH Linux-syscall-note) OR BSD-2-Clause */
/*
 * ioctl requests on files and directories of a daxfs mount.
 *
 * Notes: a request that a mount does not know is ENOTTY. Kernel mounts know all of
 * them, FUSE mounts those about branches. Structures grow at their end only, by
 * fields that are zero.
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

/* ---- branches, in regions that mkdaxfs -b has made ---- */

#define DAXFS_IOC_BRANCH_SELF	(~0ull)	/* as an id: what the mount shows */

struct daxfs_ioc_branch {
	__u64 id;		/* never that of another branch; 0: main */
	__u64 parent;		/* id */
	__u64 head;		/* number of the state of main, see if_head */
	__u64 created_ns;	/* since 1970 */
	__u64 mounts;		/* bitmap of the slots of hosts that show it */
	__u32 state;		/* DAXFS_IOC_BR_* */
	__u32 flags;		/* DAXFS_IOC_BR_KEEP */
	__u32 children;
	__u32 layers;		/* of its own: 1, and one for each checkpoint */
	__u32 index;		/* of LIST: where to look; behind it then */
	__u32 pid;		/* of the server of the mount that was asked; 0: a kernel */
	char name[64];		/* NUL-terminated */
};

#define DAXFS_IOC_BR_LIVE	0
#define DAXFS_IOC_BR_FROZEN	1	/* it has children */
#define DAXFS_IOC_BR_STALE	2	/* it has ended, and is about to go */

#define DAXFS_IOC_BR_KEEP	(1u << 0)	/* stays after its last unmount */

struct daxfs_ioc_branch_op {
	__u64 id;		/* or DAXFS_IOC_BRANCH_SELF */
	__u64 if_head;		/* COMMIT: 0, or what head must still be */
	char name[64];		/* of a checkpoint, NUL-terminated */
};

/*
 * INFO: of id. LIST: of the first that there is at index or behind it; ENOENT:
 * none. FIND: of name. CREATE: parent (or SELF), name and flags are given. These
 * four fill the structure.
 * ENOENT: no such name; ESTALE: the branch has ended, or lost against another one;
 * EROFS: main, or a read-only mount; EEXIST, EINVAL, EBUSY, ENOSPC, EMLINK as the
 * functions of libdaxfs have them; EOPNOTSUPP: a region without branches.
 * All but the first three are for root and for who mounted it. EPERM.
 */
#define DAXFS_IOC_BRANCH_INFO	_IOWR(DAXFS_IOC_TYPE, 16, struct daxfs_ioc_branch)
#define DAXFS_IOC_BRANCH_LIST	_IOWR(DAXFS_IOC_TYPE, 17, struct daxfs_ioc_branch)
#define DAXFS_IOC_BRANCH_FIND	_IOWR(DAXFS_IOC_TYPE, 18, struct daxfs_ioc_branch)
#define DAXFS_IOC_BRANCH_CREATE	_IOWR(DAXFS_IOC_TYPE, 19, struct daxfs_ioc_branch)
#define DAXFS_IOC_BRANCH_COMMIT	_IOW(DAXFS_IOC_TYPE, 20, struct daxfs_ioc_branch_op)
#define DAXFS_IOC_BRANCH_ABORT	_IOW(DAXFS_IOC_TYPE, 21, struct daxfs_ioc_branch_op)
#define DAXFS_IOC_BRANCH_CHECKPOINT \
	_IOW(DAXFS_IOC_TYPE, 22, struct daxfs_ioc_branch_op)
#define DAXFS_IOC_BRANCH_ROLLBACK \
	_IOW(DAXFS_IOC_TYPE, 23, struct daxfs_ioc_branch_op)

#endif
