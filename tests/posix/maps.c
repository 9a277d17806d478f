/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * mmap: what may be mapped how, what a mapping shows, and where it faults.
 *
 * Notes: a fault is taken in a child, whose end by a signal is the result.
 */
#include "posix_test.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

static int create(const char *name, off_t len)
{
	int fd = OK(open(name, O_RDWR | O_CREAT | O_EXCL, 0644));

	write_pattern(fd, 0, len, 1);
	return fd;
}

/* 0, or -1 with errno; the mapping is not kept. */
static int map_error(int fd, int prot, int flags, size_t len, off_t off)
{
	void *at = mmap(NULL, len, prot, flags, fd, off);

	return at == MAP_FAILED ? -1 : munmap(at, len);
}

static unsigned char *map(int fd, int prot, int flags, size_t len, off_t off)
{
	void *at = mmap(NULL, len, prot, flags, fd, off);

	if (at == MAP_FAILED)
		FAIL("mmap: %s", strerror(errno));
	return at;
}

/* The signal that touching it ends in, or 0. */
static int touch(volatile unsigned char *at, int write)
{
	pid_t pid = child_begin();
	int status;

	if (!pid) {
		if (write)
			*at = 'W';
		_exit(*at & 0);
	}
	EQ(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

#define RW	(PROT_READ | PROT_WRITE)

CASE(map_rights, 0)
{
	static const struct {
		const char *name;
		int prot, flags, rdonly, wronly, rdwr;
	} rows[] = {
		{ "shared read", PROT_READ, MAP_SHARED, 0, EACCES, 0 },
		{ "shared write", RW, MAP_SHARED, EACCES, EACCES, 0 },
		{ "shared write only", PROT_WRITE, MAP_SHARED, EACCES, EACCES,
		  0 },
		{ "shared none", PROT_NONE, MAP_SHARED, 0, EACCES, 0 },
		{ "private read", PROT_READ, MAP_PRIVATE, 0, EACCES, 0 },
		{ "private write", RW, MAP_PRIVATE, 0, EACCES, 0 },
		{ "private write only", PROT_WRITE, MAP_PRIVATE, 0, EACCES, 0 },
		{ "private none", PROT_NONE, MAP_PRIVATE, 0, EACCES, 0 },
		{ "validated shared read", PROT_READ, MAP_SHARED_VALIDATE, 0,
		  EACCES, 0 },
	};
	int rdwr = create("f", PAGE), rdonly, wronly;
	size_t i;

	rdonly = OK(open("f", O_RDONLY));
	wronly = OK(open("f", O_WRONLY));
	for (i = 0; i < COUNT_OF(rows); i++) {
		label("%s", rows[i].name);
		WANT(rows[i].rdonly, map_error(rdonly, rows[i].prot,
					       rows[i].flags, PAGE, 0));
		WANT(rows[i].wronly, map_error(wronly, rows[i].prot,
					       rows[i].flags, PAGE, 0));
		WANT(rows[i].rdwr, map_error(rdwr, rows[i].prot,
					     rows[i].flags, PAGE, 0));
	}
}

CASE(map_arguments, 0)
{
	int fd = create("f", 2 * PAGE), dir, fifo, path;

	OK(mkfifo("p", 0600));
	dir = OK(open(".", O_RDONLY));
	fifo = OK(open("p", O_RDWR));
	path = OK(open("f", O_PATH));
	WANT(EINVAL, map_error(fd, PROT_READ, MAP_SHARED, 0, 0));
	WANT(EINVAL, map_error(fd, PROT_READ, MAP_SHARED, PAGE, 1));
	WANT(EINVAL, map_error(fd, PROT_READ, 0, PAGE, 0));
	WANT(EBADF, map_error(-1, PROT_READ, MAP_SHARED, PAGE, 0));
	WANT(EBADF, map_error(path, PROT_READ, MAP_SHARED, PAGE, 0));
	WANT(ENODEV, map_error(dir, PROT_READ, MAP_SHARED, PAGE, 0));
	WANT(ENODEV, map_error(fifo, PROT_READ, MAP_SHARED, PAGE, 0));
	WANT2(ENOMEM, EOVERFLOW,
	      map_error(fd, PROT_READ, MAP_SHARED, SIZE_MAX - PAGE, 0));
	WANT2(EOVERFLOW, EINVAL,
	      map_error(fd, PROT_READ, MAP_SHARED, 2 * PAGE,
			(off_t)(INT64_MAX & ~(PAGE - 1))));
	WANT(0, map_error(fd, PROT_READ, MAP_SHARED, 1, PAGE));
	WANT(0, map_error(fd, PROT_READ, MAP_SHARED, 100 * PAGE, 0));
	WANT(0, map_error(fd, PROT_READ, MAP_SHARED, PAGE, 100 * PAGE));
}

CASE(map_protection_changes, 0)
{
	int fd = create("f", PAGE), rd;
	unsigned char *at;

	rd = OK(open("f", O_RDONLY));
	at = map(rd, PROT_READ, MAP_SHARED, PAGE, 0);
	WANT(EACCES, mprotect(at, PAGE, RW));
	WANT_EQ(touch(at, 0), 0);
	WANT_EQ(touch(at, 1), SIGSEGV);
	at = map(fd, PROT_READ, MAP_SHARED, PAGE, 0);
	WANT(0, mprotect(at, PAGE, RW));
	WANT_EQ(touch(at, 1), 0);
	WANT_EQ(at[0], 'W');
	WANT(0, mprotect(at, PAGE, PROT_NONE));
	WANT_EQ(touch(at, 0), SIGSEGV);
	at = map(rd, PROT_READ, MAP_PRIVATE, PAGE, 0);
	WANT(0, mprotect(at, PAGE, RW));
	at[1] = 'p';
	EQ(pread(fd, at + 2, 1, 1), 1);
	CHECK(at[2] != 'p');
}

CASE(map_faults_beyond_the_end, 0)
{
	int fd = create("f", PAGE + 10), empty;
	unsigned char *at = map(fd, RW, MAP_SHARED, 4 * PAGE, 0);
	unsigned char *pr = map(fd, RW, MAP_PRIVATE, 4 * PAGE, 0);

	WANT_EQ(touch(at + PAGE + 9, 0), 0);
	WANT_EQ(touch(at + 2 * PAGE - 1, 0), 0);
	WANT_EQ(touch(at + 2 * PAGE, 0), SIGBUS);
	WANT_EQ(touch(at + 2 * PAGE, 1), SIGBUS);
	WANT_EQ(touch(at + 4 * PAGE - 1, 0), SIGBUS);
	WANT_EQ(touch(pr + 2 * PAGE, 0), SIGBUS);
	WANT_EQ(touch(pr + 2 * PAGE, 1), SIGBUS);
	OK(ftruncate(fd, 3 * PAGE));
	WANT_EQ(touch(at + 2 * PAGE, 0), 0);
	WANT_EQ(at[2 * PAGE], 0);
	WANT_EQ(touch(at + 3 * PAGE, 0), SIGBUS);
	OK(ftruncate(fd, 1));
	WANT_EQ(touch(at, 0), 0);
	WANT_EQ(touch(at + PAGE, 0), SIGBUS);
	WANT_EQ(touch(at + 2 * PAGE, 0), SIGBUS);
	empty = create("empty", 0);
	at = map(empty, RW, MAP_SHARED, PAGE, 0);
	WANT_EQ(touch(at, 0), SIGBUS);
	WANT_EQ(touch(at, 1), SIGBUS);
	WANT_EQ(write(empty, "x", 1), 1);
	WANT_EQ(at[0], 'x');
}

/*
 * Behind the end in the last page there are zeros. A store there does not make
 * the file longer; whether it shows if it grows later is nobody's promise.
 */
CASE(map_tail_of_last_page, 0)
{
	int fd = create("f", 100);
	unsigned char *at = map(fd, RW, MAP_SHARED, PAGE, 0);

	CHECK(at[99]);
	WANT_EQ(at[100], 0);
	WANT_EQ(at[PAGE - 1], 0);
	at[200] = 'L';
	OK(msync(at, PAGE, MS_SYNC));
	WANT_EQ(stat_of("f").st_size, 100);
	OK(munmap(at, PAGE));
	WANT_EQ(stat_of("f").st_size, 100);
	expect_pattern(fd, 0, 100, 1);
}

CASE(map_and_calls_agree, 0)
{
	int fd = create("f", 3 * PAGE);
	unsigned char *at = map(fd, RW, MAP_SHARED, 3 * PAGE, 0);
	unsigned char *two = map(fd, PROT_READ, MAP_SHARED, 3 * PAGE, 0);
	unsigned char c;

	at[5] = 'a';
	WANT_EQ(two[5], 'a');
	WANT_EQ(pread(fd, &c, 1, 5), 1);
	WANT_EQ(c, 'a');
	WANT_EQ(pwrite(fd, "b", 1, 6), 1);
	WANT_EQ(at[6], 'b');
	WANT_EQ(two[6], 'b');
	at[PAGE] = 'c';
	OK(msync(at, 3 * PAGE, MS_ASYNC));
	WANT_EQ(pread(fd, &c, 1, PAGE), 1);
	WANT_EQ(c, 'c');
	OK(fsync(fd));
	OK(close(fd));
	at[7] = 'd';
	fd = OK(open("f", O_RDONLY));
	WANT_EQ(pread(fd, &c, 1, 7), 1);
	WANT_EQ(c, 'd');
	OK(rename("f", "g"));
	at[8] = 'e';
	WANT_EQ(pread(fd, &c, 1, 8), 1);
	WANT_EQ(c, 'e');
	OK(unlink("g"));
	at[9] = 'f';
	WANT_EQ(two[9], 'f');
	WANT_EQ(pread(fd, &c, 1, 9), 1);
	WANT_EQ(c, 'f');
}

CASE(map_private_is_private, 0)
{
	int fd = create("f", 2 * PAGE);
	unsigned char *at = map(fd, RW, MAP_PRIVATE, 2 * PAGE, 0);
	unsigned char *two = map(fd, PROT_READ, MAP_SHARED, 2 * PAGE, 0);
	unsigned char before = two[0], c;

	at[0] = ~before;
	WANT_EQ(two[0], before);
	WANT_EQ(pread(fd, &c, 1, 0), 1);
	WANT_EQ(c, before);
	WANT_EQ(pwrite(fd, "Z", 1, 0), 1);
	WANT_EQ(at[0], (unsigned char)~before);
	OK(ftruncate(fd, 0));
	OK(ftruncate(fd, 2 * PAGE));
	/* pages behind the end went, copied ones too */
	WANT_EQ(two[0], 0);
	WANT_EQ(pread(fd, &c, 1, 0), 1);
	WANT_EQ(c, 0);
}

/* A mapping as the buffer of calls, of its own file too. */
CASE(map_as_buffer, 0)
{
	int fd = create("f", 4 * PAGE), g = create("g", PAGE);
	unsigned char *at = map(fd, RW, MAP_SHARED, 4 * PAGE, 0);
	unsigned char *gm = map(g, RW, MAP_SHARED, PAGE, 0);

	WANT_EQ(pread(g, at, PAGE, 0), PAGE);
	WANT_EQ(memcmp(at, gm, PAGE), 0);
	WANT_EQ(pwrite(g, at + PAGE, PAGE, 0), PAGE);
	WANT_EQ(memcmp(at + PAGE, gm, PAGE), 0);
	WANT_EQ(pwrite(fd, at, PAGE, 3 * PAGE), PAGE);
	WANT_EQ(memcmp(at, at + 3 * PAGE, PAGE), 0);
	WANT_EQ(pread(fd, at + PAGE, PAGE, 3 * PAGE), PAGE);
	WANT_EQ(memcmp(at + PAGE, at + 3 * PAGE, PAGE), 0);
}

/* Stores into a hole, at the seams of pages and chunks, and far behind. */
CASE(map_holes_and_seams, 0)
{
	static const off_t at[] = { 0, PAGE - 1, PAGE, CHUNK - 1, CHUNK,
		2 * CHUNK - PAGE, 3 * CHUNK - 1 };
	int fd = create("f", 0);
	unsigned char *m;
	size_t i;

	OK(ftruncate(fd, 3 * CHUNK));
	m = map(fd, RW, MAP_SHARED, 3 * CHUNK, 0);
	for (i = 0; i < COUNT_OF(at); i++) {
		label("at %lld", (long long)at[i]);
		WANT_EQ(m[at[i]], 0);
		pattern(m + at[i], 1, at[i], 1);
	}
	OK(msync(m, 3 * CHUNK, MS_SYNC));
	for (i = 0; i < COUNT_OF(at); i++) {
		label("at %lld", (long long)at[i]);
		expect_pattern(fd, at[i], 1, 1);
		if (i + 1 < COUNT_OF(at))
			expect_zero(fd, at[i] + 1, at[i + 1] - at[i] - 1);
	}
	label(NULL);
	WANT_EQ(stat_of("f").st_blocks < 3 * CHUNK / 512, 1);
}

CASE(map_far_behind, 0)
{
	off_t far = 3 * (TIB / 1024) + CHUNK;
	int fd = create("f", 10);
	unsigned char *m;

	OK(ftruncate(fd, far + 2 * PAGE));
	m = map(fd, RW, MAP_SHARED, 2 * PAGE, far);
	WANT_EQ(m[0], 0);
	m[0] = 'a';
	m[2 * PAGE - 1] = 'z';
	OK(msync(m, 2 * PAGE, MS_SYNC));
	OK(munmap(m, 2 * PAGE));
	expect_zero(fd, far - PAGE, PAGE);
	expect_zero(fd, far + 1, 2 * PAGE - 2);
	m = map(fd, PROT_READ, MAP_SHARED, PAGE, far + PAGE);
	WANT_EQ(m[PAGE - 1], 'z');
	expect_pattern(fd, 0, 10, 1);
}

/* A file that is replaced by rename stays what is mapped. */
CASE(map_of_a_replaced_file, 0)
{
	int fd = create("f", PAGE), g = create("g", 0);
	unsigned char *m = map(fd, RW, MAP_SHARED, PAGE, 0), before = m[0], c;

	EQ(write(g, "new", 3), 3);
	OK(rename("g", "f"));
	WANT_EQ(m[0], before);
	m[1] = 'm';
	WANT_EQ(pread(fd, &c, 1, 1), 1);
	WANT_EQ(c, 'm');
	OK(close(fd));
	m[2] = 'n';
	WANT_EQ(m[2], 'n');
	WANT_EQ(m[0], before);
	expect_text("f", "new");
	OK(munmap(m, PAGE));
	expect_text("f", "new");
}

CASE(map_msync_arguments, 0)
{
	int fd = create("f", 2 * PAGE);
	unsigned char *at = map(fd, RW, MAP_SHARED, 2 * PAGE, 0);

	WANT(0, msync(at, 2 * PAGE, MS_SYNC));
	WANT(0, msync(at, 2 * PAGE, MS_ASYNC));
	WANT(0, msync(at, 2 * PAGE, MS_SYNC | MS_INVALIDATE));
	WANT(0, msync(at, 0, MS_SYNC));
	WANT(EINVAL, msync(at + 1, PAGE, MS_SYNC));
	WANT(EINVAL, msync(at, PAGE, MS_SYNC | MS_ASYNC));
	WANT(EINVAL, msync(at, PAGE, 0x100));
	OK(munmap(at, 2 * PAGE));
	WANT(ENOMEM, msync(at, 2 * PAGE, MS_SYNC));
	WANT(EINVAL, munmap(at + 1, PAGE));
}

/* A shared mapping outlives the right to open the file so again. */
CASE(map_after_chmod, 0)
{
	AS_USER {
		int fd = create("f", PAGE), again;
		unsigned char *at = map(fd, RW, MAP_SHARED, PAGE, 0), c;

		OK(chmod("f", 0400));
		OK(close(fd));
		at[0] = 'q';
		WANT(EACCES, open("f", O_RDWR));
		again = OK(open("f", O_RDONLY));
		WANT_EQ(pread(again, &c, 1, 0), 1);
		WANT_EQ(c, 'q');
	}
}

/* Stores are seen in the time stamps, at msync at the latest. */
CASE(map_moves_times, 0)
{
	int fd = create("f", PAGE);
	unsigned char *at = map(fd, RW, MAP_SHARED, PAGE, 0);
	struct stat before, after;

	before = stat_of("f");
	later();
	at[0] = 'z';
	OK(msync(at, PAGE, MS_SYNC));
	OK(munmap(at, PAGE));
	OK(close(fd));
	after = stat_of("f");
	CHECK(after.st_mtim.tv_sec > before.st_mtim.tv_sec ||
	      after.st_mtim.tv_nsec > before.st_mtim.tv_nsec);
	WANT_EQ(after.st_size, PAGE);
}
