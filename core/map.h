/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The map of a file or directory: from a page number to the word that names
 * the page (docs/decisions/0001).
 */
#ifndef DAXFS_MAP_H
#define DAXFS_MAP_H

#include "core.h"

#define DAXFS_MAP_PAGES		(1ull << 36)	/* what four levels can name */

/*
 * The word of page idx in *word; NULL there if the map does not reach it.
 * create: make it reach; -ENOSPC, -EFBIG. Inside a section.
 */
int daxfs_map_word(struct daxfs_cx *cx, struct daxfs_inode *in, u64 idx,
		   int create, struct daxfs_a64 **word);
/*
 * The word of the page behind idx, of which word is given; NULL: it is in
 * another node, or there is none, and is to be looked up.
 */
static inline struct daxfs_a64 *daxfs_map_after(struct daxfs_a64 *word, u64 idx)
{
	return word && idx && (idx + 1) % DAXFS_MAP_FANOUT ? word + 1 : NULL;
}
/*
 * The first page at or behind *idx whose word is not 0. -ENOENT: none.
 * Skips what the map does not reach without looking at it.
 */
int daxfs_map_next(struct daxfs_cx *cx, struct daxfs_inode *in, u64 *idx,
		   struct daxfs_a64 **word);
/*
 * Retire all pages of content and of the map. Nobody can add to it any more;
 * several may do it at once. The words stay as they are.
 */
int daxfs_map_retire(struct daxfs_cx *cx, struct daxfs_inode *in);
/*
 * in, of the same number in a lower layer and without a map, takes that of from over,
 * which nobody changes any more. 1: it has, now or before; 0: it has one of its own.
 */
int daxfs_map_adopt(struct daxfs_cx *cx, struct daxfs_inode *in,
		    struct daxfs_inode *from);
/* May pages of this inode be mapped or pinned? Issues a full fence. */
int daxfs_inode_mapped(struct daxfs_cx *cx, struct daxfs_inode *in);

#endif
