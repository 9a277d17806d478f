// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A power cut after step k of an operation, for every k.
 *
 * Notes: the region is persistent and every store waits in a cache that
 * port/sim/power.c models. Host 0 first changes content and attributes of d2/c
 * and has that acknowledged, then executes the operation and stops after k
 * steps. Then memory becomes what a cut leaves: the oldest or the newest
 * content of all lines, of one line against all others, or of each line at
 * random. Contents that were seen before are skipped. All hosts are dead, a
 * new one joins, declares them so and recovers them. Demanded: the tree is
 * that before or after the operation, after it if it had returned; what was
 * acknowledged before is there; the index is clean; and when everything is
 * deleted exactly the memory of an empty region is owned.
 *
 * The new host may also work first, and recover then: what it wrote into memory
 * that it found free stays.
 *
 * With a reader, host 1 lists and reads everything beside the stopped host 0, or
 * looks at one name: what it was told is still so after the cut.
 *
 * With two hosts, host 1 works on the same names beside the stopped host 0 and
 * stops, too, anywhere. What its calls returned must be true after the cut.
 */
#include "epoch.h"
#include "pool.h"
#include "region.h"
#include "scenario.h"

#define RANDOM_CUTS	2u
#define LINES_MAX	32u	/* of which each is the odd one */
#define OLD_MAX		6u	/* contents of it */
#define SEEN_MAX	(1u << 17)
#define TWICE_EVERY	23u	/* contents per second cut */
#define REUSE_EVERY	2u	/* contents per early reuse; 1 with SIM_LONG */
#define REUSE_LEN	(32u * 4096u)
/* Steps of an operation that are looked at; all, if SIM_RUNS is large enough. */
#define POINTS_ONE	400u
#define POINTS_PAIR	24u	/* with two hosts */
#define POINTS_READER	20u	/* with a reader */
#define WORK_NR		9u

enum { BEFORE, AFTER, SIDES };

struct newcomer {		/* a host that comes after the cut */
	struct daxfs_region rg;
	struct daxfs_cx cx;
};

struct cut {
	enum sim_cut how;
	u64 seed;
};

struct job {			/* of one host in one run */
	const struct scenario *sc;
	struct daxfs_cx *cx;
	struct newcomer *newcomer;
	struct log *log;
	const char *name;
	u32 todo, done;		/* calls of the second host */
	s64 results[WORK_NR];
	s64 result;
};

/* ---- what the second host does ---- */

static s64 work_create_below(struct daxfs_cx *cx)
{
	return w_create(cx, "d1/new/in");
}

static s64 work_write_below(struct daxfs_cx *cx)
{
	return w_write(cx, "d1/new/in", 0, 3000, 'i');
}

static s64 work_create(struct daxfs_cx *cx)
{
	return w_create(cx, "d1/x");
}

static s64 work_write(struct daxfs_cx *cx)
{
	return w_write(cx, "d1/x", 0, 5000, 'x');
}

static s64 work_append(struct daxfs_cx *cx)
{
	return w_append(cx, "d1/a", 3, 'p');
}

static s64 work_link(struct daxfs_cx *cx)
{
	return w_link(cx, "d1/b", "d2/lnk");
}

static s64 work_move(struct daxfs_cx *cx)
{
	return w_rename(cx, "d1/sub", "d2/moved", 0);
}

static s64 work_write_in_place(struct daxfs_cx *cx)
{
	return w_write(cx, "d1/b", 100, 10, 'y');
}

static s64 work_unlink(struct daxfs_cx *cx)
{
	return w_unlink(cx, "d1/a");
}

static s64 (*const work[WORK_NR])(struct daxfs_cx *cx) = {
	work_create_below, work_write_below, work_create, work_write,
	work_append, work_link, work_move, work_write_in_place, work_unlink,
};

/* ---- state of the test ---- */

static struct world world;
static struct newcomer newcomer[2];
static struct {
	struct log tree[SIDES];
	struct log pair[SIDES][WORK_NR + 1];	/* when so much work is done */
	s64 result[SIDES][WORK_NR];
	u64 before_steps;	/* of what comes before the operation */
	u64 steps;		/* of both */
	u64 work_steps;
} ref;
static struct log got, told;
static u64 seen[SEEN_MAX];
static u32 seen_nr;

/* 1: not seen before. */
static int is_new(u64 hash)
{
	u32 i = (u32)(hash >> 20) % SEEN_MAX;

	hash += !hash;
	while (seen[i] && seen[i] != hash)
		i = (i + 1) % SEEN_MAX;
	if (seen[i] || seen_nr > SEEN_MAX / 2)
		return 0;
	seen[i] = hash;
	seen_nr++;
	return 1;
}

/* ---- what hosts do ---- */

/* In place, on a new page, and an attribute: acknowledged before. */
static s64 first_changes(struct daxfs_cx *cx)
{
	struct daxfs_setattr sa = { .set = DAXFS_SET_MODE, .mode = 0640 };
	struct daxfs_file f;
	s64 r = w_write(cx, "d2/c", 20, 70, 'i');

	if (r >= 0)
		r = w_append(cx, "d2/c", 6000, 'n');
	if (r >= 0)
		r = w_open(cx, "d2/c", &f);
	if (!r)
		r = daxfs_setattr(cx, f.ino, &sa, NULL);
	if (!r)
		r = daxfs_fsync(cx, &f);
	return r ? r : daxfs_close(cx, f.ino);
}

static void do_first(void *arg)
{
	struct job *j = arg;

	j->result = first_changes(j->cx);
}

static void do_op(void *arg)
{
	struct job *j = arg;

	j->result = first_changes(j->cx);
	if (!j->result)
		j->result = j->sc->op(j->cx, &world);
}

static void do_work(void *arg)
{
	struct job *j = arg;

	while (j->done < j->todo) {
		s64 r = work[j->done](j->cx);

		j->results[j->done++] = r;
	}
}

static void do_dump(void *arg)
{
	struct job *j = arg;

	j->result = world_dump(j->cx, j->log);
}

static void do_check(void *arg)
{
	struct job *j = arg;

	j->result = world_check(j->cx, j->log);
}

static int declare_dead(struct daxfs_region *rg, u32 slot)
{
	struct daxfs_host_info info;
	int r = daxfs_host_info(rg, slot, &info);

	if (r || info.state == DAXFS_H_DEAD || info.state == DAXFS_H_RECOVERING)
		return r;
	return daxfs_host_mark_dead(rg, slot, info.incarnation);
}

/* The power is back: nobody else is there. */
static int join(struct newcomer *n)
{
	struct daxfs_host_id id = { .kind = DAXFS_HOST_TOOL, .pid = 300 };
	int r = daxfs_region_open(&n->rg, world.base, world.len, 1, NULL, 0);

	if (!r)
		r = daxfs_host_join(&n->rg, &id);
	return r ? r : daxfs_cx_init(&n->cx, &n->rg, 0);
}

/* One round over the other hosts; *left: there was one. */
static int recover_round(struct newcomer *n, u32 *left)
{
	struct daxfs_host_info info;
	int r = 0;
	u32 slot;

	*left = 0;
	for (slot = 0; slot < DAXFS_HOSTS && !r; slot++) {
		if (slot == n->rg.host || daxfs_host_info(&n->rg, slot, &info))
			continue;
		*left = 1;
		r = daxfs_host_recover(&n->cx, slot);
		if (r == -EBUSY)	/* its recoverer's turn first */
			r = 0;
	}
	return r;
}

/* Until no other host is listed. */
static int recover_all(struct newcomer *n)
{
	u32 slot, round, left = 1;
	int r = 0;

	for (slot = 0; slot < DAXFS_HOSTS && !r; slot++) {
		if (slot != n->rg.host)
			r = declare_dead(&n->rg, slot);
		if (r == -ENOENT)
			r = 0;
	}
	for (round = 0; round < DAXFS_HOSTS && left && !r; round++)
		r = recover_round(n, &left);
	return r ? r : left ? -ELOOP : 0;
}

static void do_join(void *arg)
{
	struct job *j = arg;

	j->result = join(j->newcomer);
	if (!j->result)
		j->result = recover_all(j->newcomer);
}

/* Use all memory again that may be: a file of 32 pages. */
static s64 reuse(struct daxfs_cx *cx, const char *path, u8 fill)
{
	s64 r;
	u32 i;

	for (i = 0; i < 3; i++)
		daxfs_epoch_advance(cx);
	daxfs_reclaim(cx);
	r = w_create(cx, path);
	return r ? r : w_write(cx, path, 0, REUSE_LEN, fill);
}

/* Before anybody is recovered. */
static void do_reuse(void *arg)
{
	struct job *j = arg;

	j->result = join(j->newcomer);
	if (!j->result)
		j->result = reuse(&j->newcomer->cx, "d2/reuse", 'R');
	if (j->result >= 0)
		j->result = world_dump(&j->newcomer->cx, j->log);
}

/* And after it: the pages of the first file are not free. */
static void do_reuse_again(void *arg)
{
	static u8 buf[REUSE_LEN];
	struct job *j = arg;
	struct daxfs_cx *cx = &j->newcomer->cx;
	struct daxfs_file f;
	u32 i;

	j->result = reuse(cx, "d2/again", 'A');
	if (j->result >= 0)
		j->result = w_open(cx, "d2/reuse", &f);
	if (!j->result)
		j->result = daxfs_read(cx, &f, 0, buf, sizeof(buf));
	for (i = 0; i < REUSE_LEN && j->result >= 0; i++)
		if (buf[i] != 'R')
			j->result = -EIO;
	daxfs_close(cx, f.ino);
}

static void do_recover(void *arg)
{
	struct job *j = arg;

	j->result = recover_all(j->newcomer);
}

static void do_empty_and_part(void *arg)
{
	struct job *j = arg;

	j->result = world_empty(j->cx);
	if (!j->result)
		j->result = daxfs_host_leave(j->cx);
}

/* ---- running them ---- */

/* Let one host run to its end. 0, or -1 with what went wrong said. */
static int run(struct job *j, void (*fn)(void *), const char *what)
{
	struct sim_host h;

	sim_host_init(&h, fn, j);
	if (sim_run_one(&h, WORLD_MAX_STEPS))
		return FAIL("%s: %s does not end", j->sc->name, what);
	if (j->result < 0)
		return FAIL("%s: %s: %s", j->sc->name, what,
			    strerror((int)-j->result));
	return 0;
}

/* Host 0 executes fn and stops after k steps. 1: it came to its end. */
static int run_first(const struct scenario *sc, void (*fn)(void *), u64 k)
{
	struct job j = { .sc = sc, .cx = &world.cx[0] };
	struct sim_host h;

	world_reset(&world);
	sim_power_watch(world.base, world.len);
	sim_host_init(&h, fn, &j);
	sim_stop_after(&h, k);
	sim_run_one(&h, WORLD_MAX_STEPS);
	return h.end == SIM_DONE;
}

/* Host 1 does the first calls of its work, and stops after k steps. */
static void run_work(const struct scenario *sc, struct job *j, u32 todo, u64 k)
{
	struct sim_host h;

	*j = (struct job){ .sc = sc, .cx = &world.cx[1], .todo = todo };
	sim_host_init(&h, do_work, j);
	sim_stop_after(&h, k);
	sim_run_one(&h, WORLD_MAX_STEPS);
}

static int dump(const struct scenario *sc, struct daxfs_cx *cx, struct log *log)
{
	struct job j = { .sc = sc, .cx = cx, .log = log };

	log->len = 0;
	return run(&j, do_dump, "dump");
}

/* ---- after the cut ---- */

/* A new host recovers all; n: and stops after so many steps. */
static int come(const struct scenario *sc, struct newcomer *n, u64 stop)
{
	struct job j = { .sc = sc, .newcomer = n };
	struct sim_host h;

	memset(n, 0, sizeof(*n));
	sim_host_init(&h, do_join, &j);
	sim_stop_after(&h, stop);
	if (sim_run_one(&h, WORLD_MAX_STEPS))
		return FAIL("%s: recovery does not end", sc->name);
	if (h.end == SIM_DONE && j.result)
		return FAIL("%s: recovery: %s", sc->name,
			    strerror((int)-j.result));
	return 0;
}

static int whole(const struct scenario *sc, struct newcomer *n)
{
	const char *want = world.when_empty;
	struct job j = { .sc = sc, .cx = &n->cx, .log = &got };

	got.len = 0;
	if (run(&j, do_check, "check of the index"))
		return FAIL("%.*s", (int)strcspn(got.text, "\n"), got.text);
	if (run(&j, do_empty_and_part, "deleting everything"))
		return -1;
	got.len = 0;
	world_owned(&world, &got);
	if (got.len != strlen(want) || memcmp(got.text, want, got.len))
		return FAIL("owned when all is deleted: %.*s", (int)got.len,
			    got.text);
	return 0;
}

/* The power comes back: the tree that is there, into got. */
static int power_on(const struct scenario *sc, const struct cut *c, u64 second,
		    struct newcomer **n)
{
	*n = &newcomer[0];
	sim_power_cut(c->how, c->seed);
	if (second) {		/* and goes again while it is recovered */
		u64 seed = second;

		sim_power_watch(world.base, world.len);
		if (come(sc, *n, sim_rand(&seed) % second))
			return -1;
		sim_power_cut(SIM_CUT_RANDOM, seed);
		*n = &newcomer[1];
	}
	return come(sc, *n, SIM_NEVER) ? -1 : dump(sc, &(*n)->cx, &got);
}

static int said(const struct scenario *sc, u64 k, const struct cut *c, u64 n)
{
	return FAIL("%s: cut after step %llu (%llu of host 1), kind %u, seed %llu",
		    sc->name, (unsigned long long)k, (unsigned long long)n,
		    c->how, (unsigned long long)c->seed);
}

/* ---- one host ---- */

/* From one step that is looked at to the next. */
static u64 stride(u64 points)
{
	return (ref.steps - ref.before_steps) / harness_runs(points) + 1;
}

static int one_cut(const struct scenario *sc, u64 k, const struct cut *c,
		   u64 second)
{
	struct newcomer *n;
	int ended = run_first(sc, do_op, k), side;

	if (power_on(sc, c, second, &n))
		return said(sc, k, c, 0);
	for (side = ended ? AFTER : BEFORE; side < SIDES; side++)
		if (log_same(&got, &ref.tree[side]))
			break;
	if (side == SIDES) {
		FAIL("%s: %s", ended ? "not as after the operation" :
		     "neither before nor after", log_diff(&got, &ref.tree[AFTER]));
		return said(sc, k, c, 0);
	}
	return whole(sc, n) ? said(sc, k, c, 0) : 0;
}

/*
 * The new host works before it recovers the others, and takes what it can get:
 * nothing of that is lost by the recovery.
 */
static int reuse_cut(const struct scenario *sc, u64 k, const struct cut *c)
{
	struct job j = { .sc = sc, .newcomer = &newcomer[0], .log = &told };

	run_first(sc, do_op, k);
	sim_power_cut(c->how, c->seed);
	memset(j.newcomer, 0, sizeof(*j.newcomer));
	told.len = 0;
	if (run(&j, do_reuse, "use of memory") || run(&j, do_recover, "recovery") ||
	    dump(sc, &j.newcomer->cx, &got))
		return said(sc, k, c, 0);
	if (!log_same(&got, &told)) {
		FAIL("recovery has changed the tree: %s", log_diff(&got, &told));
		return said(sc, k, c, 0);
	}
	if (run(&j, do_reuse_again, "more use of memory") ||
	    whole(sc, j.newcomer))
		return said(sc, k, c, 0);
	return 0;
}

/* All kinds of cuts of the state after k steps that differ from those before. */
static int all_cuts(const struct scenario *sc, u64 k, u64 *nr)
{
	static struct cut c[RANDOM_CUTS + 2 + LINES_MAX * (1 + OLD_MAX)];
	u64 seed = harness_seed() * 1000003 + k;
	int ended = run_first(sc, do_op, k), r = 0;
	u32 lines = sim_power_lines(), want = 0, i;
	u64 old;

	for (i = 0; i < RANDOM_CUTS; i++)
		c[want++] = (struct cut){ SIM_CUT_RANDOM, sim_rand(&seed) };
	c[want++] = (struct cut){ SIM_CUT_OLDEST, 0 };
	c[want++] = (struct cut){ SIM_CUT_NEWEST, 0 };
	for (i = 0; i < lines && i < LINES_MAX; i++) {
		c[want++] = (struct cut){ SIM_CUT_ONE_NEW, i };
		for (old = 0; old < OLD_MAX; old++)
			c[want++] = (struct cut){ SIM_CUT_ONE_OLD, old << 32 | i };
	}
	for (i = 0; i < want; i++)	/* the operation is run again below */
		if (!is_new(sim_power_look(c[i].how, c[i].seed) + (u64)ended))
			c[i].how = SIM_CUT_NR;
	for (i = 0; i < want; i++) {
		if (c[i].how == SIM_CUT_NR)
			continue;
		r |= one_cut(sc, k, &c[i], 0);
		if (++*nr % TWICE_EVERY == 0)
			r |= one_cut(sc, k, &c[i], 3000);
		if (*nr % stride(REUSE_EVERY) == 0)
			r |= reuse_cut(sc, k, &c[i]);
	}
	return r;
}

static int make_reference(const struct scenario *sc)
{
	struct job j = { .sc = sc, .cx = &world.cx[0] };

	world_reset(&world);
	if (run(&j, do_first, "first changes") ||
	    dump(sc, &world.cx[1], &ref.tree[BEFORE]))
		return -1;
	ref.before_steps = j.result ? 0 : sim_steps(0);
	world_reset(&world);
	if (run(&j, do_first, "first changes"))
		return -1;
	ref.before_steps = sim_steps(0);
	world_reset(&world);
	if (run(&j, do_op, "operation"))
		return -1;
	ref.steps = sim_steps(0);
	if (j.result != sc->result)
		return FAIL("%s: result %lld", sc->name, (long long)j.result);
	return dump(sc, &world.cx[1], &ref.tree[AFTER]);
}

/* Free pages hold what they held: zeros that are needed must be stored. */
static void spoil_free_pages(void)
{
	const struct daxfs_span *pool = &world.rg[0].area[DAXFS_AREA_POOL];
	u64 i;

	for (i = 0; i < pool->nr; i++) {
		u64 off = pool->off + (i << DAXFS_PAGE_SHIFT);

		if (daxfs_page_info(&world.rg[0], off)->raw == DAXFS_I_FREE)
			memset(world.base + off, 0xa5, DAXFS_PAGE_SIZE);
	}
}

static void begin(const struct scenario *sc)
{
	world_make_persistent(&world, sc->buckets);
	spoil_free_pages();
	sc->setup(&world);
	world_freeze(&world);
	memset(seen, 0, sizeof(seen));
	seen_nr = 0;
}

static int test_one(const void *arg)
{
	const struct scenario *sc = arg;
	u64 k, nr = 0, steps = 0;
	int r;

	begin(sc);
	r = make_reference(sc);
	for (k = ref.before_steps; k <= ref.steps && !r;
	     k += stride(POINTS_ONE), steps++)
		r |= all_cuts(sc, k, &nr);
	world_free(&world);
	harness_covered(steps, "steps");
	harness_covered(nr, "contents left by a cut");
	return r;
}

/* ---- two hosts ---- */

/* What the work gives, and the tree after each call of it. */
static int make_pair_side(const struct scenario *sc, int side)
{
	struct job j;
	u32 i;

	for (i = 0; i <= WORK_NR; i++) {
		run_first(sc, side == AFTER ? do_op : do_first, SIM_NEVER);
		run_work(sc, &j, i, SIM_NEVER);
		ref.work_steps = sim_steps(0);
		if (dump(sc, &world.cx[2], &ref.pair[side][i]))
			return -1;
	}
	memcpy(ref.result[side], j.results, sizeof(j.results));
	return 0;
}

/* Is that tree one with what those calls returned, on that side? */
static int explains(const struct job *j, int side)
{
	u32 next = j->done < WORK_NR ? j->done + 1 : WORK_NR;

	return !memcmp(j->results, ref.result[side],
		       j->done * sizeof(j->results[0])) &&
	       (log_same(&got, &ref.pair[side][j->done]) ||
		log_same(&got, &ref.pair[side][next]));
}

static int pair_cut(const struct scenario *sc, u64 k, u64 n, const struct cut *c)
{
	int ended = run_first(sc, do_op, k);
	struct newcomer *host;
	struct job j;

	run_work(sc, &j, WORK_NR, n);
	if (!is_new(sim_power_look(c->how, c->seed) + (u64)ended +
		    (u64)j.done * 2))
		return 0;
	if (power_on(sc, c, 0, &host))
		return said(sc, k, c, n);
	if ((ended || !explains(&j, BEFORE)) && !explains(&j, AFTER)) {
		FAIL("after %u calls of host 1: %s", j.done,
		     log_diff(&got, &ref.pair[AFTER][j.done]));
		return said(sc, k, c, n);
	}
	return whole(sc, host) ? said(sc, k, c, n) : 0;
}

static int pair_cuts(const struct scenario *sc, u64 k)
{
	u64 seed = harness_seed() * 1000003 + k, n;
	struct cut oldest = { SIM_CUT_OLDEST, 0 };
	struct cut random = { SIM_CUT_RANDOM, sim_rand(&seed) };
	int r;

	n = sim_rand(&seed) % ref.work_steps;
	r = pair_cut(sc, k, SIM_NEVER, &oldest);
	r |= pair_cut(sc, k, n, &oldest);
	return r | pair_cut(sc, k, n, &random);
}

static int test_two(const void *arg)
{
	const struct scenario *sc = arg;
	u64 k;
	int r;

	begin(sc);
	r = make_reference(sc);
	if (!r)
		r = make_pair_side(sc, BEFORE) | make_pair_side(sc, AFTER);
	for (k = ref.before_steps; k <= ref.steps && !r;
	     k += stride(POINTS_PAIR))
		r |= pair_cuts(sc, k);
	world_free(&world);
	harness_covered(seen_nr, "contents left by a cut");
	return r;
}

/* ---- a reader ---- */

static void do_look(void *arg)
{
	struct job *j = arg;
	struct daxfs_stat st = { 0 };
	int r = w_lookup(j->cx, j->name, &st);

	log_add(j->log, "%d: links %u size %llu mode %o", r, st.nlink,
		(unsigned long long)st.size, st.mode);
}

/* All of the tree, or one name: then nothing comes after that one call. */
static int look(const struct scenario *sc, struct daxfs_cx *cx,
		const char *one, struct log *log)
{
	struct job j = { .sc = sc, .cx = cx, .log = log, .name = one };

	if (!one)
		return dump(sc, cx, log);
	log->len = 0;
	return run(&j, do_look, "look");
}

static int reader_cut(const struct scenario *sc, u64 k, const char *one,
		      const struct cut *c)
{
	struct newcomer *host;

	run_first(sc, do_op, k);
	if (look(sc, &world.cx[1], one, &told) || power_on(sc, c, 0, &host) ||
	    (one && look(sc, &host->cx, one, &got)))
		return said(sc, k, c, 0);
	if (!log_same(&got, &told)) {
		FAIL("not what host 1 was told: %s", log_diff(&got, &told));
		return said(sc, k, c, 0);
	}
	return 0;
}

static int test_reader(const void *arg)
{
	static const char *const names[] = { "d1/new", "d1/a", "d1/b", "d2/sub" };
	enum { NAMES_NR = sizeof(names) / sizeof(names[0]) };
	const struct scenario *sc = arg;
	u64 k, nr = 0;
	u32 i;
	int r;

	begin(sc);
	r = make_reference(sc);
	for (k = ref.before_steps; k <= ref.steps && !r;
	     k += stride(POINTS_READER), nr += 2) {
		r |= reader_cut(sc, k, NULL, &(struct cut){ SIM_CUT_OLDEST, 0 });
		r |= reader_cut(sc, k, NULL, &(struct cut){ SIM_CUT_RANDOM, k });
		for (i = 0; i < NAMES_NR; i++, nr++)
			r |= reader_cut(sc, k, names[i],
					&(struct cut){ SIM_CUT_OLDEST, 0 });
	}
	world_free(&world);
	harness_covered(nr, "cuts");
	return r;
}

/*
 * Its bytes may be read while they are written, and a cut may take them back: a
 * copy of content is no acquire load (docs/decisions/0011).
 */
static int is_in_place(const struct scenario *sc)
{
	return !strcmp(sc->name, "write in place");
}

static struct test test[3 * SCENARIOS_MAX];
static char name[2 * SCENARIOS_MAX][64];

int main(int argc, char **argv)
{
	u32 i, nr = 0, named = 0;

	for (i = 0; i < scenario_nr; i++) {
		const struct scenario *sc = &scenarios[i];

		if (sc->crash_only)
			continue;
		snprintf(name[named], sizeof(name[0]), "reader: %.50s", sc->name);
		snprintf(name[named + 1], sizeof(name[0]), "two hosts: %.50s",
			 sc->name);
		test[nr++] = (struct test){ sc->name, test_one, sc };
		if (!is_in_place(sc))
			test[nr++] = (struct test){ name[named], test_reader, sc };
		test[nr++] = (struct test){ name[named + 1], test_two, sc };
		named += 2;
	}
	return harness_main(argc, argv, test, nr);
}
