/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Branches: what the other parts of the core need of them.
 */
#ifndef DAXFS_BRANCH_H
#define DAXFS_BRANCH_H

#include "core.h"

/* Give back what a dead host had taken for branches, and unmount its own. */
void daxfs_branch_recover(struct daxfs_cx *cx, u32 host);
/* 1: there are branches that are valid with that head, 0: none. */
int daxfs_main_has_branches(struct daxfs_cx *cx, u64 head);
/* Merge some of main's layers. 1: there is more, or it waits for others. */
int daxfs_merge_some(struct daxfs_cx *cx);
/*
 * Whoever came in before this was first asked of the layer has left. Notes the epoch
 * in drop_epoch when it is asked first.
 */
int daxfs_layer_is_quiet(struct daxfs_cx *cx, struct daxfs_layer *l);
/* End what a dead host may have begun: to free a layer whose tables it retired. */
int daxfs_reap_recover(struct daxfs_cx *cx, u32 host);
/* There is something for daxfs_tidy() to find. */
void daxfs_tidy_hint(struct daxfs_cx *cx);

#endif
