/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the parts of the accounting share: marks, numbers, findings.
 *
 * Notes: for core/check_*.c and core/repair.c alone. All of it is volatile and
 * lies in the scratch of the caller. Nobody should change the region meanwhile,
 * so words are loaded relaxed and more than once; whatever they hold, and if
 * they change all the same, every address and every index is checked.
 */
#ifndef DAXFS_CHECK_H
#define DAXFS_CHECK_H

#include "dir.h"
#include "index.h"
#include "pool.h"
#include "region.h"
#include "word.h"

#define DAXFS_CK_TABLES	64u	/* in a row; a correct index has three at most */

struct daxfs_ck_slab {		/* a slab page */
	u64 off;
	u64 slotted;		/* bit per object: a slot refers to the name */
	u64 known;		/* a bucket, or attr_off, refers to it */
	u64 node;		/* of its first inode */
	u32 class;
	u32 reserved;
};

#define DAXFS_CK_LIVE	1u	/* there is such an inode */
#define DAXFS_CK_GONE	2u	/* of the base image: removed */
#define DAXFS_CK_DIR	4u
#define DAXFS_CK_NO_TYPE 8u	/* its mode does not fit the rest of it */
#define DAXFS_CK_REACHED 16u	/* directories: from the root */
#define DAXFS_CK_BASE	32u	/* only in the base image */

struct daxfs_ck_node {		/* an inode: of a base number, or by its place */
	u64 ino;
	u64 off;		/* of the overlay inode; 0: none */
	u64 named_in;		/* directory of the last name */
	u64 visit;		/* walk to the root that came by */
	u32 names, subdirs;	/* directories: found in it */
	u32 links;		/* names found */
	u32 flags;
};

struct daxfs_ck {
	struct daxfs_cx *cx;
	struct daxfs_region *rg;
	struct daxfs_check *ck;
	u8 *mark;		/* per page: type by which it was reached */
	u32 *slab_nr;		/* per page: number of the slab page, plus 1 */
	struct daxfs_ck_slab *slab;
	struct daxfs_ck_node *node;
	u64 *ino_hash, *name_hash;	/* offsets of cells */
	u64 pages, slabs, nodes, inos, names;	/* room */
	u64 slab_used;
	u64 g;			/* epoch */
	u64 max_place;		/* of inode numbers */
	u64 hosts;		/* hosts_used, as it should be */
	u64 table[DAXFS_CK_TABLES];
	u32 table_used;
	u64 alive;		/* cells for a new index */
	u64 looks;		/* buckets that may still be looked at */
	int index_bad;		/* to be made anew */
	int made;		/* something was taken: nothing is a leak now */
	int again;		/* what follows makes no sense before another pass */
};

/* Report a finding. 1: it is to be corrected, as level allows it; 0: left. */
int daxfs_ck_found(struct daxfs_ck *p, int level, const char *where, u64 id,
		   const char *what);

/* A number that something has, or refers to. */
static inline void daxfs_ck_number(struct daxfs_ck *p, u64 ino)
{
	if (ino < DAXFS_INO_END && DAXFS_INO_PLACE(ino) > p->max_place)
		p->max_place = DAXFS_INO_PLACE(ino);
}

static inline u64 daxfs_ck_load(const struct daxfs_a64 *word)
{
	return a64_load_relaxed(word);	/* nobody changes it */
}

/*
 * Value of a claimable word. A claim is a finding; otherwise: what the word is
 * then, if no record says it.
 */
u64 daxfs_ck_value(struct daxfs_ck *p, struct daxfs_a64 *word, u64 otherwise,
		   const char *where, u64 id);

/* ---- pages ---- */

#define DAXFS_CK_ANY	(~0ull)

/*
 * word refers to the page at off, as that type. alt: another word that the page
 * may name as the one that refers to it, or ANY. 0: so it is. 1: it is not, as
 * reported. 2: and the reference is to be taken away.
 */
int daxfs_ck_claim(struct daxfs_ck *p, u64 off, u32 type, struct daxfs_a64 *word,
		   u64 alt, const char *where, u64 id);
/* Slab page and number of the object at off; NULL: there is none. */
struct daxfs_ck_slab *daxfs_ck_object(struct daxfs_ck *p, u64 off, u32 *nr);
/* May objects of that type be in a slab page of that class? */
int daxfs_ck_fits(u32 type, u32 class);
/* Each object of each slab page. */
void daxfs_ck_each(struct daxfs_ck *p,
		   void (*fn)(struct daxfs_ck *p, struct daxfs_ck_slab *s, u32 nr,
			      u64 off, u64 info));
/* The same for objects that are owned, of that type, and fit. */
void daxfs_ck_each_of(struct daxfs_ck *p, u32 type,
		      void (*fn)(struct daxfs_ck *p, u64 off));

/* ---- numbers and names ---- */

/* The inode of that number; NULL: there is none. */
struct daxfs_ck_node *daxfs_ck_node(struct daxfs_ck *p, u64 ino);
/* The node of the inode object at off. */
struct daxfs_ck_node *daxfs_ck_node_at(struct daxfs_ck *p, u64 off);
int daxfs_ck_iref(struct daxfs_ck *p, struct daxfs_ck_node *n,
		  struct daxfs_iref *ref);
/* The cell of that key, as the objects have it; 0: none. */
u64 daxfs_ck_name(struct daxfs_ck *p, const struct daxfs_key *k);
/* Is the name in the base image of the directory? *idx: where. */
int daxfs_ck_in_base(struct daxfs_ck *p, u64 dir, const char *name, u32 len,
		     u64 *idx);
enum daxfs_class daxfs_ck_name_class(u32 len);
/* Key of the name cell at off; 0, or -EUCLEAN: it cannot be one. */
int daxfs_ck_key(struct daxfs_ck *p, u64 off, struct daxfs_key *k);
/* Key, name, hash and value of the memory at off say that it is a cell. */
int daxfs_ck_genuine(struct daxfs_ck *p, u64 off, enum daxfs_class class,
		     u32 *type);

/* ---- the steps ---- */

void daxfs_ck_state(struct daxfs_ck *p);	/* globals, layer, hosts */
void daxfs_ck_numbers(struct daxfs_ck *p);	/* after the rest: next_ino */
void daxfs_ck_tables(struct daxfs_ck *p);
void daxfs_ck_cells(struct daxfs_ck *p);
void daxfs_ck_inodes(struct daxfs_ck *p);
/* Of an inode that is no symbolic link. */
void daxfs_ck_locks(struct daxfs_ck *p, struct daxfs_inode *in, u64 ino);
void daxfs_ck_names(struct daxfs_ck *p);
void daxfs_ck_tree(struct daxfs_ck *p);

/* Extended attributes of an inode whose record is as it should be. */
void daxfs_ck_xattrs(struct daxfs_ck *p, struct daxfs_ck_node *n,
		     struct daxfs_inode *in);
/* Does a lookup of that hash come by the cell? */
int daxfs_ck_lookup(struct daxfs_ck *p, u64 hash, u64 off);
/* Mode of an inode, whatever is wrong with it; 0: it has none. */
u32 daxfs_ck_mode(struct daxfs_ck *p, struct daxfs_inode *in);
/* Could an inode of that type hold what this one does? */
int daxfs_ck_plausible(struct daxfs_ck *p, struct daxfs_inode *in, u32 type);

/* ---- repair.c ---- */

/* The page holds objects of that class; its info word says something else. */
void daxfs_ck_restore_slab(struct daxfs_ck *p, u64 page, enum daxfs_class class);
/* Take a cell out of everything; its memory is free at once. */
void daxfs_ck_kill(struct daxfs_ck *p, u64 off);
/* Drop an inode that has no name. */
void daxfs_ck_drop(struct daxfs_ck *p, struct daxfs_ck_node *n);
/* Give it a name in /lost+found. */
void daxfs_ck_rescue(struct daxfs_ck *p, struct daxfs_ck_node *n);
/* A directory of that number, as names are in it. */
void daxfs_ck_make_dir(struct daxfs_ck *p, u64 ino);
/* An inode of the base image gets its copy, for its counts to be set. */
void daxfs_ck_copy_up(struct daxfs_ck *p, struct daxfs_ck_node *n);
/* A new index of all cells that are found in memory. */
void daxfs_ck_rebuild(struct daxfs_ck *p);

#endif
