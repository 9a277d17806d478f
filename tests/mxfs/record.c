// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Stands between programs and a daemon, and writes down what the programs say: an input
 * for tests/mxfs/fuzz/control.c.
 *
 * Notes: one step for each connection, frame and end, in the order in which they came, for
 * as long as the input is short enough; the rest is passed on only. It is ended by
 * SIGTERM, and writes the file then. tests/mxfs/fuzz/seeds.sh uses it.
 *
 * usage: record SOCKET NEW-SOCKET FILE
 */
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "control.h"

#define PROGRAMS	6	/* as many as the target has */
#define INPUT_MOST	4096u

enum { DIAL, HANG_UP, VERBATIM };

struct program {
	int fd, daemon;		/* -1: there is none */
	uint8_t frame[MXFS_CTL_FRAME];
	size_t len;
};

static struct program program[PROGRAMS];
static uint8_t input[INPUT_MOST];
static size_t input_len = 1;	/* the first byte: one node */
static int full;
static volatile sig_atomic_t over;

static void on_term(int sig)
{
	(void)sig;
	over = 1;
}

static _Noreturn void die(const char *what)
{
	perror(what);
	exit(1);
}

static void put_step(int what, int n, const uint8_t *bytes, size_t len)
{
	full |= input_len + 2 + len > INPUT_MOST;
	if (full)
		return;		/* nothing behind a gap */
	input[input_len++] = (uint8_t)what;
	input[input_len++] = (uint8_t)n;
	memcpy(input + input_len, bytes, len);
	input_len += len;
}

static int at(const char *path, int listens)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", path);
	if (fd < 0 || (listens ? bind(fd, (struct sockaddr *)&sun, sizeof(sun)) ||
				 listen(fd, PROGRAMS) :
				 connect(fd, (struct sockaddr *)&sun, sizeof(sun))))
		die(path);
	return fd;
}

static void come(int listener, const char *daemon)
{
	int fd = accept(listener, NULL, NULL), n = 0;

	while (n < PROGRAMS && program[n].fd >= 0)
		n++;
	if (fd < 0 || n == PROGRAMS)
		die("accept");
	program[n] = (struct program){ .fd = fd, .daemon = at(daemon, 0) };
	put_step(DIAL, n, (const uint8_t *)"", 1);
}

static void go(int n)
{
	close(program[n].fd);
	close(program[n].daemon);
	program[n].fd = -1;
	put_step(HANG_UP, n, NULL, 0);
}

static void to_daemon(int n)
{
	struct program *p = &program[n];
	uint8_t buf[4096];
	ssize_t got = read(p->fd, buf, sizeof(buf));

	if (got <= 0 || write(p->daemon, buf, (size_t)got) != got) {
		go(n);
		return;
	}
	for (ssize_t i = 0; i < got; i++) {
		p->frame[p->len++] = buf[i];
		if (p->len < sizeof(p->frame))
			continue;
		p->len = 0;
		put_step(VERBATIM, n, p->frame, sizeof(p->frame));
	}
}

static void to_program(int n)
{
	uint8_t buf[4096];
	ssize_t got = read(program[n].daemon, buf, sizeof(buf));

	if (got <= 0 || write(program[n].fd, buf, (size_t)got) != got)
		go(n);
}

static void look(int listener, const char *daemon)
{
	struct pollfd p[1 + 2 * PROGRAMS] = { { .fd = listener, .events = POLLIN } };

	for (int n = 0; n < PROGRAMS; n++) {
		int gone = program[n].fd < 0;

		p[1 + 2 * n] = (struct pollfd){ program[n].fd, POLLIN, 0 };
		p[2 + 2 * n] = (struct pollfd){ gone ? -1 : program[n].daemon, POLLIN, 0 };
	}
	if (poll(p, 1 + 2 * PROGRAMS, -1) <= 0)
		return;
	for (int n = 0; n < PROGRAMS; n++) {
		if (p[2 + 2 * n].revents)
			to_program(n);
		if (p[1 + 2 * n].revents && program[n].fd >= 0)
			to_daemon(n);
	}
	if (p[0].revents)
		come(listener, daemon);
}

int main(int argc, char **argv)
{
	struct sigaction act = { .sa_handler = on_term };
	int listener;
	FILE *f;

	if (argc != 4) {
		fprintf(stderr, "usage: record SOCKET NEW-SOCKET FILE\n");
		return 2;
	}
	for (int n = 0; n < PROGRAMS; n++)
		program[n].fd = -1;
	sigaction(SIGTERM, &act, NULL);
	signal(SIGPIPE, SIG_IGN);
	listener = at(argv[2], 1);
	while (!over)
		look(listener, argv[1]);
	unlink(argv[2]);
	f = fopen(argv[3], "wb");
	if (!f || fwrite(input, 1, input_len, f) != input_len || fclose(f))
		die(argv[3]);
	return 0;
}
