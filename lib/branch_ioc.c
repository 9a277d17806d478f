// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What the ioctls about branches do, for a mount and for a tool that has none.
 *
 * Notes: names from outside end within their field, or they are none. SELF is what
 * the host of the context shows, main if it was committed.
 */
#include "branch_ioc.h"

_Static_assert((int)DAXFS_IOC_BR_LIVE == DAXFS_BRANCH_LIVE &&
	       (int)DAXFS_IOC_BR_FROZEN == DAXFS_BRANCH_FROZEN &&
	       (int)DAXFS_IOC_BR_STALE == DAXFS_BRANCH_STALE &&
	       DAXFS_IOC_BR_KEEP == DAXFS_BRANCH_KEEP, "as the core's");
_Static_assert(sizeof(((struct daxfs_ioc_branch *)0)->name) ==
	       DAXFS_BRANCH_NAME_MAX + 1, "the same name");

int daxfs_branch_is_ioctl(unsigned int cmd)
{
	switch (cmd) {
	case DAXFS_IOC_BRANCH_INFO:
	case DAXFS_IOC_BRANCH_LIST:
	case DAXFS_IOC_BRANCH_FIND:
	case DAXFS_IOC_BRANCH_CREATE:
	case DAXFS_IOC_BRANCH_COMMIT:
	case DAXFS_IOC_BRANCH_ABORT:
	case DAXFS_IOC_BRANCH_CHECKPOINT:
	case DAXFS_IOC_BRANCH_ROLLBACK:
		return 1;
	default:
		return 0;
	}
}

u64 daxfs_branch_shown(struct daxfs_cx *cx)
{
	struct daxfs_stat st;

	/* Any look finds out; what it says of the branch does not matter here. */
	if (a64_load_relaxed(&cx->rg->view))
		(void)daxfs_getattr(cx, DAXFS_ROOT_INO, &st);
	return a64_load_relaxed(&cx->rg->view);
}

static u64 id_of(struct daxfs_cx *cx, u64 id)
{
	return id == DAXFS_IOC_BRANCH_SELF ? daxfs_branch_shown(cx) : id;
}

static int has_end(const char name[64])
{
	return memchr(name, 0, DAXFS_BRANCH_NAME_MAX + 1) != NULL;
}

static void fill(struct daxfs_ioc_branch *b, const struct daxfs_branch_info *info)
{
	memset(b, 0, sizeof(*b));
	b->id = info->id;
	b->parent = info->parent;
	b->created_ns = info->created_ns;
	b->mounts = info->mounts;
	b->state = (u32)info->state;
	b->flags = info->keep ? DAXFS_IOC_BR_KEEP : 0;
	b->children = info->children;
	b->layers = info->layers;
	memcpy(b->name, info->name, sizeof(b->name));
}

static void fill_main(struct daxfs_ioc_branch *b)
{
	memset(b, 0, sizeof(*b));
	memcpy(b->name, "main", 5);
}

static int info(struct daxfs_cx *cx, struct daxfs_ioc_branch *b)
{
	struct daxfs_branch_info i;
	u64 id = id_of(cx, b->id);
	int r = id ? daxfs_branch_info_of(cx, id, &i) : 0;

	if (r == -ESTALE && !id_of(cx, b->id))
		id = r = 0;	/* committed in between */
	if (!r && id)
		fill(b, &i);
	else if (!r)
		fill_main(b);
	return r;
}

static int list(struct daxfs_cx *cx, struct daxfs_ioc_branch *b)
{
	struct daxfs_branch_info i;
	u32 at = b->index;
	int r;

	while ((r = daxfs_branch_info(cx, at++, &i)) == -ENOENT)
		;
	if (r)
		return r == -ERANGE ? -ENOENT : r;
	fill(b, &i);
	b->index = at;
	return 0;
}

static int info_of(struct daxfs_cx *cx, struct daxfs_ioc_branch *b, u64 id)
{
	b->id = id;
	b->index = 0;
	return info(cx, b);
}

static int find(struct daxfs_cx *cx, struct daxfs_ioc_branch *b)
{
	u64 id;
	int r = has_end(b->name) ? daxfs_branch_find(cx, b->name, &id) : -ENOENT;

	return r ? r : info_of(cx, b, id);
}

static int create(struct daxfs_cx *cx, struct daxfs_ioc_branch *b)
{
	u64 id;
	int r = has_end(b->name) ? daxfs_branch_create(cx, id_of(cx, b->parent),
						       b->name, b->flags, &id) :
		-EINVAL;

	return r ? r : info_of(cx, b, id);
}

static int answered(struct daxfs_cx *cx, unsigned int cmd,
		    struct daxfs_ioc_branch *b)
{
	u64 head = 0;
	int r;

	switch (cmd) {
	case DAXFS_IOC_BRANCH_INFO:
		r = info(cx, b);
		break;
	case DAXFS_IOC_BRANCH_LIST:
		r = list(cx, b);
		break;
	case DAXFS_IOC_BRANCH_FIND:
		r = find(cx, b);
		break;
	default:
		r = create(cx, b);
	}
	if (!r)
		r = daxfs_head_id(cx, &head);
	b->head = head;
	return r;
}

static int done(struct daxfs_cx *cx, unsigned int cmd,
		const struct daxfs_ioc_branch_op *op)
{
	u64 id = id_of(cx, op->id);

	if (!has_end(op->name))
		return -EINVAL;
	switch (cmd) {
	case DAXFS_IOC_BRANCH_COMMIT:
		return daxfs_branch_commit(cx, id, op->if_head);
	case DAXFS_IOC_BRANCH_ABORT:
		return daxfs_branch_abort(cx, id);
	case DAXFS_IOC_BRANCH_CHECKPOINT:
		return daxfs_branch_checkpoint(cx, id, op->name);
	default:
		return daxfs_branch_rollback(cx, id, op->name);
	}
}

int daxfs_branch_ioc(struct daxfs_cx *cx, unsigned int cmd, void *arg)
{
	if (!daxfs_is_branching(cx->rg))
		return -EOPNOTSUPP;
	return _IOC_DIR(cmd) & _IOC_READ ? answered(cx, cmd, arg) :
					   done(cx, cmd, arg);
}
