// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Is a history of a register that may lose its value linearizable?
 *
 * Notes: a depth-first search for an order (Wing and Gong) with memory of the
 * states that led nowhere (Lowe). An operation may come next if no other that
 * is missing has ended before it began; one that has no end may be left out.
 * A read of "no valid value" makes it so, as does an update that saw none: from
 * then on it is the value of a later update, or none.
 */
#include <stdlib.h>

#include "lin.h"

#define WORDS		(LIN_OPS / 64)
#define MEMO		(1u << 16)
#define NODES_AT_MOST	4000000ull

struct search {
	const struct lin *h;
	uint64_t done[WORDS];
	uint32_t left;		/* that must come */
	uint64_t nodes, *memo, salt;	/* salt: what other runs noted is void */
	int gave_up;
};

struct lin_op *lin_add(struct lin *h, enum lin_kind kind, uint64_t inv)
{
	struct lin_op *op;

	if (h->nr == LIN_OPS)
		return NULL;
	op = &h->op[h->nr++];
	*op = (struct lin_op){ .kind = kind, .inv = inv, .resp = LIN_NEVER };
	return op;
}

static int is_done(const struct search *s, uint32_t i)
{
	return s->done[i / 64] >> i % 64 & 1;
}

/* The earliest end of what is missing. */
static uint64_t horizon(const struct search *s)
{
	uint64_t first = LIN_NEVER;

	for (uint32_t i = 0; i < s->h->nr; i++)
		if (!is_done(s, i) && s->h->op[i].resp < first)
			first = s->h->op[i].resp;
	return first;
}

static int applies(const struct lin_op *op, uint64_t value)
{
	return !op->got || op->got == value;
}

static uint64_t after(const struct lin_op *op)
{
	return op->kind == LIN_READ ? op->got : op->put;
}

static uint64_t mix(uint64_t v)
{
	v = (v ^ v >> 30) * 0xbf58476d1ce4e5b9;
	v = (v ^ v >> 27) * 0x94d049bb133111eb;
	return v ^ v >> 31;
}

/*
 * Was this set with this value tried before? Two of 2^64 that collide could make
 * a right history look wrong, never a wrong one right.
 */
static int seen(struct search *s, uint64_t value)
{
	uint64_t hash = mix(value + s->salt), *at;

	for (uint32_t i = 0; i < WORDS; i++)
		hash = mix(hash ^ s->done[i]) + i;
	at = &s->memo[hash % MEMO];
	if (*at == hash)
		return 1;
	*at = hash;
	return 0;
}

static int search(struct search *s, uint64_t value)
{
	uint64_t until;

	if (!s->left)
		return 1;
	if (++s->nodes > NODES_AT_MOST) {
		s->gave_up = 1;
		return 0;
	}
	if (seen(s, value))
		return 0;
	until = horizon(s);
	for (uint32_t i = 0; i < s->h->nr && !s->gave_up; i++) {
		const struct lin_op *op = &s->h->op[i];

		if (is_done(s, i) || op->inv > until || !applies(op, value))
			continue;
		s->done[i / 64] |= 1ull << i % 64;
		s->left -= op->resp != LIN_NEVER;
		if (search(s, after(op)))
			return 1;
		s->left += op->resp != LIN_NEVER;
		s->done[i / 64] &= ~(1ull << i % 64);
	}
	return 0;
}

enum lin_result lin_check(const struct lin *h)
{
	static uint64_t memo[MEMO], runs;
	struct search s = { .h = h, .memo = memo };

	s.salt = mix(++runs);
	for (uint32_t i = 0; i < h->nr; i++)
		s.left += h->op[i].resp != LIN_NEVER;
	if (search(&s, 0))
		return LIN_YES;
	return s.gave_up ? LIN_GAVE_UP : LIN_NO;
}
