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

struct daxfs_globals *daxfs_globals(const struct daxfs_region *rg);
/* host < DAXFS_HOSTS */
struct daxfs_host *daxfs_host(const struct daxfs_region *rg, u32 host);
/* Who the owner of a slot is; published by the state, later. */
void daxfs_host_put_id(struct daxfs_host *h, const struct daxfs_host_id *id);
/* id = host * DAXFS_CTXS + context; NULL beyond the table */
struct daxfs_shared_ctx *daxfs_shared_ctx(const struct daxfs_region *rg, u32 id);
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

/* The layer that is written to. */
struct daxfs_layer *daxfs_top_layer(const struct daxfs_region *rg);
/* Info word of the pool page at off; NULL outside the pool. */
struct daxfs_a64 *daxfs_page_info(const struct daxfs_region *rg, u64 off);
/* Bitmap of the hosts that hold base inode ino; NULL if it is none. */
struct daxfs_a64 *daxfs_base_opens(const struct daxfs_region *rg, u64 ino);
/* Hint of the chunk with that index; NULL outside the pool. */
struct daxfs_a64 *daxfs_chunk_hint(const struct daxfs_region *rg, u64 chunk);
/* An array of 512 words that fills the page at off; NULL if bad. */
struct daxfs_a64 *daxfs_word_page(const struct daxfs_region *rg, u64 off);

#endif
