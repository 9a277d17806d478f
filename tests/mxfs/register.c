// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A register that a lock guards, used by a client of one node for as long as it runs.
 *
 * Notes: the register is a file of all nodes, a storage that knows fencing tokens: it
 * takes none that is lower than the last one. Two holders at once would be seen in it: who
 * enters while somebody is inside counts an overlap. With --late a node may be stopped for
 * longer than its lease, so that its client is inside without knowing that its time is
 * over: then only the tokens protect, and what they have refused is counted instead.
 * Until SIGTERM; then one line: how often it was inside, refused, lost.
 *
 * usage: register [--late] FILE SOCKET RESOURCE ID
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "mxfs.h"

struct storage {
	uint64_t epoch, nr;	/* the last token */
	uint64_t counter, inside, overlaps;
};

static volatile sig_atomic_t over;
static volatile struct storage *st;
static uint64_t id, done, refused, lost_nr;
static int fd, late;

static void on_signal(int sig)
{
	(void)sig;
	over = 1;
}

static int is_older(const struct mxfs_token *t)
{
	return t->epoch != st->epoch ? t->epoch < st->epoch : t->nr < st->nr;
}

/* 0: the storage refuses. */
static int enter(const struct mxfs_token *t)
{
	int ok;

	flock(fd, LOCK_EX);
	ok = !is_older(t);
	if (ok) {
		st->overlaps += st->inside && !late;
		st->inside = id;
		st->epoch = t->epoch;
		st->nr = t->nr;
	}
	flock(fd, LOCK_UN);
	return ok;
}

static int leave(const struct mxfs_token *t, int lost)
{
	int ok;

	flock(fd, LOCK_EX);
	ok = !is_older(t) && !lost;
	if (ok)
		st->counter++;
	if (st->inside == id)
		st->inside = 0;
	flock(fd, LOCK_UN);
	return ok;
}

static void on_bast(struct mxfs_lk *lk, int wanted, void *arg)
{
	(void)lk;
	if (wanted < 0)
		*(int *)arg = 1;
}

/* A little time inside, with an eye on the lock. */
static void work(struct mxfs_conn *c, int *lost)
{
	for (int i = 0; i < 3 && !*lost; i++) {
		mxfs_wait(c, 1);
		if (mxfs_dispatch(c))
			*lost = 1;
	}
}

/* -EPIPE: the daemon is gone. */
static int once(struct mxfs_conn *c, const char *resource)
{
	struct mxfs_options o = { .timeout_ns = 1000000000 };
	struct mxfs_token t;
	struct mxfs_lk *lk;
	int r, lost = 0, in;

	r = mxfs_lock(c, resource, strlen(resource), MXFS_MODE_EX, &o, &lk);
	if (r)
		return r == -EPIPE ? r : 0;
	mxfs_on_bast(lk, on_bast, &lost);
	mxfs_token(lk, &t);
	if (mxfs_dispatch(c))
		lost = 1;
	in = !lost && enter(&t);
	refused += !lost && !in;
	if (in) {
		work(c, &lost);
		if (leave(&t, lost))
			done++;
		else if (!lost)
			refused++;
	}
	lost_nr += (uint64_t)lost;
	r = mxfs_unlock(lk, NULL);
	return r == -EPIPE ? r : 0;
}

static void run(const char *socket, const char *resource)
{
	const struct timespec soon = { .tv_nsec = 20000000 };
	struct mxfs_conn *c;

	while (!over) {
		if (mxfs_connect(&c, socket)) {
			nanosleep(&soon, NULL);
			continue;
		}
		while (!over && !once(c, resource))
			;
		mxfs_close(c);
	}
}

int main(int argc, char **argv)
{
	struct sigaction sa = { .sa_handler = on_signal };

	if (argc > 1 && !strcmp(argv[1], "--late")) {
		late = 1;
		argc--;
		argv++;
	}
	if (argc != 5) {
		fprintf(stderr, "usage: register [--late] FILE SOCKET RESOURCE ID\n");
		return 2;
	}
	id = strtoull(argv[4], NULL, 10);
	fd = open(argv[1], O_RDWR | O_CREAT, 0600);
	if (fd < 0 || ftruncate(fd, sizeof(*st))) {
		perror(argv[1]);
		return 1;
	}
	st = mmap(NULL, sizeof(*st), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (st == MAP_FAILED) {
		perror("mmap");
		return 1;
	}
	sigaction(SIGTERM, &sa, NULL);
	run(argv[2], argv[3]);
	printf("inside %llu refused %llu lost %llu counter %llu overlaps %llu\n",
	       (unsigned long long)done, (unsigned long long)refused,
	       (unsigned long long)lost_nr, (unsigned long long)st->counter,
	       (unsigned long long)st->overlaps);
	return 0;
}
