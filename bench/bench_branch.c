// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What do branches cost: making, committing, aborting; many, deep, and often?
 *
 * Notes: one CSV row per question: question,ours,peer,unit,ratio,target,met. The core
 * alone, over unnamed memory; the peer is overlayfs, mounted by mount(2) in a mount
 * namespace of our own, where that is allowed (else its row says so), or the same
 * without branches, in turns. Times are medians. --quick shows that it runs.
 *
 * Parameters: a tree of 10 or of 100 000 empty files in directories of 1000; branches
 * with 1, 1000 and 100 000 changed files; 10 000 commits of one file each; stacks of 8
 * layers; 32 branches in turns, in two processes.
 */
#define _GNU_SOURCE	/* unshare */
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core.h"
#include "pool.h"
#include "rounds.h"

#define MIB		(1ull << 20)
#define DIR_NAMES	1000u
#define ROUNDS_MAX	4096u
#define MANY		32u

struct fs {			/* a region and one host of it */
	void *base;
	u64 len;
	struct daxfs_region rg;
	struct daxfs_cx cx;
};

static int quick;

static void die(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(1);
}

static void must_at(s64 r, const char *what)
{
	if (r < 0)
		die("bench_branch: %s: %s", what, strerror((int)-r));
}

#define MUST(call) must_at(call, #call)

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;	/* us */
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double median(double *v, u32 nr)
{
	qsort(v, nr, sizeof(*v), compare);
	return v[nr / 2];
}

/* at_most: the ratio is to be no more than target, else no less. */
static void row(const char *question, double ours, double peer, const char *unit,
		double target, int at_most)
{
	double ratio = ours / peer;

	printf("%s,%.4g,%.4g,%s,%.3f,%s%.2f,%s\n", question, ours, peer, unit, ratio,
	       at_most ? "<=" : ">=", target,
	       (at_most ? ratio <= target : ratio >= target) ? "yes" : "no");
	fflush(stdout);
	bench_round(question, 0, ours, peer);
}

/* ---- a region ---- */

static void host(struct fs *fs)
{
	const struct daxfs_host_id id = { .kind = DAXFS_HOST_TOOL, .pid = (u32)getpid() };

	MUST(daxfs_region_open(&fs->rg, fs->base, fs->len, 1, NULL, 0));
	MUST(daxfs_host_join(&fs->rg, &id));
	MUST(daxfs_cx_init(&fs->cx, &fs->rg, 0));
}

static void make_region(struct fs *fs, u64 len, int branching)
{
	struct daxfs_geometry g = {
		.region_len = len, .overlay = 1, .mode = DAXFS_MODE_EMPTY,
		.branching = branching, .buckets = 65536, .root_mode = 0755,
		.uuid = { 1 },
	};
	u64 needed;

	fs->len = len;
	fs->base = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS |
			MAP_NORESERVE, -1, 0);
	if (fs->base == MAP_FAILED)
		die("bench_branch: no memory of %llu bytes", (unsigned long long)len);
	MUST(daxfs_plan(&g, &needed));
	MUST(daxfs_format(&g, fs->base, len));
	host(fs);
}

static void drop_region(struct fs *fs)
{
	MUST(daxfs_host_leave(&fs->cx));
	munmap(fs->base, fs->len);
}

static u64 branch(struct fs *fs, u64 parent)
{
	static u32 nr;
	char name[32];
	u64 id;

	snprintf(name, sizeof(name), "b%u", nr++);
	MUST(daxfs_branch_create(&fs->cx, parent, name, DAXFS_BRANCH_KEEP, &id));
	return id;
}

static void tidy(struct fs *fs)
{
	while (daxfs_tidy(&fs->cx) > 0)
		;
}

/* ---- trees ---- */

static u64 dir_of(struct fs *fs, u32 nr)
{
	const struct daxfs_new what = { .mode = S_IFDIR | 0755 };
	struct daxfs_stat st;
	char name[16];
	int r;

	snprintf(name, sizeof(name), "d%u", nr);
	r = daxfs_lookup(&fs->cx, DAXFS_ROOT_INO, name, (u32)strlen(name), &st);
	if (r)
		MUST(daxfs_create(&fs->cx, DAXFS_ROOT_INO, name, (u32)strlen(name),
				  &what, &st));
	return st.ino;
}

static void add_files(struct fs *fs, u32 nr)
{
	const struct daxfs_new what = { .mode = S_IFREG | 0644 };
	u64 dir = 0;

	for (u32 i = 0; i < nr; i++) {
		struct daxfs_stat st;
		char name[16];

		if (!(i % DIR_NAMES))
			dir = dir_of(fs, i / DIR_NAMES);
		snprintf(name, sizeof(name), "f%u", i % DIR_NAMES);
		MUST(daxfs_create(&fs->cx, dir, name, (u32)strlen(name), &what, &st));
	}
}

static u64 file_at(struct fs *fs, u32 i)
{
	struct daxfs_stat st;
	char name[16];
	u64 dir = dir_of(fs, i / DIR_NAMES);

	snprintf(name, sizeof(name), "f%u", i % DIR_NAMES);
	MUST(daxfs_lookup(&fs->cx, dir, name, (u32)strlen(name), &st));
	return st.ino;
}

static void change_files(struct fs *fs, u32 nr)
{
	const struct daxfs_setattr sa = { .set = DAXFS_SET_MODE, .mode = 0600 };

	for (u32 i = 0; i < nr; i++)
		MUST(daxfs_setattr(&fs->cx, file_at(fs, i), &sa, NULL));
}

static void write_at(struct fs *fs, u64 ino, u64 off, u32 len)
{
	static u8 bytes[65536];
	struct daxfs_file f;

	MUST(daxfs_open(&fs->cx, ino, 0, &f));
	MUST(daxfs_write(&fs->cx, &f, off, bytes, len));
	MUST(daxfs_close(&fs->cx, ino));
}

/* main gets a tree of that many files, by a commit. */
static void plant(struct fs *fs, u32 files)
{
	u64 id = branch(fs, 0);

	MUST(daxfs_branch_mount(&fs->cx, id));
	add_files(fs, files);
	MUST(daxfs_branch_commit(&fs->cx, id, 0));
	file_at(fs, 0);		/* look: it is main now */
	tidy(fs);
}

/* ---- create, beside a mount of overlayfs ---- */

static double overlay_mount(u32 rounds)
{
	static double v[ROUNDS_MAX];
	const char *options = "lowerdir=/tmp/l,upperdir=/tmp/u,workdir=/tmp/w";

	if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("none", "/tmp", "tmpfs", 0, NULL) || mkdir("/tmp/l", 0755) ||
	    mkdir("/tmp/u", 0755) || mkdir("/tmp/w", 0755) || mkdir("/tmp/m", 0755))
		return 0;
	for (u32 i = 0; i < rounds; i++) {
		double t = now();

		if (mount("none", "/tmp/m", "overlay", 0, options))
			return 0;
		v[i] = now() - t;
		if (umount("/tmp/m"))
			return 0;
	}
	return median(v, rounds);
}

/* In a process of its own, so that its namespace is not ours. */
static double overlay_in_child(u32 rounds)
{
	double *result = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
			      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid = fork();

	if (!pid) {
		*result = overlay_mount(rounds);
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, NULL, 0) != pid)
		die("bench_branch: fork");
	return *result;
}

static double create_time(u32 files, u32 rounds)
{
	static double v[ROUNDS_MAX];
	struct fs fs;
	double t;

	make_region(&fs, 512 * MIB, 1);
	plant(&fs, files);
	for (u32 i = 0; i < rounds; i++) {
		u64 id;

		t = now();
		id = branch(&fs, 0);
		v[i] = now() - t;
		MUST(daxfs_branch_abort(&fs.cx, id));
		tidy(&fs);
	}
	drop_region(&fs);
	return median(v, rounds);
}

static void creates(void)
{
	u32 rounds = quick ? 5 : 101;
	double few = create_time(10, rounds);
	double many = create_time(quick ? 1000 : 100000, rounds);
	double peer = overlay_in_child(rounds);

	if (peer > 0)
		row("branch create / mount of overlayfs", many, peer, "us", 1, 1);
	else
		fputs("bench_branch: no overlayfs to mount, which needs root: that row "
		      "is left out\n", stderr);
	row("branch create among 100000 files / among 10", many, few, "us", 1.5, 1);
}

/* ---- commit and abort ---- */

/* Bytes that do not fit into the processor's caches. */
static u64 beyond_caches(void)
{
	long last = sysconf(_SC_LEVEL3_CACHE_SIZE);
	u64 len = last > 0 && !quick ? 2 * (u64)last : 0;

	return len > 64 * MIB ? len : 64 * MIB;
}

/* What was changed is not in the processor's caches any more, much or little. */
static void forget_caches(void)
{
	static u8 *other;
	static u64 len;
	static u8 sum;

	if (!other) {
		len = beyond_caches();
		other = malloc(len);
		if (!other)
			die("bench_branch: no memory");
		memset(other, 1, len);
	}
	for (u64 i = 0; i < len; i += 64)
		sum = (u8)(sum + other[i]);
	other[0] = sum;
}

static double end_time(u32 files, u32 changed, u32 rounds, int aborts)
{
	static double v[ROUNDS_MAX];
	struct fs fs;

	make_region(&fs, 1024 * MIB, 1);
	plant(&fs, files);
	for (u32 i = 0; i < rounds; i++) {
		u64 id = branch(&fs, 0);
		double t;

		MUST(daxfs_branch_mount(&fs.cx, id));
		change_files(&fs, changed);
		forget_caches();
		t = now();
		if (aborts)
			MUST(daxfs_branch_abort(&fs.cx, id));
		else
			MUST(daxfs_branch_commit(&fs.cx, id, 0));
		v[i] = now() - t;
		MUST(daxfs_branch_leave(&fs.cx));
		file_at(&fs, 0);
		tidy(&fs);
	}
	drop_region(&fs);
	return median(v, rounds);
}

static void ends(void)
{
	u32 all = quick ? 1000 : 100000, some = quick ? 100 : 1000;
	double one = end_time(all, 1, quick ? 5 : 51, 0);
	double more = end_time(all, some, quick ? 5 : 21, 0);
	double most = end_time(all, all, quick ? 5 : 15, 0);

	row("commit of 1 changed file / 100 us", one, 100, "us", 1, 1);
	row("commit of 1000 changed files / 100 us", more, 100, "us", 1, 1);
	row("commit of 100000 changed files / 100 us", most, 100, "us", 1, 1);
	row("commit of 100000 changed files / of 1", most, one, "us", 2, 1);
	one = end_time(all, 1, quick ? 5 : 51, 1);
	most = end_time(all, all, quick ? 5 : 15, 1);
	row("abort of 1 changed file / 50 us", one, 50, "us", 1, 1);
	row("abort of 100000 changed files / 50 us", most, 50, "us", 1, 1);
}

/* ---- a long series ---- */

static double lookups(struct fs *fs, u32 files)
{
	static double v[64];
	u64 seed = 1;

	for (u32 i = 0; i < 64; i++) {
		double t = now();

		for (u32 k = 0; k < 200; k++) {
			seed = seed * 6364136223846793005ull + 1;
			file_at(fs, (u32)(seed >> 33) % files);
		}
		v[i] = (now() - t) / 200;
	}
	return median(v, 64);
}

static void series(void)
{
	u32 files = quick ? 1000 : 100000, nr = quick ? 200 : 10000, part = nr / 10;
	static double v[ROUNDS_MAX];
	double first = 0, last = 0, look[2];
	struct daxfs_statfs st;
	u64 used;
	struct fs fs;

	make_region(&fs, 1024 * MIB, 1);
	plant(&fs, files);
	look[0] = lookups(&fs, files);
	MUST(daxfs_statfs(&fs.cx, &st));
	used = st.pages - st.pages_free;
	for (u32 i = 0; i < nr; i++) {
		u64 id;
		double t = now();

		id = branch(&fs, 0);
		MUST(daxfs_branch_mount(&fs.cx, id));
		write_at(&fs, file_at(&fs, i % 1000), 0, 100);
		MUST(daxfs_branch_commit(&fs.cx, id, 0));
		MUST(daxfs_branch_leave(&fs.cx));
		/* What a server does in its ticks, in the time of the commit. */
		for (u32 k = 0; k < 8; k++)
			MUST(daxfs_tidy(&fs.cx));
		v[i % part] = now() - t;
		if (i == part - 1)
			first = median(v, part);
	}
	last = median(v, part);
	look[1] = lookups(&fs, files);
	tidy(&fs);
	daxfs_reclaim(&fs.cx);
	MUST(daxfs_statfs(&fs.cx, &st));
	row("10000 commits: last tenth / first", last, first, "us", 1.2, 1);
	row("lookup behind 10000 commits / before", look[1], look[0], "us", 1.2, 1);
	row("memory behind 10000 commits / before", (double)(st.pages - st.pages_free) /
	    256, (double)used / 256, "MiB", 1.2, 1);
	drop_region(&fs);
}

/* ---- deep, and many ---- */

static double tree_work(struct fs *fs, u32 files)
{
	double t = now();
	u64 sum = 0;

	add_files(fs, files);
	for (u32 i = 0; i < files; i++)
		write_at(fs, file_at(fs, i), 0, 6000);
	for (u32 k = 0; k < 4; k++)
		for (u32 i = 0; i < files; i++)
			sum += file_at(fs, i);
	return sum ? now() - t : 0;
}

/* Empty layers below do not count: each has a change. */
static void deepen(struct fs *fs, u32 depth)
{
	u64 id = 0;

	for (u32 i = 0; i < depth; i++) {
		id = branch(fs, id);
		MUST(daxfs_branch_mount(&fs->cx, id));
		for (u32 k = 0; k < 50; k++)
			dir_of(fs, 1000 + i * 100 + k);
	}
}

static void depths(void)
{
	static double ours[16], deep[16], flat[16];
	u32 rounds = quick ? 1 : 5, files = quick ? 500 : 10000;

	for (u32 i = 0; i < rounds; i++) {
		struct fs fs;

		make_region(&fs, 512 * MIB, 0);
		flat[i] = tree_work(&fs, files);
		drop_region(&fs);
		make_region(&fs, 512 * MIB, 1);
		deepen(&fs, 1);
		ours[i] = tree_work(&fs, files);
		drop_region(&fs);
		make_region(&fs, 512 * MIB, 1);
		deepen(&fs, 8);
		deep[i] = tree_work(&fs, files);
		drop_region(&fs);
	}
	row("a tree in a branch / without branches", median(ours, rounds),
	    median(flat, rounds), "us", 1.1, 1);
	row("a tree in a branch at depth 8 / without branches", median(deep, rounds),
	    median(flat, rounds), "us", 1.3, 1);
}

/* Each of MANY trees grows a bit in turn; two processes have half of them each. */
static double many_time(struct fs *fs, const u64 *id, u32 nr, u32 steps)
{
	double t = now();
	pid_t pid[2];

	for (u32 p = 0; p < 2; p++) {
		pid[p] = fork();
		if (pid[p] < 0)
			die("bench_branch: fork");
		if (pid[p])
			continue;
		for (u32 i = p; i < nr; i += 2) {
			struct fs *one = &fs[id ? 0 : i];

			host(one);
			MUST(daxfs_branch_mount(&one->cx, id ? id[i] : 0));
			add_files(one, steps);
			for (u32 k = 0; k < steps; k++)
				write_at(one, file_at(one, k), 0, 4096);
		}
		_exit(0);
	}
	for (u32 p = 0; p < 2; p++)
		waitpid(pid[p], NULL, 0);
	return now() - t;
}

static void many(void)
{
	static struct fs fs[MANY];
	static double ours[16], peer[16];
	u32 rounds = quick ? 1 : 5, steps = quick ? 50 : 1000;
	u64 id[MANY];

	for (u32 k = 0; k < rounds; k++) {
		for (u32 i = 0; i < MANY; i++)
			make_region(&fs[i], 64 * MIB, 0);
		peer[k] = many_time(fs, NULL, MANY, steps);
		for (u32 i = 0; i < MANY; i++)
			munmap(fs[i].base, fs[i].len);
		make_region(&fs[0], MANY * 32 * MIB, 1);
		for (u32 i = 0; i < MANY; i++)
			id[i] = branch(&fs[0], 0);
		ours[k] = many_time(fs, id, MANY, steps);
		munmap(fs[0].base, fs[0].len);
	}
	row("32 branches: rate of writing / 32 regions", 1 / median(ours, rounds),
	    1 / median(peer, rounds), "1/us", 0.9, 0);
}

int main(int argc, char **argv)
{
	if (argc > 2 || (argc == 2 && strcmp(argv[1], "--quick") != 0)) {
		fprintf(stderr, "usage: bench_branch [--quick]\n");
		return 2;
	}
	quick = argc == 2;
	puts("question,ours,peer,unit,ratio,target,met");
	creates();
	ends();
	series();
	depths();
	many();
	return 0;
}
