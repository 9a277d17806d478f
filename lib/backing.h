/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Backing files of split mode: their identity, and reading them.
 *
 * Notes: for lib/ and mkdaxfs. A backing file is only ever read here; its first
 * page says which region it belongs to.
 */
#ifndef DAXFS_LIB_BACKING_H
#define DAXFS_LIB_BACKING_H

#include "core.h"

/* The first page of backing file number `file' of that size. */
void daxfs_backing_head(struct daxfs_backing_head *head, const u8 uuid[16], u32 file,
			u64 size);
/*
 * What is kept of it in the region: the file as it is now. 0 or a negative
 * errno; -ENODATA: it ended early.
 */
int daxfs_backing_identify(int fd, const u8 uuid[16], u64 size,
			   struct daxfs_backing *id);
/*
 * Open path, read-only, and find out which of the backing files of rg it is. A
 * file that is not just what it was when the region was made is refused, and
 * why says so.
 */
int daxfs_backing_open(const struct daxfs_region *rg, const char *path, int *fd,
		       u32 *file, char *why, size_t why_len);
/* All of len bytes: 0 or a negative errno; -ENODATA: the file ends before. */
int daxfs_backing_pread(int fd, void *buf, u64 len, u64 off);

#endif
