// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The codec against bytes put together by hand, and sessions over a pipe.
 *
 * Notes: a message is written down here byte for byte, so that the decoder is not
 * tested against its own encoder alone. Each byte of it is then changed in turn,
 * with and without right checksums. Sessions of two sides are joined by frames
 * that this file carries, loses, or brings late.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "session.h"

/* ---- codec ---- */

/* CONVERT of lock 0x11 of "ab", PR held, EX wanted, request 0x22, epoch 3. */
static const uint8_t by_hand[] = {
	'M', 'X', 'F', 'S', 1, 0, 49, 0, 47, 0, 0, 0, 0, 0, 64, 0,
	9, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0,
	0x22, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0,
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	0x11, 0, 0, 0, 0, 0, 0, 0, 0x33, 0, 0, 0, 0, 0, 0, 0,
	0x22, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	0, 0, 0, 0, 0, 0, 0, 0, 3, 5, 4, 0, 2, 'a', 'b',
};

static void put32(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

static void seal(uint8_t *buf, size_t len)
{
	put32(buf + 56, mxfs_crc32c(buf + 64, len - 64));
	put32(buf + 60, mxfs_crc32c(buf, 60));
}

static void checksum(void **state)
{
	uint8_t noise[80];

	(void)state;
	assert_int_equal(mxfs_crc32c("123456789", 9), 0xe3069283);
	assert_int_equal(mxfs_crc32c("", 0), 0);
	/* By the instruction and by the table, at any length and address. */
	for (size_t i = 0; i < sizeof(noise); i++)
		noise[i] = (uint8_t)(i * i >> 3);
	for (size_t at = 0; at < 8; at++)
		for (size_t len = 0; len + at <= sizeof(noise); len++)
			assert_int_equal(mxfs_crc32c(noise + at, len),
					 mxfs_crc32c_by_table(noise + at, len));
}

static void a_message_by_hand(void **state)
{
	uint8_t buf[sizeof(by_hand)], again[MXFS_FRAME_MAX];
	struct mxfs_msg m;

	(void)state;
	memcpy(buf, by_hand, sizeof(buf));
	seal(buf, sizeof(buf));
	assert_int_equal(mxfs_decode(&m, buf, sizeof(buf)), sizeof(buf));
	assert_int_equal(m.type, MXFS_CONVERT);
	assert_int_equal(m.seq, 9);
	assert_int_equal(m.epoch, 3);
	assert_int_equal(m.src, 1);
	assert_int_equal(m.dst, 2);
	assert_int_equal(m.rec.lkid, 0x11);
	assert_int_equal(m.rec.owner, 0x33);
	assert_int_equal(m.rec.gr, MXFS_PR);
	assert_int_equal(m.rec.rq, MXFS_EX);
	assert_int_equal(m.rec.flags, MXFS_R_QUECVT);
	assert_int_equal(m.rec.name.len, 2);
	assert_memory_equal(m.rec.name.byte, "ab", 2);
	assert_int_equal(mxfs_encode(&m, again), sizeof(buf));
	assert_memory_equal(buf, again, sizeof(buf));
}

/* Too short is asked for more; whatever is not ours is said at once. */
static void in_pieces(void **state)
{
	uint8_t buf[sizeof(by_hand)];
	struct mxfs_msg m;

	(void)state;
	memcpy(buf, by_hand, sizeof(buf));
	seal(buf, sizeof(buf));
	for (size_t len = 0; len < sizeof(buf); len++)
		assert_int_equal(mxfs_decode(&m, buf, len), MXFS_W_SHORT);
	assert_int_equal(mxfs_decode(&m, (const uint8_t *)"GET", 3), MXFS_W_MAGIC);
}

static void a_longer_header(void **state)
{
	uint8_t buf[sizeof(by_hand) + 16] = { 0 };
	struct mxfs_msg m;

	(void)state;
	memcpy(buf, by_hand, 64);
	memcpy(buf + 80, by_hand + 64, sizeof(by_hand) - 64);
	buf[14] = 80;
	put32(buf + 56, mxfs_crc32c(buf + 80, sizeof(by_hand) - 64));
	put32(buf + 60, mxfs_crc32c(buf, 60));
	assert_int_equal(mxfs_decode(&m, buf, sizeof(buf)), sizeof(buf));
	assert_int_equal(m.rec.lkid, 0x11);
}

static void each_byte(void **state)
{
	uint8_t buf[sizeof(by_hand)];
	struct mxfs_msg m;

	(void)state;
	for (size_t i = 0; i < sizeof(buf); i++) {
		memcpy(buf, by_hand, sizeof(buf));
		seal(buf, sizeof(buf));
		buf[i] ^= 0x40;
		assert_true(mxfs_decode(&m, buf, sizeof(buf)) < 0);
	}
}

/* With right checksums: what must be refused all the same. */
static void fields(void **state)
{
	static const struct { uint8_t at, value; int want; } wrong[] = {
		{ 4, 2, MXFS_W_VERSION }, { 6, 0, MXFS_W_TYPE },
		{ 6, 7, MXFS_W_TYPE }, { 7, 1, MXFS_W_TYPE },
		{ 6, 1, MXFS_W_LENGTH }, { 8, 45, MXFS_W_LENGTH },
		{ 8, 46, MXFS_W_FIELD }, { 9, 1, MXFS_W_LENGTH },
		{ 10, 1, MXFS_W_LENGTH }, { 12, 2, MXFS_W_FIELD },
		{ 14, 63, MXFS_W_LENGTH }, { 14, 129, MXFS_W_LENGTH },
		{ 40, 0, MXFS_W_FIELD }, { 40, 65, MXFS_W_FIELD },
		{ 44, 0, MXFS_W_FIELD }, { 45, 1, MXFS_W_FIELD },
		{ 48, 1, MXFS_W_FIELD }, { 52, 1, MXFS_W_FIELD },
		{ 96, 1, MXFS_W_FIELD }, { 104, 6, MXFS_W_FIELD },
		{ 105, 254, MXFS_W_FIELD }, { 106, 0x20, MXFS_W_FIELD },
		{ 107, 3, MXFS_W_FIELD }, { 107, 1, MXFS_W_FIELD },
		{ 108, 0, MXFS_W_FIELD }, { 108, 1, MXFS_W_FIELD },
		{ 108, 3, MXFS_W_FIELD }, { 108, 65, MXFS_W_FIELD },
	};
	uint8_t buf[sizeof(by_hand) + 1];
	struct mxfs_msg m;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		size_t len = sizeof(by_hand) - (wrong[i].at == 8 &&
						wrong[i].value == 46);

		memcpy(buf, by_hand, sizeof(by_hand));
		buf[wrong[i].at] = wrong[i].value;
		if (wrong[i].at == 108)
			buf[105] = 5;
		seal(buf, len);
		assert_int_equal(mxfs_decode(&m, buf, len), wrong[i].want);
	}
}

static uint64_t next(uint64_t *s)
{
	uint64_t v = *s += 0x9e3779b97f4a7c15;

	v = (v ^ v >> 30) * 0xbf58476d1ce4e5b9;
	v = (v ^ v >> 27) * 0x94d049bb133111eb;
	return v ^ v >> 31;
}

static const uint16_t types[] = {
#define X(name, nr, payload) nr,
	MXFS_TYPES(X)
#undef X
};

/*
 * Any payload that is accepted is that of the message that comes out: encoded
 * again it is the same.
 */
static void any_payload(void **state)
{
	uint8_t buf[MXFS_FRAME_MAX], again[MXFS_FRAME_MAX];
	uint64_t s = 1, accepted = 0;
	struct mxfs_msg m;

	(void)state;
	for (uint32_t i = 0; i < 200000; i++) {
		size_t len = next(&s) % 180;

		memcpy(buf, by_hand, 64);
		for (size_t k = 0; k < len; k++)
			buf[64 + k] = next(&s) % 3 ? 0 : (uint8_t)next(&s);
		buf[6] = (uint8_t)types[next(&s) % (sizeof(types) / 2)];
		buf[8] = (uint8_t)len;
		seal(buf, 64 + len);
		if (mxfs_decode(&m, buf, 64 + len) < 0)
			continue;
		accepted++;
		assert_int_equal(mxfs_encode(&m, again), 64 + len);
		assert_memory_equal(buf, again, 64 + len);
	}
	assert_true(accepted > 100);
}

static void sets(void **state)
{
	struct mxfs_set a = { .mask = 0 }, b = { .mask = 0 };

	(void)state;
	mxfs_set_add(&a, 1, 5);
	mxfs_set_add(&a, 64, 6);
	mxfs_set_add(&b, 1, 4);
	mxfs_set_add(&b, 2, 9);
	mxfs_set_join(&a, &b);
	assert_true(mxfs_set_has(&a, 1, 5));
	assert_true(mxfs_set_has(&a, 2, 9));
	assert_true(mxfs_set_has(&a, 64, 6));
	assert_false(mxfs_set_equal(&a, &b));
	mxfs_set_join(&b, &a);
	assert_true(mxfs_set_equal(&a, &b));
}

/* ---- sessions ---- */

struct pipe {
	struct mxfs_session side[2];
	uint64_t conn, now, next[2];	/* next: of the numbers that are sent */
	uint64_t got[2];		/* the last that came */
	uint32_t lost[2], closed;
};

static const uint8_t cluster[16] = "cluster";

static void result(struct pipe *p, int side, enum mxfs_session_result r,
		   const struct mxfs_msg *m)
{
	if (r == MXFS_SES_LOST) {
		p->lost[side]++;
		p->got[side] = 0;
		p->next[side] = 0;
	} else if (r == MXFS_SES_CLOSE) {
		mxfs_session_closed(&p->side[0], p->conn);
		mxfs_session_closed(&p->side[1], p->conn);
		p->closed++;
	} else if (r == MXFS_SES_DELIVER) {
		assert_int_equal(m->count, p->got[side] + 1);
		p->got[side]++;
	}
}

/* The next frame of that side; 0 if there is none. lose: it does not arrive. */
static int carry(struct pipe *p, int from, int lose)
{
	uint8_t buf[MXFS_FRAME_MAX];
	size_t len = mxfs_session_next(&p->side[from], buf);
	struct mxfs_msg m;

	if (!len)
		return 0;
	assert_int_equal(mxfs_decode(&m, buf, len), len);
	if (!lose)
		result(p, !from, mxfs_session_receive(&p->side[!from], p->conn, &m,
						      p->now), &m);
	return 1;
}

static void carry_all(struct pipe *p)
{
	while (carry(p, 0, 0) | carry(p, 1, 0))
		;
}

static void dial(struct pipe *p)
{
	p->conn++;
	mxfs_session_opened(&p->side[0], p->conn, p->now);
	mxfs_session_opened(&p->side[1], p->conn, p->now);
}

static void hang_up(struct pipe *p)
{
	mxfs_session_closed(&p->side[0], p->conn);
	mxfs_session_closed(&p->side[1], p->conn);
}

static void say(struct pipe *p, int from)
{
	struct mxfs_msg m;

	memset(&m, 0, sizeof(m));
	m.type = MXFS_ASSERT_DONE;
	m.src = from ? 2 : 1;
	m.dst = from ? 1 : 2;
	m.count = ++p->next[from];
	result(p, from, mxfs_session_send(&p->side[from], &m), NULL);
}

static void restart(struct pipe *p, int side, uint64_t stream)
{
	mxfs_session_fini(&p->side[side]);
	mxfs_session_init(&p->side[side], side ? 2 : 1, side ? 1 : 2, cluster,
			  stream, 1000);
	p->got[side] = p->next[side] = 0;
}

static int begin(void **state)
{
	static struct pipe pipe;

	memset(&pipe, 0, sizeof(pipe));
	pipe.now = 1;
	restart(&pipe, 0, 100);
	restart(&pipe, 1, 200);
	dial(&pipe);
	carry_all(&pipe);
	*state = &pipe;
	return pipe.side[0].phase == MXFS_UP && pipe.side[1].phase == MXFS_UP ?
		0 : -1;
}

static int end(void **state)
{
	struct pipe *p = *state;

	mxfs_session_fini(&p->side[0]);
	mxfs_session_fini(&p->side[1]);
	return 0;
}

static void goes_on(void **state)
{
	struct pipe *p = *state;
	uint32_t lost = p->lost[0] + p->lost[1];

	for (int i = 0; i < 10; i++)
		say(p, i & 1);
	carry(p, 0, 0);
	carry(p, 0, 1);
	carry(p, 1, 1);
	hang_up(p);
	say(p, 0);
	dial(p);
	carry_all(p);
	assert_int_equal(p->got[1], 6);
	assert_int_equal(p->got[0], 5);
	assert_int_equal(p->lost[0] + p->lost[1], lost);
}

/* Cut after each number of frames of the handshake, and of what follows. */
static void cut_anywhere(void **state)
{
	struct pipe *p = *state;

	for (int cut = 0; cut < 200; cut++) {
		say(p, 0);
		say(p, 1);
		hang_up(p);
		dial(p);
		for (int i = 0; i < cut % 12; i++)	/* the last ones are lost */
			carry(p, (cut >> (i % 6)) & 1, i > cut % 7);
		hang_up(p);
		dial(p);
		carry_all(p);
		assert_int_equal(p->closed, 0);
		assert_int_equal(p->got[1], p->next[0]);
		assert_int_equal(p->got[0], p->next[1]);
	}
	assert_int_equal(p->lost[0], p->lost[1]);
}

static void other_side_restarts(void **state)
{
	struct pipe *p = *state;
	uint32_t lost = p->lost[0];

	say(p, 0);
	hang_up(p);
	restart(p, 1, 300);
	dial(p);
	carry_all(p);
	assert_int_equal(p->lost[0], lost + 1);
	say(p, 0);
	carry_all(p);
	assert_int_equal(p->got[1], 1);
}

static void too_much(void **state)
{
	struct pipe *p = *state;
	uint32_t lost = p->lost[0];

	hang_up(p);
	say(p, 0);
	p->side[0].room = 8000 * p->side[0].bytes;
	for (uint32_t i = 1; i < 8000; i++)
		say(p, 0);
	assert_int_equal(p->lost[0], lost);
	say(p, 0);
	assert_int_equal(p->lost[0], lost + 1);
	dial(p);
	carry_all(p);
	assert_int_equal(p->got[1], 0);
	say(p, 0);
	carry_all(p);
	assert_int_equal(p->got[1], 1);
}

/* A burst waits behind what is not acknowledged; nothing of it is lost. */
static void burst(void **state)
{
	struct pipe *p = *state;
	uint32_t lost = p->lost[0], out = 0;

	for (uint32_t i = 0; i < 3 * MXFS_OUTSTANDING; i++)
		say(p, 0);
	while (carry(p, 0, 0))
		out++;
	assert_int_equal(out, MXFS_OUTSTANDING);
	assert_int_equal(p->got[1], MXFS_OUTSTANDING);
	hang_up(p);		/* and it goes on behind a new connection */
	dial(p);
	carry_all(p);
	assert_int_equal(p->got[1], 3 * MXFS_OUTSTANDING);
	assert_int_equal(p->lost[0], lost);
	assert_true(p->side[0].queued < MXFS_ACK_EVERY);
}

static void acknowledged(void **state)
{
	struct pipe *p = *state;

	for (uint32_t i = 0; i < 20 * MXFS_OUTSTANDING; i++) {
		say(p, 0);
		carry(p, 0, 0);
		carry(p, 1, 0);
	}
	assert_int_equal(p->got[1], 20 * MXFS_OUTSTANDING);
	assert_true(p->side[0].queued <= MXFS_ACK_EVERY);
}

static struct mxfs_msg message(uint64_t seq)
{
	struct mxfs_msg m;

	memset(&m, 0, sizeof(m));
	m.type = MXFS_ASSERT_DONE;
	m.src = 1;
	m.dst = 2;
	m.seq = seq;
	return m;
}

static void twice_and_gaps(void **state)
{
	struct pipe *p = *state;
	struct mxfs_session *s = &p->side[1];
	struct mxfs_msg m = message(1);

	assert_int_equal(mxfs_session_receive(s, 1, &m, 1), MXFS_SES_DELIVER);
	assert_int_equal(mxfs_session_receive(s, 1, &m, 1), MXFS_SES_NOTHING);
	m = message(2);
	assert_int_equal(mxfs_session_receive(s, 0, &m, 1), MXFS_SES_NOTHING);
	assert_int_equal(mxfs_session_receive(s, 1, &m, 1), MXFS_SES_DELIVER);
	m = message(4);
	assert_int_equal(mxfs_session_receive(s, 1, &m, 1), MXFS_SES_CLOSE);
	m = message(0);
	assert_int_equal(mxfs_session_receive(s, 1, &m, 1), MXFS_SES_CLOSE);
	m = message(3);
	m.src = 3;
	assert_int_equal(mxfs_session_receive(s, 1, &m, 1), MXFS_SES_CLOSE);
}

static void another_cluster(void **state)
{
	struct pipe *p = *state;

	hang_up(p);
	p->side[1].cluster[0] ^= 1;
	dial(p);
	carry_all(p);
	assert_int_not_equal(p->side[0].phase, MXFS_UP);
	assert_int_not_equal(p->side[1].phase, MXFS_UP);
	assert_true(p->closed > 0);
}

static void silence(void **state)
{
	struct pipe *p = *state;

	assert_int_equal(mxfs_session_tick(&p->side[0], p->now + 1000), 0);
	carry_all(p);		/* a PING, and its answer */
	p->now += 2999;
	assert_int_equal(mxfs_session_tick(&p->side[1], p->now), 0);
	assert_int_equal(mxfs_session_tick(&p->side[1], p->now + 1),
			 MXFS_SES_CLOSE);
}

#define OF_PIPE(f)	cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(checksum), cmocka_unit_test(a_message_by_hand),
		cmocka_unit_test(in_pieces), cmocka_unit_test(a_longer_header),
		cmocka_unit_test(each_byte), cmocka_unit_test(fields),
		cmocka_unit_test(any_payload), cmocka_unit_test(sets),
		OF_PIPE(goes_on), OF_PIPE(cut_anywhere),
		OF_PIPE(other_side_restarts), OF_PIPE(too_much), OF_PIPE(burst),
		OF_PIPE(acknowledged), OF_PIPE(twice_and_gaps),
		OF_PIPE(another_cluster), OF_PIPE(silence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
