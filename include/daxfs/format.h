/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The daxfs region: every structure and word that lives in shared memory.
 *
 * Notes: docs/format.md is the prose of this file; both change in one commit,
 * with a golden image. All fields are little-endian and naturally aligned. A
 * reference is a byte offset from the region start (*_off, 0 is "none"),
 * never a pointer. Words that hosts change concurrently have the type
 * struct daxfs_a64 and are touched through the port alone. Reserved bytes are
 * written as zero and ignored by readers.
 */
#ifndef DAXFS_FORMAT_H
#define DAXFS_FORMAT_H

#include <linux/types.h>

#if !defined(__BYTE_ORDER__) || __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the region is little-endian and so is every host that daxfs runs on"
#endif

/* A word shared between hosts. Plain access does not compile by design. */
struct daxfs_a64 {
	__u64 raw;
} __attribute__((aligned(8)));

#define DAXFS_MAGIC		"daxfs\r\n\032"
#define DAXFS_MAGIC_LEN		8
#define DAXFS_VERSION		1
#define DAXFS_PAGE_SHIFT	12
#define DAXFS_PAGE_SIZE		4096ull
#define DAXFS_CHUNK_SHIFT	21
#define DAXFS_CHUNK_SIZE	(1ull << DAXFS_CHUNK_SHIFT)
#define DAXFS_CHUNK_PAGES	512u
#define DAXFS_NAME_MAX		255u
#define DAXFS_TARGET_MAX	4095u		/* symbolic link */
#define DAXFS_MAX_FILE		(1ull << 44)	/* 16 TiB */
#define DAXFS_MAX_REGION	(1ull << 48)
#define DAXFS_ROOT_INO		1ull
#define DAXFS_HOSTS		64u
#define DAXFS_CTXS		32u		/* contexts per host */
#define DAXFS_INO_RANGE		65536ull	/* numbers that 32 contexts take at once */
#define DAXFS_INO_TURN		(1ull << 48)	/* [47:0] place, hashed; [52:48] turn */
#define DAXFS_INO_END		(1ull << 53)
#define DAXFS_INO_PLACE(ino)	((ino) & (DAXFS_INO_TURN - 1))

/* ---- superblock: the first page; all of it is constant after mkdaxfs ---- */

enum daxfs_mode {
	DAXFS_MODE_STATIC	= 1,	/* a base image, with or without overlay */
	DAXFS_MODE_SPLIT	= 2,	/* file content in a backing file */
	DAXFS_MODE_EMPTY	= 3,	/* no base image */
};

#define DAXFS_COMPAT_KNOWN	0ull
#define DAXFS_RO_COMPAT_KNOWN	0ull
#define DAXFS_INCOMPAT_OVERLAY	(1ull << 0)	/* has hosts, pool and layers */
#define DAXFS_INCOMPAT_BRANCHING (1ull << 1)	/* main is read-only */
#define DAXFS_INCOMPAT_SPLIT	(1ull << 2)	/* needs backing files */
#define DAXFS_INCOMPAT_PERSIST	(1ull << 3)	/* write back before publishing */
#define DAXFS_INCOMPAT_KNOWN	(DAXFS_INCOMPAT_OVERLAY | DAXFS_INCOMPAT_PERSIST | \
				 DAXFS_INCOMPAT_BRANCHING | DAXFS_INCOMPAT_SPLIT)

enum daxfs_area_type {
	DAXFS_AREA_NONE		= 0,
	DAXFS_AREA_GLOBALS	= 1,	/* struct daxfs_globals */
	DAXFS_AREA_HOSTS	= 2,	/* struct daxfs_host_slot [] */
	DAXFS_AREA_LAYERS	= 3,	/* struct daxfs_layer []; entry 0 unused */
	DAXFS_AREA_BRANCHES	= 4,	/* struct daxfs_branch [] */
	DAXFS_AREA_PAGE_INFO	= 5,	/* info word per page of the pool */
	DAXFS_AREA_CHUNK_HINT	= 6,	/* hint word per chunk of the pool */
	DAXFS_AREA_POOL		= 7,	/* pages handed out at run time */
	DAXFS_AREA_BASE_INODES	= 8,	/* struct daxfs_base_inode [] */
	DAXFS_AREA_BASE_META	= 9,	/* dirents, targets, extents, xattrs */
	DAXFS_AREA_BASE_DATA	= 10,	/* file content, page-aligned */
	DAXFS_AREA_PCACHE_SLOTS	= 11,	/* struct daxfs_pcache_slot [] */
	DAXFS_AREA_PCACHE_DATA	= 12,	/* a page per slot */
	DAXFS_AREA_BACKING	= 13,	/* struct daxfs_backing [] */
	DAXFS_AREA_LOCKS	= 14,	/* file locks across hosts */
	DAXFS_AREA_BASE_OPENS	= 15,	/* bitmap of hosts per base inode */
	DAXFS_AREA_PCACHE_PINS	= 16,	/* bitmap of hosts per slot */
	DAXFS_AREA_PCACHE_ASKS	= 17,	/* words: slots that want to be filled */
	DAXFS_AREA_TYPES
};

struct daxfs_area {
	__u32 type;		/* enum daxfs_area_type */
	__u32 reserved;
	__u64 off;		/* multiple of the page size */
	__u64 len;		/* bytes */
	__u64 nr;		/* entries, where the area is an array */
};

#define DAXFS_AREAS		20u

struct daxfs_super {
	__u8  magic[DAXFS_MAGIC_LEN];
	__u32 version;
	__u32 super_len;	/* bytes under the checksum: sizeof this struct */
	__u32 crc;		/* CRC-32 (IEEE) of super_len bytes, this field as 0 */
	__u32 page_shift;
	__u64 compat;		/* unknown bits: ignore */
	__u64 ro_compat;	/* unknown bits: mount read-only */
	__u64 incompat;		/* unknown bits: refuse */
	__u64 region_len;	/* bytes, multiple of the page size */
	__u8  uuid[16];
	char  label[64];	/* zero padded, UTF-8 */
	__u64 created_ns;
	__u64 hash_seed;	/* of names */
	__u32 mode;		/* enum daxfs_mode */
	__u32 area_nr;
	__u32 base_crc;		/* CRC-32 of BASE_INODES then BASE_META */
	__u32 reserved0;
	__u64 base_inode_nr;	/* numbers 1..nr are base inodes; 0: none */
	__u64 first_ino;	/* first number of the overlay */
	__u64 reserve_nr;	/* last pages of the pool: only for deleting */
	__u8  reserved1[64];
	struct daxfs_area area[DAXFS_AREAS];
	__u8  reserved2[128];
};

/* ---- base image: read-only, built by mkdaxfs ---- */

#define DAXFS_BASE_SPARSE	(1u << 0)	/* data_off: struct daxfs_base_extent [] */

/* backing address: [47:0] byte of the backing file, [55:48] its number */
#define DAXFS_BACKING_SHIFT	48u
#define DAXFS_BACKING_FILES	256u
#define DAXFS_BACKING_MAX	(1ull << DAXFS_BACKING_SHIFT)	/* bytes of one */

struct daxfs_base_inode {	/* number n is entry n-1; 1 is the root */
	__u64 size;		/* bytes; directories: dirents * sizeof */
	__u64 data_off;		/* content, dirents, target; 0 if size is 0; of
				 * content in split mode: a backing address */
	__s64 mtime_ns;		/* since 1970 */
	__u32 mode;		/* type and permissions as in stat(2) */
	__u32 uid;
	__u32 gid;
	__u32 nlink;		/* directories: 2 + subdirectories */
	__u32 rdev;		/* Linux new_encode_dev() */
	__u32 parent;		/* directories: base number of the parent */
	__u32 flags;		/* DAXFS_BASE_* */
	__u32 xattr_len;	/* bytes */
	__u64 xattr_off;	/* struct daxfs_base_xattr, packed */
};

struct daxfs_base_dirent {	/* sorted by name: bytes as unsigned, then length */
	__u64 ino;
	__u8  d_type;		/* DT_* of readdir(3) */
	__u8  reserved[5];
	__u16 name_len;
	char  name[DAXFS_NAME_MAX];	/* zero padded */
} __attribute__((packed));

struct daxfs_base_extent {	/* sorted by file_off, disjoint, page-aligned */
	__u64 file_off;
	__u64 len;		/* bytes; only the last may end off a page */
	__u64 data_off;
	__u32 nr;		/* in the first entry: number of extents */
	__u32 reserved;
};

struct daxfs_base_xattr {	/* name and value follow, padded to 8 bytes */
	__u16 name_len;		/* with the prefix: "user.x" */
	__u16 reserved;
	__u32 value_len;
};

#define DAXFS_XATTR_NAME_MAX	255u
#define DAXFS_XATTR_VALUE_MAX	65536u
#define DAXFS_XATTRS_MAX	131072u	/* what hosts store for one inode */

/* ---- globals: one page, one cache line per word that changes ---- */

struct daxfs_line {
	struct daxfs_a64 word;
	__u8 pad[56];
};

struct daxfs_globals {
	struct daxfs_line epoch;	/* G, starts at 2 */
	struct daxfs_line next_ino;	/* next range of inode numbers */
	struct daxfs_line head;		/* HEAD word: layer of main, version */
	struct daxfs_line hosts_used;	/* bitmap of host slots with a host */
	struct daxfs_line layer_next;	/* hint: next free layer entry */
	struct daxfs_line starving;	/* hint: [1:0] 1 a search for free pages goes
					 * on, 2 it found none; [63:2] searches */
	struct daxfs_line pcache_hand;	/* CLOCK */
	struct daxfs_line lock_frees;	/* hint: locks given back; wraps */
	struct daxfs_line members;	/* moves when a host uses one more context */
	struct daxfs_line branches;	/* c: version of the set of branches */
	struct daxfs_line dropped;	/* hint: what a tidy-up has to look for; wraps */
	struct daxfs_line pcache_asks;	/* slots that were put into PCACHE_ASKS; wraps */
	struct daxfs_line spare[52];
};

/* ---- words: kind in [2:0] ---- */

#define DAXFS_BITS(v, hi, lo)	(((v) >> (lo)) & (~0ull >> (63 - (hi) + (lo))))

/* REF: a claimable word that belongs to a record. [15:3] context, [63:16] seq */
#define DAXFS_KIND(v)		((v) & 7)
#define DAXFS_K_VALUE		0ull
#define DAXFS_K_REF		7ull
#define DAXFS_SEQ_MAX		((1ull << 48) - 1)

/* bucket: CELL and MOVED [44:3] cell offset >> 6, [63:45] hash[63:45];
 * TOMB and GONE [63:3] hash[63:3]. Hashes have 0 in [2:0]; a key's run begins
 * at bucket (hash >> 3) modulo the size of the table. */
#define DAXFS_B_EMPTY		0ull
#define DAXFS_B_CELL		1ull
#define DAXFS_B_MOVED		2ull
#define DAXFS_B_TOMB		3ull
#define DAXFS_B_SEALED		4ull
#define DAXFS_B_GONE		5ull	/* a tomb that is not used again */

/* cell value: [5:3] state, [9:6] d_type, [63:10] ino */
#define DAXFS_V_NONE		0ull
#define DAXFS_V_LIVE		1ull
#define DAXFS_V_WHITEOUT	2ull
#define DAXFS_V_DEAD		3ull	/* final */

/* page slot of a file: [5:3] state, [47:12] offset; 0: fall through */
#define DAXFS_P_PAGE		1ull
#define DAXFS_P_ZERO		2ull	/* a hole that hides lower layers */

/* size: [63:3].  cut: [3] PURGE, [63:4] version */
#define DAXFS_CUT_PURGE		(1ull << 3)
/* nlink: [4:3] 0 alive 1 dropping, [5] tmpfile, [63:32] count */
#define DAXFS_NLINK_DROPPING	(1ull << 3)
#define DAXFS_NLINK_TMPFILE	(1ull << 5)
/* dirstate: [3] DEAD, [35:4] names, [63:36] subdirectories */
#define DAXFS_DIR_DEAD		(1ull << 3)
/* parent: [63:3] ino.  dirmove, branches: [63:3] version */
/* layer: [4:3] state, [24:5] children, of an unused one: host that makes it
 * + 1; [63:25] version, raised by each freeze and each life */
#define DAXFS_L_LIVE		0ull
#define DAXFS_L_FROZEN		1ull
#define DAXFS_L_DROPPED		2ull
#define DAXFS_L_NONE		3ull	/* of no use at present */
/* head: [22:3] layer of main, [63:23] version */
/* branch: [5:3] state, [25:6] top layer, of one that is being made: host;
 * [63:26] generation */
#define DAXFS_BR_FREE		0ull
#define DAXFS_BR_LIVE		1ull
#define DAXFS_BR_ABORTED	2ull
#define DAXFS_BR_COMMITTED	3ull
#define DAXFS_BR_MAKING		4ull

/* info of a page or object: [2:0] state, [6:3] type, [14:7] host;
 * OWNED: [59:15] offset >> 3 of the word that refers to it (0: by its key);
 * RETIRED, RETIRED_MAPPED: [63:15] epoch */
#define DAXFS_I_FREE		0ull
#define DAXFS_I_OWNED		1ull
#define DAXFS_I_RETIRED		2ull
#define DAXFS_I_RETIRED_MAPPED	3ull
#define DAXFS_I_RESERVED	4ull

enum daxfs_unit_type {
	DAXFS_T_NONE	= 0,
	DAXFS_T_DATA	= 1,	/* page: content of a file or symlink target */
	DAXFS_T_MAP	= 2,	/* page: 512 words of a file's map, or a list of
				 * its locks: the word that refers to it tells */
	DAXFS_T_SLOTS	= 3,	/* page: 512 slot words of a directory */
	DAXFS_T_SLAB64	= 4,	/* pages of objects, from here ... */
	DAXFS_T_SLAB128	= 5,
	DAXFS_T_SLAB256	= 6,
	DAXFS_T_SLAB320	= 7,	/* ... to here */
	DAXFS_T_TABLE	= 8,	/* page: struct daxfs_table */
	DAXFS_T_TABDIR	= 9,	/* page: 512 words of a table's directory */
	DAXFS_T_SEGMENT	= 10,	/* page: 512 buckets */
	DAXFS_T_ENTRIES	= 11,	/* page: more entries of a context's record */
	DAXFS_T_DIRENT	= 12,	/* object: struct daxfs_dirent_cell */
	DAXFS_T_INODE	= 13,	/* object: struct daxfs_inode */
	DAXFS_T_ATTR	= 14,	/* object: struct daxfs_attr */
	DAXFS_T_XATTR	= 15,	/* object or page: struct daxfs_xattrs; page:
				 * more bytes of one */
};

/* chunk hint: [1:0] 0 open 1 full, [31:16] context that takes here, plus 1 */
#define DAXFS_CH_FULL		1ull

/* host state: [2:0] state, [10:3] recoverer, [32:11] pid, [63:33] incarnation */
#define DAXFS_H_FREE		0ull
#define DAXFS_H_JOINING		1ull
#define DAXFS_H_ALIVE		2ull
#define DAXFS_H_DEAD		3ull
#define DAXFS_H_RECOVERING	4ull

/* record status: [1:0] state, [7:2] operation, [63:16] seq */
#define DAXFS_S_IDLE		0ull
#define DAXFS_S_ACTIVE		1ull
#define DAXFS_S_COMMITTED	2ull
#define DAXFS_S_ABORTED		3ull

/* pcache slot word: [2:0] state, [3] referenced, [15:4] context that claims or
 * fills + 1 (0: nobody yet, or not any more), [27:20] file, [63:28] page */
#define DAXFS_C_FREE		0ull
#define DAXFS_C_CLAIM		1ull
#define DAXFS_C_PENDING		2ull
#define DAXFS_C_VALID		3ull
#define DAXFS_C_FAILED		4ull	/* could not be read */

/* ---- host table ---- */

struct daxfs_entry {		/* one word that a record changes */
	struct daxfs_a64 word_off;
	struct daxfs_a64 old;
	struct daxfs_a64 new;
};

#define DAXFS_ENTRIES		8u	/* in the context */
#define DAXFS_MORE_ENTRIES	170u	/* in the page at more_off */
#define DAXFS_GARBAGE		8u
#define DAXFS_TOUCHES		4u
#define DAXFS_TOUCH_TIMES	3u	/* mtime and ctime, mtime, atime: see below */

/* touch: [47:6] offset of the inode >> 6, and what: MTIME and CTIME become
 * touch_ns[0] unless they are later; the others what was asked for */
#define DAXFS_TCH_MTIME		(1ull << 0)
#define DAXFS_TCH_CTIME		(1ull << 1)
#define DAXFS_TCH_SET_MTIME	(1ull << 2)	/* touch_ns[1] */
#define DAXFS_TCH_SET_ATIME	(1ull << 3)	/* touch_ns[2] */
#define DAXFS_TCH_SET_CTIME	(1ull << 4)	/* touch_ns[0], in any case */

struct daxfs_shared_ctx {	/* written by one thread or CPU at a time */
	struct daxfs_a64 epoch;		/* 0: outside a section */
	struct daxfs_a64 pages_taken;	/* minus pages freed; wraps; statistics */
	struct daxfs_a64 window_ino;	/* announced write window */
	struct daxfs_a64 window_first;
	struct daxfs_a64 window_nr;
	struct daxfs_a64 drop_ino;	/* inode that is being dropped */
	struct daxfs_a64 drop_attr;	/* record that leaves attr_off, or list
					 * that leaves lock_off */
	struct daxfs_a64 more_off;	/* page of further entries, kept */
	struct daxfs_a64 status;
	struct daxfs_a64 entry_nr;
	struct daxfs_a64 made_ino;	/* inode that no committed record names */
	struct daxfs_a64 inodes_made;	/* minus inodes dropped; wraps; statistics */
	struct daxfs_a64 patience_ns;	/* what others grant this record */
	struct daxfs_a64 drop_off;	/* cell of drop_ino */
	struct daxfs_a64 write_ino;	/* file whose content is being changed */
	struct daxfs_a64 past_more;	/* what more_off was when the context was
					 * recovered; a hint */
	struct daxfs_a64 garbage[DAXFS_GARBAGE]; /* cells that commit kills */
	struct daxfs_entry entry[DAXFS_ENTRIES];
	struct daxfs_a64 drop_xattr;	/* struct daxfs_xattrs that leaves attr_off */
	struct daxfs_a64 changes;	/* of names and rights: odd while one goes on */
	struct daxfs_a64 layer;		/* branching regions: that the record is of */
	struct daxfs_a64 touch[DAXFS_TOUCHES]; /* inodes whose times its commit sets */
	struct daxfs_a64 touch_ns[DAXFS_TOUCH_TIMES]; /* now, and those asked for */
	__u8 reserved[48];
};

enum daxfs_host_kind {
	DAXFS_HOST_TOOL		= 1,
	DAXFS_HOST_LIB		= 2,
	DAXFS_HOST_FUSE		= 3,
	DAXFS_HOST_KERNEL	= 4,
};

struct daxfs_host {
	struct daxfs_a64 state;
	struct daxfs_a64 ctx_used;	/* bitmap of contexts ever entered */
	struct daxfs_a64 map_epoch;	/* what was retired before is not mapped
					 * or pinned here; 0: nothing is */
	struct daxfs_a64 heartbeat_ns;
	struct daxfs_a64 kind;		/* enum daxfs_host_kind */
	struct daxfs_a64 start_time;	/* of the process, clock ticks */
	struct daxfs_a64 joined_ns;
	struct daxfs_a64 view;		/* branch + 1 and its generation; 0 main */
	struct daxfs_a64 boot_id[2];	/* of the machine */
	struct daxfs_a64 name[8];	/* host name, 64 bytes, zero padded */
	struct daxfs_a64 pcache_hits;
	struct daxfs_a64 pcache_misses;
	struct daxfs_a64 pcache_evictions;
	struct daxfs_a64 pcache_read;	/* bytes of backing files */
	struct daxfs_a64 machine_id[2];	/* of its installation; 0: not told */
	struct daxfs_a64 stores;	/* layer that it may store to through
					 * mappings; 0: none */
	struct daxfs_a64 pcache_fills;	/* pages put into the cache */
	struct daxfs_a64 pcache_waits;	/* for what another context fills */
	struct daxfs_a64 pcache_errors;	/* pages that could not be read */
	struct daxfs_a64 backing;	/* 1: it has the backing files, and fills what
					 * others ask for */
	struct daxfs_a64 spare[35];
};

struct daxfs_host_slot {
	struct daxfs_host host;
	struct daxfs_shared_ctx ctx[DAXFS_CTXS];
};

/* ---- layers and branches ---- */

#define DAXFS_LAYERS_MAX	4096u

struct daxfs_layer {
	struct daxfs_a64 word;		/* LAYER word */
	struct daxfs_a64 below;		/* c: [22:3] layer; 0: the base image */
	struct daxfs_a64 root_off;	/* struct daxfs_table */
	struct daxfs_a64 dirmove;	/* version of directory moves */
	struct daxfs_a64 drop_epoch;	/* c: [63:3] who came in before has left two
					 * epochs later; of one dropped, or merged */
	struct daxfs_a64 freeze;	/* a request to let it be frozen; 0: none */
	struct daxfs_a64 reap_cursor;	/* c: [55:3] buckets that were merged, or
					 * taken apart; [63:56] pass of a merge */
	struct daxfs_a64 commit_nr;	/* commits that lead to it, once it is main */
	struct daxfs_a64 name[8];	/* of a checkpoint, 63 bytes, zero padded */
};

struct daxfs_branch {
	struct daxfs_a64 word;		/* BRANCH word */
	struct daxfs_a64 parent;	/* [19:0] branch + 1, [63:26] its generation;
					 * 0: main */
	struct daxfs_a64 base_nr;	/* commit_nr of main when it was made */
	struct daxfs_a64 created_ns;
	struct daxfs_a64 flags;		/* 1: keep after the last unmount */
	struct daxfs_a64 mounts;	/* bitmap of hosts */
	struct daxfs_a64 base_layer;	/* that its first layer lies on */
	struct daxfs_a64 spare;
	struct daxfs_a64 name[8];	/* 63 bytes at most, zero padded */
	struct daxfs_a64 spare2[16];
};

/* ---- index: a table is a page, a directory of pages, and segments ---- */

#define DAXFS_TABLE_FANOUT	256u	/* words of the top directory */
#define DAXFS_TABLE_MIN_SHIFT	9u	/* 512 buckets: one segment */
#define DAXFS_TABLE_MAX_SHIFT	35u

struct daxfs_table {
	struct daxfs_a64 info;		/* constant after publication: */
	struct daxfs_a64 size_shift;	/* log2 of the number of buckets */
	struct daxfs_a64 levels;	/* of directory: 1 to 3 */
	struct daxfs_a64 reserved[5];
	struct daxfs_a64 next;		/* table that replaces this one */
	struct daxfs_a64 cursor;	/* hint: next bucket to migrate */
	struct daxfs_a64 done;		/* buckets below were seen final */
	struct daxfs_a64 used;		/* about: buckets not EMPTY */
	struct daxfs_a64 spare[20];
	struct daxfs_a64 dir[DAXFS_TABLE_FANOUT];
};

/* ---- cells: what buckets refer to; 64-byte aligned ---- */

#define DAXFS_KEY_DIRENT	(1ull << 60)	/* | ino of the directory */
#define DAXFS_KEY_INODE		(2ull << 60)	/* | ino */
#define DAXFS_KEY_INO(k)	((k) & ((1ull << 54) - 1))

struct daxfs_cell {		/* how every cell begins */
	struct daxfs_a64 info;
	struct daxfs_a64 value;
	struct daxfs_a64 hash;
	struct daxfs_a64 key;
};

struct daxfs_dirent_cell {	/* 64, 128 or 320 bytes, by name_len */
	struct daxfs_cell cell;
	struct daxfs_a64 dslot;		/* own slot number in the directory */
	struct daxfs_a64 ihint;		/* offset of the inode; check its key */
	__u8 name_len;
	__u8 name[];
};

#define DAXFS_DIRENT_NAME_OFF	49u
#define DAXFS_DIRENT64_NAME	(64u - DAXFS_DIRENT_NAME_OFF)
#define DAXFS_DIRENT128_NAME	(128u - DAXFS_DIRENT_NAME_OFF)

struct daxfs_attr {		/* immutable once published */
	struct daxfs_a64 info;		/* unused in the copy inside an inode */
	__u32 mode;
	__u32 uid;
	__u32 gid;
	__u32 flags;			/* DAXFS_ATTR_* */
	__u64 xattr_off;		/* struct daxfs_xattrs; 0: there are none */
};

/* daxfs_attr.flags: xattr_off says it; else they are those of the base inode */
#define DAXFS_ATTR_XATTRS	(1u << 0)

/*
 * The extended attributes of an inode, immutable once published: a head and
 * len bytes of struct daxfs_base_xattr. 16 + len bytes up to 320 are an object;
 * up to 4096 one page; else the words of further pages follow the head.
 */
struct daxfs_xattrs {
	struct daxfs_a64 info;		/* unused in a page */
	__u32 len;
	__u32 reserved;
};

#define DAXFS_INLINE_TARGET	32u	/* bytes; longer ones take a page */

struct daxfs_inode {		/* 256 bytes; a cell with key INODE */
	struct daxfs_cell cell;
	struct daxfs_a64 nlink;		/* c */
	struct daxfs_a64 size;		/* c: bytes */
	struct daxfs_a64 cut;		/* c */
	struct daxfs_a64 dirstate;	/* c: directories */
	/* second line */
	struct daxfs_a64 parent;	/* c: directories */
	struct daxfs_a64 attr_off;	/* struct daxfs_attr; first: the one below */
	struct daxfs_a64 mtime_ns;
	struct daxfs_a64 ctime_ns;
	struct daxfs_a64 atime_ns;
	struct daxfs_a64 change;	/* raised after each change of content */
	struct daxfs_a64 opens;		/* bitmap of hosts */
	struct daxfs_a64 mapped;	/* bitmap of hosts with mappings or pins */
	/* third line */
	struct daxfs_a64 page0;		/* c: page 0 of the content */
	struct daxfs_a64 map;		/* [2:0] height, [47:12] offset of the node */
	struct daxfs_a64 low_limit;	/* bytes of lower content that show */
	struct daxfs_a64 slot_hwm;	/* directories: slots handed out */
	struct daxfs_a64 pages;		/* about: pages of content; statistics */
	__u64 btime_ns;
	__u32 rdev;			/* Linux new_encode_dev() */
	__u32 generation;
	__u32 birth_layer;		/* [19:0] layer that it lies in, [31] it is a
					 * copy from below; 0: a copy in layer 1 */
	__u32 slot_base;		/* directories: slots of lower layers */
	struct daxfs_attr attr;
	union {
		__u8 target[DAXFS_INLINE_TARGET]; /* short symbolic link, zero
						   * padded */
		struct daxfs_a64 lock_off;	/* all others: struct
						 * daxfs_lock_list, 0: none */
	};
};

/* locks: immutable once published */
#define DAXFS_LOCK_PAGES	15u	/* behind the first */
#define DAXFS_LOCK_FIRST	124u	/* entries in the first page */
#define DAXFS_LOCK_EACH		128u	/* in each page behind it */
#define DAXFS_LOCK_MAX	(DAXFS_LOCK_FIRST + DAXFS_LOCK_PAGES * DAXFS_LOCK_EACH)

/* who: [7:0] host, [8] exclusive, [9] of a range (else flock), [31:10] process
 * id, [62:32] incarnation of the host */
#define DAXFS_LOCK_EXCLUSIVE	(1ull << 8)
#define DAXFS_LOCK_RANGE	(1ull << 9)

struct daxfs_lock_entry {
	__u64 who;
	__u64 owner;			/* among those of its host */
	__u64 start;
	__u64 end;			/* the last byte */
};

struct daxfs_lock_list {	/* a page */
	struct daxfs_a64 nr;		/* entries, here and behind */
	struct daxfs_a64 more[DAXFS_LOCK_PAGES]; /* pages of entries alone */
	struct daxfs_lock_entry entry[DAXFS_LOCK_FIRST];
};

/* file map: page n >= 1 is word n % 512 of a leaf, leaves hang in nodes of
 * 512 words (offset of the page below); page 0 is in the inode */
#define DAXFS_MAP_FANOUT	512u
#define DAXFS_MAP_SHIFT		9u
#define DAXFS_MAP_HEIGHTS	4u
/* directory: slot n is word n % 512 of content page n / 512: [47:6] cell */
#define DAXFS_SLOTS_PER_PAGE	512u
#define DAXFS_MAX_SLOTS		(1ull << 32)

/* ---- page cache ---- */

#define DAXFS_CACHE_WAYS	16u	/* slots that a page may be in: a set */
#define DAXFS_CACHE_MIN		64u	/* slots; a power of two */
#define DAXFS_CACHE_ASKS	512u	/* words of PCACHE_ASKS */

struct daxfs_pcache_slot {
	struct daxfs_a64 word;
	struct daxfs_a64 seq;		/* fills */
};

#define DAXFS_BACKING_SAMPLES	64u	/* pages under crc, from the first to the last */

struct daxfs_backing {		/* identity of a backing file; constant */
	__u8  uuid[16];			/* of the region */
	__u64 size;			/* bytes, multiple of the page size */
	__s64 mtime_ns;
	__u32 crc;			/* CRC-32 of sampled pages */
	__u32 reserved;
	__u8  spare[216];
};

#define DAXFS_BACKING_MAGIC	"daxfs\r\n\033"

struct daxfs_backing_head {	/* first page of a backing file */
	__u8  magic[DAXFS_MAGIC_LEN];
	__u32 version;
	__u32 file;			/* number */
	__u8  uuid[16];
	__u64 size;			/* bytes of the file */
	__u8  spare[4056];
};

/* ---- sizes and offsets are the format ---- */

#define DAXFS_SIZE(s, n) \
	_Static_assert(sizeof(struct s) == (n), "size of " #s)
#define DAXFS_AT(s, f, n) \
	_Static_assert(__builtin_offsetof(struct s, f) == (n), #s "." #f)

DAXFS_SIZE(daxfs_a64, 8);
DAXFS_SIZE(daxfs_area, 32);
DAXFS_SIZE(daxfs_super, 1024);
DAXFS_AT(daxfs_super, version, 8);
DAXFS_AT(daxfs_super, crc, 16);
DAXFS_AT(daxfs_super, compat, 24);
DAXFS_AT(daxfs_super, region_len, 48);
DAXFS_AT(daxfs_super, uuid, 56);
DAXFS_AT(daxfs_super, label, 72);
DAXFS_AT(daxfs_super, created_ns, 136);
DAXFS_AT(daxfs_super, mode, 152);
DAXFS_AT(daxfs_super, base_inode_nr, 168);
DAXFS_AT(daxfs_super, area, 256);
DAXFS_SIZE(daxfs_base_inode, 64);
DAXFS_AT(daxfs_base_inode, mtime_ns, 16);
DAXFS_AT(daxfs_base_inode, rdev, 40);
DAXFS_AT(daxfs_base_inode, xattr_off, 56);
DAXFS_SIZE(daxfs_base_dirent, 271);
DAXFS_AT(daxfs_base_dirent, name_len, 14);
DAXFS_AT(daxfs_base_dirent, name, 16);
DAXFS_SIZE(daxfs_base_extent, 32);
DAXFS_SIZE(daxfs_base_xattr, 8);
DAXFS_SIZE(daxfs_globals, 4096);
DAXFS_SIZE(daxfs_entry, 24);
DAXFS_SIZE(daxfs_shared_ctx, 512);
DAXFS_AT(daxfs_shared_ctx, status, 64);
DAXFS_AT(daxfs_shared_ctx, garbage, 128);
DAXFS_AT(daxfs_shared_ctx, entry, 192);
DAXFS_AT(daxfs_shared_ctx, drop_xattr, 384);
DAXFS_AT(daxfs_shared_ctx, changes, 392);
DAXFS_AT(daxfs_shared_ctx, layer, 400);
DAXFS_AT(daxfs_globals, members, 512);
DAXFS_SIZE(daxfs_host, 512);
DAXFS_AT(daxfs_host, boot_id, 64);
DAXFS_AT(daxfs_host, name, 80);
DAXFS_AT(daxfs_host, machine_id, 176);
DAXFS_AT(daxfs_host, stores, 192);
DAXFS_SIZE(daxfs_host_slot, 512 + 512 * DAXFS_CTXS);
DAXFS_SIZE(daxfs_layer, 128);
DAXFS_SIZE(daxfs_branch, 256);
DAXFS_AT(daxfs_branch, name, 64);
DAXFS_SIZE(daxfs_table, 2304);
DAXFS_AT(daxfs_table, next, 64);
DAXFS_AT(daxfs_table, dir, 256);
DAXFS_SIZE(daxfs_cell, 32);
DAXFS_AT(daxfs_dirent_cell, name, DAXFS_DIRENT_NAME_OFF);
DAXFS_SIZE(daxfs_attr, 32);
DAXFS_SIZE(daxfs_xattrs, 16);
DAXFS_SIZE(daxfs_inode, 256);
DAXFS_AT(daxfs_inode, nlink, 32);
DAXFS_AT(daxfs_inode, parent, 64);
DAXFS_AT(daxfs_inode, page0, 128);
DAXFS_AT(daxfs_inode, btime_ns, 168);
DAXFS_AT(daxfs_inode, attr, 192);
DAXFS_AT(daxfs_inode, lock_off, 224);
DAXFS_SIZE(daxfs_lock_entry, 32);
DAXFS_SIZE(daxfs_lock_list, 4096);
DAXFS_AT(daxfs_lock_list, entry, 128);
DAXFS_SIZE(daxfs_pcache_slot, 16);
DAXFS_SIZE(daxfs_backing, 256);
DAXFS_AT(daxfs_backing, mtime_ns, 24);
DAXFS_AT(daxfs_backing, crc, 32);
DAXFS_SIZE(daxfs_backing_head, 4096);
DAXFS_AT(daxfs_backing_head, uuid, 16);
DAXFS_AT(daxfs_globals, pcache_hand, 384);
DAXFS_AT(daxfs_globals, pcache_asks, 704);
DAXFS_AT(daxfs_host, pcache_hits, 144);
DAXFS_AT(daxfs_host, pcache_fills, 200);
DAXFS_AT(daxfs_host, backing, 224);

#endif
