// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Filling the page cache on behalf of a call that misses pages.
 *
 * Notes: a host with the backing file reads what it misses itself, and a run of
 * pages at once. What another context fills is waited for; one that is gone or
 * does not get on is gone past: by another slot, or by a page of our own that is
 * lent to the call. A host without the file asks those that have it, and waits
 * asleep. It gives up when there is nobody to serve it, or nobody gets on. Bytes
 * go straight into the slot, which is ours until we publish it or are recovered
 * (core/cache.c); reads are buffered ones, so none stores after its process ended.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "backing.h"
#include "content.h"
#include "fill.h"
#include "mount_priv.h"

#define MS		1000000ull
#define SPIN_NS		4000ull		/* then waiting sleeps */
#define SLEEP_MIN_NS	20000ull
#define SLEEP_MAX_NS	MS
#define SAY_NS		(1000 * MS)

static u64 now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (u64)ts.tv_sec * 1000000000ull + (u64)ts.tv_nsec;
}

void daxfs_fill_say(struct daxfs_filler *f, const char *fmt, ...)
{
	char text[256];
	u64 now = now_ns();
	va_list ap;
	int due;

	pthread_mutex_lock(&f->lock);
	due = f->say && (!f->said_ns || now - f->said_ns > SAY_NS);
	if (due)
		f->said_ns = now;
	pthread_mutex_unlock(&f->lock);
	if (!due)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	f->say(f->say_arg, text);
}

/* ---- reading ---- */

int daxfs_fill_fd(const struct daxfs_filler *f, u64 addr)
{
	u64 file = addr >> DAXFS_BACKING_SHIFT;

	return file < DAXFS_BACKING_FILES ? f->fd[file] : -1;
}

u64 daxfs_fill_off(u64 addr)
{
	return addr & (DAXFS_BACKING_MAX - 1);
}

int daxfs_fill_iov(const struct daxfs_fill *fill, u32 nr, struct iovec *iov)
{
	int n = 0;

	for (u32 i = 0; i < nr; i++) {
		u8 *end = n ? (u8 *)iov[n - 1].iov_base + iov[n - 1].iov_len : NULL;

		if (end == fill[i].page) {
			iov[n - 1].iov_len += DAXFS_PAGE_SIZE;
			continue;
		}
		iov[n].iov_base = fill[i].page;
		iov[n++].iov_len = DAXFS_PAGE_SIZE;
	}
	return n;
}

/* The read of a single page has failed: all who wait are told. */
static void page_failed(struct daxfs_mount *m, struct daxfs_cx *cx,
			const struct daxfs_fill *fill, int r)
{
	daxfs_cache_failed(cx, fill);
	daxfs_fill_say(m->filler, "backing file %llu: page at byte %llu cannot be "
		       "read: %s; see the device and file system that it is on",
		       (unsigned long long)(fill->addr >> DAXFS_BACKING_SHIFT),
		       (unsigned long long)daxfs_fill_off(fill->addr),
		       r == -ENODATA ? "the file has become shorter" : strerror(-r));
}

static u32 page_by_page(struct daxfs_mount *m, struct daxfs_cx *cx,
			const struct daxfs_fill *fill, u32 nr)
{
	u32 good = 0;

	for (u32 i = 0; i < nr; i++) {
		int r = daxfs_backing_pread(daxfs_fill_fd(m->filler, fill[i].addr),
					    fill[i].page, DAXFS_PAGE_SIZE,
					    daxfs_fill_off(fill[i].addr));

		if (r)
			page_failed(m, cx, &fill[i], r);
		else
			good += !daxfs_cache_filled(cx, &fill[i]);
	}
	return good;
}

u32 daxfs_fill_end(struct daxfs_mount *m, struct daxfs_cx *cx,
		   const struct daxfs_fill *fill, u32 nr, s64 result)
{
	u32 good = 0;

	if (result == (s64)nr * (s64)DAXFS_PAGE_SIZE)
		for (u32 i = 0; i < nr; i++)
			good += !daxfs_cache_filled(cx, &fill[i]);
	else
		good = page_by_page(m, cx, fill, nr);
	daxfs_cache_count(cx, 0, 0, (u64)good * DAXFS_PAGE_SIZE);
	daxfs_fill_wake(m->filler);
	return good;
}

u32 daxfs_fill_read(struct daxfs_mount *m, struct daxfs_cx *cx,
		    const struct daxfs_fill *fill, u32 nr)
{
	struct iovec iov[DAXFS_FILL_PAGES];
	int n = daxfs_fill_iov(fill, nr, iov);
	s64 r;

	do
		r = preadv(daxfs_fill_fd(m->filler, fill->addr), iov, n,
			   (off_t)daxfs_fill_off(fill->addr));
	while (r < 0 && errno == EINTR);
	return daxfs_fill_end(m, cx, fill, nr, r);
}

/* ---- waiting ---- */

void daxfs_fill_wake(struct daxfs_filler *f)
{
	if (!__atomic_load_n(&f->waiters, __ATOMIC_SEQ_CST))
		return;
	pthread_mutex_lock(&f->lock);
	pthread_cond_broadcast(&f->done);
	pthread_mutex_unlock(&f->lock);
}

struct wait {
	struct daxfs_wait w;
	u64 sleep;
};

static void wait_init(struct wait *w)
{
	daxfs_wait_begin(&w->w, now_ns());
	w->sleep = SLEEP_MIN_NS;
}

/* Asleep, but for the first few microseconds; our own thread wakes us. */
static void wait_some(struct daxfs_filler *f, struct wait *w)
{
	struct timespec ts;

	if (now_ns() - w->w.begun < SPIN_NS) {
		port_pause_ns(500);
		return;
	}
	clock_gettime(CLOCK_MONOTONIC, &ts);
	ts.tv_nsec += (long)w->sleep;
	ts.tv_sec += ts.tv_nsec / 1000000000;
	ts.tv_nsec %= 1000000000;
	pthread_mutex_lock(&f->lock);
	f->waiters++;
	pthread_cond_timedwait(&f->done, &f->lock, &ts);
	f->waiters--;
	pthread_mutex_unlock(&f->lock);
	w->sleep = w->sleep * 2 < SLEEP_MAX_NS ? w->sleep * 2 : SLEEP_MAX_NS;
}

static int is_stopped(struct daxfs_mount *m, u32 host)
{
	struct daxfs_host_info info;

	return !daxfs_host_info(&m->rg, host, &info) &&
	       daxfs_host_place(&info) == DAXFS_HOST_STOPPED;
}

/*
 * The host that fills what we wait for: does it get on? One that is gone is
 * recovered here. 1: go past it.
 */
static int gives_up(struct daxfs_mount *m, struct daxfs_cx *cx, struct daxfs_wait *w,
		    u32 host)
{
	struct daxfs_filler *f = m->filler;
	u64 now = now_ns();

	if (daxfs_wait_filler(&m->rg, &f->waits, w, host, now))
		return 1;
	if (!daxfs_wait_look(w, now))
		return 0;
	daxfs_hosts_reap(m, cx);
	if (!is_stopped(m, host))
		return 0;
	daxfs_wait_stalled(&f->waits, w);
	return 1;
}

/* ---- a host with the file ---- */

/* 0: copied from the cache; -EREMOTE. */
static int copy_cached(struct daxfs_mount *m, struct daxfs_cx *cx, u64 addr, u8 *page)
{
	struct daxfs_filler *f = m->filler;
	u64 slot, off;
	const void *from;
	int r;

	pthread_mutex_lock(&f->pin_lock);
	r = daxfs_cache_pin(cx, addr, &slot, &off);
	from = r ? NULL : daxfs_at(&m->rg, off, DAXFS_PAGE_SIZE, DAXFS_PAGE_SIZE);
	if (from)
		port_copy_from(page, from, DAXFS_PAGE_SIZE);
	if (slot != DAXFS_NO_SLOT && !f->pins[slot])
		daxfs_cache_unpin(cx, slot);
	pthread_mutex_unlock(&f->pin_lock);
	return r;
}

static void lend(struct daxfs_cx *cx, struct daxfs_lent *l, u64 addr, const u8 *page)
{
	daxfs_cache_lend(cx, addr, page);
	l->turn = (l->turn + 1) % DAXFS_LENT;
}

/* Past the cache: a page of our own. */
static int read_own(struct daxfs_mount *m, struct daxfs_cx *cx, struct daxfs_lent *l,
		    u64 addr)
{
	int fd = daxfs_fill_fd(m->filler, addr);
	u8 *page = l->page[l->turn];
	int r = cx->sh ? copy_cached(m, cx, addr, page) : -EREMOTE;

	if (r == -EREMOTE && fd >= 0) {
		r = daxfs_backing_pread(fd, page, DAXFS_PAGE_SIZE,
					daxfs_fill_off(addr));
		if (!r)
			daxfs_cache_count(cx, 0, 0, DAXFS_PAGE_SIZE);
		else
			daxfs_fill_say(m->filler, "backing file: page at byte %llu "
				       "cannot be read: %s",
				       (unsigned long long)daxfs_fill_off(addr),
				       strerror(-r));
		r = r ? -EIO : 0;
	}
	if (!r)
		lend(cx, l, addr, page);
	return r;
}

static int fill_ours(struct daxfs_mount *m, struct daxfs_cx *cx, u64 addr,
		     const struct daxfs_fill *fill, u32 nr)
{
	u32 filler;

	daxfs_cache_count(cx, nr, 0, 0);
	daxfs_fill_read(m, cx, fill, nr);
	return daxfs_cache_state(cx, addr, &filler) == DAXFS_CACHE_FAILED ? -EIO : 0;
}

/*
 * Until somebody else has filled it. 0: look again; 1: it is ours to read past the
 * cache; -EIO: he could not.
 */
static int wait_for(struct daxfs_mount *m, struct daxfs_cx *cx, u64 addr)
{
	struct wait w;
	u32 filler;
	int state;

	wait_init(&w);
	daxfs_cache_count(cx, 0, 1, 0);
	while ((state = daxfs_cache_state(cx, addr, &filler)) == DAXFS_CACHE_WAIT) {
		if (daxfs_mount_usable(m))
			return -EIO;
		if (filler == DAXFS_HOSTS)
			return 0;	/* asked for: we take it */
		if (gives_up(m, cx, &w.w, filler))
			return 1;
		wait_some(m->filler, &w);
	}
	return state == DAXFS_CACHE_FAILED ? -EIO : state < 0 ? state : 0;
}

static int fill_here(struct daxfs_mount *m, struct daxfs_cx *cx, struct daxfs_lent *l,
		     const struct daxfs_miss *miss)
{
	struct daxfs_fill fill[DAXFS_FILL_PAGES];
	u32 nr;
	int r = daxfs_miss_claim(cx, miss, fill, &nr);

	switch (r) {
	case DAXFS_CACHE_VALID:
		return 0;
	case DAXFS_CACHE_OURS:
		return fill_ours(m, cx, miss->addr, fill, nr);
	case DAXFS_CACHE_WAIT:
		r = wait_for(m, cx, miss->addr);
		return r <= 0 ? r : read_own(m, cx, l, miss->addr);
	default:
		return r < 0 ? r : read_own(m, cx, l, miss->addr);
	}
}

/* ---- a host without the file ---- */

static int in_vain(struct daxfs_mount *m, const char *what)
{
	daxfs_fill_say(m->filler, "a page of a backing file is not in the cache, and "
		       "%s; mount the region with backing=PATH on a host that has "
		       "the file", what);
	return -EIO;
}

/* 0: go on waiting. */
static int still_served(struct daxfs_mount *m, struct daxfs_cx *cx,
			struct daxfs_wait *w, u64 addr, u32 filler)
{
	u64 now = now_ns();
	const char *why;

	if (!daxfs_wait_look(w, now))
		return 0;
	daxfs_hosts_reap(m, cx);
	why = daxfs_wait_served(&m->rg, &m->filler->waits, w, filler, now);
	if (!why)
		return 0;
	daxfs_cache_withdraw(cx, addr);
	return in_vain(m, why);
}

static int ask_others(struct daxfs_mount *m, struct daxfs_cx *cx,
		      const struct daxfs_miss *miss)
{
	struct wait w;
	const char *why;
	u32 filler;
	int state = DAXFS_CACHE_NONE, r = 0;

	wait_init(&w);
	daxfs_cache_count(cx, 1, 1, 0);
	why = daxfs_wait_served(&m->rg, &m->filler->waits, &w.w, DAXFS_HOSTS, w.w.begun);
	daxfs_wait_asked(&w.w, daxfs_miss_ask(cx, miss), w.w.begun);
	if (why)
		return in_vain(m, why);
	while (!r && !(r = daxfs_mount_usable(m))) {
		state = daxfs_cache_state(cx, miss->addr, &filler);
		if (state < 0 || state == DAXFS_CACHE_VALID ||
		    state == DAXFS_CACHE_FAILED)
			break;
		if (filler == DAXFS_HOSTS && daxfs_wait_ask(&w.w, now_ns()))
			daxfs_wait_asked(&w.w, daxfs_miss_ask(cx, miss), now_ns());
		wait_some(m->filler, &w);
		r = still_served(m, cx, &w.w, miss->addr, filler);
	}
	if (r)
		return r;
	return state == DAXFS_CACHE_FAILED ? -EIO : state < 0 ? state : 0;
}

/* ---- the whole ---- */

int daxfs_fill_miss(struct daxfs_mount *m, struct daxfs_cx *cx, struct daxfs_lent *l)
{
	struct daxfs_miss miss = cx->miss;
	int here = m->filler && daxfs_fill_fd(m->filler, miss.addr) >= 0, own = 0;
	int r = m->filler ? daxfs_miss_again(&l->rounds, &miss, &own) : -EIO;

	if (r)
		return r;
	if (here)
		return own || !cx->sh ? read_own(m, cx, l, miss.addr) :
		       fill_here(m, cx, l, &miss);
	if (!cx->sh) {
		daxfs_fill_say(m->filler, "a page of a backing file is needed, and "
			       "who is no host of the region cannot ask for it; name "
			       "the backing file");
		return -EIO;
	}
	for (u32 i = 0; i < 1000; i++) {
		r = ask_others(m, cx, &miss);
		if (r || !own)
			return r;
		r = read_own(m, cx, l, miss.addr);
		if (r != -EREMOTE)
			return r;
	}
	return -EIO;
}

/* ---- pins ---- */

static int pin_cached(struct daxfs_filler *f, struct daxfs_cx *cx, u64 addr, u64 *slot,
		      u64 *off)
{
	int r;

	pthread_mutex_lock(&f->pin_lock);
	r = daxfs_cache_pin(cx, addr, slot, off);
	if (!r)
		f->pins[*slot]++;
	else if (*slot != DAXFS_NO_SLOT && !f->pins[*slot])
		daxfs_cache_unpin(cx, *slot);
	pthread_mutex_unlock(&f->pin_lock);
	return r;
}

int daxfs_mount_pin_page(struct daxfs_mount *m, struct daxfs_cx *cx, u64 addr,
			 u64 want, u64 *slot, u64 *off)
{
	struct daxfs_lent *l = calloc(1, sizeof(*l));
	int r = l ? -EREMOTE : -ENOMEM;

	for (u32 i = 0; i < 1000 && r == -EREMOTE; i++) {
		r = pin_cached(m->filler, cx, addr, slot, off);
		if (r != -EREMOTE)
			break;
		cx->miss.len = want;
		l->rounds.last = 0;
		r = daxfs_fill_miss(m, cx, l);
		/* Past the cache is no place to pin. */
		r = r ? r : cx->lent_nr ? -EBUSY : -EREMOTE;
		daxfs_cache_take_back(cx);
	}
	free(l);
	return r == -EREMOTE ? -EBUSY : r;
}

void daxfs_mount_unpin_page(struct daxfs_mount *m, struct daxfs_cx *cx, u64 slot)
{
	struct daxfs_filler *f = m->filler;

	pthread_mutex_lock(&f->pin_lock);
	if (!--f->pins[slot] && !daxfs_mount_usable(m))
		daxfs_cache_unpin(cx, slot);
	pthread_mutex_unlock(&f->pin_lock);
}

/* ---- of a mount ---- */

static void cond_init(pthread_cond_t *cond)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(cond, &attr);
	pthread_condattr_destroy(&attr);
}

int daxfs_filler_new(struct daxfs_mount *m)
{
	struct daxfs_filler *f;

	if (!daxfs_is_split(&m->rg))
		return 0;
	f = calloc(1, sizeof(*f));
	if (f)
		f->pins = calloc(m->rg.area[DAXFS_AREA_PCACHE_SLOTS].nr,
				 sizeof(*f->pins));
	if (!f || !f->pins) {
		free(f);
		return -ENOMEM;
	}
	for (u32 i = 0; i < DAXFS_BACKING_FILES; i++)
		f->fd[i] = -1;
	f->m = m;
	pthread_mutex_init(&f->pin_lock, NULL);
	pthread_mutex_init(&f->lock, NULL);
	cond_init(&f->work);
	cond_init(&f->done);
	m->filler = f;
	return 0;
}

void daxfs_filler_free(struct daxfs_mount *m)
{
	struct daxfs_filler *f = m->filler;

	if (!f)
		return;
	for (u32 i = 0; i < DAXFS_BACKING_FILES; i++)
		if (f->fd[i] >= 0)
			close(f->fd[i]);
	free(f->pins);
	free(f);
	m->filler = NULL;
}

static int add_backing(struct daxfs_mount *m, const char *path, char *why,
		       size_t why_len)
{
	struct daxfs_filler *f = m->filler;
	u32 file = 0;
	int fd = -1, r;

	r = daxfs_backing_open(&m->rg, path, &fd, &file, why, why_len);
	if (r)
		return r;
	if (f->fd[file] >= 0) {
		daxfs_why(why, why_len, "%s: this backing file is given twice", path);
		close(fd);
		return -EINVAL;
	}
	f->fd[file] = fd;
	f->fd_nr++;
	return 0;
}

static int all_there(struct daxfs_mount *m, char *why, size_t why_len)
{
	u32 nr = (u32)m->rg.area[DAXFS_AREA_BACKING].nr;

	if (m->filler->fd_nr == nr)
		return 0;
	daxfs_why(why, why_len, "%s: the region has %u backing files, and %u are "
		  "given; give all of them, or none", m->path, nr, m->filler->fd_nr);
	return -EINVAL;
}

int daxfs_mount_backing(struct daxfs_mount *m, const char *paths, char *why,
			size_t why_len)
{
	char *list = strdup(paths), *rest = list, *path;
	int r = list ? 0 : -ENOMEM;

	if (!m->filler) {
		daxfs_why(why, why_len, "%s: not in split mode: it has no backing "
			  "file; mount it without backing=", m->path);
		free(list);
		return -EINVAL;
	}
	while (!r && (path = daxfs_backing_next(&rest)))
		r = add_backing(m, path, why, why_len);
	free(list);
	return r ? r : all_there(m, why, why_len);
}

void daxfs_mount_on_message(struct daxfs_mount *m,
			    void (*fn)(void *arg, const char *text), void *arg)
{
	if (!m->filler)
		return;
	m->filler->say_arg = arg;
	m->filler->say = fn;
}
