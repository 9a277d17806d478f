/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Stores through mappings where layers freeze: for who freezes one.
 */
#ifndef DAXFS_STORES_H
#define DAXFS_STORES_H

#include "core.h"

struct daxfs_ask {		/* of one call; all 0 to begin with */
	u32 layer;		/* that hosts are asked to let go */
	u64 request;
	u32 looks;
};

/*
 * Has a host that lives entries to store through to that layer? Its word is claimed
 * by the caller, before a full fence, or the answer is a hint.
 */
int daxfs_stores_to(struct daxfs_cx *cx, u32 layer);
/*
 * Ask them to take those away, and wait. 0: they have, and make none while the
 * request stands. -EBUSY: not within 100 ms, of all calls with this ask together;
 * -ESTALE. Not in a section.
 */
int daxfs_stores_ask(struct daxfs_cx *cx, u32 layer, struct daxfs_ask *ask);
/* The layer is frozen, or will not be: the request is taken back. */
void daxfs_stores_unask(struct daxfs_cx *cx, struct daxfs_ask *ask);

#endif
