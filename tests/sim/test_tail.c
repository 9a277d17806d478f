// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A host dies while it makes a file longer: nothing of it shows behind the end.
 *
 * Notes: the writer stops after each step, is declared dead, and recovered. The
 * accounting then finds every page in use once and no byte behind the end; and
 * when the file is made longer by a truncation, what is new reads as zeros. The
 * second case has another host grow the same file at random meanwhile. Both are
 * done inside the last page, and into pages that were allocated behind the end.
 */
#include <stdlib.h>

#include "world.h"

#define STEPS_MAX	100000u
#define OLD		100u		/* bytes of the file before */

static const struct growth {
	u64 from;		/* bytes that are written, at or behind the end */
	u64 more;
	u64 size;		/* to which it is made longer then */
	u64 allocated;		/* before */
} in_page = { OLD, 900, 4000, 0 }, allocated = { OLD, 12000, 16000, 20000 },
  behind = { 8192, 4000, 16000, 20000 };

static struct world world;
static const struct growth *how;

static void grow(void *arg)
{
	struct daxfs_cx *cx = arg;

	w_write(cx, "f", how->from, how->more, 'x');
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
	w_truncate(arg, "f", how->size);
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
	static u8 buf[16384];
	s64 n = -1, from = (s64)how->from,
	    end = from + (s64)how->more, i;

	if (!w_lookup(cx, "f", &st) && !w_open(cx, "f", &f))
		n = daxfs_read(cx, &f, 0, buf, sizeof(buf));
	daxfs_close(cx, f.ino);
	if (n != (s64)how->size)
		return 0;
	for (i = OLD; i < n; i++)
		if (buf[i] && (st.size != how->size || i < from || i >= end))
			return 0;
	/* either all of the growth or nothing */
	for (i = from; i < end; i++)
		if (!buf[i] != !buf[from])
			return 0;
	return 1;
}

static void setup(void)
{
	world_make(&world, 512);
	w_create(&world.cx[0], "f");
	w_write(&world.cx[0], "f", 0, OLD, 'o');
	if (how->allocated)
		SETUP(w_fallocate(&world.cx[3], "f", DAXFS_KEEP_SIZE, 0,
				  how->allocated));
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

	how = arg;
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

	how = arg;
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
		{ "a writer alone", test_alone, &in_page },
		{ "beside another that grows the file", test_beside, &in_page },
		{ "a writer to allocated pages", test_alone, &allocated },
		{ "allocated, beside another", test_beside, &allocated },
		{ "a writer behind the last page", test_alone, &behind },
		{ "behind the last page, beside another", test_beside, &behind },
	};

	return harness_main(argc, argv, tests, 6);
}
