/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Reads and writes in pieces: vectors, flags of preadv2, append at an offset,
 * pieces that meet at pages and chunks; the working directory; exec by
 * descriptor; handles.
 *
 * Notes: a vector of n pieces has to do what one call with the bytes behind
 * each other does.
 */
#include "posix_test.h"

#include <limits.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

static unsigned char room[8 * PAGE];

static int create(const char *name)
{
	return OK(open(name, O_RDWR | O_CREAT | O_EXCL, 0644));
}

/* ---- vectors ---- */

CASE(vector_shapes, 0)
{
	static const struct {
		const char *name;
		int nr;
		size_t len[5];
	} shape[] = {
		{ "one", 1, { 100 } },
		{ "empty ones between", 5, { 0, 10, 0, 20, 0 } },
		{ "all empty", 3, { 0, 0, 0 } },
		{ "bytes", 5, { 1, 1, 1, 1, 1 } },
		{ "pages", 3, { PAGE, PAGE, PAGE } },
		{ "odd", 4, { PAGE - 1, 2, PAGE + 1, 777 } },
	};
	static const off_t at[] = { 0, 1, PAGE - 1, CHUNK - PAGE, CHUNK - 3 };
	struct iovec iov[5];
	size_t i, a, len;
	int fd, n;

	for (i = 0; i < COUNT_OF(shape); i++) {
		for (a = 0; a < COUNT_OF(at); a++) {
			label("%s at %lld", shape[i].name, (long long)at[a]);
			for (n = 0, len = 0; n < shape[i].nr; n++) {
				iov[n].iov_base = room + len;
				iov[n].iov_len = shape[i].len[n];
				len += shape[i].len[n];
			}
			fd = create("f");
			pattern(room, len, at[a], 4);
			WANT_EQ(pwritev(fd, iov, shape[i].nr, at[a]), len);
			WANT_EQ(stat_of("f").st_size,
				len ? at[a] + (off_t)len : 0);
			expect_pattern(fd, at[a], len, 4);
			memset(room, 0, sizeof(room));
			WANT_EQ(preadv(fd, iov, shape[i].nr, at[a]), len);
			WANT_EQ(pwrite(fd, room, len, at[a]), len);
			expect_pattern(fd, at[a], len, 4);
			OK(close(fd));
			OK(unlink("f"));
		}
	}
}

CASE(vector_of_greatest_length, 0)
{
	static struct iovec iov[IOV_MAX + 1];
	int fd = create("f"), i;

	pattern(room, IOV_MAX + 1, 0, 1);
	for (i = 0; i <= IOV_MAX; i++)
		iov[i] = (struct iovec){ room + i, 1 };
	WANT(EINVAL, writev(fd, iov, IOV_MAX + 1));
	WANT_EQ(stat_of("f").st_size, 0);
	WANT_EQ(writev(fd, iov, IOV_MAX), IOV_MAX);
	expect_pattern(fd, 0, IOV_MAX, 1);
	WANT_EQ(lseek(fd, 0, SEEK_SET), 0);
	WANT(EINVAL, readv(fd, iov, IOV_MAX + 1));
	WANT_EQ(readv(fd, iov, IOV_MAX), IOV_MAX);
	WANT_EQ(readv(fd, iov, IOV_MAX), 0);
}

CASE(vector_reads_short_at_the_end, 0)
{
	struct iovec iov[3] = { { room, 10 }, { room + 10, 10 },
				{ room + 20, 10 } };
	int fd = create("f");

	write_pattern(fd, 0, 15, 1);
	memset(room, '#', 30);
	WANT_EQ(preadv(fd, iov, 3, 0), 15);
	WANT_EQ(room[14] != '#', 1);
	WANT_EQ(room[15], '#');
	WANT_EQ(preadv(fd, iov, 3, 10), 5);
	WANT_EQ(preadv(fd, iov, 3, 15), 0);
	WANT_EQ(preadv(fd, iov, 3, 1 << 30), 0);
}

CASE(vector_flags, 0)
{
	struct iovec iov = { room, 3 };
	int fd = create("f");

	memcpy(room, "abc", 3);
	WANT_EQ(pwritev2(fd, &iov, 1, 0, 0), 3);
	WANT_EQ(pwritev2(fd, &iov, 1, -1, 0), 3);	/* as writev */
	WANT_EQ(lseek(fd, 0, SEEK_CUR), 3);
	WANT_EQ(pwritev2(fd, &iov, 1, 0, RWF_APPEND), 3);
	expect_text("f", "abcabc");
	WANT_EQ(pwritev2(fd, &iov, 1, 1, RWF_SYNC), 3);
	WANT_EQ(pwritev2(fd, &iov, 1, 1, RWF_DSYNC), 3);
	expect_text("f", "aabcbc");
	WANT_EQ(preadv2(fd, &iov, 1, 3, 0), 3);
	WANT_EQ(memcmp(room, "cbc", 3), 0);
	WANT(EOPNOTSUPP, preadv2(fd, &iov, 1, 0, 1 << 30));
	WANT(EOPNOTSUPP, pwritev2(fd, &iov, 1, 0, 1 << 30));
}

/* On Linux pwrite(2) appends too if the file is open for it. */
CASE(append_ignores_the_offset, 0)
{
	struct iovec iov[2] = { { room, 2 }, { room + 2, 1 } };
	int fd;

	make_file("f", "abc");
	memcpy(room, "xyz", 3);
	fd = OK(open("f", O_RDWR | O_APPEND));
	WANT_EQ(pwrite(fd, "d", 1, 0), 1);
	WANT_EQ(lseek(fd, 0, SEEK_CUR), 0);
	WANT_EQ(pwritev(fd, iov, 2, 1), 3);
	WANT_EQ(lseek(fd, 0, SEEK_CUR), 0);
	WANT_EQ(writev(fd, iov, 2), 3);
	WANT_EQ(lseek(fd, 0, SEEK_CUR), 10);
	expect_text("f", "abcdxyzxyz");
	WANT_EQ(pread(fd, room, 2, 1), 2);
	WANT_EQ(memcmp(room, "bc", 2), 0);
	WANT(0, ftruncate(fd, 3));
	WANT_EQ(write(fd, "!", 1), 1);
	expect_text("f", "abc!");
}

CASE(posix_fallocate_makes_room, 0)
{
	int fd = create("f");

	WANT_EQ(pwrite(fd, "abc", 3, 0), 3);
	WANT_EQ(posix_fallocate(fd, 0, 3 * PAGE), 0);
	WANT_EQ(stat_of("f").st_size, 3 * PAGE);
	expect_zero(fd, 3, 3 * PAGE - 3);
	WANT_EQ(posix_fallocate(fd, 0, 10), 0);
	WANT_EQ(stat_of("f").st_size, 3 * PAGE);
	WANT_EQ(pread(fd, room, 3, 0), 3);
	WANT_EQ(memcmp(room, "abc", 3), 0);
	WANT_EQ(posix_fallocate(fd, 0, 0), EINVAL);
	WANT_EQ(posix_fallocate(fd, -1, 1), EINVAL);
	WANT_EQ(posix_fallocate(-1, 0, 1), EBADF);
	WANT_EQ(posix_fallocate(OK(open("f", O_RDONLY)), 0, 1), EBADF);
}

/* ---- the working directory ---- */

static void expect_cwd(const char *base, const char *below)
{
	char have[PATH_MAX], want[PATH_MAX + 64];

	CHECK(getcwd(have, sizeof(have)));
	snprintf(want, sizeof(want), "%s%s", base, below);
	if (strcmp(have, want))
		FAIL("getcwd says %s, not %s", have, want);
}

CASE(cwd_follows_its_directory, 0)
{
	char base[PATH_MAX];
	struct stat st;
	int top;

	CHECK(getcwd(base, sizeof(base)));
	top = OK(open(".", O_RDONLY | O_DIRECTORY));
	make_tree("a");
	make_tree("a/b");
	make_tree("c");
	OK(symlink("a/b", "s"));
	OK(chdir("s"));
	expect_cwd(base, "/a/b");
	OK(renameat(top, "a/b", top, "c/x"));
	expect_cwd(base, "/c/x");
	OK(renameat(top, "c", top, "a/c"));
	expect_cwd(base, "/a/c/x");
	OK(stat("../..", &st));
	WANT_EQ(st.st_ino, stat_of("../../../a").st_ino);
	make_file("here", "x");
	WANT(0, faccessat(top, "a/c/x/here", F_OK, 0));
	OK(chdir(".."));
	expect_cwd(base, "/a/c");
	OK(fchdir(top));
	expect_cwd(base, "");
	CHECK(!getcwd(base, 2) && errno == ERANGE);
}

CASE(cwd_errors, 0)
{
	int fd;

	make_file("f", "");
	OK(symlink("f", "s"));
	WANT(ENOTDIR, chdir("f"));
	WANT(ENOTDIR, chdir("s"));
	WANT(ENOENT, chdir("missing"));
	WANT(ENOENT, chdir(""));
	fd = OK(open("f", O_RDONLY));
	WANT(ENOTDIR, fchdir(fd));
	WANT(EBADF, fchdir(-1));
	AS_USER {
		OK(mkdir("mine", 0600));
		WANT(EACCES, chdir("mine"));
		fd = OK(open("mine", O_RDONLY | O_DIRECTORY));
		WANT(EACCES, fchdir(fd));
		OK(chmod("mine", 0100));
		WANT(0, fchdir(fd));
		WANT(0, chdir(".."));
		OK(chmod("mine", 0700));
	}
}

/* ---- exec by descriptor ---- */

static int run_fd(int fd, const char *path, int flags)
{
	char *argv[] = { "true", NULL };
	pid_t pid = child_begin();
	int status;

	if (!pid) {
		syscall(SYS_execveat, fd, path, argv, argv + 1, flags);
		_exit(errno);
	}
	EQ(waitpid(pid, &status, 0), pid);
	return WEXITSTATUS(status);
}

CASE(exec_by_descriptor, 0)
{
	int in = OK(open("/bin/true", O_RDONLY)), out = create("true"), fd, d;
	ssize_t n;

	while ((n = OK(read(in, room, sizeof(room)))))
		EQ(write(out, room, n), n);
	OK(fchmod(out, 0755));
	OK(close(out));
	OK(symlink("true", "s"));
	fd = OK(open("true", O_RDONLY));
	d = OK(open(".", O_PATH | O_DIRECTORY));
	WANT_EQ(run_fd(fd, "", AT_EMPTY_PATH), 0);
	WANT_EQ(run_fd(OK(open("true", O_PATH)), "", AT_EMPTY_PATH), 0);
	WANT_EQ(run_fd(d, "true", 0), 0);
	WANT_EQ(run_fd(d, "s", 0), 0);
	WANT_EQ(run_fd(d, "s", AT_SYMLINK_NOFOLLOW), ELOOP);
	WANT_EQ(run_fd(fd, "", 0), ENOENT);
	WANT_EQ(run_fd(fd, "true", 0), ENOTDIR);
	WANT_EQ(run_fd(-1, "true", 0), EBADF);
	WANT_EQ(run_fd(d, "true", 0x40000), EINVAL);
	OK(unlink("true"));
	WANT_EQ(run_fd(fd, "", AT_EMPTY_PATH), 0);
	OK(fchmod(fd, 0644));
	WANT_EQ(run_fd(fd, "", AT_EMPTY_PATH), EACCES);
}
