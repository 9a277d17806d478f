// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * fuse_locks CASE A B: locks of files seen through two mounts of one region.
 *
 * Notes: A and B are mountpoints of two servers on one region, or the same one
 * twice. Who has to be waiting before a case goes on is looked for in /proc: it
 * sleeps, in a system call that locks. How long somebody waited after the lock was
 * free is printed, and bounded only so that a hang is told. Exit 0: as it must
 * be; 1: not, and stdout says how.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WAITERS 50
#define OTHER_CALLS 300

static char file_a[PATH_MAX], file_b[PATH_MAX], dir_b[PATH_MAX];

struct shared {			/* between a case and its children */
	volatile int got;	/* result of the lock, errno or 0; -1: not yet */
	volatile double when;	/* in ms */
};

static struct shared *sh;

static _Noreturn void fail(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	fflush(stdout);
	_exit(1);
}

static void check(int ok, const char *what)
{
	if (!ok)
		fail("%s: %s", what, strerror(errno));
}

/* The call fails, with that error. */
static void fails(int r, int error, const char *what)
{
	if (r != -1 || errno != error)
		fail("%s: result %d, %s", what, r, strerror(errno));
}

static double now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec * 1e-6;
}

static void pause_ms(long ms)
{
	struct timespec ts = { .tv_nsec = ms * 1000000 };

	nanosleep(&ts, NULL);
}

static int open_at(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);

	if (fd < 0)
		fail("open %s: %s", path, strerror(errno));
	return fd;
}

static int set_range(int fd, int cmd, short type, off_t start, off_t len)
{
	struct flock fl = { .l_type = type, .l_start = start, .l_len = len };

	return fcntl(fd, cmd, &fl);
}

static int range(int fd, short type, off_t start, off_t len)
{
	return set_range(fd, F_SETLK, type, start, len);
}

/* ---- children ---- */

static pid_t start(void)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	check(pid >= 0, "fork");
	return pid;
}

static void ends_well(pid_t pid)
{
	int status;

	check(waitpid(pid, &status, 0) == pid, "waitpid");
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		fail("child %d ended with status %x", (int)pid, status);
}

/* The process sleeps in flock() or fcntl(). */
static void until_it_waits(pid_t pid)
{
	char path[64], line[128];
	int i;

	snprintf(path, sizeof(path), "/proc/%d/syscall", (int)pid);
	for (i = 0; i < 5000; i++) {
		FILE *f = fopen(path, "r");
		int nr = -1;

		if (f && fgets(line, sizeof(line), f))
			sscanf(line, "%d", &nr);
		if (f)
			fclose(f);
		if (nr == SYS_flock || nr == SYS_fcntl)
			return;
		pause_ms(2);
	}
	fail("process %d does not wait for the lock", (int)pid);
}

static int wait_for(int fd, int kind)
{
	return kind ? set_range(fd, F_SETLKW, F_WRLCK, 0, 0) :
		      flock(fd, LOCK_EX);
}

static int take(int fd, int kind)
{
	return kind ? range(fd, F_WRLCK, 0, 0) : flock(fd, LOCK_EX | LOCK_NB);
}

static int drop(int fd, int kind)
{
	return kind ? range(fd, F_UNLCK, 0, 0) : flock(fd, LOCK_UN);
}

/*
 * Somebody has closed what had it. A server learns of that a moment after, and
 * lets a try wait for a few milliseconds, which a busy machine may take longer for.
 */
static int take_soon(int fd, int kind)
{
	double end = now_ms() + 10000;
	int r = take(fd, kind), tries = 1;

	while (r && (errno == EWOULDBLOCK || errno == EACCES) && now_ms() < end) {
		r = take(fd, kind);
		tries++;
	}
	if (tries > 1)
		printf("a lock that was closed is free at try %d\n", tries);
	return r;
}

/* ---- one has it, another does not ---- */

static void case_flock(void)
{
	int a = open_at(file_a), b = open_at(file_b), c = open_at(file_b);

	check(!take_soon(a, 0), "exclusive on A");
	fails(flock(b, LOCK_EX | LOCK_NB), EWOULDBLOCK, "exclusive on B");
	fails(flock(b, LOCK_SH | LOCK_NB), EWOULDBLOCK, "shared on B");
	check(!flock(a, LOCK_SH | LOCK_NB), "down to shared on A");
	check(!flock(b, LOCK_SH | LOCK_NB), "shared on B, too");
	check(!flock(c, LOCK_SH | LOCK_NB), "and a third");
	fails(flock(a, LOCK_EX | LOCK_NB), EWOULDBLOCK, "up on A");
	check(!flock(b, LOCK_UN), "unlock on B");
	check(!close(c), "close of the third");
	check(!take_soon(a, 0), "up on A, alone");
	check(!close(a), "close on A");
	/* The server learns of it a moment after. */
	check(!flock(b, LOCK_EX), "exclusive on B after it");
	close(b);
}

/* A lock is that of the open file, whoever has it; the last one ends it. */
static void case_flock_inherited(void)
{
	int a = open_at(file_a), b = open_at(file_b), go[2];
	char byte;
	pid_t pid;

	check(!pipe(go), "pipe");
	check(!flock(a, LOCK_EX), "exclusive on A");
	pid = start();
	if (!pid) {
		close(go[1]);
		_exit(read(go[0], &byte, 1) != 1);
	}
	close(a);
	fails(flock(b, LOCK_SH | LOCK_NB), EWOULDBLOCK, "a child has it");
	check(write(go[1], "", 1) == 1, "write");
	ends_well(pid);
	check(!flock(b, LOCK_EX), "when the child has ended");
	close(b);
}

static void case_ranges(void)
{
	int a = open_at(file_a), b, r;
	pid_t pid;

	check(!range(a, F_WRLCK, 10, 10), "10 to 19 on A");
	check(!range(a, F_RDLCK, 100, 0), "from 100 on, to read");
	pid = start();
	if (!pid) {
		b = open_at(file_b);
		fails(range(b, F_RDLCK, 19, 1), EAGAIN, "19 on B");
		fails(range(b, F_WRLCK, 0, 0), EAGAIN, "all on B");
		fails(range(b, F_WRLCK, 1 << 30, 1), EAGAIN, "far on B");
		check(!range(b, F_RDLCK, 1 << 30, 1), "far on B, to read");
		check(!range(b, F_WRLCK, 0, 10), "0 to 9 on B");
		check(!range(b, F_WRLCK, 20, 80), "20 to 99 on B");
		_exit(0);
	}
	ends_well(pid);
	check(!range(a, F_WRLCK, 0, 0), "all on A when B's process has ended");
	check(!range(a, F_UNLCK, 50, 10), "50 to 59 back");
	pid = start();
	if (!pid) {
		b = open_at(file_b);
		check(!range(b, F_WRLCK, 50, 10), "50 to 59 on B");
		r = range(b, F_WRLCK, 49, 2);
		fails(r, EAGAIN, "49 and 50 on B");
		_exit(0);
	}
	ends_well(pid);
	close(a);
}

static void case_getlk(void)
{
	int a = open_at(file_a), b;
	pid_t parent = getpid(), pid;

	check(!range(a, F_WRLCK, 5, 3), "5 to 7 on A");
	pid = start();
	if (!pid) {
		struct flock fl = { .l_type = F_RDLCK };

		b = open_at(file_b);
		check(!fcntl(b, F_GETLK, &fl), "F_GETLK");
		if (fl.l_type != F_WRLCK || fl.l_start != 5 || fl.l_len != 3 ||
		    fl.l_pid != parent)
			fail("type %d, %lld, %lld, process %d (not %d)", fl.l_type,
			     (long long)fl.l_start, (long long)fl.l_len,
			     (int)fl.l_pid, (int)parent);
		fl = (struct flock){ .l_type = F_WRLCK, .l_start = 8 };
		check(!fcntl(b, F_GETLK, &fl), "F_GETLK");
		if (fl.l_type != F_UNLCK)
			fail("8 is not free: type %d", fl.l_type);
		_exit(0);
	}
	ends_well(pid);
	close(a);
}

/* POSIX: any close of the file ends what the process has on it. */
static void case_any_close(void)
{
	int a = open_at(file_a), other = open_at(file_a);
	pid_t pid;

	check(!range(a, F_WRLCK, 0, 0), "all on A");
	close(other);
	pid = start();
	if (!pid) {
		check(!range(open_at(file_b), F_WRLCK, 0, 0), "all on B");
		_exit(0);
	}
	ends_well(pid);
	close(a);
}

/* Those of an open file: not of the process, and not ended by another close. */
static void case_ofd(void)
{
	int a = open_at(file_a), other = open_at(file_a), b = open_at(file_b);

	check(!set_range(a, F_OFD_SETLK, F_WRLCK, 0, 10), "0 to 9 on A");
	fails(set_range(other, F_OFD_SETLK, F_RDLCK, 0, 1), EAGAIN,
	      "the same process, another open file");
	fails(set_range(b, F_OFD_SETLK, F_RDLCK, 0, 1), EAGAIN, "on B");
	close(other);
	fails(set_range(b, F_OFD_SETLK, F_RDLCK, 0, 1), EAGAIN,
	      "on B, another handle was closed");
	close(a);
	check(!set_range(b, F_OFD_SETLKW, F_WRLCK, 0, 0), "on B, after the close");
	close(b);
}

/* The two kinds are apart. */
static void case_kinds(void)
{
	int a = open_at(file_a), b = open_at(file_b);

	check(!flock(a, LOCK_EX), "flock on A");
	check(!range(b, F_WRLCK, 0, 0), "a range on B");
	close(a);
	close(b);
}

/* ---- waiting ---- */

static pid_t waiter(int kind)
{
	pid_t pid;
	int fd;

	sh->got = -1;
	pid = start();
	if (pid)
		return pid;
	fd = open_at(file_b);
	sh->got = wait_for(fd, kind) ? errno : 0;
	sh->when = now_ms();
	_exit(0);
}

static void wakes(int kind)
{
	int a = open_at(file_a), i;
	double freed, worst = 0;
	pid_t pid;

	for (i = 0; i < 20; i++) {
		check(!take_soon(a, kind), "lock on A");
		pid = waiter(kind);
		until_it_waits(pid);
		if (sh->got != -1)
			fail("it did not wait: %s", strerror(sh->got));
		freed = now_ms();
		check(!drop(a, kind), "unlock on A");
		ends_well(pid);
		if (sh->got)
			fail("waited, and got %s", strerror(sh->got));
		if (sh->when - freed > worst)
			worst = sh->when - freed;
	}
	printf("the longest of %d waits after the lock was free: %.1f ms\n", i,
	       worst);
	close(a);
}

static void case_flock_wakes(void)
{
	wakes(0);
}

static void case_range_wakes(void)
{
	wakes(1);
}

static void on_signal(int sig)
{
	(void)sig;
}

static void interrupted(int kind)
{
	struct sigaction sa = { .sa_handler = on_signal };
	int a = open_at(file_a), b = open_at(file_b), status;
	pid_t pid;

	sigaction(SIGUSR1, &sa, NULL);
	check(!take_soon(a, kind), "lock on A");
	pid = waiter(kind);
	until_it_waits(pid);
	while (sh->got == -1) {		/* it may not sleep yet */
		kill(pid, SIGUSR1);
		pause_ms(5);
	}
	ends_well(pid);
	if (sh->got != EINTR)
		fail("a signal came, and it got %s", strerror(sh->got));
	pid = waiter(kind);
	until_it_waits(pid);
	kill(pid, SIGKILL);
	check(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status), "SIGKILL");
	/* Neither has left anything. */
	check(!drop(a, kind), "unlock on A");
	pid = waiter(kind);
	ends_well(pid);
	if (sh->got)
		fail("then another got %s", strerror(sh->got));
	close(a);
	close(b);
}

static void case_flock_interrupted(void)
{
	interrupted(0);
}

static void case_range_interrupted(void)
{
	interrupted(1);
}

/* Two that have it shared and both want it alone: one after the other. */
static void case_flock_both_up(void)
{
	int a = open_at(file_a);
	pid_t pid;
	int b;

	check(!flock(a, LOCK_SH), "shared on A");
	sh->got = -1;
	pid = start();
	if (!pid) {
		b = open_at(file_b);
		check(!flock(b, LOCK_SH), "shared on B");
		sh->got = flock(b, LOCK_EX) ? errno : 0;
		_exit(0);
	}
	until_it_waits(pid);
	check(!flock(a, LOCK_EX), "exclusive on A");
	check(!flock(a, LOCK_UN), "unlock on A");
	ends_well(pid);
	if (sh->got)
		fail("B got %s", strerror(sh->got));
	close(a);
}

/* ---- many that wait, and others go on ---- */

static void add_one(int fd)
{
	uint64_t v = 0;

	check(pread(fd, &v, sizeof(v), 0) == sizeof(v), "pread");
	v++;
	check(pwrite(fd, &v, sizeof(v), 0) == sizeof(v), "pwrite");
}

static void one_of_many(int i)
{
	int fd = open_at(i % 2 ? file_b : file_a);

	check(!wait_for(fd, i % 4 / 2), "lock");
	if (i % 4 / 2) {	/* both kinds are taken, for one number */
		check(!flock(fd, LOCK_EX), "the other kind");
	}
	add_one(fd);
	_exit(0);
}

static void case_many(void)
{
	int a = open_at(file_a), i, fd;
	pid_t pid[WAITERS];
	uint64_t v = 0;
	char path[PATH_MAX + 16];
	double began;

	check(pwrite(a, &v, sizeof(v), 0) == sizeof(v), "pwrite");
	check(!take_soon(a, 0) && !take_soon(a, 1), "both locks on A");
	for (i = 0; i < WAITERS; i++) {
		pid[i] = start();
		if (!pid[i])
			one_of_many(i);
	}
	for (i = 0; i < WAITERS; i++)
		until_it_waits(pid[i]);
	began = now_ms();
	for (i = 0; i < OTHER_CALLS; i++) {
		snprintf(path, sizeof(path), "%s/other%d", dir_b, i);
		fd = open_at(path);
		check(write(fd, "x", 1) == 1 && !close(fd) && !unlink(path),
		      "another call");
	}
	printf("%d waited, and a file came and went in %.2f ms\n", WAITERS,
	       (now_ms() - began) / OTHER_CALLS);
	check(!drop(a, 0) && !drop(a, 1), "unlock on A");
	for (i = 0; i < WAITERS; i++)
		ends_well(pid[i]);
	check(pread(a, &v, sizeof(v), 0) == sizeof(v), "pread");
	if (v != WAITERS)
		fail("%d added one, and it is %llu", WAITERS,
		     (unsigned long long)v);
	close(a);
}

/* ---- in a circle, on one mount ---- */

static void case_deadlock(void)
{
	int a = open_at(file_a), one, two;
	pid_t pid;

	check(!range(a, F_WRLCK, 0, 1), "0");
	sh->got = -1;
	pid = start();
	if (!pid) {
		a = open_at(file_a);
		check(!range(a, F_WRLCK, 1, 1), "1");
		one = set_range(a, F_SETLKW, F_WRLCK, 0, 1) ? errno : 0;
		sh->got = one;
		_exit(0);
	}
	until_it_waits(pid);
	two = set_range(a, F_SETLKW, F_WRLCK, 1, 1) ? errno : 0;
	if (two && two != EDEADLK)
		fail("parent got %s", strerror(two));
	close(a);
	ends_well(pid);
	if ((two == EDEADLK) + (sh->got == EDEADLK) != 1 ||
	    (sh->got && sh->got != EDEADLK))
		fail("parent got %s, child %s", strerror(two), strerror(sh->got));
}

/* ---- for scripts ---- */

/* "hold": locks on A of both kinds, says so, and waits to be killed. */
static void hold(void)
{
	int a = open_at(file_a);

	check(!take(a, 0) && !take(a, 1), "both locks on A");
	printf("held\n");
	fflush(stdout);
	for (;;)
		pause();
}

/* "get": waits for both locks on B and says how long. */
static void get(void)
{
	double began = now_ms();
	int b = open_at(file_b);

	check(!wait_for(b, 0) && !wait_for(b, 1), "both locks on B");
	printf("got both after %.0f ms\n", now_ms() - began);
}

static const struct {
	const char *name;
	void (*fn)(void);
} cases[] = {
	{ "flock", case_flock },
	{ "flock-inherited", case_flock_inherited },
	{ "ranges", case_ranges },
	{ "getlk", case_getlk },
	{ "any-close", case_any_close },
	{ "ofd", case_ofd },
	{ "kinds", case_kinds },
	{ "flock-wakes", case_flock_wakes },
	{ "range-wakes", case_range_wakes },
	{ "flock-interrupted", case_flock_interrupted },
	{ "range-interrupted", case_range_interrupted },
	{ "flock-both-up", case_flock_both_up },
	{ "many", case_many },
	{ "deadlock", case_deadlock },
};

static void run(const char *name)
{
	size_t i;

	if (!strcmp(name, "hold"))
		hold();
	else if (!strcmp(name, "get"))
		get();
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (!strcmp(name, cases[i].name)) {
			cases[i].fn();
			return;
		}
	if (strcmp(name, "get"))
		fail("no such case: %s", name);
}

int main(int argc, char **argv)
{
	size_t i;

	if (argc == 2 && !strcmp(argv[1], "list")) {
		for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
			puts(cases[i].name);
		return 0;
	}
	if (argc != 4) {
		fprintf(stderr, "usage: fuse_locks CASE A B | fuse_locks list\n");
		return 2;
	}
	snprintf(file_a, sizeof(file_a), "%s/locked", argv[2]);
	snprintf(file_b, sizeof(file_b), "%s/locked", argv[3]);
	snprintf(dir_b, sizeof(dir_b), "%s", argv[3]);
	sh = mmap(NULL, sizeof(*sh), PROT_READ | PROT_WRITE,
		  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	check(sh != MAP_FAILED, "mmap");
	run(argv[1]);
	return 0;
}
