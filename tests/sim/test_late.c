// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A host that is overtaken in the middle of an operation, and dies soon after.
 *
 * Notes: host 0 sleeps after step k of an operation. Host 1 deletes the whole
 * tree meanwhile, to the end. Then 0 goes on for a few steps: it stores into
 * what it found before, which others have dropped, and stops for ever before
 * it can look. Host 2 recovers it and deletes what there is; all that is owned
 * then must be what an empty region owns. test_crash stops a host that nobody
 * has overtaken, test_evict one that was declared dead before.
 */
#include "scenario.h"

#define POINTS		100u	/* of sleep per operation, at least half as many */
#define PAUSE_MAX	20000000ull	/* ns: 1 ms for each word of a record */

struct course {
	const struct scenario *sc;
	u64 k;
	u64 steps;		/* that 0 makes behind k */
	int slept;
	s64 error;		/* of host 1, then of host 2 */
};

static struct world world;
static struct sim_host hosts[2];
static struct log found;

static int said(const struct course *c, const char *what, const char *more)
{
	return FAIL("%s, k %llu, %llu steps more: %s%.300s", c->sc->name,
		    (unsigned long long)c->k, (unsigned long long)c->steps,
		    what, more);
}

static void do_op(void *arg)
{
	struct course *c = arg;

	c->sc->op(&world.cx[0], &world);
}

static void do_overtake(void *arg)
{
	struct course *c = arg;

	c->slept = sim_is_asleep(0);
	if (!c->slept)
		return;
	c->error = world_empty(&world.cx[1]);
	sim_stop_after(&hosts[0], c->k + c->steps);
	sim_wake(0);
}

static s64 part(void)
{
	s64 r = 0;

	if (world.other.ino)
		r = daxfs_close(&world.cx[3], world.other.ino);
	for (u32 i = 1; i < WORLD_HOSTS && !r; i++)
		if (i != 2 && !daxfs_host_check(&world.rg[i]))
			r = daxfs_host_leave(&world.cx[i]);
	return r ? r : daxfs_host_leave(&world.cx[2]);
}

static void do_recover(void *arg)
{
	struct course *c = arg;
	struct daxfs_cx *cx = &world.cx[2];
	struct daxfs_host_info info;
	u32 slot = world.rg[0].host;

	/* Some operations leave by themselves. */
	if (!daxfs_host_info(cx->rg, slot, &info)) {
		c->error = daxfs_host_mark_dead(cx->rg, slot, info.incarnation);
		if (!c->error)
			c->error = daxfs_host_recover(cx, slot);
	}
	if (!c->error)
		c->error = world_check(cx, &found);
	if (!c->error)
		c->error = world_empty(cx);
	if (!c->error)
		c->error = part();
}

/* Both hosts, to the end. 1: the operation was over before step k. */
static int overtake(struct course *c)
{
	struct sim_schedule s = { .policy = SIM_POINTS,
				  .max_steps = WORLD_MAX_STEPS };

	world_reset(&world);
	sim_host_init(&hosts[0], do_op, c);
	sim_host_init(&hosts[1], do_overtake, c);
	sim_sleep_after(&hosts[0], c->k);
	if (sim_run(hosts, 2, &s))
		return said(c, "the run does not end", "");
	if (!c->slept)
		return 1;
	if (c->error)
		return said(c, "host 1: ", strerror((int)-c->error));
	if (hosts[1].paused_ns > PAUSE_MAX)
		return said(c, "host 1 waits too long", "");
	return 0;
}

static int recover(struct course *c)
{
	const char *want = world.when_empty;
	struct sim_host h;

	found.len = 0;
	sim_host_init(&h, do_recover, c);
	if (sim_run_one(&h, WORLD_MAX_STEPS))
		return said(c, "recovery does not end", "");
	if (c->error)
		return said(c, "recovery: ", found.len ? found.text :
			    strerror((int)-c->error));
	found.len = 0;
	world_owned(&world, &found);
	if (found.len != strlen(want) || memcmp(found.text, want, found.len))
		return said(c, "owned when all is deleted: ", found.text);
	return 0;
}

static int one_course(const struct scenario *sc, u64 k, u64 steps)
{
	struct course c = { .sc = sc, .k = k, .steps = steps };
	int r = overtake(&c);

	return r ? r : recover(&c);
}

static int test_scenario(const void *arg)
{
	const struct scenario *sc = arg;
	u64 seed = harness_seed() * 1000003, points = 0, k, stride;
	struct course all = { .sc = sc, .k = SIM_NEVER };
	int r;

	world_make(&world, sc->buckets);
	sc->setup(&world);
	world_freeze(&world);
	r = overtake(&all);
	stride = sim_steps(0) / POINTS / harness_runs(1) + 1;
	for (k = seed % stride; r >= 0; k += stride, points++) {
		r = one_course(sc, k, 1);
		if (!r)
			r = one_course(sc, k, 2 + sim_rand(&seed) % 5);
		if (!r)
			r = one_course(sc, k, 8 + sim_rand(&seed) % 100);
		if (r > 0)
			break;
	}
	world_free(&world);
	harness_covered(points, "points of sleep");
	return r < 0 ? -1 : 0;
}

int main(int argc, char **argv)
{
	struct test test[SCENARIOS_MAX];
	u32 i;

	for (i = 0; i < scenario_nr; i++)
		test[i] = (struct test){ scenarios[i].name, test_scenario,
					 &scenarios[i] };
	return harness_main(argc, argv, test, scenario_nr);
}
