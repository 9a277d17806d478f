// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Memory that is freed as a whole: a list of blocks.
 *
 * Notes: what is longer than a block gets one of its own.
 */
#include <stdlib.h>
#include <string.h>

#include "arena.h"

#define BLOCK_LEN (256u * 1024)

struct daxfs_arena_block {
	struct daxfs_arena_block *next;
	size_t used, size;
	unsigned char bytes[];
};

static struct daxfs_arena_block *new_block(struct daxfs_arena *arena,
					   size_t len)
{
	size_t size = len > BLOCK_LEN ? len : BLOCK_LEN;
	struct daxfs_arena_block *b = malloc(sizeof(*b) + size);

	if (!b)
		return NULL;
	b->used = 0;
	b->size = size;
	b->next = arena->block;
	arena->block = b;
	return b;
}

void *daxfs_arena_alloc(struct daxfs_arena *arena, size_t len)
{
	struct daxfs_arena_block *b = arena->block;
	void *p;

	len = (len + 7) & ~(size_t)7;
	if (!b || b->size - b->used < len)
		b = new_block(arena, len);
	if (!b)
		return NULL;
	p = b->bytes + b->used;
	b->used += len;
	return p;
}

char *daxfs_arena_copy(struct daxfs_arena *arena, const void *from, size_t len)
{
	char *p = daxfs_arena_alloc(arena, len + 1);

	if (!p)
		return NULL;
	memcpy(p, from, len);
	p[len] = 0;
	return p;
}

void daxfs_arena_free(struct daxfs_arena *arena)
{
	struct daxfs_arena_block *b, *next;

	for (b = arena->block; b; b = next) {
		next = b->next;
		free(b);
	}
	arena->block = NULL;
}
