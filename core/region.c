// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The region: superblock, areas, and the addresses of what they hold.
 *
 * Notes: the superblock is copied once, validated, and only the copy is used,
 * so later changes of the bytes in the region change nothing here. No word of
 * this file is ever written after mkdaxfs: all of it is wait-free and may stop
 * anywhere.
 */
#include "region.h"
#include "word.h"

#define PROBES_SHIFT	3u	/* log2 of buckets looked at in a section, by pool byte */
#define PROBES_MIN	1000000u

struct why {
	char *buf;
	size_t len;
};

static int refuse(struct why *why, int err, const char *text)
{
	size_t n = 0;

	if (!why->buf || !why->len)
		return err;
	while (text[n] && n + 1 < why->len) {
		why->buf[n] = text[n];
		n++;
	}
	why->buf[n] = 0;
	return err;
}

static int check_crc(const struct daxfs_super *sb)
{
	struct daxfs_super copy = *sb;

	copy.crc = 0;
	return port_crc32(0, &copy, sizeof(copy)) == sb->crc;
}

static int check_identity(const struct daxfs_super *sb, struct why *why)
{
	if (memcmp(sb->magic, DAXFS_MAGIC, DAXFS_MAGIC_LEN))
		return refuse(why, -EINVAL,
			"not a daxfs region (no magic at its start)");
	if (sb->version != DAXFS_VERSION)
		return refuse(why, -EPROTONOSUPPORT,
			"format version is not 1; use the tools that made it");
	if (sb->super_len != sizeof(*sb) || !check_crc(sb))
		return refuse(why, -EUCLEAN,
			"wrong checksum of the superblock; the region is damaged");
	if (sb->incompat & ~DAXFS_INCOMPAT_KNOWN)
		return refuse(why, -EPROTONOSUPPORT,
			"uses features that this version does not know; "
			"use newer tools");
	if (sb->page_shift != DAXFS_PAGE_SHIFT)
		return refuse(why, -EPROTONOSUPPORT,
			"page size is not 4096 bytes");
	return 0;
}

struct area_rule {
	u32 type;
	u32 entry;		/* bytes; 0: no array */
	u64 min_nr;
};

static const struct area_rule overlay_rules[] = {
	{ DAXFS_AREA_GLOBALS, sizeof(struct daxfs_globals), 1 },
	{ DAXFS_AREA_HOSTS, sizeof(struct daxfs_host_slot), DAXFS_HOSTS },
	{ DAXFS_AREA_LAYERS, sizeof(struct daxfs_layer), 2 },
	{ DAXFS_AREA_PAGE_INFO, sizeof(struct daxfs_a64), 1 },
	{ DAXFS_AREA_CHUNK_HINT, sizeof(struct daxfs_a64), 1 },
	{ DAXFS_AREA_POOL, DAXFS_PAGE_SIZE, 16 },
};

/* min_nr 0: one for each slot */
static const struct area_rule split_rules[] = {
	{ DAXFS_AREA_PCACHE_SLOTS, sizeof(struct daxfs_pcache_slot), 0 },
	{ DAXFS_AREA_PCACHE_PINS, sizeof(struct daxfs_a64), 0 },
	{ DAXFS_AREA_PCACHE_DATA, DAXFS_PAGE_SIZE, 0 },
	{ DAXFS_AREA_PCACHE_ASKS, sizeof(struct daxfs_a64), DAXFS_CACHE_ASKS },
	{ DAXFS_AREA_BACKING, sizeof(struct daxfs_backing), 1 },
};

static int copy_areas(struct daxfs_region *rg)
{
	const struct daxfs_super *sb = &rg->super;

	if (sb->area_nr > DAXFS_AREAS)
		return -EUCLEAN;
	for (u32 i = 0; i < sb->area_nr; i++) {
		const struct daxfs_area *a = &sb->area[i];

		if (a->type >= DAXFS_AREA_TYPES)
			continue;	/* of a compatible feature */
		if (!a->off || a->off % DAXFS_PAGE_SIZE ||
		    a->off > sb->region_len || a->len > sb->region_len - a->off)
			return -EUCLEAN;
		rg->area[a->type].off = a->off;
		rg->area[a->type].len = a->len;
		rg->area[a->type].nr = a->nr;
	}
	return 0;
}

static int check_array(const struct daxfs_region *rg, u32 type, u64 entry,
		       u64 min_nr)
{
	const struct daxfs_span *a = &rg->area[type];

	if (a->nr < min_nr || a->nr > a->len / entry)
		return -EUCLEAN;
	return 0;
}

static int check_pool(struct daxfs_region *rg)
{
	const struct daxfs_span *pool = &rg->area[DAXFS_AREA_POOL];
	u64 end = pool->off + pool->len, reserve = rg->super.reserve_nr;

	rg->pool_base = pool->off & ~(DAXFS_CHUNK_SIZE - 1);
	if (reserve >= pool->nr || pool->len != pool->nr * DAXFS_PAGE_SIZE)
		return -EUCLEAN;
	rg->pool_end = end - reserve * DAXFS_PAGE_SIZE;
	rg->probes_max = PROBES_MIN + (pool->len << PROBES_SHIFT);
	if (rg->area[DAXFS_AREA_PAGE_INFO].nr <
	    (end - rg->pool_base) / DAXFS_PAGE_SIZE)
		return -EUCLEAN;
	if (rg->area[DAXFS_AREA_CHUNK_HINT].nr <
	    (end - rg->pool_base + DAXFS_CHUNK_SIZE - 1) / DAXFS_CHUNK_SIZE)
		return -EUCLEAN;
	return 0;
}

/* A power of two of slots, with all that belongs to each. */
static int check_split(const struct daxfs_region *rg)
{
	u64 nr = rg->area[DAXFS_AREA_PCACHE_SLOTS].nr;

	if (!daxfs_has_overlay(rg) || rg->super.mode != DAXFS_MODE_SPLIT ||
	    nr < DAXFS_CACHE_MIN || (nr & (nr - 1)) ||
	    rg->area[DAXFS_AREA_BACKING].nr > DAXFS_BACKING_FILES)
		return -EUCLEAN;
	for (size_t i = 0; i < sizeof(split_rules) / sizeof(*split_rules); i++) {
		const struct area_rule *a = &split_rules[i];
		u64 min = a->min_nr ? a->min_nr : nr;

		if (check_array(rg, a->type, a->entry, min) ||
		    (!a->min_nr && rg->area[a->type].nr != nr))
			return -EUCLEAN;
	}
	return 0;
}

static int check_areas(struct daxfs_region *rg)
{
	const struct daxfs_super *sb = &rg->super;
	int r = copy_areas(rg);

	if (r)
		return r;
	if (sb->base_inode_nr > 0xffffffffull ||
	    check_array(rg, DAXFS_AREA_BASE_INODES,
			sizeof(struct daxfs_base_inode), sb->base_inode_nr))
		return -EUCLEAN;
	if (daxfs_is_split(rg) && check_split(rg))
		return -EUCLEAN;
	if (!daxfs_has_overlay(rg))
		return sb->base_inode_nr && !daxfs_is_branching(rg) ? 0 : -EUCLEAN;
	if (rg->area[DAXFS_AREA_LAYERS].nr > DAXFS_LAYERS_MAX ||
	    (daxfs_is_branching(rg) &&
	     check_array(rg, DAXFS_AREA_BRANCHES, sizeof(struct daxfs_branch), 1)))
		return -EUCLEAN;
	for (size_t i = 0; i < sizeof(overlay_rules) / sizeof(*overlay_rules); i++) {
		const struct area_rule *a = &overlay_rules[i];

		if (check_array(rg, a->type, a->entry, a->min_nr))
			return -EUCLEAN;
	}
	if (check_array(rg, DAXFS_AREA_BASE_OPENS, sizeof(struct daxfs_a64),
			sb->base_inode_nr))
		return -EUCLEAN;
	return check_pool(rg);
}

int daxfs_region_open(struct daxfs_region *rg, void *base, u64 len,
		      int writable, char *why_buf, size_t why_len)
{
	struct why why = { why_buf, why_len };
	int r;

	memset(rg, 0, sizeof(*rg));
	if (len < sizeof(rg->super))
		return refuse(&why, -EINVAL, "too small to be a daxfs region");
	/* The magic was written last. Pairs with [MKF] in put_super(). */
	port_copy_from(&rg->super, base, sizeof(rg->super));
	r = check_identity(&rg->super, &why);
	if (r)
		return r;
	acquire_fence();	/* [MKF]: the magic before all the rest */
	if (writable && (rg->super.ro_compat & ~DAXFS_RO_COMPAT_KNOWN))
		return refuse(&why, -EROFS, "has features that allow reading "
			      "only in this version; open it read-only");
	if (rg->super.region_len % DAXFS_PAGE_SIZE ||
	    rg->super.region_len > DAXFS_MAX_REGION)
		return refuse(&why, -EUCLEAN, "impossible length in the superblock");
	if (len < rg->super.region_len)
		return refuse(&why, -ENODATA, "truncated: shorter than the "
			      "length in its superblock");
	rg->base = base;
	rg->len = rg->super.region_len;
	rg->writable = writable;
	r = check_areas(rg);
	if (r)
		return refuse(&why, r, "areas in the superblock overlap the end "
			      "or are too small; the region is damaged");
	/* Readers, too: who reads helps others, and announces himself. */
	if (daxfs_is_persistent(rg))
		port_set_persistent();
	return 0;
}

int daxfs_has_overlay(const struct daxfs_region *rg)
{
	return !!(rg->super.incompat & DAXFS_INCOMPAT_OVERLAY);
}

int daxfs_is_branching(const struct daxfs_region *rg)
{
	return !!(rg->super.incompat & DAXFS_INCOMPAT_BRANCHING);
}

int daxfs_is_persistent(const struct daxfs_region *rg)
{
	return !!(rg->super.incompat & DAXFS_INCOMPAT_PERSIST);
}

int daxfs_is_split(const struct daxfs_region *rg)
{
	return !!(rg->super.incompat & DAXFS_INCOMPAT_SPLIT);
}
