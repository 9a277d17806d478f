// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The session of daxfs-fuse, which knows nothing of daxfs, for famfs.
 */
#include "../fuse/raw.c"
#include "../fuse/session.c"
