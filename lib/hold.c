// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Inodes that this process holds open, counted: one host bit for all holders.
 *
 * Notes: the core wants one daxfs_open() for the first holder and one
 * daxfs_close() for the last, never both at once; a lock per stripe of inode
 * numbers sees to that. Each stripe's table doubles when it is full, so a
 * million held inodes cost what ten do.
 */
#include <stdlib.h>

#include "mount_priv.h"

void daxfs_hold_init(struct daxfs_mount *m)
{
	u32 i;

	for (i = 0; i < DAXFS_HOLD_STRIPES; i++)
		pthread_mutex_init(&m->stripe[i].lock, NULL);
}

/* An error is an eviction: then somebody else does it for us. */
static void let_go(struct daxfs_cx *cx, struct daxfs_held *h)
{
	if (h->mappings)
		daxfs_map_end(cx, &h->file);
	daxfs_close(cx, h->file.ino);
}

static void empty_stripe(struct daxfs_hold_stripe *s, struct daxfs_cx *cx)
{
	struct daxfs_held *h, *next;
	u64 b;

	for (b = 0; b < s->bucket_nr; b++) {
		for (h = s->bucket[b]; h; h = next) {
			next = h->next;
			if (cx)
				let_go(cx, h);
			free(h);
		}
	}
	free(s->bucket);
	s->bucket = NULL;
	s->bucket_nr = 0;
}

void daxfs_hold_fini(struct daxfs_mount *m, struct daxfs_cx *cx)
{
	u32 i;

	for (i = 0; i < DAXFS_HOLD_STRIPES; i++)
		empty_stripe(&m->stripe[i], cx);
}

static u64 spread(u64 ino)
{
	return ino * 0x9e3779b97f4a7c15ull;
}

static struct daxfs_hold_stripe *stripe_of(struct daxfs_mount *m, u64 ino)
{
	return &m->stripe[spread(ino) >> 58];
}

static struct daxfs_held **bucket_of(struct daxfs_hold_stripe *s, u64 ino)
{
	return &s->bucket[(spread(ino) >> 16) & (s->bucket_nr - 1)];
}

static int grow(struct daxfs_hold_stripe *s)
{
	struct daxfs_hold_stripe old = { .bucket = s->bucket,
					 .bucket_nr = s->bucket_nr };
	u64 nr = old.bucket_nr ? 2 * old.bucket_nr : 8, b;
	struct daxfs_held *h, *next, **to;
	struct daxfs_held **bucket = calloc(nr, sizeof(*bucket));

	if (!bucket)
		return old.bucket_nr ? 0 : -ENOMEM;	/* longer chains */
	s->bucket = bucket;
	s->bucket_nr = nr;
	for (b = 0; b < old.bucket_nr; b++) {
		for (h = old.bucket[b]; h; h = next) {
			next = h->next;
			to = bucket_of(s, h->file.ino);
			h->next = *to;
			*to = h;
		}
	}
	free(old.bucket);
	return 0;
}

static struct daxfs_held *find(struct daxfs_hold_stripe *s, u64 ino)
{
	struct daxfs_held *h = s->bucket_nr ? *bucket_of(s, ino) : NULL;

	while (h && h->file.ino != ino)
		h = h->next;
	return h;
}

/* file: open already, or NULL. */
static int hold_first(struct daxfs_hold_stripe *s, struct daxfs_cx *cx, u64 ino,
		      const struct daxfs_file *file, struct daxfs_held **held)
{
	struct daxfs_held *h, **to;
	int r;

	if (s->held_nr >= s->bucket_nr && grow(s))
		return -ENOMEM;
	h = malloc(sizeof(*h));	/* which is much faster than calloc() */
	if (!h)
		return -ENOMEM;
	memset(h, 0, sizeof(*h));
	r = file ? 0 : daxfs_open(cx, ino, 0, &h->file);
	if (file)
		h->file = *file;
	if (r) {
		free(h);
		return r;
	}
	h->file.ino = ino;
	h->holders = 1;
	to = bucket_of(s, ino);
	h->next = *to;
	*to = h;
	s->held_nr++;
	*held = h;
	return 0;
}

static int hold(struct daxfs_mount *m, struct daxfs_cx *cx, u64 ino,
		const struct daxfs_file *file, struct daxfs_held **held)
{
	struct daxfs_hold_stripe *s = stripe_of(m, ino);
	struct daxfs_held *h;
	int r = 0;

	pthread_mutex_lock(&s->lock);
	h = find(s, ino);
	if (h) {
		h->holders++;
		*held = h;
	} else {
		r = hold_first(s, cx, ino, file, held);
	}
	pthread_mutex_unlock(&s->lock);
	return r;
}

int daxfs_hold(struct daxfs_mount *m, struct daxfs_cx *cx, u64 ino,
	       struct daxfs_held **held)
{
	return hold(m, cx, ino, NULL, held);
}

int daxfs_hold_made(struct daxfs_mount *m, struct daxfs_cx *cx,
		    const struct daxfs_file *file, struct daxfs_held **held)
{
	int r = hold(m, cx, file->ino, file, held);

	if (r)
		daxfs_close(cx, file->ino);
	return r;
}

void daxfs_unhold(struct daxfs_mount *m, struct daxfs_cx *cx,
		  struct daxfs_held *held)
{
	u64 ino = held->file.ino;
	struct daxfs_hold_stripe *s = stripe_of(m, ino);
	struct daxfs_held **p;

	pthread_mutex_lock(&s->lock);
	if (--held->holders == 0) {
		for (p = bucket_of(s, ino); *p != held; p = &(*p)->next)
			;
		*p = held->next;
		s->held_nr--;
		/*
		 * It fails when this host was evicted or the memory is gone:
		 * then the hold has ended without us.
		 */
		if (!daxfs_mount_usable(m))
			daxfs_close(cx, ino);
		free(held);
	}
	pthread_mutex_unlock(&s->lock);
}
