/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A cluster in one process: nodes, network, disks, clocks, clients.
 *
 * Notes: everything follows from a seed. Time is virtual; an event is taken
 * from a heap, done, and looked at by check.c. The lock managers and the
 * sessions are those of the daemon, and each message goes through the codec.
 */
#ifndef MXFS_WORLD_H
#define MXFS_WORLD_H

#include <stdint.h>

#include "dlm.h"
#include "lin.h"
#include "session.h"

#define NODES_MOST	5u
#define RES_MOST	4u
#define CLIENTS		3u	/* of each node */
#define MS		1000000ull
#define SECOND		(1000 * MS)
#define EPOCHS_MOST	1024u
#define CONNS_MOST	4096u

struct rng {
	uint64_t s;
};

uint64_t rng_next(struct rng *r);
/* 0 to n - 1. */
uint64_t rng_below(struct rng *r, uint64_t n);
int rng_chance(struct rng *r, unsigned int percent);

struct frame {
	struct frame *next;
	uint64_t due;
	size_t len;
	uint8_t bytes[];
};

struct conn {			/* ends: 0 is the lower node */
	uint32_t node[2];
	struct frame *first[2], **end[2];	/* to that end */
	uint64_t last_due[2];
	int armed[2];		/* an event is under way */
	int closed;		/* one end has closed it */
};

enum client_state {
	C_IDLE, C_WAIT, C_HOLD, C_CONVERT, C_RELEASE
};

enum client_job {		/* what a client does in this turn */
	J_READ,			/* PR, read the block */
	J_UPDATE,		/* EX or PW, read, write at unlock */
	J_CONVERT,		/* NL, up to EX or PW, read, write at the way down */
	J_UPGRADE,		/* PR, then EX: may be denied as a deadlock */
	J_TWO,			/* two resources, in any order */
	J_CACHE,		/* held until somebody wants it */
	J_MODES,		/* any mode to any mode, some times */
	JOBS
};

struct client {
	uint32_t node, nr;
	enum client_state state;
	enum client_job job;
	uint32_t res, res2, steps;
	uint64_t lkid, lkid2;	/* lkid2: of the first of two, held meanwhile */
	uint64_t turn;		/* events of an earlier turn are void */
	uint64_t got, put;	/* values; 0: none valid */
	uint64_t version, granted;	/* of the block; when */
	uint64_t asked;		/* when */
	uint8_t mode;
	int basted, update;	/* update: it writes when it releases */
	struct lin_op *op;	/* a write under way */
};

struct node {
	uint32_t id;
	int up;
	uint64_t boot;		/* events of an earlier one are void */
	uint64_t paused_until;
	int64_t rate_ppm;
	uint64_t offset;
	int slow_disk;
	struct mxfsd_dlm *dlm;
	struct mxfsd_stable disk;	/* what has been persisted */
	struct mxfsd_stable pending[8];	/* and may or may not be yet */
	uint32_t pending_nr;
	uint64_t persist_last;
	struct mxfs_session ses[NODES_MOST + 1];
	uint64_t dialing[NODES_MOST + 1];	/* connections that are coming */
	struct client client[CLIENTS];
	uint64_t keeper[RES_MOST];	/* NL locks that keep the blocks */
	uint64_t disk_version;	/* of the voting disk, as read */
};

struct sim_event;

struct world {
	uint64_t seed, now;
	struct rng rng;
	uint32_t nodes, resources;
	int disk, fence;
	struct sim_event *heap;
	uint32_t heap_nr, heap_room;
	uint64_t event_seq, events;
	struct node node[NODES_MOST + 1];
	struct conn *conn;
	uint32_t conn_nr;
	uint64_t blocked;	/* bit from * 8 + to */
	struct mxfsd_disk vote;
	uint64_t vote_version;
	uint64_t delay_most;
	unsigned int faults;	/* bits of enum fault */
	int draining;
	int cut;		/* two nodes are so for ever */
	uint64_t value;		/* the last one that a client wrote */
	struct lin history[RES_MOST];
	/* check.c */
	struct mxfs_set committed[EPOCHS_MOST];
	uint64_t asserted[EPOCHS_MOST];	/* who has, to everybody */
	uint64_t active, active_mask;	/* the last epoch with grants */
	uint64_t fenced;		/* since then */
	uint64_t token_epoch[RES_MOST], token_seq[RES_MOST];
	uint64_t tainted[RES_MOST];	/* version + 1 of when a writer was lost */
	uint64_t told_lost[RES_MOST];	/* when a grant last said so */
	uint64_t grants, views, reborn, deadlocks, lost, stale;
	int verbose;
};

enum fault { F_DROP, F_PART, F_ONEWAY, F_PAUSE, F_CRASH, F_DISK, FAULTS };

__attribute__((noreturn, format(printf, 2, 3)))
void sim_fail(struct world *w, const char *format, ...);
void sim_say(struct world *w, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* ---- world.c ---- */

enum sim_kind {
	E_TICK, E_DELIVER, E_CLOSED, E_DIAL, E_OPENED, E_PERSISTED, E_FENCED,
	E_DISK_WRITE, E_DISK_READ, E_CLIENT, E_START, E_NEMESIS, E_HEAL,
	E_DROP
};

struct sim_event {
	uint64_t at, seq;
	enum sim_kind kind;
	uint32_t node;		/* 0: of the world */
	uint64_t boot;
	uint64_t a, b, c;
};

void sim_at(struct world *w, uint64_t in, struct sim_event e);
uint64_t sim_clock(const struct world *w, const struct node *n);
/* What the node's lock manager wants done, until nothing is left. */
void sim_pump(struct world *w, struct node *n);
void sim_start(struct world *w, struct node *n);
void sim_crash(struct world *w, struct node *n);
void sim_drop(struct world *w, uint32_t a, uint32_t b);
/* One history. */
void sim_run(struct world *w, uint64_t seed);

/* ---- nemesis.c ---- */

void sim_nemesis(struct world *w);
void sim_heal(struct world *w);

/* ---- client.c ---- */

void client_begin(struct world *w, struct node *n);
void client_turn(struct world *w, struct node *n, struct client *c);
void client_action(struct world *w, struct node *n,
		   const struct mxfsd_action *a);
/* The node is gone: what was under way may have happened. */
void client_gone(struct world *w, struct node *n);
int client_all_idle(const struct world *w);
/* What everybody has and wants. */
void client_print(const struct world *w);

/* ---- check.c ---- */

void check_all(struct world *w);
void check_action(struct world *w, struct node *n, const struct mxfsd_action *a);
/* EX is granted with this token. */
void check_token(struct world *w, uint32_t res, uint64_t epoch, uint64_t seq);
/*
 * A holder of PW or EX is gone, who had been granted this block; a lock that
 * excludes writers is granted with that block.
 */
void check_writer_lost(struct world *w, uint32_t res, uint64_t version,
		       uint64_t granted);
void check_block(struct world *w, uint32_t res, const struct mxfs_lvb *lvb);
/* Of a node's locks and queues, for "nothing has changed". */
uint64_t check_digest(const struct node *n);

#endif
