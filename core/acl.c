// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Access control lists in the form of the kernel's extended attributes.
 *
 * Notes: version 2 of the binary form: 4 bytes, then 8 for each entry, in the
 * order owner, users, group, groups, mask, others. What a list says of owner,
 * group class and others is the mode's as well; both are in one attribute
 * record, so they change in one instant. Lists are read entry by entry and never
 * kept: there is no limit but that of an attribute's length.
 *
 * operation | linearization | progress  | if the caller stops there
 * parse     | none          | wait-free | -
 * bear      | none: the inode is not known yet | lock-free | recovery gives it back
 */
#include "acl.h"
#include "region.h"

#define ACL_VERSION	2u
#define ACL_HEAD	4u
#define USER_OBJ	0x01u
#define USER		0x02u
#define GROUP_OBJ	0x04u
#define GROUP		0x08u
#define MASK		0x10u
#define OTHER		0x20u

struct acl_entry {		/* little-endian, as the hosts are */
	u16 tag;
	u16 perm;
	u32 id;
};

/* ---- reading ---- */

/* May an entry of that tag come behind one of the other? */
static int may_follow(u32 last, u32 tag)
{
	switch (tag) {
	case USER_OBJ:
		return !last;
	case USER:
		return last == USER_OBJ || last == USER;
	case GROUP_OBJ:
		return last == USER_OBJ || last == USER;
	case GROUP:
		return last == GROUP_OBJ || last == GROUP;
	case MASK:
		return last == GROUP_OBJ || last == GROUP;
	case OTHER:
		return last == GROUP_OBJ || last == GROUP || last == MASK;
	}
	return 0;
}

static int add_entry(struct daxfs_acl *acl, const struct acl_entry *e)
{
	if (e->perm & ~7u || !may_follow(acl->last, e->tag))
		return -EINVAL;
	acl->last = e->tag;
	switch (e->tag) {
	case USER_OBJ:
		acl->user = e->perm;
		break;
	case GROUP_OBJ:
		acl->group = e->perm;
		break;
	case OTHER:
		acl->other = e->perm;
		break;
	case MASK:
		acl->mask = e->perm;
		acl->has_mask = 1;
		acl->extended = 1;
		break;
	default:
		acl->named = 1;
		acl->extended = 1;
	}
	return 0;
}

static int head_is_right(const void *bytes, u64 len)
{
	u32 version;

	if (len < ACL_HEAD || (len - ACL_HEAD) % sizeof(struct acl_entry))
		return 0;
	memcpy(&version, bytes, sizeof(version));
	return version == ACL_VERSION;
}

static int whole(const struct daxfs_acl *acl)
{
	return acl->last == OTHER && (acl->has_mask || !acl->named) ? 0 : -EINVAL;
}

int daxfs_acl_parse(const void *bytes, u64 len, struct daxfs_acl *acl)
{
	const u8 *p = bytes;
	struct acl_entry e;
	int r = 0;

	memset(acl, 0, sizeof(*acl));
	if (!head_is_right(bytes, len))
		return -EINVAL;
	for (u64 at = ACL_HEAD; at < len && !r; at += sizeof(e)) {
		memcpy(&e, p + at, sizeof(e));
		r = add_entry(acl, &e);
	}
	return r ? r : whole(acl);
}

int daxfs_acl_read(const struct daxfs_xset *set, const struct daxfs_xentry *x,
		   struct daxfs_acl *acl)
{
	struct acl_entry e;
	u8 head[ACL_HEAD];
	int r;

	memset(acl, 0, sizeof(*acl));
	if (x->value_len < ACL_HEAD)
		return -EUCLEAN;
	r = daxfs_xset_read(set, x->value, head, sizeof(head));
	if (r || !head_is_right(head, x->value_len))
		return -EUCLEAN;
	for (u64 at = ACL_HEAD; at < x->value_len && !r; at += sizeof(e)) {
		r = daxfs_xset_read(set, x->value + at, &e, sizeof(e));
		if (!r)
			r = add_entry(acl, &e);
	}
	return r || whole(acl) ? -EUCLEAN : 0;
}

u32 daxfs_acl_mode(const struct daxfs_acl *acl, u32 mode)
{
	u32 class = acl->has_mask ? acl->mask : acl->group;

	return (mode & ~0777u) | acl->user << 6 | class << 3 | acl->other;
}

/* ---- following a mode ---- */

static void follow(struct acl_entry *e, const struct daxfs_acl *acl, u32 mode)
{
	if (e->tag == USER_OBJ)
		e->perm = mode >> 6 & 7;
	else if (e->tag == (acl->has_mask ? MASK : GROUP_OBJ))
		e->perm = mode >> 3 & 7;
	else if (e->tag == OTHER)
		e->perm = mode & 7;
}

int daxfs_acl_put(struct daxfs_xmake *m, const struct daxfs_xset *set,
		  const struct daxfs_xentry *x, const struct daxfs_acl *acl,
		  u32 mode)
{
	struct acl_entry e;
	u32 version = ACL_VERSION;
	int r = daxfs_xmake_put(m, &version, sizeof(version));

	for (u64 at = ACL_HEAD; at < x->value_len && !r; at += sizeof(e)) {
		r = daxfs_xset_read(set, x->value + at, &e, sizeof(e));
		if (r)
			break;
		follow(&e, acl, mode);
		r = daxfs_xmake_put(m, &e, sizeof(e));
	}
	return r ? r : daxfs_xmake_pad(m);
}

/* ---- inheriting ---- */

int daxfs_acl_inherit(struct daxfs_cx *cx, const struct daxfs_iref *dir,
		      const struct daxfs_attr *at, struct daxfs_new *what,
		      struct daxfs_inherit *inh)
{
	int r;

	inh->any = 0;
	if (S_ISLNK(what->mode))
		return 0;
	r = daxfs_xset_of(cx, dir, at, &inh->set);
	if (!r)
		r = daxfs_xset_find(&inh->set, DAXFS_ACL_DEFAULT,
				    sizeof(DAXFS_ACL_DEFAULT) - 1, &inh->e);
	if (r == -ENODATA)
		what->mode &= ~(what->umask & 0777);
	if (r)
		return r == -ENODATA ? 0 : r;
	r = daxfs_acl_read(&inh->set, &inh->e, &inh->acl);
	if (r)
		return r;
	what->mode &= daxfs_acl_mode(&inh->acl, ~0u);
	inh->mode = what->mode;
	inh->is_dir = S_ISDIR(what->mode);
	inh->access = inh->acl.extended;
	inh->any = inh->access || inh->is_dir;
	return 0;
}

static int put_lists(struct daxfs_xmake *m, const struct daxfs_inherit *inh)
{
	u32 mode = daxfs_acl_mode(&inh->acl, 0);
	int r = 0;

	if (inh->access)
		r = daxfs_xmake_name(m, DAXFS_ACL_ACCESS,
				     sizeof(DAXFS_ACL_ACCESS) - 1,
				     inh->e.value_len);
	if (!r && inh->access)
		r = daxfs_acl_put(m, &inh->set, &inh->e, &inh->acl, inh->mode);
	if (!r && inh->is_dir)
		r = daxfs_xmake_name(m, DAXFS_ACL_DEFAULT,
				     sizeof(DAXFS_ACL_DEFAULT) - 1,
				     inh->e.value_len);
	if (!r && inh->is_dir)	/* as it is */
		r = daxfs_acl_put(m, &inh->set, &inh->e, &inh->acl, mode);
	return r ? r : daxfs_xmake_end(m);
}

int daxfs_acl_bear(struct daxfs_cx *cx, u64 off, const struct daxfs_inherit *inh)
{
	struct daxfs_inode *in = daxfs_at(cx->rg, off, sizeof(*in), 64);
	struct daxfs_attr at = { .flags = DAXFS_ATTR_XATTRS };
	struct daxfs_xmake m;
	u64 len = 0;
	int r;

	if (!inh->any)
		return 0;
	if (inh->access)
		len = daxfs_xentry_len(sizeof(DAXFS_ACL_ACCESS) - 1,
				       inh->e.value_len);
	if (inh->is_dir)
		len += daxfs_xentry_len(sizeof(DAXFS_ACL_DEFAULT) - 1,
					inh->e.value_len);
	r = daxfs_xmake_begin(cx, &in->attr_off, len, &m);
	if (r)
		return r;
	/* From here on daxfs_inode_give() gives it back. */
	at.xattr_off = m.off;
	port_copy_to(&in->attr.flags, &at.flags,
		     sizeof(at) - offsetof(struct daxfs_attr, flags));
	return put_lists(&m, inh);
}
