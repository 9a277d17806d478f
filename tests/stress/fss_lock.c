/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * fsstress: numbers in files that are counted up under locks.
 *
 * Notes: a lost lock is a lost count. Where locks of one mount do not hold on
 * the other, each has files of its own.
 */
#define _GNU_SOURCE
#include "fss.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/file.h>
#include <sys/wait.h>

#define BY_FLOCK	0u
#define BY_FCNTL	1u

static char path[FSS_PATH];

static void set_path(u32 side, u32 by)
{
	snprintf(path, sizeof(path), "%s/count-%u-%u", fss_top[side],
		 fss_locks_reach ? 0 : side, by);
}

static int open_count(u32 side, u32 by)
{
	int fd;

	set_path(side, by);
	fd = open(path, O_RDWR | O_CREAT, 0644);
	if (fd < 0)
		WRONG("%s: %s", path, strerror(errno));
	return fd;
}

static int lock(int fd, u32 by, int type, int wait)
{
	struct flock fl = { .l_type = (short)type, .l_whence = SEEK_SET,
			    .l_len = 8 };
	int flock_type = type == F_WRLCK ? LOCK_EX : LOCK_UN;

	if (by == BY_FLOCK)
		return flock(fd, flock_type | (wait ? 0 : LOCK_NB));
	return fcntl(fd, wait ? F_SETLKW : F_SETLK, &fl);
}

/* A process of its own, because POSIX locks of one process never conflict. */
static int is_locked_at(u32 side, u32 by)
{
	int status, fd;
	pid_t pid = fork();

	if (!pid) {
		fd = open_count(side, by);
		if (!lock(fd, by, F_WRLCK, 0))
			_exit(0);
		_exit(errno == EAGAIN || errno == EACCES ? 1 : 2);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status) ||
	    WEXITSTATUS(status) > 1)
		WRONG("a lock could not be tried: %s", strerror(errno));
	return WEXITSTATUS(status);
}

static int reaches(u32 by)
{
	int fd = open_count(0, by), r;

	if (lock(fd, by, F_WRLCK, 0))
		WRONG("%s: a lock of nobody: %s", path, strerror(errno));
	if (!is_locked_at(0, by))
		WRONG("%s: locked twice", path);
	r = is_locked_at(fss_sides - 1, by);
	close(fd);
	return r;
}

static void make_count(u32 side, u32 by)
{
	u64 nr = 0;
	int fd = open_count(side, by);

	if (pwrite(fd, &nr, sizeof(nr), 0) != sizeof(nr))
		WRONG("%s: write: %s", path, strerror(errno));
	close(fd);
}

/* The numbers have their room before all gets full. */
void fss_lock_begin(void)
{
	u32 side, by;

	fss_locks_reach = 1;	/* all use the files of side 0 */
	fss_locks_reach = (reaches(BY_FLOCK) & reaches(BY_FCNTL));
	for (side = 0; side < fss_sides; side++)
		for (by = 0; by < 2; by++)
			make_count(side, by);
}

void fss_lock_step(void)
{
	u32 side = (u32)below(fss_sides), by = (u32)below(2);
	int fd = open_count(side, by);
	u64 nr = 0;

	if (lock(fd, by, F_WRLCK, 1)) {
		if (errno != ENOLCK || !fss_is_excused(errno))
			WRONG("%s: lock: %s", path, strerror(errno));
		close(fd);
		return;
	}
	if (pread(fd, &nr, sizeof(nr), 0) < 0)
		WRONG("%s: read: %s", path, strerror(errno));
	sched_yield();
	nr++;
	if (pwrite(fd, &nr, sizeof(nr), 0) != sizeof(nr))
		WRONG("%s: write: %s", path, strerror(errno));
	if (lock(fd, by, F_UNLCK, 1))
		WRONG("%s: unlock: %s", path, strerror(errno));
	close(fd);
	fss_count(&fss_board->locked[fss_locks_reach ? 0 : side][by]);
}

static u64 count_of(u32 side, u32 by)
{
	int fd = open_count(side, by);
	u64 nr = 0;

	if (pread(fd, &nr, sizeof(nr), 0) < 0)
		WRONG("%s: %s", path, strerror(errno));
	close(fd);
	return nr;
}

void fss_lock_check(void)
{
	u64 want, have;
	u32 side, by;

	for (side = 0; side < (fss_locks_reach ? 1 : fss_sides); side++)
		for (by = 0; by < 2; by++) {
			want = fss_board->locked[side][by];
			have = count_of(side, by);
			report(have == want, "fsstress: %llu counts under %s, "
			       "%llu are there", (unsigned long long)want,
			       by == BY_FLOCK ? "flock" : "fcntl",
			       (unsigned long long)have);
		}
}
