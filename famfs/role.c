// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Who we are: the uuid of this system.
 *
 * Notes: a file of 36 characters, which the first command that needs it makes
 * (complete or not at all). FAMFS_SYSTEM_UUID names another file than the usual one: then
 * several hosts may be on one machine.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>
#include <uuid/uuid.h>

#include "famfs.h"

#define UUID_FILE "/opt/famfs/system_uuid"

static const char *uuid_file(void)
{
	const char *file = getenv("FAMFS_SYSTEM_UUID");

	return file && *file ? file : UUID_FILE;
}

static int read_uuid(const char *file, u8 uuid[FAMFS_UUID_LEN])
{
	char text[FAMFS_UUID_TEXT + 1] = "";
	FILE *f = fopen(file, "re");
	size_t n;

	if (!f)
		return -errno;
	n = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	if (n == FAMFS_UUID_TEXT && text[n - 1] == '\n')
		text[n - 1] = 0;
	if (!famfs_uuid_parse(text, uuid))
		return 0;
	famfs_say("%s: not the uuid of a system (36 characters); remove the file to "
		  "have a new one, but file systems of the old one cannot be changed "
		  "then", file);
	return -EINVAL;
}

/* It appears with its content, and once: another one may be as fast. */
static int make_uuid(const char *file)
{
	char text[FAMFS_UUID_TEXT], new[PATH_MAX], dir[PATH_MAX];
	u8 uuid[FAMFS_UUID_LEN];
	int fd, r = 0;

	snprintf(dir, sizeof(dir), "%s", file);
	if (mkdir(dirname(dir), 0755) && errno != EEXIST)
		return -errno;
	snprintf(new, sizeof(new), "%s.XXXXXX", file);
	fd = mkostemp(new, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	uuid_generate(uuid);
	famfs_uuid_text(uuid, text);
	text[FAMFS_UUID_TEXT - 1] = '\n';
	if (write(fd, text, sizeof(text)) != (ssize_t)sizeof(text) ||
	    fchmod(fd, 0644) || (link(new, file) && errno != EEXIST))
		r = -errno;
	close(fd);
	unlink(new);
	return r;
}

int famfs_system_uuid(u8 uuid[FAMFS_UUID_LEN])
{
	const char *file = uuid_file();
	int r = read_uuid(file, uuid);

	if (r != -ENOENT && r != -ENOTDIR)
		return r;
	r = make_uuid(file);
	if (!r)
		return read_uuid(file, uuid);
	famfs_say("%s: cannot make the uuid of this system: %s; name another file "
		  "with FAMFS_SYSTEM_UUID", file, strerror(-r));
	return r;
}
