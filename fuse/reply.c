// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Replies: attributes and errors of the core as FUSE wants them.
 *
 * Notes: a context is given back before the reply, so that a slow reader of
 * replies holds nothing; only reads of content keep theirs (file.c).
 */
#include <linux/stat.h>
#include <sys/sysmacros.h>

#include "server.h"

struct daxfs_cx *daxfs_begin(struct daxfs_server *s)
{
	return daxfs_cx_get(s->m);
}

s64 daxfs_end(struct daxfs_server *s, struct daxfs_cx *cx, s64 r)
{
	daxfs_cx_put(s->m, cx);
	return daxfs_mount_result(s->m, r);
}

s64 daxfs_stale(struct daxfs_server *s, fuse_ino_t node, s64 r)
{
	if (r != -ENOENT || (node & DAXFS_NODE_DIR) || node == FUSE_ROOT_ID)
		return r;
	daxfs_grace_begin(&s->grace);
	return -ESTALE;
}

void daxfs_reply_status(fuse_req_t req, s64 r)
{
	fuse_reply_err(req, r < 0 ? (int)-r : 0);
}

static struct timespec time_of(u64 ns)
{
	const s64 second = 1000000000;
	s64 t = (s64)ns, rest = t % second;

	/* Before 1970 the rest must count up all the same. */
	if (rest < 0)
		rest += second;
	return (struct timespec){ .tv_sec = (t - rest) / second,
				  .tv_nsec = rest };
}

void daxfs_fill_stat(struct stat *out, const struct daxfs_stat *st)
{
	memset(out, 0, sizeof(*out));
	out->st_ino = st->ino;
	out->st_mode = st->mode;
	out->st_nlink = st->nlink;
	out->st_uid = st->uid;
	out->st_gid = st->gid;
	out->st_rdev = st->rdev;
	out->st_size = (off_t)st->size;
	out->st_blocks = (blkcnt_t)st->blocks;
	out->st_blksize = DAXFS_PAGE_SIZE;
	out->st_atim = time_of(st->atime_ns);
	out->st_mtim = time_of(st->mtime_ns);
	out->st_ctim = time_of(st->ctime_ns);
}

void daxfs_fill_entry(struct daxfs_server *s, struct fuse_entry_param *e,
		      const struct daxfs_stat *st)
{
	memset(e, 0, sizeof(*e));
	e->ino = st->ino;
	if (S_ISDIR(st->mode) && st->ino != FUSE_ROOT_ID)
		e->ino |= DAXFS_NODE_DIR;
	e->generation = st->generation;
	e->attr_timeout = s->timeout;
	e->entry_timeout = s->timeout;
	daxfs_fill_stat(&e->attr, st);
}

void daxfs_reply_attr(fuse_req_t req, fuse_ino_t node, s64 r,
		      const struct daxfs_stat *st)
{
	struct daxfs_server *s = daxfs_server_of(req);
	struct stat out;

	if (r < 0) {
		daxfs_reply_status(req, daxfs_stale(s, node, r));
		return;
	}
	daxfs_fill_stat(&out, st);
	fuse_reply_attr(req, &out, s->timeout);
}

static void fill_time(struct daxfs_raw_time *out, u64 ns)
{
	struct timespec t = time_of(ns);

	out->sec = t.tv_sec;
	out->nsec = (u32)t.tv_nsec;
}

static void fill_statx(struct daxfs_raw_statx_out *out,
		       const struct daxfs_stat *st)
{
	out->mask = STATX_BASIC_STATS | STATX_BTIME;
	out->blksize = DAXFS_PAGE_SIZE;
	out->nlink = st->nlink;
	out->uid = st->uid;
	out->gid = st->gid;
	out->mode = (u16)st->mode;
	out->ino = st->ino;
	out->size = st->size;
	out->blocks = st->blocks;
	fill_time(&out->atime, st->atime_ns);
	fill_time(&out->btime, st->btime_ns);
	fill_time(&out->ctime, st->ctime_ns);
	fill_time(&out->mtime, st->mtime_ns);
	out->rdev_major = major(st->rdev);
	out->rdev_minor = minor(st->rdev);
}

void daxfs_reply_getattr(fuse_req_t req, u64 statx, fuse_ino_t node, s64 r,
			 const struct daxfs_stat *st)
{
	struct daxfs_server *s = daxfs_server_of(req);
	struct daxfs_raw_statx_out out = { .attr_valid = (u64)s->timeout };

	if (r < 0 || !statx) {
		daxfs_reply_attr(req, node, r, st);
		return;
	}
	fill_statx(&out, st);
	daxfs_session_reply(&s->session, statx, &out, sizeof(out));
	fuse_reply_none(req);
}

void daxfs_reply_name(fuse_req_t req, s64 r, const struct daxfs_stat *st)
{
	struct daxfs_server *s = daxfs_server_of(req);
	struct fuse_entry_param e;

	if (r < 0) {
		daxfs_reply_status(req, r);
		return;
	}
	daxfs_fill_entry(s, &e, st);
	fuse_reply_entry(req, &e);
}
