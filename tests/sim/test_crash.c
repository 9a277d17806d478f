// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A host that stops for ever after step k of an operation, for every k.
 *
 * Notes: host 0 executes the operation, hosts 1 to 3 are the others. Four
 * courses per k, each from a fresh copy of the region:
 *   recover  1 declares 0 dead, recovers it, and works on the same names;
 *   go on    1 works on the same names beside the stopped host, then recovers;
 *   relay    1 stops inside the recovery, 2 recovers both and goes on;
 *   return   a new host takes the slot of 0 over, and may stop while it does.
 * A step that has changed nothing in the region is passed over: what others see
 * is what they saw before it.
 * In each the tree is that before or after the operation, and does not change
 * by recovery; the work has the results that it has in that state without any
 * crash; nobody waits beyond a bound; the index is clean; and when everything
 * is deleted exactly the memory of an empty region is owned.
 */
#include <stdlib.h>

#include "region.h"
#include "scenario.h"

#define PAUSE_MAX	20000000ull	/* ns: 1 ms for each word of a record */
#define BRANCH_STRIDE	3u		/* of the states that are tried in a branch */
#define RELAYS		2u		/* stops inside the recovery per k */

enum { BEFORE, AFTER, SIDES };

struct reference {
	struct log tree[SIDES];	/* what a dump shows */
	struct log work[SIDES];	/* what the others' work gives in that state */
	struct log owned;	/* when all is deleted */
	u64 steps;
};

struct job {			/* of one host in one run */
	struct world *w;
	const struct scenario *sc;
	u32 host;
	struct log *log;
	s64 result;
	s64 got;		/* what the operation gave */
	u32 victim[2];		/* hosts to recover, in this order */
	u32 victim_nr;
};

static struct world world;
static struct reference ref;
static struct log scratch[4];

/* ---- what hosts do ---- */

static void do_op(void *arg)
{
	struct job *j = arg;

	j->got = j->sc->op(&j->w->cx[j->host], j->w);
	j->result = 0;
}

static void do_dump(void *arg)
{
	struct job *j = arg;

	j->result = world_dump(&j->w->cx[j->host], j->log);
}

static void do_check(void *arg)
{
	struct job *j = arg;

	j->result = world_check(&j->w->cx[j->host], j->log);
}

/* State that the victim is dead. -ENOENT: it was recovered before. */
static int declare_dead(struct daxfs_region *rg, u32 slot)
{
	struct daxfs_host_info info;
	int r = daxfs_host_info(rg, slot, &info);

	if (r || info.state == DAXFS_H_DEAD)
		return r;
	r = daxfs_host_mark_dead(rg, slot, info.incarnation);
	/* it is being recovered by another: dead is what it was before */
	return info.state == DAXFS_H_RECOVERING && r == -ESTALE ? 0 : r;
}

static void do_recover(void *arg)
{
	struct job *j = arg;
	struct daxfs_cx *cx = &j->w->cx[j->host];
	int r[2] = { 0, 0 };
	u32 i;

	for (i = 0; i < j->victim_nr; i++)
		r[i] = declare_dead(cx->rg, j->w->rg[j->victim[i]].host);
	for (i = 0; i < j->victim_nr; i++) {
		if (!r[i])
			r[i] = daxfs_host_recover(cx,
					j->w->rg[j->victim[i]].host);
		if (r[i] && r[i] != -ENOENT)
			j->result = r[i];
	}
}

/* A new host in the slot of host 0, with nothing but the region. */
static void do_take_over(void *arg)
{
	struct job *j = arg;
	struct daxfs_host_id id = { .kind = DAXFS_HOST_TOOL, .pid = 200 };
	u32 slot = j->w->rg[0].host;

	j->result = declare_dead(&j->w->rg[1], slot);
	j->w->rg[0].joined = 0;
	if (j->result == -ENOENT) {	/* it had left */
		j->result = daxfs_host_join(&j->w->rg[0], &id);
		if (!j->result)
			j->result = daxfs_cx_init(&j->w->cx[0], &j->w->rg[0], 0);
	} else if (!j->result)
		j->result = daxfs_host_take_over(&j->w->rg[0], &j->w->cx[0],
						 &id, slot);
	if (!j->result && j->w->branch)
		j->result = daxfs_branch_mount(&j->w->cx[0], j->w->branch);
}

static void do_empty_and_part(void *arg)
{
	struct job *j = arg;
	u32 i;

	j->result = world_empty(&j->w->cx[j->host]);
	if (j->w->other.ino && !j->result)
		j->result = daxfs_close(&j->w->cx[3], j->w->other.ino);
	for (i = 0; i < WORLD_HOSTS && !j->result; i++)
		if (i != j->host && !daxfs_host_check(&j->w->rg[i]))
			j->result = daxfs_host_leave(&j->w->cx[i]);
	if (!j->result)
		j->result = daxfs_host_leave(&j->w->cx[j->host]);
}

#define WORK(call) log_add(j->log, "%s: %lld\n", #call, (long long)(call))

/* The same for all scenarios: on names that any of them changes. */
static void do_work(void *arg)
{
	struct job *j = arg;
	struct daxfs_cx *cx = &j->w->cx[j->host];
	struct daxfs_stat st;

	WORK(w_lookup(cx, "d1/a", &st));
	WORK(w_lookup(cx, "d1/new", &st));
	WORK(w_lookup(cx, "d2/a", &st));
	WORK(w_count(cx, "d1"));
	WORK(w_setxattr(cx, "d1/a", "user.n", 40, 'w'));
	WORK(w_setxattr(cx, "d1/b", "user.n", 40, 'w'));
	WORK(w_getxattr(cx, "d1/a", "user.long"));
	WORK(w_append(cx, "d1/a", 3, 'p'));
	WORK(w_truncate(cx, "d1/a", 7000));
	WORK(w_write(cx, "d1/a", 9000, 100, 'q'));
	WORK(w_truncate(cx, "d1/a", 12000));
	WORK(w_content(cx, "d1/a"));
	WORK(w_truncate(cx, "d1/b", 4000));
	WORK(w_truncate(cx, "d1/b", 6000));
	if (w_filled(cx, "d1/b", 4000) > 0)
		j->result = -EILSEQ;	/* what was cut off shows again */
	WORK(w_create(cx, "d1/new"));
	WORK(w_write(cx, "d1/new", 0, 10, 'n'));
	WORK(w_truncate(cx, "d1/new", 3000));
	WORK(w_create(cx, "d2/a"));
	WORK(w_link(cx, "d1/b", "d2/link"));
	WORK(w_rename(cx, "d2/link", "d2/hard", 0));
	WORK(w_rename(cx, "d1/b", "d1/c", 0));
	WORK(w_unlink(cx, "d1/a"));
	WORK(w_mkdir(cx, "d2/empty/x"));
	WORK(w_mkdir(cx, "d2/empty"));
	WORK(w_rmdir(cx, "d1/sub"));
	WORK(w_rmdir(cx, "d2/sub"));
	WORK(w_rename(cx, "d2/sub", "d1/sub2", 0));
	WORK(w_rename(cx, "d2/dir", "d1/dir", 0));
	WORK(w_rmdir(cx, "d1/dir"));
	WORK(w_create(cx, "d1/dir"));
	WORK(w_append(cx, "d2/c", 5, 'r'));
	WORK(w_unlink(cx, "d1/short"));
	WORK(w_unlink(cx, "d2/other"));
	WORK(w_create(cx, "d2/empty/first"));
	WORK(w_count(cx, "d1"));
	log_add(j->log, "dump: %d\n", world_dump(cx, j->log));
	if (strstr(j->log->text, ": -84\n"))	/* EILSEQ */
		j->result = -EILSEQ;
}

/* ---- courses ---- */

static struct job job_of(const struct scenario *sc, u32 host, struct log *log)
{
	struct job j = { .w = &world, .sc = sc, .host = host, .log = log };

	if (log)
		log->len = 0;
	return j;
}

/* Let one host run to its end. 0, or -1 with what went wrong said. */
static int run(struct job *j, void (*fn)(void *), const char *what, u64 k)
{
	struct sim_host h;
	int r;

	sim_host_init(&h, fn, j);
	r = sim_run_one(&h, WORLD_MAX_STEPS);
	if (r)
		return FAIL("%s, k %llu: %s does not end", j->sc->name,
			    (unsigned long long)k, what);
	if (j->result < 0)
		return FAIL("%s, k %llu: %s: %s", j->sc->name,
			    (unsigned long long)k, what,
			    strerror((int)-j->result));
	if (h.paused_ns > PAUSE_MAX)
		return FAIL("%s, k %llu: %s waits %llu ns", j->sc->name,
			    (unsigned long long)k, what,
			    (unsigned long long)h.paused_ns);
	return 0;
}

/* Host 0 begins the operation and stops after k steps. */
static void run_op(const struct scenario *sc, u64 k)
{
	struct job j = job_of(sc, 0, NULL);
	struct sim_host h;

	world_reset(&world);
	sim_host_init(&h, do_op, &j);
	sim_stop_after(&h, k);
	sim_run_one(&h, WORLD_MAX_STEPS);
}

/* The side that the tree shows; -1 and said if neither. */
static int side(const struct scenario *sc, u32 host, u64 k, const char *when)
{
	struct job j = job_of(sc, host, &scratch[0]);
	int i;

	if (run(&j, do_dump, when, k))
		return -1;
	for (i = 0; i < SIDES; i++)
		if (log_same(&scratch[0], &ref.tree[i]))
			return i;
	FAIL("%s, k %llu, %s: neither before nor after: %s", sc->name,
	     (unsigned long long)k, when, log_diff(&scratch[0], &ref.tree[AFTER]));
	return -1;
}

/* Others work on the same names: the results are those of that side. */
static int work(const struct scenario *sc, u32 host, u64 k, int at,
		struct log *log)
{
	struct job j = job_of(sc, host, log);

	if (run(&j, do_work, "work", k))
		return -1;
	if (!log_same(log, &ref.work[at]))
		return FAIL("%s, k %llu: work on the %s state: %s", sc->name,
			    (unsigned long long)k, at ? "new" : "old",
			    log_diff(log, &ref.work[at]));
	return 0;
}

/* Each host that is joined is asked before the epoch moves on. */
static int hosts_are_asked(const struct scenario *sc, u64 k)
{
	u64 used = daxfs_globals(&world.rg[0])->hosts_used.word.raw;
	u32 i;

	for (i = 0; i < WORLD_HOSTS; i++) {
		const struct daxfs_region *rg = &world.rg[i];
		u32 nr = world.cx[i].id % DAXFS_CTXS;

		if (!daxfs_host_check(rg) && (!(used >> rg->host & 1) ||
		    !(daxfs_host(rg, rg->host)->ctx_used.raw >> nr & 1)))
			return FAIL("%s, k %llu: the epoch passes host %u",
				    sc->name, (unsigned long long)k, i);
	}
	return 0;
}

static int recover(const struct scenario *sc, u32 host, u64 k)
{
	struct job j = job_of(sc, host, NULL);

	j.victim_nr = 1;
	return run(&j, do_recover, "recovery", k);
}

static int check(const struct scenario *sc, u32 host, u64 k)
{
	struct job j = job_of(sc, host, &scratch[0]);
	int r = run(&j, do_check, "check of the index", k);

	if (r)
		FAIL("%s, k %llu: %.*s", sc->name, (unsigned long long)k,
		     (int)strcspn(scratch[0].text, "\n"), scratch[0].text);
	return r;
}

/* Delete all, all hosts leave: what is owned then. */
static int account(const struct scenario *sc, u32 host, u64 k,
		   const struct log *want)
{
	struct job j = job_of(sc, host, NULL);

	if (run(&j, do_empty_and_part, "deleting everything", k))
		return -1;
	scratch[0].len = 0;
	world_owned(&world, &scratch[0]);
	if (want && !log_same(&scratch[0], want))
		return FAIL("%s, k %llu: owned when all is deleted: %s", sc->name,
			    (unsigned long long)k, log_diff(&scratch[0], want));
	return 0;
}

static int course_recover(const struct scenario *sc, u64 k)
{
	int at;

	run_op(sc, k);
	if (recover(sc, 1, k))
		return -1;
	at = side(sc, 1, k, "after recovery");
	if (at < 0 || check(sc, 1, k) || work(sc, 1, k, at, &scratch[1]))
		return -1;
	return account(sc, 2, k, &ref.owned);
}

static int course_go_on(const struct scenario *sc, u64 k)
{
	struct job j = job_of(sc, 2, &scratch[2]);
	int at;

	run_op(sc, k);
	at = side(sc, 1, k, "beside the stopped host");
	if (at < 0 || work(sc, 1, k, at, &scratch[1]) || recover(sc, 1, k) ||
	    check(sc, 1, k))
		return -1;
	scratch[2].len = scratch[3].len = 0;
	if (run(&j, do_dump, "dump", k))
		return -1;
	log_add(&scratch[2], "dump: 0\n");
	/* the dump at the end of the work must be as recovery left it */
	if (scratch[2].len > scratch[1].len ||
	    memcmp(scratch[2].text, scratch[1].text + scratch[1].len -
		   scratch[2].len, scratch[2].len))
		return FAIL("%s, k %llu: recovery has changed the tree", sc->name,
			    (unsigned long long)k);
	return account(sc, 2, k, &ref.owned);
}

/* Host 1 stops after step n of the recovery; 2 recovers both. */
static int course_relay(const struct scenario *sc, u64 k, u64 n, u32 first)
{
	struct job j = job_of(sc, 1, NULL);
	struct sim_host h;
	int before, after;

	run_op(sc, k);
	j.victim_nr = 1;
	sim_host_init(&h, do_recover, &j);
	sim_stop_after(&h, n);
	sim_run_one(&h, WORLD_MAX_STEPS);
	before = side(sc, 2, k, "during recovery");
	j = job_of(sc, 2, NULL);
	j.victim[0] = first;
	j.victim[1] = !first;
	j.victim_nr = h.end == SIM_STOPPED ? 2 : 0;
	if (before < 0 || run(&j, do_recover, "second recovery", k))
		goto said;
	after = side(sc, 2, k, "after second recovery");
	if (after < 0 || check(sc, 2, k) || work(sc, 2, k, after, &scratch[1]))
		goto said;
	if (before != after) {
		FAIL("%s, k %llu: recovery has changed the tree", sc->name,
		     (unsigned long long)k);
		goto said;
	}
	if (!account(sc, 3, k, &ref.owned))
		return 0;
said:
	return FAIL("%s, k %llu: recovery stopped after step %llu, host %u first",
		    sc->name, (unsigned long long)k, (unsigned long long)n, first);
}

/*
 * A new host takes the slot over; it stops after step n of that, or not. Then
 * host 1 recovers it, and the work is done by who is there.
 */
static int course_return(const struct scenario *sc, u64 k, u64 n)
{
	struct job j = job_of(sc, 0, NULL);
	struct sim_host h;
	u32 host = 0;
	int at;

	run_op(sc, k);
	sim_host_init(&h, do_take_over, &j);
	sim_stop_after(&h, n);
	if (sim_run_one(&h, WORLD_MAX_STEPS) || j.result < 0) {
		FAIL("take-over: %s", strerror((int)-j.result));
		goto said;
	}
	if (h.end == SIM_STOPPED) {
		host = 1;
		if (recover(sc, 1, k))
			goto said;
	}
	at = side(sc, host, k, "after take-over");
	if (at >= 0 && !hosts_are_asked(sc, k) && !check(sc, host, k) &&
	    !work(sc, host, k, at, &scratch[1]) &&
	    !account(sc, 2, k, &ref.owned))
		return 0;
said:
	return FAIL("%s, k %llu: take-over stopped after step %llu", sc->name,
		    (unsigned long long)k, (unsigned long long)n);
}

/* ---- the reference: the same without a crash ---- */

static int make_reference(const struct scenario *sc)
{
	struct job j;
	u32 i;

	for (i = 0; i < SIDES; i++) {
		world_reset(&world);
		if (i == AFTER) {
			j = job_of(sc, 0, NULL);
			if (run(&j, do_op, "operation", SIM_NEVER))
				return -1;
			ref.steps = sim_steps(0);
			if (j.got != sc->result)
				return FAIL("%s: result %lld", sc->name,
					    (long long)j.got);
		}
		j = job_of(sc, 1, &ref.tree[i]);
		if (run(&j, do_dump, "dump", 0))
			return -1;
		j = job_of(sc, 1, &ref.work[i]);
		if (run(&j, do_work, "work", 0))
			return -1;
	}
	return 0;
}

/* The figures of statfs are exact as long as nobody dies. */
static int figures_fit(const struct scenario *sc)
{
	struct daxfs_statfs st;
	u64 owned = world_pages_owned(&world);

	daxfs_statfs(&world.cx[1], &st);
	if (st.pages_free + owned == st.pool_pages)
		return 0;
	return FAIL("%s: %llu pages are owned, %llu of %llu are said to be free",
		    sc->name, (unsigned long long)owned,
		    (unsigned long long)st.pages_free,
		    (unsigned long long)st.pool_pages);
}

/* Nobody stops: all is given back without a recovery. */
static int course_complete(const struct scenario *sc)
{
	struct daxfs_cx *cx = &world.cx[0];

	run_op(sc, SIM_NEVER);
	if (figures_fit(sc))
		return -1;
	if (world.held.ino && !daxfs_host_check(&world.rg[0]) &&
	    daxfs_close(cx, world.held.ino))
		return FAIL("%s: closing what it has opened", sc->name);
	return account(sc, 2, SIM_NEVER, &ref.owned);
}

/* What an empty region owns: the root directory and its slots. */
static int make_owned(const struct scenario *sc)
{
	const char *want = world.when_empty;

	run_op(sc, 0);
	if (recover(sc, 1, 0) || account(sc, 2, 0, NULL))
		return -1;
	ref.owned = scratch[0];
	if (want && (ref.owned.len != strlen(want) ||
		     memcmp(ref.owned.text, want, ref.owned.len)))
		return FAIL("%s: without a crash these stay: %.*s", sc->name,
			    (int)ref.owned.len, ref.owned.text);
	return course_complete(sc);
}

/* ---- all k ---- */

/* nr relays and one return: two of three stop on the way. */
static int relays(const struct scenario *sc, u64 k, u64 recover_steps, u64 nr)
{
	u64 seed = harness_seed() * 1000003 + k, i;
	int r = course_return(sc, k, sim_rand(&seed) % (recover_steps * 3 / 2));

	for (i = 0; i < nr; i++) {
		u64 n = sim_rand(&seed) % recover_steps;

		r |= course_relay(sc, k, n, (u32)(sim_rand(&seed) & 1));
	}
	return r;
}

/* The region is another than when this was asked before. */
static int region_changed(void)
{
	static u8 *last;
	static u64 last_len;

	if (last_len == world.len && !memcmp(last, world.base, world.len))
		return 0;
	if (last_len != world.len)
		last = realloc(last, world.len);
	if (!last)
		abort();
	last_len = world.len;
	memcpy(last, world.base, world.len);
	return 1;
}

static int test_in(const struct scenario *sc, int branching)
{
	struct world_options o = { .buckets = sc->buckets, .branching = branching };
	u64 k, nr = harness_runs(RELAYS), recover_steps, states = 0;
	u64 seen = 0, stride = branching && harness_runs(1) == 1 ? BRANCH_STRIDE : 1;
	int r = 0;

	world_make_as(&world, &o);
	sc->setup(&world);
	world_freeze(&world);
	if (make_reference(sc) || make_owned(sc)) {
		world_free(&world);
		return -1;
	}
	for (k = 0; k <= ref.steps; k++) {
		run_op(sc, k);
		if (k && !region_changed())
			continue;
		if (seen++ % stride)
			continue;
		states++;
		r |= recover(sc, 1, k);
		recover_steps = sim_steps(0);
		r |= course_recover(sc, k);
		r |= course_go_on(sc, k);
		r |= relays(sc, k, recover_steps, nr);
	}
	world_free(&world);
	harness_covered(ref.steps + 1, "crash points");
	harness_covered(states * (3 + nr), "courses");
	return r;
}

static int test_scenario(const void *arg)
{
	return test_in(arg, 0);
}

static int test_in_branch(const void *arg)
{
	return test_in(arg, 1);
}

int main(int argc, char **argv)
{
	static char name[SCENARIOS_MAX][64];
	struct test test[2 * SCENARIOS_MAX];
	u32 i, nr = scenario_nr;

	for (i = 0; i < scenario_nr; i++)
		test[i] = (struct test){ scenarios[i].name, test_scenario,
					 &scenarios[i] };
	for (i = 0; i < scenario_nr; i++) {
		if (!strcmp(scenarios[i].name, "accessed"))
			continue;	/* reading changes nothing in a branch */
		snprintf(name[i], sizeof(name[i]), "branch: %s", scenarios[i].name);
		test[nr++] = (struct test){ name[i], test_in_branch, &scenarios[i] };
	}
	return harness_main(argc, argv, test, nr);
}
