// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Checking layers and branches: who lies on whom, and what is seen by somebody.
 *
 * Notes: a layer is seen if main or a branch that is valid leads to it. What else is
 * there has ended: it may be half taken apart, may lie on what is used again, and
 * all that is said of it is what it still refers to. Layers of main are merged
 * in pairs while nobody looks, as the cursor of the upper one says: such two count as
 * one layer, the upper one deciding. A branch whose layers are damaged can be taken away,
 * main cannot. In regions without branches there is layer 1 and nothing to find out.
 */
#include "check.h"
#include "record.h"
#include "view.h"

#define BELOW_BITS	(0xfffffull << 3)	/* that `below` may have */

static const char no_state[] = "is in no possible state";

/* ---- looking at one ---- */

void daxfs_ck_see(struct daxfs_ck *p, u32 layer)
{
	struct daxfs_a64 *word;

	if (p->layer == layer)
		return;
	p->layer = layer;
	word = &daxfs_layer_at(p->rg, layer)->root_off;
	for (p->table_used = 0; p->table_used < p->layers[layer].tables; ) {
		struct daxfs_table *t;
		u64 off = daxfs_ck_load(word);

		t = daxfs_at(p->rg, off, sizeof(*t), DAXFS_PAGE_SIZE);
		if (!t)
			break;
		p->table[p->table_used++] = off;
		word = &t->next;
	}
	/* What the core does for a correction it does there. */
	if (!p->flat && p->ck->repair)
		daxfs_view_of(p->cx, layer);
}

u32 daxfs_ck_layer_of(const struct daxfs_ck *p, u64 off, u32 type)
{
	struct daxfs_dirent_cell *c = daxfs_at(p->rg, off, 64, 64);
	struct daxfs_inode *in = daxfs_at(p->rg, off, 64, 64);

	if (p->flat)
		return 1;
	return type == DAXFS_T_INODE ? birth_layer_of(in->birth_layer) :
	       dslot_layer(daxfs_ck_load(&c->dslot));
}

int daxfs_ck_is_frozen(const struct daxfs_ck *p, u32 layer)
{
	const struct daxfs_layer *l = daxfs_layer_at(p->rg, layer);

	return !p->flat && l && layer_state(daxfs_ck_load(&l->word)) != DAXFS_L_LIVE;
}

int daxfs_ck_is_hidden(struct daxfs_ck *p, u64 off)
{
	struct daxfs_cell *c = daxfs_at(p->rg, off, 64, 64);
	u64 key = daxfs_ck_load(&c->key);
	struct daxfs_ck_node *n;
	struct daxfs_key k;

	if (p->flat || !p->layers[p->layer].shown_by)
		return 0;
	if (key & DAXFS_KEY_INODE) {
		n = daxfs_ck_node_in(p, p->layers[p->layer].shown_by,
				     DAXFS_KEY_INO(key));
		return n && n->off != off;
	}
	return !daxfs_ck_key(p, off, &k) && daxfs_ck_name(p, &k) != off;
}

/* ---- words ---- */

static u64 layer_word(struct daxfs_ck *p, u32 nr)
{
	return daxfs_ck_value(p, &daxfs_layer_at(p->rg, nr)->word,
			      layer_make(DAXFS_L_FROZEN, 0, 0), "layer", nr);
}

static void set_layer(struct daxfs_ck *p, u32 nr, u64 state, u64 children, u64 v)
{
	a64_store_relaxed(&daxfs_layer_at(p->rg, nr)->word,
			  layer_make(state, children, layer_version(v) + 1));
}

/* What nr lies on, as far as that can be: 0, or -EUCLEAN. */
static int below_of(struct daxfs_ck *p, u32 nr, u32 *below)
{
	struct daxfs_layer *l = daxfs_layer_at(p->rg, nr);
	u64 v = daxfs_ck_value(p, &l->below, 0, "layer", nr);

	*below = layer_below(v);
	return v & ~BELOW_BITS || *below >= p->layer_nr ? -EUCLEAN : 0;
}

/* A layer in which names and content are as they will stay. */
static void check_frozen(struct daxfs_ck *p, u32 nr)
{
	u64 v = layer_word(p, nr);

	if (layer_state(v) != DAXFS_L_FROZEN &&
	    daxfs_ck_found(p, DAXFS_REPAIR_ALL, "layer", nr,
			   "is one of main or of a branch, and its state says no"))
		set_layer(p, nr, DAXFS_L_FROZEN, 0, v);
}

/* ---- main ---- */

/* The layer of the last commit, as the layers say it. */
static u32 last_commit(struct daxfs_ck *p)
{
	u64 most = 0;
	u32 last = 1;

	for (u32 i = 1; i < p->layer_nr; i++) {
		struct daxfs_layer *l = daxfs_layer_at(p->rg, i);

		if (layer_state(daxfs_ck_load(&l->word)) != DAXFS_L_FROZEN ||
		    daxfs_ck_load(&l->commit_nr) <= most)
			continue;
		most = daxfs_ck_load(&l->commit_nr);
		last = i;
	}
	return last;
}

static u32 check_head(struct daxfs_ck *p)
{
	struct daxfs_a64 *word = &daxfs_globals(p->rg)->head.word;
	u64 v = daxfs_ck_value(p, word, head_make(last_commit(p), 1), "globals", 0);
	u32 nr = head_layer(v);

	if (!DAXFS_KIND(v) && nr && nr < p->layer_nr &&
	    layer_state(layer_word(p, nr)) != DAXFS_L_NONE)
		return nr;
	nr = last_commit(p);
	if (daxfs_ck_found(p, DAXFS_REPAIR_ALL, "globals", 0,
			   "the head names no layer that there is"))
		a64_store_relaxed(word, head_make(nr, head_version(v) + 1));
	return nr;
}

/* A frozen layer that nothing lies on: the one that is missed, if it is alone. */
static u32 lost_layer(struct daxfs_ck *p)
{
	u32 lost = 0, nr = 0;

	for (u32 i = 1; i < p->layer_nr; i++) {
		int lain_on = p->layers[i].life == DAXFS_CK_SEEN ||
			      layer_state(layer_word(p, i)) != DAXFS_L_FROZEN;

		for (u32 k = 1; k < p->layer_nr && !lain_on; k++) {
			struct daxfs_layer *l = daxfs_layer_at(p->rg, k);

			lain_on = layer_state(daxfs_ck_load(&l->word)) !=
				  DAXFS_L_NONE && k != i &&
				  daxfs_ck_load(&l->below) == layer_below_make(i);
		}
		nr += !lain_on;
		lost = lain_on ? lost : i;
	}
	return nr == 1 ? lost : 0;
}

/* main stays whatever is wrong: it ends where it cannot be followed. */
static u32 cut_main(struct daxfs_ck *p, u32 nr)
{
	u32 lost = lost_layer(p);

	if (daxfs_ck_found(p, lost ? DAXFS_REPAIR_ALL : 0, "layer", nr,
			   "of main stands on a layer that there is not"))
		a64_store_relaxed(&daxfs_layer_at(p->rg, nr)->below,
				  layer_below_make(lost));
	p->again |= p->ck->repair >= DAXFS_REPAIR_ALL && lost;
	return 0;
}

/*
 * Main does not lie there: it came by before; or the layer is said to be unused, and
 * does not lead to the one that is missed, so that it is not what is said wrongly.
 */
static int is_astray(struct daxfs_ck *p, u32 nr)
{
	struct daxfs_layer *l = daxfs_layer_at(p->rg, nr);
	u32 lost;

	if (p->layers[nr].life == DAXFS_CK_SEEN)
		return 1;
	if (layer_state(layer_word(p, nr)) != DAXFS_L_NONE)
		return 0;
	lost = lost_layer(p);
	return lost ? daxfs_ck_load(&l->below) != layer_below_make(lost) :
	       !daxfs_ck_load(&l->root_off);
}

/* Does a merge of that layer into the one below go on? */
static int is_being_merged(struct daxfs_ck *p, u32 layer)
{
	struct daxfs_a64 *word = &daxfs_layer_at(p->rg, layer)->reap_cursor;
	u64 v = daxfs_ck_value(p, word, 0, "layer", layer);

	return cursor_pass(v) && cursor_pass(v) < CURSOR_TABLES;
}

/* The two count as one, of which the upper decides. */
static void note_merge(struct daxfs_ck *p, u32 up)
{
	u32 down = p->layers[up].below;

	p->layers[up].down = down;
	p->layers[up].below = p->layers[down].below;
	p->layers[down].shown_by = up;
	p->merges++;
}

static void check_main(struct daxfs_ck *p, u32 head)
{
	u32 at = head, nr = 0;

	while (at) {
		u32 next;
		int r = below_of(p, at, &next);

		p->layers[at].life = DAXFS_CK_SEEN;
		check_frozen(p, at);
		if (r || (next && is_astray(p, next)) || ++nr == DAXFS_VIEW_MAX)
			next = cut_main(p, at);
		p->layers[at].below = next;
		p->floor = at;
		at = next;
	}
	for (at = head; at; at = p->layers[at].below)
		if (p->layers[at].below && is_being_merged(p, at))
			note_merge(p, at);
	p->floor = daxfs_ck_shown_by(p, p->floor);
}

/* ---- branches ---- */

static void free_branch(struct daxfs_ck *p, u32 i, u64 v)
{
	a64_store_relaxed(&daxfs_branch_at(p->rg, i)->word,
			  branch_make(DAXFS_BR_FREE, 0, branch_generation(v) + 1));
	p->again = 1;		/* what it had is seen by others, or nobody */
}

static void drop_branch(struct daxfs_ck *p, u32 i, u64 v, int level, const char *what)
{
	if (daxfs_ck_found(p, level, "branch", i, what))
		free_branch(p, i, v);
}

static u64 branch_word(struct daxfs_ck *p, u32 i)
{
	return daxfs_ck_value(p, &daxfs_branch_at(p->rg, i)->word,
			      branch_make(DAXFS_BR_FREE, 0, 1u << 30), "branch", i);
}

/* 0: main leads to it; -ESTALE: no more, -ENOENT: none, -EUCLEAN. */
static int is_valid(struct daxfs_ck *p, u32 i, u64 v)
{
	struct daxfs_branch_ref br = { .b = daxfs_branch_at(p->rg, i), .word = v };
	u64 head;

	if (branch_state(v) != DAXFS_BR_LIVE)
		return -ENOENT;
	if (daxfs_word_read(p->rg, &daxfs_globals(p->rg)->head.word, &head))
		return -ESTALE;
	return daxfs_branch_valid(p->rg, &br, head);
}

/* Valid branches that are children of that one. */
static u32 count_children(struct daxfs_ck *p, u64 id)
{
	u32 nr = (u32)p->rg->area[DAXFS_AREA_BRANCHES].nr, sum = 0;

	for (u32 i = 0; i < nr; i++) {
		struct daxfs_branch *b = daxfs_branch_at(p->rg, i);
		u64 v = daxfs_ck_load(&b->word);

		sum += branch_state(v) == DAXFS_BR_LIVE && !is_ref(v) &&
		       daxfs_ck_load(&b->parent) == id && !is_valid(p, i, v);
	}
	return sum;
}

/* What the first layer of a valid branch must lie on. */
static u32 right_base(struct daxfs_ck *p, struct daxfs_branch *b, u32 head)
{
	u64 parent = daxfs_ck_load(&b->parent), v;
	struct daxfs_branch *up = parent ? daxfs_branch_at(p->rg,
					   branch_id_entry(parent)) : NULL;

	if (!up)
		return head;
	return daxfs_word_read(p->rg, &up->word, &v) ? 0 : branch_top(v);
}

/* Its own layers, from top to base. 0, or -EUCLEAN. */
static int follow_branch(struct daxfs_ck *p, u32 top, u32 base, int mark)
{
	u32 at = top, nr = 0;

	while (at != base) {
		u32 below;

		if (!at || at >= p->layer_nr || ++nr > DAXFS_VIEW_MAX ||
		    p->layers[at].life == DAXFS_CK_SEEN ||
		    layer_state(layer_word(p, at)) == DAXFS_L_NONE ||
		    below_of(p, at, &below))
			return -EUCLEAN;
		if (mark)
			p->layers[at].below = below;
		if (mark)
			p->layers[at].life = DAXFS_CK_SEEN;
		if (mark && at != top)
			check_frozen(p, at);
		at = below;
	}
	return nr ? 0 : -EUCLEAN;
}

/* Frozen as long as it has children. */
static void check_top(struct daxfs_ck *p, u32 top, u32 children)
{
	u64 state = children ? DAXFS_L_FROZEN : DAXFS_L_LIVE, v = layer_word(p, top);
	int level = layer_state(v) == DAXFS_L_DROPPED ? DAXFS_REPAIR_ALL :
		    DAXFS_REPAIR_SAFE;

	if (layer_state(v) == state && layer_children(v) == children)
		return;
	if (daxfs_ck_found(p, level, "layer", top, layer_state(v) == DAXFS_L_DROPPED ?
			   "is the top of a branch and said to have ended" :
			   "says another number of children than its branch has"))
		set_layer(p, top, state, children, v);
}

static int name_possible(const struct daxfs_branch *b)
{
	const char *name = (const char *)b->name;
	u32 len = 0;

	while (len < sizeof(b->name) && name[len]) {
		if (name[len] == '/' || (unsigned char)name[len] <= ' ' ||
		    name[len] == 0x7f)
			return 0;
		len++;
	}
	return len && len <= DAXFS_BRANCH_NAME_MAX;
}

/* The rest of what an entry says. */
static void check_entry(struct daxfs_ck *p, u32 i, u32 base)
{
	struct daxfs_branch *b = daxfs_branch_at(p->rg, i);
	u64 v = daxfs_ck_load(&b->flags);
	char name[DAXFS_BRANCH_NAME_MAX + 1] = "lost-branch-0000";

	if (daxfs_ck_load(&b->base_layer) != base &&
	    daxfs_ck_found(p, DAXFS_REPAIR_SAFE, "branch", i,
			   "says that it lies on another layer than it does"))
		a64_store_relaxed(&b->base_layer, base);
	if (v & ~(u64)DAXFS_BRANCH_KEEP &&
	    daxfs_ck_found(p, DAXFS_REPAIR_SAFE, "branch", i,
			   "has flags that there are not"))
		a64_store_relaxed(&b->flags, v & DAXFS_BRANCH_KEEP);
	for (u32 k = 15, n = i; k >= 12; k--, n /= 10)
		name[k] = (char)('0' + n % 10);
	if (!name_possible(b) && daxfs_ck_found(p, DAXFS_REPAIR_SAFE, "branch", i,
						"has an impossible name"))
		port_copy_to(b->name, name, sizeof(name));
}

static void check_valid(struct daxfs_ck *p, u32 i, u64 v, u32 head)
{
	struct daxfs_branch *b = daxfs_branch_at(p->rg, i);
	u32 base = right_base(p, b, head), top = branch_top(v);

	if (follow_branch(p, top, base, 0)) {
		drop_branch(p, i, v, DAXFS_REPAIR_ALL,
			    "its layers do not lie on those of its parent");
		return;
	}
	p->ck->sum.branches++;
	follow_branch(p, top, base, 1);
	check_top(p, top, count_children(p, branch_id_make(i, branch_generation(v))));
	check_entry(p, i, base);
}

static void check_branch(struct daxfs_ck *p, u32 i, u32 head)
{
	struct daxfs_branch *b = daxfs_branch_at(p->rg, i);
	u64 v = branch_word(p, i), mounts = daxfs_ck_load(&b->mounts);
	int r = is_valid(p, i, v);

	if (DAXFS_KIND(v) || branch_state(v) > DAXFS_BR_MAKING) {
		drop_branch(p, i, v, DAXFS_REPAIR_ALL, no_state);
		return;
	}
	if (branch_state(v) == DAXFS_BR_MAKING)
		drop_branch(p, i, v, DAXFS_REPAIR_SAFE, "is being made by nobody");
	else if (r == -EUCLEAN)
		drop_branch(p, i, v, DAXFS_REPAIR_ALL, "its parent cannot be");
	else if (!r)
		check_valid(p, i, v, head);
	if ((!r || branch_state(v) == DAXFS_BR_COMMITTED) && mounts & ~p->hosts &&
	    daxfs_ck_found(p, DAXFS_REPAIR_SAFE, "branch", i,
			   "is shown by a host that there is not"))
		a64_store_relaxed(&b->mounts, mounts & p->hosts);
}

/* ---- all layers ---- */

/* Words that records claim, whatever the layer is. */
static void check_words(struct daxfs_ck *p, u32 nr)
{
	struct daxfs_layer *l = daxfs_layer_at(p->rg, nr);
	u64 v = daxfs_ck_value(p, &l->dirmove, 0, "layer", nr);

	if (DAXFS_KIND(v) && daxfs_ck_found(p, DAXFS_REPAIR_ALL, "layer", nr,
					    "version of moves is impossible"))
		a64_store_relaxed(&l->dirmove, v & ~7ull);
	daxfs_ck_value(p, &l->reap_cursor, 0, "layer", nr);
	v = daxfs_ck_value(p, &l->drop_epoch, 0, "layer", nr);
	if (v >> 3 > p->g && daxfs_ck_found(p, DAXFS_REPAIR_SAFE, "layer", nr,
					    "ends in an epoch that is still to come"))
		a64_store_relaxed(&l->drop_epoch, 0);
}

static void check_layer(struct daxfs_ck *p, u32 nr)
{
	u64 v = layer_word(p, nr);

	if (p->layers[nr].life == DAXFS_CK_SEEN) {
		p->ck->sum.layers++;
		check_words(p, nr);
		return;
	}
	if (layer_state(v) != DAXFS_L_NONE) {
		p->ck->sum.layers_ended++;
		p->layers[nr].life = DAXFS_CK_ENDED;
		check_words(p, nr);
		return;
	}
	if (layer_children(v) && daxfs_ck_found(p, DAXFS_REPAIR_SAFE, "layer", nr,
						"is being made by nobody"))
		set_layer(p, nr, DAXFS_L_NONE, 0, v);
}

void daxfs_ck_layers(struct daxfs_ck *p)
{
	u32 head, nr = (u32)p->rg->area[DAXFS_AREA_BRANCHES].nr;

	if (p->flat) {
		p->layers[1].life = DAXFS_CK_SEEN;
		p->floor = 1;
		return;
	}
	head = check_head(p);
	check_main(p, head);
	for (u32 i = 0; i < nr; i++)
		check_branch(p, i, head);
	for (u32 i = 1; i < p->layer_nr; i++)
		check_layer(p, i);
}

void daxfs_ck_ended(struct daxfs_ck *p)
{
	struct daxfs_layer *l = daxfs_layer_at(p->rg, p->layer);

	if (!daxfs_ck_found(p, DAXFS_REPAIR_ALL, "layer", p->layer,
			    "has ended and cannot be taken apart"))
		return;
	set_layer(p, p->layer, DAXFS_L_NONE, 0, daxfs_ck_load(&l->word));
	a64_store_relaxed(&l->root_off, 0);
}
