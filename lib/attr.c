// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Public API: permissions, owners and times, by path and of open files.
 *
 * Notes: one core call each, so all that a call changes changes at once.
 */
#include "api.h"

static int set_path(struct daxfs *fs, struct daxfs_fd *dir, const char *path,
		    int flags, const struct daxfs_setattr *sa)
{
	u32 how = flags & AT_SYMLINK_NOFOLLOW ? 0 : DAXFS_WALK_FOLLOW;
	struct daxfs_walk w;
	struct daxfs_cx *cx;
	int r;

	if (flags & ~AT_SYMLINK_NOFOLLOW)
		return -EINVAL;
	r = daxfs_api_begin_write(fs, &cx);
	if (r)
		return r;
	r = daxfs_walk(cx, daxfs_api_start(dir), path, how, &w);
	if (!r && sa->set)
		r = daxfs_setattr(cx, w.st.ino, sa, NULL);
	return (int)daxfs_api_end(fs, cx, r);
}

static int set_fd(struct daxfs_fd *fd, const struct daxfs_setattr *sa)
{
	struct daxfs_cx *cx;
	int r = daxfs_api_begin_write(fd->fs, &cx);

	if (r)
		return r;
	if (sa->set)
		r = daxfs_setattr(cx, fd->held->file.ino, sa, NULL);
	return (int)daxfs_api_end(fd->fs, cx, r);
}

static u64 now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (u64)ts.tv_sec * 1000000000ull + (u64)ts.tv_nsec;
}

static int one_time(const struct timespec *ts, u64 *ns, u32 bit, u32 *set)
{
	if (ts->tv_nsec == UTIME_OMIT)
		return 0;
	*set |= bit;
	if (ts->tv_nsec == UTIME_NOW) {
		*ns = now_ns();
		return 0;
	}
	if (ts->tv_nsec < 0 || ts->tv_nsec >= 1000000000)
		return -EINVAL;
	/* 64 bits of ns end in 1677 and in 2262. */
	if (ts->tv_sec < -9223372036 || ts->tv_sec > 9223372035)
		return -EINVAL;
	*ns = (u64)((s64)ts->tv_sec * 1000000000 + ts->tv_nsec);
	return 0;
}

static int parse_times(const struct timespec times[2], struct daxfs_setattr *sa)
{
	int r;

	if (!times) {
		sa->set = DAXFS_SET_ATIME | DAXFS_SET_MTIME;
		sa->atime_ns = sa->mtime_ns = now_ns();
		return 0;
	}
	r = one_time(&times[0], &sa->atime_ns, DAXFS_SET_ATIME, &sa->set);
	return r ? r : one_time(&times[1], &sa->mtime_ns, DAXFS_SET_MTIME,
				&sa->set);
}

static void parse_owner(uid_t uid, gid_t gid, struct daxfs_setattr *sa)
{
	sa->uid = uid;
	sa->gid = gid;
	sa->set = (uid == (uid_t)-1 ? 0 : DAXFS_SET_UID) |
		  (gid == (gid_t)-1 ? 0 : DAXFS_SET_GID);
}

int daxfs_fs_chmod(struct daxfs *fs, struct daxfs_fd *dir, const char *path,
		   mode_t mode)
{
	struct daxfs_setattr sa = { .set = DAXFS_SET_MODE,
				    .mode = mode & 07777 };

	return set_path(fs, dir, path, 0, &sa);
}

int daxfs_fs_chown(struct daxfs *fs, struct daxfs_fd *dir, const char *path,
		   uid_t uid, gid_t gid, int flags)
{
	struct daxfs_setattr sa = { .set = 0 };

	parse_owner(uid, gid, &sa);
	return set_path(fs, dir, path, flags, &sa);
}

int daxfs_fs_utimens(struct daxfs *fs, struct daxfs_fd *dir, const char *path,
		     const struct timespec times[2], int flags)
{
	struct daxfs_setattr sa = { .set = 0 };
	int r = parse_times(times, &sa);

	return r ? r : set_path(fs, dir, path, flags, &sa);
}

int daxfs_fd_chmod(struct daxfs_fd *fd, mode_t mode)
{
	struct daxfs_setattr sa = { .set = DAXFS_SET_MODE,
				    .mode = mode & 07777 };

	return set_fd(fd, &sa);
}

int daxfs_fd_chown(struct daxfs_fd *fd, uid_t uid, gid_t gid)
{
	struct daxfs_setattr sa = { .set = 0 };

	parse_owner(uid, gid, &sa);
	return set_fd(fd, &sa);
}

int daxfs_fd_utimens(struct daxfs_fd *fd, const struct timespec times[2])
{
	struct daxfs_setattr sa = { .set = 0 };
	int r = parse_times(times, &sa);

	return r ? r : set_fd(fd, &sa);
}
