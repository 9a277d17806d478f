// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Clients that ask much at once: each question is answered, in the order of its client.
 *
 * Notes: all is sent before anything is read, so that the daemon finds more in its buffers
 * than it does in one turn, from several at a time. Cancels that concern nothing are
 * between the questions; they have no answer.
 *
 * usage: questions SOCKET
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "control.h"

#define CLIENTS	5
#define EACH	200u	/* fits the socket's buffer */

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "questions: %s\n", what);
	exit(1);
}

static int dial(const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", path);
	if (connect(fd, (struct sockaddr *)&sun, sizeof(sun)))
		die("no daemon");
	return fd;
}

static void ask_all(int fd)
{
	static const uint16_t types[] = {
		MXFS_CTL_GET_LOCKS, MXFS_CTL_CANCEL, MXFS_CTL_GET_STATUS,
		MXFS_CTL_GET_RESOURCES,
	};
	static uint8_t buf[EACH * MXFS_CTL_FRAME];
	struct mxfs_ctl m = { .mode = MXFS_NONE, .want = MXFS_NONE };

	for (uint32_t i = 0; i < EACH; i++) {
		m.type = types[i % 4];
		m.tag = i;
		mxfs_ctl_encode(&m, buf + i * MXFS_CTL_FRAME);
	}
	if (send(fd, buf, sizeof(buf), 0) != sizeof(buf))
		die("not all could be sent at once");
}

static void hear_all(int fd)
{
	uint8_t buf[MXFS_CTL_FRAME];
	uint64_t next = 0;
	struct mxfs_ctl m;

	while (next < EACH) {
		if (recv(fd, buf, sizeof(buf), MSG_WAITALL) != sizeof(buf) ||
		    mxfs_ctl_decode(&m, buf))
			die("the daemon has ended it");
		if (m.type != MXFS_CTL_END)
			continue;
		next += next % 4 == 1;	/* the cancel */
		if (m.tag != next)
			die("an answer is missing, or comes too early");
		next++;
	}
}

int main(int argc, char **argv)
{
	int fd[CLIENTS];

	if (argc != 2) {
		fprintf(stderr, "usage: questions SOCKET\n");
		return 2;
	}
	for (int i = 0; i < CLIENTS; i++)
		fd[i] = dial(argv[1]);
	for (int i = 0; i < CLIENTS; i++)
		ask_all(fd[i]);
	for (int i = CLIENTS; i--; )
		hear_all(fd[i]);
	return 0;
}
