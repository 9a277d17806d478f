// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * daxfs-branch diff: what one branch has, and another has not, or differently.
 *
 * Notes: the core says which names and inodes differ, in time of what was changed; for
 * paths the two trees are walked once, so that is in time of their names. A name that
 * goes and one that comes of the same inode are a rename, once; what is left of either
 * kind is said by itself.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>

#include <json-c/json.h>

#include "branch.h"

#define TRIES	10		/* a commit or a checkpoint comes in between */

enum kind { CREATED, DELETED, REPLACED, RENAMED, MODIFIED, METADATA };

static const char *const kind_text[] = {
	"created", "deleted", "replaced", "renamed", "modified", "metadata",
};

struct line {
	enum kind kind;
	char *path, *from;	/* from: of a rename */
};

struct place {			/* a path of an inode; a directory has one */
	u64 ino;
	char *path;
};

struct places {
	struct place *p;
	size_t nr;
};

struct diff {			/* d: inodes first, then names that go, then others */
	struct branch_access *a;
	struct daxfs_cx *cx;
	u64 id[2];		/* from, to */
	struct daxfs_diff *d;
	size_t nr, inodes, gone;
	struct places dirs[2], files;	/* by number; files: of to, that differ */
	struct line *line;
	size_t line_nr;
};

/* ---- memory ---- */

static void *more(void *array, size_t nr, size_t size)
{
	void *p = nr & (nr - 1) ? array : reallocarray(array, nr ? nr * 2 : 1, size);

	if (!p) {
		daxfs_tool_error("out of memory");
		exit(BRANCH_FAILED);
	}
	return p;
}

static char *join(const char *dir, const char *name)
{
	char *path;

	if (asprintf(&path, "%s%s%s", dir, *dir ? "/" : "", name) < 0) {
		daxfs_tool_error("out of memory");
		exit(BRANCH_FAILED);
	}
	return path;
}

static void add_place(struct places *s, u64 ino, char *path)
{
	s->p = more(s->p, s->nr, sizeof(*s->p));
	s->p[s->nr++] = (struct place){ ino, path };
}

static void add_line(struct diff *f, enum kind kind, char *path, char *from)
{
	f->line = more(f->line, f->line_nr, sizeof(*f->line));
	f->line[f->line_nr++] = (struct line){ kind, path, from };
}

static void free_places(struct places *s)
{
	for (size_t i = 0; i < s->nr; i++)
		free(s->p[i].path);
	free(s->p);
}

/* ---- what the core says ---- */

static int take(void *arg, const struct daxfs_diff *d)
{
	struct diff *f = arg;

	f->d = more(f->d, f->nr, sizeof(*f->d));
	f->d[f->nr++] = *d;
	return 0;
}

static int collect(struct diff *f)
{
	void *scratch = malloc(daxfs_branch_diff_scratch());
	int r = scratch ? -EBUSY : -ENOMEM;

	for (int i = 0; i < TRIES && r == -EBUSY; i++) {
		f->nr = 0;
		r = daxfs_branch_diff(f->cx, f->id[0], f->id[1], take, f, scratch);
	}
	free(scratch);
	return r;
}

static int rank(const struct daxfs_diff *d)
{
	if (!(d->what & (DAXFS_DIFF_ADDED | DAXFS_DIFF_REMOVED)))
		return 0;
	return d->what == DAXFS_DIFF_REMOVED ? 1 : 2;
}

static int by_rank(const void *x, const void *y)
{
	const struct daxfs_diff *a = x, *b = y;

	if (rank(a) != rank(b))
		return rank(a) - rank(b);
	return a->ino_before < b->ino_before ? -1 : a->ino_before > b->ino_before;
}

static int by_before(const void *x, const void *y)
{
	const struct daxfs_diff *a = x, *b = y;

	return a->ino_before < b->ino_before ? -1 : a->ino_before > b->ino_before;
}

static void sort(struct diff *f)
{
	if (f->nr)
		qsort(f->d, f->nr, sizeof(*f->d), by_rank);
	for (size_t i = 0; i < f->nr; i++) {
		f->inodes += rank(&f->d[i]) == 0;
		f->gone += rank(&f->d[i]) == 1;
	}
}

/* One of d[from], ..., nr of them, that was of inode ino; NULL: none. */
static struct daxfs_diff *find(const struct diff *f, size_t from, size_t nr, u64 ino)
{
	struct daxfs_diff key = { .ino_before = ino };

	return nr ? bsearch(&key, f->d + from, nr, sizeof(key), by_before) : NULL;
}

/* ---- paths ---- */

static int by_ino(const void *x, const void *y)
{
	const struct place *a = x, *b = y;

	return a->ino < b->ino ? -1 : a->ino > b->ino;
}

static const struct place *place_of(const struct places *s, u64 ino)
{
	struct place key = { .ino = ino };

	return s->nr ? bsearch(&key, s->p, s->nr, sizeof(key), by_ino) : NULL;
}

struct entry {
	u64 ino;
	int is_dir;
	char *name;
};

struct entries {
	struct entry *e;
	size_t nr;
};

static int take_entry(void *arg, const struct daxfs_dirent *de)
{
	struct entries *s = arg;

	if (!strcmp(de->name, ".") || !strcmp(de->name, ".."))
		return 0;
	s->e = more(s->e, s->nr, sizeof(*s->e));
	s->e[s->nr++] = (struct entry){ de->ino, de->d_type == 4, strdup(de->name) };
	if (!s->e[s->nr - 1].name) {
		daxfs_tool_error("out of memory");
		exit(BRANCH_FAILED);
	}
	return 0;
}

/* All directories of one side; of the other side also the files that differ. */
static int walk(struct diff *f, int side)
{
	struct places *dirs = &f->dirs[side];
	int r = 0;

	add_place(dirs, DAXFS_ROOT_INO, join("", ""));
	for (size_t at = 0; at < dirs->nr && !r; at++) {
		struct entries s = { NULL, 0 };

		r = daxfs_readdir(f->cx, dirs->p[at].ino, 0, take_entry, &s);
		for (size_t i = 0; i < s.nr; i++) {
			char *path = join(dirs->p[at].path, s.e[i].name);

			if (side && find(f, 0, f->inodes, s.e[i].ino))
				add_place(&f->files, s.e[i].ino, join("", path));
			if (s.e[i].is_dir)
				add_place(dirs, s.e[i].ino, path);
			else
				free(path);
			free(s.e[i].name);
		}
		free(s.e);
	}
	qsort(dirs->p, dirs->nr, sizeof(*dirs->p), by_ino);
	return r;
}

/* A host looks at what it shows; nobody else uses this one. */
static int walk_as(struct diff *f, int side)
{
	struct daxfs_region *rg = daxfs_mount_region(f->a->m);
	int r;

	a64_store_volatile(&rg->view, f->id[side]);
	r = walk(f, side);
	a64_store_volatile(&rg->view, 0);
	return r;
}

/* ---- lines ---- */

static char *path_of(const struct diff *f, int side, const struct daxfs_diff *d)
{
	const struct place *dir = place_of(&f->dirs[side], d->dir);

	return dir ? join(dir->path, d->name) : NULL;
}

/* A name of that inode that has gone, and was not said yet; NULL: none. */
static struct daxfs_diff *where_from(struct diff *f, const struct daxfs_diff *to)
{
	struct daxfs_diff *first = f->d + f->inodes, *end = first + f->gone;
	struct daxfs_diff *d = find(f, f->inodes, f->gone, to->ino);

	while (d && d > first && d[-1].ino_before == to->ino)
		d--;
	while (d && d < end && d->ino_before == to->ino && !d->what)
		d++;
	return d && d < end && d->ino_before == to->ino ? d : NULL;
}

static void name_lines(struct diff *f)
{
	for (size_t i = 0; i < f->nr; i++) {
		struct daxfs_diff *d = &f->d[i], *from;
		char *path;

		if (!(d->what & DAXFS_DIFF_ADDED))
			continue;
		path = path_of(f, 1, d);
		from = d->what == DAXFS_DIFF_ADDED ? where_from(f, d) : NULL;
		if (!path)
			continue;
		add_line(f, from ? RENAMED : d->what & DAXFS_DIFF_REMOVED ? REPLACED :
			 CREATED, path, from ? path_of(f, 0, from) : NULL);
		if (from)
			from->what = 0;
	}
	for (size_t i = 0; i < f->nr; i++) {
		char *path = f->d[i].what == DAXFS_DIFF_REMOVED ?
			     path_of(f, 0, &f->d[i]) : NULL;

		if (path)
			add_line(f, DELETED, path, NULL);
	}
}

static void inode_lines(struct diff *f)
{
	for (size_t k = 0; k < f->files.nr; k++) {
		const struct daxfs_diff *d = find(f, 0, f->inodes, f->files.p[k].ino);

		add_line(f, d->what & DAXFS_DIFF_CONTENT ? MODIFIED : METADATA,
			 join("", f->files.p[k].path), NULL);
	}
	if (find(f, 0, f->inodes, DAXFS_ROOT_INO))
		add_line(f, METADATA, join("", "."), NULL);
}

static int by_path(const void *x, const void *y)
{
	const struct line *a = x, *b = y;
	int r = strcmp(a->path, b->path);

	return r ? r : (int)a->kind - (int)b->kind;
}

static void print_text(const struct diff *f)
{
	for (size_t i = 0; i < f->line_nr; i++) {
		const struct line *l = &f->line[i];

		if (l->from)
			printf("%-8s  %s -> %s\n", kind_text[l->kind], l->from, l->path);
		else
			printf("%-8s  %s\n", kind_text[l->kind], l->path);
	}
}

static void print_json(const struct diff *f)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < f->line_nr; i++) {
		const struct line *l = &f->line[i];
		struct json_object *o = json_object_new_object();

		json_object_object_add(o, "what",
				       json_object_new_string(kind_text[l->kind]));
		json_object_object_add(o, "path", json_object_new_string(l->path));
		if (l->from)
			json_object_object_add(o, "from",
					       json_object_new_string(l->from));
		json_object_array_add(list, o);
	}
	puts(json_object_to_json_string_ext(list, JSON_C_TO_STRING_PRETTY));
	json_object_put(list);
}

static int run(struct diff *f, const struct branch *br)
{
	int r = collect(f);

	sort(f);
	if (!r)
		r = walk_as(f, 0);
	if (!r)
		r = walk_as(f, 1);
	if (r)
		return branch_failed(f->a, "compare", br->name, r);
	name_lines(f);
	inode_lines(f);
	if (f->line_nr)
		qsort(f->line, f->line_nr, sizeof(*f->line), by_path);
	if (br->json)
		print_json(f);
	else
		print_text(f);
	return BRANCH_OK;
}

/* Ids by names, through the mount if there is one: NULL is what that shows. */
static int find_both(const struct branch *br, u64 *id)
{
	struct daxfs_ioc_branch to, from;
	struct branch_access a;
	int status = branch_open(&a, br, 1);

	if (status)
		return status;
	status = branch_find(&a, "compare", br->name, &to);
	id[1] = to.id;
	id[0] = to.parent;
	if (!status && br->other) {
		status = branch_find(&a, "compare", br->other, &from);
		id[0] = from.id;
	}
	branch_close(&a);
	return status;
}

int branch_diff(const struct branch *br)
{
	struct branch_access a = { .fd = -1 };
	struct diff f = { .a = &a };
	struct branch at = *br;
	char *region;
	int status = find_both(br, f.id);

	if (status)
		return status;
	region = branch_region(br);
	if (!region)
		return BRANCH_FAILED;
	/* A host of our own: nothing that we look at is used for something else. */
	at.mnt = NULL;
	at.region = region;
	status = branch_open(&a, &at, 0);
	if (!status) {
		f.cx = daxfs_cx_get(a.m);
		status = run(&f, br);
		daxfs_cx_put(a.m, f.cx);
		branch_close(&a);
	}
	for (size_t i = 0; i < f.line_nr; i++) {
		free(f.line[i].path);
		free(f.line[i].from);
	}
	free(f.line);
	free_places(&f.dirs[0]);
	free_places(&f.dirs[1]);
	free_places(&f.files);
	free(f.d);
	free(region);
	return status;
}
