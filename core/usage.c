// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * How much memory each layer holds.
 *
 * Notes: one pass over the accounting of the pool, loads only, without a section, so
 * for tools. A unit in use names the word that refers to it, and that word is in an
 * inode, in a page that names its own word in turn, or in a layer; names and inodes
 * say themselves in which layer they lie. Exact when nobody works; beside others what
 * moves meanwhile is counted as it was found, and what leads nowhere is left out.
 */
#include "pool.h"
#include "record.h"
#include "region.h"
#include "word.h"

#define WAY_MAX		128u	/* words from a page to its layer: a bound */

struct usage {
	const struct daxfs_region *rg;
	u64 *bytes;
	u32 nr;
};

/* The inode around the word at off, in a page of inodes. 0: none there. */
static u32 layer_of_inode(const struct daxfs_region *rg, u64 off)
{
	u64 size = daxfs_class_size(DAXFS_CLASS256), in_page = off & (DAXFS_PAGE_SIZE - 1);
	struct daxfs_inode *in = daxfs_at(rg, off - in_page % size, size, 64);
	u64 v = in ? a64_load_relaxed(&in->cell.info) : 0;	/* figures */

	return DAXFS_KIND(v) == DAXFS_I_OWNED && info_type(v) == DAXFS_T_INODE ?
	       birth_layer_of(in->birth_layer) : 0;
}

/* The layer whose entry the word at off is in. 0: it is in none. */
static u32 layer_of_entry(const struct daxfs_region *rg, u64 off)
{
	const struct daxfs_span *layers = &rg->area[DAXFS_AREA_LAYERS];

	return off < layers->off || off - layers->off >= layers->len ? 0 :
	       (u32)((off - layers->off) / sizeof(struct daxfs_layer));
}

/* From the word that refers to a unit up to the layer. 0: it leads nowhere. */
static u32 layer_of_word(const struct daxfs_region *rg, u64 off)
{
	for (u32 i = 0; i < WAY_MAX && off; i++) {
		struct daxfs_a64 *info = daxfs_page_info(rg, off & ~(DAXFS_PAGE_SIZE - 1));
		u64 v = info ? a64_load_relaxed(info) : 0;

		if (!info)
			return layer_of_entry(rg, off);
		if (daxfs_slab_class(v) == DAXFS_CLASS256)
			return layer_of_inode(rg, off);
		if (DAXFS_KIND(v) != DAXFS_I_OWNED)
			return 0;
		off = info_back(v);
	}
	return 0;
}

static void add(struct usage *u, u32 layer, u64 bytes)
{
	if (layer && layer < u->nr)
		u->bytes[layer] += bytes;
}

static void add_object(struct usage *u, u64 off, u32 size)
{
	struct daxfs_dirent_cell *c = daxfs_at(u->rg, off, size, 64);
	u64 v = c ? a64_load_relaxed(&c->cell.info) : 0;

	if (DAXFS_KIND(v) != DAXFS_I_OWNED)
		return;
	if (info_type(v) == DAXFS_T_DIRENT)
		add(u, dslot_layer(a64_load_relaxed(&c->dslot)), size);
	else if (info_type(v) == DAXFS_T_INODE)
		add(u, layer_of_inode(u->rg, off), size);
	else
		add(u, layer_of_word(u->rg, info_back(v)), size);
}

static void add_page(struct usage *u, u64 off)
{
	struct daxfs_a64 *info = daxfs_page_info(u->rg, off);
	u64 v = info ? a64_load_relaxed(info) : 0;
	enum daxfs_class class = daxfs_slab_class(v);

	if (DAXFS_KIND(v) != DAXFS_I_OWNED)
		return;
	if (class == DAXFS_NO_CLASS)
		add(u, layer_of_word(u->rg, info_back(v)), DAXFS_PAGE_SIZE);
	else
		for (u32 i = 0; i < daxfs_class_nr(class); i++)
			add_object(u, off + i * daxfs_class_size(class),
				   daxfs_class_size(class));
}

void daxfs_layer_bytes(const struct daxfs_region *rg, u64 *bytes, u32 nr)
{
	const struct daxfs_span *pool = &rg->area[DAXFS_AREA_POOL];
	struct usage u = { rg, bytes, nr };

	memset(bytes, 0, nr * sizeof(*bytes));
	for (u64 i = 0; daxfs_has_overlay(rg) && i < pool->nr; i++)
		add_page(&u, pool->off + (i << DAXFS_PAGE_SHIFT));
}

int daxfs_branch_bytes(const struct daxfs_region *rg, u64 id, const u64 *bytes, u32 nr,
		       u64 *sum)
{
	struct daxfs_branch *b = id ? daxfs_branch_at(rg, branch_id_entry(id)) : NULL;
	u64 at, end = b ? a64_load_relaxed(&b->base_layer) : 0;
	int r = daxfs_word_read(rg, b ? &b->word : &daxfs_globals(rg)->head.word, &at);

	*sum = 0;
	if (!r && b && branch_generation(at) != branch_id_generation(id))
		r = -ESTALE;
	at = b ? branch_top(at) : head_layer(at);
	for (u32 i = 0; !r && at != end && i < DAXFS_VIEW_MAX; i++) {
		struct daxfs_layer *l = daxfs_layer_at(rg, (u32)at);

		if (!l || at >= nr)
			return -EUCLEAN;
		*sum += bytes[at];
		r = daxfs_word_read(rg, &l->below, &at);
		at = layer_below(at);
	}
	return r;
}
