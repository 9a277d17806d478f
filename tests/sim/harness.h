/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What all tests on the simulator share: counting, and the amount of work.
 *
 * Notes: a test is a function that returns 0 or says with FAIL() what went
 * wrong and how to see it again. One line per test; harness_end() prints the
 * sum and gives the exit status.
 */
#ifndef DAXFS_TESTS_SIM_HARNESS_H
#define DAXFS_TESTS_SIM_HARNESS_H

#include <stdio.h>

#include "sim.h"

struct test {
	const char *name;
	int (*fn)(const void *arg);	/* 0: passed */
	const void *arg;
};

/* Say why the test that runs fails; the value is -1. */
#define FAIL(...) harness_fail(__FILE__, __LINE__, __VA_ARGS__)
int harness_fail(const char *file, int line, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Added to the line of the test that runs: "12 crash points". */
void harness_covered(u64 nr, const char *what);
/* nr times SIM_RUNS (1 by default), and 20 times that with SIM_LONG. */
u64 harness_runs(u64 nr);
/* First seed: SIM_SEED, 1 by default. */
u64 harness_seed(void);
/*
 * Run those whose name contains the first argument of the command line, or
 * all. The result is main()'s: 0 passed, 1 failed, 2 wrong arguments.
 */
int harness_main(int argc, char **argv, const struct test *test, u32 nr);

#endif
