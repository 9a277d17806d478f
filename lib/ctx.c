// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Contexts: each belongs to one thread at a time, for one operation.
 *
 * Notes: a thread comes back to the context that it had last, so that the
 * context's hints and its line in shared memory stay on one processor. No
 * lock in the common case; when all are busy, threads wait for a put. A put
 * looks for them without a fence, which each call would pay, so it may miss one
 * that has just come: nobody waits longer than a millisecond without a look.
 */
#include <stdlib.h>
#include <time.h>

#include "mount_priv.h"

#define WAIT_NS		1000000

static u32 next_pref;
static __thread u32 pref;	/* 1 + the context taken last, 0: none yet */

int daxfs_cx_pool_init(struct daxfs_mount *m)
{
	u32 i;

	m->cx = calloc(DAXFS_CTXS, sizeof(*m->cx));
	if (!m->cx)
		return -ENOMEM;
	pthread_mutex_init(&m->cx_lock, NULL);
	pthread_cond_init(&m->cx_free, NULL);
	for (i = 0; i < DAXFS_CTXS; i++)
		m->slot[i].cx = &m->cx[i];
	return 0;
}

void daxfs_cx_pool_fini(struct daxfs_mount *m)
{
	free(m->cx);
	m->cx = NULL;
}

void daxfs_cx_pool_reset(struct daxfs_mount *m)
{
	u32 i;

	for (i = 0; i < DAXFS_CTXS; i++)
		m->slot[i].ready = m->slot[i].busy = 0;
}

/* cx_init() fails for a number that is too large, which ours never is. */
static struct daxfs_cx *cx_of(struct daxfs_mount *m, u32 i)
{
	struct daxfs_cx_slot *s = &m->slot[i];

	if (!s->ready) {
		if (daxfs_cx_init(s->cx, &m->rg, i))
			abort();
		s->ready = 1;
	}
	return s->cx;
}

static int take(struct daxfs_cx_slot *s)
{
	return !__atomic_load_n(&s->busy, __ATOMIC_RELAXED) &&
	       !__atomic_exchange_n(&s->busy, 1, __ATOMIC_ACQUIRE);
}

struct daxfs_cx *daxfs_cx_try(struct daxfs_mount *m)
{
	u32 i, n;

	if (!pref)
		pref = 1 + __atomic_fetch_add(&next_pref, 1, __ATOMIC_RELAXED) %
			   DAXFS_CTXS;
	for (n = 0; n < DAXFS_CTXS; n++) {
		i = (pref - 1 + n) % DAXFS_CTXS;
		if (take(&m->slot[i])) {
			pref = i + 1;
			return cx_of(m, i);
		}
	}
	return NULL;
}

static void wait_for_put(struct daxfs_mount *m)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	t.tv_nsec += WAIT_NS;
	if (t.tv_nsec >= 1000000000) {
		t.tv_nsec -= 1000000000;
		t.tv_sec++;
	}
	pthread_cond_timedwait(&m->cx_free, &m->cx_lock, &t);
}

struct daxfs_cx *daxfs_cx_get(struct daxfs_mount *m)
{
	struct daxfs_cx *cx = daxfs_cx_try(m);

	if (cx)
		return cx;
	pthread_mutex_lock(&m->cx_lock);
	__atomic_fetch_add(&m->cx_waiters, 1, __ATOMIC_RELAXED);
	while (!(cx = daxfs_cx_try(m)))
		wait_for_put(m);
	__atomic_fetch_sub(&m->cx_waiters, 1, __ATOMIC_RELAXED);
	pthread_mutex_unlock(&m->cx_lock);
	return cx;
}

void daxfs_cx_put(struct daxfs_mount *m, struct daxfs_cx *cx)
{
	struct daxfs_cx_slot *s = &m->slot[cx - m->cx];

	__atomic_store_n(&s->busy, 0, __ATOMIC_RELEASE);
	if (!__atomic_load_n(&m->cx_waiters, __ATOMIC_RELAXED))
		return;
	pthread_mutex_lock(&m->cx_lock);
	pthread_cond_signal(&m->cx_free);
	pthread_mutex_unlock(&m->cx_lock);
}
