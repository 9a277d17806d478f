/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * File content: what the other parts of the core need of it.
 */
#ifndef DAXFS_DATA_H
#define DAXFS_DATA_H

#include "inode.h"

/* What a change of content sets, where the commit does it. */
#define CONTENT_TIMES	(DAXFS_TCH_MTIME | DAXFS_TCH_CTIME)

struct daxfs_write {		/* a change of content under way; volatile */
	struct daxfs_iref *ref;
	const u8 *buf;		/* NULL: nothing is copied, or by from */
	const struct daxfs_from *from;
	u64 from_off;		/* byte of from that goes to off */
	u64 off;
	u64 len;
	u64 cut;		/* as first seen */
	u64 size;		/* bytes, as first seen */
	u64 next;		/* page that would go well with the last */
	u64 new_pages;		/* of the record, less those it takes; wraps */
	int replaces;		/* it puts pages in the place of others */
	int shared;		/* buf lies in the region */
	int behind;		/* something is behind the end that must go if
				 * no size follows */
};

/*
 * End a shrink that somebody began: takes the pages behind the end away.
 * Anyone may call it, several at once. 0 once the cut word has no PURGE.
 */
int daxfs_purge(struct daxfs_cx *cx, struct daxfs_iref *ref);

/* The inode of a file handle; fills inode_off in once there is one. */
int daxfs_file_ref(struct daxfs_cx *cx, struct daxfs_file *f,
		   struct daxfs_iref *ref);
/* Is it a regular file? 0, -EISDIR, -EINVAL. */
int daxfs_regular(struct daxfs_cx *cx, const struct daxfs_iref *ref);
/*
 * Take away what a dead host had put behind the end of the file's last page,
 * before a record that never came: the page gets a copy, as by a cut.
 */
int daxfs_cut_tail(struct daxfs_cx *cx, struct daxfs_iref *ref);
/* Pages that a committed record has replaced are retired. */
void daxfs_retire_replaced(struct daxfs_cx *cx, struct daxfs_shared_ctx *sh,
			   int mapped);

/* ---- write.c, for what else changes content (space.c, copy.c) ---- */

static inline u8 *daxfs_data_page(struct daxfs_cx *cx, u64 off)
{
	return daxfs_at(cx->rg, off, DAXFS_PAGE_SIZE, DAXFS_PAGE_SIZE);
}

/*
 * Begin: the inode to change, copied up; it is noted in the context. End:
 * times and counter. Both inside sections; there may be several in between.
 */
int daxfs_file_for_writing(struct daxfs_cx *cx, struct daxfs_file *f,
			   struct daxfs_iref *ref);
void daxfs_written(struct daxfs_cx *cx, struct daxfs_inode *in);
/* Read cut and size; a shrink is finished before. */
int daxfs_write_look(struct daxfs_cx *cx, struct daxfs_write *w);
int daxfs_size_read(struct daxfs_cx *cx, struct daxfs_inode *in, u64 *bytes);
/* Write at least one byte of what w says; its cut and size are filled in. */
int daxfs_write_some(struct daxfs_cx *cx, struct daxfs_write *w, u64 *done);
/* No more than that many bytes of what is below show from now on. */
void daxfs_low_limit_min(struct daxfs_inode *in, u64 size);
/* One record of a new size. -EAGAIN: look again. */
int daxfs_size_set(struct daxfs_cx *cx, struct daxfs_write *w, u64 size);
/* A private page for that word; its content is undefined. */
int daxfs_data_take(struct daxfs_cx *cx, struct daxfs_write *w, u64 idx,
		    struct daxfs_a64 *word, u64 *off);
/* Where the pages of a file lie, the next should follow. */
int daxfs_guess_next(struct daxfs_cx *cx, struct daxfs_write *w, u64 idx);
/* Fill a private page with what shows below it now, zeros where nothing does. */
int daxfs_fill_lower(struct daxfs_cx *cx, struct daxfs_write *w, u64 idx,
		     u8 *page);
/* Give back the private pages of a record that did not commit. */
void daxfs_give_new_pages(struct daxfs_cx *cx);
/* Statistics: n pages more, or -n less. */
void daxfs_pages_add(struct daxfs_cx *cx, struct daxfs_inode *in, u64 n);

/* ---- read.c ---- */

/* Of the file and its layer below together. */
int daxfs_ref_size(struct daxfs_cx *cx, const struct daxfs_iref *ref, u64 *size);
/* What shows where the overlay has no page: base content or a hole. */
int daxfs_lower_run(struct daxfs_cx *cx, const struct daxfs_iref *ref, u64 off,
		    u64 len, struct daxfs_run *run);
/* The run that begins at off, as long as what follows lies right behind it. */
int daxfs_file_run(struct daxfs_cx *cx, const struct daxfs_iref *ref, u64 off,
		   u64 len, struct daxfs_run *run);

/* ---- space.c ---- */

/*
 * Move *off to the first byte before end that is not in a hole. 1: there is
 * one; 0: none; -EAGAIN: *off has moved, the search is not over.
 */
int daxfs_next_data(struct daxfs_cx *cx, const struct daxfs_iref *ref, u64 *off,
		    u64 end);

/*
 * Make the beginning of [w->off, w->off + w->len) a hole, by one record at most;
 * *done: bytes that are one now.
 */
int daxfs_punch_some(struct daxfs_cx *cx, struct daxfs_write *w, u64 *done);

#endif
