/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The core as its front ends see it: FUSE server, library, kernel module.
 *
 * Notes: the core is freestanding. It never allocates, never sleeps but for
 * port_pause_ns(), keeps no state outside the structures of this file, and
 * returns 0 or a positive result, or a negative errno. Besides what a call
 * says of itself, each may return
 *   -EUCLEAN  the region holds something that cannot be; fsck.daxfs names it,
 *   -ESTALE   this host was evicted and must unmount,
 *   -EIO      the memory behind the region is gone,
 *   -EREMOTE  in split mode: it needs a page of a backing file that is not in
 *             the cache, cx->miss says which; see "the page cache" below.
 * Any call may run at the same time as any other on another context. One
 * context belongs to one thread or CPU at a time.
 */
#ifndef DAXFS_CORE_H
#define DAXFS_CORE_H

#include "port.h"

/* ---- a mapped region; volatile, one per mapping ---- */

struct daxfs_span {		/* an area, validated */
	u64 off;
	u64 len;
	u64 nr;
};

struct daxfs_region {
	u8 *base;		/* NULL: not open */
	u64 len;		/* bytes mapped */
	int writable;		/* the mapping may be stored to */
	int lost;		/* set by whoever finds the memory gone: -EIO */
	struct daxfs_super super;	/* the validated copy */
	struct daxfs_span area[DAXFS_AREA_TYPES];
	u64 pool_base;		/* chunk that holds the first pool page */
	u64 pool_end;		/* end for ordinary allocation */
	u64 probes_max;		/* buckets that a section looks at: a bound */
	u32 host;		/* own slot, if joined */
	u32 incarnation;
	int joined;
	struct daxfs_a64 view;	/* id of the branch that this host shows; 0: main */
};

/*
 * Check the superblock at base and take a copy. O(1) in the size.
 * len: bytes mapped. Errors: -EINVAL too small or not daxfs, -EUCLEAN wrong
 * checksum or areas, -EPROTONOSUPPORT other version or unknown incompat
 * features, -ENODATA len is less than the region needs (truncated),
 * -EROFS unknown ro_compat features and writable was asked for.
 * What is wrong is put as a sentence into why (why_len bytes), if not NULL.
 */
int daxfs_region_open(struct daxfs_region *rg, void *base, u64 len,
		      int writable, char *why, size_t why_len);

/* The region has an overlay: hosts, pool, index. */
int daxfs_has_overlay(const struct daxfs_region *rg);
/* Writing happens in branches; main is read-only. */
int daxfs_is_branching(const struct daxfs_region *rg);
/* What is acknowledged is on the medium, if the memory is persistent. */
int daxfs_is_persistent(const struct daxfs_region *rg);
/* The content of the base image is in backing files: there is a page cache. */
int daxfs_is_split(const struct daxfs_region *rg);

/*
 * The one resolver: address of [off, off+len), or NULL unless off is not 0,
 * a multiple of align (a power of two), and the range is inside the region.
 */
static inline void *daxfs_at(const struct daxfs_region *rg, u64 off, u64 len,
			     u64 align)
{
	if (!off || (off & (align - 1)) || off > rg->len || len > rg->len - off)
		return NULL;
	return rg->base + off;
}

/* Its inverse, for a pointer that daxfs_at() gave. */
static inline u64 daxfs_off(const struct daxfs_region *rg, const void *p)
{
	return (u64)((const u8 *)p - rg->base);
}

/* ---- contexts; volatile, one per thread at a time ---- */

#define DAXFS_CX_PAGES		32
#define DAXFS_CX_OBJECTS	64
#define DAXFS_CX_RETIRED	1024
#define DAXFS_CX_SLOTS		32
#define DAXFS_CX_INODES		64
#define DAXFS_CX_NUMBERS	256
#define DAXFS_CX_COUNTS		2
#define DAXFS_VIEW_MAX		192	/* layers that lie on one another */

struct daxfs_retired {		/* a unit that waits for reuse; a hint */
	u64 off;
	u64 epoch;
};

#define DAXFS_LENT		2	/* pages that one record may need: its two ends */

struct daxfs_miss {		/* what -EREMOTE is about */
	u64 addr;		/* backing address of a page */
	u64 len;		/* bytes wanted from there on, at least one */
	int own;		/* it has to be lent, in the cache or not */
};

struct daxfs_free_slot {	/* a directory slot freed by us; a hint */
	u64 dir;
	u64 slot;
};

struct daxfs_view {		/* the layers that a context sees (view.c) */
	u64 head;		/* the word when this was looked up; 0: never */
	u64 id;			/* what the host showed then */
	u64 branch;		/* whose top layer is written to; 0: main */
	int flat;		/* the region has no branches */
	int fixed;		/* in this section it has been looked up */
	int stale;		/* the branch is not valid any more */
	u32 nr;
	u32 layer[DAXFS_VIEW_MAX];	/* the top first */
};

struct daxfs_cx {
	struct daxfs_region *rg;
	struct daxfs_shared_ctx *sh;	/* NULL: read-only without a host */
	const struct daxfs_a64 *state;	/* of our host, if sh */
	u64 state_seen;			/* as long as it says so we are one */
	struct daxfs_shared_ctx none;	/* sh of a host that was declared dead: its
					 * stores go nowhere */
	u32 id;				/* host * DAXFS_CTXS + context */
	u64 seq;			/* of the current record */
	u64 epoch;			/* of the current section; 0 outside */
	u32 depth;			/* of nested sections */
	u64 probes;			/* buckets that the section looked at */
	u64 patience;			/* ns */
	u32 entry_nr;
	u32 count_nr;			/* entries that add to a word */
	struct {
		u32 entry;
		u64 gain;
	} count[DAXFS_CX_COUNTS];
	u32 garbage_nr;
	int full;			/* may use the reserve */
	/* hints of the allocator */
	u64 chunk;			/* index of the chunk that we take from */
	u32 chunk_page;
	u32 page_nr;
	u64 page[DAXFS_CX_PAGES];	/* pages that were free a moment ago */
	u64 obj_page[4];
	u32 obj_next[4];
	u32 obj_nr[4];
	u64 obj[4][DAXFS_CX_OBJECTS];
	u32 retired_head, retired_nr;
	struct daxfs_retired retired[DAXFS_CX_RETIRED];
	u32 retire_count;
	u64 slab_cursor;
	/* hints of the index and of directories */
	u64 inode_off[DAXFS_CX_INODES];	/* of inodes found lately, by number */
	u64 root_off;			/* root of the index in this section; 0: not seen */
	u32 root_shift;			/* log2 of its buckets */
	struct daxfs_view view;
	u64 tidied;			/* globals.dropped when all was taken away */
	struct daxfs_a64 *fold;		/* merging: an entry of each record (merge.c) */
	u64 fold_value;			/* that it must have */
	const struct daxfs_setattr *asked;	/* whose times go into the record */
	u32 touch_nr;			/* of the record: inodes whose times it sets */
	u64 touch[DAXFS_TOUCHES];
	u64 touch_ns[DAXFS_TOUCH_TIMES];
	u64 table;			/* table that the counts below are of */
	u32 used_add;
	u32 buried;			/* since we looked whether it is too large */
	u32 grow_wait;			/* inserts until growing is tried again */
	int wants_pages;		/* something useful found none: reclaim */
	u32 objs_retired;		/* since slab pages were looked at */
	u64 changes;			/* what our counter says outside of a change */
	u32 changing;			/* depth */
	struct daxfs_miss miss;
	u32 lent_nr, lent_next;
	struct {
		u64 addr;
		const u8 *page;
	} lent[DAXFS_LENT];
	u64 ino_next, ino_end;
	u32 number_nr;
	u64 number[DAXFS_CX_NUMBERS];	/* inode numbers that only we may give */
	u32 slot_nr;
	struct daxfs_free_slot slot[DAXFS_CX_SLOTS];
	u64 rng;
};

/*
 * Bind cx to context nr (0..DAXFS_CTXS-1) of the joined host of rg. On a
 * region without an overlay nr does not matter and nothing is shared.
 */
int daxfs_cx_init(struct daxfs_cx *cx, struct daxfs_region *rg, u32 nr);

/* ---- hosts ---- */

struct daxfs_host_id {		/* what identifies a host; constant */
	u64 boot_id[2];		/* of this machine */
	u64 machine_id[2];	/* the same after a restart; 0: not known */
	u32 pid;		/* 22 bits are kept */
	u64 start_time;		/* of the process, clock ticks since boot */
	u32 kind;		/* enum daxfs_host_kind */
	char name[64];
};

struct daxfs_host_info {	/* one row of the host table */
	u32 slot;
	u32 state;		/* DAXFS_H_* */
	u32 incarnation;
	struct daxfs_host_id id;
	u64 heartbeat_ns;
	u64 joined_ns;
	u64 epoch;		/* of the region, loaded before the next */
	u64 oldest_epoch;	/* lowest epoch of a context in a section, or 0 */
	u64 map_epoch;		/* of the oldest pin or mapping; 0: none */
	u64 stores;		/* layer that it may store to through mappings; 0: none */
	u32 recoverer;		/* while it is being recovered: by whom */
};

/* Take a free host slot. -EUSERS: all DAXFS_HOSTS are in use. */
int daxfs_host_join(struct daxfs_region *rg, const struct daxfs_host_id *id);
/*
 * When all slots are taken: become the host of a slot whose host is dead, and
 * recover it. cx is bound to one of its contexts. -EBUSY: not that one now.
 */
int daxfs_host_take_over(struct daxfs_region *rg, struct daxfs_cx *cx,
			 const struct daxfs_host_id *id, u32 slot);
/* Give back everything this host holds. cx: a context of it. */
int daxfs_host_leave(struct daxfs_cx *cx);
void daxfs_host_beat(struct daxfs_region *rg);
/* Still joined under the same incarnation: 0, else -ESTALE. */
int daxfs_host_check(const struct daxfs_region *rg);
/* Row i of the table; -ENOENT if the slot is free. */
int daxfs_host_info(const struct daxfs_region *rg, u32 slot,
		    struct daxfs_host_info *info);
/*
 * Pool pages that are retired and wait for the epoch to move on, which a
 * context in a section may hold back. Looks at all pages.
 */
u64 daxfs_pages_waiting(const struct daxfs_region *rg);
/*
 * State that the host of that slot and incarnation executes no further store.
 * The caller has proof: its process is gone, or it was fenced.
 */
int daxfs_host_mark_dead(struct daxfs_region *rg, u32 slot, u32 incarnation);
/* Finish what a dead host left and free its slot. -EBUSY: somebody else does. */
int daxfs_host_recover(struct daxfs_cx *cx, u32 slot);

/* ---- attributes ---- */

struct daxfs_stat {
	u64 ino;
	u32 mode;		/* type and permissions as in stat(2) */
	u32 nlink;
	u32 uid;
	u32 gid;
	u32 rdev;		/* Linux new_encode_dev() */
	u32 generation;
	u64 size;		/* bytes */
	u64 blocks;		/* of 512 bytes, about */
	u64 atime_ns, mtime_ns, ctime_ns, btime_ns;	/* signed, as 2^64 */
	u64 change;		/* moves after each change of the content */
};

#define DAXFS_SET_MODE	(1u << 0)
#define DAXFS_SET_UID	(1u << 1)
#define DAXFS_SET_GID	(1u << 2)
#define DAXFS_SET_ATIME	(1u << 3)
#define DAXFS_SET_MTIME	(1u << 4)
#define DAXFS_SET_CTIME	(1u << 5)	/* else ctime becomes now */
/*
 * Of what is no directory, set-user-ID goes, and set-group-ID if the group may
 * execute it. In the same instant as mode and owner, after them.
 */
#define DAXFS_SET_DROP_IDS	(1u << 6)

struct daxfs_setattr {
	u32 set;		/* DAXFS_SET_* */
	u32 mode;		/* permission bits alone count */
	u32 uid;
	u32 gid;
	u64 atime_ns, mtime_ns, ctime_ns;
};

int daxfs_getattr(struct daxfs_cx *cx, u64 ino, struct daxfs_stat *st);
/* st, if not NULL: the attributes afterwards. */
int daxfs_setattr(struct daxfs_cx *cx, u64 ino, const struct daxfs_setattr *sa,
		  struct daxfs_stat *st);

/* ---- extended attributes; name: len bytes with the prefix, no NUL ---- */

#define DAXFS_XATTR_CREATE	1u	/* the values of setxattr(2) */
#define DAXFS_XATTR_REPLACE	2u
/* Of an access control list: the caller is not of the group; as setfacl(1). */
#define DAXFS_XATTR_KILL_SGID	4u
#define DAXFS_XATTR_LIST_MAX	65536

/*
 * Prefixes user., trusted., security., and system.posix_acl_access and _default;
 * others are -EOPNOTSUPP. user.: regular files and directories only (-EPERM).
 * A list that says no more than a mode is not stored, as in other file systems;
 * an access list and the mode change in one instant, also by daxfs_setattr().
 * The owner's change takes security.capability away.
 * size 0: only the length. -ERANGE: more than size bytes, or an impossible name;
 * -ENODATA: not there.
 */
s64 daxfs_getxattr(struct daxfs_cx *cx, u64 ino, const char *name, u32 len,
		   void *buf, u64 size);
/*
 * flags: DAXFS_XATTR_*. -EEXIST, -ENODATA by them; -E2BIG: more than
 * DAXFS_XATTR_VALUE_MAX bytes; -ENOSPC: also when all of the inode's together
 * would take more than DAXFS_XATTRS_MAX; -EINVAL: no access control list.
 */
int daxfs_setxattr(struct daxfs_cx *cx, u64 ino, const char *name, u32 len,
		   const void *value, u64 size, u32 flags);
/* Names, each with a NUL; those of trusted. only if asked for. -E2BIG. */
s64 daxfs_listxattr(struct daxfs_cx *cx, u64 ino, void *buf, u64 size,
		    int trusted);
int daxfs_removexattr(struct daxfs_cx *cx, u64 ino, const char *name, u32 len);

/* ---- names; name: len bytes, no NUL, no '/' ---- */

struct daxfs_new {		/* what is made */
	u32 mode;		/* type and permissions: regular file, directory,
				 * symbolic link, FIFO, socket, device */
	u32 uid;
	u32 gid;		/* a set-group-ID parent overrides it */
	u32 rdev;
	const char *target;	/* symbolic link */
	u32 target_len;
	u32 umask;		/* taken from mode, unless the directory has a
				 * default access control list, which rules */
};

/* -ENOENT: no such name, or dir is gone. "." and ".." are understood. */
int daxfs_lookup(struct daxfs_cx *cx, u64 dir, const char *name, u32 len,
		 struct daxfs_stat *st);
/*
 * -EEXIST (st is of what is there, but for "." and ".."), -ENOSPC,
 * -ENAMETOOLONG, -ENOENT (dir is gone), -ENOTDIR.
 */
int daxfs_create(struct daxfs_cx *cx, u64 dir, const char *name, u32 len,
		 const struct daxfs_new *what, struct daxfs_stat *st);
/* -EPERM for directories, -EMLINK, -ENOENT: it has no name any more. */
int daxfs_link(struct daxfs_cx *cx, u64 ino, u64 dir, const char *name,
	       u32 len, struct daxfs_stat *st);
/* -EISDIR for directories. */
int daxfs_unlink(struct daxfs_cx *cx, u64 dir, const char *name, u32 len);
/* -ENOTDIR, -ENOTEMPTY, -EINVAL for ".", -ENOTEMPTY for "..". */
int daxfs_rmdir(struct daxfs_cx *cx, u64 dir, const char *name, u32 len);

#define DAXFS_RENAME_NOREPLACE	1u	/* the values of renameat2(2) */
#define DAXFS_RENAME_EXCHANGE	2u
#define DAXFS_RENAME_WHITEOUT	4u

/*
 * As renameat2(2). WHITEOUT leaves a character device 0:0 without permissions
 * under the old name, owned by uid and gid (0 and 0 by daxfs_rename()).
 */
int daxfs_rename(struct daxfs_cx *cx, u64 dir, const char *name, u32 len,
		 u64 dir2, const char *name2, u32 len2, u32 flags);
int daxfs_rename_as(struct daxfs_cx *cx, u64 dir, const char *name, u32 len,
		    u64 dir2, const char *name2, u32 len2, u32 flags,
		    u32 uid, u32 gid);

struct daxfs_dirent {
	u64 ino;
	u64 next;		/* cookie to go on behind this entry */
	u32 d_type;		/* DT_* of readdir(3) */
	u32 name_len;
	char name[DAXFS_NAME_MAX + 1];	/* NUL-terminated */
};

/*
 * List dir from a cookie on (0: the beginning, with "." and ".."). emit gets
 * each entry and returns 0 to go on, else the walk ends before that entry;
 * it is called inside a section and may look up and getattr, nothing else.
 * Names that exist during the whole listing come exactly once.
 */
int daxfs_readdir(struct daxfs_cx *cx, u64 dir, u64 cookie,
		  int (*emit)(void *arg, const struct daxfs_dirent *de),
		  void *arg);
/* Bytes of the target, at most len, no NUL. -EINVAL: not a symbolic link. */
s64 daxfs_readlink(struct daxfs_cx *cx, u64 ino, char *buf, u64 len);

/* ---- open files ---- */

struct daxfs_file {		/* an inode held by this host; volatile */
	u64 ino;
	struct daxfs_a64 inode_off; /* of the overlay inode once there is one, 0;
				     * threads may share the handle */
};

/*
 * Hold ino for this host: its content and attributes stay after the last
 * unlink until daxfs_close(). The caller counts: one daxfs_open() for the
 * first holder of an inode on this host and one daxfs_close() for the last,
 * never both at the same time. Read-only regions need neither and allow both.
 * held: another holder of this host has it already (only fills *f).
 */
int daxfs_open(struct daxfs_cx *cx, u64 ino, int held, struct daxfs_file *f);
int daxfs_close(struct daxfs_cx *cx, u64 ino);

/*
 * A regular file without a name, open on this host as by daxfs_open(): gone
 * after daxfs_close(), unless daxfs_link() has given it a name before. excl:
 * it gets none (-ENOENT). dir: the group that it may inherit. -EINVAL: what is
 * not a regular file; -ENOTDIR, -ENOENT (dir is gone), -ENOSPC.
 */
int daxfs_tmpfile(struct daxfs_cx *cx, u64 dir, const struct daxfs_new *what,
		  int excl, struct daxfs_stat *st, struct daxfs_file *f);

int daxfs_fgetattr(struct daxfs_cx *cx, struct daxfs_file *f,
		   struct daxfs_stat *st);
/* Bytes read; less than len at the end of the file only. -EISDIR, -EINVAL. */
s64 daxfs_read(struct daxfs_cx *cx, struct daxfs_file *f, u64 off, void *buf,
	       u64 len);
/*
 * Bytes written; less than len if space ran out on the way (-ENOSPC if
 * nothing was written). -EFBIG beyond DAXFS_MAX_FILE.
 */
s64 daxfs_write(struct daxfs_cx *cx, struct daxfs_file *f, u64 off,
		const void *buf, u64 len);
/*
 * Atomically at the end of the file, up to DAXFS_APPEND_MAX bytes whole or
 * not at all, longer ones in such pieces. *at, if not NULL: the offset.
 */
#define DAXFS_APPEND_MAX	(128u * 4096u)
s64 daxfs_append(struct daxfs_cx *cx, struct daxfs_file *f, const void *buf,
		 u64 len, u64 *at);
/*
 * Content that no pointer leads to, as the memory of a user inside a kernel. copy
 * puts bytes [off, off+len) of it to memory of the region, and may be asked for
 * them several times. It runs inside a section: it does not sleep, and says
 * -EFAULT if it cannot go on; whatever it has stored by then nobody sees, or it is
 * of its own range. The calls then end early, with -EFAULT if nothing was written;
 * the caller makes the bytes accessible and calls again.
 */
struct daxfs_from {
	int (*copy)(const struct daxfs_from *from, u64 off, void *to, u64 len);
};

s64 daxfs_write_from(struct daxfs_cx *cx, struct daxfs_file *f, u64 off,
		     const struct daxfs_from *from, u64 len);
s64 daxfs_append_from(struct daxfs_cx *cx, struct daxfs_file *f,
		      const struct daxfs_from *from, u64 len, u64 *at);
int daxfs_truncate(struct daxfs_cx *cx, struct daxfs_file *f, u64 size);

#define DAXFS_KEEP_SIZE		1u	/* the values of fallocate(2) */
#define DAXFS_PUNCH_HOLE	2u
#define DAXFS_ZERO_RANGE	16u

/*
 * mode 0: [off, off+len) has pages of its own, zero where it had none, and the
 * file is at least that long. KEEP_SIZE: its size stays; pages behind the end
 * go with the next truncation, or if a host dies that is writing to the file.
 * PUNCH_HOLE with KEEP_SIZE: it is a hole; works when there is no space, too.
 * ZERO_RANGE: a hole first, then pages. Long ranges are done in pieces, each
 * old or zero as a whole. -ENOSPC comes before any effect, but what others take
 * meanwhile may leave a part done. -EOPNOTSUPP other modes, -ENODEV not a
 * regular file, -EFBIG beyond DAXFS_MAX_FILE, -EINVAL len 0.
 */
int daxfs_fallocate(struct daxfs_cx *cx, struct daxfs_file *f, u32 mode, u64 off,
		    u64 len);
/*
 * The first byte at or behind off that is data, or in a hole; the end of the
 * file is one. -ENXIO: off is at the end or behind it, or no data follows.
 */
s64 daxfs_seek(struct daxfs_cx *cx, struct daxfs_file *f, u64 off, int hole);
/*
 * Copy bytes between files, or inside one, without leaving the region. Holes
 * become holes. Returns how many, at most len: a call copies no more than
 * DAXFS_COPY_MAX bytes of data; 0 at the end of from. Two files never share a
 * page. -EINVAL: both ranges are of one file and overlap.
 */
#define DAXFS_COPY_MAX		(16u << 20)
s64 daxfs_copy_range(struct daxfs_cx *cx, struct daxfs_file *from, u64 off,
		     struct daxfs_file *to, u64 to_off, u64 len);
/*
 * What a front end may owe to a file that it lets somebody use. Accessed: the
 * access time is set to now if it is not later than the last change or is a day
 * old; always: in any case. Never if only the base image has the file. Drop
 * ids: as DAXFS_SET_DROP_IDS, for somebody who changes content and may not keep
 * them; called before the change, so that who stops in between took rights away
 * and no more. Nothing is stored if there are none.
 */
int daxfs_accessed(struct daxfs_cx *cx, struct daxfs_file *f, int always);
int daxfs_drop_ids(struct daxfs_cx *cx, struct daxfs_file *f);
/*
 * The attribute security.capability, which no change of content leaves, whoever
 * makes it. As above; a file without extended attributes costs a look.
 */
int daxfs_drop_caps(struct daxfs_cx *cx, struct daxfs_file *f);
/*
 * The content was changed by stores through a mapping of this host. touch: its
 * times are now. The change counter is raised; *before, if not NULL: what it was.
 */
int daxfs_stored(struct daxfs_cx *cx, struct daxfs_file *f, int touch, u64 *before);
/*
 * Everything acknowledged before is in the region: orders, nothing more. In a
 * persistent region it is on the medium, as after any other call.
 */
int daxfs_fsync(struct daxfs_cx *cx, struct daxfs_file *f);

/* ---- locks of open files, across hosts ---- */

#define DAXFS_LOCK_END	((1ull << 63) - 1)	/* the last byte of any file */

enum daxfs_lock_type { DAXFS_UNLOCK, DAXFS_LOCK_SH, DAXFS_LOCK_EX };
enum daxfs_lock_kind {
	DAXFS_FLOCK,		/* the whole file */
	DAXFS_RANGE,		/* bytes, as fcntl(2) has it */
};

struct daxfs_lock {
	enum daxfs_lock_type type;
	enum daxfs_lock_kind kind;
	u64 owner;		/* any number; of this host alone */
	u64 start, end;		/* first and last byte; DAXFS_RANGE */
	u32 pid;		/* for people; 22 bits are kept */
	/* of what was found */
	u32 host;		/* slot of its host */
	u32 mine;		/* locks of that kind that the owner has */
};

/*
 * Take a lock if nobody has one that is in its way, or give back what of the
 * range the owner has (DAXFS_UNLOCK). f is held, and no symbolic link. An owner
 * has one type for each byte: a lock replaces what he has there, in one
 * instant, or nothing changes. The two kinds do not see each other. A lock ends
 * with its host: what a host has that is known to be dead is in nobody's way.
 * -EAGAIN: *found, if not NULL, is one that is in its way; ask again, this
 * call never waits. -ENOLCK: no memory, or more than DAXFS_LOCK_MAX. -EROFS.
 */
int daxfs_lock(struct daxfs_cx *cx, struct daxfs_file *f,
	       const struct daxfs_lock *want, struct daxfs_lock *found);
/* Would it be taken? found->type is DAXFS_UNLOCK then. Stores nothing. */
int daxfs_lock_test(struct daxfs_cx *cx, struct daxfs_file *f,
		    const struct daxfs_lock *want, struct daxfs_lock *found);
/*
 * A number that has moved if a lock was given back by any host. A hint: it may
 * be late, and does not move when a host dies.
 */
u64 daxfs_lock_frees(const struct daxfs_region *rg);

struct daxfs_run {
	u64 file_off;		/* bytes */
	u64 len;
	u64 off;		/* in the region; 0: a hole, reads as zeros */
	int away;		/* off is a backing address instead */
};

/*
 * The content of [off, off+len) as runs, at most nr of them, none beyond the
 * end of the file. Returns their number. What they refer to stays valid while
 * the context is inside daxfs_enter/leave, or while a pin holds it. Content in a
 * backing file is told as such, whether it is in the cache or not.
 */
int daxfs_runs(struct daxfs_cx *cx, struct daxfs_file *f, u64 off, u64 len,
	       struct daxfs_run *run, u32 nr);

/*
 * A section: memory seen inside is not reused. Every call above has its own;
 * they nest. Keep it short: it holds reclamation back for all hosts.
 * Leaving says -ESTALE if this host was declared dead meanwhile: what was seen
 * inside may then have been the memory of something else. It is left then, too.
 */
int daxfs_enter(struct daxfs_cx *cx);
int daxfs_leave(struct daxfs_cx *cx);

/*
 * Pins: from daxfs_map_begin(f) on, pages that leave f are kept while
 * host.map_epoch is not above the epoch of their retirement. The host keeps
 * the lowest epoch of its live pins there (daxfs_map_epoch; 0: none left).
 * The bit on the inode is dropped by daxfs_map_end when its last pin goes.
 * A file that is in the base image alone has no such bit. Its pages are kept all
 * the same, because whoever pins it has it open (daxfs_inode_mapped()); but
 * daxfs_mapped_elsewhere() does not see that pin. Who has stored to the file
 * through a mapping begins again, and leaves the lowest epoch as it was.
 */
int daxfs_map_begin(struct daxfs_cx *cx, struct daxfs_file *f, u64 *epoch);
void daxfs_map_end(struct daxfs_cx *cx, struct daxfs_file *f);
void daxfs_map_epoch(struct daxfs_region *rg, u64 lowest);
/*
 * Have other hosts mapped or pinned f? Then content may change by stores that
 * nothing counts. 1, 0, or a negative errno. A look without a fence: of what
 * begins or ends at the same time it says either.
 */
int daxfs_mapped_elsewhere(struct daxfs_cx *cx, struct daxfs_file *f);

/* ---- the page cache, in split mode ---- */

/*
 * A backing address is a byte of a backing file: [55:48] its number, [47:0] the
 * byte. The core does not read these files. A call that needs a page which is not
 * in the cache says -EREMOTE, before any effect or after a part, as for
 * -EFAULT; the caller brings the page in and calls again. To be sure to
 * get on he may lend it as well: up to DAXFS_LENT pages at a time, which must
 * stay what they are until they are taken back. If cx->miss.own he has to.
 */
void daxfs_cache_lend(struct daxfs_cx *cx, u64 addr, const void *page);
void daxfs_cache_take_back(struct daxfs_cx *cx);

/* The identity of a backing file. -ENOENT: there are not as many. */
int daxfs_backing(const struct daxfs_region *rg, u32 file, struct daxfs_backing *copy);

enum daxfs_cache_result {
	DAXFS_CACHE_VALID = 1,	/* it is there */
	DAXFS_CACHE_OURS,	/* ours to fill */
	DAXFS_CACHE_WAIT,	/* another context fills it, or is asked to */
	DAXFS_CACHE_FAILED,	/* who tried could not read it */
	DAXFS_CACHE_FULL,	/* no slot is to be had: read past the cache */
	DAXFS_CACHE_NONE,	/* neither there nor on its way */
};

struct daxfs_fill {		/* a slot that a context fills */
	u64 addr;		/* of the page */
	u64 slot;
	u64 word;
	void *page;		/* where its bytes go: a page of the region */
};

/*
 * A host with the backing files: make the page at addr ours to fill, unless
 * (then see the result) that is not needed or not possible. Each OURS ends with
 * one of the calls below, by the same context, however long that takes:
 * filled: all bytes are there; failed: it could not be read, which those that
 * wait are told; give_up: as if it had not begun. -ESTALE: we were declared dead.
 */
int daxfs_cache_claim(struct daxfs_cx *cx, u64 addr, struct daxfs_fill *f);
/* The same, but nothing is evicted for it: FULL. */
int daxfs_cache_seed(struct daxfs_cx *cx, u64 addr, struct daxfs_fill *f);
int daxfs_cache_filled(struct daxfs_cx *cx, const struct daxfs_fill *f);
int daxfs_cache_failed(struct daxfs_cx *cx, const struct daxfs_fill *f);
int daxfs_cache_give_up(struct daxfs_cx *cx, const struct daxfs_fill *f);
/*
 * A host without: ask those with it. To be repeated now and then while it waits.
 * more: it would be good to have it, too; nothing else that is asked for has to go.
 */
int daxfs_cache_ask(struct daxfs_cx *cx, u64 addr, int more);
/* Nobody waits for it any more. */
void daxfs_cache_withdraw(struct daxfs_cx *cx, u64 addr);
/*
 * Make the next page that somebody asks for ours to fill: DAXFS_CACHE_OURS, or 0:
 * none. *seen: the caller's, 0 at first. asks: a number that moves when somebody asks.
 */
int daxfs_cache_serve(struct daxfs_cx *cx, u64 *seen, struct daxfs_fill *f);
u64 daxfs_cache_asks(const struct daxfs_region *rg);
/*
 * How it stands with the page: VALID, WAIT, FAILED or NONE. *filler: the host
 * that fills it, or DAXFS_HOSTS. Loads only.
 */
int daxfs_cache_state(struct daxfs_cx *cx, u64 addr, u32 *filler);
/* This host has the backing files, or has them no more. */
void daxfs_cache_backing_here(struct daxfs_region *rg, int here);
/*
 * 1: that host lives and has the backing files. *progress moves as long as it
 * gets on with what it fills.
 */
int daxfs_cache_filler(const struct daxfs_region *rg, u32 host, u64 *progress);

#define DAXFS_NO_SLOT	(~0ull)

/*
 * A page stays in its slot while this host pins that. *off: of addr in the
 * region. The caller counts the pins of a slot, and makes no two calls about one
 * slot at a time: also after an error *slot, unless it is DAXFS_NO_SLOT, is to be
 * unpinned if the count is 0. -EREMOTE: it is not in the cache.
 */
int daxfs_cache_pin(struct daxfs_cx *cx, u64 addr, u64 *slot, u64 *off);
void daxfs_cache_unpin(struct daxfs_cx *cx, u64 slot);
/* The set that the page at addr belongs to: slots [first, first + DAXFS_CACHE_WAYS). */
u64 daxfs_cache_set(const struct daxfs_region *rg, u64 addr);
/* Slots of that set that anybody pins. Loads only. */
u32 daxfs_cache_set_pinned(const struct daxfs_region *rg, u64 addr);
/* Where the page of a slot lies in the region. */
u64 daxfs_cache_slot_off(const struct daxfs_region *rg, u64 slot);

/* ---- missing a page ---- */

#define DAXFS_FILL_PAGES	64u	/* that are claimed for one miss, at most */

/*
 * daxfs_cache_claim() for the page that is missed, and, if that is OURS, for what is
 * wanted behind it, as far as it is to be had: *nr slots of pages one behind the
 * other. fill has room for DAXFS_FILL_PAGES.
 */
int daxfs_miss_claim(struct daxfs_cx *cx, const struct daxfs_miss *miss,
		     struct daxfs_fill *fill, u32 *nr);
/* Ask others for all of it. daxfs_cache_ask() for the page itself. */
int daxfs_miss_ask(struct daxfs_cx *cx, const struct daxfs_miss *miss);

struct daxfs_rounds {		/* of one call; zeroed at first */
	u64 last;		/* address that was missed last */
	u32 nr;
};

/* Another miss. *own: it is to be lent. -EIO: there is no end to it. */
int daxfs_miss_again(struct daxfs_rounds *rounds, const struct daxfs_miss *miss,
		     int *own);

/*
 * Waiting for a page that somebody else brings in. now: ns of a clock that never
 * goes back. All are called between looks at daxfs_cache_state().
 */
struct daxfs_wait {		/* one wait */
	u64 begun, asked, looked, moved;	/* times */
	u64 full;		/* since then no slot is to be had; 0: one is */
	u64 progress;		/* of all that have the file */
	u32 fillers;		/* their number */
	u32 host;		/* that fills it; DAXFS_HOSTS: none that we know */
	u64 host_progress, host_moved;
};

struct daxfs_waits {		/* what a mount remembers of its waits; zeroed */
	struct daxfs_a64 stalled[DAXFS_HOSTS];	/* progress then + 1; 0: it did not */
	struct daxfs_a64 vain_ns, vain_progress, vain_nr;
};

void daxfs_wait_begin(struct daxfs_wait *w, u64 now);
/* 1: it is time to look after hosts that are dead. */
int daxfs_wait_look(struct daxfs_wait *w, u64 now);
/* 1: it is time to ask again. asked: with that result. */
int daxfs_wait_ask(struct daxfs_wait *w, u64 now);
void daxfs_wait_asked(struct daxfs_wait *w, int result, u64 now);
/* That host fills it. 1: it does not get on: go past it. */
int daxfs_wait_filler(const struct daxfs_region *rg, struct daxfs_waits *all,
		      struct daxfs_wait *w, u32 host, u64 now);
/* The caller knows that this host has stopped. */
void daxfs_wait_stalled(struct daxfs_waits *all, const struct daxfs_wait *w);
/*
 * It was asked for. First at w->begun, then when it is time to look; host: that fills it,
 * as daxfs_cache_state() says. NULL: wait; or why that is in vain, as part of a sentence.
 */
const char *daxfs_wait_served(const struct daxfs_region *rg, struct daxfs_waits *all,
			      struct daxfs_wait *w, u32 host, u64 now);

/* ---- backing files ---- */

struct daxfs_backing_file {	/* a file of the caller's that may be one */
	u64 size;		/* bytes */
	s64 mtime_ns;
	/* All of len bytes: 0 or a negative errno; -ENODATA: it ends before. */
	int (*read)(const struct daxfs_backing_file *b, void *buf, u64 len, u64 off);
};

/* The checksum that is kept of it; page: a page of scratch. An error of read(). */
int daxfs_backing_crc(const struct daxfs_backing_file *b, void *page, u32 *crc);
/*
 * Which backing file of the region it is. -EINVAL: none, or not as it was when the
 * region was made: *why is what is wrong and what to do. Else an error of read().
 */
int daxfs_backing_which(const struct daxfs_region *rg,
			const struct daxfs_backing_file *b, void *page, u32 *file,
			const char **why);
/*
 * The next path of a list PATH:PATH..., cut off in place; NULL: there is no more. A
 * backslash takes its meaning from what follows it.
 */
char *daxfs_backing_next(char **rest);

struct daxfs_cache_count {	/* of a host slot, since the region was made */
	u64 hits, misses, evictions;
	u64 read;		/* bytes of backing files */
	u64 fills, waits, errors;
	int backing;
};

struct daxfs_cache_stat {
	u64 slots;
	u64 state[8];		/* slots, by DAXFS_C_* */
	u64 used, pinned;	/* slots */
	struct daxfs_cache_count host[DAXFS_HOSTS];
};

/* Looks at all slots. */
void daxfs_cache_stat(const struct daxfs_region *rg, struct daxfs_cache_stat *st);
/* For the figures: pages missed, waits for others, bytes that were read. */
void daxfs_cache_count(struct daxfs_cx *cx, u64 misses, u64 waits, u64 bytes);

/* ---- copies of names and rights ---- */

#define DAXFS_WATCH_MAX	512u	/* contexts of other hosts */

struct daxfs_watch {		/* whom to watch; volatile, the caller's */
	u64 members;
	u64 first;
	u32 nr;
	const struct daxfs_a64 *word[DAXFS_WATCH_MAX];
};

/*
 * Who keeps what a lookup has found (names, and none; modes, owners, access control
 * lists) may use it again for as long as daxfs_watch_look() says the same number
 * as just before that lookup: no other host has changed anything of the kind in
 * between. What this host itself changes its keeper has to know. Sizes, times and
 * link counts are not covered. Of a joined host.
 * list: make the list; number: another each time, 1 to 65535 (then copies of the
 * 65536th list before may be taken for good). -EUSERS: too many to watch.
 * look: 0: do not use copies now; several loads, waits for nobody, needs no section.
 * is_old: another list is needed; a hint.
 */
int daxfs_watch_list(const struct daxfs_region *rg, struct daxfs_watch *w, u64 number);
u64 daxfs_watch_look(const struct daxfs_region *rg, const struct daxfs_watch *w);
int daxfs_watch_is_old(const struct daxfs_region *rg, const struct daxfs_watch *w);

/* ---- branches, in regions made for them ---- */

#define DAXFS_BRANCH_NAME_MAX	63u
#define DAXFS_BRANCH_KEEP	1u	/* it stays after its last orderly unmount */

enum daxfs_branch_state {
	DAXFS_BRANCH_LIVE,
	DAXFS_BRANCH_FROZEN,		/* it has children, and cannot be written to */
	DAXFS_BRANCH_STALE,		/* aborted, or lost against another: to be
					 * taken away by daxfs_tidy() */
};

struct daxfs_branch_info {
	u64 id;				/* never that of another branch */
	u64 parent;			/* id; 0: main */
	enum daxfs_branch_state state;
	char name[DAXFS_BRANCH_NAME_MAX + 1];
	u64 created_ns;
	u64 mounts;			/* bitmap of hosts that show it */
	u32 children;
	u32 layers;			/* of its own: 1, and one per checkpoint */
	int keep;
};

/*
 * A branch is a stack of layers on that of its parent. All calls take ids; 0 is
 * main, which is read-only. Each is one record: whoever dies in it leaves the
 * state before or behind. Names: 1 to DAXFS_BRANCH_NAME_MAX bytes without '/',
 * spaces and control characters, not "main". What besides is returned: -ESTALE:
 * there is no such branch any more, or another one won; -EBUSY: also
 * if a host stores to the branch through mappings, and does not stop within 100 ms.
 */

/* -ENOENT: none of that name that is valid. "main" is 0. */
int daxfs_branch_find(struct daxfs_cx *cx, const char *name, u64 *id);
/* A hint, where there is none that is valid: 1: there was, and its entry tells it. */
int daxfs_branch_was(struct daxfs_cx *cx, const char *name);
/* Entry i of the table; -ENOENT: nothing there; -ERANGE: beyond its end. */
int daxfs_branch_info(struct daxfs_cx *cx, u32 i, struct daxfs_branch_info *info);
/* The same of one branch; -ESTALE: it is not there any more. */
int daxfs_branch_info_of(struct daxfs_cx *cx, u64 id, struct daxfs_branch_info *info);
/* How main is known: moves with each commit alone. */
int daxfs_head_id(struct daxfs_cx *cx, u64 *nr);
/*
 * A child of parent as that is at this instant; parent is frozen from then on.
 * flags: DAXFS_BRANCH_KEEP. -EEXIST; -EINVAL: no name; -ENOSPC: no entry is
 * free, or no layer; -EMLINK: too many layers on one another.
 */
int daxfs_branch_create(struct daxfs_cx *cx, u64 parent, const char *name,
			u32 flags, u64 *id);
/*
 * The stack of the branch becomes main; all other branches end. -ESTALE: main
 * has moved. if_head: 0, or the daxfs_head_id() that main must still have.
 */
int daxfs_branch_commit(struct daxfs_cx *cx, u64 id, u64 if_head);
/* The branch ends, with the one above it that is a child of main, and all below. */
int daxfs_branch_abort(struct daxfs_cx *cx, u64 id);
/*
 * Keep the state of the branch under that name, to come back to. -EEXIST: the
 * branch has one; -EBUSY: it has children.
 */
int daxfs_branch_checkpoint(struct daxfs_cx *cx, u64 id, const char *name);
/* As it was at that checkpoint, which stays; later ones go. -ENOENT. */
int daxfs_branch_rollback(struct daxfs_cx *cx, u64 id, const char *name);
#define DAXFS_DIFF_ADDED	1u	/* a name: it is there, of ino */
#define DAXFS_DIFF_REMOVED	2u	/* it was there, of ino_before; or of another */
#define DAXFS_DIFF_CONTENT	4u	/* an inode that both have: bytes or size */
#define DAXFS_DIFF_META		8u	/* mode, owner, group, extended attributes */
#define DAXFS_DIFF_TIME		16u	/* time of modification; not of directories */

struct daxfs_diff {
	u32 what;		/* of a name: the first two; else the others */
	u64 dir;		/* of a name: its directory */
	u64 ino, ino_before;
	u32 mode;		/* the type of it, as in stat(2) */
	u32 name_len;
	char name[DAXFS_NAME_MAX + 1];	/* NUL-terminated */
};

/*
 * What to has, and from has not, or differently; ids, 0 is main. Each key once; a name
 * that has moved is two, one removed and one added, of the same ino. emit returns 0 to
 * go on, or an error that ends it; it is called inside a section, and calls nothing.
 * scratch: memory of daxfs_branch_diff_scratch() bytes. -EBUSY: one of them was
 * committed, or got a checkpoint, meanwhile: begin again.
 */
u64 daxfs_branch_diff_scratch(void);
int daxfs_branch_diff(struct daxfs_cx *cx, u64 from, u64 to,
		      int (*emit)(void *arg, const struct daxfs_diff *d), void *arg,
		      void *scratch);
/* May this host change what it shows? 0, -EROFS: main, or it has children. */
int daxfs_writable(struct daxfs_cx *cx);
/*
 * Who lets programs store through a mapping says so before the first store can come,
 * and each time that another page is to be stored to, which is then one of the file's
 * own in the branch (daxfs_fallocate()). What is frozen is frozen behind the end of it.
 * begin: 0: until daxfs_stores_end() pages may be stored to. 1: make it impossible
 * to store, call daxfs_stores_end(), and try again a little later. *request: who asks
 * for that; 0: nobody does; who has waited for the same one long enough passes it in.
 * -EROFS, -ESTALE. Calls of one host are one after the other, end included.
 * end: nobody can store any more.
 * unwanted: what was begun is to be ended soon: somebody waits, for 100 ms at most. To be
 * asked about every 10 ms; a few loads.
 */
int daxfs_stores_begin(struct daxfs_cx *cx, u64 *request);
void daxfs_stores_end(struct daxfs_region *rg);
int daxfs_stores_unwanted(const struct daxfs_region *rg);
/*
 * This host shows that branch from now on, in all its contexts: no other one is
 * in a call. Leave: it shows main again, and the branch ends if nobody else
 * shows it, unless it has children or is to be kept.
 */
int daxfs_branch_mount(struct daxfs_cx *cx, u64 id);
int daxfs_branch_leave(struct daxfs_cx *cx);
/*
 * Take away what has ended, some of it at a time: layers, then their memory.
 * 1: there is more to do, at once or when others have gone on. Any host may
 * call it at any time.
 */
int daxfs_tidy(struct daxfs_cx *cx);

/* ---- the whole ---- */

struct daxfs_statfs {
	u64 page_size;
	u64 pages;		/* of the pool and the base image's content */
	u64 pages_free;
	u64 pages_avail;	/* without the reserve */
	u64 base_bytes;		/* content of the base image */
	u64 pool_pages;
	u64 inodes;		/* in use, about */
	u64 inodes_free;
};

int daxfs_statfs(struct daxfs_cx *cx, struct daxfs_statfs *st);
/*
 * Bytes of the pool that each layer holds: nr words, as many as there are layers.
 * Looks at all pages; for tools.
 */
void daxfs_layer_bytes(const struct daxfs_region *rg, u64 *bytes, u32 nr);
/* Those of a branch's own layers among them; 0: of main's. -ESTALE: it has ended. */
int daxfs_branch_bytes(const struct daxfs_region *rg, u64 id, const u64 *bytes, u32 nr,
		       u64 *sum);

struct daxfs_index_stat {
	u64 buckets, used, live;	/* buckets; not EMPTY; referring to live cells */
	u64 dirents, inodes, whiteouts;
	u64 probe_sum, probe_max;	/* over live cells, buckets looked at */
	u64 migrating;			/* buckets of a table being replaced */
};

/*
 * Where there are branches: the sums over the layers that this host shows, each of
 * which has an index of its own.
 */
int daxfs_index_stat(struct daxfs_cx *cx, struct daxfs_index_stat *st);

/* ---- making a region ---- */

struct daxfs_geometry {		/* in: what is wanted; daxfs_plan() completes it */
	u64 region_len;		/* bytes; 0: as little as possible */
	u64 overlay_len;	/* bytes of pool; 0: the rest of the region */
	int overlay;		/* has an overlay */
	int persistent;		/* with an overlay: survives power cuts */
	int branching;		/* with an overlay: writing happens in branches */
	u32 mode;		/* enum daxfs_mode */
	u64 buckets;		/* power of two */
	u64 base_inode_nr, base_meta_len, base_data_len;	/* bytes */
	u64 cache_slots;	/* split mode: a power of two */
	u32 backing_nr;		/* split mode: backing files */
	u8 uuid[16];
	char label[64];
	u64 created_ns;
	u32 root_mode, root_uid, root_gid;	/* of an empty region */
	/* out */
	struct daxfs_super super;
};

/*
 * Lay the areas out. Fills super (but not base_crc and crc) and region_len.
 * The area BASE_DATA begins at a multiple of 2 MiB if it has at least that.
 * -ENOSPC: region_len is too small; *needed says how much there must be.
 */
int daxfs_plan(struct daxfs_geometry *g, u64 *needed);
/*
 * Write overlay and superblock into a zeroed mapping that already holds the
 * base image. The magic comes last: a region without it was not finished.
 */
int daxfs_format(struct daxfs_geometry *g, void *base, u64 len);

/* ---- checking ---- */

#define DAXFS_UNIT_TYPES	16

struct daxfs_pool_sum {		/* pages is the sum of all that follows but objects */
	u64 pages;
	u64 page[DAXFS_UNIT_TYPES];	/* in use and referred to, by type */
	u64 free, retired, reserved;
	u64 leaked;		/* owned, and nothing refers to them */
	u64 bad;		/* their state cannot be */
	u64 object[DAXFS_UNIT_TYPES];	/* in use, by type */
	u64 objects_retired, objects_reserved, objects_leaked;
	u64 in_reserve;		/* of the pages in use: of the reserve */
	u64 unlinked;		/* inodes without a name that a host holds */
	u64 pages_drift;	/* statistics minus what there is; wraps */
	u64 inodes_drift;	/* 0 where there are branches: not known there */
	u64 branches;		/* that are valid */
	u64 layers, layers_ended;	/* seen; to be taken apart by daxfs_tidy() */
};

#define DAXFS_REPAIR_SAFE	1	/* leaks, counts, what nobody can reach */
#define DAXFS_REPAIR_ALL	2	/* also what takes damaged content away */

struct daxfs_check {
	/* where: "base", "index", "inode", ...; one call per finding */
	void (*report)(void *arg, const char *where, u64 id, const char *what);
	void *arg;
	u64 problems;
	u64 inodes, dirents, bytes;	/* of the base image */
	u64 cells;			/* of the index */
	/* of daxfs_check_pool() */
	int quiet;		/* in: no host changes the region meanwhile */
	int repair;		/* in: 0: check only, or DAXFS_REPAIR_* */
	int fixing;		/* for report(): this finding is corrected */
	u64 fixed;		/* of problems: corrected */
	int index_made;		/* out: the index was made anew */
	struct daxfs_pool_sum sum;
};

/*
 * One pass over the base image's metadata: order, uniqueness, reachability,
 * bounds, link counts, checksum. seen: a zeroed bitmap and count area of
 * daxfs_check_base_scratch() bytes. Returns 0 or -EUCLEAN.
 */
u64 daxfs_check_base_scratch(const struct daxfs_region *rg);
int daxfs_check_base(const struct daxfs_region *rg, struct daxfs_check *ck,
		     void *scratch);
/*
 * One pass over the index: buckets, cells, keys, values, counts of names per
 * directory and links per inode as far as no host changes them meanwhile. Where there
 * are branches: over that of each layer that somebody can see, as it is seen there.
 */
int daxfs_check_index(struct daxfs_cx *cx, struct daxfs_check *ck);

/*
 * The page cache: what each slot says of itself, and who pins it; with ck->quiet
 * also what a host left that has no slot any more. ck->repair: damaged slots are
 * emptied. 0 or -EUCLEAN.
 */
int daxfs_check_cache(const struct daxfs_region *rg, struct daxfs_check *ck);

/*
 * The accounting: every page and object of the pool, and each reference to one,
 * against each other. With ck->quiet all of it; the caller states that nobody
 * changes the region until it returns (hosts may be joined, none is in a call,
 * none has died without being recovered). Without, only what one word says by
 * itself and no step of a host could leave.
 * ck->repair (quiet, and cx of a joined host, the only one): what is found is
 * corrected. One correction may show the next thing, so it is called again
 * while ck->fixed grows.
 * scratch: zeroed memory of the size that daxfs_check_pool_scratch() says at
 * that time. 0, -EUCLEAN: there are findings, corrected ones too; -ERANGE: the
 * scratch is too small for what the region has become.
 */
u64 daxfs_check_pool_scratch(const struct daxfs_region *rg);
int daxfs_check_pool(struct daxfs_cx *cx, struct daxfs_check *ck, void *scratch,
		     u64 scratch_len);

#endif
