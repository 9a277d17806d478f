// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A sequential model of names and attributes, written without the core.
 *
 * Notes: for each operation a function collects the errors that are true in a
 * state, in the order in which a host alone meets them; "maybe" are those that
 * hold if an unused inode has gone already. Another carries out what has none.
 */
#include <stdio.h>

#include "lin_model.h"

#define ERRORS	10u		/* of one operation, at most */

struct errors {
	int err[ERRORS];
	u8 maybe[ERRORS];
	u32 nr;
	u8 unsure[3];		/* inodes that "maybe" is about */
	u32 unsure_nr;
};

static void add(struct errors *e, int err)
{
	e->err[e->nr] = err;
	e->maybe[e->nr++] = 0;
}

static void add_maybe(struct errors *e, int err, u32 ino)
{
	e->err[e->nr] = err;
	e->maybe[e->nr++] = 1;
	e->unsure[e->unsure_nr++] = (u8)ino;
}

/* ---- what is so in a state ---- */

static int is_dir(const struct lm *m, u32 ino)
{
	return m->in[ino].type == LM_DIRECTORY;
}

static int is_used(const struct lm_inode *in)
{
	return in->nlink || in->holders;
}

/* -ENOENT by the number: 1 certainly, 0 not, -1 perhaps. */
static int is_gone(const struct lm *m, u32 ino)
{
	const struct lm_inode *in;

	if (ino >= m->nr || m->in[ino].type == LM_FREE)
		return 1;
	in = &m->in[ino];
	if (in->gone || (!is_used(in) && m->strict))
		return 1;
	return is_used(in) ? 0 : -1;
}

static u32 child(const struct lm *m, u32 dir, u32 name)
{
	return m->in[dir].child[name];
}

static int is_dots(u32 name)
{
	return name == LM_DOT || name == LM_DOTDOT;
}

static int is_below(const struct lm *m, u32 dir, u32 ino)
{
	while (dir != ino && dir != LM_ROOT)
		dir = m->in[dir].parent;
	return dir == ino;
}

/* ---- errors ---- */

/* Found by its number? 1: go on. */
static int check_ino(const struct lm *m, u32 ino, struct errors *e)
{
	int gone = is_gone(m, ino);

	if (gone > 0)
		add(e, -ENOENT);
	else if (gone < 0)
		add_maybe(e, -ENOENT, ino);
	return gone <= 0;
}

/* A directory that names can be in? 1: go on. */
static int check_dir(const struct lm *m, u32 dir, struct errors *e)
{
	if (dir < m->nr && is_dir(m, dir)) {
		if (!m->in[dir].nlink)
			add(e, -ENOENT);
		return m->in[dir].nlink != 0;
	}
	if (check_ino(m, dir, e))
		add(e, -ENOTDIR);
	return 0;
}

static void errors_lookup(const struct lm *m, const struct lm_op *op,
			  struct errors *e)
{
	if (check_dir(m, op->dir, e) && !is_dots(op->name) &&
	    child(m, op->dir, op->name) == LM_NONE)
		add(e, -ENOENT);
}

static void errors_new(const struct lm *m, const struct lm_op *op,
		       struct errors *e)
{
	if (is_dots(op->name)) {
		add(e, -EEXIST);
		return;
	}
	if (check_dir(m, op->dir, e) &&
	    child(m, op->dir, op->name) != LM_NONE)
		add(e, -EEXIST);
	if (op->kind != LM_LINK || !check_ino(m, op->ino, e))
		return;
	if (is_dir(m, op->ino))
		add(e, -EPERM);
	else if (!m->in[op->ino].nlink)
		add(e, -ENOENT);
}

static void errors_remove(const struct lm *m, const struct lm_op *op,
			  struct errors *e)
{
	int want_dir = op->kind == LM_RMDIR;
	u32 victim;

	if (is_dots(op->name)) {
		add(e, !want_dir ? -EISDIR :
		       op->name == LM_DOT ? -EINVAL : -ENOTEMPTY);
		return;
	}
	if (!check_dir(m, op->dir, e))
		return;
	victim = child(m, op->dir, op->name);
	if (victim == LM_NONE)
		add(e, -ENOENT);
	else if (is_dir(m, victim) != want_dir)
		add(e, want_dir ? -ENOTDIR : -EISDIR);
	else if (want_dir && m->in[victim].names)
		add(e, -ENOTEMPTY);
}

/* Both names are there and are not links of one inode. */
static void errors_replace(const struct lm *m, const struct lm_op *op, u32 src,
			   u32 victim, struct errors *e)
{
	if (victim != LM_NONE && is_dir(m, src) != is_dir(m, victim))
		add(e, is_dir(m, src) ? -ENOTDIR : -EISDIR);
	if (is_dir(m, src) && op->dir != op->dir2 && is_below(m, op->dir2, src))
		add(e, -EINVAL);
	if (victim != LM_NONE && is_dir(m, src) && is_dir(m, victim) &&
	    m->in[victim].names)
		add(e, -ENOTEMPTY);
}

/* Both names are there and are not links of one inode. */
static void errors_exchange(const struct lm *m, const struct lm_op *op, u32 a,
			    u32 b, struct errors *e)
{
	if (op->dir == op->dir2)
		return;
	if ((is_dir(m, a) && is_below(m, op->dir2, a)) ||
	    (is_dir(m, b) && is_below(m, op->dir, b)))
		add(e, -EINVAL);
}

static void errors_rename(const struct lm *m, const struct lm_op *op,
			  struct errors *e)
{
	int dirs;
	u32 src, victim;

	if (is_dots(op->name) || is_dots(op->name2)) {
		add(e, -EBUSY);
		return;
	}
	dirs = check_dir(m, op->dir, e);
	dirs &= op->dir == op->dir2 || check_dir(m, op->dir2, e);
	if (!dirs)
		return;
	src = child(m, op->dir, op->name);
	victim = child(m, op->dir2, op->name2);
	if (src == LM_NONE || (op->exchange && victim == LM_NONE)) {
		add(e, -ENOENT);
		return;
	}
	if (victim != LM_NONE && op->noreplace)
		add(e, -EEXIST);
	if (src != victim && op->exchange)
		errors_exchange(m, op, src, victim, e);
	else if (src != victim)
		errors_replace(m, op, src, victim, e);
}

static void errors_content(const struct lm *m, const struct lm_op *op,
			   struct errors *e)
{
	if (!check_ino(m, op->ino, e))
		return;
	if (is_dir(m, op->ino))
		add(e, -EISDIR);
	else if (m->in[op->ino].type != LM_FILE)
		add(e, -EINVAL);
}

static void errors_of(const struct lm *m, const struct lm_op *op,
		      struct errors *e)
{
	memset(e, 0, sizeof(*e));
	switch (op->kind) {
	case LM_LOOKUP:
		errors_lookup(m, op, e);
		break;
	case LM_CREATE: case LM_LINK:
		errors_new(m, op, e);
		break;
	case LM_UNLINK: case LM_RMDIR:
		errors_remove(m, op, e);
		break;
	case LM_RENAME:
		errors_rename(m, op, e);
		break;
	case LM_APPEND: case LM_WRITE: case LM_TRUNCATE:
		errors_content(m, op, e);
		break;
	case LM_OPEN:
		if (check_ino(m, op->ino, e) && !m->in[op->ino].nlink)
			add(e, -ENOENT);
		break;
	case LM_SETATTR: case LM_SETREG:
	case LM_ATTR: case LM_SIZE: case LM_NLINK: case LM_REG:
		check_ino(m, op->ino, e);
		break;
	case LM_DIR:
		check_dir(m, op->dir, e);
		break;
	}
}

int lm_first(const struct lm *m, const struct lm_op *op)
{
	struct errors e;

	errors_of(m, op, &e);
	return e.nr ? e.err[0] : 0;
}

/* ---- effects; m has no error for op ---- */

static void name_set(struct lm *m, u32 dir, u32 name, u32 ino)
{
	m->in[dir].child[name] = (u8)ino;
	m->in[dir].names++;
	if (is_dir(m, ino)) {
		m->in[dir].subdirs++;
		m->in[ino].parent = (u8)dir;
	}
}

/* The inode that lost the name. */
static u32 name_clear(struct lm *m, u32 dir, u32 name)
{
	u32 ino = child(m, dir, name);

	m->in[dir].child[name] = LM_NONE;
	m->in[dir].names--;
	m->in[dir].subdirs -= is_dir(m, ino);
	return ino;
}

static void inode_set(struct lm *m, u32 ino, enum lm_type type)
{
	struct lm_inode *in = &m->in[ino];
	u32 i;

	memset(in, 0, sizeof(*in));
	in->type = (u8)type;
	memset(in->child, LM_NONE, sizeof(in->child));
	for (i = 0; i < LM_REGS; i++)
		in->reg[i] = LM_ANY;
	in->nlink = 1;
	if (ino >= m->nr)
		m->nr = ino + 1;
}

static enum lm_verdict do_create(struct lm *m, const struct lm_op *op)
{
	struct lm_inode *in = &m->in[op->ino];

	if (op->ino == LM_NONE)
		return LM_NO;
	inode_set(m, op->ino, op->type);
	in->mode = (u16)op->mode;
	in->uid = op->uid;
	in->size = op->len;
	in->reg[LM_ATIME] = in->reg[LM_MTIME] = op->value;
	name_set(m, op->dir, op->name, op->ino);
	return LM_CHANGED;
}

static enum lm_verdict do_link(struct lm *m, const struct lm_op *op)
{
	if (op->value != LM_ANY && op->value != m->in[op->ino].nlink + 1u)
		return LM_NO;
	m->in[op->ino].nlink++;
	name_set(m, op->dir, op->name, op->ino);
	return LM_CHANGED;
}

static enum lm_verdict do_remove(struct lm *m, const struct lm_op *op)
{
	m->in[name_clear(m, op->dir, op->name)].nlink--;
	return LM_CHANGED;
}

static enum lm_verdict do_rename(struct lm *m, const struct lm_op *op)
{
	u32 src = child(m, op->dir, op->name);
	u32 victim = child(m, op->dir2, op->name2);

	if (src == victim)
		return LM_SAME;
	if (op->exchange) {
		name_clear(m, op->dir2, op->name2);
		name_clear(m, op->dir, op->name);
		name_set(m, op->dir, op->name, victim);
		name_set(m, op->dir2, op->name2, src);
		return LM_CHANGED;
	}
	if (victim != LM_NONE)
		m->in[name_clear(m, op->dir2, op->name2)].nlink--;
	name_clear(m, op->dir, op->name);
	name_set(m, op->dir2, op->name2, src);
	return LM_CHANGED;
}

static enum lm_verdict do_setattr(struct lm_inode *in, const struct lm_op *op)
{
	if (op->mode != LM_KEEP)
		in->mode = (u16)op->mode;
	if (op->uid != LM_KEEP)
		in->uid = op->uid;
	return LM_CHANGED;
}

static enum lm_verdict do_content(struct lm_inode *in, const struct lm_op *op)
{
	if (op->kind == LM_APPEND) {
		if (op->value != LM_ANY && op->value != in->size)
			return LM_NO;
		in->size += op->len;
	} else if (op->kind == LM_TRUNCATE) {
		in->size = op->len;
	} else if (op->off + op->len > in->size) {
		in->size = op->off + op->len;
	}
	return LM_CHANGED;
}

static u32 links(const struct lm_inode *in)
{
	return in->type == LM_DIRECTORY && in->nlink ? 2u + in->subdirs :
	       in->nlink;
}

static int reads_right(const struct lm *m, const struct lm_op *op)
{
	const struct lm_inode *in = &m->in[op->ino % LM_INODES];

	if (op->got == LM_NONE || (op->dir != LM_NONE && op->dir >= m->nr))
		return 0;	/* an inode that nobody has made */
	switch (op->kind) {
	case LM_LOOKUP:
		return op->got == (op->name == LM_DOT ? op->dir :
				   op->name == LM_DOTDOT ? m->in[op->dir].parent :
				   child(m, op->dir, op->name));
	case LM_ATTR:
		return op->type == in->type && op->mode == in->mode &&
		       op->uid == in->uid;
	case LM_SIZE:
		return op->value == in->size;
	case LM_NLINK:
		return op->value == links(in);
	case LM_REG:
		return in->reg[op->reg] == LM_ANY || op->value == in->reg[op->reg];
	case LM_PARENT:
		return op->got == m->in[op->dir].parent;
	case LM_PRESENT:
		return child(m, op->dir, op->name) == op->got &&
		       m->in[op->got].type == op->type;
	case LM_ABSENT:
		return child(m, op->dir, op->name) == LM_NONE;
	default:
		return op->kind == LM_DIR;
	}
}

static enum lm_verdict set_holder(struct lm_inode *in, const struct lm_op *op)
{
	u8 bit = (u8)(1u << op->host), old = in->holders;

	if (op->kind == LM_OPEN)
		in->holders |= bit;
	else
		in->holders &= (u8)~bit;
	return in->holders == old ? LM_SAME : LM_CHANGED;
}

static enum lm_verdict carry_out(struct lm *m, const struct lm_op *op)
{
	if (lm_is_read(op))
		return reads_right(m, op) ? LM_SAME : LM_NO;
	switch (op->kind) {
	case LM_CREATE:
		return do_create(m, op);
	case LM_LINK:
		return do_link(m, op);
	case LM_UNLINK: case LM_RMDIR:
		return do_remove(m, op);
	case LM_RENAME:
		return do_rename(m, op);
	case LM_SETATTR:
		return do_setattr(&m->in[op->ino], op);
	case LM_SETREG:
		m->in[op->ino].reg[op->reg] = op->value;
		return LM_CHANGED;
	case LM_APPEND: case LM_WRITE: case LM_TRUNCATE:
		return do_content(&m->in[op->ino], op);
	default:
		return set_holder(&m->in[op->ino], op);
	}
}

/* ---- the interface ---- */

/* Is the error that op returned true? */
static enum lm_verdict failed(const struct lm_op *op, const struct errors *e)
{
	enum lm_verdict v = LM_NO;
	u32 i;

	for (i = 0; i < e->nr; i++) {
		if (e->err[i] != op->err)
			continue;
		if (!e->maybe[i])
			return LM_SAME;
		v = LM_CHANGED;
	}
	return v;
}

static int has_error(const struct errors *e)
{
	u32 i;

	for (i = 0; i < e->nr; i++)
		if (!e->maybe[i])
			return 1;
	return 0;
}

enum lm_verdict lm_look(const struct lm *m, const struct lm_op *op)
{
	struct errors e;

	errors_of(m, op, &e);
	if (op->err)
		return failed(op, &e);
	return !has_error(&e) && reads_right(m, op) ? LM_SAME : LM_NO;
}

enum lm_verdict lm_step(struct lm *m, const struct lm_op *op, int open_end)
{
	enum lm_verdict v;
	struct errors e;
	u32 i;

	errors_of(m, op, &e);
	if (!op->err || open_end)
		return has_error(&e) ? LM_NO : carry_out(m, op);
	v = failed(op, &e);
	for (i = 0; v == LM_CHANGED && i < e.unsure_nr; i++)
		m->in[e.unsure[i]].gone = 1;
	return v;
}

void lm_copy(struct lm *to, const struct lm *from)
{
	to->nr = from->nr;
	to->strict = from->strict;
	memcpy(to->in, from->in, from->nr * sizeof(from->in[0]));
}

int lm_is_read(const struct lm_op *op)
{
	return op->kind == LM_LOOKUP ||
	       (op->kind >= LM_ATTR && op->kind <= LM_ABSENT);
}

void lm_init(struct lm *m)
{
	memset(m, 0, sizeof(*m));
	inode_set(m, LM_ROOT, LM_DIRECTORY);
	m->in[LM_ROOT].parent = LM_ROOT;
}

void lm_add(struct lm *m, u32 ino, enum lm_type type, u32 dir, u32 name)
{
	inode_set(m, ino, type);
	name_set(m, dir, name, ino);
}

u64 lm_hash(const struct lm *m)
{
	const u64 *p = (const u64 *)m->in;
	u64 n = m->nr * sizeof(m->in[0]) / sizeof(*p), h = m->nr;

	while (n--) {
		h = (h ^ *p++) * 0x9e3779b97f4a7c15ull;
		h ^= h >> 29;
	}
	return h;
}

/* ---- text ---- */

static const char *const kind_name[LM_KINDS] = {
	"lookup", "create", "link", "unlink", "rmdir", "rename", "setattr",
	"setreg", "open", "close", "append", "write", "truncate", "attr", "size",
	"nlink", "reg", "dir", "parent", "present", "absent", "release",
};

const char *lm_text(const struct lm_op *op)
{
	static char text[300];
	int n = snprintf(text, sizeof(text), "%s", kind_name[op->kind]);

	if (op->ino != LM_NONE)
		n += snprintf(text + n, sizeof(text) - (size_t)n, " #%u", op->ino);
	if (op->dir != LM_NONE)
		n += snprintf(text + n, sizeof(text) - (size_t)n, " %u/%u",
			      op->dir, op->name);
	if (op->dir2 != LM_NONE)
		n += snprintf(text + n, sizeof(text) - (size_t)n, " %u/%u%s",
			      op->dir2, op->name2, op->noreplace ? " new" :
			      op->exchange ? " exchange" : "");
	snprintf(text + n, sizeof(text) - (size_t)n,
		 " type %u mode %x uid %x off %u len %u reg %u value %llx got %u = %d",
		 op->type, op->mode, op->uid, op->off, op->len, op->reg,
		 (unsigned long long)op->value, op->got, op->err);
	return text;
}
