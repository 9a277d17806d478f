/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the FUSE servers that daxfs-fuse is measured against share.
 *
 * Notes: they stay in the foreground, end like daxfs-fuse, and mount with the
 * same options.
 */
#ifndef DAXFS_BENCH_PEER_H
#define DAXFS_BENCH_PEER_H

#include "../fuse/session.h"

#define PEER_THREADS	64u	/* as daxfs-fuse */

/* Mount at mountpoint and serve; an exit status. */
int peer_serve(const char *name, const char *mountpoint,
	       const struct fuse_lowlevel_ops *ops, void *userdata);

#endif
