// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Every operation on everything below a folder, whatever comes of it.
 *
 * Notes: for file systems that are damaged, or whose memory fails: each error is an
 * answer. Only its end counts, and what the kernel says meanwhile. It looks at no
 * more than NODES names, so that a directory without an end has one here. Prints
 * how many calls were made and how many failed. -r: looks, and changes nothing. -n N:
 * N times, and what there is then is made anew. -f: allocations of the kernel may
 * fail, as /sys/kernel/debug says (fault injection of this task). Exit: 0, 2 usage.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#define NODES	400
#define DEPTH	8

static int rdonly, nodes;
static unsigned long calls, failures;
static char buf[70000];
static sigjmp_buf out_of_mapping;

/* Counts; its value is that of the call. */
#define TRY(call)						\
	({							\
		__auto_type try_ = (call);			\
		calls++;					\
		if (try_ < 0)					\
			failures++;				\
		try_;						\
	})

static void on_bus(int sig)
{
	(void)sig;
	siglongjmp(out_of_mapping, 1);
}

/* ---- a file ---- */

static void use_mapping(int fd, int flags)
{
	size_t len = 3u << 20;
	char *p = mmap(NULL, len, rdonly ? PROT_READ : PROT_READ | PROT_WRITE, flags, fd, 0);

	calls++;
	if (p == MAP_FAILED) {
		failures++;
		return;
	}
	if (!sigsetjmp(out_of_mapping, 1)) {
		for (size_t at = 0; at < len; at += 300000) {
			volatile char *c = p + at;

			if (!rdonly && at % 600000 == 0)
				*c = 1;
			else
				(void)*c;
		}
	}
	TRY(msync(p, len, MS_SYNC));
	munmap(p, len);
}

static void use_locks(int fd)
{
	struct flock fl = { .l_type = F_WRLCK, .l_start = 10, .l_len = 100 };

	TRY(flock(fd, LOCK_EX | LOCK_NB));
	TRY(fcntl(fd, F_SETLK, &fl));
	fl.l_start = 50;
	TRY(fcntl(fd, F_GETLK, &fl));
	fl.l_type = F_UNLCK;
	TRY(fcntl(fd, F_SETLK, &fl));
	TRY(flock(fd, LOCK_UN));
}

static void change_file(int fd)
{
	off_t in = 0, out = 200000;

	TRY(pwrite(fd, buf, 9000, 100));
	TRY(pwrite(fd, buf, 100, 5 << 20));
	TRY(copy_file_range(fd, &in, fd, &out, 50000, 0));
	TRY(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 4000, 100000));
	TRY(fallocate(fd, FALLOC_FL_ZERO_RANGE, 1 << 20, 5000));
	TRY(fallocate(fd, 0, 0, 40000));
	TRY(fchmod(fd, 0640));
	TRY(fchown(fd, 7, 8));
	TRY(futimens(fd, NULL));
	TRY(fsetxattr(fd, "user.a", buf, 100, 0));
	TRY(fsetxattr(fd, "user.large", buf, 20000, 0));
	TRY(fremovexattr(fd, "user.a"));
	use_locks(fd);
	use_mapping(fd, MAP_SHARED);
	TRY(fdatasync(fd));
	TRY(ftruncate(fd, 1234));
}

static void use_file(int dir, const char *name)
{
	int fd = TRY(openat(dir, name, (rdonly ? O_RDONLY : O_RDWR) | O_NONBLOCK | O_NOFOLLOW));
	struct stat st;

	if (fd < 0)
		return;
	if (!TRY(fstat(fd, &st)) && S_ISREG(st.st_mode)) {
		TRY(pread(fd, buf, sizeof(buf), 0));
		TRY(pread(fd, buf, 5000, st.st_size - 3000));
		TRY(lseek(fd, 0, SEEK_HOLE));
		TRY(lseek(fd, 0, SEEK_DATA));
		use_mapping(fd, MAP_PRIVATE);
		if (!rdonly)
			change_file(fd);
	}
	close(fd);
}

/* ---- names ---- */

static void change_names(int dir, const char *name)
{
	char other[300];
	int fd;

	snprintf(other, sizeof(other), "%.200s~", name);
	TRY(linkat(dir, name, dir, other, 0));
	TRY(renameat2(dir, name, dir, other, RENAME_EXCHANGE));
	TRY(renameat(dir, name, dir, other));
	TRY(mkdirat(dir, name, 0755));
	TRY(symlinkat("some/where", dir, "a-link"));
	TRY(mknodat(dir, "a-pipe", S_IFIFO | 0600, 0));
	fd = TRY(openat(dir, "a-file", O_RDWR | O_CREAT, 0600));
	if (fd >= 0) {
		TRY(write(fd, buf, 10000));
		close(fd);
	}
	fd = TRY(openat(dir, ".", O_TMPFILE | O_RDWR, 0600));
	if (fd >= 0) {
		TRY(write(fd, buf, 10000));
		close(fd);
	}
	TRY(unlinkat(dir, name, AT_REMOVEDIR));
	TRY(renameat(dir, other, dir, name));
	TRY(unlinkat(dir, "a-link", 0));
	TRY(unlinkat(dir, "a-pipe", 0));
	TRY(unlinkat(dir, "a-file", 0));
}

static void look(int dir, const char *name, struct stat *st)
{
	char path[400], value[300];
	ssize_t len;

	memset(st, 0, sizeof(*st));
	TRY(fstatat(dir, name, st, AT_SYMLINK_NOFOLLOW));
	TRY(readlinkat(dir, name, buf, sizeof(buf)));
	TRY(faccessat(dir, name, R_OK | W_OK, AT_EACCESS));
	snprintf(path, sizeof(path), "/proc/self/fd/%d/%.300s", dir, name);
	len = TRY(llistxattr(path, buf, sizeof(buf)));
	for (char *at = buf; len > 0 && at < buf + len; at += strlen(at) + 1)
		TRY(lgetxattr(path, at, value, sizeof(value)));
	TRY(lgetxattr(path, "system.posix_acl_access", value, sizeof(value)));
}

static void walk(int dir, int depth);

static void visit(int dir, const char *name, int depth)
{
	struct stat st;
	int sub;

	look(dir, name, &st);
	if (S_ISDIR(st.st_mode)) {
		sub = TRY(openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
		if (sub >= 0 && depth < DEPTH)
			walk(sub, depth + 1);
		else if (sub >= 0)
			close(sub);
	} else {
		use_file(dir, name);
	}
	if (!rdonly) {
		change_names(dir, name);
		TRY(unlinkat(dir, name, S_ISDIR(st.st_mode) ? AT_REMOVEDIR : 0));
	}
}

/* Closes dir. The names are taken first: changes would come back in the listing. */
static void walk(int dir, int depth)
{
	DIR *list = fdopendir(dup(dir));
	char *names[NODES];
	int nr = 0;

	while (list && nodes < NODES) {
		const struct dirent *de = readdir(list);

		if (!de)
			break;
		if (!strcmp(de->d_name, ".") || !strcmp(de->d_name, ".."))
			continue;
		nodes++;
		names[nr++] = strdup(de->d_name);
	}
	if (list)
		closedir(list);
	for (int i = 0; i < nr; i++) {
		visit(dir, names[i], depth);
		free(names[i]);
	}
	close(dir);
}

/* Something to work on. */
static void make(const char *top)
{
	int dir = TRY(open(top, O_RDONLY | O_DIRECTORY));
	char name[32];

	if (dir < 0)
		return;
	for (int i = 0; i < 20; i++) {
		int fd;

		snprintf(name, sizeof(name), i % 4 ? "file-%d" : "dir-%d", i);
		if (i % 4 == 0) {
			TRY(mkdirat(dir, name, 0755));
			continue;
		}
		fd = TRY(openat(dir, name, O_RDWR | O_CREAT, 0644));
		if (fd >= 0) {
			TRY(write(fd, buf, (size_t)i * 3000));
			close(fd);
		}
	}
	close(dir);
}

/* Its own pages are there already. */
static void let_fail(void)
{
	int fd = open("/proc/self/make-it-fail", O_WRONLY);

	if (mlockall(MCL_CURRENT) || fd < 0 || write(fd, "1", 1) != 1)
		err(2, "make-it-fail");
	close(fd);
}

int main(int argc, char **argv)
{
	struct statvfs fs;
	int c, rounds = 1;

	while ((c = getopt(argc, argv, "frn:")) != -1) {
		if (c == 'r')
			rdonly = 1;
		else if (c == 'f')
			let_fail();
		else if (c == 'n')
			rounds = atoi(optarg);
		else
			return 2;
	}
	if (optind != argc - 1)
		errx(2, "usage: use_tree [-f] [-r] [-n ROUNDS] DIR");
	signal(SIGBUS, on_bus);
	memset(buf, 'x', sizeof(buf));
	for (int i = 0; i < rounds; i++) {
		int dir = TRY(open(argv[optind], O_RDONLY | O_DIRECTORY));

		nodes = 0;
		TRY(statvfs(argv[optind], &fs));
		if (dir >= 0)
			walk(dir, 0);
		if (!rdonly && i + 1 < rounds)
			make(argv[optind]);
	}
	printf("%lu calls, %lu failed\n", calls, failures);
	return 0;
}
