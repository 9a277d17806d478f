/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the parts of lib/ know of a mount and nobody else needs to.
 *
 * Notes: a struct daxfs_mount belongs to the process that made it (owner).
 * After fork() the child has the mapping but not the host: forked is set
 * there and nothing is stored through it until daxfs_mount_start() adopts it.
 */
#ifndef DAXFS_LIB_MOUNT_PRIV_H
#define DAXFS_LIB_MOUNT_PRIV_H

#include <pthread.h>

#include "mount.h"

struct daxfs_source {		/* the memory that a path names */
	int fd;
	int writable;		/* fd may be mapped for writing */
	u64 map_off;		/* offset of the region in fd */
	u64 len;		/* bytes */
	int unlocked;		/* flock(2) of it says nothing */
	int durable;		/* mapped with MAP_SYNC: what is written back
				 * is on the medium */
};

#define DAXFS_HOLD_STRIPES	64u

struct daxfs_hold_stripe {	/* held inodes, hashed by number */
	pthread_mutex_t lock;
	struct daxfs_held **bucket;
	u64 bucket_nr;		/* power of two, 0 before the first */
	u64 held_nr;
};

struct daxfs_cx_slot {		/* own cache line: taken by any thread */
	int busy;
	int ready;		/* cx is initialised */
	struct daxfs_cx *cx;
	s64 handles;		/* opened minus closed with this context */
} __attribute__((aligned(64)));

struct daxfs_trap;		/* sigbus.c */

struct daxfs_mount {
	struct daxfs_region rg;
	struct daxfs_source src;
	struct daxfs_trap *trap;
	char *path;
	u32 flags;
	u32 kind;
	int rdonly;
	int forked;		/* we are a child of the owner */
	int crash;		/* end as if killed */
	/* contexts */
	struct daxfs_cx_slot slot[DAXFS_CTXS];
	struct daxfs_cx *cx;	/* DAXFS_CTXS of them */
	pthread_mutex_t cx_lock;
	pthread_cond_t cx_free;
	int cx_waiters;
	/* heart */
	pthread_mutex_t beat_lock;
	pthread_cond_t beat_cond;
	pthread_t beat_thread;
	int beating;
	int beat_stop;
	void (*evicted)(void *arg);	/* NULL once it was called */
	void *evicted_arg;
	/* open files and pins */
	struct daxfs_hold_stripe stripe[DAXFS_HOLD_STRIPES];
	pthread_mutex_t pin_lock;
	struct daxfs_pinned *pins;
	struct daxfs_filler *filler;	/* split mode: fill.h */
	struct daxfs_mount *next;	/* of this process */
};

/* One pin on a held inode; epochs protect what left the file since then. */
struct daxfs_pinned {
	struct daxfs_held *held;
	u64 epoch;
	struct daxfs_pinned *next, **prev;
};

/*
 * mount.c: the lock of all that the process has once: list of mounts, traps,
 * own identity. Taken around fork(), so that a child finds it free.
 */
extern pthread_mutex_t daxfs_lib_lock;

/* mount.c: a thread that gets no signal but SIGBUS. 0 or a negative errno. */
int daxfs_thread_start(pthread_t *thread, void *(*fn)(void *arg), void *arg);
/* mount.c: put a sentence into why, which may be NULL. */
void daxfs_why(char *why, size_t why_len, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* source.c; path as daxfs_mount_open() takes it. */
int daxfs_source_open(struct daxfs_source *src, const char *path, int rdonly,
		      char *why, size_t why_len);
int daxfs_source_lock(const struct daxfs_source *src, const char *path,
		      int exclusive, char *why, size_t why_len);
/* Map it all, read-only, 2 MiB-aligned if it is that large. */
int daxfs_source_map(struct daxfs_source *src, const char *path,
		     u8 **base, char *why, size_t why_len);
void daxfs_source_close(struct daxfs_source *src);

/* sigbus.c: *lost becomes 1 when memory of [base, base+len) is gone. */
int daxfs_trap_add(struct daxfs_trap **trap, void *base, u64 len, int *lost);
void daxfs_trap_del(struct daxfs_trap *trap);

/* ctx.c */
int daxfs_cx_pool_init(struct daxfs_mount *m);
void daxfs_cx_pool_fini(struct daxfs_mount *m);
/* Bind the contexts anew: the host has changed and nobody uses one. */
void daxfs_cx_pool_reset(struct daxfs_mount *m);
/* As daxfs_cx_get(), but NULL instead of waiting. */
struct daxfs_cx *daxfs_cx_try(struct daxfs_mount *m);

/* hosts.c: confirm and recover hosts of this machine that are gone. */
void daxfs_hosts_reap(struct daxfs_mount *m, struct daxfs_cx *cx);
/* A host, dead or alive, that may still use the region: -EBUSY and why. */
int daxfs_hosts_none(struct daxfs_mount *m, char *why, size_t why_len);

/* hold.c */
void daxfs_hold_init(struct daxfs_mount *m);
/* End all holds; cx: and let go of the inodes, NULL: only free memory. */
void daxfs_hold_fini(struct daxfs_mount *m, struct daxfs_cx *cx);

/* pin.c: p is the caller's memory until daxfs_unpin(). Needs held. */
int daxfs_pin(struct daxfs_mount *m, struct daxfs_cx *cx,
	      struct daxfs_held *held, struct daxfs_pinned *p);
void daxfs_unpin(struct daxfs_mount *m, struct daxfs_cx *cx,
		 struct daxfs_pinned *p);

/* May this process use m? 0, -ESTALE in a child of its owner, -EIO lost. */
static inline int daxfs_mount_usable(const struct daxfs_mount *m)
{
	if (m->forked)
		return -ESTALE;
	return __atomic_load_n(&m->rg.lost, __ATOMIC_RELAXED) ? -EIO : 0;
}

#endif
