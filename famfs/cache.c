// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Write back and drop cache lines: for memory that hosts see at different times.
 *
 * Notes: which instruction does it is found by cpuid in port/posix/port.c: clwb,
 * clflushopt or clflush to write back, clflushopt or clflush to drop. On
 * coherent memory both only cost time. What calls them, and why there, is in
 * docs/famfs-format.md.
 */
#include "famfs.h"
#include "port.h"

static void flush(const void *p, size_t len)
{
	port_write_back(p, len);
	port_drain();
}

struct famfs_cache famfs_cache = { .flush = flush, .forget = port_forget };

void famfs_flush(const void *p, size_t len)
{
	famfs_cache.flush(p, len);
}

void famfs_forget(const void *p, size_t len)
{
	famfs_cache.forget(p, len);
}
