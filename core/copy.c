// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Copying content inside the region, from file to file.
 *
 * Notes: data is written as any other, only that it comes from pages of the
 * region; these stay what they are for as long as the section lasts. Holes are
 * punched. No page is shared by two files: there are no counts of references,
 * and a write in place could not be told from a copy's.
 *
 * operation | linearization                | progress | if the caller stops there
 * copy      | of its writes and punches    | patience | some of the bytes, in order
 *
 * ABA: as in write.c.
 */
#include "cache.h"
#include "data.h"
#include "epoch.h"
#include "pool.h"
#include "record.h"
#include "region.h"

#define SECTION_STEPS	64u	/* runs; then others may reuse memory again */
#define CALL_STEPS	4096u
#define TRIES		100000u

struct copy_arg {
	struct daxfs_file *from, *to;
	u64 off, to_off, len;
	u64 done;
	u64 data;		/* of done: bytes that were not in holes */
	u32 steps;
	int begun, end;
};

/* The file is at least size bytes long. */
static int grow(struct daxfs_cx *cx, struct daxfs_write *w, u64 size)
{
	for (u32 i = 0; i < TRIES; i++) {
		int r = daxfs_write_look(cx, w);

		if (!r && w->size < size)
			r = daxfs_size_set(cx, w, size);
		if (r != -EAGAIN)
			return r;
	}
	return -EBUSY;
}

static int copy_hole(struct daxfs_cx *cx, struct daxfs_write *w, u64 len,
		     u64 *done)
{
	int r;

	w->len = len;
	r = daxfs_punch_some(cx, w, done);
	return r ? r : grow(cx, w, w->off + *done);
}

static int copy_data(struct daxfs_cx *cx, struct daxfs_write *w,
		     const struct daxfs_run *run, u64 *done)
{
	w->buf = daxfs_at(cx->rg, run->off, run->len, 1);
	if (!w->buf)
		return -EUCLEAN;
	w->len = run->len;
	w->shared = 1;
	return daxfs_write_some(cx, w, done);
}

/* Of a backing file: a page at a time, which the caller has lent. */
static int copy_away(struct daxfs_cx *cx, struct daxfs_write *w,
		     const struct daxfs_run *run, u64 *done)
{
	struct daxfs_piece p;
	int r = daxfs_away_lent(cx, run, &p);

	if (r)
		return r;
	w->buf = p.at;
	w->len = p.len;
	w->shared = 0;
	return daxfs_write_some(cx, w, done);
}

/* The hole at the beginning of [off, end), as far as it is known; 0: none. */
static int hole_at(struct daxfs_cx *cx, const struct daxfs_iref *from, u64 off,
		   u64 end, u64 *len)
{
	u64 data = off;
	int r = daxfs_next_data(cx, from, &data, end);

	if (r < 0 && r != -EAGAIN)
		return r;
	if (!r || data > end)
		data = end;
	*len = data - off;
	return 0;
}

/* One run of data, or a hole, or some of it: of [off, end). */
static int copy_some(struct daxfs_cx *cx, struct copy_arg *a,
		     const struct daxfs_iref *from, struct daxfs_write *w, u64 end)
{
	u64 off = a->off + a->done, done = 0, len;
	struct daxfs_run run;
	int r;

	w->off = a->to_off + a->done;
	r = hole_at(cx, from, off, end, &len);
	if (!r && len) {
		r = copy_hole(cx, w, len, &done);
		a->done += r ? 0 : done;
		return r;
	}
	len = end - off < DAXFS_CHUNK_SIZE ? end - off : DAXFS_CHUNK_SIZE;
	if (!r)
		r = daxfs_file_run(cx, from, off, len, &run);
	if (!r && run.away)
		r = copy_away(cx, w, &run, &done);
	else if (!r && run.off)	/* else a hole by now: the next step sees it */
		r = copy_data(cx, w, &run, &done);
	a->done += done;
	a->data += done;
	return r;
}

static int copy_refs(struct daxfs_cx *cx, struct copy_arg *a,
		     struct daxfs_iref *from, struct daxfs_iref *to)
{
	int r = daxfs_file_for_writing(cx, a->to, to);

	if (!r)		/* behind the copy-up, if it is the same */
		r = daxfs_file_ref(cx, a->from, from);
	return r ? r : daxfs_regular(cx, from);
}

static int copy_fn(struct daxfs_cx *cx, void *p)
{
	struct copy_arg *a = p;
	struct daxfs_iref from, to = { .in = NULL };
	struct daxfs_write w = { .ref = &to };
	u64 stop = a->data + DAXFS_CHUNK_SIZE, size;
	int r = copy_refs(cx, a, &from, &to);

	daxfs_patience_reset(cx);
	for (u32 i = 0; i < SECTION_STEPS && !a->end && !r; i++) {
		r = daxfs_ref_size(cx, &from, &size);
		if (r)
			break;
		/* What the copy itself adds at the end is not copied. */
		if (!a->begun && size < a->off + a->len)
			a->len = size > a->off ? size - a->off : 0;
		a->begun = 1;
		if (size > a->off + a->len)
			size = a->off + a->len;
		a->end = size <= a->off + a->done;
		if (!a->end)
			r = copy_some(cx, a, &from, &w, size);
		a->end |= a->data >= DAXFS_COPY_MAX ||
			  ++a->steps >= CALL_STEPS;
		if (a->data >= stop)
			break;
	}
	if (a->done && (r || a->end))
		daxfs_written(cx, to.in);
	return r;
}

static int overlap(const struct copy_arg *a)
{
	return a->from->ino == a->to->ino && a->off < a->to_off + a->len &&
	       a->to_off < a->off + a->len;
}

s64 daxfs_copy_range(struct daxfs_cx *cx, struct daxfs_file *from, u64 off,
		     struct daxfs_file *to, u64 to_off, u64 len)
{
	struct copy_arg a = { .from = from, .to = to, .off = off,
			      .to_off = to_off, .len = len };
	int r = 0;

	if (!cx->sh)
		return -EROFS;
	if (to_off > DAXFS_MAX_FILE || (len && to_off == DAXFS_MAX_FILE))
		return -EFBIG;
	if (off >= DAXFS_MAX_FILE)
		return 0;
	if (a.len > DAXFS_MAX_FILE - off)
		a.len = DAXFS_MAX_FILE - off;
	if (a.len > DAXFS_MAX_FILE - to_off)
		a.len = DAXFS_MAX_FILE - to_off;
	if (overlap(&a))
		return -EINVAL;
	while (a.len && !a.end && !r) {
		u64 before = a.done;

		r = daxfs_section(cx, copy_fn, &a);
		if (r == -ESTALE)	/* nobody knows what it has changed */
			a.done = before;
	}
	return a.done ? (s64)a.done : r;
}
