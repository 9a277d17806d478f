// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Clients of this node, by the control socket.
 *
 * Notes: a lock has at most one request and one unlock under way, so the lock manager's
 * tag says only which of the two an answer is for, and the client's own tags are kept
 * here. What the lock manager says is put into the client's buffer at once and
 * written after the batch of events; a client that is to be dropped meanwhile is only
 * marked, because giving back its locks is telling the lock manager something.
 *
 * A client that dies, or that does not read, is dropped: its locks are given back,
 * and value blocks that it might have written become LOST. A client that has more than
 * CLIENT_SLOW waiting for it is not read from until it has taken that.
 *
 * What looks at all locks (a list; a cancel, by its tag) is done once in each turn of the
 * loop, whoever asks: peers and leases do not wait for more than one of them. What stands
 * behind it in the client's buffer goes on in the next turn.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <uuid/uuid.h>

#include "client.h"
#include "control.h"
#include "list.h"

#define IN_FRAMES	256u
#define TAG_REQUEST	1u
#define TAG_UNLOCK	2u

struct client {
	struct mxfsd_list all;
	struct loop_watch watch;
	struct clients *cs;
	struct mxfsd_list locks;
	uint32_t lock_nr, events;
	uint64_t id;
	uid_t uid;
	pid_t pid;
	const char *doomed;	/* why it is to be dropped */
	int may_lock;
	struct mxfs_name watched;	/* len 0: nothing */
	uint8_t *out;
	size_t out_at, out_len, out_room, in_len;
	uint8_t in[IN_FRAMES * MXFS_CTL_FRAME];
};

struct held {			/* a lock, held or asked for */
	struct mxfsd_chain by_id;
	struct mxfsd_list link;	/* of its client */
	struct client *client;	/* NULL: gone, and the lock is being given back */
	uint64_t tag, unlock_tag;	/* the client's */
	int granted, unlocking;
	struct mxfs_name name;
};

struct clients {
	struct loop *loop;
	struct engine *engine;
	struct loop_watch listen;
	struct loop_hook hook;
	struct loop_timer again;	/* somebody's buffer has more to do */
	struct mxfsd_list all;
	struct mxfsd_table locks;
	uint32_t nr, watchers;
	int walked;		/* all locks were looked at in this turn */
	uint64_t next_id;
	char path[108];
};

static struct mxfsd_dlm *dlm(const struct clients *cs)
{
	return engine_dlm(cs->engine);
}

/* ---- what goes to a client ---- */

static int make_room(struct client *c)
{
	size_t used = c->out_len - c->out_at, room = c->out_room * 2;
	uint8_t *out;

	if (c->out_at) {
		memmove(c->out, c->out + c->out_at, used);
		c->out_at = 0;
		c->out_len = used;
	}
	if (c->out_len + MXFS_CTL_FRAME <= c->out_room)
		return 0;
	if (c->out_room >= CLIENT_UNREAD)
		return -1;
	room = room ? room : 16 * MXFS_CTL_FRAME;
	out = realloc(c->out, room);
	if (!out)
		return -1;
	c->out = out;
	c->out_room = room;
	return 0;
}

static void put(struct client *c, const struct mxfs_ctl *m)
{
	if (c->doomed)
		return;
	if (c->out_len + MXFS_CTL_FRAME > c->out_room && make_room(c)) {
		c->doomed = "it does not read what it is told";
		return;
	}
	mxfs_ctl_encode(m, c->out + c->out_len);
	c->out_len += MXFS_CTL_FRAME;
}

static void answer(struct client *c, const struct mxfs_ctl *to, int32_t status)
{
	struct mxfs_ctl m = { .type = MXFS_CTL_DONE, .tag = to->tag, .lkid = to->lkid,
			      .mode = MXFS_NONE, .want = MXFS_NONE, .status = status };

	put(c, &m);
}

static void tell_watchers(struct clients *cs, const struct held *h,
			  enum mxfs_ctl_event what, const struct mxfsd_action *a)
{
	struct mxfs_ctl m = { .type = MXFS_CTL_EVENT, .queue = (uint8_t)what,
			      .lkid = a->lkid, .mode = a->mode, .want = MXFS_NONE,
			      .status = a->status, .nr = a->nr, .mask = a->mask };
	struct mxfsd_list *at;

	if (!cs->watchers)
		return;
	if (h)
		m.name = h->name;
	mxfsd_for_each(at, &cs->all) {
		struct client *c = mxfsd_of(at, struct client, all);

		if (c->watched.len && (!h || mxfs_name_equal(&c->watched, &h->name)))
			put(c, &m);
	}
}

/* ---- what the lock manager says ---- */

static struct held *find(const struct clients *cs, uint64_t lkid)
{
	struct mxfsd_chain *c = mxfsd_table_first(&cs->locks, lkid);

	for (; c; c = c->next)
		if (c->hash == lkid)
			return mxfsd_of(c, struct held, by_id);
	return NULL;
}

static void forget(struct clients *cs, struct held *h)
{
	if (h->client) {
		mxfsd_list_del(&h->link);
		h->client->lock_nr--;
	}
	mxfsd_table_del(&cs->locks, &h->by_id);
	free(h);
}

static enum mxfs_ctl_event event_of(const struct mxfsd_action *a)
{
	if (a->status)
		return a->status == MXFS_S_LOST ? MXFS_EV_LOST : MXFS_EV_DENIED;
	return a->tag == TAG_UNLOCK ? MXFS_EV_RELEASED : MXFS_EV_GRANTED;
}

static int is_gone(const struct held *h, const struct mxfsd_action *a)
{
	return a->status == MXFS_S_LOST || a->tag == TAG_UNLOCK ||
		(a->status && !h->granted && !h->unlocking);
}

static void done(struct clients *cs, struct held *h, const struct mxfsd_action *a)
{
	struct mxfs_ctl m = { .type = MXFS_CTL_DONE, .lkid = a->lkid,
			      .tag = a->tag == TAG_UNLOCK ? h->unlock_tag : h->tag,
			      .mode = a->mode, .want = MXFS_NONE, .status = a->status,
			      .nr = a->nr, .mask = a->mask, .lvb = a->lvb };

	h->granted |= !a->status;
	tell_watchers(cs, h, event_of(a), a);
	if (h->client)
		put(h->client, &m);
	if (is_gone(h, a))
		forget(cs, h);
}

static void notice(struct clients *cs, struct held *h, const struct mxfsd_action *a)
{
	int is_bast = a->kind == MXFSD_BAST;
	struct mxfs_ctl m = { .type = is_bast ? MXFS_CTL_BAST : MXFS_CTL_LOST,
			      .lkid = a->lkid, .tag = h->tag, .mode = MXFS_NONE,
			      .want = is_bast ? a->mode : MXFS_NONE };

	tell_watchers(cs, h, is_bast ? MXFS_EV_BAST : MXFS_EV_LOST, a);
	if (h->client)
		put(h->client, &m);
	if (!is_bast)
		forget(cs, h);
}

static void on_action(void *arg, const struct mxfsd_action *a)
{
	struct clients *cs = arg;
	struct held *h;

	if (a->kind == MXFSD_VIEW) {
		tell_watchers(cs, NULL, MXFS_EV_VIEW, a);
		return;
	}
	h = find(cs, a->lkid);
	if (!h)
		return;
	if (a->kind == MXFSD_AST)
		done(cs, h, a);
	else
		notice(cs, h, a);
}

/* ---- what a client asks for ---- */

static struct mxfsd_request request_of(const struct client *c, const struct mxfs_ctl *m)
{
	struct mxfsd_request r = {
		.name = m->name, .mode = m->mode, .tag = TAG_REQUEST,
		.flags = m->flags & (MXFS_R_NOQUEUE | MXFS_R_EXPEDITE |
				     MXFS_R_QUECVT | MXFS_R_WRITE),
		.owner = m->owner ? m->owner << 20 | (c->id & 0xfffff) : 0,
		.timeout_ns = m->time,
	};

	memcpy(r.lvb, m->lvb.byte, MXFS_LVB);
	return r;
}

static void ask_lock(struct client *c, const struct mxfs_ctl *m)
{
	struct mxfsd_request r = request_of(c, m);
	struct held *h;
	uint64_t lkid;

	if (c->lock_nr >= CLIENT_LOCKS) {
		answer(c, m, MXFS_S_REFUSED);
		return;
	}
	h = calloc(1, sizeof(*h));
	lkid = h ? mxfsd_dlm_lock(dlm(c->cs), &r, loop_now()) : 0;
	if (!lkid) {
		free(h);
		answer(c, m, MXFS_S_NO_MEMORY);
		return;
	}
	h->client = c;
	h->tag = m->tag;
	h->name = m->name;
	mxfsd_table_add(&c->cs->locks, &h->by_id, lkid);
	mxfsd_list_add_tail(&h->link, &c->locks);
	c->lock_nr++;
}

static void ask_convert(struct client *c, struct held *h, const struct mxfs_ctl *m)
{
	struct mxfsd_request r = request_of(c, m);

	if (mxfsd_dlm_convert(dlm(c->cs), m->lkid, &r, loop_now()))
		answer(c, m, MXFS_S_NO_LOCK);
	else
		h->tag = m->tag;
}

static void ask_unlock(struct client *c, struct held *h, const struct mxfs_ctl *m)
{
	const uint8_t *lvb = m->flags & MXFS_R_WRITE ? m->lvb.byte : NULL;

	if (mxfsd_dlm_unlock(dlm(c->cs), m->lkid, TAG_UNLOCK, lvb, loop_now())) {
		answer(c, m, MXFS_S_NO_LOCK);
		return;
	}
	h->unlocking = 1;
	h->unlock_tag = m->tag;
}

/* By its tag: who waits for a new lock has not been told a number yet. */
static void ask_cancel(struct client *c, const struct mxfs_ctl *m)
{
	struct mxfsd_list *at;

	mxfsd_for_each(at, &c->locks) {
		struct held *h = mxfsd_of(at, struct held, link);

		if (h->tag != m->tag)
			continue;
		mxfsd_dlm_cancel(dlm(c->cs), h->by_id.hash, loop_now());
		break;
	}
}

static void about_lock(struct client *c, const struct mxfs_ctl *m)
{
	struct held *h = find(c->cs, m->lkid);

	if (m->type == MXFS_CTL_CANCEL)
		ask_cancel(c, m);
	else if (!h || h->client != c)
		answer(c, m, MXFS_S_NO_LOCK);
	else if (m->type == MXFS_CTL_CONVERT)
		ask_convert(c, h, m);
	else
		ask_unlock(c, h, m);
	engine_turn(c->cs->engine);
}

static void watch(struct client *c, const struct mxfs_ctl *m)
{
	c->cs->watchers += !c->watched.len;
	c->watched = m->name;
	answer(c, m, MXFS_S_OK);
}

static void fenced(struct client *c, const struct mxfs_ctl *m)
{
	int known = !c->uid && !engine_fenced(c->cs->engine, m->node);

	if (known)
		log_warn("node %u was said to be fenced, by process %d", m->node,
			 (int)c->pid);
	answer(c, m, known ? MXFS_S_OK : MXFS_S_REFUSED);
}

/* ---- questions ---- */

struct listing {
	struct client *c;
	uint64_t tag, skip, at;
	uint32_t told;
	int more;
};

static int is_turn(struct listing *l)
{
	if (l->at++ < l->skip)
		return 0;
	if (l->told == CLIENT_ITEMS) {
		l->more = 1;
		return 0;
	}
	l->told++;
	return 1;
}

static void end_of(struct listing *l)
{
	struct mxfs_ctl m = { .type = MXFS_CTL_END, .tag = l->tag, .mode = MXFS_NONE,
			      .want = MXFS_NONE, .nr = l->skip + l->told,
			      .flags = l->more ? MXFS_CTL_MORE : 0 };

	put(l->c, &m);
}

static void list_lock(void *arg, const struct mxfsd_lock_info *i)
{
	struct listing *l = arg;
	struct mxfs_ctl m = { .type = MXFS_CTL_HELD, .tag = l->tag, .lkid = i->lkid,
			      .owner = i->owner, .mode = i->gr, .want = i->rq };

	if (!is_turn(l))
		return;
	m.lvb = *i->lvb;
	mxfs_name_copy(&m.name, i->name);
	m.node = mxfsd_dlm_master(dlm(l->c->cs), i->name);
	put(l->c, &m);
}

static void list_entry(void *arg, const struct mxfsd_entry_info *i)
{
	struct listing *l = arg;
	struct mxfs_ctl m = { .type = MXFS_CTL_RESOURCE, .tag = l->tag, .lkid = i->lkid,
			      .mode = i->gr, .want = i->rq, .node = i->node,
			      .queue = (uint8_t)i->queue };

	if (!is_turn(l))
		return;
	m.lvb = *i->lvb;
	mxfs_name_copy(&m.name, i->name);
	put(l->c, &m);
}

static void tell_status(struct client *c, uint64_t tag)
{
	const struct conf *conf = engine_conf(c->cs->engine);
	struct mxfs_ctl m = { .type = MXFS_CTL_STATUS, .tag = tag, .mode = MXFS_NONE,
			      .want = MXFS_NONE, .node = conf->node };
	struct mxfsd_state s;
	uint64_t now = loop_now();

	mxfsd_dlm_state(dlm(c->cs), &s);
	m.nr = s.epoch;
	m.mask = s.members.mask;
	m.time = s.epoch && s.lease_until > now ? s.lease_until - now : 0;
	m.lkid = s.locks;
	m.owner = s.resources;
	m.queue = 0;
	m.lvb.version = s.inc;
	m.flags = s.epoch && s.resumed ? MXFS_CTL_GRANTING : 0;
	snprintf(m.text, sizeof(m.text), "%s", conf->cluster_text);
	put(c, &m);
}

static void tell_member(struct client *c, uint64_t tag, uint32_t node,
			const struct mxfsd_state *s)
{
	const struct conf *conf = engine_conf(c->cs->engine);
	struct mxfs_ctl m = { .type = MXFS_CTL_MEMBER, .tag = tag, .mode = MXFS_NONE,
			      .want = MXFS_NONE, .node = node };
	struct peer_info p;

	if (s->members.mask & mxfs_bit(node)) {
		m.flags |= MXFS_CTL_MEMBER_OF;
		m.nr = s->members.inc[node - 1];
	}
	if (engine_unfenced(c->cs->engine) & mxfs_bit(node))
		m.flags |= MXFS_CTL_UNFENCED;
	if (node == conf->node) {
		m.flags |= MXFS_CTL_SELF | MXFS_CTL_UP;
		snprintf(m.text, sizeof(m.text), "%s", conf->listen.text);
	} else {
		peers_info(engine_peers(c->cs->engine), node, &p);
		m.flags |= p.phase == MXFS_UP ? MXFS_CTL_UP : 0;
		m.mask = p.queued;
		snprintf(m.text, sizeof(m.text), "%s", p.address);
	}
	put(c, &m);
}

static void tell_members(struct client *c, uint64_t tag)
{
	const struct conf *conf = engine_conf(c->cs->engine);
	struct mxfsd_state s;

	mxfsd_dlm_state(dlm(c->cs), &s);
	for (uint32_t n = 1; n <= MXFS_NODES; n++)
		if (conf->voters & mxfs_bit(n))
			tell_member(c, tag, n, &s);
}

static void tell_volumes(struct client *c, uint64_t tag)
{
	const struct conf *conf = engine_conf(c->cs->engine);
	struct mxfs_ctl m = { .type = MXFS_CTL_VOLUME, .tag = tag, .mode = MXFS_NONE,
			      .want = MXFS_NONE };

	for (uint32_t i = 0; i < conf->volumes; i++) {
		const struct conf_volume *v = &conf->volume[i];

		memset(&m.name, 0, sizeof(m.name));
		m.name.len = (uint8_t)strlen(v->name);
		memcpy(m.name.byte, v->name, m.name.len);
		uuid_unparse(v->uuid, m.text);
		put(c, &m);
	}
}

static void question(struct client *c, const struct mxfs_ctl *m)
{
	struct listing l = { .c = c, .tag = m->tag, .skip = m->nr };

	if (m->type == MXFS_CTL_GET_STATUS)
		tell_status(c, m->tag);
	else if (m->type == MXFS_CTL_GET_MEMBERS)
		tell_members(c, m->tag);
	else if (m->type == MXFS_CTL_GET_VOLUMES)
		tell_volumes(c, m->tag);
	else if (m->type == MXFS_CTL_GET_LOCKS)
		mxfsd_dlm_each_lock(dlm(c->cs), list_lock, &l);
	else
		mxfsd_dlm_each_entry(dlm(c->cs), list_entry, &l);
	end_of(&l);
}

/* ---- a client's life ---- */

static void one(struct client *c, const struct mxfs_ctl *m)
{
	if (m->type >= MXFS_CTL_GET_STATUS && m->type < MXFS_CTL_REPLIES) {
		question(c, m);
	} else if (m->type >= MXFS_CTL_REPLIES) {
		c->doomed = "it says what a daemon says";
	} else if (!c->may_lock) {
		/* The tag of a cancel is that of a request, which has had its answer. */
		if (m->type != MXFS_CTL_CANCEL)
			answer(c, m, MXFS_S_REFUSED);
	} else if (m->type == MXFS_CTL_LOCK) {
		if (m->name.len && m->mode < MXFS_MODES) {
			ask_lock(c, m);
			engine_turn(c->cs->engine);
		} else {
			c->doomed = "it asks for a lock without a name or a mode";
		}
	} else if (m->type == MXFS_CTL_WATCH && m->name.len) {
		watch(c, m);
	} else if (m->type == MXFS_CTL_FENCED) {
		fenced(c, m);
	} else if (m->type != MXFS_CTL_WATCH) {
		about_lock(c, m);
	} else {
		c->doomed = "it watches nothing";
	}
}

static int walks(const struct mxfs_ctl *m)
{
	return m->type == MXFS_CTL_GET_LOCKS || m->type == MXFS_CTL_GET_RESOURCES ||
		m->type == MXFS_CTL_CANCEL;
}

static int is_slow(const struct client *c)
{
	return c->out_len - c->out_at >= CLIENT_SLOW;
}

static int has_more(const struct client *c)
{
	return c->in_len >= MXFS_CTL_FRAME && !c->doomed && !is_slow(c);
}

static void consume(struct client *c)
{
	struct mxfs_ctl m;
	size_t at = 0;

	/* One batch may ask for more than is to wait for a client. */
	for (; !c->doomed && !is_slow(c) && c->in_len - at >= MXFS_CTL_FRAME;
	     at += MXFS_CTL_FRAME) {
		if (mxfs_ctl_decode(&m, c->in + at)) {
			c->doomed = "it does not speak this protocol";
			break;
		}
		/* Not before those who stand in line. */
		if (walks(&m) && (c->cs->again.at || c->cs->walked++))
			break;
		one(c, &m);
	}
	memmove(c->in, c->in + at, c->in_len - at);
	c->in_len -= at;
}

/* The one who has had his turn stands at the end of the line. */
static void on_again(void *arg)
{
	struct clients *cs = arg;
	struct mxfsd_list *at, *walker = NULL;

	mxfsd_for_each(at, &cs->all) {
		struct client *c = mxfsd_of(at, struct client, all);

		if (!has_more(c))
			continue;
		if (!cs->walked)
			walker = at;
		consume(c);
	}
	if (walker) {
		mxfsd_list_del(walker);
		mxfsd_list_add_tail(walker, &cs->all);
	}
}

/* A client whose buffer is full of what is to be done is not read from. */
static void want(struct client *c)
{
	uint32_t events = (c->out_len > c->out_at ? EPOLLOUT : 0) |
		(!is_slow(c) && c->in_len < MXFS_CTL_FRAME ? EPOLLIN : 0);

	if (events == c->events)
		return;
	c->events = events;
	loop_change(c->cs->loop, &c->watch, events);
}

static void flush(struct client *c)
{
	ssize_t n;

	while (!c->doomed && c->out_at < c->out_len) {
		n = send(c->watch.fd, c->out + c->out_at, c->out_len - c->out_at,
			 MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			break;
		if (n <= 0) {
			c->doomed = "it is gone";
			break;
		}
		c->out_at += (size_t)n;
	}
	if (c->out_at == c->out_len)
		c->out_at = c->out_len = 0;
	want(c);
}

static void on_client(void *arg, uint32_t events)
{
	struct client *c = arg;
	ssize_t n;

	if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR)) || c->doomed ||
	    c->in_len >= MXFS_CTL_FRAME)
		return;		/* the hook writes, and on_again() goes on */
	n = recv(c->watch.fd, c->in + c->in_len, sizeof(c->in) - c->in_len,
		 MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		c->doomed = "it is gone";
		return;
	}
	c->in_len += (size_t)n;
	consume(c);
}

static void give_back(struct client *c)
{
	struct mxfsd_list *at, *n;

	mxfsd_for_each_safe(at, n, &c->locks) {
		struct held *h = mxfsd_of(at, struct held, link);
		uint64_t lkid = h->by_id.hash;

		mxfsd_list_del(&h->link);
		h->client = NULL;
		if (!h->unlocking) {
			h->unlocking = 1;
			mxfsd_dlm_abandon(dlm(c->cs), lkid, TAG_UNLOCK, loop_now());
		}
	}
	engine_turn(c->cs->engine);
}

static void drop(struct client *c)
{
	struct clients *cs = c->cs;

	log_debug("client %llu (process %d): dropped: %s", (unsigned long long)c->id,
		  (int)c->pid, c->doomed);
	mxfsd_list_del(&c->all);
	cs->nr--;
	cs->watchers -= !!c->watched.len;
	give_back(c);
	loop_del(cs->loop, &c->watch);
	close(c->watch.fd);
	free(c->out);
	free(c);
}

static int drop_doomed(struct clients *cs)
{
	struct mxfsd_list *at, *n;
	int any = 0;

	mxfsd_for_each_safe(at, n, &cs->all) {
		struct client *c = mxfsd_of(at, struct client, all);

		if (!c->doomed)
			continue;
		drop(c);
		any = 1;
	}
	return any;
}

/* What one gives back another one may get: he is told in the same turn. */
static void after(void *arg)
{
	struct clients *cs = arg;
	struct mxfsd_list *at;

	do {
		drop_doomed(cs);
		mxfsd_for_each(at, &cs->all)
			flush(mxfsd_of(at, struct client, all));
	} while (drop_doomed(cs));
	cs->walked = 0;
	mxfsd_for_each(at, &cs->all)
		if (has_more(mxfsd_of(at, struct client, all)))
			loop_set(cs->loop, &cs->again, loop_now());
}

static int may_lock(const struct clients *cs, const struct ucred *who)
{
	const struct conf *conf = engine_conf(cs->engine);

	/* The socket's mode has let it in: root, its owner, or one of the group. */
	return !who->uid || who->uid == geteuid() || conf->has_group;
}

static void welcome(struct client *c)
{
	struct mxfs_ctl m = { .type = MXFS_CTL_WELCOME, .mode = MXFS_NONE,
			      .want = MXFS_NONE, .lkid = c->id,
			      .node = engine_conf(c->cs->engine)->node };

	put(c, &m);
}

static void client_new(struct clients *cs, int fd)
{
	struct ucred who = { .pid = 0 };
	socklen_t len = sizeof(who);
	struct client *c = calloc(1, sizeof(*c));

	if (!c || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len)) {
		free(c);
		close(fd);
		return;
	}
	c->cs = cs;
	c->id = ++cs->next_id;
	c->uid = who.uid;
	c->pid = who.pid;
	c->may_lock = may_lock(cs, &who);
	c->events = EPOLLIN;
	c->watch = (struct loop_watch){ .fd = fd, .fn = on_client, .arg = c };
	mxfsd_list_init(&c->locks);
	if (loop_add(cs->loop, &c->watch, EPOLLIN)) {
		free(c);
		close(fd);
		return;
	}
	mxfsd_list_add_tail(&c->all, &cs->all);
	cs->nr++;
	welcome(c);
}

static void on_listen(void *arg, uint32_t events)
{
	struct clients *cs = arg;
	int fd = loop_accept(cs->loop, cs->listen.fd, NULL, NULL);

	(void)events;
	if (fd < 0)
		return;
	if (cs->nr >= CLIENTS_MOST) {
		log_warn("a client is refused: there are %u", CLIENTS_MOST);
		close(fd);
		return;
	}
	client_new(cs, fd);
}

/* ---- the socket ---- */

/* One of a daemon that is gone is in the way; one that answers is not ours. */
static int clear_path(const struct sockaddr_un *sun)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), r;

	if (fd < 0)
		return -1;
	r = connect(fd, (const struct sockaddr *)sun, sizeof(*sun));
	close(fd);
	if (!r) {
		errno = EADDRINUSE;
		return -1;
	}
	if (errno == ECONNREFUSED)
		unlink(sun->sun_path);
	return 0;
}

static int listen_at(const struct conf *conf)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd;
	mode_t mask;

	memcpy(sun.sun_path, conf->control, sizeof(sun.sun_path));
	if (clear_path(&sun))
		return -1;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	mask = umask(0177);
	if (!bind(fd, (const struct sockaddr *)&sun, sizeof(sun)) && !listen(fd, 64) &&
	    (!conf->has_group || (!chown(conf->control, 0, conf->group) &&
				  !chmod(conf->control, 0660)))) {
		umask(mask);
		return fd;
	}
	umask(mask);
	close(fd);
	return -1;
}

struct clients *clients_new(struct loop *loop, struct engine *engine, char *err,
			    size_t size)
{
	const struct conf *conf = engine_conf(engine);
	struct clients *cs = calloc(1, sizeof(*cs));
	int fd = cs && !mxfsd_table_init(&cs->locks) ? listen_at(conf) : -1;

	if (fd < 0) {
		snprintf(err, size, "control = %s: %s", conf->control, strerror(errno));
		if (cs)
			mxfsd_table_fini(&cs->locks);
		free(cs);
		return NULL;
	}
	cs->loop = loop;
	cs->engine = engine;
	snprintf(cs->path, sizeof(cs->path), "%s", conf->control);
	mxfsd_list_init(&cs->all);
	cs->listen = (struct loop_watch){ .fd = fd, .fn = on_listen, .arg = cs };
	cs->hook = (struct loop_hook){ .fn = after, .arg = cs };
	cs->again = (struct loop_timer){ .fn = on_again, .arg = cs };
	loop_add(loop, &cs->listen, EPOLLIN);
	loop_after(loop, &cs->hook);
	engine_set_client(engine, on_action, cs);
	return cs;
}

void clients_free(struct clients *cs)
{
	struct mxfsd_list *at, *n;

	if (!cs)
		return;
	mxfsd_for_each_safe(at, n, &cs->all) {
		struct client *c = mxfsd_of(at, struct client, all);

		c->doomed = "the daemon ends";
		drop(c);
	}
	engine_set_client(cs->engine, NULL, NULL);
	loop_unset(cs->loop, &cs->again);
	loop_del(cs->loop, &cs->listen);
	close(cs->listen.fd);
	unlink(cs->path);
	for (uint64_t i = 0; i <= cs->locks.mask; i++) {
		while (cs->locks.slot[i])
			forget(cs, mxfsd_of(cs->locks.slot[i], struct held, by_id));
	}
	mxfsd_table_fini(&cs->locks);
	free(cs);
}
