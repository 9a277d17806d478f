// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * null_fuse MOUNTPOINT: a FUSE server that does nothing, as fast as that goes.
 *
 * Notes: what daxfs-fuse is measured against: kernel, libfuse and the session
 * are the same, a handler here only replies. One directory with a fixed table
 * of names; "file" is 64 MiB of zeros, "new" comes and goes.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "peer.h"

#define FILE_SIZE	(64ll << 20)
#define READ_MAX	(1u << 20)

struct entry {
	const char *name;
	struct stat st;
	int there;
};

static struct entry table[] = {
	{ "", { .st_ino = 1, .st_mode = S_IFDIR | 0755, .st_nlink = 2,
		.st_size = 4096 }, 1 },
	{ "file", { .st_ino = 2, .st_mode = S_IFREG | 0644, .st_nlink = 1,
		    .st_size = FILE_SIZE, .st_mtim = { .tv_sec = 1 } }, 1 },
	{ "new", { .st_ino = 3, .st_mode = S_IFREG | 0644, .st_nlink = 1 }, 0 },
};

#define ENTRIES (sizeof(table) / sizeof(table[0]))

static const char zeros[READ_MAX];

static void init(void *userdata, struct fuse_conn_info *conn)
{
	(void)userdata;
	daxfs_session_want(conn);
}

static struct entry *find(const char *name)
{
	size_t i;

	for (i = 1; i < ENTRIES; i++)
		if (!strcmp(table[i].name, name))
			return &table[i];
	return NULL;
}

static void fill(struct fuse_entry_param *e, const struct entry *entry)
{
	memset(e, 0, sizeof(*e));
	e->ino = entry->st.st_ino;
	e->generation = 1;
	e->attr = entry->st;
}

static void op_lookup(fuse_req_t req, fuse_ino_t dir, const char *name)
{
	struct entry *entry = find(name);
	struct fuse_entry_param e;

	(void)dir;
	if (!entry || !__atomic_load_n(&entry->there, __ATOMIC_RELAXED)) {
		fuse_reply_err(req, ENOENT);
		return;
	}
	fill(&e, entry);
	fuse_reply_entry(req, &e);
}

static void op_getattr(fuse_req_t req, fuse_ino_t ino,
		       struct fuse_file_info *fi)
{
	(void)fi;
	if (ino > ENTRIES)
		fuse_reply_err(req, ESTALE);
	else
		fuse_reply_attr(req, &table[ino - 1].st, 0.0);
}

static void op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	fi->fh = ino;
	fi->keep_cache = 1;
	fuse_reply_open(req, fi);
}

/* At each close: file locks need it, and the other side has them. */
static void op_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino;
	(void)fi;
	fuse_reply_err(req, 0);
}

static void op_release(fuse_req_t req, fuse_ino_t ino,
		       struct fuse_file_info *fi)
{
	(void)ino;
	(void)fi;
	fuse_reply_err(req, 0);
}

static void op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		    struct fuse_file_info *fi)
{
	(void)fi;
	if (ino != 2 || off >= FILE_SIZE)
		size = 0;
	else if ((off_t)size > FILE_SIZE - off)
		size = (size_t)(FILE_SIZE - off);
	fuse_reply_buf(req, zeros, size < READ_MAX ? size : READ_MAX);
}

static void op_create(fuse_req_t req, fuse_ino_t dir, const char *name,
		      mode_t mode, struct fuse_file_info *fi)
{
	struct entry *entry = find(name);
	struct fuse_entry_param e;

	(void)dir;
	(void)mode;
	if (!entry) {
		fuse_reply_err(req, EACCES);
		return;
	}
	__atomic_store_n(&entry->there, 1, __ATOMIC_RELAXED);
	fill(&e, entry);
	fi->fh = entry->st.st_ino;
	fuse_reply_create(req, &e, fi);
}

static void op_unlink(fuse_req_t req, fuse_ino_t dir, const char *name)
{
	struct entry *entry = find(name);

	(void)dir;
	if (entry)
		__atomic_store_n(&entry->there, 0, __ATOMIC_RELAXED);
	fuse_reply_err(req, entry ? 0 : ENOENT);
}

/* As much as is asked for. */
static void op_ioctl(fuse_req_t req, fuse_ino_t ino, unsigned int cmd, void *arg,
		     struct fuse_file_info *fi, unsigned int flags, const void *in,
		     size_t in_len, size_t out_len)
{
	(void)ino;
	(void)cmd;
	(void)arg;
	(void)fi;
	(void)flags;
	(void)in;
	(void)in_len;
	fuse_reply_ioctl(req, 0, zeros, out_len < READ_MAX ? out_len : READ_MAX);
}

static const struct fuse_lowlevel_ops ops = {
	.init		= init,
	.lookup		= op_lookup,
	.getattr	= op_getattr,
	.open		= op_open,
	.flush		= op_flush,
	.release	= op_release,
	.read		= op_read,
	.create		= op_create,
	.unlink		= op_unlink,
	.ioctl		= op_ioctl,
};

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: null_fuse MOUNTPOINT\n");
		return 1;
	}
	return peer_serve("null_fuse", argv[1], &ops, NULL);
}
