// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Two caches of locks, on two nodes, in one process that knows the truth.
 *
 * Notes: whatever both caches give out at the same time must go together; and a value that
 * was written under EX is what the next one sees, or LOST. Requests wait for some
 * milliseconds at most, because who holds the other cache is this same thread: then it
 * dispatches there, and tries again. Not a cmocka program: it has the daemons' sockets from
 * its caller.
 *
 * usage: test_cache_mxfs SOCKET SOCKET SEED
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mode.h"
#include "mxfs.h"
#include "world.h"

#define NAMES	6
#define USES	4		/* at once, of each cache */
#define ROUNDS	20000
#define PATIENCE 3000000ull	/* ns */

struct used {
	struct mxfs_cached *at;
	int name;
	uint8_t mode;
};

struct side {
	struct mxfs_conn *conn;
	struct mxfs_cache *cache;
	struct used used[USES];
	uint64_t uses, busy, late;
};

static struct side side[2];
static uint64_t value[NAMES];	/* written last; 0: never, or nobody can know */
static uint64_t next_value, seen_values;

static _Noreturn void fail(const char *what, int r)
{
	printf("FAILED: %s (%d)\n", what, r);
	exit(1);
}

static void must_go_together(const struct side *me, int name, uint8_t mode)
{
	for (int s = 0; s < 2; s++) {
		for (int i = 0; i < USES; i++) {
			const struct used *u = &side[s].used[i];

			if (u->at && u->name == name &&
			    !mxfs_mode_compatible(u->mode, mode))
				fail(me == &side[s] ? "two users of one cache" :
				     "users of two caches do not go together", mode);
		}
	}
}

static void look(struct used *u)
{
	struct mxfs_value v;
	uint64_t got;

	mxfs_value(mxfs_cached_lk(u->at), &v);
	memcpy(&got, v.byte, sizeof(got));
	if (v.state != MXFS_VALUE_VALID)
		return;
	seen_values++;
	if (got != value[u->name])
		fail("an old value is read as valid", u->name);
}

static void begin(struct rng *r, struct side *me, struct used *u)
{
	struct mxfs_options o = { .timeout_ns = PATIENCE };
	char name[8];
	int res;

	u->name = (int)rng_below(r, NAMES);
	u->mode = (uint8_t)rng_below(r, MXFS_MODES);
	snprintf(name, sizeof(name), "c%d", u->name);
	res = mxfs_use(me->cache, name, strlen(name), u->mode, &o, &u->at);
	if (res == -EBUSY)
		me->busy++;
	else if (res == -ETIMEDOUT || res == -EDEADLK)
		me->late++;
	else if (res)
		fail("mxfs_use", res);
	if (res) {
		u->at = NULL;
		return;
	}
	me->uses++;
	struct mxfs_cached *at = u->at;

	u->at = NULL;
	must_go_together(me, u->name, u->mode);
	u->at = at;
	if (u->mode == MXFS_PR || u->mode == MXFS_EX)
		look(u);
}

static void end(struct rng *r, struct used *u)
{
	uint8_t bytes[MXFS_VALUE_BYTES] = { 0 };
	int write = u->mode == MXFS_EX && rng_chance(r, 60), res;

	if (write) {
		value[u->name] = ++next_value;
		memcpy(bytes, &next_value, sizeof(next_value));
	}
	res = mxfs_unuse(u->at, u->mode, write ? bytes : NULL);
	if (res)
		fail("mxfs_unuse", res);
	u->at = NULL;
}

static void step(struct rng *r)
{
	struct side *me = &side[rng_below(r, 2)];
	struct used *u = &me->used[rng_below(r, USES)];

	if (u->at)
		end(r, u);
	else
		begin(r, me, u);
	for (int s = 0; s < 2; s++)
		if (mxfs_dispatch(side[s].conn))
			fail("mxfs_dispatch", s);
}

/* Resources live for as long as somebody has a lock on them: these two do not go. */
static void keep(struct mxfs_conn *conn)
{
	struct mxfs_lk *lk;
	char name[8];

	for (int i = 0; i < NAMES; i++) {
		snprintf(name, sizeof(name), "c%d", i);
		if (mxfs_lock(conn, name, strlen(name), MXFS_MODE_NL, NULL, &lk))
			fail("mxfs_lock", i);
	}
}

int main(int argc, char **argv)
{
	struct mxfs_cache_counts n[2];
	struct mxfs_conn *keeper;
	struct rng r;

	if (argc != 4) {
		fprintf(stderr, "usage: test_cache_mxfs SOCKET SOCKET SEED\n");
		return 2;
	}
	r.s = strtoull(argv[3], NULL, 10);
	if (mxfs_connect(&keeper, argv[1]))
		fail("mxfs_connect", 0);
	keep(keeper);
	for (int s = 0; s < 2; s++) {
		if (mxfs_connect(&side[s].conn, argv[1 + s]))
			fail("mxfs_connect", s);
		side[s].cache = mxfs_cache_new(side[s].conn, 4);
		if (!side[s].cache)
			fail("mxfs_cache_new", s);
	}
	for (int i = 0; i < ROUNDS; i++)
		step(&r);
	for (int s = 0; s < 2; s++) {
		for (int i = 0; i < USES; i++)
			if (side[s].used[i].at)
				end(&r, &side[s].used[i]);
		mxfs_cache_counts(side[s].cache, &n[s]);
		mxfs_cache_free(side[s].cache);
		mxfs_close(side[s].conn);
		printf("%llu uses, %llu hits, %llu busy, %llu late, %llu basts, %llu evicted\n",
		       (unsigned long long)side[s].uses, (unsigned long long)n[s].hits,
		       (unsigned long long)side[s].busy, (unsigned long long)side[s].late,
		       (unsigned long long)n[s].basts, (unsigned long long)n[s].evicted);
		if (!n[s].hits || !n[s].basts || !n[s].evicted)
			fail("something was never tried", s);
	}
	mxfs_close(keeper);
	return seen_values ? 0 : 1;
}
