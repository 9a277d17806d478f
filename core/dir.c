// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Directories: lookup through the index, listing through slots.
 *
 * Notes: a slot is a word that refers to the cell of a name; slots lie in the
 * directory's pages, so a cookie is a slot number and stays right while others
 * create and delete. Names of the base image keep their place there: base entry
 * i is slot i, and what the overlay says of the name decides (decisions/0009).
 * A slot is set before its cell is in a bucket and cleared after the cell is
 * DEAD, so whatever lookup finds is listed. tests/model/slots.pml.
 *
 * operation | linearization          | progress  | if the caller stops there
 * lookup    | that of the index      | bounded   | -
 * readdir   | per name: its value    | bounded   | -
 * take slot | CAS 0 -> cell          | lock-free | a slot of a DEAD cell: recovery
 * clear     | CAS cell -> 0          | lock-free | -
 * new page  | CAS 0 -> page          | lock-free | nothing, or an empty page
 *
 * A page added to a directory that dies meanwhile: the adder sees DEAD and
 * retires the pages, or the dropper sees the page [SLT].
 * ABA: a slot's cell is not reused before the slot was cleared.
 */
#include "dir.h"
#include "base.h"
#include "epoch.h"
#include "map.h"
#include "pool.h"
#include "record.h"
#include "region.h"
#include "view.h"
#include "word.h"

#define COOKIE_FIRST	3u	/* 1 behind ".", 2 behind "..", n+3 behind slot n */
#define SLOT_STEP	8u	/* slots of one cache line, taken at once */
#define DT_DIR_TYPE	4u	/* DT_DIR */

int daxfs_dir_get(struct daxfs_cx *cx, u64 ino, struct daxfs_iref *dir)
{
	u64 ds = 0;
	u32 mode;
	int r = daxfs_iget(cx, ino, 0, dir);

	if (!r)
		r = daxfs_ref_mode(cx, dir, &mode);
	if (r)
		return r;
	if (!S_ISDIR(mode))
		return -ENOTDIR;
	if (dir->in)
		r = daxfs_word_read(cx->rg, &dir->in->dirstate, &ds);
	if (r)
		return r;
	return ds & DAXFS_DIR_DEAD ? -ENOENT : 0;
}

static int find_in_base(struct daxfs_cx *cx, const struct daxfs_iref *dir,
			struct daxfs_name *n)
{
	int r;

	if (!dir->has_base)
		return 0;
	r = daxfs_base_lookup(cx->rg, &dir->base, n->key.name, n->key.len,
			      &n->ino, &n->d_type, &n->slot);
	if (r)
		return r == -ENOENT ? 0 : r;
	n->below = 1;
	n->found = 1;
	return 0;
}

/* What a cell says, wherever it lies. */
static int read_cell(struct daxfs_cx *cx, struct daxfs_name *n, u64 off, u64 value,
		     u64 *dslot)
{
	struct daxfs_dirent_cell *c = daxfs_at(cx->rg, off, sizeof(*c), 64);

	if (!c)
		return -EUCLEAN;
	n->found = value_state(value) == DAXFS_V_LIVE;
	n->ino = value_ino(value);
	n->d_type = value_type(value);
	n->hint = a64_load_relaxed(&c->ihint);	/* checked by who uses it */
	*dslot = a64_load_relaxed(&c->dslot);
	return 0;
}

/* A directory that was never changed has no cells in the overlay. */
static int find_in_overlay(struct daxfs_cx *cx, const struct daxfs_iref *dir,
			   struct daxfs_name *n)
{
	u64 dslot;
	int r;

	if (!dir->in)
		return 0;
	r = daxfs_index_find(cx, &n->key, &n->cell_off, &n->value);
	if (r)
		return r == -ENOENT ? 0 : r;
	n->cell = daxfs_at(cx->rg, n->cell_off, sizeof(*n->cell), 64);
	return read_cell(cx, n, n->cell_off, n->value, &dslot);
}

/*
 * The first cell of the name in the layers [from, end), from the top. -ENOENT:
 * none. Layers in which the directory has no copy have none of its names.
 */
static int find_in_layers(struct daxfs_cx *cx, const struct daxfs_key *key,
			  u32 from, u32 end, u32 *depth, u64 *off, u64 *value)
{
	int r = -ENOENT;

	for (; from < end && r == -ENOENT; from++) {
		*depth = from;
		r = daxfs_index_find_in(cx, cx->view.layer[from], key, off, value);
	}
	return r;
}

/* In a region with branches: the first layer that says something decides. */
static int find_in_view(struct daxfs_cx *cx, const struct daxfs_iref *dir,
			struct daxfs_name *n)
{
	u32 end = daxfs_has_lower(dir) ? cx->view.nr : dir->depth + 1, depth;
	u64 off, value, dslot;
	int r = dir->in ? find_in_layers(cx, &n->key, dir->depth, end, &depth,
					 &off, &value) : -ENOENT;

	if (r)
		return r == -ENOENT ? find_in_base(cx, dir, n) : r;
	r = read_cell(cx, n, off, value, &dslot);
	if (r)
		return r;
	n->slot = dslot_slot(dslot);
	n->below = n->found;
	if (depth)
		return 0;
	n->below = !!(dslot & DSLOT_COVERS);
	n->cell_off = off;
	n->cell = daxfs_at(cx->rg, off, sizeof(*n->cell), 64);
	n->value = value;
	return 0;
}

int daxfs_name_find(struct daxfs_cx *cx, const struct daxfs_iref *dir,
		    const char *name, u32 len, struct daxfs_name *n)
{
	int r;

	memset(n, 0, sizeof(*n));
	if (len > DAXFS_NAME_MAX)
		return -ENAMETOOLONG;
	if (!len)
		return -ENOENT;
	n->key = daxfs_key_dirent(cx->rg, dir->ino, name, len);
	if (!cx->view.flat)
		return find_in_view(cx, dir, n);
	r = find_in_base(cx, dir, n);
	return r ? r : find_in_overlay(cx, dir, n);
}

int daxfs_dir_parent(struct daxfs_cx *cx, const struct daxfs_iref *dir, u64 *ino)
{
	u64 v;
	int r;

	*ino = DAXFS_ROOT_INO;
	if (dir->ino == DAXFS_ROOT_INO)
		return 0;
	if (!dir->in) {
		*ino = dir->base.parent;
		return 0;
	}
	r = daxfs_word_read(cx->rg, &dir->in->parent, &v);
	*ino = parent_ino(v);
	return r;
}

int daxfs_name_dangles(struct daxfs_cx *cx, const struct daxfs_iref *dir,
		       const struct daxfs_name *n)
{
	struct daxfs_name now;
	int r;

	if (n->cell_off) {
		u64 v;

		r = daxfs_word_read(cx->rg, &n->cell->cell.value, &v);
		return r ? r : v == n->value ? -EUCLEAN : -EAGAIN;
	}
	r = daxfs_name_find(cx, dir, n->key.name, n->key.len, &now);
	return r ? r : now.found && !now.cell_off ? -EUCLEAN : -EAGAIN;
}

int daxfs_parent_dangles(struct daxfs_cx *cx, u64 dir, u64 parent)
{
	struct daxfs_iref ref;
	u64 now;
	int r = daxfs_dir_get(cx, dir, &ref);

	if (r)
		return r == -ENOENT ? -EAGAIN : r;
	r = daxfs_dir_parent(cx, &ref, &now);
	return r ? r : now == parent ? -EUCLEAN : -EAGAIN;
}

/* ---- slots ---- */

/* A new page of slots; gone again if the directory died meanwhile. */
static int slot_page_add(struct daxfs_cx *cx, struct daxfs_inode *in,
			 struct daxfs_a64 *word, u64 *v)
{
	u64 off, ds;
	int r;

	r = daxfs_page_take_zero(cx, DAXFS_T_SLOTS, daxfs_off(cx->rg, word), &off);
	if (r)
		return r;
	*v = a64_cas(word, 0, pslot_make(off));	/* [PUB]: publishes zeros */
	if (*v) {
		daxfs_page_give(cx, off);
		return 0;
	}
	*v = pslot_make(off);
	full_fence();	/* the page before the state; [SLT] in daxfs_drop_finish() */
	r = daxfs_word_read(cx->rg, &in->dirstate, &ds);
	if (!r && (ds & DAXFS_DIR_DEAD)) {
		/* The page itself first: the node that it hangs in may have
		 * been retired before, then nobody goes there again. */
		daxfs_page_retire(cx, off, daxfs_retire_epoch(cx), 0);
		r = daxfs_map_retire(cx, in);
		return r ? r : -ENOENT;
	}
	return r;
}

int daxfs_slot_word(struct daxfs_cx *cx, struct daxfs_inode *in, u64 slot,
		    int create, struct daxfs_a64 **word)
{
	struct daxfs_a64 *page, *slots;
	u64 v;
	int r;

	*word = NULL;
	r = daxfs_map_word(cx, in, slot / DAXFS_SLOTS_PER_PAGE, create, &page);
	if (r || !page)
		return r;
	v = a64_load_acquire(page);	/* pairs with [PUB] in slot_page_add() */
	if (!v && create)
		r = slot_page_add(cx, in, page, &v);
	if (r || !v)
		return r;
	slots = daxfs_word_page(cx->rg, pslot_off(v));
	if (!slots)
		return -EUCLEAN;
	*word = &slots[slot % DAXFS_SLOTS_PER_PAGE];
	return 0;
}

u64 daxfs_dslot(const struct daxfs_cx *cx, u64 slot, int below)
{
	if (cx->view.flat)
		return slot;
	return dslot_make(slot, daxfs_view_top(cx)) | (below ? DSLOT_COVERS : 0);
}

/* 0 taken, -EBUSY it is not free. */
static int slot_try(struct daxfs_cx *cx, struct daxfs_inode *in, u64 slot,
		    u64 cell_off)
{
	struct daxfs_dirent_cell *cell = daxfs_at(cx->rg, cell_off, 64, 64);
	struct daxfs_a64 *word;
	u64 below;
	int r = daxfs_slot_word(cx, in, slot, 1, &word);

	if (r || !cell)
		return r ? r : -EUCLEAN;
	below = a64_load_relaxed(&cell->dslot) & DSLOT_COVERS;	/* our own */
	if (a64_load_relaxed(word))
		return -EBUSY;
	/* The cell says where it is before it is there: for recovery. */
	if (daxfs_still_host(cx))
		return -ESTALE;
	a64_store_relaxed(&cell->dslot, daxfs_dslot(cx, slot, 0) | below);
	if (daxfs_still_host(cx))
		return -ESTALE;
	return a64_cas(word, 0, cell_off) ? -EBUSY : 0;	/* [PUB] the cell */
}

static void slot_remember(struct daxfs_cx *cx, u64 dir, u64 slot)
{
	u32 at = cx->slot_nr < DAXFS_CX_SLOTS ? cx->slot_nr++ :
		 (u32)slot % DAXFS_CX_SLOTS;	/* forget another, of any directory */

	cx->slot[at].dir = dir;
	cx->slot[at].slot = slot;
}

static int slot_from_list(struct daxfs_cx *cx, struct daxfs_iref *dir,
			  u64 cell_off, u64 *slot)
{
	for (u32 i = cx->slot_nr; i-- > 0; ) {
		int r;

		if (cx->slot[i].dir != dir->ino)
			continue;
		*slot = cx->slot[i].slot;
		cx->slot[i] = cx->slot[--cx->slot_nr];
		/* In another branch it may be of a lower layer, or nobody's yet. */
		if (*slot < dir->in->slot_base ||
		    *slot >= a64_load_relaxed(&dir->in->slot_hwm))
			continue;
		r = slot_try(cx, dir->in, *slot, cell_off);
		if (r != -EBUSY)
			return r;
	}
	return -EBUSY;
}

/* A generator for probing: xorshift64 (Marsaglia 2003). */
static u64 next_random(struct daxfs_cx *cx)
{
	cx->rng ^= cx->rng << 13;
	cx->rng ^= cx->rng >> 7;
	cx->rng ^= cx->rng << 17;
	return cx->rng;
}

/* While more than half of the slots must be free, a few tries find one. */
static int slot_by_probing(struct daxfs_cx *cx, struct daxfs_iref *dir,
			   u64 cell_off, u64 hwm, u64 *slot)
{
	u64 base = dir->in->slot_base, ds;
	int r = daxfs_word_read(cx->rg, &dir->in->dirstate, &ds);

	if (r)
		return r;
	if (hwm <= base || dirstate_names(ds) * 2 >= hwm - base)
		return -EBUSY;
	for (u32 i = 0; i < 8; i++) {
		*slot = base + next_random(cx) % (hwm - base);
		r = slot_try(cx, dir->in, *slot, cell_off);
		if (r != -EBUSY)
			return r;
	}
	return -EBUSY;
}

static int slot_from_end(struct daxfs_cx *cx, struct daxfs_iref *dir,
			 u64 cell_off, u64 *slot)
{
	struct daxfs_a64 *hwm = &dir->in->slot_hwm;
	u64 v = a64_load_relaxed(hwm), next, found;

	for (;;) {
		next = (v | (SLOT_STEP - 1)) + 1;
		if (next > DAXFS_MAX_SLOTS)
			return -ENOSPC;
		found = a64_cas(hwm, v, next);
		if (found == v)
			break;
		v = found;	/* it only rises, so this ends */
	}
	while (--next > v)
		slot_remember(cx, dir->ino, next);
	*slot = v;
	return slot_try(cx, dir->in, v, cell_off);
}

int daxfs_slot_take(struct daxfs_cx *cx, struct daxfs_iref *dir, u64 cell_off,
		    u64 *slot)
{
	int r = slot_from_list(cx, dir, cell_off, slot);

	if (r == -EBUSY)
		r = slot_by_probing(cx, dir, cell_off,
				    a64_load_relaxed(&dir->in->slot_hwm), slot);
	for (u32 i = 0; i < 1000 && r == -EBUSY; i++)
		r = slot_from_end(cx, dir, cell_off, slot);
	return r;
}

int daxfs_slot_put(struct daxfs_cx *cx, struct daxfs_iref *dir, u64 slot,
		   u64 cell_off)
{
	return slot_try(cx, dir->in, slot, cell_off);
}

int daxfs_slot_clear(struct daxfs_cx *cx, struct daxfs_iref *dir, u64 slot,
		     u64 cell_off)
{
	struct daxfs_a64 *word;
	u64 v;
	int r;

	if (slot < dir->in->slot_base)
		return 0;	/* a name of the base has no slot of its own */
	r = daxfs_slot_word(cx, dir->in, slot, 0, &word);
	if (r || !word)
		return r;
	r = daxfs_word_settle(cx, word, &v);
	if (!r && v == cell_off && !daxfs_still_host(cx) &&
	    a64_cas(word, v, 0) == v)
		slot_remember(cx, dir->ino, slot);
	return r;
}

/* ---- lookup ---- */

struct lookup_arg {
	u64 dir;
	const char *name;
	u32 len;
	struct daxfs_stat *st;
};

static int lookup_dots(struct daxfs_cx *cx, struct lookup_arg *a,
		       struct daxfs_iref *dir)
{
	u64 ino;
	int r;

	if (a->len == 1)
		return daxfs_ref_stat(cx, dir, a->st);
	r = daxfs_dir_parent(cx, dir, &ino);
	if (!r)
		r = daxfs_iget(cx, ino, 0, dir);
	if (!r)
		r = daxfs_ref_stat(cx, dir, a->st);
	/* Moved away, and that is gone? */
	return r == -ENOENT ? daxfs_parent_dangles(cx, a->dir, ino) : r;
}

static int is_dots(const char *name, u32 len)
{
	return (len == 1 || len == 2) && name[0] == '.' && name[len - 1] == '.';
}

int daxfs_name_stat(struct daxfs_cx *cx, const struct daxfs_iref *dir,
		    const struct daxfs_name *n, struct daxfs_stat *st)
{
	struct daxfs_iref ref;
	int r = daxfs_iget(cx, n->ino, n->hint, &ref);

	if (!r)
		r = daxfs_ref_stat(cx, &ref, st);
	/* Unlinked in between? */
	return r == -ENOENT ? daxfs_name_dangles(cx, dir, n) : r;
}

static int lookup_once(struct daxfs_cx *cx, struct lookup_arg *a)
{
	struct daxfs_iref dir;
	struct daxfs_name n;
	int r = daxfs_dir_get(cx, a->dir, &dir);

	if (r)
		return r;
	if (is_dots(a->name, a->len))
		return lookup_dots(cx, a, &dir);
	r = daxfs_name_find(cx, &dir, a->name, a->len, &n);
	if (r || !n.found)
		return r ? r : -ENOENT;
	return daxfs_name_stat(cx, &dir, &n, a->st);
}

static int lookup_fn(struct daxfs_cx *cx, void *p)
{
	int r = -EAGAIN;

	for (u32 i = 0; i < 100000 && r == -EAGAIN; i++)
		r = lookup_once(cx, p);
	return r == -EAGAIN ? -EBUSY : r;	/* others are always faster */
}

int daxfs_lookup(struct daxfs_cx *cx, u64 dir, const char *name, u32 len,
		 struct daxfs_stat *st)
{
	struct lookup_arg a = { dir, name, len, st };

	return daxfs_section(cx, lookup_fn, &a);
}

/* ---- listing ---- */

struct list {
	struct daxfs_iref dir;
	struct daxfs_iref at;		/* the copy of it whose slots are listed */
	int (*emit)(void *arg, const struct daxfs_dirent *de);
	void *arg;
	u64 ino;
	u64 cookie;
	struct daxfs_dirent de;
	struct daxfs_base_dirent base;
};

/* The name is in l->de.name. */
static int list_emit(struct list *l, u64 ino, u32 type, u32 len, u64 next)
{
	l->de.ino = ino;
	l->de.d_type = type;
	l->de.next = next;
	l->de.name_len = len;
	l->de.name[len] = 0;
	return l->emit(l->arg, &l->de);
}

/* A front end would take these for something else than one name. */
static int is_one_name(const char *name, u32 len)
{
	return len && !memchr(name, 0, len) && !memchr(name, '/', len) &&
	       !is_dots(name, len);
}

static int list_dots(struct daxfs_cx *cx, struct list *l)
{
	u64 parent;
	int r = daxfs_dir_parent(cx, &l->dir, &parent);

	l->de.name[0] = l->de.name[1] = '.';
	if (!r && l->cookie < 1)
		r = list_emit(l, l->dir.ino, DT_DIR_TYPE, 1, 1);
	l->de.name[1] = '.';
	if (!r && l->cookie < 2)
		r = list_emit(l, parent, DT_DIR_TYPE, 2, 2);
	return r;
}

/*
 * The name in l, which is that of slot i of the base or of a lower layer, as the
 * layers above say now, those before end. What they have put elsewhere in the
 * listing comes there.
 */
static int cover(struct daxfs_cx *cx, struct list *l, struct daxfs_name *n, u32 len,
		 u64 i, u32 end)
{
	u64 off, value, dslot = i;
	u32 depth;
	int r;

	n->key = daxfs_key_dirent(cx->rg, l->dir.ino, l->de.name, len);
	r = find_in_layers(cx, &n->key, l->dir.depth, end, &depth, &off, &value);
	if (!r)
		r = read_cell(cx, n, off, value, &dslot);
	if (r)
		return r == -ENOENT ? 0 : r;
	if (!cx->view.flat && dslot_slot(dslot) != i)
		n->found = 0;
	return 0;
}

/* The base entry in l, which is number i, as the overlay has it now. */
static int list_covered(struct daxfs_cx *cx, struct list *l, u64 i)
{
	const struct daxfs_base_dirent *de = &l->base;
	struct daxfs_name n = { .found = 1, .ino = de->ino, .d_type = de->d_type };
	int r = cover(cx, l, &n, de->name_len, i, cx->view.nr);

	if (r || !n.found)
		return r;
	return list_emit(l, n.ino, n.d_type, de->name_len, i + COOKIE_FIRST);
}

/* Base entry i. */
static int list_base(struct daxfs_cx *cx, struct list *l, u64 i)
{
	struct daxfs_base_dirent *de = &l->base;
	int r = daxfs_base_dirent(cx->rg, &l->dir.base, i, de);

	if (r)
		return r;
	memcpy(l->de.name, de->name, de->name_len);
	if (l->dir.in)
		return list_covered(cx, l, i);
	return list_emit(l, de->ino, de->d_type, de->name_len, i + COOKIE_FIRST);
}

static int list_cell(struct daxfs_cx *cx, struct list *l, u64 cell_off, u64 slot)
{
	struct daxfs_name n = { .found = 1 };
	struct daxfs_dirent_cell *c;
	u64 v;
	u32 len;
	int r;

	c = daxfs_at(cx->rg, cell_off, 64, 64);
	if (!c)
		return -EUCLEAN;
	r = daxfs_word_read(cx->rg, &c->cell.value, &v);
	if (r || value_state(v) != DAXFS_V_LIVE ||
	    a64_load_relaxed(&c->cell.key) != (DAXFS_KEY_DIRENT | l->dir.ino))
		return r;
	len = c->name_len;
	if (!daxfs_at(cx->rg, cell_off, DAXFS_DIRENT_NAME_OFF + len, 64))
		return -EUCLEAN;
	port_copy_from(l->de.name, c->name, len);
	if (!is_one_name(l->de.name, len))
		return -EUCLEAN;
	n.ino = value_ino(v);
	n.d_type = value_type(v);
	if (l->at.depth > l->dir.depth)
		r = cover(cx, l, &n, len, slot, l->at.depth);
	if (r || !n.found)
		return r;
	return list_emit(l, n.ino, n.d_type, len, slot + COOKIE_FIRST);
}

/* The slots from *slot to the end of their page. */
static int list_slots(struct daxfs_cx *cx, struct list *l, u64 *slot, u64 end)
{
	struct daxfs_a64 *word;
	u64 stop = (*slot | (DAXFS_SLOTS_PER_PAGE - 1)) + 1, v;
	int r = daxfs_slot_word(cx, l->at.in, *slot, 0, &word);

	if (stop > end)
		stop = end;
	if (!word)
		*slot = stop;	/* no page, no names */
	for (; !r && *slot < stop; ++*slot, ++word) {
		r = daxfs_word_read(cx->rg, word, &v);
		if (!r && v)
			r = list_cell(cx, l, v, *slot);
		if (r)
			break;
	}
	return r;
}

/* First slot at or behind slot whose page exists. */
static int skip_missing(struct daxfs_cx *cx, struct list *l, u64 *slot)
{
	u64 idx = *slot / DAXFS_SLOTS_PER_PAGE;
	struct daxfs_a64 *word;
	int r = daxfs_map_next(cx, l->at.in, &idx, &word);

	if (!r && idx != *slot / DAXFS_SLOTS_PER_PAGE)
		*slot = idx * DAXFS_SLOTS_PER_PAGE;
	return r;
}

/*
 * The copy of the directory that has that slot: the first from the top. *end: where
 * those of the next one begin.
 */
static int copy_with(struct daxfs_cx *cx, struct list *l, u64 slot, u64 *end)
{
	int r = 0;

	l->at = l->dir;
	*end = a64_load_acquire(&l->dir.in->slot_hwm);		/* [PUB] */
	while (!r && l->at.in && l->at.in->slot_base > slot) {
		*end = l->at.in->slot_base;
		r = daxfs_lower(cx, &l->at, &l->at);
	}
	return r ? r : l->at.in ? 0 : -EUCLEAN;	/* those of the base came before */
}

/* The slots of one copy, or of the overlay if there is one layer. */
static int list_overlay(struct daxfs_cx *cx, struct list *l, u64 slot, u64 hwm)
{
	int r = 0;

	if (hwm > DAXFS_MAX_SLOTS)
		return -EUCLEAN;
	while (!r && slot < hwm) {
		r = skip_missing(cx, l, &slot);
		if (r)
			return r == -ENOENT ? 0 : r;
		if (slot < hwm)
			r = list_slots(cx, l, &slot, hwm);
	}
	return r;
}

/*
 * The lowest copy has the first slots, and each one above those behind it: its
 * first is the number that the one below had handed out when it froze.
 */
static int list_copies(struct daxfs_cx *cx, struct list *l, u64 slot)
{
	u64 end = a64_load_acquire(&l->dir.in->slot_hwm);	/* [PUB] */
	int r = 0;

	for (u32 i = 0; i <= cx->view.nr && !r && slot < end; i++) {
		u64 stop;

		r = copy_with(cx, l, slot, &stop);
		if (!r)
			r = list_overlay(cx, l, slot, stop);
		slot = stop > slot ? stop : slot + 1;
	}
	return r;
}

static int readdir_fn(struct daxfs_cx *cx, void *p)
{
	struct list *l = p;
	u64 slot, nr = 0;
	int r = daxfs_dir_get(cx, l->ino, &l->dir);

	if (!r)
		r = list_dots(cx, l);
	slot = l->cookie < COOKIE_FIRST ? 0 : l->cookie - COOKIE_FIRST + 1;
	if (l->dir.has_base)
		nr = daxfs_base_dir_nr(&l->dir.base);
	for (; !r && slot < nr; slot++)
		r = list_base(cx, l, slot);
	l->at = l->dir;
	if (!r && l->dir.in)
		r = cx->view.flat ?
		    list_overlay(cx, l, slot, a64_load_acquire(	/* [PUB] */
				 &l->dir.in->slot_hwm)) : list_copies(cx, l, slot);
	return r;
}

int daxfs_readdir(struct daxfs_cx *cx, u64 dir, u64 cookie,
		  int (*emit)(void *arg, const struct daxfs_dirent *de),
		  void *arg)
{
	struct list l = { .emit = emit, .arg = arg, .ino = dir, .cookie = cookie };
	int r = daxfs_section(cx, readdir_fn, &l);

	return r > 0 ? 0 : r;	/* emit said stop */
}
