// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Branches made and ended beside hosts that stop, sleep or do the same.
 *
 * Notes: three kinds of tests.
 *   freeze: host 0 sleeps after step k of an operation in a branch; host 1 commits
 *     the branch, or makes a child of it; what is frozen is looked at, then 0 wakes
 *     up and ends, and it is looked at again: nothing has changed, and what 0 was told
 *     to have done is there.
 *   stop: host 0 stops for ever after step k of an operation on branches; others see
 *     the state before it or the one behind it, go on beside it, recover it, and end
 *     all branches; then exactly the memory is owned that is owned without a crash.
 *   race: hosts commit, abort and make branches at the same time, scheduled at
 *     random: one commit wins, and main is what the winner had.
 * A state is the list of branches and all that main and each branch show.
 */
#include <stdlib.h>

#include "region.h"
#include "scenario.h"
#include "word.h"

#define PAUSE_MAX	20000000ull	/* ns: 1 ms for each word of a record */
#define STOP_POINTS	300u		/* per operation, at least half */
#define FREEZE_POINTS	30u		/* of sleep per operation, at least half */
#define TOP_POINTS	20000u		/* of sleep, all: the gaps are a step or two wide */
#define TIDY_CALLS	100u
#define MERGES		60u
#define RACES		3000u		/* schedules per race */

static struct world world;
static struct sim_host hosts[3];
static struct log state[4];

static s64 branch(struct daxfs_cx *cx, const char *name, u64 *id)
{
	return daxfs_branch_find(cx, name, id);
}

/* ---- what a state is ---- */

static void log_info(struct log *log, const struct daxfs_branch_info *info)
{
	log_add(log, "%s: state %d, %u children, %u layers, of %s\n", info->name,
		info->state, info->children, info->layers,
		info->parent ? "a branch" : "main");
}

/* What that branch shows, without being one of its mounts. */
static int dump_view(struct daxfs_cx *cx, u64 id, struct log *log)
{
	u64 was = cx->rg->view.raw;
	int r;

	cx->rg->view.raw = id;
	r = world_dump(cx, log);
	cx->rg->view.raw = was;
	return r;
}

static int dump_state(struct daxfs_cx *cx, struct log *log)
{
	struct daxfs_branch_info info;
	int r = 0;

	log->len = 0;
	log_add(log, "main:\n");
	r = dump_view(cx, 0, log);
	for (u32 i = 0; !r; i++) {
		r = daxfs_branch_info(cx, i, &info);
		if (r == -ERANGE)
			return 0;
		if (r == -ENOENT || (!r && info.state == DAXFS_BRANCH_STALE)) {
			r = 0;
			continue;
		}
		if (!r)
			log_info(log, &info);
		if (!r)
			r = dump_view(cx, info.id, log);
	}
	return r;
}

/* ---- a tree to begin with ---- */

static void fill(struct daxfs_cx *cx)
{
	SETUP(w_mkdir(cx, "d1"));
	SETUP(w_create(cx, "d1/a"));
	SETUP(w_write(cx, "d1/a", 0, 9000, 'a'));
	SETUP(w_create(cx, "d1/b"));
	SETUP(w_write(cx, "d1/b", 0, 100, 'b'));
	SETUP(w_mkdir(cx, "d2"));
	SETUP(w_link(cx, "d1/b", "d2/c"));
	SETUP(w_setxattr(cx, "d1/a", "user.n", 40, 'x'));
}

static void change(struct daxfs_cx *cx)
{
	SETUP(w_write(cx, "d1/a", 4000, 200, 'A'));
	SETUP(w_unlink(cx, "d2/c"));
	SETUP(w_rename(cx, "d1/b", "d2/b", 0));
	SETUP(w_create(cx, "d2/new"));
	SETUP(w_append(cx, "d2/new", 5000, 'n'));
	SETUP(w_setxattr(cx, "d1/a", "user.m", 400, 'y'));
	SETUP(w_truncate(cx, "d1/a", 6000));
}

static void show(struct world *w, u32 host, const char *name)
{
	u64 id;

	SETUP(branch(&w->cx[host], name, &id));
	SETUP(daxfs_branch_mount(&w->cx[host], id));
}

static void make(struct world *w, const char *parent, const char *name, u32 flags)
{
	u64 id, child;

	SETUP(branch(&w->cx[1], parent, &id));
	SETUP(daxfs_branch_create(&w->cx[1], id, name, flags, &child));
}

/* Whose branch was committed learns of it when he looks. */
static void look_all(struct world *w)
{
	for (u32 i = 0; i < WORLD_HOSTS; i++) {
		struct daxfs_stat st;

		SETUP(w_lookup(&w->cx[i], "d1", &st));
	}
}

/* main has a tree, by one commit; no branches. Host 0 to 3 show main. */
static void setup_main(struct world *w)
{
	fill(&w->cx[0]);
	SETUP(daxfs_branch_commit(&w->cx[0], w->branch, 0));
	w->branch = 0;
	look_all(w);
}

/* s, changed; hosts 0 and 1 show it. */
static void setup_branch(struct world *w)
{
	setup_main(w);
	make(w, "main", "s", 0);
	show(w, 0, "s");
	show(w, 1, "s");
	change(&w->cx[1]);
}

/* s, shown by host 0 alone. */
static void setup_alone(struct world *w)
{
	setup_branch(w);
	SETUP(daxfs_branch_leave(&w->cx[1]));
}

/* s, with a child k that host 0 shows, and s2. */
static void setup_tree_of(struct world *w)
{
	setup_branch(w);
	make(w, "s", "k", 0);
	make(w, "main", "s2", DAXFS_BRANCH_KEEP);
	SETUP(daxfs_branch_leave(&w->cx[0]));
	show(w, 0, "k");
	SETUP(w_write(&w->cx[0], "d1/a", 0, 10, 'k'));
	SETUP(w_unlink(&w->cx[0], "d2/new"));
}

static void setup_point(struct world *w)
{
	u64 id;

	setup_branch(w);
	SETUP(branch(&w->cx[0], "s", &id));
	SETUP(daxfs_branch_checkpoint(&w->cx[0], id, "p"));
	SETUP(w_write(&w->cx[1], "d1/a", 0, 5000, 'p'));
	SETUP(w_unlink(&w->cx[0], "d2/new"));
}

static void setup_aborted(struct world *w)
{
	u64 id;

	setup_tree_of(w);
	SETUP(branch(&w->cx[0], "s", &id));
	SETUP(daxfs_branch_abort(&w->cx[1], id));
}

/* Three layers of main, and a branch above them. */
static void setup_commits(struct world *w)
{
	u64 id;

	setup_branch(w);
	SETUP(branch(&w->cx[0], "s", &id));
	SETUP(daxfs_branch_commit(&w->cx[0], id, 0));
	look_all(w);
	make(w, "main", "t", 0);
	show(w, 1, "t");
	SETUP(w_write(&w->cx[1], "d1/a", 8000, 3000, 't'));
	SETUP(w_rename(&w->cx[1], "d2/new", "d1/new", 0));
	SETUP(w_create(&w->cx[1], "d2/new"));
	SETUP(w_unlink(&w->cx[1], "d2/b"));
	SETUP(w_mkdir(&w->cx[1], "d1/sub"));
	SETUP(branch(&w->cx[1], "t", &id));
	SETUP(daxfs_branch_commit(&w->cx[1], id, 0));
	make(w, "main", "u", DAXFS_BRANCH_KEEP);
	look_all(w);
}

/* Until nothing is left to do, or others are in the way of more. */
static s64 op_tidy(struct daxfs_cx *cx, struct world *w)
{
	int r = 1;

	(void)w;
	for (u32 i = 0; i < TIDY_CALLS && r > 0; i++)
		r = daxfs_tidy(cx);
	return r;
}

/*
 * Merged, but for main's top, on which nothing lies any more, and nobody is inside who
 * has not seen it: main becomes one layer.
 */
static void setup_idle(struct world *w)
{
	u64 id;

	setup_commits(w);
	SETUP(op_tidy(&w->cx[2], w));
	SETUP(branch(&w->cx[1], "u", &id));
	SETUP(daxfs_branch_abort(&w->cx[1], id));
}

/* Five layers, so that a pair that has been waiting is next when one is merged. */
static void setup_more_commits(struct world *w)
{
	u64 id;

	setup_commits(w);
	for (u32 i = 0; i < 2; i++) {
		make(w, "main", "v", 0);
		show(w, 1, "v");
		SETUP(w_write(&w->cx[1], "d1/a", 3000 * i, 7000, (u8)('1' + i)));
		SETUP(w_setxattr(&w->cx[1], "d1/a", "user.n", 40 + 50 * i, 'z'));
		SETUP(w_rename(&w->cx[1], i ? "d2/was" : "d1/new",
			       i ? "d1/new" : "d2/was", 0));
		SETUP(branch(&w->cx[1], "v", &id));
		SETUP(daxfs_branch_commit(&w->cx[1], id, 0));
		look_all(w);
	}
}

/* ---- operations on branches ---- */

static s64 op_create(struct daxfs_cx *cx, struct world *w)
{
	u64 id;

	(void)w;
	return daxfs_branch_create(cx, 0, "n", DAXFS_BRANCH_KEEP, &id);
}

static s64 on(struct daxfs_cx *cx, const char *name,
	      int (*fn)(struct daxfs_cx *cx, u64 id))
{
	u64 id;
	int r = daxfs_branch_find(cx, name, &id);

	return r ? r : fn(cx, id);
}

static int create_child(struct daxfs_cx *cx, u64 id)
{
	u64 child;

	return daxfs_branch_create(cx, id, "n", 0, &child);
}

static s64 op_child(struct daxfs_cx *cx, struct world *w)
{
	(void)w;
	return on(cx, "s", create_child);
}

static int commit(struct daxfs_cx *cx, u64 id)
{
	return daxfs_branch_commit(cx, id, 0);
}

static s64 op_commit(struct daxfs_cx *cx, struct world *w)
{
	(void)w;
	return on(cx, "s", commit);
}

static s64 op_commit_child(struct daxfs_cx *cx, struct world *w)
{
	(void)w;
	return on(cx, "k", commit);
}

static s64 op_abort(struct daxfs_cx *cx, struct world *w)
{
	(void)w;
	return on(cx, "s", daxfs_branch_abort);
}

static s64 op_abort_child(struct daxfs_cx *cx, struct world *w)
{
	(void)w;
	return on(cx, "k", daxfs_branch_abort);
}

static int checkpoint(struct daxfs_cx *cx, u64 id)
{
	return daxfs_branch_checkpoint(cx, id, "p");
}

static s64 op_checkpoint(struct daxfs_cx *cx, struct world *w)
{
	(void)w;
	return on(cx, "s", checkpoint);
}

static int rollback(struct daxfs_cx *cx, u64 id)
{
	return daxfs_branch_rollback(cx, id, "p");
}

static s64 op_rollback(struct daxfs_cx *cx, struct world *w)
{
	(void)w;
	return on(cx, "s", rollback);
}

static s64 op_leave(struct daxfs_cx *cx, struct world *w)
{
	(void)w;
	return daxfs_branch_leave(cx);
}

static int mount_it(struct daxfs_cx *cx, u64 id)
{
	return daxfs_branch_mount(cx, id);
}

static s64 op_mount(struct daxfs_cx *cx, struct world *w)
{
	(void)w;
	return on(cx, "s2", mount_it);
}

static const struct scenario ops[] = {
	{ "create", setup_main, op_create, 0, 512, 0 },
	{ "create a child", setup_branch, op_child, 0, 512, 0 },
	{ "create a second child", setup_tree_of, op_child, 0, 512, 0 },
	{ "commit", setup_branch, op_commit, 0, 512, 0 },
	{ "commit a child", setup_tree_of, op_commit_child, 0, 512, 0 },
	{ "commit a parent", setup_tree_of, op_commit, 0, 512, 0 },
	{ "abort", setup_branch, op_abort, 0, 512, 0 },
	{ "abort from below", setup_tree_of, op_abort_child, 0, 512, 0 },
	{ "checkpoint", setup_branch, op_checkpoint, 0, 512, 0 },
	{ "rollback", setup_point, op_rollback, 0, 512, 0 },
	{ "leave, the last", setup_alone, op_leave, 0, 512, 0 },
	{ "leave a child", setup_tree_of, op_leave, 0, 512, 0 },
	{ "mount", setup_tree_of, op_mount, 0, 512, 0 },
	{ "tidy what was aborted", setup_aborted, op_tidy, 0, 512, 0 },
	{ "merge", setup_commits, op_tidy, 0, 512, 0 },
	{ "merge main's top", setup_idle, op_tidy, 0, 512, 0 },
	{ "merge several", setup_more_commits, op_tidy, 0, 512, 0 },
};

/* ---- stop ---- */

enum { BEFORE, AFTER, SIDES };

struct course {
	const struct scenario *sc;
	u64 k;
	s64 got, error;
	struct log *log;
};

static struct log want[SIDES], owned;

static int said(const struct course *c, const char *what, const char *more)
{
	return FAIL("%s, k %lld: %s%.300s", c->sc->name, (long long)c->k, what, more);
}

static int run(struct course *c, u32 host, void (*fn)(void *), const char *what)
{
	c->error = 0;
	sim_host_init(&hosts[host], fn, c);
	if (sim_run_one(&hosts[host], 4 * WORLD_MAX_STEPS))
		return said(c, what, " does not end");
	if (c->error)
		return said(c, what, strerror((int)-c->error));
	if (hosts[host].paused_ns > PAUSE_MAX)
		return said(c, what, " waits too long");
	return 0;
}

static void do_op(void *arg)
{
	struct course *c = arg;

	c->got = c->sc->op(&world.cx[0], &world);
}

static void do_state(void *arg)
{
	struct course *c = arg;

	c->error = dump_state(&world.cx[2], c->log);
}

static void do_recover(void *arg)
{
	struct course *c = arg;
	struct daxfs_host_info info;
	u32 slot = world.rg[0].host;

	c->error = daxfs_host_info(&world.rg[2], slot, &info);
	if (!c->error)
		c->error = daxfs_host_mark_dead(&world.rg[2], slot, info.incarnation);
	if (!c->error)
		c->error = daxfs_host_recover(&world.cx[2], slot);
	/* Nobody else is in a call: nothing leaks, and all counts fit. */
	if (!c->error && world_account(&world.cx[2]))
		c->error = -EUCLEAN;
}

/* What has ended is taken away, though nobody but recovery says that there is something. */
static void do_tidy_up(void *arg)
{
	struct course *c = arg;
	struct daxfs_branch_info info;
	s64 r = op_tidy(&world.cx[2], &world);

	for (u32 i = 0; r >= 0; i++) {
		r = daxfs_branch_info(&world.cx[2], i, &info);
		if (!r && info.state == DAXFS_BRANCH_STALE)
			r = -ENOTEMPTY;
		else if (r == -ENOENT)
			r = 0;
	}
	c->error = r == -ERANGE ? 0 : r;
}

/* Beside the stopped host all can be done that has to do with branches. */
static void do_go_on(void *arg)
{
	struct course *c = arg;
	struct daxfs_cx *cx = &world.cx[3];
	u64 id;
	s64 r = daxfs_branch_create(cx, 0, "x", 0, &id);

	if (!r)
		r = daxfs_branch_mount(cx, id);
	if (!r)
		r = w_create(cx, "d1/x");
	if (!r)
		r = daxfs_branch_checkpoint(cx, id, "q");
	if (!r)
		r = w_unlink(cx, "d1/x");
	if (!r)
		r = daxfs_branch_rollback(cx, id, "q");
	if (!r)
		r = w_unlink(cx, "d1/x");
	if (!r)
		r = daxfs_branch_leave(cx);
	c->error = r;
}

/*
 * One of the changes that empty main; each is merged by itself. The name that comes and goes
 * leaves the root's slots, which it may have had before or not.
 */
static s64 empty_some(struct daxfs_cx *cx, u32 i)
{
	return i == 0 ? world_empty(cx) : i == 1 ? w_create(cx, "z") :
	       i == 2 ? w_unlink(cx, "z") : 0;
}

/* All branches end, main becomes empty, and nothing waits any more. */
static void do_end_all(void *arg)
{
	struct course *c = arg;
	struct daxfs_cx *cx = &world.cx[2];
	struct daxfs_branch_info info;
	u64 id = 0;
	s64 r = 0;

	for (u32 i = 0; r != -ERANGE; i++) {
		r = daxfs_branch_info(cx, i, &info);
		if (r || info.state == DAXFS_BRANCH_STALE)
			continue;
		r = daxfs_branch_abort(cx, info.id);
		if (r && r != -ESTALE)
			break;
	}
	r = r == -ERANGE ? 0 : r;
	for (u32 i = 0; i < 4 && !r; i++) {
		r = daxfs_branch_create(cx, 0, "end", 0, &id);
		if (!r)
			r = daxfs_branch_mount(cx, id);
		if (!r)
			r = empty_some(cx, i);
		if (!r)
			r = daxfs_branch_commit(cx, id, 0);
		for (u32 h = 1; h < WORLD_HOSTS && !r; h++) {
			struct daxfs_stat st;

			/* Who shows what is not there any more goes to main. */
			if (daxfs_getattr(&world.cx[h], DAXFS_ROOT_INO, &st) == -ESTALE)
				r = daxfs_branch_leave(&world.cx[h]);
		}
		if (!r)
			r = op_tidy(cx, &world);
	}
	for (u32 h = 1; h < WORLD_HOSTS && r >= 0; h++)
		if (h != 2)
			r = daxfs_host_leave(&world.cx[h]);
	c->error = r < 0 ? r : daxfs_host_leave(cx);
}

static int end_all(struct course *c, struct log *log)
{
	if (run(c, 2, do_end_all, "ending all: "))
		return -1;
	log->len = 0;
	world_owned(&world, log);
	return 0;
}

/* The operation stops after k steps. 1: it was over before. */
static int stop_op(struct course *c)
{
	world_reset(&world);
	sim_host_init(&hosts[0], do_op, c);
	sim_stop_after(&hosts[0], c->k);
	sim_run_one(&hosts[0], WORLD_MAX_STEPS);
	return hosts[0].end == SIM_DONE;
}

static int look(struct course *c, u32 i, const char *what)
{
	c->log = &state[i];
	return run(c, 2, do_state, what);
}

static int which(struct course *c, u32 i)
{
	for (int s = 0; s < SIDES; s++)
		if (log_same(&state[i], &want[s]))
			return s;
	return said(c, "neither before nor behind: ", log_diff(&state[i], &want[AFTER]));
}

static int one_stop(const struct scenario *sc, u64 k)
{
	struct course c = { .sc = sc, .k = k };
	int side, over = stop_op(&c);

	if (look(&c, 0, "looking beside the stopped host: "))
		return -1;
	side = which(&c, 0);
	if (side < 0)
		return -1;
	if (run(&c, 1, do_go_on, "going on beside it: ") ||
	    look(&c, 1, "looking again: "))
		return -1;
	if (!log_same(&state[0], &state[1]))
		return said(&c, "others have changed what it shows: ",
			    log_diff(&state[1], &state[0]));
	if (run(&c, 2, do_recover, "recovery: ") || look(&c, 2, "looking behind it: "))
		return -1;
	/* A host that died mounts nothing; the rest stays. */
	if (!log_same(&state[0], &state[2]))
		return said(&c, "recovery has changed something: ",
			    log_diff(&state[2], &state[0]));
	if (end_all(&c, &state[3]))
		return -1;
	if (!log_same(&state[3], &owned))
		return said(&c, "owned when all has ended: ",
			    log_diff(&state[3], &owned));
	return over;
}

/* Nobody does anything but recover it, and tidy up. */
static int one_loss(const struct scenario *sc, u64 k)
{
	struct course c = { .sc = sc, .k = k };

	stop_op(&c);
	return run(&c, 2, do_recover, "recovery: ") ||
	       run(&c, 2, do_tidy_up, "taking away what has ended: ") ? -1 : 0;
}

static int stop_reference(const struct scenario *sc)
{
	struct course c = { .sc = sc, .k = 0 };

	for (u32 i = 0; i < SIDES; i++) {
		c.k = i ? SIM_NEVER : 0;
		stop_op(&c);
		if (i && c.got != sc->result)
			return FAIL("%s: result %lld", sc->name, (long long)c.got);
		c.log = &want[i];
		if (run(&c, 2, do_state, "reference: "))
			return -1;
	}
	c.k = 0;
	stop_op(&c);
	return run(&c, 2, do_recover, "recovery: ") || end_all(&c, &owned) ? -1 : 0;
}

static void begin(void (*setup)(struct world *w))
{
	struct world_options o = { .buckets = 512, .branching = 1 };

	world_make_as(&world, &o);
	setup(&world);
	world_freeze(&world);
}

static int test_stop(const void *arg)
{
	const struct scenario *sc = arg;
	u64 points = 0, stride, k;
	int r;

	begin(sc->setup);
	if (sc->op != op_tidy) {	/* nothing is left of the setup */
		world_thaw(&world);
		SETUP(op_tidy(&world.cx[2], &world));
		world_freeze(&world);
	}
	r = stop_reference(sc);
	if (!r) {
		struct course c = { .sc = sc, .k = SIM_NEVER };

		stop_op(&c);
		/* Long ones, of many records, are known by their kinds of steps. */
		stride = sim_steps(0) / STOP_POINTS / harness_runs(1) + 1;
		for (k = harness_seed() % stride; !r; k += stride, points++) {
			r = one_loss(sc, k);
			if (!r)
				r = one_stop(sc, k);
		}
	}
	world_free(&world);
	harness_covered(points, "points of stop");
	return r < 0 ? -1 : 0;
}

/* ---- a merger that is overtaken ---- */

/* Layers of main; of a host that shows it. */
static u32 main_layers(struct daxfs_cx *cx)
{
	struct daxfs_stat st;

	return daxfs_getattr(cx, DAXFS_ROOT_INO, &st) ? 0 : cx->view.nr;
}

/* Merge to the end, commit something more, and merge that, as far as it goes. */
static void do_overtake(void *arg)
{
	struct course *c = arg;
	struct daxfs_cx *cx = &world.cx[1];
	u64 id;
	s64 r = op_tidy(cx, &world);

	for (u32 i = 0; i < 2 && r >= 0; i++) {
		r = daxfs_branch_create(cx, 0, "v", 0, &id);
		if (!r)
			r = daxfs_branch_mount(cx, id);
		if (!r)
			r = w_write(cx, "d1/a", 5000 * i, 6000, (u8)('v' + i));
		if (r >= 0)
			r = i ? w_unlink(cx, "d1/new") : w_rename(cx, "d2/new", "d2/v", 0);
		if (r >= 0)
			r = daxfs_branch_commit(cx, id, 0);
		if (!r)
			r = op_tidy(cx, &world);
	}
	if (r >= 0)
		r = dump_state(&world.cx[1], &state[0]);
	c->error = r < 0 ? r : 0;
	if (sim_is_asleep(0))
		sim_wake(0);
}

static int one_overtake(const struct scenario *sc, u64 k)
{
	struct sim_schedule s = { .policy = SIM_POINTS, .max_steps = 40 * WORLD_MAX_STEPS };
	struct course c = { .sc = sc, .k = k };

	world_reset(&world);
	sim_host_init(&hosts[0], do_op, &c);
	sim_host_init(&hosts[1], do_overtake, &c);
	sim_sleep_after(&hosts[0], k);
	if (sim_run(hosts, 2, &s))
		return said(&c, "the run does not end", "");
	if (c.error || c.got < 0)
		return said(&c, "merging: ", strerror((int)-(c.error ? c.error : c.got)));
	if (look(&c, 1, "looking again: "))
		return -1;
	if (!log_same(&state[0], &state[1]))
		return said(&c, "who came late has changed something: ",
			    log_diff(&state[1], &state[0]));
	/* What is owned is what it is without a late one. */
	if (k == SIM_NEVER)
		return end_all(&c, &owned);
	if (end_all(&c, &state[3]))
		return -1;
	return log_same(&state[3], &owned) ? 0 :
	       said(&c, "owned when all has ended: ", log_diff(&state[3], &owned));
}

static int test_overtake(const void *arg)
{
	const struct scenario *sc = arg;
	u64 points = 0, stride, k, steps;
	struct course c = { .sc = sc, .k = SIM_NEVER };
	int r;

	begin(sc->setup);
	stop_op(&c);
	steps = sim_steps(0);
	r = main_layers(&world.cx[3]) == 1 ? 0 :
	    FAIL("%u layers are left", main_layers(&world.cx[3]));
	if (!r)
		r = one_overtake(sc, SIM_NEVER);
	stride = steps / STOP_POINTS / harness_runs(1) + 1;
	for (k = harness_seed() % stride; !r && k < steps; k += stride, points++)
		r = one_overtake(sc, k);
	world_free(&world);
	harness_covered(points, "points of sleep");
	return r;
}

/* ---- freeze ---- */

enum how { COMMIT, CHILD, POINT, HOWS };

static const char *const how_name[HOWS] = { "commit", "child", "checkpoint" };

struct freeze {
	const struct scenario *sc;
	u64 k;
	int slept;
	enum how how;
	s64 got, error, looked;
	u64 id;
	struct log *before, *after;
};

static int told(const struct freeze *f, const char *what, const char *more)
{
	return FAIL("%s, k %llu, %s: %s%.300s", f->sc->name, (unsigned long long)f->k,
		    how_name[f->how], what, more);
}

static void do_work(void *arg)
{
	struct freeze *f = arg;

	f->got = f->sc->op(&world.cx[0], &world);
}

/* What was frozen: main, or what the child shows. */
static int look_at_frozen(struct freeze *f, struct log *log)
{
	log->len = 0;
	return dump_view(&world.cx[2], f->id, log);
}

static void do_freeze(void *arg)
{
	struct freeze *f = arg;

	f->slept = sim_is_asleep(0);
	if (f->how == CHILD)
		f->error = daxfs_branch_create(&world.cx[1], world.branch, "child",
					       DAXFS_BRANCH_KEEP, &f->id);
	else if (f->how == COMMIT)
		f->error = daxfs_branch_commit(&world.cx[1], world.branch, 0);
	else
		f->error = daxfs_branch_checkpoint(&world.cx[1], world.branch, "p");
	if (f->how == POINT)
		f->id = world.branch;
	f->looked = f->error ? f->error : look_at_frozen(f, f->before);
	if (f->slept)
		sim_wake(0);
}

static void do_look_again(void *arg)
{
	struct freeze *f = arg;

	f->looked = look_at_frozen(f, f->after);
}

/* Of a checkpoint: what the branch has become since, then what was kept. */
static void do_roll_back(void *arg)
{
	struct freeze *f = arg;

	f->looked = look_at_frozen(f, &state[2]);
	if (!f->looked)
		f->looked = daxfs_branch_rollback(&world.cx[2], f->id, "p");
	if (!f->looked)
		f->looked = look_at_frozen(f, f->after);
}

/* Host 0 sleeps at k, 1 freezes, 0 goes on. 1: 0 had ended before. */
static int one_freeze(const struct scenario *sc, u64 k, enum how how)
{
	struct sim_schedule s = { .policy = SIM_POINTS, .max_steps = WORLD_MAX_STEPS };
	struct freeze f = { .sc = sc, .k = k, .how = how, .before = &state[0],
			    .after = &state[1] };

	world_reset(&world);
	sim_host_init(&hosts[0], do_work, &f);
	sim_host_init(&hosts[1], do_freeze, &f);
	sim_sleep_after(&hosts[0], k);
	if (sim_run(hosts, 2, &s))
		return told(&f, "the run does not end", "");
	if (f.error || f.looked)
		return told(&f, "freezing: ", strerror((int)-(f.error ? f.error :
							      f.looked)));
	if (hosts[1].paused_ns > PAUSE_MAX)
		return told(&f, "freezing waits too long", "");
	sim_host_init(&hosts[2], how == POINT ? do_roll_back : do_look_again, &f);
	if (sim_run_one(&hosts[2], WORLD_MAX_STEPS) || f.looked)
		return told(&f, "looking again: ", strerror((int)-f.looked));
	/* A checkpoint stops nobody: what goes on ends in the layer above it. */
	if (how == POINT)
		return f.got != sc->result ?
		       told(&f, "the operation: ", strerror((int)-f.got)) :
		       !log_same(&state[2], &want[AFTER]) ?
		       told(&f, "it has ended, and shows: ",
			    log_diff(&state[2], &want[AFTER])) :
		       !log_same(&state[0], &state[1]) ?
		       told(&f, "what was kept has changed: ",
			    log_diff(&state[1], &state[0])) : !f.slept;
	if (!log_same(&state[0], &state[1]))
		return told(&f, "what was frozen has changed: ",
			    log_diff(&state[1], &state[0]));
	if (f.got == sc->result && !log_same(&state[0], &want[AFTER]))
		return told(&f, "what was acknowledged is not there: ",
			    log_diff(&state[0], &want[AFTER]));
	if (f.slept && f.got < 0 && f.got != -EROFS && f.got != -ESTALE &&
	    f.got != sc->result)
		return told(&f, "the operation: ", strerror((int)-f.got));
	return !f.slept;
}

/* What the branch shows before the operation, and behind it. */
static int freeze_reference(const struct scenario *sc)
{
	struct freeze f = { .sc = sc };

	for (u32 i = 0; i < SIDES; i++) {
		world_reset(&world);
		if (i) {
			sim_host_init(&hosts[0], do_work, &f);
			if (sim_run_one(&hosts[0], WORLD_MAX_STEPS) ||
			    f.got != sc->result)
				return told(&f, "reference: ", strerror((int)-f.got));
		}
		f.id = world.branch;
		f.after = &want[i];
		sim_host_init(&hosts[2], do_look_again, &f);
		if (sim_run_one(&hosts[2], WORLD_MAX_STEPS) || f.looked)
			return told(&f, "reference: ", strerror((int)-f.looked));
	}
	return 0;
}

static int test_freeze(const void *arg)
{
	const struct scenario *sc = arg;
	struct world_options o = { .buckets = sc->buckets, .branching = 1 };
	u64 points = 0, stride, k, steps;
	int r;

	world_make_as(&world, &o);
	sc->setup(&world);
	world_freeze(&world);
	r = freeze_reference(sc);
	steps = sim_steps(0);
	{
		struct freeze f = { .sc = sc };

		world_reset(&world);
		sim_host_init(&hosts[0], do_work, &f);
		sim_run_one(&hosts[0], WORLD_MAX_STEPS);
		steps = sim_steps(0);
	}
	stride = steps / FREEZE_POINTS / harness_runs(1) + 1;
	for (k = harness_seed() % stride; r >= 0 && k < steps; k += stride) {
		for (u32 how = 0; how < HOWS && r >= 0; how++, points++)
			r = one_freeze(sc, k, (enum how)how);
	}
	world_free(&world);
	harness_covered(points, "points of sleep");
	return r < 0 ? -1 : 0;
}

/* ---- races ---- */

static void setup_rivals(struct world *w)
{
	setup_main(w);
	make(w, "main", "s", DAXFS_BRANCH_KEEP);
	make(w, "main", "t", DAXFS_BRANCH_KEEP);
	show(w, 0, "s");
	SETUP(w_create(&w->cx[0], "d1/s"));
	show(w, 1, "t");
	SETUP(w_create(&w->cx[1], "d1/t"));
	show(w, 2, "s");
}

struct race {
	u32 host;
	const char *name;
	u64 id;
	s64 got, wrote;
};

static void do_commit(void *arg)
{
	struct race *r = arg;

	r->got = daxfs_branch_commit(&world.cx[r->host], r->id, 0);
}

static void do_write_and_leave(void *arg)
{
	struct race *r = arg;

	r->wrote = w_create(&world.cx[r->host], "d2/late");
	r->got = 0;
}

static void do_abort(void *arg)
{
	struct race *r = arg;

	r->got = daxfs_branch_abort(&world.cx[r->host], r->id);
}

/* Who has won, by what main shows. */
static int judge(struct race *r, int aborts, u64 seed)
{
	struct daxfs_cx *cx = &world.cx[3];
	struct daxfs_stat st;
	int s = !w_lookup(cx, "d1/s", &st), t = !w_lookup(cx, "d1/t", &st);
	int late = !w_lookup(cx, "d2/late", &st);

	if (s + t > 1 || (!aborts && s + t != 1))
		return FAIL("seed %llu: %d branches are in main",
			    (unsigned long long)seed, s + t);
	if (r[0].got != (s ? 0 : -ESTALE) ||
	    (!aborts && r[1].got != (t ? 0 : -ESTALE)))
		return FAIL("seed %llu: results %lld and %lld, main has %s",
			    (unsigned long long)seed, (long long)r[0].got,
			    (long long)r[1].got, s ? "s" : "t");
	if (aborts && r[1].got && r[1].got != -ESTALE)
		return FAIL("seed %llu: abort: %lld", (unsigned long long)seed,
			    (long long)r[1].got);
	if (s && late != !r[2].wrote)
		return FAIL("seed %llu: a name that %s in main",
			    (unsigned long long)seed, late ?
			    "was refused is" : "was made is not");
	return 0;
}

static int test_race(const void *arg)
{
	int aborts = !!arg, r = 0;
	u64 seed = harness_seed() * 1000, nr = harness_runs(RACES);

	begin(setup_rivals);
	for (u64 i = 0; i < nr && !r; i++, seed++) {
		struct race race[3] = { { .host = 0, .name = "s" },
					{ .host = 1, .name = aborts ? "s" : "t" },
					{ .host = 2 } };
		struct sim_schedule s = { .policy = SIM_RANDOM, .seed = seed,
					  .quantum = 1 + (u32)(i % 40), .stall = 20,
					  .max_steps = WORLD_MAX_STEPS };

		world_reset(&world);
		for (u32 h = 0; h < 2; h++)
			SETUP(branch(&world.cx[h], race[h].name, &race[h].id));
		sim_host_init(&hosts[0], do_commit, &race[0]);
		sim_host_init(&hosts[1], aborts ? do_abort : do_commit, &race[1]);
		sim_host_init(&hosts[2], do_write_and_leave, &race[2]);
		if (sim_run(hosts, 3, &s))
			r = FAIL("seed %llu: does not end", (unsigned long long)seed);
		else
			r = judge(race, aborts, seed);
	}
	world_free(&world);
	harness_covered(nr, "schedules");
	return r;
}

/* Two merge, one looks at main and at a branch all the time: nothing changes. */
struct reader {
	s64 error;
	u32 looks;
};

static void do_merge(void *arg)
{
	s64 *r = arg;

	*r = op_tidy(&world.cx[sim_self()], &world);
}

static void do_read(void *arg)
{
	struct reader *r = arg;

	for (u32 i = 0; i < 6 && !r->error; i++, r->looks++) {
		r->error = dump_state(&world.cx[2], &state[0]);
		if (!r->error && !log_same(&state[0], &want[BEFORE]))
			r->error = -EILSEQ;
	}
}

static int test_mergers(const void *arg)
{
	u64 seed = harness_seed() * 1000, nr = harness_runs(MERGES), ended = 0;
	struct course c = { .sc = NULL, .log = &want[BEFORE] };
	int r = 0;

	(void)arg;
	begin(setup_commits);
	world_reset(&world);
	sim_host_init(&hosts[2], do_state, &c);
	if (sim_run_one(&hosts[2], WORLD_MAX_STEPS) || c.error)
		r = FAIL("reference: %lld", (long long)c.error);
	for (u64 i = 0; i < nr && !r; i++, seed++) {
		struct sim_schedule s = { .policy = SIM_RANDOM, .seed = seed,
					  .quantum = 1 + (u32)(i * 7 % 100), .stall = 20,
					  .max_steps = 20 * WORLD_MAX_STEPS };
		struct reader reader = { .error = 0 };
		s64 merged[2] = { 0, 0 };

		world_reset(&world);
		sim_host_init(&hosts[0], do_merge, &merged[0]);
		sim_host_init(&hosts[1], do_merge, &merged[1]);
		sim_host_init(&hosts[2], do_read, &reader);
		if (sim_run(hosts, 3, &s))
			r = FAIL("seed %llu: does not end", (unsigned long long)seed);
		else if (merged[0] < 0 || merged[1] < 0 || reader.error)
			r = FAIL("seed %llu: %lld, %lld, reader %lld: %s",
				 (unsigned long long)seed, (long long)merged[0],
				 (long long)merged[1], (long long)reader.error,
				 log_diff(&state[0], &want[BEFORE]));
		else
			ended += main_layers(&world.cx[3]) == 2;
	}
	world_free(&world);
	harness_covered(ended, "merges that came to their end");
	return r || ended ? r : FAIL("no merge came to its end");
}

/*
 * One merges main's top, one makes a branch and changes it: one of them sleeps somewhere
 * while the other does all of it. The branch is made of what main is.
 */
static u64 top_commits;

struct top {
	int maker_sleeps;
	u32 maker;
	u64 id;
	s64 made, merged, looked;
};

static void top_make(struct top *t)
{
	struct daxfs_cx *cx = &world.cx[t->maker];

	t->made = daxfs_branch_create(cx, 0, "late", 0, &t->id);
	if (!t->made)
		t->made = daxfs_branch_mount(cx, t->id);
	if (!t->made)
		t->made = w_create(cx, "d1/late");
}

static void top_merge(struct top *t)
{
	t->merged = op_tidy(&world.cx[!t->maker], &world);
}

static void do_first(void *arg)
{
	struct top *t = arg;

	if (t->maker_sleeps)
		top_make(t);
	else
		top_merge(t);
}

static void do_second(void *arg)
{
	struct top *t = arg;

	if (t->maker_sleeps)
		top_merge(t);
	else
		top_make(t);
	if (sim_is_asleep(0))
		sim_wake(0);
}

static void do_look_at_top(void *arg)
{
	struct top *t = arg;
	struct daxfs_cx *cx = &world.cx[t->maker];

	u64 nr = 0;

	/* What is dropped is taken apart, whoever lies on it. */
	t->looked = op_tidy(&world.cx[2], &world);
	if (t->looked >= 0)
		t->looked = w_unlink(cx, "d1/late");
	if (!t->looked)
		t->looked = daxfs_head_id(&world.cx[3], &nr);
	if (!t->looked && nr != top_commits)
		t->looked = -EILSEQ;
	for (u32 i = 0; i < SIDES && !t->looked; i++) {
		state[i].len = 0;
		t->looked = dump_view(i ? cx : &world.cx[3], i ? t->id : 0, &state[i]);
	}
}

static int one_top(u64 k, int maker_sleeps, u64 *steps)
{
	struct sim_schedule s = { .policy = SIM_POINTS, .max_steps = 40 * WORLD_MAX_STEPS };
	struct top t = { .maker_sleeps = maker_sleeps, .maker = !maker_sleeps };

	world_reset(&world);
	sim_host_init(&hosts[0], do_first, &t);
	sim_host_init(&hosts[1], do_second, &t);
	sim_sleep_after(&hosts[0], k);
	if (sim_run(hosts, 2, &s))
		return FAIL("k %llu: does not end", (unsigned long long)k);
	*steps = sim_steps(0);
	if (t.made || t.merged < 0)
		return FAIL("k %llu: making %lld, merging %lld", (unsigned long long)k,
			    (long long)t.made, (long long)t.merged);
	sim_host_init(&hosts[2], do_look_at_top, &t);
	if (sim_run_one(&hosts[2], 4 * WORLD_MAX_STEPS) || t.looked)
		return FAIL("k %llu: looking: %lld", (unsigned long long)k,
			    (long long)t.looked);
	for (u32 i = 0; i < SIDES; i++)
		if (!log_same(&state[i], &want[BEFORE]))
			return FAIL("k %llu: %s shows: %s", (unsigned long long)k,
				    i ? "the branch" : "main",
				    log_diff(&state[i], &want[BEFORE]));
	return 0;
}

static int test_top(const void *arg)
{
	int maker_sleeps = !arg, r;
	u64 points = 0, stride, k, steps, all;

	begin(setup_idle);
	want[BEFORE].len = 0;
	world_reset(&world);
	SETUP(dump_view(&world.cx[3], 0, &want[BEFORE]));
	SETUP(daxfs_head_id(&world.cx[3], &top_commits));
	r = one_top(SIM_NEVER, maker_sleeps, &steps);
	stride = steps / TOP_POINTS / harness_runs(1) + 1;
	for (k = harness_seed() % stride; !r && k < steps; k += stride, points++)
		r = one_top(k, maker_sleeps, &all);
	world_free(&world);
	harness_covered(points, "points of sleep");
	return r;
}

int main(int argc, char **argv)
{
	static char name[SCENARIOS_MAX][64];
	static const int yes = 1;
	struct test test[SCENARIOS_MAX + 32];
	u32 nr = 0;

	for (u32 i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
		test[nr++] = (struct test){ ops[i].name, test_stop, &ops[i] };
	/* The last of the table. */
	test[nr] = (struct test){ "merge, overtaken", test_overtake, &ops[nr - 1] };
	nr++;
	test[nr++] = (struct test){ "race: two mergers and a reader", test_mergers, NULL };
	test[nr++] = (struct test){ "main's top: who makes a branch sleeps", test_top, NULL };
	test[nr++] = (struct test){ "main's top: who merges it sleeps", test_top, &yes };
	test[nr++] = (struct test){ "race: two commits and a writer", test_race, NULL };
	test[nr++] = (struct test){ "race: commit, abort and a writer", test_race, &yes };
	for (u32 i = 0; i < scenario_nr; i++) {
		/* Not in a branch, or not of a host that stays. */
		if (!strcmp(scenarios[i].name, "accessed") ||
		    !strcmp(scenarios[i].name, "leave") ||
		    !strcmp(scenarios[i].name, "join and create"))
			continue;
		snprintf(name[i], sizeof(name[i]), "freeze: %s", scenarios[i].name);
		test[nr++] = (struct test){ name[i], test_freeze, &scenarios[i] };
	}
	return harness_main(argc, argv, test, nr);
}
