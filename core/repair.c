// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Corrections of the accounting that are more than a store.
 *
 * Notes: nobody else uses the region. Whatever is made here is complete before
 * something refers to it, as everywhere, so who stops in between leaves at
 * most a leak or a cell without a bucket, and another run finds that. A pass
 * in which something was taken frees nothing: its marks do not know of it.
 */
#include "check.h"
#include "epoch.h"
#include "inode.h"

#define LOST_MODE	0700u
#define DIR_MODE	0755u
#define NO_BRANCH	(~0ull)	/* of no entry: whoever has files open there counts */

void daxfs_ck_restore_slab(struct daxfs_ck *p, u64 page, enum daxfs_class class)
{
	struct daxfs_a64 *info = daxfs_page_info(p->rg, page);

	a64_store_relaxed(info, info_owned(DAXFS_T_SLAB64 + (u32)class, 0, 0));
	p->again = 1;
}

/* ---- cells ---- */

static void bury(struct daxfs_ck *p, u64 off)
{
	p->cx->buried = 0;	/* no look whether the table is too large now */
	if (daxfs_index_bury(p->cx, off))
		daxfs_ck_index_is_bad(p);
}

static void clear_slot(struct daxfs_ck *p, u64 off)
{
	struct daxfs_dirent_cell *c = daxfs_at(p->rg, off, 64, 64);
	struct daxfs_ck_node *d;
	struct daxfs_iref dir;

	d = daxfs_ck_node(p, DAXFS_KEY_INO(daxfs_ck_load(&c->cell.key)));
	if (!d || !d->off || daxfs_ck_iref(p, d, &dir))
		return;
	/* Where the map is damaged the slot is found by who walks it. */
	daxfs_slot_clear(p->cx, &dir, dslot_slot(daxfs_ck_load(&c->dslot)), off);
}

void daxfs_ck_kill(struct daxfs_ck *p, u64 off)
{
	struct daxfs_cell *c = daxfs_at(p->rg, off, 64, 64);
	u64 key = daxfs_ck_load(&c->key);
	struct daxfs_ck_slab *s;
	u32 nr;

	a64_store_relaxed(&c->value, value_make(DAXFS_V_DEAD, 0,
						key & DAXFS_KEY_INODE ?
						DAXFS_KEY_INO(key) : 0));
	s = daxfs_ck_object(p, off, &nr);
	if (s && s->known >> nr & 1 && !daxfs_ck_index_bad(p))
		bury(p, off);
	if (s && s->class != DAXFS_CLASS256)
		clear_slot(p, off);
	a64_store_relaxed(&c->info, DAXFS_I_FREE);
}

/* ---- inodes ---- */

void daxfs_ck_drop(struct daxfs_ck *p, struct daxfs_ck_node *n)
{
	struct daxfs_iref ref;

	if (daxfs_ck_iref(p, n, &ref) || !ref.in)
		return;
	a64_store_relaxed(&ref.in->nlink, DAXFS_NLINK_DROPPING);
	p->cx->buried = 0;
	if (daxfs_drop_finish(p->cx, &ref))
		daxfs_ck_found(p, 0, "inode", n->ino, "cannot be dropped");
	n->flags = ref.has_base ? DAXFS_CK_GONE : 0;
}

void daxfs_ck_copy_up(struct daxfs_ck *p, struct daxfs_ck_node *n)
{
	struct daxfs_iref ref;

	p->made = 1;
	if (daxfs_ck_index_bad(p))
		return;		/* another pass has one to put it in */
	/* Into the layer at hand, whatever is allowed there. */
	if (daxfs_ck_iref(p, n, &ref) || daxfs_copy_in(p->cx, &ref))
		daxfs_ck_found(p, 0, "inode", n->ino, "cannot be copied");
}

void daxfs_ck_make_dir(struct daxfs_ck *p, u64 ino)
{
	struct daxfs_new what = { .mode = S_IFDIR | DIR_MODE };
	struct daxfs_key k = daxfs_key_inode(p->rg, ino);
	u64 off, found, value;

	p->made = 1;
	p->again = 1;
	if (ino <= p->rg->super.base_inode_nr) {
		daxfs_ck_copy_up(p, &p->node[ino - 1]);
		return;
	}
	if (daxfs_inode_make(p->cx, ino, DAXFS_ROOT_INO, &what, &off)) {
		daxfs_ck_found(p, 0, "directory", ino, "no memory to make it");
		return;
	}
	/* A damaged index gets it when it is made anew. */
	(void)daxfs_index_insert(p->cx, &k, off, &found, &value);
}

/* ---- lost and found ---- */

static void count_in(struct daxfs_ck *p, struct daxfs_inode *dir, u64 ino,
		     int is_dir)
{
	struct daxfs_ck_node *n = daxfs_ck_node(p, ino);
	u64 v = daxfs_ck_load(&dir->dirstate);

	a64_store_relaxed(&dir->dirstate, v + DIRSTATE_NAME +
			  (is_dir ? DIRSTATE_SUBDIR : 0));
	if (!n)
		return;
	n->names++;
	n->subdirs += (u32)is_dir;
}

/* The directory, made when there is none. */
static int get_lost(struct daxfs_ck *p, struct daxfs_iref *dir)
{
	struct daxfs_new what = { .mode = S_IFDIR | LOST_MODE };
	static const char name[] = "lost+found";
	struct daxfs_ck_node *root;
	struct daxfs_stat st;
	int r;

	r = daxfs_lookup(p->cx, DAXFS_ROOT_INO, name, sizeof(name) - 1, &st);
	if (r == -ENOENT) {
		r = daxfs_create(p->cx, DAXFS_ROOT_INO, name, sizeof(name) - 1,
				 &what, &st);
		p->cx->full = 1;
		root = daxfs_ck_node(p, DAXFS_ROOT_INO);
		if (!r && root) {
			root->names++;
			root->subdirs++;
		}
	}
	if (!r)
		r = daxfs_dir_get(p->cx, st.ino, dir);
	return r ? r : daxfs_copy_up(p->cx, dir);
}

/* The same in the layer at hand, which may be written to for as long as that takes. */
static int lost_dir(struct daxfs_ck *p, struct daxfs_iref *dir)
{
	struct daxfs_a64 *word = &daxfs_layer_at(p->rg, p->layer)->word;
	u64 v = daxfs_ck_load(word);
	int r;

	if (p->flat)
		return get_lost(p, dir);
	a64_store_relaxed(word, layer_make(DAXFS_L_LIVE, 0, layer_version(v)));
	p->cx->view.branch = NO_BRANCH;
	r = get_lost(p, dir);
	p->cx->view.branch = 0;
	a64_store_relaxed(word, v);
	return r;
}

/* text: the length, and the name behind it, as in a cell. */
static u32 number_name(char *text, u64 ino)
{
	char digits[24], *name = text + 1;
	u32 nr = 0, len = 0;

	do
		digits[nr++] = (char)('0' + ino % 10);
	while (ino /= 10);
	name[len++] = '#';
	while (nr)
		name[len++] = digits[--nr];
	text[0] = (char)len;
	return len;
}

static int put_name(struct daxfs_ck *p, struct daxfs_iref *dir,
		    struct daxfs_ck_node *n, u32 type)
{
	char text[32];
	u32 len = number_name(text, n->ino);
	struct daxfs_key k = daxfs_key_dirent(p->rg, dir->ino, text + 1, len);
	struct daxfs_dirent_cell *c;
	u64 off, slot, found, value;
	int r;

	r = daxfs_obj_take(p->cx, daxfs_ck_name_class(len), DAXFS_T_DIRENT, 0,
			   &off);
	if (r)
		return r;
	c = daxfs_at(p->rg, off, DAXFS_DIRENT_NAME_OFF + len, 64);
	if (!c)
		return -EUCLEAN;
	a64_store_relaxed(&c->cell.value, value_make(DAXFS_V_LIVE, type, n->ino));
	a64_store_relaxed(&c->cell.hash, k.hash);
	a64_store_relaxed(&c->cell.key, k.key);
	a64_store_relaxed(&c->ihint, n->off);
	port_copy_to(&c->name_len, text, len + 1);
	r = daxfs_slot_take(p->cx, dir, off, &slot);
	if (!r)
		r = daxfs_index_insert(p->cx, &k, off, &found, &value);
	if (!r)
		return 0;
	daxfs_slot_clear(p->cx, dir, dslot_slot(daxfs_ck_load(&c->dslot)), off);
	a64_store_relaxed(&c->cell.info, DAXFS_I_FREE);
	return r;
}

void daxfs_ck_rescue(struct daxfs_ck *p, struct daxfs_ck_node *n)
{
	struct daxfs_inode *in = daxfs_at(p->rg, n->off, sizeof(*in), 64);
	int is_dir = !!(n->flags & DAXFS_CK_DIR), r;
	struct daxfs_iref dir;

	p->made = 1;
	if (daxfs_ck_index_bad(p))
		return;		/* another pass has one to put it in */
	r = lost_dir(p, &dir);
	if (!r)
		r = put_name(p, &dir, n, daxfs_ck_mode(p, in) >> 12);
	if (r) {
		daxfs_ck_found(p, 0, "inode", n->ino,
			       "gets no name in /lost+found");
		return;
	}
	n->links = 1;
	n->named_in = dir.ino;
	a64_store_relaxed(&in->nlink, nlink_make(1));
	if (is_dir)
		a64_store_relaxed(&in->parent, parent_make(dir.ino));
	if (is_dir)
		a64_store_relaxed(&in->dirstate, dirstate_make(n->names, n->subdirs));
	count_in(p, dir.in, dir.ino, is_dir);
}

/* ---- the index ---- */

static int is_alive(struct daxfs_ck *p, u64 off)
{
	struct daxfs_cell *c = daxfs_at(p->rg, off, 64, 64);
	struct daxfs_ck_slab *s;
	u32 nr, type;

	s = daxfs_ck_object(p, off, &nr);
	return s && daxfs_ck_genuine(p, off, s->class, &type) &&
	       daxfs_ck_layer_of(p, off, type) == p->rebuilt &&
	       DAXFS_KIND(daxfs_ck_load(&c->info)) == DAXFS_I_OWNED;
}

static void count_alive(struct daxfs_ck *p, u64 off)
{
	p->alive += (u64)is_alive(p, off);
}

static void place(struct daxfs_ck *p, u64 off)
{
	u64 table = p->new_table, size = daxfs_table_size(p->rg, table);
	struct daxfs_table *t = daxfs_at(p->rg, table, sizeof(*t),
					 DAXFS_PAGE_SIZE);
	struct daxfs_cell *c = daxfs_at(p->rg, off, 64, 64);
	u64 hash = daxfs_ck_load(&c->hash);

	if (!is_alive(p, off))
		return;
	for (u64 k = 0; k < size; k++) {
		struct daxfs_a64 *bucket = daxfs_table_bucket(p->rg, table,
				(hash_home(hash) + k) & (size - 1));

		if (!bucket || daxfs_ck_load(bucket))
			continue;
		a64_store_relaxed(bucket, bucket_make(DAXFS_B_CELL, off, hash));
		a64_add_relaxed(&t->used, 1);
		return;
	}
}

static void free_old(struct daxfs_ck *p)
{
	const struct daxfs_span *pool = &p->rg->area[DAXFS_AREA_POOL];

	for (u64 i = 0; i < p->pages; i++) {
		u64 off = pool->off + (i << DAXFS_PAGE_SHIFT);

		if (p->mark[i] == DAXFS_T_TABLE || p->mark[i] == DAXFS_T_TABDIR ||
		    p->mark[i] == DAXFS_T_SEGMENT)
			a64_store_relaxed(daxfs_page_info(p->rg, off),
					  DAXFS_I_FREE);
	}
}

void daxfs_ck_rebuild(struct daxfs_ck *p)
{
	struct daxfs_a64 *root = &daxfs_layer_at(p->rg, p->layer)->root_off;
	u32 shift = DAXFS_TABLE_MIN_SHIFT;
	u64 table;

	p->alive = 0;
	p->rebuilt = p->layer;
	daxfs_ck_each_of(p, DAXFS_T_INODE, count_alive);
	daxfs_ck_each_of(p, DAXFS_T_DIRENT, count_alive);
	while (shift < DAXFS_TABLE_MAX_SHIFT && 1ull << shift < p->alive * 2)
		shift++;
	if (daxfs_table_make(p->cx, shift, daxfs_off(p->rg, root), &table)) {
		daxfs_ck_found(p, 0, "index", 0, "no memory to make it anew");
		return;
	}
	p->new_table = table;
	daxfs_ck_each_of(p, DAXFS_T_INODE, place);
	daxfs_ck_each_of(p, DAXFS_T_DIRENT, place);
	a64_store_release(root, table);	/* pairs with [PUB] in table_root() */
	/* Where there are others, too, the next pass finds what is left of it. */
	if (p->flat)
		free_old(p);
	p->ck->index_made = 1;
}
