/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Filling the page cache: what the parts of lib/ that do it share.
 *
 * Notes: a mount in split mode has a struct daxfs_filler from its opening on. With
 * backing files it also has a thread (filler.c), that reads ahead and serves
 * hosts without them.
 */
#ifndef DAXFS_LIB_FILL_H
#define DAXFS_LIB_FILL_H

#include <pthread.h>
#include <sys/uio.h>

#include "core.h"

#define DAXFS_FILL_JOBS		64u	/* of read-ahead that wait */

struct daxfs_mount;

struct daxfs_fill_job {		/* pages to be read ahead */
	u64 addr, len;
};

struct daxfs_filler {
	struct daxfs_mount *m;
	int fd[DAXFS_BACKING_FILES];	/* -1: not here */
	u32 fd_nr;			/* files that are here */
	u32 *pins;			/* of each slot: pins of this process */
	pthread_mutex_t pin_lock;
	/* what threads wait for, and the thread of filler.c */
	pthread_mutex_t lock;
	pthread_cond_t work;		/* for the thread */
	pthread_cond_t done;		/* it has put something into the cache */
	u64 waiters;			/* of done */
	pthread_t thread;
	int running, stop;
	struct daxfs_fill_job job[DAXFS_FILL_JOBS];
	u32 job_first, job_nr;
	struct daxfs_cx *cx;		/* of the thread */
	/* messages, see daxfs_mount_on_message() */
	void (*say)(void *arg, const char *text);
	void *say_arg;
	u64 said_ns;
	struct daxfs_waits waits;
};

/* Pages that a call has lent to the core; the caller's, zeroed. */
struct daxfs_lent {
	u8 page[DAXFS_LENT][DAXFS_PAGE_SIZE];
	u32 turn;
	struct daxfs_rounds rounds;
};

/*
 * What cx->miss wants is in the cache now, or lent: call again. -EIO: it cannot be
 * read; -ESTALE.
 */
int daxfs_fill_miss(struct daxfs_mount *m, struct daxfs_cx *cx, struct daxfs_lent *l);
/*
 * Fill a run of slots with one read of the file, or page by page if that fails.
 * The slots are of pages one behind the other. Returns how many hold them now.
 */
u32 daxfs_fill_read(struct daxfs_mount *m, struct daxfs_cx *cx,
		    const struct daxfs_fill *fill, u32 nr);
/* The same when a read of them has ended with that result. */
u32 daxfs_fill_end(struct daxfs_mount *m, struct daxfs_cx *cx,
		   const struct daxfs_fill *fill, u32 nr, s64 result);
/* For a read of nr pages: iov has room for as many. Returns how many it uses. */
int daxfs_fill_iov(const struct daxfs_fill *fill, u32 nr, struct iovec *iov);
int daxfs_fill_fd(const struct daxfs_filler *f, u64 addr);
u64 daxfs_fill_off(u64 addr);
/* Who waits in this process looks again. */
void daxfs_fill_wake(struct daxfs_filler *f);
/* At most one message in a second. */
void daxfs_fill_say(struct daxfs_filler *f, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* fill.c: of a mount in split mode, without files at first. */
int daxfs_filler_new(struct daxfs_mount *m);
void daxfs_filler_free(struct daxfs_mount *m);
/* filler.c: the thread, if there are files. */
int daxfs_filler_start(struct daxfs_mount *m);
void daxfs_filler_stop(struct daxfs_mount *m);
/* Read that ahead, some time; forgotten if too much waits already. */
void daxfs_filler_ahead(struct daxfs_filler *f, u64 addr, u64 len);

#endif
