// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Inodes: finding, copying up, attributes, holding and dropping.
 *
 * Notes: an inode of the base image gets an overlay inode of the same number
 * at its first change; its content still shows through up to low_limit.
 * Numbers are never used twice: what follows one that is gone has the same place
 * and hash, and another turn (docs/decisions/0013). tests/model/drop.pml is
 * about open and drop.
 *
 * operation | linearization            | progress  | if the caller stops there
 * find      | load of the value        | bounded   | -
 * copy up   | CAS of the bucket        | lock-free | nothing, or a copy that says the same
 * setattr   | CAS of attr_off          | lock-free | an unreferred attribute record
 * open      | or of the bit            | wait-free | a bit that recovery clears
 * close     | and of the bit           | wait-free | an unused inode: recovery drops it
 * drop      | CAS alive -> dropping    | lock-free | the file is gone; drop_ino is finished
 *
 * open sets its bit, full fence, loads the count; unlink brings the count to 0,
 * full fence, loads the bits [OPN]: one of them sees the other. A file that
 * never had a name may still get one: is_unused() and drop_claim();
 * tests/model/tmpfile.pml.
 *
 * ABA: attr_off cannot recur while the old record may be seen, in a section.
 */
#include "inode.h"
#include "base.h"
#include "epoch.h"
#include "index.h"
#include "lock.h"
#include "map.h"
#include "pool.h"
#include "record.h"
#include "region.h"
#include "view.h"
#include "watch.h"
#include "word.h"
#include "xattr.h"

#define SECOND_NS	1000000000ull
#define DROP_TRIES	100000u

static struct daxfs_inode *inode_at(const struct daxfs_region *rg, u64 off)
{
	return daxfs_at(rg, off, sizeof(struct daxfs_inode), 64);
}

/* ---- finding ---- */

/* Bytes of a file may look like anything: it must be an object in a slab. */
static int is_inode_memory(struct daxfs_cx *cx, u64 off)
{
	struct daxfs_a64 *page = daxfs_page_info(cx->rg,
						 off & ~(DAXFS_PAGE_SIZE - 1));
	struct daxfs_inode *in = inode_at(cx->rg, off);
	u64 v;

	if (!page || !in || daxfs_slab_class(a64_load_acquire(page)) !=	/* [SLB] */
			    DAXFS_CLASS256)
		return 0;
	v = a64_load_relaxed(&in->cell.info);
	return DAXFS_KIND(v) == DAXFS_I_OWNED && info_type(v) == DAXFS_T_INODE;
}

/* Of the layer that an inode lies in; not 0: it is not one of our view. */
static int depth_of(struct daxfs_cx *cx, const struct daxfs_inode *in, u32 *depth)
{
	u32 layer = birth_layer_of(in->birth_layer), i = 0;

	while (i < cx->view.nr && cx->view.layer[i] != layer)
		i++;
	*depth = i;
	return i == cx->view.nr;
}

/* Is there an inode of that number, alive, where the hint says? */
static int hint_is_right(struct daxfs_cx *cx, u64 ino, u64 hint,
			 struct daxfs_iref *ref)
{
	struct daxfs_inode *in = hint ? inode_at(cx->rg, hint) : NULL;
	u64 v;

	/* First: a page of inodes stays one while our section lasts. */
	if (!in || !is_inode_memory(cx, hint) ||
	    a64_load_relaxed(&in->cell.key) != (DAXFS_KEY_INODE | ino))
		return 0;
	/* A number is never used again, so key and LIVE say enough. */
	v = a64_load_acquire(&in->cell.value);		/* pairs with [PUB] */
	if (is_ref(v) || value_state(v) != DAXFS_V_LIVE || value_ino(v) != ino)
		return 0;
	if (!cx->view.flat && depth_of(cx, in, &ref->depth))
		return 0;
	ref->off = hint;
	ref->in = in;
	ref->own = !ref->depth;
	return 1;
}

/* The first layer of [depth, end) that says something of it decides. */
static int overlay_find(struct daxfs_cx *cx, u64 ino, u32 depth, u32 end,
			struct daxfs_iref *ref)
{
	struct daxfs_key k = daxfs_key_inode(cx->rg, ino);
	u64 value;
	int r = -ENOENT;

	for (; depth < end && r == -ENOENT; depth++) {
		ref->depth = depth;
		r = daxfs_index_find_in(cx, cx->view.layer[depth], &k, &ref->off,
					&value);
	}
	if (r) {
		ref->off = 0;
		return r;
	}
	if (value_state(value) != DAXFS_V_LIVE)
		return -ESTALE;		/* a lower inode that was dropped */
	ref->in = inode_at(cx->rg, ref->off);
	ref->own = !ref->depth;
	return ref->in ? 0 : -EUCLEAN;
}

/*
 * By a hint, and the layers above the one that the inode lies in: in a region with
 * branches it may be covered there. 1: *ref is it; else as overlay_find().
 */
static int find_by_hint(struct daxfs_cx *cx, u64 ino, u64 hint, struct daxfs_iref *ref)
{
	struct daxfs_iref above;
	int r;

	if (!hint_is_right(cx, ino, hint, ref))
		return 0;
	if (!ref->depth)
		return 1;
	above = *ref;
	r = overlay_find(cx, ino, 0, ref->depth, &above);
	if (r == -ENOENT)
		return 1;
	*ref = above;
	return r ? r : 1;
}

/* Where this context found it last, if the number's place was not taken since. */
static u64 *found_lately(struct daxfs_cx *cx, u64 ino)
{
	return &cx->inode_off[ino % DAXFS_CX_INODES];
}

int daxfs_iget(struct daxfs_cx *cx, u64 ino, u64 hint, struct daxfs_iref *ref)
{
	u64 *lately = found_lately(cx, ino);
	int r = -ENOENT;

	ref->ino = ino;
	ref->off = 0;
	ref->in = NULL;
	ref->own = 0;
	ref->depth = 0;
	ref->has_base = ino && ino <= cx->rg->super.base_inode_nr;
	if (daxfs_has_overlay(cx->rg)) {
		r = find_by_hint(cx, ino, hint, ref);
		if (!r)
			r = find_by_hint(cx, ino, *lately, ref);
		if (!r)
			r = overlay_find(cx, ino, 0, cx->view.nr, ref);
		if (r < 0 && r != -ENOENT)
			return r == -ESTALE ? -ENOENT : r;
	}
	*lately = ref->off;
	if (ref->has_base)
		return daxfs_base_inode(cx->rg, ino, &ref->base);
	return ref->in ? 0 : -ENOENT;
}

int daxfs_has_lower(const struct daxfs_iref *ref)
{
	return ref->in && (ref->has_base || (ref->in->birth_layer & BIRTH_COPY));
}

int daxfs_lower(struct daxfs_cx *cx, const struct daxfs_iref *ref,
		struct daxfs_iref *lower)
{
	int r = -ENOENT;

	if (!daxfs_has_lower(ref))
		return -ENOENT;
	*lower = *ref;
	lower->off = 0;
	lower->in = NULL;
	lower->own = 0;
	if (ref->depth + 1 < cx->view.nr)
		r = overlay_find(cx, ref->ino, ref->depth + 1, cx->view.nr, lower);
	if (r == -ENOENT)
		return ref->has_base ? 0 : -EUCLEAN;
	return r == -ESTALE ? -EUCLEAN : r;	/* a copy of what was gone before */
}

/* ---- making ---- */

int daxfs_ino_take(struct daxfs_cx *cx, u64 *ino)
{
	if (cx->number_nr) {
		*ino = cx->number[--cx->number_nr];
		return 0;
	}
	if (cx->ino_next == cx->ino_end) {
		struct daxfs_a64 *next = &daxfs_globals(cx->rg)->next_ino.word;
		u64 first = a64_add_relaxed(next, DAXFS_INO_RANGE / DAXFS_CTXS);

		if (first >= DAXFS_INO_TURN)
			return -ENOSPC;
		cx->ino_next = first;
		cx->ino_end = first + DAXFS_INO_RANGE / DAXFS_CTXS;
	}
	*ino = cx->ino_next++;
	return 0;
}

/*
 * The number of an inode that we have dropped, and buried, has a successor of
 * the same place. Only the winner of its drop may give that, so nobody gives it
 * twice; who forgets it, or dies, takes it along.
 */
static void number_follows(struct daxfs_cx *cx, u64 ino)
{
	u64 next = ino + DAXFS_INO_TURN;

	if (next < DAXFS_INO_END && cx->number_nr < DAXFS_CX_NUMBERS)
		cx->number[cx->number_nr++] = next;
}

static u64 embedded_attr(const struct daxfs_region *rg,
			 const struct daxfs_inode *in)
{
	return daxfs_off(rg, &in->attr);
}

static void inode_init(struct daxfs_cx *cx, struct daxfs_inode *in, u64 ino)
{
	struct daxfs_key k = daxfs_key_inode(cx->rg, ino);
	u8 *body = (u8 *)in + sizeof(in->cell);

	/* info is ours and must stay; the words below are set one by one,
	 * since who has an old hint may look at them: hint_is_right() */
	port_zero(body, sizeof(*in) - sizeof(in->cell));
	a64_store_relaxed(&in->cell.value, value_make(DAXFS_V_LIVE, 0, ino));
	a64_store_relaxed(&in->cell.hash, k.hash);
	a64_store_relaxed(&in->cell.key, k.key);
	a64_store_relaxed(&in->attr_off, embedded_attr(cx->rg, in));
}

/* What never changes, from a structure of the caller: plain bytes. */
static void put_constant(struct daxfs_inode *in, const struct daxfs_inode *from)
{
	port_copy_to(&in->btime_ns, &from->btime_ns,
		     offsetof(struct daxfs_inode, target) -
		     offsetof(struct daxfs_inode, btime_ns));
}

static int inode_take(struct daxfs_cx *cx, u64 ino, u64 *off,
		      struct daxfs_inode **in)
{
	int r = daxfs_obj_take(cx, DAXFS_CLASS256, DAXFS_T_INODE, 0, off);

	if (r)
		return r;
	*in = inode_at(cx->rg, *off);
	if (!*in)
		return -EUCLEAN;
	inode_init(cx, *in, ino);
	return 0;
}

static int set_target(struct daxfs_cx *cx, struct daxfs_inode *in,
		      const char *target, u32 len)
{
	u64 off;
	int r;

	a64_store_relaxed(&in->size, size_make(len));
	if (len <= DAXFS_INLINE_TARGET) {
		port_copy_to(in->target, target, len);
		return 0;
	}
	r = daxfs_page_take_zero(cx, DAXFS_T_DATA,
				 daxfs_off(cx->rg, &in->page0), &off);
	if (r)
		return r;
	port_copy_to(daxfs_at(cx->rg, off, DAXFS_PAGE_SIZE, DAXFS_PAGE_SIZE),
		     target, len);
	a64_store_relaxed(&in->page0, pslot_make(off));
	a64_store_relaxed(&in->pages, 1);
	return 0;
}

int daxfs_inode_make(struct daxfs_cx *cx, u64 ino, u64 parent,
		     const struct daxfs_new *what, u64 *off)
{
	u64 now = port_now_ns();
	struct daxfs_inode *in;
	int r = inode_take(cx, ino, off, &in);

	if (r)
		return r;
	a64_store_relaxed(&in->nlink, nlink_make(1));
	a64_store_relaxed(&in->mtime_ns, now);
	a64_store_relaxed(&in->ctime_ns, now);
	a64_store_relaxed(&in->atime_ns, now);
	put_constant(in, &(struct daxfs_inode){
		.btime_ns = now,
		.rdev = what->rdev,
		.birth_layer = daxfs_view_top(cx),
		.attr = { .mode = what->mode, .uid = what->uid, .gid = what->gid },
	});
	if (S_ISDIR(what->mode))
		a64_store_relaxed(&in->parent, parent_make(parent));
	if (S_ISLNK(what->mode))
		r = set_target(cx, in, what->target, what->target_len);
	if (r)
		daxfs_obj_give(cx, *off);
	return r;
}

void daxfs_inode_give(struct daxfs_cx *cx, u64 off)
{
	struct daxfs_inode *in = inode_at(cx->rg, off);
	u64 page = a64_load_relaxed(&in->page0);

	if (pslot_is_page(page))
		daxfs_page_give(cx, pslot_off(page));
	if (in->attr.flags & DAXFS_ATTR_XATTRS && in->attr.xattr_off)
		daxfs_xset_give(cx, &in->attr_off, in->attr.xattr_off);
	daxfs_obj_give(cx, off);
}

/* birth_layer of a copy in the top layer. */
static u32 copy_birth(const struct daxfs_cx *cx)
{
	return cx->view.flat ? 0 : daxfs_view_top(cx) | BIRTH_COPY;
}

/* The copy says exactly what the base inode says. */
static void fill_from_base(struct daxfs_cx *cx, struct daxfs_inode *in,
			   const struct daxfs_base_inode *b)
{
	u64 nr = daxfs_base_dir_nr(b);

	a64_store_relaxed(&in->nlink, nlink_make(b->nlink));
	a64_store_relaxed(&in->size, size_make(b->size));
	a64_store_relaxed(&in->mtime_ns, (u64)b->mtime_ns);
	a64_store_relaxed(&in->ctime_ns, (u64)b->mtime_ns);
	a64_store_relaxed(&in->atime_ns, (u64)b->mtime_ns);
	a64_store_relaxed(&in->low_limit, b->size);
	put_constant(in, &(struct daxfs_inode){
		.btime_ns = (u64)b->mtime_ns,
		.rdev = b->rdev,
		.birth_layer = copy_birth(cx),
		.slot_base = S_ISDIR(b->mode) ? (u32)nr : 0,
		.attr = { .mode = b->mode, .uid = b->uid, .gid = b->gid },
	});
	if (!S_ISDIR(b->mode))
		return;
	a64_store_relaxed(&in->size, 0);
	a64_store_relaxed(&in->low_limit, 0);
	a64_store_relaxed(&in->parent, parent_make(b->parent));
	a64_store_relaxed(&in->dirstate, dirstate_make(nr, b->nlink - 2));
	a64_store_relaxed(&in->nlink, nlink_make(1));
	a64_store_relaxed(&in->slot_hwm, nr);
}

/* The words that a record may have claimed. Nobody changes a lower layer. */
static int copy_words(struct daxfs_cx *cx, struct daxfs_inode *in,
		      const struct daxfs_inode *from)
{
	const struct { struct daxfs_a64 *to; const struct daxfs_a64 *from; } word[] = {
		{ &in->nlink, &from->nlink }, { &in->size, &from->size },
		{ &in->dirstate, &from->dirstate }, { &in->parent, &from->parent },
	};

	for (u32 i = 0; i < sizeof(word) / sizeof(word[0]); i++) {
		u64 v;
		int r = daxfs_word_read(cx->rg, word[i].from, &v);

		if (r)
			return r;
		a64_store_relaxed(word[i].to, v);
	}
	return 0;
}

/* What is no claimed word: relaxed, it was complete before the layer froze. */
static void copy_plain(struct daxfs_inode *in, const struct daxfs_inode *from)
{
	a64_store_relaxed(&in->mtime_ns, a64_load_relaxed(&from->mtime_ns));
	a64_store_relaxed(&in->ctime_ns, a64_load_relaxed(&from->ctime_ns));
	a64_store_relaxed(&in->atime_ns, a64_load_relaxed(&from->atime_ns));
	a64_store_relaxed(&in->change, a64_load_relaxed(&from->change));
	a64_store_relaxed(&in->slot_hwm, a64_load_relaxed(&from->slot_hwm));
}

/*
 * The copy says exactly what the lower inode says. Of files all content shows
 * through, but nothing behind the end; extended attributes do, too.
 */
static int fill_from_layer(struct daxfs_cx *cx, struct daxfs_inode *in,
			   const struct daxfs_inode *from)
{
	struct daxfs_attr at;
	u64 off;
	int r = daxfs_attr(cx, from, &at, &off);

	if (!r)
		r = copy_words(cx, in, from);
	if (r)
		return r;
	copy_plain(in, from);
	at.flags &= ~DAXFS_ATTR_XATTRS;
	at.xattr_off = 0;
	put_constant(in, &(struct daxfs_inode){
		.btime_ns = from->btime_ns,
		.rdev = from->rdev,
		.generation = from->generation,
		.birth_layer = copy_birth(cx),
		.slot_base = (u32)a64_load_relaxed(&from->slot_hwm),
		.attr = { .mode = at.mode, .uid = at.uid, .gid = at.gid,
			  .flags = at.flags },
	});
	if (S_ISLNK(at.mode))
		port_copy_within(in->target, from->target, DAXFS_INLINE_TARGET);
	if (!S_ISDIR(at.mode))
		a64_store_relaxed(&in->low_limit,
				  size_bytes(a64_load_relaxed(&in->size)));
	return 0;
}

static int fill_copy(struct daxfs_cx *cx, struct daxfs_inode *in,
		     const struct daxfs_iref *ref)
{
	if (ref->in)
		return fill_from_layer(cx, in, ref->in);
	fill_from_base(cx, in, &ref->base);
	return 0;
}

int daxfs_inode_like(struct daxfs_cx *cx, u64 ino, const struct daxfs_inode *from,
		     int is_copy, u64 *off)
{
	struct daxfs_inode *in;
	u32 birth = daxfs_view_top(cx) | (is_copy ? BIRTH_COPY : 0);
	u32 base = from->slot_base;
	int r = inode_take(cx, ino, off, &in);

	if (r)
		return r;
	/* Of one that is gone nothing is left to say. */
	r = fill_from_layer(cx, in, from);
	if (r && r != -ENOENT) {
		daxfs_obj_give(cx, *off);
		return r;
	}
	port_copy_to(&in->birth_layer, &birth, sizeof(birth));
	port_copy_to(&in->slot_base, &base, sizeof(base));
	a64_store_relaxed(&in->low_limit, a64_load_relaxed(&from->low_limit));
	return 0;
}

int daxfs_copy_up(struct daxfs_cx *cx, struct daxfs_iref *ref)
{
	int r = daxfs_view_writable(cx);

	return r ? r : daxfs_copy_in(cx, ref);
}

int daxfs_copy_in(struct daxfs_cx *cx, struct daxfs_iref *ref)
{
	struct daxfs_key k = daxfs_key_inode(cx->rg, ref->ino);
	struct daxfs_inode *in;
	u64 off, found, value;
	int r;

	if (ref->own)
		return 0;
	if (!cx->sh)
		return -EROFS;
	r = inode_take(cx, ref->ino, &off, &in);
	if (r)
		return r;
	r = fill_copy(cx, in, ref);
	if (r)
		daxfs_obj_give(cx, off);
	if (r)
		return r;
	r = daxfs_index_insert(cx, &k, off, &found, &value);
	if (r) {
		daxfs_obj_give(cx, off);
		if (r != -EEXIST)
			return r;
		if (value_state(value) != DAXFS_V_LIVE)
			return -ENOENT;
		off = found;
	}
	ref->off = off;
	ref->in = inode_at(cx->rg, off);
	ref->own = 1;
	ref->depth = 0;
	return ref->in ? 0 : -EUCLEAN;
}

/* ---- attributes ---- */

int daxfs_attr(struct daxfs_cx *cx, const struct daxfs_inode *in,
	       struct daxfs_attr *at, u64 *off)
{
	struct daxfs_attr *shared;
	int r = daxfs_word_read(cx->rg, &in->attr_off, off); /* [PUB] in attr_swap() */

	if (r)
		return r;
	if (*off == DAXFS_ATTR_GONE)
		return -ENOENT;
	shared = daxfs_at(cx->rg, *off, sizeof(*at), 8);
	if (!shared)
		return -EUCLEAN;
	port_copy_from(at, shared, sizeof(*at));	/* immutable */
	return 0;
}

int daxfs_ref_mode(struct daxfs_cx *cx, const struct daxfs_iref *ref, u32 *mode)
{
	struct daxfs_attr at;
	u64 off;
	int r;

	if (!ref->in) {
		*mode = ref->base.mode;
		return 0;
	}
	r = daxfs_attr(cx, ref->in, &at, &off);
	*mode = r ? 0 : at.mode;
	return r;
}

/* Content of the base that shows, in 512-byte blocks. */
static u64 base_blocks(struct daxfs_cx *cx, const struct daxfs_iref *ref, u64 limit)
{
	u64 bytes = daxfs_base_bytes(cx->rg, &ref->base);

	return ((bytes < limit ? bytes : limit) + 511) / 512;
}

static void base_stat(struct daxfs_cx *cx, const struct daxfs_iref *ref,
		      struct daxfs_stat *st)
{
	const struct daxfs_base_inode *b = &ref->base;

	st->mode = b->mode;
	st->nlink = b->nlink;
	st->uid = b->uid;
	st->gid = b->gid;
	st->rdev = b->rdev;
	st->size = S_ISDIR(b->mode) ? DAXFS_PAGE_SIZE : b->size;
	st->blocks = S_ISREG(b->mode) ? base_blocks(cx, ref, b->size) : 0;
	st->atime_ns = st->mtime_ns = (u64)b->mtime_ns;
	st->ctime_ns = st->btime_ns = (u64)b->mtime_ns;
}

/* Link count of a directory, and that it is still there. */
static int dir_nlink(struct daxfs_cx *cx, struct daxfs_inode *in, u32 *nlink)
{
	u64 ds;
	int r = daxfs_word_read(cx->rg, &in->dirstate, &ds);

	*nlink = ds & DAXFS_DIR_DEAD ? 0 : 2 + (u32)dirstate_subdirs(ds);
	return r;
}

/* Content of what lies below that shows: about, for it may be covered. */
static u64 lower_blocks(struct daxfs_cx *cx, const struct daxfs_iref *ref)
{
	u64 limit = a64_load_relaxed(&ref->in->low_limit), pages = 0;
	struct daxfs_iref low = *ref;

	while (!daxfs_lower(cx, &low, &low)) {
		if (!low.in)
			return pages * (DAXFS_PAGE_SIZE / 512) +
			       base_blocks(cx, &low, limit);
		pages += a64_load_relaxed(&low.in->pages);
	}
	if (pages > (limit + DAXFS_PAGE_SIZE - 1) / DAXFS_PAGE_SIZE)
		pages = (limit + DAXFS_PAGE_SIZE - 1) / DAXFS_PAGE_SIZE;
	return pages * (DAXFS_PAGE_SIZE / 512);
}

static int overlay_stat(struct daxfs_cx *cx, const struct daxfs_iref *ref,
			struct daxfs_stat *st)
{
	struct daxfs_inode *in = ref->in;
	struct daxfs_attr at;
	u64 off, size, nlink;
	int r = daxfs_attr(cx, in, &at, &off);

	if (r)
		return r;
	/* The change counter first: what it counts is seen then or later. */
	st->change = a64_load_acquire(&in->change);	/* [CHG] in daxfs_touch() */
	r = daxfs_word_read(cx->rg, &in->size, &size);
	if (!r)
		r = daxfs_word_read(cx->rg, &in->nlink, &nlink);
	if (r)
		return r;
	st->mode = at.mode;
	st->uid = at.uid;
	st->gid = at.gid;
	st->rdev = in->rdev;
	st->generation = in->generation;
	st->nlink = nlink_count(nlink);
	st->size = size_bytes(size);
	st->blocks = a64_load_relaxed(&in->pages) * (DAXFS_PAGE_SIZE / 512);
	st->atime_ns = a64_load_relaxed(&in->atime_ns);	/* statistics */
	st->mtime_ns = a64_load_relaxed(&in->mtime_ns);
	st->ctime_ns = a64_load_relaxed(&in->ctime_ns);
	st->btime_ns = in->btime_ns;
	if (S_ISREG(at.mode) && daxfs_has_lower(ref))
		st->blocks += lower_blocks(cx, ref);
	if (!S_ISDIR(at.mode))
		return 0;
	st->size = DAXFS_PAGE_SIZE;
	return dir_nlink(cx, in, &st->nlink);
}

int daxfs_ref_stat(struct daxfs_cx *cx, const struct daxfs_iref *ref,
		   struct daxfs_stat *st)
{
	memset(st, 0, sizeof(*st));
	st->ino = ref->ino;
	if (!ref->in) {
		base_stat(cx, ref, st);
		return 0;
	}
	return overlay_stat(cx, ref, st);
}

/*
 * Of a change of content strictly later than it was, so that whoever compares
 * sees it; of one of names the clock's, which ticks every few milliseconds.
 */
static void touch_time(struct daxfs_a64 *word, u64 now, int strictly)
{
	u64 old = a64_load_relaxed(word);

	/* A time far ahead was set by somebody: take the clock's. */
	if (old >= now && old - now < SECOND_NS) {
		if (!strictly)
			return;
		now = old + 1;
	}
	a64_cas(word, old, now);	/* who set it meanwhile knows better */
}

static void change_raise(struct daxfs_inode *in)
{
	u64 v = a64_load_relaxed(&in->change), found;

	/* Content and times before the counter. Pairs with [CHG] in
	 * overlay_stat(). Whoever wins raises it for both at worst. */
	for (u32 i = 0; i < 64; i++) {
		found = a64_cas(&in->change, v, v + 1);
		if (found == v)
			return;
		v = found;
	}
}

void daxfs_touch(struct daxfs_cx *cx, struct daxfs_inode *in, u32 what)
{
	u64 now = port_now_ns();

	/* The inode may be gone, and its memory another's. */
	if (daxfs_still_host(cx))
		return;
	/* Where layers freeze, times come with the record: daxfs_op_touch(). */
	if (what == DAXFS_TOUCH_COUNTER || !cx->view.flat) {
		if (what & (DAXFS_TOUCH_COUNTER | DAXFS_TOUCH_CONTENT))
			change_raise(in);
		return;
	}
	if (what & DAXFS_TOUCH_MTIME)
		touch_time(&in->mtime_ns, now, what & DAXFS_TOUCH_CONTENT);
	touch_time(&in->ctime_ns, now, what & DAXFS_TOUCH_CONTENT);
	if (!(what & DAXFS_TOUCH_CONTENT))
		return;
	change_raise(in);
}

struct getattr_arg {
	u64 ino;
	struct daxfs_stat *st;
};

static int getattr_fn(struct daxfs_cx *cx, void *p)
{
	struct getattr_arg *a = p;
	struct daxfs_iref ref;
	int r = daxfs_iget(cx, a->ino, 0, &ref);

	return r ? r : daxfs_ref_stat(cx, &ref, a->st);
}

int daxfs_getattr(struct daxfs_cx *cx, u64 ino, struct daxfs_stat *st)
{
	struct getattr_arg a = { ino, st };

	return daxfs_section(cx, getattr_fn, &a);
}

/* Bytes that only old has led to. */
static u64 leaving_set(const struct daxfs_attr *old, const struct daxfs_attr *new)
{
	if (!(old->flags & DAXFS_ATTR_XATTRS) ||
	    (new && old->xattr_off == new->xattr_off))
		return 0;
	return old->xattr_off;
}

/* The times that the record of a change of attributes sets. */
static void touch_asked(struct daxfs_cx *cx, struct daxfs_inode *in)
{
	const struct daxfs_setattr *sa = cx->asked;
	u64 what = DAXFS_TCH_CTIME;

	if (cx->fold)
		return;
	if (sa && sa->set & DAXFS_SET_CTIME)
		what = DAXFS_TCH_SET_CTIME;
	if (sa && sa->set & DAXFS_SET_MTIME)
		what |= DAXFS_TCH_SET_MTIME;
	if (sa && sa->set & DAXFS_SET_ATIME)
		what |= DAXFS_TCH_SET_ATIME;
	if (sa) {
		cx->touch_ns[0] = sa->ctime_ns;
		cx->touch_ns[1] = sa->mtime_ns;
		cx->touch_ns[2] = sa->atime_ns;
	}
	daxfs_op_touch(cx, in, what);
}

/*
 * Times alone: a record of no words, which a freeze forestalls all the same. what: as
 * DAXFS_TCH_* says; 0: those that are asked for.
 */
int daxfs_times_record(struct daxfs_cx *cx, struct daxfs_inode *in, u64 what)
{
	int r = -EAGAIN;

	daxfs_patience_reset(cx);
	for (u32 i = 0; i < 100000 && r == -EAGAIN; i++) {
		daxfs_op_begin(cx);
		if (what)
			daxfs_op_touch(cx, in, what);
		else
			touch_asked(cx, in);
		r = daxfs_op_run(cx);
		if (!r)
			daxfs_op_end(cx);
	}
	return r == -EAGAIN ? -EBUSY : r;
}

/*
 * Where branches freeze layers: not if ours is frozen before, and with the
 * times that have been asked for.
 */
static int attr_record(struct daxfs_cx *cx, struct daxfs_inode *in, u64 old_off,
		       u64 off)
{
	int r;

	daxfs_op_begin(cx);
	touch_asked(cx, in);
	r = daxfs_op_add(cx, &in->attr_off, old_off, off);
	if (!r)
		r = daxfs_op_run(cx);
	if (!r)
		daxfs_op_end(cx);
	return r;
}

/*
 * Let attr_off refer to another record, and retire the old one, with the set of
 * extended attributes that leaves with it (0: none does). Between the two
 * nothing refers to them, and they may belong to a host that lives: so they are
 * noted before, and stay as they are while our section is shown. -EAGAIN:
 * another was faster.
 */
static int attr_swap(struct daxfs_cx *cx, struct daxfs_inode *in, u64 old_off,
		     u64 off, u64 xattrs, int by_record)
{
	int own = old_off != embedded_attr(cx->rg, in), r;

	if (own || xattrs)
		a64_keep(&cx->sh->epoch);
	/* Both pair with [PUB] in retire_dropped_attr(). */
	if (own)
		a64_store_release(&cx->sh->drop_attr, old_off);
	if (xattrs)
		a64_store_release(&cx->sh->drop_xattr, xattrs);	/* [PUB] */
	r = daxfs_still_host(cx);
	if (!r && by_record)
		r = attr_record(cx, in, old_off, off);
	/* Publishes the record. Pairs with [PUB] in daxfs_attr(). */
	else if (!r && a64_cas(&in->attr_off, old_off, off) != old_off)
		r = -EAGAIN;
	if (!r && own)
		daxfs_obj_retire(cx, old_off, daxfs_retire_epoch(cx));
	if (!r)
		daxfs_xset_retire(cx, &in->attr_off, xattrs);
	if (own)
		a64_store_release(&cx->sh->drop_attr, 0);	/* [PUB], as above */
	if (xattrs)
		a64_store_release(&cx->sh->drop_xattr, 0);	/* [PUB], as above */
	return r;
}

int daxfs_attr_replace(struct daxfs_cx *cx, struct daxfs_inode *in, u64 old_off,
		       const struct daxfs_attr *old, const struct daxfs_attr *at)
{
	struct daxfs_attr *shared;
	u64 off;
	int r;

	r = daxfs_obj_take(cx, DAXFS_CLASS64, DAXFS_T_ATTR,
			   daxfs_off(cx->rg, &in->attr_off), &off);
	if (!r) {
		shared = daxfs_at(cx->rg, off, sizeof(*at), 64);
		port_copy_to(&shared->mode, &at->mode,
			     sizeof(*at) - offsetof(struct daxfs_attr, mode));
		daxfs_change_begin(cx);
		r = attr_swap(cx, in, old_off, off, leaving_set(old, at),
			      !cx->view.flat);
		daxfs_change_end(cx);
		if (r)
			daxfs_obj_give(cx, off);
	}
	if (r && at->xattr_off && at->xattr_off != old->xattr_off)
		daxfs_xset_give(cx, &in->attr_off, at->xattr_off);
	return r;
}

int daxfs_attr_fold(struct daxfs_cx *cx, struct daxfs_inode *in, u64 old_off, u64 off,
		    const struct daxfs_attr *old, const struct daxfs_attr *at)
{
	return attr_swap(cx, in, old_off, off, leaving_set(old, at), 1);
}

static void attr_apply(struct daxfs_attr *at, const struct daxfs_setattr *sa)
{
	if (sa->set & DAXFS_SET_MODE)
		at->mode = (at->mode & S_IFMT) | (sa->mode & 07777);
	if (sa->set & DAXFS_SET_UID)
		at->uid = sa->uid;
	if (sa->set & DAXFS_SET_GID)
		at->gid = sa->gid;
	if (sa->set & DAXFS_SET_DROP_IDS)
		at->mode = daxfs_without_ids(at->mode);
}

int daxfs_attr_set(struct daxfs_cx *cx, struct daxfs_iref *ref,
		   const struct daxfs_setattr *sa)
{
	for (u32 i = 0; i < 100000; i++) {
		struct daxfs_attr at, old;
		u64 off;
		int r = daxfs_attr(cx, ref->in, &at, &off);

		if (r)
			return r;
		old = at;
		attr_apply(&at, sa);
		r = daxfs_xattr_follow(cx, ref, &old, &at,
				       sa->set & (DAXFS_SET_UID | DAXFS_SET_GID));
		if (r)
			return r;
		r = daxfs_attr_replace(cx, ref->in, off, &old, &at);
		if (r != -EAGAIN)
			return r;
	}
	return -EBUSY;	/* others are always faster */
}

static void set_times(struct daxfs_cx *cx, struct daxfs_inode *in,
		      const struct daxfs_setattr *sa)
{
	if (sa->set & DAXFS_SET_ATIME)
		a64_store_relaxed(&in->atime_ns, sa->atime_ns);
	if (sa->set & DAXFS_SET_MTIME)
		a64_store_relaxed(&in->mtime_ns, sa->mtime_ns);
	if (sa->set & DAXFS_SET_CTIME)
		a64_store_relaxed(&in->ctime_ns, sa->ctime_ns);
	else
		daxfs_touch(cx, in, DAXFS_TOUCH_CTIME);
}

struct setattr_arg {
	u64 ino;
	const struct daxfs_setattr *sa;
	struct daxfs_stat *st;
};

/* What it was before, with what was set: for one that went away right then. */
static void stat_apply(struct daxfs_stat *st, const struct daxfs_setattr *sa)
{
	struct daxfs_attr at = { .mode = st->mode, .uid = st->uid, .gid = st->gid };

	attr_apply(&at, sa);
	st->mode = at.mode;
	st->uid = at.uid;
	st->gid = at.gid;
	if (sa->set & DAXFS_SET_ATIME)
		st->atime_ns = sa->atime_ns;
	if (sa->set & DAXFS_SET_MTIME)
		st->mtime_ns = sa->mtime_ns;
	if (sa->set & DAXFS_SET_CTIME)
		st->ctime_ns = sa->ctime_ns;
}

/* It was set and others may have seen that: it cannot fail any more. */
static int stat_after(struct daxfs_cx *cx, const struct daxfs_iref *ref,
		      const struct setattr_arg *a)
{
	struct daxfs_stat before = *a->st;
	int r = daxfs_ref_stat(cx, ref, a->st);

	if (r != -ENOENT)
		return r;
	*a->st = before;
	stat_apply(a->st, a->sa);
	return 0;
}

static int setattr_fn(struct daxfs_cx *cx, void *p)
{
	struct setattr_arg *a = p;
	struct daxfs_iref ref;
	int r = daxfs_iget(cx, a->ino, 0, &ref);

	if (!r)
		r = daxfs_copy_up(cx, &ref);
	if (!r && a->st)
		r = daxfs_ref_stat(cx, &ref, a->st);
	cx->asked = a->sa;
	if (!r && (a->sa->set & DAXFS_SET_RECORD))
		r = daxfs_attr_set(cx, &ref, a->sa);
	else if (!r && !cx->view.flat)
		r = daxfs_times_record(cx, ref.in, 0);
	cx->asked = NULL;
	if (!r)
		r = daxfs_still_host(cx);
	if (r)
		return r;
	if (cx->view.flat)
		set_times(cx, ref.in, a->sa);
	return a->st ? stat_after(cx, &ref, a) : 0;
}

int daxfs_setattr(struct daxfs_cx *cx, u64 ino, const struct daxfs_setattr *sa,
		  struct daxfs_stat *st)
{
	struct setattr_arg a = { ino, sa, st };

	if (!cx->sh)
		return -EROFS;
	return daxfs_section(cx, setattr_fn, &a);
}

/* ---- holding ---- */

static u64 host_bit(const struct daxfs_cx *cx)
{
	return 1ull << (cx->id / DAXFS_CTXS);
}

/* No link any more? */
static int is_unlinked(struct daxfs_cx *cx, struct daxfs_inode *in, int *unlinked)
{
	u64 nlink, ds;
	int r = daxfs_word_read(cx->rg, &in->nlink, &nlink);

	if (!r)
		r = daxfs_word_read(cx->rg, &in->dirstate, &ds);
	*unlinked = !r && (!nlink_count(nlink) || (ds & DAXFS_DIR_DEAD) ||
			   (nlink & DAXFS_NLINK_DROPPING));
	return r;
}

/*
 * The word in which who finds it now notes that he holds it. A copy that comes
 * later leaves the bit where it is: see daxfs_holders().
 */
static struct daxfs_a64 *opens_word(struct daxfs_cx *cx, const struct daxfs_iref *ref)
{
	if (ref->in && (!ref->has_base || !cx->view.flat))
		return &ref->in->opens;
	return daxfs_base_opens(cx->rg, ref->ino);
}

/* Bits that are set in one of the words, and not in those of clear any more. */
static u64 holders(struct daxfs_cx *cx, const struct daxfs_iref *ref, u64 clear)
{
	struct daxfs_iref at = *ref;
	u64 bits = 0;

	do {
		struct daxfs_a64 *word = opens_word(cx, &at);
		u64 v = word ? a64_load_acquire(word) : 0;	/* [OPN] in hold() */

		if (v & clear)
			a64_and(word, ~clear);
		bits |= v & ~clear;
	} while (!cx->view.flat && !daxfs_lower(cx, &at, &at));
	return bits;
}

u64 daxfs_holders(struct daxfs_cx *cx, const struct daxfs_iref *ref)
{
	return holders(cx, ref, 0);
}

void daxfs_holders_clear(struct daxfs_cx *cx, const struct daxfs_iref *ref, u64 bits)
{
	holders(cx, ref, bits);
}

static int hold(struct daxfs_cx *cx, struct daxfs_iref *ref)
{
	struct daxfs_a64 *opens = opens_word(cx, ref);
	int unlinked = 0, r = daxfs_still_host(cx);

	if (r)
		return r;
	a64_or(opens, host_bit(cx));
	/* The bit before the count. Pairs with [OPN] in
	 * daxfs_drop_if_unused(). */
	full_fence_after_rmw();
	if (!ref->own)		/* copied up meanwhile? */
		r = daxfs_iget(cx, ref->ino, 0, ref);
	if (!r && ref->in)
		r = is_unlinked(cx, ref->in, &unlinked);
	if (!r && !unlinked)
		return 0;
	if (daxfs_still_host(cx))
		return -ESTALE;
	a64_and(opens, ~host_bit(cx));
	if (!r && ref->own)
		r = daxfs_drop_if_unused(cx, ref);
	return r ? r : -ENOENT;
}

struct open_arg {
	u64 ino;
	int held;
	struct daxfs_file *f;
};

static int open_fn(struct daxfs_cx *cx, void *p)
{
	struct open_arg *a = p;
	struct daxfs_iref ref;
	int r = daxfs_iget(cx, a->ino, 0, &ref);

	if (r)
		return r;
	/* What is in main nobody can take away, but a commit. */
	if (cx->sh && !a->held && !daxfs_view_is_main(cx))
		r = hold(cx, &ref);
	a->f->ino = a->ino;
	a64_store_volatile(&a->f->inode_off, r ? 0 : ref.off);
	return r;
}

int daxfs_open(struct daxfs_cx *cx, u64 ino, int held, struct daxfs_file *f)
{
	struct open_arg a = { ino, held, f };

	return daxfs_section(cx, open_fn, &a);
}

static int close_fn(struct daxfs_cx *cx, void *p)
{
	struct daxfs_iref ref;
	int gone = daxfs_view_look(cx), r;

	/* Of a branch that is gone only what is in main is left. */
	if (gone)
		daxfs_view_main(cx);
	r = daxfs_iget(cx, *(u64 *)p, 0, &ref);
	if (!r)
		r = daxfs_still_host(cx);
	if (r)
		return r == -ENOENT ? 0 : r;
	daxfs_holders_clear(cx, &ref, host_bit(cx));
	full_fence_after_rmw();	/* the bit before a later copy up; [OPN] */
	if (gone || daxfs_view_is_main(cx))
		return 0;
	if (!ref.own)
		r = daxfs_iget(cx, ref.ino, 0, &ref);
	if (r || !ref.own)
		return r == -ENOENT ? 0 : r;
	return daxfs_drop_if_unused(cx, &ref);
}

int daxfs_close(struct daxfs_cx *cx, u64 ino)
{
	if (!cx->sh)
		return 0;
	return daxfs_section_any(cx, close_fn, &ino);
}

/* ---- dropping ---- */

/* Only the owner of the context writes it. */
void daxfs_count_inodes(struct daxfs_cx *cx, u64 n)
{
	a64_store_relaxed(&cx->sh->inodes_made,
			  a64_load_relaxed(&cx->sh->inodes_made) + n);
}


int daxfs_cell_dispose(struct daxfs_cx *cx, u64 cell_off)
{
	int r = daxfs_index_bury(cx, cell_off);

	if (!r)
		daxfs_obj_retire(cx, cell_off, daxfs_retire_epoch(cx));
	return r;
}

static void attr_drop(struct daxfs_cx *cx, struct daxfs_inode *in)
{
	for (u32 i = 0; i < 100000; i++) {
		struct daxfs_attr at;
		u64 off;
		int r = daxfs_word_settle(cx, &in->attr_off, &off);

		if (!r)
			r = daxfs_attr(cx, in, &at, &off);
		if (r)
			at.flags = 0;	/* damage: there is nothing to read */
		if (r == -ENOENT || daxfs_still_host(cx) ||
		    !attr_swap(cx, in, off, DAXFS_ATTR_GONE,
			       leaving_set(&at, NULL), 0))
			return;
	}
}

int daxfs_drop_finish(struct daxfs_cx *cx, struct daxfs_iref *ref)
{
	struct daxfs_a64 *value = &ref->in->cell.value;
	u64 v, end;
	int r = daxfs_map_retire(cx, ref->in);

	if (r)
		return r;
	daxfs_lock_drop(cx, ref->in);
	attr_drop(cx, ref->in);
	/* A lower number must stay known as gone: its cell hides what is there. */
	end = value_make(daxfs_has_lower(ref) ? DAXFS_V_WHITEOUT : DAXFS_V_DEAD,
			 0, ref->ino);
	v = a64_load_acquire(value);	/* pairs with [PUB] */
	if (daxfs_still_host(cx))
		return -ESTALE;
	if (v != end)
		a64_cas(value, v, end);
	return daxfs_has_lower(ref) ? 0 : daxfs_cell_dispose(cx, ref->off);
}

/*
 * Without links and holders? Then *nlink is the word to drop it by. That is
 * settled before the look: a file that had no name yet may get one.
 */
static int is_unused(struct daxfs_cx *cx, const struct daxfs_iref *ref, u64 *nlink)
{
	int unlinked = 1, r = daxfs_word_settle(cx, &ref->in->nlink, nlink);

	if (!r)
		r = is_unlinked(cx, ref->in, &unlinked);
	if (r)
		return r;
	return unlinked && !(*nlink & DAXFS_NLINK_DROPPING) &&
	       !(daxfs_holders(cx, ref) & daxfs_view_hosts(cx));
}

/*
 * The CAS that makes us the one who drops it. Not by another: a link that gives
 * the first name to a file may have claimed the count, and be aborted then, so
 * that it stays without name and holder. 1: ours, 0: it is not to be dropped.
 */
static int drop_claim(struct daxfs_cx *cx, struct daxfs_iref *ref)
{
	for (u32 i = 0; i < DROP_TRIES; i++) {
		u64 nlink;
		int r = is_unused(cx, ref, &nlink);

		if (r <= 0)
			return r;
		if (daxfs_still_host(cx))
			return -ESTALE;
		if (a64_cas(&ref->in->nlink, nlink,
			    nlink | DAXFS_NLINK_DROPPING) == nlink)
			return 1;
	}
	return -EBUSY;		/* others are always faster */
}

int daxfs_drop_if_unused(struct daxfs_cx *cx, struct daxfs_iref *ref)
{
	int unlinked, r;

	/* Count (of a record: its commit) or bit before the other. Pairs with
	 * [OPN] in hold(). */
	full_fence_after_rmw();
	r = is_unlinked(cx, ref->in, &unlinked);
	if (r || !unlinked)
		return r;
	a64_store_relaxed(&cx->sh->drop_ino, ref->ino);
	a64_store_relaxed(&cx->sh->drop_off, ref->off);
	full_fence_before_rmw();	/* the note before the CAS; [OPN] in recovery */
	r = drop_claim(cx, ref);
	if (r == -ESTALE)
		return r;
	if (r > 0) {
		r = daxfs_drop_finish(cx, ref);
		if (!r && !daxfs_has_lower(ref))
			number_follows(cx, ref->ino);
		daxfs_count_inodes(cx, (u64)-1);
	}
	a64_store_release(&cx->sh->drop_ino, 0);	/* [OPN] */
	return r;
}

int daxfs_inode_reap(struct daxfs_cx *cx, struct daxfs_inode *in)
{
	int r = 0;

	/* What was dropped gave its pages back then, and they are others' now. */
	if (a64_load_acquire(&in->attr_off) != DAXFS_ATTR_GONE) { /* [PUB] */
		r = daxfs_map_retire(cx, in);
		if (r)
			return r;
		daxfs_lock_drop(cx, in);
		attr_drop(cx, in);
	}
	daxfs_obj_retire(cx, daxfs_off(cx->rg, in), daxfs_retire_epoch(cx));
	return 0;
}
