/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Paths: what each call that takes one says to each kind of bad path.
 *
 * Notes: a table of calls against tables of paths. The path of a call with two
 * is tried on both sides, the other being good. SAME is what every call says;
 * what depends on the call is in its row.
 */
#include "posix_test.h"

#include <dirent.h>
#include <limits.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <sys/un.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <sys/xattr.h>

/* ---- the calls ---- */

#define FOLLOWS	1u	/* a symlink as the last component */
#define MAKES	2u	/* the last component; an existing one is EEXIST */
#define OPENS	4u	/* the last component, or makes it */
#define NO_EFAULT 8u	/* the C library looks at the path itself */
#define SOCKET	16u	/* the path is part of an address: short, not empty */

struct path_call {
	const char *name;
	int (*fn)(const char *path);
	unsigned int flags;
	int dot_slash;		/* error for "file/" */
};

static int close_if(int fd)
{
	return fd < 0 ? -1 : close(fd);
}

static const struct timespec omit[2] = {
	{ 0, UTIME_NOW }, { 0, UTIME_OMIT }
};

#define CALL(fn_name, expr)						\
	static int fn_name(const char *path)				\
	{								\
		return (int)(expr);					\
	}

static struct stat st_buf;
static struct statx stx_buf;
static struct statfs sfs_buf;
static struct statvfs svfs_buf;
static char text_buf[PATH_MAX];

CALL(c_access, access(path, F_OK))
CALL(c_faccessat, faccessat(AT_FDCWD, path, F_OK, AT_EACCESS))
CALL(c_chmod, chmod(path, 0755))
CALL(c_fchmodat, fchmodat(AT_FDCWD, path, 0755, 0))
CALL(c_chown, chown(path, -1, -1))
CALL(c_lchown, lchown(path, -1, -1))
CALL(c_fchownat, fchownat(AT_FDCWD, path, -1, -1, 0))
CALL(c_fchownat_nofollow,
     fchownat(AT_FDCWD, path, -1, -1, AT_SYMLINK_NOFOLLOW))
CALL(c_stat, stat(path, &st_buf))
CALL(c_lstat, lstat(path, &st_buf))
CALL(c_fstatat, fstatat(AT_FDCWD, path, &st_buf, 0))
CALL(c_fstatat_nofollow,
     fstatat(AT_FDCWD, path, &st_buf, AT_SYMLINK_NOFOLLOW))
CALL(c_statx, statx(AT_FDCWD, path, 0, STATX_BASIC_STATS, &stx_buf))
CALL(c_statfs, statfs(path, &sfs_buf))
CALL(c_statvfs, statvfs(path, &svfs_buf))
CALL(c_readlink, readlink(path, text_buf, sizeof(text_buf)))
CALL(c_readlinkat, readlinkat(AT_FDCWD, path, text_buf, sizeof(text_buf)))
CALL(c_open_read, close_if(open(path, O_RDONLY)))
CALL(c_open_nonblock, close_if(open(path, O_RDONLY | O_NONBLOCK)))
CALL(c_open_path, close_if(open(path, O_PATH)))
CALL(c_open_path_nofollow, close_if(open(path, O_PATH | O_NOFOLLOW)))
CALL(c_open_directory, close_if(open(path, O_RDONLY | O_DIRECTORY)))
CALL(c_open_creat, close_if(open(path, O_RDWR | O_CREAT, 0644)))
CALL(c_open_excl, close_if(open(path, O_RDWR | O_CREAT | O_EXCL, 0644)))
CALL(c_openat, close_if(openat(AT_FDCWD, path, O_RDONLY)))
CALL(c_creat, close_if(creat(path, 0644)))
CALL(c_truncate, truncate(path, 0))
CALL(c_utimensat, utimensat(AT_FDCWD, path, omit, 0))
CALL(c_utimensat_nofollow,
     utimensat(AT_FDCWD, path, omit, AT_SYMLINK_NOFOLLOW))
CALL(c_mkdir, mkdir(path, 0755))
CALL(c_mkdirat, mkdirat(AT_FDCWD, path, 0755))
CALL(c_mkfifo, mkfifo(path, 0644))
CALL(c_mknod, mknod(path, S_IFREG | 0644, 0))
CALL(c_mknodat, mknodat(AT_FDCWD, path, S_IFSOCK | 0644, 0))
CALL(c_symlink, symlink("to", path))
CALL(c_symlinkat, symlinkat("to", AT_FDCWD, path))
CALL(c_link_to, link("good", path))
CALL(c_linkat_to, linkat(AT_FDCWD, "good", AT_FDCWD, path, 0))
CALL(c_link_from, link(path, "new"))
CALL(c_linkat_from,
     linkat(AT_FDCWD, path, AT_FDCWD, "new", AT_SYMLINK_FOLLOW))
CALL(c_unlink, unlink(path))
CALL(c_unlinkat, unlinkat(AT_FDCWD, path, 0))
CALL(c_rmdir, rmdir(path))
CALL(c_unlinkat_dir, unlinkat(AT_FDCWD, path, AT_REMOVEDIR))
CALL(c_rename_from, rename(path, "new"))
CALL(c_rename_to, rename("good", path))
CALL(c_renameat_from, renameat(AT_FDCWD, path, AT_FDCWD, "new"))
CALL(c_renameat2_to, renameat2(AT_FDCWD, "good", AT_FDCWD, path,
			       RENAME_NOREPLACE))
CALL(c_chdir, chdir(path))
CALL(c_getxattr, getxattr(path, "user.x", text_buf, 1))
CALL(c_lgetxattr, lgetxattr(path, "user.x", text_buf, 1))
CALL(c_setxattr, setxattr(path, "user.x", "y", 1, 0))
CALL(c_listxattr, listxattr(path, text_buf, sizeof(text_buf)))
CALL(c_removexattr, removexattr(path, "user.x"))
CALL(c_inotify, inotify_add_watch(inotify_init(), path, IN_OPEN))

static int c_opendir(const char *path)
{
	DIR *dir = opendir(path);

	return dir ? closedir(dir) : -1;
}

static int c_execve(const char *path)
{
	char *argv[] = { "x", NULL };

	return execve(path, argv, argv + 1);
}

static int c_name_to_handle(const char *path)
{
	static union {
		struct file_handle fh;
		char room[sizeof(struct file_handle) + MAX_HANDLE_SZ];
	} u;
	int id;

	u.fh.handle_bytes = MAX_HANDLE_SZ;
	return name_to_handle_at(AT_FDCWD, path, &u.fh, &id, 0);
}

static int unix_socket(struct sockaddr_un *sun, const char *path)
{
	sun->sun_family = AF_UNIX;
	snprintf(sun->sun_path, sizeof(sun->sun_path), "%s", path);
	return OK(socket(AF_UNIX, SOCK_STREAM, 0));
}

static int c_bind(const char *path)
{
	struct sockaddr_un sun;
	int fd = unix_socket(&sun, path);
	int r = bind(fd, (struct sockaddr *)&sun, sizeof(sun));
	int err = errno;

	close(fd);
	errno = r && err == EADDRINUSE ? EEXIST : err;
	return r;
}

static int c_connect(const char *path)
{
	struct sockaddr_un sun;
	int fd = unix_socket(&sun, path);
	int r = connect(fd, (struct sockaddr *)&sun, sizeof(sun));
	int err = errno;

	close(fd);
	errno = err;
	return r;
}

/* Name, function, flags, and the error for "file/". */
static const struct path_call path_calls[] = {
	{ "access", c_access, FOLLOWS, ENOTDIR },
	{ "faccessat", c_faccessat, FOLLOWS, ENOTDIR },
	{ "chmod", c_chmod, FOLLOWS, ENOTDIR },
	{ "fchmodat", c_fchmodat, FOLLOWS, ENOTDIR },
	{ "chown", c_chown, FOLLOWS, ENOTDIR },
	{ "lchown", c_lchown, 0, ENOTDIR },
	{ "fchownat", c_fchownat, FOLLOWS, ENOTDIR },
	{ "fchownat NOFOLLOW", c_fchownat_nofollow, 0, ENOTDIR },
	{ "stat", c_stat, FOLLOWS, ENOTDIR },
	{ "lstat", c_lstat, 0, ENOTDIR },
	{ "fstatat", c_fstatat, FOLLOWS, ENOTDIR },
	{ "fstatat NOFOLLOW", c_fstatat_nofollow, 0, ENOTDIR },
	{ "statx", c_statx, FOLLOWS, ENOTDIR },
	{ "statfs", c_statfs, FOLLOWS, ENOTDIR },
	{ "statvfs", c_statvfs, FOLLOWS, ENOTDIR },
	{ "readlink", c_readlink, 0, ENOTDIR },
	{ "readlinkat", c_readlinkat, 0, ENOTDIR },
	{ "open", c_open_read, FOLLOWS, ENOTDIR },
	{ "open O_NONBLOCK", c_open_nonblock, FOLLOWS, ENOTDIR },
	{ "open O_PATH", c_open_path, FOLLOWS, ENOTDIR },
	{ "open O_PATH|O_NOFOLLOW", c_open_path_nofollow, 0, ENOTDIR },
	{ "open O_DIRECTORY", c_open_directory, FOLLOWS, ENOTDIR },
	{ "open O_CREAT", c_open_creat, FOLLOWS | OPENS, EISDIR },
	{ "open O_CREAT|O_EXCL", c_open_excl, MAKES, EISDIR },
	{ "openat", c_openat, FOLLOWS, ENOTDIR },
	{ "creat", c_creat, FOLLOWS | OPENS, EISDIR },
	{ "truncate", c_truncate, FOLLOWS, ENOTDIR },
	{ "utimensat", c_utimensat, FOLLOWS, ENOTDIR },
	{ "utimensat NOFOLLOW", c_utimensat_nofollow, 0, ENOTDIR },
	{ "mkdir", c_mkdir, MAKES, EEXIST },
	{ "mkdirat", c_mkdirat, MAKES, EEXIST },
	{ "mkfifo", c_mkfifo, MAKES, EEXIST },
	{ "mknod", c_mknod, MAKES, EEXIST },
	{ "mknodat", c_mknodat, MAKES, EEXIST },
	{ "symlink", c_symlink, MAKES, EEXIST },
	{ "symlinkat", c_symlinkat, MAKES, EEXIST },
	{ "link to", c_link_to, MAKES, EEXIST },
	{ "linkat to", c_linkat_to, MAKES, EEXIST },
	{ "link from", c_link_from, 0, ENOTDIR },
	{ "linkat FOLLOW from", c_linkat_from, FOLLOWS, ENOTDIR },
	{ "unlink", c_unlink, 0, ENOTDIR },
	{ "unlinkat", c_unlinkat, 0, ENOTDIR },
	{ "rmdir", c_rmdir, 0, ENOTDIR },
	{ "unlinkat REMOVEDIR", c_unlinkat_dir, 0, ENOTDIR },
	{ "rename from", c_rename_from, 0, ENOTDIR },
	{ "rename to", c_rename_to, OPENS, ENOTDIR },
	{ "renameat from", c_renameat_from, 0, ENOTDIR },
	{ "renameat2 NOREPLACE to", c_renameat2_to, MAKES, EEXIST },
	{ "chdir", c_chdir, FOLLOWS, ENOTDIR },
	{ "opendir", c_opendir, FOLLOWS | NO_EFAULT, ENOTDIR },
	{ "execve", c_execve, FOLLOWS, ENOTDIR },
	{ "bind", c_bind, MAKES | NO_EFAULT | SOCKET, EEXIST },
	{ "connect", c_connect, FOLLOWS | NO_EFAULT | SOCKET, ENOTDIR },
	{ "getxattr", c_getxattr, FOLLOWS, ENOTDIR },
	{ "lgetxattr", c_lgetxattr, 0, ENOTDIR },
	{ "setxattr", c_setxattr, FOLLOWS, ENOTDIR },
	{ "listxattr", c_listxattr, FOLLOWS, ENOTDIR },
	{ "removexattr", c_removexattr, FOLLOWS, ENOTDIR },
	{ "inotify_add_watch", c_inotify, FOLLOWS, ENOTDIR },
	{ "name_to_handle_at", c_name_to_handle, 0, ENOTDIR },
};

#define EACH_CALL(call)							\
	(const struct path_call *call = path_calls;			\
	 call < path_calls + COUNT_OF(path_calls); call++)

/* ---- the paths ---- */

static char long_name[NAME_MAX + 2];
static char long_in_dir[NAME_MAX + 8];
static char long_on_way[NAME_MAX + 8];
static char long_path[PATH_MAX + 1];

static void make_paths(void)
{
	int i;

	memset(long_name, 'n', NAME_MAX + 1);
	snprintf(long_in_dir, sizeof(long_in_dir), "d/%s", long_name);
	snprintf(long_on_way, sizeof(long_on_way), "%s/x", long_name);
	for (i = 0; i + 2 <= PATH_MAX; i += 2)
		memcpy(long_path + i, "./", 3);
	make_file("good", "content");
	make_file("f", "content");
	make_tree("d");
	OK(symlink("loop2", "loop"));
	OK(symlink("loop", "loop2"));
	OK(symlink("self", "self"));
	OK(symlink("missing", "dangling"));
	OK(symlink("f", "to-file"));
	OK(mkfifo("p", 0644));
	OK(mknod("sock", S_IFSOCK | 0644, 0));
}

/* Bad on the way to the last component, or in themselves: all say the same. */
CASE(paths_bad_for_every_call, 0)
{
	static const struct {
		const char *path;
		int err;
	} bad[] = {
		{ "", ENOENT },
		{ "missing/x", ENOENT },
		{ "d/missing/x", ENOENT },
		{ "missing/../f", ENOENT },
		{ "missing/.", ENOENT },
		{ "dangling/x", ENOENT },
		{ "d/../missing/x", ENOENT },
		{ "f/x", ENOTDIR },
		{ "f/.", ENOTDIR },
		{ "f/..", ENOTDIR },
		{ "f/../f", ENOTDIR },
		{ "f//x", ENOTDIR },
		{ "to-file/x", ENOTDIR },
		{ "p/x", ENOTDIR },
		{ "sock/x", ENOTDIR },
		{ "d/../f/x", ENOTDIR },
		{ "loop/x", ELOOP },
		{ "self/x", ELOOP },
		{ "d/../loop/x", ELOOP },
	};
	size_t i;

	make_paths();
	for EACH_CALL(c) {
		for (i = 0; i < COUNT_OF(bad); i++) {
			if (c->flags & SOCKET && !bad[i].path[0])
				continue;
			label("%s \"%s\"", c->name, bad[i].path);
			WANT(bad[i].err, c->fn(bad[i].path));
		}
	}
	label(NULL);
	EQ(count_entries("."), 10);
	expect_text("f", "content");
}

CASE(paths_too_long_for_every_call, 0)
{
	make_paths();
	for EACH_CALL(c) {
		if (c->flags & SOCKET)
			continue;
		label("%s", c->name);
		WANT(ENAMETOOLONG, c->fn(long_name));
		WANT(ENAMETOOLONG, c->fn(long_in_dir));
		WANT(ENAMETOOLONG, c->fn(long_on_way));
		WANT(ENAMETOOLONG, c->fn(long_path));
	}
}

CASE(paths_bad_address_for_every_call, 0)
{
	const char *volatile bad = (const char *)1;

	make_paths();
	for EACH_CALL(c) {
		if (c->flags & NO_EFAULT)
			continue;
		label("%s", c->name);
		WANT(EFAULT, c->fn(bad));
	}
}

/* A directory that may not be searched; the last component does not matter. */
CASE(paths_without_search_permission, 0)
{
	AS_USER {
		if (mkdir("mine", 0755) || chdir("mine"))
			FAIL("mine: %s", strerror(errno));
		make_paths();
		make_file("d/f", "content");
		OK(mkdir("d/sub", 0755));
		OK(symlink("d/f", "into"));
		OK(chmod("d", 0600));
		for EACH_CALL(c) {
			label("%s", c->name);
			WANT(EACCES, c->fn("d/f"));
			WANT(EACCES, c->fn("d/missing"));
			WANT(EACCES, c->fn("d/sub/x"));
			WANT(EACCES, c->fn("d/../f"));
			if (c->flags & FOLLOWS)
				WANT(EACCES, c->fn("into"));
		}
		label(NULL);
		OK(chmod("d", 0700));
	}
}

/* ---- the last component ---- */

CASE(paths_last_is_missing, 0)
{
	make_paths();
	for EACH_CALL(c) {
		if (c->flags & (MAKES | OPENS))
			continue;
		label("%s", c->name);
		WANT(ENOENT, c->fn("missing"));
		WANT(ENOENT, c->fn("d/missing"));
		WANT(ENOENT, c->fn("missing/"));
		WANT(ENOENT, c->fn("d/../missing"));
		if (c->flags & FOLLOWS)
			WANT(ENOENT, c->fn("dangling"));
		WANT2(ENOENT, ENOTDIR, c->fn("dangling/"));
	}
	label(NULL);
	EQ(count_entries("."), 10);
}

CASE(paths_last_is_a_loop, 0)
{
	make_paths();
	for EACH_CALL(c) {
		label("%s", c->name);
		if (c->flags & FOLLOWS) {
			WANT(ELOOP, c->fn("loop"));
			WANT(ELOOP, c->fn("self"));
			WANT(ELOOP, c->fn("d/../self"));
		} else if (c->flags & MAKES) {
			WANT(EEXIST, c->fn("loop"));
		}
	}
}

CASE(paths_last_exists, 0)
{
	static const char *const last[] = {
		"f", "d", "dangling", "loop", "to-file", "p", "sock", ".",
		"..", "d/.", "d/..", "d/", "/",
	};
	size_t i;

	make_paths();
	for EACH_CALL(c) {
		for (i = 0; c->flags & MAKES && i < COUNT_OF(last); i++) {
			if (c->fn == c_open_excl && strchr(last[i], '/'))
				continue;	/* EISDIR or EEXIST, see open */
			label("%s \"%s\"", c->name, last[i]);
			/* a rename looks at the mounts first */
			if (!strcmp(last[i], "/"))
				WANT2(EEXIST, EXDEV, c->fn(last[i]));
			else
				WANT(EEXIST, c->fn(last[i]));
		}
	}
	label(NULL);
	expect_text("f", "content");
	EQ(count_entries("d"), 0);
}

CASE(paths_file_with_slash, 0)
{
	make_paths();
	for EACH_CALL(c) {
		label("%s", c->name);
		WANT(c->dot_slash, c->fn("f/"));
		WANT(c->dot_slash, c->fn("f//"));
		if (!(c->flags & MAKES))
			WANT(c->dot_slash, c->fn("to-file/"));
	}
	label(NULL);
	expect_text("f", "content");
	EQ(count_entries("."), 10);
}

CASE(paths_missing_with_slash, 0)
{
	make_paths();
	for EACH_CALL(c) {
		if (!(c->flags & (MAKES | OPENS)) || c->fn == c_mkdir ||
		    c->fn == c_mkdirat)
			continue;
		label("%s", c->name);
		if (c->fn == c_rename_to || c->fn == c_renameat2_to)
			WANT(ENOTDIR, c->fn("missing/"));
		else
			WANT2(ENOENT, EISDIR, c->fn("missing/"));
		CHECK(!exists("missing"));
	}
	label(NULL);
	OK(mkdir("missing/", 0700));
	OK(rmdir("missing/"));
	OK(mkdir("missing//", 0700));
	OK(rename("missing/", "other/"));
	OK(rmdir("other//"));
}

/* Paths that are odd and good. */
CASE(paths_that_mean_the_same, 0)
{
	static const char *const same[] = {
		"f", "./f", ".//f", "././f", "d/../f", "d/./../f", "d//..//f",
		"d/sub/../../f", "to-d/../f", "to-f", "d/up/f", "d/up/d/up/f",
		"./to-f", "to-to-f",
	};
	static const char *const dirs[] = {
		"d", "d/", "d//", "d/.", "d/./", "./d", "d/sub/..", "to-d",
		"to-d/", "to-d/.", "d/up/d", "d/../d", "d/../to-d/",
	};
	struct stat st;
	size_t i;

	make_file("f", "same");
	make_tree("d");
	make_tree("d/sub");
	OK(symlink("d", "to-d"));
	OK(symlink("f", "to-f"));
	OK(symlink("to-f", "to-to-f"));
	OK(symlink("..", "d/up"));
	for (i = 0; i < COUNT_OF(same); i++) {
		label("%s", same[i]);
		OK(stat(same[i], &st));
		WANT_EQ(st.st_ino, stat_of("f").st_ino);
	}
	for (i = 0; i < COUNT_OF(dirs); i++) {
		label("%s", dirs[i]);
		OK(stat(dirs[i], &st));
		WANT_EQ(st.st_ino, stat_of("d").st_ino);
		WANT(0, c_open_directory(dirs[i]));
	}
}

/* 40 symlinks may be followed in one path, 41 not; on the way and at its end. */
CASE(paths_forty_symlinks, 0)
{
	char name[16], to[16], path[32];
	int i, err;

	make_tree("d");
	make_file("d/f", "end");
	OK(symlink("d", "s1"));
	for (i = 2; i <= 41; i++) {
		snprintf(name, sizeof(name), "s%d", i);
		snprintf(to, sizeof(to), "s%d", i - 1);
		OK(symlink(to, name));
	}
	expect_text("s1/f", "end");
	expect_text("s40/f", "end");
	for (i = 40; i <= 41; i++) {
		label("%d links", i);
		err = i == 40 ? 0 : ELOOP;
		snprintf(path, sizeof(path), "s%d", i);
		WANT(err, c_stat(path));
		WANT(0, c_lstat(path));
		WANT(err, c_open_read(path));
		WANT(err, c_opendir(path));
		snprintf(path, sizeof(path), "s%d/f", i);
		WANT(err, c_stat(path));
		WANT(err, c_lstat(path));
		WANT(err, c_open_read(path));
		WANT(err, c_truncate(path));
		snprintf(path, sizeof(path), "s%d/g", i);
		WANT(err, c_mkdir(path));
		WANT(err, c_rmdir(path));
	}
}

/* A path of PATH_MAX - 1 bytes is not too long; one more is. */
CASE(paths_of_the_greatest_length, 0)
{
	char path[PATH_MAX + 1];
	int i;

	for (i = 0; i + 2 <= PATH_MAX - 3; i += 2)
		memcpy(path + i, "./", 3);
	strcpy(path + i, "ff");
	path[PATH_MAX - 1] = 0;
	EQ(strlen(path), PATH_MAX - 2);
	WANT(0, c_open_creat(path));
	CHECK(exists("ff"));
	strcpy(path + i, "fff");
	EQ(strlen(path), PATH_MAX - 1);
	WANT(0, c_open_creat(path));
	CHECK(exists("fff"));
	WANT(0, c_stat(path));
	WANT(0, c_unlink(path));
	strcpy(path + i, "ffff");
	WANT(ENAMETOOLONG, c_open_creat(path));
	CHECK(!exists("ffff"));
	WANT(ENAMETOOLONG, c_symlink(path));
	WANT(ENAMETOOLONG, symlink(path, "target-too-long"));
	path[PATH_MAX - 1] = 0;
	WANT(0, symlink(path, "target-as-long-as-can-be"));
	EQ(stat_of("target-as-long-as-can-be").st_size, PATH_MAX - 1);
}

/* ".", ".." and the root as what is removed or moved. */
CASE(paths_dots_are_not_removed, 0)
{
	make_tree("d");
	make_tree("d/sub");
	make_file("f", "x");
	WANT(EINVAL, rmdir("d/sub/."));
	WANT(EINVAL, rmdir("."));
	WANT2(ENOTEMPTY, EEXIST, rmdir("d/sub/.."));
	WANT2(ENOTEMPTY, EEXIST, rmdir(".."));
	WANT2(EISDIR, EPERM, unlink("."));
	WANT2(EISDIR, EPERM, unlink("d/sub/."));
	WANT2(EISDIR, EPERM, unlink("d/sub/.."));
	WANT2(EISDIR, EPERM, unlink("d/sub/"));
	WANT2(EBUSY, EINVAL, rename("d/sub/.", "x"));
	WANT2(EBUSY, EINVAL, rename("d/sub/..", "x"));
	WANT2(EBUSY, EINVAL, rename(".", "x"));
	WANT2(EBUSY, EINVAL, rename("..", "x"));
	WANT2(EBUSY, EINVAL, rename("d/sub", "."));
	WANT2(EBUSY, EINVAL, rename("d/sub", ".."));
	WANT2(EBUSY, EINVAL, rename("d/sub", "d/."));
	WANT2(EBUSY, EXDEV, rename("/", "x"));
	WANT2(EBUSY, EXDEV, rename("d/sub", "/"));
	WANT(EBUSY, rmdir("/"));
	WANT2(EISDIR, EPERM, unlink("/"));
	CHECK(exists("d/sub"));
	EQ(count_entries("."), 2);
}

CASE(paths_of_another_file_system, 0)
{
	make_file("f", "x");
	make_tree("d");
	OK(symlink("f", "s"));
	WANT(EXDEV, link("f", "/dev/posix-test-x"));
	WANT(EXDEV, link("/proc/self/stat", "x"));
	WANT(EXDEV, rename("f", "/dev/posix-test-x"));
	WANT(EXDEV, rename("d", "/dev/posix-test-x"));
	WANT(EXDEV, rename("s", "/dev/posix-test-x"));
	WANT(EXDEV, rename("/proc/self/stat", "x"));
	WANT(EXDEV, renameat2(AT_FDCWD, "f", AT_FDCWD, "/proc/version",
			      RENAME_EXCHANGE));
	WANT(EXDEV, renameat2(AT_FDCWD, "f", AT_FDCWD, "/dev/posix-test-x",
			      RENAME_NOREPLACE));
	WANT(EXDEV, linkat(AT_FDCWD, "s", AT_FDCWD, "/dev/posix-test-x",
			   AT_SYMLINK_FOLLOW));
	EQ(count_entries("."), 3);
}

/* What the working directory is when its name goes. */
CASE(paths_from_a_removed_directory, 0)
{
	struct stat st;

	make_file("f", "x");
	make_tree("d");
	OK(chdir("d"));
	OK(rmdir("../d"));
	WANT(ENOENT, stat("x", &st));
	if (WANT_OR(HELD_BY_OPEN_ALONE, ENOENT, 0, stat(".", &st)))
		WANT_EQ(st.st_nlink, 0);
	WANT(ENOENT, open("x", O_RDWR | O_CREAT, 0600));
	WANT(ENOENT, mkdir("x", 0700));
	WANT(ENOENT, symlink("x", "x"));
	WANT(ENOENT, mkfifo("x", 0600));
	WANT(ENOENT, link("../f", "x"));
	WANT(ENOENT, rename("../f", "x"));
	WANT(ENOENT, unlink("x"));
	WANT(ENOENT, rmdir("x"));
	CHECK(!getcwd(text_buf, sizeof(text_buf)) && errno == ENOENT);
}
