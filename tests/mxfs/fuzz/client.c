// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The control socket, with bounds that a short input can reach.
 *
 * Notes: the same source. Whose process a client is, the input says.
 */
#define _GNU_SOURCE
#include <sys/socket.h>

#include "client.h"
#include "node.h"

#undef CLIENTS_MOST
#undef CLIENT_LOCKS
#undef CLIENT_UNREAD
#undef CLIENT_SLOW
#undef CLIENT_ITEMS
#define CLIENTS_MOST	FUZZ_CLIENTS
#define CLIENT_LOCKS	6u
#define CLIENT_UNREAD	(64u << 10)
#define CLIENT_SLOW	(4u << 10)
#define CLIENT_ITEMS	3u

uid_t fuzz_uid;

static int credentials(int fd, int level, int name, void *value, socklen_t *len)
{
	int r = getsockopt(fd, level, name, value, len);

	((struct ucred *)value)->uid = fuzz_uid;
	return r;
}

#define getsockopt	credentials
#include "../../../mxfsd/daemon/client.c"

uint64_t fuzz_clients_locks(const struct clients *cs)
{
	return cs->locks.nr;
}

uint32_t fuzz_clients_nr(const struct clients *cs)
{
	return cs->nr;
}
