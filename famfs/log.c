// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The log: one host appends, all others read what counts.
 *
 * Notes: docs/famfs-format.md, "Who writes what, in which order". An entry is
 * in memory as a whole before the counter that makes it count is stored, so
 * that a reader, however late its caches, finds it whole or not at all.
 *
 * | | append | count, get |
 * |---|---|---|
 * | append | one at a time: flock | together |
 * | count, get | together | together |
 *
 * Linearization point: the store of next_index (where hosts are not coherent:
 * the arrival of its line in memory). Appending blocks on the lock, which ends
 * with the process that has it; reading is wait-free.
 */
#include "famfs.h"

static struct famfs_log_header *header(const struct famfs_log *log)
{
	return famfs_dev_at(log->dev, log->off, sizeof(struct famfs_log_header));
}

static struct famfs_log_entry *entry(const struct famfs_log *log, u64 i)
{
	return famfs_dev_at(log->dev, log->off + sizeof(struct famfs_log_header) +
			    i * sizeof(struct famfs_log_entry),
			    sizeof(struct famfs_log_entry));
}

static u64 capacity(u64 len)
{
	return (len - sizeof(struct famfs_log_header)) /
	       sizeof(struct famfs_log_entry);
}

int famfs_log_init(struct famfs_dev *dev, const struct famfs_sb *sb)
{
	struct famfs_log_header *at = famfs_dev_at(dev, sb->log_offset, sizeof(*at));
	struct famfs_log_header h = { .magic = FAMFS_LOG_MAGIC, .len = sb->log_len,
				      .last_index = capacity(sb->log_len) - 1 };

	h.crc = famfs_crc(&h, offsetof(struct famfs_log_header, crc));
	memcpy(at, &h, sizeof(h));
	famfs_flush(at, sizeof(*at));
	return 0;
}

int famfs_log_open(struct famfs_log *log, struct famfs_dev *dev,
		   const struct famfs_sb *sb, char *why)
{
	struct famfs_log_header h;

	*log = (struct famfs_log){ dev, sb->log_offset, sb->log_len,
				   capacity(sb->log_len) };
	famfs_forget(header(log), sizeof(h));
	memcpy(&h, header(log), sizeof(h));
	if (h.magic != FAMFS_LOG_MAGIC)
		return famfs_because(why, -EUCLEAN, "the log has no magic number");
	if (h.crc != famfs_crc(&h, offsetof(struct famfs_log_header, crc)))
		return famfs_because(why, -EUCLEAN, "the checksum of the log's "
				     "header is wrong");
	if (h.len != log->len || h.last_index != log->capacity - 1)
		return famfs_because(why, -EUCLEAN, "the log's header says %llu "
				     "bytes and a last index of %llu",
				     (unsigned long long)h.len,
				     (unsigned long long)h.last_index);
	return 0;
}

int famfs_log_count(const struct famfs_log *log, u64 *nr, char *why)
{
	struct famfs_log_header *h = header(log);

	famfs_forget(h, sizeof(*h));
	/* Pairs with the release in famfs_log_append(). */
	*nr = __atomic_load_n(&h->next_index, __ATOMIC_ACQUIRE);
	if (*nr > log->capacity)
		return famfs_because(why, -EUCLEAN, "the log says %llu entries, it "
				     "has room for %llu", (unsigned long long)*nr,
				     (unsigned long long)log->capacity);
	return 0;
}

u64 famfs_log_seqnum(const struct famfs_log *log)
{
	return __atomic_load_n(&header(log)->next_seqnum, __ATOMIC_RELAXED);
}

/* The first bytes may lie in a line that was read with the entry before. */
void famfs_log_get(const struct famfs_log *log, u64 i, struct famfs_log_entry *e)
{
	famfs_forget(entry(log, i), sizeof(*e));
	memcpy(e, entry(log, i), sizeof(*e));
}

int famfs_log_append(struct famfs_log *log, u64 nr, struct famfs_log_entry *e)
{
	struct famfs_log_header *h = header(log);

	if (nr >= log->capacity)
		return -ENOSPC;
	/* Nobody looks behind next_index: any order will do. */
	memcpy(entry(log, nr), e, sizeof(*e));
	famfs_flush(entry(log, nr), sizeof(*e));
	/* Pairs with the acquire in famfs_log_count(). */
	__atomic_store_n(&h->next_seqnum, nr + 1, __ATOMIC_RELEASE);
	__atomic_store_n(&h->next_index, nr + 1, __ATOMIC_RELEASE);
	famfs_flush(h, sizeof(*h));
	return 0;
}
