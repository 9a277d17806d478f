/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Reader of the base image: inodes, sorted directories, content, targets.
 *
 * Notes: the base image never changes after mkdaxfs, but its bytes are as
 * untrusted as all others: each value is copied once, checked, and used from
 * the copy. No call waits, stores or needs a section; any number may run at
 * the same time. Each returns -EUCLEAN for bytes that cannot be.
 */
#ifndef DAXFS_BASE_H
#define DAXFS_BASE_H

#include "core.h"

/*
 * Copy base inode ino. What is checked: its type, its size, and that what it
 * refers to is inside the base image. -ENOENT: not a number of the base.
 */
int daxfs_base_inode(const struct daxfs_region *rg, u64 ino,
		     struct daxfs_base_inode *copy);

/* Number of entries of a directory, without "." and "..". */
u64 daxfs_base_dir_nr(const struct daxfs_base_inode *dir);
/*
 * Copy entry idx, with a NUL behind the name if there is room; what follows is not
 * touched. -ENOENT: there are not as many. -ENOTDIR.
 */
int daxfs_base_dirent(const struct daxfs_region *rg,
		      const struct daxfs_base_inode *dir, u64 idx,
		      struct daxfs_base_dirent *copy);
/*
 * Binary search. ino, d_type and idx may be NULL. -ENOENT: no such name; then
 * *idx is where it would be. -ENOTDIR.
 */
int daxfs_base_lookup(const struct daxfs_region *rg,
		      const struct daxfs_base_inode *dir, const char *name,
		      u32 len, u64 *ino, u32 *d_type, u64 *idx);

/*
 * The run of a regular file that begins at off: at most len bytes, none
 * beyond the end of the file (run->len 0 there). -EINVAL: not a regular file.
 */
int daxfs_base_run(const struct daxfs_region *rg,
		   const struct daxfs_base_inode *inode, u64 off, u64 len,
		   struct daxfs_run *run);
/* Bytes of content that the image holds: less than the size of a sparse file. */
u64 daxfs_base_bytes(const struct daxfs_region *rg,
		     const struct daxfs_base_inode *inode);
/* Bytes of the target put into buf, at most len. -EINVAL: no symbolic link. */
s64 daxfs_base_target(const struct daxfs_region *rg,
		      const struct daxfs_base_inode *inode, char *buf, u64 len);

/* Order of names: bytes as unsigned numbers, then length. <0, 0 or >0. */
int daxfs_base_name_cmp(const char *a, u32 a_len, const char *b, u32 b_len);

#endif
