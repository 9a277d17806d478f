/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Space of files: fallocate, holes, SEEK_DATA and SEEK_HOLE, copy_file_range.
 *
 * Notes: what a file system may choose is not asserted: whether pages that are
 * allocated and not written are data, whether a copy keeps holes. tmpfs has no
 * FALLOC_FL_ZERO_RANGE, and must say so.
 */
#include "posix_test.h"

#include <linux/falloc.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/vfs.h>

#define HOLE	(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE)
#define ZERO	FALLOC_FL_ZERO_RANGE
#define KEEP	FALLOC_FL_KEEP_SIZE

static int create(const char *name)
{
	return OK(open(name, O_RDWR | O_CREAT | O_EXCL, 0644));
}

static off_t size_of(int fd)
{
	struct stat st;

	OK(fstat(fd, &st));
	return st.st_size;
}

static long long blocks_of(int fd)
{
	struct stat st;

	OK(fstat(fd, &st));
	return st.st_blocks;
}

static int on_tmpfs(void)
{
	struct statfs st;

	OK(statfs(".", &st));
	return st.f_type == TMPFS_MAGIC;
}

/* ---- allocation ---- */

CASE(fallocate_makes_zeros, 0)
{
	int fd = create("f");

	OK(fallocate(fd, 0, 0, 5 * PAGE + 7));
	EQ(size_of(fd), 5 * PAGE + 7);
	expect_zero(fd, 0, 5 * PAGE + 7);
	EQ(blocks_of(fd), 6 * 8);
	write_pattern(fd, 100, 3 * PAGE, 1);
	expect_pattern(fd, 100, 3 * PAGE, 1);
	expect_zero(fd, 0, 100);
	EQ(blocks_of(fd), 6 * 8);
}

CASE(fallocate_keeps_content, 0)
{
	static const off_t at[] = { 0, 1, PAGE - 1, PAGE, 3 * PAGE, 5000 };
	int fd = create("f");

	write_pattern(fd, 0, 2 * PAGE + 100, 3);
	for (size_t i = 0; i < COUNT_OF(at); i++) {
		label("at %lld", (long long)at[i]);
		OK(fallocate(fd, KEEP, at[i], 3 * PAGE));
		EQ(size_of(fd), 2 * PAGE + 100);
		expect_pattern(fd, 0, 2 * PAGE + 100, 3);
	}
	OK(fallocate(fd, 0, 0, 10));
	EQ(size_of(fd), 2 * PAGE + 100);
	OK(fallocate(fd, 0, PAGE, 4 * PAGE));
	EQ(size_of(fd), 5 * PAGE);
	expect_pattern(fd, 0, 2 * PAGE + 100, 3);
	expect_zero(fd, 2 * PAGE + 100, 3 * PAGE - 100);
}

CASE(fallocate_keep_size, 0)
{
	int fd = create("f");
	char c;

	OK(fallocate(fd, KEEP, 0, 100 * PAGE));
	EQ(size_of(fd), 0);
	EQ(blocks_of(fd), 800);
	EQ(pread(fd, &c, 1, 0), 0);
	write_pattern(fd, 0, 3 * PAGE + 1, 1);
	EQ(blocks_of(fd), 800);
	OK(ftruncate(fd, 50 * PAGE));
	expect_pattern(fd, 0, 3 * PAGE + 1, 1);
	expect_zero(fd, 3 * PAGE + 1, 46 * PAGE);
	OK(ftruncate(fd, 2 * PAGE));
	EQ(blocks_of(fd), 16);
	OK(ftruncate(fd, 100 * PAGE));
	expect_zero(fd, 2 * PAGE, 98 * PAGE);
}

CASE(fallocate_then_append, 0)
{
	int fd = create("f"), log;

	OK(fallocate(fd, KEEP, 0, 10 * PAGE));
	log = OK(open("f", O_WRONLY | O_APPEND));
	for (int i = 0; i < 30; i++) {
		char buf[1000];

		pattern(buf, 1000, i * 1000, 9);
		EQ(write(log, buf, 1000), 1000);
	}
	EQ(size_of(fd), 30000);
	expect_pattern(fd, 0, 30000, 9);
	OK(ftruncate(fd, 12 * PAGE));
	expect_zero(fd, 30000, 12 * PAGE - 30000);
}

CASE(fallocate_posix, 0)
{
	int fd = create("f");

	EQ(posix_fallocate(fd, 1000, 3 * PAGE), 0);
	EQ(size_of(fd), 3 * PAGE + 1000);
	expect_zero(fd, 0, 3 * PAGE + 1000);
	EQ(posix_fallocate(fd, 0, 0), EINVAL);
	EQ(posix_fallocate(fd, -1, 10), EINVAL);
}

CASE(fallocate_errors, 0)
{
	int fd = create("f"), ro, dir, pipes[2];

	FAILS(EINVAL, fallocate(fd, 0, 0, 0));
	FAILS(EINVAL, fallocate(fd, 0, 0, -1));
	FAILS(EINVAL, fallocate(fd, 0, -1, 1));
	FAILS2(EOPNOTSUPP, EINVAL, fallocate(fd, FALLOC_FL_PUNCH_HOLE, 0, 1));
	FAILS(EOPNOTSUPP, fallocate(fd, 0x4000, 0, 1));
	FAILS(EFBIG, fallocate(fd, 0, INT64_MAX, 1));
	ro = OK(open("f", O_RDONLY));
	FAILS(EBADF, fallocate(ro, 0, 0, 1));
	FAILS(EBADF, fallocate(ro, HOLE, 0, 1));
	dir = OK(open(".", O_RDONLY | O_DIRECTORY));
	FAILS2(EBADF, EISDIR, fallocate(dir, 0, 0, 1));
	OK(pipe(pipes));
	FAILS(ESPIPE, fallocate(pipes[1], 0, 0, 1));
	EQ(size_of(fd), 0);
	EQ(blocks_of(fd), 0);
	if (opt.max_file) {
		FAILS(EFBIG, fallocate(fd, 0, opt.max_file, 1));
		FAILS(EFBIG, fallocate(fd, HOLE, opt.max_file - 1, 2));
		FAILS(ENOSPC, fallocate(fd, 0, 0, opt.max_file));
		EQ(size_of(fd), 0);
		EQ(blocks_of(fd), 0);
	}
}

/* ---- holes ---- */

CASE(punch_zeros_what_it_says, 0)
{
	static const struct {
		off_t off, len;
	} hole[] = {
		{ 0, PAGE }, { 0, 1 }, { 1, 1 }, { PAGE - 1, 2 }, { 100, 50 },
		{ PAGE, 3 * PAGE }, { 100, 5 * PAGE }, { PAGE + 1, PAGE },
		{ 9 * PAGE + 5, PAGE }, { 5, 20 * PAGE }, { 20 * PAGE, PAGE },
	};
	off_t size = 10 * PAGE + 11;
	char name[16];

	for (size_t i = 0; i < COUNT_OF(hole); i++) {
		off_t end = hole[i].off + hole[i].len;
		int fd;

		label("%lld, %lld", (long long)hole[i].off, (long long)hole[i].len);
		snprintf(name, sizeof(name), "f%zu", i);
		fd = create(name);
		write_pattern(fd, 0, size, 5);
		OK(fallocate(fd, HOLE, hole[i].off, hole[i].len));
		EQ(size_of(fd), size);
		if (end > size)
			end = size;
		if (hole[i].off < size)
			expect_zero(fd, hole[i].off, end - hole[i].off);
		expect_pattern(fd, 0, hole[i].off < size ? hole[i].off : size, 5);
		expect_pattern(fd, end, size - end, 5);
	}
}

CASE(punch_gives_back, 0)
{
	int fd = create("f");

	write_pattern(fd, 0, 100 * PAGE, 2);
	EQ(blocks_of(fd), 800);
	OK(fallocate(fd, HOLE, 10 * PAGE, 50 * PAGE));
	EQ(blocks_of(fd), 400);
	OK(fallocate(fd, HOLE, 5 * PAGE + 1, 2 * PAGE));
	EQ(blocks_of(fd), 392);
	OK(fallocate(fd, HOLE, 0, 1000 * PAGE));
	EQ(blocks_of(fd), 0);
	EQ(size_of(fd), 100 * PAGE);
	expect_zero(fd, 0, 100 * PAGE);
	write_pattern(fd, 50 * PAGE, 2 * PAGE, 4);
	EQ(blocks_of(fd), 16);
	expect_pattern(fd, 50 * PAGE, 2 * PAGE, 4);
}

CASE(punch_what_is_behind, 0)
{
	int fd = create("f");

	write_pattern(fd, 0, PAGE, 2);
	OK(fallocate(fd, KEEP, 0, 20 * PAGE));
	EQ(blocks_of(fd), 160);
	OK(fallocate(fd, HOLE, 10 * PAGE, 10 * PAGE));
	EQ(blocks_of(fd), 80);
	expect_pattern(fd, 0, PAGE, 2);
}

CASE(punch_is_seen_in_mappings, 0)
{
	int fd = create("f");
	char *map;

	write_pattern(fd, 0, 4 * PAGE, 2);
	map = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(map != MAP_FAILED);
	CHECK(map[PAGE] != 0);
	map[2 * PAGE] = 'x';
	OK(fallocate(fd, HOLE, PAGE, PAGE + 1));
	EQ(map[PAGE], 0);
	EQ(map[2 * PAGE], 0);
	CHECK(map[2 * PAGE + 1] != 0);
	map[PAGE + 5] = 'y';
	OK(msync(map, 4 * PAGE, MS_SYNC));
	EQ(pread(fd, map + 3 * PAGE, 1, PAGE + 5), 1);
	EQ(map[3 * PAGE], 'y');
	OK(munmap(map, 4 * PAGE));
}

CASE(zero_range, 0)
{
	int fd = create("f");

	write_pattern(fd, 0, 10 * PAGE, 2);
	if (on_tmpfs()) {
		FAILS(EOPNOTSUPP, fallocate(fd, ZERO, 0, PAGE));
		expect_pattern(fd, 0, 10 * PAGE, 2);
		return;
	}
	OK(fallocate(fd, ZERO | KEEP, 100, 3 * PAGE));
	EQ(size_of(fd), 10 * PAGE);
	expect_pattern(fd, 0, 100, 2);
	expect_zero(fd, 100, 3 * PAGE);
	expect_pattern(fd, 3 * PAGE + 100, 7 * PAGE - 100, 2);
	EQ(blocks_of(fd), 80);
	OK(fallocate(fd, ZERO, 9 * PAGE + 1, 3 * PAGE));
	EQ(size_of(fd), 12 * PAGE + 1);
	EQ(blocks_of(fd), 13 * 8);
	expect_zero(fd, 9 * PAGE + 1, 3 * PAGE);
	OK(fallocate(fd, ZERO | KEEP, 20 * PAGE, PAGE));
	EQ(size_of(fd), 12 * PAGE + 1);
	EQ(blocks_of(fd), 14 * 8);
}

/* ---- data and holes ---- */

CASE(seek_finds_holes, 0)
{
	int fd = create("f");

	write_pattern(fd, 0, 2 * PAGE, 1);
	write_pattern(fd, 10 * PAGE, PAGE, 1);
	write_pattern(fd, 1000 * PAGE + 5, 1, 1);
	EQ(lseek(fd, 0, SEEK_HOLE), 2 * PAGE);
	EQ(lseek(fd, 2 * PAGE, SEEK_DATA), 10 * PAGE);
	EQ(lseek(fd, 5 * PAGE + 1, SEEK_HOLE), 5 * PAGE + 1);
	EQ(lseek(fd, 10 * PAGE + 9, SEEK_DATA), 10 * PAGE + 9);
	EQ(lseek(fd, 10 * PAGE, SEEK_HOLE), 11 * PAGE);
	EQ(lseek(fd, 11 * PAGE, SEEK_DATA), 1000 * PAGE);
	EQ(lseek(fd, 1000 * PAGE, SEEK_HOLE), 1000 * PAGE + 6);
	FAILS(ENXIO, lseek(fd, 1000 * PAGE + 6, SEEK_DATA));
	FAILS(ENXIO, lseek(fd, 1000 * PAGE + 6, SEEK_HOLE));
	FAILS(ENXIO, lseek(fd, -1, SEEK_DATA));
	OK(fallocate(fd, HOLE, 0, 1000 * PAGE));
	EQ(lseek(fd, 0, SEEK_DATA), 1000 * PAGE);
	EQ(lseek(fd, 0, SEEK_HOLE), 0);
	OK(ftruncate(fd, 500 * PAGE));
	FAILS(ENXIO, lseek(fd, 0, SEEK_DATA));
	EQ(lseek(fd, 0, SEEK_HOLE), 0);
}

CASE(seek_in_huge_files, 0)
{
	int fd = create("f");
	off_t far = opt.max_file ? opt.max_file - 4 * PAGE : 4 * TIB;

	OK(ftruncate(fd, far + PAGE));
	FAILS(ENXIO, lseek(fd, 0, SEEK_DATA));
	write_pattern(fd, far, PAGE, 1);
	write_pattern(fd, TIB, 1, 1);
	EQ(lseek(fd, 0, SEEK_DATA), TIB);
	EQ(lseek(fd, TIB + PAGE, SEEK_DATA), far);
	EQ(lseek(fd, far, SEEK_HOLE), far + PAGE);
	OK(fallocate(fd, HOLE, 0, far));
	EQ(lseek(fd, 0, SEEK_DATA), far);
	OK(fallocate(fd, HOLE, 0, far + PAGE));
	FAILS(ENXIO, lseek(fd, 0, SEEK_DATA));
	EQ(blocks_of(fd), 0);
}

/* ---- copies ---- */

static void copy_all(int from, off_t off, int to, off_t to_off, off_t len)
{
	while (len) {
		ssize_t n = OK(copy_file_range(from, &off, to, &to_off,
					       (size_t)len, 0));

		CHECK(n > 0 && n <= len);
		len -= n;
	}
}

CASE(copy_range_offsets, 0)
{
	static const struct {
		off_t off, to, len;
	} copy[] = {
		{ 0, 0, 5 * PAGE }, { 1, 0, 3 * PAGE }, { 0, 1, 3 * PAGE },
		{ 100, 9 * PAGE, 100 }, { PAGE, 20 * PAGE + 7, 2 * PAGE },
		{ 5 * PAGE - 1, PAGE - 1, 1 },
	};
	int from = create("a");
	char name[16], have[PAGE], want[PAGE];

	write_pattern(from, 0, 5 * PAGE, 1);
	for (size_t i = 0; i < COUNT_OF(copy); i++) {
		off_t len = copy[i].len, size;
		int to;

		label("%lld to %lld, %lld", (long long)copy[i].off,
		      (long long)copy[i].to, (long long)len);
		snprintf(name, sizeof(name), "t%zu", i);
		to = create(name);
		write_pattern(to, 0, 10 * PAGE, 2);
		copy_all(from, copy[i].off, to, copy[i].to, len);
		size = copy[i].to + len > 10 * PAGE ? copy[i].to + len : 10 * PAGE;
		EQ(size_of(to), size);
		for (off_t at = 0; at < len; at += PAGE) {
			size_t n = (size_t)(len - at < PAGE ? len - at : PAGE);

			read_all(to, have, n, copy[i].to + at);
			pattern(want, n, copy[i].off + at, 1);
			EQ(memcmp(have, want, n), 0);
		}
		expect_pattern(to, 0, copy[i].to < 10 * PAGE ? copy[i].to :
			       10 * PAGE, 2);
		if (copy[i].to + len < 10 * PAGE)
			expect_pattern(to, copy[i].to + len,
				       10 * PAGE - copy[i].to - len, 2);
		OK(close(to));
	}
}

CASE(copy_range_ends, 0)
{
	int from = create("a"), to = create("b");
	off_t off = 0, at = 10;

	write_pattern(from, 0, 1000, 1);
	EQ(copy_file_range(from, &off, to, &at, 5000, 0), 1000);
	EQ(off, 1000);
	EQ(at, 1010);
	EQ(copy_file_range(from, &off, to, &at, 5000, 0), 0);
	EQ(size_of(to), 1010);
	expect_zero(to, 0, 10);
	off = 5000;
	EQ(copy_file_range(from, &off, to, &at, 1, 0), 0);
	/* through the positions of the files */
	EQ(lseek(from, 500, SEEK_SET), 500);
	EQ(copy_file_range(from, NULL, to, NULL, 200, 0), 200);
	EQ(lseek(from, 0, SEEK_CUR), 700);
	EQ(lseek(to, 0, SEEK_CUR), 200);
}

CASE(copy_range_in_one_file, 0)
{
	int fd = create("f");
	off_t off = 0, to = 100;

	write_pattern(fd, 0, 3 * PAGE, 1);
	FAILS(EINVAL, copy_file_range(fd, &off, fd, &to, 101, 0));
	EQ(copy_file_range(fd, &off, fd, &to, 100, 0), 100);
	off = 0;
	to = 3 * PAGE;
	copy_all(fd, off, fd, to, 3 * PAGE);
	EQ(size_of(fd), 6 * PAGE);
	expect_pattern(fd, 200, 3 * PAGE - 200, 1);
}

CASE(copy_range_errors, 0)
{
	int from = create("a"), to = create("b"), ro, log, dir;
	off_t off = 0;

	write_pattern(from, 0, 100, 1);
	ro = OK(open("b", O_RDONLY));
	FAILS(EBADF, copy_file_range(from, &off, ro, NULL, 10, 0));
	log = OK(open("b", O_WRONLY | O_APPEND));
	FAILS(EBADF, copy_file_range(from, &off, log, NULL, 10, 0));
	FAILS(EBADF, copy_file_range(log, NULL, to, NULL, 10, 0));
	dir = OK(open(".", O_RDONLY | O_DIRECTORY));
	FAILS(EISDIR, copy_file_range(dir, NULL, to, NULL, 10, 0));
	FAILS(EINVAL, copy_file_range(from, &off, to, NULL, 10, 1));
	EQ(size_of(to), 0);
}

CASE(copy_range_of_holes, 0)
{
	int from = create("a"), to = create("b");
	off_t size = 3000 * PAGE;

	OK(ftruncate(from, size));
	write_pattern(from, 10 * PAGE, PAGE, 1);
	write_pattern(from, 2000 * PAGE, 2 * PAGE, 1);
	write_pattern(to, 0, 100 * PAGE, 2);
	copy_all(from, 0, to, 0, size);
	EQ(size_of(to), size);
	expect_zero(to, 0, 10 * PAGE);
	expect_pattern(to, 10 * PAGE, PAGE, 1);
	expect_zero(to, 11 * PAGE, 200 * PAGE);
	expect_pattern(to, 2000 * PAGE, 2 * PAGE, 1);
	if (on_tmpfs())
		return;
	EQ(blocks_of(to), 24);
	EQ(lseek(to, 0, SEEK_DATA), 10 * PAGE);
	EQ(lseek(to, 11 * PAGE, SEEK_DATA), 2000 * PAGE);
}

/* A write goes to one of two copies. */
CASE(copy_range_shares_nothing, 0)
{
	int from = create("a"), to = create("b");

	write_pattern(from, 0, 4 * PAGE, 1);
	copy_all(from, 0, to, 0, 4 * PAGE);
	write_pattern(from, PAGE, PAGE, 2);
	write_pattern(to, 2 * PAGE, PAGE, 3);
	expect_pattern(to, 0, 2 * PAGE, 1);
	expect_pattern(from, 2 * PAGE, 2 * PAGE, 1);
	expect_pattern(from, PAGE, PAGE, 2);
	expect_pattern(to, 2 * PAGE, PAGE, 3);
}

/* ---- set-id bits ---- */

CASE(space_takes_set_id_bits, NEEDS_ROOT)
{
	int fd = create("f"), from = create("a");

	write_pattern(from, 0, 100, 1);
	OK(fchmod(from, 0666));
	OK(fchmod(fd, 06777));
	OK(fallocate(fd, 0, 0, PAGE));
	EQ(stat_of("f").st_mode & 07777, 06777);	/* root may keep them */
	be(USER_A, GROUP_A);
	OK(fallocate(fd, 0, 0, 2 * PAGE));
	be(0, 0);
	EQ(stat_of("f").st_mode & 07777, 0777);
	OK(fchmod(fd, 06777));
	be(USER_A, GROUP_A);
	copy_all(from, 0, fd, 0, 100);
	be(0, 0);
	EQ(stat_of("f").st_mode & 07777, 0777);
}
