// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Calls of the core that may need content of a backing file, with all it takes.
 *
 * Notes: the core says which page it misses and is called again once that is
 * there, or lent. A call that did a part returns that part; the rest is asked for
 * in the next round, so what was done stays done. Reading also looks whether a
 * file is read in order, and has the next pages brought in by the thread of
 * filler.c.
 */
#include <stdlib.h>

#include "content.h"
#include "fill.h"
#include "mount_priv.h"

#define AHEAD_MIN	(256ull << 10)	/* bytes */
#define AHEAD_MAX	(4ull << 20)
#define AHEAD_RUNS	16
/* Threads that read one file in order come out of order by so much. */
#define AHEAD_SLACK	(1ull << 20)

static int is_split(const struct daxfs_mount *m)
{
	return m->filler != NULL;
}

/* ---- lending, only while a call misses something ---- */

static int missed(struct daxfs_mount *m, struct daxfs_cx *cx, struct daxfs_lent **l)
{
	if (!*l)
		*l = calloc(1, sizeof(**l));
	return *l ? daxfs_fill_miss(m, cx, *l) : -ENOMEM;
}

static void finish(struct daxfs_cx *cx, struct daxfs_lent *l)
{
	if (!l)
		return;
	daxfs_cache_take_back(cx);
	free(l);
}

/* r becomes what call says that misses nothing. */
#define UNTIL_THERE(m, cx, r, call) do { \
	struct daxfs_lent *lent_ = NULL; \
	while (((r) = (call)) == -EREMOTE) \
		if (((r) = missed(m, cx, &lent_)) != 0) \
			break; \
	finish(cx, lent_); \
} while (0)

/* ---- reading ahead ---- */

static u64 ahead_max(const struct daxfs_mount *m)
{
	u64 part = m->rg.area[DAXFS_AREA_PCACHE_DATA].len / 16;

	return part < AHEAD_MAX ? part : AHEAD_MAX;
}

/* How far to read ahead of off; 0: it is not read in order. */
static u64 window_of(struct daxfs_mount *m, struct daxfs_held *held, u64 off, u64 end)
{
	u64 next = __atomic_load_n(&held->read_next, __ATOMIC_RELAXED);
	u64 window = __atomic_load_n(&held->read_window, __ATOMIC_RELAXED);

	if (off + AHEAD_SLACK < next || off > next + AHEAD_SLACK)
		window = 0;
	else if (end > next)
		window = window ? window * 2 : AHEAD_MIN;
	if (!window)
		__atomic_store_n(&held->read_ahead, 0, __ATOMIC_RELAXED);
	if (window > ahead_max(m))
		window = ahead_max(m);
	if (end > next || !window)
		__atomic_store_n(&held->read_next, end, __ATOMIC_RELAXED);
	__atomic_store_n(&held->read_window, window, __ATOMIC_RELAXED);
	return window;
}

static void order_ahead(struct daxfs_mount *m, struct daxfs_cx *cx,
			struct daxfs_held *held, u64 from, u64 len)
{
	struct daxfs_run run[AHEAD_RUNS];
	int i, nr = daxfs_runs(cx, &held->file, from, len, run, AHEAD_RUNS);

	for (i = 0; i < nr; i++)
		if (run[i].away)
			daxfs_filler_ahead(m->filler, run[i].off, run[i].len);
}

/* Hints, all of it: threads that do it at once order a page twice. */
static void look_ahead(struct daxfs_mount *m, struct daxfs_cx *cx,
		       struct daxfs_held *held, u64 off, u64 len)
{
	u64 end = off + len, window = window_of(m, held, off, end);
	u64 from = __atomic_load_n(&held->read_ahead, __ATOMIC_RELAXED);

	if (!window)
		return;
	if (from < end)
		from = end;
	if (from >= end + window || end + window - from < window / 2)
		return;		/* enough is on its way */
	__atomic_store_n(&held->read_ahead, end + window, __ATOMIC_RELAXED);
	order_ahead(m, cx, held, from, end + window - from);
}

/* ---- the calls ---- */

s64 daxfs_mount_read(struct daxfs_mount *m, struct daxfs_cx *cx,
		     struct daxfs_held *held, u64 off, void *buf, u64 len)
{
	u64 done = 0;
	s64 r;

	if (!is_split(m))
		return daxfs_read(cx, &held->file, off, buf, len);
	if (m->filler->running)
		look_ahead(m, cx, held, off, len);
	do {
		UNTIL_THERE(m, cx, r, daxfs_read(cx, &held->file, off + done,
						 (u8 *)buf + done, len - done));
		done += r > 0 ? (u64)r : 0;
	} while (r > 0 && done < len);
	return done ? (s64)done : r;
}

s64 daxfs_mount_write(struct daxfs_mount *m, struct daxfs_cx *cx,
		      struct daxfs_held *held, u64 off, const void *buf, u64 len)
{
	u64 done = 0;
	s64 r;

	if (!is_split(m))
		return daxfs_write(cx, &held->file, off, buf, len);
	do {
		UNTIL_THERE(m, cx, r, daxfs_write(cx, &held->file, off + done,
						  (const u8 *)buf + done, len - done));
		done += r > 0 ? (u64)r : 0;
	} while (r > 0 && done < len);
	return done ? (s64)done : r;
}

s64 daxfs_mount_append(struct daxfs_mount *m, struct daxfs_cx *cx,
		       struct daxfs_held *held, const void *buf, u64 len, u64 *at)
{
	u64 done = 0, where = 0;
	s64 r;

	if (!is_split(m))
		return daxfs_append(cx, &held->file, buf, len, at);
	do {
		UNTIL_THERE(m, cx, r, daxfs_append(cx, &held->file,
						   (const u8 *)buf + done,
						   len - done, &where));
		if (at && !done)
			*at = where;
		done += r > 0 ? (u64)r : 0;
	} while (r > 0 && done < len);
	return done ? (s64)done : r;
}

int daxfs_mount_truncate(struct daxfs_mount *m, struct daxfs_cx *cx,
			 struct daxfs_held *held, u64 size)
{
	int r;

	UNTIL_THERE(m, cx, r, daxfs_truncate(cx, &held->file, size));
	return r;
}

int daxfs_mount_fallocate(struct daxfs_mount *m, struct daxfs_cx *cx,
			  struct daxfs_held *held, u32 mode, u64 off, u64 len)
{
	int r;

	UNTIL_THERE(m, cx, r, daxfs_fallocate(cx, &held->file, mode, off, len));
	return r;
}

s64 daxfs_mount_copy(struct daxfs_mount *m, struct daxfs_cx *cx,
		     struct daxfs_held *from, u64 off, struct daxfs_held *to,
		     u64 to_off, u64 len)
{
	u64 done = 0;
	s64 r;

	if (!is_split(m))
		return daxfs_copy_range(cx, &from->file, off, &to->file, to_off, len);
	do {
		UNTIL_THERE(m, cx, r, daxfs_copy_range(cx, &from->file, off + done,
						       &to->file, to_off + done,
						       len - done));
		done += r > 0 ? (u64)r : 0;
	} while (r > 0 && done < len && done < DAXFS_COPY_MAX);
	return done ? (s64)done : r;
}
