/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Intrusive lists and hash tables of the lock manager.
 *
 * Notes: one thread. A list is a ring with a head; a table is an array of
 * chains that doubles when it is full. Neither owns what is in it. A table
 * that cannot double because there is no memory goes on with longer chains.
 */
#ifndef MXFSD_LIST_H
#define MXFSD_LIST_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

struct mxfsd_list {
	struct mxfsd_list *next, *prev;
};

#define mxfsd_of(ptr, type, member) \
	((type *)((char *)(ptr) - offsetof(type, member)))
#define mxfsd_for_each(pos, head) \
	for (pos = (head)->next; pos != (head); pos = pos->next)
/* The current one may go. */
#define mxfsd_for_each_safe(pos, n, head) \
	for (pos = (head)->next, n = pos->next; pos != (head); \
	     pos = n, n = pos->next)

static inline void mxfsd_list_init(struct mxfsd_list *l)
{
	l->next = l->prev = l;
}

static inline int mxfsd_list_empty(const struct mxfsd_list *l)
{
	return l->next == l;
}

static inline void mxfsd_list_del(struct mxfsd_list *l)
{
	l->next->prev = l->prev;
	l->prev->next = l->next;
	mxfsd_list_init(l);
}

static inline void mxfsd_list_add_tail(struct mxfsd_list *l,
				       struct mxfsd_list *head)
{
	l->prev = head->prev;
	l->next = head;
	head->prev->next = l;
	head->prev = l;
}

struct mxfsd_chain {
	struct mxfsd_chain *next;
	uint64_t hash;
};

struct mxfsd_table {
	struct mxfsd_chain **slot;
	uint64_t mask, nr;
};

/* 0, or -1 without memory. */
static inline int mxfsd_table_init(struct mxfsd_table *t)
{
	t->nr = 0;
	t->mask = 15;
	t->slot = calloc(t->mask + 1, sizeof(*t->slot));
	return t->slot ? 0 : -1;
}

static inline void mxfsd_table_fini(struct mxfsd_table *t)
{
	free(t->slot);
	t->slot = NULL;
}

static inline void mxfsd_table_grow(struct mxfsd_table *t)
{
	uint64_t mask = t->mask * 2 + 1;
	struct mxfsd_chain **slot = calloc(mask + 1, sizeof(*slot)), *c;

	if (!slot)
		return;
	for (uint64_t i = 0; i <= t->mask; i++) {
		while ((c = t->slot[i])) {
			t->slot[i] = c->next;
			c->next = slot[c->hash & mask];
			slot[c->hash & mask] = c;
		}
	}
	free(t->slot);
	t->slot = slot;
	t->mask = mask;
}

static inline void mxfsd_table_add(struct mxfsd_table *t, struct mxfsd_chain *c,
				   uint64_t hash)
{
	if (t->nr > t->mask)
		mxfsd_table_grow(t);
	c->hash = hash;
	c->next = t->slot[hash & t->mask];
	t->slot[hash & t->mask] = c;
	t->nr++;
}

static inline void mxfsd_table_del(struct mxfsd_table *t, struct mxfsd_chain *c)
{
	struct mxfsd_chain **at = &t->slot[c->hash & t->mask];

	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	t->nr--;
}

static inline struct mxfsd_chain *mxfsd_table_first(const struct mxfsd_table *t,
						    uint64_t hash)
{
	return t->slot[hash & t->mask];
}

#endif
