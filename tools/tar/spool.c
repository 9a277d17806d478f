// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A file without a name for the content of what is in a tar stream.
 *
 * Notes: extents begin at pages in the file and here, so the bytes of a page
 * that nobody wrote are a hole of this file and read as zeros.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common.h"
#include "spool.h"

static u64 page_of(u64 n)
{
	return n & ~(DAXFS_PAGE_SIZE - 1);
}

static u64 page_up(u64 n)
{
	return page_of(n + DAXFS_PAGE_SIZE - 1);
}

static const char *folder(void)
{
	const char *dir = getenv("TMPDIR");

	return dir && *dir ? dir : "/tmp";
}

static int failed(const char *what)
{
	daxfs_tool_error("%s: cannot %s a temporary file: %s; make room, or "
			 "name another folder in TMPDIR", folder(), what,
			 strerror(errno));
	return -1;
}

/* Where there is no O_TMPFILE: the name is gone at once. */
static int open_named(const char *dir)
{
	char *path;
	int fd;

	if (asprintf(&path, "%s/mkdaxfs.XXXXXX", dir) < 0)
		return -1;
	fd = mkostemp(path, O_CLOEXEC);
	if (fd >= 0)
		unlink(path);
	free(path);
	return fd;
}

int tar_spool_open(struct tar_spool *s)
{
	s->end = 0;
	s->fd = open(folder(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (s->fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR))
		s->fd = open_named(folder());
	return s->fd < 0 ? failed("make") : 0;
}

void tar_spool_close(struct tar_spool *s)
{
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}

static int write_all(int fd, const u8 *p, size_t len, u64 off)
{
	while (len) {
		ssize_t n = pwrite(fd, p, len, (off_t)off);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return failed("write to");
		p += n;
		off += (u64)n;
		len -= (size_t)n;
	}
	return 0;
}

static int no_memory(void)
{
	daxfs_tool_error("not enough memory for the list of a file's holes");
	return -1;
}

/* The extent that goes on at off; a new one if there is a hole before. */
static struct daxfs_tree_extent *extent_at(struct tar_spool *s,
					   struct tar_content *c, u64 off)
{
	struct daxfs_tree_extent *last = c->nr ? &c->extent[c->nr - 1] : NULL;

	if (last && page_of(off) <= page_up(last->file_off + last->len))
		return last;
	if (c->nr == c->room) {
		u64 room = c->room ? 2 * c->room : 4;
		void *p = reallocarray(c->extent, room, sizeof(*last));

		if (!p)
			return NULL;
		c->extent = p;
		c->room = room;
	}
	last = &c->extent[c->nr++];
	last->file_off = page_of(off);
	last->len = 0;
	last->from = s->end;
	return last;
}

int tar_spool_write(struct tar_spool *s, struct tar_content *c,
		    const void *data, size_t len, u64 off)
{
	struct daxfs_tree_extent *e = extent_at(s, c, off);

	if (!e)
		return no_memory();
	c->data_end = off + len;
	e->len = c->data_end - e->file_off;
	s->end = page_up(e->from + e->len);
	return write_all(s->fd, data, len, e->from + (off - e->file_off));
}

int tar_spool_round(struct tar_content *c, u64 size)
{
	u64 i;

	if (c->nr > ~(u32)0)
		return no_memory();
	for (i = 0; i < c->nr; i++) {
		struct daxfs_tree_extent *e = &c->extent[i];

		e->len = page_up(e->len);
		if (e->len > size - e->file_off)
			e->len = size - e->file_off;
	}
	return 0;
}

int tar_spool_finish(struct tar_spool *s)
{
	return ftruncate(s->fd, (off_t)s->end) ? failed("write to") : 0;
}
