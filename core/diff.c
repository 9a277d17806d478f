// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What two branches differ in, from their layers alone.
 *
 * Notes: whatever differs has a cell in a layer that only one of them has: those are
 * walked, and each key is looked up in both views. So the time is that of the changes,
 * not of the tree. A copy that says what is below is no change. Loads only: wait-free,
 * beside everything; of a branch that is written to meanwhile it says what each key was
 * when it was looked at. Names are said by directory and name; who wants paths has to
 * look for them.
 */
#include "branch.h"
#include "data.h"
#include "dir.h"
#include "record.h"
#include "view.h"
#include "word.h"
#include "xset.h"

#define DIFF_BUCKETS	256u		/* in one section */
#define COMPARE		512u		/* bytes of attributes at a time */

struct diff {
	u32 top[2];		/* the two views: from, to */
	u32 layer[3 * DAXFS_VIEW_MAX];	/* that only one of them has */
	u32 nr;
	u32 at;			/* the one that is walked */
	u64 bucket;
	int (*emit)(void *arg, const struct daxfs_diff *d);
	void *arg;
	struct daxfs_diff d;
};

/* ---- what is to be looked through ---- */

static int has_layer(const struct daxfs_view *v, u32 layer)
{
	for (u32 i = 0; i < v->nr; i++)
		if (v->layer[i] == layer)
			return 1;
	return 0;
}

static int see(struct daxfs_cx *cx, const struct diff *f, u32 side)
{
	return daxfs_view_of(cx, f->top[side]);
}

/* Layers of one side that the other has not, behind those that are listed. */
static int list_side(struct daxfs_cx *cx, struct diff *f, u32 side)
{
	u32 first = f->nr, kept = f->nr;
	int r = see(cx, f, side);

	if (r)
		return r;
	for (u32 i = 0; i < cx->view.nr; i++)
		f->layer[f->nr++] = cx->view.layer[i];
	r = see(cx, f, !side);
	if (r)
		return r;
	for (u32 i = first; i < f->nr; i++)
		if (!has_layer(&cx->view, f->layer[i]))
			f->layer[kept++] = f->layer[i];
	f->nr = kept;
	return 0;
}

/* ---- comparing ---- */

static int same_xattrs(const struct daxfs_xset *a, const struct daxfs_xset *b)
{
	u8 x[COMPARE], y[COMPARE];

	if (a->len != b->len)
		return 0;
	for (u64 pos = 0; pos < a->len; pos += COMPARE) {
		u64 n = a->len - pos < COMPARE ? a->len - pos : COMPARE;

		if (daxfs_xset_read(a, pos, x, n) || daxfs_xset_read(b, pos, y, n) ||
		    memcmp(x, y, n))
			return 0;
	}
	return 1;
}

static int record_of(struct daxfs_cx *cx, const struct daxfs_iref *ref,
		     struct daxfs_xset *set)
{
	struct daxfs_attr at = { .flags = 0 };
	u64 off;
	int r = ref->in ? daxfs_attr(cx, ref->in, &at, &off) : 0;

	return r ? r : daxfs_xset_of(cx, ref, &at, set);
}

struct side {			/* an inode as one of the two shows it */
	struct daxfs_iref ref;
	struct daxfs_stat st;
	struct daxfs_xset set;
	int there;
};

static int look_side(struct daxfs_cx *cx, struct diff *f, u32 side, u64 ino,
		     struct side *s)
{
	int r = see(cx, f, side);

	if (!r)
		r = daxfs_iget(cx, ino, 0, &s->ref);
	if (!r)
		r = daxfs_ref_stat(cx, &s->ref, &s->st);
	if (!r)
		r = record_of(cx, &s->ref, &s->set);
	s->there = !r && s->st.nlink;
	return r == -ENOENT ? 0 : r;
}

/* The run of one side at off. */
static int run_of(struct daxfs_cx *cx, struct diff *f, u32 side, const struct side *s,
		  u64 off, u64 len, struct daxfs_run *run)
{
	int r = see(cx, f, side);

	return r ? r : daxfs_file_run(cx, &s->ref, off, len, run);
}

static int same_bytes(struct daxfs_cx *cx, const struct daxfs_run *a,
		      const struct daxfs_run *b, u64 len)
{
	const u8 *x, *y;

	if (a->off == b->off && a->away == b->away)
		return 1;
	/* Backing files are not read here: what took the place of their content
	 * counts as different. */
	if (a->away || b->away)
		return 0;
	x = a->off ? daxfs_at(cx->rg, a->off, len, 1) : NULL;
	y = b->off ? daxfs_at(cx->rg, b->off, len, 1) : NULL;
	if (x && y)
		return !memcmp(x, y, len);
	for (u64 i = 0; i < len; i++)
		if ((x && x[i]) || (y && y[i]))
			return 0;
	return 1;
}

/* 1: the same bytes, of files of one size. What both show is not looked at. */
static int same_content(struct daxfs_cx *cx, struct diff *f, const struct side *s)
{
	u64 size = s[0].st.size;

	for (u64 off = 0; off < size; ) {
		struct daxfs_run a, b;
		int r = run_of(cx, f, 0, &s[0], off, size - off, &a);

		if (!r)
			r = run_of(cx, f, 1, &s[1], off, a.len, &b);
		if (r)
			return r;
		if (!a.len || !b.len)
			return -EUCLEAN;
		if (!same_bytes(cx, &a, &b, b.len < a.len ? b.len : a.len))
			return 0;
		off += b.len < a.len ? b.len : a.len;
	}
	return 1;
}

static int compare_inode(struct daxfs_cx *cx, struct diff *f, u64 ino)
{
	struct side s[2];
	int r = look_side(cx, f, 0, ino, &s[0]);

	if (!r)
		r = look_side(cx, f, 1, ino, &s[1]);
	if (r || !s[0].there || !s[1].there)
		return r;	/* its names tell */
	f->d.what = 0;
	if (s[0].st.mode != s[1].st.mode || s[0].st.uid != s[1].st.uid ||
	    s[0].st.gid != s[1].st.gid || !same_xattrs(&s[0].set, &s[1].set))
		f->d.what |= DAXFS_DIFF_META;
	if (!S_ISDIR(s[1].st.mode) && s[0].st.mtime_ns != s[1].st.mtime_ns)
		f->d.what |= DAXFS_DIFF_TIME;
	if (S_ISREG(s[1].st.mode)) {
		r = s[0].st.size != s[1].st.size ? 0 : same_content(cx, f, s);
		if (r < 0)
			return r;
		f->d.what |= r ? 0 : DAXFS_DIFF_CONTENT;
	}
	if (!f->d.what)
		return 0;
	f->d.dir = 0;
	f->d.name_len = 0;
	f->d.ino = f->d.ino_before = ino;
	f->d.mode = s[1].st.mode;
	return f->emit(f->arg, &f->d);
}

/* The number that the name has there; 0: none. */
static int name_at(struct daxfs_cx *cx, struct diff *f, u32 side, u64 dir, u64 *ino,
		   u32 *type)
{
	struct daxfs_iref ref;
	struct daxfs_name n;
	int r = see(cx, f, side);

	*ino = 0;
	if (!r)
		r = daxfs_dir_get(cx, dir, &ref);
	if (!r)
		r = daxfs_name_find(cx, &ref, f->d.name, f->d.name_len, &n);
	if (!r && n.found) {
		*ino = n.ino;
		*type = n.d_type;
	}
	return r == -ENOENT || r == -ENOTDIR ? 0 : r;
}

static int compare_name(struct daxfs_cx *cx, struct diff *f, u64 dir)
{
	u32 type = 0;
	int r = name_at(cx, f, 0, dir, &f->d.ino_before, &type);

	if (!r)
		r = name_at(cx, f, 1, dir, &f->d.ino, &type);
	if (r || f->d.ino == f->d.ino_before)
		return r;
	f->d.what = (f->d.ino ? DAXFS_DIFF_ADDED : 0) |
		    (f->d.ino_before ? DAXFS_DIFF_REMOVED : 0);
	f->d.dir = dir;
	f->d.mode = type << 12;
	return f->emit(f->arg, &f->d);
}

/* ---- the walk ---- */

/* Has a layer that was walked before a cell of the key? */
static int was_seen(struct daxfs_cx *cx, struct diff *f, const struct daxfs_key *k)
{
	for (u32 i = 0; i < f->at; i++) {
		u64 off, value;
		int r = daxfs_index_find_in(cx, f->layer[i], k, &off, &value);

		if (r != -ENOENT)
			return r ? r : 1;
	}
	return 0;
}

static int diff_cell(struct daxfs_cx *cx, void *arg, u64 bucket,
		     struct daxfs_cell *cell)
{
	struct diff *f = arg;
	u64 key = a64_load_relaxed(&cell->key), ino = DAXFS_KEY_INO(key), v;
	struct daxfs_dirent_cell *c = (struct daxfs_dirent_cell *)cell;
	struct daxfs_key k;
	int r = daxfs_word_read(cx->rg, &cell->value, &v);

	(void)bucket;
	if (r || (value_state(v) != DAXFS_V_LIVE && value_state(v) != DAXFS_V_WHITEOUT))
		return r;
	if (key & DAXFS_KEY_INODE) {
		k = daxfs_key_inode(cx->rg, ino);
	} else {
		f->d.name_len = c->name_len;	/* once */
		if (!daxfs_at(cx->rg, daxfs_off(cx->rg, cell),
			      DAXFS_DIRENT_NAME_OFF + f->d.name_len, 64))
			return -EUCLEAN;
		port_copy_from(f->d.name, c->name, f->d.name_len);
		f->d.name[f->d.name_len] = 0;
		k = daxfs_key_dirent(cx->rg, ino, f->d.name, f->d.name_len);
	}
	r = was_seen(cx, f, &k);
	if (r)
		return r > 0 ? 0 : r;
	return key & DAXFS_KEY_INODE ? compare_inode(cx, f, ino) :
				       compare_name(cx, f, ino);
}

struct diff_arg {
	u64 id[2];
	struct diff f;
};

/* The layer that the view of that branch begins with. */
static int top_of(struct daxfs_cx *cx, u64 id, u32 *top)
{
	struct daxfs_branch_ref br;
	u64 head;
	int r = daxfs_word_read(cx->rg, &daxfs_globals(cx->rg)->head.word, &head);

	*top = head_layer(head);
	if (r || !id)
		return r;
	r = daxfs_branch_get(cx->rg, id, &br);
	if (!r)
		r = daxfs_branch_valid(cx->rg, &br, head);
	*top = r ? 0 : branch_top(br.word);
	return r;
}

static int begin_fn(struct daxfs_cx *cx, void *p)
{
	struct diff_arg *a = p;
	int r = top_of(cx, a->id[0], &a->f.top[0]);

	if (!r)
		r = top_of(cx, a->id[1], &a->f.top[1]);
	if (!r)
		r = list_side(cx, &a->f, 1);
	return r ? r : list_side(cx, &a->f, 0);
}

/* Some buckets of a layer. 1: there is more. */
static int walk_fn(struct daxfs_cx *cx, void *p)
{
	struct diff_arg *a = p;
	struct diff *f = &a->f;
	u32 now[2];
	int r = top_of(cx, a->id[0], &now[0]);

	if (!r)
		r = top_of(cx, a->id[1], &now[1]);
	if (r)
		return r;
	if (now[0] != f->top[0] || now[1] != f->top[1])
		return -EBUSY;		/* a commit, or a checkpoint */
	if (f->at == f->nr)
		return 0;
	r = daxfs_index_walk_some(cx, f->layer[f->at], &f->bucket, DIFF_BUCKETS,
				  diff_cell, f);
	if (r < 0)
		return r;
	if (r) {
		f->at++;
		f->bucket = 0;
	}
	return 1;
}

int daxfs_branch_diff(struct daxfs_cx *cx, u64 from, u64 to,
		      int (*emit)(void *arg, const struct daxfs_diff *d), void *arg,
		      void *scratch)
{
	struct diff_arg *a = scratch;
	int r;

	if (!daxfs_is_branching(cx->rg))
		return -EOPNOTSUPP;
	memset(a, 0, sizeof(*a));
	a->id[0] = from;
	a->id[1] = to;
	a->f.emit = emit;
	a->f.arg = arg;
	r = daxfs_section_any(cx, begin_fn, a);
	while (!r || r == 1) {
		r = daxfs_section_any(cx, walk_fn, a);
		if (!r)
			break;
	}
	return r;
}

u64 daxfs_branch_diff_scratch(void)
{
	return sizeof(struct diff_arg);
}
