// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Hosts: joining, contexts, liveness.
 *
 * Notes: a slot goes FREE -> JOINING -> ALIVE -> DEAD -> RECOVERING -> FREE, by
 * CAS on its state word alone. Death is a fact that a caller brings, never a
 * guess of this file.
 *
 * operation | linearization            | progress  | if the caller stops there
 * join      | CAS FREE -> JOINING      | lock-free | a JOINING slot with its pid
 * mark dead | CAS ALIVE -> DEAD        | wait-free | -
 * recover   | CAS DEAD -> RECOVERING   | blocks memory only | see recover.c
 *
 * ABA: the incarnation in the state word rises with every join and recovery.
 */
#include "epoch.h"
#include "record.h"
#include "region.h"
#include "view.h"
#include "watch.h"
#include "word.h"

#define JOIN_TRIES	4096u

static void store_name(struct daxfs_host *h, const char *name)
{
	for (u32 i = 0; i < 8; i++) {
		u64 w;

		memcpy(&w, name + i * 8, 8);
		a64_store_relaxed(&h->name[i], w);
	}
}

void daxfs_host_put_id(struct daxfs_host *h, const struct daxfs_host_id *id)
{
	/* All relaxed: published by the state, [HST] in daxfs_host_join(). */
	a64_store_relaxed(&h->kind, id->kind);
	a64_store_relaxed(&h->start_time, id->start_time);
	a64_store_relaxed(&h->boot_id[0], id->boot_id[0]);
	a64_store_relaxed(&h->boot_id[1], id->boot_id[1]);
	a64_store_relaxed(&h->machine_id[0], id->machine_id[0]);
	a64_store_relaxed(&h->machine_id[1], id->machine_id[1]);
	a64_store_volatile(&h->map_epoch, 0);
	a64_store_volatile(&h->stores, 0);
	a64_store_relaxed(&h->view, 0);
	a64_store_volatile(&h->backing, 0);
	a64_store_volatile(&h->joined_ns, port_now_ns());
	a64_store_volatile(&h->heartbeat_ns, port_now_ns());
	store_name(h, id->name);
}

static int join_slot(struct daxfs_region *rg, u32 slot,
		     const struct daxfs_host_id *id)
{
	struct daxfs_host *h = daxfs_host(rg, slot);
	u64 v = a64_load_acquire(&h->state), mine;	/* [HST] in recovery */
	u32 inc = (host_incarnation(v) + 1) & 0x7fffffff;

	if (DAXFS_KIND(v) != DAXFS_H_FREE)
		return -EBUSY;
	mine = host_make(DAXFS_H_JOINING, 0, id->pid, inc);
	if (a64_cas(&h->state, v, mine) != v)
		return -EBUSY;
	daxfs_host_put_id(h, id);
	/* Seen before our first epoch. Pairs with [EPO] in
	 * daxfs_epoch_advance(). */
	a64_or(&daxfs_globals(rg)->hosts_used.word, 1ull << slot);
	full_fence();
	/* Publishes the identity. Pairs with [HST] in daxfs_host_info(). */
	if (a64_cas(&h->state, mine, host_make(DAXFS_H_ALIVE, 0, id->pid, inc)) !=
	    mine)
		return -ESTALE;
	rg->host = slot;
	rg->incarnation = inc;
	rg->joined = 1;
	return 0;
}

/*
 * The slot that is free for the longest time; DAXFS_HOSTS: there is none. If
 * its last host was declared dead by mistake, what that still stores goes to
 * its old slot, so the later somebody else lives there, the better.
 */
static u32 pick_slot(const struct daxfs_region *rg)
{
	u32 best = DAXFS_HOSTS;
	u64 since = 0;

	for (u32 i = 0; i < DAXFS_HOSTS; i++) {
		struct daxfs_host *h = daxfs_host(rg, i);
		u64 t;

		if (DAXFS_KIND(a64_load_relaxed(&h->state)) != DAXFS_H_FREE)
			continue;	/* a hint: the CAS decides */
		t = a64_load_relaxed(&h->heartbeat_ns);
		if (best == DAXFS_HOSTS || t < since) {
			best = i;
			since = t;
		}
	}
	return best;
}

int daxfs_host_join(struct daxfs_region *rg, const struct daxfs_host_id *id)
{
	for (u32 i = 0; i < JOIN_TRIES; i++) {
		u32 slot = pick_slot(rg);
		int r = slot < DAXFS_HOSTS ? join_slot(rg, slot, id) : -EUSERS;

		if (r != -EBUSY)
			return r;
	}
	return -EUSERS;		/* others are always faster */
}

/* Does a state word with that value say that we are a host? */
static int state_is_ours(const struct daxfs_region *rg, u64 v)
{
	if (!rg->joined || host_incarnation(v) != rg->incarnation)
		return 0;
	/* RECOVERING itself: daxfs_host_take_over(), daxfs_host_leave(). */
	return DAXFS_KIND(v) == DAXFS_H_ALIVE ||
	       (DAXFS_KIND(v) == DAXFS_H_RECOVERING &&
		host_recoverer(v) == rg->host);
}

int daxfs_host_check(const struct daxfs_region *rg)
{
	/* A look, not a lock: relaxed is as good as any order. */
	return rg->joined &&
	       state_is_ours(rg, a64_load_relaxed(&daxfs_host(rg, rg->host)->state)) ?
	       0 : -ESTALE;
}

int daxfs_host_recheck(struct daxfs_cx *cx)
{
	u64 v = a64_load_relaxed(cx->state);	/* as above */

	if (state_is_ours(cx->rg, v)) {
		cx->state_seen = v;
		return 0;
	}
	/* The context belongs to whom the slot belongs to, from here on. */
	cx->sh = &cx->none;
	return -ESTALE;
}

void daxfs_host_beat(struct daxfs_region *rg)
{
	if (!daxfs_host_check(rg))
		a64_store_volatile(&daxfs_host(rg, rg->host)->heartbeat_ns,
				   port_now_ns());
}

static u64 oldest_epoch(const struct daxfs_region *rg, u32 slot)
{
	u64 oldest = 0;

	for (u32 i = 0; i < DAXFS_CTXS; i++) {
		u64 e = a64_load_relaxed(&daxfs_shared_ctx(rg,
					 slot * DAXFS_CTXS + i)->epoch);

		if (e && (!oldest || e < oldest))
			oldest = e;
	}
	return oldest;
}

int daxfs_host_info(const struct daxfs_region *rg, u32 slot,
		    struct daxfs_host_info *info)
{
	struct daxfs_host *h;
	u64 v;

	if (slot >= DAXFS_HOSTS)
		return -ENOENT;
	h = daxfs_host(rg, slot);
	v = a64_load_acquire(&h->state);	/* [HST] in daxfs_host_join() */
	if (DAXFS_KIND(v) == DAXFS_H_FREE)
		return -ENOENT;
	memset(info, 0, sizeof(*info));
	info->slot = slot;
	info->state = (u32)DAXFS_KIND(v);
	info->incarnation = host_incarnation(v);
	info->id.pid = host_pid(v);
	info->id.kind = (u32)a64_load_relaxed(&h->kind);
	info->id.start_time = a64_load_relaxed(&h->start_time);
	info->id.boot_id[0] = a64_load_relaxed(&h->boot_id[0]);
	info->id.boot_id[1] = a64_load_relaxed(&h->boot_id[1]);
	info->id.machine_id[0] = a64_load_relaxed(&h->machine_id[0]);
	info->id.machine_id[1] = a64_load_relaxed(&h->machine_id[1]);
	for (u32 i = 0; i < 8; i++) {
		u64 w = a64_load_relaxed(&h->name[i]);

		memcpy(info->id.name + i * 8, &w, 8);
	}
	info->id.name[63] = 0;
	info->heartbeat_ns = a64_load_relaxed(&h->heartbeat_ns);
	info->joined_ns = a64_load_relaxed(&h->joined_ns);
	info->map_epoch = a64_load_relaxed(&h->map_epoch);
	info->stores = a64_load_relaxed(&h->stores);
	info->recoverer = host_recoverer(v);
	/* Whoever shows less than this has been inside since it was less.
	 * Pairs with [EPO] in daxfs_epoch_advance(). */
	info->epoch = a64_load_acquire(&daxfs_globals(rg)->epoch.word);
	info->oldest_epoch = oldest_epoch(rg, slot);
	return 0;
}

int daxfs_host_mark_dead(struct daxfs_region *rg, u32 slot, u32 incarnation)
{
	struct daxfs_host *h = daxfs_host(rg, slot);
	u64 v = a64_load_acquire(&h->state);	/* pairs with [HST] */

	if (host_incarnation(v) != incarnation ||
	    (DAXFS_KIND(v) != DAXFS_H_ALIVE && DAXFS_KIND(v) != DAXFS_H_JOINING &&
	     !(DAXFS_KIND(v) == DAXFS_H_RECOVERING && host_recoverer(v) == slot)))
		return -ESTALE;
	/* Before anything is recovered. Pairs with [EVI] in daxfs_leave(). */
	if (a64_cas(&h->state, v, (v & ~7ull) | DAXFS_H_DEAD) != v)
		return -ESTALE;
	return 0;
}

/* ---- contexts ---- */

static void start_hints(struct daxfs_cx *cx)
{
	struct daxfs_region *rg = cx->rg;
	u64 chunks = (rg->pool_end - rg->pool_base) >> DAXFS_CHUNK_SHIFT;

	/* Hosts start far apart, contexts of one host near each other. */
	cx->chunk = chunks ? (cx->id / DAXFS_CTXS * 7 + cx->id % DAXFS_CTXS) %
		    chunks : 0;
	cx->chunk_page = DAXFS_CHUNK_PAGES;	/* go and look for one */
	cx->rng = 0x9e3779b97f4a7c15ull * (cx->id + 1);
	daxfs_patience_reset(cx);
}

int daxfs_cx_init(struct daxfs_cx *cx, struct daxfs_region *rg, u32 nr)
{
	struct daxfs_host *h;

	memset(cx, 0, sizeof(*cx));
	cx->rg = rg;
	daxfs_view_new(cx);
	if (!daxfs_has_overlay(rg) || !rg->joined)
		return 0;
	if (nr >= DAXFS_CTXS)
		return -EINVAL;
	cx->id = rg->host * DAXFS_CTXS + nr;
	cx->sh = daxfs_shared_ctx(rg, cx->id);
	cx->seq = status_seq(a64_load_relaxed(&cx->sh->status));
	start_hints(cx);
	h = daxfs_host(rg, rg->host);
	cx->state = &h->state;
	daxfs_host_recheck(cx);		/* if not: each entry says so */
	/*
	 * Outside a section and with nothing begun, whatever a host that woke
	 * up late left there.
	 */
	a64_store_relaxed(&cx->sh->epoch, 0);
	a64_store_relaxed(&cx->sh->drop_attr, 0);
	a64_store_relaxed(&cx->sh->drop_xattr, 0);
	a64_store_relaxed(&cx->sh->drop_xattr, 0);
	/* Seen before the first epoch. Pairs with [EPO] in host_shows(). */
	a64_or(&h->ctx_used, 1ull << nr);
	full_fence();
	daxfs_watch_new(cx);
	return 0;
}
