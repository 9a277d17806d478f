// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The index: open addressing with linear probing, growing online.
 *
 * Notes: buckets refer to cells, cells never move, and all truth about a key is
 * the value word of its cell. A bucket never becomes EMPTY again and never
 * passes to a key of another hash. A key goes into the first tomb of its own
 * hash in its run, else into the first EMPTY, so two inserts of one key race
 * for one CAS (docs/decisions/0010). A table is replaced as a whole: its EMPTY
 * buckets are SEALED, its tombs are GONE, its cells are referred to from the
 * next table, and what is in the old run is still seen through MOVED.
 * tests/model/index.pml.
 *
 * operation | linearization                   | progress  | if the caller stops there
 * find      | load of the value, of EMPTY     | bounded   | -
 * insert    | CAS EMPTY or TOMB -> CELL       | lock-free | nothing, or all of it
 * bury      | none: the key is DEAD before    | lock-free | recovery buries again
 * grow      | CAS next 0 -> table             | lock-free | an unpublished table
 * migrate   | none: invisible                 | lock-free | inserts go on with it
 * replace   | CAS root                        | lock-free | recovery retires it
 *
 * ABA: CELL -> TOMB -> CELL recurs for one hash, in a table without successor
 * only, and a TOMB means the same each time: no live cell of this key in the
 * run. With a successor buckets go to MOVED, GONE and SEALED and stay there.
 * A table is not reused before all sections that saw it end.
 */
#include "index.h"
#include "epoch.h"
#include "pool.h"
#include "record.h"
#include "region.h"
#include "view.h"
#include "word.h"

#define CHAIN_MAX	4096u	/* tables behind a root that is long replaced */
#define LONG_RUN	512u	/* buckets: a table with such runs is too full */
#define ENDLESS_RUN	8192u	/* and so full that new keys are refused */
#define MIGRATE_STEP	16u	/* buckets per insert */
#define SEG_SHIFT	9u	/* buckets per segment page */
#define SEG_MASK	511u
#define GROW_WAIT	256u	/* inserts after growing found no memory */
#define SHRINK_MIN	12u	/* log2 of a size that is always kept */
#define RETRIES		1000000u	/* of an insert that others overtake */

struct table {			/* a validated view */
	struct daxfs_table *t;
	u64 off;
	u64 mask;
	u64 total;		/* buckets of this table and those before it */
	u32 shift;
	u32 levels;
};

/* ---- hashing ---- */

/* The finalizer of SplitMix64 (Steele, Lea, Flood 2014). */
static u64 mix(u64 x)
{
	x ^= x >> 30;
	x *= 0xbf58476d1ce4e5b9ull;
	x ^= x >> 27;
	x *= 0x94d049bb133111ebull;
	return x ^ x >> 31;
}

static u64 hash_bytes(u64 h, const char *p, u32 len)
{
	while (len) {
		u32 n = len < 8 ? len : 8;
		u64 w = 0;

		memcpy(&w, p, n);
		h = mix(h ^ w) + n;
		p += n;
		len -= n;
	}
	return h;
}

/* Of the place alone: a number may take the bucket of the one before it. */
struct daxfs_key daxfs_key_inode(const struct daxfs_region *rg, u64 ino)
{
	struct daxfs_key k = { .key = DAXFS_KEY_INODE | ino };
	u64 place = DAXFS_KEY_INODE | DAXFS_INO_PLACE(ino);

	k.hash = mix(rg->super.hash_seed ^ place) & ~7ull;
	return k;
}

struct daxfs_key daxfs_key_dirent(const struct daxfs_region *rg, u64 dir,
				  const char *name, u32 len)
{
	struct daxfs_key k = { .key = DAXFS_KEY_DIRENT | dir,
			       .name = name, .len = len };

	k.hash = hash_bytes(mix(rg->super.hash_seed ^ k.key), name, len) & ~7ull;
	return k;
}

/* ---- tables ---- */

static u32 levels_of(u32 shift)
{
	return shift <= SEG_SHIFT + 8 ? 1 : shift <= SEG_SHIFT + 17 ? 2 : 3;
}

static void table_view(struct table *tb, u64 off, u32 shift)
{
	tb->off = off;
	tb->shift = shift;
	tb->levels = levels_of(shift);
	tb->mask = (1ull << shift) - 1;
}

static int table_open(const struct daxfs_region *rg, u64 off, struct table *tb)
{
	u64 shift;

	tb->t = daxfs_at(rg, off, DAXFS_PAGE_SIZE, DAXFS_PAGE_SIZE);
	if (!tb->t)
		return -EUCLEAN;
	shift = a64_load_relaxed(&tb->t->size_shift);	/* constant */
	if (shift < DAXFS_TABLE_MIN_SHIFT || shift > DAXFS_TABLE_MAX_SHIFT ||
	    8ull << shift > rg->area[DAXFS_AREA_POOL].len)
		return -EUCLEAN;
	table_view(tb, off, (u32)shift);
	return 0;
}

static struct daxfs_a64 *root_word(struct daxfs_cx *cx)
{
	return &daxfs_top_layer(cx)->root_off;
}

/*
 * A table stays what it is while the section lasts in which it was found.
 * -ENOENT: a layer in which nothing was changed yet has none.
 */
static int table_of(struct daxfs_cx *cx, u32 layer, struct table *tb)
{
	struct daxfs_layer *l = daxfs_layer_at(cx->rg, layer);
	u64 off = l ? a64_load_acquire(&l->root_off) : 0; /* [PUB] in replace_root() */
	int r;

	if (!off && l && !cx->view.flat)
		return -ENOENT;
	if (off && off == cx->root_off) {
		tb->t = daxfs_at(cx->rg, off, DAXFS_PAGE_SIZE, DAXFS_PAGE_SIZE);
		table_view(tb, off, cx->root_shift);
	} else {
		r = table_open(cx->rg, off, tb);
		if (r)
			return r;
		cx->root_off = off;
		cx->root_shift = tb->shift;
	}
	tb->total = tb->mask + 1;
	return 0;
}

static int table_root(struct daxfs_cx *cx, struct table *tb)
{
	return table_of(cx, daxfs_view_top(cx), tb);
}

/*
 * The table behind tb: 1 if there is one, 0 if not. All tables that a section
 * meets lie in the pool at once, so their buckets cannot be more than it holds.
 */
static int table_next(struct daxfs_cx *cx, const struct table *tb,
		      struct table *next)
{
	u64 off = a64_load_acquire(&tb->t->next);	/* [PUB] in grow() */
	u64 total = tb->total;
	int r;

	if (!off)
		return 0;
	if (off == tb->off)
		return -EUCLEAN;	/* no table replaces itself */
	r = table_open(cx->rg, off, next);
	if (r)
		return r;
	next->total = total + next->mask + 1;
	return next->total > cx->rg->area[DAXFS_AREA_POOL].len / 8 ? -EUCLEAN : 1;
}

/* The segment of bucket i. Directories are constant once published. */
static struct daxfs_a64 *segment(const struct daxfs_region *rg,
				 const struct table *tb, u64 i)
{
	u64 seg = i >> SEG_SHIFT;
	u32 up = 9 * (tb->levels - 1);
	u64 off = a64_load_relaxed(&tb->t->dir[(seg >> up) % DAXFS_TABLE_FANOUT]);

	while (up) {
		struct daxfs_a64 *dir = daxfs_word_page(rg, off);

		if (!dir)
			return NULL;
		up -= 9;
		off = a64_load_relaxed(&dir[(seg >> up) & SEG_MASK]);
	}
	return daxfs_word_page(rg, off);
}

struct daxfs_a64 *daxfs_table_bucket(const struct daxfs_region *rg, u64 table_off,
				     u64 i)
{
	struct table tb;
	struct daxfs_a64 *seg;

	if (table_open(rg, table_off, &tb) || i > tb.mask)
		return NULL;
	seg = segment(rg, &tb, i);
	return seg ? &seg[i & SEG_MASK] : NULL;
}

u64 daxfs_table_size(const struct daxfs_region *rg, u64 table_off)
{
	struct table tb;

	return table_open(rg, table_off, &tb) ? 0 : tb.mask + 1;
}

/* Walk the run of a hash, bucket by bucket, within one table. */
struct probe {
	struct table tb;
	u64 i;			/* bucket, before masking */
	u64 left;		/* buckets not looked at */
	struct daxfs_a64 *seg;
};

static void probe_start(struct probe *p, const struct table *tb, u64 hash)
{
	p->tb = *tb;
	p->i = hash_home(hash) & tb->mask;
	p->left = tb->mask + 1;
	p->seg = NULL;
}

/*
 * The bucket at hand, NULL if the table is damaged. So it is, too, if a section
 * looks at far more buckets than the walks of fsck or recovery need, whose every
 * step is a short run: a hostile table would make each a walk over all of it.
 */
static inline struct daxfs_a64 *probe_bucket(struct daxfs_cx *cx, struct probe *p)
{
	if (++cx->probes > cx->rg->probes_max)
		return NULL;
	if (!p->seg) {
		p->seg = segment(cx->rg, &p->tb, p->i);
		if (!p->seg)
			return NULL;
	}
	return &p->seg[p->i & SEG_MASK];
}

static void probe_next(struct probe *p)
{
	p->i = (p->i + 1) & p->tb.mask;
	p->left--;
	if (!(p->i & SEG_MASK))
		p->seg = NULL;
}

/* ---- cells ---- */

static struct daxfs_cell *cell_at(const struct daxfs_region *rg, u64 off)
{
	return daxfs_at(rg, off, 64, 64);
}

static int name_is(const struct daxfs_region *rg, u64 off,
		   const struct daxfs_key *k)
{
	struct daxfs_dirent_cell *d;

	d = daxfs_at(rg, off, DAXFS_DIRENT_NAME_OFF + k->len, 64);
	return d && d->name_len == k->len && !memcmp(d->name, k->name, k->len);
}

/* Does the bucket refer to a cell of that key? Key and name are constant. */
static int cell_is(const struct daxfs_region *rg, u64 b, const struct daxfs_key *k)
{
	struct daxfs_cell *c;

	if (!bucket_tag_is(b, k->hash))
		return 0;
	c = cell_at(rg, bucket_off(b));
	if (!c || a64_load_relaxed(&c->key) != k->key)
		return 0;
	return !k->name || name_is(rg, bucket_off(b), k);
}

static int value_counts(u64 v)
{
	return value_state(v) == DAXFS_V_LIVE ||
	       value_state(v) == DAXFS_V_WHITEOUT;
}

/* ---- find ---- */

/* In one table: 0 found, -ENOENT absent, 1 go on with the next table. */
static int find_in(struct daxfs_cx *cx, const struct table *tb,
		   const struct daxfs_key *k, u64 *cell_off, u64 *value)
{
	struct probe p;

	for (probe_start(&p, tb, k->hash); p.left; probe_next(&p)) {
		struct daxfs_a64 *bucket = probe_bucket(cx, &p);
		u64 b, v;
		int r;

		if (!bucket)
			return -EUCLEAN;
		b = a64_load_acquire(bucket);	/* pairs with [PUB] in insert_in() */
		if (b == DAXFS_B_EMPTY)
			return -ENOENT;		/* linearization point */
		if (bucket_kind(b) == DAXFS_B_SEALED)
			return 1;
		if (is_tomb(b) || !cell_is(cx->rg, b, k))
			continue;
		r = daxfs_word_read(cx->rg, &cell_at(cx->rg, bucket_off(b))->value,
				    &v);
		if (r)
			return r;
		if (value_counts(v)) {
			*cell_off = bucket_off(b);
			*value = v;
			return 0;
		}
	}
	return 1;
}

int daxfs_index_find_in(struct daxfs_cx *cx, u32 layer, const struct daxfs_key *k,
			u64 *cell_off, u64 *value)
{
	struct table tb;
	int r = table_of(cx, layer, &tb);

	for (u32 i = 0; i < CHAIN_MAX && !r; i++) {
		r = find_in(cx, &tb, k, cell_off, value);
		if (r <= 0)
			return r;
		r = table_next(cx, &tb, &tb);
		if (r <= 0)
			return r ? r : -ENOENT;
		r = 0;
	}
	return r ? r : -EUCLEAN;
}

/* ---- making a table ---- */

static int fill_dir(struct daxfs_cx *cx, struct daxfs_a64 *dir, u64 nr, u32 up,
		    u64 segs)
{
	for (u64 i = 0; i < nr && i << up < segs; i++) {
		u32 type = up ? DAXFS_T_TABDIR : DAXFS_T_SEGMENT;
		u64 off, left = segs - (i << up);
		int r;

		r = daxfs_page_take_zero(cx, type, daxfs_off(cx->rg, &dir[i]), &off);
		if (r)
			return r;
		a64_store_relaxed(&dir[i], off);	/* published by [PUB] */
		if (!up)
			continue;
		r = fill_dir(cx, daxfs_word_page(cx->rg, off), 512, up - 9,
			     left < 1ull << up ? left : 1ull << up);
		if (r)
			return r;
	}
	return 0;
}

/*
 * Was the page that a word of a table's directory names taken for that word? A
 * dead host may not have zeroed the table's page, which still names pages of an
 * earlier life; and who retires a table may die in the middle, and others use
 * the first pages again before it is done once more.
 */
static int is_dir_page(struct daxfs_cx *cx, const struct daxfs_a64 *word, u64 off,
		       u32 up)
{
	struct daxfs_a64 *info = daxfs_page_info(cx->rg, off);
	u64 v = info ? a64_load_relaxed(info) : 0;	/* constant while ours */

	return DAXFS_KIND(v) == DAXFS_I_OWNED &&
	       info_type(v) == (up ? DAXFS_T_TABDIR : DAXFS_T_SEGMENT) &&
	       info_back(v) == daxfs_off(cx->rg, word);
}

/* Hand each page of the table to fn, the table's own last. */
static void each_dir_page(struct daxfs_cx *cx, struct daxfs_a64 *dir, u64 nr,
			  u32 up, u64 g, void (*fn)(struct daxfs_cx *, u64, u64))
{
	for (u64 i = 0; dir && i < nr; i++) {
		u64 off = a64_load_relaxed(&dir[i]);	/* constant */

		if (!off)
			break;
		if (!is_dir_page(cx, &dir[i], off, up))
			continue;
		if (up)
			each_dir_page(cx, daxfs_word_page(cx->rg, off), 512,
				      up - 9, g, fn);
		fn(cx, off, g);
	}
}

static void each_page(struct daxfs_cx *cx, const struct table *tb, u64 g,
		      void (*fn)(struct daxfs_cx *, u64, u64))
{
	each_dir_page(cx, tb->t->dir, DAXFS_TABLE_FANOUT, 9 * (tb->levels - 1),
		      g, fn);
	fn(cx, tb->off, g);
}

static void give_page(struct daxfs_cx *cx, u64 off, u64 g)
{
	(void)g;
	daxfs_page_give(cx, off);
}

static void retire_page(struct daxfs_cx *cx, u64 off, u64 g)
{
	daxfs_page_retire(cx, off, g, 0);
}

int daxfs_table_make(struct daxfs_cx *cx, u32 shift, u64 back_off, u64 *off)
{
	u32 up = 9 * (levels_of(shift) - 1);
	struct table tb;
	int r;

	r = daxfs_page_take_zero(cx, DAXFS_T_TABLE, back_off, off);
	if (r)
		return r;
	tb.t = daxfs_at(cx->rg, *off, DAXFS_PAGE_SIZE, DAXFS_PAGE_SIZE);
	a64_store_relaxed(&tb.t->size_shift, shift);
	a64_store_relaxed(&tb.t->levels, levels_of(shift));
	r = fill_dir(cx, tb.t->dir, DAXFS_TABLE_FANOUT, up,
		     1ull << (shift - SEG_SHIFT));
	if (!r)
		return 0;
	tb.off = *off;
	tb.levels = levels_of(shift);
	each_page(cx, &tb, 0, give_page);
	return r;
}

int daxfs_table_retire(struct daxfs_cx *cx, u64 off)
{
	struct table tb;
	int r = table_open(cx->rg, off, &tb);

	if (r)		/* not made so far that it has a size: no others */
		daxfs_page_retire(cx, off, daxfs_retire_epoch(cx), 0);
	else
		each_page(cx, &tb, daxfs_retire_epoch(cx), retire_page);
	return 0;
}

/* ---- growing and migrating ---- */

static int count_cells(struct daxfs_cx *cx, const struct table *tb, u64 *cells)
{
	*cells = 0;
	for (u64 i = 0; i <= tb->mask; i += SEG_MASK + 1) {
		struct daxfs_a64 *seg = segment(cx->rg, tb, i);

		if (!seg)
			return -EUCLEAN;
		for (u32 k = 0; k <= SEG_MASK; k++)
			*cells += is_cell(a64_load_relaxed(&seg[k]));
	}
	return 0;
}

/*
 * Size of the table that replaces tb. The cells are counted, not estimated:
 * the new table must take them all, one insert for each 16 buckets of tb that
 * migrate, and tombs of cells that die meanwhile. A small one would be replaced
 * over and over by a few names that come and go, and hosts would meet in it.
 */
static int next_shift(struct daxfs_cx *cx, const struct table *tb, u32 *shift)
{
	u64 cells, need;
	int r = count_cells(cx, tb, &cells);

	if (r)
		return r;
	need = cells * 2 + (tb->mask + 1) / 8;
	*shift = tb->shift < SHRINK_MIN ? DAXFS_TABLE_MIN_SHIFT : SHRINK_MIN;
	while (*shift < DAXFS_TABLE_MAX_SHIFT && 1ull << *shift < need)
		++*shift;
	return 0;
}

/* Publish an empty table behind tb. */
static int append_table(struct daxfs_cx *cx, const struct table *tb)
{
	u64 off;
	u32 shift;
	int r;

	if (a64_load_acquire(&tb->t->next))	/* pairs with [PUB] below */
		return 0;
	r = next_shift(cx, tb, &shift);
	if (!r)
		r = daxfs_table_make(cx, shift, daxfs_off(cx->rg, &tb->t->next),
				     &off);
	if (r)
		return r;
	/* Not one that recovery has given back: all names would be in it. */
	r = daxfs_still_host(cx);
	if (r)
		return r;
	/* Publishes the table. Pairs with [PUB] in table_next(). */
	if (a64_cas(&tb->t->next, 0, off) != 0) {
		struct table mine;

		if (!table_open(cx->rg, off, &mine))
			each_page(cx, &mine, 0, give_page);
	}
	return 0;
}

/*
 * Is the cell dead for good? One whose record is undecided is not, whatever
 * its old value: the name may be about to be born.
 */
static int cell_is_dead(const struct daxfs_cell *c)
{
	u64 v = a64_load_acquire(&c->value);	/* pairs with [BUR], [REC] */

	return !is_ref(v) && value_state(v) == DAXFS_V_DEAD;
}

/* Only the root gets a successor: two migrations at once are enough. */
static int grow(struct daxfs_cx *cx, const struct table *tb)
{
	int r;

	if (a64_load_acquire(root_word(cx)) != tb->off)		/* [PUB] */
		return 0;
	if (cx->grow_wait) {
		cx->grow_wait--;
		return -ENOSPC;
	}
	r = append_table(cx, tb);
	if (r == -ENOSPC)
		cx->grow_wait = GROW_WAIT;	/* trying costs a count */
	cx->wants_pages |= r == -ENOSPC;
	return r;
}

/* A table of which less than an eighth refers to cells is too large. */
static int shrink(struct daxfs_cx *cx, const struct table *tb)
{
	u64 cells;
	int r;

	if (tb->shift <= SHRINK_MIN || a64_load_acquire(&tb->t->next)) /* [PUB] */
		return 0;
	r = count_cells(cx, tb, &cells);
	if (r || cells * 8 > tb->mask)
		return r;
	return append_table(cx, tb);
}

/*
 * Put a reference to the cell into table u: 1 done, 0 not needed. Whoever is
 * late, because the cell died meanwhile, must not: burial has left a tomb of
 * its hash before the run's end, or a newer cell has taken that tomb's place,
 * and DEAD was before both.
 */
static int put(struct daxfs_cx *cx, const struct table *u, u64 cell_off, u64 hash)
{
	u64 mine = bucket_make(DAXFS_B_CELL, cell_off, hash);
	struct probe p;

	for (probe_start(&p, u, hash); p.left; probe_next(&p)) {
		struct daxfs_a64 *bucket = probe_bucket(cx, &p);
		u64 b;

		if (!bucket)
			return -EUCLEAN;
		b = a64_load_acquire(bucket);	/* pairs with [PUB], [BUR] */
		if (b == DAXFS_B_EMPTY) {
			b = a64_cas(bucket, DAXFS_B_EMPTY, mine);	/* [PUB] */
			if (b == DAXFS_B_EMPTY)
				return 1;
		}
		if (bucket_kind(b) == DAXFS_B_SEALED ||
		    (is_cell(b) && bucket_off(b) == cell_off))
			return 0;
		if (is_tomb(b) ? b >> 3 != hash >> 3 : !bucket_tag_is(b, hash))
			continue;
		if (cell_is_dead(cell_at(cx->rg, cell_off)))	/* [BUR] */
			return 0;
	}
	return -ENOSPC;
}

/*
 * As put(), into the first table behind that has room. The first has it, by
 * its size, unless deaths during the migration have filled it with tombs.
 */
static int put_behind(struct daxfs_cx *cx, const struct table *u, u64 cell_off,
		      u64 hash)
{
	struct table tb = *u;

	for (u32 i = 0; i < CHAIN_MAX; i++) {
		int r = put(cx, &tb, cell_off, hash);

		if (r > 0)
			a64_add_relaxed(&tb.t->used, 1);	/* an estimate */
		if (r != -ENOSPC)
			return r;
		r = append_table(cx, &tb);
		if (!r)
			r = table_next(cx, &tb, &tb);
		if (r <= 0)
			return r ? r : -EUCLEAN;
	}
	return -EUCLEAN;
}

static int migrate_cell(struct daxfs_cx *cx, const struct table *next,
			struct daxfs_a64 *bucket, u64 b)
{
	struct daxfs_cell *c = cell_at(cx->rg, bucket_off(b));
	int r;

	if (!c)
		return -EUCLEAN;
	if (cell_is_dead(c)) {		/* [BUR]: before put */
		a64_cas(bucket, b, tomb_make(DAXFS_B_GONE,
					     a64_load_relaxed(&c->hash)));
		return 0;
	}
	r = put_behind(cx, next, bucket_off(b), a64_load_relaxed(&c->hash));
	if (r < 0)
		return r;
	a64_cas(bucket, b, bucket_as(b, DAXFS_B_MOVED));
	return 0;
}

/* In a table with a successor. */
static int bucket_is_final(u64 b)
{
	return bucket_kind(b) == DAXFS_B_MOVED ||
	       bucket_kind(b) == DAXFS_B_SEALED ||
	       bucket_kind(b) == DAXFS_B_GONE;
}

/* Make a bucket of a table with successor next final. */
static int migrate_one(struct daxfs_cx *cx, const struct table *next,
		       struct daxfs_a64 *bucket)
{
	/* Who saw no successor may still make a CELL of EMPTY or TOMB, once
	 * each; then the bucket goes to its final state. */
	for (u32 k = 0; k < 64; k++) {
		u64 b = a64_load_acquire(bucket);	/* pairs with [PUB] */
		int r = 0;

		if (bucket_is_final(b))
			return 0;
		if (b == DAXFS_B_EMPTY)
			a64_cas(bucket, b, DAXFS_B_SEALED);
		else if (is_tomb(b))
			a64_cas(bucket, b, bucket_as(b, DAXFS_B_GONE));
		else
			r = migrate_cell(cx, next, bucket, b);
		if (r)
			return r;
	}
	return -EUCLEAN;
}

static int migrate_range(struct daxfs_cx *cx, const struct table *tb,
			 const struct table *next, u64 from)
{
	struct daxfs_a64 *seg = segment(cx->rg, tb, from);
	u64 i = from & SEG_MASK, end = i + MIGRATE_STEP;
	int r = daxfs_still_host(cx);	/* once: each step is idempotent */

	/* Steps are of one segment each, and so is the table's end. */
	for (; seg && i < end && i <= SEG_MASK && !r; i++)
		r = migrate_one(cx, next, &seg[i]);
	return seg ? r : -EUCLEAN;
}

static void replace_root(struct daxfs_cx *cx, const struct table *tb,
			 const struct table *next)
{
	/* Pairs with [PUB] in table_root(). The winner retires the old one. */
	if (a64_cas(root_word(cx), tb->off, next->off) == tb->off)
		each_page(cx, tb, daxfs_retire_epoch(cx), retire_page);
}

/*
 * Move a few buckets on. cursor hands ranges out, done says up to where all
 * are final: a helper that stopped inside its range is overtaken there.
 */
static int migrate_step(struct daxfs_cx *cx, const struct table *tb,
			const struct table *next)
{
	u64 from = a64_add_relaxed(&tb->t->cursor, MIGRATE_STEP), done;
	int r = 0;

	/* next before the values: a death that is not seen here comes with a
	 * burial that sees next. Pairs with [BUR] in daxfs_index_bury(). */
	full_fence_after_rmw();
	if (from <= tb->mask)
		r = migrate_range(cx, tb, next, from);
	for (u32 k = 0; k < 2 && !r; k++) {
		done = a64_load_acquire(&tb->t->done);	/* [PUB] the CAS below */
		if (done > tb->mask) {
			replace_root(cx, tb, next);
			return 0;
		}
		/* In general nothing is left to do in there but to look. */
		if (done + 64 * MIGRATE_STEP > from && from <= tb->mask)
			return 0;
		r = migrate_range(cx, tb, next, done);
		if (!r)
			a64_cas(&tb->t->done, done, done + MIGRATE_STEP);
	}
	return r;
}

/* Some steps of a migration, in one section. 1: there is more to do. */
static int compact_some(struct daxfs_cx *cx)
{
	struct table tb, next;
	int r = daxfs_enter(cx);

	if (r)
		return r;
	r = table_root(cx, &tb);
	if (!r)
		r = shrink(cx, &tb);
	if (!r)
		r = table_next(cx, &tb, &next);
	for (u32 i = 0; i < 256 && r > 0; i++) {
		int e = migrate_step(cx, &tb, &next);

		if (e || a64_load_acquire(root_word(cx)) != tb.off)	/* [PUB] */
			r = e;
	}
	daxfs_leave(cx);
	return r;
}

void daxfs_index_compact(struct daxfs_cx *cx)
{
	/* Tables lie in the pool, eight pages of buckets are a round or less. */
	u64 rounds = cx->rg->area[DAXFS_AREA_POOL].nr / 4 + 64, probes = 0;

	/* An error means that it stays as it is; who needs it will meet it. */
	for (u64 i = 0; i < rounds && probes <= cx->rg->probes_max; i++) {
		if (compact_some(cx) <= 0)
			return;
		probes += cx->probes;
	}
}

/* ---- insert ---- */

/* Counts are kept by batches; a table that is too full gets a successor. */
static int count_used(struct daxfs_cx *cx, const struct table *tb)
{
	u64 used, batch = tb->shift > 12 ? 32 : 4;

	if (cx->table != tb->off) {
		cx->table = tb->off;
		cx->used_add = 0;
	}
	if (++cx->used_add < batch)
		return 0;
	used = a64_add_relaxed(&tb->t->used, cx->used_add) + cx->used_add;
	cx->used_add = 0;
	return used > (tb->mask + 1) / 8 * 5 ? grow(cx, tb) : 0;
}

/* What takes the place of a dead cell's reference b in tb. */
static u64 tomb_for(const struct table *tb, u64 b, u64 hash)
{
	/* [PUB] in grow(): with a successor a tomb must not be used again. */
	int last = bucket_kind(b) == DAXFS_B_MOVED ||
		   a64_load_acquire(&tb->t->next);

	return tomb_make(last ? DAXFS_B_GONE : DAXFS_B_TOMB, hash);
}

/*
 * The run of a key up to its end, for an insert. *at: the bucket where the key
 * goes, *b: what it held: its first tomb, else EMPTY; NULL: none is left.
 * 0, -EEXIST, 1: SEALED.
 */
static int insert_scan(struct daxfs_cx *cx, const struct table *tb,
		       const struct daxfs_key *k, struct daxfs_a64 **at, u64 *held,
		       u64 *run, u64 *found_off, u64 *value)
{
	struct probe p;
	u32 retries = 0;

	*at = NULL;
	*run = 0;
	for (probe_start(&p, tb, k->hash); p.left && retries < RETRIES; ) {
		struct daxfs_a64 *bucket = probe_bucket(cx, &p);
		u64 b;
		int r;

		if (!bucket)
			return -EUCLEAN;
		b = a64_load_acquire(bucket);	/* [PUB] in insert_in() */
		if (bucket_kind(b) == DAXFS_B_SEALED)
			return 1;
		if (!*at && (b == DAXFS_B_EMPTY ||
			     b == tomb_make(DAXFS_B_TOMB, k->hash))) {
			*at = bucket;
			*held = b;
		}
		if (b == DAXFS_B_EMPTY)
			return 0;
		if (is_cell(b) && cell_is(cx->rg, b, k)) {
			*found_off = bucket_off(b);
			r = daxfs_word_settle(cx, &cell_at(cx->rg, *found_off)->value,
					      value);
			if (r)
				return r;
			if (value_counts(*value))
				return -EEXIST;
			/* Dead: a tomb before we may choose; see it again. */
			a64_cas(bucket, b, tomb_for(tb, b, k->hash));
			retries++;
			continue;
		}
		probe_next(&p);
		*run = tb->mask + 1 - p.left;
	}
	return p.left ? -EBUSY : 0;	/* others are always faster */
}

/*
 * With a successor the key must not enter tb any more, by nobody: the end of
 * its run is sealed, its tombs are gone. 1: go on with the next table.
 */
static int insert_close(struct daxfs_cx *cx, const struct table *tb,
			const struct daxfs_key *k)
{
	struct probe p;
	u64 changes = 0;

	for (probe_start(&p, tb, k->hash); p.left; ) {
		struct daxfs_a64 *bucket = probe_bucket(cx, &p);
		u64 b;

		if (!bucket || changes++ > tb->mask + RETRIES)
			return -EUCLEAN;
		b = a64_load_acquire(bucket);	/* [PUB] in insert_in() */
		if (bucket_kind(b) == DAXFS_B_SEALED)
			return 1;
		if (b == DAXFS_B_EMPTY)
			a64_cas(bucket, b, DAXFS_B_SEALED);
		else if (b == tomb_make(DAXFS_B_TOMB, k->hash))
			a64_cas(bucket, b, tomb_make(DAXFS_B_GONE, k->hash));
		else
			probe_next(&p);
	}
	return 1;
}

/*
 * In one table: 0 inserted, -EEXIST, 1 go on with the next table, 2 the table
 * is full.
 */
static int insert_in(struct daxfs_cx *cx, const struct table *tb,
		     const struct daxfs_key *k, u64 cell_off, u64 *found_off,
		     u64 *value)
{
	u64 new = bucket_make(DAXFS_B_CELL, cell_off, k->hash);

	for (u32 i = 0; i < RETRIES; i++) {
		struct daxfs_a64 *at;
		u64 held;
		u64 run;
		int r = insert_scan(cx, tb, k, &at, &held, &run, found_off, value);

		if (r < 0)
			return r;
		/* [PUB] in grow(), after the scan: what it chose was there
		 * before any successor, so migration has it before it. */
		if (r > 0 || a64_load_acquire(&tb->t->next)) {
			r = insert_close(cx, tb, k);
			if (r < 0)
				return r;
			/* What came in until the run was closed is seen now. */
			r = insert_scan(cx, tb, k, &at, &held, &run, found_off,
					value);
			return r < 0 ? r : 1;
		}
		if (!at)
			return 2;
		if (run > LONG_RUN && grow(cx, tb) == -ENOSPC &&
		    run > ENDLESS_RUN && !cx->full)
			return -ENOSPC;
		if (daxfs_still_host(cx))
			return -ESTALE;
		/* Publication. Pairs with [PUB] in find_in(). */
		if (a64_cas(at, held, new) == held)
			return held == DAXFS_B_EMPTY ? 0 : 3;
	}
	return -EBUSY;
}

/* The first table of a layer in which nothing was changed yet. */
static int first_table(struct daxfs_cx *cx, struct table *tb)
{
	struct daxfs_a64 *root = root_word(cx);
	u64 off;
	int r = daxfs_table_make(cx, DAXFS_TABLE_MIN_SHIFT,
				 daxfs_off(cx->rg, root), &off);

	if (!r)
		r = daxfs_still_host(cx);
	if (r)
		return r;
	/* Publishes the table. Pairs with [PUB] in table_of(). */
	if (a64_cas(root, 0, off)) {
		struct table mine;

		r = table_open(cx->rg, off, &mine);
		if (!r)
			each_page(cx, &mine, 0, give_page);
	}
	return r ? r : table_root(cx, tb);
}

int daxfs_index_insert(struct daxfs_cx *cx, const struct daxfs_key *k,
		       u64 cell_off, u64 *found_off, u64 *value)
{
	struct table tb, next;
	int r = table_root(cx, &tb);

	if (r == -ENOENT)
		r = first_table(cx, &tb);
	for (u32 i = 0; i < CHAIN_MAX && !r; i++) {
		r = insert_in(cx, &tb, k, cell_off, found_off, value);
		if (r < 0)
			return r;
		if (r == 0 || r == 3) {
			/* Room is a matter of later inserts: this one is done. */
			if (!r)
				count_used(cx, &tb);
			return 0;
		}
		if (r == 2) {
			r = append_table(cx, &tb);
			if (r)
				return r;
		}
		r = table_next(cx, &tb, &next);
		if (r < 0)
			return r;
		if (!r)
			return -ENOSPC;	/* full, and not the root any more */
		r = i ? 0 : migrate_step(cx, &tb, &next);
		tb = next;
	}
	return r ? r : -EUCLEAN;
}

/* ---- bury ---- */

/*
 * In one table, from the cell's hash on: make its bucket a tomb, or leave one
 * at the end of the run for a late put().
 */
static int bury_in(struct daxfs_cx *cx, const struct table *tb, u64 cell_off,
		   u64 hash)
{
	struct probe p;
	u64 looks = 0;

	for (probe_start(&p, tb, hash); p.left; ) {
		struct daxfs_a64 *bucket = probe_bucket(cx, &p);
		u64 b;

		if (!bucket || looks++ > tb->mask + RETRIES)
			return -EUCLEAN;
		b = a64_load_acquire(bucket);	/* pairs with [PUB] */
		if (bucket_kind(b) == DAXFS_B_SEALED)
			return 0;
		if (b == DAXFS_B_EMPTY ||
		    (is_cell(b) && bucket_off(b) == cell_off &&
		     bucket_tag_is(b, hash))) {
			if (daxfs_still_host(cx))
				return -ESTALE;
			/* [BUR] in put() */
			if (a64_cas(bucket, b, tomb_for(tb, b, hash)) != b)
				continue;
			if (b == DAXFS_B_EMPTY)
				a64_add_relaxed(&tb->t->used, 1); /* an estimate */
			return 0;
		}
		probe_next(&p);
	}
	return 0;
}

int daxfs_index_bury(struct daxfs_cx *cx, u64 cell_off)
{
	struct daxfs_cell *c = cell_at(cx->rg, cell_off);
	struct table tb;
	u64 hash;
	int r;

	if (!c)
		return -EUCLEAN;
	hash = a64_load_relaxed(&c->hash);
	/* DEAD (by the commit, or a CAS) before the tables. Pairs with [BUR] in
	 * migrate_cell(). */
	full_fence_after_rmw();
	r = table_root(cx, &tb);
	if (r == -ENOENT)
		return 0;	/* no table, no reference */
	/* Counting a table is paid by an eighth as many burials. */
	if (!r && ++cx->buried > tb.mask / 8) {
		cx->buried = 0;
		r = shrink(cx, &tb);
		if (r == -ENOSPC)
			r = 0;		/* another time */
	}
	for (u32 i = 0; i < CHAIN_MAX && !r; i++) {
		r = bury_in(cx, &tb, cell_off, hash);
		if (r)
			return r;
		r = table_next(cx, &tb, &tb);
		if (r <= 0)
			return r;
		r = 0;
	}
	return r ? r : -EUCLEAN;
}

/* ---- walking ---- */

static int walk_table(struct daxfs_cx *cx, const struct table *tb,
		      int (*fn)(struct daxfs_cx *cx, void *arg, u64 bucket,
				struct daxfs_cell *cell),
		      void *arg)
{
	for (u64 i = 0; i <= tb->mask; i++) {
		struct daxfs_a64 *seg = segment(cx->rg, tb, i);
		struct daxfs_cell *c;
		u64 b;
		int r;

		if (!seg)
			return -EUCLEAN;
		b = a64_load_acquire(&seg[i & SEG_MASK]);	/* [PUB] */
		if (bucket_kind(b) != DAXFS_B_CELL)
			continue;	/* MOVED ones come with the next table */
		c = cell_at(cx->rg, bucket_off(b));
		if (!c)
			return -EUCLEAN;
		r = fn(cx, arg, i, c);
		if (r)
			return r;
	}
	return 0;
}

int daxfs_index_walk(struct daxfs_cx *cx,
		     int (*fn)(struct daxfs_cx *cx, void *arg, u64 bucket,
			       struct daxfs_cell *cell),
		     void *arg)
{
	struct table tb;
	int r = table_root(cx, &tb);

	if (r == -ENOENT)
		return 0;
	for (u32 i = 0; i < CHAIN_MAX && !r; i++) {
		r = walk_table(cx, &tb, fn, arg);
		if (r)
			return r;
		r = table_next(cx, &tb, &tb);
		if (r <= 0)
			return r;
		r = 0;
	}
	return r ? r : -EUCLEAN;
}

/* Buckets [at, end) of one table. */
static int walk_range(struct daxfs_cx *cx, const struct table *tb, u64 at, u64 end,
		      int (*fn)(struct daxfs_cx *cx, void *arg, u64 bucket,
				struct daxfs_cell *cell),
		      void *arg)
{
	int r = 0;

	for (; at < end && !r; at++) {
		struct daxfs_a64 *seg = segment(cx->rg, tb, at);
		u64 b = seg ? a64_load_acquire(&seg[at & SEG_MASK]) : 0; /* [PUB] */
		struct daxfs_cell *c;

		if (!seg)
			return -EUCLEAN;
		if (bucket_kind(b) != DAXFS_B_CELL)
			continue;	/* MOVED ones come with the next table */
		c = cell_at(cx->rg, bucket_off(b));
		r = c ? fn(cx, arg, at, c) : -EUCLEAN;
	}
	return r;
}

int daxfs_index_walk_some(struct daxfs_cx *cx, u32 layer, u64 *from, u64 nr,
			  int (*fn)(struct daxfs_cx *cx, void *arg, u64 bucket,
				    struct daxfs_cell *cell),
			  void *arg)
{
	struct table tb;
	u64 before = 0;		/* buckets of the tables before this one */
	int r = table_of(cx, layer, &tb);

	for (u32 i = 0; i < CHAIN_MAX && !r; i++) {
		u64 size = tb.mask + 1;

		if (*from < before + size) {
			u64 at = *from - before;
			u64 end = size - at < nr ? size : at + nr;

			r = walk_range(cx, &tb, at, end, fn, arg);
			*from = before + end;
			return r;
		}
		before += size;
		r = table_next(cx, &tb, &tb);
		if (r <= 0)
			return r ? r : 1;
		r = 0;
	}
	return r == -ENOENT ? 1 : r ? r : -EUCLEAN;
}

int daxfs_index_retire(struct daxfs_cx *cx, u32 layer)
{
	struct table tb, next;
	int r = table_of(cx, layer, &tb), more = 0;

	for (u32 i = 0; i < CHAIN_MAX && !r; i++) {
		more = table_next(cx, &tb, &next);
		if (more < 0)
			return more;
		each_page(cx, &tb, daxfs_retire_epoch(cx), retire_page);
		if (!more)
			return 0;
		tb = next;
	}
	return r == -ENOENT ? 0 : r ? r : -EUCLEAN;
}
