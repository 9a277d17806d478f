// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Deadlocks over several resources: probes along who waits for whom.
 *
 * Notes: a lock that has waited for probe_ns sends a probe to the master of its
 * resource. That passes it on to the node of each lock in the way; there it
 * follows what the owner of that lock waits for, and so on. A probe that comes
 * back to the owner who sent it has gone round a circle, and the youngest
 * request on its way is denied. Youngest is by (request number, node): any total
 * order does, as all who go round the circle choose the same. Each wait passes
 * a probe on once. A circle that opens meanwhile (somebody releases a lock
 * while a probe is under way) may cost one denial that was not needed.
 */
#include "priv.h"

#define HOPS_MOST	128u

static int same_owner(const struct mxfs_wait *a, const struct mxfs_wait *b)
{
	return a->owner == b->owner && a->node == b->node;
}

static int is_younger(const struct mxfs_wait *a, const struct mxfs_wait *b)
{
	return a->req != b->req ? a->req > b->req : a->node > b->node;
}

static void pass_on(struct mxfsd_dlm *d, const struct mxfs_probe *probe,
		    enum mxfs_leg leg, uint32_t to)
{
	struct mxfs_msg m = mxfsd_msg(d, MXFS_DEADLOCK_PROBE, to);

	m.probe = *probe;
	m.probe.leg = leg;
	if (leg != MXFS_TO_MASTER)
		m.probe.name.len = 0;
	mxfsd_send(d, &m);
}

static struct mxfs_wait wait_of(const struct mxfsd_dlm *d, const struct lock *l)
{
	return (struct mxfs_wait){ .node = d->cfg.node, .owner = l->owner,
				   .lkid = l->lkid, .req = l->req };
}

void mxfsd_probe_begin(struct mxfsd_dlm *d, struct lock *l)
{
	struct mxfs_probe p = { .round = ++d->round };

	if (!l->owner || !l->w || l->w->cancelled)
		return;
	mxfs_name_copy(&p.name, mxfsd_name(l->name));
	p.init = p.at = p.victim = wait_of(d, l);
	pass_on(d, &p, MXFS_TO_MASTER, mxfsd_dlm_master(d, mxfsd_name(l->name)));
}

/* ---- at the master: who is in the way ---- */

static void follow(struct mxfsd_dlm *d, const struct mxfs_probe *probe,
		   const struct entry *b)
{
	struct mxfs_probe p = *probe;

	if (!b->owner)
		return;
	p.at = (struct mxfs_wait){ .node = b->node, .owner = b->owner,
				   .lkid = b->lkid, .req = b->req };
	p.hops++;
	if (same_owner(&p.at, &p.init))
		pass_on(d, &p, MXFS_TO_VICTIM, p.victim.node);
	else if (p.hops < HOPS_MOST)
		pass_on(d, &p, MXFS_TO_HOLDER, b->node);
}

static void at_master(struct mxfsd_dlm *d, const struct mxfs_probe *p)
{
	const struct entry *e = mxfsd_entry_find(d, p->at.node, p->at.lkid);
	const struct mxfsd_list *at;

	if (!e || e->queue == MXFSD_GRANTED || e->req != p->at.req)
		return;		/* it waits no more */
	for (int q = 0; q < MXFSD_QUEUES; q++) {
		mxfsd_for_each(at, &e->res->queue[q]) {
			const struct entry *b = mxfsd_of(at, struct entry, link);

			if (mxfsd_entry_blocks(b, e))
				follow(d, p, b);
		}
	}
}

/* ---- at the holder: what its owner waits for ---- */

static int has_passed(struct waiting *w, const struct mxfs_probe *p)
{
	if (w->seen_node == p->init.node && w->seen_init == p->init.lkid &&
	    w->seen_round == p->round)
		return 1;
	w->seen_node = p->init.node;
	w->seen_init = p->init.lkid;
	w->seen_round = p->round;
	return 0;
}

static void at_holder(struct mxfsd_dlm *d, const struct mxfs_probe *probe)
{
	struct mxfsd_list *at;

	mxfsd_for_each(at, &d->waits) {
		struct waiting *w = mxfsd_of(at, struct waiting, timed);
		const struct lock *l = w->lock;
		struct mxfs_probe p = *probe;

		if (l->owner != p.at.owner || w->cancelled || has_passed(w, &p))
			continue;
		p.at = wait_of(d, l);
		if (is_younger(&p.at, &p.victim))
			p.victim = p.at;
		mxfs_name_copy(&p.name, mxfsd_name(l->name));
		pass_on(d, &p, MXFS_TO_MASTER, mxfsd_dlm_master(d, mxfsd_name(l->name)));
	}
}

static void at_victim(struct mxfsd_dlm *d, const struct mxfs_probe *p)
{
	struct lock *l = mxfsd_lock_find(d, p->victim.lkid);

	if (l && l->req == p->victim.req)
		mxfsd_lock_deny(d, l, MXFS_S_DEADLOCK);
}

void mxfsd_probe_message(struct mxfsd_dlm *d, const struct mxfs_msg *m)
{
	if (!d->resumed && m->probe.leg == MXFS_TO_MASTER)
		return;		/* whoever waits asks again */
	if (m->probe.leg == MXFS_TO_MASTER)
		at_master(d, &m->probe);
	else if (m->probe.leg == MXFS_TO_HOLDER)
		at_holder(d, &m->probe);
	else
		at_victim(d, &m->probe);
}
