// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * daxfs-inspect pcache: the page cache of a region in split mode.
 *
 * Notes: as in inspect_status.c, looking changes nothing and counts are a moment's
 * view. Counters belong to slots of the host table and go on with the next host
 * there, so their sums are those of all hosts since the region was made.
 */
#include <stdio.h>

#include "inspect.h"

/* The sum of all hosts. */
static struct daxfs_cache_count total(const struct daxfs_cache_stat *st)
{
	struct daxfs_cache_count sum = { 0 };
	u32 i;

	for (i = 0; i < DAXFS_HOSTS; i++) {
		const struct daxfs_cache_count *c = &st->host[i];

		sum.hits += c->hits;
		sum.misses += c->misses;
		sum.evictions += c->evictions;
		sum.read += c->read;
		sum.fills += c->fills;
		sum.waits += c->waits;
		sum.errors += c->errors;
		sum.backing += c->backing;
	}
	return sum;
}

static int counted(const struct daxfs_cache_count *c)
{
	return c->hits || c->misses || c->fills || c->waits || c->errors ||
	       c->read || c->evictions || c->backing;
}

static double rate(const struct daxfs_cache_count *c)
{
	u64 all = c->hits + c->misses;

	return all ? (double)c->hits / (double)all : 0;
}

static void add_u64(struct json_object *o, const char *key, u64 v)
{
	json_object_object_add(o, key, json_object_new_uint64(v));
}

static void add_counts(struct json_object *o, const struct daxfs_cache_count *c)
{
	add_u64(o, "hits", c->hits);
	add_u64(o, "misses", c->misses);
	add_u64(o, "evictions", c->evictions);
	add_u64(o, "backing_bytes_read", c->read);
	add_u64(o, "fills", c->fills);
	add_u64(o, "waits", c->waits);
	add_u64(o, "errors", c->errors);
}

static struct json_object *json_per_host(const struct daxfs_cache_stat *st)
{
	struct json_object *list = json_object_new_array();
	u32 i;

	for (i = 0; i < DAXFS_HOSTS; i++) {
		struct json_object *o;

		if (!counted(&st->host[i]))
			continue;
		o = json_object_new_object();
		json_object_object_add(o, "id", json_object_new_int((int)i));
		json_object_object_add(o, "has_backing", json_object_new_boolean(
				       st->host[i].backing));
		add_counts(o, &st->host[i]);
		json_object_array_add(list, o);
	}
	return list;
}

static struct json_object *json_backing(const struct daxfs_region *rg)
{
	struct json_object *list = json_object_new_array();
	struct daxfs_backing b;
	u32 i;

	for (i = 0; !daxfs_backing(rg, i, &b); i++) {
		struct json_object *o = json_object_new_object();

		json_object_object_add(o, "file", json_object_new_int((int)i));
		json_object_object_add(o, "uuid", inspect_json_uuid(b.uuid));
		add_u64(o, "size", b.size);
		json_object_object_add(o, "mtime_ns",
				       json_object_new_int64(b.mtime_ns));
		json_object_array_add(list, o);
	}
	return list;
}

static void print_json(const struct daxfs_region *rg, const struct daxfs_cache_stat *st)
{
	struct json_object *o = json_object_new_object();
	struct daxfs_cache_count sum = total(st);
	char text[32];

	add_u64(o, "slots", st->slots);
	add_u64(o, "free", st->state[DAXFS_C_FREE]);
	add_u64(o, "valid", st->state[DAXFS_C_VALID]);
	add_u64(o, "pending", st->state[DAXFS_C_PENDING]);
	add_u64(o, "claimed", st->state[DAXFS_C_CLAIM]);
	add_u64(o, "failed", st->state[DAXFS_C_FAILED]);
	add_u64(o, "referenced", st->used);
	add_u64(o, "pinned", st->pinned);
	add_counts(o, &sum);
	snprintf(text, sizeof(text), "%.4f", rate(&sum));
	json_object_object_add(o, "hit_rate",
			       json_object_new_double_s(rate(&sum), text));
	json_object_object_add(o, "hosts", json_per_host(st));
	json_object_object_add(o, "backing", json_backing(rg));
	inspect_json_print(o);
}

static void print_counts(const char *who, const struct daxfs_cache_count *c)
{
	char read[DAXFS_TOOL_SIZE_TEXT];

	printf("%s  %ju hits, %ju misses (%.1f %% hit), %ju evictions, %ju fills, "
	       "%ju waits, %ju errors, %s read\n", who, (uintmax_t)c->hits,
	       (uintmax_t)c->misses, 100 * rate(c), (uintmax_t)c->evictions,
	       (uintmax_t)c->fills, (uintmax_t)c->waits, (uintmax_t)c->errors,
	       daxfs_tool_size_text(c->read, read));
}

static void print_text(const struct daxfs_region *rg, const struct daxfs_cache_stat *st)
{
	struct daxfs_cache_count sum = total(st);
	char who[32], size[DAXFS_TOOL_SIZE_TEXT];
	struct daxfs_backing b;
	u32 i;

	printf("slots     %ju (%s): %ju valid, %ju free, %ju pending, %ju claimed, "
	       "%ju failed\n", (uintmax_t)st->slots,
	       daxfs_tool_size_text(st->slots * DAXFS_PAGE_SIZE, size),
	       (uintmax_t)st->state[DAXFS_C_VALID],
	       (uintmax_t)st->state[DAXFS_C_FREE],
	       (uintmax_t)st->state[DAXFS_C_PENDING],
	       (uintmax_t)st->state[DAXFS_C_CLAIM],
	       (uintmax_t)st->state[DAXFS_C_FAILED]);
	printf("in use    %ju referenced, %ju pinned\n", (uintmax_t)st->used,
	       (uintmax_t)st->pinned);
	print_counts("all     ", &sum);
	for (i = 0; i < DAXFS_HOSTS; i++) {
		if (!counted(&st->host[i]))
			continue;
		snprintf(who, sizeof(who), "host %-2u%s", i,
			 st->host[i].backing ? "*" : " ");
		print_counts(who, &st->host[i]);
	}
	if (sum.backing)
		printf("          * has the backing files, and serves others\n");
	for (i = 0; !daxfs_backing(rg, i, &b); i++)
		printf("backing   file %u: %s\n", i,
		       daxfs_tool_size_text(b.size, size));
}

int inspect_pcache(const struct inspect *in)
{
	static struct daxfs_cache_stat st;
	struct daxfs_mount *m;
	int status = inspect_open(in, &m);

	if (status)
		return status;
	if (!daxfs_is_split(daxfs_mount_region(m))) {
		daxfs_tool_error("%s: not in split mode: it has no page cache",
				 in->region);
		status = INSPECT_FAILED;
	} else {
		daxfs_cache_stat(daxfs_mount_region(m), &st);
		if (daxfs_mount_result(m, 0)) {
			daxfs_tool_error("%s: the memory behind the region is gone",
					 in->region);
			status = INSPECT_FAILED;
		} else if (in->json) {
			print_json(daxfs_mount_region(m), &st);
		} else {
			print_text(daxfs_mount_region(m), &st);
		}
	}
	daxfs_mount_close(m);
	return status;
}
