// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Inode numbers: no two inodes ever have the same one, and one that follows
 * another takes its bucket.
 *
 * Notes: the first two cases go one operation after the other, the last lets
 * three hosts create and delete the same names at once, in a table that is about
 * to be replaced, and stops one of them for ever. Each number that a create
 * was told is kept, and all are compared at the end of a course.
 */
#include <stdlib.h>

#include "world.h"

#define PAIRS		200u
#define OPS		20000u
#define HOSTS		3u
#define OF_HOST		12u		/* operations of one at once */
#define NAMES		4u
#define TURNS		32u		/* numbers of one place */

static struct world world;
static u64 given[OPS];		/* numbers, in no order */
static u32 given_nr;
static u64 rng;

static u64 pick(u64 n)
{
	return sim_rand(&rng) % n;
}

static u32 name_of(char *name, u64 i)
{
	return (u32)snprintf(name, 16, "n%llu", (unsigned long long)i);
}

/* 0, or what the core says. */
static int make(struct daxfs_cx *cx, u64 i, u64 *ino)
{
	struct daxfs_new what = { .mode = S_IFREG | 0644 };
	struct daxfs_stat st;
	char name[16];
	int r = daxfs_create(cx, DAXFS_ROOT_INO, name, name_of(name, i), &what,
			     &st);

	*ino = st.ino;
	return r;
}

static int remove_one(struct daxfs_cx *cx, u64 i)
{
	char name[16];

	return daxfs_unlink(cx, DAXFS_ROOT_INO, name, name_of(name, i));
}

static int by_value(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return (x > y) - (x < y);
}

static int all_differ(void)
{
	qsort(given, given_nr, sizeof(*given), by_value);
	for (u32 i = 1; i < given_nr; i++)
		if (given[i] == given[i - 1])
			return FAIL("number %#llx was given twice",
				    (unsigned long long)given[i]);
	return 0;
}

/* ---- one name, by one host ---- */

static u64 buckets_used(void)
{
	struct daxfs_index_stat st;

	SETUP(daxfs_index_stat(&world.cx[0], &st));
	return st.used;
}

static int pairs_of(u64 i)
{
	for (given_nr = 0; given_nr < PAIRS; given_nr++) {
		u64 *ino = &given[given_nr];

		if (make(&world.cx[0], i, ino) || remove_one(&world.cx[0], i))
			return FAIL("pair %u fails", given_nr);
		if (*ino >= DAXFS_INO_END)
			return FAIL("number %#llx is too large",
				    (unsigned long long)*ino);
	}
	return 0;
}

static int test_bucket(const void *arg)
{
	u64 before;
	int r;

	(void)arg;
	world_make(&world, 4096);
	before = buckets_used();
	r = pairs_of(0);
	/* One of the name, and one of each place. */
	if (!r && buckets_used() > before + 1 + (PAIRS + TURNS - 1) / TURNS)
		r = FAIL("%u pairs of a name take %llu buckets", PAIRS,
			 (unsigned long long)(buckets_used() - before));
	if (!r && DAXFS_INO_PLACE(given[0]) != DAXFS_INO_PLACE(given[TURNS - 1]))
		r = FAIL("a number does not follow that of its place");
	if (!r)
		r = all_differ();
	if (!r && world_account(&world.cx[1]))
		r = FAIL("the accounts are wrong");
	world_free(&world);
	return r;
}

/* ---- many names, by hosts in turn ---- */

static int course(void)
{
	struct daxfs_file held = { .ino = 0 };

	for (given_nr = 0; given_nr < OPS; ) {
		struct daxfs_cx *cx = &world.cx[pick(HOSTS)];
		u64 i = pick(64), ino;
		int r = make(cx, i, &ino);

		if (!r)
			given[given_nr++] = ino;
		else if (r == -EEXIST)
			r = remove_one(cx, i);
		/* Now and then the last holder is the one who drops it. */
		if (!r && !pick(8)) {
			if (held.ino && daxfs_close(&world.cx[3], held.ino))
				return FAIL("a close fails");
			held.ino = 0;
			r = daxfs_open(&world.cx[3], ino, 0, &held);
			if (r)
				held.ino = 0;
			r = r == -ENOENT ? 0 : r;
		}
		if (r)
			return FAIL("an operation fails: %s", strerror(-r));
	}
	return held.ino ? daxfs_close(&world.cx[3], held.ino) : 0;
}

static int test_course(const void *arg)
{
	int r;

	(void)arg;
	rng = harness_seed();
	world_make(&world, 512);
	r = course();
	if (!r)
		r = all_differ();
	if (!r && world_account(&world.cx[1]))
		r = FAIL("the accounts are wrong");
	harness_covered(given_nr, "numbers");
	world_free(&world);
	return r;
}

/* ---- hosts at once, one of which dies ---- */

struct work {
	u32 me;
	u64 seed;
	u64 ino[OF_HOST];
	u32 nr;
};

static void do_work(void *arg)
{
	struct work *w = arg;
	u64 ino;

	for (u32 k = 0; k < OF_HOST; k++) {
		u64 i = sim_rand(&w->seed) % NAMES;
		int r = make(&world.cx[w->me], i, &ino);

		if (!r)
			w->ino[w->nr++] = ino;
		else if (r == -EEXIST)
			remove_one(&world.cx[w->me], i);
	}
}

static void gather(const struct work *w)
{
	for (u32 k = 0; k < w->nr; k++)
		given[given_nr++] = w->ino[k];
}

/* The dead one is recovered, and those that are left go on. */
static int after_death(u64 seed)
{
	struct work w[HOSTS] = { { .me = 1, .seed = seed },
				 { .me = 2, .seed = seed + 7 } };

	SETUP(daxfs_host_mark_dead(&world.rg[1], world.rg[0].host,
				   world.rg[0].incarnation));
	SETUP(daxfs_host_recover(&world.cx[1], world.rg[0].host));
	for (u32 i = 0; i < 2; i++) {
		do_work(&w[i]);
		gather(&w[i]);
	}
	return all_differ();
}

static int one_run(u64 seed)
{
	struct sim_schedule s = { .policy = SIM_RANDOM, .quantum = 1 + seed % 5,
				  .seed = seed, .stall = 64,
				  .max_steps = WORLD_MAX_STEPS };
	struct work w[HOSTS];
	struct sim_host h[HOSTS];
	int r;

	world_reset(&world);
	for (u32 i = 0; i < HOSTS; i++) {
		w[i] = (struct work){ .me = i, .seed = seed * 3 + i };
		sim_host_init(&h[i], do_work, &w[i]);
	}
	rng = seed;
	sim_stop_after(&h[0], 1 + pick(6000));
	if (sim_run(h, HOSTS, &s))
		return FAIL("seed %llu: no end", (unsigned long long)seed);
	given_nr = 0;
	for (u32 i = 0; i < HOSTS; i++)
		gather(&w[i]);
	r = after_death(seed);
	if (!r && world_account(&world.cx[1]))
		r = FAIL("the accounts are wrong");
	return r ? FAIL("seed %llu", (unsigned long long)seed) : 0;
}

static int test_at_once(const void *arg)
{
	u64 first = harness_seed(), runs = harness_runs(400), k;
	int r = 0;

	(void)arg;
	world_make(&world, 512);
	/* So that the table is replaced while they are at it. */
	for (u64 i = 0, ino; i < 150; i++) {
		SETUP(make(&world.cx[i % HOSTS], 1000 + i, &ino));
		SETUP(remove_one(&world.cx[i % HOSTS], 1000 + i));
	}
	world_freeze(&world);
	for (k = 0; k < runs && !r; k++)
		r = one_run(first + k);
	harness_covered(k, "runs");
	world_free(&world);
	return r;
}

int main(int argc, char **argv)
{
	static const struct test test[] = {
		{ "a number takes the bucket of the one before", test_bucket, NULL },
		{ "no number comes again", test_course, NULL },
		{ "no number comes again when a host dies", test_at_once, NULL },
	};

	return harness_main(argc, argv, test, sizeof(test) / sizeof(test[0]));
}
