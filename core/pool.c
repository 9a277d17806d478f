// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The pool: pages and small objects, taken and given back by CAS on the info
 * word of each.
 *
 * Notes: the info words are the truth. A page's lies in the area PAGE_INFO, an
 * object's in its first 8 bytes. Zero is FREE, so fresh memory needs no
 * preparation. Everything else (cursors, queues, chunk hints) is a hint: it may
 * be lost without losing memory, and no allocation fails before everything was
 * looked at (docs/decisions/0002).
 *
 * operation | linearization             | progress  | if the caller stops there
 * take      | CAS FREE -> OWNED         | lock-free | recovery finds it unreferred
 * give      | CAS OWNED -> FREE         | wait-free | as above
 * retire    | CAS OWNED -> RETIRED(G)   | wait-free | any scan reuses it
 * reuse     | CAS RETIRED(e) -> FREE    | wait-free | -
 * new slab  | CAS RESERVED -> OWNED     | lock-free | recovery frees RESERVED
 * old slab  | all objects RESERVED, then retire | lock-free | recovery frees RESERVED
 *
 * ABA: RETIRED(e) never recurs for a unit, because reuse needs G >= e+2.
 * FREE -> OWNED by a late taker is right whenever it happens; for an object only
 * while its page is a slab of that class, which the taker's section preserves.
 */
#include "pool.h"
#include "epoch.h"
#include "index.h"
#include "region.h"
#include "view.h"
#include "word.h"

static const struct {
	u32 size, nr;
} classes[DAXFS_CLASSES] = {
	{ 64, 64 }, { 128, 32 }, { 256, 16 }, { 320, 12 },
};

u32 daxfs_class_size(enum daxfs_class class)
{
	return classes[class].size;
}

u32 daxfs_class_nr(enum daxfs_class class)
{
	return classes[class].nr;
}

enum daxfs_class daxfs_slab_class(u64 info)
{
	u32 type = info_type(info);

	if (DAXFS_KIND(info) != DAXFS_I_OWNED || type < DAXFS_T_SLAB64 ||
	    type > DAXFS_T_SLAB320)
		return DAXFS_NO_CLASS;
	return (enum daxfs_class)(type - DAXFS_T_SLAB64);
}

static u32 own_host(const struct daxfs_cx *cx)
{
	return cx->id / DAXFS_CTXS;
}

static u64 chunk_of(const struct daxfs_region *rg, u64 off)
{
	return (off - rg->pool_base) >> DAXFS_CHUNK_SHIFT;
}

/* Only the owner of the context writes it; read for statistics. */
static void count_pages(struct daxfs_cx *cx, u64 n)
{
	u64 v = a64_load_relaxed(&cx->sh->pages_taken);

	a64_store_relaxed(&cx->sh->pages_taken, v + n);
}

#define VIEW_TRIES	1000u	/* checkpoints that overtake one operation */
#define TIDY_MIN	32768u	/* retired objects before slabs are looked at */
#define STARVING_MASK	3ull
#define STARVING_LOOK	1ull	/* a search goes on */
#define STARVING_NONE	2ull	/* it found nothing, and nothing was retired since */

/* A search, counted in the upper bits so that no two look alike. */
static struct daxfs_a64 *starving(struct daxfs_cx *cx)
{
	return &daxfs_globals(cx->rg)->starving.word;
}

/*
 * There is something to find, which the present search may have passed. It may
 * say just now that it found nothing: then that is taken back, in a second
 * try. A search that begins later sees what we have freed.
 */
static void starving_ends(struct daxfs_cx *cx)
{
	u64 v = a64_load_relaxed(starving(cx)), found;

	for (u32 i = 0; i < 2 && (v & STARVING_MASK); i++) {
		/* [HNT] in daxfs_reclaim() */
		found = a64_cas(starving(cx), v, (v | STARVING_MASK) + 1);
		if (found == v)
			return;
		v = found;
	}
}

/* A unit of that chunk became free or retired: it is not full any more. */
static void chunk_has_room(struct daxfs_cx *cx, u64 off)
{
	struct daxfs_a64 *hint = daxfs_chunk_hint(cx->rg, chunk_of(cx->rg, off));

	/* Info (the CAS of our callers) before hints. Pairs with [HNT] in
	 * chunk_mark_full() and daxfs_reclaim(). */
	full_fence_after_rmw();
	if (a64_load_relaxed(hint) == DAXFS_CH_FULL)
		a64_cas(hint, DAXFS_CH_FULL, 0);
	starving_ends(cx);
}

static int reusable(struct daxfs_cx *cx, u64 info, u64 g)
{
	if (!info_is_retired(info) || info_epoch(info) + 2 > g)
		return 0;
	if (DAXFS_KIND(info) == DAXFS_I_RETIRED)
		return 1;
	return info_epoch(info) < daxfs_map_epoch_min(cx);
}

/* ---- pages ---- */

static int page_try(struct daxfs_cx *cx, u64 off, u64 owned)
{
	struct daxfs_a64 *info = daxfs_page_info(cx->rg, off);

	if (!info || (!cx->full && off >= cx->rg->pool_end))
		return 0;	/* the reserve */
	if (a64_load_relaxed(info) != DAXFS_I_FREE)
		return 0;	/* the CAS decides; this saves its cost */
	if (daxfs_still_host(cx))
		return 0;	/* found_none() says it */
	if (a64_cas(info, DAXFS_I_FREE, owned) != DAXFS_I_FREE)
		return 0;
	count_pages(cx, 1);
	return 1;
}

static u64 chunk_page_off(const struct daxfs_region *rg, u64 chunk, u32 page)
{
	return rg->pool_base + (chunk << DAXFS_CHUNK_SHIFT) +
	       ((u64)page << DAXFS_PAGE_SHIFT);
}

/* Nothing free, nothing retired, among the pages that everybody may take. */
static int chunk_is_full(struct daxfs_cx *cx, u64 chunk)
{
	for (u32 i = 0; i < DAXFS_CHUNK_PAGES; i++) {
		struct daxfs_a64 *info;
		u64 v;

		u64 off = chunk_page_off(cx->rg, chunk, i);

		info = daxfs_page_info(cx->rg, off);
		if (!info || off >= cx->rg->pool_end)
			continue;	/* the reserve is searched without hints */
		v = a64_load_relaxed(info);
		if (v == DAXFS_I_FREE || info_is_retired(v))
			return 0;
	}
	return 1;
}

static void chunk_mark_full(struct daxfs_cx *cx, u64 chunk)
{
	struct daxfs_a64 *hint = daxfs_chunk_hint(cx->rg, chunk);
	u64 v = a64_load_relaxed(hint);

	if (v == DAXFS_CH_FULL || !chunk_is_full(cx, chunk))
		return;
	if (a64_cas(hint, v, DAXFS_CH_FULL) != v)
		return;
	full_fence();	/* hint before info; pairs with [HNT] in chunk_has_room() */
	if (!chunk_is_full(cx, chunk))
		a64_cas(hint, DAXFS_CH_FULL, 0);
}

static u64 chunk_nr(const struct daxfs_region *rg)
{
	const struct daxfs_span *pool = &rg->area[DAXFS_AREA_POOL];

	return (pool->off + pool->len - rg->pool_base + DAXFS_CHUNK_SIZE - 1) >>
	       DAXFS_CHUNK_SHIFT;
}

static int chunk_take(struct daxfs_cx *cx, u64 owned, u64 *off)
{
	while (cx->chunk_page < DAXFS_CHUNK_PAGES) {
		*off = chunk_page_off(cx->rg, cx->chunk, cx->chunk_page++);
		if (page_try(cx, *off, owned))
			return 0;
	}
	return -ENOSPC;
}

static u64 chunk_mine(const struct daxfs_cx *cx)
{
	return (u64)(cx->id + 1) << 16;
}

/* Go on to a chunk that nobody takes from (alone), or that is not full. */
static int chunk_next(struct daxfs_cx *cx, int alone, u64 *left)
{
	u64 mine = chunk_mine(cx), nr = chunk_nr(cx->rg), start = cx->chunk;

	if (a64_load_relaxed(daxfs_chunk_hint(cx->rg, cx->chunk)) == mine)
		a64_cas(daxfs_chunk_hint(cx->rg, cx->chunk), mine, 0);
	for (u64 i = 1; *left; i++, --*left) {
		u64 chunk = (start + i) % nr;
		struct daxfs_a64 *hint = daxfs_chunk_hint(cx->rg, chunk);
		u64 v = a64_load_relaxed(hint);

		if (v == DAXFS_CH_FULL || (alone && v && v != mine))
			continue;
		if (alone && !v && a64_cas(hint, 0, mine) != 0)
			continue;
		cx->chunk = chunk;
		cx->chunk_page = 0;
		--*left;
		return 1;
	}
	return 0;
}

/* Look through chunks, once round, until one gives a page. */
static int chunks_search(struct daxfs_cx *cx, u64 owned, u64 *off, int alone)
{
	u64 left = chunk_nr(cx->rg);

	while (left && chunk_next(cx, alone, &left)) {
		if (!chunk_take(cx, owned, off))
			return 0;
		chunk_mark_full(cx, cx->chunk);
	}
	return -ENOSPC;
}

/* From the end, where the reserve lies; only for those who give back more. */
static int reserve_take(struct daxfs_cx *cx, u64 owned, u64 *off)
{
	const struct daxfs_span *pool = &cx->rg->area[DAXFS_AREA_POOL];

	*off = pool->off + pool->len;
	while (cx->full && *off > cx->rg->pool_end) {
		*off -= DAXFS_PAGE_SIZE;
		if (page_try(cx, *off, owned))
			return 0;
	}
	return -ENOSPC;
}

/* Nobody could be given anything, or just not we? */
static int found_none(struct daxfs_cx *cx)
{
	int r = daxfs_still_host(cx);

	return r ? r : -ENOSPC;
}

static int page_take_any(struct daxfs_cx *cx, u64 owned, u64 *off)
{
	while (cx->page_nr) {
		*off = cx->page[--cx->page_nr];
		if (page_try(cx, *off, owned))
			return 0;
	}
	if (!chunk_take(cx, owned, off))
		return 0;
	chunk_mark_full(cx, cx->chunk);
	if (!chunks_search(cx, owned, off, 1))
		return 0;
	if (!chunks_search(cx, owned, off, 0))
		return 0;
	return reserve_take(cx, owned, off) ? found_none(cx) : 0;
}

/*
 * The first page of a chunk that looks unused, so that what follows can be
 * placed behind it. Looks at a few chunks only: a preference, not a promise.
 */
static int page_take_aligned(struct daxfs_cx *cx, u64 owned, u64 *off)
{
	u64 nr = chunk_nr(cx->rg);

	for (u64 i = 1; i <= 16 && i < nr; i++) {
		u64 chunk = (cx->chunk + i) % nr;
		struct daxfs_a64 *hint = daxfs_chunk_hint(cx->rg, chunk), *last;

		last = daxfs_page_info(cx->rg, chunk_page_off(cx->rg, chunk,
							DAXFS_CHUNK_PAGES - 1));
		*off = chunk_page_off(cx->rg, chunk, 0);
		if (!last || a64_load_relaxed(last) != DAXFS_I_FREE ||
		    a64_load_relaxed(hint) || !page_try(cx, *off, owned))
			continue;
		a64_cas(hint, 0, chunk_mine(cx));
		return 0;
	}
	return -ENOSPC;
}

int daxfs_page_take(struct daxfs_cx *cx, u32 type, u64 back_off, u64 want,
		    u64 *off)
{
	u64 owned = info_owned(type, own_host(cx), back_off);

	if (want == DAXFS_WANT_ALIGNED) {
		if (!page_take_aligned(cx, owned, off))
			return 0;
	} else if (want & (DAXFS_CHUNK_SIZE - 1) && page_try(cx, want, owned)) {
		*off = want;
		return 0;
	}
	return page_take_any(cx, owned, off);
}

int daxfs_page_take_zero(struct daxfs_cx *cx, u32 type, u64 back_off, u64 *off)
{
	int r = daxfs_page_take(cx, type, back_off, 0, off);
	void *page;

	if (r)
		return r;
	page = daxfs_at(cx->rg, *off, DAXFS_PAGE_SIZE, DAXFS_PAGE_SIZE);
	if (!page)
		return -EUCLEAN;
	/* Whoever has recovered us has given it to somebody else. */
	if (daxfs_still_host(cx))
		return -ESTALE;
	port_zero(page, DAXFS_PAGE_SIZE);
	return daxfs_still_host(cx);	/* the caller publishes it now */
}

static void page_freed(struct daxfs_cx *cx, u64 off)
{
	if (cx->page_nr < DAXFS_CX_PAGES)
		cx->page[cx->page_nr++] = off;
	chunk_has_room(cx, off);
}

void daxfs_page_give(struct daxfs_cx *cx, u64 off)
{
	struct daxfs_a64 *info = daxfs_page_info(cx->rg, off);
	u64 v;

	if (!info)
		return;
	v = a64_load_relaxed(info);
	/* Recovery has given it back if we are none any more. */
	if (DAXFS_KIND(v) != DAXFS_I_OWNED || daxfs_still_host(cx) ||
	    a64_cas(info, v, DAXFS_I_FREE) != v)
		return;
	count_pages(cx, (u64)-1);
	page_freed(cx, off);
}

/* ---- retirement ---- */

static void remember(struct daxfs_cx *cx, u64 off, u64 epoch)
{
	u32 at;

	cx->retire_count++;
	if (cx->retired_nr == DAXFS_CX_RETIRED)
		return;		/* the info word remembers */
	at = (cx->retired_head + cx->retired_nr++) % DAXFS_CX_RETIRED;
	cx->retired[at].off = off;
	cx->retired[at].epoch = epoch;
}

/*
 * No test fails without the look: most callers have looked a few steps before,
 * and what was replaced is found in a context that a new host of the slot has
 * overwritten. It keeps these few steps down to one.
 */
static int retire(struct daxfs_cx *cx, struct daxfs_a64 *info, u64 g, int mapped)
{
	u64 v = a64_load_relaxed(info);

	return DAXFS_KIND(v) == DAXFS_I_OWNED && !daxfs_still_host(cx) &&
	       a64_cas(info, v, info_retired(v, g, mapped)) == v;
}

void daxfs_page_retire(struct daxfs_cx *cx, u64 off, u64 g, int mapped)
{
	struct daxfs_a64 *info = daxfs_page_info(cx->rg, off);

	if (!info || !retire(cx, info, g, mapped))
		return;
	count_pages(cx, (u64)-1);	/* it will be free by itself */
	remember(cx, off, g);
	chunk_has_room(cx, off);
}

/* The info word of an object, if it lies in a slab page; else NULL. */
static struct daxfs_a64 *obj_info(struct daxfs_cx *cx, u64 off,
				  enum daxfs_class *class)
{
	u64 page = off & ~(DAXFS_PAGE_SIZE - 1);
	struct daxfs_a64 *info = daxfs_page_info(cx->rg, page);

	if (!info)
		return NULL;
	/* Pairs with [SLB] in slab_new(). */
	*class = daxfs_slab_class(a64_load_acquire(info));
	if (*class == DAXFS_NO_CLASS || (off - page) % classes[*class].size ||
	    (off - page) / classes[*class].size >= classes[*class].nr)
		return NULL;
	return daxfs_at(cx->rg, off, classes[*class].size, 64);
}

void daxfs_obj_retire(struct daxfs_cx *cx, u64 off, u64 g)
{
	enum daxfs_class class;
	struct daxfs_a64 *info = obj_info(cx, off, &class);

	if (!info || !retire(cx, info, g, 0))
		return;
	cx->objs_retired++;
	remember(cx, off | 1, g);
	chunk_has_room(cx, off);
}

static void obj_freed(struct daxfs_cx *cx, u64 off, enum daxfs_class class)
{
	if (cx->obj_nr[class] < DAXFS_CX_OBJECTS)
		cx->obj[class][cx->obj_nr[class]++] = off;
}

void daxfs_obj_give(struct daxfs_cx *cx, u64 off)
{
	enum daxfs_class class;
	struct daxfs_a64 *info = obj_info(cx, off, &class);
	u64 v;

	if (!info)
		return;
	v = a64_load_relaxed(info);
	if (DAXFS_KIND(v) != DAXFS_I_OWNED || daxfs_still_host(cx) ||
	    a64_cas(info, v, DAXFS_I_FREE) != v)
		return;
	obj_freed(cx, off, class);
	chunk_has_room(cx, off);
}

/* Queue entries have bit 0 set for objects. */
static void collect_one(struct daxfs_cx *cx, u64 tagged, u64 g)
{
	u64 off = tagged & ~1ull, v;
	enum daxfs_class class = DAXFS_NO_CLASS;
	struct daxfs_a64 *info;

	if (tagged & 1)
		info = obj_info(cx, off, &class);
	else
		info = daxfs_page_info(cx->rg, off);
	if (!info)
		return;
	v = a64_load_relaxed(info);
	if (!reusable(cx, v, g) || a64_cas(info, v, DAXFS_I_FREE) != v)
		return;
	if (class == DAXFS_NO_CLASS)
		page_freed(cx, off);
	else
		obj_freed(cx, off, class);
}

void daxfs_collect(struct daxfs_cx *cx)
{
	u64 g = daxfs_epoch_now(cx);

	while (cx->retired_nr) {
		struct daxfs_retired *r = &cx->retired[cx->retired_head];

		if (r->epoch + 2 > g)
			break;
		cx->retired_head = (cx->retired_head + 1) % DAXFS_CX_RETIRED;
		cx->retired_nr--;
		collect_one(cx, r->off, g);
	}
}

/* ---- objects ---- */

static int obj_try(struct daxfs_cx *cx, u64 off, enum daxfs_class class, u64 owned)
{
	enum daxfs_class found;
	struct daxfs_a64 *info = obj_info(cx, off, &found);

	return info && found == class &&
	       a64_load_relaxed(info) == DAXFS_I_FREE &&
	       !daxfs_still_host(cx) &&
	       a64_cas(info, DAXFS_I_FREE, owned) == DAXFS_I_FREE;
}

/* From the slab page that we take from. */
static int slab_take(struct daxfs_cx *cx, enum daxfs_class class, u64 owned,
		     u64 *off)
{
	while (cx->obj_page[class] && cx->obj_next[class] < classes[class].nr) {
		*off = cx->obj_page[class] +
		       (u64)cx->obj_next[class]++ * classes[class].size;
		if (obj_try(cx, *off, class, owned))
			return 0;
	}
	return -ENOSPC;
}

static u64 pool_page_nr(const struct daxfs_region *rg)
{
	return rg->area[DAXFS_AREA_POOL].nr;
}

static u64 pool_page_off(const struct daxfs_region *rg, u64 i)
{
	return rg->area[DAXFS_AREA_POOL].off + (i << DAXFS_PAGE_SHIFT);
}

/*
 * Look at up to max pages for slabs of the class, and at up to slabs of those
 * for a free object. A small part at each call keeps old slabs filled.
 */
static int slab_search(struct daxfs_cx *cx, enum daxfs_class class, u64 owned,
		       u64 *off, u64 max, u64 slabs)
{
	u64 nr = pool_page_nr(cx->rg);

	while (max-- && slabs) {
		u64 page = pool_page_off(cx->rg, cx->slab_cursor++ % nr);
		struct daxfs_a64 *info = daxfs_page_info(cx->rg, page);

		if (daxfs_slab_class(a64_load_relaxed(info)) != class)
			continue;	/* obj_try() looks again with acquire */
		slabs--;
		cx->obj_page[class] = page;
		cx->obj_next[class] = 0;
		if (!slab_take(cx, class, owned, off))
			return 0;
	}
	return -ENOSPC;
}

static int slab_new(struct daxfs_cx *cx, enum daxfs_class class)
{
	u32 type = DAXFS_T_SLAB64 + (u32)class;
	u64 reserved = info_reserved(type, own_host(cx)), off;
	struct daxfs_a64 *info;
	int r;

	r = page_take_any(cx, reserved, &off);
	if (r)
		return r;
	info = daxfs_page_info(cx->rg, off);
	port_zero(daxfs_at(cx->rg, off, DAXFS_PAGE_SIZE, DAXFS_PAGE_SIZE),
		  DAXFS_PAGE_SIZE);
	/* Publishes zeroed objects. Pairs with [SLB] in obj_info(). */
	a64_cas(info, reserved, info_owned(type, own_host(cx), 0));
	cx->obj_page[class] = off;
	cx->obj_next[class] = 0;
	return 0;
}

int daxfs_obj_take(struct daxfs_cx *cx, enum daxfs_class class, u32 type,
		   u64 back_off, u64 *off)
{
	u64 owned = info_owned(type, own_host(cx), back_off);
	int r;

	while (cx->obj_nr[class]) {
		*off = cx->obj[class][--cx->obj_nr[class]];
		if (obj_try(cx, *off, class, owned))
			return 0;
	}
	if (!slab_take(cx, class, owned, off))
		return 0;
	if (!slab_search(cx, class, owned, off, 64, 1))
		return 0;
	for (u32 i = 0; i < 4; i++) {
		r = slab_new(cx, class);
		if (r && !slab_search(cx, class, owned, off,
				      pool_page_nr(cx->rg), ~0ull))
			return 0;
		if (r)
			return found_none(cx);
		if (!slab_take(cx, class, owned, off))
			return 0;	/* else others emptied it at once */
	}
	return found_none(cx);
}

/* ---- reclaim: everything that can be free again ---- */

/* Reserve all objects of a slab page; they are free or may be reused. */
static int slab_reserve(struct daxfs_cx *cx, u64 page, enum daxfs_class class,
			u64 g, int *waiting)
{
	u64 mine = info_reserved(0, own_host(cx));
	u32 i;

	for (i = 0; i < classes[class].nr; i++) {
		struct daxfs_a64 *info;
		u64 v;

		info = daxfs_at(cx->rg, page + (u64)i * classes[class].size, 64, 64);
		v = a64_load_relaxed(info);
		if (v != DAXFS_I_FREE && !reusable(cx, v, g)) {
			*waiting |= info_is_retired(v);
			break;
		}
		if (daxfs_still_host(cx) || a64_cas(info, v, mine) != v)
			break;
	}
	if (i == classes[class].nr)
		return 1;
	while (i--) {
		struct daxfs_a64 *info;

		info = daxfs_at(cx->rg, page + (u64)i * classes[class].size, 64, 64);
		a64_cas(info, mine, DAXFS_I_FREE);
	}
	return 0;
}

static u64 slab_reclaim(struct daxfs_cx *cx, u64 page, enum daxfs_class class,
			u64 g, int *waiting)
{
	if (!slab_reserve(cx, page, class, g, waiting))
		return 0;
	daxfs_page_retire(cx, page, daxfs_retire_epoch(cx), 0);
	return 1;
}

static u64 page_reclaim(struct daxfs_cx *cx, u64 off, u64 g, int *waiting)
{
	struct daxfs_a64 *info = daxfs_page_info(cx->rg, off);
	u64 v = a64_load_acquire(info);	/* pairs with [SLB] in slab_new() */
	enum daxfs_class class = daxfs_slab_class(v);

	if (class != DAXFS_NO_CLASS)
		return slab_reclaim(cx, off, class, g, waiting);
	/* Another's reclaim may have been faster: what is free is found. */
	if (v == DAXFS_I_FREE)
		return cx->full || off < cx->rg->pool_end;
	if (!info_is_retired(v))
		return 0;
	if (!reusable(cx, v, g)) {
		*waiting = 1;
		return 0;
	}
	if (a64_cas(info, v, DAXFS_I_FREE) != v)
		return 0;
	page_freed(cx, off);
	return 1;
}

/* One pass over the pool. *waiting: something is retired but not yet reusable. */
static u64 reclaim_pass(struct daxfs_cx *cx, int *waiting)
{
	u64 nr = pool_page_nr(cx->rg), found = 0, g;

	for (u64 i = 0; i < nr; i += DAXFS_CHUNK_PAGES) {
		/* Short sections: a long one would hold the epoch. */
		if (daxfs_enter(cx))
			return found;
		g = daxfs_epoch_now(cx);
		for (u64 k = i; k < i + DAXFS_CHUNK_PAGES && k < nr; k++)
			found += page_reclaim(cx, pool_page_off(cx->rg, k), g,
					      waiting);
		daxfs_leave(cx);
	}
	return found;
}

/* Let time pass: others in short sections leave them. */
static void advance_twice(struct daxfs_cx *cx)
{
	u64 pause = 1000;
	u32 moved = 0;

	for (u32 i = 0; i < 12 && moved < 2; i++) {
		if (daxfs_epoch_advance(cx)) {
			moved++;
		} else {
			port_pause_ns(pause);
			pause = pause < 500000 ? pause * 2 : pause;
		}
	}
}

u64 daxfs_reclaim(struct daxfs_cx *cx)
{
	int waiting = 0;
	u64 found, v, look;
	int full;

	v = a64_load_relaxed(starving(cx));
	if ((v & STARVING_MASK) == STARVING_NONE)
		return 0;	/* a hint; who retires something changes it */
	look = ((v | STARVING_MASK) + 1) | STARVING_LOOK;
	a64_cas(starving(cx), v, look);
	full_fence();	/* before the looks; pairs with [HNT] in chunk_has_room() */
	full = cx->full;
	cx->full = 1;		/* a smaller table gives back more than it takes */
	daxfs_index_compact(cx);
	cx->full = full;
	advance_twice(cx);
	found = reclaim_pass(cx, &waiting);
	advance_twice(cx);	/* for slab pages retired by the first pass */
	waiting = 0;
	found += reclaim_pass(cx, &waiting);
	if (!found && !waiting)
		a64_cas(starving(cx), look, look + 1);	/* to STARVING_NONE */
	return found;
}

/*
 * So many objects that whole slab pages of them must be empty. The look at
 * the pool is paid by an eighth as many retirements.
 */
static int many_retired(const struct daxfs_cx *cx)
{
	return cx->objs_retired > TIDY_MIN &&
	       cx->objs_retired > pool_page_nr(cx->rg) / 8;
}

/* Turn empty slab pages back, without waiting for anybody. */
static void tidy(struct daxfs_cx *cx)
{
	int waiting = 0;

	cx->objs_retired = 0;
	daxfs_epoch_advance(cx);
	daxfs_epoch_advance(cx);
	reclaim_pass(cx, &waiting);
}

/* What a host that was declared dead has done or seen does not count. */
static int leave_with(struct daxfs_cx *cx, int result)
{
	int r = daxfs_leave(cx);

	return r ? r : result;
}

/*
 * Was it refused only because the branch has got another top layer meanwhile, by a
 * checkpoint? Then nothing has happened, and what is to be done is done there.
 */
static int view_has_moved(struct daxfs_cx *cx, int r)
{
	if ((r != -EROFS && r != -ESTALE) || cx->view.flat || !cx->view.branch ||
	    !cx->sh || daxfs_still_host(cx))
		return 0;
	return a64_load_acquire(&daxfs_globals(cx->rg)->head.word) !=	/* [REC] */
	       cx->view.head;
}

static int run(struct daxfs_cx *cx, int (*fn)(struct daxfs_cx *cx, void *arg),
	       void *arg, int any)
{
	int r = any ? 0 : daxfs_view_look(cx);

	return r ? r : fn(cx, arg);
}

static int section(struct daxfs_cx *cx, int (*fn)(struct daxfs_cx *cx, void *arg),
		   void *arg, int any)
{
	int r = daxfs_enter(cx);

	if (r)
		return r;
	r = leave_with(cx, run(cx, fn, arg, any));
	for (u32 i = 0; i < VIEW_TRIES && !any && view_has_moved(cx, r); i++) {
		cx->view.fixed = 0;
		r = daxfs_enter(cx);
		if (!r)
			r = leave_with(cx, run(cx, fn, arg, any));
	}
	if (!cx->sh || cx->depth)
		return r;
	if (many_retired(cx))
		tidy(cx);
	if (r != -ENOSPC && !cx->wants_pages)
		return r;
	cx->wants_pages = 0;
	if (!daxfs_reclaim(cx) || r != -ENOSPC)
		return r;
	r = daxfs_enter(cx);
	return r ? r : leave_with(cx, run(cx, fn, arg, any));
}

int daxfs_section(struct daxfs_cx *cx, int (*fn)(struct daxfs_cx *cx, void *arg),
		  void *arg)
{
	return section(cx, fn, arg, 0);
}

int daxfs_section_any(struct daxfs_cx *cx,
		      int (*fn)(struct daxfs_cx *cx, void *arg), void *arg)
{
	return section(cx, fn, arg, 1);
}

/* 1: it was reserved by that host and is free now. */
static int unreserve(struct daxfs_a64 *info, u32 host)
{
	u64 v = a64_load_relaxed(info);

	return DAXFS_KIND(v) == DAXFS_I_RESERVED && info_host(v) == host &&
	       a64_cas(info, v, DAXFS_I_FREE) == v;
}

void daxfs_pool_unreserve(struct daxfs_cx *cx, u32 host)
{
	u64 nr = pool_page_nr(cx->rg);

	for (u64 i = 0; i < nr; i++) {
		u64 off = pool_page_off(cx->rg, i), v;
		struct daxfs_a64 *info = daxfs_page_info(cx->rg, off);
		enum daxfs_class class;

		v = a64_load_acquire(info);	/* pairs with [SLB] in slab_new() */
		class = daxfs_slab_class(v);
		/* Retired, not free: it may have been in the middle of being
		 * zeroed, and whoever sleeps there might wake up. */
		if (DAXFS_KIND(v) == DAXFS_I_RESERVED && info_host(v) == host &&
		    a64_cas(info, v, info_retired(v, daxfs_retire_epoch(cx), 0)) == v) {
			count_pages(cx, (u64)-1);
			chunk_has_room(cx, off);
		}
		for (u32 k = 0; class != DAXFS_NO_CLASS && k < classes[class].nr; k++)
			unreserve(daxfs_at(cx->rg, off + (u64)k * classes[class].size,
					   64, 64), host);
	}
}
