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
#define DAXFS_CK_SUMMED	64u	/* what is below is in the counts */
#define DAXFS_CK_COPY	128u	/* of one in a lower layer, or in the base image */

struct daxfs_ck_node {		/* an inode: of a base number, or by its place */
	u64 ino;
	u64 off;		/* of the overlay inode; 0: none */
	u64 named_in;		/* directory of the last name */
	u64 visit;		/* walk to the root that came by */
	u32 names, subdirs;	/* directories: found in it */
	u32 links;		/* names found */
	u32 flags;
	u32 layer;		/* that shows it */
	u32 reserved;
};

enum daxfs_ck_life {		/* of a layer */
	DAXFS_CK_UNUSED,	/* nobody's, or being made */
	DAXFS_CK_ENDED,		/* nobody sees it: it is about to be taken apart */
	DAXFS_CK_SEEN,		/* main, or a branch that is valid, leads to it */
};

struct daxfs_ck_layer {
	u32 below;		/* 0: none; of those that show something */
	u32 shown_by;		/* it is being merged with that one, which decides; 0 */
	u32 down;		/* the layer that it is being merged into; 0: none */
	u8 life;
	u8 index_bad;		/* to be made anew */
	u8 tables;		/* in a row */
	u8 reserved;
};

enum daxfs_ck_round {		/* which objects are gone through */
	DAXFS_CK_ALL_SEEN,	/* of layers that are seen */
	DAXFS_CK_TOP,		/* of those, but not what another one is merged into */
	DAXFS_CK_DOWN,		/* those alone */
	DAXFS_CK_ALL_ENDED,
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
	u64 new_table;
	u32 rebuilt;		/* layer that it is of */
	u64 looks;		/* buckets that may still be looked at */
	u64 steps;		/* to the root that may still be taken */
	/* In regions without branches layer 1 is all there is. */
	struct daxfs_ck_layer *layers;
	u32 layer_nr;
	u32 layer;		/* that is looked at */
	u32 floor;		/* the lowest that decides: it stands on the base image */
	u32 merges;		/* pairs of layers that are being merged: each counts as
				 * one, the upper one deciding */
	enum daxfs_ck_round round;
	int silent;		/* nobody sees it: only what it refers to matters */
	int flat;
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

/* ---- layers ---- */

/* Who lies on whom, and what of it is seen by somebody. */
void daxfs_ck_layers(struct daxfs_ck *p);
/* Look at that layer: its tables, and what its view is. */
void daxfs_ck_see(struct daxfs_ck *p, u32 layer);
/* The layer that an inode or a name says it lies in. */
u32 daxfs_ck_layer_of(const struct daxfs_ck *p, u64 off, u32 type);
/* The one that shows what lies in layer. */
static inline u32 daxfs_ck_shown_by(const struct daxfs_ck *p, u32 layer)
{
	return layer < p->layer_nr && p->layers[layer].shown_by ?
	       p->layers[layer].shown_by : layer;
}
/* The one below, of those that show something; 0: none. */
static inline u32 daxfs_ck_below(const struct daxfs_ck *p, u32 layer)
{
	return layer == p->floor || layer >= p->layer_nr ? 0 :
	       p->layers[layer].below;
}
/* Is what is looked at in the lowest layer, on the base image? */
static inline int daxfs_ck_on_floor(const struct daxfs_ck *p)
{
	return daxfs_ck_shown_by(p, p->layer) == p->floor;
}
/* Its lower layer may just be taking over what it has. */
static inline int daxfs_ck_is_merged(const struct daxfs_ck *p)
{
	return !p->flat && p->layers[p->layer].down;
}
/* The index of the layer at hand is to be made anew. */
static inline int daxfs_ck_index_bad(const struct daxfs_ck *p)
{
	return p->layers[p->layer].index_bad;
}
static inline void daxfs_ck_index_is_bad(struct daxfs_ck *p)
{
	p->layers[p->layer].index_bad = 1;
}
/* Nobody writes to it: what has lost its last name stays until it is merged. */
int daxfs_ck_is_frozen(const struct daxfs_ck *p, u32 layer);
/* A layer covers the object, or it is about to be. */
int daxfs_ck_is_hidden(struct daxfs_ck *p, u64 off);
/* Whoever takes what has ended apart cannot: it is nobody's, all at once. */
void daxfs_ck_ended(struct daxfs_ck *p);

/* ---- numbers and names ---- */

/* Where to look for x, of that layer, in a hash table. */
u64 daxfs_ck_spread(const struct daxfs_ck *p, u32 layer, u64 x);

/* The inode of that number in the layer at hand; NULL: there is none. */
struct daxfs_ck_node *daxfs_ck_node(struct daxfs_ck *p, u64 ino);
/* The same of that layer, gone ones, too. */
struct daxfs_ck_node *daxfs_ck_node_in(struct daxfs_ck *p, u32 layer, u64 ino);
/* The first one from the layer at hand down; NULL: none, or it is gone. */
struct daxfs_ck_node *daxfs_ck_visible(struct daxfs_ck *p, u64 ino);
/* What n is a copy of; NULL: nothing, or in the base image alone. */
struct daxfs_ck_node *daxfs_ck_lower(struct daxfs_ck *p, const struct daxfs_ck_node *n);
/* The node of the inode object at off. */
struct daxfs_ck_node *daxfs_ck_node_at(struct daxfs_ck *p, u64 off);
int daxfs_ck_iref(struct daxfs_ck *p, struct daxfs_ck_node *n,
		  struct daxfs_iref *ref);
/* The cell of that key in the layer at hand, as the objects have it; 0: none. */
u64 daxfs_ck_name(struct daxfs_ck *p, const struct daxfs_key *k);
u64 daxfs_ck_name_in(struct daxfs_ck *p, u32 layer, const struct daxfs_key *k);

struct daxfs_ck_under {		/* what a name covers */
	u64 ino;
	u64 slot;		/* that it has in the listing */
	u32 type;
};

/*
 * Does a layer below the one at hand have the name, or else the base image?
 */
int daxfs_ck_under(struct daxfs_ck *p, const struct daxfs_key *k,
		   struct daxfs_ck_under *u);
/* The same of the name that the cell at off has. */
int daxfs_ck_covers(struct daxfs_ck *p, u64 off, struct daxfs_ck_under *u);
enum daxfs_class daxfs_ck_name_class(u32 len);
/* Key of the name cell at off; 0, or -EUCLEAN: it cannot be one. */
int daxfs_ck_key(struct daxfs_ck *p, u64 off, struct daxfs_key *k);
/* Key, name, hash and value of the memory at off say that it is a cell. */
int daxfs_ck_genuine(struct daxfs_ck *p, u64 off, enum daxfs_class class,
		     u32 *type);

/*
 * Is back the word at that place of another inode of the same number? It is when what
 * the page holds went from one layer to another.
 */
int daxfs_ck_is_of_other(struct daxfs_ck *p, const struct daxfs_inode *in, u64 back,
			 u64 field);

/* ---- the steps ---- */

void daxfs_ck_state(struct daxfs_ck *p);	/* globals, layer, hosts */
void daxfs_ck_numbers(struct daxfs_ck *p);	/* after the rest: next_ino */
void daxfs_ck_tables(struct daxfs_ck *p);
/* What a bucket of a layer that has ended refers to. */
void daxfs_ck_ended_tables(struct daxfs_ck *p);
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
/* A new index of all cells of the layer at hand that are found in memory. */
void daxfs_ck_rebuild(struct daxfs_ck *p);

#endif
