// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Handler of ioctl: branches, and the flags that lsattr(1) and chattr(1) ask about.
 *
 * Notes: of flags there are none (immutable, append-only and so on): what is asked for
 * is told, what is already so may be set, and anything else is refused. The
 * kernel has checked who may ask. Nothing else is known here.
 */
#include <linux/fs.h>

#include "branch_ioc.h"
#include "server.h"

static void set_flags(fuse_req_t req, const void *in, size_t len, size_t want)
{
	uint32_t flags;

	if (len < want) {
		fuse_reply_err(req, EINVAL);
		return;
	}
	/* Of both kinds of argument the first word is the flags. */
	memcpy(&flags, in, sizeof(flags));
	if (flags)
		fuse_reply_err(req, EOPNOTSUPP);
	else
		fuse_reply_ioctl(req, 0, NULL, 0);
}

void daxfs_op_ioctl(fuse_req_t req, fuse_ino_t ino, unsigned int cmd, void *arg,
		    struct fuse_file_info *fi, unsigned int flags,
		    const void *in, size_t in_len, size_t out_len)
{
	const struct fsxattr none = { .fsx_xflags = 0 };

	(void)ino;
	(void)arg;
	(void)fi;
	(void)flags;
	if (daxfs_branch_is_ioctl(cmd))
		daxfs_branch_ioctl(req, cmd, in, in_len);
	else if (cmd == FS_IOC_GETFLAGS && out_len >= sizeof(uint32_t))
		fuse_reply_ioctl(req, 0, &none.fsx_xflags, sizeof(uint32_t));
	else if (cmd == FS_IOC_FSGETXATTR && out_len >= sizeof(none))
		fuse_reply_ioctl(req, 0, &none, sizeof(none));
	else if (cmd == FS_IOC_SETFLAGS)
		set_flags(req, in, in_len, sizeof(uint32_t));
	else if (cmd == FS_IOC_FSSETXATTR)
		set_flags(req, in, in_len, sizeof(none));
	else
		fuse_reply_err(req, ENOTTY);
}
