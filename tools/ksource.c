// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What the kernel module is told of the memory that a region lies in.
 *
 * Notes: the module knows ranges of physical addresses, block devices with
 * direct access and dma-bufs. A device DAX is one range, which sysfs tells to
 * root; the driver of it keeps the range for itself, so that nobody else uses
 * it. The module holds no flock(2): the one taken here keeps mkdaxfs away while
 * the mount is made, and afterwards the host table does. For a block device it
 * is exclusive: lib/source.c says why.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <daxfs/ioctl.h>

#include "common.h"
#include "inspect.h"
#include "kmount.h"
#include "mount.h"

void kmount_source_init(struct kmount_source *s)
{
	memset(s, 0, sizeof(*s));
	s->dmabuf = s->lock = -1;
}

void kmount_source_fini(struct kmount_source *s)
{
	if (s->lock >= 0)
		close(s->lock);
	free(s->name);
	free(s->dev);
	kmount_source_init(s);
}

static int no_memory(void)
{
	daxfs_tool_error("out of memory");
	return KMOUNT_SYSTEM;
}

static int set_name(struct kmount_source *s, const char *name)
{
	s->name = strdup(name);
	return s->name ? 0 : no_memory();
}

static int set_range(struct kmount_source *s, uint64_t addr, uint64_t len)
{
	snprintf(s->phys, sizeof(s->phys), "0x%" PRIx64, addr);
	snprintf(s->size, sizeof(s->size), "%" PRIu64, len);
	return 0;
}

static int set_phys(struct kmount_source *s, const char *region)
{
	u64 addr, len;

	if (daxfs_source_phys(region, &addr, &len)) {
		daxfs_tool_error("%s: write phys:ADDRESS:SIZE, both multiples "
				 "of 4096", region);
		return KMOUNT_USAGE;
	}
	set_range(s, addr, len);
	/* Everybody may read mountinfo; addresses are not for everybody. */
	return set_name(s, "none");
}

/* ---- device DAX ---- */

/* A number in a file of the device's folder in sysfs. 0 or a negative errno. */
static int read_number(int dir, const char *name, uint64_t *value)
{
	char text[64];
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	ssize_t n;
	char *end;

	if (fd < 0)
		return -errno;
	n = read(fd, text, sizeof(text) - 1);
	if (n < 0)
		n = -errno;
	close(fd);
	if (n <= 0)
		return n ? (int)n : -EIO;
	text[n] = 0;
	errno = 0;
	*value = strtoull(text, &end, 0);
	return errno || end == text ? -EINVAL : 0;
}

static int is_dax(int dir)
{
	char link[256];
	ssize_t n = readlinkat(dir, "subsystem", link, sizeof(link) - 1);

	if (n < 4)
		return 0;
	link[n] = 0;
	return !strcmp(link + n - 4, "/dax");
}

/* Ranges that a device consists of: folders mapping0, mapping1... */
static uint32_t ranges(int dir)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *de;
	uint32_t nr = 0;

	if (!d) {
		if (fd >= 0)
			close(fd);
		return 0;
	}
	while ((de = readdir(d)))
		nr += !strncmp(de->d_name, "mapping", 7);
	closedir(d);
	return nr;
}

static int dax_range(struct kmount_source *s, const char *region, int dir)
{
	uint64_t addr = 0, len = 0;
	int r = read_number(dir, "resource", &addr);

	if (!is_dax(dir)) {
		daxfs_tool_error("%s: not a device of memory; name /dev/daxX.Y, "
				 "/dev/pmemN or phys:ADDR:SIZE", region);
		return KMOUNT_FAILED;
	}
	if (ranges(dir) > 1) {
		daxfs_tool_error("%s: consists of several ranges of memory; the "
				 "module takes one: make a device of one with "
				 "'daxctl create-device', or use mount -t "
				 "fuse.daxfs", region);
		return KMOUNT_FAILED;
	}
	if (!r)
		r = read_number(dir, "size", &len);
	/* Zero is what the kernel shows to those who may not know. */
	if (r || !addr || !len) {
		daxfs_tool_error("%s: sysfs does not say where it lies: %s; "
				 "it tells root alone, and only of devices in "
				 "use", region, r ? strerror(-r) : "no address");
		return KMOUNT_FAILED;
	}
	return set_range(s, addr, len);
}

static int set_dax(struct kmount_source *s, const char *region, dev_t rdev)
{
	char path[64];
	int dir, r;

	snprintf(path, sizeof(path), "/sys/dev/char/%u:%u", major(rdev),
		 minor(rdev));
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0) {
		daxfs_tool_error("%s: %s: %s; not a device of memory, or sysfs "
				 "is not mounted", region, path,
				 strerror(errno));
		return KMOUNT_FAILED;
	}
	r = dax_range(s, region, dir);
	close(dir);
	return r;
}

/* ---- devices ---- */

static int set_block(struct kmount_source *s, const char *region)
{
	s->dev = strdup(region);
	return s->dev ? 0 : no_memory();
}

/* The end of a writer makes udev look at a block device: reading is enough. */
static int lock_device(struct kmount_source *s, const char *region, int rdonly)
{
	s->lock = open(region, (rdonly || s->dev ? O_RDONLY : O_RDWR) |
		       O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (s->lock < 0) {
		daxfs_tool_error("%s: cannot open: %s", region,
				 strerror(errno));
		return KMOUNT_FAILED;
	}
	if (!flock(s->lock, (s->dev ? LOCK_EX : LOCK_SH) | LOCK_NB) ||
	    errno != EWOULDBLOCK)
		return 0;
	if (s->dev)
		daxfs_tool_error("%s: a process of this machine has it open "
				 "(daxfs-fuse, a tool, a program with the "
				 "library) and goes through the page cache of "
				 "it, which the module does not: end that first",
				 region);
	else
		daxfs_tool_error("%s: mkdaxfs or fsck.daxfs is writing it; try "
				 "again when it is done", region);
	return KMOUNT_FAILED;
}

static int refuse(const char *region, mode_t mode)
{
	if (S_ISREG(mode))
		daxfs_tool_error("%s: a file, and the kernel module mounts "
				 "memory; for a file use: mount -t fuse.daxfs "
				 "%s DIR", region, region);
	else
		daxfs_tool_error("%s: %s; name /dev/daxX.Y, /dev/pmemN or "
				 "phys:ADDR:SIZE", region, S_ISDIR(mode) ?
				 "a directory" : "not a device of memory");
	return KMOUNT_FAILED;
}

int kmount_source_set(struct kmount_source *s, const char *region, int rdonly)
{
	struct stat st;
	int r;

	if (!strncmp(region, "phys:", 5))
		return set_phys(s, region);
	if (stat(region, &st)) {
		daxfs_tool_error("%s: %s; name the memory: /dev/daxX.Y, "
				 "/dev/pmemN, phys:ADDR:SIZE, or none with -o "
				 "phys=ADDR,size=SIZE", region,
				 strerror(errno));
		return KMOUNT_FAILED;
	}
	if (!S_ISCHR(st.st_mode) && !S_ISBLK(st.st_mode))
		return refuse(region, st.st_mode);
	r = S_ISCHR(st.st_mode) ? set_dax(s, region, st.st_rdev) :
	    set_block(s, region);
	if (!r)
		r = set_name(s, region);
	return r ? r : lock_device(s, region, rdonly);
}

/* ---- of a mount ---- */

static void take_option(struct kmount_source *s, char *option)
{
	char *value = strchr(option, '=');

	if (!value)
		return;
	*value++ = 0;
	if (!strcmp(option, "phys"))
		snprintf(s->phys, sizeof(s->phys), "%s", value);
	else if (!strcmp(option, "size"))
		snprintf(s->size, sizeof(s->size), "%s", value);
}

/* A block device is mounted once, and of a dma-buf no option says which: ask it. */
static int export(struct kmount_source *s, const char *point)
{
	int fd = open(point, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	s->size[0] = 0;
	s->dmabuf = fd < 0 ? -1 : ioctl(fd, DAXFS_IOC_GET_DMABUF);
	if (fd >= 0)
		close(fd);
	if (s->dmabuf >= 0)
		return set_name(s, "dma-buf");
	daxfs_tool_error("%s: cannot get at its memory: %s; only root may", point,
			 strerror(errno));
	return KMOUNT_FAILED;
}

int kmount_source_same(struct kmount_source *s, const char *point)
{
	char *options = inspect_mount_options(point), *rest = options, *option;

	if (!options)
		return KMOUNT_FAILED;
	while ((option = strsep(&rest, ",")))
		take_option(s, option);
	free(options);
	return s->phys[0] ? set_name(s, "none") : export(s, point);
}
