// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Reading file content: loads from the region.
 *
 * Notes: size, page word, copy, all inside a section: the epoch is the only
 * store. A page that is given away meanwhile keeps its bytes until the section
 * ends. Content comes from the overlay's page, else from the base image below
 * low_limit, else it is zero.
 *
 * operation  | linearization          | progress  | if the caller stops there
 * read, runs | load of each page word | wait-free | its epoch holds memory
 * stat, link | load of the word read  | wait-free | as above
 * begin pin  | bit in mapped          | wait-free | recovery clears the bit
 * end pin    | the same bit           | wait-free | as above
 *
 * A read of several pages is as atomic as its pages: beside a write it may see
 * old and new ones. ABA: a page word is only followed, never compared.
 */
#include "base.h"
#include "cache.h"
#include "data.h"
#include "map.h"
#include "pool.h"
#include "record.h"
#include "region.h"
#include "word.h"

#define FETCH_LEN	512u	/* bytes of content that a read asks for early */

int daxfs_regular(struct daxfs_cx *cx, const struct daxfs_iref *ref)
{
	u32 mode;
	int r = daxfs_ref_mode(cx, ref, &mode);

	if (r || S_ISREG(mode))
		return r;
	return S_ISDIR(mode) ? -EISDIR : -EINVAL;
}

/* While the inode is held its place is constant, so the offset is trusted. */
int daxfs_file_ref(struct daxfs_cx *cx, struct daxfs_file *f,
		   struct daxfs_iref *ref)
{
	u64 off = a64_load_relaxed(&f->inode_off);
	int r;

	if (off && cx->view.flat && f->ino > cx->rg->super.base_inode_nr) {
		ref->ino = f->ino;
		ref->off = off;
		ref->own = 1;
		ref->depth = 0;
		ref->has_base = 0;
		ref->in = daxfs_at(cx->rg, off, sizeof(struct daxfs_inode), 64);
		return ref->in ? 0 : -EUCLEAN;
	}
	r = daxfs_iget(cx, f->ino, off, ref);
	if (!r && ref->off != off)
		a64_store_volatile(&f->inode_off, ref->off);
	return r;
}

int daxfs_ref_size(struct daxfs_cx *cx, const struct daxfs_iref *ref, u64 *size)
{
	int r;

	if (!ref->in) {
		*size = ref->base.size;
		return 0;
	}
	r = daxfs_word_read(cx->rg, &ref->in->size, size);
	*size = size_bytes(*size);
	return !r && *size > DAXFS_MAX_FILE ? -EUCLEAN : r;
}

static int base_run(struct daxfs_cx *cx, const struct daxfs_iref *ref, u64 off,
		    u64 len, struct daxfs_run *run)
{
	int r = 0;

	run->len = len;
	run->off = 0;
	run->away = 0;
	if (off >= ref->base.size)
		return 0;
	if (len > ref->base.size - off)
		len = ref->base.size - off;
	r = daxfs_base_run(cx->rg, &ref->base, off, len, run);
	return !r && !run->len ? -EUCLEAN : r;
}

/*
 * Own pages that lie one behind the other, word by word: what most of a long
 * run is. Stops wherever it is anything else.
 */
static int straight_on(struct daxfs_cx *cx, const struct daxfs_iref *ref, u64 len,
		       struct daxfs_run *run)
{
	u64 idx = (run->file_off + run->len - 1) >> DAXFS_PAGE_SHIFT;
	struct daxfs_a64 *word;
	int r = daxfs_map_word(cx, ref->in, idx, 0, &word);

	while (!r && run->len < len) {
		word = daxfs_map_after(word, idx++);
		if (!word || a64_load_acquire(word) !=	/* [PUB], [REC] */
			     pslot_make(run->off + run->len))
			break;
		run->len += len - run->len < DAXFS_PAGE_SIZE ? len - run->len :
			    DAXFS_PAGE_SIZE;
	}
	return !r && !daxfs_at(cx->rg, run->off, run->len, 1) ? -EUCLEAN : r;
}

/* Where an inode has nothing: *len ends at its next page at the latest. */
static int clip_to_hole(struct daxfs_cx *cx, const struct daxfs_iref *ref, u64 off,
			u64 *len)
{
	u64 idx = off >> DAXFS_PAGE_SHIFT;
	struct daxfs_a64 *word;
	int r = daxfs_map_next(cx, ref->in, &idx, &word);

	if (r)
		return r == -ENOENT ? 0 : r;
	if (idx << DAXFS_PAGE_SHIFT <= off) {
		u64 rest = DAXFS_PAGE_SIZE - (off & (DAXFS_PAGE_SIZE - 1));

		if (*len > rest)
			*len = rest;	/* it came just now: what was before it */
	} else if (*len > (idx << DAXFS_PAGE_SHIFT) - off) {
		*len = (idx << DAXFS_PAGE_SHIFT) - off;
	}
	return 0;
}

/*
 * The run of the inode itself at off. 1: it is in *run; 0: it has nothing there,
 * and not before *len.
 */
static int own_run(struct daxfs_cx *cx, const struct daxfs_iref *ref, u64 off,
		   u64 *len, struct daxfs_run *run)
{
	u64 in_page = off & (DAXFS_PAGE_SIZE - 1), v = 0;
	struct daxfs_a64 *word = NULL;
	int r = daxfs_map_word(cx, ref->in, off >> DAXFS_PAGE_SHIFT, 0, &word);

	if (!r && word)
		r = daxfs_word_read(cx->rg, word, &v);
	if (r || !v)
		return r ? r : clip_to_hole(cx, ref, off, len);
	run->file_off = off;
	run->away = 0;
	run->len = DAXFS_PAGE_SIZE - in_page < *len ? DAXFS_PAGE_SIZE - in_page : *len;
	run->off = pslot_is_page(v) ? pslot_off(v) + in_page : 0;
	if (run->off && !daxfs_at(cx->rg, run->off, run->len, 1))
		return -EUCLEAN;
	if (run->off && run->len < *len)
		r = straight_on(cx, ref, *len, run);
	return r ? r : 1;
}

/*
 * What shows where an inode has no page: that of the first inode below with one
 * there, of the base image, or a hole. Each shows no more than all above let
 * through.
 */
int daxfs_lower_run(struct daxfs_cx *cx, const struct daxfs_iref *ref, u64 off,
		     u64 len, struct daxfs_run *run)
{
	struct daxfs_iref at = *ref;
	int r = 0;

	run->file_off = off;
	run->off = 0;
	run->away = 0;
	while (at.in) {
		u64 limit = a64_load_acquire(&at.in->low_limit);	/* [CUT] */

		run->len = len;		/* a hole, so far as is known */
		r = off < limit ? daxfs_lower(cx, &at, &at) : -ENOENT;
		if (r)
			return r == -ENOENT ? 0 : r;
		if (len > limit - off)
			len = limit - off;
		if (!at.in)
			break;
		r = own_run(cx, &at, off, &len, run);
		if (r)
			return r < 0 ? r : 0;
	}
	return base_run(cx, &at, off, len, run);
}

/* The run that begins at off: a piece of what lies one behind the other there. */
static int page_run(struct daxfs_cx *cx, const struct daxfs_iref *ref, u64 off,
		    u64 len, struct daxfs_run *run)
{
	int r = ref->in ? own_run(cx, ref, off, &len, run) : 0;

	if (r)
		return r < 0 ? r : 0;
	return daxfs_lower_run(cx, ref, off, len, run);
}

static int joins(const struct daxfs_run *a, const struct daxfs_run *b)
{
	if (a->away != b->away)
		return 0;
	return a->off ? a->off + a->len == b->off : !b->off;
}

/* As page_run(), but as long as what follows lies right behind it. */
int daxfs_file_run(struct daxfs_cx *cx, const struct daxfs_iref *ref, u64 off,
		    u64 len, struct daxfs_run *run)
{
	int r = page_run(cx, ref, off, len, run);

	while (!r && run->len < len) {
		struct daxfs_run more;

		r = page_run(cx, ref, off + run->len, len - run->len, &more);
		if (r || !joins(run, &more))
			break;
		run->len += more.len;
	}
	return r;
}

struct read_arg {
	struct daxfs_file *f;
	u64 off, len;
	u8 *buf;
	struct daxfs_run *run;
	u32 nr;
	u64 done;
};

/* Clip to the end of the file. 1: something is left. */
static int clip(struct daxfs_cx *cx, struct read_arg *a, struct daxfs_iref *ref)
{
	u64 size;
	int r = daxfs_file_ref(cx, a->f, ref);

	if (!r)
		r = daxfs_regular(cx, ref);
	if (!r)
		r = daxfs_ref_size(cx, ref, &size);
	if (r || a->off >= size || !a->len)
		return r;
	if (a->len > size - a->off)
		a->len = size - a->off;
	return 1;
}

/* *done: bytes; all of the run if there is no error. */
static int copy_run(struct daxfs_cx *cx, const struct daxfs_run *run, u8 *to,
		    u64 *done)
{
	void *from;

	if (run->away)
		return daxfs_away_copy(cx, run, 0, run->len, to, 0, done);
	*done = run->len;
	if (!run->off) {
		memset(to, 0, run->len);
		return 0;
	}
	from = daxfs_at(cx->rg, run->off, run->len, 1);
	if (!from)
		return -EUCLEAN;
	port_copy_from(to, from, run->len);
	return 0;
}

static int read_fn(struct daxfs_cx *cx, void *p)
{
	struct read_arg *a = p;
	struct daxfs_iref ref;
	int r = clip(cx, a, &ref);

	if (r <= 0)
		return r;
	while (a->done < a->len) {
		struct daxfs_run run;
		u64 done = 0;

		r = daxfs_file_run(cx, &ref, a->off + a->done, a->len - a->done, &run);
		if (!r)
			r = copy_run(cx, &run, a->buf + a->done, &done);
		a->done += done;
		if (r == -EREMOTE && a->done)
			return 0;	/* a shorter read; the next one says it */
		if (r)
			return r;
	}
	return 0;
}

/*
 * Let the processor fetch what will be copied while it still waits for the fence
 * at the beginning of the section; the rest follows by itself. What is found
 * outside of a section may be anything, and is not looked at.
 */
static void fetch_early(struct daxfs_cx *cx, struct daxfs_file *f, u64 off)
{
	u64 in_page = off & (DAXFS_PAGE_SIZE - 1), v;
	struct daxfs_inode *in;
	struct daxfs_a64 *word;
	void *at;

	in = daxfs_at(cx->rg, a64_load_relaxed(&f->inode_off), sizeof(*in), 64);
	if (!in || daxfs_map_word(cx, in, off >> DAXFS_PAGE_SHIFT, 0, &word) ||
	    !word)
		return;
	v = a64_load_relaxed(word);
	at = pslot_is_page(v) ? daxfs_at(cx->rg, pslot_off(v), DAXFS_PAGE_SIZE,
					 DAXFS_PAGE_SIZE) : NULL;
	if (at)
		port_prefetch((u8 *)at + in_page, FETCH_LEN);
}

s64 daxfs_read(struct daxfs_cx *cx, struct daxfs_file *f, u64 off, void *buf,
	       u64 len)
{
	u64 done = 0;

	if (len >= FETCH_LEN)
		fetch_early(cx, f, off);

	/* Long copies renew the section, so that they hold nothing back. */
	while (done < len) {
		struct read_arg a = { .f = f, .off = off + done, .buf = buf };
		int r;

		a.buf += done;
		a.len = len - done < DAXFS_CHUNK_SIZE ? len - done :
			DAXFS_CHUNK_SIZE;
		r = daxfs_section(cx, read_fn, &a);
		if (r)
			return done ? (s64)done : r;
		done += a.done;
		if (a.done < DAXFS_CHUNK_SIZE)
			break;
	}
	return (s64)done;
}

static int runs_fn(struct daxfs_cx *cx, void *p)
{
	struct read_arg *a = p;
	struct daxfs_iref ref;
	u64 at;
	u32 n = 0;
	int r = clip(cx, a, &ref);

	if (r <= 0)
		return r;
	for (at = a->off; n < a->nr && at < a->off + a->len; n++) {
		r = daxfs_file_run(cx, &ref, at, a->off + a->len - at, &a->run[n]);
		if (r)
			return r;
		at += a->run[n].len;
	}
	return (int)n;
}

int daxfs_runs(struct daxfs_cx *cx, struct daxfs_file *f, u64 off, u64 len,
	       struct daxfs_run *run, u32 nr)
{
	struct read_arg a = { .f = f, .off = off, .len = len, .run = run,
			      .nr = nr };

	return daxfs_section(cx, runs_fn, &a);
}

static int fgetattr_fn(struct daxfs_cx *cx, void *p)
{
	struct {
		struct daxfs_file *f;
		struct daxfs_stat *st;
	} *a = p;
	struct daxfs_iref ref;
	int r = daxfs_file_ref(cx, a->f, &ref);

	return r ? r : daxfs_ref_stat(cx, &ref, a->st);
}

int daxfs_fgetattr(struct daxfs_cx *cx, struct daxfs_file *f,
		   struct daxfs_stat *st)
{
	struct {
		struct daxfs_file *f;
		struct daxfs_stat *st;
	} a = { f, st };

	return daxfs_section(cx, fgetattr_fn, &a);
}

struct link_arg {
	u64 ino;
	char *buf;
	u64 len;
	s64 got;
};

static int overlay_target(struct daxfs_cx *cx, struct daxfs_inode *in,
			  struct link_arg *a)
{
	u64 len, page = a64_load_acquire(&in->page0);	/* constant; [PUB] */
	int r = daxfs_word_read(cx->rg, &in->size, &len);
	u8 *from = in->target;

	len = size_bytes(len);
	if (r || len > DAXFS_TARGET_MAX)
		return r ? r : -EUCLEAN;
	if (len > DAXFS_INLINE_TARGET)
		from = daxfs_at(cx->rg, pslot_off(page), DAXFS_PAGE_SIZE,
				DAXFS_PAGE_SIZE);
	if (!from)
		return -EUCLEAN;
	if (len > a->len)
		len = a->len;
	port_copy_from(a->buf, from, len);
	a->got = (s64)len;
	return 0;
}

static int readlink_fn(struct daxfs_cx *cx, void *p)
{
	struct link_arg *a = p;
	struct daxfs_iref ref;
	u32 mode = 0;
	int r = daxfs_iget(cx, a->ino, 0, &ref);

	if (!r)
		r = daxfs_ref_mode(cx, &ref, &mode);
	if (!r && !S_ISLNK(mode))
		r = -EINVAL;
	if (r)
		return r;
	while (ref.in && daxfs_has_lower(&ref) && !r)
		r = daxfs_lower(cx, &ref, &ref);
	if (r)
		return r;
	if (ref.in)
		return overlay_target(cx, ref.in, a);
	a->got = daxfs_base_target(cx->rg, &ref.base, a->buf, a->len);
	return a->got < 0 ? (int)a->got : 0;
}

s64 daxfs_readlink(struct daxfs_cx *cx, u64 ino, char *buf, u64 len)
{
	struct link_arg a = { ino, buf, len, 0 };
	int r = daxfs_section(cx, readlink_fn, &a);

	return r ? r : a.got;
}

struct map_arg {
	struct daxfs_file *f;
	u64 *epoch;
};

static int map_begin_fn(struct daxfs_cx *cx, void *p)
{
	struct map_arg *a = p;
	struct daxfs_iref ref;
	int r = daxfs_file_ref(cx, a->f, &ref);

	if (r)
		return r;
	*a->epoch = cx->epoch;
	r = daxfs_still_host(cx);
	if (r)
		return r;
	/* Those below, too: their pages show through, and a merge hands them over. */
	while (!r && ref.in && !daxfs_still_host(cx)) {
		a64_or(&ref.in->mapped, 1ull << (cx->id / DAXFS_CTXS));
		full_fence_after_rmw();	/* [MAP] in fold_words() of merge.c */
		if (cx->view.flat)
			break;
		r = daxfs_lower(cx, &ref, &ref);
	}
	full_fence();	/* the bit before the slots; pairs with [MAP] in
			 * daxfs_inode_mapped() */
	return r == -ENOENT ? 0 : r;
}

int daxfs_map_begin(struct daxfs_cx *cx, struct daxfs_file *f, u64 *epoch)
{
	struct map_arg a = { f, epoch };

	*epoch = 0;
	return cx->sh ? daxfs_section(cx, map_begin_fn, &a) : 0;
}

static int map_end_fn(struct daxfs_cx *cx, void *p)
{
	struct daxfs_iref ref;
	int r = daxfs_file_ref(cx, p, &ref);

	while (!r && ref.in && !daxfs_still_host(cx)) {
		a64_and(&ref.in->mapped, ~(1ull << (cx->id / DAXFS_CTXS)));
		/* Begun before there was a copy, it is noted below. */
		if (cx->view.flat)
			return 0;
		r = daxfs_lower(cx, &ref, &ref);
	}
	return r;
}

void daxfs_map_end(struct daxfs_cx *cx, struct daxfs_file *f)
{
	if (cx->sh)
		daxfs_section(cx, map_end_fn, f);	/* gone: nothing to end */
}

static int mapped_elsewhere_fn(struct daxfs_cx *cx, void *p)
{
	struct daxfs_iref ref;
	int r = daxfs_file_ref(cx, p, &ref);

	if (r || !ref.in)
		return r;
	return !!(a64_load_relaxed(&ref.in->mapped) &
		  ~(1ull << (cx->id / DAXFS_CTXS)));
}

int daxfs_mapped_elsewhere(struct daxfs_cx *cx, struct daxfs_file *f)
{
	return cx->sh ? daxfs_section(cx, mapped_elsewhere_fn, f) : 0;
}

void daxfs_map_epoch(struct daxfs_region *rg, u64 lowest)
{
	if (daxfs_host_check(rg))
		return;
	/* What was pinned is not looked at any more. Pairs with [MAP] in
	 * daxfs_map_epoch_min(). */
	a64_store_release_volatile(&daxfs_host(rg, rg->host)->map_epoch, lowest);
	full_fence();	/* before slots are read under a new pin; [MAP] */
}
