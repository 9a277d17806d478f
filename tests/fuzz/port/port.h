/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The port for fuzzing: that of user space, watched and made repeatable.
 *
 * Notes: each access to the region is counted, which is how a hang is found
 * without a clock, and checked to lie inside it; each store marks its page, so
 * that a reset copies little. Between any two accesses the region may be
 * changed by "another host" (fuzz_event()), or the caller left for ever. Time is
 * a number. What port/posix/raw.h has beyond this passes through.
 */
#ifndef DAXFS_FUZZ_PORT_H
#define DAXFS_FUZZ_PORT_H

#define raw_load_relaxed	posix_load_relaxed
#define raw_load_acquire	posix_load_acquire
#define raw_store_relaxed	posix_store_relaxed
#define raw_store_release	posix_store_release
#define raw_cas			posix_cas
#define raw_add_relaxed		posix_add_relaxed
#define raw_or			posix_or
#define raw_and			posix_and
#include "../../../port/posix/raw.h"
#undef raw_load_relaxed
#undef raw_load_acquire
#undef raw_store_relaxed
#undef raw_store_release
#undef raw_cas
#undef raw_add_relaxed
#undef raw_or
#undef raw_and

struct fuzz_mem {
	u8 *base;		/* of the region that is worked on */
	u64 len;
	u8 *own;		/* words of the caller that the core may touch */
	u64 own_len;
	u8 *dirty;		/* a flag for each page */
	u64 steps;		/* accesses so far */
	u64 stop;		/* call fuzz_event() when steps get there */
	u64 waited;		/* ns, of the call that runs */
	u64 now;		/* ns since 1970 */
};

extern struct fuzz_mem fuzz_mem;

/* Something is due; at: the place that is about to be touched. */
void fuzz_event(const void *at);
__attribute__((noreturn))
void fuzz_outside(const void *at, u64 len);

static inline void fuzz_look(const void *at, u64 len, u64 cost)
{
	struct fuzz_mem *m = &fuzz_mem;
	u64 off = (u64)((const u8 *)at - m->base);

	if (off > m->len || len > m->len - off) {
		off = (u64)((const u8 *)at - m->own);
		if (off > m->own_len || len > m->own_len - off)
			fuzz_outside(at, len);
	}
	m->steps += cost;
	if (m->steps >= m->stop)
		fuzz_event(at);
}

static inline void fuzz_touch(const void *at, u64 len, u64 cost)
{
	struct fuzz_mem *m = &fuzz_mem;
	u64 off = (u64)((const u8 *)at - m->base);

	fuzz_look(at, len, cost);
	if (off < m->len && len) {
		m->dirty[off >> 12] = 1;
		for (u64 p = (off >> 12) + 1; p <= (off + len - 1) >> 12; p++)
			m->dirty[p] = 1;
	}
}

static inline u64 raw_load_relaxed(const struct daxfs_a64 *w)
{
	fuzz_look(w, 8, 1);
	return posix_load_relaxed(w);
}

static inline u64 raw_load_acquire(const struct daxfs_a64 *w)
{
	fuzz_look(w, 8, 1);
	return posix_load_acquire(w);
}

static inline void raw_store_relaxed(struct daxfs_a64 *w, u64 v)
{
	fuzz_touch(w, 8, 1);
	posix_store_relaxed(w, v);
}

static inline void raw_store_release(struct daxfs_a64 *w, u64 v)
{
	fuzz_touch(w, 8, 1);
	posix_store_release(w, v);
}

static inline u64 raw_cas(struct daxfs_a64 *w, u64 old, u64 new)
{
	fuzz_touch(w, 8, 1);
	return posix_cas(w, old, new);
}

static inline u64 raw_add_relaxed(struct daxfs_a64 *w, u64 n)
{
	fuzz_touch(w, 8, 1);
	return posix_add_relaxed(w, n);
}

static inline u64 raw_or(struct daxfs_a64 *w, u64 bits)
{
	fuzz_touch(w, 8, 1);
	return posix_or(w, bits);
}

static inline u64 raw_and(struct daxfs_a64 *w, u64 bits)
{
	fuzz_touch(w, 8, 1);
	return posix_and(w, bits);
}

/* Bytes cost by cache lines. */
static inline void fuzz_copy_from(void *to, const void *shared, size_t len)
{
	fuzz_look(shared, len, 1 + len / 64);
	raw_copy_from(to, shared, len);
}

static inline void fuzz_copy_to(void *shared, const void *from, size_t len)
{
	fuzz_touch(shared, len, 1 + len / 64);
	raw_copy_to(shared, from, len);
}

static inline void fuzz_copy_within(void *to, const void *from, size_t len)
{
	fuzz_look(from, len, 1 + len / 64);
	fuzz_touch(to, len, 1 + len / 64);
	raw_copy_within(to, from, len);
}

static inline void fuzz_zero(void *shared, size_t len)
{
	fuzz_touch(shared, len, 1 + len / 64);
	raw_zero(shared, len);
}

static inline u64 fuzz_now_ns(void)
{
	return fuzz_mem.now;
}

static inline void fuzz_pause_ns(u64 ns)
{
	fuzz_mem.now += ns;
	fuzz_mem.waited += ns;
	fuzz_look(fuzz_mem.base, 8, 1);
}

#define raw_copy_from		fuzz_copy_from
#define raw_copy_to		fuzz_copy_to
#define raw_copy_within		fuzz_copy_within
#define raw_zero		fuzz_zero
#define port_now_ns		fuzz_now_ns
#define port_pause_ns		fuzz_pause_ns

#include "../../../port/persist.h"

#endif
