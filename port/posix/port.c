// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The port to user space: copies, clock, waiting and checksum.
 *
 * Notes: other hosts may write while a copy reads; the core takes only bytes
 * from it and looks at a word afterwards where that matters. ThreadSanitizer
 * is told so by the attribute.
 */
#include <sched.h>
#include <time.h>
#include <zlib.h>

#include "port.h"

#define NO_TSAN __attribute__((no_sanitize("thread")))

NO_TSAN void port_copy_from(void *to, const void *shared, size_t len)
{
	memcpy(to, shared, len);
}

NO_TSAN void port_copy_to(void *shared, const void *from, size_t len)
{
	memcpy(shared, from, len);
}

NO_TSAN void port_copy_within(void *shared_to, const void *shared_from,
			      size_t len)
{
	memcpy(shared_to, shared_from, len);
}

NO_TSAN void port_zero(void *shared, size_t len)
{
	memset(shared, 0, len);
}

static u64 clock_ns(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (u64)ts.tv_sec * 1000000000ull + (u64)ts.tv_nsec;
}

u64 port_now_ns(void)
{
	return clock_ns(CLOCK_REALTIME_COARSE);
}

static void cpu_relax(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield" ::: "memory");
#endif
}

void port_pause_ns(u64 ns)
{
	u64 end = clock_ns(CLOCK_MONOTONIC) + ns;

	do {
		if (ns > 4000)
			sched_yield();
		else
			cpu_relax();
	} while (clock_ns(CLOCK_MONOTONIC) < end);
}

u32 port_crc32(u32 crc, const void *buf, size_t len)
{
	return (u32)crc32_z(crc, buf, len);
}
