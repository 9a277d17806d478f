// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * From one epoch to the next: freeze, assert, barrier, resume.
 *
 * Notes: all members hold everything of the former epoch for void but what
 * each holds itself. The coordinator is who proposed the view.
 *
 * step           | by          | when                        | message
 * adopt, freeze  | each member | the view is durable         | VIEW_ACK
 * go             | coordinator | all have adopted            | ASSERT_GO
 * assert         | each member | told to go                  | ASSERT_LOCKS, _DONE
 * barrier        | each member | all have asserted to it     | BARRIER
 * resume         | coordinator | all are at the barrier, and | RESUME_GRANTS
 *                |             | leavers are fenced          |
 *
 * Nobody hears of an epoch's locks before it has adopted the epoch, as "go"
 * waits for all. If somebody dies on the way, the next epoch begins from the
 * start; the former masters' knowledge is where it was, or has been handed on.
 */
#include <string.h>

#include "priv.h"

static void to_coordinator(struct mxfsd_dlm *d, uint16_t type)
{
	struct mxfs_msg m = mxfsd_msg(d, type, d->view.coordinator);

	mxfsd_send(d, &m);
}

static void to_members(struct mxfsd_dlm *d, uint16_t type)
{
	struct mxfs_msg m = mxfsd_msg(d, type, 0);

	mxfsd_send_all(d, &m, d->view.members.mask);
}

static void tell_view(struct mxfsd_dlm *d)
{
	struct mxfsd_action a = {
		.kind = MXFSD_VIEW, .nr = d->view.epoch,
		.mask = d->view.members.mask, .mode = d->resumed != 0,
	};

	mxfsd_do(d, &a);
}

static int is_coordinator(const struct mxfsd_dlm *d)
{
	return d->view.coordinator == d->cfg.node;
}

/* Its own adoption comes first, so that it hears who follows. */
static void send_commit(struct mxfsd_dlm *d)
{
	struct mxfs_msg m = mxfsd_msg(d, MXFS_VIEW_COMMIT, 0);

	m.view.members = d->view.members;
	m.view.fence = d->view.fence;
	mxfsd_send_all(d, &m, d->view.members.mask & ~self_bit(d));
}

/* A node that slept on the way may have a lease no more: nothing is granted by that. */
void mxfsd_recover_adopt(struct mxfsd_dlm *d)
{
	if (d->now >= mxfsd_lease_until(d)) {
		mxfsd_reborn(d);
		return;
	}
	mxfsd_res_retire(d);
	d->view = d->next;
	memset(&d->next, 0, sizeof(d->next));
	d->asserted = d->resumed = d->dirty = 0;
	d->done = d->acks = d->ready = 0;
	memset(d->got, 0, sizeof(d->got));
	memset(d->sent, 0, sizeof(d->sent));
	d->frozen_since = d->now;
	d->unfenced = is_coordinator(d) && d->cfg.fence ?
		d->view.fence.mask : 0;
	d->fence_again = d->now;
	tell_view(d);
	if (is_coordinator(d))
		send_commit(d);
	to_coordinator(d, MXFS_VIEW_ACK);
}

/* ---- each member ---- */

static void go(struct mxfsd_dlm *d)
{
	struct mxfs_msg m;

	if (d->asserted)
		return;
	mxfsd_res_hand_on(d);
	mxfsd_lock_assert(d);
	m = mxfsd_msg(d, MXFS_ASSERT_DONE, 0);
	for (uint32_t n = 1; n <= MXFS_NODES; n++) {
		if (!(d->view.members.mask & mxfs_bit(n)))
			continue;
		m.dst = n;
		m.count = d->sent[n - 1];
		mxfsd_send(d, &m);
	}
	d->asserted = 1;
	mxfsd_lock_resend(d);
}

static void asserted(struct mxfsd_dlm *d, const struct mxfs_msg *m)
{
	int r = mxfsd_res_assert(d, m->src, &m->rec);

	if (r < 0)
		d->broken = 1;
	else if (!r)
		d->got[m->src - 1]++;
}

static void asserted_all(struct mxfsd_dlm *d, const struct mxfs_msg *m)
{
	if (d->got[m->src - 1] != m->count) {
		d->dirty = 1;	/* what was promised has not come: once more */
		return;
	}
	d->done |= mxfs_bit(m->src);
	if (d->done == d->view.members.mask)
		to_coordinator(d, MXFS_BARRIER);
}

static void resume(struct mxfsd_dlm *d)
{
	if (d->resumed || d->done != d->view.members.mask)
		return;
	d->resumed = 1;
	/* Whoever was a member before is fenced, or has its locks in here. */
	d->st.pending = d->view.members;
	tell_view(d);
	mxfsd_res_resume(d);
}

/* ---- the coordinator ---- */

static void resume_all(struct mxfsd_dlm *d)
{
	if (is_coordinator(d) && !d->unfenced &&
	    d->ready == d->view.members.mask && !d->resumed)
		to_members(d, MXFS_RESUME_GRANTS);
}

static void fence(struct mxfsd_dlm *d)
{
	struct mxfsd_action a = { .kind = MXFSD_FENCE, .mask = d->view.epoch };

	for (uint32_t n = 1; n <= MXFS_NODES; n++) {
		if (!(d->unfenced & mxfs_bit(n)))
			continue;
		a.node = n;
		a.nr = d->view.fence.inc[n - 1];
		mxfsd_do(d, &a);
	}
	d->fence_again = d->now + d->cfg.lease_ns;
}

void mxfsd_recover_tick(struct mxfsd_dlm *d)
{
	if (d->unfenced && d->now >= d->fence_again)
		fence(d);
}

void mxfsd_dlm_fenced(struct mxfsd_dlm *d, uint32_t node, uint64_t inc, int ok,
		      uint64_t now)
{
	mxfsd_begin(d, now);
	if (ok && mxfs_set_has(&d->view.fence, node, inc)) {
		d->unfenced &= ~mxfs_bit(node);
		resume_all(d);
	}
	mxfsd_finish(d);
}

static void adopted(struct mxfsd_dlm *d, const struct mxfs_msg *m)
{
	uint64_t before = d->acks;

	d->acks |= mxfs_bit(m->src);
	if (d->acks != before && d->acks == d->view.members.mask)
		to_members(d, MXFS_ASSERT_GO);
}

void mxfsd_recover_message(struct mxfsd_dlm *d, const struct mxfs_msg *m)
{
	int led = m->src == d->view.coordinator;

	switch (m->type) {
	case MXFS_VIEW_ACK:
		adopted(d, m);
		break;
	case MXFS_ASSERT_GO:
		if (led)
			go(d);
		break;
	case MXFS_ASSERT_LOCKS:
		asserted(d, m);
		break;
	case MXFS_ASSERT_DONE:
		asserted_all(d, m);
		break;
	case MXFS_BARRIER:
		d->ready |= mxfs_bit(m->src);
		resume_all(d);
		break;
	case MXFS_RESUME_GRANTS:
		if (led)
			resume(d);
		break;
	}
}
