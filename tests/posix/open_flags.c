/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * open(2): each combination of flags on each kind of object.
 *
 * Notes: a model of a few lines, written from the manual page, says what each
 * combination has to give; the matrix is run against it. The objects are made
 * anew whenever an open may have changed them.
 */
#include "posix_test.h"

#include <sys/syscall.h>

enum object { NOTHING, FILE_3, EMPTY_DIR, TO_FILE, TO_DIR, DANGLING, LOOP,
	      OBJECTS };
static const char *const object_name[] = { "missing", "file", "dir",
	"symlink to file", "symlink to dir", "dangling symlink", "loop" };

static void make_object(enum object o)
{
	make_file("target", "abc");
	make_tree("target-dir");
	if (o == FILE_3)
		make_file("x", "abc");
	else if (o == EMPTY_DIR)
		make_tree("x");
	else if (o == TO_FILE)
		OK(symlink("target", "x"));
	else if (o == TO_DIR)
		OK(symlink("target-dir", "x"));
	else if (o == DANGLING)
		OK(symlink("gone", "x"));
	else if (o == LOOP)
		OK(symlink("x", "x"));
}

static void remove_object(void)
{
	wipe("x");
	wipe("gone");
	wipe("target");
	wipe("target-dir");
}

static int is_symlink(enum object o)
{
	return o == TO_FILE || o == TO_DIR || o == DANGLING || o == LOOP;
}

static int writes(int flags)
{
	return (flags & O_ACCMODE) != O_RDONLY;
}

/* Of what is there in the end, a file or a directory. */
static int error_of_existing(int dir, int flags)
{
	if (flags & O_CREAT && dir)
		return EISDIR;
	if (flags & O_DIRECTORY && !dir)
		return ENOTDIR;
	if (dir && (writes(flags) || flags & O_TRUNC))
		return EISDIR;
	return 0;
}

/* What the manual page says; O_CREAT with O_DIRECTORY is left out. */
static int model_error(enum object o, int flags)
{
	if (flags & O_CREAT && flags & O_EXCL && o != NOTHING)
		return EEXIST;
	if (o == NOTHING)
		return flags & O_CREAT ? 0 : ENOENT;
	if (o == LOOP)
		return ELOOP;
	if (is_symlink(o) && flags & O_NOFOLLOW)
		return flags & O_DIRECTORY ? ENOTDIR : ELOOP;
	if (o == DANGLING)
		return flags & O_CREAT ? 0 : ENOENT;
	return error_of_existing(o == EMPTY_DIR || o == TO_DIR, flags);
}

static void expect_opened(int fd, enum object o, int flags)
{
	int dir = o == EMPTY_DIR || o == TO_DIR;
	int made = o == NOTHING || o == DANGLING;
	struct stat st;

	OK(fstat(fd, &st));
	WANT_EQ(st.st_mode & S_IFMT, dir ? S_IFDIR : S_IFREG);
	WANT_EQ(fcntl(fd, F_GETFL) & O_ACCMODE, flags & O_ACCMODE);
	if (!dir)
		WANT_EQ(st.st_size, made || flags & O_TRUNC ? 0 : 3);
	WANT_EQ(fcntl(fd, F_GETFD), flags & O_CLOEXEC ? FD_CLOEXEC : 0);
}

static void open_row(enum object o, int flags)
{
	int err = model_error(o, flags), fd;

	make_object(o);
	label("%s,%s%s%s%s%s%s", object_name[o],
	      (flags & O_ACCMODE) == O_RDONLY ? " O_RDONLY" :
	      (flags & O_ACCMODE) == O_WRONLY ? " O_WRONLY" : " O_RDWR",
	      flags & O_CREAT ? " O_CREAT" : "",
	      flags & O_EXCL ? " O_EXCL" : "",
	      flags & O_TRUNC ? " O_TRUNC" : "",
	      flags & O_NOFOLLOW ? " O_NOFOLLOW" : "",
	      flags & O_DIRECTORY ? " O_DIRECTORY" : "");
	/* ELOOP or ENOTDIR: the page names both for a symlink there */
	if (is_symlink(o) && flags & O_NOFOLLOW && flags & O_DIRECTORY)
		WANT2(ELOOP, ENOTDIR, fd = open("x", flags, 0644));
	else
		WANT(err, fd = open("x", flags, 0644));
	if (fd >= 0) {
		expect_opened(fd, o, flags);
		OK(close(fd));
	}
	if (err && o == FILE_3)
		WANT_EQ(stat_of("x").st_size, 3);
	label(NULL);
	CHECK(exists("gone") == (!err && o == DANGLING));
	remove_object();
}

CASE(open_flags_matrix, 0)
{
	static const int mode[] = { O_RDONLY, O_WRONLY, O_RDWR };
	static const int bit[] = { O_CREAT, O_EXCL, O_TRUNC, O_NOFOLLOW,
		O_DIRECTORY };
	int o, m, set, i, flags;

	for (o = NOTHING; o < OBJECTS; o++) {
		for (m = 0; m < 3; m++) {
			for (set = 0; set < 1 << COUNT_OF(bit); set++) {
				flags = mode[m];
				for (i = 0; i < (int)COUNT_OF(bit); i++)
					flags |= set >> i & 1 ? bit[i] : 0;
				if ((flags & O_CREAT && flags & O_DIRECTORY) ||
				    (flags & O_EXCL && !(flags & O_CREAT)))
					continue;	/* undefined */
				open_row(o, flags);
			}
		}
	}
}

CASE(open_creat_and_directory, 0)
{
	make_tree("d");
	make_file("f", "x");
	/* an error since Linux 6.4; before, the flag was not looked at */
	WANT2(EINVAL, EISDIR, open("d", O_RDONLY | O_CREAT | O_DIRECTORY, 0600));
	WANT2(EINVAL, ENOTDIR,
	      open("f", O_RDONLY | O_CREAT | O_DIRECTORY, 0600));
	WANT2(EINVAL, ENOTDIR,
	      open("new", O_RDONLY | O_CREAT | O_DIRECTORY, 0600));
}

CASE(open_status_flags, 0)
{
	static const struct {
		const char *name;
		int flag;
	} flags[] = {
		{ "O_APPEND", O_APPEND }, { "O_NONBLOCK", O_NONBLOCK },
		{ "O_SYNC", O_SYNC }, { "O_DSYNC", O_DSYNC },
		{ "O_NOATIME", O_NOATIME }, { "O_CREAT", O_CREAT },
	};
	size_t i;
	int fd, fl;

	make_file("f", "abc");
	for (i = 0; i < COUNT_OF(flags); i++) {
		label("%s", flags[i].name);
		fd = OK(open("f", O_RDWR | flags[i].flag, 0600));
		fl = OK(fcntl(fd, F_GETFL));
		if (flags[i].flag == O_CREAT)
			WANT_EQ(fl & O_CREAT, 0);	/* not a status */
		else
			WANT_EQ(fl & flags[i].flag, flags[i].flag);
		WANT_EQ(pwrite(fd, "x", 1, 0), 1);
		WANT_EQ(fl & O_ACCMODE, O_RDWR);
		OK(close(fd));
	}
}

CASE(open_noatime_is_for_owners, NEEDS_ROOT)
{
	make_file("f", "abc");
	OK(chmod("f", 0666));
	be(USER_A, GROUP_A);
	WANT(EPERM, open("f", O_RDONLY | O_NOATIME));
	WANT(0, open("f", O_RDONLY));
	be(0, 0);
	OK(chown("f", USER_A, -1));
	be(USER_A, GROUP_A);
	WANT(0, open("f", O_RDONLY | O_NOATIME));
	be(0, 0);
}

CASE(open_path_only, 0)
{
	char buf[8];
	struct stat st;
	int fd, dir;

	make_file("f", "abc");
	make_tree("d");
	make_file("d/x", "");
	OK(symlink("f", "s"));
	OK(chmod("f", 0));
	fd = OK(open("f", O_PATH));
	WANT(0, fstat(fd, &st));
	WANT_EQ(st.st_size, 3);
	WANT(EBADF, read(fd, buf, 1));
	WANT(EBADF, pread(fd, buf, 1, 0));
	WANT(EBADF, write(fd, "x", 1));
	WANT(EBADF, ftruncate(fd, 0));
	WANT(EBADF, lseek(fd, 0, SEEK_SET));
	WANT(EBADF, fsync(fd));
	WANT(EBADF, fchmod(fd, 0600));
	WANT(EBADF, fchown(fd, -1, -1));
	WANT(EBADF, fallocate(fd, 0, 0, 1));
	WANT(EBADF, posix_fadvise(fd, 0, 0, 0) == EBADF ?
	     (errno = EBADF, -1) : 0);
	WANT_EQ(fcntl(fd, F_GETFL) & O_PATH, O_PATH);
	WANT(0, fcntl(fd, F_GETFD));
	WANT(0, dup(fd));
	OK(chmod("f", 0644));
	/* without privileges only newer kernels allow it */
	WANT2(0, geteuid() ? ENOENT : 0,
	      linkat(fd, "", AT_FDCWD, "l", AT_EMPTY_PATH));
	fd = OK(open("s", O_PATH | O_NOFOLLOW));
	WANT(0, fstat(fd, &st));
	CHECK(S_ISLNK(st.st_mode));
	WANT_EQ(readlinkat(fd, "", buf, sizeof(buf)), 1);
	WANT_EQ(buf[0], 'f');
	dir = OK(open("d", O_PATH | O_DIRECTORY));
	WANT(0, faccessat(dir, "x", F_OK, 0));
	WANT(0, fstatat(dir, "x", &st, 0));
	WANT(0, openat(dir, "new", O_RDWR | O_CREAT, 0600));
	WANT(EBADF, syscall(SYS_getdents64, dir, buf, sizeof(buf)));
	WANT(0, fchdir(dir));
	CHECK(exists("x"));
	WANT(ENOTDIR, open("../f", O_PATH | O_DIRECTORY));
	WANT(0, open("../s", O_PATH));
}

/* The file offset begins at 0, also for appending. */
CASE(open_offset, 0)
{
	make_file("f", "abc");
	WANT_EQ(lseek(open("f", O_RDWR), 0, SEEK_CUR), 0);
	WANT_EQ(lseek(open("f", O_RDWR | O_APPEND), 0, SEEK_CUR), 0);
	WANT_EQ(lseek(open("f", O_RDWR | O_TRUNC), 0, SEEK_CUR), 0);
}

CASE(open_lowest_descriptor, 0)
{
	int a = OK(open(".", O_RDONLY)), b;

	b = OK(open(".", O_RDONLY));
	OK(close(a));
	WANT_EQ(open("f", O_RDWR | O_CREAT, 0600), a);
	CHECK(b > a);
}

/* What is made has the mode, but the descriptor is as it was asked for. */
CASE(open_mode_is_for_the_next, 0)
{
	static const mode_t mode[] = { 0, 0200, 0400, 0600, 0777 };
	char name[16];
	size_t i;
	int fd;

	for (i = 0; i < COUNT_OF(mode); i++) {
		label("0%o", mode[i]);
		snprintf(name, sizeof(name), "f%zu", i);
		fd = OK(open(name, O_RDWR | O_CREAT | O_EXCL, mode[i]));
		WANT_EQ(write(fd, "x", 1), 1);
		WANT_EQ(pread(fd, name + 8, 1, 0), 1);
		WANT_EQ(stat_of(name).st_mode & 07777, mode[i] & ~022);
	}
}

CASE(open_truncates_without_reading, 0)
{
	AS_USER {
		int fd = OK(open("f", O_RDWR | O_CREAT, 0200));

		EQ(write(fd, "abc", 3), 3);
		WANT(EACCES, open("f", O_RDONLY | O_TRUNC));
		WANT_EQ(lseek(fd, 0, SEEK_END), 3);
		WANT(0, open("f", O_WRONLY | O_TRUNC));
		WANT_EQ(lseek(fd, 0, SEEK_END), 0);
		OK(chmod("f", 0400));
		EQ(pwrite(fd, "abc", 3, 0), 3);
		WANT(EACCES, open("f", O_WRONLY | O_TRUNC));
		WANT(EACCES, open("f", O_RDONLY | O_TRUNC));
		WANT(EACCES, open("f", O_RDWR | O_CREAT | O_TRUNC, 0600));
		WANT_EQ(lseek(fd, 0, SEEK_END), 3);
	}
}

/* O_CREAT wants write permission in the directory only if it has to make it. */
CASE(open_creat_of_existing, 0)
{
	AS_USER {
		make_tree("d");
		make_file("d/f", "x");
		OK(chmod("d", 0500));
		WANT(0, open("d/f", O_RDWR | O_CREAT, 0600));
		WANT(EEXIST, open("d/f", O_RDWR | O_CREAT | O_EXCL, 0600));
		WANT(EACCES, open("d/g", O_RDWR | O_CREAT, 0600));
		WANT(EACCES, open("d/g", O_RDWR | O_CREAT | O_EXCL, 0600));
		WANT(EACCES, creat("d/g", 0600));
		WANT(ENOENT, open("d/g", O_RDWR));
		OK(chmod("d", 0700));
	}
}
