// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Figures about the whole: space, inodes, the index.
 *
 * Notes: sums of counters that each context keeps for itself; they are right
 * when nobody works, and a death between a CAS and its count shifts them by
 * one. Nothing but figures depends on them. Loads only: wait-free, beside
 * everything; a sum taken while others work was never true as a whole.
 */
#include "index.h"
#include "record.h"
#include "region.h"
#include "view.h"
#include "word.h"

/* Statistics only: relaxed loads. */
static u64 pages_taken(const struct daxfs_region *rg)
{
	u64 sum = 0;

	for (u32 i = 0; i < DAXFS_HOSTS * DAXFS_CTXS; i++)
		sum += a64_load_relaxed(&daxfs_shared_ctx(rg, i)->pages_taken);
	return sum;
}

static u64 inodes_made(const struct daxfs_region *rg)
{
	u64 sum = 0;

	for (u32 i = 0; i < DAXFS_HOSTS * DAXFS_CTXS; i++)
		sum += a64_load_relaxed(&daxfs_shared_ctx(rg, i)->inodes_made);
	return sum;	/* as 2^64: those of the base image can go, too */
}

/* The root of an empty region came with it, and nobody counted it. */
static u64 inodes_there(const struct daxfs_region *rg)
{
	u64 base = rg->super.base_inode_nr;
	u64 sum = (base ? base : 1) + inodes_made(rg);

	return sum >> 63 ? 0 : sum;	/* a stale sum */
}

u64 daxfs_pages_waiting(const struct daxfs_region *rg)
{
	const struct daxfs_span *pool = &rg->area[DAXFS_AREA_POOL];
	u64 g = a64_load_relaxed(&daxfs_globals(rg)->epoch.word), nr = 0;

	for (u64 i = 0; daxfs_has_overlay(rg) && i < pool->nr; i++) {
		u64 off = pool->off + (i << DAXFS_PAGE_SHIFT);
		u64 v = a64_load_relaxed(daxfs_page_info(rg, off));

		nr += info_is_retired(v) && info_epoch(v) + 2 > g;
	}
	return nr;
}

static u64 first_table(const struct daxfs_region *rg, u32 layer, struct daxfs_table **t)
{
	u64 off = a64_load_acquire(&daxfs_layer_at(rg, layer)->root_off);	/* [PUB] */

	*t = daxfs_at(rg, off, sizeof(**t), DAXFS_PAGE_SIZE);
	return off;
}

static void stat_overlay(const struct daxfs_region *rg, struct daxfs_statfs *st)
{
	u64 used = pages_taken(rg), reserve = rg->super.reserve_nr;

	st->pool_pages = rg->area[DAXFS_AREA_POOL].nr;
	if (used > st->pool_pages)
		used = st->pool_pages;	/* a stale sum */
	st->pages += st->pool_pages;
	st->pages_free = st->pool_pages - used;
	st->pages_avail = st->pages_free > reserve ? st->pages_free - reserve : 0;
	/* An empty file takes less than 512 bytes. */
	st->inodes_free = st->pages_avail * (DAXFS_PAGE_SIZE / 512);
	st->inodes = inodes_there(rg);
}

static u64 base_bytes(const struct daxfs_region *rg)
{
	u64 sum = rg->area[DAXFS_AREA_BASE_DATA].len;
	struct daxfs_backing b;

	for (u32 i = 0; i < rg->area[DAXFS_AREA_BACKING].nr; i++)
		if (!daxfs_backing(rg, i, &b) && b.size <= DAXFS_BACKING_MAX)
			sum += b.size > DAXFS_PAGE_SIZE ? b.size - DAXFS_PAGE_SIZE : 0;
	return sum;
}

int daxfs_statfs(struct daxfs_cx *cx, struct daxfs_statfs *st)
{
	const struct daxfs_region *rg = cx->rg;

	memset(st, 0, sizeof(*st));
	st->page_size = DAXFS_PAGE_SIZE;
	st->base_bytes = base_bytes(rg);
	st->pages = (st->base_bytes + DAXFS_PAGE_SIZE - 1) / DAXFS_PAGE_SIZE;
	st->inodes = rg->super.base_inode_nr;
	if (daxfs_has_overlay(rg))
		stat_overlay(rg, st);
	return 0;
}

static void count_probe(struct daxfs_index_stat *st, u64 bucket, u64 hash,
			u64 size)
{
	u64 probe = ((bucket - hash_home(hash)) & (size - 1)) + 1;

	st->probe_sum += probe;
	if (probe > st->probe_max)
		st->probe_max = probe;
}

struct stat_arg {
	struct daxfs_index_stat *st;
	u64 size;
};

static int stat_cell(struct daxfs_cx *cx, void *arg, u64 bucket,
		     struct daxfs_cell *cell)
{
	struct stat_arg *a = arg;
	u64 v, key = a64_load_relaxed(&cell->key);
	int r = daxfs_word_read(cx->rg, &cell->value, &v);

	if (r)
		return r;
	if (value_state(v) == DAXFS_V_WHITEOUT)
		a->st->whiteouts++;
	else if (value_state(v) != DAXFS_V_LIVE)
		return 0;
	else if (key & DAXFS_KEY_DIRENT)
		a->st->dirents++;
	else
		a->st->inodes++;
	a->st->live++;
	count_probe(a->st, bucket, a64_load_relaxed(&cell->hash), a->size);
	return 0;
}

static int count_used(struct daxfs_cx *cx, u64 table, u64 size,
		      struct daxfs_index_stat *st)
{
	for (u64 i = 0; i < size; i++) {
		struct daxfs_a64 *b = daxfs_table_bucket(cx->rg, table, i);

		if (!b)
			return -EUCLEAN;
		st->used += a64_load_relaxed(b) != DAXFS_B_EMPTY;
	}
	return 0;
}

/* The index of the layer on top of the view. */
static int stat_layer(struct daxfs_cx *cx, struct stat_arg *a)
{
	struct daxfs_table *t;
	u64 off = first_table(cx->rg, daxfs_view_top(cx), &t);
	int r;

	if (!off && !cx->view.flat)
		return 0;	/* nothing was changed in it */
	if (!t)
		return -EUCLEAN;
	a->size = daxfs_table_size(cx->rg, off);
	if (!a->size)
		return -EUCLEAN;
	a->st->buckets += a->size;
	a->st->migrating += a64_load_acquire(&t->next) ? a->size : 0;	/* [PUB] */
	r = count_used(cx, off, a->size, a->st);
	return r ? r : daxfs_index_walk(cx, stat_cell, a);
}

static int index_stat_fn(struct daxfs_cx *cx, void *p)
{
	struct daxfs_view view = cx->view;
	int r = 0;

	for (u32 i = 0; i < view.nr && !r; i++) {
		r = daxfs_view_of(cx, view.layer[i]);
		if (!r)
			r = stat_layer(cx, p);
	}
	cx->view = view;
	return r;
}

int daxfs_index_stat(struct daxfs_cx *cx, struct daxfs_index_stat *st)
{
	struct stat_arg a = { st, 0 };
	int r;

	memset(st, 0, sizeof(*st));
	if (!daxfs_has_overlay(cx->rg))
		return 0;
	r = daxfs_enter(cx);
	if (r)
		return r;
	r = daxfs_view_look(cx);
	if (!r)
		r = index_stat_fn(cx, &a);
	daxfs_leave(cx);
	return r;
}
