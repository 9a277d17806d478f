// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Checking inodes: their words, attributes, maps, pages and slots.
 *
 * Notes: the tree of a map is walked once; each node and page is claimed, so
 * none is walked twice. A word that refers to what it must not becomes a hole.
 * An inode whose mode does not fit the rest of it has its pages claimed as what
 * they say that they are, until its names have told its type.
 */
#include "check.h"
#include "base.h"

#define PSLOT_MASK	0xfffffffff038ull	/* bits that a page slot may have */
#define LEN_OF(a)	(sizeof(a) / sizeof((a)[0]))

struct walk {			/* of one inode's map */
	struct daxfs_inode *in;
	struct daxfs_ck_node *n;
	u64 ino;
	u64 end;		/* first page behind the end; slots: of hwm */
	u64 size;
	u64 pages;		/* found */
	u64 top;		/* first slot behind those in use */
	int dir, open_end, lenient;
};

/* ---- what an inode is ---- */

static int mode_possible(u32 mode)
{
	static const u8 types[] = { 1, 2, 4, 6, 8, 10, 12 };	/* DT_* */

	for (u32 i = 0; i < LEN_OF(types); i++)
		if (mode >> 12 == types[i])
			return 1;
	return 0;
}

u32 daxfs_ck_mode(struct daxfs_ck *p, struct daxfs_inode *in)
{
	u64 off = daxfs_ck_load(&in->attr_off);
	struct daxfs_attr *at = daxfs_at(p->rg, off, sizeof(*at), 8);

	return at && off != DAXFS_ATTR_GONE ? at->mode : in->attr.mode;
}

/* Type that the page of a slot says it is of; 0: there is none. */
static u32 page_type(struct daxfs_ck *p, u64 slot)
{
	struct daxfs_a64 *info = daxfs_page_info(p->rg, pslot_off(slot));

	return slot && info ? info_type(daxfs_ck_load(info)) : 0;
}

static int looks_like_dir(struct daxfs_ck *p, struct daxfs_inode *in)
{
	if (daxfs_ck_load(&in->size) ||
	    page_type(p, daxfs_ck_load(&in->page0)) == DAXFS_T_DATA)
		return 0;
	return daxfs_ck_load(&in->parent) || daxfs_ck_load(&in->dirstate) ||
	       daxfs_ck_load(&in->slot_hwm);
}

/* A target in a place where only links have one; others may have locks there. */
static int has_target(const struct daxfs_inode *in)
{
	u64 locks = daxfs_ck_load(&in->lock_off);

	for (u32 i = sizeof(in->lock_off); i < DAXFS_INLINE_TARGET; i++)
		if (in->target[i])
			return 1;
	return locks & (DAXFS_PAGE_SIZE - 1) || locks >> 48;
}

static int looks_like_link(struct daxfs_inode *in, int base)
{
	u64 size = size_bytes(daxfs_ck_load(&in->size));

	if (!size || size > DAXFS_TARGET_MAX || daxfs_ck_load(&in->map))
		return 0;
	if (base)
		return 1;
	return size > DAXFS_INLINE_TARGET ? !!daxfs_ck_load(&in->page0) :
	       in->target[0];		/* which is 0 in all offsets of pages */
}

int daxfs_ck_plausible(struct daxfs_ck *p, struct daxfs_inode *in, u32 type)
{
	u64 ino = DAXFS_KEY_INO(daxfs_ck_load(&in->cell.key));
	struct daxfs_base_inode b;

	if (ino <= p->rg->super.base_inode_nr && !daxfs_base_inode(p->rg, ino, &b))
		return type == b.mode >> 12;
	if (type == S_IFDIR >> 12)
		return looks_like_dir(p, in);
	if (daxfs_ck_load(&in->parent) || daxfs_ck_load(&in->dirstate) ||
	    daxfs_ck_load(&in->slot_hwm))
		return 0;
	if (type == S_IFLNK >> 12)
		return looks_like_link(in, 0);
	if (type == S_IFREG >> 12)
		return !has_target(in);
	return !daxfs_ck_load(&in->size) && !daxfs_ck_load(&in->page0) &&
	       !daxfs_ck_load(&in->map) && !has_target(in);
}

/* ---- attributes ---- */

static void attr_embed(struct daxfs_ck *p, struct daxfs_ck_node *n,
		       struct daxfs_inode *in, const char *what)
{
	if (daxfs_ck_found(p, DAXFS_REPAIR_ALL, "inode", n->ino, what))
		a64_store_relaxed(&in->attr_off, daxfs_off(p->rg, &in->attr));
}

/* The page is not one of attributes, but the memory says that it is one. */
static int restore_attr(struct daxfs_ck *p, u64 off, u64 mine)
{
	u64 page = off & ~(DAXFS_PAGE_SIZE - 1);
	struct daxfs_a64 *info = daxfs_at(p->rg, off, 64, 64);

	if (!info || !daxfs_page_info(p->rg, page) ||
	    daxfs_ck_load(info) >> 15 != mine >> 3 ||
	    info_type(daxfs_ck_load(info)) != DAXFS_T_ATTR)
		return 0;
	if (daxfs_ck_found(p, DAXFS_REPAIR_ALL, "page", page,
			   "holds attributes and does not say so"))
		daxfs_ck_restore_slab(p, page, DAXFS_CLASS64);
	return 1;
}

static void check_attr(struct daxfs_ck *p, struct daxfs_ck_node *n,
		       struct daxfs_inode *in)
{
	u64 off = daxfs_ck_load(&in->attr_off), v;
	u64 mine = daxfs_off(p->rg, &in->attr_off);
	struct daxfs_ck_slab *s;
	struct daxfs_a64 *info;
	u32 nr;

	if (off == daxfs_off(p->rg, &in->attr))
		return;
	s = daxfs_ck_object(p, off, &nr);
	if (!s || s->class != DAXFS_CLASS64) {
		if (!restore_attr(p, off, mine))
			attr_embed(p, n, in, "its attributes are lost");
		return;
	}
	info = daxfs_at(p->rg, off, 64, 64);
	v = daxfs_ck_load(info);
	if (s->known >> nr & 1 ||
	    (info_type(v) != DAXFS_T_ATTR && DAXFS_KIND(v) == DAXFS_I_OWNED)) {
		attr_embed(p, n, in, "its attributes belong to another");
		return;
	}
	if (DAXFS_KIND(v) != DAXFS_I_OWNED && info_back(v) != mine) {
		attr_embed(p, n, in, "its attributes are not in use");
		return;
	}
	if (p->silent && (DAXFS_KIND(v) != DAXFS_I_OWNED || info_back(v) != mine))
		return;
	s->known |= 1ull << nr;
	if ((DAXFS_KIND(v) != DAXFS_I_OWNED || info_back(v) != mine ||
	     info_type(v) != DAXFS_T_ATTR) &&
	    daxfs_ck_found(p, DAXFS_REPAIR_ALL, "object", off,
			   "does not say whose attributes it holds"))
		a64_store_relaxed(info, info_owned(DAXFS_T_ATTR, 0, mine));
}

/* ---- pages of content ---- */

static void hole(struct daxfs_ck *p, struct walk *w, struct daxfs_a64 *word,
		 int level, const char *what)
{
	if (daxfs_ck_found(p, level, w->dir ? "directory" : "file", w->ino, what))
		a64_store_relaxed(word, 0);
}

/* The first byte of a page from i on that is not 0. */
static u64 first_used(struct daxfs_ck *p, u64 off, u64 i)
{
	const u8 *page = daxfs_at(p->rg, off, DAXFS_PAGE_SIZE, DAXFS_PAGE_SIZE);

	while (i < DAXFS_PAGE_SIZE && !page[i])
		i++;
	return i;
}

/*
 * Bytes behind the end are zero, or they would show when the file grows. The
 * same goes for pages that were allocated there.
 */
static void check_tail(struct daxfs_ck *p, struct walk *w, u64 off)
{
	u64 keep = w->size & (DAXFS_PAGE_SIZE - 1);
	u8 *page = daxfs_at(p->rg, off, DAXFS_PAGE_SIZE, DAXFS_PAGE_SIZE);

	if (first_used(p, off, keep) < DAXFS_PAGE_SIZE &&
	    daxfs_ck_found(p, DAXFS_REPAIR_SAFE, "file", w->ino,
			   "has bytes behind its end"))
		port_zero(page + keep, DAXFS_PAGE_SIZE - keep);
}

/* ---- slots of directories ---- */

/*
 * Is the name in the listing where what it covers is? One that was merged may have a
 * slot of its own all the same.
 */
static int has_other_place(struct daxfs_ck *p, u64 off, struct daxfs_dirent_cell *c,
			   u64 slot)
{
	struct daxfs_ck_under u;

	return daxfs_ck_covers(p, off, &u) &&
	       (p->flat || dslot_slot(daxfs_ck_load(&c->dslot)) != slot);
}

/* The cell of a name of this directory, or NULL. */
static struct daxfs_dirent_cell *slot_cell(struct daxfs_ck *p, struct walk *w,
					   u64 off, u64 slot,
					   struct daxfs_ck_slab **s, u32 *nr)
{
	struct daxfs_dirent_cell *c = daxfs_at(p->rg, off, 64, 64);
	u64 v;

	*s = c ? daxfs_ck_object(p, off, nr) : NULL;
	if (!*s || (*s)->class == DAXFS_CLASS256)
		return NULL;
	v = daxfs_ck_load(&c->cell.info);
	if (DAXFS_KIND(v) != DAXFS_I_OWNED || info_type(v) != DAXFS_T_DIRENT ||
	    daxfs_ck_load(&c->cell.key) != (DAXFS_KEY_DIRENT | w->ino) ||
	    daxfs_ck_layer_of(p, off, DAXFS_T_DIRENT) != p->layer ||
	    has_other_place(p, off, c, slot))
		return NULL;
	return c;
}

/* Its number there; the rest of the word is about layers. */
static void set_slot(struct daxfs_ck *p, u64 off, struct daxfs_dirent_cell *c, u64 slot,
		     const char *what)
{
	u64 v = daxfs_ck_load(&c->dslot), rest = p->flat ? 0 : v & ~0xffffffffull;

	if (v != (rest | slot) &&
	    daxfs_ck_found(p, DAXFS_REPAIR_SAFE, "name", off, what))
		a64_store_relaxed(&c->dslot, rest | slot);
}

static void check_slot(struct daxfs_ck *p, struct walk *w, struct daxfs_a64 *word,
		       u64 slot)
{
	u64 off = daxfs_ck_value(p, word, 0, "directory", w->ino);
	struct daxfs_dirent_cell *c;
	struct daxfs_ck_slab *s;
	u32 nr;

	if (!off)
		return;
	c = slot >= w->in->slot_base ? slot_cell(p, w, off, slot, &s, &nr) : NULL;
	if (!c) {
		hole(p, w, word, DAXFS_REPAIR_ALL, "a slot refers to no name of it");
		return;
	}
	if (s->slotted >> nr & 1) {
		hole(p, w, word, DAXFS_REPAIR_ALL, "two slots refer to one name");
		return;
	}
	s->slotted |= 1ull << nr;
	w->top = slot + 1;
	set_slot(p, off, c, slot, "is in another slot than it says");
}

static void check_slots(struct daxfs_ck *p, struct walk *w, u64 off, u64 idx)
{
	struct daxfs_a64 *slots = daxfs_word_page(p->rg, off);

	for (u64 i = 0; i < DAXFS_SLOTS_PER_PAGE; i++)
		if (daxfs_ck_load(&slots[i]))
			check_slot(p, w, &slots[i],
				   idx * DAXFS_SLOTS_PER_PAGE + i);
}

/* ---- the map ---- */

static void check_pslot(struct daxfs_ck *p, struct walk *w, u64 idx,
			struct daxfs_a64 *word)
{
	u64 v = daxfs_ck_value(p, word, 0, w->dir ? "directory" : "file", w->ino);
	u32 type = w->dir ? DAXFS_T_SLOTS : DAXFS_T_DATA, found;
	int r;

	if (!v || v == DAXFS_P_ZERO << 3)
		return;
	if (!pslot_is_page(v) || v & ~PSLOT_MASK) {
		hole(p, w, word, DAXFS_REPAIR_ALL, "a word of its map is impossible");
		return;
	}
	found = page_type(p, v);
	if (w->lenient && (found == DAXFS_T_DATA || found == DAXFS_T_SLOTS))
		type = found;
	r = daxfs_ck_claim(p, pslot_off(v), type, word, 0,
			   w->dir ? "directory" : "file", w->ino);
	if (r > 1)
		a64_store_relaxed(word, 0);
	if (r)
		return;
	w->pages++;
	if (w->lenient)
		return;
	if (w->dir) {
		check_slots(p, w, pslot_off(v), idx);
	} else if (!w->open_end && idx >= w->end) {
		if (first_used(p, pslot_off(v), 0) < DAXFS_PAGE_SIZE)
			hole(p, w, word, DAXFS_REPAIR_ALL,
			     "has a page behind its end that is not zero");
	} else if (!w->open_end && idx == w->size >> DAXFS_PAGE_SHIFT) {
		check_tail(p, w, pslot_off(v));
	}
}

int daxfs_ck_is_of_other(struct daxfs_ck *p, const struct daxfs_inode *in, u64 back,
			 u64 field)
{
	struct daxfs_inode *other = back > field ? daxfs_at(p->rg, back - field,
						sizeof(*other), 64) : NULL;
	struct daxfs_ck_slab *s;
	u32 nr;

	s = other && other != in ? daxfs_ck_object(p, back - field, &nr) : NULL;
	return s && s->class == DAXFS_CLASS256 &&
	       daxfs_ck_load(&other->cell.key) == daxfs_ck_load(&in->cell.key);
}

/*
 * The word that a node which was the root once may name: it stays that of the inode,
 * or, when a merge has stopped in the middle, of the one that had the map before.
 */
static u64 former_root(struct daxfs_ck *p, const struct walk *w, u64 off)
{
	struct daxfs_a64 *info = daxfs_page_info(p->rg, off);
	u64 back = info ? info_back(daxfs_ck_load(info)) : 0;

	if (p->silent && !p->flat && p->layers[p->layer].shown_by &&
	    daxfs_ck_is_of_other(p, w->in, back, offsetof(struct daxfs_inode, map)))
		return back;
	return daxfs_off(p->rg, &w->in->map);
}

static void check_node(struct daxfs_ck *p, struct walk *w, u64 off, u32 height,
		       u64 base)
{
	struct daxfs_a64 *node = daxfs_word_page(p->rg, off);
	u32 shift = DAXFS_MAP_SHIFT * (height - 1);

	for (u64 i = 0; i < DAXFS_MAP_FANOUT; i++) {
		u64 v = daxfs_ck_load(&node[i]), idx = base + (i << shift);
		int r;

		if (!v)
			continue;
		if (!shift && idx) {
			check_pslot(p, w, idx, &node[i]);
			continue;
		}
		if (!shift) {
			hole(p, w, &node[i], DAXFS_REPAIR_ALL,
			     "the first word of its map is in use");
			continue;
		}
		r = daxfs_ck_claim(p, v, DAXFS_T_MAP, &node[i],
				   i ? 0 : former_root(p, w, v),
				   w->dir ? "directory" : "file", w->ino);
		if (r > 1)
			a64_store_relaxed(&node[i], 0);
		if (!r)
			check_node(p, w, v, height - 1, idx);
	}
}

static void check_map(struct daxfs_ck *p, struct walk *w)
{
	u64 root = daxfs_ck_load(&w->in->map), height = DAXFS_KIND(root);
	int r;

	check_pslot(p, w, 0, &w->in->page0);
	if (!root)
		return;
	if (!height || height > DAXFS_MAP_HEIGHTS ||
	    root != (pslot_off(root) | height)) {
		hole(p, w, &w->in->map, DAXFS_REPAIR_ALL,
		     "the root of its map is impossible");
		return;
	}
	r = daxfs_ck_claim(p, pslot_off(root), DAXFS_T_MAP, &w->in->map, 0,
			   w->dir ? "directory" : "file", w->ino);
	if (r > 1)
		a64_store_relaxed(&w->in->map, 0);
	if (!r)
		check_node(p, w, pslot_off(root), (u32)height, 0);
}

/* ---- words of the inode ---- */

static void set_word(struct daxfs_ck *p, u64 ino, struct daxfs_a64 *word, u64 to,
		     int level, const char *what)
{
	if (daxfs_ck_load(word) != to &&
	    daxfs_ck_found(p, level, "inode", ino, what))
		a64_store_relaxed(word, to);
}

/* Only what has no name yet can be a file that never had one. */
static u64 possible_nlink(u64 v)
{
	return v & (~0ull << 32 | DAXFS_NLINK_DROPPING |
		    (nlink_count(v) ? 0 : DAXFS_NLINK_TMPFILE));
}

/* Claims of records, and values that no record puts there. */
static void check_words(struct daxfs_ck *p, struct daxfs_inode *in, u64 ino)
{
	u64 v = daxfs_ck_value(p, &in->nlink, nlink_make(1), "inode", ino);

	set_word(p, ino, &in->nlink, possible_nlink(v), DAXFS_REPAIR_ALL,
		 "its link count is impossible");
	v = daxfs_ck_value(p, &in->size, 0, "inode", ino);
	if (DAXFS_KIND(v) || size_bytes(v) > DAXFS_MAX_FILE)
		set_word(p, ino, &in->size, size_bytes(v) > DAXFS_MAX_FILE ? 0 :
			 v & ~7ull, DAXFS_REPAIR_ALL, "its size is impossible");
	v = daxfs_ck_value(p, &in->cut, 0, "inode", ino);
	set_word(p, ino, &in->cut, v & ~7ull, DAXFS_REPAIR_ALL,
		 "its version is impossible");
	v = daxfs_ck_value(p, &in->dirstate, 0, "inode", ino);
	set_word(p, ino, &in->dirstate, v & ~7ull, DAXFS_REPAIR_ALL,
		 "its counts are impossible");
	v = daxfs_ck_value(p, &in->parent, parent_make(DAXFS_ROOT_INO), "inode",
			   ino);
	set_word(p, ino, &in->parent, v & ~7ull, DAXFS_REPAIR_ALL,
		 "its parent is impossible");
}

static void check_bits(struct daxfs_ck *p, struct daxfs_a64 *word, u64 ino,
		       const char *what)
{
	u64 v = daxfs_ck_load(word);

	if (v & ~p->hosts &&
	    daxfs_ck_found(p, DAXFS_REPAIR_SAFE, "inode", ino, what))
		a64_store_relaxed(word, v & p->hosts);
}

/* What the inode is a copy of. */
struct lower {
	const struct daxfs_base_inode *b;	/* or NULL */
	struct daxfs_inode *in;			/* or NULL */
};

static u32 right_birth(struct daxfs_ck *p, const struct lower *low)
{
	if (p->flat)
		return low->b ? 0 : 1;
	return p->layer | (low->b || low->in ? BIRTH_COPY : 0);
}

static u64 right_slots(const struct lower *low)
{
	if (low->in)
		return daxfs_ck_load(&low->in->slot_hwm);
	return low->b && S_ISDIR(low->b->mode) ? daxfs_base_dir_nr(low->b) : 0;
}

static void check_constants(struct daxfs_ck *p, struct walk *w, const struct lower *low)
{
	u32 birth = right_birth(p, low), slots = w->dir || p->flat ?
		    (u32)right_slots(low) : w->in->slot_base;
	struct daxfs_inode *in = w->in;

	if (in->birth_layer != birth &&
	    daxfs_ck_found(p, p->flat ? DAXFS_REPAIR_SAFE : DAXFS_REPAIR_ALL, "inode",
			   w->ino, p->flat ? "was born in another layer" : birth &
			   BIRTH_COPY ? "does not say that it is a copy" :
			   "says that it is a copy, and there is nothing below"))
		port_copy_to(&in->birth_layer, &birth, sizeof(birth));
	if (in->slot_base != slots &&
	    daxfs_ck_found(p, DAXFS_REPAIR_ALL, "inode", w->ino,
			   "has another number of names below"))
		port_copy_to(&in->slot_base, &slots, sizeof(slots));
}

static u64 most_below(const struct lower *low)
{
	u64 size;

	if (low->b && !S_ISDIR(low->b->mode))
		return low->b->size;
	size = low->in ? daxfs_ck_load(&low->in->size) : 0;
	return is_ref(size) ? ~0ull : size_bytes(size);
}

/* Bytes of what is below that show: none that were cut off. */
static void check_limit(struct daxfs_ck *p, struct walk *w, const struct lower *low)
{
	u64 most = most_below(low);

	if (w->size < most && !w->open_end)
		most = w->size;
	if (daxfs_ck_load(&w->in->low_limit) > most &&
	    daxfs_ck_found(p, DAXFS_REPAIR_ALL, "inode", w->ino,
			   p->flat ? "shows bytes of the base that it must not" :
			   "shows bytes of what is below that it must not"))
		a64_store_relaxed(&w->in->low_limit, most);
}

static void check_hwm(struct daxfs_ck *p, struct walk *w)
{
	u64 v = daxfs_ck_load(&w->in->slot_hwm), least = w->top;

	if (least < w->in->slot_base)
		least = w->in->slot_base;
	if (v >= least && v <= DAXFS_MAX_SLOTS)
		return;
	if (daxfs_ck_found(p, DAXFS_REPAIR_SAFE, "directory", w->ino,
			   "has slots where none were handed out"))
		a64_store_relaxed(&w->in->slot_hwm, (least + 7) & ~7ull);
}

static void check_size(struct daxfs_ck *p, struct walk *w, u32 mode, int base)
{
	if (S_ISLNK(mode) && !base && !w->lenient &&
	    (w->size > DAXFS_TARGET_MAX ||
	     (w->size > DAXFS_INLINE_TARGET && !w->pages)))
		daxfs_ck_found(p, 0, "inode", w->ino, "its target is lost");
	if (S_ISREG(mode) || S_ISLNK(mode) || w->lenient || !w->size)
		return;
	set_word(p, w->ino, &w->in->size, 0, DAXFS_REPAIR_SAFE,
		 "has a size and no content");
}

/* ---- one inode ---- */

static void start_walk(struct daxfs_ck *p, struct walk *w, u32 mode)
{
	u64 size = daxfs_ck_load(&w->in->size);

	w->ino = w->n->ino;
	w->dir = S_ISDIR(mode);
	w->size = is_ref(size) ? 0 : size_bytes(size);
	w->open_end = is_ref(size) ||
		      !!(daxfs_ck_load(&w->in->cut) & DAXFS_CUT_PURGE);
	w->end = (w->size + DAXFS_PAGE_SIZE - 1) >> DAXFS_PAGE_SHIFT;
	/* Types that differ are told apart by the names. */
	w->lenient = !mode_possible(mode) ||
		     !daxfs_ck_plausible(p, w->in, mode >> 12);
	if (w->lenient)
		w->n->flags |= DAXFS_CK_NO_TYPE;
	if (w->dir)
		w->n->flags |= DAXFS_CK_DIR;
}

/* In a frozen layer a host may leave its bit behind, and in what main has changed. */
static void check_hosts(struct daxfs_ck *p, struct daxfs_inode *in, u64 ino)
{
	if (daxfs_ck_is_frozen(p, p->layer))
		return;
	check_bits(p, &in->opens, ino, "is open on a host that there is not");
	check_bits(p, &in->mapped, ino, "is mapped on a host that there is not");
}

static void find_lower(struct daxfs_ck *p, const struct daxfs_ck_node *n,
		       struct daxfs_base_inode *base, struct lower *low)
{
	struct daxfs_ck_node *below = daxfs_ck_on_floor(p) ? NULL : daxfs_ck_lower(p, n);

	memset(low, 0, sizeof(*low));
	if (below && below->off && below->flags & DAXFS_CK_LIVE)
		low->in = daxfs_at(p->rg, below->off, sizeof(*low->in), 64);
	else if (n->ino <= p->rg->super.base_inode_nr && !(below && below->off) &&
		 !daxfs_base_inode(p->rg, n->ino, base))
		low->b = base;
}

/* All that it refers to, and what is in its words. */
static void check_parts(struct daxfs_ck *p, struct walk *w, const struct lower *low)
{
	u32 mode;

	check_words(p, w->in, w->n->ino);
	if (!(daxfs_ck_load(&w->in->nlink) & DAXFS_NLINK_DROPPING)) {
		check_attr(p, w->n, w->in);
		daxfs_ck_xattrs(p, w->n, w->in);
	}
	mode = daxfs_ck_mode(p, w->in);
	if (!S_ISLNK(mode))
		daxfs_ck_locks(p, w->in, w->n->ino);
	start_walk(p, w, mode);
	if (!daxfs_ck_is_merged(p)) {	/* what is below may be as this one says */
		check_constants(p, w, low);
		check_limit(p, w, low);
	}
	check_hosts(p, w->in, w->n->ino);
	check_map(p, w);
	check_size(p, w, mode, low->b || low->in);
	if (w->dir && !w->lenient)
		check_hwm(p, w);
}

/* Nobody sees it; what it refers to is in use all the same. */
static void check_unseen(struct daxfs_ck *p, u64 off)
{
	struct daxfs_inode *in = daxfs_at(p->rg, off, sizeof(*in), 64);
	struct daxfs_ck_node n = {
		.ino = DAXFS_KEY_INO(daxfs_ck_load(&in->cell.key)), .off = off,
	};
	struct walk w = { .in = in, .n = &n };
	struct lower low = { .b = NULL };

	if (daxfs_ck_load(&in->attr_off) == DAXFS_ATTR_GONE)
		return;		/* dropped: what it had is others' now */
	p->silent = 1;
	check_parts(p, &w, &low);
	p->silent = 0;
}

static void check_inode(struct daxfs_ck *p, u64 off)
{
	struct daxfs_ck_node *n = daxfs_ck_node_at(p, off);
	struct daxfs_base_inode base;
	struct walk w = { .n = n };
	struct lower low;

	if (!p->flat && (p->round == DAXFS_CK_ALL_ENDED || daxfs_ck_is_hidden(p, off))) {
		check_unseen(p, off);
		return;
	}
	if (!n || n->off != off || !(n->flags & DAXFS_CK_LIVE))
		return;
	w.in = daxfs_at(p->rg, off, sizeof(*w.in), 64);
	find_lower(p, n, &base, &low);
	check_parts(p, &w, &low);
	if (p->ck->repair && !daxfs_ck_is_merged(p))
		a64_store_relaxed(&w.in->pages, w.pages);
}

static void check_base_opens(struct daxfs_ck *p)
{
	for (u64 i = 1; i <= p->rg->super.base_inode_nr; i++)
		check_bits(p, daxfs_base_opens(p->rg, i), i,
			   "is open on a host that there is not");
}

void daxfs_ck_inodes(struct daxfs_ck *p)
{
	daxfs_ck_each_of(p, DAXFS_T_INODE, check_inode);
	if (p->flat) {
		check_base_opens(p);
		return;
	}
	daxfs_ck_ended_tables(p);
	p->round = DAXFS_CK_ALL_ENDED;
	daxfs_ck_each_of(p, DAXFS_T_INODE, check_inode);
	p->round = DAXFS_CK_ALL_SEEN;
}
