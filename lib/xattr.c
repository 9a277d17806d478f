// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Public API: extended attributes, by path and of open files.
 *
 * Notes: one core call each. Whoever has the region may read all of it, so
 * lists show every namespace.
 */
#include "api.h"

struct what {			/* is asked for */
	const char *name;
	void *buf;		/* get and list: goes here */
	const void *value;	/* set */
	size_t size;
	int how;
};

typedef s64 xattr_fn(struct daxfs_cx *cx, u64 ino, const struct what *a);

static u32 len_of(const char *name)
{
	size_t len = strlen(name);

	return len > DAXFS_XATTR_NAME_MAX ? DAXFS_XATTR_NAME_MAX + 1 : (u32)len;
}

static s64 get(struct daxfs_cx *cx, u64 ino, const struct what *a)
{
	return daxfs_getxattr(cx, ino, a->name, len_of(a->name), a->buf, a->size);
}

static s64 list(struct daxfs_cx *cx, u64 ino, const struct what *a)
{
	return daxfs_listxattr(cx, ino, a->buf, a->size, 1);
}

static s64 set(struct daxfs_cx *cx, u64 ino, const struct what *a)
{
	if (a->how & ~(int)(DAXFS_XATTR_CREATE | DAXFS_XATTR_REPLACE))
		return -EINVAL;
	return daxfs_setxattr(cx, ino, a->name, len_of(a->name), a->value,
			      a->size, (u32)a->how);
}

static s64 remove_it(struct daxfs_cx *cx, u64 ino, const struct what *a)
{
	return daxfs_removexattr(cx, ino, a->name, len_of(a->name));
}

static s64 by_path(struct daxfs *fs, struct daxfs_fd *dir, const char *path,
		   int flags, xattr_fn *fn, const struct what *a)
{
	u32 how = flags & AT_SYMLINK_NOFOLLOW ? 0 : DAXFS_WALK_FOLLOW;
	struct daxfs_walk w;
	struct daxfs_cx *cx;
	s64 r;

	if (flags & ~AT_SYMLINK_NOFOLLOW)
		return -EINVAL;
	r = fn == set || fn == remove_it ? daxfs_api_begin_write(fs, &cx) :
	    daxfs_api_begin(fs, &cx);
	if (r)
		return r;
	r = daxfs_walk(cx, daxfs_api_start(dir), path, how, &w);
	if (!r)
		r = fn(cx, w.st.ino, a);
	return daxfs_api_end(fs, cx, r);
}

static s64 by_fd(struct daxfs_fd *fd, xattr_fn *fn, const struct what *a)
{
	struct daxfs_cx *cx;
	s64 r = fn == set || fn == remove_it ?
		daxfs_api_begin_write(fd->fs, &cx) : daxfs_api_begin(fd->fs, &cx);

	return r ? r : daxfs_api_end(fd->fs, cx,
				     fn(cx, fd->held->file.ino, a));
}

ssize_t daxfs_fs_getxattr(struct daxfs *fs, struct daxfs_fd *dir,
			  const char *path, const char *name, void *value,
			  size_t size, int flags)
{
	struct what a = { .name = name, .buf = value, .size = size };

	return by_path(fs, dir, path, flags, get, &a);
}

int daxfs_fs_setxattr(struct daxfs *fs, struct daxfs_fd *dir, const char *path,
		      const char *name, const void *value, size_t size, int how,
		      int flags)
{
	struct what a = { .name = name, .value = value, .size = size,
			  .how = how };

	return (int)by_path(fs, dir, path, flags, set, &a);
}

ssize_t daxfs_fs_listxattr(struct daxfs *fs, struct daxfs_fd *dir,
			   const char *path, char *names, size_t size, int flags)
{
	struct what a = { .buf = names, .size = size };

	return by_path(fs, dir, path, flags, list, &a);
}

int daxfs_fs_removexattr(struct daxfs *fs, struct daxfs_fd *dir,
			 const char *path, const char *name, int flags)
{
	struct what a = { .name = name };

	return (int)by_path(fs, dir, path, flags, remove_it, &a);
}

ssize_t daxfs_fd_getxattr(struct daxfs_fd *fd, const char *name, void *value,
			  size_t size)
{
	struct what a = { .name = name, .buf = value, .size = size };

	return by_fd(fd, get, &a);
}

int daxfs_fd_setxattr(struct daxfs_fd *fd, const char *name, const void *value,
		      size_t size, int how)
{
	struct what a = { .name = name, .value = value, .size = size,
			  .how = how };

	return (int)by_fd(fd, set, &a);
}

ssize_t daxfs_fd_listxattr(struct daxfs_fd *fd, char *names, size_t size)
{
	struct what a = { .buf = names, .size = size };

	return by_fd(fd, list, &a);
}

int daxfs_fd_removexattr(struct daxfs_fd *fd, const char *name)
{
	struct what a = { .name = name };

	return (int)by_fd(fd, remove_it, &a);
}
