// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Allocation, holes and copies against plain arrays: what a file holds, which
 * of its bytes are data, and how many pages it has.
 *
 * Notes: one operation after the other, by hosts in turn, on files that were
 * made here or come from a base image. After each: size and content of the
 * file as in the array; every byte that is not zero is said to be data; data
 * and holes take turns; st_blocks is what the map holds (at least that, if there
 * is a base image). At the end of a
 * course every page is accounted for. Free memory is not zero.
 */
#include <stdlib.h>

#include "inode.h"
#include "map.h"
#include "word.h"
#include "world.h"

#define FILES		3u
#define PAGE		4096ull
#define FILE_MAX	(40 * PAGE)
#define OPS		60u		/* of a course */
#define HOLE		(DAXFS_PUNCH_HOLE | DAXFS_KEEP_SIZE)

struct model {
	const char *path;
	u64 size;
	u8 data[FILE_MAX];	/* zero behind the end */
};

static struct world world;
static struct model model[FILES];
static u64 rng;
static int based;		/* the files come from a base image */
static char last[160];		/* the operation, for messages */

static u64 pick(u64 n)
{
	return sim_rand(&rng) % n;
}

/* Often at the edge of a page. */
static u64 pick_off(u64 n)
{
	u64 off = pick(n);

	return pick(2) ? off : off & ~(PAGE - 1);
}

/* ---- what is there ---- */

static s64 blocks_of(struct daxfs_cx *cx, u64 ino)
{
	struct daxfs_iref ref;
	struct daxfs_a64 *word;
	u64 idx = 0, nr = 0;

	if (daxfs_enter(cx))
		return -1;
	if (!daxfs_iget(cx, ino, 0, &ref) && ref.in)
		for (; !daxfs_map_next(cx, ref.in, &idx, &word); idx++)
			nr += pslot_is_page(a64_load_relaxed(word));
	daxfs_leave(cx);
	return (s64)nr * 8;
}

static int content_ok(struct daxfs_cx *cx, const struct model *m)
{
	static u8 buf[FILE_MAX];
	struct daxfs_stat st;
	struct daxfs_file f = { .ino = 0 };

	if (w_lookup(cx, m->path, &st) || st.size != m->size)
		return FAIL("%s: size %llu, not %llu", last,
			    (unsigned long long)st.size,
			    (unsigned long long)m->size);
	f.ino = st.ino;
	if (daxfs_read(cx, &f, 0, buf, sizeof(buf)) != (s64)m->size)
		return FAIL("%s: it cannot be read", last);
	for (u64 i = 0; i < m->size; i++)
		if (buf[i] != m->data[i])
			return FAIL("%s: byte %llu of %s is %x, not %x", last,
				    (unsigned long long)i, m->path, buf[i],
				    m->data[i]);
	/* what the base image has is counted whether it shows or not */
	if ((s64)st.blocks < blocks_of(cx, st.ino) ||
	    (!based && (s64)st.blocks != blocks_of(cx, st.ino)))
		return FAIL("%s: %llu blocks, not %lld", last,
			    (unsigned long long)st.blocks,
			    (long long)blocks_of(cx, st.ino));
	return 0;
}

static int seek_ok(struct daxfs_cx *cx, const struct model *m)
{
	u64 off = 0;

	while (off < m->size) {
		s64 data = w_seek(cx, m->path, off, 0), hole;
		u64 end = data < 0 ? m->size : (u64)data;

		if ((data < 0 && data != -ENXIO) || end < off || end > m->size)
			return FAIL("%s: data at %lld", last, (long long)data);
		for (; off < end; off++)
			if (m->data[off])
				return FAIL("%s: byte %llu is in a hole", last,
					    (unsigned long long)off);
		if (data < 0)
			break;
		hole = w_seek(cx, m->path, end, 1);
		if (hole <= data || (u64)hole > m->size)
			return FAIL("%s: after data at %lld a hole at %lld", last,
				    (long long)data, (long long)hole);
		off = (u64)hole;
	}
	if (w_seek(cx, m->path, m->size, 0) != -ENXIO ||
	    w_seek(cx, m->path, m->size, 1) != -ENXIO)
		return FAIL("%s: something is behind the end", last);
	return 0;
}

/* A page that is punched as a whole is a hole. */
static int punched_ok(struct daxfs_cx *cx, const struct model *m, u64 off, u64 len)
{
	u64 first = (off + PAGE - 1) & ~(PAGE - 1), end = (off + len) & ~(PAGE - 1);
	s64 data;

	if (first >= end || first >= m->size)
		return 0;
	data = w_seek(cx, m->path, first, 0);
	if (data >= 0 && (u64)data < end)
		return FAIL("%s: %lld is data still", last, (long long)data);
	return w_seek(cx, m->path, first, 1) == (s64)first ? 0 :
	       FAIL("%s: %llu is no hole", last, (unsigned long long)first);
}

/* ---- operations on both ---- */

static void model_fill(struct model *m, u64 off, const u8 *from, u8 fill, u64 len)
{
	for (u64 i = 0; i < len; i++)
		m->data[off + i] = from ? from[i] : fill;
	if (m->size < off + len)
		m->size = off + len;
}

static void model_zero(struct model *m, u64 off, u64 len)
{
	memset(m->data + off, 0, len);
}

static void model_cut(struct model *m, u64 size)
{
	if (size < m->size)
		memset(m->data + size, 0, m->size - size);
	m->size = size;
}

#define EXPECT(call, want, ...) do { \
	s64 got_ = (call); \
	snprintf(last, sizeof(last), __VA_ARGS__); \
	if (got_ != (s64)(want)) \
		return FAIL("%s: %lld, not %lld", last, (long long)got_, \
			    (long long)(want)); \
} while (0)

static int do_space(struct daxfs_cx *cx, struct model *m, u32 mode)
{
	u64 off = pick_off(FILE_MAX), len = 1 + pick_off(FILE_MAX - off);

	EXPECT(w_fallocate(cx, m->path, mode, off, len), 0,
	       "fallocate %s mode %u, %llu %llu", m->path, mode,
	       (unsigned long long)off, (unsigned long long)len);
	if (mode & (DAXFS_PUNCH_HOLE | DAXFS_ZERO_RANGE))
		model_zero(m, off, len);
	if (!(mode & DAXFS_KEEP_SIZE) && m->size < off + len)
		m->size = off + len;
	return mode == HOLE ? punched_ok(cx, m, off, len) : 0;
}

static int do_write(struct daxfs_cx *cx, struct model *m)
{
	u64 off = pick_off(FILE_MAX), len = 1 + pick_off(FILE_MAX - off);
	u8 fill = (u8)(1 + pick(100));

	EXPECT(w_write(cx, m->path, off, len, fill), len, "write %s %llu %llu",
	       m->path, (unsigned long long)off, (unsigned long long)len);
	model_fill(m, off, NULL, fill, len);
	return 0;
}

static int do_append(struct daxfs_cx *cx, struct model *m)
{
	u64 len = pick_off(FILE_MAX - m->size + 1);
	u8 fill = (u8)(101 + pick(20));

	EXPECT(w_append(cx, m->path, len, fill), len, "append %s %llu", m->path,
	       (unsigned long long)len);
	model_fill(m, m->size, NULL, fill, len);
	return 0;
}

static int do_truncate(struct daxfs_cx *cx, struct model *m)
{
	u64 size = pick(4) ? pick_off(FILE_MAX) : m->size;

	EXPECT(w_truncate(cx, m->path, size), 0, "truncate %s %llu", m->path,
	       (unsigned long long)size);
	model_cut(m, size);
	return 0;
}

static int do_copy(struct daxfs_cx *cx, struct model *m)
{
	struct model *from = &model[pick(FILES)];
	u64 off = pick_off(FILE_MAX), to = pick_off(FILE_MAX);
	u64 len = 1 + pick_off(FILE_MAX - (off > to ? off : to));
	u64 want = off >= from->size ? 0 : from->size - off;
	int overlap = from == m && off < to + len && to < off + len;

	if (want > len)
		want = len;
	EXPECT(w_copy(cx, from->path, off, m->path, to, len),
	       overlap ? -EINVAL : (s64)want, "copy %s %llu %s %llu, %llu",
	       from->path, (unsigned long long)off, m->path,
	       (unsigned long long)to, (unsigned long long)len);
	if (!overlap && want)
		model_fill(m, to, from->data + off, 0, want);
	return 0;
}

static int do_one(struct daxfs_cx *cx, struct model *m)
{
	switch (pick(10)) {
	case 0:
	case 1:
		return do_write(cx, m);
	case 2:
		return do_append(cx, m);
	case 3:
		return do_truncate(cx, m);
	case 4:
		return do_space(cx, m, 0);
	case 5:
		return do_space(cx, m, DAXFS_KEEP_SIZE);
	case 6:
		return do_space(cx, m, DAXFS_ZERO_RANGE);
	case 7:
		return do_space(cx, m, DAXFS_ZERO_RANGE | DAXFS_KEEP_SIZE);
	case 8:
		return do_copy(cx, m);
	default:
		return do_space(cx, m, HOLE);
	}
}

static int one_course(void)
{
	for (u32 i = 0; i < OPS; i++) {
		struct model *m = &model[pick(FILES)];

		if (do_one(&world.cx[pick(3)], m) ||
		    content_ok(&world.cx[pick(3)], m) ||
		    seek_ok(&world.cx[pick(3)], m))
			return -1;
	}
	return world_account(&world.cx[0]) ? FAIL("the accounting is wrong") : 0;
}

/* ---- courses ---- */

static void model_begin(void)
{
	static const char *const path[FILES] = { "d1/a", "d1/b", "d2/c" };
	static const u64 size[FILES] = { 5000, 9000, 100 };

	memset(model, 0, sizeof(model));
	for (u32 i = 0; i < FILES; i++) {
		model[i].path = path[i];
		if (!based)
			SETUP(w_create(&world.cx[i], path[i]));
		else
			model_fill(&model[i], 0, NULL, (u8)('a' + i), size[i]);
	}
}

static int test_courses(const void *arg)
{
	struct world_options o = { .buckets = 512, .base = !!arg,
				   .pool_len = 4u << 20 };
	u64 runs = harness_runs(60), i;
	int r = 0;

	based = o.base;
	world_make_as(&world, &o);
	if (!based) {
		SETUP(w_mkdir(&world.cx[0], "d1"));
		SETUP(w_mkdir(&world.cx[0], "d2"));
	}
	world_freeze(&world);
	for (i = 0; i < runs && !r; i++) {
		world_reset(&world);
		model_begin();
		rng = harness_seed() * 1000003 + i;
		if (one_course())
			r = FAIL("course %llu of SIM_SEED=%llu",
				 (unsigned long long)i,
				 (unsigned long long)harness_seed());
	}
	harness_covered(i * OPS, "operations");
	world_free(&world);
	return r;
}

/* ---- a full region ---- */

static u64 pages_free(void)
{
	struct daxfs_statfs st;

	SETUP(daxfs_statfs(&world.cx[0], &st));
	return st.pages_avail;
}

static int full_course(struct daxfs_cx *cx)
{
	u64 room = pages_free();

	EXPECT(w_fallocate(cx, "f", 0, 0, 1ull << 40), -ENOSPC, "far too much");
	if (pages_free() != room)
		return FAIL("a call that failed has taken pages");
	EXPECT(w_fallocate(cx, "f", 0, 0, (room - 4) * PAGE), 0, "nearly all");
	EXPECT(w_fallocate(cx, "g", DAXFS_KEEP_SIZE, 0, 64 * PAGE), -ENOSPC,
	       "more than is left");
	/* What is allocated can be written whatever happens. */
	while (w_write(cx, "g", 1000 * PAGE * pick(1000), 1, 'g') == 1)
		;
	EXPECT(w_write(cx, "f", 100, 70 * PAGE, 'f'), 70 * PAGE,
	       "a write to what is allocated");
	EXPECT(w_fallocate(cx, "f", HOLE, 3 * PAGE + 5, 60 * PAGE), 0,
	       "a hole when nothing is free");
	EXPECT(w_write(cx, "g", 0, 20 * PAGE, 'g'), 20 * PAGE,
	       "a write to what the hole has left");
	return world_account(cx) ? FAIL("the accounting is wrong") : 0;
}

static int test_full(const void *arg)
{
	int r;

	(void)arg;
	rng = harness_seed();
	world_make(&world, 512);
	SETUP(w_create(&world.cx[0], "f"));
	SETUP(w_create(&world.cx[1], "g"));
	r = full_course(&world.cx[0]);
	world_free(&world);
	return r;
}

/* ---- files that are nearly all hole ---- */

#define HUGE_STEPS	30000u	/* accesses: of what exists, not of the size */

static s64 huge_result;
static u64 huge_off;

static void punch_huge(void *arg)
{
	huge_result = w_fallocate(arg, "f", HOLE, 0, DAXFS_MAX_FILE);
}

static void seek_huge(void *arg)
{
	huge_result = w_seek(arg, "f", huge_off, 0);
}

static int in_steps(void (*fn)(void *arg), struct daxfs_cx *cx, s64 want)
{
	struct sim_host h;

	sim_host_init(&h, fn, cx);
	if (sim_run_one(&h, HUGE_STEPS))
		return FAIL("more than %u steps", HUGE_STEPS);
	return huge_result == want ? 0 :
	       FAIL("%lld, not %lld", (long long)huge_result, (long long)want);
}

static int huge_course(struct daxfs_cx *cx)
{
	static const u64 at[] = { 5, 3ull << 30, 7ull << 40, DAXFS_MAX_FILE - 9 };

	for (u32 i = 0; i < 4; i++)
		EXPECT(w_write(cx, "f", at[i], 9, 'x'), 9, "write at %llx",
		       (unsigned long long)at[i]);
	for (u32 i = 1; i < 4; i++) {
		huge_off = (at[i - 1] | (PAGE - 1)) + 1;
		if (in_steps(seek_huge, cx, (s64)(at[i] & ~(PAGE - 1))))
			return -1;
	}
	if (in_steps(punch_huge, cx, 0))
		return -1;
	EXPECT(w_seek(cx, "f", 0, 0), -ENXIO, "data in a hole");
	EXPECT(w_seek(cx, "f", 77, 1), 77, "the hole");
	EXPECT(w_filled(cx, "f", DAXFS_MAX_FILE - 100), 0, "its end");
	EXPECT(w_fallocate(cx, "f", 0, DAXFS_MAX_FILE, 1), -EFBIG, "too far");
	EXPECT(w_fallocate(cx, "f", 0, 1, ~0ull), -EFBIG, "too long");
	EXPECT(w_fallocate(cx, "f", 0, 1, 0), -EINVAL, "nothing");
	EXPECT(w_fallocate(cx, "f", DAXFS_PUNCH_HOLE, 0, 1), -EOPNOTSUPP,
	       "a hole that moves the size");
	EXPECT(w_fallocate(cx, "f", 8, 0, PAGE), -EOPNOTSUPP, "collapse");
	EXPECT(w_copy(cx, "f", 0, "f", 1ull << 40, 1ull << 30), 1ull << 30,
	       "copy of a hole");
	return world_account(cx) ? FAIL("the accounting is wrong") : 0;
}

static int test_huge(const void *arg)
{
	int r;

	(void)arg;
	world_make(&world, 512);
	SETUP(w_create(&world.cx[0], "f"));
	r = huge_course(&world.cx[1]);
	world_free(&world);
	return r;
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "against arrays", test_courses, NULL },
		{ "against arrays, base image", test_courses, "" },
		{ "a full region", test_full, NULL },
		{ "huge files", test_huge, NULL },
	};

	return harness_main(argc, argv, tests, 4);
}
