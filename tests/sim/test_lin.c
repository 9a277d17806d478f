// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Names and attributes are linearizable: histories of the core are checked.
 *
 * Notes: four kinds of test. One host alone, at random: the model and the core
 * agree on every result, so the model is right before it judges anything.
 * Random histories of two to four hosts on few names, some with a host that
 * stops for ever and is recovered meanwhile. All ordered pairs of operation
 * forms, which are generated, with every interleaving of at most so many
 * preemptions. And histories that are worth a name, the same way.
 * A failure prints the history and its seed or its switches.
 */
#include <stdlib.h>

#include "lin_run.h"

#define ALONE_RUNS	150u
#define RANDOM_RUNS	3000u
#define CRASH_RUNS	1500u
#define STALE_RUNS	1000u

/* Inodes of the setup, by number. */
enum {
	ROOT = LM_ROOT, D1, D2, SUB, EMPTY, FILE_A, FILE_B, LINK_S, UNNAMED,
	FIXED_NR,
};
/* Names: those that collide, and a long one. */
enum { A, B, C, D, E, LONG };

static const struct lin_crash nobody = { .host = -1 };

/*
 * /a = D1 { a file (also D2/c), b directory, c symbolic link }
 * /b = D2 { a directory, b file }, and a file without a name, held by two.
 */
static void setup(u64 fill)
{
	u32 file;

	lin_setup();
	lin_setup_add(LM_DIRECTORY, ROOT, A);
	lin_setup_add(LM_DIRECTORY, ROOT, B);
	lin_setup_add(LM_DIRECTORY, D1, B);
	lin_setup_add(LM_DIRECTORY, D2, A);
	lin_setup_size(lin_setup_add(LM_FILE, D1, A), 5000);
	lin_setup_add(LM_FILE, D2, B);
	lin_setup_add(LM_SYMLINK, D1, C);
	file = lin_setup_add(LM_FILE, ROOT, C);
	lin_setup_open(0, file);
	lin_setup_open(1, file);
	lin_setup_unlink(ROOT, C);
	lin_setup_link(FILE_A, D2, C);
	lin_setup_fill(fill);
	lin_setup_end();
}

/* ---- steps at random ---- */

static u32 pick(u64 *rng, const u8 *from, u32 nr)
{
	return from[sim_rand(rng) % nr];
}

#define PICK(rng, ...) ({ \
	static const u8 from_[] = { __VA_ARGS__ }; \
	(u8)pick(rng, from_, sizeof(from_)); \
})

static void choose_names(struct lin_step *st, u64 *rng)
{
	u64 rare = sim_rand(rng) % 64;

	st->dir = PICK(rng, D1, D1, D1, D1, D2, D2, D2, ROOT, SUB, EMPTY,
		       LIN_LAST);
	st->dir2 = PICK(rng, D1, D1, D2, D2, D2, ROOT, SUB, EMPTY, LIN_LAST);
	st->name = PICK(rng, A, A, B, B, C, D, LONG);
	st->name2 = PICK(rng, A, A, B, B, C, D, LONG);
	if (rare == 0)
		st->dir = PICK(rng, FILE_A, LINK_S, UNNAMED);
	if (rare == 1)
		st->dir2 = PICK(rng, FILE_B, LINK_S, UNNAMED);
	if (rare == 2)
		st->name = PICK(rng, LM_DOT, LM_DOTDOT);
	if (rare == 3)
		st->name2 = PICK(rng, LM_DOT, LM_DOTDOT);
	if (st->kind == LIN_LOOKUP && rare < 10)
		st->name = LM_DOTDOT;
}

static struct lin_step choose(u64 *rng)
{
	struct lin_step st = { .kind = PICK(rng,
		LIN_LOOKUP, LIN_LOOKUP, LIN_CREATE, LIN_CREATE, LIN_MKDIR,
		LIN_MKDIR, LIN_SYMLINK, LIN_LINK, LIN_LINK, LIN_UNLINK,
		LIN_UNLINK, LIN_UNLINK, LIN_RMDIR, LIN_RMDIR, LIN_RENAME,
		LIN_RENAME, LIN_RENAME, LIN_RENAME, LIN_RENAME, LIN_NOREPLACE,
		LIN_EXCHANGE, LIN_EXCHANGE, LIN_EXCHANGE,
		LIN_READDIR, LIN_GETATTR, LIN_GETATTR, LIN_SETATTR,
		LIN_SETTIMES, LIN_OPEN_FILE, LIN_CLOSE_FILE, LIN_APPEND,
		LIN_WRITE, LIN_TRUNCATE) };

	choose_names(&st, rng);
	st.ino = PICK(rng, FILE_A, FILE_A, FILE_A, FILE_B, FILE_B, LINK_S,
		      UNNAMED, SUB, D1, LIN_LAST, LIN_LAST);
	st.mode = (u32)(sim_rand(rng) & 0777);
	st.uid = (u32)(sim_rand(rng) & 0xff);
	st.off = PICK(rng, 0, 0, 1) ? 4096 + (u32)(sim_rand(rng) % 9000) : 0;
	st.len = 1 + (u32)(sim_rand(rng) % 6000);
	if (st.kind == LIN_SYMLINK)
		st.len = 1 + st.len % 16;
	st.time = st.kind == LIN_SETTIMES || (st.off & 1) ?
		  1000 + sim_rand(rng) % 1000000 : 0;
	return st;
}

/* 20 to 60 operations together. */
static void make_program(struct lin_program *p, u64 *rng)
{
	u32 left = 20 + (u32)(sim_rand(rng) % 41);

	memset(p->nr, 0, sizeof(p->nr));
	p->hosts = 2 + (u32)(sim_rand(rng) % 3);
	while (left--) {
		u32 h = left % p->hosts;

		p->step[h][p->nr[h]++] = choose(rng);
	}
}

static void summary(const char *runs)
{
	harness_covered(lin_sum.runs, runs);
	harness_covered(lin_sum.calls, "operations");
	if (lin_sum.events)
		harness_covered(lin_sum.longest, "states in the longest search");
	if (lin_sum.open_ends)
		harness_covered(lin_sum.open_ends, "operations cut off");
	if (lin_sum.old_loads)
		harness_covered(lin_sum.old_loads, "old loads");
	memset(&lin_sum, 0, sizeof(lin_sum));
}

/* ---- one host alone ---- */

static int test_alone(const void *arg)
{
	u64 i, runs = harness_runs(ALONE_RUNS), seed = harness_seed();
	static struct lin_program p;
	int r = 0;

	setup(arg ? lin_fill_max() - 8 : 0);
	for (i = 0; i < runs && !r; i++) {
		u64 rng = (seed + i) * 0x9e3779b97f4a7c15ull;
		u32 k;

		for (k = 0; k < LIN_STEPS; k++)
			p.step[0][k] = choose(&rng);
		p.nr[0] = LIN_STEPS;
		r = lin_run_alone(&p, 0);
		if (r)
			FAIL("SIM_SEED=%llu", (unsigned long long)(seed + i));
	}
	world_free(&lin_world);
	summary("sequences");
	return r;
}

/* ---- histories at random ---- */

static struct sim_schedule random_schedule(u64 *rng)
{
	struct sim_schedule s = {
		.policy = SIM_RANDOM, .seed = sim_rand(rng),
		.quantum = 1u << sim_rand(rng) % 9,
		.stall = PICK(rng, 0, 64, 128, 255),
		.max_steps = WORLD_MAX_STEPS,
	};

	return s;
}

/*
 * One host stops somewhere; another looks for it now and then and recovers it,
 * while the history goes on.
 */
static struct lin_crash make_crash(struct lin_program *p, u64 *rng)
{
	struct lin_crash c = { .host = (int)(sim_rand(rng) % p->hosts) };
	u32 by = ((u32)c.host + 1) % p->hosts, k;

	c.after = sim_rand(rng) % (p->nr[c.host] * 100);
	for (k = p->nr[by] / 3; k < p->nr[by]; k += 3)
		p->step[by][k] = (struct lin_step){ .kind = LIN_RECOVER,
						    .ino = (u8)c.host };
	return c;
}

static int random_history(u64 seed, int crashes, int stale)
{
	static struct lin_program p;
	u64 rng = seed * 0x9e3779b97f4a7c15ull;
	struct lin_crash crash = nobody;
	struct sim_schedule s;

	make_program(&p, &rng);
	if (crashes)
		crash = make_crash(&p, &rng);
	s = random_schedule(&rng);
	if (stale)
		s.stale = 32u + 80u * (u32)(sim_rand(&rng) % 3);
	if (!lin_run(&p, &s, &crash, 1))
		return 0;
	return FAIL("SIM_SEED=%llu", (unsigned long long)seed);
}

struct random_test {
	int crashes, grows, stale;	/* stale: loads may be old */
	u64 runs;
};

static int test_random(const void *arg)
{
	const struct random_test *t = arg;
	u64 i, runs = harness_runs(t->runs), seed = harness_seed();
	int r = 0;

	setup(t->grows ? lin_fill_max() - 8 : 0);
	for (i = 0; i < runs && !r; i++)
		r = random_history(seed + i, t->crashes, t->stale);
	world_free(&lin_world);
	if (t->stale && !lin_sum.old_loads)
		r = FAIL("no load was old");
	summary("histories");
	return r;
}

static const struct random_test few = { 0, 0, 0, RANDOM_RUNS };
static const struct random_test growing = { 0, 1, 0, RANDOM_RUNS / 2 };
static const struct random_test crashing = { 1, 0, 0, CRASH_RUNS };
static const struct random_test crash_growing = { 1, 1, 0, CRASH_RUNS / 2 };
static const struct random_test weak = { 0, 0, 1, STALE_RUNS };
static const struct random_test weak_growing = { 0, 1, 1, STALE_RUNS / 2 };
static const struct random_test weak_crashing = { 1, 0, 1, STALE_RUNS / 2 };

int main(int argc, char **argv)
{
	static const struct test test[] = {
		{ "one host alone", test_alone, NULL },
		{ "one host alone while the index grows", test_alone, "" },
		{ "random histories", test_random, &few },
		{ "random histories while the index grows", test_random,
		  &growing },
		{ "random histories, one host stops", test_random, &crashing },
		{ "random histories, one host stops, the index grows",
		  test_random, &crash_growing },
		{ "random histories, loads may be old", test_random, &weak },
		{ "random histories, loads may be old, the index grows",
		  test_random, &weak_growing },
		{ "random histories, loads may be old, one host stops",
		  test_random, &weak_crashing },
	};

	printf("SIM_SEED=%llu\n", (unsigned long long)harness_seed());
	return harness_main(argc, argv, test, sizeof(test) / sizeof(test[0]));
}
