// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Encoding and decoding of messages.
 *
 * Notes: pure, no state, any thread. Each payload has one writer and one
 * reader over a cursor; a reader that ran out of bytes or met a value out of
 * range marks the cursor bad and returns zeros, so that no caller checks every
 * step. Nothing is allocated: the longest payload is known. Encoding what was
 * decoded gives the same bytes, but for a header extension.
 */
#include <endian.h>
#include <string.h>

#include "wire.h"

#define RECORD_FIXED	44u
#define WAIT_LEN	28u
#define SET_MAX		(8 + 8 * MXFS_NODES)

static const uint8_t magic[4] = { 'M', 'X', 'F', 'S' };

/* Offsets in the header. */
enum {
	H_MAGIC, H_MAJOR = 4, H_MINOR, H_TYPE, H_PAYLOAD = 8, H_FLAGS = 12,
	H_HEADER = 14, H_SEQ = 16, H_EPOCH = 24, H_REQ = 32, H_SRC = 40,
	H_DST = 44, H_STATUS = 48, H_VOLUME = 52, H_PAYLOAD_CRC = 56,
	H_HEADER_CRC = 60
};

enum payload { NONE, HELLO, ACK, LEASE, SET, SETS, VOTE, RECORD, COUNT, PROBE };

/* ---- cursors ---- */

static void put(uint8_t **p, uint64_t v, unsigned int bytes)
{
	v = htole64(v);
	memcpy(*p, &v, bytes);
	*p += bytes;
}

static void put_bytes(uint8_t **p, const void *from, size_t len)
{
	memcpy(*p, from, len);
	*p += len;
}

struct in {
	const uint8_t *p, *end;
	int bad;
};

static uint64_t get(struct in *in, unsigned int bytes)
{
	uint64_t v = 0;

	if (in->bad || (size_t)(in->end - in->p) < bytes) {
		in->bad = 1;
		return 0;
	}
	memcpy(&v, in->p, bytes);
	in->p += bytes;
	return le64toh(v);
}

static void get_bytes(struct in *in, void *to, size_t len)
{
	if (in->bad || (size_t)(in->end - in->p) < len) {
		in->bad = 1;
		return;
	}
	memcpy(to, in->p, len);
	in->p += len;
}

static void must(struct in *in, int right)
{
	if (!right)
		in->bad = 1;
}

static uint32_t get_node(struct in *in)
{
	uint32_t node = (uint32_t)get(in, 4);

	must(in, node >= 1 && node <= MXFS_NODES);
	return node;
}

/* ---- parts of payloads ---- */

static void put_set(uint8_t **p, const struct mxfs_set *s)
{
	put(p, s->mask, 8);
	for (uint32_t i = 0; i < MXFS_NODES; i++)
		if (s->mask >> i & 1)
			put(p, s->inc[i], 8);
}

static void get_set(struct in *in, struct mxfs_set *s)
{
	s->mask = get(in, 8);
	for (uint32_t i = 0; i < MXFS_NODES; i++)
		if (s->mask >> i & 1)
			s->inc[i] = get(in, 8);
}

static void put_name(uint8_t **p, const struct mxfs_name *n)
{
	put(p, n->len, 1);
	put_bytes(p, n->byte, n->len);
}

/* empty: a name of no bytes is allowed. */
static void get_name(struct in *in, struct mxfs_name *n, int empty)
{
	n->len = (uint8_t)get(in, 1);
	must(in, n->len <= MXFS_NAME_MAX && (n->len || empty));
	if (!in->bad)
		get_bytes(in, n->byte, n->len);
}

static void put_record(uint8_t **p, const struct mxfs_record *r)
{
	put(p, r->lkid, 8);
	put(p, r->owner, 8);
	put(p, r->req, 8);
	put(p, r->seq, 8);
	put(p, r->lvb.version, 8);
	put(p, r->gr, 1);
	put(p, r->rq, 1);
	put(p, r->flags, 1);
	put(p, r->lvb.state, 1);
	put_name(p, &r->name);
	if (r->lvb.state != MXFS_LVB_NONE)
		put_bytes(p, r->lvb.byte, MXFS_LVB);
}

static int is_mode(uint8_t m)
{
	return m < MXFS_MODES || m == MXFS_NONE;
}

static void get_record(struct in *in, struct mxfs_record *r)
{
	r->lkid = get(in, 8);
	r->owner = get(in, 8);
	r->req = get(in, 8);
	r->seq = get(in, 8);
	r->lvb.version = get(in, 8);
	r->gr = (uint8_t)get(in, 1);
	r->rq = (uint8_t)get(in, 1);
	r->flags = (uint16_t)get(in, 1);
	r->lvb.state = (uint8_t)get(in, 1);
	must(in, is_mode(r->gr) && is_mode(r->rq));
	must(in, !(r->flags & ~MXFS_R_ALL) && r->lvb.state < MXFS_LVB_STATES);
	must(in, !(r->flags & MXFS_R_MASTER) || r->owner <= MXFS_NODES);
	get_name(in, &r->name, 0);
	if (r->lvb.state != MXFS_LVB_NONE)
		get_bytes(in, r->lvb.byte, MXFS_LVB);
	else
		must(in, r->lvb.version == 0);
}

static void put_wait(uint8_t **p, const struct mxfs_wait *w)
{
	put(p, w->node, 4);
	put(p, w->owner, 8);
	put(p, w->lkid, 8);
	put(p, w->req, 8);
}

static void get_wait(struct in *in, struct mxfs_wait *w)
{
	w->node = get_node(in);
	w->owner = get(in, 8);
	w->lkid = get(in, 8);
	w->req = get(in, 8);
}

static void put_probe(uint8_t **p, const struct mxfs_probe *b)
{
	put_wait(p, &b->init);
	put_wait(p, &b->at);
	put_wait(p, &b->victim);
	put(p, b->round, 8);
	put(p, b->hops, 4);
	put(p, b->leg, 1);
	put_name(p, &b->name);
}

static void get_probe(struct in *in, struct mxfs_probe *b)
{
	get_wait(in, &b->init);
	get_wait(in, &b->at);
	get_wait(in, &b->victim);
	b->round = get(in, 8);
	b->hops = (uint32_t)get(in, 4);
	b->leg = (uint8_t)get(in, 1);
	must(in, b->leg < MXFS_LEGS);
	get_name(in, &b->name, b->leg != MXFS_TO_MASTER);
}

static void put_hello(uint8_t **p, const struct mxfs_hello *h)
{
	put_bytes(p, h->cluster, sizeof(h->cluster));
	put(p, h->mine, 8);
	put(p, h->yours, 8);
	put(p, h->received, 8);
}

static void get_hello(struct in *in, struct mxfs_hello *h)
{
	get_bytes(in, h->cluster, sizeof(h->cluster));
	h->mine = get(in, 8);
	h->yours = get(in, 8);
	h->received = get(in, 8);
	must(in, h->mine != 0);
}

static void put_lease(uint8_t **p, const struct mxfs_lease *l)
{
	put(p, l->inc, 8);
	put(p, l->stamp, 8);
	put(p, l->reach, 8);
}

static void get_lease(struct in *in, struct mxfs_lease *l)
{
	l->inc = get(in, 8);
	l->stamp = get(in, 8);
	l->reach = get(in, 8);
}

/* ---- payloads ---- */

static const struct kind {
	uint8_t known, payload;
} kinds[] = {
#define X(name, nr, what) [nr] = { 1, what },
	MXFS_TYPES(X)
#undef X
};

#define KINDS		(sizeof(kinds) / sizeof(kinds[0]))

static const struct { uint16_t least, most; } limits[] = {
	[NONE] = { 0, 0 },
	[HELLO] = { 40, 40 },
	[ACK] = { 8, 8 },
	[LEASE] = { 24, 24 },
	[SET] = { 8, SET_MAX },
	[SETS] = { 16, 2 * SET_MAX },
	[VOTE] = { 16, 8 + SET_MAX },
	[RECORD] = { RECORD_FIXED + 2, RECORD_FIXED + 1 + MXFS_NAME_MAX + MXFS_LVB },
	[COUNT] = { 8, 8 },
	[PROBE] = { 3 * WAIT_LEN + 14, 3 * WAIT_LEN + 14 + MXFS_NAME_MAX },
};

_Static_assert(2 * SET_MAX <= MXFS_PAYLOAD_MAX, "the longest payload fits");

static void put_payload(uint8_t **p, const struct mxfs_msg *m)
{
	switch (kinds[m->type].payload) {
	case HELLO:
		put_hello(p, &m->hello);
		break;
	case ACK:
		put(p, m->ack, 8);
		break;
	case LEASE:
		put_lease(p, &m->lease);
		break;
	case SETS:
		put_set(p, &m->view.members);
		put_set(p, &m->view.fence);
		break;
	case SET:
		put_set(p, &m->view.members);
		break;
	case VOTE:
		put(p, m->vote.promised, 8);
		put_set(p, &m->vote.pending);
		break;
	case RECORD:
		put_record(p, &m->rec);
		break;
	case COUNT:
		put(p, m->count, 8);
		break;
	case PROBE:
		put_probe(p, &m->probe);
		break;
	}
}

static void get_payload(struct in *in, struct mxfs_msg *m)
{
	switch (kinds[m->type].payload) {
	case HELLO:
		get_hello(in, &m->hello);
		break;
	case ACK:
		m->ack = get(in, 8);
		break;
	case LEASE:
		get_lease(in, &m->lease);
		break;
	case SETS:
		get_set(in, &m->view.members);
		get_set(in, &m->view.fence);
		break;
	case SET:
		get_set(in, &m->view.members);
		break;
	case VOTE:
		m->vote.promised = get(in, 8);
		get_set(in, &m->vote.pending);
		break;
	case RECORD:
		get_record(in, &m->rec);
		break;
	case COUNT:
		m->count = get(in, 8);
		break;
	case PROBE:
		get_probe(in, &m->probe);
		break;
	}
}

/* ---- messages ---- */

size_t mxfs_encode(const struct mxfs_msg *m, uint8_t *buf)
{
	uint8_t *p = buf + MXFS_HEADER;
	uint32_t len;

	put_payload(&p, m);
	len = (uint32_t)(p - buf) - MXFS_HEADER;
	p = buf;
	put_bytes(&p, magic, sizeof(magic));
	put(&p, MXFS_MAJOR, 1);
	put(&p, MXFS_MINOR, 1);
	put(&p, m->type, 2);
	put(&p, len, 4);
	put(&p, m->flags, 2);
	put(&p, MXFS_HEADER, 2);
	put(&p, m->seq, 8);
	put(&p, m->epoch, 8);
	put(&p, m->req, 8);
	put(&p, m->src, 4);
	put(&p, m->dst, 4);
	put(&p, (uint32_t)m->status, 4);
	put(&p, 0, 4);
	put(&p, mxfs_crc32c(buf + MXFS_HEADER, len), 4);
	put(&p, mxfs_crc32c(buf, H_HEADER_CRC), 4);
	return MXFS_HEADER + len;
}

static uint64_t field(const uint8_t *buf, unsigned int at, unsigned int bytes)
{
	struct in in = { .p = buf + at, .end = buf + at + bytes };

	return get(&in, bytes);
}

/* The header's fields that a payload's bounds depend on. */
static long header_check(const uint8_t *buf)
{
	uint64_t type = field(buf, H_TYPE, 2), len = field(buf, H_PAYLOAD, 4);
	uint64_t head = field(buf, H_HEADER, 2);

	if (memcmp(buf, magic, sizeof(magic)))
		return MXFS_W_MAGIC;
	if (buf[H_MAJOR] != MXFS_MAJOR)
		return MXFS_W_VERSION;
	if (field(buf, H_HEADER_CRC, 4) != mxfs_crc32c(buf, H_HEADER_CRC))
		return MXFS_W_HEADER_CRC;
	if (type >= KINDS || !kinds[type].known)
		return MXFS_W_TYPE;
	if (head < MXFS_HEADER || head > MXFS_HEADER_MAX ||
	    len < limits[kinds[type].payload].least ||
	    len > limits[kinds[type].payload].most)
		return MXFS_W_LENGTH;
	return (long)(head + len);
}

static int header_get(struct mxfs_msg *m, const uint8_t *buf)
{
	struct in in = { .p = buf + H_SEQ, .end = buf + MXFS_HEADER };

	memset(m, 0, sizeof(*m));
	m->type = (uint16_t)field(buf, H_TYPE, 2);
	m->flags = (uint16_t)field(buf, H_FLAGS, 2);
	m->seq = get(&in, 8);
	m->epoch = get(&in, 8);
	m->req = get(&in, 8);
	m->src = get_node(&in);
	m->dst = get_node(&in);
	m->status = (int32_t)get(&in, 4);
	must(&in, !(m->flags & ~MXFS_F_ALL));
	must(&in, m->status <= 0 && m->status >= MXFS_S_LAST);
	must(&in, get(&in, 4) == 0);
	return in.bad;
}

long mxfs_decode(struct mxfs_msg *m, const uint8_t *buf, size_t len)
{
	struct in in;
	long whole;
	uint64_t head;

	if (len < MXFS_HEADER) {
		/* What is no message will not become one by more bytes. */
		return memcmp(buf, magic, len < 4 ? len : 4) ? MXFS_W_MAGIC :
			MXFS_W_SHORT;
	}
	whole = header_check(buf);
	if (whole < 0)
		return whole;
	if ((uint64_t)whole > len)
		return MXFS_W_SHORT;
	head = field(buf, H_HEADER, 2);
	in = (struct in){ .p = buf + head, .end = buf + whole };
	if (field(buf, H_PAYLOAD_CRC, 4) !=
	    mxfs_crc32c(in.p, (size_t)(in.end - in.p)))
		return MXFS_W_PAYLOAD_CRC;
	if (header_get(m, buf))
		return MXFS_W_FIELD;
	get_payload(&in, m);
	if (in.bad || in.p != in.end)
		return MXFS_W_FIELD;
	return whole;
}

/* ---- texts, sets, names ---- */

const char *mxfs_type_text(uint16_t type)
{
	switch (type) {
#define X(name, nr, payload) case nr: return #name;
	MXFS_TYPES(X)
#undef X
	}
	return "?";
}

const char *mxfs_status_text(int32_t status)
{
	switch (status) {
#define X(name, nr, text) case nr: return text;
	MXFS_STATUSES(X)
#undef X
	}
	return "?";
}

const char *mxfs_wire_text(long error)
{
	switch (error) {
#define X(name, nr, text) case nr: return text;
	MXFS_WIRE_ERRORS(X)
#undef X
	}
	return "no error";
}

void mxfs_set_add(struct mxfs_set *s, uint32_t node, uint64_t inc)
{
	s->mask |= mxfs_bit(node);
	s->inc[node - 1] = inc;
}

void mxfs_set_join(struct mxfs_set *s, const struct mxfs_set *more)
{
	for (uint32_t n = 1; n <= MXFS_NODES; n++)
		if (more->mask & mxfs_bit(n) &&
		    !(s->mask & mxfs_bit(n) && s->inc[n - 1] >= more->inc[n - 1]))
			mxfs_set_add(s, n, more->inc[n - 1]);
}

int mxfs_set_equal(const struct mxfs_set *a, const struct mxfs_set *b)
{
	if (a->mask != b->mask)
		return 0;
	for (uint32_t n = 1; n <= MXFS_NODES; n++)
		if (a->mask & mxfs_bit(n) && a->inc[n - 1] != b->inc[n - 1])
			return 0;
	return 1;
}

void mxfs_name_copy(struct mxfs_name *to, const struct mxfs_name *from)
{
	to->len = from->len;
	memcpy(to->byte, from->byte, from->len);
	memset(to->byte + from->len, 0, MXFS_NAME_MAX - from->len);
}

int mxfs_name_equal(const struct mxfs_name *a, const struct mxfs_name *b)
{
	return a->len == b->len && !memcmp(a->byte, b->byte, a->len);
}
