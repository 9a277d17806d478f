/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Messages between daemons: what they hold, and their form on the wire.
 *
 * Notes: docs/dlm-protocol.md is the reference, this the same in C. A message
 * in memory is a struct mxfs_msg; on the wire it is a header of 64 bytes and a
 * payload, little-endian, written and read byte by byte, so that no padding and
 * no byte order of a machine is part of it. Decoding trusts nothing: lengths
 * are known before a byte of the payload is looked at, reserved bytes are zero,
 * enums are in range, and the message that comes out says all that was in.
 */
#ifndef MXFS_WIRE_H
#define MXFS_WIRE_H

#include <stddef.h>
#include <stdint.h>

#include "mode.h"

#define MXFS_PORT		7600
#define MXFS_MAJOR		1
#define MXFS_MINOR		0
#define MXFS_HEADER		64u	/* bytes */
#define MXFS_NODES		64u	/* ids 1 to 64, bit id - 1 */
#define MXFS_NAME_MAX		64u
#define MXFS_LVB		64u
#define MXFS_HEADER_MAX		128u	/* of a later minor version; the rest is skipped */
#define MXFS_PAYLOAD_MAX	1056u	/* two sets of 64 nodes and a bit */
#define MXFS_FRAME_MAX		(MXFS_HEADER_MAX + MXFS_PAYLOAD_MAX)

#define MXFS_F_REPLY		0x01	/* the type's answer */
#define MXFS_F_ALL		0x01	/* those that are defined */

/*
 * X(name, number, payload). Payloads: NONE, HELLO, ACK, LEASE, SET (members),
 * SETS (members and who is to be fenced), VOTE, RECORD, COUNT, PROBE.
 */
#define MXFS_TYPES(X) \
	X(HELLO,		1, HELLO) \
	X(HELLO_OK,		2, HELLO) \
	X(HELLO_REJECT,		3, NONE) \
	X(PING,			4, ACK) \
	X(PONG,			5, ACK) \
	X(BYE,			6, NONE) \
	X(LEASE_RENEW,		16, LEASE) \
	X(LEASE_ACK,		17, LEASE) \
	X(VIEW_PROPOSE,		18, SET) \
	X(VIEW_VOTE,		19, VOTE) \
	X(VIEW_COMMIT,		20, SETS) \
	X(VIEW_ACK,		21, NONE) \
	X(ASSERT_GO,		32, NONE) \
	X(ASSERT_LOCKS,		33, RECORD) \
	X(ASSERT_DONE,		34, COUNT) \
	X(BARRIER,		35, NONE) \
	X(RESUME_GRANTS,	36, NONE) \
	X(LOCK,			48, RECORD) \
	X(CONVERT,		49, RECORD) \
	X(UNLOCK,		50, RECORD) \
	X(CANCEL,		51, RECORD) \
	X(GRANT,		52, RECORD) \
	X(DENY,			53, RECORD) \
	X(BAST,			54, RECORD) \
	X(DEADLOCK_PROBE,	55, PROBE)

enum mxfs_type {
#define X(name, nr, payload) MXFS_##name = nr,
	MXFS_TYPES(X)
#undef X
};

/* X(name, number, text): the space of status numbers, not errno's. */
#define MXFS_STATUSES(X) \
	X(OK,		0, "done") \
	X(BUSY,		-1, "not granted at once, and not to be queued") \
	X(DEADLOCK,	-2, "would wait for itself") \
	X(CANCELLED,	-3, "cancelled") \
	X(TIMEOUT,	-4, "not granted in time") \
	X(LOST,		-5, "the lease ran out: the lock is void") \
	X(NO_MEMORY,	-6, "no memory") \
	X(OUT,		-7, "this incarnation is no member any more") \
	X(TOO_OLD,	-8, "the epoch has been voted on already") \
	X(NOT_YET,	-9, "a lease of who would leave has not run out") \
	X(NOT_ME,	-10, "the view has not this incarnation of the voter") \
	X(QUOTA,	-11, "more than a bound of the master")

enum mxfs_status {
#define X(name, nr, text) MXFS_S_##name = nr,
	MXFS_STATUSES(X)
#undef X
	MXFS_S_LAST = -11
};

struct mxfs_name {
	uint8_t len;		/* 1 to MXFS_NAME_MAX */
	uint8_t byte[MXFS_NAME_MAX];
};

/* Nodes, each with the incarnation that is meant. */
struct mxfs_set {
	uint64_t mask;
	uint64_t inc[MXFS_NODES];
};

enum mxfs_lvb_state {
	MXFS_LVB_NONE,		/* never written, version 0 */
	MXFS_LVB_VALID,
	MXFS_LVB_LOST,		/* VALNOTVALID: a writer died, or what it wrote */
	MXFS_LVB_STATES
};

struct mxfs_lvb {
	uint64_t version;	/* writes so far */
	uint8_t state;
	uint8_t byte[MXFS_LVB];	/* zero if there is none */
};

/* Flags of a record. */
#define MXFS_R_NOQUEUE		0x01	/* deny rather than queue */
#define MXFS_R_EXPEDITE		0x02	/* NL that passes queues */
#define MXFS_R_QUECVT		0x04	/* convert behind other converters */
#define MXFS_R_WRITE		0x08	/* lvb is to be set, version and all */
#define MXFS_R_MASTER		0x10	/* what the former master knows */
#define MXFS_R_ALL		0x1f

/* A lock as requests, answers and assertions speak of it. */
struct mxfs_record {
	uint64_t lkid;		/* of its node; 0 with MXFS_R_MASTER */
	uint64_t owner;		/* who waits, for deadlocks; or the writer */
	uint64_t req;		/* request that it is about; or its incarnation */
	uint64_t seq;		/* grants of the resource so far */
	uint8_t gr, rq;		/* held, wanted */
	uint16_t flags;
	struct mxfs_name name;
	struct mxfs_lvb lvb;
};

struct mxfs_lease {
	uint64_t inc;		/* of who renews, in the answer too */
	uint64_t stamp;		/* its clock when it sent */
	uint64_t reach;		/* RENEW: whom it had answers from of late */
};

struct mxfs_hello {
	uint8_t cluster[16];
	uint64_t mine;		/* this stream of messages */
	uint64_t yours;		/* the stream that I followed; 0: none */
	uint64_t received;	/* the last of it that I have */
};

/* A lock of a node that waits: one on a path, or the victim so far. */
struct mxfs_wait {
	uint32_t node;
	uint64_t owner, lkid, req;
};

struct mxfs_probe {
	struct mxfs_wait init;	/* who asked */
	struct mxfs_wait at;	/* where the path has come to */
	struct mxfs_wait victim; /* the youngest request on the path */
	uint64_t round;		/* of the asker */
	uint32_t hops;
	uint8_t leg;		/* enum mxfs_leg */
	struct mxfs_name name;	/* TO_MASTER: what at waits for */
};

enum mxfs_leg {
	MXFS_TO_MASTER,		/* whom does at wait for? */
	MXFS_TO_HOLDER,		/* for what does the owner of at wait? */
	MXFS_TO_VICTIM,		/* its request is denied */
	MXFS_LEGS
};

struct mxfs_vote {
	uint64_t promised;	/* the epoch of the last vote */
	struct mxfs_set pending; /* who may have locks */
};

struct mxfs_msg {
	uint16_t type, flags;
	uint32_t src, dst;
	int32_t status;
	uint64_t seq, epoch, req;
	union {
		struct mxfs_hello hello;
		uint64_t ack;		/* last sequence number received */
		struct mxfs_lease lease;
		struct {
			struct mxfs_set members, fence;
		} view;
		struct mxfs_vote vote;
		struct mxfs_record rec;
		uint64_t count;
		struct mxfs_probe probe;
	};
};

/* What is wrong with bytes, as negative numbers. */
#define MXFS_WIRE_ERRORS(X) \
	X(SHORT,	-1, "more bytes are needed") \
	X(MAGIC,	-2, "not an MXFS message") \
	X(VERSION,	-3, "another major version") \
	X(HEADER_CRC,	-4, "the header's checksum is wrong") \
	X(PAYLOAD_CRC,	-5, "the payload's checksum is wrong") \
	X(TYPE,		-6, "unknown type") \
	X(LENGTH,	-7, "a length that the type cannot have") \
	X(FIELD,	-8, "a field has a value that it cannot have")

enum mxfs_wire_error {
#define X(name, nr, text) MXFS_W_##name = nr,
	MXFS_WIRE_ERRORS(X)
#undef X
};

/* Bytes written to buf, which has MXFS_FRAME_MAX. */
size_t mxfs_encode(const struct mxfs_msg *msg, uint8_t *buf);
/*
 * Bytes that the message took, or an error of above. MXFS_W_SHORT: what is
 * there is right so far. Never reads past len, never needs more than a frame.
 */
long mxfs_decode(struct mxfs_msg *msg, const uint8_t *buf, size_t len);
const char *mxfs_type_text(uint16_t type);
const char *mxfs_status_text(int32_t status);
const char *mxfs_wire_text(long error);
uint32_t mxfs_crc32c(const void *data, size_t len);
/* The same on any processor; for tests. */
uint32_t mxfs_crc32c_by_table(const void *data, size_t len);

/* ---- small helps with what messages hold ---- */

static inline uint64_t mxfs_bit(uint32_t node)
{
	return (uint64_t)1 << (node - 1);
}

static inline int mxfs_set_has(const struct mxfs_set *s, uint32_t node,
			       uint64_t inc)
{
	return (s->mask & mxfs_bit(node)) && s->inc[node - 1] == inc;
}

void mxfs_set_add(struct mxfs_set *s, uint32_t node, uint64_t inc);
/* Node by node, the newer incarnation. */
void mxfs_set_join(struct mxfs_set *s, const struct mxfs_set *more);
int mxfs_set_equal(const struct mxfs_set *a, const struct mxfs_set *b);
/* Of one that may have no more bytes than it needs; the rest of to is zero. */
void mxfs_name_copy(struct mxfs_name *to, const struct mxfs_name *from);
int mxfs_name_equal(const struct mxfs_name *a, const struct mxfs_name *b);

#endif
