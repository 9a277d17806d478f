/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Loads that may be old: the memory model of the simulator, within port/sim.
 *
 * Notes: the port calls these instead of touching memory while sim_weak is
 * set, which it is inside a run whose schedule says stale. What the model
 * allows is written in weak.c.
 */
#ifndef DAXFS_SIM_WEAK_H
#define DAXFS_SIM_WEAK_H

#include "port.h"

/* Begin with an empty state for a run; stale as in struct sim_schedule. */
void sim_weak_begin(u32 stale, u64 seed);
void sim_weak_end(void);

/* Relaxed, word by word: a piece of port_copy_from(), port_copy_to(). */
void sim_weak_read(void *to, const void *shared, size_t len);
void sim_weak_write(void *shared, const void *from, size_t len);

#endif
