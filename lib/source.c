// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Where a region lies: a file, a DAX device, a pmem device, physical memory,
 * or what the kernel module has mounted somewhere.
 *
 * Notes: a source is opened for writing where that is allowed, else for
 * reading; whether reading is enough depends on what the region holds and is
 * decided by mount.c. Files and devices are locked with flock(2), which a
 * child of fork() shares; the lock ends when the last of them closes. The
 * kernel module has no such lock: only the host table tells of its mounts.
 *
 * A process that maps a block device maps the page cache of it. That is shared by
 * the processes of this machine; the kernel module goes to the memory behind it.
 * So never both: the module opens the device with O_EXCL, which is looked for
 * here under the lock, and mount.daxfs excludes processes by the same lock.
 */
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include <daxfs/ioctl.h>

#include "mount_priv.h"

#define PHYS "phys:"
#define MOUNT "mount:"

/* A number with an optional suffix K, M, G or T; *end is behind it. */
static int parse_size(const char *s, char **end, u64 *value)
{
	static const char suffix[] = "KMGT";
	const char *unit;
	u64 v;

	if (*s < '0' || *s > '9')
		return -EINVAL;
	errno = 0;
	v = strtoull(s, end, 0);
	if (errno)
		return -EINVAL;
	unit = **end ? strchr(suffix, **end & ~0x20) : NULL;
	if (unit) {
		u32 shift = 10u * (u32)(unit - suffix + 1);

		if (v > DAXFS_MAX_REGION >> shift)
			return -EINVAL;
		v <<= shift;
		(*end)++;
	}
	*value = v;
	return 0;
}

int daxfs_source_phys(const char *path, u64 *addr, u64 *len)
{
	char *end;

	if (strncmp(path, PHYS, strlen(PHYS)))
		return -ENOENT;
	if (parse_size(path + strlen(PHYS), &end, addr) || *end != ':')
		return -EINVAL;
	if (parse_size(end + 1, &end, len) || *end || !*len)
		return -EINVAL;
	if ((*addr | *len) & (DAXFS_PAGE_SIZE - 1) || *addr + *len < *addr ||
	    *addr + *len > INT64_MAX)
		return -EINVAL;
	return 0;
}

/* First line of /sys/dev/KIND/MAJOR:MINOR/NAME as a number. */
static int sysfs_size(dev_t rdev, u64 *len)
{
	char path[96];
	unsigned long long v;
	FILE *f;
	int ok;

	snprintf(path, sizeof(path), "/sys/dev/char/%u:%u/size", major(rdev),
		 minor(rdev));
	f = fopen(path, "re");
	if (!f)
		return -errno;
	ok = fscanf(f, "%llu", &v) == 1;
	fclose(f);
	if (!ok)
		return -EINVAL;
	*len = v;
	return 0;
}

static int is_dax_device(dev_t rdev)
{
	char path[96], real[PATH_MAX];
	ssize_t n;

	snprintf(path, sizeof(path), "/sys/dev/char/%u:%u/subsystem",
		 major(rdev), minor(rdev));
	n = readlink(path, real, sizeof(real) - 1);
	if (n < 0)
		return 0;
	real[n] = '\0';
	return !strcmp(strrchr(real, '/') ? strrchr(real, '/') : real, "/dax");
}

static int is_pmem_device(const char *path)
{
	const char *name = strrchr(path, '/');

	return !strncmp(name ? name + 1 : path, "pmem", 4);
}

static int source_size(struct daxfs_source *src, const char *path, char *why,
		       size_t why_len)
{
	struct stat st;

	if (fstat(src->fd, &st))
		return -errno;
	if (S_ISREG(st.st_mode)) {
		src->len = (u64)st.st_size;
		return 0;
	}
	if (S_ISCHR(st.st_mode) && is_dax_device(st.st_rdev))
		return sysfs_size(st.st_rdev, &src->len);
	if (S_ISBLK(st.st_mode) && is_pmem_device(path))
		return ioctl(src->fd, BLKGETSIZE64, &src->len) ? -errno : 0;
	daxfs_why(why, why_len, "%s: neither a file nor a DAX or pmem device; "
		  "name the region itself", path);
	return -EINVAL;
}

/* Open for writing if that is wanted and allowed, else for reading. */
static int open_fd(struct daxfs_source *src, const char *file, int rdonly)
{
	int flags = O_CLOEXEC | O_NOCTTY | O_NONBLOCK;

	src->writable = !rdonly;
	src->fd = open(file, flags | (rdonly ? O_RDONLY : O_RDWR));
	if (src->fd < 0 && !rdonly &&
	    (errno == EACCES || errno == EROFS || errno == EPERM)) {
		src->writable = 0;
		src->fd = open(file, flags | O_RDONLY);
	}
	return src->fd < 0 ? -errno : 0;
}

static int open_phys(struct daxfs_source *src, const char *path, int rdonly,
		     char *why, size_t why_len)
{
	int r;

	if (daxfs_source_phys(path, &src->map_off, &src->len)) {
		daxfs_why(why, why_len, "%s: write phys:ADDRESS:SIZE, both "
			  "multiples of 4096", path);
		return -EINVAL;
	}
	src->unlocked = 1;
	r = open_fd(src, "/dev/mem", rdonly);
	if (r)
		daxfs_why(why, why_len, "/dev/mem: %s; physical memory needs "
			  "root", strerror(-r));
	return r;
}

/* The memory of the mount that dir is in, as a descriptor; see ioctl.h. */
static int export_fd(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	int r;

	if (fd < 0)
		return -errno;
	r = ioctl(fd, DAXFS_IOC_GET_DMABUF);
	if (r < 0)
		r = -errno;
	close(fd);
	return r;
}

static int open_mounted(struct daxfs_source *src, const char *path, char *why,
			size_t why_len)
{
	const char *dir = path + strlen(MOUNT);
	off_t len;

	src->unlocked = 1;
	src->fd = export_fd(dir);
	if (src->fd == -EPERM)
		daxfs_why(why, why_len, "%s: the kernel gives the memory of a "
			  "mount to root alone (CAP_SYS_ADMIN)", dir);
	else if (src->fd == -ENOTTY)
		daxfs_why(why, why_len, "%s: not a mount of the kernel module of "
			  "daxfs; name the region itself", dir);
	else if (src->fd < 0)
		daxfs_why(why, why_len, "%s: cannot get the memory behind it: "
			  "%s", dir, strerror(-src->fd));
	if (src->fd < 0)
		return src->fd;
	src->writable = (fcntl(src->fd, F_GETFL) & O_ACCMODE) == O_RDWR;
	len = lseek(src->fd, 0, SEEK_END);
	if (len >= (off_t)DAXFS_PAGE_SIZE) {
		src->len = (u64)len;
		return 0;
	}
	daxfs_why(why, why_len, "%s: the kernel does not say how large its "
		  "memory is", dir);
	daxfs_source_close(src);
	return -EINVAL;
}

int daxfs_source_open(struct daxfs_source *src, const char *path, int rdonly,
		      char *why, size_t why_len)
{
	int r;

	*src = (struct daxfs_source){ .fd = -1 };
	if (!strncmp(path, PHYS, strlen(PHYS)))
		return open_phys(src, path, rdonly, why, why_len);
	if (!strncmp(path, MOUNT, strlen(MOUNT)))
		return open_mounted(src, path, why, why_len);
	r = open_fd(src, path, rdonly);
	if (r) {
		daxfs_why(why, why_len, "%s: cannot open: %s", path,
			  strerror(-r));
		return r;
	}
	daxfs_why(why, why_len, "%s", "");
	r = source_size(src, path, why, why_len);
	if (r && r != -EINVAL)
		daxfs_why(why, why_len, "%s: cannot tell its size: %s", path,
			  strerror(-r));
	if (!r && src->len < DAXFS_PAGE_SIZE) {
		daxfs_why(why, why_len, "%s: %llu bytes are too few for a daxfs "
			  "region; make one with mkdaxfs", path,
			  (unsigned long long)src->len);
		r = -EINVAL;
	}
	if (r)
		daxfs_source_close(src);
	return r;
}

#define PROBES		50
#define PROBE_NS	4000000	/* of others who look are over sooner */

/* Has the kernel a block device for itself? Two who ask meet for a moment. */
static int check_claim(const struct daxfs_source *src, const char *path, char *why,
		       size_t why_len)
{
	const struct timespec pause = { .tv_nsec = PROBE_NS };
	struct stat st;
	int fd = -1, i;

	if (fstat(src->fd, &st) || !S_ISBLK(st.st_mode))
		return 0;
	for (i = 0; i < PROBES && fd < 0; i++) {
		if (i)
			nanosleep(&pause, NULL);
		fd = open(path, O_RDONLY | O_EXCL | O_CLOEXEC);
		if (fd < 0 && errno != EBUSY)
			return 0;	/* it is open for us all the same */
	}
	if (fd >= 0) {
		close(fd);
		return 0;
	}
	daxfs_why(why, why_len, "%s: the kernel has it for itself, as a mount "
		  "does; what a process sees of it is then old: name the mount "
		  "of daxfs, by -m DIR or as mount:DIR", path);
	return -EBUSY;
}

int daxfs_source_lock(const struct daxfs_source *src, const char *path,
		      int exclusive, char *why, size_t why_len)
{
	if (src->unlocked)
		return 0;	/* /dev/mem is everybody's */
	if (!flock(src->fd, (exclusive ? LOCK_EX : LOCK_SH) | LOCK_NB))
		return check_claim(src, path, why, why_len);
	if (errno != EWOULDBLOCK) {
		int r = -errno;

		daxfs_why(why, why_len, "%s: cannot lock: %s", path,
			  strerror(-r));
		return r;
	}
	daxfs_why(why, why_len, exclusive ?
		  "%s: in use by another process; unmount it there first" :
		  "%s: mkdaxfs or fsck.daxfs is writing it; try again when it "
		  "is done", path);
	return -EBUSY;
}

static int map_at(const struct daxfs_source *src, u8 *at, u64 len, int flags)
{
	return mmap(at, len, PROT_READ, flags | MAP_FIXED, src->fd,
		    (off_t)src->map_off) != MAP_FAILED;
}

/*
 * With MAP_SYNC where that is known: files and devices of direct access. A
 * page of such a file is not writable before the file system's own record of
 * it is on the medium, so nothing but the write-back of lines is left to do.
 */
/*
 * Reserve with slack, then put the mapping at a multiple of 2 MiB inside:
 * only there the kernel can use huge pages.
 */
static u8 *map_aligned(struct daxfs_source *src)
{
	u64 len = (src->len + DAXFS_PAGE_SIZE - 1) & ~(DAXFS_PAGE_SIZE - 1);
	u64 room = len + DAXFS_CHUNK_SIZE;
	u8 *at, *from;

	from = mmap(NULL, room, PROT_NONE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (from == MAP_FAILED)
		return MAP_FAILED;
	at = (u8 *)(((uintptr_t)from + DAXFS_CHUNK_SIZE - 1) &
		    ~(uintptr_t)(DAXFS_CHUNK_SIZE - 1));
	src->durable = map_at(src, at, len, MAP_SHARED_VALIDATE | MAP_SYNC);
	if (!src->durable && !map_at(src, at, len, MAP_SHARED)) {
		int saved = errno;

		munmap(from, room);
		errno = saved;
		return MAP_FAILED;
	}
	if (at > from)
		munmap(from, (size_t)(at - from));
	if (at + len < from + room)
		munmap(at + len, (size_t)(from + room - (at + len)));
	return at;
}

int daxfs_source_map(struct daxfs_source *src, const char *path,
		     u8 **base, char *why, size_t why_len)
{
	u8 *at = map_aligned(src);

	if (at == MAP_FAILED) {
		int r = -errno;

		daxfs_why(why, why_len, "%s: cannot map %llu bytes: %s", path,
			  (unsigned long long)src->len, strerror(-r));
		return r;
	}
	*base = at;
	return 0;
}

void daxfs_source_close(struct daxfs_source *src)
{
	if (src->fd >= 0)
		close(src->fd);
	src->fd = -1;
}
