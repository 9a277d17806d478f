// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Checking lists of locks: their pages and their entries.
 *
 * Notes: when a region is repaired no host is there that could have a lock, so
 * a list that is damaged is taken away as a whole. Whose host is dead is no
 * finding: such entries stay until the list is changed.
 */
#include "check.h"

static u32 pages_for(u64 nr)
{
	if (nr <= DAXFS_LOCK_FIRST)
		return 1;
	return 1 + (u32)(nr - DAXFS_LOCK_FIRST + DAXFS_LOCK_EACH - 1) /
		   DAXFS_LOCK_EACH;
}

static int entry_possible(const struct daxfs_lock_entry *e)
{
	return lock_host(e->who) < DAXFS_HOSTS && !(e->who >> 63) &&
	       e->start <= e->end && e->end <= DAXFS_LOCK_END;
}

/* The entries of one page. */
static int entries_possible(struct daxfs_ck *p, u64 off, u64 nr)
{
	for (u64 i = 0; i < nr; i++) {
		struct daxfs_lock_entry e;
		void *at = daxfs_at(p->rg, off + i * sizeof(e), sizeof(e), 8);

		if (!at)
			return 0;
		port_copy_from(&e, at, sizeof(e));
		if (!entry_possible(&e))
			return 0;
	}
	return 1;
}

/* 1: all of it can be. */
static int check_list(struct daxfs_ck *p, u64 ino, u64 off)
{
	struct daxfs_lock_list *head = daxfs_at(p->rg, off, sizeof(*head),
						DAXFS_PAGE_SIZE);
	u64 nr = daxfs_ck_load(&head->nr), left, here;
	int good;

	if (!nr || nr > DAXFS_LOCK_MAX)
		return 0;
	here = nr < DAXFS_LOCK_FIRST ? nr : DAXFS_LOCK_FIRST;
	good = entries_possible(p, daxfs_off(p->rg, head->entry), here);
	left = nr - here;
	for (u32 i = 1; i < pages_for(nr) && good; i++, left -= here) {
		u64 page = daxfs_ck_load(&head->more[i - 1]);

		here = left < DAXFS_LOCK_EACH ? left : DAXFS_LOCK_EACH;
		good = !daxfs_ck_claim(p, page, DAXFS_T_MAP, &head->more[i - 1],
				       0, "locks", ino) &&
		       entries_possible(p, page, here);
	}
	return good;
}

/* A short target, in an inode whose mode says that it is no link? */
static int looks_like_text(const struct daxfs_inode *in)
{
	u64 size = size_bytes(daxfs_ck_load(&in->size));

	for (u32 i = 0; i < sizeof(in->lock_off); i++)
		if (!in->target[i] != (i >= size))
			return 0;
	return 1;
}

static void forget(struct daxfs_ck *p, u64 ino, struct daxfs_inode *in)
{
	if (daxfs_ck_found(p, DAXFS_REPAIR_SAFE, "inode", ino,
			   "its locks are impossible"))
		a64_store_relaxed(&in->lock_off, 0);
}

void daxfs_ck_locks(struct daxfs_ck *p, struct daxfs_inode *in, u64 ino)
{
	u64 off = daxfs_ck_load(&in->lock_off);
	int r;

	if (!off || looks_like_text(in))
		return;
	r = daxfs_ck_claim(p, off, DAXFS_T_MAP, &in->lock_off, 0, "locks", ino);
	if (r > 1)
		a64_store_relaxed(&in->lock_off, 0);
	else if (!r && !check_list(p, ino, off))
		forget(p, ino, in);
}
