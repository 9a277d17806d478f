// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * fsck.daxfs: check a region, and finish what dead hosts left half done.
 *
 * Notes: exit bits as fsck(8): 0 clean, 1 corrected, 4 left uncorrected, 8
 * the check could not be made, 16 usage. Checking maps the region read-only
 * and joins nothing. Correcting is what any host of this machine does when it
 * opens the region: it recovers hosts whose process is gone; damage of the
 * base image or the index is found, not repaired. A region in use may be
 * checked; what live hosts change meanwhile is looked at several times before
 * it counts as damage.
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
#define MAX_REPORTS	1000	/* then only counted */

static const char usage_text[] =
"usage: fsck.daxfs [-n | -p | -y] [--json] REGION\n"
"\n"
"  -n         check only (the default)\n"
"  -p, -y     also recover hosts of this machine whose process is gone\n"
"  -a         the same as -p, for fsck(8)\n"
"  -f         accepted: a check is always a full one\n"
"  -j, --json print JSON\n"
"  -h, --help print this\n"
"  -V, --version\n"
"\n"
"exit status, the sum of: 0 clean, 1 corrected, 4 errors left, 8 the check\n"
"could not be made, 16 usage\n";

struct finding {
	char where[16];
	u64 id;
	char what[160];
};

struct fsck {
	const char *path;
	int repair, json;
	struct finding *found;
	u64 found_nr, found_all;
	u32 hosts_alive, hosts_gone, hosts_recovered;
	struct daxfs_check base, index;
	int has_base, has_index;
	int status;
	char error[512];	/* why no check could be made */
};

static void add_finding(void *arg, const char *where, u64 id, const char *what)
{
	struct fsck *fs = arg;
	struct finding *f;

	if (fs->found_all++ >= MAX_REPORTS)
		return;
	f = &fs->found[fs->found_nr++];
	f->id = id;
	snprintf(f->where, sizeof(f->where), "%s", where);
	snprintf(f->what, sizeof(f->what), "%s", what);
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
	char what[160];
	u32 slot = 0;

	while (!inspect_next_host(rg, &slot, &info)) {
		const char *state = inspect_host_state(&info);

		if (strcmp(state, "gone") && strcmp(state, "dead"))
			continue;
		snprintf(what, sizeof(what), "%s host, pid %u: is %s and was "
			 "not recovered%s", inspect_host_kind(info.id.kind),
			 info.id.pid, state,
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

	if (gone && fs->repair)
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
	u64 nr = fs->found_nr, all = fs->found_all;
	int tries = fs->hosts_alive ? INDEX_TRIES : 1;
	struct daxfs_cx *cx;
	s64 r;

	if (!daxfs_has_overlay(daxfs_mount_region(m)))
		return;
	fs->has_index = 1;
	cx = daxfs_cx_get(m);
	do {
		fs->found_nr = nr;
		fs->found_all = all;
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

static void check_region(struct fsck *fs)
{
	struct daxfs_mount *m;

	m = open_region(fs, DAXFS_OPEN_RDONLY | DAXFS_OPEN_NOHOST);
	if (!m)
		return;
	check_hosts(fs, m);
	if (!(fs->status & FSCK_FAILED))
		check_base(fs, m);
	if (!(fs->status & FSCK_FAILED))
		check_index(fs, m);
	daxfs_mount_close(m);
	if (fs->found_all)
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
		json_object_array_add(list, o);
	}
	return list;
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
	json_object_object_add(o, "problems",
			       json_object_new_uint64(fs->found_all));
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
			printf("%s: %s %ju: %s\n", fs->path,
			       fs->found[i].where, (uintmax_t)fs->found[i].id,
			       what);
	}
	if (fs->found_all > fs->found_nr)
		printf("%s: ... and %ju more\n", fs->path,
		       (uintmax_t)(fs->found_all - fs->found_nr));
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
	if (fs->status & FSCK_FAILED)
		printf("%s: not checked\n", fs->path);
	else if (fs->status & FSCK_LEFT)
		printf("%s: %ju problem%s left\n", fs->path,
		       (uintmax_t)fs->found_all, fs->found_all == 1 ? "" : "s");
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
		case 'y':
		case 'a':
			fs->repair = 1;
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
