// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The checker of histories is checked: by histories made by hand.
 *
 * Notes: the core is not used. Each history is a short list of operations with
 * the times of their beginnings and ends; some have an order, others look
 * nearly the same and have none. The last test makes right histories at random
 * from the model, stretches their operations so that they overlap, and then
 * falsifies one result: the first must be accepted, the search over all
 * orders says which of the others must not.
 */
#include <stdlib.h>

#include "harness.h"
#include "lin_check.h"

#define OPS	12u
#define BRUTE	5u		/* operations of which all orders are tried */

/* Inodes of the state to begin with: / { 0 = D1 { 0 = FILE }, 1 = D2 }. */
enum { ROOT = LM_ROOT, D1, D2, FILE_A, NEW, NEW2 };
enum { A, B, C };

struct timed {
	u64 inv, resp;
	struct lm_op op;
};

struct by_hand {
	const char *name;
	enum lin_result want;
	u32 nr;
	struct timed op[OPS];
};

static struct lin_history history;

static void start(struct lm *m)
{
	lm_init(m);
	lm_add(m, D1, LM_DIRECTORY, ROOT, A);
	lm_add(m, D2, LM_DIRECTORY, ROOT, B);
	lm_add(m, FILE_A, LM_FILE, D1, A);
	m->nr = NEW2 + 1;
}

/* On a name; on a name and an inode; on an inode. */
#define ON(k, d, n, ...) { .kind = k, .dir = d, .name = n, .dir2 = LM_NONE, \
			   .ino = LM_NONE, __VA_ARGS__ }
#define WITH(k, d, n, i, ...) { .kind = k, .dir = d, .name = n, \
			   .dir2 = LM_NONE, .ino = i, .value = LM_ANY, \
			   __VA_ARGS__ }
#define OF(k, i, ...)	{ .kind = k, .ino = i, .dir = LM_NONE, \
			  .dir2 = LM_NONE, __VA_ARGS__ }
#define FOUND(d, n, i)	ON(LM_LOOKUP, d, n, .got = i)
#define MISSED(d, n)	ON(LM_LOOKUP, d, n, .err = -ENOENT)
#define MAKE(d, n, i, e) WITH(LM_CREATE, d, n, i, .type = LM_FILE, .err = e)
#define MAKE_DIR(d, n, i, e) WITH(LM_CREATE, d, n, i, .type = LM_DIRECTORY, \
			   .err = e)
#define LINK(d, n, i)	WITH(LM_LINK, d, n, i, .err = 0)
#define MOVE(d, n, d2_, n2, e) { .kind = LM_RENAME, .dir = d, .name = n, \
			  .dir2 = d2_, .name2 = n2, .ino = LM_NONE, .err = e }
#define SWAP(d, n, d2_, n2, e) { .kind = LM_RENAME, .dir = d, .name = n, \
			  .dir2 = d2_, .name2 = n2, .ino = LM_NONE, \
			  .exchange = 1, .err = e }
#define UNLINK(d, n, e)	ON(LM_UNLINK, d, n, .err = e)
#define RMDIR(d, n, e)	ON(LM_RMDIR, d, n, .err = e)
#define LISTED(d, n, i)	ON(LM_PRESENT, d, n, .got = i, .type = LM_FILE)
#define UNLISTED(d, n)	ON(LM_ABSENT, d, n, .err = 0)
#define APPEND(i, l, v)	OF(LM_APPEND, i, .len = l, .value = v)
#define SIZE(i, v)	OF(LM_SIZE, i, .value = v)
#define LINKS(i, v)	OF(LM_NLINK, i, .value = v)
#define GONE(i)		OF(LM_SIZE, i, .err = -ENOENT)
#define HOLD(h, i)	OF(LM_OPEN, i, .host = h)
#define LEAVE(h, i)	OF(LM_CLOSE, i, .host = h)
#define DEAD(h, i)	OF(LM_RELEASE, i, .host = h)

static const struct by_hand by_hand[] = {
	{ "nothing", LIN_YES, 0, { { 0 } } },
	{ "one after the other", LIN_YES, 3, {
		{ 1, 2, MAKE(D1, B, NEW, 0) }, { 3, 4, FOUND(D1, B, NEW) },
		{ 5, 6, MAKE(D1, B, NEW2, -EEXIST) } } },
	{ "an old lookup", LIN_NO, 2, {
		{ 1, 2, MAKE(D1, B, NEW, 0) }, { 3, 4, MISSED(D1, B) } } },
	{ "a lookup beside a create finds nothing", LIN_YES, 2, {
		{ 1, 4, MAKE(D1, B, NEW, 0) }, { 2, 3, MISSED(D1, B) } } },
	{ "a lookup beside a create finds it", LIN_YES, 2, {
		{ 1, 4, MAKE(D1, B, NEW, 0) }, { 2, 3, FOUND(D1, B, NEW) } } },
	{ "found, then missed, beside one create", LIN_NO, 3, {
		{ 1, 9, MAKE(D1, B, NEW, 0) }, { 2, 3, FOUND(D1, B, NEW) },
		{ 4, 5, MISSED(D1, B) } } },
	{ "both names during a rename", LIN_NO, 3, {
		{ 1, 9, MOVE(D1, A, D2, A, 0) }, { 2, 3, FOUND(D2, A, FILE_A) },
		{ 4, 5, FOUND(D1, A, FILE_A) } } },
	{ "neither name during a rename", LIN_NO, 3, {
		{ 1, 9, MOVE(D1, A, D2, A, 0) }, { 2, 3, MISSED(D1, A) },
		{ 4, 5, MISSED(D2, A) } } },
	{ "one name after the other during a rename", LIN_YES, 4, {
		{ 1, 9, MOVE(D1, A, D2, A, 0) }, { 2, 3, FOUND(D1, A, FILE_A) },
		{ 4, 5, FOUND(D2, A, FILE_A) }, { 6, 7, MISSED(D1, A) } } },
	{ "two looks that overlap see both names", LIN_YES, 3, {
		{ 1, 9, MOVE(D1, A, D2, A, 0) }, { 2, 6, FOUND(D1, A, FILE_A) },
		{ 3, 5, FOUND(D2, A, FILE_A) } } },
	{ "half of an exchange", LIN_NO, 4, {
		{ 1, 2, MAKE(D2, A, NEW, 0) }, { 3, 9, SWAP(D1, A, D2, A, 0) },
		{ 4, 5, FOUND(D1, A, NEW) }, { 6, 7, FOUND(D2, A, NEW) } } },
	{ "the whole of an exchange", LIN_YES, 5, {
		{ 1, 2, MAKE(D2, A, NEW, 0) }, { 3, 9, SWAP(D1, A, D2, A, 0) },
		{ 4, 5, FOUND(D2, A, NEW) }, { 6, 7, FOUND(D1, A, NEW) },
		{ 10, 11, FOUND(D2, A, FILE_A) } } },
	{ "a name that is missing during an exchange", LIN_NO, 3, {
		{ 1, 2, MAKE(D2, A, NEW, 0) }, { 3, 9, SWAP(D1, A, D2, A, 0) },
		{ 4, 5, MISSED(D1, A) } } },
	{ "an exchange with what is not there", LIN_NO, 1, {
		{ 1, 2, SWAP(D1, A, D2, A, 0) } } },
	{ "create after rmdir", LIN_NO, 2, {
		{ 1, 2, RMDIR(ROOT, B, 0) }, { 3, 4, MAKE(D2, A, NEW, 0) } } },
	{ "create and rmdir both win", LIN_NO, 2, {
		{ 1, 3, RMDIR(ROOT, B, 0) }, { 2, 4, MAKE(D2, A, NEW, 0) } } },
	{ "create and rmdir both lose", LIN_NO, 2, {
		{ 1, 3, RMDIR(ROOT, B, -ENOTEMPTY) },
		{ 2, 4, MAKE(D2, A, NEW, -ENOENT) } } },
	{ "create, unlink and rmdir all win", LIN_YES, 3, {
		{ 1, 9, RMDIR(ROOT, B, 0) }, { 2, 3, MAKE(D2, A, NEW, 0) },
		{ 4, 5, UNLINK(D2, A, 0) } } },
	{ "two creates of one name", LIN_NO, 2, {
		{ 1, 3, MAKE(D1, B, NEW, 0) }, { 2, 4, MAKE(D1, B, NEW2, 0) } } },
	{ "two creates with a rename in between", LIN_YES, 3, {
		{ 1, 9, MAKE(D1, B, NEW, 0) }, { 2, 8, MAKE(D1, B, NEW2, 0) },
		{ 3, 7, MOVE(D1, B, D2, C, 0) } } },
	{ "a lost append", LIN_NO, 3, {
		{ 1, 3, APPEND(FILE_A, 10, 0) }, { 2, 4, APPEND(FILE_A, 20, 0) },
		{ 5, 6, SIZE(FILE_A, 20) } } },
	{ "appends in the other order", LIN_YES, 3, {
		{ 1, 3, APPEND(FILE_A, 10, 20) }, { 2, 4, APPEND(FILE_A, 20, 0) },
		{ 5, 6, SIZE(FILE_A, 30) } } },
	{ "a move below itself", LIN_NO, 1, {
		{ 1, 2, MOVE(ROOT, A, D1, B, 0) } } },
	{ "two moves make a cycle", LIN_NO, 2, {
		{ 1, 3, MOVE(ROOT, A, D2, B, 0) },
		{ 2, 4, MOVE(ROOT, B, D1, B, 0) } } },
	{ "of two moves that would one is refused", LIN_YES, 2, {
		{ 1, 3, MOVE(ROOT, A, D2, B, 0) },
		{ 2, 4, MOVE(ROOT, B, D1, B, -EINVAL) } } },
	{ "a move below a directory just made", LIN_YES, 3, {
		{ 1, 2, MAKE_DIR(D2, C, NEW, 0) },
		{ 3, 4, MOVE(ROOT, A, NEW, B, 0) },
		{ 5, 6, MOVE(ROOT, B, D1, B, -EINVAL) } } },
	{ "a cycle through a directory just made", LIN_NO, 3, {
		{ 1, 2, MAKE_DIR(D2, C, NEW, 0) },
		{ 3, 4, MOVE(ROOT, A, NEW, B, 0) },
		{ 5, 6, MOVE(ROOT, B, D1, B, 0) } } },
	{ "unlinked twice", LIN_NO, 2, {
		{ 1, 3, UNLINK(D1, A, 0) }, { 2, 4, UNLINK(D1, A, 0) } } },
	{ "a host that stopped may have done it", LIN_YES, 2, {
		{ 1, LIN_NEVER, UNLINK(D1, A, 0) }, { 2, 3, MISSED(D1, A) } } },
	{ "or not", LIN_YES, 2, {
		{ 1, LIN_NEVER, UNLINK(D1, A, 0) }, { 2, 3, FOUND(D1, A, FILE_A) } } },
	{ "or late", LIN_YES, 3, {
		{ 1, LIN_NEVER, UNLINK(D1, A, 0) }, { 2, 3, FOUND(D1, A, FILE_A) },
		{ 4, 5, MISSED(D1, A) } } },
	{ "but not take it back", LIN_NO, 3, {
		{ 1, LIN_NEVER, UNLINK(D1, A, 0) }, { 2, 3, MISSED(D1, A) },
		{ 4, 5, FOUND(D1, A, FILE_A) } } },
	{ "nor before it began", LIN_NO, 2, {
		{ 1, 2, MISSED(D1, A) }, { 3, LIN_NEVER, UNLINK(D1, A, 0) } } },
	{ "a link that an unlink overtook", LIN_YES, 3, {
		{ 1, 9, LINK(D2, A, FILE_A) },
		{ 2, 3, UNLINK(D1, A, 0) }, { 4, 5, LINKS(FILE_A, 1) } } },
	{ "a link to what is gone", LIN_NO, 2, {
		{ 1, 2, UNLINK(D1, A, 0) },
		{ 3, 4, LINK(D2, A, FILE_A) } } },
	{ "a held file stays", LIN_NO, 3, {
		{ 1, 2, HOLD(1, FILE_A) }, { 3, 4, UNLINK(D1, A, 0) },
		{ 5, 6, GONE(FILE_A) } } },
	{ "until it is closed", LIN_YES, 4, {
		{ 1, 2, HOLD(1, FILE_A) }, { 3, 4, UNLINK(D1, A, 0) },
		{ 5, 8, LEAVE(1, FILE_A) }, { 6, 7, GONE(FILE_A) } } },
	{ "or its holder is declared dead", LIN_YES, 4, {
		{ 1, 2, HOLD(1, FILE_A) }, { 3, 4, UNLINK(D1, A, 0) },
		{ 5, LIN_NEVER, DEAD(1, FILE_A) }, { 6, 7, GONE(FILE_A) } } },
	{ "and what is gone stays so", LIN_NO, 4, {
		{ 1, 2, UNLINK(D1, A, 0) }, { 3, 4, LINKS(FILE_A, 0) },
		{ 5, 6, GONE(FILE_A) }, { 7, 8, LINKS(FILE_A, 0) } } },
	{ "no open of what has no name", LIN_NO, 3, {
		{ 1, 2, HOLD(1, FILE_A) }, { 3, 4, UNLINK(D1, A, 0) },
		{ 5, 6, HOLD(2, FILE_A) } } },
	{ "a listing that has half a rename", LIN_YES, 3, {
		{ 1, 9, MOVE(D1, A, D1, B, 0) }, { 2, 8, LISTED(D1, A, FILE_A) },
		{ 2, 8, LISTED(D1, B, FILE_A) } } },
	{ "a listing without a name that was there", LIN_NO, 2, {
		{ 1, 2, MAKE(D1, B, NEW, 0) }, { 3, 4, UNLISTED(D1, B) } } },
	{ "a listing with a name that was gone", LIN_NO, 2, {
		{ 1, 2, UNLINK(D1, A, 0) }, { 3, 4, LISTED(D1, A, FILE_A) } } },
	{ "a lookup of an inode that nobody made", LIN_NO, 1, {
		{ 1, 2, FOUND(D1, A, LM_NONE) } } },
	{ "parts that have nothing to do with each other", LIN_NO, 4, {
		{ 1, 2, MAKE(D1, B, NEW, 0) }, { 3, 4, MAKE(D2, B, NEW2, 0) },
		{ 5, 6, FOUND(D1, B, NEW) }, { 7, 8, MISSED(D2, B) } } },
};

static int test_by_hand(const void *arg)
{
	const struct by_hand *b = arg;
	struct lin_answer a;
	u32 i;

	start(&history.start);
	history.nr = b->nr;
	for (i = 0; i < b->nr; i++)
		history.ev[i] = (struct lin_event){
			.inv = b->op[i].inv, .resp = b->op[i].resp,
			.after = -1, .call = i, .op = b->op[i].op };
	if (lin_check(&history, &a) == b->want)
		return 0;
	return FAIL("%s", b->want == LIN_YES ? "refused" : "accepted");
}

/* A name that comes twice in a listing was gone in between. */
static int test_twice(const void *arg)
{
	const u64 *end = arg;		/* of the unlink */
	struct lin_answer a;
	static const struct lm_op op[] = {
		LISTED(D1, A, FILE_A), UNLISTED(D1, A), LISTED(D1, A, NEW),
		UNLINK(D1, A, 0), MAKE(D1, A, NEW, 0),
	};
	u32 i;

	start(&history.start);
	history.nr = 5;
	for (i = 0; i < 5; i++)
		history.ev[i] = (struct lin_event){
			.inv = 1, .resp = 9, .after = (s64)i - 1, .op = op[i] };
	history.ev[3] = (struct lin_event){ .inv = 2, .resp = *end, .after = -1,
					    .op = op[3] };
	history.ev[4] = (struct lin_event){ .inv = *end + 1, .resp = *end + 2,
					    .after = -1, .op = op[4] };
	if (*end > 9)	/* the new file came behind the listing */
		history.ev[3].inv = 10;
	if ((lin_check(&history, &a) == LIN_YES) != (*end < 9))
		return FAIL("unlinked until %llu", (unsigned long long)*end);
	return 0;
}

/* A search without an end says so. */
static int test_gives_up(const void *arg)
{
	struct lin_answer a;
	enum lin_result r;
	u32 i;

	(void)arg;
	start(&history.start);
	history.nr = 40;
	for (i = 0; i < 40; i++)
		history.ev[i] = (struct lin_event){ .inv = 1 + i, .resp = 100 + i,
			.after = -1, .op = APPEND(FILE_A, 1u << i % 30, LM_ANY) };
	history.ev[i] = (struct lin_event){ .inv = 200, .resp = 201, .after = -1,
					    .op = SIZE(FILE_A, 1) };
	history.nr++;
	r = lin_check(&history, &a);
	return r == LIN_GAVE_UP ? 0 : FAIL("result %d", r);
}

/* ---- at random, against all orders ---- */

static struct lm_op random_op(u64 *rng, u32 i)
{
	static const struct lm_op some[] = {
		MISSED(D1, A), MISSED(D2, A), FOUND(D1, A, FILE_A),
		FOUND(D2, A, FILE_A), FOUND(D1, B, FILE_A), MISSED(D1, B),
		MAKE(D1, A, NEW, -EEXIST), MAKE(D1, A, NEW, 0),
		MAKE(D2, A, NEW, 0), MAKE(D2, A, NEW, -ENOENT),
		MOVE(D1, A, D2, A, 0), MOVE(D2, A, D1, B, 0),
		MOVE(D2, A, D1, B, -ENOENT), MOVE(D1, B, D1, A, 0),
		MOVE(ROOT, A, D2, B, 0), MOVE(ROOT, B, D1, C, 0),
		MOVE(ROOT, B, D1, C, -EINVAL), MOVE(ROOT, A, D2, B, -EINVAL),
		UNLINK(D1, A, 0), UNLINK(D2, A, 0), UNLINK(D1, A, -ENOENT),
		RMDIR(ROOT, B, 0), RMDIR(ROOT, B, -ENOTEMPTY),
		RMDIR(ROOT, B, -ENOENT), APPEND(FILE_A, 1, 0),
		APPEND(FILE_A, 2, 1), APPEND(FILE_A, 2, 0), SIZE(FILE_A, 3),
		GONE(FILE_A), LINKS(FILE_A, 1), LINKS(FILE_A, 0),
		HOLD(1, FILE_A), LINKS(D1, 2), LINKS(D1, 3),
	};
	struct lm_op op = some[sim_rand(rng) % (sizeof(some) / sizeof(some[0]))];

	if (op.kind == LM_CREATE)
		op.ino = (u8)(NEW + i);
	return op;
}

/* Does any order of the rest fit? The definition, without any cleverness. */
static int brute(const struct lm *m, u32 left)
{
	u32 i, j;

	if (!left)
		return 1;
	for (i = 0; i < history.nr; i++) {
		struct lm next = *m;
		int may = left >> i & 1;

		for (j = 0; j < history.nr; j++)
			if (left >> j & 1 && j != i &&
			    history.ev[j].resp < history.ev[i].inv)
				may = 0;
		if (may && lm_step(&next, &history.ev[i].op, 0) != LM_NO &&
		    brute(&next, left & ~(1u << i)))
			return 1;
	}
	return 0;
}

static int one_random(u64 seed, u64 *yes)
{
	u64 rng = seed * 0x9e3779b97f4a7c15ull, at = 1;
	struct lin_answer a;
	int want, got;
	u32 i;

	start(&history.start);
	history.start.nr = NEW + BRUTE;
	history.nr = BRUTE;
	for (i = 0; i < BRUTE; i++) {
		at += 1 + sim_rand(&rng) % 3;
		history.ev[i] = (struct lin_event){ .inv = at * 10 + i,
			.resp = (at + 1 + sim_rand(&rng) % 6) * 10 + 5 + i,
			.after = -1, .op = random_op(&rng, i) };
	}
	want = brute(&history.start, (1u << BRUTE) - 1);
	got = lin_check(&history, &a) == LIN_YES;
	*yes += (u64)want;
	if (want == got)
		return 0;
	return FAIL("SIM_SEED=%llu: want %d, got %d", (unsigned long long)seed,
		    want, got);
}

static int test_brute(const void *arg)
{
	u64 i, yes = 0, runs = harness_runs(60000), seed = harness_seed();
	int r = 0;

	(void)arg;
	for (i = 0; i < runs && !r; i++)
		r = one_random(seed + i, &yes);
	if (!r && (!yes || yes == runs))
		r = FAIL("all the same");
	harness_covered(runs, "histories");
	harness_covered(yes, "of them have an order");
	return r;
}

int main(int argc, char **argv)
{
	enum { NR = sizeof(by_hand) / sizeof(by_hand[0]) };
	static const u64 early = 4, late = 12;
	struct test test[NR + 4];
	u32 i;

	for (i = 0; i < NR; i++)
		test[i] = (struct test){ by_hand[i].name, test_by_hand,
					 &by_hand[i] };
	test[i++] = (struct test){ "a name comes twice in a listing", test_twice,
				   &early };
	test[i++] = (struct test){ "twice, but it was there all the time",
				   test_twice, &late };
	test[i++] = (struct test){ "the search gives up", test_gives_up, NULL };
	test[i++] = (struct test){ "as all orders say", test_brute, NULL };
	printf("SIM_SEED=%llu\n", (unsigned long long)harness_seed());
	return harness_main(argc, argv, test, i);
}
