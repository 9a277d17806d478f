// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Builder of base images: the walk that lists a tree and numbers its inodes.
 *
 * Notes: breadth-first, so the list of nodes is its own queue. Names are
 * sorted before they get nodes; with that the numbering depends on the tree
 * alone. Linux gives names in getdents64(2) without a limit that holds for
 * every file system, so their length is checked here.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base.h"
#include "image_priv.h"

struct scan {
	struct daxfs_image *img;
	struct image_walk walk;
	struct image_exclude exclude;
	u32 dir;		/* node that is listed */
	char *list;		/* LIST_LEN bytes for getdents64() */
};

#define LIST_LEN (256u * 1024)
#define NAME_ROOM 1025u		/* FUSE lists names of 1024 bytes */

/* ---- exclusion ---- */

static int matches(const char *pattern, const char *name, const char *path)
{
	if (!strchr(pattern, '/'))
		return !fnmatch(pattern, name, 0);
	if (*pattern == '/')
		pattern++;
	return !fnmatch(pattern, path, FNM_PATHNAME);
}

void image_exclude_init(struct image_exclude *x, struct daxfs_image *img)
{
	u32 i;

	memset(x, 0, sizeof(*x));
	x->img = img;
	for (i = 0; i < img->opt.exclude_nr; i++)
		x->by_path |= strchr(img->opt.exclude[i], '/') != NULL;
}

/*
 * Put "a/b/" into x->path for directory a/b of the tree, and have room for a
 * name behind it.
 */
int image_exclude_in(struct image_exclude *x, u32 dir)
{
	const struct image_node *node = x->img->node;
	u64 len = 0, at;
	u32 n;

	if (!x->by_path)
		return 0;
	for (n = dir; n; n = node[n].parent)
		len += strlen(node[n].name) + 1;
	if (image_room(x->img, (void **)&x->path, len, &x->path_room, 1,
		       NAME_ROOM))
		return -ENOMEM;
	x->path_len = at = len;
	for (n = dir; n; n = node[n].parent) {
		x->path[--at] = '/';
		at -= strlen(node[n].name);
		memcpy(x->path + at, node[n].name, strlen(node[n].name));
	}
	return 0;
}

int image_excluded(const struct image_exclude *x, const char *name)
{
	const struct daxfs_image_options *o = &x->img->opt;
	u32 i;

	if (x->by_path)
		snprintf(x->path + x->path_len, NAME_ROOM, "%s", name);
	for (i = 0; i < o->exclude_nr; i++)
		if (matches(o->exclude[i], name, x->path))
			return 1;
	return 0;
}

/* ---- hard links ---- */

static struct image_link *link_slot(struct daxfs_image *img, u64 dev, u64 ino)
{
	u64 i = (ino * 0x9e3779b97f4a7c15ull ^ dev) & (img->link_room - 1);

	while (img->link[i].node != NO_NODE &&
	       (img->link[i].dev != dev || img->link[i].ino != ino))
		i = (i + 1) & (img->link_room - 1);
	return &img->link[i];
}

static int link_grow(struct daxfs_image *img)
{
	struct image_link *old = img->link;
	u64 i, old_room = img->link_room;

	img->link_room = old_room ? 2 * old_room : 1024;
	img->link = malloc(img->link_room * sizeof(*img->link));
	if (!img->link) {
		img->link = old;
		img->link_room = old_room;
		return image_fail_errno(img, -ENOMEM, 0, NULL);
	}
	for (i = 0; i < img->link_room; i++)
		img->link[i].node = NO_NODE;
	for (i = 0; i < old_room; i++)
		if (old[i].node != NO_NODE)
			*link_slot(img, old[i].dev, old[i].ino) = old[i];
	free(old);
	return 0;
}

/* The node of a file with several names; NO_NODE if it is a new one. */
static int link_find(struct daxfs_image *img, const struct stat *st, u32 *node)
{
	struct image_link *l;

	if (2 * img->link_nr >= img->link_room && link_grow(img))
		return -ENOMEM;
	l = link_slot(img, st->st_dev, st->st_ino);
	*node = l->node;
	if (l->node != NO_NODE)
		return 0;
	l->dev = st->st_dev;
	l->ino = st->st_ino;
	l->node = (u32)img->node_nr;	/* the one that comes next */
	img->link_nr++;
	return 0;
}

/* ---- nodes ---- */

static void count(struct daxfs_image *img, u32 mode)
{
	struct daxfs_image_totals *t = &img->totals;

	t->inodes++;
	if (S_ISREG(mode))
		t->files++;
	else if (S_ISDIR(mode))
		t->dirs++;
	else if (S_ISLNK(mode))
		t->symlinks++;
	else
		t->specials++;
}

static int storable(struct daxfs_image *img, u32 dir, const char *name,
		    const struct stat *st)
{
	const s64 limit = 9223372036ll;	/* seconds that fit in s64 ns */

	if (st->st_mtim.tv_sec >= limit || st->st_mtim.tv_sec <= -limit)
		return image_fail(img, -EOVERFLOW, dir, name,
				  "its modification time is not between the "
				  "years 1678 and 2262; correct it, or leave "
				  "the file out with --exclude");
	if (S_ISREG(st->st_mode) && (u64)st->st_size > DAXFS_MAX_FILE)
		return image_fail(img, -EFBIG, dir, name, "is larger than 16 "
				  "TiB; leave it out with --exclude");
	if (major(st->st_rdev) > 0xfff || minor(st->st_rdev) > 0xfffff)
		return image_fail(img, -EOVERFLOW, dir, name, "its device "
				  "number is too large; leave it out with "
				  "--exclude");
	if (img->node_nr >= NO_NODE)
		return image_fail(img, -EOVERFLOW, dir, name, "is one file too "
				  "many; an image holds fewer than 2^32");
	return 0;
}

/* new_encode_dev() of Linux */
static u32 encode_dev(dev_t dev)
{
	u32 ma = major(dev), mi = minor(dev);

	return (mi & 0xff) | ma << 8 | (mi & ~0xffu) << 12;
}

static int is_device(u32 mode)
{
	return S_ISCHR(mode) || S_ISBLK(mode);
}

int image_new_node(struct daxfs_image *img, u32 dir, const char *name,
		   const struct stat *st, struct image_node **node)
{
	struct image_node *n;
	int err = storable(img, dir, name, st);

	if (err)
		return err;
	if (image_room(img, (void **)&img->node, img->node_nr, &img->node_room,
		       sizeof(*img->node), 1))
		return -ENOMEM;
	n = &img->node[img->node_nr++];
	memset(n, 0, sizeof(*n));
	image_id_of(st, &n->id);
	n->name = name;
	n->parent = dir;
	n->nlink = S_ISDIR(st->st_mode) ? 2 : 1;
	n->rdev = is_device(st->st_mode) ? encode_dev(st->st_rdev) : 0;
	n->closed = img->opt.one_file_system &&
		    st->st_dev != img->node[0].id.dev;
	count(img, st->st_mode);
	*node = n;
	return 0;
}

static int is_sparse(const struct stat *st)
{
	return S_ISREG(st->st_mode) && st->st_size &&
	       (u64)st->st_blocks * 512 < (u64)st->st_size;
}

/* What stat(2) does not say of the node that was just made. */
static int fill_node(struct scan *s, int fd, struct image_node *n,
		     const struct stat *st)
{
	int err = 0;

	if (S_ISLNK(st->st_mode))
		err = image_read_target(s->img, fd, n);
	else if (is_sparse(st))
		err = image_read_extents(&s->walk, n);
	if (err)
		return err;
	err = image_read_xattrs(s->img, fd, n);
	if (n->xattr_len)
		s->img->totals.xattrs++;
	return err;
}

/* One sorted entry of the directory that is open as fd. */
static int scan_entry(struct scan *s, int fd, struct image_ent *e)
{
	struct daxfs_image *img = s->img;
	struct image_node *n;
	struct stat st;
	u32 node = NO_NODE;
	int err;

	if (fstatat(fd, e->name, &st, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT))
		return image_fail_errno(img, -errno, s->dir, e->name);
	e->d_type = (u8)((st.st_mode & S_IFMT) >> 12);
	if (!S_ISDIR(st.st_mode) && st.st_nlink > 1 &&
	    link_find(img, &st, &node))
		return -ENOMEM;
	if (node != NO_NODE) {
		e->node = node;
		img->node[node].nlink++;
		img->totals.hard_links++;
		return 0;
	}
	e->node = (u32)img->node_nr;
	err = image_new_node(img, s->dir, e->name, &st, &n);
	if (err)
		return err;
	if (S_ISDIR(st.st_mode))
		img->node[s->dir].nlink++;
	return fill_node(s, fd, n, &st);
}

/* ---- directories ---- */

int image_add_name(struct daxfs_image *img, u32 dir, const char *name)
{
	size_t len = strlen(name);
	struct image_ent *e;
	char *copy;

	if (!strcmp(name, ".") || !strcmp(name, ".."))
		return 0;
	if (len > DAXFS_NAME_MAX)
		return image_fail(img, -ENAMETOOLONG, dir, name, "the name "
				  "is longer than 255 bytes; rename the file, "
				  "or leave it out with --exclude");
	if (image_room(img, (void **)&img->ent, img->ent_nr, &img->ent_room,
		       sizeof(*img->ent), 1))
		return -ENOMEM;
	copy = image_alloc(img, len + 1);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, name, len + 1);
	e = &img->ent[img->ent_nr++];
	e->name = copy;
	e->len = (u16)len;
	return 0;
}

static int list_names(struct scan *s, int fd)
{
	ssize_t got, at;
	int err = 0;

	/* The descriptor may have been used before; start at the top. */
	if (lseek(fd, 0, SEEK_SET) < 0)
		return image_fail_errno(s->img, -errno, s->dir, NULL);
	while ((got = getdents64(fd, s->list, LIST_LEN)) > 0) {
		for (at = 0; at < got && !err;) {
			struct dirent64 *d = (void *)(s->list + at);

			at += d->d_reclen;
			if (!image_excluded(&s->exclude, d->d_name))
				err = image_add_name(s->img, s->dir,
						     d->d_name);
		}
		if (err)
			return err;
	}
	return got < 0 ? image_fail_errno(s->img, -errno, s->dir, NULL) : 0;
}

static int by_name(const void *a, const void *b)
{
	const struct image_ent *x = a, *y = b;

	return daxfs_base_name_cmp(x->name, x->len, y->name, y->len);
}

void image_sort_names(struct daxfs_image *img, u32 dir, u64 first)
{
	img->node[dir].first_ent = first;
	img->node[dir].ent_nr = img->ent_nr - first;
	if (img->ent_nr - first > 1)
		qsort(&img->ent[first], img->ent_nr - first, sizeof(*img->ent),
		      by_name);
}

static int scan_dir(struct scan *s, u32 dir)
{
	struct daxfs_image *img = s->img;
	u64 i, first = img->ent_nr;
	int fd = image_walk_to(&s->walk, dir), err;

	if (fd < 0)
		return fd;
	s->dir = dir;
	err = image_exclude_in(&s->exclude, dir);
	if (!err)
		err = list_names(s, fd);
	if (err)
		return err;
	image_sort_names(img, dir, first);
	for (i = first; i < img->ent_nr && !err; i++) {
		/* A rename during the listing can show a name twice. */
		if (i > first && !by_name(&img->ent[i - 1], &img->ent[i]))
			return image_fail_changed(img, dir, NULL);
		err = scan_entry(s, fd, &img->ent[i]);
	}
	return err;
}

static int scan_tree(struct scan *s)
{
	struct daxfs_image *img = s->img;
	u64 i;
	int err = 0;

	for (i = 0; i < img->node_nr && !err; i++) {
		if (!S_ISDIR(img->node[i].id.mode) || img->node[i].closed)
			continue;
		err = scan_dir(s, (u32)i);
		if (img->opt.progress)
			img->opt.progress(img->opt.progress_arg, "scanning",
					  img->ent_nr, 0);
	}
	return err;
}

static int scan_root(struct daxfs_image *img)
{
	struct image_node *n;
	struct stat st;
	int err;

	img->root_fd = open(img->opt.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (img->root_fd < 0 || fstat(img->root_fd, &st)) {
		char what[128], text[96];

		err = -errno;
		snprintf(what, sizeof(what), "%s; name a directory that can be "
			 "read", strerror_r(-err, text, sizeof(text)));
		return image_fail(img, err, 0, NULL, what);
	}
	if (access("/proc/self/fd", X_OK))
		return image_fail(img, -errno, 0, NULL, "its extended "
				  "attributes are read through /proc, which is "
				  "not there; mount it");
	err = image_new_node(img, 0, NULL, &st, &n);
	if (err)
		return err;
	err = image_read_xattrs(img, img->root_fd, n);
	if (n->xattr_len)
		img->totals.xattrs++;
	return err;
}

static int scan(struct daxfs_image *img)
{
	struct scan s = { .img = img };
	int err = scan_root(img);

	if (err)
		return err;
	image_exclude_init(&s.exclude, img);
	s.list = malloc(LIST_LEN);
	if (!s.list)
		return image_fail_errno(img, -ENOMEM, 0, NULL);
	image_walk_init(&s.walk, img);
	err = scan_tree(&s);
	image_walk_fini(&s.walk);
	free(s.exclude.path);
	free(s.list);
	return err ? err : image_layout(img);
}

int daxfs_image_scan(struct daxfs_image **image,
		     const struct daxfs_image_options *options)
{
	int err = image_new(image, options);

	return err ? err : scan(*image);
}
