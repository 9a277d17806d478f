/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Records: change several words of the region in one instant.
 *
 * An operation goes begin, add..., run, (post steps), end. run() is activate,
 * claim, commit and clean in one; who must do something between them calls
 * the parts.
 */
#ifndef DAXFS_RECORD_H
#define DAXFS_RECORD_H

#include "core.h"
#include "word.h"

/*
 * The value of a claimable word, also while a record has claimed it. Issues an
 * acquire. -EUCLEAN.
 */
int daxfs_word_read_ref(const struct daxfs_region *rg,
			const struct daxfs_a64 *word, u64 v, u64 *value);

static inline int daxfs_word_read(const struct daxfs_region *rg,
				  const struct daxfs_a64 *word, u64 *value)
{
	/* Pairs with [REC] in daxfs_op_claim() and with [PUB]. */
	u64 v = a64_load_acquire(word);

	if (is_ref(v))
		return daxfs_word_read_ref(rg, word, v, value);
	*value = v;
	return 0;
}

/*
 * End the claim v on word: wait our patience for its record, then abort it,
 * then put in what it decided. Bounded by 1 ms.
 */
int daxfs_word_resolve(struct daxfs_cx *cx, struct daxfs_a64 *word, u64 v);
/* Read a word for changing it: resolves a claim first. */
int daxfs_word_settle(struct daxfs_cx *cx, struct daxfs_a64 *word, u64 *value);

/* Start over: all earlier references to this context's record are dead. */
void daxfs_op_begin(struct daxfs_cx *cx);
/* One more word: claimed in the order of adding. -E2BIG, -ENOSPC. */
int daxfs_op_add(struct daxfs_cx *cx, struct daxfs_a64 *word, u64 old, u64 new);
/*
 * The same for the counts of a directory, dirstate, that gain something, or
 * lose it (2^64 less). They may have moved on until they are claimed, and the
 * directory live on: then old is what they are. At most two in a record.
 */
int daxfs_op_add_counts(struct daxfs_cx *cx, struct daxfs_a64 *word, u64 old,
			u64 gain);
/*
 * Where branches freeze layers: an inode whose times the commit sets, as
 * DAXFS_TCH_* says; those that are asked for are in cx->touch_ns. Elsewhere
 * nothing: the caller sets them behind it.
 */
void daxfs_op_touch(struct daxfs_cx *cx, const struct daxfs_inode *in, u64 what);
/* A cell that commit kills: recovery buries and retires it. At most 8. */
void daxfs_op_garbage(struct daxfs_cx *cx, u64 cell_off);
/*
 * -ESTALE: and nothing is stored. -EROFS, -ESTALE: the layer is frozen, or is
 * not there any more; to be aborted like any other.
 */
int daxfs_op_activate(struct daxfs_cx *cx);
/* The same, of a record that changes layers and not what is in one. */
int daxfs_op_activate_free(struct daxfs_cx *cx);
/* The reference that a claimed word holds; for a cell born in its bucket. */
u64 daxfs_op_ref(const struct daxfs_cx *cx);
/*
 * Claim entries [from, to). -EAGAIN: a word has changed or we were aborted;
 * -ESTALE: and for good, for this host was declared dead.
 */
int daxfs_op_claim(struct daxfs_cx *cx, u32 from, u32 to);
/* The linearization point. -EAGAIN: aborted by others; -ESTALE as above. */
int daxfs_op_commit(struct daxfs_cx *cx);
/* Undecided: abort. */
void daxfs_op_abort(struct daxfs_cx *cx);
/* Put the decided values into all words. */
void daxfs_op_clean(struct daxfs_cx *cx);
/* All is claimed if r is 0: commit; else abort. Then clean. Returns r, or commit's. */
int daxfs_op_conclude(struct daxfs_cx *cx, int r);
/* activate, claim all, commit or abort, clean. Not 0: also ended. */
int daxfs_op_run(struct daxfs_cx *cx);
/* Post steps are done. */
void daxfs_op_end(struct daxfs_cx *cx);
/* Grow our patience after an abort; reset it for a new operation. */
void daxfs_patience_grow(struct daxfs_cx *cx);
void daxfs_patience_reset(struct daxfs_cx *cx);

/* Entry i of a context's record, NULL beyond its room. */
struct daxfs_entry *daxfs_entry(const struct daxfs_region *rg,
				struct daxfs_shared_ctx *sh, u64 i);
/*
 * The top layer of our view, once nobody claims its word: 0, -EROFS: it is frozen,
 * -ESTALE: it is gone.
 */
int daxfs_layer_is_live(struct daxfs_cx *cx);
/*
 * Whatever goes on in that layer, whose word is claimed by us: it is aborted, or
 * was decided, and its times are set. Waits for each record as be_patient().
 */
void daxfs_op_freeze(struct daxfs_cx *cx, u32 layer);
/* Decide and clean the record of a dead host's context. Idempotent. */
int daxfs_op_recover(struct daxfs_cx *cx, struct daxfs_shared_ctx *sh, u32 id);

#endif
