// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Sessions between two daemons.
 *
 * Notes: each side numbers its stream of messages anew (`mine`) when anything of
 * it was lost. A connection begins with HELLO from both sides: my stream, the
 * stream of yours that I follow, and how far I have it. Both come to the same
 * answer: if each follows what the other sends, the connection goes on behind
 * what was received; else both streams begin anew, and both tell their lock
 * manager. HELLO_OK carries the stream as it is after that decision, so that
 * a connection that ends between the two leaves traces: the next HELLO does not
 * fit.
 *
 * HELLO, HELLO_OK, HELLO_REJECT, PING, PONG and BYE are outside the stream,
 * with sequence number 0. All others have 1, 2, 3 ...; one that was received
 * already is dropped, a gap ends the connection.
 */
#include <stdlib.h>
#include <string.h>

#include "session.h"

static unsigned int bit(uint16_t type)
{
	return 1u << type;
}

/* ---- the queue ---- */

static void drop_first(struct mxfs_session *s)
{
	struct mxfs_frame *f = s->first;

	s->first = f->next;
	if (!s->first)
		s->end = &s->first;
	if (s->next_out == f)
		s->next_out = f->next;
	s->queued--;
	s->bytes -= f->len;
	free(f);
}

static void acknowledged(struct mxfs_session *s, uint64_t seq)
{
	if (seq <= s->acked)
		return;
	s->acked = seq;
	while (s->first && s->first->seq <= seq)
		drop_first(s);
}

/* Nothing of either stream is left; the next ones have other numbers. */
static void start_over(struct mxfs_session *s)
{
	while (s->first)
		drop_first(s);
	s->tx = s->acked = 0;
	s->rx = s->rx_told = 0;
	s->mine++;
	s->yours = 0;
}

void mxfs_session_init(struct mxfs_session *s, uint32_t node, uint32_t peer,
		       const uint8_t cluster[16], uint64_t stream,
		       uint64_t ping_ns)
{
	memset(s, 0, sizeof(*s));
	s->node = node;
	s->peer = peer;
	memcpy(s->cluster, cluster, sizeof(s->cluster));
	s->mine = stream;
	s->ping_ns = ping_ns;
	s->room = MXFS_ROOM;
	s->end = &s->first;
}

void mxfs_session_fini(struct mxfs_session *s)
{
	while (s->first)
		drop_first(s);
}

/* ---- connections ---- */

void mxfs_session_opened(struct mxfs_session *s, uint64_t conn, uint64_t now)
{
	s->conn = conn;
	s->phase = MXFS_MET;
	s->due = bit(MXFS_HELLO);
	s->heard = s->pinged = now;
	s->rejected = 0;
}

void mxfs_session_closed(struct mxfs_session *s, uint64_t conn)
{
	if (conn != s->conn)
		return;
	s->conn = 0;
	s->phase = MXFS_DOWN;
	s->due = 0;
}

enum mxfs_session_result mxfs_session_send(struct mxfs_session *s,
					   const struct mxfs_msg *msg)
{
	uint8_t buf[MXFS_FRAME_MAX];
	struct mxfs_msg m = *msg;
	struct mxfs_frame *f;
	size_t len;

	m.seq = s->tx + 1;
	len = mxfs_encode(&m, buf);
	f = s->bytes + len <= s->room ? malloc(sizeof(*f) + len) : NULL;
	if (!f) {
		start_over(s);
		mxfs_session_closed(s, s->conn);
		return MXFS_SES_LOST;
	}
	s->tx++;
	f->next = NULL;
	f->seq = m.seq;
	f->len = len;
	memcpy(f->bytes, buf, len);
	*s->end = f;
	s->end = &f->next;
	if (!s->next_out)
		s->next_out = f;
	s->queued++;
	s->bytes += len;
	return MXFS_SES_NOTHING;
}

/* ---- what comes ---- */

static int fits(const struct mxfs_session *s, const struct mxfs_hello *h)
{
	return h->yours == s->mine && h->mine == s->yours &&
	       h->received >= s->acked && h->received <= s->tx;
}

static enum mxfs_session_result on_hello(struct mxfs_session *s,
					 const struct mxfs_hello *h)
{
	if (s->phase != MXFS_MET)
		return MXFS_SES_CLOSE;
	if (memcmp(h->cluster, s->cluster, sizeof(s->cluster))) {
		s->rejected = 1;
		s->due = bit(MXFS_HELLO_REJECT);
		return MXFS_SES_NOTHING;
	}
	s->phase = MXFS_AGREED;
	s->due |= bit(MXFS_HELLO_OK);
	s->fresh = !fits(s, h);
	if (s->fresh) {
		start_over(s);
		return MXFS_SES_LOST;
	}
	acknowledged(s, h->received);
	s->next_out = s->first;
	return MXFS_SES_NOTHING;
}

static enum mxfs_session_result on_hello_ok(struct mxfs_session *s,
					    const struct mxfs_hello *h)
{
	if (s->phase != MXFS_AGREED ||
	    (!s->fresh && h->mine != s->yours))
		return MXFS_SES_CLOSE;
	s->yours = h->mine;
	s->phase = MXFS_UP;
	return MXFS_SES_NOTHING;
}

static enum mxfs_session_result on_ack(struct mxfs_session *s,
				       const struct mxfs_msg *m)
{
	if (s->phase != MXFS_UP || m->ack > s->tx)
		return MXFS_SES_CLOSE;
	acknowledged(s, m->ack);
	if (m->type == MXFS_PING)
		s->due |= bit(MXFS_PONG);
	return MXFS_SES_NOTHING;
}

static enum mxfs_session_result on_message(struct mxfs_session *s,
					   const struct mxfs_msg *m)
{
	if (s->phase != MXFS_UP || m->seq > s->rx + 1 || !m->seq)
		return MXFS_SES_CLOSE;
	if (m->seq <= s->rx)
		return MXFS_SES_NOTHING;
	s->rx++;
	if (s->rx - s->rx_told >= MXFS_ACK_EVERY)
		s->due |= bit(MXFS_PONG);
	return MXFS_SES_DELIVER;
}

enum mxfs_session_result mxfs_session_receive(struct mxfs_session *s,
					      uint64_t conn,
					      const struct mxfs_msg *m,
					      uint64_t now)
{
	if (conn != s->conn || s->rejected)
		return MXFS_SES_NOTHING;
	if (m->src != s->peer || m->dst != s->node)
		return MXFS_SES_CLOSE;
	s->heard = now;
	switch (m->type) {
	case MXFS_HELLO:
		return on_hello(s, &m->hello);
	case MXFS_HELLO_OK:
		return on_hello_ok(s, &m->hello);
	case MXFS_HELLO_REJECT:
	case MXFS_BYE:
		return MXFS_SES_CLOSE;
	case MXFS_PING:
	case MXFS_PONG:
		return on_ack(s, m);
	default:
		return on_message(s, m);
	}
}

enum mxfs_session_result mxfs_session_tick(struct mxfs_session *s, uint64_t now)
{
	if (!s->conn)
		return MXFS_SES_NOTHING;
	if (now >= s->heard + 3 * s->ping_ns || (s->rejected && !s->due))
		return MXFS_SES_CLOSE;
	if (s->phase == MXFS_UP && now >= s->pinged + s->ping_ns) {
		s->pinged = now;
		s->due |= bit(MXFS_PING);
	}
	return MXFS_SES_NOTHING;
}

/* ---- what goes ---- */

static size_t control(struct mxfs_session *s, uint16_t type, uint8_t *buf)
{
	struct mxfs_msg m;

	memset(&m, 0, sizeof(m));
	m.type = type;
	m.src = s->node;
	m.dst = s->peer;
	if (type == MXFS_HELLO || type == MXFS_HELLO_OK) {
		memcpy(m.hello.cluster, s->cluster, sizeof(s->cluster));
		m.hello.mine = s->mine;
		m.hello.yours = s->yours;
		m.hello.received = s->rx;
	} else if (type != MXFS_HELLO_REJECT) {
		m.ack = s->rx_told = s->rx;
	}
	return mxfs_encode(&m, buf);
}

size_t mxfs_session_next(struct mxfs_session *s, uint8_t buf[MXFS_FRAME_MAX])
{
	struct mxfs_frame *f = s->next_out;
	uint16_t type;

	if (!s->conn)
		return 0;
	if (s->due) {
		type = (uint16_t)__builtin_ctz(s->due);
		s->due &= s->due - 1;
		return control(s, type, buf);
	}
	if (s->phase != MXFS_UP || !f || f->seq > s->acked + MXFS_OUTSTANDING)
		return 0;
	memcpy(buf, f->bytes, f->len);
	s->next_out = f->next;
	return f->len;
}
