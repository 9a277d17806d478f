// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Mount a region by libdaxfs, whatever it holds: look at everything, then
 * change things everywhere, unless -r says not to.
 *
 * Notes: for damaged regions: each error is an answer. Only its end counts:
 * exit 0 (2: usage), no signal, and it comes by itself.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <daxfs/daxfs.h>

#define NODES		500u
#define DEPTH		8u
#define PER_DIR		2000u

static struct daxfs *fs;
static unsigned int nodes;
static int rdonly;
static char buf[70000];

static void use_file(struct daxfs_fd *fd)
{
	struct stat st;

	if (daxfs_fd_stat(fd, &st) || !S_ISREG(st.st_mode))
		return;
	if (daxfs_fd_pread(fd, buf, sizeof(buf), 0) > (ssize_t)sizeof(buf))
		nodes = ~0u;
	daxfs_fd_pread(fd, buf, 5000, st.st_size - 3000);
	if (rdonly)
		return;
	daxfs_fd_pwrite(fd, buf, 9000, 100);
	daxfs_fd_append(fd, buf, 5000, NULL);
	daxfs_fd_truncate(fd, 1234);
}

static void change(struct daxfs_fd *dir, const char *name)
{
	char other[300];

	if (rdonly)
		return;
	snprintf(other, sizeof(other), "%.200s~", name);
	daxfs_fs_link(fs, dir, name, dir, other, 0);
	daxfs_fs_rename(fs, dir, name, dir, other, 0);
	daxfs_fs_mkdir(fs, dir, name, 0755);
	daxfs_fs_unlink(fs, dir, other);
	daxfs_fs_rmdir(fs, dir, name);
}

static void walk(struct daxfs_fd *dir, unsigned int depth);

static void visit(struct daxfs_fd *dir, const char *name, unsigned int depth)
{
	struct daxfs_fd *fd = NULL;
	struct stat st;

	if (!daxfs_fs_stat(fs, dir, name, &st, AT_SYMLINK_NOFOLLOW) &&
	    S_ISLNK(st.st_mode))
		daxfs_fs_readlink(fs, dir, name, buf, sizeof(buf));
	if (!daxfs_fd_open(fs, dir, name, rdonly ? O_RDONLY : O_RDWR, 0, &fd)) {
		use_file(fd);
	} else if (!daxfs_fd_open(fs, dir, name, O_RDONLY, 0, &fd)) {
		use_file(fd);
		walk(fd, depth + 1);
	}
	if (fd)
		daxfs_fd_close(fd);
	change(dir, name);
}

static void walk(struct daxfs_fd *dir, unsigned int depth)
{
	struct daxfs_list_entry e;
	struct daxfs_list *list;
	unsigned int nr = 0;

	if (depth > DEPTH || daxfs_list_open(dir, 0, &list))
		return;
	while (daxfs_list_next(list, &e) == 1 && nr++ < PER_DIR)
		if (strcmp(e.name, ".") && strcmp(e.name, "..") &&
		    nodes++ < NODES)
			visit(dir, e.name, depth);
	daxfs_list_close(list);
}

int main(int argc, char **argv)
{
	struct daxfs_fd *root = NULL;
	struct statvfs st;
	int r;

	rdonly = argc == 3 && !strcmp(argv[1], "-r");
	if (argc != 2 + rdonly) {
		fprintf(stderr, "usage: lib_walk [-r] REGION\n");
		return 2;
	}
	r = daxfs_fs_open(&fs, argv[1 + rdonly], rdonly ? DAXFS_FS_RDONLY : 0,
			  NULL, 0);
	if (r) {
		printf("not mounted: %d\n", r);
		return 0;
	}
	daxfs_fs_statvfs(fs, &st);
	if (!daxfs_fd_open(fs, NULL, "/", O_RDONLY, 0, &root)) {
		walk(root, 0);
		daxfs_fd_close(root);
	}
	printf("%u things looked at\n", nodes);
	return daxfs_fs_close(fs) > 0 || nodes == ~0u;
}
