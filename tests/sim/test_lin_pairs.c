// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Every two operations beside each other, and histories that have a name.
 *
 * Notes: the forms of operations are generated: each operation on each place of
 * a small tree, places that have a file, a directory with and without names,
 * or nothing. Of every two forms the first is stopped before each of its steps
 * and goes on when the second has ended (one preemption), which the pair
 * the other way round completes. With two preemptions the second is stopped
 * before each of its steps, too; three go back once more. If somebody had to
 * wait, the same is done with time passing while the others stand still, so
 * that the one who waits aborts the other. After each run the history is checked,
 * looks at the whole tree included. A failure prints the switches.
 */
#include <stdlib.h>

#include "lin_run.h"

#define FORMS		300u
#define FORM_STEPS	2u
#define PREEMPTIONS	3u

/* Inodes of the setup, by number. */
enum {
	ROOT = LM_ROOT, D1, D2, FILE_F, DIR_P, FILE_G, DIR_Q, FILE_R, DIR_T,
	DIR_W, UNNAMED,
};
enum { A, B, C, D };

static const struct lin_crash nobody = { .host = -1 };

struct place {
	u8 dir, name;
};

/*
 * /a = D1 { a file F, b empty directory P }, /b = D2 { a file G, b directory Q
 * { a file } }, /d = T { b empty directory W }, and a file without a name, held
 * by hosts 0 and 1.
 */
static const struct place places[] = {
	{ D1, A }, { D1, B }, { D1, C }, { D2, A }, { D2, B }, { DIR_P, C },
};

#define PLACES	(sizeof(places) / sizeof(places[0]))

static void setup(void)
{
	u32 file;

	lin_setup();
	lin_setup_add(LM_DIRECTORY, ROOT, A);
	lin_setup_add(LM_DIRECTORY, ROOT, B);
	lin_setup_size(lin_setup_add(LM_FILE, D1, A), 5000);
	lin_setup_add(LM_DIRECTORY, D1, B);
	lin_setup_add(LM_FILE, D2, A);
	lin_setup_add(LM_DIRECTORY, D2, B);
	lin_setup_add(LM_FILE, DIR_Q, A);
	lin_setup_add(LM_DIRECTORY, ROOT, D);
	lin_setup_add(LM_DIRECTORY, DIR_T, B);
	file = lin_setup_add(LM_FILE, ROOT, C);
	lin_setup_open(0, file);
	lin_setup_open(1, file);
	lin_setup_unlink(ROOT, C);
	lin_setup_end();
}

/* ---- forms ---- */

struct form {
	u32 nr;
	struct lin_step step[FORM_STEPS];
};

static struct form forms[FORMS];
static u32 form_nr;

static void add(struct lin_step st)
{
	st.mode = 0640;
	st.uid = 7;
	if (form_nr == FORMS) {
		fprintf(stderr, "too many forms\n");
		exit(1);
	}
	forms[form_nr].nr = 1;
	forms[form_nr++].step[0] = st;
}

static void add_second(u8 kind)
{
	struct form *f = &forms[form_nr - 1];

	f->step[f->nr] = f->step[0];
	f->step[f->nr++].kind = kind;
}

static int is_there(u32 place)
{
	return places[place].name != C;
}

static void forms_of_places(void)
{
	static const u8 kinds[] = { LIN_LOOKUP, LIN_CREATE, LIN_MKDIR,
				    LIN_UNLINK, LIN_RMDIR };
	u32 k, i, j;

	for (i = 0; i < PLACES; i++) {
		struct lin_step st = { .dir = places[i].dir,
				       .name = places[i].name, .ino = FILE_F };

		for (k = 0; k < sizeof(kinds); k++) {
			st.kind = kinds[k];
			add(st);
		}
		st.kind = LIN_LINK;
		add(st);
		for (j = 0; j < PLACES; j++) {
			st.dir2 = places[j].dir;
			st.name2 = places[j].name;
			st.kind = LIN_RENAME;
			add(st);
			st.kind = LIN_NOREPLACE;
			if (is_there(i) && (is_there(j) || !i))
				add(st);
			st.kind = LIN_EXCHANGE;
			if (i < j && is_there(i) && (is_there(j) || !i))
				add(st);
		}
	}
}

static void forms_of_inodes(void)
{
	static const u8 on_any[] = { LIN_GETATTR, LIN_SETATTR, LIN_SETTIMES };
	static const u8 on_files[] = { LIN_TRUNCATE, LIN_APPEND, LIN_WRITE };
	static const u8 some[] = { FILE_F, DIR_P, UNNAMED };
	static const u8 dirs[] = { ROOT, D1, D2, DIR_P };
	u32 i, k;

	for (i = 0; i < sizeof(some); i++) {
		for (k = 0; k < sizeof(on_any); k++)
			add((struct lin_step){ .kind = on_any[k], .ino = some[i],
					       .off = 1, .time = 12345 });
		for (k = 0; k < sizeof(on_files) && some[i] != DIR_P; k++)
			add((struct lin_step){ .kind = on_files[k], .off = 6000,
					       .ino = some[i], .len = 100 });
		add((struct lin_step){ .kind = LIN_OPEN_FILE, .ino = some[i] });
		add_second(LIN_CLOSE_FILE);
	}
	add((struct lin_step){ .kind = LIN_CLOSE_FILE, .ino = UNNAMED });
	add((struct lin_step){ .kind = LIN_LOOKUP, .dir = DIR_P,
			       .name = LM_DOTDOT });
	for (i = 0; i < sizeof(dirs); i++)
		add((struct lin_step){ .kind = LIN_READDIR, .dir = dirs[i] });
}

static void put_form(struct lin_program *p, u32 host, const struct form *f)
{
	p->nr[host] = f->nr;
	memcpy(p->step[host], f->step, sizeof(f->step));
}

/* ---- interleavings with few preemptions ---- */

struct explorer {
	const struct lin_program *p;
	u32 bound;		/* preemptions */
	u64 by[PREEMPTIONS];	/* every so many steps */
	u64 rng;		/* with which of them it begins */
	struct sim_point point[PREEMPTIONS];
};

/* *end: from that step on there is nobody to go on instead. */
static int run_points(struct explorer *x, u32 nr, u64 *end)
{
	struct sim_schedule s = {
		.policy = SIM_POINTS, .point = x->point, .point_nr = nr,
		.seed = 1, .max_steps = WORLD_MAX_STEPS,
	};
	int r = lin_run(x->p, &s, &nobody, 0);

	*end = lin_alone_from();
	if (r || !lin_paused())
		return r;
	s.stall = 256;
	r = lin_run(x->p, &s, &nobody, 0);
	if (lin_alone_from() > *end)
		*end = lin_alone_from();
	return r;
}

/* All that begin with the nr points set. */
static int explore(struct explorer *x, u32 nr)
{
	u64 end, k = nr ? x->point[nr - 1].step + 1 : 0;
	u32 running = nr ? x->point[nr - 1].host : 0, h;
	int r = run_points(x, nr, &end);

	if (nr == x->bound)
		return r;
	for (k += sim_rand(&x->rng) % x->by[nr]; k < end && !r;
	     k += x->by[nr])
		for (h = 0; h < x->p->hosts && !r; h++) {
			if (h == running)
				continue;
			x->point[nr] = (struct sim_point){ k, h };
			r = explore(x, nr + 1);
		}
	return r;
}

static void summary(void)
{
	harness_covered(lin_sum.runs, "interleavings");
	harness_covered(lin_sum.calls, "operations");
	harness_covered(lin_sum.longest, "states in the longest search");
	memset(&lin_sum, 0, sizeof(lin_sum));
}

/* ---- all pairs ---- */

/* What a form is about: places and inodes, a bit each. */
static u32 place_bits(u32 dir, u32 name)
{
	static const u8 at[PLACES] = { FILE_F, DIR_P, 0, FILE_G, DIR_Q, 0 };
	u32 i;

	for (i = 0; i < PLACES; i++)
		if (places[i].dir == dir && places[i].name == name)
			return 1u << (16 + i) | 1u << dir | 1u << at[i];
	return 1u << dir;
}

static u32 form_bits(const struct form *f)
{
	const struct lin_step *st = &f->step[0];
	u32 bits = 0;

	if (st->kind <= LIN_READDIR)
		bits |= place_bits(st->dir, st->name);
	if (st->kind >= LIN_RENAME && st->kind <= LIN_EXCHANGE)
		bits |= place_bits(st->dir2, st->name2);
	if (st->kind >= LIN_LINK && (st->kind == LIN_LINK ||
				     st->kind >= LIN_GETATTR))
		bits |= 1u << st->ino;
	/* that names of one directory meet in its counts makes none close */
	return bits & ~(1u << D1 | 1u << D2 | 1u << ROOT);
}

static int lists_dir_of(const struct form *a, const struct form *b)
{
	const struct lin_step *x = &a->step[0], *y = &b->step[0];

	return x->kind == LIN_READDIR && y->kind <= LIN_READDIR &&
	       (x->dir == y->dir || x->dir == y->dir2);
}

/* Do they have a name, an inode or a listed directory in common? */
static int is_close(const struct form *a, const struct form *b)
{
	u32 x = form_bits(a), y = form_bits(b);

	return (x & y & ~1u) != 0 || lists_dir_of(a, b) || lists_dir_of(b, a);
}

struct depth {
	u32 bound;
	u64 near[PREEMPTIONS], far[PREEMPTIONS];	/* every so many steps */
};

static int run_pair(u32 i, u32 j, const struct depth *d, u64 *near_nr)
{
	static struct lin_program p = { .hosts = 2 };
	struct explorer x = { .p = &p, .bound = d->bound };
	int near = is_close(&forms[i], &forms[j]);

	x.rng = harness_seed() * FORMS * FORMS + i * FORMS + j;
	memcpy(x.by, near ? d->near : d->far, sizeof(x.by));
	*near_nr += (u64)near;
	put_form(&p, 0, &forms[i]);
	put_form(&p, 1, &forms[j]);
	return explore(&x, 0);
}

/*
 * Short: of pairs that have something in common one preemption before each step
 * and a sample of two; of the others samples. Long: two, of the first before
 * each step and of the second before every third, and a sample of three.
 */
static const struct depth one = { 1, { 1 }, { 17 } };
static const struct depth one_long = { 1, { 1 }, { 1 } };
static const struct depth two = { 2, { 53, 61 }, { 97, 97 } };
static const struct depth two_long = { 2, { 1, 3 }, { 5, 11 } };
static const struct depth three_long = { 3, { 11, 11, 11 }, { 41, 41, 41 } };

static int all_pairs(const struct depth *d)
{
	u64 nr = 0;
	u32 i, j;
	int r = 0;

	form_nr = 0;
	forms_of_places();
	forms_of_inodes();
	setup();
	for (i = 0; i < form_nr && !r; i++)
		for (j = 0; j < form_nr && !r; j++)
			r = run_pair(i, j, d, &nr);
	world_free(&lin_world);
	harness_covered(form_nr * form_nr, "pairs");
	harness_covered(nr, "of them close");
	summary();
	return r;
}

static int test_one(const void *arg)
{
	(void)arg;
	return all_pairs(getenv("SIM_LONG") ? &one_long : &one);
}

static int test_more(const void *arg)
{
	(void)arg;
	if (!getenv("SIM_LONG"))
		return all_pairs(&two);
	return all_pairs(&two_long) || all_pairs(&three_long) ? -1 : 0;
}

/* ---- histories that are worth a name ---- */

#define ON(k, d, n)		{ .kind = k, .dir = d, .name = n }
#define MOVE(d, n, d2, n2)	{ .kind = LIN_RENAME, .dir = d, .name = n, \
				  .dir2 = d2, .name2 = n2 }
#define MOVE_NEW(d, n, d2, n2)	{ .kind = LIN_NOREPLACE, .dir = d, .name = n, \
				  .dir2 = d2, .name2 = n2 }
#define SWAP(d, n, d2, n2)	{ .kind = LIN_EXCHANGE, .dir = d, .name = n, \
				  .dir2 = d2, .name2 = n2 }
#define LINK(i, d, n)		{ .kind = LIN_LINK, .ino = i, .dir = d, .name = n }
#define AT(k, i)		{ .kind = k, .ino = i, .off = 1, .len = 100, \
				  .mode = 0600, .uid = 9 }

struct named {
	const char *name;
	struct lin_program p;
	u32 bound;
	u64 by[PREEMPTIONS];
};

static const struct named named[] = {
	{ "rename and lookups", { 2, { 1, 3 }, {
		{ MOVE(D1, A, D1, C) },
		{ ON(LIN_LOOKUP, D1, A), ON(LIN_LOOKUP, D1, C),
		  ON(LIN_LOOKUP, D1, A) } } }, 2, { 1, 3 } },
	{ "rename to another directory and lookups", { 3, { 1, 3, 2 }, {
		{ MOVE(D1, A, D2, C) },
		{ ON(LIN_LOOKUP, D2, C), ON(LIN_LOOKUP, D1, A),
		  ON(LIN_LOOKUP, D2, C) },
		{ ON(LIN_LOOKUP, D1, A), ON(LIN_LOOKUP, D2, C) } } },
	  2, { 3, 7 } },
	{ "replacing rename and lookups", { 3, { 1, 3, 2 }, {
		{ MOVE(D1, A, D2, A) },
		{ ON(LIN_LOOKUP, D2, A), ON(LIN_LOOKUP, D1, A),
		  AT(LIN_GETATTR, FILE_G) },
		{ AT(LIN_GETATTR, FILE_G), ON(LIN_LOOKUP, D2, A) } } },
	  2, { 3, 9 } },
	{ "create and rmdir", { 3, { 1, 1, 2 }, {
		{ ON(LIN_CREATE, DIR_P, C) }, { ON(LIN_RMDIR, D1, B) },
		{ ON(LIN_LOOKUP, DIR_P, C), ON(LIN_LOOKUP, D1, B) } } },
	  2, { 2, 11 } },
	{ "mkdir, rmdir, and a rename into it", { 3, { 1, 1, 1 }, {
		{ ON(LIN_MKDIR, DIR_P, C) }, { ON(LIN_RMDIR, D1, B) },
		{ MOVE(D1, A, DIR_P, D) } } }, 2, { 3, 13 } },
	{ "two moves that would make a cycle", { 2, { 1, 2 }, {
		{ MOVE(D1, B, DIR_Q, C) },
		{ MOVE(D2, B, DIR_P, C), ON(LIN_LOOKUP, DIR_P, LM_DOTDOT) } } },
	  2, { 2, 5 } },
	{ "three moves that would make a cycle", { 3, { 1, 1, 1 }, {
		{ MOVE(D1, B, DIR_Q, C) }, { MOVE(D2, B, DIR_W, C) },
		{ MOVE(DIR_T, B, DIR_P, C) } } }, 3, { 9, 29, 53 } },
	{ "moves of one name", { 3, { 1, 1, 1 }, {
		{ MOVE(D1, A, D1, C) }, { MOVE(D1, A, D2, C) },
		{ MOVE_NEW(D1, A, D2, C) } } }, 2, { 2, 9 } },
	{ "moves to one name", { 3, { 1, 1, 2 }, {
		{ MOVE(D1, A, D2, C) }, { MOVE(D2, A, D2, C) },
		{ MOVE_NEW(D2, C, D1, C), ON(LIN_LOOKUP, D2, C) } } },
	  2, { 5, 29 } },
	{ "exchange and lookups", { 3, { 1, 3, 2 }, {
		{ SWAP(D1, A, D2, A) },
		{ ON(LIN_LOOKUP, D2, A), ON(LIN_LOOKUP, D1, A),
		  ON(LIN_LOOKUP, D2, A) },
		{ ON(LIN_LOOKUP, D1, A), ON(LIN_LOOKUP, D2, A) } } },
	  2, { 3, 7 } },
	{ "exchange of directories and their parents", { 2, { 1, 3 }, {
		{ SWAP(D1, B, DIR_T, B) },
		{ ON(LIN_LOOKUP, DIR_P, LM_DOTDOT),
		  ON(LIN_LOOKUP, DIR_W, LM_DOTDOT), ON(LIN_LOOKUP, D1, B) } } },
	  2, { 2, 5 } },
	{ "exchange, move and rmdir", { 3, { 2, 1, 2 }, {
		{ SWAP(D1, B, D2, A), ON(LIN_RMDIR, D2, A) },
		{ MOVE(D2, B, DIR_P, C) },
		{ ON(LIN_CREATE, DIR_P, D), SWAP(DIR_P, D, D1, A) } } },
	  2, { 5, 17 } },
	{ "exchange with what moves above it", { 2, { 1, 2 }, {
		{ SWAP(D1, B, DIR_T, B) },
		{ MOVE(ROOT, D, DIR_P, C), ON(LIN_LOOKUP, DIR_P, LM_DOTDOT) } } },
	  2, { 2, 5 } },
	{ "link and unlink", { 3, { 2, 1, 2 }, {
		{ LINK(FILE_F, D2, C), AT(LIN_GETATTR, FILE_F) },
		{ ON(LIN_UNLINK, D1, A) },
		{ AT(LIN_GETATTR, FILE_F), ON(LIN_LOOKUP, D2, C) } } },
	  2, { 3, 11 } },
	{ "the last holder and the last name", { 3, { 3, 1, 2 }, {
		{ AT(LIN_OPEN_FILE, FILE_F), AT(LIN_APPEND, FILE_F),
		  AT(LIN_CLOSE_FILE, FILE_F) },
		{ ON(LIN_UNLINK, D1, A) },
		{ AT(LIN_OPEN_FILE, FILE_F), AT(LIN_GETATTR, FILE_F) } } },
	  2, { 5, 17 } },
	{ "the parent moves out of its parent, which goes", { 2, { 1, 2 }, {
		{ ON(LIN_LOOKUP, DIR_W, LM_DOTDOT) },
		{ MOVE(DIR_T, B, D2, C), ON(LIN_RMDIR, ROOT, D) } } },
	  2, { 1, 3 } },
	{ "a move below what moves out of a parent that goes", { 2, { 1, 2 }, {
		{ MOVE(D1, B, DIR_W, C) },
		{ MOVE(DIR_T, B, D2, C), ON(LIN_RMDIR, ROOT, D) } } },
	  2, { 2, 5 } },
	{ "a move below what is below the source never", { 2, { 1, 2 }, {
		{ MOVE(D1, B, DIR_W, C) },
		{ MOVE(DIR_T, B, D2, C), MOVE(ROOT, D, DIR_P, C) } } },
	  2, { 2, 5 } },
	{ "rmdir of what is filled elsewhere only", { 2, { 1, 4 }, {
		{ ON(LIN_RMDIR, D1, B) },
		{ MOVE(D1, B, D2, C), ON(LIN_CREATE, DIR_P, A),
		  ON(LIN_UNLINK, DIR_P, A), MOVE(D2, C, D1, B) } } },
	  3, { 3, 17, 5 } },
	{ "rename over what is filled elsewhere only", { 2, { 1, 4 }, {
		{ MOVE(DIR_T, B, D1, B) },
		{ MOVE(D1, B, D2, C), ON(LIN_CREATE, DIR_P, A),
		  ON(LIN_UNLINK, DIR_P, A), MOVE(D2, C, D1, B) } } },
	  3, { 9, 29, 9 } },
	{ "setattr and the last unlink", { 2, { 1, 3 }, {
		{ AT(LIN_SETATTR, FILE_F) },
		{ AT(LIN_GETATTR, FILE_F), ON(LIN_UNLINK, D1, A),
		  AT(LIN_GETATTR, FILE_F) } } }, 2, { 1, 7 } },
	{ "listing and moves", { 2, { 2, 3 }, {
		{ ON(LIN_READDIR, D1, A), ON(LIN_READDIR, D2, A) },
		{ MOVE(D1, A, D1, C), MOVE(D1, C, D2, C),
		  MOVE(D2, C, D1, A) } } }, 2, { 1, 5 } },
	{ "listing and exchanges", { 2, { 2, 3 }, {
		{ ON(LIN_READDIR, D1, A), ON(LIN_READDIR, D2, A) },
		{ SWAP(D1, A, D2, B), SWAP(D1, A, D1, B),
		  SWAP(D2, A, D1, B) } } }, 2, { 1, 5 } },
};

#define NAMED	(sizeof(named) / sizeof(named[0]))

/* Under SIM_LONG before each step, as far as that is two preemptions. */
static int test_named(const void *arg)
{
	const struct named *n = arg;
	struct explorer x = { .p = &n->p, .bound = n->bound,
			      .rng = harness_seed() };
	int r;

	memcpy(x.by, n->by, sizeof(x.by));
	if (getenv("SIM_LONG"))
		x.by[0] = x.by[1] = 1;
	setup();
	r = explore(&x, 0);
	world_free(&lin_world);
	summary();
	return r;
}

int main(int argc, char **argv)
{
	struct test test[NAMED + 2];
	u32 i;

	for (i = 0; i < NAMED; i++)
		test[i] = (struct test){ named[i].name, test_named, &named[i] };
	test[i++] = (struct test){ "pairs, one preemption", test_one, NULL };
	test[i++] = (struct test){ "pairs, more preemptions", test_more, NULL };
	printf("SIM_SEED=%llu\n", (unsigned long long)harness_seed());
	return harness_main(argc, argv, test, i);
}
