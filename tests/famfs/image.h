/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * famfs media put together byte by byte.
 *
 * Notes: from the tables of docs/famfs-format.md, with numbers for offsets and
 * a checksum of its own: nothing of famfs/ is used here, not even its header,
 * so that neither reader nor writer is tested against itself.
 */
#ifndef FAMFS_TEST_IMAGE_H
#define FAMFS_TEST_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#define MIB		(1ull << 20)
#define IMAGE_LOG	(2 * MIB)
#define IMAGE_LOG_LEN	(8 * MIB)
#define IMAGE_FIRST	(10 * MIB)	/* first unit */
#define IMAGE_LEN	(64 * MIB)

extern const uint8_t image_fs_uuid[16], image_dev_uuid[16], image_sys_uuid[16];
#define IMAGE_SYS_TEXT	"33000000-0000-0000-0000-000000000033"

uint64_t image_crc(const void *p, size_t len);
void image_u32(uint8_t *at, size_t off, uint32_t v);
void image_u64(uint8_t *at, size_t off, uint64_t v);
/* Superblock and log header at the beginning of a device of zeros. */
void image_super(uint8_t *dev, uint32_t flags, const uint8_t dev_uuid[16]);
void image_seal_super(uint8_t *dev);
void image_log(uint8_t *dev);
void image_seal_log(uint8_t *dev);
/* Entries count from 0; sealed, and counted by image_count(). */
uint8_t *image_entry(uint8_t *dev, uint64_t i);
void image_seal(uint8_t *entry, uint64_t seqnum);
void image_count(uint8_t *dev, uint64_t nr);
void image_dir(uint8_t *dev, uint64_t i, const char *path, uint32_t mode);
/* Simple, of one extent; more by image_ext() and image_seal(). */
void image_file(uint8_t *dev, uint64_t i, const char *path, uint64_t size, uint64_t off,
		uint64_t len);
void image_ext(uint8_t *entry, size_t at, uint64_t device, uint64_t off, uint64_t len);
void image_inter(uint8_t *dev, uint64_t i, const char *path, uint64_t size, uint64_t chunk,
		 uint64_t strips, uint64_t off, uint64_t len);
void image_device(uint8_t *dev, uint64_t i, uint64_t size, const uint8_t uuid[16],
		  uint32_t index);

#endif
