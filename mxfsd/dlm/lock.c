// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Locks of the clients of this node.
 *
 * Notes: this node is the authority for what it holds: the master's queues are
 * rebuilt from what is said here. So `gr` grows only when the grant has come,
 * and shrinks at once, when something is asked for, to what the old and the new
 * mode have in common, whether the master has heard of it or not: from then on
 * it may let others in at any time. A request under way is sent again, with the same number,
 * behind the assertions of each new epoch; whatever the former master did about
 * it was either heard in the former epoch, and has ended the request, or is
 * void.
 */
#include <string.h>

#include "priv.h"

static int may_send(const struct mxfsd_dlm *d)
{
	return d->view.epoch && d->asserted;
}

struct lock *mxfsd_lock_find(const struct mxfsd_dlm *d, uint64_t lkid)
{
	struct mxfsd_chain *c = mxfsd_table_first(&d->locks, lkid);

	for (; c; c = c->next)
		if (c->hash == lkid)
			return mxfsd_of(c, struct lock, by_id);
	return NULL;
}

/* ---- what a lock has for a while ---- */

const struct mxfs_lvb *mxfsd_lock_lvb(const struct lock *l)
{
	static const struct mxfs_lvb none;

	return l->lvb ? l->lvb : &none;
}

static int lvb_room(struct lock *l)
{
	if (!l->lvb)
		l->lvb = calloc(1, sizeof(*l->lvb));
	return l->lvb ? 0 : -1;
}

/* -1: no memory, and nothing is changed. */
static int lvb_keep(struct lock *l, const struct mxfs_lvb *lvb)
{
	if (!l->lvb && !lvb->version && lvb->state == MXFS_LVB_NONE)
		return 0;
	if (lvb_room(l))
		return -1;
	*l->lvb = *lvb;
	return 0;
}

static int wait_room(struct mxfsd_dlm *d, struct lock *l)
{
	if (l->w)
		return 0;
	l->w = d->spare ? d->spare : malloc(sizeof(*l->w));
	d->spare = NULL;
	if (!l->w)
		return -1;
	memset(l->w, 0, sizeof(*l->w));
	mxfsd_list_init(&l->w->timed);
	l->w->lock = l;
	return 0;
}

static void wait_over(struct mxfsd_dlm *d, struct lock *l)
{
	if (!l->w)
		return;
	mxfsd_list_del(&l->w->timed);
	free(d->spare);
	d->spare = l->w;
	l->w = NULL;
}

static void lock_free(struct mxfsd_dlm *d, struct lock *l)
{
	mxfsd_table_del(&d->locks, &l->by_id);
	mxfsd_list_del(&l->all);
	wait_over(d, l);
	free(l->lvb);
	free(l);
}

/* ---- what is sent ---- */

static const uint16_t type_of[] = {
	[OP_LOCK] = MXFS_LOCK,
	[OP_CONVERT] = MXFS_CONVERT,
	[OP_UNLOCK] = MXFS_UNLOCK,
};

static void send_record(struct mxfsd_dlm *d, const struct lock *l, uint16_t type,
			uint32_t master)
{
	struct mxfs_msg m = mxfsd_msg(d, type, master);

	m.req = l->req;
	m.rec.lkid = l->lkid;
	m.rec.owner = l->owner;
	m.rec.req = l->req;
	m.rec.gr = l->gr;
	m.rec.rq = l->rq;
	m.rec.flags = l->op ? l->flags : 0;
	mxfs_name_copy(&m.rec.name, mxfsd_name(l->name));
	if (m.rec.flags & MXFS_R_WRITE || type == MXFS_ASSERT_LOCKS)
		m.rec.lvb = *mxfsd_lock_lvb(l);
	mxfsd_send(d, &m);
}

static void send_request(struct mxfsd_dlm *d, const struct lock *l)
{
	uint32_t master = mxfsd_dlm_master(d, mxfsd_name(l->name));

	send_record(d, l, type_of[l->op], master);
	if (l->w && l->w->cancelled)
		send_record(d, l, MXFS_CANCEL, master);
}

void mxfsd_lock_assert(struct mxfsd_dlm *d)
{
	struct mxfsd_list *at;

	mxfsd_for_each(at, &d->lock_list) {
		struct lock *l = mxfsd_of(at, struct lock, all);
		uint32_t master = mxfsd_dlm_master(d, mxfsd_name(l->name));

		if (l->gr == MXFS_NONE)
			continue;
		send_record(d, l, MXFS_ASSERT_LOCKS, master);
		d->sent[master - 1]++;
	}
}

void mxfsd_lock_resend(struct mxfsd_dlm *d)
{
	struct mxfsd_list *at;

	mxfsd_for_each(at, &d->lock_list) {
		struct lock *l = mxfsd_of(at, struct lock, all);

		if (l->op)
			send_request(d, l);
	}
}

/* ---- requests ---- */

static uint64_t after(const struct mxfsd_dlm *d, uint64_t ns)
{
	return ns ? d->now + ns : NEVER;
}

static void soonest(struct mxfsd_dlm *d, const struct waiting *w)
{
	if (!w->cancelled && w->deadline < d->next_wait)
		d->next_wait = w->deadline;
	if (w->probe_at < d->next_wait)
		d->next_wait = w->probe_at;
}

/* There is room to wait, unless it is UNLOCK. */
static void ask(struct mxfsd_dlm *d, struct lock *l, enum op op, uint8_t mode,
		uint64_t tag, uint64_t timeout_ns)
{
	l->op = op;
	l->rq = mode;
	l->tag = tag;
	l->req = ++d->next_req;
	if (op == OP_UNLOCK) {
		wait_over(d, l);
	} else {
		l->w->cancelled = 0;
		l->w->deadline = after(d, timeout_ns);
		l->w->probe_at = after(d, d->cfg.probe_ns);
		mxfsd_list_add_tail(&l->w->timed, &d->waits);
		soonest(d, l->w);
	}
	if (may_send(d))
		send_request(d, l);
}

static struct lock *lock_new(struct mxfsd_dlm *d, const struct mxfsd_request *r)
{
	struct lock *l;

	if (r->mode >= MXFS_MODES || !r->name.len || r->name.len > MXFS_NAME_MAX)
		return NULL;
	l = calloc(1, sizeof(*l) + mxfsd_name_bytes(&r->name));
	if (!l || wait_room(d, l)) {
		free(l);
		return NULL;
	}
	memcpy(l->name, &r->name, mxfsd_name_bytes(&r->name));
	l->owner = r->owner;
	l->flags = r->flags & (MXFS_R_NOQUEUE | MXFS_R_EXPEDITE);
	l->gr = MXFS_NONE;
	l->lkid = ++d->next_lkid;
	mxfsd_table_add(&d->locks, &l->by_id, l->lkid);
	mxfsd_list_add_tail(&l->all, &d->lock_list);
	return l;
}

uint64_t mxfsd_dlm_lock(struct mxfsd_dlm *d, const struct mxfsd_request *r,
			uint64_t now)
{
	struct lock *l;
	uint64_t lkid;

	mxfsd_begin(d, now);
	l = lock_new(d, r);
	if (!l)
		return 0;
	lkid = l->lkid;
	ask(d, l, OP_LOCK, r->mode, r->tag, r->timeout_ns);
	mxfsd_finish(d);
	return lkid;
}

/* Who may write the value block, sets it with the release. NULL: to LOST. There is room. */
static void set_lvb(struct lock *l, const uint8_t *value)
{
	l->lvb->version++;
	l->lvb->state = value ? MXFS_LVB_VALID : MXFS_LVB_LOST;
	if (value)
		memcpy(l->lvb->byte, value, MXFS_LVB);
	l->flags |= MXFS_R_WRITE;
}

int mxfsd_dlm_convert(struct mxfsd_dlm *d, uint64_t lkid,
		      const struct mxfsd_request *r, uint64_t now)
{
	struct lock *l;
	int write;

	mxfsd_begin(d, now);
	l = mxfsd_lock_find(d, lkid);
	if (!l || l->op || r->mode >= MXFS_MODES)
		return -1;
	write = r->flags & MXFS_R_WRITE && mxfs_mode_is_writer(l->gr) &&
		mxfs_mode_is_release(l->gr, r->mode);
	if ((write && lvb_room(l)) || wait_room(d, l))
		return -1;
	l->flags = r->flags & (MXFS_R_NOQUEUE | MXFS_R_QUECVT);
	if (write)
		set_lvb(l, r->lvb);
	l->gr = mxfs_mode_meet(l->gr, r->mode);
	ask(d, l, OP_CONVERT, r->mode, r->tag, r->timeout_ns);
	mxfsd_finish(d);
	return 0;
}

static int ast(struct mxfsd_dlm *d, const struct lock *l, int status, uint64_t seq)
{
	struct mxfsd_action *a = mxfsd_action(d, MXFSD_AST);

	if (!a)
		return -1;
	a->lkid = l->lkid;
	a->tag = l->tag;
	a->status = status;
	a->mode = l->gr;
	a->lvb = *mxfsd_lock_lvb(l);
	a->nr = seq;
	a->mask = d->view.epoch;
	return 0;
}

static int unlock(struct mxfsd_dlm *d, uint64_t lkid, uint64_t tag,
		  const uint8_t *lvb, int write, uint64_t now)
{
	struct lock *l;

	mxfsd_begin(d, now);
	l = mxfsd_lock_find(d, lkid);
	if (!l || l->op == OP_UNLOCK)
		return -1;
	write = write && mxfs_mode_is_writer(l->gr);
	if (write && lvb_room(l))
		return -1;
	/* Without memory for that it is told LOST, as all locks are. */
	if (l->op && ast(d, l, MXFS_S_CANCELLED, 0)) {
		mxfsd_finish(d);
		return -1;
	}
	/* What a release under way has written is still to be written. */
	l->flags = l->op == OP_CONVERT ? l->flags & MXFS_R_WRITE : 0;
	if (write)
		set_lvb(l, lvb);
	if (l->gr != MXFS_NONE)
		l->gr = MXFS_NL;
	ask(d, l, OP_UNLOCK, MXFS_NONE, tag, 0);
	mxfsd_finish(d);
	return 0;
}

int mxfsd_dlm_unlock(struct mxfsd_dlm *d, uint64_t lkid, uint64_t tag,
		     const uint8_t *lvb, uint64_t now)
{
	return unlock(d, lkid, tag, lvb, !!lvb, now);
}

int mxfsd_dlm_abandon(struct mxfsd_dlm *d, uint64_t lkid, uint64_t tag,
		      uint64_t now)
{
	return unlock(d, lkid, tag, NULL, 1, now);
}

/* ---- answers ---- */

/* An answer that cannot be told leaves the request under way: it ends as LOST. */

static void done(struct mxfsd_dlm *d, struct lock *l)
{
	l->op = OP_NONE;
	l->rq = MXFS_NONE;
	l->flags = 0;
	wait_over(d, l);
}

static void granted(struct mxfsd_dlm *d, struct lock *l,
		    const struct mxfs_record *rec)
{
	if (lvb_keep(l, &rec->lvb)) {
		d->broken = 1;
		return;
	}
	l->gr = l->rq;
	if (!ast(d, l, MXFS_S_OK, rec->seq))
		done(d, l);
}

/* kept: what it holds now. */
static void denied(struct mxfsd_dlm *d, struct lock *l, int status, uint8_t kept)
{
	int gone = l->op == OP_LOCK;

	l->gr = kept;
	if (status == MXFS_S_CANCELLED && l->w && l->w->cancelled)
		status = l->w->cancelled;
	if (ast(d, l, status, 0))
		return;
	done(d, l);
	if (gone)
		lock_free(d, l);
}

static void blocking(struct mxfsd_dlm *d, const struct lock *l, uint8_t wanted)
{
	struct mxfsd_action a = { .kind = MXFSD_BAST, .lkid = l->lkid,
				  .mode = wanted };

	if (l->gr == MXFS_NONE || l->op == OP_UNLOCK ||
	    mxfs_mode_compatible(l->gr, wanted))
		return;		/* it is being given back already */
	mxfsd_do(d, &a);
}

void mxfsd_lock_message(struct mxfsd_dlm *d, const struct mxfs_msg *m)
{
	struct lock *l = mxfsd_lock_find(d, m->rec.lkid);

	if (!l)
		return;
	if (m->type == MXFS_BAST) {
		blocking(d, l, m->rec.rq);
		return;
	}
	/* The answer to a request that unlock has overtaken. */
	if (m->rec.req != l->req || !l->op)
		return;
	if (m->type == MXFS_UNLOCK) {
		if (!ast(d, l, MXFS_S_OK, 0))
			lock_free(d, l);
	} else if (m->type == MXFS_GRANT) {
		granted(d, l, &m->rec);
	} else {
		denied(d, l, m->status, m->rec.gr);
	}
}

/* ---- an end before the answer ---- */

/*
 * Before this node has asserted, no master of this epoch knows of the request,
 * and what those of an earlier one have answered is void: it ends here and now,
 * also when there is no quorum.
 */
int mxfsd_lock_deny(struct mxfsd_dlm *d, struct lock *l, int status)
{
	if ((l->op != OP_LOCK && l->op != OP_CONVERT) || l->w->cancelled)
		return 0;
	if (l->gr == l->rq)
		return 0;	/* a release: it is done already */
	if (!may_send(d)) {
		denied(d, l, status, l->gr);
		return 1;
	}
	l->w->cancelled = status;
	send_record(d, l, MXFS_CANCEL, mxfsd_dlm_master(d, mxfsd_name(l->name)));
	return 0;
}

int mxfsd_dlm_cancel(struct mxfsd_dlm *d, uint64_t lkid, uint64_t now)
{
	struct lock *l;
	int r;

	mxfsd_begin(d, now);
	l = mxfsd_lock_find(d, lkid);
	r = l && (l->op == OP_LOCK || l->op == OP_CONVERT) ? 0 : -1;
	if (!r)
		mxfsd_lock_deny(d, l, MXFS_S_CANCELLED);
	mxfsd_finish(d);
	return r;
}

/* ---- time ---- */

void mxfsd_lock_tick(struct mxfsd_dlm *d)
{
	struct mxfsd_list *at, *n;

	if (d->now < d->next_wait)
		return;
	d->next_wait = NEVER;
	mxfsd_for_each_safe(at, n, &d->waits) {
		struct waiting *w = mxfsd_of(at, struct waiting, timed);

		if (d->now >= w->deadline &&
		    mxfsd_lock_deny(d, w->lock, MXFS_S_TIMEOUT))
			continue;
		if (d->now >= w->probe_at) {
			w->probe_at = after(d, d->cfg.probe_ns);
			if (d->resumed)
				mxfsd_probe_begin(d, w->lock);
		}
		soonest(d, w);
	}
}

uint64_t mxfsd_lock_deadline(const struct mxfsd_dlm *d)
{
	return d->next_wait;
}

void mxfsd_lock_drop_all(struct mxfsd_dlm *d)
{
	struct mxfsd_list *at, *n;

	mxfsd_for_each_safe(at, n, &d->lock_list) {
		struct lock *l = mxfsd_of(at, struct lock, all);
		struct mxfsd_action a = { .kind = MXFSD_LOST, .lkid = l->lkid };

		l->gr = MXFS_NONE;
		if (l->op ? ast(d, l, MXFS_S_LOST, 0) : mxfsd_do(d, &a))
			return;	/* the next event tries again */
		lock_free(d, l);
	}
	d->next_wait = NEVER;
}
