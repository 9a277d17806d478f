// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Two or three hosts at once, access by access: explored interleavings.
 */
#include "race.h"

int main(int argc, char **argv)
{
	static const struct race_effort effort = {
		.of_program = 200, .points = 1000, .programs = 500, .of_random = 40,
	};
	struct test test[RACE_TESTS];
	u32 nr = race_tests(&effort, test);

	return harness_main(argc, argv, test, nr);
}
