// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Checking the index: buckets, cells, keys, and counts of names and links.
 *
 * Notes: one pass over the buckets of the root table and its successor. What
 * other hosts change meanwhile is not held against the region: findings are
 * about states that no order of steps can leave, or, for counts, about
 * directories that did not change during their recount.
 */
#include "dir.h"
#include "index.h"
#include "pool.h"
#include "record.h"
#include "region.h"
#include "view.h"
#include "word.h"

static void say(struct daxfs_check *ck, const char *where, u64 id, const char *what)
{
	ck->problems++;
	if (ck->report)
		ck->report(ck->arg, where, id, what);
}

/* A finding about a cell counts if nobody has changed the cell meanwhile. */
static void say_of(struct daxfs_cx *cx, struct daxfs_check *ck,
		   struct daxfs_cell *cell, u64 value, const char *where, u64 id,
		   const char *what)
{
	u64 now;

	if (cell && (daxfs_word_read(cx->rg, &cell->value, &now) || now != value))
		return;
	say(ck, where, id, what);
}

/* An object of that type, owned, in a slab page. */
static int cell_memory_ok(struct daxfs_cx *cx, u64 off, u32 type)
{
	struct daxfs_a64 *page = daxfs_page_info(cx->rg,
						 off & ~(DAXFS_PAGE_SIZE - 1));
	struct daxfs_a64 *obj = daxfs_at(cx->rg, off, 64, 64);
	u64 v;

	if (!page || !obj ||
	    daxfs_slab_class(a64_load_acquire(page)) == DAXFS_NO_CLASS)	/* [SLB] */
		return 0;
	v = a64_load_relaxed(obj);
	return DAXFS_KIND(v) == DAXFS_I_OWNED && info_type(v) == type;
}

/* Does the index find this cell by its key? */
static int found_by_key(struct daxfs_cx *cx, const struct daxfs_key *k, u64 off)
{
	u64 found, v;

	return !daxfs_index_find(cx, k, &found, &v) && found == off;
}

static void check_dirent(struct daxfs_cx *cx, struct daxfs_check *ck, u64 off,
			 u64 value)
{
	struct daxfs_dirent_cell *c = daxfs_at(cx->rg, off, 64, 64);
	struct daxfs_iref ref;
	struct daxfs_stat st;
	struct daxfs_key k;
	u32 len = c ? c->name_len : 0;	/* once */
	u64 dir;

	if (!c || !cell_memory_ok(cx, off, DAXFS_T_DIRENT) ||
	    !daxfs_at(cx->rg, off, DAXFS_DIRENT_NAME_OFF + len, 64)) {
		say_of(cx, ck, c ? &c->cell : NULL, value, "index", off,
		       "bucket refers to memory that is no name");
		return;
	}
	dir = DAXFS_KEY_INO(a64_load_relaxed(&c->cell.key));
	k = daxfs_key_dirent(cx->rg, dir, (const char *)c->name, len);
	if (a64_load_relaxed(&c->cell.hash) != k.hash)
		say_of(cx, ck, &c->cell, value, "index", off,
		       "hash of a name is wrong");
	else if (!found_by_key(cx, &k, off))
		say_of(cx, ck, &c->cell, value, "index", off,
		       "name is not found by its key");
	if (value_state(value) != DAXFS_V_LIVE)
		return;
	if (daxfs_iget(cx, dir, 0, &ref))
		say_of(cx, ck, &c->cell, value, "name", off,
		       "its directory does not exist");
	if (daxfs_iget(cx, value_ino(value), 0, &ref) ||
	    daxfs_ref_stat(cx, &ref, &st))
		say_of(cx, ck, &c->cell, value, "name", value_ino(value),
		       "refers to no inode");
	else if (st.mode >> 12 != value_type(value))
		say_of(cx, ck, &c->cell, value, "name", value_ino(value),
		       "type differs from the inode's");
}

struct recount {
	u64 names, subdirs;
};

static int recount_emit(void *arg, const struct daxfs_dirent *de)
{
	struct recount *n = arg;

	if (de->name[0] == '.' && (de->name_len == 1 ||
	    (de->name_len == 2 && de->name[1] == '.')))
		return 0;
	n->names++;
	n->subdirs += de->d_type == S_IFDIR >> 12;
	return 0;
}

/* The counts of a directory against its listing, if it holds still. */
static void check_dir_counts(struct daxfs_cx *cx, struct daxfs_check *ck,
			     const struct daxfs_iref *ref)
{
	struct recount n = { 0, 0 };
	u64 before, after;
	int r;

	if (daxfs_word_read(cx->rg, &ref->in->dirstate, &before) ||
	    (before & DAXFS_DIR_DEAD))
		return;
	r = daxfs_readdir(cx, ref->ino, 0, recount_emit, &n);
	if (daxfs_word_read(cx->rg, &ref->in->dirstate, &after) || before != after)
		return;		/* it may be gone by now */
	if (r) {
		say(ck, "directory", ref->ino, "cannot be listed");
		return;
	}
	if (n.names != dirstate_names(before))
		say(ck, "directory", ref->ino, "count of names differs from its listing");
	if (n.subdirs != dirstate_subdirs(before))
		say(ck, "directory", ref->ino, "count of subdirectories differs");
}

/* One that is being dropped has no attributes for a moment. */
static int is_dropping(struct daxfs_cx *cx, struct daxfs_inode *in)
{
	u64 nlink;

	return !daxfs_word_read(cx->rg, &in->nlink, &nlink) &&
	       (nlink & DAXFS_NLINK_DROPPING);
}

static void check_inode(struct daxfs_cx *cx, struct daxfs_check *ck, u64 off,
			u64 value)
{
	struct daxfs_inode *in = daxfs_at(cx->rg, off, sizeof(*in), 64);
	struct daxfs_iref ref;
	struct daxfs_stat st;
	struct daxfs_key k;
	u64 ino;

	if (!in || !cell_memory_ok(cx, off, DAXFS_T_INODE)) {
		say_of(cx, ck, in ? &in->cell : NULL, value, "index", off,
		       "bucket refers to memory that is no inode");
		return;
	}
	ino = DAXFS_KEY_INO(a64_load_relaxed(&in->cell.key));
	k = daxfs_key_inode(cx->rg, ino);
	if (!found_by_key(cx, &k, off)) {
		say_of(cx, ck, &in->cell, value, "inode", ino,
		       "is not found by its number");
		return;
	}
	if (daxfs_iget(cx, ino, off, &ref) || !ref.in ||
	    daxfs_ref_stat(cx, &ref, &st)) {
		if (!is_dropping(cx, in))
			say_of(cx, ck, &in->cell, value, "inode", ino,
			       "attributes cannot be read");
		return;
	}
	if (st.size > DAXFS_MAX_FILE)
		say(ck, "inode", ino, "size is impossible");
	if (S_ISDIR(st.mode))
		check_dir_counts(cx, ck, &ref);
}

static int check_cell(struct daxfs_cx *cx, void *arg, u64 bucket,
		      struct daxfs_cell *cell)
{
	u64 off = daxfs_off(cx->rg, cell), key = a64_load_relaxed(&cell->key), v;
	struct daxfs_check *ck = arg;

	(void)bucket;
	if (daxfs_word_read(cx->rg, &cell->value, &v)) {
		say(ck, "index", off, "claim of a cell refers to no record");
		return 0;
	}
	if (value_state(v) == DAXFS_V_DEAD)
		return 0;	/* about to be buried */
	ck->cells++;
	if (value_state(v) == DAXFS_V_NONE)
		say(ck, "index", off, "cell has no value");
	else if (key & DAXFS_KEY_DIRENT)
		check_dirent(cx, ck, off, v);
	else if (value_state(v) == DAXFS_V_LIVE)
		check_inode(cx, ck, off, v);
	return 0;
}

/* ---- which layers ---- */

struct layers {
	u64 w[DAXFS_LAYERS_MAX / 64];
};

/* Is layer i of the view the lower one of two that are being merged? */
static int is_merged_into(struct daxfs_cx *cx, u32 i)
{
	u64 v = 0;

	if (!i || cx->view.flat)
		return 0;
	daxfs_word_read(cx->rg, &daxfs_layer_at(cx->rg, cx->view.layer[i - 1])->reap_cursor,
			&v);
	return cursor_pass(v) != 0;
}

static void note_view(struct daxfs_cx *cx, struct layers *m)
{
	for (u32 i = 0; i < cx->view.nr; i++)
		if (!is_merged_into(cx, i))
			m->w[cx->view.layer[i] / 64 % (DAXFS_LAYERS_MAX / 64)] |=
				1ull << cx->view.layer[i] % 64;
}

/*
 * Layers that somebody can see. Not those that the one above is being merged into:
 * nobody looks through them alone.
 */
static int seen_layers(struct daxfs_cx *cx, struct layers *m)
{
	u32 nr = (u32)cx->rg->area[DAXFS_AREA_BRANCHES].nr;
	u64 head;
	int r = daxfs_view_main(cx);

	memset(m, 0, sizeof(*m));
	if (!r)
		r = daxfs_word_read(cx->rg, &daxfs_globals(cx->rg)->head.word, &head);
	if (r)
		return r;
	note_view(cx, m);
	for (u32 i = 0; i < nr; i++) {
		struct daxfs_branch_ref br = { .b = daxfs_branch_at(cx->rg, i) };

		if (daxfs_word_read(cx->rg, &br.b->word, &br.word) ||
		    branch_state(br.word) != DAXFS_BR_LIVE ||
		    daxfs_branch_valid(cx->rg, &br, head))
			continue;
		r = daxfs_view_of(cx, branch_top(br.word));
		if (r)
			return r;
		note_view(cx, m);
	}
	return 0;
}

/* ---- one layer, or all there is ---- */

/* Inside a section of its own. 0, or why it could not be looked at. */
static int check_cells(struct daxfs_cx *cx, struct daxfs_check *ck, u32 layer)
{
	int r = daxfs_enter(cx);

	if (r)
		return r;
	r = daxfs_view_of(cx, layer);
	if (!r && daxfs_index_walk(cx, check_cell, ck))
		say(ck, "index", cx->view.flat ? 0 : layer, "a table is damaged");
	cx->view.head = 0;
	daxfs_leave(cx);
	return r;
}

/* Layers end while others are looked at: what is found in one that has is nothing. */
static int check_layer(struct daxfs_cx *cx, struct daxfs_check *ck, u32 layer)
{
	struct daxfs_a64 *word = &daxfs_layer_at(cx->rg, layer)->word;
	struct daxfs_check quiet = *ck;
	u64 before, after;
	int r = daxfs_word_read(cx->rg, word, &before);

	quiet.report = NULL;
	if (!r)
		r = check_cells(cx, &quiet, layer);
	if (r || quiet.problems == ck->problems) {
		ck->cells = quiet.cells;
		return r;
	}
	r = daxfs_word_read(cx->rg, word, &after);
	return r || layer_version(before) != layer_version(after) ? r :
	       check_cells(cx, ck, layer);
}

static int check_layers(struct daxfs_cx *cx, struct daxfs_check *ck)
{
	u32 nr = (u32)cx->rg->area[DAXFS_AREA_LAYERS].nr;
	struct layers m;
	int r = daxfs_enter(cx);

	if (r)
		return r;
	r = seen_layers(cx, &m);
	cx->view.head = 0;
	daxfs_leave(cx);
	if (r)
		say(ck, "layer", 0, "what lies on what cannot be followed");
	for (u32 i = 1; i < nr && !r; i++)
		if (m.w[i / 64] >> i % 64 & 1)
			r = check_layer(cx, ck, i);
	return r == -EUCLEAN ? 0 : r;
}

int daxfs_check_index(struct daxfs_cx *cx, struct daxfs_check *ck)
{
	int r;

	if (!daxfs_has_overlay(cx->rg))
		return 0;
	r = daxfs_is_branching(cx->rg) ? check_layers(cx, ck) : check_cells(cx, ck, 1);
	if (r)
		return r;
	return ck->problems ? -EUCLEAN : 0;
}
