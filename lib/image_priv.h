/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Inside the builder of base images: what a scan keeps of the tree.
 *
 * Notes: node n - 1 becomes base inode n. Nodes are in breadth-first order,
 * so a directory's number is above its parent's, which the check of the image
 * relies on, and files of one directory are neighbours. Names and other bytes
 * of variable length live in an arena that is freed as a whole.
 */
#ifndef DAXFS_LIB_IMAGE_PRIV_H
#define DAXFS_LIB_IMAGE_PRIV_H

#include <pthread.h>

#include "arena.h"
#include "image.h"
#include "tree.h"

#define NO_NODE (~(u32)0)

struct image_id {		/* what must not change while we read */
	u64 dev, ino, size;
	s64 mtime_ns, ctime_ns;
	u32 mode, uid, gid;
};

struct image_node {
	struct image_id id;
	u32 parent;		/* node of the directory of the first name */
	u32 nlink;		/* names in the tree; 2 + subdirectories */
	u32 rdev;
	u32 flags;		/* DAXFS_BASE_* */
	int closed;		/* a directory that is not entered */
	const char *name;	/* the first; NULL: the root */
	u64 first_ent, ent_nr;	/* directories */
	const char *target;
	u32 target_len;
	u32 extent_nr;
	struct daxfs_base_extent *extent;
	const struct daxfs_tree_extent *source;	/* of a tree: its extents */
	int fd;			/* of a tree: where content is */
	u32 xattr_len;
	const u8 *xattr;	/* struct daxfs_base_xattr, packed */
	/* from the layout: offsets from the start of their area */
	u64 body_off;		/* BASE_META or BASE_DATA */
	u64 xattr_off;		/* BASE_META */
};

struct image_ent {
	const char *name;
	u32 node;
	u16 len;
	u8 d_type;
};

struct image_piece {		/* what a worker reads at once */
	u32 node;
	u32 len;		/* 0: nothing to read, only to compare */
	u64 from;		/* offset in the file that is read */
	u64 to;			/* offset from the start of BASE_DATA, or backing address */
};

struct image_link {		/* where a file with several links is */
	u64 dev, ino;
	u32 node;		/* NO_NODE: empty */
};

struct daxfs_image {
	struct daxfs_image_options opt;
	int root_fd;			/* -1: the source is not a directory */
	struct image_node *node;
	u64 node_nr, node_room;
	struct image_ent *ent;
	u64 ent_nr, ent_room;
	struct image_piece *piece;
	u64 piece_nr, piece_room;
	struct image_link *link;	/* open addressing */
	u64 link_nr, link_room;
	struct daxfs_arena arena;
	struct daxfs_image_totals totals;
	pthread_mutex_t lock;		/* of error, while workers run */
	int err;			/* the first one, with its text */
	char error[1024];
};

/* The directory being worked in, and its parent; one per thread. */
struct image_walk {
	struct daxfs_image *img;
	u32 dir, parent;	/* nodes, or NO_NODE */
	int dir_fd, parent_fd;
};

/* ---- image.c ---- */

/* An image that holds nothing yet; -ENOMEM, then *image is NULL. */
int image_new(struct daxfs_image **image,
	      const struct daxfs_image_options *options);

/* Room for n more of an array; -ENOMEM with its text. */
int image_room(struct daxfs_image *img, void **array, u64 nr, u64 *room,
	       size_t size, u64 n);
void *image_alloc(struct daxfs_image *img, size_t len);
/* Name of a node (name NULL) or of a name in the directory node, for people. */
void image_path(const struct daxfs_image *img, u32 node, const char *name,
		char *buf, size_t len);
/* Record the first error, about node or a name in it. Returns err. */
int image_fail(struct daxfs_image *img, int err, u32 node, const char *name,
	       const char *what);
/* The same for what the system answered: err is a negative errno. */
int image_fail_errno(struct daxfs_image *img, int err, u32 node,
		     const char *name);
int image_fail_changed(struct daxfs_image *img, u32 node, const char *name);

void image_id_of(const struct stat *st, struct image_id *id);
int image_same(const struct image_id *a, const struct stat *st);

void image_walk_init(struct image_walk *w, struct daxfs_image *img);
void image_walk_fini(struct image_walk *w);
/* Descriptor of directory node dir, valid until the next call; or -errno. */
int image_walk_to(struct image_walk *w, u32 dir);
/* Open a regular file: never waits, never follows. */
int image_open_file(struct image_walk *w, u32 dir, const char *name);

/* ---- image_scan.c ---- */

struct image_exclude {		/* what is left out */
	struct daxfs_image *img;
	int by_path;		/* some pattern has a slash */
	char *path;		/* of a directory inside the tree, if by_path */
	u64 path_len, path_room;
};

/* By the options of img; free x->path at the end. */
void image_exclude_init(struct image_exclude *x, struct daxfs_image *img);
/* What is asked next is about names in the directory node dir. */
int image_exclude_in(struct image_exclude *x, u32 dir);
int image_excluded(const struct image_exclude *x, const char *name);

/* Append a node: what stat(2) says of a name in the directory node dir. */
int image_new_node(struct daxfs_image *img, u32 dir, const char *name,
		   const struct stat *st, struct image_node **node);
/* Append a name to those of the directory node dir that are listed last. */
int image_add_name(struct daxfs_image *img, u32 dir, const char *name);
/* All names of dir are there, from entry first on: sort them. */
void image_sort_names(struct daxfs_image *img, u32 dir, u64 first);

/* ---- image_node.c: what is kept of one file besides stat(2) ---- */

int image_read_target(struct daxfs_image *img, int dir_fd,
		      struct image_node *n);
int image_read_xattrs(struct daxfs_image *img, int dir_fd,
		      struct image_node *n);
int image_read_extents(struct image_walk *w, struct image_node *n);

/* ---- image_layout.c ---- */

int image_layout(struct daxfs_image *img);

/* ---- image_copy.c ---- */

struct image_copy;
/* fd: as for daxfs_image_write(). Content goes to data_off. */
int image_copy_start(struct image_copy **copy, struct daxfs_image *img,
		     void *base, const int *fd, u64 data_off);
/* Works along, reports progress, waits for the others. */
int image_copy_finish(struct image_copy *copy);

#endif
