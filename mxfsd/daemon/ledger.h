/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The ledger of a volume's journal: who may write to it, and who may replay it.
 *
 * Notes: pure. An XFS has one log, and one node at a time that has it mounted. The ledger
 * says of that log, durably, in which epoch whose it is, and whether there may be something in
 * it that has to be replayed. A node mounts, which replays, only after its record says
 * that it may; it may only when the former owner has been fenced for certain. What is
 * written is a record of its own with a number; the newest one that is whole counts, so two
 * places, written by turns, survive a loss of power in the middle.
 *
 *   CLEAN      nothing to replay: anybody may take it, in a later epoch
 *   DIRTY      the owner has it mounted, or had when it died
 *   REPLAYING  the owner is replaying what another one has left
 *   RECOVERED  it has; next it is used (DIRTY), or put down (CLEAN)
 */
#ifndef MXFSD_LEDGER_H
#define MXFSD_LEDGER_H

#include <stddef.h>
#include <stdint.h>

#define LEDGER_BYTES	96u	/* of a record */

enum ledger_state {
	LEDGER_CLEAN, LEDGER_DIRTY, LEDGER_REPLAYING, LEDGER_RECOVERED, LEDGER_STATES
};

struct ledger {
	uint8_t volume[16];	/* uuid */
	uint64_t nr;		/* of the record: grows with each change */
	uint64_t epoch;		/* in which the owner took it */
	uint64_t inc;		/* of the owner */
	uint32_t owner;		/* node, 0: nobody yet */
	enum ledger_state state;
};

enum ledger_error {
	LEDGER_OK = 0,
	LEDGER_OLD = -1,	/* the epoch is not later than that of the ledger */
	LEDGER_NOT_FENCED = -2,	/* the former owner might still write */
	LEDGER_NOT_YOURS = -3,	/* another owner, incarnation or epoch has it */
	LEDGER_NOT_NOW = -4,	/* not in this state */
};

struct ledger_owner {
	uint64_t epoch, inc;
	uint32_t node;
};

/* Of a new volume: clean, in epoch 0. */
void ledger_init(struct ledger *l, const uint8_t volume[16]);
/*
 * A node wants the volume. fenced: who owns it now is certain to write no more. The new
 * state is DIRTY after CLEAN, and REPLAYING after all else: then it has to mount, which
 * replays, and say ledger_recovered(). The record must be durable before it mounts.
 */
enum ledger_error ledger_take(struct ledger *l, const struct ledger_owner *who,
			      int fenced);
/* The owner has replayed. */
enum ledger_error ledger_recovered(struct ledger *l, const struct ledger_owner *who);
/* The owner begins to use what it has recovered. */
enum ledger_error ledger_use(struct ledger *l, const struct ledger_owner *who);
/* The owner has unmounted: nothing is left to replay. */
enum ledger_error ledger_put_down(struct ledger *l, const struct ledger_owner *who);

void ledger_encode(const struct ledger *l, uint8_t buf[LEDGER_BYTES]);
/* 0, or -1: no record, or a damaged one. */
int ledger_decode(struct ledger *l, const uint8_t buf[LEDGER_BYTES]);
/* The newest of two places that is whole. -1: none is. place: which one. */
int ledger_newest(struct ledger *l, const uint8_t two[2][LEDGER_BYTES], int *place);
const char *ledger_text(enum ledger_state state);

#endif
