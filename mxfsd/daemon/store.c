// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The state file.
 *
 * Notes: written to PATH.new, made durable, renamed. Whoever dies in between leaves
 * the former file and a PATH.new that the next one overwrites. PATH.lock is
 * locked while a daemon runs: two of one node would both vote.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "store.h"

#define MAGIC		"MXFSTATE"
#define VERSION		1u
#define SETS		(8 + 8 * MXFS_NODES)	/* bytes of a set */
#define BODY		(8 + 4 + 4 + 16 + 8 + 8 + 4 + 4 + 2 * SETS + 8 * MXFS_NODES)
#define BYTES		(BODY + 4)

struct store {
	char path[256], next[264];
	uint32_t node;
	uint8_t cluster[16];
	int lock, dir;
};

/* ---- bytes ---- */

struct bytes {
	uint8_t *at;
};

static void put(struct bytes *b, uint64_t v, int n)
{
	for (; n--; v >>= 8)
		*b->at++ = (uint8_t)v;
}

static uint64_t get(struct bytes *b, int n)
{
	uint64_t v = 0;

	for (int i = 0; i < n; i++)
		v |= (uint64_t)*b->at++ << (8 * i);
	return v;
}

static void put_set(struct bytes *b, const struct mxfs_set *s)
{
	put(b, s->mask, 8);
	for (uint32_t i = 0; i < MXFS_NODES; i++)
		put(b, s->inc[i], 8);
}

static void get_set(struct bytes *b, struct mxfs_set *s)
{
	s->mask = get(b, 8);
	for (uint32_t i = 0; i < MXFS_NODES; i++)
		s->inc[i] = get(b, 8);
}

static void encode(const struct store *s, const struct mxfsd_stable *st,
		   uint8_t buf[BYTES])
{
	struct bytes b = { buf };

	memcpy(b.at, MAGIC, 8);
	b.at += 8;
	put(&b, VERSION, 4);
	put(&b, s->node, 4);
	memcpy(b.at, s->cluster, 16);
	b.at += 16;
	put(&b, st->inc, 8);
	put(&b, st->vote_epoch, 8);
	put(&b, st->vote_by, 4);
	put(&b, 0, 4);
	put_set(&b, &st->vote);
	put_set(&b, &st->pending);
	for (uint32_t i = 0; i < MXFS_NODES; i++)
		put(&b, st->least[i], 8);
	put(&b, mxfs_crc32c(buf, BODY), 4);
}

static const char *decode(const struct store *s, uint8_t buf[BYTES],
			  struct mxfsd_stable *st)
{
	struct bytes b = { buf + 8 }, crc = { buf + BODY };
	uint64_t version, node;

	if (memcmp(buf, MAGIC, 8))
		return "is no state of mxfsd";
	if (get(&crc, 4) != mxfs_crc32c(buf, BODY))
		return "is damaged (checksum)";
	version = get(&b, 4);
	node = get(&b, 4);
	if (version != VERSION)
		return "is of another version of mxfsd";
	if (node != s->node || memcmp(b.at, s->cluster, 16))
		return "is of another node or cluster than the configuration says";
	b.at += 16;
	st->inc = get(&b, 8);
	st->vote_epoch = get(&b, 8);
	st->vote_by = (uint32_t)get(&b, 4);
	b.at += 4;
	get_set(&b, &st->vote);
	get_set(&b, &st->pending);
	for (uint32_t i = 0; i < MXFS_NODES; i++)
		st->least[i] = get(&b, 8);
	return NULL;
}

/* ---- files ---- */

static int write_all(int fd, const uint8_t *buf, size_t len)
{
	ssize_t n;

	for (; len; buf += n, len -= (size_t)n) {
		n = write(fd, buf, len);
		if (n < 0)
			return -errno;
	}
	return fdatasync(fd) ? -errno : 0;
}

int store_save(struct store *s, const struct mxfsd_stable *stable)
{
	uint8_t buf[BYTES];
	int fd, r;

	encode(s, stable, buf);
	fd = open(s->next, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	r = write_all(fd, buf, sizeof(buf));
	close(fd);
	if (!r && rename(s->next, s->path))
		r = -errno;
	if (!r && fsync(s->dir))
		r = -errno;
	return r;
}

static int open_dir(const char *path)
{
	char copy[256];

	snprintf(copy, sizeof(copy), "%s", path);
	return open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static int lock_path(const char *path)
{
	char name[272];
	int fd;

	snprintf(name, sizeof(name), "%s.lock", path);
	fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB)) {
		close(fd);
		return -1;
	}
	return fd;
}

/* Errno says what is wrong if it is not 0. */
static struct store *prepare(const struct conf *conf, char *err, size_t size)
{
	struct store *s = calloc(1, sizeof(*s));

	if (!s) {
		snprintf(err, size, "no memory");
		return NULL;
	}
	snprintf(s->path, sizeof(s->path), "%s", conf->state);
	snprintf(s->next, sizeof(s->next), "%s.new", conf->state);
	s->node = conf->node;
	memcpy(s->cluster, conf->cluster, 16);
	s->lock = -1;
	s->dir = open_dir(s->path);
	if (s->dir >= 0)
		s->lock = lock_path(s->path);
	if (s->lock >= 0)
		return s;
	if (s->dir >= 0 && errno == EWOULDBLOCK)
		snprintf(err, size, "%s: another mxfsd of this node is running", s->path);
	else
		snprintf(err, size, "%s: its folder: %s", s->path, strerror(errno));
	store_close(s);
	return NULL;
}

static int read_file(struct store *s, uint8_t buf[BYTES + 1], char *err, size_t size)
{
	int fd = open(s->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	ssize_t n;

	if (fd < 0) {
		snprintf(err, size, errno == ENOENT ?
			 "%s: there is no state; if this node has never run, make it "
			 "with 'mxfsd -i'" :
			 "%s: cannot be opened", s->path);
		return -1;
	}
	n = read(fd, buf, BYTES + 1);
	close(fd);
	if (n != BYTES) {
		snprintf(err, size, "%s: has %zd bytes instead of %d: damaged, or another file",
			 s->path, n, (int)BYTES);
		return -1;
	}
	return 0;
}

struct store *store_open(const struct conf *conf, struct mxfsd_stable *stable,
			 char *err, size_t size)
{
	struct store *s = prepare(conf, err, size);
	uint8_t buf[BYTES + 1];
	const char *why;

	if (!s)
		return NULL;
	if (!read_file(s, buf, err, size)) {
		why = decode(s, buf, stable);
		if (!why)
			return s;
		snprintf(err, size, "%s: %s", s->path, why);
	}
	store_close(s);
	return NULL;
}

int store_init(const struct conf *conf, char *err, size_t size)
{
	struct store *s = prepare(conf, err, size);
	struct mxfsd_stable none = { .inc = 0 };
	int r = -1;

	if (!s)
		return -1;
	if (!access(s->path, F_OK)) {
		snprintf(err, size, "%s: is there already; this node has run", s->path);
	} else {
		r = store_save(s, &none);
		if (r)
			snprintf(err, size, "%s: %s", s->path, strerror(-r));
	}
	store_close(s);
	return r ? -1 : 0;
}

void store_close(struct store *s)
{
	if (!s)
		return;
	if (s->lock >= 0)
		close(s->lock);
	if (s->dir >= 0)
		close(s->dir);
	free(s);
}
