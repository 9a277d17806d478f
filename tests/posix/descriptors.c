/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Descriptors: what each call says to one that is not for it; offsets, dup.
 *
 * Notes: a table of calls against kinds of descriptors: closed, directory,
 * read-only, write-only, FIFO, O_PATH. Errors of arguments are below it.
 */
#include "posix_test.h"

#include <limits.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <sys/xattr.h>

static char io_buf[4096];
static struct stat st_buf;
static struct statvfs vfs_buf;
static int good_fd;		/* a file open for reading and writing */

static int fails_with(int err)	/* for calls that return their error */
{
	errno = err;
	return err ? -1 : 0;
}

#define CALL(fn_name, expr)						\
	static int fn_name(int fd)					\
	{								\
		return (int)(expr);					\
	}

static struct iovec one_iov = { io_buf, 1 };

CALL(c_read, read(fd, io_buf, 1))
CALL(c_pread, pread(fd, io_buf, 1, 0))
CALL(c_readv, readv(fd, &one_iov, 1))
CALL(c_preadv, preadv(fd, &one_iov, 1, 0))
CALL(c_write, write(fd, "x", 1))
CALL(c_pwrite, pwrite(fd, "x", 1, 0))
CALL(c_writev, writev(fd, &one_iov, 1))
CALL(c_pwritev, pwritev(fd, &one_iov, 1, 0))
CALL(c_lseek, lseek(fd, 0, SEEK_SET))
CALL(c_seek_data, lseek(fd, 0, SEEK_DATA))
CALL(c_ftruncate, ftruncate(fd, 4))
CALL(c_fallocate, fallocate(fd, 0, 0, 4))
CALL(c_fsync, fsync(fd))
CALL(c_fdatasync, fdatasync(fd))
CALL(c_fadvise, fails_with(posix_fadvise(fd, 0, 0, POSIX_FADV_NORMAL)))
CALL(c_fstat, fstat(fd, &st_buf))
CALL(c_fstatvfs, fstatvfs(fd, &vfs_buf))
CALL(c_fchmod, fchmod(fd, 0755))
CALL(c_fchown, fchown(fd, -1, -1))
CALL(c_futimens, futimens(fd, NULL))
CALL(c_fchdir, fchdir(fd))
CALL(c_dup, close(dup(fd)))
CALL(c_getfd, fcntl(fd, F_GETFD))
CALL(c_getfl, fcntl(fd, F_GETFL))
CALL(c_getdents, syscall(SYS_getdents64, fd, io_buf, sizeof(io_buf)))
CALL(c_copy_from, copy_file_range(fd, NULL, good_fd, NULL, 1, 0))
CALL(c_copy_to, copy_file_range(good_fd, NULL, fd, NULL, 1, 0))
CALL(c_sendfile_from, sendfile(good_fd, fd, NULL, 1))
CALL(c_sendfile_to, sendfile(fd, good_fd, NULL, 1))
CALL(c_flock, flock(fd, LOCK_SH | LOCK_NB))
CALL(c_syncfs, syncfs(fd))
CALL(c_ioctl, ioctl(fd, FIONREAD, io_buf))
CALL(c_fgetxattr, fgetxattr(fd, "user.x", io_buf, 1) && errno == EBADF ?
	-1 : 0)

static int c_mmap(int fd)
{
	void *at = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);

	return at == MAP_FAILED ? -1 : munmap(at, PAGE);
}

static int c_lock_read(int fd)
{
	struct flock fl = { .l_type = F_RDLCK, .l_whence = SEEK_SET };

	return fcntl(fd, F_SETLK, &fl);
}

static int c_lock_write(int fd)
{
	struct flock fl = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	return fcntl(fd, F_SETLK, &fl);
}

#define ANY	-1	/* not asked */

/* Errors on: a directory, read-only, write-only, FIFO (r/w), O_PATH. */
static const struct fd_call {
	const char *name;
	int (*fn)(int fd);
	int dir, rdonly, wronly, fifo, path;
} fd_calls[] = {
	{ "read", c_read, EISDIR, 0, EBADF, ANY, EBADF },
	{ "pread", c_pread, EISDIR, 0, EBADF, ESPIPE, EBADF },
	{ "readv", c_readv, EISDIR, 0, EBADF, ANY, EBADF },
	{ "preadv", c_preadv, EISDIR, 0, EBADF, ESPIPE, EBADF },
	{ "write", c_write, EBADF, EBADF, 0, 0, EBADF },
	{ "pwrite", c_pwrite, EBADF, EBADF, 0, ESPIPE, EBADF },
	{ "writev", c_writev, EBADF, EBADF, 0, 0, EBADF },
	{ "pwritev", c_pwritev, EBADF, EBADF, 0, ESPIPE, EBADF },
	{ "lseek", c_lseek, 0, 0, 0, ESPIPE, EBADF },
	{ "lseek SEEK_DATA", c_seek_data, ANY, 0, 0, ESPIPE, EBADF },
	{ "ftruncate", c_ftruncate, EINVAL, EINVAL, 0, EINVAL, EBADF },
	{ "fallocate", c_fallocate, EBADF, EBADF, ANY, ESPIPE, EBADF },
	{ "fsync", c_fsync, 0, 0, 0, EINVAL, EBADF },
	{ "fdatasync", c_fdatasync, 0, 0, 0, EINVAL, EBADF },
	{ "posix_fadvise", c_fadvise, ANY, 0, 0, ESPIPE, EBADF },
	{ "fstat", c_fstat, 0, 0, 0, 0, 0 },
	{ "fstatvfs", c_fstatvfs, 0, 0, 0, 0, 0 },
	{ "fchmod", c_fchmod, 0, 0, 0, 0, EBADF },
	{ "fchown", c_fchown, 0, 0, 0, 0, EBADF },
	{ "futimens", c_futimens, 0, 0, 0, 0, EBADF },
	{ "fchdir", c_fchdir, ANY, ENOTDIR, ENOTDIR, ENOTDIR, ENOTDIR },
	{ "dup", c_dup, 0, 0, 0, 0, 0 },
	{ "fcntl F_GETFD", c_getfd, 0, 0, 0, 0, 0 },
	{ "fcntl F_GETFL", c_getfl, 0, 0, 0, 0, 0 },
	{ "getdents64", c_getdents, 0, ENOTDIR, ENOTDIR, ENOTDIR, EBADF },
	{ "copy_file_range from", c_copy_from, EISDIR, 0, EBADF, EINVAL,
	  EBADF },
	{ "copy_file_range to", c_copy_to, ANY, EBADF, 0, EINVAL, EBADF },
	{ "sendfile from", c_sendfile_from, ANY, 0, EBADF, ANY, EBADF },
	{ "sendfile to", c_sendfile_to, EBADF, EBADF, 0, 0, EBADF },
	{ "flock", c_flock, 0, 0, 0, 0, EBADF },
	{ "syncfs", c_syncfs, 0, 0, 0, ANY, EBADF },
	{ "ioctl FIONREAD", c_ioctl, ANY, 0, 0, 0, EBADF },
	{ "fgetxattr", c_fgetxattr, 0, 0, 0, 0, EBADF },
	{ "mmap PROT_READ", c_mmap, ENODEV, 0, EACCES, ENODEV, EBADF },
	{ "fcntl F_RDLCK", c_lock_read, ANY, 0, EBADF, 0, EBADF },
	{ "fcntl F_WRLCK", c_lock_write, ANY, EBADF, 0, 0, EBADF },
};

static void want_if(const struct fd_call *c, int err, int fd)
{
	if (err == ANY)
		return;
	OK(lseek(good_fd, 0, SEEK_SET));
	WANT(err, c->fn(fd));
}

CASE(descriptors_of_each_kind, 0)
{
	int dir, rdonly, wronly, fifo, path, closed;
	size_t i;

	make_file("f", "content");
	make_file("g", "content");
	OK(mkfifo("p", 0600));
	good_fd = OK(open("g", O_RDWR));
	dir = OK(open(".", O_RDONLY));
	rdonly = OK(open("f", O_RDONLY));
	wronly = OK(open("f", O_WRONLY));
	fifo = OK(open("p", O_RDWR));
	path = OK(open("f", O_PATH));
	closed = OK(dup(path));
	OK(close(closed));
	for (i = 0; i < COUNT_OF(fd_calls); i++) {
		label("%s: -1", fd_calls[i].name);
		want_if(&fd_calls[i], EBADF, -1);
		label("%s: closed", fd_calls[i].name);
		want_if(&fd_calls[i], EBADF, closed);
		label("%s: directory", fd_calls[i].name);
		want_if(&fd_calls[i], fd_calls[i].dir, dir);
		label("%s: read-only", fd_calls[i].name);
		want_if(&fd_calls[i], fd_calls[i].rdonly, rdonly);
		label("%s: write-only", fd_calls[i].name);
		want_if(&fd_calls[i], fd_calls[i].wronly, wronly);
		label("%s: fifo", fd_calls[i].name);
		want_if(&fd_calls[i], fd_calls[i].fifo, fifo);
		label("%s: O_PATH", fd_calls[i].name);
		want_if(&fd_calls[i], fd_calls[i].path, path);
	}
}

/* ---- arguments ---- */

CASE(io_bad_addresses, 0)
{
	void *volatile bad = (void *)8;
	struct iovec iov = { bad, 10 };
	struct stat *volatile bad_st = bad;
	int fd;

	make_file("f", "content");
	OK(symlink("f", "s"));
	fd = OK(open("f", O_RDWR));
	WANT(EFAULT, read(fd, bad, 10));
	WANT(EFAULT, pread(fd, bad, 10, 0));
	WANT(EFAULT, write(fd, bad, 10));
	WANT(EFAULT, pwrite(fd, bad, 10, 0));
	WANT(EFAULT, readv(fd, &iov, 1));
	WANT(EFAULT, writev(fd, &iov, 1));
	WANT(EFAULT, readv(fd, bad, 1));
	WANT(EFAULT, fstat(fd, bad_st));
	WANT(EFAULT, stat("f", bad_st));
	WANT(EFAULT, lstat("f", bad_st));
	WANT(EFAULT, readlink("s", bad, 10));
	WANT(EFAULT, statfs("f", bad));
	WANT(EFAULT, fcntl(fd, F_SETLK, bad));
	WANT(EFAULT, syscall(SYS_getdents64, open(".", O_RDONLY), bad, 4096));
	WANT_EQ(read(fd, bad, 0), 0);
	WANT_EQ(write(fd, bad, 0), 0);
	expect_text("f", "content");
}

CASE(io_bad_offsets_and_lengths, 0)
{
	struct iovec iov[2] = { { io_buf, SIZE_MAX }, { io_buf, 1 } };
	volatile int many = 100000;
	int fd;

	make_file("f", "content");
	fd = OK(open("f", O_RDWR));
	WANT(EINVAL, pread(fd, io_buf, 1, -1));
	WANT(EINVAL, pwrite(fd, io_buf, 1, -1));
	WANT(EINVAL, preadv(fd, iov + 1, 1, -1));
	WANT(EINVAL, pwritev(fd, iov + 1, 1, -1));
	WANT(EINVAL, readv(fd, iov, 2));
	WANT(EINVAL, writev(fd, iov, 2));
	WANT(EINVAL, readv(fd, iov, many * -1));
	WANT(EINVAL, writev(fd, iov, many));
	WANT_EQ(readv(fd, iov, 0), 0);
	WANT(EINVAL, ftruncate(fd, -1));
	WANT(EINVAL, ftruncate(fd, INT64_MIN));
	WANT(EINVAL, truncate("f", -1));
	WANT(EINVAL, lseek(fd, -1, SEEK_SET));
	WANT(EINVAL, lseek(fd, -8, SEEK_END));
	WANT(EINVAL, lseek(fd, -1, SEEK_CUR));
	WANT2(EINVAL, EOVERFLOW, lseek(fd, INT64_MAX, SEEK_END));
	WANT(EINVAL, lseek(fd, 0, 99));
	WANT(ENXIO, lseek(fd, -1, SEEK_DATA));
	WANT(ENXIO, lseek(fd, -1, SEEK_HOLE));
	WANT(ENXIO, lseek(fd, 7, SEEK_DATA));
	WANT(ENXIO, lseek(fd, 8, SEEK_HOLE));
	WANT(EINVAL, copy_file_range(fd, NULL, fd, NULL, 1, 1));
	WANT_EQ(lseek(fd, 0, SEEK_CUR), 0);
	expect_text("f", "content");
}

CASE(fallocate_arguments, 0)
{
	int fd;

	make_file("f", "content");
	fd = OK(open("f", O_RDWR));
	WANT(EINVAL, fallocate(fd, 0, -1, 1));
	WANT(EINVAL, fallocate(fd, 0, 0, -1));
	WANT(EINVAL, fallocate(fd, 0, 0, 0));
	WANT2(EOPNOTSUPP, EINVAL, fallocate(fd, FALLOC_FL_PUNCH_HOLE, 0, 1));
	WANT2(EOPNOTSUPP, EINVAL, fallocate(fd, 0x4000, 0, 1));
	WANT(EFBIG, fallocate(fd, 0, INT64_MAX - 10, 11 + 10));
	WANT(EBADF, fallocate(-1, 0, 0, 1));
	expect_text("f", "content");
}

/* ---- the offset ---- */

CASE(offset_moves_as_it_should, 0)
{
	struct iovec iov[2] = { { io_buf, 2 }, { io_buf + 8, 3 } };
	int fd;

	make_file("f", "0123456789");
	fd = OK(open("f", O_RDWR));
	WANT_EQ(read(fd, io_buf, 3), 3);
	WANT_EQ(lseek(fd, 0, SEEK_CUR), 3);
	WANT_EQ(write(fd, "ab", 2), 2);
	WANT_EQ(lseek(fd, 0, SEEK_CUR), 5);
	WANT_EQ(pread(fd, io_buf, 4, 0), 4);
	WANT_EQ(pwrite(fd, "X", 1, 0), 1);
	WANT_EQ(lseek(fd, 0, SEEK_CUR), 5);
	WANT_EQ(readv(fd, iov, 2), 5);
	WANT_EQ(lseek(fd, 0, SEEK_CUR), 10);
	WANT_EQ(read(fd, io_buf, 1), 0);
	WANT_EQ(lseek(fd, 0, SEEK_CUR), 10);
	WANT_EQ(lseek(fd, 100, SEEK_SET), 100);
	WANT_EQ(read(fd, io_buf, 1), 0);
	WANT_EQ(write(fd, "Z", 1), 1);
	WANT_EQ(lseek(fd, 0, SEEK_END), 101);
	WANT_EQ(lseek(fd, -101, SEEK_CUR), 0);
	OK(ftruncate(fd, 5));
	WANT_EQ(lseek(fd, 0, SEEK_CUR), 0);
	WANT_EQ(lseek(fd, 0, SEEK_END), 5);
	OK(ftruncate(fd, 2));
	WANT_EQ(lseek(fd, 0, SEEK_CUR), 5);
	expect_text("f", "X1");
}

CASE(dup_shares_the_offset, 0)
{
	int fd, two, three;
	pid_t pid;

	make_file("f", "0123456789");
	fd = OK(open("f", O_RDWR));
	two = OK(dup(fd));
	three = OK(open("f", O_RDWR));
	WANT_EQ(read(fd, io_buf, 4), 4);
	WANT_EQ(lseek(two, 0, SEEK_CUR), 4);
	WANT_EQ(lseek(three, 0, SEEK_CUR), 0);
	WANT_EQ(lseek(two, 1, SEEK_SET), 1);
	WANT_EQ(lseek(fd, 0, SEEK_CUR), 1);
	OK(fcntl(two, F_SETFL, O_APPEND));
	WANT_EQ(fcntl(fd, F_GETFL) & O_APPEND, O_APPEND);
	WANT_EQ(fcntl(three, F_GETFL) & O_APPEND, 0);
	pid = child_begin();
	if (!pid) {
		WANT_EQ(lseek(fd, 7, SEEK_SET), 7);
		child_end();
	}
	child_reap(pid);
	WANT_EQ(lseek(fd, 0, SEEK_CUR), 7);
	OK(close(fd));
	WANT_EQ(read(two, io_buf, 8), 3);
}

CASE(dup_and_fcntl, 0)
{
	int fd, n;

	make_file("f", "x");
	fd = OK(open("f", O_RDWR | O_CLOEXEC));
	WANT_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	n = OK(dup(fd));
	WANT_EQ(fcntl(n, F_GETFD), 0);
	WANT_EQ(dup2(fd, 50), 50);
	WANT_EQ(fcntl(50, F_GETFD), 0);
	WANT_EQ(dup2(50, 50), 50);
	WANT_EQ(dup3(fd, 51, O_CLOEXEC), 51);
	WANT_EQ(fcntl(51, F_GETFD), FD_CLOEXEC);
	WANT(EINVAL, dup3(fd, fd, 0));
	WANT(EINVAL, dup3(fd, 52, O_APPEND));
	WANT(EBADF, dup2(fd, -1));
	WANT(EBADF, dup2(53, 54));
	WANT_EQ(fcntl(fd, F_DUPFD, 60), 60);
	WANT_EQ(fcntl(fd, F_DUPFD_CLOEXEC, 60), 61);
	WANT(EINVAL, fcntl(fd, F_DUPFD, -1));
	WANT(EINVAL, fcntl(fd, 9999));
	WANT_EQ(fcntl(fd, F_SETFL, O_NONBLOCK | O_RDONLY), 0);
	/* neither the access mode nor creation flags change */
	WANT_EQ(fcntl(fd, F_GETFL) & (O_ACCMODE | O_NONBLOCK),
		O_RDWR | O_NONBLOCK);
	WANT_EQ(write(fd, "y", 1), 1);
	WANT(0, close(fd));
	WANT(EBADF, close(fd));
	expect_text("f", "y");
}

CASE(poll_says_ready, 0)
{
	struct pollfd pfd = { .events = POLLIN | POLLOUT };

	make_file("f", "x");
	pfd.fd = OK(open("f", O_RDWR));
	WANT_EQ(poll(&pfd, 1, 0), 1);
	WANT_EQ(pfd.revents, POLLIN | POLLOUT);
}

CASE(ioctl_of_files, 0)
{
	int fd, n = -1;

	make_file("f", "content");
	fd = OK(open("f", O_RDWR));
	OK(lseek(fd, 3, SEEK_SET));
	WANT(0, ioctl(fd, FIONREAD, &n));
	WANT_EQ(n, 4);
	WANT(ENOTTY, ioctl(fd, TIOCGWINSZ, io_buf));
	WANT_EQ(isatty(fd), 0);
	WANT(0, ioctl(fd, FIOCLEX));
	WANT_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	WANT(0, ioctl(fd, FIONCLEX));
	WANT_EQ(fcntl(fd, F_GETFD), 0);
}

/* ---- sendfile and copy_file_range ---- */

CASE(copy_offsets_and_ends, 0)
{
	off_t from = 2, to = 1;
	int a, b;

	make_file("a", "0123456789");
	make_file("b", "");
	a = OK(open("a", O_RDONLY));
	b = OK(open("b", O_RDWR));
	WANT_EQ(copy_file_range(a, &from, b, &to, 3, 0), 3);
	WANT_EQ(from, 5);
	WANT_EQ(to, 4);
	WANT_EQ(lseek(a, 0, SEEK_CUR), 0);
	WANT_EQ(lseek(b, 0, SEEK_CUR), 0);
	WANT_EQ(copy_file_range(a, NULL, b, NULL, 100, 0), 10);
	WANT_EQ(lseek(a, 0, SEEK_CUR), 10);
	WANT_EQ(lseek(b, 0, SEEK_CUR), 10);
	WANT_EQ(copy_file_range(a, NULL, b, NULL, 100, 0), 0);
	WANT_EQ(copy_file_range(a, &from, b, NULL, 0, 0), 0);
	expect_text("b", "0123456789");
	from = 8;
	WANT_EQ(sendfile(b, a, &from, 100), 2);
	WANT_EQ(from, 10);
	WANT_EQ(sendfile(b, a, &from, 100), 0);
	expect_text("b", "012345678989");
	from = 0;
	to = 5;
	a = OK(open("b", O_RDWR));
	/* within one file the ranges may not overlap */
	WANT(EINVAL, copy_file_range(a, &from, a, &to, 6, 0));
	WANT_EQ(copy_file_range(a, &from, a, &to, 5, 0), 5);
	expect_text("b", "012340123489");
}
