/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The port to user space: what the core needs from its environment.
 *
 * Notes: the same names exist in port/sim (each access is a step of a
 * scheduler) and in port/linux. raw.h has the accesses, ../persist.h makes of
 * them what the core calls.
 */
#ifndef DAXFS_PORT_H
#define DAXFS_PORT_H

#include "raw.h"
#include "../persist.h"

#endif
