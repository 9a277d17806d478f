/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Files that this mount has open, and what its kernel believes of them.
 *
 * Notes: the kernel keeps pages of a file and drops them when it is told
 * another size or mtime than last time. That misses changes by other hosts
 * that leave both alone, so a node remembers what was told and up to which
 * change of the content the kernel's pages are good (node.c says how). Nodes
 * of closed files stay for a while, so that the next open may keep the pages.
 * All functions may be called by any thread and sleep on locks of the table
 * only.
 */
#ifndef DAXFS_FUSE_NODE_H
#define DAXFS_FUSE_NODE_H

#include <pthread.h>

#include "mount.h"

#define DAXFS_NODE_SHARDS	64u
#define DAXFS_NODE_BUCKETS	64u	/* per shard */
#define DAXFS_NODE_CLOSED	128u	/* closed ones kept, per shard */

struct daxfs_node {
	u64 ino;
	u32 generation;
	int valid;			/* what follows is */
	u32 uses;			/* open files, jobs of the notifier */
	u32 writers;			/* of them: their stores may wait in pages */
	struct daxfs_held *held;	/* while it is used */
	/* what the kernel was told last */
	u64 seen_size, seen_mtime;
	int known;			/* it took that, as far as we know */
	/* its pages are not older than this change */
	u64 base_change;
	u64 base_view;			/* that this was looked up in */
	u64 base_own;			/* own_done at that time */
	u64 base_ns;			/* an open began with it then */
	/* changes by this mount: each raises the change counter by one */
	u64 own_begun, own_done;
	u64 shaken_ns;			/* last own change or notification */
	u64 told_ns;			/* last reply to getattr */
	int wrong;			/* pages are known to be wrong */
	int uncached;			/* an own change is not in its pages */
	u32 notifying;			/* notifications queued or under way */
	struct daxfs_node *next;	/* of the bucket */
	struct daxfs_node *newer, *older;	/* of the closed ones */
};

struct daxfs_node_shard {
	pthread_mutex_t lock;
	u32 used_nr, closed_nr;
	struct daxfs_node *newest, *oldest;	/* closed */
	struct daxfs_node *bucket[DAXFS_NODE_BUCKETS];
};

struct daxfs_node_view {	/* what the mount shows, of a region's layers */
	pthread_mutex_t lock;
	u64 head;			/* when it was looked at */
	u64 number;			/* another one if the layers are others */
	u32 nr;
	u32 layer[DAXFS_VIEW_MAX];
};

struct daxfs_nodes {
	struct daxfs_mount *m;
	u32 writers;			/* sum of the nodes' */
	struct daxfs_node_view view;
	struct daxfs_node_shard shard[DAXFS_NODE_SHARDS];
};

void daxfs_nodes_init(struct daxfs_nodes *t, struct daxfs_mount *m);
/* Nothing runs any more; whatever is still open is let go. */
void daxfs_nodes_fini(struct daxfs_nodes *t);

/*
 * Open ino. *keep: the kernel's pages are good. 0 or a negative errno
 * (-ENOENT: gone).
 */
int daxfs_node_open(struct daxfs_nodes *t, struct daxfs_cx *cx, u64 ino,
		    struct daxfs_node **node, int *keep);
void daxfs_node_close(struct daxfs_nodes *t, struct daxfs_cx *cx,
		      struct daxfs_node *node);

/* One more or less that has node open for writing through the kernel's pages. */
void daxfs_node_writer(struct daxfs_nodes *t, struct daxfs_node *node, int n);
/* What the kernel has of node may be what could not be written. */
void daxfs_node_spoilt(struct daxfs_nodes *t, struct daxfs_node *node);
/*
 * Numbers of the inodes that are open (writers: for writing, through pages), in
 * memory that the caller frees; NULL: none, or no memory.
 */
u64 *daxfs_node_numbers(struct daxfs_nodes *t, int writers, u32 *nr);

/*
 * A change of node's content by this mount, around the core's call. raises:
 * how often the call raises the change counter if all goes well; did: how
 * often it was.
 */
void daxfs_node_begin(struct daxfs_nodes *t, struct daxfs_node *node,
		      u32 raises);
void daxfs_node_end(struct daxfs_nodes *t, struct daxfs_node *node,
		    u32 raises, u32 did);
/*
 * Between: what the kernel wrote to [off, off+len) went to at. direct: past its
 * pages.
 */
void daxfs_node_wrote(struct daxfs_nodes *t, struct daxfs_node *node, u64 off,
		      u64 len, u64 at, int direct);

/*
 * The attributes of an inode for a reply; st is fresh on return. 0 or a
 * negative errno. looked: the kernel compares them with what it has; told: it
 * takes them as they are. Only ino, mode and generation of st are used.
 */
void daxfs_node_looked(struct daxfs_nodes *t, struct daxfs_cx *cx,
		       struct daxfs_stat *st);
void daxfs_node_told(struct daxfs_nodes *t, struct daxfs_cx *cx,
		     struct daxfs_stat *st);
/*
 * The same for getattr. -EAGAIN: the kernel's pages must be dropped before the
 * reply; *node is used and marked for daxfs_node_notified().
 */
int daxfs_node_getattr(struct daxfs_nodes *t, struct daxfs_cx *cx, u64 ino,
		       struct daxfs_stat *st, struct daxfs_node **node);

struct daxfs_node_state {	/* content of a node; for a notification */
	struct daxfs_stat st;
	char last;			/* byte of the file */
	u64 own;
	u64 view;
	int exact;			/* all of own is in st.change */
	int stale;			/* the kernel's pages are older */
};

int daxfs_node_look(struct daxfs_nodes *t, struct daxfs_cx *cx,
		    struct daxfs_node *node, struct daxfs_node_state *state);
/*
 * Ends the mark and the use. state: pages are not older than that now; NULL:
 * nothing was dropped.
 */
void daxfs_node_notified(struct daxfs_nodes *t, struct daxfs_cx *cx,
			 struct daxfs_node *node,
			 const struct daxfs_node_state *state);
/*
 * Nodes of one shard whose content others changed and that nobody asked for
 * since: up to nr of them, used and marked.
 */
u32 daxfs_node_changed(struct daxfs_nodes *t, struct daxfs_cx *cx, u32 shard,
		       struct daxfs_node **node, u32 nr);
/* Is any file open? */
int daxfs_node_any(struct daxfs_nodes *t);

#endif
