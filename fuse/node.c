// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Files that this mount has open, and what its kernel believes of them.
 *
 * Notes: with timeouts of 0 the kernel asks for attributes before each read,
 * and drops a file's pages if size or mtime differ from what it has. What it
 * has is what it was told last (seen_*), with three exceptions: a write of its
 * own moves its size; it ignores a reply to getattr if the inode was written
 * through this mount or notified after the request began (shaken); and the
 * first reply after an open may meet anything (not known).
 *
 * The change counter tells what the kernel misses. base_change is a state that
 * no page is older than; what this mount changed since then is no reason to
 * drop pages, because the kernel has it in its pages already. So others have
 * changed the file iff the counter moved by something else than our own
 * changes (changed_by_others). Then
 *  - if size or mtime differ from what the kernel has for sure, the reply
 *    alone does it, and base moves on. A notification would do harm here: the
 *    kernel would ignore the reply, and the new size with it;
 *  - otherwise the pages are dropped by a notification before the reply.
 *
 * A write of our own that went past the kernel's pages (direct_io) is noticed by
 * its mtime, unless that is set to something else before (uncached).
 *
 * A reply to lookup or setattr may give the kernel the new mtime without a
 * notification: seen_* follow then, and base stays, so that the next getattr
 * finds equal times and a moved counter.
 *
 * In a region with branches a counter is one of a branch: after a commit, or a
 * rollback, the same number may stand for something else. So it counts together with
 * the layers that it was found in (view_of()), and others are a change.
 *
 * While a node is marked (notifying), each getattr of it waits in the same
 * queue: a reply between the two steps of a notification would be ignored.
 */
#include <stdlib.h>
#include <time.h>

#include "content.h"
#include "node.h"

/* Longer than a process that got a reply takes to be scheduled. */
#define SETTLED_NS	1000000000ull
/* See daxfs_node_changed(). */
#define QUIET_NS	20000000ull

static u64 clock_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
	return (u64)ts.tv_sec * 1000000000ull + (u64)ts.tv_nsec;
}

static struct daxfs_node_shard *shard_of(struct daxfs_nodes *t, u64 ino)
{
	return &t->shard[ino * 0x9e3779b97f4a7c15ull >> 58];
}

static struct daxfs_node **bucket_of(struct daxfs_node_shard *s, u64 ino)
{
	return &s->bucket[ino * 0x9e3779b97f4a7c15ull >> 40 &
			  (DAXFS_NODE_BUCKETS - 1)];
}

static struct daxfs_node *find(struct daxfs_node_shard *s, u64 ino)
{
	struct daxfs_node *n = *bucket_of(s, ino);

	while (n && n->ino != ino)
		n = n->next;
	return n;
}

/* ---- what is shown ---- */

static int same_layers(const struct daxfs_node_view *v, const struct daxfs_view *now)
{
	return v->nr == now->nr &&
	       !memcmp(v->layer, now->layer, now->nr * sizeof(now->layer[0]));
}

static u64 look_at(struct daxfs_node_view *v, const struct daxfs_view *now)
{
	u64 number;

	pthread_mutex_lock(&v->lock);
	number = v->number;
	if (!same_layers(v, now)) {
		__atomic_store_n(&v->head, 0, __ATOMIC_RELEASE);
		__atomic_store_n(&v->number, ++number, __ATOMIC_RELEASE);
		v->nr = now->nr;
		memcpy(v->layer, now->layer, now->nr * sizeof(now->layer[0]));
	}
	__atomic_store_n(&v->head, now->head, __ATOMIC_RELEASE);
	pthread_mutex_unlock(&v->lock);
	return number;
}

/*
 * The number of what the last call on cx has seen. Two threads may see an older
 * and a newer one in turn: then numbers are used up, and no more.
 */
static u64 view_of(struct daxfs_nodes *t, const struct daxfs_cx *cx)
{
	struct daxfs_node_view *v = &t->view;
	u64 number;

	if (cx->view.flat)
		return 0;
	number = __atomic_load_n(&v->number, __ATOMIC_ACQUIRE);
	if (cx->view.head &&
	    cx->view.head == __atomic_load_n(&v->head, __ATOMIC_ACQUIRE) &&
	    number == __atomic_load_n(&v->number, __ATOMIC_RELAXED))
		return number;
	return look_at(v, &cx->view);
}

/* ---- the list of the closed ---- */

static void closed_del(struct daxfs_node_shard *s, struct daxfs_node *n)
{
	*(n->newer ? &n->newer->older : &s->newest) = n->older;
	*(n->older ? &n->older->newer : &s->oldest) = n->newer;
	n->newer = n->older = NULL;
	s->closed_nr--;
}

static void closed_add(struct daxfs_node_shard *s, struct daxfs_node *n)
{
	n->newer = NULL;
	n->older = s->newest;
	*(s->newest ? &s->newest->newer : &s->oldest) = n;
	s->newest = n;
	s->closed_nr++;
}

static void forget(struct daxfs_node_shard *s, struct daxfs_node *n)
{
	struct daxfs_node **p;

	closed_del(s, n);
	for (p = bucket_of(s, n->ino); *p != n; p = &(*p)->next)
		;
	*p = n->next;
	free(n);
}

/* ---- what others did ---- */

/*
 * Own changes under way may be in the counter or not: then it is taken for
 * others' if it moved at all beyond those that are done.
 */
static int changed_by_others(const struct daxfs_node *n, u64 change, u64 view)
{
	return n->wrong || n->base_view != view ||
	       change - n->base_change != n->own_done - n->base_own;
}

/* It may be those that are under way. */
static int maybe_ours(const struct daxfs_node *n, u64 change, u64 view)
{
	u64 moved = change - n->base_change;

	return !n->wrong && n->base_view == view && moved >= n->own_done - n->base_own &&
	       moved <= n->own_begun - n->base_own;
}

static int shaken(const struct daxfs_node *n, u64 now)
{
	return n->notifying || n->own_begun != n->own_done ||
	       now - n->shaken_ns < SETTLED_NS;
}

static int same_as_seen(const struct daxfs_node *n, const struct daxfs_stat *st)
{
	return n->seen_size == st->size && n->seen_mtime == st->mtime_ns;
}

static void set_seen(struct daxfs_node *n, const struct daxfs_stat *st, u64 now)
{
	n->seen_size = st->size;
	n->seen_mtime = st->mtime_ns;
	n->known = !shaken(n, now);
}

static void set_base(struct daxfs_node *n, u64 change, u64 view)
{
	if (n->own_begun != n->own_done)
		return;		/* which of ours are in it? the next one knows */
	n->base_change = change;
	n->base_view = view;
	n->base_own = n->own_done;
}

/* The kernel gets st and compares: 1 if that will not do. */
static int compare(struct daxfs_node *n, const struct daxfs_stat *st, u64 view,
		   u64 now)
{
	if (changed_by_others(n, st->change, view) &&
	    (!n->known || shaken(n, now) || same_as_seen(n, st)))
		return 1;
	set_base(n, st->change, view);
	if (n->known && !shaken(n, now) && n->seen_mtime != st->mtime_ns)
		n->uncached = 0;
	set_seen(n, st, now);
	return 0;
}

/* ---- open and close ---- */

void daxfs_nodes_init(struct daxfs_nodes *t, struct daxfs_mount *m)
{
	u32 i;

	t->m = m;
	pthread_mutex_init(&t->view.lock, NULL);
	for (i = 0; i < DAXFS_NODE_SHARDS; i++)
		pthread_mutex_init(&t->shard[i].lock, NULL);
}

static void shard_fini(struct daxfs_nodes *t, struct daxfs_node_shard *s,
		       struct daxfs_cx *cx)
{
	struct daxfs_node *n, *next;
	u32 b;

	for (b = 0; b < DAXFS_NODE_BUCKETS; b++) {
		for (n = s->bucket[b]; n; n = next) {
			next = n->next;
			if (n->held)
				daxfs_unhold(t->m, cx, n->held);
			free(n);
		}
	}
	pthread_mutex_destroy(&s->lock);
}

void daxfs_nodes_fini(struct daxfs_nodes *t)
{
	struct daxfs_cx *cx = daxfs_cx_get(t->m);
	u32 i;

	for (i = 0; i < DAXFS_NODE_SHARDS; i++)
		shard_fini(t, &t->shard[i], cx);
	daxfs_cx_put(t->m, cx);
}

static struct daxfs_node *node_new(struct daxfs_node_shard *s, u64 ino)
{
	struct daxfs_node **to = bucket_of(s, ino);
	struct daxfs_node *n = calloc(1, sizeof(*n));

	if (!n)
		return NULL;
	n->ino = ino;
	n->next = *to;
	*to = n;
	closed_add(s, n);
	return n;
}

/* Nothing is known of the kernel's pages. */
static void node_reset(struct daxfs_node *n, const struct daxfs_stat *st, u64 view)
{
	n->valid = 1;
	n->generation = st->generation;
	n->seen_size = st->size;
	n->seen_mtime = st->mtime_ns;
	n->known = 0;
	n->wrong = n->uncached = 0;
	n->own_begun = n->own_done = n->base_own = 0;
	n->base_change = st->change;
	n->base_view = view;
	n->base_ns = clock_now();
}

static int use_first(struct daxfs_nodes *t, struct daxfs_node_shard *s,
		     struct daxfs_cx *cx, struct daxfs_node *n)
{
	int r = daxfs_hold(t->m, cx, n->ino, &n->held);

	if (r)
		return r;
	closed_del(s, n);
	__atomic_store_n(&s->used_nr, s->used_nr + 1, __ATOMIC_RELAXED);
	return 0;
}

static void use_end(struct daxfs_nodes *t, struct daxfs_node_shard *s,
		    struct daxfs_cx *cx, struct daxfs_node *n)
{
	if (--n->uses)
		return;
	daxfs_unhold(t->m, cx, n->held);
	n->held = NULL;
	__atomic_store_n(&s->used_nr, s->used_nr - 1, __ATOMIC_RELAXED);
	closed_add(s, n);
	if (s->closed_nr > DAXFS_NODE_CLOSED)
		forget(s, s->oldest);
}

/*
 * An open without keep drops the kernel's pages, but at a time of its own:
 * until that is over, other opens must do the same for themselves.
 */
static int open_locked(struct daxfs_nodes *t, struct daxfs_node_shard *s,
		       struct daxfs_cx *cx, struct daxfs_node *n, int *keep)
{
	struct daxfs_stat st;
	u64 view;
	int r = n->uses ? 0 : use_first(t, s, cx, n);

	if (r)
		return r;
	n->uses++;
	r = daxfs_fgetattr(cx, &n->held->file, &st);
	if (r) {
		use_end(t, s, cx, n);
		return r;
	}
	view = view_of(t, cx);
	if (!n->valid || n->generation != st.generation)
		node_reset(n, &st, view);
	*keep = !changed_by_others(n, st.change, view) &&
		clock_now() - n->base_ns > SETTLED_NS;
	return 0;
}

int daxfs_node_open(struct daxfs_nodes *t, struct daxfs_cx *cx, u64 ino,
		    struct daxfs_node **node, int *keep)
{
	struct daxfs_node_shard *s = shard_of(t, ino);
	struct daxfs_node *n;
	int r = -ENOMEM;

	pthread_mutex_lock(&s->lock);
	n = find(s, ino);
	if (!n)
		n = node_new(s, ino);
	if (n)
		r = open_locked(t, s, cx, n, keep);
	if (n && r && !n->uses)
		forget(s, n);
	pthread_mutex_unlock(&s->lock);
	*node = n;
	return r;
}

void daxfs_node_close(struct daxfs_nodes *t, struct daxfs_cx *cx,
		      struct daxfs_node *node)
{
	struct daxfs_node_shard *s = shard_of(t, node->ino);

	pthread_mutex_lock(&s->lock);
	use_end(t, s, cx, node);
	pthread_mutex_unlock(&s->lock);
}

void daxfs_node_writer(struct daxfs_nodes *t, struct daxfs_node *node, int n)
{
	__atomic_fetch_add(&node->writers, (u32)n, __ATOMIC_RELAXED);
	__atomic_fetch_add(&t->writers, (u32)n, __ATOMIC_RELAXED);
}

void daxfs_node_spoilt(struct daxfs_nodes *t, struct daxfs_node *node)
{
	struct daxfs_node_shard *s = shard_of(t, node->ino);

	pthread_mutex_lock(&s->lock);
	node->wrong = 1;
	pthread_mutex_unlock(&s->lock);
}

static int has_writers(const struct daxfs_node *n)
{
	return __atomic_load_n(&n->writers, __ATOMIC_RELAXED) != 0;
}

/* Those of a shard, at list + nr; the new nr. *list grows, or becomes NULL. */
static u32 add_numbers(struct daxfs_node_shard *s, int writers, u64 **list, u32 nr)
{
	u64 *more = realloc(*list, (nr + s->used_nr + 1) * sizeof(**list));
	struct daxfs_node *n;
	u32 b;

	if (!more) {
		free(*list);
		*list = NULL;
		return 0;
	}
	for (b = 0; b < DAXFS_NODE_BUCKETS; b++)
		for (n = s->bucket[b]; n; n = n->next)
			if (n->uses && (!writers || has_writers(n)))
				more[nr++] = n->ino;
	*list = more;
	return nr;
}

u64 *daxfs_node_numbers(struct daxfs_nodes *t, int writers, u32 *nr)
{
	u64 *list = malloc(sizeof(*list));
	u32 i;

	*nr = 0;
	for (i = 0; list && i < DAXFS_NODE_SHARDS; i++) {
		struct daxfs_node_shard *s = &t->shard[i];

		pthread_mutex_lock(&s->lock);
		if (s->used_nr)
			*nr = add_numbers(s, writers, &list, *nr);
		pthread_mutex_unlock(&s->lock);
	}
	return list;
}

/* ---- own changes ---- */

void daxfs_node_begin(struct daxfs_nodes *t, struct daxfs_node *node,
		      u32 raises)
{
	struct daxfs_node_shard *s = shard_of(t, node->ino);

	pthread_mutex_lock(&s->lock);
	node->own_begun += raises;
	pthread_mutex_unlock(&s->lock);
}

void daxfs_node_end(struct daxfs_nodes *t, struct daxfs_node *node, u32 raises,
		    u32 did)
{
	struct daxfs_node_shard *s = shard_of(t, node->ino);

	pthread_mutex_lock(&s->lock);
	node->own_begun -= raises - did;
	node->own_done += did;
	node->shaken_ns = clock_now();
	pthread_mutex_unlock(&s->lock);
}

void daxfs_node_wrote(struct daxfs_nodes *t, struct daxfs_node *node, u64 off,
		      u64 len, u64 at, int direct)
{
	struct daxfs_node_shard *s = shard_of(t, node->ino);

	pthread_mutex_lock(&s->lock);
	if (node->seen_size < off + len)
		node->seen_size = off + len;
	if (direct)
		node->uncached = 1;
	else if (at != off)
		node->wrong = 1;	/* in pages where it thinks the end is */
	pthread_mutex_unlock(&s->lock);
}

/* ---- replies ---- */

static int fresh_stat(struct daxfs_cx *cx, struct daxfs_node *n, u64 ino,
		      struct daxfs_stat *st)
{
	if (n && n->held)
		return daxfs_fgetattr(cx, &n->held->file, st);
	return daxfs_getattr(cx, ino, st);
}

/* Attributes read under the lock are told in the order of the lock. */
static struct daxfs_node *refresh(struct daxfs_node_shard *s,
				  struct daxfs_cx *cx, struct daxfs_stat *st)
{
	struct daxfs_node *n = find(s, st->ino);
	struct daxfs_stat now;

	if (!n || n->generation != st->generation ||
	    fresh_stat(cx, n, st->ino, &now) ||
	    now.generation != n->generation)
		return NULL;
	*st = now;
	return n;
}

void daxfs_node_looked(struct daxfs_nodes *t, struct daxfs_cx *cx,
		       struct daxfs_stat *st)
{
	struct daxfs_node_shard *s = shard_of(t, st->ino);
	struct daxfs_node *n;
	u64 now = clock_now();

	if (!S_ISREG(st->mode))
		return;
	pthread_mutex_lock(&s->lock);
	n = refresh(s, cx, st);
	if (n && compare(n, st, view_of(t, cx), now))
		set_seen(n, st, now);
	pthread_mutex_unlock(&s->lock);
}

void daxfs_node_told(struct daxfs_nodes *t, struct daxfs_cx *cx,
		     struct daxfs_stat *st)
{
	struct daxfs_node_shard *s = shard_of(t, st->ino);
	struct daxfs_node *n;

	if (!S_ISREG(st->mode))
		return;
	pthread_mutex_lock(&s->lock);
	n = refresh(s, cx, st);
	if (n) {
		/* The new mtime will not tell it any more. */
		n->wrong |= n->uncached;
		set_seen(n, st, clock_now());
	}
	pthread_mutex_unlock(&s->lock);
}

static int getattr_locked(struct daxfs_nodes *t, struct daxfs_node_shard *s,
			  struct daxfs_cx *cx, u64 ino, struct daxfs_stat *st,
			  struct daxfs_node **node)
{
	struct daxfs_node *n = find(s, ino);
	u64 now = clock_now();
	int r = fresh_stat(cx, n, ino, st);

	if (r || !n || n->generation != st->generation)
		return r;
	n->told_ns = now;
	if (!compare(n, st, view_of(t, cx), now) && !n->notifying)
		return 0;
	if (!n->uses) {
		/* Nobody can read pages before an open, which drops them. */
		set_seen(n, st, now);
		return 0;
	}
	n->uses++;
	n->notifying++;
	n->shaken_ns = now;
	*node = n;
	return -EAGAIN;
}

int daxfs_node_getattr(struct daxfs_nodes *t, struct daxfs_cx *cx, u64 ino,
		       struct daxfs_stat *st, struct daxfs_node **node)
{
	struct daxfs_node_shard *s = shard_of(t, ino);
	int r;

	pthread_mutex_lock(&s->lock);
	r = getattr_locked(t, s, cx, ino, st, node);
	pthread_mutex_unlock(&s->lock);
	return r;
}

/* ---- notifications ---- */

/*
 * Cut off meanwhile: then the last byte that there was is zero. In split mode this
 * may wait for a backing file: not under the lock.
 */
static int read_last(struct daxfs_nodes *t, struct daxfs_cx *cx,
		     struct daxfs_node *node, struct daxfs_node_state *state)
{
	s64 r = 0;

	state->last = 0;
	if (state->st.size)
		r = daxfs_mount_read(t->m, cx, node->held, state->st.size - 1,
				     &state->last, 1);
	return r < 0 ? (int)r : 0;
}

int daxfs_node_look(struct daxfs_nodes *t, struct daxfs_cx *cx,
		    struct daxfs_node *node, struct daxfs_node_state *state)
{
	struct daxfs_node_shard *s = shard_of(t, node->ino);
	int r;

	pthread_mutex_lock(&s->lock);
	r = daxfs_fgetattr(cx, &node->held->file, &state->st);
	state->own = node->own_done;
	state->exact = node->own_begun == node->own_done;
	state->view = view_of(t, cx);
	state->stale = !r && changed_by_others(node, state->st.change, state->view);
	if (state->stale)
		node->wrong = node->uncached = 0;	/* unless it happens again */
	pthread_mutex_unlock(&s->lock);
	return state->stale ? read_last(t, cx, node, state) : r;
}

void daxfs_node_notified(struct daxfs_nodes *t, struct daxfs_cx *cx,
			 struct daxfs_node *node,
			 const struct daxfs_node_state *state)
{
	struct daxfs_node_shard *s = shard_of(t, node->ino);

	pthread_mutex_lock(&s->lock);
	node->notifying--;
	node->known = 0;	/* what it was told meanwhile was not noted */
	if (state) {
		node->shaken_ns = clock_now();
		if (state->exact) {
			node->base_change = state->st.change;
			node->base_view = state->view;
			node->base_own = state->own;
		}
	}
	use_end(t, s, cx, node);
	pthread_mutex_unlock(&s->lock);
}

/*
 * Pages that a process has mapped are asked about by nobody. A notification
 * makes the kernel ignore replies to getattr that it has not looked at yet, so
 * it must not come shortly behind one: that one may bring the news of an
 * earlier change. If the counter is ahead of base, no getattr came since it
 * moved, so a quiet moment is not far.
 */
static int wants_notice(struct daxfs_nodes *t, struct daxfs_node *n,
			struct daxfs_cx *cx, u64 now)
{
	struct daxfs_stat st;

	return n->uses && !n->notifying && now - n->told_ns > QUIET_NS &&
	       !daxfs_fgetattr(cx, &n->held->file, &st) &&
	       !maybe_ours(n, st.change, view_of(t, cx));
}

static u32 changed_locked(struct daxfs_nodes *t, struct daxfs_node_shard *s,
			  struct daxfs_cx *cx, struct daxfs_node **node, u32 nr)
{
	u64 now = clock_now();
	struct daxfs_node *n;
	u32 b, found = 0;

	for (b = 0; b < DAXFS_NODE_BUCKETS; b++) {
		for (n = s->bucket[b]; n && found < nr; n = n->next) {
			if (!wants_notice(t, n, cx, now))
				continue;
			n->uses++;
			n->notifying++;
			n->shaken_ns = now;
			node[found++] = n;
		}
	}
	return found;
}

u32 daxfs_node_changed(struct daxfs_nodes *t, struct daxfs_cx *cx, u32 shard,
		       struct daxfs_node **node, u32 nr)
{
	struct daxfs_node_shard *s = &t->shard[shard];
	u32 found;

	if (!__atomic_load_n(&s->used_nr, __ATOMIC_RELAXED))
		return 0;
	pthread_mutex_lock(&s->lock);
	found = changed_locked(t, s, cx, node, nr);
	pthread_mutex_unlock(&s->lock);
	return found;
}

int daxfs_node_any(struct daxfs_nodes *t)
{
	u32 i;

	for (i = 0; i < DAXFS_NODE_SHARDS; i++)
		if (__atomic_load_n(&t->shard[i].used_nr, __ATOMIC_RELAXED))
			return 1;
	return 0;
}
