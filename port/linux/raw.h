/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The port to the Linux kernel without what persistent memory adds.
 *
 * Notes: orders mean exactly what they say here, no more, and they mean it
 * towards other machines, too. Two habits of the kernel would break that. A
 * kernel that booted with one processor takes the lock prefixes of cmpxchg()
 * and atomic64_*() out of its code, modules included; so on x86 each
 * read-modify-write is sync_cmpxchg() or has its prefix in full. And the smp_
 * barriers of a kernel without CONFIG_SMP order nothing but the compiler; so
 * they are the virt_ ones, or instructions. arm64 patches between two kinds of
 * atomics, and both are atomic.
 */
#ifndef DAXFS_PORT_RAW_H
#define DAXFS_PORT_RAW_H

#include <linux/atomic.h>
#include <linux/build_bug.h>
#include <linux/compiler.h>
#include <linux/errno.h>
#include <linux/instrumented.h>
#include <linux/stddef.h>
#include <linux/string.h>
#include <linux/types.h>
#include <asm/barrier.h>
#include <uapi/linux/stat.h>

/* It has a number under a name of format.h, for the inodes of /dev/dax files. */
#include <uapi/linux/magic.h>
#undef DAXFS_MAGIC
#include <daxfs/format.h>

#ifndef CONFIG_SMP
#error "a kernel without CONFIG_SMP has no barriers towards other machines"
#endif

static inline u64 raw_load_relaxed(const struct daxfs_a64 *w)
{
	return READ_ONCE(w->raw);
}

static inline u64 raw_load_acquire(const struct daxfs_a64 *w)
{
	return virt_load_acquire(&w->raw);	/* the core names its partner */
}

static inline void raw_store_relaxed(struct daxfs_a64 *w, u64 v)
{
	WRITE_ONCE(w->raw, v);
}

static inline void raw_store_release(struct daxfs_a64 *w, u64 v)
{
	virt_store_release(&w->raw, v);		/* the core names its partner */
}

#if defined(CONFIG_X86_64)

/* Compare and swap, acquire and release; returns the value found. */
static inline u64 raw_cas(struct daxfs_a64 *w, u64 old, u64 new)
{
	return sync_cmpxchg(&w->raw, old, new);
}

/* Fetch and modify, relaxed: counters. Returns the value before. */
static inline u64 raw_add_relaxed(struct daxfs_a64 *w, u64 n)
{
	instrument_atomic_read_write(w, sizeof(*w));
	asm volatile("lock xaddq %0, %1" : "+r" (n), "+m" (w->raw) : : "cc");
	return n;
}

/* Fetch and modify, acquire and release: bitmaps. Returns the value before. */
static inline u64 raw_or(struct daxfs_a64 *w, u64 bits)
{
	u64 seen = raw_load_relaxed(w), found;

	while ((found = raw_cas(w, seen, seen | bits)) != seen)
		seen = found;
	return found;
}

static inline u64 raw_and(struct daxfs_a64 *w, u64 bits)
{
	u64 seen = raw_load_relaxed(w), found;

	while ((found = raw_cas(w, seen, seen & bits)) != seen)
		seen = found;
	return found;
}

/* The processor keeps these orders by itself; the compiler has to, too. */
static inline void raw_acquire_fence(void)
{
	barrier();
}

static inline void raw_release_fence(void)
{
	barrier();
}

/*
 * Full fences that stand right behind, or right before, a read-modify-write:
 * its lock prefix is one already.
 */
static inline void raw_full_fence_after_rmw(void)
{
	barrier();
}

static inline void raw_full_fence_before_rmw(void)
{
	barrier();
}

#elif defined(CONFIG_ARM64)

/* Compare and swap, acquire and release; returns the value found. */
static inline u64 raw_cas(struct daxfs_a64 *w, u64 old, u64 new)
{
	return cmpxchg(&w->raw, old, new);
}

static inline atomic64_t *raw_atomic(struct daxfs_a64 *w)
{
	return (atomic64_t *)&w->raw;
}

/* Fetch and modify, relaxed: counters. Returns the value before. */
static inline u64 raw_add_relaxed(struct daxfs_a64 *w, u64 n)
{
	return (u64)atomic64_fetch_add_relaxed((s64)n, raw_atomic(w));
}

/* Fetch and modify, acquire and release: bitmaps. Returns the value before. */
static inline u64 raw_or(struct daxfs_a64 *w, u64 bits)
{
	return (u64)atomic64_fetch_or((s64)bits, raw_atomic(w));
}

static inline u64 raw_and(struct daxfs_a64 *w, u64 bits)
{
	return (u64)atomic64_fetch_and((s64)bits, raw_atomic(w));
}

static inline void raw_acquire_fence(void)
{
	dmb(ishld);
}

static inline void raw_release_fence(void)
{
	dmb(ish);
}

static inline void raw_full_fence_after_rmw(void)
{
	virt_mb();	/* the core names its partner */
}

static inline void raw_full_fence_before_rmw(void)
{
	virt_mb();	/* the core names its partner */
}

#else
#error "accesses shared with other machines are known for x86-64 and arm64"
#endif

/* On x86-64 a literal "lock addl", also where only one processor is. */
static inline void raw_full_fence(void)
{
	virt_mb();	/* the core names its partner */
}

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

/* Wall clock in ns since 1970, cheap, a few ms coarse. */
u64 port_now_ns(void);
/*
 * Wait about ns. Sleeps if that is longer than 10 us and the caller may, else
 * it keeps the processor: inside RCU sections, under spinlocks, and in kernels
 * that do not count them.
 */
void port_pause_ns(u64 ns);
/* CRC-32 (IEEE 802.3) of len bytes, continued from crc; start with 0. */
u32 port_crc32(u32 crc, const void *buf, size_t len);

#endif
