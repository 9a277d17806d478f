// SPDX-License-Identifier: GPL-2.0-only
/*
 * Listing directories.
 *
 * Notes: a section fills a page with entries, and what it found goes to the
 * caller after it: his memory may fault, and a section waits for nobody. The
 * position in the file is the core's cookie, which is stable while others make
 * and remove names.
 */
#include <linux/gfp.h>

#include "daxfs.h"

struct entry {			/* in the page, 8-byte aligned */
	u64 ino;
	u64 next;		/* cookie behind it */
	u32 d_type;
	u32 name_len;
	char name[];
};

struct listing {
	u8 *page;
	u32 used;		/* bytes */
};

static u32 entry_len(u32 name_len)
{
	return ALIGN(sizeof(struct entry) + name_len, 8);
}

static int emit_to_page(void *arg, const struct daxfs_dirent *de)
{
	struct listing *l = arg;
	struct entry *e = (struct entry *)(l->page + l->used);
	u32 len = entry_len(de->name_len);

	if (len > PAGE_SIZE - l->used)
		return 1;
	e->ino = de->ino;
	e->next = de->next;
	e->d_type = de->d_type;
	e->name_len = de->name_len;
	memcpy(e->name, de->name, de->name_len);
	l->used += len;
	return 0;
}

/* 0: all is with the caller; 1: his memory is full. */
static int emit_to_caller(const struct listing *l, struct dir_context *ctx)
{
	u32 at;

	for (at = 0; at < l->used; ) {
		const struct entry *e = (const struct entry *)(l->page + at);

		if (!dir_emit(ctx, e->name, (int)e->name_len, e->ino, e->d_type))
			return 1;
		ctx->pos = (loff_t)e->next;
		at += entry_len(e->name_len);
	}
	return 0;
}

static int iterate_pages(struct file *file, struct dir_context *ctx)
{
	struct inode *inode = file_inode(file);
	struct daxfs_sbi *sbi = daxfs_sbi_of(inode);
	struct listing l = { .page = file->private_data };
	s64 r;

	if (!l.page)	/* kept until it is closed: f_pos_lock */
		l.page = file->private_data = (u8 *)__get_free_page(GFP_KERNEL);
	if (!l.page)
		return -ENOMEM;
	do {
		struct daxfs_cx *cx = daxfs_begin(sbi);

		l.used = 0;
		r = daxfs_readdir(cx, inode->i_ino, (u64)ctx->pos, emit_to_page, &l);
		daxfs_note_access(cx, file);
		r = daxfs_end(sbi, cx, r);
	} while (!r && l.used && !emit_to_caller(&l, ctx) && !fatal_signal_pending(current));
	return (int)r;
}

/*
 * Of a region that never changes: nobody waits for the end of a section. But the
 * caller's memory may fault, on a mapping of this mount, too, and that needs a
 * context: listings take half of them at most.
 */
static int emit_at_once(void *arg, const struct daxfs_dirent *de)
{
	struct dir_context *ctx = arg;

	if (!dir_emit(ctx, de->name, (int)de->name_len, de->ino, de->d_type))
		return 1;
	ctx->pos = (loff_t)de->next;
	return 0;
}

static int iterate_constant(struct file *file, struct dir_context *ctx)
{
	struct daxfs_sbi *sbi = daxfs_sbi_of(file_inode(file));
	struct daxfs_cx *cx = daxfs_begin(sbi);
	s64 r = daxfs_readdir(cx, file_inode(file)->i_ino, (u64)ctx->pos, emit_at_once,
			      ctx);

	return (int)daxfs_end(sbi, cx, r);
}

static int daxfs_iterate(struct file *file, struct dir_context *ctx)
{
	struct daxfs_sbi *sbi = daxfs_sbi_of(file_inode(file));
	int r;

	if (!sbi->constant)
		return iterate_pages(file, ctx);
	if (atomic_inc_return(&sbi->listings) <= DAXFS_CTXS / 2)
		r = iterate_constant(file, ctx);
	else
		r = iterate_pages(file, ctx);
	atomic_dec(&sbi->listings);
	return r;
}

static int daxfs_dir_open(struct inode *inode, struct file *file)
{
	int r = daxfs_check_open(file);

	return r ? r : daxfs_hold(inode);
}

static int daxfs_dir_fsync(struct file *file, loff_t start, loff_t end, int datasync)
{
	return daxfs_check(daxfs_sbi_of(file_inode(file)));
}

static int daxfs_dir_release(struct inode *inode, struct file *file)
{
	free_page((unsigned long)file->private_data);
	daxfs_unhold(inode);
	return 0;
}

static loff_t daxfs_dir_llseek(struct file *file, loff_t off, int whence)
{
	return generic_file_llseek_size(file, off, whence, LLONG_MAX,
					i_size_read(file_inode(file)));
}

const struct file_operations daxfs_dir_fops = {
	.open		= daxfs_dir_open,
	.release	= daxfs_dir_release,
	.llseek		= daxfs_dir_llseek,
	.read		= generic_read_dir,
	.iterate_shared	= daxfs_iterate,
	.fsync		= daxfs_dir_fsync,
	.flock		= daxfs_flock_op,
	.unlocked_ioctl	= daxfs_ioctl,
	.compat_ioctl	= compat_ptr_ioctl,
};
