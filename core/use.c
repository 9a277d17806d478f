// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What the use of a file does to its attributes: access time and set-id bits.
 *
 * Notes: the caller decides when: the core knows neither who reads nor who may
 * keep set-id bits. A read stores nothing unless the access time is due, so that
 * many readers of one file share its lines. What is in the base image alone has
 * no time of its own and gets none: reading an image must not fill the pool.
 *
 * operation | linearization   | progress  | if the caller stops there
 * accessed  | CAS of atime_ns | wait-free | the time is old or new
 * drop ids  | CAS of attr_off | lock-free | as setattr: bits are there or gone
 * stored    | CAS of change   | lock-free | who maps the file stores on anyway
 *
 * ABA: a time that was set to what it had been before loses to the access, as if
 * that had come a moment later.
 */
#include "data.h"
#include "pool.h"
#include "record.h"
#include "region.h"

#define DAY_NS	(24 * 3600 * 1000000000ll)

/* Does it tell something new? As the kernel's relatime has it. */
static int is_due(s64 atime, s64 mtime, s64 ctime, s64 now)
{
	/* Of hostile times the difference need not fit. */
	return atime <= mtime || atime <= ctime ||
	       (now > atime && (u64)now - (u64)atime >= DAY_NS);
}

struct accessed_arg {
	struct daxfs_file *f;
	int always;
};

static int accessed_fn(struct daxfs_cx *cx, void *p)
{
	struct accessed_arg *a = p;
	u64 now = port_now_ns(), old;
	struct daxfs_iref ref;
	int r = daxfs_file_ref(cx, a->f, &ref);

	/* A read must change nothing where layers freeze. */
	if (r || !ref.in || !cx->view.flat)
		return r;
	old = a64_load_relaxed(&ref.in->atime_ns);
	if (old == now || (!a->always &&
	    !is_due((s64)old, (s64)a64_load_relaxed(&ref.in->mtime_ns),
		    (s64)a64_load_relaxed(&ref.in->ctime_ns), (s64)now)))
		return 0;
	r = daxfs_still_host(cx);
	if (!r)		/* who set it meanwhile knows better */
		a64_cas(&ref.in->atime_ns, old, now);
	return r;
}

int daxfs_accessed(struct daxfs_cx *cx, struct daxfs_file *f, int always)
{
	struct accessed_arg a = { f, always };

	return cx->sh ? daxfs_section(cx, accessed_fn, &a) : 0;
}

u32 daxfs_without_ids(u32 mode)
{
	if (S_ISDIR(mode))
		return mode;
	if (mode & S_IXGRP)
		mode &= ~(u32)S_ISGID;
	return mode & ~(u32)S_ISUID;
}

static int drop_ids_fn(struct daxfs_cx *cx, void *p)
{
	static const struct daxfs_setattr drop = { .set = DAXFS_SET_DROP_IDS };
	struct daxfs_iref ref;
	u32 mode = 0;
	int r = daxfs_file_ref(cx, p, &ref);

	if (!r)
		r = daxfs_ref_mode(cx, &ref, &mode);
	if (r || daxfs_without_ids(mode) == mode)
		return r;
	r = daxfs_copy_up(cx, &ref);
	if (!r)
		r = daxfs_attr_set(cx, &ref, &drop);
	if (!r)
		daxfs_touch(cx, ref.in, DAXFS_TOUCH_CTIME);
	return r;
}

int daxfs_drop_ids(struct daxfs_cx *cx, struct daxfs_file *f)
{
	return cx->sh ? daxfs_section(cx, drop_ids_fn, f) : -EROFS;
}

struct stored_arg {
	struct daxfs_file *f;
	int touch;
	u64 before;
};

static int stored_fn(struct daxfs_cx *cx, void *p)
{
	struct stored_arg *a = p;
	struct daxfs_iref ref;
	int r = daxfs_file_ref(cx, a->f, &ref);

	if (r || !ref.in)	/* nobody stores to the base image */
		return r;
	if (!cx->view.flat && a->touch) {
		r = daxfs_copy_up(cx, &ref);
		if (!r)
			r = daxfs_times_record(cx, ref.in, DAXFS_TCH_MTIME |
					       DAXFS_TCH_CTIME);
		if (r)
			return r;
	}
	a->before = a64_load_relaxed(&ref.in->change);
	daxfs_touch(cx, ref.in, a->touch ? DAXFS_TOUCH_MTIME | DAXFS_TOUCH_CONTENT :
		    DAXFS_TOUCH_COUNTER);
	return 0;
}

int daxfs_stored(struct daxfs_cx *cx, struct daxfs_file *f, int touch, u64 *before)
{
	struct stored_arg a = { f, touch, 0 };
	int r = cx->sh ? daxfs_section(cx, stored_fn, &a) : -EROFS;

	if (before)
		*before = a.before;
	return r;
}
