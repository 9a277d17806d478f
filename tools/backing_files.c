// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The backing files that mkdaxfs makes in split mode.
 *
 * Notes: their times are those of the region's creation, so that the same tree gives the
 * same region. That is set before their identity is taken, and renaming keeps it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backing.h"
#include "backing_files.h"
#include "common.h"

static int failed(const struct daxfs_target *t, int err)
{
	daxfs_tool_error("%s: cannot write the backing file: %s; see the place that "
			 "it is written to", t->arg, strerror(err < 0 ? -err : err));
	return -1;
}

/* ---- opening ---- */

static int open_one(struct backing_files *b, u32 i, const char *path,
		    const struct daxfs_target *region, int force)
{
	struct daxfs_target *t = &b->target[i];
	u32 k;

	if (daxfs_target_open(t, path, force))
		return -1;
	if (t->device) {
		daxfs_tool_error("%s: a backing file is a file; name one", path);
		return -1;
	}
	if (!strcmp(t->path, region->path)) {
		daxfs_tool_error("%s: -o and -r are the same file; name two", path);
		return -1;
	}
	for (k = 0; k < i; k++) {
		if (strcmp(t->path, b->target[k].path))
			continue;
		daxfs_tool_error("%s: two backing files are the same; name others", path);
		return -1;
	}
	return 0;
}

int backing_files_open(struct backing_files *b, const char *const *path, u32 nr,
		       const struct daxfs_target *region, int force)
{
	u32 i;

	b->target = calloc(nr, sizeof(*b->target));
	b->len = calloc(nr, sizeof(*b->len));
	b->fd = calloc(nr, sizeof(*b->fd));
	if (!b->target || !b->len || !b->fd) {
		daxfs_tool_error("out of memory");
		return -1;
	}
	for (i = 0; i < nr; i++)
		b->target[i] = (struct daxfs_target){ .fd = -1, .old_fd = -1 };
	for (b->nr = 0; b->nr < nr; b->nr++)
		if (open_one(b, b->nr, path[b->nr], region, force)) {
			b->nr++;	/* it is to be closed, too */
			return -1;
		}
	return 0;
}

/* ---- writing ---- */

static int create_one(struct backing_files *b, u32 i, const u8 uuid[16])
{
	struct daxfs_target *t = &b->target[i];
	struct daxfs_backing_head head;
	ssize_t n;

	if (daxfs_target_create(t, b->len[i]))
		return -1;
	b->fd[i] = t->fd;
	daxfs_backing_head(&head, uuid, i, b->len[i]);
	n = pwrite(t->fd, &head, sizeof(head), 0);
	return n == sizeof(head) ? 0 : failed(t, n < 0 ? errno : EIO);
}

int backing_files_create(struct backing_files *b, const u8 uuid[16], const u64 *content)
{
	u32 i;

	for (i = 0; i < b->nr; i++) {
		b->len[i] = DAXFS_PAGE_SIZE + ((content[i] + DAXFS_PAGE_SIZE - 1) &
					       ~(DAXFS_PAGE_SIZE - 1));
		if (create_one(b, i, uuid))
			return -1;
	}
	return 0;
}

static u8 *backing_area(const struct daxfs_geometry *g, u8 *base)
{
	u32 i;

	for (i = 0; i < g->super.area_nr; i++)
		if (g->super.area[i].type == DAXFS_AREA_BACKING)
			return base + g->super.area[i].off;
	return NULL;
}

int backing_files_note(struct backing_files *b, const struct daxfs_geometry *g, u8 *base)
{
	u64 ns = g->created_ns;
	struct timespec time = { .tv_sec = (time_t)(ns / 1000000000),
				 .tv_nsec = (long)(ns % 1000000000) };
	struct timespec times[2] = { time, time };
	u8 *area = backing_area(g, base);
	struct daxfs_backing id;
	u32 i;
	int r;

	for (i = 0; i < b->nr; i++) {
		const struct daxfs_target *t = &b->target[i];

		if (fsync(t->fd) || futimens(t->fd, times))
			return failed(t, errno);
		r = daxfs_backing_identify(t->fd, g->uuid, b->len[i], &id);
		if (r)
			return failed(t, r);
		memcpy(area + i * sizeof(id), &id, sizeof(id));
	}
	return 0;
}

int backing_files_commit(struct backing_files *b)
{
	u32 i;

	for (i = 0; i < b->nr; i++)
		if (daxfs_target_commit(&b->target[i]))
			return -1;
	return 0;
}

void backing_files_close(struct backing_files *b)
{
	u32 i;

	for (i = 0; i < b->nr; i++)
		daxfs_target_close(&b->target[i]);
	free(b->target);
	free(b->len);
	free(b->fd);
	memset(b, 0, sizeof(*b));
}

/* ---- for a mount ---- */

/* A comma in a path is not the end of the option, nor a colon of the path. */
static char *put_path(char *to, const char *path)
{
	for (; *path; path++) {
		if (strchr(",:\\", *path))
			*to++ = '\\';
		*to++ = *path;
	}
	*to = '\0';
	return to;
}

char *backing_files_option(const char *const *path, u32 nr)
{
	size_t len = sizeof("backing=");
	char *option, *to;
	u32 i;

	for (i = 0; i < nr; i++)
		len += 2 * strlen(path[i]) + 1;
	option = malloc(len);
	if (!option)
		return NULL;
	to = stpcpy(option, "backing=");
	for (i = 0; i < nr; i++) {
		if (i)
			*to++ = ':';
		to = put_path(to, path[i]);
	}
	return option;
}
