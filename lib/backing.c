// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Backing files of split mode: their identity, and reading them.
 *
 * Notes: what the identity is, and whether a file has it, core/backing.c knows.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "backing.h"
#include "mount_priv.h"

void daxfs_backing_head(struct daxfs_backing_head *head, const u8 uuid[16], u32 file,
			u64 size)
{
	memset(head, 0, sizeof(*head));
	memcpy(head->magic, DAXFS_BACKING_MAGIC, DAXFS_MAGIC_LEN);
	head->version = DAXFS_VERSION;
	head->file = file;
	memcpy(head->uuid, uuid, sizeof(head->uuid));
	head->size = size;
}

int daxfs_backing_pread(int fd, void *buf, u64 len, u64 off)
{
	while (len) {
		ssize_t n = pread(fd, buf, len, (off_t)off);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -ENODATA;
		buf = (u8 *)buf + n;
		off += (u64)n;
		len -= (u64)n;
	}
	return 0;
}

/* ---- as the core sees them ---- */

struct posix_file {
	struct daxfs_backing_file file;
	int fd;
};

static int read_posix(const struct daxfs_backing_file *b, void *buf, u64 len, u64 off)
{
	return daxfs_backing_pread(((const struct posix_file *)b)->fd, buf, len, off);
}

static void posix_file_of(struct posix_file *p, int fd, const struct stat *st)
{
	p->fd = fd;
	p->file.read = read_posix;
	p->file.size = (u64)st->st_size;
	p->file.mtime_ns = (s64)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
}

int daxfs_backing_identify(int fd, const u8 uuid[16], u64 size,
			   struct daxfs_backing *id)
{
	u64 page[DAXFS_PAGE_SIZE / sizeof(u64)];
	struct posix_file p;
	struct stat st;
	u32 crc = 0;
	int r;

	if (fstat(fd, &st))
		return -errno;
	posix_file_of(&p, fd, &st);
	p.file.size = size;
	r = daxfs_backing_crc(&p.file, page, &crc);
	memset(id, 0, sizeof(*id));
	memcpy(id->uuid, uuid, sizeof(id->uuid));
	id->size = size;
	id->crc = crc;
	id->mtime_ns = p.file.mtime_ns;
	return r;
}

/* ---- at a mount ---- */

static int check_file(const struct daxfs_region *rg, int fd, u32 *file, const char **why)
{
	u64 page[DAXFS_PAGE_SIZE / sizeof(u64)];
	struct posix_file p;
	struct stat st;

	*why = NULL;
	if (fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode)) {
		*why = "not a file; name the one that mkdaxfs wrote with -o";
		return -EINVAL;
	}
	posix_file_of(&p, fd, &st);
	return daxfs_backing_which(rg, &p.file, page, file, why);
}

int daxfs_backing_open(const struct daxfs_region *rg, const char *path, int *fd,
		       u32 *file, char *why, size_t why_len)
{
	const char *wrong;
	int r;

	*fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (*fd < 0) {
		r = -errno;
		daxfs_why(why, why_len, "%s: cannot open the backing file: %s", path,
			  strerror(-r));
		return r;
	}
	r = check_file(rg, *fd, file, &wrong);
	if (!r)
		return 0;
	close(*fd);
	if (wrong)
		daxfs_why(why, why_len, "%s: %s", path, wrong);
	else
		daxfs_why(why, why_len, "%s: cannot read the backing file: %s", path,
			  strerror(-r));
	return r;
}
