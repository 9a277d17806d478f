/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel module of daxfs as its parts see it.
 *
 * Notes: VFS glue and nothing else: what a region means is known to core/ alone.
 * An operation takes a context of the mount (daxfs_begin), makes its calls of
 * the core, and gives it back (daxfs_end). With a context a task may sleep for
 * memory, never for another task: it holds no region section while it copies
 * from or to user memory that may fault. What the VFS caches (dentries, modes,
 * sizes) is a hint; it is compared with the region at each use.
 *
 * Locks, outer ones first: VFS inode and rename locks; mmap_lock; sbi->map_lock;
 * mapping->invalidate_lock; sbi->store_sem; sbi->store_lock; sbi->hold_lock[]; a
 * context; inode->i_lock.
 */
#ifndef DAXFS_KERNEL_H
#define DAXFS_KERNEL_H

#include <linux/fs.h>
#include <linux/hash.h>
#include <linux/mutex.h>
#include <linux/refcount.h>
#include <linux/rwsem.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "compat.h"
#include "core.h"

struct dma_buf;
struct daxfs_filler;
struct xarray;

/* ---- memory.c: the memory that a mount names ---- */

enum daxfs_mem_kind {
	DAXFS_MEM_PHYS,		/* a range of physical addresses */
	DAXFS_MEM_PMEM,		/* a block device with direct access */
	DAXFS_MEM_DMABUF,
};

struct daxfs_mem_opts {		/* what mount options say */
	u64 phys, size;		/* size 0: not told */
	bool has_phys;
	bool pages;		/* want struct pages for the range */
	char *dev;
	struct dma_buf *dmabuf;	/* of FSCONFIG_SET_FD */
};

struct daxfs_mem {
	enum daxfs_mem_kind kind;
	void *base;		/* mapped, cached; NULL: not open */
	u64 len;		/* bytes */
	u64 phys;		/* not of DAXFS_MEM_DMABUF */
	bool has_pages;		/* each page has a struct page that GUP may take */
	struct dma_buf *dmabuf;
	void *priv;		/* memory.c's own */
};

/*
 * Map what the options name. 0 or a negative errno, with the reason in the log
 * of fc.
 */
int daxfs_mem_open(struct daxfs_mem *mem, const struct daxfs_mem_opts *opts,
		   struct fs_context *fc);
void daxfs_mem_close(struct daxfs_mem *mem);
/* The page frame of byte off of the region; off < len. */
unsigned long daxfs_mem_pfn(const struct daxfs_mem *mem, u64 off);
/* Has somebody taken a page, as a transfer does that goes straight into it? */
bool daxfs_mem_pinned(const struct daxfs_mem *mem);
/* The same of the page at off. */
bool daxfs_mem_in_use(const struct daxfs_mem *mem, u64 off);

/* ---- a mount ---- */

#define DAXFS_HOLD_SHIFT	6
#define DAXFS_HOLD_LOCKS	(1u << DAXFS_HOLD_SHIFT)

struct daxfs_cx_slot {		/* own cache line: taken by any task */
	int busy;
	int ready;		/* cx is initialised */
	struct daxfs_cx *cx;
} ____cacheline_aligned;

struct daxfs_sbi {
	struct super_block *sb;	/* not for those who have no more than the memory */
	refcount_t users;	/* of the memory: the mount, its exports (dmabuf.c) */
	struct daxfs_region rg;
	struct daxfs_mem mem;
	bool constant;		/* no overlay: nothing ever changes */
	bool dead;		/* declared dead by another host: all is over */
	bool branching;		/* writing happens in branches, main is read-only */
	bool only_main;		/* read-only because it shows main */
	bool validate;		/* mount options, for show_options() */
	char *branch;		/* ours; NULL: main */
	char *backing;		/* paths of backing files; NULL: none */
	kuid_t mounter;
	struct daxfs_mem_opts opts;	/* its dev is ours */
	/* host.c */
	struct daxfs_cx_slot slot[DAXFS_CTXS];
	struct daxfs_cx *cx;	/* DAXFS_CTXS of them */
	wait_queue_head_t cx_free;
	atomic_t listings;	/* that hold a context while memory may fault */
	struct task_struct *keeper;	/* beats, reaps, zaps */
	struct daxfs_watchers __rcu *watchers;
	u32 watchers_nr;	/* that there have been; the keeper's */
	atomic64_t ticket;
	/* branch.c */
	atomic_t turning;	/* requests about branches that go on */
	atomic64_t turns;	/* that there were */
	struct daxfs_host_id id;	/* what it joined as */
	/* inode.c */
	struct mutex hold_lock[DAXFS_HOLD_LOCKS];
	/* mmap.c */
	struct mutex map_lock;
	struct list_head mapped;	/* struct daxfs_mapped */
	bool map_shown;			/* an epoch of mappings is in the region */
	ktime_t pin_look;		/* time of the next look for pinned pages */
	u64 map_head;			/* the view that what is mapped is of */
	unsigned long let_after;	/* jiffies: not sooner are pages let go */
	struct rw_semaphore store_sem;	/* shared: to make an entry to store through */
	struct mutex store_lock;	/* beginning stores */
	bool stores;			/* they have begun */
	atomic_t no_stores;		/* requests of this mount that freeze */
	u64 asked;			/* who asks for an end of stores */
	unsigned long asked_since;	/* jiffies */
	struct daxfs_filler *filler;	/* fill.c; NULL: not in split mode */
	/* lock.c */
	wait_queue_head_t lock_wait;	/* tasks that wait for a lock */
	u64 lock_secret;		/* owners are told mixed with it */
};

/* super.c: a user less; the last one unmaps the memory. May sleep. */
void daxfs_sbi_put(struct daxfs_sbi *sbi);

static inline struct daxfs_sbi *daxfs_sbi(const struct super_block *sb)
{
	return sb->s_fs_info;
}

/*
 * When something was read from the region: taken before. version: as
 * daxfs_watch_look(). ticket: the order in which reads of this mount began.
 */
struct daxfs_seen {
	u64 version;
	u64 ticket;
};

struct daxfs_mapped;		/* mmap.c: of an inode that is mapped */

struct daxfs_inode_info {
	struct daxfs_file file;	/* as the core wants it */
	u32 holders;		/* open files and keepers; sbi->hold_lock[] */
	u32 kept;		/* held until it is evicted; hold_lock, too */
	struct daxfs_seen seen;	/* when its rights were read; i_lock */
	u64 plain;		/* version at which no write takes rights away; i_rwsem */
	struct daxfs_mapped *mapped;	/* NULL: no mmap; sbi->map_lock */
	struct inode vfs;
};

static inline struct daxfs_inode_info *daxfs_i(const struct inode *inode)
{
	return container_of(inode, struct daxfs_inode_info, vfs);
}

static inline struct daxfs_sbi *daxfs_sbi_of(const struct inode *inode)
{
	return daxfs_sbi(inode->i_sb);
}

/* The handle of the core: valid for as long as somebody has the inode. */
static inline struct daxfs_file *daxfs_file_of(const struct inode *inode)
{
	return &daxfs_i(inode)->file;
}

/*
 * Of an inode, or a few: holding it, and its locks. Never two of them at once. Not
 * by its number, see daxfs_become().
 */
static inline struct mutex *daxfs_hold_lock(const struct inode *inode)
{
	return &daxfs_sbi_of(inode)->hold_lock[hash_ptr(inode, DAXFS_HOLD_SHIFT)];
}

/* ---- host.c: contexts, the heart, other hosts ---- */

int daxfs_host_start(struct daxfs_sbi *sbi);	/* join, contexts, keeper */
void daxfs_host_stop(struct daxfs_sbi *sbi);
/* A context; waits (killable by nobody, for a moment) if all are busy. */
struct daxfs_cx *daxfs_begin(struct daxfs_sbi *sbi);
/* The same without waiting, for RCU walks: NULL if there is none. */
struct daxfs_cx *daxfs_begin_try(struct daxfs_sbi *sbi);
/*
 * Copies of names and rights may be used that were taken at this version; 0: none
 * may. A few loads; in RCU walks, too.
 */
u64 daxfs_version(struct daxfs_sbi *sbi);
static inline struct daxfs_seen daxfs_now(struct daxfs_sbi *sbi)
{
	u64 ticket = (u64)atomic64_inc_return(&sbi->ticket);

	return (struct daxfs_seen){ daxfs_version(sbi), ticket };
}
/* Recover hosts that are gone: for who waits for one. */
void daxfs_reap(struct daxfs_sbi *sbi);
/* Gives cx back; r, or -ESTALE once this host was declared dead. */
s64 daxfs_end(struct daxfs_sbi *sbi, struct daxfs_cx *cx, s64 r);
/*
 * The result r of a call on an inode that the VFS knew: if it is gone there may
 * be another under its name, and on ESTALE the VFS looks it up again, once. A
 * directory was empty when it went, and nothing can be found in it.
 */
static inline s64 daxfs_stale(const struct inode *inode, s64 r)
{
	return r == -ENOENT && !S_ISDIR(inode->i_mode) ? -ESTALE : r;
}

/* ---- backing.c, fill.c, pages.c: split mode ---- */

/* Before the mount is a host: -EINVAL and others, with the reason in the log of fc. */
int daxfs_backing_open_all(struct daxfs_sbi *sbi, const char *paths,
			   struct fs_context *fc);
int daxfs_fill_init(struct daxfs_sbi *sbi);
int daxfs_fill_start(struct daxfs_sbi *sbi);
void daxfs_fill_stop(struct daxfs_sbi *sbi);

/*
 * A call that may miss pages of a backing file; on its stack, zeroed:
 *	do {
 *		cx = daxfs_begin_needing(sbi, &need);
 *		r = a call of the core with cx;
 *		r = daxfs_end_needing(sbi, cx, r, &need);
 *	} while (daxfs_bring(sbi, &need, &r));
 * daxfs_bring() sleeps, for the backing file or for another host: without a context, and
 * without a lock that the keeper takes. It gives back what need has if it says false; r is
 * then the call's result, -EIO: a page cannot be read, or -EINTR: killed.
 */
struct daxfs_need {
	struct daxfs_miss miss;
	struct daxfs_rounds rounds;
	u32 turn;
	u64 addr[DAXFS_LENT];	/* of the pages that are lent to the call; 0: none */
	void *page[DAXFS_LENT];
};

struct daxfs_cx *daxfs_begin_needing(struct daxfs_sbi *sbi, const struct daxfs_need *need);
s64 daxfs_end_needing(struct daxfs_sbi *sbi, struct daxfs_cx *cx, s64 r,
		      struct daxfs_need *need);
bool daxfs_bring(struct daxfs_sbi *sbi, struct daxfs_need *need, s64 *r);
void daxfs_need_end(struct daxfs_need *need);
/* What is lent of the page at addr, or NULL; take: the caller frees it. */
const void *daxfs_need_page(const struct daxfs_need *need, u64 addr);
void *daxfs_need_take(struct daxfs_need *need, u64 addr);
/* Read that ahead, if there is a file and not much to do: a hint. May sleep for memory. */
void daxfs_fill_ahead(struct daxfs_sbi *sbi, u64 addr, u64 len);

/*
 * The page at that backing address stays where it is in the cache: *off, of addr, in the
 * region. -EREMOTE: it is not there.
 */
int daxfs_page_pin(struct daxfs_sbi *sbi, struct daxfs_cx *cx, u64 addr, u64 *slot,
		   u64 *off);
void daxfs_page_unpin(struct daxfs_sbi *sbi, struct daxfs_cx *cx, u64 slot);
int daxfs_page_copy(struct daxfs_sbi *sbi, u64 addr, void *page);
/*
 * For a mapping: the page frame of that page, which `pages' keeps. need: a page that is
 * lent is taken; -EREMOTE: what is missing. around: it is only at hand for the mapping
 * if that costs nothing. in_region: it is one of the cache. Callers exclude
 * daxfs_pages_let(), which lets those go that no transfer has, or all; no entry leads
 * to them then.
 */
int daxfs_pages_get(struct daxfs_sbi *sbi, struct xarray *pages, u64 addr,
		    struct daxfs_need *need, bool around, unsigned long *pfn,
		    bool *in_region);
void daxfs_pages_let(struct daxfs_sbi *sbi, struct daxfs_cx *cx, struct xarray *pages,
		     bool all);
/* Mappings keep so many that some are to be let go. */
bool daxfs_pages_full(const struct daxfs_sbi *sbi);

/* ---- inode.c ---- */

int __init daxfs_inode_cache_init(void);
void daxfs_inode_cache_exit(void);
struct inode *daxfs_alloc_inode(struct super_block *sb);
void daxfs_free_inode(struct inode *inode);
void daxfs_evict_inode(struct inode *inode);
/* The inode that st is of, with a reference; ERR_PTR(). */
struct inode *daxfs_vfs_inode(struct super_block *sb, const struct daxfs_stat *st,
			      struct daxfs_seen seen);
/*
 * Put fresh attributes into a VFS inode that the caller has a reference to. seen:
 * from before they were read.
 */
void daxfs_refresh(struct inode *inode, const struct daxfs_stat *st,
		   struct daxfs_seen seen);
/* Those that permissions rest on; also in RCU walks, where it may be going. */
void daxfs_refresh_rights(struct inode *inode, const struct daxfs_stat *st,
			  struct daxfs_seen seen);
/* Read them from the region, too. 0 or a negative errno. */
int daxfs_reload(struct inode *inode);
int daxfs_hold(struct inode *inode);
void daxfs_unhold(struct inode *inode);
/* Keep what may lose its name for those who have it: till evicted. */
int daxfs_keep(struct inode *inode);
/* If it is kept: evict it with the last of them. Again for each new dentry. */
void daxfs_cache_less(struct inode *inode);
/* A file that daxfs_tmpfile() has opened. */
void daxfs_hold_made(struct inode *inode);
/*
 * The inode that it was is gone, and was never opened: from now on it is the one
 * that daxfs_tmpfile() has made, and is held by one.
 */
void daxfs_become(struct inode *inode, const struct daxfs_stat *st,
		  const struct daxfs_file *made);
int daxfs_permission(struct mnt_idmap *idmap, struct inode *inode, int mask);
int daxfs_getattr_op(struct mnt_idmap *idmap, const struct path *path,
		     struct kstat *stat, u32 mask, unsigned int flags);
int daxfs_setattr_op(struct mnt_idmap *idmap, struct dentry *dentry,
		     struct iattr *attr);
/*
 * Content is about to change: set-id bits and capabilities that it takes away
 * go first. 0 or a negative errno.
 */
int daxfs_drop_rights(struct daxfs_cx *cx, struct inode *inode);

/* ---- namei.c ---- */

/*
 * open(2) has made this file, and another host has removed it before it was held:
 * the caller gets a file without a name, as if it had been removed just after. It
 * is empty, whatever somebody wrote to the other one meanwhile.
 */
int daxfs_hold_lost(struct file *file);

/* ---- operations ---- */

extern const struct super_operations daxfs_super_ops;
extern const struct dentry_operations daxfs_dentry_ops;
extern const struct inode_operations daxfs_dir_iops;
extern const struct inode_operations daxfs_file_iops;
extern const struct inode_operations daxfs_symlink_iops;
extern const struct inode_operations daxfs_special_iops;
extern const struct file_operations daxfs_dir_fops;
extern const struct file_operations daxfs_file_fops;
extern const struct address_space_operations daxfs_aops;

/* namei.c */
struct dentry *daxfs_lookup_op(struct inode *dir, struct dentry *dentry,
			       unsigned int flags);

/* file.c: somebody reads it; what is wrong with it the read itself will say. */
void daxfs_note_access(struct daxfs_cx *cx, struct file *file);

/* mmap.c */
int daxfs_mmap(struct file *file, struct vm_area_struct *vma);
/* Called by the keeper: zap what others took out of mapped files. */
void daxfs_zap_changed(struct daxfs_sbi *sbi);
/*
 * This mount has taken [off, off+len) of the content away, or replaced it.
 * cows: the private copies that programs made of it go, too.
 */
void daxfs_zap(struct inode *inode, u64 off, u64 len, bool cows);
/* Everything of every file: this host was declared dead. */
void daxfs_zap_all(struct daxfs_sbi *sbi);
/*
 * Where there are branches: nothing is stored through mappings to what they show
 * until others may store again (it may fail: then the keeper tries again).
 */
void daxfs_stores_stop(struct daxfs_sbi *sbi);
/*
 * The same for a range of one file (len 0: to its end), whose pages are about to be
 * replaced by copies with other content: no fault comes in between.
 */
void daxfs_hold_faults(struct inode *inode, u64 off, u64 len);
void daxfs_let_faults(struct inode *inode);
/* Before inodes are evicted by umount: waits till no page of them is in use. */
void daxfs_map_stop(struct daxfs_sbi *sbi);
/* Stores through mappings so far: others are to notice them, and they are kept. */
int daxfs_mapped_stored(struct inode *inode);

/* branch.c; all that has to do with branches is nothing where there are none */

/*
 * Show the branch of the mount options. Last, so that who cannot mount has not been
 * there. 0, or an error that fc tells.
 */
int daxfs_show(struct daxfs_sbi *sbi, struct fs_context *fc);
/* Is what is shown still there? For calls that look at nothing else. 0, -ESTALE. */
int daxfs_check(struct daxfs_sbi *sbi);
/* The same; and -EROFS if it cannot be written to, for who opens it for that. */
int daxfs_check_open(const struct file *file);
bool daxfs_is_branch_ioctl(unsigned int cmd);
long daxfs_branch_ioctl(struct super_block *sb, unsigned int cmd, void __user *arg);

/* lock.c */
int daxfs_flock_op(struct file *file, int cmd, struct file_lock *fl);
int daxfs_lock_op(struct file *file, int cmd, struct file_lock *fl);

/* xattr.c */
extern const struct xattr_handler *daxfs_xattr_handlers[];
ssize_t daxfs_listxattr_op(struct dentry *dentry, char *buf, size_t size);
/* As inode_operations have them: get_acl before 6.2, get_inode_acl after. */
struct posix_acl *daxfs_get_acl_op(struct inode *inode, int type, bool rcu);
int daxfs_set_acl_op(struct mnt_idmap *idmap, struct daxfs_acl_of *of,
		     struct posix_acl *acl, int type);

/* ioctl.c, dmabuf.c */
long daxfs_ioctl(struct file *file, unsigned int cmd, unsigned long arg);
int daxfs_fileattr_get_op(struct dentry *dentry, struct file_kattr *fa);
int daxfs_fileattr_set_op(struct mnt_idmap *idmap, struct dentry *dentry,
			  struct file_kattr *fa);
/* A new descriptor of a dma-buf that is the region; or a negative errno. */
int daxfs_get_dmabuf(struct super_block *sb, int flags);

#endif
