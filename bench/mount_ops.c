// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What system calls cost on one mounted file system beside another.
 *
 * Notes: usage: mount_ops [--rounds N] [--mib N] OURS PEER [OURS_TREE PEER_TREE]
 * OURS and PEER are writable folders; the TREEs are equal ones, of at least some
 * files, that are only read. One CSV row per question, as in the other benchmarks:
 * question,ours,peer,unit,ratio,target,met; the unit is ns per operation of the
 * clock of this machine. In a guest whose clock counts instructions (QEMU
 * -icount shift=0) that is instructions. Ours and the peer take turns, and a
 * cell is the median of the rounds. A row "control" is the peer beside itself:
 * what differs there is noise. Exit 0 if all was measured, 1 if not, 2 usage.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "rounds.h"

#define MAX_ROUNDS	31
#define NAMES		400
#define TREE_MAX	4096

static int rounds = 5;
static size_t file_len = 64u << 20;
static char *buf;
static char tree[TREE_MAX][256];	/* relative names of files of the tree */
static int tree_nr;

static void die(const char *what, const char *path)
{
	fprintf(stderr, "mount_ops: %s: %s: %s\n", path, what, strerror(errno));
	exit(1);
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static const char *in(const char *dir, const char *name)
{
	static char path[4096];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

/* ---- content ---- */

enum io { FIRST, AGAIN, READ, RANDOM_READ, RANDOM_WRITE };

static uint64_t next_random(uint64_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 7;
	*x ^= *x << 17;
	return *x;
}

static void one_io(int fd, enum io how, size_t n, off_t off, const char *path)
{
	ssize_t r = how == READ || how == RANDOM_READ ? pread(fd, buf, n, off) :
		    pwrite(fd, buf, n, off);

	if (r != (ssize_t)n)
		die("short or failed", path);
}

static double content(const char *dir, enum io how, size_t n)
{
	const char *path = in(dir, "file");
	size_t ops = file_len / n;
	uint64_t x = 88172645463325252ull;
	double t;
	int fd;

	if (how == FIRST && unlink(path) && errno != ENOENT)
		die("unlink", path);
	fd = open(path, O_RDWR | O_CREAT, 0600);
	if (fd < 0)
		die("open", path);
	if (how >= RANDOM_READ && ops > 4096)
		ops = 4096;
	t = now();
	for (size_t i = 0; i < ops; i++) {
		off_t off = how >= RANDOM_READ ?
			(off_t)(next_random(&x) % (file_len / n) * n) : (off_t)(i * n);

		one_io(fd, how, n, off, path);
	}
	t = (now() - t) / (double)ops;
	close(fd);
	return t;
}

/* ---- names ---- */

static double make_and_remove(const char *dir)
{
	char name[32];
	double t = now();

	for (int i = 0; i < NAMES; i++) {
		int fd;

		snprintf(name, sizeof(name), "n%d", i);
		fd = open(in(dir, name), O_RDWR | O_CREAT | O_EXCL, 0600);
		if (fd < 0 || close(fd) || unlink(in(dir, name)))
			die("create or unlink", in(dir, name));
	}
	return (now() - t) / NAMES;
}

static double stats(const char *dir)
{
	struct stat st;
	double t = now();

	for (int i = 0; i < tree_nr; i++)
		if (stat(in(dir, tree[i]), &st))
			die("stat", in(dir, tree[i]));
	return (now() - t) / tree_nr;
}

static double opens(const char *dir)
{
	double t = now();

	for (int i = 0; i < tree_nr; i++) {
		int fd = open(in(dir, tree[i]), O_RDONLY);

		if (fd < 0 || close(fd))
			die("open", in(dir, tree[i]));
	}
	return (now() - t) / tree_nr;
}

/* ns per entry of all folders that the tree's files are in */
static double listings(const char *dir)
{
	const char *last = "";
	char folder[256];
	long entries = 0;
	double t = now();

	for (int i = 0; i < tree_nr; i++) {
		size_t len = strrchr(tree[i], '/') ?
			     (size_t)(strrchr(tree[i], '/') - tree[i]) : 0;
		DIR *d;

		if (strlen(last) > len && !strncmp(last, tree[i], len) && last[len] == '/')
			continue;
		last = tree[i];
		snprintf(folder, sizeof(folder), "%.*s", (int)len, tree[i]);
		d = opendir(in(dir, folder));
		if (!d)
			die("opendir", in(dir, folder));
		while (readdir(d))
			entries++;
		closedir(d);
	}
	return (now() - t) / (double)(entries ? entries : 1);
}

/* ---- mappings ---- */

static long faults(void)
{
	struct rusage ru;

	getrusage(RUSAGE_SELF, &ru);
	return ru.ru_minflt + ru.ru_majflt;
}

/* Page faults of a look at each page, per 2 MiB of the file. */
static double map_faults(const char *dir)
{
	const char *path = in(dir, "file");
	int fd = open(path, O_RDONLY);
	volatile char *p = fd < 0 ? MAP_FAILED :
		mmap(NULL, file_len, PROT_READ, MAP_SHARED, fd, 0);
	char sum = 0;
	long before;

	if (p == MAP_FAILED)
		die("mmap", path);
	before = faults();
	for (size_t i = 0; i < file_len; i += 4096)
		sum = (char)(sum + p[i]);
	before = faults() - before;
	munmap((void *)(uintptr_t)p, file_len);
	close(fd);
	return (double)before / ((double)file_len / (2 << 20)) + 0 * sum;
}

/* ---- questions ---- */

struct question {
	const char *what, *unit;
	double (*ask)(const struct question *, const char *dir);
	enum io how;
	size_t n;
	int tree;		/* of the trees */
	double target;		/* ratio, at most; 0: none */
};

static double ask_content(const struct question *q, const char *dir)
{
	return content(dir, q->how, q->n);
}

static double ask_create(const struct question *q, const char *dir)
{
	(void)q;
	return make_and_remove(dir);
}

static double ask_stat(const struct question *q, const char *dir)
{
	(void)q;
	return stats(dir);
}

static double ask_open(const struct question *q, const char *dir)
{
	(void)q;
	return opens(dir);
}

static double ask_list(const struct question *q, const char *dir)
{
	(void)q;
	return listings(dir);
}

static double ask_faults(const struct question *q, const char *dir)
{
	(void)q;
	return map_faults(dir);
}

static const struct question questions[] = {
	{ "first write 4K", "ns", ask_content, FIRST, 4096, 0, 1.0 },
	{ "first write 64K", "ns", ask_content, FIRST, 65536, 0, 1.0 },
	{ "first write 1M", "ns", ask_content, FIRST, 1 << 20, 0, 1.0 },
	{ "rewrite 4K", "ns", ask_content, AGAIN, 4096, 0, 1.0 },
	{ "rewrite 64K", "ns", ask_content, AGAIN, 65536, 0, 1.0 },
	{ "rewrite 1M", "ns", ask_content, AGAIN, 1 << 20, 0, 1.0 },
	{ "read 4K", "ns", ask_content, READ, 4096, 0, 1.0 },
	{ "read 64K", "ns", ask_content, READ, 65536, 0, 1.0 },
	{ "read 1M", "ns", ask_content, READ, 1 << 20, 0, 1.0 },
	{ "random read 4K", "ns", ask_content, RANDOM_READ, 4096, 0, 1.0 },
	{ "random write 4K", "ns", ask_content, RANDOM_WRITE, 4096, 0, 1.0 },
	{ "page faults per 2 MiB", "faults", ask_faults, 0, 0, 0, 0 },
	{ "create+unlink", "ns", ask_create, 0, 0, 0, 0 },
	{ "stat of a tree", "ns", ask_stat, 0, 0, 1, 1.0 / 0.95 },
	{ "open of a tree", "ns", ask_open, 0, 0, 1, 1.0 / 0.95 },
	{ "readdir of a tree", "ns", ask_list, 0, 0, 1, 1.0 / 0.95 },
};

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *v)
{
	qsort(v, (size_t)rounds, sizeof(*v), compare);
	return rounds % 2 ? v[rounds / 2] : (v[rounds / 2 - 1] + v[rounds / 2]) / 2;
}

static void run(const struct question *q, const char *ours, const char *peer)
{
	double us[MAX_ROUNDS], them[MAX_ROUNDS], again[MAX_ROUNDS];
	double a, b, c, ratio;
	char met[8] = "";

	for (int i = 0; i < rounds; i++) {
		us[i] = q->ask(q, ours);
		them[i] = q->ask(q, peer);
		again[i] = q->ask(q, peer);
		bench_round(q->what, i, us[i], them[i]);
	}
	a = median(us);
	b = median(them);
	c = median(again);
	ratio = b > 0 ? a / b : 0;
	if (q->target > 0)
		snprintf(met, sizeof(met), "%s", ratio <= q->target ? "yes" : "no");
	printf("%s,%.1f,%.1f,%s,%.3f,", q->what, a, b, q->unit, ratio);
	if (q->target > 0)
		printf("<=%.2f", q->target);
	printf(",%s\n", met);
	if (b > 0)
		printf("control: %s,%.1f,%.1f,%s,%.3f,,\n", q->what, c, b, q->unit, c / b);
	fflush(stdout);
}

/* ---- the tree ---- */

static void list_tree(const char *top, const char *below)
{
	DIR *d = opendir(in(top, below));
	struct dirent *de;
	char name[512];

	if (!d)
		die("opendir", in(top, below));
	while (tree_nr < TREE_MAX && (de = readdir(d))) {
		struct stat st;

		if (de->d_name[0] == '.')
			continue;
		snprintf(name, sizeof(name), "%s%s%.200s", below, *below ? "/" : "",
			 de->d_name);
		if (lstat(in(top, name), &st))
			die("lstat", in(top, name));
		if (S_ISDIR(st.st_mode) && strlen(name) < 128)
			list_tree(top, name);
		else if (S_ISREG(st.st_mode) && strlen(name) < 256)
			snprintf(tree[tree_nr++], sizeof(tree[0]), "%.255s", name);
	}
	closedir(d);
}

static int usage(void)
{
	fprintf(stderr, "usage: mount_ops [--rounds N] [--mib N] OURS PEER "
		"[OURS_TREE PEER_TREE]\n");
	return 2;
}

int main(int argc, char **argv)
{
	size_t i;

	for (; argc > 2 && argv[1][0] == '-'; argv += 2, argc -= 2) {
		long n = strtol(argv[2], NULL, 10);

		if (!strcmp(argv[1], "--rounds") && n > 0 && n <= MAX_ROUNDS)
			rounds = (int)n;
		else if (!strcmp(argv[1], "--mib") && n > 0 && n <= 4096)
			file_len = (size_t)n << 20;
		else
			return usage();
	}
	if (argc != 3 && argc != 5)
		return usage();
	buf = aligned_alloc(4096, 1 << 20);
	if (!buf)
		die("memory", "1 MiB");
	memset(buf, 'x', 1 << 20);
	if (argc == 5)
		list_tree(argv[4], "");
	puts("question,ours,peer,unit,ratio,target,met");
	for (i = 0; i < sizeof(questions) / sizeof(*questions); i++) {
		if (questions[i].tree && argc < 5)
			continue;
		run(&questions[i], argv[questions[i].tree ? 3 : 1],
		    argv[questions[i].tree ? 4 : 2]);
	}
	free(buf);
	return 0;
}
