// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Branches against a model: trees of names and bytes in this process.
 *
 * Notes: the core alone, over memory of this process; each host is a mount of its
 * own. A random walk changes names, content and attributes in branches, makes and
 * ends branches, and compares what every mount shows with what the model says:
 * listings (each name once), attributes, bytes, extended attributes. A branch of the
 * model is a copy of its parent's whole tree, so nothing there is shared that could
 * go wrong in the same way. At the end all memory must be back.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <sys/mman.h>

#include "core.h"
#include "pool.h"
#include "region.h"
#include "word.h"

#define REGION		(64u << 20)
#define HOSTS		6u
#define DIRS		4u		/* 0: the root */
#define NAMES		6u
#define FILES		24u
#define FILE_MAX	(5u * 4096u + 700u)
#define BRANCHES	12u
#define NAME_TRIES	32u

/* ---- the model ---- */

struct file {
	int links;
	u32 size;
	u32 mode;
	u32 xattr;		/* value; 0: none */
	u64 ino;
	u8 data[FILE_MAX];
};

struct tree {
	int dir[DIRS];		/* it exists */
	u64 dir_ino[DIRS];
	int name[DIRS][NAMES];	/* file + 1; 0: none */
	struct file file[FILES];
};

struct branch {
	int used;
	u64 id;
	int parent;		/* -1: main */
	int children;
	struct tree *tree;
	struct tree *point;	/* of its checkpoint */
	char name[16];
};

struct env {
	void *base;
	struct daxfs_region rg[HOSTS];
	struct daxfs_cx cx[HOSTS];
	int shows[HOSTS];	/* branch; -1: main; -2: one that has ended */
	struct branch branch[BRANCHES];
	struct tree *main;
	u32 made;
	u64 seed;
};

static u32 rnd(struct env *e, u32 n)
{
	e->seed = e->seed * 6364136223846793005ull + 1442695040888963407ull;
	return (u32)(e->seed >> 33) % n;
}

static void must_at(s64 r, const char *what, int line)
{
	if (r < 0)
		fail_msg("line %d: %s: error %lld", line, what, (long long)r);
}

#define MUST(call) must_at(call, #call, __LINE__)

static const char *const dir_name[DIRS] = { "", "d1", "d2", "dir-three" };
static const char *const file_name[NAMES] = {
	"a", "b", "name-c", "a-name-of-more-than-fifteen-bytes", "e", "f",
};

static struct tree *tree_of(struct env *e, u32 host)
{
	return e->shows[host] == -1 ? e->main : e->branch[e->shows[host]].tree;
}

static struct tree *tree_copy(const struct tree *t)
{
	struct tree *n = malloc(sizeof(*n));

	assert_non_null(n);
	memcpy(n, t, sizeof(*n));
	return n;
}

/* ---- comparing ---- */

struct seen {
	struct env *e;
	const struct tree *t;
	u32 dir;
	u32 count[NAMES + DIRS];
	u32 others;
};

static int see(void *arg, const struct daxfs_dirent *de)
{
	struct seen *s = arg;

	if (!strcmp(de->name, ".") || !strcmp(de->name, ".."))
		return 0;
	for (u32 i = 0; i < NAMES; i++) {
		if (strcmp(de->name, file_name[i]) != 0)
			continue;
		s->count[i]++;
		if (s->t->name[s->dir][i] &&
		    de->ino != s->t->file[s->t->name[s->dir][i] - 1].ino)
			fail_msg("%s is listed with another number", de->name);
		return 0;
	}
	for (u32 i = 1; i < DIRS; i++) {
		if (strcmp(de->name, dir_name[i]) != 0)
			continue;
		s->count[NAMES + i]++;
		return 0;
	}
	s->others++;
	return 0;
}

static void compare_list(struct env *e, u32 host, const struct tree *t, u32 dir)
{
	struct seen s = { .e = e, .t = t, .dir = dir };

	MUST(daxfs_readdir(&e->cx[host], t->dir_ino[dir], 0, see, &s));
	assert_int_equal(s.others, 0);
	for (u32 i = 0; i < NAMES; i++)
		if (s.count[i] != (u32)!!t->name[dir][i])
			fail_msg("host %u: %s/%s is listed %u times", host,
				 dir_name[dir], file_name[i], s.count[i]);
	for (u32 i = 1; i < DIRS; i++)
		if (s.count[NAMES + i] != (u32)(!dir && t->dir[i]))
			fail_msg("host %u: %s is listed %u times", host, dir_name[i],
				 s.count[NAMES + i]);
}

static void compare_file(struct env *e, u32 host, const struct file *f, const char *name)
{
	static u8 got[FILE_MAX + 100];
	struct daxfs_cx *cx = &e->cx[host];
	struct daxfs_file h;
	struct daxfs_stat st;
	u32 x = 0;
	s64 n;

	MUST(daxfs_getattr(cx, f->ino, &st));
	if (st.nlink != (u32)f->links || st.size != f->size ||
	    (st.mode & 07777) != f->mode)
		fail_msg("host %u: %s: links %u size %llu mode %o, not %d %u %o", host,
			 name, st.nlink, (unsigned long long)st.size, st.mode,
			 f->links, f->size, f->mode);
	MUST(daxfs_open(cx, f->ino, 0, &h));
	n = daxfs_read(cx, &h, 0, got, sizeof(got));
	MUST(daxfs_close(cx, f->ino));
	if (n != (s64)f->size)
		fail_msg("host %u: %s: read %lld, size %u", host, name, (long long)n,
			 f->size);
	for (u32 i = 0; i < f->size; i++)
		if (got[i] != f->data[i])
			fail_msg("host %u: %s: byte %u is %u, not %u", host, name, i,
				 got[i], f->data[i]);
	n = daxfs_getxattr(cx, f->ino, "user.x", 6, &x, sizeof(x));
	if (f->xattr ? n != 4 || x != f->xattr : n != -ENODATA)
		fail_msg("host %u: %s: xattr %u (%lld), not %u", host, name, x,
			 (long long)n, f->xattr);
}

static void compare(struct env *e, u32 host)
{
	struct daxfs_cx *cx = &e->cx[host];
	const struct tree *t;
	struct daxfs_stat st;

	if (e->shows[host] == -2) {
		assert_int_equal(daxfs_getattr(cx, DAXFS_ROOT_INO, &st), -ESTALE);
		assert_int_equal(daxfs_lookup(cx, DAXFS_ROOT_INO, "a", 1, &st), -ESTALE);
		return;
	}
	t = tree_of(e, host);
	for (u32 d = 0; d < DIRS; d++) {
		int r = !d ? 0 : daxfs_lookup(cx, DAXFS_ROOT_INO, dir_name[d],
					      (u32)strlen(dir_name[d]), &st);

		if (!t->dir[d]) {
			assert_int_equal(r, -ENOENT);
			continue;
		}
		MUST(r);
		if (d)
			assert_int_equal(st.ino, t->dir_ino[d]);
		compare_list(e, host, t, d);
		for (u32 i = 0; i < NAMES; i++) {
			r = daxfs_lookup(cx, t->dir_ino[d], file_name[i],
					 (u32)strlen(file_name[i]), &st);
			if (!t->name[d][i]) {
				assert_int_equal(r, -ENOENT);
				continue;
			}
			MUST(r);
			assert_int_equal(st.ino, t->file[t->name[d][i] - 1].ino);
			compare_file(e, host, &t->file[t->name[d][i] - 1], file_name[i]);
		}
	}
}

static void compare_all(struct env *e)
{
	for (u32 h = 0; h < HOSTS; h++)
		compare(e, h);
}

/* ---- changes of a tree ---- */

/* May that host change something, as the model has it? */
static int may_write(struct env *e, u32 host)
{
	return e->shows[host] >= 0 && !e->branch[e->shows[host]].children;
}

/* A name that exists, as directory * NAMES + name; -1: none was found. */
static int pick(struct env *e, const struct tree *t)
{
	for (u32 i = 0; i < NAME_TRIES; i++) {
		u32 d = rnd(e, DIRS), n = rnd(e, NAMES);

		if (t->dir[d] && t->name[d][n])
			return (int)(d * NAMES + n);
	}
	return -1;
}

static u32 pick_dir(struct env *e, const struct tree *t)
{
	for (;;) {
		u32 d = rnd(e, DIRS);

		if (t->dir[d])
			return d;
	}
}

static void op_create(struct env *e, u32 host, struct tree *t)
{
	const struct daxfs_new what = { .mode = S_IFREG | 0644 };
	u32 d = pick_dir(e, t), n = rnd(e, NAMES), f = 0;
	struct daxfs_stat st;
	int r;

	while (f < FILES && t->file[f].links)
		f++;
	if (f == FILES)
		return;
	r = daxfs_create(&e->cx[host], t->dir_ino[d], file_name[n],
			 (u32)strlen(file_name[n]), &what, &st);
	if (t->name[d][n]) {
		assert_int_equal(r, -EEXIST);
		return;
	}
	MUST(r);
	memset(&t->file[f], 0, sizeof(t->file[f]));
	t->file[f].links = 1;
	t->file[f].mode = 0644;
	t->file[f].ino = st.ino;
	t->name[d][n] = (int)f + 1;
}

static void op_unlink(struct env *e, u32 host, struct tree *t)
{
	u32 d = pick_dir(e, t), n = rnd(e, NAMES);
	int r = daxfs_unlink(&e->cx[host], t->dir_ino[d], file_name[n],
			     (u32)strlen(file_name[n]));

	if (!t->name[d][n]) {
		assert_int_equal(r, -ENOENT);
		return;
	}
	MUST(r);
	t->file[t->name[d][n] - 1].links--;
	t->name[d][n] = 0;
}

static void op_link(struct env *e, u32 host, struct tree *t)
{
	int from = pick(e, t), f, r;
	u32 d = pick_dir(e, t), n = rnd(e, NAMES);

	if (from < 0)
		return;
	f = t->name[from / (int)NAMES][from % (int)NAMES];
	r = daxfs_link(&e->cx[host], t->file[f - 1].ino, t->dir_ino[d], file_name[n],
		       (u32)strlen(file_name[n]), NULL);
	if (t->name[d][n]) {
		assert_int_equal(r, -EEXIST);
		return;
	}
	MUST(r);
	t->file[f - 1].links++;
	t->name[d][n] = f;
}

static void op_rename(struct env *e, u32 host, struct tree *t)
{
	int from = pick(e, t), f, g;
	u32 d = pick_dir(e, t), n = rnd(e, NAMES), flags, d0, n0;
	int r;

	if (from < 0)
		return;
	d0 = (u32)from / NAMES;
	n0 = (u32)from % NAMES;
	f = t->name[d0][n0];
	g = t->name[d][n];
	flags = g && !rnd(e, 3) ? DAXFS_RENAME_EXCHANGE : 0;
	r = daxfs_rename(&e->cx[host], t->dir_ino[d0], file_name[n0],
			 (u32)strlen(file_name[n0]), t->dir_ino[d], file_name[n],
			 (u32)strlen(file_name[n]), flags);
	MUST(r);
	if (f == g)
		return;
	if (flags) {
		t->name[d0][n0] = g;
		t->name[d][n] = f;
		return;
	}
	if (g)
		t->file[g - 1].links--;
	t->name[d0][n0] = 0;
	t->name[d][n] = f;
}

static void op_dir(struct env *e, u32 host, struct tree *t)
{
	const struct daxfs_new what = { .mode = S_IFDIR | 0755 };
	u32 d = 1 + rnd(e, DIRS - 1), names = 0;
	u32 len = (u32)strlen(dir_name[d]);
	struct daxfs_stat st;
	int r;

	if (!t->dir[d]) {
		MUST(daxfs_create(&e->cx[host], DAXFS_ROOT_INO, dir_name[d], len, &what,
				  &st));
		t->dir[d] = 1;
		t->dir_ino[d] = st.ino;
		return;
	}
	for (u32 i = 0; i < NAMES; i++)
		names += !!t->name[d][i];
	r = daxfs_rmdir(&e->cx[host], DAXFS_ROOT_INO, dir_name[d], len);
	assert_int_equal(r, names ? -ENOTEMPTY : 0);
	t->dir[d] = !!names;
}

/* One directory gets the name of another, which is empty or not there. */
static void op_dir_rename(struct env *e, u32 host, struct tree *t)
{
	u32 a = 1 + rnd(e, DIRS - 1), b = 1 + rnd(e, DIRS - 1), names = 0;
	int r;

	if (a == b || !t->dir[a])
		return;
	for (u32 i = 0; i < NAMES; i++)
		names += t->dir[b] && t->name[b][i];
	r = daxfs_rename(&e->cx[host], DAXFS_ROOT_INO, dir_name[a],
			 (u32)strlen(dir_name[a]), DAXFS_ROOT_INO, dir_name[b],
			 (u32)strlen(dir_name[b]), 0);
	assert_int_equal(r, names ? -ENOTEMPTY : 0);
	if (r)
		return;
	t->dir[b] = 1;
	t->dir_ino[b] = t->dir_ino[a];
	memcpy(t->name[b], t->name[a], sizeof(t->name[b]));
	t->dir[a] = 0;
	memset(t->name[a], 0, sizeof(t->name[a]));
}

static void op_content(struct env *e, u32 host, struct tree *t)
{
	static u8 bytes[FILE_MAX];
	int at = pick(e, t);
	struct daxfs_cx *cx = &e->cx[host];
	u32 off = rnd(e, FILE_MAX), len, kind = rnd(e, 5);
	struct daxfs_file h;
	struct file *f;

	if (at < 0)
		return;
	f = &t->file[t->name[at / (int)NAMES][at % (int)NAMES] - 1];
	len = 1 + rnd(e, rnd(e, 2) ? 200 : FILE_MAX);
	if (len > FILE_MAX - off)
		len = FILE_MAX - off;
	MUST(daxfs_open(cx, f->ino, 0, &h));
	if (kind == 0) {
		MUST(daxfs_truncate(cx, &h, off));
		if (off < f->size)
			memset(f->data + off, 0, f->size - off);
		f->size = off;
	} else if (kind == 1) {
		MUST(daxfs_fallocate(cx, &h, DAXFS_PUNCH_HOLE | DAXFS_KEEP_SIZE, off,
				     len));
		memset(f->data + off, 0, len);
	} else {
		if (kind == 2 && f->size + len <= FILE_MAX)
			off = f->size;
		for (u32 i = 0; i < len; i++)
			bytes[i] = (u8)(1 + rnd(e, 255));
		if (kind == 2 && off == f->size)
			assert_int_equal(daxfs_append(cx, &h, bytes, len, NULL), len);
		else
			assert_int_equal(daxfs_write(cx, &h, off, bytes, len), len);
		memcpy(f->data + off, bytes, len);
		if (off + len > f->size)
			f->size = off + len;
	}
	MUST(daxfs_close(cx, f->ino));
}

static void op_attr(struct env *e, u32 host, struct tree *t)
{
	struct daxfs_setattr sa = { .set = DAXFS_SET_MODE };
	int at = pick(e, t);
	struct file *f;
	u32 x;

	if (at < 0)
		return;
	f = &t->file[t->name[at / (int)NAMES][at % (int)NAMES] - 1];
	switch (rnd(e, 3)) {
	case 0:
		sa.mode = f->mode = rnd(e, 01000);
		MUST(daxfs_setattr(&e->cx[host], f->ino, &sa, NULL));
		break;
	case 1:
		x = f->xattr = 1 + rnd(e, 1000);
		MUST(daxfs_setxattr(&e->cx[host], f->ino, "user.x", 6, &x, sizeof(x), 0));
		break;
	case 2:
		assert_int_equal(daxfs_removexattr(&e->cx[host], f->ino, "user.x", 6),
				 f->xattr ? 0 : -ENODATA);
		f->xattr = 0;
		break;
	}
}

/* All ways to change something are refused, and change nothing. */
static void refused(struct env *e, u32 host, int error)
{
	const struct daxfs_new what = { .mode = S_IFREG | 0644 };
	const struct daxfs_setattr sa = { .set = DAXFS_SET_MODE, .mode = 0700 };
	struct daxfs_cx *cx = &e->cx[host];
	struct daxfs_file h;
	struct daxfs_stat st;
	int at = error == -ESTALE ? -1 : pick(e, tree_of(e, host));

	assert_int_equal(daxfs_create(cx, DAXFS_ROOT_INO, "new", 3, &what, &st), error);
	assert_int_equal(daxfs_setattr(cx, DAXFS_ROOT_INO, &sa, NULL), error);
	assert_int_equal(daxfs_tmpfile(cx, DAXFS_ROOT_INO, &what, 0, &st, &h), error);
	if (at < 0)
		return;
	st.ino = tree_of(e, host)->file[tree_of(e, host)->name[at / (int)NAMES]
					[at % (int)NAMES] - 1].ino;
	MUST(daxfs_open(cx, st.ino, 0, &h));
	assert_int_equal(daxfs_write(cx, &h, 0, "x", 1), error);
	assert_int_equal(daxfs_append(cx, &h, "x", 1, NULL), error);
	assert_int_equal(daxfs_truncate(cx, &h, 1), error);
	assert_int_equal(daxfs_fallocate(cx, &h, 0, 0, 100000), error);
	assert_int_equal(daxfs_setxattr(cx, st.ino, "user.y", 6, "1", 1, 0), error);
	MUST(daxfs_close(cx, st.ino));
}

static void change(struct env *e, u32 host)
{
	struct tree *t;

	if (e->shows[host] == -2) {
		refused(e, host, -ESTALE);
		return;
	}
	if (!may_write(e, host)) {
		if (!rnd(e, 4))
			refused(e, host, -EROFS);
		return;
	}
	t = tree_of(e, host);
	switch (rnd(e, 10)) {
	case 0: case 1:
		op_create(e, host, t);
		break;
	case 2:
		op_unlink(e, host, t);
		break;
	case 3:
		op_link(e, host, t);
		break;
	case 4:
		op_rename(e, host, t);
		break;
	case 5:
		op_dir(e, host, t);
		break;
	case 6:
		op_dir_rename(e, host, t);
		break;
	case 7: case 8:
		op_content(e, host, t);
		break;
	case 9:
		op_attr(e, host, t);
		break;
	}
}

/* ---- branches ---- */

static void forget(struct env *e, int b)
{
	free(e->branch[b].tree);
	free(e->branch[b].point);
	memset(&e->branch[b], 0, sizeof(e->branch[b]));
	for (u32 h = 0; h < HOSTS; h++)
		if (e->shows[h] == b)
			e->shows[h] = -2;
}

/* The branch and all below it. */
static void forget_all(struct env *e, int b)
{
	for (int i = 0; i < (int)BRANCHES; i++)
		if (e->branch[i].used && e->branch[i].parent == b)
			forget_all(e, i);
	forget(e, b);
}

static int pick_branch(struct env *e)
{
	for (u32 i = 0; i < NAME_TRIES; i++) {
		int b = (int)rnd(e, BRANCHES);

		if (e->branch[b].used)
			return b;
	}
	return -1;
}

static void op_branch(struct env *e, u32 host)
{
	int parent = rnd(e, 2) ? -1 : pick_branch(e), b = 0;
	struct branch *n;

	while (b < (int)BRANCHES && e->branch[b].used)
		b++;
	if (b == (int)BRANCHES)
		return;
	n = &e->branch[b];
	snprintf(n->name, sizeof(n->name), "b%u", e->made++);
	MUST(daxfs_branch_create(&e->cx[host], parent < 0 ? 0 : e->branch[parent].id,
				 n->name, 0, &n->id));
	n->used = 1;
	n->parent = parent;
	n->children = 0;
	n->tree = tree_copy(parent < 0 ? e->main : e->branch[parent].tree);
	if (parent >= 0)
		e->branch[parent].children++;
}

/* The last one to show it goes: it ends if it has no children. */
static void leave(struct env *e, u32 host)
{
	int b = e->shows[host], last = 1;

	MUST(daxfs_branch_leave(&e->cx[host]));
	e->shows[host] = -1;
	if (b < 0)
		return;
	for (u32 h = 0; h < HOSTS; h++)
		last &= e->shows[h] != b;
	if (!last || e->branch[b].children)
		return;
	if (e->branch[b].parent >= 0)
		e->branch[e->branch[b].parent].children--;
	forget(e, b);
}

static void op_mount(struct env *e, u32 host)
{
	int b = pick_branch(e);

	leave(e, host);
	if (b < 0 || !e->branch[b].used)
		return;
	MUST(daxfs_branch_mount(&e->cx[host], e->branch[b].id));
	e->shows[host] = b;
}

static void op_commit(struct env *e, u32 host)
{
	int b = pick_branch(e);
	u64 id;

	if (b < 0)
		return;
	MUST(daxfs_head_id(&e->cx[host], &id));
	assert_int_equal(daxfs_branch_commit(&e->cx[host], e->branch[b].id, id + 1),
			 -ESTALE);
	MUST(daxfs_branch_commit(&e->cx[host], e->branch[b].id, rnd(e, 2) ? id : 0));
	free(e->main);
	e->main = tree_copy(e->branch[b].tree);
	for (u32 h = 0; h < HOSTS; h++)
		if (e->shows[h] == b)
			e->shows[h] = -1;
	id = e->branch[b].id;
	for (int i = 0; i < (int)BRANCHES; i++)
		if (e->branch[i].used)
			forget(e, i);
	assert_int_equal(daxfs_branch_commit(&e->cx[host], id, 0), -ESTALE);
}

static void op_abort(struct env *e, u32 host)
{
	int b = pick_branch(e);

	if (b < 0)
		return;
	MUST(daxfs_branch_abort(&e->cx[host], e->branch[b].id));
	while (e->branch[b].parent >= 0)
		b = e->branch[b].parent;
	forget_all(e, b);
}

static void op_point(struct env *e, u32 host)
{
	int b = pick_branch(e), r;
	struct branch *n;

	if (b < 0)
		return;
	n = &e->branch[b];
	if (n->point) {
		r = daxfs_branch_rollback(&e->cx[host], n->id, "point");
		assert_int_equal(r, n->children ? -EBUSY : 0);
		if (!r) {
			free(n->tree);
			n->tree = tree_copy(n->point);
		}
		return;
	}
	r = daxfs_branch_checkpoint(&e->cx[host], n->id, "point");
	assert_int_equal(r, n->children ? -EBUSY : 0);
	if (!r)
		n->point = tree_copy(n->tree);
}

/* The list says what the model says. */
static void compare_list_of_branches(struct env *e)
{
	u32 valid = 0, want = 0;

	for (u32 i = 0; ; i++) {
		struct daxfs_branch_info info;
		int r = daxfs_branch_info(&e->cx[0], i, &info), found = 0;

		if (r == -ERANGE)
			break;
		if (r == -ENOENT || info.state == DAXFS_BRANCH_STALE)
			continue;
		MUST(r);
		valid++;
		for (u32 b = 0; b < BRANCHES; b++) {
			const struct branch *n = &e->branch[b];
			u64 id = 0;

			if (!n->used || strcmp(n->name, info.name) != 0)
				continue;
			found = 1;
			assert_int_equal(info.id, n->id);
			assert_int_equal(info.children, n->children);
			assert_int_equal(info.parent, n->parent < 0 ? 0 :
					 e->branch[n->parent].id);
			MUST(daxfs_branch_find(&e->cx[1], n->name, &id));
			assert_int_equal(id, n->id);
		}
		assert_true(found);
	}
	for (u32 b = 0; b < BRANCHES; b++)
		want += !!e->branch[b].used;
	assert_int_equal(valid, want);
}

/* ---- what differs ---- */

#define FOUND_MAX	400u

struct found {
	u32 nr;
	struct daxfs_diff d[FOUND_MAX];
};

static int find(void *arg, const struct daxfs_diff *d)
{
	struct found *f = arg;

	if (f->nr == FOUND_MAX)
		return -E2BIG;
	f->d[f->nr++] = *d;
	return 0;
}

/* The one of that name, or inode; taken out of the list. NULL: none. */
static const struct daxfs_diff *take(struct found *f, u64 dir, const char *name, u64 ino)
{
	static struct daxfs_diff d;

	for (u32 i = 0; i < f->nr; i++) {
		if (name ? f->d[i].dir != dir || strcmp(f->d[i].name, name) != 0 :
			   f->d[i].what & (DAXFS_DIFF_ADDED | DAXFS_DIFF_REMOVED) ||
			   f->d[i].ino != ino)
			continue;
		d = f->d[i];
		f->d[i] = f->d[--f->nr];
		return &d;
	}
	return NULL;
}

static void expect_name(struct found *f, u64 dir, const char *name, u64 before, u64 now)
{
	const struct daxfs_diff *d = take(f, dir, name, 0);

	if (before == now) {
		assert_null(d);
		return;
	}
	if (!d)
		fail_msg("%s in %llx: %llx, was %llx, and is not said to differ", name,
			 (unsigned long long)dir, (unsigned long long)now,
			 (unsigned long long)before);
	assert_int_equal(d->ino, now);
	assert_int_equal(d->ino_before, before);
	assert_int_equal(d->what, (now ? DAXFS_DIFF_ADDED : 0) |
			 (before ? DAXFS_DIFF_REMOVED : 0));
}

static u64 ino_at(const struct tree *t, u64 dir_ino, u32 n)
{
	for (u32 d = 0; d < DIRS; d++)
		if (t->dir[d] && t->dir_ino[d] == dir_ino && t->name[d][n])
			return t->file[t->name[d][n] - 1].ino;
	return 0;
}

static int has_dir(const struct tree *t, u64 dir_ino)
{
	for (u32 d = 0; d < DIRS; d++)
		if (t->dir[d] && t->dir_ino[d] == dir_ino)
			return 1;
	return 0;
}

/* Directories of one of the two; each once. */
static void expect_dirs(struct found *f, const struct tree *from, const struct tree *to,
			const struct tree *of)
{
	for (u32 d = 0; d < DIRS; d++) {
		if (!of->dir[d] || (of == to && has_dir(from, of->dir_ino[d])))
			continue;
		for (u32 n = 0; n < NAMES; n++)
			expect_name(f, of->dir_ino[d], file_name[n],
				    ino_at(from, of->dir_ino[d], n),
				    ino_at(to, of->dir_ino[d], n));
	}
}

static const struct file *file_of(const struct tree *t, u64 ino)
{
	for (u32 i = 0; i < FILES; i++)
		if (t->file[i].links && t->file[i].ino == ino)
			return &t->file[i];
	return NULL;
}

static void expect_files(struct found *f, const struct tree *from, const struct tree *to)
{
	for (u32 i = 0; i < FILES; i++) {
		const struct file *a = &from->file[i], *b;
		const struct daxfs_diff *d;
		u32 what = 0;

		b = a->links ? file_of(to, a->ino) : NULL;
		if (!b)
			continue;
		if (a->size != b->size || memcmp(a->data, b->data, a->size) != 0)
			what |= DAXFS_DIFF_CONTENT;
		if (a->mode != b->mode || a->xattr != b->xattr)
			what |= DAXFS_DIFF_META;
		d = take(f, 0, NULL, a->ino);
		assert_int_equal(d ? d->what & ~DAXFS_DIFF_TIME : 0, what);
	}
}

static void compare_diff(struct env *e)
{
	static struct found f;
	int b = pick_branch(e), other = rnd(e, 2) ? -1 : pick_branch(e);
	const struct tree *from, *to;
	void *scratch;

	if (b < 0)
		return;
	from = other < 0 ? e->main : e->branch[other].tree;
	to = e->branch[b].tree;
	f.nr = 0;
	scratch = malloc(daxfs_branch_diff_scratch());
	assert_non_null(scratch);
	MUST(daxfs_branch_diff(&e->cx[rnd(e, HOSTS)], other < 0 ? 0 : e->branch[other].id,
			       e->branch[b].id, find, &f, scratch));
	free(scratch);
	for (u32 d = 1; d < DIRS; d++)
		expect_name(&f, DAXFS_ROOT_INO, dir_name[d],
			    from->dir[d] ? from->dir_ino[d] : 0,
			    to->dir[d] ? to->dir_ino[d] : 0);
	expect_dirs(&f, from, to, from);
	expect_dirs(&f, from, to, to);
	expect_files(&f, from, to);
	for (u32 i = 0; i < f.nr; i++)
		if (f.d[i].what != DAXFS_DIFF_TIME)
			fail_msg("said to differ: what %u, name %s in %llx, ino %llx",
				 f.d[i].what, f.d[i].name,
				 (unsigned long long)f.d[i].dir,
				 (unsigned long long)f.d[i].ino);
}

/* ---- the accounting ---- */

static void found(void *arg, const char *where, u64 id, const char *what)
{
	(void)arg;
	fprintf(stderr, "%s %llu: %s\n", where, (unsigned long long)id, what);
}

/* Bytes of the pool that are in use by layers, page by page. */
static u64 bytes_used(struct daxfs_region *rg)
{
	const struct daxfs_span *pool = &rg->area[DAXFS_AREA_POOL];
	u64 sum = 0;

	for (u64 i = 0; i < pool->nr; i++) {
		u64 off = pool->off + i * DAXFS_PAGE_SIZE;
		u64 v = a64_load_relaxed(daxfs_page_info(rg, off));
		enum daxfs_class class = daxfs_slab_class(v);
		u32 size = class == DAXFS_NO_CLASS ? 0 : daxfs_class_size(class);

		if (DAXFS_KIND(v) != DAXFS_I_OWNED)
			continue;
		if (!size)	/* further entries are a context's */
			sum += info_type(v) == DAXFS_T_ENTRIES ? 0 : DAXFS_PAGE_SIZE;
		for (u32 k = 0; size && k < daxfs_class_nr(class); k++) {
			struct daxfs_a64 *info = daxfs_at(rg, off + k * size, 8, 8);

			if (DAXFS_KIND(a64_load_relaxed(info)) == DAXFS_I_OWNED)
				sum += size;
		}
	}
	return sum;
}

/* Each byte is one layer's. */
static void sizes_add_up(struct env *e)
{
	u32 nr = (u32)e->rg[0].area[DAXFS_AREA_LAYERS].nr;
	u64 *bytes = calloc(nr, sizeof(*bytes)), sum = 0, main;

	assert_non_null(bytes);
	daxfs_layer_bytes(&e->rg[0], bytes, nr);
	for (u32 i = 0; i < nr; i++)
		sum += bytes[i];
	assert_int_equal(sum, bytes_used(&e->rg[0]));
	MUST(daxfs_branch_bytes(&e->rg[0], 0, bytes, nr, &main));
	assert_in_range(main, 1, sum);
	free(bytes);
}

/* Nobody is in a call: all that is in use is referred to once, all that counts fits. */
static void account(struct env *e, u32 host)
{
	struct daxfs_check ck = { .quiet = 1, .report = found };
	u64 len = daxfs_check_pool_scratch(&e->rg[host]);
	void *scratch = calloc(1, len);

	assert_non_null(scratch);
	assert_int_equal(daxfs_check_pool(&e->cx[host], &ck, scratch, len), 0);
	assert_int_equal(ck.sum.leaked + ck.sum.objects_leaked, 0);
	assert_int_equal(ck.sum.bad, 0);
	free(scratch);
	sizes_add_up(e);
}

/* ---- the walk ---- */

static void step(struct env *e)
{
	u32 host = rnd(e, HOSTS), what = rnd(e, 100);

	if (what < 70)
		change(e, host);
	else if (what < 78)
		op_branch(e, host);
	else if (what < 90)
		op_mount(e, host);
	else if (what < 92)
		op_commit(e, host);
	else if (what < 94)
		op_abort(e, host);
	else if (what < 98)
		op_point(e, host);
	else
		for (u32 i = rnd(e, 40); i > 0; i--)
			MUST(daxfs_tidy(&e->cx[rnd(e, HOSTS)]));
	compare(e, host);
	compare(e, rnd(e, HOSTS));
}

static int setup(void **state)
{
	struct daxfs_geometry g = {
		.region_len = REGION, .overlay = 1, .mode = DAXFS_MODE_EMPTY,
		.branching = 1, .buckets = 512, .root_mode = 0755, .uuid = { 1 },
	};
	const struct daxfs_host_id id = { .kind = DAXFS_HOST_TOOL, .pid = 1 };
	struct env *e = calloc(1, sizeof(*e));
	u64 needed;

	assert_non_null(e);
	e->base = mmap(NULL, REGION, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(e->base != MAP_FAILED);
	MUST(daxfs_plan(&g, &needed));
	MUST(daxfs_format(&g, e->base, REGION));
	for (u32 h = 0; h < HOSTS; h++) {
		MUST(daxfs_region_open(&e->rg[h], e->base, REGION, 1, NULL, 0));
		MUST(daxfs_host_join(&e->rg[h], &id));
		MUST(daxfs_cx_init(&e->cx[h], &e->rg[h], 0));
		e->shows[h] = -1;
	}
	e->main = calloc(1, sizeof(*e->main));
	assert_non_null(e->main);
	e->main->dir[0] = 1;
	e->main->dir_ino[0] = DAXFS_ROOT_INO;
	*state = e;
	return 0;
}

static int teardown(void **state)
{
	struct env *e = *state;

	for (u32 h = 0; h < HOSTS; h++)
		MUST(daxfs_host_leave(&e->cx[h]));
	for (int b = 0; b < (int)BRANCHES; b++)
		if (e->branch[b].used)
			forget(e, b);
	free(e->main);
	munmap(e->base, REGION);
	free(e);
	return 0;
}

static u64 pages_used(struct env *e)
{
	struct daxfs_statfs st;

	MUST(daxfs_statfs(&e->cx[0], &st));
	return st.pages - st.pages_free;
}

/* Until nothing is left of what has ended. */
static void tidy_up(struct env *e)
{
	int more = 1;

	for (u32 i = 0; i < 100000 && more; i++) {
		more = daxfs_tidy(&e->cx[i % HOSTS]);
		MUST(more);
		for (u32 h = 0; h < HOSTS; h++)
			compare(e, h);	/* they learn of commits */
	}
	assert_int_equal(more, 0);
}

static void walk(void **state)
{
	struct env *e = *state;
	const char *steps = getenv("STEPS"), *seed = getenv("SEED");
	u32 nr = steps ? (u32)atoi(steps) : 2000;

	e->seed = seed ? strtoull(seed, NULL, 0) : 1;
	for (u32 i = 0; i < nr; i++) {
		step(e);
		if (!(i % 100))
			compare_list_of_branches(e);
		if (!(i % 7))
			compare_diff(e);
		if (!(i % 50))
			account(e, rnd(e, HOSTS));
	}
	compare_all(e);
	account(e, 0);
}

static void new_branch(struct env *e, u32 host)
{
	leave(e, host);
	for (int b = 0; b < (int)BRANCHES; b++)
		if (e->branch[b].used && e->branch[b].parent < 0) {
			MUST(daxfs_branch_abort(&e->cx[host], e->branch[b].id));
			forget_all(e, b);
		}
	while (!e->branch[0].used || e->branch[0].parent >= 0) {
		for (int b = 0; b < (int)BRANCHES; b++)
			if (e->branch[b].used) {
				MUST(daxfs_branch_abort(&e->cx[host], e->branch[b].id));
				forget_all(e, b);
			}
		op_branch(e, host);
	}
	MUST(daxfs_branch_mount(&e->cx[host], e->branch[0].id));
	e->shows[host] = 0;
}

static void commit(struct env *e, u32 host)
{
	int b = e->shows[host];

	MUST(daxfs_branch_commit(&e->cx[host], e->branch[b].id, 0));
	free(e->main);
	e->main = tree_copy(e->branch[b].tree);
	e->shows[host] = -1;
	forget(e, b);
}

static void remove_all(struct env *e, u32 host)
{
	struct tree *t = tree_of(e, host);

	for (u32 d = DIRS; d-- > 0; ) {
		for (u32 n = 0; n < NAMES; n++)
			if (t->name[d][n])
				MUST(daxfs_unlink(&e->cx[host], t->dir_ino[d],
						  file_name[n],
						  (u32)strlen(file_name[n])));
		if (d && t->dir[d])
			MUST(daxfs_rmdir(&e->cx[host], DAXFS_ROOT_INO, dir_name[d],
					 (u32)strlen(dir_name[d])));
		memset(t->name[d], 0, sizeof(t->name[d]));
		t->dir[d] = !d;
	}
	memset(t->file, 0, sizeof(t->file));
}

/* What was committed and deleted later does, too, once its layers are merged. */
static void commits_are_merged(void **state)
{
	struct env *e = *state;
	u64 before = pages_used(e);

	e->seed = 11;
	for (u32 i = 0; i < 300; i++) {
		new_branch(e, 1);
		for (u32 k = rnd(e, 30); k > 0; k--)
			change(e, 1);
		commit(e, 1);
		for (u32 k = rnd(e, 12); k > 0; k--) {
			MUST(daxfs_tidy(&e->cx[rnd(e, HOSTS)]));
			compare_all(e);
			if (!(i % 10))
				account(e, 0);
		}
	}
	new_branch(e, 1);
	remove_all(e, 1);
	commit(e, 1);
	for (u32 i = 0; i < 2; i++) {
		new_branch(e, 1);
		commit(e, 1);
		tidy_up(e);
	}
	compare_all(e);
	/* Without branches the last commit, too, is in the first layer. */
	assert_int_equal(e->cx[2].view.nr, 1);
	for (u32 h = 0; h < HOSTS; h++)
		daxfs_reclaim(&e->cx[h]);
	assert_in_range(pages_used(e), 0, before + HOSTS * 5);
	account(e, 3);
}

/* Names that come and go, in layers that are merged at any time. */
static void names_come_and_go(void **state)
{
	struct env *e = *state;

	e->seed = 23;
	for (u32 i = 0; i < 1500; i++) {
		new_branch(e, 1);
		if (rnd(e, 4))
			for (u32 k = 1 + rnd(e, 2); k > 0; k--) {
				struct tree *t = tree_of(e, 1);
				u32 n = rnd(e, 2);
				const struct daxfs_new what = { .mode = S_IFREG | 0644 };
				struct daxfs_stat st;

				if (t->name[0][n]) {
					MUST(daxfs_unlink(&e->cx[1], DAXFS_ROOT_INO,
							  file_name[n], 1));
					t->file[t->name[0][n] - 1].links = 0;
					t->name[0][n] = 0;
					continue;
				}
				MUST(daxfs_create(&e->cx[1], DAXFS_ROOT_INO, file_name[n],
						  1, &what, &st));
				t->name[0][n] = (int)n + 1;
				t->file[n] = (struct file){ .links = 1, .mode = 0644,
							    .ino = st.ino };
			}
		commit(e, 1);
		for (u32 k = rnd(e, 4) ? 0 : rnd(e, 3); k > 0; k--)
			MUST(daxfs_tidy(&e->cx[rnd(e, HOSTS)]));
		compare(e, 2);
	}
}

/* What has ended leaves nothing behind. */
static void all_comes_back(void **state)
{
	struct env *e = *state;
	u64 before;

	e->seed = 7;
	tidy_up(e);
	before = pages_used(e);
	for (u32 i = 0; i < 40; i++) {
		op_branch(e, 0);
		for (u32 h = 1; h < 4; h++)
			op_mount(e, h);
		for (u32 k = 0; k < 60; k++)
			change(e, 1 + rnd(e, 3));
		if (i % 3 == 2)
			for (int b = 0; b < (int)BRANCHES; b++)
				if (e->branch[b].used && e->branch[b].parent < 0) {
					MUST(daxfs_branch_abort(&e->cx[0],
								e->branch[b].id));
					forget_all(e, b);
				}
	}
	for (u32 h = 0; h < HOSTS; h++)
		leave(e, h);
	for (int b = 0; b < (int)BRANCHES; b++)
		if (e->branch[b].used && e->branch[b].parent < 0) {
			MUST(daxfs_branch_abort(&e->cx[0], e->branch[b].id));
			forget_all(e, b);
		}
	tidy_up(e);
	for (u32 h = 0; h < HOSTS; h++)
		daxfs_reclaim(&e->cx[h]);
	/* A page of objects of each size, and of further entries, for each
	 * context may stay. */
	assert_in_range(pages_used(e), before, before + HOSTS * 5);
	account(e, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(walk, setup, teardown),
		cmocka_unit_test_setup_teardown(all_comes_back, setup, teardown),
		cmocka_unit_test_setup_teardown(commits_are_merged, setup, teardown),
		cmocka_unit_test_setup_teardown(names_come_and_go, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
