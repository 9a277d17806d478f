// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * famfs cp: copy files and trees into a file system, on the owner.
 *
 * Notes: a link to a file is copied as that file. What is neither a file nor a
 * directory is named and left out, and makes the status 1; so does what cannot
 * be read. All else is copied. Run again it goes on: files that are there with
 * the same size get their content anew.
 */
#include <dirent.h>
#include <fcntl.h>
#include <getopt.h>
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "../tools/common.h"
#include "famfs.h"

static const char help[] =
"usage: famfs cp [-r] [OPTION...] SOURCE... DESTINATION\n"
"\n"
"Copy files into a file system. Only on the owner. A file that is there with the\n"
"same size gets its content anew; with another size it is an error.\n"
"  -r, --recursive        directories, with what is in them\n"
"  -t, --threadct N       threads that copy\n"
"  -m, --mode MODE        permission bits of files, octal (those of the source)\n"
"  -u, --uid UID          owner, a number (the caller)\n"
"  -g, --gid GID          group, a number\n"
"  -N, -B, -C             interleaved, as with 'famfs creat'\n"
"  -v, --verbose          say what is made\n"
"  -d, --daxdev DEVICE    without a mount: DESTINATION counts from the root there\n";

struct cp {
	struct famfs_new how;
	struct famfs_new dir_how;	/* -m is for files */
	int recursive;
	struct famfs_fs *fs;
	struct famfs_batch *batch;
	int r;				/* the first error that stops nothing */
};

static int noted(struct cp *cp, int r)
{
	if (r && !cp->r)
		cp->r = r;
	return r;
}

static int cannot(struct cp *cp, const char *path, int err)
{
	famfs_say("%s: cannot be read: %s", path, strerror(err));
	return noted(cp, -err);
}

/* A full file system ends it all. */
static int is_end(int r)
{
	return r == -ENOSPC || r == -ENOMEM || r == -EIO;
}

static int copy_file(struct cp *cp, const char *from, const char *to)
{
	int fd = open(from, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), r;
	struct stat st;

	if (fd < 0 || fstat(fd, &st)) {
		r = cannot(cp, from, errno);
		if (fd >= 0)
			close(fd);
		return r;
	}
	return noted(cp, famfs_batch_copy(cp->batch, to, fd, &st, from));
}

static int copy(struct cp *cp, const char *from, const char *to);

/* to/name, if that is a path that may be. */
static int join(char *path, const char *to, const char *name)
{
	char why[FAMFS_WHY];
	int len = snprintf(path, PATH_MAX, "%s%s%s", to, *to ? "/" : "", name);
	int r = len < 0 || len >= PATH_MAX ? -ENAMETOOLONG :
		famfs_path_check(path, (size_t)len + 1, why);

	if (r == -ENAMETOOLONG && len >= PATH_MAX)
		famfs_because(why, r, "%s", strerror(ENAMETOOLONG));
	if (r)
		famfs_say("%s/%s: %s", to, name, why);
	return r;
}

static int copy_entries(struct cp *cp, DIR *dir, const char *from, const char *to)
{
	char path[PATH_MAX], source[PATH_MAX];
	struct dirent *d;
	int r = 0;

	while (!is_end(r) && (d = readdir(dir))) {
		if (!strcmp(d->d_name, ".") || !strcmp(d->d_name, ".."))
			continue;
		r = noted(cp, join(path, to, d->d_name));
		if (r)
			continue;
		if (snprintf(source, sizeof(source), "%s/%s", from, d->d_name) >=
		    (int)sizeof(source))
			r = cannot(cp, from, ENAMETOOLONG);
		else
			r = copy(cp, source, path);
	}
	return r;
}

static int copy_dir(struct cp *cp, const char *from, const char *to,
		    const struct stat *st)
{
	DIR *dir = opendir(from);
	int r;

	if (!dir)
		return cannot(cp, from, errno);
	r = famfs_names_dir(&cp->fs->names, to) ? 0 :
	    noted(cp, famfs_make_dir(cp->fs, to, &cp->dir_how, st->st_mode & 0777, 0));
	if (!r)
		r = copy_entries(cp, dir, from, to);
	closedir(dir);
	return r;
}

static int copy(struct cp *cp, const char *from, const char *to)
{
	struct stat st, link;

	if (lstat(from, &link) || stat(from, &st))
		return cannot(cp, from, errno);
	if (S_ISREG(st.st_mode))
		return copy_file(cp, from, to);
	if (S_ISDIR(link.st_mode) && cp->recursive)
		return copy_dir(cp, from, to, &st);
	famfs_say("%s: %s; left out", from, S_ISDIR(link.st_mode) ?
		  "a directory, and there is no -r" : S_ISDIR(st.st_mode) ?
		  "a link to a directory" : "neither a file nor a directory");
	return noted(cp, -EINVAL);
}

/* Into a directory by the name it has, else under the name that is given. */
static int copy_named(struct cp *cp, const char *from, const char *to)
{
	char path[PATH_MAX], real[PATH_MAX];

	if (!famfs_names_dir(&cp->fs->names, to))
		return copy(cp, from, to);
	if (!realpath(from, real))
		return cannot(cp, from, errno);
	if (noted(cp, join(path, to, basename(real))))
		return -EINVAL;
	return copy(cp, from, path);
}

static int copy_all(struct cp *cp, const struct famfs_target *t, char **from, int nr)
{
	struct famfs_shadow shadow;
	int i, r = famfs_target_open(t, FAMFS_LOG, &cp->fs, &shadow), end;

	if (r)
		return r;
	cp->batch = famfs_batch_new(cp->fs, &cp->how);
	if (!cp->batch)
		r = -ENOMEM;
	if (!r && nr > 1 && !famfs_names_dir(&cp->fs->names, t->path)) {
		famfs_say("%s: is no directory, and several are to be copied", t->path);
		r = -ENOTDIR;
	}
	for (i = 0; i < nr && !is_end(r) && r != -ENOTDIR; i++)
		r = copy_named(cp, from[i], t->path);
	end = famfs_batch_end(cp->batch);
	famfs_target_close(cp->fs, &shadow);
	return cp->r ? cp->r : r ? r : end;
}

int famfs_cmd_cp(int argc, char **argv)
{
	static const struct option option[] = {
		{ "recursive", 0, NULL, 'r' }, { "mode", 1, NULL, 'm' },
		{ "uid", 1, NULL, 'u' }, { "gid", 1, NULL, 'g' },
		{ "threadct", 1, NULL, 't' }, { "nstrips", 1, NULL, 'N' },
		{ "nbuckets", 1, NULL, 'B' }, { "chunksize", 1, NULL, 'C' },
		{ "verbose", 0, NULL, 'v' }, { "daxdev", 1, NULL, 'd' },
		{ "help", 0, NULL, 'h' }, { NULL, 0, NULL, 0 },
	};
	struct cp cp = { .recursive = 0 };
	const char *device = NULL;
	struct famfs_target t;
	int c, nr, r;

	famfs_new_init(&cp.how);
	while ((c = getopt_long(argc, argv, "rm:u:g:t:N:B:C:vd:h", option, NULL)) != -1) {
		if (c == 'h')
			return fputs(help, stdout), famfs_status(0);
		if (c == 'r')
			cp.recursive = 1;
		else if (c == 'd')
			device = optarg;
		else if (!famfs_arg_new(&cp.how, c, optarg))
			return famfs_usage("wrong option");
	}
	nr = argc - optind - 1;
	if (nr < 1)
		return famfs_usage("name what to copy, and where to");
	if (cp.how.stripes.strips && !cp.how.stripes.buckets)
		cp.how.stripes.buckets = cp.how.stripes.strips;
	cp.dir_how = cp.how;
	cp.dir_how.has_mode = 0;
	r = famfs_target(&t, device, argv[argc - 1]);
	if (!r)
		r = copy_all(&cp, &t, argv + optind, nr);
	famfs_target_free(&t);
	return famfs_status(r);
}
