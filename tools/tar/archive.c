// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * One tar archive becomes a list of entries and a spool of content.
 *
 * Notes: names are bytes here. libarchive converts the UTF-8 of pax headers to
 * the character set of the locale and warns where it cannot, keeping the bytes;
 * in the C locale, which these tools never leave, that means: it
 * keeps all bytes. Its other warnings are errors: something would be lost.
 * Content is copied to the spool only if it is compressed, comes from a pipe, or
 * has holes.
 */
#define _GNU_SOURCE
#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common.h"
#include "stream.h"
#include "tar.h"

#define TAR_BLOCK 512u

struct reading {
	struct tar_archive *a;
	struct tar_stream stream;
	struct archive *ar;
	int holes;		/* the entry says that it has some */
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

static la_int64_t skip(struct archive *ar, void *arg, la_int64_t len)
{
	struct reading *r = arg;

	(void)ar;
	return (la_int64_t)tar_stream_skip(&r->stream, (u64)len);
}

/* ---- content that stays where it is ---- */

/* Is that the header of an entry, by its checksum? */
static int is_header(const u8 block[TAR_BLOCK])
{
	u32 sum = 0, i;
	char text[9] = { 0 };

	memcpy(text, block + 148, 8);
	for (i = 0; i < TAR_BLOCK; i++)
		sum += i >= 148 && i < 156 ? ' ' : block[i];
	return strtoul(text, NULL, 8) == sum;
}

/*
 * libarchive says how far it has read, but not in so many words where the
 * content of an entry begins. It does behind a header; if there is none, or
 * other bytes follow, the content goes to the spool.
 */
static int is_place(const struct reading *r, u64 place, const void *data,
		    size_t len)
{
	u8 block[2 * TAR_BLOCK];
	size_t want = TAR_BLOCK + (len < TAR_BLOCK ? len : TAR_BLOCK);

	return place >= TAR_BLOCK &&
	       pread(r->stream.fd, block, want, (off_t)(place - TAR_BLOCK)) ==
	       (ssize_t)want && is_header(block) &&
	       !memcmp(block + TAR_BLOCK, data, want - TAR_BLOCK);
}

/* The first bytes of a file without holes were read. */
static int keep_place(struct reading *r, struct tar_entry *e, const void *data,
		      size_t len)
{
	struct daxfs_tree_extent *x;
	u64 place;

	if (tar_stream_place(&r->stream,
			     (u64)archive_filter_bytes(r->ar, 0), e->file.size,
			     &place) || !is_place(r, place, data, len))
		return 1;
	x = daxfs_arena_alloc(&r->a->arena, sizeof(*x));
	if (!x)
		return tar_no_memory(r->a);
	*x = (struct daxfs_tree_extent){ .len = e->file.size, .from = place };
	e->file.fd = r->stream.file ? r->stream.file->fd : r->a->fd;
	e->file.extent = x;
	e->file.extent_nr = 1;
	r->a->placed = 1;
	return archive_read_data_skip(r->ar) ? unreadable(r) : 0;
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

static int spool_blocks(struct reading *r, struct tar_entry *e,
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
		if (!off && !c->data_end && !r->holes) {
			got = keep_place(r, e, buf, len);
			if (got <= 0)
				return got;
		}
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
	if (!err && !e->file.extent)
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
	r->holes = archive_entry_sparse_reset(ae) > 0;
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

/* Content that stays in its file is read when the image is written. */
static int keep_open(struct tar_archive *a, int fd)
{
	if (fd < 0 || fstat(fd, &a->st) || !S_ISREG(a->st.st_mode))
		return 0;
	a->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (a->fd >= 0)
		return 0;
	daxfs_tool_error("%s: cannot be kept open: %s; raise the limit of open "
			 "files", a->name, strerror(errno));
	return -1;
}

int tar_archive_unchanged(const struct tar_archive *a)
{
	struct stat st;

	if (a->fd < 0 || !a->placed)
		return 0;
	if (!fstat(a->fd, &st) && st.st_size == a->st.st_size &&
	    st.st_mtim.tv_sec == a->st.st_mtim.tv_sec &&
	    st.st_mtim.tv_nsec == a->st.st_mtim.tv_nsec &&
	    st.st_ctim.tv_sec == a->st.st_ctim.tv_sec &&
	    st.st_ctim.tv_nsec == a->st.st_ctim.tv_nsec)
		return 0;
	daxfs_tool_error("%s: changed while it was read; try again when nobody "
			 "writes to it", a->name);
	return -1;
}

int tar_archive_read(struct tar_archive *a, const char *name, int fd,
		     const struct daxfs_tree_file *file)
{
	struct reading r = { .a = a };
	int err;

	memset(a, 0, sizeof(*a));
	a->name = name;
	a->spool.fd = a->fd = -1;
	if (keep_open(a, fd) || tar_spool_open(&a->spool))
		return -1;
	r.ar = archive_read_new();
	if (!r.ar)
		return tar_no_memory(a);
	if (tar_stream_open(&r.stream, fd, file) ||
	    archive_read_support_format_tar(r.ar) ||
	    archive_read_open2(r.ar, &r, NULL, give, skip, NULL))
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
	if (a->fd >= 0)
		close(a->fd);
	a->fd = -1;
	daxfs_arena_free(&a->arena);
	free(a->entry);
	a->entry = NULL;
}
