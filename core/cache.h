/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The shared page cache, as the other parts of the core see it.
 *
 * Notes: what front ends call is in core.h. A run that is `away' lies in a
 * backing file; its bytes are reached page by page through these functions,
 * inside a section or outside.
 */
#ifndef DAXFS_CACHE_H
#define DAXFS_CACHE_H

#include "core.h"

struct daxfs_piece {		/* bytes of one page of a backing file */
	const u8 *at;
	u64 len;
	u64 slot;		/* index + 1; 0: lent by the caller, and constant */
	u64 word, seq;		/* of the slot, as it was found */
};

/*
 * The bytes of an away run from skip on, to the end of their page at most.
 * -EREMOTE: not in the cache; cx->miss says what is wanted.
 */
int daxfs_away_piece(struct daxfs_cx *cx, const struct daxfs_run *run, u64 skip,
		     struct daxfs_piece *p);
/* Is it still that page? What was copied from p before the call is then right. */
int daxfs_piece_same(struct daxfs_cx *cx, const struct daxfs_piece *p);
/*
 * Copy bytes of an away run, len of them from skip on, to memory of the caller,
 * or (within) of the region. -EREMOTE as above; some are copied by then: *done.
 */
int daxfs_away_copy(struct daxfs_cx *cx, const struct daxfs_run *run, u64 skip,
		    u64 len, u8 *to, int within, u64 *done);
/*
 * Bytes that stay what they are until the call ends: only what the caller has
 * lent. -EREMOTE, with cx->miss.own set: he is to lend the page.
 */
int daxfs_away_lent(struct daxfs_cx *cx, const struct daxfs_run *run,
		    struct daxfs_piece *p);

/* Does that address lie in a backing file, with all of len bytes? */
int daxfs_backing_ok(const struct daxfs_region *rg, u64 addr, u64 len);

/* Pins, claims and fills of a host that is dead, or leaves, end. */
void daxfs_cache_recover(struct daxfs_cx *cx, u32 host);

/* ---- for the checks ---- */

u64 daxfs_cache_slot_nr(const struct daxfs_region *rg);
struct daxfs_pcache_slot *daxfs_cache_slot_at(const struct daxfs_region *rg, u64 i);
struct daxfs_a64 *daxfs_cache_pins_at(const struct daxfs_region *rg, u64 i);
#endif
