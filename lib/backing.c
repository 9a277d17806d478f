// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Backing files of split mode: their identity, and reading them.
 *
 * Notes: the region keeps of each backing file its uuid, size, time of
 * modification and a checksum over up to 64 of its pages, from the first to the
 * last. A file that differs in any of them is refused, because pages of the cache
 * that came from the right one would be mixed with its own.
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

static s64 mtime_of(const struct stat *st)
{
	return (s64)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
}

/* Number of page i of nr that are sampled, of a file of that many pages. */
static u64 sample(u64 pages, u64 i, u64 nr)
{
	return nr < 2 ? 0 : (pages - 1) * i / (nr - 1);
}

static int sampled_crc(int fd, u64 size, u32 *crc)
{
	u64 pages = size / DAXFS_PAGE_SIZE, i;
	u64 nr = pages < DAXFS_BACKING_SAMPLES ? pages : DAXFS_BACKING_SAMPLES;
	u8 page[DAXFS_PAGE_SIZE];
	int r = 0;

	*crc = 0;
	for (i = 0; i < nr && !r; i++) {
		r = daxfs_backing_pread(fd, page, sizeof(page),
					sample(pages, i, nr) * DAXFS_PAGE_SIZE);
		*crc = port_crc32(*crc, page, sizeof(page));
	}
	return r;
}

int daxfs_backing_identify(int fd, const u8 uuid[16], u64 size,
			   struct daxfs_backing *id)
{
	struct stat st;
	u32 crc = 0;
	int r = fstat(fd, &st) ? -errno : sampled_crc(fd, size, &crc);

	memset(id, 0, sizeof(*id));
	memcpy(id->uuid, uuid, sizeof(id->uuid));
	id->size = size;
	id->crc = crc;
	if (!r)
		id->mtime_ns = mtime_of(&st);
	return r;
}

/* ---- at a mount ---- */

struct candidate {
	const char *path;
	int fd;
	char *why;
	size_t why_len;
};

static int refuse(const struct candidate *c, const char *what, const char *help)
{
	daxfs_why(c->why, c->why_len, "%s: %s; %s", c->path, what, help);
	return -EINVAL;
}

static int failed(const struct candidate *c, const char *doing, int r)
{
	daxfs_why(c->why, c->why_len, "%s: cannot %s the backing file: %s", c->path,
		  doing, strerror(-r));
	return r;
}

static int check_head(const struct candidate *c, const struct daxfs_region *rg,
		      struct daxfs_backing_head *head)
{
	struct stat st;
	int r;

	if (fstat(c->fd, &st) || !S_ISREG(st.st_mode))
		return refuse(c, "not a file",
			      "name the one that mkdaxfs wrote with -o");
	r = daxfs_backing_pread(c->fd, head, sizeof(*head), 0);
	if (r == -ENODATA)
		return refuse(c, "too short to be a backing file",
			      "name the one that mkdaxfs wrote with -o");
	if (r)
		return failed(c, "read", r);
	if (memcmp(head->magic, DAXFS_BACKING_MAGIC, DAXFS_MAGIC_LEN) ||
	    head->version != DAXFS_VERSION)
		return refuse(c, "not a backing file of daxfs",
			      "name the one that mkdaxfs wrote with -o");
	if (memcmp(head->uuid, rg->super.uuid, sizeof(head->uuid)))
		return refuse(c, "the backing file of another region (its uuid is "
			      "another)", "name the one that was made with this "
			      "region");
	return 0;
}

static int check_identity(const struct candidate *c, const struct daxfs_backing *want)
{
	struct daxfs_backing id;
	struct stat st;
	int r;

	if (fstat(c->fd, &st))
		return failed(c, "look at", -errno);
	if ((u64)st.st_size != want->size)
		return refuse(c, (u64)st.st_size < want->size ?
			      "the backing file is shorter than when the region "
			      "was made" : "the backing file is longer than when "
			      "the region was made",
			      "restore it, or make the region anew");
	if (mtime_of(&st) != want->mtime_ns)
		return refuse(c, "the backing file was modified since the region "
			      "was made (its time of modification is another)",
			      "restore it with its times (cp -p), or make the "
			      "region anew");
	r = daxfs_backing_identify(c->fd, want->uuid, want->size, &id);
	if (r)
		return failed(c, "read", r);
	if (id.crc != want->crc)
		return refuse(c, "the content of the backing file is not what it "
			      "was when the region was made (wrong checksum)",
			      "restore it, or make the region anew");
	return 0;
}

int daxfs_backing_open(const struct daxfs_region *rg, const char *path, int *fd,
		       u32 *file, char *why, size_t why_len)
{
	struct candidate c = { path, open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK),
			       why, why_len };
	struct daxfs_backing_head head;
	struct daxfs_backing want;
	int r;

	if (c.fd < 0)
		return failed(&c, "open", -errno);
	r = check_head(&c, rg, &head);
	if (!r && daxfs_backing(rg, head.file, &want))
		r = refuse(&c, "a backing file that this region does not know",
			   "name one that was made with it");
	if (!r)
		r = check_identity(&c, &want);
	if (r) {
		close(c.fd);
		return r;
	}
	*fd = c.fd;
	*file = head.file;
	return 0;
}
