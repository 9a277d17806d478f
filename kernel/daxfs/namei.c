// SPDX-License-Identifier: GPL-2.0-only
/*
 * Names: finding, making, linking, renaming, removing; and dentries.
 *
 * Notes: a dentry is a hint. Each use of one asks whether another host has changed
 * any name or right since it was looked up (daxfs_version, a few loads). If so, its
 * name is looked up in the region again, in a section that waits for nobody, so
 * walks under RCU do it, too; it is good if the name still leads to the same inode,
 * or still to none. What another host did is thus seen by the next call that names
 * it, and what this kernel does the VFS itself keeps track of.
 *
 * The VFS checks permissions on what it knows; the core changes what there is. A
 * name that another host made, or gave to another inode, between the two is an
 * error where it matters (EEXIST, ESTALE: the VFS looks again), as it is for two
 * tasks of one kernel.
 */
#include <linux/cred.h>
#include <linux/fs_struct.h>

#include "daxfs.h"

/* ---- dentries ---- */

/*
 * Does the name lead to what the VFS thinks? 1, 0, or an error. If so, it does at
 * that version, too, and as long as nobody else changes anything.
 */
static int is_good(struct daxfs_cx *cx, const struct inode *dir, const char *name,
		   u32 len, struct dentry *dentry, struct inode *inode,
		   struct daxfs_seen seen)
{
	struct daxfs_stat st;
	int r = daxfs_lookup(cx, dir->i_ino, name, len, &st);

	if (r && r != -ENOENT)
		return r;
	if (r ? inode != NULL : !inode || inode->i_ino != st.ino ||
	    inode->i_generation != st.generation)
		return 0;
	if (!r)
		daxfs_refresh_rights(inode, &st, seen);
	WRITE_ONCE(dentry->d_time, (unsigned long)seen.version);
	return 1;
}

/*
 * The name of a dentry that may be renamed at this moment, in an RCU walk: the
 * copy is of one moment if the sequence stayed. Its length, or 0.
 */
static u32 copy_name(struct dentry *dentry, char *to, u32 size)
{
	unsigned int seq = raw_seqcount_begin(&dentry->d_seq);
	u32 len = READ_ONCE(dentry->d_name.len);
	const unsigned char *from = READ_ONCE(dentry->d_name.name);

	/* The length and the place of one name, before it is read so far. */
	if (len > size || read_seqcount_retry(&dentry->d_seq, seq))
		return 0;
	memcpy(to, from, len);
	return read_seqcount_retry(&dentry->d_seq, seq) ? 0 : len;
}

static int revalidate_rcu(struct inode *dir, const struct qstr *name,
			  struct dentry *dentry)
{
	struct inode *inode = d_inode_rcu(dentry);
	struct daxfs_sbi *sbi = daxfs_sbi(dentry->d_sb);
	struct daxfs_seen seen = daxfs_now(sbi);
	char copy[DAXFS_NAME_MAX];
	struct daxfs_cx *cx;
	u32 len = name ? name->len : copy_name(dentry, copy, sizeof(copy));
	s64 r;

	cx = len ? daxfs_begin_try(sbi) : NULL;
	if (!cx)
		return -ECHILD;
	r = is_good(cx, dir, name ? (const char *)name->name : copy, len, dentry, inode,
		    seen);
	return daxfs_end(sbi, cx, r) == 1 ? 1 : -ECHILD;
}

/*
 * After ESTALE the VFS looks once more, and no third time: what it finds then is kept
 * for as long as it has it, whoever replaces the name. 0: it is gone already.
 */
static int keep_found(struct inode *inode, unsigned int flags)
{
	return !inode || S_ISDIR(inode->i_mode) || !(flags & LOOKUP_REVAL) ||
	       daxfs_keep(inode) != -ESTALE;
}

static int revalidate(struct inode *dir, const struct qstr *name,
		      struct dentry *dentry, unsigned int flags)
{
	struct daxfs_sbi *sbi = daxfs_sbi(dentry->d_sb);
	struct inode *inode;
	struct daxfs_seen seen;
	u64 v = daxfs_version(sbi);
	struct daxfs_cx *cx;
	int r;

	if (IS_ROOT(dentry) ||
	    (v && READ_ONCE(dentry->d_time) == v && !(flags & LOOKUP_REVAL)))
		return 1;
	if (flags & LOOKUP_RCU)
		return revalidate_rcu(dir, name, dentry);
	inode = d_inode(dentry);
	seen = daxfs_now(sbi);
	cx = daxfs_begin(sbi);
	r = is_good(cx, dir, name->name, name->len, dentry, inode, seen);
	r = (int)daxfs_end(sbi, cx, r);
	if (r == 1 && (flags & LOOKUP_REVAL)) {
		r = keep_found(inode, flags);
		daxfs_dentry_look_again(dentry);
	}
	return r;
}
DAXFS_D_REVALIDATE(daxfs_revalidate, revalidate)

static int daxfs_d_init(struct dentry *dentry)
{
	dentry->d_time = 0;	/* of no version */
	return 0;
}

const struct dentry_operations daxfs_dentry_ops = {
	.d_init		= daxfs_d_init,
	.d_revalidate	= daxfs_revalidate,
};

#define FIND_TRIES	100	/* in a damaged region a name may lead to nothing for ever */

/* What the name leads to now, with a reference; NULL, or an error. */
static struct inode *find(struct inode *dir, const struct qstr *name,
			  struct daxfs_seen seen)
{
	struct daxfs_sbi *sbi = daxfs_sbi_of(dir);
	struct daxfs_cx *cx = daxfs_begin(sbi);
	struct daxfs_stat st;
	s64 r = daxfs_lookup(cx, dir->i_ino, name->name, name->len, &st);

	r = daxfs_end(sbi, cx, r);
	if (r)
		return r == -ENOENT ? NULL : ERR_PTR(r);
	return daxfs_vfs_inode(dir->i_sb, &st, seen);
}

struct dentry *daxfs_lookup_op(struct inode *dir, struct dentry *dentry,
			       unsigned int flags)
{
	struct daxfs_sbi *sbi = daxfs_sbi_of(dir);
	struct daxfs_seen seen;
	struct inode *inode;
	struct dentry *other;
	int tries = FIND_TRIES;

	if (dentry->d_name.len > DAXFS_NAME_MAX)
		return ERR_PTR(-ENAMETOOLONG);
	for (;;) {
		seen = daxfs_now(sbi);
		inode = find(dir, &dentry->d_name, seen);
		if (IS_ERR(inode))
			return ERR_CAST(inode);
		if (keep_found(inode, flags))
			break;
		iput(inode);
		if (!--tries)
			return ERR_PTR(-ESTALE);
	}
	WRITE_ONCE(dentry->d_time, (unsigned long)seen.version);
	other = d_splice_alias(inode, dentry);
	if (!IS_ERR_OR_NULL(other))	/* of a directory that was renamed elsewhere */
		WRITE_ONCE(other->d_time, (unsigned long)seen.version);
	if (inode && !IS_ERR(other))
		daxfs_cache_less(inode);
	return other;
}

/* ---- making ---- */

static void fill_new(struct mnt_idmap *idmap, struct inode *dir, umode_t mode,
		     struct daxfs_new *what)
{
	struct user_namespace *ns = dir->i_sb->s_user_ns;

	memset(what, 0, sizeof(*what));
	what->mode = mode;
	what->uid = from_kuid(&init_user_ns, mapped_fsuid(idmap, ns));
	what->gid = from_kgid(&init_user_ns, mapped_fsgid(idmap, ns));
	what->umask = (u32)current_umask();
}

static int make(struct inode *dir, struct dentry *dentry,
		const struct daxfs_new *what)
{
	struct daxfs_sbi *sbi = daxfs_sbi_of(dir);
	struct daxfs_seen seen = daxfs_now(sbi);
	struct daxfs_cx *cx = daxfs_begin(sbi);
	struct inode *inode;
	struct daxfs_stat st;
	s64 r;

	r = daxfs_create(cx, dir->i_ino, dentry->d_name.name, dentry->d_name.len,
			 what, &st);
	r = daxfs_end(sbi, cx, r);
	if (r)
		return (int)r;
	inode = daxfs_vfs_inode(dir->i_sb, &st, seen);
	if (IS_ERR(inode)) {
		d_drop(dentry);		/* it is there; the next lookup sees it */
		return PTR_ERR(inode);
	}
	d_instantiate(dentry, inode);
	return 0;
}

/*
 * A name that another host made since the VFS looked is not for us to open:
 * permissions on it were not checked. ESTALE makes the VFS look again.
 */
static int create(struct mnt_idmap *idmap, struct inode *dir,
		  struct dentry *dentry, umode_t mode, bool excl)
{
	struct daxfs_new what;
	int r;

	fill_new(idmap, dir, (mode & 07777) | S_IFREG, &what);
	r = make(dir, dentry, &what);
	return r == -EEXIST && !excl ? -ESTALE : r;
}

DAXFS_CREATE(daxfs_create_op, create)

static int daxfs_mknod_op(struct mnt_idmap *idmap, struct inode *dir,
			  struct dentry *dentry, umode_t mode, dev_t rdev)
{
	struct daxfs_new what;

	fill_new(idmap, dir, mode, &what);
	if (S_ISCHR(mode) || S_ISBLK(mode))
		what.rdev = new_encode_dev(rdev);
	return make(dir, dentry, &what);
}

static int make_dir(struct mnt_idmap *idmap, struct inode *dir,
		    struct dentry *dentry, umode_t mode)
{
	struct daxfs_new what;

	fill_new(idmap, dir, (mode & 07777) | S_IFDIR, &what);
	return make(dir, dentry, &what);
}
DAXFS_MKDIR(daxfs_mkdir_op, make_dir)

static int daxfs_symlink_op(struct mnt_idmap *idmap, struct inode *dir,
			    struct dentry *dentry, const char *target)
{
	struct daxfs_new what;

	fill_new(idmap, dir, S_IFLNK | 0777, &what);
	what.target = target;
	what.target_len = (u32)strlen(target);
	if (what.target_len > DAXFS_TARGET_MAX)
		return -ENAMETOOLONG;
	return make(dir, dentry, &what);
}

static int daxfs_tmpfile_op(struct mnt_idmap *idmap, struct inode *dir,
			    struct file *file, umode_t mode)
{
	struct daxfs_sbi *sbi = daxfs_sbi_of(dir);
	struct daxfs_file made = { .ino = 0 };
	struct daxfs_seen seen = daxfs_now(sbi);
	struct daxfs_new what;
	struct daxfs_stat st;
	struct daxfs_cx *cx;
	struct inode *inode;
	s64 r;

	fill_new(idmap, dir, (mode & 07777) | S_IFREG, &what);
	cx = daxfs_begin(sbi);
	r = daxfs_tmpfile(cx, dir->i_ino, &what, !!(file->f_flags & O_EXCL), &st,
			  &made);
	r = daxfs_end(sbi, cx, r);
	if (r)
		return (int)r;
	inode = daxfs_vfs_inode(dir->i_sb, &st, seen);
	if (IS_ERR(inode)) {
		cx = daxfs_begin(sbi);
		daxfs_end(sbi, cx, daxfs_close(cx, st.ino));
		return PTR_ERR(inode);
	}
	*daxfs_file_of(inode) = made;
	daxfs_hold_made(inode);
	if (!inode->i_nlink)
		set_nlink(inode, 1);	/* which d_tmpfile() takes away */
	d_tmpfile(file, inode);		/* nobody else knows it yet */
	return finish_open_simple(file, 0);
}

int daxfs_hold_lost(struct file *file)
{
	struct dentry *dentry = file->f_path.dentry, *up = dget_parent(dentry);
	struct inode *inode = d_inode(dentry);
	struct daxfs_sbi *sbi = daxfs_sbi_of(inode);
	struct daxfs_new what = {
		.mode = inode->i_mode,
		.uid = from_kuid(&init_user_ns, inode->i_uid),
		.gid = from_kgid(&init_user_ns, inode->i_gid),
	};
	struct daxfs_file made = { .ino = 0 };
	struct daxfs_cx *cx = daxfs_begin(sbi);
	struct daxfs_stat st;
	s64 r = daxfs_tmpfile(cx, d_inode(up)->i_ino, &what, 1, &st, &made);

	r = daxfs_end(sbi, cx, r);
	dput(up);
	if (r)
		return (int)daxfs_stale(inode, r);
	d_drop(dentry);		/* the name is another's by now, or nobody's */
	daxfs_become(inode, &st, &made);
	return 0;
}

static int daxfs_link_op(struct dentry *old, struct inode *dir,
			 struct dentry *dentry)
{
	struct daxfs_sbi *sbi = daxfs_sbi_of(dir);
	struct daxfs_seen seen = daxfs_now(sbi);
	struct inode *inode = d_inode(old);
	struct daxfs_cx *cx = daxfs_begin(sbi);
	struct daxfs_stat st;
	s64 r = daxfs_link(cx, inode->i_ino, dir->i_ino, dentry->d_name.name,
			   dentry->d_name.len, &st);

	r = daxfs_end(sbi, cx, r);
	if (r)
		return (int)r;
	daxfs_refresh(inode, &st, seen);
	ihold(inode);
	d_instantiate(dentry, inode);
	daxfs_cache_less(inode);
	return 0;
}

/* ---- removing ---- */

/* One link less, as far as the VFS knows: the next use reads how many. */
static void lose_link(struct inode *inode, bool all)
{
	spin_lock(&inode->i_lock);
	if (all && inode->i_nlink)
		clear_nlink(inode);
	else if (inode->i_nlink)
		drop_nlink(inode);
	spin_unlock(&inode->i_lock);
}

/*
 * Somebody beside the caller of unlink(2) has it: an O_PATH descriptor, a call
 * that is under way. Who comes later, by a walk that goes on at this moment,
 * finds it gone.
 */
static bool is_had(struct dentry *dentry)
{
	return d_count(dentry) > 1 || atomic_read(&d_inode(dentry)->i_count) > 2;
}

static int daxfs_unlink_op(struct inode *dir, struct dentry *dentry)
{
	struct daxfs_sbi *sbi = daxfs_sbi_of(dir);
	struct inode *inode = d_inode(dentry);
	struct daxfs_cx *cx;
	s64 r = is_had(dentry) ? daxfs_keep(inode) : 0;

	if (r && r != -ESTALE)	/* gone already: the core will say what is there */
		return (int)r;
	cx = daxfs_begin(sbi);
	r = daxfs_unlink(cx, dir->i_ino, dentry->d_name.name, dentry->d_name.len);
	r = daxfs_end(sbi, cx, r);
	if (!r)
		lose_link(inode, false);
	return (int)r;
}

static int daxfs_rmdir_op(struct inode *dir, struct dentry *dentry)
{
	struct daxfs_sbi *sbi = daxfs_sbi_of(dir);
	struct inode *inode = d_inode(dentry);
	struct daxfs_cx *cx;
	s64 r = daxfs_keep(inode);

	if (r && r != -ESTALE)
		return (int)r;
	cx = daxfs_begin(sbi);
	r = daxfs_rmdir(cx, dir->i_ino, dentry->d_name.name, dentry->d_name.len);
	r = daxfs_end(sbi, cx, r);
	if (!r)
		lose_link(inode, true);
	return (int)r;
}

static int daxfs_rename_op(struct mnt_idmap *idmap, struct inode *dir,
			   struct dentry *dentry, struct inode *dir2,
			   struct dentry *dentry2, unsigned int flags)
{
	struct user_namespace *ns = dir->i_sb->s_user_ns;
	struct daxfs_sbi *sbi = daxfs_sbi_of(dir);
	struct inode *target = d_inode(dentry2);
	struct daxfs_cx *cx;
	s64 r = 0;

	if (flags & ~(RENAME_NOREPLACE | RENAME_EXCHANGE | RENAME_WHITEOUT))
		return -EINVAL;
	if (target && !(flags & RENAME_EXCHANGE))
		r = daxfs_keep(target);
	if (r && r != -ESTALE)
		return (int)r;
	cx = daxfs_begin(sbi);
	r = daxfs_rename_as(cx, dir->i_ino, dentry->d_name.name, dentry->d_name.len,
			    dir2->i_ino, dentry2->d_name.name, dentry2->d_name.len,
			    flags, from_kuid(&init_user_ns, mapped_fsuid(idmap, ns)),
			    from_kgid(&init_user_ns, mapped_fsgid(idmap, ns)));
	r = daxfs_end(sbi, cx, r);
	if (!r && target && !(flags & RENAME_EXCHANGE))
		lose_link(target, S_ISDIR(target->i_mode));
	return (int)r;
}

const struct inode_operations daxfs_dir_iops = {
	.lookup		= daxfs_lookup_op,
	.create		= daxfs_create_op,
	.link		= daxfs_link_op,
	.unlink		= daxfs_unlink_op,
	.symlink	= daxfs_symlink_op,
	.mkdir		= daxfs_mkdir_op,
	.rmdir		= daxfs_rmdir_op,
	.mknod		= daxfs_mknod_op,
	.rename		= daxfs_rename_op,
	.tmpfile	= daxfs_tmpfile_op,
	.permission	= daxfs_permission,
	.getattr	= daxfs_getattr_op,
	.setattr	= daxfs_setattr_op,
	.listxattr	= daxfs_listxattr_op,
	.get_inode_acl	= daxfs_get_acl_op,
	.set_acl	= daxfs_set_acl_op,
	.fileattr_get	= daxfs_fileattr_get_op,
	.fileattr_set	= daxfs_fileattr_set_op,
};
