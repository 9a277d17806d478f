/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the parts of daxfs-inspect and fsck.daxfs share.
 *
 * Notes: for these two programs alone. Functions print their own message and
 * return the exit status of the program, unless they say otherwise.
 */
#ifndef DAXFS_TOOLS_INSPECT_H
#define DAXFS_TOOLS_INSPECT_H

#include <json-c/json.h>

#include "branch_list.h"
#include "common.h"
#include "mount.h"

#define INSPECT_OK	0
#define INSPECT_FAILED	1
#define INSPECT_USAGE	2

struct inspect {
	char *region;		/* as daxfs_mount_open() takes it */
	int json;
	int details;		/* ls -l */
	int recursive;		/* ls -R */
	const char *path;	/* in the region: ls, cat */
	const char *backing;	/* cat: files of a region in split mode */
	char **host;		/* evict: as given */
	int host_nr;
	int force;		/* evict: also who runs on this machine */
};

/* ---- inspect_util.c ---- */

/*
 * The region behind a daxfs mount, allocated, for daxfs_mount_open(); NULL with
 * a message if mnt is not one, nor inside one.
 */
char *inspect_region_of_mount(const char *mnt);
/*
 * Options of the file system that is mounted right there, as mountinfo writes them;
 * allocated, NULL with a message.
 */
char *inspect_mount_options(const char *point);
/*
 * "alive", "stopped", "suspect", "dead", "gone", "joining" or "recovering": see
 * daxfs-inspect(8).
 */
const char *inspect_host_state(const struct daxfs_host_info *info);
const char *inspect_host_kind(u32 kind);
/*
 * Where this machine's kernel has the region mounted as that very host,
 * allocated; NULL: nowhere that can be seen from here.
 */
char *inspect_kernel_mount(const struct daxfs_region *rg,
			   const struct daxfs_host_info *info);
/* Its process; "-": a kernel, which has none. */
void inspect_pid_text(const struct daxfs_host_info *info, char *buf, size_t len);
/* A time as "2026-01-31T12:00:00Z". */
void inspect_iso_time(u64 ns, char *buf, size_t len);
/* The next host at or behind *slot, and *slot behind it; 0, or -ENOENT. */
int inspect_next_host(const struct daxfs_region *rg, u32 *slot,
		      struct daxfs_host_info *info);
/* A text of at most len bytes, for a terminal; to: len + 1 bytes. */
void inspect_printable(char *to, const char *from, size_t len);
/* Bytes as a JSON string: what is not UTF-8 becomes U+FFFD. */
struct json_object *inspect_json_bytes(const char *s, size_t len);
int inspect_is_utf8(const char *s, size_t len);
struct json_object *inspect_json_uuid(const u8 uuid[16]);
/* Print and release o. */
void inspect_json_print(struct json_object *o);

/* ---- inspect_status.c ---- */

int inspect_status(const struct inspect *in);
int inspect_overlay(const struct inspect *in);
/* Map the region to look at it, without joining. */
int inspect_open(const struct inspect *in, struct daxfs_mount **m);
int inspect_no_overlay(const struct inspect *in);

/* ---- inspect_hosts.c ---- */

int inspect_hosts(const struct inspect *in);
struct json_object *inspect_json_hosts(const struct daxfs_region *rg);
/* Their number. */
u32 inspect_print_hosts(const struct daxfs_region *rg, const char *indent);

/* ---- inspect_pcache.c ---- */

int inspect_pcache(const struct inspect *in);

/* ---- inspect_branches.c ---- */

int inspect_branches(const struct inspect *in);
/* 0 or a negative errno, no message; branch_tree_free() in any case. */
int inspect_branch_tree(const struct daxfs_region *rg, struct branch_tree *t);
/* The name of what the host in that slot shows. */
const char *inspect_branch_of(const struct branch_tree *t, u32 host);

/* ---- inspect_evict.c ---- */

int inspect_evict(const struct inspect *in);

/* ---- inspect_files.c ---- */

int inspect_ls(const struct inspect *in);
int inspect_cat(const struct inspect *in);

#endif
