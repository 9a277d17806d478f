// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Extended attributes: values, names, flags, namespaces, who may do what.
 *
 * Notes: a file system without user.* attributes (tmpfs before Linux 6.6) skips
 * the cases. What is expected is in xattr(7) and the manual pages of the calls.
 */
#include "posix_test.h"

#include <sys/xattr.h>

/* A file "f" that can have attributes of users. */
static void need_xattr(void)
{
	make_file("f", "text");
	if (setxattr("f", "user.probe", "x", 1, 0)) {
		CHECK(errno == EOPNOTSUPP || errno == ENOSPC);
		skip_case("no user.* attributes here");
	}
	OK(removexattr("f", "user.probe"));
}

static void is_value(const char *path, const char *name, const void *want,
		     size_t len)
{
	static char got[65536];

	EQ(lgetxattr(path, name, NULL, 0), len);
	EQ(lgetxattr(path, name, got, sizeof(got)), len);
	CHECK(!memcmp(got, want, len));
}

/* Is the name in the list, once? */
static int listed(const char *path, const char *name)
{
	static char list[65536];
	ssize_t len = OK(llistxattr(path, list, sizeof(list)));
	int nr = 0;

	for (char *p = list; p < list + len; p += strlen(p) + 1)
		nr += !strcmp(p, name);
	return nr;
}

CASE(xattr_values, 0)
{
	static const size_t lens[] = { 0, 1, 20, 60, 250, 1000, 3000 };
	char value[3000];

	need_xattr();
	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		pattern(value, lens[i], 0, (unsigned int)i);
		OK(setxattr("f", "user.v", value, lens[i], 0));
		is_value("f", "user.v", value, lens[i]);
		if (lens[i] > 1)
			FAILS(ERANGE, getxattr("f", "user.v", value, lens[i] - 1));
	}
	expect_text("f", "text");
	OK(removexattr("f", "user.v"));
	FAILS(ENODATA, getxattr("f", "user.v", value, 10));
}

CASE(xattr_large_value, 0)
{
	static char value[65537];

	need_xattr();
	pattern(value, sizeof(value), 0, 7);
	if (setxattr("f", "user.v", value, 65536, 0)) {
		CHECK(errno == ENOSPC || errno == E2BIG);
		skip_case("no value of 64 KiB here");
	}
	is_value("f", "user.v", value, 65536);
	FAILS(E2BIG, setxattr("f", "user.v", value, 65537, 0));
	OK(setxattr("f", "user.w", "x", 1, 0));
	OK(chmod("f", 0600));
	is_value("f", "user.v", value, 65536);
}

CASE(xattr_flags, 0)
{
	need_xattr();
	FAILS(ENODATA, setxattr("f", "user.a", "1", 1, XATTR_REPLACE));
	OK(setxattr("f", "user.a", "1", 1, XATTR_CREATE));
	FAILS(EEXIST, setxattr("f", "user.a", "2", 1, XATTR_CREATE));
	is_value("f", "user.a", "1", 1);
	OK(setxattr("f", "user.a", "22", 2, XATTR_REPLACE));
	is_value("f", "user.a", "22", 2);
	FAILS(EINVAL, setxattr("f", "user.a", "3", 1, 4));
}

CASE(xattr_names, 0)
{
	char name[300] = "user.";

	need_xattr();
	memset(name + 5, 'n', 250);
	OK(setxattr("f", name, "x", 1, 0));
	is_value("f", name, "x", 1);
	EQ(listed("f", name), 1);
	name[255] = 'n';
	FAILS(ERANGE, setxattr("f", name, "x", 1, 0));
	FAILS(ERANGE, getxattr("f", name, name, 1));
	FAILS(ERANGE, setxattr("f", "", "x", 1, 0));
	FAILS(EOPNOTSUPP, setxattr("f", "none.a", "x", 1, 0));
	FAILS(EOPNOTSUPP, setxattr("f", "user", "x", 1, 0));
	FAILS(EINVAL, setxattr("f", "user.", "x", 1, 0));
	FAILS(ENOENT, setxattr("none", "user.a", "x", 1, 0));
	FAILS(ENODATA, removexattr("f", "user.a"));
}

CASE(xattr_list, 0)
{
	char list[100];
	ssize_t before;

	need_xattr();
	before = OK(listxattr("f", NULL, 0));
	OK(setxattr("f", "user.a", "1", 1, 0));
	OK(setxattr("f", "user.bb", "1", 1, 0));
	EQ(listxattr("f", NULL, 0), before + 7 + 8);
	FAILS(ERANGE, listxattr("f", list, (size_t)before + 14));
	EQ(listed("f", "user.a"), 1);
	EQ(listed("f", "user.bb"), 1);
	OK(removexattr("f", "user.a"));
	EQ(listed("f", "user.a"), 0);
	EQ(listed("f", "user.bb"), 1);
}

CASE(xattr_many, 0)
{
	char name[32], value[32];
	int i;

	need_xattr();
	for (i = 0; i < 200; i++) {
		snprintf(name, sizeof(name), "user.%d", i);
		snprintf(value, sizeof(value), "value %d", i);
		if (setxattr("f", name, value, strlen(value), 0)) {
			EQ(errno, ENOSPC);
			skip_case("room for %d attributes only", i);
		}
	}
	for (i = 0; i < 200; i += 2) {
		snprintf(name, sizeof(name), "user.%d", i);
		OK(removexattr("f", name));
	}
	for (i = 0; i < 200; i++) {
		snprintf(name, sizeof(name), "user.%d", i);
		snprintf(value, sizeof(value), "value %d", i);
		EQ(listed("f", name), i % 2);
		if (i % 2)
			is_value("f", name, value, strlen(value));
	}
}

CASE(xattr_open_file, 0)
{
	char got[10];
	int fd;

	need_xattr();
	fd = OK(open("f", O_RDWR));
	OK(fsetxattr(fd, "user.a", "one", 3, XATTR_CREATE));
	OK(unlink("f"));
	EQ(fgetxattr(fd, "user.a", got, sizeof(got)), 3);
	OK(fsetxattr(fd, "user.b", "two", 3, 0));
	CHECK(OK(flistxattr(fd, NULL, 0)) >= 14);
	OK(fremovexattr(fd, "user.a"));
	FAILS(ENODATA, fgetxattr(fd, "user.a", got, sizeof(got)));
	EQ(fgetxattr(fd, "user.b", got, sizeof(got)), 3);
	OK(close(fd));
}

CASE(xattr_names_of_one_file, 0)
{
	need_xattr();
	OK(setxattr("f", "user.a", "one", 3, 0));
	OK(link("f", "g"));
	is_value("g", "user.a", "one", 3);
	OK(setxattr("g", "user.a", "two", 3, 0));
	OK(rename("f", "h"));
	is_value("h", "user.a", "two", 3);
	make_file("f", "");
	EQ(listed("f", "user.a"), 0);
	OK(rename("f", "h"));
	EQ(listed("h", "user.a"), 0);
	is_value("g", "user.a", "two", 3);
}

CASE(xattr_types, 0)
{
	need_xattr();
	make_tree("d");
	OK(setxattr("d", "user.a", "dir", 3, 0));
	is_value("d", "user.a", "dir", 3);
	OK(mkfifo("p", 0600));
	OK(symlink("f", "l"));
	FAILS(EPERM, setxattr("p", "user.a", "x", 1, 0));
	FAILS(EPERM, lsetxattr("l", "user.a", "x", 1, 0));
	FAILS(ENODATA, lgetxattr("p", "user.a", NULL, 0));
	OK(setxattr("l", "user.a", "file", 4, 0));
	is_value("f", "user.a", "file", 4);
}

CASE(xattr_ctime, 0)
{
	struct stat before, now;

	need_xattr();
	before = stat_of("f");
	later();
	OK(setxattr("f", "user.a", "x", 1, 0));
	now = stat_of("f");
	CHECK(before.st_ctim.tv_sec != now.st_ctim.tv_sec ||
	      before.st_ctim.tv_nsec != now.st_ctim.tv_nsec);
	CHECK(before.st_mtim.tv_sec == now.st_mtim.tv_sec &&
	      before.st_mtim.tv_nsec == now.st_mtim.tv_nsec);
	before = now;
	later();
	OK(removexattr("f", "user.a"));
	now = stat_of("f");
	CHECK(before.st_ctim.tv_sec != now.st_ctim.tv_sec ||
	      before.st_ctim.tv_nsec != now.st_ctim.tv_nsec);
}

CASE(xattr_trusted, NEEDS_ROOT)
{
	need_xattr();
	if (setxattr("f", "trusted.a", "x", 1, 0)) {
		EQ(errno, EPERM);
		skip_case("root of a namespace");
	}
	is_value("f", "trusted.a", "x", 1);
	EQ(listed("f", "trusted.a"), 1);
	OK(chmod("f", 0666));
	OK(symlink("f", "l"));
	OK(lsetxattr("l", "trusted.l", "link", 4, 0));
	is_value("l", "trusted.l", "link", 4);
	FAILS(ENODATA, getxattr("f", "trusted.l", NULL, 0));
	AS_USER {
		FAILS(EPERM, setxattr("f", "trusted.a", "y", 1, 0));
		FAILS(ENODATA, getxattr("f", "trusted.a", NULL, 0));
		EQ(listed("f", "trusted.a"), 0);
		OK(setxattr("f", "user.a", "y", 1, 0));
	}
	is_value("f", "user.a", "y", 1);
}

CASE(xattr_permissions, NEEDS_ROOT)
{
	need_xattr();
	OK(setxattr("f", "user.a", "x", 1, 0));
	OK(chmod("f", 0600));
	AS_USER {
		FAILS(EACCES, getxattr("f", "user.a", NULL, 0));
		FAILS(EACCES, setxattr("f", "user.a", "y", 1, 0));
	}
	OK(chmod("f", 0604));
	AS_USER {
		is_value("f", "user.a", "x", 1);
		FAILS(EACCES, setxattr("f", "user.a", "y", 1, 0));
		FAILS(EACCES, removexattr("f", "user.a"));
	}
	make_tree("d");
	OK(chmod("d", 01777));
	AS_USER		/* sticky: the owner's matter */
		FAILS(EPERM, setxattr("d", "user.a", "y", 1, 0));
}

CASE(xattr_capability, NEEDS_ROOT)
{
	/* VFS_CAP_REVISION_2, cap_net_raw permitted */
	static const unsigned char caps[20] = { 0, 0, 0, 2, 0, 0x20 };
	int fd;

	need_xattr();
	if (setxattr("f", "security.capability", caps, sizeof(caps), 0))
		skip_case("no capabilities of files here");
	OK(setxattr("f", "user.a", "x", 1, 0));
	is_value("f", "security.capability", caps, sizeof(caps));
	fd = OK(open("f", O_WRONLY));
	EQ(pwrite(fd, "y", 1, 0), 1);
	OK(close(fd));
	FAILS(ENODATA, getxattr("f", "security.capability", NULL, 0));
	OK(setxattr("f", "security.capability", caps, sizeof(caps), 0));
	OK(truncate("f", 2));
	FAILS(ENODATA, getxattr("f", "security.capability", NULL, 0));
	OK(setxattr("f", "security.capability", caps, sizeof(caps), 0));
	OK(chmod("f", 0700));
	is_value("f", "security.capability", caps, sizeof(caps));
	OK(chown("f", 5, 5));
	FAILS(ENODATA, getxattr("f", "security.capability", NULL, 0));
	is_value("f", "user.a", "x", 1);
}

static void set_own(int nr)
{
	char name[32], value[64], got[64];
	int i;

	snprintf(name, sizeof(name), "user.%d", nr);
	for (i = 0; i < 100; i++) {
		snprintf(value, sizeof(value), "value %d of %d", i, nr);
		OK(setxattr("f", name, value, sizeof(value), 0));
		EQ(getxattr("f", name, got, sizeof(got)), sizeof(got));
		CHECK(!strcmp(got, value));
		OK(chmod("f", 0600 | nr));
	}
}

/* Who sets one attribute changes no other. */
CASE(xattr_at_once, 0)
{
	char name[32];
	int i;

	need_xattr();
	OK(setxattr("f", "user.stays", "there", 5, 0));
	children(4, set_own);
	is_value("f", "user.stays", "there", 5);
	for (i = 0; i < 4; i++) {
		snprintf(name, sizeof(name), "user.%d", i);
		EQ(getxattr("f", name, NULL, 0), 64);
	}
}

static void set_other(int nr)
{
	static char value[3000];
	char name[32];

	if (nr)
		go_other();
	snprintf(name, sizeof(name), "user.%d", nr);
	for (size_t i = 0; i < 50; i++)
		OK(setxattr("f", name, value, i * 20, 0));
}

CASE(xattr_two_mounts, 0)
{
	need_xattr();
	children(2, set_other);
	EQ(getxattr("f", "user.0", NULL, 0), 49 * 20);
	EQ(getxattr("f", "user.1", NULL, 0), 49 * 20);
	go_other();
	EQ(getxattr("f", "user.0", NULL, 0), 49 * 20);
	OK(removexattr("f", "user.0"));
	EQ(listed("f", "user.0"), 0);
}
