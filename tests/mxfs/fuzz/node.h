/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A node whose control socket is fed: its loop, and its lock manager among two others.
 *
 * Notes: an engine of another kind: the lock managers are three of the real ones, between
 * which messages go in order and at once, or, while node 1 is cut off, not at all.
 */
#ifndef MXFS_FUZZ_NODE_H
#define MXFS_FUZZ_NODE_H

#include <sys/types.h>

#include "engine.h"
#include "loop.h"
#include "targets.h"

#define FUZZ_CLIENTS	4u	/* at a time */
#define MS		1000000ull

extern uint64_t fuzz_now;	/* ns */
extern uid_t fuzz_uid;		/* of who connects next */

struct clients;

/* One turn of the loop: it waits for nothing. */
void fuzz_turn(struct loop *loop);
uint64_t fuzz_clients_locks(const struct clients *cs);
uint32_t fuzz_clients_nr(const struct clients *cs);

/* With others: nodes 2 and 3 are there, too. Grants are made when it comes back. */
struct engine *fuzz_engine_new(const struct conf *conf, int with_others);
/* What is on its way arrives, and all that follows from it. */
void fuzz_deliver(struct engine *e);
void fuzz_pass(struct engine *e, uint64_t ns);
/* Node 1 from the others, or no longer. */
void fuzz_cut(struct engine *e, int cut);
/* A client of node 2 wants the resource in that mode; MXFS_NONE: gives back what it has. */
void fuzz_elsewhere(struct engine *e, const struct mxfs_name *name, uint8_t mode);

#endif
