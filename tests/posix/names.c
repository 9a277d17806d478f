/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Names: lookup, open and creat, mkdir, symlink, link, unlink, rmdir.
 *
 * Notes: errors are those that POSIX or the Linux manual page of the call
 * names; where both allow two, both pass.
 */
#include "posix_test.h"

#include <dirent.h>
#include <limits.h>

/* ---- open ---- */

CASE(open_create, 0)
{
	struct stat st;
	int fd;

	umask(027);
	fd = OK(open("f", O_RDWR | O_CREAT, 0666));
	OK(fstat(fd, &st));
	EQ(st.st_mode, S_IFREG | 0640);
	EQ(st.st_size, 0);
	EQ(st.st_nlink, 1);
	EQ(st.st_uid, geteuid());
	EQ(st.st_gid, getegid());
	EQ(st.st_ino, stat_of("f").st_ino);
	EQ(st.st_dev, stat_of(".").st_dev);
}

CASE(open_existing_keeps_mode, 0)
{
	int fd = OK(open("f", O_RDWR | O_CREAT, 0600));

	write_all(fd, "abc", 3, 0);
	fd = OK(open("f", O_RDWR | O_CREAT, 0666));
	EQ(stat_of("f").st_mode & 07777, 0600);
	EQ(lseek(fd, 0, SEEK_END), 3);
}

CASE(open_excl, 0)
{
	OK(open("f", O_RDWR | O_CREAT | O_EXCL, 0600));
	FAILS(EEXIST, open("f", O_RDWR | O_CREAT | O_EXCL, 0600));
	OK(symlink("missing", "dangling"));
	FAILS(EEXIST, open("dangling", O_RDWR | O_CREAT | O_EXCL, 0600));
	CHECK(!exists("missing"));
	OK(mkdir("d", 0755));
	FAILS(EEXIST, open("d", O_RDWR | O_CREAT | O_EXCL, 0600));
}

CASE(open_creates_through_dangling_symlink, 0)
{
	OK(symlink("target", "s"));
	OK(open("s", O_RDWR | O_CREAT, 0600));
	CHECK(S_ISREG(stat_of("target").st_mode));
	CHECK(S_ISLNK(stat_of("s").st_mode));
}

CASE(open_mode_without_access, 0)
{
	AS_USER {
		int fd = OK(open("w", O_RDWR | O_CREAT | O_EXCL, 0444));

		write_all(fd, "object", 6, 0);
		OK(close(fd));
		expect_text("w", "object");
		FAILS(EACCES, open("w", O_RDWR));
		fd = OK(open("none", O_RDWR | O_CREAT | O_EXCL, 0));
		write_all(fd, "x", 1, 0);
		FAILS(EACCES, open("none", O_RDONLY));
	}
}

CASE(open_errors, 0)
{
	make_file("f", "x");
	make_tree("d");
	FAILS(ENOENT, open("missing", O_RDONLY));
	FAILS(ENOENT, open("missing/f", O_RDWR | O_CREAT, 0600));
	FAILS(ENOENT, open("", O_RDONLY));
	FAILS(ENOTDIR, open("f/x", O_RDONLY));
	FAILS(ENOTDIR, open("f/x", O_RDWR | O_CREAT, 0600));
	FAILS(ENOTDIR, open("f/", O_RDONLY));
	FAILS(ENOTDIR, open("f", O_RDONLY | O_DIRECTORY));
	FAILS(EISDIR, open("d", O_WRONLY));
	FAILS(EISDIR, open("d", O_RDWR));
	FAILS(EISDIR, open("d", O_RDWR | O_CREAT, 0600));
	FAILS(EISDIR, open("new/", O_RDWR | O_CREAT, 0600));
	CHECK(!exists("new"));
}

CASE(open_directory_read_gives_eisdir, 0)
{
	int fd = OK(open(".", O_RDONLY));
	char c;

	FAILS(EISDIR, read(fd, &c, 1));
	FAILS(EBADF, write(fd, &c, 1));
}

CASE(open_access_mode_is_kept, 0)
{
	char c = 'x';
	int fd;

	make_file("f", "abc");
	fd = OK(open("f", O_RDONLY));
	FAILS(EBADF, write(fd, &c, 1));
	FAILS2(EINVAL, EBADF, ftruncate(fd, 0));
	fd = OK(open("f", O_WRONLY));
	FAILS(EBADF, read(fd, &c, 1));
	expect_text("f", "abc");
}

CASE(open_nofollow, 0)
{
	make_file("f", "x");
	OK(symlink("f", "s"));
	FAILS(ELOOP, open("s", O_RDONLY | O_NOFOLLOW));
	OK(open("f", O_RDONLY | O_NOFOLLOW));
	OK(open("s", O_PATH | O_NOFOLLOW));
}

CASE(open_trunc, 0)
{
	int fd;

	make_file("f", "some content");
	fd = OK(open("f", O_RDWR));
	OK(open("f", O_WRONLY | O_TRUNC));
	EQ(stat_of("f").st_size, 0);
	EQ(lseek(fd, 0, SEEK_END), 0);
	EQ(pread(fd, &fd, 1, 0), 0);
}

CASE(open_many_handles, 0)
{
	int fd[200], i;

	make_file("f", "0123456789");
	for (i = 0; i < 200; i++)
		fd[i] = OK(open("f", i % 2 ? O_RDWR : O_RDONLY));
	OK(unlink("f"));
	for (i = 0; i < 199; i++)
		OK(close(fd[i]));
	EQ(lseek(fd[199], 0, SEEK_END), 10);
	write_all(fd[199], "abc", 3, 10);
}

/* ---- names ---- */

static void fill_name(char *buf, int len, char c)
{
	memset(buf, c, len);
	buf[len] = 0;
}

CASE(name_each_length, 0)
{
	char name[NAME_MAX + 1];
	int len;

	for (len = 1; len <= NAME_MAX; len++) {
		fill_name(name, len, 'n');
		OK(open(name, O_WRONLY | O_CREAT | O_EXCL, 0600));
	}
	EQ(count_entries("."), NAME_MAX);
	for (len = NAME_MAX; len; len--) {
		fill_name(name, len, 'n');
		CHECK(exists(name));
		OK(unlink(name));
		CHECK(!exists(name));
	}
	EQ(count_entries("."), 0);
}

CASE(name_too_long, 0)
{
	char name[NAME_MAX + 2];
	struct stat st;

	fill_name(name, NAME_MAX + 1, 'n');
	make_file("f", "");
	FAILS(ENAMETOOLONG, open(name, O_RDWR | O_CREAT, 0600));
	FAILS(ENAMETOOLONG, stat(name, &st));
	FAILS(ENAMETOOLONG, mkdir(name, 0700));
	FAILS(ENAMETOOLONG, symlink("x", name));
	FAILS(ENAMETOOLONG, link("f", name));
	FAILS(ENAMETOOLONG, unlink(name));
	FAILS(ENAMETOOLONG, rmdir(name));
	FAILS(ENAMETOOLONG, rename("f", name));
	FAILS(ENAMETOOLONG, rename(name, "f"));
	FAILS(ENAMETOOLONG, mkfifo(name, 0600));
	EQ(count_entries("."), 1);
}

CASE(path_too_long, 0)
{
	char path[PATH_MAX + 2];
	struct stat st;
	int i;

	for (i = 0; i < PATH_MAX; i += 2)
		memcpy(path + i, "./", 2);
	path[PATH_MAX] = 0;
	FAILS(ENAMETOOLONG, stat(path, &st));
	path[PATH_MAX - 2] = 0;
	OK(stat(path, &st));
}

CASE(name_any_bytes, 0)
{
	char name[4] = "a?b";
	int c;

	for (c = 1; c < 256; c++) {
		name[1] = c;
		if (c != '/')
			make_file(name, "");
	}
	EQ(count_entries("."), 254);
	for (c = 1; c < 256; c++) {
		name[1] = c;
		if (c != '/')
			OK(unlink(name));
	}
	EQ(count_entries("."), 0);
}

CASE(name_case_and_dots, 0)
{
	make_file("A", "upper");
	make_file("a", "lower");
	make_file("...", "dots");
	make_file(" ", "space");
	expect_text("A", "upper");
	expect_text("a", "lower");
	expect_text("...", "dots");
	EQ(count_entries("."), 4);
}

CASE(name_lookup_walks, 0)
{
	struct stat st;

	OK(mkdir("a", 0755));
	OK(mkdir("a/b", 0755));
	make_file("a/b/f", "deep");
	expect_text("a/b/f", "deep");
	expect_text("a/./b/../b//f", "deep");
	EQ(stat_of("a/b/..").st_ino, stat_of("a").st_ino);
	EQ(stat_of("a/.").st_ino, stat_of("a").st_ino);
	FAILS(ENOENT, stat("a/c", &st));
	FAILS(ENOENT, stat("a/b/f2", &st));
	FAILS(ENOTDIR, stat("a/b/f/..", &st));
	FAILS(ENOTDIR, stat("a/b/f/", &st));
}

CASE(name_deep_tree, 0)
{
	int depth, fd, dir = OK(open(".", O_RDONLY | O_DIRECTORY));

	for (depth = 0; depth < 300; depth++) {
		OK(mkdirat(dir, "d", 0755));
		fd = OK(openat(dir, "d", O_RDONLY | O_DIRECTORY));
		OK(close(dir));
		dir = fd;
	}
	fd = OK(openat(dir, "f", O_RDWR | O_CREAT, 0600));
	write_all(fd, "bottom", 6, 0);
	EQ(faccessat(dir, "../d/f", F_OK, 0), 0);
}

/* ---- mkdir and rmdir ---- */

CASE(mkdir_basics, 0)
{
	struct stat st;

	umask(022);
	OK(mkdir("d", 0777));
	st = stat_of("d");
	EQ(st.st_mode, S_IFDIR | 0755);
	EQ(st.st_uid, geteuid());
	EQ(st.st_nlink, 2);
	EQ(count_entries("d"), 0);
	OK(mkdir("slash/", 0700));
	EQ(stat_of("slash").st_mode & 0777, 0700);
}

CASE(mkdir_errors, 0)
{
	make_file("f", "");
	OK(mkdir("d", 0755));
	OK(symlink("nowhere", "dangling"));
	FAILS(EEXIST, mkdir("d", 0755));
	FAILS(EEXIST, mkdir("f", 0755));
	FAILS(EEXIST, mkdir("dangling", 0755));
	FAILS(EEXIST, mkdir(".", 0755));
	FAILS(ENOENT, mkdir("missing/d", 0755));
	FAILS(ENOTDIR, mkdir("f/d", 0755));
	EQ(stat_of(".").st_nlink, 3);
}

CASE(mkdir_nlink_of_parent, 0)
{
	char name[8];
	int i;

	for (i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "d%d", i);
		OK(mkdir(name, 0755));
		EQ(stat_of(".").st_nlink, 3 + i);
	}
	make_file("f", "");
	EQ(stat_of(".").st_nlink, 22);
	for (i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "d%d", i);
		OK(rmdir(name));
		EQ(stat_of(".").st_nlink, 21 - i);
	}
}

CASE(rmdir_errors, 0)
{
	make_file("f", "");
	make_tree("d");
	make_file("d/f", "");
	OK(symlink("d", "s"));
	FAILS(ENOTDIR, rmdir("f"));
	FAILS(ENOTDIR, rmdir("s"));
	FAILS(ENOENT, rmdir("missing"));
	FAILS2(ENOTEMPTY, EEXIST, rmdir("d"));
	FAILS(EINVAL, rmdir("d/."));
	FAILS2(ENOTEMPTY, EEXIST, rmdir("d/.."));
	FAILS(ENOTDIR, rmdir("d/f"));
	OK(unlink("d/f"));
	OK(rmdir("d"));
	FAILS(ENOENT, rmdir("d"));
}

CASE(rmdir_empty_again, 0)
{
	char name[16];
	int i;

	make_tree("d");
	for (i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "d/f%d", i);
		make_file(name, "");
	}
	for (i = 0; i < 100; i++) {
		FAILS2(ENOTEMPTY, EEXIST, rmdir("d"));
		snprintf(name, sizeof(name), "d/f%d", i);
		OK(unlink(name));
	}
	OK(rmdir("d"));
}

CASE(rmdir_while_open, 0)
{
	struct stat st;
	int fd;

	make_tree("d");
	fd = OK(open("d", O_RDONLY | O_DIRECTORY));
	OK(rmdir("d"));
	FAILS(ENOENT, openat(fd, "f", O_RDWR | O_CREAT, 0600));
	FAILS(ENOENT, mkdirat(fd, "x", 0700));
	FAILS(ENOENT, symlinkat("t", fd, "x"));
	OK(fstat(fd, &st));
	CHECK(S_ISDIR(st.st_mode));
	make_tree("d");
	CHECK(stat_of("d").st_ino != st.st_ino);
}

CASE(rmdir_working_directory, 0)
{
	make_tree("d");
	OK(chdir("d"));
	OK(rmdir("../d"));
	FAILS(ENOENT, open("f", O_RDWR | O_CREAT, 0600));
	FAILS(ENOENT, mkdir("x", 0700));
}

/* ---- symbolic links ---- */

CASE(symlink_short, 0)
{
	char buf[16];
	struct stat st;

	OK(symlink("target", "s"));
	st = stat_of("s");
	CHECK(S_ISLNK(st.st_mode));
	EQ(st.st_size, 6);
	EQ(readlink("s", buf, sizeof(buf)), 6);
	EQ(memcmp(buf, "target", 6), 0);
	EQ(readlink("s", buf, 3), 3);
	EQ(memcmp(buf, "tar", 3), 0);
}

CASE(symlink_each_length, 0)
{
	static const int lens[] = { 1, 31, 32, 33, 59, 60, 63, 64, 127, 128,
				    255, 256, 1023, 1024, 4094, 4095 };
	char target[4096], buf[4200], name[16];
	size_t i;

	for (i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		pattern(target, lens[i], 0, i);
		target[lens[i]] = 0;
		snprintf(name, sizeof(name), "s%d", lens[i]);
		OK(symlink(target, name));
		EQ(stat_of(name).st_size, lens[i]);
		EQ(readlink(name, buf, sizeof(buf)), lens[i]);
		EQ(memcmp(buf, target, lens[i]), 0);
	}
}

CASE(symlink_errors, 0)
{
	static char target[4097];
	char c;

	make_file("f", "");
	memset(target, 'x', 4096);
	FAILS(ENAMETOOLONG, symlink(target, "s"));
	FAILS(ENOENT, symlink("", "s"));
	FAILS(EEXIST, symlink("x", "f"));
	FAILS(ENOENT, symlink("x", "missing/s"));
	FAILS(ENOTDIR, symlink("x", "f/s"));
	FAILS(EINVAL, readlink("f", &c, 1));
	FAILS(EINVAL, readlink(".", &c, 1));
	FAILS(ENOENT, readlink("missing", &c, 1));
	EQ(count_entries("."), 1);
}

CASE(symlink_followed, 0)
{
	struct stat st;

	make_tree("d");
	make_file("d/f", "through");
	OK(symlink("d", "sd"));
	OK(symlink("../d/f", "d/sf"));
	expect_text("sd/f", "through");
	expect_text("sd/sf", "through");
	OK(stat("d/sf", &st));
	EQ(st.st_ino, stat_of("d/f").st_ino);
	OK(unlink("sd"));
	CHECK(exists("d/f"));
}

CASE(symlink_loop, 0)
{
	struct stat st;

	OK(symlink("b", "a"));
	OK(symlink("a", "b"));
	OK(symlink("self", "self"));
	FAILS(ELOOP, stat("a", &st));
	FAILS(ELOOP, open("self", O_RDONLY));
	FAILS(ELOOP, stat("self/x", &st));
	OK(lstat("a", &st));
	OK(unlink("self"));
}

CASE(symlink_chain, 0)
{
	char from[16], to[16];
	int i;

	make_file("l0", "end");
	for (i = 1; i <= 41; i++) {
		snprintf(from, sizeof(from), "l%d", i - 1);
		snprintf(to, sizeof(to), "l%d", i);
		OK(symlink(from, to));
	}
	expect_text("l40", "end");
	FAILS(ELOOP, open("l41", O_RDONLY));
}

/* ---- hard links ---- */

CASE(link_basics, 0)
{
	make_file("a", "content");
	OK(link("a", "b"));
	EQ(stat_of("a").st_nlink, 2);
	EQ(stat_of("a").st_ino, stat_of("b").st_ino);
	make_file("b", "changed");
	expect_text("a", "changed");
	OK(unlink("a"));
	EQ(stat_of("b").st_nlink, 1);
	expect_text("b", "changed");
}

CASE(link_many, 0)
{
	char name[16];
	int i;

	make_file("f", "x");
	for (i = 1; i <= 500; i++) {
		snprintf(name, sizeof(name), "l%d", i);
		OK(link("f", name));
	}
	EQ(stat_of("l250").st_nlink, 501);
	for (i = 1; i <= 500; i++) {
		snprintf(name, sizeof(name), "l%d", i);
		OK(unlink(name));
		EQ(stat_of("f").st_nlink, 501 - i);
	}
}

CASE(link_errors, 0)
{
	make_file("f", "");
	make_file("g", "");
	make_tree("d");
	FAILS(EEXIST, link("f", "g"));
	FAILS(EEXIST, link("f", "f"));
	FAILS(EEXIST, link("f", "d"));
	FAILS(ENOENT, link("missing", "x"));
	FAILS(ENOENT, link("f", "missing/x"));
	FAILS(ENOTDIR, link("f", "g/x"));
	FAILS(EPERM, link("d", "x"));
	EQ(stat_of("f").st_nlink, 1);
	EQ(stat_of("g").st_nlink, 1);
}

CASE(link_to_symlink, 0)
{
	make_file("f", "");
	OK(symlink("f", "s"));
	OK(linkat(AT_FDCWD, "s", AT_FDCWD, "hard", 0));
	CHECK(S_ISLNK(stat_of("hard").st_mode));
	EQ(stat_of("s").st_nlink, 2);
	OK(linkat(AT_FDCWD, "s", AT_FDCWD, "followed", AT_SYMLINK_FOLLOW));
	EQ(stat_of("followed").st_ino, stat_of("f").st_ino);
	EQ(stat_of("f").st_nlink, 2);
}

CASE(link_across_directories, 0)
{
	make_tree("d");
	make_tree("e");
	make_file("d/f", "both");
	OK(link("d/f", "e/g"));
	OK(unlink("d/f"));
	OK(rmdir("d"));
	expect_text("e/g", "both");
}

/* ---- unlink ---- */

CASE(unlink_basics, 0)
{
	struct stat st;

	make_file("f", "x");
	OK(unlink("f"));
	FAILS(ENOENT, lstat("f", &st));
	FAILS(ENOENT, unlink("f"));
	make_file("f", "new");
	expect_text("f", "new");
}

CASE(unlink_errors, 0)
{
	make_file("f", "");
	make_tree("d");
	FAILS2(EISDIR, EPERM, unlink("d"));
	FAILS(ENOENT, unlink("missing"));
	FAILS(ENOENT, unlink("missing/f"));
	FAILS(ENOTDIR, unlink("f/x"));
	CHECK(exists("d"));
}

CASE(unlink_symlink_not_target, 0)
{
	make_file("f", "stays");
	OK(symlink("f", "s"));
	OK(unlink("s"));
	expect_text("f", "stays");
}

CASE(unlink_while_open, 0)
{
	struct stat st;
	int fd;

	make_file("f", "0123456789");
	fd = OK(open("f", O_RDWR));
	OK(unlink("f"));
	OK(fstat(fd, &st));
	EQ(st.st_nlink, 0);
	EQ(st.st_size, 10);
	write_pattern(fd, 5, 3 * CHUNK, 4);
	expect_pattern(fd, 5, 3 * CHUNK, 4);
	OK(ftruncate(fd, 100));
	OK(fchmod(fd, 0600));
	OK(fstat(fd, &st));
	EQ(st.st_size, 100);
	EQ(st.st_mode & 07777, 0600);
	CHECK(!exists("f"));
	EQ(count_entries("."), 0);
}

CASE(unlink_while_open_and_new_file, 0)
{
	char buf[8] = "";
	int fd;

	make_file("f", "old");
	fd = OK(open("f", O_RDWR));
	OK(unlink("f"));
	make_file("f", "new!");
	write_all(fd, "OLD", 3, 0);
	expect_text("f", "new!");
	EQ(pread(fd, buf, 8, 0), 3);
	EQ(memcmp(buf, "OLD", 3), 0);
}

CASE(unlink_one_of_two_while_open, 0)
{
	struct stat st;
	int fd;

	make_file("a", "x");
	OK(link("a", "b"));
	fd = OK(open("a", O_RDWR));
	OK(unlink("a"));
	OK(fstat(fd, &st));
	EQ(st.st_nlink, 1);
	write_all(fd, "seen", 4, 0);
	expect_text("b", "seen");
	OK(unlink("b"));
	OK(fstat(fd, &st));
	EQ(st.st_nlink, 0);
}

CASE(unlink_open_in_two_processes, 0)
{
	char buf[8] = "";
	int fd;
	pid_t pid;

	make_file("f", "shared");
	fd = OK(open("f", O_RDWR));
	OK(unlink("f"));
	pid = child_begin();
	if (!pid) {
		write_all(fd, "SHARED", 6, 0);
		child_end();
	}
	child_reap(pid);
	EQ(pread(fd, buf, 8, 0), 6);
	EQ(memcmp(buf, "SHARED", 6), 0);
}

CASE(create_and_unlink_often, 0)
{
	int fd, i;

	for (i = 0; i < 3000; i++) {
		fd = OK(open("f", O_RDWR | O_CREAT | O_EXCL, 0600));
		write_all(fd, "content", 7, 0);
		OK(close(fd));
		OK(unlink("f"));
	}
	EQ(count_entries("."), 0);
}
