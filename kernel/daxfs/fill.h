/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Split mode in the kernel: what fill.c, pages.c and backing.c share.
 *
 * Notes: what the other parts of the module see of it is in daxfs.h.
 */
#ifndef DAXFS_KERNEL_FILL_H
#define DAXFS_KERNEL_FILL_H

#include "daxfs.h"

#define DAXFS_PIN_LOCKS		64u
#define DAXFS_DONE_SHIFT	4u
#define DAXFS_DONE_QUEUES	(1u << DAXFS_DONE_SHIFT)

struct daxfs_filler {		/* of a mount in split mode */
	struct daxfs_sbi *sbi;
	struct file *file[DAXFS_BACKING_FILES];	/* NULL: not here */
	u32 file_nr;			/* that are here */
	/* fills: slots that this mount claims carry the number of this context */
	struct mutex lock;		/* for each call with cx */
	struct daxfs_cx *cx;		/* NULL: not started */
	struct workqueue_struct *wq;	/* of reads */
	atomic_t flights, serving;	/* reads that are ordered, or go on: for this
					 * mount, and for others */
	wait_queue_head_t done[DAXFS_DONE_QUEUES];	/* one has ended */
	struct task_struct *server;	/* for hosts without the files */
	struct daxfs_waits waits;
	struct ratelimit_state said;
	/* pins, see pages.c */
	spinlock_t pin_lock[DAXFS_PIN_LOCKS];	/* of slots, by their sets */
	u32 *pins;			/* of each slot: pins of this mount */
	atomic_long_t mapped;		/* pages that mappings keep */
};

/* ---- backing.c ---- */

/* All of len bytes: 0 or a negative errno; -ENODATA: the file ends before. */
int daxfs_backing_read(struct file *file, void *buf, u64 len, u64 off);
void daxfs_backing_close_all(struct daxfs_filler *fl);

/* ---- pages.c ---- */

int daxfs_pages_init(struct daxfs_filler *fl);
void daxfs_pages_exit(struct daxfs_filler *fl);

#endif
