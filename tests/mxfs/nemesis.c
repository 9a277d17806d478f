// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What goes wrong in a simulated cluster.
 *
 * Notes: each history has its own choice of faults (w->faults), and each fault
 * its end: a partition heals, a node wakes up or starts again.
 */
#include "world.h"

static uint32_t any(struct world *w)
{
	return 1 + (uint32_t)rng_below(&w->rng, w->nodes);
}

/* Once, or again and again, so that some handshakes are cut off, too. */
static void drop(struct world *w)
{
	uint32_t a = any(w), b = any(w), times = 1;

	if (rng_chance(&w->rng, 40))
		times = 20;
	for (uint32_t i = 0; i < times; i++)
		sim_at(w, rng_below(&w->rng, times * 50 * MS),
		       (struct sim_event){ .kind = E_DROP, .a = a, .b = b });
}

static void block(struct world *w, uint64_t ways)
{
	ways &= ~w->blocked;
	w->blocked |= ways;
	sim_say(w, "blocked: %llx", (unsigned long long)ways);
	sim_at(w, rng_below(&w->rng, 4 * SECOND),
	       (struct sim_event){ .kind = E_HEAL, .a = ways });
}

static uint64_t way(uint32_t from, uint32_t to)
{
	return 1ull << (from * 8 + to);
}

/* Some on one side, the others on the other; or one alone. */
static void partition(struct world *w)
{
	uint64_t side = rng_below(&w->rng, 1u << w->nodes), ways = 0;

	for (uint32_t a = 1; a <= w->nodes; a++)
		for (uint32_t b = 1; b <= w->nodes; b++)
			if ((side >> (a - 1) & 1) != (side >> (b - 1) & 1))
				ways |= way(a, b);
	block(w, ways);
}

static void one_way(struct world *w)
{
	uint32_t a = any(w), b = any(w);
	uint64_t ways = way(a, b);

	if (rng_chance(&w->rng, 30))
		for (b = 1; b <= w->nodes; b++)
			ways |= way(a, b);
	block(w, ways & ~way(a, a));
}

static void pause_node(struct world *w)
{
	struct node *n = &w->node[any(w)];

	n->paused_until = w->now + rng_below(&w->rng, 4 * SECOND);
	sim_say(w, "node %u sleeps", n->id);
}

static void crash(struct world *w)
{
	struct node *n = &w->node[any(w)];

	if (!n->up)
		return;
	sim_crash(w, n);
	sim_at(w, rng_below(&w->rng, rng_chance(&w->rng, 40) ? 200 * MS :
			    4 * SECOND),
	       (struct sim_event){ .kind = E_START, .node = n->id });
}

static void slow_disk(struct world *w)
{
	struct node *n = &w->node[any(w)];

	n->slow_disk = !n->slow_disk;
}

void sim_nemesis(struct world *w)
{
	static void (*const fault[FAULTS])(struct world *) = {
		drop, partition, one_way, pause_node, crash, slow_disk,
	};
	uint32_t which = (uint32_t)rng_below(&w->rng, FAULTS);

	if (w->draining)
		return;
	if (w->faults >> which & 1)
		fault[which](w);
	sim_at(w, rng_below(&w->rng, 1200 * MS),
	       (struct sim_event){ .kind = E_NEMESIS });
}

/*
 * For ever, so that the two can never be members together. All others, or one of
 * the two with the disk, must go on.
 */
static void cut(struct world *w)
{
	uint32_t a = any(w), b = any(w);

	if (a == b || (w->nodes == 2 && !w->disk))
		return;
	w->cut = 1;
	w->blocked |= way(a, b);
	if (rng_chance(&w->rng, 50))
		w->blocked |= way(b, a);
}

void sim_heal(struct world *w)
{
	w->blocked = 0;
	if (w->faults && rng_chance(&w->rng, 15))
		cut(w);
	for (uint32_t i = 1; i <= w->nodes; i++) {
		struct node *n = &w->node[i];

		n->slow_disk = 0;
		if (n->paused_until > w->now)
			n->paused_until = w->now;
		if (!n->up)
			sim_start(w, n);
	}
}
