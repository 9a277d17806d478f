// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Checking what is not in the pool: globals, hosts and their contexts.
 *
 * Notes: hints (layer_next, starving, chunk hints) and figures for people have
 * no wrong values. Words that this release does not use are not looked at.
 * Beside hosts only what cannot be at any time is said.
 */
#include "check.h"

#define EPOCH_MIN	2u
#define EPOCH_END	(1ull << 48)	/* what an info word can hold */
#define HEAD_MAIN	(1ull << 3)	/* layer 1 */

/* ---- globals and layer ---- */

static u64 max_retired(struct daxfs_ck *p)
{
	const struct daxfs_span *pool = &p->rg->area[DAXFS_AREA_POOL];
	u64 max = EPOCH_MIN;

	for (u64 i = 0; i < pool->nr; i++) {
		u64 v = daxfs_ck_load(daxfs_page_info(p->rg, pool->off +
						(i << DAXFS_PAGE_SHIFT)));

		if (info_is_retired(v) && info_epoch(v) > max &&
		    info_epoch(v) < EPOCH_END)
			max = info_epoch(v);
	}
	return max;
}

static void check_epoch(struct daxfs_ck *p)
{
	struct daxfs_a64 *word = &daxfs_globals(p->rg)->epoch.word;

	if (p->g >= EPOCH_MIN && p->g < EPOCH_END)
		return;
	if (!daxfs_ck_found(p, DAXFS_REPAIR_ALL, "globals", 0,
			    "the epoch is impossible"))
		return;
	p->g = max_retired(p) + EPOCH_MIN;
	a64_store_relaxed(word, p->g);
}

static void check_layer(struct daxfs_ck *p)
{
	struct daxfs_layer *l = daxfs_first_layer(p->rg);
	struct daxfs_a64 *head = &daxfs_globals(p->rg)->head.word;
	u64 v = daxfs_ck_load(head);

	if ((DAXFS_KIND(v) || DAXFS_BITS(v, 22, 3) != 1) &&
	    daxfs_ck_found(p, DAXFS_REPAIR_ALL, "globals", 0,
			   "the head names no layer that there is"))
		a64_store_relaxed(head, HEAD_MAIN);
	if (daxfs_ck_load(&l->word) &&
	    daxfs_ck_found(p, DAXFS_REPAIR_ALL, "layer", 1,
			   "is not the one that is written to"))
		a64_store_relaxed(&l->word, 0);
	if (daxfs_ck_load(&l->below) &&
	    daxfs_ck_found(p, DAXFS_REPAIR_ALL, "layer", 1,
			   "stands on a layer that there is not"))
		a64_store_relaxed(&l->below, 0);
	if (!p->ck->quiet)
		return;
	v = daxfs_ck_value(p, &l->dirmove, 0, "layer", 1);
	if (DAXFS_KIND(v) && daxfs_ck_found(p, DAXFS_REPAIR_ALL, "layer", 1,
					    "version of moves is impossible"))
		a64_store_relaxed(&l->dirmove, v & ~7ull);
}

void daxfs_ck_numbers(struct daxfs_ck *p)
{
	struct daxfs_a64 *word = &daxfs_globals(p->rg)->next_ino.word;
	u64 v = daxfs_ck_load(word), least = p->rg->super.first_ino;

	if (p->max_place >= least)
		least = p->max_place + 1;
	if (v >= least && v <= DAXFS_INO_TURN)
		return;
	if (daxfs_ck_found(p, DAXFS_REPAIR_SAFE, "globals", 0,
			   v < least ? "the next inode number is in use" :
			   "the next inode number is impossible"))
		a64_store_relaxed(word, (least + DAXFS_INO_RANGE - 1) /
				  DAXFS_INO_RANGE * DAXFS_INO_RANGE);
}

/* ---- contexts ---- */

static void ctx_zero(struct daxfs_ck *p, u32 id, struct daxfs_a64 *word,
		     const char *what)
{
	if (daxfs_ck_load(word) &&
	    daxfs_ck_found(p, DAXFS_REPAIR_SAFE, "context", id, what))
		a64_store_relaxed(word, 0);
}

static void check_more(struct daxfs_ck *p, struct daxfs_shared_ctx *sh, u32 id)
{
	u64 more = daxfs_ck_load(&sh->more_off);

	if (more && daxfs_ck_claim(p, more, DAXFS_T_ENTRIES, &sh->more_off, 0,
				   "context", id) > 1)
		a64_store_relaxed(&sh->more_off, 0);
}

/* used: its host is there, and idle. */
static void check_ctx(struct daxfs_ck *p, u32 id, int used)
{
	struct daxfs_shared_ctx *sh = daxfs_shared_ctx(p->rg, id);
	u64 s = daxfs_ck_load(&sh->status);

	if (sh != p->cx->sh)
		ctx_zero(p, id, &sh->epoch, "is in a section that nobody is in");
	if (s & 0xffff && daxfs_ck_found(p, DAXFS_REPAIR_SAFE, "context", id,
					 "its record is not over"))
		a64_store_relaxed(&sh->status, status_make(status_seq(s), 0));
	ctx_zero(p, id, &sh->drop_ino, "drops an inode that nobody drops");
	ctx_zero(p, id, &sh->drop_attr, "drops attributes that nobody drops");
	ctx_zero(p, id, &sh->drop_xattr, "drops extended attributes that "
		 "nobody drops");
	ctx_zero(p, id, &sh->made_ino, "makes an inode that nobody makes");
	if ((daxfs_ck_load(&sh->changes) & 1) && sh != p->cx->sh &&
	    daxfs_ck_found(p, DAXFS_REPAIR_SAFE, "context", id,
			   "changes names that nobody changes"))
		a64_store_relaxed(&sh->changes, daxfs_ck_load(&sh->changes) + 1);
	if (used) {
		check_more(p, sh, id);
		return;
	}
	ctx_zero(p, id, &sh->more_off, "keeps a page without a host");
}

/* ---- hosts ---- */

static void host_zero(struct daxfs_ck *p, u32 slot, struct daxfs_a64 *word,
		      const char *what)
{
	if (daxfs_ck_load(word) &&
	    daxfs_ck_found(p, DAXFS_REPAIR_SAFE, "host", slot, what))
		a64_store_relaxed(word, 0);
}

static void check_free(struct daxfs_ck *p, u32 slot, struct daxfs_host *h)
{
	host_zero(p, slot, &h->ctx_used, "is free and has contexts");
	host_zero(p, slot, &h->boot_id[0], "is free and has a machine");
	host_zero(p, slot, &h->boot_id[1], "is free and has a machine");
	host_zero(p, slot, &h->start_time, "is free and has a process");
	host_zero(p, slot, &h->map_epoch, "is free and has mappings");
	host_zero(p, slot, &h->stores, "is free and stores to a layer");
}

/* All hosts that are dead are recovered as far as that goes: the rest is ours. */
static int free_dead(struct daxfs_ck *p, u32 slot, struct daxfs_a64 *state, u64 v)
{
	if (DAXFS_KIND(v) != DAXFS_H_DEAD || !p->ck->repair)
		return 0;
	if (daxfs_ck_found(p, DAXFS_REPAIR_ALL, "host", slot,
			   "is dead and could not be recovered"))
		a64_store_relaxed(state, host_make(DAXFS_H_FREE, 0, 0,
						   host_incarnation(v)));
	return p->ck->repair >= DAXFS_REPAIR_ALL;
}

/* 1: somebody has the slot. */
static int check_state(struct daxfs_ck *p, u32 slot, struct daxfs_host *h)
{
	u64 v = daxfs_ck_load(&h->state);

	if (DAXFS_KIND(v) > DAXFS_H_RECOVERING) {
		if (daxfs_ck_found(p, DAXFS_REPAIR_ALL, "host", slot,
				   "is in no possible state"))
			a64_store_relaxed(&h->state, host_make(DAXFS_H_FREE, 0,
						0, host_incarnation(v)));
		return 0;
	}
	if (DAXFS_KIND(v) == DAXFS_H_RECOVERING &&
	    host_recoverer(v) >= DAXFS_HOSTS &&
	    daxfs_ck_found(p, DAXFS_REPAIR_ALL, "host", slot,
			   "is recovered by a host that cannot be"))
		a64_store_relaxed(&h->state, host_make(DAXFS_H_DEAD, 0, 0,
						       host_incarnation(v)));
	return DAXFS_KIND(v) != DAXFS_H_FREE && !free_dead(p, slot, &h->state, v);
}

static void check_host(struct daxfs_ck *p, u32 slot)
{
	struct daxfs_host *h = daxfs_host(p->rg, slot);
	int used = check_state(p, slot, h);

	p->hosts |= (u64)used << slot;
	if (!p->ck->quiet)
		return;
	if (!used)
		check_free(p, slot, h);
	else if (daxfs_ck_load(&h->ctx_used) >> DAXFS_CTXS)
		daxfs_ck_found(p, 0, "host", slot, "has contexts that cannot be");
	if (daxfs_ck_load(&h->map_epoch) > p->g)
		daxfs_ck_found(p, 0, "host", slot,
			       "has mappings of an epoch that is still to come");
	for (u32 i = 0; i < DAXFS_CTXS; i++)
		check_ctx(p, slot * DAXFS_CTXS + i, used);
}

void daxfs_ck_state(struct daxfs_ck *p)
{
	struct daxfs_a64 *used = &daxfs_globals(p->rg)->hosts_used.word;

	check_epoch(p);
	if (p->flat)
		check_layer(p);
	for (u32 i = 0; i < DAXFS_HOSTS; i++)
		check_host(p, i);
	if (p->ck->quiet && daxfs_ck_load(used) != p->hosts &&
	    daxfs_ck_found(p, DAXFS_REPAIR_SAFE, "globals", 0,
			   "the bitmap of hosts is not that of the table"))
		a64_store_relaxed(used, p->hosts);
	if (p->ck->quiet)
		daxfs_ck_layers(p);
}
