// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * fuse_coherence CASE A B: what two mounts of one region see of each other.
 *
 * Notes: A and B are mountpoints of two servers on one region. Everything is
 * done in lockstep: what has been acknowledged on one side must be seen by the
 * next call on the other. No case waits, but the one of mapped pages, which
 * prints how long it took. Exit 0: as it must be; 1: not, and stdout says how.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096

static char path_a[PATH_MAX], path_b[PATH_MAX];
static int made;

static _Noreturn void fail(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	fflush(stdout);
	_exit(1);
}

static void check(int ok, const char *what)
{
	if (!ok)
		fail("%s: %s", what, strerror(errno));
}

static int open_at(const char *path, int flags)
{
	int fd = open(path, flags, 0644);

	if (fd < 0)
		fail("open %s: %s", path, strerror(errno));
	return fd;
}

static void put(int fd, off_t at, const void *buf, size_t len)
{
	check(pwrite(fd, buf, len, at) == (ssize_t)len, "pwrite");
}

static void put_number(int fd, off_t at, uint64_t v)
{
	put(fd, at, &v, sizeof(v));
}

static uint64_t get_number(int fd, off_t at)
{
	uint64_t v = 0;
	ssize_t n = pread(fd, &v, sizeof(v), at);

	if (n != sizeof(v))
		fail("pread of 8 bytes at %lld gave %zd", (long long)at, n);
	return v;
}

static double now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec * 1e-6;
}

static void new_file(size_t len)
{
	char zero[PAGE] = "";
	int fd = open_at(path_a, O_CREAT | O_TRUNC | O_RDWR);
	size_t at;

	for (at = 0; at < len; at += PAGE)
		put(fd, (off_t)at, zero, PAGE);
	close(fd);
}

/* ---- same size, mtime put back: the kernel alone does not notice ---- */

static void set_mtime_back(int fd, const struct stat *st)
{
	struct timespec ts[2] = { { .tv_nsec = UTIME_OMIT }, st->st_mtim };

	check(!futimens(fd, ts), "futimens");
}

static void same_mtime(int mapped)
{
	uint64_t v, got;
	struct stat st;
	int a, b, stale = 0;
	void *map = NULL;

	new_file(4 * PAGE);
	a = open_at(path_a, O_RDWR);
	b = open_at(path_b, O_RDONLY);
	check(!fstat(a, &st), "fstat");
	if (mapped) {
		map = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, b, PAGE);
		check(map != MAP_FAILED, "mmap");
	}
	for (v = 1; v <= 300; v++) {
		put_number(a, PAGE + 8, v);
		set_mtime_back(a, &st);
		got = get_number(b, PAGE + 8);
		stale += got != v;
		if (map && *(volatile uint64_t *)((char *)map + 8) != v)
			stale++;
	}
	if (stale)
		fail("%d of 300 reads were stale", stale);
}

static void case_same_mtime(void)
{
	same_mtime(0);
}

static void case_same_mtime_mapped(void)
{
	same_mtime(1);
}

/* The request that asks for the birth as well, first in each round. */
static void case_same_mtime_statx(void)
{
	unsigned int mask = STATX_BASIC_STATS | STATX_BTIME;
	struct statx at_a, at_b;
	struct stat st;
	uint64_t v;
	int a, b;

	new_file(PAGE);
	a = open_at(path_a, O_RDWR);
	b = open_at(path_b, O_RDONLY);
	check(!fstat(a, &st), "fstat");
	check(!statx(a, "", AT_EMPTY_PATH, mask, &at_a), "statx");
	for (v = 1; v <= 300; v++) {
		if (v % 3 == 0)		/* another size as well */
			put_number(a, (off_t)(v * PAGE), v);
		put_number(a, 8, v);
		set_mtime_back(a, &st);
		check(!statx(b, "", AT_EMPTY_PATH, mask, &at_b), "statx");
		if (get_number(b, 8) != v)
			fail("round %llu: stale", (unsigned long long)v);
		if (at_b.stx_size != (v < 3 ? PAGE : v / 3 * 3 * PAGE + 8) ||
		    at_b.stx_mtime.tv_nsec != st.st_mtim.tv_nsec)
			fail("round %llu: size %llu", (unsigned long long)v,
			     (unsigned long long)at_b.stx_size);
		/* Older kernels do not ask FUSE servers for it. */
		if ((at_a.stx_mask & at_b.stx_mask & STATX_BTIME) &&
		    memcmp(&at_a.stx_btime, &at_b.stx_btime,
			   sizeof(at_a.stx_btime)))
			fail("another time of birth");
	}
}

/* A chmod on the reading side tells its kernel the new mtime. */
static void case_mtime_by_setattr(void)
{
	uint64_t v;
	int a, b;

	new_file(2 * PAGE);
	a = open_at(path_a, O_RDWR);
	b = open_at(path_b, O_RDWR);
	for (v = 1; v <= 300; v++) {
		get_number(b, 0);
		put_number(a, 0, v);
		check(!fchmod(b, v % 2 ? 0644 : 0600), "fchmod");
		if (get_number(b, 0) != v)
			fail("round %llu: stale after chmod",
			     (unsigned long long)v);
	}
}

/* ---- sizes: a notification must not make the kernel lose one ---- */

static void sizes(int mapped)
{
	char record[37], got[37];
	void *map = NULL;
	off_t at = 0;
	int a, b, i;

	new_file(0);
	a = open_at(path_a, O_WRONLY | O_APPEND);
	b = open_at(path_b, O_RDONLY);
	for (i = 0; i < 3000; i++) {
		memset(record, 'a' + i % 26, sizeof(record));
		check(write(a, record, sizeof(record)) == sizeof(record),
		      "append");
		if (mapped && !map && at > 2 * PAGE) {
			map = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, b, 0);
			check(map != MAP_FAILED && *(char *)map, "mmap");
		}
		if (pread(b, got, sizeof(got), at) != sizeof(got))
			fail("record %d is not there at once", i);
		if (memcmp(got, record, sizeof(got)))
			fail("record %d reads as something else", i);
		at += sizeof(got);
	}
	check(!ftruncate(a, 10), "ftruncate");
	if (pread(b, got, sizeof(got), 0) != 10)
		fail("a shorter file did not read so");
}

static void case_append_seen(void)
{
	sizes(0);
}

static void case_append_seen_mapped(void)
{
	sizes(1);
}

/*
 * A file is cut to nothing and written anew, shorter than it was. The kernel
 * may think of the size before, and learns where the end is from reads that
 * come back short.
 */
static void shrunk(size_t before, size_t room)
{
	static char buf[1 << 20];
	int a, b, i, wrong = 0;
	struct stat st;
	ssize_t n;

	new_file(0);
	a = open_at(path_a, O_RDWR);
	b = open_at(path_b, O_RDONLY);
	for (i = 0; i < 300; i++) {
		check(!ftruncate(a, (off_t)before + i), "ftruncate");
		check(lseek(b, 0, SEEK_END) == (off_t)before + i, "SEEK_END");
		check(!ftruncate(a, 0), "ftruncate");
		check(!fstat(b, &st) && !st.st_size, "fstat");
		memset(buf, 'x', 5000);
		put(a, 0, buf, 5000);
		n = pread(b, buf, room, 0);
		wrong += n != 5000;
	}
	if (wrong)
		fail("%d of 300 reads did not end where the file does", wrong);
}

static void case_shrunk(void)
{
	shrunk(100000, 10000);
}

static void case_shrunk_large(void)
{
	shrunk(1000000, 300000);
}

/* ---- two hosts write one file, a third party reads it on one mount ---- */

static volatile int stop_writing;

static void *busy_writer(void *arg)
{
	uint64_t v = 0;

	while (!stop_writing)
		put_number(*(int *)arg, 0, ++v);
	return NULL;
}

static void case_two_writers_one_reader(void)
{
	pthread_t writer;
	int a, b, local;
	uint64_t v;

	new_file(4 * PAGE);
	a = open_at(path_a, O_RDWR);
	b = open_at(path_b, O_RDWR);
	local = open_at(path_a, O_RDWR);
	check(!pthread_create(&writer, NULL, busy_writer, &local), "thread");
	for (v = 1; v <= 2000; v++) {
		put_number(b, PAGE + 16, v);
		if (get_number(a, PAGE + 16) != v)
			fail("round %llu: a write by the other host is not seen",
			     (unsigned long long)v);
	}
	stop_writing = 1;
	pthread_join(writer, NULL);
}

/* ---- O_APPEND from both sides at once ---- */

#define RECORDS	3000
#define RECORD	22

static void append_records(const char *path, int who)
{
	int fd = open_at(path, O_WRONLY | O_APPEND), i;
	char text[RECORD + 1];

	for (i = 0; i < RECORDS; i++) {
		snprintf(text, sizeof(text), "%d:%06d:............\n", who, i);
		check(write(fd, text, RECORD) == RECORD, "append");
	}
	close(fd);
}

static void count_records(const char *path)
{
	int next[2] = { 0, 0 }, i, who, nr;
	FILE *f = fopen(path, "r");
	char line[64];

	check(!!f, path);
	for (i = 0; fgets(line, sizeof(line), f); i++) {
		if (strlen(line) != RECORD ||
		    sscanf(line, "%d:%d:", &who, &nr) != 2 || who < 0 || who > 1)
			fail("%s: line %d is broken: %s", path, i, line);
		if (nr != next[who]++)
			fail("%s: line %d: record %d of %d is out of order",
			     path, i, nr, who);
	}
	fclose(f);
	if (i != 2 * RECORDS)
		fail("%s: %d records instead of %d", path, i, 2 * RECORDS);
}

static void case_append_exact(void)
{
	pid_t pid;
	int status;

	new_file(0);
	fflush(stdout);
	pid = fork();
	if (!pid) {
		append_records(path_b, 1);
		_exit(0);
	}
	append_records(path_a, 0);
	check(waitpid(pid, &status, 0) == pid && !status, "the other writer");
	count_records(path_a);
	count_records(path_b);
}

/* ---- pages that are mapped ---- */

static void case_mapped_follow(void)
{
	double start, took, worst = 0;
	volatile uint64_t *map;
	uint64_t v;
	int a, b;

	new_file(2 * PAGE);
	a = open_at(path_a, O_RDWR);
	b = open_at(path_b, O_RDONLY);
	map = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, b, PAGE);
	check(map != MAP_FAILED, "mmap");
	for (v = 1; v <= 20; v++) {
		put_number(a, PAGE, v);
		start = now_ms();
		while (*map != v && now_ms() - start < 5000)
			usleep(500);
		took = now_ms() - start;
		if (*map != v)
			fail("round %llu: not seen within 5 s",
			     (unsigned long long)v);
		if (took > worst)
			worst = took;
	}
	printf("mapped pages followed within %.0f ms\n", worst);
}

/* Dirty pages of one side go back through its server while it notifies. */
static void case_dirty_pages(void)
{
	struct stat st;
	uint64_t v;
	char *map;
	int a, b;

	new_file(64 * PAGE);
	a = open_at(path_a, O_RDWR);
	b = open_at(path_b, O_RDWR);
	check(!fstat(a, &st), "fstat");
	map = mmap(NULL, 64 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, b, 0);
	check(map != MAP_FAILED, "mmap");
	for (v = 1; v <= 100; v++) {
		int i;

		for (i = 1; i < 64; i++)
			map[i * PAGE + 100] = (char)v;
		put_number(a, 0, v);
		set_mtime_back(a, &st);
		if (get_number(b, 0) != v)
			fail("round %llu: stale", (unsigned long long)v);
	}
	check(!msync(map, 64 * PAGE, MS_SYNC), "msync");
	for (v = 1; v < 64; v++) {
		char c;

		check(pread(a, &c, 1, (off_t)v * PAGE + 100) == 1, "pread");
		if (c != 100)
			fail("page %llu: a mapped store got lost",
			     (unsigned long long)v);
	}
}

/* ---- names ---- */

static void case_unlinked_open(void)
{
	struct stat st;
	int a;

	new_file(PAGE);
	a = open_at(path_a, O_RDWR);
	put_number(a, 0, 42);
	check(!unlink(path_b), "unlink");
	check(!fstat(a, &st), "fstat of an unlinked file");
	if (st.st_nlink)
		fail("%lu links after the last unlink", (long)st.st_nlink);
	if (get_number(a, 0) != 42)
		fail("an unlinked file lost its content");
	check(!ftruncate(a, 100), "ftruncate of an unlinked file");
	put_number(a, 200, 43);
	if (get_number(a, 200) != 43)
		fail("an unlinked file cannot be written");
	if (open(path_a, O_RDONLY) >= 0 || errno != ENOENT)
		fail("the name is still there");
}

static void replace_for_ever(const char *to)
{
	char from[PATH_MAX + 8];

	snprintf(from, sizeof(from), "%s.new", to);
	for (;;) {
		close(open_at(from, O_CREAT | O_WRONLY));
		check(!rename(from, to), "rename");
	}
}

/*
 * The name is always there, whatever inode is behind it. The VFS tries
 * again on ESTALE, but once; the server sees to it that this is enough, within
 * what a scheduler may do.
 */
static void case_replaced(void)
{
	int i, fd, stale = 0;
	struct stat st;
	pid_t pid;

	new_file(0);
	fflush(stdout);
	pid = fork();
	if (!pid)
		replace_for_ever(path_b);
	for (i = 0; i < 5000; i++) {
		fd = open(path_a, O_RDONLY);
		if (fd < 0 && errno != ESTALE)
			break;
		stale += fd < 0;
		if (fd >= 0)
			close(fd);
		if (!stat(path_a, &st))
			continue;
		if (errno != ESTALE)
			break;
		stale++;
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	if (i < 5000)
		fail("round %d: %s", i, strerror(errno));
	if (stale > 5)
		fail("%d of 5000 calls gave ESTALE", stale);
}

/* B removes it as soon as it is there. Counts what was there to be removed. */
static void remove_for_ever(volatile int *over, volatile int *removed)
{
	while (!*over) {
		if (!unlink(path_b))
			++*removed;
		else
			check(errno == ENOENT, "unlink");
	}
	*removed += !unlink(path_b);
	_exit(0);
}

static void make_once(void)
{
	int fd = open(path_a, O_CREAT | O_EXCL | O_RDWR, 0640);
	struct stat st;

	if (fd < 0)
		check(errno == EEXIST, "open O_CREAT | O_EXCL");
	if (fd < 0)
		return;
	put_number(fd, 8, 44);
	check(!fstat(fd, &st), "fstat");
	if (get_number(fd, 8) != 44 || st.st_size != 16 || st.st_nlink > 1)
		fail("%lld bytes, %lu links", (long long)st.st_size, (long)st.st_nlink);
	close(fd);
	made++;
}

/* What open(2) makes it makes once, and the caller has it, whoever removes the name. */
static void case_made_removed(void)
{
	volatile int *shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
				    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int i, status;
	pid_t pid;

	check(shared != MAP_FAILED, "mmap");
	fflush(stdout);
	pid = fork();
	check(pid >= 0, "fork");
	if (!pid)
		remove_for_ever(&shared[0], &shared[1]);
	for (i = 0; i < 5000; i++)
		make_once();
	shared[0] = 1;
	check(waitpid(pid, &status, 0) == pid, "waitpid");
	if (status || made != shared[1])
		fail("%d made, %d removed, status %x", made, shared[1], status);
}

static void case_modes_seen(void)
{
	struct stat st;
	int i;

	new_file(0);
	for (i = 0; i < 500; i++) {
		mode_t mode = (mode_t)(i & 0777) | 0400;

		check(!chmod(path_a, mode), "chmod");
		check(!stat(path_b, &st), "stat");
		if ((st.st_mode & 07777) != mode)
			fail("mode %o is seen as %o", mode, st.st_mode & 07777);
	}
}

static const struct {
	const char *name;
	void (*run)(void);
} cases[] = {
	{ "same_mtime", case_same_mtime },
	{ "same_mtime_mapped", case_same_mtime_mapped },
	{ "same_mtime_statx", case_same_mtime_statx },
	{ "mtime_by_setattr", case_mtime_by_setattr },
	{ "append_seen", case_append_seen },
	{ "append_seen_mapped", case_append_seen_mapped },
	{ "shrunk", case_shrunk },
	{ "shrunk_large", case_shrunk_large },
	{ "two_writers_one_reader", case_two_writers_one_reader },
	{ "append_exact", case_append_exact },
	{ "mapped_follow", case_mapped_follow },
	{ "dirty_pages", case_dirty_pages },
	{ "unlinked_open", case_unlinked_open },
	{ "replaced", case_replaced },
	{ "made_removed", case_made_removed },
	{ "modes_seen", case_modes_seen },
};

#define CASES (sizeof(cases) / sizeof(cases[0]))

int main(int argc, char **argv)
{
	size_t i;

	if (argc == 2 && !strcmp(argv[1], "list")) {
		for (i = 0; i < CASES; i++)
			puts(cases[i].name);
		return 0;
	}
	for (i = 0; argc == 4 && i < CASES; i++) {
		if (strcmp(cases[i].name, argv[1]))
			continue;
		snprintf(path_a, sizeof(path_a), "%s/%s", argv[2], argv[1]);
		snprintf(path_b, sizeof(path_b), "%s/%s", argv[3], argv[1]);
		cases[i].run();
		return 0;
	}
	fprintf(stderr, "usage: fuse_coherence list | CASE A B\n");
	return 2;
}
