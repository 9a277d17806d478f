// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Which bytes of a device are taken: a sorted array of runs.
 *
 * Notes: runs that touch become one, so that a device that is filled from its
 * beginning has one run however many files there are.
 */
#include <stdlib.h>

#include "famfs.h"

void famfs_space_fini(struct famfs_space *s)
{
	free(s->run);
	*s = (struct famfs_space){ .run = NULL };
}

/* The first run that ends behind off. */
static size_t run_behind(const struct famfs_space *s, u64 off)
{
	size_t low = 0, high = s->nr;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (s->run[mid].end > off)
			high = mid;
		else
			low = mid + 1;
	}
	return low;
}

static int insert(struct famfs_space *s, size_t at, u64 off, u64 end)
{
	if (s->nr == s->room) {
		size_t room = s->room ? 2 * s->room : 64;
		struct famfs_run *run = realloc(s->run, room * sizeof(*run));

		if (!run)
			return -ENOMEM;
		s->run = run;
		s->room = room;
	}
	memmove(&s->run[at + 1], &s->run[at], (s->nr - at) * sizeof(*s->run));
	s->run[at] = (struct famfs_run){ off, end };
	s->nr++;
	return 0;
}

static void delete(struct famfs_space *s, size_t at)
{
	s->nr--;
	memmove(&s->run[at], &s->run[at + 1], (s->nr - at) * sizeof(*s->run));
}

int famfs_space_take(struct famfs_space *s, u64 off, u64 len)
{
	size_t i = run_behind(s, off);
	u64 end = off + len;
	int left, right;

	if (i < s->nr && s->run[i].off < end)
		return -EEXIST;
	left = i && s->run[i - 1].end == off;
	right = i < s->nr && s->run[i].off == end;
	if (left && right) {
		s->run[i - 1].end = s->run[i].end;
		delete(s, i);
	} else if (left) {
		s->run[i - 1].end = end;
	} else if (right) {
		s->run[i].off = off;
	} else {
		return insert(s, i, off, end);
	}
	return 0;
}

void famfs_space_put(struct famfs_space *s, u64 off, u64 len)
{
	size_t i = run_behind(s, off);
	u64 end = off + len;
	struct famfs_run *run = &s->run[i];

	if (run->off == off && run->end == end) {
		delete(s, i);
	} else if (run->off == off) {
		run->off = end;
	} else if (run->end == end) {
		run->end = off;
	} else {
		u64 last = run->end;

		run->end = off;
		/* Without memory the rest stays taken: nothing breaks. */
		if (insert(s, i + 1, end, last))
			run->end = last;
	}
}

static u64 gap_end(const struct famfs_space *s, size_t i, u64 end)
{
	return i < s->nr && s->run[i].off < end ? s->run[i].off : end;
}

u64 famfs_space_find(const struct famfs_space *s, u64 from, u64 end, u64 len)
{
	size_t i = run_behind(s, from);

	while (from < end) {
		u64 to = gap_end(s, i, end);

		if (to > from && to - from >= len)
			return from;
		if (i >= s->nr)
			break;
		if (s->run[i].end > from)
			from = s->run[i].end;
		i++;
	}
	return 0;
}

u64 famfs_space_longest(const struct famfs_space *s, u64 from, u64 end, u64 *off)
{
	size_t i = run_behind(s, from);
	u64 best = 0;

	while (from < end) {
		u64 to = gap_end(s, i, end);

		if (to > from && to - from > best) {
			best = to - from;
			*off = from;
		}
		if (i >= s->nr)
			break;
		if (s->run[i].end > from)
			from = s->run[i].end;
		i++;
	}
	return best;
}

u64 famfs_space_used(const struct famfs_space *s)
{
	u64 sum = 0;
	size_t i;

	for (i = 0; i < s->nr; i++)
		sum += s->run[i].end - s->run[i].off;
	return sum;
}
