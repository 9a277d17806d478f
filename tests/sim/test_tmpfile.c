// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A file without a name: its first link against its last close, step by step.
 *
 * Notes: host 0 closes the file, stands still after step k while host 1 makes m
 * steps of a link, and goes on: it ends the close and takes the name that the
 * link wants. So the link may have claimed the count just when the close wants
 * to drop the file, and come to nothing afterwards. For all k and m: the file
 * has the name or is gone, and the accounting is exact. Host 0 does not wait for
 * host 1 (stall), which would then get through. Random schedules come
 * to such pairs of steps too seldom.
 */
#include <stdlib.h>

#include "world.h"

static struct world world;
static u64 dir;

struct call {
	s64 (*fn)(struct daxfs_cx *cx);
	struct daxfs_cx *cx;
	s64 result;
};

static void do_call(void *arg)
{
	struct call *c = arg;

	c->result = c->fn(c->cx);
}

static s64 call_link(struct daxfs_cx *cx)
{
	return daxfs_link(cx, world.held.ino, dir, "name", 4, NULL);
}

static s64 call_close(struct daxfs_cx *cx)
{
	s64 r = daxfs_close(cx, world.held.ino);

	return r ? r : w_create(cx, "d/name");
}

static s64 call_close_alone(struct daxfs_cx *cx)
{
	return daxfs_close(cx, world.held.ino);
}

static void setup(void)
{
	struct daxfs_new what = { .mode = S_IFREG | 0600 };
	struct daxfs_stat st;

	world_make(&world, 512);
	SETUP(w_mkdir(&world.cx[2], "d"));
	SETUP(w_create(&world.cx[1], "d/other"));
	SETUP(w_lookup(&world.cx[0], "d", &st));
	dir = st.ino;
	SETUP(daxfs_tmpfile(&world.cx[0], dir, &what, 0, NULL, &world.held));
	SETUP(daxfs_write(&world.cx[0], &world.held, 0, "content", 7));
	world_freeze(&world);
}

static u64 steps_of(s64 (*fn)(struct daxfs_cx *cx), u32 host)
{
	struct call c = { fn, &world.cx[host], 0 };
	struct sim_host h;

	world_reset(&world);
	sim_host_init(&h, do_call, &c);
	sim_run_one(&h, WORLD_MAX_STEPS);
	return sim_steps(0);
}

/* The file, or the one that was created, has the name; nothing else is left. */
static int outcome_ok(const struct call *c)
{
	struct daxfs_stat st;
	int linked = !c[1].result;

	if (linked ? c[0].result != -EEXIST :
	    c[0].result || (c[1].result != -ENOENT && c[1].result != -EEXIST))
		return 0;
	if (w_lookup(&world.cx[2], "d/name", &st) || st.nlink != 1)
		return 0;
	return (st.ino == world.held.ino) == linked &&
	       !world_account(&world.cx[3]);
}

static int one_pair(u64 k, u64 m)
{
	struct sim_point point[] = { { k, 1 }, { k + m, 0 } };
	struct sim_schedule s = { .policy = SIM_POINTS, .point = point,
				  .point_nr = 2, .seed = 1, .stall = 256,
				  .max_steps = WORLD_MAX_STEPS };
	struct call c[2] = { { call_close, &world.cx[0], 0 },
			     { call_link, &world.cx[1], 0 } };
	struct sim_host h[2];

	world_reset(&world);
	sim_host_init(&h[0], do_call, &c[0]);
	sim_host_init(&h[1], do_call, &c[1]);
	if (sim_run(h, 2, &s))
		return FAIL("k %llu, m %llu: no end", (unsigned long long)k,
			    (unsigned long long)m);
	if (!outcome_ok(c))
		return FAIL("k %llu, m %llu: close and create %lld, link %lld",
			    (unsigned long long)k, (unsigned long long)m,
			    (long long)c[0].result, (long long)c[1].result);
	return 0;
}

static int test_pairs(const void *arg)
{
	u64 close_steps, link_steps, k, m, nr = 0;
	int r = 0;

	(void)arg;
	setup();
	close_steps = steps_of(call_close_alone, 0);
	link_steps = steps_of(call_link, 1);
	for (k = 0; k <= close_steps && !r; k++)
		for (m = 1; m <= link_steps && !r; m++, nr++)
			r = one_pair(k, m);
	harness_covered(nr, "pairs of steps");
	world_free(&world);
	return r;
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "first link against last close", test_pairs, NULL },
	};

	return harness_main(argc, argv, tests, 1);
}
