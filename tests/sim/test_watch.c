// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Copies of names and rights are good for as long as the counters say so.
 *
 * Notes: host 1 keeps copies, host 0 does one operation. It sleeps after step k,
 * makes j steps between a look of host 1 at the counters and the copy that host 1
 * takes, j more behind that, and then stops; host 2 recovers it. Whenever host 1
 * looks and finds the number of an earlier look, what it copied after that must be
 * what there is now: of each name its inode, mode, owner and group. There are two
 * lists of counters, one from before the operation and one that is always new.
 */
#include "region.h"
#include "scenario.h"

#define POINTS		40u	/* places of k per operation, at least half as many */
#define COPIES		8u
#define LET_TRIES	100000u

struct copy {
	u64 look;		/* before it was made; 0: it is not to be used */
	struct log log;
};

struct course {
	const struct scenario *sc;
	u64 k, j;
	int slept;		/* host 0 did, after k steps */
	int over;		/* its operation has ended */
	s64 error;
	const char *what;	/* went wrong */
	u32 copy_nr;
	u64 used;		/* copies that were found to be good */
};

static struct world world;
static struct sim_host hosts[2];
static struct daxfs_watch old_list, new_list;
static struct copy copies[COPIES];
static struct log now;

static int said(const struct course *c, const char *what, const char *more)
{
	return FAIL("%s, k %llu, j %llu: %s%.300s", c->sc->name,
		    (unsigned long long)c->k, (unsigned long long)c->j, what, more);
}

/* ---- copies ---- */

static u64 look(void)
{
	return daxfs_watch_look(&world.rg[1], &old_list);
}

/* A copy whose look came before. */
static void take(struct course *c, u64 first, struct daxfs_cx *cx)
{
	struct copy *copy = &copies[c->copy_nr];

	if (c->copy_nr == COPIES)
		return;
	copy->look = first;
	copy->log.len = 0;
	if (!c->error)
		c->error = world_rights(cx, &copy->log);
	c->copy_nr++;
}

/* All copies that a look now says to be good are. */
static void compare(struct course *c, struct daxfs_cx *cx)
{
	u64 v = look();
	u32 i;

	now.len = 0;
	if (!c->error)
		c->error = world_rights(cx, &now);
	for (i = 0; i < c->copy_nr && v && !c->what; i++) {
		if (copies[i].look != v)
			continue;
		c->used++;
		if (!log_same(&copies[i].log, &now))
			c->what = "a copy is said to be good, and is not: ";
	}
}

static void list_again(struct course *c)
{
	int r = daxfs_watch_list(&world.rg[1], &new_list, 2);

	if (r && !c->error)
		c->error = r;
}

/* ---- hosts ---- */

static void do_op(void *arg)
{
	struct course *c = arg;

	c->sc->op(&world.cx[0], &world);
	c->over = 1;
}

/* Host 0 makes that many steps more, or ends. */
static void let(struct course *c, u64 *made, u64 steps)
{
	if (c->over || !sim_is_asleep(0))
		return;
	*made += steps;
	sim_sleep_after(&hosts[0], *made);
	sim_wake(0);
	for (u32 i = 0; i < LET_TRIES && !c->over && !sim_is_asleep(0); i++)
		port_pause_ns(100);
}

static void do_keep(void *arg)
{
	struct course *c = arg;
	struct daxfs_cx *cx = &world.cx[1];
	u64 made = c->k, v, w;

	c->slept = sim_is_asleep(0);
	if (!c->slept)
		return;
	compare(c, cx);
	take(c, look(), cx);
	list_again(c);
	v = look();
	w = daxfs_watch_look(&world.rg[1], &new_list);
	let(c, &made, c->j);
	take(c, v, cx);
	compare(c, cx);
	let(c, &made, c->j);
	compare(c, cx);
	/* The new list, too: no change since, if it says the same. */
	if (w && w == daxfs_watch_look(&world.rg[1], &new_list) && !c->what &&
	    !log_same(&copies[c->copy_nr - 1].log, &now))
		c->what = "a new list says that nothing has changed: ";
	take(c, look(), cx);
}

static void do_recover(void *arg)
{
	struct course *c = arg;
	struct daxfs_host_info info;
	u32 slot = world.rg[0].host;

	if (!daxfs_host_info(&world.rg[2], slot, &info)) {
		c->error = daxfs_host_mark_dead(&world.rg[2], slot,
						info.incarnation);
		if (!c->error)
			c->error = daxfs_host_recover(&world.cx[2], slot);
	}
	compare(c, &world.cx[1]);
	/* With nobody at work copies can be used, but for new hosts. */
	if (!c->what && !look() && !daxfs_watch_is_old(&world.rg[1], &old_list))
		c->what = "nobody changes anything, and no copy may be used";
}

/* ---- courses ---- */

static int verdict(struct course *c)
{
	if (c->error)
		return said(c, "", strerror((int)-c->error));
	if (c->what)
		return said(c, c->what, log_diff(&now, &copies[0].log));
	return 0;
}

/* 1: the operation was over before step k. */
static int run(struct course *c)
{
	struct sim_schedule s = { .policy = SIM_POINTS,
				  .max_steps = WORLD_MAX_STEPS };
	struct sim_host h;
	int r;

	world_reset(&world);
	if (daxfs_watch_list(&world.rg[1], &old_list, 1))
		return said(c, "no list", "");
	take(c, look(), &world.cx[1]);
	if (!copies[0].look)
		return said(c, "nobody is at work, and no copy may be used", "");
	sim_host_init(&hosts[0], do_op, c);
	sim_host_init(&hosts[1], do_keep, c);
	sim_sleep_after(&hosts[0], c->k);
	if (sim_run(hosts, 2, &s))
		return said(c, "the run does not end", "");
	r = verdict(c);
	if (r || !c->slept)
		return r ? r : 1;
	sim_host_init(&h, do_recover, c);
	if (sim_run_one(&h, WORLD_MAX_STEPS))
		return said(c, "recovery does not end", "");
	return verdict(c);
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
	r = run(&all);
	stride = sim_steps(0) / POINTS / harness_runs(1) + 1;
	for (k = seed % stride; r >= 0; k += stride, points++) {
		struct course c = { .sc = sc, .k = k, .j = 1 + sim_rand(&seed) % 40 };

		r = run(&c);
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
