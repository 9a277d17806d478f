// SPDX-License-Identifier: GPL-2.0-only
/*
 * Extended attributes and access control lists.
 *
 * Notes: values are in memory of the kernel when they come here, so a context
 * copies them without a fault. The VFS says who may do what; the core keeps a
 * list and the mode of its inode in agreement, in one instant. Lists are never
 * cached, because other hosts change them: each check of a permission that asks
 * for one reads it.
 */
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/fs.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <linux/slab.h>
#include <linux/xattr.h>

#include "daxfs.h"

#define SMALL_ACL	260u	/* bytes: 32 entries */
#define ACL_TRIES	16	/* it grows between two looks */

/* ---- by their names ---- */

static s64 get(struct inode *inode, const char *name, void *buf, size_t size)
{
	struct daxfs_sbi *sbi = daxfs_sbi_of(inode);
	struct daxfs_cx *cx = daxfs_begin(sbi);
	s64 r = daxfs_getxattr(cx, inode->i_ino, name, (u32)strlen(name), buf, size);

	return daxfs_stale(inode, daxfs_end(sbi, cx, r));
}

/* value NULL: it is removed. flags: DAXFS_XATTR_*, of which VFS has the first two. */
static int set(struct inode *inode, const char *name, const void *value, size_t size,
	       u32 flags)
{
	struct daxfs_sbi *sbi = daxfs_sbi_of(inode);
	struct daxfs_cx *cx = daxfs_begin(sbi);
	u32 len = (u32)strlen(name);
	s64 r;

	daxfs_i(inode)->plain = 0;
	if (value)
		r = daxfs_setxattr(cx, inode->i_ino, name, len, value, size, flags);
	else
		r = daxfs_removexattr(cx, inode->i_ino, name, len);
	return (int)daxfs_stale(inode, daxfs_end(sbi, cx, r));
}

ssize_t daxfs_listxattr_op(struct dentry *dentry, char *buf, size_t size)
{
	struct inode *inode = d_inode(dentry);
	struct daxfs_sbi *sbi = daxfs_sbi_of(inode);
	bool trusted = ns_capable_noaudit(&init_user_ns, CAP_SYS_ADMIN);
	struct daxfs_cx *cx = daxfs_begin(sbi);
	s64 r = daxfs_listxattr(cx, inode->i_ino, buf, size, trusted);

	return (ssize_t)daxfs_stale(inode, daxfs_end(sbi, cx, r));
}

/* ---- handlers of the VFS ---- */

static int handler_get(const struct xattr_handler *handler, struct dentry *dentry,
		       struct inode *inode, const char *name, void *buf, size_t size)
{
	return (int)get(inode, xattr_full_name(handler, name), buf, size);
}

static int handler_set(const struct xattr_handler *handler, struct mnt_idmap *idmap,
		       struct dentry *dentry, struct inode *inode, const char *name,
		       const void *value, size_t size, int flags)
{
	return set(inode, xattr_full_name(handler, name), value, size, (u32)flags);
}

static const struct xattr_handler user_handler = {
	.prefix	= XATTR_USER_PREFIX,
	.get	= handler_get,
	.set	= handler_set,
};

static const struct xattr_handler trusted_handler = {
	.prefix	= XATTR_TRUSTED_PREFIX,
	.get	= handler_get,
	.set	= handler_set,
};

static const struct xattr_handler security_handler = {
	.prefix	= XATTR_SECURITY_PREFIX,
	.get	= handler_get,
	.set	= handler_set,
};

const struct xattr_handler *daxfs_xattr_handlers[] = {
	&user_handler,
	&trusted_handler,
	&security_handler,
	DAXFS_ACL_HANDLERS
	NULL
};

/* ---- access control lists ---- */

static const char *acl_name(int type)
{
	return type == ACL_TYPE_DEFAULT ? XATTR_NAME_POSIX_ACL_DEFAULT :
	       XATTR_NAME_POSIX_ACL_ACCESS;
}

static struct posix_acl *acl_of(const void *value, s64 r)
{
	if (r == -ENODATA)
		return NULL;
	return r < 0 ? ERR_PTR(r) :
	       posix_acl_from_xattr(&init_user_ns, value, (size_t)r);
}

/* One that does not fit the stack. */
static struct posix_acl *get_large(struct inode *inode, const char *name)
{
	struct posix_acl *acl;
	s64 r = -ERANGE;
	void *value = NULL;
	int i;

	for (i = 0; i < ACL_TRIES && r == -ERANGE; i++) {
		size_t size;

		kvfree(value);
		value = NULL;
		r = get(inode, name, NULL, 0);
		if (r <= 0)
			break;
		size = (size_t)r;
		value = kvmalloc(size, GFP_KERNEL);
		if (!value)
			return ERR_PTR(-ENOMEM);
		r = get(inode, name, value, size);
	}
	acl = acl_of(value, r == -ERANGE ? -EBUSY : r);
	kvfree(value);
	return acl;
}

/* In a walk under RCU: whether there is none. */
static struct posix_acl *get_rcu(struct inode *inode, const char *name)
{
	struct daxfs_sbi *sbi = daxfs_sbi_of(inode);
	struct daxfs_cx *cx = daxfs_begin_try(sbi);
	s64 r;

	if (!cx)
		return ERR_PTR(-ECHILD);
	r = daxfs_getxattr(cx, inode->i_ino, name, (u32)strlen(name), NULL, 0);
	r = daxfs_end(sbi, cx, r);
	return r == -ENODATA ? NULL : ERR_PTR(-ECHILD);
}

struct posix_acl *daxfs_get_acl_op(struct inode *inode, int type, bool rcu)
{
	const char *name = acl_name(type);
	u8 value[SMALL_ACL];
	s64 r;

	if (rcu)
		return get_rcu(inode, name);
	r = get(inode, name, value, sizeof(value));
	return r == -ERANGE ? get_large(inode, name) : acl_of(value, r);
}

/* Who is outside the group may not give a file away that runs with it. */
static u32 flags_of(struct mnt_idmap *idmap, struct inode *inode, int type)
{
	return type == ACL_TYPE_ACCESS && !in_group_p(inode->i_gid) &&
	       !capable_wrt_inode_uidgid(idmap, inode, CAP_FSETID) ?
	       DAXFS_XATTR_KILL_SGID : 0;
}

int daxfs_set_acl_op(struct mnt_idmap *idmap, struct daxfs_acl_of *of,
		     struct posix_acl *acl, int type)
{
	struct inode *inode = daxfs_acl_inode(of);
	void *value = NULL;
	size_t size = 0;
	int r;

	if (acl) {
		value = daxfs_acl_value(acl, &size);
		if (!value)
			return -ENOMEM;
	}
	r = set(inode, acl_name(type), value, size, flags_of(idmap, inode, type));
	kfree(value);
	return r ? r : daxfs_reload(inode);	/* the mode has followed */
}
