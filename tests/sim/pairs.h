/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One small scenario for each pairing of docs/memory-ordering.md.
 */
#ifndef DAXFS_TESTS_SIM_PAIRS_H
#define DAXFS_TESTS_SIM_PAIRS_H

#include "harness.h"

#define PAIR_TESTS	40u	/* at most */

/* Fill test[PAIR_TESTS]; returns their number. */
u32 pair_tests(struct test *test);

#endif
