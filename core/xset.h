/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Sets of extended attributes as they lie in the region: reading, making,
 * giving back.
 */
#ifndef DAXFS_XSET_H
#define DAXFS_XSET_H

#include "inode.h"
#include "pool.h"

/* A set that is read; volatile, inside a section. */
struct daxfs_xset {
	const struct daxfs_region *rg;
	u64 len;			/* bytes of entries; 0: none */
	const u8 *flat;			/* all of them, or NULL: */
	const struct daxfs_a64 *page;	/* words of their pages */
};

struct daxfs_xentry {
	u32 name_len;
	u32 value_len;
	u64 value;			/* position in the set */
	char name[DAXFS_XATTR_NAME_MAX + 1];	/* NUL-terminated */
};

/* Can all of it be? For checks. */
int daxfs_ck_xset(const struct daxfs_xset *set);
/* Bytes of an entry. */
u64 daxfs_xentry_len(u64 name_len, u64 value_len);
/* The set of an inode with that record. */
int daxfs_xset_of(struct daxfs_cx *cx, const struct daxfs_iref *ref,
		  const struct daxfs_attr *at, struct daxfs_xset *set);
/* The set whose head is at off. */
int daxfs_xset_at(const struct daxfs_region *rg, u64 off, struct daxfs_xset *set);
int daxfs_xset_read(const struct daxfs_xset *set, u64 pos, void *buf, u64 len);
/* 1: the entry at *pos, which moves on; 0: there is none; -EUCLEAN. */
int daxfs_xset_next(const struct daxfs_xset *set, u64 *pos,
		    struct daxfs_xentry *e);
/* -ENODATA: no entry of that name. */
int daxfs_xset_find(const struct daxfs_xset *set, const char *name, u32 len,
		    struct daxfs_xentry *e);

/* A set that is made; the caller's until it is published. */
struct daxfs_xmake {
	const struct daxfs_region *rg;
	u64 off;			/* of the head */
	u64 len, pos;			/* bytes of entries; put so far */
	u8 *flat;
	struct daxfs_a64 *page;
};

/* Room for len bytes of entries. back: attr_off of the inode. -ENOSPC. */
int daxfs_xmake_begin(struct daxfs_cx *cx, struct daxfs_a64 *back, u64 len,
		      struct daxfs_xmake *m);
int daxfs_xmake_put(struct daxfs_xmake *m, const void *from, u64 len);
/* Head and name of an entry. */
int daxfs_xmake_name(struct daxfs_xmake *m, const char *name, u32 name_len,
		     u64 value_len);
/* Up to the end of the entry. */
int daxfs_xmake_pad(struct daxfs_xmake *m);
/* 0: it is complete; -EUCLEAN: what was copied has changed meanwhile. */
int daxfs_xmake_end(const struct daxfs_xmake *m);

/* Give back a set that was never published. */
void daxfs_xset_give(struct daxfs_cx *cx, struct daxfs_a64 *back, u64 off);
/* Retire one that attr_off has led to, and does no more. Idempotent. */
void daxfs_xset_retire(struct daxfs_cx *cx, struct daxfs_a64 *back, u64 off);
/* Does what the unit of a set at off names still lead to it? */
int daxfs_xset_known(struct daxfs_cx *cx, u64 off, u64 info);
/* Info word of the unit of a set at off; NULL: there is none. */
struct daxfs_a64 *daxfs_xset_info(struct daxfs_cx *cx, u64 off);
/* The back word that info names, if it may be an attr_off; else NULL. */
struct daxfs_a64 *daxfs_xset_back(struct daxfs_cx *cx, u64 info);

#define DAXFS_XSET_HEAD		((u64)sizeof(struct daxfs_xattrs))
#define DAXFS_XSET_PAGES	((DAXFS_PAGE_SIZE - DAXFS_XSET_HEAD) / 8)

/* Class of the object that holds len bytes of entries, or DAXFS_NO_CLASS. */
enum daxfs_class daxfs_xset_class(u64 len);
/* Further pages of a set of that many bytes. */
u64 daxfs_xset_pages(u64 len);

#endif
