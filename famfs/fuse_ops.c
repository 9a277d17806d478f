// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Names, attributes, listings; and what famfs does not do.
 *
 * Notes: a mount shows what the owner's commands made. Calls that would make,
 * resize or remove something get EPERM, and the log of the server says once for
 * each kind which command is meant for that.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "server.h"

void famfs_refuse(fuse_req_t req, enum famfs_refusal kind)
{
	static const char *const what[] = {
		[FAMFS_NO_CREATE] = "files are made by 'famfs creat' and 'famfs cp' of the "
			"owner",
		[FAMFS_NO_MKDIR] = "directories are made by 'famfs mkdir' of the owner",
		[FAMFS_NO_DELETE] = "nothing is removed or renamed: mkfs.famfs makes a new "
			"file system",
		[FAMFS_NO_RESIZE] = "files keep their size: 'famfs creat -s' and 'famfs cp' "
			"make one of another size under another name",
		[FAMFS_NO_ATTR] = "attributes are given when a file is made: 'famfs creat "
			"-m -u -g'",
	};
	struct famfs_server *s = famfs_server_of(req);
	unsigned int bit = 1u << kind;

	if (!(__atomic_fetch_or(&s->refused, bit, __ATOMIC_RELAXED) & bit))
		famfs_say("refused with EPERM: %s", what[kind]);
	fuse_reply_err(req, s->rdonly ? EROFS : EPERM);
}

void famfs_server_replay(struct famfs_server *s)
{
	if (!s->log_bad && famfs_replay(s->fs))
		s->log_bad = 1;
}

/* ---- names ---- */

static int join(const struct famfs_node *dir, const char *name,
		char path[FAMFS_PATH_LEN])
{
	int n = snprintf(path, FAMFS_PATH_LEN, "%s%s%s", dir->path,
			 *dir->path ? "/" : "", name);

	if (n >= FAMFS_PATH_LEN)
		return -ENAMETOOLONG;
	return strncmp(path, FAMFS_SHADOW_TMP, strlen(FAMFS_SHADOW_TMP)) ? 0 : -ENOENT;
}

static void op_init(void *userdata, struct fuse_conn_info *conn)
{
	(void)userdata;
	daxfs_session_want(conn);
	conn->want &= ~(unsigned int)FUSE_CAP_EXPORT_SUPPORT;
}

static void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct famfs_server *s = famfs_server_of(req);
	struct fuse_entry_param e = { .attr_timeout = FAMFS_TIMEOUT,
				      .entry_timeout = FAMFS_TIMEOUT, .generation = 1 };
	char path[FAMFS_PATH_LEN];
	struct famfs_node *n, now;
	int r = join(famfs_node_of(s, parent), name, path);

	if (!r)
		r = famfs_node_get(s, path, &n);
	if (r) {
		fuse_reply_err(req, -r);
		return;
	}
	famfs_node_copy(s, n, &now);
	e.ino = famfs_node_ino(s, n);
	e.attr = now.st;
	if (fuse_reply_entry(req, &e) == -ENOENT)
		famfs_node_forget(s, e.ino, 1);
}

static void op_forget(fuse_req_t req, fuse_ino_t ino, uint64_t lookups)
{
	famfs_node_forget(famfs_server_of(req), ino, lookups);
	fuse_reply_none(req);
}

static void op_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *all)
{
	size_t i;

	for (i = 0; i < count; i++)
		famfs_node_forget(famfs_server_of(req), all[i].ino, all[i].nlookup);
	fuse_reply_none(req);
}

static void op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct famfs_server *s = famfs_server_of(req);
	struct famfs_node n;

	(void)fi;
	famfs_node_copy(s, famfs_node_of(s, ino), &n);
	fuse_reply_attr(req, &n.st, FAMFS_TIMEOUT);
}

static void op_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int to_set,
		       struct fuse_file_info *fi)
{
	(void)ino;
	(void)attr;
	(void)fi;
	famfs_refuse(req, to_set & FUSE_SET_ATTR_SIZE ? FAMFS_NO_RESIZE : FAMFS_NO_ATTR);
}

/* ---- listings ---- */

struct listing {
	DIR *dir;
	pthread_mutex_t lock;
};

static struct listing *listing_of(const struct fuse_file_info *fi)
{
	return (struct listing *)(uintptr_t)fi->fh;
}

static void op_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct famfs_server *s = famfs_server_of(req);
	struct listing *l = malloc(sizeof(*l));
	int fd = l ? famfs_shadow_at(s, famfs_node_of(s, ino)->path,
				     O_RDONLY | O_DIRECTORY) : -ENOMEM;

	if (fd >= 0) {
		l->dir = fdopendir(fd);
		pthread_mutex_init(&l->lock, NULL);
	}
	if (fd < 0 || !l->dir) {
		fuse_reply_err(req, fd < 0 ? -fd : errno);
		free(l);
		return;
	}
	fi->fh = (uintptr_t)l;
	if (fuse_reply_open(req, fi) == -ENOENT) {
		closedir(l->dir);
		free(l);
	}
}

static size_t list(fuse_req_t req, struct listing *l, char *buf, size_t size)
{
	size_t used = 0, n;
	struct dirent *d;

	while ((d = readdir(l->dir))) {
		struct stat st = { .st_ino = d->d_ino,
				   .st_mode = (mode_t)d->d_type << 12 };

		if (!strncmp(d->d_name, FAMFS_SHADOW_TMP, strlen(FAMFS_SHADOW_TMP)))
			continue;
		n = fuse_add_direntry(req, buf + used, size - used, d->d_name, &st,
				      d->d_off);
		if (n > size - used)
			break;
		used += n;
	}
	return used;
}

static void op_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		       struct fuse_file_info *fi)
{
	struct listing *l = listing_of(fi);
	char *buf = malloc(size);
	size_t used;

	(void)ino;
	if (!buf) {
		fuse_reply_err(req, ENOMEM);
		return;
	}
	pthread_mutex_lock(&l->lock);
	if (off)
		seekdir(l->dir, off);
	else
		rewinddir(l->dir);	/* with what is new */
	used = list(req, l, buf, size);
	pthread_mutex_unlock(&l->lock);
	fuse_reply_buf(req, buf, used);
	free(buf);
}

static void op_releasedir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino;
	closedir(listing_of(fi)->dir);
	free(listing_of(fi));
	fuse_reply_err(req, 0);
}

static void op_statfs(fuse_req_t req, fuse_ino_t ino)
{
	struct famfs_server *s = famfs_server_of(req);
	struct statvfs st = { .f_namemax = FAMFS_PATH_LEN - 1 };
	u64 total, used;

	(void)ino;
	pthread_mutex_lock(&s->fs_lock);
	famfs_server_replay(s);
	famfs_space_sum(s->fs, &total, &used);
	st.f_files = s->fs->log.capacity;
	st.f_ffree = s->fs->log.capacity - s->fs->played;
	st.f_bsize = st.f_frsize = s->fs->sb.alloc_unit;
	pthread_mutex_unlock(&s->fs_lock);
	st.f_blocks = total / st.f_bsize;
	st.f_bfree = st.f_bavail = (total - used) / st.f_bsize;
	st.f_favail = st.f_ffree;
	fuse_reply_statfs(req, &st);
}

/* ---- extended attributes ---- */

static const char xattr_names[] =
	FAMFS_XATTR "device\0" FAMFS_XATTR "shadow\0" FAMFS_XATTR "devmap\0"
	FAMFS_XATTR "path\0" FAMFS_XATTR "role\0" FAMFS_XATTR "map";

static void reply_text(fuse_req_t req, const char *text, size_t len, size_t size)
{
	if (!size)
		fuse_reply_xattr(req, len);
	else if (len > size)
		fuse_reply_err(req, ERANGE);
	else
		fuse_reply_buf(req, text, len);
}

static void reply_map(fuse_req_t req, const struct famfs_node *n, size_t size)
{
	struct famfs_text text;
	int r = S_ISREG(n->st.st_mode) ? famfs_yaml_write(&n->f, NULL, NULL, &text) :
		-ENODATA;

	if (r) {
		fuse_reply_err(req, -r);
		return;
	}
	reply_text(req, text.at, text.len, size);
	free(text.at);
}

static const char *xattr_text(const struct famfs_server *s, const struct famfs_node *n,
			      const char *name)
{
	if (!strcmp(name, "device"))
		return s->device;
	if (!strcmp(name, "shadow"))
		return s->shadow;
	if (!strcmp(name, "devmap"))
		return s->devmap;
	if (!strcmp(name, "path"))
		return n->path;
	if (!strcmp(name, "role"))
		return s->client ? "client" : "owner";
	return NULL;
}

static void op_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
	struct famfs_server *s = famfs_server_of(req);
	size_t prefix = strlen(FAMFS_XATTR);
	struct famfs_node n;
	const char *text;

	if (strncmp(name, FAMFS_XATTR, prefix)) {
		fuse_reply_err(req, ENODATA);
		return;
	}
	famfs_node_copy(s, famfs_node_of(s, ino), &n);
	text = xattr_text(s, &n, name + prefix);
	if (text)
		reply_text(req, text, strlen(text), size);
	else if (!strcmp(name + prefix, "map") && !s->as_shadow)
		reply_map(req, &n, size);
	else
		fuse_reply_err(req, ENODATA);
}

static void op_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
	struct famfs_server *s = famfs_server_of(req);
	struct famfs_node n;
	size_t len = sizeof(xattr_names);

	famfs_node_copy(s, famfs_node_of(s, ino), &n);
	if (!S_ISREG(n.st.st_mode) || s->as_shadow)
		len -= sizeof(FAMFS_XATTR "map");
	reply_text(req, xattr_names, len, size);
}

/* ---- what there is not ---- */

static void op_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
		     dev_t rdev)
{
	(void)parent;
	(void)name;
	(void)mode;
	(void)rdev;
	famfs_refuse(req, FAMFS_NO_CREATE);
}

static void op_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
		      struct fuse_file_info *fi)
{
	(void)parent;
	(void)name;
	(void)mode;
	(void)fi;
	famfs_refuse(req, FAMFS_NO_CREATE);
}

static void op_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	(void)parent;
	(void)name;
	(void)mode;
	famfs_refuse(req, FAMFS_NO_MKDIR);
}

static void op_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	(void)parent;
	(void)name;
	famfs_refuse(req, FAMFS_NO_DELETE);
}

static void op_rename(fuse_req_t req, fuse_ino_t parent, const char *name,
		      fuse_ino_t to, const char *to_name, unsigned int flags)
{
	(void)parent;
	(void)name;
	(void)to;
	(void)to_name;
	(void)flags;
	famfs_refuse(req, FAMFS_NO_DELETE);
}

static void op_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t parent, const char *name)
{
	(void)ino;
	(void)parent;
	(void)name;
	famfs_refuse(req, FAMFS_NO_CREATE);
}

static void op_symlink(fuse_req_t req, const char *target, fuse_ino_t parent,
		       const char *name)
{
	(void)target;
	(void)parent;
	(void)name;
	famfs_refuse(req, FAMFS_NO_CREATE);
}

static void op_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name,
			const char *value, size_t size, int flags)
{
	(void)ino;
	(void)name;
	(void)value;
	(void)size;
	(void)flags;
	famfs_refuse(req, FAMFS_NO_ATTR);
}

static void op_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name)
{
	(void)ino;
	(void)name;
	famfs_refuse(req, FAMFS_NO_ATTR);
}

static void op_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t off, off_t len,
			 struct fuse_file_info *fi)
{
	(void)ino;
	(void)mode;
	(void)off;
	(void)len;
	(void)fi;
	famfs_refuse(req, FAMFS_NO_RESIZE);
}

const struct fuse_lowlevel_ops famfs_server_ops = {
	.init		= op_init,
	.lookup		= op_lookup,
	.forget		= op_forget,
	.forget_multi	= op_forget_multi,
	.getattr	= op_getattr,
	.setattr	= op_setattr,
	.open		= famfs_op_open,
	.read		= famfs_op_read,
	.write		= famfs_op_write,
	.fsync		= famfs_op_fsync,
	.release	= famfs_op_release,
	.opendir	= op_opendir,
	.readdir	= op_readdir,
	.releasedir	= op_releasedir,
	.statfs		= op_statfs,
	.getxattr	= op_getxattr,
	.listxattr	= op_listxattr,
	.setxattr	= op_setxattr,
	.removexattr	= op_removexattr,
	.mknod		= op_mknod,
	.create		= op_create,
	.mkdir		= op_mkdir,
	.unlink		= op_unlink,
	.rmdir		= op_unlink,
	.rename		= op_rename,
	.link		= op_link,
	.symlink	= op_symlink,
	.fallocate	= op_fallocate,
};
