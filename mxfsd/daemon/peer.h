/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Connections to the other daemons.
 *
 * Notes: below each peer is a session (wire/session.h), which survives its connections.
 * The node with the lower number dials. Who connects is nobody until he has said,
 * and with TLS shown, which peer he is.
 */
#ifndef MXFSD_PEER_H
#define MXFSD_PEER_H

#include "config.h"
#include "loop.h"
#include "session.h"
#include "tls.h"

#define PEER_HANDSHAKE_NS	5000000000ull	/* to say who one is */
#define PEER_STRANGERS		32u	/* who have not said it yet */

struct peers;

struct peer_events {
	void (*message)(void *arg, const struct mxfs_msg *msg);
	void (*lost)(void *arg, uint32_t node);	/* messages to or from it */
	void *arg;
};

/*
 * Listens and dials from now on. stream: mxfs_session_init() of each. tls: NULL without.
 * NULL, and err says why. conf and tls stay the caller's and must stay.
 */
struct peers *peers_new(struct loop *loop, const struct conf *conf, struct tls *tls,
			uint64_t stream, const struct peer_events *events, char *err,
			size_t size);
void peers_free(struct peers *ps);
/* It is kept until the peer has it; written after the batch of events. */
void peers_send(struct peers *ps, const struct mxfs_msg *msg);
/* Other addresses and keys, for connections to come; the same peers. */
void peers_reload(struct peers *ps, const struct conf *conf, struct tls *tls);

struct peer_info {
	uint32_t node;
	const char *address;
	enum mxfs_phase phase;
	uint64_t queued, bytes;	/* messages that it has not acknowledged */
	uint64_t connections;	/* so far */
};

/* node: a peer. */
void peers_info(const struct peers *ps, uint32_t node, struct peer_info *info);

#endif
