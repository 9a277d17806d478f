/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The FUSE server of famfs: a shadow tree, shown as the files it describes.
 *
 * Notes: any thread may call what is here. fs_lock covers the state of fs, which
 * grows as the log does; what a node has of a file never changes while it is
 * used, but is replaced as a whole under the lock of the nodes.
 */
#ifndef FAMFS_SERVER_H
#define FAMFS_SERVER_H

#include "../fuse/session.h"
#include "famfs.h"

#define FAMFS_TIMEOUT	1.0	/* s that the kernel may keep attributes */

struct famfs_node {
	char path[FAMFS_PATH_LEN];
	struct stat st;			/* of what is shown */
	struct stat shadow;		/* of the shadow file when it was read */
	struct famfs_file f;		/* of a file */
	u64 lookups;
	struct famfs_node *next;
};

struct famfs_server {
	struct daxfs_session session;
	char *device, *shadow, *devmap;	/* absolute paths; devmap may be "" */
	int shadow_fd;
	int as_shadow;			/* show the shadow tree itself */
	int client;			/* others' files are for reading */
	int rdonly;			/* all of it */
	int direct_io;
	int noncoherent;		/* forget before reads, flush after writes */
	pthread_mutex_t fs_lock;
	struct famfs_fs *fs;
	int log_bad;			/* said once */
	unsigned int refused;		/* kinds of calls that were refused, said once */
	pthread_mutex_t node_lock;
	struct famfs_node **bucket;
};

/* fuse_node.c */
int famfs_nodes_init(struct famfs_server *s);
void famfs_nodes_fini(struct famfs_server *s);
/* The node of a path, with one lookup more; 0 or a negative errno. */
int famfs_node_get(struct famfs_server *s, const char *path, struct famfs_node **node);
void famfs_node_forget(struct famfs_server *s, fuse_ino_t ino, u64 lookups);
struct famfs_node *famfs_node_of(struct famfs_server *s, fuse_ino_t ino);
fuse_ino_t famfs_node_ino(const struct famfs_server *s, const struct famfs_node *node);
/* A copy of what is known of it now. */
void famfs_node_copy(struct famfs_server *s, const struct famfs_node *node,
		     struct famfs_node *to);
/* Below the root, through no link; a descriptor or a negative errno. */
int famfs_shadow_at(const struct famfs_server *s, const char *path, int flags);

/* fuse_ops.c, fuse_file.c */
extern const struct fuse_lowlevel_ops famfs_server_ops;
void famfs_op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void famfs_op_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void famfs_op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		   struct fuse_file_info *fi);
void famfs_op_write(fuse_req_t req, fuse_ino_t ino, const char *buf, size_t size,
		    off_t off, struct fuse_file_info *fi);
void famfs_op_fsync(fuse_req_t req, fuse_ino_t ino, int datasync,
		    struct fuse_file_info *fi);
/* EPERM, and once for each kind a line that says what to do instead. */
enum famfs_refusal { FAMFS_NO_CREATE, FAMFS_NO_MKDIR, FAMFS_NO_DELETE, FAMFS_NO_RESIZE,
		     FAMFS_NO_ATTR };
void famfs_refuse(fuse_req_t req, enum famfs_refusal kind);
/* What is new in the log; under fs_lock. */
void famfs_server_replay(struct famfs_server *s);

static inline struct famfs_server *famfs_server_of(fuse_req_t req)
{
	return fuse_req_userdata(req);
}

#endif
