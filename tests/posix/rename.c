/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * rename(2) and renameat2(2) with RENAME_NOREPLACE.
 *
 * Notes: a rename that fails changes nothing, so each error is followed by a
 * look at both names.
 */
#include "posix_test.h"

static int noreplace(const char *from, const char *to)
{
	return renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE);
}

CASE(rename_file, 0)
{
	ino_t ino;

	make_file("a", "content");
	ino = stat_of("a").st_ino;
	OK(rename("a", "b"));
	CHECK(!exists("a"));
	expect_text("b", "content");
	EQ(stat_of("b").st_ino, ino);
	EQ(stat_of("b").st_nlink, 1);
	EQ(count_entries("."), 1);
}

CASE(rename_replaces_file, 0)
{
	make_file("a", "new");
	make_file("b", "old");
	OK(rename("a", "b"));
	CHECK(!exists("a"));
	expect_text("b", "new");
	EQ(count_entries("."), 1);
}

CASE(rename_replaces_open_file, 0)
{
	char buf[8] = "";
	struct stat st;
	int fd;

	make_file("a", "new");
	make_file("b", "old");
	fd = OK(open("b", O_RDWR));
	OK(rename("a", "b"));
	EQ(pread(fd, buf, 8, 0), 3);
	EQ(memcmp(buf, "old", 3), 0);
	OK(fstat(fd, &st));
	EQ(st.st_nlink, 0);
	expect_text("b", "new");
}

CASE(rename_replaces_one_of_two_links, 0)
{
	make_file("a", "new");
	make_file("b", "old");
	OK(link("b", "c"));
	OK(rename("a", "b"));
	EQ(stat_of("c").st_nlink, 1);
	expect_text("c", "old");
}

CASE(rename_onto_itself, 0)
{
	make_file("a", "same");
	make_tree("d");
	OK(rename("a", "a"));
	OK(rename("d", "d"));
	OK(rename("d", "d/"));
	expect_text("a", "same");
	EQ(stat_of("a").st_nlink, 1);
	EQ(count_entries("."), 2);
}

CASE(rename_two_links_of_one_file, 0)
{
	make_file("a", "both stay");
	make_tree("d");
	OK(link("a", "b"));
	OK(link("a", "d/c"));
	OK(rename("a", "b"));
	OK(rename("d/c", "a"));
	CHECK(exists("a") && exists("b") && exists("d/c"));
	EQ(stat_of("a").st_nlink, 3);
}

CASE(rename_noreplace, 0)
{
	make_file("a", "a");
	make_file("b", "b");
	make_tree("d");
	FAILS(EEXIST, noreplace("a", "b"));
	FAILS(EEXIST, noreplace("a", "d"));
	FAILS(EEXIST, noreplace("a", "a"));
	FAILS(EEXIST, noreplace("d", "a"));
	expect_text("a", "a");
	expect_text("b", "b");
	OK(noreplace("a", "c"));
	expect_text("c", "a");
	OK(noreplace("d", "e"));
	CHECK(!exists("a") && !exists("d"));
}

CASE(rename_flags_invalid, 0)
{
	make_file("a", "a");
	make_file("b", "b");
	FAILS(EINVAL, renameat2(AT_FDCWD, "a", AT_FDCWD, "b",
				RENAME_NOREPLACE | RENAME_EXCHANGE));
	FAILS(EINVAL, renameat2(AT_FDCWD, "a", AT_FDCWD, "b", 0x4000));
	expect_text("a", "a");
	expect_text("b", "b");
}

CASE(rename_directory, 0)
{
	make_tree("d");
	make_file("d/f", "inside");
	OK(rename("d", "e"));
	expect_text("e/f", "inside");
	CHECK(!exists("d"));
	EQ(stat_of(".").st_nlink, 3);
}

CASE(rename_directory_moves, 0)
{
	make_tree("from");
	make_tree("to");
	make_tree("from/d");
	make_file("from/d/f", "inside");
	EQ(stat_of("from").st_nlink, 3);
	OK(rename("from/d", "to/e"));
	EQ(stat_of("from").st_nlink, 2);
	EQ(stat_of("to").st_nlink, 3);
	EQ(stat_of("to/e/..").st_ino, stat_of("to").st_ino);
	expect_text("to/e/f", "inside");
	OK(rmdir("from"));
}

CASE(rename_open_directory_moves, 0)
{
	struct stat st;
	int fd;

	make_tree("from");
	make_tree("to");
	make_tree("from/d");
	fd = OK(open("from/d", O_RDONLY | O_DIRECTORY));
	OK(rename("from/d", "to/d"));
	OK(fstatat(fd, "..", &st, 0));
	EQ(st.st_ino, stat_of("to").st_ino);
	OK(openat(fd, "f", O_RDWR | O_CREAT, 0600));
	CHECK(exists("to/d/f"));
}

CASE(rename_replaces_empty_directory, 0)
{
	ino_t ino;

	make_tree("a");
	make_tree("b");
	make_file("a/f", "inside");
	ino = stat_of("a").st_ino;
	OK(rename("a", "b"));
	EQ(stat_of("b").st_ino, ino);
	expect_text("b/f", "inside");
	EQ(stat_of(".").st_nlink, 3);
	EQ(count_entries("."), 1);
}

CASE(rename_over_filled_directory, 0)
{
	make_tree("a");
	make_tree("b");
	make_file("b/f", "stays");
	FAILS2(ENOTEMPTY, EEXIST, rename("a", "b"));
	expect_text("b/f", "stays");
	CHECK(exists("a"));
	EQ(stat_of(".").st_nlink, 4);
}

CASE(rename_kinds_do_not_mix, 0)
{
	make_file("f", "x");
	make_tree("d");
	OK(symlink("d", "s"));
	FAILS(EISDIR, rename("f", "d"));
	FAILS(ENOTDIR, rename("d", "f"));
	FAILS(ENOTDIR, rename("d", "s"));
	FAILS(ENOTDIR, rename("f", "f2/"));
	FAILS(ENOTDIR, rename("f/", "f2"));
	EQ(count_entries("."), 3);
	OK(rename("f", "s"));
	CHECK(S_ISREG(stat_of("s").st_mode));
}

CASE(rename_into_own_subtree, 0)
{
	make_tree("a");
	make_tree("a/b");
	make_tree("a/b/c");
	FAILS(EINVAL, rename("a", "a/x"));
	FAILS(EINVAL, rename("a", "a/b/c/x"));
	FAILS(EINVAL, rename("a", "a/b"));
	FAILS2(ENOTEMPTY, EEXIST, rename("a/b/c", "a"));
	FAILS2(EINVAL, EBUSY, rename("a/.", "x"));
	FAILS2(EINVAL, EBUSY, rename("a/b/..", "x"));
	CHECK(exists("a/b/c"));
	EQ(count_entries("."), 1);
}

CASE(rename_missing, 0)
{
	make_file("f", "x");
	FAILS(ENOENT, rename("missing", "x"));
	FAILS(ENOENT, rename("missing", "f"));
	FAILS(ENOENT, rename("f", "missing/f"));
	FAILS(ENOENT, rename("missing/f", "f"));
	FAILS(ENOTDIR, rename("f", "f/x"));
	FAILS(ENOENT, rename("f", ""));
	expect_text("f", "x");
	EQ(count_entries("."), 1);
}

CASE(rename_symlink_itself, 0)
{
	make_file("f", "target");
	OK(symlink("f", "s"));
	OK(rename("s", "t"));
	CHECK(S_ISLNK(stat_of("t").st_mode));
	expect_text("t", "target");
	make_file("g", "moved");
	OK(rename("g", "t"));
	CHECK(S_ISREG(stat_of("t").st_mode));
	expect_text("f", "target");
}

CASE(rename_into_removed_directory, 0)
{
	int fd;

	make_tree("d");
	make_file("f", "x");
	fd = OK(open("d", O_RDONLY | O_DIRECTORY));
	OK(rmdir("d"));
	FAILS(ENOENT, renameat(AT_FDCWD, "f", fd, "f"));
	expect_text("f", "x");
}

CASE(rename_open_file_stays_usable, 0)
{
	int fd;

	make_tree("d");
	make_file("f", "abc");
	fd = OK(open("f", O_RDWR | O_APPEND));
	OK(rename("f", "d/g"));
	EQ(write(fd, "def", 3), 3);
	expect_text("d/g", "abcdef");
}

CASE(rename_name_lengths, 0)
{
	static const int lens[] = { 1, 14, 15, 16, 78, 79, 80, 254, 255 };
	char from[256] = "f", to[256];
	size_t i;

	make_file("f", "same file");
	for (i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		memset(to, 'a' + (int)i, lens[i]);
		to[lens[i]] = 0;
		OK(rename(from, to));
		CHECK(!exists(from));
		memcpy(from, to, sizeof(from));
	}
	expect_text(from, "same file");
	EQ(count_entries("."), 1);
}

CASE(rename_often, 0)
{
	int i;

	make_tree("d");
	make_file("a", "still here");
	for (i = 0; i < 2000; i++) {
		OK(rename("a", "d/b"));
		OK(rename("d/b", "a"));
	}
	expect_text("a", "still here");
	OK(rmdir("d"));
}
