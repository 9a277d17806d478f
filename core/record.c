// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Records: change several words of the region in one instant.
 *
 * Notes: a record lives in the context of its owner. Only the owner installs
 * references to it; anybody else may only abort it (one CAS on its status) or
 * clean up after the decision. So a late helper can start nothing, and records
 * are reused at once. tests/model/names.pml checks this.
 *
 * step      | what others see if the owner stops behind it
 * begin     | nothing
 * activate  | nothing
 * claim     | old values; who wants to write waits once (<= 1 ms), then aborts
 * commit    | new values; who wants to write cleans the word
 * clean     | new values
 *
 * read is wait-free unless records change under it; resolve is obstruction-free
 * with bounded patience.
 *
 * ABA: a reference holds seq, which never recurs in a context (48 bits). The
 * old values of entries are compared as meanings: the same value is the same
 * meaning, and all words of a record match at one instant, the commit. An entry
 * for counts is made anew while its word does not refer to the record.
 */
#include "record.h"
#include "pool.h"
#include "region.h"
#include "view.h"

#define READ_TRIES	100000u	/* rereads of a word whose record moves on */
#define SETTLE_TRIES	4096u	/* claims of one word that are ended in a row */
#define STUCK		3u	/* times that a word is the same, though its record is over */
#define FREEZE_TRIES	4u	/* looks at one record until it is decided */
#define SECOND_NS	1000000000ull
#define PATIENCE_MIN	1000ull
#define PATIENCE_MAX	1000000ull

struct daxfs_entry *daxfs_entry(const struct daxfs_region *rg,
				struct daxfs_shared_ctx *sh, u64 i)
{
	u64 more;

	if (i < DAXFS_ENTRIES)
		return &sh->entry[i];
	i -= DAXFS_ENTRIES;
	if (i >= DAXFS_MORE_ENTRIES)
		return NULL;
	more = a64_load_relaxed(&sh->more_off);	/* constant while claimed */
	return daxfs_at(rg, more + i * sizeof(struct daxfs_entry),
			sizeof(struct daxfs_entry), 8);
}

/* The page of further entries; of a record that was recovered: where it was. */
static u64 more_of(const struct daxfs_shared_ctx *sh)
{
	u64 more = a64_load_relaxed(&sh->more_off);

	return more ? more : a64_load_relaxed(&sh->past_more);
}

/*
 * Is that page what it was? Recovery retires it, and it may have been used for
 * something else since.
 */
static int more_is_there(const struct daxfs_region *rg, u32 id,
			 const struct daxfs_shared_ctx *sh)
{
	struct daxfs_a64 *info = daxfs_page_info(rg, more_of(sh));
	u64 v = info ? a64_load_relaxed(info) : 0;	/* behind the copy */

	if (info_type(v) != DAXFS_T_ENTRIES || info_host(v) != id / DAXFS_CTXS)
		return 0;
	return DAXFS_KIND(v) == DAXFS_I_RETIRED ||
	       (DAXFS_KIND(v) == DAXFS_I_OWNED &&
		info_back(v) == daxfs_off(rg, &sh->more_off));
}

/* Entry i for who looks from outside. */
static struct daxfs_entry *entry_seen(const struct daxfs_region *rg,
				      struct daxfs_shared_ctx *sh, u64 i)
{
	if (i < DAXFS_ENTRIES)
		return &sh->entry[i];
	i -= DAXFS_ENTRIES;
	if (i >= DAXFS_MORE_ENTRIES)
		return NULL;
	return daxfs_at(rg, more_of(sh) + i * sizeof(struct daxfs_entry),
			sizeof(struct daxfs_entry), 8);
}

/*
 * What the record that v refers to says of the word at word_off, and how it
 * stands; *state IDLE: it is over, which is_stray() is for. -EAGAIN: the record
 * has moved on, so the word has changed.
 */
static int ref_look(const struct daxfs_region *rg, u64 word_off, u64 v,
		    u64 *old, u64 *new, u64 *state)
{
	struct daxfs_shared_ctx *sh = daxfs_shared_ctx(rg, ref_cx(v));
	u64 nr, s, i;
	int found = 0;

	if (!sh)
		return -EUCLEAN;
	nr = a64_load_relaxed(&sh->entry_nr);	/* ordered by the reference */
	for (i = 0; i < nr && !found; i++) {
		struct daxfs_entry *e = entry_seen(rg, sh, i);

		if (!e)
			break;
		if (a64_load_relaxed(&e->word_off) != word_off)
			continue;
		*old = a64_load_relaxed(&e->old);
		*new = a64_load_relaxed(&e->new);
		found = 1;
	}
	/* The copy comes before the look at seq. Pairs with [REC] in
	 * daxfs_op_begin(). */
	acquire_fence();
	s = a64_load_acquire(&sh->status);	/* [REC] in daxfs_op_commit() */
	if (status_seq(s) != ref_seq(v))
		return -EAGAIN;
	*state = status_state(s);
	if (*state == DAXFS_S_IDLE &&
	    (!found || (i > DAXFS_ENTRIES && !more_is_there(rg, ref_cx(v), sh))))
		return -EAGAIN;
	if (!found || is_ref(*old) || is_ref(*new))
		return -EUCLEAN;
	return 0;
}

/*
 * A reference that was resolved, or whose record has moved on, is not there any
 * more: seq never recurs. One that stays was put there by nobody's record.
 */
static int is_stuck(u64 v, u64 *last, u32 *same)
{
	*same = v == *last ? *same + 1 : 0;
	*last = v;
	return *same >= STUCK;
}

/*
 * The record of v is over (IDLE, with the same seq), and before it is, all its
 * words are clean. So a word that still holds v now was claimed behind that, by
 * a host that was recovered and then woke up between its last look and its CAS.
 * That host cannot commit: the record was aborted, and the word still means
 * its old value, which the entry tells until the context is used again.
 * 1: v is such a stray. 0: the word has changed.
 */
static int is_stray(const struct daxfs_a64 *word, u64 v, u64 state)
{
	/* Behind the load of IDLE. Pairs with [REC] in daxfs_op_clean(). */
	return state == DAXFS_S_IDLE && a64_load_acquire(word) == v;
}

int daxfs_word_read_ref(const struct daxfs_region *rg,
			const struct daxfs_a64 *word, u64 v, u64 *value)
{
	u64 old = 0, new = 0, state = 0, last = 0;
	u32 same = 0;

	for (u32 i = 0; i < READ_TRIES; i++) {
		int r;

		if (!is_ref(v)) {
			*value = v;
			return 0;
		}
		r = ref_look(rg, daxfs_off(rg, word), v, &old, &new, &state);
		if (!r && (state != DAXFS_S_IDLE || is_stray(word, v, state))) {
			*value = state == DAXFS_S_COMMITTED ? new : old;
			return 0;
		}
		if (r && r != -EAGAIN)
			return r;
		if (is_stuck(v, &last, &same))
			return -EUCLEAN;
		v = a64_load_acquire(word);	/* pairs with [REC] in daxfs_op_clean() */
	}
	return -EBUSY;		/* others are always faster */
}

/* Give the record time to be decided, then abort it. */
static void be_patient(struct daxfs_cx *cx, struct daxfs_shared_ctx *sh, u64 v)
{
	u64 active = status_make(ref_seq(v), DAXFS_S_ACTIVE);
	u64 ns = a64_load_relaxed(&sh->patience_ns);	/* a wish, bounded below */

	/* Who was aborted often asks for more: long operations finish, too. */
	if (ns < cx->patience)
		ns = cx->patience;
	if (ns > PATIENCE_MAX)
		ns = PATIENCE_MAX;

	for (u32 i = 0; i < 8; i++) {
		if (a64_load_relaxed(&sh->status) != active)
			return;		/* the caller looks again with acquire */
		port_pause_ns(ns / 8);
	}
	a64_cas(&sh->status, active,
		status_make(ref_seq(v), DAXFS_S_ABORTED));
}

int daxfs_word_resolve(struct daxfs_cx *cx, struct daxfs_a64 *word, u64 v)
{
	struct daxfs_shared_ctx *sh = daxfs_shared_ctx(cx->rg, ref_cx(v));
	u64 old = 0, new = 0, state = 0;
	int r;

	if (!sh)
		return -EUCLEAN;
	be_patient(cx, sh, v);
	r = ref_look(cx->rg, daxfs_off(cx->rg, word), v, &old, &new, &state);
	if (r == -EAGAIN)
		return 0;	/* the word has changed; the caller reads it again */
	if (r)
		return r;
	if (state == DAXFS_S_IDLE && !is_stray(word, v, state))
		return 0;
	if (state != DAXFS_S_ACTIVE)
		a64_cas(word, v, state == DAXFS_S_COMMITTED ? new : old);
	return 0;
}

int daxfs_word_settle(struct daxfs_cx *cx, struct daxfs_a64 *word, u64 *value)
{
	u64 last = 0;
	u32 same = 0;

	for (u32 i = 0; i < SETTLE_TRIES; i++) {
		u64 v = a64_load_acquire(word);	/* pairs with [REC], [PUB] */
		int r;

		if (!is_ref(v)) {
			*value = v;
			return 0;
		}
		if (is_stuck(v, &last, &same))
			return -EUCLEAN;
		r = daxfs_word_resolve(cx, word, v);
		if (r)
			return r;
	}
	return -EBUSY;		/* others are always faster */
}

void daxfs_op_begin(struct daxfs_cx *cx)
{
	daxfs_still_host(cx);	/* if not, what follows is stored nowhere */
	cx->seq++;
	cx->entry_nr = 0;
	cx->count_nr = 0;
	cx->garbage_nr = 0;
	cx->touch_nr = 0;
	/* Who finds that a record is over finds its words clean: is_stuck().
	 * Pairs with [REC] in ref_look(). */
	a64_store_release(&cx->sh->status, status_make(cx->seq, DAXFS_S_IDLE));
	/* After a power cut, too, the section of a record holds reuse back. */
	a64_keep(&cx->sh->epoch);
	/* Readers of older references see the new seq before any entry changes.
	 * Pairs with [REC] in ref_look(). */
	release_fence();
}

/* The page of further entries; kept for the life of the context. */
static int need_more(struct daxfs_cx *cx)
{
	u64 off;
	int r;

	if (a64_load_relaxed(&cx->sh->more_off))
		return 0;
	r = daxfs_page_take(cx, DAXFS_T_ENTRIES,
			    daxfs_off(cx->rg, &cx->sh->more_off), 0, &off);
	if (!r)
		a64_store_relaxed(&cx->sh->more_off, off);
	return r;
}

int daxfs_op_add(struct daxfs_cx *cx, struct daxfs_a64 *word, u64 old, u64 new)
{
	struct daxfs_entry *e;
	int r;

	if (cx->entry_nr >= DAXFS_ENTRIES) {
		r = need_more(cx);
		if (r)
			return r;
	}
	e = daxfs_entry(cx->rg, cx->sh, cx->entry_nr);
	if (!e)		/* or more_off is not what we stored */
		return cx->entry_nr < DAXFS_ENTRIES + DAXFS_MORE_ENTRIES ?
		       -EUCLEAN : -E2BIG;
	/* All relaxed: published by status and by the reference. */
	a64_store_relaxed(&e->word_off, daxfs_off(cx->rg, word));
	a64_store_relaxed(&e->old, old);
	a64_store_relaxed(&e->new, new);
	cx->entry_nr++;
	a64_store_relaxed(&cx->sh->entry_nr, cx->entry_nr);
	return 0;
}

int daxfs_op_add_counts(struct daxfs_cx *cx, struct daxfs_a64 *word, u64 old,
			u64 gain)
{
	if (cx->count_nr < DAXFS_CX_COUNTS) {
		cx->count[cx->count_nr].entry = cx->entry_nr;
		cx->count[cx->count_nr++].gain = gain;
	}
	return daxfs_op_add(cx, word, old, old + gain);
}

void daxfs_op_garbage(struct daxfs_cx *cx, u64 cell_off)
{
	if (cx->garbage_nr < DAXFS_GARBAGE)
		a64_store_relaxed(&cx->sh->garbage[cx->garbage_nr++], cell_off);
}

/* ---- times that come with the commit ---- */

void daxfs_op_touch(struct daxfs_cx *cx, const struct daxfs_inode *in, u64 what)
{
	if (!cx->view.flat && cx->touch_nr < DAXFS_TOUCHES)
		cx->touch[cx->touch_nr++] = daxfs_off(cx->rg, in) | what;
}

static struct daxfs_inode *touched(const struct daxfs_region *rg, u64 touch)
{
	return daxfs_at(rg, touch & ~63ull, sizeof(struct daxfs_inode), 64);
}

/* A little later than it was, unless that is far ahead: then somebody set it. */
static u64 later(const struct daxfs_a64 *word, u64 now)
{
	u64 old = a64_load_relaxed(word);

	return old >= now && old - now < SECOND_NS ? old + 1 : now;
}

static void put_touches(struct daxfs_cx *cx)
{
	u64 now = port_now_ns();

	for (u32 i = 0; i < cx->touch_nr; i++) {
		struct daxfs_inode *in = touched(cx->rg, cx->touch[i]);

		if (cx->touch[i] & DAXFS_TCH_MTIME)
			now = later(&in->mtime_ns, now);
		if (cx->touch[i] & DAXFS_TCH_CTIME)
			now = later(&in->ctime_ns, now);
		if (cx->touch[i] & DAXFS_TCH_SET_CTIME)
			now = cx->touch_ns[0];
		a64_store_relaxed(&cx->sh->touch[i], cx->touch[i]);
	}
	if (cx->touch_nr < DAXFS_TOUCHES)
		a64_store_relaxed(&cx->sh->touch[cx->touch_nr], 0);
	a64_store_relaxed(&cx->sh->touch_ns[0], now);
	a64_store_relaxed(&cx->sh->touch_ns[1], cx->touch_ns[1]);
	a64_store_relaxed(&cx->sh->touch_ns[2], cx->touch_ns[2]);
}

/* Whoever does it once more changes nothing: it is that, or later, already. */
static void raise_time(struct daxfs_a64 *word, u64 to)
{
	u64 old = a64_load_relaxed(word);

	if (old < to || old - to >= SECOND_NS)
		a64_cas(word, old, to);
}

static void set_time(struct daxfs_a64 *word, u64 to)
{
	u64 old = a64_load_relaxed(word);

	if (old != to)
		a64_cas(word, old, to);	/* who set it meanwhile came later */
}

static void touch_one(const struct daxfs_region *rg, u64 touch, const u64 *ns)
{
	struct daxfs_inode *in = touched(rg, touch);

	if (!in)
		return;
	if (touch & DAXFS_TCH_MTIME)
		raise_time(&in->mtime_ns, ns[0]);
	if (touch & DAXFS_TCH_CTIME)
		raise_time(&in->ctime_ns, ns[0]);
	if (touch & DAXFS_TCH_SET_MTIME)
		set_time(&in->mtime_ns, ns[1]);
	if (touch & DAXFS_TCH_SET_ATIME)
		set_time(&in->atime_ns, ns[2]);
	if (touch & DAXFS_TCH_SET_CTIME)
		set_time(&in->ctime_ns, ns[0]);
}

/* The times of the committed record with that status, unless it is over. */
static void apply_touches(const struct daxfs_region *rg, struct daxfs_shared_ctx *sh,
			  u64 status)
{
	u64 touch[DAXFS_TOUCHES], ns[DAXFS_TOUCH_TIMES];

	if (!daxfs_is_branching(rg))
		return;
	for (u32 i = 0; i < DAXFS_TOUCHES; i++)
		touch[i] = a64_load_relaxed(&sh->touch[i]);
	for (u32 i = 0; i < DAXFS_TOUCH_TIMES; i++)
		ns[i] = a64_load_relaxed(&sh->touch_ns[i]);
	acquire_fence();	/* pairs with [REC] in daxfs_op_begin() */
	if (a64_load_relaxed(&sh->status) != status)
		return;
	for (u32 i = 0; i < DAXFS_TOUCHES && touch[i]; i++)
		touch_one(rg, touch[i], ns);
}

/* ---- layers that are frozen ---- */

int daxfs_layer_is_live(struct daxfs_cx *cx)
{
	u64 v;
	int r = daxfs_word_settle(cx, &daxfs_top_layer(cx)->word, &v);

	if (r || layer_state(v) == DAXFS_L_LIVE)
		return r;
	return layer_state(v) == DAXFS_L_FROZEN ? -EROFS : -ESTALE;
}

/* The record of that context, if it is one of the layer. 1: look again. */
static int freeze_one(struct daxfs_cx *cx, u32 id, u32 layer)
{
	struct daxfs_shared_ctx *sh = daxfs_shared_ctx(cx->rg, id);
	u64 s = a64_load_acquire(&sh->status);	/* [FRZ] in daxfs_op_activate() */
	u64 of;

	if (status_state(s) != DAXFS_S_ACTIVE && status_state(s) != DAXFS_S_COMMITTED)
		return 0;
	of = a64_load_relaxed(&sh->layer);
	acquire_fence();	/* pairs with [REC] in daxfs_op_begin() */
	if (a64_load_relaxed(&sh->status) != s)
		return 1;
	if (of != layer || sh == cx->sh)
		return 0;
	if (status_state(s) == DAXFS_S_COMMITTED) {
		apply_touches(cx->rg, sh, s);
		return 0;
	}
	be_patient(cx, sh, ref_make(id, status_seq(s)));
	return 1;
}

void daxfs_op_freeze(struct daxfs_cx *cx, u32 layer)
{
	u64 hosts;

	/* The claim of the layer word before. Pairs with [FRZ] in
	 * daxfs_op_activate(): who is not seen here sees the claim. */
	full_fence_after_rmw();
	hosts = a64_load_acquire(&daxfs_globals(cx->rg)->hosts_used.word); /* [EPO] */
	for (u32 h = 0; h < DAXFS_HOSTS; h++) {
		u64 used;

		if (!(hosts >> h & 1))
			continue;
		used = a64_load_acquire(&daxfs_host(cx->rg, h)->ctx_used); /* [EPO] */
		for (u32 i = 0; i < DAXFS_CTXS; i++)
			for (u32 k = 0; used >> i & 1 && k < FREEZE_TRIES; k++)
				if (!freeze_one(cx, h * DAXFS_CTXS + i, layer))
					break;
	}
}

static int activate(struct daxfs_cx *cx, u32 layer)
{
	int r = daxfs_still_host(cx);	/* a new host may use the context */

	if (r)
		return r;
	if (!cx->view.flat) {
		a64_store_relaxed(&cx->sh->layer, layer);
		put_touches(cx);
	}
	if (cx->garbage_nr < DAXFS_GARBAGE)
		a64_store_relaxed(&cx->sh->garbage[cx->garbage_nr], 0);
	a64_store_relaxed(&cx->sh->entry_nr, cx->entry_nr);
	a64_store_volatile(&cx->sh->patience_ns, cx->patience);
	/* Entries before status. Pairs with [REC] in daxfs_op_recover(). */
	a64_store_release(&cx->sh->status, status_make(cx->seq, DAXFS_S_ACTIVE));
	full_fence_before_rmw();	/* status before the words are claimed; [FRZ] */
	return 0;
}

int daxfs_op_activate_free(struct daxfs_cx *cx)
{
	return activate(cx, 0);
}

int daxfs_op_activate(struct daxfs_cx *cx)
{
	int r = 0;

	if (cx->fold)
		r = daxfs_op_add(cx, cx->fold, cx->fold_value, cx->fold_value);
	if (!r)
		r = activate(cx, daxfs_view_top(cx));
	if (r || cx->view.flat || cx->fold)
		return r;
	/* The status before the layer: who freezes it sees one or shows the
	 * other. Pairs with [FRZ] in daxfs_op_freeze(). */
	full_fence();
	return daxfs_layer_is_live(cx);
}

u64 daxfs_op_ref(const struct daxfs_cx *cx)
{
	return ref_make(cx->id, cx->seq);
}

/* Somebody decided against us. If that was recovery: never again. */
static int overtaken(struct daxfs_cx *cx)
{
	int r = daxfs_still_host(cx);

	return r ? r : -EAGAIN;
}

/*
 * The word of entry i is v now, no reference. If that is counts of a directory
 * that lives, and has room, the entry is made anew: nobody looks at it before
 * the word refers to us. 0: it was, -EAGAIN: begin again.
 */
static int count_anew(struct daxfs_cx *cx, u32 i, struct daxfs_entry *e, u64 v)
{
	u32 k = 0;
	int r;

	while (k < cx->count_nr && cx->count[k].entry != i)
		k++;
	r = overtaken(cx);
	if (k == cx->count_nr || r != -EAGAIN || DAXFS_KIND(v) ||
	    v & DAXFS_DIR_DEAD || dirstate_names(v) == DIRSTATE_NAMES_MAX ||
	    dirstate_subdirs(v) == DIRSTATE_SUBDIRS_MAX)
		return r;
	/* Both relaxed: published by the reference. Pairs with [REC] in ref_look(). */
	a64_store_relaxed(&e->old, v);
	a64_store_relaxed(&e->new, v + cx->count[k].gain);
	return 0;
}

static int claim_one(struct daxfs_cx *cx, u32 i)
{
	struct daxfs_entry *e = daxfs_entry(cx->rg, cx->sh, i);
	struct daxfs_a64 *word;
	u64 old, v, last = 0;
	u32 same = 0;
	int r;

	if (!e)
		return -EUCLEAN;	/* more_off is not what we stored */
	old = a64_load_relaxed(&e->old);	/* our own stores */
	word = daxfs_at(cx->rg, a64_load_relaxed(&e->word_off), 8, 8);
	for (u32 k = 0; word && k < SETTLE_TRIES; k++) {
		r = daxfs_still_host(cx);
		if (r)
			return r;
		/* Publishes the record. Pairs with [REC] in daxfs_word_read(). */
		v = a64_cas(word, old, daxfs_op_ref(cx));
		if (v == old)
			return 0;
		if (!is_ref(v)) {
			r = count_anew(cx, i, e, v);
			if (r)
				return r;
			old = v;
			continue;
		}
		if (v == daxfs_op_ref(cx))
			return -EUCLEAN;	/* the same word twice */
		if (is_stuck(v, &last, &same))
			return -EUCLEAN;
		r = daxfs_word_resolve(cx, word, v);
		if (r)
			return r;
		if (a64_load_relaxed(&cx->sh->status) !=
		    status_make(cx->seq, DAXFS_S_ACTIVE))
			return overtaken(cx);	/* commit would fail anyway */
	}
	return word ? -EAGAIN : -EUCLEAN;
}

int daxfs_op_claim(struct daxfs_cx *cx, u32 from, u32 to)
{
	for (u32 i = from; i < to; i++) {
		int r = claim_one(cx, i);

		if (r)
			return r;
	}
	return 0;
}

static int decide(struct daxfs_cx *cx, u64 state)
{
	u64 active = status_make(cx->seq, DAXFS_S_ACTIVE);

	/* Linearization point. Pairs with [REC] in ref_look(). */
	if (a64_cas(&cx->sh->status, active, status_make(cx->seq, state)) != active)
		return -EAGAIN;
	return 0;
}

int daxfs_op_commit(struct daxfs_cx *cx)
{
	int r = daxfs_still_host(cx);

	if (r)
		return r;
	/* If recovery came in between, it has decided: the CAS fails. */
	r = decide(cx, DAXFS_S_COMMITTED);
	return r ? overtaken(cx) : 0;
}

void daxfs_op_abort(struct daxfs_cx *cx)
{
	decide(cx, DAXFS_S_ABORTED);	/* or others have: the same result */
}

static void clean_words(struct daxfs_region *rg, struct daxfs_shared_ctx *sh,
			u64 ref, int committed)
{
	u64 nr = a64_load_relaxed(&sh->entry_nr);

	for (u64 i = 0; i < nr; i++) {
		struct daxfs_entry *e = daxfs_entry(rg, sh, i);
		struct daxfs_a64 *word;

		if (!e)
			return;
		word = daxfs_at(rg, a64_load_relaxed(&e->word_off), 8, 8);
		/* An entry made anew comes with it. Pairs with [REC] in claim_one(). */
		if (!word || a64_load_acquire(word) != ref)
			continue;
		/* Pairs with [REC] in daxfs_word_read(). */
		a64_cas(word, ref, committed ? a64_load_relaxed(&e->new) :
					       a64_load_relaxed(&e->old));
	}
}

void daxfs_op_clean(struct daxfs_cx *cx)
{
	struct daxfs_shared_ctx *sh = cx->sh;
	u64 s = a64_load_acquire(&sh->status);	/* pairs with [REC] in be_patient() */

	if (status_seq(s) != cx->seq) {
		/* Declared dead: nobody else knows what we claimed too late,
		 * but only as long as nobody else uses the record. */
		sh = daxfs_shared_ctx(cx->rg, cx->id);
		s = a64_load_acquire(&sh->status);	/* [REC], as above */
		if (status_seq(s) != cx->seq)
			return;
	}
	if (status_state(s) == DAXFS_S_COMMITTED)
		apply_touches(cx->rg, sh, s);
	clean_words(cx->rg, sh, daxfs_op_ref(cx),
		    status_state(s) == DAXFS_S_COMMITTED);
}

int daxfs_op_conclude(struct daxfs_cx *cx, int r)
{
	if (!r)
		r = daxfs_op_commit(cx);
	else
		daxfs_op_abort(cx);
	daxfs_op_clean(cx);
	return r;
}

int daxfs_op_run(struct daxfs_cx *cx)
{
	int r;

	r = daxfs_op_activate(cx);
	if (!r)
		r = daxfs_op_claim(cx, 0, cx->entry_nr);
	r = daxfs_op_conclude(cx, r);
	if (r) {
		daxfs_op_end(cx);
		daxfs_patience_grow(cx);
	}
	return r;
}

void daxfs_op_end(struct daxfs_cx *cx)
{
	daxfs_still_host(cx);	/* if not: recovery has ended it */
	/* Words are clean before. Pairs with [REC] in ref_look(). */
	a64_store_release(&cx->sh->status, status_make(cx->seq, DAXFS_S_IDLE));
}

void daxfs_patience_grow(struct daxfs_cx *cx)
{
	cx->patience *= 2;
	if (cx->patience > PATIENCE_MAX)
		cx->patience = PATIENCE_MAX;
}

void daxfs_patience_reset(struct daxfs_cx *cx)
{
	cx->patience = PATIENCE_MIN;
}

int daxfs_op_recover(struct daxfs_cx *cx, struct daxfs_shared_ctx *sh, u32 id)
{
	u64 s = a64_load_acquire(&sh->status);	/* pairs with [REC] in daxfs_op_activate() */
	u64 ref = ref_make(id, status_seq(s));

	if (status_state(s) == DAXFS_S_IDLE)
		return 0;
	if (status_state(s) == DAXFS_S_ACTIVE) {
		a64_cas(&sh->status, s,
			status_make(status_seq(s), DAXFS_S_ABORTED));
		s = a64_load_acquire(&sh->status);	/* [REC], as above */
	}
	if (status_state(s) == DAXFS_S_COMMITTED)
		apply_touches(cx->rg, sh, s);
	clean_words(cx->rg, sh, ref, status_state(s) == DAXFS_S_COMMITTED);
	return status_state(s) == DAXFS_S_COMMITTED;
}
