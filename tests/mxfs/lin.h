/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Histories of a register, and whether they are linearizable.
 */
#ifndef MXFS_LIN_H
#define MXFS_LIN_H

#include <stdint.h>

#define LIN_OPS		256u
#define LIN_NEVER	UINT64_MAX

enum lin_kind {
	LIN_READ,		/* saw `got` */
	LIN_UPDATE,		/* saw `got`, and made it `put`, in one instant */
};

/* got 0: no valid value. The register may lose its value at any time. */
struct lin_op {
	enum lin_kind kind;
	uint64_t inv, resp;	/* resp LIN_NEVER: it may have happened, or not */
	uint64_t got, put;
};

struct lin {
	struct lin_op op[LIN_OPS];
	uint32_t nr;
};

/* A new operation; NULL if there is no room: then it is not to be done. */
struct lin_op *lin_add(struct lin *h, enum lin_kind kind, uint64_t inv);

enum lin_result { LIN_YES, LIN_NO, LIN_GAVE_UP };

enum lin_result lin_check(const struct lin *h);

#endif
