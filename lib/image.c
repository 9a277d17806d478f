// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Builder of base images: memory, errors, and walking without following.
 *
 * Notes: a directory is reached from the root through openat() with
 * O_NOFOLLOW and compared with the one that was scanned, so renaming a
 * directory or putting a link in its place meanwhile is an error, never a way
 * out of the tree. Two descriptors are kept per walk, whatever the depth.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "image_priv.h"

/* ---- memory ---- */

static int no_memory(struct daxfs_image *img)
{
	return image_fail(img, -ENOMEM, 0, NULL,
			  "not enough memory to hold the list of its files; "
			  "build the image of a part of it, or free memory");
}

int image_room(struct daxfs_image *img, void **array, u64 nr, u64 *room,
	       size_t size, u64 n)
{
	u64 want = *room ? *room : 256;
	void *p;

	if (nr + n <= *room)
		return 0;
	while (want < nr + n)
		want *= 2;
	p = reallocarray(*array, want, size);
	if (!p)
		return no_memory(img);
	*array = p;
	*room = want;
	return 0;
}

void *image_alloc(struct daxfs_image *img, size_t len)
{
	void *p = daxfs_arena_alloc(&img->arena, len);

	if (!p)
		no_memory(img);
	return p;
}

int image_new(struct daxfs_image **image,
	      const struct daxfs_image_options *options)
{
	struct daxfs_image *img = calloc(1, sizeof(*img));

	*image = img;
	if (!img)
		return -ENOMEM;
	img->opt = *options;
	img->root_fd = -1;
	pthread_mutex_init(&img->lock, NULL);
	return 0;
}

void daxfs_image_free(struct daxfs_image *img)
{
	if (!img)
		return;
	daxfs_arena_free(&img->arena);
	if (img->root_fd >= 0)
		close(img->root_fd);
	pthread_mutex_destroy(&img->lock);
	free(img->node);
	free(img->ent);
	free(img->piece);
	free(img->link);
	free(img);
}

/* ---- errors ---- */

/* Put s before *at; what does not fit is cut off at its beginning. */
static char *prepend(char *buf, char *at, const char *s)
{
	size_t len = strlen(s);

	if (len > (size_t)(at - buf))
		len = (size_t)(at - buf);
	at -= len;
	memcpy(at, s + strlen(s) - len, len);
	return at;
}

void image_path(const struct daxfs_image *img, u32 node, const char *name,
		char *buf, size_t len)
{
	const char *dir = img->opt.dir;
	size_t dir_len = strlen(dir);
	char *at = buf + len - 1;

	*at = 0;
	if (name)
		at = prepend(buf, at, name);
	while (node < img->node_nr && img->node[node].name) {
		if (*at)
			at = prepend(buf, at, "/");
		at = prepend(buf, at, img->node[node].name);
		node = img->node[node].parent;
	}
	if (*at && dir_len && dir[dir_len - 1] != '/')
		at = prepend(buf, at, "/");
	at = prepend(buf, at, dir);
	if (at == buf && len > 4)
		memcpy(buf, "...", 3);
	memmove(buf, at, strlen(at) + 1);
}

int image_fail(struct daxfs_image *img, int err, u32 node, const char *name,
	       const char *what)
{
	char path[768];

	pthread_mutex_lock(&img->lock);
	if (!img->err) {
		image_path(img, node, name, path, sizeof(path));
		snprintf(img->error, sizeof(img->error), "%s: %s", path, what);
		__atomic_store_n(&img->err, err, __ATOMIC_RELAXED);
	}
	pthread_mutex_unlock(&img->lock);
	return err;
}

int image_fail_changed(struct daxfs_image *img, u32 node, const char *name)
{
	return image_fail(img, -ESTALE, node, name,
			  "changed while it was read; try again when nobody "
			  "writes to it, or leave it out with --exclude");
}

int image_fail_errno(struct daxfs_image *img, int err, u32 node,
		     const char *name)
{
	const char *help = "leave it out with --exclude";
	char what[256], text[96];

	switch (err) {
	case -ENOENT:
		return image_fail(img, -ESTALE, node, name,
				  "vanished while the tree was read; try again "
				  "when nobody writes to it");
	case -ELOOP:
	case -ENOTDIR:
	case -ESTALE:
		return image_fail_changed(img, node, name);
	case -EACCES:
	case -EPERM:
		help = "run as a user who may read it, or leave it out with "
		       "--exclude";
		break;
	case -EMFILE:
	case -ENFILE:
		help = "raise the limit of open files";
		break;
	}
	snprintf(what, sizeof(what), "cannot read: %s; %s",
		 strerror_r(-err, text, sizeof(text)), help);
	return image_fail(img, err, node, name, what);
}

const char *daxfs_image_error(const struct daxfs_image *img)
{
	return img->error;
}

/* ---- identity ---- */

static s64 ns_of(const struct timespec *ts)
{
	/* Wraps for years beyond 2262; only compared here. */
	return (s64)((u64)ts->tv_sec * 1000000000ull + (u64)ts->tv_nsec);
}

void image_id_of(const struct stat *st, struct image_id *id)
{
	id->dev = st->st_dev;
	id->ino = st->st_ino;
	id->size = (u64)st->st_size;
	id->mtime_ns = ns_of(&st->st_mtim);
	id->ctime_ns = ns_of(&st->st_ctim);
	id->mode = st->st_mode;
	id->uid = st->st_uid;
	id->gid = st->st_gid;
}

int image_same(const struct image_id *a, const struct stat *st)
{
	struct image_id b;

	image_id_of(st, &b);
	return a->dev == b.dev && a->ino == b.ino && a->size == b.size &&
	       a->mtime_ns == b.mtime_ns && a->ctime_ns == b.ctime_ns &&
	       a->mode == b.mode && a->uid == b.uid && a->gid == b.gid;
}

/* ---- walking ---- */

void image_walk_init(struct image_walk *w, struct daxfs_image *img)
{
	w->img = img;
	w->dir = w->parent = NO_NODE;
	w->dir_fd = w->parent_fd = -1;
}

static void forget(u32 *node, int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
	*node = NO_NODE;
}

void image_walk_fini(struct image_walk *w)
{
	forget(&w->dir, &w->dir_fd);
	forget(&w->parent, &w->parent_fd);
}

/* Open a directory inside another; it must be the one that was scanned. */
static int step(struct daxfs_image *img, int at, u32 node)
{
	const struct image_node *n = &img->node[node];
	struct stat st;
	int fd = openat(at, n->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW |
			O_CLOEXEC);

	if (fd < 0)
		return image_fail_errno(img, -errno, node, NULL);
	if (fstat(fd, &st)) {
		int err = image_fail_errno(img, -errno, node, NULL);

		close(fd);
		return err;
	}
	if (st.st_dev != n->id.dev || st.st_ino != n->id.ino) {
		close(fd);
		return image_fail_changed(img, node, NULL);
	}
	return fd;
}

static u32 depth_of(const struct daxfs_image *img, u32 node)
{
	u32 depth = 0;

	for (; node; node = img->node[node].parent)
		depth++;
	return depth;
}

/* Open node from the root on; it is not the root. */
static int descend(struct daxfs_image *img, u32 node)
{
	u32 depth = depth_of(img, node), i = depth;
	u32 *chain = malloc(depth * sizeof(*chain));
	int fd = img->root_fd, next;

	if (!chain)
		return no_memory(img);
	for (; node; node = img->node[node].parent)
		chain[--i] = node;
	for (i = 0; i < depth && fd >= 0; i++) {
		next = step(img, fd, chain[i]);
		if (fd != img->root_fd)
			close(fd);
		fd = next;
	}
	free(chain);
	return fd;
}

/* Make parent the parent of the walk; it is not the root. */
static int enter_parent(struct image_walk *w, u32 parent)
{
	if (w->parent == parent)
		return w->parent_fd;
	forget(&w->parent, &w->parent_fd);
	if (w->dir == parent) {
		w->parent_fd = w->dir_fd;
		w->dir_fd = -1;
		w->dir = NO_NODE;
	} else {
		w->parent_fd = descend(w->img, parent);
	}
	if (w->parent_fd >= 0)
		w->parent = parent;
	return w->parent_fd;
}

int image_walk_to(struct image_walk *w, u32 dir)
{
	u32 parent;
	int at;

	if (!dir)
		return w->img->root_fd;
	if (w->dir == dir)
		return w->dir_fd;
	if (w->parent == dir)
		return w->parent_fd;
	parent = w->img->node[dir].parent;
	at = parent ? enter_parent(w, parent) : w->img->root_fd;
	if (at < 0)
		return at;
	forget(&w->dir, &w->dir_fd);
	w->dir_fd = step(w->img, at, dir);
	if (w->dir_fd >= 0)
		w->dir = dir;
	return w->dir_fd;
}

int image_open_file(struct image_walk *w, u32 dir, const char *name)
{
	int at = image_walk_to(w, dir), fd;

	if (at < 0)
		return at;
	/* O_NONBLOCK: a FIFO may have taken its place. */
	fd = openat(at, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY |
		    O_CLOEXEC);
	return fd < 0 ? image_fail_errno(w->img, -errno, dir, name) : fd;
}

/* ---- what the caller asks ---- */

void daxfs_image_totals(const struct daxfs_image *img,
			struct daxfs_image_totals *totals)
{
	*totals = img->totals;
}

void daxfs_image_geometry(const struct daxfs_image *img,
			  struct daxfs_geometry *g)
{
	g->base_inode_nr = img->totals.inodes;
	g->base_meta_len = img->totals.meta_len;
	g->base_data_len = img->totals.data_len;
}
