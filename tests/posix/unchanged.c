/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Calls that fail, and calls that do nothing, change nothing: no name, no
 * content, no mode, no link count, no time stamp. And what each success moves.
 *
 * Notes: a small tree is looked at before and after each call, with a pause
 * that a clock of time stamps does not miss. The pause is taken once for a
 * table of failures: none of them may change anything, so all are looked at
 * together and one by one only if something has.
 */
#include "posix_test.h"

#include <dirent.h>
#include <sys/stat.h>

static const char *const tree[] = { ".", "f", "g", "d", "d/sub", "d/in",
	"empty", "s", "dangling", "p" };

static void make_tree_of_kinds(void)
{
	make_file("f", "content");
	make_file("g", "other");
	make_tree("d");
	make_tree("d/sub");
	make_file("d/in", "inside");
	make_tree("empty");
	OK(symlink("f", "s"));
	OK(symlink("missing", "dangling"));
	OK(mkfifo("p", 0600));
	OK(link("f", "d/hard"));
}

struct look {
	struct stat st[COUNT_OF(tree)];
	int names, names_in_d;
};

static void look_at(struct look *l)
{
	size_t i;

	for (i = 0; i < COUNT_OF(tree); i++)
		l->st[i] = stat_of(tree[i]);
	l->names = count_entries(".");
	l->names_in_d = count_entries("d");
}

static int same_time(struct timespec a, struct timespec b)
{
	return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

/* Everything but the time of access, which looking itself may move. */
static int same_stat(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_mode == b->st_mode &&
	       a->st_nlink == b->st_nlink && a->st_uid == b->st_uid &&
	       a->st_gid == b->st_gid && a->st_size == b->st_size &&
	       same_time(a->st_mtim, b->st_mtim) &&
	       same_time(a->st_ctim, b->st_ctim);
}

static void expect_unchanged(const struct look *before)
{
	struct look now;
	size_t i;

	look_at(&now);
	WANT_EQ(now.names, before->names);
	WANT_EQ(now.names_in_d, before->names_in_d);
	for (i = 0; i < COUNT_OF(tree); i++) {
		if (!same_stat(&now.st[i], &before->st[i]))
			FAIL("%s has changed", tree[i]);
	}
}

/* Fails with err, and leaves the tree as it was. */
#define NOTHING_BY(err, call)						\
	do {								\
		label("%s", #call);					\
		WANT(err, call);					\
		expect_unchanged(&before);				\
	} while (0)

CASE(failures_of_names_change_nothing, 0)
{
	struct look before;

	make_tree_of_kinds();
	look_at(&before);
	later();
	NOTHING_BY(EEXIST, mkdir("f", 0700));
	NOTHING_BY(EEXIST, mkdir("d", 0700));
	NOTHING_BY(EEXIST, mkdir("dangling", 0700));
	NOTHING_BY(EEXIST, symlink("x", "f"));
	NOTHING_BY(EEXIST, mkfifo("p", 0700));
	NOTHING_BY(EEXIST, mknod("d/in", S_IFREG | 0700, 0));
	NOTHING_BY(EEXIST, link("f", "g"));
	NOTHING_BY(EEXIST, link("f", "d"));
	NOTHING_BY(EEXIST, open("f", O_RDWR | O_CREAT | O_EXCL, 0600));
	NOTHING_BY(ENOENT, open("missing", O_RDWR));
	NOTHING_BY(ENOENT, link("missing", "x"));
	NOTHING_BY(EPERM, link("d", "x"));
	NOTHING_BY(ENOENT, unlink("missing"));
	NOTHING_BY(EISDIR, unlink("empty"));
	NOTHING_BY(ENOTDIR, rmdir("f"));
	NOTHING_BY(ENOTDIR, rmdir("s"));
	NOTHING_BY(ENOTEMPTY, rmdir("d"));
	NOTHING_BY(ENOENT, rmdir("missing"));
	NOTHING_BY(ENOENT, rename("missing", "f"));
	NOTHING_BY(EISDIR, rename("f", "empty"));
	NOTHING_BY(ENOTDIR, rename("empty", "f"));
	NOTHING_BY(ENOTEMPTY, rename("empty", "d"));
	NOTHING_BY(EINVAL, rename("d", "d/sub/x"));
	NOTHING_BY(ENOTEMPTY, rename("d/sub", "d"));
	NOTHING_BY(EEXIST, renameat2(AT_FDCWD, "f", AT_FDCWD, "g",
				     RENAME_NOREPLACE));
	NOTHING_BY(ENOENT, renameat2(AT_FDCWD, "f", AT_FDCWD, "missing",
				     RENAME_EXCHANGE));
	/* these succeed, and do nothing */
	NOTHING_BY(0, rename("f", "d/hard"));
	NOTHING_BY(0, rename("f", "f"));
	NOTHING_BY(0, rename("d", "d"));
	label(NULL);
}

CASE(failures_of_content_change_nothing, 0)
{
	struct look before;
	int rd, wr;

	make_tree_of_kinds();
	rd = OK(open("f", O_RDONLY));
	wr = OK(open("g", O_RDWR));
	look_at(&before);
	later();
	NOTHING_BY(EBADF, write(rd, "x", 1));
	NOTHING_BY(EINVAL, ftruncate(rd, 0));
	NOTHING_BY(EINVAL, ftruncate(wr, -1));
	NOTHING_BY(EINVAL, truncate("f", -1));
	NOTHING_BY(EISDIR, truncate("d", 0));
	NOTHING_BY(EISDIR, open("d", O_WRONLY | O_TRUNC));
	NOTHING_BY(EINVAL, pwrite(wr, "x", 1, -1));
	NOTHING_BY(0, write(wr, "", 0));
	NOTHING_BY(0, pwrite(wr, "", 0, 100));
	NOTHING_BY(0, close(OK(open("f", O_RDWR))));
	NOTHING_BY(0, close(OK(open("f", O_RDWR | O_CREAT, 0600))));
	NOTHING_BY(0, fsync(wr));
	label(NULL);
	expect_text("f", "content");
	expect_text("g", "other");
}

CASE(failures_of_attributes_change_nothing, NEEDS_ROOT)
{
	struct look before;

	make_tree_of_kinds();
	look_at(&before);
	later();
	be(USER_A, GROUP_A);
	NOTHING_BY(EPERM, chmod("f", 0777));
	NOTHING_BY(EPERM, chmod("d", 0777));
	NOTHING_BY(EPERM, chown("f", USER_A, -1));
	NOTHING_BY(EPERM, lchown("s", USER_A, -1));
	NOTHING_BY(EACCES, truncate("f", 0));
	NOTHING_BY(EACCES, open("f", O_WRONLY | O_TRUNC));
	NOTHING_BY(EACCES, utimensat(AT_FDCWD, "f", NULL, 0));
	NOTHING_BY(EPERM, utimensat(AT_FDCWD, "f", (struct timespec[2]){
		{ 1, 1 }, { 1, 1 } }, 0));
	be(0, 0);
	label(NULL);
}

/* ---- what a success moves ---- */

#define M	1
#define C	2

static int moved(const struct stat *a, const struct stat *b)
{
	return (same_time(a->st_mtim, b->st_mtim) ? 0 : M) |
	       (same_time(a->st_ctim, b->st_ctim) ? 0 : C);
}

/* The call moves these times of those two, and of nothing else in the tree. */
#define MOVES(path1, bits1, path2, bits2, call)				\
	do {								\
		label("%s", #call);					\
		look_at(&before);					\
		later();						\
		WANT(0, call);						\
		expect_moves(&before, path1, bits1, path2, bits2);	\
	} while (0)

static void expect_moves(const struct look *before, const char *path1,
			 int bits1, const char *path2, int bits2)
{
	struct look now;
	int bits;
	size_t i;

	look_at(&now);
	for (i = 0; i < COUNT_OF(tree); i++) {
		bits = !strcmp(tree[i], path1) ? bits1 :
		       !strcmp(tree[i], path2) ? bits2 : 0;
		if (moved(&before->st[i], &now.st[i]) != bits)
			FAIL("of %s moved %d, not %d (1 mtime, 2 ctime)",
			     tree[i], moved(&before->st[i], &now.st[i]), bits);
	}
}

CASE(moves_of_names, 0)
{
	struct look before;

	make_tree_of_kinds();
	MOVES("empty", M | C, "", 0, mkdir("empty/x", 0700));
	MOVES("empty", M | C, "", 0, rmdir("empty/x"));
	MOVES("empty", M | C, "", 0, symlink("x", "empty/x"));
	MOVES("empty", M | C, "", 0, unlink("empty/x"));
	MOVES("empty", M | C, "", 0, mkfifo("empty/x", 0600));
	MOVES("empty", M | C, "", 0, rename("empty/x", "empty/y"));
	MOVES("empty", M | C, "d", M | C, rename("empty/y", "d/y"));
	MOVES("d", M | C, "", 0, unlink("d/y"));
	MOVES("empty", M | C, "g", C, link("g", "empty/g"));
	MOVES("empty", M | C, "g", C, unlink("empty/g"));
	MOVES("empty", M | C, "", 0, mknod("empty/x", S_IFREG | 0600, 0));
	MOVES("empty", M | C, "", 0, truncate("empty/x", 0) ||
	      unlink("empty/x"));
	label(NULL);
}

CASE(moves_of_content_and_attributes, 0)
{
	struct look before;
	int fd;

	make_tree_of_kinds();
	fd = OK(open("g", O_RDWR));
	MOVES("g", M | C, "", 0, pwrite(fd, "x", 1, 0) - 1);
	MOVES("g", M | C, "", 0, ftruncate(fd, 2));
	MOVES("g", M | C, "", 0, ftruncate(fd, 9000));
	MOVES("g", M | C, "", 0, close(OK(open("g", O_WRONLY | O_TRUNC))));
	MOVES("g", C, "", 0, chmod("g", 0600));
	MOVES("g", C, "", 0, fchmod(fd, 0600));
	MOVES("g", C, "", 0, chown("g", geteuid(), getegid()));
	MOVES("d", C, "", 0, chmod("d", 0711));
	MOVES("s", C, "", 0, lchown("s", geteuid(), -1));
	MOVES("p", C, "", 0, chmod("p", 0640));
	MOVES("g", M | C, "", 0, utimensat(AT_FDCWD, "g", NULL, 0));
	MOVES("s", M | C, "", 0, utimensat(AT_FDCWD, "s", NULL,
					   AT_SYMLINK_NOFOLLOW));
	MOVES("g", C, "", 0, utimensat(AT_FDCWD, "g", (struct timespec[2]){
		{ 1, 1 }, { 0, UTIME_OMIT } }, 0));
	MOVES("g", 0, "", 0, utimensat(AT_FDCWD, "g", (struct timespec[2]){
		{ 0, UTIME_OMIT }, { 0, UTIME_OMIT } }, 0));
	label(NULL);
}
