// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Set-user-ID and set-group-ID: when they go and when they stay. Inode flags.
 *
 * Notes: root makes the files and looks at them, a user without privileges
 * changes them. Set-group-ID without the group's right to execute is looked at
 * for a user of that group only: for others kernels differ.
 */
#include "posix_test.h"

#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/uio.h>

static int mode_of(const char *path)
{
	return stat_of(path).st_mode & 07777;
}

static void with_mode(const char *path, int mode)
{
	if (!exists(path))
		make_file(path, "content");
	OK(chown(path, 0, NOBODY));
	OK(chmod(path, (mode_t)mode));
}

/* ---- ways to change content; fd is open for writing ---- */

static void by_write(int fd)
{
	OK(write(fd, "x", 1));
}

static void by_pwrite(int fd)
{
	OK(pwrite(fd, "x", 1, 10000));
}

static void by_writev(int fd)
{
	struct iovec iov[2] = { { (void *)"a", 1 }, { (void *)"b", 1 } };

	EQ(writev(fd, iov, 2), 2);
}

static void by_ftruncate_down(int fd)
{
	OK(ftruncate(fd, 1));
}

static void by_ftruncate_up(int fd)
{
	OK(ftruncate(fd, 100000));
}

static void by_truncate(int fd)
{
	(void)fd;
	OK(truncate("f", 3));
}

static void by_open(int fd)
{
	(void)fd;
	OK(open("f", O_WRONLY | O_TRUNC));
}

static void by_creat(int fd)
{
	(void)fd;
	OK(open("f", O_WRONLY | O_CREAT | O_TRUNC, 0600));
}

static void by_append(int fd)
{
	(void)fd;
	OK(write(OK(open("f", O_WRONLY | O_APPEND)), "x", 1));
}

static void (*const way[])(int fd) = {
	by_write, by_pwrite, by_writev, by_ftruncate_down, by_ftruncate_up,
	by_truncate, by_open, by_creat, by_append,
};

#define WAYS	(sizeof(way) / sizeof(way[0]))

static void expect_by_user(int before, int after)
{
	size_t i;
	int fd;

	for (i = 0; i < WAYS; i++) {
		with_mode("f", before);
		fd = OK(open("f", O_RDWR));
		AS_USER
			way[i](fd);
		EQ(mode_of("f"), after);
		OK(close(fd));
	}
}

CASE(setid_goes_by_each_change, NEEDS_ROOT)
{
	expect_by_user(06777, 0777);
	expect_by_user(04666, 0666);
	expect_by_user(02776, 0776);
}

CASE(setid_setgid_without_execute_stays, NEEDS_ROOT)
{
	expect_by_user(02666, 02666);
	expect_by_user(06666, 02666);
	expect_by_user(07666, 03666);
}

CASE(setid_stays_for_the_privileged, NEEDS_ROOT)
{
	size_t i;
	int fd;

	for (i = 0; i < WAYS; i++) {
		with_mode("f", 06777);
		fd = OK(open("f", O_RDWR));
		way[i](fd);
		EQ(mode_of("f"), 06777);
		OK(close(fd));
	}
}

CASE(setid_stays_without_a_change, NEEDS_ROOT)
{
	char buf[8];
	int fd;

	with_mode("f", 06777);
	AS_USER {
		fd = OK(open("f", O_RDWR));
		EQ(write(fd, "", 0), 0);
		read_all(fd, buf, 7, 0);
		OK(fsync(fd));
		FAILS(EINVAL, ftruncate(fd, -1));
		OK(close(fd));
		OK(close(OK(open("f", O_RDWR | O_CREAT, 0600))));
	}
	EQ(mode_of("f"), 06777);
}

/* What was found not to need it a moment ago is no reason. */
CASE(setid_set_between_two_writes, NEEDS_ROOT)
{
	int fd, i;

	with_mode("f", 0777);
	fd = OK(open("f", O_RDWR));
	for (i = 0; i < 20; i++) {
		AS_USER
			write_all(fd, "x", 1, i);
		OK(fchmod(fd, 06777));
		AS_USER
			write_all(fd, "y", 1, i + 1);
		EQ(mode_of("f"), 0777);
	}
}

CASE(setid_one_process_writes_on, NEEDS_ROOT)
{
	int fd, up[2], down[2], i;
	char c;
	pid_t pid;

	with_mode("f", 0777);
	fd = OK(open("f", O_RDWR));
	OK(pipe(up));
	OK(pipe(down));
	pid = child_begin();
	if (!pid) {
		AS_USER {
			for (i = 0; i < 20; i++) {
				EQ(read(down[0], &c, 1), 1);
				write_all(fd, "x", 1, i);
				EQ(write(up[1], &c, 1), 1);
			}
		}
		child_end();
	}
	for (i = 0; i < 20; i++) {
		OK(chmod("f", i % 2 ? 06777 : 0777));
		EQ(write(down[1], "", 1), 1);
		EQ(read(up[0], &c, 1), 1);
		EQ(mode_of("f"), 0777);
	}
	child_reap(pid);
}

CASE(setid_seen_on_the_other_mount, NEEDS_ROOT)
{
	pid_t pid;

	with_mode("f", 06777);
	AS_USER
		write_all(OK(open("f", O_RDWR)), "x", 1, 0);
	pid = child_begin();
	if (!pid) {
		go_other();
		EQ(mode_of("f"), 0777);
		OK(chmod("f", 06777));
		child_end();
	}
	child_reap(pid);
	EQ(mode_of("f"), 06777);
	AS_USER
		OK(truncate("f", 2));
	EQ(mode_of("f"), 0777);
}

/* ---- owners and modes ---- */

CASE(setid_goes_with_the_owner, NEEDS_ROOT)
{
	with_mode("f", 06755);
	OK(chown("f", 7, -1));
	EQ(mode_of("f"), 0755);
	EQ(stat_of("f").st_uid, 7);
	with_mode("f", 06755);
	OK(chown("f", -1, 7));
	EQ(mode_of("f"), 0755);
	with_mode("f", 06745);
	OK(chown("f", 7, 7));
	EQ(mode_of("f"), 02745);
	with_mode("f", 04755);
	OK(chown("f", 0, -1));
	EQ(mode_of("f"), 0755);
}

CASE(setid_goes_by_a_users_chown, NEEDS_ROOT)
{
	with_mode("f", 06755);
	OK(chown("f", NOBODY, NOBODY));
	OK(chmod("f", 06755));
	AS_USER
		OK(chown("f", -1, NOBODY));
	EQ(mode_of("f"), 0755);
}

CASE(setid_of_directories_stays, NEEDS_ROOT)
{
	make_tree("d");
	OK(chmod("d", 06775));
	OK(chown("d", 7, 7));
	EQ(mode_of("d"), 06775);
	make_file("d/x", "");
	EQ(stat_of("d/x").st_gid, 7);
	EQ(mode_of("d"), 06775);
}

CASE(setid_by_chmod_of_others_group, NEEDS_ROOT)
{
	make_file("f", "");
	OK(chown("f", NOBODY, 4321));
	AS_USER {
		OK(chmod("f", 06755));
		EQ(mode_of("f"), 04755);
		OK(chmod("f", 02644));
		EQ(mode_of("f"), 0644);
	}
	OK(chmod("f", 06755));
	EQ(mode_of("f"), 06755);
	OK(chown("f", NOBODY, NOBODY));
	AS_USER
		OK(chmod("f", 06711));
	EQ(mode_of("f"), 06711);
}

CASE(setid_of_new_files, NEEDS_ROOT)
{
	make_tree("d");
	OK(chown("d", 0, 4321));
	OK(chmod("d", 02777));
	AS_USER {
		umask(0);
		OK(open("mine", O_WRONLY | O_CREAT, 06755));
		EQ(mode_of("mine"), 06755);
		OK(open("d/f", O_WRONLY | O_CREAT, 02711));
		EQ(mode_of("d/f"), 0711);
		EQ(stat_of("d/f").st_gid, 4321);
		OK(mkdir("d/sub", 0700));
		EQ(mode_of("d/sub"), 02700);
	}
}

/* Flags of chattr(1): none, or those that the file system has. */
CASE(inode_flags, 0)
{
	static const char *const path[] = { "f", "d" };
	int i, fd, flags, odd;

	make_file("f", "");
	make_tree("d");
	for (i = 0; i < 2; i++) {
		fd = OK(open(path[i], O_RDONLY));
		flags = -1;
		OK(ioctl(fd, FS_IOC_GETFLAGS, &flags));
		EQ(flags & (FS_IMMUTABLE_FL | FS_APPEND_FL), 0);
		OK(ioctl(fd, FS_IOC_SETFLAGS, &flags));
		odd = flags | FS_NOTAIL_FL | FS_COMPR_FL;
		FAILS(EOPNOTSUPP, ioctl(fd, FS_IOC_SETFLAGS, &odd));
		odd = -1;
		OK(ioctl(fd, FS_IOC_GETFLAGS, &odd));
		EQ(odd, flags);
		FAILS(ENOTTY, ioctl(fd, _IO('x', 99)));
		OK(close(fd));
	}
}

CASE(setid_survives_names, NEEDS_ROOT)
{
	with_mode("f", 06755);
	OK(link("f", "g"));
	OK(rename("f", "h"));
	OK(unlink("g"));
	EQ(mode_of("h"), 06755);
}
