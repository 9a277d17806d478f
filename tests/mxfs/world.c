// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The simulated cluster: events, network, disks, clocks.
 *
 * Notes: a connection delivers in order, with delays, until one end closes it;
 * what is then still under way arrives or not. While a direction is blocked its
 * frames wait, as TCP has it. A node that is paused gets its events when it
 * wakes up, with the time of then. A crash loses all but what has been
 * persisted, and of that some of what was under way.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "world.h"

static const uint8_t cluster[16] = "the cluster";

/* ---- chance ---- */

uint64_t rng_next(struct rng *r)
{
	uint64_t v = r->s += 0x9e3779b97f4a7c15;

	v = (v ^ v >> 30) * 0xbf58476d1ce4e5b9;
	v = (v ^ v >> 27) * 0x94d049bb133111eb;
	return v ^ v >> 31;
}

uint64_t rng_below(struct rng *r, uint64_t n)
{
	return rng_next(r) % n;
}

int rng_chance(struct rng *r, unsigned int percent)
{
	return rng_below(r, 100) < percent;
}

void sim_say(struct world *w, const char *format, ...)
{
	va_list args;

	if (!w->verbose)
		return;
	printf("%9.3f ", (double)w->now / 1e9);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
}

void sim_fail(struct world *w, const char *format, ...)
{
	va_list args;

	printf("FAILED seed %llu, event %llu, at %.6f s: ",
	       (unsigned long long)w->seed, (unsigned long long)w->events,
	       (double)w->now / 1e9);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
	client_print(w);
	printf("repeat it: sim_dlm --seed %llu --runs 1 --verbose\n",
	       (unsigned long long)w->seed);
	exit(1);
}

/* ---- the heap of events ---- */

static int before(const struct sim_event *a, const struct sim_event *b)
{
	return a->at != b->at ? a->at < b->at : a->seq < b->seq;
}

static void heap_push(struct world *w, const struct sim_event *e)
{
	uint32_t i = w->heap_nr++;

	if (w->heap_nr > w->heap_room) {
		w->heap_room = w->heap_room * 2 + 256;
		w->heap = realloc(w->heap, w->heap_room * sizeof(*w->heap));
		if (!w->heap)
			abort();
	}
	for (; i && before(e, &w->heap[(i - 1) / 2]); i = (i - 1) / 2)
		w->heap[i] = w->heap[(i - 1) / 2];
	w->heap[i] = *e;
}

static struct sim_event heap_pop(struct world *w)
{
	struct sim_event top = w->heap[0], last = w->heap[--w->heap_nr];
	uint32_t i = 0, k;

	while ((k = 2 * i + 1) < w->heap_nr) {
		if (k + 1 < w->heap_nr && before(&w->heap[k + 1], &w->heap[k]))
			k++;
		if (before(&last, &w->heap[k]))
			break;
		w->heap[i] = w->heap[k];
		i = k;
	}
	w->heap[i] = last;
	return top;
}

void sim_at(struct world *w, uint64_t in, struct sim_event e)
{
	e.at = w->now + in;
	e.seq = ++w->event_seq;
	if (e.node)
		e.boot = w->node[e.node].boot;
	heap_push(w, &e);
}

uint64_t sim_clock(const struct world *w, const struct node *n)
{
	__int128 drift = (__int128)w->now * n->rate_ppm / 1000000;

	return n->offset + w->now + (uint64_t)(int64_t)drift;
}

/* ---- the network ---- */

static int is_blocked(const struct world *w, uint32_t from, uint32_t to)
{
	return w->blocked >> (from * 8 + to) & 1;
}

static uint64_t delay(struct world *w)
{
	return MS / 10 + rng_below(&w->rng, w->delay_most);
}

static void arm(struct world *w, uint64_t id, int end)
{
	struct conn *c = &w->conn[id];
	uint64_t due = c->first[end]->due;

	c->armed[end] = 1;
	sim_at(w, due > w->now ? due - w->now : 0,
	       (struct sim_event){ .kind = E_DELIVER, .a = id, .b = (uint64_t)end });
}

static void transmit(struct world *w, uint64_t id, int end, const uint8_t *bytes,
		     size_t len)
{
	struct conn *c = &w->conn[id];
	struct frame *f;

	if (c->closed)
		return;
	f = malloc(sizeof(*f) + len);
	if (!f)
		abort();
	f->next = NULL;
	f->len = len;
	f->due = w->now + delay(w);
	if (f->due <= c->last_due[end])
		f->due = c->last_due[end] + 1;
	c->last_due[end] = f->due;
	memcpy(f->bytes, bytes, len);
	*c->end[end] = f;
	c->end[end] = &f->next;
	if (!c->armed[end])
		arm(w, id, end);
}

/* Also of a node that is paused: its kernel goes on. */
static void close_conn(struct world *w, uint64_t id)
{
	struct conn *c = &w->conn[id];

	if (!id || c->closed)
		return;
	c->closed = 1;
	for (int end = 0; end < 2; end++)
		sim_at(w, delay(w), (struct sim_event){ .kind = E_CLOSED,
			.node = c->node[end], .a = id });
}

void sim_drop(struct world *w, uint32_t a, uint32_t b)
{
	close_conn(w, w->node[a].ses[b].conn);
	close_conn(w, w->node[a].dialing[b]);
}

static void flush(struct world *w, struct node *n, uint32_t peer)
{
	struct mxfs_session *s = &n->ses[peer];
	uint8_t buf[MXFS_FRAME_MAX];
	size_t len;

	while ((len = mxfs_session_next(s, buf)))
		transmit(w, s->conn, n->id < peer, buf, len);
}

static void session_result(struct world *w, struct node *n, uint32_t peer,
			   uint64_t conn, enum mxfs_session_result r)
{
	if (r == MXFS_SES_LOST) {
		w->lost++;
		mxfsd_dlm_session_lost(n->dlm, peer, sim_clock(w, n));
	}
	if (r == MXFS_SES_CLOSE) {
		mxfs_session_closed(&n->ses[peer], conn);
		close_conn(w, conn);
	}
}

static void receive_lock_message(struct world *w, struct node *n,
				 const struct mxfs_msg *m)
{
	struct mxfsd_state before, after;
	uint64_t digest;

	mxfsd_dlm_state(n->dlm, &before);
	if (m->type < MXFS_VIEW_ACK || m->epoch == before.epoch) {
		mxfsd_dlm_receive(n->dlm, m, sim_clock(w, n));
		return;
	}
	w->stale++;
	mxfsd_dlm_tick(n->dlm, sim_clock(w, n));	/* the lease may be over */
	digest = check_digest(n);
	mxfsd_dlm_state(n->dlm, &before);
	mxfsd_dlm_receive(n->dlm, m, sim_clock(w, n));
	mxfsd_dlm_state(n->dlm, &after);
	if (before.epoch != after.epoch || digest != check_digest(n))
		sim_fail(w, "node %u acted on %s of epoch %llu in epoch %llu", n->id,
			 mxfs_type_text(m->type), (unsigned long long)m->epoch,
			 (unsigned long long)before.epoch);
}

static void receive(struct world *w, struct node *n, uint64_t id,
		    const struct frame *f)
{
	uint32_t peer = w->conn[id].node[n->id == w->conn[id].node[0]];
	struct mxfs_session *s = &n->ses[peer];
	enum mxfs_session_result r;
	struct mxfs_msg m;

	if (mxfs_decode(&m, f->bytes, f->len) != (long)f->len)
		sim_fail(w, "a message is not understood");
	r = mxfs_session_receive(s, id, &m, sim_clock(w, n));
	if (r == MXFS_SES_DELIVER)
		receive_lock_message(w, n, &m);
	else
		session_result(w, n, peer, id, r);
	flush(w, n, peer);
}

static int must_wait(const struct world *w, const struct node *n, uint64_t id,
		     int end)
{
	const struct conn *c = &w->conn[id];

	return is_blocked(w, c->node[!end], n->id) || n->paused_until > w->now ||
		(n->dialing[c->node[!end]] == id && !c->closed);
}

static void deliver(struct world *w, const struct sim_event *e)
{
	struct conn *c = &w->conn[e->a];
	int end = (int)e->b;
	struct node *n = &w->node[c->node[end]];
	struct frame *f = c->first[end];

	c->armed[end] = 0;
	if (must_wait(w, n, e->a, end)) {
		f->due = n->paused_until > w->now ? n->paused_until :
			w->now + 20 * MS;
		arm(w, e->a, end);
		return;
	}
	c->first[end] = f->next;
	if (!f->next)
		c->end[end] = &c->first[end];
	if (c->first[end])
		arm(w, e->a, end);
	if (n->up) {
		receive(w, n, e->a, f);
		sim_pump(w, n);
	}
	free(f);
}

/* The lower one dials, again and again. */
static void dial(struct world *w, const struct sim_event *e)
{
	struct node *n = &w->node[e->node];
	struct node *to = &w->node[e->a];
	struct conn *c;

	sim_at(w, 100 * MS + rng_below(&w->rng, 50 * MS), *e);
	if (n->ses[to->id].conn || n->dialing[to->id] || !to->up || is_blocked(w, n->id, to->id) ||
	    is_blocked(w, to->id, n->id))
		return;
	if (w->conn_nr == CONNS_MOST)
		sim_fail(w, "too many connections");
	c = &w->conn[w->conn_nr];
	memset(c, 0, sizeof(*c));
	for (int end = 0; end < 2; end++) {
		c->node[end] = end ? to->id : n->id;
		c->end[end] = &c->first[end];
		sim_at(w, delay(w), (struct sim_event){ .kind = E_OPENED,
			.node = c->node[end], .a = w->conn_nr });
	}
	n->dialing[to->id] = to->dialing[n->id] = w->conn_nr++;
}

static void opened(struct world *w, struct node *n, uint64_t id)
{
	uint32_t peer = w->conn[id].node[n->id == w->conn[id].node[0]];

	if (n->dialing[peer] != id || w->conn[id].closed)
		return;
	n->dialing[peer] = 0;
	mxfs_session_opened(&n->ses[peer], id, sim_clock(w, n));
	flush(w, n, peer);
}

/* Over a blocked way nobody hears of it, but by the lack of answers. */
static void closed(struct world *w, struct node *n, const struct sim_event *e)
{
	uint64_t id = e->a;
	uint32_t peer = w->conn[id].node[n->id == w->conn[id].node[0]];

	if (is_blocked(w, peer, n->id)) {
		sim_at(w, 20 * MS, *e);
		return;
	}
	if (n->dialing[peer] == id)
		n->dialing[peer] = 0;
	mxfs_session_closed(&n->ses[peer], id);
}

/* ---- what lock managers want done ---- */

static void persist(struct world *w, struct node *n, const struct mxfsd_action *a)
{
	uint64_t in = MS / 10 + rng_below(&w->rng, 10 * MS), at;

	if (n->slow_disk)
		in += rng_below(&w->rng, 2 * SECOND);
	at = w->now + in;
	if (at <= n->persist_last)
		at = n->persist_last + 1;
	n->persist_last = at;
	if (n->pending_nr == 8) {	/* the oldest is as good as done */
		n->disk = n->pending[0];
		memmove(n->pending, n->pending + 1, 7 * sizeof(n->pending[0]));
		n->pending_nr--;
	}
	n->pending[n->pending_nr++] = a->stable;
	sim_at(w, at - w->now, (struct sim_event){ .kind = E_PERSISTED,
		.node = n->id, .a = a->nr, .b = a->stable.inc });
}

static void persisted(struct world *w, struct node *n, uint64_t nr)
{
	if (n->pending_nr) {
		n->disk = n->pending[0];
		memmove(n->pending, n->pending + 1, 7 * sizeof(n->pending[0]));
		n->pending_nr--;
	}
	mxfsd_dlm_persisted(n->dlm, nr, sim_clock(w, n));
}

static void fence(struct world *w, struct node *n, const struct mxfsd_action *a)
{
	int ok = rng_chance(&w->rng, 70) || w->draining;

	sim_at(w, MS + rng_below(&w->rng, 200 * MS), (struct sim_event){
		.kind = E_FENCED, .node = n->id, .a = a->node, .b = a->nr,
		.c = a->mask << 1 | (uint64_t)ok });
}

static void fenced(struct world *w, struct node *n, const struct sim_event *e)
{
	if (e->c & 1)
		w->fenced |= mxfs_bit((uint32_t)e->a);
	mxfsd_dlm_fenced(n->dlm, (uint32_t)e->a, e->b, e->c & 1, sim_clock(w, n));
}

static void disk_action(struct world *w, struct node *n,
			const struct mxfsd_action *a)
{
	uint64_t in = MS + rng_below(&w->rng, 20 * MS);

	if (n->slow_disk)
		in += rng_below(&w->rng, SECOND);
	sim_at(w, in, (struct sim_event){ .kind = a->kind == MXFSD_DISK_READ ?
		E_DISK_READ : E_DISK_WRITE, .node = n->id, .a = a->kind,
		.b = a->nr, .c = a->mask });
}

/* A claim holds if no other has come since the node read the disk. */
static void disk_write(struct world *w, struct node *n, struct sim_event e)
{
	if (e.a == MXFSD_DISK_RENEW) {
		w->vote.renewals[n->id - 1]++;
	} else if (n->disk_version == w->vote_version && e.b > w->vote.epoch) {
		w->vote.epoch = e.b;
		w->vote.mask = e.c;
		n->disk_version = ++w->vote_version;
	} else {
		mxfsd_dlm_disk_claimed(n->dlm, e.b, NULL, sim_clock(w, n));
		return;
	}
	e.kind = E_DISK_READ;
	sim_at(w, MS + rng_below(&w->rng, 20 * MS), e);
}

static void disk_read(struct world *w, struct node *n, const struct sim_event *e)
{
	uint64_t now = sim_clock(w, n);

	if (e->a == MXFSD_DISK_RENEW) {
		mxfsd_dlm_disk_renewed(n->dlm, e->b, &w->vote, now);
	} else if (e->a == MXFSD_DISK_READ) {
		n->disk_version = w->vote_version;
		mxfsd_dlm_disk_state(n->dlm, &w->vote, now);
	} else {
		mxfsd_dlm_disk_claimed(n->dlm, e->b,
				       n->disk_version == w->vote_version ?
				       &w->vote : NULL, now);
	}
}

static void do_action(struct world *w, struct node *n, struct mxfsd_action *a)
{
	check_action(w, n, a);
	switch (a->kind) {
	case MXFSD_SEND:
		session_result(w, n, a->msg.dst, n->ses[a->msg.dst].conn,
			       mxfs_session_send(&n->ses[a->msg.dst], &a->msg));
		flush(w, n, a->msg.dst);
		break;
	case MXFSD_PERSIST:
		persist(w, n, a);
		break;
	case MXFSD_FENCE:
		fence(w, n, a);
		break;
	case MXFSD_DISK_RENEW:
	case MXFSD_DISK_READ:
	case MXFSD_DISK_CLAIM:
		disk_action(w, n, a);
		break;
	case MXFSD_VIEW:
		sim_say(w, "node %u: epoch %llu members %llx %s", n->id,
			(unsigned long long)a->nr, (unsigned long long)a->mask,
			a->mode ? "resumed" : "frozen");
		break;
	case MXFSD_AST:
	case MXFSD_BAST:
	case MXFSD_LOST:
		client_action(w, n, a);
		break;
	}
}

void sim_pump(struct world *w, struct node *n)
{
	struct mxfsd_action a;

	while (n->up && mxfsd_dlm_take(n->dlm, &a))
		do_action(w, n, &a);
}

/* ---- nodes ---- */

static struct mxfsd_config config(const struct world *w, const struct node *n)
{
	return (struct mxfsd_config){
		.node = n->id, .voters = (1ull << w->nodes) - 1,
		.disk = w->disk, .fence = w->fence, .renew_ns = 400 * MS,
		.lease_ns = SECOND, .takeover_ns = MXFSD_TAKEOVER(SECOND),
		.probe_ns = 300 * MS, .key = "a key",
	};
}

void sim_start(struct world *w, struct node *n)
{
	struct mxfsd_config cfg = config(w, n);

	n->up = 1;
	n->boot++;
	n->slow_disk = 0;
	n->dlm = mxfsd_dlm_new(&cfg, &n->disk, sim_clock(w, n));
	if (!n->dlm)
		abort();
	for (uint32_t p = 1; p <= w->nodes; p++) {
		mxfs_session_init(&n->ses[p], n->id, p, cluster,
				  (n->boot << 32) + 1, 300 * MS);
		if (p > n->id)
			sim_at(w, delay(w), (struct sim_event){ .kind = E_DIAL,
				.node = n->id, .a = p });
	}
	sim_at(w, 0, (struct sim_event){ .kind = E_TICK, .node = n->id });
	client_begin(w, n);
	sim_pump(w, n);
	sim_say(w, "node %u starts", n->id);
}

static void stop(struct node *n, uint32_t nodes)
{
	for (uint32_t p = 1; p <= nodes; p++) {
		mxfs_session_fini(&n->ses[p]);
		n->dialing[p] = 0;
	}
	mxfsd_dlm_free(n->dlm);
	n->dlm = NULL;
	n->up = 0;
}

void sim_crash(struct world *w, struct node *n)
{
	uint64_t kept = rng_below(&w->rng, n->pending_nr + 1);

	sim_say(w, "node %u crashes", n->id);
	if (kept)
		n->disk = n->pending[kept - 1];
	n->pending_nr = 0;
	n->persist_last = 0;
	for (uint32_t p = 1; p <= w->nodes; p++)
		sim_drop(w, n->id, p);
	client_gone(w, n);
	stop(n, w->nodes);
	n->boot++;
	n->paused_until = 0;
}

static void tick(struct world *w, struct node *n)
{
	uint64_t now = sim_clock(w, n), conn;

	for (uint32_t p = 1; p <= w->nodes; p++) {
		if (p == n->id)
			continue;
		conn = n->ses[p].conn;
		session_result(w, n, p, conn, mxfs_session_tick(&n->ses[p], now));
		flush(w, n, p);
	}
	mxfsd_dlm_tick(n->dlm, now);
	sim_at(w, 45 * MS + rng_below(&w->rng, 10 * MS),
	       (struct sim_event){ .kind = E_TICK, .node = n->id });
}

/* ---- events ---- */

static void node_event(struct world *w, struct node *n, struct sim_event *e)
{
	switch (e->kind) {
	case E_TICK:
		tick(w, n);
		break;
	case E_CLOSED:
		closed(w, n, e);
		break;
	case E_DIAL:
		dial(w, e);
		break;
	case E_OPENED:
		opened(w, n, e->a);
		break;
	case E_PERSISTED:
		persisted(w, n, e->a);
		break;
	case E_FENCED:
		fenced(w, n, e);
		break;
	case E_DISK_WRITE:
		disk_write(w, n, *e);
		break;
	case E_DISK_READ:
		disk_read(w, n, e);
		break;
	case E_CLIENT:
		if (n->client[e->a].turn == e->b)
			client_turn(w, n, &n->client[e->a]);
		break;
	default:
		break;
	}
	sim_pump(w, n);
}

static void event(struct world *w, struct sim_event *e)
{
	struct node *n = &w->node[e->node];

	w->events++;
	if (e->kind == E_DELIVER) {
		deliver(w, e);
	} else if (e->kind == E_NEMESIS) {
		sim_nemesis(w);
	} else if (e->kind == E_HEAL) {
		w->blocked &= w->draining ? ~0ull : ~e->a;
	} else if (e->kind == E_DROP) {
		if (w->node[e->a].up)
			sim_drop(w, (uint32_t)e->a, (uint32_t)e->b);
	} else if (e->kind == E_START) {
		if (!n->up)
			sim_start(w, n);
	} else if (n->up && e->boot == n->boot) {
		if (n->paused_until > w->now) {
			e->at = n->paused_until;
			heap_push(w, e);
			return;
		}
		node_event(w, n, e);
	}
	check_all(w);
}

static void world_begin(struct world *w, uint64_t seed)
{
	struct conn *conn = w->conn;
	struct sim_event *heap = w->heap;
	uint32_t room = w->heap_room;
	int verbose = w->verbose;

	memset(w, 0, sizeof(*w));
	w->conn = conn ? conn : calloc(CONNS_MOST, sizeof(*conn));
	w->heap = heap;
	w->heap_room = room;
	w->verbose = verbose;
	w->seed = seed;
	w->rng.s = seed * 0x2545f4914f6cdd1d;
	w->conn_nr = 1;
	w->nodes = rng_chance(&w->rng, 50) ? 3 : 2 + (uint32_t)rng_below(&w->rng, 4);
	if (rng_chance(&w->rng, 20))
		w->nodes = 2;
	w->disk = w->nodes == 2 && rng_chance(&w->rng, 80);
	w->fence = rng_chance(&w->rng, 50);
	w->resources = 1 + (uint32_t)rng_below(&w->rng, RES_MOST);
	w->delay_most = rng_chance(&w->rng, 50) ? 3 * MS : 60 * MS;
	w->faults = (unsigned int)rng_below(&w->rng, 1u << FAULTS);
}

static void world_end(struct world *w)
{
	struct frame *f;

	for (uint32_t n = 1; n <= w->nodes; n++)
		if (w->node[n].up)
			stop(&w->node[n], w->nodes);
	for (uint32_t i = 1; i < w->conn_nr; i++) {
		for (int end = 0; end < 2; end++) {
			while ((f = w->conn[i].first[end])) {
				w->conn[i].first[end] = f->next;
				free(f);
			}
		}
	}
	w->heap_nr = 0;
}

static void until(struct world *w, uint64_t time)
{
	struct sim_event e;

	while (w->heap[0].at <= time) {
		e = heap_pop(w);
		w->now = e.at > w->now ? e.at : w->now;
		event(w, &e);
	}
}

static void check_histories(struct world *w)
{
	enum lin_result r;

	for (uint32_t i = 0; i < w->resources; i++) {
		r = lin_check(&w->history[i]);
		if (r == LIN_YES)
			continue;
		for (uint32_t k = 0; k < w->history[i].nr; k++)
			printf("%u: %s got %llu put %llu from %.6f to %.6f\n", i,
			       w->history[i].op[k].kind == LIN_READ ? "read" :
			       "update",
			       (unsigned long long)w->history[i].op[k].got,
			       (unsigned long long)w->history[i].op[k].put,
			       (double)w->history[i].op[k].inv / 1e9,
			       w->history[i].op[k].resp == LIN_NEVER ? -1 :
			       (double)w->history[i].op[k].resp / 1e9);
		sim_fail(w, "the history of resource %u %s", i, r == LIN_NO ?
			 "is not linearizable" : "was not understood");
	}
}

void sim_run(struct world *w, uint64_t seed)
{
	uint64_t end, at;

	world_begin(w, seed);
	for (uint32_t i = 1; i <= w->nodes; i++) {
		struct node *n = &w->node[i];

		n->id = i;
		n->rate_ppm = (int64_t)rng_below(&w->rng, 48000) - 24000;
		n->offset = SECOND + rng_below(&w->rng, 1000 * SECOND);
		sim_at(w, rng_below(&w->rng, SECOND),
		       (struct sim_event){ .kind = E_START, .node = i });
	}
	if (w->faults)
		sim_at(w, 2 * SECOND, (struct sim_event){ .kind = E_NEMESIS });
	until(w, 6 * SECOND);
	w->draining = 1;
	sim_heal(w);
	at = w->now;
	for (end = at + 90 * SECOND; !client_all_idle(w); until(w, at)) {
		at += 50 * MS;
		if (at > end)
			sim_fail(w, "a request does not end");
	}
	check_histories(w);
	world_end(w);
}
