/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The command line of daxfs-fuse and of mount.fuse.daxfs.
 *
 * Notes: the second is the same program under the name that mount(8) looks
 * for, with the arguments that mount(8) gives.
 */
#ifndef DAXFS_FUSE_OPTIONS_H
#define DAXFS_FUSE_OPTIONS_H

#include "server.h"

/* Exit statuses: those of mount(8), because it hands them on. */
enum daxfs_exit {
	DAXFS_EXIT_OK		= 0,
	DAXFS_EXIT_USAGE	= 1,
	DAXFS_EXIT_SYSTEM	= 2,
	DAXFS_EXIT_EVICTED	= 3,	/* another host declared us dead */
	DAXFS_EXIT_MOUNT	= 32,
};

struct daxfs_options {
	const char *name;		/* of the program, for messages */
	int helper;			/* called by mount(8) */
	const char *region;
	const char *mountpoint;
	int foreground;
	int rdonly;
	int validate;
	int direct_io;
	enum daxfs_atime atime;
	int local_locks;
	char *branch;			/* to show; NULL: main */
	char *backing;			/* its files; NULL: not here */
	int fake;			/* do all but mount */
	unsigned int max_threads;
	struct fuse_args args;		/* options for libfuse */
};

/* -1: go on; else the exit status, after a message or the help. */
int daxfs_options_parse(struct daxfs_options *o, int argc, char **argv);
void daxfs_options_free(struct daxfs_options *o);

#endif
