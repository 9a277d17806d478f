// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * branch_time DIR MEMORY FILES...: what requests about branches cost on a kernel mount.
 *
 * Notes: DIR is empty, and no daxfs; MEMORY names the region to mount(2), as
 * phys=ADDR,size=SIZE. create: the ioctl on a mount of main; beside it, by turns,
 * mount(2) of an overlayfs. commit: of a branch in which so many files were made, one
 * line for each of FILES. Prints medians in microseconds; in a guest whose clock counts
 * instructions a ns is an instruction. Exit: 0, 1 failed, 2 usage.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <daxfs/ioctl.h>

#define SAMPLES		41
#define COMMITS		11
#define MANY		10000	/* files: fewer samples, and nothing in them */

static const char *memory;

#define check(cond) do { \
	if (!(cond)) { \
		fprintf(stderr, "branch_time: line %d: %s: %s\n", __LINE__, #cond, \
			strerror(errno)); \
		exit(1); \
	} \
} while (0)

static double now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec * 1e-3;
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *us, int nr)
{
	qsort(us, (size_t)nr, sizeof(*us), by_size);
	return us[nr / 2];
}

static void show(const char *dir, const char *branch)
{
	char options[512];

	snprintf(options, sizeof(options), "%s,branch=%s", memory, branch);
	check(!mount("none", dir, "daxfs", 0, options));
}

static uint64_t create(int root, const char *name)
{
	struct daxfs_ioc_branch b = { .parent = 0 };

	strcpy(b.name, name);
	check(!ioctl(root, DAXFS_IOC_BRANCH_CREATE, &b));
	return b.id;
}

static void overlay(void)
{
	check(!mount("overlay", "merged", "overlay", 0,
		     "lowerdir=ovl/lower,upperdir=ovl/upper,workdir=ovl/work"));
}

static void creates(int root)
{
	double made[SAMPLES], mounted[SAMPLES], ended[SAMPLES], t;
	int i;

	for (i = 0; i < SAMPLES; i++) {
		struct daxfs_ioc_branch_op op = { .if_head = 0 };

		t = now_us();
		op.id = create(root, "new");
		made[i] = now_us() - t;
		t = now_us();
		check(!ioctl(root, DAXFS_IOC_BRANCH_ABORT, &op));
		ended[i] = now_us() - t;
		t = now_us();
		overlay();
		mounted[i] = now_us() - t;
		check(!umount("merged"));
	}
	printf("create %.1f us, abort %.1f us, mount of an overlayfs %.1f us\n",
	       median(made, SAMPLES), median(ended, SAMPLES), median(mounted, SAMPLES));
}

static void fill(long files)
{
	char path[64];
	long i;
	int fd;

	for (i = 0; i < files; i++) {
		snprintf(path, sizeof(path), "branch/f%ld", i);
		fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
		check(fd >= 0 && (files >= MANY || write(fd, path, 8) == 8) && !close(fd));
	}
}

static double commit(int root, long files)
{
	struct daxfs_ioc_branch_op op = { .id = DAXFS_IOC_BRANCH_SELF };
	double t;
	int fd;

	create(root, "changed");
	show("branch", "changed");
	fill(files);
	fd = open("branch", O_RDONLY | O_DIRECTORY);
	check(fd >= 0);
	t = now_us();
	check(!ioctl(fd, DAXFS_IOC_BRANCH_COMMIT, &op));
	t = now_us() - t;
	check(!close(fd) && !umount("branch"));
	return t;
}

static double commits(int root, long files)
{
	int nr = files < MANY ? COMMITS : 3, i;
	double us[COMMITS], p50;

	for (i = 0; i < nr; i++)
		us[i] = commit(root, files);
	p50 = median(us, nr);
	printf("commit of %ld files: %.1f us\n", files, p50);
	return p50;
}

int main(int argc, char **argv)
{
	static const char *const dirs[] = { "main", "branch", "merged", "ovl" };
	double least = 0, most = 0, us;
	size_t i;
	int root, k;

	if (argc < 4) {
		fprintf(stderr, "usage: branch_time DIR MEMORY FILES...\n");
		return 2;
	}
	memory = argv[2];
	check(!chdir(argv[1]));
	for (i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++)
		check(!mkdir(dirs[i], 0755));
	check(!mount("none", "ovl", "tmpfs", 0, NULL));
	check(!mkdir("ovl/lower", 0755) && !mkdir("ovl/upper", 0755) &&
	      !mkdir("ovl/work", 0755));
	show("main", "main");
	root = open("main", O_RDONLY | O_DIRECTORY);
	check(root >= 0);
	creates(root);
	for (k = 3; k < argc; k++) {
		us = commits(root, atol(argv[k]));
		least = least == 0 || us < least ? us : least;
		most = us > most ? us : most;
	}
	printf("largest / smallest commit: %.2f\n", most / least);
	check(!close(root) && !umount("main") && !umount("ovl"));
	return 0;
}
