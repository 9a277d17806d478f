/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Sections and epochs: when memory that was unlinked may be used again.
 */
#ifndef DAXFS_EPOCH_H
#define DAXFS_EPOCH_H

#include "core.h"

/* The epoch for units unlinked before this call. Issues a full fence. */
u64 daxfs_retire_epoch(struct daxfs_cx *cx);
/* The global epoch, for what may be reused. */
u64 daxfs_epoch_now(struct daxfs_cx *cx);
/* Move the epoch on if every context in a section has seen it. 1: moved. */
int daxfs_epoch_advance(struct daxfs_cx *cx);
/* Lowest map_epoch of all hosts, ~0 if no host has mappings or pins. */
u64 daxfs_map_epoch_min(struct daxfs_cx *cx);

#endif
