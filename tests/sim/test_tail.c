// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A host dies while it makes a file longer: nothing of it shows behind the end.
 *
 * Notes: the writer stops after each step, is declared dead, and recovered. The
 * accounting then finds every page in use once and no byte behind the end; and
 * when the file is made longer by a truncation, what is new reads as zeros. The
 * second case has another host grow the same file at random meanwhile.
 */
#include <stdlib.h>

#include "world.h"

#define STEPS_MAX	100000u
#define OLD		100u		/* bytes of the file before */
#define MORE		900u

static struct world world;

static void grow(void *arg)
{
	struct daxfs_cx *cx = arg;

	w_write(cx, "f", OLD, MORE, 'x');
}

static void recover(void *arg)
{
	struct daxfs_cx *cx = arg;
	u32 slot = world.rg[0].host;

	if (!daxfs_host_mark_dead(cx->rg, slot, world.rg[0].incarnation))
		daxfs_host_recover(cx, slot);
}

static void lengthen(void *arg)
{
	w_truncate(arg, "f", 4000);
}

static int run(void (*fn)(void *arg), struct daxfs_cx *cx)
{
	struct sim_host h;

	sim_host_init(&h, fn, cx);
	return sim_run_one(&h, WORLD_MAX_STEPS);
}

/* All that the writers may have written, and zeros behind it. */
static int content_ok(struct daxfs_cx *cx)
{
	struct daxfs_file f;
	struct daxfs_stat st;
	u8 buf[4096];
	s64 n = -1, i;

	if (!w_lookup(cx, "f", &st) && !w_open(cx, "f", &f))
		n = daxfs_read(cx, &f, 0, buf, sizeof(buf));
	daxfs_close(cx, f.ino);
	if (n != 4000)
		return 0;
	for (i = OLD; i < n; i++)
		if (buf[i] && (st.size != 4000 || i >= OLD + MORE))
			return 0;
	/* either all of the growth or nothing */
	for (i = OLD; i < OLD + MORE; i++)
		if (!buf[i] != !buf[OLD])
			return 0;
	return 1;
}

static void setup(void)
{
	world_make(&world, 512);
	w_create(&world.cx[0], "f");
	w_write(&world.cx[0], "f", 0, OLD, 'o');
	world_freeze(&world);
}

static int check_point(u64 k)
{
	if (run(recover, &world.cx[1]))
		return FAIL("recovery does not end, writer stopped after %llu",
			    (unsigned long long)k);
	if (world_account(&world.cx[2]))
		return FAIL("the accounting is wrong, stopped after %llu",
			    (unsigned long long)k);
	if (run(lengthen, &world.cx[1]) || !content_ok(&world.cx[2]))
		return FAIL("something shows behind the end, stopped after %llu",
			    (unsigned long long)k);
	return 0;
}

static int test_alone(const void *arg)
{
	struct sim_host h;
	u64 k;
	int r = 0;

	(void)arg;
	setup();
	for (k = 0; k < STEPS_MAX && !r; k++) {
		world_reset(&world);
		sim_host_init(&h, grow, &world.cx[0]);
		sim_stop_after(&h, k);
		sim_run_one(&h, WORLD_MAX_STEPS);
		if (h.end == SIM_DONE)
			break;
		r = check_point(k);
	}
	harness_covered(k, "crash points");
	world_free(&world);
	return r;
}

static int test_beside(const void *arg)
{
	u64 runs = harness_runs(400), seed = harness_seed(), i;
	int r = 0;

	(void)arg;
	setup();
	for (i = 0; i < runs && !r; i++) {
		struct sim_schedule s = { .policy = SIM_RANDOM, .seed = seed + i,
					  .quantum = 1 + i % 7,
					  .max_steps = WORLD_MAX_STEPS };
		struct sim_host h[2];

		world_reset(&world);
		sim_host_init(&h[0], grow, &world.cx[0]);
		sim_host_init(&h[1], grow, &world.cx[2]);
		sim_stop_after(&h[0], 1 + i % 90);
		if (sim_run(h, 2, &s))
			r = FAIL("no end, seed %llu", (unsigned long long)(seed + i));
		if (!r && h[0].end != SIM_DONE)
			r = check_point(h[0].steps);
	}
	harness_covered(runs, "runs");
	world_free(&world);
	return r;
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "a writer alone", test_alone, NULL },
		{ "beside another that grows the file", test_beside, NULL },
	};

	return harness_main(argc, argv, tests, 2);
}
