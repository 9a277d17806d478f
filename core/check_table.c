// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Checking the tables of the index: their pages, their buckets, their order.
 *
 * Notes: nothing in here is corrected by itself. One finding is enough to make
 * the index anew from the cells. Each page is marked when it is come to, so a
 * table that leads back to an earlier one, or to itself, ends the walk.
 */
#include "check.h"

#define SEG_SHIFT	9u
#define SEG_MASK	511u

struct view {			/* the table at hand */
	struct daxfs_table *t;
	u64 off;
	u64 mask;
	u64 done;		/* buckets below are final */
	u32 nr;			/* in the row */
	int last;
};

static void bad(struct daxfs_ck *p, u64 id, const char *what)
{
	daxfs_ck_found(p, DAXFS_REPAIR_ALL, "index", id, what);
	daxfs_ck_index_is_bad(p);
}

/* ---- looking up ---- */

#define ABSENT		(~0ull)
#define ONWARD		(~0ull - 1)

/* First bucket of the run that refers to the cell; or ABSENT, or ONWARD. */
static u64 probe(struct daxfs_ck *p, u64 table, u64 hash, u64 off)
{
	u64 size = daxfs_table_size(p->rg, table);

	for (u64 k = 0; k < size && p->looks; k++, p->looks--) {
		u64 i = (hash_home(hash) + k) & (size - 1), b;
		struct daxfs_a64 *bucket = daxfs_table_bucket(p->rg, table, i);

		if (!bucket)
			return ABSENT;
		b = daxfs_ck_load(bucket);
		if (b == DAXFS_B_EMPTY)
			return ABSENT;
		if (bucket_kind(b) == DAXFS_B_SEALED)
			return ONWARD;
		if (is_cell(b) && bucket_off(b) == off && bucket_tag_is(b, hash))
			return i;
	}
	return ONWARD;
}

static int lookup_from(struct daxfs_ck *p, u32 nr, u64 hash, u64 off)
{
	for (; nr < p->table_used; nr++) {
		u64 at = probe(p, p->table[nr], hash, off);

		if (at != ONWARD)
			return at != ABSENT;
	}
	return 0;
}

int daxfs_ck_lookup(struct daxfs_ck *p, u64 hash, u64 off)
{
	return lookup_from(p, 0, hash, off);
}

/* ---- buckets ---- */

static int is_final(u64 b)
{
	return bucket_kind(b) == DAXFS_B_MOVED ||
	       bucket_kind(b) == DAXFS_B_SEALED ||
	       bucket_kind(b) == DAXFS_B_GONE;
}

static int kind_possible(u64 b)
{
	if (bucket_kind(b) == DAXFS_B_EMPTY || bucket_kind(b) == DAXFS_B_SEALED)
		return !(b >> 3);
	return bucket_kind(b) <= DAXFS_B_GONE;
}

/*
 * The cell is alive by all that it says, and its memory, or the page of it, is
 * not said to be in use as such: then that is what is wrong.
 */
static int cell_in_use(struct daxfs_ck *p, u64 off)
{
	u64 page = off & ~(DAXFS_PAGE_SIZE - 1), v;
	struct daxfs_cell *c = daxfs_at(p->rg, off, 64, 64);
	enum daxfs_class class;
	struct daxfs_ck_slab *s;
	u32 type, nr;

	if (!c || !daxfs_page_info(p->rg, page))
		return 0;
	s = daxfs_ck_object(p, off, &nr);
	for (class = 0; class < DAXFS_CLASSES; class++)
		if (daxfs_ck_genuine(p, off, class, &type))
			break;
	v = daxfs_ck_load(&c->info);
	if (class == DAXFS_CLASSES)
		return s && DAXFS_KIND(v) == DAXFS_I_OWNED;
	if (!s || s->class != class) {
		if (daxfs_ck_found(p, DAXFS_REPAIR_ALL, "page", page,
				   "holds cells and does not say so"))
			daxfs_ck_restore_slab(p, page, class);
		return 1;
	}
	if ((DAXFS_KIND(v) != DAXFS_I_OWNED || info_type(v) != type) &&
	    daxfs_ck_found(p, DAXFS_REPAIR_ALL, "object", off,
			   "is a cell that is alive and does not say so"))
		a64_store_relaxed(&c->info, info_owned(type, 0, 0));
	return 1;
}

/* A cell says in which layer it lies; what leads to it says so, too. */
static int check_layer(struct daxfs_ck *p, u64 off, int known)
{
	struct daxfs_dirent_cell *c = daxfs_at(p->rg, off, 64, 64);
	struct daxfs_inode *in = daxfs_at(p->rg, off, 64, 64);
	u32 type = info_type(daxfs_ck_load(&c->cell.info)), birth;
	u64 v;

	if (p->flat || daxfs_ck_layer_of(p, off, type) == p->layer)
		return 0;
	if (known) {
		bad(p, off, "a bucket refers to a cell of another layer");
		return -EUCLEAN;
	}
	if (!daxfs_ck_found(p, DAXFS_REPAIR_ALL, type == DAXFS_T_INODE ? "inode" :
			    "name", off, "is in the index of another layer than it says"))
		return -EUCLEAN;
	if (type == DAXFS_T_INODE) {
		birth = (in->birth_layer & BIRTH_COPY) | p->layer;
		port_copy_to(&in->birth_layer, &birth, sizeof(birth));
		return 0;
	}
	v = daxfs_ck_load(&c->dslot);
	a64_store_relaxed(&c->dslot, dslot_make(dslot_slot(v), p->layer) |
			  (v & DSLOT_COVERS));
	return 0;
}

static void check_reference(struct daxfs_ck *p, const struct view *w, u64 i, u64 b)
{
	u64 off = bucket_off(b), hash;
	struct daxfs_ck_slab *s;
	u32 nr;

	if (!cell_in_use(p, off)) {
		bad(p, off, "a bucket refers to memory that is no cell");
		return;
	}
	s = daxfs_ck_object(p, off, &nr);
	if (!s || check_layer(p, off, s->known >> nr & 1))
		return;		/* said above */
	hash = daxfs_ck_load(&((struct daxfs_cell *)daxfs_at(p->rg, off, 64,
							     64))->hash);
	if (!bucket_tag_is(b, hash)) {
		bad(p, off, "a bucket has not the hash of its cell");
		return;
	}
	if (probe(p, w->off, hash, off) != i) {
		bad(p, off, "a bucket is not the first of its cell's run");
		return;
	}
	if (bucket_kind(b) == DAXFS_B_MOVED &&
	    !lookup_from(p, w->nr + 1, hash, off))
		bad(p, off, "a cell is not where it was moved to");
	s->known |= 1ull << nr;
}

static void check_bucket(struct daxfs_ck *p, const struct view *w, u64 i, u64 b)
{
	if (!kind_possible(b))
		bad(p, i, "a bucket is in no possible state");
	else if (w->last && is_final(b))
		bad(p, i, "a bucket is final in a table that nothing replaces");
	else if (!w->last && i < w->done && !is_final(b))
		bad(p, i, "a bucket is not final that was seen so");
	else if (is_cell(b))
		check_reference(p, w, i, b);
}

static void check_buckets(struct daxfs_ck *p, const struct view *w)
{
	for (u64 i = 0; i <= w->mask; i++) {
		struct daxfs_a64 *bucket = daxfs_table_bucket(p->rg, w->off, i);
		u64 b;

		if (!bucket) {
			bad(p, i, "a segment of a table is missing");
			return;
		}
		b = daxfs_ck_load(bucket);
		if (b)
			check_bucket(p, w, i, b);
	}
}

/* ---- the pages of a table ---- */

static int claim_dir(struct daxfs_ck *p, struct daxfs_a64 *dir, u64 nr, u32 up,
		     u64 segs)
{
	for (u64 i = 0; i < nr; i++) {
		u32 type = up ? DAXFS_T_TABDIR : DAXFS_T_SEGMENT;
		u64 off = daxfs_ck_load(&dir[i]), left;

		if (i << up >= segs) {
			if (off)
				bad(p, off, "a table has more segments than buckets");
			continue;
		}
		if (daxfs_ck_claim(p, off, type, &dir[i], 0, "index", off)) {
			daxfs_ck_index_is_bad(p);
			return -EUCLEAN;
		}
		left = segs - (i << up);
		if (up && claim_dir(p, daxfs_word_page(p->rg, off), 512, up - 9,
				    left < 1ull << up ? left : 1ull << up))
			return -EUCLEAN;
	}
	return 0;
}

static u32 levels_of(u32 shift)
{
	return shift <= SEG_SHIFT + 8 ? 1 : shift <= SEG_SHIFT + 17 ? 2 : 3;
}

static int claim_table(struct daxfs_ck *p, u64 off, struct daxfs_a64 *word)
{
	struct daxfs_table *t;
	u64 size = 0;
	u32 levels, shift;

	/* The root names itself by the word that it was made for. */
	if (daxfs_ck_claim(p, off, DAXFS_T_TABLE, word,
			   p->table_used ? 0 : DAXFS_CK_ANY, "index", off)) {
		daxfs_ck_index_is_bad(p);
		return -EUCLEAN;
	}
	size = daxfs_table_size(p->rg, off);
	t = daxfs_at(p->rg, off, sizeof(*t), DAXFS_PAGE_SIZE);
	shift = t ? (u32)daxfs_ck_load(&t->size_shift) : 0;
	levels = levels_of(shift);
	if (!size || daxfs_ck_load(&t->levels) != levels) {
		bad(p, off, "a table has an impossible size");
		return -EUCLEAN;
	}
	p->looks += 512 * size;	/* far more than runs of a right one take */
	return claim_dir(p, t->dir, DAXFS_TABLE_FANOUT, 9 * (levels - 1),
			 size >> SEG_SHIFT);
}

static void check_table(struct daxfs_ck *p, u32 nr)
{
	struct view w = { .off = p->table[nr], .nr = nr };

	w.t = daxfs_at(p->rg, w.off, sizeof(*w.t), DAXFS_PAGE_SIZE);
	w.mask = daxfs_table_size(p->rg, w.off) - 1;
	w.last = !daxfs_ck_load(&w.t->next);
	w.done = daxfs_ck_load(&w.t->done);
	if (w.done > w.mask + 1 || (w.last && w.done))
		bad(p, w.off, "a table is replaced further than it can be");
	check_buckets(p, &w);
}

/* The tables of the layer at hand, as far as they can be followed. */
static void claim_tables(struct daxfs_ck *p)
{
	struct daxfs_a64 *word = &daxfs_layer_at(p->rg, p->layer)->root_off;
	u64 off = daxfs_ck_load(word);

	p->table_used = 0;
	/* Where branches are, a layer has none before something changes in it. */
	if (!off && p->flat)
		bad(p, 0, "there is no index");
	while (off) {
		struct daxfs_table *t;

		if (p->table_used == DAXFS_CK_TABLES) {
			bad(p, off, "too many tables replace one another");
			break;
		}
		if (claim_table(p, off, word))
			break;
		p->table[p->table_used++] = off;
		t = daxfs_at(p->rg, off, sizeof(*t), DAXFS_PAGE_SIZE);
		word = &t->next;
		off = daxfs_ck_load(word);
	}
	p->layers[p->layer].tables = (u8)p->table_used;
}

void daxfs_ck_tables(struct daxfs_ck *p)
{
	p->looks = 4096;	/* more with each table: for all that comes after, too */
	for (u32 l = 1; l < p->layer_nr; l++) {
		if (p->layers[l].life != DAXFS_CK_SEEN)
			continue;
		p->layer = l;
		claim_tables(p);
		for (u32 i = 0; i < p->table_used; i++)
			check_table(p, i);
	}
	if (!p->flat)
		p->layer = 0;	/* the next look is at all of one */
}

/* ---- layers that have ended ---- */

/* Is it still the cell of that layer, and not something that came later? */
static void know_cell(struct daxfs_ck *p, u64 off)
{
	struct daxfs_a64 *info = daxfs_at(p->rg, off, 64, 64);
	struct daxfs_ck_slab *s;
	u32 nr, type;

	s = info ? daxfs_ck_object(p, off, &nr) : NULL;
	type = s ? info_type(daxfs_ck_load(info)) : DAXFS_T_NONE;
	if ((type == DAXFS_T_INODE || type == DAXFS_T_DIRENT) &&
	    DAXFS_KIND(daxfs_ck_load(info)) == DAXFS_I_OWNED &&
	    daxfs_ck_fits(type, s->class) &&
	    daxfs_ck_layer_of(p, off, type) == p->layer)
		s->known |= 1ull << nr;
}

static void know_cells(struct daxfs_ck *p, u64 table)
{
	u64 size = daxfs_table_size(p->rg, table);

	for (u64 i = 0; i < size; i++) {
		struct daxfs_a64 *bucket = daxfs_table_bucket(p->rg, table, i);
		u64 b = bucket ? daxfs_ck_load(bucket) : 0;

		if (is_cell(b))
			know_cell(p, bucket_off(b));
	}
}

/* Whoever takes it apart may have stopped when its first pages were free. */
static int is_half_gone(struct daxfs_ck *p, u64 off)
{
	struct daxfs_a64 *info = daxfs_page_info(p->rg, off);

	return info && !(off & (DAXFS_PAGE_SIZE - 1)) &&
	       (info_is_retired(daxfs_ck_load(info)) ||
		daxfs_table_size(p->rg, off));
}

void daxfs_ck_ended_tables(struct daxfs_ck *p)
{
	for (u32 l = 1; l < p->layer_nr; l++) {
		u64 root = daxfs_ck_load(&daxfs_layer_at(p->rg, l)->root_off);

		if (p->layers[l].life != DAXFS_CK_ENDED)
			continue;
		p->layer = l;
		p->silent = 1;
		claim_tables(p);
		for (u32 i = 0; i < p->table_used; i++)
			know_cells(p, p->table[i]);
		p->silent = 0;
		p->layers[l].index_bad = 0;	/* nobody needs a good one */
		if (root && !p->table_used && !is_half_gone(p, root))
			daxfs_ck_ended(p);
	}
	p->layer = 0;
}
