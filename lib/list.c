// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Public API: listing a directory.
 *
 * Notes: the core hands entries out inside a section, which must be short; a
 * listing takes a buffer full of them at a time.
 */
#include <stdlib.h>

#include "api.h"

#define LIST_BYTES	16384u	/* some 300 entries, at least 57 */

struct record {
	u64 ino;
	u64 next;
	u32 type;
	u32 name_len;
	char name[];		/* NUL-terminated */
};

struct daxfs_list {
	struct daxfs *fs;
	struct daxfs_held *held;
	u64 cookie;		/* behind what is in the buffer */
	u32 at, fill;		/* bytes handed out; in the buffer */
	u8 buf[LIST_BYTES] __attribute__((aligned(8)));
};

static u32 record_len(u32 name_len)
{
	return (u32)((sizeof(struct record) + name_len + 1 + 7) & ~(size_t)7);
}

static int keep(void *arg, const struct daxfs_dirent *de)
{
	struct daxfs_list *list = arg;
	u32 len = record_len(de->name_len);
	struct record *rec = (struct record *)(list->buf + list->fill);

	if (len > LIST_BYTES - list->fill)
		return 1;
	rec->ino = de->ino;
	rec->next = de->next;
	rec->type = de->d_type;
	rec->name_len = de->name_len;
	memcpy(rec->name, de->name, de->name_len);
	rec->name[de->name_len] = '\0';
	list->fill += len;
	list->cookie = de->next;
	return 0;
}

static int refill(struct daxfs_list *list)
{
	struct daxfs_cx *cx;
	int r = daxfs_api_begin(list->fs, &cx);

	if (r)
		return r;
	list->at = list->fill = 0;
	r = daxfs_readdir(cx, list->held->file.ino, list->cookie, keep, list);
	return (int)daxfs_api_end(list->fs, cx, r < 0 ? r : 0);
}

int daxfs_list_open(struct daxfs_fd *dir, uint64_t cookie,
		    struct daxfs_list **listp)
{
	struct daxfs_list *list;
	struct daxfs_cx *cx;
	int r;

	*listp = NULL;
	if (!S_ISDIR(dir->mode))
		return -ENOTDIR;
	list = malloc(sizeof(*list));
	if (!list)
		return -ENOMEM;
	list->fs = dir->fs;
	list->cookie = cookie;
	list->at = list->fill = 0;
	r = daxfs_api_begin(dir->fs, &cx);
	if (!r) {
		r = daxfs_hold(dir->fs->m, cx, dir->held->file.ino, &list->held);
		daxfs_api_count(dir->fs, cx, !r);
		daxfs_cx_put(dir->fs->m, cx);
	}
	if (r) {
		free(list);
		return r;
	}
	*listp = list;
	return 0;
}

int daxfs_list_next(struct daxfs_list *list, struct daxfs_list_entry *entry)
{
	const struct record *rec;

	if (list->at == list->fill) {
		int r = refill(list);

		if (r || !list->fill)
			return r;
	}
	rec = (const struct record *)(list->buf + list->at);
	list->at += record_len(rec->name_len);
	entry->ino = rec->ino;
	entry->cookie = rec->next;
	entry->type = rec->type;
	entry->name_len = rec->name_len;
	entry->name = rec->name;
	return 1;
}

void daxfs_list_close(struct daxfs_list *list)
{
	if (!list)
		return;
	daxfs_api_unhold(list->fs, list->held);
	free(list);
}
