// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Checking extended attributes: that a record, its set and its units agree.
 *
 * Notes: a set that cannot be is lost as a whole; what it was in is then a leak,
 * which the next pass gives back. The mode stays, which has what an access list
 * says of owner, group class and others.
 */
#include "check.h"
#include "xset.h"

struct xattrs {
	struct daxfs_inode *in;
	u64 ino;
	struct daxfs_attr *shared;	/* the record */
	struct daxfs_attr at;		/* its copy */
	u64 back;			/* what units name */
};

static void put_flags(struct xattrs *x, u32 flags)
{
	x->at.flags = flags;
	port_copy_to(&x->shared->flags, &flags, sizeof(flags));
}

static void forget(struct xattrs *x)
{
	x->at.xattr_off = 0;
	port_copy_to(&x->shared->xattr_off, &x->at.xattr_off,
		     sizeof(x->at.xattr_off));
}

static void lose(struct daxfs_ck *p, struct xattrs *x, const char *what)
{
	if (daxfs_ck_found(p, DAXFS_REPAIR_ALL, "inode", x->ino, what))
		forget(x);
}

/* ---- the record ---- */

/* Does the memory at off say that it is an object of that inode's set? */
static int says_object(struct daxfs_ck *p, const struct xattrs *x)
{
	struct daxfs_a64 *info = daxfs_at(p->rg, x->at.xattr_off, 64, 64);
	u64 v = info ? daxfs_ck_load(info) : 0;

	return DAXFS_KIND(v) == DAXFS_I_OWNED && info_type(v) == DAXFS_T_XATTR &&
	       info_back(v) == x->back;
}

static int says_page(struct daxfs_ck *p, const struct xattrs *x)
{
	struct daxfs_a64 *info = daxfs_page_info(p->rg, x->at.xattr_off &
						 ~(DAXFS_PAGE_SIZE - 1));
	u64 v = info ? daxfs_ck_load(info) : 0;

	return DAXFS_KIND(v) == DAXFS_I_OWNED && info_type(v) == DAXFS_T_XATTR &&
	       info_back(v) == x->back;
}

static void check_flags(struct daxfs_ck *p, struct xattrs *x)
{
	u32 known = x->at.flags & DAXFS_ATTR_XATTRS;

	if (x->at.flags != known &&
	    daxfs_ck_found(p, DAXFS_REPAIR_ALL, "inode", x->ino,
			   "has attribute flags that there are not"))
		put_flags(x, known);
	if (known || !x->at.xattr_off)
		return;
	if (!says_object(p, x) && !says_page(p, x))
		lose(p, x, "names extended attributes that it does not have");
	else if (daxfs_ck_found(p, DAXFS_REPAIR_ALL, "inode", x->ino,
				"does not say that it has extended attributes"))
		put_flags(x, DAXFS_ATTR_XATTRS);
}

/* ---- the units ---- */

/* The page is not one of objects, but the memory says that it is one. */
static int restore_slab(struct daxfs_ck *p, const struct xattrs *x)
{
	u64 page = x->at.xattr_off & ~(DAXFS_PAGE_SIZE - 1);
	struct daxfs_xset set;

	if (!daxfs_page_info(p->rg, page) || says_page(p, x) ||
	    !says_object(p, x) || daxfs_xset_at(p->rg, x->at.xattr_off, &set) ||
	    daxfs_xset_class(set.len) == DAXFS_NO_CLASS)
		return 0;
	if (daxfs_ck_found(p, DAXFS_REPAIR_ALL, "page", page,
			   "holds attributes and does not say so"))
		daxfs_ck_restore_slab(p, page, daxfs_xset_class(set.len));
	return 1;
}

/* 1: the object is the set's. */
static int claim_object(struct daxfs_ck *p, struct xattrs *x,
			struct daxfs_ck_slab *s, u32 nr)
{
	struct daxfs_a64 *info = daxfs_at(p->rg, x->at.xattr_off, 64, 64);
	u64 v = daxfs_ck_load(info), right = info_owned(DAXFS_T_XATTR, 0, x->back);
	int owned = DAXFS_KIND(v) == DAXFS_I_OWNED;

	if (s->known >> nr & 1 || (owned && info_type(v) != DAXFS_T_XATTR)) {
		lose(p, x, "its extended attributes belong to another");
		return 0;
	}
	if (!owned && info_back(v) != x->back) {
		lose(p, x, "its extended attributes are not in use");
		return 0;
	}
	if (p->silent && (!owned || info_back(v) != x->back))
		return 0;
	s->known |= 1ull << nr;
	if ((!owned || info_back(v) != x->back) &&
	    daxfs_ck_found(p, DAXFS_REPAIR_ALL, "object",
			   x->at.xattr_off,
			   "does not say whose attributes it holds"))
		a64_store_relaxed(info, right);
	return 1;
}

static int claim_further(struct daxfs_ck *p, struct xattrs *x)
{
	struct daxfs_xattrs *head = daxfs_at(p->rg, x->at.xattr_off,
					     DAXFS_PAGE_SIZE, DAXFS_PAGE_SIZE);
	struct daxfs_a64 *page = (struct daxfs_a64 *)(head + 1);
	u64 nr = daxfs_xset_pages(head->len);
	int worst = 0;

	for (u64 i = 0; i < nr && i < DAXFS_XSET_PAGES; i++) {
		int r = daxfs_ck_claim(p, daxfs_ck_load(&page[i]), DAXFS_T_XATTR,
				       &page[i], 0, "inode", x->ino);

		worst = r > worst ? r : worst;
	}
	if (worst > 1)
		forget(x);
	return !worst;
}

static int claim_page(struct daxfs_ck *p, struct xattrs *x)
{
	int r = daxfs_ck_claim(p, x->at.xattr_off, DAXFS_T_XATTR,
			       &x->in->attr_off, 0, "inode", x->ino);

	if (r > 1)
		forget(x);
	return r ? 0 : claim_further(p, x);
}

/* ---- the content ---- */

static void check_content(struct daxfs_ck *p, struct xattrs *x,
			  enum daxfs_class class)
{
	struct daxfs_xset set;

	if (daxfs_xset_at(p->rg, x->at.xattr_off, &set) || !set.len ||
	    daxfs_xset_class(set.len) != class || daxfs_ck_xset(&set))
		lose(p, x, "its extended attributes cannot be");
}

/* The inode that its layer is merged into has the set now. */
static int was_handed_over(struct daxfs_ck *p, const struct xattrs *x)
{
	struct daxfs_a64 *info = daxfs_page_info(p->rg, x->at.xattr_off &
						 ~(DAXFS_PAGE_SIZE - 1));
	u64 v = info ? daxfs_ck_load(info) : 0;

	if (!daxfs_ck_is_merged(p))
		return 0;
	if (daxfs_slab_class(v) != DAXFS_NO_CLASS)
		info = daxfs_at(p->rg, x->at.xattr_off, 64, 64);
	v = info ? daxfs_ck_load(info) : 0;
	return DAXFS_KIND(v) == DAXFS_I_OWNED && info_type(v) == DAXFS_T_XATTR &&
	       daxfs_ck_is_of_other(p, x->in, info_back(v),
				    offsetof(struct daxfs_inode, attr_off));
}

void daxfs_ck_xattrs(struct daxfs_ck *p, struct daxfs_ck_node *n,
		     struct daxfs_inode *in)
{
	u64 off = daxfs_ck_load(&in->attr_off);
	struct xattrs x = { .in = in, .ino = n->ino,
			    .back = daxfs_off(p->rg, &in->attr_off) };
	struct daxfs_ck_slab *s;
	u32 nr;

	x.shared = daxfs_at(p->rg, off, sizeof(x.at), 8);
	if (!x.shared || off == DAXFS_ATTR_GONE)
		return;
	port_copy_from(&x.at, x.shared, sizeof(x.at));
	if (!x.at.flags && !x.at.xattr_off)
		return;
	check_flags(p, &x);
	if (!(x.at.flags & DAXFS_ATTR_XATTRS) || !x.at.xattr_off ||
	    was_handed_over(p, &x))
		return;
	s = daxfs_ck_object(p, x.at.xattr_off, &nr);
	if (!s && restore_slab(p, &x))
		return;
	if (s ? claim_object(p, &x, s, nr) : claim_page(p, &x))
		check_content(p, &x, s ? s->class : DAXFS_NO_CLASS);
}
