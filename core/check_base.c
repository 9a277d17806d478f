// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Check of the base image in one pass over its metadata.
 *
 * Notes: inodes are numbered so that a directory's parent has a smaller
 * number than the directory. With each directory named exactly once, by the
 * parent that it states, every directory leads up to the root, so there is no
 * cycle and nothing out of reach, and no walk is needed to prove it. The
 * scratch holds the number of names found for each inode. Reads only; each
 * finding is reported once and counted, and the pass goes on.
 */
#include "base.h"
#include "xset.h"

struct pass {
	const struct daxfs_region *rg;
	struct daxfs_check *ck;
	u32 *names;		/* found for inode n at n - 1 */
	u64 subdirs;		/* of the directory at hand */
	u64 budget;		/* bytes of BASE_META that no inode had so far */
};

static void found(struct pass *p, u64 ino, const char *what)
{
	p->ck->problems++;
	if (p->ck->report)
		p->ck->report(p->ck->arg, "base", ino, what);
}

/*
 * No byte of the metadata belongs to two inodes. That they are not more than
 * there are is what bounds the pass, whatever the bytes say.
 */
static int spend(struct pass *p, u64 ino, u64 len)
{
	if (len > p->budget) {
		found(p, ino, "shares metadata with another inode");
		return -EUCLEAN;
	}
	p->budget -= len;
	return 0;
}

u64 daxfs_check_base_scratch(const struct daxfs_region *rg)
{
	return rg->super.base_inode_nr * sizeof(u32);
}

/* ---- checksum ---- */

static int crc_area(const struct daxfs_region *rg, u32 type, u32 *crc)
{
	const struct daxfs_span *a = &rg->area[type];
	const void *at;

	if (!a->len)
		return 0;
	at = daxfs_at(rg, a->off, a->len, 1);
	if (!at)
		return -EUCLEAN;
	*crc = port_crc32(*crc, at, a->len);
	return 0;
}

static void check_crc(struct pass *p)
{
	u32 crc = 0;

	if (crc_area(p->rg, DAXFS_AREA_BASE_INODES, &crc) ||
	    crc_area(p->rg, DAXFS_AREA_BASE_META, &crc))
		found(p, 0, "the areas of its metadata are outside the region");
	else if (crc != p->rg->super.base_crc)
		found(p, 0, "the checksum of its metadata is wrong");
}

/* ---- directories ---- */

static u32 type_of(u32 mode)
{
	return (mode & S_IFMT) >> 12;	/* DT_* is defined so */
}

static int name_ok(const struct daxfs_base_dirent *de)
{
	u32 i;

	for (i = de->name_len; i < DAXFS_NAME_MAX; i++)
		if (de->name[i])
			return 0;
	if (de->name[0] != '.')
		return 1;
	return !(de->name_len == 1 ||
		 (de->name_len == 2 && de->name[1] == '.'));
}

static void check_child(struct pass *p, u64 dir,
			const struct daxfs_base_dirent *de)
{
	struct daxfs_base_inode child;
	u32 *names = &p->names[de->ino - 1];

	/* One that is bad in itself is reported under its own number. */
	if (*names != ~(u32)0)
		++*names;
	if (daxfs_base_inode(p->rg, de->ino, &child))
		return;
	if (de->d_type != type_of(child.mode))
		found(p, dir, "a name has another type than its inode");
	if (!S_ISDIR(child.mode))
		return;
	p->subdirs++;
	if (child.parent != dir)
		found(p, de->ino, "the directory is named by another one than "
		      "its parent");
	if (de->ino <= dir)
		found(p, de->ino, "the directory has a smaller number than "
		      "its parent");
}

/* The bytes of the name as stored, with their padding. */
static int raw_dirent(struct pass *p, const struct daxfs_base_inode *in,
		      u64 idx, struct daxfs_base_dirent *de)
{
	struct daxfs_base_dirent raw;
	const void *at;
	int err = daxfs_base_dirent(p->rg, in, idx, de);

	if (err)
		return err;
	at = daxfs_at(p->rg, in->data_off + idx * sizeof(raw), sizeof(raw), 1);
	if (!at)
		return -EUCLEAN;
	port_copy_from(&raw, at, sizeof(raw));
	memset(de->name + de->name_len, 0, sizeof(de->name) - de->name_len);
	return memcmp(&raw.name, de->name, sizeof(raw.name)) ? -EUCLEAN : 0;
}

static void check_dir(struct pass *p, u64 ino,
		      const struct daxfs_base_inode *in)
{
	struct daxfs_base_dirent de[2];
	u64 i, nr = daxfs_base_dir_nr(in);

	p->subdirs = 0;
	if (spend(p, ino, in->size))
		return;
	for (i = 0; i < nr; i++) {
		struct daxfs_base_dirent *d = &de[i & 1], *last = &de[~i & 1];

		p->ck->dirents++;
		if (raw_dirent(p, in, i, d) || !name_ok(d)) {
			found(p, ino, "a directory entry cannot be");
			return;		/* what follows would repeat it */
		}
		if (i && daxfs_base_name_cmp(last->name, last->name_len,
					     d->name, d->name_len) >= 0) {
			found(p, ino, "names are not in order, or twice there");
			return;
		}
		check_child(p, ino, d);
	}
	if (in->nlink != 2 + p->subdirs)
		found(p, ino, "the link count of the directory is wrong");
}

/* ---- content ---- */

static void check_extents(struct pass *p, u64 ino,
			  const struct daxfs_base_inode *in)
{
	struct daxfs_run run;
	u64 off = 0;

	/* Ends: each step takes an extent or the hole before it, in order. */
	while (off < in->size) {
		if (daxfs_base_run(p->rg, in, off, in->size - off, &run) ||
		    !run.len) {
			found(p, ino, "an extent of the file cannot be");
			return;
		}
		if (run.off)
			p->ck->bytes += run.len;
		off += run.len;
	}
}

/* Binary search proves nothing unless the extents are in order. */
static int extents_sorted(struct pass *p, u64 ino,
			  const struct daxfs_base_inode *in)
{
	struct daxfs_base_extent e;
	u64 i, nr = 1, end = 0;
	const void *at;

	for (i = 0; i < nr; i++) {
		at = daxfs_at(p->rg, in->data_off + i * sizeof(e), sizeof(e), 8);
		if (!at)
			return 0;
		port_copy_from(&e, at, sizeof(e));
		if (!i) {
			nr = e.nr;
			if (spend(p, ino, (nr ? nr : 1) * sizeof(e)))
				return 0;
		}
		if (!nr)
			return 1;
		if (e.file_off < end || e.len > DAXFS_MAX_FILE)
			return 0;
		end = e.file_off + e.len;
	}
	return 1;
}

static void check_file(struct pass *p, u64 ino,
		       const struct daxfs_base_inode *in)
{
	if (!(in->flags & DAXFS_BASE_SPARSE)) {
		p->ck->bytes += in->size;
		return;
	}
	if (!in->size)
		return;
	if (!extents_sorted(p, ino, in))
		found(p, ino, "the extents of the file are not in order");
	else
		check_extents(p, ino, in);
}

static void check_xattrs(struct pass *p, u64 ino,
			 const struct daxfs_base_inode *in)
{
	struct daxfs_xset set = { .rg = p->rg, .len = in->xattr_len };

	set.flat = daxfs_at(p->rg, in->xattr_off, in->xattr_len, 8);
	if (!set.flat || daxfs_ck_xset(&set))
		found(p, ino, "the extended attributes cannot be");
}

/* ---- the pass ---- */

static void check_inode(struct pass *p, u64 ino)
{
	struct daxfs_base_inode in;

	p->ck->inodes++;
	if (daxfs_base_inode(p->rg, ino, &in)) {
		found(p, ino, "the inode has an impossible type or refers to "
		      "bytes outside the image");
		return;
	}
	if (in.xattr_len && !spend(p, ino, in.xattr_len))
		check_xattrs(p, ino, &in);
	if (S_ISDIR(in.mode))
		check_dir(p, ino, &in);
	else if (S_ISREG(in.mode))
		check_file(p, ino, &in);
	else if (S_ISLNK(in.mode))
		spend(p, ino, in.size);
}

static void check_links(struct pass *p, u64 ino)
{
	struct daxfs_base_inode in;
	u32 names = p->names[ino - 1];

	if (daxfs_base_inode(p->rg, ino, &in))
		return;
	if (ino == DAXFS_ROOT_INO) {
		if (!S_ISDIR(in.mode) || in.parent != ino)
			found(p, ino, "the root is not a directory that is its "
			      "own parent");
		if (names)
			found(p, ino, "the root has a name");
	} else if (!names) {
		found(p, ino, "no directory names the inode");
	} else if (S_ISDIR(in.mode) && names != 1) {
		found(p, ino, "the directory has more than one name");
	} else if (!S_ISDIR(in.mode) && names != in.nlink) {
		found(p, ino, "the link count is not the number of names");
	}
}

int daxfs_check_base(const struct daxfs_region *rg, struct daxfs_check *ck,
		     void *scratch)
{
	struct pass p = {
		.rg = rg, .ck = ck, .names = scratch,
		.budget = rg->area[DAXFS_AREA_BASE_META].len,
	};
	u64 before = ck->problems, ino;

	if (!rg->super.base_inode_nr)
		return 0;
	check_crc(&p);
	for (ino = 1; ino <= rg->super.base_inode_nr; ino++)
		check_inode(&p, ino);
	for (ino = 1; ino <= rg->super.base_inode_nr; ino++)
		check_links(&p, ino);
	return ck->problems == before ? 0 : -EUCLEAN;
}
