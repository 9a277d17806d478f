/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The FUSE server of daxfs as its parts see it.
 *
 * Notes: a handler takes a context of the mount, makes one call of the core,
 * gives the context back and replies; it never waits for anything that the
 * kernel or another process has to do. What must wait goes to the thread of
 * notify.c. The FUSE node number is the inode number, and for a directory one bit
 * more: of an inode that is gone nobody else can say what it was.
 */
#ifndef DAXFS_FUSE_SERVER_H
#define DAXFS_FUSE_SERVER_H

#include "session.h"
#include "mount.h"
#include "grace.h"
#include "node.h"

struct daxfs_notifier;
struct daxfs_locks;

enum daxfs_atime {		/* when reading sets the access time */
	DAXFS_ATIME_RELATIVE,	/* if it tells something new */
	DAXFS_ATIME_STRICT,
	DAXFS_ATIME_OFF,
};

struct daxfs_server {
	struct daxfs_mount *m;
	struct daxfs_session session;
	struct daxfs_nodes nodes;
	struct daxfs_grace grace;
	struct daxfs_notifier *notifier;
	pthread_mutex_t handles_lock;
	struct daxfs_handle *handles;	/* open files: file.c */
	struct daxfs_locks *locks;	/* NULL: the kernel's, of this mount alone */
	const char *region;	/* absolute path */
	int split;		/* content may be in backing files */
	int constant;		/* static image: the kernel may keep it all */
	int direct_io;
	enum daxfs_atime atime;
	int local_locks;
	int foreground;
	const char *branch;	/* to show; NULL: main */
	int branch_ended, branch_frozen;	/* as the notifier saw it last */
	int evicted;		/* declared dead by another host: we end */
	double timeout;		/* s, of entries and attributes */
	int size_fd;		/* the region's file, to see it shrink; or -1 */
};

static inline struct daxfs_server *daxfs_server_of(fuse_req_t req)
{
	return fuse_req_userdata(req);
}

#define DAXFS_NODE_DIR	(1ull << 62)

static inline u64 daxfs_ino_of(fuse_ino_t node)
{
	return node & ~DAXFS_NODE_DIR;
}

/* log.c: to stderr in the foreground, else to syslog. */
void daxfs_log_init(int foreground);
void daxfs_log(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* ops.c */
extern const struct fuse_lowlevel_ops daxfs_server_ops;

/* reply.c */
struct daxfs_cx *daxfs_begin(struct daxfs_server *s);
/* Gives cx back; r, or -EIO if the region was lost. */
s64 daxfs_end(struct daxfs_server *s, struct daxfs_cx *cx, s64 r);
/*
 * The result r of a call on a node that the kernel knew. If it is gone, there
 * may be another under its name by now: on ESTALE the VFS looks it up again,
 * once. A directory was empty when it went, and nothing can be found in it.
 */
s64 daxfs_stale(struct daxfs_server *s, fuse_ino_t node, s64 r);
void daxfs_reply_status(fuse_req_t req, s64 r);
/* Attributes of a node, or the error r. */
void daxfs_reply_attr(fuse_req_t req, fuse_ino_t node, s64 r,
		      const struct daxfs_stat *st);
/* The same for getattr. statx: the kernel's number of a STATX, 0: GETATTR. */
void daxfs_reply_getattr(fuse_req_t req, u64 statx, fuse_ino_t node, s64 r,
			 const struct daxfs_stat *st);
/* A name's inode, or the error r. */
void daxfs_reply_name(fuse_req_t req, s64 r, const struct daxfs_stat *st);
void daxfs_fill_stat(struct stat *out, const struct daxfs_stat *st);
void daxfs_fill_entry(struct daxfs_server *s, struct fuse_entry_param *e,
		      const struct daxfs_stat *st);

/* names.c */
void daxfs_op_lookup(fuse_req_t req, fuse_ino_t dir, const char *name);
void daxfs_op_mknod(fuse_req_t req, fuse_ino_t dir, const char *name,
		    mode_t mode, dev_t rdev);
void daxfs_op_mkdir(fuse_req_t req, fuse_ino_t dir, const char *name,
		    mode_t mode);
void daxfs_op_symlink(fuse_req_t req, const char *target, fuse_ino_t dir,
		      const char *name);
void daxfs_op_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t dir,
		   const char *name);
void daxfs_op_unlink(fuse_req_t req, fuse_ino_t dir, const char *name);
void daxfs_op_rmdir(fuse_req_t req, fuse_ino_t dir, const char *name);
void daxfs_op_rename(fuse_req_t req, fuse_ino_t dir, const char *name,
		     fuse_ino_t dir2, const char *name2, unsigned int flags);
void daxfs_op_readlink(fuse_req_t req, fuse_ino_t ino);

/* attr.c */
void daxfs_op_getattr(fuse_req_t req, fuse_ino_t ino,
		      struct fuse_file_info *fi);
void daxfs_op_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr,
		      int to_set, struct fuse_file_info *fi);
void daxfs_op_statfs(fuse_req_t req, fuse_ino_t ino);

/* Somebody reads f. What is wrong with f the read itself will say. */
void daxfs_note_access(struct daxfs_server *s, struct daxfs_cx *cx,
		       struct daxfs_file *f);

/* file.c; fi->fh is its own, see daxfs_handle_node() */
void daxfs_op_create(fuse_req_t req, fuse_ino_t dir, const char *name,
		     mode_t mode, struct fuse_file_info *fi);
void daxfs_op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void daxfs_op_release(fuse_req_t req, fuse_ino_t ino,
		      struct fuse_file_info *fi);
void daxfs_op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		   struct fuse_file_info *fi);
void daxfs_op_write(fuse_req_t req, fuse_ino_t ino, const char *buf,
		    size_t size, off_t off, struct fuse_file_info *fi);
void daxfs_op_fsync(fuse_req_t req, fuse_ino_t ino, int datasync,
		    struct fuse_file_info *fi);

/* Cut the content of an open node; its own request is the current one. */
int daxfs_cut(struct daxfs_server *s, struct daxfs_cx *cx,
	      struct daxfs_node *node, u64 size);
/* What the kernel has not closed when the session is over. */
void daxfs_handles_fini(struct daxfs_server *s);
/* The file that is open by fi->fh. */
struct daxfs_node *daxfs_handle_node(const struct fuse_file_info *fi);

/* space.c */
void daxfs_op_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t off,
			off_t len, struct fuse_file_info *fi);
void daxfs_op_lseek(fuse_req_t req, fuse_ino_t ino, off_t off, int whence,
		    struct fuse_file_info *fi);
void daxfs_op_copy_file_range(fuse_req_t req, fuse_ino_t ino, off_t off,
			      struct fuse_file_info *fi, fuse_ino_t to_ino,
			      off_t to_off, struct fuse_file_info *to_fi,
			      size_t len, int flags);

/* dir.c; fi->fh is the struct daxfs_held */
void daxfs_op_opendir(fuse_req_t req, fuse_ino_t ino,
		      struct fuse_file_info *fi);
void daxfs_op_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		      struct fuse_file_info *fi);
void daxfs_op_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size,
			  off_t off, struct fuse_file_info *fi);
void daxfs_op_releasedir(fuse_req_t req, fuse_ino_t ino,
			 struct fuse_file_info *fi);
void daxfs_op_fsyncdir(fuse_req_t req, fuse_ino_t ino, int datasync,
		       struct fuse_file_info *fi);

/* ioctl.c */
void daxfs_op_ioctl(fuse_req_t req, fuse_ino_t ino, unsigned int cmd, void *arg,
		    struct fuse_file_info *fi, unsigned int flags,
		    const void *in, size_t in_len, size_t out_len);
/* branch.c */
void daxfs_branch_ioctl(fuse_req_t req, unsigned int cmd, const void *in,
			size_t in_len);
/* For calls whose answer does not depend on it: has the branch ended? -ESTALE. */
int daxfs_branch_check(struct daxfs_server *s, struct daxfs_cx *cx);
/* May files be opened for writing? 0, -EROFS, -ESTALE. */
int daxfs_branch_writable(struct daxfs_server *s, struct daxfs_cx *cx);
/* Has the branch ended, or was it frozen? By the thread of notify.c. */
void daxfs_branch_tick(struct daxfs_server *s);

/* lock.c */
void daxfs_op_getlk(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi,
		    struct flock *fl);
void daxfs_op_setlk(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi,
		    struct flock *fl, int sleep);
void daxfs_op_flock(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi,
		    int op);
void daxfs_op_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
/* A handle is closed: its flock ends. */
void daxfs_locks_release(struct daxfs_server *s, struct daxfs_node *node,
			 const struct fuse_file_info *fi);
/* For the init handler: does the kernel ask us for locks? */
void daxfs_locks_want(struct daxfs_server *s, struct fuse_conn_info *conn);
int daxfs_locks_start(struct daxfs_server *s);
/* Requests that still wait are answered; later ones fail. */
void daxfs_locks_stop(struct daxfs_server *s);

/* xattr.c */
void daxfs_op_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name,
		       const char *value, size_t size, int flags);
void daxfs_op_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name,
		       size_t size);
void daxfs_op_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size);
void daxfs_op_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name);

/* notify.c */
int daxfs_notifier_start(struct daxfs_server *s);
/* Requests still queued are answered without a notification. */
void daxfs_notifier_stop(struct daxfs_server *s);
/* Have the thread call fn, or do it now if that has stopped. */
void daxfs_notifier_call(struct daxfs_server *s,
			 void (*fn)(struct daxfs_server *s, void *arg, int stopping),
			 void *arg);
/* A file was opened: it wants to be looked at. */
void daxfs_notifier_opened(struct daxfs_server *s);
/*
 * Drop the kernel's pages of node and answer req with its attributes. The
 * caller got a reference on node and its notifying mark for this.
 */
void daxfs_notifier_add(struct daxfs_server *s, fuse_req_t req, u64 statx,
			struct daxfs_node *node);

#endif
