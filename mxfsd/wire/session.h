/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One peer: a stream of messages that survives its connections.
 *
 * Notes: a pure state machine like the lock manager, below it. Connections come
 * and go; what was sent and not acknowledged is sent again on the next one, so
 * that each message arrives once and in order, or both sides are told that some
 * were lost. The caller numbers connections, moves frames, and keeps a message
 * of one connection apart from those of another.
 */
#ifndef MXFS_SESSION_H
#define MXFS_SESSION_H

#include "wire.h"

#define MXFS_OUTSTANDING	4096u	/* messages sent and not acknowledged */
/*
 * Bytes of them and of what waits behind. In each recovery a node tells one master of up to
 * all its locks, at once, and what it knew itself as their master: 2 * 2^21 records.
 */
#define MXFS_ROOM		(1u << 30)
#define MXFS_ACK_EVERY		64u

struct mxfs_frame {
	struct mxfs_frame *next;
	uint64_t seq;
	size_t len;
	uint8_t bytes[];
};

enum mxfs_phase {
	MXFS_DOWN,		/* no connection */
	MXFS_MET,		/* HELLO is sent */
	MXFS_AGREED,		/* the peer's HELLO has come */
	MXFS_UP			/* and its HELLO_OK: messages flow */
};

struct mxfs_session {
	uint32_t node, peer;
	uint8_t cluster[16];
	enum mxfs_phase phase;
	uint64_t conn;		/* 0: none */
	uint64_t mine, yours;	/* stream that is sent; that is followed, 0: none */
	uint64_t tx, acked;	/* last queued; last acknowledged */
	uint64_t rx, rx_told;	/* last received; acknowledged */
	uint64_t heard, pinged, ping_ns;
	int fresh;		/* this connection begins new streams */
	int rejected;
	unsigned int due;	/* control frames to be sent: bit of the type */
	struct mxfs_frame *first, **end, *next_out;
	uint32_t queued;
	size_t bytes, room;
};

enum mxfs_session_result {
	MXFS_SES_NOTHING,
	MXFS_SES_DELIVER,	/* the message is for the lock manager */
	MXFS_SES_LOST,		/* messages were lost: tell the lock manager */
	MXFS_SES_CLOSE		/* end the connection, and say closed() */
};

/* stream: a number that this node has never begun a stream with, and grows. */
void mxfs_session_init(struct mxfs_session *s, uint32_t node, uint32_t peer,
		       const uint8_t cluster[16], uint64_t stream,
		       uint64_t ping_ns);
void mxfs_session_fini(struct mxfs_session *s);
/* A connection is there; an older one is void. conn is not 0. */
void mxfs_session_opened(struct mxfs_session *s, uint64_t conn, uint64_t now);
void mxfs_session_closed(struct mxfs_session *s, uint64_t conn);
/*
 * Queue a message. MXFS_SES_LOST: there was no room (or memory), all that
 * waited is gone, and the connection is to be closed.
 */
enum mxfs_session_result mxfs_session_send(struct mxfs_session *s,
					   const struct mxfs_msg *msg);
enum mxfs_session_result mxfs_session_receive(struct mxfs_session *s,
					      uint64_t conn,
					      const struct mxfs_msg *msg,
					      uint64_t now);
enum mxfs_session_result mxfs_session_tick(struct mxfs_session *s, uint64_t now);
/* The next frame to write to the connection: its length, or 0. */
size_t mxfs_session_next(struct mxfs_session *s, uint8_t buf[MXFS_FRAME_MAX]);

#endif
