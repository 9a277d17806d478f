// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Sets of extended attributes as they lie in the region: reading, making,
 * giving back.
 *
 * Notes: a set never changes once attr_off leads to it. Records of the same
 * inode share it, so what its units name as the word that refers to them is
 * attr_off, which stays: a set is in use as long as attr_off, the record there
 * and its xattr_off lead to it. Further pages name their word in the head.
 *
 * operation | linearization                  | progress  | if the caller stops there
 * make      | none: nobody knows it          | lock-free | recovery finds it unreferred
 * publish   | CAS of attr_off (inode.c)      | lock-free | as above
 * retire    | further pages, then the head   | wait-free | drop_xattr names it, and
 *           |                                |           | recovery does it again
 *
 * ABA: units are not reused while whoever looks at them is in a section.
 */
#include "xset.h"
#include "base.h"
#include "epoch.h"
#include "region.h"
#include "word.h"

#define ENTRY_HEAD	((u64)sizeof(struct daxfs_base_xattr))

u64 daxfs_xentry_len(u64 name_len, u64 value_len)
{
	return (ENTRY_HEAD + name_len + value_len + 7) & ~7ull;
}

/* DAXFS_CLASS256 is for inodes, which are found by that. */
enum daxfs_class daxfs_xset_class(u64 len)
{
	static const enum daxfs_class in_use[] = {
		DAXFS_CLASS64, DAXFS_CLASS128, DAXFS_CLASS320,
	};

	for (u32 i = 0; i < sizeof(in_use) / sizeof(in_use[0]); i++)
		if (DAXFS_XSET_HEAD + len <= daxfs_class_size(in_use[i]))
			return in_use[i];
	return DAXFS_NO_CLASS;
}

u64 daxfs_xset_pages(u64 len)
{
	if (DAXFS_XSET_HEAD + len <= DAXFS_PAGE_SIZE)
		return 0;
	return (len + DAXFS_PAGE_SIZE - 1) >> DAXFS_PAGE_SHIFT;
}

/* ---- reading ---- */

int daxfs_xset_at(const struct daxfs_region *rg, u64 off, struct daxfs_xset *set)
{
	struct daxfs_xattrs head, *at = daxfs_at(rg, off, sizeof(head), 64);
	u64 whole;

	if (!at)
		return -EUCLEAN;
	port_copy_from(&head, at, sizeof(head));	/* immutable */
	set->rg = rg;
	set->len = head.len;
	set->flat = NULL;
	set->page = NULL;
	whole = DAXFS_XSET_HEAD + set->len;
	if (daxfs_xset_pages(set->len) > DAXFS_XSET_PAGES)
		return -EUCLEAN;
	if (daxfs_xset_pages(set->len))
		whole = DAXFS_PAGE_SIZE;
	if (!daxfs_at(rg, off, whole, daxfs_xset_class(set->len) ==
		      DAXFS_NO_CLASS ? DAXFS_PAGE_SIZE : 64))
		return -EUCLEAN;
	if (daxfs_xset_pages(set->len))
		set->page = (const struct daxfs_a64 *)(at + 1);
	else
		set->flat = (const u8 *)(at + 1);
	return 0;
}

static int base_set(const struct daxfs_region *rg,
		    const struct daxfs_base_inode *b, struct daxfs_xset *set)
{
	if (!b->xattr_len)
		return 0;
	set->flat = daxfs_at(rg, b->xattr_off, b->xattr_len, 8);
	set->len = b->xattr_len;
	return set->flat ? 0 : -EUCLEAN;
}

int daxfs_xset_of(struct daxfs_cx *cx, const struct daxfs_iref *ref,
		  const struct daxfs_attr *at, struct daxfs_xset *set)
{
	struct daxfs_iref low = *ref;
	struct daxfs_attr now = *at;

	memset(set, 0, sizeof(*set));
	set->rg = cx->rg;
	/* A copy has those of what it is a copy of, until they are changed. */
	while (!(now.flags & DAXFS_ATTR_XATTRS)) {
		u64 off;
		int r;

		if (!low.in)
			return low.has_base ? base_set(cx->rg, &low.base, set) : 0;
		r = daxfs_lower(cx, &low, &low);
		if (!r && low.in)
			r = daxfs_attr(cx, low.in, &now, &off);
		if (r)
			return r == -ENOENT ? 0 : r;
	}
	return now.xattr_off ? daxfs_xset_at(cx->rg, now.xattr_off, set) : 0;
}

static int read_pages(const struct daxfs_xset *set, u64 pos, u8 *buf, u64 len)
{
	while (len) {
		u64 in = pos & (DAXFS_PAGE_SIZE - 1), n = DAXFS_PAGE_SIZE - in;
		/* Pairs with [PUB] in daxfs_attr_replace(). */
		u64 off = a64_load_acquire(&set->page[pos >> DAXFS_PAGE_SHIFT]);
		const u8 *page = daxfs_at(set->rg, off, DAXFS_PAGE_SIZE,
					  DAXFS_PAGE_SIZE);

		if (!page)
			return -EUCLEAN;
		if (n > len)
			n = len;
		port_copy_from(buf, page + in, n);
		buf += n;
		pos += n;
		len -= n;
	}
	return 0;
}

int daxfs_xset_read(const struct daxfs_xset *set, u64 pos, void *buf, u64 len)
{
	if (len > set->len || pos > set->len - len)
		return -EUCLEAN;
	if (!set->flat)
		return read_pages(set, pos, buf, len);
	port_copy_from(buf, set->flat + pos, len);
	return 0;
}

int daxfs_xset_next(const struct daxfs_xset *set, u64 *pos,
		    struct daxfs_xentry *e)
{
	struct daxfs_base_xattr head;
	u64 len;
	int r;

	if (*pos >= set->len)
		return 0;
	r = daxfs_xset_read(set, *pos, &head, sizeof(head));
	if (r)
		return r;
	len = daxfs_xentry_len(head.name_len, head.value_len);
	if (!head.name_len || head.name_len > DAXFS_XATTR_NAME_MAX ||
	    head.value_len > DAXFS_XATTR_VALUE_MAX || len > set->len - *pos)
		return -EUCLEAN;
	e->name_len = head.name_len;
	e->value_len = head.value_len;
	e->value = *pos + ENTRY_HEAD + head.name_len;
	r = daxfs_xset_read(set, *pos + ENTRY_HEAD, e->name, head.name_len);
	e->name[head.name_len] = 0;
	if (!r && memchr(e->name, 0, head.name_len))
		r = -EUCLEAN;
	*pos += len;
	return r ? r : 1;
}

int daxfs_xset_find(const struct daxfs_xset *set, const char *name, u32 len,
		    struct daxfs_xentry *e)
{
	u64 pos = 0;
	int r;

	while ((r = daxfs_xset_next(set, &pos, e)) > 0)
		if (e->name_len == len && !memcmp(e->name, name, len))
			return 0;
	return r ? r : -ENODATA;
}

/* ---- making ---- */

static int take_pages(struct daxfs_cx *cx, struct daxfs_xmake *m)
{
	u64 nr = daxfs_xset_pages(m->len);

	for (u64 i = 0; i < nr; i++) {
		u64 off;
		int r = daxfs_page_take(cx, DAXFS_T_XATTR,
					daxfs_off(cx->rg, &m->page[i]), 0, &off);

		if (r)
			return r;
		a64_store_relaxed(&m->page[i], off);
	}
	return 0;
}

static int take_head(struct daxfs_cx *cx, u64 back, struct daxfs_xmake *m)
{
	enum daxfs_class class = daxfs_xset_class(m->len);

	if (class != DAXFS_NO_CLASS)
		return daxfs_obj_take(cx, class, DAXFS_T_XATTR, back, &m->off);
	/* Words of pages that are not there yet are 0. */
	if (daxfs_xset_pages(m->len))
		return daxfs_page_take_zero(cx, DAXFS_T_XATTR, back, &m->off);
	return daxfs_page_take(cx, DAXFS_T_XATTR, back, 0, &m->off);
}

int daxfs_xmake_begin(struct daxfs_cx *cx, struct daxfs_a64 *back, u64 len,
		      struct daxfs_xmake *m)
{
	struct daxfs_xattrs *head, init = { .len = (u32)len };
	int r;

	memset(m, 0, sizeof(*m));
	m->rg = cx->rg;
	m->len = len;
	if (len > DAXFS_XATTRS_MAX)
		return -ENOSPC;
	r = take_head(cx, daxfs_off(cx->rg, back), m);
	if (r)
		return r;
	head = daxfs_at(cx->rg, m->off, sizeof(*head), 64);
	if (!head)
		return -EUCLEAN;
	port_copy_to(&head->len, &init.len,
		     sizeof(init) - offsetof(struct daxfs_xattrs, len));
	if (daxfs_xset_class(len) == DAXFS_NO_CLASS)
		a64_store_relaxed(&head->info, 0);	/* no object's */
	if (!daxfs_xset_pages(len)) {
		m->flat = (u8 *)(head + 1);
		return 0;
	}
	m->page = (struct daxfs_a64 *)(head + 1);
	r = take_pages(cx, m);
	if (r)
		daxfs_xset_give(cx, back, m->off);
	return r;
}

int daxfs_xmake_put(struct daxfs_xmake *m, const void *from, u64 len)
{
	const u8 *p = from;

	if (len > m->len - m->pos)
		return -EUCLEAN;
	while (len) {
		u64 in = m->pos & (DAXFS_PAGE_SIZE - 1), n = len;
		u8 *to = m->flat + m->pos;

		if (!m->flat) {
			/* our own store */
			u64 off = a64_load_relaxed(&m->page[m->pos >>
							    DAXFS_PAGE_SHIFT]);

			to = daxfs_at(m->rg, off, DAXFS_PAGE_SIZE,
				      DAXFS_PAGE_SIZE);
			if (!to)
				return -EUCLEAN;
			to += in;
			if (n > DAXFS_PAGE_SIZE - in)
				n = DAXFS_PAGE_SIZE - in;
		}
		port_copy_to(to, p, n);
		p += n;
		m->pos += n;
		len -= n;
	}
	return 0;
}

int daxfs_xmake_name(struct daxfs_xmake *m, const char *name, u32 name_len,
		     u64 value_len)
{
	struct daxfs_base_xattr head = { .name_len = (u16)name_len,
					 .value_len = (u32)value_len };
	int r = daxfs_xmake_put(m, &head, sizeof(head));

	return r ? r : daxfs_xmake_put(m, name, name_len);
}

int daxfs_xmake_pad(struct daxfs_xmake *m)
{
	static const u8 zero[8];

	return daxfs_xmake_put(m, zero, -m->pos & 7);
}

int daxfs_xmake_end(const struct daxfs_xmake *m)
{
	return m->pos == m->len ? 0 : -EUCLEAN;
}

/* ---- giving back ---- */

struct daxfs_a64 *daxfs_xset_info(struct daxfs_cx *cx, u64 off)
{
	struct daxfs_a64 *info = daxfs_page_info(cx->rg,
						 off & ~(DAXFS_PAGE_SIZE - 1));

	if (!info)
		return NULL;
	/* Pairs with [SLB] in slab_new(). */
	if (daxfs_slab_class(a64_load_acquire(info)) != DAXFS_NO_CLASS)
		info = daxfs_at(cx->rg, off, 64, 64);
	else if (off & (DAXFS_PAGE_SIZE - 1))
		info = NULL;
	return info;
}

/* Is it a unit of a set, and does it name that word? Stale bytes kill nothing. */
static int is_of(struct daxfs_cx *cx, u64 off, const struct daxfs_a64 *back)
{
	struct daxfs_a64 *info = daxfs_xset_info(cx, off);
	u64 v = info ? a64_load_relaxed(info) : 0;	/* the CAS decides */

	return DAXFS_KIND(v) == DAXFS_I_OWNED && info_type(v) == DAXFS_T_XATTR &&
	       info_back(v) == daxfs_off(cx->rg, back);
}

/* Is the unit a page? */
static int is_page(struct daxfs_cx *cx, u64 off)
{
	return daxfs_xset_info(cx, off) == daxfs_page_info(cx->rg, off);
}

/* A further page, named by that word of a head. */
static int is_further(struct daxfs_cx *cx, u64 off, const struct daxfs_a64 *word)
{
	return off && is_of(cx, off, word) && is_page(cx, off);
}

/* Words of the further pages of the head at off; their number may be 0. */
static struct daxfs_a64 *further(struct daxfs_cx *cx, u64 off, u64 *nr)
{
	struct daxfs_xattrs head, *at = daxfs_at(cx->rg, off, DAXFS_PAGE_SIZE,
						 DAXFS_PAGE_SIZE);

	*nr = 0;
	if (!at)
		return NULL;
	port_copy_from(&head, at, sizeof(head));
	*nr = daxfs_xset_pages(head.len);
	if (*nr > DAXFS_XSET_PAGES)
		*nr = DAXFS_XSET_PAGES;
	return (struct daxfs_a64 *)(at + 1);
}

void daxfs_xset_give(struct daxfs_cx *cx, struct daxfs_a64 *back, u64 off)
{
	struct daxfs_a64 *page;
	u64 nr;

	if (!is_of(cx, off, back))
		return;
	if (!is_page(cx, off)) {
		daxfs_obj_give(cx, off);
		return;
	}
	page = further(cx, off, &nr);
	for (u64 i = 0; i < nr; i++) {
		u64 child = a64_load_relaxed(&page[i]);	/* our own store */

		if (is_further(cx, child, &page[i]))
			daxfs_page_give(cx, child);
	}
	daxfs_page_give(cx, off);
}

void daxfs_xset_retire(struct daxfs_cx *cx, struct daxfs_a64 *back, u64 off)
{
	struct daxfs_a64 *page;
	u64 nr, g;

	if (!off || !is_of(cx, off, back))
		return;
	g = daxfs_retire_epoch(cx);
	if (!is_page(cx, off)) {
		daxfs_obj_retire(cx, off, g);
		return;
	}
	page = further(cx, off, &nr);
	for (u64 i = 0; i < nr; i++) {
		u64 child = a64_load_acquire(&page[i]);	/* pairs with [PUB] */

		if (is_further(cx, child, &page[i]))
			daxfs_page_retire(cx, child, g, 0);
	}
	daxfs_page_retire(cx, off, g, 0);
}

/* ---- what recovery asks ---- */

struct daxfs_a64 *daxfs_xset_back(struct daxfs_cx *cx, u64 info)
{
	u64 at = info_back(info);
	struct daxfs_inode *in;

	if (at < offsetof(struct daxfs_inode, attr_off))
		return NULL;
	in = daxfs_at(cx->rg, at - offsetof(struct daxfs_inode, attr_off),
		      sizeof(*in), 64);
	return in ? &in->attr_off : NULL;
}

static int inode_leads_to(struct daxfs_cx *cx, struct daxfs_a64 *back, u64 off)
{
	struct daxfs_inode *in = (struct daxfs_inode *)((u8 *)back -
			offsetof(struct daxfs_inode, attr_off));
	u64 v = a64_load_acquire(&in->cell.info), at_off;	/* [PUB] */
	struct daxfs_attr at;

	if (DAXFS_KIND(v) != DAXFS_I_OWNED || info_type(v) != DAXFS_T_INODE ||
	    daxfs_attr(cx, in, &at, &at_off))
		return 0;
	return at.flags & DAXFS_ATTR_XATTRS && at.xattr_off == off;
}

int daxfs_xset_known(struct daxfs_cx *cx, u64 off, u64 info)
{
	struct daxfs_a64 *word = daxfs_at(cx->rg, info_back(info), 8, 8), *page;
	u64 v;

	page = daxfs_page_info(cx->rg, info_back(info) & ~(DAXFS_PAGE_SIZE - 1));
	if (!word || !page)
		return 0;
	v = a64_load_acquire(page);	/* pairs with [SLB] in slab_new() */
	if (DAXFS_KIND(v) != DAXFS_I_OWNED)
		return 0;
	if (info_type(v) == DAXFS_T_XATTR)
		return a64_load_acquire(word) == off;	/* pairs with [PUB] */
	word = daxfs_xset_back(cx, info);
	return word && inode_leads_to(cx, word, off);
}
