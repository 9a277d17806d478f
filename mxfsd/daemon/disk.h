/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The voting disk of two nodes.
 *
 * Notes: each node writes a block of its own only: how often it has renewed, and its last
 * claim. Whoever writes and then reads is seen, or sees: of two claims at once at most one
 * finds no other. All I/O is done by a thread, in the order in which it was asked for, because
 * a disk may take longer than a lease; results come back by the loop.
 */
#ifndef MXFSD_DISK_H
#define MXFSD_DISK_H

#include "config.h"
#include "dlm.h"
#include "loop.h"

#define DISK_BLOCK	4096u
#define DISK_BYTES	((1 + MXFS_NODES) * DISK_BLOCK)

struct disk;

struct disk_done {
	enum mxfsd_action_kind kind;	/* MXFSD_DISK_... */
	uint64_t nr;			/* of the action */
	const struct mxfsd_disk *disk;	/* NULL: a claim that does not stand */
};

/*
 * Make one of what is all zeros in its first DISK_BYTES. 0, or -1 and err.
 */
int disk_format(const struct conf *conf, char *err, size_t size);
/* done is called by the loop. NULL, and err says why. */
struct disk *disk_open(struct loop *loop, const struct conf *conf,
		       void (*done)(void *arg, const struct disk_done *d), void *arg,
		       char *err, size_t size);
void disk_close(struct disk *d);
/* An action MXFSD_DISK_... What the disk does not answer is not answered. */
void disk_do(struct disk *d, const struct mxfsd_action *a);

#endif
