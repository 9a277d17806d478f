/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the commands of mxfsctl share.
 */
#ifndef MXFSCTL_H
#define MXFSCTL_H

#include "conn.h"

enum {				/* mxfsctl(8) */
	EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_NO_DAEMON = 3, EXIT_LOST = 4,
	EXIT_DENIED = 75
};

struct ctl {
	const char *socket;	/* NULL: the default */
	int json;
	struct mxfs_conn *conn;
};

/* The words behind the command, and what getopt_long() has found. */
int ctl_status(struct ctl *c, int argc, char **argv);
int ctl_members(struct ctl *c, int argc, char **argv);
int ctl_resources(struct ctl *c, int argc, char **argv);
int ctl_locks(struct ctl *c, int argc, char **argv);
int ctl_volumes(struct ctl *c, int argc, char **argv);
int ctl_lock(struct ctl *c, int argc, char **argv);
int ctl_watch(struct ctl *c, int argc, char **argv);
int ctl_bench(struct ctl *c, int argc, char **argv);
int ctl_fenced(struct ctl *c, int argc, char **argv);

int ctl_usage(void);
/* 0, or the exit status, after a message. */
int ctl_connect(struct ctl *c);
/* The exit status for an error of the library, after a message. */
int ctl_failed(struct ctl *c, int error, const char *what);
/* -1, after a message. */
int ctl_mode(const char *text);
int ctl_seconds(const char *text, double *seconds);
/* A resource's name as text: bytes that are not printable as \xHH. */
const char *ctl_name(const struct mxfs_name *name, char text[4 * MXFS_NAME_MAX + 1]);
void ctl_hex(const uint8_t *byte, size_t len, char *text);

#endif
