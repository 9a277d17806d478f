/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Hostile input for what mxfsd reads: its configuration, and its control socket.
 *
 * Notes: each takes one input, to its end, and aborts with a sentence if something is
 * not as it must be. The same input does the same each time.
 */
#ifndef MXFS_FUZZ_TARGETS_H
#define MXFS_FUZZ_TARGETS_H

#include <stddef.h>
#include <stdint.h>

struct fuzz_sums {
	uint64_t inputs;
	uint64_t taken;			/* configurations, or frames */
	uint64_t refused;
	uint64_t answers, grants, lost;	/* told to clients */
};

extern struct fuzz_sums fuzz_sums;

void fuzz_must(_Bool right, const char *what);

/* A text: mxfsd.conf. */
int fuzz_conf(const uint8_t *data, size_t size);
/* Steps of some clients: control.c has the list. */
int fuzz_control(const uint8_t *data, size_t size);

#endif
