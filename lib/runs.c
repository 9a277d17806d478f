// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Public API: the content of a file as pointers into the region.
 *
 * Notes: a pin holds the inode as well, so that neither closing the file nor
 * deleting it takes the memory away.
 */
#include <stdlib.h>

#include "api.h"

#define RUNS_AT_ONCE	32u

struct daxfs_pin {
	struct daxfs *fs;
	struct daxfs_pinned pinned;
};

static int pin_held(struct daxfs *fs, struct daxfs_cx *cx, u64 ino,
		    struct daxfs_pinned *p)
{
	struct daxfs_held *held;
	int r = daxfs_hold(fs->m, cx, ino, &held);

	if (r)
		return r;
	r = daxfs_pin(fs->m, cx, held, p);
	if (r)
		daxfs_unhold(fs->m, cx, held);
	return r;
}

int daxfs_pin_begin(struct daxfs_fd *fd, struct daxfs_pin **pinp)
{
	struct daxfs_pin *pin;
	struct daxfs_cx *cx;
	int r;

	*pinp = NULL;
	if ((fd->flags & O_ACCMODE) == O_WRONLY)
		return -EBADF;
	if (S_ISDIR(fd->mode))
		return -EISDIR;
	pin = calloc(1, sizeof(*pin));
	if (!pin)
		return -ENOMEM;
	pin->fs = fd->fs;
	r = daxfs_api_begin(fd->fs, &cx);
	if (!r) {
		r = pin_held(fd->fs, cx, fd->held->file.ino, &pin->pinned);
		daxfs_api_count(fd->fs, cx, !r);
		daxfs_cx_put(fd->fs->m, cx);
	}
	if (r) {
		free(pin);
		return r;
	}
	*pinp = pin;
	return 0;
}

void daxfs_pin_end(struct daxfs_pin *pin)
{
	struct daxfs *fs;
	struct daxfs_cx *cx;

	if (!pin)
		return;
	fs = pin->fs;
	if (!fs->m->forked) {	/* else the pin is the parent's */
		struct daxfs_held *held = pin->pinned.held;

		cx = daxfs_cx_get(fs->m);
		daxfs_unpin(fs->m, cx, &pin->pinned);
		daxfs_unhold(fs->m, cx, held);
		daxfs_api_count(fs, cx, -1);
		daxfs_cx_put(fs->m, cx);
	} else {
		daxfs_api_count(fs, NULL, -1);
	}
	free(pin);
}

/* Offsets of the core into pointers; what is not in the region is damage. */
static int to_pointers(const struct daxfs_region *rg, const struct daxfs_run *from,
		       struct daxfs_pin_run *to, int nr)
{
	int i;

	for (i = 0; i < nr; i++) {
		to[i].off = from[i].file_off;
		to[i].len = from[i].len;
		to[i].ptr = NULL;
		if (!from[i].off)
			continue;
		to[i].ptr = daxfs_at(rg, from[i].off, from[i].len, 1);
		if (!to[i].ptr)
			return -EUCLEAN;
	}
	return nr;
}

static int some_runs(struct daxfs_pin *pin, struct daxfs_cx *cx, u64 off, u64 len,
		     struct daxfs_pin_run *run, u32 nr)
{
	struct daxfs_held *held = pin->pinned.held;
	struct daxfs_file *f = &held->file;
	struct daxfs_run found[RUNS_AT_ONCE];
	int n = daxfs_runs(cx, f, off, len, found,
			   nr < RUNS_AT_ONCE ? nr : RUNS_AT_ONCE);

	return n <= 0 ? n : to_pointers(&pin->fs->m->rg, found, run, n);
}

int daxfs_pin_runs(struct daxfs_pin *pin, uint64_t off, uint64_t len,
		   struct daxfs_pin_run *run, unsigned int nr)
{
	u64 end = len > UINT64_MAX - off ? UINT64_MAX : off + len;
	struct daxfs_cx *cx;
	u32 done = 0;
	int r;

	if (nr > INT32_MAX)
		nr = INT32_MAX;
	r = daxfs_api_begin(pin->fs, &cx);
	if (r)
		return r;
	while (done < nr && off < end) {
		r = some_runs(pin, cx, off, end - off, run + done, nr - done);
		if (r <= 0)
			break;
		done += (u32)r;
		off = run[done - 1].off + run[done - 1].len;
	}
	return (int)daxfs_api_end(pin->fs, cx, r < 0 ? r : (int)done);
}
