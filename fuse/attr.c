// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Handlers of attributes: getattr, setattr with truncation, statfs.
 *
 * Notes: times are set from the clock that writes use too, so that "now" is
 * never later than a write that follows.
 */
#include <sys/statvfs.h>

#include "server.h"

void daxfs_op_getattr(fuse_req_t req, fuse_ino_t ino,
		      struct fuse_file_info *fi)
{
	const struct daxfs_request *raw = daxfs_request();
	u64 statx = raw->statx ? raw->unique : 0;
	struct daxfs_server *s = daxfs_server_of(req);
	struct daxfs_cx *cx = daxfs_begin(s);
	struct daxfs_node *node;
	struct daxfs_stat st;
	s64 r;

	(void)fi;	/* there is one node per inode */
	r = daxfs_node_getattr(&s->nodes, cx, daxfs_ino_of(ino), &st, &node);
	if (r == -EAGAIN) {
		daxfs_end(s, cx, 0);
		daxfs_notifier_add(s, req, statx, node);
		return;
	}
	daxfs_reply_getattr(req, statx, ino, daxfs_end(s, cx, r), &st);
}

/* From 1677 to 2262; what is beyond becomes the nearest, as in the kernel. */
static u64 ns_of(const struct timespec *t)
{
	const s64 second = 1000000000, last = INT64_MAX / second;

	if (t->tv_sec >= last)
		return (u64)(last * second);
	if (t->tv_sec <= -last)
		return (u64)(-last * second);
	return (u64)(t->tv_sec * second + t->tv_nsec);
}

static void set_times(struct daxfs_setattr *sa, const struct stat *attr,
		      int to_set)
{
	u64 now = port_now_ns();

	if (to_set & FUSE_SET_ATTR_ATIME) {
		sa->set |= DAXFS_SET_ATIME;
		sa->atime_ns = to_set & FUSE_SET_ATTR_ATIME_NOW ?
			       now : ns_of(&attr->st_atim);
	}
	if (to_set & FUSE_SET_ATTR_MTIME) {
		sa->set |= DAXFS_SET_MTIME;
		sa->mtime_ns = to_set & FUSE_SET_ATTR_MTIME_NOW ?
			       now : ns_of(&attr->st_mtim);
	}
}

static void set_owner(struct daxfs_setattr *sa, const struct stat *attr,
		      int to_set)
{
	if (to_set & FUSE_SET_ATTR_MODE) {
		sa->set |= DAXFS_SET_MODE;
		sa->mode = attr->st_mode & 07777;
	}
	if (to_set & FUSE_SET_ATTR_UID) {
		sa->set |= DAXFS_SET_UID;
		sa->uid = attr->st_uid;
	}
	if (to_set & FUSE_SET_ATTR_GID) {
		sa->set |= DAXFS_SET_GID;
		sa->gid = attr->st_gid;
	}
}

/* A file must be held while it is cut; an open one is. */
static int cut(struct daxfs_server *s, struct daxfs_cx *cx, u64 ino, u64 size)
{
	struct daxfs_node *node;
	int keep, r;

	r = daxfs_node_open(&s->nodes, cx, ino, &node, &keep);
	if (r)
		return r;
	r = daxfs_cut(s, cx, node, size);
	daxfs_node_close(&s->nodes, cx, node);
	return r;
}

void daxfs_op_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr,
		      int to_set, struct fuse_file_info *fi)
{
	struct daxfs_server *s = daxfs_server_of(req);
	struct daxfs_cx *cx = daxfs_begin(s);
	struct daxfs_setattr sa = { .set = 0 };
	struct daxfs_stat st;
	s64 r = 0;

	(void)fi;
	set_owner(&sa, attr, to_set);
	set_times(&sa, attr, to_set);
	if (daxfs_request()->drop_ids && (sa.set & (DAXFS_SET_UID | DAXFS_SET_GID)))
		sa.set |= DAXFS_SET_DROP_IDS;
	if (to_set & FUSE_SET_ATTR_SIZE)
		r = cut(s, cx, ino, (u64)attr->st_size);
	if (!r && (sa.set || !(to_set & FUSE_SET_ATTR_SIZE)))
		r = daxfs_setattr(cx, daxfs_ino_of(ino), &sa, &st);
	else if (!r)
		r = daxfs_getattr(cx, ino, &st);
	if (!r)
		daxfs_node_told(&s->nodes, cx, &st);
	daxfs_reply_attr(req, ino, daxfs_end(s, cx, r), &st);
}

void daxfs_note_access(struct daxfs_server *s, struct daxfs_cx *cx,
		       struct daxfs_file *f)
{
	if (s->atime != DAXFS_ATIME_OFF)
		daxfs_accessed(cx, f, s->atime == DAXFS_ATIME_STRICT);
}

void daxfs_op_statfs(fuse_req_t req, fuse_ino_t ino)
{
	struct daxfs_server *s = daxfs_server_of(req);
	struct daxfs_cx *cx = daxfs_begin(s);
	struct daxfs_statfs st;
	struct statvfs out;
	s64 r = daxfs_branch_check(s, cx);

	(void)ino;
	if (!r)
		r = daxfs_statfs(cx, &st);
	r = daxfs_end(s, cx, r);
	if (r < 0) {
		daxfs_reply_status(req, r);
		return;
	}
	memset(&out, 0, sizeof(out));
	out.f_bsize = st.page_size;
	out.f_frsize = st.page_size;
	out.f_blocks = st.pages;
	out.f_bfree = st.pages_free;
	out.f_bavail = st.pages_avail;
	out.f_files = st.inodes + st.inodes_free;
	out.f_ffree = st.inodes_free;
	out.f_favail = st.inodes_free;
	out.f_namemax = DAXFS_NAME_MAX;
	fuse_reply_statfs(req, &out);
}
