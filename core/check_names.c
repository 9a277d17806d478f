// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Checking names: what they refer to, where they are listed; counting them.
 *
 * Notes: names of the overlay are the cells found in memory. A name of the base
 * image counts unless the overlay has a cell of that name. Counts are compared
 * in check_tree.c.
 */
#include "check.h"
#include "base.h"

static u64 dir_of(const struct daxfs_dirent_cell *c)
{
	return DAXFS_KEY_INO(daxfs_ck_load(&c->cell.key));
}

/* The name is out of use, or will be in a moment. */
static int is_dead(const struct daxfs_dirent_cell *c)
{
	u64 info = daxfs_ck_load(&c->cell.info);
	u64 v = daxfs_ck_load(&c->cell.value);

	return DAXFS_KIND(info) != DAXFS_I_OWNED || is_ref(v) ||
	       (value_state(v) != DAXFS_V_LIVE &&
		value_state(v) != DAXFS_V_WHITEOUT);
}

static void kill_name(struct daxfs_ck *p, u64 off, const char *what)
{
	if (daxfs_ck_found(p, DAXFS_REPAIR_ALL, "name", off, what))
		daxfs_ck_kill(p, off);
}

/* ---- directories that names are in ---- */

/* 1: names of the overlay may be in it. */
static int dir_is_there(struct daxfs_ck *p, u64 ino)
{
	struct daxfs_ck_node *n = daxfs_ck_node(p, ino);

	return n && n->off;
}

static int dir_was_removed(struct daxfs_ck *p, u64 ino)
{
	return ino <= p->rg->super.base_inode_nr &&
	       p->node[ino - 1].flags & DAXFS_CK_GONE;
}

static void check_dir_of(struct daxfs_ck *p, u64 off)
{
	struct daxfs_dirent_cell *c = daxfs_at(p->rg, off, 64, 64);
	u64 dir = dir_of(c);

	if (is_dead(c) || !dir || dir_is_there(p, dir) ||
	    dir_was_removed(p, dir))
		return;
	if (p->again)		/* one is being made; perhaps it is this one */
		return;
	if (daxfs_ck_found(p, DAXFS_REPAIR_ALL, "directory", dir,
			   "has names and is not there"))
		daxfs_ck_make_dir(p, dir);
}

static void check_root(struct daxfs_ck *p)
{
	if (daxfs_ck_node(p, DAXFS_ROOT_INO))
		return;
	if (daxfs_ck_found(p, DAXFS_REPAIR_ALL, "directory", DAXFS_ROOT_INO,
			   "the root is not there"))
		daxfs_ck_make_dir(p, DAXFS_ROOT_INO);
}

/* ---- what a name refers to ---- */

static void set_mode_type(struct daxfs_ck *p, struct daxfs_ck_node *n, u32 type)
{
	struct daxfs_inode *in = daxfs_at(p->rg, n->off, sizeof(*in), 64);
	u64 off = daxfs_ck_load(&in->attr_off);
	struct daxfs_attr *at = daxfs_at(p->rg, off, sizeof(*at), 8);
	u32 mode;

	if (!at || off == DAXFS_ATTR_GONE)
		at = &in->attr;
	mode = (at->mode & 07777) | type << 12;
	port_copy_to(&at->mode, &mode, sizeof(mode));
	p->again = 1;
}

/* Type of the name against that of the inode; one of them is wrong. */
static void check_type(struct daxfs_ck *p, struct daxfs_dirent_cell *c,
		       struct daxfs_ck_node *n)
{
	struct daxfs_inode *in = n->off ? daxfs_at(p->rg, n->off, sizeof(*in), 64) :
				 NULL;
	u64 v = daxfs_ck_load(&c->cell.value);
	struct daxfs_base_inode b;
	u32 mode, type = value_type(v);

	if (in)
		mode = daxfs_ck_mode(p, in);
	else if (!daxfs_base_inode(p->rg, n->ino, &b))
		mode = b.mode;
	else
		return;
	if (mode >> 12 == type)
		return;
	if (in && daxfs_ck_plausible(p, in, type) &&
	    !daxfs_ck_plausible(p, in, mode >> 12)) {
		if (daxfs_ck_found(p, DAXFS_REPAIR_ALL, "inode", n->ino,
				   "is of another type than its name says"))
			set_mode_type(p, n, type);
		return;
	}
	if (daxfs_ck_found(p, DAXFS_REPAIR_ALL, "name", daxfs_off(p->rg, c),
			   "has another type than its inode"))
		a64_store_relaxed(&c->cell.value, value_make(DAXFS_V_LIVE,
				  mode >> 12, value_ino(v)));
}

static void count_name(struct daxfs_ck *p, u64 dir, struct daxfs_ck_node *n)
{
	struct daxfs_ck_node *d = daxfs_ck_node(p, dir);

	n->links++;
	n->named_in = dir;
	if (!d)
		return;
	d->names++;
	d->subdirs += !!(n->flags & DAXFS_CK_DIR);
}

/* ---- slots ---- */

static void give_slot(struct daxfs_ck *p, struct daxfs_ck_node *d, u64 off)
{
	struct daxfs_iref dir;
	u64 slot;

	p->made = 1;
	if (daxfs_ck_iref(p, d, &dir) || daxfs_slot_take(p->cx, &dir, off, &slot))
		daxfs_ck_found(p, 0, "name", off, "has no slot and gets none");
}

static void check_slot(struct daxfs_ck *p, struct daxfs_ck_node *d, u64 off,
		       struct daxfs_dirent_cell *c, int in_base, u64 idx)
{
	struct daxfs_ck_slab *s;
	u32 nr;

	s = daxfs_ck_object(p, off, &nr);
	if (in_base) {
		if (daxfs_ck_load(&c->dslot) != idx &&
		    daxfs_ck_found(p, DAXFS_REPAIR_SAFE, "name", off,
				   "has another place than in the base image"))
			a64_store_relaxed(&c->dslot, idx);
		return;
	}
	if (!s || s->slotted >> nr & 1 || d->flags & DAXFS_CK_NO_TYPE)
		return;
	if (daxfs_ck_found(p, DAXFS_REPAIR_ALL, "name", off,
			   "is not in the listing of its directory"))
		give_slot(p, d, off);
}

/* ---- names of the overlay ---- */

static void check_whiteout(struct daxfs_ck *p, u64 off, int in_base)
{
	if (!in_base)
		kill_name(p, off, "hides a name that there is not");
}

static void check_live(struct daxfs_ck *p, u64 off, struct daxfs_dirent_cell *c,
		       struct daxfs_ck_node *d)
{
	u64 ino = value_ino(daxfs_ck_load(&c->cell.value));
	struct daxfs_ck_node *n = daxfs_ck_node(p, ino);

	daxfs_ck_number(p, ino);
	if (!d || !(d->flags & DAXFS_CK_DIR)) {
		if (!d || !(d->flags & DAXFS_CK_NO_TYPE))
			kill_name(p, off, "is in what is no directory");
		return;
	}
	if (!n) {
		kill_name(p, off, "refers to no inode");
		return;
	}
	if (ino == DAXFS_ROOT_INO) {
		kill_name(p, off, "refers to the root");
		return;
	}
	check_type(p, c, n);
	count_name(p, d->ino, n);
}

static void check_name(struct daxfs_ck *p, u64 off)
{
	struct daxfs_dirent_cell *c = daxfs_at(p->rg, off, 64, 64);
	struct daxfs_ck_node *d;
	u64 idx = 0, v;
	int in_base;

	if (is_dead(c))
		return;
	d = daxfs_ck_node(p, dir_of(c));
	in_base = daxfs_ck_in_base(p, dir_of(c), (const char *)c->name,
				   c->name_len, &idx);
	v = daxfs_ck_load(&c->cell.value);
	if (value_state(v) == DAXFS_V_WHITEOUT)
		check_whiteout(p, off, in_base);
	else
		check_live(p, off, c, d);
	if (d && d->off && !is_dead(c))
		check_slot(p, d, off, c, in_base, idx);
}

/* ---- names of the base image ---- */

/* The name was taken away, and shows again: so does what it named. */
static void show_again(struct daxfs_ck *p, u64 ino)
{
	if (daxfs_ck_found(p, DAXFS_REPAIR_ALL, "inode", ino,
			   "was removed, and a name of the base image shows it"))
		daxfs_ck_kill(p, p->node[ino - 1].off);
}

static void base_name(struct daxfs_ck *p, struct daxfs_ck_node *d,
		      const struct daxfs_base_dirent *de)
{
	struct daxfs_key k = daxfs_key_dirent(p->rg, d->ino, de->name,
					      de->name_len);
	struct daxfs_ck_node *n;

	if (!de->ino || de->ino > p->rg->super.base_inode_nr ||
	    (d->off && daxfs_ck_name(p, &k)))
		return;
	n = &p->node[de->ino - 1];
	if (n->flags & DAXFS_CK_GONE)
		show_again(p, de->ino);
	else if (n->flags & DAXFS_CK_LIVE)
		count_name(p, d->ino, n);
}

static void base_dir(struct daxfs_ck *p, struct daxfs_ck_node *d)
{
	struct daxfs_base_dirent de;
	struct daxfs_base_inode b;

	if (!(d->flags & DAXFS_CK_LIVE) || daxfs_base_inode(p->rg, d->ino, &b) ||
	    !S_ISDIR(b.mode))
		return;
	for (u64 i = 0; i < daxfs_base_dir_nr(&b); i++)
		if (!daxfs_base_dirent(p->rg, &b, i, &de))
			base_name(p, d, &de);
}

void daxfs_ck_names(struct daxfs_ck *p)
{
	check_root(p);
	daxfs_ck_each_of(p, DAXFS_T_DIRENT, check_dir_of);
	if (p->again)
		return;
	daxfs_ck_each_of(p, DAXFS_T_DIRENT, check_name);
	for (u64 i = 0; i < p->rg->super.base_inode_nr; i++)
		base_dir(p, &p->node[i]);
}
