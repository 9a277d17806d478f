// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Runs operations on the core, notes what they return, and has it checked.
 *
 * Notes: hosts hold a file once, as core.h asks for: content is changed through
 * a file that the host holds, or open, change and close are three calls.
 * Behind each run one host looks at every inode and every directory, so the
 * end of a history is pinned down.
 */
#include <stdlib.h>

#include "lin_run.h"

#define FILL_DIR	"fill"
#define TRACES		3u	/* that are shown */
#define ACCOUNT		"slots: 1\ninode: 1\n"

struct held {
	u64 ino;		/* 0: free */
	struct daxfs_file f;
};

struct agent {			/* one host in a run */
	u32 host;
	const struct lin_program *p;
	u64 last_ino, last_dir;
	u64 end;		/* step */
	struct held held[LIN_OPEN];
};

struct world lin_world;
struct lin_trace lin_trace;
struct lin_start lin_start;
struct lin_sum lin_sum;
const char *const lin_names[LM_NAMES] = {
	"a", "b", "c", "d", "e", "a-name-that-is-too-long-for-the-smallest-cell",
	"g", FILL_DIR,
};

static struct agent agent[WORLD_HOSTS];
static struct held setup_held[WORLD_HOSTS][LIN_OPEN];
static struct sim_host sim_host[WORLD_HOSTS];
static struct lin_history history;
static u64 event_nr;
static u32 hosts_run;
static struct log scratch;

static const char *name_of(u32 name)
{
	return name == LM_DOT ? "." : name == LM_DOTDOT ? ".." :
	       lin_names[name];
}

/* ---- one call ---- */

static struct lin_call *call_begin(u32 host, const struct lin_step *st)
{
	struct lin_call *c = &lin_trace.call[lin_trace.nr++];

	if (lin_trace.nr == LIN_CALLS) {
		fprintf(stderr, "lin_run: too many calls\n");
		exit(1);
	}
	memset(c, 0, sizeof(*c));
	c->arg = *st;
	c->kind = st->kind;
	c->host = (u8)host;
	c->name = st->name;
	c->name2 = st->name2;
	c->resp = LIN_NEVER;
	c->inv = ++event_nr;
	return c;
}

static u8 name_nr(const struct daxfs_dirent *de)
{
	u32 i;

	if (!strcmp(de->name, "."))
		return LM_DOT;
	if (!strcmp(de->name, ".."))
		return LM_DOTDOT;
	for (i = 0; i < LM_NAMES; i++)
		if (!strcmp(de->name, lin_names[i]))
			return (u8)i;
	return LM_NONE;
}

static u8 type_nr(u32 mode)
{
	return S_ISDIR(mode) ? LM_DIRECTORY : S_ISLNK(mode) ? LM_SYMLINK :
	       S_ISREG(mode) ? LM_FILE : LM_FREE;
}

/* Others may list at the same time: an entry notes whose it is by its place. */
struct listing {
	struct lin_listing l[64];
	u32 nr;
};

static int list_one(void *arg, const struct daxfs_dirent *de)
{
	struct listing *l = arg;

	if (l->nr == 64)
		return 1;
	l->l[l->nr].ino = de->ino;
	l->l[l->nr].name = name_nr(de);
	l->l[l->nr++].type = type_nr(de->d_type << 12);
	return 0;
}

static s64 do_readdir(struct daxfs_cx *cx, struct lin_call *c)
{
	struct listing l = { .nr = 0 };
	s64 r = daxfs_readdir(cx, c->dir, 0, list_one, &l);

	if (l.nr == 64 || lin_trace.listed + l.nr > LIN_LISTED) {
		fprintf(stderr, "lin_run: too many names\n");
		exit(1);
	}
	memcpy(&lin_trace.listing[lin_trace.listed], l.l, l.nr * sizeof(l.l[0]));
	c->list = lin_trace.listed;
	c->listed = l.nr;
	lin_trace.listed += l.nr;
	return r;
}

static s64 do_make(struct daxfs_cx *cx, struct lin_call *c)
{
	static const char target[] = "to/somewhere/else";
	struct daxfs_new what = { .mode = c->arg.mode, .uid = c->arg.uid };
	const char *name = name_of(c->name);

	what.mode |= c->kind == LIN_MKDIR ? S_IFDIR :
		     c->kind == LIN_SYMLINK ? S_IFLNK : S_IFREG;
	if (c->kind == LIN_SYMLINK) {
		what.target = target;
		what.target_len = c->arg.len;
	}
	return daxfs_create(cx, c->dir, name, (u32)strlen(name), &what, &c->st);
}

static s64 do_setattr(struct daxfs_cx *cx, struct lin_call *c)
{
	struct daxfs_setattr sa = {
		.set = DAXFS_SET_ATIME | DAXFS_SET_MTIME,
		.atime_ns = c->arg.time, .mtime_ns = c->arg.time + 1,
	};

	if (c->kind == LIN_SETATTR) {
		sa.set = DAXFS_SET_MODE | DAXFS_SET_UID;
		sa.mode = c->arg.mode;
		sa.uid = c->arg.uid;
	}
	if (c->arg.time && c->kind == LIN_SETATTR)
		sa.set |= DAXFS_SET_ATIME;
	return daxfs_setattr(cx, c->ino, &sa, c->arg.off ? &c->st : NULL);
}

static u32 rename_flags(u32 kind)
{
	return kind == LIN_NOREPLACE ? DAXFS_RENAME_NOREPLACE :
	       kind == LIN_EXCHANGE ? DAXFS_RENAME_EXCHANGE : 0;
}

static s64 do_name(struct daxfs_cx *cx, struct lin_call *c)
{
	const char *name = name_of(c->name), *name2;
	u32 len = (u32)strlen(name);

	switch (c->kind) {
	case LIN_LOOKUP:
		return daxfs_lookup(cx, c->dir, name, len, &c->st);
	case LIN_LINK:
		return daxfs_link(cx, c->ino, c->dir, name, len, &c->st);
	case LIN_UNLINK:
		return daxfs_unlink(cx, c->dir, name, len);
	case LIN_RMDIR:
		return daxfs_rmdir(cx, c->dir, name, len);
	case LIN_RENAME: case LIN_NOREPLACE: case LIN_EXCHANGE:
		name2 = name_of(c->name2);
		return daxfs_rename(cx, c->dir, name, len, c->dir2, name2,
				    (u32)strlen(name2), rename_flags(c->kind));
	default:
		return do_make(cx, c);
	}
}

static s64 do_content(struct daxfs_cx *cx, struct lin_call *c,
		      struct daxfs_file *f)
{
	static u8 bytes[WORLD_HOSTS][32768];
	u8 *mine = bytes[c->host];

	memset(mine, 'A' + c->host, sizeof(bytes[0]));
	if (c->kind == LIN_APPEND)
		return daxfs_append(cx, f, mine, c->arg.len, &c->at);
	if (c->kind == LIN_WRITE)
		return daxfs_write(cx, f, c->arg.off, mine, c->arg.len);
	return daxfs_truncate(cx, f, c->arg.len);
}

/* State that the host that stopped is dead, and recover it. */
static s64 do_recover(struct daxfs_cx *cx, struct lin_call *c)
{
	u32 slot = lin_world.rg[c->arg.ino].host;
	struct daxfs_host_info info;
	s64 r;

	sim_learn(c->arg.ino);
	r = daxfs_host_info(cx->rg, slot, &info);
	if (!r)
		r = daxfs_host_mark_dead(cx->rg, slot, info.incarnation);
	return r ? r : daxfs_host_recover(cx, slot);
}

static s64 call_core(struct daxfs_cx *cx, struct lin_call *c,
		     struct daxfs_file *f)
{
	switch (c->kind) {
	case LIN_READDIR:
		return do_readdir(cx, c);
	case LIN_GETATTR:
		return daxfs_getattr(cx, c->ino, &c->st);
	case LIN_SETATTR: case LIN_SETTIMES:
		return do_setattr(cx, c);
	case LIN_OPEN_FILE:
		memset(f, 0, sizeof(*f));
		return daxfs_open(cx, c->ino, 0, f);
	case LIN_CLOSE_FILE:
		return daxfs_close(cx, c->ino);
	case LIN_APPEND: case LIN_WRITE: case LIN_TRUNCATE:
		return do_content(cx, c, f);
	case LIN_RECOVER:
		return do_recover(cx, c);
	default:
		return do_name(cx, c);
	}
}

static s64 call_end(struct agent *a, struct lin_call *c, struct daxfs_file *f)
{
	/* What ended before is known here, and this to what begins later. */
	sim_listen();
	c->r = call_core(&lin_world.cx[a->host], c, f);
	sim_tell();
	c->resp = ++event_nr;
	if (c->r < 0)
		return c->r;
	if (c->kind == LIN_LOOKUP || c->kind == LIN_CREATE ||
	    c->kind == LIN_MKDIR || c->kind == LIN_SYMLINK) {
		a->last_ino = c->st.ino;
		if (S_ISDIR(c->st.mode))
			a->last_dir = c->st.ino;
	}
	return c->r;
}

/* ---- one step: a call, or open, call and close ---- */

static u64 real_ino(const struct agent *a, u32 ino, int want_dir)
{
	if (ino == LIN_LAST)
		return want_dir ? a->last_dir : a->last_ino;
	return lin_start.ino[ino];
}

static struct held *find_held(struct agent *a, u64 ino)
{
	u32 i;

	for (i = 0; i < LIN_OPEN; i++)
		if (a->held[i].ino == ino)
			return &a->held[i];
	return NULL;
}

static void do_open(struct agent *a, const struct lin_step *st, u64 ino)
{
	struct lin_step open = *st;
	struct held *h = find_held(a, 0);
	struct lin_call *c;

	if (!h || find_held(a, ino))
		return;
	open.kind = LIN_OPEN_FILE;
	c = call_begin(a->host, &open);
	c->ino = ino;
	if (!call_end(a, c, &h->f))
		h->ino = ino;
}

static void do_close(struct agent *a, const struct lin_step *st, u64 ino)
{
	struct lin_step close = *st;
	struct held *h = find_held(a, ino);
	struct lin_call *c;

	if (!h)
		return;
	close.kind = LIN_CLOSE_FILE;
	c = call_begin(a->host, &close);
	c->ino = ino;
	h->ino = 0;
	call_end(a, c, NULL);
}

static void do_on_file(struct agent *a, const struct lin_step *st, u64 ino)
{
	struct held *h = find_held(a, ino);
	int held = h != NULL;
	struct lin_call *c;

	if (!held)
		do_open(a, st, ino);
	h = find_held(a, ino);
	if (h) {
		c = call_begin(a->host, st);
		c->ino = ino;
		call_end(a, c, &h->f);
	}
	if (!held)
		do_close(a, st, ino);
}

static int is_on_file(const struct lin_step *st)
{
	return st->kind == LIN_APPEND || st->kind == LIN_WRITE ||
	       st->kind == LIN_TRUNCATE;
}

static int has_stopped(u32 host)
{
	return sim_host[host].end == SIM_STOPPED &&
	       !daxfs_host_check(&lin_world.rg[host]);
}

static void do_call(struct agent *a, const struct lin_step *st)
{
	struct lin_call *c = call_begin(a->host, st);

	c->ino = st->kind == LIN_RECOVER ? 0 : real_ino(a, st->ino, 0);
	c->dir = real_ino(a, st->dir, 1);
	c->dir2 = real_ino(a, st->dir2, 1);
	call_end(a, c, NULL);
}

static void do_step(struct agent *a, const struct lin_step *st)
{
	u64 ino = st->kind == LIN_RECOVER ? 0 : real_ino(a, st->ino, 0);

	if (st->kind == LIN_OPEN_FILE)
		do_open(a, st, ino);
	else if (st->kind == LIN_CLOSE_FILE)
		do_close(a, st, ino);
	else if (is_on_file(st))
		do_on_file(a, st, ino);
	else if (st->kind != LIN_RECOVER || has_stopped(st->ino))
		do_call(a, st);
}

static void agent_main(void *arg)
{
	struct agent *a = arg;
	u32 i;

	for (i = 0; i < a->p->nr[a->host]; i++)
		do_step(a, &a->p->step[a->host][i]);
	a->end = sim_now();
}

/* ---- the setup ---- */

static void note_attr(u32 ino)
{
	struct lm_inode *in = &lin_start.m.in[ino];
	struct daxfs_stat st;

	SETUP(daxfs_getattr(&lin_world.cx[0], lin_start.ino[ino], &st));
	in->mode = (u16)(st.mode & 07777);
	in->uid = st.uid;
	in->size = in->type == LM_DIRECTORY ? 0 : (u32)st.size;
	in->reg[LM_ATIME] = st.atime_ns;
	in->reg[LM_MTIME] = st.mtime_ns;
}

u32 lin_setup_add(enum lm_type type, u32 dir, u32 name)
{
	struct daxfs_new what = {
		.mode = type == LM_DIRECTORY ? S_IFDIR | 0755 :
			type == LM_SYMLINK ? S_IFLNK | 0777 : S_IFREG | 0644,
		.target = "target", .target_len = 6,
	};
	u32 ino = lin_start.m.nr;
	struct daxfs_stat st;

	SETUP(daxfs_create(&lin_world.cx[ino % WORLD_HOSTS], lin_start.ino[dir],
			   lin_names[name], (u32)strlen(lin_names[name]), &what,
			   &st));
	lin_start.ino[ino] = st.ino;
	lm_add(&lin_start.m, ino, type, dir, name);
	note_attr(ino);
	return ino;
}

static void setup_step(const struct lm_op *op)
{
	SETUP(lm_step(&lin_start.m, op, 0) == LM_NO ? -EINVAL : 0);
}

void lin_setup_link(u32 ino, u32 dir, u32 name)
{
	struct lm_op op = { .kind = LM_LINK, .ino = (u8)ino, .dir = (u8)dir,
			    .name = (u8)name, .dir2 = LM_NONE, .value = LM_ANY };

	SETUP(daxfs_link(&lin_world.cx[0], lin_start.ino[ino],
			 lin_start.ino[dir], lin_names[name],
			 (u32)strlen(lin_names[name]), NULL));
	setup_step(&op);
}

void lin_setup_open(u32 host, u32 ino)
{
	struct lm_op op = { .kind = LM_OPEN, .ino = (u8)ino, .host = (u8)host,
			    .dir = LM_NONE, .dir2 = LM_NONE };
	u32 i;

	for (i = 0; setup_held[host][i].ino; i++)
		;
	setup_held[host][i].ino = lin_start.ino[ino];
	SETUP(daxfs_open(&lin_world.cx[host], lin_start.ino[ino], 0,
			 &setup_held[host][i].f));
	setup_step(&op);
}

void lin_setup_unlink(u32 dir, u32 name)
{
	struct lm_op op = { .kind = LM_UNLINK, .ino = LM_NONE, .dir = (u8)dir,
			    .name = (u8)name, .dir2 = LM_NONE };

	SETUP(daxfs_unlink(&lin_world.cx[0], lin_start.ino[dir],
			   lin_names[name], (u32)strlen(lin_names[name])));
	setup_step(&op);
}

void lin_setup_size(u32 ino, u32 len)
{
	static const u8 bytes[16384];
	struct daxfs_file f;

	SETUP(daxfs_open(&lin_world.cx[1], lin_start.ino[ino], 0, &f));
	SETUP(daxfs_append(&lin_world.cx[1], &f, bytes, len, NULL));
	SETUP(daxfs_close(&lin_world.cx[1], f.ino));
	note_attr(ino);
}

void lin_setup_fill(u64 nr)
{
	char name[32];
	u32 dir;
	u64 i;

	if (!nr)
		return;
	dir = lin_setup_add(LM_DIRECTORY, LM_ROOT, LM_NAMES - 1);
	for (i = 0; i < nr; i++) {
		snprintf(name, sizeof(name), FILL_DIR "/f%llu",
			 (unsigned long long)i);
		SETUP(w_create(&lin_world.cx[3], name));
	}
	lin_start.m.in[dir].names = (u16)nr;
}

void lin_setup(void)
{
	world_make(&lin_world, 512);
	memset(setup_held, 0, sizeof(setup_held));
	lm_init(&lin_start.m);
	lin_start.ino[LM_ROOT] = DAXFS_ROOT_INO;
	note_attr(LM_ROOT);
}

void lin_setup_end(void)
{
	world_freeze(&lin_world);
}

u64 lin_fill_max(void)
{
	struct daxfs_index_stat st = { .migrating = 0 };
	char name[32];
	u64 n = 0;

	world_make(&lin_world, 512);
	SETUP(w_mkdir(&lin_world.cx[3], FILL_DIR));
	while (!st.migrating) {
		snprintf(name, sizeof(name), FILL_DIR "/f%llu",
			 (unsigned long long)n++);
		SETUP(w_create(&lin_world.cx[3], name));
		SETUP(daxfs_index_stat(&lin_world.cx[3], &st));
	}
	world_free(&lin_world);
	return n;
}

/* ---- behind a run ---- */

/* The host that looks at everything: one that did not stop. */
static u32 survivor(const struct lin_crash *crash)
{
	return crash->host == 0 ? 1 : 0;
}

static void look_at_inodes(struct agent *a)
{
	struct lin_step st = { .kind = LIN_GETATTR };
	u32 i, nr = lin_trace.nr;

	for (i = 0; i < lin_start.m.nr; i++) {
		st.ino = (u8)i;
		do_step(a, &st);
	}
	st.ino = LIN_LAST;
	for (i = 0; i < nr; i++) {
		const struct lin_call *c = &lin_trace.call[i];

		if (c->resp == LIN_NEVER || c->r || !c->st.ino ||
		    (c->kind != LIN_CREATE && c->kind != LIN_MKDIR))
			continue;
		a->last_ino = c->st.ino;
		do_step(a, &st);
	}
}

static void look_at_dirs(struct agent *a)
{
	struct lin_step st = { .kind = LIN_READDIR };
	u32 i, nr = lin_trace.nr;

	for (i = 0; i < lin_start.m.nr; i++) {
		st.dir = (u8)i;
		if (lin_start.m.in[i].type == LM_DIRECTORY &&
		    lin_start.m.in[i].names <= LM_NAMES)
			do_step(a, &st);
	}
	st.dir = LIN_LAST;
	for (i = 0; i < nr; i++) {
		const struct lin_call *c = &lin_trace.call[i];

		if (c->resp == LIN_NEVER || c->r || c->kind != LIN_MKDIR)
			continue;
		a->last_dir = c->st.ino;
		do_step(a, &st);
	}
}

/* In the simulator, so that waiting takes virtual time. */
static void look_at_all(void *arg)
{
	struct agent *a = arg;
	struct lin_step st = { .kind = LIN_RECOVER };

	for (; st.ino < WORLD_HOSTS; st.ino++)
		if (st.ino != a->host)
			do_step(a, &st);
	look_at_inodes(a);
	look_at_dirs(a);
}

static void empty(void *arg)
{
	struct agent *a = arg;
	u32 h, i;

	for (h = 0; h < WORLD_HOSTS; h++)
		for (i = 0; i < LIN_OPEN; i++)
			if (agent[h].held[i].ino &&
			    !daxfs_host_check(&lin_world.rg[h]))
				daxfs_close(&lin_world.cx[h],
					    agent[h].held[i].ino);
	a->last_ino = (u64)(s64)world_empty(&lin_world.cx[a->host]);
	for (h = 0; h < WORLD_HOSTS && !a->last_ino; h++)
		if (!daxfs_host_check(&lin_world.rg[h]))
			a->last_ino = (u64)(s64)daxfs_host_leave(&lin_world.cx[h]);
}

/* Inside the simulator, alone. The agents of the run keep how it ended. */
static int alone(struct agent *a, void (*fn)(void *arg))
{
	struct sim_host h;

	sim_host_init(&h, fn, a);
	return sim_run_one(&h, WORLD_MAX_STEPS);
}

static int check_region(struct agent *a)
{
	scratch.len = 0;
	if (world_check(&lin_world.cx[a->host], &scratch))
		return FAIL("index: %s", scratch.text);
	return 0;
}

/* Attributes of the root that were set lie outside of its inode. */
static int owns_right(const char *owned)
{
	u32 i, set = 0, perhaps = 0;

	for (i = 0; i < lin_trace.nr; i++) {
		const struct lin_call *c = &lin_trace.call[i];

		if (c->kind != LIN_SETATTR || c->ino != DAXFS_ROOT_INO)
			continue;
		if (c->resp == LIN_NEVER)
			perhaps = 1;
		else
			set = 1;
	}
	return (!set && !strcmp(owned, ACCOUNT)) ||
	       ((set || perhaps) && !strcmp(owned, ACCOUNT "attr: 1\n"));
}

static int check_memory(struct agent *a)
{
	if (alone(a, empty) || a->last_ino)
		return FAIL("deleting everything: %s",
			    strerror((int)-(s64)a->last_ino));
	scratch.len = 0;
	world_owned(&lin_world, &scratch);
	if (!owns_right(scratch.text))
		return FAIL("owned when all is deleted: %s", scratch.text);
	return 0;
}

/* ---- messages ---- */

static void print_trace(const struct lin_answer *a)
{
	static u32 shown;
	u32 i, k;

	if (shown++ >= TRACES)
		return;
	for (i = 0; i < lin_trace.nr; i++) {
		const struct lin_call *c = &lin_trace.call[i];
		char in_part = ' ';

		for (k = 0; a && k < history.nr; k++)
			if (history.ev[k].call == i &&
			    history.ev[k].part == a->part)
				in_part = '*';
		printf("  %c host %u %s\n", in_part, c->host, lin_call_text(c));
	}
	if (a && a->stuck >= 0)
		printf("    stuck at: call %u, %s\n", history.ev[a->stuck].call,
		       lm_text(&history.ev[a->stuck].op));
}

static const char *schedule_text(const struct sim_schedule *s,
				 const struct lin_crash *crash)
{
	static char text[300];
	int n;
	u32 i;

	if (s->policy == SIM_RANDOM)
		n = snprintf(text, sizeof(text), "random, seed %llu, quantum %u",
			     (unsigned long long)s->seed, s->quantum);
	else
		n = snprintf(text, sizeof(text), "switched");
	for (i = 0; s->policy == SIM_POINTS && i < s->point_nr; i++)
		n += snprintf(text + n, sizeof(text) - (size_t)n,
			      " to %u at step %llu", s->point[i].host,
			      (unsigned long long)s->point[i].step);
	n += snprintf(text + n, sizeof(text) - (size_t)n, ", stall %u, stale %u",
		      s->stall, s->stale);
	if (crash->host >= 0)
		snprintf(text + n, sizeof(text) - (size_t)n,
			 ", host %d stops after %llu", crash->host,
			 (unsigned long long)crash->after);
	return text;
}

/* ---- runs ---- */

static void begin(const struct lin_program *p)
{
	u32 i;

	world_reset(&lin_world);
	lin_trace.nr = lin_trace.listed = 0;
	event_nr = 0;
	memset(agent, 0, sizeof(agent));
	for (i = 0; i < WORLD_HOSTS; i++) {
		agent[i].host = i;
		agent[i].p = p;
		agent[i].last_dir = agent[i].last_ino = DAXFS_ROOT_INO;
		memcpy(agent[i].held, setup_held[i], sizeof(setup_held[i]));
		sim_host_init(&sim_host[i], agent_main, &agent[i]);
	}
}

static int judge(struct lin_answer *a)
{
	enum lin_result r;
	u32 i;

	memset(a, 0, sizeof(*a));
	if (lin_expand(&lin_start, &lin_trace, &history)) {
		print_trace(NULL);
		return -1;
	}
	r = lin_check(&history, a);
	lin_sum.runs++;
	lin_sum.calls += lin_trace.nr;
	lin_sum.events += history.nr;
	lin_sum.parts += a->parts;
	lin_sum.nodes += a->nodes;
	if (a->nodes > lin_sum.longest)
		lin_sum.longest = a->nodes;
	for (i = 0; i < lin_trace.nr; i++)
		lin_sum.open_ends += lin_trace.call[i].resp == LIN_NEVER;
	if (r == LIN_YES)
		return 0;
	print_trace(a);
	return FAIL("%s", r == LIN_NO ? "not linearizable" :
				       "the search was given up");
}

int lin_run(const struct lin_program *p, const struct sim_schedule *s,
	    const struct lin_crash *crash, int account)
{
	struct agent *last = &agent[survivor(crash)];
	struct lin_answer a;
	int r;

	begin(p);
	hosts_run = p->hosts;
	if (crash->host >= 0)
		sim_stop_after(&sim_host[crash->host], crash->after);
	r = sim_run(sim_host, p->hosts, s);
	lin_sum.old_loads += sim_old_loads();
	if (r)
		r = FAIL("does not end");
	else if (alone(last, look_at_all))
		r = FAIL("looking at everything does not end");
	else
		r = judge(&a);
	if (!r && account)
		r = check_region(last) || check_memory(last) ? -1 : 0;
	if (r)
		return FAIL("[%s]", schedule_text(s, crash));
	return 0;
}

int lin_paused(void)
{
	u32 i;

	for (i = 0; i < WORLD_HOSTS; i++)
		if (sim_host[i].paused_ns)
			return 1;
	return 0;
}

u64 lin_alone_from(void)
{
	u64 last = 0, before = 0;
	u32 i;

	for (i = 0; i < hosts_run; i++) {
		if (agent[i].end >= last) {
			before = last;
			last = agent[i].end;
		} else if (agent[i].end > before) {
			before = agent[i].end;
		}
	}
	return before;
}

int lin_run_alone(const struct lin_program *p, u32 host)
{
	static struct lm m;
	u32 i;

	begin(p);
	if (alone(&agent[host], agent_main))
		return FAIL("does not end");
	if (lin_expand(&lin_start, &lin_trace, &history)) {
		print_trace(NULL);
		return -1;
	}
	m = history.start;
	m.strict = 1;
	for (i = 0; i < history.nr; i++) {
		const struct lin_event *e = &history.ev[i];
		int want = lm_first(&m, &e->op);

		if (want == e->op.err && lm_step(&m, &e->op, 0) != LM_NO)
			continue;
		print_trace(NULL);
		return FAIL("call %u: the model has %d for %s", e->call, want,
			    lm_text(&e->op));
	}
	lin_sum.runs++;
	lin_sum.calls += lin_trace.nr;
	return check_region(&agent[host]) || check_memory(&agent[host]) ? -1 : 0;
}
