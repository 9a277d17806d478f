/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The state of a lock manager, and what its parts ask of each other.
 *
 * Notes: four parts. lock.c: the locks of this node's clients, of which this
 * node is the authority. res.c: the queues of resources that this node
 * masters, which are rebuilt from what holders say in each epoch. view.c: who
 * is a member, leases, votes. recover.c: the way from one epoch to the next.
 * probe.c looks for deadlocks over several resources. They speak to each other
 * by messages, also inside one node: what is sent to this node itself waits in
 * the inbox until the event is over.
 */
#ifndef MXFSD_PRIV_H
#define MXFSD_PRIV_H

#include "dlm.h"
#include "list.h"
#include "place.h"

#define NEVER		UINT64_MAX

enum op { OP_NONE, OP_LOCK, OP_CONVERT, OP_UNLOCK };

struct waiting {		/* for the answer to LOCK or CONVERT */
	struct mxfsd_list timed; /* in d->waits */
	struct lock *lock;
	uint64_t deadline;	/* of the request */
	uint64_t probe_at;	/* when deadlock is suspected */
	uint64_t seen_init, seen_round;	/* the probe that was passed on last */
	uint32_t seen_node;
	int cancelled;		/* a status to deny with, once that is asked for */
};

/* Most of them wait for nothing, have no value block, and a short name. */
struct lock {			/* of a client of this node */
	struct mxfsd_chain by_id;
	struct mxfsd_list all;
	uint64_t lkid, owner, tag;
	uint64_t req;		/* of the request under way, or the last one */
	struct waiting *w;	/* there while a request is under way but UNLOCK */
	struct mxfs_lvb *lvb;	/* as granted, or as set by the request; NULL: none */
	uint16_t flags;		/* of the request */
	uint8_t gr, rq;
	uint8_t op;
	uint8_t name[];		/* mxfsd_name() */
};

struct res {			/* mastered here */
	struct mxfsd_chain by_name;
	struct mxfsd_list all;
	struct mxfsd_list queue[MXFSD_QUEUES];
	struct mxfs_lvb lvb;
	uint64_t seq;
	uint32_t waiting;	/* length of that queue */
	/* While it is rebuilt: */
	uint32_t writer;	/* by the former master: who held PW or EX */
	uint64_t writer_inc;
	int known;		/* the former master has said what it knew */
	int proven;		/* a holder's copy is certainly the newest */
	uint8_t name[];		/* mxfsd_name() */
};

struct entry {			/* a lock as its master sees it */
	struct mxfsd_chain by_lkid;
	struct mxfsd_list link;	/* in one of the queues */
	struct res *res;
	uint64_t lkid, owner, req, since;
	uint64_t inc;		/* of the node */
	uint32_t node;
	uint16_t flags;
	uint8_t gr, rq;
	uint8_t bast;		/* the mode that it was last told of */
	uint8_t queue;
	uint8_t leaves;		/* it is unlocked, which is answered when all resume */
};

struct masters {		/* resources, and their entries */
	struct mxfsd_table res, entry;
	struct mxfsd_list all;
	uint32_t of[MXFS_NODES];	/* entries of each node */
};

struct peer {
	uint64_t inc;		/* the newest heard of; 0: none */
	uint64_t heard;		/* when; 0: never */
	uint64_t promise;	/* not to vote it out before */
	uint64_t reached;	/* send time of my last renewal that it answered */
	uint64_t acked;		/* and with a promise */
	uint64_t reach;		/* whom it has answers from */
	uint64_t unwanted;	/* since when it is outside the clique; 0: it is in */
};

struct view {
	uint64_t epoch;		/* 0: none */
	uint32_t coordinator;
	struct mxfs_set members, fence;
};

struct proposal {
	uint64_t epoch;		/* 0: none */
	uint64_t until, again;
	uint64_t yes;		/* members that voted for it */
	enum { NO_DISK, DISK_ASKED, DISK_WAIT, DISK_LOOK, DISK_CLAIM, DISK_YES } disk;
	uint64_t disk_at;	/* DISK_WAIT: how long; DISK_CLAIM: since when */
	uint64_t claimers_nr;	/* to be saved before the claim hides who claimed before */
	struct mxfsd_disk disk_seen;
	struct mxfs_set members, pending;
};

/*
 * Messages or actions that wait, one behind the other, each as long as its type needs,
 * behind its size.
 */
struct fifo {
	uint8_t *bytes;
	size_t first, end, room;
};

struct mxfsd_dlm {
	struct mxfsd_config cfg;
	uint64_t now, born;	/* born: when the process began */
	uint32_t quorum;
	struct fifo in, out;	/* struct mxfs_msg, struct mxfsd_action */
	int broken;		/* a promise to others cannot be kept: start anew */

	/* ---- lock.c ---- */
	struct mxfsd_table locks;
	struct mxfsd_list lock_list, waits;
	struct waiting *spare;	/* the last one that was not needed any more */
	uint64_t next_wait;	/* nothing is to be done about waits before */
	uint64_t next_lkid, next_req, round;

	/* ---- res.c ---- */
	struct masters cur, old; /* old: of an earlier epoch, not yet handed on */
	uint64_t next_since, stale;

	/* ---- view.c ---- */
	struct mxfsd_stable st;
	uint64_t saved, saving;	/* numbers of the last persisted, of the last asked */
	uint64_t birth_nr, vote_nr, commit_nr;	/* what waits for which; 0: nothing */
	struct peer peer[MXFS_NODES];
	uint64_t disk_acked;
	uint64_t disk_last[MXFS_NODES];	/* the others' renewals on the disk */
	int yielding;		/* the disk is left to a node that has precedence */
	uint64_t next_renew, seen_epoch, wanted_since, next_try;
	struct view view, next;	/* next: committed, being persisted */
	struct proposal prop;
	int dirty;		/* messages were lost: another epoch is needed */

	/* ---- recover.c ---- */
	uint64_t frozen_since;
	uint64_t acks, ready;	/* coordinator: who has adopted, who has all */
	uint64_t unfenced;	/* coordinator */
	uint64_t fence_again;
	uint64_t done;		/* who has asserted everything to me */
	uint64_t got[MXFS_NODES], sent[MXFS_NODES]; /* assertions */
	int asserted, resumed;
};

/* A name in no more bytes than it needs: to be read, never to be copied as a whole. */
static inline const struct mxfs_name *mxfsd_name(const uint8_t *bytes)
{
	return (const struct mxfs_name *)(const void *)bytes;
}

static inline size_t mxfsd_name_bytes(const struct mxfs_name *n)
{
	return offsetof(struct mxfs_name, byte) + n->len;
}

/* ---- dlm.c ---- */

/* Around each event. */
void mxfsd_begin(struct mxfsd_dlm *d, uint64_t now);
void mxfsd_finish(struct mxfsd_dlm *d);

static inline uint64_t self_bit(const struct mxfsd_dlm *d)
{
	return mxfs_bit(d->cfg.node);
}

struct mxfs_msg mxfsd_msg(struct mxfsd_dlm *d, uint16_t type, uint32_t dst);
void mxfsd_send(struct mxfsd_dlm *d, const struct mxfs_msg *msg);
/* To each node of the mask, which may contain this one. */
void mxfsd_send_all(struct mxfsd_dlm *d, struct mxfs_msg *msg, uint64_t mask);
/* -1: no memory, and this incarnation ends. */
int mxfsd_do(struct mxfsd_dlm *d, const struct mxfsd_action *action);
/*
 * An action without a message to be filled in before the next one: zero, but for the kind.
 * Its fields behind lvb are not there. NULL without memory: then this incarnation ends.
 */
struct mxfsd_action *mxfsd_action(struct mxfsd_dlm *d, enum mxfsd_action_kind kind);
uint64_t mxfsd_name_hash(const struct mxfsd_dlm *d, const struct mxfs_name *n);
/* This incarnation has no lock and is no member any more: begin the next one. */
void mxfsd_reborn(struct mxfsd_dlm *d);
void mxfsd_persist(struct mxfsd_dlm *d, uint64_t *nr);

/* ---- lock.c ---- */

void mxfsd_lock_message(struct mxfsd_dlm *d, const struct mxfs_msg *msg);
void mxfsd_lock_tick(struct mxfsd_dlm *d);
uint64_t mxfsd_lock_deadline(const struct mxfsd_dlm *d);
/* All of them are void. Those that cannot be told for lack of memory are left. */
void mxfsd_lock_drop_all(struct mxfsd_dlm *d);
/* Assert what is held, each to the master of now; then ask again. */
void mxfsd_lock_assert(struct mxfsd_dlm *d);
void mxfsd_lock_resend(struct mxfsd_dlm *d);
/* Never NULL. */
const struct mxfs_lvb *mxfsd_lock_lvb(const struct lock *l);
struct lock *mxfsd_lock_find(const struct mxfsd_dlm *d, uint64_t lkid);
/*
 * The request of this lock is to be denied with that status. 1: it has been, and
 * a new lock is gone; 0: its master decides.
 */
int mxfsd_lock_deny(struct mxfsd_dlm *d, struct lock *l, int status);

/* ---- res.c ---- */

int mxfsd_res_init(struct mxfsd_dlm *d);
void mxfsd_res_message(struct mxfsd_dlm *d, const struct mxfs_msg *msg);
struct entry *mxfsd_entry_find(const struct mxfsd_dlm *d, uint32_t node,
			       uint64_t lkid);
void mxfsd_masters_empty(struct masters *m);
/* Is the entry in the way of one that waits, or ahead of it? */
int mxfsd_entry_blocks(const struct entry *e, const struct entry *waiting);
/* An assertion, or what the former master knew. -1: no memory; 1: not to be taken. */
int mxfsd_res_assert(struct mxfsd_dlm *d, uint32_t node,
		     const struct mxfs_record *rec);
/* Send what was known of the resources in old, and forget it. */
void mxfsd_res_hand_on(struct mxfsd_dlm *d);
/* What is in cur becomes old: another epoch begins. */
void mxfsd_res_retire(struct mxfsd_dlm *d);
/* The barrier is passed: grant. */
void mxfsd_res_resume(struct mxfsd_dlm *d);

/* ---- view.c ---- */

void mxfsd_view_message(struct mxfsd_dlm *d, const struct mxfs_msg *msg);
void mxfsd_view_tick(struct mxfsd_dlm *d);
void mxfsd_view_persisted(struct mxfsd_dlm *d);
uint64_t mxfsd_lease_until(const struct mxfsd_dlm *d);

/* ---- recover.c ---- */

void mxfsd_recover_message(struct mxfsd_dlm *d, const struct mxfs_msg *msg);
void mxfsd_recover_tick(struct mxfsd_dlm *d);
/* The view d->next is durable: take it up, frozen. */
void mxfsd_recover_adopt(struct mxfsd_dlm *d);

/* ---- probe.c ---- */

void mxfsd_probe_begin(struct mxfsd_dlm *d, struct lock *l);
void mxfsd_probe_message(struct mxfsd_dlm *d, const struct mxfs_msg *msg);

#endif
