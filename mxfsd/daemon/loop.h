/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One thread that waits for descriptors and times.
 *
 * Notes: watches, timers and hooks are the caller's memory, which must stay
 * until they are taken out. Each may be taken out, and freed, by any callback.
 * Hooks run after each batch of events: what the events have queued is written
 * there, in one call instead of many.
 */
#ifndef MXFSD_LOOP_H
#define MXFSD_LOOP_H

#include <stdint.h>
#include <sys/socket.h>

struct loop;

struct loop_watch {
	int fd;
	void (*fn)(void *arg, uint32_t events);	/* EPOLLIN and the like */
	void *arg;
};

struct loop_timer {
	void (*fn)(void *arg);
	void *arg;
	uint64_t at;		/* 0: not set */
	struct loop_timer *next;
	int listed;
};

struct loop_hook {
	void (*fn)(void *arg);
	void *arg;
	struct loop_hook *next;
};

/* NULL without memory or descriptors. */
struct loop *loop_new(void);
void loop_free(struct loop *loop);
/* ns, by a clock that counts while the machine sleeps. */
uint64_t loop_now(void);

/* 0 or a negative errno. */
int loop_add(struct loop *loop, struct loop_watch *w, uint32_t events);
int loop_change(struct loop *loop, struct loop_watch *w, uint32_t events);
/* Before its descriptor is closed. Nothing more is told. */
void loop_del(struct loop *loop, struct loop_watch *w);

/*
 * accept4(2), without waiting. A connection for which there is no descriptor is closed: it
 * would be told of again and again. -1: there is none now.
 */
int loop_accept(struct loop *loop, int fd, struct sockaddr *sa, socklen_t *len);

/* Once, at that time or later; replaces what was set. */
void loop_set(struct loop *loop, struct loop_timer *t, uint64_t at);
void loop_unset(struct loop *loop, struct loop_timer *t);
/* The last one that is given runs first: what it causes the others still see. */
void loop_after(struct loop *loop, struct loop_hook *h);

/* Until loop_stop(): 0, or a negative errno. */
int loop_run(struct loop *loop);
void loop_stop(struct loop *loop);

#endif
