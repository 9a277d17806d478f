/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the stress programs share: a region, hosts, walks, reports.
 *
 * Notes: a process of these programs is one host, a thread one context, so both
 * are globals (mnt, cx). Children of fork() join on their own. A wrong result
 * ends the process by WRONG(), which says what was seen.
 */
#ifndef DAXFS_STRESS_H
#define DAXFS_STRESS_H

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "core.h"
#include "mount.h"

#define MIB	(1024ull * 1024)
#define TIB	(1024 * 1024 * MIB)

extern struct daxfs_mount *mnt;
extern __thread struct daxfs_cx *cx;
extern __thread const char *who;	/* for messages */

void __attribute__((noreturn, format(printf, 3, 4)))
wrong_at(const char *file, int line, const char *fmt, ...);
#define WRONG(...) wrong_at(__FILE__, __LINE__, __VA_ARGS__)

/* r is what a core call returned; it has to be 0 or more. */
#define MUST(call)							\
	({								\
		s64 must_ = (call);					\
		if (must_ < 0)						\
			WRONG("%s: %s", #call, strerror((int)-must_));	\
		must_;							\
	})

/* ---- results: one line per case, a total at the end ---- */

void __attribute__((format(printf, 2, 3)))
report(int good, const char *fmt, ...);
void report_skip(const char *what, const char *why);
int report_total(void);		/* prints it; the exit status */

/* ---- a region ---- */

/*
 * Make an empty region in /dev/shm, gone at the end of this process or
 * after SIGINT and SIGTERM. Returns its path.
 */
const char *region_make(u64 size, u64 buckets);
void region_remove(void);
void host_join(const char *path);
void host_part(void);
/* Nobody but us is in the host table, nor what a dead host left; one case. */
void verify_hosts(void);

/* ---- random numbers ---- */

void random_seed(u64 seed);
u64 random64(void);
static inline u64 below(u64 n)
{
	return random64() % n;
}

/* ---- names and content ---- */

struct listed {
	u64 ino;
	u32 d_type;
	char name[DAXFS_NAME_MAX + 1];
};

struct list {
	struct listed *e;
	u64 nr, room;
};

static inline u32 len_of(const char *name)
{
	return (u32)strlen(name);
}

/* All entries but "." and "..". */
int list_dir(u64 dir, struct list *l);
u64 make_dir(u64 dir, const char *name);
u64 make_file(u64 dir, const char *name);
/* Remove whatever is in dir. */
void empty_dir(u64 dir);

struct walked {
	u64 files, dirs, names;
};

/*
 * Walk the tree below the root while nobody changes it: each name is listed
 * once and found by lookup, link counts are what the names say.
 */
void walk_verify(struct walked *w);
/* fsck's pass over the index; reports as one case. */
void check_index(void);
/* fsck's accounting of all pages and objects; reports as one case. */
void check_pool(void);
/* Pages free, once what can be reclaimed has been. */
u64 pages_free(void);
/* Pages whose info words say that they are in use. */
u64 pages_owned(void);
/*
 * The same without pages of objects that hold none, which are turned back when
 * that pays: what is in use to the page, also after kills.
 */
u64 pages_live(void);
/* For whoever finds more of them than there should be. */
void print_live_pages(void);
/* The same without the buckets of the index, which take *index pages. */
u64 pages_besides_index(u64 *index);
/* Pages that may be used by ordinary work, as statfs tells. */
u64 pages_avail(void);
/* Pages that one file gets before ENOSPC. */
u64 pages_usable(void);
u64 now_ms(void);

#endif
