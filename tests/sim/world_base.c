// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The base image of a test's region: the tree of setup_tree(), not of the core.
 *
 * Notes: inodes are numbered as the table has them, so entries of a directory
 * stand there in the order of their names, and parents come before children.
 */
#include "world.h"

struct node {
	const char *name;
	u32 parent;		/* number of the directory */
	u32 mode;
	u32 len;		/* bytes of content or target */
	u8 fill;
};

static const struct node nodes[] = {
	{ "", 1, S_IFDIR | 0755, 0, 0 },
	{ "d1", 1, S_IFDIR | 0755, 0, 0 },
	{ "d2", 1, S_IFDIR | 0755, 0, 0 },
	{ "a", 2, S_IFREG | 0644, 5000, 'a' },
	{ "b", 2, S_IFREG | 0644, 9000, 'b' },
	{ "dir", 2, S_IFDIR | 0755, 0, 0 },
	{ "long", 2, S_IFLNK | 0777, 200, 'L' },
	{ "short", 2, S_IFLNK | 0777, 2, 'S' },
	{ "sub", 2, S_IFDIR | 0755, 0, 0 },
	{ "c", 3, S_IFREG | 0644, 100, 'c' },
	{ "empty", 3, S_IFDIR | 0755, 0, 0 },
};

#define NODES		(sizeof(nodes) / sizeof(nodes[0]))
#define WITH_XATTR	4u	/* number of d1/a */
#define XATTR_LEN	24u
#define PAGE_UP(n)	(((n) + DAXFS_PAGE_SIZE - 1) & ~(DAXFS_PAGE_SIZE - 1))

void world_base_plan(struct daxfs_geometry *g)
{
	u32 i;

	g->mode = g->cache_slots ? DAXFS_MODE_SPLIT : DAXFS_MODE_STATIC;
	g->backing_nr = g->cache_slots ? WORLD_BACKING_FILES : 0;
	g->base_inode_nr = NODES;
	for (i = 1; i < NODES; i++) {
		g->base_meta_len += sizeof(struct daxfs_base_dirent);
		if (S_ISLNK(nodes[i].mode))
			g->base_meta_len += nodes[i].len;
		else
			g->base_data_len += PAGE_UP(nodes[i].len);
	}
	g->base_meta_len += 7 + XATTR_LEN;	/* aligned to 8 */
}

static const struct daxfs_area *area(const struct daxfs_geometry *g, u32 type)
{
	u32 i;

	for (i = 0; g->super.area[i].type != type; i++)
		;
	return &g->super.area[i];
}

/* ---- backing files ---- */

static u8 content[16 * DAXFS_PAGE_SIZE];	/* of file 0, behind its head */

u64 world_backing_addr(u32 file, u64 page)
{
	return (u64)file << DAXFS_BACKING_SHIFT | page << DAXFS_PAGE_SHIFT;
}

void world_backing_page(u64 addr, u8 *page)
{
	u64 nr = (addr & (DAXFS_BACKING_MAX - 1)) >> DAXFS_PAGE_SHIFT;
	u64 at = (nr - 1) << DAXFS_PAGE_SHIFT, mark = addr >> DAXFS_PAGE_SHIFT;

	if (addr < DAXFS_BACKING_MAX && at < sizeof(content)) {
		memcpy(page, content + at, DAXFS_PAGE_SIZE);
		return;
	}
	for (u32 i = 0; i < DAXFS_PAGE_SIZE; i += sizeof(mark))
		memcpy(page + i, &mark, sizeof(mark));
}

static void put_backing(const struct daxfs_geometry *g, u8 *base)
{
	struct daxfs_backing b = {
		.uuid = { 1, 2, 3 },
		.size = (u64)WORLD_BACKING_PAGES << DAXFS_PAGE_SHIFT,
	};
	u64 off = area(g, DAXFS_AREA_BACKING)->off;

	for (u32 i = 0; i < g->backing_nr; i++)
		memcpy(base + off + i * sizeof(b), &b, sizeof(b));
}

/* The entries of directory dir; returns their bytes. */
static u64 put_dir(u8 *at, u32 dir, u32 *subdirs)
{
	struct daxfs_base_dirent de;
	u64 len = 0;
	u32 i;

	*subdirs = 0;
	for (i = 1; i < NODES; i++) {
		if (nodes[i].parent != dir)
			continue;
		memset(&de, 0, sizeof(de));
		de.ino = i + 1;
		de.d_type = (u8)(nodes[i].mode >> 12);
		de.name_len = (u16)strlen(nodes[i].name);
		memcpy(de.name, nodes[i].name, de.name_len);
		memcpy(at + len, &de, sizeof(de));
		len += sizeof(de);
		*subdirs += S_ISDIR(nodes[i].mode);
	}
	return len;
}

/* An extended attribute at the end of the metadata. */
static void put_xattr(u8 *base, u64 meta, struct daxfs_base_inode *in)
{
	struct daxfs_base_xattr head = { .name_len = 6, .value_len = 10 };

	in->xattr_off = (meta + 7) & ~7ull;
	in->xattr_len = XATTR_LEN;
	memcpy(base + in->xattr_off, &head, sizeof(head));
	memcpy(base + in->xattr_off + sizeof(head), "user.bbase value", 16);
}

void world_base_put(struct daxfs_geometry *g, u8 *base)
{
	u64 meta = area(g, DAXFS_AREA_BASE_META)->off;
	u64 data = g->cache_slots ? DAXFS_PAGE_SIZE :
		   area(g, DAXFS_AREA_BASE_DATA)->off;
	const struct daxfs_area *a = area(g, DAXFS_AREA_BASE_INODES);
	struct daxfs_base_inode *in = (struct daxfs_base_inode *)(base + a->off);
	u32 i, subdirs, crc;

	for (i = 0; i < NODES; i++) {
		const struct node *n = &nodes[i];
		u64 *at = S_ISREG(n->mode) ? &data : &meta;

		in[i].mode = n->mode;
		in[i].nlink = 1;
		in[i].size = n->len;
		in[i].data_off = *at;
		memset(at == &data && g->cache_slots ?
		       content + *at - DAXFS_PAGE_SIZE : base + *at, n->fill,
		       n->len);
		if (S_ISDIR(n->mode)) {
			in[i].parent = n->parent;
			in[i].size = put_dir(base + *at, i + 1, &subdirs);
			in[i].nlink = 2 + subdirs;
		}
		if (!in[i].size)
			in[i].data_off = 0;
		*at += S_ISREG(n->mode) ? PAGE_UP(n->len) : in[i].size;
	}
	if (g->cache_slots)
		put_backing(g, base);
	put_xattr(base, meta, &in[WITH_XATTR - 1]);
	crc = port_crc32(0, in, NODES * sizeof(*in));
	a = area(g, DAXFS_AREA_BASE_META);
	g->super.base_crc = port_crc32(crc, base + a->off, a->len);
}

const char *world_base_when_empty(void)
{
	static char text[64];

	/* a whiteout for each name, and each inode is known as gone */
	snprintf(text, sizeof(text), "dirent: %u\ninode: %u\n", (u32)NODES - 1,
		 (u32)NODES);
	return text;
}
