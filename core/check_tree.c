// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Checking counts and the tree: links, names in directories, parents, cycles.
 *
 * Notes: a directory has one name, in the directory that it calls its parent.
 * From each directory the names lead up to the root; a walk ends where an
 * earlier one came by, so all walks together take one step per directory.
 */
#include "check.h"
#include "base.h"
#include "inode.h"

static struct daxfs_inode *inode_of(struct daxfs_ck *p,
				    const struct daxfs_ck_node *n)
{
	return daxfs_at(p->rg, n->off, sizeof(struct daxfs_inode), 64);
}

static u64 opens_of(struct daxfs_ck *p, const struct daxfs_ck_node *n)
{
	return daxfs_ck_load(n->off && (!p->flat || n->ino > p->rg->super.base_inode_nr) ?
			     &inode_of(p, n)->opens : daxfs_base_opens(p->rg, n->ino));
}

static int is_held(struct daxfs_ck *p, const struct daxfs_ck_node *n)
{
	u64 bits = opens_of(p, n);

	if (!p->flat && n->ino <= p->rg->super.base_inode_nr)
		bits |= daxfs_ck_load(daxfs_base_opens(p->rg, n->ino));
	for (n = daxfs_ck_lower(p, n); n; n = daxfs_ck_lower(p, n))
		bits |= opens_of(p, n);
	return (bits & p->hosts) != 0;
}

/* ---- inodes without a name ---- */

static void drop(struct daxfs_ck *p, struct daxfs_ck_node *n, int level,
		 const char *what)
{
	if (daxfs_ck_found(p, level, "inode", n->ino, what))
		daxfs_ck_drop(p, n);
}

static int is_empty(struct daxfs_ck *p, struct daxfs_ck_node *n)
{
	struct daxfs_inode *in = inode_of(p, n);

	if (n->flags & DAXFS_CK_DIR)
		return !n->names;
	return S_ISREG(daxfs_ck_mode(p, in)) && !daxfs_ck_load(&in->size);
}

/* It says itself that it has none, as after its last unlink. */
static int knows_it(struct daxfs_inode *in, struct daxfs_ck_node *n)
{
	if (daxfs_ck_load(&in->nlink) & DAXFS_NLINK_DROPPING)
		return 1;
	if (n->flags & DAXFS_CK_DIR)
		return daxfs_ck_load(&in->dirstate) & DAXFS_DIR_DEAD &&
		       !n->names;
	return !nlink_count(daxfs_ck_load(&in->nlink));
}

static void check_nameless(struct daxfs_ck *p, struct daxfs_ck_node *n)
{
	struct daxfs_inode *in = inode_of(p, n);

	if (knows_it(in, n)) {
		p->ck->sum.unlinked++;
		if (daxfs_ck_is_frozen(p, p->layer))
			return;
		if (!is_held(p, n) ||
		    daxfs_ck_load(&in->nlink) & DAXFS_NLINK_DROPPING)
			drop(p, n, DAXFS_REPAIR_SAFE,
			     "has no name and nobody holds it");
		return;
	}
	if (n->flags & DAXFS_CK_NO_TYPE) {
		daxfs_ck_found(p, 0, "inode", n->ino,
			       "has no name and no type");
		return;
	}
	if (is_empty(p, n)) {
		drop(p, n, DAXFS_REPAIR_ALL, "has no name and is empty");
		return;
	}
	if (daxfs_ck_found(p, DAXFS_REPAIR_ALL, "inode", n->ino,
			   "has no name"))
		daxfs_ck_rescue(p, n);
}

/* ---- counts ---- */

static void check_links(struct daxfs_ck *p, struct daxfs_ck_node *n)
{
	struct daxfs_a64 *word = &inode_of(p, n)->nlink;
	u64 v = daxfs_ck_load(word);
	u32 want = n->flags & DAXFS_CK_DIR ? 1 : n->links;

	if (v & DAXFS_NLINK_DROPPING &&
	    daxfs_ck_found(p, DAXFS_REPAIR_ALL, "inode", n->ino,
			   "is being dropped and has a name"))
		a64_store_relaxed(word, v & ~DAXFS_NLINK_DROPPING);
	if (nlink_count(v) != want &&
	    daxfs_ck_found(p, DAXFS_REPAIR_SAFE, "inode", n->ino,
			   "its link count is not the number of its names"))
		a64_store_relaxed(word, nlink_make(want));
}

static void check_counts(struct daxfs_ck *p, struct daxfs_ck_node *n)
{
	struct daxfs_a64 *word = &inode_of(p, n)->dirstate;
	u64 v = daxfs_ck_load(word);

	if (v & DAXFS_DIR_DEAD &&
	    daxfs_ck_found(p, DAXFS_REPAIR_ALL, "directory", n->ino,
			   "is said to be removed and has a name"))
		a64_store_relaxed(word, v & ~DAXFS_DIR_DEAD);
	if ((dirstate_names(v) != n->names &&
	     daxfs_ck_found(p, DAXFS_REPAIR_SAFE, "directory", n->ino,
			    "count of names is wrong")) |
	    (dirstate_subdirs(v) != n->subdirs &&
	     daxfs_ck_found(p, DAXFS_REPAIR_SAFE, "directory", n->ino,
			    "count of subdirectories is wrong")))
		a64_store_relaxed(word, dirstate_make(n->names, n->subdirs));
}

static void check_parent(struct daxfs_ck *p, struct daxfs_ck_node *n)
{
	struct daxfs_a64 *word = &inode_of(p, n)->parent;
	u64 want = n->ino == DAXFS_ROOT_INO ? DAXFS_ROOT_INO : n->named_in;

	if (parent_ino(daxfs_ck_load(word)) != want &&
	    daxfs_ck_found(p, DAXFS_REPAIR_SAFE, "directory", n->ino,
			   "its parent is not where its name is"))
		a64_store_relaxed(word, parent_make(want));
}

/* What was found in its layer differs from what the one below comes to. */
static void sum_up(struct daxfs_ck *p, struct daxfs_ck_node *n)
{
	struct daxfs_ck_node *lower = n->layer == p->floor ? NULL : daxfs_ck_lower(p, n);

	if (n->flags & DAXFS_CK_SUMMED)
		return;
	n->flags |= DAXFS_CK_SUMMED;
	if (!lower || !(lower->flags & DAXFS_CK_LIVE))
		return;
	sum_up(p, lower);	/* as deep as layers lie on one another */
	n->names += lower->names;
	n->subdirs += lower->subdirs;
	n->links += lower->links;
	if (!n->named_in)
		n->named_in = lower->named_in;
}

/* What is below shows a name of it all the same. */
static void check_gone(struct daxfs_ck *p, struct daxfs_ck_node *n)
{
	if (n->links && daxfs_ck_found(p, DAXFS_REPAIR_ALL, "inode", n->ino,
				       "was removed, and a name of a lower layer "
				       "shows it"))
		daxfs_ck_kill(p, n->off);
}

static void check_overlay(struct daxfs_ck *p, struct daxfs_ck_node *n)
{
	int dir = n->flags & DAXFS_CK_DIR;

	if (!n->links && n->ino != DAXFS_ROOT_INO) {
		check_nameless(p, n);
		return;
	}
	if (n->flags & DAXFS_CK_NO_TYPE && !dir)
		daxfs_ck_found(p, 0, "inode", n->ino,
			       "is not what its type says");
	check_links(p, n);
	if (!dir)
		return;
	check_counts(p, n);
	if (n->links < 2)
		check_parent(p, n);
}

/* Without a copy nothing of it can have changed. */
static void check_base(struct daxfs_ck *p, struct daxfs_ck_node *n)
{
	struct daxfs_base_inode b;
	u32 want;

	if (daxfs_base_inode(p->rg, n->ino, &b))
		return;
	want = !S_ISDIR(b.mode) ? b.nlink : n->ino != DAXFS_ROOT_INO;
	if (n->links == want && (!S_ISDIR(b.mode) || n->subdirs + 2 == b.nlink))
		return;
	if (daxfs_ck_found(p, DAXFS_REPAIR_ALL, "inode", n->ino,
			   "of the base image was changed and has no copy"))
		daxfs_ck_copy_up(p, n);
}

/* ---- directories with several names ---- */

/* The name where the parent says; else the last one that was counted. */
static u64 right_dir(struct daxfs_ck *p, struct daxfs_ck_node *n)
{
	struct daxfs_inode *in = n->off ? inode_of(p, n) : NULL;
	u64 parent = in ? parent_ino(daxfs_ck_load(&in->parent)) : n->named_in;

	return daxfs_ck_node(p, parent) ? parent : n->named_in;
}

static void extra_name(struct daxfs_ck *p, u64 off)
{
	struct daxfs_dirent_cell *c = daxfs_at(p->rg, off, 64, 64);
	u64 v = daxfs_ck_load(&c->cell.value);
	struct daxfs_ck_node *n;

	if (is_ref(v) || value_state(v) != DAXFS_V_LIVE)
		return;
	n = daxfs_ck_node(p, value_ino(v));
	if (!n || !(n->flags & DAXFS_CK_DIR) || n->links < 2)
		return;
	if (DAXFS_KEY_INO(daxfs_ck_load(&c->cell.key)) == right_dir(p, n) &&
	    !(n->flags & DAXFS_CK_REACHED)) {
		n->flags |= DAXFS_CK_REACHED;	/* this one stays */
		return;
	}
	if (daxfs_ck_found(p, DAXFS_REPAIR_ALL, "name", off,
			   "is a further name of a directory"))
		daxfs_ck_kill(p, off);
}

/* ---- the way to the root ---- */

static void break_cycle(struct daxfs_ck *p, u64 off)
{
	struct daxfs_dirent_cell *c = daxfs_at(p->rg, off, 64, 64);
	u64 v = daxfs_ck_load(&c->cell.value);
	struct daxfs_ck_node *n;

	if (is_ref(v) || value_state(v) != DAXFS_V_LIVE)
		return;
	n = daxfs_ck_node(p, value_ino(v));
	if (n && n->flags & DAXFS_CK_DIR && n->visit == ~0ull)
		daxfs_ck_kill(p, off);
}

/*
 * The same in a layer upon others, where what is below may be seen from many: no
 * traces are left. Whoever goes round is where he was at some power of two of steps.
 */
static int walk_far_up(struct daxfs_ck *p, struct daxfs_ck_node *from)
{
	struct daxfs_ck_node *n = from, *met = NULL;

	for (u64 i = 0; n && n->ino != DAXFS_ROOT_INO && n->links && p->steps; i++) {
		if (n == met)
			break;
		if (!(i & (i - 1)))
			met = n;
		p->steps--;
		n = daxfs_ck_visible(p, n->named_in);
	}
	if (!n || n != met)
		return 0;
	from->visit = ~0ull;
	return 1;
}

/* 1: a cycle, that begins and ends at n. */
static int walk_up(struct daxfs_ck *p, struct daxfs_ck_node *n, u64 nr)
{
	while (n && n->ino != DAXFS_ROOT_INO && !n->visit && n->links) {
		n->visit = nr;
		n = daxfs_ck_node(p, n->named_in);
	}
	if (!n || n->visit != nr)
		return 0;
	n->visit = ~0ull;
	return 1;
}

static void check_ways(struct daxfs_ck *p)
{
	int cycle = 0;

	for (u64 i = 0; i < p->nodes; i++) {
		struct daxfs_ck_node *n = &p->node[i];

		if (!(n->flags & DAXFS_CK_LIVE) || !(n->flags & DAXFS_CK_DIR))
			continue;
		daxfs_ck_see(p, n->layer);
		if (daxfs_ck_on_floor(p) ? !walk_up(p, n, i + 1) :
					   !walk_far_up(p, n))
			continue;
		cycle |= daxfs_ck_found(p, DAXFS_REPAIR_ALL, "directory", n->ino,
					"is below itself");
	}
	if (cycle)
		daxfs_ck_each_of(p, DAXFS_T_DIRENT, break_cycle);
}

void daxfs_ck_tree(struct daxfs_ck *p)
{
	int several = 0;

	for (u64 i = 0; i < p->nodes; i++)
		if (p->node[i].flags)
			sum_up(p, &p->node[i]);
	p->steps = 64 * (p->nodes + 64);
	check_ways(p);
	for (u64 i = 0; i < p->nodes; i++) {
		struct daxfs_ck_node *n = &p->node[i];

		if (!n->flags)
			continue;
		daxfs_ck_see(p, n->layer);
		if (n->flags & DAXFS_CK_GONE && !daxfs_ck_on_floor(p))
			check_gone(p, n);
		if (!(n->flags & DAXFS_CK_LIVE))
			continue;
		several |= n->flags & DAXFS_CK_DIR && n->links > 1;
		if (n->off)
			check_overlay(p, n);
		else
			check_base(p, n);
	}
	if (several)
		daxfs_ck_each_of(p, DAXFS_T_DIRENT, extra_name);
}
