// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The session of daxfs-fuse, for the peers that it is measured against.
 *
 * Notes: the same source, so that both have the same INIT flags and threads.
 */
#include "../fuse/raw.c"
#include "../fuse/session.c"
