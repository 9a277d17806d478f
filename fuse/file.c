// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Handlers of open files: create, open, read, write, sync, close.
 *
 * Notes: content goes to the kernel straight from the region. The section
 * around it covers the reply, so that no page in it is reused before the
 * kernel has copied it; the reply does not wait for the reader. flush is about
 * locks alone, see lock.c.
 */
#define _GNU_SOURCE	/* O_NOATIME */
#include <stdlib.h>

#include "content.h"
#include "server.h"

#define READ_MAX	(1u << 20)	/* what libfuse asks the kernel for */
/* One run per page at worst, and one more for a start inside a page. */
#define RUNS		(READ_MAX / DAXFS_PAGE_SIZE + 2)

static const char zeros[READ_MAX];	/* what holes read as */

struct daxfs_handle {		/* one for each open file of the kernel's */
	struct daxfs_node *node;
	int direct;		/* open for direct_io */
	int writer;		/* counted as such */
	struct daxfs_handle *next, **prev;	/* of the server's list */
};

static struct daxfs_handle *handle_of(const struct fuse_file_info *fi)
{
	return (struct daxfs_handle *)(uintptr_t)fi->fh;
}

static struct daxfs_node *node_of(const struct fuse_file_info *fi)
{
	return handle_of(fi)->node;
}

struct daxfs_node *daxfs_handle_node(const struct fuse_file_info *fi)
{
	return node_of(fi);
}

static void list_handle(struct daxfs_server *s, struct daxfs_handle *h)
{
	pthread_mutex_lock(&s->handles_lock);
	h->next = s->handles;
	h->prev = &s->handles;
	if (h->next)
		h->next->prev = &h->next;
	s->handles = h;
	pthread_mutex_unlock(&s->handles_lock);
}

static void free_handle(struct daxfs_server *s, struct daxfs_handle *h)
{
	pthread_mutex_lock(&s->handles_lock);
	*h->prev = h->next;
	if (h->next)
		h->next->prev = h->prev;
	pthread_mutex_unlock(&s->handles_lock);
	free(h);
}

void daxfs_handles_fini(struct daxfs_server *s)
{
	while (s->handles)
		free_handle(s, s->handles);
}

static void close_handle(struct daxfs_server *s, struct fuse_file_info *fi)
{
	struct daxfs_cx *cx = daxfs_begin(s);

	if (handle_of(fi)->writer)
		daxfs_node_writer(&s->nodes, node_of(fi), -1);
	daxfs_node_close(&s->nodes, cx, node_of(fi));
	daxfs_end(s, cx, 0);
	free_handle(s, handle_of(fi));
}

/*
 * A write through the page cache is cut in two where a page is not cached, and
 * goes to pages at the wrong place if another host has appended. So files for
 * appending are open for direct_io: each record is one request. And what another
 * host has mapped changes by stores that no counter tells of, so no page of it
 * can be kept; that is looked at here, once, because an open file stays as it is.
 */
static int is_direct(struct daxfs_server *s, struct daxfs_cx *cx,
		     const struct fuse_file_info *fi, struct daxfs_node *node)
{
	if (s->direct_io || (fi->flags & O_APPEND))
		return 1;
	return s->constant ? 0 :
	       daxfs_mapped_elsewhere(cx, &node->held->file);
}

static int set_handle(struct daxfs_server *s, struct daxfs_cx *cx,
		      struct fuse_file_info *fi, struct daxfs_node *node, int keep)
{
	struct daxfs_handle *h = malloc(sizeof(*h));
	int direct = h ? is_direct(s, cx, fi, node) : -ENOMEM;

	if (direct < 0) {
		free(h);
		daxfs_node_close(&s->nodes, cx, node);
		return direct;
	}
	fi->direct_io = !!direct;
	fi->keep_cache = keep || s->constant;
	*h = (struct daxfs_handle){ .node = node, .direct = fi->direct_io,
		.writer = (fi->flags & O_ACCMODE) == O_RDWR };
	if (h->writer)
		daxfs_node_writer(&s->nodes, node, 1);
	list_handle(s, h);
	fi->fh = (uintptr_t)h;
	daxfs_notifier_opened(s);
	return 0;
}

/*
 * The request changes content: rights that this takes away go first. As the
 * kernel has promised so, it does nothing of it by itself.
 */
static int drop_rights(struct daxfs_cx *cx, struct daxfs_node *node)
{
	int r = daxfs_drop_caps(cx, &node->held->file);

	return !r && daxfs_request()->drop_ids ?
	       daxfs_drop_ids(cx, &node->held->file) : r;
}

int daxfs_cut(struct daxfs_server *s, struct daxfs_cx *cx,
	      struct daxfs_node *node, u64 size)
{
	int r = drop_rights(cx, node);

	if (r)
		return r;
	daxfs_node_begin(&s->nodes, node, 1);
	r = daxfs_mount_truncate(s->m, cx, node->held, size);
	daxfs_node_end(&s->nodes, node, 1, !r);
	return r;
}

static int open_node(struct daxfs_server *s, struct daxfs_cx *cx, u64 ino,
		     struct fuse_file_info *fi, struct daxfs_node **node)
{
	int keep, r = 0;

	if ((fi->flags & O_ACCMODE) != O_RDONLY)
		r = daxfs_branch_writable(s, cx);
	if (!r)
		r = daxfs_node_open(&s->nodes, cx, ino, node, &keep);
	if (r)
		return r;
	if (fi->flags & O_TRUNC)
		r = daxfs_cut(s, cx, *node, 0);
	if (r)
		daxfs_node_close(&s->nodes, cx, *node);
	else
		r = set_handle(s, cx, fi, *node, keep);
	return r;
}

void daxfs_op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct daxfs_server *s = daxfs_server_of(req);
	struct daxfs_cx *cx = daxfs_begin(s);
	struct daxfs_node *node;
	s64 r;

	r = daxfs_end(s, cx, open_node(s, cx, ino, fi, &node));
	if (r)
		daxfs_reply_status(req, daxfs_stale(s, ino, r));
	else if (fuse_reply_open(req, fi) == -ENOENT)
		close_handle(s, fi);	/* interrupted: no release will come */
}

/* A file without a name: held from the first moment, or it would go. */
static int make_unnamed(struct daxfs_server *s, struct daxfs_cx *cx, u64 dir,
			const struct daxfs_new *what, int excl,
			struct daxfs_stat *st, struct daxfs_node **node)
{
	struct daxfs_held *held;
	struct daxfs_file file;
	int keep, r;

	r = daxfs_tmpfile(cx, dir, what, excl, st, &file);
	if (!r)
		r = daxfs_hold_made(s->m, cx, &file, &held);
	if (r)
		return r;
	r = daxfs_node_open(&s->nodes, cx, st->ino, node, &keep);
	daxfs_unhold(s->m, cx, held);
	return r;
}

/*
 * A name that another host made since the kernel looked is not ours to open:
 * the kernel would not check permissions on it. ESTALE makes it look again. What
 * another host has removed before it is held was made all the same, once: the caller
 * gets a file without a name, as if it had been removed just after.
 */
static int make_named(struct daxfs_server *s, struct daxfs_cx *cx, u64 dir,
		      const char *name, const struct daxfs_new *what, int excl,
		      struct daxfs_stat *st, struct daxfs_node **node)
{
	int keep, r;

	r = daxfs_create(cx, dir, name, (u32)strlen(name), what, st);
	if (r == -EEXIST && !excl)
		return (int)daxfs_stale(s, 0, -ENOENT);
	if (r)
		return r;
	r = daxfs_node_open(&s->nodes, cx, st->ino, node, &keep);
	return r == -ENOENT ? make_unnamed(s, cx, dir, what, 1, st, node) : r;
}

/* Make and open. */
static int create_node(struct daxfs_server *s, struct daxfs_cx *cx,
		       fuse_req_t req, u64 dir, const char *name, mode_t mode,
		       struct fuse_file_info *fi, struct daxfs_stat *st,
		       struct daxfs_node **node)
{
	const struct fuse_ctx *who = fuse_req_ctx(req);
	struct daxfs_new what = { .mode = S_IFREG | (mode & 07777),
				  .uid = who->uid, .gid = who->gid,
				  .umask = who->umask };
	int excl = !!(fi->flags & O_EXCL), r;

	if (daxfs_request()->tmpfile)
		r = make_unnamed(s, cx, dir, &what, excl, st, node);
	else
		r = make_named(s, cx, dir, name, &what, excl, st, node);
	if (!r)
		r = set_handle(s, cx, fi, *node, 0);
	return r;
}

void daxfs_op_create(fuse_req_t req, fuse_ino_t dir, const char *name,
		     mode_t mode, struct fuse_file_info *fi)
{
	struct daxfs_server *s = daxfs_server_of(req);
	struct daxfs_cx *cx = daxfs_begin(s);
	struct fuse_entry_param e;
	struct daxfs_node *node;
	struct daxfs_stat st;
	s64 r;

	r = create_node(s, cx, req, daxfs_ino_of(dir), name, mode, fi, &st, &node);
	r = daxfs_end(s, cx, r);
	if (r) {
		daxfs_reply_status(req, r);
		return;
	}
	daxfs_fill_entry(s, &e, &st);
	if (!st.nlink)
		e.entry_timeout = 0;	/* the name is nobody's by now, or another's */
	if (fuse_reply_create(req, &e, fi) == -ENOENT)
		close_handle(s, fi);
}

void daxfs_op_release(fuse_req_t req, fuse_ino_t ino,
		      struct fuse_file_info *fi)
{
	(void)ino;
	daxfs_locks_release(daxfs_server_of(req), node_of(fi), fi);
	close_handle(daxfs_server_of(req), fi);
	fuse_reply_err(req, 0);
}

/* ---- content ---- */

static int fill_iov(const struct daxfs_region *rg, const struct daxfs_run *run,
		    int nr, struct iovec *iov)
{
	int i;

	for (i = 0; i < nr; i++) {
		const void *at = run[i].off ?
			daxfs_at(rg, run[i].off, run[i].len, 1) : zeros;

		if (!at || (!run[i].off && run[i].len > sizeof(zeros)))
			return -EUCLEAN;
		iov[i].iov_base = (void *)(uintptr_t)at;
		iov[i].iov_len = run[i].len;
	}
	return 0;
}

static void reply_runs(fuse_req_t req, struct daxfs_server *s,
		       struct daxfs_cx *cx, struct daxfs_file *f, u64 off,
		       size_t size)
{
	struct daxfs_run run[RUNS];
	struct iovec iov[RUNS];
	s64 r = daxfs_runs(cx, f, off, size, run, RUNS);
	int nr = (int)r;

	if (r >= 0)
		r = fill_iov(daxfs_mount_region(s->m), run, nr, iov);
	r = daxfs_mount_result(s->m, r);
	if (r < 0)
		daxfs_reply_status(req, r);
	else
		fuse_reply_iov(req, iov, nr);
}

/*
 * In split mode content may come and go in the cache, so the kernel gets a copy.
 * All of it or an error: less would be the end of the file to it. Then it asks for
 * single pages, and those that can be read are.
 */
static void read_split(fuse_req_t req, struct daxfs_server *s, struct daxfs_cx *cx,
		       const struct fuse_file_info *fi, size_t size, u64 off)
{
	struct daxfs_node *node = node_of(fi);
	char *buf = malloc(size ? size : 1);
	u64 done = 0;
	s64 r = buf ? 1 : -ENOMEM;

	if (!(fi->flags & O_NOATIME))
		daxfs_note_access(s, cx, &node->held->file);
	while (r > 0 && done < size) {
		r = daxfs_mount_read(s->m, cx, node->held, off + done, buf + done,
				     size - done);
		done += r > 0 ? (u64)r : 0;
	}
	r = daxfs_end(s, cx, r < 0 ? r : 0);
	if (r)
		daxfs_reply_status(req, r);
	else
		fuse_reply_buf(req, buf, done);
	free(buf);
}

void daxfs_op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		   struct fuse_file_info *fi)
{
	struct daxfs_server *s = daxfs_server_of(req);
	struct daxfs_cx *cx = daxfs_begin(s);
	s64 r;

	(void)ino;
	if (s->split) {
		read_split(req, s, cx, fi, size < READ_MAX ? size : READ_MAX,
			   (u64)off);
		return;
	}
	r = daxfs_enter(cx);
	if (r) {
		daxfs_reply_status(req, daxfs_end(s, cx, r));
		return;
	}
	if (!(fi->flags & O_NOATIME))
		daxfs_note_access(s, cx, &node_of(fi)->held->file);
	reply_runs(req, s, cx, &node_of(fi)->held->file, (u64)off,
		   size < READ_MAX ? size : READ_MAX);
	daxfs_leave(cx);
	daxfs_end(s, cx, 0);
}

/* The core raises the change counter once per write, once per append piece. */
static u32 raises_of(int append, u64 len)
{
	if (!len)
		return 0;
	return append ? (u32)((len - 1) / DAXFS_APPEND_MAX) + 1 : 1;
}

/*
 * The kernel computed the offset of an O_APPEND write from its own idea of the
 * size. A page that it writes back later is at the right place.
 */
static s64 write_node(struct daxfs_server *s, struct daxfs_cx *cx,
		      const struct fuse_file_info *fi, const char *buf,
		      size_t size, u64 off)
{
	int append = (fi->flags & O_APPEND) && !fi->writepage;
	int direct = handle_of(fi)->direct && !fi->writepage;
	struct daxfs_node *node = node_of(fi);
	u32 raises = raises_of(append, size);
	s64 r = drop_rights(cx, node);
	u64 at = off;

	if (r)
		return r;
	daxfs_node_begin(&s->nodes, node, raises);
	if (append)
		r = daxfs_mount_append(s->m, cx, node->held, buf, size, &at);
	else
		r = daxfs_mount_write(s->m, cx, node->held, off, buf, size);
	if (r > 0)
		daxfs_node_wrote(&s->nodes, node, off, (u64)r, at, direct);
	else if (fi->writepage)
		daxfs_node_spoilt(&s->nodes, node);
	daxfs_node_end(&s->nodes, node, raises,
		       r > 0 ? raises_of(append, (u64)r) : 0);
	return r;
}

void daxfs_op_write(fuse_req_t req, fuse_ino_t ino, const char *buf,
		    size_t size, off_t off, struct fuse_file_info *fi)
{
	struct daxfs_server *s = daxfs_server_of(req);
	struct daxfs_cx *cx = daxfs_begin(s);
	s64 r;

	(void)ino;
	r = write_node(s, cx, fi, buf, size, (u64)off);
	r = daxfs_end(s, cx, r);
	if (r < 0)
		daxfs_reply_status(req, r);
	else
		fuse_reply_write(req, (size_t)r);
}

void daxfs_op_fsync(fuse_req_t req, fuse_ino_t ino, int datasync,
		    struct fuse_file_info *fi)
{
	struct daxfs_server *s = daxfs_server_of(req);
	struct daxfs_cx *cx = daxfs_begin(s);
	s64 r = daxfs_branch_check(s, cx);

	(void)ino;
	(void)datasync;
	if (!r)
		r = daxfs_fsync(cx, &node_of(fi)->held->file);
	daxfs_reply_status(req, daxfs_end(s, cx, r));
}
