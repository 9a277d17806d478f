// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Locks of files across hosts: flock and ranges of bytes.
 *
 * Notes: lock_off of an inode refers to a list that never changes; a lock is
 * taken or given back by making another list and one CAS. Each entry names its
 * host with the incarnation, so the locks of a host end at the moment when its
 * state word says that it is dead: nobody has to walk to them, and whoever
 * changes the list next leaves them out. Nothing here waits; who wants to wait
 * asks again.
 *
 * operation | linearization     | progress  | if the caller stops there
 * lock      | CAS of lock_off   | lock-free | nothing, or its lock until it is
 *           |                   |           | dead; memory until recovery
 * unlock    | CAS of lock_off   | lock-free | as above
 * test      | load of lock_off  | wait-free | -
 * drop      | CAS to 0          | lock-free | the list is noted: recovery
 *
 * ABA: a list is not reused while the CASing context is in its section; 0 means
 * the same each time. A slot that is used again has another incarnation.
 */
#include "lock.h"
#include "data.h"
#include "epoch.h"
#include "pool.h"
#include "region.h"
#include "word.h"

#define TRIES		100000u
#define LOOKS		1000u	/* at a list, each time at another */

struct list {			/* a list, or one that is being made */
	u64 off;		/* 0: there is none */
	u64 page[1 + DAXFS_LOCK_PAGES];	/* the first is off */
	u32 nr;			/* entries */
	u32 room;		/* of one being made */
};

struct plan {			/* what a request makes of a list */
	u64 start, end;		/* of the lock, grown by what it joins */
	u32 keep;		/* entries that stay, or are left of others */
	u32 mine;
	int held;		/* it is as wanted already */
	int freed;		/* something is given back */
	int blocked;
};

/* ---- entries ---- */

static struct daxfs_lock_list *head_at(struct daxfs_cx *cx, u64 off)
{
	return daxfs_at(cx->rg, off, sizeof(struct daxfs_lock_list),
			DAXFS_PAGE_SIZE);
}

static u32 pages_for(u32 nr)
{
	if (nr <= DAXFS_LOCK_FIRST)
		return nr ? 1 : 0;
	return 1 + (nr - DAXFS_LOCK_FIRST + DAXFS_LOCK_EACH - 1) /
		   DAXFS_LOCK_EACH;
}

static void *entry_at(struct daxfs_cx *cx, const struct list *l, u32 i)
{
	u64 off = l->page[0] + offsetof(struct daxfs_lock_list, entry);

	if (i >= DAXFS_LOCK_FIRST) {
		i -= DAXFS_LOCK_FIRST;
		off = l->page[1 + i / DAXFS_LOCK_EACH];
		i %= DAXFS_LOCK_EACH;
	}
	return daxfs_at(cx->rg, off + i * sizeof(struct daxfs_lock_entry),
			sizeof(struct daxfs_lock_entry), 8);
}

static int entry_get(struct daxfs_cx *cx, const struct list *l, u32 i,
		     struct daxfs_lock_entry *e)
{
	const void *shared = entry_at(cx, l, i);

	if (!shared)
		return -EUCLEAN;
	port_copy_from(e, shared, sizeof(*e));	/* immutable */
	return e->start <= e->end ? 0 : -EUCLEAN;
}

static int entry_add(struct daxfs_cx *cx, struct list *l,
		     const struct daxfs_lock_entry *e)
{
	void *shared = l->nr < l->room ? entry_at(cx, l, l->nr) : NULL;

	if (!shared)
		return -EUCLEAN;	/* the list that we copy has changed */
	port_copy_to(shared, e, sizeof(*e));
	l->nr++;
	return 0;
}

static enum daxfs_lock_type entry_type(const struct daxfs_lock_entry *e)
{
	return e->who & DAXFS_LOCK_EXCLUSIVE ? DAXFS_LOCK_EX : DAXFS_LOCK_SH;
}

static enum daxfs_lock_kind entry_kind(const struct daxfs_lock_entry *e)
{
	return e->who & DAXFS_LOCK_RANGE ? DAXFS_RANGE : DAXFS_FLOCK;
}

/*
 * A host that is dead has no locks, and what it did is seen by who has them
 * next. Pairs with [HST] in daxfs_host_mark_dead(). Whether we are alive is asked
 * before we publish, not here.
 */
static int is_alive(struct daxfs_cx *cx, const struct daxfs_lock_entry *e)
{
	u32 host = lock_host(e->who);
	u64 v;

	if (host == cx->rg->host)
		return lock_incarnation(e->who) == cx->rg->incarnation;
	if (host >= DAXFS_HOSTS)
		return 0;
	v = a64_load_acquire(&daxfs_host(cx->rg, host)->state);	/* [HST] */
	return DAXFS_KIND(v) == DAXFS_H_ALIVE &&
	       host_incarnation(v) == lock_incarnation(e->who);
}

static int is_mine(struct daxfs_cx *cx, const struct daxfs_lock_entry *e,
		   u64 owner)
{
	return lock_host(e->who) == cx->rg->host && e->owner == owner &&
	       lock_incarnation(e->who) == cx->rg->incarnation;
}

static int overlaps(const struct daxfs_lock_entry *e, u64 start, u64 end)
{
	return e->start <= end && start <= e->end;
}

/* ---- lists ---- */

/* A page of a list, of which the word at back says that it is one. */
static int page_is_list(struct daxfs_cx *cx, u64 off, u64 back)
{
	struct daxfs_a64 *info = daxfs_page_info(cx->rg, off);
	u64 v;

	if (!info || off & (DAXFS_PAGE_SIZE - 1))
		return 0;
	v = a64_load_acquire(info);	/* pairs with [PUB] in list_publish() */
	return DAXFS_KIND(v) == DAXFS_I_OWNED && info_type(v) == DAXFS_T_MAP &&
	       info_back(v) == back;
}

static int list_look(struct daxfs_cx *cx, const struct daxfs_a64 *word,
		     u64 off, struct list *l)
{
	struct daxfs_lock_list *head = head_at(cx, off);
	u64 nr;

	if (!head || !page_is_list(cx, off, daxfs_off(cx->rg, word)))
		return -EUCLEAN;
	nr = a64_load_relaxed(&head->nr);
	if (!nr || nr > DAXFS_LOCK_MAX)
		return -EUCLEAN;
	l->nr = (u32)nr;
	l->page[0] = off;
	for (u32 i = 1; i < pages_for(l->nr); i++) {
		struct daxfs_a64 *more = &head->more[i - 1];

		l->page[i] = a64_load_relaxed(more);	/* constant */
		if (!page_is_list(cx, l->page[i], daxfs_off(cx->rg, more)))
			return -EUCLEAN;
	}
	return 0;
}

/* The present list of the inode. What is found stays until the section ends. */
static int list_get(struct daxfs_cx *cx, struct daxfs_inode *in, struct list *l)
{
	for (u32 i = 0; i < LOOKS; i++) {
		int r = 0;

		/* What was done under a lock comes before its end, and this
		 * before what is done under the next. [PUB] in list_publish() */
		l->off = a64_load_acquire(&in->lock_off);
		l->nr = 0;
		if (l->off)
			r = list_look(cx, &in->lock_off, l->off, l);
		/* It is retired after it was replaced; else it is damage. */
		if (!r || a64_load_acquire(&in->lock_off) == l->off) /* [PUB] */
			return r;
	}
	return -EBUSY;		/* others are always faster */
}

static void list_give(struct daxfs_cx *cx, const struct list *l)
{
	for (u32 i = pages_for(l->room); i--; )
		daxfs_page_give(cx, l->page[i]);
}

/* Room for that many entries. -ENOSPC. */
static int list_make(struct daxfs_cx *cx, struct daxfs_inode *in, u32 nr,
		     struct list *l)
{
	u64 back = daxfs_off(cx->rg, &in->lock_off);
	struct daxfs_lock_list *head = NULL;
	int r = 0;

	memset(l, 0, sizeof(*l));
	for (u32 i = 0; i < pages_for(nr) && !r; i++) {
		r = daxfs_page_take(cx, DAXFS_T_MAP, back, 0, &l->page[i]);
		if (r)
			break;
		l->room = i ? l->room + DAXFS_LOCK_EACH : DAXFS_LOCK_FIRST;
		head = head_at(cx, l->page[0]);
		if (!head)
			return -EUCLEAN;
		if (i)
			a64_store_relaxed(&head->more[i - 1], l->page[i]);
		back = daxfs_off(cx->rg, &head->more[i % DAXFS_LOCK_PAGES]);
	}
	if (r)
		list_give(cx, l);
	else
		l->off = l->page[0];
	return r;
}

/* The pages behind first: while the head is there, it leads to the others. */
static void list_retire(struct daxfs_cx *cx, u64 off)
{
	struct daxfs_lock_list *head = head_at(cx, off);
	u64 g = daxfs_retire_epoch(cx), nr = head ? a64_load_relaxed(&head->nr) : 0;

	if (nr > DAXFS_LOCK_MAX)
		nr = DAXFS_LOCK_MAX;
	for (u32 i = 1; i < pages_for((u32)nr); i++) {
		u64 page = a64_load_relaxed(&head->more[i - 1]);

		if (page_is_list(cx, page, daxfs_off(cx->rg, &head->more[i - 1])))
			daxfs_page_retire(cx, page, g, 0);
	}
	daxfs_page_retire(cx, off, g, 0);
}

/*
 * Let lock_off refer to another list, or to none, and retire the old one. In
 * between nothing refers to it, and it may belong to a host that lives: so it
 * is noted before, as attribute records are. -EAGAIN: another was faster.
 */
static int list_publish(struct daxfs_cx *cx, struct daxfs_inode *in, u64 old,
			u64 off)
{
	int r;

	if (old) {
		a64_keep(&cx->sh->epoch);
		/* Pairs with [PUB] in retire_dropped_attr(). */
		a64_store_release(&cx->sh->drop_attr, old);
	}
	r = daxfs_still_host(cx);
	/* Publishes the list, and what was done under a lock that ends. Pairs
	 * with [PUB] in list_get(). */
	if (!r && a64_cas(&in->lock_off, old, off) != old)
		r = -EAGAIN;
	if (!r && old)
		list_retire(cx, old);
	if (old)
		a64_store_release(&cx->sh->drop_attr, 0);	/* [PUB], as above */
	return r;
}

/* ---- what a request makes of a list ---- */

/*
 * What stays of an own entry beside what is wanted: 0 to 2 pieces. A lock of
 * the same type joins it if it is next to it, too.
 */
static u32 own_pieces(const struct daxfs_lock_entry *e,
		      const struct daxfs_lock *want, struct plan *p,
		      struct daxfs_lock_entry piece[2])
{
	u32 nr = 0;

	piece[0] = piece[1] = *e;
	if (entry_type(e) == want->type) {
		if (!overlaps(e, want->start ? want->start - 1 : 0, want->end + 1))
			return 1;
		p->held |= e->start <= want->start && want->end <= e->end;
		p->start = e->start < p->start ? e->start : p->start;
		p->end = e->end > p->end ? e->end : p->end;
		return 0;
	}
	if (!overlaps(e, want->start, want->end))
		return 1;
	p->freed = 1;
	if (e->start < want->start)
		piece[nr++].end = want->start - 1;
	if (e->end > want->end)
		piece[nr++].start = want->end + 1;
	return nr;
}

static void tell(const struct daxfs_lock_entry *e, struct daxfs_lock *found)
{
	*found = (struct daxfs_lock){
		.type = entry_type(e), .kind = entry_kind(e), .owner = e->owner,
		.start = e->start, .end = e->end, .pid = lock_pid(e->who),
		.host = lock_host(e->who),
	};
}

/*
 * One entry: what stays of it is counted, and put into to, if that is not NULL.
 * found: the first that is in the way.
 */
static int one_entry(struct daxfs_cx *cx, const struct daxfs_lock_entry *e,
		     const struct daxfs_lock *want, struct plan *p,
		     struct list *to, struct daxfs_lock *found)
{
	struct daxfs_lock_entry piece[2] = { *e };
	u32 nr = 1;
	int r = 0;

	if (!is_alive(cx, e))
		return 0;
	if (entry_kind(e) == want->kind && is_mine(cx, e, want->owner)) {
		p->mine++;
		nr = own_pieces(e, want, p, piece);
	} else if (entry_kind(e) == want->kind && want->type &&
		   overlaps(e, want->start, want->end) && !p->blocked &&
		   (want->type == DAXFS_LOCK_EX || entry_type(e) == DAXFS_LOCK_EX)) {
		p->blocked = 1;
		tell(e, found);
	}
	p->keep += nr;
	for (u32 i = 0; i < nr && to && !r; i++)
		r = entry_add(cx, to, &piece[i]);
	return r;
}

static int look_through(struct daxfs_cx *cx, const struct list *l,
			const struct daxfs_lock *want, struct plan *p,
			struct list *to, struct daxfs_lock *found)
{
	int r = 0;

	memset(p, 0, sizeof(*p));
	p->start = want->start;
	p->end = want->end;
	for (u32 i = 0; i < l->nr && !r; i++) {
		struct daxfs_lock_entry e;

		r = entry_get(cx, l, i, &e);
		if (!r)
			r = one_entry(cx, &e, want, p, to, found);
	}
	if (want->type == DAXFS_UNLOCK)
		p->held = !p->freed;
	return r;
}

static int add_wanted(struct daxfs_cx *cx, const struct daxfs_lock *want,
		      const struct plan *p, struct list *to)
{
	u64 flags = (want->type == DAXFS_LOCK_EX ? DAXFS_LOCK_EXCLUSIVE : 0) |
		    (want->kind == DAXFS_RANGE ? DAXFS_LOCK_RANGE : 0);
	struct daxfs_lock_entry e = {
		.who = lock_who(cx->rg->host, cx->rg->incarnation, want->pid,
				flags),
		.owner = want->owner, .start = p->start, .end = p->end,
	};

	return want->type ? entry_add(cx, to, &e) : 0;
}

/* The list as it will be. off 0: empty. */
static int list_copy(struct daxfs_cx *cx, struct daxfs_inode *in,
		     const struct list *l, const struct daxfs_lock *want,
		     struct plan *p, struct list *to)
{
	u32 nr = p->keep + (want->type != DAXFS_UNLOCK);
	struct daxfs_lock found;
	int r;

	if (nr > DAXFS_LOCK_MAX)
		return -ENOLCK;
	r = list_make(cx, in, nr, to);
	if (r)
		return r;
	r = look_through(cx, l, want, p, to, &found);
	if (!r)
		r = add_wanted(cx, want, p, to);
	if (!r && to->nr)
		a64_store_relaxed(&head_at(cx, to->off)->nr, to->nr);
	if (r)
		list_give(cx, to);
	return r;
}

/* Hosts that died since we counted: fewer pages are enough. */
static void give_rest(struct daxfs_cx *cx, struct list *to)
{
	for (u32 i = pages_for(to->room); i-- > pages_for(to->nr); )
		daxfs_page_give(cx, to->page[i]);
	if (!to->nr)
		to->off = 0;
}

static int change_once(struct daxfs_cx *cx, struct daxfs_inode *in,
		       const struct daxfs_lock *want, struct daxfs_lock *found,
		       struct plan *p)
{
	struct list l, to;
	int r = list_get(cx, in, &l);

	if (!r)
		r = look_through(cx, &l, want, p, NULL, found);
	found->mine = p->mine;
	if (r || p->blocked || p->held)
		return r;
	r = list_copy(cx, in, &l, want, p, &to);
	if (r)
		return r;
	give_rest(cx, &to);
	r = list_publish(cx, in, l.off, to.off);
	if (r) {
		to.room = to.nr;
		list_give(cx, &to);
	}
	return r;
}

static int change(struct daxfs_cx *cx, struct daxfs_inode *in,
		  const struct daxfs_lock *want, struct daxfs_lock *found)
{
	struct plan p = { 0 };
	int r = -EAGAIN;

	for (u32 i = 0; i < TRIES && r == -EAGAIN; i++)
		r = change_once(cx, in, want, found, &p);
	if (r == -EAGAIN)
		return -EBUSY;		/* others are always faster */
	if (!r && p.blocked)
		return -EAGAIN;
	if (!r && p.freed && !daxfs_still_host(cx))
		a64_add_relaxed(&daxfs_globals(cx->rg)->lock_frees.word, 1);
	return r;
}

/* ---- calls ---- */

struct lock_arg {
	struct daxfs_file *f;
	struct daxfs_lock want, *found;
};

/* flock is a range of everything, of its own kind. */
static int prepare(struct lock_arg *a, struct daxfs_file *f,
		   const struct daxfs_lock *want, struct daxfs_lock *found)
{
	a->f = f;
	a->want = *want;
	a->found = found;
	memset(found, 0, sizeof(*found));
	if (want->kind == DAXFS_FLOCK) {
		a->want.start = 0;
		a->want.end = DAXFS_LOCK_END;
	}
	if (a->want.start > a->want.end || a->want.end > DAXFS_LOCK_END ||
	    want->type > DAXFS_LOCK_EX || want->kind > DAXFS_RANGE)
		return -EINVAL;
	return 0;
}

static int lockable(struct daxfs_cx *cx, struct lock_arg *a,
		    struct daxfs_iref *ref)
{
	u32 mode;
	int r = daxfs_file_ref(cx, a->f, ref);

	if (!r)
		r = daxfs_ref_mode(cx, ref, &mode);
	return r ? r : S_ISLNK(mode) ? -EINVAL : 0;
}

static int lock_fn(struct daxfs_cx *cx, void *arg)
{
	struct lock_arg *a = arg;
	struct daxfs_iref ref;
	int full = cx->full, r = lockable(cx, a, &ref);

	if (r || (!ref.in && a->want.type == DAXFS_UNLOCK))
		return r;
	if (a->want.type == DAXFS_UNLOCK)
		cx->full = 1;		/* giving back works without room, too */
	r = daxfs_copy_in(cx, &ref);
	if (!r)
		r = change(cx, ref.in, &a->want, a->found);
	cx->full = full;
	return r;
}

int daxfs_lock(struct daxfs_cx *cx, struct daxfs_file *f,
	       const struct daxfs_lock *want, struct daxfs_lock *found)
{
	struct daxfs_lock unused;
	struct lock_arg a;
	int r = prepare(&a, f, want, found ? found : &unused);

	if (r)
		return r;
	if (!cx->sh)
		return -EROFS;
	r = daxfs_section(cx, lock_fn, &a);
	return r == -ENOSPC ? -ENOLCK : r;
}

static int test_fn(struct daxfs_cx *cx, void *arg)
{
	struct lock_arg *a = arg;
	struct daxfs_iref ref;
	struct list l = { 0 };
	struct plan p;
	int r = lockable(cx, a, &ref);

	if (!r && ref.in)
		r = list_get(cx, ref.in, &l);
	if (!r)
		r = look_through(cx, &l, &a->want, &p, NULL, a->found);
	if (!r)
		a->found->mine = p.mine;
	return r;
}

int daxfs_lock_test(struct daxfs_cx *cx, struct daxfs_file *f,
		    const struct daxfs_lock *want, struct daxfs_lock *found)
{
	struct lock_arg a;
	int r = prepare(&a, f, want, found);

	return r || !cx->sh ? r : daxfs_section(cx, test_fn, &a);
}

u64 daxfs_lock_frees(const struct daxfs_region *rg)
{
	return a64_load_relaxed(&daxfs_globals(rg)->lock_frees.word);
}

/* ---- the end of an inode, or of a host ---- */

/* Nobody holds the inode: who could lock it now has been declared dead. */
void daxfs_lock_drop(struct daxfs_cx *cx, struct daxfs_inode *in)
{
	if (S_ISLNK(in->attr.mode))	/* the type never changes */
		return;
	for (u32 i = 0; i < TRIES; i++) {
		u64 off = a64_load_acquire(&in->lock_off);	/* [PUB] */

		if (!off || daxfs_still_host(cx))
			return;
		if (page_is_list(cx, off, daxfs_off(cx->rg, &in->lock_off))) {
			if (!list_publish(cx, in, off, 0))
				return;
		} else if (a64_load_acquire(&in->lock_off) == off) { /* [PUB] */
			return;		/* damage: not ours to give back */
		}
	}
}

int daxfs_lock_forget(struct daxfs_cx *cx, u64 off)
{
	struct daxfs_a64 *info = daxfs_page_info(cx->rg, off), *word;
	u64 v;

	if (!info || off & (DAXFS_PAGE_SIZE - 1))
		return 0;
	v = a64_load_acquire(info);	/* pairs with [PUB] in list_publish() */
	if (info_type(v) != DAXFS_T_MAP)
		return 0;
	word = daxfs_at(cx->rg, info_back(v), 8, 8);
	if (DAXFS_KIND(v) == DAXFS_I_OWNED && word &&
	    a64_load_acquire(word) != off)	/* pairs with [PUB] */
		list_retire(cx, off);
	return 1;
}
