// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Branches as text and as JSON, for daxfs-branch and daxfs-inspect.
 *
 * Notes: what ends or comes while the list is made may be missing, and a parent may
 * be gone when its child is seen: a branch without one in the list is left out, for
 * it is about to go as well.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>

#include "branch.h"
#include "branch_list.h"
#include "inspect.h"

/* ---- the tree ---- */

static int add(struct branch_tree *t, const struct daxfs_ioc_branch *b)
{
	struct daxfs_ioc_branch *more = reallocarray(t->b, t->nr + 1, sizeof(*more));

	if (!more)
		return -ENOMEM;
	t->b = more;
	t->b[t->nr++] = *b;
	return 0;
}

static int by_age(const void *x, const void *y)
{
	const struct daxfs_ioc_branch *a = x, *b = y;

	if (a->created_ns != b->created_ns)
		return a->created_ns < b->created_ns ? -1 : 1;
	return a->id < b->id ? -1 : a->id > b->id;
}

/* Children of that parent behind what is there; each with all below it. */
static void put_below(const struct branch_tree *from, u64 parent, unsigned int depth,
		      struct branch_tree *to)
{
	unsigned int i;

	for (i = 0; i < from->nr; i++) {
		if (from->b[i].parent != parent || to->nr == from->nr)
			continue;
		to->depth[to->nr] = depth;
		to->b[to->nr++] = from->b[i];
		put_below(from, from->b[i].id, depth + 1, to);
	}
}

static int sort(struct branch_tree *t)
{
	struct branch_tree to = { .head = t->head };

	if (!t->nr)
		return 0;
	qsort(t->b, t->nr, sizeof(*t->b), by_age);
	to.b = calloc(t->nr, sizeof(*to.b));
	to.depth = calloc(t->nr, sizeof(*to.depth));
	if (!to.b || !to.depth) {
		free(to.b);
		free(to.depth);
		return -ENOMEM;
	}
	put_below(t, 0, 1, &to);
	free(t->b);
	*t = to;
	return 0;
}

int branch_tree_get(struct branch_tree *t,
		    int (*next)(void *arg, struct daxfs_ioc_branch *b), void *arg)
{
	struct daxfs_ioc_branch b = { .index = 0 };
	int r;

	memset(t, 0, sizeof(*t));
	while (!(r = next(arg, &b))) {
		t->head = b.head;
		if (b.state != DAXFS_IOC_BR_STALE)
			r = add(t, &b);
		if (r)
			return r;
	}
	return r == -ENOENT ? sort(t) : r;
}

/* ---- sizes ---- */

static int measure(struct branch_tree *t, const struct daxfs_region *rg, u64 *bytes,
		   u32 nr)
{
	unsigned int i;
	int r;

	t->size = calloc(t->nr + 1, sizeof(*t->size));
	if (!t->size)
		return -ENOMEM;
	daxfs_layer_bytes(rg, bytes, nr);
	r = daxfs_branch_bytes(rg, 0, bytes, nr, &t->main_size);
	for (i = 0; i < t->nr && !r; i++) {
		r = daxfs_branch_bytes(rg, t->b[i].id, bytes, nr, &t->size[i]);
		if (r == -ESTALE)
			r = 0;		/* it has just ended: nothing is its own */
	}
	return r;
}

int branch_tree_measure(struct branch_tree *t, const struct daxfs_region *rg)
{
	u32 nr = (u32)rg->area[DAXFS_AREA_LAYERS].nr;
	u64 *bytes = calloc(nr, sizeof(*bytes));
	int r = bytes ? measure(t, rg, bytes, nr) : -ENOMEM;

	free(bytes);
	if (r) {
		free(t->size);
		t->size = NULL;
	}
	return r;
}

void branch_tree_free(struct branch_tree *t)
{
	free(t->b);
	free(t->depth);
	free(t->size);
	memset(t, 0, sizeof(*t));
}

/* ---- text ---- */

const char *branch_state_text(const struct daxfs_ioc_branch *b)
{
	if (b->state == DAXFS_IOC_BR_FROZEN)
		return "frozen";
	if (b->state == DAXFS_IOC_BR_STALE)
		return "stale";
	if (b->mounts || !b->id)
		return "live";
	return b->flags & DAXFS_IOC_BR_KEEP ? "kept" : "orphaned";
}

static u64 age_of(const struct daxfs_ioc_branch *b)
{
	u64 now = port_now_ns();

	/* Clocks of machines differ. */
	return now > b->created_ns ? (now - b->created_ns) / 1000000000 : 0;
}

static const char *age_text(u64 s, char *buf, size_t len)
{
	if (s < 60)
		snprintf(buf, len, "%jus", (uintmax_t)s);
	else if (s < 3600)
		snprintf(buf, len, "%jum%02jus", (uintmax_t)(s / 60),
			 (uintmax_t)(s % 60));
	else
		snprintf(buf, len, "%juh%02jum", (uintmax_t)(s / 3600),
			 (uintmax_t)(s / 60 % 60));
	return buf;
}

static const char *mounts_text(u64 mounts, char *buf, size_t len)
{
	size_t at = 0;
	unsigned int i;

	snprintf(buf, len, "-");
	for (i = 0; i < 64; i++)
		if (mounts >> i & 1 && at < len)
			at += (size_t)snprintf(buf + at, len - at, at ? ",%u" : "%u", i);
	return buf;
}

static const char *size_text(const u64 *size, char buf[DAXFS_TOOL_SIZE_TEXT])
{
	return size ? daxfs_tool_size_text(*size, buf) : "-";
}

static void print_row(const struct branch_tree *t, unsigned int i)
{
	const struct daxfs_ioc_branch *b = &t->b[i];
	char age[32], mounts[256], name[sizeof(b->name) + 1], size[DAXFS_TOOL_SIZE_TEXT];
	int depth = (int)t->depth[i], width = 30 - 2 * (depth < 10 ? depth : 10);

	inspect_printable(name, b->name, sizeof(b->name));
	printf("%*s%-*s  %-8s  %8s  %10s  %6u  %s%s\n", 2 * depth, "", width, name,
	       branch_state_text(b), age_text(age_of(b), age, sizeof(age)),
	       size_text(t->size ? &t->size[i] : NULL, size), b->layers,
	       mounts_text(b->mounts, mounts, sizeof(mounts)),
	       b->flags & DAXFS_IOC_BR_KEEP ? "  keep" : "");
}

void branch_tree_print(const struct branch_tree *t)
{
	char mounts[256], size[DAXFS_TOOL_SIZE_TEXT];
	unsigned int i;

	printf("%-30s  %-8s  %8s  %10s  %6s  %s\n", "branch", "state", "age", "size",
	       "layers", "hosts that show it");
	printf("%-30s  %-8s  %8s  %10s  %6s  %s\n", "main", "-", "-",
	       size_text(t->size ? &t->main_size : NULL, size), "-",
	       t->main_known ? mounts_text(t->main_mounts, mounts, sizeof(mounts)) :
	       "");
	for (i = 0; i < t->nr; i++)
		print_row(t, i);
}

/* ---- JSON ---- */

static void add_u64(struct json_object *o, const char *key, u64 v)
{
	json_object_object_add(o, key, json_object_new_uint64(v));
}

static struct json_object *json_name(const char *name)
{
	return inspect_json_bytes(name, strnlen(name, DAXFS_BRANCH_NAME_MAX));
}

static struct json_object *json_mounts(u64 mounts)
{
	struct json_object *list = json_object_new_array();
	unsigned int i;

	for (i = 0; i < 64; i++)
		if (mounts >> i & 1)
			json_object_array_add(list, json_object_new_int((int)i));
	return list;
}

static struct json_object *json_branch(const struct daxfs_ioc_branch *b)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "name", json_name(b->name));
	add_u64(o, "id", b->id);
	add_u64(o, "parent", b->parent);
	json_object_object_add(o, "state",
			       json_object_new_string(branch_state_text(b)));
	json_object_object_add(o, "keep", json_object_new_boolean(
			       !!(b->flags & DAXFS_IOC_BR_KEEP)));
	add_u64(o, "created_ns", b->created_ns);
	add_u64(o, "age_s", b->id ? age_of(b) : 0);
	add_u64(o, "children", b->children);
	add_u64(o, "layers", b->layers);
	json_object_object_add(o, "mounts", json_mounts(b->mounts));
	return o;
}

struct json_object *branch_tree_json(const struct branch_tree *t)
{
	struct json_object *list = json_object_new_array();
	unsigned int i;

	for (i = 0; i < t->nr; i++) {
		struct json_object *o = json_branch(&t->b[i]);

		add_u64(o, "depth", t->depth[i]);
		if (t->size)
			add_u64(o, "size", t->size[i]);
		json_object_array_add(list, o);
	}
	return list;
}

void branch_print_json(const struct daxfs_ioc_branch *b, const char *mountpoint)
{
	struct json_object *o = json_branch(b);

	add_u64(o, "head", b->head);
	if (mountpoint)
		json_object_object_add(o, "mountpoint", inspect_json_bytes(mountpoint,
							strlen(mountpoint)));
	inspect_json_print(o);
}

/* ---- list and status ---- */

/*
 * A mount does not tell of sizes: they come from its region, if it may be read; where
 * not, the list is without.
 */
static void find_sizes(const struct branch *br, const struct branch_access *a,
		       struct branch_tree *t)
{
	char *region = a->m ? NULL : branch_region(br), why[512];
	struct daxfs_mount *m = a->m;

	if (!m && region && daxfs_mount_open(&m, region, DAXFS_OPEN_RDONLY |
					     DAXFS_OPEN_NOHOST, DAXFS_HOST_TOOL, why,
					     sizeof(why)))
		m = NULL;
	if (m && daxfs_is_branching(daxfs_mount_region(m)))
		branch_tree_measure(t, daxfs_mount_region(m));
	if (m != a->m)
		daxfs_mount_close(m);
	free(region);
}

static int next_branch(void *arg, struct daxfs_ioc_branch *b)
{
	return branch_call(arg, DAXFS_IOC_BRANCH_LIST, b);
}

static int print_list(const struct branch *br, const struct branch_access *a)
{
	struct daxfs_ioc_branch main = { .id = 0 };
	struct json_object *o;
	struct branch_tree t;
	int r = branch_tree_get(&t, next_branch, (void *)(uintptr_t)a);

	if (!r)
		r = branch_call(a, DAXFS_IOC_BRANCH_INFO, &main);
	if (r) {
		branch_tree_free(&t);
		return branch_failed(a, "list", "the branches", r);
	}
	find_sizes(br, a, &t);
	if (br->json) {
		o = json_object_new_object();
		add_u64(o, "head", main.head);
		if (t.size)
			add_u64(o, "main_size", t.main_size);
		json_object_object_add(o, "branches", branch_tree_json(&t));
		inspect_json_print(o);
	} else {
		branch_tree_print(&t);
	}
	branch_tree_free(&t);
	return BRANCH_OK;
}

int branch_list(const struct branch *br)
{
	struct branch_access a;
	int status = branch_open(&a, br, 1);

	if (status)
		return status;
	status = print_list(br, &a);
	branch_close(&a);
	return status;
}

static void print_status(const struct branch_access *a,
			 const struct daxfs_ioc_branch *b)
{
	struct daxfs_ioc_branch up = { .id = b->parent };
	char buf[256], name[sizeof(b->name) + 1];

	inspect_printable(name, b->name, sizeof(b->name));
	printf("branch    %s\n", name);
	printf("head      %ju\n", (uintmax_t)b->head);
	if (!b->id)
		return;
	if (!branch_call(a, DAXFS_IOC_BRANCH_INFO, &up)) {
		inspect_printable(name, up.name, sizeof(up.name));
		printf("parent    %s\n", name);
	}
	printf("state     %s%s\n", branch_state_text(b),
	       b->flags & DAXFS_IOC_BR_KEEP ? ", keep" : "");
	inspect_iso_time(b->created_ns, buf, sizeof(buf));
	printf("made      %s\n", buf);
	printf("children  %u\n", b->children);
	printf("layers    %u\n", b->layers);
	printf("hosts     %s\n", mounts_text(b->mounts, buf, sizeof(buf)));
}

int branch_status(const struct branch *br)
{
	struct daxfs_ioc_branch b;
	struct branch_access a;
	int status = branch_open(&a, br, 1);

	if (status)
		return status;
	status = branch_find(&a, "look at", br->name, &b);
	if (!status && br->json)
		branch_print_json(&b, NULL);
	else if (!status)
		print_status(&a, &b);
	branch_close(&a);
	return status;
}
