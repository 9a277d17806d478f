// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * daxfs-inspect evict: state that hosts were fenced, and recover them.
 *
 * Notes: the statement is the user's. It is refused for a host that runs on this
 * very machine, because that can be ended for real. The region is mapped for
 * writing first, and joined only after the statements: when all slots are taken
 * there is then one to take over. The incarnation that was looked at is the one
 * that is declared dead, so a host that comes into the slot meanwhile stays.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "inspect.h"

enum fate {
	FATE_PENDING,		/* found, nothing done yet */
	FATE_EVICTED,		/* declared dead by us */
	FATE_DEAD,		/* was dead already */
	FATE_BUSY,		/* is being recovered by another */
	FATE_GONE,		/* another evicted it meanwhile, or it left */
	FATE_REPLACED,		/* another host has its slot now */
	FATE_REFUSED,
	FATE_UNKNOWN,
};

static const char *const fate_name[] = {
	"pending", "evicted", "dead", "busy", "gone", "replaced", "refused",
	"unknown",
};

struct victim {
	const char *arg;
	struct daxfs_host_info info;
	enum fate fate;
	int recovered;		/* by us */
	int error;		/* of recovery, negative */
};

struct evict {
	const struct inspect *in;
	struct daxfs_mount *m;
	struct daxfs_region *rg;
	struct victim *v;
	u32 nr;
};

/* ---- who is meant ---- */

/* MACHINE:PID; the machine's name may hold colons. */
static int is_named(const struct daxfs_host_info *info, const char *arg)
{
	const char *colon = strrchr(arg, ':');
	uint64_t pid;

	return colon && !daxfs_tool_parse_u64(colon + 1, &pid) &&
	       pid == info->id.pid &&
	       strnlen(info->id.name, 64) == (size_t)(colon - arg) &&
	       !memcmp(info->id.name, arg, (size_t)(colon - arg));
}

__attribute__((format(printf, 3, 4)))
static void refuse(struct victim *v, enum fate fate, const char *fmt, ...)
{
	char why[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	v->fate = fate;
	daxfs_tool_error("%s: not evicted: %s", v->arg, why);
}

static void find(struct evict *e, struct victim *v)
{
	struct daxfs_host_info info;
	uint64_t number;
	u32 slot = 0, found = 0;

	if (!daxfs_tool_parse_u64(v->arg, &number)) {
		if (number >= DAXFS_HOSTS ||
		    daxfs_host_info(e->rg, (u32)number, &v->info))
			refuse(v, FATE_UNKNOWN, "no host has that number; see "
			       "'daxfs-inspect hosts'");
		return;
	}
	while (!inspect_next_host(e->rg, &slot, &info)) {
		if (!is_named(&info, v->arg))
			continue;
		v->info = info;
		found++;
	}
	if (!found)
		refuse(v, FATE_UNKNOWN, "no such host; HOST is a number as "
		       "'daxfs-inspect hosts' prints it, or MACHINE:PID");
	else if (found > 1)
		refuse(v, FATE_UNKNOWN, "%u hosts are called that: name it by "
		       "its number", found);
}

/* A kernel is seen by its mounts; those of others' namespaces are not. */
static void check_kernel(struct evict *e, struct victim *v,
			 enum daxfs_host_place place)
{
	char *point = inspect_kernel_mount(e->rg, &v->info);

	if (point)
		refuse(v, FATE_REFUSED, "this machine's kernel has it mounted at "
		       "%s: unmount it there, or state with --force that it "
		       "stores nothing more", point);
	else if (place == DAXFS_HOST_HERE)
		refuse(v, FATE_REFUSED, "this machine's kernel has it mounted, "
		       "unseen from here (in another mount namespace, or "
		       "unmounted lazily and in use): unmount it, or state with "
		       "--force that it stores nothing more");
	free(point);
}

/* Nobody may be stated to be fenced who demonstrably runs. */
static void check(struct evict *e, struct victim *v)
{
	enum daxfs_host_place place = daxfs_host_place(&v->info);

	if (v->info.state == DAXFS_H_DEAD || e->in->force ||
	    (v->info.state == DAXFS_H_RECOVERING &&
	     v->info.recoverer != v->info.slot))
		return;
	if (!v->info.id.pid)
		check_kernel(e, v, place);
	else if (place == DAXFS_HOST_STOPPED)
		refuse(v, FATE_REFUSED, "process %u of this machine is only "
		       "stopped and may go on: end it first (kill -KILL %u), or "
		       "state with --force that it will never go on",
		       v->info.id.pid, v->info.id.pid);
	else if (place == DAXFS_HOST_HERE)
		refuse(v, FATE_REFUSED, "process %u runs on this machine: "
		       "unmount it, or end it (kill -KILL %u); other hosts "
		       "then recover it by themselves", v->info.id.pid,
		       v->info.id.pid);
}

/* ---- the statement ---- */

/* What became of a host that could not be declared dead. */
static enum fate fate_now(struct evict *e, const struct victim *v)
{
	struct daxfs_host_info now;

	if (daxfs_host_info(e->rg, v->info.slot, &now))
		return FATE_GONE;
	if (now.incarnation != v->info.incarnation)
		return FATE_REPLACED;
	return now.state == DAXFS_H_DEAD ? FATE_DEAD : FATE_BUSY;
}

static void declare(struct evict *e, struct victim *v)
{
	if (v->fate != FATE_PENDING)
		return;
	if (!daxfs_host_mark_dead(e->rg, v->info.slot, v->info.incarnation))
		v->fate = FATE_EVICTED;
	else
		v->fate = fate_now(e, v);
}

static void recover(struct evict *e, struct daxfs_cx *cx, struct victim *v)
{
	int r;

	if (v->fate != FATE_EVICTED && v->fate != FATE_DEAD &&
	    v->fate != FATE_BUSY)
		return;
	if (e->rg->host == v->info.slot) {	/* joining took it over */
		v->recovered = 1;
		return;
	}
	r = (int)daxfs_mount_result(e->m, daxfs_host_recover(cx, v->info.slot));
	v->recovered = !r;
	/* -EINVAL: it is not dead any more, so another has recovered it. */
	v->error = r == -EBUSY || r == -EINVAL ? 0 : r;
}

static int recover_all(struct evict *e)
{
	struct daxfs_cx *cx;
	u32 i, todo = 0;
	int r;

	for (i = 0; i < e->nr; i++)
		todo += e->v[i].fate < FATE_GONE;
	if (!todo)
		return 0;
	r = daxfs_mount_join(e->m);
	if (r) {
		daxfs_tool_error("%s: the hosts are declared dead, but cannot "
				 "be recovered from here: %s; fsck.daxfs -p "
				 "does it", e->in->region, strerror(-r));
		return r;
	}
	cx = daxfs_cx_get(e->m);
	for (i = 0; i < e->nr; i++)
		recover(e, cx, &e->v[i]);
	daxfs_cx_put(e->m, cx);
	return 0;
}

/* ---- what was done ---- */

static const char *text_of(const struct victim *v)
{
	switch (v->fate) {
	case FATE_EVICTED:
		return v->recovered ? "evicted, and what it left is recovered" :
		       v->error ? "evicted, but not recovered" :
		       "evicted; another host recovers what it left";
	case FATE_DEAD:
		return v->recovered ? "was evicted before; what it left is "
		       "recovered now" : v->error ? "was evicted before, and is "
		       "not recovered" : "was evicted before; another host "
		       "recovers what it left";
	case FATE_BUSY:
		return v->recovered ? "was evicted before; what it left is "
		       "recovered now" : "is evicted by another, who recovers "
		       "what it left";
	case FATE_GONE:
		return "is gone: another evicted it, or it left";
	case FATE_REPLACED:
		return "left, and another host has that number now, which was "
		       "not evicted";
	default:
		return NULL;
	}
}

static void print(const struct victim *v, int json)
{
	const char *text = text_of(v);
	char name[65];

	inspect_printable(name, v->info.id.name, 64);
	if (text && !json && v->info.id.pid)
		printf("host %u (%s, process %u on %s): %s\n", v->info.slot,
		       inspect_host_kind(v->info.id.kind), v->info.id.pid, name,
		       text);
	else if (text && !json)
		printf("host %u (the kernel of %s): %s\n", v->info.slot, name,
		       text);
	if (v->error)
		daxfs_tool_error("%s: recovery: %s; fsck.daxfs says more", v->arg,
				 strerror(-v->error));
}

static struct json_object *json_victim(const struct victim *v)
{
	struct json_object *o = json_object_new_object();
	size_t len = strnlen(v->info.id.name, sizeof(v->info.id.name));

	json_object_object_add(o, "host",
			       inspect_json_bytes(v->arg, strlen(v->arg)));
	json_object_object_add(o, "result",
			       json_object_new_string(fate_name[v->fate]));
	json_object_object_add(o, "recovered",
			       json_object_new_boolean(v->recovered));
	if (v->fate == FATE_UNKNOWN)
		return o;
	json_object_object_add(o, "id", json_object_new_int64(v->info.slot));
	json_object_object_add(o, "kind", json_object_new_string(
			       inspect_host_kind(v->info.id.kind)));
	json_object_object_add(o, "pid", json_object_new_int64(v->info.id.pid));
	json_object_object_add(o, "machine",
			       inspect_json_bytes(v->info.id.name, len));
	json_object_object_add(o, "incarnation",
			       json_object_new_int64(v->info.incarnation));
	return o;
}

/* All are out: 0. */
static int report(const struct evict *e)
{
	struct json_object *list = json_object_new_array();
	struct json_object *o = json_object_new_object();
	int status = INSPECT_OK;
	u32 i;

	for (i = 0; i < e->nr; i++) {
		const struct victim *v = &e->v[i];

		json_object_array_add(list, json_victim(v));
		print(v, e->in->json);
		if (v->error || v->fate >= FATE_REPLACED)
			status = INSPECT_FAILED;
	}
	json_object_object_add(o, "hosts", list);
	if (e->in->json)
		inspect_json_print(o);
	else
		json_object_put(o);
	return status;
}

static int evict_all(struct evict *e)
{
	u32 i;
	int r;

	for (i = 0; i < e->nr; i++) {
		e->v[i].arg = e->in->host[i];
		find(e, &e->v[i]);
		if (e->v[i].fate == FATE_PENDING)
			check(e, &e->v[i]);
	}
	for (i = 0; i < e->nr; i++)
		declare(e, &e->v[i]);
	r = recover_all(e);
	i = (u32)report(e);
	return r ? INSPECT_FAILED : (int)i;
}

int inspect_evict(const struct inspect *in)
{
	struct evict e = { .in = in, .nr = (u32)in->host_nr };
	char why[512] = "";
	int status = INSPECT_FAILED;

	e.v = calloc(e.nr, sizeof(*e.v));
	if (!e.v || daxfs_mount_open(&e.m, in->region, DAXFS_OPEN_LATER,
				     DAXFS_HOST_TOOL, why, sizeof(why))) {
		daxfs_tool_error("%s", why[0] ? why : "out of memory");
		free(e.v);
		return INSPECT_FAILED;
	}
	e.rg = daxfs_mount_region(e.m);
	status = daxfs_has_overlay(e.rg) ? evict_all(&e) :
		 inspect_no_overlay(in);
	daxfs_mount_close(e.m);
	free(e.v);
	return status;
}
