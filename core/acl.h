/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Access control lists in the form of the kernel's extended attributes.
 */
#ifndef DAXFS_ACL_H
#define DAXFS_ACL_H

#include "xset.h"

#define DAXFS_ACL_ACCESS	"system.posix_acl_access"
#define DAXFS_ACL_DEFAULT	"system.posix_acl_default"

struct daxfs_acl {		/* what a list says of the mode */
	u32 user, group, other;	/* permissions of owner, group, others */
	u32 mask;		/* if has_mask */
	int has_mask;
	int extended;		/* says more than a mode can */
	u32 last;		/* tag that came last, while it is read */
	int named;		/* users or groups, which need a mask */
};

/* Bytes of a caller. -EINVAL: they are no list. */
int daxfs_acl_parse(const void *bytes, u64 len, struct daxfs_acl *acl);
/* The value of an entry of a set. -EUCLEAN: it is none. */
int daxfs_acl_read(const struct daxfs_xset *set, const struct daxfs_xentry *e,
		   struct daxfs_acl *acl);
/* The mode with the permissions that the list grants. */
u32 daxfs_acl_mode(const struct daxfs_acl *acl, u32 mode);
/* Copy the value, with the permissions of mode where it has those. */
int daxfs_acl_put(struct daxfs_xmake *m, const struct daxfs_xset *set,
		  const struct daxfs_xentry *e, const struct daxfs_acl *acl,
		  u32 mode);

struct daxfs_inherit {		/* what a new inode gets from its directory */
	struct daxfs_xset set;	/* of the directory */
	struct daxfs_xentry e;	/* its default list there, if any */
	struct daxfs_acl acl;
	int any, access, is_dir;
	u32 mode;		/* of the new inode */
};

/*
 * at: record of the directory. what->mode becomes what the default list of the
 * directory leaves of it, or the umask if there is none.
 */
int daxfs_acl_inherit(struct daxfs_cx *cx, const struct daxfs_iref *dir,
		      const struct daxfs_attr *at, struct daxfs_new *what,
		      struct daxfs_inherit *inh);
/* Give the new inode at off, which nobody knows yet, its lists. -ENOSPC. */
int daxfs_acl_bear(struct daxfs_cx *cx, u64 off, const struct daxfs_inherit *inh);

#endif
