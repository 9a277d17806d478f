// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Log entries: what an entry says, and whether it may say so.
 *
 * Notes: here are the rules that an entry fulfils by itself; those about other
 * entries and about devices are in fs.c. An entry is a copy, so that it does
 * not change between being checked and being used.
 */
#include "famfs.h"

u64 famfs_crc(const void *p, size_t len)
{
	return port_crc32(0, p, len);
}

void famfs_entry_seal(struct famfs_log_entry *e, u64 index)
{
	e->seqnum = index;
	e->crc = famfs_crc(e, offsetof(struct famfs_log_entry, crc));
}

/* ---- paths ---- */

/* Bytes of the character at s: 0 if it is none of UTF-8. */
static int utf8_len(const u8 *s)
{
	static const u32 least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	int len = s[0] < 0x80 ? 1 : s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2, i;
	u32 c = len == 1 ? s[0] : s[0] & (0x7fu >> len);

	if (s[0] >= 0xf8 || (s[0] >= 0x80 && s[0] < 0xc0))
		return 0;
	for (i = 1; i < len; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3fu);
	}
	if (c < least[len] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		return 0;
	return len;
}

static int is_utf8(const char *text)
{
	int len;

	for (; *text; text += len) {
		len = utf8_len((const u8 *)text);
		if (!len)
			return 0;
	}
	return 1;
}

static int component_check(const char *at, size_t len, char *why)
{
	if (!len)
		return famfs_because(why, -EINVAL, "its path has an empty component");
	if (at[0] == '.' && (len == 1 || (len == 2 && at[1] == '.')))
		return famfs_because(why, -EINVAL, "its path has a component '%.*s'",
				     (int)len, at);
	return 0;
}

int famfs_path_check(const char *path, size_t room, char *why)
{
	const char *at = path;
	int r = 0;

	if (!memchr(path, 0, room < FAMFS_PATH_LEN ? room : FAMFS_PATH_LEN))
		return famfs_because(why, -ENAMETOOLONG,
				     "its path is longer than %d bytes",
				     FAMFS_PATH_LEN - 1);
	if (!*path)
		return famfs_because(why, -EINVAL, "its path is empty");
	if (*path == '/')
		return famfs_because(why, -EINVAL, "its path '%s' is absolute", path);
	if (!is_utf8(path))
		return famfs_because(why, -EINVAL, "its path is not UTF-8");
	while (!r && at) {
		size_t len = strcspn(at, "/");

		r = component_check(at, len, why);
		at = at[len] ? at + len + 1 : NULL;
	}
	return r;
}

/* ---- files ---- */

static int map_check(const struct famfs_map *map, char *why)
{
	u32 i;

	if (map->type == FAMFS_INTERLEAVED &&
	    (!map->chunk || map->chunk % FAMFS_CHUNK_ALIGN))
		return famfs_because(why, -EINVAL, "a chunk of %llu bytes is not a "
				     "multiple of %u", (unsigned long long)map->chunk,
				     FAMFS_CHUNK_ALIGN);
	for (i = 0; i < map->nr; i++) {
		const struct famfs_ext *e = &map->ext[i];

		if (!e->len)
			return famfs_because(why, -EINVAL, "extent %u is empty", i);
		if (!e->off)
			return famfs_because(why, -EINVAL, "extent %u is at offset 0",
					     i);
		if (e->off + e->len < e->off)
			return famfs_because(why, -EINVAL, "extent %u ends behind "
					     "its beginning", i);
	}
	return 0;
}

int famfs_file_check(const struct famfs_file *f, char *why)
{
	int r;

	if (f->mode & ~07777u)
		return famfs_because(why, -EINVAL, "mode 0%o has other bits than "
				     "those of permissions", f->mode);
	if (f->flags & ~(FAMFS_ALL_HOSTS_RO | FAMFS_ALL_HOSTS_RW))
		return famfs_because(why, -EINVAL, "flags %#x are not known",
				     f->flags);
	r = map_check(&f->map, why);
	if (r)
		return r;
	if (f->size > INT64_MAX || f->size > famfs_map_capacity(&f->map))
		return famfs_because(why, -EINVAL, "%llu bytes are more than its "
				     "extents hold", (unsigned long long)f->size);
	return 0;
}

static int get_exts(const struct famfs_log_ext *from, u64 nr, const char *what,
		    struct famfs_map *map, char *why)
{
	u32 i;

	if (nr > FAMFS_EXTS)
		return famfs_because(why, -EINVAL, "%llu %s are more than %u",
				     (unsigned long long)nr, what, FAMFS_EXTS);
	map->nr = (u32)nr;
	for (i = 0; i < map->nr; i++)
		map->ext[i] = (struct famfs_ext){ from[i].device, from[i].offset,
						  from[i].len };
	return 0;
}

static int get_map(const struct famfs_log_file *f, struct famfs_map *map, char *why)
{
	map->type = f->ext_type;
	if (f->ext_type == FAMFS_SIMPLE)
		return get_exts(f->simple, f->count, "extents", map, why);
	if (f->ext_type != FAMFS_INTERLEAVED)
		return famfs_because(why, -EINVAL, "extents of type %u are not known",
				     f->ext_type);
	if (f->count != 1)
		return famfs_because(why, -EINVAL, "%u interleaved extents: 1 is "
				     "what is known", f->count);
	map->chunk = f->inter.chunk;
	return get_exts(f->inter.strip, f->inter.strips, "strips", map, why);
}

static int decode_file(const struct famfs_log_file *from, struct famfs_file *f,
		       char *why)
{
	int r = famfs_path_check(from->path, sizeof(from->path), why);

	if (!r)
		r = get_map(from, &f->map, why);
	if (r)
		return r;
	memcpy(f->path, from->path, sizeof(f->path));
	f->size = from->size;
	f->flags = from->flags;
	f->uid = from->uid;
	f->gid = from->gid;
	f->mode = from->mode;
	return famfs_file_check(f, why);
}

static int decode_mkdir(const struct famfs_log_mkdir *from, struct famfs_file *f,
			char *why)
{
	int r = famfs_path_check(from->path, sizeof(from->path), why);

	if (r)
		return r;
	memcpy(f->path, from->path, sizeof(f->path));
	f->uid = from->uid;
	f->gid = from->gid;
	f->mode = from->mode;
	return famfs_file_check(f, why);
}

int famfs_entry_decode(const struct famfs_log_entry *e, u64 index,
		       struct famfs_rec *rec, char *why)
{
	memset(rec, 0, sizeof(*rec));
	rec->type = e->type;
	rec->index = index;
	if (e->crc != famfs_crc(e, offsetof(struct famfs_log_entry, crc)))
		return famfs_because(why, -EUCLEAN, "its checksum is wrong");
	if (e->seqnum != index)
		return famfs_because(why, -EUCLEAN, "its sequence number is %llu",
				     (unsigned long long)e->seqnum);
	switch (e->type) {
	case FAMFS_LOG_FILE:
		return decode_file(&e->file, &rec->f, why);
	case FAMFS_LOG_MKDIR:
		return decode_mkdir(&e->mkdir, &rec->f, why);
	case FAMFS_LOG_DEVICE:
		rec->dev.size = e->device.size;
		rec->dev.index = e->device.index;
		memcpy(rec->dev.uuid, e->device.uuid, FAMFS_UUID_LEN);
		return 0;
	case FAMFS_LOG_DELETE:
		return famfs_because(why, -EINVAL, "it deletes, which is reserved");
	}
	return famfs_because(why, -EINVAL, "its type %u is not known", e->type);
}

/* ---- the other way ---- */

static void put_exts(const struct famfs_map *map, struct famfs_log_ext *to)
{
	u32 i;

	for (i = 0; i < map->nr; i++)
		to[i] = (struct famfs_log_ext){ map->ext[i].device,
						map->ext[i].off, map->ext[i].len };
}

static void encode_file(const struct famfs_file *f, struct famfs_log_file *to)
{
	to->size = f->size;
	to->flags = f->flags;
	to->uid = f->uid;
	to->gid = f->gid;
	to->mode = f->mode;
	memcpy(to->path, f->path, strlen(f->path));
	to->ext_type = f->map.type;
	if (f->map.type == FAMFS_SIMPLE) {
		to->count = f->map.nr;
		put_exts(&f->map, to->simple);
	} else {
		to->count = 1;
		to->inter.strips = f->map.nr;
		to->inter.chunk = f->map.chunk;
		put_exts(&f->map, to->inter.strip);
	}
}

void famfs_entry_encode(const struct famfs_rec *rec, struct famfs_log_entry *e)
{
	memset(e, 0, sizeof(*e));
	e->type = rec->type;
	if (rec->type == FAMFS_LOG_FILE) {
		encode_file(&rec->f, &e->file);
	} else if (rec->type == FAMFS_LOG_MKDIR) {
		e->mkdir.uid = rec->f.uid;
		e->mkdir.gid = rec->f.gid;
		e->mkdir.mode = rec->f.mode;
		memcpy(e->mkdir.path, rec->f.path, strlen(rec->f.path));
	} else {
		e->device.size = rec->dev.size;
		e->device.index = rec->dev.index;
		memcpy(e->device.uuid, rec->dev.uuid, FAMFS_UUID_LEN);
	}
	famfs_entry_seal(e, rec->index);
}
