// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Merging of committed layers: what one layer of main says is folded into the one
 * below it, key by key; then it is taken out of the stack.
 *
 * Notes: two layers of main that lie on one another are merged, the upper one `up`
 * into `down`: those with the smallest upper one first, so that
 * a large one does not keep small ones waiting. Who begins claims the cursors of both,
 * and of the layer above, in one record: so no layer is merged in two pairs at once.
 * Branches lie on main's top: its merge begins, and ends, while there are none; the end
 * moves the version of the set of branches, so that none comes meanwhile.
 * Everybody who sees down sees up above it, once those have left who came before up was
 * main (an epoch says so). So whatever down says of a key
 * that up has is invisible, and may be changed step by step. Each step is a record
 * with the word of up among its entries (cx->fold), in the view of which down is the
 * top: a merger that was stopped, and wakes up when up has gone, can change nothing.
 * Steps are idempotent; any number of hosts may do them at the same time, and the
 * cursor moves over what one of them has seen done. Work is in proportion to what up
 * holds: pages are handed over, not copied, large maps as a whole.
 *
 * Three passes over the index of up: inodes that live; names; inodes that are gone.
 *
 * step      | linearization            | progress | if the merger stops there
 * inode     | none: invisible          | patience | the next one does it again
 * page      | status of the record     | patience | in both, until its info word says
 *           |                          |          | which word it belongs to
 * map       | CAS 0 -> root            | patience | as above
 * name      | none: invisible          | patience | as inode
 * take out  | status of the record     | patience | up is dropped, and reaped
 *
 * ABA: versions of the layer, of head and cut; a map goes from 0 once.
 */
#include "branch.h"
#include "data.h"
#include "dir.h"
#include "epoch.h"
#include "map.h"
#include "pool.h"
#include "record.h"
#include "view.h"
#include "word.h"
#include "xset.h"

#define FOLD_BUCKETS	512u		/* of the index of up, in one section */
#define FOLD_STEPS	8u		/* sections of a call: a small layer is one */
#define HAND_OVER	64u		/* pages in a record */
#define TRIES		1000u

enum { NOT_BEGUN, INODES, NAMES, GONE, DONE };	/* passes */

struct fold {
	u32 above, up, down;	/* above: 0 if up is main's top */
	struct daxfs_layer *u;
	u64 word;		/* of up */
	u64 head;
	u32 pass;
};

static struct daxfs_inode *inode_of(struct daxfs_cell *cell)
{
	return (struct daxfs_inode *)cell;
}

/* ---- whom a unit belongs to ---- */

/* The unit that was taken for the word from is the one of the word to now. */
static void move_unit(struct daxfs_cx *cx, struct daxfs_a64 *info,
		      const struct daxfs_a64 *from, const struct daxfs_a64 *to)
{
	u64 v = info ? a64_load_acquire(info) : 0;	/* pairs with [PUB] */

	if (DAXFS_KIND(v) == DAXFS_I_OWNED &&
	    info_back(v) == daxfs_off(cx->rg, from) && !daxfs_still_host(cx))
		a64_cas(info, v, info_owned(info_type(v), info_host(v),
					    daxfs_off(cx->rg, to)));
}

static void move_page(struct daxfs_cx *cx, u64 off, const struct daxfs_a64 *from,
		      const struct daxfs_a64 *to)
{
	move_unit(cx, daxfs_page_info(cx->rg, off), from, to);
}

/* ---- content ---- */

struct hand_over {		/* words that a record sets */
	u32 nr;
	struct daxfs_a64 *from[HAND_OVER], *to[HAND_OVER];
	u64 value[HAND_OVER];	/* of from, and then of to */
};

static void move_pages(struct daxfs_cx *cx, const struct hand_over *h)
{
	for (u32 i = 0; i < h->nr; i++)
		if (h->from[i] && pslot_is_page(h->value[i]))
			move_page(cx, pslot_off(h->value[i]), h->from[i], h->to[i]);
}

/* Run the record of h, if there is something to do. */
static int hand_over_run(struct daxfs_cx *cx, struct daxfs_iref *low,
			 const struct hand_over *h)
{
	struct daxfs_write w = { .ref = low };
	int r = daxfs_write_look(cx, &w);

	daxfs_op_begin(cx);
	if (!r)
		r = daxfs_op_add(cx, &low->in->cut, w.cut, cut_next(w.cut));
	for (u32 i = 0; i < h->nr && !r; i++) {
		u64 old;

		r = daxfs_word_settle(cx, h->to[i], &old);
		if (r || old == h->value[i])
			continue;
		w.new_pages += pslot_is_page(h->value[i]) - pslot_is_page(old);
		r = daxfs_op_add(cx, h->to[i], old, h->value[i]);
	}
	if (r || cx->entry_nr == 1) {
		daxfs_op_end(cx);
		return r;
	}
	r = daxfs_op_run(cx);
	if (r)
		return r;
	daxfs_retire_replaced(cx, cx->sh, 1);
	daxfs_op_end(cx);
	daxfs_pages_add(cx, low->in, w.new_pages);
	return 0;
}

static int hand_over_all(struct daxfs_cx *cx, struct daxfs_iref *low,
			 struct hand_over *h)
{
	int r = -EAGAIN;

	for (u32 i = 0; i < TRIES && r == -EAGAIN && h->nr; i++)
		r = hand_over_run(cx, low, h);
	if (!h->nr)
		return 0;
	if (!r)
		move_pages(cx, h);
	h->nr = 0;
	return r;
}

/* Bytes of the upper inode that count: nothing behind is handed over. */
static int upper_size(struct daxfs_cx *cx, struct daxfs_inode *up, u64 *size)
{
	int r = daxfs_word_read(cx->rg, &up->size, size);

	*size = size_bytes(*size);
	return r;
}

/* The pages of up from index 0, or from the first behind it, on. */
static int hand_over_pages(struct daxfs_cx *cx, struct daxfs_iref *low,
			   struct daxfs_inode *up, u64 size)
{
	struct hand_over h = { .nr = 0 };
	int r = 0;

	for (u64 idx = 0; idx << DAXFS_PAGE_SHIFT < size && !r; idx++) {
		struct daxfs_a64 *word, *to;
		u64 v;

		r = daxfs_map_next(cx, up, &idx, &word);
		if (r || idx << DAXFS_PAGE_SHIFT >= size)
			break;
		r = daxfs_word_read(cx->rg, word, &v);
		if (!r && v)
			r = daxfs_map_word(cx, low->in, idx, 1, &to);
		if (r || !v)
			continue;
		h.from[h.nr] = word;
		h.to[h.nr] = to;
		h.value[h.nr++] = v;
		if (h.nr == HAND_OVER)
			r = hand_over_all(cx, low, &h);
	}
	if (r && r != -ENOENT)
		return r;
	return hand_over_all(cx, low, &h);
}

/* Has up a word of its own there? */
static int has_own(struct daxfs_cx *cx, struct daxfs_inode *up, u64 idx, u64 *v)
{
	struct daxfs_a64 *word;
	int r = daxfs_map_word(cx, up, idx, 0, &word);

	*v = 0;
	return r || !word ? r : daxfs_word_read(cx->rg, word, v);
}

/* What low has behind what up lets through, and up has nothing: it goes. */
static int cut_pages(struct daxfs_cx *cx, struct daxfs_iref *low,
		     struct daxfs_inode *up, u64 limit)
{
	u64 idx = (limit + DAXFS_PAGE_SIZE - 1) >> DAXFS_PAGE_SHIFT;
	struct hand_over h = { .nr = 0 };
	int r = 0;

	for (; !r; idx++) {
		struct daxfs_a64 *word;
		u64 v;

		r = daxfs_map_next(cx, low->in, &idx, &word);
		if (!r)
			r = has_own(cx, up, idx, &v);
		if (r || v)
			continue;
		h.from[h.nr] = NULL;
		h.to[h.nr] = word;
		h.value[h.nr++] = 0;
		if (h.nr == HAND_OVER)
			r = hand_over_all(cx, low, &h);
	}
	if (r != -ENOENT)
		return r;
	return hand_over_all(cx, low, &h);
}

/*
 * A page of low of which the bytes from keep on must not show: it gets a private
 * copy with zeros there. from: its word; to: that of low.
 */
static int cut_once(struct daxfs_cx *cx, struct daxfs_a64 *from, struct daxfs_a64 *to,
		    u64 keep)
{
	u64 v, old, off;
	u8 *page, *before;
	int r = daxfs_word_read(cx->rg, from, &v);

	if (r || !pslot_is_page(v))
		return r;
	before = daxfs_data_page(cx, pslot_off(v));
	if (!before)
		return -EUCLEAN;
	r = daxfs_page_take(cx, DAXFS_T_DATA, daxfs_off(cx->rg, to), 0, &off);
	if (r)
		return r;
	page = daxfs_data_page(cx, off);
	port_copy_within(page, before, keep);
	port_zero(page + keep, DAXFS_PAGE_SIZE - keep);
	daxfs_op_begin(cx);
	r = daxfs_word_settle(cx, to, &old);
	if (!r)
		r = daxfs_op_add(cx, to, old, pslot_make(off));
	if (r)
		daxfs_op_end(cx);
	else
		r = daxfs_op_run(cx);
	if (r) {
		daxfs_page_give(cx, off);
		return r;
	}
	daxfs_retire_replaced(cx, cx->sh, 1);
	daxfs_op_end(cx);
	return 0;
}

static int cut_page(struct daxfs_cx *cx, struct daxfs_a64 *from, struct daxfs_a64 *to,
		    u64 keep)
{
	int r = -EAGAIN;

	for (u32 i = 0; i < TRIES && r == -EAGAIN; i++)
		r = cut_once(cx, from, to, keep);
	return r;
}

/* The page in which the limit lies, if it is one of low alone. */
static int cut_last(struct daxfs_cx *cx, struct daxfs_iref *low,
		    struct daxfs_inode *up, u64 limit)
{
	u64 keep = limit & (DAXFS_PAGE_SIZE - 1), v;
	struct daxfs_a64 *word;
	int r = has_own(cx, up, limit >> DAXFS_PAGE_SHIFT, &v);

	if (r || v || !keep)
		return r;
	r = daxfs_map_word(cx, low->in, limit >> DAXFS_PAGE_SHIFT, 0, &word);
	return r || !word ? r : cut_page(cx, word, word, keep);
}

/* The last page of up, of which a shrink has not taken the end away yet. */
static int hand_over_cut(struct daxfs_cx *cx, struct daxfs_iref *low,
			 struct daxfs_inode *up, u64 size)
{
	u64 idx = size >> DAXFS_PAGE_SHIFT, keep = size & (DAXFS_PAGE_SIZE - 1);
	struct daxfs_a64 *from, *to;
	int r;

	if (!keep)
		return 0;
	r = daxfs_map_word(cx, up, idx, 0, &from);
	if (r || !from)
		return r;
	r = daxfs_map_word(cx, low->in, idx, 1, &to);
	return r ? r : cut_page(cx, from, to, keep);
}

static int fold_content(struct daxfs_cx *cx, struct daxfs_iref *low,
			struct daxfs_inode *up)
{
	u64 size, cut, limit;
	int r = upper_size(cx, up, &size), whole;

	if (!r)
		r = daxfs_word_read(cx->rg, &up->cut, &cut);
	if (r)
		return r;
	whole = !(cut & DAXFS_CUT_PURGE) && daxfs_map_adopt(cx, low->in, up);
	if (whole) {
		/* Page 0 hangs in the inode. */
		if (size > DAXFS_PAGE_SIZE)
			size = DAXFS_PAGE_SIZE;
	} else if (cut & DAXFS_CUT_PURGE) {
		r = hand_over_cut(cx, low, up, size);
		size &= ~(DAXFS_PAGE_SIZE - 1);
	}
	if (!r)
		r = hand_over_pages(cx, low, up, size);
	if (r || whole || !birth_is_copy(up->birth_layer))
		return r;
	r = upper_size(cx, up, &size);
	limit = a64_load_relaxed(&up->low_limit);
	if (limit > size)
		limit = size;
	if (!r)
		r = cut_last(cx, low, up, limit);
	if (!r)
		r = cut_pages(cx, low, up, limit);
	if (!r)
		daxfs_low_limit_min(low->in, limit);
	return r;
}

/* ---- attributes ---- */

/* The record of low says what that of up says. */
static int fold_attr(struct daxfs_cx *cx, struct daxfs_iref *low,
		     struct daxfs_inode *up)
{
	struct daxfs_attr at, old;
	u64 off_up, off, mine;
	struct daxfs_attr *shared;
	int r = daxfs_attr(cx, up, &at, &off_up);

	if (!r)
		r = daxfs_attr(cx, low->in, &old, &off);
	if (r)
		return r;
	if (!(at.flags & DAXFS_ATTR_XATTRS)) {	/* those of low show through */
		at.flags = old.flags;
		at.xattr_off = old.xattr_off;
	}
	if (at.mode != old.mode || at.uid != old.uid || at.gid != old.gid ||
	    at.flags != old.flags || at.xattr_off != old.xattr_off) {
		r = daxfs_obj_take(cx, DAXFS_CLASS64, DAXFS_T_ATTR,
				   daxfs_off(cx->rg, &low->in->attr_off), &mine);
		if (r)
			return r;
		shared = daxfs_at(cx->rg, mine, sizeof(at), 64);
		port_copy_to(&shared->mode, &at.mode,
			     sizeof(at) - offsetof(struct daxfs_attr, mode));
		r = daxfs_attr_fold(cx, low->in, off, mine, &old, &at);
		if (r) {
			daxfs_obj_give(cx, mine);
			return r;
		}
	}
	if (at.flags & DAXFS_ATTR_XATTRS && at.xattr_off)
		move_unit(cx, daxfs_xset_info(cx, at.xattr_off), &up->attr_off,
			  &low->in->attr_off);
	return 0;
}

static void raise_word(struct daxfs_a64 *to, const struct daxfs_a64 *from)
{
	u64 want = a64_load_relaxed(from), v = a64_load_relaxed(to);

	for (u32 i = 0; i < TRIES && v < want; i++) {
		u64 found = a64_cas(to, v, want);

		if (found == v)
			return;
		v = found;
	}
}

/* One record: counts, size, parent; and the times with it. */
static int fold_words(struct daxfs_cx *cx, struct daxfs_iref *low,
		      struct daxfs_inode *up)
{
	struct daxfs_inode *in = low->in;
	const struct { struct daxfs_a64 *to, *from; } word[] = {
		{ &in->nlink, &up->nlink }, { &in->size, &up->size },
		{ &in->dirstate, &up->dirstate }, { &in->parent, &up->parent },
	};
	int r = 0;

	raise_word(&in->change, &up->change);
	raise_word(&in->slot_hwm, &up->slot_hwm);
	/* The lower inode is there before the bits are looked at: whoever maps what
	 * lies in the upper one sees the lower one, or is seen. Pairs with [MAP] in
	 * map_begin_fn(). */
	full_fence();
	a64_or(&in->opens, a64_load_relaxed(&up->opens));
	a64_or(&in->mapped, a64_load_relaxed(&up->mapped));
	daxfs_op_begin(cx);
	cx->touch_ns[0] = a64_load_relaxed(&up->ctime_ns);
	cx->touch_ns[1] = a64_load_relaxed(&up->mtime_ns);
	cx->touch_ns[2] = a64_load_relaxed(&up->atime_ns);
	daxfs_op_touch(cx, in, DAXFS_TCH_SET_CTIME | DAXFS_TCH_SET_MTIME |
		       DAXFS_TCH_SET_ATIME);
	for (u32 i = 0; i < sizeof(word) / sizeof(word[0]) && !r; i++) {
		u64 v, old;

		r = daxfs_word_read(cx->rg, word[i].from, &v);
		if (!r)
			r = daxfs_word_settle(cx, word[i].to, &old);
		if (!r && v != old)
			r = daxfs_op_add(cx, word[i].to, old, v);
	}
	if (r) {
		daxfs_op_end(cx);
		return r;
	}
	r = daxfs_op_run(cx);
	if (!r)
		daxfs_op_end(cx);
	return r;
}

/* ---- inodes ---- */

/*
 * An inode of that number in down, which did not have one: a copy of up, empty, or
 * what hides it.
 */
static int bear_inode(struct daxfs_cx *cx, u64 ino, struct daxfs_inode *up,
		      int is_copy, u64 value)
{
	struct daxfs_key k = daxfs_key_inode(cx->rg, ino);
	struct daxfs_inode *in;
	u64 off, found, old;
	int r = daxfs_inode_like(cx, ino, up, is_copy, &off), in_bucket = 0;

	if (r)
		return r;
	in = daxfs_at(cx->rg, off, sizeof(*in), 64);
	daxfs_op_begin(cx);
	a64_store_relaxed(&in->cell.value, daxfs_op_ref(cx));
	r = daxfs_op_add(cx, &in->cell.value, value_make(DAXFS_V_DEAD, 0, ino), value);
	if (!r)
		r = daxfs_op_activate(cx);
	if (!r) {
		r = daxfs_index_insert(cx, &k, off, &found, &old);
		in_bucket = !r;
		r = r == -EEXIST ? -EAGAIN : r;
	}
	if (!r)
		r = daxfs_op_claim(cx, 1, cx->entry_nr);
	r = daxfs_op_conclude(cx, r);
	daxfs_op_end(cx);
	if (r && in_bucket)
		daxfs_cell_dispose(cx, off);
	else if (r)
		daxfs_obj_give(cx, off);
	return r;
}

/* 1: it has a name, or is a directory that is there. */
static int is_named(struct daxfs_cx *cx, struct daxfs_inode *in)
{
	u64 nlink, ds;
	int r = daxfs_word_read(cx->rg, &in->nlink, &nlink);

	if (!r)
		r = daxfs_word_read(cx->rg, &in->dirstate, &ds);
	return r ? r : nlink_count(nlink) && !(ds & DAXFS_DIR_DEAD) &&
	       !(nlink & DAXFS_NLINK_DROPPING);
}

static int fold_inode_once(struct daxfs_cx *cx, struct daxfs_inode *up, u64 ino)
{
	struct daxfs_iref low;
	u32 mode = 0;
	int r = daxfs_iget(cx, ino, 0, &low);

	if (r && r != -ENOENT)
		return r;
	if (r || !low.own) {
		r = bear_inode(cx, ino, up, !r, value_make(DAXFS_V_LIVE, 0, ino));
		return r ? r : -EAGAIN;		/* with its content, now */
	}
	r = daxfs_ref_mode(cx, &low, &mode);
	if (!r && !S_ISDIR(mode))
		r = fold_content(cx, &low, up);
	if (!r)
		r = fold_attr(cx, &low, up);
	return r ? r : fold_words(cx, &low, up);
}

/* What is gone in up goes in down, too; what is below stays hidden. */
static int fold_gone_once(struct daxfs_cx *cx, struct daxfs_inode *up, u64 ino)
{
	struct daxfs_iref low;
	u64 nlink;
	int r = daxfs_iget(cx, ino, 0, &low);

	if (r)
		return r == -ENOENT ? 0 : r;
	if (!low.own)
		return bear_inode(cx, ino, up, 1,
				  value_make(DAXFS_V_WHITEOUT, 0, ino));
	a64_store_relaxed(&cx->sh->drop_ino, ino);
	a64_store_relaxed(&cx->sh->drop_off, low.off);
	full_fence_before_rmw();	/* the note before the CAS; [OPN] in recovery */
	r = daxfs_word_settle(cx, &low.in->nlink, &nlink);
	if (!r && !(nlink & DAXFS_NLINK_DROPPING)) {
		daxfs_op_begin(cx);
		r = daxfs_op_add(cx, &low.in->nlink, nlink,
				 nlink | DAXFS_NLINK_DROPPING);
		if (!r)
			r = daxfs_op_run(cx);
		if (!r)
			daxfs_op_end(cx);
	}
	if (!r)
		r = daxfs_drop_finish(cx, &low);
	a64_store_release(&cx->sh->drop_ino, 0);	/* [OPN] */
	return r;
}

/* ---- names ---- */

/* Bytes of the name of a cell; 0: damage. */
static u32 name_of(struct daxfs_cx *cx, struct daxfs_cell *cell, char *name)
{
	struct daxfs_dirent_cell *c = (struct daxfs_dirent_cell *)cell;
	u32 len = c->name_len;		/* once */

	if (!daxfs_at(cx->rg, daxfs_off(cx->rg, cell), DAXFS_DIRENT_NAME_OFF + len, 64))
		return 0;
	port_copy_from(name, c->name, len);
	return len;
}

static int fold_name_once(struct daxfs_cx *cx, struct daxfs_cell *cell, u64 value)
{
	struct daxfs_dirent_cell *c = (struct daxfs_dirent_cell *)cell;
	u64 slot = dslot_slot(a64_load_relaxed(&c->dslot));
	char name[DAXFS_NAME_MAX + 1];
	u32 len = name_of(cx, cell, name);
	struct daxfs_iref dir;
	int r = daxfs_iget(cx, DAXFS_KEY_INO(a64_load_relaxed(&cell->key)), 0, &dir);

	if (!len)
		return -EUCLEAN;
	/* A directory that is gone in up alone: its names have to go below, too. */
	if (!r && !dir.own)
		r = daxfs_copy_in(cx, &dir);
	/* In all of main: so is all that was in it. */
	if (r)
		return r == -ENOENT ? 0 : r;
	return daxfs_name_fold(cx, &dir, name, len, value, slot);
}

/* ---- the walk ---- */

static int fold_cell(struct daxfs_cx *cx, void *arg, u64 bucket,
		     struct daxfs_cell *cell)
{
	struct fold *f = arg;
	u64 key = a64_load_relaxed(&cell->key), v;
	int r = daxfs_word_read(cx->rg, &cell->value, &v), is_inode, named = 1;

	(void)bucket;
	is_inode = !!(key & DAXFS_KEY_INODE);
	if (r || is_inode != (f->pass != NAMES) ||
	    (value_state(v) != DAXFS_V_LIVE && value_state(v) != DAXFS_V_WHITEOUT))
		return r;
	if (is_inode && value_state(v) == DAXFS_V_LIVE)
		named = is_named(cx, inode_of(cell));
	else if (is_inode)
		named = 0;
	if (named < 0 || (is_inode && named != (f->pass == INODES)))
		return named < 0 ? named : 0;
	r = -EAGAIN;
	for (u32 i = 0; i < TRIES && r == -EAGAIN; i++)
		r = f->pass == NAMES ? fold_name_once(cx, cell, v) :
		    f->pass == GONE ? fold_gone_once(cx, inode_of(cell),
						     DAXFS_KEY_INO(key)) :
				      fold_inode_once(cx, inode_of(cell),
						      DAXFS_KEY_INO(key));
	return r == -EAGAIN ? -EBUSY : r;
}

/* ---- which layers ---- */

static int pass_of(struct daxfs_cx *cx, u32 layer, u32 *pass)
{
	u64 v;
	int r = daxfs_word_settle(cx, &daxfs_layer_at(cx->rg, layer)->reap_cursor, &v);

	*pass = cursor_pass(v);
	return r;
}

/* May layer i of main be merged into the next one? 1 yes, 0 not now. */
static int may_merge(struct daxfs_cx *cx, u32 i)
{
	const u32 *layer = cx->view.layer;
	u32 pass[3] = { 0, 0, 0 };

	for (u32 k = 0; k < 3 && k <= i + 1; k++) {
		int r = pass_of(cx, layer[i + 1 - k], &pass[k]);

		if (r)
			return r;
	}
	/* Neither is the lower one merged itself, nor is anything into the upper one. */
	if (pass[0] || pass[2])
		return 0;
	return pass[1] || daxfs_layer_is_quiet(cx, daxfs_layer_at(cx->rg, layer[i]));
}

/*
 * May what is next of main's top be done? Branches lie on it: it does not begin to be
 * merged under them, and does not go. What has begun goes on.
 */
static int is_top_free(struct daxfs_cx *cx, u64 head)
{
	u32 pass;
	int r = pass_of(cx, head_layer(head), &pass);

	if (!r && (pass == NOT_BEGUN || pass >= DONE))
		r = daxfs_main_has_branches(cx, head);
	return r < 0 ? r : !r;
}

/* Buckets of a layer: about the work that it is. */
static u64 size_of(struct daxfs_cx *cx, u32 layer)
{
	u64 root = a64_load_acquire(&daxfs_layer_at(cx->rg, layer)->root_off);	/* [PUB] */

	return root ? daxfs_table_size(cx->rg, root) : 0;
}

/* The pair with the smallest upper layer. 0: none; *waits: there will be one. */
static int find_pair(struct daxfs_cx *cx, struct fold *f, int *waits)
{
	u64 best = ~0ull;
	int r = daxfs_word_settle(cx, &daxfs_globals(cx->rg)->head.word, &f->head);

	if (!r)
		r = daxfs_view_main(cx);
	if (r)
		return r;
	for (u32 i = 0; i + 1 < cx->view.nr; i++) {
		u64 size = size_of(cx, cx->view.layer[i]);

		r = may_merge(cx, i);
		if (r < 0)
			return r;
		*waits |= !r;
		if (r && size < best && !i)
			r = is_top_free(cx, f->head);
		if (r < 0)
			return r;
		if (!r || size >= best)
			continue;
		best = size;
		f->above = i ? cx->view.layer[i - 1] : 0;
		f->up = cx->view.layer[i];
		f->down = cx->view.layer[i + 1];
	}
	if (best == ~0ull)
		return 0;
	f->u = daxfs_layer_at(cx->rg, f->up);
	r = daxfs_word_settle(cx, &f->u->word, &f->word);
	return r ? r : layer_state(f->word) == DAXFS_L_FROZEN;
}

static int add_cursor(struct daxfs_cx *cx, u32 layer, u64 old, u64 new)
{
	return daxfs_op_add(cx, &daxfs_layer_at(cx->rg, layer)->reap_cursor, old, new);
}

/* Both are ours, and so is what lies above: nobody merges into it, or it elsewhere. */
static int begin(struct daxfs_cx *cx, struct fold *f)
{
	int r;

	daxfs_op_begin(cx);
	r = add_cursor(cx, f->up, 0, cursor_make(INODES, 0));
	if (!r)
		r = add_cursor(cx, f->down, 0, 0);
	if (!r && f->above)
		r = add_cursor(cx, f->above, 0, 0);
	if (!r)
		r = daxfs_op_run(cx);
	if (!r)
		daxfs_op_end(cx);
	return r;
}

/* What leads to up leads to down: the layer above, or head alone. */
static int add_way(struct daxfs_cx *cx, struct fold *f)
{
	if (f->above)
		return daxfs_op_add(cx, &daxfs_layer_at(cx->rg, f->above)->below,
				    layer_below_make(f->up), layer_below_make(f->down));
	/* Nobody asks down before it is main's top: then it is of as many commits. */
	raise_word(&daxfs_layer_at(cx->rg, f->down)->commit_nr, &f->u->commit_nr);
	return 0;
}

/* The record of f: its first entry is the set of branches if up is main's top. */
static int fill_take_out(struct daxfs_cx *cx, struct fold *f, u64 cursor)
{
	struct daxfs_globals *gl = daxfs_globals(cx->rg);
	u32 top = f->above ? head_layer(f->head) : f->down;
	u64 epoch, set;
	int r = daxfs_word_settle(cx, &f->u->drop_epoch, &epoch);

	if (!r)
		r = daxfs_word_settle(cx, &gl->branches.word, &set);
	daxfs_op_begin(cx);
	if (!r && !f->above)
		r = daxfs_op_add(cx, &gl->branches.word, set, set + 8);
	if (!r)
		r = daxfs_op_add(cx, &f->u->word, f->word,
				 layer_make(DAXFS_L_DROPPED, 0,
					    layer_version(f->word) + 1));
	if (!r)
		r = add_way(cx, f);
	if (!r)
		r = daxfs_op_add(cx, &f->u->drop_epoch, epoch, 0);
	if (!r)
		/* Not 0: nobody takes the beginning of the end for ours. */
		r = daxfs_op_add(cx, &f->u->reap_cursor, cursor,
				 cursor_make(CURSOR_REAP, 0));
	if (!r)
		r = daxfs_op_add(cx, &gl->head.word, f->head,
				 head_make(top, head_version(f->head) + 1));
	return r;
}

/* Up goes: whoever comes from now on does not see it. */
static int take_out(struct daxfs_cx *cx, struct fold *f, u64 cursor)
{
	int r;

	cx->fold = NULL;
	r = fill_take_out(cx, f, cursor);
	if (!r)
		r = daxfs_op_activate_free(cx);
	if (!r)
		r = daxfs_op_claim(cx, 0, 1);
	/* With the set claimed none comes any more. */
	if (!r && !f->above)
		r = daxfs_main_has_branches(cx, f->head);
	if (r > 0)
		r = -EAGAIN;
	if (!r)
		r = daxfs_op_claim(cx, 1, cx->entry_nr);
	r = daxfs_op_conclude(cx, r);
	daxfs_op_end(cx);
	return r == -EAGAIN ? 0 : r;	/* head has moved: the next call does it */
}

/* Some of the buckets; the cursor says how far all is done. */
static int fold_some(struct daxfs_cx *cx, struct fold *f)
{
	u64 was, from;
	int r = daxfs_word_settle(cx, &f->u->reap_cursor, &was);

	if (r)
		return r;
	f->pass = cursor_pass(was);
	from = cursor_buckets(was);
	if (f->pass == NOT_BEGUN)
		return begin(cx, f);
	if (f->pass >= DONE)
		return take_out(cx, f, was);
	r = daxfs_index_walk_some(cx, f->up, &from, FOLD_BUCKETS, fold_cell, f);
	if (r < 0)
		return r;
	if (r) {	/* that was the end of the pass */
		f->pass++;
		from = 0;
	}
	r = daxfs_still_host(cx);
	if (!r)
		a64_cas(&f->u->reap_cursor, was, cursor_make(f->pass, from));
	return r;
}

enum { WAITS = 2 };	/* 1: go on */

static int fold_fn(struct daxfs_cx *cx, void *p)
{
	struct fold f = { .u = NULL };
	int waits = 0, full = cx->full, r = find_pair(cx, &f, &waits);

	(void)p;
	if (r <= 0)
		return r ? r : waits ? WAITS : 0;
	r = daxfs_view_of(cx, f.down);
	if (r)
		return r;
	daxfs_patience_reset(cx);
	cx->fold = &f.u->word;
	cx->fold_value = f.word;
	cx->full = 1;		/* it gives memory back, but needs some before */
	r = fold_some(cx, &f);
	cx->full = full;
	cx->fold = NULL;
	return r < 0 && r != -EAGAIN ? r : 1;	/* another was faster */
}

int daxfs_merge_some(struct daxfs_cx *cx)
{
	int r = 1;

	for (u32 i = 0; i < FOLD_STEPS && r == 1; i++)
		r = daxfs_section_any(cx, fold_fn, NULL);
	if (r == WAITS)
		return 1;

	/* Others are at it, or there is no room now: another time. */
	return r == -EBUSY || r == -ENOSPC ? 1 : r;
}
