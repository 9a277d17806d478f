/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Memory that is freed as a whole: names and other bytes of any length.
 *
 * Notes: one thread at a time. An arena of zeroes is empty and ready.
 */
#ifndef DAXFS_LIB_ARENA_H
#define DAXFS_LIB_ARENA_H

#include <stddef.h>

struct daxfs_arena_block;

struct daxfs_arena {
	struct daxfs_arena_block *block;
};

/* Aligned to 8; NULL if there is no memory. */
void *daxfs_arena_alloc(struct daxfs_arena *arena, size_t len);
/* A copy of len bytes with a NUL behind them; NULL likewise. */
char *daxfs_arena_copy(struct daxfs_arena *arena, const void *from,
		       size_t len);
void daxfs_arena_free(struct daxfs_arena *arena);

#endif
