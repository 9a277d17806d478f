// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Content that comes by a function which may fail, as a kernel's does on a fault.
 *
 * Notes: the core alone, over memory of this process. The function fails at each
 * byte in turn: what was not copied does not show, a record that is appended shows
 * as a whole or not at all, nothing leaks, and a second try ends what the first
 * began. Files are compared with an array of bytes. And stores through a mapping:
 * what they do to counter and times.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <sys/mman.h>

#include "core.h"

#define REGION	(16u << 20)
#define LEN	(3 * 4096u + 100)	/* of what is written */
#define FILE_LEN (10 * 4096u)

struct env {
	void *base;
	struct daxfs_region rg;
	struct daxfs_cx cx;
	struct daxfs_file f;
	u8 want[FILE_LEN];
	u64 size;
};

static void must(s64 r)
{
	if (r < 0)
		fail_msg("error %lld", (long long)r);
}

static int setup(void **state)
{
	struct daxfs_geometry g = {
		.region_len = REGION, .overlay = 1, .mode = DAXFS_MODE_EMPTY,
		.buckets = 512, .root_mode = 0755, .uuid = { 1 },
	};
	const struct daxfs_host_id id = { .kind = DAXFS_HOST_TOOL, .pid = 1 };
	const struct daxfs_new what = { .mode = S_IFREG | 0644 };
	struct env *e = calloc(1, sizeof(*e));
	struct daxfs_stat st;
	u64 needed;

	assert_non_null(e);
	e->base = mmap(NULL, REGION, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(e->base != MAP_FAILED);
	must(daxfs_plan(&g, &needed));
	must(daxfs_format(&g, e->base, REGION));
	must(daxfs_region_open(&e->rg, e->base, REGION, 1, NULL, 0));
	must(daxfs_host_join(&e->rg, &id));
	must(daxfs_cx_init(&e->cx, &e->rg, 0));
	must(daxfs_create(&e->cx, DAXFS_ROOT_INO, "f", 1, &what, &st));
	must(daxfs_open(&e->cx, st.ino, 0, &e->f));
	*state = e;
	return 0;
}

static void account(struct env *e)
{
	struct daxfs_check ck = { .quiet = 1 };
	u64 len = daxfs_check_pool_scratch(&e->rg);
	void *scratch = calloc(1, len);

	assert_non_null(scratch);
	must(daxfs_check_pool(&e->cx, &ck, scratch, len));
	assert_int_equal(ck.sum.leaked, 0);
	free(scratch);
}

static int teardown(void **state)
{
	struct env *e = *state;

	must(daxfs_close(&e->cx, e->f.ino));
	must(daxfs_host_leave(&e->cx));
	munmap(e->base, REGION);
	free(e);
	return 0;
}

/* ---- the function ---- */

struct source {
	struct daxfs_from from;
	const u8 *bytes;
	u64 fails_at;		/* the byte that it cannot get */
};

static int copy(const struct daxfs_from *from, u64 off, void *to, u64 len)
{
	const struct source *s = (const struct source *)from;
	u64 n = off >= s->fails_at ? 0 : s->fails_at - off;

	if (n >= len)
		n = len;
	memcpy(to, s->bytes + off, n);	/* what it got it has put there */
	return n == len ? 0 : -EFAULT;
}

static void fill(u8 *bytes, u32 seed)
{
	for (u32 i = 0; i < LEN; i++)
		bytes[i] = (u8)(1 + (i * 7 + seed * 31) % 255);
}

/* The file is what it should be; the first changed bytes of it may be either. */
static void compare(struct env *e, u64 off, const u8 *bytes, u64 len)
{
	static u8 got[FILE_LEN + 1];
	s64 n = daxfs_read(&e->cx, &e->f, 0, got, sizeof(got));

	assert_int_equal(n, e->size);
	for (u64 i = 0; i < (u64)n; i++) {
		if (got[i] == e->want[i])
			continue;
		if (i < off || i - off >= len || got[i] != bytes[i - off])
			fail_msg("byte %llu is %u, not %u", (unsigned long long)i,
				 got[i], e->want[i]);
	}
}

static void done(struct env *e, u64 off, const u8 *bytes, u64 len)
{
	memcpy(e->want + off, bytes, len);
	if (off + len > e->size)
		e->size = off + len;
}

/* One write that fails at a byte, and goes on from there. */
static void write_at(struct env *e, u64 off, u64 fails_at, u32 seed)
{
	u8 bytes[LEN];
	struct source s = { { copy }, bytes, fails_at };
	s64 r;

	fill(bytes, seed);
	r = daxfs_write_from(&e->cx, &e->f, off, &s.from, LEN);
	assert_true(r == -EFAULT || r > 0);
	assert_true(r == LEN || (r < 0 ? 0 : (u64)r) <= fails_at);
	if (r > 0)
		done(e, off, bytes, (u64)r);
	else
		r = 0;
	compare(e, off + (u64)r, bytes + r, LEN - (u64)r);
	s.bytes = bytes + r;
	s.fails_at = LEN;
	assert_int_equal(daxfs_write_from(&e->cx, &e->f, off + (u64)r, &s.from,
					  LEN - (u64)r), LEN - r);
	done(e, off, bytes, LEN);
	compare(e, 0, bytes, 0);
}

static const u64 places[] = { 0, 1, 99, 4095, 4096, 4097, 8192, 12287, 12288, LEN - 1 };
#define PLACES (sizeof(places) / sizeof(*places))

static void test_write(void **state)
{
	struct env *e = *state;

	for (u32 i = 0; i < PLACES; i++) {
		must(daxfs_truncate(&e->cx, &e->f, 0));
		e->size = 0;
		memset(e->want, 0, sizeof(e->want));
		write_at(e, 0, places[i], i);		/* new pages */
		write_at(e, 0, places[i], i + 20);	/* in place */
		write_at(e, 700, places[i], i + 40);	/* both */
		write_at(e, 5 * 4096 - 50, places[i], i + 60); /* behind a hole */
		account(e);
	}
}

/* What a failed write has put behind the end does not show when it grows. */
static void test_behind_the_end(void **state)
{
	struct env *e = *state;
	u8 bytes[LEN];
	struct source s = { { copy }, bytes, 50 };

	fill(bytes, 1);
	must(daxfs_truncate(&e->cx, &e->f, 0));
	memset(e->want, 0, sizeof(e->want));
	assert_int_equal(daxfs_write(&e->cx, &e->f, 0, "ab", 2), 2);
	memcpy(e->want, "ab", 2);
	assert_int_equal(daxfs_write_from(&e->cx, &e->f, 2, &s.from, 100), -EFAULT);
	must(daxfs_truncate(&e->cx, &e->f, 300));
	e->size = 300;
	compare(e, 0, bytes, 0);
	account(e);
}

static void test_append(void **state)
{
	struct env *e = *state;
	u8 bytes[LEN];
	u64 at = 0;

	for (u32 i = 0; i < PLACES; i++) {
		struct source s = { { copy }, bytes, places[i] };

		fill(bytes, i);
		must(daxfs_truncate(&e->cx, &e->f, 10));
		e->size = 10;
		memset(e->want, 0, sizeof(e->want));
		must(daxfs_write(&e->cx, &e->f, 0, e->want, 10));
		assert_int_equal(daxfs_append_from(&e->cx, &e->f, &s.from, LEN, &at),
				 -EFAULT);
		compare(e, 0, bytes, 0);
		s.fails_at = LEN;
		assert_int_equal(daxfs_append_from(&e->cx, &e->f, &s.from, LEN, &at),
				 LEN);
		assert_int_equal(at, 10);
		done(e, 10, bytes, LEN);
		compare(e, 0, bytes, 0);
		account(e);
	}
}

static void test_stored(void **state)
{
	struct env *e = *state;
	struct daxfs_stat st, now;
	u64 before;

	must(daxfs_fgetattr(&e->cx, &e->f, &st));
	must(daxfs_stored(&e->cx, &e->f, 0, &before));
	assert_int_equal(before, st.change);
	must(daxfs_fgetattr(&e->cx, &e->f, &now));
	assert_true(now.change > st.change);
	assert_true(now.mtime_ns == st.mtime_ns && now.ctime_ns == st.ctime_ns);
	must(daxfs_stored(&e->cx, &e->f, 1, NULL));
	must(daxfs_fgetattr(&e->cx, &e->f, &st));
	assert_true(st.change > now.change);
	assert_true(st.mtime_ns > now.mtime_ns && st.ctime_ns > now.ctime_ns);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_write),
		cmocka_unit_test(test_behind_the_end),
		cmocka_unit_test(test_append),
		cmocka_unit_test(test_stored),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
