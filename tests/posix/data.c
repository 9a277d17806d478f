/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Content of files: read, write, append, truncate, holes, large, mmap.
 *
 * Notes: written bytes are never zero, so that a hole or a lost page shows.
 * Offsets are chosen around 4 KiB and 2 MiB, where pages and chunks meet.
 */
#include "posix_test.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <sys/wait.h>

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

/* ---- read and write ---- */

CASE(write_then_read, 0)
{
	int fd = create("f");
	char buf[16];

	EQ(write(fd, "hello", 5), 5);
	EQ(lseek(fd, 0, SEEK_CUR), 5);
	EQ(read(fd, buf, 16), 0);
	EQ(lseek(fd, 1, SEEK_SET), 1);
	EQ(read(fd, buf, 16), 4);
	EQ(memcmp(buf, "ello", 4), 0);
	EQ(size_of(fd), 5);
}

CASE(write_nothing, 0)
{
	int fd = create("f");
	char c;

	EQ(write(fd, "", 0), 0);
	EQ(pwrite(fd, "", 0, 10000), 0);
	EQ(size_of(fd), 0);
	EQ(read(fd, &c, 0), 0);
	EQ(pread(fd, &c, 1, 1000), 0);
}

CASE(write_odd_offsets, 0)
{
	static const off_t at[] = { 0, 1, PAGE - 1, PAGE, PAGE + 1,
		CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK - 7 };
	static const off_t len[] = { 1, 2, 511, PAGE, PAGE + 3, 70000 };
	size_t i, k;
	int fd;

	for (i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		for (k = 0; k < sizeof(len) / sizeof(len[0]); k++) {
			fd = create("f");
			write_pattern(fd, at[i], len[k], 3);
			EQ(size_of(fd), at[i] + len[k]);
			expect_zero(fd, 0, at[i]);
			expect_pattern(fd, at[i], len[k], 3);
			OK(close(fd));
			OK(unlink("f"));
		}
	}
}

CASE(write_over_chunk_boundary, 0)
{
	int fd = create("f");

	write_pattern(fd, 0, 3 * CHUNK, 1);
	write_pattern(fd, CHUNK - 5, 10, 2);
	write_pattern(fd, 2 * CHUNK - PAGE - 1, 2 * PAGE + 2, 2);
	expect_pattern(fd, 0, CHUNK - 5, 1);
	expect_pattern(fd, CHUNK - 5, 10, 2);
	expect_pattern(fd, CHUNK + 5, CHUNK - PAGE - 6, 1);
	expect_pattern(fd, 2 * CHUNK - PAGE - 1, 2 * PAGE + 2, 2);
	expect_pattern(fd, 2 * CHUNK + PAGE + 1, CHUNK - PAGE - 1, 1);
	EQ(size_of(fd), 3 * CHUNK);
}

CASE(write_large_file, 0)
{
	off_t len = 24 * MIB + 12345;
	int fd = create("f");

	write_pattern(fd, 0, len, 9);
	OK(close(fd));
	fd = OK(open("f", O_RDONLY));
	EQ(size_of(fd), len);
	expect_pattern(fd, 0, len, 9);
}

CASE(write_backwards, 0)
{
	int fd = create("f"), i;

	for (i = 199; i >= 0; i--)
		write_pattern(fd, i * 5000ll, 5000, 6);
	EQ(size_of(fd), 200 * 5000);
	expect_pattern(fd, 0, 200 * 5000, 6);
}

CASE(write_seen_by_other_descriptors, 0)
{
	int a = create("f"), b = OK(open("f", O_RDWR)), i;
	char c;

	for (i = 0; i < 300; i++) {
		c = i;
		EQ(pwrite(i % 2 ? a : b, &c, 1, i), 1);
		c = ~c;
		EQ(pread(i % 2 ? b : a, &c, 1, i), 1);
		EQ((unsigned char)c, i & 255);
		EQ(size_of(i % 2 ? b : a), i + 1);
	}
}

CASE(read_short_at_end, 0)
{
	static char buf[3 * PAGE];
	int fd = create("f");

	write_pattern(fd, 0, PAGE + 10, 1);
	EQ(pread(fd, buf, sizeof(buf), 0), PAGE + 10);
	EQ(pread(fd, buf, sizeof(buf), PAGE), 10);
	EQ(pread(fd, buf, sizeof(buf), PAGE + 9), 1);
	EQ(pread(fd, buf, sizeof(buf), PAGE + 10), 0);
	EQ(pread(fd, buf, sizeof(buf), 100 * PAGE), 0);
}

CASE(read_write_vectors, 0)
{
	char a[3], b[5000], c[2];
	struct iovec iov[3] = { { a, 3 }, { b, 5000 }, { c, 2 } };
	int fd = create("f");

	pattern(a, 3, 0, 1);
	pattern(b, 5000, 3, 1);
	pattern(c, 2, 5003, 1);
	EQ(writev(fd, iov, 3), 5005);
	expect_pattern(fd, 0, 5005, 1);
	memset(b, 0, sizeof(b));
	EQ(preadv(fd, iov, 3, 1), 5004);
	EQ(pwritev(fd, iov, 3, 7777), 5005);
	EQ(size_of(fd), 7777 + 5005);
	expect_zero(fd, 5005, 7777 - 5005);
	expect_pattern(fd, 0, 5005, 1);
}

CASE(seek_whence, 0)
{
	int fd = create("f");

	write_pattern(fd, 0, 100, 1);
	EQ(lseek(fd, -10, SEEK_END), 90);
	EQ(lseek(fd, 5, SEEK_CUR), 95);
	EQ(lseek(fd, 1000, SEEK_END), 1100);
	EQ(size_of(fd), 100);
	FAILS(EINVAL, lseek(fd, -1, SEEK_SET));
	FAILS(EINVAL, lseek(fd, -101, SEEK_END));
	FAILS(EINVAL, lseek(fd, 0, 77));
	FAILS(EINVAL, pread(fd, &fd, 1, -1));
}

CASE(seek_data_and_hole, 0)
{
	int fd = create("f");
	off_t hole;

	write_pattern(fd, 0, 10 * PAGE, 1);
	EQ(lseek(fd, 0, SEEK_DATA), 0);
	EQ(lseek(fd, PAGE + 5, SEEK_DATA), PAGE + 5);
	EQ(lseek(fd, 0, SEEK_HOLE), 10 * PAGE);
	FAILS(ENXIO, lseek(fd, 10 * PAGE, SEEK_DATA));
	FAILS(ENXIO, lseek(fd, 10 * PAGE, SEEK_HOLE));
	OK(ftruncate(fd, 100 * PAGE));
	/* a file system may report no holes but the one at the end */
	hole = OK(lseek(fd, 0, SEEK_HOLE));
	CHECK(hole >= 10 * PAGE && hole <= 100 * PAGE);
	EQ(lseek(fd, 9 * PAGE, SEEK_DATA), 9 * PAGE);
}

CASE(copy_within_the_system, 0)
{
	int from = create("a"), to = create("b"), to2 = create("c");
	off_t done, off;
	ssize_t n;

	write_pattern(from, 0, 3 * MIB + 11, 5);
	for (off = 0, done = 0; done < 3 * MIB + 11; done += n) {
		n = OK(sendfile(to, from, &off, 3 * MIB + 11 - done));
		CHECK(n > 0);
	}
	expect_pattern(to, 0, 3 * MIB + 11, 5);
	for (off = 0; off < 3 * MIB + 11;) {
		n = OK(copy_file_range(from, &off, to2, NULL, 10 * MIB, 0));
		CHECK(n > 0);
	}
	EQ(size_of(to2), 3 * MIB + 11);
	expect_pattern(to2, 0, 3 * MIB + 11, 5);
}

CASE(fsync_all_kinds, 0)
{
	int fd = create("f");

	write_pattern(fd, 0, 10000, 1);
	OK(fsync(fd));
	OK(fdatasync(fd));
	OK(fsync(OK(open(".", O_RDONLY | O_DIRECTORY))));
	expect_pattern(fd, 0, 10000, 1);
	fd = OK(open("s", O_RDWR | O_CREAT | O_SYNC, 0600));
	write_pattern(fd, 0, 10000, 1);
	expect_pattern(fd, 0, 10000, 1);
}

/* ---- append ---- */

CASE(append_basics, 0)
{
	int fd;

	make_file("f", "abc");
	fd = OK(open("f", O_RDWR | O_APPEND));
	EQ(write(fd, "d", 1), 1);
	EQ(lseek(fd, 0, SEEK_SET), 0);
	EQ(write(fd, "e", 1), 1);
	EQ(lseek(fd, 0, SEEK_CUR), 5);
	expect_text("f", "abcde");
	OK(truncate("f", 2));
	EQ(write(fd, "Z", 1), 1);
	expect_text("f", "abZ");
}

CASE(append_through_dup, 0)
{
	int fd = OK(open("f", O_WRONLY | O_CREAT | O_APPEND, 0600));
	int two = OK(dup(fd)), three;

	three = OK(open("f", O_WRONLY | O_APPEND));
	EQ(write(fd, "1", 1), 1);
	EQ(write(two, "2", 1), 1);
	EQ(write(three, "3", 1), 1);
	EQ(write(fd, "4", 1), 1);
	EQ(lseek(two, 0, SEEK_CUR), 4);
	expect_text("f", "1234");
}

CASE(append_set_by_fcntl, 0)
{
	int fd;

	make_file("f", "abc");
	fd = OK(open("f", O_WRONLY));
	OK(fcntl(fd, F_SETFL, O_APPEND));
	EQ(write(fd, "d", 1), 1);
	OK(fcntl(fd, F_SETFL, 0));
	EQ(lseek(fd, 0, SEEK_SET), 0);
	EQ(write(fd, "X", 1), 1);
	expect_text("f", "Xbcd");
}

CASE(append_odd_sizes, 0)
{
	static char buf[9000];
	int fd = OK(open("f", O_RDWR | O_CREAT | O_APPEND, 0600)), i;
	off_t end = 0;

	for (i = 1; i < 600; i++) {
		pattern(buf, i * 15, end, 2);
		EQ(write(fd, buf, i * 15), i * 15);
		end += i * 15;
		EQ(size_of(fd), end);
	}
	expect_pattern(fd, 0, end, 2);
}

/* ---- truncate ---- */

CASE(truncate_down_and_up, 0)
{
	int fd = create("f");

	write_pattern(fd, 0, 20000, 1);
	OK(ftruncate(fd, 5000));
	EQ(size_of(fd), 5000);
	expect_pattern(fd, 0, 5000, 1);
	OK(truncate("f", 30000));
	EQ(size_of(fd), 30000);
	expect_pattern(fd, 0, 5000, 1);
	expect_zero(fd, 5000, 25000);
	OK(ftruncate(fd, 0));
	OK(ftruncate(fd, 20000));
	expect_zero(fd, 0, 20000);
}

/* Shrink to "to", grow by grow(), and what was cut off is zero. */
static void shrink_and_grow(off_t to, int by_write)
{
	off_t len = CHUNK + 3 * PAGE;
	int fd = create("f");

	write_pattern(fd, 0, len, 1);
	OK(ftruncate(fd, to));
	if (by_write)
		write_pattern(fd, len, 10, 1);
	else
		OK(ftruncate(fd, len + 10));
	EQ(size_of(fd), len + 10);
	expect_pattern(fd, 0, to, 1);
	expect_zero(fd, to, len - to);
	OK(close(fd));
	OK(unlink("f"));
}

CASE(truncate_tail_is_zero, 0)
{
	static const off_t to[] = { 0, 1, 100, PAGE - 1, PAGE, PAGE + 1,
		CHUNK - 1, CHUNK, CHUNK + 1, CHUNK + PAGE + 77 };
	size_t i;

	for (i = 0; i < sizeof(to) / sizeof(to[0]); i++) {
		shrink_and_grow(to[i], 0);
		shrink_and_grow(to[i], 1);
	}
}

CASE(truncate_often, 0)
{
	int fd = create("f"), i;

	for (i = 0; i < 200; i++) {
		write_pattern(fd, i * 37, 9000, i);
		OK(ftruncate(fd, i * 37 + 1));
		expect_pattern(fd, i * 37, 1, i);
		OK(ftruncate(fd, i * 37 + 9000));
		expect_zero(fd, i * 37 + 1, 8999);
	}
}

CASE(truncate_errors, 0)
{
	make_file("f", "abc");
	make_tree("d");
	FAILS(ENOENT, truncate("missing", 0));
	FAILS(EISDIR, truncate("d", 0));
	FAILS(ENOTDIR, truncate("f/x", 0));
	FAILS(EINVAL, truncate("f", -1));
	expect_text("f", "abc");
	AS_USER
		FAILS(ENOENT, truncate("missing", 0));
}

CASE(truncate_under_a_reader, 0)
{
	int fd = create("f"), rd = OK(open("f", O_RDONLY));
	char c;

	write_pattern(fd, 0, 3 * PAGE, 1);
	expect_pattern(rd, 0, 3 * PAGE, 1);
	OK(ftruncate(fd, PAGE));
	EQ(pread(rd, &c, 1, PAGE), 0);
	EQ(pread(rd, &c, 1, PAGE - 1), 1);
	OK(ftruncate(fd, 2 * PAGE));
	expect_zero(rd, PAGE, PAGE);
}

/* ---- sparse and large ---- */

CASE(sparse_reads_zero, 0)
{
	int fd = create("f");
	struct stat st;

	write_pattern(fd, 100 * MIB, 10, 1);
	write_pattern(fd, 50 * MIB + 3, 10, 1);
	EQ(size_of(fd), 100 * MIB + 10);
	expect_zero(fd, 0, 1 * MIB);
	expect_zero(fd, 50 * MIB - PAGE, PAGE + 3);
	expect_pattern(fd, 50 * MIB + 3, 10, 1);
	expect_zero(fd, 50 * MIB + 13, 3 * CHUNK);
	expect_pattern(fd, 100 * MIB, 10, 1);
	OK(fstat(fd, &st));
	CHECK(st.st_blocks > 0 && st.st_blocks < 20 * MIB / 512);
}

CASE(sparse_filled_later, 0)
{
	int fd = create("f"), i;

	OK(ftruncate(fd, 64 * PAGE));
	for (i = 0; i < 64; i += 2)
		write_pattern(fd, i * PAGE + 100, 50, i);
	for (i = 0; i < 64; i++) {
		expect_zero(fd, i * PAGE, 100);
		if (i % 2)
			expect_zero(fd, i * PAGE + 100, 50);
		else
			expect_pattern(fd, i * PAGE + 100, 50, i);
		expect_zero(fd, i * PAGE + 150, PAGE - 150);
	}
}

CASE(large_offsets, 0)
{
	static const off_t at[] = { 4ll << 30, (4ll << 30) - 1, 1ll << 40,
		(1ll << 43) + 12345, 16 * TIB - 2 };
	int fd = create("f");
	size_t i;

	for (i = 0; i < sizeof(at) / sizeof(at[0]); i++)
		write_pattern(fd, at[i], 1, i);
	EQ(size_of(fd), 16 * TIB - 1);
	for (i = 0; i < sizeof(at) / sizeof(at[0]); i++)
		expect_pattern(fd, at[i], 1, i);
	expect_zero(fd, 1ll << 42, 10000);
	expect_zero(fd, 0, 10000);
	OK(ftruncate(fd, 1ll << 35));
	expect_pattern(fd, 4ll << 30, 1, 0);
	OK(ftruncate(fd, 16 * TIB - 1));
	expect_zero(fd, 16 * TIB - 2, 1);
}

CASE(large_truncate_up, 0)
{
	int fd = create("f");

	write_pattern(fd, 0, 10, 1);
	OK(ftruncate(fd, 16 * TIB - 1));
	EQ(size_of(fd), 16 * TIB - 1);
	expect_pattern(fd, 0, 10, 1);
	expect_zero(fd, 10, 10000);
	expect_zero(fd, 16 * TIB - 1 - 10000, 10000);
}

/* With the limit known its last byte can be written, the next cannot. */
CASE(too_big, 0)
{
	off_t max = opt.max_file ? opt.max_file : INT64_MAX;
	int fd = create("f");
	char c = 'x';

	write_all(fd, "keep", 4, 0);
	FAILS2(EFBIG, opt.max_file ? EFBIG : EINVAL, pwrite(fd, &c, 1, max));
	EQ(size_of(fd), 4);
	if (max < INT64_MAX) {
		FAILS(EFBIG, ftruncate(fd, max + 1));
		EQ(size_of(fd), 4);
		EQ(pwrite(fd, "xyz", 3, max - 1), 1);
		EQ(size_of(fd), max);
		EQ(pread(fd, &c, 1, max), 0);
		expect_zero(fd, 4, 100);
	}
}

CASE(file_size_limit, 0)
{
	struct rlimit rl = { 5000, 5000 };
	int fd = create("f");

	signal(SIGXFSZ, SIG_IGN);
	OK(setrlimit(RLIMIT_FSIZE, &rl));
	EQ(pwrite(fd, "abcd", 4, 4998), 2);
	FAILS(EFBIG, pwrite(fd, "a", 1, 5000));
	FAILS(EFBIG, ftruncate(fd, 5001));
	EQ(size_of(fd), 5000);
}

/* ---- random operations against a copy in memory ---- */

#define MODEL_LEN	(5 * CHUNK / 2)

struct model {
	unsigned char *byte;
	unsigned char *buf;
	off_t size;
	int fd;
};

static void model_write(struct model *m, off_t off, off_t len)
{
	pattern(m->buf, len, off, (unsigned int)random64());
	write_all(m->fd, m->buf, len, off);
	memcpy(m->byte + off, m->buf, len);
	if (off + len > m->size)
		m->size = off + len;
}

static void model_truncate(struct model *m, off_t size)
{
	OK(ftruncate(m->fd, size));
	if (size < m->size)
		memset(m->byte + size, 0, m->size - size);
	m->size = size;
}

static void model_read(struct model *m, off_t off, off_t len)
{
	off_t want = off >= m->size ? 0 : m->size - off, i;

	if (want > len)
		want = len;
	EQ(pread(m->fd, m->buf, len, off), want);
	for (i = 0; i < want && m->buf[i] == m->byte[off + i]; i++)
		;
	if (i < want)
		FAIL("byte %lld is %u, not %u (seed %llu)",
		     (long long)(off + i), m->buf[i], m->byte[off + i],
		     (unsigned long long)opt.seed);
}

static void model_step(struct model *m)
{
	off_t off = random64() % MODEL_LEN;
	off_t len = random64() % (random64() % 4 ? 9000 : 300000) + 1;

	if (random64() % 3 == 0)
		off &= ~(off_t)(PAGE - 1);
	if (off + len > MODEL_LEN)
		len = MODEL_LEN - off;
	switch (random64() % 8) {
	case 0:
		model_truncate(m, off);
		break;
	case 1: case 2: case 3:
		model_write(m, off, len);
		break;
	default:
		model_read(m, off, len);
	}
}

static void model_run(const char *name, int steps)
{
	struct model m = { 0 };

	m.fd = create(name);
	m.byte = calloc(1, MODEL_LEN);
	m.buf = malloc(MODEL_LEN);
	CHECK(m.byte && m.buf);
	while (steps--)
		model_step(&m);
	EQ(size_of(m.fd), m.size);
	model_read(&m, 0, MODEL_LEN);
	free(m.byte);
	free(m.buf);
	OK(close(m.fd));
}

CASE(random_io, 0)
{
	model_run("a", 2500);
	model_run("b", 2500);
	OK(unlink("a"));
	model_run("c", 2500);
}

/* ---- mmap ---- */

CASE(mmap_read, 0)
{
	static unsigned char want[3 * PAGE];
	unsigned char *map;
	int fd = create("f");

	write_pattern(fd, 0, 2 * PAGE + 100, 1);
	pattern(want, 2 * PAGE + 100, 0, 1);
	map = mmap(NULL, 3 * PAGE, PROT_READ, MAP_SHARED, fd, 0);
	CHECK(map != MAP_FAILED);
	EQ(memcmp(map, want, 3 * PAGE), 0);
	OK(munmap(map, 3 * PAGE));
	map = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, PAGE);
	CHECK(map != MAP_FAILED);
	EQ(memcmp(map, want + PAGE, PAGE), 0);
}

CASE(mmap_private_write, 0)
{
	int fd = create("f");
	unsigned char *map;

	write_pattern(fd, 0, PAGE, 1);
	map = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	CHECK(map != MAP_FAILED);
	memset(map, 0, PAGE);
	OK(msync(map, PAGE, MS_SYNC));
	expect_pattern(fd, 0, PAGE, 1);
}

CASE(mmap_shared_write, 0)
{
	off_t len = CHUNK + 3 * PAGE + 10;
	int fd = create("f");
	unsigned char *map;

	OK(ftruncate(fd, len));
	map = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(map != MAP_FAILED);
	pattern(map, len, 0, 8);
	OK(msync(map, len, MS_SYNC));
	OK(munmap(map, len));
	OK(close(fd));
	fd = OK(open("f", O_RDONLY));
	EQ(size_of(fd), len);
	expect_pattern(fd, 0, len, 8);
}

CASE(mmap_sees_write, 0)
{
	int fd = create("f");
	unsigned char *map;

	write_pattern(fd, 0, 2 * PAGE, 1);
	map = mmap(NULL, 2 * PAGE, PROT_READ, MAP_SHARED, fd, 0);
	CHECK(map != MAP_FAILED);
	CHECK(map[PAGE] != 'Q');
	EQ(pwrite(fd, "Q", 1, PAGE), 1);
	EQ(map[PAGE], 'Q');
}

CASE(mmap_shared_by_processes, 0)
{
	int fd = create("f");
	unsigned char *map;
	char c = 0;
	pid_t pid;

	OK(ftruncate(fd, PAGE));
	map = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(map != MAP_FAILED);
	pid = child_begin();
	if (!pid) {
		map[77] = 'M';
		child_end();
	}
	child_reap(pid);
	EQ(map[77], 'M');
	EQ(pread(fd, &c, 1, 77), 1);
	EQ(c, 'M');
}

CASE(mmap_outlives_close_and_unlink, 0)
{
	int fd = create("f");
	unsigned char *map;

	write_pattern(fd, 0, PAGE, 1);
	map = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(map != MAP_FAILED);
	OK(close(fd));
	OK(unlink("f"));
	map[0] = 'x';
	OK(msync(map, PAGE, MS_SYNC));
	EQ(map[0], 'x');
	OK(munmap(map, PAGE));
}

CASE(mmap_beyond_end_is_sigbus, 0)
{
	int fd = create("f"), status;
	volatile unsigned char *map;
	pid_t pid;

	write_pattern(fd, 0, 10, 1);
	map = mmap(NULL, 2 * PAGE, PROT_READ, MAP_SHARED, fd, 0);
	CHECK(map != MAP_FAILED);
	EQ(map[PAGE - 1], 0);
	pid = child_begin();
	if (!pid)
		_exit(map[PAGE] & 1);
	EQ(waitpid(pid, &status, 0), pid);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS);
}

CASE(mmap_truncated_under_it, 0)
{
	int fd = create("f");
	unsigned char *map;

	write_pattern(fd, 0, PAGE, 1);
	map = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(map != MAP_FAILED);
	CHECK(map[200]);
	OK(ftruncate(fd, 100));
	EQ(map[200], 0);
	OK(ftruncate(fd, PAGE));
	EQ(map[200], 0);
	expect_zero(fd, 100, PAGE - 100);
	expect_pattern(fd, 0, 100, 1);
}
