// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The paths that the log has made so far, by hash.
 *
 * Notes: nothing is ever taken out, because the log takes nothing out.
 */
#include <stdlib.h>

#include "famfs.h"

void famfs_names_fini(struct famfs_names *n)
{
	free(n->name);
	free(n->bucket);
	*n = (struct famfs_names){ .name = NULL };
}

size_t famfs_hash(const char *path)
{
	u64 h = 0xcbf29ce484222325ull;

	for (; *path; path++)
		h = (h ^ (u8)*path) * 0x100000001b3ull;
	return (size_t)(h ^ h >> 32);
}

/* Where path is, or would be. */
static size_t place(const struct famfs_names *n, const char *path)
{
	size_t i = famfs_hash(path) & (n->buckets - 1);

	while (n->bucket[i] && strcmp(n->name[n->bucket[i] - 1].path, path))
		i = (i + 1) & (n->buckets - 1);
	return i;
}

const struct famfs_name *famfs_names_find(const struct famfs_names *n,
					  const char *path)
{
	size_t i = n->buckets ? place(n, path) : 0;

	return n->buckets && n->bucket[i] ? &n->name[n->bucket[i] - 1] : NULL;
}

/* Twice the room; at most half of the buckets are used. */
static int grow(struct famfs_names *n)
{
	size_t room = n->room ? 2 * n->room : 1024, i;
	struct famfs_name *name = realloc(n->name, room * sizeof(*name));
	u32 *bucket = calloc(2 * room, sizeof(*bucket));

	if (name)
		n->name = name;
	if (!name || !bucket) {
		free(bucket);
		return -ENOMEM;
	}
	free(n->bucket);
	n->bucket = bucket;
	n->room = room;
	n->buckets = 2 * room;
	for (i = 0; i < n->nr; i++)
		n->bucket[place(n, n->name[i].path)] = (u32)i + 1;
	return 0;
}

int famfs_names_add(struct famfs_names *n, const char *path, int is_dir, u64 index)
{
	struct famfs_name *name;
	int r = n->nr < n->room ? 0 : grow(n);

	if (r)
		return r;
	name = &n->name[n->nr];
	memcpy(name->path, path, strlen(path) + 1);
	name->is_dir = is_dir;
	name->index = index;
	n->bucket[place(n, path)] = (u32)++n->nr;
	return 0;
}

void famfs_parent(const char *path, char parent[FAMFS_PATH_LEN])
{
	const char *slash = strrchr(path, '/');
	size_t len = slash ? (size_t)(slash - path) : 0;

	memcpy(parent, path, len);
	parent[len] = 0;
}

int famfs_names_dir(const struct famfs_names *n, const char *path)
{
	const struct famfs_name *name = *path ? famfs_names_find(n, path) : NULL;

	return !*path || (name && name->is_dir);
}
