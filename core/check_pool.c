// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The accounting: every page and object of the pool against what refers to it.
 *
 * Notes: one walk from the roots marks each page reached with its type, each
 * object with what found it; a pass over all info words then tells what was
 * reached and is not in use, and the other way round. Each step is one pass over
 * pages, objects or names; numbers and names are found through hash tables in
 * the scratch, so the cost is proportional to what there is, and no finding
 * rests on the index that is being checked. A correction is a store on the spot:
 * nobody else uses the region, and whoever stops here is followed by the next.
 */
#include "check.h"
#include "base.h"
#include "record.h"

#define HASH_LOOKS	4096u	/* a longer run of equal hashes was made on purpose */

int daxfs_ck_found(struct daxfs_ck *p, int level, const char *where, u64 id,
		   const char *what)
{
	struct daxfs_check *ck = p->ck;

	if (p->silent)
		return 0;
	ck->problems++;
	ck->fixing = level && level <= ck->repair;
	ck->fixed += (u64)ck->fixing;
	if (ck->report)
		ck->report(ck->arg, where, id, what);
	return ck->fixing;
}

/* ---- the scratch ---- */

struct layout {
	u64 pages, slabs, nodes, inos, names, layers, len;
};

static u64 table_room(u64 nr)
{
	u64 room = 64;

	while (room < nr * 2)
		room *= 2;
	return room;
}

static void lay_out(const struct daxfs_region *rg, struct layout *l)
{
	const struct daxfs_span *pool = &rg->area[DAXFS_AREA_POOL];
	u64 inodes = 0, names = 0;

	memset(l, 0, sizeof(*l));
	l->pages = pool->nr;
	for (u64 i = 0; i < pool->nr; i++) {
		u64 v = daxfs_ck_load(daxfs_page_info(rg, pool->off +
						(i << DAXFS_PAGE_SHIFT)));
		enum daxfs_class class = daxfs_slab_class(v);

		if (class == DAXFS_NO_CLASS)
			continue;
		l->slabs++;
		if (class == DAXFS_CLASS256)
			inodes += daxfs_class_nr(class);
		else
			names += daxfs_class_nr(class);
	}
	l->nodes = rg->super.base_inode_nr + inodes;
	l->inos = table_room(inodes);
	l->names = table_room(names);
	l->layers = rg->area[DAXFS_AREA_LAYERS].nr + 1;
	l->len = l->slabs * sizeof(struct daxfs_ck_slab) +
		 l->nodes * sizeof(struct daxfs_ck_node) +
		 (l->inos + l->names) * sizeof(u64) +
		 l->layers * sizeof(struct daxfs_ck_layer) +
		 l->pages * (sizeof(u32) + 1) + 64;
}

u64 daxfs_check_pool_scratch(const struct daxfs_region *rg)
{
	struct layout l;

	if (!daxfs_has_overlay(rg))
		return 0;
	lay_out(rg, &l);
	return l.len;
}

/* In a region without branches the others are never used. */
static u64 rg_layers(const struct daxfs_region *rg)
{
	return daxfs_is_branching(rg) ? rg->area[DAXFS_AREA_LAYERS].nr : 2;
}

static int take_scratch(struct daxfs_ck *p, void *scratch, u64 len)
{
	struct layout l;
	u8 *at = scratch;

	lay_out(p->rg, &l);
	if (l.len > len)
		return -ERANGE;
	p->pages = l.pages;
	p->slabs = l.slabs;
	p->nodes = l.nodes;
	p->inos = l.inos;
	p->names = l.names;
	p->slab = (void *)at;
	at += l.slabs * sizeof(*p->slab);
	p->node = (void *)at;
	at += l.nodes * sizeof(*p->node);
	p->ino_hash = (void *)at;
	at += l.inos * sizeof(u64);
	p->name_hash = (void *)at;
	at += l.names * sizeof(u64);
	p->layers = (void *)at;
	p->layer_nr = (u32)rg_layers(p->rg);
	at += l.layers * sizeof(*p->layers);
	p->slab_nr = (void *)at;
	at += l.pages * sizeof(u32);
	p->mark = at;
	return 0;
}

/* ---- pages ---- */

static u64 page_off(const struct daxfs_ck *p, u64 i)
{
	return p->rg->area[DAXFS_AREA_POOL].off + (i << DAXFS_PAGE_SHIFT);
}

static u64 page_nr(const struct daxfs_ck *p, u64 off)
{
	return (off - p->rg->area[DAXFS_AREA_POOL].off) >> DAXFS_PAGE_SHIFT;
}

static int has_owner(struct daxfs_ck *p, u64 off, u64 info,
		     const struct daxfs_a64 *word);

/* Slab pages get numbers; they are reached by their type. */
static void number_slabs(struct daxfs_ck *p)
{
	u64 node = p->rg->super.base_inode_nr;

	for (u64 i = 0; i < p->pages && p->slab_used < p->slabs; i++) {
		u64 off = page_off(p, i);
		u64 v = daxfs_ck_load(daxfs_page_info(p->rg, off));
		enum daxfs_class class = daxfs_slab_class(v);
		struct daxfs_ck_slab *s = &p->slab[p->slab_used];

		/* None has a reference; a page that has is of another type. */
		if (class == DAXFS_NO_CLASS || has_owner(p, off, v, NULL))
			continue;
		/* Nor more than were counted, if somebody does change it. */
		if (class == DAXFS_CLASS256 &&
		    node + daxfs_class_nr(class) > p->nodes)
			continue;
		s->off = off;
		s->class = class;
		s->node = node;
		if (class == DAXFS_CLASS256)
			node += daxfs_class_nr(class);
		p->slab_nr[i] = (u32)++p->slab_used;
		p->mark[i] = (u8)info_type(v);
	}
}

struct daxfs_ck_slab *daxfs_ck_object(struct daxfs_ck *p, u64 off, u32 *nr)
{
	u64 page = off & ~(DAXFS_PAGE_SIZE - 1);
	struct daxfs_ck_slab *s;
	u32 size;

	if (!daxfs_page_info(p->rg, page) || !p->slab_nr[page_nr(p, page)])
		return NULL;
	s = &p->slab[p->slab_nr[page_nr(p, page)] - 1];
	size = daxfs_class_size(s->class);
	*nr = (u32)(off - page) / size;
	return (off - page) % size || *nr >= daxfs_class_nr(s->class) ? NULL : s;
}

int daxfs_ck_fits(u32 type, u32 class)
{
	if (type == DAXFS_T_INODE)
		return class == DAXFS_CLASS256;
	if (type == DAXFS_T_ATTR)
		return class == DAXFS_CLASS64;
	return (type == DAXFS_T_DIRENT || type == DAXFS_T_XATTR) &&
	       class != DAXFS_CLASS256;
}

void daxfs_ck_each(struct daxfs_ck *p,
		   void (*fn)(struct daxfs_ck *p, struct daxfs_ck_slab *s, u32 nr,
			      u64 off, u64 info))
{
	for (u64 i = 0; i < p->slab_used; i++) {
		struct daxfs_ck_slab *s = &p->slab[i];

		for (u32 k = 0; k < daxfs_class_nr(s->class); k++) {
			u64 off = s->off + (u64)k * daxfs_class_size(s->class);
			struct daxfs_a64 *info = daxfs_at(p->rg, off, 64, 64);

			fn(p, s, k, off, daxfs_ck_load(info));
		}
	}
}

/* Is an object of that type one that this round is about? Then look at its layer. */
static int is_of_round(struct daxfs_ck *p, u64 off, u32 type)
{
	u32 layer;
	u8 life;

	if (p->flat || (type != DAXFS_T_INODE && type != DAXFS_T_DIRENT))
		return 1;
	layer = daxfs_ck_layer_of(p, off, type);
	life = layer < p->layer_nr ? p->layers[layer].life : DAXFS_CK_UNUSED;
	if (life == DAXFS_CK_UNUSED ||
	    (life == DAXFS_CK_ENDED) != (p->round == DAXFS_CK_ALL_ENDED) ||
	    (p->round == DAXFS_CK_TOP && p->layers[layer].shown_by) ||
	    (p->round == DAXFS_CK_DOWN && !p->layers[layer].shown_by))
		return 0;
	daxfs_ck_see(p, layer);
	return 1;
}

void daxfs_ck_each_of(struct daxfs_ck *p, u32 type,
		      void (*fn)(struct daxfs_ck *p, u64 off))
{
	for (u64 i = 0; i < p->slab_used; i++) {
		struct daxfs_ck_slab *s = &p->slab[i];

		for (u32 k = 0; k < daxfs_class_nr(s->class); k++) {
			u64 off = s->off + (u64)k * daxfs_class_size(s->class);
			u64 v = daxfs_ck_load(daxfs_at(p->rg, off, 64, 64));

			if (DAXFS_KIND(v) == DAXFS_I_OWNED &&
			    info_type(v) == type && daxfs_ck_fits(type, s->class) &&
			    is_of_round(p, off, type))
				fn(p, off);
		}
	}
}

/* Is that a word that may refer to pages, in something that is in use? */
static int holds_references(struct daxfs_ck *p, u64 off)
{
	struct daxfs_a64 *info = daxfs_page_info(p->rg,
						 off & ~(DAXFS_PAGE_SIZE - 1));
	u32 type;

	if (!info)
		return off < p->rg->area[DAXFS_AREA_POOL].off;
	type = info_type(daxfs_ck_load(info));
	return DAXFS_KIND(daxfs_ck_load(info)) == DAXFS_I_OWNED &&
	       (type == DAXFS_T_MAP || type == DAXFS_T_TABLE ||
		type == DAXFS_T_TABDIR || type == DAXFS_T_SLAB256 ||
		type == DAXFS_T_XATTR);
}

/* Does the word that the page names refer to it, and is it another? */
static int has_owner(struct daxfs_ck *p, u64 off, u64 info,
		     const struct daxfs_a64 *word)
{
	struct daxfs_a64 *back = daxfs_at(p->rg, info_back(info), 8, 8);

	if (DAXFS_KIND(info) != DAXFS_I_OWNED || !back || back == word)
		return 0;
	return pslot_off(daxfs_ck_load(back)) == off &&
	       holds_references(p, info_back(info));
}

static int remove_it(struct daxfs_ck *p, const char *where, u64 id,
		     const char *what)
{
	return 1 + daxfs_ck_found(p, DAXFS_REPAIR_ALL, where, id, what);
}

static int is_slab(u32 type)
{
	return type >= DAXFS_T_SLAB64 && type <= DAXFS_T_SLAB320;
}

/* The info word does not say what the reference says. */
static int claim_differs(struct daxfs_ck *p, u64 off, u32 type,
			 struct daxfs_a64 *word, const char *where, u64 id)
{
	struct daxfs_a64 *info = daxfs_page_info(p->rg, off);
	u64 v = daxfs_ck_load(info), mine = daxfs_off(p->rg, word);
	int owned = DAXFS_KIND(v) == DAXFS_I_OWNED;

	if (has_owner(p, off, v, word))
		return remove_it(p, where, id,
				 "refers to a page that belongs to another");
	if (p->slab_nr[page_nr(p, off)])
		return remove_it(p, where, id, "refers to a page of objects");
	/* What a page held that is not in use was perhaps another's. */
	if (type == DAXFS_T_DATA && !owned)
		return remove_it(p, where, id,
				 "refers to a page that is not in use");
	if (daxfs_ck_found(p, DAXFS_REPAIR_ALL, "page", off,
			   !owned ? "is referred to and not said to be in use" :
			   info_type(v) != type ? "is of another type than the "
			   "reference to it" : "names another reference to it"))
		a64_store_relaxed(info, info_owned(type, 0, mine));
	return 0;
}

/*
 * Pages go from a layer to the one below while they are merged: the word that the
 * page names has it, this one had it. And what has ended has what is still there.
 */
static int was_handed_over(struct daxfs_ck *p, u64 off, u64 info,
			   const struct daxfs_a64 *word, u64 alt)
{
	int mine = DAXFS_KIND(info) == DAXFS_I_OWNED &&
		   (alt == DAXFS_CK_ANY || info_back(info) == alt ||
		    info_back(info) == daxfs_off(p->rg, word));

	if (p->silent)
		return !mine || p->mark[page_nr(p, off)];
	return !mine && daxfs_ck_is_merged(p) && has_owner(p, off, info, word);
}

int daxfs_ck_claim(struct daxfs_ck *p, u64 off, u32 type, struct daxfs_a64 *word,
		   u64 alt, const char *where, u64 id)
{
	struct daxfs_a64 *info = daxfs_page_info(p->rg, off);
	u64 v, back;
	int r = 0;

	if (!info || off & (DAXFS_PAGE_SIZE - 1))
		return remove_it(p, where, id, "refers to no page of the pool");
	v = daxfs_ck_load(info);
	back = info_back(v);
	if (!p->flat && was_handed_over(p, off, v, word, alt))
		return 1;
	if (p->mark[page_nr(p, off)] && !p->slab_nr[page_nr(p, off)])
		return remove_it(p, where, id,
				 "refers to a page that is in use already");
	if (DAXFS_KIND(v) != DAXFS_I_OWNED || info_type(v) != type ||
	    (alt != DAXFS_CK_ANY && back != alt && back != daxfs_off(p->rg, word)))
		r = claim_differs(p, off, type, word, where, id);
	if (!r)
		p->mark[page_nr(p, off)] = (u8)type;
	return r;
}

/* ---- claimable words ---- */

/* What the record that v refers to says of the word, as recovery does. */
static int entry_of(struct daxfs_ck *p, struct daxfs_a64 *word, u64 v, u64 *value)
{
	struct daxfs_shared_ctx *sh = daxfs_shared_ctx(p->rg, ref_cx(v));
	u64 s, nr;

	if (!sh)
		return 0;
	s = daxfs_ck_load(&sh->status);
	nr = daxfs_ck_load(&sh->entry_nr);
	for (u64 i = 0; i < nr && i < DAXFS_ENTRIES + DAXFS_MORE_ENTRIES; i++) {
		struct daxfs_entry *e = daxfs_entry(p->rg, sh, i);

		if (!e)
			return 0;
		if (daxfs_ck_load(&e->word_off) != daxfs_off(p->rg, word))
			continue;
		*value = daxfs_ck_load(status_seq(s) == ref_seq(v) &&
				       status_state(s) == DAXFS_S_COMMITTED ?
				       &e->new : &e->old);
		return !is_ref(*value);
	}
	return 0;
}

u64 daxfs_ck_value(struct daxfs_ck *p, struct daxfs_a64 *word, u64 otherwise,
		   const char *where, u64 id)
{
	u64 v = daxfs_ck_load(word), value;

	if (!is_ref(v))
		return v;
	if (!entry_of(p, word, v, &value))
		value = otherwise;
	if (daxfs_ck_found(p, DAXFS_REPAIR_ALL, where, id,
			   "a word is claimed by a record that is over"))
		a64_store_relaxed(word, value);
	return value;
}

/* ---- numbers and names ---- */

u64 daxfs_ck_spread(const struct daxfs_ck *p, u32 layer, u64 x)
{
	if (!p->flat)
		x ^= (u64)layer << 40;
	x *= 0x9e3779b97f4a7c15ull;
	return x ^ x >> 29;
}

struct daxfs_ck_node *daxfs_ck_node_at(struct daxfs_ck *p, u64 off)
{
	struct daxfs_cell *c = daxfs_at(p->rg, off, sizeof(*c), 64);
	struct daxfs_ck_node *n;
	struct daxfs_ck_slab *s;
	u64 ino;
	u32 nr;

	s = c ? daxfs_ck_object(p, off, &nr) : NULL;
	if (!s || s->class != DAXFS_CLASS256)
		return NULL;
	n = &p->node[s->node + nr];
	ino = DAXFS_KEY_INO(daxfs_ck_load(&c->key));
	if (n->off != off && ino && ino <= p->rg->super.base_inode_nr &&
	    p->node[ino - 1].off == off)
		return &p->node[ino - 1];
	return n;
}

struct daxfs_ck_node *daxfs_ck_node_in(struct daxfs_ck *p, u32 layer, u64 ino)
{
	struct daxfs_ck_node *n;
	u64 at = daxfs_ck_spread(p, layer, ino);

	if (ino && ino <= p->rg->super.base_inode_nr && layer == p->floor)
		return p->node[ino - 1].flags ? &p->node[ino - 1] : NULL;
	for (u32 i = 0; i < HASH_LOOKS; i++, at++) {
		u64 off = p->ino_hash[at & (p->inos - 1)];

		if (!off)
			return NULL;
		n = daxfs_ck_node_at(p, off);
		if (n && n->ino == ino && n->layer == layer)
			return n;
	}
	return NULL;
}

struct daxfs_ck_node *daxfs_ck_node(struct daxfs_ck *p, u64 ino)
{
	struct daxfs_ck_node *n;

	n = daxfs_ck_node_in(p, daxfs_ck_shown_by(p, p->layer), ino);
	return n && n->flags & DAXFS_CK_LIVE ? n : NULL;
}

struct daxfs_ck_node *daxfs_ck_lower(struct daxfs_ck *p, const struct daxfs_ck_node *n)
{
	struct daxfs_ck_node *lower = NULL;
	u32 at = n->layer;

	while (!lower && (at = daxfs_ck_below(p, at)))
		lower = daxfs_ck_node_in(p, at, n->ino);
	return lower;
}

struct daxfs_ck_node *daxfs_ck_visible(struct daxfs_ck *p, u64 ino)
{
	struct daxfs_ck_node top = { .ino = ino,
				     .layer = daxfs_ck_shown_by(p, p->layer) };
	struct daxfs_ck_node *n = daxfs_ck_node_in(p, top.layer, ino);

	if (!n)
		n = daxfs_ck_lower(p, &top);
	return n && n->flags & DAXFS_CK_LIVE ? n : NULL;
}

u64 daxfs_ck_name_in(struct daxfs_ck *p, u32 layer, const struct daxfs_key *k)
{
	u64 at = daxfs_ck_spread(p, layer, k->hash);

	for (u32 i = 0; i < HASH_LOOKS; i++, at++) {
		u64 off = p->name_hash[at & (p->names - 1)];
		struct daxfs_dirent_cell *c;

		if (!off)
			return 0;
		c = daxfs_at(p->rg, off, DAXFS_DIRENT_NAME_OFF + k->len, 64);
		if (c && daxfs_ck_load(&c->cell.hash) == k->hash &&
		    daxfs_ck_load(&c->cell.key) == k->key &&
		    c->name_len == k->len && !memcmp(c->name, k->name, k->len) &&
		    daxfs_ck_shown_by(p, daxfs_ck_layer_of(p, off,
							   DAXFS_T_DIRENT)) == layer)
			return off;
	}
	return 0;
}

u64 daxfs_ck_name(struct daxfs_ck *p, const struct daxfs_key *k)
{
	return daxfs_ck_name_in(p, daxfs_ck_shown_by(p, p->layer), k);
}

int daxfs_ck_iref(struct daxfs_ck *p, struct daxfs_ck_node *n,
		  struct daxfs_iref *ref)
{
	memset(ref, 0, sizeof(*ref));
	ref->ino = n->ino;
	ref->off = n->off;
	ref->in = n->off ? daxfs_at(p->rg, n->off, sizeof(*ref->in), 64) : NULL;
	ref->own = ref->in && n->layer == daxfs_ck_shown_by(p, p->layer);
	ref->has_base = n->ino <= p->rg->super.base_inode_nr;
	return ref->has_base ? daxfs_base_inode(p->rg, n->ino, &ref->base) : 0;
}

static int in_base(struct daxfs_ck *p, const struct daxfs_key *k,
		   struct daxfs_ck_under *u)
{
	u64 dir = DAXFS_KEY_INO(k->key);
	struct daxfs_base_inode b;

	if (!dir || dir > p->rg->super.base_inode_nr ||
	    daxfs_base_inode(p->rg, dir, &b))
		return 0;
	return !daxfs_base_lookup(p->rg, &b, k->name, k->len, &u->ino, &u->type,
				  &u->slot);
}

int daxfs_ck_under(struct daxfs_ck *p, const struct daxfs_key *k,
		   struct daxfs_ck_under *u)
{
	u32 at = daxfs_ck_shown_by(p, p->layer);

	while ((at = daxfs_ck_below(p, at))) {
		u64 off = daxfs_ck_name_in(p, at, k), v;
		struct daxfs_dirent_cell *c = daxfs_at(p->rg, off, 64, 64);

		if (!c)
			continue;
		v = daxfs_ck_load(&c->cell.value);
		u->ino = value_ino(v);
		u->type = value_type(v);
		u->slot = dslot_slot(daxfs_ck_load(&c->dslot));
		return !is_ref(v) && value_state(v) == DAXFS_V_LIVE;
	}
	return in_base(p, k, u);
}

int daxfs_ck_covers(struct daxfs_ck *p, u64 off, struct daxfs_ck_under *u)
{
	struct daxfs_dirent_cell *c = daxfs_at(p->rg, off, 64, 64);
	struct daxfs_key k;

	/* Names that cannot be are said elsewhere. */
	if (daxfs_ck_key(p, off, &k)) {
		k.key = daxfs_ck_load(&c->cell.key);
		k.name = (const char *)c->name;
		k.len = c->name_len;
		return in_base(p, &k, u);
	}
	return daxfs_ck_under(p, &k, u);
}

/* ---- what the info words say ---- */

static void count_bad(struct daxfs_ck *p, const char *where, u64 off, u64 v)
{
	struct daxfs_a64 *info = where[0] == 'p' ? daxfs_page_info(p->rg, off) :
				 daxfs_at(p->rg, off, 64, 64);

	if (daxfs_ck_found(p, DAXFS_REPAIR_SAFE, where, off,
			   DAXFS_KIND(v) == DAXFS_I_RESERVED ?
			   "is reserved by nobody" : "is in no possible state"))
		a64_store_relaxed(info, DAXFS_I_FREE);
}

static void check_retired(struct daxfs_ck *p, const char *where, u64 off, u64 v,
			  struct daxfs_a64 *info)
{
	if (info_epoch(v) > p->g &&
	    daxfs_ck_found(p, DAXFS_REPAIR_SAFE, where, off,
			   "was retired in an epoch that is still to come"))
		a64_store_relaxed(info, DAXFS_I_FREE);
}

static void leaked(struct daxfs_ck *p, const char *where, u64 off,
		   struct daxfs_a64 *info)
{
	if (!p->made && daxfs_ck_found(p, DAXFS_REPAIR_SAFE, where, off,
				       "is in use and nothing refers to it"))
		a64_store_relaxed(info, DAXFS_I_FREE);
}

static void count_owned(struct daxfs_ck *p, u64 i, u64 off, u64 v,
			struct daxfs_a64 *info)
{
	struct daxfs_pool_sum *sum = &p->ck->sum;

	if (!p->mark[i]) {
		sum->leaked++;
		leaked(p, "page", off, info);
		return;
	}
	sum->page[p->mark[i] % DAXFS_UNIT_TYPES]++;
	sum->in_reserve += off >= p->rg->pool_end;
	if (is_slab(info_type(v)) && info_back(v) &&
	    daxfs_ck_found(p, DAXFS_REPAIR_SAFE, "page", off,
			   "of objects names a reference to it"))
		a64_store_relaxed(info, info_owned(info_type(v), info_host(v), 0));
	if (info_host(v) >= DAXFS_HOSTS &&
	    daxfs_ck_found(p, DAXFS_REPAIR_SAFE, "page", off,
			   "was taken by a host that cannot be"))
		a64_store_relaxed(info, v & ~(0xffull << 7));
}

static void count_pages(struct daxfs_ck *p)
{
	struct daxfs_pool_sum *sum = &p->ck->sum;

	sum->pages = p->pages;
	for (u64 i = 0; i < p->pages; i++) {
		u64 off = page_off(p, i);
		struct daxfs_a64 *info = daxfs_page_info(p->rg, off);
		u64 v = daxfs_ck_load(info);

		switch (DAXFS_KIND(v)) {
		case DAXFS_I_OWNED:
			count_owned(p, i, off, v, info);
			break;
		case DAXFS_I_RETIRED:
		case DAXFS_I_RETIRED_MAPPED:
			sum->retired++;
			check_retired(p, "page", off, v, info);
			break;
		case DAXFS_I_RESERVED:
			sum->reserved++;
			count_bad(p, "page", off, v);
			break;
		case DAXFS_I_FREE:
			if (!v) {
				sum->free++;
				break;
			}
			/* fall through */
		default:
			sum->bad++;
			count_bad(p, "page", off, v);
		}
	}
}

/* 0: it is of no layer, or of one that has ended and will not find it. */
static int look_at_cell(struct daxfs_ck *p, u64 off, u32 type, int known)
{
	u32 layer = daxfs_ck_layer_of(p, off, type);
	u8 life = layer < p->layer_nr ? p->layers[layer].life : DAXFS_CK_UNUSED;

	if (life == DAXFS_CK_UNUSED || (life == DAXFS_CK_ENDED && !known))
		return 0;
	daxfs_ck_see(p, layer);
	return 1;
}

static void object_owned(struct daxfs_ck *p, struct daxfs_ck_slab *s, u32 nr,
			 u64 off, u64 v)
{
	struct daxfs_cell *c = daxfs_at(p->rg, off, 64, 64);
	int known = s->known >> nr & 1, is_cell = info_type(v) !=
		    DAXFS_T_ATTR && info_type(v) != DAXFS_T_XATTR;

	if (!daxfs_ck_fits(info_type(v), s->class)) {
		p->ck->sum.objects_leaked++;
		return;		/* said before */
	}
	if (info_host(v) >= DAXFS_HOSTS &&
	    daxfs_ck_found(p, DAXFS_REPAIR_SAFE, "object", off,
			   "was taken by a host that cannot be"))
		a64_store_relaxed(&c->info, v & ~(0xffull << 7));
	if (!known && !is_cell) {
		p->ck->sum.objects_leaked++;
		leaked(p, "object", off, &c->info);
		return;
	}
	if (is_cell && !p->flat && !look_at_cell(p, off, info_type(v), known)) {
		p->ck->sum.objects_leaked++;
		leaked(p, "object", off, &c->info);
		return;
	}
	p->ck->sum.object[info_type(v)]++;
	if (!is_cell || p->layers[p->layer].life == DAXFS_CK_ENDED)
		return;
	p->ck->cells++;
	if (info_back(v) && daxfs_ck_found(p, DAXFS_REPAIR_SAFE, "object", off,
					   "names a reference to it"))
		a64_store_relaxed(&c->info, info_owned(info_type(v), 0, 0));
	if (!p->made && (!known ||
			 !daxfs_ck_lookup(p, daxfs_ck_load(&c->hash), off))) {
		daxfs_ck_found(p, DAXFS_REPAIR_ALL, "index", off,
			       "a cell is not found by its key");
		daxfs_ck_index_is_bad(p);
	}
}

/* What was wrong with what an object holds was said before. */
static void count_object(struct daxfs_ck *p, struct daxfs_ck_slab *s, u32 nr,
			 u64 off, u64 v)
{
	struct daxfs_a64 *info = daxfs_at(p->rg, off, 64, 64);

	switch (DAXFS_KIND(v)) {
	case DAXFS_I_OWNED:
		object_owned(p, s, nr, off, v);
		break;
	case DAXFS_I_RETIRED:
	case DAXFS_I_RETIRED_MAPPED:
		p->ck->sum.objects_retired++;
		check_retired(p, "object", off, v, info);
		break;
	case DAXFS_I_RESERVED:
		p->ck->sum.objects_reserved++;
		count_bad(p, "object", off, v);
		break;
	default:
		if (v)
			count_bad(p, "object", off, v);
	}
}

/* ---- statistics ---- */

static u64 inodes_there(const struct daxfs_ck *p)
{
	u64 nr = 0;

	for (u64 i = 0; i < p->nodes; i++) {
		const struct daxfs_ck_node *n = &p->node[i];

		/* Where branches are, only what is no copy was counted. */
		if (!p->flat && n->flags & (DAXFS_CK_GONE | DAXFS_CK_COPY))
			continue;
		if (n->flags & DAXFS_CK_GONE)
			nr--;
		else if (n->flags & DAXFS_CK_LIVE && n->ino != DAXFS_ROOT_INO &&
			 n->ino > p->rg->super.base_inode_nr)
			nr++;
	}
	return nr;
}

/* A death between a change and its count shifts them: no damage. */
static void check_statistics(struct daxfs_ck *p)
{
	struct daxfs_pool_sum *sum = &p->ck->sum;
	u64 pages = 0, inodes = 0;

	for (u32 i = 0; i < DAXFS_HOSTS * DAXFS_CTXS; i++) {
		struct daxfs_shared_ctx *sh = daxfs_shared_ctx(p->rg, i);

		pages += daxfs_ck_load(&sh->pages_taken);
		inodes += daxfs_ck_load(&sh->inodes_made);
	}
	sum->pages_drift = pages - (sum->pages - sum->free - sum->retired -
				    sum->bad);
	sum->inodes_drift = inodes - inodes_there(p);
	if (p->ck->repair && !p->ck->fixed) {
		a64_store_relaxed(&p->cx->sh->pages_taken,
				  daxfs_ck_load(&p->cx->sh->pages_taken) -
				  sum->pages_drift);
		a64_store_relaxed(&p->cx->sh->inodes_made,
				  daxfs_ck_load(&p->cx->sh->inodes_made) -
				  sum->inodes_drift);
	}
	/* What goes with a branch is not counted: nothing has gone wrong there. */
	if (!p->flat)
		sum->inodes_drift = 0;
}

/* ---- the whole ---- */

/* Beside hosts: states that no word of either kind ever has. */
static void glance(struct daxfs_ck *p)
{
	for (u64 i = 0; i < p->pages; i++) {
		u64 off = page_off(p, i);
		u64 v = daxfs_ck_load(daxfs_page_info(p->rg, off));

		if (DAXFS_KIND(v) > DAXFS_I_RESERVED ||
		    (DAXFS_KIND(v) == DAXFS_I_FREE && v))
			daxfs_ck_found(p, 0, "page", off,
				       "is in no possible state");
	}
	daxfs_ck_state(p);
}

/* After a step that set again the marks are not what they should be. */
static void steps(struct daxfs_ck *p)
{
	number_slabs(p);
	daxfs_ck_state(p);
	if (p->again && !p->flat)
		return;		/* other layers are seen now */
	daxfs_ck_tables(p);
	if (!p->again)
		daxfs_ck_cells(p);
	if (!p->again)
		daxfs_ck_inodes(p);
	if (p->again)
		return;
	daxfs_ck_names(p);
	daxfs_ck_numbers(p);
	if (!p->again) {
		daxfs_ck_tree(p);
		count_pages(p);
		daxfs_ck_each(p, count_object);
		check_statistics(p);
	}
	for (u32 i = 1; i < p->layer_nr && p->ck->repair >= DAXFS_REPAIR_ALL; i++) {
		if (!p->layers[i].index_bad)
			continue;
		daxfs_ck_see(p, i);
		daxfs_ck_rebuild(p);
	}
}

static int check_fn(struct daxfs_ck *p, void *scratch, u64 len)
{
	int r = take_scratch(p, scratch, len);

	if (r)
		return r;
	p->g = daxfs_ck_load(&daxfs_globals(p->rg)->epoch.word);
	if (p->ck->quiet)
		steps(p);
	else
		glance(p);
	return p->ck->problems ? -EUCLEAN : 0;
}

int daxfs_check_pool(struct daxfs_cx *cx, struct daxfs_check *ck, void *scratch,
		     u64 scratch_len)
{
	struct daxfs_ck p = { .cx = cx, .rg = cx->rg, .ck = ck,
			      .flat = !daxfs_is_branching(cx->rg), .layer = 1 };
	int r;

	if (!daxfs_has_overlay(cx->rg))
		return 0;
	if (ck->repair && (!ck->quiet || !cx->sh))
		return -EINVAL;
	r = daxfs_enter(cx);
	if (r)
		return r;
	cx->full = ck->repair > 0;
	if (!p.flat) {		/* no view of anybody: daxfs_ck_see() */
		cx->view.fixed = 1;
		cx->view.stale = 0;
		cx->view.layer[0] = 0;
		cx->view.nr = 0;
	}
	r = check_fn(&p, scratch, scratch_len);
	cx->full = 0;
	if (!p.flat)
		cx->view.head = 0;
	daxfs_leave(cx);
	return r;
}
