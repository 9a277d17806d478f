/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Encoding and decoding of the words of the region (docs/format.md).
 *
 * Notes: pure arithmetic on values; nothing here touches shared memory.
 */
#ifndef DAXFS_WORD_H
#define DAXFS_WORD_H

#include "port.h"

static inline u64 ref_make(u32 cx, u64 seq)
{
	return DAXFS_K_REF | (u64)cx << 3 | seq << 16;
}

static inline int is_ref(u64 v)
{
	return DAXFS_KIND(v) == DAXFS_K_REF;
}

static inline u32 ref_cx(u64 v)
{
	return (u32)DAXFS_BITS(v, 15, 3);
}

static inline u64 ref_seq(u64 v)
{
	return v >> 16;
}

static inline u64 status_make(u64 seq, u64 state)
{
	return seq << 16 | state;
}

static inline u64 status_seq(u64 s)
{
	return s >> 16;
}

static inline u64 status_state(u64 s)
{
	return s & 3;
}

static inline u64 bucket_make(u64 kind, u64 cell_off, u64 hash)
{
	return kind | (cell_off >> 6) << 3 | (hash >> 45) << 45;
}

static inline u64 bucket_kind(u64 b)
{
	return DAXFS_KIND(b);
}

static inline u64 bucket_off(u64 b)
{
	return DAXFS_BITS(b, 44, 3) << 6;
}

static inline int bucket_tag_is(u64 b, u64 hash)
{
	return b >> 45 == hash >> 45;
}

static inline u64 bucket_as(u64 b, u64 kind)
{
	return (b & ~7ull) | kind;
}

/* kind: TOMB or GONE */
static inline u64 tomb_make(u64 kind, u64 hash)
{
	return hash | kind;
}

static inline int is_tomb(u64 b)
{
	return bucket_kind(b) == DAXFS_B_TOMB || bucket_kind(b) == DAXFS_B_GONE;
}

/* Does the bucket refer to a cell? */
static inline int is_cell(u64 b)
{
	return bucket_kind(b) == DAXFS_B_CELL || bucket_kind(b) == DAXFS_B_MOVED;
}

static inline u64 hash_home(u64 hash)
{
	return hash >> 3;
}

static inline u64 value_make(u64 state, u32 d_type, u64 ino)
{
	return state << 3 | (u64)(d_type & 15) << 6 | ino << 10;
}

static inline u64 value_state(u64 v)
{
	return DAXFS_BITS(v, 5, 3);
}

static inline u32 value_type(u64 v)
{
	return (u32)DAXFS_BITS(v, 9, 6);
}

static inline u64 value_ino(u64 v)
{
	return v >> 10;
}

static inline u64 pslot_make(u64 page_off)
{
	return DAXFS_P_PAGE << 3 | page_off;
}

static inline int pslot_is_page(u64 v)
{
	return DAXFS_BITS(v, 5, 3) == DAXFS_P_PAGE;
}

static inline u64 pslot_off(u64 v)
{
	return v & 0xfffffffff000ull;
}

static inline u64 size_make(u64 bytes)
{
	return bytes << 3;
}

static inline u64 size_bytes(u64 v)
{
	return v >> 3;
}

static inline u64 cut_next(u64 v)
{
	return v + 16;
}

static inline u64 nlink_make(u32 count)
{
	return (u64)count << 32;
}

static inline u32 nlink_count(u64 v)
{
	return (u32)(v >> 32);
}

static inline u64 dirstate_make(u64 names, u64 subdirs)
{
	return names << 4 | subdirs << 36;
}

static inline u64 dirstate_names(u64 v)
{
	return DAXFS_BITS(v, 35, 4);
}

static inline u64 dirstate_subdirs(u64 v)
{
	return v >> 36;
}

#define DIRSTATE_NAME		(1ull << 4)
#define DIRSTATE_SUBDIR		(1ull << 36)
#define DIRSTATE_NAMES_MAX	((1ull << 32) - 1)
#define DIRSTATE_SUBDIRS_MAX	((1ull << 28) - 1)

static inline u64 parent_make(u64 ino)
{
	return ino << 3;
}

static inline u64 parent_ino(u64 v)
{
	return v >> 3;
}

/* ---- requests to let a layer be frozen ---- */

#define ASK_COUNT_MASK	((1ull << 22) - 1)

static inline u64 ask_make(u32 host, u64 count, u32 incarnation)
{
	return 1 | (u64)host << 3 | (count & ASK_COUNT_MASK) << 11 |
	       (u64)incarnation << 33;
}

static inline u32 ask_host(u64 w)
{
	return (u32)(w >> 3 & 0xff);
}

static inline u32 ask_incarnation(u64 w)
{
	return (u32)(w >> 33);
}

static inline u64 layer_make(u64 state, u64 children, u64 version)
{
	return state << 3 | children << 5 | version << 25;
}

static inline u64 layer_state(u64 v)
{
	return DAXFS_BITS(v, 4, 3);
}

/* Of an unused one: the host that makes it, plus 1. */
static inline u32 layer_children(u64 v)
{
	return (u32)DAXFS_BITS(v, 24, 5);
}

static inline u64 layer_version(u64 v)
{
	return v >> 25;
}

/* The word below of a layer: claimable. */
static inline u64 layer_below_make(u32 layer)
{
	return (u64)layer << 3;
}

static inline u32 layer_below(u64 v)
{
	return (u32)DAXFS_BITS(v, 22, 3);
}

/* reap_cursor: [55:3] buckets, [63:56] what for: passes of a merge, or the end. */
#define CURSOR_REAP		255u
#define CURSOR_TABLES		254u	/* only its tables are left; buckets: host + 1 */

static inline u64 cursor_make(u32 pass, u64 buckets)
{
	return (u64)pass << 56 | buckets << 3;
}

static inline u32 cursor_pass(u64 v)
{
	return (u32)(v >> 56);
}

static inline u64 cursor_buckets(u64 v)
{
	return DAXFS_BITS(v, 55, 3);
}

static inline u64 head_make(u32 layer, u64 version)
{
	return (u64)layer << 3 | version << 23;
}

static inline u32 head_layer(u64 v)
{
	return (u32)DAXFS_BITS(v, 22, 3);
}

static inline u64 head_version(u64 v)
{
	return v >> 23;
}

static inline u64 branch_make(u64 state, u32 top, u64 generation)
{
	return state << 3 | (u64)top << 6 | generation << 26;
}

static inline u64 branch_state(u64 v)
{
	return DAXFS_BITS(v, 5, 3);
}

/* Of one that is being made: the host. */
static inline u32 branch_top(u64 v)
{
	return (u32)DAXFS_BITS(v, 25, 6);
}

static inline u64 branch_generation(u64 v)
{
	return v >> 26;
}

/* A branch for as long as it lives: entry + 1 and generation. 0: main. */
static inline u64 branch_id_make(u32 entry, u64 generation)
{
	return (u64)(entry + 1) | generation << 26;
}

static inline u32 branch_id_entry(u64 id)
{
	return (u32)DAXFS_BITS(id, 19, 0) - 1;
}

static inline u64 branch_id_generation(u64 id)
{
	return id >> 26;
}

/* The layer number in an inode's birth_layer; 0 there means layer 1. */
#define BIRTH_COPY		(1u << 31)

static inline u32 birth_layer_of(u32 birth)
{
	return birth & 0xfffff ? birth & 0xfffff : 1;
}

static inline int birth_is_copy(u32 birth)
{
	return !birth || (birth & BIRTH_COPY);
}

/* A name's place in the listing, and its layer; 0 there means layer 1. */
#define DSLOT_COVERS		(1ull << 63)	/* a lower layer has the name */

static inline u64 dslot_make(u64 slot, u32 layer)
{
	return slot | (u64)layer << 32;
}

static inline u64 dslot_slot(u64 v)
{
	return v & 0xffffffffull;
}

static inline u32 dslot_layer(u64 v)
{
	u32 layer = (u32)DAXFS_BITS(v, 51, 32);

	return layer ? layer : 1;
}

static inline u64 lock_who(u32 host, u32 incarnation, u32 pid, u64 flags)
{
	return (u64)(host & 255) | flags | (u64)(pid & 0x3fffff) << 10 |
	       (u64)(incarnation & 0x7fffffff) << 32;
}

static inline u32 lock_host(u64 who)
{
	return (u32)DAXFS_BITS(who, 7, 0);
}

static inline u32 lock_pid(u64 who)
{
	return (u32)DAXFS_BITS(who, 31, 10);
}

static inline u32 lock_incarnation(u64 who)
{
	return (u32)DAXFS_BITS(who, 62, 32);
}

static inline u64 info_owned(u32 type, u32 host, u64 back_off)
{
	return DAXFS_I_OWNED | (u64)type << 3 | (u64)host << 7 |
	       (back_off >> 3) << 15;
}

static inline u64 info_retired(u64 info, u64 epoch, int mapped)
{
	return (mapped ? DAXFS_I_RETIRED_MAPPED : DAXFS_I_RETIRED) |
	       (info & 0x7ff8ull) | epoch << 15;
}

static inline u64 info_reserved(u32 type, u32 host)
{
	return DAXFS_I_RESERVED | (u64)type << 3 | (u64)host << 7;
}

static inline u32 info_type(u64 info)
{
	return (u32)DAXFS_BITS(info, 6, 3);
}

static inline u32 info_host(u64 info)
{
	return (u32)DAXFS_BITS(info, 14, 7);
}

static inline u64 info_back(u64 info)
{
	return DAXFS_BITS(info, 59, 15) << 3;
}

static inline u64 info_epoch(u64 info)
{
	return info >> 15;
}

static inline int info_is_retired(u64 info)
{
	return DAXFS_KIND(info) == DAXFS_I_RETIRED ||
	       DAXFS_KIND(info) == DAXFS_I_RETIRED_MAPPED;
}

#define CSLOT_USED		(1ull << 3)

/* File and page of a backing file, as a word of the page cache has them. */
static inline u64 cslot_tag(u64 file, u64 page)
{
	return (page & ((1ull << 36) - 1)) << 8 | (file & 255);
}

static inline u64 cslot_make(u64 state, u32 ctx, u64 tag)
{
	return state | (u64)(ctx & 0xfff) << 4 | tag << 20;
}

static inline u32 cslot_ctx(u64 v)
{
	return (u32)DAXFS_BITS(v, 15, 4);
}

static inline u64 cslot_word_tag(u64 v)
{
	return v >> 20;
}

static inline int cslot_is(u64 v, u64 state, u64 tag)
{
	return DAXFS_KIND(v) == state && cslot_word_tag(v) == tag;
}

/* The backing address of its page. */
static inline u64 cslot_addr(u64 v)
{
	return DAXFS_BITS(v, 27, 20) << DAXFS_BACKING_SHIFT |
	       v >> 28 << DAXFS_PAGE_SHIFT;
}

static inline u64 host_make(u64 state, u32 recoverer, u32 pid, u32 incarnation)
{
	return state | (u64)(recoverer & 255) << 3 |
	       (u64)(pid & 0x3fffff) << 11 | (u64)incarnation << 33;
}

static inline u32 host_recoverer(u64 w)
{
	return (u32)DAXFS_BITS(w, 10, 3);
}

static inline u32 host_pid(u64 w)
{
	return (u32)DAXFS_BITS(w, 32, 11);
}

static inline u32 host_incarnation(u64 w)
{
	return (u32)(w >> 33);
}

#endif
