// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Builder of base images: nodes of a tree in memory.
 *
 * Notes: the same order as that of the walk of a directory, so a tree gives
 * the same image from either. What no name leads to is left out.
 */
#include <stdlib.h>
#include <sys/stat.h>

#include "image_priv.h"

struct listing {
	struct daxfs_image *img;
	const struct daxfs_tree *tree;
	struct image_exclude exclude;
	u32 *node_of;		/* of each file of the tree, or NO_NODE */
	u32 *file_of;		/* of each node */
	u64 file_room;
};

static void stat_of(const struct daxfs_tree_file *f, u32 file, struct stat *st)
{
	memset(st, 0, sizeof(*st));
	st->st_ino = file;
	st->st_mode = f->mode;
	st->st_uid = f->uid;
	st->st_gid = f->gid;
	st->st_rdev = f->rdev;
	st->st_size = (off_t)f->size;
	st->st_mtim = f->mtime;
}

/* The extents of a file with holes, as the image has them. */
static int keep_extents(struct daxfs_image *img, const struct daxfs_tree_file *f,
			struct image_node *n)
{
	u32 i;

	n->source = f->extent;
	n->fd = f->fd;
	if (f->extent_nr == 1 && !f->extent->file_off &&
	    f->extent->len == f->size)
		return 0;
	n->extent = image_alloc(img, sizeof(*n->extent) *
				(f->extent_nr ? f->extent_nr : 1));
	if (!n->extent)
		return -ENOMEM;
	memset(n->extent, 0, sizeof(*n->extent));
	for (i = 0; i < f->extent_nr; i++)
		n->extent[i] = (struct daxfs_base_extent){
			.file_off = f->extent[i].file_off,
			.len = f->extent[i].len,
		};
	n->extent_nr = n->extent[0].nr = f->extent_nr;
	n->flags |= DAXFS_BASE_SPARSE;
	return 0;
}

static int add_node(struct listing *l, u32 dir, const char *name, u32 file)
{
	struct daxfs_image *img = l->img;
	const struct daxfs_tree_file *f = &l->tree->file[file];
	struct image_node *n;
	struct stat st;
	int err;

	stat_of(f, file, &st);
	l->node_of[file] = (u32)img->node_nr;
	if (image_room(img, (void **)&l->file_of, img->node_nr, &l->file_room,
		       sizeof(*l->file_of), 1))
		return -ENOMEM;
	l->file_of[img->node_nr] = file;
	err = image_new_node(img, dir, name, &st, &n);
	if (err)
		return err;
	n->xattr = f->xattr;
	n->xattr_len = f->xattr_len;
	if (n->xattr_len)
		img->totals.xattrs++;
	if (S_ISLNK(f->mode)) {
		n->target = f->target;
		n->target_len = (u32)strlen(f->target);
	}
	return S_ISREG(f->mode) && f->size ? keep_extents(img, f, n) : 0;
}

static int list_names(struct listing *l, u32 dir)
{
	const struct daxfs_tree *t = l->tree;
	u32 i;
	int err;

	for (i = t->file[l->file_of[dir]].first; i != DAXFS_TREE_NONE;
	     i = t->name[i].next) {
		if (image_excluded(&l->exclude, t->name[i].name))
			continue;
		err = image_add_name(l->img, dir, t->name[i].name);
		if (err)
			return err;
	}
	return 0;
}

static int list_entry(struct listing *l, u32 dir, struct image_ent *e)
{
	const struct daxfs_tree *t = l->tree;
	struct daxfs_image *img = l->img;
	u32 name = daxfs_tree_find(t, l->file_of[dir], e->name, e->len);
	u32 file = t->name[name].file;
	int is_dir = S_ISDIR(t->file[file].mode);

	e->d_type = (u8)((t->file[file].mode & S_IFMT) >> 12);
	e->node = l->node_of[file];
	if (e->node != NO_NODE) {
		img->node[e->node].nlink++;
		img->totals.hard_links++;
		return 0;
	}
	e->node = (u32)img->node_nr;
	if (is_dir)
		img->node[dir].nlink++;
	return add_node(l, dir, e->name, file);
}

static int list_dir(struct listing *l, u32 dir)
{
	struct daxfs_image *img = l->img;
	u64 i, first = img->ent_nr;
	int err = image_exclude_in(&l->exclude, dir);

	if (!err)
		err = list_names(l, dir);
	if (err)
		return err;
	image_sort_names(img, dir, first);
	for (i = first; i < img->ent_nr && !err; i++)
		err = list_entry(l, dir, &img->ent[i]);
	return err;
}

static int list_tree(struct listing *l)
{
	struct daxfs_image *img = l->img;
	u64 i;
	int err = add_node(l, 0, NULL, 0);

	for (i = 0; i < img->node_nr && !err; i++)
		if (S_ISDIR(img->node[i].id.mode))
			err = list_dir(l, (u32)i);
	return err;
}

int daxfs_image_from_tree(struct daxfs_image **image,
			  const struct daxfs_tree *tree,
			  const struct daxfs_image_options *options)
{
	struct listing l = { .tree = tree };
	int err = image_new(image, options);

	if (err)
		return err;
	l.img = *image;
	image_exclude_init(&l.exclude, l.img);
	l.node_of = malloc(tree->file_nr * sizeof(*l.node_of));
	if (!l.node_of)
		return image_fail_errno(l.img, -ENOMEM, 0, NULL);
	memset(l.node_of, 0xff, tree->file_nr * sizeof(*l.node_of));
	err = list_tree(&l);
	free(l.node_of);
	free(l.file_of);
	free(l.exclude.path);
	return err ? err : image_layout(*image);
}
