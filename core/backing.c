// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What a backing file has to be, and how a list of them is written.
 *
 * Notes: the region keeps of each backing file its uuid, size, time of
 * modification and a checksum over up to 64 of its pages, from the first to the
 * last. A file that differs in any of them is refused, because pages of the cache
 * that came from the right one would be mixed with its own. The files themselves
 * are the caller's: a structure with a size, a time and a way to read.
 */
#include "cache.h"
#include "region.h"

#define NAME_IT		"name the one that mkdaxfs wrote with -o"
#define RESTORE		"restore it, or make the region anew"

/* Number of page i of nr that are sampled, of a file of that many pages. */
static u64 sample(u64 pages, u64 i, u64 nr)
{
	return nr < 2 ? 0 : (pages - 1) * i / (nr - 1);
}

int daxfs_backing_crc(const struct daxfs_backing_file *b, void *page, u32 *crc)
{
	u64 pages = b->size / DAXFS_PAGE_SIZE, i;
	u64 nr = pages < DAXFS_BACKING_SAMPLES ? pages : DAXFS_BACKING_SAMPLES;
	int r = 0;

	*crc = 0;
	for (i = 0; i < nr && !r; i++) {
		r = b->read(b, page, DAXFS_PAGE_SIZE,
			    sample(pages, i, nr) * DAXFS_PAGE_SIZE);
		if (!r)
			*crc = port_crc32(*crc, page, DAXFS_PAGE_SIZE);
	}
	return r;
}

static int refuse(const char **why, const char *what)
{
	*why = what;
	return -EINVAL;
}

static int check_head(const struct daxfs_region *rg, const struct daxfs_backing_file *b,
		      struct daxfs_backing_head *head, const char **why)
{
	int r = b->read(b, head, sizeof(*head), 0);

	if (r == -ENODATA)
		return refuse(why, "too short to be a backing file; " NAME_IT);
	if (r)
		return r;
	if (memcmp(head->magic, DAXFS_BACKING_MAGIC, DAXFS_MAGIC_LEN) ||
	    head->version != DAXFS_VERSION)
		return refuse(why, "not a backing file of daxfs; " NAME_IT);
	if (memcmp(head->uuid, rg->super.uuid, sizeof(head->uuid)))
		return refuse(why, "the backing file of another region (its uuid is "
			      "another); name the one that was made with this region");
	return 0;
}

static int check_identity(const struct daxfs_backing_file *b,
			  const struct daxfs_backing *want, void *page,
			  const char **why)
{
	u32 crc = 0;
	int r;

	if (b->size < want->size)
		return refuse(why, "the backing file is shorter than when the region "
			      "was made; " RESTORE);
	if (b->size > want->size)
		return refuse(why, "the backing file is longer than when the region "
			      "was made; " RESTORE);
	if (b->mtime_ns != want->mtime_ns)
		return refuse(why, "the backing file was modified since the region was "
			      "made (its time of modification is another); restore it "
			      "with its times (cp -p), or make the region anew");
	r = daxfs_backing_crc(b, page, &crc);
	if (!r && crc != want->crc)
		return refuse(why, "the content of the backing file is not what it was "
			      "when the region was made (wrong checksum); " RESTORE);
	return r;
}

int daxfs_backing_which(const struct daxfs_region *rg,
			const struct daxfs_backing_file *b, void *page, u32 *file,
			const char **why)
{
	struct daxfs_backing_head *head = page;
	struct daxfs_backing want;
	int r;

	*why = NULL;
	r = check_head(rg, b, head, why);
	if (r)
		return r;
	if (daxfs_backing(rg, head->file, &want))
		return refuse(why, "a backing file that this region does not know; name "
			      "one that was made with it");
	*file = head->file;
	return check_identity(b, &want, page, why);
}

char *daxfs_backing_next(char **rest)
{
	char *path = *rest, *to = path, *at = path;

	if (!path)
		return NULL;
	for (; *at && *at != ':'; at++) {
		if (*at == '\\' && at[1])
			at++;
		*to++ = *at;
	}
	*rest = *at ? at + 1 : NULL;
	*to = 0;
	return path;
}
