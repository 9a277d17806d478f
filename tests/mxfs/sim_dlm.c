// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Histories of simulated clusters of lock managers, one per seed.
 *
 * Notes: stops at the first that is wrong, and says its seed. SIM_SEED and
 * SIM_RUNS are as for the other simulators: the first seed, and how many times
 * as many. With --verbose a history tells of views and faults.
 *
 * usage: sim_dlm [--seed N] [--runs N] [--jobs N] [--verbose]
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "world.h"

#define RUNS		10000u
#define JOBS_MOST	64u

struct options {
	uint64_t seed, runs;
	unsigned int jobs;
	int verbose;
};

static struct world world;

static uint64_t from_environment(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text && *text ? strtoull(text, NULL, 0) : otherwise;
}

static int usage(void)
{
	fputs("usage: sim_dlm [--seed N] [--runs N] [--jobs N] [--verbose]\n",
	      stderr);
	return 2;
}

static int parse(int argc, char **argv, struct options *o)
{
	static const struct option names[] = {
		{ "seed", 1, NULL, 's' }, { "runs", 1, NULL, 'r' },
		{ "jobs", 1, NULL, 'j' }, { "verbose", 0, NULL, 'v' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", names, NULL)) != -1) {
		if (c == 's')
			o->seed = strtoull(optarg, NULL, 0);
		else if (c == 'r')
			o->runs = strtoull(optarg, NULL, 0);
		else if (c == 'j')
			o->jobs = (unsigned int)strtoul(optarg, NULL, 0);
		else if (c == 'v')
			o->verbose = 1;
		else
			return usage();
	}
	return optind == argc && o->jobs && o->jobs <= JOBS_MOST && o->runs ?
		0 : usage();
}

static void add(uint64_t sum[], const struct world *w)
{
	const uint64_t part[] = { w->events, w->grants, w->views, w->lost,
				  w->stale, w->deadlocks };

	for (unsigned int i = 0; i < sizeof(part) / sizeof(part[0]); i++)
		sum[i] += part[i];
}

static int run(uint64_t seed, uint64_t runs, int verbose)
{
	uint64_t sum[6] = { 0 };

	world.verbose = verbose;
	for (uint64_t i = 0; i < runs; i++) {
		sim_run(&world, seed + i);
		add(sum, &world);
	}
	printf("ok   dlm: %llu histories, %llu events, %llu grants, %llu times "
	       "resumed, %llu streams lost, %llu stale messages, %llu deadlocks "
	       "denied\n", (unsigned long long)runs, (unsigned long long)sum[0],
	       (unsigned long long)sum[1], (unsigned long long)sum[2],
	       (unsigned long long)sum[3], (unsigned long long)sum[4],
	       (unsigned long long)sum[5]);
	free(world.conn);
	free(world.heap);
	return 0;
}

static int run_jobs(const struct options *o)
{
	int status, failed = 0;
	pid_t pid;

	for (unsigned int i = 0; i < o->jobs; i++) {
		fflush(stdout);
		pid = fork();
		if (!pid)
			exit(run(o->seed + i * (o->runs / o->jobs + 1),
				 o->runs / o->jobs + 1, o->verbose));
		if (pid < 0)
			failed = 1;
	}
	while (wait(&status) > 0)
		failed |= status != 0;
	return failed;
}

int main(int argc, char **argv)
{
	struct options o = {
		.seed = from_environment("SIM_SEED", 1), .jobs = 1,
		.runs = RUNS * from_environment("SIM_RUNS", 1),
	};
	int failed = parse(argc, argv, &o);

	if (failed)
		return failed;
	failed = o.jobs > 1 ? run_jobs(&o) : run(o.seed, o.runs, o.verbose);
	printf("%d passed, %d failed, 0 skipped\n", !failed, failed);
	return failed;
}
