/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * rename: each kind of file onto each other, with each flag; links; who may.
 *
 * Notes: after each row both names are looked at: what was moved has its inode
 * number under the new name, and a rename that failed changed nothing.
 */
#include "posix_test.h"

enum kind { NONE, REG, EMPTY, FULL, SYMLINK, TO_DIR, FIFO, SOCK, KINDS };
static const char *const kind_name[] = { "nothing", "file", "empty dir",
	"full dir", "symlink", "symlink to dir", "fifo", "socket" };

static void make_kind(enum kind k, const char *path)
{
	char inside[64];

	if (k == REG)
		make_file(path, "x");
	else if (k == EMPTY || k == FULL)
		make_tree(path);
	else if (k == SYMLINK)
		OK(symlink("nowhere", path));
	else if (k == TO_DIR)
		OK(symlink(".", path));
	else if (k == FIFO)
		OK(mkfifo(path, 0600));
	else if (k == SOCK)
		OK(mknod(path, S_IFSOCK | 0600, 0));
	if (k == FULL) {
		snprintf(inside, sizeof(inside), "%s/inside", path);
		make_file(inside, "x");
	}
}

static int is_dir(enum kind k)
{
	return k == EMPTY || k == FULL;
}

static int model_error(enum kind from, enum kind to, unsigned int flags)
{
	if (from == NONE || (to == NONE && flags & RENAME_EXCHANGE))
		return ENOENT;
	if (to == NONE || flags & RENAME_EXCHANGE)
		return 0;
	if (flags & RENAME_NOREPLACE)
		return EEXIST;
	if (is_dir(from) && !is_dir(to))
		return ENOTDIR;
	if (!is_dir(from) && is_dir(to))
		return EISDIR;
	return to == FULL ? ENOTEMPTY : 0;
}

static ino_t ino_or_0(const char *path)
{
	return exists(path) ? stat_of(path).st_ino : 0;
}

static void rename_row(enum kind from, enum kind to, unsigned int flags,
		       const char *a, const char *b)
{
	int err = model_error(from, to, flags);
	ino_t ino_a, ino_b;

	make_kind(from, a);
	make_kind(to, b);
	ino_a = ino_or_0(a);
	ino_b = ino_or_0(b);
	if (err == ENOTEMPTY)
		WANT2(ENOTEMPTY, EEXIST, rename(a, b));
	else if (flags)
		WANT(err, renameat2(AT_FDCWD, a, AT_FDCWD, b, flags));
	else
		WANT(err, rename(a, b));
	if (err) {
		WANT_EQ(ino_or_0(a), ino_a);
		WANT_EQ(ino_or_0(b), ino_b);
	} else {
		WANT_EQ(ino_or_0(b), ino_a);
		WANT_EQ(ino_or_0(a), flags & RENAME_EXCHANGE ? ino_b : 0);
	}
	label(NULL);
	wipe(a);
	wipe(b);
}

static void rename_matrix(unsigned int flags, const char *text)
{
	int from, to;

	make_tree("d");
	make_tree("e");
	for (from = NONE; from < KINDS; from++) {
		for (to = NONE; to < KINDS; to++) {
			label("%s %s to %s", text, kind_name[from],
			      kind_name[to]);
			rename_row(from, to, flags, "d/a", "d/b");
			label("%s %s to %s elsewhere", text, kind_name[from],
			      kind_name[to]);
			rename_row(from, to, flags, "d/a", "e/b");
		}
	}
	EQ(stat_of("d").st_nlink, 2);
	EQ(stat_of("e").st_nlink, 2);
	EQ(count_entries("d"), 0);
	EQ(count_entries("e"), 0);
}

CASE(rename_types_plain, 0)
{
	rename_matrix(0, "rename");
}

CASE(rename_types_noreplace, 0)
{
	rename_matrix(RENAME_NOREPLACE, "NOREPLACE");
}

CASE(rename_types_exchange, 0)
{
	rename_matrix(RENAME_EXCHANGE, "EXCHANGE");
}

CASE(rename_flags_and_errors, 0)
{
	make_file("f", "f");
	make_tree("d");
	make_tree("d/e");
	WANT(EINVAL, renameat2(AT_FDCWD, "f", AT_FDCWD, "g",
			       RENAME_EXCHANGE | RENAME_NOREPLACE));
	WANT(EINVAL, renameat2(AT_FDCWD, "f", AT_FDCWD, "g",
			       RENAME_EXCHANGE | RENAME_WHITEOUT));
	WANT(EINVAL, renameat2(AT_FDCWD, "f", AT_FDCWD, "g", 1u << 7));
	WANT(EINVAL, renameat2(AT_FDCWD, "d", AT_FDCWD, "d/e/x", 0));
	WANT(EINVAL, renameat2(AT_FDCWD, "d", AT_FDCWD, "d/e/x",
			       RENAME_NOREPLACE));
	WANT(EINVAL, renameat2(AT_FDCWD, "d", AT_FDCWD, "d/e",
			       RENAME_EXCHANGE));
	WANT2(EINVAL, ENOTEMPTY, renameat2(AT_FDCWD, "d/e", AT_FDCWD, "d",
					   RENAME_EXCHANGE));
	WANT(ENOENT, renameat2(AT_FDCWD, "f", AT_FDCWD, "missing",
			       RENAME_EXCHANGE));
	WANT(ENOENT, renameat2(AT_FDCWD, "missing", AT_FDCWD, "f",
			       RENAME_EXCHANGE));
	WANT(EEXIST, renameat2(AT_FDCWD, "f", AT_FDCWD, "f",
			       RENAME_NOREPLACE));
	WANT(0, renameat2(AT_FDCWD, "f", AT_FDCWD, "f", RENAME_EXCHANGE));
	WANT(ENOTDIR, rename("f", "g/"));
	WANT(ENOTDIR, rename("f/", "g"));
	WANT(0, rename("d/", "d2"));
	WANT(0, rename("d2", "d/"));
	WANT(0, rename("d//", "d2//"));
	expect_text("f", "f");
	EQ(count_entries("."), 2);
}

/* Two names of one file: nothing happens, and both stay. */
CASE(rename_same_file, 0)
{
	static const struct {
		const char *from, *to;
	} rows[] = {
		{ "f", "f" }, { "f", "g" }, { "g", "f" }, { "f", "d/h" },
		{ "d/h", "f" }, { "./f", "d/../f" }, { "d", "d" },
		{ "d/../d", "d/" }, { "s", "s" },
	};
	size_t i;

	make_file("f", "f");
	make_tree("d");
	OK(link("f", "g"));
	OK(link("f", "d/h"));
	OK(symlink("f", "s"));
	for (i = 0; i < COUNT_OF(rows); i++) {
		label("%s to %s", rows[i].from, rows[i].to);
		WANT(0, rename(rows[i].from, rows[i].to));
		CHECK(exists(rows[i].from) && exists(rows[i].to));
		WANT_EQ(stat_of("f").st_nlink, 3);
	}
}

/* Link counts of parents, and "..", as directories move. */
CASE(rename_directory_counts, 0)
{
	make_tree("a");
	make_tree("b");
	make_tree("a/d");
	make_tree("b/e");
	WANT_EQ(stat_of("a").st_nlink, 3);
	WANT(0, rename("a/d", "b/d"));
	WANT_EQ(stat_of("a").st_nlink, 2);
	WANT_EQ(stat_of("b").st_nlink, 4);
	WANT_EQ(stat_of("b/d/..").st_ino, stat_of("b").st_ino);
	WANT(0, rename("b/d", "b/e"));
	WANT_EQ(stat_of("b").st_nlink, 3);
	WANT(0, rename("b/e", "a/e"));
	WANT_EQ(stat_of("b").st_nlink, 2);
	WANT_EQ(stat_of("a").st_nlink, 3);
	WANT(0, rmdir("b"));
	WANT(0, rename("a/e", "b"));
	WANT_EQ(stat_of("a").st_nlink, 2);
	WANT_EQ(stat_of("b/..").st_ino, stat_of(".").st_ino);
	WANT_EQ(stat_of(".").st_nlink, 4);
}

CASE(rename_exchange_moves_both, 0)
{
	make_tree("a");
	make_tree("b");
	make_tree("a/d");
	make_file("a/d/in-d", "d");
	make_file("b/f", "f");
	WANT(0, renameat2(AT_FDCWD, "a/d", AT_FDCWD, "b/f", RENAME_EXCHANGE));
	expect_text("a/d", "f");
	expect_text("b/f/in-d", "d");
	WANT_EQ(stat_of("a").st_nlink, 2);
	WANT_EQ(stat_of("b").st_nlink, 3);
	WANT_EQ(stat_of("b/f/..").st_ino, stat_of("b").st_ino);
	WANT_EQ(count_entries("a"), 1);
	WANT_EQ(count_entries("b"), 1);
	make_tree("a/sub");
	make_tree("a/sub/deep");
	WANT(0, renameat2(AT_FDCWD, "a/sub", AT_FDCWD, "b/f",
			  RENAME_EXCHANGE));
	expect_text("a/sub/in-d", "d");
	CHECK(exists("b/f/deep"));
	WANT_EQ(stat_of("a/sub/..").st_ino, stat_of("a").st_ino);
	WANT_EQ(stat_of("b/f/..").st_ino, stat_of("b").st_ino);
	WANT_EQ(stat_of("a").st_nlink, 3);
	WANT_EQ(stat_of("b").st_nlink, 3);
}

/* A directory that changes its parent has to be writable itself: "..". */
CASE(rename_permissions, NEEDS_ROOT)
{
	OK(mkdir("a", 0777));
	OK(mkdir("b", 0777));
	OK(chmod("a", 0777));
	OK(chmod("b", 0777));
	OK(mkdir("a/theirs", 0755));
	OK(mkdir("a/open", 0777));
	OK(chmod("a/open", 0777));
	make_file("a/f", "root's");
	be(USER_A, GROUP_A);
	WANT(EACCES, rename("a/theirs", "b/theirs"));
	WANT(0, rename("a/theirs", "a/same-parent"));
	WANT(0, rename("a/open", "b/open"));
	WANT(0, rename("a/f", "b/f"));
	WANT(EACCES, renameat2(AT_FDCWD, "a/same-parent", AT_FDCWD, "b/open",
			       RENAME_EXCHANGE));
	be(0, 0);
	OK(chmod("b", 0755));
	be(USER_A, GROUP_A);
	WANT(EACCES, rename("b/f", "a/f"));
	WANT(EACCES, rename("a/same-parent", "b/x"));
	WANT(EACCES, rename("b/f", "b/g"));
	be(0, 0);
	WANT(0, rename("b/f", "b/g"));
}

CASE(rename_whiteout_is_for_root, NEEDS_ROOT)
{
	make_file("f", "x");
	OK(chown(".", USER_A, -1));
	be(USER_A, GROUP_A);
	/* some kernels allow it: the device 0:0 is no device */
	if (renameat2(AT_FDCWD, "f", AT_FDCWD, "g", RENAME_WHITEOUT))
		WANT_EQ(errno, EPERM);
	else
		CHECK(S_ISCHR(stat_of("f").st_mode));
	be(0, 0);
}
