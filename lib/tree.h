/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A tree of names and files in memory, from which an image is made.
 *
 * Notes: for sources that are read in one pass and change what they said
 * before: a tar stream whose last word counts, layers over each other. The
 * content of files is elsewhere, in files that have no name. Files are only
 * added; one that no name leads to any more is not part of the tree. File 0
 * is the root directory. A directory has one name; whoever adds names sees to
 * it. References are indices, valid until the tree is freed; pointers are
 * valid until something is added.
 */
#ifndef DAXFS_LIB_TREE_H
#define DAXFS_LIB_TREE_H

#include <sys/types.h>
#include <time.h>

#include "core.h"

#define DAXFS_TREE_NONE (~(u32)0)

/* Whole pages of a file but for its end; what lies between is zeros. */
struct daxfs_tree_extent {
	u64 file_off, len;
	u64 from;		/* offset in fd */
};

struct daxfs_tree_file {
	u32 mode, uid, gid;	/* mode with the type, as stat(2) has it */
	dev_t rdev;
	u64 size;		/* of a regular file */
	struct timespec mtime;
	const char *target;	/* of a symbolic link */
	const u8 *xattr;	/* struct daxfs_base_xattr, packed */
	u32 xattr_len;
	u32 extent_nr;
	const struct daxfs_tree_extent *extent;
	int fd;			/* where content is; not closed by the tree */
	u32 first;		/* name in a directory, or NONE; of the tree */
};

struct daxfs_tree_name {
	u32 dir, file;
	u32 layer;		/* in which it was set last */
	u16 len;
	const char *name;
	u32 next, prev;		/* in the same directory; of the tree */
	u32 chain;		/* of the tree */
};

struct daxfs_tree {		/* to look at; changed by the calls below */
	struct daxfs_tree_file *file;
	u64 file_nr, file_room;
	struct daxfs_tree_name *name;
	u64 name_nr, name_room;
	u32 *bucket;		/* names by directory and name */
	u64 bucket_nr;
};

/* All return 0 or -ENOMEM. */

int daxfs_tree_new(struct daxfs_tree **tree);
void daxfs_tree_free(struct daxfs_tree *tree);
/* A copy of f, without names; what f points to must stay. */
int daxfs_tree_add_file(struct daxfs_tree *t, const struct daxfs_tree_file *f,
			u32 *file);
/* A name that is not there yet, 1 to 255 bytes that must stay. */
int daxfs_tree_add_name(struct daxfs_tree *t, u32 dir, const char *name,
			u16 len, u32 file, u32 *index);
/* NONE if it is not there. */
u32 daxfs_tree_find(const struct daxfs_tree *t, u32 dir, const char *name,
		    size_t len);
void daxfs_tree_remove(struct daxfs_tree *t, u32 name);

#endif
