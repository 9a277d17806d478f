// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Reader of the base image: inodes, sorted directories, content, targets.
 *
 * Notes: every address comes from daxfs_at(), and from base_at() which adds
 * that the bytes lie in the area they belong to. daxfs_base_inode() checks
 * the inode as a whole; the others do not rely on it, because their caller
 * may have the copy from elsewhere. Nothing here is written after mkdaxfs, so
 * all of it is wait-free, runs beside everything and leaves nothing behind.
 */
#include "base.h"
#include "cache.h"

#define DIRENT_LEN ((u64)sizeof(struct daxfs_base_dirent))
#define EXTENT_LEN ((u64)sizeof(struct daxfs_base_extent))

/* As daxfs_at(), and inside that area. */
static const void *base_at(const struct daxfs_region *rg, u32 type, u64 off,
			   u64 len, u64 align)
{
	const struct daxfs_span *a = &rg->area[type];

	if (off < a->off || len > a->len || off - a->off > a->len - len)
		return NULL;
	return daxfs_at(rg, off, len, align);
}

static const void *meta_at(const struct daxfs_region *rg, u64 off, u64 len,
			   u64 align)
{
	return base_at(rg, DAXFS_AREA_BASE_META, off, len, align);
}

static int content_ok(const struct daxfs_region *rg, u64 off, u64 len)
{
	if (daxfs_is_split(rg))
		return daxfs_backing_ok(rg, off, len);
	return base_at(rg, DAXFS_AREA_BASE_DATA, off, len,
		       DAXFS_PAGE_SIZE) != NULL;
}

/* ---- inodes ---- */

static int dir_ok(const struct daxfs_region *rg,
		  const struct daxfs_base_inode *in)
{
	return in->size % DIRENT_LEN == 0 &&
	       (!in->size || meta_at(rg, in->data_off, in->size, 1));
}

static int regular_ok(const struct daxfs_region *rg,
		      const struct daxfs_base_inode *in)
{
	if (in->size > DAXFS_MAX_FILE)
		return 0;
	if (!in->size)
		return 1;
	if (in->flags & DAXFS_BASE_SPARSE)
		return meta_at(rg, in->data_off, EXTENT_LEN, 8) != NULL;
	return content_ok(rg, in->data_off, in->size);
}

static int target_ok(const struct daxfs_region *rg,
		     const struct daxfs_base_inode *in)
{
	return in->size && in->size <= DAXFS_TARGET_MAX &&
	       meta_at(rg, in->data_off, in->size, 1);
}

static int content_of_type_ok(const struct daxfs_region *rg,
			      const struct daxfs_base_inode *in)
{
	switch (in->mode & S_IFMT) {
	case S_IFREG:
		return regular_ok(rg, in);
	case S_IFDIR:
		return dir_ok(rg, in);
	case S_IFLNK:
		return target_ok(rg, in);
	case S_IFCHR:
	case S_IFBLK:
	case S_IFIFO:
	case S_IFSOCK:
		return in->size == 0;
	default:
		return 0;
	}
}

int daxfs_base_inode(const struct daxfs_region *rg, u64 ino,
		     struct daxfs_base_inode *copy)
{
	const struct daxfs_span *a = &rg->area[DAXFS_AREA_BASE_INODES];
	const void *from;

	if (!ino || ino > rg->super.base_inode_nr)
		return -ENOENT;
	/* nr is below 2^32, see struct daxfs_base_inode: no overflow. */
	if (ino > a->nr || ino > ~(u32)0)
		return -EUCLEAN;
	from = base_at(rg, DAXFS_AREA_BASE_INODES,
		       a->off + (ino - 1) * sizeof(*copy), sizeof(*copy), 8);
	if (!from)
		return -EUCLEAN;
	port_copy_from(copy, from, sizeof(*copy));
	if (!copy->nlink || !content_of_type_ok(rg, copy))
		return -EUCLEAN;
	if (copy->xattr_len &&
	    !meta_at(rg, copy->xattr_off, copy->xattr_len, 8))
		return -EUCLEAN;
	return 0;
}

/* ---- directories ---- */

u64 daxfs_base_dir_nr(const struct daxfs_base_inode *dir)
{
	return dir->size / DIRENT_LEN;
}

/* Copy entry idx as far as its name goes; the rest of *copy is not touched. */
static int get_dirent(const struct daxfs_region *rg,
		      const struct daxfs_base_inode *dir, u64 idx,
		      struct daxfs_base_dirent *copy)
{
	const u32 head = offsetof(struct daxfs_base_dirent, name);
	const u8 *from;

	if (!dir_ok(rg, dir))
		return -EUCLEAN;
	from = meta_at(rg, dir->data_off + idx * DIRENT_LEN, DIRENT_LEN, 1);
	if (!from)
		return -EUCLEAN;
	port_copy_from(copy, from, head);
	if (!copy->name_len || copy->name_len > DAXFS_NAME_MAX || !copy->ino ||
	    copy->ino > rg->super.base_inode_nr)
		return -EUCLEAN;
	port_copy_from(copy->name, from + head, copy->name_len);
	return 0;
}

int daxfs_base_dirent(const struct daxfs_region *rg,
		      const struct daxfs_base_inode *dir, u64 idx,
		      struct daxfs_base_dirent *copy)
{
	int err;

	if (!S_ISDIR(dir->mode))
		return -ENOTDIR;
	if (idx >= daxfs_base_dir_nr(dir))
		return -ENOENT;
	err = get_dirent(rg, dir, idx, copy);
	if (err)
		return err;
	if (copy->name_len < sizeof(copy->name))
		copy->name[copy->name_len] = 0;
	/* A front end would take these for something else than one name. */
	for (u32 i = 0; i < copy->name_len; i++)
		if (!copy->name[i] || copy->name[i] == '/')
			return -EUCLEAN;
	return 0;
}

int daxfs_base_name_cmp(const char *a, u32 a_len, const char *b, u32 b_len)
{
	int c = memcmp(a, b, a_len < b_len ? a_len : b_len);

	if (c)
		return c;
	return a_len < b_len ? -1 : a_len > b_len;
}

int daxfs_base_lookup(const struct daxfs_region *rg,
		      const struct daxfs_base_inode *dir, const char *name,
		      u32 len, u64 *ino, u32 *d_type, u64 *idx)
{
	struct daxfs_base_dirent de;
	u64 lo = 0, hi = daxfs_base_dir_nr(dir), mid = 0;
	int c = -1, err;

	if (!S_ISDIR(dir->mode))
		return -ENOTDIR;
	/* Halves hi - lo each time: at most 64 steps on whatever bytes. */
	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		err = get_dirent(rg, dir, mid, &de);
		if (err)
			return err;
		c = daxfs_base_name_cmp(name, len, de.name, de.name_len);
		if (!c)
			break;
		if (c < 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	if (idx)
		*idx = c ? lo : mid;
	if (c)
		return -ENOENT;
	if (ino)
		*ino = de.ino;
	if (d_type)
		*d_type = de.d_type;
	return 0;
}

/* ---- content ---- */

static int get_extent(const struct daxfs_region *rg,
		      const struct daxfs_base_inode *in, u64 idx,
		      struct daxfs_base_extent *copy)
{
	const void *from = meta_at(rg, in->data_off + idx * EXTENT_LEN,
				   EXTENT_LEN, 8);

	if (!from)
		return -EUCLEAN;
	port_copy_from(copy, from, sizeof(*copy));
	return 0;
}

static int extent_ok(const struct daxfs_region *rg,
		     const struct daxfs_base_inode *in,
		     const struct daxfs_base_extent *e)
{
	if (!e->len || e->file_off % DAXFS_PAGE_SIZE ||
	    e->file_off >= in->size || e->len > in->size - e->file_off)
		return 0;
	/* Pages are mapped whole: only the end of the file is off a page. */
	if (e->len % DAXFS_PAGE_SIZE && e->file_off + e->len != in->size)
		return 0;
	return content_ok(rg, e->data_off, e->len);
}

/* The first extent that ends behind off. -ENOENT: there is none. */
static int find_extent(const struct daxfs_region *rg,
		       const struct daxfs_base_inode *in, u64 off,
		       struct daxfs_base_extent *found)
{
	struct daxfs_base_extent e;
	u64 lo = 0, hi, mid;
	int err = get_extent(rg, in, 0, &e), some = 0;

	if (err)
		return err;
	hi = e.nr;
	if (!meta_at(rg, in->data_off, hi * EXTENT_LEN, 8))
		return -EUCLEAN;
	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		err = get_extent(rg, in, mid, &e);
		if (err)
			return err;
		if (!extent_ok(rg, in, &e))
			return -EUCLEAN;
		if (e.file_off + e.len > off) {
			*found = e;
			some = 1;
			hi = mid;
		} else {
			lo = mid + 1;
		}
	}
	return some ? 0 : -ENOENT;
}

/* run->len is what the caller wants and the file has. */
static int sparse_run(const struct daxfs_region *rg,
		      const struct daxfs_base_inode *in, struct daxfs_run *run)
{
	struct daxfs_base_extent e;
	u64 off = run->file_off, end = off + run->len;
	int err = find_extent(rg, in, off, &e);

	run->off = 0;
	if (err == -ENOENT)		/* the rest is a hole */
		return 0;
	if (err)
		return err;
	if (e.file_off > off) {
		if (e.file_off < end)
			run->len = e.file_off - off;
		return 0;
	}
	run->off = e.data_off + (off - e.file_off);
	run->away = daxfs_is_split(rg);
	if (e.file_off + e.len < end)
		run->len = e.file_off + e.len - off;
	return 0;
}

int daxfs_base_run(const struct daxfs_region *rg,
		   const struct daxfs_base_inode *inode, u64 off, u64 len,
		   struct daxfs_run *run)
{
	if (!S_ISREG(inode->mode))
		return -EINVAL;
	if (!regular_ok(rg, inode))
		return -EUCLEAN;
	run->file_off = off;
	run->off = 0;
	run->len = 0;
	run->away = 0;
	if (off >= inode->size)
		return 0;
	run->len = len < inode->size - off ? len : inode->size - off;
	if (inode->flags & DAXFS_BASE_SPARSE)
		return sparse_run(rg, inode, run);
	run->off = inode->data_off + off;
	run->away = daxfs_is_split(rg);
	return 0;
}

s64 daxfs_base_target(const struct daxfs_region *rg,
		      const struct daxfs_base_inode *inode, char *buf, u64 len)
{
	const void *from;

	if (!S_ISLNK(inode->mode))
		return -EINVAL;
	if (!target_ok(rg, inode))
		return -EUCLEAN;
	from = meta_at(rg, inode->data_off, inode->size, 1);
	if (len > inode->size)
		len = inode->size;
	port_copy_from(buf, from, len);
	return (s64)len;
}

u64 daxfs_base_bytes(const struct daxfs_region *rg,
		     const struct daxfs_base_inode *in)
{
	struct daxfs_base_extent e;
	u64 sum = 0, nr = 1;

	if (!(in->flags & DAXFS_BASE_SPARSE))
		return in->size;
	for (u64 i = 0; i < nr && !get_extent(rg, in, i, &e); i++) {
		if (!i)
			nr = e.nr;
		if (nr && extent_ok(rg, in, &e))
			sum += e.len;
	}
	return sum;
}
