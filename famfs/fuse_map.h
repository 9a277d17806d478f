/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Whether the kernel takes maps of files.
 */
#ifndef FAMFS_FUSE_MAP_H
#define FAMFS_FUSE_MAP_H

#include "server.h"

/* One line, when the kernel has said what it can. */
void famfs_filemap_say(const struct daxfs_session *s);

#endif
