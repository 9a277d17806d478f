/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the parts of daxfs-branch share.
 *
 * Notes: for this program alone. Functions print their own message and return the
 * exit status of the program, unless they say otherwise.
 */
#ifndef DAXFS_TOOLS_BRANCH_H
#define DAXFS_TOOLS_BRANCH_H

#include <daxfs/ioctl.h>

#include "common.h"
#include "mount.h"

#define BRANCH_OK	0
#define BRANCH_FAILED	1
#define BRANCH_USAGE	2
#define BRANCH_LOST	3	/* the branch has ended, or another one was faster */

struct branch {
	const char *verb;
	const char *name;	/* of a branch or a checkpoint; NULL: none */
	const char *other;	/* diff: that it is compared with; NULL: its parent */
	const char *region, *mnt;	/* one of them */
	const char *branch;	/* -b */
	const char *parent;
	const char *mountpoint;	/* of create -m */
	const char *option;	/* -o, of the mount */
	u64 if_head;
	int keep, json, commit;
	char **cmd;		/* exec */
};

/* ---- branch_access.c: the region, through a mount or without one ---- */

struct branch_access {
	const char *where;	/* for messages */
	struct daxfs_mount *m;	/* without a mount; or NULL */
	int fd;			/* of the mount */
};

/* look: nothing is changed, so being allowed to read is enough. */
int branch_open(struct branch_access *a, const struct branch *br, int look);
void branch_close(struct branch_access *a);
/* An ioctl, or the same without a mount. 0 or a negative errno, no message. */
int branch_call(const struct branch_access *a, unsigned int cmd, void *arg);
/* A call on the branch or checkpoint name went wrong: say so. */
int branch_failed(const struct branch_access *a, const char *verb, const char *name,
		  int err);
/* The branch of that name (NULL: what the mount shows); its number in b->id. */
int branch_find(const struct branch_access *a, const char *verb, const char *name,
		struct daxfs_ioc_branch *b);
/* The region's name, for branch_mount(); allocated, NULL with a message. */
char *branch_region(const struct branch *br);

/* ---- branch_mount.c ---- */

/*
 * Mount a branch at dir: by the module if the region is that of a mount of its,
 * else by daxfs-fuse. option: more for -o, or NULL. 0 or -1, with a message.
 */
int branch_mount(const char *region, const char *dir, const char *branch,
		 const char *option);

/* ---- branch_make.c ---- */

int branch_create(const struct branch *br);
int branch_exec(const struct branch *br);
/*
 * Make a branch. Not an exit status: 0 or a negative errno, with a message.
 */
int branch_make(const struct branch_access *a, const struct branch *br,
		const char *name, struct daxfs_ioc_branch *b);

/* ---- branch_list.c ---- */

int branch_list(const struct branch *br);
int branch_status(const struct branch *br);

/* ---- branch_diff.c ---- */

int branch_diff(const struct branch *br);

#endif
