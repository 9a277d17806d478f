// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Directories as trees: numbers of "." and "..", link counts, after moves too.
 *
 * Notes: what readdir(3) says of a directory's own entries is compared with
 * what stat(2) says of the directories. A file system may give link count 1 to
 * all directories, and then keeps it.
 */
#include "posix_test.h"

#include <dirent.h>

static ino_t listed(const char *dir, const char *name)
{
	struct dirent *de;
	ino_t ino = 0;
	DIR *d = opendir(dir);

	CHECK(d);
	while ((de = readdir(d)))
		if (!strcmp(de->d_name, name)) {
			EQ(ino, 0);
			EQ(de->d_type, DT_DIR);
			ino = de->d_ino;
		}
	OK(closedir(d));
	return ino;
}

static void expect_dots(const char *dir, const char *parent)
{
	EQ(listed(dir, "."), stat_of(dir).st_ino);
	EQ(listed(dir, ".."), stat_of(parent).st_ino);
}

CASE(dots_of_new_directories, 0)
{
	make_tree("a");
	make_tree("a/b");
	expect_dots("a", ".");
	expect_dots("a/b", "a");
	EQ(listed("a", "b"), stat_of("a/b").st_ino);
}

CASE(dots_after_moves, 0)
{
	make_tree("a");
	make_tree("a/b");
	make_tree("a/b/c");
	make_tree("x");
	OK(rename("a/b", "x/b"));
	expect_dots("x/b", "x");
	expect_dots("x/b/c", "x/b");
	OK(rename("x/b/c", "c"));
	expect_dots("c", ".");
	make_tree("empty");
	OK(rename("c", "empty"));
	expect_dots("empty", ".");
	OK(rename("empty", "a/c"));
	expect_dots("a/c", "a");
	OK(rename("a/c", "a/d"));
	expect_dots("a/d", "a");
}

CASE(dots_of_open_directory_that_moves, 0)
{
	struct stat up;
	int fd;

	make_tree("a");
	make_tree("a/b");
	make_tree("x");
	fd = OK(open("a/b", O_RDONLY | O_DIRECTORY));
	OK(rename("a/b", "x/b"));
	OK(fstatat(fd, "..", &up, 0));
	EQ(up.st_ino, stat_of("x").st_ino);
}

static void expect_links(const char *dir, unsigned int nr)
{
	if (stat_of(".").st_nlink != 1)
		EQ(stat_of(dir).st_nlink, nr);
}

CASE(links_of_directories, 0)
{
	make_tree("a");
	expect_links("a", 2);
	make_tree("a/b");
	make_tree("a/c");
	make_tree("x");
	make_file("a/file", "");
	OK(symlink("b", "a/link"));
	expect_links("a", 4);
	OK(rename("a/b", "x/b"));
	expect_links("a", 3);
	expect_links("x", 3);
	OK(rename("a/c", "x/b"));
	expect_links("a", 2);
	expect_links("x", 3);
	OK(rename("x/b", "x/d"));
	expect_links("x", 3);
	OK(rmdir("x/d"));
	expect_links("x", 2);
}

CASE(links_of_removed_directory, 0)
{
	struct stat st;
	int fd;

	make_tree("a");
	fd = OK(open("a", O_RDONLY | O_DIRECTORY));
	OK(rmdir("a"));
	OK(fstat(fd, &st));
	CHECK(st.st_nlink == 0 || st.st_nlink == 1);
}
