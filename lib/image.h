/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Builder of base images: a directory tree becomes the base of a region.
 *
 * Notes: two steps. daxfs_image_scan() walks the tree, or
 * daxfs_image_from_tree() takes one in memory, and knows from then on how
 * much room the image takes; the caller makes a region of that geometry;
 * daxfs_image_write() reads the files straight into it. A source that changes
 * between the two, in any way that stat(2) shows, is an error that names the
 * file. Nothing is followed: symbolic links are stored, and every directory
 * is opened by name inside its parent and compared with what was scanned.
 * One image belongs to one thread at a time; writing starts its own.
 */
#ifndef DAXFS_LIB_IMAGE_H
#define DAXFS_LIB_IMAGE_H

#include "core.h"

struct daxfs_image;

struct daxfs_image_options {
	const char *dir;		/* the tree; its name in messages */
	const char *const *exclude;	/* patterns, see mkdaxfs(8) */
	u32 exclude_nr;
	int one_file_system;		/* of a directory */
	int clamp;			/* no time stamp after clamp_ns */
	s64 clamp_ns;
	u32 backing_nr;			/* files that content goes to, up to
					 * DAXFS_BACKING_FILES; 0: to the region */
	u32 threads;			/* of writing; 0: one per processor, at most 4 */
	/* From the calling thread. what: "scanning" (names), "writing" (bytes,
	 * total known). May be NULL. */
	void (*progress)(void *arg, const char *what, u64 done, u64 total);
	void *progress_arg;
};

struct daxfs_image_totals {
	u64 inodes;
	u64 meta_len, data_len;		/* bytes, for struct daxfs_geometry */
	u64 files, dirs, symlinks, specials;
	u64 hard_links;			/* names beyond the first of an inode */
	u64 xattrs;			/* inodes that have any */
	u64 content;			/* bytes of content stored */
	u64 backing_len[DAXFS_BACKING_FILES];	/* data_len, by backing files */
};

/*
 * Walk the tree. *image is set, also on failure (then for its error text),
 * unless the answer is -ENOMEM. Errors: -ESTALE the tree changed meanwhile,
 * -EFBIG, -ENAMETOOLONG, -EOVERFLOW something that the format cannot hold,
 * or what the system said.
 */
int daxfs_image_scan(struct daxfs_image **image,
		     const struct daxfs_image_options *options);
struct daxfs_tree;
/*
 * The same of a tree in memory, which must stay until the image is written,
 * and so must the files that its content is in.
 */
int daxfs_image_from_tree(struct daxfs_image **image,
			  const struct daxfs_tree *tree,
			  const struct daxfs_image_options *options);
/*
 * Append an extended attribute to packed bytes, which are those of malloc();
 * the caller gives them in the order of their names. -ENOMEM.
 */
int daxfs_image_pack_xattr(u8 **packed, size_t *used, const char *name,
			   const void *value, size_t len);
/* "FILE: what is wrong; what to do" after a failed call. */
const char *daxfs_image_error(const struct daxfs_image *image);
void daxfs_image_totals(const struct daxfs_image *image,
			struct daxfs_image_totals *totals);
/* Put the parts of the geometry that come from the image into g. */
void daxfs_image_geometry(const struct daxfs_image *image,
			  struct daxfs_geometry *g);
/*
 * Write inodes, metadata and content to the areas of super in the mapping at
 * base, whose bytes there are zero, and set super->base_crc. fd: the regular
 * file that is mapped there, which is faster to write to, or NULL. In split mode fd
 * are the backing files, and content goes there, behind their first pages.
 */
int daxfs_image_write(struct daxfs_image *image, void *base, const int *fd,
		      struct daxfs_super *super);
void daxfs_image_free(struct daxfs_image *image);

#endif
