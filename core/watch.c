// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What others do to names and rights, told cheaply: for who keeps copies of them.
 *
 * Notes: each context has a counter that is odd while it changes names or rights.
 * It becomes odd before the first step that anybody can see, and even after the
 * last. So who finds all counters of others even and as they were when he took
 * his copy, has a copy of what there is at this moment: nobody has begun anything
 * since. Counters of a context that stopped inside stay odd until recovery is
 * through with it, and then nobody trusts a copy.
 *
 * The counters of those that live are in a list; a word of the region moves
 * before a context outside of all lists changes anything. Sums of two lists never
 * meet, since the owner of a list gives it a number of its own.
 *
 * operation | linearization         | progress  | if the caller stops there
 * begin     | none                  | wait-free | copies are not trusted
 * end       | the store             | wait-free | -
 * look      | the load of the list's word | wait-free, a load for each context | -
 *
 * ABA: the counters only rise, and a context keeps its when its host goes.
 */
#include "region.h"
#include "watch.h"

void daxfs_change_begin(struct daxfs_cx *cx)
{
	if (cx->changing++)
		return;
	/* Odd before all that shows: each such step is a CAS, which orders
	 * earlier stores. Pairs with [CHN] in daxfs_watch_look(). */
	a64_store_volatile(&cx->sh->changes, cx->changes + 1);
}

void daxfs_change_end(struct daxfs_cx *cx)
{
	if (--cx->changing)
		return;
	cx->changes += 2;
	/* If we were declared dead it is recovery's: then sh leads nowhere. */
	if (!daxfs_still_host(cx))
		/* All that shows comes before. Pairs with [CHN], the same. */
		a64_store_release_volatile(&cx->sh->changes, cx->changes);
}

void daxfs_watch_new(struct daxfs_cx *cx)
{
	/* Odd if a host that woke up late stored there: over as well. */
	cx->changes = (a64_load_relaxed(&cx->sh->changes) + 1) & ~1ull;
	a64_store_volatile(&cx->sh->changes, cx->changes);
	/* Behind ctx_used, before our first change. Pairs with [CHN] in
	 * daxfs_watch_list() and daxfs_watch_look(). */
	a64_add_relaxed(&daxfs_globals(cx->rg)->members.word, 1);
	full_fence_after_rmw();
}

void daxfs_watch_over(struct daxfs_shared_ctx *sh)
{
	u64 v = a64_load_relaxed(&sh->changes);

	/* What it was changing is undone or done. Pairs with [CHN], look. */
	if (v & 1)
		a64_store_release_volatile(&sh->changes, v + 1);
}

/* ---- the other side ---- */

static int list_host(const struct daxfs_region *rg, u32 host, struct daxfs_watch *w)
{
	u64 used = a64_load_acquire(&daxfs_host(rg, host)->ctx_used);	/* [CHN] */

	for (u32 i = 0; i < DAXFS_CTXS; i++) {
		if (!(used >> i & 1))
			continue;
		if (w->nr == DAXFS_WATCH_MAX)
			return -EUSERS;
		w->word[w->nr++] = &daxfs_shared_ctx(rg, host * DAXFS_CTXS + i)->changes;
	}
	return 0;
}

int daxfs_watch_list(const struct daxfs_region *rg, struct daxfs_watch *w, u64 number)
{
	u64 hosts;
	int r = 0;

	w->nr = 0;
	w->first = number << 48;
	/* Before the list: who comes later moves it. [CHN] in daxfs_watch_new() */
	w->members = a64_load_acquire(&daxfs_globals(rg)->members.word);
	hosts = a64_load_acquire(&daxfs_globals(rg)->hosts_used.word);	/* [CHN] */
	for (u32 i = 0; i < DAXFS_HOSTS && !r; i++)
		if ((hosts >> i & 1) && i != rg->host)
			r = list_host(rg, i, w);
	return r;
}

int daxfs_watch_is_old(const struct daxfs_region *rg, const struct daxfs_watch *w)
{
	return a64_load_relaxed(&daxfs_globals(rg)->members.word) != w->members;
}

u64 daxfs_watch_look(const struct daxfs_region *rg, const struct daxfs_watch *w)
{
	u64 sum = w->first;

	/* What was seen with a counter was done before it; who finds something
	 * newer finds the counter moved. Pairs with [CHN] in
	 * daxfs_change_end() and daxfs_watch_new(). */
	if (a64_load_acquire(&daxfs_globals(rg)->members.word) != w->members)
		return 0;
	for (u32 i = 0; i < w->nr; i++) {
		u64 v = a64_load_acquire(w->word[i]);	/* [CHN] */

		if (v & 1)
			return 0;
		sum += v;
	}
	return sum;
}
