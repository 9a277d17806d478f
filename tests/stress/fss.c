/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * fsstress: what its parts share.
 *
 * Notes: apart from main(), because each program of this folder has all the
 * parts in it.
 */
#include <errno.h>

#include "fss.h"

struct fss_board *fss_board;
const char *fss_top[FSS_SIDES];
u32 fss_sides;
int fss_has[FSS_FEATURES];
int fss_locks_reach;
int fss_may_fill;

int fss_is_excused(int err)
{
	/* a lock takes memory, too, and says so in its own way */
	if ((err == ENOSPC || err == ENOLCK) && fss_may_fill) {
		fss_count(&fss_board->full);
		return 1;
	}
	/* A user may not do everything; which calls those are is not modelled. */
	return geteuid() && (err == EACCES || err == EPERM);
}
