// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Recovery: what a host that is gone has left is finished and given back.
 *
 * Notes: names and data need no recovery, whoever meets a half-done record
 * resolves it. This gives memory back: records' post steps, files that only
 * the dead host held, memory that it had taken and nothing refers to. Every
 * step is idempotent, because a recoverer may die, too, and another goes on.
 * The dead host's contexts stay in their sections until the end, so nothing
 * that they retired is reused while steps are repeated. A host that leaves
 * runs the same steps on itself. See docs/decisions/0004.
 *
 * step      | linearization            | progress | if the recoverer stops there
 * claim     | CAS DEAD -> RECOVERING   | one wins | it is declared dead, then
 *           |                          |          | the victim is DEAD again
 * records   | their status             | patience | the next one does it again
 * inodes    | each CAS                 | patience | as above
 * memory    | OWNED -> RETIRED         | lock-free | as above
 * cache     | each CAS or bit          | wait-free | as above
 * release   | epochs and state to 0    | wait-free | as above
 * free      | CAS RECOVERING -> FREE   | wait-free | -
 * take over | CAS DEAD -> RECOVERING   | one wins | a dead host in its own slot
 *
 * Nobody waits for recovery but for the memory that it gives back.
 * ABA: the incarnation is part of every state that is compared.
 */
#include "branch.h"
#include "cache.h"
#include "data.h"
#include "dir.h"
#include "epoch.h"
#include "index.h"
#include "lock.h"
#include "map.h"
#include "pool.h"
#include "record.h"
#include "region.h"
#include "view.h"
#include "watch.h"
#include "word.h"
#include "xset.h"

/* ---- records ---- */

/* A cell that a commit killed, or that was born and died: out of everything. */
static int dispose_dirent(struct daxfs_cx *cx, u64 off)
{
	struct daxfs_dirent_cell *c = daxfs_at(cx->rg, off, 64, 64);
	struct daxfs_iref dir;
	u64 v, key;
	int r;

	if (!c)
		return 0;
	r = daxfs_word_settle(cx, &c->cell.value, &v);
	key = a64_load_relaxed(&c->cell.key);
	if (r || value_state(v) != DAXFS_V_DEAD || !(key & DAXFS_KEY_DIRENT))
		return r;
	r = daxfs_iget(cx, DAXFS_KEY_INO(key), 0, &dir);
	if (!r && dir.in)
		r = daxfs_slot_clear(cx, &dir, dslot_slot(a64_load_relaxed(&c->dslot)),
				     off);
	if (r && r != -ENOENT)
		return r;
	return daxfs_cell_dispose(cx, off);
}

static int recover_garbage(struct daxfs_cx *cx, struct daxfs_shared_ctx *sh)
{
	for (u32 i = 0; i < DAXFS_GARBAGE; i++) {
		u64 off = a64_load_relaxed(&sh->garbage[i]);
		int r;

		if (!off)
			break;
		r = dispose_dirent(cx, off);
		if (r)
			return r;
	}
	return 0;
}

/* The number is gone, but perhaps not the cell: DEAD, and not buried. */
static int bury_dropped(struct daxfs_cx *cx, u64 off, u64 ino)
{
	struct daxfs_cell *c = daxfs_at(cx->rg, off, 64, 64);
	u64 v;

	if (!c || a64_load_relaxed(&c->key) != (DAXFS_KEY_INODE | ino))
		return 0;
	v = a64_load_acquire(&c->value);	/* pairs with [PUB] */
	if (v != value_make(DAXFS_V_DEAD, 0, ino))
		return 0;
	return daxfs_cell_dispose(cx, off);
}

/*
 * Readers must not trust what they cached of a file that was being written, and
 * what lies behind its end must not show when it grows.
 */
static int raise_written(struct daxfs_cx *cx, struct daxfs_shared_ctx *sh)
{
	u64 ino = a64_load_acquire(&sh->write_ino);	/* [CHG] in written() */
	struct daxfs_iref ref;
	int r;

	if (!ino)
		return 0;
	r = daxfs_iget(cx, ino, 0, &ref);
	/* Where layers freeze, nothing is put there but by a record. */
	if (!r && ref.in && cx->view.flat && !daxfs_regular(cx, &ref))
		r = daxfs_cut_tail(cx, &ref);
	if (!r && ref.in)
		daxfs_touch(cx, ref.in, DAXFS_TOUCH_MTIME | DAXFS_TOUCH_CONTENT);
	return r == -ENOENT ? 0 : r;
}

static int finish_drop(struct daxfs_cx *cx, struct daxfs_shared_ctx *sh)
{
	u64 ino = a64_load_acquire(&sh->drop_ino), nlink;	/* pairs with [OPN] */
	struct daxfs_iref ref;
	int r;

	if (!ino)
		return 0;
	r = daxfs_iget(cx, ino, 0, &ref);
	if (r == -ENOENT)
		return bury_dropped(cx, a64_load_relaxed(&sh->drop_off), ino);
	if (r || !ref.in)
		return r;
	r = daxfs_word_settle(cx, &ref.in->nlink, &nlink);
	if (r)
		return r;
	return nlink & DAXFS_NLINK_DROPPING ? daxfs_drop_finish(cx, &ref) :
	       daxfs_drop_if_unused(cx, &ref);
}

/* An inode in the index whose create was not committed: no name, no holder. */
static int forget_made(struct daxfs_cx *cx, struct daxfs_shared_ctx *sh)
{
	u64 ino = a64_load_acquire(&sh->made_ino);	/* [PUB] in make_inode() */
	struct daxfs_iref ref;
	int r;

	if (!ino)
		return 0;
	r = daxfs_iget(cx, ino, 0, &ref);
	if (r || !ref.in || ref.has_base)
		return r == -ENOENT ? 0 : r;
	return daxfs_drop_finish(cx, &ref);
}

static int attr_is_known(struct daxfs_cx *cx, u64 off, u64 info)
{
	struct daxfs_a64 *word = daxfs_at(cx->rg, info_back(info), 8, 8);

	return word && a64_load_acquire(word) == off;	/* pairs with [PUB] */
}

/* Taken out of its inode and not retired: whoever made it does not know. */
static void retire_dropped_attr(struct daxfs_cx *cx, struct daxfs_shared_ctx *sh)
{
	u64 off = a64_load_acquire(&sh->drop_attr);	/* [PUB] in attr_swap() */
	struct daxfs_a64 *info = off ? daxfs_at(cx->rg, off, 64, 64) : NULL;
	u64 v;

	if (!info || daxfs_lock_forget(cx, off))
		return;
	v = a64_load_acquire(info);		/* pairs with [PUB] */
	if (DAXFS_KIND(v) == DAXFS_I_OWNED && info_type(v) == DAXFS_T_ATTR &&
	    !attr_is_known(cx, off, v))
		daxfs_obj_retire(cx, off, daxfs_retire_epoch(cx));
}

/* The same for a set of extended attributes. */
static void retire_dropped_xattrs(struct daxfs_cx *cx,
				  struct daxfs_shared_ctx *sh)
{
	u64 off = a64_load_acquire(&sh->drop_xattr);	/* [PUB] in attr_swap() */
	struct daxfs_a64 *info = off ? daxfs_xset_info(cx, off) : NULL, *back;
	u64 v;

	if (!info)
		return;
	v = a64_load_acquire(info);		/* pairs with [PUB] */
	back = daxfs_xset_back(cx, v);
	if (DAXFS_KIND(v) == DAXFS_I_OWNED && info_type(v) == DAXFS_T_XATTR &&
	    back && !daxfs_xset_known(cx, off, v))
		daxfs_xset_retire(cx, back, off);
}

/*
 * Look at what a context has left as it did. Not 0: its layer is gone, and was
 * taken apart with all that was in it; or it changed layers alone.
 */
static int see_layer_of(struct daxfs_cx *cx, struct daxfs_shared_ctx *sh)
{
	u32 layer = (u32)a64_load_relaxed(&sh->layer);
	struct daxfs_layer *l = daxfs_layer_at(cx->rg, layer);
	u64 v;

	if (cx->view.flat)
		return 0;
	if (!l || daxfs_word_read(cx->rg, &l->word, &v) ||
	    layer_state(v) == DAXFS_L_NONE)
		return -ENOENT;
	return daxfs_view_of(cx, layer);
}

static int recover_record(struct daxfs_cx *cx, u32 id)
{
	struct daxfs_shared_ctx *sh = daxfs_shared_ctx(cx->rg, id);
	int r = daxfs_op_recover(cx, sh, id);

	if (see_layer_of(cx, sh))
		return 0;
	if (r > 0) {	/* committed: the post steps may be missing */
		daxfs_retire_replaced(cx, sh, 1);
		r = recover_garbage(cx, sh);
	} else if (!r) {
		r = forget_made(cx, sh);
	}
	retire_dropped_attr(cx, sh);
	retire_dropped_xattrs(cx, sh);
	if (!r)
		r = raise_written(cx, sh);
	return r ? r : finish_drop(cx, sh);
}

/* ---- inodes that the dead host held ---- */

struct sweep {
	u64 bit;		/* of the dead host */
};

static int sweep_inode(struct daxfs_cx *cx, struct daxfs_iref *ref,
		       const struct sweep *s)
{
	u64 cut;
	int r;

	if (a64_load_relaxed(&ref->in->mapped) & s->bit)
		a64_and(&ref->in->mapped, ~s->bit);
	daxfs_holders_clear(cx, ref, s->bit);
	r = daxfs_word_read(cx->rg, &ref->in->cut, &cut);
	if (!r && (cut & DAXFS_CUT_PURGE))
		r = daxfs_purge(cx, ref);
	return r ? r : daxfs_drop_if_unused(cx, ref);
}

static int sweep_cell(struct daxfs_cx *cx, void *arg, u64 bucket,
		      struct daxfs_cell *cell)
{
	u64 key = a64_load_relaxed(&cell->key), v;
	struct daxfs_iref ref;
	int r;

	(void)bucket;
	if (!(key & DAXFS_KEY_INODE))
		return 0;
	r = daxfs_word_read(cx->rg, &cell->value, &v);
	if (r || value_state(v) != DAXFS_V_LIVE)
		return r;
	r = daxfs_iget(cx, DAXFS_KEY_INO(key), daxfs_off(cx->rg, cell), &ref);
	if (r || !ref.in)
		return r == -ENOENT ? 0 : r;
	return sweep_inode(cx, &ref, arg);
}

/* All inodes of all layers. */
static int sweep_inodes(struct daxfs_cx *cx, struct sweep *s)
{
	u32 nr = (u32)cx->rg->area[DAXFS_AREA_LAYERS].nr;
	int r = 0;

	if (cx->view.flat)
		return daxfs_index_walk(cx, sweep_cell, s);
	for (u32 i = 1; i < nr && !r; i++) {
		struct daxfs_layer *l = daxfs_layer_at(cx->rg, i);
		u64 v;

		r = daxfs_word_read(cx->rg, &l->word, &v);
		/* A dropped one is about to be taken apart as a whole. */
		if (r || layer_state(v) == DAXFS_L_NONE ||
		    layer_state(v) == DAXFS_L_DROPPED)
			continue;
		r = daxfs_view_of(cx, i);
		if (!r)
			r = daxfs_index_walk(cx, sweep_cell, s);
	}
	return r;
}

static void sweep_base_opens(struct daxfs_cx *cx, u64 bit)
{
	for (u64 i = 1; i <= cx->rg->super.base_inode_nr; i++) {
		struct daxfs_a64 *w = daxfs_base_opens(cx->rg, i);

		if (a64_load_relaxed(w) & bit)
			a64_and(w, ~bit);
	}
}

/* ---- memory that the dead host had taken ---- */

/* Is the object with the word at that offset there, and no dropped inode? */
static int object_holds(struct daxfs_cx *cx, u64 at, u64 page_info)
{
	u32 size = daxfs_class_size(daxfs_slab_class(page_info));
	u64 page = at & ~(DAXFS_PAGE_SIZE - 1), info, nlink;
	struct daxfs_inode *in;

	in = daxfs_at(cx->rg, at - (at - page) % size, sizeof(*in), 64);
	info = in ? a64_load_acquire(&in->cell.info) : 0;	/* [SLB] */
	if (DAXFS_KIND(info) != DAXFS_I_OWNED || info_type(info) != DAXFS_T_INODE)
		return DAXFS_KIND(info) == DAXFS_I_OWNED;
	if (daxfs_word_settle(cx, &in->nlink, &nlink))
		return 1;		/* in doubt it stays; fsck tells */
	return !(nlink & DAXFS_NLINK_DROPPING);
}

/*
 * Is what holds the word at that offset still there? A node of a map is if its
 * inode is: who drops that goes through all words, but may not see what a dead
 * host put into one last, and then it is for us to give it back.
 */
static int container_holds(struct daxfs_cx *cx, u64 at)
{
	/* What the word holds before the inode: dropping is set before the
	 * words are gone through. Pairs with [OPN] in daxfs_drop_if_unused(). */
	full_fence();
	for (u32 i = 0; i < 8; i++) {
		struct daxfs_a64 *page = daxfs_page_info(cx->rg,
						at & ~(DAXFS_PAGE_SIZE - 1));
		u64 v = page ? a64_load_acquire(page) : 0;	/* [SLB] */

		if (!page)
			return 1;	/* not in the pool */
		if (DAXFS_KIND(v) != DAXFS_I_OWNED)
			return 0;
		if (daxfs_slab_class(v) != DAXFS_NO_CLASS)
			return object_holds(cx, at, v);
		if (info_type(v) != DAXFS_T_MAP)
			return 1;
		at = info_back(v);
	}
	return 1;	/* no map is so high: fsck tells */
}

/* Does the word that a page names still refer to it, and does it exist? */
static int page_is_referred(struct daxfs_cx *cx, u64 off, u64 info)
{
	u64 back = info_back(info), v;
	struct daxfs_a64 *word = daxfs_at(cx->rg, back, 8, 8);

	if (!word)
		return 0;
	v = a64_load_acquire(word);	/* pairs with [PUB] */
	if (is_ref(v) && daxfs_word_settle(cx, word, &v))
		return 1;		/* in doubt it stays; fsck tells */
	if (info_type(info) == DAXFS_T_DATA || info_type(info) == DAXFS_T_SLOTS)
		return pslot_off(v) == off && container_holds(cx, back);
	return (v & ~(DAXFS_PAGE_SIZE - 1)) == off && container_holds(cx, back);
}

/* A former root of a file's map is child 0 of a later one. */
static int map_is_referred(struct daxfs_cx *cx, u64 off, u64 info)
{
	struct daxfs_a64 *root = daxfs_at(cx->rg, info_back(info), 8, 8);
	u64 v = root ? a64_load_acquire(root) : 0;	/* pairs with [PUB] */

	if (!container_holds(cx, info_back(info)))
		return 0;

	for (u32 h = (u32)DAXFS_KIND(v); h > 1; h--) {
		struct daxfs_a64 *node = daxfs_word_page(cx->rg, pslot_off(v));

		if (!node)
			return 0;
		v = a64_load_acquire(&node[0]);		/* pairs with [PUB] */
		if (pslot_off(v) == off)
			return 1;
	}
	return 0;
}

/* A table that became the root is referred to there, not where it was made. */
static int table_is_of(struct daxfs_cx *cx, struct daxfs_layer *l, u64 off)
{
	u64 at = l ? a64_load_acquire(&l->root_off) : 0;	/* [PUB] */

	for (u32 i = 0; i < 8 && at; i++) {
		struct daxfs_table *t = daxfs_at(cx->rg, at, sizeof(*t),
						 DAXFS_PAGE_SIZE);

		if (at == off)
			return 1;
		if (!t)
			return 0;
		at = a64_load_acquire(&t->next);	/* pairs with [PUB] */
	}
	return 0;
}

/* The root of an unused layer is what it was in an earlier life: others have it now. */
static int table_is_referred(struct daxfs_cx *cx, u64 off)
{
	u32 nr = cx->view.flat ? 2 : (u32)cx->rg->area[DAXFS_AREA_LAYERS].nr;

	for (u32 i = 1; i < nr; i++) {
		struct daxfs_layer *l = daxfs_layer_at(cx->rg, i);
		u64 v;

		if (daxfs_word_read(cx->rg, &l->word, &v))
			return 1;	/* in doubt it stays; fsck tells */
		if (layer_state(v) != DAXFS_L_NONE && table_is_of(cx, l, off))
			return 1;
	}
	return 0;
}

static int check_table(struct daxfs_cx *cx, u64 off, u64 info, u32 host)
{
	struct daxfs_table *t = daxfs_at(cx->rg, off, sizeof(*t), DAXFS_PAGE_SIZE);

	if (table_is_referred(cx, off))
		return 0;
	/* Made by the dead host and not published, or replaced by whomever:
	 * a table that others are making has no successor. */
	if (info_host(info) != host && !a64_load_acquire(&t->next))	/* [PUB] */
		return 0;
	return daxfs_table_retire(cx, off);
}

/* A head, with what it leads to, or a further page whose head is gone. */
static void check_xattrs(struct daxfs_cx *cx, u64 off, u64 info)
{
	struct daxfs_a64 *back = daxfs_at(cx->rg, info_back(info), 8, 8);

	if (daxfs_xset_known(cx, off, info))
		return;
	if (back)
		daxfs_xset_retire(cx, back, off);
}

static int check_page(struct daxfs_cx *cx, u64 off, u64 info, u32 host)
{
	int referred;

	if (info_type(info) == DAXFS_T_TABLE)
		return check_table(cx, off, info, host);
	if (info_host(info) != host)
		return 0;
	if (info_type(info) == DAXFS_T_XATTR) {
		check_xattrs(cx, off, info);
		return 0;
	}
	referred = page_is_referred(cx, off, info);
	if (!referred && info_type(info) == DAXFS_T_MAP)
		referred = map_is_referred(cx, off, info);
	if (!referred)
		daxfs_page_retire(cx, off, daxfs_retire_epoch(cx), 1);
	return 0;
}

/* Does the index know this inode cell? */
static int inode_is_known(struct daxfs_cx *cx, u64 off, struct daxfs_cell *c)
{
	u64 key = a64_load_relaxed(&c->key), found, v;
	struct daxfs_key k = daxfs_key_inode(cx->rg, DAXFS_KEY_INO(key));
	int r = daxfs_index_find(cx, &k, &found, &v);

	return r ? r != -ENOENT : found == off;
}

/*
 * The value of a cell that the dead host had taken. Its records are all
 * decided and clean, so a reference to one was claimed too late, by a host that
 * was recovered before and woke up, and means what its entry says; or it is of a
 * cell that was never seen, and has no entry.
 */
static int settle_dead(struct daxfs_cx *cx, struct daxfs_a64 *word, u32 host,
		       u64 *value)
{
	u64 v = a64_load_acquire(word), old;	/* pairs with [REC] */

	if (is_ref(v) && ref_cx(v) / DAXFS_CTXS == host) {
		if (daxfs_word_read_ref(cx->rg, word, v, &old))
			old = value_make(DAXFS_V_DEAD, 0, 0);
		a64_cas(word, v, old);
	}
	return daxfs_word_settle(cx, word, value);
}

static int dirent_is_known(struct daxfs_cx *cx, u64 off, u32 host)
{
	struct daxfs_dirent_cell *c = daxfs_at(cx->rg, off, 64, 64);
	struct daxfs_key k;
	u64 v, found;
	u32 len = c->name_len;	/* once */
	int r = settle_dead(cx, &c->cell.value, host, &v);

	if (r || !daxfs_at(cx->rg, off, DAXFS_DIRENT_NAME_OFF + len, 64))
		return 1;	/* in doubt it stays; fsck tells */
	if (value_state(v) != DAXFS_V_LIVE && value_state(v) != DAXFS_V_WHITEOUT)
		return 0;
	k = daxfs_key_dirent(cx->rg, DAXFS_KEY_INO(a64_load_relaxed(&c->cell.key)),
			     (const char *)c->name, len);
	r = daxfs_index_find(cx, &k, &found, &v);
	return r ? r != -ENOENT : found == off;
}

/* The layer that an object lies in, for those that an index leads to; else 0. */
static u32 layer_of_obj(struct daxfs_cx *cx, u64 off, u64 info)
{
	struct daxfs_dirent_cell *c;
	struct daxfs_inode *in;

	switch (info_type(info)) {
	case DAXFS_T_DIRENT:
		c = daxfs_at(cx->rg, off, 64, 64);
		return c ? dslot_layer(a64_load_relaxed(&c->dslot)) : 0;
	case DAXFS_T_INODE:
		in = daxfs_at(cx->rg, off, sizeof(*in), 64);
		return in ? birth_layer_of(in->birth_layer) : 0;
	}
	return 0;
}

/*
 * See it as its layer does. 0: that is not there any more: either it will be taken
 * apart, or the object never got there; 1: look.
 */
static int see_layer(struct daxfs_cx *cx, u32 layer)
{
	struct daxfs_layer *l = daxfs_layer_at(cx->rg, layer);
	u64 v;

	if (cx->view.flat || !layer)
		return 1;
	if (!l || daxfs_word_read(cx->rg, &l->word, &v))
		return 0;
	if (layer_state(v) == DAXFS_L_NONE)
		return 0;
	return daxfs_view_of(cx, layer) ? 0 : 1;
}

static int check_obj(struct daxfs_cx *cx, u64 off, u64 info, u32 host)
{
	struct daxfs_inode *in;
	int r = 0;

	if (!see_layer(cx, layer_of_obj(cx, off, info))) {
		daxfs_obj_retire(cx, off, daxfs_retire_epoch(cx));
		return 0;
	}
	switch (info_type(info)) {
	case DAXFS_T_DIRENT:
		if (dirent_is_known(cx, off, host))
			break;
		r = dispose_dirent(cx, off);
		if (!r)		/* it may not have got as far as a value */
			daxfs_obj_retire(cx, off, daxfs_retire_epoch(cx));
		break;
	case DAXFS_T_INODE:
		in = daxfs_at(cx->rg, off, sizeof(*in), 64);
		if (in && !inode_is_known(cx, off, &in->cell))
			r = daxfs_map_retire(cx, in);
		if (in && !r && !inode_is_known(cx, off, &in->cell))
			r = daxfs_cell_dispose(cx, off);
		break;
	case DAXFS_T_ATTR:
		if (!attr_is_known(cx, off, info))
			daxfs_obj_retire(cx, off, daxfs_retire_epoch(cx));
		break;
	case DAXFS_T_XATTR:
		check_xattrs(cx, off, info);
		break;
	}
	return r;
}

static int check_slab(struct daxfs_cx *cx, u64 page, enum daxfs_class class,
		      u32 host)
{
	int r = 0;

	for (u32 i = 0; i < daxfs_class_nr(class) && !r; i++) {
		u64 off = page + (u64)i * daxfs_class_size(class);
		struct daxfs_a64 *info = daxfs_at(cx->rg, off, 64, 64);
		u64 v = a64_load_acquire(info);		/* pairs with [PUB] */

		if (DAXFS_KIND(v) == DAXFS_I_OWNED && info_host(v) == host)
			r = check_obj(cx, off, v, host);
	}
	return r;
}

static int sweep_memory(struct daxfs_cx *cx, u32 host)
{
	const struct daxfs_span *pool = &cx->rg->area[DAXFS_AREA_POOL];
	int r = 0;

	for (u64 i = 0; i < pool->nr && !r; i++) {
		u64 off = pool->off + (i << DAXFS_PAGE_SHIFT);
		struct daxfs_a64 *info = daxfs_page_info(cx->rg, off);
		u64 v = a64_load_acquire(info);		/* pairs with [SLB] */
		enum daxfs_class class = daxfs_slab_class(v);

		if (class != DAXFS_NO_CLASS)
			r = check_slab(cx, off, class, host);
		else if (DAXFS_KIND(v) == DAXFS_I_OWNED)
			r = check_page(cx, off, v, host);
	}
	return r;
}

/* ---- the whole ---- */

static void release_contexts(struct daxfs_cx *cx, u32 host)
{
	for (u32 i = 0; i < DAXFS_CTXS; i++) {
		u32 id = host * DAXFS_CTXS + i;
		struct daxfs_shared_ctx *sh = daxfs_shared_ctx(cx->rg, id);
		u64 s = a64_load_relaxed(&sh->status), more;

		if (daxfs_still_host(cx))
			return;		/* another recovers it instead of us */
		more = a64_load_relaxed(&sh->more_off);
		if (more)	/* is_stray() in record.c looks there */
			a64_store_volatile(&sh->past_more, more);
		/* First forget, then retire: if we die in between, the page
		 * is one that nothing refers to. */
		a64_store_relaxed(&sh->more_off, 0);
		full_fence();	/* no CAS: before G, as in daxfs_retire_epoch(); [EPO] */
		if (more)
			daxfs_page_retire(cx, more, daxfs_retire_epoch(cx), 0);
		a64_store_relaxed(&sh->write_ino, 0);
		a64_store_relaxed(&sh->drop_ino, 0);
		a64_store_relaxed(&sh->drop_attr, 0);
		a64_store_relaxed(&sh->drop_xattr, 0);
		a64_store_relaxed(&sh->made_ino, 0);
		a64_store_volatile(&sh->window_nr, 0);
		/* seq stays, so that no old reference comes to life. */
		a64_store_release(&sh->status,	/* pairs with [REC] */
				  status_make(status_seq(s), DAXFS_S_IDLE));
		daxfs_watch_over(sh);
		if (sh != cx->sh)
			a64_store_release(&sh->epoch, 0);	/* [EPO] */
	}
	a64_store_release(&daxfs_host(cx->rg, host)->map_epoch, 0);	/* [MAP] */
	a64_store_release(&daxfs_host(cx->rg, host)->stores, 0);	/* [STO] */
}

static void release_chunks(struct daxfs_cx *cx, u32 host)
{
	u64 nr = cx->rg->area[DAXFS_AREA_CHUNK_HINT].nr;

	for (u64 i = 0; i < nr; i++) {
		struct daxfs_a64 *hint = daxfs_chunk_hint(cx->rg, i);
		u64 v = a64_load_relaxed(hint);

		if (v >> 16 && ((v >> 16) - 1) / DAXFS_CTXS == host)
			a64_cas(hint, v, 0);
	}
}

/* Whom the dead host was recovering is simply dead again. */
static void release_recoverers(struct daxfs_cx *cx, u32 host)
{
	for (u32 i = 0; i < DAXFS_HOSTS; i++) {
		struct daxfs_a64 *state = &daxfs_host(cx->rg, i)->state;
		u64 v = a64_load_acquire(state);	/* pairs with [HST] */

		if (i != host && DAXFS_KIND(v) == DAXFS_H_RECOVERING &&
		    host_recoverer(v) == host)
			a64_cas(state, v, host_make(DAXFS_H_DEAD, 0, host_pid(v),
						    host_incarnation(v)));
	}
}

static int recover_fn(struct daxfs_cx *cx, void *p)
{
	u32 host = *(u32 *)p;
	struct sweep s = { 1ull << host };
	int r = 0;

	cx->full = 1;
	for (u32 i = 0; i < DAXFS_CTXS && !r; i++)
		r = recover_record(cx, host * DAXFS_CTXS + i);
	sweep_base_opens(cx, s.bit);
	if (!r && !cx->view.flat)
		r = daxfs_reap_recover(cx, host);
	if (!r)
		r = sweep_inodes(cx, &s);
	/* Twice: what refers to a unit may have gone in the first round. */
	for (u32 i = 0; i < 2 && !r; i++)
		r = sweep_memory(cx, host);
	release_recoverers(cx, host);
	cx->full = 0;
	if (r)
		return r;
	daxfs_pool_unreserve(cx, host);
	daxfs_branch_recover(cx, host);
	daxfs_cache_recover(cx, host);
	release_chunks(cx, host);
	release_contexts(cx, host);
	return daxfs_still_host(cx);
}

/* Nothing is half done in a host that leaves, and it has closed its files. */
static int leave_fn(struct daxfs_cx *cx, void *p)
{
	u32 host = *(u32 *)p;

	daxfs_branch_recover(cx, host);	/* nothing, if it has unmounted its branch */
	daxfs_cache_recover(cx, host);
	release_chunks(cx, host);
	release_contexts(cx, host);
	return 0;
}

/* Pairs with [HST] in join_slot(): all of the slot is clean before. */
static void slot_free(struct daxfs_region *rg, u32 slot, u64 from)
{
	struct daxfs_host *h = daxfs_host(rg, slot);

	a64_and(&daxfs_globals(rg)->hosts_used.word, ~(1ull << slot));
	a64_store_relaxed(&h->ctx_used, 0);
	a64_store_relaxed(&h->heartbeat_ns, port_now_ns());	/* for pick_slot() */
	/* A slot that is being joined must not show its former owner. */
	a64_store_volatile(&h->backing, 0);
	a64_store_relaxed(&h->boot_id[0], 0);
	a64_store_relaxed(&h->boot_id[1], 0);
	a64_store_relaxed(&h->start_time, 0);
	a64_store_relaxed(&h->machine_id[0], 0);
	a64_store_relaxed(&h->machine_id[1], 0);
	a64_cas(&h->state, from,
		host_make(DAXFS_H_FREE, 0, 0, host_incarnation(from)));
}

/*
 * Only while that slot says so: once it is recovered and taken by another
 * host, release_recoverers() has made its victims DEAD.
 */
static int recoverer_is_dead(const struct daxfs_region *rg, u64 state)
{
	u32 by = host_recoverer(state);

	return by < DAXFS_HOSTS && by != rg->host &&
	       DAXFS_KIND(a64_load_acquire(&daxfs_host(rg, by)->state)) ==
	       DAXFS_H_DEAD;		/* pairs with [HST] */
}

int daxfs_host_recover(struct daxfs_cx *cx, u32 slot)
{
	struct daxfs_host *h;
	u64 v, mine;
	int r;

	if (slot >= DAXFS_HOSTS || !cx->sh)
		return -EINVAL;
	h = daxfs_host(cx->rg, slot);
	v = a64_load_acquire(&h->state);	/* pairs with [HST] */
	if (DAXFS_KIND(v) == DAXFS_H_RECOVERING && !recoverer_is_dead(cx->rg, v))
		return -EBUSY;
	if (DAXFS_KIND(v) != DAXFS_H_DEAD && DAXFS_KIND(v) != DAXFS_H_RECOVERING)
		return -EINVAL;
	/* A new incarnation, so that no two recoveries look alike: who saw the
	 * first and its dead recoverer must not take the second from a newcomer
	 * in that recoverer's slot. */
	mine = host_make(DAXFS_H_RECOVERING, cx->rg->host, host_pid(v),
			 (host_incarnation(v) + 1) & 0x7fffffff);
	if (a64_cas(&h->state, v, mine) != v)
		return -EBUSY;
	r = daxfs_section_any(cx, recover_fn, &slot);
	if (!r)
		slot_free(cx->rg, slot, mine);
	else	/* for another try */
		a64_cas(&h->state, mine, (mine & ~7ull) | DAXFS_H_DEAD);
	return r;
}

/* A context of the dead host in which nothing was going on. */
static int idle_context(struct daxfs_region *rg, u32 slot, u32 *nr)
{
	for (u32 i = DAXFS_CTXS; i-- > 0; ) {
		struct daxfs_shared_ctx *sh = daxfs_shared_ctx(rg,
						slot * DAXFS_CTXS + i);

		if (!a64_load_acquire(&sh->epoch) &&	/* pairs with [EPO] */
		    status_state(a64_load_relaxed(&sh->status)) == DAXFS_S_IDLE &&
		    !a64_load_relaxed(&sh->made_ino) &&
		    !a64_load_relaxed(&sh->drop_attr) &&
		    !a64_load_relaxed(&sh->drop_xattr) &&
		    !a64_load_relaxed(&sh->drop_ino) &&
		    !(a64_load_relaxed(&sh->changes) & 1)) {
			*nr = i;
			return 0;
		}
	}
	return -EBUSY;
}

int daxfs_host_take_over(struct daxfs_region *rg, struct daxfs_cx *cx,
			 const struct daxfs_host_id *id, u32 slot)
{
	struct daxfs_host *h = daxfs_host(rg, slot);
	u64 v = a64_load_acquire(&h->state), mine, alive;	/* [HST] */
	u32 inc = (host_incarnation(v) + 1) & 0x7fffffff, nr;
	int r;

	if (DAXFS_KIND(v) != DAXFS_H_DEAD || idle_context(rg, slot, &nr))
		return -EBUSY;
	mine = host_make(DAXFS_H_RECOVERING, slot, id->pid, inc);
	alive = host_make(DAXFS_H_ALIVE, 0, id->pid, inc);
	if (a64_cas(&h->state, v, mine) != v)
		return -EBUSY;
	daxfs_host_put_id(h, id);
	rg->host = slot;	/* until ALIVE it is recovered by itself */
	rg->incarnation = inc;
	rg->joined = 1;
	/* Gone if its host stopped while it left. Before our first epoch:
	 * pairs with [EPO] in daxfs_epoch_advance(). */
	a64_or(&daxfs_globals(rg)->hosts_used.word, 1ull << slot);
	r = daxfs_cx_init(cx, rg, nr);
	if (!r)
		r = daxfs_section_any(cx, recover_fn, &slot);
	if (!r && a64_cas(&h->state, mine, alive) != mine)	/* [HST] */
		r = -ESTALE;
	if (r) {
		a64_cas(&h->state, mine, (mine & ~7ull) | DAXFS_H_DEAD);
		rg->joined = 0;
	}
	return r;
}

int daxfs_host_leave(struct daxfs_cx *cx)
{
	struct daxfs_region *rg = cx->rg;
	u32 host = rg->host;
	u64 v, mine;
	int r;

	if (!rg->joined || !cx->sh)
		return 0;
	/* From here on it is recovered by us, so that who declares us dead
	 * now and we do not both free the slot. [HST] in recoverer_is_dead() */
	v = a64_load_relaxed(&daxfs_host(rg, host)->state);
	mine = host_make(DAXFS_H_RECOVERING, host, host_pid(v), rg->incarnation);
	if (daxfs_host_check(rg) ||
	    a64_cas(&daxfs_host(rg, host)->state, v, mine) != v)
		return -ESTALE;
	r = daxfs_section_any(cx, leave_fn, &host);
	if (r)
		return r;
	rg->joined = 0;
	slot_free(rg, host, mine);
	return 0;
}
