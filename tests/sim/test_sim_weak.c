// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Tests of the simulator's memory model: litmus programs.
 *
 * Notes: each program has one outcome that is in question. It must be seen
 * in some of the runs, or in none, and in none at all when stale is 0. What
 * C11 allows and the model leaves out (load buffering, stores to one word in
 * another order than that of their execution) is tested as "never": the tests
 * on the core may rely on it, but must not conclude from it. Names are those of
 * the literature (Alglave, Maranget, Tautschnig 2014).
 */
#include "harness.h"

#define RUNS		3000u
#define MAX_STEPS	1000u
#define THREADS		4u
#define LONG		96u		/* bytes, and no whole number of words */

enum verdict {
	NEVER,
	SEEN,			/* with old loads alone */
	SEEN_ANYHOW,		/* another order of steps gives it, too */
};

struct litmus {
	const char *name;
	enum verdict want;
	int (*outcome)(void);		/* the one in question */
	void (*thread[THREADS])(void *arg);
};

static struct daxfs_a64 x, y, z;
static u64 r[4];
static u8 shared[LONG + 16] __attribute__((aligned(8))), got[LONG];

static u64 rlx(const struct daxfs_a64 *w)
{
	return a64_load_relaxed(w);
}

static u64 acq(const struct daxfs_a64 *w)
{
	return a64_load_acquire(w);
}

#define THREAD(name, body) \
	static void name(void *arg_) { (void)arg_; body }

/* writers */
THREAD(x_then_y, a64_store_relaxed(&x, 1); a64_store_relaxed(&y, 1);)
THREAD(x_then_y_rel, a64_store_relaxed(&x, 1); a64_store_release(&y, 1);)
THREAD(x_fence_y, a64_store_relaxed(&x, 1); full_fence();
       a64_store_relaxed(&y, 1);)
THREAD(x_rfence_y, a64_store_relaxed(&x, 1); release_fence();
       a64_store_relaxed(&y, 1);)
THREAD(x_then_y_cas, a64_store_relaxed(&x, 1); a64_cas(&y, 0, 1);)
THREAD(x_then_y_add, a64_store_relaxed(&x, 1); a64_add_relaxed(&y, 1);)
THREAD(x_fence_y_add, a64_store_relaxed(&x, 1); full_fence();
       a64_add_relaxed(&y, 1);)
THREAD(x_tell_y, a64_store_relaxed(&x, 1); sim_tell();
       a64_store_relaxed(&y, 1);)
THREAD(x_one, a64_store_relaxed(&x, 1);)
THREAD(x_one_rel, a64_store_release(&x, 1);)
THREAD(y_one, a64_store_relaxed(&y, 1);)
THREAD(y_one_rel, a64_store_release(&y, 1);)
THREAD(x_one_two, a64_store_relaxed(&x, 1); a64_store_relaxed(&x, 2);)

/* readers: y into r[0], then x into r[1] */
THREAD(y_then_x, r[0] = rlx(&y); r[1] = rlx(&x);)
THREAD(y_acq_x, r[0] = acq(&y); r[1] = rlx(&x);)
THREAD(y_fence_x, r[0] = rlx(&y); acquire_fence(); r[1] = rlx(&x);)
THREAD(y_full_x, r[0] = rlx(&y); full_fence(); r[1] = rlx(&x);)
THREAD(y_cas_x, r[0] = a64_cas(&y, 9, 9); r[1] = rlx(&x);)
THREAD(y_listen_x, r[0] = rlx(&y); sim_listen(); r[1] = rlx(&x);)

static int mp(void)
{
	return r[0] == 1 && r[1] == 0;
}

/* release sequences: somebody changes y behind the release */
THREAD(y_add_one, if (a64_cas(&y, 9, 9) == 1) a64_add_relaxed(&y, 1);)
THREAD(y_store_two, if (rlx(&y) == 1) a64_store_relaxed(&y, 2);)

static int mp_two(void)
{
	return r[0] == 2 && r[1] == 0;
}

/* store buffering */
THREAD(sb_x, a64_store_relaxed(&x, 1); r[0] = rlx(&y);)
THREAD(sb_y, a64_store_relaxed(&y, 1); r[1] = rlx(&x);)
THREAD(sb_x_rel, a64_store_release(&x, 1); r[0] = acq(&y);)
THREAD(sb_y_rel, a64_store_release(&y, 1); r[1] = acq(&x);)
THREAD(sb_x_fence, a64_store_relaxed(&x, 1); full_fence(); r[0] = rlx(&y);)
THREAD(sb_y_fence, a64_store_relaxed(&y, 1); full_fence(); r[1] = rlx(&x);)
THREAD(sb_x_cas, a64_cas(&x, 0, 1); r[0] = acq(&y);)
THREAD(sb_y_cas, a64_cas(&y, 0, 1); r[1] = acq(&x);)

THREAD(sb_x_after, a64_cas(&x, 0, 1); full_fence_after_rmw(); r[0] = rlx(&y);)
THREAD(sb_y_after, a64_cas(&y, 0, 1); full_fence_after_rmw(); r[1] = rlx(&x);)
THREAD(sb_y_too_late, a64_cas(&z, 0, 1); a64_store_relaxed(&y, 1);
       full_fence_after_rmw(); r[1] = rlx(&x);)
THREAD(sb_y_before, a64_store_relaxed(&y, 1); full_fence_before_rmw();
       a64_cas(&z, 0, 1); r[1] = rlx(&x);)
THREAD(sb_y_too_early, full_fence_before_rmw(); a64_store_relaxed(&y, 1);
       a64_add_relaxed(&z, 1); r[1] = rlx(&x);)

static int sb(void)
{
	return r[0] == 0 && r[1] == 0;
}

/* load buffering */
THREAD(lb_x, r[0] = rlx(&x); a64_store_relaxed(&y, 1);)
THREAD(lb_y, r[1] = rlx(&y); a64_store_relaxed(&x, 1);)

static int lb(void)
{
	return r[0] == 1 && r[1] == 1;
}

/* two readers, two writers */
THREAD(iriw_xy, r[0] = acq(&x); r[1] = acq(&y);)
THREAD(iriw_yx, r[2] = acq(&y); r[3] = acq(&x);)
THREAD(iriw_xy_fence, r[0] = rlx(&x); full_fence(); r[1] = rlx(&y);)
THREAD(iriw_yx_fence, r[2] = rlx(&y); full_fence(); r[3] = rlx(&x);)

static int iriw(void)
{
	return r[0] == 1 && r[1] == 0 && r[2] == 1 && r[3] == 0;
}

/* 2+2W, R */
THREAD(w_x1_y2, a64_store_relaxed(&x, 1); a64_store_relaxed(&y, 2);)
THREAD(w_y1_x2, a64_store_relaxed(&y, 1); a64_store_relaxed(&x, 2);)
THREAD(r_y2_x, a64_store_relaxed(&y, 2); r[0] = rlx(&x);)
THREAD(r_y2_fence_x, a64_store_relaxed(&y, 2); full_fence(); r[0] = rlx(&x);)

static int two_plus_two(void)
{
	return x.raw == 1 && y.raw == 1;
}

static int shape_r(void)
{
	return y.raw == 2 && r[0] == 0;
}

/* coherence */
THREAD(x_twice, r[0] = rlx(&x); r[1] = rlx(&x);)
THREAD(x_own, a64_store_relaxed(&x, 5); r[0] = rlx(&x);)
THREAD(x_cas_look, r[0] = a64_cas(&x, 9, 9); r[1] = rlx(&x);)
THREAD(x_seen_y, r[0] = rlx(&x); a64_store_release(&y, 1);)
THREAD(y_acq_x_again, r[2] = acq(&y); r[1] = rlx(&x);)
THREAD(y_rlx_x_again, r[2] = rlx(&y); r[1] = rlx(&x);)
THREAD(y_full_x_again, r[2] = rlx(&y); full_fence(); r[1] = rlx(&x);)
THREAD(x_seen_fence_y, r[0] = rlx(&x); full_fence(); a64_store_relaxed(&y, 1);)

static int corr(void)
{
	return r[0] == 2 && r[1] < 2;
}

static int corr_old(void)	/* the older of two is seen by somebody late */
{
	return r[0] == 1 && r[1] == 1 && x.raw == 2;
}

static int cowr(void)
{
	return r[0] == 0;
}

static int went_back(void)
{
	return r[0] == 1 && r[1] == 0;
}

static int corr_of_two(void)	/* what one read, another that is told reads, too */
{
	return r[0] == 1 && r[2] == 1 && r[1] == 0;
}

/* chains */
THREAD(wrc_mid, if (acq(&x) == 1) a64_store_release(&y, 1);)
THREAD(wrc_mid_rlx, if (rlx(&x) == 1) a64_store_release(&y, 1);)
THREAD(isa_mid, if (acq(&y) == 1) a64_store_release(&z, 1);)
THREAD(isa_mid_rlx, if (acq(&y) == 1) a64_store_relaxed(&z, 1);)
THREAD(z_acq_x, r[0] = acq(&z); r[1] = rlx(&x);)

/* bytes: a copy and the word that publishes it; the ends are parts of words */
static void put_bytes(void)
{
	u8 from[LONG];

	memset(from, 7, sizeof(from));
	port_copy_to(shared + 3, from, sizeof(from));
}

static void get_bytes(void)
{
	port_copy_from(got, shared + 3, sizeof(got));
}

static void move_bytes(void)
{
	port_copy_within(shared + 3, shared + 5, LONG);
}

THREAD(bytes_y, put_bytes(); a64_store_relaxed(&y, 1);)
THREAD(bytes_y_rel, put_bytes(); a64_store_release(&y, 1);)
THREAD(y_bytes, r[0] = rlx(&y); get_bytes();)
THREAD(y_acq_bytes, r[0] = acq(&y); get_bytes();)
THREAD(only_bytes, put_bytes();)
THREAD(bytes_moved, if (acq(&y) == 1) { move_bytes(); a64_store_release(&z, 1); })
THREAD(z_acq_bytes, r[0] = acq(&z); port_copy_from(got, shared + 3, 90);)
THREAD(zeros_z, port_zero(shared + 3, LONG); a64_store_relaxed(&z, 1);)

static u32 sevens(u32 from, u32 to)
{
	u32 nr = 0;

	while (from < to)
		nr += got[from++] == 7;
	return nr;
}

static int bytes_missing(void)
{
	return r[0] == 1 && sevens(0, LONG) != LONG;
}

static int bytes_torn(void)
{
	return sevens(0, 5) == 5 && sevens(LONG - 4, LONG) == 4 &&
	       sevens(5, LONG - 4) != LONG - 9;
}

static int neighbours_hurt(void)
{
	return shared[2] || shared[LONG + 3];
}

static int moved_missing(void)
{
	return r[0] == 1 && sevens(0, 90) != 90;
}

static const struct litmus litmus[] = {
	{ "MP, relaxed", SEEN, mp, { x_then_y, y_then_x } },
	{ "MP, release, relaxed load", SEEN, mp, { x_then_y_rel, y_then_x } },
	{ "MP, relaxed store, acquire", SEEN, mp, { x_then_y, y_acq_x } },
	{ "MP, release and acquire", NEVER, mp, { x_then_y_rel, y_acq_x } },
	{ "MP, CAS and acquire", NEVER, mp, { x_then_y_cas, y_acq_x } },
	{ "MP, release and a CAS that fails", NEVER, mp, { x_then_y_rel, y_cas_x } },
	{ "MP, relaxed add and acquire", SEEN, mp, { x_then_y_add, y_acq_x } },
	{ "MP, fence, add, acquire", NEVER, mp, { x_fence_y_add, y_acq_x } },
	{ "MP, fences", NEVER, mp, { x_fence_y, y_fence_x } },
	{ "MP, full fences", NEVER, mp, { x_fence_y, y_full_x } },
	{ "MP, fence of the writer alone", SEEN, mp, { x_fence_y, y_then_x } },
	{ "MP, fence of the reader alone", SEEN, mp, { x_then_y, y_fence_x } },
	{ "MP, release fence and acquire", NEVER, mp, { x_rfence_y, y_acq_x } },
	{ "MP, release fence and acquire fence", NEVER, mp,
	  { x_rfence_y, y_fence_x } },
	{ "MP, release and acquire fence", NEVER, mp, { x_then_y_rel, y_fence_x } },
	{ "MP, tell and listen", NEVER, mp, { x_tell_y, y_listen_x } },
	{ "MP, tell without listen", SEEN, mp, { x_tell_y, y_then_x } },
	{ "release sequence of an add", NEVER, mp_two,
	  { x_then_y_rel, y_add_one, y_acq_x } },
	{ "release sequence ended by a store", SEEN, mp_two,
	  { x_then_y_rel, y_store_two, y_acq_x } },
	{ "SB, relaxed", SEEN, sb, { sb_x, sb_y } },
	{ "SB, release and acquire", SEEN, sb, { sb_x_rel, sb_y_rel } },
	{ "SB, CAS and acquire", SEEN, sb, { sb_x_cas, sb_y_cas } },
	{ "SB, one fence", SEEN, sb, { sb_x_fence, sb_y } },
	{ "SB, full fences", NEVER, sb, { sb_x_fence, sb_y_fence } },
	{ "SB, fences behind a CAS", NEVER, sb, { sb_x_after, sb_y_after } },
	{ "SB, one behind a CAS", NEVER, sb, { sb_x_after, sb_y_fence } },
	{ "SB, a store between CAS and fence", SEEN, sb,
	  { sb_x_after, sb_y_too_late } },
	{ "SB, a fence before a CAS", NEVER, sb, { sb_x_fence, sb_y_before } },
	{ "SB, a store behind a fence before an add", SEEN, sb,
	  { sb_x_fence, sb_y_too_early } },
	{ "LB (left out)", NEVER, lb, { lb_x, lb_y } },
	{ "IRIW, acquire", SEEN, iriw, { x_one_rel, y_one_rel, iriw_xy, iriw_yx } },
	{ "IRIW, full fences", NEVER, iriw,
	  { x_one, y_one, iriw_xy_fence, iriw_yx_fence } },
	{ "IRIW, one fence", SEEN, iriw, { x_one, y_one, iriw_xy_fence, iriw_yx } },
	{ "2+2W (left out)", NEVER, two_plus_two, { w_x1_y2, w_y1_x2 } },
	{ "R, relaxed", SEEN, shape_r, { x_then_y, r_y2_x } },
	{ "R, full fences", NEVER, shape_r, { x_fence_y, r_y2_fence_x } },
	{ "CoRR", NEVER, corr, { x_one_two, x_twice } },
	{ "an old value, twice", SEEN_ANYHOW, corr_old, { x_one_two, x_twice } },
	{ "CoWR", NEVER, cowr, { x_own, x_one } },
	{ "CoRR behind a CAS that fails", NEVER, went_back, { x_one, x_cas_look } },
	{ "CoRR of two hosts", NEVER, corr_of_two,
	  { x_one, x_seen_y, y_acq_x_again } },
	{ "CoRR of two hosts, full fences", NEVER, corr_of_two,
	  { x_one, x_seen_fence_y, y_full_x_again } },
	{ "CoRR of two hosts, relaxed", SEEN, corr_of_two,
	  { x_one, x_seen_y, y_rlx_x_again } },
	{ "WRC, acquire", NEVER, mp, { x_one_rel, wrc_mid, y_acq_x } },
	{ "WRC, relaxed load between", NEVER, mp, { x_one_rel, wrc_mid_rlx, y_acq_x } },
	{ "ISA2, release and acquire", NEVER, mp, { x_then_y_rel, isa_mid, z_acq_x } },
	{ "ISA2, relaxed store between", SEEN, mp,
	  { x_then_y_rel, isa_mid_rlx, z_acq_x } },
	{ "bytes, relaxed", SEEN, bytes_missing, { bytes_y, y_acq_bytes } },
	{ "bytes, release, relaxed load", SEEN, bytes_missing, { bytes_y_rel, y_bytes } },
	{ "bytes, release and acquire", NEVER, bytes_missing,
	  { bytes_y_rel, y_acq_bytes } },
	{ "bytes, the middle is old", SEEN, bytes_torn, { only_bytes, y_bytes } },
	{ "bytes beside a copy stay", NEVER, neighbours_hurt, { bytes_y, zeros_z } },
	{ "bytes, moved on", NEVER, moved_missing,
	  { bytes_y_rel, bytes_moved, z_acq_bytes } },
};

static int run_litmus(const struct litmus *l, u64 seed, u32 stale)
{
	struct sim_schedule s = {
		.policy = SIM_RANDOM, .seed = seed, .quantum = 1 + seed % 4,
		.stale = stale, .max_steps = MAX_STEPS,
	};
	struct sim_host host[THREADS];
	u32 nr = 0;

	x.raw = y.raw = z.raw = 0;
	r[0] = r[1] = r[2] = r[3] = 7;
	memset(shared, 0, sizeof(shared));
	memset(got, 0, sizeof(got));
	for (; nr < THREADS && l->thread[nr]; nr++)
		sim_host_init(&host[nr], l->thread[nr], NULL);
	return sim_run(host, nr, &s) ? -1 : l->outcome();
}

static int test_litmus(const void *arg)
{
	const struct litmus *l = arg;
	u64 runs = harness_runs(RUNS), seed = harness_seed(), i, nr = 0;
	int o;

	for (i = 0; i < runs; i++) {
		o = run_litmus(l, seed + i, 32 + (u32)(i % 7) * 32);
		if (o < 0)
			return FAIL("a run failed");
		nr += (u64)o;
		if (nr && l->want == NEVER)
			return FAIL("seen with seed %llu",
				    (unsigned long long)(seed + i));
	}
	if (!nr && l->want != NEVER)
		return FAIL("not seen in %llu runs", (unsigned long long)runs);
	harness_covered(nr, "times seen");
	return 0;
}

/* With stale 0 memory is sequentially consistent, whatever the orders say. */
static int test_strong(const void *arg)
{
	u32 i;
	u64 seed;

	(void)arg;
	for (i = 0; i < sizeof(litmus) / sizeof(litmus[0]); i++)
		for (seed = 1; seed <= 500; seed++) {
			int o = run_litmus(&litmus[i], seed, 0);

			if (o && litmus[i].want != SEEN_ANYHOW)
				return FAIL("%s: seen", litmus[i].name);
			if (sim_old_loads())
				return FAIL("a load was old");
		}
	return 0;
}

static int test_repeats(const void *arg)
{
	u64 first[64], differ = 0, seed, now;

	(void)arg;
	for (u32 k = 0; k < 2; k++)
		for (seed = 0; seed < 64; seed++) {
			run_litmus(&litmus[0], seed + 1, 128);
			now = r[0] * 16 + r[1] * 4 + sim_old_loads();
			if (k && now != first[seed])
				return FAIL("seed %llu gave two results",
					    (unsigned long long)seed + 1);
			first[seed] = now;
			differ += now != first[0];
		}
	return differ ? 0 : FAIL("64 seeds gave one result");
}

/* Far more messages than are kept: what is forgotten is seen as new, no more. */
static void many_stores(void *arg)
{
	u32 i;

	for (i = 0; i < 900000; i++) {
		a64_store_relaxed(&x, i);
		a64_store_release(&y, i);
		*(u64 *)arg += rlx(&x) != i;
	}
}

static void many_loads(void *arg)
{
	u64 a, b, last = 0;
	u32 i;

	for (i = 0; i < 900000; i++) {
		a = acq(&y);
		b = rlx(&x);
		*(u64 *)arg += b < a || b < last;
		last = b;
	}
}

static int test_many(const void *arg)
{
	struct sim_schedule s = { .policy = SIM_RANDOM, .seed = 1, .quantum = 3,
				  .stale = 128, .max_steps = 10000000 };
	struct sim_host host[2];
	u64 bad[2] = { 0, 0 };

	(void)arg;
	x.raw = y.raw = 0;
	sim_host_init(&host[0], many_stores, &bad[0]);
	sim_host_init(&host[1], many_loads, &bad[1]);
	if (sim_run(host, 2, &s))
		return FAIL("the run failed");
	if (bad[0] || bad[1] || !sim_old_loads())
		return FAIL("%llu own and %llu other loads were wrong, %llu old",
			    (unsigned long long)bad[0], (unsigned long long)bad[1],
			    (unsigned long long)sim_old_loads());
	harness_covered(sim_old_loads(), "old loads");
	return 0;
}

int main(int argc, char **argv)
{
	enum { NR = sizeof(litmus) / sizeof(litmus[0]) };
	struct test test[NR + 3];
	u32 i;

	for (i = 0; i < NR; i++)
		test[i] = (struct test){ litmus[i].name, test_litmus, &litmus[i] };
	test[NR] = (struct test){ "without stale nothing is old", test_strong, NULL };
	test[NR + 1] = (struct test){ "a seed repeats its run", test_repeats, NULL };
	test[NR + 2] = (struct test){ "what falls out is new", test_many, NULL };
	return harness_main(argc, argv, test, NR + 3);
}
