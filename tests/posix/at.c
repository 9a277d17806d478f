/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The calls that take a directory's descriptor: which one may be given.
 *
 * Notes: a table of calls against kinds of descriptors. An absolute path makes
 * each of them good, and AT_FDCWD is the working directory.
 */
#include "posix_test.h"

#include <limits.h>
#include <sys/inotify.h>

struct at_call {
	const char *name;
	int (*fn)(int dir, const char *path);
	int makes;		/* the name must not be there */
	int empties;		/* error of an empty path */
};

static struct stat st_buf;
static struct statx stx_buf;
static char text_buf[PATH_MAX];

static int close_if(int fd)
{
	return fd < 0 ? -1 : close(fd);
}

#define CALL(fn_name, expr)						\
	static int fn_name(int dir, const char *path)			\
	{								\
		return (int)(expr);					\
	}

CALL(c_openat, close_if(openat(dir, path, O_RDONLY)))
CALL(c_openat_path, close_if(openat(dir, path, O_PATH)))
CALL(c_openat_creat, close_if(openat(dir, path, O_RDWR | O_CREAT | O_EXCL,
				     0600)))
CALL(c_mkdirat, mkdirat(dir, path, 0700))
CALL(c_mkfifoat, mkfifoat(dir, path, 0600))
CALL(c_mknodat, mknodat(dir, path, S_IFREG | 0600, 0))
CALL(c_symlinkat, symlinkat("x", dir, path))
CALL(c_linkat_to, linkat(AT_FDCWD, "good", dir, path, 0))
CALL(c_linkat_from, linkat(dir, path, AT_FDCWD, "newlink", 0))
CALL(c_renameat_to, renameat(AT_FDCWD, "good2", dir, path))
CALL(c_renameat_from, renameat(dir, path, AT_FDCWD, "newname"))
CALL(c_renameat2_from, renameat2(dir, path, AT_FDCWD, "newname2",
				 RENAME_NOREPLACE))
CALL(c_unlinkat, unlinkat(dir, path, 0))
CALL(c_fstatat, fstatat(dir, path, &st_buf, 0))
CALL(c_fstatat_nofollow, fstatat(dir, path, &st_buf, AT_SYMLINK_NOFOLLOW))
CALL(c_statx, statx(dir, path, 0, STATX_BASIC_STATS, &stx_buf))
CALL(c_faccessat, faccessat(dir, path, R_OK, 0))
CALL(c_faccessat_e, faccessat(dir, path, R_OK, AT_EACCESS))
CALL(c_fchmodat, fchmodat(dir, path, 0644, 0))
CALL(c_fchownat, fchownat(dir, path, -1, -1, 0))
CALL(c_utimensat, utimensat(dir, path, (const struct timespec[2]){
	{ 0, UTIME_NOW }, { 0, UTIME_NOW } }, 0))
CALL(c_readlinkat, readlinkat(dir, path, text_buf, sizeof(text_buf)))

static const struct at_call at_calls[] = {
	{ "openat", c_openat, 0, ENOENT },
	{ "openat O_PATH", c_openat_path, 0, ENOENT },
	{ "openat O_CREAT", c_openat_creat, 1, ENOENT },
	{ "mkdirat", c_mkdirat, 1, ENOENT },
	{ "mkfifoat", c_mkfifoat, 1, ENOENT },
	{ "mknodat", c_mknodat, 1, ENOENT },
	{ "symlinkat", c_symlinkat, 1, ENOENT },
	{ "linkat to", c_linkat_to, 1, ENOENT },
	{ "linkat from", c_linkat_from, 0, ENOENT },
	{ "renameat to", c_renameat_to, 1, ENOENT },
	{ "renameat from", c_renameat_from, 0, ENOENT },
	{ "renameat2 from", c_renameat2_from, 0, ENOENT },
	{ "unlinkat", c_unlinkat, 0, ENOENT },
	{ "fstatat", c_fstatat, 0, ENOENT },
	{ "fstatat NOFOLLOW", c_fstatat_nofollow, 0, ENOENT },
	{ "statx", c_statx, 0, ENOENT },
	{ "faccessat", c_faccessat, 0, ENOENT },
	{ "faccessat EACCESS", c_faccessat_e, 0, ENOENT },
	{ "fchmodat", c_fchmodat, 0, ENOENT },
	{ "fchownat", c_fchownat, 0, ENOENT },
	{ "utimensat", c_utimensat, 0, ENOENT },
	{ "readlinkat", c_readlinkat, 0, ENOENT },
};

#define EACH_CALL(call)							\
	(const struct at_call *call = at_calls;				\
	 call < at_calls + COUNT_OF(at_calls); call++)

static void make_good(void)
{
	make_file("good", "");
	make_file("good2", "");
	make_tree("d");
	make_tree("cwd");
}

/* "d/x" is there or not, as the call wants it. */
static void prepare(const struct at_call *c, const char *path)
{
	wipe(path);
	wipe("newlink");
	wipe("newname");
	wipe("newname2");
	if (!exists("good2"))
		make_file("good2", "");
	if (c->fn == c_readlinkat)
		OK(symlink("to", path));
	else if (!c->makes)
		make_file(path, "");
}

CASE(at_good_directories, 0)
{
	int dir, path_dir, self, cwd;

	make_good();
	dir = OK(open("d", O_RDONLY | O_DIRECTORY));
	path_dir = OK(open("d", O_PATH | O_DIRECTORY));
	cwd = OK(open("cwd", O_RDONLY | O_DIRECTORY));
	self = AT_FDCWD;
	for EACH_CALL(c) {
		label("%s", c->name);
		prepare(c, "d/x");
		WANT(0, c->fn(dir, "x"));
		prepare(c, "d/x");
		WANT(0, c->fn(path_dir, "x"));
		prepare(c, "d/x");
		WANT(0, c->fn(self, "d/x"));
		prepare(c, "d/x");
		WANT(0, c->fn(cwd, "../d/x"));
		prepare(c, "d/x");
		WANT(0, c->fn(dir, "./../d//x"));
	}
}

CASE(at_absolute_paths, 0)
{
	char path[PATH_MAX];
	int file;

	make_good();
	file = OK(open("good", O_RDONLY));
	CHECK(getcwd(path, sizeof(path) - 8));
	strcat(path, "/d/x");
	for EACH_CALL(c) {
		label("%s", c->name);
		prepare(c, "d/x");
		WANT(0, c->fn(-1, path));
		prepare(c, "d/x");
		WANT(0, c->fn(file, path));
	}
}

CASE(at_bad_descriptors, 0)
{
	int closed, file, removed, fifo;

	make_good();
	make_tree("gone");
	OK(mkfifo("p", 0600));
	file = OK(open("good", O_RDWR));
	fifo = OK(open("p", O_RDWR));
	removed = OK(open("gone", O_RDONLY | O_DIRECTORY));
	closed = OK(open("d", O_RDONLY | O_DIRECTORY));
	OK(close(closed));
	OK(rmdir("gone"));
	for EACH_CALL(c) {
		label("%s", c->name);
		WANT(EBADF, c->fn(-1, "x"));
		WANT(EBADF, c->fn(closed, "x"));
		WANT(ENOTDIR, c->fn(file, "x"));
		WANT(ENOTDIR, c->fn(fifo, "x"));
		WANT(ENOENT, c->fn(removed, "x"));
		WANT(ENOTDIR, c->fn(file, "."));
		if (c->fn != c_readlinkat)
			WANT(c->empties, c->fn(file, ""));
	}
}

/* The descriptor keeps the directory, not its name. */
CASE(at_moved_directory, 0)
{
	int dir;

	make_good();
	dir = OK(open("d", O_RDONLY | O_DIRECTORY));
	OK(rename("d", "cwd/moved"));
	for EACH_CALL(c) {
		label("%s", c->name);
		prepare(c, "cwd/moved/x");
		WANT(0, c->fn(dir, "x"));
	}
}

CASE(at_without_search_permission, 0)
{
	AS_USER {
		int dir;

		make_tree("mine");
		OK(chdir("mine"));
		make_good();
		make_file("d/x", "");
		dir = OK(open("d", O_RDONLY | O_DIRECTORY));
		OK(chmod("d", 0600));
		for EACH_CALL(c) {
			label("%s", c->name);
			WANT(EACCES, c->fn(dir, "x"));
		}
		label(NULL);
		OK(chmod("d", 0700));
	}
}

/* An empty path with AT_EMPTY_PATH is the descriptor itself. */
CASE(at_empty_path, 0)
{
	struct stat st;
	int fd, dir;

	make_good();
	OK(symlink("good", "s"));
	fd = OK(open("good", O_RDWR));
	dir = OK(open("d", O_PATH));
	WANT(0, fstatat(fd, "", &st, AT_EMPTY_PATH));
	WANT_EQ(st.st_ino, stat_of("good").st_ino);
	WANT(0, fstatat(dir, "", &st, AT_EMPTY_PATH));
	WANT_EQ(st.st_ino, stat_of("d").st_ino);
	WANT(0, fstatat(AT_FDCWD, "", &st, AT_EMPTY_PATH));
	WANT_EQ(st.st_ino, stat_of(".").st_ino);
	WANT(0, statx(fd, "", AT_EMPTY_PATH, STATX_SIZE, &stx_buf));
	WANT(0, faccessat(fd, "", R_OK, AT_EMPTY_PATH));
	WANT(0, fchownat(fd, "", -1, -1, AT_EMPTY_PATH));
	WANT(0, fchownat(dir, "", -1, -1, AT_EMPTY_PATH));
	fd = OK(open("s", O_PATH | O_NOFOLLOW));
	WANT(0, fchownat(fd, "", -1, -1, AT_EMPTY_PATH));
	WANT(0, fstatat(fd, "", &st, AT_EMPTY_PATH));
	CHECK(S_ISLNK(st.st_mode));
	WANT(EBADF, fstatat(-1, "", &st, AT_EMPTY_PATH));
	WANT(EINVAL, fstatat(dir, "x", &st, 0x40000));
	WANT(EINVAL, statx(dir, "x", 0x40000, STATX_SIZE, &stx_buf));
	WANT(EINVAL, statx(dir, "x", AT_STATX_FORCE_SYNC | AT_STATX_DONT_SYNC,
			   STATX_SIZE, &stx_buf));
	WANT(EINVAL, statx(AT_FDCWD, "d", 0, STATX__RESERVED, &stx_buf));
}
