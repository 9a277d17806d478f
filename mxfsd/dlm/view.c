// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Who is a member: leases, votes, views.
 *
 * Notes: two promises carry everything. A voter that answers a renewal will
 * not vote for a view without its sender before takeover_ns have passed on its
 * own clock; the sender counts lease_ns from before it asked. A voter votes
 * once in each epoch, and that is durable before it is told. A majority has to
 * vote for a view, a majority has to have promised for a lease: so when a view
 * without somebody is decided, that one's lease is over. A voter that has
 * restarted knows nothing of its promises and waits for as long as they last.
 *
 * Nobody votes for a view without itself. So members are a majority, and at
 * least one of them was in the view before and knows whose locks there were.
 *
 * A node that is outside for one half of the others only (a one-way loss)
 * would stay for ever if those who hear it went on to promise. Each tells whom
 * it reaches; all choose the largest set in which everybody reaches everybody,
 * and promise nothing to the rest.
 */
#include <string.h>

#include "priv.h"

/* ---- leases ---- */

/* When the n-th newest promise to this node was asked for; 0: there are less. */
static uint64_t promised_at(const struct mxfsd_dlm *d, uint32_t n)
{
	uint64_t at[MXFS_NODES + 1], v;
	uint32_t nr = 0, i;

	for (uint32_t p = 0; p <= MXFS_NODES; p++) {
		v = p < MXFS_NODES ? d->peer[p].acked : d->disk_acked;
		if (!v)
			continue;
		for (i = nr++; i && at[i - 1] < v; i--)
			at[i] = at[i - 1];
		at[i] = v;
	}
	return n <= nr ? at[n - 1] : 0;
}

uint64_t mxfsd_lease_until(const struct mxfsd_dlm *d)
{
	uint64_t at;

	if (d->quorum == 1)
		return NEVER;
	at = promised_at(d, d->quorum - 1);	/* and its own */
	return at ? at + d->cfg.lease_ns : 0;
}

static uint64_t reach(const struct mxfsd_dlm *d)
{
	uint64_t mask = self_bit(d);

	for (uint32_t n = 1; n <= MXFS_NODES; n++)
		if (d->peer[n - 1].reached &&
		    d->now < d->peer[n - 1].reached + d->cfg.lease_ns)
			mask |= mxfs_bit(n);
	return mask;
}

static void renew(struct mxfsd_dlm *d)
{
	struct mxfs_msg m = mxfsd_msg(d, MXFS_LEASE_RENEW, 0);
	struct mxfsd_action a = { .kind = MXFSD_DISK_RENEW, .nr = d->now };

	m.lease.inc = d->st.inc;
	m.lease.stamp = d->now;
	m.lease.reach = reach(d);
	mxfsd_send_all(d, &m, d->cfg.voters & ~self_bit(d));
	d->next_renew = d->now + d->cfg.renew_ns;
	if (d->cfg.disk && d->view.epoch && !d->yielding)
		mxfsd_do(d, &a);
}

static int is_unwanted(const struct mxfsd_dlm *d, const struct peer *p)
{
	return p->unwanted && d->now >= p->unwanted + 2 * d->cfg.renew_ns;
}

static void on_renew(struct mxfsd_dlm *d, const struct mxfs_msg *m)
{
	struct peer *p = &d->peer[m->src - 1];
	struct mxfs_msg a = mxfsd_msg(d, MXFS_LEASE_ACK, m->src);

	a.lease = m->lease;
	a.lease.reach = 0;
	if (m->lease.inc < d->st.least[m->src - 1]) {
		a.status = MXFS_S_OUT;
		mxfsd_send(d, &a);
		return;
	}
	if (m->lease.inc < p->inc)
		return;
	p->inc = m->lease.inc;
	p->heard = d->now;
	p->reach = m->lease.reach;
	if (m->epoch > d->seen_epoch)
		d->seen_epoch = m->epoch;
	if (is_unwanted(d, p))
		a.status = MXFS_S_NOT_YET;
	else
		p->promise = d->now + d->cfg.takeover_ns;
	mxfsd_send(d, &a);
}

static void on_ack(struct mxfsd_dlm *d, const struct mxfs_msg *m)
{
	struct peer *p = &d->peer[m->src - 1];

	if (m->lease.inc != d->st.inc || m->lease.stamp > d->now)
		return;
	if (m->status == MXFS_S_OUT) {
		mxfsd_reborn(d);
		return;
	}
	if (m->lease.stamp > p->reached)
		p->reached = m->lease.stamp;
	if (m->status == MXFS_S_OK && m->lease.stamp > p->acked)
		p->acked = m->lease.stamp;
}

/* ---- who should be a member ---- */

static int linked(const struct mxfsd_dlm *d, uint64_t mine, uint32_t a, uint32_t b)
{
	uint64_t of_a = a == d->cfg.node ? mine : d->peer[a - 1].reach;
	uint64_t of_b = b == d->cfg.node ? mine : d->peer[b - 1].reach;

	return of_a & mxfs_bit(b) && of_b & mxfs_bit(a);
}

static uint64_t heard(const struct mxfsd_dlm *d)
{
	uint64_t mask = self_bit(d);

	for (uint32_t n = 1; n <= MXFS_NODES; n++) {
		const struct peer *p = &d->peer[n - 1];

		if (d->cfg.voters & mxfs_bit(n) && p->heard &&
		    d->now < p->heard + d->cfg.takeover_ns &&
		    p->inc >= d->st.least[n - 1])
			mask |= mxfs_bit(n);
	}
	return mask;
}

/* From one node on, everybody who is linked to all so far. */
static uint64_t clique_from(const struct mxfsd_dlm *d, uint64_t all, uint32_t from)
{
	uint64_t mine = reach(d), set = mxfs_bit(from);
	uint32_t n, m;

	for (n = 1; n <= MXFS_NODES; n++) {
		if (!(all & mxfs_bit(n)) || n == from)
			continue;
		for (m = 1; m <= MXFS_NODES; m++)
			if (set & mxfs_bit(m) && !linked(d, mine, n, m))
				break;
		if (m > MXFS_NODES)
			set |= mxfs_bit(n);
	}
	return set;
}

static uint64_t clique(const struct mxfsd_dlm *d)
{
	uint64_t all = heard(d), best = 0, set;

	for (uint32_t n = 1; n <= MXFS_NODES; n++) {
		if (!(all & mxfs_bit(n)))
			continue;
		set = clique_from(d, all, n);
		if (__builtin_popcountll(set) > __builtin_popcountll(best))
			best = set;
	}
	return best;
}

static void note_unwanted(struct mxfsd_dlm *d, uint64_t wanted)
{
	for (uint32_t n = 1; n <= MXFS_NODES; n++) {
		struct peer *p = &d->peer[n - 1];

		if (wanted & mxfs_bit(n))
			p->unwanted = 0;
		else if (!p->unwanted)
			p->unwanted = d->now;
	}
}

static void members_of(const struct mxfsd_dlm *d, uint64_t mask,
		       struct mxfs_set *s)
{
	memset(s, 0, sizeof(*s));
	for (uint32_t n = 1; n <= MXFS_NODES; n++)
		if (mask & mxfs_bit(n))
			mxfs_set_add(s, n, n == d->cfg.node ? d->st.inc :
				     d->peer[n - 1].inc);
}

/* ---- voting ---- */

static int excludes_too_early(const struct mxfsd_dlm *d, const struct mxfs_set *s)
{
	uint64_t left = d->cfg.voters & ~s->mask;

	if (left && d->now < d->born + d->cfg.takeover_ns)
		return 1;
	for (uint32_t n = 1; n <= MXFS_NODES; n++)
		if (left & mxfs_bit(n) && d->now < d->peer[n - 1].promise)
			return 1;
	return 0;
}

static int has_outdated(const struct mxfsd_dlm *d, const struct mxfs_set *s)
{
	for (uint32_t n = 1; n <= MXFS_NODES; n++) {
		if (!(s->mask & mxfs_bit(n)))
			continue;
		if (s->inc[n - 1] < d->st.least[n - 1] ||
		    s->inc[n - 1] < d->peer[n - 1].inc)
			return 1;
	}
	return 0;
}

static int judge(const struct mxfsd_dlm *d, const struct mxfs_msg *m)
{
	const struct mxfs_set *s = &m->view.members;
	int again = m->epoch == d->st.vote_epoch && m->src == d->st.vote_by &&
		mxfs_set_equal(s, &d->st.vote);

	if (m->epoch <= d->view.epoch ||
	    (m->epoch <= d->st.vote_epoch && !again))
		return MXFS_S_TOO_OLD;
	if (s->mask & ~d->cfg.voters ||
	    !mxfs_set_has(s, d->cfg.node, d->st.inc))
		return MXFS_S_NOT_ME;
	if (has_outdated(d, s))
		return MXFS_S_OUT;
	return excludes_too_early(d, s) ? MXFS_S_NOT_YET : MXFS_S_OK;
}

static void send_vote(struct mxfsd_dlm *d, uint32_t to, uint64_t epoch, int status)
{
	struct mxfs_msg m = mxfsd_msg(d, MXFS_VIEW_VOTE, to);

	m.epoch = epoch;
	m.status = status;
	m.vote.promised = d->st.vote_epoch;
	m.vote.pending = d->st.pending;
	mxfsd_send(d, &m);
}

/* Incarnations that a view leaves behind get no promise any more. */
static void leave_behind(struct mxfsd_dlm *d, const struct mxfs_set *s)
{
	for (uint32_t n = 1; n <= MXFS_NODES; n++) {
		uint64_t *least = &d->st.least[n - 1];
		uint64_t known = d->peer[n - 1].inc;

		if (d->st.pending.mask & mxfs_bit(n) &&
		    d->st.pending.inc[n - 1] > known)
			known = d->st.pending.inc[n - 1];
		known = s->mask & mxfs_bit(n) ? s->inc[n - 1] : known + 1;
		if (known > *least)
			*least = known;
	}
}

static void on_propose(struct mxfsd_dlm *d, const struct mxfs_msg *m)
{
	int status = judge(d, m);

	if (m->epoch > d->seen_epoch)
		d->seen_epoch = m->epoch;
	if (status || m->epoch == d->st.vote_epoch) {
		if (status || !d->vote_nr)
			send_vote(d, m->src, m->epoch, status);
		return;
	}
	d->st.vote_epoch = m->epoch;
	d->st.vote_by = m->src;
	d->st.vote = m->view.members;
	leave_behind(d, &m->view.members);
	mxfsd_persist(d, &d->vote_nr);
}

/* ---- proposing ---- */

static void give_up(struct mxfsd_dlm *d)
{
	memset(&d->prop, 0, sizeof(d->prop));
	/* Nodes whose proposals met draw apart. */
	d->next_try = d->now + d->cfg.renew_ns / 8 * d->cfg.node;
}

static void adopt_later(struct mxfsd_dlm *d, const struct view *v)
{
	d->next = *v;
	mxfs_set_join(&d->st.pending, &v->members);
	mxfs_set_join(&d->st.pending, &v->fence);
	mxfsd_persist(d, &d->commit_nr);
}

static void commit(struct mxfsd_dlm *d)
{
	struct proposal *p = &d->prop;
	struct view v = { .epoch = p->epoch, .coordinator = d->cfg.node,
			  .members = p->members };

	for (uint32_t n = 1; n <= MXFS_NODES; n++)
		if (p->pending.mask & ~p->members.mask & mxfs_bit(n))
			mxfs_set_add(&v.fence, n, p->pending.inc[n - 1]);
	if (d->st.vote_epoch == p->epoch && d->st.vote_by == d->cfg.node)
		adopt_later(d, &v);
	memset(p, 0, sizeof(*p));
}

static void commit_if_agreed(struct mxfsd_dlm *d)
{
	const struct proposal *p = &d->prop;

	if (p->epoch && p->yes == p->members.mask &&
	    (p->disk == NO_DISK || p->disk == DISK_YES))
		commit(d);
}

static void on_vote(struct mxfsd_dlm *d, const struct mxfs_msg *m)
{
	struct proposal *p = &d->prop;

	if (m->vote.promised > d->seen_epoch)
		d->seen_epoch = m->vote.promised;
	if (!p->epoch || m->epoch != p->epoch ||
	    !(p->members.mask & mxfs_bit(m->src)))
		return;
	if (m->status == MXFS_S_NOT_YET)
		return;		/* it is asked again */
	if (m->status) {
		give_up(d);
		return;
	}
	p->yes |= mxfs_bit(m->src);
	mxfs_set_join(&p->pending, &m->vote.pending);
	commit_if_agreed(d);
}

static void on_commit(struct mxfsd_dlm *d, const struct mxfs_msg *m)
{
	struct view v = { .epoch = m->epoch, .coordinator = m->src,
			  .members = m->view.members, .fence = m->view.fence };

	/*
	 * Who has voted in a later epoch has said then whose locks there may
	 * be, and must not let there be others.
	 */
	if (m->epoch <= d->view.epoch || m->epoch <= d->next.epoch ||
	    m->epoch < d->st.vote_epoch ||
	    !mxfs_set_has(&v.members, d->cfg.node, d->st.inc) ||
	    !mxfs_set_has(&v.members, m->src, v.members.inc[m->src - 1]))
		return;
	leave_behind(d, &v.members);
	adopt_later(d, &v);
}

static uint64_t max3(uint64_t a, uint64_t b, uint64_t c)
{
	a = a > b ? a : b;
	return a > c ? a : c;
}

static void disk_read(struct mxfsd_dlm *d)
{
	struct mxfsd_action a = { .kind = MXFSD_DISK_READ };

	mxfsd_do(d, &a);
}

static void propose(struct mxfsd_dlm *d, const struct mxfs_set *s)
{
	struct proposal *p = &d->prop;

	memset(p, 0, sizeof(*p));
	p->epoch = max3(d->st.vote_epoch, d->view.epoch, d->seen_epoch) + 1;
	p->members = *s;
	p->until = d->now + 2 * d->cfg.renew_ns;
	p->again = d->now;
	if ((uint32_t)__builtin_popcountll(s->mask) < d->quorum) {
		p->disk = DISK_ASKED;
		p->until += d->cfg.takeover_ns + 2 * d->cfg.renew_ns;
		disk_read(d);
	}
}

static void go_on(struct mxfsd_dlm *d)
{
	struct proposal *p = &d->prop;
	struct mxfs_msg m;

	if (d->now >= p->until) {
		give_up(d);
		return;
	}
	if (p->disk == DISK_WAIT && d->now >= p->disk_at) {
		p->disk = DISK_LOOK;
		disk_read(d);
	}
	if (d->now < p->again)
		return;
	p->again = d->now + d->cfg.renew_ns / 4;
	m = mxfsd_msg(d, MXFS_VIEW_PROPOSE, 0);
	m.epoch = p->epoch;
	m.view.members = p->members;
	mxfsd_send_all(d, &m, p->members.mask & ~p->yes);
}

/* Something is not as it should be, and this set could do better. */
static int wants_view(const struct mxfsd_dlm *d, const struct mxfs_set *s)
{
	uint32_t votes = (uint32_t)__builtin_popcountll(s->mask) + !!d->cfg.disk;

	if (!(s->mask & self_bit(d)) || votes < d->quorum)
		return 0;
	return !d->view.epoch || d->dirty ||
		!mxfs_set_equal(s, &d->view.members) ||
		(!d->resumed && d->now >= d->frozen_since + d->cfg.takeover_ns);
}

static uint64_t turn(const struct mxfsd_dlm *d, uint64_t mask)
{
	uint64_t before = mask & (self_bit(d) - 1);

	return 2 * d->cfg.renew_ns * (uint64_t)__builtin_popcountll(before);
}

void mxfsd_view_tick(struct mxfsd_dlm *d)
{
	struct mxfs_set s;

	if (d->birth_nr)
		return;
	if (d->now >= d->next_renew)
		renew(d);
	members_of(d, clique(d), &s);
	note_unwanted(d, s.mask);
	if (!wants_view(d, &s)) {
		d->wanted_since = 0;
		return;
	}
	if (!d->wanted_since)
		d->wanted_since = d->now;
	if (d->prop.epoch)
		go_on(d);
	else if (!d->next.epoch && d->now >= d->next_try &&
		 d->now >= d->wanted_since + d->cfg.renew_ns / 4 + turn(d, s.mask))
		propose(d, &s);
}

/* ---- the voting disk ---- */

static int others_renewed(const struct mxfsd_dlm *d, const struct mxfsd_disk *disk)
{
	for (uint32_t n = 0; n < MXFS_NODES; n++)
		if (!(d->prop.members.mask >> n & 1) &&
		    disk->renewals[n] != d->prop.disk_seen.renewals[n])
			return 1;
	return 0;
}

/*
 * Both nodes renew on the disk and do not reach each other: the lower number
 * has precedence, the other lets its lease run out.
 */
static void yield_perhaps(struct mxfsd_dlm *d, const struct mxfsd_disk *disk)
{
	uint64_t unreached = d->cfg.voters & ~reach(d);

	if (!unreached)
		d->yielding = 0;
	for (uint32_t n = 1; n < d->cfg.node; n++)
		if (unreached & mxfs_bit(n) && d->disk_last[n - 1] &&
		    disk->renewals[n - 1] != d->disk_last[n - 1])
			d->yielding = 1;
	memcpy(d->disk_last, disk->renewals, sizeof(d->disk_last));
}

void mxfsd_dlm_disk_renewed(struct mxfsd_dlm *d, uint64_t stamp,
			    const struct mxfsd_disk *disk, uint64_t now)
{
	mxfsd_begin(d, now);
	yield_perhaps(d, disk);
	if (d->view.epoch && disk->epoch > d->view.epoch &&
	    !(disk->mask & self_bit(d)))
		mxfsd_reborn(d);
	else if (d->view.epoch && !d->yielding && stamp > d->disk_acked)
		d->disk_acked = stamp;
	mxfsd_finish(d);
}

static void claim(struct mxfsd_dlm *d)
{
	struct mxfsd_action a = {
		.kind = MXFSD_DISK_CLAIM, .nr = d->prop.epoch,
		.mask = d->prop.members.mask,
	};

	mxfsd_do(d, &a);
	d->prop.disk = DISK_CLAIM;
	d->prop.disk_at = d->now;
}

/*
 * Who has claimed before may have locks. The disk does not know of incarnations: the
 * newest that was heard of. This claim is going to hide that one, also if nothing comes of
 * it but the claim: so this node remembers it, and says so with its votes.
 */
static void fence_claimers(struct mxfsd_dlm *d, const struct mxfsd_disk *disk)
{
	struct mxfs_set s, before = d->st.pending;

	members_of(d, disk->mask & d->cfg.voters & ~d->prop.members.mask, &s);
	mxfs_set_join(&d->prop.pending, &s);
	mxfs_set_join(&d->st.pending, &s);
	if (!mxfs_set_equal(&before, &d->st.pending))
		mxfsd_persist(d, &d->prop.claimers_nr);
}

void mxfsd_dlm_disk_state(struct mxfsd_dlm *d, const struct mxfsd_disk *disk,
			  uint64_t now)
{
	struct proposal *p = &d->prop;

	mxfsd_begin(d, now);
	if (disk->epoch > d->seen_epoch)
		d->seen_epoch = disk->epoch;
	if (p->disk == DISK_ASKED && disk->epoch < p->epoch) {
		p->disk_seen = *disk;
		p->disk = DISK_WAIT;
		p->disk_at = d->now + d->cfg.takeover_ns;
		fence_claimers(d, disk);
	} else if (p->disk == DISK_LOOK && disk->epoch == p->disk_seen.epoch &&
		   !others_renewed(d, disk) && d->saved >= p->claimers_nr) {
		claim(d);
	} else if (p->disk == DISK_ASKED || p->disk == DISK_LOOK) {
		give_up(d);
	}
	mxfsd_finish(d);
}

void mxfsd_dlm_disk_claimed(struct mxfsd_dlm *d, uint64_t epoch,
			    const struct mxfsd_disk *disk, uint64_t now)
{
	struct proposal *p = &d->prop;

	mxfsd_begin(d, now);
	if (p->disk == DISK_CLAIM && p->epoch == epoch) {
		if (disk && !others_renewed(d, disk)) {
			p->disk = DISK_YES;
			/* Who reads it waits from then on: as a renewal. */
			d->disk_acked = p->disk_at;
			commit_if_agreed(d);
		} else {
			give_up(d);
		}
	}
	mxfsd_finish(d);
}

/* ---- events ---- */

void mxfsd_view_message(struct mxfsd_dlm *d, const struct mxfs_msg *m)
{
	if (d->birth_nr)
		return;		/* not yet somebody */
	switch (m->type) {
	case MXFS_LEASE_RENEW:
		on_renew(d, m);
		break;
	case MXFS_LEASE_ACK:
		on_ack(d, m);
		break;
	case MXFS_VIEW_PROPOSE:
		on_propose(d, m);
		break;
	case MXFS_VIEW_VOTE:
		on_vote(d, m);
		break;
	case MXFS_VIEW_COMMIT:
		on_commit(d, m);
		break;
	}
}

static int is_saved(const struct mxfsd_dlm *d, uint64_t *nr)
{
	if (!*nr || d->saved < *nr)
		return 0;
	*nr = 0;
	return 1;
}

void mxfsd_view_persisted(struct mxfsd_dlm *d)
{
	if (is_saved(d, &d->birth_nr))
		d->next_renew = d->now;
	if (is_saved(d, &d->vote_nr))
		send_vote(d, d->st.vote_by, d->st.vote_epoch, MXFS_S_OK);
	if (is_saved(d, &d->commit_nr) && d->next.epoch)
		mxfsd_recover_adopt(d);
}
