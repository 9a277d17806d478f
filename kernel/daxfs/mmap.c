// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mapped files: page-table entries that lead to the region.
 *
 * Notes: a page that leaves a file is kept by its host for as long as a kernel
 * may map it: until the kernel's map_epoch has passed the epoch of its leaving.
 * The keeper raises ours, a round at a time: it takes the region's epoch G, then
 * looks at each mapped file and zaps it if its change counter moved since the
 * last look, then says G-1. That is enough: who takes a page away raises the
 * counter in the section in which he retired the page, and while he is in it, G
 * is at most one more than when he entered; so what he retired is not below G-1
 * before his raise could be seen.
 *
 * A fault looks a page up and enters it under the mapping's invalidate_lock,
 * shared; the keeper looks and zaps under it, exclusive. So what a fault has
 * found is either entered before the keeper zaps, or found after his look, when
 * its leaving has still to be told. What this mount takes away itself it zaps at
 * once (daxfs_zap).
 *
 * Only an inode with a copy in the overlay has a bit that says that it is mapped
 * (daxfs_map_begin). A file that is in the base image alone gets it before the
 * first page of the overlay is entered; pages of the base never leave. Where there
 * are branches it may get another copy, in a layer above, and that gets the bit in
 * the same way.
 *
 * Where there are branches the keeper looks whether main has moved, too, or the branch
 * has another top: then all is zapped. Memory of a layer that has ended is retired after
 * that, so the same epoch tells when it may be reused. Of a branch that has ended each file
 * says ESTALE: it is zapped, and whoever touches it gets SIGBUS.
 *
 * Entries are VM_MIXEDMAP. Those of a page are devmap if the memory has a device's
 * struct pages, which get_user_pages() then finds, else special, and it fails; it
 * would look for a devmap page without one for ever. Entries of 2 MiB are for memory
 * with struct pages alone, and for kernels that know them everywhere
 * (daxfs_huge_is_safe): for others there is no safe form. GUP takes a special one for
 * ordinary memory, /proc/PID/pagemap and clear_refs look at the struct page of a devmap
 * one, and where a driver has some (devdax) GUP takes those, which nobody here would
 * know.
 *
 * Where there are branches a page is stored to only if it is one of the branch's own
 * layer, and that must not freeze meanwhile: so the mount says to the region that it
 * has entries to store through (core/stores.c) before it makes one, and makes it
 * itself, under store_sem: what the kernel made behind daxfs_pfn_mkwrite() might come
 * after an end of stores. Such an end takes all of them away; the keeper
 * makes one when somebody wants to freeze, and a request of this mount before it does.
 * (Whether the kernel takes an entry for the one that it knew, an end and a look
 * at the page in between, cannot be told by the entry.)
 *
 * Each first store to a page gives the file a page of its own. The counter rises at
 * that and, as long as such entries are there, at each round, for those who keep
 * copies.
 */
#include <linux/delay.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/slab.h>
#include <linux/xarray.h>

#include "daxfs.h"

#define AROUND		512u	/* entries that one fault makes, at most */
#define AROUND_AWAY	16u	/* the same, of pages in the cache */
#define LET_AGAIN	HZ	/* between tries to let pages go */
#define ASKED_LONG	(HZ / 5)	/* who asks for longer may have stopped */
#define UNUSED_MS	20u	/* between looks whether pages are in use */

struct daxfs_mapped {		/* an inode that is mapped; in sbi->mapped */
	struct list_head list;
	struct inode *inode;	/* held by the mappings, or by a reference of ours */
	u32 nr;			/* mappings; 0: it lingers; sbi->map_lock */
	u64 marked;		/* inode_off of what its bit in the region is set in */
	bool stored;		/* there are entries to store through */
	u64 seen;		/* change counter at the keeper's last look */
	struct xarray pages;	/* of backing files that there are entries for */
};

/* ---- beginning and ending ---- */

/*
 * A look at all pages, which may be many: it takes a fiftieth of the keeper's time
 * at most. Between looks the answer is yes, and memory waits.
 */
static bool is_pinned(struct daxfs_sbi *sbi)
{
	ktime_t start = ktime_get();
	bool pinned;

	if (!sbi->mem.has_pages)
		return false;
	if (ktime_before(start, sbi->pin_look))
		return true;
	pinned = daxfs_mem_pinned(&sbi->mem);
	sbi->pin_look = ktime_add(start, 50 * ktime_sub(ktime_get(), start));
	return pinned;
}

/* What others may reuse. Caller has map_lock. */
static void show_epoch(struct daxfs_sbi *sbi, u64 epoch)
{
	daxfs_map_epoch(&sbi->rg, epoch);
	WRITE_ONCE(sbi->map_shown, epoch != 0);
}

/* Its bit in the region, once there is a word for it. */
static int mark(struct daxfs_mapped *m, struct daxfs_cx *cx, u64 *epoch)
{
	struct daxfs_file *f = daxfs_file_of(m->inode);
	int r = daxfs_map_begin(cx, f, epoch);

	if (!r)
		WRITE_ONCE(m->marked, a64_load_relaxed(&f->inode_off));
	return r;
}

/*
 * All that there is to know of a file to be mapped. Of a branch that has ended
 * nothing is: each touch of a mapping will say so.
 */
static s64 begin(struct daxfs_sbi *sbi, struct daxfs_mapped *m, struct daxfs_cx *cx,
		 u64 *epoch)
{
	struct daxfs_host_info info = { .epoch = 0 };
	struct daxfs_stat st = { .change = 0 };
	int r = mark(m, cx, epoch);

	if (!r && list_empty(&sbi->mapped))
		show_epoch(sbi, *epoch);
	if (!r)
		r = daxfs_fgetattr(cx, daxfs_file_of(m->inode), &st);
	if (r == -ESTALE && sbi->branching &&
	    !daxfs_host_info(&sbi->rg, sbi->rg.host, &info)) {
		if (list_empty(&sbi->mapped))
			show_epoch(sbi, info.epoch);
		r = daxfs_host_check(&sbi->rg);
	}
	m->seen = st.change;
	return r;
}

/* The first mapping of an inode. Caller has map_lock. */
static int map_first(struct daxfs_sbi *sbi, struct inode *inode)
{
	struct daxfs_mapped *m = kzalloc(sizeof(*m), GFP_KERNEL);
	struct daxfs_cx *cx;
	u64 epoch;
	s64 r;

	if (!m)
		return -ENOMEM;
	m->inode = inode;
	m->nr = 1;
	xa_init(&m->pages);
	cx = daxfs_begin(sbi);
	r = daxfs_end(sbi, cx, begin(sbi, m, cx, &epoch));
	if (r) {
		if (list_empty(&sbi->mapped))
			show_epoch(sbi, 0);
		kfree(m);
		return (int)r;
	}
	list_add(&m->list, &sbi->mapped);
	daxfs_i(inode)->mapped = m;
	wake_up_process(sbi->keeper);
	return 0;
}

/* Mapped again: one that lingers needs no reference to its inode any more. */
static void map_more(struct daxfs_mapped *m)
{
	if (!m->nr++)
		iput(m->inode);
}

static int map_get(struct inode *inode)
{
	struct daxfs_sbi *sbi = daxfs_sbi_of(inode);
	int r = 0;

	if (sbi->constant)
		return 0;
	mutex_lock(&sbi->map_lock);
	if (daxfs_i(inode)->mapped)
		map_more(daxfs_i(inode)->mapped);
	else
		r = map_first(sbi, inode);
	mutex_unlock(&sbi->map_lock);
	return r;
}

static void stop_stores(struct daxfs_sbi *sbi);

/* Nobody has the inode mapped, or a page of it. Caller has map_lock. */
static void forget(struct daxfs_sbi *sbi, struct daxfs_mapped *m)
{
	struct inode *inode = m->inode;
	struct daxfs_cx *cx = daxfs_begin(sbi);

	if (m->stored)
		daxfs_stored(cx, daxfs_file_of(inode), 0, NULL);
	daxfs_map_end(cx, daxfs_file_of(inode));
	daxfs_pages_let(sbi, cx, &m->pages, true);
	daxfs_end(sbi, cx, 0);
	daxfs_i(inode)->mapped = NULL;
	list_del(&m->list);
	if (list_empty(&sbi->mapped)) {
		if (sbi->stores)
			stop_stores(sbi);
		show_epoch(sbi, 0);
	}
	kfree(m);
}

/*
 * With struct pages a transfer may go on behind the last mapping: then the inode
 * lingers, until the keeper has seen that no page is in use.
 */
static void map_put(struct inode *inode)
{
	struct daxfs_sbi *sbi = daxfs_sbi_of(inode);
	struct daxfs_mapped *m = daxfs_i(inode)->mapped;

	if (sbi->constant)
		return;
	mutex_lock(&sbi->map_lock);
	if (!--m->nr) {
		if (sbi->mem.has_pages)
			ihold(inode);
		else
			forget(sbi, m);
	}
	mutex_unlock(&sbi->map_lock);
}

/* Caller has map_lock, and has seen that no page is in use. */
static void forget_unused(struct daxfs_sbi *sbi)
{
	struct daxfs_mapped *m, *next;

	list_for_each_entry_safe(m, next, &sbi->mapped, list) {
		struct inode *inode = m->inode;

		if (m->nr)
			continue;
		forget(sbi, m);
		iput(inode);
	}
}

void daxfs_map_stop(struct daxfs_sbi *sbi)
{
	if (list_empty(&sbi->mapped))
		return;
	if (daxfs_mem_pinned(&sbi->mem))
		pr_info("daxfs: %s: umount waits for pages of files that are still in use\n",
			sbi->sb->s_id);
	while (daxfs_mem_pinned(&sbi->mem) && !READ_ONCE(sbi->dead))
		msleep(UNUSED_MS);
	mutex_lock(&sbi->map_lock);
	forget_unused(sbi);
	mutex_unlock(&sbi->map_lock);
}

/* ---- what a fault finds ---- */

struct found {
	struct daxfs_run run;	/* of the file, from the wanted byte on */
	bool own;		/* a page of the overlay */
	bool replaced;		/* made now, in the place of what was there */
};

static int look(struct daxfs_sbi *sbi, struct daxfs_cx *cx, struct daxfs_file *f,
		u64 off, u64 len, struct found *fd)
{
	const struct daxfs_span *pool = &sbi->rg.area[DAXFS_AREA_POOL];
	int nr = daxfs_runs(cx, f, off, len, &fd->run, 1);

	if (nr <= 0)
		return nr < 0 ? nr : -ENXIO;	/* behind the end */
	fd->own = !fd->run.away && fd->run.off >= pool->off &&
		  fd->run.off - pool->off < pool->len;
	return 0;
}

static bool is_same_place(const struct daxfs_run *a, const struct daxfs_run *b)
{
	return a->off == b->off && a->away == b->away;
}

/*
 * The page at off and what follows it up to len. own: it is to be one of the
 * file's own. -EREMOTE: need says which page of a backing file that takes.
 */
static int find(struct inode *inode, u64 off, u64 len, bool own, struct found *fd,
		struct daxfs_need *need)
{
	struct daxfs_mapped *m = daxfs_i(inode)->mapped;
	struct daxfs_sbi *sbi = daxfs_sbi_of(inode);
	struct daxfs_file *f = daxfs_file_of(inode);
	struct daxfs_cx *cx = daxfs_begin_needing(sbi, need);
	struct daxfs_run before;
	u64 epoch;
	int r = look(sbi, cx, f, off, len, fd);

	fd->replaced = false;
	before = fd->run;
	/* In branches a page of the overlay may be that of a lower layer. */
	if (!r && own && (!fd->own || sbi->branching)) {
		r = daxfs_fallocate(cx, f, DAXFS_KEEP_SIZE, off, PAGE_SIZE);
		if (!r)
			r = look(sbi, cx, f, off, PAGE_SIZE, fd);
		fd->replaced = !is_same_place(&fd->run, &before);
	}
	if (!r && fd->own && READ_ONCE(m->marked) != a64_load_relaxed(&f->inode_off)) {
		r = mark(m, cx, &epoch);
		if (!r)
			r = look(sbi, cx, f, off, own ? PAGE_SIZE : len, fd);
	}
	if (!r && own && !fd->own)
		r = -EAGAIN;		/* a hole was made there meanwhile */
	return (int)daxfs_end_needing(sbi, cx, r, need);
}

/* An entry is about to be there that can be stored through. */
static int note_store(struct inode *inode)
{
	struct daxfs_sbi *sbi = daxfs_sbi_of(inode);
	struct daxfs_cx *cx = daxfs_begin(sbi);

	WRITE_ONCE(daxfs_i(inode)->mapped->stored, true);
	return (int)daxfs_end(sbi, cx, daxfs_stored(cx, daxfs_file_of(inode), 1, NULL));
}

static vm_fault_t fault_of(int r)
{
	switch (r) {
	case 0:
		return VM_FAULT_NOPAGE;
	case -EAGAIN:
	case -EBUSY:
		return VM_FAULT_NOPAGE;		/* and again */
	case -ENOMEM:
		return VM_FAULT_OOM;
	default:
		return VM_FAULT_SIGBUS;		/* no space, behind the end, gone */
	}
}

/* ---- entries ---- */

/*
 * For reading: a store faults once more, see daxfs_pfn_mkwrite(). devmap where
 * there is a struct page of a device to be found, and nowhere else.
 */
static vm_fault_t insert_pfn(struct vm_fault *vmf, unsigned long addr,
			     const struct daxfs_sbi *sbi, unsigned long pfn, bool in_region)
{
	return vmf_insert_mixed(vmf->vma, addr, in_region && sbi->mem.has_pages ?
				daxfs_pfn(pfn) : daxfs_pfn_special(pfn));
}

static vm_fault_t insert(struct vm_fault *vmf, unsigned long addr,
			 const struct daxfs_sbi *sbi, u64 off)
{
	return insert_pfn(vmf, addr, sbi, off ? daxfs_mem_pfn(&sbi->mem, off) :
			  page_to_pfn(ZERO_PAGE(addr)), off);
}

/* The pages behind the one that was asked for: as many as the run has. */
static void insert_around(struct vm_fault *vmf, const struct daxfs_sbi *sbi,
			  const struct daxfs_run *run)
{
	unsigned long addr = vmf->address & PAGE_MASK;
	unsigned long end = min(vmf->vma->vm_end, (addr & PMD_MASK) + PMD_SIZE);
	u64 at;

	for (at = PAGE_SIZE; at < run->len && addr + at < end; at += PAGE_SIZE)
		if (insert(vmf, addr + at, sbi, run->off ? run->off + at : 0) !=
		    VM_FAULT_NOPAGE)
			break;
}

/*
 * For that page alone, if the entry is as it was: else the store comes again. The table is
 * there for as long as this fault has its mapping locked. Of what the kernel exports, nothing
 * that every version has leaves an entry alone that has become another one.
 */
static void open_entry(struct vm_fault *vmf)
{
	struct mm_struct *mm = vmf->vma->vm_mm;
	unsigned long addr = vmf->address & PAGE_MASK;
	spinlock_t *lock = pte_lockptr(mm, vmf->pmd);
	pte_t *pte = pte_offset_kernel(vmf->pmd, addr), now;

	spin_lock(lock);
	now = daxfs_ptep_get(pte);
	if (pte_same(now, vmf->orig_pte))
		set_pte_at(mm, addr, pte,
			   pte_mkyoung(pte_mkdirty(daxfs_pte_mkwrite(now))));
	spin_unlock(lock);
}

/*
 * A page of a backing file, and those behind it that are in the cache already. 0, or
 * -EREMOTE: more than that page is wanted if it has to be read anyway.
 */
static int insert_away(struct vm_fault *vmf, struct daxfs_sbi *sbi, struct xarray *pages,
		       const struct daxfs_run *run, struct daxfs_need *need,
		       vm_fault_t *ret)
{
	unsigned long addr = vmf->address & PAGE_MASK, pfn;
	unsigned long end = min(vmf->vma->vm_end, (addr & PMD_MASK) + PMD_SIZE);
	u64 len = min_t(u64, run->len, AROUND_AWAY * PAGE_SIZE), at;
	bool in_region;

	for (at = 0; at < len && addr + at < end; at += PAGE_SIZE) {
		int r = daxfs_pages_get(sbi, pages, run->off + at, need, at, &pfn,
					&in_region);
		vm_fault_t now;

		if (r && at)
			break;
		need->miss.len = min_t(u64, run->len, DAXFS_FILL_PAGES * PAGE_SIZE);
		if (r)
			return r;
		now = insert_pfn(vmf, addr + at, sbi, pfn, in_region);
		if (!at)
			*ret = now;
		if (now != VM_FAULT_NOPAGE)
			break;
	}
	return 0;
}

/*
 * A store to a private mapping that was not read before gets an entry for
 * reading; it faults again, and the kernel makes the copy. 0, and *ret; or -EREMOTE.
 */
static int fault_page(struct vm_fault *vmf, bool store, struct daxfs_need *need,
		      vm_fault_t *ret)
{
	struct inode *inode = file_inode(vmf->vma->vm_file);
	struct daxfs_sbi *sbi = daxfs_sbi_of(inode);
	u64 off = (u64)vmf->pgoff << PAGE_SHIFT;
	struct found fd;
	int r = find(inode, off, store ? PAGE_SIZE : AROUND * PAGE_SIZE, store, &fd, need);

	if (!r && fd.run.away)
		r = insert_away(vmf, sbi, &daxfs_i(inode)->mapped->pages, &fd.run, need,
				ret);
	if (r == -EREMOTE || (!r && fd.run.away))
		return r;
	*ret = fault_of(r);
	if (r)
		return 0;
	if (fd.replaced)	/* other mappings still lead to what was there */
		unmap_mapping_range(inode->i_mapping, (loff_t)off, PAGE_SIZE, 0);
	*ret = insert(vmf, vmf->address & PAGE_MASK, sbi, fd.run.off);
	if (*ret == VM_FAULT_NOPAGE && !store)
		insert_around(vmf, sbi, &fd.run);
	return 0;
}

/* Is there no entry, or the right one? A wrong one must not be written over. */
static bool pmd_is_free_for(struct vm_fault *vmf, unsigned long pfn)
{
	pmd_t pmd = READ_ONCE(*vmf->pmd);

	return pmd_none(pmd) || (pmd_present(pmd) && pmd_pfn(pmd) == pfn);
}

/* 2 MiB at once, if the file has them in one piece at such a place. */
static vm_fault_t fault_huge(struct vm_fault *vmf, bool store)
{
	unsigned long addr = vmf->address & PMD_MASK;
	struct inode *inode = file_inode(vmf->vma->vm_file);
	struct daxfs_sbi *sbi = daxfs_sbi_of(inode);
	pgoff_t first = vmf->pgoff - ((vmf->address - addr) >> PAGE_SHIFT);
	struct daxfs_need need = {};
	struct found fd;
	unsigned long pfn;

	if (!daxfs_huge_is_safe || !sbi->mem.has_pages ||
	    addr < vmf->vma->vm_start || addr + PMD_SIZE > vmf->vma->vm_end ||
	    (first & (PTRS_PER_PMD - 1)) || vmf->pgoff < first)
		return VM_FAULT_FALLBACK;
	if (find(inode, (u64)first << PAGE_SHIFT, PMD_SIZE, false, &fd, &need) ||
	    fd.run.len < PMD_SIZE || !fd.run.off || fd.run.away || (store && !fd.own))
		return VM_FAULT_FALLBACK;
	pfn = daxfs_mem_pfn(&sbi->mem, fd.run.off);
	if (pfn & (PTRS_PER_PMD - 1) || (store && note_store(inode)))
		return VM_FAULT_FALLBACK;
	if (!pmd_is_free_for(vmf, pfn))	/* there is one, of what was there */
		unmap_mapping_range(inode->i_mapping, (loff_t)first << PAGE_SHIFT,
				    PMD_SIZE, 0);
	return vmf_insert_pfn_pmd(vmf, daxfs_pfn(pfn), store);
}

/* ---- pages of backing files that a fault misses ---- */

/* Pages of backing files that mappings keep are let go, with all entries. */
static void let_pages(struct daxfs_sbi *sbi)
{
	struct daxfs_mapped *m;
	struct daxfs_cx *cx;

	mutex_lock(&sbi->map_lock);
	list_for_each_entry(m, &sbi->mapped, list) {
		if (!daxfs_pages_full(sbi) || xa_empty(&m->pages))
			continue;
		filemap_invalidate_lock(m->inode->i_mapping);
		unmap_mapping_range(m->inode->i_mapping, 0, 0, 0);
		cx = daxfs_begin(sbi);
		daxfs_pages_let(sbi, cx, &m->pages, false);
		daxfs_end(sbi, cx, 0);
		filemap_invalidate_unlock(m->inode->i_mapping);
	}
	/* What is left is in transfer, and that may last. */
	if (daxfs_pages_full(sbi))
		sbi->let_after = jiffies + LET_AGAIN;
	mutex_unlock(&sbi->map_lock);
}

/*
 * It is brought in. Where the kernel lets the fault come again that is done without
 * the lock of the address space, which others of the process want.
 */
static vm_fault_t bring_again(struct vm_fault *vmf, struct daxfs_sbi *sbi,
			      struct daxfs_need *need)
{
	struct file *file = get_file(vmf->vma->vm_file);
	s64 r = -EREMOTE;

	release_fault_lock(vmf);
	if (daxfs_bring(sbi, need, &r))
		daxfs_need_end(need);
	fput(file);
	return VM_FAULT_RETRY | VM_FAULT_MAJOR;	/* an error it meets again, and tells */
}

static bool may_come_again(const struct vm_fault *vmf)
{
	return fault_flag_allow_retry_first(vmf->flags) &&
	       !(vmf->flags & FAULT_FLAG_RETRY_NOWAIT);
}

/* 0: now it is there, or lent. Else what the fault returns. */
static vm_fault_t bring_for(struct vm_fault *vmf, struct daxfs_sbi *sbi,
			    struct daxfs_need *need)
{
	s64 r = -EREMOTE;

	if (vmf->flags & FAULT_FLAG_RETRY_NOWAIT) {
		daxfs_fill_ahead(sbi, need->miss.addr, need->miss.len);
		return VM_FAULT_RETRY;
	}
	if (may_come_again(vmf))
		return bring_again(vmf, sbi, need);
	if (daxfs_bring(sbi, need, &r))
		return 0;
	return r == -EINTR ? VM_FAULT_NOPAGE : fault_of((int)r);
}

/* ---- faults ---- */

static vm_fault_t fault_once(struct vm_fault *vmf, unsigned int order, bool store,
			     struct daxfs_need *need, int *r)
{
	struct inode *inode = file_inode(vmf->vma->vm_file);
	vm_fault_t ret = 0;

	*r = 0;
	if (store)
		sb_start_pagefault(inode->i_sb);
	filemap_invalidate_lock_shared(inode->i_mapping);
	if (order)
		ret = fault_huge(vmf, store);
	else
		*r = fault_page(vmf, store, need, &ret);
	filemap_invalidate_unlock_shared(inode->i_mapping);
	if (store)
		sb_end_pagefault(inode->i_sb);
	return ret;
}

static vm_fault_t fault_needing(struct vm_fault *vmf, unsigned int order, bool store)
{
	struct daxfs_sbi *sbi = daxfs_sbi_of(file_inode(vmf->vma->vm_file));
	struct daxfs_need need = {};
	vm_fault_t ret;
	int r;

	do {
		if (daxfs_pages_full(sbi) && time_after_eq(jiffies, sbi->let_after))
			let_pages(sbi);
		ret = fault_once(vmf, order, store, &need, &r);
		if (r == -EREMOTE)
			ret = bring_for(vmf, sbi, &need);
	} while (r == -EREMOTE && !ret);
	daxfs_need_end(&need);
	return ret;
}

static vm_fault_t fault(struct vm_fault *vmf, unsigned int order)
{
	bool store = (vmf->flags & FAULT_FLAG_WRITE) &&
		     (vmf->vma->vm_flags & VM_SHARED);

	if (order && order != PMD_ORDER)
		return VM_FAULT_FALLBACK;
	if (order && (vmf->flags & FAULT_FLAG_WRITE) && !store)
		return VM_FAULT_FALLBACK;
	/* In branches a store comes again, by daxfs_pfn_mkwrite(). */
	if (store && daxfs_sbi_of(file_inode(vmf->vma->vm_file))->branching) {
		if (order)
			return VM_FAULT_FALLBACK;
		store = false;
	}
	return fault_needing(vmf, order, store);
}

static vm_fault_t daxfs_fault(struct vm_fault *vmf)
{
	return fault(vmf, 0);
}

DAXFS_HUGE_FAULT(daxfs_huge_fault, fault)

/* ---- stores through entries that are there for reading ---- */

/* Caller has store_sem. 1: not now, for somebody freezes the branch. */
static int begin_stores(struct daxfs_sbi *sbi)
{
	struct daxfs_cx *cx;
	u64 request = 0;
	s64 r;

	if (atomic_read(&sbi->no_stores))
		return 1;
	mutex_lock(&sbi->store_lock);
	if (time_after(jiffies, sbi->asked_since + ASKED_LONG))
		request = sbi->asked;
	cx = daxfs_begin(sbi);
	r = daxfs_end(sbi, cx, daxfs_stores_begin(cx, &request));
	if (r == 1 && request != sbi->asked) {
		sbi->asked = request;
		sbi->asked_since = jiffies;
	}
	if (!r)
		WRITE_ONCE(sbi->stores, true);
	mutex_unlock(&sbi->store_lock);
	return (int)r;
}

/*
 * A page of the file's own to store to. *leads: the entry leads there; else it is gone,
 * so that the store faults again and finds it.
 */
static int find_stored(struct vm_fault *vmf, struct inode *inode, struct daxfs_need *need,
		       bool *leads)
{
	struct daxfs_sbi *sbi = daxfs_sbi_of(inode);
	u64 off = (u64)vmf->pgoff << PAGE_SHIFT;
	struct found fd;
	int r = find(inode, off, PAGE_SIZE, true, &fd, need);

	if (!r)
		r = note_store(inode);
	if (r)
		return r;
	*leads = !fd.replaced &&
		 pte_pfn(vmf->orig_pte) == daxfs_mem_pfn(&sbi->mem, fd.run.off);
	if (!*leads)
		unmap_mapping_range(inode->i_mapping, (loff_t)off, PAGE_SIZE, 0);
	return 0;
}

/* In a branch. Caller has store_sem, and stores have begun. */
static int store_in_branch(struct vm_fault *vmf, struct inode *inode,
			   struct daxfs_need *need, vm_fault_t *ret)
{
	bool leads;
	int r = find_stored(vmf, inode, need, &leads);

	if (r)
		return r;
	*ret = VM_FAULT_NOPAGE;
	if (leads)
		open_entry(vmf);
	return 0;
}

static int try_store(struct vm_fault *vmf, struct inode *inode, struct daxfs_need *need,
		     vm_fault_t *ret)
{
	struct daxfs_sbi *sbi = daxfs_sbi_of(inode);
	int r;

	down_read(&sbi->store_sem);
	r = begin_stores(sbi);
	if (!r)
		r = store_in_branch(vmf, inode, need, ret);
	up_read(&sbi->store_sem);
	return r;
}

/* It may lead to a page of the base image, or to one that has left the file. */
static int store(struct vm_fault *vmf, struct inode *inode, struct daxfs_need *need,
		 vm_fault_t *ret)
{
	bool leads;
	int r = find_stored(vmf, inode, need, &leads);

	/* 0: the kernel makes it one to store through */
	*ret = !r && leads ? 0 : VM_FAULT_NOPAGE;
	return r;
}

static int mkwrite_once(struct vm_fault *vmf, struct daxfs_need *need, vm_fault_t *ret)
{
	struct inode *inode = file_inode(vmf->vma->vm_file);
	int r;

	sb_start_pagefault(inode->i_sb);
	filemap_invalidate_lock_shared(inode->i_mapping);
	r = daxfs_sbi_of(inode)->branching ? try_store(vmf, inode, need, ret) :
	    store(vmf, inode, need, ret);
	filemap_invalidate_unlock_shared(inode->i_mapping);
	sb_end_pagefault(inode->i_sb);
	return r;
}

/* What is missing is brought in under the lock: the kernel does not let this come again. */
static vm_fault_t daxfs_pfn_mkwrite(struct vm_fault *vmf)
{
	struct daxfs_sbi *sbi = daxfs_sbi_of(file_inode(vmf->vma->vm_file));
	struct daxfs_need need = {};
	vm_fault_t ret = 0;
	s64 r;

	do
		r = mkwrite_once(vmf, &need, &ret);
	while (daxfs_bring(sbi, &need, &r));
	if (r == 1) {
		wake_up_process(sbi->keeper);	/* to end what has begun */
		usleep_range(1000, 2000);
		return VM_FAULT_NOPAGE;		/* and again */
	}
	return r ? fault_of((int)r) : ret;
}

/* ---- mappings ---- */

/* Of fork() and of mappings that are split. The inode is marked already. */
static void daxfs_vm_open(struct vm_area_struct *vma)
{
	struct inode *inode = file_inode(vma->vm_file);
	struct daxfs_sbi *sbi = daxfs_sbi_of(inode);

	if (sbi->constant)
		return;
	mutex_lock(&sbi->map_lock);
	daxfs_i(inode)->mapped->nr++;
	mutex_unlock(&sbi->map_lock);
}

static void daxfs_vm_close(struct vm_area_struct *vma)
{
	map_put(file_inode(vma->vm_file));
}

static const struct vm_operations_struct daxfs_vm_ops = {
	.open		= daxfs_vm_open,
	.close		= daxfs_vm_close,
	.fault		= daxfs_fault,
	.huge_fault	= daxfs_huge_fault,
	.pfn_mkwrite	= daxfs_pfn_mkwrite,
};

int daxfs_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct inode *inode = file_inode(file);
	struct daxfs_sbi *sbi = daxfs_sbi_of(inode);
	struct daxfs_cx *cx;
	int r = map_get(inode);

	if (r)
		return r;
	vm_flags_set(vma, VM_MIXEDMAP | VM_HUGEPAGE);
	vma->vm_ops = &daxfs_vm_ops;
	cx = daxfs_begin(sbi);
	daxfs_note_access(cx, file);
	daxfs_end(sbi, cx, 0);
	return 0;
}

/* ---- taking entries away ---- */

void daxfs_zap(struct inode *inode, u64 off, u64 len, bool cows)
{
	if (!mapping_mapped(inode->i_mapping))
		return;
	/* Behind faults that have found what was there. */
	filemap_invalidate_lock(inode->i_mapping);
	unmap_mapping_range(inode->i_mapping, (loff_t)off, (loff_t)len, cows);
	filemap_invalidate_unlock(inode->i_mapping);
}

static void zap_inode(struct inode *inode)
{
	filemap_invalidate_lock(inode->i_mapping);
	unmap_mapping_range(inode->i_mapping, 0, 0, 0);
	filemap_invalidate_unlock(inode->i_mapping);
}

void daxfs_zap_all(struct daxfs_sbi *sbi)
{
	struct daxfs_mapped *m;

	mutex_lock(&sbi->map_lock);
	list_for_each_entry(m, &sbi->mapped, list)
		zap_inode(m->inode);
	mutex_unlock(&sbi->map_lock);
}

/*
 * A look at one file: 1: it was zapped. What our own mappings store is told by
 * raising the counter, and is no reason to zap.
 */
static int look_at(struct daxfs_sbi *sbi, struct daxfs_mapped *m, bool moved)
{
	struct daxfs_file *f = daxfs_file_of(m->inode);
	struct daxfs_cx *cx;
	struct daxfs_stat st;
	int zapped = 0;
	u64 before;
	s64 r;

	filemap_invalidate_lock(m->inode->i_mapping);
	cx = daxfs_begin(sbi);
	r = daxfs_fgetattr(cx, f, &st);
	if (!r && m->stored && !daxfs_stored(cx, f, 0, &before) && before == st.change)
		st.change++;
	r = daxfs_end(sbi, cx, r);
	if (r || moved || st.change != m->seen) {
		unmap_mapping_range(m->inode->i_mapping, 0, 0, 0);
		zapped = 1;
	}
	if (!r)
		m->seen = st.change;
	filemap_invalidate_unlock(m->inode->i_mapping);
	return zapped;
}

/*
 * Has main moved, or this branch, since the last look? Files may be others then, with
 * the same counters.
 */
static bool view_moved(struct daxfs_sbi *sbi)
{
	u64 before = sbi->map_head;
	struct daxfs_stat st;
	struct daxfs_cx *cx;

	if (!sbi->branching)
		return false;
	cx = daxfs_begin(sbi);
	/* Of a branch that has ended each file says so. */
	daxfs_getattr(cx, DAXFS_ROOT_INO, &st);
	sbi->map_head = cx->view.head;
	daxfs_end(sbi, cx, 0);
	return sbi->map_head != before;
}

void daxfs_zap_changed(struct daxfs_sbi *sbi)
{
	struct daxfs_host_info info;
	struct daxfs_mapped *m;
	bool moved;

	if (!READ_ONCE(sbi->map_shown) || sbi->dead ||
	    daxfs_host_info(&sbi->rg, sbi->rg.host, &info))
		return;
	mutex_lock(&sbi->map_lock);
	moved = view_moved(sbi);
	list_for_each_entry(m, &sbi->mapped, list)
		look_at(sbi, m, moved);
	/* No zap takes a page away from who has it for a transfer. */
	if (!is_pinned(sbi)) {
		show_epoch(sbi, info.epoch - 1);
		forget_unused(sbi);
	}
	mutex_unlock(&sbi->map_lock);
}

/* ---- stores ---- */

/* What was stored through mappings is written back, if that means anything. */
static s64 keep_content(struct daxfs_sbi *sbi, struct daxfs_cx *cx,
			struct daxfs_file *f)
{
	struct daxfs_run run;
	u64 off = 0;
	int nr;

	if (!daxfs_is_persistent(&sbi->rg))
		return 0;
	while ((nr = daxfs_runs(cx, f, off, DAXFS_CHUNK_SIZE, &run, 1)) > 0) {
		const void *at = run.off && !run.away ?
				 daxfs_at(&sbi->rg, run.off, run.len, 1) : NULL;

		if (at)
			port_keep(at, run.len);
		off = run.file_off + run.len;
		cond_resched();
	}
	return nr;
}

/* The counter rises, for those who keep pages: all that was stored so far. */
static s64 tell_stored(struct daxfs_sbi *sbi, struct daxfs_mapped *m)
{
	struct daxfs_file *f = daxfs_file_of(m->inode);
	struct daxfs_cx *cx = daxfs_begin(sbi);
	s64 r = keep_content(sbi, cx, f);

	if (!r)
		r = daxfs_stored(cx, f, 0, NULL);
	return daxfs_end(sbi, cx, r);
}

int daxfs_mapped_stored(struct inode *inode)
{
	struct daxfs_sbi *sbi = daxfs_sbi_of(inode);
	struct daxfs_mapped *m;
	s64 r = 0;

	if (sbi->constant)
		return 0;
	mutex_lock(&sbi->map_lock);
	m = daxfs_i(inode)->mapped;
	if (m && m->stored)
		r = tell_stored(sbi, m);
	mutex_unlock(&sbi->map_lock);
	return (int)r;
}

/*
 * Entries to store through go, and then this is told to who freezes; unless
 * somebody has a page for a transfer, which no zap ends. Caller has map_lock.
 */
static void stop_stores(struct daxfs_sbi *sbi)
{
	struct daxfs_mapped *m;

	down_write(&sbi->store_sem);
	list_for_each_entry(m, &sbi->mapped, list)
		if (m->stored)
			unmap_mapping_range(m->inode->i_mapping, 0, 0, 0);
	if (sbi->stores && !daxfs_mem_pinned(&sbi->mem)) {
		list_for_each_entry(m, &sbi->mapped, list) {
			if (m->stored)
				tell_stored(sbi, m);
			m->stored = false;
		}
		daxfs_stores_end(&sbi->rg);
		WRITE_ONCE(sbi->stores, false);
	}
	up_write(&sbi->store_sem);
}

void daxfs_stores_stop(struct daxfs_sbi *sbi)
{
	mutex_lock(&sbi->map_lock);
	if (sbi->stores)
		stop_stores(sbi);
	mutex_unlock(&sbi->map_lock);
}

void daxfs_hold_faults(struct inode *inode, u64 off, u64 len)
{
	if (!daxfs_sbi_of(inode)->branching)
		return;
	filemap_invalidate_lock(inode->i_mapping);
	if (mapping_mapped(inode->i_mapping))
		unmap_mapping_range(inode->i_mapping, (loff_t)off, (loff_t)len, 0);
}

void daxfs_let_faults(struct inode *inode)
{
	if (daxfs_sbi_of(inode)->branching)
		filemap_invalidate_unlock(inode->i_mapping);
}
