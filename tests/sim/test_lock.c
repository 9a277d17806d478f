// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Locks between hosts: never two that exclude each other, and none for ever.
 *
 * Notes: hosts add to a number in a file, each under an exclusive lock, by a
 * read and a write that nothing else makes one step; the number is the sum in the
 * end, also on a memory whose loads may be old. In other runs host 0 stops
 * anywhere: those who find its lock in their way declare it dead, and go on at
 * once, before anybody recovers it. Then all is deleted, and the accounting has
 * to be that of an empty region.
 */
#include <stdlib.h>

#include "scenario.h"

#define HOSTS	3u
#define ROUNDS	3u		/* of each host */
#define TRIES	5000u		/* of a lock, each with a pause */

struct player {
	u32 host;
	u64 done;		/* rounds */
	s64 error;
	int inside;		/* it believes that it has the lock */
};

static struct world world;
static struct player player[HOSTS];
static struct sim_host host[HOSTS];
static u32 overlaps, dead;
static int split;		/* locks of parts, which join */

static void declare_dead(struct daxfs_cx *cx, u32 who)
{
	if (host[who].end != SIM_STOPPED)
		return;
	player[who].inside = 0;
	dead = 1;
	daxfs_host_mark_dead(cx->rg, world.rg[who].host,
			     world.rg[who].incarnation);
}

static u32 player_of(u32 slot)
{
	u32 i;

	for (i = 0; i < HOSTS - 1; i++)
		if (world.rg[i].host == slot)
			break;
	return i;
}

/* Take [start, end], waiting for others. */
static int take(struct daxfs_cx *cx, struct daxfs_file *f, u64 start, u64 end)
{
	struct daxfs_lock want = { .type = DAXFS_LOCK_EX, .kind = DAXFS_RANGE,
				   .owner = 1, .start = start, .end = end };
	struct daxfs_lock found;
	int r = -EAGAIN;
	u32 i;

	for (i = 0; i < TRIES && r == -EAGAIN; i++) {
		r = daxfs_lock(cx, f, &want, &found);
		if (r != -EAGAIN)
			break;
		declare_dead(cx, player_of(found.host));
		port_pause_ns(1000);
	}
	return r;
}

/* Both halves in the same order, or the whole. */
static int take_all(struct daxfs_cx *cx, struct daxfs_file *f)
{
	int r = take(cx, f, 0, split ? 49 : 99);

	return r || !split ? r : take(cx, f, 50, 99);
}

static void enter(struct player *p)
{
	u32 i, nr = 0;

	p->inside = 1;
	for (i = 0; i < HOSTS; i++)
		nr += player[i].inside;
	overlaps += nr > 1;
}

static s64 one_round(struct daxfs_cx *cx, struct player *p, struct daxfs_file *f)
{
	u64 number = 0;
	s64 r = take_all(cx, f);

	if (r)
		return r;
	enter(p);
	r = daxfs_read(cx, f, 0, &number, sizeof(number));
	number++;
	if (r >= 0)
		r = daxfs_write(cx, f, 0, &number, sizeof(number));
	p->inside = 0;
	if (r >= 0)
		p->done++;
	if (r >= 0 && split)
		r = w_lock(cx, f, DAXFS_UNLOCK, 20, 79);
	return r < 0 ? r : w_lock(cx, f, DAXFS_UNLOCK, 0, DAXFS_LOCK_END);
}

static void play(void *arg)
{
	struct player *p = arg;
	struct daxfs_cx *cx = &world.cx[p->host];
	struct daxfs_file f;
	u32 i;

	sim_listen();
	p->error = w_open(cx, "f", &f);
	for (i = 0; i < ROUNDS && !p->error; i++)
		p->error = one_round(cx, p, &f);
	if (!p->error)
		p->error = daxfs_close(cx, f.ino);
}

static u64 number_now(void)
{
	struct daxfs_file f;
	u64 number = 0;

	SETUP(w_open(&world.cx[3], "f", &f));
	SETUP(daxfs_read(&world.cx[3], &f, 0, &number, sizeof(number)));
	SETUP(daxfs_close(&world.cx[3], f.ino));
	return number;
}

static int account(u64 seed)
{
	struct daxfs_cx *cx = &world.cx[3];
	struct log log = { 0 };
	u32 i;

	if (dead || host[0].end == SIM_STOPPED) {
		daxfs_host_mark_dead(cx->rg, world.rg[0].host,
				     world.rg[0].incarnation);
		SETUP(daxfs_host_recover(cx, world.rg[0].host));
	}
	if (world_account(cx))
		return FAIL("seed %llu: accounting", (unsigned long long)seed);
	SETUP(world_empty(cx));
	for (i = 0; i < WORLD_HOSTS; i++)
		if (!daxfs_host_check(&world.rg[i]))
			SETUP(daxfs_host_leave(&world.cx[i]));
	world_owned(&world, &log);
	if (strcmp(log.text, world.when_empty))
		return FAIL("seed %llu: owned when all is deleted: %s",
			    (unsigned long long)seed, log.text);
	return 0;
}

static int judge(u64 seed)
{
	u64 done = 0, number = number_now();
	int stopped = host[0].end == SIM_STOPPED;
	u32 i;

	for (i = 0; i < HOSTS; i++) {
		done += player[i].done;
		if (player[i].error && !(stopped && !i))
			return FAIL("seed %llu: host %u: %s",
				    (unsigned long long)seed, i,
				    strerror((int)-player[i].error));
	}
	if (overlaps)
		return FAIL("seed %llu: two had the lock at once",
			    (unsigned long long)seed);
	/* Who stopped may have added one more than it said. */
	if (number < done || number > done + (u64)stopped)
		return FAIL("seed %llu: %llu rounds, but the number is %llu",
			    (unsigned long long)seed, (unsigned long long)done,
			    (unsigned long long)number);
	return account(seed);
}

static int one_run(u64 seed, int stops, u32 stale)
{
	u64 rng = seed * 2654435761u + 1;
	struct sim_schedule s = {
		.policy = SIM_RANDOM, .seed = seed, .stale = stale,
		.quantum = 1u << sim_rand(&rng) % 6,
		.max_steps = 4 * WORLD_MAX_STEPS,
	};
	u32 i;

	world_reset(&world);
	overlaps = dead = 0;
	split = (int)(sim_rand(&rng) & 1);
	for (i = 0; i < HOSTS; i++) {
		player[i] = (struct player){ .host = i };
		sim_host_init(&host[i], play, &player[i]);
	}
	if (stops)
		sim_stop_after(&host[0], sim_rand(&rng) % 700);
	if (sim_run(host, HOSTS, &s))
		return FAIL("seed %llu: does not end", (unsigned long long)seed);
	return judge(seed);
}

struct kind {
	int stops;
	u32 stale;
	u64 runs;
};

static void setup(void)
{
	world_make(&world, 512);
	SETUP(w_create(&world.cx[0], "f"));
	SETUP(w_write(&world.cx[1], "f", 0, 4096, 0));
	world_freeze(&world);
}

static int test_runs(const void *arg)
{
	const struct kind *k = arg;
	u64 runs = harness_runs(k->runs), i;
	u64 old_loads = 0;
	int r = 0;

	setup();
	for (i = 0; i < runs && !r; i++) {
		r = one_run(harness_seed() + i, k->stops,
			    k->stale * (u32)(1 + i % 3));
		old_loads += sim_old_loads();
	}
	world_free(&world);
	harness_covered(runs, "runs");
	if (k->stale)
		harness_covered(old_loads, "old loads");
	return r;
}

/* ---- a slot that is used again ---- */

static void lock_and_stop(void *arg)
{
	struct daxfs_file f;

	(void)arg;
	SETUP(w_open(&world.cx[0], "f", &f));
	SETUP(w_lock(&world.cx[0], &f, DAXFS_LOCK_EX, 0, 9));
}

/* Locks of the host before are not those of the next, nor in anybody's way. */
static int test_reused(const void *arg)
{
	struct daxfs_host_id id = { .kind = DAXFS_HOST_TOOL, .pid = 200 };
	struct daxfs_cx *cx = &world.cx[0], *other = &world.cx[1];
	struct daxfs_lock want = { .type = DAXFS_LOCK_EX, .kind = DAXFS_RANGE,
				   .owner = 1, .start = 0, .end = 9 }, found;
	struct daxfs_file f, g;
	u32 slot;

	setup();
	slot = world.rg[0].host;
	lock_and_stop(NULL);
	SETUP(daxfs_host_mark_dead(&world.rg[1], slot, world.rg[0].incarnation));
	world.rg[0].joined = 0;
	SETUP(daxfs_host_take_over(&world.rg[0], cx, &id, slot));
	SETUP(w_open(cx, "f", &f));
	SETUP(w_open(other, "f", &g));
	if (daxfs_lock_test(other, &g, &want, &found) || found.type)
		return FAIL("a dead host's lock is in the way");
	if (daxfs_lock_test(cx, &f, &want, &found) || found.type || found.mine)
		return FAIL("a dead host's lock is that of the next in its slot");
	SETUP(daxfs_lock(other, &g, &want, &found));
	if (daxfs_lock(cx, &f, &want, &found) != -EAGAIN || found.mine ||
	    found.host != world.rg[1].host)
		return FAIL("two have the lock");
	want.type = DAXFS_UNLOCK;
	SETUP(daxfs_lock(other, &g, &want, &found));
	SETUP(daxfs_close(other, g.ino));
	SETUP(daxfs_close(cx, f.ino));
	dead = 0;
	host[0].end = SIM_DONE;
	(void)arg;
	if (account(0))
		return -1;
	world_free(&world);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct kind all = { 0, 0, 600 }, stopped = { 1, 0, 600 },
				 weak = { 0, 32, 300 };
	static const struct test tests[] = {
		{ "three hosts, one lock", test_runs, &all },
		{ "one of them stops anywhere", test_runs, &stopped },
		{ "loads that may be old", test_runs, &weak },
		{ "a slot that is used again", test_reused, NULL },
	};

	return harness_main(argc, argv, tests, 4);
}
