/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The backing files that mkdaxfs makes in split mode.
 *
 * Notes: each call that fails has printed why, and returns -1. A file appears when it is
 * complete; without backing_files_commit() nothing stays behind.
 */
#ifndef DAXFS_TOOLS_BACKING_FILES_H
#define DAXFS_TOOLS_BACKING_FILES_H

#include "core.h"
#include "target.h"

struct backing_files {
	u32 nr;			/* 0: not in split mode */
	struct daxfs_target *target;
	u64 *len;		/* bytes of each, with its first page */
	int *fd;		/* once they are created */
};

/* May they be written? They are none of each other, and not the region. */
int backing_files_open(struct backing_files *b, const char *const *path, u32 nr,
		       const struct daxfs_target *region, int force);
/* content: bytes of it, for each. */
int backing_files_create(struct backing_files *b, const u8 uuid[16], const u64 *content);
/* All is written: what they are goes into the region at base. */
int backing_files_note(struct backing_files *b, const struct daxfs_geometry *g, u8 *base);
int backing_files_commit(struct backing_files *b);
void backing_files_close(struct backing_files *b);

/* "backing=PATH:PATH", as a mount takes it; to be freed. NULL: no memory. */
char *backing_files_option(const char *const *path, u32 nr);

#endif
