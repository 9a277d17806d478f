// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The map of a file or directory: from a page number to the word that names
 * the page.
 *
 * Notes: page 0 hangs in the inode, so that a small file needs no map. The
 * others hang in a radix tree of pages of 512 words. Nodes are inserted empty
 * and stay until the inode is dropped, so a walk needs no second look.
 *
 * operation | linearization        | progress  | if the caller stops there
 * word      | load of each level   | wait-free | -
 * create    | CAS 0 -> node        | lock-free | nothing, or an empty node
 * raise     | CAS of the root      | lock-free | nothing, or a higher root
 * retire    | CAS of each info     | wait-free | recovery repeats it
 *
 * ABA: words of nodes go 0 -> offset once; the root only rises.
 */
#include "map.h"
#include "epoch.h"
#include "pool.h"
#include "record.h"
#include "region.h"
#include "word.h"

#define MAP_MASK	(DAXFS_MAP_FANOUT - 1)

static u32 root_height(u64 root)
{
	return (u32)DAXFS_KIND(root);
}

static u64 root_off(u64 root)
{
	return root & 0xfffffffff000ull;
}

static int root_is_bad(u64 root)
{
	return root && (!root_height(root) ||
			root_height(root) > DAXFS_MAP_HEIGHTS);
}

static int reaches(u32 height, u64 idx)
{
	return height >= DAXFS_MAP_HEIGHTS || !(idx >> (DAXFS_MAP_SHIFT * height));
}

/* Give the tree one more level; the old root becomes child 0. */
static int raise_root(struct daxfs_cx *cx, struct daxfs_inode *in, u64 root)
{
	struct daxfs_a64 *node;
	u64 off;
	int r;

	r = daxfs_page_take_zero(cx, DAXFS_T_MAP, daxfs_off(cx->rg, &in->map), &off);
	if (r)
		return r;
	node = daxfs_word_page(cx->rg, off);
	a64_store_relaxed(&node[0], root_off(root));
	/* Publishes the node. Pairs with [PUB] in map_root(). */
	if (a64_cas(&in->map, root, off | (root_height(root) + 1)) != root)
		daxfs_page_give(cx, off);
	return 0;
}

/* A root that reaches idx; 0 if there is none and none is to be made. */
static int map_root(struct daxfs_cx *cx, struct daxfs_inode *in, u64 idx,
		    int create, u64 *root)
{
	for (u32 i = 0; i < 64; i++) {
		int r;

		*root = a64_load_acquire(&in->map);	/* [PUB] in raise_root() */
		if (root_is_bad(*root))
			return -EUCLEAN;
		if (*root && reaches(root_height(*root), idx))
			return 0;
		if (!create) {
			*root = 0;
			return 0;
		}
		r = raise_root(cx, in, *root);
		if (r)
			return r;
	}
	return -EUCLEAN;
}

/* The child behind a word of a node, made if it is missing. */
static int child(struct daxfs_cx *cx, struct daxfs_a64 *word, int create, u64 *off)
{
	u64 found;
	int r;

	*off = a64_load_acquire(word);	/* pairs with [PUB] below */
	if (*off || !create)
		return 0;
	r = daxfs_page_take_zero(cx, DAXFS_T_MAP, daxfs_off(cx->rg, word), off);
	if (r)
		return r;
	found = a64_cas(word, 0, *off);	/* [PUB]: publishes the zeroed node */
	if (found) {
		daxfs_page_give(cx, *off);
		*off = found;
	}
	return 0;
}

int daxfs_map_word(struct daxfs_cx *cx, struct daxfs_inode *in, u64 idx,
		   int create, struct daxfs_a64 **word)
{
	struct daxfs_a64 *node;
	u64 root, off;
	int r;

	*word = &in->page0;
	if (!idx)
		return 0;
	*word = NULL;
	if (idx >= DAXFS_MAP_PAGES)
		return -EFBIG;
	r = map_root(cx, in, idx, create, &root);
	if (r || !root)
		return r;
	off = root_off(root);
	for (u32 h = root_height(root) - 1; ; h--) {
		node = daxfs_word_page(cx->rg, off);
		if (!node)
			return -EUCLEAN;
		node += (idx >> (DAXFS_MAP_SHIFT * h)) & MAP_MASK;
		if (!h)
			break;
		r = child(cx, node, create, &off);
		if (r || !off)
			return r;
	}
	*word = node;
	return 0;
}

/*
 * Walks trust a node only if it says itself that this word refers to it, so
 * whatever the bytes are, no node is visited twice. A former root, now child
 * 0, still names the root word. 1 yes, 0 already retired, -EUCLEAN.
 */
/*
 * Is that the word `map` of the inode? While layers are merged it may be that of
 * the same number in the other layer: see daxfs_map_adopt().
 */
static int is_root_word(struct daxfs_cx *cx, const struct daxfs_inode *in, u64 back)
{
	u64 off = back - offsetof(struct daxfs_inode, map), page, v;
	struct daxfs_inode *other;
	struct daxfs_a64 *info;

	if (back == daxfs_off(cx->rg, &in->map))
		return 1;
	if (cx->view.flat || back < offsetof(struct daxfs_inode, map) || off % 64)
		return 0;
	page = off & ~(DAXFS_PAGE_SIZE - 1);
	info = daxfs_page_info(cx->rg, page);
	v = info ? a64_load_acquire(info) : 0;		/* pairs with [SLB] */
	other = daxfs_at(cx->rg, off, sizeof(*other), 64);
	return other && daxfs_slab_class(v) == DAXFS_CLASS256 &&
	       a64_load_relaxed(&other->cell.key) == a64_load_relaxed(&in->cell.key);
}

static int node_is_of(struct daxfs_cx *cx, struct daxfs_inode *in,
		      struct daxfs_a64 *word, u64 nr, u64 off)
{
	struct daxfs_a64 *info = daxfs_page_info(cx->rg, off);
	u64 v, back;

	if (!info)
		return -EUCLEAN;
	v = a64_load_relaxed(info);
	if (info_is_retired(v))
		return 0;
	back = info_back(v);
	if (DAXFS_KIND(v) != DAXFS_I_OWNED || info_type(v) != DAXFS_T_MAP ||
	    (back != daxfs_off(cx->rg, word) && (nr || !is_root_word(cx, in, back))))
		return -EUCLEAN;
	return 1;
}

/* In the subtree at off of that height; its first page has number base. */
static int next_in(struct daxfs_cx *cx, struct daxfs_inode *in, u64 off,
		   u32 height, u64 base, u64 *idx, struct daxfs_a64 **word)
{
	struct daxfs_a64 *node = daxfs_word_page(cx->rg, off);
	u32 shift = DAXFS_MAP_SHIFT * (height - 1);
	u64 from = *idx > base ? (*idx - base) >> shift : 0;

	if (!node)
		return -EUCLEAN;
	for (u64 i = from; i < DAXFS_MAP_FANOUT; i++) {
		u64 first = base + (i << shift), v;
		int r;

		v = a64_load_acquire(&node[i]);	/* pairs with [PUB] */
		if (!v || (!shift && !first))
			continue;	/* page 0 is in the inode */
		if (!shift) {
			*idx = first;
			*word = &node[i];
			return 0;
		}
		r = node_is_of(cx, in, &node[i], i, v);
		if (r > 0)
			r = next_in(cx, in, v, height - 1, first, idx, word);
		if (r && r != -ENOENT)
			return r;
		if (!r && *word)
			return 0;
	}
	return -ENOENT;
}

int daxfs_map_next(struct daxfs_cx *cx, struct daxfs_inode *in, u64 *idx,
		   struct daxfs_a64 **word)
{
	u64 root;
	int r;

	*word = NULL;
	if (!*idx && a64_load_acquire(&in->page0)) {	/* [PUB] */
		*word = &in->page0;
		return 0;
	}
	root = a64_load_acquire(&in->map);	/* pairs with [PUB] in raise_root() */
	if (root_is_bad(root))
		return -EUCLEAN;
	if (!root || !reaches(root_height(root), *idx))
		return -ENOENT;
	r = node_is_of(cx, in, &in->map, 0, root_off(root));
	if (r <= 0)
		return r ? r : -ENOENT;
	return next_in(cx, in, root_off(root), root_height(root), 0, idx, word);
}

int daxfs_inode_mapped(struct daxfs_cx *cx, struct daxfs_inode *in)
{
	u64 ino = DAXFS_KEY_INO(a64_load_relaxed(&in->cell.key));
	struct daxfs_a64 *opens = daxfs_base_opens(cx->rg, ino);

	/* The slot is cleared before (by a commit, or not any more after
	 * "dropping" was set). Pairs with [MAP] in daxfs_map_begin(). */
	full_fence_after_rmw();
	/* A pin may have begun when the base inode had no copy to note it on;
	 * whoever pins a file holds it, too. */
	return a64_load_relaxed(&in->mapped) ||
	       (opens && a64_load_relaxed(opens));
}

struct retirement {
	u64 g;
	int mapped;
};

static int retire_word(struct daxfs_cx *cx, struct daxfs_a64 *word,
		       const struct retirement *how)
{
	struct daxfs_a64 *info;
	u64 v;
	int r = daxfs_word_settle(cx, word, &v);

	if (r || !pslot_is_page(v))
		return r;
	info = daxfs_page_info(cx->rg, pslot_off(v));
	/* Only what was taken for this word: stale bytes kill nothing. */
	if (info && info_back(a64_load_relaxed(info)) == daxfs_off(cx->rg, word))
		daxfs_page_retire(cx, pslot_off(v), how->g, how->mapped);
	return 0;
}

static int retire_tree(struct daxfs_cx *cx, struct daxfs_inode *in, u64 off,
		       u32 height, const struct retirement *how)
{
	struct daxfs_a64 *node = daxfs_word_page(cx->rg, off);

	if (!node)
		return -EUCLEAN;
	for (u32 i = 0; i < DAXFS_MAP_FANOUT; i++) {
		u64 v = a64_load_acquire(&node[i]);	/* pairs with [PUB] */
		int r;

		if (!v)
			continue;
		if (height == 1) {
			r = retire_word(cx, &node[i], how);
		} else {
			r = node_is_of(cx, in, &node[i], i, v);
			if (r > 0)
				r = retire_tree(cx, in, v, height - 1, how);
		}
		if (r)
			return r;
	}
	daxfs_page_retire(cx, off, how->g, 0);
	return 0;
}

static int root_is_ours(struct daxfs_cx *cx, struct daxfs_inode *in, u64 off)
{
	return info_back(a64_load_relaxed(daxfs_page_info(cx->rg, off))) ==
	       daxfs_off(cx->rg, &in->map);
}

int daxfs_map_retire(struct daxfs_cx *cx, struct daxfs_inode *in)
{
	struct retirement how;
	u64 root;
	int r;

	/* Dropping, or dead, before the words. Pairs with [OPN] in recover.c,
	 * [SLT] in slot_page_add(). */
	full_fence_after_rmw();
	if (!a64_load_acquire(&in->page0) && !a64_load_acquire(&in->map)) /* [PUB] */
		return 0;
	how.mapped = daxfs_inode_mapped(cx, in);
	how.g = daxfs_retire_epoch(cx);
	r = retire_word(cx, &in->page0, &how);
	root = a64_load_acquire(&in->map);	/* pairs with [PUB] in raise_root() */
	if (r || !root)
		return r;
	if (root_is_bad(root))
		return -EUCLEAN;
	r = node_is_of(cx, in, &in->map, 0, root_off(root));
	if (r <= 0)
		return r;	/* retired: children come first, so all is done */
	if (!root_is_ours(cx, in, root_off(root)))
		return 0;	/* the map of another layer's inode now */
	return retire_tree(cx, in, root_off(root), root_height(root), &how);
}

/* The root, and what was one before and is child 0 of a later one, name the word. */
static void adopt_roots(struct daxfs_cx *cx, struct daxfs_inode *in,
			struct daxfs_inode *from, u64 root)
{
	u64 off = root_off(root), old = daxfs_off(cx->rg, &from->map);

	for (u32 h = root_height(root); h && off; h--) {
		struct daxfs_a64 *info = daxfs_page_info(cx->rg, off), *node;
		u64 v = info ? a64_load_acquire(info) : 0;	/* pairs with [PUB] */

		if (DAXFS_KIND(v) == DAXFS_I_OWNED && info_back(v) == old &&
		    !daxfs_still_host(cx))
			a64_cas(info, v, info_owned(info_type(v), info_host(v),
						    daxfs_off(cx->rg, &in->map)));
		node = daxfs_word_page(cx->rg, off);
		off = node && h > 1 ? a64_load_acquire(&node[0]) : 0;	/* [PUB] */
	}
}

int daxfs_map_adopt(struct daxfs_cx *cx, struct daxfs_inode *in,
		    struct daxfs_inode *from)
{
	u64 root = a64_load_acquire(&from->map), mine;	/* [PUB] in raise_root() */

	if (!root || root_is_bad(root))
		return 0;
	mine = a64_load_acquire(&in->map);		/* pairs with [PUB], as above */
	/* It goes from 0 once, so a merger that comes late changes nothing. */
	if (!mine && !daxfs_still_host(cx))
		mine = a64_cas(&in->map, 0, root);
	if (mine && root_off(mine) != root_off(root))
		return 0;
	adopt_roots(cx, in, from, root);
	return 1;
}
