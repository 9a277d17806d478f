// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Events in, actions out: the frame of the lock manager.
 *
 * Notes: each event first looks whether the lease has run out, because a node
 * that slept must not act on what it held before. Then the event, then what it
 * made this node send to itself. Memory that is missing for what others rely
 * on ends this incarnation (mxfsd_reborn): they recover from it as from a
 * death. DLM messages are taken for the epoch of the view alone.
 */
#include <string.h>

#include "priv.h"

/* ---- actions and messages ---- */

#define FIFO_KEPT	((size_t)1 << 20)	/* bytes that an empty one keeps */

static size_t fifo_needs(size_t size)
{
	return sizeof(size) + ((size + 7) & ~(size_t)7);
}

static int fifo_grow(struct fifo *f, size_t needs)
{
	size_t room = 2 * f->room + needs + 4096;
	uint8_t *bytes;

	if (f->first >= f->room / 2 && f->end - f->first + needs <= f->room) {
		memmove(f->bytes, f->bytes + f->first, f->end - f->first);
		f->end -= f->first;
		f->first = 0;
		return 0;
	}
	bytes = malloc(room);
	if (!bytes)
		return -1;
	if (f->bytes)
		memcpy(bytes, f->bytes + f->first, f->end - f->first);
	free(f->bytes);
	f->bytes = bytes;
	f->room = room;
	f->end -= f->first;
	f->first = 0;
	return 0;
}

/* Room for one, to be filled in before the next. NULL: no memory. */
static void *fifo_put(struct mxfsd_dlm *d, struct fifo *f, size_t size)
{
	size_t needs = fifo_needs(size);
	uint8_t *at;

	if (f->end + needs > f->room && fifo_grow(f, needs)) {
		d->broken = 1;
		return NULL;
	}
	at = f->bytes + f->end;
	memcpy(at, &size, sizeof(size));
	f->end += needs;
	return at + sizeof(size);
}

static void fifo_empty(struct fifo *f)
{
	f->first = f->end = 0;
	if (f->room <= FIFO_KEPT)
		return;
	free(f->bytes);
	f->bytes = NULL;
	f->room = 0;
}

static int fifo_take(struct fifo *f, void *what)
{
	size_t size;

	if (f->first == f->end)
		return 0;
	memcpy(&size, f->bytes + f->first, sizeof(size));
	memcpy(what, f->bytes + f->first + sizeof(size), size);
	f->first += fifo_needs(size);
	if (f->first == f->end)
		fifo_empty(f);
	return 1;
}

/* Messages about locks come by the million, and need a fifth of the whole. */
static size_t msg_size(const struct mxfs_msg *msg)
{
	return msg->type >= MXFS_ASSERT_GO ?
		offsetof(struct mxfs_msg, rec) +
		(msg->type == MXFS_DEADLOCK_PROBE ? sizeof(msg->probe) :
						    sizeof(msg->rec)) :
		sizeof(*msg);
}

#define BARE	offsetof(struct mxfsd_action, msg)	/* without a message */

struct mxfsd_action *mxfsd_action(struct mxfsd_dlm *d, enum mxfsd_action_kind kind)
{
	struct mxfsd_action *a = fifo_put(d, &d->out, BARE);

	if (!a)
		return NULL;
	memset(a, 0, BARE);
	a->kind = kind;
	return a;
}

int mxfsd_do(struct mxfsd_dlm *d, const struct mxfsd_action *a)
{
	size_t size = a->kind == MXFSD_PERSIST ? sizeof(*a) : BARE;
	void *to = fifo_put(d, &d->out, size);

	if (!to)
		return -1;
	memcpy(to, a, size);
	return 0;
}

int mxfsd_dlm_take(struct mxfsd_dlm *d, struct mxfsd_action *action)
{
	return fifo_take(&d->out, action);
}

struct mxfs_msg mxfsd_msg(struct mxfsd_dlm *d, uint16_t type, uint32_t dst)
{
	struct mxfs_msg m;

	m.type = type;
	memset(&m, 0, msg_size(&m));
	m.type = type;
	m.src = d->cfg.node;
	m.dst = dst;
	m.epoch = d->view.epoch;
	return m;
}

void mxfsd_send(struct mxfsd_dlm *d, const struct mxfs_msg *msg)
{
	size_t size = msg_size(msg);
	struct mxfsd_action *a;
	void *to;

	/* One is missing: nobody is to hear what should have followed it. */
	if (d->broken)
		return;
	if (msg->dst == d->cfg.node) {
		to = fifo_put(d, &d->in, size);
		if (to)
			memcpy(to, msg, size);
		return;
	}
	a = fifo_put(d, &d->out, BARE + size);
	if (!a)
		return;
	memset(a, 0, BARE);
	a->kind = MXFSD_SEND;
	memcpy(&a->msg, msg, size);
}

void mxfsd_send_all(struct mxfsd_dlm *d, struct mxfs_msg *msg, uint64_t mask)
{
	for (uint32_t n = 1; n <= MXFS_NODES; n++) {
		if (mask & mxfs_bit(n)) {
			msg->dst = n;
			mxfsd_send(d, msg);
		}
	}
}

uint64_t mxfsd_name_hash(const struct mxfsd_dlm *d, const struct mxfs_name *n)
{
	return mxfsd_hash(d->cfg.key, n->byte, n->len);
}

uint32_t mxfsd_dlm_master(const struct mxfsd_dlm *d, const struct mxfs_name *n)
{
	return mxfsd_place(mxfsd_name_hash(d, n), d->view.members.mask);
}

void mxfsd_persist(struct mxfsd_dlm *d, uint64_t *nr)
{
	struct mxfsd_action a = { .kind = MXFSD_PERSIST };

	*nr = a.nr = ++d->saving;
	a.stable = d->st;
	mxfsd_do(d, &a);
}

/* ---- a node's life ---- */

static void inbox_drop(struct mxfsd_dlm *d)
{
	fifo_empty(&d->in);
}

void mxfsd_reborn(struct mxfsd_dlm *d)
{
	d->broken = 0;
	inbox_drop(d);
	mxfsd_lock_drop_all(d);
	mxfsd_masters_empty(&d->cur);
	mxfsd_masters_empty(&d->old);
	memset(&d->view, 0, sizeof(d->view));
	memset(&d->next, 0, sizeof(d->next));
	memset(&d->prop, 0, sizeof(d->prop));
	d->asserted = d->resumed = d->dirty = 0;
	d->done = d->acks = d->ready = d->unfenced = 0;
	d->vote_nr = d->commit_nr = 0;
	d->disk_acked = d->wanted_since = 0;
	d->yielding = 0;
	for (uint32_t i = 0; i < MXFS_NODES; i++)
		d->peer[i].acked = 0;
	d->st.inc++;
	mxfsd_persist(d, &d->birth_nr);
}

static int config_ok(const struct mxfsd_config *c)
{
	return c->node >= 1 && c->node <= MXFS_NODES &&
	       c->voters & mxfs_bit(c->node) && c->renew_ns &&
	       c->lease_ns > c->renew_ns &&
	       c->takeover_ns >= MXFSD_TAKEOVER(c->lease_ns);
}

static uint32_t quorum_of(const struct mxfsd_config *c)
{
	return ((uint32_t)__builtin_popcountll(c->voters) + !!c->disk) / 2 + 1;
}

struct mxfsd_dlm *mxfsd_dlm_new(const struct mxfsd_config *config,
				const struct mxfsd_stable *stable, uint64_t now)
{
	struct mxfsd_dlm *d = config_ok(config) ? calloc(1, sizeof(*d)) : NULL;

	if (!d)
		return NULL;
	d->cfg = *config;
	d->st = *stable;
	d->now = d->born = now;
	d->quorum = quorum_of(config);
	mxfsd_list_init(&d->lock_list);
	mxfsd_list_init(&d->waits);
	if (mxfsd_table_init(&d->locks) || mxfsd_res_init(d)) {
		mxfsd_dlm_free(d);
		return NULL;
	}
	mxfsd_reborn(d);
	return d;
}

void mxfsd_dlm_free(struct mxfsd_dlm *d)
{
	mxfsd_lock_drop_all(d);
	mxfsd_masters_empty(&d->cur);
	mxfsd_masters_empty(&d->old);
	free(d->spare);
	free(d->in.bytes);
	free(d->out.bytes);
	mxfsd_table_fini(&d->locks);
	mxfsd_table_fini(&d->cur.res);
	mxfsd_table_fini(&d->cur.entry);
	mxfsd_table_fini(&d->old.res);
	mxfsd_table_fini(&d->old.entry);
	free(d);
}

/* ---- events ---- */

static int of_locks(uint16_t type)
{
	return type >= MXFS_VIEW_ACK;
}

/* Those of another epoch are of a world that is gone, or that is not yet ours. */
static int of_this_epoch(struct mxfsd_dlm *d, const struct mxfs_msg *m)
{
	if (m->epoch == d->view.epoch && d->view.epoch &&
	    d->view.members.mask & mxfs_bit(m->src))
		return 1;
	d->stale++;
	return 0;
}

static void dispatch(struct mxfsd_dlm *d, const struct mxfs_msg *m)
{
	if (of_locks(m->type) && !of_this_epoch(d, m))
		return;
	switch (m->type) {
	case MXFS_LEASE_RENEW:
	case MXFS_LEASE_ACK:
	case MXFS_VIEW_PROPOSE:
	case MXFS_VIEW_VOTE:
	case MXFS_VIEW_COMMIT:
		mxfsd_view_message(d, m);
		break;
	case MXFS_VIEW_ACK:
	case MXFS_ASSERT_GO:
	case MXFS_ASSERT_LOCKS:
	case MXFS_ASSERT_DONE:
	case MXFS_BARRIER:
	case MXFS_RESUME_GRANTS:
		mxfsd_recover_message(d, m);
		break;
	case MXFS_LOCK:
	case MXFS_CONVERT:
	case MXFS_CANCEL:
		mxfsd_res_message(d, m);
		break;
	case MXFS_UNLOCK:
		if (m->flags & MXFS_F_REPLY)
			mxfsd_lock_message(d, m);
		else
			mxfsd_res_message(d, m);
		break;
	case MXFS_GRANT:
	case MXFS_DENY:
	case MXFS_BAST:
		mxfsd_lock_message(d, m);
		break;
	case MXFS_DEADLOCK_PROBE:
		mxfsd_probe_message(d, m);
		break;
	}
}

/* Time has come to now. A lease that ran out meanwhile is seen first. */
void mxfsd_begin(struct mxfsd_dlm *d, uint64_t now)
{
	if (now > d->now)
		d->now = now;
	if (d->view.epoch && d->now >= mxfsd_lease_until(d))
		mxfsd_reborn(d);
}

void mxfsd_finish(struct mxfsd_dlm *d)
{
	struct mxfs_msg m;

	while (fifo_take(&d->in, &m))
		dispatch(d, &m);
	if (d->broken)
		mxfsd_reborn(d);
}

void mxfsd_dlm_receive(struct mxfsd_dlm *d, const struct mxfs_msg *msg,
		       uint64_t now)
{
	mxfsd_begin(d, now);
	if (msg->dst == d->cfg.node && msg->src != d->cfg.node &&
	    d->cfg.voters & mxfs_bit(msg->src))
		dispatch(d, msg);
	mxfsd_finish(d);
}

void mxfsd_dlm_tick(struct mxfsd_dlm *d, uint64_t now)
{
	mxfsd_begin(d, now);
	mxfsd_view_tick(d);
	mxfsd_recover_tick(d);
	mxfsd_lock_tick(d);
	mxfsd_finish(d);
}

void mxfsd_dlm_persisted(struct mxfsd_dlm *d, uint64_t nr, uint64_t now)
{
	mxfsd_begin(d, now);
	if (nr > d->saved && nr <= d->saving)
		d->saved = nr;
	mxfsd_view_persisted(d);
	mxfsd_finish(d);
}

void mxfsd_dlm_session_lost(struct mxfsd_dlm *d, uint32_t node, uint64_t now)
{
	mxfsd_begin(d, now);
	if (d->view.members.mask & mxfs_bit(node))
		d->dirty = 1;
	mxfsd_finish(d);
}

uint64_t mxfsd_dlm_deadline(const struct mxfsd_dlm *d)
{
	uint64_t at = d->next_renew, other;

	if (d->view.epoch) {
		other = mxfsd_lease_until(d);
		at = other < at ? other : at;
	}
	other = mxfsd_lock_deadline(d);
	at = other < at ? other : at;
	/* Proposals, fencing, patience: several looks between two renewals. */
	other = d->now + d->cfg.renew_ns / 8;
	return other < at ? other : at;
}

/* ---- looking in ---- */

void mxfsd_dlm_state(const struct mxfsd_dlm *d, struct mxfsd_state *s)
{
	s->inc = d->st.inc;
	s->epoch = d->view.epoch;
	s->lease_until = mxfsd_lease_until(d);
	s->locks = d->locks.nr;
	s->resources = d->cur.res.nr;
	s->stale = d->stale;
	s->members = d->view.members;
	s->coordinator = d->view.coordinator;
	s->resumed = d->resumed;
	s->complete = d->view.epoch && d->done == d->view.members.mask;
	s->asserted = d->asserted;
}

void mxfsd_dlm_each_lock(const struct mxfsd_dlm *d,
			 void (*fn)(void *, const struct mxfsd_lock_info *),
			 void *arg)
{
	const struct mxfsd_list *at;

	mxfsd_for_each(at, &d->lock_list) {
		const struct lock *l = mxfsd_of(at, struct lock, all);
		struct mxfsd_lock_info info = {
			.lkid = l->lkid, .owner = l->owner, .req = l->req,
			.gr = l->gr, .rq = l->rq, .op = l->op,
			.name = mxfsd_name(l->name), .lvb = mxfsd_lock_lvb(l),
		};

		fn(arg, &info);
	}
}

static void each_of_res(const struct res *r,
			void (*fn)(void *, const struct mxfsd_entry_info *),
			void *arg)
{
	const struct mxfsd_list *at;

	for (int q = 0; q < MXFSD_QUEUES; q++) {
		mxfsd_for_each(at, &r->queue[q]) {
			const struct entry *e = mxfsd_of(at, struct entry, link);
			struct mxfsd_entry_info info = {
				.name = mxfsd_name(r->name), .lvb = &r->lvb, .queue = q,
				.node = e->node, .lkid = e->lkid,
				.since = e->since, .gr = e->gr, .rq = e->rq,
				.flags = e->flags,
			};

			fn(arg, &info);
		}
	}
}

void mxfsd_dlm_each_entry(const struct mxfsd_dlm *d,
			  void (*fn)(void *, const struct mxfsd_entry_info *),
			  void *arg)
{
	const struct mxfsd_list *at;

	mxfsd_for_each(at, &d->cur.all)
		each_of_res(mxfsd_of(at, struct res, all), fn, arg);
}
