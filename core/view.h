/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The layers that a context sees: those of a branch, or of main.
 */
#ifndef DAXFS_VIEW_H
#define DAXFS_VIEW_H

#include "core.h"
#include "region.h"

/* The layer that is written to, if any is: the first that is looked into. */
static inline u32 daxfs_view_top(const struct daxfs_cx *cx)
{
	return cx->view.layer[0];
}

/*
 * Bring the view up to date, once in each section: one load, unless main has
 * moved or a branch ended. -ESTALE: our branch was aborted, or another one was
 * committed.
 */
int daxfs_view_look_again(struct daxfs_cx *cx);
static inline int daxfs_view_look(struct daxfs_cx *cx)
{
	if (!cx->view.fixed)
		return daxfs_view_look_again(cx);
	return cx->view.stale ? -ESTALE : 0;
}

/* Begin with the view of this host's branch. */
void daxfs_view_new(struct daxfs_cx *cx);
/* Main, whatever this host shows. */
int daxfs_view_main(struct daxfs_cx *cx);
/* The view of which that layer is the top, for who finishes another's work. */
int daxfs_view_of(struct daxfs_cx *cx, u32 layer);
/* Hosts that show this view, as far as that matters for what they hold. */
u64 daxfs_view_hosts(const struct daxfs_cx *cx);
/* May names and content be changed in what is seen? 0, -EROFS; -ESTALE. */
int daxfs_view_writable(struct daxfs_cx *cx);
/* Main, in a region with branches: nobody writes there, names stay. */
static inline int daxfs_view_is_main(const struct daxfs_cx *cx)
{
	return !cx->view.flat && !cx->view.branch;
}

/* A branch as it is found by its id. */
struct daxfs_branch_ref {
	u64 id;
	struct daxfs_branch *b;
	u64 word;
};

/* -ESTALE: it is not there any more. */
int daxfs_branch_get(const struct daxfs_region *rg, u64 id,
		     struct daxfs_branch_ref *br);
/*
 * Is the branch one of main as head has it, and so is each branch above it?
 * 0, -ESTALE. br: as it was found; a committed one is none any more.
 */
int daxfs_branch_valid(const struct daxfs_region *rg,
		       const struct daxfs_branch_ref *br, u64 head);

#endif
