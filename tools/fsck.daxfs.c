// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * fsck.daxfs: check a region, count all of it, correct what can be corrected.
 *
 * Notes: exit bits as fsck(8): 0 clean, 1 corrected, 4 left uncorrected, 8
 * the check could not be made, 16 usage. Checking maps the region read-only
 * and joins nothing. Where no host has a slot all pages and objects are counted;
 * beside hosts only what no step of theirs can leave is said, and what the index
 * shows in five looks. Correcting is done as the only host: first hosts of this
 * machine whose process is gone are recovered, then passes correct until one
 * finds nothing to correct. What is left after that is what a check says. Branches
 * that have ended are taken apart, and commits merged, only in a region in which
 * nothing is wrong: what has ended is known by what does not.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "inspect.h"

#define FSCK_CLEAN	0
#define FSCK_CORRECTED	1
#define FSCK_LEFT	4
#define FSCK_FAILED	8
#define FSCK_USAGE	16

#define INDEX_TRIES	5
#define PASSES		24	/* of corrections; what is left then stays */
#define TIDY_ROUNDS	1000000	/* far more than what has ended ever takes */
#define MAX_REPORTS	1000	/* then only counted */
#define MAX_KINDS	100
#define MAX_OF_KIND	20	/* lines of one kind */

static const char usage_text[] =
"usage: fsck.daxfs [-n | -p | -y] [--json] REGION\n"
"\n"
"  -n         check only (the default)\n"
"  -p         recover hosts of this machine whose process is gone; if no other\n"
"             host uses the region, correct counts, give leaks back, and take\n"
"             away what is left of branches that have ended\n"
"  -y         correct all that can be corrected; no host may use the region; a\n"
"             branch whose layers are damaged is taken away, main stays\n"
"  -a         the same as -p, for fsck(8)\n"
"  -f         accepted: a check is always a full one\n"
"  -j, --json print JSON\n"
"  -h, --help print this\n"
"  -V, --version\n"
"\n"
"exit status, the sum of: 0 clean, 1 corrected, 4 errors left, 8 the check\n"
"or the correction could not be made, 16 usage\n";

struct finding {
	char where[16];
	u64 id;
	int corrected;
	char what[160];
};

struct kind {			/* of findings, to bound their lines */
	char where[16];
	const char *what;
	int corrected;
	u64 nr;
};

struct fsck {
	const char *path;
	int repair, json;	/* repair: 0 or DAXFS_REPAIR_* */
	struct finding *found;
	u64 found_nr;		/* lines kept */
	u64 left, corrected;	/* findings */
	struct kind kind[MAX_KINDS];
	u32 kinds;
	struct daxfs_check *now;	/* that reports */
	u32 hosts_alive, hosts_gone, hosts_recovered;
	struct daxfs_check base, index, pool, cache;
	int has_base, has_index, has_pool, beside;
	int index_made;
	int status;
	char error[512];	/* why no check could be made */
};

/* The kind of a finding; NULL: one too many, which is only counted. */
static struct kind *kind_of(struct fsck *fs, const char *where, const char *what,
			    int corrected)
{
	struct kind *k;
	u32 i;

	for (i = 0; i < fs->kinds; i++) {
		k = &fs->kind[i];
		if (k->what == what && k->corrected == corrected &&
		    !strcmp(k->where, where))
			return k;
	}
	if (fs->kinds == MAX_KINDS)
		return NULL;
	k = &fs->kind[fs->kinds++];
	snprintf(k->where, sizeof(k->where), "%s", where);
	k->what = what;
	k->corrected = corrected;
	k->nr = 0;
	return k;
}

static void keep_finding(struct fsck *fs, const char *where, u64 id,
			 const char *what, int corrected)
{
	struct kind *k = kind_of(fs, where, what, corrected);
	struct finding *f;

	if (!k || k->nr++ >= MAX_OF_KIND || fs->found_nr == MAX_REPORTS)
		return;
	f = &fs->found[fs->found_nr++];
	f->id = id;
	f->corrected = corrected;
	snprintf(f->where, sizeof(f->where), "%s", where);
	snprintf(f->what, sizeof(f->what), "%s", what);
}

static void add_finding(void *arg, const char *where, u64 id, const char *what)
{
	struct fsck *fs = arg;

	fs->left++;
	keep_finding(fs, where, id, what, 0);
}

/* While correcting: what stays is said by the check afterwards. */
static void add_correction(void *arg, const char *where, u64 id, const char *what)
{
	struct fsck *fs = arg;

	if (!fs->now->fixing)
		return;
	fs->corrected++;
	keep_finding(fs, where, id, what, 1);
}

static void fail(struct fsck *fs, int status, const char *text, int err)
{
	fs->status |= status;
	if (text && *text)
		snprintf(fs->error, sizeof(fs->error), "%s", text);
	else
		snprintf(fs->error, sizeof(fs->error), "%s: %s", fs->path,
			 strerror(-err));
}

/* A damaged superblock is a finding; another version or no region is not. */
static struct daxfs_mount *open_region(struct fsck *fs, u32 flags)
{
	struct daxfs_mount *m;
	char why[512] = "";
	int r = daxfs_mount_open(&m, fs->path, flags, DAXFS_HOST_TOOL, why,
				 sizeof(why));

	if (!r)
		return m;
	if (r == -EUCLEAN || r == -ENODATA) {
		fail(fs, FSCK_LEFT, why, r);
		add_finding(fs, "super", 0, fs->error);
	} else {
		fail(fs, FSCK_FAILED, why, r);
	}
	return NULL;
}

/* ---- hosts ---- */

static u32 count_gone(struct fsck *fs, const struct daxfs_region *rg)
{
	struct daxfs_host_info info;
	u32 slot = 0, gone = 0;

	fs->hosts_alive = 0;
	while (!inspect_next_host(rg, &slot, &info)) {
		const char *state = inspect_host_state(&info);

		if (info.state > DAXFS_H_RECOVERING ||
		    (rg->joined && info.slot == rg->host))
			continue;	/* none of the two is another host */
		if (!strcmp(state, "gone") || !strcmp(state, "dead"))
			gone++;
		else
			fs->hosts_alive++;
	}
	return gone;
}

static void report_gone(struct fsck *fs, const struct daxfs_region *rg)
{
	struct daxfs_host_info info;
	char what[160], pid[16];
	u32 slot = 0;

	while (!inspect_next_host(rg, &slot, &info)) {
		const char *state = inspect_host_state(&info);

		if (strcmp(state, "gone") && strcmp(state, "dead"))
			continue;
		inspect_pid_text(&info, pid, sizeof(pid));
		snprintf(what, sizeof(what), "%s host, pid %s: is %s and was "
			 "not recovered%s", inspect_host_kind(info.id.kind),
			 pid, state,
			 fs->repair ? "" : "; fsck.daxfs -p does it");
		add_finding(fs, "host", info.slot, what);
	}
}

/* Opening as a host recovers: that is the correction. */
static void recover(struct fsck *fs, u32 gone)
{
	struct daxfs_mount *m = open_region(fs, 0);
	u32 left;

	if (!m)
		return;
	left = count_gone(fs, daxfs_mount_region(m));
	daxfs_mount_close(m);
	if (left < gone) {
		fs->hosts_recovered = gone - left;
		fs->status |= FSCK_CORRECTED;
	}
}

static void check_hosts(struct fsck *fs, struct daxfs_mount *m)
{
	struct daxfs_region *rg = daxfs_mount_region(m);
	u32 gone = count_gone(fs, rg);

	if (gone && fs->repair && fs->hosts_alive)
		recover(fs, gone);
	fs->hosts_gone = count_gone(fs, rg);
	if (fs->hosts_gone)
		report_gone(fs, rg);
}

/* ---- base image and index ---- */

static void lost(struct fsck *fs)
{
	fail(fs, FSCK_FAILED, NULL, -EIO);
}

static void check_base(struct fsck *fs, struct daxfs_mount *m)
{
	struct daxfs_region *rg = daxfs_mount_region(m);
	void *scratch;
	s64 r;

	if (!rg->super.base_inode_nr)
		return;
	fs->has_base = 1;
	fs->base = (struct daxfs_check){ .report = add_finding, .arg = fs };
	scratch = calloc(1, daxfs_check_base_scratch(rg));
	if (!scratch) {
		fail(fs, FSCK_FAILED, NULL, -ENOMEM);
		return;
	}
	r = daxfs_mount_result(m, daxfs_check_base(rg, &fs->base, scratch));
	free(scratch);
	if (r == -EIO)
		lost(fs);
	else if (r && !fs->base.problems)
		fail(fs, FSCK_FAILED, NULL, (int)r);
}

/* Others' changes look like damage for a moment: damage stays. */
static void check_index(struct fsck *fs, struct daxfs_mount *m)
{
	struct fsck before = *fs;
	int tries = fs->hosts_alive ? INDEX_TRIES : 1;
	struct daxfs_cx *cx;
	s64 r;

	if (!daxfs_has_overlay(daxfs_mount_region(m)))
		return;
	before.has_index = 1;
	cx = daxfs_cx_get(m);
	do {
		*fs = before;
		fs->index = (struct daxfs_check){ .report = add_finding,
						  .arg = fs };
		r = daxfs_mount_result(m, daxfs_check_index(cx, &fs->index));
	} while (r == -EUCLEAN && --tries);
	daxfs_cx_put(m, cx);
	if (r == -EIO)
		lost(fs);
	else if (r && !fs->index.problems)
		fail(fs, FSCK_FAILED, NULL, (int)r);
}

/* ---- the accounting ---- */

static int account(struct fsck *fs, struct daxfs_mount *m, struct daxfs_cx *cx,
		   struct daxfs_check *ck)
{
	struct daxfs_check start = *ck;
	int tries = INDEX_TRIES;
	s64 r;

	do {
		u64 len = daxfs_check_pool_scratch(daxfs_mount_region(m));
		void *scratch = calloc(1, len + 1);

		if (!scratch)
			return -ENOMEM;
		*ck = start;
		fs->now = ck;
		r = daxfs_mount_result(m, daxfs_check_pool(cx, ck, scratch, len));
		free(scratch);
	} while (r == -ERANGE && --tries);
	return (int)r;
}

static void check_pool(struct fsck *fs, struct daxfs_mount *m)
{
	struct daxfs_cx *cx;
	int r;

	if (!daxfs_has_overlay(daxfs_mount_region(m)))
		return;
	fs->has_pool = 1;
	fs->beside = fs->hosts_alive + fs->hosts_gone > 0;
	fs->pool = (struct daxfs_check){ .report = add_finding, .arg = fs,
					 .quiet = !fs->beside };
	cx = daxfs_cx_get(m);
	r = account(fs, m, cx, &fs->pool);
	daxfs_cx_put(m, cx);
	if (r == -EIO)
		lost(fs);
	else if (r && !fs->pool.problems)
		fail(fs, FSCK_FAILED, NULL, r);
}

static void check_cache(struct fsck *fs, struct daxfs_mount *m)
{
	fs->cache = (struct daxfs_check){ .report = add_finding, .arg = fs,
					  .quiet = !fs->beside };
	if (daxfs_mount_result(m, daxfs_check_cache(daxfs_mount_region(m),
						    &fs->cache)) == -EIO)
		lost(fs);
}

/* Slots that are damaged are emptied: their pages are read again. */
static void correct_cache(struct fsck *fs, struct daxfs_mount *m)
{
	struct daxfs_check ck = { .report = add_correction, .arg = fs, .quiet = 1,
				  .repair = fs->repair };

	fs->now = &ck;
	daxfs_check_cache(daxfs_mount_region(m), &ck);
	if (ck.fixed)
		fs->status |= FSCK_CORRECTED;
}

/* What has ended goes; 0 if there is nothing of that kind. */
static int tidy(struct daxfs_mount *m, struct daxfs_cx *cx)
{
	int i, r = 1;

	cx->tidied = ~0ull;	/* whether anybody has asked for it or not */
	for (i = 0; i < TIDY_ROUNDS && r > 0; i++)
		r = (int)daxfs_mount_result(m, daxfs_tidy(cx));
	return r < 0 ? r : 0;
}

/* Passes of corrections, as the only host. */
static void correct(struct fsck *fs, struct daxfs_mount *m)
{
	struct daxfs_cx *cx = daxfs_cx_get(m);
	int i, r = -EUCLEAN;

	if (!fs->hosts_alive)
		correct_cache(fs, m);
	for (i = 0; i < PASSES && r == -EUCLEAN; i++) {
		struct daxfs_check ck = { .report = add_correction, .arg = fs,
					  .quiet = 1, .repair = fs->repair };
		u32 gone = count_gone(fs, daxfs_mount_region(m));

		if (fs->hosts_alive) {
			fail(fs, FSCK_FAILED, "another host has joined while "
			     "the region was being corrected", 0);
			break;
		}
		if (gone && fs->repair < DAXFS_REPAIR_ALL)
			break;		/* said by the check */
		r = account(fs, m, cx, &ck);
		fs->index_made |= ck.index_made;
		if (!ck.fixed) {
			if (ck.sum.pages_drift || ck.sum.inodes_drift)
				fs->status |= FSCK_CORRECTED;
			if (!r)
				r = tidy(m, cx);
			break;
		}
		fs->status |= FSCK_CORRECTED;
	}
	daxfs_cx_put(m, cx);
	if (r && r != -EUCLEAN)
		fail(fs, FSCK_FAILED, NULL, r);
}

static void repair(struct fsck *fs, u32 gone)
{
	struct daxfs_mount *m = open_region(fs, DAXFS_OPEN_EXCLUSIVE);
	u32 left;

	if (!m)
		return;
	left = count_gone(fs, daxfs_mount_region(m));
	if (left < gone) {
		fs->hosts_recovered = gone - left;
		fs->status |= FSCK_CORRECTED;
	}
	correct(fs, m);
	daxfs_mount_close(m);
}

/* 1: go on with the check. */
static int prepare(struct fsck *fs)
{
	struct daxfs_mount *m = open_region(fs, DAXFS_OPEN_RDONLY |
						DAXFS_OPEN_NOHOST);
	u32 gone;
	int overlay;

	if (!m)
		return 0;
	overlay = daxfs_has_overlay(daxfs_mount_region(m));
	gone = overlay ? count_gone(fs, daxfs_mount_region(m)) : 0;
	check_base(fs, m);
	daxfs_mount_close(m);
	if (fs->status & FSCK_FAILED)
		return 0;
	if (!overlay || fs->left)	/* what stands on a damaged image stays */
		return 1;
	if (fs->hosts_alive && fs->repair == DAXFS_REPAIR_ALL) {
		fail(fs, FSCK_FAILED, "the region is in use: nothing is "
		     "corrected beside other hosts; unmount it there first", 0);
		return 0;
	}
	if (!fs->hosts_alive)
		repair(fs, gone);
	return !(fs->status & FSCK_FAILED);
}

static void check_region(struct fsck *fs)
{
	struct daxfs_mount *m;

	if (fs->repair && !prepare(fs))
		return;
	m = open_region(fs, DAXFS_OPEN_RDONLY | DAXFS_OPEN_NOHOST);
	if (!m)
		return;
	check_hosts(fs, m);
	if (!(fs->status & FSCK_FAILED) && !fs->has_base)
		check_base(fs, m);
	if (!(fs->status & FSCK_FAILED))
		check_index(fs, m);
	if (!(fs->status & FSCK_FAILED))
		check_pool(fs, m);
	if (!(fs->status & FSCK_FAILED))
		check_cache(fs, m);
	daxfs_mount_close(m);
	if (fs->left)
		fs->status |= FSCK_LEFT;
}

/* ---- reports ---- */

static struct json_object *json_findings(const struct fsck *fs)
{
	struct json_object *list = json_object_new_array();
	u64 i;

	for (i = 0; i < fs->found_nr; i++) {
		const struct finding *f = &fs->found[i];
		struct json_object *o = json_object_new_object();

		json_object_object_add(o, "where",
				       json_object_new_string(f->where));
		json_object_object_add(o, "id", json_object_new_uint64(f->id));
		json_object_object_add(o, "what", inspect_json_bytes(f->what,
						strlen(f->what)));
		json_object_object_add(o, "corrected",
				       json_object_new_boolean(f->corrected));
		json_object_array_add(list, o);
	}
	return list;
}

static const char *const type_name[DAXFS_UNIT_TYPES] = {
	[DAXFS_T_DATA] = "data", [DAXFS_T_MAP] = "map",
	[DAXFS_T_SLOTS] = "slots", [DAXFS_T_SLAB64] = "slab64",
	[DAXFS_T_SLAB128] = "slab128", [DAXFS_T_SLAB256] = "slab256",
	[DAXFS_T_SLAB320] = "slab320", [DAXFS_T_TABLE] = "table",
	[DAXFS_T_TABDIR] = "tabdir", [DAXFS_T_SEGMENT] = "segment",
	[DAXFS_T_ENTRIES] = "entries", [DAXFS_T_DIRENT] = "names",
	[DAXFS_T_INODE] = "inodes", [DAXFS_T_ATTR] = "attributes",
	[DAXFS_T_XATTR] = "xattrs",
};

static void add_u64(struct json_object *o, const char *key, u64 v)
{
	json_object_object_add(o, key, json_object_new_uint64(v));
}

static struct json_object *json_types(const u64 *nr)
{
	struct json_object *o = json_object_new_object();
	u32 i;

	for (i = 0; i < DAXFS_UNIT_TYPES; i++)
		if (type_name[i] && nr[i])
			add_u64(o, type_name[i], nr[i]);
	return o;
}

/* Only a region that nobody uses can be counted. */
static struct json_object *json_pool(const struct fsck *fs)
{
	const struct daxfs_pool_sum *sum = &fs->pool.sum;
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "counted", json_object_new_boolean(
			       fs->has_pool && !fs->beside));
	if (!fs->has_pool || fs->beside)
		return o;
	add_u64(o, "pages", sum->pages);
	json_object_object_add(o, "used", json_types(sum->page));
	add_u64(o, "free", sum->free);
	add_u64(o, "retired", sum->retired);
	add_u64(o, "reserved", sum->reserved);
	add_u64(o, "leaked", sum->leaked);
	add_u64(o, "bad", sum->bad);
	add_u64(o, "in_reserve", sum->in_reserve);
	json_object_object_add(o, "objects", json_types(sum->object));
	add_u64(o, "objects_retired", sum->objects_retired);
	add_u64(o, "objects_leaked", sum->objects_leaked);
	add_u64(o, "unlinked", sum->unlinked);
	if (sum->layers) {
		add_u64(o, "branches", sum->branches);
		add_u64(o, "layers", sum->layers);
		add_u64(o, "layers_ended", sum->layers_ended);
	}
	json_object_object_add(o, "pages_drift",
			       json_object_new_int64((s64)sum->pages_drift));
	json_object_object_add(o, "inodes_drift",
			       json_object_new_int64((s64)sum->inodes_drift));
	return o;
}

static void print_json(const struct fsck *fs)
{
	struct json_object *o = json_object_new_object();
	struct json_object *hosts = json_object_new_object();
	struct json_object *base = json_object_new_object();
	struct json_object *index = json_object_new_object();

	json_object_object_add(hosts, "alive",
			       json_object_new_int64(fs->hosts_alive));
	json_object_object_add(hosts, "gone",
			       json_object_new_int64(fs->hosts_gone));
	json_object_object_add(hosts, "recovered",
			       json_object_new_int64(fs->hosts_recovered));
	json_object_object_add(base, "inodes",
			       json_object_new_uint64(fs->base.inodes));
	json_object_object_add(base, "dirents",
			       json_object_new_uint64(fs->base.dirents));
	json_object_object_add(base, "bytes",
			       json_object_new_uint64(fs->base.bytes));
	json_object_object_add(index, "cells",
			       json_object_new_uint64(fs->index.cells));
	json_object_object_add(o, "region", inspect_json_bytes(fs->path,
							strlen(fs->path)));
	json_object_object_add(o, "status", json_object_new_int(fs->status));
	json_object_object_add(o, "clean", json_object_new_boolean(
			       !(fs->status & ~FSCK_CORRECTED)));
	if (fs->error[0])
		json_object_object_add(o, "error", inspect_json_bytes(fs->error,
							strlen(fs->error)));
	json_object_object_add(o, "hosts", hosts);
	json_object_object_add(o, "base", base);
	json_object_object_add(o, "index", index);
	json_object_object_add(o, "pool", json_pool(fs));
	json_object_object_add(o, "index_rebuilt",
			       json_object_new_boolean(fs->index_made));
	add_u64(o, "corrected", fs->corrected);
	add_u64(o, "problems", fs->left);
	json_object_object_add(o, "findings", json_findings(fs));
	inspect_json_print(o);
}

static void print_findings(const struct fsck *fs)
{
	char what[sizeof(fs->found->what)];
	u64 i;

	for (i = 0; i < fs->found_nr; i++) {
		inspect_printable(what, fs->found[i].what, sizeof(what) - 1);
		if (strcmp(fs->found[i].where, "super"))
			printf("%s: %s %ju: %s%s\n", fs->path,
			       fs->found[i].where, (uintmax_t)fs->found[i].id,
			       what, fs->found[i].corrected ? ": corrected" : "");
	}
	for (i = 0; i < fs->kinds; i++) {
		const struct kind *k = &fs->kind[i];

		if (k->nr > MAX_OF_KIND)
			printf("%s: %s: %ju more of: %s%s\n", fs->path, k->where,
			       (uintmax_t)(k->nr - MAX_OF_KIND), k->what,
			       k->corrected ? ": corrected" : "");
	}
	if (fs->left + fs->corrected > fs->found_nr)
		printf("%s: %ju findings, %ju of them are shown\n", fs->path,
		       (uintmax_t)(fs->left + fs->corrected),
		       (uintmax_t)fs->found_nr);
}

static void print_types(const u64 *nr)
{
	u32 i;

	for (i = 0; i < DAXFS_UNIT_TYPES; i++)
		if (type_name[i] && nr[i])
			printf(", %ju %s", (uintmax_t)nr[i], type_name[i]);
}

static void print_pool(const struct fsck *fs)
{
	const struct daxfs_pool_sum *sum = &fs->pool.sum;

	if (fs->beside) {
		printf("%s: pool: not counted: a host has a slot\n", fs->path);
		return;
	}
	printf("%s: pool: %ju pages: %ju free", fs->path, (uintmax_t)sum->pages,
	       (uintmax_t)sum->free);
	print_types(sum->page);
	printf(", %ju retired, %ju reserved, %ju leaked, %ju bad\n",
	       (uintmax_t)sum->retired, (uintmax_t)sum->reserved,
	       (uintmax_t)sum->leaked, (uintmax_t)sum->bad);
	printf("%s: objects: %ju retired, %ju leaked", fs->path,
	       (uintmax_t)sum->objects_retired, (uintmax_t)sum->objects_leaked);
	print_types(sum->object);
	printf("\n");
	if (sum->layers)
		printf("%s: layers: %ju in use, by main and %ju branches; %ju have "
		       "ended\n", fs->path, (uintmax_t)sum->layers,
		       (uintmax_t)sum->branches, (uintmax_t)sum->layers_ended);
	if (sum->pages_drift || sum->inodes_drift)
		printf("%s: figures for df are off by %jd pages, %jd inodes\n",
		       fs->path, (intmax_t)sum->pages_drift,
		       (intmax_t)sum->inodes_drift);
}

static void print_text(const struct fsck *fs)
{
	print_findings(fs);
	if (fs->error[0])
		daxfs_tool_error("%s", fs->error);
	if (fs->hosts_recovered)
		printf("%s: recovered %u dead host%s\n", fs->path,
		       fs->hosts_recovered, fs->hosts_recovered > 1 ? "s" : "");
	if (fs->hosts_alive)
		printf("%s: in use by %u host%s\n", fs->path, fs->hosts_alive,
		       fs->hosts_alive > 1 ? "s" : "");
	if (fs->has_base)
		printf("%s: base image: %ju inodes, %ju names, %ju bytes\n",
		       fs->path, (uintmax_t)fs->base.inodes,
		       (uintmax_t)fs->base.dirents, (uintmax_t)fs->base.bytes);
	if (fs->has_index)
		printf("%s: index: %ju cells\n", fs->path,
		       (uintmax_t)fs->index.cells);
	if (fs->has_pool && !(fs->status & FSCK_FAILED))
		print_pool(fs);
	if (fs->index_made)
		printf("%s: index rebuilt\n", fs->path);
	if (fs->corrected)
		printf("%s: %ju corrected\n", fs->path,
		       (uintmax_t)fs->corrected);
	if (fs->status & FSCK_FAILED)
		printf("%s: not checked\n", fs->path);
	else if (fs->status & FSCK_LEFT)
		printf("%s: %ju problem%s left\n", fs->path,
		       (uintmax_t)fs->left, fs->left == 1 ? "" : "s");
	else
		printf("%s: clean\n", fs->path);
}

/* ---- options ---- */

static const struct option long_options[] = {
	{ "json",	no_argument, NULL, 'j' },
	{ "help",	no_argument, NULL, 'h' },
	{ "version",	no_argument, NULL, 'V' },
	{ NULL, 0, NULL, 0 }
};

static void parse_options(int argc, char **argv, struct fsck *fs)
{
	int c, check = 0;

	while ((c = getopt_long(argc, argv, "npyafjhV", long_options,
				NULL)) != -1) {
		switch (c) {
		case 'n':
			check = 1;
			break;
		case 'p':
		case 'a':
			fs->repair |= DAXFS_REPAIR_SAFE;
			break;
		case 'y':
			fs->repair |= DAXFS_REPAIR_ALL;
			break;
		case 'f':
			break;
		case 'j':
			fs->json = 1;
			break;
		case 'h':
			fputs(usage_text, stdout);
			exit(daxfs_tool_flush() ? FSCK_FAILED : FSCK_CLEAN);
		case 'V':
			daxfs_tool_version();
			exit(daxfs_tool_flush() ? FSCK_FAILED : FSCK_CLEAN);
		default:
			daxfs_tool_usage_error(FSCK_USAGE, "wrong option");
		}
	}
	if (fs->repair & DAXFS_REPAIR_ALL)
		fs->repair = DAXFS_REPAIR_ALL;
	if (check && fs->repair)
		daxfs_tool_usage_error(FSCK_USAGE,
				       "-n excludes -p, -y and -a");
	if (optind + 1 != argc)
		daxfs_tool_usage_error(FSCK_USAGE, "name one region");
	fs->path = argv[optind];
}

int main(int argc, char **argv)
{
	struct fsck fs = { 0 };

	daxfs_tool_init("fsck.daxfs");
	parse_options(argc, argv, &fs);
	fs.found = calloc(MAX_REPORTS, sizeof(*fs.found));
	if (!fs.found) {
		daxfs_tool_error("out of memory");
		return FSCK_FAILED;
	}
	check_region(&fs);
	if (fs.json)
		print_json(&fs);
	else
		print_text(&fs);
	free(fs.found);
	if (daxfs_tool_flush())
		fs.status |= FSCK_FAILED;
	return fs.status;
}
