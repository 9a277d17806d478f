// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Hold what a lookup found, for a moment, when others replace it quickly.
 *
 * Notes: when the ring is full the oldest goes early; then a second try may
 * miss too, and the caller of open() sees ESTALE.
 */
#include <time.h>

#include "grace.h"

/* Longer than a caller takes from one request to the next. */
#define GRACE_NS	50000000ull

static u64 clock_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
	return (u64)ts.tv_sec * 1000000000ull + (u64)ts.tv_nsec;
}

void daxfs_grace_init(struct daxfs_grace *g, struct daxfs_mount *m)
{
	g->m = m;
	pthread_mutex_init(&g->lock, NULL);
}

void daxfs_grace_begin(struct daxfs_grace *g)
{
	__atomic_store_n(&g->until, clock_now() + GRACE_NS, __ATOMIC_RELAXED);
}

int daxfs_grace_on(struct daxfs_grace *g)
{
	u64 until = __atomic_load_n(&g->until, __ATOMIC_RELAXED);

	return until && clock_now() < until;
}

static void release_first(struct daxfs_grace *g, struct daxfs_cx *cx)
{
	daxfs_unhold(g->m, cx, g->slot[g->first].held);
	g->first = (g->first + 1) % DAXFS_GRACE_SLOTS;
	__atomic_store_n(&g->nr, g->nr - 1, __ATOMIC_RELAXED);
}

int daxfs_grace_hold(struct daxfs_grace *g, struct daxfs_cx *cx, u64 ino)
{
	struct daxfs_held *held;
	int r = daxfs_hold(g->m, cx, ino, &held);
	u32 i;

	if (r)
		return r;
	pthread_mutex_lock(&g->lock);
	if (g->nr == DAXFS_GRACE_SLOTS)
		release_first(g, cx);
	i = (g->first + g->nr) % DAXFS_GRACE_SLOTS;
	g->slot[i].held = held;
	g->slot[i].until = clock_now() + GRACE_NS;
	__atomic_store_n(&g->nr, g->nr + 1, __ATOMIC_RELAXED);
	pthread_mutex_unlock(&g->lock);
	return 0;
}

int daxfs_grace_any(struct daxfs_grace *g)
{
	return __atomic_load_n(&g->nr, __ATOMIC_RELAXED) != 0;
}

void daxfs_grace_expire(struct daxfs_grace *g, struct daxfs_cx *cx)
{
	u64 now = clock_now();

	pthread_mutex_lock(&g->lock);
	while (g->nr && g->slot[g->first].until <= now)
		release_first(g, cx);
	pthread_mutex_unlock(&g->lock);
}

void daxfs_grace_fini(struct daxfs_grace *g)
{
	struct daxfs_cx *cx = daxfs_cx_get(g->m);

	while (g->nr)
		release_first(g, cx);
	daxfs_cx_put(g->m, cx);
	pthread_mutex_destroy(&g->lock);
}
