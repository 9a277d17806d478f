// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Making a region: where the areas lie, and what an empty overlay holds.
 *
 * Notes: nobody else uses the memory yet. It is zeroed before, and zero means
 * free, so the work does not depend on the size of the pool. The magic comes
 * last, its store is the linearization point: who stops before leaves memory
 * that is no region. Not to be run beside anybody.
 */
#include "core.h"
#include "index.h"
#include "inode.h"
#include "pool.h"
#include "region.h"
#include "word.h"

#define RESERVE_MAX_PAGES	4096u		/* 16 MiB */
#define POOL_MIN_PAGES		256u
#define LAYER_NR		64u
#define LAYERS_MIN		1024u	/* in regions with branches */
#define LAYERS_SHIFT		16u	/* log2 of bytes of a region per layer */
#define LAYERS_PER_BRANCH	4u
#define FIRST_EPOCH		2u

struct layout {
	struct daxfs_super *sb;
	u64 at;
};

static u64 round_up(u64 v, u64 to)
{
	return (v + to - 1) & ~(to - 1);
}

static void add_area(struct layout *l, u32 type, u64 len, u64 nr)
{
	struct daxfs_area *a = &l->sb->area[l->sb->area_nr++];

	a->type = type;
	a->off = l->at;
	a->len = len;
	a->nr = nr;
	l->at = round_up(l->at + len, DAXFS_PAGE_SIZE);
}

static void add_base(struct layout *l, const struct daxfs_geometry *g)
{
	if (!g->base_inode_nr)
		return;
	add_area(l, DAXFS_AREA_BASE_INODES,
		 g->base_inode_nr * sizeof(struct daxfs_base_inode),
		 g->base_inode_nr);
	add_area(l, DAXFS_AREA_BASE_META, g->base_meta_len, g->base_meta_len);
	if (g->mode == DAXFS_MODE_SPLIT)
		return;			/* its content is elsewhere */
	if (g->base_data_len >= DAXFS_CHUNK_SIZE)
		l->at = round_up(l->at, DAXFS_CHUNK_SIZE);
	add_area(l, DAXFS_AREA_BASE_DATA, g->base_data_len, g->base_data_len);
}

/* More branches than a small region has memory for are of no use. */
static u64 layer_nr(const struct daxfs_geometry *g)
{
	u64 nr = g->region_len >> LAYERS_SHIFT;

	if (!g->branching)
		return LAYER_NR;
	return nr < LAYERS_MIN ? LAYERS_MIN :
	       nr > DAXFS_LAYERS_MAX ? DAXFS_LAYERS_MAX : nr;
}

static void add_shared(struct layout *l, const struct daxfs_geometry *g)
{
	u64 layers = layer_nr(g), branches = layers / LAYERS_PER_BRANCH;

	add_area(l, DAXFS_AREA_GLOBALS, sizeof(struct daxfs_globals), 1);
	add_area(l, DAXFS_AREA_HOSTS,
		 DAXFS_HOSTS * sizeof(struct daxfs_host_slot), DAXFS_HOSTS);
	add_area(l, DAXFS_AREA_LAYERS, layers * sizeof(struct daxfs_layer), layers);
	if (g->branching)
		add_area(l, DAXFS_AREA_BRANCHES,
			 branches * sizeof(struct daxfs_branch), branches);
	if (g->base_inode_nr)
		add_area(l, DAXFS_AREA_BASE_OPENS,
			 g->base_inode_nr * sizeof(struct daxfs_a64),
			 g->base_inode_nr);
}

static void add_cache(struct layout *l, const struct daxfs_geometry *g)
{
	u64 nr = g->cache_slots;

	if (g->mode != DAXFS_MODE_SPLIT)
		return;
	add_area(l, DAXFS_AREA_BACKING,
		 g->backing_nr * sizeof(struct daxfs_backing), g->backing_nr);
	add_area(l, DAXFS_AREA_PCACHE_ASKS,
		 DAXFS_CACHE_ASKS * sizeof(struct daxfs_a64), DAXFS_CACHE_ASKS);
	add_area(l, DAXFS_AREA_PCACHE_SLOTS,
		 nr * sizeof(struct daxfs_pcache_slot), nr);
	add_area(l, DAXFS_AREA_PCACHE_PINS, nr * sizeof(struct daxfs_a64), nr);
	if (nr >= DAXFS_CHUNK_PAGES)
		l->at = round_up(l->at, DAXFS_CHUNK_SIZE);
	add_area(l, DAXFS_AREA_PCACHE_DATA, nr * DAXFS_PAGE_SIZE, nr);
}

static int cache_fits(const struct daxfs_geometry *g)
{
	u64 nr = g->cache_slots;

	if (g->mode != DAXFS_MODE_SPLIT)
		return !nr && !g->backing_nr;
	return g->overlay && g->base_inode_nr && g->backing_nr &&
	       g->backing_nr <= DAXFS_BACKING_FILES && !(nr & (nr - 1)) &&
	       nr >= DAXFS_CACHE_MIN && nr <= DAXFS_MAX_REGION / DAXFS_PAGE_SIZE;
}

/*
 * The pool and what describes it. A bound for the descriptions is taken
 * first, from all the bytes that are left; the pool gets the rest.
 */
static void add_pool(struct layout *l, u64 end)
{
	u64 left = end - l->at;
	u64 pages = left / DAXFS_PAGE_SIZE + 2 * DAXFS_CHUNK_PAGES;
	u64 chunks = left / DAXFS_CHUNK_SIZE + 3, nr;

	add_area(l, DAXFS_AREA_PAGE_INFO, pages * 8, pages);
	add_area(l, DAXFS_AREA_CHUNK_HINT, chunks * 8, chunks);
	nr = end > l->at ? (end - l->at) / DAXFS_PAGE_SIZE : 0;
	add_area(l, DAXFS_AREA_POOL, nr * DAXFS_PAGE_SIZE, nr);
	l->sb->reserve_nr = nr / 64 < RESERVE_MAX_PAGES ? nr / 64 :
			    RESERVE_MAX_PAGES;
}

/* Bytes around a pool of that many bytes. */
static u64 pool_with_info(u64 pool_len)
{
	return round_up(pool_len, DAXFS_PAGE_SIZE) + pool_len / 500 +
	       (2 * DAXFS_CHUNK_PAGES + 64) * 8 + 4 * DAXFS_PAGE_SIZE;
}

static u64 min_pool_len(const struct daxfs_geometry *g)
{
	return g->buckets * 8 * 2 + POOL_MIN_PAGES * DAXFS_PAGE_SIZE;
}

static void fill_super(struct daxfs_geometry *g)
{
	struct daxfs_super *sb = &g->super;

	memset(sb, 0, sizeof(*sb));
	memcpy(sb->magic, DAXFS_MAGIC, DAXFS_MAGIC_LEN);
	sb->version = DAXFS_VERSION;
	sb->super_len = sizeof(*sb);
	sb->page_shift = DAXFS_PAGE_SHIFT;
	sb->incompat = g->overlay ? DAXFS_INCOMPAT_OVERLAY : 0;
	if (g->overlay && g->persistent)
		sb->incompat |= DAXFS_INCOMPAT_PERSIST;
	if (g->overlay && g->branching)
		sb->incompat |= DAXFS_INCOMPAT_BRANCHING;
	if (g->mode == DAXFS_MODE_SPLIT)
		sb->incompat |= DAXFS_INCOMPAT_SPLIT;
	memcpy(sb->uuid, g->uuid, sizeof(sb->uuid));
	memcpy(sb->label, g->label, sizeof(sb->label));
	sb->created_ns = g->created_ns;
	memcpy(&sb->hash_seed, g->uuid, sizeof(sb->hash_seed));
	sb->mode = g->mode;
	sb->base_inode_nr = g->base_inode_nr;
	sb->first_ino = round_up(g->base_inode_nr + 2, DAXFS_INO_RANGE);
}

int daxfs_plan(struct daxfs_geometry *g, u64 *needed)
{
	struct layout l = { &g->super, DAXFS_PAGE_SIZE };
	u64 pool = g->overlay_len, end;

	fill_super(g);
	if (!g->buckets || (g->buckets & (g->buckets - 1)) ||
	    g->buckets < 1ull << DAXFS_TABLE_MIN_SHIFT || !cache_fits(g))
		return -EINVAL;
	if (g->overlay)
		add_shared(&l, g);
	add_base(&l, g);
	add_cache(&l, g);
	*needed = l.at;
	if (g->overlay) {
		if (pool < min_pool_len(g))
			pool = min_pool_len(g);
		*needed += pool_with_info(pool);
	}
	*needed = round_up(*needed, DAXFS_PAGE_SIZE);
	if (!g->region_len)
		g->region_len = *needed;
	g->region_len &= ~(DAXFS_PAGE_SIZE - 1);
	if (g->region_len < *needed)
		return -ENOSPC;
	if (g->region_len > DAXFS_MAX_REGION)
		return -EFBIG;
	end = g->overlay_len ? l.at + pool_with_info(pool) : g->region_len;
	if (g->overlay)
		add_pool(&l, end < g->region_len ? end : g->region_len);
	g->super.region_len = g->region_len;
	return 0;
}

static u32 shift_of(u64 buckets)
{
	u32 shift = 0;

	while (1ull << shift < buckets)
		shift++;
	return shift;
}

/* The root directory of an empty region is an inode of the overlay. */
static int make_root(struct daxfs_cx *cx, const struct daxfs_geometry *g)
{
	struct daxfs_new what = { .mode = S_IFDIR | (g->root_mode & 07777),
				  .uid = g->root_uid, .gid = g->root_gid };
	struct daxfs_key k = daxfs_key_inode(cx->rg, DAXFS_ROOT_INO);
	u64 off, found, value;
	struct daxfs_inode *in;
	int r = daxfs_inode_make(cx, DAXFS_ROOT_INO, DAXFS_ROOT_INO, &what, &off);

	if (r)
		return r;
	in = daxfs_at(cx->rg, off, sizeof(*in), 64);
	/* not the clock's: reproducible */
	port_copy_to(&in->btime_ns, &g->created_ns, sizeof(in->btime_ns));
	a64_store_relaxed(&in->mtime_ns, g->created_ns);
	a64_store_relaxed(&in->ctime_ns, g->created_ns);
	a64_store_relaxed(&in->atime_ns, g->created_ns);
	return daxfs_index_insert(cx, &k, off, &found, &value);
}

/* Layers are of no use until a branch takes them; main is never written to. */
static void close_layers(struct daxfs_region *rg)
{
	u32 nr = (u32)rg->area[DAXFS_AREA_LAYERS].nr;

	for (u32 i = 2; i < nr; i++)
		a64_store_relaxed(&daxfs_layer_at(rg, i)->word,
				  layer_make(DAXFS_L_NONE, 0, 0));
	a64_store_relaxed(&daxfs_first_layer(rg)->word,
			  layer_make(DAXFS_L_FROZEN, 0, 0));
}

static int make_tree(struct daxfs_cx *cx, const struct daxfs_geometry *g)
{
	struct daxfs_layer *layer = daxfs_first_layer(cx->rg);
	u64 table;
	int r;

	if (g->branching)
		close_layers(cx->rg);
	r = daxfs_table_make(cx, shift_of(g->buckets),
			     daxfs_off(cx->rg, &layer->root_off), &table);
	if (r)
		return r;
	a64_store_relaxed(&layer->root_off, table);
	return g->base_inode_nr ? 0 : make_root(cx, g);
}

/* The maker is a host like any other, whose traces are wiped at the end. */
static int make_overlay(struct daxfs_region *rg, const struct daxfs_geometry *g)
{
	struct daxfs_host_id id = { .kind = DAXFS_HOST_TOOL };
	struct daxfs_globals *gl = daxfs_globals(rg);
	struct daxfs_cx cx;	/* about 20 KiB: user space only */
	int r;

	a64_store_relaxed(&gl->epoch.word, FIRST_EPOCH);
	a64_store_relaxed(&gl->next_ino.word, rg->super.first_ino);
	a64_store_relaxed(&gl->head.word, 1ull << 3);	/* main is layer 1 */
	a64_store_relaxed(&gl->layer_next.word, 2);
	r = daxfs_host_join(rg, &id);
	if (!r)
		r = daxfs_cx_init(&cx, rg, 0);
	if (!r)
		r = daxfs_enter(&cx);
	if (r)
		return r;
	r = make_tree(&cx, g);
	daxfs_leave(&cx);
	if (!r)
		r = daxfs_host_leave(&cx);
	port_zero(daxfs_host(rg, 0), sizeof(struct daxfs_host));
	return r;
}

/* The superblock as it will be in the region. */
static struct daxfs_super sealed(const struct daxfs_geometry *g)
{
	struct daxfs_super sb = g->super;

	sb.crc = 0;
	sb.crc = port_crc32(0, &sb, sizeof(sb));
	return sb;
}

/* Everything but the magic; then, behind a fence, the magic. */
static void put_super(const struct daxfs_super *sb, void *base)
{
	port_copy_to((u8 *)base + DAXFS_MAGIC_LEN,
		     (const u8 *)sb + DAXFS_MAGIC_LEN,
		     sizeof(*sb) - DAXFS_MAGIC_LEN);
	full_fence();	/* a region with its magic is complete; pairs with [MKF],
			 * the checks in daxfs_region_open() */
	port_copy_to(base, sb, DAXFS_MAGIC_LEN);
	port_acknowledge();
}

/* The base image was stored by the caller, not through the port. */
static void keep_base(const struct daxfs_region *rg)
{
	static const u32 type[] = { DAXFS_AREA_BASE_INODES,
				    DAXFS_AREA_BASE_META, DAXFS_AREA_BASE_DATA,
				    DAXFS_AREA_BACKING };

	for (u32 i = 0; i < sizeof(type) / sizeof(type[0]); i++) {
		const struct daxfs_span *a = &rg->area[type[i]];
		void *at = daxfs_at(rg, a->off, a->len, 1);

		if (at)
			port_keep(at, a->len);
	}
}

int daxfs_format(struct daxfs_geometry *g, void *base, u64 len)
{
	struct daxfs_super sb;
	struct daxfs_region rg;
	int r;

	if (len < g->super.region_len)
		return -EINVAL;
	sb = sealed(g);
	/* Of the region nobody must see a magic yet: open the copy instead. */
	r = daxfs_region_open(&rg, &sb, len, 1, NULL, 0);
	if (r)
		return r;
	rg.base = base;
	port_zero(base, DAXFS_MAGIC_LEN);
	keep_base(&rg);
	if (g->overlay)
		r = make_overlay(&rg, g);
	if (!r)
		put_super(&sb, base);
	return r;
}
