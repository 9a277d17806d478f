// SPDX-License-Identifier: GPL-2.0-only
/*
 * Inodes of the VFS: which there are, what they say, who holds them.
 *
 * Notes: a VFS inode is a hint. Mode, owner, size and links are read again from
 * the region by everything that rests on them; the inode itself stays in the
 * region only for those who hold it: open files, and names that were removed on
 * this mount while somebody had the inode (daxfs_keep). What other hosts remove
 * and nobody here has open is gone, and answers ESTALE (a directory ENOENT).
 *
 * An inode is told by its number and its generation. Times are kept by the core:
 * the VFS never sets one (S_NOATIME, S_NOCMTIME), but it says when a symbolic link
 * was followed.
 */
#include <linux/capability.h>
#include <linux/fs.h>
#include <linux/fs_struct.h>
#include <linux/posix_acl.h>
#include <linux/slab.h>

#include "daxfs.h"

static struct kmem_cache *inode_cache;

static void init_once(void *p)
{
	struct daxfs_inode_info *ii = p;

	inode_init_once(&ii->vfs);
}

int __init daxfs_inode_cache_init(void)
{
	inode_cache = kmem_cache_create("daxfs_inode", sizeof(struct daxfs_inode_info),
					0, SLAB_RECLAIM_ACCOUNT | SLAB_ACCOUNT,
					init_once);
	return inode_cache ? 0 : -ENOMEM;
}

void daxfs_inode_cache_exit(void)
{
	rcu_barrier();		/* inodes that are freed after a grace period */
	kmem_cache_destroy(inode_cache);
}

struct inode *daxfs_alloc_inode(struct super_block *sb)
{
	struct daxfs_inode_info *ii = alloc_inode_sb(sb, inode_cache, GFP_KERNEL);

	if (!ii)
		return NULL;
	memset(&ii->file, 0, sizeof(ii->file));
	ii->holders = 0;
	ii->kept = 0;
	memset(&ii->seen, 0, sizeof(ii->seen));
	ii->plain = 0;
	ii->mapped = NULL;
	return &ii->vfs;
}

void daxfs_free_inode(struct inode *inode)
{
	kmem_cache_free(inode_cache, daxfs_i(inode));
}

/* ---- attributes ---- */

static struct timespec64 time_of(u64 ns)
{
	return ns_to_timespec64((s64)ns);
}

/* 0 means more than a number to the VFS, so it is changed by one at a time. */
static void refresh_nlink(struct inode *inode, u32 nlink)
{
	if (inode->i_nlink == nlink)
		return;
	spin_lock(&inode->i_lock);
	if (inode->i_nlink != nlink)
		set_nlink(inode, nlink);
	spin_unlock(&inode->i_lock);
}

/*
 * Two tasks may have read them, and who began earlier must not have the last word.
 */
void daxfs_refresh_rights(struct inode *inode, const struct daxfs_stat *st,
			  struct daxfs_seen seen)
{
	struct daxfs_inode_info *ii = daxfs_i(inode);

	spin_lock(&inode->i_lock);
	if (seen.ticket >= ii->seen.ticket) {
		WRITE_ONCE(inode->i_mode, (inode->i_mode & S_IFMT) |
			   (st->mode & 07777));
		inode->i_uid = make_kuid(&init_user_ns, st->uid);
		inode->i_gid = make_kgid(&init_user_ns, st->gid);
		ii->seen.ticket = seen.ticket;
		/* After them: who finds it finds what belongs to it. */
		smp_store_release(&ii->seen.version, seen.version);
	}
	spin_unlock(&inode->i_lock);
}

void daxfs_refresh(struct inode *inode, const struct daxfs_stat *st,
		   struct daxfs_seen seen)
{
	daxfs_refresh_rights(inode, st, seen);
	refresh_nlink(inode, st->nlink);
	i_size_write(inode, (loff_t)st->size);
	inode->i_blocks = st->blocks;
	inode_set_atime_to_ts(inode, time_of(st->atime_ns));
	inode_set_mtime_to_ts(inode, time_of(st->mtime_ns));
	inode_set_ctime_to_ts(inode, time_of(st->ctime_ns));
}

static int read_stat(struct inode *inode, struct daxfs_cx *cx, struct daxfs_stat *st)
{
	int r = daxfs_getattr(cx, inode->i_ino, st);

	if (!r && (st->generation != inode->i_generation ||
		   (st->mode ^ inode->i_mode) & S_IFMT))
		r = -ENOENT;	/* the number is another's by now */
	return r;
}

static int reload_stat(struct inode *inode, struct daxfs_stat *st)
{
	struct daxfs_sbi *sbi = daxfs_sbi_of(inode);
	struct daxfs_seen seen = daxfs_now(sbi);
	struct daxfs_cx *cx = daxfs_begin(sbi);
	s64 r = daxfs_end(sbi, cx, read_stat(inode, cx, st));

	if (!r)
		daxfs_refresh(inode, st, seen);
	return (int)daxfs_stale(inode, r);
}

int daxfs_reload(struct inode *inode)
{
	struct daxfs_stat st;

	return reload_stat(inode, &st);
}

int daxfs_getattr_op(struct mnt_idmap *idmap, const struct path *path,
		     struct kstat *stat, u32 mask, unsigned int flags)
{
	struct inode *inode = d_inode(path->dentry);
	struct daxfs_stat st;
	int r = reload_stat(inode, &st);

	if (r)
		return r;
	daxfs_fillattr(idmap, mask, inode, stat);
	stat->btime = time_of(st.btime_ns);
	stat->result_mask |= STATX_BTIME;
	return 0;
}

/* In an RCU walk: what must wait is done again without. */
static int read_rights_rcu(struct inode *inode)
{
	struct daxfs_sbi *sbi = daxfs_sbi_of(inode);
	struct daxfs_seen seen = daxfs_now(sbi);
	struct daxfs_cx *cx = daxfs_begin_try(sbi);
	struct daxfs_stat st;

	if (!cx || daxfs_end(sbi, cx, read_stat(inode, cx, &st)))
		return -ECHILD;
	daxfs_refresh_rights(inode, &st, seen);
	return 0;
}

int daxfs_permission(struct mnt_idmap *idmap, struct inode *inode, int mask)
{
	u64 v = daxfs_version(daxfs_sbi_of(inode));
	int r = 0;

	/* The open of what it has just made: daxfs_file_open() sees if it is gone. */
	if (!(mask & (MAY_READ | MAY_WRITE | MAY_EXEC)))
		return 0;
	/* Pairs with the release in daxfs_refresh_rights(). */
	if (!v || smp_load_acquire(&daxfs_i(inode)->seen.version) != v)
		r = mask & MAY_NOT_BLOCK ? read_rights_rcu(inode) : daxfs_reload(inode);
	return r ? r : generic_permission(idmap, inode, mask);
}

/* ---- changing them ---- */

static u64 ns_of(struct timespec64 ts)
{
	return (u64)timespec64_to_ns(&ts);
}

/*
 * The VFS drops set-id bits by a mode that it made of the one it knew. The core
 * does so to the one there is, but knows nothing of groups: a set-group-ID bit
 * without the permission to execute goes by the VFS's mode.
 */
static bool only_drops_ids(const struct inode *inode, const struct iattr *attr)
{
	return (attr->ia_valid & (ATTR_KILL_SUID | ATTR_KILL_SGID)) &&
	       ((inode->i_mode & (S_ISGID | 0010)) != S_ISGID);
}

static void fill_setattr(struct mnt_idmap *idmap, struct inode *inode,
			 const struct iattr *attr, struct daxfs_setattr *sa)
{
	struct user_namespace *ns = inode->i_sb->s_user_ns;

	memset(sa, 0, sizeof(*sa));
	if (attr->ia_valid & ATTR_MODE) {
		sa->set |= only_drops_ids(inode, attr) ? DAXFS_SET_DROP_IDS :
			   DAXFS_SET_MODE;
		sa->mode = attr->ia_mode & 07777;
	}
	if (attr->ia_valid & ATTR_UID) {
		sa->set |= DAXFS_SET_UID;
		sa->uid = from_kuid(&init_user_ns,
				    daxfs_attr_uid(idmap, ns, attr));
	}
	if (attr->ia_valid & ATTR_GID) {
		sa->set |= DAXFS_SET_GID;
		sa->gid = from_kgid(&init_user_ns,
				    daxfs_attr_gid(idmap, ns, attr));
	}
	if (attr->ia_valid & ATTR_ATIME) {
		sa->set |= DAXFS_SET_ATIME;
		sa->atime_ns = ns_of(attr->ia_atime);
	}
	if (attr->ia_valid & ATTR_MTIME) {
		sa->set |= DAXFS_SET_MTIME;
		sa->mtime_ns = ns_of(attr->ia_mtime);
	}
}

static int set_size(struct inode *inode, loff_t size)
{
	struct daxfs_sbi *sbi = daxfs_sbi_of(inode);
	loff_t old = i_size_read(inode);
	struct daxfs_need need = {};
	struct daxfs_cx *cx;
	s64 r = inode_newsize_ok(inode, size);

	if (!r)
		r = daxfs_hold(inode);
	if (r)
		return (int)r;
	do {
		cx = daxfs_begin_needing(sbi, &need);
		r = daxfs_drop_caps(cx, daxfs_file_of(inode));
		if (!r)
			r = daxfs_truncate(cx, daxfs_file_of(inode), (u64)size);
		r = daxfs_end_needing(sbi, cx, r, &need);
	} while (daxfs_bring(sbi, &need, &r));
	/* The page with the end is another now: its tail was cut off. */
	if (!r)
		daxfs_zap(inode, (u64)round_down(min(size, old), PAGE_SIZE), 0,
			  size < old);
	daxfs_unhold(inode);
	return (int)r;
}

int daxfs_setattr_op(struct mnt_idmap *idmap, struct dentry *dentry,
		     struct iattr *attr)
{
	struct inode *inode = d_inode(dentry);
	struct daxfs_sbi *sbi = daxfs_sbi_of(inode);
	struct daxfs_setattr sa;
	struct daxfs_seen seen;
	struct daxfs_stat st;
	struct daxfs_cx *cx;
	s64 r = daxfs_reload(inode);

	daxfs_i(inode)->plain = 0;
	if (!r)
		r = setattr_prepare(idmap, dentry, attr);
	if (!r && (attr->ia_valid & ATTR_SIZE))
		r = set_size(inode, attr->ia_size);
	if (r)
		return (int)r;
	fill_setattr(idmap, inode, attr, &sa);
	seen = daxfs_now(sbi);
	cx = daxfs_begin(sbi);
	if (sa.set)
		r = daxfs_setattr(cx, inode->i_ino, &sa, &st);
	else
		r = daxfs_getattr(cx, inode->i_ino, &st);
	r = daxfs_end(sbi, cx, r);
	if (!r)
		daxfs_refresh(inode, &st, seen);
	return (int)daxfs_stale(inode, r);
}

int daxfs_drop_rights(struct daxfs_cx *cx, struct inode *inode)
{
	struct daxfs_file *f = daxfs_file_of(inode);
	int r = daxfs_drop_caps(cx, f);

	if (r || ns_capable_noaudit(&init_user_ns, CAP_FSETID))
		return r;
	return daxfs_drop_ids(cx, f);
}

/* ---- symbolic links ---- */

static const char *daxfs_get_link(struct dentry *dentry, struct inode *inode,
				  struct delayed_call *done)
{
	struct daxfs_sbi *sbi = daxfs_sbi_of(inode);
	struct daxfs_cx *cx;
	char *target;
	s64 r;

	if (!dentry)
		return ERR_PTR(-ECHILD);
	target = kmalloc(DAXFS_TARGET_MAX + 1, GFP_KERNEL);
	if (!target)
		return ERR_PTR(-ENOMEM);
	cx = daxfs_begin(sbi);
	r = daxfs_readlink(cx, inode->i_ino, target, DAXFS_TARGET_MAX);
	r = daxfs_end(sbi, cx, r);
	if (r < 0) {
		kfree(target);
		return ERR_PTR(daxfs_stale(inode, r));
	}
	target[r] = '\0';
	set_delayed_call(done, kfree_link, target);
	return target;
}

/* Called for symbolic links alone, whose access the VFS notes (S_NOATIME). */
static int note_follow(struct inode *inode, bool access)
{
	struct daxfs_file link = { .ino = inode->i_ino };
	struct daxfs_sbi *sbi = daxfs_sbi_of(inode);
	struct daxfs_cx *cx;

	if (!access)
		return 0;
	cx = daxfs_begin(sbi);
	return (int)daxfs_end(sbi, cx, daxfs_accessed(cx, &link, 1));
}

DAXFS_UPDATE_TIME(daxfs_update_time, note_follow)

const struct inode_operations daxfs_symlink_iops = {
	.get_link	= daxfs_get_link,
	.update_time	= daxfs_update_time,
	.permission	= daxfs_permission,
	.getattr	= daxfs_getattr_op,
	.setattr	= daxfs_setattr_op,
	.listxattr	= daxfs_listxattr_op,
};

/* ---- a region that never changes ---- */

static int const_getattr(struct mnt_idmap *idmap, const struct path *path,
			 struct kstat *stat, u32 mask, unsigned int flags)
{
	struct inode *inode = d_inode(path->dentry);

	daxfs_fillattr(idmap, mask, inode, stat);
	stat->btime = inode_get_mtime(inode);	/* as the core has it */
	stat->result_mask |= STATX_BTIME;
	return 0;
}

/* What the VFS knows is right for ever, so it asks for nothing twice. */
static const struct inode_operations const_symlink_iops = {
	.get_link	= daxfs_get_link,
	.getattr	= const_getattr,
	.listxattr	= daxfs_listxattr_op,
};

static const struct inode_operations const_iops = {
	.getattr	= const_getattr,
	.listxattr	= daxfs_listxattr_op,
	.get_inode_acl	= daxfs_get_acl_op,
	.fileattr_get	= daxfs_fileattr_get_op,
};

static const struct inode_operations const_dir_iops = {
	.lookup		= daxfs_lookup_op,
	.getattr	= const_getattr,
	.listxattr	= daxfs_listxattr_op,
	.get_inode_acl	= daxfs_get_acl_op,
	.fileattr_get	= daxfs_fileattr_get_op,
};

static void set_const_ops(struct inode *inode)
{
	if (S_ISLNK(inode->i_mode))
		inode->i_op = &const_symlink_iops;
	else
		inode->i_op = S_ISDIR(inode->i_mode) ? &const_dir_iops : &const_iops;
}

/* ---- operations ---- */

const struct inode_operations daxfs_file_iops = {
	.permission	= daxfs_permission,
	.getattr	= daxfs_getattr_op,
	.setattr	= daxfs_setattr_op,
	.listxattr	= daxfs_listxattr_op,
	.get_inode_acl	= daxfs_get_acl_op,
	.set_acl	= daxfs_set_acl_op,
	.fileattr_get	= daxfs_fileattr_get_op,
	.fileattr_set	= daxfs_fileattr_set_op,
};

const struct inode_operations daxfs_special_iops = {
	.permission	= daxfs_permission,
	.getattr	= daxfs_getattr_op,
	.setattr	= daxfs_setattr_op,
	.listxattr	= daxfs_listxattr_op,
	.get_inode_acl	= daxfs_get_acl_op,
	.set_acl	= daxfs_set_acl_op,
};

/* ---- finding them ---- */

static int is_of(struct inode *inode, void *p)
{
	const struct daxfs_stat *st = p;

	return inode->i_ino == st->ino && inode->i_generation == st->generation;
}

static int set_of(struct inode *inode, void *p)
{
	const struct daxfs_stat *st = p;

	inode->i_ino = st->ino;
	inode->i_generation = st->generation;
	return 0;
}

static void set_ops(struct inode *inode, const struct daxfs_stat *st)
{
	switch (st->mode & S_IFMT) {
	case S_IFREG:
		inode->i_op = &daxfs_file_iops;
		inode->i_fop = &daxfs_file_fops;
		inode->i_mapping->a_ops = &daxfs_aops;
		inode->i_flags |= S_DAX;	/* no page cache: pages of the region */
		break;
	case S_IFDIR:
		inode->i_op = &daxfs_dir_iops;
		inode->i_fop = &daxfs_dir_fops;
		break;
	case S_IFLNK:
		inode->i_op = &daxfs_symlink_iops;
		break;
	default:
		inode->i_op = &daxfs_special_iops;
		init_special_inode(inode, inode->i_mode, new_decode_dev(st->rdev));
		break;
	}
	if (daxfs_sbi_of(inode)->constant)
		set_const_ops(inode);
}

struct inode *daxfs_vfs_inode(struct super_block *sb, const struct daxfs_stat *st,
			      struct daxfs_seen seen)
{
	struct inode *inode = iget5_locked(sb, (unsigned long)st->ino, is_of, set_of,
					   (void *)st);

	if (!inode)
		return ERR_PTR(-ENOMEM);
	if (!daxfs_inode_is_new(inode)) {
		daxfs_refresh(inode, st, seen);
		return inode;
	}
	daxfs_i(inode)->file.ino = st->ino;
	inode->i_mode = (umode_t)st->mode;
	inode->i_flags |= S_NOCMTIME | (S_ISLNK(st->mode) ? 0 : S_NOATIME);
	if (!daxfs_sbi_of(inode)->constant)
		inode->i_acl = inode->i_default_acl = ACL_DONT_CACHE;
	set_ops(inode, st);
	daxfs_refresh(inode, st, seen);
	unlock_new_inode(inode);
	return inode;
}

/* ---- holding them ---- */

static int hold_first(struct inode *inode)
{
	struct daxfs_sbi *sbi = daxfs_sbi_of(inode);
	struct daxfs_cx *cx = daxfs_begin(sbi);

	return (int)daxfs_end(sbi, cx, daxfs_open(cx, inode->i_ino, 0,
						  daxfs_file_of(inode)));
}

int daxfs_hold(struct inode *inode)
{
	struct daxfs_inode_info *ii = daxfs_i(inode);
	int r = 0;

	if (daxfs_sbi_of(inode)->constant)
		return 0;
	mutex_lock(daxfs_hold_lock(inode));
	if (!ii->holders)
		r = hold_first(inode);
	if (!r)
		ii->holders++;
	mutex_unlock(daxfs_hold_lock(inode));
	return (int)daxfs_stale(inode, r);
}

void daxfs_unhold(struct inode *inode)
{
	struct daxfs_inode_info *ii = daxfs_i(inode);
	struct daxfs_sbi *sbi = daxfs_sbi_of(inode);
	struct daxfs_cx *cx;

	if (sbi->constant)
		return;
	mutex_lock(daxfs_hold_lock(inode));
	if (!--ii->holders) {
		cx = daxfs_begin(sbi);
		/* Fails when this host was declared dead: then it has ended. */
		daxfs_end(sbi, cx, daxfs_close(cx, inode->i_ino));
	}
	mutex_unlock(daxfs_hold_lock(inode));
}

int daxfs_keep(struct inode *inode)
{
	struct daxfs_inode_info *ii = daxfs_i(inode);
	int r;

	if (ii->kept)
		return 0;
	r = daxfs_hold(inode);
	if (r)
		return r;
	if (xchg(&ii->kept, 1))
		daxfs_unhold(inode);	/* somebody else was faster */
	daxfs_cache_less(inode);
	return 0;
}

void daxfs_cache_less(struct inode *inode)
{
	if (READ_ONCE(daxfs_i(inode)->kept))
		d_mark_dontcache(inode);
}

void daxfs_hold_made(struct inode *inode)
{
	struct daxfs_inode_info *ii = daxfs_i(inode);

	ii->holders = 1;
	ii->kept = 1;
	daxfs_cache_less(inode);
}

void daxfs_become(struct inode *inode, const struct daxfs_stat *st,
		  const struct daxfs_file *made)
{
	struct daxfs_inode_info *ii = daxfs_i(inode);

	mutex_lock(daxfs_hold_lock(inode));
	remove_inode_hash(inode);
	inode->i_ino = st->ino;
	inode->i_generation = st->generation;
	ii->file = *made;
	ii->holders = 1;
	__insert_inode_hash(inode, (unsigned long)st->ino);
	mutex_unlock(daxfs_hold_lock(inode));
	daxfs_refresh(inode, st, daxfs_now(daxfs_sbi_of(inode)));	/* nobody else has it */
}

void daxfs_evict_inode(struct inode *inode)
{
	truncate_inode_pages_final(&inode->i_data);
	clear_inode(inode);
	if (daxfs_i(inode)->kept)
		daxfs_unhold(inode);
}
