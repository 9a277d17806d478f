// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * One tar archive becomes a list of entries and a spool of content.
 *
 * Notes: names are bytes here. libarchive converts the UTF-8 of pax headers to
 * the character set of the locale and warns where it cannot, keeping the bytes;
 * in the C locale, which these tools never leave, that means: it
 * keeps all bytes. Its other warnings are errors: something would be lost.
 */
#define _GNU_SOURCE
#include <archive.h>
#include <archive_entry.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "common.h"
#include "stream.h"
#include "tar.h"

struct reading {
	struct tar_archive *a;
	struct tar_stream stream;
	struct archive *ar;
};

int tar_entry_error(const struct tar_archive *a, const char *path,
		    const char *fmt, ...)
{
	char what[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	daxfs_tool_error("%s: %s: %s", a->name, path, what);
	return -1;
}

int tar_no_memory(const struct tar_archive *a)
{
	daxfs_tool_error("%s: not enough memory to hold the list of its files; "
			 "free memory", a->name);
	return -1;
}

static int unreadable(struct reading *r)
{
	const char *own = tar_stream_error(&r->stream);
	const char *what = archive_error_string(r->ar);

	daxfs_tool_error("%s: cannot be read as a tar archive (plain, gzip, "
			 "zstd or xz): %s; get it anew", r->a->name,
			 *own ? own : what ? what : "damaged");
	return -1;
}

static la_ssize_t give(struct archive *ar, void *arg, const void **buf)
{
	struct reading *r = arg;
	ssize_t n = tar_stream_read(&r->stream, buf);

	if (n < 0)
		archive_set_error(ar, EIO, "%s", tar_stream_error(&r->stream));
	return n;
}

/* ---- content ---- */

static int keep_content(struct tar_archive *a, struct tar_entry *e,
			const struct tar_content *c)
{
	struct daxfs_tree_extent *copy;

	e->file.fd = a->spool.fd;
	e->file.extent_nr = (u32)c->nr;
	if (!c->nr)
		return 0;
	copy = daxfs_arena_alloc(&a->arena, c->nr * sizeof(*copy));
	if (!copy)
		return tar_no_memory(a);
	memcpy(copy, c->extent, c->nr * sizeof(*copy));
	e->file.extent = copy;
	return 0;
}

static int spool_blocks(struct reading *r, const struct tar_entry *e,
			struct tar_content *c)
{
	struct tar_archive *a = r->a;
	const void *buf;
	la_int64_t off;
	size_t len;
	int got;

	while (!(got = archive_read_data_block(r->ar, &buf, &len, &off))) {
		if (!len)
			continue;
		if ((u64)off < c->data_end || (u64)off > e->file.size ||
		    len > e->file.size - (u64)off)
			return tar_entry_error(a, e->path, "its list of holes "
					       "is damaged; get the archive "
					       "anew");
		if (tar_spool_write(&a->spool, c, buf, len, (u64)off))
			return -1;
	}
	if (got != ARCHIVE_EOF)
		return unreadable(r);
	return tar_spool_round(c, e->file.size);
}

static int read_content(struct reading *r, struct tar_entry *e)
{
	struct tar_content c = { 0 };
	int err;

	if (e->file.size > DAXFS_MAX_FILE)
		return tar_entry_error(r->a, e->path, "is larger than 16 TiB; "
				       "make the archive without it");
	err = spool_blocks(r, e, &c);
	if (!err)
		err = keep_content(r->a, e, &c);
	free(c.extent);
	return err;
}

/* ---- entries ---- */

static int harmless(struct archive *ar)
{
	const char *what = archive_error_string(ar);

	return what && strstr(what, "can't be converted");
}

static struct tar_entry *new_entry(struct tar_archive *a)
{
	if (a->nr == a->room) {
		u64 room = a->room ? 2 * a->room : 256;
		void *p = reallocarray(a->entry, room, sizeof(*a->entry));

		if (!p)
			return NULL;
		a->entry = p;
		a->room = room;
	}
	memset(&a->entry[a->nr], 0, sizeof(*a->entry));
	return &a->entry[a->nr++];
}

static int keep_text(struct tar_archive *a, const char *from, const char **to)
{
	*to = daxfs_arena_copy(&a->arena, from, strlen(from));
	return *to ? 0 : tar_no_memory(a);
}

static int read_entry(struct reading *r, struct archive_entry *ae)
{
	const char *path = archive_entry_pathname(ae);
	const char *link = archive_entry_hardlink(ae);
	struct tar_entry *e = new_entry(r->a);

	if (!e)
		return tar_no_memory(r->a);
	e->file.fd = -1;
	if (!path || !*path)
		return tar_entry_error(r->a, "?", "an entry without a name; "
				       "get the archive anew");
	if (keep_text(r->a, path, &e->path) ||
	    (link && keep_text(r->a, link, &e->link)))
		return -1;
	/* A hard link is a name; what else is said of it is of the other one. */
	if (link)
		return 0;
	if (tar_attr_read(r->a, ae, e))
		return -1;
	return S_ISREG(e->file.mode) ? read_content(r, e) : 0;
}

static int read_entries(struct reading *r)
{
	struct archive_entry *ae;
	int got;

	while ((got = archive_read_next_header(r->ar, &ae)) != ARCHIVE_EOF) {
		if (got != ARCHIVE_OK &&
		    (got != ARCHIVE_WARN || !harmless(r->ar)))
			return unreadable(r);
		if (read_entry(r, ae))
			return -1;
	}
	/* Checksums are behind the last entry. */
	if (tar_stream_drain(&r->stream))
		return unreadable(r);
	return tar_spool_finish(&r->a->spool);
}

int tar_archive_read(struct tar_archive *a, const char *name, int fd,
		     const struct daxfs_tree_file *file)
{
	struct reading r = { .a = a };
	int err;

	memset(a, 0, sizeof(*a));
	a->name = name;
	a->spool.fd = -1;
	if (tar_spool_open(&a->spool))
		return -1;
	r.ar = archive_read_new();
	if (!r.ar)
		return tar_no_memory(a);
	if (tar_stream_open(&r.stream, fd, file) ||
	    archive_read_support_format_tar(r.ar) ||
	    archive_read_open2(r.ar, &r, NULL, give, NULL, NULL))
		err = unreadable(&r);
	else
		err = read_entries(&r);
	archive_read_free(r.ar);
	tar_stream_close(&r.stream);
	return err;
}

void tar_archive_free(struct tar_archive *a)
{
	tar_spool_close(&a->spool);
	daxfs_arena_free(&a->arena);
	free(a->entry);
	a->entry = NULL;
}
