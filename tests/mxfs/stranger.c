// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Who connects to a daemon and is not what it should be. Waits until it is sent away.
 *
 * usage: stranger ADDRESS PORT FROM TO CLUSTER KIND
 * KIND: garbage, oversized, version, order (does not begin with HELLO), hello (right but for
 * what the other words make wrong), slow (sends half of a header), mute. ADDRESS may be
 * the path of a control socket; then TO and the like mean nothing.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <uuid/uuid.h>

#include "wire.h"

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static int dial(const char *address, const char *port)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	struct sockaddr_in in = { .sin_family = AF_INET };
	int is_path = address[0] == '/', r;
	int fd = socket(is_path ? AF_UNIX : AF_INET, SOCK_STREAM, 0);

	if (is_path) {
		snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", address);
		r = connect(fd, (struct sockaddr *)&sun, sizeof(sun));
	} else {
		inet_pton(AF_INET, address, &in.sin_addr);
		in.sin_port = htons((uint16_t)atoi(port));
		r = connect(fd, (struct sockaddr *)&in, sizeof(in));
	}
	if (r)
		die("connect");
	return fd;
}

static void put32(uint8_t *at, uint32_t v)
{
	for (int i = 0; i < 4; i++, v >>= 8)
		at[i] = (uint8_t)v;
}

/* A frame whose checksums are right and whose length is not. */
static size_t oversized(uint8_t *buf, size_t len)
{
	put32(buf + 8, 0x7fffffff);
	put32(buf + 60, mxfs_crc32c(buf, 60));
	return len;
}

static size_t frame(char **argv, uint8_t *buf)
{
	struct mxfs_msg m = { .type = MXFS_HELLO };
	const char *kind = argv[6];
	size_t len;

	m.src = (uint32_t)atoi(argv[3]);
	m.dst = (uint32_t)atoi(argv[4]);
	uuid_parse(argv[5], m.hello.cluster);
	m.hello.mine = 7;
	if (!strcmp(kind, "order")) {
		m.type = MXFS_PING;
		m.ack = 0;
	}
	len = mxfs_encode(&m, buf);
	if (!strcmp(kind, "garbage"))
		memset(buf, 'x', len = 512);
	else if (!strcmp(kind, "oversized"))
		len = oversized(buf, len);
	else if (!strcmp(kind, "version"))
		buf[4] = 9;
	else if (!strcmp(kind, "slow"))
		len = 30;
	else if (!strcmp(kind, "mute"))
		len = 0;
	return len;
}

int main(int argc, char **argv)
{
	uint8_t buf[MXFS_FRAME_MAX];
	size_t len;
	int fd;

	if (argc != 7) {
		fprintf(stderr, "usage: stranger ADDRESS PORT FROM TO CLUSTER KIND\n");
		return 2;
	}
	fd = dial(argv[1], argv[2]);
	len = frame(argv, buf);
	if (len && write(fd, buf, len) != (ssize_t)len)
		die("write");
	while (read(fd, buf, sizeof(buf)) > 0)
		;
	return 0;
}
