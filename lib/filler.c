// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The thread that fills the page cache ahead of readers and for other hosts.
 *
 * Notes: one per mount with backing files. It takes pages that hosts without the
 * files ask for, and ranges that readers of this process will want, claims their
 * slots, and keeps several reads of the file in flight by io_uring. Where that is
 * not allowed it reads one after the other, and says so once. It has a context of
 * its own, whose number its slots carry. Reads are buffered: the bytes are stored
 * by this process, never by a device after its end. Asked for are hints in the
 * region that it looks at now and then, more often while there is something to do.
 */
#include <liburing.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <time.h>

#include "fill.h"
#include "mount_priv.h"

#define FLIGHTS		8u
#define BUSY_NS		200000ull	/* between looks, a while after the last */
#define IDLE_NS		2000000ull
#define BUSY_LOOKS	500u

struct flight {			/* one read, and the slots that it fills */
	u32 nr;			/* 0: not in use */
	struct daxfs_fill fill[DAXFS_FILL_PAGES];
	struct iovec iov[DAXFS_FILL_PAGES];
};

struct engine {
	struct daxfs_filler *f;
	struct daxfs_mount *m;
	struct io_uring ring;
	int has_ring;
	u32 flying;
	struct flight flight[FLIGHTS];
	struct daxfs_fill left;	/* asked for, ours, and in no read yet */
	int has_left;
	struct daxfs_fill_job job;	/* being worked on */
	u64 seen;		/* of what was asked for */
};

/* ---- reads ---- */

static struct flight *free_flight(struct engine *e)
{
	for (u32 i = 0; i < FLIGHTS; i++)
		if (!e->flight[i].nr)
			return &e->flight[i];
	return NULL;
}

static void landed(struct engine *e, struct flight *fl, s64 result)
{
	daxfs_fill_end(e->m, e->f->cx, fl->fill, fl->nr, result);
	fl->nr = 0;
}

static void fly(struct engine *e, struct flight *fl)
{
	struct io_uring_sqe *sqe = e->has_ring ? io_uring_get_sqe(&e->ring) : NULL;
	int n;

	if (!sqe) {
		daxfs_fill_read(e->m, e->f->cx, fl->fill, fl->nr);
		fl->nr = 0;
		return;
	}
	n = daxfs_fill_iov(fl->fill, fl->nr, fl->iov);
	io_uring_prep_readv(sqe, daxfs_fill_fd(e->f, fl->fill->addr), fl->iov,
			    (unsigned int)n, daxfs_fill_off(fl->fill->addr));
	io_uring_sqe_set_data(sqe, fl);
	e->flying++;
}

/* What has arrived; ns: wait so long for one. */
static void reap(struct engine *e, u64 ns)
{
	struct __kernel_timespec ts = { .tv_nsec = (long long)ns };
	struct io_uring_cqe *cqe;

	io_uring_submit(&e->ring);
	if (ns && io_uring_wait_cqe_timeout(&e->ring, &cqe, &ts))
		return;
	while (e->flying && !io_uring_peek_cqe(&e->ring, &cqe)) {
		struct flight *fl = io_uring_cqe_get_data(cqe);
		s64 result = cqe->res;

		io_uring_cqe_seen(&e->ring, cqe);
		e->flying--;
		landed(e, fl, result);
	}
}

/* ---- what is to be read ---- */

static int follows(const struct flight *fl, const struct daxfs_fill *fill)
{
	return !fl->nr || fill->addr == fl->fill[fl->nr - 1].addr + DAXFS_PAGE_SIZE;
}

static int next_asked(struct engine *e, struct daxfs_fill *fill)
{
	if (e->has_left) {
		*fill = e->left;
		e->has_left = 0;
		return 1;
	}
	return daxfs_cache_serve(e->f->cx, &e->seen, fill) == DAXFS_CACHE_OURS;
}

/* Pages that others ask for, one behind the other. */
static void add_asked(struct engine *e, struct flight *fl)
{
	struct daxfs_fill fill;

	while (fl->nr < DAXFS_FILL_PAGES && next_asked(e, &fill)) {
		if (!follows(fl, &fill)) {
			e->left = fill;
			e->has_left = 1;
			return;
		}
		fl->fill[fl->nr++] = fill;
	}
}

static int next_job(struct engine *e)
{
	struct daxfs_filler *f = e->f;

	if (e->job.len)
		return 1;
	pthread_mutex_lock(&f->lock);
	if (f->job_nr) {
		e->job = f->job[f->job_first];
		f->job_first = (f->job_first + 1) % DAXFS_FILL_JOBS;
		f->job_nr--;
	}
	pthread_mutex_unlock(&f->lock);
	return e->job.len > 0;
}

/* Pages of the job that are not there; a gap ends the read. */
static void add_ahead(struct engine *e, struct flight *fl)
{
	while (fl->nr < DAXFS_FILL_PAGES && next_job(e)) {
		struct daxfs_fill fill;
		u64 addr = e->job.addr & ~(DAXFS_PAGE_SIZE - 1);
		u64 step = DAXFS_PAGE_SIZE - e->job.addr % DAXFS_PAGE_SIZE;
		int r;

		if (fl->nr && addr != fl->fill[fl->nr - 1].addr + DAXFS_PAGE_SIZE)
			return;
		r = daxfs_cache_claim(e->f->cx, addr, &fill);
		e->job.addr += step;
		e->job.len -= e->job.len < step ? e->job.len : step;
		if (r == DAXFS_CACHE_OURS)
			fl->fill[fl->nr++] = fill;
		else if (fl->nr)
			return;
	}
}

/* Begin what can be begun. 1: there was something. */
static int begin_reads(struct engine *e)
{
	struct flight *fl;
	int any = 0;

	while ((fl = free_flight(e))) {
		add_asked(e, fl);
		if (!fl->nr)
			add_ahead(e, fl);
		if (!fl->nr)
			break;
		any = 1;
		fly(e, fl);
	}
	return any;
}

/* ---- the thread ---- */

static void rest(struct daxfs_filler *f, u64 ns)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	ts.tv_nsec += (long)ns;
	ts.tv_sec += ts.tv_nsec / 1000000000;
	ts.tv_nsec %= 1000000000;
	pthread_mutex_lock(&f->lock);
	if (!f->stop && !f->job_nr)
		pthread_cond_timedwait(&f->work, &f->lock, &ts);
	pthread_mutex_unlock(&f->lock);
}

static int stopped(struct daxfs_filler *f)
{
	int stop;

	pthread_mutex_lock(&f->lock);
	stop = f->stop;
	pthread_mutex_unlock(&f->lock);
	return stop || daxfs_mount_usable(f->m) || daxfs_host_check(&f->m->rg);
}

static void work(struct engine *e)
{
	u32 quiet = BUSY_LOOKS;

	while (!stopped(e->f)) {
		quiet = begin_reads(e) || e->flying ? 0 : quiet + 1;
		if (e->flying)
			reap(e, BUSY_NS);
		else if (quiet)
			rest(e->f, quiet < BUSY_LOOKS ? BUSY_NS : IDLE_NS);
	}
	while (e->flying)
		reap(e, IDLE_NS);
	if (e->has_left)
		daxfs_cache_give_up(e->f->cx, &e->left);
}

static void *thread_main(void *arg)
{
	struct daxfs_filler *f = arg;
	struct engine *e = calloc(1, sizeof(*e));
	int r = e ? 0 : -ENOMEM;

	if (!e) {
		daxfs_fill_say(f, "no memory to read ahead, nor for other hosts");
		return NULL;
	}
	e->f = f;
	e->m = f->m;
	r = io_uring_queue_init(2 * FLIGHTS, &e->ring, 0);
	e->has_ring = !r;
	if (r)
		daxfs_fill_say(f, "io_uring is not allowed here (%s): backing files "
			       "are read by one read at a time", strerror(-r));
	work(e);
	if (e->has_ring)
		io_uring_queue_exit(&e->ring);
	free(e);
	return NULL;
}

int daxfs_filler_start(struct daxfs_mount *m)
{
	struct daxfs_filler *f = m->filler;
	int r;

	if (!f || !f->fd_nr || f->running || !m->rg.joined)
		return 0;
	f->stop = 0;
	f->cx = daxfs_cx_get(m);
	r = daxfs_thread_start(&f->thread, thread_main, f);
	if (r) {
		daxfs_cx_put(m, f->cx);
		return r;
	}
	f->running = 1;
	daxfs_cache_backing_here(&m->rg, 1);
	return 0;
}

void daxfs_filler_stop(struct daxfs_mount *m)
{
	struct daxfs_filler *f = m->filler;

	if (!f || !f->running)
		return;
	daxfs_cache_backing_here(&m->rg, 0);
	pthread_mutex_lock(&f->lock);
	f->stop = 1;
	pthread_cond_signal(&f->work);
	pthread_mutex_unlock(&f->lock);
	pthread_join(f->thread, NULL);
	daxfs_cx_put(m, f->cx);
	f->running = 0;
}

void daxfs_filler_ahead(struct daxfs_filler *f, u64 addr, u64 len)
{
	pthread_mutex_lock(&f->lock);
	if (f->running && f->job_nr < DAXFS_FILL_JOBS) {
		u32 i = (f->job_first + f->job_nr++) % DAXFS_FILL_JOBS;

		f->job[i] = (struct daxfs_fill_job){ addr, len };
		pthread_cond_signal(&f->work);
	}
	pthread_mutex_unlock(&f->lock);
}
