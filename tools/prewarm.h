/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * mkdaxfs in split mode: put pages into the cache before anybody uses it.
 */
#ifndef DAXFS_TOOLS_PREWARM_H
#define DAXFS_TOOLS_PREWARM_H

#include "core.h"

struct prewarm {
	const char *region;	/* its name, for messages */
	const char *how;	/* "auto", "none", or a file of paths */
	const int *fd;		/* the backing files */
	u64 slots, pages;	/* out: of the cache; those that were filled */
};

/*
 * The region in memory is complete and nobody uses it. auto: all of the image, or
 * its smallest files first until no slot is free for the next page. 0 or -1 after a
 * message.
 */
int daxfs_prewarm(struct prewarm *p, void *base, u64 len);

#endif
