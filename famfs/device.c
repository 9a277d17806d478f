// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The memory of a device: a DAX device, or a plain file that stands for one.
 *
 * Notes: opened and mapped by lib/source.c, guarded against memory that goes
 * away by lib/sigbus.c. A plain file may have holes: what is stored to is
 * allocated before, so that a full machine is an error and not a signal.
 */
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <unistd.h>

#include "famfs.h"

/* lib/source.c speaks of regions of daxfs; what it would say of these is here. */
static int look(struct famfs_dev *dev, const char *path)
{
	struct stat st;

	dev->path = strncmp(path, "phys:", 5) ? realpath(path, NULL) : strdup(path);
	if (!dev->path) {
		famfs_say("%s: cannot open: %s", path, strerror(errno));
		return -errno;
	}
	dev->regular = !stat(path, &st) && S_ISREG(st.st_mode);
	if (!dev->regular || (u64)st.st_size >= FAMFS_LOG_OFFSET + FAMFS_UNIT)
		return 0;
	famfs_say("%s: %lld bytes are too few for a famfs device", path,
		  (long long)st.st_size);
	return -EINVAL;
}

static int map(struct famfs_dev *dev)
{
	char why[FAMFS_WHY];
	int r = daxfs_source_map(&dev->src, dev->path, &dev->base, why, sizeof(why));

	if (r) {
		famfs_say("%s", why);
		return r;
	}
	dev->len = dev->src.len;
	if (dev->writable &&
	    mprotect(dev->base, dev->len, PROT_READ | PROT_WRITE)) {
		famfs_say("%s: cannot map for writing: %s", dev->path,
			  strerror(errno));
		return -errno;
	}
	r = daxfs_trap_add(&dev->trap, dev->base, dev->len, &dev->lost);
	if (r)
		famfs_say("%s: %s", dev->path, strerror(-r));
	return r;
}

static int open_source(struct famfs_dev *dev, enum famfs_how how)
{
	char why[FAMFS_WHY];
	int r = daxfs_source_open(&dev->src, dev->path, how == FAMFS_READ, why,
				  sizeof(why));

	if (r) {
		famfs_say("%s", why);
		return r;
	}
	dev->writable = how != FAMFS_READ;
	if (!dev->writable || dev->src.writable)
		return 0;
	famfs_say("%s: no permission to write", dev->path);
	return -EACCES;
}

int famfs_dev_open(struct famfs_dev **devp, const char *path, enum famfs_how how)
{
	struct famfs_dev *dev = calloc(1, sizeof(*dev));
	int r;

	*devp = NULL;
	if (!dev)
		return -ENOMEM;
	dev->src.fd = -1;
	r = look(dev, path);
	if (!r)
		r = open_source(dev, how);
	if (!r)
		r = map(dev);
	if (r)
		famfs_dev_close(dev);
	else
		*devp = dev;
	return r;
}

void famfs_dev_close(struct famfs_dev *dev)
{
	if (!dev)
		return;
	daxfs_trap_del(dev->trap);
	if (dev->src.fd >= 0 && dev->base)
		munmap(dev->base, dev->len);
	daxfs_source_close(&dev->src);
	free(dev->path);
	free(dev);
}

void *famfs_dev_at(const struct famfs_dev *dev, u64 off, u64 len)
{
	if (off > dev->len || len > dev->len - off)
		return NULL;
	return dev->base + off;
}

int famfs_dev_lock(struct famfs_dev *dev)
{
	while (flock(dev->src.fd, LOCK_EX))
		if (errno != EINTR) {
			famfs_say("%s: cannot lock: %s", dev->path, strerror(errno));
			return -errno;
		}
	return 0;
}

int famfs_dev_trylock(struct famfs_dev *dev)
{
	if (!flock(dev->src.fd, LOCK_EX | LOCK_NB))
		return 0;
	famfs_say("%s: cannot lock: %s", dev->path, errno == EWOULDBLOCK ?
		  "a command of its owner is at work; try again when it is done" :
		  strerror(errno));
	return -errno;
}

int famfs_dev_allocate(struct famfs_dev *dev, u64 off, u64 len)
{
	return dev->regular && dev->src.fd >= 0 ?
	       -posix_fallocate(dev->src.fd, (off_t)off, (off_t)len) : 0;
}
