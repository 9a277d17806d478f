/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The port to user space without what persistent memory adds: raw accesses.
 *
 * Notes: included by port.h, and by tests/fuzz/port that watches each access.
 * Orders mean exactly what they say here, no more: the release is a release,
 * so that a missing barrier can be found. daxfs_a64 words are touched through
 * these functions alone.
 */
#ifndef DAXFS_PORT_RAW_H
#define DAXFS_PORT_RAW_H

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

static inline u64 raw_load_relaxed(const struct daxfs_a64 *w)
{
	return __atomic_load_n(&w->raw, __ATOMIC_RELAXED);
}

static inline u64 raw_load_acquire(const struct daxfs_a64 *w)
{
	return __atomic_load_n(&w->raw, __ATOMIC_ACQUIRE);
}

static inline void raw_store_relaxed(struct daxfs_a64 *w, u64 v)
{
	__atomic_store_n(&w->raw, v, __ATOMIC_RELAXED);
}

static inline void raw_store_release(struct daxfs_a64 *w, u64 v)
{
	__atomic_store_n(&w->raw, v, __ATOMIC_RELEASE);
}

/* Compare and swap, acquire and release; returns the value found. */
static inline u64 raw_cas(struct daxfs_a64 *w, u64 old, u64 new)
{
	__atomic_compare_exchange_n(&w->raw, &old, new, 0, __ATOMIC_ACQ_REL,
				    __ATOMIC_ACQUIRE);
	return old;
}

/* Fetch and modify, relaxed: counters. Returns the value before. */
static inline u64 raw_add_relaxed(struct daxfs_a64 *w, u64 n)
{
	return __atomic_fetch_add(&w->raw, n, __ATOMIC_RELAXED);
}

/* Fetch and modify, acquire and release: bitmaps. Returns the value before. */
static inline u64 raw_or(struct daxfs_a64 *w, u64 bits)
{
	return __atomic_fetch_or(&w->raw, bits, __ATOMIC_ACQ_REL);
}

static inline u64 raw_and(struct daxfs_a64 *w, u64 bits)
{
	return __atomic_fetch_and(&w->raw, bits, __ATOMIC_ACQ_REL);
}

static inline void raw_full_fence(void)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static inline void raw_acquire_fence(void)
{
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
}

static inline void raw_release_fence(void)
{
	__atomic_thread_fence(__ATOMIC_RELEASE);
}

/*
 * Full fences that stand right behind, or right before, a read-modify-write:
 * on x86 its lock prefix is one already (as smp_mb__after_atomic() of Linux).
 */
#ifdef __x86_64__
static inline void raw_full_fence_after_rmw(void)
{
	__asm__ volatile("" ::: "memory");
}

static inline void raw_full_fence_before_rmw(void)
{
	__asm__ volatile("" ::: "memory");
}
#else
static inline void raw_full_fence_after_rmw(void)
{
	raw_full_fence();
}

static inline void raw_full_fence_before_rmw(void)
{
	raw_full_fence();
}
#endif

/*
 * Content of the region that other hosts may change meanwhile: bytes, not
 * values. The copy is what is looked at. Never both ends shared and
 * overlapping.
 */
void raw_copy_from(void *to, const void *shared, size_t len);
void raw_copy_to(void *shared, const void *from, size_t len);
void raw_copy_within(void *shared_to, const void *shared_from, size_t len);
void raw_zero(void *shared, size_t len);

/* Tell the processor that [p, p+len) is wanted soon; no access. */
static inline void port_prefetch(const void *p, size_t len)
{
	for (size_t i = 0; i < len; i += 64)
		__builtin_prefetch((const u8 *)p + i);
}

/*
 * Drop the lines of [p, p+len) from the processor's caches, after writing back
 * what is dirty in them: loads that follow see memory. For memory that is not
 * coherent between hosts (famfs/); the core has none of that.
 */
void port_forget(const void *p, size_t len);

/* Wall clock in ns since 1970, cheap, a few ms coarse. */
u64 port_now_ns(void);
/* Wait about ns, giving the processor away if that is longer than a few us. */
void port_pause_ns(u64 ns);
/* CRC-32 (IEEE 802.3) of len bytes, continued from crc; start with 0. */
u32 port_crc32(u32 crc, const void *buf, size_t len);

#endif
