// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A file system in use: its devices, and what its log has made.
 *
 * Notes: the state here is private to a process and comes from the log alone.
 * An entry is checked by itself (entry.c), then against all before it (here),
 * and only then it counts and is shown to whom wants to know.
 */
#include <stdlib.h>

#include "famfs.h"

/* ---- coming and going ---- */

static int say_why(const struct famfs_dev *dev, const char *why, int r)
{
	famfs_say("%s: %s", dev->path, why);
	return r;
}

static int read_super(struct famfs_fs *fs, struct famfs_dev *dev)
{
	char why[FAMFS_WHY];
	int r = famfs_sb_read(dev, &fs->sb, why);

	if (!r && fs->sb.flags != FAMFS_SB_PRIMARY)
		r = famfs_because(why, -EINVAL, "a secondary device; name the "
				  "primary one of its file system");
	if (!r)
		r = famfs_log_open(&fs->log, dev, &fs->sb, why);
	return r ? say_why(dev, why, r) : 0;
}

static int find_role(struct famfs_fs *fs)
{
	u8 uuid[FAMFS_UUID_LEN];
	int r = famfs_system_uuid(uuid);

	if (!r)
		fs->role = memcmp(uuid, fs->sb.sys_uuid, FAMFS_UUID_LEN) ?
			   FAMFS_CLIENT : FAMFS_OWNER;
	return r;
}

int famfs_need_owner(const struct famfs_fs *fs)
{
	char owner[FAMFS_UUID_TEXT];

	if (fs->role == FAMFS_OWNER)
		return 0;
	famfs_uuid_text(fs->sb.sys_uuid, owner);
	famfs_say("%s: this host is a client: only the owner, whose system uuid is "
		  "%s, may change it", fs->slot[0].dev->path, owner);
	return -EPERM;
}

/* A host that appends must find the counters as one that appends leaves them. */
static int check_owner(const struct famfs_fs *fs, const struct famfs_dev *dev)
{
	char why[FAMFS_WHY];
	u64 nr, seqnum;
	int r = famfs_need_owner(fs);

	if (!r) {
		r = famfs_log_count(&fs->log, &nr, why);
		seqnum = famfs_log_seqnum(&fs->log);
		if (!r && seqnum != nr && seqnum != nr + 1)
			r = famfs_because(why, -EUCLEAN, "the log has %llu entries, but "
					  "the next sequence number is %llu",
					  (unsigned long long)nr,
					  (unsigned long long)seqnum);
		if (r)
			say_why(dev, why, r);
	}
	return r;
}

int famfs_open_dev(struct famfs_fs **fsp, struct famfs_dev *dev, enum famfs_how how)
{
	struct famfs_fs *fs = calloc(1, sizeof(*fs));
	int r = fs ? 0 : -ENOMEM;

	*fsp = NULL;
	if (!r)
		r = read_super(fs, dev);
	if (!r)
		r = find_role(fs);
	if (!r) {
		fs->how = how;
		fs->devices = 1;
		fs->slot[0].dev = dev;
		fs->slot[0].size = dev->len / fs->sb.alloc_unit * fs->sb.alloc_unit;
		memcpy(fs->slot[0].uuid, fs->sb.dev_uuid, FAMFS_UUID_LEN);
		if (how == FAMFS_LOG)
			r = check_owner(fs, dev);
	}
	if (r)
		free(fs);
	else
		*fsp = fs;
	return r;
}

int famfs_open(struct famfs_fs **fs, const char *path, enum famfs_how how,
	       const char *devmap)
{
	struct famfs_dev *dev;
	int r = famfs_dev_open(&dev, path, how);

	*fs = NULL;
	if (!r && how == FAMFS_LOG)
		r = famfs_dev_lock(dev);
	if (!r)
		r = famfs_open_dev(fs, dev, how);
	if (!r && devmap) {
		(*fs)->devmap = strdup(devmap);
		r = (*fs)->devmap ? 0 : -ENOMEM;
	}
	if (r && *fs)
		famfs_close(*fs);
	else if (r)
		famfs_dev_close(dev);
	if (r)
		*fs = NULL;
	return r;
}

void famfs_close(struct famfs_fs *fs)
{
	u32 i;

	if (!fs)
		return;
	for (i = 0; i < fs->devices; i++) {
		famfs_dev_close(fs->slot[i].dev);
		famfs_space_fini(&fs->slot[i].space);
	}
	famfs_names_fini(&fs->names);
	free(fs->devmap);
	free(fs);
}

/* ---- extents ---- */

static int ext_check(const struct famfs_fs *fs, const struct famfs_ext *e, u32 i,
		     char *why)
{
	u64 unit = fs->sb.alloc_unit;

	if (e->device >= fs->devices)
		return famfs_because(why, -EINVAL, "extent %u is on device %llu, "
				     "which the log has not added", i,
				     (unsigned long long)e->device);
	if (e->off % unit || e->len % unit)
		return famfs_because(why, -EINVAL, "extent %u is not in whole units "
				     "of %llu bytes", i, (unsigned long long)unit);
	if (e->off < famfs_sb_first(&fs->sb, e->device))
		return famfs_because(why, -EINVAL, "extent %u lies in superblock or "
				     "log", i);
	if (e->off + e->len > fs->slot[e->device].size)
		return famfs_because(why, -EINVAL, "extent %u ends behind device "
				     "%llu", i, (unsigned long long)e->device);
	return 0;
}

int famfs_map_check(const struct famfs_fs *fs, const struct famfs_map *map, char *why)
{
	int r = 0;
	u32 i;

	for (i = 0; i < map->nr && !r; i++)
		r = ext_check(fs, &map->ext[i], i, why);
	return r;
}

/* All or nothing. */
static int take_map(struct famfs_fs *fs, const struct famfs_map *map, char *why)
{
	int r = famfs_map_check(fs, map, why);
	u32 i = 0;

	while (!r && i < map->nr) {
		const struct famfs_ext *e = &map->ext[i];

		r = famfs_space_take(&fs->slot[e->device].space, e->off, e->len);
		if (r == -EEXIST)
			famfs_because(why, r, "extent %u overlaps another one", i);
		else if (r)
			famfs_because(why, r, "%s", strerror(-r));
		else
			i++;
	}
	while (r && i--)
		famfs_space_put(&fs->slot[map->ext[i].device].space,
				map->ext[i].off, map->ext[i].len);
	return r;
}

/* ---- entries ---- */

static int check_name(const struct famfs_fs *fs, const struct famfs_rec *rec, char *why)
{
	const struct famfs_name *name = famfs_names_find(&fs->names, rec->f.path);
	char parent[FAMFS_PATH_LEN];

	famfs_parent(rec->f.path, parent);
	if (!famfs_names_dir(&fs->names, parent))
		return famfs_because(why, -ENOENT, "no entry before makes the "
				     "directory of '%s'", rec->f.path);
	if (name && (rec->type == FAMFS_LOG_FILE || !name->is_dir))
		return famfs_because(why, -EEXIST, "'%s' is made twice: first by "
				     "entry %llu", rec->f.path,
				     (unsigned long long)name->index);
	return 0;
}

static int check_device(const struct famfs_fs *fs, const struct famfs_rec *rec,
			char *why)
{
	u32 i;

	if (rec->dev.index != fs->devices || fs->devices == FAMFS_DEVICES)
		return famfs_because(why, -EINVAL, "it adds device %u; the next is "
				     "%u, and %u are the most", rec->dev.index,
				     fs->devices, FAMFS_DEVICES);
	if (rec->dev.size > INT64_MAX)
		return famfs_because(why, -EINVAL, "a device of %llu bytes",
				     (unsigned long long)rec->dev.size);
	for (i = 0; i < fs->devices; i++)
		if (!memcmp(fs->slot[i].uuid, rec->dev.uuid, FAMFS_UUID_LEN))
			return famfs_because(why, -EEXIST, "it adds a device that is "
					     "device %u already", i);
	return 0;
}

/* Does it go with what came before, extents apart? */
static int check_rec(const struct famfs_fs *fs, const struct famfs_rec *rec, char *why)
{
	return rec->type == FAMFS_LOG_DEVICE ? check_device(fs, rec, why) :
	       check_name(fs, rec, why);
}

/* It counts from now on. */
static int enter(struct famfs_fs *fs, const struct famfs_rec *rec)
{
	struct famfs_slot *slot;

	if (rec->type == FAMFS_LOG_DEVICE) {
		slot = &fs->slot[fs->devices++];
		slot->size = rec->dev.size;
		memcpy(slot->uuid, rec->dev.uuid, FAMFS_UUID_LEN);
	} else if (!famfs_names_find(&fs->names, rec->f.path)) {
		return famfs_names_add(&fs->names, rec->f.path,
				       rec->type == FAMFS_LOG_MKDIR, rec->index);
	}
	return 0;
}

static int play(struct famfs_fs *fs, u64 i)
{
	struct famfs_log_entry e;
	struct famfs_rec rec;
	char why[FAMFS_WHY];
	int r;

	famfs_log_get(&fs->log, i, &e);
	r = famfs_entry_decode(&e, i, &rec, why);
	if (!r)
		r = check_rec(fs, &rec, why);
	if (!r && rec.type == FAMFS_LOG_FILE)
		r = take_map(fs, &rec.f.map, why);
	if (!r) {
		r = enter(fs, &rec);
		if (r)
			famfs_because(why, r, "%s", strerror(-r));
	}
	if (r) {
		famfs_say("%s: log entry %llu: %s; it and what follows is not used",
			  fs->slot[0].dev->path, (unsigned long long)i, why);
		return r;
	}
	fs->played = i + 1;
	return fs->show ? fs->show(fs->show_arg, &rec) : 0;
}

int famfs_replay(struct famfs_fs *fs)
{
	char why[FAMFS_WHY];
	u64 nr;
	int r = famfs_log_count(&fs->log, &nr, why);

	if (r)
		return say_why(fs->slot[0].dev, why, r);
	while (!r && fs->played < nr)
		r = play(fs, fs->played);
	if (!r && __atomic_load_n(&fs->slot[0].dev->lost, __ATOMIC_ACQUIRE))
		r = say_why(fs->slot[0].dev, "its memory is gone (was the file "
			    "truncated?)", -EIO);
	return r;
}

int famfs_stat(const struct famfs_fs *fs, const char *path, struct famfs_rec *rec)
{
	const struct famfs_name *name = famfs_names_find(&fs->names, path);
	struct famfs_log_entry e;
	char why[FAMFS_WHY];
	int r;

	if (!name) {
		famfs_say("%s: no such file", path);
		return -ENOENT;
	}
	famfs_log_get(&fs->log, name->index, &e);
	r = famfs_entry_decode(&e, name->index, rec, why);
	if (r)
		famfs_say("%s: log entry %llu: %s", path,
			  (unsigned long long)name->index, why);
	return r;
}

int famfs_room(const struct famfs_fs *fs, u64 pending)
{
	if (fs->played + pending < fs->log.capacity)
		return 0;
	famfs_say("%s: the log is full: it has room for %llu entries",
		  fs->slot[0].dev->path, (unsigned long long)fs->log.capacity);
	return -ENOSPC;
}

int famfs_append(struct famfs_fs *fs, struct famfs_rec *rec)
{
	struct famfs_log_entry e;
	struct famfs_rec back;
	char why[FAMFS_WHY];
	int r;

	rec->index = fs->played;
	famfs_entry_encode(rec, &e);
	r = famfs_room(fs, 0);
	if (r)
		return r;
	/* What others would refuse is never written. */
	r = famfs_entry_decode(&e, rec->index, &back, why);
	if (!r)
		r = check_rec(fs, rec, why);
	if (r) {
		famfs_say("%s: %s", rec->f.path, why);
		return r;
	}
	r = famfs_log_append(&fs->log, fs->played, &e);
	if (r)
		return r;
	fs->played++;
	r = enter(fs, rec);
	if (r)
		return say_why(fs->slot[0].dev, strerror(-r), r);
	return fs->show ? fs->show(fs->show_arg, rec) : 0;
}
