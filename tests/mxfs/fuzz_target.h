/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Hostile input for the codec, a session, and a lock manager.
 */
#ifndef MXFS_FUZZ_TARGET_H
#define MXFS_FUZZ_TARGET_H

#include <stddef.h>
#include <stdint.h>

struct fuzz_sums {
	uint64_t inputs, messages, accepted, delivered, resumed, asts;
};

extern struct fuzz_sums fuzz_sums;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
