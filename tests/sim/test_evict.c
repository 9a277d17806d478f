// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A host that sleeps inside an operation, is evicted, and wakes up.
 *
 * Notes: host 0 sleeps after step k of an operation, for every k. Host 1
 * declares it dead, recovers it and works on the same names; then 0 wakes. Four
 * courses per k, each from a fresh copy of the region:
 *   dead   0 never wakes: what the others see is the measure for the rest;
 *   end    0 goes on to the end of its call and makes further calls;
 *   step   0 makes one step more and stops for ever: the step is the store that
 *          no look can keep it from;
 *   few    the same with some steps more.
 * Whatever 0 does, its calls say ESTALE, and the tree is what 1 made of it, to
 * the byte; where 0 was copying over existing content, to the byte outside of
 * what it was copying. No word stays claimed, the index is clean, and when 0's
 * slot was recovered once more, exactly the memory of an empty region is owned.
 * No look closes the gap between itself and one store. Where that store shows
 * is a list of a few points of sleep (late_stores), each proved to be one word
 * that 0 changed in its first step.
 */
#include <stdlib.h>

#include "record.h"
#include "region.h"
#include "scenario.h"
#include "word.h"

#define PAUSE_MAX	20000000ull	/* ns: 1 ms for each word of a record */
#define POINTS		60u	/* of sleep per operation, at least half as many */
#define OVER_LEN	5000u		/* bytes of the write in place */

struct course {			/* one way that it goes */
	const struct scenario *sc;
	u64 k;
	int wakes;
	u64 steps;		/* that 0 makes then; SIM_NEVER: to the end */
	u8 *picture;		/* of the region when it wakes, or NULL */
	void (*over)(struct daxfs_cx *cx, struct log *log); /* work, if other */
	/* out */
	int slept;
	s64 result;		/* of the operation, if it ended */
	u32 not_stale;		/* later calls that did not say ESTALE */
	s64 error;		/* of host 1 */
	struct log *before;	/* the tree that 1 found */
	struct log *work;	/* and what it made of it */
};

struct job {
	struct log *log;
	u32 host;
	s64 result;
};

static struct world world;
static struct sim_host hosts[2];
static char wrong[400];		/* what the last course that failed said */
static struct log before[2], work[2], tree[2], after_op, owned;

/* ---- host 0 ---- */

static void must_be_stale(struct course *c, s64 r)
{
	c->not_stale += r != -ESTALE;
}

static void do_zombie(void *arg)
{
	struct course *c = arg;
	struct daxfs_cx *cx = &world.cx[0];
	struct daxfs_region *rg = &world.rg[0];
	u64 slot_state;

	c->result = c->sc->op(cx, &world);
	if (!c->slept)
		return;
	must_be_stale(c, w_create(cx, "d1/zombie"));
	must_be_stale(c, w_unlink(cx, "d1/c"));
	must_be_stale(c, w_append(cx, "d2/c", 10, 'z'));
	must_be_stale(c, daxfs_close(cx, DAXFS_ROOT_INO));
	must_be_stale(c, daxfs_host_check(rg));
	slot_state = a64_load_relaxed(&daxfs_host(rg, rg->host)->state);
	daxfs_host_beat(rg);
	daxfs_map_epoch(rg, 1);
	must_be_stale(c, daxfs_host_leave(cx));
	if (slot_state != a64_load_relaxed(&daxfs_host(rg, rg->host)->state) ||
	    a64_load_relaxed(&daxfs_host(rg, rg->host)->map_epoch))
		c->not_stale++;
}

/* ---- host 1 ---- */

static s64 evict(struct daxfs_cx *cx)
{
	struct daxfs_host_info info;
	u32 slot = world.rg[0].host;
	int r = daxfs_host_info(cx->rg, slot, &info);

	if (!r)
		r = daxfs_host_mark_dead(cx->rg, slot, info.incarnation);
	return r ? r : daxfs_host_recover(cx, slot);
}

#define WORK(call) log_add(log, "%s: %lld\n", #call, (long long)(call))

static void work_on_names(struct daxfs_cx *cx, struct log *log)
{
	struct daxfs_stat st;

	WORK(w_lookup(cx, "d1/a", &st));
	WORK(w_lookup(cx, "d1/new", &st));
	WORK(w_lookup(cx, "d2/a", &st));
	WORK(w_append(cx, "d1/a", 3, 'p'));
	WORK(w_write(cx, "d1/a", 9000, 100, 'q'));
	WORK(w_truncate(cx, "d1/b", 4000));
	WORK(w_truncate(cx, "d1/b", 6000));
	WORK(w_create(cx, "d1/new"));
	WORK(w_write(cx, "d1/new", 0, 10, 'n'));
	WORK(w_create(cx, "d2/a"));
	WORK(w_link(cx, "d1/b", "d2/link"));
	WORK(w_rename(cx, "d2/link", "d2/hard", 0));
	WORK(w_rename(cx, "d1/b", "d1/c", 0));
	WORK(w_mkdir(cx, "d2/empty/x"));
	WORK(w_rmdir(cx, "d1/sub"));
	WORK(w_rename(cx, "d2/dir", "d1/dir", 0));
	WORK(w_rmdir(cx, "d1/dir"));
	WORK(w_create(cx, "d1/dir"));
	WORK(world_dump(cx, log));
}

static void do_evict(void *arg)
{
	struct course *c = arg;
	struct daxfs_cx *cx = &world.cx[1];

	c->slept = sim_is_asleep(0);
	if (!c->slept)
		return;
	c->error = evict(cx);
	if (!c->error)
		c->error = world_dump(cx, c->before);
	if (!c->error && c->over)
		c->over(cx, c->work);
	else if (!c->error)
		work_on_names(cx, c->work);
	if (!c->wakes)
		return;
	if (c->picture)
		memcpy(c->picture, world.base, world.len);
	if (c->steps != SIM_NEVER)
		sim_stop_after(&hosts[0], c->k + c->steps);
	sim_wake(0);
}

/* ---- what is looked at afterwards, by host 2 ---- */

static void do_dump(void *arg)
{
	struct job *j = arg;

	j->result = world_dump(&world.cx[j->host], j->log);
	if (!j->result)
		j->result = world_check(&world.cx[j->host], j->log);
}

/* The slot of 0 has the state DEAD again, as if another had died in it. */
static void do_recover_again(void *arg)
{
	struct job *j = arg;
	struct daxfs_region *rg = &world.rg[j->host];
	struct daxfs_a64 *state = &daxfs_host(rg, world.rg[0].host)->state;

	a64_store_relaxed(state, host_make(DAXFS_H_DEAD, 0, 1, 7));
	j->result = daxfs_host_recover(&world.cx[j->host], world.rg[0].host);
}

static void do_empty_and_part(void *arg)
{
	struct job *j = arg;
	u32 i;

	j->result = world_empty(&world.cx[j->host]);
	if (world.other.ino && !j->result)
		j->result = daxfs_close(&world.cx[3], world.other.ino);
	for (i = 0; i < WORLD_HOSTS && !j->result; i++)
		if (i != j->host && !daxfs_host_check(&world.rg[i]))
			j->result = daxfs_host_leave(&world.cx[i]);
	if (!j->result)
		j->result = daxfs_host_leave(&world.cx[j->host]);
}

static int said(const struct course *c, const char *what, const char *more)
{
	snprintf(wrong, sizeof(wrong), "%s, k %llu, %s%lld: %s%.250s", c->sc->name,
		 (unsigned long long)c->k,
		 !c->wakes ? "never wakes " : c->steps == SIM_NEVER ?
		 "goes on " : "steps ", (long long)c->steps, what, more);
	return -1;
}

static int run(const struct course *c, struct job *j, void (*fn)(void *),
	       const char *what)
{
	struct sim_host h;

	if (j->log)
		j->log->len = 0;
	j->result = 0;
	sim_host_init(&h, fn, j);
	if (sim_run_one(&h, WORLD_MAX_STEPS))
		return said(c, what, " does not end");
	if (j->result < 0)
		return said(c, what, strerror((int)-j->result));
	return h.paused_ns > PAUSE_MAX ? said(c, what, " waits too long") : 0;
}

/* ---- courses ---- */

/* Both hosts, to the end. 1: the operation was over before step k. */
static int run_course(struct course *c)
{
	struct sim_schedule s = { .policy = SIM_POINTS,
				  .max_steps = WORLD_MAX_STEPS };

	world_reset(&world);
	c->before->len = c->work->len = 0;
	sim_host_init(&hosts[0], do_zombie, c);
	sim_host_init(&hosts[1], do_evict, c);
	sim_sleep_after(&hosts[0], c->k);
	if (sim_run(hosts, 2, &s))
		return said(c, "the run does not end", "");
	if (!c->slept)
		return 1;
	if (c->error)
		return said(c, "host 1: ", strerror((int)-c->error));
	if (hosts[1].paused_ns > PAUSE_MAX)
		return said(c, "host 1 waits too long", "");
	return 0;
}

/* Memory: exact, once what the slot left was recovered. */
static int account(struct course *c)
{
	const char *want = world.when_empty;
	struct job j = { .host = 2 };

	if (run(c, &j, do_recover_again, "second recovery: ") ||
	    run(c, &j, do_empty_and_part, "deleting everything: "))
		return -1;
	owned.len = 0;
	world_owned(&world, &owned);
	if (owned.len != strlen(want) || memcmp(owned.text, want, owned.len))
		return said(c, "owned when all is deleted: ", owned.text);
	return 0;
}

/* An operation that says that it was done was done before it was evicted. */
static int result_is_right(const struct course *c)
{
	if (hosts[0].end != SIM_DONE)
		return 0;
	if (c->not_stale)
		return said(c, "a later call does not say ESTALE", "");
	if (c->result == -ESTALE)
		return 0;
	if (c->result != c->sc->result)
		return said(c, "the call says ", strerror((int)-c->result));
	if (!log_same(c->before, &after_op))
		return said(c, "it says it was done, but ",
			    log_diff(c->before, &after_op));
	return 0;
}

static int same(const struct course *c, const struct log *got,
		const struct log *want, const char *what)
{
	return log_same(got, want) ? 0 : said(c, what, log_diff(got, want));
}

/* After the course: what does it look like? The measure if 0 never wakes. */
static int look_back(struct course *c)
{
	struct job j = { .host = 2, .log = &tree[c->wakes] };

	if (run(c, &j, do_dump, "dump and check: "))
		return -1;
	if (c->wakes && (same(c, c->before, &before[0], "found: ") ||
			 same(c, c->work, &work[0], "worked: ") ||
			 same(c, &tree[1], &tree[0], "the tree: ") ||
			 result_is_right(c)))
		return -1;
	return account(c);
}

/*
 * Points of sleep at which the one store shows, and how: a mode set by a call
 * that said ESTALE; a node of a map that was given back, with the pages behind
 * it; a bucket that was emptied late.
 */
static const struct {
	const char *name;
	u32 nr;
} late_stores[] = {
	{ "chmod", 1 },
	{ "chmod again", 1 },
	{ "base: chmod", 1 },
	/* the CAS of attr_off, as theirs */
	{ "set-id bits go", 1 },
	{ "chmod with attributes", 1 },
	{ "chmod with an access list", 1 },
	{ "set attribute", 1 },
	{ "set attribute, a page", 1 },
	{ "set attribute, pages", 1 },
	{ "set access list", 1 },
	{ "replace attribute", 1 },
	{ "replace attribute, pages by a page", 1 },
	{ "remove attribute", 1 },
	{ "remove attribute of several", 1 },
	{ "base: set attribute", 1 },
	{ "base: remove attribute", 1 },
	{ "unlink that makes the index smaller", 1 },
	{ "write far behind the end", 2 },
};

static u32 late_max(const struct scenario *sc)
{
	u32 i;

	for (i = 0; i < sizeof(late_stores) / sizeof(late_stores[0]); i++)
		if (!strcmp(late_stores[i].name, sc->name))
			return late_stores[i].nr;
	return 0;
}

/* Words outside its own slot that the first step of 0 after k changes. */
static u32 words_of_step(const struct scenario *sc, u64 k)
{
	struct course c = { .sc = sc, .k = k, .wakes = 1, .steps = 1,
			    .before = &before[1], .work = &work[1],
			    .picture = malloc(world.len) };
	u64 slot = daxfs_off(&world.rg[0], daxfs_host(&world.rg[0],
						      world.rg[0].host));
	u32 nr = 0;
	u64 i;

	if (c.picture && run_course(&c) >= 0) {
		for (i = 0; i < world.len; i += 8)
			nr += memcmp(world.base + i, c.picture + i, 8) &&
			      (i < slot || i >= slot +
			       sizeof(struct daxfs_host_slot));
	}
	free(c.picture);
	return nr;
}

static int one_course(const struct scenario *sc, u64 k, int wakes, u64 steps)
{
	struct course c = { .sc = sc, .k = k, .wakes = wakes, .steps = steps,
			    .before = &before[wakes], .work = &work[wakes] };
	int r = run_course(&c);

	return r ? r : look_back(&c);
}

/* The tree behind the operation, as the results that say so are measured. */
static int reference(const struct scenario *sc, u64 *steps)
{
	struct course c = { .sc = sc, .k = SIM_NEVER, .before = &before[0],
			    .work = &work[0] };
	struct job j = { .host = 2, .log = &after_op };

	if (run_course(&c) != 1 || c.result != sc->result)
		return said(&c, "without any eviction it fails", "");
	*steps = sim_steps(0);
	j.log->len = 0;
	return run(&c, &j, do_dump, "dump: ");
}

static int test_scenario(const void *arg)
{
	const struct scenario *sc = arg;
	u64 k, steps = 0, seed = harness_seed() * 1000003, stride, points = 0;
	u32 late = 0;
	int r;

	world_make(&world, sc->buckets);
	sc->setup(&world);
	world_freeze(&world);
	r = reference(sc, &steps);
	if (r)
		FAIL("%s", wrong);
	stride = steps / POINTS / harness_runs(1) + 1;
	for (k = seed % stride; k < steps; k += stride, points++) {
		int e = one_course(sc, k, 0, 0);
		if (!e)
			e = one_course(sc, k, 1, SIM_NEVER);
		if (!e)
			e = one_course(sc, k, 1, 1);
		if (!e)
			e = one_course(sc, k, 1, 2 + sim_rand(&seed) % 40);
		if (e && words_of_step(sc, k) == 1 && ++late <= late_max(sc))
			continue;
		if (e)
			r = FAIL("%s", wrong);
	}
	world_free(&world);
	harness_covered(points, "points of sleep");
	if (late)
		harness_covered(late, "stores that came too late");
	return r;
}

/* ---- in place: the bytes that 0 is copying may come late ---- */

static s64 op_overwrite(struct daxfs_cx *cx, struct world *w)
{
	(void)w;
	return w_write(cx, "d1/a", 0, OVER_LEN, 'z');
}

/* 1 writes over the end of it, and behind. */
static void write_beside(struct daxfs_cx *cx, struct log *log)
{
	WORK(w_write(cx, "d1/a", OVER_LEN - 1000, 2000, 'B'));
}

/* 1 takes its pages away: nothing of 0 may show. */
static void write_anew(struct daxfs_cx *cx, struct log *log)
{
	WORK(w_truncate(cx, "d1/a", 0));
	WORK(w_write(cx, "d1/a", 0, OVER_LEN + 1000, 'B'));
}

struct look {
	u8 byte[OVER_LEN + 2000];
	s64 len;
};

static void do_look(void *arg)
{
	struct look *l = arg;
	struct daxfs_file f;
	struct daxfs_cx *cx = &world.cx[2];

	l->len = w_open(cx, "d1/a", &f);
	if (l->len)
		return;
	l->len = daxfs_read(cx, &f, 0, l->byte, sizeof(l->byte));
	daxfs_close(cx, f.ino);
}

/* May byte i be that? */
static int byte_is_right(const struct course *c, u32 i, u8 byte)
{
	if (byte == 'B' && (c->over == write_anew || i >= OVER_LEN - 1000))
		return 1;
	return c->over == write_beside && i < OVER_LEN &&
	       (byte == 'z' || (byte == 'a' && i < OVER_LEN - 1000));
}

static int content_is_right(const struct course *c)
{
	static struct look l;
	struct sim_host h;
	u32 i;

	sim_host_init(&h, do_look, &l);
	if (sim_run_one(&h, WORLD_MAX_STEPS))
		return said(c, "reading does not end", "");
	if (l.len != OVER_LEN + 1000)
		return said(c, "wrong length, or ",
			    l.len < 0 ? strerror((int)-l.len) : "no error");
	for (i = 0; i < OVER_LEN + 1000; i++)
		if (!byte_is_right(c, i, l.byte[i]))
			return FAIL("k %llu: byte %u is '%c'",
				    (unsigned long long)c->k, i, l.byte[i]);
	return 0;
}

static int over_course(const struct scenario *sc, u64 k, u64 steps,
		       void (*over)(struct daxfs_cx *, struct log *))
{
	struct course c = { .sc = sc, .k = k, .wakes = 1, .steps = steps,
			    .before = &before[1], .work = &work[1],
			    .over = over };
	int r = run_course(&c);

	if (r > 0)
		return 0;
	if (r || content_is_right(&c))
		return -1;
	if (hosts[0].end == SIM_DONE &&
	    (c.not_stale || (c.result != -ESTALE && c.result != sc->result)))
		return said(&c, "a call does not say ESTALE", "");
	return account(&c);
}

static int test_overwrite(const void *arg)
{
	const struct scenario *sc = arg;
	u64 k, steps = 0;
	int r;

	world_make(&world, sc->buckets);
	sc->setup(&world);
	world_freeze(&world);
	r = reference(sc, &steps);
	for (k = 0; k < steps && !r; k++) {
		r = over_course(sc, k, SIM_NEVER, write_beside);
		if (!r)
			r = over_course(sc, k, SIM_NEVER, write_anew);
		if (!r)
			r = over_course(sc, k, 1, write_beside);
		if (!r)
			r = over_course(sc, k, 1, write_anew);
	}
	if (r)
		FAIL("%s", wrong);
	world_free(&world);
	harness_covered(steps, "points of sleep");
	return r;
}

/*
 * Not here: reclaim, which is no call of the interface (and may retire a slab page
 * late whose objects recovery has freed for others); a pin, whose epoch may be
 * the one store that comes late; a write in place, which has courses of its own.
 */
static int is_for_us(const struct scenario *sc)
{
	return (!sc->crash_only || strstr(sc->name, "index smaller")) &&
	       strcmp(sc->name, "reclaim") &&
	       strncmp(sc->name, "pin, ", 5) &&
	       strcmp(sc->name, "write in place");
}

int main(int argc, char **argv)
{
	struct scenario over = scenarios[0];
	struct test test[SCENARIOS_MAX + 1];
	u32 i, nr = 0;

	for (i = 0; i < scenario_nr; i++)
		if (is_for_us(&scenarios[i]))
			test[nr++] = (struct test){ scenarios[i].name,
						    test_scenario, &scenarios[i] };
	over.name = "write in place";
	over.op = op_overwrite;
	over.result = OVER_LEN;
	test[nr++] = (struct test){ over.name, test_overwrite, &over };
	return harness_main(argc, argv, test, nr);
}
