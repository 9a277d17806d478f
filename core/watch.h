/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Telling others that names or rights are being changed.
 */
#ifndef DAXFS_WATCH_H
#define DAXFS_WATCH_H

#include "core.h"

/*
 * Around what changes names, or the mode, owner or access control lists of an
 * inode, as others see them; inside a section. They nest.
 */
void daxfs_change_begin(struct daxfs_cx *cx);
void daxfs_change_end(struct daxfs_cx *cx);
/* A context is used for the first time by its host: it may change things now. */
void daxfs_watch_new(struct daxfs_cx *cx);
/* A context of a dead host: what it was changing is over. */
void daxfs_watch_over(struct daxfs_shared_ctx *sh);

#endif
