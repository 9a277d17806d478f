// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Public API: the content of a file as pointers into the region.
 *
 * Notes: a pin holds the inode as well, so that neither closing the file nor
 * deleting it takes the memory away.
 */
#include <stdlib.h>

#include "api.h"
#include "content.h"

#define RUNS_AT_ONCE	32u
#define SLOTS_MIN	64u	/* of the set of slots */

struct daxfs_pin {
	struct daxfs *fs;
	struct daxfs_pinned pinned;
	pthread_mutex_t lock;	/* of the slots */
	u64 *slot;		/* split mode: of the page cache, pinned: a set,
				 * each plus 1, open addressing */
	u64 slot_nr, slot_room;	/* a power of two */
};

/* ---- slots of the page cache ---- */

static u64 *find_slot(const u64 *set, u64 room, u64 slot)
{
	u64 i = slot * 0x9e3779b97f4a7c15ull >> 20 & (room - 1);

	while (set[i] && set[i] != slot + 1)
		i = (i + 1) & (room - 1);
	return (u64 *)(uintptr_t)&set[i];
}

static int room_for_slot(struct daxfs_pin *pin)
{
	u64 room = pin->slot_room ? 2 * pin->slot_room : SLOTS_MIN, i;
	u64 *set;

	if (pin->slot_room && 2 * (pin->slot_nr + 1) <= pin->slot_room)
		return 0;
	set = calloc(room, sizeof(*set));
	if (!set)
		return -ENOMEM;
	for (i = 0; i < pin->slot_room; i++)
		if (pin->slot[i])
			*find_slot(set, room, pin->slot[i] - 1) = pin->slot[i];
	free(pin->slot);
	pin->slot = set;
	pin->slot_room = room;
	return 0;
}

/* Each slot is pinned once by a pin, however often it is asked for. */
static int keep_page(struct daxfs_pin *pin, struct daxfs_cx *cx, u64 addr, u64 want,
		     u64 *off)
{
	struct daxfs_mount *m = pin->fs->m;
	u64 slot, *place;
	int r;

	pthread_mutex_lock(&pin->lock);
	r = room_for_slot(pin);
	if (!r)
		r = daxfs_mount_pin_page(m, cx, addr, want, &slot, off);
	if (!r) {
		place = find_slot(pin->slot, pin->slot_room, slot);
		if (*place)
			daxfs_mount_unpin_page(m, cx, slot);
		else
			pin->slot_nr++;
		*place = slot + 1;
	}
	pthread_mutex_unlock(&pin->lock);
	return r;
}

static void drop_slots(struct daxfs_pin *pin, struct daxfs_cx *cx)
{
	u64 i;

	for (i = 0; i < pin->slot_room; i++)
		if (pin->slot[i])
			daxfs_mount_unpin_page(pin->fs->m, cx, pin->slot[i] - 1);
}

/* ---- pins ---- */

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
	pthread_mutex_init(&pin->lock, NULL);
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
		drop_slots(pin, cx);
		daxfs_unpin(fs->m, cx, &pin->pinned);
		daxfs_unhold(fs->m, cx, held);
		daxfs_api_count(fs, cx, -1);
		daxfs_cx_put(fs->m, cx);
	} else {
		daxfs_api_count(fs, NULL, -1);
	}
	free(pin->slot);
	free(pin);
}

/* An offset of the core into a pointer; what is not in the region is damage. */
static int to_pointer(const struct daxfs_region *rg, u64 file_off, u64 off, u64 len,
		      struct daxfs_pin_run *to)
{
	to->off = file_off;
	to->len = len;
	to->ptr = off ? daxfs_at(rg, off, len, 1) : NULL;
	return off && !to->ptr ? -EUCLEAN : 0;
}

/*
 * Of a backing file: page by page, as far as they lie one behind the other in the
 * cache, and no farther than the first that cannot be had.
 */
static int away_pointer(struct daxfs_pin *pin, struct daxfs_cx *cx,
			const struct daxfs_run *run, struct daxfs_pin_run *to)
{
	u64 start = 0, done = 0, off;

	while (done < run->len) {
		u64 addr = run->off + done;
		u64 n = DAXFS_PAGE_SIZE - addr % DAXFS_PAGE_SIZE;
		int r = keep_page(pin, cx, addr, run->len - done, &off);

		if (r && !done)
			return r;
		if (r || (done && off != start + done))
			break;
		if (!done)
			start = off;
		done += n < run->len - done ? n : run->len - done;
	}
	return to_pointer(&pin->fs->m->rg, run->file_off, start, done, to);
}

/* One run of the core, or the beginning of one. */
static int one_run(struct daxfs_pin *pin, struct daxfs_cx *cx,
		   const struct daxfs_run *run, struct daxfs_pin_run *to)
{
	if (run->away)
		return away_pointer(pin, cx, run, to);
	return to_pointer(&pin->fs->m->rg, run->file_off, run->off, run->len, to);
}

static int some_runs(struct daxfs_pin *pin, struct daxfs_cx *cx, u64 off, u64 len,
		     struct daxfs_pin_run *run, u32 nr)
{
	struct daxfs_held *held = pin->pinned.held;
	struct daxfs_file *f = &held->file;
	struct daxfs_run found[RUNS_AT_ONCE];
	int n = daxfs_runs(cx, f, off, len, found,
			   nr < RUNS_AT_ONCE ? nr : RUNS_AT_ONCE), i;

	for (i = 0; i < n; i++) {
		int r = one_run(pin, cx, &found[i], &run[i]);

		if (r)
			return i ? i : r;
		if (run[i].len < found[i].len)
			return i + 1;	/* the caller asks for what follows */
	}
	return n;
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
	if (r == -EBUSY && done)
		r = 0;		/* what is pinned fills the cache: that is some */
	return (int)daxfs_api_end(pin->fs, cx, r < 0 ? r : (int)done);
}
