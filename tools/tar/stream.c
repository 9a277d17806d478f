// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The bytes of an archive, decompressed: plain, gzip, zstd or xz.
 *
 * Notes: gzip is read by zlib, because libarchive does not look at its
 * checksums. libarchive does the others, in its format "raw".
 */
#define _GNU_SOURCE
#include <archive.h>
#include <archive_entry.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "stream.h"

enum { PLAIN, GZIP, PACKED };

static int failed(struct tar_stream *s, const char *what)
{
	if (!*s->error)
		snprintf(s->error, sizeof(s->error), "%s",
			 what ? what : "damaged");
	return -1;
}

/* ---- as they come ---- */

static ssize_t retry_read(int fd, void *buf, size_t len, off_t off, int seeks)
{
	ssize_t n;

	do
		n = seeks ? pread(fd, buf, len, off) : read(fd, buf, len);
	while (n < 0 && errno == EINTR);
	return n;
}

/* From the extents of a file, of which it has no hole. */
static ssize_t fill_from_file(struct tar_stream *s, u8 *to, size_t len)
{
	const struct daxfs_tree_file *f = s->file;
	const struct daxfs_tree_extent *e = &f->extent[s->extent];
	ssize_t n;

	if (s->extent == f->extent_nr)
		return 0;
	if (len > e->len - s->at)
		len = (size_t)(e->len - s->at);
	n = retry_read(f->fd, to, len, (off_t)(e->from + s->at), 1);
	if (n > 0)
		s->at += (u64)n;
	if (s->at == e->len) {
		s->extent++;
		s->at = 0;
	}
	return n;
}

static ssize_t fill_from_range(struct tar_stream *s, u8 *to, size_t len)
{
	ssize_t n;

	if (len > s->len - s->pos)
		len = (size_t)(s->len - s->pos);
	n = len ? retry_read(s->fd, to, len, (off_t)(s->base + s->pos), 1) : 0;
	if (n > 0)
		s->pos += (u64)n;
	return n;
}

static ssize_t fill_some(struct tar_stream *s, u8 *to, size_t len)
{
	ssize_t n = s->in_file ? fill_from_range(s, to, len) :
		    s->file ? fill_from_file(s, to, len) :
		    retry_read(s->fd, to, len, 0, 0);

	return n < 0 ? failed(s, strerror(errno)) : n;
}

/* Is it one range of a file that can be read anywhere? */
static void find_range(struct tar_stream *s)
{
	const struct daxfs_tree_file *f = s->file;
	struct stat st;
	off_t at;

	if (f) {
		s->fd = f->fd;
		s->in_file = f->extent_nr == 1 && !f->extent->file_off &&
			     f->extent->len == f->size;
		if (!s->in_file)
			return;
		s->base = f->extent->from;
		s->len = f->size;
		return;
	}
	at = lseek(s->fd, 0, SEEK_CUR);
	if (at < 0 || fstat(s->fd, &st) || !S_ISREG(st.st_mode) ||
	    st.st_size < at)
		return;
	s->in_file = 1;
	s->base = (u64)at;
	s->len = (u64)(st.st_size - at);
}

/* Fill the buffer s->in. Short only at the end. */
static ssize_t fill(struct tar_stream *s)
{
	size_t have = s->peeked;
	ssize_t n = 1;

	s->peeked = 0;
	while (n > 0 && have < TAR_STREAM_LEN) {
		n = fill_some(s, s->in + have, TAR_STREAM_LEN - have);
		if (n < 0)
			return -1;
		have += (size_t)n;
	}
	return (ssize_t)have;
}

/* ---- gzip ---- */

static int is_gzip(const u8 *p, size_t len)
{
	return len >= 2 && p[0] == 0x1f && p[1] == 0x8b;
}

/* Behind the end of a member: another one, zeros, or nothing. */
static int next_member(struct tar_stream *s)
{
	while (s->z.avail_in && !*s->z.next_in) {
		s->z.next_in++;
		s->z.avail_in--;
	}
	if (!s->z.avail_in)
		return 0;
	/* A header that is cut in two by the buffer is told by inflate(). */
	if (*s->z.next_in != 0x1f)
		return failed(s, "something that is not gzip follows");
	if (inflateReset(&s->z) != Z_OK)
		return failed(s, s->z.msg);
	s->member_done = 0;
	return 0;
}

/* More compressed bytes for zlib: 1, 0 at the end, -1. */
static int more_input(struct tar_stream *s)
{
	ssize_t n;

	if (s->z.avail_in)
		return 1;
	n = fill(s);
	if (n < 0)
		return -1;
	if (!n && !s->member_done)
		return failed(s, "the gzip data are cut off");
	s->z.next_in = s->in;
	s->z.avail_in = (uInt)n;
	return n > 0;
}

static ssize_t read_gzip(struct tar_stream *s, const void **buf)
{
	int r;

	s->z.next_out = s->out;
	s->z.avail_out = TAR_STREAM_LEN;
	while (s->z.avail_out == TAR_STREAM_LEN) {
		r = more_input(s);
		if (r < 0)
			return -1;
		if (!r)
			break;
		if (s->member_done && next_member(s))
			return -1;
		if (s->member_done)
			continue;
		r = inflate(&s->z, Z_NO_FLUSH);
		if (r == Z_STREAM_END)
			s->member_done = 1;
		else if (r != Z_OK && r != Z_BUF_ERROR)
			return failed(s, s->z.msg ? s->z.msg :
				      "damaged gzip data");
	}
	*buf = s->out;
	return (ssize_t)(TAR_STREAM_LEN - s->z.avail_out);
}

static int open_gzip(struct tar_stream *s)
{
	s->out = malloc(TAR_STREAM_LEN);
	if (!s->out)
		return failed(s, "not enough memory");
	if (inflateInit2(&s->z, 16 + MAX_WBITS) != Z_OK)
		return failed(s, "not enough memory");
	s->kind = GZIP;
	return 0;
}

/* ---- zstd, xz ---- */

static int is_packed(const u8 *p, size_t len)
{
	return len >= 6 && (!memcmp(p, "\xfd" "7zXZ", 6) ||
			    !memcmp(p, "\x28\xb5\x2f\xfd", 4) ||
			    ((p[0] & 0xf0) == 0x50 &&
			     !memcmp(p + 1, "\x2a\x4d\x18", 3)));
}

static la_ssize_t give_packed(struct archive *a, void *arg, const void **buf)
{
	struct tar_stream *s = arg;
	ssize_t n = fill(s);

	*buf = s->in;
	if (n < 0)
		archive_set_error(a, EIO, "%s", s->error);
	return n;
}

static ssize_t read_packed(struct tar_stream *s, const void **buf)
{
	la_int64_t off;
	size_t len = 0;
	int r;

	do
		r = archive_read_data_block(s->inner, buf, &len, &off);
	while (r == ARCHIVE_OK && !len);
	if (r == ARCHIVE_EOF)
		return 0;
	return r == ARCHIVE_OK ? (ssize_t)len :
	       failed(s, archive_error_string(s->inner));
}

static int open_packed(struct tar_stream *s)
{
	struct archive_entry *e;

	s->inner = archive_read_new();
	if (!s->inner)
		return failed(s, "not enough memory");
	s->kind = PACKED;
	if (archive_read_support_filter_zstd(s->inner) ||
	    archive_read_support_filter_xz(s->inner) ||
	    archive_read_support_format_raw(s->inner) ||
	    archive_read_open2(s->inner, s, NULL, give_packed, NULL, NULL) ||
	    archive_read_next_header(s->inner, &e))
		return failed(s, archive_error_string(s->inner));
	return 0;
}

/* ---- all of them ---- */

int tar_stream_open(struct tar_stream *s, int fd,
		    const struct daxfs_tree_file *file)
{
	ssize_t n;

	memset(s, 0, sizeof(*s));
	s->fd = fd;
	s->file = file;
	s->in = malloc(TAR_STREAM_LEN);
	if (!s->in)
		return failed(s, "not enough memory");
	find_range(s);
	n = fill(s);
	if (n < 0)
		return -1;
	s->peeked = (size_t)n;
	if (is_gzip(s->in, s->peeked))
		return open_gzip(s);
	return is_packed(s->in, s->peeked) ? open_packed(s) : 0;
}

void tar_stream_close(struct tar_stream *s)
{
	if (s->kind == GZIP)
		inflateEnd(&s->z);
	archive_read_free(s->inner);
	free(s->out);
	free(s->in);
	s->in = NULL;
}

ssize_t tar_stream_read(struct tar_stream *s, const void **buf)
{
	switch (s->kind) {
	case GZIP:
		return read_gzip(s, buf);
	case PACKED:
		return read_packed(s, buf);
	default:
		*buf = s->in;
		return fill(s);
	}
}

u64 tar_stream_skip(struct tar_stream *s, u64 len)
{
	if (s->kind != PLAIN || !s->in_file || s->peeked)
		return 0;
	if (len > s->len - s->pos)
		len = s->len - s->pos;
	s->pos += len;
	return len;
}

int tar_stream_place(const struct tar_stream *s, u64 off, u64 len, u64 *place)
{
	if (s->kind != PLAIN || !s->in_file || off > s->len ||
	    len > s->len - off)
		return -1;
	*place = s->base + off;
	return 0;
}

int tar_stream_drain(struct tar_stream *s)
{
	const void *buf;
	ssize_t n;

	if (s->kind == PLAIN && s->in_file)
		return 0;
	do
		n = tar_stream_read(s, &buf);
	while (n > 0);
	return (int)n;
}

const char *tar_stream_error(const struct tar_stream *s)
{
	return s->error;
}
