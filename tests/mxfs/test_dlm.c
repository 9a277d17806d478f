// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The lock manager by itself: tables, placing, and the queues of one node.
 *
 * Notes: the node is alone, so everything is local and nothing waits for a
 * network: what is asked and what comes out is compared step by step. Tables are
 * written out here by hand. Several nodes are the simulator's (sim_dlm.c).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dlm.h"
#include "place.h"

#define SECOND	1000000000ull

/* ---- tables ---- */

/* Y: compatible. NL CR CW PR PW EX. */
static const char *const compatible[] = {
	"YYYYYY", "YYYYY-", "YYY---", "YY-Y--", "YY----", "Y-----",
};

/* Y: granted without asking anybody. Rows: from. */
static const char *const release[] = {
	"Y-----", "YY----", "YYY---", "YY-Y--", "YYYYY-", "YYYYYY",
};

static void tables(void **state)
{
	(void)state;
	for (uint8_t a = 0; a < MXFS_MODES; a++) {
		for (uint8_t b = 0; b < MXFS_MODES; b++) {
			assert_int_equal(mxfs_mode_compatible(a, b),
					 compatible[a][b] == 'Y');
			assert_int_equal(mxfs_mode_is_release(a, b),
					 release[a][b] == 'Y');
		}
		assert_true(mxfs_mode_compatible(a, MXFS_NONE));
		assert_int_equal(mxfs_mode_is_writer(a), a >= MXFS_PW);
		assert_int_equal(mxfs_mode_bars_writers(a), a >= MXFS_CW);
	}
}

static void meets(void **state)
{
	(void)state;
	for (uint8_t a = 0; a < MXFS_MODES; a++) {
		for (uint8_t b = 0; b < MXFS_MODES; b++) {
			uint8_t m = mxfs_mode_meet(a, b);

			assert_true(mxfs_mode_is_release(a, m));
			assert_true(mxfs_mode_is_release(b, m));
			assert_int_equal(m, mxfs_mode_meet(b, a));
		}
	}
	assert_int_equal(mxfs_mode_meet(MXFS_PR, MXFS_CW), MXFS_CR);
	assert_int_equal(mxfs_mode_meet(MXFS_PR, MXFS_EX), MXFS_PR);
}

/* ---- placing ---- */

static void hash_is_siphash(void **state)
{
	uint8_t key[16], text[15];

	(void)state;
	for (uint8_t i = 0; i < 16; i++)
		key[i] = i;
	for (uint8_t i = 0; i < 15; i++)
		text[i] = i;
	assert_true(mxfsd_hash(key, text, 15) == 0xa129ca6149be45e5);
	assert_true(mxfsd_hash(key, text, 0) == 0x726fdb47dd0e0e31);
}

/* A member that leaves moves its own, and each has about its share. */
static void placing(void **state)
{
	uint32_t share[6] = { 0 }, moved = 0;

	(void)state;
	assert_int_equal(mxfsd_place(1, 0), 0);
	for (uint64_t h = 0; h < 10000; h++) {
		uint32_t at = mxfsd_place(h * 0x9e3779b97f4a7c15, 0x1f);
		uint32_t then = mxfsd_place(h * 0x9e3779b97f4a7c15, 0x1b);

		assert_in_range(at, 1, 5);
		share[at]++;
		if (at != then) {
			assert_int_equal(at, 3);
			moved++;
		}
	}
	assert_int_equal(moved, share[3]);
	for (uint32_t i = 1; i <= 5; i++)
		assert_in_range(share[i], 1800, 2200);
}

/* ---- one node ---- */

struct one {
	struct mxfsd_dlm *d;
	uint64_t now, next_tag;
	struct mxfsd_action last;	/* AST */
	uint32_t asts, basts;
	uint64_t bast_lkid;
	uint8_t bast_mode;
};

static void note(struct one *o, const struct mxfsd_action *a)
{
	if (a->kind == MXFSD_AST) {
		o->last = *a;
		o->asts++;
	} else if (a->kind == MXFSD_BAST) {
		o->bast_lkid = a->lkid;
		o->bast_mode = a->mode;
		o->basts++;
	}
}

static void drain(struct one *o)
{
	static struct mxfsd_action a;

	while (mxfsd_dlm_take(o->d, &a)) {
		note(o, &a);
		if (a.kind == MXFSD_PERSIST)
			mxfsd_dlm_persisted(o->d, a.nr, o->now);
	}
}

static void sleep_for(struct one *o, uint64_t ns)
{
	for (uint64_t end = o->now + ns; o->now < end; o->now += SECOND / 10) {
		mxfsd_dlm_tick(o->d, o->now);
		drain(o);
	}
}

static int begin_with(void **state, uint32_t peer_locks)
{
	static struct one one;
	struct mxfsd_config cfg = {
		.node = 1, .voters = 1, .renew_ns = 2 * SECOND,
		.lease_ns = 5 * SECOND, .takeover_ns = MXFSD_TAKEOVER(5 * SECOND),
		.probe_ns = SECOND, .peer_locks = peer_locks,
	};
	struct mxfsd_stable stable = { .inc = 0 };
	struct mxfsd_state s;

	one = (struct one){ .now = SECOND };
	one.d = mxfsd_dlm_new(&cfg, &stable, one.now);
	if (!one.d)
		return -1;
	drain(&one);
	sleep_for(&one, 10 * SECOND);
	mxfsd_dlm_state(one.d, &s);
	*state = &one;
	return s.resumed ? 0 : -1;
}

static int begin(void **state)
{
	return begin_with(state, 0);
}

static int begin_narrow(void **state)
{
	return begin_with(state, 10);
}

static int end(void **state)
{
	mxfsd_dlm_free(((struct one *)*state)->d);
	return 0;
}

static uint64_t lock(struct one *o, uint8_t mode, uint16_t flags)
{
	struct mxfsd_request r = { .name = { 4, "name" }, .mode = mode,
				   .flags = flags, .tag = ++o->next_tag };
	uint64_t lkid = mxfsd_dlm_lock(o->d, &r, o->now);

	drain(o);
	return lkid;
}

static void convert(struct one *o, uint64_t lkid, uint8_t mode, uint16_t flags)
{
	struct mxfsd_request r = { .mode = mode, .flags = flags,
				   .tag = ++o->next_tag, .lvb = "value" };

	assert_int_equal(mxfsd_dlm_convert(o->d, lkid, &r, o->now), 0);
	drain(o);
}

static void unlock(struct one *o, uint64_t lkid)
{
	assert_int_equal(mxfsd_dlm_unlock(o->d, lkid, ++o->next_tag, NULL, o->now),
			 0);
	drain(o);
}

/* The last answer was about that lock. */
static void answered(const struct one *o, uint64_t lkid, int status, uint8_t mode)
{
	assert_int_equal(o->last.lkid, lkid);
	assert_int_equal(o->last.status, status);
	assert_int_equal(o->last.mode, mode);
}

static int is_granted(struct one *o, uint64_t lkid)
{
	return o->last.lkid == lkid && o->last.status == MXFS_S_OK;
}

/* All pairs of modes: granted together or not; then in turn. */
static void pairs(void **state)
{
	struct one *o = *state;

	for (uint8_t a = 0; a < MXFS_MODES; a++) {
		for (uint8_t b = 0; b < MXFS_MODES; b++) {
			uint64_t first = lock(o, a, 0), second;

			answered(o, first, MXFS_S_OK, a);
			second = lock(o, b, 0);
			assert_int_equal(is_granted(o, second),
					 compatible[a][b] == 'Y');
			unlock(o, first);
			unlock(o, second);
		}
	}
}

/* All conversions beside another holder. */
static void conversions(void **state)
{
	struct one *o = *state;

	for (uint8_t a = 0; a < MXFS_MODES; a++) {
		for (uint8_t b = 0; b < MXFS_MODES; b++) {
			uint64_t other, mine;

			other = lock(o, MXFS_NL, 0);
			mine = lock(o, a, 0);
			convert(o, other, compatible[a][MXFS_PR] == 'Y' ?
				MXFS_PR : MXFS_NL, 0);
			convert(o, mine, b, MXFS_R_NOQUEUE);
			if (compatible[a][MXFS_PR] == 'Y' &&
			    compatible[b][MXFS_PR] != 'Y')
				answered(o, mine, MXFS_S_BUSY, a);
			else
				answered(o, mine, MXFS_S_OK, b);
			unlock(o, other);
			unlock(o, mine);
		}
	}
}

static void new_ones_in_order(void **state)
{
	struct one *o = *state;
	uint64_t ex = lock(o, MXFS_EX, 0), pr, ex2, pr2, nl;

	pr = lock(o, MXFS_PR, 0);
	ex2 = lock(o, MXFS_EX, 0);
	pr2 = lock(o, MXFS_PR, 0);
	assert_int_equal(o->asts, 1);
	nl = lock(o, MXFS_NL, MXFS_R_EXPEDITE);
	answered(o, nl, MXFS_S_OK, MXFS_NL);
	unlock(o, ex);
	answered(o, pr, MXFS_S_OK, MXFS_PR);	/* and not pr2 */
	unlock(o, pr);
	answered(o, ex2, MXFS_S_OK, MXFS_EX);
	unlock(o, ex2);
	answered(o, pr2, MXFS_S_OK, MXFS_PR);
}

/* Readers that come and come do not keep a writer out. */
static void nobody_passes(void **state)
{
	struct one *o = *state;
	uint64_t pr = lock(o, MXFS_PR, 0), ex = lock(o, MXFS_EX, 0), pr2, nl;

	pr2 = lock(o, MXFS_PR, 0);
	nl = lock(o, MXFS_NL, 0);	/* without EXPEDITE */
	assert_int_equal(o->asts, 1);
	unlock(o, pr);
	answered(o, ex, MXFS_S_OK, MXFS_EX);
	unlock(o, ex);
	assert_int_equal(o->asts, 6);
	answered(o, nl, MXFS_S_OK, MXFS_NL);
	unlock(o, pr2);
}

static void converters_come_first(void **state)
{
	struct one *o = *state;
	uint64_t a = lock(o, MXFS_PR, 0), b = lock(o, MXFS_PR, 0), c;

	c = lock(o, MXFS_EX, 0);
	convert(o, a, MXFS_EX, 0);
	assert_int_equal(o->asts, 2);
	convert(o, b, MXFS_NL, 0);
	answered(o, a, MXFS_S_OK, MXFS_EX);
	convert(o, a, MXFS_NL, 0);
	answered(o, c, MXFS_S_OK, MXFS_EX);
}

/* One that could go at once waits for its turn, if it wants to. */
static void behind_other_converters(void **state)
{
	struct one *o = *state;
	uint64_t a = lock(o, MXFS_CR, 0), b = lock(o, MXFS_CR, 0);

	convert(o, a, MXFS_EX, 0);
	convert(o, b, MXFS_PR, 0);	/* in place: a still has CR */
	answered(o, b, MXFS_S_OK, MXFS_PR);
	convert(o, b, MXFS_NL, 0);
	answered(o, a, MXFS_S_OK, MXFS_EX);
	convert(o, a, MXFS_NL, 0);
	convert(o, a, MXFS_CR, 0);
	convert(o, a, MXFS_EX, 0);
	answered(o, a, MXFS_S_OK, MXFS_EX);
}

static void queued_conversion(void **state)
{
	struct one *o = *state;
	uint64_t a = lock(o, MXFS_NL, 0), b = lock(o, MXFS_NL, 0);
	uint64_t c = lock(o, MXFS_CW, 0);
	uint32_t before;

	convert(o, a, MXFS_PR, 0);	/* waits for c */
	before = o->asts;
	convert(o, b, MXFS_CR, MXFS_R_QUECVT);
	assert_int_equal(o->asts, before);
	convert(o, c, MXFS_NL, 0);
	answered(o, b, MXFS_S_OK, MXFS_CR);
}

/* The rule by which two must exclude each other would let this one in. */
static void deadlock(void **state)
{
	struct one *o = *state;
	uint64_t a = lock(o, MXFS_NL, 0), b = lock(o, MXFS_PR, 0);

	lock(o, MXFS_CR, 0);		/* so that b cannot go at once */
	convert(o, a, MXFS_CW, 0);	/* waits for b */
	convert(o, b, MXFS_EX, 0);
	answered(o, b, MXFS_S_DEADLOCK, MXFS_PR);
	unlock(o, b);
	answered(o, a, MXFS_S_OK, MXFS_CW);
}

static void in_the_way(void **state)
{
	struct one *o = *state;
	uint64_t pr = lock(o, MXFS_PR, 0), cw, ex;

	cw = lock(o, MXFS_CW, 0);
	assert_int_equal(o->basts, 1);
	assert_int_equal(o->bast_lkid, pr);
	assert_int_equal(o->bast_mode, MXFS_CW);
	ex = lock(o, MXFS_EX, 0);	/* not the first: nobody is told */
	assert_int_equal(o->basts, 1);
	assert_int_equal(mxfsd_dlm_cancel(o->d, cw, o->now), 0);
	drain(o);
	assert_int_equal(o->basts, 2);	/* more is wanted now */
	assert_int_equal(o->bast_mode, MXFS_EX);
	convert(o, pr, MXFS_CR, 0);
	assert_int_equal(o->basts, 3);	/* CR is in the way as well */
	unlock(o, pr);
	answered(o, ex, MXFS_S_OK, MXFS_EX);
}

static void cancels_and_timeouts(void **state)
{
	struct one *o = *state;
	struct mxfsd_request r = { .name = { 4, "name" }, .mode = MXFS_EX,
				   .timeout_ns = 2 * SECOND };
	uint64_t a = lock(o, MXFS_PR, 0), b = lock(o, MXFS_PR, 0), c;

	convert(o, a, MXFS_EX, 0);
	assert_int_equal(mxfsd_dlm_cancel(o->d, a, o->now), 0);
	drain(o);
	answered(o, a, MXFS_S_CANCELLED, MXFS_PR);
	assert_int_equal(mxfsd_dlm_cancel(o->d, a, o->now), -1);
	c = mxfsd_dlm_lock(o->d, &r, o->now);
	sleep_for(o, SECOND);
	assert_int_not_equal(o->last.lkid, c);
	sleep_for(o, 2 * SECOND);
	answered(o, c, MXFS_S_TIMEOUT, MXFS_NONE);
	unlock(o, b);
	convert(o, a, MXFS_EX, 0);
	answered(o, a, MXFS_S_OK, MXFS_EX);
}

static void no_queue(void **state)
{
	struct one *o = *state;
	uint64_t a = lock(o, MXFS_PR, 0), b = lock(o, MXFS_EX, MXFS_R_NOQUEUE);

	answered(o, b, MXFS_S_BUSY, MXFS_NONE);
	assert_int_equal(mxfsd_dlm_unlock(o->d, b, 0, NULL, o->now), -1);
	b = lock(o, MXFS_PR, MXFS_R_NOQUEUE);
	answered(o, b, MXFS_S_OK, MXFS_PR);
	convert(o, a, MXFS_EX, MXFS_R_NOQUEUE);
	answered(o, a, MXFS_S_BUSY, MXFS_PR);
}

/* PR to CW: CR is left meanwhile, and PR is back if it is denied. */
static void between_pr_and_cw(void **state)
{
	struct one *o = *state;
	uint64_t a = lock(o, MXFS_PR, 0), b = lock(o, MXFS_PR, 0);

	convert(o, a, MXFS_CW, 0);
	assert_int_equal(o->asts, 2);
	assert_int_equal(mxfsd_dlm_cancel(o->d, a, o->now), 0);
	drain(o);
	answered(o, a, MXFS_S_CANCELLED, MXFS_PR);
	convert(o, a, MXFS_CW, 0);
	unlock(o, b);
	answered(o, a, MXFS_S_OK, MXFS_CW);
}

static void value_block(void **state)
{
	static const char value[MXFS_LVB] = "value";
	struct one *o = *state;
	uint64_t keep = lock(o, MXFS_NL, 0), a = lock(o, MXFS_EX, 0);

	assert_int_equal(o->last.lvb.state, MXFS_LVB_NONE);
	convert(o, a, MXFS_PR, MXFS_R_WRITE);
	assert_int_equal(o->last.lvb.version, 1);
	convert(o, a, MXFS_NL, MXFS_R_WRITE);	/* of PR: not a writer */
	assert_int_equal(o->last.lvb.version, 1);
	convert(o, keep, MXFS_CR, 0);
	assert_int_equal(o->last.lvb.state, MXFS_LVB_VALID);
	assert_memory_equal(o->last.lvb.byte, value, MXFS_LVB);
	convert(o, a, MXFS_PW, 0);
	assert_int_equal(mxfsd_dlm_unlock(o->d, a, 0, (const uint8_t *)value,
					  o->now), 0);
	drain(o);
	convert(o, keep, MXFS_PR, 0);
	assert_int_equal(o->last.lvb.version, 2);
	unlock(o, keep);
	lock(o, MXFS_PR, 0);			/* the resource was gone */
	assert_int_equal(o->last.lvb.version, 0);
}

/* What a client that has died may have written is not known. */
static void abandoned(void **state)
{
	static const char value[MXFS_LVB] = "value";
	struct one *o = *state;
	uint64_t keep = lock(o, MXFS_NL, 0), a = lock(o, MXFS_EX, 0);

	convert(o, a, MXFS_PR, MXFS_R_WRITE);
	assert_int_equal(mxfsd_dlm_abandon(o->d, a, 0, o->now), 0);
	drain(o);
	convert(o, keep, MXFS_CR, 0);		/* PR cannot have written */
	assert_int_equal(o->last.lvb.state, MXFS_LVB_VALID);
	a = lock(o, MXFS_PW, 0);
	assert_int_equal(mxfsd_dlm_abandon(o->d, a, 0, o->now), 0);
	assert_int_equal(mxfsd_dlm_abandon(o->d, a, 0, o->now), -1);
	drain(o);
	convert(o, keep, MXFS_PR, 0);
	assert_int_equal(o->last.lvb.state, MXFS_LVB_LOST);
	assert_int_equal(o->last.lvb.version, 2);
	a = lock(o, MXFS_CR, 0);
	convert(o, keep, MXFS_NL, 0);
	unlock(o, a);
	a = lock(o, MXFS_EX, 0);
	assert_int_equal(mxfsd_dlm_unlock(o->d, a, 0, (const uint8_t *)value, o->now),
			 0);
	drain(o);
	convert(o, keep, MXFS_CR, 0);
	assert_int_equal(o->last.lvb.state, MXFS_LVB_VALID);
	assert_int_equal(o->last.lvb.version, 3);
}

/* One more than a node may have is denied; what is given back makes room. */
static void quota_of_a_node(void **state)
{
	struct one *o = *state;
	uint64_t lk[10], more;

	for (int i = 0; i < 10; i++)
		lk[i] = lock(o, MXFS_CR, 0);
	assert_true(is_granted(o, lk[9]));
	for (int i = 0; i < 3; i++) {
		more = lock(o, MXFS_CR, 0);
		answered(o, more, MXFS_S_QUOTA, MXFS_NONE);
	}
	convert(o, lk[0], MXFS_NL, 0);	/* which needs no room */
	answered(o, lk[0], MXFS_S_OK, MXFS_NL);
	unlock(o, lk[3]);
	more = lock(o, MXFS_CR, 0);
	answered(o, more, MXFS_S_OK, MXFS_CR);
}

static void quota_of_a_resource(void **state)
{
	struct one *o = *state;
	uint64_t holder = lock(o, MXFS_EX, 0), some = 0, more;

	for (uint32_t i = 0; i < MXFSD_WAITERS; i++)
		some = lock(o, MXFS_EX, 0);
	assert_int_equal(o->last.lkid, holder);	/* nobody was answered */
	more = lock(o, MXFS_PR, 0);
	answered(o, more, MXFS_S_QUOTA, MXFS_NONE);
	assert_int_equal(mxfsd_dlm_cancel(o->d, some, o->now), 0);
	drain(o);
	answered(o, some, MXFS_S_CANCELLED, MXFS_NONE);
	more = lock(o, MXFS_PR, 0);		/* there is room for one */
	assert_int_equal(o->last.lkid, some);
	unlock(o, holder);
	assert_int_equal(o->last.status, MXFS_S_OK);
	more = lock(o, MXFS_NL, MXFS_R_EXPEDITE);
	assert_true(is_granted(o, more));
}

/* Two owners, two resources. */
static void circle(void **state)
{
	struct one *o = *state;
	struct mxfsd_request a = { .name = { 1, "a" }, .mode = MXFS_EX, .owner = 1 };
	struct mxfsd_request b = { .name = { 1, "b" }, .mode = MXFS_EX, .owner = 2 };
	uint64_t young, before;

	mxfsd_dlm_lock(o->d, &a, o->now);
	mxfsd_dlm_lock(o->d, &b, o->now);
	a.owner = 2;
	b.owner = 1;
	mxfsd_dlm_lock(o->d, &b, o->now);
	young = mxfsd_dlm_lock(o->d, &a, o->now);
	drain(o);
	before = o->asts;
	sleep_for(o, 3 * SECOND);
	answered(o, young, MXFS_S_DEADLOCK, MXFS_NONE);
	assert_int_equal(o->asts, before + 1);
}

static void overtaken(void **state)
{
	struct one *o = *state;
	uint64_t a = lock(o, MXFS_EX, 0), b = lock(o, MXFS_EX, 0);

	unlock(o, b);
	answered(o, b, MXFS_S_OK, MXFS_NONE);
	assert_int_equal(o->asts, 3);	/* the request, too */
	convert(o, a, MXFS_NL, 0);
	assert_int_equal(mxfsd_dlm_unlock(o->d, b, 0, NULL, o->now), -1);
}

static void bad_requests(void **state)
{
	struct one *o = *state;
	struct mxfsd_request r = { .name = { 0, "" }, .mode = MXFS_EX };
	struct mxfsd_config cfg = { .node = 1, .voters = 2 };
	struct mxfsd_stable stable = { .inc = 0 };

	assert_int_equal(mxfsd_dlm_lock(o->d, &r, o->now), 0);
	r.name.len = MXFS_NAME_MAX + 1;
	assert_int_equal(mxfsd_dlm_lock(o->d, &r, o->now), 0);
	r.name.len = 1;
	r.mode = MXFS_MODES;
	assert_int_equal(mxfsd_dlm_lock(o->d, &r, o->now), 0);
	assert_int_equal(mxfsd_dlm_convert(o->d, 77, &r, o->now), -1);
	assert_null(mxfsd_dlm_new(&cfg, &stable, 0));
}

/* ---- a voter ---- */

static struct mxfs_msg proposal(uint64_t epoch, uint64_t inc)
{
	struct mxfs_msg m;

	memset(&m, 0, sizeof(m));
	m.type = MXFS_VIEW_PROPOSE;
	m.src = 2;
	m.dst = 1;
	m.epoch = epoch;
	mxfs_set_add(&m.view.members, 1, inc);
	mxfs_set_add(&m.view.members, 2, 1);
	return m;
}

/* The status of its vote, or 1 if there is none; persisted: before what is told. */
static int vote(struct mxfsd_dlm *d, const struct mxfs_msg *m, uint64_t now)
{
	static struct mxfsd_action a;
	int persisted = 0;

	mxfsd_dlm_receive(d, m, now);
	while (mxfsd_dlm_take(d, &a)) {
		if (a.kind == MXFSD_PERSIST) {
			persisted = 1;
			assert_true(a.stable.vote_epoch == m->epoch);
			mxfsd_dlm_persisted(d, a.nr, now);
		}
		if (a.kind == MXFSD_SEND && a.msg.type == MXFS_VIEW_VOTE) {
			assert_int_equal(persisted, a.msg.status == MXFS_S_OK);
			return a.msg.status;
		}
	}
	return 1;
}

static struct mxfsd_dlm *voter(uint64_t *inc, uint64_t now)
{
	static struct mxfsd_action a;
	struct mxfsd_config cfg = {
		.node = 1, .voters = 7, .renew_ns = 2 * SECOND,
		.lease_ns = 5 * SECOND, .takeover_ns = MXFSD_TAKEOVER(5 * SECOND),
	};
	struct mxfsd_stable stable = { .inc = 7 };
	struct mxfsd_dlm *d = mxfsd_dlm_new(&cfg, &stable, now);

	assert_non_null(d);
	while (mxfsd_dlm_take(d, &a)) {
		assert_int_equal(a.kind, MXFSD_PERSIST);
		*inc = a.stable.inc;
		mxfsd_dlm_persisted(d, a.nr, now);
	}
	assert_int_equal(*inc, 8);
	return d;
}

/* It does not know what it promised to node 3 before it started. */
static void voter_has_started(void **state)
{
	uint64_t inc, now = 100 * SECOND;
	struct mxfsd_dlm *d = voter(&inc, now);
	struct mxfs_msg m = proposal(5, inc);

	(void)state;
	assert_int_equal(vote(d, &m, now), MXFS_S_NOT_YET);
	now += MXFSD_TAKEOVER(5 * SECOND) - 1;
	assert_int_equal(vote(d, &m, now), MXFS_S_NOT_YET);
	assert_int_equal(vote(d, &m, now + 1), MXFS_S_OK);
	m = proposal(5, inc);
	mxfs_set_add(&m.view.members, 3, 1);
	assert_int_equal(vote(d, &m, now + 2), MXFS_S_TOO_OLD);
	m.epoch = 6;
	m.view.members.inc[0] = inc - 1;
	assert_int_equal(vote(d, &m, now + 3), MXFS_S_NOT_ME);
	mxfsd_dlm_free(d);
}

static void voter_has_promised(void **state)
{
	uint64_t inc, now = 100 * SECOND;
	struct mxfsd_dlm *d = voter(&inc, now);
	struct mxfs_msg renewal = { .type = MXFS_LEASE_RENEW, .src = 3, .dst = 1,
				    .lease = { .inc = 4, .stamp = 1 } };
	struct mxfs_msg m = proposal(5, inc);

	(void)state;
	now += 60 * SECOND;
	mxfsd_dlm_receive(d, &renewal, now);
	assert_int_equal(vote(d, &m, now + 1), MXFS_S_NOT_YET);
	now += MXFSD_TAKEOVER(5 * SECOND);
	assert_int_equal(vote(d, &m, now - 1), MXFS_S_NOT_YET);
	assert_int_equal(vote(d, &m, now), MXFS_S_OK);
	mxfsd_dlm_free(d);
}

/* Nobody votes for it: it is alone with its clients. */
static void no_quorum(void **state)
{
	struct one o = { .now = 100 * SECOND };
	uint64_t inc, a, b;
	struct mxfsd_request r = { .name = { 1, "a" }, .mode = MXFS_EX,
				   .timeout_ns = 2 * SECOND };

	(void)state;
	o.d = voter(&inc, o.now);
	a = mxfsd_dlm_lock(o.d, &r, o.now);
	r.timeout_ns = 0;
	b = mxfsd_dlm_lock(o.d, &r, o.now);
	sleep_for(&o, SECOND);
	assert_int_equal(o.asts, 0);
	sleep_for(&o, 2 * SECOND);
	answered(&o, a, MXFS_S_TIMEOUT, MXFS_NONE);
	assert_int_equal(mxfsd_dlm_cancel(o.d, b, o.now), 0);
	drain(&o);
	answered(&o, b, MXFS_S_CANCELLED, MXFS_NONE);
	mxfsd_dlm_free(o.d);
}

/* ---- no memory ---- */

static int no_memory;		/* of malloc() */
static uint32_t fails_at;	/* that allocation from now; 0: none */

#ifdef __SANITIZE_ADDRESS__
#define TAKES_MALLOC	0	/* the sanitizer has its own */
#else
#define TAKES_MALLOC	1
static int fails_now(void)
{
	return fails_at && !--fails_at;
}

void *__libc_malloc(size_t size);

void *__libc_calloc(size_t nr, size_t size);

void *malloc(size_t size)
{
	return no_memory || fails_now() ? NULL : __libc_malloc(size);
}

void *calloc(size_t nr, size_t size)
{
	return fails_now() ? NULL : __libc_calloc(nr, size);
}
#endif

#define LOCKS	1000u

/* Each lock hears LOST once, when there is memory again. */
static void lost_without_memory(void **state)
{
	static struct mxfsd_action a;
	struct one *o = *state;
	struct mxfsd_request r = { .name = { 4, "name" }, .mode = MXFS_PR };
	struct mxfsd_state s;
	uint32_t lost = 0, asked = 0;

	if (!TAKES_MALLOC)
		skip();
	do {
		no_memory = asked >= LOCKS;
		asked += mxfsd_dlm_lock(o->d, &r, o->now) != 0;
		mxfsd_dlm_state(o->d, &s);
	} while (s.epoch && asked < 100 * LOCKS);
	assert_int_equal(s.epoch, 0);
	no_memory = 0;
	mxfsd_dlm_tick(o->d, ++o->now);
	while (mxfsd_dlm_take(o->d, &a))
		lost += a.kind == MXFSD_LOST ||
			(a.kind == MXFSD_AST && a.status == MXFS_S_LOST);
	assert_int_equal(lost, asked);
	mxfsd_dlm_state(o->d, &s);
	assert_int_equal(s.locks, 0);
}

/*
 * A story with one allocation that fails, for each that there is: whoever was told that he
 * has a lock has one or is told LOST, and afterwards all goes on as if nothing had been.
 */
#define STORY_LOCKS	64u
#define TAG_ASK		1u
#define TAG_UNLOCK	2u

struct story {
	struct one *o;
	uint64_t lkid[STORY_LOCKS];
	uint8_t live[STORY_LOCKS];	/* asked for, and not heard to be gone */
	uint8_t held[STORY_LOCKS];
	uint32_t nr;
};

static void story_hear(struct story *t)
{
	static struct mxfsd_action a;

	while (mxfsd_dlm_take(t->o->d, &a)) {
		uint32_t i = 0;

		if (a.kind == MXFSD_PERSIST)
			mxfsd_dlm_persisted(t->o->d, a.nr, t->o->now);
		if (a.kind != MXFSD_AST && a.kind != MXFSD_LOST)
			continue;
		while (i < t->nr && t->lkid[i] != a.lkid)
			i++;
		assert_true(i < t->nr && t->live[i]);
		if (a.kind == MXFSD_LOST || a.status == MXFS_S_LOST ||
		    a.tag == TAG_UNLOCK || (a.status && !t->held[i]))
			t->live[i] = 0;
		else
			t->held[i] |= !a.status;
	}
}

static void story_lock(struct story *t, const char *name, uint8_t mode)
{
	struct mxfsd_request r = { .name = { 2, "" }, .mode = mode, .tag = TAG_ASK,
				   .timeout_ns = SECOND };

	memcpy(r.name.byte, name, 2);
	assert_true(t->nr < STORY_LOCKS);
	t->live[t->nr] = 1;
	t->lkid[t->nr] = mxfsd_dlm_lock(t->o->d, &r, t->o->now);
	if (t->lkid[t->nr])
		t->nr++;
	story_hear(t);
}

static void story_convert(struct story *t, uint32_t i, uint8_t mode)
{
	struct mxfsd_request r = { .mode = mode, .tag = TAG_ASK, .flags = MXFS_R_WRITE,
				   .lvb = "value", .timeout_ns = SECOND };

	if (i < t->nr && t->live[i])
		mxfsd_dlm_convert(t->o->d, t->lkid[i], &r, t->o->now);
	story_hear(t);
}

static void story_unlock(struct story *t, uint32_t i)
{
	if (i < t->nr && t->live[i])
		mxfsd_dlm_unlock(t->o->d, t->lkid[i], TAG_UNLOCK, (const uint8_t *)
				 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde",
				 t->o->now);
	story_hear(t);
}

static void story_time(struct story *t, uint64_t ns)
{
	for (uint64_t end = t->o->now + ns; t->o->now < end; t->o->now += SECOND / 4) {
		mxfsd_dlm_tick(t->o->d, t->o->now);
		story_hear(t);
	}
}

static void story_tell(struct story *t)
{
	static const char names[3][3] = { "na", "nb", "nc" };

	for (uint32_t i = 0; i < 24; i++)
		story_lock(t, names[i % 3], (uint8_t)(i % MXFS_MODES));
	for (uint32_t i = 0; i < 24; i += 2)
		story_convert(t, i, (uint8_t)((i + 3) % MXFS_MODES));
	story_time(t, 2 * SECOND);
	for (uint32_t i = 0; i < 24; i += 3)
		story_unlock(t, i);
	for (uint32_t i = 1; i < 24; i += 3)
		story_convert(t, i, MXFS_NL);
	story_time(t, SECOND);
}

static void story_check(struct story *t)
{
	struct mxfsd_state s;
	uint32_t live = 0;

	story_time(t, 20 * SECOND);
	for (uint32_t i = 0; i < t->nr; i++)
		live += t->live[i];
	mxfsd_dlm_state(t->o->d, &s);
	assert_true(s.resumed);
	assert_int_equal(s.locks, live);
	for (uint32_t i = 0; i < t->nr; i++)
		story_unlock(t, i);
	story_time(t, SECOND);
	for (uint32_t i = 0; i < t->nr; i++)
		assert_false(t->live[i]);
	mxfsd_dlm_state(t->o->d, &s);
	assert_true(s.locks == 0 && s.resources == 0);
}

static void each_allocation_fails(void **state)
{
	uint32_t n, left;

	(void)state;
	if (!TAKES_MALLOC)
		skip();
	for (n = 1, left = 0; !left; n++) {
		struct story t = { .nr = 0 };
		void *one;

		assert_int_equal(begin(&one), 0);
		t.o = one;
		fails_at = n;
		story_tell(&t);
		left = fails_at;	/* it was never come to */
		fails_at = 0;
		story_check(&t);
		end(&one);
	}
	assert_true(n > 50);
}

#define OF_ONE(f)	cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(tables), cmocka_unit_test(meets),
		cmocka_unit_test(hash_is_siphash), cmocka_unit_test(placing),
		OF_ONE(pairs), OF_ONE(conversions), OF_ONE(new_ones_in_order),
		OF_ONE(nobody_passes),
		OF_ONE(converters_come_first), OF_ONE(behind_other_converters),
		OF_ONE(queued_conversion), OF_ONE(deadlock), OF_ONE(in_the_way),
		OF_ONE(cancels_and_timeouts), OF_ONE(no_queue),
		OF_ONE(between_pr_and_cw), OF_ONE(value_block), OF_ONE(abandoned),
		OF_ONE(quota_of_a_resource),
		cmocka_unit_test_setup_teardown(quota_of_a_node, begin_narrow, end), OF_ONE(circle),
		OF_ONE(overtaken), OF_ONE(bad_requests),
		OF_ONE(lost_without_memory), cmocka_unit_test(each_allocation_fails),
		cmocka_unit_test(voter_has_started),
		cmocka_unit_test(voter_has_promised),
		cmocka_unit_test(no_quorum),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
