// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Superblocks, and a new file system.
 *
 * Notes: a superblock that is being written has no magic, so that nobody takes
 * it for one; the magic is the last store. Only mkfs and `famfs devadd` write.
 */
#include <sys/sysmacros.h>
#include <stdlib.h>
#include <uuid/uuid.h>

#include "famfs.h"

/* ---- reading ---- */

static int log_len_ok(u64 len)
{
	return len >= FAMFS_LOG_LEN_MIN && !(len & (len - 1));
}

static int check_numbers(const struct famfs_sb *sb, char *why)
{
	if (sb->version != FAMFS_VERSION)
		return famfs_because(why, -EINVAL, "superblock of version %llu, "
				     "known is %u", (unsigned long long)sb->version,
				     FAMFS_VERSION);
	if (sb->crc != famfs_crc(sb, offsetof(struct famfs_sb, crc)))
		return famfs_because(why, -EUCLEAN, "the checksum of the superblock "
				     "is wrong");
	if (sb->omf_major != FAMFS_OMF_MAJOR)
		return famfs_because(why, -EINVAL, "format %u.%u, known is %u",
				     sb->omf_major, sb->omf_minor, FAMFS_OMF_MAJOR);
	if (sb->log_offset != FAMFS_LOG_OFFSET)
		return famfs_because(why, -EUCLEAN, "log at %llu instead of %llu",
				     (unsigned long long)sb->log_offset,
				     FAMFS_LOG_OFFSET);
	if (!log_len_ok(sb->log_len))
		return famfs_because(why, -EUCLEAN, "a log of %llu bytes: not a "
				     "power of two from 8 MiB on",
				     (unsigned long long)sb->log_len);
	if (sb->alloc_unit != FAMFS_UNIT && sb->alloc_unit != FAMFS_UNIT_SMALL)
		return famfs_because(why, -EUCLEAN, "units of %llu bytes are not "
				     "known", (unsigned long long)sb->alloc_unit);
	if (sb->flags != FAMFS_SB_PRIMARY && sb->flags != FAMFS_SB_SECONDARY)
		return famfs_because(why, -EUCLEAN, "flags %#x of the superblock: "
				     "neither primary nor secondary", sb->flags);
	return 0;
}

int famfs_sb_read(const struct famfs_dev *dev, struct famfs_sb *sb, char *why)
{
	const void *at = famfs_dev_at(dev, 0, sizeof(*sb));
	int r;

	famfs_forget(at, sizeof(*sb));
	memcpy(sb, at, sizeof(*sb));
	if (sb->magic != FAMFS_SB_MAGIC)
		return famfs_because(why, -ENODATA, "no famfs file system; make one "
				     "with mkfs.famfs");
	r = check_numbers(sb, why);
	if (!r && sb->flags == FAMFS_SB_PRIMARY &&
	    sb->log_len > dev->len - FAMFS_LOG_OFFSET)
		r = famfs_because(why, -EUCLEAN, "the log of %llu bytes ends behind "
				  "the device", (unsigned long long)sb->log_len);
	return r;
}

u64 famfs_sb_first(const struct famfs_sb *sb, u64 device)
{
	return device ? FAMFS_LOG_OFFSET : FAMFS_LOG_OFFSET + sb->log_len;
}

/* ---- writing ---- */

static void store_magic(struct famfs_sb *at, u64 magic)
{
	__atomic_store_n(&at->magic, magic, __ATOMIC_RELEASE);
	famfs_flush(at, sizeof(*at));
}

static int no_room(const struct famfs_dev *dev, int r)
{
	famfs_say("%s: no room for it in the file: %s", dev->path, strerror(-r));
	return r;
}

int famfs_sb_write(struct famfs_dev *dev, struct famfs_sb *sb)
{
	struct famfs_sb *at = famfs_dev_at(dev, 0, sizeof(*at));
	int r = famfs_dev_allocate(dev, 0, sizeof(*at));

	if (r)
		return no_room(dev, r);
	sb->magic = FAMFS_SB_MAGIC;
	sb->crc = famfs_crc(sb, offsetof(struct famfs_sb, crc));
	store_magic(at, 0);
	memcpy(&at->version, &sb->version, sizeof(*sb) - sizeof(sb->magic));
	famfs_flush(at, sizeof(*at));
	store_magic(at, sb->magic);
	return 0;
}

/* ---- the uuid of a device ---- */

/* What sysfs has as the tag of an allocation of CXL memory, if it has one. */
static int read_tag(const struct famfs_dev *dev, const char *name,
		    u8 uuid[FAMFS_UUID_LEN])
{
	char path[128], text[FAMFS_UUID_TEXT] = "";
	struct stat st;
	FILE *f;
	int r;

	if (fstat(dev->src.fd, &st) || !S_ISCHR(st.st_mode))
		return -ENOENT;
	snprintf(path, sizeof(path), "/sys/dev/char/%u:%u/%s", major(st.st_rdev),
		 minor(st.st_rdev), name);
	f = fopen(path, "re");
	if (!f)
		return -ENOENT;
	r = fgets(text, sizeof(text), f) ? famfs_uuid_parse(text, uuid) : -ENOENT;
	fclose(f);
	return r || uuid_is_null(uuid) ? -ENOENT : 0;
}

static void device_uuid(const struct famfs_dev *dev, u8 uuid[FAMFS_UUID_LEN])
{
	if (dev->src.fd >= 0 && (!read_tag(dev, "uuid", uuid) ||
				 !read_tag(dev, "tag", uuid)))
		return;
	uuid_generate(uuid);
}

static void sb_fill(const struct famfs_dev *dev, struct famfs_sb *sb)
{
	const char *name = strrchr(dev->path, '/');

	device_uuid(dev, sb->dev_uuid);
	sb->daxdev_size = dev->len;
	memcpy(sb->daxdev_uuid, sb->dev_uuid, FAMFS_UUID_LEN);
	snprintf(sb->daxdev_name, sizeof(sb->daxdev_name), "%.63s",
		 name ? name + 1 : dev->path);
}

int famfs_sb_join(struct famfs_dev *dev, const struct famfs_sb *primary,
		  struct famfs_sb *sb)
{
	*sb = *primary;
	sb->flags = FAMFS_SB_SECONDARY;
	sb_fill(dev, sb);
	return famfs_sb_write(dev, sb);
}

/* ---- a new file system ---- */

static int refuse_old(const struct famfs_dev *dev, const struct famfs_mkfs *how)
{
	struct famfs_sb sb;
	char why[FAMFS_WHY];

	if (how->force || famfs_sb_read(dev, &sb, why) == -ENODATA)
		return 0;
	famfs_say("%s: there is a famfs file system already; -f makes a new one, "
		  "and all its files are lost", dev->path);
	return -EEXIST;
}

static int check_size(const struct famfs_dev *dev, u64 first)
{
	if (dev->len >= first + FAMFS_UNIT)
		return 0;
	famfs_say("%s: %llu bytes are too few: superblock, log and one file need "
		  "%llu", dev->path, (unsigned long long)dev->len,
		  (unsigned long long)(first + FAMFS_UNIT));
	return -ENOSPC;
}

static void kill_sb(struct famfs_dev *dev)
{
	struct famfs_sb *at = famfs_dev_at(dev, 0, sizeof(*at));

	if (at->magic)
		store_magic(at, 0);
}

static int make_log(struct famfs_dev *dev, const struct famfs_sb *sb)
{
	int r = famfs_dev_allocate(dev, 0, famfs_sb_first(sb, 0));

	return r ? no_room(dev, r) : famfs_log_init(dev, sb);
}

static int add_devices(struct famfs_dev **dev, int nr, const struct famfs_sb *sb)
{
	struct famfs_log_entry e;
	struct famfs_log log;
	struct famfs_sb one;
	char why[FAMFS_WHY];
	int i, r = famfs_log_open(&log, dev[0], sb, why);

	if (r)
		famfs_say("%s: %s", dev[0]->path, why);
	for (i = 1; i < nr && !r; i++) {
		struct famfs_rec rec = { .type = FAMFS_LOG_DEVICE,
					 .index = (u64)i - 1 };

		r = famfs_sb_join(dev[i], sb, &one);
		rec.dev.size = dev[i]->len & ~(FAMFS_UNIT - 1);
		rec.dev.index = (u32)i;
		memcpy(rec.dev.uuid, one.dev_uuid, FAMFS_UUID_LEN);
		famfs_entry_encode(&rec, &e);
		if (!r)
			r = famfs_log_append(&log, rec.index, &e);
	}
	return r;
}

static int make(struct famfs_dev **dev, const struct famfs_mkfs *how)
{
	struct famfs_sb sb = { .version = FAMFS_VERSION,
		.log_offset = FAMFS_LOG_OFFSET, .log_len = how->log_len,
		.alloc_unit = FAMFS_UNIT, .omf_major = FAMFS_OMF_MAJOR,
		.omf_minor = FAMFS_OMF_MINOR, .flags = FAMFS_SB_PRIMARY };
	int r = famfs_system_uuid(sb.sys_uuid);

	if (r)
		return r;
	uuid_generate(sb.fs_uuid);
	sb_fill(dev[0], &sb);
	r = make_log(dev[0], &sb);
	if (!r)
		r = add_devices(dev, how->nr, &sb);
	return r ? r : famfs_sb_write(dev[0], &sb);
}

static int is_new(struct famfs_dev **dev, int i)
{
	int j;

	for (j = 0; j < i; j++)
		if (!strcmp(dev[i]->path, dev[j]->path)) {
			famfs_say("%s: named twice", dev[i]->path);
			return -EINVAL;
		}
	/* Without waiting: two of us might, each for a device of the other's. */
	return famfs_dev_trylock(dev[i]);
}

static int open_all(struct famfs_dev **dev, const struct famfs_mkfs *how)
{
	int i, r = 0;

	for (i = 0; i < how->nr && !r; i++) {
		r = famfs_dev_open(&dev[i], how->path[i], FAMFS_WRITE);
		if (!r)
			r = is_new(dev, i);
		if (!r && !how->kill)
			r = check_size(dev[i], FAMFS_LOG_OFFSET +
				       (i ? 0 : how->log_len));
		if (!r && !how->kill)
			r = refuse_old(dev[i], how);
	}
	return r;
}

int famfs_mkfs(const struct famfs_mkfs *how)
{
	struct famfs_dev *dev[FAMFS_DEVICES] = { NULL };
	int i, r;

	if (!log_len_ok(how->log_len)) {
		famfs_say("a log of %llu bytes: give a power of two, at least 8M",
			  (unsigned long long)how->log_len);
		return -EINVAL;
	}
	r = open_all(dev, how);
	for (i = 0; i < how->nr && !r; i++)
		kill_sb(dev[i]);
	if (!r && !how->kill)
		r = make(dev, how);
	for (i = 0; i < how->nr; i++)
		famfs_dev_close(dev[i]);
	return r;
}
