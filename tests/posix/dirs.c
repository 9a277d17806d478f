/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Listing directories: readdir, seekdir, stability while names come and go.
 *
 * Notes: POSIX promises that a name that exists during the whole listing
 * comes exactly once; of names that come or go meanwhile it says nothing.
 */
#include "posix_test.h"

#include <dirent.h>

static DIR *open_dir(const char *path)
{
	DIR *dir = opendir(path);

	if (!dir)
		FAIL("opendir %s: %s", path, strerror(errno));
	return dir;
}

static struct dirent *next_entry(DIR *dir)
{
	struct dirent *de;

	errno = 0;
	de = readdir(dir);
	if (!de && errno)
		FAIL("readdir: %s", strerror(errno));
	return de;
}

static void make_numbered(const char *prefix, int nr)
{
	char name[300];
	int i;

	for (i = 0; i < nr; i++) {
		snprintf(name, sizeof(name), "%s%d", prefix, i);
		OK(close(OK(open(name, O_WRONLY | O_CREAT | O_EXCL, 0600))));
	}
}

/* List dir to its end and count names "PREFIXn" in seen[n], n < nr. */
static void tally(DIR *dir, const char *prefix, int nr, unsigned char *seen)
{
	size_t len = strlen(prefix);
	struct dirent *de;
	int n;

	while ((de = next_entry(dir))) {
		if (strncmp(de->d_name, prefix, len))
			continue;
		n = atoi(de->d_name + len);
		CHECK(n >= 0 && n < nr);
		seen[n]++;
	}
}

static void expect_each_once(const unsigned char *seen, int nr)
{
	int i;

	for (i = 0; i < nr; i++) {
		if (seen[i] != 1)
			FAIL("entry %d came %d times", i, seen[i]);
	}
}

CASE(readdir_empty, 0)
{
	int dot = 0, dotdot = 0, other = 0;
	struct dirent *de;
	DIR *dir;

	make_tree("d");
	dir = open_dir("d");
	while ((de = next_entry(dir))) {
		if (!strcmp(de->d_name, ".")) {
			EQ(de->d_ino, stat_of("d").st_ino);
			dot++;
		} else if (!strcmp(de->d_name, "..")) {
			EQ(de->d_ino, stat_of(".").st_ino);
			dotdot++;
		} else {
			other++;
		}
	}
	EQ(dot, 1);
	EQ(dotdot, 1);
	EQ(other, 0);
	CHECK(!next_entry(dir));
}

static int dtype_of(const char *name)
{
	switch (stat_of(name).st_mode & S_IFMT) {
	case S_IFREG:
		return DT_REG;
	case S_IFDIR:
		return DT_DIR;
	case S_IFLNK:
		return DT_LNK;
	case S_IFIFO:
		return DT_FIFO;
	}
	return DT_UNKNOWN;
}

CASE(readdir_types_and_numbers, 0)
{
	struct dirent *de;
	DIR *dir;
	int n = 0;

	make_file("f", "");
	make_tree("d");
	OK(symlink("f", "s"));
	OK(link("f", "hard"));
	OK(mkfifo("p", 0600));
	dir = open_dir(".");
	while ((de = next_entry(dir))) {
		if (de->d_name[0] == '.')
			continue;
		EQ(de->d_ino, stat_of(de->d_name).st_ino);
		EQ(de->d_type, dtype_of(de->d_name));
		n++;
	}
	EQ(n, 5);
}

CASE(readdir_ten_thousand, 0)
{
	static unsigned char seen[10000];

	make_numbered("some-name-", 10000);
	tally(open_dir("."), "some-name-", 10000, seen);
	expect_each_once(seen, 10000);
}

CASE(readdir_long_names, 0)
{
	char prefix[252];
	static unsigned char seen[500];

	memset(prefix, 'L', 251);
	prefix[251] = 0;
	make_numbered(prefix, 500);
	tally(open_dir("."), prefix, 500, seen);
	expect_each_once(seen, 500);
}

CASE(readdir_rewind_sees_new_names, 0)
{
	DIR *dir = open_dir(".");
	int n = 0;

	while (next_entry(dir))
		n++;
	EQ(n, 2);
	make_file("f", "");
	rewinddir(dir);
	for (n = 0; next_entry(dir); n++)
		;
	EQ(n, 3);
	OK(unlink("f"));
	rewinddir(dir);
	for (n = 0; next_entry(dir); n++)
		;
	EQ(n, 2);
}

CASE(readdir_tell_and_seek, 0)
{
	static char name[300][300];
	static long at[300];
	DIR *dir = NULL;
	struct dirent *de;
	int n, i;

	make_numbered("f", 250);
	dir = open_dir(".");
	for (n = 0; at[n] = telldir(dir), (de = next_entry(dir)); n++)
		strcpy(name[n], de->d_name);
	EQ(n, 252);
	for (i = n - 1; i >= 0; i -= 7) {
		seekdir(dir, at[i]);
		de = next_entry(dir);
		CHECK(de && !strcmp(de->d_name, name[i]));
		de = next_entry(dir);
		if (i < n - 1)
			CHECK(de && !strcmp(de->d_name, name[i + 1]));
		else
			CHECK(!de);
	}
	seekdir(dir, at[n]);
	CHECK(!next_entry(dir));
}

CASE(readdir_seek_after_delete, 0)
{
	static unsigned char seen[2000];
	DIR *dir;
	char name[32];
	long at;
	int i;

	make_numbered("f", 2000);
	dir = open_dir(".");
	at = telldir(dir);
	for (i = 0; i < 1000; i++)
		CHECK(next_entry(dir));
	for (i = 0; i < 2000; i += 2) {
		snprintf(name, sizeof(name), "f%d", i);
		OK(unlink(name));
	}
	seekdir(dir, at);
	rewinddir(dir);
	tally(dir, "f", 2000, seen);
	for (i = 0; i < 2000; i++)
		EQ(seen[i], i % 2);
}

CASE(readdir_delete_while_reading, 0)
{
	DIR *dir = NULL;
	struct dirent *de;
	int n = 0;

	make_numbered("victim", 3000);
	dir = open_dir(".");
	while ((de = next_entry(dir))) {
		if (de->d_name[0] == '.')
			continue;
		OK(unlink(de->d_name));
		n++;
	}
	EQ(n, 3000);
	EQ(count_entries("."), 0);
}

/* Names that stay come once while others are made and removed between. */
CASE(readdir_stable_while_changing, 0)
{
	static unsigned char seen[1500];
	struct dirent *de;
	char name[32];
	DIR *dir = NULL;
	int n = 0;

	make_numbered("old", 500);
	make_numbered("stay", 1500);
	dir = open_dir(".");
	while ((de = next_entry(dir))) {
		if (!strncmp(de->d_name, "stay", 4))
			seen[atoi(de->d_name + 4)]++;
		snprintf(name, sizeof(name), "old%d", n);
		if (n < 500)
			OK(unlink(name));
		snprintf(name, sizeof(name), "new%d", n);
		if (n < 1000)
			make_file(name, "");
		n++;
	}
	expect_each_once(seen, 1500);
}

CASE(readdir_renamed_away, 0)
{
	static unsigned char seen[300];
	char from[32], to[32];
	int i;

	make_tree("d");
	make_tree("e");
	make_numbered("d/f", 300);
	for (i = 0; i < 300; i += 2) {
		snprintf(from, sizeof(from), "d/f%d", i);
		snprintf(to, sizeof(to), "e/f%d", i);
		OK(rename(from, to));
	}
	tally(open_dir("d"), "f", 300, seen);
	tally(open_dir("e"), "f", 300, seen);
	expect_each_once(seen, 300);
	EQ(count_entries("d"), 150);
}

CASE(readdir_after_removal, 0)
{
	struct dirent *de;
	DIR *dir;

	make_tree("d");
	dir = open_dir("d");
	OK(rmdir("d"));
	while ((de = next_entry(dir)))
		CHECK(de->d_name[0] == '.');
}

CASE(readdir_two_handles, 0)
{
	static unsigned char a[400], b[400];
	DIR *one = NULL, *two = NULL;
	int i;

	make_numbered("f", 400);
	one = open_dir(".");
	two = open_dir(".");
	for (i = 0; i < 100; i++)
		CHECK(next_entry(one));
	tally(two, "f", 400, b);
	rewinddir(one);
	tally(one, "f", 400, a);
	expect_each_once(a, 400);
	expect_each_once(b, 400);
}

CASE(readdir_errors, 0)
{
	make_file("f", "");
	CHECK(!opendir("f") && errno == ENOTDIR);
	CHECK(!opendir("missing") && errno == ENOENT);
}

CASE(readdir_reused_names, 0)
{
	char name[32];
	int round, i;

	for (round = 0; round < 5; round++) {
		make_numbered("f", 400);
		EQ(count_entries("."), 400);
		for (i = 0; i < 400; i++) {
			snprintf(name, sizeof(name), "f%d", i);
			OK(unlink(name));
		}
		EQ(count_entries("."), 0);
	}
}
