// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Branches: create, commit, abort, checkpoint, rollback, and the end of one that
 * nobody shows any more. Each is one record.
 *
 * Notes: a branch is an entry with the number of its top layer; below that lie its
 * checkpoints, then the layers of its parent, then main. Who freezes a layer
 * claims its word, then ends the records that go on in it (daxfs_op_freeze()): so
 * what is frozen never changes, and nobody who works in it has to be waited for
 * longer than for any other record. tests/model/branch.pml.
 *
 * operation  | entries of the record, in this order               | freezes
 * create     | parent's layer, set, new layer, branch             | parent
 * commit     | top layer, branch, head                            | itself
 * abort      | the child of main above it, head                   | -
 * checkpoint | top layer, set, new layer, branch, head            | itself
 * rollback   | top layer -> DROPPED, set, new layer, branch, head | -
 * leave      | top layer -> DROPPED, branch, parent's layer, set  | -
 *
 * Linearization: the status of the record. Progress: obstruction-free, each wait
 * bounded (record.c). If the caller stops before, others abort it; an entry or a
 * layer that it had taken is given back by recovery. Behind it all is done: what is
 * left over is found by daxfs_tidy() (reap.c). While hosts store to the layer through
 * mappings the record is given up, they are asked, and it is tried again (stores.c).
 *
 * `set` is the version of the set of branches, so that a name is given once.
 * Head moves with all that may change what a mount shows (view.c).
 * ABA: versions and generations in all words.
 */
#include "branch.h"
#include "epoch.h"
#include "pool.h"
#include "record.h"
#include "stores.h"
#include "view.h"
#include "watch.h"
#include "word.h"

#define TRIES		100000u
#define TIDY_ROUNDS	100000u	/* while there is no room for something new */
#define LAYERS_LEFT	32u	/* kept for commits of others, and checkpoints */

struct branch_arg {
	u64 id;			/* the branch, or its parent */
	const char *name;
	u32 flags;
	u64 if_head;
	u64 result;
	/* of one try */
	struct daxfs_branch_ref br;
	u64 head;
	u64 set;		/* version of the set of branches */
	u32 layer;		/* taken for it; 0: none */
	u64 layer_word;
	u32 entry;		/* taken for it, + 1 */
	u64 entry_word;
	u32 stores;		/* -EINPROGRESS: layer that somebody stores to */
};

static struct daxfs_a64 *head_word(struct daxfs_cx *cx)
{
	return &daxfs_globals(cx->rg)->head.word;
}

static struct daxfs_a64 *set_word(struct daxfs_cx *cx)
{
	return &daxfs_globals(cx->rg)->branches.word;
}

static u64 head_moved(u64 head, u32 layer)
{
	return head_make(layer, head_version(head) + 1);
}

/* ---- names ---- */

static void name_put(struct daxfs_a64 *to, const char *name)
{
	char text[DAXFS_BRANCH_NAME_MAX + 1] = { 0 };

	for (u32 i = 0; i < DAXFS_BRANCH_NAME_MAX && name[i]; i++)
		text[i] = name[i];
	for (u32 i = 0; i < 8; i++) {
		u64 w;

		memcpy(&w, text + i * 8, 8);
		a64_store_relaxed(&to[i], w);
	}
}

static void name_get(const struct daxfs_a64 *from, char *name)
{
	for (u32 i = 0; i < 8; i++) {
		u64 w = a64_load_relaxed(&from[i]);

		memcpy(name + i * 8, &w, 8);
	}
	name[DAXFS_BRANCH_NAME_MAX] = 0;
}

static int same(const char *a, const char *b)
{
	u32 i = 0;

	while (a[i] && a[i] == b[i])
		i++;
	return a[i] == b[i];
}

static int name_is(const struct daxfs_a64 *word, const char *name)
{
	char text[DAXFS_BRANCH_NAME_MAX + 1];

	name_get(word, text);
	return same(text, name);
}

static int name_is_bad(const char *name)
{
	u32 len = 0;

	for (; name[len]; len++)
		if (len >= DAXFS_BRANCH_NAME_MAX || name[len] == '/' ||
		    (unsigned char)name[len] <= ' ' || name[len] == 0x7f)
			return 1;
	return !len || same(name, "main");
}

/* ---- finding ---- */

/* Entry i, if it is a branch that is valid with that head. -ENOENT: none. */
static int valid_entry(struct daxfs_cx *cx, u32 i, u64 head,
		       struct daxfs_branch_ref *br)
{
	int r;

	br->b = daxfs_branch_at(cx->rg, i);
	if (!br->b)
		return -ERANGE;
	r = daxfs_word_read(cx->rg, &br->b->word, &br->word);
	if (r)
		return r;
	if (branch_state(br->word) != DAXFS_BR_LIVE)
		return -ENOENT;
	br->id = branch_id_make(i, branch_generation(br->word));
	r = daxfs_branch_valid(cx->rg, br, head);
	return r == -ESTALE ? -ENOENT : r;
}

static int find_name(struct daxfs_cx *cx, const char *name, u64 head, u64 *id)
{
	u32 nr = (u32)cx->rg->area[DAXFS_AREA_BRANCHES].nr;

	for (u32 i = 0; i < nr; i++) {
		struct daxfs_branch_ref br;
		int r = valid_entry(cx, i, head, &br);

		if (r && r != -ENOENT)
			return r;
		if (r || !name_is(br.b->name, name))
			continue;
		*id = br.id;
		return 0;
	}
	return -ENOENT;
}

int daxfs_branch_was(struct daxfs_cx *cx, const char *name)
{
	u32 nr = (u32)cx->rg->area[DAXFS_AREA_BRANCHES].nr;

	for (u32 i = 0; i < nr; i++) {
		struct daxfs_branch *b = daxfs_branch_at(cx->rg, i);
		u64 v;

		if (!daxfs_word_read(cx->rg, &b->word, &v) &&
		    branch_state(v) != DAXFS_BR_MAKING && name_is(b->name, name))
			return 1;
	}
	return 0;
}

int daxfs_main_has_branches(struct daxfs_cx *cx, u64 head)
{
	u32 nr = (u32)cx->rg->area[DAXFS_AREA_BRANCHES].nr;

	for (u32 i = 0; i < nr; i++) {
		struct daxfs_branch_ref br;
		int r = valid_entry(cx, i, head, &br);

		if (r != -ENOENT)
			return r ? r : 1;
	}
	return 0;
}

static int find_fn(struct daxfs_cx *cx, void *p)
{
	struct branch_arg *a = p;
	int r = daxfs_word_read(cx->rg, head_word(cx), &a->head);

	return r ? r : find_name(cx, a->name, a->head, &a->result);
}

int daxfs_branch_find(struct daxfs_cx *cx, const char *name, u64 *id)
{
	struct branch_arg a = { .name = name };
	int r;

	*id = 0;
	if (same(name, "main"))
		return 0;
	r = daxfs_section_any(cx, find_fn, &a);
	*id = a.result;
	return r;
}

/* The commits that main has seen, by its layer; 0: damage. */
static u64 commits_of(struct daxfs_cx *cx, u64 head)
{
	struct daxfs_layer *l = daxfs_layer_at(cx->rg, head_layer(head));

	return l ? a64_load_relaxed(&l->commit_nr) : 0;	/* [PUB] by head */
}

static int head_fn(struct daxfs_cx *cx, void *p)
{
	struct branch_arg *a = p;
	int r = daxfs_word_read(cx->rg, head_word(cx), &a->head);

	a->result = commits_of(cx, a->head) + 1;
	return r;
}

int daxfs_head_id(struct daxfs_cx *cx, u64 *nr)
{
	struct branch_arg a = { .id = 0 };
	int r = daxfs_section_any(cx, head_fn, &a);

	*nr = a.result;
	return r;
}

struct info_arg {
	u32 i;
	struct daxfs_branch_info *info;
};

static int info_fn(struct daxfs_cx *cx, void *p)
{
	struct info_arg *a = p;
	struct daxfs_branch_info *info = a->info;
	struct daxfs_branch_ref br = { .b = daxfs_branch_at(cx->rg, a->i) };
	u64 head, word, at;
	struct daxfs_layer *top;
	int r;

	if (!br.b)
		return -ERANGE;
	r = daxfs_word_read(cx->rg, &br.b->word, &br.word);
	if (!r)
		r = daxfs_word_read(cx->rg, head_word(cx), &head);
	if (r)
		return r;
	if (branch_state(br.word) != DAXFS_BR_LIVE &&
	    branch_state(br.word) != DAXFS_BR_ABORTED)
		return -ENOENT;
	br.id = branch_id_make(a->i, branch_generation(br.word));
	top = daxfs_layer_at(cx->rg, branch_top(br.word));
	r = top ? daxfs_word_read(cx->rg, &top->word, &word) : -EUCLEAN;
	if (r)
		return r;
	info->id = br.id;
	info->parent = a64_load_relaxed(&br.b->parent);
	info->created_ns = a64_load_relaxed(&br.b->created_ns);
	info->mounts = a64_load_relaxed(&br.b->mounts);
	info->keep = !!(a64_load_relaxed(&br.b->flags) & DAXFS_BRANCH_KEEP);
	info->children = layer_state(word) == DAXFS_L_FROZEN ? layer_children(word) : 0;
	name_get(br.b->name, info->name);
	info->state = info->children ? DAXFS_BRANCH_FROZEN : DAXFS_BRANCH_LIVE;
	if (daxfs_branch_valid(cx->rg, &br, head))
		info->state = DAXFS_BRANCH_STALE;
	at = branch_top(br.word);
	for (info->layers = 0; at != a64_load_relaxed(&br.b->base_layer) &&
	     info->layers < DAXFS_VIEW_MAX; info->layers++) {
		struct daxfs_layer *l = daxfs_layer_at(cx->rg, (u32)at);

		if (!l || daxfs_word_read(cx->rg, &l->below, &at))
			break;
		at = layer_below(at);
	}
	return 0;
}

int daxfs_branch_info(struct daxfs_cx *cx, u32 i, struct daxfs_branch_info *info)
{
	struct info_arg a = { i, info };

	memset(info, 0, sizeof(*info));
	return daxfs_section_any(cx, info_fn, &a);
}

int daxfs_branch_info_of(struct daxfs_cx *cx, u64 id, struct daxfs_branch_info *info)
{
	int r = daxfs_branch_info(cx, branch_id_entry(id), info);

	if (r)
		return r == -ENOENT || r == -ERANGE ? -ESTALE : r;
	return info->id == id ? 0 : -ESTALE;
}

/* ---- taking an entry, and a layer ---- */

static u32 own_host(const struct daxfs_cx *cx)
{
	return cx->id / DAXFS_CTXS;
}

static int take_entry(struct daxfs_cx *cx, struct branch_arg *a)
{
	u32 nr = (u32)cx->rg->area[DAXFS_AREA_BRANCHES].nr;

	for (u32 i = 0; i < nr; i++) {
		struct daxfs_a64 *word = &daxfs_branch_at(cx->rg, i)->word;
		u64 v = a64_load_relaxed(word);	/* the CAS decides */
		u64 mine = branch_make(DAXFS_BR_MAKING, own_host(cx),
				       branch_generation(v));

		if (DAXFS_KIND(v) || branch_state(v) != DAXFS_BR_FREE)
			continue;
		if (daxfs_still_host(cx))
			return -ESTALE;
		if (a64_cas(word, v, mine) != v)
			continue;
		a->entry = i + 1;
		a->entry_word = mine;
		return 0;
	}
	return -ENOSPC;
}

static int take_layer(struct daxfs_cx *cx, struct branch_arg *a)
{
	u32 nr = (u32)cx->rg->area[DAXFS_AREA_LAYERS].nr;
	struct daxfs_a64 *next = &daxfs_globals(cx->rg)->layer_next.word;
	u64 from = a64_load_relaxed(next);	/* a hint */

	for (u32 i = 0; i < nr; i++) {
		u32 k = (u32)((from + i) % nr);
		struct daxfs_layer *l = daxfs_layer_at(cx->rg, k);
		u64 v = l ? a64_load_relaxed(&l->word) : 0;	/* the CAS decides */
		u64 mine = layer_make(DAXFS_L_NONE, own_host(cx) + 1,
				      layer_version(v) + 1);

		if (!l || DAXFS_KIND(v) || layer_state(v) != DAXFS_L_NONE ||
		    layer_children(v))
			continue;
		if (daxfs_still_host(cx))
			return -ESTALE;
		if (a64_cas(&l->word, v, mine) != v)
			continue;
		a64_store_relaxed(next, k + 1);
		a->layer = k;
		a->layer_word = mine;
		return 0;
	}
	return -ENOSPC;
}

/* What was taken and is not published; kept for the next try until the end. */
static void give_taken(struct daxfs_cx *cx, struct branch_arg *a)
{
	if (daxfs_still_host(cx))
		return;		/* recovery does it */
	if (a->layer)
		a64_cas(&daxfs_layer_at(cx->rg, a->layer)->word, a->layer_word,
			layer_make(DAXFS_L_NONE, 0, layer_version(a->layer_word)));
	if (a->entry)
		a64_cas(&daxfs_branch_at(cx->rg, a->entry - 1)->word, a->entry_word,
			branch_make(DAXFS_BR_FREE, 0,
				    branch_generation(a->entry_word)));
	a->layer = a->entry = 0;
}

void daxfs_branch_recover(struct daxfs_cx *cx, u32 host)
{
	u32 layers = (u32)cx->rg->area[DAXFS_AREA_LAYERS].nr;
	u32 branches = (u32)cx->rg->area[DAXFS_AREA_BRANCHES].nr;

	for (u32 i = 2; i < layers; i++) {
		struct daxfs_a64 *word = &daxfs_layer_at(cx->rg, i)->word;
		u64 v = a64_load_relaxed(word);

		if (!DAXFS_KIND(v) && layer_state(v) == DAXFS_L_NONE &&
		    layer_children(v) == host + 1)
			a64_cas(word, v, layer_make(DAXFS_L_NONE, 0,
						    layer_version(v)));
	}
	for (u32 i = 0; i < branches; i++) {
		struct daxfs_branch *b = daxfs_branch_at(cx->rg, i);
		u64 v = a64_load_relaxed(&b->word);

		if (!DAXFS_KIND(v) && branch_state(v) == DAXFS_BR_MAKING &&
		    branch_top(v) == host)
			a64_cas(&b->word, v, branch_make(DAXFS_BR_FREE, 0,
							 branch_generation(v) + 1));
		/* Nobody shows it there any more, and it stays: it may be
		 * mounted again. */
		if (a64_load_relaxed(&b->mounts) >> host & 1)
			a64_and(&b->mounts, ~(1ull << host));
	}
	/* It may have died between a record and its hint. */
	daxfs_tidy_hint(cx);
}

/* An empty layer on that one; published by the word that names it. */
static void fill_layer(struct daxfs_cx *cx, u32 nr, u32 below, const char *name)
{
	struct daxfs_layer *l = daxfs_layer_at(cx->rg, nr);

	a64_store_relaxed(&l->below, layer_below_make(below));
	a64_store_relaxed(&l->root_off, 0);
	a64_store_relaxed(&l->dirmove, 0);
	a64_store_relaxed(&l->drop_epoch, 0);
	a64_store_relaxed(&l->freeze, 0);
	a64_store_relaxed(&l->reap_cursor, 0);
	a64_store_relaxed(&l->commit_nr, 0);
	name_put(l->name, name);
}

/* ---- records ---- */

static int add_layer(struct daxfs_cx *cx, u32 nr, u64 old, u64 new)
{
	struct daxfs_layer *l = daxfs_layer_at(cx->rg, nr);

	return l ? daxfs_op_add(cx, &l->word, old, new) : -EUCLEAN;
}

/* The word of a layer, when nobody claims it. */
static int layer_settle(struct daxfs_cx *cx, u32 nr, u64 *v)
{
	struct daxfs_layer *l = daxfs_layer_at(cx->rg, nr);

	return l ? daxfs_word_settle(cx, &l->word, v) : -EUCLEAN;
}

/* Is that branch, whose word we have claimed, shown by somebody? Then it stays. */
static int is_shown(const struct daxfs_branch *b)
{
	/* Our claim before the bits. Pairs with [MNT] in mount_once(). */
	full_fence_after_rmw();
	return !!a64_load_acquire(&b->mounts);
}

/* 0: what goes on in the layer is ended, and nobody stores to it by mappings. */
static int freeze_layer(struct daxfs_cx *cx, struct branch_arg *a, u32 layer)
{
	daxfs_op_freeze(cx, layer);
	if (!daxfs_stores_to(cx, layer))
		return 0;
	a->stores = layer;
	return -EINPROGRESS;
}

/*
 * The record that was filled: its first entry is claimed, then what goes on in the
 * layer to freeze (0: none) is ended, then the rest is claimed. ends: a branch that
 * nobody may show; NULL: none. -EINPROGRESS: hosts have to be asked, outside of the
 * section, to store no more.
 */
static int run_record(struct daxfs_cx *cx, struct branch_arg *a, u32 freeze,
		      const struct daxfs_branch *ends)
{
	int r = daxfs_op_activate_free(cx);

	if (!r)
		r = daxfs_op_claim(cx, 0, 1);
	if (!r && freeze)
		r = freeze_layer(cx, a, freeze);
	if (!r && ends && is_shown(ends))
		r = -EAGAIN;
	if (!r)
		r = daxfs_op_claim(cx, 1, cx->entry_nr);
	r = daxfs_op_conclude(cx, r);
	daxfs_op_end(cx);
	if (r == -EAGAIN)
		daxfs_patience_grow(cx);
	return r;
}

/* The branch, valid with main as it is now; and the version of the set. */
static int look(struct daxfs_cx *cx, struct branch_arg *a)
{
	/* The set first: who takes main's top away, which nothing lies on, moves it,
	 * and what would be laid on that top fails. */
	int r = daxfs_word_settle(cx, set_word(cx), &a->set);

	if (!r)
		r = daxfs_word_settle(cx, head_word(cx), &a->head);
	if (r || !a->id)
		return r;
	r = daxfs_branch_get(cx->rg, a->id, &a->br);
	if (!r)
		r = daxfs_word_settle(cx, &a->br.b->word, &a->br.word);
	if (!r && branch_generation(a->br.word) != branch_id_generation(a->id))
		r = -ESTALE;
	return r ? r : daxfs_branch_valid(cx->rg, &a->br, a->head);
}

typedef int branch_fn(struct daxfs_cx *cx, struct branch_arg *a);

struct branch_call {
	branch_fn *fn;
	struct branch_arg *arg;
};

static int call_fn(struct daxfs_cx *cx, void *p)
{
	struct branch_call *c = p;
	int r = -EAGAIN;

	daxfs_patience_reset(cx);
	daxfs_change_begin(cx);
	for (u32 i = 0; i < TRIES && r == -EAGAIN; i++) {
		r = look(cx, c->arg);
		if (!r)
			r = c->fn(cx, c->arg);
	}
	give_taken(cx, c->arg);
	daxfs_change_end(cx);
	return r == -EAGAIN ? -EBUSY : r;	/* others are always faster */
}

static int call_tidily(struct daxfs_cx *cx, struct branch_call *c)
{
	int r = daxfs_section_any(cx, call_fn, c);

	/* What has ended may be in the way of something new. */
	for (u32 i = 0; i < TIDY_ROUNDS && (r == -ENOSPC || r == -EMLINK) &&
	     daxfs_tidy(cx) > 0; i++)
		r = daxfs_section_any(cx, call_fn, c);
	return r;
}

static int call(struct daxfs_cx *cx, branch_fn *fn, struct branch_arg *a)
{
	struct branch_call c = { fn, a };
	struct daxfs_ask ask = { .layer = 0 };
	int r;

	if (!cx->sh)
		return -EROFS;
	if (!daxfs_is_branching(cx->rg))
		return -EOPNOTSUPP;
	do {
		r = call_tidily(cx, &c);
		if (r != -EINPROGRESS)
			break;
		r = daxfs_stores_ask(cx, a->stores, &ask);
	} while (!r);
	daxfs_stores_unask(cx, &ask);
	return r;
}

/* ---- create ---- */

/* Layers from that one down, itself included. */
static int count_layers(struct daxfs_cx *cx, u32 from, u32 *nr)
{
	u64 at = from;

	for (*nr = 0; at && *nr < DAXFS_VIEW_MAX; ++*nr) {
		struct daxfs_layer *l = daxfs_layer_at(cx->rg, (u32)at);
		int r = l ? daxfs_word_read(cx->rg, &l->below, &at) : -EUCLEAN;

		if (r)
			return r;
		at = layer_below(at);
	}
	return 0;
}

/* What the branch is to lie on, and its first layer. */
static int create_prepare(struct daxfs_cx *cx, struct branch_arg *a, u32 *on)
{
	u32 depth;
	u64 id;
	int r = find_name(cx, a->name, a->head, &id);

	if (r != -ENOENT)
		return r ? r : -EEXIST;
	*on = a->id ? branch_top(a->br.word) : head_layer(a->head);
	r = count_layers(cx, *on, &depth);
	if (!r && depth + LAYERS_LEFT >= DAXFS_VIEW_MAX)
		r = -EMLINK;
	if (!r && !a->entry)
		r = take_entry(cx, a);
	if (!r && !a->layer)
		r = take_layer(cx, a);
	return r;
}

static void fill_entry(struct daxfs_cx *cx, struct branch_arg *a, u32 on)
{
	struct daxfs_branch *b = daxfs_branch_at(cx->rg, a->entry - 1);

	a64_store_relaxed(&b->parent, a->id);
	a64_store_relaxed(&b->base_nr, commits_of(cx, a->head));
	a64_store_relaxed(&b->base_layer, on);
	a64_store_relaxed(&b->created_ns, port_now_ns());
	a64_store_relaxed(&b->flags, a->flags);
	a64_store_relaxed(&b->mounts, 0);
	name_put(b->name, a->name);
}

/* A parent that is a branch gets one child more; the first one freezes it. */
static int add_parent(struct daxfs_cx *cx, u32 on, u32 *freeze)
{
	u64 v;
	int r = layer_settle(cx, on, &v);

	*freeze = 0;
	if (r)
		return r;
	if (layer_state(v) != DAXFS_L_LIVE && layer_state(v) != DAXFS_L_FROZEN)
		return -EAGAIN;		/* it has just ended, or gone on */
	if (layer_state(v) == DAXFS_L_LIVE)
		*freeze = on;
	return add_layer(cx, on, v,
			 layer_make(DAXFS_L_FROZEN, layer_children(v) + 1,
				    layer_version(v) + !!*freeze));
}

static int create_once(struct daxfs_cx *cx, struct branch_arg *a)
{
	struct daxfs_a64 *word;
	u32 on, freeze = 0;
	u64 born, now;
	int r = create_prepare(cx, a, &on);

	if (r)
		return r;
	fill_layer(cx, a->layer, on, "");
	fill_entry(cx, a, on);
	word = &daxfs_branch_at(cx->rg, a->entry - 1)->word;
	born = branch_make(DAXFS_BR_LIVE, a->layer, branch_generation(a->entry_word));
	daxfs_op_begin(cx);
	if (a->id)
		r = add_parent(cx, on, &freeze);
	if (!r)
		r = daxfs_op_add(cx, set_word(cx), a->set, a->set + 8);
	if (!r)
		r = add_layer(cx, a->layer, a->layer_word,
			      layer_make(DAXFS_L_LIVE, 0, layer_version(a->layer_word)));
	if (!r)
		r = daxfs_op_add(cx, word, a->entry_word, born);
	if (r) {
		daxfs_op_end(cx);
		return r;
	}
	r = run_record(cx, a, freeze, NULL);
	if (r)
		return r;
	a->result = branch_id_make(a->entry - 1, branch_generation(born));
	a->layer = a->entry = 0;
	/* Made of what main was: is it still? Else it was never valid. */
	r = daxfs_word_read(cx->rg, head_word(cx), &now);
	if (r || commits_of(cx, now) == commits_of(cx, a->head))
		return r;
	daxfs_tidy_hint(cx);
	return a->id ? -ESTALE : -EAGAIN;
}

int daxfs_branch_create(struct daxfs_cx *cx, u64 parent, const char *name,
			u32 flags, u64 *id)
{
	struct branch_arg a = { .id = parent, .name = name, .flags = flags };
	int r = name_is_bad(name) || flags & ~DAXFS_BRANCH_KEEP ? -EINVAL :
		call(cx, create_once, &a);

	*id = r ? 0 : a.result;
	return r;
}

/* ---- commit and abort ---- */

static int commit_once(struct daxfs_cx *cx, struct branch_arg *a)
{
	u32 top = branch_top(a->br.word), freeze = 0;
	u64 v, nr = commits_of(cx, a->head);
	int r = a->if_head && a->if_head != nr + 1 ? -ESTALE :
		layer_settle(cx, top, &v);

	if (r)
		return r;
	if (layer_state(v) == DAXFS_L_LIVE)
		freeze = top;
	else if (layer_state(v) != DAXFS_L_FROZEN)
		return -EAGAIN;
	/* Whoever commits this layer, on this main, says the same. */
	a64_store_relaxed(&daxfs_layer_at(cx->rg, top)->commit_nr, nr + 1);
	daxfs_op_begin(cx);
	r = add_layer(cx, top, v, layer_make(DAXFS_L_FROZEN, layer_children(v),
					     layer_version(v) + !!freeze));
	if (!r)
		r = daxfs_op_add(cx, &a->br.b->word, a->br.word,
				 branch_make(DAXFS_BR_COMMITTED, top,
					     branch_generation(a->br.word)));
	if (!r)
		r = daxfs_op_add(cx, head_word(cx), a->head, head_moved(a->head, top));
	if (r)
		daxfs_op_end(cx);
	else
		r = run_record(cx, a, freeze, NULL);
	if (!r)
		daxfs_tidy_hint(cx);
	return r;
}

int daxfs_branch_commit(struct daxfs_cx *cx, u64 id, u64 if_head)
{
	struct branch_arg a = { .id = id, .if_head = if_head };

	return id ? call(cx, commit_once, &a) : -EINVAL;
}

/* The child of main above the branch, or itself. */
static int top_level(struct daxfs_cx *cx, struct branch_arg *a)
{
	for (u32 i = 0; i < DAXFS_VIEW_MAX; i++) {
		u64 parent = a64_load_relaxed(&a->br.b->parent);
		int r;

		if (!parent)
			return 0;
		r = daxfs_branch_get(cx->rg, parent, &a->br);
		if (!r)
			r = daxfs_word_settle(cx, &a->br.b->word, &a->br.word);
		if (r)
			return r;
	}
	return -EUCLEAN;
}

static int abort_once(struct daxfs_cx *cx, struct branch_arg *a)
{
	int r = top_level(cx, a);

	if (r)
		return r;
	if (branch_state(a->br.word) != DAXFS_BR_LIVE ||
	    branch_generation(a->br.word) != branch_id_generation(a->br.id))
		return -EAGAIN;
	daxfs_op_begin(cx);
	r = daxfs_op_add(cx, &a->br.b->word, a->br.word,
			 branch_make(DAXFS_BR_ABORTED, branch_top(a->br.word),
				     branch_generation(a->br.word)));
	if (!r)
		r = daxfs_op_add(cx, head_word(cx), a->head,
				 head_moved(a->head, head_layer(a->head)));
	if (r)
		daxfs_op_end(cx);
	else
		r = run_record(cx, a, 0, NULL);
	if (!r)
		daxfs_tidy_hint(cx);
	return r;
}

int daxfs_branch_abort(struct daxfs_cx *cx, u64 id)
{
	struct branch_arg a = { .id = id };

	return id ? call(cx, abort_once, &a) : -EINVAL;
}

/* ---- checkpoints ---- */

/*
 * The layer of the branch that lies on the checkpoint of that name. *nr: layers
 * of its own. -ENOENT.
 */
static int find_checkpoint(struct daxfs_cx *cx, struct branch_arg *a, u32 *layer)
{
	u32 at = branch_top(a->br.word);
	u64 base = a64_load_relaxed(&a->br.b->base_layer), below;

	for (u32 i = 0; i < DAXFS_VIEW_MAX && at != base; i++) {
		struct daxfs_layer *l = daxfs_layer_at(cx->rg, at);
		int r = l ? daxfs_word_read(cx->rg, &l->below, &below) : -EUCLEAN;

		if (r)
			return r;
		if (name_is(l->name, a->name)) {
			*layer = at;
			return 0;
		}
		at = layer_below(below);
	}
	return -ENOENT;
}

/* The branch gets a new top layer on that one; its old one becomes top_now. */
static int new_top(struct daxfs_cx *cx, struct branch_arg *a, u32 on, u64 state)
{
	u32 top = branch_top(a->br.word);
	u64 v;
	int r = layer_settle(cx, top, &v);

	if (!r && layer_state(v) != DAXFS_L_LIVE)
		r = layer_state(v) == DAXFS_L_FROZEN ? -EBUSY : -EAGAIN;
	if (!r && !a->layer)
		r = take_layer(cx, a);
	if (r)
		return r;
	fill_layer(cx, a->layer, on, a->name);
	daxfs_op_begin(cx);
	r = add_layer(cx, top, v, layer_make(state, 0, layer_version(v) + 1));
	if (!r)
		r = daxfs_op_add(cx, set_word(cx), a->set, a->set + 8);
	if (!r)
		r = add_layer(cx, a->layer, a->layer_word,
			      layer_make(DAXFS_L_LIVE, 0, layer_version(a->layer_word)));
	if (!r)
		r = daxfs_op_add(cx, &a->br.b->word, a->br.word,
				 branch_make(DAXFS_BR_LIVE, a->layer,
					     branch_generation(a->br.word)));
	if (!r)
		r = daxfs_op_add(cx, head_word(cx), a->head,
				 head_moved(a->head, head_layer(a->head)));
	if (r)
		daxfs_op_end(cx);
	else
		r = run_record(cx, a, top, NULL);
	if (!r)
		a->layer = 0;
	return r;
}

static int checkpoint_once(struct daxfs_cx *cx, struct branch_arg *a)
{
	u32 top = branch_top(a->br.word), depth, there;
	int r = find_checkpoint(cx, a, &there);

	if (r != -ENOENT)
		return r ? r : -EEXIST;
	r = count_layers(cx, top, &depth);
	if (!r && depth + LAYERS_LEFT / 2 >= DAXFS_VIEW_MAX)
		r = -EMLINK;
	return r ? r : new_top(cx, a, top, DAXFS_L_FROZEN);
}

static int rollback_once(struct daxfs_cx *cx, struct branch_arg *a)
{
	u64 below;
	u32 layer;
	int r = find_checkpoint(cx, a, &layer);

	if (!r)
		r = daxfs_word_read(cx->rg, &daxfs_layer_at(cx->rg, layer)->below,
				    &below);
	if (!r)
		r = new_top(cx, a, layer_below(below), DAXFS_L_DROPPED);
	if (!r)
		daxfs_tidy_hint(cx);
	return r;
}

int daxfs_branch_checkpoint(struct daxfs_cx *cx, u64 id, const char *name)
{
	struct branch_arg a = { .id = id, .name = name };

	return !id || name_is_bad(name) ? -EINVAL : call(cx, checkpoint_once, &a);
}

int daxfs_branch_rollback(struct daxfs_cx *cx, u64 id, const char *name)
{
	struct branch_arg a = { .id = id, .name = name };

	return !id || name_is_bad(name) ? -EINVAL : call(cx, rollback_once, &a);
}

/* ---- mounts ---- */

static int mount_once(struct daxfs_cx *cx, struct branch_arg *a)
{
	u64 v;
	int r = 0;

	a64_or(&a->br.b->mounts, 1ull << own_host(cx));
	/* The bit before the word: who ends the branch claims that, and then
	 * looks at the bits. Pairs with [MNT] in is_shown(). */
	full_fence_after_rmw();
	r = daxfs_word_settle(cx, &a->br.b->word, &v);
	if (!r && (branch_state(v) != DAXFS_BR_LIVE ||
		   branch_generation(v) != branch_id_generation(a->id)))
		r = -ESTALE;
	if (r)
		a64_and(&a->br.b->mounts, ~(1ull << own_host(cx)));
	return r;
}

int daxfs_branch_mount(struct daxfs_cx *cx, u64 id)
{
	struct branch_arg a = { .id = id };
	int r = id ? call(cx, mount_once, &a) : 0;

	if (r)
		return r;
	a64_store_volatile(&cx->rg->view, id);
	if (cx->sh && daxfs_is_branching(cx->rg) && !daxfs_still_host(cx))
		a64_store_relaxed(&daxfs_host(cx->rg, own_host(cx))->view, id);
	return 0;
}

static int writable_fn(struct daxfs_cx *cx, void *p)
{
	(void)p;
	return daxfs_view_writable(cx);
}

int daxfs_writable(struct daxfs_cx *cx)
{
	return cx->sh ? daxfs_section(cx, writable_fn, NULL) : -EROFS;
}

/* The parent has one child less; without any it can be written to again. */
static int add_thaw(struct daxfs_cx *cx, struct branch_arg *a)
{
	u32 on = (u32)a64_load_relaxed(&a->br.b->base_layer);
	u64 v, n;
	int r;

	if (!a64_load_relaxed(&a->br.b->parent))
		return 0;	/* main */
	r = layer_settle(cx, on, &v);
	if (r)
		return r;
	n = layer_children(v);
	if (layer_state(v) != DAXFS_L_FROZEN || !n)
		return -EAGAIN;
	return add_layer(cx, on, v, layer_make(n > 1 ? DAXFS_L_FROZEN : DAXFS_L_LIVE,
					       n - 1, layer_version(v)));
}

/* 0 too if it stays: somebody shows it, or it has children. */
static int leave_once(struct daxfs_cx *cx, struct branch_arg *a)
{
	u32 top = branch_top(a->br.word);
	u64 v;
	int r = layer_settle(cx, top, &v);

	if (r || layer_state(v) != DAXFS_L_LIVE ||
	    a64_load_acquire(&a->br.b->mounts))		/* [MNT], as below */
		return r;
	daxfs_op_begin(cx);
	r = daxfs_op_add(cx, &a->br.b->word, a->br.word,
			 branch_make(DAXFS_BR_FREE, 0,
				     branch_generation(a->br.word) + 1));
	if (!r)
		r = add_layer(cx, top, v, layer_make(DAXFS_L_DROPPED, 0,
						     layer_version(v) + 1));
	if (!r)
		r = add_thaw(cx, a);
	if (!r)
		r = daxfs_op_add(cx, set_word(cx), a->set, a->set + 8);
	if (r)
		daxfs_op_end(cx);
	else
		r = run_record(cx, a, 0, a->br.b);
	if (!r)
		daxfs_tidy_hint(cx);
	return r;
}

int daxfs_branch_leave(struct daxfs_cx *cx)
{
	struct branch_arg a = { .id = a64_load_relaxed(&cx->rg->view) };
	struct daxfs_branch *b = daxfs_branch_at(cx->rg, branch_id_entry(a.id));
	int r = daxfs_still_host(cx);

	if (!a.id || !b || r)
		return r;
	a64_store_volatile(&cx->rg->view, 0);
	a64_store_relaxed(&daxfs_host(cx->rg, own_host(cx))->view, 0);
	/* If it is another branch by now, it does not know us. */
	a64_and(&b->mounts, ~(1ull << own_host(cx)));
	full_fence_after_rmw();	/* [MNT]: whoever clears the last bit sees none */
	if (a64_load_relaxed(&b->flags) & DAXFS_BRANCH_KEEP)
		return 0;
	r = call(cx, leave_once, &a);
	return r == -ESTALE && !daxfs_still_host(cx) ? 0 : r;	/* it had ended */
}
