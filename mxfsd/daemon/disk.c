// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Blocks on a disk that both nodes reach.
 *
 * Notes: block 0 says whose disk it is; block N is node N's. A claim is made in three steps: read,
 * and give up if another's claim has changed since this node looked; write; read again. If
 * another's has changed by then, the own one is taken back: both may have met. Nobody who
 * has read it meanwhile does worse than begin anew. A node that dies in between leaves a
 * claim in which nothing was decided: the other one finds it like any other claim.
 *
 * A block is written in one piece, durably, past the page cache: on a block device the cache
 * of one machine would hide what the other one writes. A plain file that has no such way (in
 * tests) is used as it is.
 */
#define _GNU_SOURCE	/* O_DIRECT */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "disk.h"

#define JOBS		8
#define HEAD		"MXFSVOTE"

enum {				/* where fields of a block are */
	AT_CLUSTER = 8, AT_NODE = 24, AT_RENEWALS = 32, AT_EPOCH = 40, AT_MASK = 48,
	AT_CHANGE = 56, AT_CRC = 64
};

struct block {			/* of a node */
	uint64_t renewals, epoch, mask;
	uint64_t change;	/* counts changes of the claim */
};

struct job {
	struct mxfsd_action action;	/* without its message */
	struct mxfsd_disk result;
	int stands;
};

struct disk {
	struct loop *loop;
	const struct conf *conf;	/* a copy: the daemon's may be read anew */
	struct conf copy;
	void (*done)(void *arg, const struct disk_done *d);
	void *arg;
	struct loop_watch watch;	/* of the eventfd */
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t more;
	struct job job[JOBS];	/* a ring: asked, taken up, answered */
	unsigned int asked, answered, told;
	int end;
	/* of the thread alone */
	int fd, ill;
	uint8_t *bytes;		/* DISK_BYTES, on a page */
	struct block mine, seen[MXFS_NODES];
};

/* ---- blocks ---- */

static void put(uint8_t *at, uint64_t v, int n)
{
	for (; n--; v >>= 8)
		*at++ = (uint8_t)v;
}

static uint64_t get(const uint8_t *at, int n)
{
	uint64_t v = 0;

	while (n--)
		v = v << 8 | at[n];
	return v;
}

static void encode(const struct conf *conf, uint32_t node, const struct block *b,
		   uint8_t *at)
{
	memset(at, 0, DISK_BLOCK);
	memcpy(at, HEAD, 8);
	memcpy(at + AT_CLUSTER, conf->cluster, 16);
	put(at + AT_NODE, node, 4);
	put(at + AT_RENEWALS, b->renewals, 8);
	put(at + AT_EPOCH, b->epoch, 8);
	put(at + AT_MASK, b->mask, 8);
	put(at + AT_CHANGE, b->change, 8);
	put(at + AT_CRC, mxfs_crc32c(at, AT_CRC), 4);
}

/* 0, or -1: it is none of this cluster and node. */
static int decode(const struct conf *conf, uint32_t node, struct block *b,
		  const uint8_t *at)
{
	if (memcmp(at, HEAD, 8) || memcmp(at + AT_CLUSTER, conf->cluster, 16) ||
	    get(at + AT_NODE, 4) != node || get(at + AT_CRC, 4) != mxfs_crc32c(at, AT_CRC))
		return -1;
	b->renewals = get(at + AT_RENEWALS, 8);
	b->epoch = get(at + AT_EPOCH, 8);
	b->mask = get(at + AT_MASK, 8);
	b->change = get(at + AT_CHANGE, 8);
	return 0;
}

/* ---- the thread ---- */

static int read_all(struct disk *d, struct block b[MXFS_NODES])
{
	memset(b, 0, MXFS_NODES * sizeof(*b));
	if (pread(d->fd, d->bytes, DISK_BYTES, 0) != (ssize_t)DISK_BYTES)
		return -1;
	for (uint32_t n = 1; n <= MXFS_NODES; n++)
		if (d->conf->voters & mxfs_bit(n) &&
		    decode(d->conf, n, &b[n - 1], d->bytes + n * DISK_BLOCK))
			return -1;
	return 0;
}

static int write_mine(struct disk *d)
{
	encode(d->conf, d->conf->node, &d->mine, d->bytes);
	return pwrite(d->fd, d->bytes, DISK_BLOCK, (off_t)d->conf->node * DISK_BLOCK) ==
		(ssize_t)DISK_BLOCK ? 0 : -1;
}

/* The last claim of all is that of the highest epoch. */
static void summary(const struct block b[MXFS_NODES], struct mxfsd_disk *to)
{
	memset(to, 0, sizeof(*to));
	for (uint32_t n = 0; n < MXFS_NODES; n++) {
		to->renewals[n] = b[n].renewals;
		if (b[n].epoch <= to->epoch)
			continue;
		to->epoch = b[n].epoch;
		to->mask = b[n].mask;
	}
}

static int others_changed(const struct disk *d, const struct block b[MXFS_NODES])
{
	for (uint32_t n = 1; n <= MXFS_NODES; n++)
		if (n != d->conf->node && b[n - 1].change != d->seen[n - 1].change)
			return 1;
	return 0;
}

static int claim(struct disk *d, struct job *j)
{
	struct block now[MXFS_NODES], before = d->mine;

	if (read_all(d, now))
		return -1;
	summary(now, &j->result);
	if (others_changed(d, now) || j->result.epoch >= j->action.nr)
		return 0;
	d->mine.epoch = j->action.nr;
	d->mine.mask = j->action.mask;
	d->mine.change++;
	if (write_mine(d) || read_all(d, now))
		return -1;
	summary(now, &j->result);
	j->stands = !others_changed(d, now);
	if (j->stands)
		return 0;
	d->mine.epoch = before.epoch;
	d->mine.mask = before.mask;
	d->mine.change++;
	return write_mine(d);
}

static int run(struct disk *d, struct job *j)
{
	struct block now[MXFS_NODES];

	j->stands = 0;
	if (j->action.kind == MXFSD_DISK_CLAIM)
		return claim(d, j);
	if (j->action.kind == MXFSD_DISK_RENEW) {
		d->mine.renewals++;
		if (write_mine(d))
			return -1;
	}
	if (read_all(d, now))
		return -1;
	if (j->action.kind == MXFSD_DISK_READ)
		memcpy(d->seen, now, sizeof(d->seen));
	summary(now, &j->result);
	j->stands = 1;
	return 0;
}

/* An error is told once; a disk that does not answer gives no vote. */
static void note(struct disk *d, int failed)
{
	if (failed && !d->ill)
		log_error("disk = %s: cannot be read or written, or is damaged: it has no vote",
			  d->conf->disk);
	else if (!failed && d->ill)
		log_info("disk = %s: is there again", d->conf->disk);
	d->ill = failed;
}

static void *work(void *arg)
{
	struct disk *d = arg;
	uint64_t one = 1;

	pthread_mutex_lock(&d->lock);
	for (;;) {
		struct job *j = &d->job[d->answered % JOBS];
		int failed;

		while (!d->end && d->answered == d->asked)
			pthread_cond_wait(&d->more, &d->lock);
		if (d->end)
			break;
		pthread_mutex_unlock(&d->lock);
		failed = !!run(d, j);
		note(d, failed);
		pthread_mutex_lock(&d->lock);
		if (failed)
			j->action.kind = MXFSD_VIEW;	/* nothing is told of it */
		d->answered++;
		if (write(d->watch.fd, &one, sizeof(one)) < 0)
			log_error("disk: %s", strerror(errno));
	}
	pthread_mutex_unlock(&d->lock);
	return NULL;
}

/* ---- the loop's side ---- */

static void on_answer(void *arg, uint32_t events)
{
	struct disk *d = arg;
	struct disk_done done;
	struct job *j;
	uint64_t n;

	(void)events;
	if (read(d->watch.fd, &n, sizeof(n)) < 0)
		return;
	pthread_mutex_lock(&d->lock);
	while (d->told != d->answered) {
		j = &d->job[d->told % JOBS];
		pthread_mutex_unlock(&d->lock);
		done = (struct disk_done){ .kind = j->action.kind, .nr = j->action.nr,
					   .disk = j->stands ? &j->result : NULL };
		if (j->action.kind != MXFSD_VIEW)
			d->done(d->arg, &done);
		pthread_mutex_lock(&d->lock);
		d->told++;
	}
	pthread_mutex_unlock(&d->lock);
}

void disk_do(struct disk *d, const struct mxfsd_action *a)
{
	struct job *j;

	pthread_mutex_lock(&d->lock);
	/* One that is behind by that much has no vote now; it will be asked again. */
	if (d->asked - d->told < JOBS) {
		j = &d->job[d->asked++ % JOBS];
		j->action.kind = a->kind;
		j->action.nr = a->nr;
		j->action.mask = a->mask;
		pthread_cond_signal(&d->more);
	}
	pthread_mutex_unlock(&d->lock);
}

/* ---- opening ---- */

static int open_disk(const char *path, int flags, char *err, size_t size)
{
	int fd = open(path, flags | O_DIRECT | O_DSYNC | O_CLOEXEC);
	struct stat st;

	if (fd < 0 && errno == EINVAL && !stat(path, &st) && S_ISREG(st.st_mode))
		fd = open(path, flags | O_DSYNC | O_CLOEXEC);
	if (fd < 0)
		snprintf(err, size, "disk = %s: %s", path, strerror(errno));
	return fd;
}

static uint8_t *new_bytes(void)
{
	void *p = NULL;

	return posix_memalign(&p, DISK_BLOCK, DISK_BYTES) ? NULL : p;
}

static int is_zero(const uint8_t *p, size_t len)
{
	return !p[0] && !memcmp(p, p + 1, len - 1);
}

/* Node by node: nobody's claim, no renewal. */
static void lay_out(const struct conf *conf, uint8_t *bytes)
{
	static const struct block none;

	for (uint32_t n = 0; n <= MXFS_NODES; n++)
		encode(conf, n, &none, bytes + n * DISK_BLOCK);
}

int disk_format(const struct conf *conf, char *err, size_t size)
{
	int fd = open_disk(conf->disk, O_RDWR, err, size), r = -1;
	uint8_t *bytes = new_bytes();

	if (fd < 0 || !bytes) {
		free(bytes);
		return -1;
	}
	if (pread(fd, bytes, DISK_BYTES, 0) != (ssize_t)DISK_BYTES) {
		snprintf(err, size, "disk = %s: must have %u bytes at least", conf->disk,
			 DISK_BYTES);
	} else if (!is_zero(bytes, DISK_BYTES)) {
		snprintf(err, size, "disk = %s: there is something on it; if it may go, write "
			 "zeros to its first %u bytes", conf->disk, DISK_BYTES);
	} else {
		lay_out(conf, bytes);
		r = pwrite(fd, bytes, DISK_BYTES, 0) == (ssize_t)DISK_BYTES ? 0 : -1;
		if (r)
			snprintf(err, size, "disk = %s: %s", conf->disk, strerror(errno));
	}
	free(bytes);
	close(fd);
	return r;
}

static int begin(struct disk *d, char *err, size_t size)
{
	struct block all[MXFS_NODES];

	d->fd = open_disk(d->conf->disk, O_RDWR, err, size);
	if (d->fd < 0)
		return -1;
	if (!d->bytes || d->watch.fd < 0) {
		snprintf(err, size, "no memory");
		return -1;
	}
	if (read_all(d, all)) {
		snprintf(err, size, "disk = %s: is no voting disk of this cluster; make it once, "
			 "on one node, with 'mxfsd -v'", d->conf->disk);
		return -1;
	}
	d->mine = all[d->conf->node - 1];
	memcpy(d->seen, all, sizeof(d->seen));
	if (loop_add(d->loop, &d->watch, EPOLLIN) ||
	    pthread_create(&d->thread, NULL, work, d)) {
		snprintf(err, size, "no memory");
		return -1;
	}
	return 0;
}

static void drop(struct disk *d)
{
	if (d->fd >= 0)
		close(d->fd);
	if (d->watch.fd >= 0)
		close(d->watch.fd);
	free(d->bytes);
	free(d);
}

struct disk *disk_open(struct loop *loop, const struct conf *conf,
		       void (*done)(void *arg, const struct disk_done *d), void *arg,
		       char *err, size_t size)
{
	struct disk *d = calloc(1, sizeof(*d));

	if (!d) {
		snprintf(err, size, "no memory");
		return NULL;
	}
	d->loop = loop;
	d->copy = *conf;
	d->conf = &d->copy;
	d->done = done;
	d->arg = arg;
	d->fd = -1;
	d->bytes = new_bytes();
	d->watch = (struct loop_watch){ .fn = on_answer, .arg = d,
		.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) };
	pthread_mutex_init(&d->lock, NULL);
	pthread_cond_init(&d->more, NULL);
	if (!begin(d, err, size))
		return d;
	drop(d);
	return NULL;
}

/* Waits for the disk, if it is being written to. */
void disk_close(struct disk *d)
{
	if (!d)
		return;
	pthread_mutex_lock(&d->lock);
	d->end = 1;
	pthread_cond_signal(&d->more);
	pthread_mutex_unlock(&d->lock);
	pthread_join(d->thread, NULL);
	loop_del(d->loop, &d->watch);
	drop(d);
}
