// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * One input: messages and calls for a node whose peers say what they like.
 *
 * Notes: the input is a list of steps. Messages go through the codec with right
 * checksums; some then through a session, the others to the lock manager at
 * once. Two peers answer as they should by themselves, so that the node is a member and
 * grants; what the input says comes beside that. What must hold: memory (the
 * sanitizers look), an end of each step, and that what is accepted is the same
 * when it is encoded again. A peer that lies may break locks: it is a member.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dlm.h"
#include "fuzz_target.h"
#include "session.h"

#define MS		1000000ull
#define ACTIONS_MOST	20000u	/* after one step */
#define LKIDS		8u

struct fuzz_sums fuzz_sums;

struct bed {
	const uint8_t *in;
	size_t left;
	struct mxfsd_dlm *d;
	struct mxfs_session ses;
	uint64_t now, conn;
	uint64_t lkid[LKIDS];
	uint32_t lkid_nr;
	int honest;		/* peers answer */
};

static const uint16_t types[] = {
#define X(name, nr, payload) nr,
	MXFS_TYPES(X)
#undef X
};

static void must(int right, const char *what)
{
	if (right)
		return;
	fprintf(stderr, "fuzz: FAILED: %s\n", what);
	abort();
}

static uint8_t byte(struct bed *b)
{
	if (!b->left)
		return 0;
	b->left--;
	return *b->in++;
}

/* ---- the peers ---- */

static void answer(struct bed *b, const struct mxfs_msg *to, struct mxfs_msg m)
{
	m.src = to->dst;
	m.dst = to->src;
	m.epoch = to->epoch;
	mxfsd_dlm_receive(b->d, &m, b->now);
}

static void answer_renewal(struct bed *b, const struct mxfs_msg *m)
{
	struct mxfs_msg a = { .type = MXFS_LEASE_ACK };
	struct mxfs_msg own = { .type = MXFS_LEASE_RENEW };

	a.lease = m->lease;
	answer(b, m, a);
	own.lease = (struct mxfs_lease){ .inc = 1, .stamp = 1, .reach = 7 };
	answer(b, m, own);
}

static void answer_go(struct bed *b, const struct mxfs_msg *m)
{
	struct mxfs_msg done = { .type = MXFS_ASSERT_DONE };
	struct mxfs_msg barrier = { .type = MXFS_BARRIER };

	answer(b, m, done);
	answer(b, m, barrier);
}

static void peers(struct bed *b, const struct mxfs_msg *m)
{
	struct mxfs_msg vote = { .type = MXFS_VIEW_VOTE };
	struct mxfs_msg ack = { .type = MXFS_VIEW_ACK };

	if (m->type == MXFS_LEASE_RENEW)
		answer_renewal(b, m);
	else if (m->type == MXFS_VIEW_PROPOSE)
		answer(b, m, vote);
	else if (m->type == MXFS_VIEW_COMMIT)
		answer(b, m, ack);
	else if (m->type == MXFS_ASSERT_GO)
		answer_go(b, m);
}

/* ---- what the node does ---- */

static void goes_out(struct bed *b, const struct mxfs_msg *m)
{
	uint8_t buf[MXFS_FRAME_MAX], again[MXFS_FRAME_MAX];
	size_t len = mxfs_encode(m, buf);
	struct mxfs_msg back;

	must(mxfs_decode(&back, buf, len) == (long)len, "it sends what it refuses");
	must(mxfs_encode(&back, again) == len && !memcmp(buf, again, len),
	     "a message changes on its way");
	if (b->honest)
		peers(b, m);
}

static void drain(struct bed *b)
{
	static struct mxfsd_action a;
	uint32_t nr = 0;

	while (mxfsd_dlm_take(b->d, &a)) {
		must(nr++ < ACTIONS_MOST, "a step does not end");
		if (a.kind == MXFSD_SEND)
			goes_out(b, &a.msg);
		else if (a.kind == MXFSD_PERSIST)
			mxfsd_dlm_persisted(b->d, a.nr, b->now);
		else if (a.kind == MXFSD_AST)
			fuzz_sums.asts++;
	}
}

static void tick(struct bed *b, uint64_t ns)
{
	b->now += ns;
	mxfsd_dlm_tick(b->d, b->now);
	drain(b);
}

/* ---- steps ---- */

/* Lengths and enums as they must be, so that the rest is looked at. */
static size_t shape(uint8_t *p, uint16_t type)
{
	static const uint8_t lens[] = {
		[MXFS_HELLO] = 40, [MXFS_HELLO_OK] = 40, [MXFS_PING] = 8,
		[MXFS_PONG] = 8, [MXFS_LEASE_RENEW] = 24, [MXFS_LEASE_ACK] = 24,
		[MXFS_ASSERT_DONE] = 8,
	};

	switch (type) {
	case MXFS_VIEW_PROPOSE:
	case MXFS_VIEW_COMMIT:
	case MXFS_VIEW_VOTE:
		memset(p, 0, 8);
		memset(p + (type == MXFS_VIEW_VOTE ? 8 : 24), 0, 8);
		p[type == MXFS_VIEW_VOTE ? 8 : 0] = 3;
		return type == MXFS_VIEW_PROPOSE ? 24 : 32;
	case MXFS_DEADLOCK_PROBE:
		memset(p + 1, 0, 3);
		memset(p + 29, 0, 3);
		memset(p + 57, 0, 3);
		p[96] %= MXFS_LEGS;
		p[97] = 1;
		return 99;
	default:
		if (type < MXFS_LOCK && type != MXFS_ASSERT_LOCKS)
			return lens[type < sizeof(lens) ? type : 0];
		/* a record */
		memset(p + 32, 0, 8);
		p[40] %= MXFS_MODES;
		p[41] %= MXFS_MODES;
		p[42] &= MXFS_R_ALL;
		p[43] = 0;
		p[44] = 1;
		return 46;
	}
}

/* A frame of bytes of the input, which are small numbers mostly. */
static size_t make_frame(struct bed *b, uint8_t *buf)
{
	struct mxfsd_state s;
	struct mxfs_msg head;
	size_t len = byte(b) % 160;

	mxfsd_dlm_state(b->d, &s);
	memset(&head, 0, sizeof(head));
	head.type = MXFS_BYE;
	head.src = 2 + byte(b) % 2;
	head.dst = 1;
	head.epoch = s.epoch + (byte(b) & 15 ? 0 : byte(b) % 3) - (byte(b) == 255);
	head.seq = byte(b) % 4 ? b->ses.rx + 1 : byte(b);
	head.status = byte(b) % 3 ? 0 : -(int32_t)(byte(b) % 12);
	mxfs_encode(&head, buf);
	buf[6] = (uint8_t)types[byte(b) % (sizeof(types) / sizeof(types[0]))];
	buf[8] = (uint8_t)len;
	buf[12] = byte(b) % 8 ? 0 : byte(b) & 1;
	for (size_t i = 0; i < 160; i++)
		buf[64 + i] = i < len ? byte(b) : 0;
	if (byte(b) % 8) {
		len = shape(buf + 64, buf[6]);
		buf[8] = (uint8_t)len;
	}
	return 64 + len;
}

static void seal(uint8_t *buf, size_t len)
{
	uint32_t crc = mxfs_crc32c(buf + 64, len - 64);

	for (int i = 0; i < 4; i++)
		buf[56 + i] = (uint8_t)(crc >> 8 * i);
	crc = mxfs_crc32c(buf, 60);
	for (int i = 0; i < 4; i++)
		buf[60 + i] = (uint8_t)(crc >> 8 * i);
}

static int decode(const uint8_t *buf, size_t len, struct mxfs_msg *m)
{
	uint8_t again[MXFS_FRAME_MAX];

	fuzz_sums.messages++;
	if (mxfs_decode(m, buf, len) != (long)len)
		return 0;
	fuzz_sums.accepted++;
	must(mxfs_encode(m, again) == len && !memcmp(buf, again, len),
	     "a message is not what was decoded");
	return 1;
}

static void message(struct bed *b, int by_session)
{
	uint8_t buf[MXFS_FRAME_MAX];
	size_t len = make_frame(b, buf);
	struct mxfs_msg m;

	seal(buf, len);
	if (!decode(buf, len, &m))
		return;
	if (by_session &&
	    mxfs_session_receive(&b->ses, b->conn - !(byte(b) % 8), &m, b->now) !=
	    MXFS_SES_DELIVER)
		return;
	fuzz_sums.delivered++;
	mxfsd_dlm_receive(b->d, &m, b->now);
}

/* A record that is right but for what the input says of it. */
static void about_a_lock(struct bed *b)
{
	static const uint16_t of_locks[] = {
		MXFS_LOCK, MXFS_CONVERT, MXFS_UNLOCK, MXFS_CANCEL, MXFS_GRANT,
		MXFS_DENY, MXFS_BAST, MXFS_ASSERT_LOCKS, MXFS_DEADLOCK_PROBE,
	};
	struct mxfsd_state s;
	struct mxfs_msg m;

	mxfsd_dlm_state(b->d, &s);
	memset(&m, 0, sizeof(m));
	m.type = of_locks[byte(b) % 9];
	m.src = 2 + byte(b) % 2;
	m.dst = 1;
	m.epoch = s.epoch;
	if (m.type == MXFS_DEADLOCK_PROBE) {
		m.probe.leg = byte(b) % MXFS_LEGS;
		m.probe.init = (struct mxfs_wait){ 1 + byte(b) % 3, byte(b) % 4,
						   byte(b) % 8, byte(b) % 16 };
		m.probe.victim = m.probe.at = m.probe.init;
		m.probe.name = (struct mxfs_name){ 1, { byte(b) % 3 } };
	} else {
		m.rec.lkid = byte(b) % 8;
		m.rec.req = byte(b) % 16;
		m.rec.owner = byte(b) % 4;
		m.rec.gr = byte(b) % 7 ? byte(b) % MXFS_MODES : MXFS_NONE;
		m.rec.rq = byte(b) % 7 ? byte(b) % MXFS_MODES : MXFS_NONE;
		m.rec.flags = byte(b) & MXFS_R_ALL;
		m.rec.name = (struct mxfs_name){ 1, { byte(b) % 3 } };
		m.rec.lvb.state = byte(b) % MXFS_LVB_STATES;
		m.rec.lvb.version = m.rec.lvb.state ? byte(b) : 0;
	}
	mxfsd_dlm_receive(b->d, &m, b->now);
}

static void call(struct bed *b)
{
	struct mxfsd_request r = {
		.name = { 1, { byte(b) % 3 } }, .mode = byte(b) % MXFS_MODES,
		.flags = byte(b) & MXFS_R_ALL, .owner = byte(b) % 4,
		.timeout_ns = byte(b) * MS * 10,
	};
	uint64_t lkid = b->lkid[byte(b) % LKIDS];

	switch (byte(b) % 5) {
	case 0:
	case 1:
		b->lkid[b->lkid_nr++ % LKIDS] = mxfsd_dlm_lock(b->d, &r, b->now);
		break;
	case 2:
		mxfsd_dlm_convert(b->d, lkid, &r, b->now);
		break;
	case 3:
		mxfsd_dlm_unlock(b->d, lkid, 1, byte(b) & 1 ? r.lvb : NULL, b->now);
		break;
	case 4:
		mxfsd_dlm_cancel(b->d, lkid, b->now);
		break;
	}
}

static void world(struct bed *b)
{
	struct mxfsd_disk disk = { .epoch = byte(b), .mask = byte(b) % 8,
				   .renewals = { byte(b), byte(b), byte(b) } };
	uint64_t nr = byte(b);

	switch (byte(b) % 6) {
	case 0:
		mxfsd_dlm_fenced(b->d, 1 + (uint32_t)nr % 3, byte(b), 1, b->now);
		break;
	case 1:
		mxfsd_dlm_session_lost(b->d, 2, b->now);
		break;
	case 2:
		mxfsd_dlm_disk_renewed(b->d, nr, &disk, b->now);
		break;
	case 3:
		mxfsd_dlm_disk_state(b->d, &disk, b->now);
		break;
	case 4:
		mxfsd_dlm_disk_claimed(b->d, nr, byte(b) & 1 ? &disk : NULL, b->now);
		break;
	case 5:
		b->honest = !b->honest;
		break;
	}
}

static void session(struct bed *b)
{
	uint8_t buf[MXFS_FRAME_MAX];
	struct mxfs_msg m = { .type = MXFS_BARRIER, .src = 1, .dst = 2 };

	switch (byte(b) % 4) {
	case 0:
		mxfs_session_opened(&b->ses, ++b->conn, b->now);
		break;
	case 1:
		mxfs_session_closed(&b->ses, b->conn - !(byte(b) % 4));
		break;
	case 2:
		mxfs_session_send(&b->ses, &m);
		break;
	case 3:
		mxfs_session_tick(&b->ses, b->now);
		break;
	}
	while (mxfs_session_next(&b->ses, buf))
		;
}

/* Bytes as they come from a socket. */
static void raw(struct bed *b)
{
	uint8_t buf[MXFS_FRAME_MAX] = "MXFS";
	size_t len = byte(b) * 4u;
	struct mxfs_msg m;
	long r;

	for (size_t i = byte(b) & 1 ? 4 : 0; i < len; i++)
		buf[i] = byte(b);
	r = mxfs_decode(&m, buf, len);
	must(r <= (long)len, "it has read what was not there");
}

static void step(struct bed *b)
{
	switch (byte(b) % 12) {
	case 0:
	case 1:
		tick(b, byte(b) * 5 * MS);
		break;
	case 2:
		message(b, 0);
		break;
	case 3:
		message(b, 1);
		break;
	case 4:
	case 5:
	case 6:
		about_a_lock(b);
		break;
	case 7:
	case 8:
		call(b);
		break;
	case 9:
		world(b);
		break;
	case 10:
		session(b);
		break;
	case 11:
		raw(b);
		break;
	}
	drain(b);
}

static void bed_begin(struct bed *b)
{
	static const uint8_t cluster[16];
	struct mxfsd_config cfg = {
		.node = 1, .voters = 7, .disk = b->left & 1,
		.fence = b->left >> 1 & 1, .renew_ns = 400 * MS,
		.lease_ns = 1000 * MS, .takeover_ns = MXFSD_TAKEOVER(1000 * MS),
		.probe_ns = 300 * MS,
	};
	struct mxfsd_stable stable = { .inc = 1 };

	b->now = 1000 * MS;
	b->honest = 1;
	b->d = mxfsd_dlm_new(&cfg, &stable, b->now);
	must(b->d != NULL, "no memory");
	mxfs_session_init(&b->ses, 1, 2, cluster, 1, 300 * MS);
	drain(b);
	for (int i = 0; i < 40; i++)
		tick(b, 50 * MS);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bed b = { .in = data, .left = size };
	struct mxfsd_state s;

	bed_begin(&b);
	mxfsd_dlm_state(b.d, &s);
	fuzz_sums.inputs++;
	fuzz_sums.resumed += s.resumed != 0;
	while (b.left)
		step(&b);
	mxfs_session_fini(&b.ses);
	mxfsd_dlm_free(b.d);
	return 0;
}
