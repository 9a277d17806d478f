// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Is a history of overlapping operations linearizable?
 *
 * Notes: an event may come next if no other that is still missing has returned
 * before it began. A search that gives up says so, and is a failure of the
 * test that asked. Sets are noted as two hashes of 64 bits: two that collide
 * could make a right history look wrong, never a wrong one right.
 */
#include <stdlib.h>

#include "lin_check.h"

#define MEMO_BITS	20u
#define NAME_NODES	(LM_INODES * LM_NAMES)
#define TREE_NODE	(LM_INODES + NAME_NODES)
#define NODES		(TREE_NODE + 1)

struct search {
	struct lin_history *h;
	struct lin_answer *a;
	u32 part, first, nr;	/* of member[] */
	u32 left;		/* that must still be placed */
	u32 placed;
	u64 set;		/* hash of what is placed */
	u64 nodes;
	int gave_up;
};

static u16 member[LIN_EVENTS];		/* events, part by part */
static u8 done[LIN_EVENTS];
static u16 order[LIN_EVENTS];		/* placed at present */
static u32 node_up[NODES];		/* union-find */
static struct { u64 set, state, run; } memo[1u << MEMO_BITS];
static u64 run_nr;

/* ---- parts ---- */

static u32 find(u32 n)
{
	while (node_up[n] != n)
		n = node_up[n] = node_up[node_up[n]];
	return n;
}

static int join(u32 a, u32 b)
{
	a = find(a);
	b = find(b);
	node_up[a] = b;
	return a != b;
}

static u32 name_node(u32 dir, u32 name)
{
	if (dir >= LM_INODES)
		return 0;		/* possible in no state */
	return name < LM_NAMES ? LM_INODES + dir * LM_NAMES + name : dir;
}

static int has_name(const struct lm_op *op)
{
	return op->dir != LM_NONE && op->kind != LM_DIR && op->kind != LM_PARENT;
}

/* Where the operation is at home. */
static u32 op_node(const struct lm_op *op)
{
	if (has_name(op))
		return name_node(op->dir, op->name);
	if (op->dir != LM_NONE)
		return op->dir % LM_INODES;
	return op->ino < LM_INODES ? op->ino : 0;
}

/* An inode and the names that it may have are one. */
static void join_names(const struct lin_history *h)
{
	u32 i, n;

	for (i = 0; i < h->start.nr; i++)
		for (n = 0; n < LM_NAMES; n++)
			if (h->start.in[i].type &&
			    h->start.in[i].child[n] != LM_NONE)
				join(name_node(i, n), h->start.in[i].child[n]);
	for (i = 0; i < h->nr; i++) {
		const struct lm_op *op = &h->ev[i].op;

		if ((op->kind == LM_CREATE || op->kind == LM_LINK) &&
		    op->ino < LM_INODES)
			join(op_node(op), op->ino);
		if (op->kind == LM_RENAME)
			join(op_node(op), name_node(op->dir2, op->name2));
	}
}

static int has_links(const struct lm_op *op)
{
	return op->kind == LM_NLINK && op->ino < LM_INODES;
}

/* The links of a directory are the directories in it. */
static void join_links(const struct lin_history *h)
{
	u32 i, n;

	for (i = 0; i < h->nr; i++)
		for (n = 0; has_links(&h->ev[i].op) && n < LM_NAMES; n++)
			join(h->ev[i].op.ino, name_node(h->ev[i].op.ino, n));
}

/* What the parts that are joined to TREE_NODE or may lose names are. */
static u8 may_go[NODES], has_dir[NODES];

static void mark(const struct lin_history *h)
{
	u32 i;

	memset(may_go, 0, sizeof(may_go));
	memset(has_dir, 0, sizeof(has_dir));
	for (i = 0; i < h->start.nr; i++)
		if (h->start.in[i].type == LM_DIRECTORY)
			has_dir[find(i)] = 1;
	for (i = 0; i < h->nr; i++) {
		const struct lm_op *op = &h->ev[i].op;

		if (op->kind == LM_CREATE && op->type == LM_DIRECTORY)
			has_dir[find(op_node(op))] = 1;
		if (op->kind == LM_RMDIR || op->kind == LM_RENAME)
			may_go[find(op_node(op))] = 1;
	}
}

/* A name needs its directory, if that can come, go, or is none. */
static int join_dir(const struct lin_history *h, u32 dir, u32 name)
{
	if (dir >= LM_INODES)
		return 0;
	if (dir < h->start.nr && h->start.in[dir].type == LM_DIRECTORY &&
	    !may_go[find(dir)])
		return 0;
	return join(dir, name_node(dir, name));
}

static int join_more(const struct lin_history *h)
{
	int more = 0;
	u32 i;

	mark(h);
	for (i = 0; i < h->nr; i++) {
		const struct lm_op *op = &h->ev[i].op;

		if (has_name(op))
			more |= join_dir(h, op->dir, op->name);
		if (op->kind != LM_RENAME)
			continue;
		more |= join_dir(h, op->dir2, op->name2);
		/* a directory moves: the way to the root is looked at */
		if (op->dir != op->dir2 && has_dir[find(op_node(op))])
			more |= join(op_node(op), TREE_NODE);
	}
	return more;
}

/*
 * Two events are in one part if a state variable that one may change can
 * matter to the other. Variables: an inode with all its attributes, a name
 * (with what it refers to), and for moves of directories the shape of the
 * tree. A name and all inodes that can ever have it are joined, so unlink and
 * rename find what they change in their part. Whether a directory lives
 * matters to its names only if something in the history could remove it (a
 * rmdir of, or a rename from or to, a name that it can have) or makes it;
 * otherwise names of one directory are independent. The parent of a directory
 * changes by renames of its own names alone; other directories' renames ask for
 * it when they look for cycles, so all that can move a directory are one.
 */
static u32 parts(struct lin_history *h)
{
	static u32 number[NODES];
	u32 i, nr = 0;

	for (i = 0; i < NODES; i++)
		node_up[i] = i;
	join_names(h);
	join_links(h);
	while (join_more(h))
		;
	memset(number, 0, sizeof(number));
	for (i = 0; i < h->nr; i++) {
		u32 *n = &number[find(op_node(&h->ev[i].op))];

		if (!*n)
			*n = ++nr;
		h->ev[i].part = *n - 1;
	}
	return nr;
}

/* ---- the search of one part ---- */

static u64 event_hash(u32 i)
{
	u64 z = (i + 1) * 0x9e3779b97f4a7c15ull;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

/* 1: it was here before. */
static int seen(struct search *s, const struct lm *m)
{
	u64 state = lm_hash(m);
	u64 at = (s->set ^ state * 3) >> 5 & ((1u << MEMO_BITS) - 1);

	while (memo[at].run == run_nr) {
		if (memo[at].set == s->set && memo[at].state == state)
			return 1;
		at = (at + 1) & ((1u << MEMO_BITS) - 1);
	}
	memo[at].set = s->set;
	memo[at].state = state;
	memo[at].run = run_nr;
	s->a->states++;
	return 0;
}

static void place(struct search *s, u32 i)
{
	done[i] = 1;
	s->set ^= event_hash(i);
	order[s->placed++] = (u16)i;
	s->left -= s->h->ev[i].resp != LIN_NEVER;
}

static void unplace_to(struct search *s, u32 placed)
{
	while (s->placed > placed) {
		u32 i = order[--s->placed];

		done[i] = 0;
		s->set ^= event_hash(i);
		s->left += s->h->ev[i].resp != LIN_NEVER;
	}
}

/* What is missing and returned first. */
static u64 first_resp(const struct search *s, u32 *who)
{
	u64 first = LIN_NEVER;
	u32 k;

	for (k = 0; k < s->nr; k++) {
		u32 i = member[s->first + k];

		if (s->h->ev[i].inv >= first)
			break;
		if (!done[i] && s->h->ev[i].resp < first) {
			first = s->h->ev[i].resp;
			*who = i;
		}
	}
	return first;
}

static int may_come(const struct search *s, u32 i)
{
	const struct lin_event *e = &s->h->ev[i];

	return !done[i] && (e->after < 0 || done[e->after]);
}

/* Goes first wherever it is possible: no order is lost by that. */
static int goes_first(struct lm *m, const struct lin_event *e)
{
	/* earlier than that nothing is allowed that is not allowed then */
	if (e->op.kind == LM_RELEASE)
		return lm_step(m, &e->op, 0) != LM_NO;
	if (e->resp == LIN_NEVER || (!e->op.err && !lm_is_read(&e->op)))
		return 0;
	return lm_look(m, &e->op) == LM_SAME;
}

static void place_reads(struct search *s, struct lm *m)
{
	u32 k, who, again = 1;

	while (again) {
		u64 end = first_resp(s, &who);

		again = 0;
		for (k = 0; k < s->nr; k++) {
			u32 i = member[s->first + k];

			if (s->h->ev[i].inv >= end)
				break;
			if (may_come(s, i) && goes_first(m, &s->h->ev[i])) {
				place(s, i);
				again = 1;
			}
		}
	}
}

static void note_best(struct search *s)
{
	u32 who = 0;

	if (s->a->stuck >= 0 && s->placed <= s->a->best)
		return;
	s->a->best = s->placed;
	first_resp(s, &who);
	s->a->stuck = who;
}

static int search(struct search *s, const struct lm *from);

static int try_next(struct search *s, const struct lm *m)
{
	struct lm next;
	u32 k, who, placed = s->placed;
	u64 end = first_resp(s, &who);

	for (k = 0; k < s->nr && !s->gave_up; k++) {
		u32 i = member[s->first + k];
		const struct lin_event *e = &s->h->ev[i];
		int open_end = e->resp == LIN_NEVER;

		if (e->inv >= end)
			break;
		if (!may_come(s, i))
			continue;
		lm_copy(&next, m);
		if (lm_step(&next, &e->op, open_end) == LM_NO)
			continue;
		place(s, i);
		if (search(s, &next))
			return 1;
		unplace_to(s, placed);
	}
	return 0;
}

static int search(struct search *s, const struct lm *from)
{
	struct lm m;
	u32 placed = s->placed;

	if (++s->nodes > LIN_NODES) {
		s->gave_up = 1;
		return 0;
	}
	lm_copy(&m, from);
	place_reads(s, &m);
	if (!s->left)
		return 1;
	if (!seen(s, &m)) {
		note_best(s);
		if (try_next(s, &m))
			return 1;
	}
	unplace_to(s, placed);
	return 0;
}

static u32 collect(const struct lin_history *h, u32 part, u32 first, u32 *left)
{
	u32 i, nr = 0;

	for (i = 0; i < h->nr; i++) {
		if (h->ev[i].part != part)
			continue;
		member[first + nr++] = (u16)i;
		*left += h->ev[i].resp != LIN_NEVER;
	}
	return nr;
}

enum lin_result lin_check(struct lin_history *h, struct lin_answer *a)
{
	enum lin_result r = LIN_YES;
	u32 part;

	memset(a, 0, sizeof(*a));
	memset(done, 0, h->nr);
	a->stuck = -1;
	a->parts = parts(h);
	for (part = 0; part < a->parts && r == LIN_YES; part++) {
		struct search s = { .h = h, .a = a, .part = part };

		run_nr++;
		a->part = part;
		a->best = 0;
		a->stuck = -1;
		s.nr = collect(h, part, 0, &s.left);
		if (!search(&s, &h->start))
			r = s.gave_up ? LIN_GAVE_UP : LIN_NO;
		a->nodes += s.nodes;
	}
	return r;
}
