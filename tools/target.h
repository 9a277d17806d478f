/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Where mkdaxfs writes: a new file that appears when it is complete, memory in
 * place (a device, physical addresses), or a new buffer of a dma-buf heap.
 *
 * Notes: each call that fails has printed why. A file has no name until
 * daxfs_target_commit(), or a temporary one that a signal removes, so that
 * whatever ends the process leaves what was there before.
 */
#ifndef DAXFS_TOOLS_TARGET_H
#define DAXFS_TOOLS_TARGET_H

#include <stdint.h>
#include <sys/types.h>

struct daxfs_target {
	const char *arg;	/* as the user named it */
	char *path;		/* where it goes, links resolved */
	int exists;		/* something is replaced */
	int device;		/* no file: never renamed, nor removed */
	int phys;		/* a device: /dev/mem at off */
	int heap;		/* a device: a buffer that is ours alone */
	int named;		/* the new file has the name temp */
	char *temp;
	int old_fd;		/* holds the lock on what is replaced */
	int fd;
	uint64_t device_len;	/* not of a heap */
	off_t off;		/* of the region in fd */
	uint8_t *base;		/* the mapping */
	uint64_t len, map_len;
	int synced;		/* a device with msync() */
	int durable;		/* mapped with MAP_SYNC */
};

/*
 * May it be written? Locks what is there. 0 or -1. force: replace it. Call
 * it before long work.
 */
int daxfs_target_open(struct daxfs_target *t, const char *arg, int force);
/* Instead: memory of the dma-buf heap of that name. 0 or -1. */
int daxfs_target_heap(struct daxfs_target *t, const char *heap);
/*
 * Allocate and map len bytes: zeroes in a file or of a heap, whatever there was
 * on another device. 0 or -1.
 */
int daxfs_target_create(struct daxfs_target *t, uint64_t len);
/* Put it in its place. 0 or -1, then nothing has changed there. */
int daxfs_target_commit(struct daxfs_target *t);
/* The descriptor of the region, which stays open from now on. */
int daxfs_target_take(struct daxfs_target *t);
/* Unmap and close; without a commit nothing stays behind. */
void daxfs_target_close(struct daxfs_target *t);

#endif
