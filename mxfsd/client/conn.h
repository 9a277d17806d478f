/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the parts of libmxfs ask of each other.
 */
#ifndef LIBMXFS_CONN_H
#define LIBMXFS_CONN_H

#include "control.h"
#include "mxfs.h"

/* The node that the daemon is; answers to questions come by fn, the last one is END. */
uint32_t mxfs_conn_node(const struct mxfs_conn *conn);
/*
 * Ask, and wait for END. fn gets each frame of the answer. 0; -EPIPE; -EPERM. For
 * mxfsctl, which is linked with the library's objects.
 */
int mxfs_ask(struct mxfs_conn *conn, const struct mxfs_ctl *question,
	     void (*fn)(void *arg, const struct mxfs_ctl *m), void *arg);
/* Events of a resource that is watched, from mxfs_dispatch(). 0 or an error. */
int mxfs_watch(struct mxfs_conn *conn, const void *name, size_t len,
	       void (*fn)(void *arg, const struct mxfs_ctl *m), void *arg);

#endif
