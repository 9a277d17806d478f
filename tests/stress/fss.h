/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The parts of fsstress.
 *
 * Notes: everything happens below fss_top[], which is one directory seen
 * through one mount or two (sides). The board is memory that all processes
 * share. What a file system refuses is found out first (fss_has); a call then
 * never answers EOPNOTSUPP.
 */
#ifndef DAXFS_STRESS_FSS_H
#define DAXFS_STRESS_FSS_H

#include "stress.h"

#define FSS_SIDES	2u
#define FSS_OPS		40u	/* kinds of operations at most */
#define FSS_PATH	400u

enum fss_feature {
	FSS_EXCHANGE, FSS_WHITEOUT, FSS_TMPFILE, FSS_XATTR, FSS_PUNCH,
	FSS_ZERO, FSS_ALLOC, FSS_FEATURES
};

struct fss_board {
	u64 done[FSS_OPS], good[FSS_OPS];	/* on the shared tree */
	u64 private_steps, stale, full;
	u64 locked[FSS_SIDES][2];	/* by flock and by fcntl */
};

extern struct fss_board *fss_board;
extern const char *fss_top[FSS_SIDES];
extern u32 fss_sides;
extern int fss_has[FSS_FEATURES];
extern int fss_locks_reach;	/* from one side to the other */
extern int fss_may_fill;	/* ENOSPC is no failure */

static inline void fss_count(u64 *what)
{
	__atomic_fetch_add(what, 1, __ATOMIC_RELAXED);
}

/* Errors that follow from where the test runs, not from what it calls. */
int fss_is_excused(int err);

/* ---- fss_ops.c: anything, where all meet ---- */

/* One operation. Ends the process if it answers what it may not. */
void fss_any(void);
/* Close what fss_any() keeps open. */
void fss_any_close(void);
void fss_any_print(void);

/* ---- fss_own.c: files of one process, which are known ---- */

void fss_own_begin(u32 process);
void fss_own_step(void);
/* Everything is as it should be, through each side. */
void fss_own_check(void);

/* ---- fss_lock.c ---- */

/* Do locks of one side hold on the other? Makes the files. */
void fss_lock_begin(void);
/* Lock, read a number, add one, write it, unlock. */
void fss_lock_step(void);
void fss_lock_check(void);

/* ---- fss_tree.c: afterwards ---- */

/*
 * Each side has the same tree: types, modes, owners, times, sizes, content, targets,
 * attributes; link counts are what the names say. One case each.
 */
void fss_tree_check(void);
/* Remove all of it, through either side by chance. */
void fss_tree_remove(void);

#endif
