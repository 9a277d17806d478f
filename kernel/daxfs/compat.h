/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What differs between kernels from 6.1 on, in one place.
 *
 * Notes: names are those of the newest kernel, emulated on older ones; where its
 * form cannot be written for both, the name begins with daxfs_. Each entry says
 * which version ends the need for it: when that is the oldest kernel that we
 * build for, the entry goes. Stable kernels take changes back, so Kbuild looks
 * for the things themselves in the headers and defines DAXFS_HAS_*.
 */
#ifndef DAXFS_COMPAT_H
#define DAXFS_COMPAT_H

#include <linux/blkdev.h>
#include <linux/dax.h>
#include <linux/dcache.h>
#include <linux/dma-buf.h>
#include <linux/fdtable.h>
#include <linux/file.h>
#include <linux/fileattr.h>
#include <linux/fs.h>
#include <linux/fs_context.h>
#include <linux/fs_parser.h>
#include <linux/memremap.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/namei.h>
#include <linux/posix_acl_xattr.h>
#include <linux/slab.h>
#include <linux/splice.h>
#include <linux/xattr.h>
#ifdef DAXFS_HAS_FILELOCK_H		/* 6.3 */
#include <linux/filelock.h>
#endif
#ifdef DAXFS_HAS_HEX_H			/* 6.4: before, in kernel.h */
#include <linux/hex.h>
#endif
#ifdef DAXFS_HAS_PFN_T			/* none from 6.17 on */
#include <linux/pfn_t.h>
#endif

/* ---- what a kernel has to have ---- */

#if !defined(CONFIG_DMA_SHARED_BUFFER) || !defined(CONFIG_FS_POSIX_ACL) || \
	!defined(CONFIG_TRANSPARENT_HUGEPAGE)
#error "daxfs needs CONFIG_DMA_SHARED_BUFFER, FS_POSIX_ACL and TRANSPARENT_HUGEPAGE"
#endif

/* Debian's 6.1 for arm64 has none: the mount option pages is refused there. */
#ifndef CONFIG_ZONE_DEVICE
static inline void *memremap_pages(struct dev_pagemap *pgmap, int nid)
{
	return ERR_PTR(-EOPNOTSUPP);
}

static inline void memunmap_pages(struct dev_pagemap *pgmap)
{
}
#endif

/* 6.18: before, with the pagemap that the caller has already. */
#ifdef DAXFS_HAS_PAGEMAP_BY_PFN
#define daxfs_pagemap_at(pfn)	get_dev_pagemap(pfn)
#else
#define daxfs_pagemap_at(pfn)	get_dev_pagemap(pfn, NULL)
#endif

/*
 * 6.8: before, the last user of a dentry that was used before does not see that it is
 * to be cached no more (d_mark_dontcache), unless told to look.
 */
static inline void daxfs_dentry_look_again(struct dentry *dentry)
{
	spin_lock(&dentry->d_lock);
	dentry->d_flags &= ~DCACHE_REFERENCED;
	spin_unlock(&dentry->d_lock);
}

/* ---- mounts that map owners ---- */

/* 6.3: before, operations were given a user namespace in its place. */
#ifndef DAXFS_HAS_MNT_IDMAP
#define mnt_idmap	user_namespace
#define nop_mnt_idmap	init_user_ns
#define file_mnt_idmap	file_mnt_user_ns
#endif

/* The owner that an attribute change asks for; no drift, but long to write. */
static inline kuid_t daxfs_attr_uid(struct mnt_idmap *idmap,
				    struct user_namespace *ns,
				    const struct iattr *attr)
{
	return from_vfsuid(idmap, ns, attr->ia_vfsuid);
}

static inline kgid_t daxfs_attr_gid(struct mnt_idmap *idmap,
				    struct user_namespace *ns,
				    const struct iattr *attr)
{
	return from_vfsgid(idmap, ns, attr->ia_vfsgid);
}

/* ---- inodes ---- */

/* 6.6: the mask of what is asked for. */
#ifdef DAXFS_HAS_FILLATTR_MASK
#define daxfs_fillattr(idmap, mask, inode, stat) \
	generic_fillattr(idmap, mask, inode, stat)
#else
#define daxfs_fillattr(idmap, mask, inode, stat) \
	generic_fillattr(idmap, inode, stat)
#endif

/* 6.6 */
#ifndef DAXFS_HAS_INODE_CTIME
static inline struct timespec64 inode_get_ctime(const struct inode *inode)
{
	return inode->i_ctime;
}

static inline struct timespec64 inode_set_ctime_to_ts(struct inode *inode,
						      struct timespec64 ts)
{
	inode->i_ctime = ts;
	return ts;
}
#endif

/* 6.7 */
#ifndef DAXFS_HAS_INODE_TIMES
static inline struct timespec64 inode_get_atime(const struct inode *inode)
{
	return inode->i_atime;
}

static inline struct timespec64 inode_set_atime_to_ts(struct inode *inode,
						      struct timespec64 ts)
{
	inode->i_atime = ts;
	return ts;
}

static inline struct timespec64 inode_get_mtime(const struct inode *inode)
{
	return inode->i_mtime;
}

static inline struct timespec64 inode_set_mtime_to_ts(struct inode *inode,
						      struct timespec64 ts)
{
	inode->i_mtime = ts;
	return ts;
}
#endif

/* 6.18: before, it was generic_delete_inode(). */
#ifndef DAXFS_HAS_JUST_DROP
#define inode_just_drop	generic_delete_inode
#endif

/* 6.19: i_state is looked at through functions. */
#ifndef DAXFS_HAS_INODE_STATE
#define inode_state_read_once(inode)	READ_ONCE((inode)->i_state)
#endif

static inline bool daxfs_inode_is_new(struct inode *inode)
{
	return inode_state_read_once(inode) & I_NEW;
}

/* 6.18 */
#ifndef DAXFS_HAS_ICOUNT_READ
static inline int icount_read(const struct inode *inode)
{
	return atomic_read(&inode->i_count);
}
#endif

/* 6.9: none any more; it never did much. */
#ifdef SLAB_MEM_SPREAD
#define DAXFS_SLAB_SPREAD	SLAB_MEM_SPREAD
#else
#define DAXFS_SLAB_SPREAD	0
#endif

/* 6.17 */
#ifdef DAXFS_HAS_DEFAULT_D_OP
#define daxfs_set_dentry_ops(sb, ops)	set_default_d_op(sb, ops)
#else
#define daxfs_set_dentry_ops(sb, ops)	((sb)->s_d_op = (ops))
#endif

/*
 * The descriptor of an option of fsparam_fd(). 6.6: before, fsconfig() did not put
 * its number where fs_parse() took it from; the file is right in all of them.
 */
static inline int daxfs_fd_is(const void *wanted, struct file *file, unsigned int fd)
{
	return file == wanted ? (int)fd + 1 : 0;
}

static inline u32 daxfs_param_fd(const struct fs_parameter *param,
				 const struct fs_parse_result *result)
{
	int fd = 0;

	if (param->type == fs_value_is_file)
		fd = iterate_fd(current->files, 0, daxfs_fd_is, param->file);
	return fd ? (u32)fd - 1 : result->uint_32;
}

/* 7.0: without an operation a file has no leases; before, it had local ones. */
#ifdef DAXFS_HAS_NOSETLEASE
#define daxfs_no_leases	simple_nosetlease
#else
#define daxfs_no_leases	NULL
#endif

/* ---- operations whose form has changed ---- */

/*
 * Defines op, of the form of d_revalidate, by
 * fn(struct inode *dir, const struct qstr *name, struct dentry *, flags).
 * 6.14 gave it dir and name; before, the dentry has them, and they may change
 * under an RCU walk: name is NULL there.
 */
#ifdef DAXFS_HAS_REVALIDATE_NAME
#define DAXFS_D_REVALIDATE(op, fn)					\
static int op(struct inode *dir, const struct qstr *name,		\
	      struct dentry *dentry, unsigned int flags)		\
{									\
	return fn(dir, name, dentry, flags);				\
}
#else
#define DAXFS_D_REVALIDATE(op, fn)					\
static int op(struct dentry *dentry, unsigned int flags)		\
{									\
	struct name_snapshot name;					\
	struct dentry *parent;						\
	struct inode *dir;						\
	int r;								\
									\
	if (flags & LOOKUP_RCU) {					\
		dir = d_inode_rcu(READ_ONCE(dentry->d_parent));		\
		return dir ? fn(dir, NULL, dentry, flags) : -ECHILD;	\
	}								\
	parent = dget_parent(dentry);					\
	take_dentry_name_snapshot(&name, dentry);			\
	r = fn(d_inode(parent), &name.name, dentry, flags);		\
	release_dentry_name_snapshot(&name);				\
	dput(parent);							\
	return r;							\
}
#endif

/*
 * Defines op, of the form of create, by
 * int fn(struct mnt_idmap *, struct inode *dir, struct dentry *, umode_t mode,
 * bool excl). 7.3: not told whether somebody may have made it meanwhile, so he may.
 */
#ifdef DAXFS_HAS_CREATE_EXCL
#define DAXFS_CREATE(op, fn)						\
static int op(struct mnt_idmap *idmap, struct inode *dir,		\
	      struct dentry *dentry, umode_t mode, bool excl)		\
{									\
	return fn(idmap, dir, dentry, mode, excl);			\
}
#else
#define DAXFS_CREATE(op, fn)						\
static int op(struct mnt_idmap *idmap, struct inode *dir,		\
	      struct dentry *dentry, umode_t mode)			\
{									\
	return fn(idmap, dir, dentry, mode, false);			\
}
#endif

/*
 * Defines op, of the form of mkdir, by
 * int fn(struct mnt_idmap *, struct inode *dir, struct dentry *, umode_t mode).
 * 6.15: a dentry, if it is another than the one given, or an error.
 */
#ifdef DAXFS_HAS_MKDIR_DENTRY
#define DAXFS_MKDIR(op, fn)						\
static struct dentry *op(struct mnt_idmap *idmap, struct inode *dir,	\
			 struct dentry *dentry, umode_t mode)		\
{									\
	return ERR_PTR(fn(idmap, dir, dentry, mode));			\
}
#else
#define DAXFS_MKDIR(op, fn)						\
static int op(struct mnt_idmap *idmap, struct inode *dir,		\
	      struct dentry *dentry, umode_t mode)			\
{									\
	return fn(idmap, dir, dentry, mode);				\
}
#endif

/*
 * Defines op, of the form of update_time, by
 * int fn(struct inode *inode, bool access). 7.0: what is to be updated; 6.6: before,
 * the time was given, too.
 */
#if defined(DAXFS_HAS_UPDATE_TYPE)
#define DAXFS_UPDATE_TIME(op, fn)					\
static int op(struct inode *inode, enum fs_update_time type,		\
	      unsigned int flags)					\
{									\
	return fn(inode, type == FS_UPD_ATIME);				\
}
#elif defined(DAXFS_HAS_UPDATE_NOW)
#define DAXFS_UPDATE_TIME(op, fn)					\
static int op(struct inode *inode, int flags)				\
{									\
	return fn(inode, flags & S_ATIME);				\
}
#else
#define DAXFS_UPDATE_TIME(op, fn)					\
static int op(struct inode *inode, struct timespec64 *now, int flags)	\
{									\
	return fn(inode, flags & S_ATIME);				\
}
#endif

/* 6.5; generic_file_splice_read() copies, too, where read_iter does. */
#ifndef DAXFS_HAS_COPY_SPLICE_READ
#define copy_splice_read	generic_file_splice_read
#endif

/* 6.17: before, struct fileattr. */
#ifndef DAXFS_HAS_FILE_KATTR
#define file_kattr	fileattr
#endif

/* 6.12 */
#ifndef fd_file
#define fd_file(f)	((f).file)
#endif

/* ---- access control lists ---- */

/*
 * 6.2: get_acl for RCU walks got that name; set_acl is given a dentry; lists are
 * no more read and set by handlers of extended attributes.
 */
#ifdef DAXFS_HAS_INODE_ACL
#define DAXFS_ACL_HANDLERS
#define daxfs_acl_of	dentry		/* struct daxfs_acl_of */
static inline struct inode *daxfs_acl_inode(struct dentry *of)
{
	return d_inode(of);
}
#else
#define DAXFS_ACL_HANDLERS	&posix_acl_access_xattr_handler,		\
				&posix_acl_default_xattr_handler,
#define get_inode_acl	get_acl
#define daxfs_acl_of	inode
static inline struct inode *daxfs_acl_inode(struct inode *of)
{
	return of;
}
#endif

/*
 * The value of the attribute that acl is, to be freed by kfree(); NULL: no
 * memory. Newer kernels allocate it themselves.
 */
#ifdef DAXFS_HAS_ACL_VALUE
static inline void *daxfs_acl_value(const struct posix_acl *acl, size_t *size)
{
	return posix_acl_to_xattr(&init_user_ns, acl, size, GFP_KERNEL);
}
#else
static inline void *daxfs_acl_value(const struct posix_acl *acl, size_t *size)
{
	void *value;

	*size = posix_acl_xattr_size(acl->a_count);
	value = kmalloc(*size, GFP_KERNEL);
	if (value && posix_acl_to_xattr(&init_user_ns, acl, value, *size) < 0) {
		kfree(value);
		value = NULL;
	}
	return value;
}
#endif

/* ---- file locks ---- */

/* 6.9: the members that flock and POSIX locks share with leases moved. */
#ifdef DAXFS_HAS_FLC
#define daxfs_flc(fl, member)	((fl)->c.flc_##member)
#else
#define daxfs_flc(fl, member)	((fl)->fl_##member)
#endif

/* ---- memory ---- */

/* 6.3 */
#ifndef DAXFS_HAS_VM_FLAGS_SET
static inline void vm_flags_set(struct vm_area_struct *vma, unsigned long flags)
{
	vma->vm_flags |= flags;
}

static inline void vm_flags_clear(struct vm_area_struct *vma, unsigned long flags)
{
	vma->vm_flags &= ~flags;
}
#endif

/* 7.2: before, zap_vma_ptes(). Of VM_PFNMAP alone. */
#ifndef DAXFS_HAS_ZAP_SPECIAL
#define zap_special_vma_range	zap_vma_ptes
#endif

/*
 * What vmf_insert_pfn_pmd() wants for 2 MiB of a device, and vmf_insert_mixed()
 * for a page frame that has a struct page of a device. 6.17: the number.
 * get_user_pages() takes the struct page of such an entry; where there is none it
 * fails on a huge one, and tries for ever on a small one: those have to be
 * daxfs_pfn_special(), on which it fails.
 */
#ifdef DAXFS_HAS_PFN_T
static inline pfn_t daxfs_pfn(unsigned long pfn)
{
	return __pfn_to_pfn_t(pfn, PFN_DEV | PFN_MAP);
}

static inline pfn_t daxfs_pfn_special(unsigned long pfn)
{
	return __pfn_to_pfn_t(pfn, PFN_DEV);
}
#else
#define daxfs_pfn(pfn)		(pfn)
#define daxfs_pfn_special(pfn)	(pfn)
#endif

/*
 * 6.5: before, madvise(2) with MADV_COLD or MADV_PAGEOUT takes an entry of 2 MiB of a
 * device for a damaged one and clears it without a flush. A program could go on seeing
 * what has left the file, so there such entries are not made.
 */
#ifdef DAXFS_HAS_PMD_UNSTABLE
#define daxfs_huge_is_safe	false
#else
#define daxfs_huge_is_safe	true
#endif

/* 6.4: before, there was but the lock of the whole address space. */
#ifndef DAXFS_HAS_FAULT_LOCK
static inline void release_fault_lock(struct vm_fault *vmf)
{
	mmap_read_unlock(vmf->vma->vm_mm);
}
#endif

/* 6.7: before, without a mapping, whose shadow stacks we have none of. */
#ifdef DAXFS_HAS_MKWRITE_NOVMA
#define daxfs_pte_mkwrite(pte)	pte_mkwrite_novma(pte)
#else
#define daxfs_pte_mkwrite(pte)	pte_mkwrite(pte)
#endif

/* 6.6 */
#ifdef DAXFS_HAS_PTEP_GET
#define daxfs_ptep_get(pte)	ptep_get(pte)
#else
#define daxfs_ptep_get(pte)	READ_ONCE(*(pte))
#endif

/* 6.8 */
#ifndef PMD_ORDER
#define PMD_ORDER	(PMD_SHIFT - PAGE_SHIFT)
#endif

/*
 * Defines op, of the form of huge_fault, by
 * vm_fault_t fn(struct vm_fault *, unsigned int order). 6.6: the order.
 */
#ifdef DAXFS_HAS_FAULT_ORDER
#define DAXFS_HUGE_FAULT(op, fn)					\
static vm_fault_t op(struct vm_fault *vmf, unsigned int order)		\
{									\
	return fn(vmf, order);						\
}
#else
#define DAXFS_HUGE_FAULT(op, fn)					\
static vm_fault_t op(struct vm_fault *vmf, enum page_entry_size size)	\
{									\
	switch (size) {							\
	case PE_SIZE_PTE:						\
		return fn(vmf, 0);					\
	case PE_SIZE_PMD:						\
		return fn(vmf, PMD_ORDER);				\
	default:							\
		return VM_FAULT_FALLBACK;				\
	}								\
}
#endif

/* ---- devices ---- */

/*
 * A block device as its own file, for nobody else to open exclusively; no
 * drift, unlike what blkdev_get_by_path() has become.
 */
static inline int daxfs_bdev_open(const char *path, struct file **file)
{
	*file = filp_open(path, O_RDWR | O_EXCL | O_LARGEFILE, 0);
	if (IS_ERR(*file))
		return PTR_ERR(*file);
	if (S_ISBLK(file_inode(*file)->i_mode))
		return 0;
	fput(*file);
	return -ENOTBLK;
}

static inline struct block_device *daxfs_bdev_of(const struct file *file)
{
	return I_BDEV(file->f_mapping->host);
}

static inline void daxfs_bdev_close(struct file *file)
{
	filp_close(file, NULL);
}

static inline struct dax_device *daxfs_dax_get(struct block_device *bdev, u64 *start)
{
	return fs_dax_get_by_bdev(bdev, start, NULL, NULL);
}

/* 6.17: the number of the page frame; before, with what is known of it. */
#ifdef DAXFS_HAS_PFN_T
#define daxfs_dax_pfn		pfn_t
#define daxfs_dax_phys(pfn)	pfn_t_to_phys(pfn)
#define daxfs_dax_pages(pfn)	pfn_t_devmap(pfn)
#else
#define daxfs_dax_pfn		unsigned long
#define daxfs_dax_phys(pfn)	PFN_PHYS(pfn)
#define daxfs_dax_pages(pfn)	pfn_valid(pfn)
#endif

/*
 * As dax_direct_access(); phys is what the memory begins at, pages whether each
 * frame has a struct page.
 */
static inline long daxfs_dax_access(struct dax_device *dax, pgoff_t pgoff, long nr,
				    void **base, u64 *phys, bool *pages)
{
	daxfs_dax_pfn pfn;
	long got = dax_direct_access(dax, pgoff, nr, DAX_ACCESS, base, &pfn);

	if (got > 0) {
		*phys = daxfs_dax_phys(pfn);
		*pages = daxfs_dax_pages(pfn);
	}
	return got;
}

/* 6.2: before, dma_buf_vmap() took the lock of the buffer itself. */
#ifdef DAXFS_HAS_VMAP_UNLOCKED
#define daxfs_dmabuf_vmap	dma_buf_vmap_unlocked
#define daxfs_dmabuf_vunmap	dma_buf_vunmap_unlocked
#else
#define daxfs_dmabuf_vmap	dma_buf_vmap
#define daxfs_dmabuf_vunmap	dma_buf_vunmap
#endif

/* 6.13: before, a bare word. */
#ifndef DAXFS_HAS_IMPORT_STRING
#undef MODULE_IMPORT_NS
#define MODULE_IMPORT_NS(ns)	MODULE_INFO(import_ns, ns)
#endif

#endif
