/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Tar archives as the source of an image: layers, and images of containers.
 *
 * Notes: each archive is read once, from its beginning to its end, into a list
 * of its entries and a spool of their content; what is plain and in a file
 * stays there. Then the list is put into the
 * tree of all layers, or, if it is an image of docker or OCI, its layers are.
 * Each call that fails has printed why and returns -1.
 */
#ifndef DAXFS_TOOLS_TAR_TAR_H
#define DAXFS_TOOLS_TAR_TAR_H

#include <sys/stat.h>

#include "arena.h"
#include "spool.h"
#include "tree.h"

/* ---- what mkdaxfs uses: source.c ---- */

struct tar_source;

/* image: the name of the one to take out of an archive of several, or NULL. */
int tar_source_new(struct tar_source **src, const char *image);
/* The next layers from the bottom to the top: a file, or "-". */
int tar_source_add(struct tar_source *src, const char *arg);
/* All were added. The tree lives as long as src does. */
int tar_source_tree(struct tar_source *src, const struct daxfs_tree **tree);
/* The image is written: no archive has changed since it was read. */
int tar_source_unchanged(const struct tar_source *src);
void tar_source_free(struct tar_source *src);

/* ---- archive.c: one archive ---- */

struct tar_entry {
	const char *path;	/* as the archive has it */
	const char *link;	/* what it is a hard link to, or NULL */
	struct daxfs_tree_file file;
};

struct tar_archive {
	const char *name;	/* for messages */
	struct daxfs_arena arena;
	struct tar_spool spool;
	int fd;			/* of a file that it is in, or -1 */
	int placed;		/* content stays in the file that it is in */
	struct stat st;		/* of fd */
	struct tar_entry *entry;
	u64 nr, room;
};

/* From fd, or if file is not NULL from its content. Free it in either case. */
int tar_archive_read(struct tar_archive *a, const char *name, int fd,
		     const struct daxfs_tree_file *file);
void tar_archive_free(struct tar_archive *a);
/* 0 if what was read is what the archive still holds. */
int tar_archive_unchanged(const struct tar_archive *a);
/* "ARCHIVE: PATH: what is wrong". -1. */
int tar_entry_error(const struct tar_archive *a, const char *path,
		    const char *fmt, ...) __attribute__((format(printf, 3, 4)));
int tar_no_memory(const struct tar_archive *a);

/* ---- attr.c ---- */

struct archive_entry;

/* All but path, hard link and content. */
int tar_attr_read(struct tar_archive *a, struct archive_entry *ae,
		  struct tar_entry *e);

/* ---- acl.c ---- */

#define TAR_ACL_MAX	(64u * 1024)	/* bytes of the binary form */

/*
 * The binary form of Linux of the ACL of that type (of libarchive) in buf of
 * TAR_ACL_MAX bytes; *len 0: there is none, or it says no more than the mode.
 * The access ACL corrects *mode: libarchive has put the group's own entry
 * where the mask belongs.
 */
int tar_acl_read(struct tar_archive *a, struct archive_entry *ae, int type,
		 u8 *buf, size_t *len, u32 *mode);

/* ---- layer.c ---- */

/* Put the entries over what is in the tree: layer counts from 1. */
int tar_layer_apply(struct daxfs_tree *t, struct tar_archive *a, u32 layer);
/* File of a path inside the tree, links followed; NONE if there is none. */
u32 tar_layer_find(const struct daxfs_tree *t, const char *path);

/* ---- container.c ---- */

struct tar_image {
	u32 *layer;		/* files of the tree, from the bottom up */
	u32 nr;
};

/* Is it an archive of docker save, or an OCI layout? Only a guess. */
int tar_is_container(const struct tar_archive *a);
/*
 * The layers of the image called want, or of the only one. 0, -1 with a
 * message, or 1: it is not an archive of images after all. Free *image.layer.
 */
int tar_container_pick(const struct tar_archive *a, const struct daxfs_tree *t,
		       const char *want, struct tar_image *image);

#endif
