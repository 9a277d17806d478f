// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Locks that are kept until somebody else wants them.
 *
 * Notes: an entry for each resource. It is held in a mode, and used in modes that the
 * one which is held covers, by users whose modes go together. When somebody else wants
 * it (BAST), the entry is weakened to what goes with that as soon as nobody uses it in a
 * way that does not; until then nobody new gets it without asking the cluster, so that a
 * stream of users does not keep the others out for ever. An entry that is weakened to
 * nothing, or lost, is forgotten when its last user has given it back.
 *
 * Who covers whom is asked of the tables, never of numbers: CW and PR cannot be compared.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "list.h"
#include "mode.h"
#include "conn.h"

#define LOOK_EVERY	256u	/* uses, to see what others want */

struct mxfs_cached {
	struct mxfsd_chain by_name;
	struct mxfsd_list idle;	/* used by nobody: the oldest first */
	struct mxfs_cache *cache;
	struct mxfs_lk *lk;	/* NULL: not asked for, or given back */
	uint32_t users[MXFS_MODES], used;
	uint8_t wanted;		/* by others, or MXFS_NONE */
	uint8_t asking;		/* a request is under way */
	uint8_t lost;
	struct mxfs_name name;
};

struct mxfs_cache {
	struct mxfs_conn *conn;
	struct mxfsd_table entries;
	struct mxfsd_list idle;
	unsigned int most;
	struct mxfs_cache_counts n;
};

/* Is all that `want' allows allowed by `have'? */
static int covers(int have, uint8_t want)
{
	return have >= 0 && mxfs_mode_is_release((uint8_t)have, want);
}

/* FNV-1a, 64 bits. */
static uint64_t hash(const void *name, size_t len)
{
	const uint8_t *at = name;
	uint64_t h = 0xcbf29ce484222325;

	for (size_t i = 0; i < len; i++)
		h = (h ^ at[i]) * 0x100000001b3;
	return h ^ h >> 32;
}

static struct mxfs_cached *find(const struct mxfs_cache *cache, const void *name,
				size_t len, uint64_t h)
{
	struct mxfsd_chain *c = mxfsd_table_first(&cache->entries, h);

	for (; c; c = c->next) {
		struct mxfs_cached *e = mxfsd_of(c, struct mxfs_cached, by_name);

		if (c->hash == h && e->name.len == len &&
		    !memcmp(e->name.byte, name, len))
			return e;
	}
	return NULL;
}

static void set_idle(struct mxfs_cached *e, int idle)
{
	int is = e->idle.next != &e->idle;

	if (is == idle)
		return;
	if (idle) {
		mxfsd_list_add_tail(&e->idle, &e->cache->idle);
		e->cache->n.kept++;
	} else {
		mxfsd_list_del(&e->idle);
		e->cache->n.kept--;
	}
}

static void forget(struct mxfs_cached *e)
{
	set_idle(e, 0);
	mxfsd_table_del(&e->cache->entries, &e->by_name);
	free(e);
}

/* ---- giving back ---- */

static void give_back(struct mxfs_cached *e, const void *value)
{
	struct mxfs_lk *lk = e->lk;

	e->lk = NULL;
	e->wanted = MXFS_NONE;
	if (lk) {
		mxfs_on_bast(lk, NULL, NULL);
		mxfs_unlock_begin(lk, value, NULL, NULL);
	}
}

/* The strongest mode below what is held that lets in who wants. NONE: there is none. */
static uint8_t compromise(int held, uint8_t wanted)
{
	static const uint8_t down[] = { MXFS_PW, MXFS_PR, MXFS_CW, MXFS_CR };

	for (size_t i = 0; i < sizeof(down); i++)
		if (covers(held, down[i]) && mxfs_mode_compatible(down[i], wanted))
			return down[i];
	return MXFS_NONE;
}

static int in_the_way(const struct mxfs_cached *e)
{
	for (uint8_t m = 0; m < MXFS_MODES; m++)
		if (e->users[m] && !mxfs_mode_compatible(m, e->wanted))
			return 1;
	return 0;
}

/* Who has become its user since the mode was chosen must not be cut off. */
static int users_keep(const struct mxfs_cached *e, uint8_t mode)
{
	for (uint8_t m = 0; m < MXFS_MODES; m++)
		if (e->users[m] && !covers(mode == MXFS_NONE ? -1 : mode, m))
			return 0;
	return 1;
}

static void weakened(struct mxfs_lk *lk, int error, void *arg);

/* Somebody else wants it: let him, if users permit. 1: the entry is gone. */
static int yield_to(struct mxfs_cached *e)
{
	uint8_t mode;

	if (e->wanted == MXFS_NONE || !e->lk || e->asking || in_the_way(e))
		return 0;
	mode = compromise(mxfs_mode(e->lk), e->wanted);
	if (mode == MXFS_NONE && !e->used) {
		give_back(e, NULL);
		forget(e);
		return 1;
	}
	if (mode == MXFS_NONE)
		mode = MXFS_NL;
	if (!users_keep(e, mode) ||
	    mxfs_convert_begin(e->lk, mode, NULL, NULL, weakened, e))
		return 0;
	e->asking = 1;
	e->wanted = MXFS_NONE;
	return 0;
}

/* The lock is void. Who uses it still is told when he gives it back. */
static void lose(struct mxfs_cached *e)
{
	e->lost = 1;
	if (e->used || e->asking)
		return;
	give_back(e, NULL);
	forget(e);
}

static void weakened(struct mxfs_lk *lk, int error, void *arg)
{
	struct mxfs_cached *e = arg;

	(void)lk;
	e->asking = 0;
	if (error || e->lost)
		lose(e);
	else
		yield_to(e);
}

static void on_bast(struct mxfs_lk *lk, int wanted, void *arg)
{
	struct mxfs_cached *e = arg;

	(void)lk;
	if (wanted < 0) {
		lose(e);
		return;
	}
	e->cache->n.basts++;
	e->wanted = (uint8_t)wanted;
	yield_to(e);
}

static void evict(struct mxfs_cache *cache)
{
	struct mxfsd_list *at, *n;

	mxfsd_for_each_safe(at, n, &cache->idle) {
		struct mxfs_cached *e = mxfsd_of(at, struct mxfs_cached, idle);

		if (cache->n.kept <= cache->most)
			break;
		if (e->asking)
			continue;
		cache->n.evicted++;
		give_back(e, NULL);
		forget(e);
	}
}

/* ---- using ---- */

static int goes_with_users(const struct mxfs_cached *e, uint8_t mode)
{
	for (uint8_t m = 0; m < MXFS_MODES; m++)
		if (e->users[m] && !mxfs_mode_compatible(m, mode))
			return 0;
	return 1;
}

/*
 * The weakest mode that covers what is held and wanted: what users have must stay. PW
 * for CW and PR, which nothing else covers both.
 */
static uint8_t both(int held, uint8_t want)
{
	for (uint8_t m = want; m < MXFS_MODES; m++)
		if (covers(m, want) && (held < 0 || covers(m, (uint8_t)held)))
			return m;
	return MXFS_EX;
}

static int has_users(const struct mxfs_cached *e)
{
	for (uint8_t m = 0; m < MXFS_MODES; m++)
		if (e->users[m])
			return 1;
	return 0;
}

static int ask(struct mxfs_cached *e, uint8_t mode, const struct mxfs_options *o)
{
	int r;

	e->asking = 1;
	if (e->lk) {
		r = mxfs_convert(e->lk, both(has_users(e) ? mxfs_mode(e->lk) : -1, mode),
				 o, NULL);
	} else {
		r = mxfs_lock(e->cache->conn, e->name.byte, e->name.len, mode, o,
			      &e->lk);
		if (!r)
			mxfs_on_bast(e->lk, on_bast, e);
	}
	e->asking = 0;
	e->lost |= r == -ESTALE;
	return r;
}

static struct mxfs_cached *entry_new(struct mxfs_cache *cache, const void *name,
				     size_t len, uint64_t h)
{
	struct mxfs_cached *e = calloc(1, sizeof(*e));

	if (!e)
		return NULL;
	e->cache = cache;
	e->wanted = MXFS_NONE;
	e->name.len = (uint8_t)len;
	memcpy(e->name.byte, name, len);
	mxfsd_list_init(&e->idle);
	mxfsd_table_add(&cache->entries, &e->by_name, h);
	return e;
}

/* Nobody else dispatches while it waits for what is under way. */
static int settle(struct mxfs_cached *e)
{
	int r = 0;

	while (e->asking && !r) {
		r = mxfs_wait(e->cache->conn, -1);
		if (!r)
			r = mxfs_dispatch(e->cache->conn);
	}
	return r;
}

/* Nobody uses it any more: keep it, or let it go. */
static void release(struct mxfs_cached *e)
{
	if (e->used)
		return;
	if (e->lost || !e->lk || mxfs_mode(e->lk) < 0) {
		give_back(e, NULL);
		forget(e);
		return;
	}
	set_idle(e, 1);
	evict(e->cache);
}

static int ask_for(struct mxfs_cached *e, uint8_t mode, const struct mxfs_options *o)
{
	int r;

	/* It stays while it is waited for, whatever others want. */
	e->used++;
	set_idle(e, 0);
	r = settle(e);
	if (!r && e->lost)
		r = -ESTALE;
	if (!r && !(e->wanted == MXFS_NONE && e->lk && covers(mxfs_mode(e->lk), mode))) {
		/* Who waits already is served first: he was told that it is possible. */
		yield_to(e);
		r = settle(e);
		if (!r)
			r = ask(e, mode, o);
	}
	e->used--;
	if (r)
		release(e);
	return r;
}

static void use(struct mxfs_cached *e, uint8_t mode)
{
	set_idle(e, 0);
	e->users[mode]++;
	e->used++;
}

int mxfs_use(struct mxfs_cache *cache, const void *name, size_t len, int mode,
	     const struct mxfs_options *o, struct mxfs_cached **used)
{
	uint8_t m = (uint8_t)mode;
	struct mxfs_cached *e;
	uint64_t h;
	int r;

	*used = NULL;
	if (!len || len > MXFS_NAME_MAX || mode < 0 || mode >= (int)MXFS_MODES)
		return -EINVAL;
	if (++cache->n.uses % LOOK_EVERY == 0)
		mxfs_dispatch(cache->conn);
	h = hash(name, len);
	e = find(cache, name, len, h);
	if (e && !goes_with_users(e, m))
		return -EBUSY;
	if (e && e->wanted == MXFS_NONE && !e->asking && !e->lost &&
	    e->lk && covers(mxfs_mode(e->lk), m)) {
		cache->n.hits++;
	} else {
		if (!e)
			e = entry_new(cache, name, len, h);
		r = e ? ask_for(e, m, o) : -ENOMEM;
		if (r)
			return r;
	}
	use(e, m);
	*used = e;
	return 0;
}

/* A value block is set by a release: to the mode that others may read it in. */
static int write_value(struct mxfs_cached *e, const void *value)
{
	int r = settle(e);

	if (r || e->lost)
		return r ? r : -ESTALE;
	e->asking = 1;
	r = mxfs_convert(e->lk, MXFS_PR, NULL, value);
	e->asking = 0;
	e->lost |= r == -ESTALE;
	return r;
}

int mxfs_unuse(struct mxfs_cached *e, int mode, const void *value)
{
	int r = e->lost ? -ESTALE : 0;

	e->users[mode]--;
	if (!r && value && mxfs_mode_is_writer((uint8_t)mode))
		r = write_value(e, value);
	e->used--;
	if (!yield_to(e))
		release(e);
	return r;
}

const struct mxfs_lk *mxfs_cached_lk(const struct mxfs_cached *used)
{
	return used->lk;
}

/* ---- the whole ---- */

struct mxfs_cache *mxfs_cache_new(struct mxfs_conn *conn, unsigned int most)
{
	struct mxfs_cache *cache = calloc(1, sizeof(*cache));

	if (!cache || mxfsd_table_init(&cache->entries)) {
		free(cache);
		return NULL;
	}
	cache->conn = conn;
	cache->most = most;
	mxfsd_list_init(&cache->idle);
	return cache;
}

void mxfs_cache_counts(const struct mxfs_cache *cache, struct mxfs_cache_counts *n)
{
	*n = cache->n;
}

void mxfs_cache_free(struct mxfs_cache *cache)
{
	if (!cache)
		return;
	for (uint64_t i = 0; i <= cache->entries.mask; i++) {
		while (cache->entries.slot[i]) {
			struct mxfs_cached *e = mxfsd_of(cache->entries.slot[i],
							 struct mxfs_cached, by_name);

			if (e->asking) {	/* it may be gone then */
				mxfs_wait(cache->conn, -1);
				mxfs_dispatch(cache->conn);
				continue;
			}
			give_back(e, NULL);
			forget(e);
		}
	}
	mxfs_dispatch(cache->conn);
	mxfsd_table_fini(&cache->entries);
	free(cache);
}
