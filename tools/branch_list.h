/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Branches as text and as JSON, for daxfs-branch and daxfs-inspect.
 *
 * Notes: they come as the ioctls tell of them, in any order, and are put in that of
 * the tree. "orphaned" is one that nobody shows, and that nobody wanted to be kept.
 */
#ifndef DAXFS_TOOLS_BRANCH_LIST_H
#define DAXFS_TOOLS_BRANCH_LIST_H

#include <daxfs/ioctl.h>
#include <json-c/json.h>

#include "core.h"

struct branch_tree {
	struct daxfs_ioc_branch *b;	/* parents first, each followed by its own */
	unsigned int *depth;		/* 1: child of main */
	unsigned int nr;
	unsigned long long head;
	unsigned long long main_mounts;	/* bitmap, if known */
	int main_known;
	u64 *size;		/* of each, bytes; NULL: not known */
	u64 main_size;
};

/*
 * Ask next() until it says -ENOENT: it fills b and moves b->index. 0 or a negative
 * errno; branch_tree_free() in any case.
 */
int branch_tree_get(struct branch_tree *t,
		    int (*next)(void *arg, struct daxfs_ioc_branch *b), void *arg);
/*
 * How much memory the layers of each hold, by a look at all pages of the region. 0 or a
 * negative errno: then it is not known.
 */
int branch_tree_measure(struct branch_tree *t, const struct daxfs_region *rg);
void branch_tree_free(struct branch_tree *t);
void branch_tree_print(const struct branch_tree *t);
struct json_object *branch_tree_json(const struct branch_tree *t);

const char *branch_state_text(const struct daxfs_ioc_branch *b);
/* mountpoint: where it was mounted; NULL: nowhere. */
void branch_print_json(const struct daxfs_ioc_branch *b, const char *mountpoint);

#endif
