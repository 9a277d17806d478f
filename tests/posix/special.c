/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What is neither file nor directory, and programs: FIFO, socket, device, exec.
 *
 * Notes: a device node need not open (mounts are often nodev), but has to
 * keep its number.
 */
#include "posix_test.h"

#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>

CASE(fifo_carries_data, 0)
{
	char buf[8] = "";
	pid_t pid;
	int fd;

	OK(mkfifo("p", 0600));
	CHECK(S_ISFIFO(stat_of("p").st_mode));
	EQ(stat_of("p").st_size, 0);
	FAILS(EEXIST, mkfifo("p", 0600));
	FAILS(ENXIO, open("p", O_WRONLY | O_NONBLOCK));
	pid = child_begin();
	if (!pid) {
		fd = OK(open("p", O_WRONLY));
		EQ(write(fd, "fifo", 4), 4);
		child_end();
	}
	fd = OK(open("p", O_RDONLY));
	EQ(read(fd, buf, 8), 4);
	child_reap(pid);
	OK(rename("p", "q"));
	OK(unlink("q"));
}

CASE(socket_node, 0)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX, .sun_path = "sock" };
	int one = OK(socket(AF_UNIX, SOCK_STREAM, 0));
	int two = OK(socket(AF_UNIX, SOCK_STREAM, 0));

	OK(bind(one, (struct sockaddr *)&sun, sizeof(sun)));
	OK(listen(one, 1));
	CHECK(S_ISSOCK(stat_of("sock").st_mode));
	OK(connect(two, (struct sockaddr *)&sun, sizeof(sun)));
	FAILS(ENXIO, open("sock", O_RDONLY));
	OK(unlink("sock"));
	FAILS(ENOENT, connect(two, (struct sockaddr *)&sun, sizeof(sun)));
}

CASE(device_nodes, NEEDS_ROOT)
{
	static const unsigned int nr[][2] = { { 1, 3 }, { 0, 0 }, { 8, 17 },
		{ 4000, 1000000 }, { 255, 256 } };
	struct stat st;
	size_t i;

	for (i = 0; i < sizeof(nr) / sizeof(nr[0]); i++) {
		OK(mknod("c", S_IFCHR | 0600, makedev(nr[i][0], nr[i][1])));
		st = stat_of("c");
		EQ(st.st_mode, S_IFCHR | 0600);
		EQ(major(st.st_rdev), nr[i][0]);
		EQ(minor(st.st_rdev), nr[i][1]);
		OK(unlink("c"));
		OK(mknod("b", S_IFBLK | 0640, makedev(nr[i][0], nr[i][1])));
		EQ(stat_of("b").st_mode, S_IFBLK | 0640);
		EQ(minor(stat_of("b").st_rdev), nr[i][1]);
		OK(unlink("b"));
	}
}

CASE(mknod_regular_file, 0)
{
	OK(mknod("f", S_IFREG | 0640, 0));
	EQ(stat_of("f").st_mode, S_IFREG | 0640);
	FAILS(EEXIST, mknod("f", S_IFREG | 0640, 0));
	AS_USER
		FAILS(EPERM, mknod("c", S_IFCHR | 0600, makedev(1, 3)));
}

static void copy_program(const char *from, const char *to)
{
	static char buf[64 * KIB];
	int in = OK(open(from, O_RDONLY));
	int out = OK(open(to, O_WRONLY | O_CREAT, 0755));
	ssize_t n;

	while ((n = OK(read(in, buf, sizeof(buf)))))
		EQ(write(out, buf, n), n);
	OK(close(in));
	OK(close(out));
}

static int run_program(const char *path)
{
	pid_t pid = child_begin();
	int status;

	if (!pid) {
		execl(path, path, "-c", "exit 42", (char *)NULL);
		_exit(errno == EACCES ? 126 : 127);
	}
	EQ(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

CASE(exec_program, 0)
{
	struct statvfs v;
	int noexec;

	OK(statvfs(".", &v));
	noexec = !!(v.f_flag & ST_NOEXEC);
	copy_program("/bin/sh", "sh");
	EQ(run_program("./sh"), noexec ? 126 : 42);
	OK(chmod("sh", 0644));
	EQ(run_program("./sh"), 126);
	make_file("script", "#!/bin/sh\nexit 41\n");
	OK(chmod("script", 0755));
	EQ(run_program("./script"), noexec ? 126 : 41);
}

CASE(advice_is_harmless, 0)
{
	int fd = OK(open("f", O_RDWR | O_CREAT, 0600));

	write_pattern(fd, 0, 3 * PAGE, 1);
	EQ(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED), 0);
	EQ(posix_fadvise(fd, 0, 0, POSIX_FADV_WILLNEED), 0);
	expect_pattern(fd, 0, 3 * PAGE, 1);
}

CASE(record_locks, 0)
{
	struct flock fl = { .l_type = F_WRLCK, .l_whence = SEEK_SET,
			    .l_start = 10, .l_len = 10 };
	pid_t pid;
	int fd;

	make_file("f", "");
	fd = OK(open("f", O_RDWR));
	OK(fcntl(fd, F_SETLK, &fl));
	pid = child_begin();
	if (!pid) {
		fd = OK(open("f", O_RDWR));
		FAILS2(EAGAIN, EACCES, fcntl(fd, F_SETLK, &fl));
		fl.l_start = 20;
		OK(fcntl(fd, F_SETLK, &fl));
		child_end();
	}
	child_reap(pid);
}
