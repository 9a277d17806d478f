// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * How daxfs-branch gets at a region: by ioctls of a mount, or as a host of its own.
 *
 * Notes: by a mount it needs no right to the region, and what processes have stored
 * through mappings of that mount is written back before its branch is frozen.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "branch.h"
#include "branch_ioc.h"
#include "inspect.h"

static int open_mount(struct branch_access *a, const char *mnt)
{
	a->where = mnt;
	a->fd = open(mnt, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (a->fd >= 0)
		return BRANCH_OK;
	if (errno == ESTALE) {
		daxfs_tool_error("%s: its branch has ended: it was aborted, or "
				 "another one was committed; unmount it", mnt);
		return BRANCH_LOST;
	}
	daxfs_tool_error("%s: %s; name a mount of daxfs, or its region with -r",
			 mnt, strerror(errno));
	return BRANCH_FAILED;
}

static int open_region(struct branch_access *a, const char *region, int look)
{
	char why[512] = "";

	a->where = region;
	if (!daxfs_mount_open(&a->m, region, look ? DAXFS_OPEN_RDONLY |
			      DAXFS_OPEN_NOHOST : 0, DAXFS_HOST_TOOL, why,
			      sizeof(why)))
		return BRANCH_OK;
	daxfs_tool_error("%s", why);
	return BRANCH_FAILED;
}

int branch_open(struct branch_access *a, const struct branch *br, int look)
{
	a->m = NULL;
	a->fd = -1;
	return br->mnt ? open_mount(a, br->mnt) : open_region(a, br->region, look);
}

void branch_close(struct branch_access *a)
{
	daxfs_mount_close(a->m);
	if (a->fd >= 0)
		close(a->fd);
	a->m = NULL;
	a->fd = -1;
}

int branch_call(const struct branch_access *a, unsigned int cmd, void *arg)
{
	struct daxfs_cx *cx;
	s64 r;

	if (!a->m)
		return ioctl(a->fd, cmd, arg) ? -errno : 0;
	cx = daxfs_cx_get(a->m);
	r = daxfs_mount_result(a->m, daxfs_branch_ioc(cx, cmd, arg));
	daxfs_cx_put(a->m, cx);
	return (int)r;
}

static const char *reason(int err)
{
	switch (-err) {
	case EOPNOTSUPP:
		return "the region was made without mkdaxfs -b, so it has no branches";
	case ENOTTY:
		return "not a mount of daxfs that knows branches; name the region "
		       "with -r";
	case EEXIST:
		return "the name is taken; choose another";
	case EINVAL:
		return "not possible: a name has 1 to 63 bytes without '/' and "
		       "blanks, and is not main, which can be a parent only";
	case EBUSY:
		return "it has children, or others change too much, or a host "
		       "that does not answer has files of it mapped for writing; "
		       "see daxfs-branch list and daxfs-inspect hosts, and try again";
	case ENOSPC:
		return "no room for another one; commit or abort some";
	case EMLINK:
		return "too many branches and checkpoints on one another";
	case EPERM:
		return "only root and who mounted it may; use -r with a right to "
		       "the region";
	case EROFS:
		return "a read-only mount; use -r, or another mount";
	case EUCLEAN:
		return "the region is damaged; see fsck.daxfs";
	default:
		return strerror(-err);
	}
}

int branch_failed(const struct branch_access *a, const char *verb, const char *name,
		  int err)
{
	const char *of = name ? name : "the branch of this mount";

	if (err == -ESTALE) {
		daxfs_tool_error("%s: cannot %s %s: lost: it has ended, or another "
				 "branch was committed first", a->where, verb, of);
		return BRANCH_LOST;
	}
	if (err == -ENOENT)
		daxfs_tool_error("%s: cannot %s %s: there is none of that name; "
				 "daxfs-branch list shows those that there are",
				 a->where, verb, of);
	else
		daxfs_tool_error("%s: cannot %s %s: %s", a->where, verb, of,
				 reason(err));
	return BRANCH_FAILED;
}

/* Does the region still know that there was one of that name? Then it has lost. */
static int has_ended(const struct branch_access *a, const char *name)
{
	struct daxfs_cx *cx;
	int was;

	if (!a->m)
		return 0;	/* a mount is asked for what it shows */
	cx = daxfs_cx_get(a->m);
	was = daxfs_is_branching(daxfs_mount_region(a->m)) && daxfs_branch_was(cx, name);
	daxfs_cx_put(a->m, cx);
	return was;
}

int branch_find(const struct branch_access *a, const char *verb, const char *name,
		struct daxfs_ioc_branch *b)
{
	int r;

	memset(b, 0, sizeof(*b));
	if (!name) {
		b->id = DAXFS_IOC_BRANCH_SELF;
		r = branch_call(a, DAXFS_IOC_BRANCH_INFO, b);
	} else if (strlen(name) < sizeof(b->name)) {
		strcpy(b->name, name);
		r = branch_call(a, DAXFS_IOC_BRANCH_FIND, b);
		if (r == -ENOENT && has_ended(a, name))
			r = -ESTALE;
	} else {
		r = -ENOENT;
	}
	return r ? branch_failed(a, verb, name, r) : BRANCH_OK;
}

char *branch_region(const struct branch *br)
{
	char *region = br->mnt ? inspect_region_of_mount(br->mnt) :
				 strdup(br->region);

	if (!region && !br->mnt)
		daxfs_tool_error("out of memory");
	return region;
}
