/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Regions damaged on purpose: the cases, and what they need to find places.
 */
#ifndef DAXFS_TESTS_TOOLS_DAMAGE_H
#define DAXFS_TESTS_TOOLS_DAMAGE_H

#include "core.h"

enum how { SET, XOR, SET32, XOR32, BYTE,
	   COPY /* as many bytes as value says, from what from() says */ };

enum expect {
	FIXED,		/* found (4), corrected (1), clean */
	LEFT,		/* found (4), and still there after -y (4) */
	REFUSED,	/* found, but what it says forbids to correct it */
	UNSEEN,		/* not damage: a hint, a figure, or not in use */
	SAFELY,		/* as FIXED, with -p */
};

struct damage {
	const char *what;
	char image;		/* 'e' an empty region filled, 'b' on a base image,
				 * 'l' one with branches, 's' one in split mode */
	const char *where;	/* that fsck.daxfs must name; UNSEEN: why not */
	enum expect expect;
	/* the place: what an offset is of, a path, a number there */
	u64 (*at)(const char *path, u64 n);
	const char *path;
	u64 n;
	enum how how;
	u64 value;
	/* instead of value */
	u64 (*from)(const char *path, u64 n);
	const char *from_path;
	u64 from_n;
	/* paths that begin so may be lost or changed */
	const char *loses;
};

extern const struct damage damages[];
extern const u32 damages_nr;

/* The region at hand, mapped as nobody's host. */
extern struct daxfs_region *the_rg;
extern struct daxfs_cx *the_cx;

/* "BRANCH:PATH": show that branch, and the rest of it. Without: what is shown. */
const char *show_branch_of(const char *path);

__attribute__((noreturn, format(printf, 1, 2)))
void give_up(const char *fmt, ...);

#endif
