// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Checking names: what they refer to, where they are listed; counting them.
 *
 * Notes: names of the overlay are the cells found in memory. A name of the base
 * image counts unless the overlay has a cell of that name. In a layer that lies on
 * another one what differs is counted: a name in it counts one more, and a name below
 * that it covers one less; check_tree.c adds what the lower layer comes to, and
 * compares. So each cell is looked at once, however many layers there are.
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
	struct daxfs_ck_node *n = daxfs_ck_node_in(p, daxfs_ck_shown_by(p, p->layer),
						   ino);

	return n && n->flags & DAXFS_CK_GONE;
}

static void check_dir_of(struct daxfs_ck *p, u64 off)
{
	struct daxfs_dirent_cell *c = daxfs_at(p->rg, off, 64, 64);
	u64 dir = dir_of(c);

	if (is_dead(c) || !dir || dir_is_there(p, dir) ||
	    dir_was_removed(p, dir) || daxfs_ck_is_hidden(p, off))
		return;
	if (p->again)		/* one is being made; perhaps it is this one */
		return;
	if (daxfs_ck_found(p, DAXFS_REPAIR_ALL, "directory", dir,
			   "has names and is not there"))
		daxfs_ck_make_dir(p, dir);
}

static void check_root(struct daxfs_ck *p)
{
	daxfs_ck_see(p, p->floor);
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

static void set_place(struct daxfs_ck *p, u64 off, struct daxfs_dirent_cell *c,
		      u64 slot)
{
	u64 v = daxfs_ck_load(&c->dslot);
	u64 right = p->flat ? slot : dslot_make(slot, p->layer) | DSLOT_COVERS;

	if (v != right &&
	    daxfs_ck_found(p, DAXFS_REPAIR_SAFE, "name", off,
			   p->flat ? "has another place than in the base image" :
			   "has another place than the name that it covers"))
		a64_store_relaxed(&c->dslot, right);
}

static void check_slot(struct daxfs_ck *p, struct daxfs_ck_node *d, u64 off,
		       struct daxfs_dirent_cell *c, const struct daxfs_ck_under *under)
{
	struct daxfs_ck_slab *s;
	u32 nr;

	s = daxfs_ck_object(p, off, &nr);
	/* What was merged keeps the place that it had. */
	if (under && (p->flat || !s || !(s->slotted >> nr & 1))) {
		set_place(p, off, c, under->slot);
		return;
	}
	if (!p->flat && !under && daxfs_ck_load(&c->dslot) & DSLOT_COVERS) {
		if (daxfs_ck_is_merged(p))
			return;		/* it covers one of the layer below */
		if (daxfs_ck_found(p, DAXFS_REPAIR_SAFE, "name", off,
				   "says that it covers a name that there is not"))
			a64_store_relaxed(&c->dslot, daxfs_ck_load(&c->dslot) &
					  ~DSLOT_COVERS);
	}
	if (!s || s->slotted >> nr & 1 || d->flags & DAXFS_CK_NO_TYPE)
		return;
	if (daxfs_ck_found(p, DAXFS_REPAIR_ALL, "name", off,
			   "is not in the listing of its directory"))
		give_slot(p, d, off);
}

/* ---- names of the overlay ---- */

static void check_whiteout(struct daxfs_ck *p, u64 off, int covers)
{
	if (!covers && !daxfs_ck_is_merged(p))
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
	if (!n && daxfs_ck_visible(p, ino)) {
		if (daxfs_ck_found(p, DAXFS_REPAIR_ALL, "inode", ino,
				   "got a name in a layer that has no copy of it"))
			daxfs_ck_copy_up(p, daxfs_ck_visible(p, ino));
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

/* A name of a lower layer is not seen any more. */
static void uncount_name(struct daxfs_ck *p, u64 dir, const struct daxfs_ck_under *u)
{
	u32 at = daxfs_ck_shown_by(p, p->layer);
	struct daxfs_ck_node *n = daxfs_ck_node_in(p, at, u->ino);
	struct daxfs_ck_node *d = daxfs_ck_node_in(p, at, dir);

	if (!n && daxfs_ck_visible(p, u->ino) &&
	    daxfs_ck_found(p, DAXFS_REPAIR_ALL, "inode", u->ino,
			   "lost a name in a layer that has no copy of it"))
		daxfs_ck_copy_up(p, daxfs_ck_visible(p, u->ino));
	if (n)
		n->links--;
	if (d)
		d->names--;
	if (d)
		d->subdirs -= u->type == S_IFDIR >> 12;
}

static void check_name(struct daxfs_ck *p, u64 off)
{
	struct daxfs_dirent_cell *c = daxfs_at(p->rg, off, 64, 64);
	struct daxfs_ck_under u;
	struct daxfs_ck_node *d;
	int covers;
	u64 v;

	if (is_dead(c) || daxfs_ck_is_hidden(p, off))
		return;
	d = daxfs_ck_node(p, dir_of(c));
	covers = daxfs_ck_covers(p, off, &u);
	v = daxfs_ck_load(&c->cell.value);
	if (value_state(v) == DAXFS_V_WHITEOUT)
		check_whiteout(p, off, covers);
	else
		check_live(p, off, c, d);
	if (is_dead(c))
		return;
	if (covers && !daxfs_ck_on_floor(p))
		uncount_name(p, dir_of(c), &u);
	if (d && d->off)
		check_slot(p, d, off, c, covers ? &u : NULL);
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
	daxfs_ck_see(p, p->floor);
	for (u64 i = 0; i < p->rg->super.base_inode_nr; i++)
		base_dir(p, &p->node[i]);
}
