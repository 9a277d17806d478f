// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What is left of branches that have ended: entries, layers, memory.
 *
 * Notes: nobody keeps lists of what is to be taken away, so none can be lost: a
 * layer is dropped if no valid branch and not main leads to it. The words of
 * candidates are read first, then all that is valid is walked: a layer comes to
 * life together with the branch that leads to it, so one that was alive before the
 * walk, and is not met, is dead for good; its word has a version. Branches are
 * walked before head: what a commit takes from the first it gives to the second.
 * The memory of a dropped layer is retired once nobody can be inside who came
 * while it was alive: each unit once, by its info word, however many do it at the
 * same time; a unit that is mapped or pinned waits in the pool as any other.
 *
 * step    | linearization            | progress  | if the caller stops there
 * entry   | CAS LIVE.. -> FREE       | lock-free | the next one does it
 * drop    | CAS LIVE.. -> DROPPED    | lock-free | as above
 * reap    | CAS of each info         | lock-free | as above, from reap_cursor on
 * free    | CAS DROPPED -> NONE      | lock-free | -
 *
 * ABA: version of the layer, generation of the branch. A late reaper is in its
 * section, so what it looks at is not used again before it ends.
 */
#include "branch.h"
#include "epoch.h"
#include "index.h"
#include "inode.h"
#include "pool.h"
#include "record.h"
#include "view.h"
#include "word.h"

#define DROP_MAX	32u		/* layers dropped at a time */
#define REAP_BUCKETS	1024u		/* emptied in one section */

struct bitmap {
	u64 w[DAXFS_LAYERS_MAX / 64];
};

static void set_bit(struct bitmap *m, u32 i)
{
	m->w[i / 64] |= 1ull << (i % 64);
}

static int has_bit(const struct bitmap *m, u32 i)
{
	return (int)(m->w[i / 64] >> (i % 64) & 1);
}

static u32 layer_nr(const struct daxfs_cx *cx)
{
	return (u32)cx->rg->area[DAXFS_AREA_LAYERS].nr;
}

static int is_alive(u64 word)
{
	return layer_state(word) == DAXFS_L_LIVE ||
	       layer_state(word) == DAXFS_L_FROZEN;
}

void daxfs_tidy_hint(struct daxfs_cx *cx)
{
	if (!daxfs_still_host(cx))
		a64_add_relaxed(&daxfs_globals(cx->rg)->dropped.word, 1);
}

/* ---- entries ---- */

/* 1: the entry ends nothing any more and may be used again. */
static int is_over(struct daxfs_cx *cx, const struct daxfs_branch_ref *br, u64 head)
{
	int r;

	switch (branch_state(br->word)) {
	case DAXFS_BR_ABORTED:
		return 1;
	case DAXFS_BR_COMMITTED:	/* its mounts have to learn of it */
		return !a64_load_acquire(&br->b->mounts);	/* [MNT] */
	case DAXFS_BR_LIVE:
		r = daxfs_branch_valid(cx->rg, br, head);
		return r == -ESTALE ? 1 : r;
	}
	return 0;
}

static int free_entries(struct daxfs_cx *cx, u64 head)
{
	u32 nr = (u32)cx->rg->area[DAXFS_AREA_BRANCHES].nr;
	int left = 0;

	for (u32 i = 0; i < nr; i++) {
		struct daxfs_branch_ref br = { .b = daxfs_branch_at(cx->rg, i) };
		int r = daxfs_word_settle(cx, &br.b->word, &br.word);

		if (!r)
			r = is_over(cx, &br, head);
		left |= branch_state(br.word) == DAXFS_BR_COMMITTED && !r;
		if (r > 0 && daxfs_still_host(cx))
			r = -ESTALE;
		if (r > 0)
			a64_cas(&br.b->word, br.word,
				branch_make(DAXFS_BR_FREE, 0,
					    branch_generation(br.word) + 1));
		if (r < 0)
			return r;
	}
	return left;
}

/* ---- layers ---- */

static int mark_chain(struct daxfs_cx *cx, struct bitmap *m, u32 from)
{
	for (u32 i = 0; i < DAXFS_VIEW_MAX && from && from < layer_nr(cx) &&
	     !has_bit(m, from); i++) {
		u64 below;
		int r = daxfs_word_read(cx->rg, &daxfs_layer_at(cx->rg, from)->below,
					&below);

		if (r)
			return r;
		set_bit(m, from);
		from = layer_below(below);
	}
	return 0;
}

/* All layers that somebody can see. */
static int mark(struct daxfs_cx *cx, struct bitmap *m)
{
	u32 nr = (u32)cx->rg->area[DAXFS_AREA_BRANCHES].nr;
	u64 head;
	int r = 0;

	memset(m, 0, sizeof(*m));
	for (u32 i = 0; i < nr && !r; i++) {
		u64 v;

		r = daxfs_word_read(cx->rg, &daxfs_branch_at(cx->rg, i)->word, &v);
		if (!r && branch_state(v) == DAXFS_BR_LIVE)
			r = mark_chain(cx, m, branch_top(v));
	}
	/* A branch that was committed meanwhile is in head now. */
	acquire_fence();	/* pairs with [REC] in daxfs_op_commit() */
	if (!r)
		r = daxfs_word_read(cx->rg, &daxfs_globals(cx->rg)->head.word, &head);
	return r ? r : mark_chain(cx, m, head_layer(head));
}

struct candidates {
	u32 nr;
	u32 layer[DROP_MAX];
	u64 word[DROP_MAX];
};

/* Layers that are alive and not in m, at most DROP_MAX. */
static int find_candidates(struct daxfs_cx *cx, const struct bitmap *m,
			   struct candidates *c)
{
	c->nr = 0;
	for (u32 i = 1; i < layer_nr(cx) && c->nr < DROP_MAX; i++) {
		u64 v;
		int r;

		if (has_bit(m, i))
			continue;
		r = daxfs_word_read(cx->rg, &daxfs_layer_at(cx->rg, i)->word, &v);
		if (r)
			return r;
		if (!is_alive(v))
			continue;
		c->layer[c->nr] = i;
		c->word[c->nr++] = v;
	}
	return 0;
}

/* 1: there may be more to drop. */
static int drop_some(struct daxfs_cx *cx)
{
	struct candidates c;
	struct bitmap m;
	int r = mark(cx, &m);

	if (!r)
		r = find_candidates(cx, &m, &c);
	if (r || !c.nr)
		return r;
	/* The words before the walk: the note at the head of this file. */
	full_fence();	/* pairs with [REC] in daxfs_op_commit() of a create */
	r = mark(cx, &m);
	for (u32 i = 0; i < c.nr && !r; i++) {
		struct daxfs_layer *l = daxfs_layer_at(cx->rg, c.layer[i]);

		if (has_bit(&m, c.layer[i]))
			continue;
		r = daxfs_still_host(cx);
		if (!r)		/* claimed: it has a record to end first */
			a64_cas(&l->word, c.word[i],
				layer_make(DAXFS_L_DROPPED, 0,
					   layer_version(c.word[i]) + 1));
	}
	return r ? r : c.nr == DROP_MAX;
}

static int drop_fn(struct daxfs_cx *cx, void *p)
{
	u64 head;
	int r = daxfs_word_read(cx->rg, &daxfs_globals(cx->rg)->head.word, &head), left;

	(void)p;
	if (r)
		return r;
	left = free_entries(cx, head);
	if (left < 0)
		return left;
	r = drop_some(cx);
	return r ? r : left;
}

/* ---- memory ---- */

/*
 * Is it still the cell of that layer? A bucket may be met again after its cell was
 * retired, and used for something else: in two tables, or by a second reaper.
 */
static int is_of_layer(struct daxfs_cx *cx, struct daxfs_cell *cell, u32 layer)
{
	u64 off = daxfs_off(cx->rg, cell), page = off & ~(DAXFS_PAGE_SIZE - 1), v;
	struct daxfs_a64 *info = daxfs_page_info(cx->rg, page);
	enum daxfs_class class = info ? daxfs_slab_class(a64_load_acquire(info)) :
					DAXFS_NO_CLASS;			/* [SLB] */

	if (class == DAXFS_NO_CLASS || (off - page) % daxfs_class_size(class))
		return 0;
	v = a64_load_acquire(&cell->info);	/* pairs with [PUB] */
	if (DAXFS_KIND(v) != DAXFS_I_OWNED)
		return 0;
	if (info_type(v) == DAXFS_T_INODE)
		return class == DAXFS_CLASS256 && layer ==
		       birth_layer_of(((struct daxfs_inode *)cell)->birth_layer);
	return info_type(v) == DAXFS_T_DIRENT && layer == dslot_layer(
	       a64_load_relaxed(&((struct daxfs_dirent_cell *)cell)->dslot));
}

static int reap_cell(struct daxfs_cx *cx, void *arg, u64 bucket,
		     struct daxfs_cell *cell)
{
	u32 layer = *(u32 *)arg;

	(void)bucket;
	if (!is_of_layer(cx, cell, layer))
		return 0;
	if (info_type(a64_load_relaxed(&cell->info)) == DAXFS_T_INODE)
		return daxfs_inode_reap(cx, (struct daxfs_inode *)cell);
	daxfs_obj_retire(cx, daxfs_off(cx->rg, cell), daxfs_retire_epoch(cx));
	return 0;
}

int daxfs_layer_is_quiet(struct daxfs_cx *cx, struct daxfs_layer *l)
{
	u64 g = daxfs_retire_epoch(cx), e;

	if (daxfs_word_settle(cx, &l->drop_epoch, &e))	/* [EPO] */
		return 0;
	if (!e) {
		a64_cas(&l->drop_epoch, 0, g << 3);
		return 0;
	}
	return g >= (e >> 3) + 2;
}

struct reap_arg {
	u32 layer;
	u64 word, cursor;
	int waits;
};

/*
 * All that was in it is retired: its tables, and it can be used again. Whoever dies in
 * here keeps what he has retired from being used until he is recovered, and that ends
 * it: see daxfs_reap_recover().
 */
static int free_layer(struct daxfs_cx *cx, struct reap_arg *a)
{
	struct daxfs_layer *l = daxfs_layer_at(cx->rg, a->layer);
	int r = daxfs_index_retire(cx, a->layer);

	if (!r)
		r = daxfs_still_host(cx);
	if (!r)
		a64_cas(&l->word, a->word, layer_make(DAXFS_L_NONE, 0,
						      layer_version(a->word) + 1));
	return r;
}

/* Some of one layer. 1: there is more of it, or it waits. */
static int reap_fn(struct daxfs_cx *cx, void *p)
{
	struct reap_arg *a = p;
	struct daxfs_layer *l = daxfs_layer_at(cx->rg, a->layer);
	u64 from, was;
	int r = daxfs_word_read(cx->rg, &l->word, &a->word);

	if (!r)
		r = daxfs_word_settle(cx, &l->reap_cursor, &a->cursor);
	if (r || layer_state(a->word) != DAXFS_L_DROPPED)
		return r;
	/* Or somebody ends it at present: he, or who recovers him, but nobody else,
	 * for what is retired may soon be used again. */
	a->waits = cursor_pass(a->cursor) == CURSOR_TABLES ||
		   !daxfs_layer_is_quiet(cx, l);
	if (a->waits)
		return 1;
	r = daxfs_view_of(cx, a->layer);
	was = a->cursor;
	from = cursor_buckets(was);
	if (!r)
		r = daxfs_index_walk_some(cx, a->layer, &from, REAP_BUCKETS,
					  reap_cell, &a->layer);
	if (!r) {
		a64_cas(&l->reap_cursor, was, cursor_make(cursor_pass(was), from));
		return 1;
	}
	if (r < 0)
		return r;
	r = daxfs_still_host(cx);
	if (r)
		return r;
	if (a64_cas(&l->reap_cursor, was, cursor_make(CURSOR_TABLES,
						      cx->id / DAXFS_CTXS + 1)) != was)
		return 1;
	return free_layer(cx, a);
}

int daxfs_reap_recover(struct daxfs_cx *cx, u32 host)
{
	int r = 0;

	for (u32 i = 1; i < layer_nr(cx) && r >= 0; i++) {
		struct daxfs_layer *l = daxfs_layer_at(cx->rg, i);
		struct reap_arg a = { .layer = i };

		r = daxfs_word_settle(cx, &l->word, &a.word);
		if (!r)
			r = daxfs_word_settle(cx, &l->reap_cursor, &a.cursor);
		if (!r && layer_state(a.word) == DAXFS_L_DROPPED &&
		    a.cursor == cursor_make(CURSOR_TABLES, host + 1))
			r = free_layer(cx, &a);
	}
	return r < 0 ? r : 0;
}

/* 1: more is left. */
static int reap_some(struct daxfs_cx *cx)
{
	int left = 0;

	for (u32 i = 1; i < layer_nr(cx); i++) {
		struct reap_arg a = { .layer = i };
		int r;

		if (layer_state(a64_load_relaxed(&daxfs_layer_at(cx->rg, i)->word)) !=
		    DAXFS_L_DROPPED)
			continue;
		r = daxfs_section_any(cx, reap_fn, &a);
		if (r < 0)
			return r;
		left |= r;
		if (r && !a.waits)
			return 1;	/* bounded: the next call goes on */
	}
	return left;
}

int daxfs_tidy(struct daxfs_cx *cx)
{
	u64 hint;
	int r, more;

	if (!cx->sh || cx->depth || !daxfs_is_branching(cx->rg))
		return 0;
	hint = a64_load_relaxed(&daxfs_globals(cx->rg)->dropped.word);
	if (hint == cx->tidied)
		return 0;
	r = daxfs_section_any(cx, drop_fn, NULL);
	if (r < 0)
		return r;
	more = daxfs_merge_some(cx);
	if (more < 0)
		return more;
	r |= more;
	more = reap_some(cx);
	if (more < 0)
		return more;
	daxfs_epoch_advance(cx);
	if (!r && !more)
		cx->tidied = hint;
	return r || more;
}
