// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * How daxfs-branch mounts a branch: as the region is mounted already.
 *
 * Notes: by the kernel module if the region was named by a mount of that (its region
 * is then "mount:POINT"), else by daxfs-fuse. Unmounting is the same for both.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "branch.h"
#include "fuse_mount.h"
#include "kmount.h"

#define BY_KERNEL	"mount:"

/* "branch=NAME" and those of the caller, each by itself; NULL: no memory. */
static const char **list_options(char *text, char *more, uint32_t *nr)
{
	const char **option = malloc(sizeof(*option)), **grown;
	char *one;

	*nr = 0;
	if (!option)
		return NULL;
	option[(*nr)++] = text;
	while (more && (one = strsep(&more, ","))) {
		grown = realloc(option, (*nr + 1) * sizeof(*option));
		if (!grown) {
			free(option);
			return NULL;
		}
		option = grown;
		option[(*nr)++] = one;
	}
	return option;
}

static int mount_as(const char *point, const char *dir, char *text, char *more)
{
	struct kmount km = { .dir = dir };
	int r = -1;

	kmount_source_init(&km.source);
	km.option = list_options(text, more, &km.option_nr);
	if (!km.option)
		daxfs_tool_error("out of memory");
	else if (!kmount_source_same(&km.source, point))
		r = kmount_mount(&km) ? -1 : 0;
	kmount_source_fini(&km.source);
	free(km.option);
	return r;
}

static int mount_by_kernel(const char *point, const char *dir, const char *branch,
			   const char *option)
{
	char *more = option ? strdup(option) : NULL;
	char text[sizeof("branch=") + 64];
	int r = -1;

	snprintf(text, sizeof(text), "branch=%s", branch);
	if (option && !more)
		daxfs_tool_error("out of memory");
	else
		r = mount_as(point, dir, text, more);
	free(more);
	return r;
}

int branch_mount(const char *region, const char *dir, const char *branch,
		 const char *option)
{
	const size_t len = strlen(BY_KERNEL);

	if (strncmp(region, BY_KERNEL, len))
		return fuse_mount_branch(region, dir, branch, option);
	return mount_by_kernel(region + len, dir, branch, option);
}
