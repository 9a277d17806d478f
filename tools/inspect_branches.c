// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * daxfs-inspect branches: the branches of a region as a tree, and who shows them.
 *
 * Notes: looks without joining, as the other commands do. Hosts that show no branch
 * show main.
 */
#include <stdio.h>
#include <stdlib.h>

#include "branch_ioc.h"
#include "inspect.h"

static int next_branch(void *arg, struct daxfs_ioc_branch *b)
{
	return daxfs_branch_ioc(arg, DAXFS_IOC_BRANCH_LIST, b);
}

static void find_main(const struct daxfs_region *rg, struct branch_tree *t)
{
	struct daxfs_host_info info;
	unsigned int i;
	u32 slot = 0;

	while (!inspect_next_host(rg, &slot, &info))
		t->main_mounts |= 1ull << info.slot;
	for (i = 0; i < t->nr; i++)
		t->main_mounts &= ~t->b[i].mounts;
	t->main_known = 1;
}

int inspect_branch_tree(const struct daxfs_region *rg, struct branch_tree *t)
{
	struct daxfs_region look = *rg;	/* that of a look shows main */
	struct daxfs_cx *cx;
	int r;

	memset(t, 0, sizeof(*t));
	if (!daxfs_is_branching(rg))
		return 0;
	cx = calloc(1, sizeof(*cx));
	if (!cx)
		return -ENOMEM;
	r = daxfs_cx_init(cx, &look, 0);
	if (!r)
		r = branch_tree_get(t, next_branch, cx);
	if (!r)
		r = daxfs_head_id(cx, (u64 *)&t->head);
	free(cx);
	find_main(rg, t);
	return r;
}

const char *inspect_branch_of(const struct branch_tree *t, u32 host)
{
	unsigned int i;

	for (i = 0; i < t->nr; i++)
		if (t->b[i].mounts >> host & 1)
			return t->b[i].name;
	return "main";
}

static void print_json(const struct branch_tree *t)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "head", json_object_new_uint64(t->head));
	if (t->size)
		json_object_object_add(o, "main_size",
				       json_object_new_uint64(t->main_size));
	json_object_object_add(o, "active", json_object_new_int((int)t->nr));
	json_object_object_add(o, "branches", branch_tree_json(t));
	inspect_json_print(o);
}

static int print(const struct inspect *in, const struct daxfs_region *rg)
{
	struct branch_tree t;
	int r = inspect_branch_tree(rg, &t);

	if (!r)
		r = branch_tree_measure(&t, rg);
	if (r)
		daxfs_tool_error("%s: %s; see fsck.daxfs", in->region, strerror(-r));
	else if (in->json)
		print_json(&t);
	else
		branch_tree_print(&t);
	branch_tree_free(&t);
	return r ? INSPECT_FAILED : INSPECT_OK;
}

int inspect_branches(const struct inspect *in)
{
	struct daxfs_mount *m;
	int status = inspect_open(in, &m);

	if (status)
		return status;
	if (daxfs_is_branching(daxfs_mount_region(m))) {
		status = print(in, daxfs_mount_region(m));
	} else {
		daxfs_tool_error("%s: was made without mkdaxfs -b, so it has no "
				 "branches", in->region);
		status = INSPECT_FAILED;
	}
	daxfs_mount_close(m);
	return status;
}
