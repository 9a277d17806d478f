/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Images assembled byte by byte: one that is right, and many that are not.
 *
 * Notes: neither format.h nor the writer has a part in them, so a mistake
 * that reader and writer share does not pass. Offsets are those of
 * docs/format.md.
 */
#ifndef DAXFS_TESTS_HANDMADE_H
#define DAXFS_TESTS_HANDMADE_H

#include <stddef.h>
#include <stdint.h>

#define HANDMADE_LEN	0x5000u

struct handmade_patch {
	uint32_t off;
	uint32_t width;		/* bytes, 1 to 8; 0: no more patches */
	uint64_t value;
};

#define HANDMADE_PATCHES 4
#define KEEP_SUPER_CRC	1u	/* do not make the checksum right again */
#define KEEP_BASE_CRC	2u

struct handmade {
	const char *name;	/* of the image file, without .img */
	/* What opening it answers; 0: it opens and the check must find it. */
	int open_err;		/* negative errno */
	const char *says;	/* part of the message */
	struct handmade_patch patch[HANDMADE_PATCHES];
	uint32_t keep;
	uint32_t len;		/* bytes of the file; 0: HANDMADE_LEN */
};

extern const struct handmade handmade_bad[];
extern const size_t handmade_bad_nr;

/* The good image, and that of one entry of the table. buf: HANDMADE_LEN. */
void handmade_good(uint8_t *buf);
size_t handmade_make(const struct handmade *h, uint8_t *buf);

#endif
