/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The lock manager in the world: does what it says is to be done.
 */
#ifndef MXFSD_ENGINE_H
#define MXFSD_ENGINE_H

#include "config.h"
#include "dlm.h"
#include "loop.h"
#include "peer.h"
#include "store.h"

struct engine;

/* NULL, and err says why. All that is given stays the caller's and must stay. */
struct engine *engine_new(struct loop *loop, const struct conf *conf,
			  struct store *store, const struct mxfsd_stable *stable,
			  struct tls *tls, char *err, size_t size);
void engine_free(struct engine *e);

struct mxfsd_dlm *engine_dlm(struct engine *e);
const struct conf *engine_conf(const struct engine *e);
const struct peers *engine_peers(const struct engine *e);
/* To be called after each event that the lock manager was told. */
void engine_turn(struct engine *e);
/*
 * Who gets AST, BAST, LOST and VIEW. fn must not tell the lock manager anything: what it
 * wants to is done later, in a hook of the loop.
 */
void engine_set_client(struct engine *e,
		       void (*fn)(void *arg, const struct mxfsd_action *a), void *arg);
/* fence = manual: somebody says that this node writes no more. -1: nobody waits for it. */
int engine_fenced(struct engine *e, uint32_t node);
/* Nodes that are to be fenced and are not yet. */
uint64_t engine_unfenced(const struct engine *e);
void engine_reload(struct engine *e, const struct conf *conf, struct tls *tls);

#endif
