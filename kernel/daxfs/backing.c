// SPDX-License-Identifier: GPL-2.0-only
/*
 * Backing files of split mode: opening them, and reading them.
 *
 * Notes: they are opened by whoever mounts, with his rights, and stay open as long as
 * the mount. What a file has to be, core/backing.c knows. Reads go through the
 * file's own read operation into memory of the kernel: no file system and no
 * device ever sees an address of the region, which may have no struct pages.
 */
#include <linux/fs.h>
#include <linux/slab.h>
#include <linux/stat.h>

#include "fill.h"

int daxfs_backing_read(struct file *file, void *buf, u64 len, u64 off)
{
	loff_t pos = (loff_t)off;

	while (len) {
		ssize_t n = kernel_read(file, buf, len, &pos);

		if (n <= 0)
			return n ? (int)n : -ENODATA;
		buf += n;
		len -= (u64)n;
	}
	return 0;
}

/* ---- at a mount ---- */

struct kernel_file {
	struct daxfs_backing_file b;
	struct file *file;
};

static int read_kernel(const struct daxfs_backing_file *b, void *buf, u64 len, u64 off)
{
	return daxfs_backing_read(container_of(b, struct kernel_file, b)->file, buf, len,
				  off);
}

static int check_file(const struct daxfs_sbi *sbi, struct file *file, u32 *nr,
		      const char **why)
{
	struct kernel_file k = { .b = { .read = read_kernel }, .file = file };
	struct kstat stat;
	void *page;
	int r;

	*why = "not a file; name the one that mkdaxfs wrote with -o";
	if (!S_ISREG(file_inode(file)->i_mode))
		return -EINVAL;
	*why = NULL;
	r = vfs_getattr(&file->f_path, &stat, STATX_SIZE | STATX_MTIME,
			AT_STATX_SYNC_AS_STAT);
	if (r)
		return r;
	k.b.size = (u64)stat.size;
	k.b.mtime_ns = timespec64_to_ns(&stat.mtime);
	page = kmalloc(DAXFS_PAGE_SIZE, GFP_KERNEL);
	if (!page)
		return -ENOMEM;
	r = daxfs_backing_which(&sbi->rg, &k.b, page, nr, why);
	kfree(page);
	return r;
}

static int add_file(struct daxfs_sbi *sbi, const char *path, struct fs_context *fc)
{
	struct file *file = filp_open(path, O_RDONLY | O_LARGEFILE | O_NONBLOCK, 0);
	struct daxfs_filler *fl = sbi->filler;
	const char *why;
	u32 nr = 0;
	int r;

	if (IS_ERR(file)) {
		errorf(fc, "daxfs: %s: cannot open the backing file (error %ld)", path,
		       PTR_ERR(file));
		return PTR_ERR(file);
	}
	r = check_file(sbi, file, &nr, &why);
	if (!r && fl->file[nr]) {
		why = "this backing file is given twice";
		r = -EINVAL;
	}
	if (!r) {
		fl->file[nr] = file;
		fl->file_nr++;
		return 0;
	}
	if (why)
		errorf(fc, "daxfs: %s: %s", path, why);
	else
		errorf(fc, "daxfs: %s: cannot read the backing file (error %d)", path, r);
	fput(file);
	return r;
}

int daxfs_backing_open_all(struct daxfs_sbi *sbi, const char *paths,
			   struct fs_context *fc)
{
	u32 want = (u32)sbi->rg.area[DAXFS_AREA_BACKING].nr;
	char *list, *rest, *path;
	int r = 0;

	if (!paths)
		return 0;
	if (!sbi->filler)
		return invalf(fc, "daxfs: not in split mode: mount it without backing=");
	list = rest = kstrdup(paths, GFP_KERNEL);
	if (!list)
		return -ENOMEM;
	while (!r && (path = daxfs_backing_next(&rest)))
		r = add_file(sbi, path, fc);
	kfree(list);
	if (!r && sbi->filler->file_nr != want)
		r = invalf(fc, "daxfs: the region has %u backing files: give all or none, not %u",
			   want, sbi->filler->file_nr);
	return r;
}

void daxfs_backing_close_all(struct daxfs_filler *fl)
{
	u32 i;

	for (i = 0; i < DAXFS_BACKING_FILES; i++)
		if (fl->file[i])
			fput(fl->file[i]);
}
