/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One operation on a small tree, for tests that cut it off at each step.
 *
 * Notes: setup runs on hosts 0 and 1 of a world just made, op on one of them
 * with nobody else at work.
 */
#ifndef DAXFS_TESTS_SIM_SCENARIO_H
#define DAXFS_TESTS_SIM_SCENARIO_H

#include "world.h"

#define SCENARIOS_MAX	200u

struct scenario {
	const char *name;
	void (*setup)(struct world *w);
	s64 (*op)(struct daxfs_cx *cx, struct world *w);
	s64 result;		/* of op when nobody stops */
	u64 buckets;
	int crash_only;		/* no power cuts: host 0 can do nothing before,
				 * it fails, or it takes too long */
};

extern const struct scenario scenarios[];
extern const u32 scenario_nr;

#endif
