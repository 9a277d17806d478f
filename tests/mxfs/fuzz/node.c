// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Three lock managers, of which the first is the engine of the control socket.
 *
 * Notes: engine_turn() does what the engine of the daemon does: it takes out what node 1
 * wants to be done, and nothing of that reaches a lock manager before the next
 * fuzz_deliver().
 */
#include <stdlib.h>
#include <string.h>

#include "node.h"

#define NODES		3u
#define QUIET_AFTER	100000u	/* messages */

struct engine {
	const struct conf *conf;
	struct mxfsd_dlm *dlm[NODES];
	uint32_t nr;
	void (*client)(void *arg, const struct mxfsd_action *a);
	void *client_arg;
	struct mxfs_msg *msg;	/* on the way */
	size_t msg_first, msg_nr, msg_room;
	uint64_t unfenced, inc[MXFS_NODES];
	uint64_t elsewhere;	/* the lock of node 2's client */
	int cut, turning;
};

static void post(struct engine *e, const struct mxfs_msg *m)
{
	if (e->cut && (m->src == 1 || m->dst == 1))
		return;
	if (e->msg_nr == e->msg_room) {
		e->msg_room = e->msg_room ? 2 * e->msg_room : 64;
		e->msg = realloc(e->msg, e->msg_room * sizeof(*e->msg));
		fuzz_must(e->msg != NULL, "no memory");
	}
	e->msg[e->msg_nr++] = *m;
}

static void fence(struct engine *e, uint32_t node, const struct mxfsd_action *a)
{
	if (node == 1) {	/* whose clients are to say so */
		e->unfenced |= mxfs_bit(a->node);
		e->inc[a->node - 1] = a->nr;
	} else {
		mxfsd_dlm_fenced(e->dlm[node - 1], a->node, a->nr, 1, fuzz_now);
	}
}

static void act(struct engine *e, uint32_t node, const struct mxfsd_action *a)
{
	switch (a->kind) {
	case MXFSD_SEND:
		post(e, &a->msg);
		break;
	case MXFSD_PERSIST:
		mxfsd_dlm_persisted(e->dlm[node - 1], a->nr, fuzz_now);
		break;
	case MXFSD_FENCE:
		fence(e, node, a);
		break;
	case MXFSD_VIEW:
	case MXFSD_AST:
	case MXFSD_BAST:
	case MXFSD_LOST:
		if (node == 1 && e->client)
			e->client(e->client_arg, a);
		break;
	default:
		fuzz_must(0, "there is no disk");
	}
}

static void turn(struct engine *e, uint32_t node)
{
	static struct mxfsd_action a;

	while (mxfsd_dlm_take(e->dlm[node - 1], &a))
		act(e, node, &a);
}

void engine_turn(struct engine *e)
{
	if (e->turning)
		return;
	e->turning = 1;
	turn(e, 1);
	e->turning = 0;
}

static void turn_all(struct engine *e)
{
	for (uint32_t n = 1; n <= e->nr; n++)
		n == 1 ? engine_turn(e) : turn(e, n);
}

void fuzz_deliver(struct engine *e)
{
	struct mxfs_msg m;

	turn_all(e);
	while (e->msg_first < e->msg_nr) {
		fuzz_must(e->msg_first < QUIET_AFTER, "messages come to an end");
		m = e->msg[e->msg_first++];
		mxfsd_dlm_receive(e->dlm[m.dst - 1], &m, fuzz_now);
		turn_all(e);
	}
	e->msg_first = e->msg_nr = 0;
}

void fuzz_pass(struct engine *e, uint64_t ns)
{
	fuzz_now += ns;
	for (uint32_t n = 0; n < e->nr; n++)
		mxfsd_dlm_tick(e->dlm[n], fuzz_now);
	fuzz_deliver(e);
}

void fuzz_cut(struct engine *e, int cut)
{
	if (cut == e->cut)
		return;
	e->cut = cut;
	for (uint32_t n = 2; n <= e->nr && !cut; n++) {
		mxfsd_dlm_session_lost(e->dlm[0], n, fuzz_now);
		mxfsd_dlm_session_lost(e->dlm[n - 1], 1, fuzz_now);
	}
	fuzz_deliver(e);
}

void fuzz_elsewhere(struct engine *e, const struct mxfs_name *name, uint8_t mode)
{
	struct mxfsd_request r = { .mode = mode };

	if (e->nr == 1)
		return;
	if (e->elsewhere)
		mxfsd_dlm_unlock(e->dlm[1], e->elsewhere, 0, NULL, fuzz_now);
	fuzz_deliver(e);
	e->elsewhere = 0;
	if (mode == MXFS_NONE)
		return;
	mxfs_name_copy(&r.name, name);
	e->elsewhere = mxfsd_dlm_lock(e->dlm[1], &r, fuzz_now);
	fuzz_deliver(e);
}

/* ---- beginning and end ---- */

static struct mxfsd_dlm *lock_manager(const struct conf *c, uint32_t node, uint64_t voters)
{
	static const struct mxfsd_stable none;
	struct mxfsd_config cfg = {
		.node = node, .voters = voters, .fence = c->fence != CONF_FENCE_NONE,
		.renew_ns = c->renew_ns, .lease_ns = c->lease_ns,
		.takeover_ns = c->takeover_ns, .probe_ns = c->probe_ns,
	};
	struct mxfsd_dlm *d = mxfsd_dlm_new(&cfg, &none, fuzz_now);

	fuzz_must(d != NULL, "no memory");
	return d;
}

static int grants(const struct engine *e)
{
	struct mxfsd_state s;

	mxfsd_dlm_state(e->dlm[0], &s);
	return s.epoch && s.resumed && s.members.mask == ((uint64_t)1 << e->nr) - 1;
}

struct engine *fuzz_engine_new(const struct conf *conf, int with_others)
{
	struct engine *e = calloc(1, sizeof(*e));

	fuzz_must(e != NULL, "no memory");
	e->conf = conf;
	e->nr = with_others ? NODES : 1;
	for (uint32_t n = 1; n <= e->nr; n++)
		e->dlm[n - 1] = lock_manager(conf, n, ((uint64_t)1 << e->nr) - 1);
	for (int i = 0; !grants(e); i++) {
		fuzz_must(i < 200, "the nodes find each other");
		fuzz_pass(e, conf->renew_ns / 4);
	}
	return e;
}

void engine_free(struct engine *e)
{
	for (uint32_t n = 0; n < e->nr; n++)
		mxfsd_dlm_free(e->dlm[n]);
	free(e->msg);
	free(e);
}

/* ---- what the control socket asks the engine ---- */

struct mxfsd_dlm *engine_dlm(struct engine *e)
{
	return e->dlm[0];
}

const struct conf *engine_conf(const struct engine *e)
{
	return e->conf;
}

const struct peers *engine_peers(const struct engine *e)
{
	(void)e;
	return NULL;
}

void peers_info(const struct peers *ps, uint32_t node, struct peer_info *info)
{
	(void)ps;
	*info = (struct peer_info){ .node = node, .phase = MXFS_UP, .address = "127.0.0.2" };
}

void engine_set_client(struct engine *e,
		       void (*fn)(void *arg, const struct mxfsd_action *a), void *arg)
{
	e->client = fn;
	e->client_arg = arg;
}

int engine_fenced(struct engine *e, uint32_t node)
{
	if (node < 1 || node > MXFS_NODES || !(e->unfenced & mxfs_bit(node)))
		return -1;
	e->unfenced &= ~mxfs_bit(node);
	mxfsd_dlm_fenced(e->dlm[0], node, e->inc[node - 1], 1, fuzz_now);
	engine_turn(e);
	return 0;
}

uint64_t engine_unfenced(const struct engine *e)
{
	return e->unfenced;
}
