// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Sections and epochs: when memory that was unlinked may be used again.
 *
 * Notes: G is one word. A context shows the G that it entered with, 0 outside.
 * G moves from g to g+1 only when every context in a section shows g; so a unit
 * retired at e, after it was unlinked, is seen by nobody once G is e+2.
 *
 * operation | linearization | progress  | if the caller stops there
 * enter     | none          | wait-free | G moves at most once more
 * leave     | the store     | wait-free | -
 * advance   | CAS of G      | wait-free | nothing
 *
 * ABA: G only rises.
 */
#include "epoch.h"
#include "pool.h"
#include "region.h"
#include "word.h"

#define COLLECT_EVERY	64u	/* retirements per attempt to move G */

int daxfs_enter(struct daxfs_cx *cx)
{
	u64 g;
	int r;

	if (cx->depth++)
		return 0;
	cx->probes = 0;
	cx->root_off = 0;
	cx->view.fixed = cx->view.flat;
	if (!cx->sh)
		return 0;
	r = daxfs_still_host(cx);
	if (r) {
		cx->depth = 0;
		return r;
	}
	g = a64_load_relaxed(&daxfs_globals(cx->rg)->epoch.word);
	a64_store_volatile(&cx->sh->epoch, g);
	/* The epoch is visible before anything is looked at. Pairs with [EPO]
	 * in daxfs_retire_epoch() and daxfs_epoch_advance(). */
	full_fence();
	cx->epoch = g;
	return 0;
}

int daxfs_leave(struct daxfs_cx *cx)
{
	int collect;

	if (--cx->depth || !cx->sh)
		return 0;
	/* Who is declared dead is recovered, and what it could see reused,
	 * after that. So if we are alive now, all loads of the section were of
	 * what it was meant to be. Pairs with [EVI] in daxfs_host_mark_dead(). */
	acquire_fence();
	if (daxfs_still_host(cx)) {
		cx->epoch = 0;
		return -ESTALE;		/* the context is not ours any more */
	}
	collect = cx->retire_count >= COLLECT_EVERY;
	if (collect) {
		daxfs_collect(cx);
		cx->retire_count = 0;
	}
	port_acknowledge();	/* the operation: the caller tells of it now */
	cx->epoch = 0;
	/* All loads of the section come before. Pairs with [EPO] in
	 * context_shows(). */
	a64_store_release_volatile(&cx->sh->epoch, 0);
	if (collect)
		daxfs_epoch_advance(cx);
	return 0;
}

u64 daxfs_retire_epoch(struct daxfs_cx *cx)
{
	/* The unlinking, a CAS, is visible before G is read, so whoever enters
	 * at a later G cannot find the unit. Pairs with [EPO] in daxfs_enter(). */
	full_fence_after_rmw();
	/* Acquire: after a power cut no unit is of an epoch that G was not. */
	return a64_load_acquire(&daxfs_globals(cx->rg)->epoch.word);
}

u64 daxfs_epoch_now(struct daxfs_cx *cx)
{
	/* Pairs with [EPO] in daxfs_epoch_advance(): what others did in
	 * sections that had to end before is seen. */
	return a64_load_acquire(&daxfs_globals(cx->rg)->epoch.word);
}

/* Every context of that host in a section shows g. */
static int host_shows(struct daxfs_region *rg, u32 host, u64 g)
{
	/* Pairs with [EPO] in daxfs_cx_init(). */
	u64 used = a64_load_acquire(&daxfs_host(rg, host)->ctx_used);

	for (u32 i = 0; i < DAXFS_CTXS; i++) {
		u64 e;

		if (!(used >> i & 1))
			continue;
		/* Pairs with [EPO] in daxfs_leave(). */
		e = a64_load_acquire_volatile(&daxfs_shared_ctx(rg,
						host * DAXFS_CTXS + i)->epoch);
		if (e && e != g)
			return 0;
	}
	return 1;
}

int daxfs_epoch_advance(struct daxfs_cx *cx)
{
	struct daxfs_globals *gl = daxfs_globals(cx->rg);
	u64 g = a64_load_acquire(&gl->epoch.word);	/* pairs with [EPO], the CAS below */
	u64 hosts;

	full_fence();	/* G before the contexts; pairs with [EPO] in daxfs_enter() */
	hosts = a64_load_acquire(&gl->hosts_used.word);	/* [EPO] in daxfs_host_join() */
	for (u32 i = 0; i < DAXFS_HOSTS; i++)
		if ((hosts >> i & 1) && !host_shows(cx->rg, i, g))
			return 0;
	return a64_cas(&gl->epoch.word, g, g + 1) == g;
}

u64 daxfs_map_epoch_min(struct daxfs_cx *cx)
{
	u64 hosts = a64_load_acquire(&daxfs_globals(cx->rg)->hosts_used.word); /* [EPO] */
	u64 min = ~0ull;

	for (u32 i = 0; i < DAXFS_HOSTS; i++) {
		u64 e;

		if (!(hosts >> i & 1))
			continue;
		/* Pairs with [MAP] in daxfs_map_epoch(). */
		e = a64_load_acquire_volatile(&daxfs_host(cx->rg, i)->map_epoch);
		if (e && e < min)
			min = e;
	}
	return min;
}
