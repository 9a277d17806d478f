// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Memory that is not coherent, simulated: each host has a cache of lines.
 *
 * Notes: a host's mapping is its cache: loads and stores go there alone. A line
 * comes from memory when it is forgotten (or at the beginning), and goes to memory
 * when it is flushed, or at any time if it is dirty, as caches do: at each step
 * some dirty lines do, by a seed. After each line that reaches memory, one client
 * that has looked before and one that has not look at the file system: they
 * must see it whole, or none, and every entry whole, with its content. Then the
 * same with each flush and each forget left out in turn: that must show. So must
 * a power cut of the owner at any step, which is what a client sees there.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "famfs.h"
#include "image.h"

#define LEN	(16 * MIB)
#define LINE	64u
#define SIZE	700u		/* bytes of a file: some lines */
#define FILES	3
#define SEEDS	30

struct host {
	u8 *cache;
	u8 *clean;		/* what memory had when a line came or went */
};

/* Nothing else is used: all comparing is done here. */
static const struct famfs_run window[] = {
	{ 0, 256 }, { IMAGE_LOG, IMAGE_LOG + 8192 },
	{ IMAGE_FIRST, IMAGE_FIRST + 1024 },
	{ IMAGE_FIRST + 2 * MIB, IMAGE_FIRST + 2 * MIB + 1024 },
	{ IMAGE_FIRST + 4 * MIB, IMAGE_FIRST + 4 * MIB + 1024 },
};

#define WINDOWS (sizeof(window) / sizeof(window[0]))

static u8 *memory;
static struct host owner, old, fresh;
static char uuid_file[] = "/dev/shm/test_famfs.XXXXXX";
static u8 system_uuid[16];

/* What is promised now, and what was found not to be so. */
static int made;			/* mkfs has returned */
static u64 sure;			/* entries that were acknowledged */
static u64 wrong, looks, steps;

/* What to leave out: the n-th call, counted from 0; -1: nothing. */
static long skip_flush, skip_forget, flushes, forgets;
static int counting;
static struct famfs_cache real;
static u64 seed;

/* ---- lines ---- */

static u64 draw(u64 below)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (seed >> 33) % below;
}

static int is_dirty(const struct host *h, u64 at)
{
	return memcmp(h->cache + at, h->clean + at, LINE) != 0;
}

static void write_back(struct host *h, u64 at)
{
	memcpy(memory + at, h->cache + at, LINE);
	memcpy(h->clean + at, h->cache + at, LINE);
}

static void load(struct host *h, u64 at)
{
	if (is_dirty(h, at))
		write_back(h, at);
	memcpy(h->cache + at, memory + at, LINE);
	memcpy(h->clean + at, memory + at, LINE);
}

static void load_all(struct host *h)
{
	u64 at;
	size_t w;

	for (w = 0; w < WINDOWS; w++)
		for (at = window[w].off; at < window[w].end; at += LINE)
			load(h, at);
}

/* Some dirty lines leave the owner's cache by themselves. */
static void evict(void)
{
	u64 at;
	size_t w;

	for (w = 0; seed && w < WINDOWS; w++)
		for (at = window[w].off; at < window[w].end; at += LINE)
			if (is_dirty(&owner, at) && !draw(4))
				write_back(&owner, at);
}

static struct host *host_of(const void *p, u64 *at)
{
	struct host *all[] = { &owner, &old, &fresh };
	size_t i;

	for (i = 0; i < 3; i++)
		if ((const u8 *)p >= all[i]->cache && (const u8 *)p < all[i]->cache + LEN) {
			*at = (u64)((const u8 *)p - all[i]->cache);
			return all[i];
		}
	abort();
}

/* ---- clients ---- */

static struct famfs_dev *device(struct host *h)
{
	struct famfs_dev *dev = calloc(1, sizeof(*dev));

	if (!dev)
		abort();
	dev->path = strdup("simulated");
	dev->src.fd = -1;
	dev->base = h->cache;
	dev->len = LEN;
	dev->writable = 1;
	return dev;
}

struct reading {
	struct famfs_fs *fs;
	struct famfs_rec rec;
};

static int read_file(void *arg, void *buf, u64 off, u64 len)
{
	struct reading *r = arg;

	return famfs_content_read(r->fs, &r->rec.f, buf, off, len);
}

/* Entries are dir 0, then files, each with numbers of its index. */
static int files_are_right(struct famfs_fs *fs)
{
	struct reading r = { .fs = fs };
	char path[32];
	u64 i;

	for (i = 1; i < fs->played; i++) {
		snprintf(path, sizeof(path), "dir/%llu", (unsigned long long)i);
		if (famfs_stat(fs, path, &r.rec) ||
		    famfs_content_verify(path, r.rec.f.size, i, read_file, &r))
			return 0;
	}
	return 1;
}

/* 1: what this client sees may be seen. */
static int look(struct host *h)
{
	struct famfs_dev *dev = device(h);
	struct famfs_fs *fs;
	int r = famfs_open_dev(&fs, dev, FAMFS_READ), good;

	looks++;
	if (r) {
		famfs_dev_close(dev);
		return r == -ENODATA && !made;
	}
	good = !famfs_replay(fs) && fs->played >= sure && fs->played <= sure + 1 &&
	       files_are_right(fs);
	famfs_close(fs);
	return good;
}

/* ---- the processor ---- */

static void observe(void);

static void flush(const void *p, size_t len)
{
	u64 at, end;
	struct host *h = host_of(p, &at);

	if (h == &owner && flushes++ == skip_flush)
		return;
	end = at + len;
	for (at -= at % LINE; at < end; at += LINE) {
		evict();
		observe();
		write_back(h, at);
		observe();
	}
}

static void flush_silently(const void *p, size_t len)
{
	u64 at, end;
	struct host *h = host_of(p, &at);

	end = at + len;
	for (at -= at % LINE; at < end; at += LINE)
		write_back(h, at);
}

static void forget(const void *p, size_t len)
{
	u64 at, end;
	struct host *h = host_of(p, &at);

	if (counting && h == &old && forgets++ == skip_forget)
		return;
	end = at + len;
	for (at -= at % LINE; at < end; at += LINE)
		load(h, at);
}

/* ---- the owner ---- */

static void super(struct famfs_sb *sb)
{
	*sb = (struct famfs_sb){ .version = FAMFS_VERSION, .log_offset = FAMFS_LOG_OFFSET,
		.log_len = FAMFS_LOG_LEN_MIN, .alloc_unit = FAMFS_UNIT,
		.omf_major = FAMFS_OMF_MAJOR, .omf_minor = FAMFS_OMF_MINOR,
		.flags = FAMFS_SB_PRIMARY };
	memcpy(sb->sys_uuid, system_uuid, 16);
	sb->fs_uuid[3] = 7;
}

static int make_fs(struct famfs_dev *dev)
{
	struct famfs_sb sb;

	super(&sb);
	if (famfs_log_init(dev, &sb) || famfs_sb_write(dev, &sb))
		return 1;
	made = 1;
	return 0;
}

static int make_entry(struct famfs_fs *fs, u64 i)
{
	const struct famfs_stripes simple = { 0 };
	struct famfs_rec rec = { .type = i ? FAMFS_LOG_FILE : FAMFS_LOG_MKDIR,
				 .f.mode = 0755 };
	int r = 0;

	snprintf(rec.f.path, sizeof(rec.f.path), i ? "dir/%llu" : "dir",
		 (unsigned long long)i);
	if (i) {
		rec.f.size = SIZE;
		r = famfs_allocate(fs, &rec.f, &simple);
		if (!r)
			r = famfs_content_fill(fs, &rec.f, i);
	}
	if (!r)
		r = famfs_append(fs, &rec);
	if (!r)
		sure++;
	return r;
}

static void begin(u64 with)
{
	struct host *all[] = { &owner, &old, &fresh };
	size_t i;

	memset(memory, 0, LEN);
	for (i = 0; i < 3; i++) {
		memset(all[i]->cache, 0, LEN);
		memset(all[i]->clean, 0, LEN);
	}
	seed = with;
	made = 0;
	sure = wrong = 0;
	flushes = forgets = 0;
}

/* Messages are expected here, thousands of them. */
static int quiet(int fd)
{
	int saved = fd < 0 ? dup(2) : fd, null = fd < 0 ? open("/dev/null", O_WRONLY) : fd;

	dup2(null, 2);
	close(null);
	return saved;
}

/*
 * An old file system lies there, with a log that its superblock says is larger:
 * with a new body under the old magic it would be neither.
 */
static void put_old(void)
{
	image_super(memory, 1, image_dev_uuid);
	image_u64(memory, IMAGE_LOG, 0);
	load_all(&owner);
	load_all(&old);
}

/* What a command has done is seen when it has returned. */
static void keeps_promises(void)
{
	load_all(&fresh);
	wrong += !look(&fresh);
	wrong += !look(&old);
}

/* All that an owner does, watched; how many looks were wrong in the end. */
static u64 owner_works(u64 with, long skip)
{
	struct famfs_fs *fs = NULL;
	struct famfs_dev *dev;
	int saved = quiet(-1), r;
	u64 i;

	begin(with);
	skip_flush = skip;
	dev = device(&owner);
	r = make_fs(dev);
	keeps_promises();
	if (!r)
		r = famfs_open_dev(&fs, dev, FAMFS_LOG);
	for (i = 0; !r && i <= FILES; i++) {
		r = make_entry(fs, i);
		keeps_promises();
	}
	wrong += !!r;
	if (fs)
		famfs_close(fs);
	else
		famfs_dev_close(dev);
	quiet(saved);
	return wrong;
}

/* A superblock that replaces another one: never a mixture of both. */
static u64 owner_replaces(u64 with, long skip)
{
	struct famfs_dev *dev;
	struct famfs_sb sb, seen;
	char why[FAMFS_WHY];
	int saved = quiet(-1);

	begin(with);
	put_old();
	made = -1;	/* look() is not asked: see replaced() */
	skip_flush = skip;
	dev = device(&owner);
	super(&sb);
	wrong += !!famfs_sb_write(dev, &sb);
	famfs_dev_close(dev);
	dev = device(&fresh);
	load_all(&fresh);
	wrong += famfs_sb_read(dev, &seen, why) != 0 || memcmp(&seen, &sb, sizeof(sb));
	famfs_dev_close(dev);
	quiet(saved);
	return wrong;
}

/* The old superblock, none, or the new one. */
static int replaced(struct host *h)
{
	struct famfs_dev *dev = device(h);
	struct famfs_sb sb;
	char why[FAMFS_WHY];
	int r = famfs_sb_read(dev, &sb, why);

	famfs_dev_close(dev);
	return !r || r == -ENODATA;
}

static void observe(void)
{
	steps++;
	load_all(&fresh);
	if (made < 0) {
		wrong += !replaced(&fresh) || !replaced(&old);
		return;
	}
	wrong += !look(&fresh);
	wrong += !look(&old);
}

/* ---- tests ---- */

static void clients_see_whole_things(void **state)
{
	u64 s;

	(void)state;
	for (s = 0; s < SEEDS; s++) {
		assert_int_equal(owner_works(s, -1), 0);
		assert_int_equal(owner_replaces(s, -1), 0);
	}
	printf("%llu steps, %llu looks\n", (unsigned long long)steps,
	       (unsigned long long)looks);
}

/* By some seed at least: which lines go by themselves is chance. */
static int shows(u64 (*works)(u64 with, long skip), long skip)
{
	u64 s;

	for (s = 0; s < SEEDS; s++)
		if (works(s, skip))
			return 1;
	return 0;
}

static void every_flush_is_needed(void **state)
{
	long i, nr;

	(void)state;
	owner_works(0, -1);
	nr = flushes;
	/* Log, superblock three times, and two or three for each entry. */
	assert_int_equal(nr, 1 + 3 + 2 + 3 * FILES);
	for (i = 0; i < nr; i++)
		if (i != 1 && !shows(owner_works, i))
			fail_msg("flush %ld can be left out", i);
	/* 1, taking the magic away, is needed where there is an old one. */
	if (!shows(owner_replaces, 0) || !shows(owner_replaces, 1) ||
	    !shows(owner_replaces, 2))
		fail_msg("a flush of the superblock can be left out");
}

/* A client that looks, then the owner works, then it looks again. */
static int client_looks_again(long skip)
{
	struct famfs_dev *dev, *mine;
	struct famfs_fs *fs = NULL, *his = NULL;
	int saved = quiet(-1), r, good;

	begin(0);
	skip_flush = -1;
	dev = device(&owner);
	mine = device(&old);
	r = make_fs(dev) || famfs_open_dev(&fs, dev, FAMFS_LOG) || make_entry(fs, 0);
	load_all(&old);
	r = r || famfs_open_dev(&his, mine, FAMFS_READ) || famfs_replay(his);
	load_all(&old);		/* all of it is in his cache: old as well */
	made = 0;
	flushes = 0;
	/* Nobody looks meanwhile: his cache stays as it is. */
	famfs_cache.flush = flush_silently;
	r = r || make_entry(fs, 1) || make_entry(fs, 2);
	famfs_cache.flush = flush;
	counting = 1;
	skip_forget = skip;
	good = !r && !famfs_replay(his) && his->played == 3 && files_are_right(his);
	counting = 0;
	famfs_close(fs);
	famfs_close(his);
	quiet(saved);
	return good;
}

static void every_forget_is_needed(void **state)
{
	long i, nr;

	(void)state;
	assert_int_equal(client_looks_again(-1), 1);
	nr = forgets;
	/* The counters; two entries; for each file its entry again, and content. */
	assert_int_equal(nr, 1 + 2 + 2 * 2);
	for (i = 0; i < nr; i++) {
		int again = i == 3 || i == 5;	/* the entry was read before */

		if (client_looks_again(i) != again)
			fail_msg("forget %ld can%s be left out", i, again ? "not" : "");
	}
}

/* The real thing: it changes nothing, and ends. */
static void processor(void **state)
{
	u8 *p = malloc(1000);

	(void)state;
	assert_non_null(p);
	memset(p, 5, 1000);
	famfs_cache = real;
	famfs_flush(p + 3, 900);
	famfs_forget(p + 3, 900);
	famfs_flush(p, 0);
	famfs_forget(p, 1);
	assert_int_equal(p[0], 5);
	assert_int_equal(p[999], 5);
	free(p);
}

static u8 *room(void)
{
	u8 *p = aligned_alloc(4096, LEN);

	if (!p)
		abort();
	return p;
}

static void be_system(void)
{
	char text[FAMFS_UUID_TEXT];
	int fd = mkstemp(uuid_file);

	memcpy(system_uuid, image_sys_uuid, 16);
	famfs_uuid_text(system_uuid, text);
	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		abort();
	close(fd);
	setenv("FAMFS_SYSTEM_UUID", uuid_file, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(clients_see_whole_things),
		cmocka_unit_test(every_flush_is_needed),
		cmocka_unit_test(every_forget_is_needed),
		cmocka_unit_test(processor),
	};
	struct host *all[] = { &owner, &old, &fresh };
	size_t i;
	int r;

	be_system();
	memory = room();
	for (i = 0; i < 3; i++) {
		all[i]->cache = room();
		all[i]->clean = room();
	}
	real = famfs_cache;
	famfs_cache.flush = flush;
	famfs_cache.forget = forget;
	r = cmocka_run_group_tests(tests, NULL, NULL);
	for (i = 0; i < 3; i++) {
		free(all[i]->cache);
		free(all[i]->clean);
	}
	free(memory);
	unlink(uuid_file);
	return r;
}
