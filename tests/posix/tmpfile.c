// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * O_TMPFILE: files without a name, and their first link.
 *
 * Notes: through FUSE they are there from Linux 6.1 on.
 */
#include "posix_test.h"

#include <sys/mman.h>
#include <sys/statvfs.h>

static int unnamed(const char *dir, int flags, mode_t mode)
{
	int fd = open(dir, O_TMPFILE | flags, mode);

	if (fd < 0 && errno == EOPNOTSUPP)
		skip_case("files without a name: needs Linux 6.1");
	if (fd < 0)
		FAIL("open(%s, O_TMPFILE): %s", dir, strerror(errno));
	return fd;
}

static int give_name(int fd, const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return linkat(AT_FDCWD, path, AT_FDCWD, name, AT_SYMLINK_FOLLOW);
}

static struct stat stat_fd(int fd)
{
	struct stat st;

	OK(fstat(fd, &st));
	return st;
}

CASE(tmpfile_is_a_file_without_a_name, 0)
{
	char buf[5] = "";
	void *map;
	int fd;

	make_tree("d");
	fd = unnamed("d", O_RDWR, 0640);
	EQ(stat_fd(fd).st_mode, S_IFREG | 0640);
	EQ(stat_fd(fd).st_nlink, 0);
	EQ(stat_fd(fd).st_size, 0);
	EQ(stat_fd(fd).st_uid, geteuid());
	EQ(count_entries("d"), 0);
	write_all(fd, "hello", 5, 0);
	read_all(fd, buf, 5, 0);
	CHECK(!memcmp(buf, "hello", 5));
	EQ(stat_fd(fd).st_size, 5);
	map = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
	CHECK(map != MAP_FAILED && !memcmp(map, "hello", 5));
	OK(ftruncate(fd, 2));
	EQ(stat_fd(fd).st_size, 2);
	OK(fchmod(fd, 0600));
	EQ(stat_fd(fd).st_mode, S_IFREG | 0600);
	OK(fsync(fd));
	OK(close(fd));
	OK(rmdir("d"));
}

CASE(tmpfile_gets_a_name, 0)
{
	int fd = unnamed(".", O_RDWR, 0600);
	ino_t ino = stat_fd(fd).st_ino;

	write_all(fd, "kept", 4, 0);
	OK(give_name(fd, "f"));
	EQ(stat_fd(fd).st_nlink, 1);
	EQ(stat_of("f").st_ino, ino);
	OK(give_name(fd, "g"));
	EQ(stat_of("f").st_nlink, 2);
	FAILS(EEXIST, give_name(fd, "f"));
	OK(close(fd));
	expect_text("f", "kept");
	OK(unlink("f"));
	expect_text("g", "kept");
	EQ(stat_of("g").st_nlink, 1);
}

CASE(tmpfile_gets_a_name_by_empty_path, NEEDS_ROOT)
{
	int fd = unnamed(".", O_WRONLY, 0600);

	write_all(fd, "kept", 4, 0);
	OK(linkat(fd, "", AT_FDCWD, "f", AT_EMPTY_PATH));
	OK(close(fd));
	expect_text("f", "kept");
}

CASE(tmpfile_of_a_name_given_twice, 0)
{
	int fd = unnamed(".", O_RDWR, 0600);

	OK(give_name(fd, "f"));
	OK(unlink("f"));
	EQ(stat_fd(fd).st_nlink, 0);
	FAILS(ENOENT, give_name(fd, "g"));
	CHECK(!exists("g"));
}

CASE(tmpfile_exclusive_gets_none, 0)
{
	int fd = unnamed(".", O_RDWR | O_EXCL, 0600);

	write_all(fd, "x", 1, 0);
	FAILS(ENOENT, give_name(fd, "f"));
	CHECK(!exists("f"));
	EQ(stat_fd(fd).st_size, 1);
}

CASE(tmpfile_many_at_once, 0)
{
	int fd[50], i;
	char c;

	for (i = 0; i < 50; i++) {
		fd[i] = unnamed(".", O_RDWR, 0600);
		c = (char)i;
		write_all(fd[i], &c, 1, 0);
	}
	EQ(count_entries("."), 0);
	for (i = 0; i < 50; i++) {
		read_all(fd[i], &c, 1, 0);
		EQ(c, i);
		OK(close(fd[i]));
	}
}

CASE(tmpfile_errors, 0)
{
	make_file("f", "");
	make_tree("d");
	OK(close(unnamed(".", O_RDWR, 0600)));
	FAILS(EINVAL, open(".", O_TMPFILE | O_RDONLY, 0600));
	FAILS(EINVAL, open(".", O_TMPFILE | O_RDWR | O_CREAT, 0600));
	FAILS(ENOENT, open("missing", O_TMPFILE | O_RDWR, 0600));
	FAILS(ENOTDIR, open("f", O_TMPFILE | O_RDWR, 0600));
	AS_USER {
		make_tree("closed");
		OK(chmod("closed", 0500));
		FAILS(EACCES, open("closed", O_TMPFILE | O_RDWR, 0600));
		OK(rmdir("closed"));
	}
}

CASE(tmpfile_umask_and_mode, 0)
{
	int fd;

	OK(close(unnamed(".", O_RDWR, 0600)));
	umask(027);
	EQ(stat_fd(unnamed(".", O_RDWR, 0777)).st_mode, S_IFREG | 0750);
	fd = unnamed(".", O_RDWR, 0);
	EQ(stat_fd(fd).st_mode, S_IFREG);
	write_all(fd, "x", 1, 0);
	OK(give_name(fd, "f"));
	EQ(stat_of("f").st_mode, S_IFREG);
}

CASE(tmpfile_of_setgid_directory, NEEDS_ROOT)
{
	make_tree("d");
	OK(chown("d", -1, 4321));
	OK(chmod("d", 02777));
	EQ(stat_fd(unnamed("d", O_RDWR, 0600)).st_gid, 4321);
	AS_USER
		EQ(stat_fd(unnamed("d", O_RDWR, 0600)).st_gid, 4321);
}

CASE(tmpfile_seen_on_the_other_mount, 0)
{
	int fd = unnamed(".", O_RDWR, 0600);
	pid_t pid;

	write_all(fd, "theirs", 6, 0);
	OK(give_name(fd, "f"));
	pid = child_begin();
	if (!pid) {
		go_other();
		expect_text("f", "theirs");
		OK(unlink("f"));
		child_end();
	}
	child_reap(pid);
	CHECK(!exists("f"));
	EQ(stat_fd(fd).st_nlink, 0);
	EQ(stat_fd(fd).st_size, 6);
}
