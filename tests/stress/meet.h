/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * System calls that all workers of all mounts make in the same directories.
 *
 * Notes: the board is shared memory of the test. It counts what was begun, what
 * was acknowledged, and what a dead server left in doubt; no server's death
 * takes it along. Each result is one that some serial order allows.
 */
#ifndef DAXFS_STRESS_MEET_H
#define DAXFS_STRESS_MEET_H

#include "stress.h"

#define MEET_WORKERS	16u
#define MEET_NAMES	16u
#define MEET_LOGS	2u
#define MEET_SEQS	4096u	/* records of a worker in a log, per meet_start() */

enum meet_record { MEET_UNUSED, MEET_ACKED, MEET_IN_DOUBT };

struct meet {
	u32 workers;
	u64 made[MEET_NAMES], removed[MEET_NAMES];
	u64 maybe_made[MEET_NAMES], maybe_removed[MEET_NAMES];
	u64 begun, ended;		/* renames a <-> d/b */
	u64 looks;			/* that said something */
	u64 intent[MEET_WORKERS], published[MEET_WORKERS];	/* sequences */
	u64 slice[MEET_WORKERS], slice_intent[MEET_WORKERS];
	u64 held[MEET_WORKERS];		/* a file of ours kept a directory */
	u64 records;
	u32 seq[MEET_WORKERS][MEET_LOGS];
	u8 record[MEET_WORKERS][MEET_LOGS][MEET_SEQS];
	u8 leftover[MEET_WORKERS];	/* of a death: file in a directory */
};

/* Make what is shared in the empty directory top, through any mount. */
void meet_make(struct meet *b, u32 workers, const char *top);
/* Worker nr begins, or begins again: its slice is what is there. */
int meet_start(struct meet *b, u32 nr, const char *top);
/* It died itself, at any moment, not its server. */
void meet_died(struct meet *b, u32 nr);
/* 0, or the negative errno of a server that has died. */
int meet_step(const char *top);
/* Nobody works: compare, then begin counting and logs anew. */
void meet_verify(struct meet *b, const char *top);

#endif
