// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Handlers of directories: open, list, close.
 *
 * Notes: an open directory is held, so that one which was removed meanwhile
 * lists as empty instead of failing. Entries with attributes (readdirplus) are
 * for static images alone: elsewhere the kernel may not trust them for any
 * time at all and asks again for each, so that they were measured to gain
 * nothing.
 */
#include <stdlib.h>

#include "server.h"

struct listing {
	fuse_req_t req;
	struct daxfs_cx *cx;
	int plus;
	char *buf;
	size_t len, size;
};

static struct daxfs_held *held_of(const struct fuse_file_info *fi)
{
	return (struct daxfs_held *)(uintptr_t)fi->fh;
}

void daxfs_op_opendir(fuse_req_t req, fuse_ino_t ino,
		      struct fuse_file_info *fi)
{
	struct daxfs_server *s = daxfs_server_of(req);
	struct daxfs_cx *cx = daxfs_begin(s);
	struct daxfs_held *held;
	s64 r;

	r = daxfs_end(s, cx, daxfs_hold(s->m, cx, daxfs_ino_of(ino), &held));
	if (r) {
		daxfs_reply_status(req, daxfs_stale(s, ino, r));
		return;
	}
	fi->fh = (uintptr_t)held;
	fi->cache_readdir = s->constant;
	fi->keep_cache = s->constant;
	if (fuse_reply_open(req, fi) == -ENOENT) {
		/* The caller was interrupted: there will be no release. */
		cx = daxfs_begin(s);
		daxfs_unhold(s->m, cx, held);
		daxfs_end(s, cx, 0);
	}
}

void daxfs_op_releasedir(fuse_req_t req, fuse_ino_t ino,
			 struct fuse_file_info *fi)
{
	struct daxfs_server *s = daxfs_server_of(req);
	struct daxfs_cx *cx = daxfs_begin(s);

	(void)ino;
	daxfs_unhold(s->m, cx, held_of(fi));
	daxfs_end(s, cx, 0);
	fuse_reply_err(req, 0);
}

static size_t add_plain(struct listing *l, const struct daxfs_dirent *de)
{
	struct stat st = { .st_ino = de->ino, .st_mode = de->d_type << 12 };

	return fuse_add_direntry(l->req, l->buf + l->len, l->size - l->len,
				 de->name, &st, (off_t)de->next);
}

static size_t add_plus(struct listing *l, const struct daxfs_dirent *de)
{
	struct fuse_entry_param e = { .ino = 0 };
	struct daxfs_stat st;
	int dots = de->name[0] == '.' && (!de->name[1] ||
		   (de->name[1] == '.' && !de->name[2]));

	/* Number 0: the entry without attributes; the kernel will look it up. */
	e.attr.st_ino = de->ino;
	e.attr.st_mode = de->d_type << 12;
	if (!dots && !daxfs_getattr(l->cx, de->ino, &st))
		daxfs_fill_entry(daxfs_server_of(l->req), &e, &st);
	return fuse_add_direntry_plus(l->req, l->buf + l->len, l->size - l->len,
				      de->name, &e, (off_t)de->next);
}

static int emit(void *arg, const struct daxfs_dirent *de)
{
	struct listing *l = arg;
	size_t n = l->plus ? add_plus(l, de) : add_plain(l, de);

	if (n > l->size - l->len)
		return 1;
	l->len += n;
	return 0;
}

static void list(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		 struct daxfs_held *held, int plus)
{
	struct daxfs_server *s = daxfs_server_of(req);
	struct listing l = { .req = req, .plus = plus, .size = size };
	s64 r;

	l.buf = malloc(size);
	if (!l.buf) {
		fuse_reply_err(req, ENOMEM);
		return;
	}
	l.cx = daxfs_begin(s);
	r = daxfs_readdir(l.cx, daxfs_ino_of(ino), (u64)off, emit, &l);
	if (r >= 0)
		daxfs_note_access(s, l.cx, &held->file);
	r = daxfs_end(s, l.cx, r);
	if (r < 0)
		daxfs_reply_status(req, r);
	else
		fuse_reply_buf(req, l.buf, l.len);
	free(l.buf);
}

void daxfs_op_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		      struct fuse_file_info *fi)
{
	list(req, ino, size, off, held_of(fi), 0);
}

void daxfs_op_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size,
			  off_t off, struct fuse_file_info *fi)
{
	list(req, ino, size, off, held_of(fi), 1);
}

void daxfs_op_fsyncdir(fuse_req_t req, fuse_ino_t ino, int datasync,
		       struct fuse_file_info *fi)
{
	struct daxfs_server *s = daxfs_server_of(req);
	struct daxfs_cx *cx = daxfs_begin(s);
	s64 r = daxfs_branch_check(s, cx);

	(void)ino;
	(void)datasync;
	if (!r)
		r = daxfs_fsync(cx, &held_of(fi)->file);
	daxfs_reply_status(req, daxfs_end(s, cx, r));
}
