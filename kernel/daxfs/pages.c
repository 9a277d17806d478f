// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pages of the cache that this mount has in use: read, copied or mapped.
 *
 * Notes: such a page is pinned, a bit of this host beside its slot; pins of one slot are
 * counted here, under a lock that its set has. So nobody reads what comes into
 * a slot after him, not even bytes that are thrown away afterwards.
 *
 * A mapped file keeps the pages that its mappings have entries for, all of them until
 * its last mapping ends, or until so many are kept that others would find no room:
 * then all entries go, and come again by faults (mmap.c); a page that somebody has for
 * a transfer stays. Where no slot is to be had, or the mappings of all hosts have most of
 * its set, a copy of the kernel's own is kept instead, and shown by the same kind of entry.
 */
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/xarray.h>

#include "fill.h"

#define FREE_WAYS	4u	/* of each set, that mappings do not take */

/* ---- pins ---- */

static spinlock_t *lock_of(struct daxfs_filler *fl, u64 set)
{
	return &fl->pin_lock[set / DAXFS_CACHE_WAYS % DAXFS_PIN_LOCKS];
}

int daxfs_page_pin(struct daxfs_sbi *sbi, struct daxfs_cx *cx, u64 addr, u64 *slot,
		   u64 *off)
{
	struct daxfs_filler *fl = sbi->filler;
	spinlock_t *lock = lock_of(fl, daxfs_cache_set(&sbi->rg, addr));
	int r;

	spin_lock(lock);
	r = daxfs_cache_pin(cx, addr, slot, off);
	if (!r)
		fl->pins[*slot]++;
	else if (*slot != DAXFS_NO_SLOT && !fl->pins[*slot])
		daxfs_cache_unpin(cx, *slot);
	spin_unlock(lock);
	return r;
}

void daxfs_page_unpin(struct daxfs_sbi *sbi, struct daxfs_cx *cx, u64 slot)
{
	struct daxfs_filler *fl = sbi->filler;
	spinlock_t *lock = lock_of(fl, slot);

	spin_lock(lock);
	if (!--fl->pins[slot])
		daxfs_cache_unpin(cx, slot);
	spin_unlock(lock);
}

int daxfs_page_copy(struct daxfs_sbi *sbi, u64 addr, void *page)
{
	struct daxfs_cx *cx = daxfs_begin(sbi);
	const void *from = NULL;
	u64 slot, off;
	s64 r = daxfs_page_pin(sbi, cx, addr, &slot, &off);

	if (!r) {
		from = daxfs_at(&sbi->rg, off, DAXFS_PAGE_SIZE, DAXFS_PAGE_SIZE);
		if (from)
			port_copy_from(page, from, DAXFS_PAGE_SIZE);
		daxfs_page_unpin(sbi, cx, slot);
		r = from ? 0 : -EUCLEAN;
	}
	return (int)daxfs_end(sbi, cx, r);
}

/* ---- mappings ---- */

/* An entry of `pages': the slot, as a value, or a page of the kernel's own. */
static void let_go(struct daxfs_sbi *sbi, struct daxfs_cx *cx, void *entry)
{
	if (xa_is_value(entry))
		daxfs_page_unpin(sbi, cx, xa_to_value(entry));
	else
		free_page((unsigned long)entry);
}

static void *keep_slot(struct daxfs_sbi *sbi, u64 addr, struct daxfs_need *need)
{
	struct daxfs_cx *cx = daxfs_begin(sbi);
	u64 slot, off;
	s64 r = daxfs_page_pin(sbi, cx, addr, &slot, &off);

	r = daxfs_end_needing(sbi, cx, r, need);
	return r ? ERR_PTR(r) : xa_mk_value(slot);
}

static void *keep_copy(struct daxfs_sbi *sbi, u64 addr, struct daxfs_need *need)
{
	void *page = (void *)__get_free_page(GFP_KERNEL_ACCOUNT);
	int r = page ? daxfs_page_copy(sbi, addr, page) : -ENOMEM;

	if (!r)
		return page;
	free_page((unsigned long)page);
	if (r == -EREMOTE)
		need->miss = (struct daxfs_miss){ .addr = addr, .len = 1 };
	return ERR_PTR(r);
}

/* Some slots of each set are left for what is read, whoever has mapped the others. */
static bool is_crowded(const struct daxfs_sbi *sbi, u64 addr)
{
	return daxfs_cache_set_pinned(&sbi->rg, addr) >= DAXFS_CACHE_WAYS - FREE_WAYS;
}

static void *keep(struct daxfs_sbi *sbi, struct xarray *pages, u64 addr,
		  struct daxfs_need *need, bool around)
{
	void *entry = daxfs_need_take(need, addr), *old;
	struct daxfs_cx *cx;

	if (!entry && !is_crowded(sbi, addr))
		entry = keep_slot(sbi, addr, need);
	else if (!entry)
		entry = around ? ERR_PTR(-EREMOTE) : keep_copy(sbi, addr, need);
	if (IS_ERR(entry))
		return entry;
	old = xa_cmpxchg(pages, addr >> PAGE_SHIFT, NULL, entry, GFP_KERNEL);
	if (!old) {
		atomic_long_inc(&sbi->filler->mapped);
		return entry;
	}
	cx = daxfs_begin(sbi);
	let_go(sbi, cx, entry);
	daxfs_end(sbi, cx, 0);
	return xa_is_err(old) ? ERR_PTR(xa_err(old)) : old;
}

int daxfs_pages_get(struct daxfs_sbi *sbi, struct xarray *pages, u64 addr,
		    struct daxfs_need *need, bool around, unsigned long *pfn,
		    bool *in_region)
{
	void *entry = xa_load(pages, addr >> PAGE_SHIFT);

	if (!entry)
		entry = keep(sbi, pages, addr, need, around);
	if (IS_ERR(entry))
		return PTR_ERR(entry);
	*in_region = xa_is_value(entry);
	if (*in_region)
		*pfn = daxfs_mem_pfn(&sbi->mem, daxfs_cache_slot_off(&sbi->rg,
							xa_to_value(entry)));
	else
		*pfn = page_to_pfn(virt_to_page(entry));
	return 0;
}

/* Has somebody the page for a transfer? There is no entry for it any more. */
static bool in_transfer(const struct daxfs_sbi *sbi, void *entry)
{
	return xa_is_value(entry) &&
	       daxfs_mem_in_use(&sbi->mem, daxfs_cache_slot_off(&sbi->rg,
								xa_to_value(entry)));
}

void daxfs_pages_let(struct daxfs_sbi *sbi, struct daxfs_cx *cx, struct xarray *pages,
		     bool all)
{
	unsigned long i;
	void *entry;

	xa_for_each(pages, i, entry) {
		if (!all && in_transfer(sbi, entry))
			continue;
		xa_erase(pages, i);
		let_go(sbi, cx, entry);
		atomic_long_dec(&sbi->filler->mapped);
		cond_resched();
	}
}

/* Half of the cache: the rest is for what is read, and for other hosts. */
bool daxfs_pages_full(const struct daxfs_sbi *sbi)
{
	const struct daxfs_filler *fl = sbi->filler;

	return fl && atomic_long_read(&fl->mapped) >=
		     (long)(sbi->rg.area[DAXFS_AREA_PCACHE_SLOTS].nr / 2);
}

/* ---- of a mount ---- */

int daxfs_pages_init(struct daxfs_filler *fl)
{
	u32 i;

	for (i = 0; i < DAXFS_PIN_LOCKS; i++)
		spin_lock_init(&fl->pin_lock[i]);
	fl->pins = kvcalloc(fl->sbi->rg.area[DAXFS_AREA_PCACHE_SLOTS].nr,
			    sizeof(*fl->pins), GFP_KERNEL);
	return fl->pins ? 0 : -ENOMEM;
}

void daxfs_pages_exit(struct daxfs_filler *fl)
{
	kvfree(fl->pins);
}
