// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The reader and the check of the base image, against images made by hand.
 *
 * Notes: each image lies at the end of a mapping, with a page behind it that
 * faults, so reading one byte too far ends the test even without a sanitizer.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <sys/mman.h>

#include "base.h"
#include "../images/handmade.h"

#define MAP_LEN (HANDMADE_LEN + 4096u)

static u8 *map;

static int setup(void **state)
{
	(void)state;
	map = mmap(NULL, MAP_LEN, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (map == MAP_FAILED)
		return -1;
	return mprotect(map + HANDMADE_LEN, 4096, PROT_NONE);
}

static int teardown(void **state)
{
	(void)state;
	return munmap(map, MAP_LEN);
}

static void open_good(struct daxfs_region *rg)
{
	char why[256];

	handmade_good(map);
	if (daxfs_region_open(rg, map, HANDMADE_LEN, 0, why, sizeof(why)))
		fail_msg("the good image: %s", why);
}

/* ---- the check ---- */

struct findings {
	const char *expected;
	u64 nr;
	int seen;
	char text[4096];
};

static void collect(void *arg, const char *where, u64 id, const char *what)
{
	struct findings *f = arg;
	size_t at = strlen(f->text);

	f->nr++;
	f->seen |= f->expected && strstr(what, f->expected);
	snprintf(f->text + at, sizeof(f->text) - at, "%s %llu: %s\n", where,
		 (unsigned long long)id, what);
}

static int check(struct daxfs_region *rg, struct findings *f,
		 struct daxfs_check *ck)
{
	void *scratch = calloc(1, daxfs_check_base_scratch(rg));
	int err;

	assert_non_null(scratch);
	memset(ck, 0, sizeof(*ck));
	ck->report = collect;
	ck->arg = f;
	err = daxfs_check_base(rg, ck, scratch);
	free(scratch);
	assert_int_equal(f->nr, ck->problems);
	return err;
}

static void good_image_passes(void **state)
{
	struct findings f = { 0 };
	struct daxfs_region rg;
	struct daxfs_check ck;

	(void)state;
	open_good(&rg);
	if (check(&rg, &f, &ck))
		fail_msg("findings in the good image:\n%s", f.text);
	assert_int_equal(ck.inodes, 5);
	assert_int_equal(ck.dirents, 5);
	assert_int_equal(ck.bytes, 6 + 0x1000);
}

static void bad_image_fails(const struct handmade *h)
{
	struct findings f = { .expected = h->says };
	struct daxfs_region rg;
	struct daxfs_check ck;
	char why[256] = "";
	size_t len = handmade_make(h, map);
	int err = daxfs_region_open(&rg, map, len, 0, why, sizeof(why));

	if (err != h->open_err)
		fail_msg("%s: opening gives %d (%s), not %d", h->name, err, why,
			 h->open_err);
	if (err) {
		if (!strstr(why, h->says))
			fail_msg("%s: says \"%s\", not \"%s\"", h->name, why,
				 h->says);
		return;
	}
	if (check(&rg, &f, &ck) != -EUCLEAN)
		fail_msg("%s: passes the check", h->name);
	if (!f.seen)
		fail_msg("%s: \"%s\" is not among the findings:\n%s", h->name,
			 h->says, f.text);
}

static void bad_images_fail(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < handmade_bad_nr; i++)
		bad_image_fails(&handmade_bad[i]);
}

/* ---- reading what is bad: errors, nothing else ---- */

static void read_dir(const struct daxfs_region *rg,
		     const struct daxfs_base_inode *in)
{
	struct daxfs_base_dirent de;
	u64 i, ino;

	for (i = 0; i < daxfs_base_dir_nr(in) && i < 100; i++) {
		if (daxfs_base_dirent(rg, in, i, &de))
			continue;
		assert_in_range(de.name_len, 1, 255);
		assert_in_range(de.ino, 1, rg->super.base_inode_nr);
		daxfs_base_lookup(rg, in, de.name, de.name_len, &ino, NULL,
				  NULL);
	}
	daxfs_base_lookup(rg, in, "zz", 2, &ino, NULL, NULL);
}

static void read_file(const struct daxfs_region *rg,
		      const struct daxfs_base_inode *in)
{
	struct daxfs_run run;
	u64 off, sum = 0;

	for (off = 0; off < in->size && off < 0x10000; off += 0x800) {
		if (daxfs_base_run(rg, in, off, 0x1000, &run) || !run.off)
			continue;
		assert_true(run.len && run.len <= 0x1000);
		assert_true(run.off < HANDMADE_LEN &&
			    run.len <= HANDMADE_LEN - run.off);
		sum += map[run.off] + map[run.off + run.len - 1];
	}
	(void)sum;
}

static void read_all(const struct daxfs_region *rg)
{
	struct daxfs_base_inode in;
	char target[5000];
	u64 ino;

	for (ino = 0; ino < 10; ino++) {
		if (daxfs_base_inode(rg, ino, &in))
			continue;
		read_dir(rg, &in);
		read_file(rg, &in);
		assert_true(daxfs_base_target(rg, &in, target,
					      sizeof(target)) <= 4095);
	}
}

static void bad_images_can_be_read(void **state)
{
	struct daxfs_region rg;
	size_t i, len;

	(void)state;
	for (i = 0; i < handmade_bad_nr; i++) {
		len = handmade_make(&handmade_bad[i], map);
		if (!daxfs_region_open(&rg, map, len, 0, NULL, 0))
			read_all(&rg);
	}
}

/* Every byte of inodes and metadata set to each of some values. */
static void any_byte_may_be_bad(void **state)
{
	static const u8 values[] = { 0, 1, 0x7f, 0x80, 0xff };
	struct daxfs_region rg;
	struct daxfs_check ck;
	u32 at, i;

	(void)state;
	open_good(&rg);
	for (at = 0x1000; at < 0x2800; at++) {
		u8 was = map[at];

		for (i = 0; i < sizeof(values); i++) {
			struct findings f = { 0 };

			map[at] = values[i];
			read_all(&rg);
			/* The checksum finds what nothing else does. */
			if (at < 0x1000 + 5 * 64 || at >= 0x2000)
				assert_int_equal(check(&rg, &f, &ck),
						 was == values[i] ? 0 :
						 -EUCLEAN);
		}
		map[at] = was;
	}
}

/* ---- reading what is good ---- */

static void inodes_are_read(void **state)
{
	struct daxfs_base_inode in;
	struct daxfs_region rg;

	(void)state;
	open_good(&rg);
	assert_int_equal(daxfs_base_inode(&rg, 0, &in), -ENOENT);
	assert_int_equal(daxfs_base_inode(&rg, 6, &in), -ENOENT);
	assert_int_equal(daxfs_base_inode(&rg, ~0ull, &in), -ENOENT);
	assert_int_equal(daxfs_base_inode(&rg, 2, &in), 0);
	assert_int_equal(in.mode, 0100644);
	assert_int_equal(in.size, 6);
	assert_int_equal(in.nlink, 2);
	assert_int_equal(in.mtime_ns, 1000000000);
}

static void names_are_found(void **state)
{
	struct daxfs_base_inode root, file;
	struct daxfs_region rg;
	u64 ino, idx;
	u32 type;

	(void)state;
	open_good(&rg);
	assert_int_equal(daxfs_base_inode(&rg, 1, &root), 0);
	assert_int_equal(daxfs_base_dir_nr(&root), 4);
	assert_int_equal(daxfs_base_lookup(&rg, &root, "l", 1, &ino, &type,
					   &idx), 0);
	assert_int_equal(ino, 4);
	assert_int_equal(type, 10);
	assert_int_equal(idx, 2);
	assert_int_equal(daxfs_base_lookup(&rg, &root, "b", 1, &ino, &type,
					   &idx), -ENOENT);
	assert_int_equal(idx, 1);
	assert_int_equal(daxfs_base_lookup(&rg, &root, "aa", 2, NULL, NULL,
					   &idx), -ENOENT);
	assert_int_equal(idx, 1);
	assert_int_equal(daxfs_base_lookup(&rg, &root, "zzz", 3, NULL, NULL,
					   &idx), -ENOENT);
	assert_int_equal(idx, 4);
	assert_int_equal(daxfs_base_inode(&rg, 2, &file), 0);
	assert_int_equal(daxfs_base_lookup(&rg, &file, "a", 1, NULL, NULL,
					   NULL), -ENOTDIR);
}

static void entries_are_listed(void **state)
{
	struct daxfs_base_dirent de;
	struct daxfs_base_inode in;
	struct daxfs_region rg;

	(void)state;
	open_good(&rg);
	assert_int_equal(daxfs_base_inode(&rg, 3, &in), 0);
	assert_int_equal(daxfs_base_dirent(&rg, &in, 0, &de), 0);
	assert_int_equal(de.ino, 2);
	assert_int_equal(de.name_len, 2);
	assert_string_equal(de.name, "a2");
	assert_int_equal(daxfs_base_dirent(&rg, &in, 1, &de), -ENOENT);
}

static void expect_run(const struct daxfs_region *rg, u64 ino, u64 off, u64 len,
		       u64 run_off, u64 run_len)
{
	struct daxfs_base_inode in;
	struct daxfs_run run;

	assert_int_equal(daxfs_base_inode(rg, ino, &in), 0);
	assert_int_equal(daxfs_base_run(rg, &in, off, len, &run), 0);
	assert_int_equal(run.file_off, off);
	assert_int_equal(run.off, run_off);
	assert_int_equal(run.len, run_len);
}

static void runs_are_found(void **state)
{
	struct daxfs_base_inode in;
	struct daxfs_region rg;
	struct daxfs_run run;

	(void)state;
	open_good(&rg);
	expect_run(&rg, 2, 0, 100, 0x3000, 6);
	expect_run(&rg, 2, 4, 1, 0x3004, 1);
	expect_run(&rg, 2, 6, 1, 0, 0);
	expect_run(&rg, 2, ~0ull, 1, 0, 0);
	/* sparse: hole, data, hole */
	expect_run(&rg, 5, 0, 0x3000, 0, 0x1000);
	expect_run(&rg, 5, 0, 0x10, 0, 0x10);
	expect_run(&rg, 5, 0xfff, 2, 0, 1);
	expect_run(&rg, 5, 0x1000, 0x3000, 0x4000, 0x1000);
	expect_run(&rg, 5, 0x1fff, 0x3000, 0x4fff, 1);
	expect_run(&rg, 5, 0x2000, 0x3000, 0, 0x1000);
	expect_run(&rg, 5, 0x3000, 1, 0, 0);
	assert_int_equal(daxfs_base_inode(&rg, 1, &in), 0);
	assert_int_equal(daxfs_base_run(&rg, &in, 0, 1, &run), -EINVAL);
}

static void targets_are_read(void **state)
{
	struct daxfs_base_inode in;
	struct daxfs_region rg;
	char buf[16] = "";

	(void)state;
	open_good(&rg);
	assert_int_equal(daxfs_base_inode(&rg, 4, &in), 0);
	assert_int_equal(daxfs_base_target(&rg, &in, buf, sizeof(buf)), 4);
	assert_string_equal(buf, "d/a2");
	assert_int_equal(daxfs_base_target(&rg, &in, buf, 2), 2);
	assert_int_equal(daxfs_base_inode(&rg, 2, &in), 0);
	assert_int_equal(daxfs_base_target(&rg, &in, buf, 2), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_image_passes),
		cmocka_unit_test(bad_images_fail),
		cmocka_unit_test(bad_images_can_be_read),
		cmocka_unit_test(any_byte_may_be_bad),
		cmocka_unit_test(inodes_are_read),
		cmocka_unit_test(names_are_found),
		cmocka_unit_test(entries_are_listed),
		cmocka_unit_test(runs_are_found),
		cmocka_unit_test(targets_are_read),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
