// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A host that stores through a mapping, beside hosts that freeze what it stores to.
 *
 * Notes: host 0 does what a kernel does: it says that it stores, makes a page the
 * branch's own, and stores to that word of memory without asking, until it finds
 * that it is not wanted. Host 1 freezes. One of them sleeps, or stops for ever, after
 * step k. If the freezer was told that it is done, what is frozen is the last value that
 * was stored, and stays so; if not, nothing has changed. Whoever is left goes on.
 */
#include <stdlib.h>

#include "region.h"
#include "scenario.h"
#include "word.h"

#define PAUSE_MAX	120000000ull	/* ns: 100 ms, and what records wait */
#define ROUNDS		12u
#define PATIENCE	4u		/* looks at a request until it is ignored */
#define POINTS		150u		/* of sleep or stop per case, at most */
#define RACES		1500u
#define VALUE		0x0101010101010101ull	/* of the file before */

static struct world world;
static struct sim_host hosts[3];

struct course {
	const struct stores_case *sc;
	u64 k;
	/* host 0 */
	struct daxfs_a64 *at;	/* the page; NULL: it cannot be stored to */
	u64 value;		/* the last that was stored */
	u64 request;		/* that was seen */
	u32 seen;		/* as often */
	int refused;		/* by the layer */
	s64 error;
	const char *what;
	/* who freezes, [1] and [2] */
	s64 got[3];
	u64 child[3];
	int over;
};

struct stores_case {
	const char *name;
	s64 (*freeze)(struct course *c, u32 host);
	u64 (*view)(const struct course *c, u32 host);	/* that shows what is frozen */
	int goes_on;		/* it can be stored to behind it */
};

static int said(const struct course *c, const char *what)
{
	return FAIL("%s, k %lld: %s (error %lld, got %lld, %lld)", c->sc->name,
		    (long long)c->k, what, (long long)c->error, (long long)c->got[1],
		    (long long)c->got[2]);
}

static void wrong(struct course *c, const char *what)
{
	if (!c->what)
		c->what = what;
}

/* ---- host 0 ---- */

static struct daxfs_file file;

/* The page of the file that belongs to the branch, as memory. */
static int find_page(struct course *c)
{
	struct daxfs_cx *cx = &world.cx[0];
	struct daxfs_run run;
	int r = daxfs_fallocate(cx, &file, DAXFS_KEEP_SIZE, 0, DAXFS_PAGE_SIZE);

	if (!r)
		r = daxfs_runs(cx, &file, 0, DAXFS_PAGE_SIZE, &run, 1);
	if (r == 1)
		c->at = daxfs_at(&world.rg[0], run.off, 8, 8);
	return r < 0 ? r : 0;
}

static void end_stores(struct course *c)
{
	c->at = NULL;
	daxfs_stores_end(&world.rg[0]);
}

static void begin_stores(struct course *c)
{
	u64 request = c->seen > PATIENCE ? c->request : 0;
	int r = daxfs_stores_begin(&world.cx[0], &request);

	if (r == 1) {
		end_stores(c);
		c->seen = request && request == c->request ? c->seen + 1 : 0;
		c->request = request;
		port_pause_ns(1000000);
		return;
	}
	c->refused = r == -EROFS || r == -ESTALE;
	if (r && !c->refused)
		c->error = r;
	if (r)
		return;
	r = find_page(c);
	if (r)
		c->error = r;
	if (r)
		wrong(c, "no page, though it may be stored to");
}

static void store_some(struct course *c)
{
	for (u32 i = 0; i < ROUNDS && !c->error; i++) {
		if (!c->at)
			begin_stores(c);
		if (!c->at)
			continue;
		/* A program does so, and asks nobody. */
		a64_store_relaxed(c->at, c->value + 1);
		c->value++;
		if (daxfs_stores_unwanted(&world.rg[0]))
			end_stores(c);
	}
}

static void do_store(void *arg)
{
	struct course *c = arg;

	store_some(c);
	sim_wake(1);
	store_some(c);
}

/* ---- who freezes ---- */

static s64 freeze_commit(struct course *c, u32 host)
{
	(void)c;
	return daxfs_branch_commit(&world.cx[host], world.branch, 0);
}

static s64 freeze_child(struct course *c, u32 host)
{
	return daxfs_branch_create(&world.cx[host], world.branch,
				   host == 1 ? "one" : "two", 0, &c->child[host]);
}

static s64 freeze_point(struct course *c, u32 host)
{
	(void)c;
	return daxfs_branch_checkpoint(&world.cx[host], world.branch,
				       host == 1 ? "one" : "two");
}

static u64 view_main(const struct course *c, u32 host)
{
	(void)c;
	(void)host;
	return 0;
}

static u64 view_child(const struct course *c, u32 host)
{
	return c->child[host];
}

static const struct stores_case cases[] = {
	{ "commit", freeze_commit, view_main, 0 },
	{ "child", freeze_child, view_child, 0 },
	{ "checkpoint", freeze_point, NULL, 1 },
};

/* The value that the file has in what host froze, as reader finds it. */
static s64 frozen_value(struct course *c, u32 host, u32 reader)
{
	struct daxfs_cx *cx = &world.cx[reader];
	u64 was = cx->rg->view.raw, v = 0;
	struct daxfs_file f = { .ino = file.ino };
	s64 r;

	cx->rg->view.raw = c->sc->view(c, host);
	r = daxfs_read(cx, &f, 0, &v, 8);
	cx->rg->view.raw = was;
	return r < 0 ? r : (s64)v;
}

/* Is the last value there? Who stopped with an entry may have been a step further. */
static int is_last(struct course *c, u32 host, u32 reader)
{
	s64 v = frozen_value(c, host, reader);

	return v == (s64)c->value || (c->at && v == (s64)c->value + 1);
}

static void freeze_as(struct course *c, u32 host)
{
	c->got[host] = c->sc->freeze(c, host);
	if (c->got[host] && c->got[host] != -EBUSY && c->got[host] != -ESTALE)
		wrong(c, "freezing failed");
	/* Nobody stores to it any more. */
	if (!c->got[host] && c->sc->view && !is_last(c, host, host))
		wrong(c, "what is frozen is not what was stored last");
	c->over = 1;
}

static void do_freeze(void *arg)
{
	freeze_as(arg, 1);
}

static void do_freeze_too(void *arg)
{
	freeze_as(arg, 2);
}

/* ---- what comes behind it ---- */

static void do_evict(u32 victim, struct course *c)
{
	struct daxfs_host_info info;
	int r = daxfs_host_info(&world.rg[3], world.rg[victim].host, &info);

	if (!r)
		r = daxfs_host_mark_dead(&world.rg[3], info.slot, info.incarnation);
	if (r)
		c->error = r;
}

/* Host 0 is known to be dead: nobody asks it any more. */
static void do_freeze_beside_dead(void *arg)
{
	struct course *c = arg;

	do_evict(0, c);
	c->got[2] = 1;
	freeze_as(c, 2);
	if (c->got[2] && c->got[1])
		wrong(c, "a dead host keeps it from being frozen");
}

/* The freezer stopped: it can be stored to, unless it had frozen it. */
static void do_go_on(void *arg)
{
	struct course *c = arg;
	u64 before = c->value;

	c->refused = 0;
	store_some(c);
	store_some(c);
	if (!c->refused && c->value == before)
		wrong(c, "nothing can be stored any more");
	if (c->refused && c->sc->goes_on)
		wrong(c, "it is refused for ever");
}

static int check_end(struct course *c)
{
	if (c->what)
		return said(c, c->what);
	if (c->error)
		return said(c, "an error");
	for (u32 h = 1; h < 3; h++)
		if (!c->got[h] && c->sc->view && !is_last(c, h, 3))
			return said(c, "what is frozen has changed");
	return 0;
}

static void begin(struct course *c, const struct stores_case *sc, u64 k)
{
	*c = (struct course){ .sc = sc, .k = k, .value = VALUE, .got = { 1, 1, 1 } };
	world_reset(&world);
	a64_store_volatile(&file.inode_off, 0);
	sim_clock_set(1000);
	sim_host_init(&hosts[0], do_store, c);
	sim_host_init(&hosts[1], do_freeze, c);
	sim_host_init(&hosts[2], do_freeze_too, c);
}

static int run_alone(struct course *c, u32 host, void (*fn)(void *))
{
	sim_host_init(&hosts[host], fn, c);
	if (sim_run_one(&hosts[host], WORLD_MAX_STEPS))
		return said(c, "does not end");
	if (hosts[host].paused_ns > PAUSE_MAX)
		return said(c, "waits too long");
	return 0;
}

static const struct sim_schedule in_turn = {
	.policy = SIM_ROUND_ROBIN, .quantum = 7, .max_steps = WORLD_MAX_STEPS,
};

/* Steps of a host beside the other one, for where to stop. */
static u64 steps_of(const struct stores_case *sc, u32 host)
{
	struct course c;

	begin(&c, sc, 0);
	return sim_run(hosts, 2, &in_turn) ? 0 : hosts[host].steps;
}

static int at_points(const struct stores_case *sc, u32 host,
		     int (*one)(struct course *c))
{
	u64 all = steps_of(sc, host), nr = harness_runs(POINTS), i;
	struct course c;

	if (!all)
		return FAIL("%s does not end", sc->name);
	if (nr > all)
		nr = all;
	for (i = 0; i < nr; i++) {
		begin(&c, sc, i * all / nr + 1);
		if (one(&c))
			return -1;
	}
	harness_covered(nr, "points");
	return 0;
}

/* The freezer sleeps on the way; host 0 stores, wakes it, and goes on storing. */
static int sleep_freezer(struct course *c)
{
	sim_sleep_after(&hosts[1], c->k);
	if (sim_run(hosts, 2, &in_turn))
		return said(c, "does not end");
	return check_end(c);
}

static int stop_freezer(struct course *c)
{
	sim_stop_after(&hosts[1], c->k);
	if (sim_run(hosts, 2, &in_turn))
		return said(c, "does not end");
	return run_alone(c, 0, do_go_on) || check_end(c);
}

/* Host 0 stops between any two steps: the freezer has an answer all the same. */
static int stop_storer(struct course *c)
{
	sim_stop_after(&hosts[0], c->k);
	if (sim_run(hosts, 2, &in_turn))
		return said(c, "does not end");
	if (hosts[1].paused_ns > PAUSE_MAX)
		return said(c, "waits too long");
	return run_alone(c, 2, do_freeze_beside_dead) || check_end(c);
}

/* As before, but it wakes up when the freezer has its answer. */
static void do_freeze_and_wake(void *arg)
{
	freeze_as(arg, 1);
	sim_wake(0);
}

static int sleep_storer(struct course *c)
{
	sim_sleep_after(&hosts[0], c->k);
	sim_host_init(&hosts[1], do_freeze_and_wake, c);
	if (sim_run(hosts, 2, &in_turn))
		return said(c, "does not end");
	return check_end(c);
}

static int races(const struct stores_case *sc)
{
	struct sim_schedule s = { .policy = SIM_RANDOM, .quantum = 5,
				  .max_steps = WORLD_MAX_STEPS };
	u64 nr = harness_runs(RACES), i;
	struct course c;

	for (i = 0; i < nr; i++) {
		s.seed = harness_seed() + i;
		s.quantum = 2 + (u32)(i % 30);
		begin(&c, sc, s.seed);
		if (sim_run(hosts, 3, &s))
			return said(&c, "does not end");
		if (check_end(&c))
			return -1;
	}
	harness_covered(nr, "schedules");
	return 0;
}

/* ---- tests ---- */

static int test_case(const void *arg)
{
	const struct stores_case *sc = arg;

	return at_points(sc, 1, sleep_freezer) || at_points(sc, 1, stop_freezer) ||
	       at_points(sc, 0, stop_storer) || at_points(sc, 0, sleep_storer) ||
	       races(sc);
}

int main(int argc, char **argv)
{
	static const struct world_options options = { .buckets = 512, .branching = 1 };
	struct test test[sizeof(cases) / sizeof(cases[0])];
	struct daxfs_stat st;
	int r;

	for (u32 i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		test[i] = (struct test){ cases[i].name, test_case, &cases[i] };
	world_make_as(&world, &options);
	SETUP(w_create(&world.cx[0], "f"));
	SETUP(w_write(&world.cx[0], "f", 0, 4096, 1));
	SETUP(w_lookup(&world.cx[0], "f", &st));
	file.ino = st.ino;
	world_freeze(&world);
	r = harness_main(argc, argv, test, sizeof(cases) / sizeof(cases[0]));
	world_free(&world);
	return r;
}
