// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Changes of the region's words: by class, so that they meet metadata, and
 * with values that might be: references to other things of the region.
 *
 * Notes: everything follows from a seed. A change between two accesses takes
 * the word that is about to be touched, as often as not: a value that is
 * loaded twice is then seen in both states.
 */
#include <pthread.h>

#include "fuzz.h"
#include "word.h"

static struct {
	struct fuzz_random random;
	u64 every;
	u32 left;		/* live changes of this input */
	int flickers;		/* they are taken back at once */
	u64 back_off, back_old, back_new;	/* 0: nothing to take back */
	pthread_t thread;
	int runs, ends;
	u64 seed;
} live;

enum fuzz_golden fuzz_golden_now;

void fuzz_live_now(const void *at, u64 *next);
void fuzz_live_set(u64 next);

#define LIVE_MOST	2000u
#define EXACT		240u

/* SplitMix64 (Steele, Lea, Flood 2014). */
u64 fuzz_next(struct fuzz_random *r)
{
	u64 x = r->state += 0x9e3779b97f4a7c15ull;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ x >> 27) * 0x94d049bb133111ebull;
	return x ^ x >> 31;
}

static const struct fuzz_image *image(void)
{
	return &fuzz_image[fuzz_golden_now];
}

/* Not of the superblock: it is behind a checksum, and has a class. */
static u64 any_word(u64 n)
{
	return DAXFS_PAGE_SIZE + n % ((fuzz_mem.len - DAXFS_PAGE_SIZE) / 8) * 8;
}

/* The word that a patch is about; of a class without words: any word. */
static u64 word_of(u32 class, u64 nr)
{
	u32 classes = fuzz_golden_now == FUZZ_SPLIT ? FUZZ_CLASSES : FUZZ_C_CACHE;
	const struct fuzz_words *w = &image()->words[class % classes];

	return w->nr ? (u64)w->at[nr % w->nr] * 8 :
	       any_word(nr * 0x9e3779b97f4a7c15ull >> 20);
}

static u64 load(u64 off)
{
	return off >= fuzz_mem.len ? 0 :
	       posix_load_relaxed((struct daxfs_a64 *)(void *)
				  (fuzz_mem.base + off));
}

static u64 cell(u64 n)
{
	return image()->cell_nr ? image()->cell[n % image()->cell_nr] : any_word(n);
}

static u64 page(u64 n)
{
	return image()->page[n % image()->page_nr];
}

static u64 dir(u64 n)
{
	return image()->dir[n % image()->dir_nr];
}

/* A reference to a record, of the right sequence more often than not. */
static u64 ref(u64 n)
{
	u32 host = n % 6, cx = host * DAXFS_CTXS + (n >> 4) % 2;
	u32 first = image()->words[FUZZ_C_CTX].nr ?
		    image()->words[FUZZ_C_CTX].at[0] : 0;
	u64 status = load(((u64)first * 8 + host * sizeof(struct daxfs_host_slot) +
			   ((n >> 4) % 2) * 512 + 64) & ~7ull);

	return ref_make(cx, status_seq(status) + ((n >> 8) % 8 ? 0 : n >> 16 & 3));
}

static u64 edge(u64 n)
{
	static const u64 edges[] = {
		0, 1, 7, 8, 255, 4095, 4096, 1ull << 31, 1ull << 32, 1ull << 35,
		1ull << 44, 1ull << 48, ~0ull, ~7ull, 1ull << 63, ~0ull >> 1,
	};
	u64 v = n & 16 ? fuzz_mem.len : edges[n % 16];

	v += (n >> 5) % 3 - 1;
	return n & 256 ? v << 3 : n & 512 ? v << 4 : v;
}

/* A value that a word of that class might hold. */
static u64 plausible(u32 class, u64 off, u64 n)
{
	switch (class) {
	case FUZZ_C_BUCKET:
		return bucket_make(1 + n % 5, cell(n >> 8), n & 128 ?
				   load(cell(n >> 8) + 16) : n);
	case FUZZ_C_INFO:
		if (n % 4 == 3)
			return DAXFS_I_RETIRED | (n >> 3 & 0x7ff8) |
			       (u64)(n >> 20 & 7) << 15;
		return n % 4 == 2 ? n % 5 :
		       info_owned(n >> 2 & 15, n >> 6 & 7, n & 4096 ? off :
				  word_of((u32)(n >> 16), n >> 24));
	case FUZZ_C_MAP: case FUZZ_C_TABLE: case FUZZ_C_LAYER:
		return n & 1 ? pslot_make(page(n >> 4)) : page(n >> 4);
	case FUZZ_C_SLOT:
		return cell(n);
	case FUZZ_C_HOST:
		return host_make(n % 5, n >> 3 & 7, 100 + (n >> 6 & 7), n >> 9 & 3);
	case FUZZ_C_CTX: case FUZZ_C_ENTRY:
		return n % 8 ? word_of((u32)(n >> 3), n >> 8) :
		       status_make(n >> 8 & 31, n >> 3 & 3);
	case FUZZ_C_DIRENT: case FUZZ_C_INODE:
		if (n % 4 == 0)
			return value_make(n >> 2 & 3, n >> 4 & 15,
					  n & 256 ? dir(n >> 9) : n >> 9 & 1023);
		if (n % 4 == 1)
			return page(n >> 4) | (n >> 2 & 3 ? 8 : n >> 12 & 7);
		return n % 4 == 2 ? (n >> 2 & 3) << 60 | dir(n >> 4) : cell(n >> 2);
	}
	return n % 2 ? page(n >> 1) : cell(n >> 1);
}

/* What an input by hand says exactly; how is EXACT and more. */
static u64 exact(const struct fuzz_patch *p, u64 old)
{
	switch (p->how - EXACT) {
	case 0:
		return p->value;
	case 1:
		return (u64)p->value << 32;
	case 2:
		return ~(u64)p->value;
	case 3:
		return page(p->value);
	case 4:
		return pslot_make(page(p->value));
	case 5:
		return cell(p->value);
	case 6:
		return old + (u64)(s64)(int32_t)p->value;
	case 7:
		return (old & ~7ull) | p->value;
	case 8:
		return ref_make(p->value >> 16, p->value & 0xffff);
	}
	return old;
}

static u64 value_for(const struct fuzz_patch *p, u64 off, u64 old)
{
	u64 n = p->value * 0x9e3779b97f4a7c15ull;

	n ^= n >> 29;
	if (p->how >= EXACT)
		return exact(p, old);
	switch (p->how % 10) {
	case 0: case 1: case 2:
		return old ^ 1ull << p->value % 64;
	case 3:
		return n;
	case 4:
		return load(word_of(p->class, n));
	case 5:
		return load(word_of((u32)n, n >> 8));
	case 6:
		return edge(n);
	case 7:
		return p->value & 1 ? ref(n) : old + (n >> 8) % 17 - 8;
	}
	return plausible(p->class % FUZZ_CLASSES, off, n);
}

static void change(u64 off, u64 new)
{
	u64 diff = load(off) ^ new;

	for (; diff; diff >>= 8)
		fuzz_stats.flips += !!(diff & 255);
	fuzz_stats.patches++;
	fuzz_poke(off, new);
}

void fuzz_patch_apply(const struct fuzz_patch *p)
{
	u64 off = word_of(p->class, p->class % FUZZ_CLASSES ? p->nr :
			  p->nr * 0x9e3779b97f4aull + p->value);

	change(off, value_for(p, off, load(off)));
}

/* super: may be of the superblock, after which little else is reached. */
static void random_patch(struct fuzz_random *r, struct fuzz_patch *p, int super)
{
	u64 n = fuzz_next(r);

	memcpy(p, &n, sizeof(n));
	if (p->class % FUZZ_CLASSES == FUZZ_C_SUPER && (!super || p->how % 8))
		p->class = (u8)(FUZZ_C_SUPER + 1 + p->nr % (FUZZ_CLASSES - 2));
}

void fuzz_patch_burst(u64 seed, u32 n)
{
	struct fuzz_random r = { seed };
	struct fuzz_patch p;

	while (n--) {
		random_patch(&r, &p, seed % 32 == 5);
		fuzz_patch_apply(&p);
	}
}

/* ---- meanwhile ---- */

void fuzz_live(u64 seed, u64 every, int flickers)
{
	live.random.state = seed;
	live.every = every;
	live.flickers = flickers;
	live.left = LIVE_MOST;
	live.back_off = 0;
	fuzz_live_set(every ? fuzz_mem.steps + 1 + seed % every : ~0ull);
}

/* A word is another one for a few accesses: all else stays as it was. */
static void flicker(u64 off, u64 new)
{
	live.back_off = off;
	live.back_old = load(off);
	live.back_new = new;
	change(off, new);
}

static void live_change(u64 off, u64 n)
{
	struct fuzz_patch p;
	u64 new;

	random_patch(&live.random, &p, n >> 60 == 5);
	if (!(n & 1) || off >= fuzz_mem.len) {
		if (!live.flickers) {
			fuzz_patch_apply(&p);
			return;
		}
		off = word_of(p.class, p.nr);
	}
	new = n & 2 ? value_for(&p, off, load(off)) : n & 4 ? 0 : ~load(off);
	if (live.flickers)
		flicker(off, new);
	else
		change(off, new);
}

void fuzz_live_now(const void *at, u64 *next)
{
	u64 n = fuzz_next(&live.random);

	if (live.back_off) {
		if (load(live.back_off) == live.back_new)
			fuzz_poke(live.back_off, live.back_old);
		live.back_off = 0;
		*next = fuzz_mem.steps + 1 + (n >> 8) % (2 * live.every);
		return;
	}
	live_change((u64)((const u8 *)at - fuzz_mem.base) & ~7ull, n);
	*next = fuzz_mem.steps + 1 + (live.back_off ? (n >> 8) % 3 :
				      (n >> 8) % (2 * live.every));
	if (!--live.left)
		*next = ~0ull;
}

static void *mutator(void *arg)
{
	struct fuzz_random r = { live.seed };
	struct fuzz_patch p;

	(void)arg;
	while (!__atomic_load_n(&live.ends, __ATOMIC_ACQUIRE)) {
		u64 off;

		random_patch(&r, &p, 1);
		off = word_of(p.class, p.nr);
		fuzz_poke(off, value_for(&p, off, load(off)));
		for (u32 i = 0; i < (p.value & 63); i++)
			__asm__ volatile("" ::: "memory");
	}
	return NULL;
}

void fuzz_thread_begin(u64 seed)
{
	live.seed = seed;
	live.ends = 0;
	live.runs = !pthread_create(&live.thread, NULL, mutator, NULL);
}

void fuzz_thread_end(void)
{
	if (!live.runs)
		return;
	__atomic_store_n(&live.ends, 1, __ATOMIC_RELEASE);
	pthread_join(live.thread, NULL);
	live.runs = 0;
}

/* Patches of the superblock show only behind a right checksum. */
void fuzz_super_repair(void)
{
	struct daxfs_super sb;

	memcpy(&sb, fuzz_mem.base, sizeof(sb));
	sb.crc = 0;
	sb.crc = port_crc32(0, &sb, sizeof(sb));
	memcpy(fuzz_mem.base, &sb, sizeof(sb));
	fuzz_mem.dirty[0] = 1;
}
