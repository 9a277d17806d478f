// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The daemon's loop, turn by turn, by a clock that the input moves.
 *
 * Notes: the same source; it never waits. Sockets that it accepts send little at once, so that
 * who does not read is soon noticed.
 */
#define _GNU_SOURCE
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>

#include "node.h"

uint64_t fuzz_now;

static struct loop *turning;

static int clock_of_input(clockid_t id, struct timespec *ts)
{
	(void)id;
	ts->tv_sec = (time_t)(fuzz_now / 1000000000u);
	ts->tv_nsec = (long)(fuzz_now % 1000000000u);
	return 0;
}

static int look_once(int epoll, struct epoll_event *ev, int most, int ms)
{
	(void)ms;
	loop_stop(turning);
	return epoll_wait(epoll, ev, most, 0);
}

static int accept_small(int listen, struct sockaddr *sa, socklen_t *len, int flags)
{
	int fd = accept4(listen, sa, len, flags), bytes = 1;

	if (fd >= 0)
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
	return fd;
}

#define clock_gettime	clock_of_input
#define epoll_wait	look_once
#define accept4		accept_small
#include "../../../mxfsd/daemon/loop.c"

void fuzz_turn(struct loop *loop)
{
	turning = loop;
	fuzz_must(!loop_run(loop), "the loop goes on");
	loop->stop = 0;
}
