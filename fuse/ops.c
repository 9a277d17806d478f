// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The table of handlers.
 *
 * Notes: what is missing is missing on purpose, and the kernel then does it
 * itself or stops asking: forget (no state per inode), access (the kernel
 * checks). Locks are asked for in regions with an overlay that is mounted for
 * writing (lock.c); flush is there for their sake alone.
 */
#include "server.h"

static void init(void *userdata, struct fuse_conn_info *conn)
{
	struct daxfs_server *s = userdata;

	daxfs_session_want(conn);
	conn->want |= conn->capable & FUSE_CAP_IOCTL_DIR;
	daxfs_locks_want(s, conn);
	/* The kernel enforces access control lists; a default list of the
	 * directory rules instead of the umask, and only we know it. */
	conn->want |= conn->capable & (FUSE_CAP_POSIX_ACL | FUSE_CAP_DONT_MASK);
	if (s->constant)
		conn->want |= conn->capable & FUSE_CAP_CACHE_SYMLINKS;
	else
		conn->want &= ~(unsigned int)(FUSE_CAP_READDIRPLUS |
					      FUSE_CAP_READDIRPLUS_AUTO);
}

const struct fuse_lowlevel_ops daxfs_server_ops = {
	.init		= init,
	.lookup		= daxfs_op_lookup,
	.getattr	= daxfs_op_getattr,
	.setattr	= daxfs_op_setattr,
	.readlink	= daxfs_op_readlink,
	.mknod		= daxfs_op_mknod,
	.mkdir		= daxfs_op_mkdir,
	.unlink		= daxfs_op_unlink,
	.rmdir		= daxfs_op_rmdir,
	.symlink	= daxfs_op_symlink,
	.rename		= daxfs_op_rename,
	.link		= daxfs_op_link,
	.create		= daxfs_op_create,
	.open		= daxfs_op_open,
	.read		= daxfs_op_read,
	.write		= daxfs_op_write,
	.release	= daxfs_op_release,
	.fsync		= daxfs_op_fsync,
	.flush		= daxfs_op_flush,
	.getlk		= daxfs_op_getlk,
	.setlk		= daxfs_op_setlk,
	.flock		= daxfs_op_flock,
	.fallocate	= daxfs_op_fallocate,
	.lseek		= daxfs_op_lseek,
	.copy_file_range = daxfs_op_copy_file_range,
	.opendir	= daxfs_op_opendir,
	.readdir	= daxfs_op_readdir,
	.readdirplus	= daxfs_op_readdirplus,
	.releasedir	= daxfs_op_releasedir,
	.fsyncdir	= daxfs_op_fsyncdir,
	.statfs		= daxfs_op_statfs,
	.ioctl		= daxfs_op_ioctl,
	.setxattr	= daxfs_op_setxattr,
	.getxattr	= daxfs_op_getxattr,
	.listxattr	= daxfs_op_listxattr,
	.removexattr	= daxfs_op_removexattr,
};
