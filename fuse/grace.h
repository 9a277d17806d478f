/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Hold what a lookup found, for a moment, when others replace it quickly.
 *
 * Notes: an open is two requests, lookup and open, and the file may be replaced
 * in between. The kernel then tries again, but once. So for a moment after such
 * a miss each lookup holds what it found, and the second try cannot miss. In
 * quiet times nothing is held and no lookup stores anything. Any thread may
 * call these functions.
 */
#ifndef DAXFS_FUSE_GRACE_H
#define DAXFS_FUSE_GRACE_H

#include <pthread.h>

#include "mount.h"

#define DAXFS_GRACE_SLOTS	1024u

struct daxfs_grace {
	struct daxfs_mount *m;
	u64 until;			/* ns of the monotonic clock */
	pthread_mutex_t lock;
	u32 first, nr;
	struct {
		struct daxfs_held *held;
		u64 until;
	} slot[DAXFS_GRACE_SLOTS];	/* a ring, the oldest first */
};

void daxfs_grace_init(struct daxfs_grace *g, struct daxfs_mount *m);
/* Let everything go; nothing else runs any more. */
void daxfs_grace_fini(struct daxfs_grace *g);

/* A node was gone: the kernel is about to look its name up again. */
void daxfs_grace_begin(struct daxfs_grace *g);
int daxfs_grace_on(struct daxfs_grace *g);
/* 0, -ENOENT: gone already, or another error, which does not matter. */
int daxfs_grace_hold(struct daxfs_grace *g, struct daxfs_cx *cx, u64 ino);
/* Is anything held? */
int daxfs_grace_any(struct daxfs_grace *g);
/* Let go what has been held long enough. */
void daxfs_grace_expire(struct daxfs_grace *g, struct daxfs_cx *cx);

#endif
