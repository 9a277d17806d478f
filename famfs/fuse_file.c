// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Content: open, read, write.
 *
 * Notes: reads go to the kernel straight from the mapped device. An open file
 * keeps the map that it was opened with. The kernel drops its pages at each open.
 * Writes to a plain file that stands for a device go through pwrite(2), because a
 * hole in it may find no memory, and that must be an error.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "server.h"

#define READ_MAX	(1u << 20)	/* what libfuse asks the kernel for */
#define PIECES		(READ_MAX / FAMFS_CHUNK_ALIGN + 2)

struct handle {
	struct famfs_file f;
	struct famfs_dev *dev[FAMFS_EXTS];	/* of each extent; NULL: missing */
	int fd;					/* of a shadow file (raw), or -1 */
};

static struct handle *handle_of(const struct fuse_file_info *fi)
{
	return (struct handle *)(uintptr_t)fi->fh;
}

/* ---- open ---- */

static int may_open(const struct famfs_server *s, const struct famfs_node *n,
		    const struct fuse_file_info *fi)
{
	int writes = (fi->flags & O_ACCMODE) != O_RDONLY;

	if (writes && (s->as_shadow || s->rdonly ||
		       (s->client && !(n->f.flags & FAMFS_ALL_HOSTS_RW))))
		return -EROFS;
	return 0;
}

static void find_devices(struct famfs_server *s, struct handle *h)
{
	u32 i;

	pthread_mutex_lock(&s->fs_lock);
	for (i = 0; i < h->f.map.nr; i++)
		h->dev[i] = famfs_device(s->fs, h->f.map.ext[i].device);
	pthread_mutex_unlock(&s->fs_lock);
}

static int open_node(struct famfs_server *s, const struct famfs_node *n,
		     struct fuse_file_info *fi)
{
	struct handle *h = calloc(1, sizeof(*h));

	if (!h)
		return -ENOMEM;
	h->fd = -1;
	h->f = n->f;
	if (s->as_shadow)
		h->fd = famfs_shadow_at(s, n->path, O_RDONLY);
	else
		find_devices(s, h);
	if (s->as_shadow && h->fd < 0) {
		int r = h->fd;

		free(h);
		return r;
	}
	fi->fh = (uintptr_t)h;
	fi->direct_io = !!s->direct_io;
	fi->keep_cache = 0;
	return 0;
}

static void close_handle(struct fuse_file_info *fi)
{
	if (handle_of(fi)->fd >= 0)
		close(handle_of(fi)->fd);
	free(handle_of(fi));
}

void famfs_op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct famfs_server *s = famfs_server_of(req);
	struct famfs_node n;
	int r;

	famfs_node_copy(s, famfs_node_of(s, ino), &n);
	r = may_open(s, &n, fi);
	if (!r && (fi->flags & O_TRUNC)) {
		famfs_refuse(req, FAMFS_NO_RESIZE);
		return;
	}
	if (!r)
		r = open_node(s, &n, fi);
	if (r)
		fuse_reply_err(req, -r);
	else if (fuse_reply_open(req, fi) == -ENOENT)
		close_handle(fi);	/* interrupted: no release will come */
}

void famfs_op_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino;
	close_handle(fi);
	fuse_reply_err(req, 0);
}

/* ---- where the bytes are ---- */

/* The device of an extent by its index; several extents may be on one. */
static struct famfs_dev *device_of(const struct handle *h, u64 device)
{
	u32 i;

	for (i = 0; i < h->f.map.nr; i++)
		if (h->f.map.ext[i].device == device)
			return h->dev[i];
	return NULL;
}

static int is_lost(const struct famfs_dev *dev)
{
	return __atomic_load_n(&dev->lost, __ATOMIC_ACQUIRE);
}

/* The next piece: its bytes, or a negative errno. */
static s64 piece(const struct handle *h, u64 off, u64 len, struct famfs_dev **dev,
		 u64 *dev_off, u8 **at)
{
	u64 device, n = famfs_map_at(&h->f.map, off, len, &device, dev_off);

	*dev = n ? device_of(h, device) : NULL;
	*at = *dev && !is_lost(*dev) ? famfs_dev_at(*dev, *dev_off, n) : NULL;
	return *at ? (s64)n : -EIO;
}

/* ---- read ---- */

static int collect(const struct famfs_server *s, const struct handle *h, u64 off, u64 len,
		   struct iovec *iov)
{
	struct famfs_dev *dev;
	u64 dev_off;
	u8 *at;
	int nr = 0;

	while (len) {
		s64 n = piece(h, off, len, &dev, &dev_off, &at);

		if (n < 0)
			return (int)n;
		if (s->noncoherent)
			famfs_forget(at, (size_t)n);
		iov[nr].iov_base = at;
		iov[nr++].iov_len = (size_t)n;
		off += (u64)n;
		len -= (u64)n;
	}
	return nr;
}

static void read_raw(fuse_req_t req, const struct handle *h, size_t size, off_t off)
{
	struct fuse_bufvec buf = FUSE_BUFVEC_INIT(size);

	buf.buf[0].flags = FUSE_BUF_IS_FD | FUSE_BUF_FD_SEEK;
	buf.buf[0].fd = h->fd;
	buf.buf[0].pos = off;
	fuse_reply_data(req, &buf, 0);
}

void famfs_op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		   struct fuse_file_info *fi)
{
	const struct handle *h = handle_of(fi);
	struct iovec iov[PIECES];
	u64 len = size < READ_MAX ? size : READ_MAX;
	int nr;

	(void)ino;
	if (h->fd >= 0) {
		read_raw(req, h, size, off);
		return;
	}
	if ((u64)off >= h->f.size)
		len = 0;
	else if (len > h->f.size - (u64)off)
		len = h->f.size - (u64)off;
	nr = collect(famfs_server_of(req), h, (u64)off, len, iov);
	if (nr < 0)
		fuse_reply_err(req, -nr);
	else
		fuse_reply_iov(req, iov, nr);
}

/* ---- write ---- */

static int store(const struct famfs_server *s, const struct famfs_dev *dev, u64 dev_off,
		 u8 *at, const char *buf, size_t len)
{
	if (dev->regular) {
		ssize_t n = pwrite(dev->src.fd, buf, len, (off_t)dev_off);

		if (n < 0 || (size_t)n != len)
			return n < 0 ? -errno : -ENOSPC;
	} else {
		memcpy(at, buf, len);
	}
	if (s->noncoherent)
		famfs_flush(at, len);
	return is_lost(dev) ? -EIO : 0;
}

static s64 write_all(const struct famfs_server *s, const struct handle *h, const char *buf,
		     u64 len, u64 off)
{
	struct famfs_dev *dev;
	u64 done = 0, dev_off;
	u8 *at;

	while (done < len) {
		s64 n = piece(h, off + done, len - done, &dev, &dev_off, &at);
		int r = n < 0 ? (int)n : store(s, dev, dev_off, at, buf + done, (size_t)n);

		if (r)
			return done ? (s64)done : r;
		done += (u64)n;
	}
	return (s64)done;
}

/* Up to the end of the file; nothing there is an error that says why. */
void famfs_op_write(fuse_req_t req, fuse_ino_t ino, const char *buf, size_t size,
		    off_t off, struct fuse_file_info *fi)
{
	const struct handle *h = handle_of(fi);
	s64 r;

	(void)ino;
	if ((u64)off >= h->f.size && size) {
		famfs_refuse(req, FAMFS_NO_RESIZE);
		return;
	}
	if (size > h->f.size - (u64)off)
		size = h->f.size - (u64)off;
	r = write_all(famfs_server_of(req), h, buf, size, (u64)off);
	if (r < 0)
		fuse_reply_err(req, (int)-r);
	else
		fuse_reply_write(req, (size_t)r);
}

/* Each write to a device has been flushed; a plain file may be one of a disk. */
void famfs_op_fsync(fuse_req_t req, fuse_ino_t ino, int datasync,
		    struct fuse_file_info *fi)
{
	const struct handle *h = handle_of(fi);
	int r = 0;
	u32 i;

	(void)ino;
	(void)datasync;
	for (i = 0; i < h->f.map.nr && !r; i++)
		if (h->dev[i] && h->dev[i]->regular && h->dev[i]->writable)
			r = fdatasync(h->dev[i]->src.fd) ? errno : 0;
	fuse_reply_err(req, r);
}
