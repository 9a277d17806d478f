// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Public API: locks of open files.
 *
 * Notes: a lock belongs to the handle, whichever thread took it, and ends with
 * it, as the locks of an open file description do. Nothing waits here.
 */
#include <sys/file.h>
#include <unistd.h>

#include "api.h"

static int set_lock(struct daxfs_fd *fd, struct daxfs_lock *want)
{
	struct daxfs_cx *cx;
	int r = daxfs_api_begin_write(fd->fs, &cx);

	if (r)
		return r;
	want->owner = (uintptr_t)fd;
	want->pid = (u32)getpid();
	if (want->type)
		__atomic_store_n(&fd->locked, 1, __ATOMIC_RELAXED);
	r = daxfs_lock(cx, &fd->held->file, want, NULL);
	return (int)daxfs_api_end(fd->fs, cx, r);
}

int daxfs_fd_flock(struct daxfs_fd *fd, int operation)
{
	struct daxfs_lock want = { .kind = DAXFS_FLOCK };

	switch (operation & ~LOCK_NB) {
	case LOCK_SH:
		want.type = DAXFS_LOCK_SH;
		break;
	case LOCK_EX:
		want.type = DAXFS_LOCK_EX;
		break;
	case LOCK_UN:
		want.type = DAXFS_UNLOCK;
		break;
	default:
		return -EINVAL;
	}
	return set_lock(fd, &want);
}

/* A length that is negative means the bytes before the start. */
static int parse_range(const struct flock *fl, struct daxfs_lock *want)
{
	off_t start = fl->l_start;

	if (fl->l_whence != SEEK_SET || start < 0)
		return -EINVAL;
	if (fl->l_len < 0 && __builtin_add_overflow(start, fl->l_len, &start))
		return -EINVAL;
	if (start < 0)
		return -EINVAL;
	want->start = (u64)start;
	if (!fl->l_len)
		want->end = DAXFS_LOCK_END;
	else if (fl->l_len < 0)
		want->end = (u64)fl->l_start - 1;
	else if ((u64)fl->l_len - 1 > DAXFS_LOCK_END - (u64)start)
		return -EOVERFLOW;
	else
		want->end = (u64)start + (u64)fl->l_len - 1;
	return 0;
}

static int parse_lock(const struct daxfs_fd *fd, const struct flock *fl,
		      struct daxfs_lock *want)
{
	int how = fd->flags & O_ACCMODE;

	*want = (struct daxfs_lock){ .kind = DAXFS_RANGE,
				     .owner = (uintptr_t)fd };
	switch (fl->l_type) {
	case F_RDLCK:
		want->type = DAXFS_LOCK_SH;
		if (how == O_WRONLY)
			return -EBADF;
		break;
	case F_WRLCK:
		want->type = DAXFS_LOCK_EX;
		if (how == O_RDONLY)
			return -EBADF;
		break;
	case F_UNLCK:
		break;
	default:
		return -EINVAL;
	}
	return parse_range(fl, want);
}

int daxfs_fd_lock(struct daxfs_fd *fd, const struct flock *fl)
{
	struct daxfs_lock want;
	int r = parse_lock(fd, fl, &want);

	return r ? r : set_lock(fd, &want);
}

int daxfs_fd_lock_test(struct daxfs_fd *fd, struct flock *fl)
{
	struct daxfs_lock want, found;
	struct daxfs_cx *cx;
	int r = parse_lock(fd, fl, &want);

	if (!r && !want.type)
		r = -EINVAL;
	if (!r)
		r = daxfs_api_begin(fd->fs, &cx);
	if (r)
		return r;
	r = daxfs_lock_test(cx, &fd->held->file, &want, &found);
	r = (int)daxfs_api_end(fd->fs, cx, r);
	if (r)
		return r;
	fl->l_type = F_UNLCK;
	if (!found.type)
		return 0;
	fl->l_type = found.type == DAXFS_LOCK_EX ? F_WRLCK : F_RDLCK;
	fl->l_start = (off_t)found.start;
	fl->l_len = found.end == DAXFS_LOCK_END ? 0 :
		    (off_t)(found.end - found.start + 1);
	fl->l_pid = (pid_t)found.pid;
	return 0;
}

void daxfs_api_unlock(struct daxfs_fd *fd)
{
	struct daxfs_lock all = { .end = DAXFS_LOCK_END };

	if (!__atomic_load_n(&fd->locked, __ATOMIC_RELAXED))
		return;
	/* It fails if we are no host any more: then they have ended. */
	all.kind = DAXFS_FLOCK;
	set_lock(fd, &all);
	all.kind = DAXFS_RANGE;
	set_lock(fd, &all);
}
