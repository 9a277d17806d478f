// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What the FUSE servers that daxfs-fuse is measured against share.
 *
 * Notes: the mount options are those that daxfs-fuse passes to libfuse.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "peer.h"

int peer_serve(const char *name, const char *mountpoint,
	       const struct fuse_lowlevel_ops *ops, void *userdata)
{
	static struct daxfs_session session = { .max_threads = PEER_THREADS };
	char path[PATH_MAX];
	struct fuse_args args = FUSE_ARGS_INIT(0, NULL);
	int r = 1;

	if (!realpath(mountpoint, path)) {
		perror(mountpoint);
		return 1;
	}
	daxfs_session_block();
	if (!fuse_opt_add_arg(&args, name) && !fuse_opt_add_arg(&args, "-o") &&
	    !fuse_opt_add_arg(&args, "default_permissions,subtype=peer") &&
	    !daxfs_session_open(&session, &args, ops, userdata, path))
		r = daxfs_session_serve(&session) ? 1 : 0;
	daxfs_session_close(&session);
	fuse_opt_free_args(&args);
	return r;
}
