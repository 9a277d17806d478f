/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The port to the Linux kernel: what the core needs from its environment.
 *
 * Notes: the same names exist in port/posix and port/sim. raw.h has the
 * accesses, ../persist.h makes of them what the core calls.
 */
#ifndef DAXFS_PORT_H
#define DAXFS_PORT_H

#include "raw.h"
#include "../persist.h"

#endif
