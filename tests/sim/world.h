/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A small region and its hosts, for tests that run them step by step.
 *
 * Notes: a world is made once per case, then frozen; world_reset() brings
 * region and hosts back to that state at the cost of the pages that a run
 * touched. One world at a time. Calls of the core go through small functions
 * that take paths from the root ("d1/a").
 */
#ifndef DAXFS_TESTS_SIM_WORLD_H
#define DAXFS_TESTS_SIM_WORLD_H

#include "core.h"
#include "harness.h"

#define WORLD_HOSTS	4u
#define WORLD_LOG	(64u << 10)
#define WORLD_GUARD	(1u << 20)	/* bytes before and behind the region */
#define WORLD_MAX_STEPS	5000000ull	/* of one run: more is a hang */

/* Of a setup: what fails ends the test. */
#define SETUP(call) do { \
	s64 r_ = (call); \
	if (r_ < 0) { \
		fprintf(stderr, "setup: %s: %s\n", #call, strerror((int)-r_)); \
		exit(1); \
	} \
} while (0)

struct log {			/* text, compared as a whole */
	u32 len;
	char text[WORLD_LOG];
};

struct world {
	u8 *base;
	u64 len;
	int fd;
	struct daxfs_region rg[WORLD_HOSTS];
	struct daxfs_cx cx[WORLD_HOSTS];
	struct daxfs_file held;	/* a file that the setup left open on host 0 */
	struct daxfs_file other;	/* one that it left open on host 3 */
	int persistent;
	const char *when_empty;	/* what world_owned() says when all is deleted; NULL:
				 * depends on what was done */
	u64 branch;		/* that all hosts show; 0: main */
};

struct world_options {
	u64 buckets;		/* of the index */
	u64 pool_len;		/* bytes; 0: what most tests need */
	int base;		/* a base image: see world_base.c */
	int persistent;		/* it survives power cuts */
	int branching;		/* all hosts show a branch of an empty main */
	u64 cache_slots;	/* with base: its content is in backing files */
};

/* Format, and join all hosts. buckets: of the index. Exits on failure. */
void world_make(struct world *w, u64 buckets);
/* The same with a region that survives power cuts. */
void world_make_persistent(struct world *w, u64 buckets);
void world_make_as(struct world *w, const struct world_options *o);
/* Another one instead, for setups; persistent if that one is. */
void world_remake(struct world *w, const struct world_options *o);
/* What the region and the hosts are now is what resets bring back. */
void world_freeze(struct world *w);
void world_reset(struct world *w);
/* Reset, and go on with the setup: what was frozen is changed from here on. */
void world_thaw(struct world *w);
void world_free(struct world *w);

__attribute__((format(printf, 2, 3)))
void log_add(struct log *log, const char *format, ...);
int log_same(const struct log *a, const struct log *b);
/* The first line that differs, for messages; a static buffer. */
const char *log_diff(const struct log *got, const struct log *want);

/* ---- the core by paths; each returns what the core returns ---- */

int w_lookup(struct daxfs_cx *cx, const char *path, struct daxfs_stat *st);
int w_create(struct daxfs_cx *cx, const char *path);
int w_mkdir(struct daxfs_cx *cx, const char *path);
int w_symlink(struct daxfs_cx *cx, const char *path, u32 target_len);
int w_link(struct daxfs_cx *cx, const char *from, const char *to);
int w_unlink(struct daxfs_cx *cx, const char *path);
int w_rmdir(struct daxfs_cx *cx, const char *path);
int w_rename(struct daxfs_cx *cx, const char *from, const char *to, u32 flags);
int w_open(struct daxfs_cx *cx, const char *path, struct daxfs_file *f);
/* Open, do, close. Content is the byte fill. */
s64 w_write(struct daxfs_cx *cx, const char *path, u64 off, u64 len, u8 fill);
s64 w_append(struct daxfs_cx *cx, const char *path, u64 len, u8 fill);
int w_truncate(struct daxfs_cx *cx, const char *path, u64 size);
int w_fallocate(struct daxfs_cx *cx, const char *path, u32 mode, u64 off,
		u64 len);
s64 w_copy(struct daxfs_cx *cx, const char *from, u64 off, const char *to,
	   u64 to_off, u64 len);
s64 w_seek(struct daxfs_cx *cx, const char *path, u64 off, int hole);
/* A range of an open file, for owner 1 of this host. */
int w_lock(struct daxfs_cx *cx, struct daxfs_file *f, enum daxfs_lock_type type,
	   u64 start, u64 end);
/* A value of len bytes fill; an access control list, which has a mask. */
int w_setxattr(struct daxfs_cx *cx, const char *path, const char *name, u64 len,
	       u8 fill);
int w_setacl(struct daxfs_cx *cx, const char *path, const char *name);
s64 w_getxattr(struct daxfs_cx *cx, const char *path, const char *name);
int w_removexattr(struct daxfs_cx *cx, const char *path, const char *name);

/* ---- the whole ---- */

/* All that a user can see but times: names, types, links, sizes, content. */
int world_dump(struct daxfs_cx *cx, struct log *log);
/* Of each name its inode, mode, owner and group: what daxfs_watch_look() is about. */
int world_rights(struct daxfs_cx *cx, struct log *log);
/* A number for the content of a file. -EILSEQ: bytes that nobody has written. */
s64 w_content(struct daxfs_cx *cx, const char *path);
/* Bytes of a file from off on that are not 0. */
s64 w_filled(struct daxfs_cx *cx, const char *path, u64 off);
/* Names in a directory, by listing it; or an error. */
int w_count(struct daxfs_cx *cx, const char *path);
/* Remove every name. */
int world_empty(struct daxfs_cx *cx);
/* daxfs_check_index(): what it reports is added to log. */
int world_check(struct daxfs_cx *cx, struct log *log);
/*
 * What is owned in the pool, by type: pages, and objects in slab pages.
 * Pages of tables that the index no longer reaches count as "lost table".
 * So does what must not be: buckets that refer to memory which is not a name or
 * an inode, and chunks that a host is said to take from. Nothing else but the
 * state of the words is looked at. Nobody may be at work.
 */
void world_owned(struct world *w, struct log *log);

/* Pages of the pool that somebody has; those that are slabs. */
u64 world_pages_owned(struct world *w);
u64 world_slab_pages(struct world *w);

/* world_base.c: what a base image needs, its bytes, and what it leaves. */
void world_base_plan(struct daxfs_geometry *g);
void world_base_put(struct daxfs_geometry *g, u8 *base);
const char *world_base_when_empty(void);

/*
 * Split mode: two backing files of WORLD_BACKING_PAGES pages, of which the base
 * image has the first pages of number 0; the others hold something else each.
 */
#define WORLD_BACKING_FILES	2u
#define WORLD_BACKING_PAGES	4096u
void world_backing_page(u64 addr, u8 *page);
u64 world_backing_addr(u32 file, u64 page);

/* daxfs_check_pool(): what it reports is printed. 0: every page is accounted for. */
int world_account(struct daxfs_cx *cx);

#endif
