/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The bytes of an archive, decompressed: plain, gzip, zstd or xz.
 *
 * Notes: what it is, its first bytes say. What is plain and in a file has a
 * place there, which tar_stream_place() knows. Checksums of the compression are
 * verified where all of it is read, which is what tar_stream_drain() is for.
 * An error is told by tar_stream_error(); nothing is printed here.
 */
#ifndef DAXFS_TOOLS_TAR_STREAM_H
#define DAXFS_TOOLS_TAR_STREAM_H

#include <sys/types.h>
#include <zlib.h>

#include "tree.h"

#define TAR_STREAM_LEN	(256u * 1024)

struct archive;

struct tar_stream {
	int fd;
	const struct daxfs_tree_file *file;	/* it is that, or NULL: all of fd */
	u32 extent;		/* of file, where to read next */
	u64 at;			/* in it */
	int in_file;		/* a range of fd: */
	u64 base, len;
	u64 pos;		/* in the range, where to read next */
	u8 *in;			/* TAR_STREAM_LEN bytes as they come */
	size_t peeked;		/* bytes in it that were read ahead */
	int kind;
	z_stream z;
	u8 *out;		/* TAR_STREAM_LEN bytes of gzip */
	int member_done;	/* of gzip: its end was seen */
	struct archive *inner;	/* zstd, xz */
	char error[256];
};

/*
 * Of a descriptor, read to its end from where it stands, or of the content of
 * file. 0 or -1. tar_stream_close() in either case.
 */
int tar_stream_open(struct tar_stream *s, int fd,
		    const struct daxfs_tree_file *file);
void tar_stream_close(struct tar_stream *s);
/* Some bytes in *buf, valid until the next call. 0: the end. -1: an error. */
ssize_t tar_stream_read(struct tar_stream *s, const void **buf);
/* Leave out up to that many bytes, without reading them: how many it were. */
u64 tar_stream_skip(struct tar_stream *s, u64 len);
/* Read what is left, if there may be a checksum. 0 or -1. */
int tar_stream_drain(struct tar_stream *s);
/*
 * Where len bytes at offset off of the stream are in s->fd. 0, or -1: they
 * have no place in a file.
 */
int tar_stream_place(const struct tar_stream *s, u64 off, u64 len, u64 *place);
/* What was wrong; empty if nothing was. */
const char *tar_stream_error(const struct tar_stream *s);

#endif
