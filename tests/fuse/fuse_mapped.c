// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * fuse_mapped REGION MNT: files of a FUSE mount that another host has mapped.
 *
 * Notes: this process is that host. It stores into the pages of a file through
 * the memory of the region, as the processes of a kernel mount do through their
 * mappings: nothing counts such a store. What a FUSE mount has open since the file
 * was mapped must show each of them at the next read. Exit 0: as it must be; 1:
 * not, and stdout says how.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <daxfs/daxfs.h>

#define PAGE	4096
#define ROUNDS	200

static struct daxfs *fs;
static char path[PATH_MAX];

#define check(cond, ...) do { \
	if (!(cond)) { \
		printf(__VA_ARGS__); \
		printf(" (%s)\n", strerror(errno)); \
		exit(1); \
	} \
} while (0)

static int open_file(void)
{
	int fd = open(path, O_RDWR);

	check(fd >= 0, "open");
	return fd;
}

/* The first page of the file as memory of the region. */
static char *map_page(struct daxfs_fd *fd, struct daxfs_pin **pin)
{
	struct daxfs_pin_run run;

	check(!daxfs_pin_begin(fd, pin), "daxfs_pin_begin");
	check(daxfs_pin_runs(*pin, 0, PAGE, &run, 1) == 1 && run.ptr,
	      "daxfs_pin_runs");
	return (char *)(uintptr_t)run.ptr;
}

/* Have the kernel keep the page. */
static void fill_cache(void)
{
	char buf[PAGE] = "at first";
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0644);

	check(fd >= 0, "create");
	check(write(fd, buf, PAGE) == PAGE && pread(fd, buf, PAGE, 0) == PAGE,
	      "first content");
	close(fd);
}

static void follow_stores(char *page)
{
	int fd = open_file(), i;
	char want[32], got[32];

	for (i = 0; i < ROUNDS; i++) {
		snprintf(want, sizeof(want), "store %d", i);
		memcpy(page, want, sizeof(want));
		check(pread(fd, got, sizeof(got), 0) == sizeof(got), "pread");
		check(!strcmp(want, got), "'%s' is read as '%s'", want, got);
	}
	/* ... and the other way. */
	check(pwrite(fd, "through the mount", 18, 0) == 18, "pwrite");
	check(!strcmp(page, "through the mount"), "not in memory");
	close(fd);
}

int main(int argc, char **argv)
{
	struct daxfs_pin *pin;
	struct daxfs_fd *fd;
	char why[256] = "";

	if (argc != 3) {
		fprintf(stderr, "usage: fuse_mapped REGION MNT\n");
		return 2;
	}
	snprintf(path, sizeof(path), "%s/mapped", argv[2]);
	fill_cache();
	check(!daxfs_fs_open(&fs, argv[1], 0, why, sizeof(why)), "%s", why);
	check(!daxfs_fd_open(fs, NULL, "mapped", O_RDWR, 0, &fd), "daxfs_fd_open");
	follow_stores(map_page(fd, &pin));
	daxfs_pin_end(pin);
	daxfs_fd_close(fd);
	return daxfs_fs_close(fs) ? 1 : 0;
}
