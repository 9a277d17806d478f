/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Operations that all hosts do in the same directories, and what must hold.
 *
 * Notes: the board is ordinary shared memory of the test, not of the region:
 * it counts what was acknowledged, so that the end can be compared with it.
 * With kills an operation may be done and not counted; such counts are
 * compared only when board->kills is 0.
 */
#ifndef DAXFS_STRESS_SHARED_H
#define DAXFS_STRESS_SHARED_H

#include "stress.h"

#define PROCS_MAX	16
#define UNIQUE		32
#define LOGS		2
#define MOVERS		4

struct board {
	/* set before the processes start */
	u32 procs;
	u32 kills;
	u64 own, shared, race, move, flip, flip_d, hub, slices;
	u64 log[LOGS];
	u64 mover[MOVERS];
	/* counted meanwhile */
	u64 stop;
	u64 ops[PROCS_MAX];
	u64 created[UNIQUE], removed[UNIQUE];
	u64 begun, ended;		/* renames a <-> d/b */
	u64 looks;			/* at them, that said something */
	u64 appended[PROCS_MAX][LOGS];
	u64 published[PROCS_MAX];
	u64 races_won;
};

extern struct board *board;

void board_make(u32 procs, int kills);
/* nr: number of this process, 0 to procs - 1. */
void shared_init(u32 nr);
void shared_step(void);
/* All processes have ended: compare what is there with the board. */
void shared_verify(void);

#endif
