/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Nodes that are not files or directories, and programs: FIFO, socket, device,
 * exec with its errors.
 *
 * Notes: what a FIFO or a socket carries is the kernel's; the name, its mode
 * and the rights to it are the file system's.
 */
#include "posix_test.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>

/* ---- FIFOs ---- */

CASE(fifo_open_modes, 0)
{
	char buf[8];
	int rd, wr;

	OK(mkfifo("p", 0644));
	WANT(ENXIO, open("p", O_WRONLY | O_NONBLOCK));
	rd = OK(open("p", O_RDONLY | O_NONBLOCK));
	WANT_EQ(read(rd, buf, 1), 0);		/* nobody writes */
	wr = OK(open("p", O_WRONLY | O_NONBLOCK));
	WANT(EAGAIN, read(rd, buf, 1));		/* somebody may */
	WANT(EBADF, read(wr, buf, 1));
	WANT(EBADF, write(rd, buf, 1));
	WANT_EQ(write(wr, "abc", 3), 3);
	WANT_EQ(stat_of("p").st_size, 0);
	WANT_EQ(read(rd, buf, 8), 3);
	WANT_EQ(memcmp(buf, "abc", 3), 0);
	WANT(ESPIPE, lseek(rd, 0, SEEK_CUR));
	WANT(ESPIPE, pread(rd, buf, 1, 0));
	WANT(EINVAL, ftruncate(wr, 0));
	WANT(EINVAL, truncate("p", 0));
	OK(close(wr));
	WANT_EQ(read(rd, buf, 8), 0);
	WANT(0, open("p", O_RDWR | O_NONBLOCK));
	WANT(ENOTDIR, open("p", O_RDONLY | O_DIRECTORY | O_NONBLOCK));
	WANT(EEXIST, open("p", O_RDWR | O_CREAT | O_EXCL, 0600));
}

CASE(fifo_writer_without_reader, 0)
{
	int rd, wr;

	OK(mkfifo("p", 0644));
	rd = OK(open("p", O_RDONLY | O_NONBLOCK));
	wr = OK(open("p", O_WRONLY | O_NONBLOCK));
	signal(SIGPIPE, SIG_IGN);
	OK(close(rd));
	WANT(EPIPE, write(wr, "x", 1));
	WANT(ENXIO, open("p", O_WRONLY | O_NONBLOCK));
	rd = OK(open("p", O_RDONLY | O_NONBLOCK));
	WANT_EQ(write(wr, "x", 1), 1);
}

/* One FIFO under two names, and one without any. */
CASE(fifo_names, 0)
{
	char buf[4];
	int rd, wr;

	OK(mkfifo("p", 0600));
	OK(link("p", "q"));
	rd = OK(open("p", O_RDONLY | O_NONBLOCK));
	wr = OK(open("q", O_WRONLY | O_NONBLOCK));
	WANT_EQ(write(wr, "ab", 2), 2);
	WANT_EQ(read(rd, buf, 4), 2);
	OK(unlink("p"));
	OK(rename("q", "r"));
	WANT_EQ(write(wr, "c", 1), 1);
	OK(unlink("r"));
	WANT_EQ(read(rd, buf, 4), 1);
	WANT_EQ(write(wr, "d", 1), 1);
	WANT_EQ(read(rd, buf, 4), 1);
	OK(mkfifo("p", 0600));		/* not the one that is open */
	WANT(ENXIO, open("p", O_WRONLY | O_NONBLOCK));
}

CASE(fifo_and_socket_rights, NEEDS_ROOT)
{
	struct sockaddr_un sun = { AF_UNIX, "sock" };
	int s = OK(socket(AF_UNIX, SOCK_STREAM, 0)), c;

	OK(mkfifo("p", 0640));
	OK(chown("p", USER_A, GROUP_A));
	OK(bind(s, (struct sockaddr *)&sun, sizeof(sun)));
	OK(listen(s, 5));
	OK(chown("sock", USER_A, GROUP_A));
	OK(chmod("sock", 0640));
	be(USER_B, GROUP_B);
	WANT(EACCES, open("p", O_RDONLY | O_NONBLOCK));
	WANT(EACCES, open("p", O_RDWR | O_NONBLOCK));
	c = OK(socket(AF_UNIX, SOCK_STREAM, 0));
	WANT(EACCES, connect(c, (struct sockaddr *)&sun, sizeof(sun)));
	be(USER_B, GROUP_A);
	WANT(0, open("p", O_RDONLY | O_NONBLOCK));
	WANT(EACCES, open("p", O_WRONLY | O_NONBLOCK));
	WANT(EACCES, connect(c, (struct sockaddr *)&sun, sizeof(sun)));
	be(USER_A, GROUP_B);
	WANT(0, open("p", O_RDWR | O_NONBLOCK));
	WANT(0, connect(c, (struct sockaddr *)&sun, sizeof(sun)));
	be(0, 0);
}

/* ---- sockets ---- */

static int try_connect(const char *path, int type)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = OK(socket(AF_UNIX, type, 0)), r, err;

	strcpy(sun.sun_path, path);
	r = connect(fd, (struct sockaddr *)&sun, sizeof(sun));
	err = errno;
	OK(close(fd));
	errno = err;
	return r;
}

CASE(socket_errors, 0)
{
	struct sockaddr_un sun = { AF_UNIX, "sock" };
	int s = OK(socket(AF_UNIX, SOCK_STREAM, 0)), s2;

	make_file("f", "");
	umask(027);
	WANT(0, bind(s, (struct sockaddr *)&sun, sizeof(sun)));
	WANT_EQ(stat_of("sock").st_mode, S_IFSOCK | 0750);
	s2 = OK(socket(AF_UNIX, SOCK_STREAM, 0));
	WANT(EADDRINUSE, bind(s2, (struct sockaddr *)&sun, sizeof(sun)));
	WANT(ECONNREFUSED, try_connect("sock", SOCK_STREAM));
	OK(listen(s, 5));
	WANT(0, try_connect("sock", SOCK_STREAM));
	WANT(EPROTOTYPE, try_connect("sock", SOCK_DGRAM));
	WANT(ECONNREFUSED, try_connect("f", SOCK_STREAM));
	WANT(ENOENT, try_connect("missing", SOCK_STREAM));
	WANT(ENXIO, open("sock", O_RDWR));
	WANT(ENXIO, open("sock", O_RDONLY | O_NONBLOCK));
	WANT(0, open("sock", O_PATH));
	WANT(EINVAL, truncate("sock", 0));
	OK(link("sock", "sock2"));
	OK(rename("sock", "moved"));
	WANT(0, try_connect("sock2", SOCK_STREAM));
	WANT(0, try_connect("moved", SOCK_STREAM));
	OK(symlink("moved", "sym"));
	WANT(0, try_connect("sym", SOCK_STREAM));
	OK(close(s));
	WANT(ECONNREFUSED, try_connect("moved", SOCK_STREAM));
	CHECK(exists("moved"));
	OK(unlink("moved"));
}

/* ---- devices ---- */

CASE(device_works, NEEDS_ROOT)
{
	struct statvfs v;
	char c = 1;
	int fd, nodev;

	OK(mknod("null", S_IFCHR | 0666, makedev(1, 3)));
	OK(mknod("zero", S_IFCHR | 0640, makedev(1, 5)));
	OK(chmod("null", 0666));
	OK(statvfs(".", &v));
	nodev = !!(v.f_flag & ST_NODEV);
	WANT(nodev ? EACCES : 0, fd = open("null", O_RDWR));
	if (!nodev) {
		WANT_EQ(write(fd, "x", 1), 1);
		WANT_EQ(read(fd, &c, 1), 0);
		fd = OK(open("zero", O_RDONLY));
		WANT_EQ(read(fd, &c, 1), 1);
		WANT_EQ(c, 0);
	}
	be(USER_A, GROUP_A);
	WANT(nodev ? EACCES : 0, open("null", O_RDWR));
	WANT(EACCES, open("zero", O_RDONLY));
	WANT(EPERM, mknod("mine", S_IFCHR | 0666, makedev(1, 3)));
	be(0, 0);
	WANT(EINVAL, truncate("null", 0));
	WANT(EEXIST, mknod("null", S_IFCHR | 0666, makedev(1, 3)));
	WANT(0, rename("null", "nil"));
	WANT_EQ(stat_of("nil").st_rdev, makedev(1, 3));
	WANT(0, unlink("nil"));
}

CASE(device_numbers, NEEDS_ROOT)
{
	static const struct {
		unsigned int major, minor;
	} nr[] = {
		{ 0, 1 }, { 1, 0 }, { 255, 255 }, { 256, 0 }, { 256, 256 },
		{ 4095, 0 }, { 0, 0xfffff }, { 4095, 0xfffff }, { 259, 65536 },
	};
	size_t i;
	int k;

	for (i = 0; i < COUNT_OF(nr); i++) {
		for (k = 0; k < 2; k++) {
			label("%s %u:%u", k ? "block" : "char", nr[i].major,
			      nr[i].minor);
			WANT(0, mknod("x", (k ? S_IFBLK : S_IFCHR) | 0600,
				      makedev(nr[i].major, nr[i].minor)));
			WANT_EQ(major(stat_of("x").st_rdev), nr[i].major);
			WANT_EQ(minor(stat_of("x").st_rdev), nr[i].minor);
			OK(unlink("x"));
		}
	}
}

CASE(mknod_arguments, 0)
{
	OK(mkdir("d", 0755));
	WANT(EPERM, mknod("x", S_IFDIR | 0755, 0));
	WANT(EINVAL, mknod("x", S_IFLNK | 0755, 0));
	WANT(EINVAL, mknod("x", 0150000 | 0755, 0));
	WANT(0, mknod("plain", 0640, 0));
	WANT_EQ(stat_of("plain").st_mode, S_IFREG | 0640);
	WANT_EQ(stat_of("plain").st_size, 0);
	WANT(0, mknod("fifo", S_IFIFO | 0620, 0));
	WANT_EQ(stat_of("fifo").st_mode, S_IFIFO | 0600);
	WANT(0, mknod("sock", S_IFSOCK | 0600, 0));
	WANT(ECONNREFUSED, try_connect("sock", SOCK_STREAM));
	AS_USER {
		WANT(EPERM, mknod("c", S_IFCHR | 0600, makedev(1, 3)));
		WANT(EPERM, mknod("b", S_IFBLK | 0600, makedev(8, 0)));
		WANT(0, mknod("user-fifo", S_IFIFO | 0600, 0));
		WANT(0, mknod("user-file", S_IFREG | 0600, 0));
	}
}

/* ---- exec ---- */

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

/* Errno of a failed exec, or 0 if the program ended well. */
static int run(const char *path, const char *arg)
{
	char *argv[] = { (char *)path, "-c", (char *)arg, NULL };
	char *env[] = { "PATH=/bin:/usr/bin", NULL };
	pid_t pid = child_begin();
	int status;

	if (!pid) {
		execve(path, argv, env);
		_exit(errno);
	}
	EQ(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void need_exec(void)
{
	struct statvfs v;

	OK(statvfs(".", &v));
	if (v.f_flag & ST_NOEXEC)
		skip_case("the mount is noexec");
}

CASE(exec_errors, 0)
{
	need_exec();
	make_tree("d");
	make_file("f", "no program");
	make_file("empty", "");
	make_file("no-interpreter", "#!/nonexistent/interpreter\n");
	make_file("bad-interpreter", "#!./f\n");
	WANT_EQ(run("f", ""), EACCES);
	WANT_EQ(run("d", ""), EACCES);
	WANT_EQ(run("missing", ""), ENOENT);
	WANT_EQ(run("f/x", ""), ENOTDIR);
	OK(mkfifo("p", 0777));
	OK(chmod("p", 0777));
	WANT_EQ(run("p", ""), EACCES);
	OK(chmod("f", 0755));
	OK(chmod("empty", 0755));
	OK(chmod("no-interpreter", 0755));
	OK(chmod("bad-interpreter", 0755));
	WANT_EQ(run("./f", ""), ENOEXEC);
	WANT_EQ(run("./empty", ""), ENOEXEC);
	WANT_EQ(run("./no-interpreter", ""), ENOENT);
	WANT_EQ(run("./bad-interpreter", ""), ENOEXEC);
	OK(chmod("f", 0644));
	WANT_EQ(run("./bad-interpreter", ""), EACCES);
}

/* What runs is not written to, and what is open for writing does not run. */
CASE(exec_text_busy, 0)
{
	int fd, to_child[2], ready[2];
	pid_t pid;
	char c;

	need_exec();
	copy_program("/bin/sh", "sh");
	WANT_EQ(run("./sh", "exit 0"), 0);
	fd = OK(open("sh", O_WRONLY));
	WANT_EQ(run("./sh", "exit 0"), ETXTBSY);
	OK(close(fd));
	fd = OK(open("sh", O_RDONLY));
	WANT_EQ(run("./sh", "exit 0"), 0);
	OK(pipe(to_child));
	OK(pipe(ready));
	pid = child_begin();
	if (!pid) {
		OK(dup2(to_child[0], 0));
		OK(dup2(ready[1], 1));
		OK(close(to_child[1]));
		execl("./sh", "./sh", "-c", "echo; read x", (char *)NULL);
		_exit(1);
	}
	WANT_EQ(read(ready[0], &c, 1), 1);
	WANT(ETXTBSY, open("sh", O_WRONLY));
	WANT(ETXTBSY, open("sh", O_RDWR));
	WANT(ETXTBSY, open("sh", O_WRONLY | O_TRUNC));
	WANT(ETXTBSY, truncate("sh", 0));
	WANT(0, open("sh", O_RDONLY));
	WANT(0, chmod("sh", 0700));
	WANT(0, rename("sh", "sh2"));
	WANT(0, unlink("sh2"));
	WANT_EQ(write(to_child[1], "\n", 1), 1);
	WANT_EQ(waitpid(pid, NULL, 0), pid);
	WANT_EQ(lseek(fd, 0, SEEK_END) > 1000, 1);
}

/* A set-id program takes the file's owner and group, unless it is nosuid. */
CASE(exec_set_id, NEEDS_ROOT)
{
	struct statvfs v;
	pid_t pid;
	int status, taken;

	need_exec();
	OK(statvfs(".", &v));
	taken = !(v.f_flag & ST_NOSUID);
	copy_program("/bin/cat", "cat");
	OK(chown("cat", USER_A, GROUP_A));
	OK(chmod("cat", 06755));
	make_file("secret", "x");
	OK(chown("secret", USER_A, GROUP_A));
	OK(chmod("secret", 0400));
	make_file("group-secret", "x");
	OK(chown("group-secret", 0, GROUP_A));
	OK(chmod("group-secret", 0040));
	pid = child_begin();
	if (!pid) {
		be(0, GROUP_B);
		OK(setresgid(GROUP_B, GROUP_B, GROUP_B));
		OK(setresuid(USER_B, USER_B, USER_B));
		OK(close(1));
		OK(open("/dev/null", O_WRONLY));
		execl("./cat", "./cat", "secret", "group-secret", (char *)NULL);
		_exit(99);
	}
	EQ(waitpid(pid, &status, 0), pid);
	WANT_EQ(WEXITSTATUS(status), taken ? 0 : 1);
}
