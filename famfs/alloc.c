// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Where a new file goes.
 *
 * Notes: by the owner, under the lock, with the whole log replayed. A simple
 * file gets the first gap that is long enough, else the longest gaps. Strips
 * go to different buckets, which are equal parts of each device, so that they
 * lie on different memory where memory is made of parts.
 */
#include "famfs.h"

static u64 round_up(u64 n, u64 unit)
{
	return (n + unit - 1) / unit * unit;
}

static int no_space(const struct famfs_fs *fs, const struct famfs_file *f)
{
	u64 total, used;

	famfs_space_sum(fs, &total, &used);
	famfs_say("%s: no space for %llu bytes: %llu of %llu are free%s", f->path,
		  (unsigned long long)f->size, (unsigned long long)(total - used),
		  (unsigned long long)total,
		  f->size < total - used ? ", but not as it would be needed" : "");
	return -ENOSPC;
}

static int take(struct famfs_fs *fs, struct famfs_map *map, u64 device, u64 off, u64 len)
{
	int r = famfs_space_take(&fs->slot[device].space, off, len);

	if (!r)
		map->ext[map->nr++] = (struct famfs_ext){ device, off, len };
	return r;
}

void famfs_unallocate(struct famfs_fs *fs, const struct famfs_file *f)
{
	u32 i;

	for (i = 0; i < f->map.nr; i++)
		famfs_space_put(&fs->slot[f->map.ext[i].device].space,
				f->map.ext[i].off, f->map.ext[i].len);
}

/* ---- simple ---- */

static int take_first(struct famfs_fs *fs, struct famfs_map *map, u64 len)
{
	u64 off;
	u32 d;

	for (d = 0; d < fs->devices; d++) {
		off = famfs_device(fs, d) ?
		      famfs_space_find(&fs->slot[d].space, famfs_sb_first(&fs->sb, d),
				       fs->slot[d].size, len) : 0;
		if (off)
			return take(fs, map, d, off, len);
	}
	return -ENOSPC;
}

static u64 longest(struct famfs_fs *fs, u64 *device, u64 *off)
{
	u64 best = 0, at = 0, len;
	u32 d;

	for (d = 0; d < fs->devices; d++) {
		len = famfs_device(fs, d) ?
		      famfs_space_longest(&fs->slot[d].space,
					  famfs_sb_first(&fs->sb, d),
					  fs->slot[d].size, &at) : 0;
		if (len > best) {
			best = len;
			*device = d;
			*off = at;
		}
	}
	return best;
}

static int take_pieces(struct famfs_fs *fs, struct famfs_map *map, u64 len)
{
	u64 device = 0, off = 0, gap;
	int r = 0;

	while (!r && len && map->nr < FAMFS_EXTS) {
		gap = longest(fs, &device, &off);
		if (gap > len)
			gap = len;
		r = gap ? take(fs, map, device, off, gap) : -ENOSPC;
		len -= gap;
	}
	return r || !len ? r : -ENOSPC;
}

/* ---- interleaved ---- */

static int stripes_check(const struct famfs_fs *fs, const struct famfs_stripes *how,
			 const char *path)
{
	if (how->strips > FAMFS_EXTS || how->strips > how->buckets * fs->devices) {
		famfs_say("%s: %llu strips: at most %u, and not more than there are "
			  "buckets (%llu on each device)", path,
			  (unsigned long long)how->strips, FAMFS_EXTS,
			  (unsigned long long)how->buckets);
		return -EINVAL;
	}
	if (!how->chunk || how->chunk % FAMFS_CHUNK_ALIGN || how->chunk > INT64_MAX) {
		famfs_say("%s: a chunk of %llu bytes: give a multiple of %u", path,
			  (unsigned long long)how->chunk, FAMFS_CHUNK_ALIGN);
		return -EINVAL;
	}
	return 0;
}

/* One strip from bucket c, if it has room. */
static int take_strip(struct famfs_fs *fs, struct famfs_map *map, u64 buckets, u64 c,
		      u64 len)
{
	u64 d = c % fs->devices, first = famfs_sb_first(&fs->sb, d), size, off;

	if (!famfs_device(fs, d) || fs->slot[d].size < first)
		return -ENOSPC;
	size = (fs->slot[d].size - first) / buckets;
	size -= size % fs->sb.alloc_unit;
	first += c / fs->devices * size;
	off = famfs_space_find(&fs->slot[d].space, first, first + size, len);
	return off ? take(fs, map, d, off, len) : -ENOSPC;
}

/* Begin at another bucket each time: they fill alike. */
static int take_strips(struct famfs_fs *fs, struct famfs_file *f,
		       const struct famfs_stripes *how)
{
	u64 stripe = how->strips * how->chunk, nr = how->buckets * fs->devices, i;
	u64 len = round_up((f->size + stripe - 1) / stripe * how->chunk,
			   fs->sb.alloc_unit);
	int r;

	f->map.type = FAMFS_INTERLEAVED;
	f->map.chunk = how->chunk;
	if (!len)
		len = round_up(how->chunk, fs->sb.alloc_unit);
	for (i = 0; i < nr && f->map.nr < how->strips; i++) {
		r = take_strip(fs, &f->map, how->buckets, (fs->played + i) % nr, len);
		if (r && r != -ENOSPC)
			return r;
	}
	return f->map.nr == how->strips ? 0 : -ENOSPC;
}

/* ---- both ---- */

int famfs_allocate(struct famfs_fs *fs, struct famfs_file *f,
		   const struct famfs_stripes *how)
{
	u64 len = round_up(f->size ? f->size : 1, fs->sb.alloc_unit);
	int r;

	memset(&f->map, 0, sizeof(f->map));
	if (f->size > INT64_MAX / 2)
		return no_space(fs, f);
	if (how->strips) {
		r = stripes_check(fs, how, f->path);
		if (r)
			return r;
		r = take_strips(fs, f, how);
	} else {
		r = take_first(fs, &f->map, len);
		if (r == -ENOSPC)
			r = take_pieces(fs, &f->map, len);
	}
	if (!r)
		return 0;
	famfs_unallocate(fs, f);
	return r == -ENOSPC ? no_space(fs, f) : r;
}

void famfs_space_sum(const struct famfs_fs *fs, u64 *total, u64 *used)
{
	u32 d;

	*total = 0;
	*used = 0;
	for (d = 0; d < fs->devices; d++) {
		u64 first = famfs_sb_first(&fs->sb, d);

		if (fs->slot[d].size > first)
			*total += fs->slot[d].size - first;
		*used += famfs_space_used(&fs->slot[d].space);
	}
}
