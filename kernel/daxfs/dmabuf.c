// SPDX-License-Identifier: GPL-2.0-only
/*
 * The region as a dma-buf, for programs and drivers that may see all of it.
 *
 * Notes: a mount of a dma-buf gives that one again. Of other memory a new one is
 * made, which holds the memory and not the mount: it can be unmounted, the host
 * leaves the region then, and the memory stays mapped until the dma-buf is
 * released. It can be mapped by programs (shared, as many pages as a fault finds
 * in 2 MiB) and by the kernel in any case, and be attached to devices if the
 * memory has struct pages. Nothing keeps its users away from what files of the
 * region are doing: hence the right that the ioctl asks for.
 */
#include <linux/dma-buf.h>
#include <linux/dma-mapping.h>
#include <linux/iosys-map.h>
#include <linux/mm.h>
#include <linux/scatterlist.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "daxfs.h"

#define SG_MAX	SZ_1G		/* bytes of an entry: its length has 32 bits */

static struct daxfs_sbi *sbi_of(const struct dma_buf *buf)
{
	return buf->priv;
}

/* ---- devices ---- */

static int export_attach(struct dma_buf *buf, struct dma_buf_attachment *attach)
{
	return sbi_of(buf)->mem.has_pages ? 0 : -EOPNOTSUPP;
}

static void fill_sg(const struct daxfs_mem *mem, struct sg_table *sgt)
{
	struct scatterlist *sg;
	u64 at = 0;
	int i;

	for_each_sgtable_sg(sgt, sg, i) {
		u64 len = min_t(u64, mem->len - at, SG_MAX);

		sg_set_page(sg, pfn_to_page(daxfs_mem_pfn(mem, at)),
			    (unsigned int)len, 0);
		at += len;
	}
}

static struct sg_table *export_map(struct dma_buf_attachment *attach,
				   enum dma_data_direction dir)
{
	const struct daxfs_mem *mem = &sbi_of(attach->dmabuf)->mem;
	struct sg_table *sgt = kzalloc(sizeof(*sgt), GFP_KERNEL);
	int r;

	if (!sgt)
		return ERR_PTR(-ENOMEM);
	r = sg_alloc_table(sgt, (unsigned int)DIV_ROUND_UP_ULL(mem->len, SG_MAX),
			   GFP_KERNEL);
	if (r)
		goto out_free;
	fill_sg(mem, sgt);
	r = dma_map_sgtable(attach->dev, sgt, dir, 0);
	if (!r)
		return sgt;
	sg_free_table(sgt);
out_free:
	kfree(sgt);
	return ERR_PTR(r);
}

static void export_unmap(struct dma_buf_attachment *attach, struct sg_table *sgt,
			 enum dma_data_direction dir)
{
	dma_unmap_sgtable(attach->dev, sgt, dir, 0);
	sg_free_table(sgt);
	kfree(sgt);
}

/* ---- programs ---- */

/* The page that was asked for, and what follows it to the end of its 2 MiB. */
static vm_fault_t export_fault(struct vm_fault *vmf)
{
	struct vm_area_struct *vma = vmf->vma;
	const struct daxfs_mem *mem = &((struct daxfs_sbi *)vma->vm_private_data)->mem;
	unsigned long addr = vmf->address & PAGE_MASK, first = addr;
	unsigned long end = min(vma->vm_end, (addr & PMD_MASK) + PMD_SIZE);
	u64 off = (u64)vmf->pgoff << PAGE_SHIFT;
	vm_fault_t ret = VM_FAULT_NOPAGE;

	if (off >= mem->len)
		return VM_FAULT_SIGBUS;
	for (; addr < end && off < mem->len && ret == VM_FAULT_NOPAGE;
	     addr += PAGE_SIZE, off += PAGE_SIZE)
		ret = vmf_insert_pfn(vma, addr, daxfs_mem_pfn(mem, off));
	/* What is behind the first page is tried again when it is asked for. */
	return addr > first + PAGE_SIZE ? VM_FAULT_NOPAGE : ret;
}

static const struct vm_operations_struct export_vm_ops = {
	.fault	= export_fault,
};

/* Private ones would have copies beside entries without struct pages. */
static int export_mmap(struct dma_buf *buf, struct vm_area_struct *vma)
{
	if ((vma->vm_flags & (VM_SHARED | VM_MAYWRITE)) == VM_MAYWRITE)
		return -EINVAL;
	vm_flags_set(vma, VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP);
	vma->vm_private_data = sbi_of(buf);
	vma->vm_ops = &export_vm_ops;
	return 0;
}

/* ---- the kernel ---- */

static int export_vmap(struct dma_buf *buf, struct iosys_map *map)
{
	iosys_map_set_vaddr(map, sbi_of(buf)->mem.base);
	return 0;
}

static void export_release(struct dma_buf *buf)
{
	daxfs_sbi_put(sbi_of(buf));
}

static const struct dma_buf_ops export_ops = {
	.attach		= export_attach,
	.map_dma_buf	= export_map,
	.unmap_dma_buf	= export_unmap,
	.mmap		= export_mmap,
	.vmap		= export_vmap,
	.release	= export_release,
};

/* ---- making one ---- */

static struct dma_buf *export(struct super_block *sb)
{
	DEFINE_DMA_BUF_EXPORT_INFO(info);
	struct daxfs_sbi *sbi = daxfs_sbi(sb);
	struct dma_buf *buf;

	info.ops = &export_ops;
	info.size = sbi->mem.len;
	info.flags = sb_rdonly(sb) ? O_RDONLY : O_RDWR;
	info.priv = sbi;
	refcount_inc(&sbi->users);
	buf = dma_buf_export(&info);
	if (IS_ERR(buf))
		daxfs_sbi_put(sbi);
	return buf;
}

int daxfs_get_dmabuf(struct super_block *sb, int flags)
{
	struct dma_buf *buf = daxfs_sbi(sb)->mem.dmabuf;
	int fd;

	if (buf)
		get_dma_buf(buf);
	else
		buf = export(sb);
	if (IS_ERR(buf))
		return PTR_ERR(buf);
	fd = dma_buf_fd(buf, flags);
	if (fd < 0)
		dma_buf_put(buf);
	return fd;
}
