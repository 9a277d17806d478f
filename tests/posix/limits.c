/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Limits: of the process, of a full and of a read-only file system, mounts.
 *
 * Notes: the full and the read-only one are mounts that the caller of the
 * suite has made (--small, --read-only); the latter holds "file" with the text
 * "text", a directory "dir" with "inside" in it, and a symlink "sym" to "file".
 * EBUSY is tried in a mount namespace of the case's own.
 */
#include "posix_test.h"

#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <sys/xattr.h>

/* ---- of the process ---- */

static volatile sig_atomic_t got_signal;

static void note_signal(int nr)
{
	got_signal = nr;
}

CASE(limit_of_file_size, 0)
{
	struct rlimit rl = { 10000, 10000 };
	static char buf[20000];
	int fd;

	fd = OK(open("f", O_RDWR | O_CREAT, 0600));
	OK(setrlimit(RLIMIT_FSIZE, &rl));
	signal(SIGXFSZ, note_signal);
	WANT_EQ(pwrite(fd, buf, 20000, 0), 10000);
	WANT_EQ(got_signal, 0);
	WANT(EFBIG, pwrite(fd, buf, 1, 10000));
	WANT_EQ(got_signal, SIGXFSZ);
	got_signal = 0;
	WANT(EFBIG, ftruncate(fd, 10001));
	WANT_EQ(got_signal, SIGXFSZ);
	got_signal = 0;
	WANT(EFBIG, truncate("f", 10001));
	WANT_EQ(got_signal, SIGXFSZ);
	WANT(0, ftruncate(fd, 10000));
	WANT_EQ(pwrite(fd, buf, 10, 9995), 5);
	WANT(EFBIG, pwrite(fd, buf, 10, 1 << 20));
	WANT_EQ(stat_of("f").st_size, 10000);
	WANT_EQ(pwrite(fd, buf, 100, 0), 100);
	OK(fcntl(fd, F_SETFL, O_APPEND));
	WANT(EFBIG, write(fd, buf, 1));
	WANT_EQ(stat_of("f").st_size, 10000);
}

CASE(limit_of_file_size_kills, 0)
{
	struct rlimit rl = { 100, 100 };
	int fd, status;
	pid_t pid;

	fd = OK(open("f", O_RDWR | O_CREAT, 0600));
	pid = child_begin();
	if (!pid) {
		rl = (struct rlimit){ 0, 0 };
		setrlimit(RLIMIT_CORE, &rl);
		rl = (struct rlimit){ 100, 100 };
		OK(setrlimit(RLIMIT_FSIZE, &rl));
		(void)!pwrite(fd, "x", 1, 100);
		_exit(0);
	}
	EQ(waitpid(pid, &status, 0), pid);
	WANT_EQ(WIFSIGNALED(status) && WTERMSIG(status) == SIGXFSZ, 1);
	WANT_EQ(stat_of("f").st_size, 0);
}

CASE(limit_of_descriptors, 0)
{
	struct rlimit rl = { 40, 40 };
	int fd, n = 0;

	make_file("f", "");
	OK(setrlimit(RLIMIT_NOFILE, &rl));
	while ((fd = open("f", O_RDONLY)) >= 0)
		n++;
	WANT_EQ(errno, EMFILE);
	CHECK(n > 10);
	WANT(EMFILE, open("new", O_RDWR | O_CREAT, 0600));
	CHECK(!exists("new"));
	WANT(EMFILE, dup(0));
	OK(close(39));
	WANT(0, open("f", O_RDWR));
}

CASE(limits_by_pathconf, 0)
{
	int fd;

	make_file("f", "");
	fd = OK(open("f", O_RDONLY));
	WANT_EQ(pathconf(".", _PC_NAME_MAX), 255);
	WANT_EQ(pathconf(".", _PC_PATH_MAX), PATH_MAX);
	WANT_EQ(pathconf(".", _PC_NO_TRUNC), 1);
	WANT_EQ(pathconf(".", _PC_CHOWN_RESTRICTED), 1);
	WANT_EQ(pathconf("f", _PC_PIPE_BUF) >= 512, 1);
	WANT_EQ(fpathconf(fd, _PC_NAME_MAX), 255);
	WANT_EQ(fpathconf(fd, _PC_LINK_MAX) >= 8, 1);
	WANT(ENOENT, pathconf("missing", _PC_NAME_MAX));
	WANT(EINVAL, pathconf("f", 9999));
	WANT(EBADF, fpathconf(-1, _PC_NAME_MAX));
}

/* ---- a read-only mount ---- */

CASE(read_only_mount, NEEDS_READ_ONLY)
{
	struct statvfs v;

	OK(chdir(opt.read_only));
	OK(statvfs(".", &v));
	WANT_EQ(v.f_flag & ST_RDONLY, ST_RDONLY);
	WANT(EROFS, open("file", O_WRONLY));
	WANT(EROFS, open("file", O_RDWR));
	WANT(EROFS, open("file", O_RDONLY | O_TRUNC));
	WANT(EROFS, open("new", O_RDWR | O_CREAT, 0600));
	WANT(EROFS, open("sym", O_WRONLY));
	WANT(EROFS, creat("file", 0600));
	WANT(EROFS, mkdir("new", 0700));
	WANT(EROFS, mkfifo("new", 0600));
	WANT(EROFS, mknod("new", S_IFREG | 0600, 0));
	WANT(EROFS, symlink("x", "new"));
	WANT(EROFS, link("file", "new"));
	WANT(EROFS, unlink("file"));
	WANT(EROFS, unlink("sym"));
	WANT(EROFS, rmdir("dir"));
	WANT(EROFS, rename("file", "new"));
	WANT(EROFS, rename("dir", "new"));
	WANT(EROFS, truncate("file", 0));
	/* what is there is EEXIST, what is not is ENOENT, all the same */
	WANT(EEXIST, mkdir("dir", 0700));
	WANT(EEXIST, symlink("x", "file"));
	WANT(EEXIST, open("file", O_RDWR | O_CREAT | O_EXCL, 0600));
	WANT(0, open("file", O_RDONLY | O_CREAT, 0600));
	WANT2(ENOENT, EROFS, unlink("missing"));
	WANT(ENOENT, open("missing", O_RDWR));
	WANT_EQ(count_entries("."), 3);
	WANT_EQ(count_entries("dir"), 1);
}

CASE(read_only_attributes, NEEDS_READ_ONLY)
{
	int fd;

	OK(chdir(opt.read_only));
	WANT(EROFS, chmod("file", 0600));
	WANT(EROFS, chmod("dir", 0700));
	WANT(EROFS, chown("file", geteuid(), -1));
	WANT(EROFS, lchown("sym", geteuid(), -1));
	WANT(EROFS, utimensat(AT_FDCWD, "file", NULL, 0));
	WANT(EROFS, setxattr("file", "user.x", "y", 1, 0));
	WANT(EROFS, removexattr("file", "user.x"));
	WANT(EROFS, access("file", W_OK));
	WANT(EROFS, access("dir", W_OK));
	WANT(0, access("file", R_OK));
	WANT(0, access("dir", R_OK | X_OK));
	fd = OK(open("file", O_RDONLY));
	WANT(EROFS, fchmod(fd, 0600));
	WANT(EROFS, fchown(fd, -1, getegid()));
	WANT(EROFS, futimens(fd, NULL));
	WANT(0, fsync(fd));
	expect_text("file", "text");
	expect_text("sym", "text");
}

/* ---- a full file system ---- */

#define STEP	(64 * KIB)

/* Fill fd in steps until nothing goes in; the length that went in. */
static off_t fill(int fd, unsigned int seed)
{
	static char buf[STEP];
	off_t len = 0;
	ssize_t n;

	for (;;) {
		pattern(buf, STEP, len, seed);
		n = pwrite(fd, buf, STEP, len);
		if (n < 0)
			break;
		len += n;
		CHECK(len < 1024 * MIB);
	}
	if (errno != ENOSPC)
		FAIL("pwrite: %s, not ENOSPC", strerror(errno));
	return len;
}

static void go_to_small(void)
{
	OK(chdir(opt.small));
	wipe("full");
	OK(mkdir("full", 0700));
	OK(chdir("full"));
}

CASE(full_file_system, NEEDS_SMALL)
{
	struct stat st;
	off_t len, again;
	int fd, ap;

	go_to_small();
	make_file("before", "before");
	make_tree("d");
	fd = OK(open("f", O_RDWR | O_CREAT, 0600));
	len = fill(fd, 1);
	CHECK(len > STEP);
	WANT_EQ(stat_of("f").st_size, len);
	expect_pattern(fd, 0, len, 1);
	WANT(ENOSPC, pwrite(fd, "x", 1, len + 100 * PAGE));
	WANT_EQ(stat_of("f").st_size, len);
	ap = OK(open("f", O_WRONLY | O_APPEND));
	static char block[STEP];
	WANT(ENOSPC, write(ap, block, STEP));
	WANT_EQ(stat_of("f").st_size, len);
	/* what needs no room goes on */
	WANT(0, stat("before", &st));
	WANT_EQ(pwrite(fd, "over", 4, 100), 4);
	WANT(0, chmod("before", 0600));
	WANT(0, utimensat(AT_FDCWD, "before", NULL, 0));
	WANT_EQ(count_entries("."), 3);
	expect_text("before", "before");
	WANT(0, unlink("before"));
	WANT(0, rmdir("d"));
	WANT(0, fsync(fd));
	WANT(0, ftruncate(fd, 4 * STEP));
	WANT_EQ(stat_of("f").st_size, 4 * STEP);
	expect_pattern(fd, 2 * STEP, 2 * STEP, 1);
	OK(ftruncate(fd, 0));
	again = fill(fd, 2);
	/* a few pages of what the file system keeps for itself may differ */
	CHECK(again > len - len / 10);
	expect_pattern(fd, 0, again, 2);
	OK(unlink("f"));
	OK(close(fd));
	OK(close(ap));
	wipe("../full");
}

CASE(full_of_a_nameless_file, NEEDS_SMALL)
{
	off_t len, again;
	int fd;

	go_to_small();
	fd = OK(open("f", O_RDWR | O_CREAT, 0600));
	OK(unlink("f"));
	len = fill(fd, 1);
	OK(close(fd));
	fd = OK(open("g", O_RDWR | O_CREAT, 0600));
	for (again = 0; again < len - len / 10; again = fill(fd, 2))
		later();	/* what was closed comes back soon */
	expect_pattern(fd, 0, again, 2);
	OK(close(fd));
	wipe("../full");
}

#define NAMES	5000	/* more than fit in what a full one has left */

/* Make empty files until there is no room for one; how many names there are. */
static int fill_with_names(void)
{
	char name[32];
	int i, fd;

	for (i = 0; i < NAMES; i++) {
		snprintf(name, sizeof(name), "names/name-%d", i);
		fd = open(name, O_WRONLY | O_CREAT | O_EXCL, 0600);
		if (fd < 0)
			break;
		OK(close(fd));
	}
	if (i == NAMES || errno != ENOSPC)
		FAIL("after %d names: %s, not ENOSPC", i,
		     i == NAMES ? "success" : strerror(errno));
	CHECK(!exists(name));
	EQ(count_entries("names"), i + 1);
	return i + 1;
}

/* Succeeds or has no room, and has made its name or not. */
#define ALL_OR_NOTHING(call, path)					\
	do {								\
		label("%s", #call);					\
		done = call;						\
		if (done)						\
			WANT_EQ(errno, ENOSPC);				\
		WANT_EQ(exists(path), !done);				\
	} while (0)

CASE(full_of_names, NEEDS_SMALL)
{
	int fd, nr, done;
	char target[1000];

	go_to_small();
	memset(target, 't', sizeof(target));
	target[sizeof(target) - 1] = 0;
	make_tree("names");
	make_file("names/first", "x");
	make_tree("d");
	make_file("f", "x");
	fd = OK(open("data", O_RDWR | O_CREAT, 0600));
	fill(fd, 1);
	nr = fill_with_names();
	ALL_OR_NOTHING(mkdir("d/dir", 0700), "d/dir");
	ALL_OR_NOTHING(symlink(target, "d/long"), "d/long");
	ALL_OR_NOTHING(symlink("x", "d/short"), "d/short");
	ALL_OR_NOTHING(mkfifo("d/fifo", 0600), "d/fifo");
	ALL_OR_NOTHING(link("f", "d/hard"), "d/hard");
	WANT_EQ(stat_of("f").st_nlink, exists("d/hard") ? 2 : 1);
	ALL_OR_NOTHING(rename("f", "d/moved"), "d/moved");
	WANT_EQ(exists("f"), !exists("d/moved"));
	label(NULL);
	/* removing goes on, and makes room */
	WANT(0, unlink("names/first"));
	WANT_EQ(count_entries("names"), nr - 1);
	OK(ftruncate(fd, 0));
	WANT(0, mkdir("names/again", 0700));
	WANT_EQ(count_entries("names"), nr);
	OK(close(fd));
	wipe("../full");
}

/*
 * A store through a mapping that there is no room for: the process gets SIGBUS,
 * or, where the kernel writes pages back later, msync(2) an error.
 */
CASE(full_under_a_mapping, NEEDS_SMALL)
{
	unsigned char *at;
	int fd, hole, status;
	pid_t pid;

	go_to_small();
	hole = OK(open("hole", O_RDWR | O_CREAT, 0600));
	OK(ftruncate(hole, 64 * PAGE));
	at = mmap(NULL, 64 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, hole, 0);
	CHECK(at != MAP_FAILED);
	fd = OK(open("data", O_RDWR | O_CREAT, 0600));
	fill(fd, 1);
	pid = child_begin();
	if (!pid) {
		memset(at, 'x', 64 * PAGE);
		_exit(msync(at, 64 * PAGE, MS_SYNC) ? errno : 0);
	}
	EQ(waitpid(pid, &status, 0), pid);
	if (WIFSIGNALED(status))
		WANT_EQ(WTERMSIG(status), SIGBUS);
	else
		WANT2(ENOSPC, EIO, (errno = WEXITSTATUS(status)) ? -1 : 0);
	OK(unlink("data"));
	OK(close(fd));
	OK(munmap(at, 64 * PAGE));
	OK(close(hole));
	wipe("../full");
}

/* ---- what is a mountpoint is busy ---- */

CASE(busy_mountpoint, NEEDS_ROOT)
{
	pid_t pid = child_begin();

	if (pid) {
		child_reap(pid);
		return;
	}
	OK(unshare(CLONE_NEWNS));
	OK(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL));
	make_tree("d");
	make_tree("e");
	make_tree("empty");
	make_file("f", "f");
	make_file("g", "g");
	OK(mount("e", "d", NULL, MS_BIND, NULL));
	OK(mount("g", "f", NULL, MS_BIND, NULL));
	WANT(EBUSY, rmdir("d"));
	WANT(EBUSY, rename("d", "x"));
	WANT(EBUSY, rename("empty", "d"));
	WANT(EBUSY, unlink("f"));
	WANT(EBUSY, rename("f", "x"));
	WANT(EBUSY, rename("g", "f"));
	/* one file system, two mounts */
	WANT(EXDEV, link("g", "d/x"));
	WANT(EXDEV, rename("g", "d/x"));
	WANT(EEXIST, mkdir("d", 0700));
	WANT(EEXIST, link("g", "f"));
	expect_text("f", "g");
	make_file("d/x", "in e");
	expect_text("e/x", "in e");
	WANT(0, unlink("e/x"));
	WANT(0, umount("d"));
	WANT(0, umount("f"));
	WANT(0, rmdir("d"));
	WANT(0, unlink("f"));
	child_end();
}
