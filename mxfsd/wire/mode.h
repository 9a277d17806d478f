/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The six lock modes and what they mean to each other.
 *
 * Notes: strength is a partial order, NL < CR < {CW, PR} < PW < EX: CW and PR
 * cannot be compared. So nothing here is a comparison of numbers: compatible,
 * released and writer are tables (docs/dlm-protocol.md, "Modes").
 */
#ifndef MXFS_MODE_H
#define MXFS_MODE_H

#include <stdint.h>

enum mxfs_mode {
	MXFS_NL, MXFS_CR, MXFS_CW, MXFS_PR, MXFS_PW, MXFS_EX,
	MXFS_MODES,
	MXFS_NONE = 0xff	/* not held, or nothing asked for */
};

/* May two holders have these at the same time? MXFS_NONE goes with all. */
int mxfs_mode_compatible(uint8_t a, uint8_t b);
/*
 * Is the way from one to the other free: does nobody who is compatible with
 * the old mode mind the new one? True for equal modes.
 */
int mxfs_mode_is_release(uint8_t from, uint8_t to);
/*
 * What both have in common: the strongest mode that is a release of each. It is
 * one of the two but for CW and PR, which have CR in common.
 */
uint8_t mxfs_mode_meet(uint8_t a, uint8_t b);
/* PW and EX: one holder at a time, who may set the value block. */
int mxfs_mode_is_writer(uint8_t mode);
/* Nobody else can be a writer while it is held: CW, PR, PW, EX. */
int mxfs_mode_bars_writers(uint8_t mode);
const char *mxfs_mode_text(uint8_t mode);

#endif
