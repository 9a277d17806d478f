// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The shared page cache of split mode: finding, filling, pinning, evicting.
 *
 * Notes: a page of a backing file may lie in the slots of one set. A slot's
 * word says what it holds and who fills it; `seq' counts its fills; a word
 * beside it has a bit for each host with pins. No call waits for anybody but
 * for a bounded pause; the caller reads the backing file and sleeps. The core
 * never touches a PENDING slot of a host that was not declared dead, so who
 * reads into the slot's page and stands still may go on at any later time.
 * tests/model/cache.pml checks claim, fill, pin and evict.
 *
 *   FREE -> CLAIM -> PENDING -> VALID -> FREE
 *                    PENDING -> FAILED -> FREE (could not be read)
 *
 * operation | linearization             | progress | if the caller stops there
 * find      | load of the word          | wait-free | nothing
 * copy      | second look: word, seq    | wait-free | nothing
 * pin       | bit, fence, word VALID    | wait-free | bit: recovery clears it
 * unpin     | bit off                   | wait-free | -
 * claim     | CAS CLAIM -> PENDING      | patience | CLAIM: anyone kicks it out
 * fill      | CAS PENDING -> VALID      | wait-free | PENDING: others use another
 *           |                           |          | slot, or no slot; recovery
 * ask       | CAS CLAIM -> PENDING(0)   | patience | anyone fills or ends it
 * serve     | CAS PENDING(0) -> PENDING | wait-free | as fill
 * evict     | CAS VALID -> FREE         | wait-free | a free slot
 * recover   | each CAS                  | wait-free | the next one does it again
 *
 * beside    | find, copy | pin        | claim      | fill   | evict
 * find,copy | safe       | safe       | safe       | [PCH]  | second look
 * pin       |            | [PIN] host | [PIN]      | safe   | [PIN]
 * claim     |            |            | [CLM]      | safe   | CAS
 * fill      |            |            |            | one    | safe
 * evict     |            |            |            |        | CAS
 *
 * Pins of one host are counted by that host. Two claims of one page: each is
 * published before the set is looked at again, so at least one sees the other;
 * the one in the lower place stays. So a page is PENDING or VALID in one slot
 * alone, but for what dead hosts left; a second copy is a detour, no error.
 * A slot is filled only while nobody has a bit in its pins.
 * ABA: VALID -> FREE and PENDING(0) may end whoever they are of; CLAIM and
 * PENDING carry the context, which does one thing at a time; copies compare seq,
 * which is raised before the first byte of a fill and never falls. It is loaded
 * before the word that says VALID: behind it, it could be that of a later fill.
 */
#include "cache.h"
#include "region.h"
#include "word.h"

#define WAYS		DAXFS_CACHE_WAYS
#define GROUP_SHIFT	6u	/* pages that lie in sets one behind the other */
#define HAND_STEP	2u	/* slots that lose their mark with each eviction */
#define CLAIM_TRIES	64u
#define CLAIM_PATIENCE	4u	/* then a claim that does not move is kicked out */
#define CLAIM_PAUSE_NS	500u
#define COPY_TRIES	64u	/* others evict it each time */
#define SECONDS_LOOKS	2u	/* for a victim, between them marks are cleared */

/* ---- words ---- */

static u64 tag_of(u64 addr)
{
	u64 file = addr >> DAXFS_BACKING_SHIFT;
	u64 page = (addr & (DAXFS_BACKING_MAX - 1)) >> DAXFS_PAGE_SHIFT;

	return cslot_tag(file, page);
}

static u64 page_of(u64 addr)
{
	return addr & ~(DAXFS_PAGE_SIZE - 1);
}

/* ---- places ---- */

/* Where the feature bit is missing nobody has looked at the areas. */
u64 daxfs_cache_slot_nr(const struct daxfs_region *rg)
{
	return daxfs_is_split(rg) ? rg->area[DAXFS_AREA_PCACHE_SLOTS].nr : 0;
}

struct daxfs_pcache_slot *daxfs_cache_slot_at(const struct daxfs_region *rg, u64 i)
{
	return daxfs_entry_at(rg, DAXFS_AREA_PCACHE_SLOTS, i,
			      sizeof(struct daxfs_pcache_slot));
}

struct daxfs_a64 *daxfs_cache_pins_at(const struct daxfs_region *rg, u64 i)
{
	return daxfs_entry_at(rg, DAXFS_AREA_PCACHE_PINS, i,
			      sizeof(struct daxfs_a64));
}

/*
 * Pages one behind the other are in sets one behind the other, and the same
 * way of these is contiguous memory: what is read in order lies in order.
 */
u64 daxfs_cache_slot_off(const struct daxfs_region *rg, u64 slot)
{
	u64 sets = daxfs_cache_slot_nr(rg) / WAYS;

	return rg->area[DAXFS_AREA_PCACHE_DATA].off +
	       ((slot % WAYS) * sets + slot / WAYS) * DAXFS_PAGE_SIZE;
}

static u8 *data_at(const struct daxfs_region *rg, u64 slot)
{
	return daxfs_at(rg, daxfs_cache_slot_off(rg, slot), DAXFS_PAGE_SIZE, DAXFS_PAGE_SIZE);
}

static u64 spread(u64 tag)
{
	u64 h = (tag & 0xff) << 56 | tag >> (8 + GROUP_SHIFT);

	h *= 0x9e3779b97f4a7c15ull;
	return h ^ h >> 29;
}

static u64 set_of(const struct daxfs_region *rg, u64 tag)
{
	u64 sets = daxfs_cache_slot_nr(rg) / WAYS;

	return ((spread(tag) + (tag >> 8)) & (sets - 1)) * WAYS;
}

u64 daxfs_cache_set(const struct daxfs_region *rg, u64 addr)
{
	return set_of(rg, tag_of(addr));
}

enum purpose {
	TO_FILL,
	TO_ASK,			/* somebody else fills it */
	TO_ASK_MORE,		/* the same, but not in the place of what others ask for */
	TO_SEED,		/* to fill, but only where nothing was */
};

struct set {			/* where a page may be; volatile */
	struct daxfs_pcache_slot *slot;	/* WAYS of them */
	u64 first;
	u64 tag;
	u32 way;		/* that is looked at first */
};

static int set_look(const struct daxfs_region *rg, u64 addr, struct set *s)
{
	if (!daxfs_cache_slot_nr(rg))
		return -EINVAL;
	s->tag = tag_of(addr);
	s->first = set_of(rg, s->tag);
	s->way = (u32)(spread(s->tag) >> 40) % WAYS;
	s->slot = daxfs_at(rg, rg->area[DAXFS_AREA_PCACHE_SLOTS].off +
			   s->first * sizeof(*s->slot),
			   WAYS * sizeof(*s->slot), 16);
	return s->slot ? 0 : -EUCLEAN;
}

static struct daxfs_a64 *word_at(const struct set *s, u32 way)
{
	return &s->slot[way].word;
}

static u32 turn(const struct set *s, u32 k)
{
	return (s->way + k) % WAYS;
}

/* ---- statistics ---- */

static struct daxfs_host *self(struct daxfs_cx *cx)
{
	return daxfs_host(cx->rg, cx->id / DAXFS_CTXS);
}

#define COUNT(cx, field, n) do { \
	if ((cx)->sh && !daxfs_still_host(cx)) \
		a64_add_relaxed(&self(cx)->field, n); \
} while (0)

/* ---- finding ---- */

/* The way that holds the page, VALID; WAYS: none. */
static u32 find_valid(const struct set *s, u64 *word)
{
	for (u32 k = 0; k < WAYS; k++) {
		u32 way = turn(s, k);
		u64 v = a64_load_acquire(word_at(s, way));	/* [PCH] */

		if (cslot_is(v, DAXFS_C_VALID, s->tag)) {
			*word = v;
			return way;
		}
	}
	return WAYS;
}

/* It was used: the clock goes past it once. A hint: it may fail. */
static void mark(struct daxfs_cx *cx, const struct set *s, u32 way, u64 v)
{
	if (!(v & CSLOT_USED) && cx->sh && !daxfs_still_host(cx))
		a64_cas(word_at(s, way), v, v | CSLOT_USED);
}

static const u8 *lent(const struct daxfs_cx *cx, u64 addr)
{
	for (u32 i = 0; i < cx->lent_nr; i++)
		if (cx->lent[i].addr == page_of(addr))
			return cx->lent[i].page;
	return NULL;
}

void daxfs_cache_lend(struct daxfs_cx *cx, u64 addr, const void *page)
{
	u32 i = cx->lent_nr < DAXFS_LENT ? cx->lent_nr++ : cx->lent_next;

	cx->lent_next = (i + 1) % DAXFS_LENT;
	cx->lent[i].addr = page_of(addr);
	cx->lent[i].page = page;
}

void daxfs_cache_take_back(struct daxfs_cx *cx)
{
	cx->lent_nr = cx->lent_next = 0;
}

static int missing(struct daxfs_cx *cx, u64 addr, u64 len, int own)
{
	cx->miss.addr = page_of(addr);
	cx->miss.len = len + addr % DAXFS_PAGE_SIZE;
	cx->miss.own = own;
	return -EREMOTE;
}

static void piece_of(const struct daxfs_run *run, u64 skip, struct daxfs_piece *p)
{
	u64 rest = DAXFS_PAGE_SIZE - (run->off + skip) % DAXFS_PAGE_SIZE;

	memset(p, 0, sizeof(*p));
	p->len = run->len - skip < rest ? run->len - skip : rest;
}

int daxfs_away_piece(struct daxfs_cx *cx, const struct daxfs_run *run, u64 skip,
		     struct daxfs_piece *p)
{
	u64 addr = run->off + skip, in_page = addr % DAXFS_PAGE_SIZE, v;
	struct set s;
	int r = set_look(cx->rg, addr, &s);
	u32 way;

	piece_of(run, skip, p);
	if (r)
		return r;
	way = find_valid(&s, &v);
	if (way == WAYS) {
		p->at = lent(cx, addr);
		p->at = p->at ? p->at + in_page : NULL;
		return p->at ? 0 : missing(cx, addr, run->len - skip, 0);
	}
	p->at = data_at(cx->rg, s.first + way);
	if (!p->at)
		return -EUCLEAN;
	p->at += in_page;
	p->slot = s.first + way + 1;
	p->word = v & ~CSLOT_USED;
	/* The count before the word, so that it is not that of a fill which has
	 * not stored its bytes yet. Pairs with [PCH] in begin_fill(). */
	p->seq = a64_load_acquire(&s.slot[way].seq);
	if ((a64_load_acquire(word_at(&s, way)) & ~CSLOT_USED) != p->word)	/* [PCH] */
		return missing(cx, addr, run->len - skip, 0);
	mark(cx, &s, way, v);
	COUNT(cx, pcache_hits, 1);
	return 0;
}

int daxfs_piece_same(struct daxfs_cx *cx, const struct daxfs_piece *p)
{
	struct daxfs_pcache_slot *slot;
	u64 v;

	if (!p->slot)
		return 1;
	slot = daxfs_cache_slot_at(cx->rg, p->slot - 1);
	acquire_fence();	/* the bytes before; pairs with [PCH] in begin_fill() */
	v = a64_load_acquire(&slot->word);	/* before seq; [PCH] */
	return (v & ~CSLOT_USED) == p->word &&
	       a64_load_relaxed(&slot->seq) == p->seq;
}

static void copy_piece(const struct daxfs_piece *p, u8 *to, int within)
{
	if (!within)
		port_copy_from(to, p->at, p->len);
	else if (p->slot)
		port_copy_within(to, p->at, p->len);
	else
		port_copy_to(to, p->at, p->len);
}

int daxfs_away_copy(struct daxfs_cx *cx, const struct daxfs_run *run, u64 skip,
		    u64 len, u8 *to, int within, u64 *done)
{
	struct daxfs_piece p;
	u32 tries = 0;

	*done = 0;
	while (*done < len) {
		int r = daxfs_away_piece(cx, run, skip + *done, &p);

		if (r)
			return r;
		if (p.len > len - *done)
			p.len = len - *done;
		copy_piece(&p, to + *done, within);
		if (daxfs_piece_same(cx, &p))
			*done += p.len;
		else if (++tries == COPY_TRIES)
			return missing(cx, run->off + skip + *done, 1, 1);
	}
	return 0;
}

int daxfs_away_lent(struct daxfs_cx *cx, const struct daxfs_run *run,
		    struct daxfs_piece *p)
{
	const u8 *page = lent(cx, run->off);

	piece_of(run, 0, p);
	if (!page)
		return missing(cx, run->off, run->len, 1);
	p->at = page + run->off % DAXFS_PAGE_SIZE;
	return 0;
}

/* ---- backing files ---- */

int daxfs_backing_ok(const struct daxfs_region *rg, u64 addr, u64 len)
{
	u64 file = addr >> DAXFS_BACKING_SHIFT, off = addr & (DAXFS_BACKING_MAX - 1);
	const struct daxfs_backing *b =
		daxfs_entry_at(rg, DAXFS_AREA_BACKING, file, sizeof(*b));
	u64 size;

	if (!b || off < DAXFS_PAGE_SIZE || off % DAXFS_PAGE_SIZE)
		return 0;
	port_copy_from(&size, &b->size, sizeof(size));
	return size <= DAXFS_BACKING_MAX && off <= size && len <= size - off;
}

int daxfs_backing(const struct daxfs_region *rg, u32 file, struct daxfs_backing *copy)
{
	const void *from = daxfs_entry_at(rg, DAXFS_AREA_BACKING, file,
					  sizeof(*copy));

	if (!from)
		return -ENOENT;
	port_copy_from(copy, from, sizeof(*copy));
	return 0;
}

/* ---- evicting ---- */

/* A shared hand takes marks away, so that what was used once does not stay. */
static void hand_on(struct daxfs_cx *cx)
{
	struct daxfs_a64 *hand = &daxfs_globals(cx->rg)->pcache_hand.word;
	u64 h = a64_load_relaxed(hand), nr = daxfs_cache_slot_nr(cx->rg);

	if (a64_cas(hand, h, h + HAND_STEP) != h)
		return;		/* somebody else moves it */
	for (u64 i = h; i < h + HAND_STEP; i++) {
		struct daxfs_a64 *w = &daxfs_cache_slot_at(cx->rg, i % nr)->word;
		u64 v = a64_load_relaxed(w);	/* the CAS decides */

		if (DAXFS_KIND(v) == DAXFS_C_VALID && (v & CSLOT_USED))
			a64_cas(w, v, v & ~CSLOT_USED);
	}
}

static int pinned(const struct daxfs_region *rg, u64 slot)
{
	return !!a64_load_relaxed(daxfs_cache_pins_at(rg, slot)); /* a hint */
}

/* May the slot be had? How it is found, from best to worst; 0: no. */
static u32 worth(const struct daxfs_region *rg, const struct set *s, u32 way,
		 u64 v)
{
	if (pinned(rg, s->first + way))
		return 0;
	switch (DAXFS_KIND(v)) {
	case DAXFS_C_FREE:
		return 4;
	case DAXFS_C_FAILED:
		return 3;
	case DAXFS_C_VALID:
		return v & CSLOT_USED ? 0 : 2;
	case DAXFS_C_PENDING:
		return cslot_ctx(v) ? 0 : 1;	/* asked for: its asker asks again */
	default:
		return 0;
	}
}

static void clear_marks(const struct set *s)
{
	for (u32 i = 0; i < WAYS; i++) {
		u64 v = a64_load_relaxed(word_at(s, i));	/* the CAS decides */

		if (DAXFS_KIND(v) == DAXFS_C_VALID && (v & CSLOT_USED))
			a64_cas(word_at(s, i), v, v & ~CSLOT_USED);
	}
}

/* The best way of the set, not of those in `not'; WAYS: none can be had. */
static u32 pick(const struct daxfs_region *rg, const struct set *s, u32 not, u64 *word)
{
	u32 best = WAYS, most = 0;

	for (u32 k = 0; k < WAYS && most < 4; k++) {
		u32 way = turn(s, k);
		u64 v = a64_load_relaxed(word_at(s, way));	/* the CAS decides */
		u32 w = not >> way & 1 ? 0 : worth(rg, s, way, v);

		if (w > most) {
			most = w;
			best = way;
			*word = v;
		}
	}
	return best;
}

u32 daxfs_cache_set_pinned(const struct daxfs_region *rg, u64 addr)
{
	u64 first = daxfs_cache_set(rg, addr);
	u32 nr = 0;

	for (u32 i = 0; i < WAYS; i++)
		nr += pinned(rg, first + i);
	return nr;
}

/* Make one way FREE: 0, -EAGAIN others were faster, -EBUSY all are in use. */
static int make_room(struct daxfs_cx *cx, const struct set *s, enum purpose why,
		     u32 not, u32 *way)
{
	u64 v = 0;

	*way = pick(cx->rg, s, not, &v);
	if (why == TO_SEED && (*way == WAYS || DAXFS_KIND(v) != DAXFS_C_FREE)) {
		*way = WAYS;
		return -EBUSY;
	}
	if (why == TO_ASK_MORE && *way < WAYS && DAXFS_KIND(v) == DAXFS_C_PENDING)
		*way = WAYS;	/* as if there were none; marks are cleared */
	for (u32 i = 1; i < SECONDS_LOOKS && *way == WAYS; i++) {
		clear_marks(s);
		port_pause_ns(0);
		*way = pick(cx->rg, s, not, &v);
	}
	if (*way == WAYS ||
	    (why == TO_ASK_MORE && DAXFS_KIND(v) == DAXFS_C_PENDING)) {
		*way = WAYS;
		return -EBUSY;
	}
	if (DAXFS_KIND(v) == DAXFS_C_FREE)
		return 0;
	if (a64_cas(word_at(s, *way), v, 0) != v)
		return -EAGAIN;
	if (DAXFS_KIND(v) == DAXFS_C_VALID) {
		hand_on(cx);
		COUNT(cx, pcache_evictions, 1);
	}
	return 0;
}

/* ---- claiming ---- */

/* Its host was not declared dead: what it says of the slot counts. */
static int is_alive(const struct daxfs_region *rg, u64 v)
{
	u32 host = (cslot_ctx(v) - 1) / DAXFS_CTXS;

	if (!cslot_ctx(v))
		return 1;	/* asked for */
	return host < DAXFS_HOSTS &&
	       DAXFS_KIND(a64_load_acquire(&daxfs_host(rg, host)->state)) ==
	       DAXFS_H_ALIVE;	/* pairs with [HST] */
}

/*
 * What the set says of the page, but for way `but': VALID, PENDING, FAILED,
 * CLAIM or FREE (nothing), in this order of weight.
 */
static u64 state_of(const struct daxfs_region *rg, const struct set *s, u32 but,
		    u32 *way, u64 *word)
{
	static const u8 weight[8] = { [DAXFS_C_CLAIM] = 1, [DAXFS_C_FAILED] = 2,
				      [DAXFS_C_PENDING] = 3, [DAXFS_C_VALID] = 4 };
	u64 found = DAXFS_C_FREE;

	for (u32 k = 0; k < WAYS; k++) {
		u32 i = turn(s, k);
		u64 v = a64_load_acquire(word_at(s, i));	/* [PCH] */

		if (i == but || !DAXFS_KIND(v) || cslot_word_tag(v) != s->tag ||
		    weight[DAXFS_KIND(v)] <= weight[found])
			continue;
		if (DAXFS_KIND(v) == DAXFS_C_PENDING && !is_alive(rg, v))
			continue;	/* gone past; recovery frees the slot */
		found = DAXFS_KIND(v);
		*way = i;
		*word = v;
	}
	return found;
}

/* The slot is ours: from here on copies of what it held are known as such. */
static int begin_fill(struct daxfs_cx *cx, const struct set *s, u32 way,
		      struct daxfs_fill *f)
{
	struct daxfs_a64 *seq = &s->slot[way].seq;

	f->slot = s->first + way;
	f->word = cslot_make(DAXFS_C_PENDING, cx->id + 1, s->tag);
	f->page = data_at(cx->rg, f->slot);
	if (!f->page)
		return -EUCLEAN;
	/* Nobody else stores to it while it is PENDING by us. Who sees the new
	 * count sees PENDING, too: pairs with [PCH] in daxfs_away_piece(). */
	a64_store_release(seq, a64_load_relaxed(seq) + 1);
	full_fence();	/* the count before the bytes; pairs with [PCH] in
			 * daxfs_piece_same() */
	return DAXFS_CACHE_OURS;
}

/* Somebody asked for it and nobody fills it: we do. -EAGAIN: not any more. */
static int take_asked(struct daxfs_cx *cx, const struct set *s, u32 way, u64 v,
		      struct daxfs_fill *f)
{
	if (daxfs_still_host(cx))
		return -ESTALE;
	if (a64_cas(word_at(s, way), v,
		    cslot_make(DAXFS_C_PENDING, cx->id + 1, s->tag)) != v)
		return -EAGAIN;
	return begin_fill(cx, s, way, f);
}

/*
 * Somebody else has claimed the page, too. The lower place stays. 0: his claim
 * is gone; -EAGAIN: ours has to go.
 */
static int dispute(const struct set *s, u32 way, u32 other, u64 v, u32 try)
{
	if (other < way && try < CLAIM_PATIENCE)
		return -EAGAIN;
	return a64_cas(word_at(s, other), v, 0) == v ? 0 : -EAGAIN;
}

/* Our claim is seen by all; what do they say? 0: it stays. */
static int confirm(struct daxfs_cx *cx, const struct set *s, u32 way, u32 try)
{
	u32 other = 0;
	u64 v = 0;

	for (u32 i = 0; i <= WAYS; i++) {
		switch (state_of(cx->rg, s, way, &other, &v)) {
		case DAXFS_C_FREE:
			return 0;
		case DAXFS_C_CLAIM:
			if (dispute(s, way, other, v, try))
				return -EAGAIN;
			break;
		default:
			return -EAGAIN;
		}
	}
	return -EAGAIN;
}

/*
 * FREE -> CLAIM -> PENDING by owner (0: for anybody). 0, -EAGAIN: from the
 * beginning, -EBUSY: somebody pins the slot after all.
 */
static int claim_way(struct daxfs_cx *cx, const struct set *s, u32 way, u32 owner,
		     u32 try)
{
	u64 mine = cslot_make(DAXFS_C_CLAIM, cx->id + 1, s->tag);
	struct daxfs_a64 *w = word_at(s, way);
	int r;

	if (daxfs_still_host(cx))
		return -ESTALE;
	if (a64_cas(w, 0, mine) != 0)
		return -EAGAIN;
	full_fence_after_rmw();	/* the claim before the pins and the set; [PIN] in
				 * daxfs_cache_pin(), [CLM] here on another host */
	r = pinned(cx->rg, s->first + way) ? -EBUSY : confirm(cx, s, way, try);
	if (r) {
		a64_cas(w, mine, 0);
		return r;
	}
	if (daxfs_still_host(cx))
		return -ESTALE;
	return a64_cas(w, mine, cslot_make(DAXFS_C_PENDING, owner, s->tag)) == mine ?
	       0 : -EAGAIN;
}

/* One try. Result as daxfs_cache_claim(), or -EAGAIN. */
static int claim_once(struct daxfs_cx *cx, const struct set *s, enum purpose why,
		      u32 try, u32 *not, struct daxfs_fill *f)
{
	int ask = why == TO_ASK || why == TO_ASK_MORE;
	u32 way = 0;
	u64 v = 0;
	int r;

	switch (state_of(cx->rg, s, WAYS, &way, &v)) {
	case DAXFS_C_VALID:
		return DAXFS_CACHE_VALID;
	case DAXFS_C_PENDING:
		f->word = v;
		f->slot = s->first + way;
		return cslot_ctx(v) || ask ? DAXFS_CACHE_WAIT :
		       take_asked(cx, s, way, v, f);
	case DAXFS_C_FAILED:
		a64_cas(word_at(s, way), v, 0);	/* a new access tries again */
		return -EAGAIN;
	}
	r = make_room(cx, s, why, *not, &way);
	if (!r)
		r = claim_way(cx, s, way, ask ? 0 : cx->id + 1, try);
	if (r == -EBUSY && way < WAYS) {
		*not |= 1u << way;
		return -EAGAIN;
	}
	f->slot = s->first + way;
	if (r)
		return r == -EBUSY ? DAXFS_CACHE_FULL : r;
	return ask ? DAXFS_CACHE_WAIT : begin_fill(cx, s, way, f);
}

static int claim(struct daxfs_cx *cx, u64 addr, enum purpose why,
		 struct daxfs_fill *f)
{
	struct set s;
	u32 not = 0;
	int r = set_look(cx->rg, addr, &s);

	if (!r && !daxfs_backing_ok(cx->rg, page_of(addr), DAXFS_PAGE_SIZE))
		r = -EUCLEAN;
	if (r)
		return r;
	memset(f, 0, sizeof(*f));
	f->addr = page_of(addr);
	for (u32 i = 0; i < CLAIM_TRIES; i++) {
		r = claim_once(cx, &s, why, i, &not, f);
		if (r != -EAGAIN)
			return r;
		port_pause_ns(CLAIM_PAUSE_NS);
	}
	return DAXFS_CACHE_FULL;	/* others are always faster */
}

int daxfs_cache_claim(struct daxfs_cx *cx, u64 addr, struct daxfs_fill *f)
{
	return cx->sh ? claim(cx, addr, TO_FILL, f) : -EROFS;
}

int daxfs_cache_seed(struct daxfs_cx *cx, u64 addr, struct daxfs_fill *f)
{
	return cx->sh ? claim(cx, addr, TO_SEED, f) : -EROFS;
}

/* ---- filling ---- */

static int end_fill(struct daxfs_cx *cx, const struct daxfs_fill *f, u64 to)
{
	struct daxfs_pcache_slot *slot = daxfs_cache_slot_at(cx->rg, f->slot);

	if (!slot)
		return -EINVAL;
	if (daxfs_still_host(cx))
		return -ESTALE;
	/* Publishes the bytes. Pairs with [PCH] in find_valid(). */
	return a64_cas(&slot->word, f->word, to) == f->word ? 0 : -ESTALE;
}

int daxfs_cache_filled(struct daxfs_cx *cx, const struct daxfs_fill *f)
{
	int r;

	port_keep(f->page, DAXFS_PAGE_SIZE);
	r = end_fill(cx, f, cslot_make(DAXFS_C_VALID, 0, cslot_word_tag(f->word)));
	COUNT(cx, pcache_fills, !r);
	return r;
}

int daxfs_cache_failed(struct daxfs_cx *cx, const struct daxfs_fill *f)
{
	int r = end_fill(cx, f, cslot_make(DAXFS_C_FAILED, 0,
					   cslot_word_tag(f->word)));

	COUNT(cx, pcache_errors, !r);
	return r;
}

int daxfs_cache_give_up(struct daxfs_cx *cx, const struct daxfs_fill *f)
{
	return end_fill(cx, f, 0);
}

void daxfs_cache_count(struct daxfs_cx *cx, u64 misses, u64 waits, u64 bytes)
{
	if (misses)
		COUNT(cx, pcache_misses, misses);
	if (waits)
		COUNT(cx, pcache_waits, waits);
	if (bytes)
		COUNT(cx, pcache_read, bytes);
}

/* ---- asking others ---- */

static struct daxfs_a64 *ask_at(const struct daxfs_region *rg, u64 n)
{
	return daxfs_entry_at(rg, DAXFS_AREA_PCACHE_ASKS, n % DAXFS_CACHE_ASKS,
			      sizeof(struct daxfs_a64));
}

int daxfs_cache_ask(struct daxfs_cx *cx, u64 addr, int more)
{
	struct daxfs_fill f;
	int r = cx->sh ? claim(cx, addr, more ? TO_ASK_MORE : TO_ASK, &f) : -EROFS;

	/* A hint where to look; who waits asks again. */
	if (r == DAXFS_CACHE_WAIT && !daxfs_still_host(cx)) {
		u64 n = a64_add_relaxed(&daxfs_globals(cx->rg)->pcache_asks.word, 1);

		a64_store_volatile(ask_at(cx->rg, n), f.slot + 1);
	}
	return r;
}

u64 daxfs_cache_asks(const struct daxfs_region *rg)
{
	return a64_load_relaxed(&daxfs_globals(rg)->pcache_asks.word);
}

/* Is the slot asked for? Then it is ours. */
static int serve_slot(struct daxfs_cx *cx, u64 slot, struct daxfs_fill *f)
{
	struct daxfs_pcache_slot *ps = daxfs_cache_slot_at(cx->rg, slot);
	u64 v = ps ? a64_load_acquire(&ps->word) : 0;	/* [PCH] */
	struct set s;

	if (DAXFS_KIND(v) != DAXFS_C_PENDING || cslot_ctx(v))
		return 0;
	memset(f, 0, sizeof(*f));
	f->addr = cslot_addr(v);
	if (!daxfs_backing_ok(cx->rg, f->addr, DAXFS_PAGE_SIZE) ||
	    set_look(cx->rg, f->addr, &s) || slot - s.first >= WAYS)
		return 0;	/* damage: nobody asked for that */
	return take_asked(cx, &s, (u32)(slot - s.first), v, f);
}

int daxfs_cache_serve(struct daxfs_cx *cx, u64 *seen, struct daxfs_fill *f)
{
	u64 now = daxfs_cache_slot_nr(cx->rg) ? daxfs_cache_asks(cx->rg) : *seen;

	if (!cx->sh)
		return -EROFS;
	if (now - *seen > DAXFS_CACHE_ASKS)
		*seen = now - DAXFS_CACHE_ASKS;
	while (*seen != now) {
		u64 v = a64_load_relaxed(ask_at(cx->rg, *seen));	/* a hint */
		int r = v ? serve_slot(cx, v - 1, f) : 0;

		(*seen)++;
		if (r && r != -EAGAIN)
			return r;
	}
	return 0;
}

int daxfs_cache_state(struct daxfs_cx *cx, u64 addr, u32 *filler)
{
	struct set s;
	u32 way = 0;
	u64 v = 0;
	int r = set_look(cx->rg, addr, &s);

	*filler = DAXFS_HOSTS;
	if (r)
		return r;
	switch (state_of(cx->rg, &s, WAYS, &way, &v)) {
	case DAXFS_C_VALID:
		return DAXFS_CACHE_VALID;
	case DAXFS_C_FAILED:
		return DAXFS_CACHE_FAILED;
	case DAXFS_C_PENDING:
		if (cslot_ctx(v))
			*filler = (cslot_ctx(v) - 1) / DAXFS_CTXS;
		return DAXFS_CACHE_WAIT;
	default:
		return DAXFS_CACHE_NONE;
	}
}

void daxfs_cache_withdraw(struct daxfs_cx *cx, u64 addr)
{
	struct set s;
	u32 way = 0;
	u64 v = 0;

	if (!cx->sh || set_look(cx->rg, addr, &s))
		return;
	if (state_of(cx->rg, &s, WAYS, &way, &v) == DAXFS_C_PENDING &&
	    !cslot_ctx(v) && !daxfs_still_host(cx))
		a64_cas(word_at(&s, way), v, 0);
}

void daxfs_cache_backing_here(struct daxfs_region *rg, int here)
{
	if (!daxfs_host_check(rg))
		a64_store_volatile(&daxfs_host(rg, rg->host)->backing, !!here);
}

int daxfs_cache_filler(const struct daxfs_region *rg, u32 host, u64 *progress)
{
	struct daxfs_host *h;

	if (host >= DAXFS_HOSTS)
		return 0;
	h = daxfs_host(rg, host);
	/* Statistics, in effect: whether it moves is what counts. */
	*progress = a64_load_relaxed(&h->pcache_fills) +
		    a64_load_relaxed(&h->pcache_errors);
	return DAXFS_KIND(a64_load_relaxed(&h->state)) == DAXFS_H_ALIVE &&
	       a64_load_relaxed(&h->backing) == 1;
}

/* ---- pins ---- */

static u64 pin_bit(const struct daxfs_cx *cx)
{
	return 1ull << (cx->id / DAXFS_CTXS);
}

int daxfs_cache_pin(struct daxfs_cx *cx, u64 addr, u64 *slot, u64 *off)
{
	struct set s;
	u64 v;
	u32 way;
	int r = cx->sh ? set_look(cx->rg, addr, &s) : -EROFS;

	*slot = DAXFS_NO_SLOT;
	if (r)
		return r;
	way = find_valid(&s, &v);
	if (way == WAYS)
		return missing(cx, addr, 1, 0);
	if (daxfs_still_host(cx))
		return -ESTALE;
	*slot = s.first + way;
	*off = daxfs_cache_slot_off(cx->rg, *slot) + addr % DAXFS_PAGE_SIZE;
	a64_or(daxfs_cache_pins_at(cx->rg, *slot), pin_bit(cx));
	full_fence_after_rmw();	/* the bit before the word; pairs with [PIN] in
				 * claim_way() */
	v = a64_load_acquire(word_at(&s, way));		/* [PCH] */
	if (!cslot_is(v, DAXFS_C_VALID, s.tag))
		return missing(cx, addr, 1, 0);
	mark(cx, &s, way, v);
	COUNT(cx, pcache_hits, 1);
	return 0;
}

void daxfs_cache_unpin(struct daxfs_cx *cx, u64 slot)
{
	struct daxfs_a64 *pins = slot < daxfs_cache_slot_nr(cx->rg) ?
				 daxfs_cache_pins_at(cx->rg, slot) : NULL;

	/* The last access through the pin before; pairs with [PIN], the look at
	 * the pins in claim_way(). */
	if (pins && cx->sh && !daxfs_still_host(cx))
		a64_and(pins, ~pin_bit(cx));
}

/* ---- recovery ---- */

void daxfs_cache_recover(struct daxfs_cx *cx, u32 host)
{
	u64 nr = daxfs_cache_slot_nr(cx->rg), bit = 1ull << host;

	for (u64 i = 0; i < nr; i++) {
		struct daxfs_a64 *w = &daxfs_cache_slot_at(cx->rg, i)->word;
		struct daxfs_a64 *pins = daxfs_cache_pins_at(cx->rg, i);
		u64 v = a64_load_acquire(w);	/* pairs with [PCH] */

		if (daxfs_still_host(cx))
			return;		/* another recovers it instead of us */
		if (a64_load_relaxed(pins) & bit)
			a64_and(pins, ~bit);
		if ((DAXFS_KIND(v) == DAXFS_C_CLAIM ||
		     DAXFS_KIND(v) == DAXFS_C_PENDING) && cslot_ctx(v) &&
		    (cslot_ctx(v) - 1) / DAXFS_CTXS == host)
			a64_cas(w, v, 0);
	}
}

/* ---- what there is ---- */

void daxfs_cache_stat(const struct daxfs_region *rg, struct daxfs_cache_stat *st)
{
	memset(st, 0, sizeof(*st));
	st->slots = daxfs_cache_slot_nr(rg);
	for (u64 i = 0; i < st->slots; i++) {
		u64 v = a64_load_relaxed(&daxfs_cache_slot_at(rg, i)->word);

		st->state[DAXFS_KIND(v)]++;
		st->used += DAXFS_KIND(v) == DAXFS_C_VALID && (v & CSLOT_USED);
		st->pinned += pinned(rg, i);
	}
	for (u32 i = 0; st->slots && i < DAXFS_HOSTS; i++) {
		struct daxfs_host *h = daxfs_host(rg, i);
		struct daxfs_cache_count *c = &st->host[i];

		/* Statistics: of a free slot, what its last hosts did. */
		c->hits = a64_load_relaxed(&h->pcache_hits);
		c->misses = a64_load_relaxed(&h->pcache_misses);
		c->evictions = a64_load_relaxed(&h->pcache_evictions);
		c->read = a64_load_relaxed(&h->pcache_read);
		c->fills = a64_load_relaxed(&h->pcache_fills);
		c->waits = a64_load_relaxed(&h->pcache_waits);
		c->errors = a64_load_relaxed(&h->pcache_errors);
		c->backing = a64_load_relaxed(&h->backing) == 1;
	}
}
