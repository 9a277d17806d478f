/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a famfs device holds: superblock, log header, log entries.
 *
 * Notes: docs/famfs-format.md says what the fields mean, who writes them and in
 * which order. Fields are little-endian and lie where the compiler puts them,
 * which the asserts hold. Nothing is read in place but the two counters: a
 * reader copies, checks the copy, and uses the copy.
 */
#ifndef FAMFS_FORMAT_H
#define FAMFS_FORMAT_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#define FAMFS_SB_MAGIC		0x87b282ffull
#define FAMFS_LOG_MAGIC		0x0badcafef00dull
#define FAMFS_VERSION		48u
#define FAMFS_OMF_MAJOR		2u
#define FAMFS_OMF_MINOR		2u
#define FAMFS_LOG_OFFSET	0x200000ull
#define FAMFS_LOG_LEN_MIN	0x800000ull
#define FAMFS_UNIT		0x200000ull
#define FAMFS_UNIT_SMALL	4096u
#define FAMFS_CHUNK_ALIGN	4096u

#define FAMFS_UUID_LEN		16
#define FAMFS_PATH_LEN		80	/* with its NUL */
#define FAMFS_EXTS		16u	/* extents or strips of a file */

enum { FAMFS_SB_PRIMARY = 1, FAMFS_SB_SECONDARY = 2 };
enum { FAMFS_LOG_FILE, FAMFS_LOG_MKDIR, FAMFS_LOG_DELETE, FAMFS_LOG_DEVICE };
enum { FAMFS_SIMPLE, FAMFS_INTERLEAVED };
#define FAMFS_ALL_HOSTS_RO	1u
#define FAMFS_ALL_HOSTS_RW	2u

struct famfs_sb {
	uint64_t magic;
	uint64_t version;
	uint64_t log_offset;
	uint64_t log_len;
	uint64_t alloc_unit;
	uint32_t omf_major;
	uint32_t omf_minor;
	uint8_t fs_uuid[FAMFS_UUID_LEN];
	uint8_t dev_uuid[FAMFS_UUID_LEN];
	uint8_t sys_uuid[FAMFS_UUID_LEN];	/* of the owner */
	uint64_t crc;
	uint32_t flags;
	uint32_t zero;
	uint64_t daxdev_size;
	uint8_t daxdev_uuid[FAMFS_UUID_LEN];
	char daxdev_name[64];
};
static_assert(sizeof(struct famfs_sb) == 200, "superblock");
static_assert(offsetof(struct famfs_sb, log_offset) == 16, "superblock");
static_assert(offsetof(struct famfs_sb, log_len) == 24, "superblock");
static_assert(offsetof(struct famfs_sb, alloc_unit) == 32, "superblock");
static_assert(offsetof(struct famfs_sb, omf_major) == 40, "superblock");
static_assert(offsetof(struct famfs_sb, fs_uuid) == 48, "superblock");
static_assert(offsetof(struct famfs_sb, dev_uuid) == 64, "superblock");
static_assert(offsetof(struct famfs_sb, sys_uuid) == 80, "superblock");
static_assert(offsetof(struct famfs_sb, crc) == 96, "superblock");
static_assert(offsetof(struct famfs_sb, flags) == 104, "superblock");
static_assert(offsetof(struct famfs_sb, daxdev_size) == 112, "superblock");
static_assert(offsetof(struct famfs_sb, daxdev_uuid) == 120, "superblock");
static_assert(offsetof(struct famfs_sb, daxdev_name) == 136, "superblock");

struct famfs_log_header {
	uint64_t magic;
	uint64_t len;
	uint64_t last_index;
	uint64_t crc;
	uint64_t next_seqnum;
	uint64_t next_index;
};
static_assert(sizeof(struct famfs_log_header) == 48, "log header");
static_assert(offsetof(struct famfs_log_header, crc) == 24, "log header");
static_assert(offsetof(struct famfs_log_header, next_seqnum) == 32, "log header");
static_assert(offsetof(struct famfs_log_header, next_index) == 40, "log header");

struct famfs_log_ext {
	uint64_t device;
	uint64_t offset;
	uint64_t len;
};

struct famfs_log_file {
	uint64_t size;
	uint32_t flags;
	uint32_t uid;
	uint32_t gid;
	uint32_t mode;
	char path[FAMFS_PATH_LEN];
	uint32_t ext_type;
	uint32_t zero;
	uint32_t count;
	uint32_t zero2;
	union {
		struct famfs_log_ext simple[FAMFS_EXTS];
		struct {
			uint64_t strips;
			uint64_t chunk;
			struct famfs_log_ext strip[FAMFS_EXTS];
		} inter;
	};
};

struct famfs_log_mkdir {
	uint32_t uid;
	uint32_t gid;
	uint32_t mode;
	char path[FAMFS_PATH_LEN];
};

struct famfs_log_device {
	uint64_t size;
	uint8_t uuid[FAMFS_UUID_LEN];
	uint32_t index;
};

struct famfs_log_entry {
	uint64_t seqnum;
	uint32_t type;
	uint32_t zero;
	union {
		struct famfs_log_file file;
		struct famfs_log_mkdir mkdir;
		struct famfs_log_device device;
		uint8_t bytes[520];
	};
	uint64_t crc;
};
#define FAMFS_ENTRY_AT(field) offsetof(struct famfs_log_entry, field)
static_assert(sizeof(struct famfs_log_entry) == 544, "entry");
static_assert(FAMFS_ENTRY_AT(type) == 8, "entry");
static_assert(FAMFS_ENTRY_AT(crc) == 536, "entry");
static_assert(FAMFS_ENTRY_AT(file.size) == 16, "file");
static_assert(FAMFS_ENTRY_AT(file.flags) == 24, "file");
static_assert(FAMFS_ENTRY_AT(file.uid) == 28, "file");
static_assert(FAMFS_ENTRY_AT(file.gid) == 32, "file");
static_assert(FAMFS_ENTRY_AT(file.mode) == 36, "file");
static_assert(FAMFS_ENTRY_AT(file.path) == 40, "file");
static_assert(FAMFS_ENTRY_AT(file.ext_type) == 120, "file");
static_assert(FAMFS_ENTRY_AT(file.count) == 128, "file");
static_assert(FAMFS_ENTRY_AT(file.simple) == 136, "file");
static_assert(FAMFS_ENTRY_AT(file.inter.strips) == 136, "file");
static_assert(FAMFS_ENTRY_AT(file.inter.chunk) == 144, "file");
static_assert(FAMFS_ENTRY_AT(file.inter.strip) == 152, "file");
static_assert(FAMFS_ENTRY_AT(mkdir.uid) == 16, "mkdir");
static_assert(FAMFS_ENTRY_AT(mkdir.mode) == 24, "mkdir");
static_assert(FAMFS_ENTRY_AT(mkdir.path) == 28, "mkdir");
static_assert(FAMFS_ENTRY_AT(device.size) == 16, "device");
static_assert(FAMFS_ENTRY_AT(device.uuid) == 24, "device");
static_assert(FAMFS_ENTRY_AT(device.index) == 40, "device");

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "fields are little-endian");

#endif
