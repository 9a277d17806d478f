// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Space of files: allocating it before it is written, making holes, finding
 * what is data and what is a hole.
 *
 * Notes: a hole is made by records of up to PUNCH_PAGES pages, each of which is
 * whole or not at all. Whole pages lose their page: the word becomes 0, or ZERO
 * where the base image would show through. A page of which only a part goes
 * gets a copy, never zeros in place. The cut moves, and is claimed before
 * anything is copied, so whoever writes in place meanwhile writes again. Pages
 * that are allocated are zero, or hold what showed there, before the record
 * that adds them. They may lie behind the end of the file: nobody sees them
 * until the size says so, and then they are zero; a truncation takes them away.
 *
 * operation | linearization        | progress  | if the caller stops there
 * punch     | status of the record | patience  | old or zero, page by page
 * allocate  | status of the record | patience  | nothing that a reader sees
 * seek      | load of each word    | wait-free | its epoch holds memory
 *
 * patience: obstruction-free, each wait for another is bounded (record.c).
 * ABA: as in write.c.
 */
#include "data.h"
#include "epoch.h"
#include "map.h"
#include "pool.h"
#include "record.h"
#include "region.h"
#include "word.h"

#define PUNCH_PAGES	160u		/* per record */
#define ALLOC_PAGES	128u
#define SECTION_RECORDS	4u		/* then others may reuse memory again */
#define SCAN_STEPS	4096u		/* of a search, per section */
#define TRIES		100000u
#define IN_PAGE_MASK	(DAXFS_PAGE_SIZE - 1)

static u64 page_start(u64 off)
{
	return off & ~IN_PAGE_MASK;
}

static u64 min_u64(u64 a, u64 b)
{
	return a < b ? a : b;
}

/* ---- data and holes ---- */

/* Move *off to the first byte before end that the base shows. 1: there is one. */
static int lower_data(struct daxfs_cx *cx, const struct daxfs_iref *ref, u64 *off,
		      u64 end)
{
	while (*off < end) {
		struct daxfs_run run;
		int r = daxfs_lower_run(cx, ref, *off, end - *off, &run);

		if (r || run.off)
			return r ? r : 1;
		*off += run.len;
	}
	return 0;
}

/* First byte at or behind off that has a word of its own, at most end. */
static int next_own(struct daxfs_cx *cx, const struct daxfs_iref *ref, u64 off,
		    u64 end, u64 *own, u64 *v)
{
	u64 idx = off >> DAXFS_PAGE_SHIFT;
	struct daxfs_a64 *word = NULL;
	int r = ref->in ? daxfs_map_next(cx, ref->in, &idx, &word) : -ENOENT;

	*own = end;
	*v = 0;
	if (r == -ENOENT || (!r && idx << DAXFS_PAGE_SHIFT >= end))
		return 0;
	if (r)
		return r;
	if (idx << DAXFS_PAGE_SHIFT > off)
		off = idx << DAXFS_PAGE_SHIFT;
	*own = off;
	return daxfs_word_read(cx->rg, word, v);
}

int daxfs_next_data(struct daxfs_cx *cx, const struct daxfs_iref *ref, u64 *off,
		    u64 end)
{
	for (u32 i = 0; i < SCAN_STEPS; i++) {
		u64 own, v;
		int r;

		if (*off >= end)
			return 0;
		r = next_own(cx, ref, *off, end, &own, &v);
		if (!r)
			r = lower_data(cx, ref, off, own);
		if (r || own == end)
			return r;
		*off = own;
		if (pslot_is_page(v))
			return 1;
		*off = page_start(own) + DAXFS_PAGE_SIZE;
	}
	return -EAGAIN;
}

/* As daxfs_next_data(), for the first byte in a hole. */
static int next_hole(struct daxfs_cx *cx, const struct daxfs_iref *ref, u64 *off,
		     u64 end)
{
	for (u32 i = 0; i < SCAN_STEPS; i++) {
		struct daxfs_run run;
		u64 own, v;
		int r;

		if (*off >= end)
			return 0;
		r = next_own(cx, ref, *off, end, &own, &v);
		if (r)
			return r;
		if (own == *off) {
			if (!pslot_is_page(v))
				return 1;
			*off = page_start(own) + DAXFS_PAGE_SIZE;
			continue;
		}
		r = daxfs_lower_run(cx, ref, *off, own - *off, &run);
		if (r || !run.off)
			return r ? r : 1;
		*off += run.len;
	}
	return -EAGAIN;
}

struct seek_arg {
	struct daxfs_file *f;
	u64 off;
	int hole;
};

/* 1: the search is not over. */
static int seek_fn(struct daxfs_cx *cx, void *p)
{
	struct seek_arg *a = p;
	struct daxfs_iref ref;
	u64 size;
	int r = daxfs_file_ref(cx, a->f, &ref);

	if (!r)
		r = daxfs_regular(cx, &ref);
	if (!r)
		r = daxfs_ref_size(cx, &ref, &size);
	if (r)
		return r;
	if (a->off >= size)
		return -ENXIO;
	r = a->hole ? next_hole(cx, &ref, &a->off, size) :
		      daxfs_next_data(cx, &ref, &a->off, size);
	if (r == -EAGAIN)
		return 1;
	if (r < 0)
		return r;
	if (!r && !a->hole)
		return -ENXIO;
	if (!r)
		a->off = size;		/* the hole behind the end */
	return 0;
}

s64 daxfs_seek(struct daxfs_cx *cx, struct daxfs_file *f, u64 off, int hole)
{
	struct seek_arg a = { .f = f, .off = off, .hole = hole };
	int r;

	do
		r = daxfs_section(cx, seek_fn, &a);
	while (r > 0);	/* each time a part of the file less */
	return r ? r : (s64)a.off;
}

/* ---- holes ---- */

/* What the word of page idx becomes when the page goes. */
static int hole_word(struct daxfs_cx *cx, struct daxfs_write *w, u64 idx, u64 *v)
{
	u64 off = idx << DAXFS_PAGE_SHIFT;
	int r = lower_data(cx, w->ref, &off, off + DAXFS_PAGE_SIZE);

	*v = r > 0 ? DAXFS_P_ZERO << 3 : 0;
	return r < 0 ? r : 0;
}

/* A private copy of page idx, of which v is the word, without [from, to). */
static int copy_without(struct daxfs_cx *cx, struct daxfs_write *w, u64 idx,
			struct daxfs_a64 *word, u64 v, u64 from, u64 to)
{
	u8 *page, *old;
	u64 off;
	int r;

	r = daxfs_data_take(cx, w, idx, word, &off);
	if (r)
		return r;
	page = daxfs_data_page(cx, off);
	if (pslot_is_page(v)) {
		old = daxfs_data_page(cx, pslot_off(v));
		if (!old)
			r = -EUCLEAN;
		else
			port_copy_within(page, old, DAXFS_PAGE_SIZE);
	} else {
		r = daxfs_fill_lower(cx, w, idx, page);
	}
	if (!r)
		r = daxfs_op_add(cx, word, v, pslot_make(off));
	if (r) {
		daxfs_page_give(cx, off);
		return r;
	}
	port_zero(page + from, to - from);
	w->new_pages += !pslot_is_page(v);
	return 0;
}

/* [from, to) of page idx, if something shows there. */
static int punch_page(struct daxfs_cx *cx, struct daxfs_write *w, u64 idx,
		      u64 from, u64 to)
{
	struct daxfs_a64 *word;
	u64 v = 0, hole;
	int r = hole_word(cx, w, idx, &hole);

	if (!r)
		r = daxfs_map_word(cx, w->ref->in, idx, !!hole, &word);
	if (!r && word)
		r = daxfs_word_settle(cx, word, &v);
	if (r || (v ? !pslot_is_page(v) : !hole))
		return r;
	if (to - from < DAXFS_PAGE_SIZE)
		return copy_without(cx, w, idx, word, v, from, to);
	w->new_pages -= pslot_is_page(v);
	return daxfs_op_add(cx, word, v, hole);
}

/* Pages of one record, from w->off on; *done: bytes. */
static int punch_pages(struct daxfs_cx *cx, struct daxfs_write *w, u64 *done)
{
	u64 end = w->off + w->len, off = w->off;
	int r = 0;

	for (u32 i = 0; i < PUNCH_PAGES && off < end && !r; i++) {
		u64 start = page_start(off);
		u64 to = min_u64(start + DAXFS_PAGE_SIZE, end);

		r = punch_page(cx, w, start >> DAXFS_PAGE_SHIFT, off - start,
			       to - start);
		off = to;
	}
	*done = off - w->off;
	return r;
}

/* The record is all but decided: r says whether it may be. */
static int punch_end(struct daxfs_cx *cx, struct daxfs_write *w, int r)
{
	struct daxfs_inode *in = w->ref->in;
	int nothing = cx->entry_nr == 1;	/* but the cut: it stays */

	if (!r && !nothing)
		r = daxfs_op_claim(cx, 1, cx->entry_nr);
	if (!r && !nothing)
		r = daxfs_op_commit(cx);
	else
		daxfs_op_abort(cx);
	daxfs_op_clean(cx);
	if (r)
		daxfs_give_new_pages(cx);
	else if (!nothing)
		daxfs_retire_replaced(cx, cx->sh, daxfs_inode_mapped(cx, in));
	daxfs_op_end(cx);
	if (!r)
		daxfs_pages_add(cx, in, w->new_pages);
	return r;
}

/*
 * As in an append: the cut is claimed before anything is copied, so in-place
 * writers see it move and write again, and nobody grows or cuts the file
 * meanwhile.
 */
static int punch_once(struct daxfs_cx *cx, struct daxfs_write *w, u64 *done)
{
	int r;

	w->new_pages = 0;
	w->next = 0;
	daxfs_op_begin(cx);
	daxfs_op_touch(cx, w->ref->in, CONTENT_TIMES);
	r = daxfs_op_add(cx, &w->ref->in->cut, w->cut, cut_next(w->cut));
	if (!r)
		r = daxfs_op_activate(cx);
	if (!r)
		r = daxfs_op_claim(cx, 0, 1);
	full_fence_after_rmw();	/* the claim before the copies; [CUT] in still_uncut() */
	if (!r)
		r = punch_pages(cx, w, done);
	r = punch_end(cx, w, r);
	if (r == -EAGAIN)
		daxfs_patience_grow(cx);
	return r;
}

/* The first byte that is not in a hole: what comes before it is done. */
static int skip_hole(struct daxfs_cx *cx, struct daxfs_write *w, u64 *done)
{
	u64 off = w->off;
	int r = daxfs_next_data(cx, w->ref, &off, w->off + w->len);

	*done = min_u64(off - w->off, w->len);
	if (r == -EAGAIN)
		return 0;
	if (!r)
		*done = w->len;
	return r < 0 ? r : 0;
}

int daxfs_punch_some(struct daxfs_cx *cx, struct daxfs_write *w, u64 *done)
{
	int full = cx->full, r = skip_hole(cx, w, done);

	if (r || *done)
		return r;
	cx->full = 1;		/* it gives memory back, but needs some before */
	for (u32 i = 0; i < TRIES; i++) {
		r = daxfs_write_look(cx, w);
		if (!r)
			r = punch_once(cx, w, done);
		if (r != -EAGAIN)
			break;
	}
	cx->full = full;
	return r == -EAGAIN ? -EBUSY : r;
}

/* ---- allocation ---- */

/* Page idx gets a page, if it has none, that says what shows there. */
static int alloc_page(struct daxfs_cx *cx, struct daxfs_write *w, u64 idx)
{
	struct daxfs_a64 *word;
	u64 v, off;
	int r;

	r = daxfs_map_word(cx, w->ref->in, idx, 1, &word);
	if (!r)
		r = daxfs_word_settle(cx, word, &v);
	if (!r && pslot_is_page(v))
		w->next = pslot_off(v) + DAXFS_PAGE_SIZE;
	if (r || pslot_is_page(v))
		return r;
	r = daxfs_data_take(cx, w, idx, word, &off);
	if (r)
		return r;
	if (v)
		port_zero(daxfs_data_page(cx, off), DAXFS_PAGE_SIZE);
	else
		r = daxfs_fill_lower(cx, w, idx, daxfs_data_page(cx, off));
	if (!r)
		r = daxfs_op_add(cx, word, v, pslot_make(off));
	if (r)
		daxfs_page_give(cx, off);
	else
		w->new_pages++;
	return r;
}

/* One record: pages from w->off on, and the size with the last of them. */
static int alloc_once(struct daxfs_cx *cx, struct daxfs_write *w, int grow,
		      u64 *done)
{
	u64 end = w->off + w->len, first = w->off >> DAXFS_PAGE_SHIFT;
	u64 nr = min_u64(((end - 1) >> DAXFS_PAGE_SHIFT) - first + 1, ALLOC_PAGES);
	struct daxfs_inode *in = w->ref->in;
	int r;

	*done = min_u64(w->len, ((first + nr) << DAXFS_PAGE_SHIFT) - w->off);
	w->new_pages = 0;
	daxfs_op_begin(cx);
	daxfs_op_touch(cx, in, CONTENT_TIMES);
	r = daxfs_op_add(cx, &in->cut, w->cut, w->cut);
	if (!r)
		r = daxfs_guess_next(cx, w, first);
	for (u64 i = 0; i < nr && !r; i++)
		r = alloc_page(cx, w, first + i);
	if (!r && grow && *done == w->len && end > w->size)
		r = daxfs_op_add(cx, &in->size, size_make(w->size), size_make(end));
	if (!r && cx->entry_nr > 1) {
		r = daxfs_op_run(cx);
		if (r) {
			daxfs_give_new_pages(cx);
			return r;
		}
	}
	if (r)
		daxfs_give_new_pages(cx);
	daxfs_op_end(cx);
	if (!r)
		daxfs_pages_add(cx, in, w->new_pages);
	return r;
}

static int alloc_some(struct daxfs_cx *cx, struct daxfs_write *w, int grow,
		      u64 *done)
{
	int r = 0;

	for (u32 i = 0; i < TRIES; i++) {
		r = daxfs_write_look(cx, w);
		if (!r)
			r = alloc_once(cx, w, grow, done);
		if (r != -EAGAIN)
			return r;
	}
	return -EBUSY;
}

/* ---- fallocate ---- */

enum phase { ROOM, PUNCH, ALLOC, END };

struct space_arg {
	struct daxfs_file *f;
	u64 off, len;
	u64 done;		/* of the phase */
	u64 found;		/* pages that are there already */
	enum phase phase;
	int zero, alloc, grow;
	int changed;
};

/* A new phase begins, or all is done. */
static void next_phase(struct space_arg *a)
{
	a->done = 0;
	if (a->phase == ROOM && a->zero)
		a->phase = PUNCH;
	else if (a->phase != ALLOC && a->alloc)
		a->phase = ALLOC;
	else
		a->phase = END;
}

/* Pages of the range that the file has already, as far as it is looked at. */
static int count_some(struct daxfs_cx *cx, const struct daxfs_iref *ref,
		      struct space_arg *a)
{
	u64 off = a->off + a->done, end = a->off + a->len;

	for (u32 i = 0; i < SCAN_STEPS && off < end; i++) {
		u64 own, v;
		int r = next_own(cx, ref, off, end, &own, &v);

		if (r)
			return r;
		a->found += pslot_is_page(v);
		off = own < end ? page_start(own) + DAXFS_PAGE_SIZE : end;
	}
	a->done = min_u64(off - a->off, a->len);
	return 0;
}

/*
 * What cannot be had is refused before anything is done. Others may take it
 * meanwhile: then some of it stays allocated.
 */
static int check_room(struct daxfs_cx *cx, const struct daxfs_iref *ref,
		      struct space_arg *a)
{
	u64 nr = ((a->off + a->len - 1) >> DAXFS_PAGE_SHIFT) -
		 (a->off >> DAXFS_PAGE_SHIFT) + 1;
	struct daxfs_statfs st;
	int r;

	if (nr <= ALLOC_PAGES && !a->zero) {
		a->done = a->len;		/* it is one record */
		return 0;
	}
	r = count_some(cx, ref, a);
	if (r || a->done < a->len)
		return r;
	nr -= min_u64(a->found, nr);
	nr += nr / DAXFS_MAP_FANOUT;
	r = daxfs_statfs(cx, &st);
	if (!r && nr > st.pages_avail) {
		a->done = a->found = 0;		/* if it is tried once more */
		r = -ENOSPC;
	}
	return r;
}

static int do_some(struct daxfs_cx *cx, struct daxfs_write *w,
		   struct space_arg *a)
{
	u64 done = 0;
	int r;

	if (a->phase == ROOM)
		return check_room(cx, w->ref, a);
	w->off = a->off + a->done;
	w->len = a->len - a->done;
	r = a->phase == PUNCH ? daxfs_punch_some(cx, w, &done) :
				alloc_some(cx, w, a->grow, &done);
	if (r)
		return r;
	a->changed = 1;
	a->done += done;
	return 0;
}

static int space_ref(struct daxfs_cx *cx, struct space_arg *a,
		     struct daxfs_iref *ref)
{
	int r = daxfs_file_ref(cx, a->f, ref);

	if (!r)
		r = daxfs_regular(cx, ref);
	if (r)
		return r == -EINVAL ? -ENODEV : r;
	return a->phase == ROOM ? 0 : daxfs_file_for_writing(cx, a->f, ref);
}

static int space_fn(struct daxfs_cx *cx, void *p)
{
	struct space_arg *a = p;
	struct daxfs_iref ref;
	struct daxfs_write w = { .ref = &ref };
	int r = space_ref(cx, a, &ref);

	daxfs_patience_reset(cx);
	for (u32 i = 0; i < SECTION_RECORDS && a->phase != END && !r; i++) {
		enum phase now = a->phase;

		r = do_some(cx, &w, a);
		if (r || a->done < a->len)
			continue;
		next_phase(a);
		if (now == ROOM)
			break;		/* it needs an inode to change now */
	}
	if (ref.in && a->changed && (r || a->phase == END))
		daxfs_written(cx, ref.in);
	return r;
}

int daxfs_fallocate(struct daxfs_cx *cx, struct daxfs_file *f, u32 mode, u64 off,
		    u64 len)
{
	struct space_arg a = { .f = f, .off = off, .len = len };
	int r = 0;

	if (!cx->sh)
		return -EROFS;
	if (!len)
		return -EINVAL;
	if (mode & ~(DAXFS_KEEP_SIZE | DAXFS_PUNCH_HOLE | DAXFS_ZERO_RANGE) ||
	    ((mode & DAXFS_PUNCH_HOLE) &&
	     mode != (DAXFS_PUNCH_HOLE | DAXFS_KEEP_SIZE)))
		return -EOPNOTSUPP;
	if (off > DAXFS_MAX_FILE || len > DAXFS_MAX_FILE - off)
		return -EFBIG;
	a.zero = !!(mode & (DAXFS_PUNCH_HOLE | DAXFS_ZERO_RANGE));
	a.alloc = !(mode & DAXFS_PUNCH_HOLE);
	a.grow = !(mode & DAXFS_KEEP_SIZE);
	a.phase = a.alloc ? ROOM : PUNCH;
	while (a.phase != END && !r)
		r = daxfs_section(cx, space_fn, &a);
	return r;
}
