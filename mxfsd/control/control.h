/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a daemon and its clients say to each other, over a socket of one machine.
 *
 * Notes: every frame has 256 bytes, so that no length is ever believed. Fields are
 * little-endian at fixed places; those that a type does not use are zero.
 * docs/dlm-protocol.md has the table.
 */
#ifndef MXFS_CONTROL_H
#define MXFS_CONTROL_H

#include <stddef.h>
#include <stdint.h>

#include "wire.h"

#define MXFS_CTL_FRAME		256u
#define MXFS_CTL_VERSION	1u
#define MXFS_CTL_TEXT		48u
#define MXFS_CTL_SOCKET		"/run/mxfsd/control"

/* X(name, number). Below 64: of clients. */
#define MXFS_CTL_TYPES(X) \
	X(LOCK,		1) \
	X(CONVERT,	2) \
	X(UNLOCK,	3) \
	X(CANCEL,	4) \
	X(WATCH,	5) \
	X(FENCED,	6) \
	X(GET_STATUS,	16) \
	X(GET_MEMBERS,	17) \
	X(GET_RESOURCES, 18) \
	X(GET_LOCKS,	19) \
	X(GET_VOLUMES,	20) \
	X(WELCOME,	64) \
	X(DONE,		65) \
	X(BAST,		66) \
	X(LOST,		67) \
	X(EVENT,	68) \
	X(STATUS,	80) \
	X(MEMBER,	81) \
	X(RESOURCE,	82) \
	X(HELD,		83) \
	X(VOLUME,	84) \
	X(END,		85)

enum mxfs_ctl_type {
#define X(name, nr) MXFS_CTL_##name = nr,
	MXFS_CTL_TYPES(X)
#undef X
	MXFS_CTL_REPLIES = 64
};

/* Statuses of the socket alone, beside those of the wire. */
#define MXFS_S_NO_LOCK		(-100)	/* there is no such lock, or it is busy */
#define MXFS_S_REFUSED		(-101)	/* not to this user, or more than a bound */

/* What EVENT tells of. */
enum mxfs_ctl_event {
	MXFS_EV_GRANTED, MXFS_EV_DENIED, MXFS_EV_BAST, MXFS_EV_RELEASED,
	MXFS_EV_LOST, MXFS_EV_VIEW, MXFS_EV_TYPES
};

struct mxfs_ctl {
	uint16_t type, flags;	/* flags: MXFS_R_ of a request; of states, below */
	uint8_t mode, want;	/* held or asked for; wanted; MXFS_NONE */
	uint8_t queue;		/* enum mxfsd_queue, enum mxfs_ctl_event, or a phase */
	int32_t status;
	uint64_t tag;		/* of the client; answers have it */
	uint64_t lkid, owner;
	uint64_t nr;		/* grants of the resource; epoch; count */
	uint64_t mask;		/* epoch of the grant; members */
	uint64_t time;		/* ns */
	uint32_t node;
	struct mxfs_name name;	/* len 0: none */
	struct mxfs_lvb lvb;
	char text[MXFS_CTL_TEXT];	/* ends with 0 */
};

/* Flags of STATUS and MEMBER. */
#define MXFS_CTL_GRANTING	0x01	/* grants are made */
#define MXFS_CTL_MEMBER_OF	0x02	/* it is one */
#define MXFS_CTL_UP		0x04	/* there is a session */
#define MXFS_CTL_SELF		0x08
#define MXFS_CTL_UNFENCED	0x10	/* is to be fenced */
#define MXFS_CTL_MORE		0x20	/* END: ask again from nr on */
#define MXFS_CTL_FLAGS		0x3f

void mxfs_ctl_encode(const struct mxfs_ctl *c, uint8_t buf[MXFS_CTL_FRAME]);
/* 0, or -1: it is no frame of this version. */
int mxfs_ctl_decode(struct mxfs_ctl *c, const uint8_t buf[MXFS_CTL_FRAME]);
const char *mxfs_ctl_type_text(uint16_t type);
const char *mxfs_ctl_status_text(int32_t status);

#endif
