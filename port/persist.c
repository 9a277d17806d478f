// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Accesses to persistent memory: store, write back, and complete in time.
 *
 * Notes: the transform of Izraelevitz, Mendes and Scott (DISC 2016). What a
 * thread has begun and not completed is one of three: nothing; lines that it
 * stored to, which must be on the medium before its next release; lines that
 * it saw by an acquire (a load or an RMW), which must be there before its next
 * store of any kind, since that store may rest on them. An RMW is both. A
 * relaxed load is followed by an RMW of the same word or decides nothing.
 */
#include "port.h"

enum {
	BEGUN_NOTHING,
	BEGUN_STORES,
	BEGUN_SEEN,
};

int port_persistent;

void port_set_persistent(void)
{
	__atomic_store_n(&port_persistent, 1, __ATOMIC_RELAXED);
}

void persist_complete(void)
{
	int *begun = port_begun();

	if (*begun == BEGUN_NOTHING)
		return;
	port_drain();
	*begun = BEGUN_NOTHING;
}

static void before_store(void)
{
	if (*port_begun() == BEGUN_SEEN)
		persist_complete();
}

static void before_rmw(void)
{
	int *begun = port_begun();

	if (*begun == BEGUN_NOTHING)
		return;
	port_drain_for_rmw();
	*begun = BEGUN_NOTHING;
}

void persist_stored(const void *p, size_t len)
{
	int *begun = port_begun();

	port_write_back(p, len);
	if (*begun == BEGUN_NOTHING)
		*begun = BEGUN_STORES;
}

void persist_seen(const struct daxfs_a64 *w)
{
	port_write_back(w, sizeof(*w));
	*port_begun() = BEGUN_SEEN;
}

void persist_store_relaxed(struct daxfs_a64 *w, u64 v)
{
	before_store();
	raw_store_relaxed(w, v);
	persist_stored(w, sizeof(*w));
}

void persist_store_release(struct daxfs_a64 *w, u64 v)
{
	persist_complete();
	raw_store_release(w, v);
	persist_stored(w, sizeof(*w));
}

u64 persist_cas(struct daxfs_a64 *w, u64 old, u64 new)
{
	u64 found;

	before_rmw();
	found = raw_cas(w, old, new);
	persist_seen(w);
	return found;
}

u64 persist_add(struct daxfs_a64 *w, u64 n)
{
	u64 found;

	before_store();
	found = raw_add_relaxed(w, n);
	persist_stored(w, sizeof(*w));
	return found;
}

u64 persist_or(struct daxfs_a64 *w, u64 bits)
{
	u64 found;

	before_rmw();
	found = raw_or(w, bits);
	persist_seen(w);
	return found;
}

u64 persist_and(struct daxfs_a64 *w, u64 bits)
{
	u64 found;

	before_rmw();
	found = raw_and(w, bits);
	persist_seen(w);
	return found;
}

void persist_copy_to(void *shared, const void *from, size_t len)
{
	before_store();
	raw_copy_to(shared, from, len);
	persist_stored(shared, len);
}

void persist_copy_within(void *shared_to, const void *shared_from, size_t len)
{
	before_store();
	raw_copy_within(shared_to, shared_from, len);
	persist_stored(shared_to, len);
}

void persist_zero(void *shared, size_t len)
{
	before_store();
	raw_zero(shared, len);
	persist_stored(shared, len);
}
