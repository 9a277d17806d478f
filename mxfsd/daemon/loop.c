// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The event loop, by epoll(7).
 *
 * Notes: timers are some dozen, so a list that is walked through does. Times
 * are of CLOCK_BOOTTIME, epoll_wait() counts by a clock that stops while the
 * machine sleeps: then a timer is late, and who is called looks at the clock.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "loop.h"

#define BATCH	64

struct loop {
	int epoll, stop;
	int spare;		/* a descriptor for who is to be sent away */
	struct epoll_event ev[BATCH];
	int at, nr;		/* the event that is being told, of how many */
	struct loop_timer *timers;
	struct loop_hook *hooks;
};

struct loop *loop_new(void)
{
	struct loop *loop = calloc(1, sizeof(*loop));

	if (!loop)
		return NULL;
	loop->epoll = epoll_create1(EPOLL_CLOEXEC);
	loop->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (loop->epoll >= 0 && loop->spare >= 0)
		return loop;
	loop_free(loop);
	return NULL;
}

void loop_free(struct loop *loop)
{
	if (!loop)
		return;
	if (loop->epoll >= 0)
		close(loop->epoll);
	if (loop->spare >= 0)
		close(loop->spare);
	free(loop);
}

uint64_t loop_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* ---- descriptors ---- */

static int control(struct loop *loop, int op, struct loop_watch *w,
		   uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.ptr = w };

	return epoll_ctl(loop->epoll, op, w->fd, &ev) ? -errno : 0;
}

int loop_add(struct loop *loop, struct loop_watch *w, uint32_t events)
{
	return control(loop, EPOLL_CTL_ADD, w, events);
}

int loop_change(struct loop *loop, struct loop_watch *w, uint32_t events)
{
	return control(loop, EPOLL_CTL_MOD, w, events);
}

void loop_del(struct loop *loop, struct loop_watch *w)
{
	control(loop, EPOLL_CTL_DEL, w, 0);
	for (int i = loop->at; i < loop->nr; i++)
		if (loop->ev[i].data.ptr == w)
			loop->ev[i].data.ptr = NULL;
}

int loop_accept(struct loop *loop, int fd, struct sockaddr *sa, socklen_t *len)
{
	int got = accept4(fd, sa, len, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (got >= 0 || (errno != EMFILE && errno != ENFILE))
		return got;
	close(loop->spare);
	got = accept4(fd, sa, len, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (got >= 0)
		close(got);
	loop->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
	log_warn("a connection is refused: no more descriptors");
	return -1;
}

static void tell(struct loop *loop)
{
	for (loop->at = 0; loop->at < loop->nr; loop->at++) {
		struct epoll_event *ev = &loop->ev[loop->at];
		struct loop_watch *w = ev->data.ptr;

		if (w)
			w->fn(w->arg, ev->events);
	}
	loop->at = loop->nr = 0;
}

/* ---- times ---- */

void loop_set(struct loop *loop, struct loop_timer *t, uint64_t at)
{
	t->at = at;
	if (t->listed)
		return;
	t->listed = 1;
	t->next = loop->timers;
	loop->timers = t;
}

void loop_unset(struct loop *loop, struct loop_timer *t)
{
	struct loop_timer **at = &loop->timers;

	while (*at && *at != t)
		at = &(*at)->next;
	if (*at)
		*at = t->next;
	t->at = 0;
	t->listed = 0;
}

static struct loop_timer *earliest(const struct loop *loop)
{
	struct loop_timer *first = NULL, *t;

	for (t = loop->timers; t; t = t->next)
		if (!first || t->at < first->at)
			first = t;
	return first;
}

static int patience(const struct loop *loop)
{
	struct loop_timer *t = earliest(loop);
	uint64_t now = loop_now(), ms;

	if (!t)
		return -1;
	if (t->at <= now)
		return 0;
	ms = (t->at - now) / 1000000 + 1;
	return ms > 1000000 ? 1000000 : (int)ms;
}

/* Those of now; one that is set again meanwhile waits for the next turn. */
static void ring(struct loop *loop)
{
	uint64_t now = loop_now();
	struct loop_timer *t;

	while ((t = earliest(loop)) && t->at <= now) {
		loop_unset(loop, t);
		t->fn(t->arg);
	}
}

void loop_after(struct loop *loop, struct loop_hook *h)
{
	h->next = loop->hooks;
	loop->hooks = h;
}

int loop_run(struct loop *loop)
{
	struct loop_hook *h;

	while (!loop->stop) {
		for (h = loop->hooks; h; h = h->next)
			h->fn(h->arg);
		loop->nr = epoll_wait(loop->epoll, loop->ev, BATCH, patience(loop));
		if (loop->nr < 0) {
			loop->nr = 0;
			if (errno != EINTR)
				return -errno;
		}
		tell(loop);
		ring(loop);
	}
	return 0;
}

void loop_stop(struct loop *loop)
{
	loop->stop = 1;
}
