// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The layers that a context sees: those of a branch, or of main.
 *
 * Notes: a view is a list of layers, the top first, kept by the context. It
 * holds for a section, and is looked up again when the word `head` has moved,
 * which every commit, abort, checkpoint and merge does: so an operation pays one
 * load. In a region without branches there is one layer and nothing to look at.
 * Layers that a section has seen are not reused before it ends.
 *
 * operation | linearization   | progress  | if the caller stops there
 * look      | load of head    | bounded   | -
 * become main | store of rg->view | wait-free | its bit in mounts, until recovery
 *
 * ABA: head has a version, a branch a generation. What a branch was made from is
 * compared by the number of commits, for layers are used again.
 */
#include "view.h"
#include "record.h"
#include "word.h"

#define LOOK_TRIES	1000u

static struct daxfs_a64 *head_word(const struct daxfs_region *rg)
{
	return &daxfs_globals(rg)->head.word;
}

int daxfs_branch_get(const struct daxfs_region *rg, u64 id,
		     struct daxfs_branch_ref *br)
{
	int r;

	br->id = id;
	br->b = daxfs_branch_at(rg, branch_id_entry(id));
	if (!br->b)
		return -EUCLEAN;
	r = daxfs_word_read(rg, &br->b->word, &br->word);
	if (r)
		return r;
	if (branch_generation(br->word) != branch_id_generation(id) ||
	    (branch_state(br->word) != DAXFS_BR_LIVE &&
	     branch_state(br->word) != DAXFS_BR_COMMITTED))
		return -ESTALE;
	return 0;
}

int daxfs_branch_valid(const struct daxfs_region *rg,
		       const struct daxfs_branch_ref *br, u64 head)
{
	struct daxfs_layer *main = daxfs_layer_at(rg, head_layer(head));
	struct daxfs_branch_ref up = *br;

	if (!main)
		return -EUCLEAN;
	for (u32 i = 0; i < DAXFS_VIEW_MAX; i++) {
		u64 parent;
		int r;

		if (branch_state(up.word) != DAXFS_BR_LIVE)
			return -ESTALE;
		parent = a64_load_acquire(&up.b->parent); /* [PUB] constant while LIVE */
		if (!parent)
			return a64_load_relaxed(&up.b->base_nr) ==
			       a64_load_relaxed(&main->commit_nr) ? 0 : -ESTALE;
		r = daxfs_branch_get(rg, parent, &up);
		if (r)
			return r;
	}
	return -EUCLEAN;
}

/* The layers from top on. -EUCLEAN: more than a region ever has. */
static int list_layers(struct daxfs_cx *cx, u32 top)
{
	struct daxfs_view *v = &cx->view;
	u32 at = top;

	for (v->nr = 0; at; v->nr++) {
		struct daxfs_layer *l = daxfs_layer_at(cx->rg, at);
		u64 below;
		int r;

		if (!l || v->nr == DAXFS_VIEW_MAX)
			return -EUCLEAN;
		v->layer[v->nr] = at;
		r = daxfs_word_read(cx->rg, &l->below, &below);
		if (r)
			return r;
		at = layer_below(below);
	}
	return v->nr ? 0 : -EUCLEAN;
}

/* Our branch is main now: it goes on as a view of that. */
static void become_main(struct daxfs_cx *cx, const struct daxfs_branch_ref *br)
{
	struct daxfs_region *rg = cx->rg;

	a64_store_volatile(&rg->view, 0);
	if (!cx->sh || daxfs_still_host(cx))
		return;
	a64_store_relaxed(&daxfs_host(rg, rg->host)->view, 0);
	a64_and(&br->b->mounts, ~(1ull << rg->host));
}

/* The top layer of what this host shows, with that head. */
static int find_top(struct daxfs_cx *cx, u64 head, u32 *top)
{
	u64 id = a64_load_relaxed(&cx->rg->view);
	struct daxfs_branch_ref br;
	int r;

	*top = head_layer(head);
	cx->view.branch = 0;
	if (!id)
		return 0;
	r = daxfs_branch_get(cx->rg, id, &br);
	if (r)
		return r;
	if (branch_state(br.word) == DAXFS_BR_COMMITTED) {
		become_main(cx, &br);
		return 0;
	}
	*top = branch_top(br.word);
	cx->view.branch = id;
	return daxfs_branch_valid(cx->rg, &br, head);
}

static int look_again(struct daxfs_cx *cx)
{
	struct daxfs_view *v = &cx->view;

	for (u32 i = 0; i < LOOK_TRIES; i++) {
		u64 head, now;
		u32 top;
		int r = daxfs_word_read(cx->rg, head_word(cx->rg), &head);

		if (!r)
			r = find_top(cx, head, &top);
		if (!r)
			r = list_layers(cx, top);
		if (r && r != -ESTALE)
			return r;
		/* All that was followed was so at one instant, or it is done again. */
		acquire_fence();	/* pairs with [REC] in daxfs_op_commit() */
		if (daxfs_word_read(cx->rg, head_word(cx->rg), &now) || now != head)
			continue;
		v->head = head;
		v->stale = r == -ESTALE;
		return r;
	}
	return -EBUSY;		/* others are always faster */
}

/* What this section leaves half done is of that layer: for recovery. */
static void note_layer(struct daxfs_cx *cx)
{
	if (cx->sh)
		a64_store_relaxed(&cx->sh->layer, daxfs_view_top(cx));
}

int daxfs_view_look_again(struct daxfs_cx *cx)
{
	struct daxfs_view *v = &cx->view;
	u64 head;
	int r;

	v->fixed = 1;
	head = a64_load_acquire(head_word(cx->rg));	/* pairs with [REC] */
	if (head == v->head && v->id == a64_load_relaxed(&cx->rg->view)) {
		r = v->stale ? -ESTALE : 0;
	} else {
		v->id = a64_load_relaxed(&cx->rg->view);
		r = look_again(cx);
	}
	note_layer(cx);
	return r;
}

int daxfs_view_main(struct daxfs_cx *cx)
{
	u64 head = 0;
	int r;

	if (cx->view.flat)
		return 0;
	r = daxfs_word_read(cx->rg, head_word(cx->rg), &head);
	cx->view.head = 0;	/* whoever comes next looks up his own */
	cx->view.branch = 0;
	cx->view.fixed = 1;
	if (!r)
		r = list_layers(cx, head_layer(head));
	note_layer(cx);
	return r;
}

int daxfs_view_of(struct daxfs_cx *cx, u32 layer)
{
	int r;

	if (cx->view.flat)
		return 0;
	r = cx->view.fixed && daxfs_view_top(cx) == layer ? 0 : list_layers(cx, layer);
	cx->view.head = 0;
	cx->view.branch = 0;
	cx->view.fixed = 1;
	note_layer(cx);
	return r;
}

void daxfs_view_new(struct daxfs_cx *cx)
{
	cx->view.layer[0] = 1;
	cx->view.nr = 1;
	cx->view.head = 0;
	/* Without branches there is nothing to look at, ever. */
	cx->view.flat = cx->view.fixed = !daxfs_is_branching(cx->rg);
}

u64 daxfs_view_hosts(const struct daxfs_cx *cx)
{
	struct daxfs_branch *b = cx->view.branch ?
		daxfs_branch_at(cx->rg, branch_id_entry(cx->view.branch)) : NULL;

	/* Behind the fence of who asks: a host is in there before it opens. */
	return b ? a64_load_acquire(&b->mounts) : ~0ull;	/* pairs with [OPN] */
}

int daxfs_view_writable(struct daxfs_cx *cx)
{
	u64 v;
	int r;

	if (cx->view.flat || cx->fold)
		return 0;
	if (!cx->view.branch)
		return -EROFS;
	/* A look that saves work: daxfs_op_activate() decides. */
	r = daxfs_word_read(cx->rg, &daxfs_top_layer(cx)->word, &v);
	if (r || layer_state(v) == DAXFS_L_LIVE)
		return r;
	return layer_state(v) == DAXFS_L_FROZEN ? -EROFS : -ESTALE;
}
