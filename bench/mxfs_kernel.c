// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A lock of another node and its unlock: by the kernel's dlm, by libmxfs, and what TCP
 * takes for as much, for bench_dlm_kernel.sh.
 *
 * Notes: `pair` takes EX on a name that nobody else wants, gives it back, and so on, and
 * prints what such a pair takes in microseconds: a tenth of them less than the first
 * number, half of them less than the second; then their number. Of TCP a pair is 64
 * bytes to and fro, twice. The dlm is asked as libdlm asks it: a request is written to the
 * device of the lockspace, its answer is read there. `hold` has NL locks on the names, so
 * that its node is their master, until it is killed.
 *
 * usage: mxfs_kernel join SPACE            returns when the lockspace is there
 *        mxfs_kernel hold SPACE
 *        mxfs_kernel pair dlm SPACE SECONDS
 *        mxfs_kernel pair mxfs SOCKET SECONDS
 *        mxfs_kernel pair tcp ADDRESS SECONDS
 *        mxfs_kernel echo ADDRESS
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/dlm_device.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "conn.h"

#define NAMES		16
#define TRIES		64
#define SAMPLES		(1u << 16)
#define PORT		7700
#define FRAME		64
#define DLM_EUNLOCK	0x10002		/* status of an unlock that is done */

static uint32_t sample[SAMPLES];
static uint32_t taken;

static uint64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static _Noreturn void die(const char *what, int r)
{
	fprintf(stderr, "mxfs_kernel: %s: %s\n", what, strerror(r < 0 ? -r : r));
	exit(1);
}

/* ---- the kernel's dlm ---- */

static struct dlm_lksb block;	/* the kernel hands its address back */

static void device_path(char *path, size_t size, const char *space)
{
	snprintf(path, size, "/dev/dlm_%s", space);
}

static int open_device(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		die(path, errno);
	return fd;
}

static struct dlm_write_request *request(uint8_t cmd, size_t *size, const char *name)
{
	static union {
		struct dlm_write_request r;
		char room[sizeof(struct dlm_write_request) + 256];
	} u;
	size_t len = strlen(name);

	memset(&u, 0, sizeof(u));
	u.r.version[0] = DLM_DEVICE_VERSION_MAJOR;
	u.r.version[1] = DLM_DEVICE_VERSION_MINOR;
	u.r.version[2] = DLM_DEVICE_VERSION_PATCH;
	u.r.cmd = cmd;
	u.r.is64bit = 1;
	*size = sizeof(u.r) + len;
	if (cmd == DLM_USER_CREATE_LOCKSPACE) {
		memcpy(u.r.i.lspace.name, name, len);
		return &u.r;
	}
	u.r.i.lock.namelen = (uint8_t)len;
	u.r.i.lock.castaddr = &block;
	u.r.i.lock.lksb = &block;
	memcpy(u.r.i.lock.name, name, len);
	return &u.r;
}

/* What write() says: the number of the new lock, or the lockspace's. */
static long ask_dlm(int fd, const struct dlm_write_request *r, size_t size)
{
	ssize_t n = write(fd, r, size);

	if (n < 0)
		die("a request to the dlm", errno);
	return n;
}

static void dlm_answer(int fd, int want)
{
	struct {
		struct dlm_lock_result r;
		char lvb[DLM_USER_LVB_LEN];
	} a;
	ssize_t n = read(fd, &a, sizeof(a));

	if (n < (ssize_t)sizeof(a.r))
		die("an answer of the dlm", n < 0 ? errno : EIO);
	if (a.r.lksb.sb_status != want) {
		fprintf(stderr, "mxfs_kernel: the dlm says %d\n", a.r.lksb.sb_status);
		exit(1);
	}
}

static uint32_t dlm_lock(int fd, const char *name, uint8_t mode)
{
	size_t size;
	struct dlm_write_request *r = request(DLM_USER_LOCK, &size, name);
	uint32_t lkid;

	r->i.lock.mode = mode;
	lkid = (uint32_t)ask_dlm(fd, r, size);
	dlm_answer(fd, 0);
	return lkid;
}

static void dlm_unlock(int fd, uint32_t lkid)
{
	size_t size;
	struct dlm_write_request *r = request(DLM_USER_UNLOCK, &size, "");

	r->i.lock.lkid = lkid;
	ask_dlm(fd, r, size);
	dlm_answer(fd, -DLM_EUNLOCK);
}

static void join_space(const char *space)
{
	size_t size;
	struct dlm_write_request *r = request(DLM_USER_CREATE_LOCKSPACE, &size, space);

	ask_dlm(open_device("/dev/dlm-control"), r, size);
}

static char name[NAMES][32];

static void name_them(void)
{
	for (int i = 0; i < NAMES; i++)
		snprintf(name[i], sizeof(name[i]), "bench/%d", i);
}

static void hold(const char *space)
{
	char path[128];
	int fd;

	device_path(path, sizeof(path), space);
	fd = open_device(path);
	name_them();
	for (int i = 0; i < NAMES; i++)
		dlm_lock(fd, name[i], DLM_LOCK_NL);
	puts("holds");
	fflush(stdout);
	pause();
}

/* ---- what a pair is ---- */

struct way {
	int fd;
	struct mxfs_conn *conn;
};

static void dlm_pair(struct way *w, int i)
{
	dlm_unlock(w->fd, dlm_lock(w->fd, name[i], DLM_LOCK_EX));
}

static void dlm_begin(struct way *w, const char *space)
{
	char path[128];

	device_path(path, sizeof(path), space);
	w->fd = open_device(path);
	name_them();
}

static void mxfs_pair(struct way *w, int i)
{
	struct mxfs_lk *lk;
	int r = mxfs_lock(w->conn, name[i], strlen(name[i]), MXFS_MODE_EX, NULL, &lk);

	if (!r)
		r = mxfs_unlock(lk, NULL);
	if (r)
		die(name[i], r);
}

struct search {
	uint32_t node;		/* this one */
	int nr;
};

static void is_remote(void *arg, const struct mxfs_ctl *m)
{
	struct search *s = arg;

	if (m->type != MXFS_CTL_HELD || m->node == s->node || s->nr == NAMES)
		return;
	memcpy(name[s->nr], m->name.byte, m->name.len);
	name[s->nr++][m->name.len] = 0;
}

/* Names that the other node masters, as the daemon says. */
static void mxfs_begin(struct way *w, const char *socket)
{
	struct mxfs_ctl q = { .type = MXFS_CTL_GET_LOCKS, .mode = MXFS_NONE,
			      .want = MXFS_NONE };
	struct search s = { 0, 0 };
	struct mxfs_lk *lk[TRIES];
	char some[32];
	int r = mxfs_connect(&w->conn, socket);

	if (r)
		die(socket, r);
	s.node = mxfs_conn_node(w->conn);
	for (int i = 0; i < TRIES && !r; i++) {
		snprintf(some, sizeof(some), "bench/%d", i);
		r = mxfs_lock(w->conn, some, strlen(some), MXFS_MODE_NL, NULL, &lk[i]);
	}
	if (!r)
		r = mxfs_ask(w->conn, &q, is_remote, &s);
	for (int i = 0; i < TRIES && !r; i++)
		r = mxfs_unlock(lk[i], NULL);
	if (r || s.nr < NAMES)
		die("names that another node masters", r ? r : ENOENT);
}

static struct sockaddr_in address(const char *text)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(PORT) };

	if (inet_pton(AF_INET, text, &in.sin_addr) != 1)
		die(text, EINVAL);
	return in;
}

static void no_delay(int fd)
{
	int on = 1;

	if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)))
		die("TCP_NODELAY", errno);
}

static void tcp_begin(struct way *w, const char *to)
{
	struct sockaddr_in in = address(to);

	w->fd = socket(AF_INET, SOCK_STREAM, 0);
	if (w->fd < 0 || connect(w->fd, (struct sockaddr *)&in, sizeof(in)))
		die(to, errno);
	no_delay(w->fd);
}

static void tcp_pair(struct way *w, int unused)
{
	char buf[FRAME] = "";

	(void)unused;
	for (int i = 0; i < 2; i++)
		if (write(w->fd, buf, FRAME) != FRAME ||
		    recv(w->fd, buf, FRAME, MSG_WAITALL) != FRAME)
			die("to and fro", errno ? errno : EPIPE);
}

static void echo(const char *at)
{
	struct sockaddr_in in = address(at);
	int l = socket(AF_INET, SOCK_STREAM, 0), on = 1, fd;
	char buf[FRAME];

	if (l < 0 || setsockopt(l, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
	    bind(l, (struct sockaddr *)&in, sizeof(in)) || listen(l, 4))
		die(at, errno);
	while ((fd = accept(l, NULL, NULL)) >= 0) {
		no_delay(fd);
		while (recv(fd, buf, FRAME, MSG_WAITALL) == FRAME)
			if (write(fd, buf, FRAME) != FRAME)
				break;
		close(fd);
	}
	die("accept", errno);
}

/* ---- measuring ---- */

static const struct kind {
	const char *name;
	void (*begin)(struct way *w, const char *where);
	void (*pair)(struct way *w, int i);
} kinds[] = {
	{ "dlm", dlm_begin, dlm_pair },
	{ "mxfs", mxfs_begin, mxfs_pair },
	{ "tcp", tcp_begin, tcp_pair },
};

static int by_size(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static void measure(const struct kind *k, const char *where, double seconds)
{
	uint64_t until, begun;
	struct way w = { -1, NULL };

	k->begin(&w, where);
	for (int i = 0; i < NAMES; i++)		/* who is the master is known then */
		k->pair(&w, i);
	until = now() + (uint64_t)(seconds * 1e9);
	for (int i = 0; now() < until && taken < SAMPLES; i++) {
		begun = now();
		k->pair(&w, i % NAMES);
		sample[taken++] = (uint32_t)(now() - begun);
	}
	if (!taken)
		die("nothing was done", EIO);
	qsort(sample, taken, sizeof(*sample), by_size);
	printf("%s %.1f %.1f %u\n", k->name, sample[taken / 10] / 1e3,
	       sample[taken / 2] / 1e3, taken);
}

static int usage(void)
{
	fputs("usage: mxfs_kernel join|hold SPACE | echo ADDRESS\n"
	      "       mxfs_kernel pair dlm|mxfs|tcp SPACE|SOCKET|ADDRESS SECONDS\n",
	      stderr);
	return 2;
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "join")) {
		join_space(argv[2]);
		return 0;
	}
	if (argc == 3 && !strcmp(argv[1], "hold"))
		hold(argv[2]);
	if (argc == 3 && !strcmp(argv[1], "echo"))
		echo(argv[2]);
	if (argc != 5 || strcmp(argv[1], "pair"))
		return usage();
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcmp(kinds[i].name, argv[2]))
			continue;
		measure(&kinds[i], argv[3], atof(argv[4]));
		return 0;
	}
	return usage();
}
