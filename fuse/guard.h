/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A process that ends a mount whose server was killed and cannot end.
 */
#ifndef DAXFS_FUSE_GUARD_H
#define DAXFS_FUSE_GUARD_H

#include <sys/types.h>

/* It is the same program under this name: main() calls the function then. */
#define DAXFS_GUARD_NAME	"daxfs-guard"
int daxfs_guard_main(int argc, char **argv);

/*
 * Start it for the mount at mountpoint (absolute, just mounted). Called once,
 * by the main thread, before any other thread starts. Its process number, or a
 * negative errno: the mount then works without.
 */
pid_t daxfs_guard_start(const char *mountpoint);
/* The server ends by itself: it is not needed any more. */
void daxfs_guard_stop(pid_t guard);

#endif
