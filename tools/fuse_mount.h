/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Run daxfs-fuse, the one of the same build or installation, and end its mounts.
 *
 * Notes: for the tools. What goes wrong daxfs-fuse or fusermount3 have printed, or
 * the function has.
 */
#ifndef DAXFS_TOOLS_FUSE_MOUNT_H
#define DAXFS_TOOLS_FUSE_MOUNT_H

#include <sys/types.h>

/* Become daxfs-fuse; argv[0] is any name. Comes back if there is none: errno. */
void fuse_mount_exec(char **argv);
/*
 * Mount the branch of the region and wait until the mount answers. option: more
 * of them for -o, or NULL. 0 or -1.
 */
int fuse_mount_branch(const char *region, const char *mountpoint,
		      const char *branch, const char *option);
/*
 * Unmount and wait until the process server, whose mount it is, has ended (0: it is
 * not known). In use: when it is not used any more, without waiting. 0 or -1.
 */
int fuse_unmount(const char *mountpoint, pid_t server);

#endif
