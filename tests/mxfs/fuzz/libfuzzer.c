// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What libFuzzer calls: FUZZ_TARGET, a function of targets.h.
 */
#include "targets.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return FUZZ_TARGET(data, size);
}
