// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Events to the lock manager, its actions to the world.
 *
 * Notes: an event is followed by engine_turn(), which takes out what is to be done until
 * nothing is left; what doing it tells the lock manager at once is taken out by the same
 * turn. State is saved within the turn: nothing else happens meanwhile, and a node
 * whose disk takes longer than its lease loses the lease, which is what it should.
 * One that cannot save its state at all ends: it could not keep a promise.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "disk.h"
#include "engine.h"
#include "fence.h"

struct engine {
	struct loop *loop;
	const struct conf *conf;
	struct store *store;
	struct peers *peers;
	struct fence *fence;
	struct disk *disk;	/* NULL: none is configured */
	struct mxfsd_dlm *dlm;
	struct loop_timer timer;
	void (*client)(void *arg, const struct mxfsd_action *a);
	void *client_arg;
	int turning;
};

/* ---- actions ---- */

static void save(struct engine *e, const struct mxfsd_action *a)
{
	int r = store_save(e->store, &a->stable);

	if (r) {
		log_error("%s: %s: a node that cannot save what it has promised ends",
			  e->conf->state, strerror(-r));
		exit(1);
	}
	mxfsd_dlm_persisted(e->dlm, a->nr, loop_now());
}

static void say_view(const struct mxfsd_action *a)
{
	log_info(a->mode ? "epoch %llu: members %llx, granting" :
		 "epoch %llu: members %llx, recovering",
		 (unsigned long long)a->nr, (unsigned long long)a->mask);
}

static void act(struct engine *e, const struct mxfsd_action *a)
{
	switch (a->kind) {
	case MXFSD_SEND:
		peers_send(e->peers, &a->msg);
		break;
	case MXFSD_PERSIST:
		save(e, a);
		break;
	case MXFSD_FENCE:
		fence_begin(e->fence, a->node, a->nr);
		break;
	case MXFSD_VIEW:
		say_view(a);
		/* fallthrough */
	case MXFSD_AST:
	case MXFSD_BAST:
	case MXFSD_LOST:
		if (e->client)
			e->client(e->client_arg, a);
		break;
	case MXFSD_DISK_RENEW:
	case MXFSD_DISK_READ:
	case MXFSD_DISK_CLAIM:
		disk_do(e->disk, a);
		break;
	}
}

void engine_turn(struct engine *e)
{
	struct mxfsd_action a;

	if (e->turning)
		return;
	e->turning = 1;
	while (mxfsd_dlm_take(e->dlm, &a))
		act(e, &a);
	e->turning = 0;
	loop_set(e->loop, &e->timer, mxfsd_dlm_deadline(e->dlm));
}

/* ---- events ---- */

static void on_time(void *arg)
{
	struct engine *e = arg;

	mxfsd_dlm_tick(e->dlm, loop_now());
	engine_turn(e);
}

static void on_message(void *arg, const struct mxfs_msg *msg)
{
	struct engine *e = arg;

	mxfsd_dlm_receive(e->dlm, msg, loop_now());
	engine_turn(e);
}

static void on_lost(void *arg, uint32_t node)
{
	struct engine *e = arg;

	mxfsd_dlm_session_lost(e->dlm, node, loop_now());
	engine_turn(e);
}

static void on_fenced(void *arg, uint32_t node, uint64_t inc, int ok)
{
	struct engine *e = arg;

	mxfsd_dlm_fenced(e->dlm, node, inc, ok, loop_now());
	engine_turn(e);
}

static void on_disk(void *arg, const struct disk_done *done)
{
	struct engine *e = arg;

	if (done->kind == MXFSD_DISK_RENEW)
		mxfsd_dlm_disk_renewed(e->dlm, done->nr, done->disk, loop_now());
	else if (done->kind == MXFSD_DISK_READ)
		mxfsd_dlm_disk_state(e->dlm, done->disk, loop_now());
	else
		mxfsd_dlm_disk_claimed(e->dlm, done->nr, done->disk, loop_now());
	engine_turn(e);
}

int engine_fenced(struct engine *e, uint32_t node)
{
	return fence_confirm(e->fence, node);
}

uint64_t engine_unfenced(const struct engine *e)
{
	return fence_waiting(e->fence);
}

/* ---- the whole ---- */

static struct mxfsd_config config_of(const struct conf *c)
{
	struct mxfsd_config cfg = {
		.node = c->node, .voters = c->voters,
		.fence = c->fence != CONF_FENCE_NONE, .renew_ns = c->renew_ns,
		.lease_ns = c->lease_ns, .takeover_ns = c->takeover_ns,
		.probe_ns = c->probe_ns, .disk = c->disk[0] != 0,
	};

	memcpy(cfg.key, c->cluster, sizeof(cfg.key));
	return cfg;
}

static int start(struct engine *e, const struct mxfsd_stable *stable, struct tls *tls,
		 char *err, size_t size)
{
	const struct peer_events on = { .message = on_message, .lost = on_lost, .arg = e };
	struct mxfsd_config cfg = config_of(e->conf);
	struct mxfsd_state state;

	if (e->conf->disk[0]) {
		e->disk = disk_open(e->loop, e->conf, on_disk, e, err, size);
		if (!e->disk)
			return -1;
	}
	e->fence = fence_new(e->loop, e->conf, on_fenced, e);
	e->dlm = e->fence ? mxfsd_dlm_new(&cfg, stable, loop_now()) : NULL;
	if (!e->dlm) {
		snprintf(err, size, "no memory");
		return -1;
	}
	/* The new incarnation is durable before a stream is named after it. */
	engine_turn(e);
	mxfsd_dlm_state(e->dlm, &state);
	e->peers = peers_new(e->loop, e->conf, tls, (state.inc << 32) + 1, &on, err, size);
	return e->peers ? 0 : -1;
}

struct engine *engine_new(struct loop *loop, const struct conf *conf,
			  struct store *store, const struct mxfsd_stable *stable,
			  struct tls *tls, char *err, size_t size)
{
	struct engine *e = calloc(1, sizeof(*e));

	if (!e) {
		snprintf(err, size, "no memory");
		return NULL;
	}
	e->loop = loop;
	e->conf = conf;
	e->store = store;
	e->timer = (struct loop_timer){ .fn = on_time, .arg = e };
	if (!start(e, stable, tls, err, size))
		return e;
	engine_free(e);
	return NULL;
}

void engine_free(struct engine *e)
{
	if (!e)
		return;
	disk_close(e->disk);
	peers_free(e->peers);
	fence_free(e->fence);
	if (e->dlm)
		mxfsd_dlm_free(e->dlm);
	loop_unset(e->loop, &e->timer);
	free(e);
}

struct mxfsd_dlm *engine_dlm(struct engine *e)
{
	return e->dlm;
}

const struct conf *engine_conf(const struct engine *e)
{
	return e->conf;
}

const struct peers *engine_peers(const struct engine *e)
{
	return e->peers;
}

void engine_set_client(struct engine *e,
		       void (*fn)(void *arg, const struct mxfsd_action *a), void *arg)
{
	e->client = fn;
	e->client_arg = arg;
}

void engine_reload(struct engine *e, const struct conf *conf, struct tls *tls)
{
	e->conf = conf;
	fence_reload(e->fence, conf);
	peers_reload(e->peers, conf, tls);
}
