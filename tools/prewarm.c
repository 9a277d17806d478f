// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * mkdaxfs in split mode: put pages into the cache before anybody uses it.
 *
 * Notes: done as a host like any other, by the calls that fill the cache later;
 * its traces are wiped at the end, so that the same tree gives the same bytes. No
 * page is evicted for another. The order is that of sizes, the smallest first: a
 * page of a small file saves as much as one of a large file, and is more of it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backing.h"
#include "base.h"
#include "common.h"
#include "prewarm.h"
#include "region.h"
#include "walk.h"

struct file {
	u64 ino, size;
};

struct warm {
	struct prewarm *p;
	struct daxfs_region rg;
	struct daxfs_cx *cx;
};

/* ---- pages ---- */

/* 0: go on; 1: no slot is free for it; -1 after a message. */
static int warm_page(struct warm *w, u64 addr)
{
	struct daxfs_fill f;
	int r = daxfs_cache_seed(w->cx, addr, &f);

	if (r == DAXFS_CACHE_VALID)
		return 0;
	if (r == DAXFS_CACHE_FULL)
		return 1;
	if (r == DAXFS_CACHE_OURS)
		r = daxfs_backing_pread(w->p->fd[addr >> DAXFS_BACKING_SHIFT], f.page,
					DAXFS_PAGE_SIZE,
					addr & (DAXFS_BACKING_MAX - 1));
	if (!r)
		r = daxfs_cache_filled(w->cx, &f);
	w->p->pages += !r;
	if (!r)
		return 0;
	daxfs_tool_error("%s: cannot fill its page cache: %s", w->p->region,
			 strerror(r < 0 ? -r : EIO));
	return -1;
}

static int warm_run(struct warm *w, const struct daxfs_run *run)
{
	u64 at;

	for (at = 0; at < run->len; at += DAXFS_PAGE_SIZE)
		if (warm_page(w, run->off + at) < 0)
			return -1;
	return 0;
}

static int damaged(const struct warm *w)
{
	daxfs_tool_error("%s: what was written is not valid; this is a defect of "
			 "daxfs or of the memory, please report it", w->p->region);
	return -1;
}

static int warm_file(struct warm *w, const struct daxfs_base_inode *in)
{
	struct daxfs_run run;
	u64 off;

	for (off = 0; off < in->size; off += run.len) {
		if (daxfs_base_run(&w->rg, in, off, in->size - off, &run) ||
		    !run.len)
			return damaged(w);
		if (run.away && warm_run(w, &run))
			return -1;
	}
	return 0;
}

/* ---- all of the image ---- */

static int by_size(const void *a, const void *b)
{
	const struct file *x = a, *y = b;

	if (x->size != y->size)
		return x->size < y->size ? -1 : 1;
	return x->ino < y->ino ? -1 : x->ino > y->ino;
}

static u64 list_files(struct warm *w, struct file *file)
{
	struct daxfs_base_inode in;
	u64 i, nr = 0;

	for (i = 1; i <= w->rg.super.base_inode_nr; i++)
		if (!daxfs_base_inode(&w->rg, i, &in) && S_ISREG(in.mode) && in.size)
			file[nr++] = (struct file){ i, in.size };
	qsort(file, nr, sizeof(*file), by_size);
	return nr;
}

static int warm_all(struct warm *w)
{
	struct file *file = calloc(w->rg.super.base_inode_nr + 1, sizeof(*file));
	struct daxfs_base_inode in;
	u64 i, nr = file ? list_files(w, file) : 0;
	int r = 0;

	if (!file) {
		daxfs_tool_error("%s: not enough memory to fill its cache",
				 w->p->region);
		return -1;
	}
	for (i = 0; i < nr && !r && w->p->pages < w->p->slots; i++)
		r = daxfs_base_inode(&w->rg, file[i].ino, &in) ? damaged(w) :
		    warm_file(w, &in);
	free(file);
	return r;
}

/* ---- a list of paths ---- */

static int warm_tree(struct warm *w, u64 ino)
{
	struct daxfs_base_inode in;
	struct daxfs_base_dirent de;
	u64 i;

	if (daxfs_base_inode(&w->rg, ino, &in))
		return damaged(w);
	if (S_ISREG(in.mode))
		return warm_file(w, &in);
	for (i = 0; S_ISDIR(in.mode) && i < daxfs_base_dir_nr(&in); i++)
		if (daxfs_base_dirent(&w->rg, &in, i, &de) ||
		    warm_tree(w, de.ino))
			return -1;
	return 0;
}

static int warm_path(struct warm *w, const char *path)
{
	struct daxfs_walk at;
	int r = daxfs_walk(w->cx, DAXFS_ROOT_INO, path[0] ? path : "/",
			   DAXFS_WALK_FOLLOW, &at);

	if (r) {
		daxfs_tool_error("%s: %s: %s; name files and directories of the "
				 "tree, one a line", w->p->how, path, strerror(-r));
		return -1;
	}
	return warm_tree(w, at.st.ino);
}

static int warm_list(struct warm *w)
{
	FILE *list = fopen(w->p->how, "re");
	char *line = NULL;
	size_t room = 0;
	ssize_t len;
	int r = 0;

	if (!list) {
		daxfs_tool_error("--prewarm: %s: cannot open it: %s; name a file of "
				 "paths, 'auto' or 'none'", w->p->how,
				 strerror(errno));
		return -1;
	}
	while (!r && (len = getline(&line, &room, list)) >= 0) {
		if (len && line[len - 1] == '\n')
			line[--len] = '\0';
		if (len)
			r = warm_path(w, line);
	}
	free(line);
	fclose(list);
	return r;
}

/* ---- the whole ---- */

static int begin(struct warm *w, void *base, u64 len)
{
	struct daxfs_host_id id = { .kind = DAXFS_HOST_TOOL };
	int r = daxfs_region_open(&w->rg, base, len, 1, NULL, 0);

	w->cx = calloc(1, sizeof(*w->cx));
	if (!r && !w->cx)
		r = -ENOMEM;
	if (!r)
		r = daxfs_host_join(&w->rg, &id);
	return r ? r : daxfs_cx_init(w->cx, &w->rg, 0);
}

int daxfs_prewarm(struct prewarm *p, void *base, u64 len)
{
	struct warm w = { .p = p };
	int r = begin(&w, base, len);

	if (r) {
		daxfs_tool_error("%s: cannot fill its page cache: %s", p->region,
				 strerror(-r));
		free(w.cx);
		return -1;
	}
	p->slots = w.rg.area[DAXFS_AREA_PCACHE_SLOTS].nr;
	if (!strcmp(p->how, "auto"))
		r = warm_all(&w);
	else if (strcmp(p->how, "none"))
		r = warm_list(&w);
	daxfs_host_leave(w.cx);
	port_zero(daxfs_host(&w.rg, w.rg.host), sizeof(struct daxfs_host));
	free(w.cx);
	return r;
}
