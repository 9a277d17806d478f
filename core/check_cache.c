// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Checking the page cache: what each slot says of itself, and who pins it.
 *
 * Notes: the content of a slot is not compared with the backing file, which is
 * elsewhere. A damaged slot is emptied: nothing is lost, the page is read again.
 * Beside hosts only what no step of theirs could leave is said: a claim that is
 * in dispute may be of a page that is there already.
 */
#include "cache.h"
#include "region.h"
#include "word.h"

struct walk {
	const struct daxfs_region *rg;
	struct daxfs_check *ck;
	u64 hosts;		/* bitmap of those that have a slot */
};

/* 1: to be corrected. */
static int found(struct walk *w, u64 slot, const char *what)
{
	struct daxfs_check *ck = w->ck;

	ck->problems++;
	ck->fixing = !!ck->repair;
	ck->fixed += !!ck->repair;
	if (ck->report)
		ck->report(ck->arg, "pcache", slot, what);
	ck->fixing = 0;
	return !!ck->repair;
}

static const char *impossible(const struct walk *w, u64 slot, u64 v)
{
	u64 addr = cslot_addr(v);

	if (DAXFS_KIND(v) > DAXFS_C_FAILED)
		return "its state is none";
	if (!DAXFS_KIND(v))
		return v ? "a free slot says something of a page" : NULL;
	if (DAXFS_BITS(v, 19, 16) || cslot_ctx(v) > DAXFS_HOSTS * DAXFS_CTXS)
		return "its word cannot be";
	if (!daxfs_backing_ok(w->rg, addr, DAXFS_PAGE_SIZE))
		return "its page is in no backing file";
	if (slot / DAXFS_CACHE_WAYS * DAXFS_CACHE_WAYS !=
	    daxfs_cache_set(w->rg, addr))
		return "its page belongs to another set";
	return NULL;
}

/* Who fills it has no slot of the host table: recovery would have ended that. */
static int is_left(const struct walk *w, u64 v)
{
	u32 host = (cslot_ctx(v) - 1) / DAXFS_CTXS;

	return (DAXFS_KIND(v) == DAXFS_C_CLAIM ||
		DAXFS_KIND(v) == DAXFS_C_PENDING) && cslot_ctx(v) &&
	       !(w->hosts >> host & 1);
}

static void check_slot(struct walk *w, u64 i)
{
	struct daxfs_a64 *word = &daxfs_cache_slot_at(w->rg, i)->word;
	struct daxfs_a64 *pins = daxfs_cache_pins_at(w->rg, i);
	u64 v = a64_load_relaxed(word);		/* a look; the CAS decides */
	u64 lost = a64_load_relaxed(pins) & ~w->hosts;
	const char *what = impossible(w, i, v);

	if (!what && w->ck->quiet && is_left(w, v))
		what = "it is being filled by a host that is not there";
	if (what && found(w, i, what))
		a64_cas(word, v, 0);
	if (w->ck->quiet && lost && found(w, i, "a host pins it that is not there"))
		a64_and(pins, ~lost);
}

static void check_backing(struct walk *w)
{
	struct daxfs_backing b;

	for (u32 i = 0; !daxfs_backing(w->rg, i, &b); i++) {
		if (b.size >= DAXFS_PAGE_SIZE && b.size <= DAXFS_BACKING_MAX &&
		    b.size % DAXFS_PAGE_SIZE == 0)
			continue;
		w->ck->problems++;	/* nobody knows what it was */
		if (w->ck->report && !w->ck->repair)
			w->ck->report(w->ck->arg, "backing", i,
				      "no backing file has that size");
	}
}

int daxfs_check_cache(const struct daxfs_region *rg, struct daxfs_check *ck)
{
	struct walk w = { rg, ck, 0 };

	if (!daxfs_is_split(rg))
		return 0;
	for (u32 i = 0; i < DAXFS_HOSTS; i++)
		if (DAXFS_KIND(a64_load_relaxed(&daxfs_host(rg, i)->state)) !=
		    DAXFS_H_FREE)
			w.hosts |= 1ull << i;
	check_backing(&w);
	for (u64 i = 0; i < daxfs_cache_slot_nr(rg); i++)
		check_slot(&w, i);
	return ck->problems ? -EUCLEAN : 0;
}
