// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The dma-buf that DAXFS_IOC_GET_DMABUF gives, and what DAXFS_IOC_STATUS says.
 *
 * Notes: `region_fd check DIR` looks at the region through the descriptor: size,
 * magic, a private mapping of an export is refused, no access through one of a read-only
 * mount. `region_fd get DIR` only asks for it. `region_fd hold DIR COMMAND...` keeps
 * the descriptor and a mapping while COMMAND runs, and looks again then. Exit: 0 as
 * it should be, 1 not, 2 usage, 10 not permitted.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <daxfs/format.h>
#include <daxfs/ioctl.h>

static struct daxfs_ioc_status status;
static const struct daxfs_super *sb;

static int get(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY), buf;

	if (fd < 0 || ioctl(fd, DAXFS_IOC_STATUS, &status))
		err(1, "%s: status", dir);
	buf = ioctl(fd, DAXFS_IOC_GET_DMABUF);
	if (buf < 0 && errno == EPERM)
		errx(10, "%s: not permitted", dir);
	if (buf < 0)
		err(1, "%s: no dma-buf", dir);
	if (fcntl(buf, F_GETFD) != FD_CLOEXEC)
		errx(1, "the descriptor is not closed by exec");
	close(fd);
	return buf;
}

static int looks_right(void)
{
	return !memcmp(sb->magic, DAXFS_MAGIC, DAXFS_MAGIC_LEN) &&
	       !memcmp(sb->uuid, status.uuid, sizeof(status.uuid)) &&
	       status.region_len > 0;
}

/* Made by the module, and not the dma-buf that was mounted. */
static int is_export(int buf)
{
	char path[64], line[256];
	int found = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", buf);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f))
		found |= !strcmp(line, "exp_name:\tdaxfs\n");
	if (f)
		fclose(f);
	return found;
}

static void map(int buf)
{
	off_t len = lseek(buf, 0, SEEK_END);
	void *p;

	if (len < (off_t)status.region_len)
		errx(1, "the dma-buf has %jd bytes of %llu", (intmax_t)len,
		     status.region_len);
	if (is_export(buf) &&
	    mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, buf, 0) != MAP_FAILED)
		errx(1, "a private mapping is possible");
	p = mmap(NULL, (size_t)len, PROT_READ, MAP_SHARED, buf, 0);
	if (p == MAP_FAILED)
		err(1, "mmap");
	sb = p;
	/* The last page is there, too. */
	(void)((volatile char *)p)[len - 1];
	if (!looks_right())
		errx(1, "it does not begin with the superblock");
}

static void check(int buf)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, buf, 0);
	int ro = status.flags & DAXFS_IOC_ST_RDONLY;

	if ((p == MAP_FAILED) != !!ro)
		errx(1, "mapped for writing on a mount that is %s", ro ? "ro" : "rw");
	map(buf);
	printf("host %d, %llu bytes, %s, %s\n", (int)status.host, status.region_len,
	       ro ? "ro" : "rw", is_export(buf) ? "exported" : "of another");
}

static void hold(int buf, char **command)
{
	int rc;
	pid_t pid;

	map(buf);
	pid = fork();
	if (!pid) {
		execvp(command[0], command);
		err(127, "%s", command[0]);
	}
	if (pid < 0 || waitpid(pid, &rc, 0) != pid || rc)
		errx(1, "%s failed", command[0]);
	if (!looks_right())
		errx(1, "the memory has gone");
	map(buf);	/* which has no entries yet */
}

int main(int argc, char **argv)
{
	int buf;

	if (argc < 3)
		errx(2, "usage: region_fd get|check|hold DIR [COMMAND...]");
	buf = get(argv[2]);
	if (!strcmp(argv[1], "check"))
		check(buf);
	else if (!strcmp(argv[1], "hold") && argc > 3)
		hold(buf, argv + 3);
	else if (strcmp(argv[1], "get"))
		errx(2, "get, check or hold");
	return 0;
}
