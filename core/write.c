// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Writing file content: in place, into new pages, at the end, and cutting.
 *
 * Notes: nobody who changes what a page means writes into it: he puts a copy in
 * its place. Who writes in place looks at the cut word before and after, and
 * does it all again if it moved. New pages and a new size become visible by
 * one record, filled before. Bytes behind the end of the file in its last page
 * are zero, but for those of a write that is still on its way to there.
 * tests/model/cut.pml checks shrink, grow and write in place.
 *
 * operation | linearization       | progress | if the caller stops there
 * in place  | last look           | patience | some of its own bytes, no others
 * new pages | status of the record | patience | nothing, or all of it
 * append    | status of the record | patience | nothing, or all of it
 * shrink    | status of the record | patience | size is new; anyone purges
 * purge     | none: invisible     | patience | anyone goes on
 *
 * patience: obstruction-free, each wait for another is bounded (record.c).
 * ABA: the cut version does not wrap; a page word's old page cannot be reused
 * while the writer is in its section.
 */
#include "cache.h"
#include "data.h"
#include "epoch.h"
#include "map.h"
#include "pool.h"
#include "record.h"
#include "region.h"
#include "word.h"

#define BATCH_PAGES	128u		/* per record of new pages */
#define PURGE_PAGES	160u
#define TRIES		100000u
#define IN_PAGE_MASK	(DAXFS_PAGE_SIZE - 1)

/*
 * Bytes [at, at+n) of what is written: from the caller's memory, from the region,
 * or by a function of the caller, which alone may fail.
 */
static int put(const struct daxfs_write *w, u8 *to, u64 at, u64 n)
{
	int r;

	if (w->from) {
		r = w->from->copy(w->from, w->from_off + at, to, n);
		port_keep(to, n);
		return r;
	}
	if (w->shared)
		port_copy_within(to, w->buf + at, n);
	else
		port_copy_to(to, w->buf + at, n);
	return 0;
}

/*
 * In bytes. A word that says the same in another form is damage: who changes
 * the size claims the word as he would write it, and would never get it.
 */
int daxfs_size_read(struct daxfs_cx *cx, struct daxfs_inode *in, u64 *bytes)
{
	u64 v = 0;
	int r = daxfs_word_read(cx->rg, &in->size, &v);

	*bytes = size_bytes(v);
	return !r && size_make(*bytes) != v ? -EUCLEAN : r;
}

/* Read cut and size; finish a shrink first. */
int daxfs_write_look(struct daxfs_cx *cx, struct daxfs_write *w)
{
	for (u32 i = 0; i < TRIES; i++) {
		int r = daxfs_word_settle(cx, &w->ref->in->cut, &w->cut);

		if (!r)
			r = daxfs_size_read(cx, w->ref->in, &w->size);
		if (r || !(w->cut & DAXFS_CUT_PURGE))
			return r;
		r = daxfs_purge(cx, w->ref);
		if (r)
			return r;
	}
	return -EBUSY;	/* others are always faster */
}

/* ---- in place ---- */

/* 1: cut is as it was when the write began. */
static int still_uncut(struct daxfs_cx *cx, struct daxfs_write *w)
{
	u64 cut;
	int r;

	full_fence();	/* the copy before the look; pairs with [CUT] in append */
	r = daxfs_word_settle(cx, &w->ref->in->cut, &cut);
	return r ? r : cut == w->cut;
}

/* Offset in the region of the page of a word; 0: none. */
static int own_page(struct daxfs_cx *cx, struct daxfs_a64 *word, u64 *page)
{
	u64 v = 0;
	int r = word ? daxfs_word_read(cx->rg, word, &v) : 0;

	*page = !r && pslot_is_page(v) ? pslot_off(v) : 0;
	return r;
}

/* Offset in the region of byte off of the file, if it has a page; 0: none. */
static int own_byte(struct daxfs_cx *cx, struct daxfs_write *w, u64 off, u64 *at)
{
	struct daxfs_a64 *word;
	int r = daxfs_map_word(cx, w->ref->in, off >> DAXFS_PAGE_SHIFT, 0, &word);

	*at = 0;
	if (!r)
		r = own_page(cx, word, at);
	if (*at)
		*at += off & IN_PAGE_MASK;
	return r;
}

/* Bytes from off on that lie in one piece of own pages; 0: none there. */
static int own_piece(struct daxfs_cx *cx, struct daxfs_write *w, u64 off, u64 len,
		     u64 *at, u64 *piece)
{
	u64 idx = off >> DAXFS_PAGE_SHIFT, in_page = off & IN_PAGE_MASK, more;
	struct daxfs_a64 *word;
	int r = daxfs_map_word(cx, w->ref->in, idx, 0, &word);

	*piece = 0;
	if (!r)
		r = own_page(cx, word, at);
	if (r || !*at)
		return r;
	for (*piece = DAXFS_PAGE_SIZE; *piece < in_page + len;
	     *piece += DAXFS_PAGE_SIZE) {
		word = daxfs_map_after(word, idx++);
		/* In most words there is nothing else. [PUB], [REC] */
		if (word && a64_load_acquire(word) == pslot_make(*at + *piece))
			continue;
		if (!word)
			r = daxfs_map_word(cx, w->ref->in, idx, 0, &word);
		if (!r)
			r = own_page(cx, word, &more);
		if (r || more != *at + *piece)
			break;
	}
	*at += in_page;
	*piece -= in_page;
	if (*piece > len)
		*piece = len;
	return r;
}

/* Write what lies in own pages below the end; stops at the first other byte. */
static int write_in_place(struct daxfs_cx *cx, struct daxfs_write *w, u64 *done)
{
	u64 len = w->off >= w->size ? 0 : w->size - w->off;

	*done = 0;
	if (len > w->len)
		len = w->len;
	while (*done < len) {
		u64 at, piece;
		u8 *to;
		int r;

		r = own_piece(cx, w, w->off + *done, len - *done, &at, &piece);
		if (r || !piece)
			return r;
		to = daxfs_at(cx->rg, at, piece, 1);
		if (!to)
			return -EUCLEAN;
		if (!*done)	/* write_ino before any byte; [CHG] in recovery */
			full_fence();
		if (daxfs_still_host(cx))
			return -ESTALE;
		r = put(w, to, *done, piece);
		if (r)		/* the bytes before this piece are written */
			return *done ? 0 : r;
		*done += piece;
	}
	return 0;
}

/* ---- new pages ---- */

/* Fill a private page with what shows below it now, zeros where nothing does. */
int daxfs_fill_lower(struct daxfs_cx *cx, struct daxfs_write *w, u64 idx, u8 *page)
{
	u64 off = idx << DAXFS_PAGE_SHIFT, end = off + DAXFS_PAGE_SIZE;

	port_zero(page, DAXFS_PAGE_SIZE);
	while (off < end && daxfs_has_lower(w->ref)) {
		struct daxfs_run run;
		int r = daxfs_lower_run(cx, w->ref, off, end - off, &run);
		u64 done;
		u8 *from;

		if (r || !run.len)
			return r;
		if (run.away) {
			r = daxfs_away_copy(cx, &run, 0, run.len,
					    page + (off & IN_PAGE_MASK), 1, &done);
			if (r)
				return r;
		} else if (run.off) {
			from = daxfs_at(cx->rg, run.off, run.len, 1);
			if (!from)
				return -EUCLEAN;
			port_copy_within(page + (off & IN_PAGE_MASK), from, run.len);
		}
		off += run.len;
	}
	return 0;
}

int daxfs_data_take(struct daxfs_cx *cx, struct daxfs_write *w, u64 idx,
		     struct daxfs_a64 *word, u64 *off)
{
	u64 want = w->next;
	int r;

	if (idx && !(idx % DAXFS_CHUNK_PAGES))
		want = DAXFS_WANT_ALIGNED;
	r = daxfs_page_take(cx, DAXFS_T_DATA, daxfs_off(cx->rg, word), want, off);
	if (!r)
		w->next = *off + DAXFS_PAGE_SIZE;
	return r;
}

/* Where the pages of a file lie, the next should follow. */
int daxfs_guess_next(struct daxfs_cx *cx, struct daxfs_write *w, u64 idx)
{
	u64 at = 0;
	int r = 0;

	w->next = 0;
	if (idx)
		r = own_byte(cx, w, (idx - 1) << DAXFS_PAGE_SHIFT, &at);
	if (at)
		w->next = at + DAXFS_PAGE_SIZE;
	return r;
}

/* The page that is there, written in place. */
static int reuse_page(struct daxfs_cx *cx, struct daxfs_write *w, u64 idx, u64 old,
		      u64 in_page, u64 at, u64 n)
{
	u8 *page = daxfs_data_page(cx, old);

	if (!page)
		return -EUCLEAN;
	if (daxfs_still_host(cx))
		return -ESTALE;
	w->behind |= (idx << DAXFS_PAGE_SHIFT) + in_page + n > w->size;
	w->next = old + DAXFS_PAGE_SIZE;
	return put(w, page + in_page, at, n);
}

/* What a page holds that takes the place of v, before its bytes are written. */
static int fill_before(struct daxfs_cx *cx, struct daxfs_write *w, u64 idx, u64 v,
		       u8 *page)
{
	u8 *old;

	if (!v)
		return daxfs_fill_lower(cx, w, idx, page);
	if (!pslot_is_page(v)) {
		port_zero(page, DAXFS_PAGE_SIZE);
		return 0;
	}
	old = daxfs_data_page(cx, pslot_off(v));
	if (!old)
		return -EUCLEAN;
	port_copy_within(page, old, DAXFS_PAGE_SIZE);
	return 0;
}

/*
 * Prepare page idx to hold bytes [at, at+n) at in_page: a private page and an
 * entry, or the page that is there, written in place (nobody sees it behind the
 * end, and below it the record's claim of the cut is the look). Where layers
 * freeze nothing is written in place: a store of a host that stopped could not
 * be kept out of a frozen layer (docs/decisions/0015).
 */
static int prepare_page(struct daxfs_cx *cx, struct daxfs_write *w, u64 idx,
			u64 in_page, u64 at, u64 n)
{
	struct daxfs_a64 *word;
	u64 v, off;
	u8 *page;
	int r;

	r = daxfs_map_word(cx, w->ref->in, idx, 1, &word);
	if (!r)
		r = daxfs_word_settle(cx, word, &v);
	if (r)
		return r;
	if (pslot_is_page(v) && cx->view.flat)
		return reuse_page(cx, w, idx, pslot_off(v), in_page, at, n);
	r = daxfs_data_take(cx, w, idx, word, &off);
	if (r)
		return r;
	page = daxfs_data_page(cx, off);
	if (n < DAXFS_PAGE_SIZE)
		r = fill_before(cx, w, idx, v, page);
	if (!r)
		r = put(w, page + in_page, at, n);
	if (!r)
		r = daxfs_op_add(cx, word, v, pslot_make(off));
	if (r) {
		daxfs_page_give(cx, off);
		return r;
	}
	w->new_pages += !pslot_is_page(v);
	w->replaces |= pslot_is_page(v);
	return 0;
}

/* Is value the page that was taken for that word? Sizes may look like one. */
static int is_page_of(struct daxfs_cx *cx, u64 value, u64 word_off)
{
	struct daxfs_a64 *info;
	u64 v;

	if (!pslot_is_page(value))
		return 0;
	info = daxfs_page_info(cx->rg, pslot_off(value));
	if (!info)
		return 0;
	v = a64_load_relaxed(info);	/* ours, or settled by the record */
	return DAXFS_KIND(v) == DAXFS_I_OWNED && info_back(v) == word_off;
}

/* Give back the private pages of a record that did not commit. */
void daxfs_give_new_pages(struct daxfs_cx *cx)
{
	for (u32 i = 0; i < cx->entry_nr; i++) {
		struct daxfs_entry *e = daxfs_entry(cx->rg, cx->sh, i);
		u64 new = e ? a64_load_relaxed(&e->new) : 0;	/* our stores */

		if (e && a64_load_relaxed(&e->old) != new &&
		    is_page_of(cx, new, a64_load_relaxed(&e->word_off)))
			daxfs_page_give(cx, pslot_off(new));
	}
}

/* Prepare up to BATCH_PAGES pages; *done: bytes that they take. */
static int prepare_batch(struct daxfs_cx *cx, struct daxfs_write *w, u64 *done)
{
	u64 first = w->off >> DAXFS_PAGE_SHIFT;
	int r = daxfs_guess_next(cx, w, first);

	*done = 0;
	for (u64 i = 0; i < BATCH_PAGES && *done < w->len && !r; i++) {
		u64 in_page = (w->off + *done) & IN_PAGE_MASK;
		u64 n = DAXFS_PAGE_SIZE - in_page;

		if (n > w->len - *done)
			n = w->len - *done;
		r = prepare_page(cx, w, first + i, in_page, *done, n);
		if (!r)
			*done += n;
	}
	if ((r == -ENOSPC || r == -EFAULT || r == -EREMOTE) && *done)
		r = 0;		/* a shorter write */
	return r;
}

void daxfs_pages_add(struct daxfs_cx *cx, struct daxfs_inode *in, u64 n)
{
	if (n && !daxfs_still_host(cx))
		a64_add_relaxed(&in->pages, n);	/* statistics */
}

/* One record of new pages and size. -EAGAIN: look and try again. */
static int write_new(struct daxfs_cx *cx, struct daxfs_write *w, u64 *done)
{
	struct daxfs_inode *in = w->ref->in;
	u64 end;
	int r;

	w->new_pages = 0;
	w->replaces = 0;
	daxfs_op_begin(cx);
	daxfs_op_touch(cx, in, CONTENT_TIMES);
	r = daxfs_op_add(cx, &in->cut, w->cut, w->cut);
	if (!r)
		r = prepare_batch(cx, w, done);
	/* Who has mapped what goes away finds the cut moved. */
	if (!r && w->replaces)
		a64_store_relaxed(&daxfs_entry(cx->rg, cx->sh, 0)->new,
				  cut_next(w->cut));
	end = w->off + *done;
	if (!r && end > w->size)
		r = daxfs_op_add(cx, &in->size, size_make(w->size), size_make(end));
	if (r) {
		daxfs_give_new_pages(cx);
		daxfs_op_end(cx);
		return r;
	}
	r = daxfs_op_run(cx);
	if (r) {
		daxfs_give_new_pages(cx);
		return r;
	}
	if (w->replaces)
		daxfs_retire_replaced(cx, cx->sh, daxfs_inode_mapped(cx, in));
	daxfs_op_end(cx);
	daxfs_pages_add(cx, in, w->new_pages);
	return 0;
}

/* Some of the bytes, at least one. */
static int write_tries(struct daxfs_cx *cx, struct daxfs_write *w, u64 *done)
{
	int r = 0;

	daxfs_patience_reset(cx);
	for (u32 i = 0; i < TRIES; i++) {
		r = daxfs_write_look(cx, w);
		if (r)
			return r;
		*done = 0;
		if (cx->view.flat)
			r = write_in_place(cx, w, done);
		if (r)
			return r;
		if (*done) {
			r = still_uncut(cx, w);
			if (r)
				return r < 0 ? r : 0;
			continue;
		}
		r = write_new(cx, w, done);
		if (r != -EAGAIN)
			return r;
	}
	return -EBUSY;
}

/* What was put behind the end for nothing must not show when the file grows. */
int daxfs_write_some(struct daxfs_cx *cx, struct daxfs_write *w, u64 *done)
{
	int r = write_tries(cx, w, done);

	if (r)
		*done = 0;	/* a record that was refused has none */
	if (r && w->behind && !daxfs_still_host(cx))
		daxfs_cut_tail(cx, w->ref);
	return r;
}

/* 1: there is a page behind the last, allocated before its bytes. */
static int page_is_behind(struct daxfs_cx *cx, struct daxfs_write *w)
{
	u64 idx = (w->size + IN_PAGE_MASK) >> DAXFS_PAGE_SHIFT;
	struct daxfs_a64 *word;
	int r = daxfs_map_next(cx, w->ref->in, &idx, &word);

	return r == -ENOENT ? 0 : r ? r : 1;
}

/* 1: the last page holds something behind the end. */
static int tail_is_used(struct daxfs_cx *cx, struct daxfs_write *w)
{
	u64 at, left = DAXFS_PAGE_SIZE - (w->size & IN_PAGE_MASK);
	u8 buf[128];
	int r = own_byte(cx, w, w->size, &at);

	if (r || !at || left == DAXFS_PAGE_SIZE)
		return r;
	while (left) {
		u64 n = left < sizeof(buf) ? left : sizeof(buf);
		const void *from = daxfs_at(cx->rg, at, n, 1);

		if (!from)
			return -EUCLEAN;
		port_copy_from(buf, from, n);
		for (u64 i = 0; i < n; i++)
			if (buf[i])
				return 1;
		at += n;
		left -= n;
	}
	return 0;
}

/*
 * Who lives and grows the file at this moment finds the cut moved, and begins
 * again. What was allocated behind the end goes as a whole.
 */
int daxfs_cut_tail(struct daxfs_cx *cx, struct daxfs_iref *ref)
{
	struct daxfs_write w = { .ref = ref };
	int r = 0;

	for (u32 i = 0; i < TRIES; i++) {
		r = daxfs_write_look(cx, &w);
		if (!r)
			r = tail_is_used(cx, &w);
		if (!r)
			r = page_is_behind(cx, &w);
		if (r <= 0)
			break;
		daxfs_op_begin(cx);
		r = daxfs_op_add(cx, &ref->in->cut, w.cut,
				 cut_next(w.cut) | DAXFS_CUT_PURGE);
		if (!r)
			r = daxfs_op_add(cx, &ref->in->size, size_make(w.size),
					 size_make(w.size));
		if (!r)
			r = daxfs_op_run(cx);
		if (!r) {
			daxfs_op_end(cx);
			r = daxfs_purge(cx, ref);
			break;
		}
		if (r != -EAGAIN)
			break;
	}
	return r == -ENOSPC ? 0 : r;	/* whoever grows it next purges it */
}

struct write_arg {
	struct daxfs_file *f;
	const u8 *buf;
	const struct daxfs_from *from;	/* instead of buf */
	u64 from_off;
	u64 off, len;
	u64 done;
	u64 size;	/* truncate */
};

/* Content, times and counter are in place. */
void daxfs_written(struct daxfs_cx *cx, struct daxfs_inode *in)
{
	daxfs_touch(cx, in, DAXFS_TOUCH_MTIME | DAXFS_TOUCH_CONTENT);
	/* The counter is raised before. Pairs with [CHG] in recovery. */
	a64_store_release(&cx->sh->write_ino, 0);
}

int daxfs_file_for_writing(struct daxfs_cx *cx, struct daxfs_file *f,
			    struct daxfs_iref *ref)
{
	int r = daxfs_file_ref(cx, f, ref);

	if (!r)
		r = daxfs_regular(cx, ref);
	if (!r)
		r = daxfs_copy_up(cx, ref);
	if (r)
		return r;
	a64_store_volatile(&f->inode_off, ref->off);
	/* If we die now, recovery tells the readers of this file. The fence
	 * comes before the first byte, or with daxfs_op_begin(). */
	a64_store_relaxed(&cx->sh->write_ino, ref->ino);
	return 0;
}

/* Up to 2 MiB per section, so that long writes hold nothing back. */
static int write_fn(struct daxfs_cx *cx, void *p)
{
	struct write_arg *a = p;
	struct daxfs_iref ref;
	struct daxfs_write w = { .ref = &ref, .from = a->from };
	u64 stop = a->done + DAXFS_CHUNK_SIZE;
	int r = daxfs_file_for_writing(cx, a->f, &ref);

	while (!r && a->done < a->len && a->done < stop) {
		u64 done = 0;

		w.buf = a->buf ? a->buf + a->done : NULL;
		w.from_off = a->done;
		w.off = a->off + a->done;
		w.len = (a->len < stop ? a->len : stop) - a->done;
		r = daxfs_write_some(cx, &w, &done);
		if (!r)
			a->done += done;
	}
	if (r < 0 && w.behind)
		daxfs_cut_tail(cx, &ref);	/* else they show when it grows */
	if (a->done && ref.in)
		daxfs_written(cx, ref.in);
	return r;
}

static s64 write_all(struct daxfs_cx *cx, struct write_arg *a)
{
	int r = 0;

	if (!cx->sh)
		return -EROFS;
	if (a->off > DAXFS_MAX_FILE || (a->len && a->off == DAXFS_MAX_FILE))
		return -EFBIG;
	if (a->len > DAXFS_MAX_FILE - a->off)
		a->len = DAXFS_MAX_FILE - a->off;
	while (a->done < a->len && !r) {
		u64 before = a->done;

		r = daxfs_section(cx, write_fn, a);
		if (r == -ESTALE)	/* nobody knows what it has changed */
			a->done = before;
	}
	return a->done ? (s64)a->done : r;
}

s64 daxfs_write(struct daxfs_cx *cx, struct daxfs_file *f, u64 off,
		const void *buf, u64 len)
{
	struct write_arg a = { .f = f, .buf = buf, .off = off, .len = len };

	return write_all(cx, &a);
}

s64 daxfs_write_from(struct daxfs_cx *cx, struct daxfs_file *f, u64 off,
		     const struct daxfs_from *from, u64 len)
{
	struct write_arg a = { .f = f, .from = from, .off = off, .len = len };

	return write_all(cx, &a);
}

/* ---- append ---- */

/* A private copy of the last page, or a fresh one, with [at, at+n) appended. */
static int append_page(struct daxfs_cx *cx, struct daxfs_write *w, u64 idx,
		       u64 in_page, u64 at, u64 n)
{
	struct daxfs_a64 *word;
	u64 v, off;
	u8 *page, *old;
	int r;

	r = daxfs_map_word(cx, w->ref->in, idx, 1, &word);
	if (!r)
		r = daxfs_word_settle(cx, word, &v);
	if (!r)
		r = daxfs_data_take(cx, w, idx, word, &off);
	if (r)
		return r;
	page = daxfs_data_page(cx, off);
	if (pslot_is_page(v)) {
		old = daxfs_data_page(cx, pslot_off(v));
		if (!old)
			r = -EUCLEAN;
		else if (in_page)
			port_copy_within(page, old, in_page);
		port_zero(page + in_page, DAXFS_PAGE_SIZE - in_page);
	} else if (v) {
		port_zero(page, DAXFS_PAGE_SIZE);
	} else if (n < DAXFS_PAGE_SIZE) {
		r = daxfs_fill_lower(cx, w, idx, page);
	}
	if (!r)
		r = put(w, page + in_page, at, n);
	if (!r)
		r = daxfs_op_add(cx, word, v, pslot_make(off));
	if (r) {
		daxfs_page_give(cx, off);
		return r;
	}
	w->new_pages += !pslot_is_page(v);
	return 0;
}

static int append_pages(struct daxfs_cx *cx, struct daxfs_write *w)
{
	u64 done = 0, idx = w->off >> DAXFS_PAGE_SHIFT;
	int r = daxfs_guess_next(cx, w, idx);

	while (done < w->len && !r) {
		u64 in_page = (w->off + done) & IN_PAGE_MASK;
		u64 n = DAXFS_PAGE_SIZE - in_page;

		if (n > w->len - done)
			n = w->len - done;
		r = append_page(cx, w, idx++, in_page, done, n);
		done += n;
	}
	return r;
}

void daxfs_retire_replaced(struct daxfs_cx *cx, struct daxfs_shared_ctx *sh,
			   int mapped)
{
	u64 nr = a64_load_relaxed(&sh->entry_nr), g = daxfs_retire_epoch(cx);

	for (u64 i = 0; i < nr; i++) {
		struct daxfs_entry *e = daxfs_entry(cx->rg, sh, i);
		u64 old;

		if (!e)
			break;		/* no record has so many */
		old = a64_load_relaxed(&e->old);
		if (old != a64_load_relaxed(&e->new) &&
		    is_page_of(cx, old, a64_load_relaxed(&e->word_off)))
			daxfs_page_retire(cx, pslot_off(old), g, mapped);
	}
}

/*
 * The cut is claimed before anything is copied: in-place writers see it move
 * and write again, and nobody grows or cuts the file meanwhile.
 */
static int append_once(struct daxfs_cx *cx, struct daxfs_write *w)
{
	struct daxfs_inode *in = w->ref->in;
	int r;

	w->new_pages = 0;
	daxfs_op_begin(cx);
	daxfs_op_touch(cx, in, CONTENT_TIMES);
	r = daxfs_op_add(cx, &in->cut, w->cut, cut_next(w->cut));
	if (!r)
		r = daxfs_op_activate(cx);
	if (!r)
		r = daxfs_op_claim(cx, 0, 1);
	full_fence_after_rmw();	/* the claim before the copies; [CUT] in still_uncut() */
	if (!r)
		r = daxfs_size_read(cx, in, &w->off);
	if (!r && w->len > DAXFS_MAX_FILE - w->off)
		r = -EFBIG;
	if (!r)
		r = append_pages(cx, w);
	if (!r)
		r = daxfs_op_add(cx, &in->size, size_make(w->off),
				 size_make(w->off + w->len));
	if (!r)
		r = daxfs_op_claim(cx, 1, cx->entry_nr);
	if (!r)
		r = daxfs_op_commit(cx);
	else
		daxfs_op_abort(cx);
	daxfs_op_clean(cx);
	if (r)
		daxfs_give_new_pages(cx);
	else
		daxfs_retire_replaced(cx, cx->sh, daxfs_inode_mapped(cx, in));
	daxfs_op_end(cx);
	if (r == -EAGAIN)
		daxfs_patience_grow(cx);
	return r;
}

static int append_fn(struct daxfs_cx *cx, void *p)
{
	struct write_arg *a = p;
	struct daxfs_iref ref;
	struct daxfs_write w = { .ref = &ref, .buf = a->buf, .len = a->len,
				 .from = a->from, .from_off = a->from_off };
	int r = daxfs_file_for_writing(cx, a->f, &ref);

	daxfs_patience_reset(cx);
	for (u32 i = 0; i < TRIES && !r; i++) {
		r = daxfs_write_look(cx, &w);
		if (!r)
			r = append_once(cx, &w);
		if (!r) {
			a->off = w.off;
			daxfs_pages_add(cx, ref.in, w.new_pages);
			daxfs_written(cx, ref.in);
			return 0;
		}
		if (r == -EAGAIN)
			r = 0;
	}
	return r ? r : -EBUSY;
}

static s64 append_all(struct daxfs_cx *cx, const struct write_arg *all, u64 *at)
{
	u64 done = 0, len = all->len;

	if (!cx->sh)
		return -EROFS;
	while (done < len) {
		struct write_arg a = *all;
		int r;

		if (a.buf)
			a.buf += done;
		a.from_off = done;
		a.len = len - done < DAXFS_APPEND_MAX ? len - done :
			DAXFS_APPEND_MAX;
		r = daxfs_section(cx, append_fn, &a);
		if (r)
			return done ? (s64)done : r;
		if (at && !done)
			*at = a.off;
		done += a.len;
	}
	return (s64)done;
}

s64 daxfs_append(struct daxfs_cx *cx, struct daxfs_file *f, const void *buf,
		 u64 len, u64 *at)
{
	struct write_arg a = { .f = f, .buf = buf, .len = len };

	return append_all(cx, &a, at);
}

s64 daxfs_append_from(struct daxfs_cx *cx, struct daxfs_file *f,
		      const struct daxfs_from *from, u64 len, u64 *at)
{
	struct write_arg a = { .f = f, .from = from, .len = len };

	return append_all(cx, &a, at);
}

/* ---- truncate ---- */

void daxfs_low_limit_min(struct daxfs_inode *in, u64 size)
{
	for (u32 i = 0; i < TRIES; i++) {
		u64 v = a64_load_relaxed(&in->low_limit);

		if (v <= size || a64_cas(&in->low_limit, v, size) == v)
			return;		/* [CUT]: before PURGE goes */
	}
}

/* Collect words of pages wholly behind the end into the record. */
static int purge_add(struct daxfs_cx *cx, struct daxfs_write *w, u32 *nr)
{
	u64 idx = (w->size + IN_PAGE_MASK) >> DAXFS_PAGE_SHIFT;

	for (*nr = 0; *nr < PURGE_PAGES; idx++) {
		struct daxfs_a64 *word;
		u64 v;
		int r = daxfs_map_next(cx, w->ref->in, &idx, &word);

		if (r)
			return r == -ENOENT ? 0 : r;
		r = daxfs_word_settle(cx, word, &v);
		if (!r && v) {
			r = daxfs_op_add(cx, word, v, 0);
			w->new_pages -= pslot_is_page(v);
			++*nr;
		}
		if (r)
			return r;
	}
	return 0;
}

/* The last page gets a private copy with zeros behind the end. */
static int purge_tail(struct daxfs_cx *cx, struct daxfs_write *w)
{
	u64 idx = w->size >> DAXFS_PAGE_SHIFT, keep = w->size & IN_PAGE_MASK;
	struct daxfs_a64 *word;
	u64 v = 0, off;
	u8 *page, *old;
	int r;

	if (!keep)
		return 0;
	r = daxfs_map_word(cx, w->ref->in, idx, 0, &word);
	if (!r && word)
		r = daxfs_word_settle(cx, word, &v);
	if (r || !pslot_is_page(v))
		return r;
	old = daxfs_data_page(cx, pslot_off(v));
	if (!old)
		return -EUCLEAN;
	r = daxfs_page_take(cx, DAXFS_T_DATA, daxfs_off(cx->rg, word), 0, &off);
	if (r)
		return r;
	page = daxfs_data_page(cx, off);
	port_copy_within(page, old, keep);
	port_zero(page + keep, DAXFS_PAGE_SIZE - keep);
	r = daxfs_op_add(cx, word, v, pslot_make(off));
	if (r)
		daxfs_page_give(cx, off);
	return r;
}

/*
 * One record of a purge. -EAGAIN: again. *more: pages were taken away and
 * there may be others.
 */
static int purge_once(struct daxfs_cx *cx, struct daxfs_write *w, u32 *more)
{
	struct daxfs_inode *in = w->ref->in;
	int r;

	w->new_pages = 0;
	daxfs_op_begin(cx);
	/* The record is too small to know yet whether it is the last: the
	 * entry of the cut is set right below. */
	r = daxfs_op_add(cx, &in->cut, w->cut, w->cut);
	if (!r)
		r = purge_add(cx, w, more);
	if (!r && !*more) {
		struct daxfs_entry *e = daxfs_entry(cx->rg, cx->sh, 0);

		a64_store_relaxed(&e->new, w->cut & ~DAXFS_CUT_PURGE);
		r = purge_tail(cx, w);
	}
	if (!r)
		r = daxfs_op_run(cx);
	else
		daxfs_op_end(cx);
	if (r) {
		daxfs_give_new_pages(cx);
		return r;
	}
	daxfs_retire_replaced(cx, cx->sh, daxfs_inode_mapped(cx, in));
	daxfs_op_end(cx);
	daxfs_pages_add(cx, in, w->new_pages);
	return 0;
}

int daxfs_purge(struct daxfs_cx *cx, struct daxfs_iref *ref)
{
	struct daxfs_write w = { .ref = ref };
	int full = cx->full, r = 0;

	cx->full = 1;		/* cutting works when there is no space, too */
	for (u32 i = 0; i < TRIES; i++) {
		u32 more = 0;

		r = daxfs_word_settle(cx, &ref->in->cut, &w.cut);
		if (r || !(w.cut & DAXFS_CUT_PURGE))
			break;
		r = daxfs_word_read(cx->rg, &ref->in->size, &w.size);
		if (r)
			break;
		w.size = size_bytes(w.size);
		daxfs_low_limit_min(ref->in, w.size);
		r = purge_once(cx, &w, &more);
		if (r && r != -EAGAIN)
			break;
	}
	cx->full = full;
	return r == -EAGAIN ? -EBUSY : r;
}

int daxfs_size_set(struct daxfs_cx *cx, struct daxfs_write *w, u64 size)
{
	u64 cut = w->cut;
	int r;

	if (size < w->size || (size == w->size && w->behind))
		cut = cut_next(cut) | DAXFS_CUT_PURGE;
	daxfs_op_begin(cx);
	daxfs_op_touch(cx, w->ref->in, CONTENT_TIMES);
	r = daxfs_op_add(cx, &w->ref->in->cut, w->cut, cut);
	if (!r)
		r = daxfs_op_add(cx, &w->ref->in->size, size_make(w->size),
				 size_make(size));
	if (!r)
		r = daxfs_op_run(cx);
	if (!r)
		daxfs_op_end(cx);
	return r;
}

static int truncate_fn(struct daxfs_cx *cx, void *p)
{
	struct write_arg *a = p;
	struct daxfs_iref ref;
	struct daxfs_write w = { .ref = &ref };
	int r = daxfs_file_for_writing(cx, a->f, &ref);

	daxfs_patience_reset(cx);
	for (u32 i = 0; i < TRIES && !r; i++) {
		r = daxfs_write_look(cx, &w);
		w.behind = 0;
		if (!r && a->size == w.size)
			r = w.behind = page_is_behind(cx, &w);
		if (r >= 0)
			r = daxfs_size_set(cx, &w, a->size);
		if (r == -EAGAIN) {
			r = 0;
			continue;
		}
		if (!r && (a->size < w.size || w.behind))
			r = daxfs_purge(cx, &ref);
		if (r == -ENOSPC)
			r = 0;	/* the size is new; only the memory waits */
		if (!r)
			daxfs_written(cx, ref.in);
		return r;
	}
	return r ? r : -EBUSY;
}

int daxfs_truncate(struct daxfs_cx *cx, struct daxfs_file *f, u64 size)
{
	struct write_arg a = { .f = f, .size = size };

	if (!cx->sh)
		return -EROFS;
	if (size > DAXFS_MAX_FILE)
		return -EFBIG;
	return daxfs_section(cx, truncate_fn, &a);
}

int daxfs_fsync(struct daxfs_cx *cx, struct daxfs_file *f)
{
	(void)cx;
	(void)f;
	full_fence();	/* [PUB]: all is in the region, nothing waits in this host */
	return 0;
}
