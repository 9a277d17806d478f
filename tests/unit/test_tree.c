// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Trees in memory: names come, go and are found; what an image counts of them.
 *
 * Notes: names are compared with a plain table, at random by a fixed seed. What
 * images of such trees hold is compared with those of directories in
 * tests/tools/test_mkdaxfs_tar.sh.
 */
#include <stdarg.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "image.h"
#include "tree.h"

#define DIRS	5u
#define NAMES	400u
#define STEPS	20000u

static u32 add_file(struct daxfs_tree *t, u32 mode)
{
	struct daxfs_tree_file f = { .mode = mode, .fd = -1 };
	u32 file;

	assert_int_equal(daxfs_tree_add_file(t, &f, &file), 0);
	return file;
}

static u32 add_name(struct daxfs_tree *t, u32 dir, const char *name, u32 file)
{
	u32 i;

	assert_int_equal(daxfs_tree_add_name(t, dir, name, (u16)strlen(name),
					     file, &i), 0);
	return i;
}

static u32 find(const struct daxfs_tree *t, u32 dir, const char *name)
{
	return daxfs_tree_find(t, dir, name, strlen(name));
}

/* ---- names against a table ---- */

static char text[NAMES][8];
static u32 table[DIRS][NAMES];	/* file, or NONE */

static void same_names(const struct daxfs_tree *t, u32 dir)
{
	u32 i, n, have = 0, want = 0;

	for (i = t->file[dir].first; i != DAXFS_TREE_NONE; i = t->name[i].next)
		have++;
	for (n = 0; n < NAMES; n++) {
		i = find(t, dir, text[n]);
		if (table[dir][n] == DAXFS_TREE_NONE) {
			assert_int_equal(i, DAXFS_TREE_NONE);
			continue;
		}
		assert_int_not_equal(i, DAXFS_TREE_NONE);
		assert_int_equal(t->name[i].file, table[dir][n]);
		want++;
	}
	assert_int_equal(have, want);
}

static void names_come_and_go(void **state)
{
	struct daxfs_tree *t;
	u64 seed = 88172645463325252ull;
	u32 i, d, n;

	(void)state;
	assert_int_equal(daxfs_tree_new(&t), 0);
	for (n = 0; n < NAMES; n++)
		snprintf(text[n], sizeof(text[n]), "%x", n);
	for (d = 0; d < DIRS; d++)
		memset(table[d], 0xff, sizeof(table[d]));
	for (d = 1; d < DIRS; d++)
		add_file(t, S_IFDIR | 0755);
	for (i = 0; i < STEPS; i++) {
		seed = seed * 6364136223846793005ull + 1442695040888963407ull;
		d = (u32)(seed >> 33) % DIRS;
		n = (u32)(seed >> 40) % NAMES;
		if (table[d][n] == DAXFS_TREE_NONE) {
			table[d][n] = add_file(t, S_IFREG | 0644);
			add_name(t, d, text[n], table[d][n]);
		} else {
			daxfs_tree_remove(t, find(t, d, text[n]));
			table[d][n] = DAXFS_TREE_NONE;
		}
	}
	for (d = 0; d < DIRS; d++)
		same_names(t, d);
	daxfs_tree_free(t);
}

static void a_prefix_is_another_name(void **state)
{
	struct daxfs_tree *t;
	u32 file;

	(void)state;
	assert_int_equal(daxfs_tree_new(&t), 0);
	file = add_file(t, S_IFREG | 0644);
	add_name(t, 0, "name", file);
	assert_int_equal(find(t, 0, "nam"), DAXFS_TREE_NONE);
	assert_int_equal(find(t, 0, "names"), DAXFS_TREE_NONE);
	assert_int_not_equal(daxfs_tree_find(t, 0, "names", 4),
			     DAXFS_TREE_NONE);
	daxfs_tree_free(t);
}

/* ---- what an image counts ---- */

/* A file with two names, one with a hole, one that lost its name, a link. */
static struct daxfs_tree *make(void)
{
	static const struct daxfs_tree_extent extent = {
		.file_off = 8192, .len = 4096,
	};
	struct daxfs_tree *t;
	u32 dir, file;

	assert_int_equal(daxfs_tree_new(&t), 0);
	dir = add_file(t, S_IFDIR | 0700);
	add_name(t, 0, "dir", dir);
	file = add_file(t, S_IFREG | 0644);
	add_name(t, dir, "one", file);
	add_name(t, 0, "two", file);
	file = add_file(t, S_IFREG | 0644);
	t->file[file].size = 1 << 20;
	t->file[file].extent = &extent;
	t->file[file].extent_nr = 1;
	add_name(t, dir, "hole", file);
	file = add_file(t, S_IFIFO | 0644);
	daxfs_tree_remove(t, add_name(t, dir, "gone", file));
	file = add_file(t, S_IFLNK | 0777);
	t->file[file].target = "dir/one";
	add_name(t, 0, "link", file);
	return t;
}

static void counted(const struct daxfs_image_options *opt,
		    struct daxfs_image_totals *n)
{
	struct daxfs_tree *t = make();
	struct daxfs_image *image;

	if (daxfs_image_from_tree(&image, t, opt))
		fail_msg("%s", daxfs_image_error(image));
	daxfs_image_totals(image, n);
	daxfs_image_free(image);
	daxfs_tree_free(t);
}

static void what_has_no_name_is_left_out(void **state)
{
	const struct daxfs_image_options opt = { .dir = "tree" };
	struct daxfs_image_totals n;

	(void)state;
	counted(&opt, &n);
	assert_int_equal(n.inodes, 5);
	assert_int_equal(n.files, 2);
	assert_int_equal(n.dirs, 2);
	assert_int_equal(n.symlinks, 1);
	assert_int_equal(n.specials, 0);
	assert_int_equal(n.hard_links, 1);
	assert_int_equal(n.content, 4096);
}

static void patterns_leave_out(void **state)
{
	static const char *const exclude[] = { "/dir/hole", "l*" };
	const struct daxfs_image_options opt = {
		.dir = "tree", .exclude = exclude, .exclude_nr = 2,
	};
	struct daxfs_image_totals n;

	(void)state;
	counted(&opt, &n);
	assert_int_equal(n.inodes, 3);
	assert_int_equal(n.hard_links, 1);
	assert_int_equal(n.content, 0);
}

static void what_does_not_fit_is_named(void **state)
{
	const struct daxfs_image_options opt = { .dir = "tree" };
	struct daxfs_tree *t = make();
	struct daxfs_image *image;

	(void)state;
	t->file[t->name[find(t, 0, "two")].file].size = DAXFS_MAX_FILE + 1;
	assert_int_equal(daxfs_image_from_tree(&image, t, &opt), -EFBIG);
	assert_non_null(strstr(daxfs_image_error(image), "tree/two: "));
	daxfs_image_free(image);
	daxfs_tree_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_come_and_go),
		cmocka_unit_test(a_prefix_is_another_name),
		cmocka_unit_test(what_has_no_name_is_left_out),
		cmocka_unit_test(patterns_leave_out),
		cmocka_unit_test(what_does_not_fit_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
