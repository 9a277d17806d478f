/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The pool: pages and small objects, taken and given back by CAS on the info
 * word of each.
 */
#ifndef DAXFS_POOL_H
#define DAXFS_POOL_H

#include "core.h"

enum daxfs_class {		/* of objects */
	DAXFS_CLASS64,
	DAXFS_CLASS128,
	DAXFS_CLASS256,
	DAXFS_CLASS320,
	DAXFS_CLASSES,
	DAXFS_NO_CLASS = DAXFS_CLASSES,	/* a page */
};

/*
 * Take a page. back_off: the word that will refer to it. want: a page that
 * would be good (the one behind the neighbour), DAXFS_WANT_ALIGNED for the
 * first of an unused chunk, or 0. Content is undefined. -ENOSPC. Call inside a
 * section.
 */
#define DAXFS_WANT_ALIGNED	1ull
int daxfs_page_take(struct daxfs_cx *cx, u32 type, u64 back_off, u64 want,
		    u64 *off);
/* Take a page and fill it with zeros. */
int daxfs_page_take_zero(struct daxfs_cx *cx, u32 type, u64 back_off, u64 *off);
/* Take an object of that class for that type. back_off: as above, or 0 if it
 * is found by its key. Content is undefined. */
int daxfs_obj_take(struct daxfs_cx *cx, enum daxfs_class class, u32 type,
		   u64 back_off, u64 *off);
/* Give back what was taken and never published. */
void daxfs_page_give(struct daxfs_cx *cx, u64 off);
void daxfs_obj_give(struct daxfs_cx *cx, u64 off);
/*
 * Retire what was unlinked before g = daxfs_retire_epoch(). Once per unit has
 * an effect, however many call. mapped: kernels or pins may refer to it.
 */
void daxfs_page_retire(struct daxfs_cx *cx, u64 off, u64 g, int mapped);
void daxfs_obj_retire(struct daxfs_cx *cx, u64 off, u64 g);

/* Give the units of our queue back whose time has come. Inside a section. */
void daxfs_collect(struct daxfs_cx *cx);
/*
 * Look everywhere for what can be reused, also by turning empty slab pages
 * back. Outside a section. Returns the number of units found.
 */
u64 daxfs_reclaim(struct daxfs_cx *cx);
/* Free what a host that is dead held in state RESERVED. */
void daxfs_pool_unreserve(struct daxfs_cx *cx, u32 host);

/* Class of a slab page with that info word; DAXFS_NO_CLASS if it is none. */
enum daxfs_class daxfs_slab_class(u64 page_info);
u32 daxfs_class_size(enum daxfs_class class);
u32 daxfs_class_nr(enum daxfs_class class);

/*
 * Run fn, and once more after reclaim if it ends with -ENOSPC. -ESTALE: our branch
 * is not there any more; any: fn is for this case, too.
 */
int daxfs_section_any(struct daxfs_cx *cx,
		      int (*fn)(struct daxfs_cx *cx, void *arg), void *arg);
int daxfs_section(struct daxfs_cx *cx, int (*fn)(struct daxfs_cx *cx, void *arg),
		  void *arg);

#endif
