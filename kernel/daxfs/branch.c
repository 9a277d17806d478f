// SPDX-License-Identifier: GPL-2.0-only
/*
 * Branches: what a mount shows, whether it still may, and requests about them.
 *
 * Notes: a mount shows one branch, and every section of the core finds out whether
 * that is valid; calls that would look at nothing of it ask here. What the VFS keeps
 * is good while nobody has changed a name or a right (daxfs_version()): a request
 * about branches counts as such a change, of another host as of this mount. Of
 * mapped pages the keeper knows when they are of another view (mmap.c).
 */
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/fs.h>
#include <linux/uaccess.h>

#include "../../lib/branch_ioc.h"
#include "daxfs.h"

/* ---- what is shown ---- */

static int say_no(struct fs_context *fc, const char *name, int r)
{
	if (r == -ENOENT)
		errorf(fc, "daxfs: there is no branch '%s': see daxfs-branch list", name);
	else
		errorf(fc, "daxfs: cannot show branch '%s' (error %d)", name, r);
	return r;
}

int daxfs_show(struct daxfs_sbi *sbi, struct fs_context *fc)
{
	struct daxfs_cx *cx;
	u64 id;
	s64 r;

	if (!sbi->branch || !strcmp(sbi->branch, "main"))
		return 0;
	if (!sbi->branching) {
		errorf(fc, "daxfs: a region without branches, because mkdaxfs made it without -b");
		return -ENOENT;
	}
	cx = daxfs_begin(sbi);
	r = daxfs_branch_find(cx, sbi->branch, &id);
	if (!r && id)
		r = daxfs_branch_mount(cx, id);
	r = daxfs_end(sbi, cx, r);
	atomic64_inc(&sbi->turns);	/* the root was that of main */
	return r ? say_no(fc, sbi->branch, (int)r) : 0;
}

int daxfs_check(struct daxfs_sbi *sbi)
{
	struct daxfs_stat st;
	struct daxfs_cx *cx;

	if (!sbi->branching)
		return 0;
	cx = daxfs_begin(sbi);
	return (int)daxfs_end(sbi, cx, daxfs_getattr(cx, DAXFS_ROOT_INO, &st));
}

int daxfs_check_open(const struct file *file)
{
	struct daxfs_sbi *sbi = daxfs_sbi_of(file_inode(file));
	struct daxfs_cx *cx;

	if (!sbi->branching || !(file->f_mode & FMODE_WRITE))
		return daxfs_check(sbi);
	cx = daxfs_begin(sbi);
	return (int)daxfs_end(sbi, cx, daxfs_writable(cx));
}

/* ---- requests ---- */

struct request {
	unsigned int cmd;
	union {
		struct daxfs_ioc_branch b;
		struct daxfs_ioc_branch_op op;
	};
};

static bool only_looks(unsigned int cmd)
{
	return cmd == DAXFS_IOC_BRANCH_INFO || cmd == DAXFS_IOC_BRANCH_LIST ||
	       cmd == DAXFS_IOC_BRANCH_FIND;
}

static int may(const struct daxfs_sbi *sbi, unsigned int cmd)
{
	if (!sbi->branching)
		return -EOPNOTSUPP;
	if (only_looks(cmd))
		return 0;
	if (!uid_eq(current_fsuid(), sbi->mounter) && !capable(CAP_SYS_ADMIN))
		return -EPERM;
	/* Main is read-only by itself, and can be a parent. */
	return sb_rdonly(sbi->sb) && !sbi->only_main ? -EROFS : 0;
}

static s64 answer(struct daxfs_sbi *sbi, struct request *rq)
{
	struct daxfs_cx *cx = daxfs_begin(sbi);

	return daxfs_end(sbi, cx, daxfs_branch_ioc(cx, rq->cmd, &rq->b));
}

/* Does it end stores to what this mount shows? */
static bool freezes(const struct daxfs_sbi *sbi, const struct request *rq)
{
	u64 id = rq->cmd == DAXFS_IOC_BRANCH_CREATE ? rq->b.parent : rq->op.id;

	return rq->cmd != DAXFS_IOC_BRANCH_ABORT &&
	       (id == DAXFS_IOC_BRANCH_SELF || id == a64_load_relaxed(&sbi->rg.view));
}

/*
 * What was looked up before it, or while it goes on, is not used again. What is
 * stored through mappings before it is part of what is frozen, and faults that want
 * to store more wait until that is done.
 */
static s64 do_it(struct daxfs_sbi *sbi, struct request *rq)
{
	bool holds = freezes(sbi, rq);
	s64 r;

	atomic_inc(&sbi->turning);
	/* Who sees the new number sees that it goes on: daxfs_version(). */
	smp_mb__after_atomic();
	atomic64_inc(&sbi->turns);
	if (holds) {
		atomic_inc(&sbi->no_stores);
		daxfs_stores_stop(sbi);
	}
	r = answer(sbi, rq);
	if (holds)
		atomic_dec(&sbi->no_stores);
	smp_mb__before_atomic();
	atomic_dec(&sbi->turning);
	return r;
}

bool daxfs_is_branch_ioctl(unsigned int cmd)
{
	return daxfs_branch_is_ioctl(cmd);
}

long daxfs_branch_ioctl(struct super_block *sb, unsigned int cmd, void __user *arg)
{
	struct daxfs_sbi *sbi = daxfs_sbi(sb);
	struct request rq = { .cmd = cmd };
	s64 r = may(sbi, cmd);

	if (r)
		return (long)r;
	if (copy_from_user(&rq.b, arg, _IOC_SIZE(cmd)))
		return -EFAULT;
	r = only_looks(cmd) ? answer(sbi, &rq) : do_it(sbi, &rq);
	if (!r && (_IOC_DIR(cmd) & _IOC_READ) &&
	    copy_to_user(arg, &rq.b, sizeof(rq.b)))
		r = -EFAULT;
	return (long)r;
}
