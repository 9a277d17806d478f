// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The lock manager alone, without sockets: how fast, how large, how long is a recovery?
 *
 * Notes: nodes are state machines of this process. What they send goes through the codec, in
 * order, at once; what they persist is persisted at once; time is a number that grows by
 * itself when nothing else is to be done, so leases cost no time that is measured. Rates and
 * the recovery are by processor time of this thread.
 *
 * usage: mxfs_core pairs SECONDS        RATE P99: lock and unlock, mastered here, us
 *        mxfs_core memory LOCKS         BYTES ALL: of a lock of this node that another one
 *                                       masters; of both nodes together
 *        mxfs_core recovery LOCKS       SECONDS: three nodes, one dies; from the vote until
 *                                       all is granted again
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "dlm.h"

#define MS		1000000ull
#define NODES		3
#define SAMPLES		(1u << 20)

struct wire {			/* frames on the way to a node */
	uint8_t *bytes;
	size_t len, room, at;
};

static struct mxfsd_dlm *node[NODES + 1];
static struct wire wire[NODES + 1];
static uint32_t nodes;
static uint64_t virtual_now = 1000 * MS;

static uint64_t read_clock(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static uint64_t real_now(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

/* What others do on a shared machine is no part of it. */
static uint64_t cpu_now(void)
{
	return read_clock(CLOCK_THREAD_CPUTIME_ID);
}

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "mxfs_core: %s\n", what);
	exit(1);
}

static void transmit(const struct mxfs_msg *m)
{
	struct wire *w = &wire[m->dst];

	if (!node[m->dst])
		return;
	if (w->len + MXFS_FRAME_MAX > w->room) {
		w->room = w->room * 2 + (1u << 20);
		w->bytes = realloc(w->bytes, w->room);
		if (!w->bytes)
			die("no memory");
	}
	w->len += mxfs_encode(m, w->bytes + w->len);
}

static void act(uint32_t n)
{
	struct mxfsd_action a;

	while (mxfsd_dlm_take(node[n], &a)) {
		if (a.kind == MXFSD_SEND)
			transmit(&a.msg);
		else if (a.kind == MXFSD_PERSIST)
			mxfsd_dlm_persisted(node[n], a.nr, virtual_now);
	}
}

static void deliver(uint32_t n)
{
	struct wire w = wire[n];
	struct mxfs_msg m;
	long len;

	memset(&wire[n], 0, sizeof(wire[n]));
	for (w.at = 0; w.at < w.len; w.at += (size_t)len) {
		len = mxfs_decode(&m, w.bytes + w.at, w.len - w.at);
		if (len <= 0)
			die("a frame is not understood");
		mxfsd_dlm_receive(node[n], &m, virtual_now);
		act(n);
	}
	free(w.bytes);
}

/* All that is on the way; without it, a little time. */
static void turn(void)
{
	int any = 0;

	for (uint32_t n = 1; n <= nodes; n++) {
		if (!node[n] || !wire[n].len)
			continue;
		any = 1;
		deliver(n);
	}
	if (any)
		return;
	virtual_now += 5 * MS;
	for (uint32_t n = 1; n <= nodes; n++) {
		if (!node[n])
			continue;
		mxfsd_dlm_tick(node[n], virtual_now);
		act(n);
	}
}

static int agree(void)
{
	struct mxfsd_state s;
	uint64_t alive = 0;

	for (uint32_t n = 1; n <= nodes; n++)
		alive |= node[n] ? mxfs_bit(n) : 0;
	for (uint32_t n = 1; n <= nodes; n++) {
		if (!node[n])
			continue;
		mxfsd_dlm_state(node[n], &s);
		if (!s.resumed || s.members.mask != alive)
			return 0;
	}
	return 1;
}

static void until_agreed(void)
{
	for (int i = 0; !agree(); i++) {
		if (i > 10000000)
			die("no view");
		turn();
	}
}

static void begin(uint32_t nr)
{
	struct mxfsd_config c = {
		.voters = ((uint64_t)1 << nr) - 1, .renew_ns = 200 * MS,
		.lease_ns = 600 * MS, .takeover_ns = MXFSD_TAKEOVER(600 * MS),
		.probe_ns = 1000 * MS, .key = "a key",
	};
	static const struct mxfsd_stable never;

	nodes = nr;
	for (uint32_t n = 1; n <= nr; n++) {
		c.node = n;
		node[n] = mxfsd_dlm_new(&c, &never, virtual_now);
		if (!node[n])
			die("no memory");
	}
	until_agreed();
}

static struct mxfsd_request request(uint32_t n, uint64_t i)
{
	struct mxfsd_request r = { .mode = MXFS_EX };

	r.name.len = (uint8_t)snprintf((char *)r.name.byte, 17, "%02u%014llu", n % 100,
				       (unsigned long long)i % 100000000000000u);
	return r;
}

static void lock(uint32_t n, const struct mxfsd_request *r)
{
	if (!mxfsd_dlm_lock(node[n], r, virtual_now))
		die("no memory");
	act(n);
}

/* ---- how fast ---- */

static int by_size(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static void pair(const struct mxfsd_request *r)
{
	uint64_t lkid = mxfsd_dlm_lock(node[1], r, virtual_now);
	struct mxfsd_action a;

	while (mxfsd_dlm_take(node[1], &a))
		;
	if (mxfsd_dlm_unlock(node[1], lkid, 0, NULL, virtual_now))
		die("an unlock is refused");
	while (mxfsd_dlm_take(node[1], &a))
		;
}

static void pairs(double seconds)
{
	uint32_t *sample = malloc(SAMPLES * sizeof(*sample)), n = 0;
	struct mxfsd_request r[64];
	uint64_t start, count = 0;
	double took;

	begin(1);
	for (uint32_t i = 0; i < 64; i++)
		r[i] = request(1, i);
	start = cpu_now();
	do {
		for (int i = 0; i < 10000; i++, count++)
			pair(&r[count % 64]);
		took = (double)(cpu_now() - start) / 1e9;
	} while (took < seconds);
	for (; sample && n < SAMPLES; n++) {
		start = real_now();
		pair(&r[n % 64]);
		sample[n] = (uint32_t)(real_now() - start);
	}
	qsort(sample, n, sizeof(*sample), by_size);
	printf("%.0f %.3f\n", (double)count / took, sample[n - 1 - n / 100] / 1e3);
}

/* ---- how large ---- */

static double used(void)
{
	struct mallinfo2 m = mallinfo2();

	return (double)m.uordblks + (double)m.hblkhd;
}

/* What a node has for nothing else than locks that the other one masters. */
static void memory(uint64_t locks)
{
	struct mxfsd_request r;
	double before, after;
	uint64_t made, i;

	begin(2);
	before = used();
	for (made = i = 0; made < locks; i++) {
		r = request(1, i);
		if (mxfsd_dlm_master(node[1], &r.name) == 1)
			continue;
		lock(1, &r);
		made++;
		if (made % 1000 == 0)
			until_agreed(), turn(), turn();
	}
	for (i = 0; i < 100; i++)
		turn();
	after = used();
	mxfsd_dlm_free(node[2]);
	printf("%.1f %.1f\n", (used() - before) / (double)locks,
	       (after - before) / (double)locks);
}

/* ---- how long ---- */

static void recovery(uint64_t locks)
{
	struct mxfsd_request r;
	uint64_t start;

	begin(3);
	for (uint64_t i = 0; i < locks; i++) {
		r = request(1, i);
		lock(1 + (uint32_t)(i % 3), &r);
		if (i % 1000 == 0)
			turn(), turn();
	}
	for (int i = 0; i < 100; i++)
		turn();
	mxfsd_dlm_free(node[3]);
	node[3] = NULL;
	start = cpu_now();
	until_agreed();
	printf("%.3f\n", (double)(cpu_now() - start) / 1e9);
}

int main(int argc, char **argv)
{
	if (argc != 3)
		return 2;
	if (!strcmp(argv[1], "pairs"))
		pairs(atof(argv[2]));
	else if (!strcmp(argv[1], "memory"))
		memory(strtoull(argv[2], NULL, 10));
	else if (!strcmp(argv[1], "recovery"))
		recovery(strtoull(argv[2], NULL, 10));
	else
		return 2;
	return 0;
}
