// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * daxfs-inspect hosts: everyone who has a region in use, and who is stuck.
 *
 * Notes: the region is mapped read-only and nobody is joined. A host that is in
 * no section shows the epoch 0: it holds nothing back, however long it is
 * idle. One that shows an epoch below that of the region is inside since before
 * the last move, and the next waits for it; for a moment that is so all the
 * time. Who shows the very same epoch in a second look a while later has not
 * left in between, for each entry takes the newest: he is stuck.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "inspect.h"

#define STUCK_NS	200000000l	/* a section is a matter of microseconds */
#define SECOND_NS	1000000000ull

struct row {
	struct daxfs_host_info info;
	const char *state;
	u64 now;
	int stuck;
	char branch[64];	/* that it shows */
};

struct rows {
	int branching;
	struct row row[DAXFS_HOSTS];
	u32 nr;
	u32 stuck_nr;
	u64 waiting;		/* bytes; counted if somebody is stuck */
};

static int holds_back(const struct daxfs_host_info *info)
{
	return info->oldest_epoch && info->oldest_epoch < info->epoch;
}

/* The second look. */
static void look_again(const struct daxfs_region *rg, struct rows *rs)
{
	const struct timespec t = { .tv_nsec = STUCK_NS };
	u32 i;

	nanosleep(&t, NULL);
	for (i = 0; i < rs->nr; i++) {
		struct row *r = &rs->row[i];
		struct daxfs_host_info now;

		if (!holds_back(&r->info) ||
		    daxfs_host_info(rg, r->info.slot, &now) ||
		    now.incarnation != r->info.incarnation ||
		    now.oldest_epoch != r->info.oldest_epoch)
			continue;
		r->stuck = 1;
		rs->stuck_nr++;
	}
	if (rs->stuck_nr)
		rs->waiting = daxfs_pages_waiting(rg) * DAXFS_PAGE_SIZE;
}

/* What cannot be read here the command branches complains of. */
static void look_at_branches(const struct daxfs_region *rg, struct rows *rs)
{
	struct branch_tree t;
	u32 i;

	rs->branching = !inspect_branch_tree(rg, &t) && daxfs_is_branching(rg);
	for (i = 0; i < rs->nr; i++)
		inspect_printable(rs->row[i].branch,
				  inspect_branch_of(&t, rs->row[i].info.slot),
				  sizeof(rs->row[i].branch) - 1);
	branch_tree_free(&t);
}

static void look(const struct daxfs_region *rg, struct rows *rs)
{
	struct row *r = rs->row;
	u32 slot = 0, behind = 0;

	memset(rs, 0, sizeof(*rs));
	while (rs->nr < DAXFS_HOSTS &&
	       !inspect_next_host(rg, &slot, &r->info)) {
		r->state = inspect_host_state(&r->info);
		r->now = port_now_ns();
		behind += holds_back(&r->info);
		rs->nr++;
		r++;
	}
	look_at_branches(rg, rs);
	if (behind)
		look_again(rg, rs);
}

/* Clocks of machines differ: what beats in the future beats now. */
static u64 beat_age(const struct row *r)
{
	return r->now > r->info.heartbeat_ns ? r->now - r->info.heartbeat_ns : 0;
}

/* ---- JSON ---- */

static void add_u64(struct json_object *o, const char *key, u64 v)
{
	json_object_object_add(o, key, json_object_new_uint64(v));
}

static void json_epochs(struct json_object *o, const struct row *r)
{
	add_u64(o, "oldest_epoch", r->info.oldest_epoch);
	add_u64(o, "epoch_lag", holds_back(&r->info) ?
		r->info.epoch - r->info.oldest_epoch : 0);
	json_object_object_add(o, "stuck", json_object_new_boolean(r->stuck));
	json_object_object_add(o, "pins",
			       json_object_new_boolean(!!r->info.map_epoch));
	add_u64(o, "pin_epoch", r->info.map_epoch);
	add_u64(o, "stores_to_layer", r->info.stores);
}

static struct json_object *json_host(const struct rows *rs, const struct row *r)
{
	const struct daxfs_host_info *info = &r->info;
	struct json_object *o = json_object_new_object();
	size_t len = strnlen(info->id.name, sizeof(info->id.name));

	add_u64(o, "id", info->slot);
	json_object_object_add(o, "kind", json_object_new_string(
			       inspect_host_kind(info->id.kind)));
	add_u64(o, "pid", info->id.pid);
	json_object_object_add(o, "state", json_object_new_string(r->state));
	if (info->state == DAXFS_H_RECOVERING)
		add_u64(o, "recoverer", info->recoverer);
	json_object_object_add(o, "machine",
			       inspect_json_bytes(info->id.name, len));
	json_object_object_add(o, "here", json_object_new_boolean(
			       daxfs_host_place(info) != DAXFS_HOST_ELSEWHERE));
	add_u64(o, "incarnation", info->incarnation);
	add_u64(o, "joined_ns", info->joined_ns);
	add_u64(o, "heartbeat_ns", info->heartbeat_ns);
	add_u64(o, "heartbeat_age_ns", beat_age(r));
	json_epochs(o, r);
	if (rs->branching)
		json_object_object_add(o, "branch", inspect_json_bytes(r->branch,
						strlen(r->branch)));
	return o;
}

static struct json_object *json_rows(const struct rows *rs)
{
	struct json_object *list = json_object_new_array();
	u32 i;

	for (i = 0; i < rs->nr; i++)
		json_object_array_add(list, json_host(rs, &rs->row[i]));
	return list;
}

struct json_object *inspect_json_hosts(const struct daxfs_region *rg)
{
	struct rows rs;

	look(rg, &rs);
	return json_rows(&rs);
}

/* ---- text ---- */

static void print_row(const struct rows *rs, const struct row *r, const char *indent)
{
	const struct daxfs_host_info *info = &r->info;
	char name[65], joined[32], state[32], epoch[32], pid[16];

	inspect_printable(name, info->id.name, 64);
	inspect_pid_text(info, pid, sizeof(pid));
	inspect_iso_time(info->joined_ns, joined, sizeof(joined));
	snprintf(state, sizeof(state), info->state == DAXFS_H_RECOVERING ?
		 "%s by %u" : "%s", r->state, info->recoverer);
	snprintf(epoch, sizeof(epoch), r->stuck ? "stuck at -%ju" :
		 info->oldest_epoch ? "at -%ju" : "-",
		 (uintmax_t)(info->epoch - info->oldest_epoch));
	printf("%s%4u  %-8s %8s  %-10s %5jus  %-12s %-4s  %-20s  %s%s%s\n", indent,
	       info->slot, inspect_host_kind(info->id.kind), pid, state,
	       (uintmax_t)(beat_age(r) / SECOND_NS), epoch,
	       info->map_epoch ? "yes" : "no", joined, name,
	       rs->branching ? "  " : "", rs->branching ? r->branch : "");
}

static void print_rows(const struct rows *rs, const char *indent)
{
	u32 i;

	if (rs->nr)
		printf("%s%4s  %-8s %8s  %-10s %6s  %-12s %-4s  %-20s  %s\n",
		       indent, "id", "kind", "pid", "state", "beat", "section",
		       "pins", "joined", rs->branching ? "machine, branch" :
		       "machine");
	for (i = 0; i < rs->nr; i++)
		print_row(rs, &rs->row[i], indent);
	if (rs->stuck_nr)
		printf("%s%u stuck: %ju bytes that were given back wait for "
		       "that; continue the host, or end it\n", indent,
		       rs->stuck_nr, (uintmax_t)rs->waiting);
}

u32 inspect_print_hosts(const struct daxfs_region *rg, const char *indent)
{
	struct rows rs;

	look(rg, &rs);
	print_rows(&rs, indent);
	return rs.nr;
}

static void hosts_json(const struct daxfs_region *rg)
{
	struct json_object *o = json_object_new_object();
	struct rows rs;

	look(rg, &rs);
	json_object_object_add(o, "hosts", json_rows(&rs));
	add_u64(o, "epoch", rs.nr ? rs.row[0].info.epoch : 0);
	add_u64(o, "stuck", rs.stuck_nr);
	add_u64(o, "waiting_bytes", rs.waiting);
	inspect_json_print(o);
}

int inspect_hosts(const struct inspect *in)
{
	struct daxfs_mount *m;
	struct daxfs_region *rg;
	int status = inspect_open(in, &m);

	if (status)
		return status;
	rg = daxfs_mount_region(m);
	if (!daxfs_has_overlay(rg))
		status = inspect_no_overlay(in);
	else if (in->json)
		hosts_json(rg);
	else if (!inspect_print_hosts(rg, ""))
		printf("no host has %s in use\n", in->region);
	daxfs_mount_close(m);
	return status;
}
