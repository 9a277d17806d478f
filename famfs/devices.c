// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Finding the other devices of a file system, by uuid.
 *
 * Notes: first the lines "UUID PATH" of the map file, then /dev/dax*, then, if
 * the primary is a plain file, the files beside it. A device is looked for
 * once; what is missing is said once, and only its files cannot be read.
 */
#include <fcntl.h>
#include <glob.h>
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "famfs.h"

/* Is it the device that is wanted? Plain files are many: a look before more. */
static int may_be(const char *path, const u8 uuid[FAMFS_UUID_LEN])
{
	struct famfs_sb sb;
	struct stat st;
	ssize_t n;
	int fd;

	if (stat(path, &st) || S_ISCHR(st.st_mode))
		return S_ISCHR(st.st_mode);
	if (!S_ISREG(st.st_mode))
		return 0;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return 0;
	n = pread(fd, &sb, sizeof(sb), 0);
	close(fd);
	return n == (ssize_t)sizeof(sb) && sb.magic == FAMFS_SB_MAGIC &&
	       !memcmp(sb.dev_uuid, uuid, FAMFS_UUID_LEN);
}

static int is_it(const struct famfs_fs *fs, const struct famfs_slot *slot,
		 const struct famfs_dev *dev)
{
	struct famfs_sb sb;
	char why[FAMFS_WHY];

	if (famfs_sb_read(dev, &sb, why) || sb.flags != FAMFS_SB_SECONDARY ||
	    memcmp(sb.dev_uuid, slot->uuid, FAMFS_UUID_LEN) ||
	    memcmp(sb.fs_uuid, fs->sb.fs_uuid, FAMFS_UUID_LEN))
		return 0;
	if (dev->len >= slot->size)
		return 1;
	famfs_say("%s: %llu bytes; the log says that it has %llu", dev->path,
		  (unsigned long long)dev->len, (unsigned long long)slot->size);
	return 0;
}

static int try(struct famfs_fs *fs, struct famfs_slot *slot, const char *path)
{
	struct famfs_dev *dev;

	if (!may_be(path, slot->uuid) || famfs_dev_open(&dev, path, fs->how))
		return 0;
	if (is_it(fs, slot, dev))
		slot->dev = dev;
	else
		famfs_dev_close(dev);
	return slot->dev != NULL;
}

static void try_map(struct famfs_fs *fs, struct famfs_slot *slot)
{
	const char *file = fs->devmap ? fs->devmap : getenv("FAMFS_DEVMAP");
	char line[PATH_MAX + 64];
	u8 uuid[FAMFS_UUID_LEN];
	FILE *f = file && *file ? fopen(file, "re") : NULL;

	if (!f) {
		if (file && *file)
			famfs_say("%s: %s", file, strerror(errno));
		return;
	}
	while (!slot->dev && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = 0;
		if (!*line || *line == '#')
			continue;
		if (strlen(line) < FAMFS_UUID_TEXT || line[FAMFS_UUID_TEXT - 1] != ' ') {
			famfs_say("%s: '%s' is no line 'UUID PATH'", file, line);
			continue;
		}
		line[FAMFS_UUID_TEXT - 1] = 0;
		if (!famfs_uuid_parse(line, uuid) &&
		    !memcmp(uuid, slot->uuid, FAMFS_UUID_LEN))
			try(fs, slot, line + FAMFS_UUID_TEXT);
	}
	fclose(f);
}

static void try_all(struct famfs_fs *fs, struct famfs_slot *slot, const char *pattern)
{
	glob_t g;
	size_t i;

	if (glob(pattern, 0, NULL, &g))
		return;
	for (i = 0; i < g.gl_pathc && !slot->dev; i++)
		try(fs, slot, g.gl_pathv[i]);
	globfree(&g);
}

/* The folder's name is no pattern: what is special in it is quoted. */
static void beside_pattern(const char *path, char pattern[2 * PATH_MAX])
{
	char copy[PATH_MAX];
	const char *dir;

	snprintf(copy, sizeof(copy), "%s", path);
	for (dir = dirname(copy); *dir; dir++) {
		if (strchr("*?[\\", *dir))
			*pattern++ = '\\';
		*pattern++ = *dir;
	}
	strcpy(pattern, "/*");
}

static void seek(struct famfs_fs *fs, struct famfs_slot *slot)
{
	char pattern[2 * PATH_MAX], uuid[FAMFS_UUID_TEXT];

	slot->sought = 1;
	try_map(fs, slot);
	if (!slot->dev)
		try_all(fs, slot, "/dev/dax*");
	if (!slot->dev && fs->slot[0].dev->regular) {
		beside_pattern(fs->slot[0].dev->path, pattern);
		try_all(fs, slot, pattern);
	}
	if (slot->dev)
		return;
	famfs_uuid_text(slot->uuid, uuid);
	famfs_say("%s: its device %td with the uuid %s is not here: files on it cannot "
		  "be read; name it in a map file (-o devmap=FILE, FAMFS_DEVMAP)",
		  fs->slot[0].dev->path, slot - fs->slot, uuid);
}

struct famfs_dev *famfs_device(struct famfs_fs *fs, u64 index)
{
	struct famfs_slot *slot;

	if (index >= fs->devices)
		return NULL;
	slot = &fs->slot[index];
	if (!slot->dev && !slot->sought)
		seek(fs, slot);
	return slot->dev;
}
