// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A driver of the fuzz target for compilers without libFuzzer: replays files,
 * and makes inputs at random until so many bytes were flipped.
 *
 * Notes: inputs run in children, and the parent saves the one that fails as
 * crash-SEED-NUMBER (--save: where; replayed files are there already). An input
 * that takes half a minute of processor time is ended by a signal: the last resort,
 * since the number of accesses has a bound. Exit: 0 all held, 1 a failure, 2 usage.
 *
 * usage: fuzz_region [--flips N] [--seed S] [--jobs N] [--thread]
 *                    [--save FOLDER] [FILE|FOLDER]...
 *        fuzz_region --image NAME [--seed S] [FILE]: the changed region only
 */
#include <dirent.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "fuzz.h"

#define INPUT_MOST	4096u
#define SEEDS_MOST	4096u
#define JOBS_MOST	64u
#define WATCH_SECONDS	30u

struct input {			/* shared with the parent, who saves it */
	u8 data[INPUT_MOST];
	size_t size;
	char path[4096];	/* where a failing input goes, or lies */
	int is_file;
};

static struct input *input;

static struct {
	char *path;
	u8 *data;
	size_t size;
} seeds[SEEDS_MOST];

static u32 seed_nr;
static const char *save_to = ".";
static int threads;

/* ---- a child for what may fail ---- */

/* Processor time: other load of the machine is no failure. */
static void one(void)
{
	struct itimerval watch = { .it_value = { .tv_sec = WATCH_SECONDS } };

	setitimer(ITIMER_PROF, &watch, NULL);
	fuzz_input(input->data, input->size);
}

static void save(const struct input *in, int status)
{
	FILE *f;

	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGPROF)
		fprintf(stderr, "fuzz: FAILED: no end in half a minute of processor time\n");
	fprintf(stderr, "fuzz: the input is %s\n", in->path);
	if (in->is_file)
		return;
	f = fopen(in->path, "wb");
	if (!f || fwrite(in->data, 1, in->size, f) != in->size)
		fprintf(stderr, "fuzz: could not save it: %s\n", strerror(errno));
	if (f)
		fclose(f);
}

struct job {
	pid_t pid;
	struct input *in;
};

/* In the child 1, with an input of its own. */
static int job_begin(struct job *job)
{
	job->in = mmap(NULL, sizeof(*job->in), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (job->in == MAP_FAILED)
		fuzz_fail("no memory");
	fflush(stdout);
	job->pid = fork();
	if (job->pid < 0)
		fuzz_fail("no process");
	if (job->pid)
		return 0;
	input = job->in;
	return 1;
}

static int job_end(struct job *job)
{
	int status;

	if (waitpid(job->pid, &status, 0) != job->pid)
		fuzz_fail("no child");
	if (status)
		save(job->in, status);
	munmap(job->in, sizeof(*job->in));
	return status;
}

/* ---- files ---- */

static void take_file(const char *path)
{
	FILE *f = fopen(path, "rb");
	u8 *data = malloc(INPUT_MOST);

	if (!f || !data || seed_nr == SEEDS_MOST) {
		fprintf(stderr, "fuzz_region: %s: %s\n", path, f ? "too many" :
			strerror(errno));
		exit(2);
	}
	seeds[seed_nr].path = strdup(path);
	seeds[seed_nr].size = fread(data, 1, INPUT_MOST, f);
	seeds[seed_nr++].data = data;
	fclose(f);
}

static void take_all(const char *path)
{
	struct dirent **list;
	int nr = scandir(path, &list, NULL, alphasort);
	char name[4096];

	if (nr < 0) {
		take_file(path);
		return;
	}
	for (int i = 0; i < nr; i++) {
		if (list[i]->d_name[0] != '.' &&
		    !strchr(list[i]->d_name, '.')) {	/* not NAME.txt */
			snprintf(name, sizeof(name), "%s/%s", path,
				 list[i]->d_name);
			take_file(name);
		}
		free(list[i]);
	}
	free(list);
}

/* ---- at random ---- */

static void random_bytes(struct fuzz_random *r, u8 *to, size_t n)
{
	for (size_t i = 0; i < n; i++)
		to[i] = (u8)(fuzz_next(r) >> 13);
}

/* A seed with some bytes changed, or nothing that was there before. */
static void random_input(struct fuzz_random *r)
{
	u64 n = fuzz_next(r);
	u8 *head = input->data;

	if (seed_nr && n & 1) {
		u32 i = (u32)(n >> 8) % seed_nr;

		input->size = seeds[i].size;
		memcpy(input->data, seeds[i].data, input->size);
		for (u32 k = 0; k < (n >> 40) % 8 && input->size; k++)
			input->data[fuzz_next(r) % input->size] =
				(u8)(fuzz_next(r) >> 9);
		if (input->size < 8)
			random_bytes(r, head + input->size, 8);
	} else {
		input->size = 8 + (n >> 8) % 300;
		random_bytes(r, input->data, input->size);
		head[2] %= 24;
		head[0] = n >> 32 & 3 ? 2 : head[0];
	}
	if (input->size < 8)
		input->size = 8;
	random_bytes(r, head + 3, 5);
	/* Few changes reach far, many reach much. */
	head[5] = (u8)((n >> 53) % (n >> 49 & 15 ? 10 : 13));
	/* Threads are slow: some inputs only. */
	head[1] &= threads && !(n >> 44 & 31) ? 0x3f : 0x3f & ~FUZZ_F_THREAD;
	if (n >> 60 & 1)
		head[1] &= (u8)~(FUZZ_F_LIVE | FUZZ_F_RDONLY);
	if (!(n >> 61 & 3))
		head[1] |= FUZZ_F_XATTR;
	if ((n >> 61 & 3) == 1)
		head[1] |= FUZZ_F_LAYERS;
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void report(u64 seed, double from)
{
	double took = now() - from;

	printf("seed %llu: %llu inputs (%llu opened), %llu patches, %llu bytes "
	       "flipped, %llu calls; most %llu accesses (%s), %llu ms waited; "
	       "%.0f inputs/s, %.0f flips/s\n",
	       (unsigned long long)seed, (unsigned long long)fuzz_stats.inputs,
	       (unsigned long long)fuzz_stats.opened,
	       (unsigned long long)fuzz_stats.patches,
	       (unsigned long long)fuzz_stats.flips,
	       (unsigned long long)fuzz_stats.calls,
	       (unsigned long long)fuzz_stats.most_steps, fuzz_stats.most_call,
	       (unsigned long long)fuzz_stats.most_waited / 1000000,
	       (double)fuzz_stats.inputs / took, (double)fuzz_stats.flips / took);
	fflush(stdout);
}

static void replay(void)
{
	double from = now();

	for (u32 i = 0; i < seed_nr; i++) {
		memcpy(input->data, seeds[i].data, seeds[i].size);
		input->size = seeds[i].size;
		input->is_file = 1;
		snprintf(input->path, sizeof(input->path), "%s", seeds[i].path);
		one();
	}
	report(0, from);
}

static void flip(u64 flips, u64 seed)
{
	double from = now(), told = from;

	for (u64 nr = 0; fuzz_stats.flips < flips; nr++) {
		struct fuzz_random r = { seed << 32 ^ nr };

		random_input(&r);
		snprintf(input->path, sizeof(input->path), "%s/crash-%llu-%llu",
			 save_to, (unsigned long long)seed,
			 (unsigned long long)nr);
		one();
		if (now() - told > 60) {
			told = now();
			report(seed, from);
		}
	}
	report(seed, from);
}

/* The region of a random input, or of the file named, as a file. */
static void write_image(const char *path, u64 seed)
{
	struct fuzz_random r = { seed };
	FILE *f = fopen(path, "wb");

	if (seed_nr) {
		memcpy(input->data, seeds[0].data, seeds[0].size);
		input->size = seeds[0].size;
	} else {
		random_input(&r);
		input->data[0] = (u8)(seed % FUZZ_PLAIN);
		input->data[5] = (u8)(1 + seed / FUZZ_PLAIN % 9);
	}
	fuzz_patched(input->data, input->size);
	if (!f || fwrite(fuzz_mem.base, 1, fuzz_mem.len, f) != fuzz_mem.len ||
	    fclose(f))
		fuzz_fail("%s: cannot write it", path);
}

static int replay_seeds(void)
{
	struct job job;

	if (!seed_nr)
		return 0;
	if (job_begin(&job)) {
		replay();
		exit(0);
	}
	return job_end(&job);
}

/* Each job has its own seed and an equal share. */
static int flip_by(u32 jobs, u64 flips, u64 seed)
{
	struct job job[JOBS_MOST];
	int failed = 0;

	for (u32 i = 0; i < jobs; i++) {
		if (job_begin(&job[i])) {
			flip(flips / jobs + 1, seed + i);
			exit(0);
		}
	}
	for (u32 i = 0; i < jobs; i++)
		failed |= job_end(&job[i]);
	return failed;
}

static int usage(void)
{
	fputs("usage: fuzz_region [--flips N] [--seed S] [--jobs N] [--thread]\n"
	      "                   [--save FOLDER] [FILE|FOLDER]...\n", stderr);
	return 2;
}

struct options {
	u64 flips, seed;
	u32 jobs;
	const char *image;
};

static int parse(int argc, char **argv, struct options *o)
{
	static const struct option names[] = {
		{ "flips", 1, NULL, 'f' }, { "seed", 1, NULL, 's' },
		{ "jobs", 1, NULL, 'j' }, { "thread", 0, NULL, 't' },
		{ "save", 1, NULL, 'o' }, { "image", 1, NULL, 'i' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", names, NULL)) != -1) {
		if (c == 'f')
			o->flips = strtoull(optarg, NULL, 0);
		else if (c == 's')
			o->seed = strtoull(optarg, NULL, 0);
		else if (c == 'j')
			o->jobs = (u32)strtoul(optarg, NULL, 0);
		else if (c == 'o')
			save_to = optarg;
		else if (c == 'i')
			o->image = optarg;
		else if (c == 't')
			threads = 1;
		else
			return usage();
	}
	return o->jobs && o->jobs <= JOBS_MOST ? 0 : usage();
}

int main(int argc, char **argv)
{
	struct options o = { .seed = 1, .jobs = 1 };
	int failed = parse(argc, argv, &o);

	if (failed)
		return failed;
	while (optind < argc)
		take_all(argv[optind++]);
	LLVMFuzzerInitialize(&argc, &argv);
	if (o.image) {
		static struct input in;

		input = &in;
		write_image(o.image, o.seed);
		return 0;
	}
	failed = replay_seeds();
	if (!failed && o.flips)
		failed = flip_by(o.jobs, o.flips, o.seed);
	printf("%d passed, %d failed, 0 skipped\n", !failed, !!failed);
	return !!failed;
}
