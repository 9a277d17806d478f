// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Public API: open files.
 *
 * Notes: an open file is a hold on its inode and the flags it was opened
 * with; it has no position of its own, so threads share it freely.
 */
#define _GNU_SOURCE	/* O_TMPFILE */
#include <stdlib.h>

#include "api.h"
#include "content.h"

#define FLAGS_KNOWN	(O_ACCMODE | O_CREAT | O_EXCL | O_TRUNC | O_APPEND | \
			 O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | \
			 O_TMPFILE)

/* Somebody creates and deletes the name between our looks: 1000 times. */
#define OPEN_TRIES	1000

static int writes(int flags)
{
	return (flags & O_ACCMODE) != O_RDONLY;
}

/* It has a bit of its own, and that of O_DIRECTORY. */
static int is_tmpfile(int flags)
{
	return (flags & O_TMPFILE) == O_TMPFILE;
}

static int check_type(u32 mode, int flags)
{
	if (S_ISLNK(mode))
		return -ELOOP;
	if (S_ISDIR(mode))
		return writes(flags) || flags & (O_CREAT | O_TRUNC) ? -EISDIR : 0;
	if (flags & O_DIRECTORY)
		return -ENOTDIR;
	return S_ISREG(mode) ? 0 : -ENXIO;
}

static struct daxfs_new new_file(const struct daxfs *fs, mode_t mode)
{
	return (struct daxfs_new){ .mode = S_IFREG | (mode & 07777),
				   .uid = fs->uid, .gid = fs->gid };
}

static int create_last(struct daxfs *fs, struct daxfs_cx *cx,
		       struct daxfs_walk *w, mode_t mode)
{
	struct daxfs_new what = new_file(fs, mode);

	if (w->slash)
		return -EISDIR;
	return daxfs_create(cx, w->dir, w->name, w->len, &what, &w->st);
}

/*
 * Look first, for what a symbolic link at the end may lead to. *made: it is
 * new. -EAGAIN: try again.
 */
static int find_then_make(struct daxfs *fs, struct daxfs_cx *cx, u64 start,
			  const char *path, int flags, mode_t mode,
			  struct daxfs_walk *w, int *made)
{
	u32 how = flags & O_NOFOLLOW ? 0 : DAXFS_WALK_FOLLOW;
	int r = daxfs_walk(cx, start, path, how, w);

	if (r != -ENOENT || !w->len || !(flags & O_CREAT))
		return r;
	r = create_last(fs, cx, w, mode);
	*made = !r;
	return r == -EEXIST ? -EAGAIN : r;
}

/*
 * Find or make it. Making says what is there if that fails, so that the name
 * is looked for once.
 */
static int find_or_make(struct daxfs *fs, struct daxfs_cx *cx, u64 start,
			const char *path, int flags, mode_t mode,
			struct daxfs_walk *w, int *made)
{
	int r;

	*made = 0;
	if (!(flags & O_CREAT))
		return find_then_make(fs, cx, start, path, flags, mode, w, made);
	r = daxfs_walk(cx, start, path, DAXFS_WALK_PARENT, w);
	if (r)
		return r;
	if (flags & O_EXCL) {
		r = daxfs_walk_is_dots(w) ? -EEXIST :
		    create_last(fs, cx, w, mode);
		*made = !r;
		return r;
	}
	r = w->slash || daxfs_walk_is_dots(w) ? -EEXIST :
	    create_last(fs, cx, w, mode);
	*made = !r;
	if (r != -EEXIST)
		return r;
	if (!w->slash && !daxfs_walk_is_dots(w) && !S_ISLNK(w->st.mode))
		return 0;
	return find_then_make(fs, cx, start, path, flags, mode, w, made);
}

static int truncate_now(struct daxfs_cx *cx, struct daxfs_held *held)
{
	struct daxfs_file *f = &held->file;
	int r = daxfs_truncate(cx, f, 0);

	return r;
}

/* excl: it can't be given a name. */
static int open_nameless(struct daxfs *fs, struct daxfs_cx *cx,
			 struct daxfs_fd *fd, u64 dir, mode_t mode, int excl)
{
	struct daxfs_new what = new_file(fs, mode);
	struct daxfs_file file;
	int r = daxfs_tmpfile(cx, dir, &what, excl, NULL, &file);

	if (r)
		return r;
	fd->mode = S_IFREG;
	return daxfs_hold_made(fs->m, cx, &file, &fd->held);
}

/* path: the directory. */
static int open_tmpfile(struct daxfs *fs, struct daxfs_cx *cx,
			struct daxfs_fd *fd, u64 start, const char *path,
			mode_t mode)
{
	u32 how = fd->flags & O_NOFOLLOW ? 0 : DAXFS_WALK_FOLLOW;
	struct daxfs_walk w;
	int r = daxfs_walk(cx, start, path, how, &w);

	return r ? r : open_nameless(fs, cx, fd, w.st.ino, mode,
				     fd->flags & O_EXCL);
}

/*
 * What another host deletes before it is held was made all the same, once:
 * the caller gets a file without a name, as if it had been deleted just after.
 */
static int open_once(struct daxfs *fs, struct daxfs_cx *cx, struct daxfs_fd *fd,
		     u64 start, const char *path, mode_t mode)
{
	struct daxfs_walk w;
	int made, r;

	if (is_tmpfile(fd->flags))
		return open_tmpfile(fs, cx, fd, start, path, mode);
	r = find_or_make(fs, cx, start, path, fd->flags, mode, &w, &made);
	if (!r)
		r = check_type(w.st.mode, fd->flags);
	if (r)
		return r;
	r = daxfs_hold(fs->m, cx, w.st.ino, &fd->held);
	if (r == -ENOENT && made)
		return open_nameless(fs, cx, fd, w.dir, mode, 1);
	if (r)		/* deleted since we saw it */
		return r == -ENOENT && fd->flags & O_CREAT ? -EAGAIN : r;
	fd->mode = w.st.mode & S_IFMT;
	if ((fd->flags & O_TRUNC) && !made && w.st.size && S_ISREG(fd->mode))
		r = truncate_now(cx, fd->held);
	if (r)
		daxfs_unhold(fs->m, cx, fd->held);
	return r;
}

static int check_flags(const struct daxfs *fs, int flags)
{
	if (flags & ~FLAGS_KNOWN || (flags & O_ACCMODE) == O_ACCMODE)
		return -EINVAL;
	if ((flags & O_DIRECTORY) && (flags & O_CREAT))
		return -EINVAL;
	if ((flags & O_TMPFILE & ~O_DIRECTORY) && (!is_tmpfile(flags) ||
						   !writes(flags)))
		return -EINVAL;
	if (fs->m->rdonly && (writes(flags) || flags & (O_CREAT | O_TRUNC)))
		return -EROFS;
	return 0;
}

int daxfs_fd_open(struct daxfs *fs, struct daxfs_fd *dir, const char *path,
		  int flags, mode_t mode, struct daxfs_fd **fdp)
{
	int r = check_flags(fs, flags), tries = OPEN_TRIES;
	struct daxfs_fd *fd;
	struct daxfs_cx *cx;

	*fdp = NULL;
	if (r)
		return r;
	fd = malloc(sizeof(*fd));	/* which is much faster than calloc() */
	if (!fd)
		return -ENOMEM;
	*fd = (struct daxfs_fd){ .fs = fs, .flags = flags };
	r = daxfs_api_begin(fs, &cx);
	if (!r) {
		do
			r = open_once(fs, cx, fd, daxfs_api_start(dir), path,
				      mode);
		while (r == -EAGAIN && --tries);
		daxfs_api_count(fs, cx, !r);
		daxfs_cx_put(fs->m, cx);
		r = r ? (int)daxfs_mount_result(fs->m, r) : 0;
	}
	if (r) {
		free(fd);
		return r;
	}
	*fdp = fd;
	return 0;
}

void daxfs_fd_close(struct daxfs_fd *fd)
{
	if (!fd)
		return;
	daxfs_api_unlock(fd);
	daxfs_api_unhold(fd->fs, fd->held);
	free(fd);
}

int daxfs_fd_stat(struct daxfs_fd *fd, struct stat *st)
{
	struct daxfs_file *f = &fd->held->file;
	struct daxfs_stat found;
	struct daxfs_cx *cx;
	int r = daxfs_api_begin(fd->fs, &cx);

	if (r)
		return r;
	r = (int)daxfs_api_end(fd->fs, cx, daxfs_fgetattr(cx, f, &found));
	if (!r)
		daxfs_api_stat(fd->fs, &found, st);
	return r;
}

static int check_read(const struct daxfs_fd *fd, off_t off)
{
	if ((fd->flags & O_ACCMODE) == O_WRONLY)
		return -EBADF;
	if (S_ISDIR(fd->mode))
		return -EISDIR;
	return off < 0 ? -EINVAL : 0;
}

static int check_write(const struct daxfs_fd *fd, off_t off)
{
	if (!writes(fd->flags))
		return -EBADF;
	return off < 0 ? -EINVAL : 0;
}

ssize_t daxfs_fd_pread(struct daxfs_fd *fd, void *buf, size_t len, off_t off)
{
	struct daxfs_cx *cx;
	s64 r = check_read(fd, off);

	if (!r)
		r = daxfs_api_begin(fd->fs, &cx);
	if (r)
		return r;
	r = daxfs_mount_read(fd->fs->m, cx, fd->held, (u64)off, buf, len);
	return daxfs_api_end(fd->fs, cx, r);
}

/* The core takes space as it goes: what it wrote before ENOSPC counts. */
ssize_t daxfs_fd_pwrite(struct daxfs_fd *fd, const void *buf, size_t len,
			off_t off)
{
	struct daxfs_cx *cx;
	s64 r = check_write(fd, off);

	if (fd->flags & O_APPEND)
		return daxfs_fd_append(fd, buf, len, NULL);
	if (!r)
		r = daxfs_api_begin(fd->fs, &cx);
	if (r)
		return r;
	r = daxfs_mount_write(fd->fs->m, cx, fd->held, (u64)off, buf, len);
	return daxfs_api_end(fd->fs, cx, r);
}

ssize_t daxfs_fd_append(struct daxfs_fd *fd, const void *buf, size_t len,
			off_t *at)
{
	struct daxfs_cx *cx;
	s64 r = check_write(fd, 0);
	u64 where = 0;

	if (!r)
		r = daxfs_api_begin(fd->fs, &cx);
	if (r)
		return r;
	r = daxfs_mount_append(fd->fs->m, cx, fd->held, buf, len, &where);
	if (at)
		*at = (off_t)where;
	return daxfs_api_end(fd->fs, cx, r);
}

int daxfs_fd_truncate(struct daxfs_fd *fd, off_t size)
{
	struct daxfs_cx *cx;
	int r = check_write(fd, size);

	if (!r)
		r = daxfs_api_begin(fd->fs, &cx);
	if (r)
		return r;
	r = daxfs_mount_truncate(fd->fs->m, cx, fd->held, (u64)size);
	return (int)daxfs_api_end(fd->fs, cx, r);
}

int daxfs_fd_sync(struct daxfs_fd *fd)
{
	struct daxfs_file *f = &fd->held->file;
	struct daxfs_cx *cx;
	int r = daxfs_api_begin(fd->fs, &cx);

	if (r)
		return r;
	r = daxfs_fsync(cx, f);
	return (int)daxfs_api_end(fd->fs, cx, r);
}
