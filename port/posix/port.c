// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The port to user space: copies, write-back, clock, waiting and checksum.
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

NO_TSAN void raw_copy_from(void *to, const void *shared, size_t len)
{
	memcpy(to, shared, len);
}

NO_TSAN void raw_copy_to(void *shared, const void *from, size_t len)
{
	memcpy(shared, from, len);
}

NO_TSAN void raw_copy_within(void *shared_to, const void *shared_from,
			      size_t len)
{
	memcpy(shared_to, shared_from, len);
}

NO_TSAN void raw_zero(void *shared, size_t len)
{
	memset(shared, 0, len);
}

/* ---- persistent memory ---- */

int *port_begun(void)
{
	static __thread int begun;

	return &begun;
}

#define LINE		64u	/* x86; elsewhere the smallest that there is */

#if defined(__x86_64__)

#include <cpuid.h>

enum { LINE_UNKNOWN, LINE_CLFLUSH, LINE_CLFLUSHOPT, LINE_CLWB };

/* Leaf 7: EBX bit 24 is CLWB, bit 23 CLFLUSHOPT; CLFLUSH is in every x86-64. */
static int line_op_look(void)
{
	unsigned int a, b, c, d;

	if (!__get_cpuid_count(7, 0, &a, &b, &c, &d))
		return LINE_CLFLUSH;
	if (b & 1u << 24)
		return LINE_CLWB;
	return b & 1u << 23 ? LINE_CLFLUSHOPT : LINE_CLFLUSH;
}

static int line_op(void)
{
	static int known;
	int op = __atomic_load_n(&known, __ATOMIC_RELAXED);

	if (op == LINE_UNKNOWN) {
		op = line_op_look();
		__atomic_store_n(&known, op, __ATOMIC_RELAXED);
	}
	return op;
}

/* By their bytes: compilers offer them only with -mclwb and -mclflushopt. */
static inline void line_write_back(const char *p, int op)
{
	switch (op) {
	case LINE_CLWB:
		__asm__ volatile(".byte 0x66; xsaveopt %0"
				 : "+m"(*(volatile char *)p));
		break;
	case LINE_CLFLUSHOPT:
		__asm__ volatile(".byte 0x66; clflush %0"
				 : "+m"(*(volatile char *)p));
		break;
	default:
		__asm__ volatile("clflush %0" : "+m"(*(volatile char *)p));
		break;
	}
}

void port_drain(void)
{
	__asm__ volatile("sfence" ::: "memory");
}

/* A locked instruction orders write-backs as sfence does. */
void port_drain_for_rmw(void)
{
}

/* CLWB may leave the line where it is. */
static int forget_op(void)
{
	return line_op() == LINE_CLWB ? LINE_CLFLUSHOPT : line_op();
}

static inline void line_forget(const char *p, int op)
{
	line_write_back(p, op);
}

/* Loads, too, have to wait for that. */
static void forget_drain(void)
{
	__asm__ volatile("mfence" ::: "memory");
}

#elif defined(__aarch64__)

#include <sys/auxv.h>

#define HWCAP_DCPOP_BIT	(1ul << 16)

/* To the point of persistence, or of coherency where there is no such. */
static int line_op(void)
{
	return !!(getauxval(AT_HWCAP) & HWCAP_DCPOP_BIT);
}

static inline void line_write_back(const char *p, int op)
{
	if (op)		/* dc cvap, by its number for older assemblers */
		__asm__ volatile("sys #3, c7, c12, #1, %0" :: "r"(p) : "memory");
	else
		__asm__ volatile("dc cvac, %0" :: "r"(p) : "memory");
}

void port_drain(void)
{
	__asm__ volatile("dsb sy" ::: "memory");
}

void port_drain_for_rmw(void)
{
	port_drain();
}

static int forget_op(void)
{
	return 0;
}

static inline void line_forget(const char *p, int op)
{
	(void)op;
	__asm__ volatile("dc civac, %0" :: "r"(p) : "memory");
}

static void forget_drain(void)
{
	port_drain();
}

#else
#error "write-back of cache lines is known for x86-64 and arm64"
#endif

void port_write_back(const void *p, size_t len)
{
	const char *at = (const char *)((uintptr_t)p & ~(uintptr_t)(LINE - 1));
	const char *end = (const char *)p + len;
	int op = line_op();

	for (; at < end; at += LINE)
		line_write_back(at, op);
}

void port_forget(const void *p, size_t len)
{
	const char *at = (const char *)((uintptr_t)p & ~(uintptr_t)(LINE - 1));
	const char *end = (const char *)p + len;
	int op = forget_op();

	for (; at < end; at += LINE)
		line_forget(at, op);
	forget_drain();
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
