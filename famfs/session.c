// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The session of daxfs-fuse and its way to the background, which know nothing of daxfs.
 */
#include "../fuse/background.c"
#include "../fuse/raw.c"
#include "../fuse/session.c"
