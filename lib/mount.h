/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A region in use by this process: mapping, host slot, contexts, open files.
 *
 * Notes: shared by libdaxfs, the FUSE server and the tools; not installed.
 * Everything here may be called by any thread.
 */
#ifndef DAXFS_LIB_MOUNT_H
#define DAXFS_LIB_MOUNT_H

#include "core.h"

#define DAXFS_OPEN_RDONLY	(1u << 0)	/* store nothing but what a host must */
#define DAXFS_OPEN_NOHOST	(1u << 1)	/* look only: no host slot, read-only
						 * mapping; for inspect and fsck -n */
#define DAXFS_OPEN_VALIDATE	(1u << 2)	/* check the base image first */
#define DAXFS_OPEN_EXCLUSIVE	(1u << 3)	/* fail with -EBUSY if a host is alive */
#define DAXFS_OPEN_LATER	(1u << 4)	/* map it to write, but join (and recover
						 * nobody) before daxfs_mount_join() */
#define DAXFS_OPEN_LOCKED	(1u << 5)	/* the caller has locked it already */

struct daxfs_mount;

/*
 * Map the region at path (a file, /dev/daxX.Y, /dev/pmemN, phys:ADDR:SIZE, or
 * mount:DIR, the region that the kernel module has mounted at DIR), check it,
 * recover hosts of this machine whose process is gone, join as a host of that
 * kind (enum daxfs_host_kind). A thread beats the heart and repeats the search
 * once a second. The file is held by a shared flock so that mkdaxfs -f does not
 * overwrite a region in use.
 * why (at least 256 bytes) gets what, where and what to do. Returns 0 or a
 * negative errno.
 */
int daxfs_mount_open(struct daxfs_mount **m, const char *path, u32 flags,
		     u32 kind, char *why, size_t why_len);
/*
 * The thread that beats must be started by the process that stays: call it
 * after daemon(). Without it the host only looks suspect.
 */
int daxfs_mount_start(struct daxfs_mount *m);
void daxfs_mount_close(struct daxfs_mount *m);
/*
 * After DAXFS_OPEN_LATER: join. When all slots are taken it takes that of a
 * dead host over and recovers it, daxfs_mount_region()->host says which.
 */
int daxfs_mount_join(struct daxfs_mount *m);
/*
 * Show the branch of that name (NULL: main) from now on; before daxfs_mount_start()
 * and the first call that looks at files. daxfs_mount_close() leaves it, and it may
 * end then; not after daxfs_mount_crash(). -ENOENT: there is none; -EOPNOTSUPP: the
 * region has no branches. why as for daxfs_mount_open().
 */
int daxfs_mount_show(struct daxfs_mount *m, const char *branch, char *why,
		     size_t why_len);
/* Is there such a branch, as far as one can say before it is shown? */
int daxfs_mount_has(struct daxfs_mount *m, const char *branch, char *why,
		    size_t why_len);
/*
 * The branch stays as after a crash: daxfs_mount_close() leaves all that this host
 * holds to others, who find its process gone. For a start that failed late.
 */
void daxfs_mount_crash(struct daxfs_mount *m);
/*
 * fn is called once, by the thread that beats, when this host was declared
 * dead: every call fails with -ESTALE from then on. Before daxfs_mount_start().
 */
void daxfs_mount_on_evict(struct daxfs_mount *m, void (*fn)(void *arg),
			  void *arg);

/*
 * Of a region in split mode: this host has the backing files, at those paths, one
 * behind a colon; a backslash takes its meaning away from a colon, or a backslash,
 * of a path. After daxfs_mount_open() and before daxfs_mount_start(), which
 * begins to serve hosts without them. why says what is wrong with a file.
 */
int daxfs_mount_backing(struct daxfs_mount *m, const char *paths, char *why,
			size_t why_len);
/* fn is told what goes wrong with backing files; by any thread, not too often. */
void daxfs_mount_on_message(struct daxfs_mount *m,
			    void (*fn)(void *arg, const char *text), void *arg);

/*
 * The parts of phys:ADDR:SIZE. -ENOENT: path is of another kind; -EINVAL: not
 * numbers that may be, or not whole pages.
 */
int daxfs_source_phys(const char *path, u64 *addr, u64 *len);

struct daxfs_region *daxfs_mount_region(struct daxfs_mount *m);
const char *daxfs_mount_path(const struct daxfs_mount *m);
int daxfs_mount_rdonly(const struct daxfs_mount *m);
/* The memory is known to be persistent: what is written back is safe. */
int daxfs_mount_durable(const struct daxfs_mount *m);

/* Sleep-free in the common case; waits when all contexts are busy. */
struct daxfs_cx *daxfs_cx_get(struct daxfs_mount *m);
void daxfs_cx_put(struct daxfs_mount *m, struct daxfs_cx *cx);

/*
 * Result of a core call that ran on m: r, or -EIO if the memory behind the
 * region was lost meanwhile (a SIGBUS handler puts zero pages there).
 */
s64 daxfs_mount_result(struct daxfs_mount *m, s64 r);

/* ---- open files: counted per inode, one host bit for all holders ---- */

struct daxfs_held {
	struct daxfs_file file;		/* as the core wants it */
	u64 holders;
	u64 mappings;			/* pins on it */
	u64 map_epoch;
	u64 seen_size, seen_mtime, seen_change;	/* for a front end's own use */
	u64 read_next, read_window, read_ahead;	/* content.c: hints */
	struct daxfs_held *next;
};

/* Hold an inode; the same object for all holders. 0 or a negative errno. */
int daxfs_hold(struct daxfs_mount *m, struct daxfs_cx *cx, u64 ino,
	       struct daxfs_held **held);
/* The same for a file that daxfs_tmpfile() has opened; closed if that fails. */
int daxfs_hold_made(struct daxfs_mount *m, struct daxfs_cx *cx,
		    const struct daxfs_file *file, struct daxfs_held **held);
void daxfs_unhold(struct daxfs_mount *m, struct daxfs_cx *cx,
		  struct daxfs_held *held);

enum daxfs_host_place {
	DAXFS_HOST_ELSEWHERE,	/* another machine, or this one before a restart */
	DAXFS_HOST_HERE,	/* its process exists on this machine */
	DAXFS_HOST_STOPPED,	/* the same, by SIGSTOP or a terminal's stop */
	DAXFS_HOST_GONE,	/* it was here and is no more */
};

/* Where is the process that this host says it is? */
enum daxfs_host_place daxfs_host_place(const struct daxfs_host_info *info);
/* Is it gone from this machine? */
int daxfs_host_is_gone(const struct daxfs_host_info *info);
/* Was that host on the machine of us, before it was started last? */
int daxfs_host_lost_power(const struct daxfs_host_info *info,
			  const struct daxfs_host_id *us);
/* Own identity for daxfs_host_join(). */
void daxfs_host_identify(struct daxfs_host_id *id, u32 kind);

#endif
