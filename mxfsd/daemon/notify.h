/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Telling the service manager: sd_notify(3), of which this is all that is needed.
 */
#ifndef MXFSD_NOTIFY_H
#define MXFSD_NOTIFY_H

#include <stdint.h>

/* To $NOTIFY_SOCKET if there is one. state: lines, "READY=1". */
void notify(const char *state);
/* ns between two signs of life that somebody wants; 0: nobody does. */
uint64_t notify_watchdog_ns(void);

#endif
