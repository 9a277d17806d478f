/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A file without a name for the content of what is in a tar stream.
 *
 * Notes: in $TMPDIR, or /tmp. It vanishes with its descriptor, whatever ends
 * the process. Each call that fails has printed why and returns -1.
 */
#ifndef DAXFS_TOOLS_TAR_SPOOL_H
#define DAXFS_TOOLS_TAR_SPOOL_H

#include "tree.h"

struct tar_spool {
	int fd;
	u64 end;		/* of what is used, a multiple of a page */
};

struct tar_content {		/* of the file that is being written */
	struct daxfs_tree_extent *extent;
	u64 nr, room;
	u64 data_end;		/* in the file */
};

int tar_spool_open(struct tar_spool *s);
void tar_spool_close(struct tar_spool *s);
/*
 * Bytes of a file, in the order of their offsets; each whole page that they
 * touch becomes part of an extent.
 */
int tar_spool_write(struct tar_spool *s, struct tar_content *c,
		    const void *data, size_t len, u64 off);
/* All of a file of that size was written: its extents are whole pages. */
int tar_spool_round(struct tar_content *c, u64 size);
/* All files were written: the last page is there in full. */
int tar_spool_finish(struct tar_spool *s);

#endif
