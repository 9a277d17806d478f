// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The tables of lock modes.
 *
 * Notes: pure data. is_release() is not kept as a second table but follows
 * from the first, so that the two cannot contradict each other; the tests hold
 * both to tables written out by hand.
 */
#include "mode.h"

/* Bit m of row g: m is compatible with g. NL CR CW PR PW EX. */
static const uint8_t compatible[MXFS_MODES] = {
	[MXFS_NL] = 0x3f,
	[MXFS_CR] = 0x1f,
	[MXFS_CW] = 0x07,
	[MXFS_PR] = 0x0b,
	[MXFS_PW] = 0x03,
	[MXFS_EX] = 0x01,
};

int mxfs_mode_compatible(uint8_t a, uint8_t b)
{
	if (a >= MXFS_MODES || b >= MXFS_MODES)
		return 1;
	return compatible[a] >> b & 1;
}

int mxfs_mode_is_release(uint8_t from, uint8_t to)
{
	if (from >= MXFS_MODES || to >= MXFS_MODES)
		return 0;
	return (compatible[from] & ~compatible[to]) == 0;
}

uint8_t mxfs_mode_meet(uint8_t a, uint8_t b)
{
	if (mxfs_mode_is_release(a, b))
		return b;
	return mxfs_mode_is_release(b, a) ? a : MXFS_CR;
}

int mxfs_mode_is_writer(uint8_t mode)
{
	return mode == MXFS_PW || mode == MXFS_EX;
}

int mxfs_mode_bars_writers(uint8_t mode)
{
	return mode < MXFS_MODES && !mxfs_mode_compatible(mode, MXFS_PW);
}

const char *mxfs_mode_text(uint8_t mode)
{
	static const char text[MXFS_MODES][3] = {
		"NL", "CR", "CW", "PR", "PW", "EX",
	};

	return mode < MXFS_MODES ? text[mode] : "--";
}
