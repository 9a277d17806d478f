/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The port to the simulator: each shared access is a step of its scheduler.
 *
 * Notes: the same names as port/posix/port.h, for the core alone; a test
 * includes sim.h besides. Hosts are coroutines of one thread, so an access is
 * atomic by itself and what is simulated is the order of accesses and a host
 * that stops between two of them. Accesses are sequentially consistent,
 * and the fences steps that do nothing else, unless the schedule says stale:
 * then loads may be old as far as their order allows it (weak.c). Code that
 * runs outside sim_run() takes no steps and is never stopped. power.c is told
 * of each store before it happens.
 */
#ifndef DAXFS_PORT_H
#define DAXFS_PORT_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>
#include <sys/stat.h>

#include <daxfs/format.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int64_t s64;

/* One step: another host may run first, or this one stop here for ever. */
void sim_step(void);

/* power.c: a store to that memory is about to happen. */
extern int sim_power_on;
void sim_power_store(const void *p, size_t len);
void sim_power_run(void);	/* a run begins */

static inline void sim_announce(const void *p, size_t len)
{
	if (__builtin_expect(sim_power_on, 0))
		sim_power_store(p, len);
}

/* Accesses go through the memory model: inside a run whose schedule says stale. */
extern int sim_weak;
u64 sim_weak_load(const struct daxfs_a64 *w, int acquire);
void sim_weak_store(struct daxfs_a64 *w, u64 v, int release);
/* *w held found and has, if stored, its new value now. */
void sim_weak_rmw(const struct daxfs_a64 *w, u64 found, int stored, int ordered);
void sim_weak_fence(int full);
void sim_weak_release_fence(void);
void sim_weak_fence_after_rmw(void);
void sim_weak_fence_before_rmw(void);

/* Memory changes by itself, most where it was looked at (noise.c). */
extern int sim_noisy;
void sim_noise_seen(const void *p);

/* A word whose loads a test wants to know of (sim_watch()). */
extern const struct daxfs_a64 *sim_watched;
void sim_watched_load(void);

static inline u64 sim_load(const struct daxfs_a64 *w, int acquire)
{
	if (sim_noisy)
		sim_noise_seen(w);
	sim_step();
	if (__builtin_expect(w == sim_watched, 0))
		sim_watched_load();
	return sim_weak ? sim_weak_load(w, acquire) : w->raw;
}

static inline void sim_store(struct daxfs_a64 *w, u64 v, int release)
{
	sim_step();
	sim_announce(w, sizeof(*w));
	if (sim_weak)
		sim_weak_store(w, v, release);
	else
		w->raw = v;
}

/* The rest of a read-modify-write: *w held found. Returns found. */
static inline u64 sim_modify(struct daxfs_a64 *w, u64 found, u64 v, int ordered)
{
	sim_announce(w, sizeof(*w));
	w->raw = v;
	if (sim_weak)
		sim_weak_rmw(w, found, 1, ordered);
	return found;
}

static inline u64 raw_load_relaxed(const struct daxfs_a64 *w)
{
	return sim_load(w, 0);
}

static inline u64 raw_load_acquire(const struct daxfs_a64 *w)
{
	return sim_load(w, 1);
}

static inline void raw_store_relaxed(struct daxfs_a64 *w, u64 v)
{
	sim_store(w, v, 0);
}

static inline void raw_store_release(struct daxfs_a64 *w, u64 v)
{
	sim_store(w, v, 1);
}

static inline u64 raw_cas(struct daxfs_a64 *w, u64 old, u64 new)
{
	u64 found;

	sim_step();
	found = w->raw;
	if (found == old)
		return sim_modify(w, found, new, 1);
	if (sim_weak)
		sim_weak_rmw(w, found, 0, 1);
	return found;
}

static inline u64 raw_add_relaxed(struct daxfs_a64 *w, u64 n)
{
	sim_step();
	return sim_modify(w, w->raw, w->raw + n, 0);
}

static inline u64 raw_or(struct daxfs_a64 *w, u64 bits)
{
	sim_step();
	return sim_modify(w, w->raw, w->raw | bits, 1);
}

static inline u64 raw_and(struct daxfs_a64 *w, u64 bits)
{
	sim_step();
	return sim_modify(w, w->raw, w->raw & bits, 1);
}

static inline void raw_full_fence(void)
{
	sim_step();
	if (sim_weak)
		sim_weak_fence(1);
}

static inline void raw_acquire_fence(void)
{
	sim_step();
	if (sim_weak)
		sim_weak_fence(0);
}

static inline void raw_release_fence(void)
{
	sim_step();
	if (sim_weak)
		sim_weak_release_fence();
}

static inline void raw_full_fence_after_rmw(void)
{
	sim_step();
	if (sim_weak)
		sim_weak_fence_after_rmw();
}

static inline void raw_full_fence_before_rmw(void)
{
	sim_step();
	if (sim_weak)
		sim_weak_fence_before_rmw();
}

/* In pieces, a step each, so that a copy can be cut off and overtaken. */
void raw_copy_from(void *to, const void *shared, size_t len);
void raw_copy_to(void *shared, const void *from, size_t len);
void raw_copy_within(void *shared_to, const void *shared_from, size_t len);
void raw_zero(void *shared, size_t len);

static inline void port_prefetch(const void *p, size_t len)
{
	(void)p;
	(void)len;
}

/* Virtual time: it passes with steps and pauses alone. */
u64 port_now_ns(void);
/* Lets all others run until that much virtual time has passed. */
void port_pause_ns(u64 ns);
u32 port_crc32(u32 crc, const void *buf, size_t len);

#include "../persist.h"

#endif
