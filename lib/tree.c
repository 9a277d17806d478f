// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A tree of names and files in memory: one hash table of all names.
 *
 * Notes: the table has at least as many buckets as names were ever added.
 * Names that were removed leave their entries unused.
 */
#include <stdlib.h>

#include "tree.h"

static u64 hash_of(u32 dir, const char *name, size_t len)
{
	u64 h = 0xcbf29ce484222325ull ^ dir;
	size_t i;

	for (i = 0; i < len; i++)
		h = (h ^ (u8)name[i]) * 0x100000001b3ull;
	return h ^ h >> 32;
}

static u32 *bucket_of(const struct daxfs_tree *t, u32 dir, const char *name,
		      size_t len)
{
	return &t->bucket[hash_of(dir, name, len) & (t->bucket_nr - 1)];
}

static int make_room(void **array, u64 nr, u64 *room, size_t size)
{
	u64 want = *room ? 2 * *room : 256;
	void *p;

	if (nr < *room)
		return 0;
	if (nr >= DAXFS_TREE_NONE)
		return -ENOMEM;
	p = reallocarray(*array, want, size);
	if (!p)
		return -ENOMEM;
	*array = p;
	*room = want;
	return 0;
}

static int grow_buckets(struct daxfs_tree *t)
{
	u64 i, nr = t->bucket_nr ? 2 * t->bucket_nr : 256;
	u32 *p = malloc(nr * sizeof(*p)), *b;

	if (!p)
		return -ENOMEM;
	memset(p, 0xff, nr * sizeof(*p));
	free(t->bucket);
	t->bucket = p;
	t->bucket_nr = nr;
	for (i = 0; i < t->name_nr; i++) {
		struct daxfs_tree_name *n = &t->name[i];

		if (!n->name)
			continue;
		b = bucket_of(t, n->dir, n->name, n->len);
		n->chain = *b;
		*b = (u32)i;
	}
	return 0;
}

int daxfs_tree_add_file(struct daxfs_tree *t, const struct daxfs_tree_file *f,
			u32 *file)
{
	if (make_room((void **)&t->file, t->file_nr, &t->file_room,
		      sizeof(*t->file)))
		return -ENOMEM;
	*file = (u32)t->file_nr++;
	t->file[*file] = *f;
	t->file[*file].first = DAXFS_TREE_NONE;
	return 0;
}

int daxfs_tree_add_name(struct daxfs_tree *t, u32 dir, const char *name,
			u16 len, u32 file, u32 *index)
{
	struct daxfs_tree_name *n;
	u32 *b, i = (u32)t->name_nr, first = t->file[dir].first;

	if (make_room((void **)&t->name, t->name_nr, &t->name_room,
		      sizeof(*t->name)) ||
	    (t->name_nr >= t->bucket_nr && grow_buckets(t)))
		return -ENOMEM;
	b = bucket_of(t, dir, name, len);
	n = &t->name[t->name_nr++];
	*n = (struct daxfs_tree_name){
		.dir = dir, .file = file, .len = len, .name = name,
		.next = first, .prev = DAXFS_TREE_NONE, .chain = *b,
	};
	*b = i;
	if (first != DAXFS_TREE_NONE)
		t->name[first].prev = i;
	t->file[dir].first = i;
	*index = i;
	return 0;
}

u32 daxfs_tree_find(const struct daxfs_tree *t, u32 dir, const char *name,
		    size_t len)
{
	u32 i = *bucket_of(t, dir, name, len);

	for (; i != DAXFS_TREE_NONE; i = t->name[i].chain) {
		const struct daxfs_tree_name *n = &t->name[i];

		if (n->dir == dir && n->len == len &&
		    !memcmp(n->name, name, len))
			break;
	}
	return i;
}

void daxfs_tree_remove(struct daxfs_tree *t, u32 name)
{
	struct daxfs_tree_name *n = &t->name[name];
	u32 *p = bucket_of(t, n->dir, n->name, n->len);

	while (*p != name)
		p = &t->name[*p].chain;
	*p = n->chain;
	if (n->prev != DAXFS_TREE_NONE)
		t->name[n->prev].next = n->next;
	else
		t->file[n->dir].first = n->next;
	if (n->next != DAXFS_TREE_NONE)
		t->name[n->next].prev = n->prev;
	n->name = NULL;
}

int daxfs_tree_new(struct daxfs_tree **tree)
{
	struct daxfs_tree_file root = { .mode = S_IFDIR | 0755, .fd = -1 };
	struct daxfs_tree *t = calloc(1, sizeof(*t));
	u32 file;

	*tree = t;
	if (!t)
		return -ENOMEM;
	if (grow_buckets(t) || daxfs_tree_add_file(t, &root, &file)) {
		daxfs_tree_free(t);
		*tree = NULL;
		return -ENOMEM;
	}
	return 0;
}

void daxfs_tree_free(struct daxfs_tree *t)
{
	if (!t)
		return;
	free(t->file);
	free(t->name);
	free(t->bucket);
	free(t);
}
