// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Checking the objects of slab pages: names and inodes by themselves.
 *
 * Notes: what a cell says is said more than once: its hash is that of key and
 * name, its bucket has part of the hash, the value of an inode repeats its
 * number. So of one wrong word it can be told which one it is, mostly.
 */
#include "check.h"
#include "base.h"

#define HASH_LOOKS	4096u

enum daxfs_class daxfs_ck_name_class(u32 len)
{
	return len <= DAXFS_DIRENT64_NAME ? DAXFS_CLASS64 :
	       len <= DAXFS_DIRENT128_NAME ? DAXFS_CLASS128 : DAXFS_CLASS320;
}

static int name_possible(const u8 *name, u32 len)
{
	for (u32 i = 0; i < len; i++)
		if (!name[i] || name[i] == '/')
			return 0;
	return len && !(name[0] == '.' && (len == 1 ||
					   (len == 2 && name[1] == '.')));
}

int daxfs_ck_key(struct daxfs_ck *p, u64 off, struct daxfs_key *k)
{
	struct daxfs_dirent_cell *c = daxfs_at(p->rg, off, 64, 64);
	u64 key = c ? daxfs_ck_load(&c->cell.key) : 0;
	u32 len = c ? c->name_len : 0;

	if (!c || key != (DAXFS_KEY_DIRENT | DAXFS_KEY_INO(key)) ||
	    !daxfs_at(p->rg, off, DAXFS_DIRENT_NAME_OFF + len, 64) ||
	    !name_possible(c->name, len))
		return -EUCLEAN;
	*k = daxfs_key_dirent(p->rg, DAXFS_KEY_INO(key), (const char *)c->name,
			      len);
	return 0;
}

static int alive(u64 v)
{
	return is_ref(v) || value_state(v) == DAXFS_V_LIVE ||
	       value_state(v) == DAXFS_V_WHITEOUT;
}

int daxfs_ck_genuine(struct daxfs_ck *p, u64 off, enum daxfs_class class,
		     u32 *type)
{
	u64 in_page = off & (DAXFS_PAGE_SIZE - 1), key;
	struct daxfs_cell *c = daxfs_at(p->rg, off, 64, 64);
	struct daxfs_key k;

	if (!c || in_page % daxfs_class_size(class) ||
	    in_page / daxfs_class_size(class) >= daxfs_class_nr(class) ||
	    !alive(daxfs_ck_load(&c->value)))
		return 0;
	key = daxfs_ck_load(&c->key);
	if (class == DAXFS_CLASS256) {
		*type = DAXFS_T_INODE;
		k = daxfs_key_inode(p->rg, DAXFS_KEY_INO(key));
		return key == k.key && k.hash == daxfs_ck_load(&c->hash);
	}
	*type = DAXFS_T_DIRENT;
	return !daxfs_ck_key(p, off, &k) && daxfs_ck_name_class(k.len) == class &&
	       k.hash == daxfs_ck_load(&c->hash);
}

/* ---- objects ---- */

static void free_object(struct daxfs_ck *p, u64 off, const char *what)
{
	if (daxfs_ck_found(p, DAXFS_REPAIR_ALL, "object", off, what))
		a64_store_relaxed(daxfs_at(p->rg, off, 64, 64), DAXFS_I_FREE);
}

static void check_object(struct daxfs_ck *p, struct daxfs_ck_slab *s, u32 nr,
			 u64 off, u64 v)
{
	struct daxfs_a64 *back;

	(void)nr;
	if (DAXFS_KIND(v) != DAXFS_I_OWNED ||
	    daxfs_ck_fits(info_type(v), s->class))
		return;
	back = daxfs_at(p->rg, info_back(v), 8, 8);
	if (info_type(v) == DAXFS_T_ATTR && back && daxfs_ck_load(back) == off) {
		if (daxfs_ck_found(p, DAXFS_REPAIR_ALL, "page", s->off,
				   "holds attributes and does not say so"))
			daxfs_ck_restore_slab(p, s->off, DAXFS_CLASS64);
		return;
	}
	free_object(p, off, "is of a type that its page cannot hold");
}

/* ---- names ---- */

/* The hash differs from that of key and name. 1: it was the hash. */
static int hash_is_wrong(struct daxfs_ck *p, u64 hash, u64 off)
{
	return daxfs_ck_lookup(p, hash, off);
}

static void insert_name(struct daxfs_ck *p, u64 off, u64 hash)
{
	u64 at = daxfs_ck_spread(p, daxfs_ck_shown_by(p, p->layer), hash);

	for (u32 i = 0; i < HASH_LOOKS; i++, at++) {
		u64 *e = &p->name_hash[at & (p->names - 1)];

		if (!*e) {
			*e = off;
			return;
		}
	}
	daxfs_ck_found(p, 0, "name", off, "is one of too many of one hash");
}

static int is_known(struct daxfs_ck *p, u64 off)
{
	u32 nr;
	struct daxfs_ck_slab *s = daxfs_ck_object(p, off, &nr);

	return s && s->known >> nr & 1;
}

/* Two cells of one key: the one that a lookup finds first is the name. */
static void twice(struct daxfs_ck *p, u64 off, u64 other, const char *where,
		  u64 id, const char *what)
{
	if (daxfs_ck_found(p, DAXFS_REPAIR_ALL, where, id, what))
		daxfs_ck_kill(p, is_known(p, off) && !is_known(p, other) ? other :
			      off);
}

/* The other cell of the key is in the layer that is being merged into this one. */
static int lies_above(struct daxfs_ck *p, u64 other, u32 type)
{
	return !p->flat && p->layers[p->layer].shown_by &&
	       p->layers[p->layer].shown_by == daxfs_ck_layer_of(p, other, type);
}

static void check_name_value(struct daxfs_ck *p, u64 off, struct daxfs_cell *c)
{
	u64 v = daxfs_ck_value(p, &c->value, value_make(DAXFS_V_DEAD, 0, 0),
			       "name", off);
	u32 state = (u32)value_state(v);

	if (state == DAXFS_V_DEAD || state == DAXFS_V_NONE) {
		if (daxfs_ck_found(p, DAXFS_REPAIR_SAFE, "object", off,
				   "is a name that is dead"))
			daxfs_ck_kill(p, off);
		return;
	}
	if ((DAXFS_KIND(v) || state > DAXFS_V_DEAD ||
	     (state == DAXFS_V_LIVE && !value_ino(v))) &&
	    daxfs_ck_found(p, DAXFS_REPAIR_ALL, "name", off,
			   "has a value that cannot be"))
		daxfs_ck_kill(p, off);
}

static void check_name(struct daxfs_ck *p, u64 off)
{
	struct daxfs_dirent_cell *c = daxfs_at(p->rg, off, 64, 64);
	struct daxfs_ck_slab *s;
	struct daxfs_key k;
	u64 other;
	u32 nr;

	s = daxfs_ck_object(p, off, &nr);
	if (daxfs_ck_key(p, off, &k) || daxfs_ck_name_class(k.len) != s->class) {
		if (daxfs_ck_found(p, DAXFS_REPAIR_ALL, "name", off,
				   "cannot be a name"))
			daxfs_ck_kill(p, off);
		return;
	}
	if (k.hash != daxfs_ck_load(&c->cell.hash)) {
		int hash = hash_is_wrong(p, k.hash, off);

		if (!daxfs_ck_found(p, DAXFS_REPAIR_ALL, "name", off, hash ?
				    "has a wrong hash" : "is not what it was: "
				    "it and its key have another hash"))
			return;
		if (!hash) {
			daxfs_ck_kill(p, off);
			return;
		}
		a64_store_relaxed(&c->cell.hash, k.hash);
		s->known |= 1ull << nr;
	}
	check_name_value(p, off, &c->cell);
	if (DAXFS_KIND(daxfs_ck_load(&c->cell.info)) != DAXFS_I_OWNED ||
	    !alive(daxfs_ck_load(&c->cell.value)))
		return;
	other = daxfs_ck_name(p, &k);
	if (!other)
		insert_name(p, off, k.hash);
	else if (!lies_above(p, other, DAXFS_T_DIRENT))
		twice(p, off, other, "name", off, "is there twice");
}

/* ---- inodes ---- */

/* Key, hash and value each have the number: two of three are right. */
static int check_number(struct daxfs_ck *p, u64 off, struct daxfs_cell *c, u64 *ino)
{
	u64 key = daxfs_ck_load(&c->key), hash = daxfs_ck_load(&c->hash);
	u64 v = daxfs_ck_load(&c->value);
	struct daxfs_key by_key = daxfs_key_inode(p->rg, DAXFS_KEY_INO(key));
	struct daxfs_key by_value = daxfs_key_inode(p->rg, value_ino(v));

	*ino = DAXFS_KEY_INO(key);
	if (key == by_key.key && hash == by_key.hash && *ino)
		return 0;
	if (!is_ref(v) && value_ino(v) && hash == by_value.hash) {
		*ino = value_ino(v);
		if (daxfs_ck_found(p, DAXFS_REPAIR_ALL, "inode", *ino,
				   "has a wrong key"))
			a64_store_relaxed(&c->key, by_value.key);
		return 0;
	}
	if (key == by_key.key && key == by_value.key && *ino) {
		if (daxfs_ck_found(p, DAXFS_REPAIR_ALL, "inode", *ino,
				   "has a wrong hash"))
			a64_store_relaxed(&c->hash, by_key.hash);
		daxfs_ck_index_is_bad(p);
		return 0;
	}
	if (daxfs_ck_found(p, DAXFS_REPAIR_ALL, "inode", off,
			   "cannot be an inode"))
		daxfs_ck_kill(p, off);
	return -EUCLEAN;
}

static int was_dropped(struct daxfs_inode *in)
{
	return daxfs_ck_load(&in->attr_off) == DAXFS_ATTR_GONE &&
	       daxfs_ck_load(&in->nlink) & DAXFS_NLINK_DROPPING;
}

/* One that was merged into a layer to hide what is below, and never had anything. */
static int says_gone(struct daxfs_inode *in)
{
	u64 v = daxfs_ck_load(&in->cell.value);

	return !is_ref(v) && value_state(v) == DAXFS_V_WHITEOUT &&
	       !nlink_count(daxfs_ck_load(&in->nlink)) &&
	       !daxfs_ck_load(&in->page0) && !daxfs_ck_load(&in->map);
}

/* State of the inode, set right if it must be. 0: nothing is left of it. */
static u64 check_inode_value(struct daxfs_ck *p, u64 off, u64 ino)
{
	struct daxfs_inode *in = daxfs_at(p->rg, off, sizeof(*in), 64);
	struct daxfs_a64 *value = &in->cell.value;
	int base = p->flat ? ino <= p->rg->super.base_inode_nr :
			     birth_is_copy(in->birth_layer);
	u64 v = daxfs_ck_load(value), state = value_state(v), right;

	if (state == DAXFS_V_DEAD && !base && !is_ref(v)) {
		if (daxfs_ck_found(p, DAXFS_REPAIR_SAFE, "object", off,
				   "is an inode that is dead"))
			daxfs_ck_kill(p, off);
		return 0;
	}
	state = base && (was_dropped(in) || (!p->flat && says_gone(in))) ?
		DAXFS_V_WHITEOUT : DAXFS_V_LIVE;
	right = value_make(state, 0, ino);
	if (v != right && daxfs_ck_found(p, DAXFS_REPAIR_ALL, "inode", ino,
					 "has a value that cannot be"))
		a64_store_relaxed(value, right);
	return state;
}

static void note_inode(struct daxfs_ck *p, u64 off, u64 ino, u64 state)
{
	struct daxfs_inode *in = daxfs_at(p->rg, off, sizeof(*in), 64);
	struct daxfs_ck_node *n;
	struct daxfs_ck_slab *s;
	u32 nr;

	s = daxfs_ck_object(p, off, &nr);
	n = ino <= p->rg->super.base_inode_nr && daxfs_ck_on_floor(p) ?
	    &p->node[ino - 1] : &p->node[s->node + nr];
	n->layer = daxfs_ck_shown_by(p, p->layer);
	n->ino = ino;
	n->off = off;
	n->flags = state == DAXFS_V_LIVE ? DAXFS_CK_LIVE : DAXFS_CK_GONE;
	if (!p->flat && birth_is_copy(in->birth_layer))
		n->flags |= DAXFS_CK_COPY;
	daxfs_ck_number(p, ino);
}

/* The other object of that number, or 0 and a place in the table. */
static u64 other_of(struct daxfs_ck *p, u64 ino, u64 **place)
{
	u32 layer = daxfs_ck_shown_by(p, p->layer);
	u64 at = daxfs_ck_spread(p, layer, ino);
	struct daxfs_ck_node *n;

	if (ino <= p->rg->super.base_inode_nr && layer == p->floor)
		return p->node[ino - 1].off;
	for (u32 i = 0; i < HASH_LOOKS; i++, at++) {
		u64 *e = &p->ino_hash[at & (p->inos - 1)];

		if (!*e) {
			*place = e;
			return 0;
		}
		n = daxfs_ck_node_at(p, *e);
		if (n && n->ino == ino && n->layer == layer)
			return *e;
	}
	return 0;
}

static void check_inode(struct daxfs_ck *p, u64 off)
{
	struct daxfs_cell *c = daxfs_at(p->rg, off, 64, 64);
	u64 *place = NULL, ino, state, other;

	if (check_number(p, off, c, &ino))
		return;
	state = check_inode_value(p, off, ino);
	if (!state)
		return;
	other = other_of(p, ino, &place);
	if (other && lies_above(p, other, DAXFS_T_INODE))
		return;
	if (other && other != off) {
		twice(p, off, other, "inode", ino, "is there twice");
		p->again |= p->ck->repair >= DAXFS_REPAIR_ALL;
		return;
	}
	if (!place && (ino > p->rg->super.base_inode_nr || !daxfs_ck_on_floor(p))) {
		daxfs_ck_found(p, 0, "inode", ino, "is one of too many of one hash");
		return;
	}
	if (place)
		*place = off;
	note_inode(p, off, ino, state);
}

/* Inodes of the base image without a copy. */
static void base_nodes(struct daxfs_ck *p)
{
	struct daxfs_base_inode b;

	for (u64 i = 0; i < p->rg->super.base_inode_nr; i++) {
		struct daxfs_ck_node *n = &p->node[i];

		if (n->flags || daxfs_base_inode(p->rg, i + 1, &b))
			continue;
		n->ino = i + 1;
		n->layer = p->floor;
		n->flags = DAXFS_CK_LIVE | DAXFS_CK_BASE;
		if (S_ISDIR(b.mode))
			n->flags |= DAXFS_CK_DIR;
	}
}

void daxfs_ck_cells(struct daxfs_ck *p)
{
	daxfs_ck_each(p, check_object);
	if (p->again)
		return;
	/* What a layer says decides before what the one below says. */
	for (u32 i = 0; i < (p->merges ? 2 : 1); i++) {
		p->round = i ? DAXFS_CK_DOWN : DAXFS_CK_TOP;
		daxfs_ck_each_of(p, DAXFS_T_INODE, check_inode);
		daxfs_ck_each_of(p, DAXFS_T_DIRENT, check_name);
	}
	p->round = DAXFS_CK_ALL_SEEN;
	base_nodes(p);
}
