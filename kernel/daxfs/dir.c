// SPDX-License-Identifier: GPL-2.0-only
/*
 * Listing directories.
 *
 * Notes: a section fills a page with entries, and what it found goes to the
 * caller after it: his memory may fault, and a section waits for nobody. The
 * position in the file is the core's cookie, which is stable while others make
 * and remove names.
 */
#include <linux/slab.h>

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

static int daxfs_iterate(struct file *file, struct dir_context *ctx)
{
	struct inode *inode = file_inode(file);
	struct daxfs_sbi *sbi = daxfs_sbi_of(inode);
	struct listing l = { .page = (u8 *)__get_free_page(GFP_KERNEL) };
	s64 r;

	if (!l.page)
		return -ENOMEM;
	do {
		struct daxfs_cx *cx = daxfs_begin(sbi);

		l.used = 0;
		r = daxfs_readdir(cx, inode->i_ino, (u64)ctx->pos, emit_to_page, &l);
		daxfs_note_access(cx, file);
		r = daxfs_end(sbi, cx, r);
	} while (!r && l.used && !emit_to_caller(&l, ctx) && !fatal_signal_pending(current));
	free_page((unsigned long)l.page);
	return (int)r;
}

static int daxfs_dir_open(struct inode *inode, struct file *file)
{
	return daxfs_hold(inode);
}

static int daxfs_dir_release(struct inode *inode, struct file *file)
{
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
	.fsync		= noop_fsync,
	.flock		= daxfs_flock_op,
	.unlocked_ioctl	= daxfs_ioctl,
	.compat_ioctl	= compat_ptr_ioctl,
};
