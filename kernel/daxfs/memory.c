// SPDX-License-Identifier: GPL-2.0-only
/*
 * The memory that a mount names, mapped into the kernel.
 *
 * Notes: all kinds are mapped write-back cached, as other hosts map them: the
 * hardware keeps them coherent. What is ordinary memory of this kernel is
 * refused as a physical range, because somebody else uses it. The address of a
 * range is told to nobody but who gave it.
 */
#include <linux/blkdev.h>
#include <linux/dax.h>
#include <linux/dma-buf.h>
#include <linux/fs_context.h>
#include <linux/io.h>
#include <linux/ioport.h>
#include <linux/memremap.h>
#include <linux/vmalloc.h>

#include "daxfs.h"

MODULE_IMPORT_NS("DMA_BUF");

/* ---- a range of physical addresses ---- */

/* A wrong option is no fault of the kernel, and memremap_pages() would warn of one. */
static int may_map_pages(const struct daxfs_mem *mem, struct fs_context *fc)
{
	struct dev_pagemap *other;

	if (!IS_ALIGNED(mem->phys | mem->len, memremap_compat_align())) {
		errorf(fc, "daxfs: struct pages need multiples of %lu: align, or drop pages",
		       memremap_compat_align());
		return -EINVAL;
	}
	other = daxfs_pagemap_at(PHYS_PFN(mem->phys));
	if (!other)
		other = daxfs_pagemap_at(PHYS_PFN(mem->phys + mem->len - 1));
	if (!other)
		return 0;
	put_dev_pagemap(other);
	errorf(fc, "daxfs: the range has struct pages already: drop pages");
	return -EBUSY;
}

static void *map_pages(struct daxfs_mem *mem, struct fs_context *fc)
{
	struct dev_pagemap *pgmap;
	void *base;
	int r = may_map_pages(mem, fc);

	if (r)
		return ERR_PTR(r);
	pgmap = kzalloc(sizeof(*pgmap), GFP_KERNEL);
	if (!pgmap)
		return ERR_PTR(-ENOMEM);
	pgmap->type = MEMORY_DEVICE_GENERIC;
	pgmap->range.start = mem->phys;
	pgmap->range.end = mem->phys + mem->len - 1;
	pgmap->nr_range = 1;
	base = memremap_pages(pgmap, NUMA_NO_NODE);
	if (IS_ERR(base)) {
		errorf(fc, "daxfs: no struct pages (error %ld): drop the option pages",
		       PTR_ERR(base));
		kfree(pgmap);
		return base;
	}
	mem->priv = pgmap;
	mem->has_pages = true;
	return base;
}

static int open_phys(struct daxfs_mem *mem, const struct daxfs_mem_opts *opts,
		     struct fs_context *fc)
{
	void *base;

	if (!opts->size || !PAGE_ALIGNED(opts->phys) || !PAGE_ALIGNED(opts->size) ||
	    opts->phys + opts->size < opts->phys)
		return invalf(fc, "daxfs: phys=ADDRESS needs size=SIZE, both multiples of 4096");
	if (opts->phys + opts->size - 1 > iomem_resource.end) {
		errorf(fc, "daxfs: that range is beyond all addresses of this machine");
		return -ENXIO;	/* memremap() would warn */
	}
	if (region_intersects(opts->phys, opts->size, IORESOURCE_SYSTEM_RAM,
			      IORES_DESC_NONE) != REGION_DISJOINT) {
		errorf(fc, "daxfs: this kernel uses that range: reserve it (memmap=SIZE$ADDR)");
		return -EBUSY;
	}
	mem->kind = DAXFS_MEM_PHYS;
	mem->phys = opts->phys;
	mem->len = opts->size;
	if (opts->pages)
		base = map_pages(mem, fc);
	else
		base = memremap(mem->phys, mem->len, MEMREMAP_WB);
	if (IS_ERR(base))
		return PTR_ERR(base);
	if (!base) {
		errorf(fc, "daxfs: the kernel could not map the range: has it too little memory?");
		return -ENOMEM;
	}
	mem->base = base;
	return 0;
}

static void close_phys(struct daxfs_mem *mem)
{
	if (mem->priv) {
		memunmap_pages(mem->priv);
		kfree(mem->priv);
	} else {
		memunmap(mem->base);
	}
}

/* ---- a block device with direct access ---- */

struct daxfs_pmem {
	struct file *file;
	struct dax_device *dax;
};

static int map_dax(struct daxfs_mem *mem, struct daxfs_pmem *pm, u64 start,
		   struct fs_context *fc)
{
	long want = (long)(mem->len >> PAGE_SHIFT), got;
	int id = dax_read_lock();

	got = daxfs_dax_access(pm->dax, start >> PAGE_SHIFT, want, &mem->base,
			       &mem->phys, &mem->has_pages);
	dax_read_unlock(id);
	if (got == want)
		return 0;
	mem->base = NULL;
	errorf(fc, "daxfs: the device does not give all of its memory in one piece");
	return got < 0 ? (int)got : -ENXIO;
}

static int open_pmem(struct daxfs_mem *mem, const struct daxfs_mem_opts *opts,
		     struct fs_context *fc)
{
	struct daxfs_pmem *pm = kzalloc(sizeof(*pm), GFP_KERNEL);
	u64 start = 0;
	int r;

	if (!pm)
		return -ENOMEM;
	r = daxfs_bdev_open(opts->dev, &pm->file);
	if (r) {
		errorf(fc, "daxfs: %s: no block device (error %d); for daxX.Y see mount.daxfs",
		       opts->dev, r);
		goto out_free;
	}
	r = -EOPNOTSUPP;
	pm->dax = daxfs_dax_get(daxfs_bdev_of(pm->file), &start);
	if (!pm->dax) {
		errorf(fc, "daxfs: %s has no direct access", opts->dev);
		goto out_close;
	}
	mem->kind = DAXFS_MEM_PMEM;
	mem->len = bdev_nr_bytes(daxfs_bdev_of(pm->file)) & PAGE_MASK;
	r = map_dax(mem, pm, start, fc);
	if (r)
		goto out_put;
	mem->priv = pm;
	return 0;
out_put:
	fs_put_dax(pm->dax, NULL);
out_close:
	daxfs_bdev_close(pm->file);
out_free:
	kfree(pm);
	return r;
}

static void close_pmem(struct daxfs_mem *mem)
{
	struct daxfs_pmem *pm = mem->priv;

	fs_put_dax(pm->dax, NULL);
	daxfs_bdev_close(pm->file);
	kfree(pm);
}

/* ---- a dma-buf ---- */

static int open_dmabuf(struct daxfs_mem *mem, const struct daxfs_mem_opts *opts,
		       struct fs_context *fc)
{
	struct iosys_map map;
	int r = daxfs_dmabuf_vmap(opts->dmabuf, &map);

	if (!r && map.is_iomem) {
		daxfs_dmabuf_vunmap(opts->dmabuf, &map);
		r = -EOPNOTSUPP;
	}
	if (r) {
		errorf(fc, "daxfs: the dma-buf cannot be mapped as memory (error %d)", r);
		return r;
	}
	mem->kind = DAXFS_MEM_DMABUF;
	mem->base = map.vaddr;
	mem->len = opts->dmabuf->size;
	get_dma_buf(opts->dmabuf);
	mem->dmabuf = opts->dmabuf;
	return 0;
}

static void close_dmabuf(struct daxfs_mem *mem)
{
	struct iosys_map map = IOSYS_MAP_INIT_VADDR(mem->base);

	daxfs_dmabuf_vunmap(mem->dmabuf, &map);
	dma_buf_put(mem->dmabuf);
}

/* ---- all of them ---- */

int daxfs_mem_open(struct daxfs_mem *mem, const struct daxfs_mem_opts *opts,
		   struct fs_context *fc)
{
	int r;

	memset(mem, 0, sizeof(*mem));
	if (!!opts->dmabuf + !!opts->dev + opts->has_phys != 1)
		return invalf(fc, "daxfs: name one memory: phys=,size= or dev= or dmabuf");
	if (opts->pages && !opts->has_phys)
		return invalf(fc, "daxfs: the option pages is for phys= alone");
	if (opts->dmabuf)
		r = open_dmabuf(mem, opts, fc);
	else if (opts->dev)
		r = open_pmem(mem, opts, fc);
	else
		r = open_phys(mem, opts, fc);
	if (!r && opts->size && opts->size < mem->len)
		mem->len = opts->size;
	return r;
}

void daxfs_mem_close(struct daxfs_mem *mem)
{
	if (!mem->base)
		return;
	switch (mem->kind) {
	case DAXFS_MEM_PHYS:
		close_phys(mem);
		break;
	case DAXFS_MEM_PMEM:
		close_pmem(mem);
		break;
	case DAXFS_MEM_DMABUF:
		close_dmabuf(mem);
		break;
	}
	mem->base = NULL;
}

unsigned long daxfs_mem_pfn(const struct daxfs_mem *mem, u64 off)
{
	const void *at = mem->base + off;

	if (mem->kind != DAXFS_MEM_DMABUF)
		return PHYS_PFN(mem->phys + off);
	return is_vmalloc_addr(at) ? vmalloc_to_pfn(at) : PHYS_PFN(virt_to_phys((void *)at));
}

bool daxfs_mem_in_use(const struct daxfs_mem *mem, u64 off)
{
	if (!mem->has_pages)
		return false;
	/* The first is of no file: it has the device's own references, if there are any. */
	return page_ref_count(pfn_to_page(daxfs_mem_pfn(mem, off))) >
	       page_ref_count(pfn_to_page(daxfs_mem_pfn(mem, 0)));
}

bool daxfs_mem_pinned(const struct daxfs_mem *mem)
{
	u64 off;

	if (!mem->has_pages)
		return false;
	for (off = 0; off < mem->len; off += PAGE_SIZE) {
		if (daxfs_mem_in_use(mem, off))
			return true;
		if (!(off & (SZ_16M - 1)))
			cond_resched();
	}
	return false;
}
