// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A layer of tar entries is put over the tree of the layers below.
 *
 * Notes: what tar(1) does when it extracts, and the rules of OCI for
 * whiteouts: these hide what lower layers have, wherever in the layer they
 * come. Each name knows the layer that set it last, or that has something
 * below it. Links on the way to a name are followed inside the tree, so no
 * entry leads out of it. Nothing here calls itself: trees may be deep.
 */
#define _GNU_SOURCE
#include <stdlib.h>

#include "common.h"
#include "tar.h"

#define WHITEOUT	".wh."
#define OPAQUE		".wh..wh..opq"
#define META		".wh..wh."	/* of aufs; means nothing here */
#define MAX_LINKS	40u		/* on the way, as Linux has it */

struct applying {
	struct daxfs_tree *t;
	struct tar_archive *a;
	const struct tar_entry *e;
	u32 layer;
};

struct walk {			/* through a path */
	const struct daxfs_tree *t;
	u32 *up;		/* the directories that it is in */
	u64 depth, room;
	u32 name;		/* that the last step found, or NONE */
	char *path;		/* what is left of it, after links */
	const char *at;
	u32 links;
};

enum { FOUND, MISSING, BLOCKED, NO_MEMORY };

/* ---- paths ---- */

/* The next component of *p, which is moved behind it; its length, 0: none. */
static size_t next_part(const char **p, const char **part)
{
	size_t len;

	do {
		*p += strspn(*p, "/");
		len = strcspn(*p, "/");
		*part = *p;
		*p += len;
	} while (len == 1 && **part == '.');
	return len;
}

static int is_last(const char *rest)
{
	const char *part;

	return !next_part(&rest, &part);
}

static int is_dotdot(const char *part, size_t len)
{
	return len == 2 && part[0] == '.' && part[1] == '.';
}

static int has_dotdot(const char *path)
{
	const char *part;
	size_t len;

	while ((len = next_part(&path, &part)))
		if (is_dotdot(part, len))
			return 1;
	return 0;
}

static int begins(const char *part, size_t len, const char *with)
{
	return len >= strlen(with) && !memcmp(part, with, strlen(with));
}

static int is_opaque(const char *part, size_t len)
{
	return len == strlen(OPAQUE) && begins(part, len, OPAQUE);
}

/* Does it belong to what aufs keeps for itself? */
static int is_meta(const char *path)
{
	const char *part;
	size_t len;

	while ((len = next_part(&path, &part)))
		if (begins(part, len, META) &&
		    !(is_opaque(part, len) && is_last(path)))
			return 1;
	return 0;
}

/* ---- walking, links followed ---- */

static int walk_begin(struct walk *w, const struct daxfs_tree *t,
		      const char *path)
{
	memset(w, 0, sizeof(*w));
	w->t = t;
	w->room = 16;
	w->up = malloc(w->room * sizeof(*w->up));
	w->path = strdup(path);
	w->at = w->path;
	if (!w->up || !w->path)
		return NO_MEMORY;
	w->up[w->depth++] = 0;
	return FOUND;
}

static void walk_end(struct walk *w)
{
	free(w->up);
	free(w->path);
}

static u32 walk_dir(const struct walk *w)
{
	return w->up[w->depth - 1];
}

static int walk_enter(struct walk *w, u32 dir)
{
	void *p;

	if (w->depth == w->room) {
		p = reallocarray(w->up, 2 * w->room, sizeof(*w->up));
		if (!p)
			return NO_MEMORY;
		w->up = p;
		w->room *= 2;
	}
	w->up[w->depth++] = dir;
	return FOUND;
}

/* What is left becomes target/rest. */
static int walk_link(struct walk *w, const char *target)
{
	size_t rest = strlen(w->at), len = strlen(target);
	char *p;

	if (++w->links > MAX_LINKS)
		return BLOCKED;
	p = malloc(len + 1 + rest + 1);
	if (!p)
		return NO_MEMORY;
	memcpy(p, target, len);
	p[len] = '/';
	memcpy(p + len + 1, w->at, rest + 1);
	if (*target == '/')
		w->depth = 1;
	free(w->path);
	w->path = p;
	w->at = p;
	return FOUND;
}

/* BLOCKED: it is neither a directory nor a link. */
static int walk_step(struct walk *w, const char *part, size_t len)
{
	const struct daxfs_tree *t = w->t;
	const struct daxfs_tree_file *f;

	w->name = DAXFS_TREE_NONE;
	if (is_dotdot(part, len)) {
		w->depth -= w->depth > 1;
		return FOUND;
	}
	w->name = daxfs_tree_find(t, walk_dir(w), part, len);
	if (w->name == DAXFS_TREE_NONE)
		return MISSING;
	f = &t->file[t->name[w->name].file];
	if (S_ISLNK(f->mode))
		return walk_link(w, f->target);
	if (S_ISDIR(f->mode))
		return walk_enter(w, t->name[w->name].file);
	return BLOCKED;
}

/* To the directory of the last component, *part; *len 0: it is the root. */
static int walk_parent(struct walk *w, const char **part, size_t *len)
{
	int r = FOUND;

	while ((*len = next_part(&w->at, part)) && !is_last(w->at)) {
		r = walk_step(w, *part, *len);
		if (r != FOUND)
			break;
	}
	return r;
}

u32 tar_layer_find(const struct daxfs_tree *t, const char *path)
{
	u32 file = DAXFS_TREE_NONE;
	const char *part;
	struct walk w;
	size_t len;
	int r = walk_begin(&w, t, path);

	while (r == FOUND && (len = next_part(&w.at, &part)))
		r = walk_step(&w, part, len);
	if (r == FOUND)
		file = walk_dir(&w);
	else if (r == BLOCKED && w.links <= MAX_LINKS && is_last(w.at))
		file = t->name[w.name].file;
	walk_end(&w);
	return file;
}

/* ---- errors ---- */

static int too_long(const struct applying *ap)
{
	return tar_entry_error(ap->a, ap->e->path, "a name is longer than 255 "
			       "bytes; make the archive without it");
}

static int walk_failed(const struct applying *ap, int r)
{
	if (r == NO_MEMORY)
		return tar_no_memory(ap->a);
	return tar_entry_error(ap->a, ap->e->path, "something on the way to "
			       "it is not a directory; get the archive anew");
}

/* ---- adding ---- */

static int add_name(struct applying *ap, u32 dir, const char *part, size_t len,
		    u32 file)
{
	char *copy;
	u32 name;

	if (len > DAXFS_NAME_MAX)
		return too_long(ap);
	copy = daxfs_arena_copy(&ap->a->arena, part, len);
	if (!copy || daxfs_tree_add_name(ap->t, dir, copy, (u16)len, file,
					 &name))
		return tar_no_memory(ap->a);
	ap->t->name[name].layer = ap->layer;
	return 0;
}

/* A directory that the archive has something in, but not itself. */
static int make_parent(struct applying *ap, struct walk *w, const char *part,
		       size_t len)
{
	const struct daxfs_tree_file f = {
		.mode = S_IFDIR | 0755, .mtime = ap->e->file.mtime, .fd = -1,
	};
	u32 file;

	if (daxfs_tree_add_file(ap->t, &f, &file))
		return tar_no_memory(ap->a);
	if (add_name(ap, walk_dir(w), part, len, file))
		return -1;
	return walk_enter(w, file) == FOUND ? 0 : tar_no_memory(ap->a);
}

static int enter_or_make(struct applying *ap, struct walk *w, const char *part,
			 size_t len)
{
	struct daxfs_tree *t = ap->t;
	int r = walk_step(w, part, len);

	if (r == MISSING)
		return make_parent(ap, w, part, len);
	/* What a lower layer has there gives way. */
	if (r == BLOCKED && w->links <= MAX_LINKS &&
	    t->name[w->name].layer < ap->layer) {
		daxfs_tree_remove(t, w->name);
		return make_parent(ap, w, part, len);
	}
	if (r != FOUND)
		return walk_failed(ap, r);
	if (w->name != DAXFS_TREE_NONE &&
	    S_ISDIR(t->file[t->name[w->name].file].mode))
		t->name[w->name].layer = ap->layer;
	return 0;
}

/* As walk_parent(), and what is missing is made. */
static int make_parents(struct applying *ap, struct walk *w, const char **part,
			size_t *len)
{
	while ((*len = next_part(&w->at, part)) && !is_last(w->at))
		if (enter_or_make(ap, w, *part, *len))
			return -1;
	return 0;
}

static void set_attributes(struct daxfs_tree_file *to,
			   const struct daxfs_tree_file *from)
{
	u32 first = to->first;

	*to = *from;
	to->first = first;
}

static int put_root(struct applying *ap)
{
	if (ap->e->link || !S_ISDIR(ap->e->file.mode))
		return tar_entry_error(ap->a, ap->e->path, "is the root of the "
				       "archive, but not a directory; get the "
				       "archive anew");
	set_attributes(&ap->t->file[0], &ap->e->file);
	return 0;
}

static int put_file(struct applying *ap, u32 dir, const char *part, size_t len)
{
	const struct daxfs_tree_file *f = &ap->e->file;
	struct daxfs_tree *t = ap->t;
	u32 name = daxfs_tree_find(t, dir, part, len), file;

	if (name != DAXFS_TREE_NONE) {
		struct daxfs_tree_file *old = &t->file[t->name[name].file];

		if (S_ISDIR(f->mode) && S_ISDIR(old->mode)) {
			set_attributes(old, f);
			t->name[name].layer = ap->layer;
			return 0;
		}
		daxfs_tree_remove(t, name);
	}
	if (daxfs_tree_add_file(t, f, &file))
		return tar_no_memory(ap->a);
	return add_name(ap, dir, part, len, file);
}

/* ---- hard links ---- */

/* The file that has that name; NONE if there is none, or a directory. */
static u32 link_target(const struct daxfs_tree *t, const char *path)
{
	u32 name = DAXFS_TREE_NONE, file = DAXFS_TREE_NONE;
	const char *part;
	struct walk w;
	size_t len;

	if (walk_begin(&w, t, path) == FOUND &&
	    walk_parent(&w, &part, &len) == FOUND && len)
		name = daxfs_tree_find(t, walk_dir(&w), part, len);
	if (name != DAXFS_TREE_NONE)
		file = t->name[name].file;
	if (file != DAXFS_TREE_NONE && S_ISDIR(t->file[file].mode))
		file = DAXFS_TREE_NONE;
	walk_end(&w);
	return file;
}

static int put_link(struct applying *ap, u32 dir, const char *part, size_t len)
{
	const char *to = ap->e->link;
	struct daxfs_tree *t = ap->t;
	u32 file = has_dotdot(to) ? DAXFS_TREE_NONE : link_target(t, to), name;

	if (file == DAXFS_TREE_NONE)
		return tar_entry_error(ap->a, ap->e->path, "is a hard link to "
				       "%.200s, which is not there; make the "
				       "archive with both", to);
	name = daxfs_tree_find(t, dir, part, len);
	if (name != DAXFS_TREE_NONE) {
		t->name[name].layer = ap->layer;
		if (t->name[name].file == file)
			return 0;
		daxfs_tree_remove(t, name);
	}
	return add_name(ap, dir, part, len, file);
}

/* ---- whiteouts ---- */

/* Take away what lower layers have in dir; *dirs gets what is left to do. */
static int hide_in(struct applying *ap, u32 dir, u32 **dirs, u64 *nr, u64 *room)
{
	struct daxfs_tree *t = ap->t;
	u32 i, next;

	for (i = t->file[dir].first; i != DAXFS_TREE_NONE; i = next) {
		const struct daxfs_tree_name *n = &t->name[i];

		next = n->next;
		if (n->layer < ap->layer) {
			daxfs_tree_remove(t, i);
			continue;
		}
		if (!S_ISDIR(t->file[n->file].mode))
			continue;
		if (*nr == *room) {
			u64 want = *room ? 2 * *room : 64;
			u32 *p = reallocarray(*dirs, want, sizeof(*p));

			if (!p)
				return tar_no_memory(ap->a);
			*dirs = p;
			*room = want;
		}
		(*dirs)[(*nr)++] = n->file;
	}
	return 0;
}

static int hide_below(struct applying *ap, u32 dir)
{
	u64 nr = 0, room = 0;
	u32 *dirs = NULL;
	int err = hide_in(ap, dir, &dirs, &nr, &room);

	while (!err && nr)
		err = hide_in(ap, dirs[--nr], &dirs, &nr, &room);
	free(dirs);
	return err;
}

static int hide_name(struct applying *ap, u32 dir, const char *part, size_t len)
{
	struct daxfs_tree *t = ap->t;
	u32 name = daxfs_tree_find(t, dir, part, len);

	if (name == DAXFS_TREE_NONE)
		return 0;
	if (t->name[name].layer < ap->layer) {
		daxfs_tree_remove(t, name);
		return 0;
	}
	return S_ISDIR(t->file[t->name[name].file].mode) ?
	       hide_below(ap, t->name[name].file) : 0;
}

/* Is the last component that of a whiteout? */
static int is_whiteout(const char *path)
{
	const char *part = path;
	size_t len = 0, n;
	const char *p;

	while ((n = next_part(&path, &p))) {
		part = p;
		len = n;
	}
	return begins(part, len, WHITEOUT);
}

static int apply_whiteout(struct applying *ap)
{
	const size_t head = strlen(WHITEOUT);
	const char *part;
	struct walk w;
	size_t len;
	int r = walk_begin(&w, ap->t, ap->e->path), err = 0;

	if (r == FOUND)
		r = walk_parent(&w, &part, &len);
	if (r == NO_MEMORY)
		err = walk_failed(ap, r);
	else if (r == FOUND && is_opaque(part, len))
		err = hide_below(ap, walk_dir(&w));
	else if (r == FOUND)
		err = hide_name(ap, walk_dir(&w), part + head, len - head);
	/* Else there is nothing below that could be hidden. */
	walk_end(&w);
	return err;
}

/* ---- all of it ---- */

static int apply_entry(struct applying *ap)
{
	const struct tar_entry *e = ap->e;
	const char *part;
	struct walk w;
	size_t len;
	int err;

	if (has_dotdot(e->path))
		return tar_entry_error(ap->a, e->path, "names with .. lead out "
				       "of the archive; make it without");
	if (is_meta(e->path))
		return 0;
	if (is_whiteout(e->path))
		return apply_whiteout(ap);
	err = walk_begin(&w, ap->t, e->path) == FOUND ? 0 :
	      tar_no_memory(ap->a);
	if (!err)
		err = make_parents(ap, &w, &part, &len);
	if (!err)
		err = !len ? put_root(ap) :
		      e->link ? put_link(ap, walk_dir(&w), part, len) :
		      put_file(ap, walk_dir(&w), part, len);
	walk_end(&w);
	return err;
}

int tar_layer_apply(struct daxfs_tree *t, struct tar_archive *a, u32 layer)
{
	struct applying ap = { .t = t, .a = a, .layer = layer };
	u64 i;

	for (i = 0; i < a->nr; i++) {
		ap.e = &a->entry[i];
		if (apply_entry(&ap))
			return -1;
	}
	return 0;
}
