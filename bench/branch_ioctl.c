// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * branch_ioctl MOUNT NULLMOUNT ROUNDS: what making a branch costs on a mount.
 *
 * Notes: MOUNT shows main of a region with branches, NULLMOUNT is of null_fuse, which
 * answers an ioctl of the same size with zeros. They take turns. Prints the medians of
 * both in microseconds. All branches are taken away again, and that is not measured.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include <daxfs/ioctl.h>

#define ROUNDS_MAX	10000

static double ours[ROUNDS_MAX], null[ROUNDS_MAX];

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "branch_ioctl: ");
	perror(what);
	exit(1);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* One ioctl: its time; its result in b. */
static double create(int fd, struct daxfs_ioc_branch *b)
{
	double t = now();

	if (ioctl(fd, DAXFS_IOC_BRANCH_CREATE, b))
		die("create");
	return now() - t;
}

static int open_root(const char *mnt)
{
	int fd = open(mnt, O_RDONLY | O_DIRECTORY);

	if (fd < 0)
		die(mnt);
	return fd;
}

int main(int argc, char **argv)
{
	int fd, nul, i, nr = argc == 4 ? atoi(argv[3]) : 0;

	if (nr < 1 || nr > ROUNDS_MAX) {
		fprintf(stderr, "usage: branch_ioctl MOUNT NULLMOUNT ROUNDS\n");
		return 2;
	}
	fd = open_root(argv[1]);
	nul = open_root(argv[2]);
	for (i = 0; i < nr; i++) {
		struct daxfs_ioc_branch b = { .flags = DAXFS_IOC_BR_KEEP }, none = b;
		struct daxfs_ioc_branch_op op = { .id = 0 };

		snprintf(b.name, sizeof(b.name), "bench-%d", i);
		ours[i] = create(fd, &b);
		null[i] = create(nul, &none);
		op.id = b.id;
		if (ioctl(fd, DAXFS_IOC_BRANCH_ABORT, &op))
			die("abort");
	}
	qsort(ours, (size_t)nr, sizeof(*ours), by_value);
	qsort(null, (size_t)nr, sizeof(*null), by_value);
	printf("%.2f %.2f\n", ours[nr / 2], null[nr / 2]);
	return 0;
}
