// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Pins: what was handed out of a file stays as memory until the pin ends.
 *
 * Notes: the host publishes the lowest epoch of its live pins; pages that
 * leave a pinned file at that epoch or later are not reused. A pin is made in
 * the order bit on the inode, epoch, publication, full fence, slots: whoever
 * unlinks a page afterwards stamps it with an epoch that is not below ours and
 * sees what we published, and whoever unlinked it before is not seen by our
 * look at the slots. One lock orders the publications of this process.
 */
#include "mount_priv.h"

static void publish(struct daxfs_mount *m)
{
	const struct daxfs_pinned *p;
	u64 lowest = 0;

	for (p = m->pins; p; p = p->next)
		if (!lowest || p->epoch < lowest)
			lowest = p->epoch;
	daxfs_map_epoch(&m->rg, lowest);
	/* Before the caller looks at slots. [MAP] */
	full_fence();
}

static void list_pin(struct daxfs_mount *m, struct daxfs_pinned *p)
{
	p->next = m->pins;
	p->prev = &m->pins;
	if (p->next)
		p->next->prev = &p->next;
	m->pins = p;
}

static void unlist_pin(struct daxfs_pinned *p)
{
	*p->prev = p->next;
	if (p->next)
		p->next->prev = p->prev;
}

int daxfs_pin(struct daxfs_mount *m, struct daxfs_cx *cx,
	      struct daxfs_held *held, struct daxfs_pinned *p)
{
	int r;

	p->held = held;
	p->epoch = 0;
	pthread_mutex_lock(&m->pin_lock);
	/* Nothing ever leaves a file of a region without hosts. */
	r = m->rg.joined ? daxfs_map_begin(cx, &held->file, &p->epoch) : 0;
	if (!r) {
		held->mappings++;
		list_pin(m, p);
		if (m->rg.joined)
			publish(m);
	}
	pthread_mutex_unlock(&m->pin_lock);
	return r;
}

void daxfs_unpin(struct daxfs_mount *m, struct daxfs_cx *cx,
		 struct daxfs_pinned *p)
{
	pthread_mutex_lock(&m->pin_lock);
	unlist_pin(p);
	p->held->mappings--;
	if (m->rg.joined && !daxfs_mount_usable(m)) {
		if (!p->held->mappings)
			daxfs_map_end(cx, &p->held->file);
		publish(m);
	}
	pthread_mutex_unlock(&m->pin_lock);
}
