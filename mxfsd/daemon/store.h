/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a node must not forget: its incarnation and its votes, in a file.
 *
 * Notes: the file's form is in docs/dlm-protocol.md. A node without its file must not
 * come back under its number: it could vote twice. So the file is made once, by
 * store_init(), and a daemon does not start without one.
 */
#ifndef MXFSD_STORE_H
#define MXFSD_STORE_H

#include "config.h"
#include "dlm.h"

struct store;

/* Make the file of a new node. 0, or -1 and err: also if there is one. */
int store_init(const struct conf *conf, char *err, size_t size);
/* Read it, and keep other daemons away from it. NULL, and err says why. */
struct store *store_open(const struct conf *conf, struct mxfsd_stable *stable,
			 char *err, size_t size);
void store_close(struct store *s);
/*
 * Replace it, durably: the former content is there, or this one, whatever happens.
 * 0, or a negative errno. Waits for the disk.
 */
int store_save(struct store *s, const struct mxfsd_stable *stable);

#endif
