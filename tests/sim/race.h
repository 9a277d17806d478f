/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Programs of two or three hosts at once, for the tests that run them.
 */
#ifndef DAXFS_TESTS_SIM_RACE_H
#define DAXFS_TESTS_SIM_RACE_H

#include "harness.h"

#define RACE_TESTS	80u	/* at most */

struct race_effort {
	u32 of_program;		/* schedules of each named program */
	u32 points;		/* of its steps, at most, with one switch each */
	u32 programs;		/* random ones */
	u32 of_random;		/* schedules of each */
	int weak;		/* loads may be old */
};

/* Fill test[RACE_TESTS]; returns their number. */
u32 race_tests(const struct race_effort *effort, struct test *test);

#endif
