/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the ioctls about branches do, for a mount and for a tool that has none.
 *
 * Notes: shared by the FUSE server and daxfs-branch; not installed. The calling
 * thread has the context for the time of the call.
 */
#ifndef DAXFS_LIB_BRANCH_IOC_H
#define DAXFS_LIB_BRANCH_IOC_H

#include <daxfs/ioctl.h>

#include "core.h"

/* Is it one of DAXFS_IOC_BRANCH_*? */
int daxfs_branch_is_ioctl(unsigned int cmd);
/*
 * Do it. arg: the structure that belongs to cmd, changed where that answers. pid
 * is left to the caller. 0 or a negative errno.
 */
int daxfs_branch_ioc(struct daxfs_cx *cx, unsigned int cmd, void *arg);
/* What the host shows now: main (0) if its branch has been committed. */
u64 daxfs_branch_shown(struct daxfs_cx *cx);

#endif
