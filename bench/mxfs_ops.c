// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Locks by libmxfs, and what the sockets below would do at best.
 *
 * Notes: prints one line, "RATE P50": operations each second, and microseconds of the
 * median one. Remote locks are of names that another node masters; a lock is counted when
 * it and its unlock are done, and its time is that from asking to the grant. A hand-over
 * is one of an EX lock that both nodes want all the time.
 *
 * usage: mxfs_ops tcp|unix DEPTH SECONDS     frames to and fro (64 or 256 bytes)
 *        mxfs_ops remote SOCKET DEPTH SECONDS
 *        mxfs_ops handover SOCKET SOCKET SECONDS
 *        mxfs_ops cached SOCKET SECONDS
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "conn.h"

#define SAMPLES		(1u << 18)
#define DEPTH_MOST	1024
#define NAMES		64

static uint32_t *sample;
static uint64_t taken;

static uint64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static _Noreturn void die(const char *what, int r)
{
	fprintf(stderr, "mxfs_ops: %s: %s\n", what, strerror(r < 0 ? -r : r));
	exit(1);
}

static int by_size(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static void note(uint64_t began)
{
	sample[taken++ % SAMPLES] = (uint32_t)(now() - began);
}

static void report(double seconds)
{
	uint64_t n = taken < SAMPLES ? taken : SAMPLES;

	if (!n)
		die("nothing was done", EIO);
	qsort(sample, n, sizeof(*sample), by_size);
	printf("%.0f %.2f\n", (double)taken / seconds, sample[n / 2] / 1e3);
}

/* ---- sockets ---- */

static void tcp_pair(int fd[2])
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	socklen_t len = sizeof(in);
	int l = socket(AF_INET, SOCK_STREAM, 0), on = 1;

	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(l, (struct sockaddr *)&in, sizeof(in)) || listen(l, 1) ||
	    getsockname(l, (struct sockaddr *)&in, &len))
		die("listen", errno);
	fd[0] = socket(AF_INET, SOCK_STREAM, 0);
	if (connect(fd[0], (struct sockaddr *)&in, sizeof(in)))
		die("connect", errno);
	fd[1] = accept(l, NULL, NULL);
	for (int i = 0; i < 2; i++)
		setsockopt(fd[i], IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	close(l);
}

/* What comes goes back, as much as there is at once. */
static void echo(int fd)
{
	static char buf[1 << 18];
	ssize_t n;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		if (write(fd, buf, (size_t)n) != n)
			break;
	_exit(0);
}

static void frames(int is_tcp, int depth, double seconds)
{
	static char buf[1 << 18];
	size_t size = is_tcp ? 64 : MXFS_CTL_FRAME, have = 0;
	uint64_t begun[DEPTH_MOST], start = now(), until, first = 0;
	int fd[2], back;
	ssize_t n;

	if (is_tcp)
		tcp_pair(fd);
	else if (socketpair(AF_UNIX, SOCK_STREAM, 0, fd))
		die("socketpair", errno);
	if (!fork()) {
		close(fd[0]);
		echo(fd[1]);
	}
	close(fd[1]);
	until = start + (uint64_t)(seconds * 1e9);
	for (int i = 0; i < depth; i++)
		begun[i] = now();
	if (write(fd[0], buf, size * (size_t)depth) < 0)
		die("write", errno);
	while (now() < until) {
		n = read(fd[0], buf, sizeof(buf));
		if (n <= 0)
			die("read", errno);
		have += (size_t)n;
		for (back = 0; have >= size; back++, have -= size, first++) {
			note(begun[first % (uint64_t)depth]);
			begun[first % (uint64_t)depth] = now();
		}
		if (back && write(fd[0], buf, size * (size_t)back) < 0)
			die("write", errno);
	}
	report((double)(now() - start) / 1e9);
}

/* ---- locks ---- */

static struct mxfs_conn *dial(const char *socket)
{
	struct mxfs_conn *c;
	int r = mxfs_connect(&c, socket);

	if (r)
		die(socket, r);
	return c;
}

static char names[NAMES][32];
static uint32_t name_nr;

static void is_remote(void *arg, const struct mxfs_ctl *m)
{
	const struct mxfs_conn *c = arg;

	if (m->type != MXFS_CTL_HELD || m->node == mxfs_conn_node(c) || name_nr == NAMES)
		return;
	memcpy(names[name_nr], m->name.byte, m->name.len);
	names[name_nr++][m->name.len] = 0;
}

/* By asking the daemon where some names are mastered. */
static void find_remote(struct mxfs_conn *c)
{
	struct mxfs_ctl q = { .type = MXFS_CTL_GET_LOCKS, .mode = MXFS_NONE,
			      .want = MXFS_NONE };
	struct mxfs_lk *lk[4 * NAMES];
	char name[32];
	int r;

	for (int i = 0; i < 4 * NAMES; i++) {
		snprintf(name, sizeof(name), "bench/%d/%d", (int)getpid(), i);
		r = mxfs_lock(c, name, strlen(name), MXFS_MODE_NL, NULL, &lk[i]);
		if (r)
			die(name, r);
	}
	r = mxfs_ask(c, &q, is_remote, c);
	for (int i = 0; i < 4 * NAMES; i++)
		mxfs_unlock(lk[i], NULL);
	if (r || name_nr < NAMES)
		die("names that another node masters", r ? r : ENOENT);
}

struct lane {
	struct mxfs_conn *c;
	struct mxfs_lk *lk;
	uint64_t begun, until;
	uint32_t name;
	int *busy;
};

static void begin(struct lane *l);

static void unlocked(struct mxfs_lk *lk, int error, void *arg)
{
	struct lane *l = arg;

	(void)lk;
	if (error)
		die("unlock", error);
	--*l->busy;
	if (now() < l->until)
		begin(l);
}

static void granted(struct mxfs_lk *lk, int error, void *arg)
{
	struct lane *l = arg;

	if (error)
		die("lock", error);
	note(l->begun);
	error = mxfs_unlock_begin(lk, NULL, unlocked, l);
	if (error)
		die("unlock", error);
}

static void begin(struct lane *l)
{
	const char *name = names[l->name];
	int r;

	l->begun = now();
	r = mxfs_lock_begin(l->c, name, strlen(name), MXFS_MODE_CR, NULL, granted, l,
			    &l->lk);
	if (r)
		die("lock", r);
	++*l->busy;
}

static void remote(const char *socket, int depth, double seconds)
{
	static struct lane lane[DEPTH_MOST];
	struct mxfs_conn *c = dial(socket);
	uint64_t start;
	int busy = 0;

	find_remote(c);
	start = now();
	for (int i = 0; i < depth; i++) {
		lane[i] = (struct lane){ .c = c, .name = (uint32_t)i % NAMES, .busy = &busy,
			.until = start + (uint64_t)(seconds * 1e9) };
		begin(&lane[i]);
	}
	while (busy)
		if (mxfs_wait(c, -1) || mxfs_dispatch(c))
			die("the daemon is gone", EPIPE);
	report((double)(now() - start) / 1e9);
	mxfs_close(c);
}

static void on_bast(struct mxfs_lk *lk, int wanted, void *arg)
{
	(void)lk;
	(void)wanted;
	*(int *)arg = 1;
}

/* Give it back when it is wanted, and want it again. */
static void contend(const char *socket, volatile uint64_t *count, volatile int *over)
{
	struct mxfs_conn *c = dial(socket);
	struct mxfs_options o = { .timeout_ns = 2000000000 };
	struct mxfs_lk *lk;
	int wanted;

	while (!*over) {
		if (mxfs_lock(c, "bench/handover", 14, MXFS_MODE_EX, &o, &lk))
			continue;
		++*count;
		wanted = 0;
		mxfs_on_bast(lk, on_bast, &wanted);
		while (!wanted && !*over)
			if (mxfs_wait(c, 100) != -ETIME && mxfs_dispatch(c))
				die("the daemon is gone", EPIPE);
		mxfs_unlock(lk, NULL);
	}
	mxfs_close(c);
}

static void handover(const char *one, const char *two, double seconds)
{
	volatile uint64_t *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
					 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct timespec t = { .tv_sec = (time_t)seconds,
			      .tv_nsec = (long)((seconds - (time_t)seconds) * 1e9) };
	const char *socket[2] = { one, two };
	uint64_t start;
	double took;
	int status;

	if (shared == MAP_FAILED)
		die("mmap", errno);
	for (int i = 0; i < 2; i++) {
		if (fork())
			continue;
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		contend(socket[i], &shared[i], (volatile int *)&shared[8]);
		_exit(0);
	}
	start = now();
	nanosleep(&t, NULL);
	took = (double)(now() - start) / 1e9;
	taken = shared[0] + shared[1];
	shared[8] = 1;
	for (int i = 0; i < 2; i++)
		if (wait(&status) < 0 || status)
			die("a child failed", EIO);
	if (!shared[0] || !shared[1])
		die("one of both never had it", EIO);
	printf("%.0f %.2f\n", (double)taken / took, took * 1e6 / (double)taken);
}

static void cached(const char *socket, double seconds)
{
	struct mxfs_conn *c = dial(socket);
	struct mxfs_cache *cache = mxfs_cache_new(c, 1024);
	struct mxfs_cached *used;
	uint64_t start = now(), n = 0;
	double took = 0;
	int r;

	if (!cache)
		die("cache", ENOMEM);
	for (; took < seconds; took = (double)(now() - start) / 1e9) {
		for (int i = 0; i < 100000; i++, n++) {
			r = mxfs_use(cache, "bench/cached/00", 15, MXFS_MODE_EX, NULL,
				     &used);
			if (r)
				die("mxfs_use", r);
			mxfs_unuse(used, MXFS_MODE_EX, NULL);
		}
	}
	printf("%.0f %.4f\n", (double)n / took, took * 1e6 / (double)n);
	mxfs_cache_free(cache);
	mxfs_close(c);
}

int main(int argc, char **argv)
{
	sample = malloc(SAMPLES * sizeof(*sample));
	if (!sample)
		die("malloc", ENOMEM);
	if (argc == 4 && !strcmp(argv[1], "tcp"))
		frames(1, atoi(argv[2]), atof(argv[3]));
	else if (argc == 4 && !strcmp(argv[1], "unix"))
		frames(0, atoi(argv[2]), atof(argv[3]));
	else if (argc == 5 && !strcmp(argv[1], "remote"))
		remote(argv[2], atoi(argv[3]), atof(argv[4]));
	else if (argc == 5 && !strcmp(argv[1], "handover"))
		handover(argv[2], argv[3], atof(argv[4]));
	else if (argc == 4 && !strcmp(argv[1], "cached"))
		cached(argv[2], atof(argv[3]));
	else
		return 2;
	return 0;
}
