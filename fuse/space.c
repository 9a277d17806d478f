// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Handlers of space: fallocate, SEEK_DATA and SEEK_HOLE, copy_file_range.
 *
 * Notes: before these requests the kernel writes back what it has of the range,
 * and behind them it drops its pages of what was punched, zeroed or copied to,
 * so they count as writes that are in its pages. It leaves set-id bits to us
 * and does not say whether the caller may keep them: root may.
 */
#define _GNU_SOURCE	/* O_NOATIME, SEEK_DATA */

#include <unistd.h>

#include "content.h"
#include "server.h"

static int drop_ids(fuse_req_t req, struct daxfs_cx *cx, struct daxfs_node *node)
{
	return fuse_req_ctx(req)->uid ? daxfs_drop_ids(cx, &node->held->file) : 0;
}

static s64 allocate(fuse_req_t req, struct daxfs_cx *cx, struct daxfs_node *node,
		    u32 mode, u64 off, u64 len)
{
	struct daxfs_server *s = daxfs_server_of(req);
	s64 r = drop_ids(req, cx, node);

	if (r)
		return r;
	daxfs_node_begin(&s->nodes, node, 1);
	r = daxfs_mount_fallocate(s->m, cx, node->held, mode, off, len);
	if (!r && !(mode & DAXFS_KEEP_SIZE))	/* the kernel's size moves */
		daxfs_node_wrote(&s->nodes, node, off, len, off, 0);
	daxfs_node_end(&s->nodes, node, 1, !r);
	return r;
}

void daxfs_op_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t off,
			off_t len, struct fuse_file_info *fi)
{
	struct daxfs_server *s = daxfs_server_of(req);
	struct daxfs_cx *cx = daxfs_begin(s);
	s64 r = -EINVAL;

	(void)ino;
	if (off >= 0 && len > 0)
		r = allocate(req, cx, daxfs_handle_node(fi), (u32)mode, (u64)off,
			     (u64)len);
	daxfs_reply_status(req, daxfs_end(s, cx, r));
}

void daxfs_op_lseek(fuse_req_t req, fuse_ino_t ino, off_t off, int whence,
		    struct fuse_file_info *fi)
{
	struct daxfs_server *s = daxfs_server_of(req);
	struct daxfs_cx *cx = daxfs_begin(s);
	s64 r = -EINVAL;

	(void)ino;
	if (whence == SEEK_DATA || whence == SEEK_HOLE)
		r = daxfs_seek(cx, &daxfs_handle_node(fi)->held->file, (u64)off,
			       whence == SEEK_HOLE);
	r = daxfs_end(s, cx, r);
	if (r < 0)
		daxfs_reply_status(req, r);
	else
		fuse_reply_lseek(req, (off_t)r);
}

static s64 copy(fuse_req_t req, struct daxfs_cx *cx, struct daxfs_node *from,
		u64 off, struct daxfs_node *to, u64 to_off, u64 len)
{
	struct daxfs_server *s = daxfs_server_of(req);
	s64 r = drop_ids(req, cx, to);

	if (r)
		return r;
	daxfs_node_begin(&s->nodes, to, 1);
	r = daxfs_mount_copy(s->m, cx, from->held, off, to->held, to_off, len);
	if (r > 0)
		daxfs_node_wrote(&s->nodes, to, to_off, (u64)r, to_off, 0);
	daxfs_node_end(&s->nodes, to, 1, r > 0);
	return r;
}

void daxfs_op_copy_file_range(fuse_req_t req, fuse_ino_t ino, off_t off,
			      struct fuse_file_info *fi, fuse_ino_t to_ino,
			      off_t to_off, struct fuse_file_info *to_fi,
			      size_t len, int flags)
{
	struct daxfs_server *s = daxfs_server_of(req);
	struct daxfs_cx *cx = daxfs_begin(s);
	struct daxfs_node *from = daxfs_handle_node(fi);
	s64 r = -EINVAL;

	(void)ino;
	(void)to_ino;
	if (!flags && off >= 0 && to_off >= 0)
		r = copy(req, cx, from, (u64)off, daxfs_handle_node(to_fi),
			 (u64)to_off, len);
	if (r > 0 && !(fi->flags & O_NOATIME))
		daxfs_note_access(s, cx, &from->held->file);
	r = daxfs_end(s, cx, r);
	if (r < 0)
		daxfs_reply_status(req, r);
	else
		fuse_reply_write(req, (size_t)r);
}
