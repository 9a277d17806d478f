// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Where mkdaxfs writes: a new file that appears when it is complete, memory in
 * place (a device, physical addresses), or a new buffer of a dma-buf heap.
 *
 * Notes: a region in use is held by its processes with a shared flock(2), so an
 * exclusive one proves that none has it open. It is held until the new
 * region is in place. Kernels hold no such lock, and /dev/mem has none that
 * means anything: for memory in place the host table is asked, too. Where the
 * file system has O_TMPFILE the new file has no name at all until then.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/dma-heap.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <daxfs/format.h>

#include "common.h"
#include "mount.h"
#include "target.h"

static int fail(const struct daxfs_target *t, const char *what,
		const char *help)
{
	daxfs_tool_error("%s: %s; %s", t->arg, what, help);
	return -1;
}

static int fail_errno(const struct daxfs_target *t, const char *doing,
		      const char *help)
{
	daxfs_tool_error("%s: cannot %s: %s; %s", t->arg, doing,
			 strerror(errno), help);
	return -1;
}

/* ---- what is there already ---- */

static int lock(const struct daxfs_target *t, int fd)
{
	if (!flock(fd, LOCK_EX | LOCK_NB))
		return 0;
	if (errno == EWOULDBLOCK)
		return fail(t, "is in use: a host has it open, or another "
			    "mkdaxfs writes it", "unmount it everywhere first");
	return fail_errno(t, "lock it", "name another file");
}

/* The size of a device of memory; 0: it is none. */
static uint64_t device_size(int fd, const struct stat *st, const char *path)
{
	char name[96];
	unsigned long long len = 0;
	FILE *f;

	if (S_ISBLK(st->st_mode))
		return !strncmp(path, "/dev/pmem", 9) &&
		       !ioctl(fd, BLKGETSIZE64, &len) ? len : 0;
	if (strncmp(path, "/dev/dax", 8))
		return 0;
	snprintf(name, sizeof(name), "/sys/dev/char/%u:%u/size",
		 major(st->st_rdev), minor(st->st_rdev));
	f = fopen(name, "re");
	if (!f)
		return 0;
	if (fscanf(f, "%llu", &len) != 1)
		len = 0;
	fclose(f);
	return len;
}

static int is_zero(const uint8_t *p, size_t len)
{
	return !*p && !memcmp(p, p + 1, len - 1);
}

/*
 * -f overwrites what nobody uses. Kernels, and hosts of other machines, are in
 * the host table alone. What is no region has none, whatever else it is.
 */
static int no_hosts(const struct daxfs_target *t)
{
	struct daxfs_mount *m;
	char why[512] = "";
	int r = daxfs_mount_open(&m, t->path, DAXFS_OPEN_NOHOST |
				 DAXFS_OPEN_EXCLUSIVE | DAXFS_OPEN_LOCKED,
				 DAXFS_HOST_TOOL, why, sizeof(why));

	daxfs_mount_close(m);
	if (r != -EBUSY)
		return 0;
	daxfs_tool_error("%s", why);
	return -1;
}

/* Memory that is written in place, at t->off of t->fd. */
static int check_content(struct daxfs_target *t, size_t look, int force)
{
	uint8_t *head = mmap(NULL, look, PROT_READ, MAP_SHARED, t->fd, t->off);
	int blank;

	if (head == MAP_FAILED)
		return fail_errno(t, "map it", t->phys ?
				  "it must be memory that this kernel does not "
				  "use: see memmap= in mount.daxfs(8)" :
				  "see that it is in devdax mode or a pmem "
				  "device");
	blank = is_zero(head, DAXFS_PAGE_SIZE);
	munmap(head, look);
	if (blank)
		return 0;
	if (!force)
		return fail(t, "holds something already",
			    "use -f to overwrite it");
	return no_hosts(t);
}

/* Memory that nobody wrote holds anything, so -f is usual here. */
static int check_phys(struct daxfs_target *t, const char *arg, int force)
{
	u64 addr;

	if (daxfs_source_phys(arg, &addr, &t->device_len))
		return fail(t, "not a range of physical memory", "write "
			    "phys:ADDRESS:SIZE, both multiples of 4096");
	t->device = t->phys = 1;
	t->off = (off_t)addr;
	t->path = strdup(arg);
	t->fd = open("/dev/mem", O_RDWR | O_CLOEXEC | O_NOCTTY);
	if (!t->path || t->fd < 0)
		return fail_errno(t, "open /dev/mem for writing",
				  "physical memory needs root, and a kernel "
				  "that has /dev/mem");
	return check_content(t, DAXFS_PAGE_SIZE, force);
}

static int check_device(struct daxfs_target *t, const struct stat *st,
			int force)
{
	t->device = 1;
	t->synced = S_ISBLK(st->st_mode);
	/* O_EXCL: the kernel refuses a block device that is mounted. */
	t->fd = open(t->path, O_RDWR | O_CLOEXEC | O_NOCTTY |
		     (S_ISBLK(st->st_mode) ? O_EXCL : 0));
	if (t->fd < 0)
		return fail_errno(t, "open it for writing",
				  "see that you may and that nobody uses it");
	t->device_len = device_size(t->fd, st, t->path);
	if (t->device_len < DAXFS_CHUNK_SIZE)
		return fail(t, "is not a device of memory",
			    "name a file, /dev/daxX.Y or /dev/pmemN");
	if (lock(t, t->fd))
		return -1;
	return check_content(t, DAXFS_CHUNK_SIZE, force);
}

static int check_file(struct daxfs_target *t, int force)
{
	t->exists = 1;
	if (!force)
		return fail(t, "exists", "use -f to overwrite it");
	t->old_fd = open(t->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (t->old_fd < 0)
		return fail_errno(t, "open what is there",
				  "remove it, or name another file");
	return lock(t, t->old_fd);
}

/* Where the name leads to. A link to nothing stays what it is. */
static int resolve(struct daxfs_target *t)
{
	t->path = realpath(t->arg, NULL);
	if (!t->path && errno == ENOENT)
		t->path = strdup(t->arg);
	return t->path ? 0 : fail_errno(t, "find it", "check the name");
}

int daxfs_target_open(struct daxfs_target *t, const char *arg, int force)
{
	struct stat st;

	memset(t, 0, sizeof(*t));
	t->arg = arg;
	t->fd = t->old_fd = -1;
	if (!*arg)
		return fail(t, "the name is empty", "name a file");
	if (!strncmp(arg, "phys:", 5))
		return check_phys(t, arg, force);
	if (resolve(t))
		return -1;
	if (lstat(t->path, &st)) {
		if (errno == ENOENT)
			return 0;
		return fail_errno(t, "look at it", "check the name");
	}
	if (S_ISREG(st.st_mode))
		return check_file(t, force);
	if (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode))
		return check_device(t, &st, force);
	if (S_ISDIR(st.st_mode))
		return fail(t, "is a directory", "name a file in it");
	if (S_ISLNK(st.st_mode))
		return fail(t, "is a symbolic link to nothing",
			    "remove it, or name another file");
	return fail(t, "is neither a file nor a device of memory",
		    "name another one");
}

/* ---- a dma-buf ---- */

int daxfs_target_heap(struct daxfs_target *t, const char *heap)
{
	struct stat st;

	memset(t, 0, sizeof(*t));
	t->arg = heap;
	t->fd = t->old_fd = -1;
	t->device = t->heap = 1;
	t->fd = open(heap, O_RDWR | O_CLOEXEC | O_NOCTTY);
	if (t->fd < 0)
		return fail_errno(t, "open it", "name a heap of "
				  "/dev/dma_heap; ls shows which there are");
	if (fstat(t->fd, &st) || !S_ISCHR(st.st_mode))
		return fail(t, "is not a dma-buf heap",
			    "name one of /dev/dma_heap");
	return 0;
}

/* The heap gives zeroes. Its place in t->fd is taken by the buffer. */
static int allocate_heap(struct daxfs_target *t, uint64_t len)
{
	struct dma_heap_allocation_data want = {
		.len = len, .fd_flags = O_RDWR | O_CLOEXEC,
	};

	if (ioctl(t->fd, DMA_HEAP_IOCTL_ALLOC, &want)) {
		if (errno == ENOTTY)
			return fail(t, "is not a dma-buf heap",
				    "name one of /dev/dma_heap");
		return fail_errno(t, "allocate that much of it",
				  "choose a smaller -s or another heap");
	}
	close(t->fd);
	t->fd = (int)want.fd;
	return 0;
}

/* Around what this processor stores: devices may look at it afterwards. */
static int sync_heap(const struct daxfs_target *t, uint64_t edge)
{
	struct dma_buf_sync sync = { .flags = DMA_BUF_SYNC_RW | edge };
	int r;

	do
		r = ioctl(t->fd, DMA_BUF_IOCTL_SYNC, &sync);
	while (r && (errno == EINTR || errno == EAGAIN));
	return r ? fail_errno(t, "synchronise it", "see the log of the kernel") : 0;
}

int daxfs_target_take(struct daxfs_target *t)
{
	int fd = t->fd;

	t->fd = -1;
	return fd;
}

/* ---- a new file ---- */

/* Directory of path; the caller frees it. */
static char *dir_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		return strdup(".");
	return strndup(path, slash == path ? 1 : (size_t)(slash - path));
}

static char *temp_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	char *temp;

	/* Of a long name a part is enough: the number makes it unique. */
	if (asprintf(&temp, "%.*s.%.200s.%ld.tmp", (int)(name - path), path,
		     name, (long)getpid()) < 0)
		return NULL;
	return temp;
}

static int open_named(struct daxfs_target *t)
{
	/* Known to the handler before it exists: no moment without. */
	if (daxfs_tool_unlink_on_signal(t->temp))
		return fail(t, "the name is too long", "use a shorter one");
	t->fd = open(t->temp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (t->fd < 0) {
		daxfs_tool_keep();
		return fail_errno(t, "create it", "name a place where you may");
	}
	t->named = 1;
	return 0;
}

static int open_new(struct daxfs_target *t)
{
	char *dir = dir_of(t->path);
	int err;

	t->temp = temp_name(t->path);
	if (!dir || !t->temp) {
		free(dir);
		errno = ENOMEM;
		return fail_errno(t, "create it", "free memory");
	}
	t->fd = access("/proc/self/fd", X_OK) ? -1 :
		open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0666);
	err = errno;
	free(dir);
	if (t->fd >= 0)
		return 0;
	errno = err;
	if (err == EACCES || err == EROFS || err == ENOSPC || err == EDQUOT)
		return fail_errno(t, "create it", "name a place where you may");
	if (err == ENOENT || err == ENOTDIR)
		return fail(t, "there is no such directory",
			    "make it first, or name another place");
	return open_named(t);
}

static int no_space(const struct daxfs_target *t, uint64_t len, uint64_t avail)
{
	char need[DAXFS_TOOL_SIZE_TEXT], have[DAXFS_TOOL_SIZE_TEXT];

	daxfs_tool_error("%s: no space: needs %s (%llu bytes), %s (%llu bytes) "
			 "are free there; free some, choose a smaller -s or -O, "
			 "or name another file system", t->arg,
			 daxfs_tool_size_text(len, need),
			 (unsigned long long)len,
			 daxfs_tool_size_text(avail, have),
			 (unsigned long long)avail);
	return -1;
}

static uint64_t space_free(int fd)
{
	struct statvfs vfs;

	if (fstatvfs(fd, &vfs))
		return UINT64_MAX;
	/* A tmpfs without a limit has no blocks at all. */
	return vfs.f_blocks ? (uint64_t)vfs.f_bavail * vfs.f_frsize :
	       UINT64_MAX;
}

static int allocate(struct daxfs_target *t, uint64_t len)
{
	uint64_t avail = space_free(t->fd);

	/* Asking first spares the others on this machine the squeeze. */
	if (len > avail)
		return no_space(t, len, avail);
	do
		errno = posix_fallocate(t->fd, 0, (off_t)len);
	while (errno == EINTR);
	if (errno == ENOSPC)
		return no_space(t, len, avail);
	if (errno)
		return fail_errno(t, "allocate it",
				  "choose a smaller -s or another place");
	return 0;
}

/* DAX devices map in units of 2 MiB and are made of such. */
static uint64_t device_unit(uint64_t len)
{
	return (len + DAXFS_CHUNK_SIZE - 1) & ~(DAXFS_CHUNK_SIZE - 1);
}

static int map_it(struct daxfs_target *t)
{
	/* Where it works, what was written back needs no call afterwards. */
	t->base = mmap(NULL, t->map_len, PROT_READ | PROT_WRITE,
		       MAP_SHARED_VALIDATE | MAP_SYNC, t->fd, t->off);
	t->durable = t->base != MAP_FAILED;
	if (!t->durable)
		t->base = mmap(NULL, t->map_len, PROT_READ | PROT_WRITE,
			       MAP_SHARED, t->fd, t->off);
	if (t->base != MAP_FAILED)
		return 0;
	t->base = NULL;
	return fail_errno(t, "map it", t->phys ?
			  "it must be memory that this kernel does not use: see "
			  "memmap= in mount.daxfs(8)" :
			  "see ulimit -v, or name a file in another file "
			  "system");
}

int daxfs_target_create(struct daxfs_target *t, uint64_t len)
{
	if (t->heap && allocate_heap(t, len))
		return -1;
	if (t->device && !t->heap && len > t->device_len)
		return no_space(t, len, t->device_len);
	if (!t->device && (open_new(t) || allocate(t, len)))
		return -1;
	if (!t->device)
		flock(t->fd, LOCK_EX | LOCK_NB);	/* ours: cannot fail */
	t->map_len = t->device && !t->heap && !t->phys ? device_unit(len) : len;
	if (map_it(t))
		return -1;
	t->len = len;
	return t->heap ? sync_heap(t, DMA_BUF_SYNC_START) : 0;
}

/* ---- at the end ---- */

/* Give the file without a name one. */
static int link_file(struct daxfs_target *t, const char *to)
{
	char self[32];

	snprintf(self, sizeof(self), "/proc/self/fd/%d", t->fd);
	return linkat(AT_FDCWD, self, AT_FDCWD, to, AT_SYMLINK_FOLLOW);
}

/* rename() that replaces nothing. */
static int rename_new(const char *from, const char *to)
{
	if (!renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE))
		return 0;
	if (errno != EINVAL)
		return -1;
	/* Not every file system has the flag. */
	return link(from, to) || unlink(from) ? -1 : 0;
}

static int fail_commit(const struct daxfs_target *t)
{
	if (errno == EEXIST)
		return fail(t, "somebody else made it meanwhile",
			    "use -f to overwrite it");
	return fail_errno(t, "put the new region in place", "name another one");
}

static int put_in_place(struct daxfs_target *t)
{
	if (!t->exists && !t->named)
		return link_file(t, t->path) ? fail_commit(t) : 0;
	if (!t->named) {
		/* Only a name can replace a name. */
		if (daxfs_tool_unlink_on_signal(t->temp))
			return fail(t, "the name is too long",
				    "use a shorter one");
		if (link_file(t, t->temp)) {
			daxfs_tool_keep();
			return fail_commit(t);
		}
		t->named = 1;
	}
	if (t->exists ? rename(t->temp, t->path) :
	    rename_new(t->temp, t->path))
		return fail_commit(t);
	daxfs_tool_keep();
	t->named = 0;
	return 0;
}

int daxfs_target_commit(struct daxfs_target *t)
{
	/* Device DAX has no cache of the kernel behind it, nor a call. */
	if ((!t->device || t->synced) &&
	    (msync(t->base, t->len, MS_SYNC) || fsync(t->fd)))
		return fail_errno(t, "write it to its medium",
				  "see the log of the kernel");
	if (t->heap)
		return sync_heap(t, DMA_BUF_SYNC_END);
	return t->device ? 0 : put_in_place(t);
}

void daxfs_target_close(struct daxfs_target *t)
{
	if (t->named)
		daxfs_tool_discard();
	if (t->base)
		munmap(t->base, t->map_len);
	if (t->fd >= 0)
		close(t->fd);
	if (t->old_fd >= 0)
		close(t->old_fd);
	free(t->temp);
	free(t->path);
	memset(t, 0, sizeof(*t));
	t->fd = t->old_fd = -1;
}
