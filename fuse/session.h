/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A FUSE session: mount, serve with many threads, end on a signal.
 *
 * Notes: knows nothing of daxfs; the servers in bench/ use it too, so that
 * both sides of a measurement differ in their handlers alone. One session per
 * process. Signals must be blocked by daxfs_session_block() before the first
 * thread starts, so that all threads leave them to the session.
 */
#ifndef DAXFS_FUSE_SESSION_H
#define DAXFS_FUSE_SESSION_H

#define FUSE_USE_VERSION 314
#include <fuse_lowlevel.h>
#include <pthread.h>
#include <stdint.h>

#include "raw.h"

struct daxfs_session {
	/* set by the caller */
	unsigned int max_threads;
	unsigned int can;		/* enum daxfs_raw */
	/* The mount answers: called once, by a thread that serves. */
	void (*ready)(void *arg);
	/* A signal ends the session while requests are still served. */
	void (*stopping)(void *arg);
	/* A reply could not be written: its memory is gone (EFAULT). */
	void (*fault)(void *arg);
	void *arg;
	/* private */
	struct fuse_session *se;
	pthread_t main_thread;
	pthread_t signal_thread;
	int done;
	uint64_t init_unique;		/* of the INIT request, 0 if answered */
	uint32_t offers, offers2;	/* INIT flags of the kernel */
};

/* Block what ends a session, in this and all threads that it will start. */
void daxfs_session_block(void);

/*
 * What both servers and their peers want of the kernel; for the init handler.
 * Attributes and pages are checked at each use, never written back late.
 */
void daxfs_session_want(struct fuse_conn_info *conn);

/*
 * Mount at mountpoint (absolute). args: argv[0] and -o options. Messages of
 * libfuse and fusermount3 go to stderr. After a message: -EINVAL for options
 * that nobody knows, -EIO if it could not be mounted.
 */
int daxfs_session_open(struct daxfs_session *s, struct fuse_args *args,
		       const struct fuse_lowlevel_ops *ops, void *userdata,
		       const char *mountpoint);
/* Answer a request without libfuse; its fuse_req_t gets fuse_reply_none(). */
void daxfs_session_reply(struct daxfs_session *s, uint64_t unique,
			 const void *arg, size_t len);
/* Serve until it is unmounted or a signal comes: 0. Else a negative errno. */
int daxfs_session_serve(struct daxfs_session *s);
/* Unmount, if it is still mounted, and free. */
void daxfs_session_close(struct daxfs_session *s);

#endif
