// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Builder of base images: inodes and metadata, and the order of writing.
 *
 * Notes: the caller's thread writes the metadata while workers already read
 * content; the areas do not overlap. At the end every directory is compared
 * with what the scan saw, which finds names that came or went meanwhile.
 */
#define _GNU_SOURCE
#include <fcntl.h>

#include "image_priv.h"

struct out {
	struct daxfs_image *img;
	u8 *inodes, *meta;	/* in the mapping */
	u64 meta_off, data_off;	/* of the areas in the region */
};

/* ---- metadata ---- */

static u64 content_size(const struct image_node *n)
{
	if (S_ISDIR(n->id.mode))
		return n->ent_nr * sizeof(struct daxfs_base_dirent);
	if (S_ISLNK(n->id.mode))
		return n->target_len;
	return S_ISREG(n->id.mode) ? n->id.size : 0;
}

static u64 body_off(const struct out *o, const struct image_node *n)
{
	if (!content_size(n))
		return 0;
	if (S_ISREG(n->id.mode) && !(n->flags & DAXFS_BASE_SPARSE))
		return o->data_off + n->body_off;
	return o->meta_off + n->body_off;
}

static s64 clamped(const struct daxfs_image *img, s64 ns)
{
	return img->opt.clamp && ns > img->opt.clamp_ns ? img->opt.clamp_ns :
	       ns;
}

static void put_inode(const struct out *o, u64 i)
{
	const struct image_node *n = &o->img->node[i];
	struct daxfs_base_inode in = {
		.size = content_size(n),
		.data_off = body_off(o, n),
		.mtime_ns = clamped(o->img, n->id.mtime_ns),
		.mode = n->id.mode,
		.uid = n->id.uid,
		.gid = n->id.gid,
		.nlink = n->nlink,
		.rdev = n->rdev,
		.parent = S_ISDIR(n->id.mode) ? n->parent + 1 : 0,
		.flags = n->flags,
		.xattr_len = n->xattr_len,
		.xattr_off = n->xattr_len ? o->meta_off + n->xattr_off : 0,
	};

	memcpy(o->inodes + i * sizeof(in), &in, sizeof(in));
}

static void put_dirents(const struct out *o, const struct image_node *n)
{
	const struct image_ent *e = &o->img->ent[n->first_ent];
	u8 *to = o->meta + n->body_off;
	u64 i;

	for (i = 0; i < n->ent_nr; i++, e++) {
		struct daxfs_base_dirent de = {
			.ino = (u64)e->node + 1,
			.d_type = e->d_type,
			.name_len = e->len,
		};

		memcpy(de.name, e->name, e->len);
		memcpy(to + i * sizeof(de), &de, sizeof(de));
	}
}

static void put_extents(const struct out *o, const struct image_node *n)
{
	u8 *to = o->meta + n->body_off;
	u32 i, nr = n->extent_nr ? n->extent_nr : 1;

	for (i = 0; i < nr; i++) {
		struct daxfs_base_extent e = n->extent[i];

		if (n->extent_nr)
			e.data_off += o->data_off;
		memcpy(to + i * sizeof(e), &e, sizeof(e));
	}
}

static void put_meta(const struct out *o)
{
	const struct daxfs_image *img = o->img;
	u64 i;

	for (i = 0; i < img->node_nr; i++) {
		const struct image_node *n = &img->node[i];

		put_inode(o, i);
		if (S_ISDIR(n->id.mode))
			put_dirents(o, n);
		else if (S_ISLNK(n->id.mode))
			memcpy(o->meta + n->body_off, n->target, n->target_len);
		else if (n->flags & DAXFS_BASE_SPARSE)
			put_extents(o, n);
		if (n->xattr_len)
			memcpy(o->meta + n->xattr_off, n->xattr, n->xattr_len);
	}
}

/* ---- at the end ---- */

static int compare_dirs(struct daxfs_image *img)
{
	struct image_walk w;
	struct stat st;
	u64 i;
	int fd, err = 0;

	image_walk_init(&w, img);
	for (i = 0; i < img->node_nr && !err; i++) {
		const struct image_node *n = &img->node[i];

		/* Another file system's root is not part of this tree. */
		if (!S_ISDIR(n->id.mode) || n->closed)
			continue;
		fd = image_walk_to(&w, (u32)i);
		if (fd < 0)
			err = fd;
		else if (fstat(fd, &st) || !image_same(&n->id, &st))
			err = image_fail_changed(img, (u32)i, NULL);
	}
	image_walk_fini(&w);
	return err;
}

static const struct daxfs_area *find_area(const struct daxfs_super *super,
					  u32 type)
{
	static const struct daxfs_area none;
	u32 i;

	for (i = 0; i < super->area_nr && i < DAXFS_AREAS; i++)
		if (super->area[i].type == type)
			return &super->area[i];
	return &none;
}

static u32 checksum(const u8 *base, const struct daxfs_area *inodes,
		    const struct daxfs_area *meta)
{
	u32 crc = port_crc32(0, base + inodes->off, inodes->len);

	return meta->len ? port_crc32(crc, base + meta->off, meta->len) : crc;
}

int daxfs_image_write(struct daxfs_image *img, void *base, const int *fd,
		      struct daxfs_super *super)
{
	const struct daxfs_area *inodes, *meta, *data;
	struct image_copy *copy;
	struct out o = { .img = img };
	int err, split = super->mode == DAXFS_MODE_SPLIT;

	inodes = find_area(super, DAXFS_AREA_BASE_INODES);
	meta = find_area(super, DAXFS_AREA_BASE_META);
	data = find_area(super, DAXFS_AREA_BASE_DATA);
	if (inodes->len / sizeof(struct daxfs_base_inode) < img->node_nr ||
	    meta->len < img->totals.meta_len ||
	    (!split && data->len < img->totals.data_len) || split != !!img->opt.backing_nr ||
	    (split && !fd) ||
	    (data->len >= DAXFS_CHUNK_SIZE && data->off % DAXFS_CHUNK_SIZE))
		return image_fail(img, -EINVAL, 0, NULL, "the region is not laid "
				  "out for this image; this is a defect of "
				  "daxfs, please report it");
	o.inodes = (u8 *)base + inodes->off;
	o.meta = (u8 *)base + meta->off;
	o.meta_off = meta->off;
	/* Of each backing file: behind its first page. */
	o.data_off = split ? DAXFS_PAGE_SIZE : data->off;
	err = image_copy_start(&copy, img, base, fd, o.data_off);
	if (err)
		return err;
	put_meta(&o);
	err = image_copy_finish(copy);
	if (!err && img->root_fd >= 0)
		err = compare_dirs(img);
	if (!err)
		super->base_crc = checksum(base, inodes, meta);
	return err;
}
