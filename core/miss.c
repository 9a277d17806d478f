// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What a call misses of a backing file: how much to bring in, and whom to wait for.
 *
 * Notes: the rules that all front ends keep; they sleep, read and look after dead
 * hosts, and hand in a clock (ns) that never goes back. A page that another host
 * fills is waited for while that host gets on with anything; one that stands still
 * is gone past from then on, until it moves. Who has no file waits while any host that
 * has it gets on; that this was in vain is remembered, so that the next miss need
 * not find out again. What is remembered is a hint: threads store it as they like.
 */
#include "cache.h"
#include "region.h"

#define MS		1000000ull
#define ASK_NS		(20 * MS)	/* asked for again after that */
#define LOOK_NS		(20 * MS)	/* between looks at other hosts */
#define STALLED_NS	(2000 * MS)	/* a filler that lives and does nothing */
#define NOBODY_NS	(2000 * MS)	/* no live host has the file */
#define IDLE_NS		(4000 * MS)	/* hosts have it, and none gets on */
#define FULL_NS		(4000 * MS)	/* no slot is to be had for it */
#define VAIN_NS		(5000 * MS)	/* so long a vain wait is remembered */
#define ROUNDS		100000u		/* of one call: pages come and go */
#define ROUNDS_FAIR	64u		/* then it gets pages of its own */

/* ---- how much ---- */

/* Pages at once: what is wanted, but never much of a small cache. */
static u32 pages_of(const struct daxfs_region *rg, const struct daxfs_miss *miss)
{
	u64 nr = (miss->len + DAXFS_PAGE_SIZE - 1) / DAXFS_PAGE_SIZE;
	u64 most = daxfs_cache_slot_nr(rg) / 8;

	most = most < DAXFS_FILL_PAGES ? most : DAXFS_FILL_PAGES;
	return (u32)(nr < most ? nr : most);
}

int daxfs_miss_claim(struct daxfs_cx *cx, const struct daxfs_miss *miss,
		     struct daxfs_fill *fill, u32 *nr)
{
	u32 most = pages_of(cx->rg, miss);
	int r = daxfs_cache_claim(cx, miss->addr, &fill[0]);

	*nr = r == DAXFS_CACHE_OURS;
	while (*nr && *nr < most &&
	       daxfs_cache_claim(cx, miss->addr + *nr * DAXFS_PAGE_SIZE,
				 &fill[*nr]) == DAXFS_CACHE_OURS)
		(*nr)++;
	return r;
}

int daxfs_miss_ask(struct daxfs_cx *cx, const struct daxfs_miss *miss)
{
	u32 i, nr = pages_of(cx->rg, miss);
	int r = daxfs_cache_ask(cx, miss->addr, 0), more = r;

	for (i = 1; i < nr && more == DAXFS_CACHE_WAIT; i++)
		more = daxfs_cache_ask(cx, miss->addr + i * DAXFS_PAGE_SIZE, 1);
	return r;
}

int daxfs_miss_again(struct daxfs_rounds *rounds, const struct daxfs_miss *miss,
		     int *own)
{
	if (++rounds->nr > ROUNDS)
		return -EIO;
	/* Twice the same: others evict it faster than we can use it. */
	*own = miss->own || miss->addr == rounds->last || rounds->nr > ROUNDS_FAIR;
	rounds->last = miss->addr;
	return 0;
}

/* ---- waiting ---- */

void daxfs_wait_begin(struct daxfs_wait *w, u64 now)
{
	memset(w, 0, sizeof(*w));
	w->begun = w->asked = w->looked = w->moved = now;
	w->host = DAXFS_HOSTS;
}

int daxfs_wait_look(struct daxfs_wait *w, u64 now)
{
	if (now - w->looked < LOOK_NS)
		return 0;
	w->looked = now;
	return 1;
}

int daxfs_wait_ask(struct daxfs_wait *w, u64 now)
{
	if (now - w->asked < ASK_NS)
		return 0;
	w->asked = now;
	return 1;
}

void daxfs_wait_asked(struct daxfs_wait *w, int result, u64 now)
{
	if (result != DAXFS_CACHE_FULL)
		w->full = 0;
	else if (!w->full)
		w->full = now;
}

/* ---- for a host that fills it ---- */

int daxfs_wait_filler(const struct daxfs_region *rg, struct daxfs_waits *all,
		      struct daxfs_wait *w, u32 host, u64 now)
{
	u64 progress = 0;

	daxfs_cache_filler(rg, host, &progress);
	if (a64_load_relaxed(&all->stalled[host]) == progress + 1)
		return 1;
	if (host != w->host || progress != w->host_progress) {
		w->host = host;
		w->host_progress = progress;
		w->host_moved = now;
	}
	if (now - w->host_moved < STALLED_NS)
		return 0;
	daxfs_wait_stalled(all, w);
	return 1;
}

void daxfs_wait_stalled(struct daxfs_waits *all, const struct daxfs_wait *w)
{
	a64_store_volatile(&all->stalled[w->host], w->host_progress + 1);
}

/* ---- for any that has the file ---- */

/* How many hosts could serve us, and whether they get on. */
static void look_for_fillers(const struct daxfs_region *rg, struct daxfs_wait *w,
			     u64 now)
{
	u64 sum = 0, progress;
	u32 nr = 0;

	for (u32 i = 0; i < DAXFS_HOSTS; i++) {
		if (!daxfs_cache_filler(rg, i, &progress))
			continue;
		nr++;
		sum += progress;
	}
	if (sum != w->progress || nr != w->fillers) {
		w->progress = sum;
		w->fillers = nr;
		w->moved = now;
	}
}

static int known_in_vain(const struct daxfs_waits *all, const struct daxfs_wait *w)
{
	u64 when = a64_load_relaxed(&all->vain_ns);

	return when && w->begun - when < VAIN_NS &&
	       a64_load_relaxed(&all->vain_nr) == w->fillers &&
	       a64_load_relaxed(&all->vain_progress) == w->progress;
}

/* No host gets on with anything, or none is there. */
static const char *nobody(struct daxfs_waits *all, const struct daxfs_wait *w, u64 now)
{
	const char *why = NULL;

	if (!w->fillers && now - w->begun > NOBODY_NS)
		why = "no live host has the file";
	else if (now - w->moved > IDLE_NS)
		why = "no host that has the file answers";
	if (why) {
		a64_store_volatile(&all->vain_progress, w->progress);
		a64_store_volatile(&all->vain_nr, w->fillers);
		a64_store_volatile(&all->vain_ns, now);
	}
	return why;
}

const char *daxfs_wait_served(const struct daxfs_region *rg, struct daxfs_waits *all,
			      struct daxfs_wait *w, u32 host, u64 now)
{
	look_for_fillers(rg, w, now);
	if (now == w->begun)
		return known_in_vain(all, w) ? "no host has served another one lately" :
		       NULL;
	if (host < DAXFS_HOSTS && daxfs_wait_filler(rg, all, w, host, now))
		return "the host that reads it stands still";
	if (w->full && now - w->full > FULL_NS)
		return "all slots that it may be in are pinned";
	return nobody(all, w, now);
}
