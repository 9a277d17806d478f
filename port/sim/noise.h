/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Memory that changes by itself, within port/sim.
 */
#ifndef DAXFS_SIM_NOISE_H
#define DAXFS_SIM_NOISE_H

#include "port.h"

void sim_noise_begin(u32 rate, u64 seed);
/* Is a change due before this step? */
int sim_noise_now(u32 rate);
void sim_noise_make(void);

#endif
