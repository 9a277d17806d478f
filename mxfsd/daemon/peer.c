// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Connections: who they are from, bytes to frames and back.
 *
 * Notes: a connection is taken apart in two steps. conn_end() closes it, from
 * anywhere; its memory goes in the hook after the batch of events, so that whoever
 * is still on the way out of it finds it dead, not gone. Reading has a bound for
 * each turn, so that one peer that sends without end does not keep the others waiting.
 * What strangers send is answered by an end of the connection and one line in the log,
 * of which there are not more than some each second.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "peer.h"

#define BUFFER		65536u
#define READS		16	/* of BUFFER, for each turn */
#define DIAL_NS		100000000ull	/* before the second try; doubles */
#define DIAL_DOUBLES	4
#define LINES		10	/* about strangers, each second */
#define SECOND		1000000000ull

enum conn_state { CONNECTING, SHAKING, GREETING, OPEN };

struct conn {
	struct conn *next;	/* among the strangers, or the dead */
	struct loop_watch watch;
	struct peers *ps;
	struct peer *peer;	/* NULL: a stranger */
	struct tls_conn *tls;
	enum conn_state state;
	int dead;
	uint64_t id, until;
	uint32_t events;
	char from[64];
	size_t in_len, out_at, out_len;
	uint8_t in[BUFFER], out[BUFFER];
};

struct peer {
	struct mxfs_session ses;
	struct conn *conn;
	uint32_t node;		/* 0: there is none of this number */
	unsigned int tries;
	uint64_t dial_at, connections;
	int up;
};

struct peers {
	struct loop *loop;
	const struct conf *conf;
	struct tls *tls;
	struct peer_events on;
	struct loop_watch listen;
	struct loop_timer timer;
	struct loop_hook hook;
	struct peer peer[MXFS_NODES];
	struct conn *strangers, *dead;
	uint32_t stranger_nr;
	uint64_t conn_id, tick_ns;
	uint64_t lines_at;
	uint32_t lines, unsaid;
};

/* ---- what is said about strangers ---- */

static void refuse(struct peers *ps, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void refuse(struct peers *ps, const char *fmt, ...)
{
	uint64_t now = loop_now();
	char line[256];
	va_list ap;

	if (now >= ps->lines_at + SECOND) {
		if (ps->unsaid)
			log_warn("%u more connections were refused", ps->unsaid);
		ps->lines_at = now;
		ps->lines = ps->unsaid = 0;
	}
	if (ps->lines++ >= LINES) {
		ps->unsaid++;
		return;
	}
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	log_warn("%s", line);
}

/* ---- the life of a connection ---- */

static void unlink_stranger(struct conn *c)
{
	struct conn **at = &c->ps->strangers;

	while (*at && *at != c)
		at = &(*at)->next;
	if (!*at)
		return;
	*at = c->next;
	c->ps->stranger_nr--;
}

static void leave_peer(struct conn *c, const char *why)
{
	struct peer *p = c->peer;

	if (!p || p->conn != c)
		return;
	if (p->up)
		log_info("peer %u: disconnected: %s", p->node, why);
	else
		log_debug("peer %u: no connection: %s", p->node, why);
	mxfs_session_closed(&p->ses, c->id);
	p->conn = NULL;
	p->up = 0;
	p->dial_at = loop_now() +
		(DIAL_NS << (p->tries < DIAL_DOUBLES ? p->tries : DIAL_DOUBLES));
	p->tries++;
}

static void conn_end(struct conn *c, const char *why)
{
	if (!c || c->dead)
		return;
	c->dead = 1;
	unlink_stranger(c);
	leave_peer(c, why);
	tls_end(c->tls);
	c->tls = NULL;
	loop_del(c->ps->loop, &c->watch);
	close(c->watch.fd);
	c->next = c->ps->dead;
	c->ps->dead = c;
}

static void bury(struct peers *ps)
{
	struct conn *c;

	while ((c = ps->dead)) {
		ps->dead = c->next;
		free(c);
	}
}

static void on_event(void *arg, uint32_t events);

static void want(struct conn *c, uint32_t events)
{
	if (c->dead || c->events == events)
		return;
	c->events = events;
	loop_change(c->ps->loop, &c->watch, events);
}

/* The descriptor is its own from here on, also if there is no memory. */
static struct conn *conn_new(struct peers *ps, int fd, struct peer *p,
			     enum conn_state state, uint32_t events)
{
	struct conn *c = calloc(1, sizeof(*c));
	int on = 1;

	if (!c) {
		close(fd);
		return NULL;
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	c->ps = ps;
	c->peer = p;
	c->state = state;
	c->id = ++ps->conn_id;
	c->until = loop_now() + PEER_HANDSHAKE_NS;
	c->events = events;
	c->watch = (struct loop_watch){ .fd = fd, .fn = on_event, .arg = c };
	if (loop_add(ps->loop, &c->watch, events)) {
		close(fd);
		free(c);
		return NULL;
	}
	return c;
}

/* It is this peer's, and the only one. */
static void become(struct conn *c, struct peer *p)
{
	unlink_stranger(c);
	if (p->conn && p->conn != c) {
		p->up = 0;
		conn_end(p->conn, "there is a newer connection");
	}
	c->peer = p;
	p->conn = c;
	p->connections++;
	c->state = OPEN;
	want(c, EPOLLIN);
	mxfs_session_opened(&p->ses, c->id, loop_now());
}

static struct peer *peer_of(struct peers *ps, uint32_t node)
{
	return node >= 1 && node <= MXFS_NODES && ps->peer[node - 1].node ?
		&ps->peer[node - 1] : NULL;
}

/* Who dials is the lower one: nobody else is to come from there. */
static struct peer *may_come(struct conn *c, uint32_t node)
{
	struct peer *p = peer_of(c->ps, node);

	if (!p)
		refuse(c->ps, "%s: refused: node %u is not configured here", c->from, node);
	else if (node > c->ps->conf->node)
		refuse(c->ps, "%s: refused: node %u is to be dialed, not to dial", c->from,
		       node);
	else
		return p;
	return NULL;
}

/* ---- writing ---- */

static long conn_write(struct conn *c, const void *buf, size_t len)
{
	ssize_t n;

	if (c->tls)
		return tls_write(c->tls, buf, len);
	n = send(c->watch.fd, buf, len, MSG_NOSIGNAL);
	return n < 0 ? -errno : n;
}

static void fill(struct conn *c)
{
	size_t n;

	c->out_at = c->out_len = 0;
	while (c->out_len + MXFS_FRAME_MAX <= BUFFER &&
	       (n = mxfs_session_next(&c->peer->ses, c->out + c->out_len)))
		c->out_len += n;
}

static void flush(struct conn *c)
{
	long n;

	if (c->dead || c->state != OPEN)
		return;
	for (;;) {
		if (c->out_at == c->out_len)
			fill(c);
		if (!c->out_len)
			break;
		n = conn_write(c, c->out + c->out_at, c->out_len - c->out_at);
		if (n == -EAGAIN || n == -EINTR)
			break;
		if (n <= 0) {
			conn_end(c, "it cannot be written to");
			return;
		}
		c->out_at += (size_t)n;
	}
	want(c, c->out_len ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

/* ---- reading ---- */

static const char *why_closed(const struct mxfs_msg *m)
{
	if (m->type == MXFS_HELLO_REJECT)
		return "it says that this is another cluster";
	return m->type == MXFS_BYE ? "it ends" : "its messages do not fit";
}

static void result(struct peers *ps, struct peer *p, struct conn *c,
		   enum mxfs_session_result r, const char *why)
{
	if (r == MXFS_SES_LOST)
		ps->on.lost(ps->on.arg, p->node);
	if (r == MXFS_SES_CLOSE)
		conn_end(c, why);
}

static void of_peer(struct conn *c, const struct mxfs_msg *m)
{
	struct peers *ps = c->ps;
	struct peer *p = c->peer;
	enum mxfs_session_result r;

	if (m->type == MXFS_HELLO_REJECT)
		refuse(ps, "peer %u: refuses this node: it is of another cluster", p->node);
	r = mxfs_session_receive(&p->ses, c->id, m, loop_now());
	if (r == MXFS_SES_DELIVER)
		ps->on.message(ps->on.arg, m);
	else
		result(ps, p, c, r, why_closed(m));
	if (p->ses.rejected && !p->up && m->type == MXFS_HELLO)
		refuse(ps, "peer %u: refused: it is of another cluster", p->node);
	if (!c->dead && !p->up && p->ses.phase == MXFS_UP) {
		p->up = 1;
		p->tries = 0;
		log_info("peer %u: connected", p->node);
	}
}

static void reject(struct conn *c, const struct mxfs_msg *hello)
{
	struct mxfs_msg m = { .type = MXFS_HELLO_REJECT, .src = hello->dst,
			      .dst = hello->src };
	uint8_t buf[MXFS_FRAME_MAX];

	refuse(c->ps, "%s: refused: node %u is of another cluster", c->from, m.dst);
	conn_write(c, buf, mxfs_encode(&m, buf));
	conn_end(c, "another cluster");
}

/* Without TLS a stranger is who he says. */
static void of_stranger(struct conn *c, const struct mxfs_msg *m)
{
	struct peer *p = NULL;

	if (m->type != MXFS_HELLO || m->dst != c->ps->conf->node)
		refuse(c->ps, "%s: refused: does not begin with a greeting of this node",
		       c->from);
	else if (memcmp(m->hello.cluster, c->ps->conf->cluster, 16))
		reject(c, m);
	else
		p = may_come(c, m->src);
	if (!p) {
		conn_end(c, "a stranger");
		return;
	}
	become(c, p);
	of_peer(c, m);
}

static void not_understood(struct conn *c, long error)
{
	if (c->peer)
		log_warn("peer %u: ended: %s", c->peer->node, mxfs_wire_text(error));
	else
		refuse(c->ps, "%s: refused: %s", c->from, mxfs_wire_text(error));
	conn_end(c, mxfs_wire_text(error));
}

static void consume(struct conn *c)
{
	struct mxfs_msg m;
	size_t at = 0;
	long n;

	while (!c->dead) {
		n = mxfs_decode(&m, c->in + at, c->in_len - at);
		if (n == MXFS_W_SHORT)
			break;
		if (n < 0) {
			not_understood(c, n);
			return;
		}
		at += (size_t)n;
		if (c->state == GREETING)
			of_stranger(c, &m);
		else
			of_peer(c, &m);
	}
	memmove(c->in, c->in + at, c->in_len - at);
	c->in_len -= at;
}

static long conn_read(struct conn *c)
{
	uint8_t *to = c->in + c->in_len;
	size_t room = BUFFER - c->in_len;
	ssize_t n;

	if (c->tls)
		return tls_read(c->tls, to, room);
	n = recv(c->watch.fd, to, room, 0);
	return n < 0 ? -errno : n;
}

static void read_in(struct conn *c)
{
	size_t room;
	long n;

	for (int i = 0; !c->dead && (i < READS || (c->tls && tls_pending(c->tls))); i++) {
		room = BUFFER - c->in_len;
		n = conn_read(c);
		if (n == -EAGAIN || n == -EINTR)
			return;
		if (n <= 0) {
			if (!c->peer)
				refuse(c->ps, "%s: has left without a greeting", c->from);
			conn_end(c, n == -EPROTO ? tls_why(c->tls) : n ?
				 strerror((int)-n) : "closed by the other end");
			return;
		}
		c->in_len += (size_t)n;
		consume(c);
		if (!c->tls && (size_t)n < room)
			return;		/* there was no more */
	}
}

/* ---- before that ---- */

static void shaken(struct conn *c)
{
	uint32_t node = tls_node(c->tls);
	struct peer *p = c->peer ? c->peer : may_come(c, node);

	if (p && p->node == node) {
		become(c, p);
		return;
	}
	if (p)
		refuse(c->ps, "peer %u: refused: node %u is at its address", p->node, node);
	conn_end(c, "TLS: it is another node");
}

static void shake(struct conn *c)
{
	switch (tls_handshake(c->tls)) {
	case TLS_DONE:
		shaken(c);
		break;
	case TLS_WANT_READ:
		want(c, EPOLLIN);
		break;
	case TLS_WANT_WRITE:
		want(c, EPOLLOUT);
		break;
	case TLS_FAILED:
		if (c->peer)
			refuse(c->ps, "peer %u: TLS: %s", c->peer->node, tls_why(c->tls));
		else
			refuse(c->ps, "%s: refused: TLS: %s", c->from, tls_why(c->tls));
		conn_end(c, "TLS");
		break;
	}
}

static void connected(struct conn *c)
{
	socklen_t len = sizeof(int);
	int error = 0;

	getsockopt(c->watch.fd, SOL_SOCKET, SO_ERROR, &error, &len);
	if (error) {
		conn_end(c, strerror(error));
		return;
	}
	if (!c->ps->tls) {
		become(c, c->peer);
		return;
	}
	c->state = SHAKING;
	c->tls = tls_begin(c->ps->tls, c->watch.fd, c->peer->node);
	if (c->tls)
		shake(c);
	else
		conn_end(c, "no memory");
}

static void on_event(void *arg, uint32_t events)
{
	struct conn *c = arg;

	switch (c->state) {
	case CONNECTING:
		connected(c);
		break;
	case SHAKING:
		shake(c);
		break;
	case OPEN:
	case GREETING:
		if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
			read_in(c);
		break;
	}
	flush(c);
}

static void say_from(struct conn *c, const struct sockaddr_storage *sa)
{
	char host[INET6_ADDRSTRLEN] = "?";
	const struct sockaddr_in6 *in6 = (const void *)sa;
	const struct sockaddr_in *in = (const void *)sa;

	if (sa->ss_family == AF_INET)
		inet_ntop(AF_INET, &in->sin_addr, host, sizeof(host));
	else
		inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof(host));
	snprintf(c->from, sizeof(c->from), "%s", host);
}

static void on_listen(void *arg, uint32_t events)
{
	struct peers *ps = arg;
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);
	int fd = loop_accept(ps->loop, ps->listen.fd, (struct sockaddr *)&sa, &len);
	struct conn *c;

	(void)events;
	if (fd < 0)
		return;
	if (ps->stranger_nr >= PEER_STRANGERS) {
		refuse(ps, "a connection is refused: %u others have not said yet who they are",
		       PEER_STRANGERS);
		close(fd);
		return;
	}
	c = conn_new(ps, fd, NULL, ps->tls ? SHAKING : GREETING, EPOLLIN);
	if (!c)
		return;
	say_from(c, &sa);
	c->next = ps->strangers;
	ps->strangers = c;
	ps->stranger_nr++;
	if (!ps->tls)
		return;
	c->tls = tls_begin(ps->tls, fd, 0);
	if (!c->tls)
		conn_end(c, "no memory");
}

static void dial(struct peers *ps, struct peer *p)
{
	const struct conf_address *a = &ps->conf->peer[p->node - 1];
	int fd = socket(a->sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return;
	if (connect(fd, (const struct sockaddr *)&a->sa, a->len) && errno != EINPROGRESS) {
		log_debug("peer %u: %s: %s", p->node, a->text, strerror(errno));
		close(fd);
		p->dial_at = loop_now() + SECOND;
		return;
	}
	p->conn = conn_new(ps, fd, p, CONNECTING, EPOLLOUT);
}

/* ---- time ---- */

static void tick_peer(struct peers *ps, struct peer *p, uint64_t now)
{
	struct conn *c = p->conn;

	if (c && c->state == OPEN)
		result(ps, p, c, mxfs_session_tick(&p->ses, now), "it does not answer");
	else if (c && now >= c->until)
		conn_end(c, "it takes too long to say who it is");
	else if (!c && ps->conf->node < p->node && now >= p->dial_at)
		dial(ps, p);
}

static void tick(void *arg)
{
	struct peers *ps = arg;
	uint64_t now = loop_now();
	struct conn *c, *next;

	for (uint32_t i = 0; i < MXFS_NODES; i++)
		if (ps->peer[i].node)
			tick_peer(ps, &ps->peer[i], now);
	for (c = ps->strangers; c; c = next) {
		next = c->next;
		if (now < c->until)
			continue;
		refuse(ps, "%s: refused: has not said in time who it is", c->from);
		conn_end(c, "too slow");
	}
	loop_set(ps->loop, &ps->timer, now + ps->tick_ns);
}

static void after(void *arg)
{
	struct peers *ps = arg;

	for (uint32_t i = 0; i < MXFS_NODES; i++)
		if (ps->peer[i].conn && !(ps->peer[i].conn->events & EPOLLOUT))
			flush(ps->peer[i].conn);
	bury(ps);
}

/* ---- the whole ---- */

void peers_send(struct peers *ps, const struct mxfs_msg *msg)
{
	struct peer *p = peer_of(ps, msg->dst);
	enum mxfs_session_result r;

	if (!p)
		return;
	r = mxfs_session_send(&p->ses, msg);
	if (r != MXFS_SES_LOST)
		return;
	log_warn("peer %u: no memory, or more than %u bytes wait for it: they are dropped",
		 p->node, MXFS_ROOM);
	conn_end(p->conn, "too much waits for it");
	ps->on.lost(ps->on.arg, p->node);
}

void peers_info(const struct peers *ps, uint32_t node, struct peer_info *info)
{
	const struct peer *p = &ps->peer[node - 1];

	*info = (struct peer_info){
		.node = node, .address = ps->conf->peer[node - 1].text,
		.phase = p->ses.phase, .queued = p->ses.queued, .bytes = p->ses.bytes,
		.connections = p->connections,
	};
}

void peers_reload(struct peers *ps, const struct conf *conf, struct tls *tls)
{
	ps->conf = conf;
	ps->tls = tls;
}

static int listen_at(const struct conf_address *a, char *err, size_t size)
{
	int fd = socket(a->sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int on = 1;

	if (fd >= 0) {
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
		if (a->sa.ss_family == AF_INET6)
			setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	}
	if (fd >= 0 && !bind(fd, (const struct sockaddr *)&a->sa, a->len) &&
	    !listen(fd, 64))
		return fd;
	snprintf(err, size, "listen = %s: %s", a->text, strerror(errno));
	if (fd >= 0)
		close(fd);
	return -1;
}

static void peer_init(struct peers *ps, uint32_t node, uint64_t stream)
{
	struct peer *p = &ps->peer[node - 1];

	p->node = node;
	mxfs_session_init(&p->ses, ps->conf->node, node, ps->conf->cluster, stream,
			  ps->conf->renew_ns / 4 * 3);
}

struct peers *peers_new(struct loop *loop, const struct conf *conf, struct tls *tls,
			uint64_t stream, const struct peer_events *events, char *err,
			size_t size)
{
	struct peers *ps = calloc(1, sizeof(*ps));
	int fd = ps ? listen_at(&conf->listen, err, size) : -1;

	if (fd < 0) {
		free(ps);
		return NULL;
	}
	ps->loop = loop;
	ps->conf = conf;
	ps->tls = tls;
	ps->on = *events;
	ps->tick_ns = conf->renew_ns / 8;
	for (uint32_t n = 1; n <= MXFS_NODES; n++)
		if (n != conf->node && conf->voters & mxfs_bit(n))
			peer_init(ps, n, stream);
	ps->listen = (struct loop_watch){ .fd = fd, .fn = on_listen, .arg = ps };
	ps->timer = (struct loop_timer){ .fn = tick, .arg = ps };
	ps->hook = (struct loop_hook){ .fn = after, .arg = ps };
	loop_add(loop, &ps->listen, EPOLLIN);
	loop_set(loop, &ps->timer, loop_now());
	loop_after(loop, &ps->hook);
	return ps;
}

void peers_free(struct peers *ps)
{
	if (!ps)
		return;
	while (ps->strangers)
		conn_end(ps->strangers, "the daemon ends");
	for (uint32_t i = 0; i < MXFS_NODES; i++) {
		conn_end(ps->peer[i].conn, "the daemon ends");
		if (ps->peer[i].node)
			mxfs_session_fini(&ps->peer[i].ses);
	}
	bury(ps);
	loop_del(ps->loop, &ps->listen);
	close(ps->listen.fd);
	loop_unset(ps->loop, &ps->timer);
	free(ps);
}
