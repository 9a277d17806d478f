// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Handlers of extended attributes.
 *
 * Notes: the kernel checks who may do it, and enforces access control lists that
 * it gets from here. It says if setfacl(1) is to clear the set-group-ID bit,
 * because its caller is outside the group (raw.c).
 */
#include <stdlib.h>

#include "server.h"

struct answer {			/* to a request that wants bytes, or their number */
	void *buf;
	size_t size;
};

static int answer_begin(fuse_req_t req, struct answer *a, size_t size)
{
	a->size = size;
	a->buf = size ? malloc(size) : NULL;
	if (!size || a->buf)
		return 0;
	fuse_reply_err(req, ENOMEM);
	return -ENOMEM;
}

static void answer_end(fuse_req_t req, struct answer *a, fuse_ino_t node, s64 r)
{
	struct daxfs_server *s = daxfs_server_of(req);

	if (r < 0)
		daxfs_reply_status(req, daxfs_stale(s, node, r));
	else if (!a->size)
		fuse_reply_xattr(req, (size_t)r);
	else
		fuse_reply_buf(req, a->buf, (size_t)r);
	free(a->buf);
}

void daxfs_op_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name,
		       size_t size)
{
	struct daxfs_server *s = daxfs_server_of(req);
	struct daxfs_cx *cx;
	struct answer a;
	s64 r;

	if (size > DAXFS_XATTR_VALUE_MAX)
		size = DAXFS_XATTR_VALUE_MAX;
	if (answer_begin(req, &a, size))
		return;
	cx = daxfs_begin(s);
	r = daxfs_getxattr(cx, daxfs_ino_of(ino), name, (u32)strlen(name), a.buf,
			   a.size);
	answer_end(req, &a, ino, daxfs_end(s, cx, r));
}

void daxfs_op_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
	struct daxfs_server *s = daxfs_server_of(req);
	int trusted = !fuse_req_ctx(req)->uid;
	struct daxfs_cx *cx;
	struct answer a;
	s64 r;

	if (size > DAXFS_XATTR_LIST_MAX)
		size = DAXFS_XATTR_LIST_MAX;
	if (answer_begin(req, &a, size))
		return;
	cx = daxfs_begin(s);
	r = daxfs_listxattr(cx, daxfs_ino_of(ino), a.buf, a.size, trusted);
	answer_end(req, &a, ino, daxfs_end(s, cx, r));
}

void daxfs_op_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name,
		       const char *value, size_t size, int flags)
{
	struct daxfs_server *s = daxfs_server_of(req);
	struct daxfs_cx *cx = daxfs_begin(s);
	u32 how = (u32)flags & (DAXFS_XATTR_CREATE | DAXFS_XATTR_REPLACE);
	s64 r = -EINVAL;

	if (how == (u32)flags) {
		if (daxfs_request()->drop_sgid)
			how |= DAXFS_XATTR_KILL_SGID;
		r = daxfs_setxattr(cx, daxfs_ino_of(ino), name,
				   (u32)strlen(name), value, size, how);
	}
	r = daxfs_end(s, cx, r);
	daxfs_reply_status(req, r < 0 ? daxfs_stale(s, ino, r) : 0);
}

void daxfs_op_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name)
{
	struct daxfs_server *s = daxfs_server_of(req);
	struct daxfs_cx *cx = daxfs_begin(s);
	s64 r = daxfs_removexattr(cx, daxfs_ino_of(ino), name,
				  (u32)strlen(name));

	r = daxfs_end(s, cx, r);
	daxfs_reply_status(req, r < 0 ? daxfs_stale(s, ino, r) : 0);
}
