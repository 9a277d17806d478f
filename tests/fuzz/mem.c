// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The memory of the region: guarded, counted, and quickly as it was again.
 *
 * Notes: a page without access lies on both sides. The port marks each page
 * that is stored to, so a reset copies those alone; now and then the whole is
 * compared, to show that no store goes unmarked.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "fuzz.h"

#define RESETS_PER_PROOF	1024u

struct fuzz_mem fuzz_mem = { .stop = ~0ull, .now = 1700000000000000000ull };
struct fuzz_image fuzz_image[FUZZ_GOLDEN];

static struct {
	u64 room;		/* bytes mapped */
	u8 *end;		/* of them */
	int golden;		/* what the memory is a copy of; -1: nothing */
	u32 resets;
	u64 begun, limit;	/* of the call that runs */
	u64 live_next;		/* ~0: never */
	jmp_buf stopped;
	int stops;
	u64 stop_at;
} mem = { .golden = -1, .live_next = ~0ull, .limit = ~0ull };

void fuzz_live_now(const void *at, u64 *next);	/* patch.c */

void fuzz_fail(const char *format, ...)
{
	va_list ap;

	fputs("fuzz: FAILED: ", stderr);
	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fputc('\n', stderr);
	abort();
}

void fuzz_outside(const void *at, u64 len)
{
	fuzz_fail("access to %llu bytes at %lld of a region of %llu bytes",
		  (unsigned long long)len,
		  (long long)((const u8 *)at - fuzz_mem.base),
		  (unsigned long long)fuzz_mem.len);
}

/* ---- what happens at the next access ---- */

static void next_stop(void)
{
	u64 stop = ~0ull;

	if (mem.limit != ~0ull)
		stop = mem.begun + mem.limit;
	if (mem.live_next < stop)
		stop = mem.live_next;
	if (mem.stops && mem.stop_at < stop)
		stop = mem.stop_at;
	fuzz_mem.stop = stop;
}

void fuzz_event(const void *at)
{
	if (mem.stops && fuzz_mem.steps >= mem.stop_at)
		longjmp(mem.stopped, 1);
	if (mem.limit != ~0ull && fuzz_mem.steps >= mem.begun + mem.limit)
		fuzz_fail("no end after %llu accesses, %llu ms of waiting",
			  (unsigned long long)(fuzz_mem.steps - mem.begun),
			  (unsigned long long)fuzz_mem.waited / 1000000);
	if (fuzz_mem.steps >= mem.live_next)
		fuzz_live_now(at, &mem.live_next);
	next_stop();
}

void fuzz_live_set(u64 next);
void fuzz_live_set(u64 next)
{
	mem.live_next = next;
	next_stop();
}

void fuzz_call_begin(u64 limit)
{
	mem.begun = fuzz_mem.steps;
	mem.limit = limit;
	fuzz_mem.waited = 0;
	next_stop();
}

u64 fuzz_call_steps(void)
{
	return fuzz_mem.steps - mem.begun;
}

int fuzz_stopped(void (*fn)(void *), void *arg, u64 steps)
{
	mem.stops = 1;
	mem.stop_at = fuzz_mem.steps + steps;
	next_stop();
	if (!setjmp(mem.stopped)) {
		fn(arg);
		mem.stops = 0;
	}
	steps = mem.stops;
	mem.stops = 0;
	next_stop();
	return (int)steps;
}

/* ---- the memory ---- */

void fuzz_mem_make(void)
{
	u64 page = DAXFS_PAGE_SIZE;
	u8 *at;

	mem.room = 0;
	for (u32 i = 0; i < FUZZ_GOLDEN; i++)
		if (fuzz_image[i].len > mem.room)
			mem.room = fuzz_image[i].len;
	at = mmap(NULL, mem.room + 2 * page, PROT_NONE,
		  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (at == MAP_FAILED ||
	    mprotect(at + page, mem.room, PROT_READ | PROT_WRITE))
		fuzz_fail("no memory for a region");
	mem.end = at + page + mem.room;
	fuzz_mem.dirty = calloc(mem.room / page, 1);
	if (!fuzz_mem.dirty)
		fuzz_fail("no memory for a region");
}

/* Regions of different length end at the guard: the end is where it matters. */
static void take_another(enum fuzz_golden g)
{
	fuzz_mem.len = fuzz_image[g].len;
	fuzz_mem.base = mem.end - fuzz_mem.len;
	memcpy(fuzz_mem.base, fuzz_image[g].bytes, fuzz_mem.len);
	memset(fuzz_mem.dirty, 0, mem.room / DAXFS_PAGE_SIZE);
	mem.golden = (int)g;
}

void fuzz_mem_reset(enum fuzz_golden g)
{
	const u8 *from = fuzz_image[g].bytes;

	if (mem.golden != (int)g)
		take_another(g);
	for (u64 p = 0; p < fuzz_mem.len / DAXFS_PAGE_SIZE; p++) {
		u64 off = p * DAXFS_PAGE_SIZE;

		if (!fuzz_mem.dirty[p])
			continue;
		memcpy(fuzz_mem.base + off, from + off, DAXFS_PAGE_SIZE);
		fuzz_mem.dirty[p] = 0;
	}
	if (!(mem.resets++ % RESETS_PER_PROOF) &&
	    memcmp(fuzz_mem.base, from, fuzz_mem.len))
		fuzz_fail("a store to the region was not marked");
}

void fuzz_poke(u64 off, u64 value)
{
	struct daxfs_a64 *w = (struct daxfs_a64 *)(void *)(fuzz_mem.base + off);

	fuzz_mem.dirty[off >> DAXFS_PAGE_SHIFT] = 1;
	posix_store_relaxed(w, value);
}
