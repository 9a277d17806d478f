/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Fuzzing of the region: what the parts share (fuzz_region.c is the target).
 */
#ifndef DAXFS_FUZZ_H
#define DAXFS_FUZZ_H

#include "core.h"

/* ---- mem.c: the region that is worked on ---- */

enum fuzz_golden {
	FUZZ_EMPTY,		/* overlay alone, nothing in it */
	FUZZ_BASE,		/* base image alone */
	FUZZ_RICH,		/* both, and everything that can be half done */
	FUZZ_FULL,		/* no page is free */
	FUZZ_PLAIN,		/* those by number; by a flag: */
	FUZZ_XATTR = FUZZ_PLAIN, /* both, with extended attributes */
	FUZZ_LAYERS,		/* branches on commits that are being merged */
	FUZZ_SPLIT,		/* content in a backing file, and a page cache */
	FUZZ_GOLDEN
};

struct fuzz_words {		/* words of one kind of structure */
	u32 *at;		/* offset / 8 */
	u32 nr;
};

/* What a word is part of, so that mutation meets structure, not content. */
enum fuzz_class {
	FUZZ_C_ANY,		/* any word of the region */
	FUZZ_C_SUPER, FUZZ_C_GLOBALS, FUZZ_C_LAYER, FUZZ_C_HOST, FUZZ_C_CTX,
	FUZZ_C_INFO, FUZZ_C_HINT, FUZZ_C_TABLE, FUZZ_C_BUCKET, FUZZ_C_DIRENT,
	FUZZ_C_INODE,
	FUZZ_C_ATTR,		/* and heads and entries of extended attributes */
	FUZZ_C_MAP, FUZZ_C_SLOT, FUZZ_C_ENTRY,
	FUZZ_C_OPENS, FUZZ_C_BASE_INODE, FUZZ_C_BASE_META,
	FUZZ_C_CACHE,		/* of FUZZ_SPLIT alone: the others are as they were */
	FUZZ_CLASSES
};

struct fuzz_image {		/* a golden region */
	u8 *bytes;
	u64 len;
	struct fuzz_words words[FUZZ_CLASSES];
	u64 *cell, *page, *dir;	/* offsets of cells, of pages; inode numbers */
	u32 cell_nr, page_nr, dir_nr;
};

extern struct fuzz_image fuzz_image[FUZZ_GOLDEN];

/* Guarded memory for the largest golden region. */
void fuzz_mem_make(void);
/* Make it a copy of that golden region: copies what is not so yet. */
void fuzz_mem_reset(enum fuzz_golden g);
/* A store by "another host". */
void fuzz_poke(u64 off, u64 value);
/* A failure: says what, and ends. */
__attribute__((noreturn, format(printf, 1, 2)))
void fuzz_fail(const char *format, ...);
/* Until it returns: leave the core when steps get to that number. */
int fuzz_stopped(void (*fn)(void *), void *arg, u64 steps);
/* Bound of the call that begins, in steps; and what a call took. */
void fuzz_call_begin(u64 limit);
u64 fuzz_call_steps(void);

/* ---- golden.c ---- */

void fuzz_golden_make(void);

/* ---- patch.c ---- */

#define FUZZ_PATCH_LEN	8u

struct fuzz_random {
	u64 state;
};

u64 fuzz_next(struct fuzz_random *r);

struct fuzz_patch {		/* how a word is changed */
	u8 class;		/* enum fuzz_class */
	u8 how;
	u16 nr;			/* of the word in its class */
	u32 value;
};

void fuzz_patch_apply(const struct fuzz_patch *p);
/* n patches from a seed. */
void fuzz_patch_burst(u64 seed, u32 n);
/*
 * From now on, change something about every that many accesses; 0: not.
 * flickers: take it back after a few.
 */
void fuzz_live(u64 seed, u64 every, int flickers);
/* The same by a second thread, truly meanwhile. */
void fuzz_thread_begin(u64 seed);
void fuzz_thread_end(void);
void fuzz_super_repair(void);

/* ---- script.c ---- */

#define FUZZ_OP_LEN	4u

/* Open the region, run the operations, then look at everything. */
void fuzz_script(const u8 *ops, u32 nr, u32 flags);

#define FUZZ_F_REPAIR	1u	/* of the superblock's checksum */
#define FUZZ_F_LIVE	2u	/* changes between accesses */
#define FUZZ_F_THREAD	4u	/* changes by a second thread */
#define FUZZ_F_RDONLY	8u	/* do not join */
#define FUZZ_F_CHECK	16u	/* run the checks before, too */
#define FUZZ_F_MIDWAY	32u	/* half of the patches between the operations */
#define FUZZ_F_XATTR	64u	/* on the golden region FUZZ_XATTR */
#define FUZZ_F_LAYERS	128u	/* on the golden region FUZZ_LAYERS */

#define FUZZ_SPLIT_FROM	240u	/* byte 0 from here on: on FUZZ_SPLIT */

/* ---- fuzz_region.c ---- */

struct fuzz_stats {
	u64 inputs, patches, flips, calls, opened;
	u64 most_steps, most_waited;	/* of one call */
	const char *most_call;
};

extern struct fuzz_stats fuzz_stats;

void fuzz_input(const u8 *data, size_t size);
/* Its region alone, in fuzz_mem: no operation runs. */
void fuzz_patched(const u8 *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

#endif
