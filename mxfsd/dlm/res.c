// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Resources that this node masters: queues, grants, value blocks.
 *
 * Notes: nothing is granted before the barrier (d->resumed); requests that
 * come earlier are queued. A lock that waits for a conversion counts with the
 * mode that it holds. The queues are served in order: converters first, then,
 * when none is left, new requests. What may be granted at any time without
 * asking anybody is a release; that is a table, not a comparison.
 *
 * event          | what follows
 * LOCK           | granted if both queues are empty and it fits, else waits
 * CONVERT        | a release at once; else if it fits, else queued, unless a
 *                | converter ahead waits for what this one holds: deadlock
 * UNLOCK, CANCEL | out of its queue, then the queues are served
 * served         | who is in the way of the first in line is told (BAST)
 */
#include <string.h>

#include "priv.h"

/* ---- resources and entries ---- */

static int masters_init(struct masters *m)
{
	mxfsd_list_init(&m->all);
	return mxfsd_table_init(&m->res) || mxfsd_table_init(&m->entry) ? -1 : 0;
}

int mxfsd_res_init(struct mxfsd_dlm *d)
{
	int r = masters_init(&d->cur);

	return masters_init(&d->old) ? -1 : r;
}

static struct res *res_find(const struct masters *m, uint64_t hash,
			    const struct mxfs_name *name)
{
	struct mxfsd_chain *c = mxfsd_table_first(&m->res, hash);

	for (; c; c = c->next) {
		struct res *r = mxfsd_of(c, struct res, by_name);

		if (c->hash == hash && mxfs_name_equal(mxfsd_name(r->name), name))
			return r;
	}
	return NULL;
}

static struct res *res_get(struct mxfsd_dlm *d, const struct mxfs_name *name)
{
	uint64_t hash = mxfsd_name_hash(d, name);
	struct res *r = res_find(&d->cur, hash, name);

	if (r)
		return r;
	r = calloc(1, sizeof(*r) + mxfsd_name_bytes(name));
	if (!r)
		return NULL;
	memcpy(r->name, name, mxfsd_name_bytes(name));
	for (int q = 0; q < MXFSD_QUEUES; q++)
		mxfsd_list_init(&r->queue[q]);
	mxfsd_table_add(&d->cur.res, &r->by_name, hash);
	mxfsd_list_add_tail(&r->all, &d->cur.all);
	return r;
}

static uint64_t entry_hash(uint32_t node, uint64_t lkid)
{
	return (lkid * MXFS_NODES + node - 1) * 0x9e3779b97f4a7c15 >> 7;
}

struct entry *mxfsd_entry_find(const struct mxfsd_dlm *d, uint32_t node,
			       uint64_t lkid)
{
	uint64_t hash = entry_hash(node, lkid);
	struct mxfsd_chain *c = mxfsd_table_first(&d->cur.entry, hash);

	for (; c; c = c->next) {
		struct entry *e = mxfsd_of(c, struct entry, by_lkid);

		if (e->node == node && e->lkid == lkid)
			return e;
	}
	return NULL;
}

static void queue_in(struct mxfsd_dlm *d, struct entry *e, enum mxfsd_queue q)
{
	mxfsd_list_del(&e->link);
	mxfsd_list_add_tail(&e->link, &e->res->queue[q]);
	e->res->waiting -= e->queue == MXFSD_WAIT;
	e->res->waiting += q == MXFSD_WAIT;
	e->queue = q;
	e->bast = MXFS_NONE;
	e->since = ++d->next_since;
}

static struct entry *entry_new(struct mxfsd_dlm *d, struct res *r, uint32_t node,
			       const struct mxfs_record *rec)
{
	struct entry *e = calloc(1, sizeof(*e));

	if (!e)
		return NULL;
	e->res = r;
	e->node = node;
	e->inc = d->view.members.inc[node - 1];
	e->lkid = rec->lkid;
	e->owner = rec->owner;
	e->req = rec->req;
	e->flags = rec->flags;
	e->gr = rec->gr;
	e->rq = rec->rq;
	mxfsd_list_init(&e->link);
	mxfsd_table_add(&d->cur.entry, &e->by_lkid, entry_hash(node, rec->lkid));
	d->cur.of[node - 1]++;
	return e;
}

static void entry_free(struct masters *m, struct entry *e)
{
	mxfsd_table_del(&m->entry, &e->by_lkid);
	mxfsd_list_del(&e->link);
	e->res->waiting -= e->queue == MXFSD_WAIT;
	m->of[e->node - 1]--;
	free(e);
}

static void res_free(struct masters *m, struct res *r)
{
	struct mxfsd_list *at, *n;

	for (int q = 0; q < MXFSD_QUEUES; q++)
		mxfsd_for_each_safe(at, n, &r->queue[q])
			entry_free(m, mxfsd_of(at, struct entry, link));
	mxfsd_table_del(&m->res, &r->by_name);
	mxfsd_list_del(&r->all);
	free(r);
}

void mxfsd_masters_empty(struct masters *m)
{
	struct mxfsd_list *at, *n;

	if (!m->res.slot || !m->entry.slot)
		return;
	mxfsd_for_each_safe(at, n, &m->all)
		res_free(m, mxfsd_of(at, struct res, all));
}

static int res_unused(const struct res *r)
{
	return mxfsd_list_empty(&r->queue[MXFSD_GRANTED]) &&
	       mxfsd_list_empty(&r->queue[MXFSD_CONVERT]) &&
	       mxfsd_list_empty(&r->queue[MXFSD_WAIT]);
}

/* ---- what may be granted ---- */

static int holders_allow(const struct res *r, enum mxfsd_queue q,
			 const struct entry *but, uint8_t mode)
{
	const struct mxfsd_list *at;

	mxfsd_for_each(at, &r->queue[q]) {
		const struct entry *e = mxfsd_of(at, struct entry, link);

		if (e != but && !mxfs_mode_compatible(e->gr, mode))
			return 0;
	}
	return 1;
}

static int fits(const struct entry *e)
{
	return holders_allow(e->res, MXFSD_GRANTED, e, e->rq) &&
	       holders_allow(e->res, MXFSD_CONVERT, e, e->rq);
}

static int passes(const struct entry *e)
{
	return e->flags & MXFS_R_EXPEDITE && e->rq == MXFS_NL;
}

int mxfsd_entry_blocks(const struct entry *e, const struct entry *waiting)
{
	if (e == waiting)
		return 0;
	if (!mxfs_mode_compatible(e->gr, waiting->rq))
		return 1;
	if (e->queue == MXFSD_GRANTED || e->queue < waiting->queue)
		return e->queue == MXFSD_CONVERT;
	return e->queue == waiting->queue && e->since < waiting->since;
}

/*
 * A converter ahead waits for what e holds, and e would wait behind it: for
 * ever. The old mode alone decides, whether the two exclude each other mutually
 * or not.
 */
static int would_deadlock(const struct entry *e)
{
	const struct mxfsd_list *at;

	mxfsd_for_each(at, &e->res->queue[MXFSD_CONVERT]) {
		const struct entry *k = mxfsd_of(at, struct entry, link);

		if (k == e)
			break;
		if (!mxfs_mode_compatible(e->gr, k->rq))
			return 1;
	}
	return 0;
}

/* ---- answers ---- */

static struct mxfs_msg answer(struct mxfsd_dlm *d, const struct entry *e,
			      uint16_t type)
{
	struct mxfs_msg m = mxfsd_msg(d, type, e->node);

	m.req = e->req;
	m.rec.lkid = e->lkid;
	m.rec.owner = e->owner;
	m.rec.req = e->req;
	m.rec.seq = e->res->seq;
	m.rec.gr = e->gr;
	m.rec.rq = MXFS_NONE;
	mxfs_name_copy(&m.rec.name, mxfsd_name(e->res->name));
	return m;
}

static void grant(struct mxfsd_dlm *d, struct entry *e)
{
	struct mxfs_msg m;

	e->gr = e->rq;
	e->rq = MXFS_NONE;
	e->flags = 0;
	e->res->seq++;
	queue_in(d, e, MXFSD_GRANTED);
	m = answer(d, e, MXFS_GRANT);
	m.rec.lvb = e->res->lvb;
	mxfsd_send(d, &m);
}

/* The request ends; a converter keeps what it held, a new one is gone. */
static void deny(struct mxfsd_dlm *d, struct entry *e, int status)
{
	struct mxfs_msg m = answer(d, e, MXFS_DENY);

	m.status = status;
	mxfsd_send(d, &m);
	if (e->gr == MXFS_NONE) {
		entry_free(&d->cur, e);
		return;
	}
	e->rq = MXFS_NONE;
	e->flags = 0;
	queue_in(d, e, MXFSD_GRANTED);
}

static void unlocked(struct mxfsd_dlm *d, const struct mxfs_msg *request)
{
	struct mxfs_msg m = *request;

	m.flags = MXFS_F_REPLY;
	m.src = d->cfg.node;
	m.dst = request->src;
	m.rec.flags = 0;
	memset(&m.rec.lvb, 0, sizeof(m.rec.lvb));
	mxfsd_send(d, &m);
}

/* ---- service of the queues ---- */

static struct entry *first(const struct res *r, enum mxfsd_queue q)
{
	return mxfsd_list_empty(&r->queue[q]) ? NULL :
		mxfsd_of(r->queue[q].next, struct entry, link);
}

static struct entry *head(const struct res *r)
{
	struct entry *e = first(r, MXFSD_CONVERT);

	return e ? e : first(r, MXFSD_WAIT);
}

/* Once for each holder and wanted mode, and again when more is wanted. */
static void tell(struct mxfsd_dlm *d, struct entry *e, uint8_t wanted)
{
	struct mxfs_msg m;

	if (mxfs_mode_compatible(e->gr, wanted) || e->bast == wanted)
		return;
	if (e->bast != MXFS_NONE && mxfs_mode_is_release(e->bast, wanted))
		return;
	e->bast = wanted;
	m = answer(d, e, MXFS_BAST);
	m.rec.rq = wanted;
	mxfsd_send(d, &m);
}

static void tell_holders(struct mxfsd_dlm *d, struct res *r)
{
	struct entry *e = head(r);
	struct mxfsd_list *at;

	if (!e)
		return;
	mxfsd_for_each(at, &r->queue[MXFSD_GRANTED])
		tell(d, mxfsd_of(at, struct entry, link), e->rq);
	mxfsd_for_each(at, &r->queue[MXFSD_CONVERT])
		if (at != &e->link)
			tell(d, mxfsd_of(at, struct entry, link), e->rq);
}

static void serve(struct mxfsd_dlm *d, struct res *r)
{
	struct entry *e;

	if (!d->resumed)
		return;
	while ((e = head(r)) && fits(e))
		grant(d, e);
	tell_holders(d, r);
	if (res_unused(r))
		res_free(&d->cur, r);
}

/*
 * Knowledge of a resource is with one node at a time. It is here if this node
 * was its master with all rights, or has been told by who was.
 */
static int is_known(const struct mxfsd_dlm *d, const struct res *r)
{
	return d->resumed || r->known;
}

/* ---- requests ---- */

static void write_lvb(struct res *r, const struct mxfs_record *rec)
{
	if (rec->flags & MXFS_R_WRITE && rec->lvb.version > r->lvb.version)
		r->lvb = rec->lvb;
}

/* What one node, or all for one name, may have a master keep has an end. */
static int is_too_much(const struct mxfsd_dlm *d, const struct mxfs_msg *m)
{
	uint32_t most = d->cfg.peer_locks ? d->cfg.peer_locks : MXFSD_PEER_LOCKS;
	const struct res *r;

	if (d->cur.of[m->src - 1] >= most)
		return 1;
	r = res_find(&d->cur, mxfsd_name_hash(d, &m->rec.name), &m->rec.name);
	return r && r->waiting >= MXFSD_WAITERS;
}

static void refuse(struct mxfsd_dlm *d, const struct mxfs_msg *request)
{
	struct mxfs_msg m = mxfsd_msg(d, MXFS_DENY, request->src);

	m.req = request->req;
	m.status = MXFS_S_QUOTA;
	m.rec.lkid = request->rec.lkid;
	m.rec.owner = request->rec.owner;
	m.rec.req = request->req;
	m.rec.gr = m.rec.rq = MXFS_NONE;
	m.rec.name = request->rec.name;
	mxfsd_send(d, &m);
}

static void do_lock(struct mxfsd_dlm *d, const struct mxfs_msg *m)
{
	struct res *r;
	struct entry *e = NULL;
	int alone;

	if (m->rec.rq >= MXFS_MODES ||
	    mxfsd_entry_find(d, m->src, m->rec.lkid))
		return;
	if (is_too_much(d, m)) {
		refuse(d, m);
		return;
	}
	r = res_get(d, &m->rec.name);
	if (r) {
		alone = !head(r);
		e = entry_new(d, r, m->src, &m->rec);
	}
	if (!e) {
		d->broken = 1;
		return;
	}
	e->gr = MXFS_NONE;
	queue_in(d, e, MXFSD_WAIT);
	if (d->resumed && (alone || passes(e)) && fits(e))
		grant(d, e);
	else if (d->resumed && e->flags & MXFS_R_NOQUEUE)
		deny(d, e, MXFS_S_BUSY);
	serve(d, r);
}

static void do_convert(struct mxfsd_dlm *d, const struct mxfs_msg *m)
{
	struct entry *e = mxfsd_entry_find(d, m->src, m->rec.lkid);
	int behind, release;

	if (!e || e->queue != MXFSD_GRANTED || m->rec.rq >= MXFS_MODES)
		return;
	e->req = m->rec.req;
	e->rq = m->rec.rq;
	e->flags = m->rec.flags;
	write_lvb(e->res, &m->rec);
	release = mxfs_mode_is_release(e->gr, e->rq);
	behind = e->flags & MXFS_R_QUECVT && first(e->res, MXFSD_CONVERT);
	if (release)
		e->gr = e->rq;
	queue_in(d, e, MXFSD_CONVERT);
	if (!d->resumed)
		return;		/* the answer has the value block: it waits */
	if (release || (!behind && fits(e)))
		grant(d, e);
	else if (e->flags & MXFS_R_NOQUEUE)
		deny(d, e, MXFS_S_BUSY);
	else if (would_deadlock(e))
		deny(d, e, MXFS_S_DEADLOCK);
	serve(d, e->res);
}

static void do_unlock(struct mxfsd_dlm *d, const struct mxfs_msg *m)
{
	struct entry *e = mxfsd_entry_find(d, m->src, m->rec.lkid);
	struct res *r = e ? e->res : NULL;

	if (e)
		write_lvb(r, &m->rec);
	/* Who has written vouches for it until this node can: another epoch forgets it. */
	if (e && m->rec.flags & MXFS_R_WRITE && !is_known(d, r)) {
		e->req = m->rec.req;
		e->leaves = 1;
		return;
	}
	unlocked(d, m);
	if (!e)
		return;
	entry_free(&d->cur, e);
	serve(d, r);
}

static void do_cancel(struct mxfsd_dlm *d, const struct mxfs_msg *m)
{
	struct entry *e = mxfsd_entry_find(d, m->src, m->rec.lkid);
	struct res *r;

	if (!e || e->queue == MXFSD_GRANTED || e->req != m->rec.req)
		return;		/* it is answered already */
	r = e->res;
	deny(d, e, MXFS_S_CANCELLED);
	serve(d, r);
}

void mxfsd_res_message(struct mxfsd_dlm *d, const struct mxfs_msg *m)
{
	switch (m->type) {
	case MXFS_LOCK:
		do_lock(d, m);
		break;
	case MXFS_CONVERT:
		do_convert(d, m);
		break;
	case MXFS_UNLOCK:
		do_unlock(d, m);
		break;
	case MXFS_CANCEL:
		do_cancel(d, m);
		break;
	}
}

/* ---- rebuilding ---- */

static void lvb_newer(struct res *r, const struct mxfs_lvb *lvb)
{
	if (lvb->version > r->lvb.version)
		r->lvb = *lvb;
}

/*
 * What the former master knew of the value block is right but for writes that
 * did not reach it, and those are asserted by who made them.
 */
static void assert_master(struct res *r, const struct mxfs_record *rec)
{
	r->known = 1;
	r->writer = (uint32_t)rec->owner;
	r->writer_inc = rec->req;
	if (rec->lvb.version >= r->lvb.version)
		r->lvb = rec->lvb;
}

static void assert_copy(struct res *r, const struct mxfs_record *rec)
{
	struct mxfs_lvb lvb = rec->lvb;

	if (mxfs_mode_bars_writers(rec->gr)) {
		r->proven = 1;
		if (lvb.version >= r->lvb.version)
			r->lvb = lvb;
		return;
	}
	/* Others may have written since; or this is a write of its own. */
	if (lvb.state == MXFS_LVB_VALID && !(rec->flags & MXFS_R_WRITE))
		lvb.state = MXFS_LVB_LOST;
	lvb_newer(r, &lvb);
}

int mxfsd_res_assert(struct mxfsd_dlm *d, uint32_t node,
		     const struct mxfs_record *rec)
{
	struct res *r = res_get(d, &rec->name);
	struct entry *e;

	if (!r)
		return -1;
	if (rec->flags & MXFS_R_MASTER) {
		assert_master(r, rec);
		return 0;
	}
	if (rec->gr >= MXFS_MODES || mxfsd_entry_find(d, node, rec->lkid))
		return 1;
	e = entry_new(d, r, node, rec);
	if (!e)
		return -1;
	e->rq = MXFS_NONE;
	queue_in(d, e, MXFSD_GRANTED);
	assert_copy(r, rec);
	return 0;
}

static const struct entry *writer_of(const struct res *r)
{
	const struct mxfsd_list *at;

	for (int q = MXFSD_GRANTED; q <= MXFSD_CONVERT; q++) {
		mxfsd_for_each(at, &r->queue[q]) {
			const struct entry *e = mxfsd_of(at, struct entry, link);

			if (mxfs_mode_is_writer(e->gr))
				return e;
		}
	}
	return NULL;
}

static void hand_on(struct mxfsd_dlm *d, struct res *r)
{
	uint32_t master = mxfsd_dlm_master(d, mxfsd_name(r->name));
	struct mxfs_msg m = mxfsd_msg(d, MXFS_ASSERT_LOCKS, master);

	m.rec.flags = MXFS_R_MASTER;
	m.rec.gr = m.rec.rq = MXFS_NONE;
	mxfs_name_copy(&m.rec.name, mxfsd_name(r->name));
	m.rec.lvb = r->lvb;
	/* A writer that is gone may have been about to write. */
	if (r->writer && !mxfs_set_has(&d->view.members, r->writer,
				       r->writer_inc)) {
		if (m.rec.lvb.state == MXFS_LVB_VALID)
			m.rec.lvb.state = MXFS_LVB_LOST;
	} else {
		m.rec.owner = r->writer;
		m.rec.req = r->writer_inc;
	}
	mxfsd_send(d, &m);
	d->sent[master - 1]++;
}

void mxfsd_res_hand_on(struct mxfsd_dlm *d)
{
	struct mxfsd_list *at;

	mxfsd_for_each(at, &d->old.all)
		hand_on(d, mxfsd_of(at, struct res, all));
	mxfsd_masters_empty(&d->old);
}

static void keep(struct mxfsd_dlm *d, struct res *r)
{
	const struct entry *w = writer_of(r);
	struct mxfsd_list *at, *n;

	if (w) {
		r->writer = w->node;
		r->writer_inc = w->inc;
	}
	for (int q = 0; q < MXFSD_QUEUES; q++)
		mxfsd_for_each_safe(at, n, &r->queue[q])
			entry_free(&d->cur, mxfsd_of(at, struct entry, link));
	mxfsd_table_del(&d->cur.res, &r->by_name);
	mxfsd_list_del(&r->all);
	mxfsd_table_add(&d->old.res, &r->by_name, r->by_name.hash);
	mxfsd_list_add_tail(&r->all, &d->old.all);
}

void mxfsd_res_retire(struct mxfsd_dlm *d)
{
	struct mxfsd_list *at, *n;

	mxfsd_for_each_safe(at, n, &d->cur.all) {
		struct res *r = mxfsd_of(at, struct res, all);

		if (is_known(d, r))
			keep(d, r);
		else
			res_free(&d->cur, r);
	}
}

/* A value that nobody can vouch for is lost, even if it seems never written. */
static void lvb_settle(struct res *r)
{
	if (!r->known && !r->proven &&
	    !(mxfsd_list_empty(&r->queue[MXFSD_GRANTED]) &&
	      mxfsd_list_empty(&r->queue[MXFSD_CONVERT])))
		r->lvb.state = MXFS_LVB_LOST;
	r->writer = 0;
	r->writer_inc = 0;
	r->known = r->proven = 0;
}

/*
 * The order in which converters had come is lost: whoever fits may have it,
 * and who would wait for itself is denied.
 */
static void resume_converters(struct mxfsd_dlm *d, struct res *r)
{
	struct mxfsd_list *at, *n;

	mxfsd_for_each_safe(at, n, &r->queue[MXFSD_CONVERT]) {
		struct entry *e = mxfsd_of(at, struct entry, link);

		if (fits(e))
			grant(d, e);
	}
	mxfsd_for_each_safe(at, n, &r->queue[MXFSD_CONVERT]) {
		struct entry *e = mxfsd_of(at, struct entry, link);

		if (e->flags & MXFS_R_NOQUEUE)
			deny(d, e, MXFS_S_BUSY);
		else if (would_deadlock(e))
			deny(d, e, MXFS_S_DEADLOCK);
	}
}

static void resume_waiters(struct mxfsd_dlm *d, struct res *r)
{
	struct mxfsd_list *at, *n;

	mxfsd_for_each_safe(at, n, &r->queue[MXFSD_WAIT]) {
		struct entry *e = mxfsd_of(at, struct entry, link);

		if ((passes(e) || e == head(r)) && fits(e))
			grant(d, e);
		else if (e->flags & MXFS_R_NOQUEUE)
			deny(d, e, MXFS_S_BUSY);
	}
}

static void resume_leavers(struct mxfsd_dlm *d, struct res *r)
{
	struct mxfsd_list *at, *n;

	mxfsd_for_each_safe(at, n, &r->queue[MXFSD_GRANTED]) {
		struct entry *e = mxfsd_of(at, struct entry, link);
		struct mxfs_msg m;

		if (!e->leaves)
			continue;
		m = answer(d, e, MXFS_UNLOCK);
		m.flags = MXFS_F_REPLY;
		mxfsd_send(d, &m);
		entry_free(&d->cur, e);
	}
}

void mxfsd_res_resume(struct mxfsd_dlm *d)
{
	struct mxfsd_list *at, *n;

	mxfsd_for_each_safe(at, n, &d->cur.all) {
		struct res *r = mxfsd_of(at, struct res, all);

		lvb_settle(r);
		resume_leavers(d, r);
		resume_converters(d, r);
		resume_waiters(d, r);
		serve(d, r);
	}
}
