// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The thread that makes the kernel drop pages which others have changed.
 *
 * Notes: a notification waits for locked pages, which a READ in flight
 * unlocks, and for dirty mapped pages, which come as WRITEs. So it is sent by
 * a thread that serves nothing, and all threads that serve stay free for
 * those. Nothing under a page lock waits for a getattr, so getattr requests
 * may wait for this thread.
 *
 * Three messages: first all pages are dropped, then a store of the file's last
 * byte raises the kernel's idea of the size if it is less. That is for replies
 * with a new size that the notification made it ignore. A size that is too
 * large heals by itself, because the READ behind it comes back short. But the
 * store leaves a page with one byte in it, which parts that READ in three, and
 * the kernel believes the first short one alone: it might be the one that lies
 * behind the end. So the third message drops that page.
 *
 * The same thread looks for changes of open files that nobody asks about:
 * pages that are mapped. It looks whether the region's file has shrunk, and it
 * lets go what grace.c held.
 */
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#include "server.h"

#define TICK_NS		(30 * 1000 * 1000)	/* with files open */
#define IDLE_NS		(250 * 1000 * 1000)
#define BATCH		64u
#define ROUNDS		64u	/* of batches in a shard */

struct job {
	fuse_req_t req;
	u64 statx;		/* as daxfs_reply_getattr() has it */
	struct daxfs_node *node;
	void (*fn)(struct daxfs_server *s, void *arg, int stopping); /* instead */
	void *arg;
	struct job *next;
};

struct daxfs_notifier {
	struct daxfs_server *s;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t more;
	struct job *first, **last;
	u64 next;		/* time to look around */
	int idle;		/* no file was open at the last look */
	int stop;
};

static u64 clock_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (u64)ts.tv_sec * 1000000000ull + (u64)ts.tv_nsec;
}

/*
 * Results are not looked at: an inode that the kernel does not know has no
 * pages (ENOENT), and after an unmount nobody reads them. Called without a
 * context, because WRITEs that this waits for need one.
 */
static void drop_pages(struct daxfs_server *s, const struct daxfs_node_state *st)
{
	struct fuse_bufvec last = FUSE_BUFVEC_INIT(1);
	char byte = st->last;

	fuse_lowlevel_notify_inval_inode(s->session.se, st->st.ino, 0, 0);
	if (!st->st.size)
		return;
	last.buf[0].mem = &byte;
	fuse_lowlevel_notify_store(s->session.se, st->st.ino,
				   (off_t)st->st.size - 1, &last, 0);
	fuse_lowlevel_notify_inval_inode(s->session.se, st->st.ino,
					 (off_t)st->st.size - 1, 1);
}

/* req is NULL where nobody waits. */
static void notify(struct daxfs_server *s, fuse_req_t req, u64 statx,
		   struct daxfs_node *node, int drop)
{
	struct daxfs_node_state state, *dropped = NULL;
	u64 node_ino = node->ino;
	struct daxfs_cx *cx = daxfs_begin(s);
	s64 r = daxfs_node_look(&s->nodes, cx, node, &state);

	r = daxfs_end(s, cx, r);
	if (!r && state.stale && drop) {
		drop_pages(s, &state);
		dropped = &state;
	}
	cx = daxfs_begin(s);
	daxfs_node_notified(&s->nodes, cx, node, dropped);
	daxfs_end(s, cx, 0);
	if (req)
		daxfs_reply_getattr(req, statx, node_ino, r, &state.st);
}

static u32 look_around_shard(struct daxfs_server *s, u32 shard)
{
	struct daxfs_node *node[BATCH];
	struct daxfs_cx *cx = daxfs_begin(s);
	u32 i, nr = daxfs_node_changed(&s->nodes, cx, shard, node, BATCH);

	daxfs_end(s, cx, 0);
	for (i = 0; i < nr; i++)
		notify(s, NULL, 0, node[i], 1);
	return nr;
}

/* A commit may change all files that are open. */
static void look_around(struct daxfs_server *s)
{
	u32 shard, i;

	for (shard = 0; shard < DAXFS_NODE_SHARDS; shard++)
		for (i = 0; i < ROUNDS && look_around_shard(s, shard) == BATCH; i++)
			;
}

/*
 * What was cut off reads as zeros up to the end of a page, and everything
 * does if the file grows again: neither raises a signal.
 */
static void check_size(struct daxfs_server *s)
{
	struct daxfs_region *rg = daxfs_mount_region(s->m);
	struct stat st;

	if (s->size_fd < 0 || __atomic_load_n(&rg->lost, __ATOMIC_RELAXED))
		return;
	if (!fstat(s->size_fd, &st) && (u64)st.st_size < rg->super.region_len) {
		__atomic_store_n(&rg->lost, 1, __ATOMIC_RELAXED);
		daxfs_log("%s: the region's file was truncated: every access "
			  "fails from now on; unmount it and restore the file",
			  s->region);
	}
}

static struct job *take(struct daxfs_notifier *nf)
{
	struct job *j = nf->first;

	if (j) {
		nf->first = j->next;
		if (!nf->first)
			nf->last = &nf->first;
	}
	return j;
}

static void wait_until(struct daxfs_notifier *nf, u64 until)
{
	struct timespec at = { .tv_sec = (time_t)(until / 1000000000ull),
			       .tv_nsec = (long)(until % 1000000000ull) };

	pthread_cond_timedwait(&nf->more, &nf->lock, &at);
}

/* A job, or NULL when it is time to look around or to stop. */
static struct job *wait_job(struct daxfs_notifier *nf)
{
	struct job *j;

	pthread_mutex_lock(&nf->lock);
	while (!(j = take(nf)) && !nf->stop && clock_now() < nf->next)
		wait_until(nf, nf->next);
	pthread_mutex_unlock(&nf->lock);
	return j;
}

static void set_next(struct daxfs_notifier *nf, u64 ns, int idle)
{
	pthread_mutex_lock(&nf->lock);
	__atomic_store_n(&nf->next, clock_now() + ns, __ATOMIC_RELAXED);
	__atomic_store_n(&nf->idle, idle, __ATOMIC_RELAXED);
	pthread_cond_signal(&nf->more);
	pthread_mutex_unlock(&nf->lock);
}

void daxfs_notifier_opened(struct daxfs_server *s)
{
	/* The file was counted first; pairs with the fence in periodic(). */
	full_fence();
	if (__atomic_load_n(&s->notifier->idle, __ATOMIC_RELAXED))
		set_next(s->notifier, TICK_NS, 0);
}

static int stopped(struct daxfs_notifier *nf)
{
	return __atomic_load_n(&nf->stop, __ATOMIC_RELAXED);
}

static void end_grace(struct daxfs_server *s)
{
	struct daxfs_cx *cx;

	if (!daxfs_grace_any(&s->grace))
		return;
	cx = daxfs_begin(s);
	daxfs_grace_expire(&s->grace, cx);
	daxfs_end(s, cx, 0);
}

static void periodic(struct daxfs_notifier *nf)
{
	struct daxfs_server *s = nf->s;

	check_size(s);
	if (s->constant) {
		set_next(nf, IDLE_NS, 0);
		return;
	}
	if (!stopped(nf)) {
		daxfs_branch_tick(s);
		look_around(s);
		end_grace(s);
	}
	set_next(nf, IDLE_NS, 1);
	full_fence();	/* idle before the count: one of us sees the other */
	if (daxfs_node_any(&s->nodes) || daxfs_grace_any(&s->grace))
		set_next(nf, TICK_NS, 0);
}

static void do_job(struct daxfs_notifier *nf, struct job *j)
{
	if (j->fn)
		j->fn(nf->s, j->arg, stopped(nf));
	else
		notify(nf->s, j->req, j->statx, j->node, !stopped(nf));
}

static void *notifier(void *arg)
{
	struct daxfs_notifier *nf = arg;
	struct job *j;

	while ((j = wait_job(nf)) || !stopped(nf)) {
		if (j) {
			do_job(nf, j);
			free(j);
		}
		if (clock_now() >= __atomic_load_n(&nf->next, __ATOMIC_RELAXED))
			periodic(nf);
	}
	return NULL;
}

/* 0: the end of the mount, or no memory. */
static int queue(struct daxfs_notifier *nf, const struct job *what)
{
	struct job *j = malloc(sizeof(*j));
	int queued = 0;

	pthread_mutex_lock(&nf->lock);
	if (j && !nf->stop) {
		*j = *what;
		j->next = NULL;
		*nf->last = j;
		nf->last = &j->next;
		pthread_cond_signal(&nf->more);
		queued = 1;
	}
	pthread_mutex_unlock(&nf->lock);
	if (!queued)
		free(j);
	return queued;
}

void daxfs_notifier_call(struct daxfs_server *s,
			 void (*fn)(struct daxfs_server *s, void *arg, int stopping),
			 void *arg)
{
	const struct job j = { .fn = fn, .arg = arg };

	if (!queue(s->notifier, &j))
		fn(s, arg, 1);
}

void daxfs_notifier_add(struct daxfs_server *s, fuse_req_t req, u64 statx,
			struct daxfs_node *node)
{
	const struct job j = { .req = req, .statx = statx, .node = node };

	if (queue(s->notifier, &j))
		return;
	/* The end of the mount, or no memory: late pages beat no answer. */
	notify(s, req, statx, node, 0);
}

int daxfs_notifier_start(struct daxfs_server *s)
{
	struct daxfs_notifier *nf = calloc(1, sizeof(*nf));
	pthread_condattr_t attr;
	int r;

	if (!nf)
		return -ENOMEM;
	nf->s = s;
	nf->last = &nf->first;
	pthread_mutex_init(&nf->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&nf->more, &attr);
	pthread_condattr_destroy(&attr);
	r = pthread_create(&nf->thread, NULL, notifier, nf);
	if (r) {
		free(nf);
		return -r;
	}
	s->notifier = nf;
	return 0;
}

void daxfs_notifier_stop(struct daxfs_server *s)
{
	struct daxfs_notifier *nf = s->notifier;

	if (!nf || stopped(nf))
		return;
	pthread_mutex_lock(&nf->lock);
	__atomic_store_n(&nf->stop, 1, __ATOMIC_RELAXED);
	pthread_cond_signal(&nf->more);
	pthread_mutex_unlock(&nf->lock);
	pthread_join(nf->thread, NULL);
}
