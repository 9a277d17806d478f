/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Attributes: times, modes, owners, set-id and sticky bits, statvfs.
 *
 * Notes: time stamps are compared before and after an operation with a pause
 * between that is longer than the tick of any clock a file system uses.
 */
#include "posix_test.h"

#include <sys/statvfs.h>
#include <time.h>

/* ---- times ---- */

#define M	1u	/* mtime moves forward */
#define C	2u	/* ctime moves forward */

static int time_cmp(struct timespec a, struct timespec b)
{
	if (a.tv_sec != b.tv_sec)
		return a.tv_sec < b.tv_sec ? -1 : 1;
	return a.tv_nsec < b.tv_nsec ? -1 : a.tv_nsec > b.tv_nsec;
}

static void expect_moved(int line, const char *path, const struct stat *before,
			 unsigned int bits)
{
	struct stat now = stat_of(path);

	if (time_cmp(now.st_mtim, before->st_mtim) != !!(bits & M))
		fail_at(__FILE__, line, "mtime of %s %s", path,
			bits & M ? "did not move" : "moved");
	if (time_cmp(now.st_ctim, before->st_ctim) != !!(bits & C))
		fail_at(__FILE__, line, "ctime of %s %s", path,
			bits & C ? "did not move" : "moved");
}

/* Do it, then path's times have moved as the bits say. */
#define MOVES(path, bits, call)						\
	do {								\
		struct stat before_ = stat_of(path);			\
		later();						\
		OK(call);						\
		expect_moved(__LINE__, path, &before_, bits);		\
	} while (0)

CASE(times_of_new_file, 0)
{
	struct timespec from, to;
	struct stat st;

	clock_gettime(CLOCK_REALTIME_COARSE, &from);
	later();
	make_file("f", "");
	later();
	clock_gettime(CLOCK_REALTIME_COARSE, &to);
	st = stat_of("f");
	CHECK(time_cmp(from, st.st_mtim) < 0 && time_cmp(st.st_mtim, to) < 0);
	CHECK(time_cmp(from, st.st_ctim) < 0 && time_cmp(st.st_ctim, to) < 0);
	CHECK(time_cmp(from, st.st_atim) < 0 && time_cmp(st.st_atim, to) < 0);
}

CASE(times_parent_of_new_names, 0)
{
	int fd;

	make_tree("d");
	make_file("f", "");
	MOVES("d", M | C, fd = open("d/new", O_RDWR | O_CREAT, 0600));
	MOVES("d", 0, open("d/new", O_RDWR | O_CREAT, 0600));
	MOVES("d", M | C, mkdir("d/sub", 0700));
	MOVES("d", M | C, symlink("x", "d/sym"));
	MOVES("d", M | C, link("f", "d/hard"));
	MOVES("d", M | C, mkfifo("d/fifo", 0600));
	MOVES("d", 0, pwrite(fd, "x", 1, 0));
	MOVES("d", 0, mkdir("d/sub/sub", 0700));
}

CASE(times_parent_of_removed_names, 0)
{
	make_tree("d");
	make_tree("d/sub");
	make_file("d/a", "");
	make_file("d/b", "");
	MOVES("d", M | C, unlink("d/a"));
	MOVES("d", M | C, rmdir("d/sub"));
	MOVES("d", M | C, rename("d/b", "d/c"));
}

CASE(times_parents_of_rename, 0)
{
	struct stat to;

	make_tree("from");
	make_tree("to");
	make_file("from/a", "");
	make_file("to/b", "");
	to = stat_of("to");
	MOVES("from", M | C, rename("from/a", "to/b"));
	expect_moved(__LINE__, "to", &to, M | C);
}

CASE(times_of_links, 0)
{
	int fd;

	make_file("f", "x");
	MOVES("f", C, link("f", "g"));
	MOVES("f", C, unlink("g"));
	OK(link("f", "g"));
	make_file("new", "");
	MOVES("f", C, rename("new", "g"));
	fd = OK(open("f", O_RDWR));
	MOVES("f", 0, close(fd));
}

CASE(times_of_write, 0)
{
	int fd, ap;

	make_file("f", "abc");
	fd = OK(open("f", O_RDWR));
	ap = OK(open("f", O_WRONLY | O_APPEND));
	MOVES("f", M | C, pwrite(fd, "x", 1, 0));
	MOVES("f", M | C, pwrite(fd, "x", 1, 9999));
	MOVES("f", M | C, write(ap, "x", 1));
	MOVES("f", 0, pwrite(fd, "", 0, 0));
	MOVES("f", M | C, ftruncate(fd, 20));
	MOVES("f", M | C, truncate("f", 2000));
	MOVES("f", M | C, open("f", O_WRONLY | O_TRUNC));
	MOVES("f", M | C, open("f", O_WRONLY | O_TRUNC));
	MOVES("f", 0, open("f", O_RDWR));
	MOVES("f", 0, fsync(fd));
}

CASE(times_of_fstat_agree, 0)
{
	struct stat a, b;
	int fd;

	make_file("f", "abc");
	fd = OK(open("f", O_RDWR));
	later();
	EQ(pwrite(fd, "zz", 2, 1), 2);
	OK(fstat(fd, &a));
	b = stat_of("f");
	EQ(time_cmp(a.st_mtim, b.st_mtim), 0);
	EQ(time_cmp(a.st_ctim, b.st_ctim), 0);
	EQ(a.st_size, b.st_size);
}

CASE(times_of_chmod_and_chown, 0)
{
	make_file("f", "x");
	make_tree("d");
	MOVES("f", C, chmod("f", 0600));
	MOVES("d", C, chmod("d", 0700));
	MOVES("f", C, chown("f", geteuid(), getegid()));
}

static void expect_set(const char *path, struct timespec at,
		       struct timespec mt)
{
	struct stat st = stat_of(path);

	EQ(st.st_atim.tv_sec, at.tv_sec);
	EQ(st.st_atim.tv_nsec, at.tv_nsec);
	EQ(st.st_mtim.tv_sec, mt.tv_sec);
	EQ(st.st_mtim.tv_nsec, mt.tv_nsec);
}

CASE(utimens_nanoseconds, 0)
{
	static const struct timespec ts[][2] = {
		{ { 1, 1 }, { 2, 2 } },
		{ { 1234567890, 123456789 }, { 987654321, 987654321 } },
		{ { 0, 0 }, { 0, 999999999 } },
		{ { -1, 0 }, { -1000000000, 999999999 } },
		{ { 4102444800ll, 5 }, { 9000000000ll, 7 } },
	};
	size_t i;

	make_file("f", "x");
	make_tree("d");
	OK(symlink("f", "s"));
	for (i = 0; i < sizeof(ts) / sizeof(ts[0]); i++) {
		OK(utimensat(AT_FDCWD, "f", ts[i], 0));
		expect_set("f", ts[i][0], ts[i][1]);
		OK(utimensat(AT_FDCWD, "d", ts[i], 0));
		expect_set("d", ts[i][0], ts[i][1]);
		OK(utimensat(AT_FDCWD, "s", ts[i], AT_SYMLINK_NOFOLLOW));
		expect_set("s", ts[i][0], ts[i][1]);
		expect_set("f", ts[i][0], ts[i][1]);
	}
}

CASE(utimens_now_and_omit, 0)
{
	struct timespec set[2] = { { 100, 1 }, { 200, 2 } };
	struct timespec omit[2] = { { 0, UTIME_OMIT }, { 0, UTIME_OMIT } };
	struct timespec one[2] = { { 0, UTIME_OMIT }, { 300, 3 } };
	struct timespec now[2] = { { 0, UTIME_NOW }, { 0, UTIME_OMIT } };

	make_file("f", "x");
	MOVES("f", 0, utimensat(AT_FDCWD, "f", omit, 0));
	OK(utimensat(AT_FDCWD, "f", set, 0));
	MOVES("f", M | C, utimensat(AT_FDCWD, "f", one, 0));
	expect_set("f", set[0], one[1]);
	MOVES("f", C, utimensat(AT_FDCWD, "f", now, 0));
	CHECK(stat_of("f").st_atim.tv_sec > 1000000000);
	MOVES("f", M | C, utimensat(AT_FDCWD, "f", NULL, 0));
	CHECK(stat_of("f").st_mtim.tv_sec > 1000000000);
}

CASE(utimens_survives_reading, 0)
{
	struct timespec set[2] = { { 2000000000, 1 }, { 1000000000, 2 } };
	int fd;

	make_file("f", "content");
	OK(utimensat(AT_FDCWD, "f", set, 0));
	expect_text("f", "content");
	fd = OK(open("f", O_RDWR));
	OK(close(fd));
	EQ(stat_of("f").st_mtim.tv_sec, 1000000000);
	EQ(stat_of("f").st_mtim.tv_nsec, 2);
}

CASE(utimens_after_write, 0)
{
	struct timespec set[2] = { { 100, 1 }, { 200, 2 } };
	int fd;

	fd = OK(open("f", O_RDWR | O_CREAT, 0600));
	write_pattern(fd, 0, 10000, 1);
	OK(futimens(fd, set));
	OK(close(fd));
	expect_set("f", set[0], set[1]);
}

CASE(utimens_permission, NEEDS_ROOT)
{
	struct timespec set[2] = { { 100, 1 }, { 200, 2 } };

	make_file("f", "x");
	make_file("g", "x");
	OK(chmod("g", 0666));
	AS_USER {
		FAILS(EPERM, utimensat(AT_FDCWD, "f", set, 0));
		FAILS(EACCES, utimensat(AT_FDCWD, "f", NULL, 0));
		FAILS(EPERM, utimensat(AT_FDCWD, "g", set, 0));
		OK(utimensat(AT_FDCWD, "g", NULL, 0));
	}
}

/* ---- modes ---- */

CASE(chmod_all_bits, 0)
{
	static const mode_t mode[] = { 0, 0777, 0644, 01777, 04755, 0711 };
	int fd = OK(open("f", O_RDWR | O_CREAT, 0600));
	size_t i;

	make_tree("d");
	for (i = 0; i < sizeof(mode) / sizeof(mode[0]); i++) {
		OK(chmod("f", mode[i]));
		EQ(stat_of("f").st_mode, S_IFREG | mode[i]);
		OK(chmod("d", mode[i]));
		EQ(stat_of("d").st_mode, S_IFDIR | mode[i]);
		OK(fchmod(fd, mode[i] ^ 0111));
		EQ(stat_of("f").st_mode, S_IFREG | (mode[i] ^ 0111));
	}
	OK(chmod("d", 0755));
}

CASE(chmod_errors, 0)
{
	make_file("f", "");
	OK(symlink("f", "s"));
	OK(symlink("missing", "dangling"));
	FAILS(ENOENT, chmod("missing", 0600));
	FAILS(ENOENT, chmod("dangling", 0600));
	FAILS(ENOTDIR, chmod("f/x", 0600));
	OK(chmod("s", 0640));
	EQ(stat_of("f").st_mode & 07777, 0640);
}

CASE(chmod_seen_through_links, 0)
{
	make_file("f", "");
	OK(link("f", "g"));
	OK(chmod("f", 0611));
	EQ(stat_of("g").st_mode & 07777, 0611);
}

CASE(chmod_of_others_file, NEEDS_ROOT)
{
	make_file("f", "");
	AS_USER {
		FAILS(EPERM, chmod("f", 0777));
		FAILS(EPERM, chown("f", NOBODY, -1));
	}
	EQ(stat_of("f").st_mode & 07777, 0644);
}

CASE(umask_of_each_kind, 0)
{
	umask(077);
	OK(open("f", O_RDWR | O_CREAT, 0777));
	OK(mkdir("d", 0777));
	OK(mkfifo("p", 0777));
	OK(symlink("x", "s"));
	EQ(stat_of("f").st_mode, S_IFREG | 0700);
	EQ(stat_of("d").st_mode, S_IFDIR | 0700);
	EQ(stat_of("p").st_mode, S_IFIFO | 0700);
	EQ(stat_of("s").st_mode, S_IFLNK | 0777);
	umask(0);
	OK(open("g", O_RDWR | O_CREAT, 0777));
	EQ(stat_of("g").st_mode, S_IFREG | 0777);
}

CASE(permission_is_enforced, 0)
{
	AS_USER {
		struct stat st;

		make_tree("d");
		make_file("d/f", "x");
		OK(chmod("d", 0600));
		FAILS(EACCES, stat("d/f", &st));
		OK(chmod("d", 0500));
		OK(stat("d/f", &st));
		FAILS(EACCES, unlink("d/f"));
		FAILS(EACCES, open("d/g", O_RDWR | O_CREAT, 0600));
		FAILS(EACCES, mkdir("d/x", 0700));
		FAILS(EACCES, rename("d/f", "f"));
		OK(chmod("d", 0300));
		FAILS(EACCES, open("d", O_RDONLY));
		OK(chmod("d/f", 0));
		FAILS(EACCES, open("d/f", O_RDONLY));
		FAILS(EACCES, open("d/f", O_WRONLY));
		FAILS(EACCES, truncate("d/f", 0));
		OK(chmod("d", 0700));
	}
}

CASE(access_asks_for_the_caller, 0)
{
	make_file("f", "");
	OK(chmod("f", 0644));
	FAILS(EACCES, access("f", X_OK));
	FAILS(ENOENT, access("missing", F_OK));
	OK(access("f", R_OK | W_OK));
	AS_USER {
		int fd = OK(open("mine", O_RDWR | O_CREAT, 0400));

		OK(close(fd));
		OK(access("mine", R_OK));
		FAILS(EACCES, access("mine", W_OK));
	}
}

CASE(sticky_directory, NEEDS_ROOT)
{
	make_tree("d");
	OK(chmod("d", 01777));
	make_file("d/f", "root's");
	make_file("plain", "x");
	AS_USER {
		FAILS2(EPERM, EACCES, unlink("d/f"));
		FAILS2(EPERM, EACCES, rename("d/f", "d/g"));
		make_file("d/mine", "x");
		FAILS2(EPERM, EACCES, rename("d/mine", "d/f"));
		OK(unlink("d/mine"));
	}
	EQ(stat_of("d").st_mode, S_IFDIR | 01777);
	expect_text("d/f", "root's");
}

/* ---- owners ---- */

CASE(chown_values, NEEDS_ROOT)
{
	int fd = OK(open("f", O_RDWR | O_CREAT, 0644));

	OK(chown("f", 12345, 54321));
	EQ(stat_of("f").st_uid, 12345);
	EQ(stat_of("f").st_gid, 54321);
	OK(chown("f", -1, 77));
	EQ(stat_of("f").st_uid, 12345);
	EQ(stat_of("f").st_gid, 77);
	OK(fchown(fd, 4294967290u, -1));
	EQ(stat_of("f").st_uid, 4294967290u);
	OK(symlink("f", "s"));
	OK(lchown("s", 5, 6));
	EQ(stat_of("s").st_uid, 5);
	EQ(stat_of("f").st_gid, 77);
	OK(chown("s", 8, 9));
	EQ(stat_of("f").st_uid, 8);
	EQ(stat_of("s").st_uid, 5);
}

CASE(chown_as_user, 0)
{
	AS_USER {
		make_file("f", "");
		OK(chown("f", geteuid(), getegid()));
		OK(chown("f", -1, -1));
		FAILS(EPERM, chown("f", geteuid() + 1, -1));
		FAILS(EPERM, chown("f", -1, getegid() + 12321));
		OK(unlink("f"));
	}
}

CASE(owner_of_new_files, 0)
{
	AS_USER {
		make_file("f", "");
		make_tree("d");
		OK(symlink("x", "s"));
		EQ(stat_of("f").st_uid, geteuid());
		EQ(stat_of("f").st_gid, getegid());
		EQ(stat_of("d").st_uid, geteuid());
		EQ(stat_of("s").st_uid, geteuid());
	}
}

CASE(setgid_directory, NEEDS_ROOT)
{
	make_tree("d");
	OK(chown("d", -1, 4321));
	OK(chmod("d", 02775));
	EQ(stat_of("d").st_mode & 07777, 02775);
	make_file("d/f", "");
	OK(mkdir("d/sub", 0755));
	OK(symlink("x", "d/s"));
	OK(mkfifo("d/p", 0600));
	EQ(stat_of("d/f").st_gid, 4321);
	EQ(stat_of("d/s").st_gid, 4321);
	EQ(stat_of("d/p").st_gid, 4321);
	EQ(stat_of("d/sub").st_gid, 4321);
	EQ(stat_of("d/sub").st_mode & 07777, 02755);
	EQ(stat_of("d/f").st_mode & 07777, 0644);
	OK(mkdir("d/sub/sub", 0700));
	EQ(stat_of("d/sub/sub").st_gid, 4321);
}

CASE(setid_cleared_by_write, NEEDS_ROOT)
{
	int fd;

	make_file("f", "x");
	OK(chmod("f", 06777));
	AS_USER {
		fd = OK(open("f", O_RDWR));
		write_all(fd, "y", 1, 0);
	}
	EQ(stat_of("f").st_mode & 07777, 0777);
	OK(chmod("f", 06777));
	fd = OK(open("f", O_RDWR));
	write_all(fd, "z", 1, 0);
	EQ(stat_of("f").st_mode & 07777, 06777);
}

CASE(setid_cleared_by_chown, NEEDS_ROOT)
{
	make_file("f", "x");
	OK(chmod("f", 06755));
	OK(chown("f", 33, 33));
	EQ(stat_of("f").st_mode & 07777, 0755);
	make_tree("d");
	OK(chmod("d", 02755));
	OK(chown("d", 33, 33));
	EQ(stat_of("d").st_mode & 07777, 02755);
}

/* ---- statvfs ---- */

CASE(statvfs_values, 0)
{
	struct statvfs v;

	OK(statvfs(".", &v));
	CHECK(v.f_bsize >= 512 && v.f_frsize >= 512);
	CHECK(v.f_blocks > 0);
	CHECK(v.f_bfree <= v.f_blocks);
	CHECK(v.f_bavail <= v.f_bfree);
	EQ(v.f_namemax, 255);
}

/* Free space, once what is being closed has been given back. */
static long long free_bytes(long long at_least)
{
	struct timespec nap = { .tv_nsec = 10000000 };
	struct statvfs v;
	long long n;
	int tries = 0;

	do {
		OK(statvfs(".", &v));
		n = (long long)v.f_bavail * v.f_frsize;
		if (n < at_least)
			nanosleep(&nap, NULL);
	} while (n < at_least && ++tries < 500);
	return n;
}

CASE(statvfs_counts_space, 0)
{
	long long before, full, slack = 2 * MIB;
	int fd = OK(open("f", O_RDWR | O_CREAT, 0600));

	before = free_bytes(0);
	write_pattern(fd, 0, 16 * MIB, 1);
	full = free_bytes(0);
	CHECK(before - full >= 16 * MIB - slack);
	CHECK(before - full <= 16 * MIB + slack);
	CHECK(stat_of("f").st_blocks * 512ll >= 16 * MIB - slack);
	CHECK(stat_of("f").st_blocks * 512ll <= 16 * MIB + slack);
	OK(ftruncate(fd, 0));
	CHECK(free_bytes(before - slack) >= before - slack);
	write_pattern(fd, 0, 16 * MIB, 1);
	OK(unlink("f"));
	CHECK(free_bytes(0) < before - 8 * MIB);
	OK(close(fd));
	CHECK(free_bytes(before - slack) >= before - slack);
}
