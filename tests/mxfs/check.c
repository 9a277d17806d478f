// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What must be true after every event, in the whole cluster.
 *
 * Notes: the numbers are those of docs/dlm-protocol.md. I1: what holders may
 * use, and what masters have granted, is compatible. I2: nobody waits who could
 * be granted. I3: queues are in the order of arrival. I4: no converter waits for
 * one behind it. I6: an epoch has one view; messages of others change nothing
 * (world.c). I7: masters know all that is held; nothing is granted before all
 * have asserted and leavers are fenced. I5: the block of a
 * writer that is gone is not valid; the rest of it, and of I1, is in the
 * histories. L1 is that they end.
 */
#include <string.h>

#include "world.h"

#define LOCKS_MOST	256u
#define SLOTS		512u

struct held {
	uint32_t node, res;
	uint64_t lkid;
	uint8_t gr, rq;
	int op, asserted, found;
	uint64_t epoch;
	uint32_t master;
};

struct look {
	struct world *w;
	struct node *n;
	struct mxfsd_state st[NODES_MOST + 1];
	struct held held[LOCKS_MOST];
	uint32_t nr;
	uint16_t slot[SLOTS];	/* index + 1 in held, by node and lkid */
	/* One resource of a master: */
	uint8_t gr[LOCKS_MOST], cgr[LOCKS_MOST], crq[LOCKS_MOST];
	uint32_t gr_nr, c_nr;
	uint8_t wait;
	uint16_t wait_flags;
	uint64_t since[MXFSD_QUEUES];
	const struct mxfs_name *name;
};

static uint32_t res_of(const struct mxfs_name *n)
{
	return n->byte[4] - 'a';
}

/* ---- holders ---- */

static uint32_t slot_of(uint32_t node, uint64_t lkid)
{
	return (uint32_t)((lkid * 8 + node) * 0x9e3779b1u) % SLOTS;
}

static struct held *find_held(struct look *k, uint32_t node, uint64_t lkid)
{
	uint32_t s = slot_of(node, lkid);

	for (; k->slot[s]; s = (s + 1) % SLOTS) {
		struct held *h = &k->held[k->slot[s] - 1];

		if (h->node == node && h->lkid == lkid)
			return h;
	}
	return NULL;
}

static void collect(void *arg, const struct mxfsd_lock_info *l)
{
	struct look *k = arg;
	struct mxfsd_state *st = &k->st[k->n->id];
	uint32_t s = slot_of(k->n->id, l->lkid);

	if (k->nr == LOCKS_MOST)
		sim_fail(k->w, "too many locks");
	k->held[k->nr++] = (struct held){
		.node = k->n->id, .res = res_of(l->name), .lkid = l->lkid,
		.gr = l->gr, .rq = l->rq, .op = l->op,
		.asserted = st->asserted, .epoch = st->epoch,
		.master = mxfsd_dlm_master(k->n->dlm, l->name),
	};
	while (k->slot[s])
		s = (s + 1) % SLOTS;
	k->slot[s] = (uint16_t)k->nr;
}

static int is_valid(const struct look *k, uint32_t node)
{
	const struct mxfsd_state *st = &k->st[node];

	return st->epoch && sim_clock(k->w, &k->w->node[node]) < st->lease_until;
}

static void check_holders(struct look *k)
{
	uint32_t nr[RES_MOST][MXFS_MODES] = { { 0 } };
	uint32_t i, a, b;

	for (i = 0; i < k->nr; i++)
		if (k->held[i].gr != MXFS_NONE && is_valid(k, k->held[i].node))
			nr[k->held[i].res][k->held[i].gr]++;
	for (i = 0; i < RES_MOST; i++)
		for (a = 0; a < MXFS_MODES; a++)
			for (b = a; nr[i][a] && b < MXFS_MODES; b++)
				if (nr[i][b] > (a == b) &&
				    !mxfs_mode_compatible((uint8_t)a, (uint8_t)b))
					sim_fail(k->w, "I1: %s and %s are held of "
						 "resource %u", mxfs_mode_text((uint8_t)a),
						 mxfs_mode_text((uint8_t)b), i);
}

/* ---- masters ---- */

static int fits(const struct look *k, uint8_t mode, uint8_t but)
{
	int left_out = 0;

	for (uint32_t i = 0; i < k->gr_nr; i++) {
		if (!left_out && k->gr[i] == but) {
			left_out = 1;	/* its own old mode */
			continue;
		}
		if (!mxfs_mode_compatible(k->gr[i], mode))
			return 0;
	}
	return 1;
}

static void res_done(struct look *k)
{
	struct world *w = k->w;
	uint32_t i, j;

	if (!k->name)
		return;
	for (i = 0; i < k->gr_nr; i++)
		for (j = 0; j < i; j++)
			if (!mxfs_mode_compatible(k->gr[i], k->gr[j]))
				sim_fail(w, "I1: node %u has granted %s and %s of %u",
					 k->n->id, mxfs_mode_text(k->gr[i]),
					 mxfs_mode_text(k->gr[j]), res_of(k->name));
	if (!k->st[k->n->id].resumed)
		return;
	if (k->c_nr && fits(k, k->crq[0], k->cgr[0]))
		sim_fail(w, "I2: a conversion to %s waits for nobody",
			 mxfs_mode_text(k->crq[0]));
	if (!k->c_nr && k->wait != MXFS_NONE && fits(k, k->wait, MXFS_NONE))
		sim_fail(w, "I2: a request of %s waits for nobody",
			 mxfs_mode_text(k->wait));
	for (i = 0; i < k->c_nr; i++)
		for (j = 0; j < i; j++)
			if (!mxfs_mode_compatible(k->cgr[i], k->crq[j]))
				sim_fail(w, "I4: a converter waits for one behind it");
}

static void res_begin(struct look *k, const struct mxfs_name *name)
{
	k->name = name;
	k->gr_nr = k->c_nr = 0;
	k->wait = MXFS_NONE;
	memset(k->since, 0, sizeof(k->since));
}

/* Masters think at least as much held as holders do. */
static void check_agreement(struct look *k, const struct mxfsd_entry_info *e)
{
	const struct mxfsd_state *st = &k->st[e->node];
	struct held *h;

	if (e->gr == MXFS_NONE || st->epoch != k->st[k->n->id].epoch ||
	    !st->asserted)
		return;
	h = find_held(k, e->node, e->lkid);
	if (!h)
		sim_fail(k->w, "I7: node %u has granted what node %u does not know",
			 k->n->id, e->node);
	h->found = 1;
	if (h->gr == e->gr)
		return;
	if (!h->op || (h->gr != MXFS_NONE && !mxfs_mode_is_release(e->gr, h->gr)))
		sim_fail(k->w, "I7: node %u has %s, its master thinks %s", e->node,
			 mxfs_mode_text(h->gr), mxfs_mode_text(e->gr));
}

static void look_at(void *arg, const struct mxfsd_entry_info *e)
{
	struct look *k = arg;

	if (k->name != e->name) {
		res_done(k);
		res_begin(k, e->name);
	}
	if (e->since <= k->since[e->queue])
		sim_fail(k->w, "I3: a queue is out of order");
	k->since[e->queue] = e->since;
	if (e->gr != MXFS_NONE)
		k->gr[k->gr_nr++] = e->gr;
	if (e->queue == MXFSD_CONVERT) {
		k->cgr[k->c_nr] = e->gr;
		k->crq[k->c_nr++] = e->rq;
	} else if (e->queue == MXFSD_WAIT && k->wait == MXFS_NONE) {
		k->wait = e->rq;
	}
	if (k->st[k->n->id].complete)
		check_agreement(k, e);
}

static void check_known(struct look *k)
{
	for (uint32_t i = 0; i < k->nr; i++) {
		const struct held *h = &k->held[i];
		const struct mxfsd_state *m;

		if (h->gr == MXFS_NONE || !h->asserted || !h->epoch || !h->master)
			continue;
		m = &k->st[h->master];
		if (h->found || m->epoch != h->epoch || !m->complete || h->op)
			continue;
		sim_fail(k->w, "I7: node %u holds %s, its master %u knows nothing",
			 h->node, mxfs_mode_text(h->gr), h->master);
	}
}

void check_all(struct world *w)
{
	static struct look look;
	struct look *k = &look;

	memset(k->slot, 0, sizeof(k->slot));
	memset(k->st, 0, sizeof(k->st));
	k->w = w;
	k->nr = 0;
	for (uint32_t i = 1; i <= w->nodes; i++) {
		k->n = &w->node[i];
		if (!k->n->up)
			continue;
		mxfsd_dlm_state(k->n->dlm, &k->st[i]);
		mxfsd_dlm_each_lock(k->n->dlm, collect, k);
	}
	check_holders(k);
	for (uint32_t i = 1; i <= w->nodes; i++) {
		k->n = &w->node[i];
		if (!k->n->up)
			continue;
		res_begin(k, NULL);
		mxfsd_dlm_each_entry(k->n->dlm, look_at, k);
		res_done(k);
	}
	check_known(k);
}

/* ---- epochs ---- */

static void note_view(struct world *w, const struct node *n)
{
	struct mxfsd_state st;

	mxfsd_dlm_state(n->dlm, &st);
	if (!st.epoch)
		return;
	if (st.epoch >= EPOCHS_MOST)
		sim_fail(w, "too many epochs");
	if (!w->committed[st.epoch].mask)
		w->committed[st.epoch] = st.members;
	else if (!mxfs_set_equal(&w->committed[st.epoch], &st.members))
		sim_fail(w, "I6: epoch %llu has two views",
			 (unsigned long long)st.epoch);
	if (st.asserted)
		w->asserted[st.epoch] |= mxfs_bit(n->id);
}

static void check_grant(struct world *w, uint64_t epoch)
{
	uint64_t mask = w->committed[epoch].mask, left;

	if (w->asserted[epoch] != mask)
		sim_fail(w, "I7: a grant in epoch %llu before the barrier",
			 (unsigned long long)epoch);
	if (epoch <= w->active)
		return;
	left = w->active_mask & ~mask & ~w->fenced;
	if (w->fence && left)
		sim_fail(w, "I7: a grant in epoch %llu, %llx are not fenced",
			 (unsigned long long)epoch, (unsigned long long)left);
	w->active = epoch;
	w->active_mask = mask;
	w->fenced = 0;
}

void check_action(struct world *w, struct node *n, const struct mxfsd_action *a)
{
	note_view(w, n);
	if (a->kind == MXFSD_SEND && a->msg.type == MXFS_GRANT) {
		w->grants++;
		check_grant(w, a->msg.epoch);
	} else if (a->kind == MXFSD_AST && !a->status && a->nr) {
		w->grants++;
		check_grant(w, a->mask);
	} else if (a->kind == MXFSD_VIEW && a->mode) {
		w->views++;
	}
}

void check_token(struct world *w, uint32_t res, uint64_t epoch, uint64_t seq)
{
	if (epoch < w->token_epoch[res] ||
	    (epoch == w->token_epoch[res] && seq <= w->token_seq[res]))
		sim_fail(w, "a token of resource %u goes back", res);
	w->token_epoch[res] = epoch;
	w->token_seq[res] = seq;
}

void check_writer_lost(struct world *w, uint32_t res, uint64_t version,
		       uint64_t granted)
{
	/* It slept, and others have been told meanwhile. */
	if (granted <= w->told_lost[res])
		return;
	sim_say(w, "resource %u: a writer with block %llu is lost", res,
		(unsigned long long)version);
	if (version + 1 > w->tainted[res])
		w->tainted[res] = version + 1;
}

/* Whoever has been told that it is lost counts anew. */
void check_block(struct world *w, uint32_t res, const struct mxfs_lvb *lvb)
{
	sim_say(w, "resource %u: block %llu, state %d", res,
		(unsigned long long)lvb->version, lvb->state);
	if (lvb->state != MXFS_LVB_VALID) {
		w->tainted[res] = 0;
		w->told_lost[res] = w->now;
	} else if (lvb->version < w->tainted[res]) {
		sim_fail(w, "I5: the block of resource %u is valid, whose writer is gone",
			 res);
	}
}

/* ---- digests ---- */

static void mix_in(uint64_t *hash, uint64_t v)
{
	*hash = (*hash ^ v) * 0x100000001b3;
	*hash ^= *hash >> 29;
}

static void digest_lock(void *arg, const struct mxfsd_lock_info *l)
{
	mix_in(arg, l->lkid);
	mix_in(arg, l->req);
	mix_in(arg, (uint64_t)l->gr << 16 | (uint64_t)l->rq << 8 | (uint64_t)l->op);
	mix_in(arg, l->lvb->version << 2 | l->lvb->state);
}

static void digest_entry(void *arg, const struct mxfsd_entry_info *e)
{
	mix_in(arg, e->lkid << 8 | e->node);
	mix_in(arg, e->since);
	mix_in(arg, (uint64_t)e->gr << 16 | (uint64_t)e->rq << 8 | e->queue);
	mix_in(arg, e->lvb->version << 2 | e->lvb->state);
}

uint64_t check_digest(const struct node *n)
{
	uint64_t hash = 0xcbf29ce484222325;

	mxfsd_dlm_each_lock(n->dlm, digest_lock, &hash);
	mxfsd_dlm_each_entry(n->dlm, digest_entry, &hash);
	return hash;
}
