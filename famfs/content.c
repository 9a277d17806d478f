// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What is in files: filled, copied, read, verified.
 *
 * Notes: content goes straight to the mapped device and is flushed before the
 * function returns, so before its entry is appended. Reads forget first: the
 * caches may have what was there before. Several threads may work on different
 * files once all devices were found (famfs_device()).
 */
#include <stdlib.h>
#include <unistd.h>

#include "famfs.h"

#define PIECE	(1u << 20)

/* fn for each contiguous piece of [off, off+len). */
static int each_piece(struct famfs_fs *fs, const struct famfs_file *f, u64 off, u64 len,
		      int store, int (*fn)(void *arg, void *at, u64 len), void *arg)
{
	int r = 0;

	while (len && !r) {
		u64 device, dev_off, n = famfs_map_at(&f->map, off, len < PIECE ? len :
						      PIECE, &device, &dev_off);
		struct famfs_dev *dev = n ? famfs_device(fs, device) : NULL;
		void *at = dev ? famfs_dev_at(dev, dev_off, n) : NULL;

		if (at && store)
			r = famfs_dev_allocate(dev, dev_off, n);
		if (!at)
			r = -EIO;
		if (!r)
			r = fn(arg, at, n);
		if (!r && __atomic_load_n(&dev->lost, __ATOMIC_ACQUIRE))
			r = -EIO;
		off += n;
		len -= n;
	}
	return r;
}

static int say_error(const char *path, int r)
{
	if (r < 0)
		famfs_say("%s: %s", path, r == -EIO ? "its memory cannot be reached" :
			  strerror(-r));
	return r;
}

/* ---- numbers: xoroshiro128+, seeded by splitmix64 ---- */

struct numbers {
	u64 s[2];
};

static u64 splitmix64(u64 *x)
{
	u64 z = *x += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

static void numbers_init(struct numbers *n, u64 seed)
{
	n->s[0] = splitmix64(&seed);
	n->s[1] = splitmix64(&seed);
}

static u64 rotate(u64 x, int k)
{
	return x << k | x >> (64 - k);
}

static u64 numbers_next(struct numbers *n)
{
	u64 a = n->s[0], b = n->s[1], sum = a + b;

	b ^= a;
	n->s[0] = rotate(a, 24) ^ b ^ b << 16;
	n->s[1] = rotate(b, 37);
	return sum;
}

/* Each 32-bit word is the low half of one; the last one may be cut. */
static void numbers_put(struct numbers *n, u8 *to, u64 len)
{
	u32 word;

	for (; len >= sizeof(word); to += sizeof(word), len -= sizeof(word)) {
		word = (u32)numbers_next(n);
		memcpy(to, &word, sizeof(word));
	}
	if (len) {
		word = (u32)numbers_next(n);
		memcpy(to, &word, len);
	}
}

/* Pieces end at multiples of 4 but for the last: chunks and units do. */
static int fill(void *arg, void *at, u64 len)
{
	numbers_put(arg, at, len);
	famfs_flush(at, len);
	return 0;
}

int famfs_content_fill(struct famfs_fs *fs, const struct famfs_file *f, u64 seed)
{
	struct numbers n;

	numbers_init(&n, seed);
	return say_error(f->path, each_piece(fs, f, 0, f->size, 1, fill, &n));
}

static u64 first_difference(const u8 *a, const u8 *b, u64 len)
{
	u64 i;

	for (i = 0; i < len && a[i] == b[i]; i++)
		;
	return i;
}

int famfs_content_verify(const char *name, u64 size, u64 seed,
			 int (*read)(void *arg, void *buf, u64 off, u64 len),
			 void *arg)
{
	u8 *have = malloc(PIECE), *want = malloc(PIECE);
	struct numbers n;
	int r = have && want ? 0 : -ENOMEM;
	u64 off, len;

	numbers_init(&n, seed);
	for (off = 0; off < size && !r; off += len) {
		len = size - off < PIECE ? size - off : PIECE;
		numbers_put(&n, want, len);
		r = read(arg, have, off, len);
		if (r || !memcmp(have, want, len))
			continue;
		famfs_say("%s: byte %llu is not that of seed %llu", name,
			  (unsigned long long)(off + first_difference(have, want, len)),
			  (unsigned long long)seed);
		r = 1;
	}
	free(have);
	free(want);
	return say_error(name, r);
}

/* ---- copies ---- */

static int copy_in(void *arg, void *at, u64 len)
{
	int fd = *(int *)arg;
	u64 done = 0;

	while (done < len) {
		ssize_t n = read(fd, (char *)at + done, len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -ESTALE;
		done += (u64)n;
	}
	famfs_flush(at, len);
	return 0;
}

int famfs_content_copy(struct famfs_fs *fs, const struct famfs_file *f, int fd,
		       const char *name)
{
	int r = each_piece(fs, f, 0, f->size, 1, copy_in, &fd);

	if (r != -ESTALE)
		return say_error(name, r);
	famfs_say("%s: became shorter while it was copied", name);
	return r;
}

static int copy_out(void *arg, void *at, u64 len)
{
	u8 **to = arg;

	famfs_forget(at, len);
	memcpy(*to, at, len);
	*to += len;
	return 0;
}

int famfs_content_read(struct famfs_fs *fs, const struct famfs_file *f, void *buf,
		       u64 off, u64 len)
{
	u8 *to = buf;

	return each_piece(fs, f, off, len, 0, copy_out, &to);
}

static int flush_piece(void *arg, void *at, u64 len)
{
	(void)arg;
	famfs_flush(at, len);
	famfs_forget(at, len);
	return 0;
}

int famfs_content_flush(struct famfs_fs *fs, const struct famfs_file *f)
{
	return say_error(f->path, each_piece(fs, f, 0, f->size, 0, flush_piece, NULL));
}
