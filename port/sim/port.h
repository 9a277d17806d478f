/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The port to the simulator: each shared access is a step of its scheduler.
 *
 * Notes: the same names as port/posix/port.h, for the core alone; a test
 * includes sim.h besides. Hosts are coroutines of one thread, so an access is
 * atomic by itself and what is simulated is the order of accesses and a host
 * that stops between two of them. Accesses are sequentially consistent, so
 * the fences are steps that do nothing else: missing ones are what
 * tests/model and docs/memory-ordering.md are for. Code that runs outside
 * sim_run() takes no steps and is never stopped.
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

static inline u64 a64_load_relaxed(const struct daxfs_a64 *w)
{
	sim_step();
	return w->raw;
}

static inline u64 a64_load_acquire(const struct daxfs_a64 *w)
{
	sim_step();
	return w->raw;
}

static inline void a64_store_relaxed(struct daxfs_a64 *w, u64 v)
{
	sim_step();
	w->raw = v;
}

static inline void a64_store_release(struct daxfs_a64 *w, u64 v)
{
	sim_step();
	w->raw = v;
}

static inline u64 a64_cas(struct daxfs_a64 *w, u64 old, u64 new)
{
	u64 found;

	sim_step();
	found = w->raw;
	if (found == old)
		w->raw = new;
	return found;
}

static inline u64 a64_add_relaxed(struct daxfs_a64 *w, u64 n)
{
	u64 found;

	sim_step();
	found = w->raw;
	w->raw = found + n;
	return found;
}

static inline u64 a64_or(struct daxfs_a64 *w, u64 bits)
{
	u64 found;

	sim_step();
	found = w->raw;
	w->raw = found | bits;
	return found;
}

static inline u64 a64_and(struct daxfs_a64 *w, u64 bits)
{
	u64 found;

	sim_step();
	found = w->raw;
	w->raw = found & bits;
	return found;
}

static inline void full_fence(void)
{
	sim_step();
}

static inline void acquire_fence(void)
{
	sim_step();
}

/* In pieces, a step each, so that a copy can be cut off and overtaken. */
void port_copy_from(void *to, const void *shared, size_t len);
void port_copy_to(void *shared, const void *from, size_t len);
void port_copy_within(void *shared_to, const void *shared_from, size_t len);
void port_zero(void *shared, size_t len);

/* Virtual time: it passes with steps and pauses alone. */
u64 port_now_ns(void);
/* Lets all others run until that much virtual time has passed. */
void port_pause_ns(u64 ns);
u32 port_crc32(u32 crc, const void *buf, size_t len);

#endif
