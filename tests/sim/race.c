// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Programs of two or three hosts at once, and what is demanded of their runs.
 *
 * Notes: every history has an order that explains it. A program gives each host
 * one to three operations. All orders of them are executed one operation after
 * the other first: their results and the tree that they leave are what is right.
 * Then the hosts run together under many schedules; the results and the tree
 * must be those of an order that does not turn around what followed each other
 * in time. Besides the index must be clean, and when all is deleted nothing but
 * an empty region is owned. So "rename shows neither or both names", "rmdir and
 * create both win", "two moves make a cycle", "an append is lost" are all found
 * in the same way. Writes here are pages, and files beside them end at a page: a
 * write across the end of the file is one in place and one that grows the file,
 * and writes in place into one page at once may leave any mixture.
 */
#include <stdlib.h>

#include "race.h"
#include "world.h"

#define HOSTS		3u
#define OPS		3u		/* per host */
#define ORDERS		2000u		/* 9 operations of 3 hosts: 1680 */
#define SHOWN		700		/* bytes of a tree in a message */

enum kind {
	NOTHING, LOOKUP, CREATE, MKDIR, LINK, UNLINK, RMDIR, RENAME, NOREPLACE,
	WRITE, APPEND, TRUNCATE, OPEN, HELD_APPEND, CLOSE, NLINK, TMPFILE,
	LINK_TMP, EXCHANGE, WHITEOUT,
	PUNCH, ZERO, ALLOCATE, COPY,
	SET_OWN, SET_SHARED, GET_SHARED, DROP_SHARED, MODE, ACCESS_LIST,
	DEFAULT_LIST,
};

static const char *const kind_name[] = {
	"nothing", "lookup", "create", "mkdir", "link", "unlink", "rmdir",
	"rename", "rename-noreplace", "write", "append", "truncate", "open",
	"append-held", "close", "nlink", "tmpfile", "link-tmpfile",
	"rename-exchange", "rename-whiteout",
	"punch", "zero", "allocate", "copy",
	"set-own-attribute", "set-attribute", "get-attribute", "remove-attribute",
	"chmod", "set-access-list", "set-default-list",
};

/* Directories and files are named by number: inodes known from the setup. */
enum { ROOT, D1, D2, SUB, EMPTY, DIRS };
enum { FILE_A, FILE_B, FILES };

struct op {
	enum kind kind;
	u32 dir;		/* or file, or host */
	const char *name;
	u32 dir2;		/* or offset, length */
	const char *name2;
};

struct program {
	const char *name;
	u64 buckets_used;	/* names to make first, so that the index grows */
	struct op op[HOSTS][OPS];
};

struct outcome {
	s64 result[HOSTS][OPS];
	struct log tree;
};

struct order {
	u8 host[HOSTS * OPS];	/* whose next operation comes */
	u32 nr;
	s64 result[HOSTS][OPS];
	u64 tree_hash;
	u32 tree_len;
};

struct runner {			/* one host in a run */
	u32 host;
	struct daxfs_file file;
	u64 told;		/* what it has told others: its tmpfile */
	u64 start[OPS], end[OPS];	/* in steps of the run */
};

static struct world world;
static const struct program *program;
static struct order orders[ORDERS];
static u32 order_nr;
static struct outcome outcome;
static struct runner runner[HOSTS];
static u64 dir_ino[DIRS], file_ino[FILES];
static struct log scratch;
static const struct race_effort *effort;
static u64 old_loads;

/* ---- one operation ---- */

static const u8 *letters(u32 host)
{
	static u8 buf[HOSTS][8192];

	memset(buf[host], 'A' + (int)host, sizeof(buf[0]));
	return buf[host];
}

/* Which inode: one of the setup's, or a new one. */
static s64 inode_nr(u64 ino)
{
	u32 i;

	for (i = 0; i < DIRS; i++)
		if (dir_ino[i] == ino)
			return i;
	for (i = 0; i < FILES; i++)
		if (file_ino[i] == ino)
			return DIRS + i;
	return DIRS + FILES;
}

static u32 rename_flags(enum kind kind)
{
	return kind == NOREPLACE ? DAXFS_RENAME_NOREPLACE :
	       kind == EXCHANGE ? DAXFS_RENAME_EXCHANGE :
	       kind == WHITEOUT ? DAXFS_RENAME_WHITEOUT : 0;
}

static s64 do_name(struct daxfs_cx *cx, const struct op *op)
{
	struct daxfs_new what = { .mode = op->kind == MKDIR ? S_IFDIR | 0755 :
					  S_IFREG | 0644 };
	u64 dir = dir_ino[op->dir], dir2 = dir_ino[op->dir2 % DIRS];
	u32 len = (u32)strlen(op->name);
	struct daxfs_stat st;
	s64 r;

	switch (op->kind) {
	case LOOKUP:
		r = daxfs_lookup(cx, dir, op->name, len, &st);
		return r ? r : inode_nr(st.ino);
	case CREATE:
	case MKDIR:
		return daxfs_create(cx, dir, op->name, len, &what, &st);
	case UNLINK:
		return daxfs_unlink(cx, dir, op->name, len);
	case RMDIR:
		return daxfs_rmdir(cx, dir, op->name, len);
	default:
		return daxfs_rename(cx, dir, op->name, len, dir2, op->name2,
				    (u32)strlen(op->name2),
				    rename_flags(op->kind));
	}
}

static s64 on_held(struct daxfs_cx *cx, const struct op *op, struct runner *run)
{
	struct daxfs_file *f = &run->file;

	switch (op->kind) {
	case WRITE:
		return daxfs_write(cx, f, op->dir2, letters(run->host), 4096);
	case PUNCH:	/* a part of a page, and all of the next */
		return daxfs_fallocate(cx, f, DAXFS_PUNCH_HOLE | DAXFS_KEEP_SIZE,
				       op->dir2, 8192 - op->dir2 % 4096);
	case ZERO:
		return daxfs_fallocate(cx, f, DAXFS_ZERO_RANGE | DAXFS_KEEP_SIZE,
				       op->dir2, 3000);
	case ALLOCATE:	/* behind the end, too */
		return daxfs_fallocate(cx, f, DAXFS_KEEP_SIZE, op->dir2, 12288);
	case COPY:	/* the first page */
		return daxfs_copy_range(cx, f, 0, f, op->dir2, 4096);
	case APPEND:
	case HELD_APPEND:
		return daxfs_append(cx, f, letters(run->host), op->dir2, NULL);
	default:
		return daxfs_truncate(cx, f, op->dir2);
	}
}

/*
 * A file without a name, and a name for that of a host, if it has told. It tells
 * when the call has ended: who names its file must not tell of its directory.
 */
static s64 do_tmpfile(struct daxfs_cx *cx, const struct op *op,
		      struct runner *run)
{
	struct daxfs_new what = { .mode = S_IFREG | 0644 };
	u64 ino = runner[op->dir % HOSTS].told;

	if (op->kind == LINK_TMP)
		return !ino ? -EBADF : daxfs_link(cx, ino, dir_ino[op->dir2],
				op->name2, (u32)strlen(op->name2), NULL);
	memset(&run->file, 0, sizeof(run->file));
	return daxfs_tmpfile(cx, dir_ino[op->dir], &what, 0, NULL, &run->file);
}

/*
 * Attributes: one of the host's own; one that all make and remove; a list. A file
 * without a name may be gone or not yet, so setting does not tell.
 */
static s64 do_attribute(struct daxfs_cx *cx, const struct op *op, u32 host)
{
	static const u8 list[] = {	/* u::rwx,u:5:rw-,g::r-x,m::rwx,o::r-- */
		2, 0, 0, 0,
		0x01, 0, 7, 0, 255, 255, 255, 255, 0x02, 0, 6, 0, 5, 0, 0, 0,
		0x04, 0, 5, 0, 255, 255, 255, 255, 0x10, 0, 7, 0, 255, 255, 255,
		255, 0x20, 0, 4, 0, 255, 255, 255, 255,
	};
	struct daxfs_setattr sa = { .set = DAXFS_SET_MODE, .mode = op->dir2 };
	char own[] = "user.0", shared[] = "user.s";
	s64 r;

	own[5] = (char)('0' + host);
	switch (op->kind) {
	case SET_OWN:
		r = daxfs_setxattr(cx, file_ino[op->dir], own, 6,
				   letters(host), op->dir2, 0);
		break;
	case SET_SHARED:
		return daxfs_setxattr(cx, file_ino[op->dir], shared, 6,
				      letters(host), op->dir2 + host,
				      DAXFS_XATTR_CREATE);
	case GET_SHARED:
		return daxfs_getxattr(cx, file_ino[op->dir], shared, 6, NULL, 0);
	case DROP_SHARED:
		return daxfs_removexattr(cx, file_ino[op->dir], shared, 6);
	case MODE:
		r = daxfs_setattr(cx, file_ino[op->dir], &sa, NULL);
		break;
	case ACCESS_LIST:
		r = daxfs_setxattr(cx, file_ino[op->dir],
				   "system.posix_acl_access", 23, list,
				   sizeof(list), 0);
		break;
	default:
		r = daxfs_setxattr(cx, dir_ino[op->dir],
				   "system.posix_acl_default", 24, list,
				   sizeof(list), 0);
	}
	return r == -ENOENT ? 0 : r;
}

static s64 do_file(struct daxfs_cx *cx, const struct op *op, struct runner *run)
{
	u64 ino = file_ino[op->dir];
	struct daxfs_stat st;
	s64 r;
	int err;

	switch (op->kind) {
	case NLINK:
		/* not held: without a name it may be gone or not yet */
		r = daxfs_getattr(cx, ino, &st);
		return r == -ENOENT ? 0 : r ? r : st.nlink;
	case LINK:
		return daxfs_link(cx, ino, dir_ino[op->dir2], op->name2,
				  (u32)strlen(op->name2), NULL);
	case OPEN:
		memset(&run->file, 0, sizeof(run->file));
		return daxfs_open(cx, ino, 0, &run->file);
	case CLOSE:
		return run->file.ino ? daxfs_close(cx, run->file.ino) : -EBADF;
	case HELD_APPEND:
		return run->file.ino ? on_held(cx, op, run) : -EBADF;
	default:
		r = daxfs_open(cx, ino, 0, &run->file);
		if (r)
			return r;
		r = on_held(cx, op, run);
		err = daxfs_close(cx, ino);
		return err && r >= 0 ? err : r;
	}
}

static void do_op(u32 host, u32 i)
{
	const struct op *op = &program->op[host][i];
	struct daxfs_cx *cx = &world.cx[host];
	struct runner *run = &runner[host];
	s64 r;

	run->start[i] = sim_now();
	sim_listen();
	if (op->name)
		r = do_name(cx, op);
	else if (op->kind == TMPFILE || op->kind == LINK_TMP)
		r = do_tmpfile(cx, op, run);
	else if (op->kind >= SET_OWN)
		r = do_attribute(cx, op, host);
	else
		r = do_file(cx, op, run);
	if ((op->kind == OPEN || op->kind == TMPFILE) && r)
		run->file.ino = 0;
	outcome.result[host][i] = r;
	sim_tell();
	if (op->kind == TMPFILE)
		run->told = run->file.ino;
	run->end[i] = sim_now();
}

static void host_main(void *arg)
{
	struct runner *run = arg;
	u32 i;

	for (i = 0; i < OPS && program->op[run->host][i].kind; i++)
		do_op(run->host, i);
}

static u32 ops_of(u32 host)
{
	u32 n = 0;

	while (n < OPS && program->op[host][n].kind)
		n++;
	return n;
}

/* ---- the region ---- */

static void setup(u64 extra)
{
	static const char *const dirs[DIRS] = { ".", "d1", "d2", "d1/sub", "d2/empty" };
	static const char *const files[FILES] = { "d1/a", "d2/b" };
	struct daxfs_cx *cx = &world.cx[3];
	struct daxfs_stat st;
	char name[32];
	u64 i;

	world_make(&world, 512);
	for (i = 1; i < DIRS; i++)
		SETUP(w_mkdir(cx, dirs[i]));
	for (i = 0; i < FILES; i++) {
		SETUP(w_create(cx, files[i]));
		SETUP(w_write(cx, files[i], 0, 8192, (u8)('x' + i)));
	}
	for (i = 0; i < extra; i++) {
		snprintf(name, sizeof(name), "d2/f%llu", (unsigned long long)i);
		SETUP(w_create(cx, name));
	}
	for (i = 0; i < DIRS; i++) {
		SETUP(w_lookup(cx, dirs[i], &st));
		dir_ino[i] = st.ino;
	}
	for (i = 0; i < FILES; i++) {
		SETUP(w_lookup(cx, files[i], &st));
		file_ino[i] = st.ino;
	}
	world_freeze(&world);
}

/* Names that just fit into the index before it grows, found by trying. */
static u64 names_before_growth(void)
{
	struct daxfs_index_stat st = { .migrating = 0 };
	char name[32];
	u64 n = 0;

	setup(0);
	while (!st.migrating) {
		snprintf(name, sizeof(name), "d2/f%llu", (unsigned long long)n++);
		SETUP(w_create(&world.cx[3], name));
		SETUP(daxfs_index_stat(&world.cx[3], &st));
	}
	world_free(&world);
	return n;
}

static void begin(void)
{
	u32 i;

	world_reset(&world);
	memset(outcome.result, 0, sizeof(outcome.result));
	memset(runner, 0, sizeof(runner));
	for (i = 0; i < HOSTS; i++)
		runner[i].host = i;
}

static u64 text_hash(const struct log *log)
{
	u64 h = 0xcbf29ce484222325ull;
	u32 i;

	for (i = 0; i < log->len; i++)
		h = (h ^ (u8)log->text[i]) * 0x100000001b3ull;
	return h;
}

static int dump(void)
{
	outcome.tree.len = 0;
	return world_dump(&world.cx[3], &outcome.tree);
}

/* ---- the right outcomes ---- */

static int try_order(struct order *o)
{
	u32 next[HOSTS] = { 0 }, i;
	int r;

	begin();
	for (i = 0; i < o->nr; i++)
		do_op(o->host[i], next[o->host[i]]++);
	r = dump();
	memcpy(o->result, outcome.result, sizeof(o->result));
	o->tree_hash = text_hash(&outcome.tree);
	o->tree_len = outcome.tree.len;
	return r;
}

/* All interleavings of whole operations behind those already in o. */
static int add_orders(struct order *o, const u32 *done)
{
	u32 next[HOSTS], i, ended = 0;
	int r = 0;

	for (i = 0; i < HOSTS && !r; i++) {
		if (done[i] == ops_of(i)) {
			ended++;
			continue;
		}
		memcpy(next, done, sizeof(next));
		next[i]++;
		o->host[o->nr++] = (u8)i;
		r = add_orders(o, next);
		o->nr--;
	}
	if (ended == HOSTS) {
		orders[order_nr] = *o;
		return try_order(&orders[order_nr++]);
	}
	return r;
}

static int make_orders(void)
{
	u32 none[HOSTS] = { 0 };
	struct order o = { .nr = 0 };

	order_nr = 0;
	return add_orders(&o, none);
}

/* Does the order keep what followed each other in time? */
static int order_fits_time(const struct order *o)
{
	u32 next[HOSTS] = { 0 }, i;
	u64 latest_start = 0;

	for (i = 0; i < o->nr; i++) {
		const struct runner *run = &runner[o->host[i]];
		u32 k = next[o->host[i]]++;

		if (run->end[k] < latest_start)
			return 0;
		if (run->start[k] > latest_start)
			latest_start = run->start[k];
	}
	return 1;
}

static int explained(void)
{
	u64 h = text_hash(&outcome.tree);
	u32 i;

	for (i = 0; i < order_nr; i++)
		if (orders[i].tree_hash == h &&
		    orders[i].tree_len == outcome.tree.len &&
		    !memcmp(orders[i].result, outcome.result,
			    sizeof(outcome.result)) &&
		    order_fits_time(&orders[i]))
			return 1;
	return 0;
}

/* ---- messages ---- */

static const char *program_text(void)
{
	static struct log text;
	u32 h, i;

	text.len = 0;
	for (h = 0; h < HOSTS; h++)
		for (i = 0; i < ops_of(h); i++) {
			const struct op *op = &program->op[h][i];

			log_add(&text, "%s%s %u/%s", i ? ", " : h ? " | " : "",
				kind_name[op->kind], op->dir,
				op->name ? op->name : "");
			if (op->name2)
				log_add(&text, " %u/%s", op->dir2, op->name2);
			else if (op->dir2)
				log_add(&text, " %u", op->dir2);
			log_add(&text, " = %lld",
				(long long)outcome.result[h][i]);
		}
	return text.text;
}

static const char *schedule_text(const struct sim_schedule *s)
{
	static struct log text;
	u32 i;

	text.len = 0;
	if (s->policy == SIM_RANDOM) {
		log_add(&text, "random, seed %llu, quantum %u, stall %u, stale %u",
			(unsigned long long)s->seed, s->quantum, s->stall,
			s->stale);
		return text.text;
	}
	log_add(&text, "seed %llu, stall %u, stale %u, switched",
		(unsigned long long)s->seed, s->stall, s->stale);
	for (i = 0; i < s->point_nr; i++)
		log_add(&text, " to %u at step %llu", s->point[i].host,
			(unsigned long long)s->point[i].step);
	return text.text;
}

#define FAIL_RUN(s, ...) \
	(FAIL("%s: %s [%s]", program->name, program_text(), schedule_text(s)), \
	 FAIL(__VA_ARGS__))

/* ---- one run ---- */

static void do_empty(void *arg)
{
	*(int *)arg = world_empty(&world.cx[3]);
}

/* When all is deleted an empty region is left. */
static int account(const struct sim_schedule *s)
{
	static const char want[] = "slots: 1\ninode: 1\n";
	struct sim_host h;
	int r = 0;
	u32 i;

	sim_host_init(&h, do_empty, &r);
	if (sim_run_one(&h, WORLD_MAX_STEPS) || r)
		return FAIL_RUN(s, "deleting everything: %s", strerror(-r));
	for (i = 0; i < WORLD_HOSTS && !r; i++)
		r = daxfs_host_leave(&world.cx[i]);
	if (r)
		return FAIL_RUN(s, "leaving: %s", strerror(-r));
	scratch.len = 0;
	world_owned(&world, &scratch);
	if (strcmp(scratch.text, want))
		return FAIL_RUN(s, "owned when all is deleted: %s", scratch.text);
	return 0;
}

static int holds(enum kind kind)
{
	return kind == OPEN || kind == TMPFILE;
}

static void close_held(void)
{
	u32 h;

	for (h = 0; h < HOSTS; h++)
		if (ops_of(h) && holds(program->op[h][ops_of(h) - 1].kind) &&
		    runner[h].file.ino)
			daxfs_close(&world.cx[h], runner[h].file.ino);
}

static int run_once(const struct sim_schedule *s)
{
	struct sim_host host[HOSTS];
	u32 i, nr = HOSTS;

	while (!ops_of(nr - 1))
		nr--;
	begin();
	for (i = 0; i < nr; i++)
		sim_host_init(&host[i], host_main, &runner[i]);
	if (sim_run(host, nr, s))
		return FAIL_RUN(s, "does not end");
	old_loads += sim_old_loads();
	i = (u32)dump();
	if (i)
		return FAIL_RUN(s, "the tree cannot be read: %s", strerror(-(int)i));
	if (!explained())
		return FAIL_RUN(s, "no order explains it; the tree begins:\n%.*s",
				SHOWN, outcome.tree.text);
	scratch.len = 0;
	if (world_check(&world.cx[3], &scratch))
		return FAIL_RUN(s, "index: %s", scratch.text);
	close_held();
	return account(s);
}

/* ---- schedules ---- */

/* Of 256 loads, those that are old: few, some or many. */
static u32 any_stale(u64 *rng)
{
	return effort->weak ? 32u + 80u * (u32)(sim_rand(rng) % 3) : 0;
}

/* Points at random: few switches find what many do not. */
static int run_points(u64 *rng, u64 steps, u32 hosts)
{
	struct sim_point point[4];
	struct sim_schedule s = {
		.policy = SIM_POINTS, .point = point, .seed = 1,
		.stall = sim_rand(rng) & 1 ? 256 : 0,
		.max_steps = WORLD_MAX_STEPS,
	};
	u64 at = 0;
	u32 i;

	s.stale = any_stale(rng);
	if (s.stale)
		s.seed = sim_rand(rng);

	s.point_nr = 1 + (u32)(sim_rand(rng) % 4);
	for (i = 0; i < s.point_nr; i++) {
		at += sim_rand(rng) % (1 + steps / s.point_nr);
		point[i].step = at;
		point[i].host = (u32)(sim_rand(rng) % hosts);
	}
	return run_once(&s);
}

static int run_random(u64 *rng)
{
	struct sim_schedule s = {
		.policy = SIM_RANDOM, .seed = sim_rand(rng),
		.quantum = 1u << sim_rand(rng) % 7,
		.stall = sim_rand(rng) & 1 ? 128 : 0,
		.max_steps = WORLD_MAX_STEPS,
	};

	s.stale = any_stale(rng);
	return run_once(&s);
}

static u32 host_nr(void)
{
	return ops_of(2) ? 3 : 2;
}

/* Steps of a run without switches. */
static u64 serial_steps(int *r)
{
	struct sim_schedule s = { .policy = SIM_POINTS,
				  .max_steps = WORLD_MAX_STEPS };

	*r = run_once(&s);
	return sim_steps(0) + sim_steps(1) + (host_nr() > 2 ? sim_steps(2) : 0);
}

/*
 * The host that runs is overtaken before step k of the run, for each k (for
 * each so many, if there are more than POINTS), by one that goes on to its end.
 */
static int run_each_point(u64 *nr)
{
	int r;
	u64 steps = serial_steps(&r), k, by = steps / harness_runs(effort->points) + 1;

	for (k = 0; k < steps; k += by) {
		struct sim_point point = { k, 1 };
		struct sim_schedule s = {
			.policy = SIM_POINTS, .point = &point, .point_nr = 1,
			.seed = 1, .max_steps = WORLD_MAX_STEPS,
		};

		r |= run_once(&s);
		s.stall = 256;
		r |= run_once(&s);
		*nr += 2;
	}
	return r;
}

static int run_program(u64 seed, u64 schedules, u64 *nr)
{
	u64 steps, i;
	int r;

	if (make_orders())
		return FAIL("%s: an order fails", program->name);
	steps = serial_steps(&r);
	for (i = 0; i < schedules && !r; i++)
		r = i % 2 ? run_points(&seed, steps, host_nr()) :
			    run_random(&seed);
	*nr += i + 1;
	return r;
}

/* ---- programs that are worth a name ---- */

#define OP1(kind, dir, name)		{ kind, dir, name, 0, NULL }
#define OP2(kind, dir, name, dir2, name2) { kind, dir, name, dir2, name2 }
#define ON(kind, file, n)		{ kind, file, NULL, n, NULL }
#define LN(file, dir, name)		{ LINK, file, NULL, dir, name }
#define TMP(dir)			{ TMPFILE, dir, NULL, 0, NULL }
#define LT(host, dir, name)		{ LINK_TMP, host, NULL, dir, name }

static const struct program programs[] = {
	{ "rename and lookups", 0, {
		{ OP2(RENAME, D1, "a", D1, "x") },
		{ OP1(LOOKUP, D1, "a"), OP1(LOOKUP, D1, "x"), OP1(LOOKUP, D1, "a") },
		{ OP1(LOOKUP, D1, "x"), OP1(LOOKUP, D1, "a") } } },
	{ "rename across and lookups", 0, {
		{ OP2(RENAME, D1, "a", D2, "x") },
		{ OP1(LOOKUP, D2, "x"), OP1(LOOKUP, D1, "a"), OP1(LOOKUP, D2, "x") },
		{ OP1(LOOKUP, D1, "a"), OP1(LOOKUP, D2, "x") } } },
	{ "replacing rename and lookups", 0, {
		{ OP2(RENAME, D1, "a", D2, "b") },
		{ OP1(LOOKUP, D2, "b"), OP1(LOOKUP, D1, "a"), OP1(LOOKUP, D2, "b") },
		{ ON(NLINK, FILE_B, 0), OP1(LOOKUP, D1, "a") } } },
	{ "create and rmdir", 0, {
		{ OP1(CREATE, EMPTY, "x") },
		{ OP1(RMDIR, D2, "empty") },
		{ OP1(LOOKUP, EMPTY, "x"), OP1(LOOKUP, D2, "empty") } } },
	{ "mkdir, rmdir and rename into", 0, {
		{ OP1(MKDIR, EMPTY, "x") },
		{ OP1(RMDIR, D2, "empty") },
		{ OP2(RENAME, D1, "a", EMPTY, "y") } } },
	{ "two moves would make a cycle", 0, {
		{ OP2(RENAME, D1, "sub", EMPTY, "sub") },
		{ OP2(RENAME, D2, "empty", SUB, "empty") },
		{ OP1(LOOKUP, SUB, ".."), OP1(LOOKUP, EMPTY, "..") } } },
	{ "three moves", 0, {
		{ OP2(RENAME, ROOT, "d1", EMPTY, "d1") },
		{ OP2(RENAME, ROOT, "d2", SUB, "d2") },
		{ OP2(RENAME, D1, "sub", ROOT, "sub") } } },
	{ "three create one name", 0, {
		{ OP1(CREATE, D1, "x") }, { OP1(CREATE, D1, "x") },
		{ OP1(MKDIR, D1, "x") } } },
	{ "create, unlink, create", 0, {
		{ OP1(CREATE, D1, "x"), OP1(UNLINK, D1, "x"), OP1(CREATE, D1, "x") },
		{ OP1(CREATE, D1, "x"), OP1(UNLINK, D1, "x") } } },
	{ "three append", 0, {
		{ ON(APPEND, FILE_A, 100), ON(APPEND, FILE_A, 5000) },
		{ ON(APPEND, FILE_A, 6000) }, { ON(APPEND, FILE_A, 10) } } },
	{ "append and truncate", 0, {
		{ ON(APPEND, FILE_A, 5000) }, { ON(TRUNCATE, FILE_A, 100) },
		{ ON(TRUNCATE, FILE_A, 9000) } } },
	{ "write and truncate", 0, {
		{ ON(WRITE, FILE_A, 0) }, { ON(TRUNCATE, FILE_A, 0) },
		{ ON(TRUNCATE, FILE_A, 8192) } } },
	{ "writes behind the end", 0, {
		{ ON(WRITE, FILE_A, 8192) }, { ON(WRITE, FILE_A, 8192) },
		{ ON(TRUNCATE, FILE_A, 4096), ON(WRITE, FILE_A, 4096) } } },
	{ "write and append", 0, {
		{ ON(WRITE, FILE_A, 4096) }, { ON(APPEND, FILE_A, 3000) },
		{ ON(APPEND, FILE_A, 3000) } } },
	{ "punch and write", 0, {
		{ ON(WRITE, FILE_A, 0), ON(WRITE, FILE_A, 4096) },
		{ ON(PUNCH, FILE_A, 1000) },
		{ ON(PUNCH, FILE_A, 3000) } } },
	{ "punch and append", 0, {
		{ ON(APPEND, FILE_A, 3000), ON(PUNCH, FILE_A, 8192) },
		{ ON(PUNCH, FILE_A, 4500) },
		{ ON(APPEND, FILE_A, 3000) } } },
	{ "punch and truncate", 0, {
		{ ON(PUNCH, FILE_A, 100), ON(TRUNCATE, FILE_A, 9000) },
		{ ON(TRUNCATE, FILE_A, 5000) },
		{ ON(WRITE, FILE_A, 8192) } } },
	{ "zero and write", 0, {
		{ ON(ZERO, FILE_A, 2000) },
		{ ON(WRITE, FILE_A, 0) }, { ON(APPEND, FILE_A, 100) } } },
	{ "allocate behind the end and grow", 0, {
		{ ON(ALLOCATE, FILE_A, 4096), ON(TRUNCATE, FILE_A, 16384) },
		{ ON(WRITE, FILE_A, 12288) },
		{ ON(TRUNCATE, FILE_A, 8192), ON(APPEND, FILE_A, 5000) } } },
	{ "allocate, punch and cut", 0, {
		{ ON(ALLOCATE, FILE_A, 0), ON(WRITE, FILE_A, 8192) },
		{ ON(TRUNCATE, FILE_A, 4096), ON(ALLOCATE, FILE_A, 4096) },
		{ ON(PUNCH, FILE_A, 5000) } } },
	{ "copy and punch", 0, {
		{ ON(COPY, FILE_A, 8192) },
		{ ON(PUNCH, FILE_A, 8192) }, { ON(TRUNCATE, FILE_A, 8192) } } },
	{ "open and unlink", 0, {
		{ ON(OPEN, FILE_A, 0), ON(HELD_APPEND, FILE_A, 100), ON(CLOSE, FILE_A, 0) },
		{ OP1(UNLINK, D1, "a") },
		{ ON(OPEN, FILE_A, 0), ON(HELD_APPEND, FILE_A, 50), ON(CLOSE, FILE_A, 0) } } },
	{ "open and replacing rename", 0, {
		{ ON(OPEN, FILE_B, 0), ON(HELD_APPEND, FILE_B, 100), ON(CLOSE, FILE_B, 0) },
		{ OP2(RENAME, D1, "a", D2, "b") },
		{ OP1(UNLINK, D2, "b") } } },
	{ "link and unlink", 0, {
		{ LN(FILE_A, D2, "x"), OP1(UNLINK, D1, "a") },
		{ OP1(UNLINK, D1, "a"), LN(FILE_A, D1, "y") },
		{ ON(NLINK, FILE_A, 0), OP1(UNLINK, D2, "x") } } },
	{ "tmpfile, link and close", 0, {
		{ TMP(D1), ON(CLOSE, FILE_A, 0) },
		{ LT(0, D2, "x"), OP1(LOOKUP, D2, "x") },
		{ LT(0, D2, "x"), OP1(LOOKUP, D2, "x") } } },
	{ "tmpfile, named by others, and held", 0, {
		{ TMP(D1), ON(HELD_APPEND, FILE_A, 100), ON(CLOSE, FILE_A, 0) },
		{ LT(0, D1, "x"), OP1(UNLINK, D1, "x") },
		{ LT(0, D2, "y"), OP1(UNLINK, D1, "x") } } },
	{ "tmpfile in a directory that goes", 0, {
		{ TMP(EMPTY), LT(0, EMPTY, "x"), ON(CLOSE, FILE_A, 0) },
		{ OP1(RMDIR, D2, "empty"), OP1(MKDIR, D2, "empty") },
		{ OP1(LOOKUP, EMPTY, "x"), OP1(UNLINK, EMPTY, "x") } } },
	{ "rename to one name", 0, {
		{ OP2(RENAME, D1, "a", D2, "x") }, { OP2(RENAME, D2, "b", D2, "x") },
		{ OP2(NOREPLACE, D2, "x", D1, "x") } } },
	{ "one name renamed by all", 0, {
		{ OP2(RENAME, D1, "a", D1, "x") }, { OP2(RENAME, D1, "a", D1, "x") },
		{ OP2(NOREPLACE, D1, "a", D1, "x") } } },
	{ "rmdir, and a move away that fills it", 0, {
		{ OP1(RMDIR, D2, "empty") },
		{ OP2(RENAME, D2, "empty", SUB, "e"), OP1(CREATE, EMPTY, "y") } } },
	{ "rename back and forth", 0, {
		{ OP2(RENAME, D1, "a", D2, "a"), OP2(RENAME, D2, "a", D1, "a") },
		{ OP2(RENAME, D2, "b", D1, "a"), OP2(RENAME, D1, "a", D2, "b") } } },
	{ "exchange and lookups", 0, {
		{ OP2(EXCHANGE, D1, "a", D2, "b") },
		{ OP1(LOOKUP, D1, "a"), OP1(LOOKUP, D2, "b"), OP1(LOOKUP, D1, "a") },
		{ OP1(LOOKUP, D2, "b"), OP1(LOOKUP, D1, "a") } } },
	{ "exchange of directories and lookups", 0, {
		{ OP2(EXCHANGE, D1, "sub", D2, "empty") },
		{ OP1(LOOKUP, SUB, ".."), OP1(LOOKUP, D1, "sub"), OP1(LOOKUP, EMPTY, "..") },
		{ OP1(LOOKUP, EMPTY, ".."), OP1(LOOKUP, D2, "empty") } } },
	{ "two exchanges would make a cycle", 0, {
		{ OP2(EXCHANGE, ROOT, "d1", D2, "b") },
		{ OP2(EXCHANGE, D1, "a", ROOT, "d2") },
		{ OP1(LOOKUP, D1, ".."), OP1(LOOKUP, D2, "..") } } },
	{ "exchange and moves", 0, {
		{ OP2(EXCHANGE, ROOT, "d1", D2, "b") },
		{ OP2(RENAME, ROOT, "d2", SUB, "d2") },
		{ OP2(RENAME, D1, "sub", ROOT, "sub") } } },
	{ "exchange, unlink and rename", 0, {
		{ OP2(EXCHANGE, D1, "a", D2, "b") },
		{ OP1(UNLINK, D1, "a"), OP1(CREATE, D1, "a") },
		{ OP2(RENAME, D2, "b", D1, "x"), ON(NLINK, FILE_A, 0) } } },
	{ "exchange, rmdir and create", 0, {
		{ OP2(EXCHANGE, D1, "sub", D2, "b"), OP1(CREATE, SUB, "x") },
		{ OP1(RMDIR, D2, "b"), OP1(RMDIR, D1, "sub") },
		{ OP2(EXCHANGE, D1, "a", D2, "b") } } },
	{ "exchange back and forth", 0, {
		{ OP2(EXCHANGE, D1, "a", D1, "sub"), OP1(RMDIR, D1, "a") },
		{ OP2(EXCHANGE, D1, "sub", D1, "a"), OP1(UNLINK, D1, "a") },
		{ OP2(EXCHANGE, D1, "a", D2, "b") } } },
	{ "whiteout and lookups", 0, {
		{ OP2(WHITEOUT, D1, "a", D2, "x") },
		{ OP1(LOOKUP, D2, "x"), OP1(LOOKUP, D1, "a"), OP1(LOOKUP, D2, "x") },
		{ OP1(LOOKUP, D1, "a"), OP1(LOOKUP, D2, "x") } } },
	{ "whiteouts of one name", 0, {
		{ OP2(WHITEOUT, D1, "a", D2, "x"), OP1(UNLINK, D1, "a") },
		{ OP2(WHITEOUT, D1, "a", D2, "b"), OP1(UNLINK, D1, "a") },
		{ OP2(RENAME, D1, "a", D1, "x") } } },
	{ "whiteout of a directory, and rmdir", 0, {
		{ OP2(WHITEOUT, D1, "sub", D2, "empty") },
		{ OP1(CREATE, EMPTY, "x"), OP1(RMDIR, D2, "empty") },
		{ OP2(EXCHANGE, D1, "sub", D1, "a") } } },
	{ "attributes of two, and chmod", 0, {
		{ ON(SET_OWN, FILE_A, 20), ON(SET_OWN, FILE_A, 400) },
		{ ON(MODE, FILE_A, 0600) },
		{ ON(SET_OWN, FILE_A, 5000) } } },
	{ "one attribute made by all", 0, {
		{ ON(SET_SHARED, FILE_A, 10), ON(GET_SHARED, FILE_A, 0) },
		{ ON(SET_SHARED, FILE_A, 10), ON(GET_SHARED, FILE_A, 0) },
		{ ON(SET_SHARED, FILE_A, 10) } } },
	{ "an attribute comes and goes", 0, {
		{ ON(SET_SHARED, FILE_A, 10), ON(DROP_SHARED, FILE_A, 0) },
		{ ON(SET_SHARED, FILE_A, 6000) },
		{ ON(GET_SHARED, FILE_A, 0), ON(GET_SHARED, FILE_A, 0) } } },
	{ "access list, chmod, attribute", 0, {
		{ ON(ACCESS_LIST, FILE_A, 0), ON(MODE, FILE_A, 0750) },
		{ ON(MODE, FILE_A, 0600) },
		{ ON(SET_OWN, FILE_A, 20) } } },
	{ "default list, create, mkdir", 0, {
		{ ON(DEFAULT_LIST, D1, 0) },
		{ OP1(CREATE, D1, "x"), OP1(MKDIR, D1, "y") },
		{ OP1(CREATE, D1, "z") } } },
	{ "attributes and unlink", 0, {
		{ ON(SET_OWN, FILE_A, 6000), ON(MODE, FILE_A, 0600) },
		{ OP1(UNLINK, D1, "a") },
		{ ON(SET_OWN, FILE_A, 20) } } },
	{ "inserts while the index grows", 1, {
		{ OP1(CREATE, D1, "x"), OP1(CREATE, D1, "y"), OP1(CREATE, D1, "z") },
		{ OP1(CREATE, D1, "y"), OP1(CREATE, D1, "x") },
		{ OP1(CREATE, D1, "z"), OP1(LOOKUP, D1, "x") } } },
	{ "names come and go while the index grows", 1, {
		{ OP1(CREATE, D1, "x"), OP1(UNLINK, D1, "x"), OP1(CREATE, D1, "x") },
		{ OP1(CREATE, D2, "y"), OP2(RENAME, D2, "b", D2, "y") },
		{ OP1(LOOKUP, D2, "f3"), OP1(UNLINK, D2, "f3"), OP1(CREATE, D2, "f3") } } },
};

#define PROGRAM_NR	(u32)(sizeof(programs) / sizeof(programs[0]))
_Static_assert(PROGRAM_NR + 2 <= RACE_TESTS, "room for all programs");

static void say_covered(u64 nr)
{
	harness_covered(nr, "interleavings");
	if (effort->weak)
		harness_covered(old_loads, "old loads");
}

static int test_program(const void *arg)
{
	u64 nr = 0, seed = harness_seed();
	int r;

	program = arg;
	old_loads = 0;
	setup(program->buckets_used ? names_before_growth() - 1 : 0);
	r = run_program(seed, harness_runs(effort->of_program), &nr);
	if (!r && effort->points)
		r = run_each_point(&nr);
	world_free(&world);
	harness_covered(order_nr, "orders");
	say_covered(nr);
	return r;
}

/* ---- programs at random ---- */

static const struct op any_op[] = {
	OP1(LOOKUP, D1, "a"), OP1(LOOKUP, D2, "x"), OP1(LOOKUP, D2, "b"),
	OP1(LOOKUP, SUB, ".."),
	OP1(CREATE, D1, "x"), OP1(CREATE, D2, "x"), OP1(CREATE, EMPTY, "y"),
	OP1(CREATE, SUB, "x"),
	OP1(MKDIR, D1, "x"), OP1(MKDIR, EMPTY, "z"), OP1(MKDIR, ROOT, "x"),
	OP1(UNLINK, D1, "a"), OP1(UNLINK, D2, "b"), OP1(UNLINK, D1, "x"),
	OP1(UNLINK, D2, "x"),
	OP1(RMDIR, D1, "sub"), OP1(RMDIR, D2, "empty"), OP1(RMDIR, D1, "x"),
	OP1(RMDIR, ROOT, "d1"),
	OP2(RENAME, D1, "a", D1, "x"), OP2(RENAME, D1, "a", D2, "b"),
	OP2(RENAME, D2, "b", D1, "x"), OP2(RENAME, D1, "x", D2, "x"),
	OP2(RENAME, D1, "sub", EMPTY, "s"), OP2(RENAME, D2, "empty", SUB, "e"),
	OP2(RENAME, D2, "empty", D1, "sub"), OP2(RENAME, ROOT, "d2", SUB, "d2"),
	OP2(RENAME, D1, "sub", D1, "x"), OP2(RENAME, EMPTY, "y", D1, "a"),
	OP2(NOREPLACE, D1, "a", D2, "x"), OP2(NOREPLACE, D2, "b", D1, "a"),
	OP2(EXCHANGE, D1, "a", D2, "b"), OP2(EXCHANGE, D1, "sub", D1, "a"),
	OP2(EXCHANGE, D1, "sub", D2, "empty"), OP2(EXCHANGE, D1, "x", D2, "x"),
	OP2(EXCHANGE, ROOT, "d1", D2, "b"), OP2(EXCHANGE, D1, "a", ROOT, "d2"),
	OP2(WHITEOUT, D1, "a", D2, "x"), OP2(WHITEOUT, D2, "b", D1, "a"),
	OP2(WHITEOUT, D1, "sub", EMPTY, "s"), OP2(WHITEOUT, D2, "empty", SUB, "e"),
	LN(FILE_A, D2, "x"), LN(FILE_B, EMPTY, "y"), LN(FILE_A, D1, "x"),
	ON(NLINK, FILE_A, 0), ON(NLINK, FILE_B, 0),
	ON(APPEND, FILE_A, 4096), ON(APPEND, FILE_A, 8192), ON(APPEND, FILE_B, 10),
	ON(TRUNCATE, FILE_A, 0), ON(TRUNCATE, FILE_A, 4096),
	ON(TRUNCATE, FILE_A, 12288),
	ON(PUNCH, FILE_A, 0), ON(PUNCH, FILE_A, 5000), ON(ALLOCATE, FILE_A, 4096),
	ON(OPEN, FILE_A, 0), ON(OPEN, FILE_B, 0),
	TMP(ROOT), LT(0, D2, "x"), LT(1, EMPTY, "y"),
	ON(SET_OWN, FILE_A, 50), ON(SET_OWN, FILE_A, 6000), ON(MODE, FILE_A, 0600),
	ON(DEFAULT_LIST, D1, 0),
};

/* Of host 0 alone: what two write into one page at once is any mixture. */
static const struct op any_write[] = {
	ON(WRITE, FILE_A, 0), ON(WRITE, FILE_A, 4096), ON(WRITE, FILE_A, 12288),
};

#define ANY_NR		(sizeof(any_op) / sizeof(any_op[0]))
#define WRITE_NR	(sizeof(any_write) / sizeof(any_write[0]))

static struct op choose(u32 host, u64 *seed)
{
	u64 n = sim_rand(seed) % (ANY_NR + (host ? 0 : WRITE_NR));

	return n < ANY_NR ? any_op[n] : any_write[n - ANY_NR];
}

/* Two or three hosts, at most five operations; an open is a host's last. */
static void make_program(struct program *p, u64 seed)
{
	u32 left = 2 + (u32)(sim_rand(&seed) % 4), h, i;
	u32 hosts = 2 + (u32)(sim_rand(&seed) % 2);

	memset(p, 0, sizeof(*p));
	p->name = "random";
	for (i = 0; i < OPS; i++)
		for (h = 0; h < hosts && left; h++) {
			if (i && holds(p->op[h][i - 1].kind))
				continue;
			p->op[h][i] = choose(h, &seed);
			left--;
		}
}

static int test_random(const void *arg)
{
	u64 i, nr = 0, grown = arg ? names_before_growth() - 1 : 0;
	u64 programs_nr = harness_runs(effort->programs);
	struct program p;
	int r = 0;

	program = &p;
	old_loads = 0;
	setup(grown);
	for (i = 0; i < programs_nr; i++) {
		u64 seed = harness_seed() + i;

		make_program(&p, seed);
		if (run_program(seed, effort->of_random, &nr))
			r = FAIL("the program before is that of SIM_SEED=%llu",
				 (unsigned long long)seed);
	}
	world_free(&world);
	harness_covered(programs_nr, "programs");
	say_covered(nr);
	return r;
}

u32 race_tests(const struct race_effort *e, struct test *test)
{
	u32 nr = PROGRAM_NR, i;

	effort = e;
	for (i = 0; i < nr; i++)
		test[i] = (struct test){ programs[i].name, test_program,
					 &programs[i] };
	test[nr++] = (struct test){ "random programs", test_random, NULL };
	test[nr++] = (struct test){ "random programs while the index grows",
				    test_random, "" };
	return nr;
}
