// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Builder of base images: link targets, extended attributes and extents.
 *
 * Notes: what stat(2) does not say of a file. Attributes are read through
 * /proc/self/fd/DIRECTORY/NAME, because the calls that take a descriptor do
 * not work for symbolic links, FIFOs and devices, and the others take paths;
 * the last component is not followed. They are stored sorted by name, so that
 * the same file gives the same bytes on every source file system.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "image_priv.h"

int image_read_target(struct daxfs_image *img, int dir_fd,
		      struct image_node *n)
{
	char buf[DAXFS_TARGET_MAX + 2], *copy;
	ssize_t len = readlinkat(dir_fd, n->name, buf, sizeof(buf));

	if (len < 0)
		return image_fail_errno(img, -errno, n->parent, n->name);
	if (len == 0 || len > (ssize_t)DAXFS_TARGET_MAX)
		return image_fail(img, -ENAMETOOLONG, n->parent, n->name,
				  "the target of the symbolic link is not 1 to "
				  "4095 bytes long; leave it out with --exclude");
	copy = image_alloc(img, (size_t)len + 1);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, buf, (size_t)len);
	copy[len] = 0;
	n->target = copy;
	n->target_len = (u32)len;	/* some file systems give size 0 */
	return 0;
}

/* ---- extended attributes ---- */

#define PROC_PATH (32 + DAXFS_NAME_MAX + 1)

struct xattrs {
	struct daxfs_image *img;
	struct image_node *n;
	char path[PROC_PATH];
	char list[XATTR_LIST_MAX + 1];
	char value[XATTR_SIZE_MAX];
	const char *name[XATTR_LIST_MAX / 2];
};

static int xattr_fail(struct xattrs *x, int err, const char *name)
{
	char what[400], text[96];

	if (err == -ENOENT || err == -ENOTDIR || err == -ENODATA)
		return image_fail_changed(x->img, x->n->parent, x->n->name);
	snprintf(what, sizeof(what), "cannot read its extended attribute%s%s: "
		 "%s; leave the file out with --exclude", name ? " " : "s",
		 name ? name : "", strerror_r(-err, text, sizeof(text)));
	return image_fail(x->img, err, x->n->parent, x->n->name, what);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Sorted names of the list that holds len bytes. */
static u32 split_list(struct xattrs *x, size_t len)
{
	size_t at = 0;
	u32 nr = 0;

	x->list[len] = 0;
	while (at < len) {
		size_t n = strlen(x->list + at);

		if (n)
			x->name[nr++] = x->list + at;
		at += n + 1;
	}
	qsort(x->name, nr, sizeof(x->name[0]), by_name);
	return nr;
}

int daxfs_image_pack_xattr(u8 **packed, size_t *used, const char *name,
			   const void *value, size_t len)
{
	struct daxfs_base_xattr head = {
		.name_len = (u16)strlen(name), .value_len = (u32)len,
	};
	size_t need = (sizeof(head) + head.name_len + len + 7) & ~(size_t)7;
	u8 *p = realloc(*packed, *used + need);

	if (!p)
		return -ENOMEM;
	*packed = p;
	p += *used;
	memset(p, 0, need);
	memcpy(p, &head, sizeof(head));
	memcpy(p + sizeof(head), name, head.name_len);
	memcpy(p + sizeof(head) + head.name_len, value, len);
	*used += need;
	return 0;
}

static int add_xattr(struct xattrs *x, const char *name, u8 **packed,
		     size_t *used)
{
	ssize_t len = lgetxattr(x->path, name, x->value, sizeof(x->value));

	if (len < 0)
		return xattr_fail(x, -errno, name);
	if (daxfs_image_pack_xattr(packed, used, name, x->value, (size_t)len))
		return xattr_fail(x, -ENOMEM, name);
	return 0;
}

static int pack_xattrs(struct xattrs *x, size_t list_len)
{
	u32 i, nr = split_list(x, list_len);
	size_t used = 0;
	u8 *packed = NULL, *copy;
	int err = 0;

	for (i = 0; i < nr && !err; i++)
		err = add_xattr(x, x->name[i], &packed, &used);
	if (!err && used > ~(u32)0)
		err = xattr_fail(x, -E2BIG, NULL);
	if (!err && used) {
		copy = image_alloc(x->img, used);
		if (copy)
			memcpy(copy, packed, used);
		else
			err = -ENOMEM;
		x->n->xattr = copy;
		x->n->xattr_len = (u32)used;
	}
	free(packed);
	return err;
}

int image_read_xattrs(struct daxfs_image *img, int dir_fd,
		      struct image_node *n)
{
	char path[PROC_PATH];
	struct xattrs *x;
	ssize_t len;
	int err;

	snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", dir_fd,
		 n->name ? n->name : ".");
	len = llistxattr(path, NULL, 0);	/* nearly always 0: be quick */
	if (!len || (len < 0 && errno == EOPNOTSUPP))
		return 0;
	x = malloc(sizeof(*x));
	if (!x)
		return image_fail_errno(img, -ENOMEM, n->parent, n->name);
	x->img = img;
	x->n = n;
	memcpy(x->path, path, sizeof(path));
	if (len > 0)
		len = llistxattr(path, x->list, XATTR_LIST_MAX);
	err = len < 0 ? xattr_fail(x, -errno, NULL) :
	      pack_xattrs(x, (size_t)len);
	free(x);
	return err;
}

/* ---- sparse files ---- */

struct extents {
	struct daxfs_image *img;
	struct daxfs_base_extent *e;
	u64 nr, room;
	u64 size;		/* of the file */
};

/* Data in [from, to): whole pages of it, merged with what it touches. */
static int add_extent(struct extents *x, u64 from, u64 to)
{
	struct daxfs_base_extent *last = x->nr ? &x->e[x->nr - 1] : NULL;

	from &= ~(DAXFS_PAGE_SIZE - 1);
	to = (to + DAXFS_PAGE_SIZE - 1) & ~(DAXFS_PAGE_SIZE - 1);
	if (to > x->size)
		to = x->size;
	if (last && from <= last->file_off + last->len) {
		last->len = to - last->file_off;
		return 0;
	}
	if (image_room(x->img, (void **)&x->e, x->nr, &x->room, sizeof(*x->e),
		       1))
		return -ENOMEM;
	x->e[x->nr++] = (struct daxfs_base_extent){
		.file_off = from, .len = to - from,
	};
	return 0;
}

/* 0, or a negative errno; -EINVAL: this file system does not say. */
static int find_extents(struct extents *x, int fd)
{
	off_t from = 0, to;
	int err;

	while ((u64)from < x->size) {
		from = lseek(fd, from, SEEK_DATA);
		if (from < 0)
			return errno == ENXIO ? 0 : -errno;
		to = lseek(fd, from, SEEK_HOLE);
		if (to < 0)
			return -errno;
		if ((u64)from >= x->size || to <= from)
			return 0;	/* changed; found when it is read */
		err = add_extent(x, (u64)from, (u64)to);
		if (err)
			return err;
		from = to;
	}
	return 0;
}

static int keep_extents(struct extents *x, struct image_node *n)
{
	size_t len = x->nr * sizeof(*x->e);

	if (x->nr == 1 && !x->e->file_off && x->e->len == x->size)
		return 0;		/* no hole after all */
	if (x->nr > ~(u32)0)
		return image_fail(x->img, -EFBIG, n->parent, n->name,
				  "has more than 2^32 holes; copy it without");
	/* A file that is one hole has an entry that says so. */
	n->extent = image_alloc(x->img, len ? len : sizeof(*x->e));
	if (!n->extent)
		return -ENOMEM;
	memset(n->extent, 0, sizeof(*n->extent));
	if (len)
		memcpy(n->extent, x->e, len);
	n->extent_nr = (u32)x->nr;
	n->extent[0].nr = (u32)x->nr;
	n->flags |= DAXFS_BASE_SPARSE;
	return 0;
}

int image_read_extents(struct image_walk *w, struct image_node *n)
{
	struct extents x = { .img = w->img, .size = n->id.size };
	struct stat st;
	int fd = image_open_file(w, n->parent, n->name), err;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) || !image_same(&n->id, &st))
		err = image_fail_changed(w->img, n->parent, n->name);
	else
		err = find_extents(&x, fd);
	close(fd);
	if (!err)
		err = keep_extents(&x, n);
	else if (err == -EINVAL || err == -EOPNOTSUPP)
		err = 0;		/* stored with its holes as zeros */
	else
		err = image_fail_errno(w->img, err, n->parent, n->name);
	free(x.e);
	return err;
}
