/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Making certain that a node that has left writes no more.
 *
 * Notes: an agent is a program, run without a shell, with its configured words, the
 * node's number and its incarnation. Status 0 says that the node has stopped for certain;
 * all else, also silence, that it has not. fence = manual waits for fence_confirm().
 */
#ifndef MXFSD_FENCE_H
#define MXFSD_FENCE_H

#include "config.h"
#include "loop.h"

#define FENCE_NS	60000000000ull	/* for an agent; then it is killed */

struct fence;

/* done: ok != 0 if it is certain. NULL without memory. */
struct fence *fence_new(struct loop *loop, const struct conf *conf,
			void (*done)(void *arg, uint32_t node, uint64_t inc, int ok),
			void *arg);
/* Agents that still run are killed. */
void fence_free(struct fence *f);
/* That incarnation of the node. One that is under way goes on. */
void fence_begin(struct fence *f, uint32_t node, uint64_t inc);
/* Somebody says so. -1: nobody waits for that. */
int fence_confirm(struct fence *f, uint32_t node);
/* Whom it is asked to fence, and has not. */
uint64_t fence_waiting(const struct fence *f);
void fence_reload(struct fence *f, const struct conf *conf);

#endif
