// SPDX-License-Identifier: GPL-2.0-only
/*
 * ioctl(2) on files and directories: status, export of the memory, flags; requests
 * about branches are branch.c's.
 *
 * Notes: flags of inodes (chattr) are not stored, so there are none and none
 * can be set.
 */
#include <linux/capability.h>
#include <linux/fs.h>
#include <linux/uaccess.h>

#include <daxfs/ioctl.h>

#include "daxfs.h"

static long get_status(struct super_block *sb, void __user *to)
{
	const struct daxfs_sbi *sbi = daxfs_sbi(sb);
	struct daxfs_ioc_status st = {
		.region_len = sbi->rg.super.region_len,
		.host = sbi->rg.joined ? sbi->rg.host : ~0u,
		.incarnation = sbi->rg.joined ? sbi->rg.incarnation : 0,
		.flags = (sb_rdonly(sb) ? DAXFS_IOC_ST_RDONLY : 0) |
			 (READ_ONCE(sbi->dead) ? DAXFS_IOC_ST_EVICTED : 0),
	};

	static_assert(sizeof(st.uuid) == sizeof(sbi->rg.super.uuid));
	memcpy(st.uuid, sbi->rg.super.uuid, sizeof(st.uuid));
	return copy_to_user(to, &st, sizeof(st)) ? -EFAULT : 0;
}

long daxfs_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct super_block *sb = file_inode(file)->i_sb;

	switch (cmd) {
	case DAXFS_IOC_STATUS:
		return get_status(sb, (void __user *)arg);
	case DAXFS_IOC_GET_DMABUF:
		if (!capable(CAP_SYS_ADMIN))
			return -EPERM;
		return daxfs_get_dmabuf(sb, O_CLOEXEC);
	default:
		if (daxfs_is_branch_ioctl(cmd))
			return daxfs_branch_ioctl(sb, cmd, (void __user *)arg);
		return -ENOTTY;
	}
}

int daxfs_fileattr_get_op(struct dentry *dentry, struct file_kattr *fa)
{
	fileattr_fill_flags(fa, 0);
	return daxfs_check(daxfs_sbi(dentry->d_sb));
}

int daxfs_fileattr_set_op(struct mnt_idmap *idmap, struct dentry *dentry,
			  struct file_kattr *fa)
{
	return fa->flags || fileattr_has_fsx(fa) ? -EOPNOTSUPP : 0;
}
