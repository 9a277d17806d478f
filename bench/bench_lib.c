// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * How fast is libdaxfs beside memcpy, tmpfs and plain arithmetic?
 *
 * Notes: one CSV row per question: question,ours,peer,unit,ratio,target,met.
 * Ours and the peer take turns, round by round, in one run; a cell is the
 * median of the rounds, the ratio that of the rounds' ratios, so that a slow
 * second hits both. The region and the tmpfs file are unnamed files in
 * /dev/shm: nothing is left behind, however this ends. --quick runs for about
 * a second: it shows that the program works, its numbers mean nothing.
 *
 * Parameters: random 4 KiB reads from a file of 256 MiB; pairs of create and
 * unlink with open and close in between, of one name; lookups of random names
 * by stat; two processes with pairs in own directories or in one; overwriting
 * 1 MiB pieces of an existing file of 64 MiB.
 */
#define _GNU_SOURCE	/* O_TMPFILE */
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <daxfs/daxfs.h>

#include "core.h"
#include "rounds.h"

#define SHM		"/dev/shm"
#define KIB		1024ull
#define MIB		(1024 * KIB)
#define PAGE		4096u
#define MAX_ROUNDS	16

struct plan {			/* how much of everything */
	int rounds;
	u64 file_len;		/* of random reads */
	u64 reads;		/* per round */
	u64 pairs;
	u64 small, large, huge;	/* names in a directory */
	u64 lookups;
	u64 copy_len;		/* overwritten per round */
	double seconds;		/* of each run of two processes */
	u64 region_len;		/* for reads and pairs */
	u64 names_len;		/* for directories */
};

static const struct plan full = {
	.rounds = 7, .file_len = 256 * MIB, .reads = 200000, .pairs = 100000,
	.small = 100, .large = 1000000, .huge = 4000000, .lookups = 500000,
	.copy_len = 256 * MIB, .seconds = 0.4,
	.region_len = 512 * MIB, .names_len = 3072 * MIB,
};

static const struct plan quick = {
	.rounds = 3, .file_len = 16 * MIB, .reads = 5000, .pairs = 2000,
	.small = 100, .large = 10000, .huge = 40000, .lookups = 5000,
	.copy_len = 16 * MIB, .seconds = 0.01,
	.region_len = 128 * MIB, .names_len = 64 * MIB,
};

static const struct plan *plan = &full;
static int rounds;
static u64 sink;		/* what is read counts */

static void die(const char *fmt, ...)
{
	va_list ap;

	fputs("bench_lib: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	_exit(1);
}

static void must(const char *what, s64 r)
{
	if (r < 0)
		die("%s: %s", what, daxfs_fs_error((int)r));
}

static void must_sys(const char *what, s64 r)
{
	if (r < 0)
		die("%s: %s", what, strerror(errno));
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + 1e-9 * (double)ts.tv_nsec;
}

static u64 random_next(u64 *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

/* ---- rows ---- */

struct row {
	double ours[MAX_ROUNDS], peer[MAX_ROUNDS];
	int nr;
};

static void note(struct row *row, double ours, double peer)
{
	row->ours[row->nr] = ours;
	row->peer[row->nr++] = peer;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(const double *v, int nr)
{
	double copy[MAX_ROUNDS];

	memcpy(copy, v, (size_t)nr * sizeof(*v));
	qsort(copy, (size_t)nr, sizeof(*copy), by_value);
	return nr % 2 ? copy[nr / 2] : (copy[nr / 2 - 1] + copy[nr / 2]) / 2;
}

/* inverse: the ratio is peer to ours. target > 0: at most; < 0: at least. */
static void print_row(const char *question, const struct row *row,
		      const char *unit, int inverse, double target)
{
	double ratio[MAX_ROUNDS], r;
	int met;

	for (int i = 0; i < row->nr; i++) {
		ratio[i] = inverse ? row->peer[i] / row->ours[i] :
				     row->ours[i] / row->peer[i];
		bench_round(question, i, row->ours[i], row->peer[i]);
	}
	r = median(ratio, row->nr);
	met = target > 0 ? r <= target : r >= -target;
	printf("%s,%.4g,%.4g,%s,%.3f,%s%.2f,%s\n", question,
	       median(row->ours, row->nr), median(row->peer, row->nr), unit, r,
	       target > 0 ? "<=" : ">=", fabs(target), met ? "yes" : "no");
	fflush(stdout);
}

/* ---- regions and files without a name ---- */

static int new_file(u64 len)
{
	int fd = open(SHM, O_TMPFILE | O_RDWR, 0600), r;

	must_sys("a temporary file in " SHM, fd);
	r = posix_fallocate(fd, 0, (off_t)len);
	if (r)
		die("%llu MiB in " SHM " are needed: %s",
		    (unsigned long long)(len / MIB), strerror(r));
	return fd;
}

static void fd_path(int fd, char *path, size_t len)
{
	snprintf(path, len, "/proc/self/fd/%d", fd);
}

static int new_region(u64 len)
{
	struct daxfs_geometry g = {
		.region_len = len, .overlay = 1, .mode = DAXFS_MODE_EMPTY,
		.buckets = 65536, .root_mode = 0755,
	};
	int fd = new_file(len);
	u64 needed;
	void *base;

	must("region", daxfs_plan(&g, &needed));
	base = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (base == MAP_FAILED)
		die("mmap: %s", strerror(errno));
	must("region", daxfs_format(&g, base, len));
	munmap(base, len);
	return fd;
}

static struct daxfs *open_region(int fd)
{
	char path[32], why[256];
	struct daxfs *fs;

	fd_path(fd, path, sizeof(path));
	if (daxfs_fs_open(&fs, path, 0, why, sizeof(why)))
		die("%s", why);
	return fs;
}

static struct daxfs_fd *open_file(struct daxfs *fs, const char *name, int flags)
{
	struct daxfs_fd *fd;

	must(name, daxfs_fd_open(fs, NULL, name, flags, 0644, &fd));
	return fd;
}

/* ---- random 4 KiB reads ---- */

struct reads {
	struct daxfs_fd *fd;
	struct daxfs_pin_run *run;
	int run_nr;
	const u8 **page;	/* where each page is */
	int tmpfs;
	u64 pages;
	u64 seed;
};

static void fill_files(struct reads *rd)
{
	u8 *buf = malloc(MIB);
	u64 seed = 88172645463325252ull;

	if (!buf)
		die("no memory");
	for (u64 off = 0; off < plan->file_len; off += MIB) {
		for (u64 i = 0; i < MIB; i += 8)
			*(u64 *)(buf + i) = random_next(&seed);
		if (daxfs_fd_pwrite(rd->fd, buf, MIB, (off_t)off) != (ssize_t)MIB ||
		    pwrite(rd->tmpfs, buf, MIB, (off_t)off) != (ssize_t)MIB)
			die("cannot fill the files");
	}
	free(buf);
}

static void find_pages(struct reads *rd, struct daxfs_pin *pin)
{
	rd->pages = plan->file_len / PAGE;
	rd->run = calloc(rd->pages, sizeof(*rd->run));
	rd->page = calloc(rd->pages, sizeof(*rd->page));
	if (!rd->run || !rd->page)
		die("no memory");
	rd->run_nr = daxfs_pin_runs(pin, 0, plan->file_len, rd->run,
				    (unsigned int)rd->pages);
	must("runs", rd->run_nr);
	for (int i = 0; i < rd->run_nr; i++)
		for (u64 at = 0; at < rd->run[i].len; at += PAGE)
			rd->page[(rd->run[i].off + at) / PAGE] =
				(const u8 *)rd->run[i].ptr + at;
	/* Page faults are nobody's cost here. */
	for (u64 i = 0; i < rd->pages; i++)
		sink += *rd->page[i];
}

static u64 random_page(struct reads *rd)
{
	return random_next(&rd->seed) % rd->pages;
}

static void by_memcpy(struct reads *rd, u8 *buf)
{
	memcpy(buf, rd->page[random_page(rd)], PAGE);
}

/* What a user of pins does: find the run, then copy. */
static void by_pin(struct reads *rd, u8 *buf)
{
	u64 off = random_page(rd) * PAGE;
	int low = 0, high = rd->run_nr - 1;

	while (low < high) {
		int mid = (low + high + 1) / 2;

		if (rd->run[mid].off <= off)
			low = mid;
		else
			high = mid - 1;
	}
	memcpy(buf, (const u8 *)rd->run[low].ptr + (off - rd->run[low].off), PAGE);
}

static void by_call(struct reads *rd, u8 *buf)
{
	if (daxfs_fd_pread(rd->fd, buf, PAGE, (off_t)(random_page(rd) * PAGE)) != PAGE)
		die("daxfs_fd_pread() did not read a page");
}

static void by_tmpfs(struct reads *rd, u8 *buf)
{
	if (pread(rd->tmpfs, buf, PAGE, (off_t)(random_page(rd) * PAGE)) != PAGE)
		die("pread() did not read a page");
}

/* ns per read; the same pages for all. */
static double time_reads(struct reads *rd, void (*read_one)(struct reads *, u8 *))
{
	static u8 buf[PAGE] __attribute__((aligned(64)));
	double start;

	rd->seed = 0x9e3779b97f4a7c15ull;
	for (u64 i = 0; i < plan->reads / 10; i++)
		read_one(rd, buf);
	start = now();
	for (u64 i = 0; i < plan->reads; i++) {
		read_one(rd, buf);
		sink += buf[i % PAGE];
	}
	return (now() - start) * 1e9 / (double)plan->reads;
}

static void bench_reads(struct daxfs *fs)
{
	struct row in_pin = { .nr = 0 }, single = { .nr = 0 }, tmpfs = { .nr = 0 };
	struct reads rd = { .tmpfs = new_file(plan->file_len) };
	struct daxfs_pin *pin;

	rd.fd = open_file(fs, "reads", O_RDWR | O_CREAT);
	fill_files(&rd);
	must("pin", daxfs_pin_begin(rd.fd, &pin));
	find_pages(&rd, pin);
	for (int i = 0; i < rounds; i++) {
		double copy = time_reads(&rd, by_memcpy);
		double call = time_reads(&rd, by_call);

		note(&in_pin, time_reads(&rd, by_pin), copy);
		note(&single, call, copy);
		note(&tmpfs, call, time_reads(&rd, by_tmpfs));
	}
	print_row("random 4 KiB read in a pin / memcpy", &in_pin, "ns", 0, 1.25);
	print_row("random 4 KiB read per call / memcpy", &single, "ns", 0, 1.4);
	print_row("random 4 KiB read: rate / tmpfs pread", &tmpfs, "ns", 1, -2);
	daxfs_pin_end(pin);
	daxfs_fd_close(rd.fd);
	must("unlink", daxfs_fs_unlink(fs, NULL, "reads"));
	close(rd.tmpfs);
	free(rd.run);
	free(rd.page);
}

/* ---- overwriting ---- */

#define COPY_FILE	(64 * MIB)

static double time_overwrite(struct daxfs_fd *fd, const u8 *buf, u64 file_len)
{
	double start = now();

	for (u64 done = 0; done < plan->copy_len; done += MIB)
		if (daxfs_fd_pwrite(fd, buf, MIB, (off_t)(done % file_len)) !=
		    (ssize_t)MIB)
			die("daxfs_fd_pwrite() did not write 1 MiB");
	return (double)plan->copy_len / (now() - start) / 1e9;
}

/* Into the same pages, through pointers that are ours to write here. */
static double time_memcpy(const struct daxfs_pin_run *run, int nr, const u8 *buf)
{
	double start = now();
	u64 done = 0;

	while (done < plan->copy_len) {
		for (int i = 0; i < nr && done < plan->copy_len; i++) {
			for (u64 at = 0; at < run[i].len; at += MIB) {
				u64 n = run[i].len - at < MIB ? run[i].len - at : MIB;

				memcpy((u8 *)(uintptr_t)run[i].ptr + at, buf, n);
				done += n;
			}
		}
	}
	return (double)done / (now() - start) / 1e9;
}

static void bench_overwrite(struct daxfs *fs)
{
	static struct daxfs_pin_run run[COPY_FILE / PAGE];
	u64 len = plan->copy_len < COPY_FILE ? plan->copy_len : COPY_FILE;
	struct daxfs_fd *fd = open_file(fs, "copy", O_RDWR | O_CREAT);
	struct row row = { .nr = 0 };
	struct daxfs_pin *pin;
	u8 *buf = malloc(MIB);
	int nr;

	if (!buf)
		die("no memory");
	memset(buf, 0x5a, MIB);
	for (u64 off = 0; off < len; off += MIB)
		must("write", daxfs_fd_pwrite(fd, buf, MIB, (off_t)off));
	must("pin", daxfs_pin_begin(fd, &pin));
	nr = daxfs_pin_runs(pin, 0, len, run, COPY_FILE / PAGE);
	must("runs", nr);
	time_overwrite(fd, buf, len);
	for (int i = 0; i < rounds; i++) {
		double ours = time_overwrite(fd, buf, len);

		note(&row, ours, time_memcpy(run, nr, buf));
	}
	print_row("overwrite 1 MiB: rate / memcpy", &row, "GB/s", 0, -0.95);
	daxfs_pin_end(pin);
	daxfs_fd_close(fd);
	must("unlink", daxfs_fs_unlink(fs, NULL, "copy"));
	free(buf);
}

/* ---- create and unlink ---- */

static void one_pair(struct daxfs *fs, struct daxfs_fd *dir, const char *name)
{
	struct daxfs_fd *fd;

	must("create", daxfs_fd_open(fs, dir, name, O_WRONLY | O_CREAT | O_EXCL,
				     0644, &fd));
	daxfs_fd_close(fd);
	must("unlink", daxfs_fs_unlink(fs, dir, name));
}

static double time_pairs(struct daxfs *fs, struct daxfs_fd *dir)
{
	double start = now();

	for (u64 i = 0; i < plan->pairs; i++)
		one_pair(fs, dir, "file");
	return (now() - start) * 1e9 / (double)plan->pairs;
}

static double time_tmpfs_pairs(int dir)
{
	double start = now();

	for (u64 i = 0; i < plan->pairs; i++) {
		int fd = openat(dir, "file", O_WRONLY | O_CREAT | O_EXCL, 0644);

		must_sys("create in " SHM, fd);
		close(fd);
		must_sys("unlink in " SHM, unlinkat(dir, "file", 0));
	}
	return (now() - start) * 1e9 / (double)plan->pairs;
}

static char tmp_dir[] = SHM "/daxfs-bench.XXXXXX";

static void on_signal(int sig)
{
	char name[sizeof(tmp_dir) + 8];

	memcpy(name, tmp_dir, sizeof(tmp_dir) - 1);
	memcpy(name + sizeof(tmp_dir) - 1, "/file", 6);
	unlink(name);
	rmdir(tmp_dir);
	_exit(128 + sig);
}

static void bench_pairs(struct daxfs *fs)
{
	struct row row = { .nr = 0 };
	struct daxfs_fd *dir;
	int tmp;

	must("mkdir", daxfs_fs_mkdir(fs, NULL, "pairs", 0755));
	dir = open_file(fs, "pairs", O_RDONLY | O_DIRECTORY);
	if (!mkdtemp(tmp_dir))
		die("a temporary directory in " SHM ": %s", strerror(errno));
	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
	tmp = open(tmp_dir, O_RDONLY | O_DIRECTORY);
	must_sys(tmp_dir, tmp);
	for (int i = 0; i < rounds; i++) {
		double ours = time_pairs(fs, dir);

		note(&row, ours, time_tmpfs_pairs(tmp));
	}
	print_row("create + unlink / tmpfs", &row, "ns", 0, 0.33);
	close(tmp);
	rmdir(tmp_dir);
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	daxfs_fd_close(dir);
}

/* ---- directories of all sizes ---- */

static struct daxfs_fd *make_names(struct daxfs *fs, const char *name, u64 nr)
{
	struct daxfs_fd *dir;
	char file[24];

	must("mkdir", daxfs_fs_mkdir(fs, NULL, name, 0755));
	dir = open_file(fs, name, O_RDONLY | O_DIRECTORY);
	for (u64 i = 0; i < nr; i++) {
		snprintf(file, sizeof(file), "f%llu", (unsigned long long)i);
		must("create", daxfs_fs_mknod(fs, dir, file, 0644, 0));
	}
	return dir;
}

static u32 put_number(char *to, u64 v)
{
	char digits[24];
	u32 n = 0, len = 0;

	do
		digits[n++] = (char)('0' + v % 10);
	while (v /= 10);
	while (n)
		to[len++] = digits[--n];
	to[len] = '\0';
	return len;
}

static double time_lookups(struct daxfs *fs, struct daxfs_fd *dir, u64 nr)
{
	u64 seed = 0x2545f4914f6cdd1dull;
	char name[24] = "f";
	struct stat st;
	double start = now();

	for (u64 i = 0; i < plan->lookups; i++) {
		put_number(name + 1, random_next(&seed) % nr);
		must(name, daxfs_fs_stat(fs, dir, name, &st, 0));
		sink += st.st_ino;
	}
	return (now() - start) * 1e9 / (double)plan->lookups;
}

static u64 bytes_used(struct daxfs *fs)
{
	struct statvfs st;

	must("statvfs", daxfs_fs_statvfs(fs, &st));
	return (st.f_blocks - st.f_bfree) * st.f_frsize;
}

static void bench_names(struct daxfs *fs)
{
	struct row large = { .nr = 0 }, huge = { .nr = 0 }, space = { .nr = 0 };
	struct daxfs_fd *a, *b, *c;
	u64 before;

	a = make_names(fs, "small", plan->small);
	before = bytes_used(fs);
	b = make_names(fs, "large", plan->large);
	note(&space, (double)(bytes_used(fs) - before) / (double)plan->large, 512);
	c = make_names(fs, "huge", plan->huge);
	for (int i = 0; i < rounds; i++) {
		double few = time_lookups(fs, a, plan->small);
		double many = time_lookups(fs, b, plan->large);

		note(&large, many, few);
		note(&huge, time_lookups(fs, c, plan->huge), many);
	}
	print_row("lookup among a million / among a hundred", &large, "ns", 0, 3);
	/* A fifth for cache and TLB misses is not growth: O(n) would be 4. */
	print_row("lookup among four million / among one", &huge, "ns", 0, 1.2);
	print_row("memory per empty file / 512 bytes", &space, "bytes", 0, 1);
	daxfs_fd_close(a);
	daxfs_fd_close(b);
	daxfs_fd_close(c);
}

/* ---- two processes ---- */

#define MAX_PROCS	2

struct race {			/* shared by the processes of one run */
	int ready;
	int go;
	int stop;
	u64 done[MAX_PROCS];
};

struct job {
	int region;		/* fd; -1: arithmetic */
	int own_dirs;
};

static void wait_go(struct race *race)
{
	__atomic_add_fetch(&race->ready, 1, __ATOMIC_ACQ_REL);
	while (!__atomic_load_n(&race->go, __ATOMIC_ACQUIRE))
		usleep(100);
}

static int stopped(const struct race *race)
{
	return __atomic_load_n(&race->stop, __ATOMIC_RELAXED);
}

static u64 arithmetic(const struct race *race)
{
	u64 n = 0, seed = 88172645463325252ull;

	while (!stopped(race)) {
		for (int i = 0; i < 300; i++)
			random_next(&seed);
		n++;
	}
	sink += seed;
	return n;
}

static u64 pairs(struct daxfs *fs, struct daxfs_fd *dir, int me,
		 const struct race *race)
{
	char name[16];
	u64 n = 0;

	while (!stopped(race)) {
		snprintf(name, sizeof(name), "p%d-%llu", me,
			 (unsigned long long)(n % 64));
		one_pair(fs, dir, name);
		n++;
	}
	return n;
}

static void run_child(const struct job *job, struct race *race, int me)
{
	struct daxfs *fs;
	struct daxfs_fd *dir;
	char name[16];

	if (job->region < 0) {
		wait_go(race);
		race->done[me] = arithmetic(race);
		_exit(0);
	}
	fs = open_region(job->region);
	snprintf(name, sizeof(name), "dir%d", job->own_dirs ? me : 0);
	dir = open_file(fs, name, O_RDONLY | O_DIRECTORY);
	wait_go(race);
	race->done[me] = pairs(fs, dir, me, race);
	daxfs_fd_close(dir);
	must("close", daxfs_fs_close(fs));
	_exit(0);
}

/* Work per second of all processes together. */
static double run_procs(const struct job *job, int procs)
{
	struct race *race = mmap(NULL, sizeof(*race), PROT_READ | PROT_WRITE,
				 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid[MAX_PROCS];
	int status, bad = 0;
	double start;
	u64 sum = 0;

	if (race == MAP_FAILED)
		die("mmap: %s", strerror(errno));
	for (int i = 0; i < procs; i++) {
		pid[i] = fork();
		must_sys("fork", pid[i]);
		if (!pid[i])
			run_child(job, race, i);
	}
	while (__atomic_load_n(&race->ready, __ATOMIC_ACQUIRE) < procs &&
	       !waitpid(-1, &status, WNOHANG))
		usleep(100);
	start = now();
	__atomic_store_n(&race->go, 1, __ATOMIC_RELEASE);
	usleep((useconds_t)(plan->seconds * 1e6));
	__atomic_store_n(&race->stop, 1, __ATOMIC_RELAXED);
	start = now() - start;
	for (int i = 0; i < procs; i++)
		bad |= waitpid(pid[i], &status, 0) != pid[i] || status;
	if (bad)
		die("a process of the measurement failed");
	for (int i = 0; i < procs; i++)
		sum += race->done[i];
	munmap(race, sizeof(*race));
	return (double)sum / start;
}

static double scaling(const struct job *job)
{
	double one = run_procs(job, 1);

	return run_procs(job, MAX_PROCS) / one;
}

static void bench_procs(int region, struct daxfs *fs)
{
	struct job own = { .region = region, .own_dirs = 1 };
	struct job same = { .region = region }, none = { .region = -1 };
	struct row separate = { .nr = 0 }, together = { .nr = 0 };

	must("mkdir", daxfs_fs_mkdir(fs, NULL, "dir0", 0755));
	must("mkdir", daxfs_fs_mkdir(fs, NULL, "dir1", 0755));
	for (int i = 0; i < rounds; i++) {
		double plain = scaling(&none);

		note(&separate, scaling(&own), plain);
		note(&together, scaling(&same), plain);
	}
	print_row("two processes in two directories: scaling / arithmetic",
		  &separate, "x", 0, -0.9);
	print_row("two processes in one directory: scaling / arithmetic",
		  &together, "x", 0, -0.6);
}

/* ---- */

static void usage(FILE *to)
{
	fputs("usage: bench_lib [--quick]\n"
	      "Measure libdaxfs beside memcpy, tmpfs and arithmetic; CSV to "
	      "standard output.\n"
	      "  --quick   about one second: shows that it works\n"
	      "Needs 4 GiB in " SHM " (256 MiB with --quick). Exit status: 0 "
	      "measured,\n1 could not, 2 usage.\n", to);
}

int main(int argc, char **argv)
{
	struct daxfs *fs;
	int region;

	if (argc == 2 && !strcmp(argv[1], "--help")) {
		usage(stdout);
		return 0;
	}
	if (argc > 2 || (argc == 2 && strcmp(argv[1], "--quick"))) {
		usage(stderr);
		return 2;
	}
	if (argc == 2)
		plan = &quick;
	rounds = bench_count(plan->rounds, MAX_ROUNDS);
	puts("question,ours,peer,unit,ratio,target,met");
	region = new_region(plan->region_len);
	fs = open_region(region);
	bench_reads(fs);
	bench_overwrite(fs);
	bench_pairs(fs);
	bench_procs(region, fs);
	must("close", daxfs_fs_close(fs));
	close(region);
	region = new_region(plan->names_len);
	fs = open_region(region);
	bench_names(fs);
	must("close", daxfs_fs_close(fs));
	close(region);
	return sink == 1;	/* never: it keeps the loops */
}
