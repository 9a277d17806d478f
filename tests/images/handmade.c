// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Images assembled byte by byte: one that is right, and many that are not.
 *
 * Notes: the good image has five inodes: the root (1), a file of two names
 * (2: /a and /d/a2), a directory (3: /d), a symbolic link (4: /l) and a sparse
 * file of three pages with one extent in the middle (5: /s).
 */
#include <errno.h>
#include <string.h>

#include "handmade.h"

/* Where things are in the good image. */
#define SUPER_CRC	16u
#define BASE_CRC	160u
#define AREA(n)		(256u + 32u * (n))	/* 0 inodes, 1 meta, 2 data */
#define INODES		0x1000u
#define INODE(n)	(INODES + 64u * ((n) - 1))
#define META		0x2000u
#define META_LEN	0x800u
#define ROOT_DIRENT(n)	(META + 271u * (n))
#define SUB_DIRENT	(META + 271u * 4)
#define TARGET		(META + 271u * 5)
#define EXTENT		(META + 0x600u)
#define XATTR		(META + 0x640u)
#define DATA		0x3000u

static void put(uint8_t *buf, uint32_t off, uint32_t width, uint64_t value)
{
	uint32_t i;

	for (i = 0; i < width; i++)
		buf[off + i] = (uint8_t)(value >> (8 * i));
}

/* CRC-32 (IEEE 802.3), bit by bit. */
static uint32_t crc32_of(uint32_t crc, const uint8_t *p, size_t len)
{
	int k;

	crc = ~crc;
	while (len--) {
		crc ^= *p++;
		for (k = 0; k < 8; k++)
			crc = crc & 1 ? crc >> 1 ^ 0xedb88320u : crc >> 1;
	}
	return ~crc;
}

static void put_crcs(uint8_t *buf, uint32_t keep)
{
	uint32_t crc;

	if (!(keep & KEEP_BASE_CRC)) {
		crc = crc32_of(0, buf + INODES, 5 * 64);
		put(buf, BASE_CRC, 4, crc32_of(crc, buf + META, META_LEN));
	}
	if (!(keep & KEEP_SUPER_CRC)) {
		put(buf, SUPER_CRC, 4, 0);
		put(buf, SUPER_CRC, 4, crc32_of(0, buf, 1024));
	}
}

static void put_area(uint8_t *buf, uint32_t n, uint32_t type, uint64_t off,
		     uint64_t len, uint64_t nr)
{
	put(buf, AREA(n), 4, type);
	put(buf, AREA(n) + 8, 8, off);
	put(buf, AREA(n) + 16, 8, len);
	put(buf, AREA(n) + 24, 8, nr);
}

static void put_super(uint8_t *buf)
{
	memcpy(buf, "daxfs\r\n\032", 8);
	put(buf, 8, 4, 1);			/* version */
	put(buf, 12, 4, 1024);			/* super_len */
	put(buf, 20, 4, 12);			/* page_shift */
	put(buf, 48, 8, HANDMADE_LEN);		/* region_len */
	memcpy(buf + 56, "0123456789abcdef", 16);
	memcpy(buf + 72, "handmade", 8);
	put(buf, 152, 4, 1);			/* mode: static */
	put(buf, 156, 4, 3);			/* area_nr */
	put(buf, 168, 8, 5);			/* base_inode_nr */
	put(buf, 176, 8, 6);			/* first_ino */
	put_area(buf, 0, 8, INODES, 5 * 64, 5);
	put_area(buf, 1, 9, META, META_LEN, 0);
	put_area(buf, 2, 10, DATA, 0x2000, 0);
}

struct inode {
	uint64_t size, data_off;
	uint32_t mode, nlink, parent, flags;
};

static void put_inode(uint8_t *buf, uint32_t n, const struct inode *in)
{
	uint32_t at = INODE(n);

	put(buf, at, 8, in->size);
	put(buf, at + 8, 8, in->data_off);
	put(buf, at + 16, 8, 1000000000);	/* mtime_ns */
	put(buf, at + 24, 4, in->mode);
	put(buf, at + 36, 4, in->nlink);
	put(buf, at + 44, 4, in->parent);
	put(buf, at + 48, 4, in->flags);
}

static void put_dirent(uint8_t *buf, uint32_t at, uint64_t ino, uint8_t type,
		       const char *name)
{
	put(buf, at, 8, ino);
	put(buf, at + 8, 1, type);
	put(buf, at + 14, 2, strlen(name));
	memcpy(buf + at + 16, name, strlen(name));
}

static void put_meta(uint8_t *buf)
{
	put_dirent(buf, ROOT_DIRENT(0), 2, 8, "a");
	put_dirent(buf, ROOT_DIRENT(1), 3, 4, "d");
	put_dirent(buf, ROOT_DIRENT(2), 4, 10, "l");
	put_dirent(buf, ROOT_DIRENT(3), 5, 8, "s");
	put_dirent(buf, SUB_DIRENT, 2, 8, "a2");
	memcpy(buf + TARGET, "d/a2", 4);
	put(buf, EXTENT, 8, 0x1000);		/* file_off */
	put(buf, EXTENT + 8, 8, 0x1000);	/* len */
	put(buf, EXTENT + 16, 8, DATA + 0x1000);
	put(buf, EXTENT + 24, 4, 1);		/* nr */
	put(buf, XATTR, 2, 6);			/* name_len */
	put(buf, XATTR + 4, 4, 3);		/* value_len */
	memcpy(buf + XATTR + 8, "user.xyes", 9);
	put(buf, INODE(2) + 52, 4, 24);		/* xattr_len */
	put(buf, INODE(2) + 56, 8, XATTR);
}

void handmade_good(uint8_t *buf)
{
	static const struct inode inodes[] = {
		{ 4 * 271, ROOT_DIRENT(0), 0040755, 3, 1, 0 },
		{ 6, DATA, 0100644, 2, 0, 0 },
		{ 271, SUB_DIRENT, 0040700, 2, 1, 0 },
		{ 4, TARGET, 0120777, 1, 0, 0 },
		{ 0x3000, EXTENT, 0100600, 1, 0, 1 },
	};
	uint32_t i;

	memset(buf, 0, HANDMADE_LEN);
	put_super(buf);
	for (i = 0; i < 5; i++)
		put_inode(buf, i + 1, &inodes[i]);
	put_meta(buf);
	memcpy(buf + DATA, "hello\n", 6);
	memset(buf + DATA + 0x1000, 'S', 0x1000);
	put_crcs(buf, 0);
}

size_t handmade_make(const struct handmade *h, uint8_t *buf)
{
	uint32_t i;

	handmade_good(buf);
	for (i = 0; i < HANDMADE_PATCHES && h->patch[i].width; i++)
		put(buf, h->patch[i].off, h->patch[i].width, h->patch[i].value);
	put_crcs(buf, h->keep);
	return h->len ? h->len : HANDMADE_LEN;
}

/* ---- one thing wrong in each ---- */

#define P(...) .patch = { __VA_ARGS__ }
#define BAD "impossible type or refers to bytes outside"
#define ENTRY "a directory entry cannot be"
#define XATTRS "extended attributes cannot be"
#define AREAS "areas in the superblock"

const struct handmade handmade_bad[] = {
	/* the superblock */
	{ "super-magic", -EINVAL, "not a daxfs region", P({ 0, 1, 'D' }) },
	{ "super-short", -EINVAL, "a daxfs region", .len = 1000 },
	{ "super-version", -EPROTONOSUPPORT, "version", P({ 8, 4, 2 }) },
	{ "super-len", -EUCLEAN, "checksum", P({ 12, 4, 512 }) },
	{ "super-crc", -EUCLEAN, "checksum", P({ 72, 1, 'x' }), .keep = KEEP_SUPER_CRC },
	{ "super-incompat", -EPROTONOSUPPORT, "features",
	  P({ 40, 8, 1ull << 40 }) },
	{ "super-page-shift", -EPROTONOSUPPORT, "page size", P({ 20, 4, 16 }) },
	{ "super-truncated", -ENODATA, "truncated", .len = 0x4000 },
	{ "super-region-odd", -EUCLEAN, "impossible length",
	  P({ 48, 8, 0x4fff }) },
	{ "super-region-huge", -EUCLEAN, "impossible length",
	  P({ 48, 8, 1ull << 60 }) },
	{ "super-areas-many", -EUCLEAN, AREAS, P({ 156, 4, 21 }) },
	{ "super-area-beyond", -EUCLEAN, AREAS, P({ AREA(2) + 16, 8, 0x3000 }) },
	{ "super-area-wraps", -EUCLEAN, AREAS,
	  P({ AREA(2) + 16, 8, ~0ull - 0x2000 }) },
	{ "super-area-odd", -EUCLEAN, AREAS, P({ AREA(1) + 8, 8, 0x2008 }) },
	{ "super-inodes-many", -EUCLEAN, AREAS, P({ 168, 8, 6 }) },
	{ "super-inodes-wrap", -EUCLEAN, AREAS,
	  P({ 168, 8, 1ull << 58 }, { AREA(0) + 24, 8, 1ull << 58 }) },
	{ "super-overlay-without", -EUCLEAN, AREAS, P({ 40, 8, 1 }) },

	/* checksum and inodes */
	{ "base-crc", 0, "checksum of its metadata", P({ INODE(2) + 28, 4, 7 }),
	  .keep = KEEP_BASE_CRC },
	{ "inode-type", 0, BAD, P({ INODE(2) + 24, 4, 0170644 }) },
	{ "inode-size", 0, BAD, P({ INODE(2), 8, 0x2001 }) },
	{ "inode-size-huge", 0, BAD, P({ INODE(2), 8, ~0ull }) },
	{ "inode-data-odd", 0, BAD, P({ INODE(2) + 8, 8, DATA + 1 }) },
	{ "inode-data-in-super", 0, BAD, P({ INODE(2) + 8, 8, 0 }) },
	{ "inode-data-wraps", 0, BAD, P({ INODE(2) + 8, 8, ~0xfffull }) },
	{ "inode-nlink-0", 0, BAD, P({ INODE(4) + 36, 4, 0 }) },
	{ "inode-nlink", 0, "link count is not", P({ INODE(2) + 36, 4, 3 }) },
	{ "inode-no-name", 0, "no directory names", P({ ROOT_DIRENT(2), 8, 5 },
	  { ROOT_DIRENT(2) + 8, 1, 8 }, { INODE(5) + 36, 4, 2 }) },
	{ "link-empty", 0, BAD, P({ INODE(4), 8, 0 }) },
	{ "link-long", 0, BAD, P({ INODE(4), 8, 4096 }) },
	{ "link-outside", 0, BAD, P({ INODE(4) + 8, 8, DATA }) },
	{ "fifo-with-content", 0, BAD, P({ INODE(2) + 24, 4, 0010644 }) },
	{ "xattr-outside", 0, BAD, P({ INODE(2) + 56, 8, DATA }) },
	{ "xattr-long", 0, XATTRS, P({ XATTR + 4, 4, 300 }) },
	{ "xattr-no-name", 0, XATTRS, P({ XATTR, 2, 0 }) },
	{ "xattr-tail", 0, XATTRS, P({ INODE(2) + 52, 4, 28 }) },

	/* directories */
	{ "root-is-file", 0, "root is not a directory",
	  P({ INODE(1) + 24, 4, 0100644 }, { INODE(1), 8, 6 },
	   { INODE(1) + 8, 8, DATA }) },
	{ "root-parent", 0, "root is not a directory",
	  P({ INODE(1) + 44, 4, 3 }) },
	{ "root-named", 0, "the root has a name", P({ SUB_DIRENT, 8, 1 },
	  { SUB_DIRENT + 8, 1, 4 }, { INODE(2) + 36, 4, 1 }) },
	{ "dir-size-odd", 0, BAD, P({ INODE(3), 8, 270 }) },
	{ "dir-outside", 0, BAD, P({ INODE(3) + 8, 8, META + META_LEN - 270 }) },
	{ "dir-nlink", 0, "link count of the directory",
	  P({ INODE(1) + 36, 4, 2 }) },
	{ "dir-shared", 0, "shares metadata", P({ INODE(3) + 8, 8, ROOT_DIRENT(0) },
	  { INODE(3), 8, 271 * 4 }) },
	{ "dir-two-names", 0, "more than one name",
	  P({ SUB_DIRENT, 8, 3 }, { SUB_DIRENT + 8, 1, 4 }) },
	{ "dir-cycle", 0, "smaller number than its parent",
	  P({ SUB_DIRENT, 8, 3 }, { SUB_DIRENT + 8, 1, 4 },
	   { INODE(3) + 44, 4, 3 }) },
	{ "dir-parent", 0, "named by another one", P({ INODE(3) + 44, 4, 2 }) },
	{ "dirent-unsorted", 0, "not in order", P({ ROOT_DIRENT(0) + 16, 1, 'e' }) },
	{ "dirent-twice", 0, "not in order", P({ ROOT_DIRENT(0) + 16, 1, 'd' }) },
	{ "dirent-type", 0, "another type", P({ ROOT_DIRENT(0) + 8, 1, 4 }) },
	{ "dirent-ino-0", 0, ENTRY, P({ ROOT_DIRENT(0), 8, 0 }) },
	{ "dirent-ino-beyond", 0, ENTRY, P({ ROOT_DIRENT(0), 8, 6 }) },
	{ "dirent-name-0", 0, ENTRY, P({ SUB_DIRENT + 14, 2, 0 }) },
	{ "dirent-name-256", 0, ENTRY, P({ SUB_DIRENT + 14, 2, 256 }) },
	{ "dirent-name-65535", 0, ENTRY, P({ SUB_DIRENT + 14, 2, 65535 }) },
	{ "dirent-name-slash", 0, ENTRY, P({ SUB_DIRENT + 16, 1, '/' }) },
	{ "dirent-name-nul", 0, ENTRY, P({ SUB_DIRENT + 16, 1, 0 }) },
	{ "dirent-name-padding", 0, ENTRY, P({ SUB_DIRENT + 20, 1, 'x' }) },
	{ "dirent-dot", 0, ENTRY,
	  P({ SUB_DIRENT + 16, 1, '.' }, { SUB_DIRENT + 17, 1, 0 },
	   { SUB_DIRENT + 14, 2, 1 }) },
	{ "dirent-dotdot", 0, ENTRY, P({ SUB_DIRENT + 16, 2, 0x2e2e }) },

	/* extents */
	{ "extent-outside", 0, "an extent of the file cannot be",
	  P({ EXTENT + 16, 8, DATA + 0x2000 }) },
	{ "extent-in-metadata", 0, "an extent of the file cannot be",
	  P({ EXTENT + 16, 8, META }) },
	{ "extent-empty", 0, "an extent of the file cannot be",
	  P({ EXTENT + 8, 8, 0 }) },
	{ "extent-odd", 0, "an extent of the file cannot be",
	  P({ EXTENT + 8, 8, 0x800 }) },
	{ "extent-behind-end", 0, "an extent of the file cannot be",
	  P({ EXTENT, 8, 0x3000 }) },
	{ "extent-wraps", 0, "not in order", P({ EXTENT + 8, 8, ~0ull }) },
	{ "extent-overlap", 0, "not in order",
	  P({ EXTENT + 24, 4, 2 }, { EXTENT + 32, 8, 0x1000 },
	   { EXTENT + 40, 8, 0x1000 }, { EXTENT + 48, 8, DATA + 0x1000 }) },
	{ "extent-many", 0, "shares metadata", P({ EXTENT + 24, 4, ~0u }) },
	{ "extent-table-outside", 0, BAD, P({ INODE(5) + 8, 8, DATA }) },
	{ "extent-table-odd", 0, BAD, P({ INODE(5) + 8, 8, EXTENT + 4 }) },
};

const size_t handmade_bad_nr = sizeof(handmade_bad) / sizeof(handmade_bad[0]);
