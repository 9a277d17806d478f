// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The simulator: coroutines, the scheduler, and the port's longer functions.
 *
 * Notes: a host is a ucontext with a stack of its own. sim_step() decides
 * inline who makes the next step and switches only if that is another host,
 * so a run without preemption costs a few instructions per step. The scheduler
 * keeps its state in one structure; nothing else here is global.
 */
#include <ucontext.h>

#include "sim.h"
#include "noise.h"
#include "weak.h"

#define STACK_LEN	(256u << 10)
#define NOBODY		SIM_HOSTS
#define SHORT_COPY	256u	/* up to here pieces of a cache line */
#define SHORT_PIECE	64u
#define LONG_PIECE	2048u	/* half a page, so that a page can be torn */

struct fiber {
	ucontext_t context;
	u64 wake_ns;		/* pauses until then */
	int asleep;		/* until sim_wake() */
	u8 stack[STACK_LEN] __attribute__((aligned(64)));
};

static struct {
	struct fiber fiber[SIM_HOSTS];
	struct sim_host *host;
	struct sim_schedule schedule;
	ucontext_t home;
	u64 clock_ns;
	u64 steps;
	u64 rng;
	u32 nr;
	u32 self;		/* NOBODY outside a run */
	u32 quantum_left;
	u32 point;		/* next */
	int result;
	u64 last_steps[SIM_HOSTS];
} sim = { .self = NOBODY };

/* splitmix64 */
u64 sim_rand(u64 *state)
{
	u64 z = (*state += 0x9e3779b97f4a7c15ull);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

void sim_host_init(struct sim_host *host, void (*fn)(void *arg), void *arg)
{
	memset(host, 0, sizeof(*host));
	host->fn = fn;
	host->arg = arg;
	host->stop_after = SIM_NEVER;
	host->sleep_after = SIM_NEVER;
}

void sim_stop_after(struct sim_host *host, u64 k)
{
	host->stop_after = k;
}

void sim_sleep_after(struct sim_host *host, u64 k)
{
	host->sleep_after = k;
}

u32 sim_self(void)
{
	return sim.self;
}

u64 sim_now(void)
{
	return sim.steps;
}

u64 sim_steps(u32 host)
{
	return host < SIM_HOSTS ? sim.last_steps[host] : 0;
}

void sim_clock_set(u64 ns)
{
	sim.clock_ns = ns;
}

static int is_ready(u32 i)
{
	return sim.host[i].end == SIM_READY && !sim.fiber[i].asleep;
}

static int is_awake(u32 i)
{
	return is_ready(i) && sim.fiber[i].wake_ns <= sim.clock_ns;
}

/* If all that are left sleep: let time pass until the first wakes. */
static void pass_time(void)
{
	u64 first = SIM_NEVER;
	u32 i;

	for (i = 0; i < sim.nr; i++) {
		if (is_awake(i))
			return;
		if (is_ready(i) && sim.fiber[i].wake_ns < first)
			first = sim.fiber[i].wake_ns;
	}
	if (first != SIM_NEVER)
		sim.clock_ns = first;
}

/* The first host awake from i on, in turn; NOBODY if there is none. */
static u32 awake_from(u32 i)
{
	u32 n;

	for (n = 0; n < sim.nr; n++)
		if (is_awake((i + n) % sim.nr))
			return (i + n) % sim.nr;
	return NOBODY;
}

static u32 any_awake(void)
{
	return awake_from((u32)(sim_rand(&sim.rng) % sim.nr));
}

/* Who makes the next step, as far as the policy has a wish. */
static u32 wish(void)
{
	const struct sim_schedule *s = &sim.schedule;
	u32 to = sim.self;

	switch (s->policy) {
	case SIM_ROUND_ROBIN:
		if (--sim.quantum_left == 0) {
			sim.quantum_left = s->quantum;
			to = awake_from(sim.self + 1);
		}
		break;
	case SIM_RANDOM:
		if (sim_rand(&sim.rng) % s->quantum == 0)
			to = any_awake();
		break;
	case SIM_POINTS:
		while (sim.point < s->point_nr &&
		       s->point[sim.point].step <= sim.steps)
			to = s->point[sim.point++].host;
		break;
	}
	return to;
}

/* The host running ended or sleeps: somebody else must go on. */
static u32 successor(void)
{
	pass_time();
	if (sim.schedule.policy == SIM_RANDOM)
		return any_awake();
	return awake_from(sim.self + 1);
}

static void switch_to(u32 to)
{
	u32 from = sim.self;

	if (to == from)
		return;
	sim.self = to;
	swapcontext(&sim.fiber[from].context,
		    to == NOBODY ? &sim.home : &sim.fiber[to].context);
}

/* Leave the host for ever. Does not return. */
static void end_host(enum sim_end end)
{
	sim.host[sim.self].end = end;
	switch_to(successor());
}

static void give_up(int error)
{
	sim.result = error;
	switch_to(NOBODY);
}

/* The host running stands still, and comes back here when it was woken. */
static void sleep_here(struct sim_host *h)
{
	struct fiber *f = &sim.fiber[sim.self];

	f->asleep = 1;
	h->sleep_after = SIM_NEVER;
	switch_to(successor());
}

const struct daxfs_a64 *sim_watched;
static void (*watcher)(void);

void sim_watch(const struct daxfs_a64 *w, void (*fn)(void))
{
	sim_watched = w;
	watcher = fn;
}

void sim_watched_load(void)
{
	if (sim.self != NOBODY)
		watcher();
}

int sim_is_asleep(u32 host)
{
	return sim.self != NOBODY && host < sim.nr && sim.fiber[host].asleep;
}

int sim_wake(u32 host)
{
	if (!sim_is_asleep(host))
		return -EINVAL;
	sim.fiber[host].asleep = 0;
	return 0;
}

void sim_step(void)
{
	struct sim_host *h;
	u32 to;

	if (sim.self == NOBODY)
		return;
	to = wish();
	if (to < sim.nr && is_awake(to))
		switch_to(to);
	h = &sim.host[sim.self];
	if (h->steps >= h->sleep_after)
		sleep_here(h);
	if (h->steps >= h->stop_after)
		end_host(SIM_STOPPED);
	if (sim.steps >= sim.schedule.max_steps)
		give_up(-ETIMEDOUT);
	if (sim_noisy && sim_noise_now(sim.schedule.noise))
		sim_noise_make();
	h->steps++;
	sim.steps++;
	sim.clock_ns += SIM_STEP_NS;
}

static void fiber_main(void)
{
	struct sim_host *h = &sim.host[sim.self];

	h->fn(h->arg);
	end_host(SIM_DONE);
}

static int fiber_init(struct fiber *f)
{
	f->wake_ns = 0;
	f->asleep = 0;
	if (getcontext(&f->context))
		return -errno;
	f->context.uc_stack.ss_sp = f->stack;
	f->context.uc_stack.ss_size = sizeof(f->stack);
	f->context.uc_link = NULL;
	makecontext(&f->context, fiber_main, 0);
	return 0;
}

static int schedule_is_valid(const struct sim_schedule *s)
{
	u32 i;

	if (s->policy != SIM_POINTS)
		return s->quantum > 0;
	for (i = 0; i < s->point_nr; i++)
		if (s->point[i].host >= sim.nr ||
		    (i && s->point[i].step < s->point[i - 1].step))
			return 0;
	return 1;
}

static int prepare(struct sim_host *hosts, u32 nr,
		   const struct sim_schedule *schedule)
{
	u32 i;
	int err;

	if (sim.self != NOBODY || nr == 0 || nr > SIM_HOSTS)
		return -EINVAL;
	sim.host = hosts;
	sim.nr = nr;
	if (!schedule_is_valid(schedule))
		return -EINVAL;
	sim.schedule = *schedule;
	sim.steps = 0;
	sim.rng = schedule->seed;
	sim.quantum_left = schedule->quantum;
	sim.point = 0;
	sim.result = 0;
	sim_power_run();
	for (i = 0; i < nr; i++) {
		hosts[i].end = SIM_READY;
		hosts[i].steps = 0;
		hosts[i].paused_ns = 0;
		err = fiber_init(&sim.fiber[i]);
		if (err)
			return err;
	}
	return 0;
}

int sim_run(struct sim_host *hosts, u32 nr, const struct sim_schedule *schedule)
{
	u32 i;
	int err;

	err = prepare(hosts, nr, schedule);
	if (err)
		return err;
	sim.self = schedule->policy == SIM_RANDOM ? any_awake() : 0;
	sim_weak_begin(schedule->stale, schedule->seed);
	sim_noise_begin(schedule->noise, schedule->seed);
	if (swapcontext(&sim.home, &sim.fiber[sim.self].context))
		sim.result = -errno;
	sim.self = NOBODY;
	sim_weak_end();
	sim_noisy = 0;
	for (i = 0; i < nr; i++) {
		sim.last_steps[i] = hosts[i].steps;
		if (sim.fiber[i].asleep && !sim.result)
			hosts[i].end = SIM_ASLEEP;
	}
	return sim.result;
}

int sim_run_one(struct sim_host *host, u64 max_steps)
{
	struct sim_schedule s = {
		.policy = SIM_POINTS,
		.max_steps = max_steps,
	};

	return sim_run(host, 1, &s);
}

/* ---- the longer functions of the port ---- */

static size_t piece(size_t len, size_t left)
{
	size_t n = len <= SHORT_COPY ? SHORT_PIECE : LONG_PIECE;

	return left < n ? left : n;
}

static void read_piece(void *to, const void *shared, size_t len)
{
	if (sim_noisy)
		sim_noise_seen(shared);
	if (sim_weak)
		sim_weak_read(to, shared, len);
	else
		memcpy(to, shared, len);
}

static void write_piece(void *shared, const void *from, size_t len)
{
	sim_announce(shared, len);
	if (sim_weak)
		sim_weak_write(shared, from, len);
	else
		memcpy(shared, from, len);
}

void raw_copy_from(void *to, const void *shared, size_t len)
{
	size_t at, n;

	for (at = 0; at < len; at += n) {
		n = piece(len, len - at);
		sim_step();
		read_piece((u8 *)to + at, (const u8 *)shared + at, n);
	}
}

void raw_copy_to(void *shared, const void *from, size_t len)
{
	size_t at, n;

	for (at = 0; at < len; at += n) {
		n = piece(len, len - at);
		sim_step();
		write_piece((u8 *)shared + at, (const u8 *)from + at, n);
	}
}

/* What was read may change before it is stored: two steps a piece. */
void raw_copy_within(void *shared_to, const void *shared_from, size_t len)
{
	u8 buf[LONG_PIECE];
	size_t at, n;

	for (at = 0; at < len; at += n) {
		n = piece(len, len - at);
		sim_step();
		read_piece(buf, (const u8 *)shared_from + at, n);
		sim_step();
		write_piece((u8 *)shared_to + at, buf, n);
	}
}

void raw_zero(void *shared, size_t len)
{
	static const u8 zeros[LONG_PIECE];
	size_t at, n;

	for (at = 0; at < len; at += n) {
		n = piece(len, len - at);
		sim_step();
		write_piece((u8 *)shared + at, zeros, n);
	}
}

u64 port_now_ns(void)
{
	return sim.clock_ns;
}

static int others_stall(void)
{
	return sim.schedule.stall &&
	       (sim_rand(&sim.rng) & 255) < sim.schedule.stall;
}

void port_pause_ns(u64 ns)
{
	if (sim.self == NOBODY) {
		sim.clock_ns += ns;
		return;
	}
	sim.host[sim.self].paused_ns += ns;
	if (others_stall()) {
		sim.clock_ns += ns;
	} else {
		sim.fiber[sim.self].wake_ns = sim.clock_ns + ns;
		switch_to(successor());
	}
	sim_step();
}

/* Bitwise: the simulator checks small superblocks only. */
u32 port_crc32(u32 crc, const void *buf, size_t len)
{
	const u8 *p = buf;
	int bit;

	crc = ~crc;
	while (len--) {
		crc ^= *p++;
		for (bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
	}
	return ~crc;
}
