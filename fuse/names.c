// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Handlers of names: lookup, making, linking, renaming, removing.
 *
 * Notes: the kernel has checked permissions (default_permissions) against
 * attributes that it asked for just now. The umask is left to the core, which
 * knows whether a default access control list of the directory rules instead.
 */
#include "server.h"

#define LOOKUP_TRIES	100

static u32 len_of(const char *name)
{
	return (u32)strlen(name);
}

/* In times of grace what was found is held; try again if it was too late. */
static int look_up(struct daxfs_server *s, struct daxfs_cx *cx, u64 dir,
		   const char *name, struct daxfs_stat *st)
{
	int i, r;

	for (i = 0; i < LOOKUP_TRIES; i++) {
		r = daxfs_lookup(cx, dir, name, len_of(name), st);
		if (r || S_ISDIR(st->mode) || !daxfs_grace_on(&s->grace) ||
		    daxfs_grace_hold(&s->grace, cx, st->ino) != -ENOENT)
			return r;
	}
	return 0;
}

void daxfs_op_lookup(fuse_req_t req, fuse_ino_t dir, const char *name)
{
	struct daxfs_server *s = daxfs_server_of(req);
	struct daxfs_cx *cx = daxfs_begin(s);
	struct fuse_entry_param none = { .entry_timeout = s->timeout };
	struct daxfs_stat st;
	s64 r;

	r = look_up(s, cx, daxfs_ino_of(dir), name, &st);
	if (!r)
		daxfs_node_looked(&s->nodes, cx, &st);
	r = daxfs_end(s, cx, r);
	if (r == -ENOENT && s->constant)
		fuse_reply_entry(req, &none);	/* and will never be there */
	else
		daxfs_reply_name(req, r, &st);
}

static void make(fuse_req_t req, fuse_ino_t dir, const char *name,
		 struct daxfs_new *what)
{
	const struct fuse_ctx *who = fuse_req_ctx(req);
	struct daxfs_server *s = daxfs_server_of(req);
	struct daxfs_cx *cx = daxfs_begin(s);
	struct daxfs_stat st;
	s64 r;

	what->uid = who->uid;
	what->gid = who->gid;
	what->umask = who->umask;
	r = daxfs_create(cx, daxfs_ino_of(dir), name, len_of(name), what, &st);
	daxfs_reply_name(req, daxfs_end(s, cx, r), &st);
}

void daxfs_op_mknod(fuse_req_t req, fuse_ino_t dir, const char *name,
		    mode_t mode, dev_t rdev)
{
	struct daxfs_new what = { .mode = mode, .rdev = (u32)rdev };

	make(req, dir, name, &what);
}

void daxfs_op_mkdir(fuse_req_t req, fuse_ino_t dir, const char *name,
		    mode_t mode)
{
	struct daxfs_new what = { .mode = S_IFDIR | (mode & 07777) };

	make(req, dir, name, &what);
}

void daxfs_op_symlink(fuse_req_t req, const char *target, fuse_ino_t dir,
		      const char *name)
{
	struct daxfs_new what = { .mode = S_IFLNK | 0777, .target = target,
				  .target_len = len_of(target) };

	make(req, dir, name, &what);
}

void daxfs_op_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t dir,
		   const char *name)
{
	struct daxfs_server *s = daxfs_server_of(req);
	struct daxfs_cx *cx = daxfs_begin(s);
	struct daxfs_stat st;
	s64 r = daxfs_link(cx, ino, daxfs_ino_of(dir), name, len_of(name), &st);

	if (!r)
		daxfs_node_looked(&s->nodes, cx, &st);
	daxfs_reply_name(req, daxfs_end(s, cx, r), &st);
}

void daxfs_op_unlink(fuse_req_t req, fuse_ino_t dir, const char *name)
{
	struct daxfs_server *s = daxfs_server_of(req);
	struct daxfs_cx *cx = daxfs_begin(s);
	s64 r = daxfs_unlink(cx, daxfs_ino_of(dir), name, len_of(name));

	daxfs_reply_status(req, daxfs_end(s, cx, r));
}

void daxfs_op_rmdir(fuse_req_t req, fuse_ino_t dir, const char *name)
{
	struct daxfs_server *s = daxfs_server_of(req);
	struct daxfs_cx *cx = daxfs_begin(s);
	s64 r = daxfs_rmdir(cx, daxfs_ino_of(dir), name, len_of(name));

	daxfs_reply_status(req, daxfs_end(s, cx, r));
}

void daxfs_op_rename(fuse_req_t req, fuse_ino_t dir, const char *name,
		     fuse_ino_t dir2, const char *name2, unsigned int flags)
{
	const struct fuse_ctx *who = fuse_req_ctx(req);	/* of a whiteout */
	struct daxfs_server *s = daxfs_server_of(req);
	struct daxfs_cx *cx = daxfs_begin(s);
	s64 r = daxfs_rename_as(cx, daxfs_ino_of(dir), name, len_of(name),
				daxfs_ino_of(dir2), name2, len_of(name2),
				flags, who->uid, who->gid);

	daxfs_reply_status(req, daxfs_end(s, cx, r));
}

void daxfs_op_readlink(fuse_req_t req, fuse_ino_t ino)
{
	struct daxfs_server *s = daxfs_server_of(req);
	struct daxfs_cx *cx = daxfs_begin(s);
	struct daxfs_file link = { .ino = ino };
	char target[DAXFS_TARGET_MAX + 1];
	s64 r = daxfs_readlink(cx, ino, target, DAXFS_TARGET_MAX);

	if (r >= 0)
		daxfs_note_access(s, cx, &link);
	r = daxfs_end(s, cx, r);
	if (r < 0) {
		daxfs_reply_status(req, daxfs_stale(s, ino, r));
		return;
	}
	target[r] = '\0';
	fuse_reply_readlink(req, target);
}
