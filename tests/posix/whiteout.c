// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * renameat2(2) with RENAME_WHITEOUT, and what a listing says of an exchange.
 *
 * Notes: a whiteout is a character device 0:0 without permissions; since Linux
 * 5.8 everybody may make one.
 */
#include "posix_test.h"

#include <dirent.h>
#include <sys/sysmacros.h>

static int whiteout(const char *from, const char *to, unsigned int flags)
{
	return renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_WHITEOUT | flags);
}

static int exchange(const char *from, const char *to)
{
	return renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_EXCHANGE);
}

static void expect_whiteout(const char *name)
{
	struct stat st = stat_of(name);

	EQ(st.st_mode, S_IFCHR);
	EQ(major(st.st_rdev), 0);
	EQ(minor(st.st_rdev), 0);
	EQ(st.st_nlink, 1);
	EQ(st.st_uid, geteuid());
	EQ(st.st_gid, getegid());
}

/* d_type of a name in a listing, -1 if it is not there, -2 if twice. */
static int listed_type(const char *dir, const char *name)
{
	DIR *d = opendir(dir);
	struct dirent *de;
	int type = -1;

	CHECK(d != NULL);
	while ((de = readdir(d)))
		if (!strcmp(de->d_name, name))
			type = type == -1 ? de->d_type : -2;
	OK(closedir(d));
	return type;
}

CASE(whiteout_rename, 0)
{
	ino_t ino;

	make_file("a", "content");
	ino = stat_of("a").st_ino;
	OK(whiteout("a", "b", 0));
	expect_whiteout("a");
	expect_text("b", "content");
	EQ(stat_of("b").st_ino, ino);
	CHECK(stat_of("a").st_ino != ino);
	EQ(count_entries("."), 2);
	EQ(listed_type(".", "a"), DT_CHR);
	EQ(listed_type(".", "b"), DT_REG);
	FAILS(EEXIST, open("a", O_WRONLY | O_CREAT | O_EXCL, 0600));
	OK(unlink("a"));
	EQ(count_entries("."), 1);
}

CASE(whiteout_replaces, 0)
{
	make_file("a", "new");
	make_file("b", "old");
	OK(link("b", "c"));
	FAILS(EEXIST, whiteout("a", "b", RENAME_NOREPLACE));
	expect_text("a", "new");
	OK(whiteout("a", "b", 0));
	expect_whiteout("a");
	expect_text("b", "new");
	expect_text("c", "old");
	EQ(stat_of("c").st_nlink, 1);
	OK(whiteout("b", "d", RENAME_NOREPLACE));
	expect_whiteout("b");
	expect_text("d", "new");
}

CASE(whiteout_of_a_directory, 0)
{
	make_tree("from");
	make_tree("to");
	make_tree("from/d");
	make_file("from/d/f", "inside");
	FAILS(EINVAL, whiteout("from", "from/d/x", 0));
	OK(whiteout("from/d", "to/d", 0));
	expect_whiteout("from/d");
	EQ(stat_of("from").st_nlink, 2);
	EQ(stat_of("to").st_nlink, 3);
	EQ(stat_of("to/d/..").st_ino, stat_of("to").st_ino);
	expect_text("to/d/f", "inside");
	FAILS(ENOTEMPTY, rmdir("from"));
	OK(unlink("from/d"));
	OK(rmdir("from"));
}

CASE(whiteout_of_two_links, 0)
{
	make_file("a", "one file");
	OK(link("a", "b"));
	OK(whiteout("a", "b", 0));
	expect_text("a", "one file");
	EQ(stat_of("a").st_nlink, 2);
}

CASE(whiteout_errors, 0)
{
	make_file("a", "a");
	make_file("b", "b");
	FAILS(ENOENT, whiteout("n", "x", 0));
	FAILS(EINVAL, whiteout("a", "b", RENAME_EXCHANGE));
	expect_text("a", "a");
	expect_text("b", "b");
	EQ(count_entries("."), 2);
}

CASE(whiteout_of_a_setgid_directory, NEEDS_ROOT)
{
	make_tree("d");
	OK(chown("d", 0, 77));
	OK(chmod("d", 02755));
	make_file("d/a", "a");
	OK(whiteout("d/a", "b", 0));
	EQ(stat_of("d/a").st_gid, 77);
	EQ(stat_of("d/a").st_mode, S_IFCHR);
}

CASE(exchange_listing, 0)
{
	make_tree("d");
	make_tree("d/sub");
	make_file("f", "file");
	OK(symlink("f", "s"));
	OK(exchange("f", "d/sub"));
	EQ(listed_type(".", "f"), DT_DIR);
	EQ(listed_type("d", "sub"), DT_REG);
	EQ(count_entries("."), 3);
	EQ(count_entries("d"), 1);
	OK(exchange("s", "f"));
	EQ(listed_type(".", "s"), DT_DIR);
	EQ(listed_type(".", "f"), DT_LNK);
	EQ(stat_of("d").st_nlink, 2);
	EQ(stat_of("s/..").st_ino, stat_of(".").st_ino);
}

CASE(exchange_many, 0)
{
	char a[16], b[16];
	int i;

	make_tree("d");
	for (i = 0; i < 100; i++) {
		snprintf(a, sizeof(a), "a%d", i);
		snprintf(b, sizeof(b), "d/b%d", i);
		make_file(a, a);
		OK(mkdir(b, 0755));
	}
	for (i = 0; i < 100; i++) {
		snprintf(a, sizeof(a), "a%d", i);
		snprintf(b, sizeof(b), "d/b%d", (i * 7) % 100);
		OK(exchange(a, b));
		expect_text(b, a);
	}
	EQ(count_entries("."), 101);
	EQ(count_entries("d"), 100);
	EQ(stat_of(".").st_nlink, 2 + 101);
	EQ(stat_of("d").st_nlink, 2);
}
