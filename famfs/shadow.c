// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The shadow tree: the log as directories and small files.
 *
 * Notes: nothing outside the root is touched, whatever the log says and
 * whatever lies in the tree: paths were checked, and every directory is opened
 * by openat2(2) beneath the root and through no link. A file appears with its
 * content by rename(2). What is there already and right is left alone, so a
 * log may be played any number of times.
 */
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "famfs.h"

int famfs_uuid_of_slot(void *arg, u64 device, u8 uuid[FAMFS_UUID_LEN])
{
	struct famfs_fs *fs = arg;

	if (device >= fs->devices)
		return -ENODEV;
	memcpy(uuid, fs->slot[device].uuid, FAMFS_UUID_LEN);
	return 0;
}

int famfs_slot_of_uuid(void *arg, const u8 uuid[FAMFS_UUID_LEN], u64 *device)
{
	struct famfs_fs *fs = arg;
	u32 i;

	for (i = 0; i < fs->devices; i++)
		if (!memcmp(fs->slot[i].uuid, uuid, FAMFS_UUID_LEN)) {
			*device = i;
			return 0;
		}
	return -ENODEV;
}

int famfs_open_beneath(int root, const char *path, int flags)
{
	struct open_how how = { .flags = (u64)flags | O_CLOEXEC | O_NOFOLLOW,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS |
			   RESOLVE_NO_MAGICLINKS };
	int fd = (int)syscall(SYS_openat2, root, *path ? path : ".", &how, sizeof(how));

	return fd < 0 ? -errno : fd;
}

int famfs_shadow_open(struct famfs_shadow *s, struct famfs_fs *fs, const char *dir)
{
	*s = (struct famfs_shadow){ .root = -1, .dir = -1, .fs = fs };
	if (!dir)
		return 0;
	if (mkdir(dir, 0755) && errno != EEXIST) {
		famfs_say("%s: cannot make it: %s", dir, strerror(errno));
		return -errno;
	}
	s->root = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->root >= 0)
		return 0;
	famfs_say("%s: cannot open: %s", dir, strerror(errno));
	return -errno;
}

void famfs_shadow_close(struct famfs_shadow *s)
{
	if (s->dir >= 0)
		close(s->dir);
	if (s->root >= 0)
		close(s->root);
	s->dir = -1;
	s->root = -1;
}

static int say_error(const char *path, int r)
{
	famfs_say("%s: cannot be shown in the shadow tree: %s", path, strerror(-r));
	return r;
}

/* The directory that path is in; the last one stays open. */
static int parent_of(struct famfs_shadow *s, const char *path)
{
	char parent[FAMFS_PATH_LEN];

	famfs_parent(path, parent);
	if (s->dir >= 0 && !strcmp(parent, s->dir_path))
		return s->dir;
	if (s->dir >= 0)
		close(s->dir);
	s->dir = famfs_open_beneath(s->root, parent, O_RDONLY | O_DIRECTORY);
	memcpy(s->dir_path, parent, sizeof(parent));
	return s->dir;
}

static const char *name_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* ---- directories ---- */

/* Without root a directory stays ours, and that is said once. */
static int set_owner(struct famfs_shadow *s, int fd, const struct famfs_file *d)
{
	if (!fchown(fd, d->uid, d->gid))
		return 0;
	if (errno != EPERM)
		return -errno;
	if (!s->warned)
		famfs_say("%s: its owner can be set by root alone: directories are "
			  "shown as yours", d->path);
	s->warned = 1;
	return 0;
}

static int set_attributes(struct famfs_shadow *s, int fd, const struct famfs_file *d)
{
	struct stat st;
	int r = 0;

	if (fstat(fd, &st))
		return -errno;
	if (st.st_uid != d->uid || st.st_gid != d->gid)
		r = set_owner(s, fd, d);
	if (!r && ((st.st_mode & 07777) != d->mode || st.st_uid != d->uid))
		r = fchmod(fd, d->mode) ? -errno : 0;
	return r;
}

static int show_dir(struct famfs_shadow *s, const struct famfs_rec *rec)
{
	const struct famfs_name *name = famfs_names_find(&s->fs->names, rec->f.path);
	int dir = parent_of(s, rec->f.path), fd, r;

	s->dirs++;
	if (name && name->index != rec->index)
		return 0;	/* made twice: the first one counts */
	if (dir < 0)
		return dir;
	r = mkdirat(dir, name_of(rec->f.path), 0700) ? -errno : 0;
	if (r && r != -EEXIST)
		return r;
	s->made += !r;
	fd = famfs_open_beneath(dir, name_of(rec->f.path), O_RDONLY | O_DIRECTORY);
	if (fd < 0)
		return fd;
	r = set_attributes(s, fd, &rec->f);
	close(fd);
	return r;
}

/* ---- files ---- */

static int has_text(int dir, const char *name, const struct famfs_text *text)
{
	char *have = malloc(text->len + 1);
	int fd = have ? famfs_open_beneath(dir, name, O_RDONLY | O_NONBLOCK) : -1;
	ssize_t n = fd >= 0 ? read(fd, have, text->len + 1) : -1;
	int same = n == (ssize_t)text->len && !memcmp(have, text->at, text->len);

	if (fd >= 0)
		close(fd);
	free(have);
	return same;
}

/* Of a process that is gone there may be one. */
static int open_new(int root, const char *name)
{
	int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
	int fd = openat(root, name, flags, 0644);

	if (fd < 0 && errno == EEXIST && !unlinkat(root, name, 0))
		fd = openat(root, name, flags, 0644);
	return fd < 0 ? -errno : fd;
}

static int put_text(struct famfs_shadow *s, int dir, const char *name,
		    const struct famfs_text *text)
{
	char tmp[64];
	int fd, r = 0;

	snprintf(tmp, sizeof(tmp), FAMFS_SHADOW_TMP "%ld", (long)getpid());
	fd = open_new(s->root, tmp);
	if (fd < 0)
		return fd;
	if (write(fd, text->at, text->len) != (ssize_t)text->len)
		r = errno ? -errno : -EIO;
	close(fd);
	if (!r && renameat(s->root, tmp, dir, name))
		r = -errno;
	if (r)
		unlinkat(s->root, tmp, 0);
	return r;
}

/* Read back: it means what the log says. */
static int verify(struct famfs_shadow *s, const struct famfs_file *f,
		  const struct famfs_text *text)
{
	struct famfs_file back;
	char why[FAMFS_WHY];
	int r = famfs_yaml_read(text->at, text->len, famfs_slot_of_uuid, s->fs, &back,
				why);

	if (!r && (strcmp(back.path, f->path) || back.size != f->size ||
		   back.mode != f->mode || back.uid != f->uid || back.gid != f->gid ||
		   back.flags != f->flags || memcmp(&back.map, &f->map, sizeof(f->map))))
		r = famfs_because(why, -EIO, "it is not what the log says");
	if (r)
		famfs_say("%s: shadow file read back: %s", f->path, why);
	return r;
}

static int show_text(struct famfs_shadow *s, const char *path,
		     const struct famfs_text *text)
{
	int dir = parent_of(s, path), r;

	if (dir < 0)
		return dir;
	if (has_text(dir, name_of(path), text))
		return 0;
	r = put_text(s, dir, name_of(path), text);
	s->made += !r;
	return r;
}

static int show_file(struct famfs_shadow *s, const struct famfs_rec *rec)
{
	struct famfs_file f = rec->f;
	struct famfs_text text;
	int r;

	s->files++;
	if (s->read_only && !(f.flags & FAMFS_ALL_HOSTS_RW))
		f.mode &= ~0222u;
	r = famfs_yaml_write(&f, s->reference ? famfs_uuid_of_slot : NULL, s->fs, &text);
	if (r)
		return r;
	if (s->verify)
		r = verify(s, &f, &text);
	if (!r && s->root >= 0)
		r = show_text(s, f.path, &text);
	free(text.at);
	return r;
}

int famfs_shadow_show(void *arg, const struct famfs_rec *rec)
{
	struct famfs_shadow *s = arg;
	int r = 0;

	if (rec->type == FAMFS_LOG_FILE)
		r = show_file(s, rec);
	else if (rec->type == FAMFS_LOG_MKDIR && s->root >= 0)
		r = show_dir(s, rec);
	else if (rec->type == FAMFS_LOG_MKDIR)
		s->dirs++;
	return r ? say_error(rec->f.path, r) : 0;
}
