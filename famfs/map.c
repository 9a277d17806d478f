// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * From a byte of a file to a byte of a device.
 *
 * Notes: maps were checked before (famfs_file_check()): strips are whole chunks
 * or the rest of them is not used. tests/famfs/test_famfs_map.c compares this
 * with a table that is filled byte by byte.
 */
#include "famfs.h"

/* The last round of chunks has to be there in each strip. */
static u64 interleaved_capacity(const struct famfs_map *map)
{
	u64 rounds = UINT64_MAX, sum;
	u32 i;

	for (i = 0; i < map->nr; i++)
		if (map->ext[i].len / map->chunk < rounds)
			rounds = map->ext[i].len / map->chunk;
	if (__builtin_mul_overflow(rounds * map->chunk, (u64)map->nr, &sum))
		return UINT64_MAX;
	return sum;
}

u64 famfs_map_capacity(const struct famfs_map *map)
{
	u64 sum = 0;
	u32 i;

	if (map->type == FAMFS_INTERLEAVED)
		return map->nr && map->chunk ? interleaved_capacity(map) : 0;
	for (i = 0; i < map->nr; i++)
		if (__builtin_add_overflow(sum, map->ext[i].len, &sum))
			return UINT64_MAX;
	return sum;
}

static u64 interleaved_at(const struct famfs_map *map, u64 off, u64 len,
			  u64 *device, u64 *dev_off)
{
	u64 chunk = off / map->chunk, in = off % map->chunk;
	const struct famfs_ext *strip = &map->ext[chunk % map->nr];

	*device = strip->device;
	*dev_off = strip->off + chunk / map->nr * map->chunk + in;
	return len < map->chunk - in ? len : map->chunk - in;
}

u64 famfs_map_at(const struct famfs_map *map, u64 off, u64 len, u64 *device,
		 u64 *dev_off)
{
	u32 i;

	if (map->type == FAMFS_INTERLEAVED)
		return off < famfs_map_capacity(map) ?
		       interleaved_at(map, off, len, device, dev_off) : 0;
	for (i = 0; i < map->nr; i++) {
		const struct famfs_ext *e = &map->ext[i];

		if (off < e->len) {
			*device = e->device;
			*dev_off = e->off + off;
			return len < e->len - off ? len : e->len - off;
		}
		off -= e->len;
	}
	return 0;
}
