/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Hard links and symlinks of each kind of file; files without a name.
 *
 * Notes: where /proc/sys/fs/protected_* forbid more than POSIX, the tests
 * stay away from it: they link what the caller owns.
 */
#include "posix_test.h"

#include <limits.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/un.h>

enum kind { REG, SYMLINK, FIFO, SOCK, DEVICE, KINDS };
static const char *const kind_name[] = { "file", "symlink", "fifo", "socket",
	"device" };

static int make_kind(enum kind k, const char *path)
{
	switch (k) {
	case REG:
		return close(OK(open(path, O_RDWR | O_CREAT | O_EXCL, 0644)));
	case SYMLINK:
		return symlink("nowhere", path);
	case FIFO:
		return mkfifo(path, 0644);
	case SOCK:
		return mknod(path, S_IFSOCK | 0644, 0);
	default:
		return mknod(path, S_IFCHR | 0644, makedev(1, 3));
	}
}

static int kinds(void)
{
	return geteuid() ? DEVICE : KINDS;
}

CASE(link_of_each_kind, 0)
{
	struct stat a, b;
	int k;

	make_tree("d");
	for (k = REG; k < kinds(); k++) {
		label("%s", kind_name[k]);
		OK(make_kind(k, "a"));
		a = stat_of("a");
		WANT_EQ(a.st_nlink, 1);
		WANT(0, link("a", "b"));
		WANT(0, link("b", "d/c"));
		b = stat_of("d/c");
		WANT_EQ(b.st_ino, a.st_ino);
		WANT_EQ(b.st_mode, a.st_mode);
		WANT_EQ(b.st_rdev, a.st_rdev);
		WANT_EQ(b.st_nlink, 3);
		WANT(EEXIST, link("a", "b"));
		WANT(EEXIST, link("a", "a"));
		WANT(EEXIST, link("a", "d"));
		WANT(0, unlink("a"));
		WANT_EQ(stat_of("b").st_nlink, 2);
		WANT(ENOENT, link("a", "e"));
		WANT(0, link("b", "a"));
		WANT_EQ(stat_of("a").st_ino, b.st_ino);
		WANT(0, unlink("b"));
		WANT(0, unlink("d/c"));
		WANT_EQ(stat_of("a").st_nlink, 1);
		WANT(0, unlink("a"));
		WANT(ENOENT, unlink("a"));
	}
}

CASE(unlink_and_rmdir_of_each_kind, 0)
{
	int k;

	for (k = REG; k < kinds(); k++) {
		label("%s", kind_name[k]);
		OK(make_kind(k, "x"));
		WANT(ENOTDIR, rmdir("x"));
		WANT(ENOTDIR, unlinkat(AT_FDCWD, "x", AT_REMOVEDIR));
		CHECK(exists("x"));
		WANT(EINVAL, unlinkat(AT_FDCWD, "x", 0x4000));
		WANT(0, unlink("x"));
		CHECK(!exists("x"));
		WANT(ENOENT, unlink("x"));
	}
	label(NULL);
	make_tree("d");
	WANT2(EISDIR, EPERM, unlink("d"));
	WANT2(EISDIR, EPERM, unlinkat(AT_FDCWD, "d", 0));
	OK(symlink("d", "s"));
	WANT(ENOTDIR, rmdir("s"));
	WANT(ENOTDIR, rmdir("s/"));
	make_file("d/f", "");
	WANT2(ENOTEMPTY, EEXIST, rmdir("d"));
	WANT2(ENOTEMPTY, EEXIST, rmdir("d/"));
	WANT(0, unlink("d/f"));
	WANT(0, unlink("s"));
	WANT(0, rmdir("d/"));
	EQ(count_entries("."), 0);
}

CASE(link_of_directories, 0)
{
	make_tree("d");
	make_tree("d/e");
	OK(symlink("d", "s"));
	WANT(EPERM, link("d", "x"));
	WANT(EPERM, link("d/", "x"));
	WANT(EPERM, link(".", "x"));
	WANT(EPERM, link("d/e", "d/f"));
	WANT(EPERM, linkat(AT_FDCWD, "s", AT_FDCWD, "x", AT_SYMLINK_FOLLOW));
	WANT(0, link("s", "x"));
	CHECK(S_ISLNK(stat_of("x").st_mode));
	WANT_EQ(stat_of("d").st_nlink, 3);
}

CASE(link_flags, 0)
{
	make_file("f", "x");
	make_tree("d");
	OK(symlink("f", "s"));
	OK(symlink("missing", "dangling"));
	WANT(0, linkat(AT_FDCWD, "s", AT_FDCWD, "l1", 0));
	CHECK(S_ISLNK(stat_of("l1").st_mode));
	WANT(0, linkat(AT_FDCWD, "s", AT_FDCWD, "l2", AT_SYMLINK_FOLLOW));
	CHECK(S_ISREG(stat_of("l2").st_mode));
	WANT(ENOENT, linkat(AT_FDCWD, "dangling", AT_FDCWD, "l3",
			    AT_SYMLINK_FOLLOW));
	WANT(0, linkat(AT_FDCWD, "dangling", AT_FDCWD, "l3", 0));
	WANT(EINVAL, linkat(AT_FDCWD, "f", AT_FDCWD, "l4", 0x4000));
	WANT(EINVAL, linkat(AT_FDCWD, "f", AT_FDCWD, "l4",
			    AT_SYMLINK_NOFOLLOW));
	/* through /proc, as open(2) tells it */
	WANT(ENOTDIR, link("f", "f/x"));
	WANT(ENOTDIR, link("f/", "l4"));
	WANT(ENOENT, link("f", "l4/"));
	WANT(EEXIST, link("f", "dangling"));
	WANT(EEXIST, link("f", "d/"));
	EQ(count_entries("."), 7);
}

/* Content, mode and owner are of the inode, whatever its name. */
CASE(link_shares_everything, 0)
{
	char buf[8];
	int fd;

	make_file("a", "abc");
	OK(link("a", "b"));
	fd = OK(open("b", O_RDWR | O_APPEND));
	EQ(write(fd, "def", 3), 3);
	expect_text("a", "abcdef");
	OK(chmod("a", 0604));
	WANT_EQ(stat_of("b").st_mode & 07777, 0604);
	OK(truncate("a", 2));
	WANT_EQ(pread(fd, buf, 8, 0), 2);
	OK(unlink("a"));
	OK(unlink("b"));
	WANT_EQ(pread(fd, buf, 8, 0), 2);
	WANT_EQ(write(fd, "x", 1), 1);
	WANT_EQ(lseek(fd, 0, SEEK_END), 3);
}

/* ---- files that have lost their name ---- */

static int fstat_nlink(int fd)
{
	struct stat st;

	OK(fstat(fd, &st));
	return (int)st.st_nlink;
}

CASE(nameless_file_works, 0)
{
	struct timespec ts[2] = { { 5, 5 }, { 6, 6 } };
	struct stat st;
	char buf[8];
	int fd, two;

	make_file("f", "abc");
	fd = OK(open("f", O_RDWR));
	OK(unlink("f"));
	WANT_EQ(fstat_nlink(fd), 0);
	WANT_EQ(pread(fd, buf, 8, 0), 3);
	WANT_EQ(pwrite(fd, "defg", 4, 3), 4);
	WANT(0, ftruncate(fd, 5));
	WANT(0, fchmod(fd, 0600));
	WANT(0, fchown(fd, -1, -1));
	WANT(0, futimens(fd, ts));
	WANT(0, fsync(fd));
	OK(fstat(fd, &st));
	WANT_EQ(st.st_size, 5);
	WANT_EQ(st.st_mode, S_IFREG | 0600);
	WANT_EQ(st.st_mtim.tv_sec, 6);
	two = OK(dup(fd));
	OK(close(fd));
	WANT_EQ(pread(two, buf, 8, 0), 5);
	CHECK(!exists("f"));
	snprintf(buf, sizeof(buf), "f");
	make_file(buf, "another");
	WANT_EQ(pread(two, buf, 8, 0), 5);
	expect_text("f", "another");
}

CASE(nameless_file_opened_anew, 0)
{
	char path[64], buf[8];
	int fd, again;

	make_file("f", "abc");
	fd = OK(open("f", O_RDWR));
	OK(unlink("f"));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	again = OK(open(path, O_RDWR));
	OK(close(fd));
	WANT_EQ(pread(again, buf, 8, 0), 3);
	WANT_EQ(fstat_nlink(again), 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", again);
	WANT(0, truncate(path, 1));
	WANT(0, chmod(path, 0640));
	WANT_EQ(pread(again, buf, 8, 0), 1);
	/* it had a name once: it gets none again */
	WANT(ENOENT, linkat(AT_FDCWD, path, AT_FDCWD, "g",
			    AT_SYMLINK_FOLLOW));
	CHECK(!exists("g"));
}

CASE(nameless_path_descriptor, 0)
{
	struct stat st;
	int fd;

	make_file("f", "abc");
	fd = OK(open("f", O_PATH));
	OK(unlink("f"));
	if (WANT_OR(HELD_BY_OPEN_ALONE, ESTALE, 0, fstat(fd, &st))) {
		WANT_EQ(st.st_nlink, 0);
		WANT_EQ(st.st_size, 3);
	}
	WANT(EBADF, read(fd, &st, 1));
	CHECK(!exists("f"));
}

CASE(nameless_directory, 0)
{
	struct stat st;
	int fd;

	make_tree("d");
	fd = OK(open("d", O_RDONLY | O_DIRECTORY));
	OK(rmdir("d"));
	OK(fstat(fd, &st));
	WANT_EQ(st.st_nlink, 0);
	WANT(ENOENT, openat(fd, "x", O_RDWR | O_CREAT, 0600));
	WANT(ENOENT, mkdirat(fd, "x", 0700));
	WANT(ENOENT, symlinkat("x", fd, "x"));
	WANT(ENOENT, mkfifoat(fd, "x", 0600));
	WANT(ENOENT, fstatat(fd, "x", &st, 0));
	WANT(ENOENT, unlinkat(fd, "x", 0));
	WANT(0, fstatat(fd, ".", &st, 0));
	WANT(0, fchmod(fd, 0700));
	WANT(0, fsync(fd));
	make_tree("d");
	WANT(ENOENT, openat(fd, "x", O_RDWR | O_CREAT, 0600));
	EQ(count_entries("d"), 0);
}

CASE(nameless_by_rename, 0)
{
	char buf[8];
	int fd;

	make_file("a", "a");
	make_file("b", "bb");
	fd = OK(open("b", O_RDWR));
	OK(rename("a", "b"));
	WANT_EQ(fstat_nlink(fd), 0);
	WANT_EQ(pread(fd, buf, 8, 0), 2);
	WANT_EQ(pwrite(fd, "ccc", 3, 0), 3);
	expect_text("b", "a");
}

/* ---- symlinks ---- */

CASE(symlink_content, 0)
{
	static const char *const to[] = {
		"x", "missing", "/", ".", "..", "a/b/c", "//", "with space",
		"\001\177\377", "self", "./self", "/nonexistent/x",
	};
	char buf[256];
	size_t i;

	for (i = 0; i < COUNT_OF(to); i++) {
		label("to %zu", i);
		WANT(0, symlink(to[i], "self"));
		WANT_EQ(readlink("self", buf, sizeof(buf)), strlen(to[i]));
		WANT_EQ(memcmp(buf, to[i], strlen(to[i])), 0);
		WANT_EQ(stat_of("self").st_size, strlen(to[i]));
		WANT_EQ(stat_of("self").st_mode, S_IFLNK | 0777);
		OK(unlink("self"));
	}
}

CASE(symlink_and_readlink_arguments, 0)
{
	char buf[16];

	make_file("f", "");
	make_tree("d");
	OK(symlink("target", "s"));
	memset(buf, '#', sizeof(buf));
	WANT_EQ(readlink("s", buf, 3), 3);
	WANT_EQ(memcmp(buf, "tar#", 4), 0);
	WANT_EQ(readlink("s", buf, 6), 6);
	WANT_EQ(buf[6], '#');
	WANT(EINVAL, readlink("f", buf, sizeof(buf)));
	WANT(EINVAL, readlink("d", buf, sizeof(buf)));
	WANT(EINVAL, readlink(".", buf, sizeof(buf)));
	WANT(ENOENT, readlink("missing", buf, sizeof(buf)));
	WANT(ENOENT, symlink("", "empty"));
	WANT(EEXIST, symlink("x", "f"));
	WANT(EEXIST, symlink("x", "d"));
	WANT(EEXIST, symlink("x", "s"));
	WANT(ENOENT, symlink("x", "new/"));
	WANT(ENOTDIR, symlink("x", "f/new"));
	WANT(0, symlink("f", "d/g"));
	WANT(ENOENT, open("d/g", O_RDONLY));	/* relative to its place */
	EQ(count_entries("."), 3);
}

/* What goes through a symlink to a directory, and what does not. */
CASE(symlink_to_directory, 0)
{
	struct stat st;

	make_tree("d");
	make_file("d/f", "x");
	OK(symlink("d", "s"));
	WANT(0, stat("s/f", &st));
	WANT(0, mkdir("s/sub", 0700));
	CHECK(exists("d/sub"));
	WANT(0, rename("s/f", "s/g"));
	CHECK(exists("d/g"));
	WANT(0, unlink("s/g"));
	WANT(0, lstat("s/", &st));
	CHECK(S_ISDIR(st.st_mode));
	WANT(ENOTDIR, rename("s/", "t"));
	WANT(ENOTDIR, unlink("s/"));
	WANT(ENOTDIR, open("s", O_DIRECTORY | O_NOFOLLOW));
	WANT(0, open("s/", O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
	WANT(EEXIST, mkdir("s", 0700));
	WANT(EEXIST, mkdir("s/", 0700));
	WANT(0, rename("s", "t"));
	WANT(0, unlink("t"));
	CHECK(exists("d/sub"));
}
