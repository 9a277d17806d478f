/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A server that goes to the background when its mount answers.
 *
 * Notes: knows nothing of daxfs; famfs and mxfsd use it too. One server per process.
 */
#ifndef DAXFS_FUSE_BACKGROUND_H
#define DAXFS_FUSE_BACKGROUND_H

/*
 * Run it in a child. block() blocks what ends it, in the child from its first instruction
 * on. The child returns what run() does; the parent 0 when the mount
 * answers, else the child's status, or `failed' if it has none. Messages go to stderr.
 */
int daxfs_background(const char *name, int failed, void (*block)(void),
		     int (*run)(void *arg), void *arg);
/*
 * The mount answers: let the parent go and cut what ties us to a terminal; to_syslog()
 * is called before stderr is gone. 0; 1: there is no parent, for we are in the
 * foreground; -EPIPE: it did not wait.
 */
int daxfs_background_ready(void (*to_syslog)(void));

#endif
