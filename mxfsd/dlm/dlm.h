/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The lock manager of one node: what goes in and what comes out.
 *
 * Notes: a pure state machine. Each call is an event with the time at which it
 * happened, by a clock that counts while the machine sleeps; what is to be done
 * about it is taken out by mxfsd_dlm_take(), in order, before the next event.
 * No socket, thread, clock or file is in here. One thread. docs/dlm-protocol.md
 * is the specification.
 *
 * The caller promises: messages to one node arrive in the order in which they
 * were sent, each once, or mxfsd_dlm_session_lost() is told on both sides;
 * time does not go back; what is to be persisted survives; "fenced" is said
 * when it is true. Two nodes' clocks may differ by anything, their rates by 5 %.
 */
#ifndef MXFSD_DLM_H
#define MXFSD_DLM_H

#include <stdio.h>

#include "wire.h"

struct mxfsd_dlm;

/* Survives a restart. All zero: a node that has never run. */
struct mxfsd_stable {
	uint64_t inc;		/* incarnations used so far */
	uint64_t vote_epoch;	/* the last vote */
	uint32_t vote_by;
	struct mxfs_set vote;	/* for whom */
	struct mxfs_set pending; /* who may have locks, as far as known */
	uint64_t least[MXFS_NODES]; /* older incarnations are out */
};

struct mxfsd_config {
	uint32_t node;		/* 1 to 64 */
	uint64_t voters;	/* all configured nodes, this one too */
	int disk;		/* a disk votes, too: for two nodes */
	int fence;		/* leavers are fenced, not only waited for */
	uint64_t renew_ns;	/* between renewals of the lease */
	uint64_t lease_ns;	/* the holder counts from sending */
	uint64_t takeover_ns;	/* the others count from receiving: >= lease * 1.05 + 0.5 s */
	uint64_t probe_ns;	/* waiting before deadlock is suspected */
	uint32_t peer_locks;	/* 0: MXFSD_PEER_LOCKS */
	uint8_t key[16];	/* of the hash that places resources: the cluster's */
};

#define MXFSD_WAITERS	65536u	/* new locks that wait for one resource */
#define MXFSD_PEER_LOCKS 2097152u	/* of one node, that one master has */

#define MXFSD_TAKEOVER(lease_ns) ((lease_ns) + (lease_ns) / 20 + 500000000u)

enum mxfsd_action_kind {
	MXFSD_SEND,		/* msg, to msg.dst */
	/*
	 * A request is done: lkid, tag, status, mode, lvb. (mask, nr) is greater
	 * than that of all earlier grants of the resource: a fencing token.
	 */
	MXFSD_AST,
	MXFSD_BAST,		/* somebody wants mode, and lkid is in the way */
	MXFSD_LOST,		/* the lock lkid is void */
	MXFSD_PERSIST,		/* stable, then mxfsd_dlm_persisted(nr) */
	MXFSD_FENCE,		/* node, nr: incarnation; then mxfsd_dlm_fenced() */
	MXFSD_DISK_RENEW,	/* then mxfsd_dlm_disk_renewed(nr) */
	MXFSD_DISK_READ,	/* then mxfsd_dlm_disk_state() */
	MXFSD_DISK_CLAIM,	/* nr: epoch; mask; then mxfsd_dlm_disk_claimed() */
	MXFSD_VIEW,		/* nr: epoch, mask: members, mode: resumed or frozen */
};

struct mxfsd_action {
	enum mxfsd_action_kind kind;
	int32_t status;
	uint32_t node;
	uint8_t mode;
	uint64_t lkid, tag, nr, mask;
	struct mxfs_lvb lvb;
	union {			/* SEND, PERSIST */
		struct mxfs_msg msg;
		struct mxfsd_stable stable;
	};
};

struct mxfsd_request {
	struct mxfs_name name;
	uint8_t mode;
	uint16_t flags;		/* MXFS_R_NOQUEUE, _EXPEDITE, _QUECVT, _WRITE */
	uint64_t owner;		/* whose deadlocks it takes part in */
	uint64_t tag;		/* comes back with the AST */
	uint64_t timeout_ns;	/* 0: none */
	uint8_t lvb[MXFS_LVB];	/* with MXFS_R_WRITE */
};

/* NULL without memory. stable: as persisted last. */
struct mxfsd_dlm *mxfsd_dlm_new(const struct mxfsd_config *config,
				const struct mxfsd_stable *stable, uint64_t now);
void mxfsd_dlm_free(struct mxfsd_dlm *d);

/* ---- of clients ---- */

/* The new lock's id, or 0 without memory. An AST follows. */
uint64_t mxfsd_dlm_lock(struct mxfsd_dlm *d, const struct mxfsd_request *r,
			uint64_t now);
/*
 * -1: there is no such lock, or it has a request under way (another than one
 * that unlock may overtake). An AST follows otherwise.
 */
int mxfsd_dlm_convert(struct mxfsd_dlm *d, uint64_t lkid,
		      const struct mxfsd_request *r, uint64_t now);
int mxfsd_dlm_unlock(struct mxfsd_dlm *d, uint64_t lkid, uint64_t tag,
		     const uint8_t *lvb, uint64_t now);
/*
 * Unlock for a client that has died: what it wrote under PW or EX may be half done, so
 * the value block becomes LOST. -1: as unlock.
 */
int mxfsd_dlm_abandon(struct mxfsd_dlm *d, uint64_t lkid, uint64_t tag,
		      uint64_t now);
/* The request's AST says whether it came in time. -1: nothing to cancel. */
int mxfsd_dlm_cancel(struct mxfsd_dlm *d, uint64_t lkid, uint64_t now);

/* ---- of the world ---- */

void mxfsd_dlm_receive(struct mxfsd_dlm *d, const struct mxfs_msg *msg,
		       uint64_t now);
void mxfsd_dlm_tick(struct mxfsd_dlm *d, uint64_t now);
void mxfsd_dlm_persisted(struct mxfsd_dlm *d, uint64_t nr, uint64_t now);
/* ok: it is certain that it writes no more. Else it is tried again. */
void mxfsd_dlm_fenced(struct mxfsd_dlm *d, uint32_t node, uint64_t inc, int ok,
		      uint64_t now);
/* Messages to or from the node were lost. */
void mxfsd_dlm_session_lost(struct mxfsd_dlm *d, uint32_t node, uint64_t now);

struct mxfsd_disk {		/* what is on the voting disk */
	uint64_t epoch, mask;	/* the last claim */
	uint64_t renewals[MXFS_NODES];
};

/* stamp: nr of the action; disk: read after the renewal was written. */
void mxfsd_dlm_disk_renewed(struct mxfsd_dlm *d, uint64_t stamp,
			    const struct mxfsd_disk *disk, uint64_t now);
void mxfsd_dlm_disk_state(struct mxfsd_dlm *d, const struct mxfsd_disk *disk,
			  uint64_t now);
/* disk: read after the claim was written; or NULL: another's claim stands. */
void mxfsd_dlm_disk_claimed(struct mxfsd_dlm *d, uint64_t epoch,
			    const struct mxfsd_disk *disk, uint64_t now);

/* The next thing to do; 0 if there is none. */
int mxfsd_dlm_take(struct mxfsd_dlm *d, struct mxfsd_action *action);
/* When tick() has to be called at the latest. */
uint64_t mxfsd_dlm_deadline(const struct mxfsd_dlm *d);

/* ---- looking in ---- */

struct mxfsd_state {
	uint64_t inc, epoch;	/* epoch 0: no member */
	uint64_t lease_until;	/* its locks are valid before that */
	uint64_t locks, resources, stale;
	struct mxfs_set members;
	uint32_t coordinator;
	int resumed;		/* grants are made */
	int complete;		/* everybody has asserted to this node */
	int asserted;		/* this node has asserted to everybody */
};

void mxfsd_dlm_state(const struct mxfsd_dlm *d, struct mxfsd_state *s);

struct mxfsd_lock_info {	/* of this node's clients */
	uint64_t lkid, owner, req;
	uint8_t gr, rq;		/* what is held for certain, and wanted */
	int op;			/* a request is under way */
	const struct mxfs_name *name;	/* mxfs_name_copy() */
	const struct mxfs_lvb *lvb;
};

void mxfsd_dlm_each_lock(const struct mxfsd_dlm *d,
			 void (*fn)(void *, const struct mxfsd_lock_info *),
			 void *arg);

enum mxfsd_queue { MXFSD_GRANTED, MXFSD_CONVERT, MXFSD_WAIT, MXFSD_QUEUES };

struct mxfsd_entry_info {	/* of a resource that this node masters */
	const struct mxfs_name *name;
	const struct mxfs_lvb *lvb;
	enum mxfsd_queue queue;
	uint32_t node;
	uint64_t lkid, since;	/* since: order of arrival */
	uint8_t gr, rq;
	uint16_t flags;
};

/* Resource by resource, queue by queue, first to last. */
void mxfsd_dlm_each_entry(const struct mxfsd_dlm *d,
			  void (*fn)(void *, const struct mxfsd_entry_info *),
			  void *arg);
uint32_t mxfsd_dlm_master(const struct mxfsd_dlm *d,
			  const struct mxfs_name *name);

#endif
