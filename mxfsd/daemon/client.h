/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The control socket: clients, and the locks that are theirs.
 */
#ifndef MXFSD_CLIENT_H
#define MXFSD_CLIENT_H

#include "engine.h"
#include "loop.h"

#define CLIENTS_MOST		256u
#define CLIENT_LOCKS		1048576u	/* of one client */
#define CLIENT_UNREAD		(8u << 20)	/* bytes that wait for one; then it is dropped */
#define CLIENT_SLOW		(256u << 10)	/* bytes; then it is not read from */
#define CLIENT_ITEMS		4096u		/* in the answer to one question */

struct clients;

/* NULL, and err says why. */
struct clients *clients_new(struct loop *loop, struct engine *engine, char *err,
			    size_t size);
/* Removes the socket. The locks are the engine's end. */
void clients_free(struct clients *cs);

#endif
