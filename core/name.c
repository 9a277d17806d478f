// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Names: create, link, unlink, rmdir and rename, each one record; and files
 * that have none.
 *
 * Notes: a record changes all words of an operation in one instant: the values
 * of names, link counts, counts of directories. A name without a cell gets one
 * that is born claimed: its value is a reference to the record when the bucket
 * first shows it, so the insertion is the claim. The count of names is exact,
 * so ENOTEMPTY is true at an instant, and rmdir and create claim one word.
 * tests/model/names.pml.
 *
 * operation | entries besides the names           | post steps
 * create    | dirstate                             | times
 * tmpfile   | no record: the bucket of the inode   | -
 * link      | nlink, dirstate                      | times
 * unlink    | nlink, dirstate                      | bury, drop
 * rmdir     | own dirstate -> DEAD, dirstate       | bury, drop
 * rename    | victim, parent, slot, dirstates, dirmove | bury, drop
 * ... with a whiteout | the same, no slot          | times, drop
 * ... exchange | parents, dirstates, dirmove       | times
 *
 * Linearization: the status of the record. If the caller stops before, others
 * see the old state, wait once for each word (<= 1 ms) and abort it; behind it
 * they see the new one, and recovery does the post steps.
 * No cycles: a directory move has dirmove v -> v+1 in its record, loaded before
 * the walk to the root; any other move decided meanwhile aborts it.
 */
#include "dir.h"
#include "acl.h"
#include "data.h"
#include "epoch.h"
#include "pool.h"
#include "record.h"
#include "region.h"
#include "view.h"
#include "watch.h"
#include "word.h"

#define TRIES		100000u
#define DEPTH_MAX	1000000u	/* of directories; a longer walk is a cycle */
#define LINK_MAX_COUNT	0x7fffffffu
#define BORN_MAX	2u
#define NAME_TIMES	(DAXFS_TCH_MTIME | DAXFS_TCH_CTIME)
#define NEVER_NAMED	1u	/* tmpfile: link() is not for this one */

struct born {			/* a cell that the record brings to life */
	struct daxfs_name *n;
	u64 off;
	struct daxfs_dirent_cell *cell;
	struct daxfs_iref *dir;
	u64 slot;
	int wants_slot, has_slot, in_bucket;
	int given;		/* it wants that slot, and no other */
};

struct names_op {
	struct born born[BORN_MAX];
	u32 born_nr;
};

struct name_arg {		/* what the caller asks for */
	u64 dir;
	const char *name;
	u32 len;
	u64 dir2;		/* rename */
	const char *name2;
	u32 len2;
	u32 flags;
	u64 ino;		/* link */
	const struct daxfs_new *what;
	struct daxfs_stat *st;
	struct daxfs_file *f;	/* tmpfile */
	struct daxfs_iref made;	/* create: the new inode */
};

/* ---- cells that are born claimed ---- */

static enum daxfs_class class_for(u32 len)
{
	return len <= DAXFS_DIRENT64_NAME ? DAXFS_CLASS64 :
	       len <= DAXFS_DIRENT128_NAME ? DAXFS_CLASS128 : DAXFS_CLASS320;
}

/* A private cell for the name; slot: that of the base, if it has one. */
static int cell_make(struct daxfs_cx *cx, struct daxfs_name *n, u64 hint,
		     struct born *b)
{
	u8 text[1 + DAXFS_NAME_MAX];	/* length and name, as they lie there */
	int r = daxfs_obj_take(cx, class_for(n->key.len), DAXFS_T_DIRENT, 0,
			       &b->off);

	if (r)
		return r;
	b->cell = daxfs_at(cx->rg, b->off, DAXFS_DIRENT_NAME_OFF + n->key.len, 64);
	if (!b->cell)
		return -EUCLEAN;
	a64_store_relaxed(&b->cell->cell.hash, n->key.hash);
	a64_store_relaxed(&b->cell->cell.key, n->key.key);
	a64_store_relaxed(&b->cell->dslot, daxfs_dslot(cx, n->slot, n->below));
	a64_store_relaxed(&b->cell->ihint, hint);
	text[0] = (u8)n->key.len;
	memcpy(text + 1, n->key.name, n->key.len);
	port_copy_to(&b->cell->name_len, text, 1 + n->key.len);
	return 0;
}

/*
 * The entry that gives name n a new value. Names without a cell get one; all
 * such calls come before those for other names.
 */
static int change_name(struct daxfs_cx *cx, struct names_op *op,
		       struct daxfs_iref *dir, struct daxfs_name *n, u64 value,
		       u64 hint)
{
	struct born *b;
	int r;

	if (n->cell_off) {
		if (value_state(value) == DAXFS_V_LIVE && !daxfs_still_host(cx))
			a64_store_relaxed(&n->cell->ihint, hint);
		return daxfs_op_add(cx, &n->cell->cell.value, n->value, value);
	}
	b = &op->born[op->born_nr];
	memset(b, 0, sizeof(*b));
	b->n = n;
	b->dir = dir;
	b->wants_slot = !n->below;
	r = cell_make(cx, n, hint, b);
	if (r)
		return r;
	op->born_nr++;
	a64_store_relaxed(&b->cell->cell.value, daxfs_op_ref(cx));
	return daxfs_op_add(cx, &b->cell->cell.value,
			    value_make(DAXFS_V_DEAD, 0, 0), value);
}

/* What a name becomes when it is taken away: base names must stay hidden. */
static u64 gone_value(const struct daxfs_name *n)
{
	return value_make(n->below ? DAXFS_V_WHITEOUT : DAXFS_V_DEAD, 0, 0);
}

/* Commit kills that cell. */
static void kills(struct daxfs_cx *cx, const struct daxfs_name *n)
{
	if (n->cell_off && !n->below)
		daxfs_op_garbage(cx, n->cell_off);
}

/* Slot, then bucket: whatever lookup finds is listed. */
static int born_publish(struct daxfs_cx *cx, struct born *b)
{
	u64 found, value;
	int r;

	if (b->wants_slot) {
		r = b->given ? daxfs_slot_put(cx, b->dir, b->slot, b->off) :
			       daxfs_slot_take(cx, b->dir, b->off, &b->slot);
		if (r)
			return r;
		b->has_slot = 1;
	}
	r = daxfs_index_insert(cx, &b->n->key, b->off, &found, &value);
	b->in_bucket = !r;
	return r == -EEXIST ? -EAGAIN : r;
}

/* Take back a cell whose record was aborted; its value is DEAD now. */
static int born_undo(struct daxfs_cx *cx, struct born *b)
{
	int r = 0;

	if (b->has_slot)
		r = daxfs_slot_clear(cx, b->dir, b->slot, b->off);
	if (!b->in_bucket && !b->has_slot)
		daxfs_obj_give(cx, b->off);
	else if (!b->in_bucket)
		daxfs_obj_retire(cx, b->off, daxfs_retire_epoch(cx));
	else if (!r)
		r = daxfs_cell_dispose(cx, b->off);
	return r;
}

/*
 * Run the record that was filled. 0: committed, the caller does the post steps
 * and ends it. Else nothing has happened; -EAGAIN: look again.
 */
static int names_run(struct daxfs_cx *cx, struct names_op *op, int r)
{
	if (!r) {
		r = daxfs_op_activate(cx);
		for (u32 i = 0; i < op->born_nr && !r; i++)
			r = born_publish(cx, &op->born[i]);
		if (!r)
			r = daxfs_op_claim(cx, op->born_nr, cx->entry_nr);
		if (!r)
			r = daxfs_op_commit(cx);
		else
			daxfs_op_abort(cx);
		daxfs_op_clean(cx);
	}
	if (!r)
		return 0;
	for (u32 i = 0; i < op->born_nr; i++) {
		int e = born_undo(cx, &op->born[i]);

		if (e)
			r = e;
	}
	daxfs_op_end(cx);
	if (r == -EAGAIN)
		daxfs_patience_grow(cx);
	return r;
}

/* Post step: a cell that the commit killed. */
static int name_dispose(struct daxfs_cx *cx, struct daxfs_iref *dir,
			const struct daxfs_name *n)
{
	int r;

	if (!n->cell_off || n->below)
		return 0;
	r = daxfs_slot_clear(cx, dir, dslot_slot(a64_load_relaxed(&n->cell->dslot)),
			     n->cell_off);
	return r ? r : daxfs_cell_dispose(cx, n->cell_off);
}

/* ---- what all operations begin with ---- */

static int dir_for_writing(struct daxfs_cx *cx, u64 ino, struct daxfs_iref *dir)
{
	int r = daxfs_dir_get(cx, ino, dir);

	return r ? r : daxfs_copy_up(cx, dir);
}

/* The counts of a directory that is alive and has room for more. */
static int dir_counts(struct daxfs_cx *cx, struct daxfs_iref *dir, u64 *ds)
{
	int r = daxfs_word_settle(cx, &dir->in->dirstate, ds);

	if (r)
		return r;
	if (*ds & DAXFS_DIR_DEAD)
		return -ENOENT;
	return dirstate_names(*ds) == DIRSTATE_NAMES_MAX ||
	       dirstate_subdirs(*ds) == DIRSTATE_SUBDIRS_MAX ? -EMLINK : 0;
}

static int dots(const char *name, u32 len)
{
	return (len == 1 || len == 2) && name[0] == '.' && name[len - 1] == '.';
}

/* The inode of a create that did not come about. */
static int forget_made(struct daxfs_cx *cx, struct name_arg *a)
{
	int r = daxfs_drop_finish(cx, &a->made);

	a64_store_release(&cx->sh->made_ino, 0);	/* [PUB] in recover.c */
	a->made.in = NULL;
	return r;
}

typedef int name_fn(struct daxfs_cx *cx, struct name_arg *a);

struct name_call {
	name_fn *fn;
	struct name_arg *arg;
};

static int call_fn(struct daxfs_cx *cx, void *p)
{
	struct name_call *c = p;
	int r = -EAGAIN;

	daxfs_patience_reset(cx);
	daxfs_change_begin(cx);
	for (u32 i = 0; i < TRIES && r == -EAGAIN; i++)
		r = c->fn(cx, c->arg);
	daxfs_change_end(cx);
	if (r == -EAGAIN && c->arg->made.in)
		forget_made(cx, c->arg);
	return r == -EAGAIN ? -EBUSY : r;	/* others are always faster */
}

/* frees: the operation may use the reserve, for it gives memory back. */
static int call(struct daxfs_cx *cx, name_fn *fn, struct name_arg *a, int frees)
{
	struct name_call c = { fn, a };
	int r;

	if (!cx->sh)
		return -EROFS;
	if (a->len > DAXFS_NAME_MAX || a->len2 > DAXFS_NAME_MAX)
		return -ENAMETOOLONG;
	cx->full = frees;
	r = daxfs_section(cx, call_fn, &c);
	cx->full = 0;
	return r;
}

/* ---- create ---- */

static u32 type_of(u32 mode)
{
	return (mode & S_IFMT) >> 12;	/* DT_* of readdir(3) */
}

static int check_new(const struct daxfs_new *what)
{
	switch (what->mode & S_IFMT) {
	case S_IFLNK:
		if (!what->target_len)
			return -ENOENT;
		return what->target_len > DAXFS_TARGET_MAX ? -ENAMETOOLONG : 0;
	case S_IFREG: case S_IFDIR: case S_IFIFO: case S_IFSOCK:
	case S_IFCHR: case S_IFBLK:
		return 0;
	}
	return -EINVAL;
}

/*
 * Whom a new inode belongs to, its maker or the group of its directory; and what
 * a default access control list of that gives it.
 */
static int inherit(struct daxfs_cx *cx, const struct daxfs_iref *dir,
		   struct daxfs_new *what, struct daxfs_inherit *inh)
{
	struct daxfs_attr at;
	u64 off;
	int r = 0;

	if (dir->in)
		r = daxfs_attr(cx, dir->in, &at, &off);
	else
		at = (struct daxfs_attr){ .mode = dir->base.mode,
					  .gid = dir->base.gid };
	if (r)
		return r;
	if (at.mode & S_ISGID) {
		what->gid = at.gid;
		if (S_ISDIR(what->mode))
			what->mode |= S_ISGID;
	}
	return daxfs_acl_inherit(cx, dir, &at, what, inh);
}

/* A new inode that only we know. */
static int new_inode(struct daxfs_cx *cx, struct name_arg *a,
		     const struct daxfs_iref *dir, u64 *ino, u64 *off)
{
	struct daxfs_new what = *a->what;
	struct daxfs_inherit inh;
	int r = inherit(cx, dir, &what, &inh);

	if (!r)
		r = daxfs_ino_take(cx, ino);
	if (!r)
		r = daxfs_inode_make(cx, *ino, a->dir, &what, off);
	if (r)
		return r;
	r = daxfs_acl_bear(cx, *off, &inh);
	if (r)
		daxfs_inode_give(cx, *off);
	return r;
}

/* The new inode, in the index, with no name yet. Once per call. */
static int make_inode(struct daxfs_cx *cx, struct name_arg *a,
		      struct daxfs_iref *dir)
{
	struct daxfs_key k;
	u64 ino, off, found, value;
	int r = new_inode(cx, a, dir, &ino, &off);

	if (r)
		return r;
	/* Noted before it is known. Pairs with [PUB] in recover_record(). */
	a64_store_release(&cx->sh->made_ino, ino);
	k = daxfs_key_inode(cx->rg, ino);
	r = daxfs_index_insert(cx, &k, off, &found, &value);
	if (r) {
		daxfs_inode_give(cx, off);
		return r == -EEXIST ? -EUCLEAN : r;
	}
	a->made.ino = ino;
	a->made.off = off;
	a->made.has_base = 0;
	a->made.own = 1;
	a->made.depth = 0;
	a->made.in = daxfs_at(cx->rg, off, sizeof(struct daxfs_inode), 64);
	return 0;
}

/* The caller may want what is there instead. */
static int is_there(struct daxfs_cx *cx, struct name_arg *a,
		    const struct daxfs_iref *dir, const struct daxfs_name *n)
{
	int r = a->st ? daxfs_name_stat(cx, dir, n, a->st) : 0;

	return r ? r : -EEXIST;
}

static int create_once(struct daxfs_cx *cx, struct name_arg *a)
{
	struct names_op op = { .born_nr = 0 };
	struct daxfs_iref dir;
	struct daxfs_name n;
	u64 ds, add = DIRSTATE_NAME;
	int r = dir_for_writing(cx, a->dir, &dir);

	if (!r)
		r = daxfs_name_find(cx, &dir, a->name, a->len, &n);
	if (!r && n.found)
		r = is_there(cx, a, &dir, &n);
	if (!r)
		r = dir_counts(cx, &dir, &ds);
	if (!r && !a->made.in)
		r = make_inode(cx, a, &dir);
	if (r)
		return r;
	if (S_ISDIR(a->what->mode))
		add += DIRSTATE_SUBDIR;
	/* Now: once it has a name, others may drop it. */
	r = a->st ? daxfs_ref_stat(cx, &a->made, a->st) : 0;
	if (r)
		return r;
	daxfs_op_begin(cx);
	daxfs_op_touch(cx, dir.in, NAME_TIMES);
	r = change_name(cx, &op, &dir, &n, value_make(DAXFS_V_LIVE,
			type_of(a->what->mode), a->made.ino), a->made.off);
	if (!r)
		r = daxfs_op_add_counts(cx, &dir.in->dirstate, ds, add);
	r = names_run(cx, &op, r);
	if (r)
		return r;
	daxfs_touch(cx, dir.in, DAXFS_TOUCH_MTIME);
	a64_store_relaxed(&cx->sh->made_ino, 0);	/* before the end below */
	daxfs_count_inodes(cx, 1);
	daxfs_op_end(cx);
	return 0;
}

static int create_fn(struct daxfs_cx *cx, struct name_arg *a)
{
	int r = create_once(cx, a);

	if (r && r != -EAGAIN && a->made.in) {
		int e = forget_made(cx, a);

		return e ? e : r;
	}
	return r;
}

int daxfs_create(struct daxfs_cx *cx, u64 dir, const char *name, u32 len,
		 const struct daxfs_new *what, struct daxfs_stat *st)
{
	struct name_arg a = { .dir = dir, .name = name, .len = len,
			      .what = what, .st = st };
	int r = check_new(what);

	if (!r && dots(name, len))
		r = -EEXIST;
	return r ? r : call(cx, create_fn, &a, 0);
}

/* ---- files without a name ---- */

/* The words that differ from those of a file whose name is about to come. */
static void make_nameless(struct daxfs_cx *cx, struct name_arg *a,
			  struct daxfs_iref *ref)
{
	a64_store_relaxed(&ref->in->nlink, a->flags & NEVER_NAMED ? 0 :
			  DAXFS_NLINK_TMPFILE);
	/* Held before it can be found: only our close, or our death, ends it. */
	a64_store_relaxed(&ref->in->opens, 1ull << (cx->id / DAXFS_CTXS));
}

/*
 * One publication, the bucket. Before it nobody knows the inode, behind it the
 * bit of this host keeps it: there is nothing to note in the context.
 */
static int tmpfile_fn(struct daxfs_cx *cx, struct name_arg *a)
{
	struct daxfs_iref dir, ref = { .own = 1 };
	struct daxfs_key k;
	u64 found, value;
	int r = daxfs_view_writable(cx);

	if (!r)
		r = daxfs_dir_get(cx, a->dir, &dir);
	if (!r)
		r = new_inode(cx, a, &dir, &ref.ino, &ref.off);
	if (r)
		return r;
	ref.in = daxfs_at(cx->rg, ref.off, sizeof(struct daxfs_inode), 64);
	make_nameless(cx, a, &ref);
	if (a->st)
		r = daxfs_ref_stat(cx, &ref, a->st);
	k = daxfs_key_inode(cx->rg, ref.ino);
	if (!r)
		r = daxfs_index_insert(cx, &k, ref.off, &found, &value);
	if (r) {
		daxfs_inode_give(cx, ref.off);
		return r == -EEXIST ? -EUCLEAN : r;
	}
	daxfs_count_inodes(cx, 1);
	a->f->ino = ref.ino;
	a64_store_volatile(&a->f->inode_off, ref.off);
	return 0;
}

int daxfs_tmpfile(struct daxfs_cx *cx, u64 dir, const struct daxfs_new *what,
		  int excl, struct daxfs_stat *st, struct daxfs_file *f)
{
	struct name_arg a = { .dir = dir, .what = what, .st = st, .f = f,
			      .flags = excl ? NEVER_NAMED : 0 };

	return S_ISREG(what->mode) ? call(cx, tmpfile_fn, &a, 0) : -EINVAL;
}

/* ---- link ---- */

/* A file without a name gets none, but for one that never had any. */
static int may_link(u64 nlink)
{
	if (nlink & DAXFS_NLINK_DROPPING)
		return -ENOENT;
	if (!nlink_count(nlink) && !(nlink & DAXFS_NLINK_TMPFILE))
		return -ENOENT;
	return nlink_count(nlink) >= LINK_MAX_COUNT ? -EMLINK : 0;
}

static int link_check(struct daxfs_cx *cx, struct name_arg *a,
		      struct daxfs_iref *ref, u64 *nlink)
{
	u32 mode = 0;
	int r = daxfs_iget(cx, a->ino, 0, ref);

	if (!r)
		r = daxfs_ref_mode(cx, ref, &mode);
	if (!r && S_ISDIR(mode))
		r = -EPERM;
	if (!r)
		r = daxfs_copy_up(cx, ref);
	if (!r)
		r = daxfs_word_settle(cx, &ref->in->nlink, nlink);
	if (!r)
		r = may_link(*nlink);
	a->flags = type_of(mode);
	return r;
}

static int link_fn(struct daxfs_cx *cx, struct name_arg *a)
{
	struct names_op op = { .born_nr = 0 };
	struct daxfs_iref dir, ref;
	struct daxfs_name n;
	u64 ds, nlink;
	int r = dir_for_writing(cx, a->dir, &dir);

	if (!r)
		r = daxfs_name_find(cx, &dir, a->name, a->len, &n);
	if (!r && n.found)
		r = -EEXIST;
	if (!r)
		r = link_check(cx, a, &ref, &nlink);
	if (!r)
		r = dir_counts(cx, &dir, &ds);
	if (r)
		return r;
	r = a->st ? daxfs_ref_stat(cx, &ref, a->st) : 0;
	if (r)
		return r == -ENOENT ? -EAGAIN : r;
	daxfs_op_begin(cx);
	daxfs_op_touch(cx, dir.in, NAME_TIMES);
	daxfs_op_touch(cx, ref.in, DAXFS_TCH_CTIME);
	r = change_name(cx, &op, &dir, &n, value_make(DAXFS_V_LIVE, a->flags,
			a->ino), ref.off);
	if (!r)
		r = daxfs_op_add(cx, &ref.in->nlink, nlink,
				 nlink_make(nlink_count(nlink) + 1));
	if (!r)
		r = daxfs_op_add_counts(cx, &dir.in->dirstate, ds, DIRSTATE_NAME);
	r = names_run(cx, &op, r);
	if (r)
		return r;
	daxfs_touch(cx, dir.in, DAXFS_TOUCH_MTIME);
	daxfs_touch(cx, ref.in, DAXFS_TOUCH_CTIME);
	daxfs_op_end(cx);
	if (a->st)
		a->st->nlink = nlink_count(nlink) + 1;
	return 0;
}

int daxfs_link(struct daxfs_cx *cx, u64 ino, u64 dir, const char *name,
	       u32 len, struct daxfs_stat *st)
{
	struct name_arg a = { .dir = dir, .name = name, .len = len, .ino = ino,
			      .st = st };

	return dots(name, len) ? -EEXIST : call(cx, link_fn, &a, 0);
}

/* ---- unlink and rmdir ---- */

/*
 * The entry that takes one link, or the life of an empty directory, from an
 * inode whose name goes away.
 */
static int take_link(struct daxfs_cx *cx, struct daxfs_iref *ref, u32 type)
{
	struct daxfs_a64 *word = type == type_of(S_IFDIR) ?
				 &ref->in->dirstate : &ref->in->nlink;
	u64 v;
	int r = daxfs_word_settle(cx, word, &v);

	if (r)
		return r;
	if (word == &ref->in->nlink)
		return nlink_count(v) ?
		       daxfs_op_add(cx, word, v, v - nlink_make(1)) : -EAGAIN;
	if (v & DAXFS_DIR_DEAD)
		return -EAGAIN;
	if (v)
		return -ENOTEMPTY;
	return daxfs_op_add(cx, word, v, v | DAXFS_DIR_DEAD);
}

/* -ENOENT: the inode has no name any more. */
static int has_link(struct daxfs_cx *cx, const struct daxfs_iref *ref)
{
	u64 v;
	int r = daxfs_word_settle(cx, &ref->in->nlink, &v);

	return !r && !nlink_count(v) ? -ENOENT : r;
}

/* The name and its inode, ready to be changed. */
static int victim_get(struct daxfs_cx *cx, const struct daxfs_iref *dir,
		      const struct daxfs_name *n, struct daxfs_iref *ref)
{
	int r = daxfs_iget(cx, n->ino, n->hint, ref);

	if (!r)
		r = daxfs_copy_up(cx, ref);
	if (!r && n->d_type != type_of(S_IFDIR))
		r = has_link(cx, ref);
	/* Has the name gone, too? */
	return r == -ENOENT ? daxfs_name_dangles(cx, dir, n) : r;
}

/* The counts of a directory that has names. -EAGAIN: it has none any more. */
static int full_state(struct daxfs_cx *cx, struct daxfs_iref *ref, u64 *ds)
{
	int r = daxfs_word_settle(cx, &ref->in->dirstate, ds);

	return !r && (!*ds || (*ds & DAXFS_DIR_DEAD)) ? -EAGAIN : r;
}

/*
 * Does the name still refer to ref while that directory has names, at one
 * instant? A record that changes nothing tells. A base name without a cell has
 * nothing to claim; it was there all the time if it has none afterwards.
 * 0 yes, -EAGAIN.
 */
static int is_full_here(struct daxfs_cx *cx, struct daxfs_iref *dir,
			const struct daxfs_name *n, struct daxfs_iref *ref)
{
	struct daxfs_name again;
	u64 ds;
	int r = full_state(cx, ref, &ds);

	if (r)
		return r;
	daxfs_op_begin(cx);
	if (n->cell_off)
		r = daxfs_op_add(cx, &n->cell->cell.value, n->value, n->value);
	if (!r)
		r = daxfs_op_add(cx, &ref->in->dirstate, ds, ds);
	if (!r)
		r = daxfs_op_run(cx);
	if (r)
		return r;
	daxfs_op_end(cx);
	if (n->cell_off)
		return 0;
	r = daxfs_name_find(cx, dir, n->key.name, n->key.len, &again);
	return !r && again.cell_off ? -EAGAIN : r;
}

static int remove_once(struct daxfs_cx *cx, struct name_arg *a, int want_dir)
{
	struct names_op op = { .born_nr = 0 };
	struct daxfs_iref dir, ref;
	struct daxfs_name n;
	u64 ds, less = DIRSTATE_NAME;
	int r = dir_for_writing(cx, a->dir, &dir), is_dir;

	if (!r)
		r = daxfs_name_find(cx, &dir, a->name, a->len, &n);
	if (!r && !n.found)
		r = -ENOENT;
	if (r)
		return r;
	is_dir = n.d_type == type_of(S_IFDIR);
	if (is_dir != want_dir)
		return is_dir ? -EISDIR : -ENOTDIR;
	r = victim_get(cx, &dir, &n, &ref);
	if (!r)
		r = dir_counts(cx, &dir, &ds);
	if (r && r != -EMLINK)
		return r;
	if (is_dir)
		less += DIRSTATE_SUBDIR;
	daxfs_op_begin(cx);
	daxfs_op_touch(cx, dir.in, NAME_TIMES);
	daxfs_op_touch(cx, ref.in, DAXFS_TCH_CTIME);
	kills(cx, &n);
	r = change_name(cx, &op, &dir, &n, gone_value(&n), 0);
	if (!r)
		r = take_link(cx, &ref, n.d_type);
	if (!r)
		r = daxfs_op_add_counts(cx, &dir.in->dirstate, ds, -less);
	r = names_run(cx, &op, r);
	if (r == -ENOTEMPTY) {
		r = is_full_here(cx, &dir, &n, &ref);
		return r ? r : -ENOTEMPTY;
	}
	if (r)
		return r;
	daxfs_touch(cx, dir.in, DAXFS_TOUCH_MTIME);
	daxfs_touch(cx, ref.in, DAXFS_TOUCH_CTIME);
	r = name_dispose(cx, &dir, &n);
	if (!r)
		r = daxfs_drop_if_unused(cx, &ref);
	daxfs_op_end(cx);
	return r;
}

static int unlink_fn(struct daxfs_cx *cx, struct name_arg *a)
{
	return remove_once(cx, a, 0);
}

static int rmdir_fn(struct daxfs_cx *cx, struct name_arg *a)
{
	return remove_once(cx, a, 1);
}

int daxfs_unlink(struct daxfs_cx *cx, u64 dir, const char *name, u32 len)
{
	struct name_arg a = { .dir = dir, .name = name, .len = len };

	return dots(name, len) ? -EISDIR : call(cx, unlink_fn, &a, 1);
}

int daxfs_rmdir(struct daxfs_cx *cx, u64 dir, const char *name, u32 len)
{
	struct name_arg a = { .dir = dir, .name = name, .len = len };

	if (dots(name, len))
		return len == 1 ? -EINVAL : -ENOTEMPTY;
	return call(cx, rmdir_fn, &a, 1);
}

/* ---- rename ---- */

enum { PLAIN, WHITEOUT, EXCHANGE };

struct rename {
	struct daxfs_iref dir[2];	/* where from, where to */
	struct daxfs_name n[2];
	struct daxfs_iref src, victim;	/* what the two names refer to */
	u64 ds[2];
	u64 dirmove;
	int kind, same_dir;
	int is_dir[2];		/* the name is that of a directory */
	int moves;		/* a directory gets another parent */
};

/* The way to the root met a directory twice. Did somebody move it meanwhile? */
static int in_a_circle(struct daxfs_cx *cx, u64 dirmove)
{
	u64 v;
	int r = daxfs_word_settle(cx, &daxfs_top_layer(cx)->dirmove, &v);

	if (r)
		return r;
	return v == dirmove ? -EUCLEAN : -EAGAIN;
}

/*
 * Is dir the inode ino or somewhere below it? 1 yes, 0 no. Whoever walks in a
 * circle comes to where he was at some power of two of steps. dirmove was
 * loaded before.
 */
static int is_below(struct daxfs_cx *cx, u64 dir, u64 ino, u64 dirmove)
{
	u64 met = 0, child = 0;

	for (u32 i = 0; i < DEPTH_MAX; i++) {
		struct daxfs_iref ref;
		u64 here = dir;
		int r;

		if (dir == met)
			return in_a_circle(cx, dirmove);
		if (!(i & (i - 1)))
			met = dir;
		if (dir == ino)
			return 1;
		if (dir == DAXFS_ROOT_INO)
			return 0;
		r = daxfs_dir_get(cx, dir, &ref);
		if (!r)
			r = daxfs_dir_parent(cx, &ref, &dir);
		/* A parent that is gone: has what was in it moved meanwhile? */
		if (r)
			return r == -ENOENT && i ?
			       daxfs_parent_dangles(cx, child, here) : r;
		child = here;
	}
	return -EUCLEAN;
}

static int rename_find(struct daxfs_cx *cx, struct name_arg *a, struct rename *m)
{
	int r = dir_for_writing(cx, a->dir, &m->dir[0]);

	m->same_dir = a->dir == a->dir2;
	m->dir[1] = m->dir[0];
	if (!r && !m->same_dir)
		r = dir_for_writing(cx, a->dir2, &m->dir[1]);
	if (!r)
		r = daxfs_name_find(cx, &m->dir[0], a->name, a->len, &m->n[0]);
	if (!r && !m->n[0].found)
		r = -ENOENT;
	if (!r)
		r = daxfs_name_find(cx, &m->dir[1], a->name2, a->len2, &m->n[1]);
	if (!r && m->n[1].found && (a->flags & DAXFS_RENAME_NOREPLACE))
		r = -EEXIST;
	if (!r && !m->n[1].found && m->kind == EXCHANGE)
		r = -ENOENT;
	return r;
}

static int rename_types(struct rename *m)
{
	for (u32 i = 0; i < 2; i++)
		m->is_dir[i] = m->n[i].found &&
			       m->n[i].d_type == type_of(S_IFDIR);
	m->moves = !m->same_dir && (m->is_dir[0] ||
				    (m->kind == EXCHANGE && m->is_dir[1]));
	if (!m->n[1].found || m->kind == EXCHANGE)
		return 0;
	if (m->is_dir[0] && !m->is_dir[1])
		return -ENOTDIR;
	return !m->is_dir[0] && m->is_dir[1] ? -EISDIR : 0;
}

/* What the error says besides of the two names, as an entry that stays. */
static int add_reason(struct daxfs_cx *cx, struct rename *m, int error, u64 ds)
{
	if (error == -ENOTEMPTY)
		return daxfs_op_add(cx, &m->victim.in->dirstate, ds, ds);
	/* no directory has moved since before the walk to the root */
	if (error == -EINVAL)
		return daxfs_op_add(cx, &daxfs_top_layer(cx)->dirmove,
				    m->dirmove, m->dirmove);
	return 0;
}

/*
 * Were both names as they were found, at one instant, when the error was true?
 * A record that changes nothing tells. Base names without a cell have none to
 * claim; cells of base names stay, so none afterwards means none then. 0 yes,
 * -EAGAIN.
 */
static int rename_holds(struct daxfs_cx *cx, struct rename *m, int error)
{
	struct daxfs_name again;
	u64 ds = 0;
	int r = error == -ENOTEMPTY ? full_state(cx, &m->victim, &ds) : 0;

	if (r)
		return r;
	daxfs_op_begin(cx);
	for (u32 i = 0; i < 2 && !r; i++)
		if (m->n[i].cell_off && (!i || m->n[0].cell_off != m->n[1].cell_off))
			r = daxfs_op_add(cx, &m->n[i].cell->cell.value,
					 m->n[i].value, m->n[i].value);
	if (!r)
		r = add_reason(cx, m, error, ds);
	if (!r)
		r = daxfs_op_run(cx);
	if (r)
		return r;
	daxfs_op_end(cx);
	for (u32 i = 0; i < 2 && !r; i++) {
		if (m->n[i].cell_off)
			continue;
		r = daxfs_name_find(cx, &m->dir[i], m->n[i].key.name,
				    m->n[i].key.len, &again);
		if (!r && again.cell_off)
			r = -EAGAIN;
	}
	return r;
}

/* Both names seem to be links of one inode. */
static int rename_same(struct daxfs_cx *cx, struct name_arg *a, struct rename *m)
{
	int r;

	if (m->n[0].d_type == type_of(S_IFDIR) &&
	    (!m->same_dir || a->len != a->len2 || memcmp(a->name, a->name2, a->len)))
		return -EAGAIN;		/* a directory has one name */
	r = rename_holds(cx, m, 0);
	return r ? r : 1;
}

/* Would a directory come to lie below itself? */
static int rename_walks(struct daxfs_cx *cx, struct name_arg *a,
			struct rename *m)
{
	int r = daxfs_word_settle(cx, &daxfs_top_layer(cx)->dirmove,
				  &m->dirmove);

	if (!r && m->is_dir[0])
		r = is_below(cx, a->dir2, m->n[0].ino, m->dirmove);
	if (!r && m->is_dir[1] && m->kind == EXCHANGE)
		r = is_below(cx, a->dir, m->n[1].ino, m->dirmove);
	return r > 0 ? -EINVAL : r;
}

/* 1: the two names are links of one inode, nothing is to be done. */
static int rename_prepare(struct daxfs_cx *cx, struct name_arg *a,
			  struct rename *m)
{
	int r = rename_find(cx, a, m);

	if (r)
		return r;
	if (m->n[1].found && m->n[0].ino == m->n[1].ino)
		return rename_same(cx, a, m);
	r = rename_types(m);
	if (!r && m->moves)
		r = rename_walks(cx, a, m);
	if (!r)
		r = victim_get(cx, &m->dir[0], &m->n[0], &m->src);
	if (!r && m->n[1].found)
		r = victim_get(cx, &m->dir[1], &m->n[1], &m->victim);
	if (!r)
		r = dir_counts(cx, &m->dir[0], &m->ds[0]);
	if (!r)
		r = dir_counts(cx, &m->dir[1], &m->ds[1]);
	return r;
}

static u64 live_value(const struct daxfs_name *n)
{
	return value_make(DAXFS_V_LIVE, n->d_type, n->ino);
}

/* What the old name becomes. */
static u64 left_value(const struct name_arg *a, const struct rename *m)
{
	if (m->kind == EXCHANGE)
		return live_value(&m->n[1]);
	if (m->kind == WHITEOUT)
		return value_make(DAXFS_V_LIVE, type_of(S_IFCHR), a->made.ino);
	return gone_value(&m->n[0]);
}

static int add_names(struct daxfs_cx *cx, struct name_arg *a, struct rename *m,
		     struct names_op *op)
{
	u64 value[2] = { left_value(a, m), live_value(&m->n[0]) };
	u64 hint[2] = { m->kind == EXCHANGE ? m->victim.off : a->made.off,
			m->src.off };
	u32 first = 0;
	int r = 0;

	/* Born cells come first; the others in the order of their offsets. */
	if (m->n[0].cell_off &&
	    (!m->n[1].cell_off || m->n[1].cell_off < m->n[0].cell_off))
		first = 1;
	for (u32 k = 0; k < 2 && !r; k++) {
		u32 i = first ^ k;

		r = change_name(cx, op, &m->dir[i], &m->n[i], value[i], hint[i]);
	}
	return r;
}

/* A new name in the same directory takes the old one's place in the listing. */
static int add_slot(struct daxfs_cx *cx, struct rename *m, struct names_op *op)
{
	struct daxfs_a64 *word;
	struct born *b = &op->born[0];
	u64 slot;
	int r;

	if (!m->same_dir || op->born_nr != 1 || !b->wants_slot ||
	    m->n[0].below || !m->n[0].cell_off || m->kind != PLAIN)
		return 0;
	slot = dslot_slot(a64_load_relaxed(&m->n[0].cell->dslot));
	r = daxfs_slot_word(cx, m->dir[0].in, slot, 0, &word);
	if (r || !word)
		return r ? r : -EUCLEAN;
	b->wants_slot = 0;
	a64_store_relaxed(&b->cell->dslot, daxfs_dslot(cx, slot, 0));
	return daxfs_op_add(cx, word, m->n[0].cell_off, b->off);
}

/* A directory whose name comes from directory i goes to the other one. */
static int add_parent(struct daxfs_cx *cx, struct rename *m,
		      struct daxfs_iref *moved, u32 i)
{
	struct daxfs_a64 *parent = &moved->in->parent;
	u64 old;
	int r = daxfs_word_settle(cx, parent, &old);

	if (r)
		return r;
	if (parent_ino(old) != m->dir[i].ino)
		return -EAGAIN;
	return daxfs_op_add(cx, parent, old, parent_make(m->dir[!i].ino));
}

static int add_moves(struct daxfs_cx *cx, struct rename *m)
{
	int r = 0;

	if (!m->moves)
		return 0;
	if (m->is_dir[0])
		r = add_parent(cx, m, &m->src, 0);
	if (!r && m->is_dir[1] && m->kind == EXCHANGE)
		r = add_parent(cx, m, &m->victim, 1);
	return r;
}

/* What the counts of the two directories gain; less than nothing wraps. */
static void rename_gains(const struct rename *m, u64 *gain)
{
	u64 sub[2] = { m->is_dir[0] ? DIRSTATE_SUBDIR : 0,
		       m->is_dir[1] ? DIRSTATE_SUBDIR : 0 };

	gain[0] = -sub[0];
	gain[1] = m->n[1].found ? 0 : DIRSTATE_NAME + sub[0];
	if (m->kind == PLAIN)
		gain[0] -= DIRSTATE_NAME;
	if (m->kind == EXCHANGE) {
		gain[0] = sub[1] - sub[0];
		gain[1] = sub[0] - sub[1];
	}
}

/*
 * A directory whose counts stay has a name in the record: it stays, too, as
 * long as that does.
 */
static int add_counts(struct daxfs_cx *cx, struct rename *m)
{
	u32 first = m->dir[1].off < m->dir[0].off;
	u64 gain[2];
	int r = 0;

	rename_gains(m, gain);
	if (m->same_dir) {
		gain[0] += gain[1];
		gain[1] = 0;
	}
	for (u32 k = 0; k < 2 && !r; k++) {
		u32 i = first ^ k;

		if (gain[i])
			r = daxfs_op_add_counts(cx, &m->dir[i].in->dirstate,
						m->ds[i], gain[i]);
	}
	return r;
}

static int rename_fill(struct daxfs_cx *cx, struct name_arg *a, struct rename *m,
		       struct names_op *op)
{
	int r;

	if (m->kind == PLAIN)
		kills(cx, &m->n[0]);
	r = add_names(cx, a, m, op);
	if (!r && m->n[1].found && m->kind != EXCHANGE)
		r = take_link(cx, &m->victim, m->n[1].d_type);
	if (!r)
		r = add_moves(cx, m);
	if (!r)
		r = add_slot(cx, m, op);
	if (!r)
		r = add_counts(cx, m);
	if (!r && m->moves)
		r = daxfs_op_add(cx, &daxfs_top_layer(cx)->dirmove,
				 m->dirmove, m->dirmove + 8);
	return r;
}

/* Times that come with the commit, where layers freeze: see rename_post(). */
static void rename_touch(struct daxfs_cx *cx, struct rename *m)
{
	daxfs_op_touch(cx, m->dir[0].in, NAME_TIMES);
	if (!m->same_dir)
		daxfs_op_touch(cx, m->dir[1].in, NAME_TIMES);
	daxfs_op_touch(cx, m->src.in, DAXFS_TCH_CTIME);
	if (m->n[1].found)
		daxfs_op_touch(cx, m->victim.in, DAXFS_TCH_CTIME);
}

/* The whiteout has its name now. */
static void keep_made(struct daxfs_cx *cx, struct name_arg *a)
{
	a64_store_relaxed(&cx->sh->made_ino, 0);	/* before the end of the record */
	daxfs_count_inodes(cx, 1);
	a->made.in = NULL;
}

static int rename_post(struct daxfs_cx *cx, struct name_arg *a, struct rename *m)
{
	int r = 0;

	daxfs_touch(cx, m->dir[0].in, DAXFS_TOUCH_MTIME);
	if (!m->same_dir)
		daxfs_touch(cx, m->dir[1].in, DAXFS_TOUCH_MTIME);
	daxfs_touch(cx, m->src.in, DAXFS_TOUCH_CTIME);
	if (m->kind == WHITEOUT)
		keep_made(cx, a);
	if (m->kind == PLAIN)
		r = name_dispose(cx, &m->dir[0], &m->n[0]);
	if (r || !m->n[1].found)
		return r;
	daxfs_touch(cx, m->victim.in, DAXFS_TOUCH_CTIME);
	return m->kind == EXCHANGE ? 0 : daxfs_drop_if_unused(cx, &m->victim);
}

/* Errors that are true only if both names were there at one instant. */
static int is_about_both(int r)
{
	return r == -EEXIST || r == -EISDIR || r == -ENOTDIR || r == -EINVAL ||
	       r == -ENOTEMPTY;
}

static int rename_kind(u32 flags)
{
	return flags & DAXFS_RENAME_EXCHANGE ? EXCHANGE :
	       flags & DAXFS_RENAME_WHITEOUT ? WHITEOUT : PLAIN;
}

/*
 * The record. A whiteout is made for it and forgotten if it fails: recovery
 * asks the record of this context whether the inode that is noted has a name,
 * so no other one may be committed meanwhile, as rename_holds() does.
 */
static int rename_run(struct daxfs_cx *cx, struct name_arg *a, struct rename *m)
{
	struct names_op op = { .born_nr = 0 };
	int r = 0, e;

	if (m->kind == WHITEOUT)
		r = make_inode(cx, a, &m->dir[0]);
	if (r)
		return r;
	daxfs_op_begin(cx);
	rename_touch(cx, m);
	r = rename_fill(cx, a, m, &op);
	r = names_run(cx, &op, r);
	if (!r || m->kind != WHITEOUT)
		return r;
	e = forget_made(cx, a);
	return e ? e : r;
}

static int rename_fn(struct daxfs_cx *cx, struct name_arg *a)
{
	struct rename m = { .kind = rename_kind(a->flags) };
	int r = rename_prepare(cx, a, &m), e;

	if (!r)
		r = rename_run(cx, a, &m);
	else if (r > 0)
		return 0;
	/* Nothing is known of names in what is no directory. */
	if (m.n[0].found && is_about_both(r)) {
		e = rename_holds(cx, &m, r);
		return e ? e : r;
	}
	if (r)
		return r;
	r = rename_post(cx, a, &m);
	daxfs_op_end(cx);
	return r;
}

int daxfs_rename_as(struct daxfs_cx *cx, u64 dir, const char *name, u32 len,
		    u64 dir2, const char *name2, u32 len2, u32 flags,
		    u32 uid, u32 gid)
{
	struct daxfs_new whiteout = { .mode = S_IFCHR, .uid = uid, .gid = gid };
	struct name_arg a = { .dir = dir, .name = name, .len = len,
			      .dir2 = dir2, .name2 = name2, .len2 = len2,
			      .flags = flags, .what = &whiteout };

	if (flags & ~(DAXFS_RENAME_NOREPLACE | DAXFS_RENAME_EXCHANGE |
		      DAXFS_RENAME_WHITEOUT) ||
	    (flags & DAXFS_RENAME_EXCHANGE && flags != DAXFS_RENAME_EXCHANGE))
		return -EINVAL;
	if (dots(name, len) || dots(name2, len2))
		return -EBUSY;
	return call(cx, rename_fn, &a, 0);
}

int daxfs_rename(struct daxfs_cx *cx, u64 dir, const char *name, u32 len,
		 u64 dir2, const char *name2, u32 len2, u32 flags)
{
	return daxfs_rename_as(cx, dir, name, len, dir2, name2, len2, flags,
			       0, 0);
}

/* ---- merging ---- */

/* The name's own cell dies, also where one below is hidden by something else. */
static int fold_kill(struct daxfs_cx *cx, struct daxfs_iref *dir, struct daxfs_name *n)
{
	struct names_op op = { .born_nr = 0 };
	int r;

	daxfs_op_begin(cx);
	daxfs_op_garbage(cx, n->cell_off);
	r = daxfs_op_add(cx, &n->cell->cell.value, n->value,
			 value_make(DAXFS_V_DEAD, 0, 0));
	r = names_run(cx, &op, r);
	if (r)
		return r;
	r = daxfs_slot_clear(cx, dir, dslot_slot(a64_load_relaxed(&n->cell->dslot)),
			     n->cell_off);
	if (!r)
		r = daxfs_cell_dispose(cx, n->cell_off);
	daxfs_op_end(cx);
	return r;
}

/* Where the inode lies in this layer, if it does. */
static u64 hint_of(struct daxfs_cx *cx, u64 value)
{
	struct daxfs_iref ref;

	if (value_state(value) != DAXFS_V_LIVE || daxfs_iget(cx, value_ino(value), 0, &ref))
		return 0;
	return ref.off;
}

/* A new cell, or the one that is there: it gets that value, at that slot. */
static int fold_set(struct daxfs_cx *cx, struct daxfs_iref *dir, struct daxfs_name *n,
		    u64 value, u64 slot)
{
	struct names_op op = { .born_nr = 0 };
	int r;

	daxfs_op_begin(cx);
	n->slot = slot;
	r = change_name(cx, &op, dir, n, value, hint_of(cx, value));
	if (!r && op.born_nr) {
		op.born[0].given = 1;
		op.born[0].slot = slot;
		/* One of the base's, or of a lower layer's, is not ours to take. */
		op.born[0].wants_slot = slot >= dir->in->slot_base;
	}
	r = names_run(cx, &op, r);
	if (!r)
		daxfs_op_end(cx);
	return r;
}

int daxfs_name_fold(struct daxfs_cx *cx, struct daxfs_iref *dir, const char *name,
		    u32 len, u64 value, u64 slot)
{
	int live = value_state(value) == DAXFS_V_LIVE, r;
	struct daxfs_name n;

	r = daxfs_name_find(cx, dir, name, len, &n);
	if (r)
		return r;
	if (!n.cell_off) {
		if (!live && !n.found)
			return 0;
		return fold_set(cx, dir, &n, value, live ? slot : n.slot);
	}
	if (n.value == value && (!live || n.slot == slot))
		return 0;
	if (live ? n.slot == slot : n.below)
		return fold_set(cx, dir, &n, value, n.slot);
	r = fold_kill(cx, dir, &n);
	return r || !live ? r : -EAGAIN;
}
