// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * flock(2) and fcntl(2) locks, held against all hosts of the region.
 *
 * Notes: the core tries and never waits. A request that has to wait is kept in a
 * list, and one thread tries the oldest first again: at once when a lock was given
 * back here, within POLL_NS when one was elsewhere, and when a host that is in
 * the way is seen to be gone. So 50 that wait hold no thread that serves. A
 * new request does not pass older ones that it would keep waiting, unless its
 * owner has locks on the file already, which those may be waiting for.
 *
 * The kernel names owners by numbers of its own. It tells of the end of an open
 * file's flock with RELEASE, and of that of a process' ranges with a FLUSH at
 * each close; so who has ranges is remembered, and most FLUSHes are answered at
 * once. Of the ranges of an open file (OFD locks) it tells nothing: they are
 * those that are left of a handle at its RELEASE. This comes a little after
 * close() has returned, so a flock that does not wait is given until
 * GRACE_NS later before it fails. EINTR goes out after an INTERRUPT alone (else
 * the caller would see the number of a restart).
 */
#include <stdlib.h>
#include <sys/file.h>
#include <time.h>

#include "server.h"

#define POLL_NS		(4 * 1000 * 1000)	/* while somebody waits */
#define GRACE_NS	(3 * 1000 * 1000)
#define RETRY_TICKS	10u	/* polls until all are tried, whatever the counter says */
#define DEATH_TICKS	25u	/* polls until hosts in the way are looked at */
#define OWNER_BUCKETS	256u
#define CYCLE_MAX	64u	/* owners that wait for each other in a row */

struct waiter {
	fuse_req_t req;
	u64 handle;
	struct daxfs_node *node;
	struct daxfs_lock want;
	struct daxfs_lock found;	/* what was in its way at the last try */
	u64 until;			/* it fails then; 0: it waits for ever */
	int interrupted;
	s64 result;			/* once it is over */
	struct waiter *next;
};

struct owner {			/* has ranges of a file, perhaps */
	u64 ino, owner;
	u64 handle;			/* that it took the first of them by */
	struct owner *next;
};

struct daxfs_locks {
	struct daxfs_server *s;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t more;
	struct waiter *first;		/* the oldest */
	u32 nr, hasty;			/* all; those that do not wait for ever */
	int kick;			/* try them now */
	int stop;
	u64 frees;			/* the counter at the last try */
	u32 tick;
	struct owner *owner[OWNER_BUCKETS];
	u32 owner_nr;
};

/* ---- who has ranges ---- */

static struct owner **owner_bucket(struct daxfs_locks *l, u64 ino, u64 owner)
{
	return &l->owner[((ino ^ owner) * 0x9e3779b97f4a7c15ull) >> 56];
}

static struct owner **owner_find(struct daxfs_locks *l, u64 ino, u64 owner)
{
	struct owner **p = owner_bucket(l, ino, owner);

	while (*p && ((*p)->ino != ino || (*p)->owner != owner))
		p = &(*p)->next;
	return p;
}

static int owner_add(struct daxfs_locks *l, u64 ino, u64 owner, u64 handle)
{
	struct owner **p, *o;
	int r = 0;

	pthread_mutex_lock(&l->lock);
	p = owner_find(l, ino, owner);
	if (!*p) {
		o = malloc(sizeof(*o));
		if (o) {
			*o = (struct owner){ ino, owner, handle, NULL };
			*p = o;
			__atomic_store_n(&l->owner_nr, l->owner_nr + 1,
					 __ATOMIC_RELAXED);
		}
		r = o ? 0 : -ENOLCK;
	}
	pthread_mutex_unlock(&l->lock);
	return r;
}

/* 1: it was there. */
static int owner_del(struct daxfs_locks *l, u64 ino, u64 owner)
{
	struct owner **p, *o;

	if (!__atomic_load_n(&l->owner_nr, __ATOMIC_RELAXED))
		return 0;
	pthread_mutex_lock(&l->lock);
	p = owner_find(l, ino, owner);
	o = *p;
	if (o) {
		*p = o->next;
		__atomic_store_n(&l->owner_nr, l->owner_nr - 1, __ATOMIC_RELAXED);
	}
	pthread_mutex_unlock(&l->lock);
	free(o);
	return o != NULL;
}

/* The first that took its ranges by that handle, out of the table. */
static struct owner *owner_of_handle(struct daxfs_locks *l, u64 handle)
{
	struct owner **p, *o = NULL;
	u32 i;

	if (!__atomic_load_n(&l->owner_nr, __ATOMIC_RELAXED))
		return NULL;
	pthread_mutex_lock(&l->lock);
	for (i = 0; i < OWNER_BUCKETS && !o; i++) {
		for (p = &l->owner[i]; *p && (*p)->handle != handle; )
			p = &(*p)->next;
		o = *p;
		if (!o)
			continue;
		*p = o->next;
		__atomic_store_n(&l->owner_nr, l->owner_nr - 1, __ATOMIC_RELAXED);
	}
	pthread_mutex_unlock(&l->lock);
	return o;
}

/* ---- one try ---- */

static u64 clock_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (u64)ts.tv_sec * 1000000000ull + (u64)ts.tv_nsec;
}

static s64 try_lock(struct daxfs_server *s, struct daxfs_node *node,
		    const struct daxfs_lock *want, struct daxfs_lock *found)
{
	struct daxfs_cx *cx = daxfs_begin(s);

	return daxfs_end(s, cx, daxfs_lock(cx, &node->held->file, want, found));
}

static void kick(struct daxfs_locks *l)
{
	if (!__atomic_load_n(&l->nr, __ATOMIC_RELAXED))
		return;
	pthread_mutex_lock(&l->lock);
	l->kick = 1;
	pthread_cond_signal(&l->more);
	pthread_mutex_unlock(&l->lock);
}

static s64 unlock_all(struct daxfs_server *s, struct daxfs_node *node,
		      enum daxfs_lock_kind kind, u64 owner)
{
	struct daxfs_lock want = { .kind = kind, .owner = owner,
				   .end = DAXFS_LOCK_END };
	s64 r = try_lock(s, node, &want, NULL);

	kick(s->locks);
	return r;
}

/* ---- waiting ---- */

/* Would want keep w waiting? The owner of both does not wait for himself. */
static int keeps_waiting(const struct waiter *w, struct daxfs_node *node,
			 const struct daxfs_lock *want)
{
	return w->node == node && w->want.kind == want->kind &&
	       w->want.owner != want->owner &&
	       (w->want.type == DAXFS_LOCK_EX || want->type == DAXFS_LOCK_EX) &&
	       w->want.start <= want->end && want->start <= w->want.end;
}

/* One who waits since before end, and must not be passed; or NULL. */
static struct waiter *older(struct daxfs_locks *l, const struct waiter *end,
			    struct daxfs_node *node, const struct daxfs_lock *want)
{
	struct waiter *w;

	for (w = l->first; w && w != end; w = w->next)
		if (!w->interrupted && !w->until && keeps_waiting(w, node, want))
			return w;
	return NULL;
}

/* Does it wait for somebody here who waits, in the end, for its owner? */
static int is_deadlock(struct daxfs_locks *l, const struct waiter *w)
{
	const struct daxfs_lock *found = &w->found;
	struct waiter *next;
	u32 i;

	if (w->want.kind != DAXFS_RANGE)
		return 0;
	for (i = 0; i < CYCLE_MAX; i++) {
		if (found->host != daxfs_mount_region(l->s->m)->host)
			return 0;
		if (found->owner == w->want.owner)
			return 1;
		for (next = l->first; next; next = next->next)
			if (next->want.kind == DAXFS_RANGE &&
			    next->want.owner == found->owner)
				break;
		if (!next)
			return 0;
		found = &next->found;
	}
	return 0;
}

/* 1: it is over. */
static int try_again(struct daxfs_locks *l, struct waiter *w)
{
	struct waiter *before = NULL;

	if (w->interrupted) {
		w->result = -EINTR;
		return 1;
	}
	if (!w->found.mine && !w->until)
		before = older(l, w, w->node, &w->want);
	if (before) {
		w->found = before->want;
		w->found.host = daxfs_mount_region(l->s->m)->host;
		w->result = -EAGAIN;
	} else {
		w->result = try_lock(l->s, w->node, &w->want, &w->found);
	}
	if (w->result == -EAGAIN && is_deadlock(l, w))
		w->result = -EDEADLK;
	return w->result != -EAGAIN || (w->until && clock_now() >= w->until);
}

static void reply(struct daxfs_locks *l, struct waiter *w)
{
	/* From here on nobody calls interrupt() with it. */
	fuse_req_interrupt_func(w->req, NULL, NULL);
	if (!w->result && w->want.kind == DAXFS_RANGE)
		w->result = owner_add(l, w->node->ino, w->want.owner,
				      w->handle);
	daxfs_reply_status(w->req, w->result);
	free(w);
}

static void reply_all(struct daxfs_locks *l, struct waiter *done)
{
	struct waiter *next;

	for (; done; done = next) {
		next = done->next;
		reply(l, done);
	}
}

/* All that wait, the oldest first. Returns those that are over. */
static struct waiter *try_all(struct daxfs_locks *l)
{
	struct waiter **p = &l->first, *w, *done = NULL, **last = &done;

	l->kick = 0;
	l->frees = daxfs_lock_frees(daxfs_mount_region(l->s->m));
	while ((w = *p)) {
		if (!try_again(l, w)) {
			p = &w->next;
			continue;
		}
		*p = w->next;
		w->next = NULL;
		*last = w;
		last = &w->next;
		l->hasty -= w->until != 0;
		__atomic_store_n(&l->nr, l->nr - 1, __ATOMIC_RELAXED);
	}
	return done;
}

/*
 * Whose locks are in the way, and whose process is gone: its locks end now, and
 * its memory is given back by the next beat of the heart. 1: there is one.
 */
static int bury_dead(struct daxfs_locks *l)
{
	struct daxfs_region *rg = daxfs_mount_region(l->s->m);
	struct daxfs_host_info info;
	u64 seen = 1ull << rg->host;
	struct waiter *w;
	int any = 0;

	for (w = l->first; w; w = w->next) {
		u32 host = w->found.host;

		if (host >= DAXFS_HOSTS || seen >> host & 1)
			continue;
		seen |= 1ull << host;
		if (!daxfs_host_info(rg, host, &info) &&
		    info.state == DAXFS_H_ALIVE && daxfs_host_is_gone(&info) &&
		    !daxfs_host_mark_dead(rg, host, info.incarnation))
			any = 1;
	}
	return any;
}

static void wait_a_tick(struct daxfs_locks *l)
{
	u64 until = clock_now() + POLL_NS;
	struct timespec at = { .tv_sec = (time_t)(until / 1000000000ull),
			       .tv_nsec = (long)(until % 1000000000ull) };

	if (l->stop || (l->first && l->kick))
		return;
	if (!l->first) {
		l->kick = 0;		/* for those who are gone */
		pthread_cond_wait(&l->more, &l->lock);
		return;
	}
	pthread_cond_timedwait(&l->more, &l->lock, &at);
}

static int is_time(struct daxfs_locks *l)
{
	if (++l->tick % DEATH_TICKS == 0 && bury_dead(l))
		return 1;
	return l->kick || l->hasty || l->tick % RETRY_TICKS == 0 ||
	       l->frees != daxfs_lock_frees(daxfs_mount_region(l->s->m));
}

static void *locker(void *arg)
{
	struct daxfs_locks *l = arg;
	struct waiter *done;

	pthread_mutex_lock(&l->lock);
	while (!l->stop) {
		wait_a_tick(l);
		if (!l->first || !is_time(l))
			continue;
		done = try_all(l);
		if (!done)
			continue;
		pthread_mutex_unlock(&l->lock);
		reply_all(l, done);
		pthread_mutex_lock(&l->lock);
	}
	pthread_mutex_unlock(&l->lock);
	return NULL;
}

static void interrupt(fuse_req_t req, void *data)
{
	struct waiter *w = data;
	struct daxfs_locks *l = daxfs_server_of(req)->locks;

	pthread_mutex_lock(&l->lock);
	w->interrupted = 1;
	l->kick = 1;
	pthread_cond_signal(&l->more);
	pthread_mutex_unlock(&l->lock);
}

/* It is tried at once by the thread, and answered by it in any case. */
static void enqueue(struct daxfs_locks *l, const struct waiter *from)
{
	struct waiter *w = malloc(sizeof(*w)), **p;
	int stop;

	if (!w) {
		daxfs_reply_status(from->req, -ENOLCK);
		return;
	}
	*w = *from;
	/* May call interrupt() at once: not in the list yet, and alone ours. */
	fuse_req_interrupt_func(w->req, interrupt, w);
	pthread_mutex_lock(&l->lock);
	stop = l->stop;
	if (!stop) {
		for (p = &l->first; *p; p = &(*p)->next)
			;
		*p = w;
		__atomic_store_n(&l->nr, l->nr + 1, __ATOMIC_RELAXED);
		l->hasty += w->until != 0;
		l->kick = 1;
		pthread_cond_signal(&l->more);
	}
	pthread_mutex_unlock(&l->lock);
	if (stop) {
		w->result = -ENOTCONN;
		reply(l, w);
	}
}

/* Is somebody here waiting whom a new request must not pass? */
static int must_queue(struct daxfs_locks *l, struct waiter *w)
{
	struct daxfs_cx *cx;
	int r;

	if (!__atomic_load_n(&l->nr, __ATOMIC_RELAXED))
		return 0;
	pthread_mutex_lock(&l->lock);
	r = older(l, NULL, w->node, &w->want) != NULL;
	pthread_mutex_unlock(&l->lock);
	if (!r)
		return 0;
	cx = daxfs_begin(l->s);
	r = daxfs_lock_test(cx, &w->node->held->file, &w->want, &w->found);
	return !daxfs_end(l->s, cx, r) && !w->found.mine;
}

/* ---- requests ---- */

static void ask(struct daxfs_server *s, struct waiter *w, int sleep)
{
	struct daxfs_locks *l = s->locks;

	sleep = sleep && w->want.type;
	if (sleep && must_queue(l, w)) {
		enqueue(l, w);
		return;
	}
	w->result = try_lock(s, w->node, &w->want, &w->found);
	if (w->result == -EAGAIN && !sleep && w->want.kind == DAXFS_FLOCK) {
		w->until = clock_now() + GRACE_NS;
		enqueue(l, w);
		return;
	}
	if (w->result == -EAGAIN && sleep) {
		/* As the kernel does it: who waits for another type has none
		 * meanwhile, or two such would wait for each other. */
		if (w->want.kind == DAXFS_FLOCK && w->found.mine) {
			unlock_all(s, w->node, DAXFS_FLOCK, w->want.owner);
			w->found.mine = 0;
		}
		enqueue(l, w);
		return;
	}
	if (!w->result && w->want.type && w->want.kind == DAXFS_RANGE)
		w->result = owner_add(l, w->node->ino, w->want.owner, w->handle);
	/* Given back, or of a weaker type. */
	if (!w->result && w->want.type != DAXFS_LOCK_EX)
		kick(l);
	daxfs_reply_status(w->req, w->result);
}

static int lock_of(const struct fuse_file_info *fi, const struct flock *fl,
		   struct daxfs_lock *want)
{
	*want = (struct daxfs_lock){
		.type = fl->l_type == F_WRLCK ? DAXFS_LOCK_EX :
			fl->l_type == F_RDLCK ? DAXFS_LOCK_SH : DAXFS_UNLOCK,
		.kind = DAXFS_RANGE, .owner = fi->lock_owner,
		.start = (u64)fl->l_start,
		.end = fl->l_len ? (u64)fl->l_start + (u64)fl->l_len - 1 :
		       DAXFS_LOCK_END,
		.pid = (u32)fl->l_pid,
	};
	return fl->l_start < 0 || fl->l_len < 0 ? -EINVAL : 0;
}

void daxfs_op_setlk(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi,
		    struct flock *fl, int sleep)
{
	struct waiter w = { .req = req, .handle = fi->fh,
			    .node = daxfs_handle_node(fi) };
	int r = lock_of(fi, fl, &w.want);

	(void)ino;
	if (r)
		daxfs_reply_status(req, r);
	else
		ask(daxfs_server_of(req), &w, sleep);
}

void daxfs_op_flock(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi,
		    int op)
{
	struct waiter w = {
		.req = req, .handle = fi->fh, .node = daxfs_handle_node(fi),
		.want = {
			.type = (op & LOCK_EX) ? DAXFS_LOCK_EX :
				(op & LOCK_SH) ? DAXFS_LOCK_SH : DAXFS_UNLOCK,
			.kind = DAXFS_FLOCK, .owner = fi->lock_owner,
			.end = DAXFS_LOCK_END,
			.pid = (u32)fuse_req_ctx(req)->pid,
		},
	};

	(void)ino;
	ask(daxfs_server_of(req), &w, !(op & LOCK_NB));
}

void daxfs_op_getlk(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi,
		    struct flock *fl)
{
	struct daxfs_server *s = daxfs_server_of(req);
	struct daxfs_lock want, found;
	struct daxfs_cx *cx;
	s64 r = lock_of(fi, fl, &want);

	(void)ino;
	if (!r) {
		cx = daxfs_begin(s);
		r = daxfs_lock_test(cx, &daxfs_handle_node(fi)->held->file, &want,
				    &found);
		r = daxfs_end(s, cx, r);
	}
	if (r) {
		daxfs_reply_status(req, r);
		return;
	}
	fl->l_type = F_UNLCK;
	if (found.type) {
		fl->l_type = found.type == DAXFS_LOCK_EX ? F_WRLCK : F_RDLCK;
		fl->l_start = (off_t)found.start;
		fl->l_len = found.end == DAXFS_LOCK_END ? 0 :
			    (off_t)(found.end - found.start + 1);
		fl->l_pid = (pid_t)found.pid;
	}
	fuse_reply_lock(req, fl);
}

/* A close: the ranges of that process on this file end, whatever it closed. */
void daxfs_op_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct daxfs_server *s = daxfs_server_of(req);
	struct daxfs_node *node;
	s64 r = 0;

	(void)ino;
	if (!s->locks) {
		daxfs_reply_status(req, -ENOSYS);	/* and is not asked again */
		return;
	}
	node = daxfs_handle_node(fi);
	if (owner_del(s->locks, node->ino, fi->lock_owner))
		r = unlock_all(s, node, DAXFS_RANGE, fi->lock_owner);
	/* Locks end with their branch: closing a file of it is no error. */
	daxfs_reply_status(req, r == -ESTALE ? 0 : r);
}

void daxfs_locks_release(struct daxfs_server *s, struct daxfs_node *node,
			 const struct fuse_file_info *fi)
{
	struct owner *o;

	if (s->locks && fi->flock_release)
		unlock_all(s, node, DAXFS_FLOCK, fi->lock_owner);
	while (s->locks && (o = owner_of_handle(s->locks, fi->fh))) {
		unlock_all(s, node, DAXFS_RANGE, o->owner);
		free(o);
	}
}

/* ---- beginning and end ---- */

void daxfs_locks_want(struct daxfs_server *s, struct fuse_conn_info *conn)
{
	const unsigned int want = FUSE_CAP_POSIX_LOCKS | FUSE_CAP_FLOCK_LOCKS;

	if (s->locks)
		conn->want |= conn->capable & want;
	else
		conn->want &= ~want;
}

int daxfs_locks_start(struct daxfs_server *s)
{
	struct daxfs_locks *l = calloc(1, sizeof(*l));
	pthread_condattr_t attr;
	int r;

	if (!l)
		return -ENOMEM;
	l->s = s;
	pthread_mutex_init(&l->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&l->more, &attr);
	pthread_condattr_destroy(&attr);
	r = pthread_create(&l->thread, NULL, locker, l);
	if (r) {
		free(l);
		return -r;
	}
	s->locks = l;
	return 0;
}

void daxfs_locks_stop(struct daxfs_server *s)
{
	struct daxfs_locks *l = s->locks;
	struct waiter *w;
	int stopped;

	if (!l)
		return;
	pthread_mutex_lock(&l->lock);
	stopped = l->stop;
	l->stop = 1;
	pthread_cond_signal(&l->more);
	pthread_mutex_unlock(&l->lock);
	if (stopped)
		return;
	pthread_join(l->thread, NULL);
	pthread_mutex_lock(&l->lock);
	w = l->first;
	l->first = NULL;
	__atomic_store_n(&l->nr, 0, __ATOMIC_RELAXED);
	pthread_mutex_unlock(&l->lock);
	for (struct waiter *x = w; x; x = x->next)
		x->result = x->interrupted ? -EINTR : -ENOTCONN;
	reply_all(l, w);
}
