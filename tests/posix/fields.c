/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What stat, statx and statvfs say, of each kind of file; locks of two kinds.
 *
 * Notes: fields that depend on the file system (block size, blocks) are held
 * to what every one of them has to keep.
 */
#include "posix_test.h"

#include <sys/file.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

enum kind { REG, DIRECTORY, SYMLINK, FIFO, SOCK, KINDS };
static const char *const kind_name[] = { "file", "dir", "symlink", "fifo",
	"socket" };
static const mode_t kind_mode[] = { S_IFREG, S_IFDIR, S_IFLNK, S_IFIFO,
	S_IFSOCK };

static void make_kind(enum kind k, const char *path)
{
	if (k == REG)
		make_file(path, "12345");
	else if (k == DIRECTORY)
		OK(mkdir(path, 0640));
	else if (k == SYMLINK)
		OK(symlink("12345", path));
	else
		OK(mknod(path, kind_mode[k] | 0640, 0));
	if (k != SYMLINK)
		OK(chmod(path, 0640));
}

static void expect_same(const struct statx *x, const struct stat *st)
{
	WANT_EQ(x->stx_mode, st->st_mode);
	WANT_EQ(x->stx_ino, st->st_ino);
	WANT_EQ(x->stx_nlink, st->st_nlink);
	WANT_EQ(x->stx_uid, st->st_uid);
	WANT_EQ(x->stx_gid, st->st_gid);
	WANT_EQ(x->stx_size, st->st_size);
	WANT_EQ(x->stx_blocks, st->st_blocks);
	WANT_EQ(x->stx_blksize, st->st_blksize);
	WANT_EQ(x->stx_mtime.tv_sec, st->st_mtim.tv_sec);
	WANT_EQ(x->stx_mtime.tv_nsec, st->st_mtim.tv_nsec);
	WANT_EQ(x->stx_ctime.tv_sec, st->st_ctim.tv_sec);
	WANT_EQ(x->stx_ctime.tv_nsec, st->st_ctim.tv_nsec);
	WANT_EQ(makedev(x->stx_dev_major, x->stx_dev_minor), st->st_dev);
	WANT_EQ(makedev(x->stx_rdev_major, x->stx_rdev_minor), st->st_rdev);
}

CASE(stat_of_each_kind, 0)
{
	struct stat st, top = stat_of(".");
	struct statx x;
	int k;

	for (k = REG; k < KINDS; k++) {
		label("%s", kind_name[k]);
		make_kind(k, "x");
		st = stat_of("x");
		WANT_EQ(st.st_mode, kind_mode[k] | (k == SYMLINK ? 0777 : 0640));
		WANT_EQ(st.st_dev, top.st_dev);
		WANT_EQ(st.st_ino != top.st_ino && st.st_ino != 0, 1);
		WANT_EQ(st.st_nlink, k == DIRECTORY ? 2 : 1);
		WANT_EQ(st.st_uid, geteuid());
		WANT_EQ(st.st_gid, getegid());
		WANT_EQ(st.st_blksize >= 512, 1);
		if (k != DIRECTORY)
			WANT_EQ(st.st_size, k == REG || k == SYMLINK ? 5 : 0);
		OK(statx(AT_FDCWD, "x", AT_SYMLINK_NOFOLLOW,
			 STATX_BASIC_STATS, &x));
		WANT_EQ(x.stx_mask & STATX_BASIC_STATS, STATX_BASIC_STATS);
		expect_same(&x, &st);
		OK(remove("x"));
	}
}

CASE(stat_numbers_are_unique, 0)
{
	static ino_t ino[200];
	char name[16];
	int i, k;

	for (i = 0; i < 200; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		make_file(name, "");
		ino[i] = stat_of(name).st_ino;
		for (k = 0; k < i; k++)
			CHECK(ino[k] != ino[i]);
	}
	for (i = 0; i < 200; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		EQ(stat_of(name).st_ino, ino[i]);
	}
}

CASE(stat_follows_or_not, 0)
{
	struct stat st;
	struct statx x;

	make_file("f", "123");
	OK(symlink("f", "s"));
	OK(symlink("s", "t"));
	OK(stat("t", &st));
	WANT_EQ(st.st_ino, stat_of("f").st_ino);
	OK(lstat("t", &st));
	CHECK(S_ISLNK(st.st_mode));
	OK(fstatat(AT_FDCWD, "t", &st, AT_SYMLINK_NOFOLLOW));
	CHECK(S_ISLNK(st.st_mode));
	OK(statx(AT_FDCWD, "t", 0, STATX_SIZE, &x));
	WANT_EQ(x.stx_size, 3);
	OK(statx(AT_FDCWD, "t", AT_SYMLINK_NOFOLLOW, STATX_SIZE, &x));
	WANT_EQ(x.stx_size, 1);
	OK(statx(AT_FDCWD, "f", AT_STATX_FORCE_SYNC, STATX_SIZE, &x));
	WANT_EQ(x.stx_size, 3);
	OK(statx(AT_FDCWD, "f", AT_STATX_DONT_SYNC, STATX_SIZE, &x));
	WANT_EQ(x.stx_size, 3);
}

/* Blocks: 512 bytes each, none for a hole, about the length for data. */
CASE(stat_blocks, 0)
{
	int fd = OK(open("f", O_RDWR | O_CREAT, 0600));

	WANT_EQ(stat_of("f").st_blocks, 0);
	OK(ftruncate(fd, 10 * MIB));
	WANT_EQ(stat_of("f").st_size, 10 * MIB);
	WANT_EQ(stat_of("f").st_blocks < MIB / 512, 1);
	write_pattern(fd, 0, 1 * MIB, 1);
	WANT_EQ(stat_of("f").st_blocks >= MIB / 512, 1);
	WANT_EQ(stat_of("f").st_blocks <= 4 * MIB / 512, 1);
	OK(ftruncate(fd, 0));
	WANT_EQ(stat_of("f").st_blocks, 0);
}

CASE(statvfs_of_path_and_descriptor, 0)
{
	struct statvfs a, b;
	int fd;

	make_file("f", "x");
	make_tree("d");
	OK(symlink("d", "s"));
	fd = OK(open("f", O_RDONLY));
	OK(statvfs(".", &a));
	OK(fstatvfs(fd, &b));
	WANT_EQ(a.f_fsid, b.f_fsid);
	WANT_EQ(a.f_blocks, b.f_blocks);
	WANT_EQ(a.f_namemax, 255);
	WANT_EQ(b.f_namemax, 255);
	OK(statvfs("s", &b));
	WANT_EQ(a.f_frsize, b.f_frsize);
	WANT_EQ(a.f_bavail <= a.f_bfree && a.f_bfree <= a.f_blocks, 1);
	WANT_EQ(a.f_favail <= a.f_ffree && a.f_ffree <= a.f_files, 1);
	WANT_EQ(a.f_files > 0, 1);
	WANT_EQ(a.f_flag & ST_RDONLY, 0);
}

CASE(statvfs_counts_inodes, 0)
{
	struct statvfs a, b;
	char name[16];
	int i;

	OK(statvfs(".", &a));
	for (i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		make_file(name, "");
	}
	OK(statvfs(".", &b));
	/* others may use the file system: the files in use have grown */
	CHECK(b.f_files - b.f_ffree > a.f_files - a.f_ffree);
}

/* ---- locks: what one process can see of another ---- */

/* Errno of a try in another process, or 0. */
static int try_flock(const char *path, int how)
{
	pid_t pid = child_begin();
	int status;

	if (!pid)
		_exit(flock(OK(open(path, O_RDWR)), how | LOCK_NB) ? errno : 0);
	EQ(waitpid(pid, &status, 0), pid);
	return WEXITSTATUS(status);
}

static int try_fcntl(const char *path, short type, off_t start, off_t len)
{
	struct flock fl = { .l_type = type, .l_whence = SEEK_SET,
			    .l_start = start, .l_len = len };
	pid_t pid = child_begin();
	int status;

	if (!pid)
		_exit(fcntl(OK(open(path, O_RDWR)), F_SETLK, &fl) ? errno : 0);
	EQ(waitpid(pid, &status, 0), pid);
	return WEXITSTATUS(status);
}

static int set_lock(int fd, short type, off_t start, off_t len)
{
	struct flock fl = { .l_type = type, .l_whence = SEEK_SET,
			    .l_start = start, .l_len = len };

	return fcntl(fd, F_SETLK, &fl);
}

CASE(lock_whole_files, 0)
{
	int fd, two;

	make_file("f", "");
	fd = OK(open("f", O_RDWR));
	WANT(0, flock(fd, LOCK_EX));
	WANT_EQ(try_flock("f", LOCK_EX), EWOULDBLOCK);
	WANT_EQ(try_flock("f", LOCK_SH), EWOULDBLOCK);
	two = OK(open("f", O_RDONLY));
	WANT(EWOULDBLOCK, flock(two, LOCK_SH | LOCK_NB));
	WANT(0, flock(fd, LOCK_SH));
	WANT_EQ(try_flock("f", LOCK_SH), 0);
	WANT_EQ(try_flock("f", LOCK_EX), EWOULDBLOCK);
	WANT(0, flock(two, LOCK_SH | LOCK_NB));
	WANT(EWOULDBLOCK, flock(fd, LOCK_EX | LOCK_NB));
	WANT(0, flock(fd, LOCK_UN));
	WANT(0, flock(two, LOCK_EX | LOCK_NB));
	fd = OK(dup(two));
	OK(close(two));
	WANT_EQ(try_flock("f", LOCK_SH), EWOULDBLOCK);
	OK(close(fd));
	WANT_EQ(try_flock("f", LOCK_EX), 0);
	fd = OK(open("f", O_RDWR));
	WANT(EINVAL, flock(fd, 0));
	WANT(EINVAL, flock(fd, LOCK_SH | LOCK_EX));
	WANT(EBADF, flock(-1, LOCK_SH));
}

CASE(lock_ranges, 0)
{
	struct flock fl = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int fd;

	make_file("f", "");
	fd = OK(open("f", O_RDWR));
	WANT(0, set_lock(fd, F_WRLCK, 10, 10));
	WANT_EQ(try_fcntl("f", F_WRLCK, 0, 10), 0);
	WANT_EQ(try_fcntl("f", F_WRLCK, 20, 1), 0);
	WANT_EQ(try_fcntl("f", F_WRLCK, 19, 1), EAGAIN);
	WANT_EQ(try_fcntl("f", F_RDLCK, 10, 1), EAGAIN);
	WANT_EQ(try_fcntl("f", F_RDLCK, 0, 0), EAGAIN);
	WANT(0, set_lock(fd, F_RDLCK, 12, 3));
	WANT_EQ(try_fcntl("f", F_RDLCK, 12, 3), 0);
	WANT_EQ(try_fcntl("f", F_WRLCK, 12, 3), EAGAIN);
	WANT_EQ(try_fcntl("f", F_RDLCK, 11, 1), EAGAIN);
	WANT(0, set_lock(fd, F_UNLCK, 12, 3));
	WANT_EQ(try_fcntl("f", F_WRLCK, 12, 3), 0);
	WANT_EQ(try_fcntl("f", F_WRLCK, 15, 1), EAGAIN);
	/* to the end, whatever that will be */
	WANT(0, set_lock(fd, F_WRLCK, 100, 0));
	WANT_EQ(try_fcntl("f", F_WRLCK, INT64_MAX - 1, 1), EAGAIN);
	WANT(0, fcntl(fd, F_GETLK, &fl));
	WANT_EQ(fl.l_type, F_UNLCK);		/* one's own do not count */
	fl = (struct flock){ .l_type = 77, .l_whence = SEEK_SET };
	WANT(EINVAL, fcntl(fd, F_SETLK, &fl));
	fl = (struct flock){ .l_type = F_RDLCK, .l_whence = 77 };
	WANT(EINVAL, fcntl(fd, F_SETLK, &fl));
	WANT(EINVAL, set_lock(fd, F_RDLCK, -1, 1));
	WANT(EINVAL, set_lock(fd, F_RDLCK, 5, -6));
	WANT(0, set_lock(fd, F_RDLCK, 5, -5));
	/* any close of the file by the process lets all go */
	OK(close(OK(open("f", O_RDONLY))));
	WANT_EQ(try_fcntl("f", F_WRLCK, 0, 0), 0);
	OK(close(fd));
	fd = OK(open("f", O_RDONLY));
	WANT(EBADF, set_lock(fd, F_WRLCK, 0, 1));
	WANT(0, set_lock(fd, F_RDLCK, 0, 1));
}
