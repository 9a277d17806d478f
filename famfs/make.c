// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * New files: extents, then content, then the entry that makes them exist.
 *
 * Notes: files are made in batches. Their content is written by several
 * threads, and only then their entries are appended, in order. Whoever dies
 * leaves whole files and free space, never a file with half of its content. A
 * file that cannot be made is none, and the others of its batch are made.
 */
#include <stdlib.h>
#include <unistd.h>

#include "famfs.h"

#define BATCH_FILES	64u
#define BATCH_BYTES	(256ull << 20)

struct job {
	struct famfs_rec rec;
	int there;		/* an old file: only its content is new */
	int fd;			/* content, or -1 */
	int has_seed;
	u64 seed;
	char *name;		/* for messages */
	int r;
};

struct famfs_batch {
	struct famfs_fs *fs;
	const struct famfs_new *how;
	struct job job[BATCH_FILES];
	u32 nr;
	u64 bytes;
	int r;			/* the first error */
};

struct famfs_batch *famfs_batch_new(struct famfs_fs *fs, const struct famfs_new *how)
{
	struct famfs_batch *b = calloc(1, sizeof(*b));

	if (b) {
		b->fs = fs;
		b->how = how;
	} else {
		famfs_say("%s", strerror(ENOMEM));
	}
	return b;
}

static int failed(struct famfs_batch *b, int r)
{
	if (r && !b->r)
		b->r = r;
	return r;
}

/* ---- the end of a batch ---- */

static int fill(void *arg, u64 i)
{
	struct famfs_batch *b = arg;
	struct job *job = &b->job[i];

	if (job->fd >= 0)
		job->r = famfs_content_copy(b->fs, &job->rec.f, job->fd, job->name);
	else if (job->has_seed)
		job->r = famfs_content_fill(b->fs, &job->rec.f, job->seed);
	return 0;
}

static void finish(struct famfs_batch *b, struct job *job)
{
	int visible = job->there;

	if (!job->r && !job->there) {
		u64 before = b->fs->played;

		job->r = famfs_append(b->fs, &job->rec);
		visible = b->fs->played != before;
	}
	if (job->r && !visible)
		famfs_unallocate(b->fs, &job->rec.f);
	else if (!job->r && b->how->verbose)
		printf("%s: %llu bytes\n", job->rec.f.path,
		       (unsigned long long)job->rec.f.size);
	failed(b, job->r);
	if (job->fd >= 0)
		close(job->fd);
	free(job->name);
}

static void commit(struct famfs_batch *b)
{
	u32 i;

	if (!b->nr)
		return;
	famfs_parallel(b->how->threads, b->nr, fill, b);
	for (i = 0; i < b->nr; i++)
		finish(b, &b->job[i]);
	b->nr = 0;
	b->bytes = 0;
}

int famfs_batch_end(struct famfs_batch *b)
{
	int r;

	if (!b)
		return -ENOMEM;
	commit(b);
	r = b->r;
	free(b);
	return r;
}

/* ---- adding to it ---- */

static int pending(const struct famfs_batch *b, const char *path)
{
	u32 i;

	for (i = 0; i < b->nr; i++)
		if (!strcmp(b->job[i].rec.f.path, path))
			return 1;
	return 0;
}

static int check_parent(const struct famfs_fs *fs, const char *path)
{
	char parent[FAMFS_PATH_LEN];

	famfs_parent(path, parent);
	if (famfs_names_dir(&fs->names, parent))
		return 0;
	famfs_say("%s: there is no directory '%s'; make it with 'famfs mkdir'", path,
		  parent);
	return -ENOENT;
}

static void set_attributes(const struct famfs_new *how, struct famfs_file *f, u32 mode)
{
	f->mode = how->has_mode ? how->mode : mode;
	f->uid = how->has_uid ? how->uid : geteuid();
	f->gid = how->has_gid ? how->gid : getegid();
	f->flags = how->flags;
}

/* A job for a file that is not there, with extents. */
static struct job *add_new(struct famfs_batch *b, const char *path, u64 size, u32 mode)
{
	struct job *job = &b->job[b->nr];
	int r = *path ? check_parent(b->fs, path) : -EISDIR;

	*job = (struct job){ .fd = -1, .rec.type = FAMFS_LOG_FILE };
	if (r == -EISDIR)
		famfs_say("the root is not a file");
	if (!r && (famfs_names_find(&b->fs->names, path) || pending(b, path))) {
		famfs_say("%s: exists already", path);
		r = -EEXIST;
	}
	if (!r)
		r = famfs_room(b->fs, b->nr);
	if (!r) {
		memcpy(job->rec.f.path, path, strlen(path) + 1);
		job->rec.f.size = size;
		set_attributes(b->how, &job->rec.f, mode);
		r = famfs_allocate(b->fs, &job->rec.f, &b->how->stripes);
	}
	failed(b, r);
	return r ? NULL : job;
}

static void added(struct famfs_batch *b, u64 bytes)
{
	b->nr++;
	b->bytes += bytes;
	if (b->nr == BATCH_FILES || b->bytes >= BATCH_BYTES)
		commit(b);
}

static u32 default_mode(u32 all)
{
	mode_t mask = umask(0);

	umask(mask);
	return all & ~(u32)mask;
}

int famfs_batch_numbers(struct famfs_batch *b, const char *path, u64 size,
			const u64 *seed)
{
	struct job *job = add_new(b, path, size, default_mode(0666));

	if (!job)
		return b->r;
	if (seed) {
		job->has_seed = 1;
		job->seed = *seed;
	}
	added(b, seed ? size : 0);
	return 0;
}

/* A restart: the same file again, into the extents that it has. */
static struct job *add_old(struct famfs_batch *b, const char *path, u64 size)
{
	struct job *job = &b->job[b->nr];
	int r;
	u32 i;

	*job = (struct job){ .fd = -1, .there = 1 };
	r = famfs_stat(b->fs, path, &job->rec);
	if (!r && job->rec.type == FAMFS_LOG_MKDIR) {
		famfs_say("%s: is a directory", path);
		r = -EISDIR;
	} else if (!r && job->rec.f.size != size) {
		famfs_say("%s: exists with %llu bytes instead of %llu: a file cannot "
			  "change its size", path,
			  (unsigned long long)job->rec.f.size,
			  (unsigned long long)size);
		r = -EEXIST;
	}
	for (i = 0; !r && i < job->rec.f.map.nr; i++)
		famfs_device(b->fs, job->rec.f.map.ext[i].device);
	failed(b, r);
	return r ? NULL : job;
}

int famfs_batch_copy(struct famfs_batch *b, const char *path, int fd,
		     const struct stat *st, const char *name)
{
	u64 size = (u64)st->st_size;
	struct job *job = NULL;
	char *copy = strdup(name);

	if (!copy)
		failed(b, -ENOMEM);
	else if (famfs_names_find(&b->fs->names, path))
		job = add_old(b, path, size);
	else
		job = add_new(b, path, size, st->st_mode & 0777);
	if (!job) {
		free(copy);
		close(fd);
		return b->r;
	}
	job->fd = fd;
	job->name = copy;
	added(b, size);
	return 0;
}

/* ---- directories ---- */

static int make_parents(struct famfs_fs *fs, const char *path,
			const struct famfs_new *how)
{
	char parent[FAMFS_PATH_LEN];

	famfs_parent(path, parent);
	return famfs_names_dir(&fs->names, parent) ? 0 :
	       famfs_make_dir(fs, parent, how, default_mode(0777), 1);
}

int famfs_make_dir(struct famfs_fs *fs, const char *path, const struct famfs_new *how,
		   u32 mode, int parents)
{
	struct famfs_rec rec = { .type = FAMFS_LOG_MKDIR };
	int r;

	if (parents && famfs_names_dir(&fs->names, path))
		return 0;
	if (!*path || famfs_names_find(&fs->names, path)) {
		famfs_say("%s: exists already", *path ? path : "the root");
		return -EEXIST;
	}
	r = parents ? make_parents(fs, path, how) : check_parent(fs, path);
	if (r)
		return r;
	memcpy(rec.f.path, path, strlen(path) + 1);
	set_attributes(how, &rec.f, mode);
	rec.f.flags = 0;
	r = famfs_append(fs, &rec);
	if (!r && how->verbose)
		printf("%s\n", path);
	return r;
}
