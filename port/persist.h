/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The accesses of the core, and what they do besides on persistent memory.
 *
 * Notes: included by each port.h behind its raw_*() accesses; what the core
 * calls is defined here and nowhere else. On ordinary memory an access is the
 * raw one and a test of port_persistent. On persistent memory each store is
 * followed by a write-back of its line, and so is each acquire load and RMW;
 * what was written back is complete before the next release, RMW or full
 * fence, and what was seen by an acquire before any store at all. So what a
 * power cut leaves is what a host could see that looked with acquire: see
 * docs/decisions/0011 and docs/memory-ordering.md, "Power".
 *
 * port_persistent is never cleared: an access to another region of the same
 * process is then slower, and right.
 */
#ifndef DAXFS_PORT_PERSIST_H
#define DAXFS_PORT_PERSIST_H

/* ---- what a port defines besides the raw accesses ---- */

/* Begin to write the lines of [p, p+len) back; they stay valid. */
void port_write_back(const void *p, size_t len);
/* All that this thread has begun to write back is on the medium. */
void port_drain(void);
/* The same where an RMW follows, which does it by itself on some machines. */
void port_drain_for_rmw(void);
/* A variable of the thread (or task) for port/persist.c, 0 at its start. */
int *port_begun(void);

/* ---- the switch ---- */

extern int port_persistent __attribute__((visibility("hidden")));

static inline int port_is_persistent(void)
{
	return __builtin_expect(port_persistent, 0);
}

/* Before the first access to a persistent region other than its superblock. */
void port_set_persistent(void);

/* ---- on persistent memory: port/persist.c; cold: costs nobody else ---- */

#define PORT_COLD	__attribute__((cold))

PORT_COLD void persist_seen(const struct daxfs_a64 *w);
PORT_COLD void persist_store_relaxed(struct daxfs_a64 *w, u64 v);
PORT_COLD void persist_store_release(struct daxfs_a64 *w, u64 v);
PORT_COLD u64 persist_cas(struct daxfs_a64 *w, u64 old, u64 new);
PORT_COLD u64 persist_add(struct daxfs_a64 *w, u64 n);
PORT_COLD u64 persist_or(struct daxfs_a64 *w, u64 bits);
PORT_COLD u64 persist_and(struct daxfs_a64 *w, u64 bits);
PORT_COLD void persist_copy_to(void *shared, const void *from, size_t len);
PORT_COLD void persist_copy_within(void *shared_to, const void *shared_from, size_t len);
PORT_COLD void persist_zero(void *shared, size_t len);
PORT_COLD void persist_stored(const void *p, size_t len);
PORT_COLD void persist_complete(void);

/* ---- loads ---- */

static inline u64 a64_load_relaxed(const struct daxfs_a64 *w)
{
	return raw_load_relaxed(w);
}

static inline u64 a64_load_acquire(const struct daxfs_a64 *w)
{
	u64 v = raw_load_acquire(w);

	if (port_is_persistent())
		persist_seen(w);
	return v;
}

/* Of a word that is stored by the volatile functions below. */
static inline u64 a64_load_acquire_volatile(const struct daxfs_a64 *w)
{
	return raw_load_acquire(w);
}

/* ---- stores ---- */

static inline void a64_store_relaxed(struct daxfs_a64 *w, u64 v)
{
	if (port_is_persistent())
		persist_store_relaxed(w, v);
	else
		raw_store_relaxed(w, v);
}

static inline void a64_store_release(struct daxfs_a64 *w, u64 v)
{
	if (port_is_persistent())
		persist_store_release(w, v);
	else
		raw_store_release(w, v);
}

/*
 * Words whose value means nothing once the power is gone, because it is about
 * a host that runs: after a cut they hold any value that they ever had.
 */
static inline void a64_store_volatile(struct daxfs_a64 *w, u64 v)
{
	raw_store_relaxed(w, v);
}

static inline void a64_store_release_volatile(struct daxfs_a64 *w, u64 v)
{
	raw_store_release(w, v);
}

/* Compare and swap, acquire and release; returns the value found. */
static inline u64 a64_cas(struct daxfs_a64 *w, u64 old, u64 new)
{
	return port_is_persistent() ? persist_cas(w, old, new) :
	       raw_cas(w, old, new);
}

/* Fetch and modify, relaxed: counters. Returns the value before. */
static inline u64 a64_add_relaxed(struct daxfs_a64 *w, u64 n)
{
	return port_is_persistent() ? persist_add(w, n) :
	       raw_add_relaxed(w, n);
}

/* Fetch and modify, acquire and release: bitmaps. Returns the value before. */
static inline u64 a64_or(struct daxfs_a64 *w, u64 bits)
{
	return port_is_persistent() ? persist_or(w, bits) : raw_or(w, bits);
}

static inline u64 a64_and(struct daxfs_a64 *w, u64 bits)
{
	return port_is_persistent() ? persist_and(w, bits) : raw_and(w, bits);
}

/* ---- fences ---- */

static inline void full_fence(void)
{
	raw_full_fence();
	if (port_is_persistent())
		persist_complete();
}

/*
 * The same for what the last RMW of this thread stored and what came before
 * it; stores since that RMW are not ordered.
 */
static inline void full_fence_after_rmw(void)
{
	raw_full_fence_after_rmw();
	if (port_is_persistent())
		persist_complete();
}

/* The same for what comes from the next RMW of this thread on. */
static inline void full_fence_before_rmw(void)
{
	raw_full_fence_before_rmw();
	if (port_is_persistent())
		persist_complete();
}

/* Earlier accesses before later stores. */
static inline void release_fence(void)
{
	raw_release_fence();
	if (port_is_persistent())
		persist_complete();
}

static inline void acquire_fence(void)
{
	raw_acquire_fence();
}

/* An operation ends: what it did and what it saw is on the medium. */
static inline void port_acknowledge(void)
{
	if (port_is_persistent())
		persist_complete();
}

/* A volatile word whose value matters from the next release or fence on. */
static inline void a64_keep(const struct daxfs_a64 *w)
{
	if (port_is_persistent())
		persist_stored(w, sizeof(*w));
}

/* Memory that was stored to by other means than this file. */
static inline void port_keep(const void *p, size_t len)
{
	if (port_is_persistent())
		persist_stored(p, len);
}

/* ---- bytes ---- */

/*
 * Content of the region that other hosts may change meanwhile: bytes, not
 * values. The copy is what is looked at. Never both ends shared and
 * overlapping.
 */
static inline void port_copy_from(void *to, const void *shared, size_t len)
{
	raw_copy_from(to, shared, len);
}

static inline void port_copy_to(void *shared, const void *from, size_t len)
{
	if (port_is_persistent())
		persist_copy_to(shared, from, len);
	else
		raw_copy_to(shared, from, len);
}

static inline void port_copy_within(void *shared_to, const void *shared_from,
				    size_t len)
{
	if (port_is_persistent())
		persist_copy_within(shared_to, shared_from, len);
	else
		raw_copy_within(shared_to, shared_from, len);
}

static inline void port_zero(void *shared, size_t len)
{
	if (port_is_persistent())
		persist_zero(shared, len);
	else
		raw_zero(shared, len);
}

#endif
