/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Mount a region by the kernel module.
 *
 * Notes: for mount.daxfs, mkdaxfs and daxfs-branch. Functions print their own message, with
 * what the kernel says of the reason, and return 0 or an exit status as
 * mount(8) has them.
 */
#ifndef DAXFS_TOOLS_KMOUNT_H
#define DAXFS_TOOLS_KMOUNT_H

#include <stdint.h>

#define KMOUNT_USAGE	1
#define KMOUNT_SYSTEM	2
#define KMOUNT_FAILED	32

/* ---- ksource.c: the memory, as the module is told of it ---- */

struct kmount_source {
	char *name;		/* what mountinfo shows; no physical address */
	char phys[32], size[32];	/* values of these options; "": none */
	char *dev;		/* of that option; NULL: none */
	int dmabuf;		/* a descriptor; -1: none */
	int lock;		/* holds the lock of a device; -1: none */
};

void kmount_source_init(struct kmount_source *s);
void kmount_source_fini(struct kmount_source *s);
/*
 * Find what a REGION is: phys:ADDR:SIZE, /dev/daxX.Y, /dev/pmemN. Devices are
 * opened, to see that it may be done, and locked until kmount_source_fini().
 */
int kmount_source_set(struct kmount_source *s, const char *region, int rdonly);
/* The memory of what the module has mounted at point already. */
int kmount_source_same(struct kmount_source *s, const char *point);

/* ---- kmount.c ---- */

struct kmount {
	struct kmount_source source;
	const char *dir;
	const char **option;	/* for the module: "key" or "key=value" */
	uint32_t option_nr;
	uint64_t attr;		/* MOUNT_ATTR_* */
	int rdonly;
	int sloppy;		/* leave out options that it does not know */
	int verbose;
};

/* Does this kernel know the file system? */
int kmount_loaded(void);
/* See to it that it does. */
int kmount_load(void);
int kmount_mount(const struct kmount *km);
/* Change attributes, and whether it may be written to, of what is at km->dir. */
int kmount_remount(const struct kmount *km);

#endif
