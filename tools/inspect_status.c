// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * daxfs-inspect status and overlay: what a region says of itself.
 *
 * Notes: the region is mapped read-only and no host is joined, so that
 * looking never changes what is looked at, and works for who may only read.
 * Nothing then keeps memory from being reused meanwhile: counts are a moment's
 * view, and a walk that met a change is repeated a few times.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <uuid/uuid.h>

#include "inspect.h"

#define WALK_TRIES	8

int inspect_open(const struct inspect *in, struct daxfs_mount **m)
{
	char why[512] = "";
	int r = daxfs_mount_open(m, in->region,
				 DAXFS_OPEN_RDONLY | DAXFS_OPEN_NOHOST,
				 DAXFS_HOST_TOOL, why, sizeof(why));

	if (!r)
		return INSPECT_OK;
	if (why[0])
		daxfs_tool_error("%s", why);
	else
		daxfs_tool_error("%s: %s", in->region, strerror(-r));
	return INSPECT_FAILED;
}

static int failed(const struct inspect *in, s64 r)
{
	if (r == -EUCLEAN)
		daxfs_tool_error("%s: the region is damaged or changes too "
				 "fast to be counted; try again, then "
				 "fsck.daxfs", in->region);
	else
		daxfs_tool_error("%s: %s", in->region, strerror((int)-r));
	return INSPECT_FAILED;
}

int inspect_no_overlay(const struct inspect *in)
{
	daxfs_tool_error("%s: a static image without an overlay: it has no "
			 "hosts, pool or index", in->region);
	return INSPECT_FAILED;
}

static const char *mode_text(u32 mode)
{
	switch (mode) {
	case DAXFS_MODE_STATIC:
		return "static";
	case DAXFS_MODE_SPLIT:
		return "split";
	case DAXFS_MODE_EMPTY:
		return "empty";
	default:
		return "unknown";
	}
}

static int is_branching(const struct daxfs_region *rg)
{
	return !!(rg->super.incompat & DAXFS_INCOMPAT_BRANCHING);
}

/* ---- status ---- */

struct usage {			/* bytes */
	u64 pool, used, free, base;
	unsigned int branches;
};

static s64 count_branches(struct daxfs_mount *m, struct usage *u)
{
	struct branch_tree t;
	int r = inspect_branch_tree(daxfs_mount_region(m), &t);

	u->branches = t.nr;
	branch_tree_free(&t);
	return r;
}

static s64 get_usage(struct daxfs_mount *m, struct usage *u)
{
	struct daxfs_cx *cx = daxfs_cx_get(m);
	struct daxfs_statfs st;
	s64 r = daxfs_mount_result(m, daxfs_statfs(cx, &st));

	daxfs_cx_put(m, cx);
	if (r)
		return r;
	u->base = st.base_bytes;
	u->pool = st.pool_pages * st.page_size;
	u->free = st.pages_free * st.page_size;
	if (u->free > u->pool)
		u->free = u->pool;
	u->used = u->pool - u->free;
	return count_branches(m, u);
}

static void status_json(const struct inspect *in, struct daxfs_mount *m,
			const struct usage *u)
{
	struct daxfs_region *rg = daxfs_mount_region(m);
	struct daxfs_super *sb = &rg->super;
	struct json_object *o = json_object_new_object();
	struct json_object *base = json_object_new_object();
	struct json_object *pool = json_object_new_object();
	struct json_object *branches = json_object_new_object();
	size_t label_len = strnlen(sb->label, sizeof(sb->label));

	json_object_object_add(base, "inodes",
			       json_object_new_uint64(sb->base_inode_nr));
	json_object_object_add(base, "bytes", json_object_new_uint64(u->base));
	json_object_object_add(pool, "total", json_object_new_uint64(u->pool));
	json_object_object_add(pool, "used", json_object_new_uint64(u->used));
	json_object_object_add(pool, "free", json_object_new_uint64(u->free));
	json_object_object_add(branches, "active",
			       json_object_new_int((int)u->branches));
	json_object_object_add(o, "region", inspect_json_bytes(in->region,
						strlen(in->region)));
	json_object_object_add(o, "version", json_object_new_int64(sb->version));
	json_object_object_add(o, "uuid", inspect_json_uuid(sb->uuid));
	json_object_object_add(o, "label",
			       inspect_json_bytes(sb->label, label_len));
	json_object_object_add(o, "mode",
			       json_object_new_string(mode_text(sb->mode)));
	json_object_object_add(o, "branching",
			       json_object_new_boolean(is_branching(rg)));
	json_object_object_add(o, "overlay",
			       json_object_new_boolean(daxfs_has_overlay(rg)));
	json_object_object_add(o, "persistent",
			       json_object_new_boolean(daxfs_is_persistent(rg)));
	json_object_object_add(o, "memory_persistent",
			       json_object_new_boolean(daxfs_mount_durable(m)));
	json_object_object_add(o, "size", json_object_new_uint64(sb->region_len));
	json_object_object_add(o, "created_ns",
			       json_object_new_uint64(sb->created_ns));
	json_object_object_add(o, "base", base);
	json_object_object_add(o, "pool", pool);
	json_object_object_add(o, "hosts", inspect_json_hosts(rg));
	json_object_object_add(o, "branches", branches);
	inspect_json_print(o);
}

static void status_text(const struct inspect *in, struct daxfs_mount *m,
			const struct usage *u)
{
	struct daxfs_region *rg = daxfs_mount_region(m);
	char a[DAXFS_TOOL_SIZE_TEXT], b[DAXFS_TOOL_SIZE_TEXT];
	char c[DAXFS_TOOL_SIZE_TEXT], uuid[UUID_STR_LEN], when[32];
	char label[sizeof(rg->super.label) + 1];
	struct daxfs_super *sb = &rg->super;

	uuid_unparse_lower(sb->uuid, uuid);
	inspect_iso_time(sb->created_ns, when, sizeof(when));
	printf("region    %s\n", in->region);
	printf("size      %s, format %u, made %s\n",
	       daxfs_tool_size_text(sb->region_len, a), sb->version, when);
	printf("uuid      %s\n", uuid);
	inspect_printable(label, sb->label, sizeof(sb->label));
	if (label[0])
		printf("label     %s\n", label);
	printf("mode      %s%s%s\n", mode_text(sb->mode),
	       daxfs_has_overlay(rg) ? ", with a writable overlay" :
				       ", read-only",
	       is_branching(rg) ? ", branching" : "");
	if (sb->base_inode_nr)
		printf("base      %ju inodes, %s\n",
		       (uintmax_t)sb->base_inode_nr,
		       daxfs_tool_size_text(u->base, a));
	if (!daxfs_has_overlay(rg))
		return;
	if (daxfs_is_persistent(rg))
		printf("power     survives its loss%s\n",
		       daxfs_mount_durable(m) ? "" : ", as far as the memory "
		       "does: it is not known to be persistent (no MAP_SYNC)");
	printf("pool      %s: %s used, %s free\n",
	       daxfs_tool_size_text(u->pool, a),
	       daxfs_tool_size_text(u->used, b),
	       daxfs_tool_size_text(u->free, c));
	if (is_branching(rg))
		printf("branches  %u active\n", u->branches);
	printf("hosts\n");
	if (!inspect_print_hosts(rg, "  "))
		printf("        none\n");
}

int inspect_status(const struct inspect *in)
{
	struct usage u = { 0 };
	struct daxfs_mount *m;
	int status = inspect_open(in, &m);
	s64 r;

	if (status)
		return status;
	r = get_usage(m, &u);
	if (r)
		status = failed(in, r);
	else if (in->json)
		status_json(in, m, &u);
	else
		status_text(in, m, &u);
	daxfs_mount_close(m);
	return status;
}

/* ---- overlay ---- */

static s64 get_index(struct daxfs_mount *m, struct daxfs_index_stat *st)
{
	struct daxfs_cx *cx = daxfs_cx_get(m);
	int tries = WALK_TRIES;
	s64 r;

	do {
		memset(st, 0, sizeof(*st));
		r = daxfs_mount_result(m, daxfs_index_stat(cx, st));
	} while (r == -EUCLEAN && --tries);
	daxfs_cx_put(m, cx);
	return r;
}

static double ratio(u64 a, u64 b)
{
	return b ? (double)a / (double)b : 0;
}

/* Three decimals are what the numbers are worth. */
static struct json_object *json_ratio(u64 a, u64 b)
{
	char text[32];

	snprintf(text, sizeof(text), "%.3f", ratio(a, b));
	return json_object_new_double_s(ratio(a, b), text);
}

static void overlay_json(const struct daxfs_index_stat *st)
{
	struct json_object *o = json_object_new_object();
	struct json_object *entries = json_object_new_object();
	struct json_object *probe = json_object_new_object();

	json_object_object_add(entries, "dirents",
			       json_object_new_uint64(st->dirents));
	json_object_object_add(entries, "inodes",
			       json_object_new_uint64(st->inodes));
	json_object_object_add(entries, "whiteouts",
			       json_object_new_uint64(st->whiteouts));
	json_object_object_add(probe, "mean",
			       json_ratio(st->probe_sum, st->live));
	json_object_object_add(probe, "max",
			       json_object_new_uint64(st->probe_max));
	json_object_object_add(o, "buckets",
			       json_object_new_uint64(st->buckets));
	json_object_object_add(o, "used", json_object_new_uint64(st->used));
	json_object_object_add(o, "live", json_object_new_uint64(st->live));
	json_object_object_add(o, "load", json_ratio(st->used, st->buckets));
	json_object_object_add(o, "entries", entries);
	json_object_object_add(o, "probe", probe);
	json_object_object_add(o, "migrating",
			       json_object_new_uint64(st->migrating));
	inspect_json_print(o);
}

static void overlay_text(const struct daxfs_index_stat *st)
{
	printf("buckets   %ju, %ju used (load %.3f), %ju live\n",
	       (uintmax_t)st->buckets, (uintmax_t)st->used,
	       ratio(st->used, st->buckets), (uintmax_t)st->live);
	printf("entries   %ju names, %ju inodes, %ju whiteouts\n",
	       (uintmax_t)st->dirents, (uintmax_t)st->inodes,
	       (uintmax_t)st->whiteouts);
	printf("probe     %.3f buckets on average, %ju at most\n",
	       ratio(st->probe_sum, st->live), (uintmax_t)st->probe_max);
	if (st->migrating)
		printf("growing   %ju buckets are being moved\n",
		       (uintmax_t)st->migrating);
}

int inspect_overlay(const struct inspect *in)
{
	struct daxfs_index_stat st;
	struct daxfs_mount *m;
	int status = inspect_open(in, &m);
	s64 r;

	if (status)
		return status;
	if (!daxfs_has_overlay(daxfs_mount_region(m))) {
		status = inspect_no_overlay(in);
	} else {
		r = get_index(m, &st);
		if (r)
			status = failed(in, r);
		else if (in->json)
			overlay_json(&st);
		else
			overlay_text(&st);
	}
	daxfs_mount_close(m);
	return status;
}
