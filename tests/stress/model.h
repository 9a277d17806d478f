/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Random operations in a directory of one's own, against a model in memory.
 *
 * Notes: nobody else touches that directory, so each result is known before.
 */
#ifndef DAXFS_STRESS_MODEL_H
#define DAXFS_STRESS_MODEL_H

#include "stress.h"

/*
 * dir: an empty directory, ours alone. early: ENOSPC is no failure, because
 * memory waits for hosts that are dead and not recovered yet.
 */
void model_init(u64 dir, int early);
void model_step(void);
/* Compare everything, let go of open files. */
void model_finish(void);

#endif
