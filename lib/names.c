// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Public API: what works on names: make, remove, move, link, look.
 *
 * Notes: each function walks to the parent and then calls the core once, so
 * it is as atomic as the core's operation.
 */
#define _GNU_SOURCE	/* AT_EMPTY_PATH */
#include <sys/sysmacros.h>

#include "api.h"

static u32 walk_how(int flags)
{
	return flags & AT_SYMLINK_NOFOLLOW ? 0 : DAXFS_WALK_FOLLOW;
}

int daxfs_fs_stat(struct daxfs *fs, struct daxfs_fd *dir, const char *path,
		  struct stat *st, int flags)
{
	struct daxfs_walk w;
	struct daxfs_cx *cx;
	int r;

	if (flags & ~AT_SYMLINK_NOFOLLOW)
		return -EINVAL;
	r = daxfs_api_begin(fs, &cx);
	if (r)
		return r;
	r = daxfs_walk(cx, daxfs_api_start(dir), path, walk_how(flags), &w);
	r = (int)daxfs_api_end(fs, cx, r);
	if (!r)
		daxfs_api_stat(fs, &w.st, st);
	return r;
}

ssize_t daxfs_fs_readlink(struct daxfs *fs, struct daxfs_fd *dir,
			  const char *path, char *buf, size_t len)
{
	struct daxfs_walk w;
	struct daxfs_cx *cx;
	s64 r = daxfs_api_begin(fs, &cx);

	if (r)
		return r;
	r = daxfs_walk(cx, daxfs_api_start(dir), path, 0, &w);
	if (!r)
		r = daxfs_readlink(cx, w.st.ino, buf, len);
	return daxfs_api_end(fs, cx, r);
}

/* Walk to the place of a new name. dir_ok: a directory may be made there. */
static int new_place(struct daxfs_cx *cx, struct daxfs_fd *dir, const char *path,
		     int dir_ok, struct daxfs_walk *w)
{
	int r = daxfs_walk(cx, daxfs_api_start(dir), path, DAXFS_WALK_PARENT, w);

	if (r)
		return r;
	if (daxfs_walk_is_dots(w))
		return -EEXIST;
	if (!w->slash || dir_ok)
		return 0;
	r = daxfs_lookup(cx, w->dir, w->name, w->len, &w->st);
	return r ? r : -EEXIST;
}

static int make(struct daxfs *fs, struct daxfs_fd *dir, const char *path,
		struct daxfs_new *what)
{
	struct daxfs_walk w;
	struct daxfs_cx *cx;
	int r = daxfs_api_begin_write(fs, &cx);

	if (r)
		return r;
	what->uid = fs->uid;
	what->gid = fs->gid;
	r = new_place(cx, dir, path, S_ISDIR(what->mode), &w);
	if (!r)
		r = daxfs_create(cx, w.dir, w.name, w.len, what, &w.st);
	return (int)daxfs_api_end(fs, cx, r);
}

int daxfs_fs_mkdir(struct daxfs *fs, struct daxfs_fd *dir, const char *path,
		   mode_t mode)
{
	struct daxfs_new what = { .mode = S_IFDIR | (mode & 07777) };

	return make(fs, dir, path, &what);
}

/* As Linux's new_encode_dev(). */
static u32 encode_dev(dev_t dev)
{
	u32 ma = major(dev), mi = minor(dev);

	return (mi & 0xff) | (ma << 8) | ((mi & ~0xffu) << 12);
}

int daxfs_fs_mknod(struct daxfs *fs, struct daxfs_fd *dir, const char *path,
		   mode_t mode, dev_t dev)
{
	struct daxfs_new what = { .mode = mode & (S_IFMT | 07777) };

	switch (mode & S_IFMT) {
	case 0:
		what.mode |= S_IFREG;
		break;
	case S_IFREG:
	case S_IFIFO:
	case S_IFSOCK:
		break;
	case S_IFCHR:
	case S_IFBLK:
		if (major(dev) > 0xfff || minor(dev) > 0xfffff)
			return -EINVAL;
		what.rdev = encode_dev(dev);
		break;
	default:
		return -EINVAL;
	}
	return make(fs, dir, path, &what);
}

int daxfs_fs_symlink(struct daxfs *fs, const char *target,
		     struct daxfs_fd *dir, const char *path)
{
	struct daxfs_new what = { .mode = S_IFLNK | 0777, .target = target };
	size_t len = strlen(target);

	if (!len)
		return -ENOENT;
	if (len > DAXFS_TARGET_MAX)
		return -ENAMETOOLONG;
	what.target_len = (u32)len;
	return make(fs, dir, path, &what);
}

int daxfs_fs_link(struct daxfs *fs, struct daxfs_fd *dir, const char *path,
		  struct daxfs_fd *new_dir, const char *new_path, int flags)
{
	u32 how = flags & AT_SYMLINK_FOLLOW ? DAXFS_WALK_FOLLOW : 0;
	struct daxfs_walk from, to;
	struct daxfs_cx *cx;
	int r;

	if (flags & ~(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	r = daxfs_api_begin_write(fs, &cx);
	if (r)
		return r;
	if (flags & AT_EMPTY_PATH && !*path)
		from.st.ino = daxfs_api_start(dir);
	else
		r = daxfs_walk(cx, daxfs_api_start(dir), path, how, &from);
	if (!r)
		r = new_place(cx, new_dir, new_path, 0, &to);
	if (!r)
		r = daxfs_link(cx, from.st.ino, to.dir, to.name, to.len, &to.st);
	return (int)daxfs_api_end(fs, cx, r);
}

/* A slash behind a name says that it is a directory. */
static int check_slash(struct daxfs_cx *cx, struct daxfs_walk *w)
{
	int r;

	if (!w->slash)
		return 0;
	r = daxfs_lookup(cx, w->dir, w->name, w->len, &w->st);
	return r ? r : S_ISDIR(w->st.mode) ? 0 : -ENOTDIR;
}

static int unlink_at(struct daxfs_cx *cx, struct daxfs_walk *w)
{
	int r = daxfs_walk_is_dots(w) ? -EISDIR : check_slash(cx, w);

	return r ? r : daxfs_unlink(cx, w->dir, w->name, w->len);
}

static int rmdir_at(struct daxfs_cx *cx, struct daxfs_walk *w)
{
	return daxfs_rmdir(cx, w->dir, w->name, w->len);
}

static int remove_name(struct daxfs *fs, struct daxfs_fd *dir, const char *path,
		       int (*how)(struct daxfs_cx *cx, struct daxfs_walk *w))
{
	struct daxfs_walk w;
	struct daxfs_cx *cx;
	int r = daxfs_api_begin_write(fs, &cx);

	if (r)
		return r;
	r = daxfs_walk(cx, daxfs_api_start(dir), path, DAXFS_WALK_PARENT, &w);
	if (!r)
		r = how(cx, &w);
	return (int)daxfs_api_end(fs, cx, r);
}

int daxfs_fs_unlink(struct daxfs *fs, struct daxfs_fd *dir, const char *path)
{
	return remove_name(fs, dir, path, unlink_at);
}

int daxfs_fs_rmdir(struct daxfs *fs, struct daxfs_fd *dir, const char *path)
{
	if (*path && !path[strspn(path, "/")])
		return fs->m->rdonly ? -EROFS : -EBUSY;
	return remove_name(fs, dir, path, rmdir_at);
}

_Static_assert(DAXFS_FS_NOREPLACE == DAXFS_RENAME_NOREPLACE &&
	       DAXFS_FS_EXCHANGE == DAXFS_RENAME_EXCHANGE &&
	       DAXFS_FS_WHITEOUT == DAXFS_RENAME_WHITEOUT,
	       "both are those of renameat2()");

static int rename_at(struct daxfs *fs, struct daxfs_cx *cx,
		     struct daxfs_walk *from, struct daxfs_walk *to, u32 flags)
{
	int r;

	if (daxfs_walk_is_dots(from) || daxfs_walk_is_dots(to))
		return -EBUSY;
	r = check_slash(cx, from);
	/* A directory may get a name with a slash, old or new. */
	if (!r && to->slash && !from->slash && !(flags & DAXFS_FS_EXCHANGE)) {
		from->slash = 1;
		r = check_slash(cx, from);
	}
	if (!r && flags & DAXFS_FS_EXCHANGE)
		r = check_slash(cx, to);
	return r ? r : daxfs_rename_as(cx, from->dir, from->name, from->len,
				       to->dir, to->name, to->len, flags,
				       fs->uid, fs->gid);
}

int daxfs_fs_rename(struct daxfs *fs, struct daxfs_fd *dir, const char *path,
		    struct daxfs_fd *new_dir, const char *new_path,
		    unsigned int flags)
{
	struct daxfs_walk from, to;
	struct daxfs_cx *cx;
	int r;

	if (flags & ~(DAXFS_FS_NOREPLACE | DAXFS_FS_EXCHANGE |
		      DAXFS_FS_WHITEOUT))
		return -EINVAL;
	r = daxfs_api_begin_write(fs, &cx);
	if (r)
		return r;
	r = daxfs_walk(cx, daxfs_api_start(dir), path, DAXFS_WALK_PARENT, &from);
	if (!r)
		r = daxfs_walk(cx, daxfs_api_start(new_dir), new_path,
			       DAXFS_WALK_PARENT, &to);
	if (!r)
		r = rename_at(fs, cx, &from, &to, flags);
	return (int)daxfs_api_end(fs, cx, r);
}
