// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Memory of a region that vanishes under us becomes an error, not a death.
 *
 * Notes: a region file that is truncated, or a device that goes away, raises
 * SIGBUS at the next access. The handler is process-wide. For an address in
 * one of our regions it marks the region lost, maps zero pages over the rest
 * of it and returns: the core sees zeros, which are only bad data, and the
 * front end turns whatever comes of it into -EIO. In that order: another
 * thread that sees the zeros must see that they are none. Every other SIGBUS
 * goes to the handler that was there before. Traps are never freed, only
 * reused, so that the handler may walk the list without a lock.
 */
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "mount_priv.h"

struct daxfs_trap {
	uintptr_t base;		/* 0: not in use */
	uintptr_t end;
	int *lost;
	struct daxfs_trap *next;
};

static struct daxfs_trap *traps;
static struct sigaction former;
/* Somebody who was there before us may have us as his former handler. */
static __thread int chained __attribute__((tls_model("initial-exec")));

static struct daxfs_trap *trap_of(uintptr_t at)
{
	struct daxfs_trap *t = __atomic_load_n(&traps, __ATOMIC_ACQUIRE);

	for (; t; t = t->next) {
		uintptr_t base = __atomic_load_n(&t->base, __ATOMIC_ACQUIRE);

		if (base && at >= base && at < t->end)
			return t;
	}
	return NULL;
}

static void die(void)
{
	struct sigaction dfl = { .sa_handler = SIG_DFL };

	sigaction(SIGBUS, &dfl, NULL);
	raise(SIGBUS);
}

static void chain(int sig, siginfo_t *info, void *context)
{
	if (chained) {
		die();
		return;
	}
	chained = 1;
	if (former.sa_flags & SA_SIGINFO)
		former.sa_sigaction(sig, info, context);
	else if (former.sa_handler == SIG_DFL ||
		 (former.sa_handler == SIG_IGN && info->si_code > 0))
		die();
	else if (former.sa_handler != SIG_IGN)
		former.sa_handler(sig);
	chained = 0;
}

static void on_sigbus(int sig, siginfo_t *info, void *context)
{
	uintptr_t at = (uintptr_t)info->si_addr & ~(uintptr_t)(DAXFS_PAGE_SIZE - 1);
	struct daxfs_trap *t = info->si_code > 0 ? trap_of(at) : NULL;
	int saved = errno;

	if (t)
		__atomic_store_n(t->lost, 1, __ATOMIC_RELEASE);
	if (!t || mmap((void *)at, t->end - at, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE,
		       -1, 0) == MAP_FAILED)
		chain(sig, info, context);
	errno = saved;
}

/* Ours must be on top; another one may have been put there since. */
static int install(void)
{
	struct sigaction ours = { .sa_sigaction = on_sigbus,
				  .sa_flags = SA_SIGINFO | SA_ONSTACK };
	struct sigaction now;

	sigemptyset(&ours.sa_mask);
	if (sigaction(SIGBUS, NULL, &now))
		return -errno;
	if ((now.sa_flags & SA_SIGINFO) && now.sa_sigaction == on_sigbus)
		return 0;
	former = now;
	return sigaction(SIGBUS, &ours, NULL) ? -errno : 0;
}

static struct daxfs_trap *trap_new(void)
{
	struct daxfs_trap *t;

	for (t = traps; t; t = t->next)
		if (!t->base)
			return t;
	t = calloc(1, sizeof(*t));
	if (!t)
		return NULL;
	t->next = traps;
	__atomic_store_n(&traps, t, __ATOMIC_RELEASE);
	return t;
}

int daxfs_trap_add(struct daxfs_trap **trap, void *base, u64 len, int *lost)
{
	struct daxfs_trap *t = NULL;
	int r;

	pthread_mutex_lock(&daxfs_lib_lock);
	r = install();
	if (!r) {
		t = trap_new();
		r = t ? 0 : -ENOMEM;
	}
	if (!r) {
		t->lost = lost;
		t->end = ((uintptr_t)base + len + DAXFS_PAGE_SIZE - 1) &
			 ~(uintptr_t)(DAXFS_PAGE_SIZE - 1);
		__atomic_store_n(&t->base, (uintptr_t)base, __ATOMIC_RELEASE);
	}
	*trap = r ? NULL : t;
	pthread_mutex_unlock(&daxfs_lib_lock);
	return r;
}

void daxfs_trap_del(struct daxfs_trap *trap)
{
	if (trap)
		__atomic_store_n(&trap->base, 0, __ATOMIC_RELEASE);
}
