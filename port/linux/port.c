// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The port to the Linux kernel: copies, write-back, clock, waiting, checksum.
 *
 * Notes: the region is memory of memremap(), never of an __iomem kind, so
 * copies are memcpy(). Other hosts may write while a copy reads; the core takes
 * only bytes from it and looks at a word afterwards where that matters. KCSAN
 * is told so by the attribute.
 *
 * Persistent memory: a task has no variable of its own that a module could
 * use to remember what it has begun, and what a processor remembers is wrong
 * for a task that has moved meanwhile. So nothing is left begun: each write-back
 * is completed before port_write_back() returns. That is never less than what
 * ../persist.c asks for, costs an sfence for each write-back, and concerns
 * persistent regions alone.
 */
#include <linux/crc32.h>
#include <linux/delay.h>
#include <linux/libnvdimm.h>
#include <linux/percpu.h>
#include <linux/preempt.h>
#include <linux/rcupdate.h>
#include <linux/timekeeping.h>

#include "port.h"

#ifndef CONFIG_ARCH_HAS_PMEM_API
#error "a kernel without CONFIG_ARCH_HAS_PMEM_API cannot write cache lines back"
#endif

#define SPIN_NS		10000u		/* a sleep costs about as much */

__no_kcsan void raw_copy_from(void *to, const void *shared, size_t len)
{
	memcpy(to, shared, len);
}

__no_kcsan void raw_copy_to(void *shared, const void *from, size_t len)
{
	memcpy(shared, from, len);
}

__no_kcsan void raw_copy_within(void *shared_to, const void *shared_from,
				size_t len)
{
	memcpy(shared_to, shared_from, len);
}

__no_kcsan void raw_zero(void *shared, size_t len)
{
	memset(shared, 0, len);
}

/* ---- persistent memory ---- */

/* Decides no more than whether port_drain() is called, so any value is right. */
static DEFINE_PER_CPU(int, begun);

int *port_begun(void)
{
	return raw_cpu_ptr(&begun);
}

void port_write_back(const void *p, size_t len)
{
	arch_wb_cache_pmem((void *)p, len);
	pmem_wmb();	/* it is on the medium before any later store */
}

void port_drain(void)
{
}

void port_drain_for_rmw(void)
{
}

/* ---- time ---- */

u64 port_now_ns(void)
{
	return (u64)ktime_get_coarse_real_ns();
}

static bool may_sleep(void)
{
	return IS_ENABLED(CONFIG_PREEMPT_COUNT) && preemptible() &&
	       !rcu_preempt_depth();
}

static void spin(u64 ns)
{
	u64 end = ktime_get_mono_fast_ns() + ns;

	do {
		cpu_relax();
	} while (ktime_get_mono_fast_ns() < end);
}

void port_pause_ns(u64 ns)
{
	unsigned long us = (unsigned long)(ns / 1000);

	if (ns > SPIN_NS && may_sleep())
		usleep_range(us, us + us / 4);
	else
		spin(ns);
}

/* ---- checksum ---- */

/* crc32_le() leaves the inversions to its caller; those of zlib are inside. */
u32 port_crc32(u32 crc, const void *buf, size_t len)
{
	return ~crc32_le(~crc, buf, len);
}
