// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The simulator's cache: what is in memory, and what a power cut leaves of it.
 *
 * Notes: memory itself always holds the newest content. Per line of 64 bytes
 * the earlier contents since the last one that is surely on the medium are
 * kept, numbered; a cut may put any of them back, since a line may have been
 * evicted at any time and stores to one line reach the medium in their order.
 * A write-back notes the number that the line has, the host's next drain makes
 * that number the surely safe one. Of more than VERSIONS contents those in the
 * middle are forgotten: the oldest and the newest can always be left.
 */
#include <stdio.h>
#include <stdlib.h>

#include "sim.h"

#define LINE		64u
#define VERSIONS	16u

struct version {
	u64 nr;
	u8 bytes[LINE];
};

struct line {
	struct line *next;		/* all that exist */
	u64 at;				/* line of the range */
	u64 now;			/* number of what memory holds */
	u32 nr;				/* older contents kept; the first is safe */
	struct version old[VERSIONS];
};

struct begun {			/* a write-back that is not complete */
	u64 at, nr;
};

struct begun_list {
	struct begun *b;
	u32 nr, room;
};

int sim_power_on;

static struct {
	u8 *base;
	u64 lines;
	struct line **line;	/* NULL: as on the medium since the beginning */
	u64 room;		/* of line[] */
	struct line *all, *spare;
	struct begun_list begun[SIM_HOSTS + 1];	/* the last: outside a run */
	int level[SIM_HOSTS + 1];
} power;

static void *checked(void *p)
{
	if (!p) {
		fputs("power.c: no memory\n", stderr);
		exit(1);
	}
	return p;
}

/* Hosts of a new run: nobody completes what those before had begun. */
void sim_power_run(void)
{
	u32 i;

	for (i = 0; i <= SIM_HOSTS; i++) {
		power.begun[i].nr = 0;
		power.level[i] = 0;
	}
}

static void forget_all(void)
{
	struct line *l;

	while ((l = power.all)) {
		power.all = l->next;
		power.line[l->at] = NULL;
		l->next = power.spare;
		power.spare = l;
	}
	sim_power_run();
}

void sim_power_watch(void *base, u64 len)
{
	forget_all();
	power.base = base;
	power.lines = len / LINE;
	if (power.room < power.lines) {
		free(power.line);
		power.line = checked(calloc(power.lines, sizeof(*power.line)));
		power.room = power.lines;
	}
	sim_power_on = len != 0;
}

static u8 *bytes_of(u64 at)
{
	return power.base + at * LINE;
}

static struct line *line_new(u64 at)
{
	struct line *l = power.spare;

	if (l)
		power.spare = l->next;
	else
		l = checked(malloc(sizeof(*l)));
	l->next = power.all;
	l->at = at;
	l->now = 0;
	l->nr = 0;
	power.all = l;
	power.line[at] = l;
	return l;
}

/* The first and last line of a range, as far as it is watched. 0: none. */
static int lines_of(const void *p, size_t len, u64 *first, u64 *last)
{
	u64 off = (u64)((const u8 *)p - power.base);

	if (!len || (const u8 *)p < power.base || off / LINE >= power.lines)
		return 0;
	*first = off / LINE;
	*last = (off + len - 1) / LINE;
	if (*last >= power.lines)
		*last = power.lines - 1;
	return 1;
}

static void keep_content(u64 at)
{
	struct line *l = power.line[at] ? power.line[at] : line_new(at);

	if (l->nr == VERSIONS) {
		memmove(&l->old[1], &l->old[2],
			(VERSIONS - 2) * sizeof(l->old[0]));
		l->nr--;
	}
	l->old[l->nr].nr = l->now++;
	memcpy(l->old[l->nr++].bytes, bytes_of(at), LINE);
}

void sim_power_store(const void *p, size_t len)
{
	u64 at, last;

	if (!lines_of(p, len, &at, &last))
		return;
	for (; at <= last; at++)
		keep_content(at);
}

static void note_begun(u64 at, u64 nr)
{
	struct begun_list *list = &power.begun[sim_self()];

	if (list->nr == list->room) {
		list->room = list->room ? list->room * 2 : 256;
		list->b = checked(realloc(list->b,
					  list->room * sizeof(*list->b)));
	}
	list->b[list->nr++] = (struct begun){ at, nr };
}

void port_write_back(const void *p, size_t len)
{
	u64 at, last;

	sim_step();
	if (!sim_power_on || !lines_of(p, len, &at, &last))
		return;
	for (; at <= last; at++)
		if (power.line[at] && power.line[at]->nr)
			note_begun(at, power.line[at]->now);
}

/* Content number nr of that line is on the medium: older ones cannot be left. */
static void line_is_safe(struct line *l, u64 nr)
{
	u32 gone = 0;

	while (gone < l->nr && l->old[gone].nr < nr)
		gone++;
	l->nr -= gone;
	memmove(&l->old[0], &l->old[gone], l->nr * sizeof(l->old[0]));
}

void port_drain(void)
{
	struct begun_list *list = &power.begun[sim_self()];
	u32 i;

	sim_step();
	for (i = 0; i < list->nr; i++)
		if (power.line[list->b[i].at])
			line_is_safe(power.line[list->b[i].at], list->b[i].nr);
	list->nr = 0;
}

/* The weaker machine: an RMW completes nothing by itself. */
void port_drain_for_rmw(void)
{
	port_drain();
}

int *port_begun(void)
{
	return &power.level[sim_self()];
}

u32 sim_power_lines(void)
{
	struct line *l;
	u32 nr = 0;

	for (l = power.all; l; l = l->next)
		nr += l->nr != 0;
	return nr;
}

/* Which content of the i-th uncertain line a cut leaves; nr: the newest. */
static u32 choice(enum sim_cut how, u64 *seed, u32 i, u32 nr)
{
	switch (how) {
	case SIM_CUT_NEWEST:
		return nr;
	case SIM_CUT_RANDOM:
		return (u32)(sim_rand(seed) % (nr + 1));
	case SIM_CUT_ONE_NEW:
		return i == (u32)*seed ? nr : 0;
	case SIM_CUT_ONE_OLD:
		return i != (u32)*seed || *seed >> 32 > nr ? nr :
		       (u32)(*seed >> 32);
	default:
		return 0;
	}
}

/* What a cut leaves of a line that is the i-th uncertain one, or certain. */
static const u8 *left_of(const struct line *l, enum sim_cut how, u64 *seed,
			 u32 *i)
{
	u32 n = l->nr;

	if (n)
		n = choice(how, seed, (*i)++, n);
	return n < l->nr ? l->old[n].bytes : bytes_of(l->at);
}

static u64 line_hash(u64 at, const u8 *bytes)
{
	u64 h = (at + 1) * 0x9e3779b97f4a7c15ull, w;
	u32 i;

	for (i = 0; i < LINE; i += 8) {
		memcpy(&w, bytes + i, 8);
		h = (h ^ w) * 0xbf58476d1ce4e5b9ull;
		h ^= h >> 29;
	}
	return h;
}

u64 sim_power_look(enum sim_cut how, u64 seed)
{
	struct line *l;
	u64 sum = 0;
	u32 i = 0;

	for (l = power.all; l; l = l->next)
		sum += line_hash(l->at, left_of(l, how, &seed, &i));
	return sum;
}

void sim_power_cut(enum sim_cut how, u64 seed)
{
	struct line *l;
	u32 i = 0;

	for (l = power.all; l; l = l->next) {
		const u8 *bytes = left_of(l, how, &seed, &i);

		if (bytes != bytes_of(l->at))
			memcpy(bytes_of(l->at), bytes, LINE);
	}
	forget_all();
	sim_power_on = 0;
}
