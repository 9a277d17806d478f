// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * From a path to an inode, component by component, through symbolic links.
 *
 * Notes: what is left of the path when a link is met waits in a frame below
 * the link's target; there are as many frames as links that may be followed.
 */
#include <stdlib.h>

#include "walk.h"

struct frame {
	char *buf;		/* target of a link, ours; NULL: the path */
	const char *at;
};

struct walker {
	struct daxfs_cx *cx;
	struct frame frame[DAXFS_WALK_LINKS + 1];
	u32 depth;		/* frames in use */
	u32 links;
	u64 dir;
};

static void pop(struct walker *wk)
{
	free(wk->frame[--wk->depth].buf);
}

/* Next component; its length, or 0 at the end of the path. */
static size_t next_name(struct walker *wk, const char **name)
{
	while (wk->depth) {
		struct frame *f = &wk->frame[wk->depth - 1];
		size_t len;

		f->at += strspn(f->at, "/");
		len = strcspn(f->at, "/");
		if (len) {
			*name = f->at;
			f->at += len;
			return len;
		}
		if (wk->depth == 1)
			return 0;
		pop(wk);
	}
	return 0;
}

/* Nothing but slashes is left; is there one? */
static int at_end(const struct walker *wk, int *slash)
{
	u32 i;

	*slash = 0;
	for (i = 0; i < wk->depth; i++) {
		const char *at = wk->frame[i].at;

		*slash |= *at == '/';
		if (at[strspn(at, "/")])
			return 0;
	}
	return 1;
}

/* A link's target replaces it; a link of a hostile region may say anything. */
static int push_link(struct walker *wk, const struct daxfs_stat *st)
{
	char *buf;
	s64 n;

	if (++wk->links > DAXFS_WALK_LINKS)
		return -ELOOP;
	if (st->size > DAXFS_TARGET_MAX)
		return -EUCLEAN;
	buf = malloc(st->size + 1);
	if (!buf)
		return -ENOMEM;
	n = daxfs_readlink(wk->cx, st->ino, buf, st->size);
	if (n <= 0) {
		free(buf);
		return n ? (int)n : -ENOENT;
	}
	buf[n] = '\0';
	if (buf[0] == '/')
		wk->dir = DAXFS_ROOT_INO;
	wk->frame[wk->depth++] = (struct frame){ .buf = buf, .at = buf };
	return 0;
}

static void note_last(struct walker *wk, struct daxfs_walk *w, const char *name,
		      size_t len)
{
	w->dir = wk->dir;
	w->len = (u32)len;
	memcpy(w->name, name, len);
	w->name[len] = '\0';
}

/* One component. 1: the walk is complete. */
static int step(struct walker *wk, const char *name, size_t len, u32 how,
		struct daxfs_walk *w)
{
	int slash, last = at_end(wk, &slash), r;

	if (len > DAXFS_NAME_MAX)
		return -ENAMETOOLONG;
	if (last) {
		note_last(wk, w, name, len);
		w->slash = slash;
		if (how & DAXFS_WALK_PARENT)
			return 1;
	}
	r = daxfs_lookup(wk->cx, wk->dir, name, (u32)len, &w->st);
	if (r)
		return r;
	if (S_ISLNK(w->st.mode) && (!last || slash || (how & DAXFS_WALK_FOLLOW))) {
		w->len = 0;
		return push_link(wk, &w->st);
	}
	if (!S_ISDIR(w->st.mode) && (!last || slash))
		return -ENOTDIR;
	if (last)
		return 1;
	wk->dir = w->st.ino;
	return 0;
}

/* "/" and links to it have no component: it is the directory itself. */
static int whole(struct walker *wk, u32 how, struct daxfs_walk *w)
{
	note_last(wk, w, ".", 1);
	w->slash = 1;
	if (how & DAXFS_WALK_PARENT)
		return 0;
	return daxfs_getattr(wk->cx, wk->dir, &w->st);
}

/* A name in the directory itself, whose parent is asked for: nothing to look up. */
static int parent_alone(u64 start, const char *path, u32 how, struct daxfs_walk *w)
{
	size_t len = strcspn(path, "/");

	if (!(how & DAXFS_WALK_PARENT) || path[len] || len > DAXFS_NAME_MAX)
		return 0;
	w->dir = start;
	w->len = (u32)len;
	memcpy(w->name, path, len + 1);
	return 1;
}

int daxfs_walk(struct daxfs_cx *cx, u64 start, const char *path, u32 how,
	       struct daxfs_walk *w)
{
	struct walker wk;	/* most of its frames are never looked at */
	const char *name;
	size_t len;
	int r;

	w->len = 0;
	w->slash = 0;
	if (!*path)
		return -ENOENT;
	if (parent_alone(start, path, how, w))
		return 0;
	wk.cx = cx;
	wk.depth = 1;
	wk.links = 0;
	wk.dir = *path == '/' ? DAXFS_ROOT_INO : start;
	wk.frame[0] = (struct frame){ .buf = NULL, .at = path };
	r = daxfs_enter(cx);	/* one section for all lookups: one fence */
	if (r)
		return r;
	while (!r) {
		len = next_name(&wk, &name);
		if (!len)
			break;
		r = step(&wk, name, len, how, w);
	}
	if (!r)
		r = whole(&wk, how, w);
	daxfs_leave(cx);
	while (wk.depth)
		pop(&wk);
	return r < 0 ? r : 0;
}

int daxfs_walk_is_dots(const struct daxfs_walk *w)
{
	return w->name[0] == '.' &&
	       (w->len == 1 || (w->len == 2 && w->name[1] == '.'));
}
