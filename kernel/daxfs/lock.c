// SPDX-License-Identifier: GPL-2.0-only
/*
 * flock(2) and fcntl(2) locks, held against all hosts of the region.
 *
 * Notes: the region says who has a lock, also between programs of this kernel.
 * The lists of the VFS are kept like it, because by them a lock ends with its
 * file or its process, /proc/locks shows it, and a circle of waiting programs is
 * found. Both are changed under the inode's mutex, the region first, so one is
 * never without the other for those who hold it; nobody waits for a lock with it.
 *
 * The core tries and never waits. Who is kept waiting by a program of this kernel
 * waits in the lists of the VFS, as anywhere else; who is kept waiting by another
 * host looks every POLL_NS whether a lock was given back anywhere, and tries again
 * after RETRY_POLLS looks in any case: a host that is declared dead (host.c)
 * gives nothing back. A host that serves by FUSE gives a flock back a little after
 * close(2) has returned, so a try that does not wait and finds one of such a host
 * is given GRACE_TRIES. A kernel gives it back before.
 *
 * A static image or a read-only mount has locks of this kernel alone, and so have
 * directories. What was locked before a mount became read-only still ends.
 */
#include <linux/delay.h>
#include <linux/fs.h>
#include <linux/sched/signal.h>
#include <linux/siphash.h>
#include <linux/wait.h>

#include "daxfs.h"

#define POLL_NS		(4 * NSEC_PER_MSEC)
#define RETRY_POLLS	10
#define GRACE_TRIES	10	/* a millisecond between them */
#define BUSY_TRIES	8	/* for what has to be given back; the same */

/* ---- what is wanted ---- */

/* The same number for the same owner, and no way back to his address. */
static u64 owner_of(const struct daxfs_sbi *sbi, const struct file_lock *fl)
{
	siphash_key_t key = { { sbi->lock_secret, ~sbi->lock_secret } };

	return siphash_1u64((u64)(unsigned long)daxfs_flc(fl, owner), &key);
}

static enum daxfs_lock_type type_of(const struct file_lock *fl)
{
	switch (daxfs_flc(fl, type)) {
	case F_RDLCK:
		return DAXFS_LOCK_SH;
	case F_WRLCK:
		return DAXFS_LOCK_EX;
	default:
		return DAXFS_UNLOCK;
	}
}

/* The numbers of an offset of fl are those of the region: OFFSET_MAX is the end. */
static struct daxfs_lock want_of(const struct daxfs_sbi *sbi,
				 const struct file_lock *fl)
{
	return (struct daxfs_lock){
		.type = type_of(fl),
		.kind = (daxfs_flc(fl, flags) & FL_FLOCK) ? DAXFS_FLOCK : DAXFS_RANGE,
		.owner = owner_of(sbi, fl),
		.start = (u64)fl->fl_start,
		.end = (u64)fl->fl_end,
		.pid = (u32)daxfs_flc(fl, pid),
	};
}

/* ---- changing both ---- */

static s64 region_lock(struct inode *inode, const struct daxfs_lock *want,
		       struct daxfs_lock *found)
{
	struct daxfs_sbi *sbi = daxfs_sbi_of(inode);
	struct daxfs_cx *cx = daxfs_begin(sbi);

	return daxfs_end(sbi, cx, daxfs_lock(cx, daxfs_file_of(inode), want, found));
}

static void wake_waiters(struct daxfs_sbi *sbi)
{
	if (wq_has_sleeper(&sbi->lock_wait))
		wake_up_all(&sbi->lock_wait);
}

/* Give back what fl says, whatever its type is. Caller has the mutex. */
static int give_back(struct file *file, struct file_lock *fl)
{
	struct inode *inode = file_inode(file);
	struct daxfs_sbi *sbi = daxfs_sbi_of(inode);
	struct daxfs_lock want = want_of(sbi, fl), found;
	unsigned char type = daxfs_flc(fl, type);
	int i, err;
	s64 r;

	want.type = DAXFS_UNLOCK;
	r = region_lock(inode, &want, &found);
	for (i = 0; i < BUSY_TRIES && r == -EBUSY; i++) {
		usleep_range(1000, 1200);
		r = region_lock(inode, &want, &found);
	}
	if (r && r != -ESTALE)
		pr_warn_ratelimited("daxfs: inode %lu: a lock stays until umount (error %lld)\n",
				    (unsigned long)inode->i_ino, r);
	daxfs_flc(fl, type) = F_UNLCK;
	err = locks_lock_file_wait(file, fl);
	daxfs_flc(fl, type) = type;
	wake_waiters(sbi);
	return r ? (int)r : err;
}

/*
 * What the region has granted, for the VFS. Nobody here is in its way, because
 * the lists say what the region says; memory may be short: then the range is
 * given back, and so is what the owner had there before.
 */
static int record(struct file *file, struct file_lock *fl)
{
	unsigned int flags = daxfs_flc(fl, flags);
	int r;

	daxfs_flc(fl, flags) = flags & ~FL_SLEEP;
	r = locks_lock_file_wait(file, fl);
	daxfs_flc(fl, flags) = flags;
	if (!r)
		return 0;
	WARN_ON_ONCE(r == -EAGAIN);
	give_back(file, fl);
	return r == -EAGAIN ? -ENOLCK : r;
}

/* A try. -EAGAIN: found is in its way; -EBUSY: somebody, who is always faster. */
static int take(struct file *file, struct file_lock *fl, struct daxfs_lock *found)
{
	struct inode *inode = file_inode(file);
	struct daxfs_sbi *sbi = daxfs_sbi_of(inode);
	struct daxfs_lock want = want_of(sbi, fl);
	struct mutex *lock = daxfs_hold_lock(inode);
	s64 r;

	mutex_lock(lock);
	r = region_lock(inode, &want, found);
	if (!r)
		r = record(file, fl);
	mutex_unlock(lock);
	if (!r && want.type == DAXFS_LOCK_SH)	/* it may have been an exclusive one */
		wake_waiters(sbi);
	return (int)r;
}

static int give(struct file *file, struct file_lock *fl)
{
	struct mutex *lock = daxfs_hold_lock(file_inode(file));
	int r;

	mutex_lock(lock);
	r = give_back(file, fl);
	mutex_unlock(lock);
	return r;
}

/* ---- waiting ---- */

/*
 * Until no program of this kernel is in the way. FL_ACCESS: looks and waits, and
 * takes nothing. -EDEADLK, -ERESTARTSYS.
 */
static int wait_here(struct file *file, struct file_lock *fl)
{
	unsigned int flags = daxfs_flc(fl, flags);
	int r;

	daxfs_flc(fl, flags) = flags | FL_ACCESS | FL_SLEEP;
	r = locks_lock_file_wait(file, fl);
	daxfs_flc(fl, flags) = flags;
	return r;
}

static bool has_moved(const struct daxfs_sbi *sbi, u64 frees)
{
	return daxfs_lock_frees(&sbi->rg) != frees || READ_ONCE(sbi->dead);
}

/* Until a try may be worth it. frees: the counter before the last one. */
static int wait_elsewhere(struct daxfs_sbi *sbi, u64 frees)
{
	int i, r = -ETIME;

	for (i = 0; i < RETRY_POLLS && r == -ETIME; i++)
		r = wait_event_interruptible_hrtimeout(sbi->lock_wait,
						       has_moved(sbi, frees),
						       ns_to_ktime(POLL_NS));
	return r == -ETIME ? 0 : r;
}

/* A flock is changed by giving the old one up: or two such would wait for ever. */
static int give_up_old(struct file *file, struct file_lock *fl,
		       const struct daxfs_lock *found)
{
	return (daxfs_flc(fl, flags) & FL_FLOCK) && found->mine ? give(file, fl) : 0;
}

/*
 * Waiting in the lists of the VFS is for every other time only: should they not
 * say what the region says, this does not turn round without a pause.
 */
static int take_waiting(struct file *file, struct file_lock *fl)
{
	struct daxfs_sbi *sbi = daxfs_sbi_of(file_inode(file));
	struct daxfs_lock found;
	bool here = false;
	u64 frees;
	int r;

	for (;;) {
		frees = daxfs_lock_frees(&sbi->rg);
		r = take(file, fl, &found);
		if (r != -EAGAIN && r != -EBUSY)
			return r;
		if (r == -EAGAIN) {
			r = give_up_old(file, fl, &found);
			if (r)
				return r;
		}
		here = !here && found.host == sbi->rg.host && found.type;
		r = here ? wait_here(file, fl) : wait_elsewhere(sbi, frees);
		if (r)
			return r;
	}
}

/* May its program have closed the file that has the lock already? */
static bool is_late(const struct daxfs_sbi *sbi, u32 host)
{
	struct daxfs_host_info info;

	return host != sbi->rg.host && !daxfs_host_info(&sbi->rg, host, &info) &&
	       info.id.kind != DAXFS_HOST_KERNEL;
}

static int take_at_once(struct file *file, struct file_lock *fl)
{
	struct daxfs_sbi *sbi = daxfs_sbi_of(file_inode(file));
	struct daxfs_lock found;
	int i, r = take(file, fl, &found);

	for (i = 0; i < GRACE_TRIES && r == -EAGAIN && is_late(sbi, found.host) &&
	     (daxfs_flc(fl, flags) & FL_FLOCK); i++) {
		usleep_range(1000, 1200);
		r = take(file, fl, &found);
	}
	return r == -EBUSY ? -EAGAIN : r;
}

/* ---- operations ---- */

static bool is_local(const struct inode *inode, const struct file_lock *fl)
{
	return daxfs_sbi_of(inode)->constant || !S_ISREG(inode->i_mode) ||
	       (sb_rdonly(inode->i_sb) && daxfs_flc(fl, type) != F_UNLCK);
}

static int change(struct file *file, int cmd, struct file_lock *fl)
{
	struct inode *inode = file_inode(file);
	int r;

	if (is_local(inode, fl)) {
		r = daxfs_flc(fl, type) == F_UNLCK ? 0 :
		    daxfs_check(daxfs_sbi_of(inode));
		return r ? r : locks_lock_file_wait(file, fl);
	}
	if (daxfs_flc(fl, type) == F_UNLCK)
		return give(file, fl);
	return cmd == F_SETLKW ? take_waiting(file, fl) : take_at_once(file, fl);
}

/* What is in the way, as the region has it. Of another host: a negative number. */
static void tell(const struct daxfs_sbi *sbi, const struct daxfs_lock *found,
		 struct file_lock *fl)
{
	pid_t pid = (pid_t)found->pid;

	daxfs_flc(fl, flags) = FL_POSIX;
	daxfs_flc(fl, type) = found->type == DAXFS_LOCK_EX ? F_WRLCK :
			      found->type == DAXFS_LOCK_SH ? F_RDLCK : F_UNLCK;
	daxfs_flc(fl, pid) = found->host == sbi->rg.host ? pid : -pid;
	fl->fl_start = (loff_t)found->start;
	fl->fl_end = (loff_t)found->end;
}

static int test(struct file *file, struct file_lock *fl)
{
	struct inode *inode = file_inode(file);
	struct daxfs_sbi *sbi = daxfs_sbi_of(inode);
	struct daxfs_lock want = want_of(sbi, fl), found;
	bool local = is_local(inode, fl);
	struct daxfs_cx *cx;
	s64 r;

	/* Of one's own kernel the VFS knows more, as whether it is a file's. */
	posix_test_lock(file, fl);
	if (local || daxfs_flc(fl, type) != F_UNLCK)
		return 0;
	cx = daxfs_begin(sbi);
	r = daxfs_lock_test(cx, daxfs_file_of(inode), &want, &found);
	r = daxfs_end(sbi, cx, r);
	if (!r && found.type != DAXFS_UNLOCK)
		tell(sbi, &found, fl);
	return (int)r;
}

int daxfs_flock_op(struct file *file, int cmd, struct file_lock *fl)
{
	if (!(daxfs_flc(fl, flags) & FL_FLOCK))
		return -ENOLCK;
	return change(file, cmd, fl);
}

int daxfs_lock_op(struct file *file, int cmd, struct file_lock *fl)
{
	if (!(daxfs_flc(fl, flags) & FL_POSIX))
		return -ENOLCK;
	switch (cmd) {
	case F_GETLK:
		return test(file, fl);
	case F_CANCELLK:
		return 0;		/* nothing is ever left waiting */
	default:
		return change(file, cmd, fl);
	}
}
