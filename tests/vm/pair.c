// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The channel between the two sides of vm_pair, steps, and failing.
 *
 * Notes: a failure ends the case on both sides and no more: the side that waits
 * sees it and jumps out, too. Both then meet and begin the next one. Waiting has
 * a limit far beyond what a busy machine needs.
 */
#define _GNU_SOURCE
#include "pair.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WAIT_MS		300000.0
#define UNIT		((uint64_t)2 << 20)

struct channel {
	uint64_t arrived[2];	/* times that each side has met the other */
	uint64_t done;		/* steps of this case */
	uint64_t failed;
	volatile uint64_t value[PAIR_VALUES];
};

int pair_me;
int pair_apart;
volatile uint64_t *pair_value;

static struct channel *ch;
static uint64_t meetings, step;
static int mine;
static pid_t self;
static jmp_buf out;
static int in_case;

static uint64_t get(const uint64_t *p)
{
	return __atomic_load_n(p, __ATOMIC_SEQ_CST);
}

static void put(uint64_t *p, uint64_t v)
{
	__atomic_store_n(p, v, __ATOMIC_SEQ_CST);
}

/* ---- time ---- */

double pair_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec * 1e-6;
}

void pair_nap_ms(long ms)
{
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&ts, NULL);
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

int pair_is_quick(double *ms, int nr, double limit, int try, const char *what)
{
	qsort(ms, (size_t)nr, sizeof(*ms), by_size);
	printf("# %s: within %.1f ms, the longest of %d %.1f ms\n", what,
	       ms[nr / 2], nr, ms[nr - 1]);
	if (ms[nr / 2] < limit)
		return 1;
	if (try + 1 >= PAIR_TRIES)
		FAIL("%s: %.1f ms, and not %.0f", what, ms[nr / 2], limit);
	return 0;
}

/* ---- failing ---- */

void pair_fail(const char *file, int line, const char *fmt, ...)
{
	const char *name = strrchr(file, '/');
	va_list ap;

	printf("# side %d, %s:%d: ", pair_me, name ? name + 1 : file, line);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	fflush(stdout);
	if (!in_case || getpid() != self)
		_exit(1);
	put(&ch->failed, 1);
	longjmp(out, 1);
}

/* ---- waiting for the other side ---- */

static void nap(void)
{
	struct timespec ts = { .tv_nsec = 50000 };

	nanosleep(&ts, NULL);
}

/* Until *what is at least v. A failure of the other side ends the case. */
static void wait_until(const uint64_t *what, uint64_t v)
{
	double end = pair_now_ms() + WAIT_MS;

	while (get(what) < v) {
		if (in_case && get(&ch->failed))
			longjmp(out, 1);
		if (pair_now_ms() > end)
			FAIL("the other side does not come (%llu of %llu)",
			     (unsigned long long)get(what), (unsigned long long)v);
		nap();
	}
}

static void end_step(void)
{
	if (mine)
		put(&ch->done, step);
	mine = 0;
}

int pair_on(int side)
{
	end_step();
	step++;
	mine = side == pair_me;
	if (mine)
		wait_until(&ch->done, step - 1);
	return mine;
}

static void meet(void)
{
	put(&ch->arrived[pair_me], ++meetings);
	wait_until(&ch->arrived[!pair_me], meetings);
}

/* As two steps, so that a case that failed leaves no meeting half done. */
void pair_meet(void)
{
	int i;

	for (i = 0; i < 2; i++)
		pair_on(i);
	end_step();
	wait_until(&ch->done, step);
}

/* ---- cases ---- */

int pair_begin(int side, const char *channel, uint64_t off)
{
	int fd = open(channel, O_RDWR | O_CLOEXEC);
	char *mem;

	if (fd < 0)
		return -1;
	mem = mmap(NULL, UNIT, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		   (off_t)(off & ~(UNIT - 1)));
	close(fd);
	if (mem == MAP_FAILED)
		return -1;
	ch = (struct channel *)(mem + (off & (UNIT - 1)));
	pair_me = side;
	pair_value = ch->value;
	self = getpid();
	meet();
	return 0;
}

static void reset(void)
{
	meet();		/* nobody is in the case before */
	step = 0;
	mine = 0;
	if (!pair_me) {
		put(&ch->done, 0);
		put(&ch->failed, 0);
	}
	meet();
}

static void in_its_directory(const struct pair_case *c)
{
	if (pair_on(0) || pair_apart)
		CHECK(!mkdir(c->name, 0777) && !chmod(c->name, 0777));
	pair_meet();
	CHECK(!chdir(c->name));
	c->fn();
	pair_meet();
}

int pair_run(const struct pair_case *c)
{
	int home = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int failed;

	reset();
	in_case = 1;
	if (!setjmp(out))
		in_its_directory(c);
	in_case = 0;
	meet();
	failed = (int)get(&ch->failed);
	if (home < 0 || fchdir(home))
		FAIL("no way back: %s", strerror(errno));
	close(home);
	if (!pair_me)
		printf("%s %s\n", failed ? "not ok" : "ok", c->name);
	fflush(stdout);
	return failed;
}

/* ---- small things ---- */

static int has_room(void)
{
	static const char buf[1 << 20];
	const char *name = pair_me ? "room1" : "room0";
	int fd = open(name, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0666);
	int i, good = fd >= 0;

	for (i = 0; good && i < 4; i++)
		good = write(fd, buf, sizeof(buf)) == sizeof(buf);
	CHECK(good || errno == ENOSPC);
	if (fd >= 0)
		CHECK(!close(fd) && !unlink(name));
	return good;
}

void pair_room(void)
{
	double start = pair_now_ms(), end = start + WAIT_MS / 5;

	while (!has_room()) {
		if (pair_now_ms() > end)
			FAIL("no room within a minute");
		pair_nap_ms(20);
	}
	if (pair_now_ms() - start > 1000)
		printf("# room after %.0f ms\n", pair_now_ms() - start);
}

int pair_open(const char *name, int flags)
{
	int fd = open(name, flags | O_CLOEXEC, 0666);

	if (fd < 0)
		FAIL("open %s: %s", name, strerror(errno));
	return fd;
}

void pair_write_file(const char *name, const char *text)
{
	int fd = pair_open(name, O_WRONLY | O_CREAT | O_TRUNC);

	CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	CHECK(!close(fd));
}

void pair_reads(const char *name, const char *text)
{
	int fd = pair_open(name, O_RDONLY);
	char have[4096];
	ssize_t n = read(fd, have, sizeof(have) - 1);

	CHECK(n >= 0);
	close(fd);
	have[n] = '\0';
	if (strcmp(have, text))
		FAIL("%s reads '%.60s' instead of '%.60s'", name, have, text);
}

pid_t pair_fork(void)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	CHECK(pid >= 0);
	return pid;
}

void pair_ends_well(pid_t pid)
{
	int status;

	CHECK(waitpid(pid, &status, 0) == pid);
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		FAIL("a child ended with status %x", status);
}
