// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Attributes of an entry of a tar archive: from libarchive to the tree.
 *
 * Notes: owners are numbers; the names beside them are not looked at.
 * Extended attributes are sorted by name, of two with one name the last
 * counts, and the ACLs of the archive count more than attributes that hold
 * ACLs.
 */
#define _GNU_SOURCE
#include <archive.h>
#include <archive_entry.h>
#include <linux/limits.h>
#include <stdlib.h>
#include <sys/sysmacros.h>

#include "image.h"
#include "tar.h"

#define NR_ACL 0x7fffffffu

struct xattr {
	const char *name;
	const void *value;
	size_t len;
	u32 nr;			/* of two with one name the higher counts */
};

struct xattrs {
	struct xattr *x;
	u32 nr;
	u8 acl[2][TAR_ACL_MAX];
};

/* ---- what stat(2) says ---- */

static int read_owner(struct tar_archive *a, const struct tar_entry *e,
		      la_int64_t id, u32 *to)
{
	/* The last number means "none" to the system. */
	if (id < 0 || id >= 0xffffffffll)
		return tar_entry_error(a, e->path, "its owner is %lld, which "
				       "is not a number from 0 to 4294967294; "
				       "make the archive with another one",
				       (long long)id);
	*to = (u32)id;
	return 0;
}

static void read_mtime(struct archive_entry *ae, struct tar_entry *e)
{
	struct timespec *ts = &e->file.mtime;

	ts->tv_sec = archive_entry_mtime(ae);
	ts->tv_nsec = archive_entry_mtime_nsec(ae);
	/* Of "-1.25" libarchive makes -1 and 0.25. */
	if (ts->tv_sec < 0 && ts->tv_nsec > 0) {
		ts->tv_sec--;
		ts->tv_nsec = 1000000000 - ts->tv_nsec;
	}
}

static int read_target(struct tar_archive *a, struct archive_entry *ae,
		       struct tar_entry *e)
{
	const char *target = archive_entry_symlink(ae);
	size_t len = target ? strlen(target) : 0;

	if (!len || len > DAXFS_TARGET_MAX)
		return tar_entry_error(a, e->path, "the target of the symbolic "
				       "link is not 1 to 4095 bytes long; make "
				       "the archive without it");
	e->file.target = daxfs_arena_copy(&a->arena, target, len);
	return e->file.target ? 0 : tar_no_memory(a);
}

static int read_stat(struct tar_archive *a, struct archive_entry *ae,
		     struct tar_entry *e)
{
	struct daxfs_tree_file *f = &e->file;
	la_int64_t size = archive_entry_size(ae);

	f->mode = archive_entry_mode(ae);
	if (!S_ISREG(f->mode) && !S_ISDIR(f->mode) && !S_ISLNK(f->mode) &&
	    !S_ISCHR(f->mode) && !S_ISBLK(f->mode) && !S_ISFIFO(f->mode))
		return tar_entry_error(a, e->path, "is of a type that no file "
				       "system has; get the archive anew");
	if (S_ISREG(f->mode)) {
		if (size < 0)
			return tar_entry_error(a, e->path, "its size is less "
					       "than 0; get the archive anew");
		f->size = (u64)size;
	}
	if (S_ISCHR(f->mode) || S_ISBLK(f->mode))
		f->rdev = makedev((unsigned int)archive_entry_rdevmajor(ae),
				  (unsigned int)archive_entry_rdevminor(ae));
	if (S_ISLNK(f->mode))
		f->mode |= 0777;
	read_mtime(ae, e);
	return read_owner(a, e, archive_entry_uid(ae), &f->uid) ||
	       read_owner(a, e, archive_entry_gid(ae), &f->gid) ||
	       (S_ISLNK(f->mode) && read_target(a, ae, e)) ? -1 : 0;
}

/* ---- extended attributes ---- */

static int by_name(const void *a, const void *b)
{
	const struct xattr *x = a, *y = b;
	int c = strcmp(x->name, y->name);

	return c ? c : x->nr < y->nr ? -1 : x->nr > y->nr;
}

static void add_xattr(struct xattrs *x, const char *name, const void *value,
		      size_t len, u32 nr)
{
	x->x[x->nr++] = (struct xattr){
		.name = name, .value = value, .len = len, .nr = nr,
	};
}

static int collect(struct tar_archive *a, struct archive_entry *ae,
		   struct tar_entry *e, struct xattrs *x)
{
	const char *name;
	const void *value;
	size_t len;

	while (!archive_entry_xattr_next(ae, &name, &value, &len)) {
		if (!name || !*name || strlen(name) > XATTR_NAME_MAX ||
		    len > XATTR_SIZE_MAX)
			return tar_entry_error(a, e->path, "an extended "
					       "attribute has a name that is "
					       "not 1 to 255 bytes long, or "
					       "more than 65536 bytes; make "
					       "the archive without it");
		/* libarchive gives them in the reverse of their order. */
		add_xattr(x, name, value, len, NR_ACL - 1 - x->nr);
	}
	/* Links have no ACL; what is said of one is of what they lead to. */
	if (S_ISLNK(e->file.mode))
		return 0;
	if (tar_acl_read(a, ae, ARCHIVE_ENTRY_ACL_TYPE_ACCESS, x->acl[0], &len,
			 &e->file.mode))
		return -1;
	if (len)
		add_xattr(x, "system.posix_acl_access", x->acl[0], len, NR_ACL);
	if (tar_acl_read(a, ae, ARCHIVE_ENTRY_ACL_TYPE_DEFAULT, x->acl[1], &len,
			 &e->file.mode))
		return -1;
	if (len)
		add_xattr(x, "system.posix_acl_default", x->acl[1], len,
			  NR_ACL);
	return 0;
}

static int pack(struct tar_archive *a, struct tar_entry *e, struct xattrs *x)
{
	u8 *packed = NULL;
	size_t used = 0;
	u32 i;
	int err = 0;

	qsort(x->x, x->nr, sizeof(*x->x), by_name);
	for (i = 0; i < x->nr && !err; i++)
		if (i + 1 == x->nr || strcmp(x->x[i].name, x->x[i + 1].name))
			err = daxfs_image_pack_xattr(&packed, &used,
						     x->x[i].name,
						     x->x[i].value,
						     x->x[i].len);
	if (!err && used > 0xffffffffu)
		err = tar_entry_error(a, e->path, "has more than 4 GiB of "
				      "extended attributes; make the archive "
				      "without it");
	else if (err)
		err = tar_no_memory(a);
	if (!err && used) {
		e->file.xattr = (u8 *)daxfs_arena_copy(&a->arena, packed, used);
		e->file.xattr_len = (u32)used;
		if (!e->file.xattr)
			err = tar_no_memory(a);
	}
	free(packed);
	return err;
}

int tar_attr_read(struct tar_archive *a, struct archive_entry *ae,
		  struct tar_entry *e)
{
	int nr = archive_entry_xattr_reset(ae), err;
	int acls = archive_entry_acl_types(ae);
	struct xattrs *x;

	if (read_stat(a, ae, e))
		return -1;
	if (!nr && !acls)
		return 0;
	if (acls & ARCHIVE_ENTRY_ACL_TYPE_NFS4)
		return tar_entry_error(a, e->path, "has an NFSv4 ACL, which is "
				       "not kept; make the archive without");
	x = malloc(sizeof(*x));
	if (!x)
		return tar_no_memory(a);
	x->nr = 0;
	x->x = calloc((size_t)nr + 2, sizeof(*x->x));
	err = x->x ? collect(a, ae, e, x) : tar_no_memory(a);
	if (!err)
		err = pack(a, e, x);
	free(x->x);
	free(x);
	return err;
}
