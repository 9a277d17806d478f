// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Tests of the simulator itself: it finds what it is there to find.
 *
 * Notes: a counter raised by load and store is wrong and must be caught by
 * each policy; one raised by CAS is right and must never be. The rest fixes
 * what sim.h says about steps, stopping, time and repetition.
 */
#include "harness.h"

#define ROUNDS		4u
#define MAX_STEPS	10000u

static struct daxfs_a64 counter;
static u64 order;		/* who made each step, as a hash */

static void raise_broken(void *arg)
{
	u32 i;

	(void)arg;
	for (i = 0; i < ROUNDS; i++) {
		u64 v = a64_load_relaxed(&counter);

		order = order * 31 + sim_self();
		a64_store_relaxed(&counter, v + 1);
	}
}

static void raise_right(void *arg)
{
	u32 i;

	(void)arg;
	for (i = 0; i < ROUNDS; i++) {
		u64 v = a64_load_relaxed(&counter), found;

		order = order * 31 + sim_self();
		while ((found = a64_cas(&counter, v, v + 1)) != v)
			v = found;
	}
}

static int count(void (*fn)(void *), u32 nr, const struct sim_schedule *s)
{
	struct sim_host host[SIM_HOSTS];
	u32 i;

	counter.raw = 0;
	order = 0;
	sim_clock_set(0);
	for (i = 0; i < nr; i++)
		sim_host_init(&host[i], fn, NULL);
	if (sim_run(host, nr, s))
		return -1;
	return (int)counter.raw;
}

/* Runs of n in which the counter came out wrong. */
static u64 wrong_runs(void (*fn)(void *), enum sim_policy policy, u64 n)
{
	struct sim_schedule s = { .policy = policy, .max_steps = MAX_STEPS };
	u64 wrong = 0;

	for (s.seed = 1; s.seed <= n; s.seed++) {
		s.quantum = 1 + (u32)(s.seed % 5);
		wrong += count(fn, 3, &s) != 3 * ROUNDS;
	}
	return wrong;
}

static int test_catches(const void *arg)
{
	enum sim_policy policy = *(const enum sim_policy *)arg;

	if (!wrong_runs(raise_broken, policy, 200))
		return FAIL("the broken counter was never caught");
	if (wrong_runs(raise_right, policy, 200))
		return FAIL("the right counter came out wrong");
	harness_covered(400, "runs");
	return 0;
}

/* One preemption, at each point in turn, is enough to catch it. */
static int test_points(const void *arg)
{
	u64 k, wrong = 0;

	(void)arg;
	for (k = 0; k < 2 * ROUNDS; k++) {
		struct sim_point p = { k, 1 };
		struct sim_schedule s = { .policy = SIM_POINTS, .point = &p,
					  .point_nr = 1, .max_steps = MAX_STEPS };

		wrong += count(raise_broken, 2, &s) != 2 * ROUNDS;
		if (count(raise_right, 2, &s) != 2 * ROUNDS)
			return FAIL("right counter wrong at point %llu",
				    (unsigned long long)k);
	}
	/* before each store: ROUNDS of the 2 * ROUNDS points */
	if (wrong != ROUNDS)
		return FAIL("%llu of %u points caught it", (unsigned long long)
			    wrong, ROUNDS);
	return 0;
}

static int test_repeats(const void *arg)
{
	struct sim_schedule s = { .policy = SIM_RANDOM, .quantum = 2,
				  .max_steps = MAX_STEPS };
	u64 seen[64], differ = 0;
	u32 i;

	(void)arg;
	for (i = 0; i < 64; i++) {
		s.seed = i + 1;
		count(raise_broken, 3, &s);
		seen[i] = order;
		differ += i && seen[i] != seen[0];
	}
	for (i = 0; i < 64; i++) {
		s.seed = i + 1;
		count(raise_broken, 3, &s);
		if (seen[i] != order)
			return FAIL("seed %u gave two orders", i + 1);
	}
	return differ ? 0 : FAIL("64 seeds gave one order");
}

static int test_stop(const void *arg)
{
	struct sim_schedule s = { .policy = SIM_ROUND_ROBIN, .quantum = 1,
				  .max_steps = MAX_STEPS };
	struct sim_host host[2];
	u64 k;

	(void)arg;
	for (k = 0; k <= 2 * ROUNDS; k++) {
		enum sim_end end = k < 2 * ROUNDS ? SIM_STOPPED : SIM_DONE;

		counter.raw = 0;
		sim_host_init(&host[0], raise_broken, NULL);
		sim_stop_after(&host[0], k);
		if (sim_run_one(&host[0], MAX_STEPS))
			return FAIL("run failed at k %llu", (unsigned long long)k);
		if (host[0].end != end || sim_steps(0) != k ||
		    counter.raw != k / 2)
			return FAIL("k %llu: end %d, %llu steps, counter %llu",
				    (unsigned long long)k, host[0].end,
				    (unsigned long long)sim_steps(0),
				    (unsigned long long)counter.raw);
		counter.raw = 0;
		sim_host_init(&host[1], raise_right, NULL);
		if (sim_run(host, 2, &s) || host[1].end != SIM_DONE)
			return FAIL("the other did not go on");
	}
	return 0;
}

/* Waits until host 0 sleeps, looks at what it has done, and wakes it. */
static void watch_and_wake(void *arg)
{
	u64 *seen = arg;

	while (!sim_is_asleep(0))
		port_pause_ns(100);
	*seen = a64_load_relaxed(&counter);
	a64_add_relaxed(&counter, 100);
	if (sim_wake(0) || !sim_wake(0) || !sim_wake(1))
		*seen = SIM_NEVER;
}

/*
 * Asleep before its step k: what it has loaded is old when it goes on. Woken
 * it goes to its end, with each policy.
 */
static int sleeps_and_wakes(const struct sim_schedule *s, u64 k)
{
	/* an odd k is behind a load: the 100 are overwritten */
	u64 seen = 0, want = ROUNDS + (k % 2 ? 0 : 100);
	struct sim_host host[2];

	counter.raw = 0;
	sim_clock_set(0);
	sim_host_init(&host[0], raise_broken, NULL);
	sim_host_init(&host[1], watch_and_wake, &seen);
	sim_sleep_after(&host[0], k);
	if (sim_run(host, 2, s))
		return FAIL("k %llu: the run failed", (unsigned long long)k);
	if (host[0].end != SIM_DONE || host[1].end != SIM_DONE ||
	    seen != k / 2 || sim_steps(0) != 2 * ROUNDS || counter.raw != want)
		return FAIL("policy %d, k %llu: ends %d and %d, saw %llu, %llu "
			    "steps, counter %llu", s->policy,
			    (unsigned long long)k, host[0].end, host[1].end,
			    (unsigned long long)seen,
			    (unsigned long long)sim_steps(0),
			    (unsigned long long)counter.raw);
	return 0;
}

static int test_sleep(const void *arg)
{
	struct sim_schedule s = { .quantum = 2, .seed = 7,
				  .max_steps = MAX_STEPS };
	struct sim_host host[2];
	u64 k;

	(void)arg;
	for (k = 0; k < 2 * ROUNDS; k++)
		for (s.policy = SIM_ROUND_ROBIN; s.policy <= SIM_POINTS; s.policy++)
			if (sleeps_and_wakes(&s, k))
				return -1;
	/* nobody wakes it: the run ends, and says so */
	sim_host_init(&host[0], raise_right, NULL);
	sim_host_init(&host[1], raise_right, NULL);
	sim_sleep_after(&host[0], 3);
	if (sim_run(host, 2, &s) || host[0].end != SIM_ASLEEP ||
	    host[1].end != SIM_DONE || sim_steps(0) != 3)
		return FAIL("never woken: end %d, %llu steps", host[0].end,
			    (unsigned long long)sim_steps(0));
	if (sim_wake(0) != -EINVAL)
		return FAIL("a host was woken outside a run");
	/* asleep it does not reach its stop; awake it does */
	sim_host_init(&host[0], raise_right, NULL);
	sim_sleep_after(&host[0], 3);
	sim_stop_after(&host[0], 3);
	if (sim_run_one(&host[0], MAX_STEPS) || host[0].end != SIM_ASLEEP)
		return FAIL("it stopped in its sleep");
	harness_covered(3 * 2 * ROUNDS, "sleeps");
	return 0;
}

static void wait_for_ten(void *arg)
{
	(void)arg;
	while (a64_load_acquire(&counter) < 10)
		port_pause_ns(1000);
}

static void make_ten(void *arg)
{
	u32 i;

	(void)arg;
	for (i = 0; i < 10; i++) {
		port_pause_ns(500);
		a64_add_relaxed(&counter, 1);
	}
}

static int test_pause(const void *arg)
{
	struct sim_schedule s = { .policy = SIM_POINTS, .max_steps = MAX_STEPS };
	struct sim_host host[2];

	(void)arg;
	counter.raw = 0;
	sim_clock_set(0);
	sim_host_init(&host[0], wait_for_ten, NULL);
	sim_host_init(&host[1], make_ten, NULL);
	if (sim_run(host, 2, &s))
		return FAIL("a pause does not let the other run");
	if (port_now_ns() < 5000 || port_now_ns() > 20000)
		return FAIL("virtual time is %llu", (unsigned long long)
			    port_now_ns());
	if (host[1].paused_ns != 5000)
		return FAIL("paused %llu", (unsigned long long)host[1].paused_ns);
	/* alone it waits for ever: that must end, and say so */
	counter.raw = 0;
	sim_host_init(&host[0], wait_for_ten, NULL);
	if (sim_run_one(&host[0], MAX_STEPS) != -ETIMEDOUT ||
	    host[0].end != SIM_READY)
		return FAIL("a hang was not found");
	/* the others stand still while it waits: a hang again */
	sim_host_init(&host[0], wait_for_ten, NULL);
	sim_host_init(&host[1], make_ten, NULL);
	s.stall = 256;
	if (sim_run(host, 2, &s) != -ETIMEDOUT)
		return FAIL("a stalled host went on");
	return 0;
}

static u8 shared[4096], source[2][4096];

static void copy_to(void *arg)
{
	port_copy_to(shared, arg, sizeof(shared));
}

static void copy_short(void *arg)
{
	port_copy_to(shared, arg, 200);
}

static int test_copies(const void *arg)
{
	struct sim_host host[2];

	(void)arg;
	memset(source[0], 1, sizeof(source[0]));
	memset(source[1], 2, sizeof(source[1]));
	sim_host_init(&host[0], copy_to, source[0]);
	sim_host_init(&host[1], copy_to, source[1]);
	sim_stop_after(&host[1], 1);
	if (sim_run(host, 2, &(struct sim_schedule){
		    .policy = SIM_POINTS, .max_steps = MAX_STEPS }))
		return FAIL("run failed");
	if (shared[0] != 2 || shared[4095] != 1)
		return FAIL("a copy of a page cannot be torn");
	sim_host_init(&host[0], copy_short, source[0]);
	if (sim_run_one(&host[0], MAX_STEPS) || sim_steps(0) != 4)
		return FAIL("200 bytes: %llu steps", (unsigned long long)
			    sim_steps(0));
	return 0;
}

static int test_arguments(const void *arg)
{
	struct sim_point late[2] = { { 5, 0 }, { 4, 0 } }, strange = { 0, 1 };
	struct sim_schedule s = { .policy = SIM_POINTS, .max_steps = MAX_STEPS };
	struct sim_host host;

	(void)arg;
	sim_host_init(&host, raise_right, NULL);
	if (sim_run(&host, 0, &s) != -EINVAL ||
	    sim_run(&host, SIM_HOSTS + 1, &s) != -EINVAL)
		return FAIL("a wrong number of hosts was taken");
	s.point = late;
	s.point_nr = 2;
	if (sim_run(&host, 1, &s) != -EINVAL)
		return FAIL("points out of order were taken");
	s.point = &strange;
	s.point_nr = 1;
	if (sim_run(&host, 1, &s) != -EINVAL)
		return FAIL("a point of no host was taken");
	s.policy = SIM_RANDOM;
	if (sim_run(&host, 1, &s) != -EINVAL)
		return FAIL("a quantum of 0 was taken");
	return 0;
}

static int test_crc(const void *arg)
{
	(void)arg;
	/* the check value of CRC-32/ISO-HDLC */
	if (port_crc32(0, "123456789", 9) != 0xcbf43926u)
		return FAIL("wrong CRC");
	if (port_crc32(port_crc32(0, "1234", 4), "56789", 5) != 0xcbf43926u)
		return FAIL("a CRC cannot be continued");
	return 0;
}

int main(int argc, char **argv)
{
	static const enum sim_policy robin = SIM_ROUND_ROBIN, rnd = SIM_RANDOM;
	static const struct test test[] = {
		{ "round robin catches the broken counter", test_catches, &robin },
		{ "random catches the broken counter", test_catches, &rnd },
		{ "one preemption catches the broken counter", test_points, NULL },
		{ "a seed repeats its run", test_repeats, NULL },
		{ "a host stops after step k", test_stop, NULL },
		{ "a host sleeps after step k and is woken", test_sleep, NULL },
		{ "pauses and virtual time", test_pause, NULL },
		{ "copies go in pieces", test_copies, NULL },
		{ "wrong arguments are refused", test_arguments, NULL },
		{ "crc32", test_crc, NULL },
	};

	return harness_main(argc, argv, test, sizeof(test) / sizeof(test[0]));
}
