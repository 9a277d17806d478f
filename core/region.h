/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Places in a region: globals, hosts, contexts, layer, info words of pages.
 *
 * Notes: all offsets come from the validated copy of the superblock, so these
 * do not fail for numbers within the stated bounds.
 */
#ifndef DAXFS_REGION_H
#define DAXFS_REGION_H

#include "core.h"

/* Entry i of an area; NULL beyond its end. */
static inline void *daxfs_entry_at(const struct daxfs_region *rg, u32 type, u64 i,
				   u64 size)
{
	if (i >= rg->area[type].nr)
		return NULL;
	return daxfs_at(rg, rg->area[type].off + i * size, size, 8);
}

static inline struct daxfs_globals *daxfs_globals(const struct daxfs_region *rg)
{
	return daxfs_entry_at(rg, DAXFS_AREA_GLOBALS, 0,
			      sizeof(struct daxfs_globals));
}

static inline struct daxfs_host_slot *daxfs_host_slot(const struct daxfs_region *rg,
						      u32 host)
{
	return daxfs_entry_at(rg, DAXFS_AREA_HOSTS, host,
			      sizeof(struct daxfs_host_slot));
}

/* host < DAXFS_HOSTS */
static inline struct daxfs_host *daxfs_host(const struct daxfs_region *rg, u32 host)
{
	return &daxfs_host_slot(rg, host)->host;
}

/* Who the owner of a slot is; published by the state, later. */
void daxfs_host_put_id(struct daxfs_host *h, const struct daxfs_host_id *id);

/* id = host * DAXFS_CTXS + context; NULL beyond the table */
static inline struct daxfs_shared_ctx *daxfs_shared_ctx(const struct daxfs_region *rg,
							u32 id)
{
	if (id >= DAXFS_HOSTS * DAXFS_CTXS)
		return NULL;
	return &daxfs_host_slot(rg, id / DAXFS_CTXS)->ctx[id % DAXFS_CTXS];
}

/*
 * What a look finds that is not what it was: -ESTALE, and what cx stores to its
 * context goes nowhere from here on; or 0 if we have changed the state ourselves.
 */
int daxfs_host_recheck(struct daxfs_cx *cx);

/*
 * Are we still the host that joined? 0, or -ESTALE from the moment on that
 * somebody has declared us dead. A look, not a lock: relaxed. It comes before
 * each step that others must not see of a host that was recovered; what may
 * happen between the look and the step is in docs/design.md, section 12.
 */
static inline int daxfs_still_host(struct daxfs_cx *cx)
{
	return a64_load_relaxed(cx->state) == cx->state_seen ? 0 :
	       daxfs_host_recheck(cx);
}

/* Layer nr; NULL: there is no entry of that number. */
static inline struct daxfs_layer *daxfs_layer_at(const struct daxfs_region *rg,
						 u32 nr)
{
	return nr ? daxfs_entry_at(rg, DAXFS_AREA_LAYERS, nr,
				   sizeof(struct daxfs_layer)) : NULL;
}

/* The layer that mkdaxfs makes: without branches it is the only one. */
static inline struct daxfs_layer *daxfs_first_layer(const struct daxfs_region *rg)
{
	return daxfs_layer_at(rg, 1);
}

/* The layer that a context writes to. */
static inline struct daxfs_layer *daxfs_top_layer(const struct daxfs_cx *cx)
{
	return daxfs_layer_at(cx->rg, cx->view.layer[0]);
}

/* Entry i of the branches; NULL: there is none of that number. */
static inline struct daxfs_branch *daxfs_branch_at(const struct daxfs_region *rg,
						   u32 i)
{
	return daxfs_entry_at(rg, DAXFS_AREA_BRANCHES, i,
			      sizeof(struct daxfs_branch));
}

/* Info word of the pool page at off; NULL outside the pool. */
static inline struct daxfs_a64 *daxfs_page_info(const struct daxfs_region *rg,
						u64 off)
{
	const struct daxfs_span *pool = &rg->area[DAXFS_AREA_POOL];

	if (off < pool->off || off - pool->off >= pool->len)
		return NULL;
	return daxfs_entry_at(rg, DAXFS_AREA_PAGE_INFO,
			      (off - rg->pool_base) >> DAXFS_PAGE_SHIFT,
			      sizeof(struct daxfs_a64));
}

/* Bitmap of the hosts that hold base inode ino; NULL if it is none. */
static inline struct daxfs_a64 *daxfs_base_opens(const struct daxfs_region *rg,
						 u64 ino)
{
	if (!ino || ino > rg->super.base_inode_nr)
		return NULL;
	return daxfs_entry_at(rg, DAXFS_AREA_BASE_OPENS, ino - 1,
			      sizeof(struct daxfs_a64));
}

/* Hint of the chunk with that index; NULL outside the pool. */
static inline struct daxfs_a64 *daxfs_chunk_hint(const struct daxfs_region *rg,
						 u64 chunk)
{
	return daxfs_entry_at(rg, DAXFS_AREA_CHUNK_HINT, chunk,
			      sizeof(struct daxfs_a64));
}

/* An array of 512 words that fills the page at off; NULL if bad. */
static inline struct daxfs_a64 *daxfs_word_page(const struct daxfs_region *rg,
						u64 off)
{
	return daxfs_at(rg, off, DAXFS_PAGE_SIZE, DAXFS_PAGE_SIZE);
}

#endif
