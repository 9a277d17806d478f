/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Is a history of overlapping operations linearizable?
 *
 * Notes: the search of Wing and Gong with the memory of Lowe: what was
 * linearized and the state that it led to are noted, and nothing is tried
 * twice. Two more things keep it short. Operations that change nothing
 * go first wherever they are possible, which loses no order. And what
 * touches disjoint parts of the tree is searched separately: linearizability
 * is a local property, so the whole is linearizable if each part is. Which
 * parts are disjoint is found conservatively, see parts() in lin_check.c.
 */
#ifndef DAXFS_TESTS_SIM_LIN_CHECK_H
#define DAXFS_TESTS_SIM_LIN_CHECK_H

#include "lin_model.h"

#define LIN_EVENTS	4096u
#define LIN_NEVER	(~0ull)
#define LIN_NODES	400000ull	/* of one part: then the search gives up */

struct lin_event {
	u64 inv, resp;		/* LIN_NEVER: it may have had an effect or not */
	s64 after;		/* index of an event that comes before, or -1 */
	u32 call;		/* for messages */
	u32 part;		/* out */
	struct lm_op op;
};

struct lin_history {
	struct lm start;	/* start.nr counts what will be made, too */
	u32 nr;
	struct lin_event ev[LIN_EVENTS];	/* by rising inv */
};

enum lin_result { LIN_YES, LIN_NO, LIN_GAVE_UP };

struct lin_answer {
	u32 parts;
	u64 nodes;
	u64 states;		/* noted */
	u32 part;		/* the part that has no order */
	u32 best;		/* events of it in the longest order */
	s64 stuck;		/* the event that no longer fits there */
};

enum lin_result lin_check(struct lin_history *h, struct lin_answer *a);

#endif
