// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Public API: branches.
 *
 * Notes: an id is a number of the core, never used twice. A handle shows one
 * branch from its opening to its end; leave() in mount.c ends that in order. A
 * list is a walk over the table of the region: what is made or ends meanwhile may
 * be in it or not.
 */
#include "api.h"

_Static_assert(sizeof(((struct daxfs_fs_branch *)0)->name) ==
	       DAXFS_BRANCH_NAME_MAX + 1, "the same name");
_Static_assert((int)DAXFS_FS_BRANCH_LIVE == DAXFS_BRANCH_LIVE &&
	       (int)DAXFS_FS_BRANCH_FROZEN == DAXFS_BRANCH_FROZEN &&
	       (int)DAXFS_FS_BRANCH_STALE == DAXFS_BRANCH_STALE, "as the core's");

int daxfs_fs_is_branching(const struct daxfs *fs)
{
	return daxfs_is_branching(&fs->m->rg);
}

int daxfs_fs_head_id(struct daxfs *fs, uint64_t *head)
{
	struct daxfs_cx *cx;
	u64 id = 0;
	int r = daxfs_fs_is_branching(fs) ? daxfs_api_begin(fs, &cx) : -EOPNOTSUPP;

	if (!r)
		r = (int)daxfs_api_end(fs, cx, daxfs_head_id(cx, &id));
	*head = r ? 0 : id;
	return r;
}

static void fill(struct daxfs_fs_branch *to, const struct daxfs_branch_info *info)
{
	memset(to, 0, sizeof(*to));
	to->id = info->id;
	to->parent = info->parent;
	to->created_ns = info->created_ns;
	to->state = (enum daxfs_fs_branch_state)info->state;
	to->flags = info->keep ? DAXFS_FS_BRANCH_KEEP : 0;
	to->children = info->children;
	to->layers = info->layers;
	to->mounts = (unsigned int)__builtin_popcountll(info->mounts);
	memcpy(to->name, info->name, sizeof(to->name));
}

static int next(struct daxfs_cx *cx, unsigned int *cursor,
		struct daxfs_fs_branch *branch)
{
	struct daxfs_branch_info info;
	int r;

	while ((r = daxfs_branch_info(cx, (*cursor)++, &info)) == -ENOENT)
		;
	if (r)
		return r == -ERANGE ? 0 : r;
	fill(branch, &info);
	return 1;
}

int daxfs_fs_branch_next(struct daxfs *fs, unsigned int *cursor,
			 struct daxfs_fs_branch *branch)
{
	struct daxfs_cx *cx;
	int r;

	if (!daxfs_fs_is_branching(fs))
		return 0;
	r = daxfs_api_begin(fs, &cx);
	return r ? r : (int)daxfs_api_end(fs, cx, next(cx, cursor, branch));
}

int daxfs_fs_branch_find(struct daxfs *fs, const char *name, uint64_t *id)
{
	struct daxfs_cx *cx;
	u64 found = 0;
	int r;

	*id = 0;
	if (!daxfs_fs_is_branching(fs))
		return strcmp(name, "main") ? -ENOENT : 0;
	r = daxfs_api_begin(fs, &cx);
	if (!r)
		r = (int)daxfs_api_end(fs, cx, daxfs_branch_find(cx, name, &found));
	*id = r ? 0 : found;
	return r;
}

uint64_t daxfs_fs_branch_shown(struct daxfs *fs)
{
	return a64_load_relaxed(&fs->m->rg.view);	/* constant, or becomes 0 */
}

int daxfs_fs_branch_create(struct daxfs *fs, uint64_t parent, const char *name,
			   unsigned int flags, uint64_t *id)
{
	struct daxfs_cx *cx;
	u64 made = 0;
	int r = daxfs_api_begin_write(fs, &cx);

	if (!r)
		r = (int)daxfs_api_end(fs, cx, daxfs_branch_create(cx, parent, name,
								   flags, &made));
	*id = r ? 0 : made;
	return r;
}

int daxfs_fs_branch_commit(struct daxfs *fs, uint64_t id, uint64_t if_head)
{
	struct daxfs_cx *cx;
	int r = daxfs_api_begin_write(fs, &cx);

	return r ? r : (int)daxfs_api_end(fs, cx,
					  daxfs_branch_commit(cx, id, if_head));
}

int daxfs_fs_branch_abort(struct daxfs *fs, uint64_t id)
{
	struct daxfs_cx *cx;
	int r = daxfs_api_begin_write(fs, &cx);

	return r ? r : (int)daxfs_api_end(fs, cx, daxfs_branch_abort(cx, id));
}

int daxfs_fs_branch_checkpoint(struct daxfs *fs, uint64_t id, const char *name)
{
	struct daxfs_cx *cx;
	int r = daxfs_api_begin_write(fs, &cx);

	return r ? r : (int)daxfs_api_end(fs, cx,
					  daxfs_branch_checkpoint(cx, id, name));
}

int daxfs_fs_branch_rollback(struct daxfs *fs, uint64_t id, const char *name)
{
	struct daxfs_cx *cx;
	int r = daxfs_api_begin_write(fs, &cx);

	return r ? r : (int)daxfs_api_end(fs, cx,
					  daxfs_branch_rollback(cx, id, name));
}
