/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Permission bits: who may what, by class and by bits; sticky directories.
 *
 * Notes: each class of callers is given each set of bits while the other
 * classes have the opposite ones, so a test passes only if the right three
 * bits were looked at. Root takes identities with be().
 */
#include "posix_test.h"

#include <dirent.h>
#include <sys/wait.h>

/* Files belong to USER_A:GROUP_A; each row is a class of callers. */
static const struct caller {
	const char *name;
	uid_t uid;
	gid_t gid, group;	/* group 0: no supplementary one */
	int shift;		/* of its bits in the mode */
} callers[] = {
	{ "owner", USER_A, GROUP_B, 0, 6 },
	{ "owner in the group", USER_A, GROUP_A, 0, 6 },
	{ "group", USER_B, GROUP_A, 0, 3 },
	{ "supplementary group", USER_B, GROUP_B, GROUP_A, 3 },
	{ "other", USER_B, GROUP_B, 0, 0 },
};

static void be_caller(const struct caller *c)
{
	if (c->group)
		be_member(c->uid, c->gid, c->group);
	else
		be(c->uid, c->gid);
}

static mode_t mode_for(const struct caller *c, int bits)
{
	mode_t all = bits ? 0111 * (7 & ~bits) : 0777;

	return (all & ~(7u << c->shift)) | bits << c->shift;
}

static int close_if(int fd)
{
	return fd < 0 ? -1 : close(fd);
}

static int open_close(const char *path, int flags)
{
	return close_if(open(path, flags, 0600));
}

static int list(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *de;

	if (!dir)
		return -1;
	de = readdir(dir);
	closedir(dir);
	return de ? 0 : -1;
}

/* ---- files ---- */

#define R	4
#define W	2
#define X	1

static int needs(int have, int bits)
{
	return (have & bits) == bits ? 0 : EACCES;
}

static int try_exec(const char *path)
{
	char *argv[] = { "x", NULL };

	/* it is no program: ENOEXEC says that it might be run */
	return execve(path, argv, argv + 1) && errno == ENOEXEC ? 0 : -1;
}

static void file_row(const struct caller *c, int bits)
{
	label("%s, bits %d", c->name, bits);
	be(0, 0);
	OK(chmod("f", mode_for(c, bits)));
	be_caller(c);
	WANT(needs(bits, R), open_close("f", O_RDONLY));
	WANT(needs(bits, W), open_close("f", O_WRONLY));
	WANT(needs(bits, R | W), open_close("f", O_RDWR));
	WANT(needs(bits, W), open_close("f", O_WRONLY | O_TRUNC));
	WANT(needs(bits, W), open_close("f", O_WRONLY | O_APPEND));
	WANT(needs(bits, R | W), open_close("f", O_RDWR | O_CREAT));
	WANT(needs(bits, R), open_close("f", O_RDONLY | O_CREAT));
	WANT(needs(bits, R | W), open_close("f", O_RDONLY | O_TRUNC));
	WANT(needs(bits, W), truncate("f", 0));
	WANT(needs(bits, X), try_exec("f"));
	WANT(0, open_close("f", O_PATH));
	if (c->uid != USER_A)
		WANT(needs(bits, W), utimensat(AT_FDCWD, "f", NULL, 0));
	WANT(needs(bits, R), faccessat(AT_FDCWD, "f", R_OK, AT_EACCESS));
	WANT(needs(bits, W), faccessat(AT_FDCWD, "f", W_OK, AT_EACCESS));
	WANT(needs(bits, X), faccessat(AT_FDCWD, "f", X_OK, AT_EACCESS));
	WANT(needs(bits, R | W | X),
	     faccessat(AT_FDCWD, "f", R_OK | W_OK | X_OK, AT_EACCESS));
	WANT(0, faccessat(AT_FDCWD, "f", F_OK, AT_EACCESS));
	be(0, 0);
}

CASE(perms_of_files, NEEDS_ROOT)
{
	size_t i;
	int bits;

	make_file("f", "");
	OK(chown("f", USER_A, GROUP_A));
	for (i = 0; i < COUNT_OF(callers); i++) {
		for (bits = 0; bits < 8; bits++)
			file_row(&callers[i], bits);
	}
}

/* ---- directories ---- */

static void dir_row_names(int bits)
{
	int wx = needs(bits, W | X);

	WANT(wx, open_close("d/new", O_RDWR | O_CREAT));
	WANT(wx, mkdir("d/newdir", 0700));
	WANT(wx, symlink("x", "d/newsym"));
	WANT(wx, mkfifo("d/newfifo", 0600));
	WANT(wx, mknod("d/newnod", S_IFREG | 0600, 0));
	WANT(wx, link("mine", "d/newlink"));
	WANT(wx, rename("mine2", "d/moved"));
	WANT(wx, rename("d/f", "d/g"));
	WANT(wx, unlink("d/gone"));
	WANT(wx, rmdir("d/sub"));
	WANT(wx, rename("d/out", "out"));
}

static void dir_row_looks(int bits)
{
	struct stat st;

	WANT(needs(bits, R), list("d"));
	WANT(needs(bits, R), open_close("d", O_RDONLY | O_DIRECTORY));
	WANT(0, open_close("d", O_PATH | O_DIRECTORY));
	WANT(needs(bits, X), stat("d/f", &st));
	WANT(needs(bits, X), open_close("d/f", O_RDONLY));
	WANT(needs(bits, X), stat("d/.", &st));
	WANT(needs(bits, X), stat("d/..", &st));
	WANT(bits & X ? ENOENT : EACCES, stat("d/missing", &st));
	WANT(needs(bits, X), chdir("d"));
	if (bits & X)
		OK(chdir(".."));
	WANT(0, stat("d", &st));
}

static void dir_row(const struct caller *c, int bits)
{
	label("%s, bits %d", c->name, bits);
	be(0, 0);
	OK(mkdir("d", 0777));
	OK(mkdir("d/sub", 0777));
	make_file("d/f", "");
	make_file("d/gone", "");
	make_file("d/out", "");
	make_file("mine", "");
	make_file("mine2", "");
	OK(chown("mine", c->uid, c->gid));
	OK(chown("d", USER_A, GROUP_A));
	OK(chmod("d", mode_for(c, bits)));
	be_caller(c);
	dir_row_looks(bits);
	dir_row_names(bits);
	be(0, 0);
	label(NULL);
	wipe("d");
	wipe("mine");
	wipe("mine2");
	wipe("out");
}

static void dir_rows(const struct caller *c)
{
	int bits;

	for (bits = 0; bits < 8; bits++)
		dir_row(c, bits);
}

CASE(perms_of_directories_owner, NEEDS_ROOT)
{
	dir_rows(&callers[0]);
	dir_rows(&callers[1]);
}

CASE(perms_of_directories_group, NEEDS_ROOT)
{
	dir_rows(&callers[2]);
	dir_rows(&callers[3]);
}

CASE(perms_of_directories_other, NEEDS_ROOT)
{
	dir_rows(&callers[4]);
}

/* Root may all but run what nobody may run. */
CASE(perms_of_root, NEEDS_ROOT)
{
	make_file("f", "");
	OK(chown("f", USER_A, GROUP_A));
	OK(chmod("f", 0));
	WANT(0, open_close("f", O_RDWR));
	WANT(0, truncate("f", 1));
	WANT(0, access("f", R_OK | W_OK));
	WANT(EACCES, access("f", X_OK));
	WANT(EACCES, try_exec("f"));
	OK(chmod("f", 0001));
	WANT(0, access("f", X_OK));
	OK(truncate("f", 0));
	WANT(0, try_exec("f"));
	make_tree("d");
	OK(chmod("d", 0));
	WANT(0, list("d"));
	WANT(0, open_close("d/f", O_RDWR | O_CREAT));
	WANT(0, access("d", R_OK | W_OK | X_OK));
	WANT(0, unlink("d/f"));
}

/* The owner's rights over a file do not come from its bits. */
CASE(perms_of_the_owner_beyond_bits, 0)
{
	AS_USER {
		int fd = OK(open("f", O_RDWR | O_CREAT, 0600));

		OK(chmod("f", 0));
		WANT(EACCES, open_close("f", O_RDONLY));
		WANT(0, fchmod(fd, 0200));
		WANT(0, chmod("f", 0));
		WANT(0, utimensat(AT_FDCWD, "f", NULL, 0));
		WANT(0, chown("f", -1, getegid()));
		write_all(fd, "open before", 11, 0);
		WANT(0, ftruncate(fd, 4));
		WANT(0, rename("f", "g"));
		WANT(0, link("g", "h"));
		WANT(0, unlink("g"));
		WANT(EACCES, open_close("h", O_RDONLY));
		OK(chmod("h", 0400));
		expect_text("h", "open");
		WANT(EACCES, open_close("h", O_RDWR));
	}
}

/* Rights are looked at when it is opened, not when it is used. */
CASE(perms_are_taken_at_open, 0)
{
	AS_USER {
		char buf[8];
		int fd, dir;

		make_file("f", "abc");
		fd = OK(open("f", O_RDWR));
		make_tree("d");
		make_file("d/x", "");
		dir = OK(open("d", O_RDONLY | O_DIRECTORY));
		OK(chmod("f", 0));
		OK(chmod("d", 0100));
		WANT_EQ(pread(fd, buf, 8, 0), 3);
		WANT_EQ(pwrite(fd, "d", 1, 3), 1);
		WANT(0, ftruncate(fd, 2));
		WANT(0, fsync(fd));
		WANT(EACCES, list("d"));
		WANT(0, faccessat(dir, "x", F_OK, 0));
		WANT(EACCES, openat(dir, "y", O_RDWR | O_CREAT, 0600));
		OK(chmod("d", 0700));
		WANT(0, close_if(openat(dir, "y", O_RDWR | O_CREAT, 0600)));
	}
}

/* Each directory on the way has to be searched, whatever is behind it. */
CASE(perms_on_the_way, 0)
{
	AS_USER {
		struct stat st;

		make_tree("a");
		make_tree("a/b");
		make_tree("a/b/c");
		make_file("a/b/c/f", "x");
		OK(symlink("a/b/c/f", "s"));
		OK(chmod("a/b", 0600));
		WANT(EACCES, stat("a/b/c/f", &st));
		WANT(EACCES, stat("s", &st));
		WANT(EACCES, open_close("s", O_RDONLY));
		WANT(0, lstat("s", &st));
		WANT(0, stat("a/b", &st));
		WANT(EACCES, rmdir("a/b/c"));
		WANT(EACCES, rename("a/b/c", "c"));
		WANT(EACCES, link("a/b/c/f", "f"));
		WANT(EACCES, symlink("x", "a/b/c/s"));
		WANT(EACCES, truncate("a/b/c/f", 0));
		WANT(EACCES, chmod("a/b/c/f", 0600));
		WANT(EACCES, readlink("a/b/c/f", (char[8]){ 0 }, 8));
		WANT(EACCES, access("a/b/c/f", F_OK));
		WANT(EACCES, chdir("a/b/c"));
		OK(chmod("a/b", 0300));
		WANT(0, stat("a/b/c/f", &st));
		WANT(EACCES, list("a/b"));
		OK(chmod("a/b", 0700));
		expect_text("s", "x");
	}
}

/* ---- access(2): the real ids, and eaccess: the effective ones ---- */

CASE(access_real_and_effective, NEEDS_ROOT)
{
	pid_t pid;

	make_file("f", "");
	OK(chmod("f", 0600));
	make_file("g", "");
	OK(chown("g", USER_A, GROUP_A));
	OK(chmod("g", 0640));
	pid = child_begin();
	if (!pid) {
		be(0, GROUP_B);
		OK(setregid(GROUP_B, GROUP_B));
		OK(setresuid(USER_A, 0, 0));
		WANT(EACCES, access("f", R_OK));
		WANT(0, faccessat(AT_FDCWD, "f", R_OK, AT_EACCESS));
		WANT(0, access("g", R_OK | W_OK));
		WANT(0, open_close("f", O_RDWR));
		OK(setresuid(0, USER_B, 0));
		WANT(0, access("f", R_OK | W_OK));
		WANT(EACCES, faccessat(AT_FDCWD, "f", R_OK, AT_EACCESS));
		WANT(EACCES, faccessat(AT_FDCWD, "g", R_OK, AT_EACCESS));
		WANT(EACCES, open_close("f", O_RDONLY));
		child_end();
	}
	child_reap(pid);
}

CASE(access_arguments, 0)
{
	make_file("f", "");
	OK(chmod("f", 0444));
	OK(symlink("missing", "s"));
	WANT(0, access("f", F_OK));
	WANT(EACCES, access("f", X_OK));
	WANT(EINVAL, access("f", 8));
	WANT(EINVAL, access("f", -1));
	WANT(EINVAL, faccessat(AT_FDCWD, "f", F_OK, 0x40000));
	WANT(ENOENT, access("s", F_OK));
	WANT(0, faccessat(AT_FDCWD, "s", F_OK, AT_SYMLINK_NOFOLLOW));
	AS_USER {
		WANT(0, access("f", R_OK));
		WANT(EACCES, access("f", W_OK));
		WANT(EACCES, access("f", R_OK | W_OK));
	}
}

/* ---- sticky directories ---- */

struct sticky_row {
	const char *who;
	uid_t dir, file;	/* their owners; the caller is USER_A */
	int err;		/* of a sticky one; without: none */
};

static const struct sticky_row sticky_rows[] = {
	{ "owns both", USER_A, USER_A, 0 },
	{ "owns the directory", USER_A, USER_B, 0 },
	{ "owns the file", USER_B, USER_A, 0 },
	{ "owns neither", USER_B, USER_B, EPERM },
	{ "owns neither, root's", 0, 0, EPERM },
};

enum kind { REG, DIRECTORY, SYMLINK, FIFO, KINDS };
static const char *const kind_name[] = { "file", "dir", "symlink", "fifo" };

static void make_kind(enum kind k, const char *path, uid_t owner)
{
	if (k == REG)
		make_file(path, "");
	else if (k == DIRECTORY)
		make_tree(path);
	else if (k == SYMLINK)
		OK(symlink("x", path));
	else
		OK(mkfifo(path, 0666));
	OK(lchown(path, owner, GROUP_B));
}

static int remove_kind(enum kind k, const char *path)
{
	return k == DIRECTORY ? rmdir(path) : unlink(path);
}

static void sticky_try(const struct sticky_row *row, enum kind k, int err)
{
	int err2 = err ? EACCES : 0;

	be(0, 0);
	OK(mkdir("d", 0777));
	make_kind(k, "d/x", row->file);
	make_kind(k, "d/y", row->file);
	make_kind(k, "mine", USER_A);
	OK(chown("d", row->dir, GROUP_B));
	OK(chmod("d", err < 0 ? 0777 : 01777));
	if (err < 0)
		err = err2 = 0;
	be(USER_A, GROUP_A);
	WANT2(err, err2, rename("d/x", "d/z"));
	WANT2(err, err2, rename("mine", "d/y"));
	WANT2(err, err2, rename(err ? "d/x" : "d/z", "out"));
	WANT2(err, err2, remove_kind(k, "d/y"));
	be(0, 0);
}

static void sticky_wipe(void)
{
	wipe("d");
	wipe("mine");
	wipe("out");
}

CASE(sticky_by_owner_and_kind, NEEDS_ROOT)
{
	size_t i;
	int k;

	for (i = 0; i < COUNT_OF(sticky_rows); i++) {
		for (k = REG; k < KINDS; k++) {
			label("sticky, %s, %s", sticky_rows[i].who,
			      kind_name[k]);
			sticky_try(&sticky_rows[i], k, sticky_rows[i].err);
			sticky_wipe();
			label("not sticky, %s, %s", sticky_rows[i].who,
			      kind_name[k]);
			sticky_try(&sticky_rows[i], k, -1);
			sticky_wipe();
		}
	}
}

/* Sticky forbids to remove, not to make, change or read. */
CASE(sticky_allows_the_rest, NEEDS_ROOT)
{
	OK(mkdir("d", 0777));
	OK(chmod("d", 01777));
	make_file("d/f", "text");
	OK(chmod("d/f", 0666));
	be(USER_A, GROUP_A);
	WANT(0, open_close("d/f", O_RDWR));
	WANT(0, truncate("d/f", 2));
	WANT(0, mkdir("d/mine", 0700));
	WANT(0, link("d/f", "d/hard"));
	WANT2(EPERM, EACCES, unlink("d/hard"));
	WANT2(EPERM, EACCES, rename("d/mine", "d/../d/f"));
	WANT(0, rename("d/mine", "d/mine2"));
	WANT(0, rmdir("d/mine2"));
	be(0, 0);
	expect_text("d/f", "te");
	WANT(0, unlink("d/hard"));
}
