// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The archives that mkdaxfs is given, one over the other.
 *
 * Notes: an archive stays as long as the tree, because content and names are
 * its own. One of container images is given back when its layers are read, if
 * none of their content stays in it.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "common.h"
#include "tar.h"

struct held {
	struct held *next;
	struct tar_archive a;
};

struct tar_source {
	struct daxfs_tree *tree;
	struct held *held;
	u32 layers;
	const char *image;
	int image_used;		/* some archive had images */
};

static int no_memory(void)
{
	daxfs_tool_error("not enough memory");
	return -1;
}

int tar_source_new(struct tar_source **source, const char *image)
{
	struct tar_source *src = calloc(1, sizeof(*src));

	*source = src;
	if (!src)
		return no_memory();
	src->image = image;
	return daxfs_tree_new(&src->tree) ? no_memory() : 0;
}

void tar_source_free(struct tar_source *src)
{
	struct held *h, *next;

	if (!src)
		return;
	for (h = src->held; h; h = next) {
		next = h->next;
		tar_archive_free(&h->a);
		free(h);
	}
	daxfs_tree_free(src->tree);
	free(src);
}

static int put_layer(struct tar_source *src, struct tar_archive *a)
{
	/* A root that nobody describes has the time of what is in it first. */
	if (!src->layers++ && a->nr)
		src->tree->file[0].mtime = a->entry[0].file.mtime;
	return tar_layer_apply(src->tree, a, src->layers);
}

static struct held *hold(struct tar_source *src)
{
	struct held *h = calloc(1, sizeof(*h));

	if (!h) {
		no_memory();
		return NULL;
	}
	h->a.spool.fd = h->a.fd = -1;
	h->next = src->held;
	src->held = h;
	return h;
}

/* ---- images of containers ---- */

/* 1: all of it is copied, and nothing refers to the archive of the image. */
static int add_layers(struct tar_source *src, const char *name,
		      const struct daxfs_tree *t, const struct tar_image *image)
{
	int placed = 0;
	u32 i;

	for (i = 0; i < image->nr; i++) {
		struct held *h = hold(src);

		if (!h || tar_archive_read(&h->a, name, -1,
					   &t->file[image->layer[i]]) ||
		    put_layer(src, &h->a))
			return -1;
		placed |= h->a.placed;
	}
	return !placed;
}

/* 0, -1, or 1: it only looked like one. */
static int add_container(struct tar_source *src, struct tar_archive *a)
{
	struct tar_image image = { 0 };
	struct daxfs_tree *t;
	int r = daxfs_tree_new(&t) ? no_memory() : tar_layer_apply(t, a, 1);

	if (!r)
		r = tar_container_pick(a, t, src->image, &image);
	if (r <= 0)
		src->image_used = 1;
	if (!r) {
		r = add_layers(src, a->name, t, &image);
		/* Else its file is compared at the end, and its spool needed. */
		if (r == 1)
			tar_archive_free(a);
		r = r < 0 ? r : 0;
	}
	free(image.layer);
	daxfs_tree_free(t);
	return r;
}

/* ---- archives ---- */

static int open_archive(const char *arg)
{
	int fd;

	if (!strcmp(arg, "-"))
		return STDIN_FILENO;
	fd = open(arg, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		daxfs_tool_error("%s: cannot be read: %s; name a tar archive, "
				 "or - for standard input", arg,
				 strerror(errno));
	return fd;
}

int tar_source_add(struct tar_source *src, const char *arg)
{
	const char *name = strcmp(arg, "-") ? arg : "standard input";
	struct held *h = hold(src);
	int fd = h ? open_archive(arg) : -1, r;

	if (fd < 0)
		return -1;
	r = tar_archive_read(&h->a, name, fd, NULL);
	if (fd != STDIN_FILENO)
		close(fd);
	if (r)
		return -1;
	r = tar_is_container(&h->a) ? add_container(src, &h->a) : 1;
	return r == 1 ? put_layer(src, &h->a) : r;
}

int tar_source_unchanged(const struct tar_source *src)
{
	const struct held *h;

	for (h = src->held; h; h = h->next)
		if (tar_archive_unchanged(&h->a))
			return -1;
	return 0;
}

int tar_source_tree(struct tar_source *src, const struct daxfs_tree **tree)
{
	*tree = src->tree;
	if (!src->image || src->image_used)
		return 0;
	daxfs_tool_error("--image: %s: no archive holds images of containers; "
			 "leave it out", src->image);
	return -1;
}
