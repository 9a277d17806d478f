// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * From calls of the core to events of the model.
 *
 * Notes: what a call reports of several words is several events in its
 * interval, see lin_model.h. Inodes are numbered: those of the setup, then one
 * for each create that made one or never returned. An inode that nobody is
 * known to have made must be that of the create that never returned; a
 * second one like that is LM_NONE, which no state of the model knows.
 */
#include <stdlib.h>

#include "lin_run.h"

struct expand {
	const struct lin_trace *t;
	struct lin_history *h;
	u64 ino[LM_INODES];	/* 0: not known */
	u8 written[LM_INODES];	/* content changes touch mtime */
	u32 nr;
	u32 unknown;		/* what a create made that never returned */
	u32 call;
	s64 after;
};

static u32 number(struct expand *x, u64 ino)
{
	u32 i;

	for (i = 0; ino && i < x->nr; i++)
		if (x->ino[i] == ino)
			return i;
	for (i = 0; i < x->nr; i++)
		if (!x->ino[i])
			break;
	if (i == x->nr || !ino)
		return LM_NONE;
	x->ino[i] = ino;
	return i;
}

static const struct lin_call *call_of(const struct expand *x)
{
	return &x->t->call[x->call];
}

/* An event of the call, with what most have. */
static struct lm_op *event(struct expand *x, enum lm_kind kind)
{
	const struct lin_call *c = call_of(x);
	struct lin_event *e = &x->h->ev[x->h->nr++];

	if (x->h->nr == LIN_EVENTS) {
		fprintf(stderr, "lin_history: too many events\n");
		exit(1);
	}
	memset(e, 0, sizeof(*e));
	e->inv = c->inv;
	e->resp = c->resp;
	e->after = x->after;
	e->call = x->call;
	e->op.kind = (u8)kind;
	e->op.host = c->host;
	e->op.ino = e->op.dir = e->op.dir2 = LM_NONE;
	e->op.err = c->resp != LIN_NEVER && c->r < 0 ? (int)c->r : 0;
	return &e->op;
}

static struct lm_op *on_inode(struct expand *x, enum lm_kind kind, u32 ino)
{
	struct lm_op *op = event(x, kind);

	op->ino = (u8)ino;
	return op;
}

static struct lm_op *on_name(struct expand *x, enum lm_kind kind)
{
	struct lm_op *op = event(x, kind);

	op->dir = (u8)number(x, call_of(x)->dir);
	op->name = call_of(x)->name;
	return op;
}

static s64 last_event(const struct expand *x)
{
	return (s64)x->h->nr - 1;
}

static int is_done(const struct lin_call *c)
{
	return c->resp != LIN_NEVER && c->r >= 0;
}

static u8 type_of(u32 mode)
{
	return S_ISDIR(mode) ? LM_DIRECTORY : S_ISLNK(mode) ? LM_SYMLINK :
	       S_ISREG(mode) ? LM_FILE : LM_FREE;
}

/* ---- attributes ---- */

static void read_reg(struct expand *x, u32 ino, enum lm_reg reg, u64 value)
{
	struct lm_op *op = on_inode(x, LM_REG, ino);

	op->reg = (u8)reg;
	op->value = value;
}

/*
 * What st says of the inode: each field is true by itself, at some instant. The
 * mode comes after x->after.
 */
static void read_all(struct expand *x, const struct daxfs_stat *st)
{
	u32 ino = number(x, st->ino);
	struct lm_op *op = on_inode(x, LM_ATTR, ino);

	op->type = type_of(st->mode);
	op->mode = st->mode & 07777;
	op->uid = st->uid;
	x->after = -1;
	on_inode(x, LM_NLINK, ino)->value = st->nlink;
	read_reg(x, ino, LM_ATIME, st->atime_ns);
	if (S_ISDIR(st->mode))
		return;
	on_inode(x, LM_SIZE, ino)->value = st->size;
	if (ino < LM_INODES && !x->written[ino])
		read_reg(x, ino, LM_MTIME, st->mtime_ns);
}

static void getattr(struct expand *x)
{
	const struct lin_call *c = call_of(x);

	if (is_done(c))
		read_all(x, &c->st);
	else if (c->resp != LIN_NEVER)
		on_inode(x, LM_ATTR, number(x, c->ino));
}

static void set_reg(struct expand *x, u32 ino, enum lm_reg reg, u64 value)
{
	struct lm_op *op = on_inode(x, LM_SETREG, ino);

	op->reg = (u8)reg;
	op->value = value;
}

static void setattr(struct expand *x)
{
	const struct lin_call *c = call_of(x);
	u32 ino = number(x, c->ino);
	struct lm_op *op;
	s64 set = -1;

	if (c->kind == LIN_SETATTR) {
		op = on_inode(x, LM_SETATTR, ino);
		op->mode = c->arg.mode;
		op->uid = c->arg.uid;
		set = last_event(x);
	}
	if (c->r < 0 && c->kind == LIN_SETATTR)
		return;
	if (c->kind == LIN_SETTIMES || c->arg.time)
		set_reg(x, ino, LM_ATIME, c->arg.time);
	if (c->kind == LIN_SETTIMES && c->r >= 0)
		set_reg(x, ino, LM_MTIME, c->arg.time + 1);
	x->after = set;
	if (is_done(c) && c->arg.off)
		read_all(x, &c->st);
}

/* ---- names ---- */

static int create(struct expand *x)
{
	const struct lin_call *c = call_of(x);
	struct lm_op *op = on_name(x, LM_CREATE);
	u32 type = c->kind == LIN_MKDIR ? LM_DIRECTORY :
		   c->kind == LIN_SYMLINK ? LM_SYMLINK : LM_FILE;

	op->type = (u8)type;
	op->mode = c->arg.mode;
	op->uid = c->arg.uid;
	op->len = c->kind == LIN_SYMLINK ? c->arg.len : 0;
	op->value = LM_ANY;
	if (c->resp == LIN_NEVER || c->r < 0)
		return 0;
	op->ino = (u8)number(x, c->st.ino);
	op->value = c->st.atime_ns;
	if (c->st.nlink != (type == LM_DIRECTORY ? 2 : 1) ||
	    (c->st.mode & 07777) != op->mode || c->st.uid != op->uid ||
	    type_of(c->st.mode) != type ||
	    (type != LM_DIRECTORY && c->st.size != op->len))
		return FAIL("attributes of what was made: %s", lin_call_text(c));
	return 0;
}

static void lookup(struct expand *x)
{
	const struct lin_call *c = call_of(x);
	struct lm_op *op;

	if (c->resp == LIN_NEVER)
		return;
	op = on_name(x, LM_LOOKUP);
	if (c->r < 0)
		return;
	op->got = (u8)number(x, c->st.ino);
	x->after = last_event(x);
	read_all(x, &c->st);
}

static void link_or_rename(struct expand *x)
{
	const struct lin_call *c = call_of(x);
	int is_link = c->kind == LIN_LINK;
	struct lm_op *op = on_name(x, is_link ? LM_LINK : LM_RENAME);

	if (is_link) {
		op->ino = (u8)number(x, c->ino);
		op->value = is_done(c) ? c->st.nlink : LM_ANY;
		return;
	}
	op->dir2 = (u8)number(x, c->dir2);
	op->name2 = c->name2;
	op->noreplace = c->kind == LIN_NOREPLACE;
	op->exchange = c->kind == LIN_EXCHANGE;
}

/* One name of a listing, as often as it came. */
static void list_name(struct expand *x, u32 name)
{
	const struct lin_call *c = call_of(x);
	u32 i, nr = 0;

	x->after = -1;
	for (i = c->list; i < c->list + c->listed; i++) {
		const struct lin_listing *l = &x->t->listing[i];
		struct lm_op *op;

		if (l->name != name)
			continue;
		if (nr++) {	/* it was gone in between */
			on_name(x, LM_ABSENT)->name = (u8)name;
			x->after = last_event(x);
		}
		op = on_name(x, LM_PRESENT);
		op->name = (u8)name;
		op->got = (u8)number(x, l->ino);
		op->type = l->type;
		x->after = last_event(x);
	}
	if (!nr)
		on_name(x, LM_ABSENT)->name = (u8)name;
}

static int readdir(struct expand *x)
{
	const struct lin_call *c = call_of(x);
	u32 i, dots = 0, name;

	if (c->resp == LIN_NEVER)
		return 0;
	event(x, LM_DIR)->dir = (u8)number(x, c->dir);
	if (c->r < 0)
		return 0;
	for (i = c->list; i < c->list + c->listed; i++) {
		const struct lin_listing *l = &x->t->listing[i];

		if (l->name == LM_NONE)
			return FAIL("a name nobody made: %s", lin_call_text(c));
		dots += l->name == LM_DOT && l->ino == c->dir;
		if (l->name == LM_DOTDOT) {
			struct lm_op *op = event(x, LM_PARENT);

			op->dir = (u8)number(x, c->dir);
			op->got = (u8)number(x, l->ino);
			dots += 2;
		}
	}
	if (dots != 3)
		return FAIL("not once . and ..: %s", lin_call_text(c));
	for (name = 0; name < LM_NAMES; name++)
		list_name(x, name);
	return 0;
}

/* ---- the others ---- */

static void on_content(struct expand *x, enum lm_kind kind)
{
	const struct lin_call *c = call_of(x);
	struct lm_op *op = on_inode(x, kind, number(x, c->ino));

	op->off = c->arg.off;
	op->len = c->arg.len;
	op->value = is_done(c) ? c->at : LM_ANY;
}

/* The dead host may hold nothing any more, from now on. */
static int recover(struct expand *x)
{
	const struct lin_call *c = call_of(x);
	u32 i;

	for (i = 0; i < x->nr; i++) {
		struct lm_op *op = on_inode(x, LM_RELEASE, i);

		op->host = c->arg.ino;
		x->h->ev[x->h->nr - 1].resp = LIN_NEVER;
	}
	return c->r ? FAIL("recovery: %s", lin_call_text(c)) : 0;
}

static int expand_call(struct expand *x)
{
	const struct lin_call *c = call_of(x);

	x->after = -1;
	switch (c->kind) {
	case LIN_LOOKUP:
		lookup(x);
		return 0;
	case LIN_CREATE: case LIN_MKDIR: case LIN_SYMLINK:
		return create(x);
	case LIN_LINK: case LIN_RENAME: case LIN_NOREPLACE: case LIN_EXCHANGE:
		link_or_rename(x);
		return 0;
	case LIN_UNLINK: case LIN_RMDIR:
		on_name(x, c->kind == LIN_UNLINK ? LM_UNLINK : LM_RMDIR);
		return 0;
	case LIN_READDIR:
		return readdir(x);
	case LIN_GETATTR:
		getattr(x);
		return 0;
	case LIN_SETATTR: case LIN_SETTIMES:
		setattr(x);
		return 0;
	case LIN_RECOVER:
		return recover(x);
	default:
		on_content(x, LM_OPEN + c->kind - LIN_OPEN_FILE);
		return 0;
	}
}

/* Short results are errors of the core here: there is room for all. */
static int check_result(const struct lin_call *c)
{
	int is_write = c->kind == LIN_APPEND || c->kind == LIN_WRITE;

	if (c->resp == LIN_NEVER || c->r < 0)
		return 0;
	if (c->r == (is_write ? (s64)c->arg.len : 0))
		return 0;
	return FAIL("unexpected result: %s", lin_call_text(c));
}

static int is_make(const struct lin_call *c)
{
	return c->kind == LIN_CREATE || c->kind == LIN_MKDIR ||
	       c->kind == LIN_SYMLINK;
}

/* Numbers for what is made, and for what perhaps is. */
static int number_all(struct expand *x)
{
	u32 i, open_ends = 0;

	for (i = 0; i < x->t->nr; i++) {
		const struct lin_call *c = &x->t->call[i];

		if (!is_make(c) || (c->resp != LIN_NEVER && c->r < 0))
			continue;
		if (x->nr == LM_INODES)
			return FAIL("too many inodes");
		if (c->resp == LIN_NEVER) {
			open_ends++;
			x->unknown = x->nr;
		}
		x->ino[x->nr++] = c->resp == LIN_NEVER ? 0 : c->st.ino;
	}
	for (i = 0; i < x->t->nr; i++) {
		const struct lin_call *c = &x->t->call[i];
		u32 ino = number(x, c->ino);

		if ((c->kind == LIN_APPEND || c->kind == LIN_WRITE ||
		     c->kind == LIN_TRUNCATE) && ino < LM_INODES)
			x->written[ino] = 1;
	}
	return open_ends > 1 ? FAIL("two creates that never returned") : 0;
}

/* The event of the create that never returned makes the number without a name. */
static void number_open_end(struct expand *x)
{
	u32 i;

	for (i = 0; i < x->h->nr; i++)
		if (x->h->ev[i].op.kind == LM_CREATE &&
		    x->h->ev[i].resp == LIN_NEVER)
			x->h->ev[i].op.ino = (u8)x->unknown;
}

int lin_expand(const struct lin_start *start, const struct lin_trace *t,
	       struct lin_history *h)
{
	static struct expand x;
	int r;

	memset(&x, 0, sizeof(x));
	x.t = t;
	x.h = h;
	x.unknown = LM_NONE;
	x.nr = start->m.nr;
	memcpy(x.ino, start->ino, x.nr * sizeof(x.ino[0]));
	h->nr = 0;
	r = number_all(&x);
	for (x.call = 0; x.call < t->nr && !r; x.call++) {
		r = check_result(call_of(&x));
		if (!r)
			r = expand_call(&x);
	}
	number_open_end(&x);
	h->start = start->m;
	h->start.nr = x.nr;
	return r;
}

/* ---- text ---- */

static const char *const kind_name[LIN_KINDS] = {
	"lookup", "create", "mkdir", "symlink", "link", "unlink", "rmdir",
	"rename", "rename-noreplace", "rename-exchange", "readdir", "getattr",
	"setattr", "settimes", "open", "close", "append", "write", "truncate", "recover",
};

static const char *name_text(u32 name)
{
	return name == LM_DOT ? "." : name == LM_DOTDOT ? ".." :
	       name < LM_NAMES ? lin_names[name] : "?";
}

static int put(char *text, size_t room, int at, const char *s, u64 v)
{
	return at + snprintf(text + at, room - (size_t)at, s,
			     (unsigned long long)v);
}

static int put_names(const struct lin_call *c, char *text, size_t room, int n)
{
	u32 i;

	if (c->kind <= LIN_EXCHANGE)
		n += snprintf(text + n, room - (size_t)n, " %llu/%s",
			      (unsigned long long)c->dir, name_text(c->name));
	if (c->kind >= LIN_RENAME && c->kind <= LIN_EXCHANGE)
		n += snprintf(text + n, room - (size_t)n, " %llu/%s",
			      (unsigned long long)c->dir2, name_text(c->name2));
	if (c->kind != LIN_READDIR)
		return n;
	n = put(text, room, n, " %llu:", c->dir);
	for (i = c->list; i < c->list + c->listed; i++)
		n += snprintf(text + n, room - (size_t)n, " %s=%llu",
			      name_text(lin_trace.listing[i].name),
			      (unsigned long long)lin_trace.listing[i].ino);
	return n;
}

const char *lin_call_text(const struct lin_call *c)
{
	static char text[600];
	size_t room = sizeof(text) - 100;
	int n = snprintf(text, room, "[%llu", (unsigned long long)c->inv);

	n = put(text, room, n, c->resp == LIN_NEVER ? ",never] " : ",%llu] ",
		c->resp);
	n += snprintf(text + n, room - (size_t)n, "%s", kind_name[c->kind]);
	n = put_names(c, text, room, n);
	if (c->kind >= LIN_GETATTR || c->kind == LIN_LINK)
		n = put(text, room, n, " #%llu", c->ino);
	if (c->kind >= LIN_APPEND && c->kind <= LIN_TRUNCATE)
		n = put(text, room, put(text, room, n, " off %llu", c->arg.off),
			" len %llu", c->arg.len);
	if (c->st.ino)
		n += snprintf(text + n, room - (size_t)n,
			      " (#%llu mode %o uid %u links %u size %llu)",
			      (unsigned long long)c->st.ino, c->st.mode,
			      c->st.uid, c->st.nlink,
			      (unsigned long long)c->st.size);
	if (c->kind == LIN_APPEND)
		n = put(text, room, n, " at %llu", c->at);
	snprintf(text + n, sizeof(text) - (size_t)n, " = %lld", (long long)c->r);
	return text;
}
