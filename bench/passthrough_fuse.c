// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * passthrough_fuse [-d] DIR MOUNTPOINT: a FUSE server over the files of DIR.
 *
 * Notes: what daxfs-fuse is measured against when content is read: the same
 * session, timeouts and cache mode, and a read is one pread() into a buffer.
 * DIR is best on a tmpfs. Its regular files only, no subdirectories; numbers
 * of files are never forgotten. -d: direct_io.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "peer.h"

#define FILES		1024u
#define READ_MAX	(1u << 20)

struct pass {
	int dir;
	int direct_io;
	pthread_mutex_t lock;
	unsigned int nr;
	char *name[FILES];	/* number i + 2 */
};

static __thread char *buffer;

static struct pass *pass_of(fuse_req_t req)
{
	return fuse_req_userdata(req);
}

static void init(void *userdata, struct fuse_conn_info *conn)
{
	(void)userdata;
	daxfs_session_want(conn);
}

static const char *name_of(struct pass *p, fuse_ino_t ino)
{
	return ino == 1 ? "." : p->name[ino - 2];
}

/* 0: no room. */
static fuse_ino_t number_of(struct pass *p, const char *name)
{
	fuse_ino_t ino = 0;
	unsigned int i;

	pthread_mutex_lock(&p->lock);
	for (i = 0; i < p->nr && strcmp(p->name[i], name); i++)
		;
	if (i < p->nr)
		ino = i + 2;
	else if (i < FILES && (p->name[i] = strdup(name)))
		ino = ++p->nr + 1;
	pthread_mutex_unlock(&p->lock);
	return ino;
}

static int fill(struct pass *p, const char *name, struct fuse_entry_param *e)
{
	memset(e, 0, sizeof(*e));
	if (fstatat(p->dir, name, &e->attr, AT_SYMLINK_NOFOLLOW))
		return errno;
	if (!S_ISREG(e->attr.st_mode))
		return EACCES;
	e->ino = number_of(p, name);
	e->attr.st_ino = e->ino;
	e->generation = 1;
	return e->ino ? 0 : ENFILE;
}

static void op_lookup(fuse_req_t req, fuse_ino_t dir, const char *name)
{
	struct fuse_entry_param e;
	int r = fill(pass_of(req), name, &e);

	(void)dir;
	if (r)
		fuse_reply_err(req, r);
	else
		fuse_reply_entry(req, &e);
}

static void op_getattr(fuse_req_t req, fuse_ino_t ino,
		       struct fuse_file_info *fi)
{
	struct pass *p = pass_of(req);
	struct stat st;
	int r = fi ? fstat((int)fi->fh, &st) :
		     fstatat(p->dir, name_of(p, ino), &st, AT_SYMLINK_NOFOLLOW);

	if (r) {
		fuse_reply_err(req, errno == ENOENT ? ESTALE : errno);
		return;
	}
	st.st_ino = ino;
	fuse_reply_attr(req, &st, 0.0);
}

static void op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct pass *p = pass_of(req);
	int fd = openat(p->dir, name_of(p, ino), fi->flags & ~O_NOFOLLOW);

	if (fd < 0) {
		fuse_reply_err(req, errno);
		return;
	}
	fi->fh = (uint64_t)fd;
	fi->keep_cache = 1;
	fi->direct_io = p->direct_io;
	fuse_reply_open(req, fi);
}

static void op_create(fuse_req_t req, fuse_ino_t dir, const char *name,
		      mode_t mode, struct fuse_file_info *fi)
{
	struct pass *p = pass_of(req);
	struct fuse_entry_param e;
	int fd = openat(p->dir, name, fi->flags | O_CREAT, mode);
	int r = fd < 0 ? errno : fill(p, name, &e);

	(void)dir;
	if (r) {
		if (fd >= 0)
			close(fd);
		fuse_reply_err(req, r);
		return;
	}
	fi->fh = (uint64_t)fd;
	fi->direct_io = p->direct_io;
	fuse_reply_create(req, &e, fi);
}

static void op_release(fuse_req_t req, fuse_ino_t ino,
		       struct fuse_file_info *fi)
{
	(void)ino;
	close((int)fi->fh);
	fuse_reply_err(req, 0);
}

static void op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		    struct fuse_file_info *fi)
{
	ssize_t n;

	(void)ino;
	if (!buffer)
		buffer = malloc(READ_MAX);
	if (!buffer) {
		fuse_reply_err(req, ENOMEM);
		return;
	}
	n = pread((int)fi->fh, buffer, size < READ_MAX ? size : READ_MAX, off);
	if (n < 0)
		fuse_reply_err(req, errno);
	else
		fuse_reply_buf(req, buffer, (size_t)n);
}

static void op_write(fuse_req_t req, fuse_ino_t ino, const char *buf,
		     size_t size, off_t off, struct fuse_file_info *fi)
{
	ssize_t n = pwrite((int)fi->fh, buf, size, off);

	(void)ino;
	if (n < 0)
		fuse_reply_err(req, errno);
	else
		fuse_reply_write(req, (size_t)n);
}

static void op_unlink(fuse_req_t req, fuse_ino_t dir, const char *name)
{
	(void)dir;
	fuse_reply_err(req, unlinkat(pass_of(req)->dir, name, 0) ? errno : 0);
}

static const struct fuse_lowlevel_ops ops = {
	.init		= init,
	.lookup		= op_lookup,
	.getattr	= op_getattr,
	.open		= op_open,
	.create		= op_create,
	.release	= op_release,
	.read		= op_read,
	.write		= op_write,
	.unlink		= op_unlink,
};

int main(int argc, char **argv)
{
	static struct pass pass = { .lock = PTHREAD_MUTEX_INITIALIZER };

	if (argc == 4 && !strcmp(argv[1], "-d"))
		pass.direct_io = 1;
	else if (argc != 3) {
		fprintf(stderr, "usage: passthrough_fuse [-d] DIR MOUNTPOINT\n");
		return 1;
	}
	pass.dir = open(argv[argc - 2], O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (pass.dir < 0) {
		perror(argv[argc - 2]);
		return 1;
	}
	return peer_serve("passthrough_fuse", argv[argc - 1], &ops, &pass);
}
