// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Builder of base images: workers that read the files into the region.
 *
 * Notes: pieces are taken in order, a batch at a time, from one counter; no
 * two pieces touch the same page. Where the region is a file, content goes
 * through a small buffer, which stays in the cache of the processor, and
 * pwrite(2): that is faster than reading into the mapping, where the kernel
 * clears each page in a fault before the bytes come. On a device it is read
 * straight into the mapping. Each file is compared with what the scan saw
 * before and after its bytes are read, so what is stored is what it held at
 * both times. The first error stops all workers at their next piece.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "image_priv.h"

#define MAX_THREADS	64u
#define USUAL_THREADS	4u
#define BATCH_PIECES	64u
#define BATCH_BYTES	(4u << 20)
#define BUFFER_LEN	(256u << 10)

struct image_copy {
	struct daxfs_image *img;
	u8 *data;		/* BASE_DATA in the mapping */
	const int *fd;		/* of the region if it is a file, or of backing files */
	u64 data_off;		/* of BASE_DATA in it, or of content in each */
	pthread_mutex_t lock;	/* of next */
	u64 next;		/* first piece that nobody took */
	u64 done;		/* bytes, relaxed: for progress */
	u32 thread_nr;
	pthread_t thread[MAX_THREADS];
};

struct worker {
	struct image_copy *c;
	struct image_walk walk;
	u8 *buffer;		/* BUFFER_LEN bytes */
};

/* ---- one piece ---- */

/* 0, or a negative errno; -ESTALE: the file ends early. */
static int read_all(int fd, u8 *to, u64 len, u64 off)
{
	while (len) {
		ssize_t n = pread(fd, to, len, (off_t)off);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			return -ESTALE;
		to += n;
		off += (u64)n;
		len -= (u64)n;
	}
	return 0;
}

static int write_all(int fd, const u8 *from, u64 len, u64 off)
{
	while (len) {
		ssize_t n = pwrite(fd, from, len, (off_t)off);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		from += n;
		off += (u64)n;
		len -= (u64)n;
	}
	return 0;
}

static int write_failed(struct daxfs_image *img, int err)
{
	char what[160], text[96];

	snprintf(what, sizeof(what), "its image cannot be written: %s; see the "
		 "place that it is written to", strerror_r(-err, text,
							    sizeof(text)));
	return image_fail(img, err, 0, NULL, what);
}

/* Through the buffer. -ESTALE, or the error of reading; others are kept. */
static int read_to_file(struct worker *w, int fd, const struct image_piece *p)
{
	struct image_copy *c = w->c;
	u64 to = (c->data_off + p->to) & (DAXFS_BACKING_MAX - 1), at = 0, n;
	int err;

	for (; at < p->len; at += n) {
		n = p->len - at < BUFFER_LEN ? p->len - at : BUFFER_LEN;
		err = read_all(fd, w->buffer, n, p->from + at);
		if (err)
			return err;
		err = write_all(c->fd[p->to >> DAXFS_BACKING_SHIFT], w->buffer, n,
				to + at);
		if (err)
			return write_failed(c->img, err);
	}
	return 0;
}

static int unchanged(const struct image_node *n, int fd)
{
	struct stat st;

	return !fstat(fd, &st) && image_same(&n->id, &st);
}

static int read_piece(struct worker *w, int fd, const struct image_piece *p)
{
	struct image_copy *c = w->c;

	return c->fd ? read_to_file(w, fd, p) :
	       read_all(fd, c->data + p->to, p->len, p->from);
}

/* Of a tree in memory: nobody else knows the file that content is in. */
static int copy_kept(struct worker *w, const struct image_piece *p)
{
	struct image_copy *c = w->c;
	const struct image_node *n = &c->img->node[p->node];
	int err = p->len ? read_piece(w, n->fd, p) : 0;

	return err ? image_fail_errno(c->img, err, n->parent, n->name) : 0;
}

static int copy_content(struct worker *w, const struct image_piece *p)
{
	struct image_copy *c = w->c;
	const struct image_node *n = &c->img->node[p->node];
	int fd = image_open_file(&w->walk, n->parent, n->name), err = -ESTALE;

	if (fd < 0)
		return fd;
	if (unchanged(n, fd))
		err = read_piece(w, fd, p);
	if (!err && !unchanged(n, fd))
		err = -ESTALE;
	close(fd);
	return err ? image_fail_errno(c->img, err, n->parent, n->name) : 0;
}

/* What has no content: it must still be what the scan saw. */
static int compare(struct worker *w, const struct image_node *n)
{
	struct image_copy *c = w->c;
	struct stat st;
	int at = image_walk_to(&w->walk, n->parent);

	if (at < 0)
		return at;
	if (fstatat(at, n->name, &st, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT))
		return image_fail_errno(c->img, -errno, n->parent, n->name);
	if (!image_same(&n->id, &st))
		return image_fail_changed(c->img, n->parent, n->name);
	return 0;
}

/* ---- workers ---- */

static u64 take_batch(struct image_copy *c, u64 *first)
{
	const struct daxfs_image *img = c->img;
	u64 bytes = 0, i;

	pthread_mutex_lock(&c->lock);
	*first = i = c->next;
	while (i < img->piece_nr && i - *first < BATCH_PIECES &&
	       bytes < BATCH_BYTES)
		bytes += img->piece[i++].len;
	c->next = i;
	pthread_mutex_unlock(&c->lock);
	return i - *first;
}

static int stopped(const struct daxfs_image *img)
{
	return __atomic_load_n(&img->err, __ATOMIC_RELAXED);
}

static void copy_batch(struct worker *w, u64 first, u64 nr)
{
	struct image_copy *c = w->c;
	u64 i;

	for (i = first; i < first + nr && !stopped(c->img); i++) {
		const struct image_piece *p = &c->img->piece[i];

		/* An error is kept in the image; all workers stop at it. */
		if (c->img->root_fd < 0)
			copy_kept(w, p);
		else if (p->len)
			copy_content(w, p);
		else
			compare(w, &c->img->node[p->node]);
		__atomic_fetch_add(&c->done, p->len, __ATOMIC_RELAXED);
	}
}

static void report(struct image_copy *c)
{
	struct daxfs_image *img = c->img;

	if (img->opt.progress)
		img->opt.progress(img->opt.progress_arg, "writing",
				  __atomic_load_n(&c->done, __ATOMIC_RELAXED),
				  img->totals.content);
}

static void work(struct image_copy *c, int reports)
{
	struct worker w = { .c = c, .buffer = malloc(BUFFER_LEN) };
	u64 first, nr;

	if (!w.buffer) {
		image_fail_errno(c->img, -ENOMEM, 0, NULL);
		return;
	}
	image_walk_init(&w.walk, c->img);
	while (!stopped(c->img) && (nr = take_batch(c, &first))) {
		copy_batch(&w, first, nr);
		if (reports)
			report(c);
	}
	image_walk_fini(&w.walk);
	free(w.buffer);
}

static void *thread_main(void *arg)
{
	work(arg, 0);
	return NULL;
}

static u32 default_threads(void)
{
	cpu_set_t set;
	int n = sched_getaffinity(0, sizeof(set), &set) ? 1 : CPU_COUNT(&set);

	return n < (int)USUAL_THREADS ? (u32)n : USUAL_THREADS;
}

int image_copy_start(struct image_copy **copy, struct daxfs_image *img,
		     void *base, const int *fd, u64 data_off)
{
	struct image_copy *c = calloc(1, sizeof(*c));
	u32 want = img->opt.threads ? img->opt.threads : default_threads();

	*copy = c;
	if (!c)
		return image_fail_errno(img, -ENOMEM, 0, NULL);
	c->img = img;
	c->data = (u8 *)base + data_off;
	c->fd = fd;
	c->data_off = data_off;
	pthread_mutex_init(&c->lock, NULL);
	if (want > MAX_THREADS)
		want = MAX_THREADS;
	/* The caller is one of them. With fewer it takes longer, no more. */
	while (c->thread_nr + 1 < want &&
	       !pthread_create(&c->thread[c->thread_nr], NULL, thread_main, c))
		c->thread_nr++;
	return 0;
}

int image_copy_finish(struct image_copy *c)
{
	struct daxfs_image *img = c->img;
	u32 i;

	work(c, 1);
	for (i = 0; i < c->thread_nr; i++)
		pthread_join(c->thread[i], NULL);
	pthread_mutex_destroy(&c->lock);
	free(c);
	return img->err;
}
