// SPDX-License-Identifier: GPL-2.0-only
/*
 * Filling the page cache: what calls of this mount miss, and what others ask for.
 *
 * Notes: who misses a page of a backing file claims slots for it and orders a read; who
 * waits sleeps, killable, without a context, outside of each section and of what the
 * keeper takes. Several reads are in flight, each in a worker of the mount's queue,
 * so none waits under a lock of who ordered it. A mount without the files asks those
 * that have them. What is waited for, and for how long, core/miss.c knows.
 *
 * All slots that this mount fills are claimed and ended by one context, under one
 * mutex that nobody holds while he reads. A worker stores into its slots only between
 * its read and their end; the mount ends after its last worker.
 */
#include <linux/hash.h>
#include <linux/hrtimer.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/ratelimit.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "fill.h"

#define READS		8		/* that go on at once */
#define FLIGHTS		64		/* ordered; then who reads ahead does not */
#define SERVING		16		/* the same, for hosts without the files */
#define SLEEP_MIN_NS	20000u
#define SLEEP_MAX_NS	1000000u
#define SLEEP_OURS_NS	100000000u	/* for a read that wakes us */
#define BUSY_NS		200000u		/* between looks for what others ask */
#define IDLE_NS		2000000u
#define BUSY_LOOKS	500u

struct flight {			/* one read, and the slots that it fills */
	struct work_struct work;
	struct daxfs_filler *fl;
	atomic_t *flights;		/* that it is one of */
	struct daxfs_miss ahead;	/* to be claimed by the worker; len 0: all is */
	u32 nr;
	struct daxfs_fill fill[DAXFS_FILL_PAGES];
};

static struct file *file_of(const struct daxfs_filler *fl, u64 addr)
{
	u64 nr = addr >> DAXFS_BACKING_SHIFT;

	return nr < DAXFS_BACKING_FILES ? fl->file[nr] : NULL;
}

static u64 off_of(u64 addr)
{
	return addr & (DAXFS_BACKING_MAX - 1);
}

static void say_failed(struct daxfs_filler *fl, u64 addr, int r)
{
	if (__ratelimit(&fl->said))
		pr_err("daxfs: %s: backing file %llu cannot be read at byte %llu (error %d)\n",
		       fl->sbi->sb->s_id, addr >> DAXFS_BACKING_SHIFT, off_of(addr), r);
}

static void count(struct daxfs_filler *fl, u64 misses, u64 waits, u64 bytes)
{
	mutex_lock(&fl->lock);
	daxfs_cache_count(fl->cx, misses, waits, bytes);
	mutex_unlock(&fl->lock);
}

/* Pages that are read together have one queue, or two. */
static wait_queue_head_t *queue_of(struct daxfs_filler *fl, u64 addr)
{
	u64 group = addr / (DAXFS_FILL_PAGES * DAXFS_PAGE_SIZE);

	return &fl->done[hash_64(group, DAXFS_DONE_SHIFT)];
}

/* ---- reads ---- */

static int end_slot(struct daxfs_filler *fl, const struct daxfs_fill *fill,
		    const void *page)
{
	int r;

	/* Declared dead during the read: the slot may be another host's by now. */
	if (daxfs_host_check(&fl->sbi->rg))
		return -ESTALE;
	if (page)
		port_copy_to(fill->page, page, DAXFS_PAGE_SIZE);
	mutex_lock(&fl->lock);
	r = page ? daxfs_cache_filled(fl->cx, fill) : daxfs_cache_failed(fl->cx, fill);
	mutex_unlock(&fl->lock);
	return r;
}

/* Page by page, so that only those which cannot be read are missing. */
static u32 land_each(struct flight *f, u8 *buf)
{
	struct file *file = file_of(f->fl, f->fill[0].addr);
	u32 i, good = 0;

	for (i = 0; i < f->nr; i++) {
		int r = daxfs_backing_read(file, buf, DAXFS_PAGE_SIZE,
					   off_of(f->fill[i].addr));

		if (r)
			say_failed(f->fl, f->fill[i].addr, r);
		good += !end_slot(f->fl, &f->fill[i], r ? NULL : buf) && !r;
	}
	return good;
}

static u32 land_all(struct flight *f, const u8 *buf)
{
	u32 i, good = 0;

	for (i = 0; i < f->nr; i++)
		good += !end_slot(f->fl, &f->fill[i], buf + i * DAXFS_PAGE_SIZE);
	return good;
}

static void give_up(struct flight *f)
{
	u32 i;

	mutex_lock(&f->fl->lock);
	for (i = 0; i < f->nr; i++)
		daxfs_cache_give_up(f->fl->cx, &f->fill[i]);
	mutex_unlock(&f->fl->lock);
}

/* The read itself. Who waits looks again, whatever came of it. */
static void fly(struct flight *f)
{
	u64 len = f->nr * DAXFS_PAGE_SIZE, addr = f->fill[0].addr;
	u8 *buf = kvmalloc(len, GFP_KERNEL);
	u32 good = 0;

	if (!buf)
		give_up(f);
	else if (daxfs_backing_read(file_of(f->fl, addr), buf, len, off_of(addr)))
		good = land_each(f, buf);
	else
		good = land_all(f, buf);
	kvfree(buf);
	count(f->fl, 0, 0, good * DAXFS_PAGE_SIZE);
	wake_up_all(queue_of(f->fl, addr));
	wake_up_all(queue_of(f->fl, addr + len - 1));
}

/* Pages of what is to be read ahead that are not there; a gap ends the read. */
static void claim_ahead(struct flight *f)
{
	struct daxfs_miss *m = &f->ahead;

	f->nr = 0;
	mutex_lock(&f->fl->lock);
	while (m->len && f->nr < DAXFS_FILL_PAGES) {
		int r = daxfs_cache_claim(f->fl->cx, m->addr, &f->fill[f->nr]);

		m->addr += DAXFS_PAGE_SIZE;
		m->len -= min_t(u64, m->len, DAXFS_PAGE_SIZE);
		if (r == DAXFS_CACHE_OURS)
			f->nr++;
		else if (f->nr)
			break;
	}
	mutex_unlock(&f->fl->lock);
}

static void flight_work(struct work_struct *work)
{
	struct flight *f = container_of(work, struct flight, work);

	if (f->nr)
		fly(f);
	while (f->ahead.len) {
		claim_ahead(f);
		if (f->nr)
			fly(f);
	}
	atomic_dec(f->flights);
	kfree(f);
}

static struct flight *new_flight(struct daxfs_filler *fl)
{
	struct flight *f = kzalloc(sizeof(*f), GFP_KERNEL);

	if (f) {
		f->fl = fl;
		INIT_WORK(&f->work, flight_work);
	}
	return f;
}

static void order(struct flight *f, atomic_t *flights)
{
	f->flights = flights;
	atomic_inc(flights);
	queue_work(f->fl->wq, &f->work);
}

void daxfs_fill_ahead(struct daxfs_sbi *sbi, u64 addr, u64 len)
{
	struct daxfs_filler *fl = sbi->filler;
	u64 end = round_up(addr + len, DAXFS_PAGE_SIZE);

	addr = round_down(addr, DAXFS_PAGE_SIZE);
	while (addr < end && file_of(fl, addr) &&
	       atomic_read(&fl->flights) < FLIGHTS) {
		u64 n = min_t(u64, end - addr, DAXFS_FILL_PAGES * DAXFS_PAGE_SIZE);
		struct flight *f = new_flight(fl);

		if (!f)
			return;		/* a hint */
		f->ahead = (struct daxfs_miss){ .addr = addr, .len = n };
		addr += n;
		order(f, &fl->flights);
	}
}

/* ---- waiting ---- */

struct wait {
	struct daxfs_wait w;
	wait_queue_head_t *queue;
	struct wait_queue_entry entry;
	u64 sleep;			/* ns */
};

static u64 now_ns(void)
{
	return ktime_get_ns();
}

static void wait_init(struct wait *w, struct daxfs_filler *fl, u64 addr)
{
	daxfs_wait_begin(&w->w, now_ns());
	w->queue = queue_of(fl, addr);
	init_wait(&w->entry);
	w->sleep = SLEEP_MIN_NS;
}

/*
 * Between prepare_to_wait() and here the state was looked at. Other hosts do not
 * wake us, a read of ours does. 0, -EINTR: killed, -ESTALE: declared dead.
 */
static int wait_some(struct daxfs_filler *fl, struct wait *w, bool ours)
{
	u64 sleep = ours ? SLEEP_OURS_NS : w->sleep;
	ktime_t ns = ns_to_ktime(sleep);

	schedule_hrtimeout_range(&ns, sleep / 4, HRTIMER_MODE_REL);
	finish_wait(w->queue, &w->entry);
	w->sleep = min_t(u64, w->sleep * 2, SLEEP_MAX_NS);
	if (fatal_signal_pending(current))
		return -EINTR;
	return READ_ONCE(fl->sbi->dead) ? -ESTALE : 0;
}

/* A page that is on its way to the cache. As daxfs_cache_state(). */
static int look(struct daxfs_filler *fl, struct wait *w, u64 addr, u32 *host)
{
	prepare_to_wait(w->queue, &w->entry, TASK_KILLABLE);
	return daxfs_cache_state(fl->cx, addr, host);
}

static void look_end(struct wait *w)
{
	finish_wait(w->queue, &w->entry);
}

static int result_of(int state)
{
	return state == DAXFS_CACHE_FAILED ? -EIO : state < 0 ? state : 0;
}

/* ---- past the cache ---- */

/* A page of the call's own: the next one of need. */
static void *own_page(struct daxfs_need *need, u64 addr)
{
	u32 i = need->turn;

	if (!need->page[i])
		need->page[i] = (void *)__get_free_page(GFP_KERNEL_ACCOUNT);
	if (need->page[i]) {
		need->turn = (i + 1) % DAXFS_LENT;
		need->addr[i] = addr;
	}
	return need->page[i];
}

struct own_read {		/* of one page; the last of two frees it */
	struct work_struct work;
	refcount_t users;
	struct completion done;
	struct file *file;
	u64 off;
	int r;
	u8 page[DAXFS_PAGE_SIZE];
};

static void own_put(struct own_read *o)
{
	if (refcount_dec_and_test(&o->users))
		kfree(o);
}

static void own_work(struct work_struct *work)
{
	struct own_read *o = container_of(work, struct own_read, work);

	o->r = daxfs_backing_read(o->file, o->page, DAXFS_PAGE_SIZE, o->off);
	complete(&o->done);
	own_put(o);
}

static int own_wait(struct daxfs_filler *fl, struct own_read *o, u64 addr, void *page)
{
	if (wait_for_completion_killable(&o->done))
		return -EINTR;
	if (o->r) {
		say_failed(fl, addr, o->r);
		return -EIO;
	}
	memcpy(page, o->page, DAXFS_PAGE_SIZE);
	count(fl, 0, 0, DAXFS_PAGE_SIZE);
	return 0;
}

/* By a worker, for the caller may hold locks that the file's own come before. */
static int read_by_worker(struct daxfs_filler *fl, u64 addr, void *page)
{
	struct own_read *o = kmalloc(sizeof(*o), GFP_KERNEL);
	int r;

	if (!o)
		return -ENOMEM;
	INIT_WORK(&o->work, own_work);
	refcount_set(&o->users, 2);
	init_completion(&o->done);
	o->file = file_of(fl, addr);
	o->off = off_of(addr);
	queue_work(fl->wq, &o->work);
	r = own_wait(fl, o, addr, page);
	own_put(o);
	return r;
}

/* -EREMOTE: it is not in the cache, and the file is not here. */
static int read_own(struct daxfs_filler *fl, struct daxfs_need *need, u64 addr)
{
	void *page = own_page(need, addr);
	int r;

	if (!page)
		return -ENOMEM;
	r = daxfs_page_copy(fl->sbi, addr, page);
	if (r == -EREMOTE && file_of(fl, addr))
		r = read_by_worker(fl, addr, page);
	if (r)
		need->addr[(need->turn + DAXFS_LENT - 1) % DAXFS_LENT] = 0;
	return r;
}

/* ---- a mount with the file ---- */

/* The host that fills it: 1: it does not get on. Our own ends when its read does. */
static int goes_past(struct daxfs_filler *fl, struct daxfs_wait *w, u32 host)
{
	struct daxfs_sbi *sbi = fl->sbi;
	u64 now = now_ns();

	if (host == sbi->rg.host)
		return 0;
	if (daxfs_wait_filler(&sbi->rg, &fl->waits, w, host, now))
		return 1;
	if (daxfs_wait_look(w, now))
		daxfs_reap(sbi);
	return 0;
}

/* 0: look again; 1: go past the cache; or an error. */
static int wait_for(struct daxfs_filler *fl, u64 addr)
{
	int r = 0, state;
	struct wait w;
	u32 host;

	wait_init(&w, fl, addr);
	count(fl, 0, 1, 0);
	while (!r && (state = look(fl, &w, addr, &host)) == DAXFS_CACHE_WAIT) {
		if (host == DAXFS_HOSTS)
			break;		/* asked for: we take it */
		r = wait_some(fl, &w, host == fl->sbi->rg.host);
		if (!r)
			r = goes_past(fl, &w.w, host);
	}
	look_end(&w);
	return r ? r : result_of(state);
}

static int fill_here(struct daxfs_filler *fl, struct daxfs_need *need)
{
	struct flight *f = new_flight(fl);
	u64 addr = need->miss.addr;
	int r;

	if (!f)
		return -ENOMEM;
	mutex_lock(&fl->lock);
	r = daxfs_miss_claim(fl->cx, &need->miss, f->fill, &f->nr);
	daxfs_cache_count(fl->cx, f->nr, 0, 0);
	mutex_unlock(&fl->lock);
	if (r == DAXFS_CACHE_OURS)
		order(f, &fl->flights);
	else
		kfree(f);
	if (r < 0 || r == DAXFS_CACHE_VALID)
		return min(r, 0);
	if (r == DAXFS_CACHE_OURS || r == DAXFS_CACHE_WAIT)
		r = wait_for(fl, addr);
	return r <= 0 ? r : read_own(fl, need, addr);
}

/* ---- a mount without ---- */

static int in_vain(struct daxfs_filler *fl, const char *why)
{
	if (__ratelimit(&fl->said)) {
		pr_err("daxfs: %s: a page of a backing file is not in the cache, and %s\n",
		       fl->sbi->sb->s_id, why);
		pr_err("daxfs: mount the region with backing=PATH on a host that has it\n");
	}
	return -EIO;
}

static void ask(struct daxfs_filler *fl, struct daxfs_wait *w, const struct daxfs_miss *miss)
{
	mutex_lock(&fl->lock);
	daxfs_wait_asked(w, daxfs_miss_ask(fl->cx, miss), now_ns());
	mutex_unlock(&fl->lock);
}

/* 0: go on waiting. */
static int still_served(struct daxfs_filler *fl, struct daxfs_wait *w, u64 addr, u32 host)
{
	u64 now = now_ns();
	const char *why;

	if (!daxfs_wait_look(w, now))
		return 0;
	daxfs_reap(fl->sbi);
	why = daxfs_wait_served(&fl->sbi->rg, &fl->waits, w, host, now);
	if (!why)
		return 0;
	mutex_lock(&fl->lock);
	daxfs_cache_withdraw(fl->cx, addr);
	mutex_unlock(&fl->lock);
	return in_vain(fl, why);
}

static int ask_others(struct daxfs_filler *fl, const struct daxfs_miss *miss)
{
	int r = 0, state = DAXFS_CACHE_NONE;
	const char *why;
	struct wait w;
	u32 host;

	wait_init(&w, fl, miss->addr);
	count(fl, 1, 1, 0);
	why = daxfs_wait_served(&fl->sbi->rg, &fl->waits, &w.w, DAXFS_HOSTS, w.w.begun);
	ask(fl, &w.w, miss);
	if (why)
		return in_vain(fl, why);
	while (!r) {
		state = look(fl, &w, miss->addr, &host);
		if (state < 0 || state == DAXFS_CACHE_VALID ||
		    state == DAXFS_CACHE_FAILED)
			break;
		r = wait_some(fl, &w, false);
		if (!r && host == DAXFS_HOSTS && daxfs_wait_ask(&w.w, now_ns()))
			ask(fl, &w.w, miss);
		if (!r)
			r = still_served(fl, &w.w, miss->addr, host);
	}
	look_end(&w);
	return r ? r : result_of(state);
}

/* ---- what a call misses ---- */

#define ASK_ROUNDS	1000	/* for a page that others evict again and again */

static int bring(struct daxfs_filler *fl, struct daxfs_need *need)
{
	struct daxfs_miss miss = need->miss;
	int i, own, r = daxfs_miss_again(&need->rounds, &miss, &own);

	if (r)
		return r;
	if (file_of(fl, miss.addr))
		return own ? read_own(fl, need, miss.addr) : fill_here(fl, need);
	for (i = 0; i < ASK_ROUNDS; i++) {
		r = ask_others(fl, &miss);
		if (r || !own)
			return r;
		r = read_own(fl, need, miss.addr);
		if (r != -EREMOTE)
			return r;
	}
	return -EIO;
}

struct daxfs_cx *daxfs_begin_needing(struct daxfs_sbi *sbi, const struct daxfs_need *need)
{
	struct daxfs_cx *cx = daxfs_begin(sbi);
	u32 i;

	for (i = 0; i < DAXFS_LENT; i++)
		if (need->addr[i])
			daxfs_cache_lend(cx, need->addr[i], need->page[i]);
	return cx;
}

s64 daxfs_end_needing(struct daxfs_sbi *sbi, struct daxfs_cx *cx, s64 r,
		      struct daxfs_need *need)
{
	if (r == -EREMOTE)
		need->miss = cx->miss;
	daxfs_cache_take_back(cx);
	return daxfs_end(sbi, cx, r);
}

bool daxfs_bring(struct daxfs_sbi *sbi, struct daxfs_need *need, s64 *r)
{
	if (*r == -EREMOTE) {
		*r = sbi->filler ? bring(sbi->filler, need) : -EUCLEAN;
		if (!*r)
			return true;
	}
	daxfs_need_end(need);
	return false;
}

void daxfs_need_end(struct daxfs_need *need)
{
	u32 i;

	for (i = 0; i < DAXFS_LENT; i++) {
		free_page((unsigned long)need->page[i]);
		need->page[i] = NULL;
		need->addr[i] = 0;
	}
}

static u32 index_of(const struct daxfs_need *need, u64 addr)
{
	u32 i;

	for (i = 0; i < DAXFS_LENT; i++)
		if (need->addr[i] && need->addr[i] == round_down(addr, DAXFS_PAGE_SIZE))
			break;
	return i;
}

const void *daxfs_need_page(const struct daxfs_need *need, u64 addr)
{
	u32 i = index_of(need, addr);

	return i < DAXFS_LENT ? need->page[i] : NULL;
}

void *daxfs_need_take(struct daxfs_need *need, u64 addr)
{
	u32 i = index_of(need, addr);
	void *page = NULL;

	if (i < DAXFS_LENT) {
		swap(page, need->page[i]);
		need->addr[i] = 0;
	}
	return page;
}

/* ---- what others ask for ---- */

struct server {
	struct daxfs_filler *fl;
	struct daxfs_fill left;	/* ours, and in no read yet */
	bool has_left;
	u64 seen;		/* of what was asked for */
};

/* Caller has fl->lock. */
static bool next_asked(struct server *s, struct daxfs_fill *fill)
{
	if (s->has_left) {
		*fill = s->left;
		s->has_left = false;
		return true;
	}
	return daxfs_cache_serve(s->fl->cx, &s->seen, fill) == DAXFS_CACHE_OURS;
}

/* Pages that others ask for, one behind the other. */
static void collect(struct server *s, struct flight *f)
{
	struct daxfs_fill fill;

	mutex_lock(&s->fl->lock);
	while (f->nr < DAXFS_FILL_PAGES && next_asked(s, &fill)) {
		if (f->nr && fill.addr != f->fill[f->nr - 1].addr + DAXFS_PAGE_SIZE) {
			s->left = fill;
			s->has_left = true;
			break;
		}
		f->fill[f->nr++] = fill;
	}
	mutex_unlock(&s->fl->lock);
}

/* Order what can be ordered. true: there was something. */
static bool serve_some(struct server *s)
{
	bool any = false;

	while (atomic_read(&s->fl->serving) < SERVING) {
		struct flight *f = new_flight(s->fl);

		if (!f)
			break;		/* who asked asks again */
		collect(s, f);
		if (!f->nr) {
			kfree(f);
			break;
		}
		order(f, &s->fl->serving);
		any = true;
	}
	return any;
}

static int serve(void *arg)
{
	struct server s = { .fl = arg };
	u32 quiet = BUSY_LOOKS;

	while (!kthread_should_stop()) {
		ktime_t ns;

		quiet = serve_some(&s) ? 0 : min(quiet + 1, BUSY_LOOKS);
		ns = ns_to_ktime(quiet < BUSY_LOOKS ? BUSY_NS : IDLE_NS);
		set_current_state(TASK_INTERRUPTIBLE);
		if (!kthread_should_stop())
			schedule_hrtimeout_range(&ns, BUSY_NS / 4, HRTIMER_MODE_REL);
		__set_current_state(TASK_RUNNING);
	}
	if (s.has_left) {
		mutex_lock(&s.fl->lock);
		daxfs_cache_give_up(s.fl->cx, &s.left);
		mutex_unlock(&s.fl->lock);
	}
	return 0;
}

/* ---- of a mount ---- */

int daxfs_fill_init(struct daxfs_sbi *sbi)
{
	struct daxfs_filler *fl;
	u32 i;
	int r;

	if (!daxfs_is_split(&sbi->rg))
		return 0;
	fl = kvzalloc(sizeof(*fl), GFP_KERNEL);
	if (!fl)
		return -ENOMEM;
	fl->sbi = sbi;
	mutex_init(&fl->lock);
	for (i = 0; i < DAXFS_DONE_QUEUES; i++)
		init_waitqueue_head(&fl->done[i]);
	ratelimit_state_init(&fl->said, HZ, 1);
	r = daxfs_pages_init(fl);
	if (r)
		kvfree(fl);
	else
		sbi->filler = fl;
	return r;
}

int daxfs_fill_start(struct daxfs_sbi *sbi)
{
	struct daxfs_filler *fl = sbi->filler;

	if (!fl)
		return 0;
	fl->cx = daxfs_begin(sbi);	/* until daxfs_fill_stop() */
	if (!fl->file_nr)
		return 0;
	fl->wq = alloc_workqueue("daxfs-fill/%u", WQ_UNBOUND, READS, sbi->rg.host);
	if (!fl->wq)
		return -ENOMEM;
	fl->server = kthread_run(serve, fl, "daxfs-fill/%u", sbi->rg.host);
	if (IS_ERR(fl->server)) {
		int r = PTR_ERR(fl->server);

		fl->server = NULL;
		return r;
	}
	daxfs_cache_backing_here(&sbi->rg, 1);
	return 0;
}

/* Also after a start that failed, or none. No call of the mount goes on. */
void daxfs_fill_stop(struct daxfs_sbi *sbi)
{
	struct daxfs_filler *fl = sbi->filler;

	if (!fl)
		return;
	if (fl->server) {
		daxfs_cache_backing_here(&sbi->rg, 0);
		kthread_stop(fl->server);
	}
	if (fl->wq)
		destroy_workqueue(fl->wq);	/* after the last read */
	if (fl->cx)
		daxfs_end(sbi, fl->cx, 0);
	daxfs_backing_close_all(fl);
	daxfs_pages_exit(fl);
	kvfree(fl);
	sbi->filler = NULL;
}
