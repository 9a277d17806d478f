// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The core on memory that may show old values: orders that are missing fail.
 */
#include "pairs.h"
#include "race.h"

int main(int argc, char **argv)
{
	static const struct race_effort effort = {
		.of_program = 200, .programs = 300, .of_random = 20, .weak = 1,
	};
	struct test test[PAIR_TESTS + RACE_TESTS];
	u32 nr = pair_tests(test);

	nr += race_tests(&effort, test + nr);
	return harness_main(argc, argv, test, nr);
}
