// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A region in use: map it, check it, join as a host, keep the heart beating.
 *
 * Notes: a mount belongs to the process that opened it. A child of fork()
 * shares the mapping and must store nothing through it, because the host slot
 * names the parent; an atfork handler marks its mounts. The one way for a
 * child to go on is daxfs_mount_start(), which leaves the parent's slot and
 * joins under its own name: that is for daemon(), where the parent ends.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <signal.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "fill.h"
#include "mount_priv.h"

pthread_mutex_t daxfs_lib_lock = PTHREAD_MUTEX_INITIALIZER;
static struct daxfs_mount *mounts;
static pthread_once_t atfork_once = PTHREAD_ONCE_INIT;

void daxfs_why(char *why, size_t why_len, const char *fmt, ...)
{
	va_list ap;

	if (!why || !why_len)
		return;
	va_start(ap, fmt);
	vsnprintf(why, why_len, fmt, ap);
	va_end(ap);
}

/* ---- fork ---- */

static void before_fork(void)
{
	pthread_mutex_lock(&daxfs_lib_lock);
}

static void after_fork_parent(void)
{
	pthread_mutex_unlock(&daxfs_lib_lock);
}

static void after_fork_child(void)
{
	struct daxfs_mount *m;

	for (m = mounts; m; m = m->next) {
		m->forked = 1;
		m->beating = 0;		/* these threads stayed behind */
		if (m->filler)
			m->filler->running = 0;
	}
	pthread_mutex_unlock(&daxfs_lib_lock);
}

static void watch_forks(void)
{
	pthread_atfork(before_fork, after_fork_parent, after_fork_child);
}

static void list_mount(struct daxfs_mount *m)
{
	pthread_mutex_lock(&daxfs_lib_lock);
	m->next = mounts;
	mounts = m;
	pthread_mutex_unlock(&daxfs_lib_lock);
}

static void unlist_mount(struct daxfs_mount *m)
{
	struct daxfs_mount **p;

	pthread_mutex_lock(&daxfs_lib_lock);
	for (p = &mounts; *p; p = &(*p)->next) {
		if (*p == m) {
			*p = m->next;
			break;
		}
	}
	pthread_mutex_unlock(&daxfs_lib_lock);
}

/* ---- the heart ---- */

/* Once a second, at most so much for branches that have ended. */
#define TIDY_STEPS	256u
#define TIDY_NS		50000000ull

/* What ended branches leave, some of it: others want the contexts, too. */
static void tidy(struct daxfs_cx *cx)
{
	u64 end = port_now_ns() + TIDY_NS;
	u32 i;

	for (i = 0; i < TIDY_STEPS && daxfs_tidy(cx) > 0; i++)
		if (port_now_ns() > end)
			break;
}

static void one_beat(struct daxfs_mount *m)
{
	struct daxfs_cx *cx;

	if (daxfs_mount_usable(m))
		return;
	if (daxfs_host_check(&m->rg)) {
		if (m->evicted)
			m->evicted(m->evicted_arg);
		m->evicted = NULL;
		return;
	}
	daxfs_host_beat(&m->rg);
	/* All busy: they are at work; whoever is gone can wait a second. */
	cx = daxfs_cx_try(m);
	if (!cx)
		return;
	daxfs_hosts_reap(m, cx);
	if (daxfs_is_branching(&m->rg))
		tidy(cx);
	daxfs_cx_put(m, cx);
}

static void *beat(void *arg)
{
	struct daxfs_mount *m = arg;
	struct timespec at;

	clock_gettime(CLOCK_MONOTONIC, &at);
	pthread_mutex_lock(&m->beat_lock);
	while (!m->beat_stop) {
		pthread_mutex_unlock(&m->beat_lock);
		one_beat(m);
		pthread_mutex_lock(&m->beat_lock);
		clock_gettime(CLOCK_MONOTONIC, &at);
		at.tv_sec++;
		while (!m->beat_stop &&
		       pthread_cond_timedwait(&m->beat_cond, &m->beat_lock,
					      &at) != ETIMEDOUT)
			;
	}
	pthread_mutex_unlock(&m->beat_lock);
	return NULL;
}

static void beat_init(struct daxfs_mount *m)
{
	pthread_condattr_t attr;

	pthread_mutex_init(&m->beat_lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&m->beat_cond, &attr);
	pthread_condattr_destroy(&attr);
}

/* Signals are for the threads of the program, not for ours. */
int daxfs_thread_start(pthread_t *thread, void *(*fn)(void *arg), void *arg)
{
	sigset_t all, old;
	int r;

	sigfillset(&all);
	sigdelset(&all, SIGBUS);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	r = pthread_create(thread, NULL, fn, arg);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return -r;
}

static int beat_begin(struct daxfs_mount *m)
{
	int r;

	m->beat_stop = 0;
	r = daxfs_thread_start(&m->beat_thread, beat, m);
	m->beating = !r;
	return r;
}

static void beat_end(struct daxfs_mount *m)
{
	if (!m->beating)
		return;
	pthread_mutex_lock(&m->beat_lock);
	m->beat_stop = 1;
	pthread_cond_signal(&m->beat_cond);
	pthread_mutex_unlock(&m->beat_lock);
	pthread_join(m->beat_thread, NULL);
	m->beating = 0;
}

/* ---- host ---- */

#define JOIN_TRIES	8	/* -ESTALE: somebody took us for dead meanwhile */

/* Every slot is taken: become the host of one whose process is gone. */
static int take_over(struct daxfs_mount *m, const struct daxfs_host_id *id)
{
	struct daxfs_cx *cx = malloc(sizeof(*cx));
	int r = -EBUSY;

	if (!cx)
		return -ENOMEM;
	daxfs_hosts_reap(m, NULL);
	for (u32 i = 0; i < DAXFS_HOSTS && r == -EBUSY; i++)
		r = daxfs_host_take_over(&m->rg, cx, id, i);
	free(cx);
	return r == -EBUSY ? -EUSERS : r;
}

static int join(struct daxfs_mount *m)
{
	struct daxfs_host_id id;
	int r, tries = JOIN_TRIES;

	daxfs_host_identify(&id, m->kind);
	do
		r = daxfs_host_join(&m->rg, &id);
	while (r == -ESTALE && --tries);
	return r == -EUSERS ? take_over(m, &id) : r;
}

static void leave(struct daxfs_mount *m)
{
	struct daxfs_cx *cx;

	if (!m->rg.joined || m->crash || daxfs_mount_usable(m))
		return;
	cx = daxfs_cx_get(m);
	/* An error is an eviction: then nothing here is ours any more. */
	if (!daxfs_host_check(&m->rg)) {
		daxfs_hold_fini(m, cx);
		if (daxfs_is_branching(&m->rg))
			daxfs_branch_leave(cx);
		daxfs_host_leave(cx);
	}
	daxfs_cx_put(m, cx);
}

/* ---- branches ---- */

static int no_branch(struct daxfs_mount *m, const char *branch, int r, char *why,
		     size_t why_len)
{
	if (r == -ENOENT || r == -ESTALE)
		daxfs_why(why, why_len, "%s: there is no branch '%s'; "
			  "daxfs-branch list shows those that there are", m->path,
			  branch);
	else if (r == -EOPNOTSUPP)
		daxfs_why(why, why_len, "%s: there is no branch '%s', and never "
			  "will be: the region was made without mkdaxfs -b",
			  m->path, branch);
	else
		daxfs_why(why, why_len, "%s: cannot show branch '%s': %s", m->path,
			  branch, strerror(-r));
	return r == -ESTALE && !daxfs_host_check(&m->rg) ? -ENOENT : r;
}

static int find_branch(struct daxfs_mount *m, const char *branch, u64 *id)
{
	struct daxfs_cx *cx;
	int r;

	*id = 0;
	if (!branch || !strcmp(branch, "main"))
		return 0;
	if (!daxfs_is_branching(&m->rg))
		return -EOPNOTSUPP;
	cx = daxfs_cx_get(m);
	r = daxfs_branch_find(cx, branch, id);
	daxfs_cx_put(m, cx);
	return r;
}

int daxfs_mount_has(struct daxfs_mount *m, const char *branch, char *why,
		    size_t why_len)
{
	u64 id;
	int r = find_branch(m, branch, &id);

	return r ? no_branch(m, branch, r, why, why_len) : 0;
}

int daxfs_mount_show(struct daxfs_mount *m, const char *branch, char *why,
		     size_t why_len)
{
	struct daxfs_cx *cx;
	u64 id;
	int r = find_branch(m, branch, &id);

	if (!r && id) {
		cx = daxfs_cx_get(m);
		r = daxfs_branch_mount(cx, id);
		daxfs_cx_put(m, cx);
	}
	return r ? no_branch(m, branch, r, why, why_len) : 0;
}

void daxfs_mount_crash(struct daxfs_mount *m)
{
	m->crash = 1;
}

/* ---- the process ---- */

/* The child goes on as a host of its own; the parent is about to end. */
static int adopt(struct daxfs_mount *m)
{
	int r = 0;

	daxfs_cx_pool_reset(m);
	m->forked = 0;
	if (!m->rg.joined)
		return 0;
	leave(m);
	m->rg.joined = 0;
	daxfs_cx_pool_reset(m);
	r = join(m);
	if (r)
		m->forked = 1;
	return r;
}

int daxfs_mount_start(struct daxfs_mount *m)
{
	int r = m->forked ? adopt(m) : 0;

	if (r || !m->rg.joined || m->beating)
		return r;
	r = beat_begin(m);
	return r ? r : daxfs_filler_start(m);
}

/* ---- open ---- */

/* What core says of the superblock, after the path. */
static int open_region(struct daxfs_mount *m, u8 *base, int writable, char *why,
		       size_t why_len)
{
	char text[192] = "";
	int r = daxfs_region_open(&m->rg, base, m->src.len, writable, text,
				  sizeof(text));

	if (!r && m->rg.lost)
		r = -EIO;
	if (r)
		daxfs_why(why, why_len, "%s: %s", m->path,
			  text[0] ? text : strerror(-r));
	return r;
}

/* A host stores into the region even if its user only reads. */
static int make_writable(struct daxfs_mount *m, u8 *base, char *why,
			 size_t why_len)
{
	if (m->src.writable &&
	    !mprotect(base, m->src.len, PROT_READ | PROT_WRITE)) {
		if (!(m->flags & DAXFS_OPEN_RDONLY))
			return open_region(m, base, 1, why, why_len);
		m->rg.writable = 1;
		return 0;
	}
	daxfs_why(why, why_len, "%s: write permission is needed even for "
		  "reading, because the region has a writable overlay and each "
		  "host announces what it reads", m->path);
	return -EACCES;
}

static int map_region(struct daxfs_mount *m, char *why, size_t why_len)
{
	u8 *base = NULL;
	int r = daxfs_source_map(&m->src, m->path, &base, why, why_len);

	if (r)
		return r;
	r = daxfs_trap_add(&m->trap, base, m->src.len, &m->rg.lost);
	if (r)
		daxfs_why(why, why_len, "%s: cannot catch SIGBUS: %s", m->path,
			  strerror(-r));
	if (!r)
		r = open_region(m, base, 0, why, why_len);
	if (!r && daxfs_has_overlay(&m->rg) && !(m->flags & DAXFS_OPEN_NOHOST))
		r = make_writable(m, base, why, why_len);
	m->rg.base = base;
	m->rdonly = (m->flags & (DAXFS_OPEN_RDONLY | DAXFS_OPEN_NOHOST)) ||
		    !daxfs_has_overlay(&m->rg);
	return r;
}

struct first_finding {
	char *why;
	size_t why_len;
	const char *path;
	int any;
};

static void note_finding(void *arg, const char *where, u64 id, const char *what)
{
	struct first_finding *f = arg;

	if (!f->any)
		daxfs_why(f->why, f->why_len, "%s: damaged: %s %llu: %s; see "
			  "fsck.daxfs", f->path, where, (unsigned long long)id,
			  what);
	f->any = 1;
}

static int validate(struct daxfs_mount *m, char *why, size_t why_len)
{
	struct first_finding first = { why, why_len, m->path, 0 };
	struct daxfs_check ck = { .report = note_finding, .arg = &first };
	u64 len = daxfs_check_base_scratch(&m->rg);
	void *scratch = calloc(1, len ? len : 1);
	int r;

	if (!scratch) {
		daxfs_why(why, why_len, "%s: no memory to check it", m->path);
		return -ENOMEM;
	}
	r = daxfs_check_base(&m->rg, &ck, scratch);
	free(scratch);
	if (r && !first.any)
		daxfs_why(why, why_len, "%s: base image is damaged; see "
			  "fsck.daxfs", m->path);
	return r;
}

static int become_host(struct daxfs_mount *m, char *why, size_t why_len)
{
	struct daxfs_cx *cx;
	int r;

	if (m->flags & (DAXFS_OPEN_NOHOST | DAXFS_OPEN_LATER) ||
	    !daxfs_has_overlay(&m->rg))
		return 0;
	r = join(m);
	if (r) {
		daxfs_why(why, why_len, r == -EUSERS ? "%s: all %u host slots "
			  "are in use; unmount it somewhere" :
			  "%s: cannot join as one of %u hosts; see fsck.daxfs",
			  m->path, DAXFS_HOSTS);
		return r;
	}
	cx = daxfs_cx_get(m);
	daxfs_hosts_reap(m, cx);
	daxfs_cx_put(m, cx);
	return 0;
}

static int open_steps(struct daxfs_mount *m, char *why, size_t why_len)
{
	int exclusive = !!(m->flags & DAXFS_OPEN_EXCLUSIVE);
	int r;

	r = daxfs_source_open(&m->src, m->path, m->flags & DAXFS_OPEN_NOHOST,
			      why, why_len);
	if (!r && !(m->flags & DAXFS_OPEN_LOCKED))
		r = daxfs_source_lock(&m->src, m->path, exclusive, why, why_len);
	if (!r)
		r = map_region(m, why, why_len);
	if (!r && (m->flags & DAXFS_OPEN_VALIDATE))
		r = validate(m, why, why_len);
	if (!r && exclusive && daxfs_has_overlay(&m->rg))
		r = daxfs_hosts_none(m, why, why_len);
	if (!r)
		r = daxfs_filler_new(m);
	if (!r)
		r = become_host(m, why, why_len);
	if (!r && m->rg.lost) {
		daxfs_why(why, why_len, "%s: shrank while it was opened",
			  m->path);
		r = -EIO;
	}
	return r;
}

static struct daxfs_mount *mount_new(const char *path, u32 flags, u32 kind)
{
	struct daxfs_mount *m;

	/* The contexts' slots want their own cache lines. */
	if (posix_memalign((void **)&m, 64, sizeof(*m)))
		return NULL;
	memset(m, 0, sizeof(*m));
	m->src.fd = -1;
	m->flags = flags;
	m->kind = kind;
	m->path = strdup(path);
	if (!m->path || daxfs_cx_pool_init(m)) {
		free(m->path);
		free(m);
		return NULL;
	}
	pthread_mutex_init(&m->pin_lock, NULL);
	daxfs_hold_init(m);
	beat_init(m);
	return m;
}

static void mount_free(struct daxfs_mount *m)
{
	daxfs_trap_del(m->trap);
	if (m->rg.base)
		munmap(m->rg.base, m->src.len);
	daxfs_source_close(&m->src);
	daxfs_filler_free(m);
	daxfs_hold_fini(m, NULL);
	daxfs_cx_pool_fini(m);
	free(m->path);
	free(m);
}

int daxfs_mount_open(struct daxfs_mount **mp, const char *path, u32 flags,
		     u32 kind, char *why, size_t why_len)
{
	struct daxfs_mount *m = mount_new(path, flags, kind);
	int r;

	pthread_once(&atfork_once, watch_forks);
	*mp = NULL;
	if (!m) {
		daxfs_why(why, why_len, "%s: no memory", path);
		return -ENOMEM;
	}
	r = open_steps(m, why, why_len);
	if (r) {
		leave(m);
		mount_free(m);
		return r;
	}
	list_mount(m);
	*mp = m;
	return 0;
}

void daxfs_mount_close(struct daxfs_mount *m)
{
	if (!m)
		return;
	unlist_mount(m);
	beat_end(m);
	daxfs_filler_stop(m);
	leave(m);
	mount_free(m);
}

int daxfs_mount_join(struct daxfs_mount *m)
{
	return join(m);
}

void daxfs_mount_on_evict(struct daxfs_mount *m, void (*fn)(void *arg),
			  void *arg)
{
	m->evicted_arg = arg;
	m->evicted = fn;
}

struct daxfs_region *daxfs_mount_region(struct daxfs_mount *m)
{
	return &m->rg;
}

const char *daxfs_mount_path(const struct daxfs_mount *m)
{
	return m->path;
}

int daxfs_mount_rdonly(const struct daxfs_mount *m)
{
	return m->rdonly;
}

int daxfs_mount_durable(const struct daxfs_mount *m)
{
	return m->src.durable;
}

s64 daxfs_mount_result(struct daxfs_mount *m, s64 r)
{
	__atomic_thread_fence(__ATOMIC_ACQUIRE);	/* after what r is from */
	return __atomic_load_n(&m->rg.lost, __ATOMIC_RELAXED) ? -EIO : r;
}
