/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Random system calls in a directory of one's own, and what must be there.
 *
 * Notes: an oracle lies in shared memory of the test and outlives both the
 * process that works and the server that it works through. Each call that
 * changes something is noted before (state "next") and acknowledged after
 * (state "now"). If the server dies in between, the tree must be one of the
 * two, as a whole; of a write in place each byte of its range.
 */
#ifndef DAXFS_STRESS_ORACLE_H
#define DAXFS_STRESS_ORACLE_H

#include <sched.h>

#include "stress.h"

#define ORACLE_OBJS	20u
#define ORACLE_NAMES	6u
#define ORACLE_WINDOW	(24u * 1024)	/* content is kept for so much */

#define ORACLE_DONE	2u	/* the worker died as it took that down */

enum oracle_type { ORACLE_NONE, ORACLE_FILE, ORACLE_DIR, ORACLE_LINK };

struct oracle_obj {		/* an inode */
	u8 type;
	u8 data;		/* which of the two buffers */
	u8 child[ORACLE_NAMES];	/* of a directory: objects, 0: none */
	u32 mode;
	u32 nlink;		/* names; of a directory always 1 */
	u32 holders;		/* open descriptors */
	u64 ino;		/* 0: not known yet */
	u64 size;		/* of a symbolic link: of its target */
	u64 base;		/* offset of the window; a hole lies below */
	s64 mtime;		/* seconds */
	u32 mtime_known;
};

struct oracle_state {
	struct oracle_obj o[ORACLE_OBJS];	/* 0: the directory itself */
};

struct oracle {
	struct oracle_state now, next;
	u32 pending;		/* next may have come true; ORACLE_DONE: it has */
	u32 content;		/* ... and writes into obj or appends to it */
	u32 in_place;		/* ... and is a write of [from, to) into obj */
	u32 obj;
	u64 from, to;		/* in the window */
	u64 acked, bytes, synced;	/* calls; bytes written; calls of fsync */
	u64 in_doubt, came_true;	/* calls that a death cut off */
	u8 data[ORACLE_OBJS][2][ORACLE_WINDOW];
};

/*
 * Is this what a dead server's mount says? EIO is the kernel's word for a
 * request that its server was reading when it died. The caller knows whether
 * that server was killed; on another mount all three are failures.
 */
static inline int oracle_is_dead(int err)
{
	return err == ENOTCONN || err == ECONNABORTED || err == EIO;
}

/*
 * Again while it says ESTALE, a bounded number of times. Linux knows a
 * directory under one path only: a mount that meets one under the path to
 * which another host has moved it moves it too, but gives ESTALE if a rename
 * is on its way on that mount. It says so as well of a name that is replaced
 * under a stalled host (daxfs-fuse(8)).
 */
#define FRESH(call)							\
	({								\
		s64 fresh_;						\
		u32 tries_ = 0;						\
		while ((fresh_ = (call)) < 0 && errno == ESTALE &&	\
		       tries_++ < 1000) {				\
			__atomic_fetch_add(oracle_stale, 1,		\
					   __ATOMIC_RELAXED);		\
			sched_yield();					\
		}							\
		fresh_;							\
	})
extern u64 *oracle_stale;	/* counts them; in shared memory */

/*
 * Read up to len bytes. A read whose server dies on the way gives what it has;
 * only the next one says so.
 */
s64 oracle_read(int fd, void *to, u64 len, u64 off);

/* The directory is empty. */
void oracle_init(struct oracle *o);
/*
 * One call, or a look, in the directory top. 0, or the negative errno of a
 * server that has died: no further step before oracle_resolve().
 */
int oracle_step(struct oracle *o, const char *top);
/* All is as acknowledged: 0; ends the process if not; negative as above. */
int oracle_check(struct oracle *o, const char *top);
/* Close what oracle_step() keeps open. */
void oracle_close(struct oracle *o);
/*
 * The process that worked is gone. Compare what is there, seen through a mount
 * that lives; go on from what came true.
 */
int oracle_resolve(struct oracle *o, const char *top);

#endif
