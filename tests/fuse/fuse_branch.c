// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * fuse_branch CASE MNT [MNT2]: what a process on a mount sees when branches change.
 *
 * Notes: each case makes the change itself, by an ioctl, and then looks at what it
 * has mapped, open or cached. Waiting has a limit, and what comes too late is a
 * failure: LIMIT_MS is far beyond the 100 ms of the manual, because machines stall.
 * Exit 0: as it must be; 1: not, and stdout says how; 2: usage.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <daxfs/ioctl.h>

#define PAGE	4096
#define LIMIT_MS 5000

static char *mnt, *mnt2;
static sigjmp_buf fault;
static long ended_ms;		/* when the branch was ended */

#define check(cond, ...) do { \
	if (!(cond)) { \
		int err_ = errno; \
		printf("line %d: ", __LINE__); \
		printf(__VA_ARGS__); \
		printf(" (%s)\n", strerror(err_)); \
		exit(1); \
	} \
} while (0)

static void on_fault(int sig)
{
	siglongjmp(fault, sig);
}

static long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void pause_ms(long ms)
{
	struct timespec ts = { .tv_nsec = ms * 1000000 };

	nanosleep(&ts, NULL);
}

static int open_in(const char *dir, const char *name, int flags)
{
	char path[4096];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, flags, 0644);
	check(fd >= 0, "open %s", path);
	return fd;
}

static int root_of(const char *dir)
{
	return open_in(dir, ".", O_RDONLY | O_DIRECTORY);
}

static void put(const char *dir, const char *name, const char *text)
{
	char page[PAGE] = "";
	int fd = open_in(dir, name, O_WRONLY | O_CREAT | O_TRUNC);

	strcpy(page, text);
	check(write(fd, page, PAGE) == PAGE, "write %s", name);
	close(fd);
}

static void is(const char *dir, const char *name, const char *text)
{
	char page[PAGE] = "";
	int fd = open_in(dir, name, O_RDONLY);

	check(pread(fd, page, PAGE, 0) == PAGE, "read %s", name);
	check(!strcmp(page, text), "%s is '%s' instead of '%s'", name, page, text);
	close(fd);
}

static char *map(const char *dir, const char *name, int flags)
{
	int fd = open_in(dir, name, flags);
	char *p = mmap(NULL, PAGE, flags == O_RDWR ? PROT_READ | PROT_WRITE : PROT_READ,
		       MAP_SHARED, fd, 0);

	check(p != MAP_FAILED, "mmap %s", name);
	close(fd);
	return p;
}

static int branch_op(int fd, unsigned int cmd, const char *name)
{
	struct daxfs_ioc_branch_op op = { .id = DAXFS_IOC_BRANCH_SELF };

	strcpy(op.name, name);
	return ioctl(fd, cmd, &op) ? -errno : 0;
}

static struct daxfs_ioc_branch make(int fd, const char *name)
{
	struct daxfs_ioc_branch b = { .parent = DAXFS_IOC_BRANCH_SELF };

	strcpy(b.name, name);
	check(!ioctl(fd, DAXFS_IOC_BRANCH_CREATE, &b), "create %s", name);
	return b;
}

/* Touch it until that faults. */
static void dies(volatile char *p, int store)
{
	const long end = now_ms() + LIMIT_MS;
	struct sigaction sa = { .sa_handler = on_fault };
	volatile int sink = 0;

	sigaction(SIGBUS, &sa, NULL);
	if (sigsetjmp(fault, 1)) {
		signal(SIGBUS, SIG_DFL);
		printf("SIGBUS within %ld ms\n", now_ms() - ended_ms);
		return;
	}
	while (now_ms() < end) {
		sink += *p;
		if (store)
			*p = (char)sink;
		pause_ms(1);
	}
	check(0, "no SIGBUS");
}

/* Until the page shows that text. */
static void becomes(const volatile char *p, const char *text)
{
	const long end = now_ms() + LIMIT_MS;

	while (now_ms() < end) {
		if (!strcmp((const char *)p, text))
			return;
		pause_ms(1);
	}
	check(0, "the page is '%s' instead of '%s'", (const char *)p, text);
}

/* ---- cases; MNT shows a branch, MNT2 another one or main ---- */

/* MNT is aborted: everything is ESTALE, close and mapping excepted, then SIGBUS. */
static void case_ended(void)
{
	int root = root_of(mnt), fd, fd2;
	volatile char *p, *w;
	struct statfs vfs;
	struct stat st;
	char c;

	put(mnt, "f", "one");
	put(mnt, "g", "two");
	p = map(mnt, "f", O_RDONLY);
	w = map(mnt, "g", O_RDWR);
	fd = open_in(mnt, "f", O_RDWR);
	fd2 = open_in(mnt, "f", O_RDONLY);
	check(*p == 'o', "mapped");
	w[0] = 'T';
	ended_ms = now_ms();
	check(!branch_op(root, DAXFS_IOC_BRANCH_ABORT, ""), "abort");
	check(pread(fd, &c, 1, 0) < 0 && errno == ESTALE, "pread");
	check(pwrite(fd, "x", 1, 0) < 0 && errno == ESTALE, "pwrite");
	check(fstat(fd, &st) && errno == ESTALE, "fstat");
	check(stat(mnt, &st) && errno == ESTALE, "stat of the root");
	check(ftruncate(fd, 0) && errno == ESTALE, "ftruncate");
	check(fsync(fd) && errno == ESTALE, "fsync");
	check(fstatfs(fd, &vfs) && errno == ESTALE, "fstatfs");
	check(openat(root, "f", O_RDONLY) < 0 && errno == ESTALE, "openat");
	check(mkdirat(root, "d", 0755) && errno == ESTALE, "mkdirat");
	check(unlinkat(root, "f", 0) && errno == ESTALE, "unlinkat");
	check(branch_op(root, DAXFS_IOC_BRANCH_COMMIT, "") == -ESTALE, "commit");
	check(lseek(fd, 1, SEEK_SET) == 1, "lseek");
	dies(p, 0);
	dies(w, 1);
	check(!close(fd) && !close(fd2), "close");
}

/* MNT is ended by a command that knows MNT2, the region: the time includes its start. */
static void case_elsewhere(void)
{
	char command[4096];
	volatile char *p;

	put(mnt, "f", "one");
	p = map(mnt, "f", O_RDONLY);
	check(*p == 'o', "mapped");
	snprintf(command, sizeof(command), "daxfs-branch abort -r '%s' -b b-elsewhere",
		 mnt2);
	ended_ms = now_ms();
	check(!system(command), "abort");
	dies(p, 0);
}

/* MNT is committed: a page of MNT2, which shows main, follows; MNT goes on. */
static void case_committed(void)
{
	int root = root_of(mnt);
	const volatile char *p = map(mnt2, "base", O_RDONLY);
	volatile char *own;
	struct stat st;

	becomes(p, "base");
	put(mnt, "base", "changed");
	own = map(mnt, "base", O_RDWR);
	own[PAGE - 1] = 'x';		/* not written back yet */
	is(mnt2, "base", "base");
	check(!branch_op(root, DAXFS_IOC_BRANCH_COMMIT, ""), "commit");
	is(mnt2, "base", "changed");
	becomes(p, "changed");
	check(p[PAGE - 1] == 'x', "the store before the commit is lost");
	is(mnt, "base", "changed");
	check(openat(root, "base", O_WRONLY) < 0 && errno == EROFS, "open");
	check(mkdirat(root, "d", 0755) && errno == EROFS, "mkdirat");
	check(!fstatat(root, "base", &st, 0), "stat");
}

/* A child of MNT is made: what was stored before is in it, what comes later not. */
static void case_frozen(void)
{
	int root = root_of(mnt), fd;
	volatile char *p;

	put(mnt, "f", "one");
	fd = open_in(mnt, "f", O_RDWR);
	p = map(mnt, "f", O_RDWR);
	p[0] = 'O';
	make(root, "child");
	is(mnt, "f", "One");
	check(pwrite(fd, "x", 1, 0) < 0 && errno == EROFS, "pwrite");
	check(openat(root, "f", O_RDWR) < 0 && errno == EROFS, "open");
	check(openat(root, "new", O_RDWR | O_CREAT, 0644) < 0 && errno == EROFS,
	      "create");
	p[0] = 'X';
	check(msync((void *)(uintptr_t)p, PAGE, MS_SYNC), "msync of what is frozen");
	becomes(p, "One");
	is(mnt, "f", "One");
	close(fd);
}

/*
 * Rolled back, and written to again by another mount (MNT2) of the same branch, as
 * often as before: size, time and change counter are what they were.
 */
static void case_rolled_back(void)
{
	const struct timespec t[2] = { { .tv_sec = 1 }, { .tv_sec = 1 } };
	int root = root_of(mnt), fd, round;
	char text[16], name[16];

	put(mnt, "f", "first");
	for (round = 0; round < 50; round++) {
		snprintf(name, sizeof(name), "p%d", round);
		check(!branch_op(root, DAXFS_IOC_BRANCH_CHECKPOINT, name), "checkpoint");
		fd = open_in(mnt, "f", O_RDWR);
		check(pwrite(fd, "FIRST", 6, 0) == 6, "write");
		check(!futimens(fd, t), "futimens");
		close(fd);
		is(mnt, "f", "FIRST");
		check(!branch_op(root, DAXFS_IOC_BRANCH_ROLLBACK, name), "rollback");
		fd = open_in(mnt2, "f", O_RDWR);
		snprintf(text, sizeof(text), "n%04d", round);
		check(pwrite(fd, text, 6, 0) == 6, "write on the other");
		check(!futimens(fd, t), "futimens on the other");
		close(fd);
		is(mnt, "f", text);
	}
}

/* Others may look, and change nothing. */
static void case_rights(void)
{
	struct daxfs_ioc_branch b = { .id = DAXFS_IOC_BRANCH_SELF };
	struct daxfs_ioc_branch c = { .parent = DAXFS_IOC_BRANCH_SELF, .name = "c" };
	int root = root_of(mnt);

	check(!setresuid(65534, 65534, 65534), "setresuid");
	check(!ioctl(root, DAXFS_IOC_BRANCH_INFO, &b), "info");
	check(b.id && b.pid && b.state == DAXFS_IOC_BR_LIVE, "what it says");
	check(ioctl(root, DAXFS_IOC_BRANCH_CREATE, &c) && errno == EPERM, "create");
	check(branch_op(root, DAXFS_IOC_BRANCH_COMMIT, "") == -EPERM, "commit");
	check(branch_op(root, DAXFS_IOC_BRANCH_ABORT, "") == -EPERM, "abort");
	check(branch_op(root, DAXFS_IOC_BRANCH_CHECKPOINT, "x") == -EPERM,
	      "checkpoint");
	check(branch_op(root, DAXFS_IOC_BRANCH_ROLLBACK, "x") == -EPERM, "rollback");
}

/* What is no request, or makes no sense. */
static void case_bad(void)
{
	struct daxfs_ioc_branch b = { .id = 12345 };
	struct daxfs_ioc_branch_op op = { .id = DAXFS_IOC_BRANCH_SELF };
	int root = root_of(mnt);

	check(ioctl(root, DAXFS_IOC_BRANCH_INFO, &b) && errno == ESTALE, "info");
	b.index = ~0u;
	check(ioctl(root, DAXFS_IOC_BRANCH_LIST, &b) && errno == ENOENT, "list");
	memset(b.name, 'x', sizeof(b.name));
	check(ioctl(root, DAXFS_IOC_BRANCH_FIND, &b) && errno == ENOENT, "find");
	check(ioctl(root, DAXFS_IOC_BRANCH_CREATE, &b) && errno == EINVAL, "create");
	memset(b.name, 0, sizeof(b.name));
	check(ioctl(root, DAXFS_IOC_BRANCH_CREATE, &b) && errno == EINVAL, "no name");
	strcpy(b.name, "x");
	b.parent = 99;
	check(ioctl(root, DAXFS_IOC_BRANCH_CREATE, &b) && errno == ESTALE, "parent");
	b.parent = 0;
	b.flags = 1u << 31;
	check(ioctl(root, DAXFS_IOC_BRANCH_CREATE, &b) && errno == EINVAL, "flags");
	memset(op.name, 'x', sizeof(op.name));
	check(ioctl(root, DAXFS_IOC_BRANCH_CHECKPOINT, &op) && errno == EINVAL, "name");
	op.name[1] = 0;
	check(ioctl(root, DAXFS_IOC_BRANCH_ROLLBACK, &op) && errno == ENOENT,
	      "no checkpoint");
	op.id = 0;
	check(ioctl(root, DAXFS_IOC_BRANCH_COMMIT, &op) && errno == EINVAL, "main");
	check(ioctl(root, _IOW(DAXFS_IOC_TYPE, 24, struct daxfs_ioc_branch_op), &op) &&
	      errno == ENOTTY, "unknown");
	check(ioctl(root, _IOW(DAXFS_IOC_TYPE, 20, int), &op) && errno == ENOTTY,
	      "another size");
}

/* A thousand of them, made and given up at once: nothing is left. */
static void case_many(void)
{
	struct daxfs_ioc_branch b;
	int root = root_of(mnt), i;

	for (i = 0; i < 1000; i++) {
		struct daxfs_ioc_branch_op op = { .if_head = 0 };

		b = (struct daxfs_ioc_branch){ .parent = 0, .name = "many" };
		check(!ioctl(root, DAXFS_IOC_BRANCH_CREATE, &b), "create %d", i);
		op.id = b.id;
		check(!ioctl(root, DAXFS_IOC_BRANCH_ABORT, &op), "abort %d", i);
	}
	b = (struct daxfs_ioc_branch){ .name = "many" };
	check(ioctl(root, DAXFS_IOC_BRANCH_FIND, &b) && errno == ENOENT, "find");
}

/* b65 to b256: children of main that stay. */
static void case_wide(void)
{
	int root = root_of(mnt), i;

	for (i = 65; i <= 256; i++) {
		struct daxfs_ioc_branch b = { .flags = DAXFS_IOC_BR_KEEP };

		snprintf(b.name, sizeof(b.name), "b%d", i);
		check(!ioctl(root, DAXFS_IOC_BRANCH_CREATE, &b), "create %s", b.name);
	}
}

static const struct {
	const char *name;
	void (*run)(void);
} cases[] = {
	{ "ended", case_ended },
	{ "elsewhere", case_elsewhere },
	{ "committed", case_committed },
	{ "frozen", case_frozen },
	{ "rolled_back", case_rolled_back },
	{ "rights", case_rights },
	{ "bad", case_bad },
	{ "many", case_many },
	{ "wide", case_wide },
};

int main(int argc, char **argv)
{
	size_t i;

	for (i = 0; argc >= 3 && i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (strcmp(cases[i].name, argv[1]))
			continue;
		mnt = argv[2];
		mnt2 = argc > 3 ? argv[3] : NULL;
		cases[i].run();
		return 0;
	}
	fprintf(stderr, "usage: fuse_branch CASE MNT [MNT2]\n");
	return 2;
}
