// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Stores through mappings where layers freeze: who makes them, how they are ended.
 *
 * Notes: where there are branches nothing is written in place, but for what
 * programs store through the page tables of a kernel, which asks nobody. So a host
 * says in its slot to which layer it has such entries (`stores`), from before the
 * first one is made until the last one is gone. Who freezes a layer has claimed its
 * word when he looks at the slots: he does not go on while one of them names it.
 * So what is frozen does not change, however long anybody sleeps on the way.
 *
 * Requests (`freeze`, a word of the layer) are for getting there: who sees one takes
 * his entries away, and makes none while it stands. One counts while the host that
 * it names lives; and who has waited for the same one long enough takes it away: so
 * nobody waits for ever for who stopped, and nothing rests on how long it was.
 * tests/model/stores.pml.
 *
 * step  | what others see if the caller stops there              | ended by
 * begin | who freezes the layer: -EBUSY after 100 ms             | recovery
 * end   | nothing                                                | -
 * ask   | no new entries to the layer, until they have waited    | who waits
 * freeze| old values: as any record (record.c)                   | who writes
 *
 * Linearization: the store of `stores`; the CAS of `freeze`. Progress: wait-free,
 * but for the 100 ms. ABA: a layer of that number may be another by now: then too
 * much is ended, once; a request has host, incarnation and sequence.
 */
#include "stores.h"
#include "pool.h"
#include "record.h"
#include "view.h"
#include "word.h"

#define ASK_LOOKS	200u
#define ASK_PAUSE_NS	500000ull	/* between them: 100 ms in all */

static struct daxfs_a64 *own_word(const struct daxfs_region *rg)
{
	return &daxfs_host(rg, rg->host)->stores;
}

/* Does it still execute stores? Who is known to be dead does not. */
static int is_up(const struct daxfs_region *rg, u32 host, u64 *state)
{
	*state = a64_load_acquire(&daxfs_host(rg, host)->state);	/* [HST] */
	return DAXFS_KIND(*state) == DAXFS_H_ALIVE ||
	       (DAXFS_KIND(*state) == DAXFS_H_RECOVERING &&
		host_recoverer(*state) == host);
}

/* Is somebody there who wants an answer to that request? */
static int is_asked(const struct daxfs_region *rg, u64 request)
{
	u32 host = ask_host(request);
	u64 state;

	return request && host < DAXFS_HOSTS && is_up(rg, host, &state) &&
	       host_incarnation(state) == ask_incarnation(request);
}

/* ---- who stores ---- */

struct begin_arg {
	u64 *request;
	u64 ignore;
};

/* A request that nobody stands for any more, or that was waited for enough. */
static int is_free(struct daxfs_cx *cx, struct daxfs_layer *l, struct begin_arg *a)
{
	u64 v = a64_load_acquire(&l->freeze);	/* [STO] in daxfs_stores_ask() */

	if (!v)
		return 1;
	if (is_asked(cx->rg, v) && v != a->ignore) {
		*a->request = v;
		return 0;
	}
	if (!daxfs_still_host(cx))
		a64_cas(&l->freeze, v, 0);
	return 1;
}

static int begin_fn(struct daxfs_cx *cx, void *p)
{
	struct daxfs_a64 *own = own_word(cx->rg);
	struct daxfs_layer *l = daxfs_top_layer(cx);
	u64 was = a64_load_relaxed(own);
	int r = daxfs_view_writable(cx);

	if (!r)
		r = daxfs_still_host(cx);
	if (r)
		return r;
	if (was && was != daxfs_view_top(cx))
		return 1;		/* they lead to another layer */
	if (!is_free(cx, l, p))
		return 1;
	if (was)
		return 0;
	a64_store_volatile(own, daxfs_view_top(cx));
	/* It is said before the layer is looked at, and before there is an entry.
	 * Pairs with [STO] in daxfs_stores_to(). */
	full_fence();
	r = daxfs_layer_is_live(cx);
	if (r && !daxfs_still_host(cx))
		a64_store_volatile(own, 0);
	return r;
}

int daxfs_stores_begin(struct daxfs_cx *cx, u64 *request)
{
	struct begin_arg a = { request, *request };

	*request = 0;
	if (!cx->sh)
		return -EROFS;
	return cx->view.flat ? 0 : daxfs_section(cx, begin_fn, &a);
}

void daxfs_stores_end(struct daxfs_region *rg)
{
	/* What was stored is in memory, and nobody can store any more. Pairs with
	 * [STO] in daxfs_stores_to(). */
	if (rg->joined && !daxfs_host_check(rg))
		a64_store_release_volatile(own_word(rg), 0);
}

int daxfs_stores_unwanted(const struct daxfs_region *rg)
{
	u64 layer = rg->joined ? a64_load_relaxed(own_word(rg)) : 0, v;
	struct daxfs_layer *l = daxfs_layer_at(rg, (u32)layer);

	if (!l)
		return 0;
	v = a64_load_relaxed(&l->word);	/* of one that is over nothing is left to do */
	return is_asked(rg, a64_load_acquire(&l->freeze)) ||	/* [STO] */
	       (!is_ref(v) && layer_state(v) != DAXFS_L_LIVE);
}

/* ---- who freezes ---- */

int daxfs_stores_to(struct daxfs_cx *cx, u32 layer)
{
	u64 hosts = a64_load_acquire(&daxfs_globals(cx->rg)->hosts_used.word), state;

	/* The claim of its word, and a fence, were before: daxfs_op_freeze(). */
	for (u32 h = 0; h < DAXFS_HOSTS; h++)
		if ((hosts >> h & 1) &&		/* [EPO] */
		    /* Pairs with [STO] in begin_fn() and daxfs_stores_end(). */
		    a64_load_acquire_volatile(&daxfs_host(cx->rg, h)->stores) == layer &&
		    is_up(cx->rg, h, &state))
			return 1;
	return 0;
}

/* Let it stand in the layer that somebody wants to freeze it. */
static void put_request(struct daxfs_cx *cx, struct daxfs_ask *ask)
{
	struct daxfs_layer *l = daxfs_layer_at(cx->rg, ask->layer);
	u64 v = a64_load_relaxed(&l->freeze);	/* the CAS decides */

	if (v && (v == ask->request || is_asked(cx->rg, v)))
		return;
	ask->request = ask_make(cx->rg->host, cx->seq, cx->rg->incarnation);
	/* Pairs with [STO] in is_free(). */
	a64_cas(&l->freeze, v, ask->request);
}

void daxfs_stores_unask(struct daxfs_cx *cx, struct daxfs_ask *ask)
{
	struct daxfs_layer *l = daxfs_layer_at(cx->rg, ask->layer);

	/* If we are dead by now nobody waits for it. */
	if (l && ask->request && !daxfs_still_host(cx))
		a64_cas(&l->freeze, ask->request, 0);
	ask->layer = 0;
	ask->request = 0;
}

int daxfs_stores_ask(struct daxfs_cx *cx, u32 layer, struct daxfs_ask *ask)
{
	if (ask->layer != layer) {
		daxfs_stores_unask(cx, ask);
		ask->layer = layer;
	}
	for (; ask->looks < ASK_LOOKS; ask->looks++) {
		if (daxfs_still_host(cx))
			return -ESTALE;
		put_request(cx, ask);
		if (!daxfs_stores_to(cx, layer))
			return 0;
		port_pause_ns(ASK_PAUSE_NS);
	}
	return -EBUSY;
}
