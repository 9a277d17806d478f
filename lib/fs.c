// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Public API: opening and closing a region, its size, texts of errors.
 *
 * Notes: a struct daxfs is a mount that counts what is open on it, so that it
 * cannot be closed under a handle.
 */
#include <stdlib.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "api.h"

#ifndef DAXFS_RELEASE
#error "build with -DDAXFS_RELEASE='\"1.2.3\"'"
#endif

const char *daxfs_lib_version(void)
{
	return DAXFS_RELEASE;
}

const char *daxfs_fs_error(int err)
{
	switch (-err) {
	case 0:
		return "no error";
	case EUCLEAN:
		return "the region is damaged: run fsck.daxfs";
	case ESTALE:
		return "no longer a host of this region, or its branch has "
		       "ended: close it, open it again";
	case EIO:
		return "the memory behind the region is gone, or a page of a "
		       "backing file cannot be had";
	case EUSERS:
		return "all host slots of the region are in use";
	case ENODATA:
		return "the region is truncated";
	case EPROTONOSUPPORT:
		return "the region is of another version of daxfs";
	default:
		return strerror(-err);
	}
}

/* st_dev tells regions apart; it is no device of this machine. */
static dev_t dev_of(const struct daxfs_region *rg)
{
	const u8 *uuid = rg->super.uuid;
	u32 fold = port_crc32(0, uuid, sizeof(rg->super.uuid));

	return makedev(fold >> 20, fold & 0xfffff);
}

static u32 mount_flags(unsigned int flags)
{
	return (flags & DAXFS_FS_RDONLY ? DAXFS_OPEN_RDONLY : 0) |
	       (flags & DAXFS_FS_VALIDATE ? DAXFS_OPEN_VALIDATE : 0);
}

/* The branch, then the threads: they may not run while that is chosen. */
static int start(struct daxfs *fs, const char *region, const char *branch,
		 const char *backing, char *why, size_t why_len)
{
	int r = backing ? daxfs_mount_backing(fs->m, backing, why, why_len) : 0;

	if (!r)
		r = daxfs_mount_show(fs->m, branch, why, why_len);

	if (r)
		return r;
	r = daxfs_mount_start(fs->m);
	if (r) {
		daxfs_why(why, why_len, "%s: cannot start a thread: %s", region,
			  strerror(-r));
		daxfs_mount_crash(fs->m);
	}
	return r;
}

int daxfs_fs_open_backing(struct daxfs **fsp, const char *region,
			  const char *branch, const char *backing,
			  unsigned int flags, char *why, size_t why_len)
{
	struct daxfs *fs;
	int r;

	*fsp = NULL;
	if (flags & ~(DAXFS_FS_RDONLY | DAXFS_FS_VALIDATE)) {
		daxfs_why(why, why_len, "%s: unknown flags", region);
		return -EINVAL;
	}
	fs = calloc(1, sizeof(*fs));
	if (!fs) {
		daxfs_why(why, why_len, "%s: no memory", region);
		return -ENOMEM;
	}
	r = daxfs_mount_open(&fs->m, region, mount_flags(flags), DAXFS_HOST_LIB,
			     why, why_len);
	if (!r) {
		r = start(fs, region, branch, backing, why, why_len);
		if (r)
			daxfs_mount_close(fs->m);
	}
	if (r) {
		free(fs);
		return r;
	}
	fs->dev = dev_of(&fs->m->rg);
	fs->uid = geteuid();
	fs->gid = getegid();
	*fsp = fs;
	return 0;
}

int daxfs_fs_open_branch(struct daxfs **fs, const char *region,
			 const char *branch, unsigned int flags, char *why,
			 size_t why_len)
{
	return daxfs_fs_open_backing(fs, region, branch, NULL, flags, why, why_len);
}

int daxfs_fs_open(struct daxfs **fs, const char *region, unsigned int flags,
		  char *why, size_t why_len)
{
	return daxfs_fs_open_branch(fs, region, NULL, flags, why, why_len);
}

static s64 open_handles(const struct daxfs *fs)
{
	s64 nr = __atomic_load_n(&fs->handles, __ATOMIC_ACQUIRE);
	u32 i;

	for (i = 0; i < DAXFS_CTXS; i++)
		nr += __atomic_load_n(&fs->m->slot[i].handles, __ATOMIC_ACQUIRE);
	return nr;
}

int daxfs_fs_close(struct daxfs *fs)
{
	if (!fs)
		return 0;
	if (open_handles(fs))
		return -EBUSY;
	daxfs_mount_close(fs->m);
	free(fs);
	return 0;
}

int daxfs_fs_rdonly(const struct daxfs *fs)
{
	const struct daxfs_region *rg = &fs->m->rg;

	return daxfs_mount_rdonly(fs->m) ||
	       (daxfs_is_branching(rg) && !a64_load_relaxed(&rg->view));
}

static void fill_statvfs(const struct daxfs *fs, const struct daxfs_statfs *sf,
			 struct statvfs *st)
{
	memset(st, 0, sizeof(*st));
	st->f_bsize = st->f_frsize = sf->page_size;
	st->f_blocks = sf->pages;
	st->f_bfree = sf->pages_free;
	st->f_bavail = sf->pages_avail;
	st->f_files = sf->inodes + sf->inodes_free;
	st->f_ffree = st->f_favail = sf->inodes_free;
	st->f_fsid = fs->dev;
	st->f_flag = fs->m->rdonly ? ST_RDONLY : 0;
	st->f_namemax = DAXFS_NAME_MAX;
}

int daxfs_fs_statvfs(struct daxfs *fs, struct statvfs *st)
{
	struct daxfs_statfs sf;
	struct daxfs_cx *cx;
	int r = daxfs_api_begin(fs, &cx);

	if (r)
		return r;
	r = (int)daxfs_api_end(fs, cx, daxfs_statfs(cx, &sf));
	if (!r)
		fill_statvfs(fs, &sf, st);
	return r;
}

static struct timespec time_of(u64 ns)
{
	s64 sec = (s64)ns / 1000000000, rest = (s64)ns % 1000000000;

	if (rest < 0) {
		sec--;
		rest += 1000000000;
	}
	return (struct timespec){ .tv_sec = sec, .tv_nsec = rest };
}

/* Devices are kept as Linux's new_encode_dev() has them. */
static dev_t rdev_of(u32 rdev)
{
	return makedev((rdev & 0xfff00) >> 8,
		       (rdev & 0xff) | ((rdev >> 12) & 0xfff00));
}

void daxfs_api_stat(const struct daxfs *fs, const struct daxfs_stat *from,
		    struct stat *st)
{
	memset(st, 0, sizeof(*st));
	st->st_dev = fs->dev;
	st->st_ino = from->ino;
	st->st_mode = from->mode;
	st->st_nlink = from->nlink;
	st->st_uid = from->uid;
	st->st_gid = from->gid;
	st->st_rdev = rdev_of(from->rdev);
	st->st_size = (off_t)from->size;
	st->st_blksize = (blksize_t)DAXFS_PAGE_SIZE;
	st->st_blocks = (blkcnt_t)from->blocks;
	st->st_atim = time_of(from->atime_ns);
	st->st_mtim = time_of(from->mtime_ns);
	st->st_ctim = time_of(from->ctime_ns);
}

/* Who has a context is the only one to change its slot: no locked instruction. */
void daxfs_api_count(struct daxfs *fs, struct daxfs_cx *cx, int n)
{
	s64 *slot;

	if (!cx) {
		__atomic_fetch_add(&fs->handles, n, __ATOMIC_RELEASE);
		return;
	}
	slot = &fs->m->slot[cx - fs->m->cx].handles;
	__atomic_store_n(slot, *slot + n, __ATOMIC_RELEASE);
}

void daxfs_api_unhold(struct daxfs *fs, struct daxfs_held *held)
{
	struct daxfs_cx *cx;

	/* In a child of fork() holds and contexts are the parent's. */
	if (fs->m->forked) {
		daxfs_api_count(fs, NULL, -1);
		return;
	}
	cx = daxfs_cx_get(fs->m);
	daxfs_unhold(fs->m, cx, held);
	daxfs_api_count(fs, cx, -1);
	daxfs_cx_put(fs->m, cx);
}
