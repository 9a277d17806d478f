// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The page cache, step by step: fills, waits, pins and evictions of several hosts.
 *
 * Notes: a host of this test does what a front end does, but for the files:
 * read_page() finds a page, or claims it and copies the bytes of the backing file
 * into its slot word by word, so that it can be stopped between any two; it
 * counts each such read. What it returns is compared with the file each time.
 * In narrow worlds host 3 pins all slots of a set but one, for which all compete.
 */
#include <stdlib.h>

#include "world.h"
#include "cache.h"
#include "region.h"
#include "word.h"

#define SLOTS		64u
#define PAGES		64u		/* that a course reads */
#define WAITS		200u		/* then a host reads past the cache */
#define WAIT_NS		1000u
#define RUN_STEPS	2000000ull

static struct world world;
static u32 reads[WORLD_BACKING_PAGES];	/* of each page of file 0 */
static u32 wrong;			/* pages that were not what they are */
static u32 past;			/* reads past the cache */
static u32 pins_before;			/* of the setup */

static void setup_as(const struct world_options *o)
{
	world_make_as(&world, o);
	pins_before = 0;
	world_freeze(&world);
}

static void setup(void)
{
	setup_as(&(struct world_options){ .buckets = 512, .base = 1,
					  .cache_slots = SLOTS });
}

static void reset(void)
{
	world_reset(&world);
	memset(reads, 0, sizeof(reads));
	wrong = past = 0;
}

/* Number n of the pages of one set. */
static u64 page_of_set(u32 n)
{
	u64 first = world_backing_addr(0, 100), page = 100;
	u64 set = daxfs_cache_set(&world.rg[0], first);

	for (u32 found = 0; ; page++) {
		u64 addr = world_backing_addr(0, page);

		if (daxfs_cache_set(&world.rg[0], addr) == set && found++ == n)
			return addr;
	}
}

static u64 nr_of(u64 addr)
{
	return (addr & (DAXFS_BACKING_MAX - 1)) >> DAXFS_PAGE_SHIFT;
}

/* ---- what a front end does ---- */

/* The read(2): into the slot, in four pieces. */
static void read_into(u64 addr, void *to)
{
	u8 page[DAXFS_PAGE_SIZE];

	reads[nr_of(addr)]++;
	world_backing_page(addr, page);
	for (u32 i = 0; i < DAXFS_PAGE_SIZE; i += 1024)
		port_copy_to((u8 *)to + i, page + i, 1024);
}

static void compare(u64 addr, const u8 *got)
{
	u8 want[DAXFS_PAGE_SIZE];

	world_backing_page(addr, want);
	wrong += !!memcmp(got, want, sizeof(want));
}

static int copy_page(struct daxfs_cx *cx, u64 addr)
{
	struct daxfs_run run = { .off = addr, .len = DAXFS_PAGE_SIZE, .away = 1 };
	u8 got[DAXFS_PAGE_SIZE];
	u64 done;
	int r = daxfs_away_copy(cx, &run, 0, DAXFS_PAGE_SIZE, got, 0, &done);

	if (!r)
		compare(addr, got);
	return r;
}

/* Bring it in. 0: it is, or somebody does; 1: not to be had; or an error. */
static int bring_in(struct daxfs_cx *cx, u64 addr)
{
	struct daxfs_fill f;
	int r = daxfs_cache_claim(cx, addr, &f);

	switch (r) {
	case DAXFS_CACHE_OURS:
		read_into(addr, f.page);
		r = daxfs_cache_filled(cx, &f);
		return r == -ESTALE ? 0 : r;
	case DAXFS_CACHE_WAIT:
		port_pause_ns(WAIT_NS);
		return 0;
	case DAXFS_CACHE_VALID:
		return 0;
	case DAXFS_CACHE_FULL:
		return 1;
	default:
		return r < 0 ? r : -EPROTO;
	}
}

static int read_page(struct daxfs_cx *cx, u64 addr)
{
	for (u32 i = 0; i < WAITS; i++) {
		int r = copy_page(cx, addr);

		if (r != -EREMOTE)
			return r;
		r = bring_in(cx, addr);
		if (r < 0)
			return r;
		if (r)
			break;
	}
	past++;
	return 0;
}

#define PINNED_FIRST	40u	/* numbers of the pages that are pinned */
#define PINNED_NR	(DAXFS_CACHE_WAYS - 1)

static void setup_narrow(void)
{
	u64 slot, off;

	world_make_as(&world, &(struct world_options){ .buckets = 512, .base = 1,
						       .cache_slots = SLOTS });
	for (u32 i = PINNED_FIRST; i < PINNED_FIRST + PINNED_NR; i++) {
		SETUP(read_page(&world.cx[3], page_of_set(i)));
		SETUP(daxfs_cache_pin(&world.cx[3], page_of_set(i), &slot, &off));
	}
	pins_before = PINNED_NR;
	world_freeze(&world);
}

struct reader {
	u32 host;
	u64 addr;
	int result;
};

static void do_read(void *arg)
{
	struct reader *r = arg;

	r->result = read_page(&world.cx[r->host], r->addr);
}

/* ---- what must be true when nobody is at work ---- */

static u32 count_state(u64 state)
{
	struct daxfs_cache_stat st;

	daxfs_cache_stat(&world.rg[3], &st);
	return (u32)st.state[state];
}

/* Each VALID slot holds what its word says, and no page is there twice. */
static int slots_ok(void)
{
	u64 nr = daxfs_cache_slot_nr(&world.rg[0]);

	for (u64 i = 0; i < nr; i++) {
		u64 v = daxfs_cache_slot_at(&world.rg[0], i)->word.raw, slot, off;
		u8 want[DAXFS_PAGE_SIZE];

		if (DAXFS_KIND(v) != DAXFS_C_VALID)
			continue;
		if (daxfs_cache_pin(&world.cx[2], cslot_addr(v), &slot, &off) ||
		    slot != i)
			return FAIL("slot %llu: its page is in another slot",
				    (unsigned long long)i);
		daxfs_cache_unpin(&world.cx[2], slot);
		world_backing_page(cslot_addr(v), want);
		if (memcmp(world.base + off, want, sizeof(want)))
			return FAIL("slot %llu: the page is of something else",
				    (unsigned long long)i);
	}
	return 0;
}

static int recover(u32 host)
{
	struct daxfs_host_info info;

	if (daxfs_host_info(&world.rg[2], host, &info) ||
	    daxfs_host_mark_dead(&world.rg[2], host, info.incarnation))
		return FAIL("host %u cannot be declared dead", host);
	if (daxfs_host_recover(&world.cx[2], host))
		return FAIL("host %u cannot be recovered", host);
	return 0;
}

static int nothing_left(void)
{
	struct daxfs_cache_stat st;

	daxfs_cache_stat(&world.rg[3], &st);
	if (st.state[DAXFS_C_CLAIM] || st.state[DAXFS_C_PENDING] ||
	    st.pinned != pins_before)
		return FAIL("%llu claims, %llu fills and %llu pinned slots are left",
			    (unsigned long long)st.state[DAXFS_C_CLAIM],
			    (unsigned long long)st.state[DAXFS_C_PENDING],
			    (unsigned long long)st.pinned);
	return slots_ok();
}

/* ---- several miss one page ---- */

static int one_miss(const struct sim_schedule *s, u32 hosts)
{
	struct reader r[3];
	struct sim_host h[3];
	u64 addr = page_of_set(0);

	reset();
	for (u32 i = 0; i < hosts; i++) {
		r[i] = (struct reader){ i, addr, 0 };
		sim_host_init(&h[i], do_read, &r[i]);
	}
	if (sim_run(h, hosts, s))
		return FAIL("no end");
	for (u32 i = 0; i < hosts; i++)
		if (r[i].result)
			return FAIL("host %u: %s", i, strerror(-r[i].result));
	if (wrong || past)
		return FAIL("%u wrong pages, %u read past the cache", wrong, past);
	if (reads[nr_of(addr)] != 1)
		return FAIL("%u reads of one page", reads[nr_of(addr)]);
	return nothing_left();
}

static u64 steps_of_read(void)
{
	struct reader r = { 0, page_of_set(0), 0 };
	struct sim_host h;

	reset();
	sim_host_init(&h, do_read, &r);
	sim_run_one(&h, RUN_STEPS);
	return sim_steps(0);
}

/* Host 1 begins after k steps, and has m of them at once. */
static int test_two_miss(const void *arg)
{
	u64 steps, k, m, nr = 0;
	int r = 0;

	(void)arg;
	setup();
	steps = steps_of_read();
	for (k = 0; k <= steps && !r; k++) {
		for (m = 1; m <= steps && !r; m++, nr++) {
			struct sim_point point[] = { { k, 1 }, { k + m, 0 } };
			struct sim_schedule s = {
				.policy = SIM_POINTS, .point = point,
				.point_nr = 2, .max_steps = RUN_STEPS,
			};

			r = one_miss(&s, 2);
			if (r)
				FAIL("k %llu, m %llu", (unsigned long long)k,
				     (unsigned long long)m);
		}
	}
	harness_covered(nr, "pairs of steps");
	world_free(&world);
	return r;
}

static int random_misses(u32 stale)
{
	u64 nr = harness_runs(1500), seed = harness_seed(), i;
	int r = 0;

	setup();
	for (i = 0; i < nr && !r; i++) {
		struct sim_schedule s = {
			.policy = SIM_RANDOM, .seed = seed + i,
			.quantum = 1 + (u32)(i % 7), .stall = 64,
			.max_steps = RUN_STEPS, .stale = stale,
		};

		r = one_miss(&s, 3);
		if (r)
			FAIL("seed %llu", (unsigned long long)(seed + i));
	}
	harness_covered(nr, "schedules");
	world_free(&world);
	return r;
}

static int test_three_miss(const void *arg)
{
	(void)arg;
	return random_misses(0);
}

static int test_three_miss_weak(const void *arg)
{
	(void)arg;
	return random_misses(64);
}

/* ---- who fills stops, or stands still ---- */

static int survivors(u64 addr)
{
	u32 claims = count_state(DAXFS_C_CLAIM);

	/* Another host gets on, whatever state the slot is in. */
	if (read_page(&world.cx[1], addr))
		return FAIL("the other host cannot read");
	if (claims && past)
		return FAIL("a mere claim keeps the page out of the cache");
	if (recover(0))
		return -1;
	if (nothing_left())
		return -1;
	past = 0;
	if (read_page(&world.cx[1], addr) || past || wrong)
		return FAIL("afterwards: %u past the cache, %u wrong", past, wrong);
	return world_account(&world.cx[3]) ? FAIL("the accounts are wrong") : 0;
}

static int test_stop(const void *arg)
{
	u64 steps, k;
	int r = 0;

	(void)arg;
	setup();
	steps = 4 * steps_of_read();
	for (k = 0; k <= steps && !r; k++) {
		struct reader rd = { 0, page_of_set(k % 4), 0 };
		struct sim_host h;

		reset();
		sim_host_init(&h, do_read, &rd);
		sim_stop_after(&h, k / 4);
		sim_run_one(&h, RUN_STEPS);
		r = survivors(rd.addr);
		if (r)
			FAIL("stopped after step %llu", (unsigned long long)k);
	}
	harness_covered(steps + 1, "places to stop");
	world_free(&world);
	return r;
}

/* A dead filler is gone past before anybody has recovered it. */
static int test_dead_filler(const void *arg)
{
	struct daxfs_host_info info;
	struct daxfs_fill f;
	u64 addr;
	int r = 0;

	(void)arg;
	setup();
	reset();
	addr = page_of_set(0);
	if (daxfs_cache_claim(&world.cx[0], addr, &f) != DAXFS_CACHE_OURS)
		r = FAIL("the page is not ours");
	if (!r && daxfs_cache_claim(&world.cx[1], addr, &f) != DAXFS_CACHE_WAIT)
		r = FAIL("a filler that lives is not waited for");
	SETUP(daxfs_host_info(&world.rg[2], 0, &info));
	SETUP(daxfs_host_mark_dead(&world.rg[2], 0, info.incarnation));
	if (!r && (read_page(&world.cx[1], addr) || past || wrong ||
		   reads[nr_of(addr)] != 1))
		r = FAIL("another slot is not used: %u past", past);
	if (!r && count_state(DAXFS_C_PENDING) != 1)
		r = FAIL("the slot of the dead one was touched");
	if (!r && (daxfs_host_recover(&world.cx[2], 0) || nothing_left()))
		r = FAIL("recovery");
	world_free(&world);
	return r;
}

static void setup_by(const void *narrow)
{
	if (narrow)
		setup_narrow();
	else
		setup();
}

static u64 churned;		/* address of the page that host 0 reads */

/* Twice through more pages of the set than it has slots. */
static void do_churn(void *arg)
{
	struct reader *r = arg;

	for (u32 i = 0; i < 2 * 20 && !r->result; i++)
		r->result = read_page(&world.cx[r->host], page_of_set(1 + i % 20));
	sim_wake(0);
	for (u32 i = 0; i < 20 && !r->result; i++)	/* as it was last */
		r->result = read_page(&world.cx[r->host], page_of_set(20));
}

/* Host 0 stands still after step k for as long as host 1 turns the set over. */
static int late_at(u64 k)
{
	struct reader r[2] = { { 0, churned, 0 }, { 1, 0, 0 } };
	struct sim_schedule s = { .policy = SIM_ROUND_ROBIN, .quantum = 3,
				  .max_steps = RUN_STEPS };
	struct sim_host h[2];

	reset();
	sim_host_init(&h[0], do_read, &r[0]);
	sim_host_init(&h[1], do_churn, &r[1]);
	sim_sleep_after(&h[0], k);
	if (sim_run(h, 2, &s))
		return FAIL("no end");
	if (h[0].end == SIM_ASLEEP || r[0].result || r[1].result || wrong)
		return FAIL("asleep %d, results %d and %d, %u wrong pages",
			    h[0].end == SIM_ASLEEP, r[0].result, r[1].result,
			    wrong);
	return nothing_left();
}

static int test_late(const void *arg)
{
	u64 steps, k;
	int r = 0;

	setup_by(arg);
	churned = page_of_set(0);
	steps = steps_of_read();
	for (k = 0; k < steps && !r; k++) {
		r = late_at(k);
		if (r)
			FAIL("asleep after step %llu", (unsigned long long)k);
	}
	harness_covered(steps, "places to stand still");
	world_free(&world);
	return r;
}

/* ---- evictions beside readers and pins ---- */

static void do_reads(void *arg)
{
	struct reader *r = arg;

	for (u32 i = 0; i < 8 && !r->result; i++)
		r->result = read_page(&world.cx[r->host], page_of_set(i % 2));
}

static void do_evict(void *arg)
{
	struct reader *r = arg;

	for (u32 i = 0; i < 16 && !r->result; i++)
		r->result = read_page(&world.cx[r->host],
				      page_of_set((i + r->host) % 3));
}

/* Pin, look twice, unpin; the caller's count is 0 before and afterwards. */
static int pin_once(struct daxfs_cx *cx, u64 addr)
{
	u8 got[DAXFS_PAGE_SIZE];
	u64 slot, off;
	int r = daxfs_cache_pin(cx, addr, &slot, &off);

	for (u32 i = 0; i < 2 && !r; i++) {
		for (u32 at = 0; at < sizeof(got); at += 1024)
			port_copy_from(got + at, cx->rg->base + off + at, 1024);
		compare(addr, got);
	}
	if (slot != DAXFS_NO_SLOT)
		daxfs_cache_unpin(cx, slot);
	return r;
}

static void do_pins(void *arg)
{
	struct reader *r = arg;
	struct daxfs_cx *cx = &world.cx[r->host];

	for (u32 i = 0, pins = 0; i < 60 && pins < 8 && !r->result; i++) {
		u64 addr = page_of_set(pins % 2);

		r->result = pin_once(cx, addr);
		pins += !r->result;
		if (r->result != -EREMOTE)
			continue;
		r->result = bring_in(cx, addr);
		if (r->result > 0)
			r->result = 0;
	}
}

struct beside {
	void (*fn)(void *arg);
	u32 stale;
};

static int one_beside(const struct beside *b, u64 seed)
{
	struct reader r[3] = { { 0, 0, 0 }, { 1, 0, 0 }, { 2, 0, 0 } };
	struct sim_schedule s = { .policy = SIM_RANDOM, .seed = seed,
				  .quantum = 1 + (u32)(seed % 9), .stall = 64,
				  .max_steps = RUN_STEPS, .stale = b->stale };
	struct sim_host h[3];

	reset();
	sim_host_init(&h[0], b->fn, &r[0]);
	sim_host_init(&h[1], do_evict, &r[1]);
	sim_host_init(&h[2], do_evict, &r[2]);
	if (sim_run(h, 3, &s))
		return FAIL("no end");
	for (u32 i = 0; i < 3; i++)
		if (r[i].result)
			return FAIL("host %u: %s", i, strerror(-r[i].result));
	if (wrong)
		return FAIL("%u pages were of something else", wrong);
	return nothing_left();
}

static int test_beside(const void *arg)
{
	u64 nr = harness_runs(1000), seed = harness_seed(), i;
	int r = 0;

	setup_narrow();
	for (i = 0; i < nr && !r; i++) {
		r = one_beside(arg, seed + i);
		if (r)
			FAIL("seed %llu", (unsigned long long)(seed + i));
	}
	harness_covered(nr, "schedules");
	world_free(&world);
	return r;
}

static void do_copy(void *arg)
{
	struct reader *r = arg;

	r->result = copy_page(&world.cx[r->host], r->addr);
}

static void do_pin_one(void *arg);

static void do_bring(void *arg)
{
	struct reader *r = arg;

	r->result = bring_in(&world.cx[r->host], r->addr);
}

static u64 steps_of(void (*fn)(void *arg), u32 host, u64 addr)
{
	struct reader r = { host, addr, 0 };
	struct sim_host h;

	sim_host_init(&h, fn, &r);
	sim_run_one(&h, RUN_STEPS);
	return sim_steps(0);
}

/*
 * The only slot has page 0. Host 0 uses it; after k steps it has page 1, and j
 * steps later page 0 again.
 */
static int there_and_back(void (*fn)(void *arg), u64 k, u64 j, const u64 *bring)
{
	struct reader r[3] = { { 0, page_of_set(0), 0 }, { 1, page_of_set(1), 0 },
			       { 2, page_of_set(0), 0 } };
	struct sim_point point[] = {
		{ k, 1 }, { k + bring[0], 0 }, { k + bring[0] + j, 2 },
		{ k + bring[0] + j + bring[1], 0 },
	};
	struct sim_schedule s = { .policy = SIM_POINTS, .point = point,
				  .point_nr = 4, .seed = 1, .stall = 256,
				  .max_steps = RUN_STEPS };
	struct sim_host h[3];

	reset();
	SETUP(read_page(&world.cx[1], r[0].addr));
	sim_host_init(&h[0], fn, &r[0]);
	sim_host_init(&h[1], do_bring, &r[1]);
	sim_host_init(&h[2], do_bring, &r[2]);
	if (sim_run(h, 3, &s))
		return FAIL("no end");
	if (r[0].result && r[0].result != -EREMOTE)
		return FAIL("%s", strerror(-r[0].result));
	return wrong ? FAIL("the page was of something else") : nothing_left();
}

/*
 * As above, but host 2 stands still after m steps of bringing page 0 back, for the
 * next j steps of host 0: who copies must not take half of a fill for a whole one.
 */
static int back_in_parts(u64 k, u64 m, u64 j, const u64 *bring)
{
	struct reader r[3] = { { 0, page_of_set(0), 0 }, { 1, page_of_set(1), 0 },
			       { 2, page_of_set(0), 0 } };
	u64 at = k + bring[0];
	struct sim_point point[] = {
		{ k, 1 }, { at, 2 }, { at + m, 0 }, { at + m + j, 2 },
		{ at + j + bring[1], 0 },
	};
	struct sim_schedule s = { .policy = SIM_POINTS, .point = point,
				  .point_nr = 5, .seed = 1, .stall = 256,
				  .max_steps = RUN_STEPS };
	struct sim_host h[3];

	reset();
	SETUP(read_page(&world.cx[1], r[0].addr));
	sim_host_init(&h[0], do_copy, &r[0]);
	sim_host_init(&h[1], do_bring, &r[1]);
	sim_host_init(&h[2], do_bring, &r[2]);
	if (sim_run(h, 3, &s))
		return FAIL("no end");
	return wrong ? FAIL("the page was of something else") : nothing_left();
}

static int test_in_parts(const void *arg)
{
	u64 steps, bring[2], k, m, j, nr = 0;
	int r = 0;

	(void)arg;
	setup_narrow();
	reset();
	SETUP(read_page(&world.cx[1], page_of_set(0)));
	steps = steps_of(do_copy, 0, page_of_set(0));
	bring[0] = steps_of(do_bring, 1, page_of_set(1));
	bring[1] = steps_of(do_bring, 2, page_of_set(0));
	for (k = 1; k < steps && !r; k++)
		for (j = 1; j <= steps - k && !r; j++)
			for (m = 1; m < bring[1] && !r; m++, nr++) {
				r = back_in_parts(k, m, j, bring);
				if (r)
					FAIL("k %llu, m %llu, j %llu",
					     (unsigned long long)k,
					     (unsigned long long)m,
					     (unsigned long long)j);
			}
	harness_covered(nr, "triples of steps");
	world_free(&world);
	return r;
}

static int test_and_back(const void *arg)
{
	void (*fn)(void *arg) = arg ? do_pin_one : do_copy;
	u64 steps, bring[2], k, j, nr = 0;
	int r = 0;

	setup_narrow();
	reset();
	SETUP(read_page(&world.cx[1], page_of_set(0)));
	steps = steps_of(fn, 0, page_of_set(0));
	bring[0] = steps_of(do_bring, 1, page_of_set(1));
	bring[1] = steps_of(do_bring, 2, page_of_set(0));
	for (k = 0; k <= steps && !r; k++)
		for (j = 0; j <= steps - k && !r; j++, nr++) {
			r = there_and_back(fn, k, j, bring);
			if (r)
				FAIL("k %llu, j %llu", (unsigned long long)k,
				     (unsigned long long)j);
		}
	harness_covered(nr, "pairs of steps");
	world_free(&world);
	return r;
}

/* Who pins stops after each step; its pins are found and dropped. */
static void do_pin_one(void *arg)
{
	struct reader *r = arg;

	r->result = pin_once(&world.cx[r->host], r->addr);
}

static int test_pin_stop(const void *arg)
{
	u64 k, nr = 0;
	int r = 0, more = 1;

	(void)arg;
	setup();
	for (k = 0; more && !r; k++, nr++) {
		struct reader rd = { 0, page_of_set(0), 0 };
		struct sim_host h;

		reset();
		SETUP(read_page(&world.cx[1], rd.addr));
		sim_host_init(&h, do_pin_one, &rd);
		sim_stop_after(&h, k);
		sim_run_one(&h, RUN_STEPS);
		more = h.end == SIM_STOPPED;
		r = recover(0) || nothing_left();
		if (r)
			FAIL("stopped after step %llu", (unsigned long long)k);
	}
	harness_covered(nr, "places to stop");
	world_free(&world);
	return r;
}

/* All slots of a set are pinned: the page is to be read past the cache. */
static int test_all_pinned(const void *arg)
{
	struct daxfs_fill f;
	u64 slot, off;
	int r = 0;

	(void)arg;
	setup();
	reset();
	for (u32 i = 0; i < DAXFS_CACHE_WAYS && !r; i++) {
		SETUP(read_page(&world.cx[0], page_of_set(i)));
		SETUP(daxfs_cache_pin(&world.cx[0], page_of_set(i), &slot, &off));
	}
	if (daxfs_cache_claim(&world.cx[1], page_of_set(20), &f) != DAXFS_CACHE_FULL)
		r = FAIL("a pinned slot was given away");
	daxfs_cache_unpin(&world.cx[0], slot);
	if (!r && daxfs_cache_claim(&world.cx[1], page_of_set(20), &f) !=
		  DAXFS_CACHE_OURS)
		r = FAIL("the slot without a pin is not to be had");
	if (!r && f.slot != slot)
		r = FAIL("another slot than the one without a pin");
	world_free(&world);
	return r;
}

/* ---- asking and serving ---- */

static void do_serve(void *arg)
{
	struct reader *r = arg;
	struct daxfs_fill f;
	u64 seen = 0;

	for (u32 i = 0; i < 40; i++) {
		int s = daxfs_cache_serve(&world.cx[r->host], &seen, &f);

		if (s == DAXFS_CACHE_OURS) {
			read_into(f.addr, f.page);
			daxfs_cache_filled(&world.cx[r->host], &f);
			r->result = 1;
		}
		port_pause_ns(WAIT_NS);
	}
}

/* A host without the file: it asks, waits, and asks again now and then. */
static int ask_page(struct daxfs_cx *cx, u64 addr, u32 waits)
{
	u32 filler;

	for (u32 i = 0; i < waits; i++) {
		int r = copy_page(cx, addr);

		if (r != -EREMOTE)
			return r;
		r = daxfs_cache_state(cx, addr, &filler);
		if (r == DAXFS_CACHE_FAILED && i)
			return -EIO;
		if (i % 8 == 0)
			r = daxfs_cache_ask(cx, addr, 0);
		if (r < 0)
			return r;
		port_pause_ns(WAIT_NS);
	}
	daxfs_cache_withdraw(cx, addr);
	return -ETIMEDOUT;
}

static void do_ask(void *arg)
{
	struct reader *r = arg;

	r->result = ask_page(&world.cx[r->host], r->addr, WAITS);
}

static u64 serve_steps;

/* Host 1 serves and stops after k steps, host 2 is there from then on. */
static int serve_stop_at(u64 k)
{
	struct reader a = { 3, page_of_set(0), 0 }, b = { 1, 0, 0 }, c = { 2, 0, 0 };
	struct sim_schedule s = { .policy = SIM_ROUND_ROBIN, .quantum = 5,
				  .max_steps = RUN_STEPS };
	struct sim_host h[2];

	reset();
	sim_host_init(&h[0], do_ask, &a);
	sim_host_init(&h[1], do_serve, &b);
	sim_stop_after(&h[1], k);
	if (sim_run(h, 2, &s))
		return FAIL("no end");
	if (k == SIM_NEVER)
		serve_steps = sim_steps(1);
	if (!a.result)
		return wrong ? FAIL("the wrong page") : 0;
	if (a.result != -ETIMEDOUT || recover(1))
		return FAIL("asking ends with %d", a.result);
	sim_host_init(&h[0], do_ask, &a);
	sim_host_init(&h[1], do_serve, &c);
	if (sim_run(h, 2, &s) || a.result || wrong)
		return FAIL("the other one does not serve: %d, %u wrong", a.result,
			    wrong);
	return nothing_left();
}

static int test_serve(const void *arg)
{
	int r;

	(void)arg;
	setup();
	r = serve_stop_at(SIM_NEVER);
	for (u64 k = 0; k < serve_steps && !r; k++) {
		r = serve_stop_at(k);
		if (r)
			FAIL("stopped after step %llu", (unsigned long long)k);
	}
	harness_covered(serve_steps, "places to stop");
	world_free(&world);
	return r;
}

/* Nobody serves: what was asked for is withdrawn, and in nobody's way. */
static int test_nobody(const void *arg)
{
	int r = 0;

	(void)arg;
	setup();
	reset();
	if (ask_page(&world.cx[3], page_of_set(0), 20) != -ETIMEDOUT)
		r = FAIL("it does not end");
	for (u32 i = 0; i < 20 && !r; i++)	/* askers that are gone */
		if (daxfs_cache_ask(&world.cx[3], page_of_set(i), 0) < 0)
			r = FAIL("asking fails");
	for (u32 i = 20; i < 60 && !r; i++)
		if (read_page(&world.cx[0], page_of_set(i)) || past || wrong)
			r = FAIL("slots that were asked for are lost");
	world_free(&world);
	return r;
}

/* A page that cannot be read: who waits is told, the next one tries again. */
static int test_failed(const void *arg)
{
	struct daxfs_fill f;
	u64 addr;
	u32 filler;
	int r = 0;

	(void)arg;
	setup();
	reset();
	addr = page_of_set(0);
	SETUP(daxfs_cache_ask(&world.cx[3], addr, 0));
	if (daxfs_cache_claim(&world.cx[0], addr, &f) != DAXFS_CACHE_OURS)
		r = FAIL("what is asked for is not taken");
	SETUP(daxfs_cache_failed(&world.cx[0], &f));
	if (!r && daxfs_cache_state(&world.cx[3], addr, &filler) !=
		  DAXFS_CACHE_FAILED)
		r = FAIL("who waits is not told");
	if (!r && copy_page(&world.cx[3], addr) != -EREMOTE)
		r = FAIL("a page that was not read is there");
	if (!r && (read_page(&world.cx[1], addr) || wrong || past))
		r = FAIL("the next access does not try again");
	if (!r)
		r = nothing_left();
	world_free(&world);
	return r;
}

/* ---- whom to wait for, by a clock of the test's ---- */

#define SEC		1000000000ull

static u64 clock_ns;

/* Host 0 waits for host 1, a look each 20 ms, for that long. 1: it goes past. */
static int wait_filler(struct daxfs_waits *all, struct daxfs_wait *w, u64 ns)
{
	for (u64 end = clock_ns + ns; clock_ns < end; clock_ns += SEC / 50)
		if (daxfs_wait_filler(&world.rg[0], all, w, 1, clock_ns))
			return 1;
	return 0;
}

static int gets_on(u32 host, u32 page)
{
	return read_page(&world.cx[host], page_of_set(page));
}

/*
 * A filler that lives is waited for as long as it gets on with anything; one that stands
 * still is gone past by all, at once, until it moves.
 */
static int stands_still(struct daxfs_waits *all)
{
	struct daxfs_wait w, other;

	daxfs_wait_begin(&w, clock_ns);
	for (u32 i = 0; i < 5; i++) {
		if (wait_filler(all, &w, 3 * SEC / 2))
			return FAIL("one that gets on is gone past");
		SETUP(gets_on(1, i));
	}
	if (!wait_filler(all, &w, 5 * SEC / 2))
		return FAIL("one that stands still is waited for");
	daxfs_wait_begin(&other, clock_ns);
	if (!daxfs_wait_filler(&world.rg[0], all, &other, 1, clock_ns))
		return FAIL("the next one does not know");
	SETUP(gets_on(1, 6));
	daxfs_wait_begin(&other, clock_ns);
	if (wait_filler(all, &other, SEC))
		return FAIL("it has moved, and is gone past");
	return 0;
}

static int test_wait_filler(const void *arg)
{
	struct daxfs_waits all;
	int r;

	(void)arg;
	setup();
	reset();
	memset(&all, 0, sizeof(all));
	clock_ns = SEC;
	r = stands_still(&all);
	world_free(&world);
	return r;
}

/* Host 3 waits to be served, for that long. NULL: it still does. */
static const char *wait_served(struct daxfs_waits *all, u64 ns)
{
	struct daxfs_wait w;
	const char *why;
	u64 end = clock_ns + ns;

	daxfs_wait_begin(&w, clock_ns);
	why = daxfs_wait_served(&world.rg[3], all, &w, DAXFS_HOSTS, clock_ns);
	while (!why && (clock_ns += SEC / 50) < end)
		if (daxfs_wait_look(&w, clock_ns))
			why = daxfs_wait_served(&world.rg[3], all, &w, DAXFS_HOSTS, clock_ns);
	return why;
}

static int nobody_serves(struct daxfs_waits *all)
{
	u64 begun = clock_ns;

	if (!wait_served(all, 3 * SEC) || clock_ns - begun < 2 * SEC)
		return FAIL("without a filler it waits for other than two seconds");
	begun = clock_ns;
	if (!wait_served(all, SEC) || clock_ns != begun)
		return FAIL("that it was in vain is not remembered");
	daxfs_cache_backing_here(&world.rg[1], 1);
	begun = clock_ns;
	if (wait_served(all, 3 * SEC))
		return FAIL("a new filler is not waited for");
	if (!wait_served(all, 5 * SEC) || clock_ns - begun < 4 * SEC)
		return FAIL("one that does not get on is waited for");
	SETUP(gets_on(1, 0));
	begun = clock_ns;
	if (wait_served(all, 3 * SEC))
		return FAIL("it gets on, and is not waited for");
	if (!wait_served(all, 5 * SEC))
		return FAIL("it has stopped again, and is waited for");
	clock_ns += 60 * SEC;
	if (wait_served(all, SEC))
		return FAIL("what was in vain is remembered for ever");
	return 0;
}

static int test_wait_served(const void *arg)
{
	struct daxfs_waits all;
	int r;

	(void)arg;
	setup();
	reset();
	memset(&all, 0, sizeof(all));
	clock_ns = SEC;
	r = nobody_serves(&all);
	world_free(&world);
	return r;
}

/* Pages at once: those that are wanted, no more than an eighth of the cache. */
static int test_miss_run(const void *arg)
{
	struct daxfs_miss miss = { .addr = DAXFS_PAGE_SIZE,
				   .len = 3 * DAXFS_PAGE_SIZE + 1 };
	struct daxfs_fill fill[DAXFS_FILL_PAGES];
	int r = 0;
	u32 nr;

	(void)arg;
	setup();
	reset();
	if (daxfs_miss_claim(&world.cx[0], &miss, fill, &nr) != DAXFS_CACHE_OURS ||
	    nr != 4)
		r = FAIL("%u pages instead of four", nr);
	for (u32 i = 0; i < nr && !r; i++) {
		if (fill[i].addr != (1 + i) * DAXFS_PAGE_SIZE)
			r = FAIL("they are not one behind the other");
		read_into(fill[i].addr, fill[i].page);
		SETUP(daxfs_cache_filled(&world.cx[0], &fill[i]));
	}
	if (!r && (daxfs_miss_claim(&world.cx[0], &miss, fill, &nr) !=
		   DAXFS_CACHE_VALID || nr))
		r = FAIL("what is there is claimed");
	miss.addr = 8 * DAXFS_PAGE_SIZE;
	miss.len = 60 * DAXFS_PAGE_SIZE;
	if (!r && (daxfs_miss_claim(&world.cx[0], &miss, fill, &nr) !=
		   DAXFS_CACHE_OURS || nr != SLOTS / 8))
		r = FAIL("%u pages of a cache of %u at once", nr, SLOTS);
	world_free(&world);
	return r;
}

/* ---- files ---- */

static u8 lent_page[2][DAXFS_PAGE_SIZE];

/* What cx->miss wants, brought in and lent. */
static void answer(struct daxfs_cx *cx)
{
	static u32 turn;
	u8 *page = lent_page[turn++ % 2];

	if (!cx->miss.own)
		SETUP(read_page(cx, cx->miss.addr));
	world_backing_page(cx->miss.addr, page);
	daxfs_cache_lend(cx, cx->miss.addr, page);
}

/* A call until it has all it needs; in the end nothing is lent. */
#define WHOLE(cx, r, call) do { \
	u32 tries_ = 0; \
	while (((r) = (call)) == -EREMOTE && ++tries_ < 20) \
		answer(cx); \
	daxfs_cache_take_back(cx); \
} while (0)

static s64 call_content(struct daxfs_cx *cx)
{
	return w_content(cx, "d1/a") < 0 ? w_content(cx, "d1/a") :
	       w_content(cx, "d1/b");
}

static s64 call_write(struct daxfs_cx *cx)
{
	s64 r = w_write(cx, "d1/b", 4000, 200, 'w'), more; /* two pages, none whole */

	if (r <= 0 || r == 200)
		return r;
	more = w_write(cx, "d1/b", 4000 + (u64)r, 200 - (u64)r, 'w');
	return more < 0 ? more : r + more;
}

static s64 call_append(struct daxfs_cx *cx)
{
	return w_append(cx, "d1/a", 10, 'p');
}

static s64 call_cut(struct daxfs_cx *cx)
{
	return w_truncate(cx, "d1/b", 8500);
}

static s64 call_punch(struct daxfs_cx *cx)
{
	return w_fallocate(cx, "d1/b", DAXFS_PUNCH_HOLE | DAXFS_KEEP_SIZE, 100, 8000);
}

static s64 call_allocate(struct daxfs_cx *cx)
{
	return w_fallocate(cx, "d1/b", 0, 100, 8000);
}

static s64 call_copy(struct daxfs_cx *cx)
{
	s64 r = w_create(cx, "d1/n");

	return r && r != -EEXIST ? r : w_copy(cx, "d1/a", 0, "d1/n", 0, 4000);
}

static s64 (*const calls[])(struct daxfs_cx *cx) = {
	call_content, call_write, call_append, call_cut, call_punch,
	call_allocate, call_copy,
};

#define CALLS	(sizeof(calls) / sizeof(calls[0]))

static struct log dumps[2];

/* All base pages are in the cache: a dump misses nothing. */
static void warm(void)
{
	for (u64 i = 1; i < 10; i++)
		SETUP(read_page(&world.cx[0], world_backing_addr(0, i)));
}

static int dump_after(u32 i, u64 slots, struct log *log)
{
	s64 r;

	log->len = 0;
	setup_as(&(struct world_options){ .buckets = 512, .base = 1,
					  .cache_slots = slots });
	reset();
	WHOLE(&world.cx[0], r, calls[i](&world.cx[0]));
	log_add(log, "result %lld\n", (long long)r);
	if (slots)
		warm();
	SETUP(world_dump(&world.cx[1], log));
	if (world_account(&world.cx[3]))
		r = FAIL("the accounts are wrong");
	world_free(&world);
	return r < 0 ? FAIL("call %u: %s", i, strerror((int)-r)) : 0;
}

/* Each call leaves what it leaves where the content is in the region. */
static int test_files(const void *arg)
{
	int r = 0;

	(void)arg;
	for (u32 i = 0; i < CALLS && !r; i++) {
		r = dump_after(i, 0, &dumps[0]);
		if (!r)
			r = dump_after(i, SLOTS, &dumps[1]);
		if (!r && !log_same(&dumps[0], &dumps[1]))
			r = FAIL("call %u: %s", i, log_diff(&dumps[1], &dumps[0]));
	}
	harness_covered(CALLS, "calls");
	return r;
}

/* ---- what stays ---- */

#define TRACE_PAGES	(2 * (WORLD_BACKING_PAGES - 1))
#define TRACE_SLOTS	1024u		/* an eighth of them, about */
#define TRACE_LEN	200000u
#define TRACE_POINTS	3u		/* of a hundred, less than exact LRU */

static double zipf_sum[TRACE_PAGES];	/* of 1 / rank, up to each rank */

static u32 zipf(u64 *random)
{
	double want = (double)(sim_rand(random) >> 11) / 9007199254740992.0 *
		      zipf_sum[TRACE_PAGES - 1];
	u32 lo = 0, hi = TRACE_PAGES - 1;

	while (lo < hi) {
		u32 mid = (lo + hi) / 2;

		if (zipf_sum[mid] < want)
			lo = mid + 1;
		else
			hi = mid;
	}
	return (u32)((lo * 2654435761ull + 7) % TRACE_PAGES);	/* anywhere */
}

/* Is it there? Then it was used last; else it takes the place of the oldest. */
static int lru_hit(u32 page, u32 time)
{
	static u32 last[TRACE_PAGES], there[TRACE_SLOTS], nr;
	u32 oldest = 0;

	if (!time) {
		memset(last, 0, sizeof(last));
		nr = 0;
	}
	if (last[page]) {
		last[page] = time + 1;
		return 1;
	}
	for (u32 i = 1; nr == TRACE_SLOTS && i < TRACE_SLOTS; i++)
		if (last[there[i]] < last[there[oldest]])
			oldest = i;
	if (nr < TRACE_SLOTS)
		oldest = nr++;
	else
		last[there[oldest]] = 0;
	there[oldest] = page;
	last[page] = time + 1;
	return 0;
}

/* What one host reads again and again stays, about as in the best order. */
static int test_trace(const void *arg)
{
	u64 random = harness_seed(), hits = 0, lru = 0;
	double sum = 0;

	(void)arg;
	for (u32 i = 0; i < TRACE_PAGES; i++)
		zipf_sum[i] = sum += 1.0 / (i + 1);
	setup_as(&(struct world_options){ .buckets = 512, .base = 1,
					  .cache_slots = TRACE_SLOTS });
	reset();
	for (u32 i = 0; i < TRACE_LEN; i++) {
		u32 page = zipf(&random);
		u64 addr = world_backing_addr(page % 2, 1 + page / 2);
		int r = copy_page(&world.cx[0], addr);

		lru += (u32)lru_hit(page, i);
		hits += !r;
		if (r == -EREMOTE)
			r = bring_in(&world.cx[0], addr);
		if (r)
			return FAIL("page %u: %d", page, r);
	}
	world_free(&world);
	harness_covered(hits * 1000 / TRACE_LEN, "of 1000 hit");
	harness_covered(lru * 1000 / TRACE_LEN, "by exact LRU");
	return wrong || hits + TRACE_LEN * TRACE_POINTS / 100 < lru ?
	       FAIL("%llu hits, %llu by LRU", (unsigned long long)hits,
		    (unsigned long long)lru) : 0;
}

int main(int argc, char **argv)
{
	static const struct beside reads_beside = { do_reads, 0 };
	static const struct beside reads_weak = { do_reads, 64 };
	static const struct beside pins_beside = { do_pins, 0 };
	static const struct beside pins_weak = { do_pins, 64 };
	static const struct test tests[] = {
		{ "two miss one page", test_two_miss, NULL },
		{ "three miss one page", test_three_miss, NULL },
		{ "three miss one page, weak memory", test_three_miss_weak, NULL },
		{ "a filler stops", test_stop, NULL },
		{ "a filler that is dead", test_dead_filler, NULL },
		{ "a filler stands still", test_late, NULL },
		{ "a filler stands still in the only slot", test_late, "" },
		{ "reads beside evictions", test_beside, &reads_beside },
		{ "reads beside evictions, weak memory", test_beside, &reads_weak },
		{ "pins beside evictions", test_beside, &pins_beside },
		{ "pins beside evictions, weak memory", test_beside, &pins_weak },
		{ "a copy, and its page goes and comes", test_and_back, NULL },
		{ "a pin, and its page goes and comes", test_and_back, "" },
		{ "a copy, and its page comes back in parts", test_in_parts, NULL },
		{ "who pins stops", test_pin_stop, NULL },
		{ "all slots of a set are pinned", test_all_pinned, NULL },
		{ "asking and serving", test_serve, NULL },
		{ "nobody serves", test_nobody, NULL },
		{ "a page that cannot be read", test_failed, NULL },
		{ "a filler is waited for while it gets on", test_wait_filler, NULL },
		{ "waiting to be served", test_wait_served, NULL },
		{ "pages at once", test_miss_run, NULL },
		{ "files", test_files, NULL },
		{ "a Zipf trace", test_trace, NULL },
	};

	return harness_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
