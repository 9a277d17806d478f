// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A client that asks a daemon for anything, in right frames: many connections, one after the
 * other and some at once, each of which ends without a word.
 *
 * Notes: for a daemon with sanitizers. Numbers are mostly those that mean something. What
 * the daemon says is read, by most; it may end a connection, and must go on itself: it is
 * asked for its status at the end.
 *
 * usage: fuzz_control SOCKET SEED CONNECTIONS
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "control.h"
#include "world.h"

#define AT_ONCE	8

static const uint16_t types[] = {
#define X(name, nr) nr,
	MXFS_CTL_TYPES(X)
#undef X
};

static uint64_t sent, answered;

static int dial(const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", path);
	if (connect(fd, (struct sockaddr *)&sun, sizeof(sun))) {
		perror("fuzz_control: the daemon is gone");
		exit(1);
	}
	return fd;
}

static struct mxfs_ctl some(struct rng *r)
{
	struct mxfs_ctl c = {
		.type = rng_chance(r, 90) ? types[rng_below(r, 5)] :
			types[rng_below(r, sizeof(types) / sizeof(types[0]))],
		.flags = (uint16_t)rng_below(r, 32),
		.mode = (uint8_t)rng_below(r, MXFS_MODES),
		.want = MXFS_NONE, .tag = rng_below(r, 16),
		.lkid = rng_below(r, 400), .owner = rng_below(r, 4),
		.nr = rng_below(r, 4), .node = (uint32_t)rng_below(r, 4),
		.time = rng_below(r, 3) * 1000000,
	};

	if (rng_chance(r, 5))
		c.lkid = rng_next(r);
	if (rng_chance(r, 3))
		c.time = rng_next(r);
	c.name.len = (uint8_t)rng_below(r, 3);
	memset(c.name.byte, 'a', c.name.len);
	if (c.name.len)
		c.name.byte[0] = (uint8_t)('a' + rng_below(r, 4));
	return c;
}

/* 0: the daemon has ended it. */
static int talk(struct rng *r, int fd)
{
	uint8_t buf[16 * MXFS_CTL_FRAME];
	struct mxfs_ctl c = some(r);
	ssize_t n;

	mxfs_ctl_encode(&c, buf);
	if (rng_chance(r, 1))
		buf[rng_below(r, MXFS_CTL_FRAME)] ^= 1;
	n = send(fd, buf, MXFS_CTL_FRAME, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n < 0 && errno != EAGAIN)
		return 0;
	sent++;
	if (rng_chance(r, 20))
		return 1;
	n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);
	answered += n > 0 ? (uint64_t)n / MXFS_CTL_FRAME : 0;
	return n > 0 || (n < 0 && errno == EAGAIN);
}

static int is_alive(const char *path)
{
	struct mxfs_ctl c = { .type = MXFS_CTL_GET_STATUS, .mode = MXFS_NONE,
			      .want = MXFS_NONE };
	uint8_t buf[MXFS_CTL_FRAME];
	int fd = dial(path), frames = 0;

	mxfs_ctl_encode(&c, buf);
	if (write(fd, buf, sizeof(buf)) != sizeof(buf))
		return 0;
	while (frames < 3 && recv(fd, buf, sizeof(buf), MSG_WAITALL) == sizeof(buf))
		frames++;	/* WELCOME, STATUS, END */
	close(fd);
	return frames == 3;
}

int main(int argc, char **argv)
{
	int fd[AT_ONCE];
	struct rng r;
	uint64_t left;

	if (argc != 4) {
		fprintf(stderr, "usage: fuzz_control SOCKET SEED CONNECTIONS\n");
		return 2;
	}
	r.s = strtoull(argv[2], NULL, 10);
	for (int i = 0; i < AT_ONCE; i++)
		fd[i] = dial(argv[1]);
	for (left = strtoull(argv[3], NULL, 10); left; ) {
		int i = (int)rng_below(&r, AT_ONCE);

		if (talk(&r, fd[i]) && !rng_chance(&r, 1))
			continue;
		close(fd[i]);
		fd[i] = dial(argv[1]);
		left--;
	}
	for (int i = 0; i < AT_ONCE; i++)
		close(fd[i]);
	printf("seed %s: %llu frames, %llu answers\n", argv[2], (unsigned long long)sent,
	       (unsigned long long)answered);
	return is_alive(argv[1]) ? 0 : 1;
}
