// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Times: access by reading, birth, what can be set and what is told.
 *
 * Notes: access times are looked at as the mount sets them: not at all with
 * noatime, and if they tell something new with relatime. A file is read once
 * after each change, because a file system may serve a second reading from
 * memory without noticing.
 */
#include "posix_test.h"

#include <dirent.h>
#include <linux/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>

/* The C library's name for a structure that <linux/stat.h> has as well. */
static int stat_x(int dir, const char *path, int flags, unsigned int mask,
		  struct statx *sx)
{
	memset(sx, 0x55, sizeof(*sx));
	return (int)syscall(SYS_statx, dir, path, flags, mask, sx);
}

static long long ns_of(struct timespec t)
{
	return t.tv_sec * 1000000000ll + t.tv_nsec;
}

static long long ns_of_x(struct statx_timestamp t)
{
	return t.tv_sec * 1000000000ll + t.tv_nsec;
}

static long long atime_of(const char *path)
{
	return ns_of(stat_of(path).st_atim);
}

static unsigned long mount_flags(void)
{
	struct statvfs v;

	OK(statvfs(".", &v));
	return v.f_flag;
}

/* ---- access ---- */

static void list(const char *path)
{
	DIR *d = opendir(path);

	CHECK(d);
	while (readdir(d))
		;
	OK(closedir(d));
}

static void follow(const char *path)
{
	char target[16];

	EQ(readlink(path, target, sizeof(target)), 1);
}

static void read_it(const char *path)
{
	expect_text(path, "content");
}

/* After a change the first use tells something new, and the second does not. */
static void expect_accesses(const char *path, void (*use)(const char *path))
{
	unsigned long flags = mount_flags();
	struct stat before = stat_of(path), after;
	long long first;

	later();
	use(path);
	after = stat_of(path);
	EQ(ns_of(after.st_mtim), ns_of(before.st_mtim));
	EQ(ns_of(after.st_ctim), ns_of(before.st_ctim));
	if (flags & ST_NOATIME) {
		EQ(ns_of(after.st_atim), ns_of(before.st_atim));
		return;
	}
	CHECK(ns_of(after.st_atim) > ns_of(before.st_atim));
	CHECK(ns_of(after.st_atim) > ns_of(after.st_mtim));
	first = ns_of(after.st_atim);
	later();
	use(path);
	if (flags & ST_RELATIME)
		EQ(atime_of(path), first);
	else
		CHECK(atime_of(path) >= first);
}

CASE(atime_of_reading, 0)
{
	int fd;

	make_file("f", "content");
	expect_accesses("f", read_it);
	later();
	fd = OK(open("f", O_WRONLY));
	write_all(fd, "content", 7, 0);
	OK(close(fd));
	expect_accesses("f", read_it);
}

CASE(atime_of_listing, 0)
{
	make_tree("d");
	make_file("d/a", "");
	expect_accesses("d", list);
	later();
	make_file("d/b", "");
	expect_accesses("d", list);
}

CASE(atime_of_following, 0)
{
	OK(symlink("x", "s"));
	expect_accesses("s", follow);
}

CASE(atime_kept_by_what_is_no_access, 0)
{
	struct timespec set[2] = { { 1000, 1 }, { 2000, 2 } };
	struct stat st;
	int fd;

	make_file("f", "content");
	make_tree("d");
	make_file("d/x", "");
	OK(utimensat(AT_FDCWD, "f", set, 0));
	OK(utimensat(AT_FDCWD, "d", set, 0));
	later();
	fd = OK(open("f", O_RDWR));
	write_all(fd, "C", 1, 0);
	OK(fsync(fd));
	OK(fstat(fd, &st));
	OK(ftruncate(fd, 3));
	OK(close(fd));
	OK(chmod("f", 0600));
	OK(rename("f", "g"));
	OK(link("g", "h"));
	EQ(atime_of("g"), ns_of(set[0]));
	make_file("d/y", "");
	OK(unlink("d/x"));
	OK(stat("d/y", &st));
	EQ(atime_of("d"), ns_of(set[0]));
}

CASE(atime_not_of_noatime_descriptor, 0)
{
	struct timespec set[2] = { { 1000, 1 }, { 2000, 2 } };
	char buf[8];
	int fd;

	make_file("f", "content");
	OK(utimensat(AT_FDCWD, "f", set, 0));
	fd = OK(open("f", O_RDONLY | O_NOATIME));
	read_all(fd, buf, 7, 0);
	EQ(atime_of("f"), ns_of(set[0]));
	AS_USER
		FAILS(EPERM, open("/", O_RDONLY | O_NOATIME));
}

CASE(atime_set_stays_set, 0)
{
	struct timespec set[2] = { { 4000000000ll, 123 }, { 2000, 2 } };

	make_file("f", "content");
	OK(utimensat(AT_FDCWD, "f", set, 0));
	if (mount_flags() & ST_RELATIME)
		read_it("f");	/* it is later than any change */
	EQ(atime_of("f"), ns_of(set[0]));
}

/* ---- setting ---- */

CASE(utimens_far_years, 0)
{
	static const long long sec[] = {
		-9223372035ll, -2147483649ll, -2147483648ll, -1, 0, 2147483647ll,
		2147483648ll, 4294967295ll, 4294967296ll, 9223372035ll,
	};
	static const long ns[] = { 0, 1, 999999999 };
	struct timespec ts[2];
	size_t i, j;

	make_file("f", "");
	for (i = 0; i < sizeof(sec) / sizeof(sec[0]); i++) {
		for (j = 0; j < sizeof(ns) / sizeof(ns[0]); j++) {
			ts[0] = (struct timespec){ sec[i], ns[j] };
			ts[1] = (struct timespec){ sec[i], ns[2 - j] };
			OK(utimensat(AT_FDCWD, "f", ts, 0));
			EQ(stat_of("f").st_atim.tv_sec, sec[i]);
			EQ(stat_of("f").st_atim.tv_nsec, ns[j]);
			EQ(stat_of("f").st_mtim.tv_sec, sec[i]);
			EQ(stat_of("f").st_mtim.tv_nsec, ns[2 - j]);
		}
	}
}

/* What cannot be kept becomes the nearest that can, never something else. */
CASE(utimens_beyond_what_is_kept, 0)
{
	struct timespec ts[2] = { { -100000000000ll, 5 }, { 100000000000ll, 5 } };
	struct stat st;

	make_file("f", "");
	OK(utimensat(AT_FDCWD, "f", ts, 0));
	st = stat_of("f");
	CHECK(st.st_atim.tv_sec >= -100000000000ll &&
	      st.st_atim.tv_sec <= -9223372036ll);
	CHECK(st.st_mtim.tv_sec <= 100000000000ll &&
	      st.st_mtim.tv_sec >= 9223372036ll);
}

CASE(utimens_now_is_one_moment, 0)
{
	struct timespec now[2] = { { 0, UTIME_NOW }, { 0, UTIME_NOW } };
	struct stat before, st;

	make_file("f", "");
	before = stat_of("f");
	later();
	OK(utimensat(AT_FDCWD, "f", now, 0));
	st = stat_of("f");
	EQ(ns_of(st.st_atim), ns_of(st.st_mtim));
	CHECK(ns_of(st.st_mtim) > ns_of(before.st_mtim));
	CHECK(ns_of(st.st_ctim) >= ns_of(st.st_mtim));
}

CASE(utimens_errors, 0)
{
	struct timespec bad[2] = { { 0, 1000000000 }, { 0, 0 } };
	struct timespec neg[2] = { { 0, 0 }, { 0, -1 } };
	struct timespec set[2] = { { 1, 0 }, { 2, 0 } };

	make_file("f", "");
	FAILS(EINVAL, utimensat(AT_FDCWD, "f", bad, 0));
	FAILS(EINVAL, utimensat(AT_FDCWD, "f", neg, 0));
	FAILS(EINVAL, utimensat(AT_FDCWD, "f", set, 0x40000000));
	FAILS(ENOENT, utimensat(AT_FDCWD, "missing", set, 0));
	FAILS(ENOTDIR, utimensat(AT_FDCWD, "f/x", set, 0));
	OK(symlink("missing", "dangling"));
	FAILS(ENOENT, utimensat(AT_FDCWD, "dangling", set, 0));
	OK(utimensat(AT_FDCWD, "dangling", set, AT_SYMLINK_NOFOLLOW));
	EQ(stat_of("dangling").st_mtim.tv_sec, 2);
}

CASE(utimens_by_descriptor, 0)
{
	struct timespec set[2] = { { 10, 11 }, { 12, 13 } };
	struct timeval tv[2] = { { 20, 21 }, { 22, 23 } };
	struct stat st;
	int fd;

	make_file("f", "");
	fd = OK(open("f", O_RDONLY));
	OK(futimens(fd, set));
	EQ(ns_of(stat_of("f").st_atim), 10000000011ll);
	OK(unlink("f"));
	OK(futimes(fd, tv));
	OK(fstat(fd, &st));
	EQ(ns_of(st.st_atim), 20000021000ll);
	EQ(ns_of(st.st_mtim), 22000023000ll);
	EQ(st.st_nlink, 0);
}

CASE(utimens_same_values_move_ctime, 0)
{
	struct timespec set[2] = { { 10, 11 }, { 12, 13 } };
	long long before;

	make_file("f", "");
	OK(utimensat(AT_FDCWD, "f", set, 0));
	before = ns_of(stat_of("f").st_ctim);
	later();
	OK(utimensat(AT_FDCWD, "f", set, 0));
	CHECK(ns_of(stat_of("f").st_ctim) > before);
}

/* ---- statx and birth ---- */

/* Through FUSE the kernel asks for it from 6.6 on. */
static long long birth_of(const char *path)
{
	struct statx sx;

	OK(stat_x(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW,
		  STATX_BASIC_STATS | STATX_BTIME, &sx));
	if (!(sx.stx_mask & STATX_BTIME))
		skip_case("times of birth: needs Linux 6.6");
	return ns_of_x(sx.stx_btime);
}

CASE(birth_is_when_it_was_made, 0)
{
	struct timespec from, to;
	long long birth;

	clock_gettime(CLOCK_REALTIME_COARSE, &from);
	later();
	make_file("f", "");
	make_tree("d");
	OK(symlink("x", "s"));
	OK(mkfifo("p", 0600));
	later();
	clock_gettime(CLOCK_REALTIME_COARSE, &to);
	birth = birth_of("f");
	CHECK(birth > ns_of(from) && birth < ns_of(to));
	CHECK(birth_of("d") >= birth && birth_of("d") < ns_of(to));
	CHECK(birth_of("s") >= birth && birth_of("s") < ns_of(to));
	CHECK(birth_of("p") >= birth && birth_of("p") < ns_of(to));
}

CASE(birth_never_changes, 0)
{
	struct timespec set[2] = { { 10, 11 }, { 12, 13 } };
	long long birth;

	make_file("f", "content");
	birth = birth_of("f");
	later();
	read_it("f");
	OK(chmod("f", 0600));
	OK(utimensat(AT_FDCWD, "f", set, 0));
	OK(truncate("f", 100));
	OK(link("f", "g"));
	OK(rename("f", "h"));
	EQ(birth_of("h"), birth);
	EQ(birth_of("g"), birth);
	make_file("f", "");
	CHECK(birth_of("f") > birth);
}

CASE(statx_agrees_with_stat, 0)
{
	static const char *const path[] = { "f", "d", "s", "p" };
	struct statx sx;
	struct stat st;
	size_t i;

	make_file("f", "content");
	make_tree("d");
	OK(symlink("f", "s"));
	OK(mkfifo("p", 0640));
	for (i = 0; i < 4; i++) {
		OK(stat_x(AT_FDCWD, path[i], AT_SYMLINK_NOFOLLOW,
			  STATX_BASIC_STATS | STATX_BTIME, &sx));
		st = stat_of(path[i]);
		EQ(sx.stx_mask & STATX_BASIC_STATS, STATX_BASIC_STATS);
		EQ(sx.stx_mode, st.st_mode);
		EQ(sx.stx_nlink, st.st_nlink);
		EQ(sx.stx_uid, st.st_uid);
		EQ(sx.stx_gid, st.st_gid);
		EQ(sx.stx_ino, st.st_ino);
		EQ(sx.stx_size, st.st_size);
		EQ(sx.stx_blocks, st.st_blocks);
		EQ(ns_of_x(sx.stx_atime), ns_of(st.st_atim));
		EQ(ns_of_x(sx.stx_mtime), ns_of(st.st_mtim));
		EQ(ns_of_x(sx.stx_ctime), ns_of(st.st_ctim));
	}
}

CASE(statx_of_device, NEEDS_ROOT)
{
	struct statx sx;

	OK(mknod("c", S_IFCHR | 0600, 0x12345));
	OK(stat_x(AT_FDCWD, "c", 0, STATX_BASIC_STATS | STATX_BTIME, &sx));
	EQ(sx.stx_mode, S_IFCHR | 0600);
	EQ(sx.stx_rdev_major, 0x123);
	EQ(sx.stx_rdev_minor, 0x45);
}

CASE(statx_sees_what_was_written, 0)
{
	struct statx sx;
	int fd, i;

	fd = OK(open("f", O_RDWR | O_CREAT, 0600));
	for (i = 1; i <= 50; i++) {
		write_all(fd, "x", 1, i * 1000 - 1);
		OK(stat_x(fd, "", AT_EMPTY_PATH,
			  STATX_BASIC_STATS | STATX_BTIME, &sx));
		EQ(sx.stx_size, i * 1000);
		OK(stat_x(AT_FDCWD, "f", AT_STATX_FORCE_SYNC,
			  STATX_SIZE | STATX_BTIME, &sx));
		EQ(sx.stx_size, i * 1000);
	}
	OK(unlink("f"));
	OK(stat_x(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_BTIME, &sx));
	EQ(sx.stx_nlink, 0);
	EQ(sx.stx_size, 50000);
}

CASE(statx_errors, 0)
{
	struct statx sx;

	make_file("f", "");
	FAILS(ENOENT, stat_x(AT_FDCWD, "missing", 0, STATX_BTIME, &sx));
	FAILS(ENOTDIR, stat_x(AT_FDCWD, "f/x", 0, STATX_BTIME, &sx));
	FAILS(EINVAL, stat_x(AT_FDCWD, "f", 0x40000000, STATX_BTIME, &sx));
	FAILS(EINVAL, stat_x(AT_FDCWD, "f", 0, STATX__RESERVED, &sx));
	FAILS(ENOENT, stat_x(AT_FDCWD, "", 0, STATX_BTIME, &sx));
}
