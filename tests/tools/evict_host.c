// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Hosts for test_evict.sh: one that does what it is told, and faked ones.
 *
 * Notes: "evict_host REGION live" joins and reads commands from standard input,
 * one per line, and answers each with the result as a number: "create NAME",
 * "unlink NAME", "churn N" (create and unlink), "enter" and "leave" a section,
 * "pin NAME". It leaves at "end" and at the end of its input. "evict_host REGION fake
 * NAME PID" makes a host of another machine that holds an unlinked file of 1
 * MiB and beat an hour ago, prints its number, and ends without leaving; with the
 * PID 0 it is a kernel. "fake-kernel" makes the same as the kernel of this machine.
 */
#include <stdio.h>
#include <stdlib.h>

#include "mount.h"
#include "region.h"

#define FAKE_LEN	(1u << 20)
#define HOUR_NS		3600000000000ull

static struct daxfs_mount *mount;

__attribute__((noreturn))
static void die(const char *what, int r)
{
	fprintf(stderr, "evict_host: %s: %s\n", what, strerror(-r));
	exit(1);
}

static void open_region(const char *path, u32 flags, u32 kind)
{
	char why[512] = "";
	int r = daxfs_mount_open(&mount, path, flags, kind, why, sizeof(why));

	if (r)
		die(why, r);
}

static int create(struct daxfs_cx *cx, const char *name, struct daxfs_stat *st)
{
	const struct daxfs_new what = { .mode = S_IFREG | 0644 };

	return daxfs_create(cx, DAXFS_ROOT_INO, name, (u32)strlen(name), &what,
			    st);
}

static int unlink_name(struct daxfs_cx *cx, const char *name)
{
	return daxfs_unlink(cx, DAXFS_ROOT_INO, name, (u32)strlen(name));
}

/* ---- a host that does what it is told ---- */

static int churn(struct daxfs_cx *cx, const char *nr)
{
	static u8 page[DAXFS_PAGE_SIZE];
	struct daxfs_file f = { 0 };
	struct daxfs_stat st;
	s64 r = 0;
	long n;

	for (n = atol(nr); n > 0 && !r; n--) {
		r = create(cx, "churn", &st);
		if (!r)
			r = daxfs_open(cx, st.ino, 0, &f);
		if (!r)
			r = daxfs_write(cx, &f, 0, page, sizeof(page));
		r = r < 0 ? r : daxfs_close(cx, st.ino);
		if (!r)
			r = unlink_name(cx, "churn");
	}
	return (int)r;
}

static int pin(struct daxfs_cx *cx, const char *name)
{
	static struct daxfs_file f;
	struct daxfs_stat st;
	u64 epoch;
	int r = daxfs_lookup(cx, DAXFS_ROOT_INO, name, (u32)strlen(name), &st);

	if (!r)
		r = daxfs_open(cx, st.ino, 0, &f);
	if (!r)
		r = daxfs_map_begin(cx, &f, &epoch);
	if (!r)
		daxfs_map_epoch(daxfs_mount_region(mount), epoch);
	return r;
}

static int command(struct daxfs_cx *cx, const char *what, const char *arg)
{
	struct daxfs_stat st;

	if (!strcmp(what, "create"))
		return create(cx, arg, &st);
	if (!strcmp(what, "unlink"))
		return unlink_name(cx, arg);
	if (!strcmp(what, "churn"))
		return churn(cx, arg);
	if (!strcmp(what, "pin"))
		return pin(cx, arg);
	if (!strcmp(what, "enter"))
		return daxfs_enter(cx);
	if (!strcmp(what, "leave"))
		return daxfs_leave(cx);
	return -EINVAL;
}

static int live(const char *path)
{
	char line[128], what[64], arg[64];
	struct daxfs_cx *cx;
	int r;

	open_region(path, 0, DAXFS_HOST_LIB);
	r = daxfs_mount_start(mount);
	if (r)
		die("daxfs_mount_start", r);
	cx = daxfs_cx_get(mount);
	printf("%u\n", daxfs_mount_region(mount)->host);
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		arg[0] = '\0';
		if (sscanf(line, "%63s %63s", what, arg) < 1)
			continue;
		if (!strcmp(what, "end"))
			break;
		printf("%d\n", command(cx, what, arg));
		fflush(stdout);
	}
	daxfs_cx_put(mount, cx);
	daxfs_mount_close(mount);
	return 0;
}

/* ---- a host of another machine ---- */

static void hold_memory(struct daxfs_cx *cx)
{
	static u8 buf[FAKE_LEN];
	struct daxfs_file f = { 0 };
	struct daxfs_stat st;
	s64 r = create(cx, "fake", &st);

	if (!r)
		r = daxfs_open(cx, st.ino, 0, &f);
	if (!r)
		r = daxfs_write(cx, &f, 0, buf, sizeof(buf));
	if (r == (s64)sizeof(buf))
		r = unlink_name(cx, "fake");
	if (r)
		die("a file for the faked host", (int)r);
}

static int fake(const char *path, const struct daxfs_host_id *id)
{
	static struct daxfs_cx cx;
	struct daxfs_region *rg;
	int r;

	open_region(path, DAXFS_OPEN_LATER, DAXFS_HOST_TOOL);
	rg = daxfs_mount_region(mount);
	r = daxfs_host_join(rg, id);
	if (!r)
		r = daxfs_cx_init(&cx, rg, 0);
	if (r)
		die("joining", r);
	hold_memory(&cx);
	a64_store_relaxed(&daxfs_host(rg, rg->host)->heartbeat_ns,
			  port_now_ns() - HOUR_NS);
	printf("%u\n", rg->host);
	rg->joined = 0;		/* not given back */
	daxfs_mount_close(mount);
	return 0;
}

static int fake_far(const char *path, const char *name, const char *pid)
{
	struct daxfs_host_id id = { .kind = DAXFS_HOST_KERNEL,
				    .boot_id = { 0x1234, 0x5678 } };

	id.pid = (u32)atol(pid);
	snprintf(id.name, sizeof(id.name), "%s", name);
	return fake(path, &id);
}

static int fake_kernel(const char *path)
{
	struct daxfs_host_id id;

	daxfs_host_identify(&id, DAXFS_HOST_KERNEL);
	id.pid = 0;
	return fake(path, &id);
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[2], "live"))
		return live(argv[1]);
	if (argc == 5 && !strcmp(argv[2], "fake"))
		return fake_far(argv[1], argv[3], argv[4]);
	if (argc == 3 && !strcmp(argv[2], "fake-kernel"))
		return fake_kernel(argv[1]);
	fprintf(stderr, "usage: evict_host REGION live | fake NAME PID | "
		"fake-kernel\n");
	return 2;
}
