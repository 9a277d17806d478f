// SPDX-License-Identifier: GPL-2.0-only
/*
 * A mount as a host: contexts, the heart, other hosts that are gone.
 *
 * Notes: a task tries the context of its processor first, then the next ones,
 * so tasks on different processors seldom meet. A put looks for those who wait
 * without a fence, which each call would pay, and may miss one that has just
 * come: nobody waits for longer than a tick without a look. The keeper is one
 * thread for each mount; it never holds a lock that a fault needs while it waits.
 */
#include <linux/kthread.h>
#include <linux/pid.h>
#include <linux/rcupdate.h>
#include <linux/sched/signal.h>
#include <linux/utsname.h>

#include "daxfs.h"

#define BEAT		HZ		/* of the heart */
#define LOOK		(HZ / 20 + 1)	/* at mapped files, if there are any */
#define LISTEN		(HZ / 100 + 1)	/* for who freezes what is stored to */
#define TIDY_STEPS	256u		/* of what branches leave, for a beat */
#define TIDY_MS		50u

/* ---- contexts ---- */

static struct daxfs_cx *cx_of(struct daxfs_sbi *sbi, u32 i)
{
	struct daxfs_cx_slot *s = &sbi->slot[i];

	if (!s->ready) {
		/* Fails for a number that is too large, which ours never is. */
		WARN_ON_ONCE(daxfs_cx_init(s->cx, &sbi->rg, i));
		s->ready = 1;
	}
	return s->cx;
}

struct daxfs_cx *daxfs_begin_try(struct daxfs_sbi *sbi)
{
	u32 first = raw_smp_processor_id(), n;

	for (n = 0; n < DAXFS_CTXS; n++) {
		u32 i = (first + n) % DAXFS_CTXS;

		if (!READ_ONCE(sbi->slot[i].busy) && !xchg(&sbi->slot[i].busy, 1))
			return cx_of(sbi, i);
	}
	return NULL;
}

struct daxfs_cx *daxfs_begin(struct daxfs_sbi *sbi)
{
	struct daxfs_cx *cx = daxfs_begin_try(sbi);

	while (!cx)
		wait_event_timeout(sbi->cx_free, (cx = daxfs_begin_try(sbi)), 1);
	return cx;
}

s64 daxfs_end(struct daxfs_sbi *sbi, struct daxfs_cx *cx, s64 r)
{
	/* Pairs with the xchg() in daxfs_begin_try(). */
	smp_store_release(&sbi->slot[cx - sbi->cx].busy, 0);
	/* Without a fence: who is missed looks again within a tick. */
	if (waitqueue_active(&sbi->cx_free))
		wake_up(&sbi->cx_free);
	return READ_ONCE(sbi->dead) ? -ESTALE : r;
}

static int cx_pool_init(struct daxfs_sbi *sbi)
{
	u32 i;

	sbi->cx = kvcalloc(DAXFS_CTXS, sizeof(*sbi->cx), GFP_KERNEL);
	if (!sbi->cx)
		return -ENOMEM;
	for (i = 0; i < DAXFS_CTXS; i++)
		sbi->slot[i] = (struct daxfs_cx_slot){ .cx = &sbi->cx[i] };
	return 0;
}

/* ---- who we are ---- */

/* 32 hexadecimal digits in a file, however they are grouped; else zeros. */
static void read_id(const char *path, u64 id[2])
{
	struct file *file = filp_open(path, O_RDONLY, 0);
	char text[48] = "";
	loff_t pos = 0;
	u32 digits = 0;
	char *p;

	id[0] = id[1] = 0;
	if (IS_ERR(file))
		return;		/* not known: nobody judges by it then */
	if (kernel_read(file, text, sizeof(text) - 1, &pos) < 32)
		text[0] = '\0';
	filp_close(file, NULL);
	for (p = text; *p && digits < 32; p++) {
		int v = hex_to_bin(*p);

		if (v < 0)
			continue;
		id[digits / 16] = id[digits / 16] << 4 | (u64)v;
		digits++;
	}
}

static void identify(struct daxfs_host_id *id)
{
	memset(id, 0, sizeof(*id));
	read_id("/proc/sys/kernel/random/boot_id", id->boot_id);
	read_id("/etc/machine-id", id->machine_id);
	id->kind = DAXFS_HOST_KERNEL;	/* pid 0: no process is this host */
	strscpy(id->name, utsname()->nodename, sizeof(id->name));
}

/* ---- other hosts ---- */

/* Fields mean what lib/hosts.c says. */
static bool is_known(const u64 id[2])
{
	return id[0] || id[1];
}

static bool is_same(const u64 a[2], const u64 b[2])
{
	return a[0] == b[0] && a[1] == b[1];
}

/*
 * In a persistent region: a host of this installation (machine id and name), of
 * another boot, that has not beaten since this machine was started.
 */
static bool lost_power(const struct daxfs_sbi *sbi, const struct daxfs_host_info *info)
{
	const struct daxfs_host_id *us = &sbi->id, *other = &info->id;

	return daxfs_is_persistent(&sbi->rg) && info->state == DAXFS_H_ALIVE &&
	       is_known(us->boot_id) && is_known(us->machine_id) &&
	       is_same(us->machine_id, other->machine_id) &&
	       !strncmp(us->name, other->name, sizeof(us->name)) &&
	       !is_same(us->boot_id, other->boot_id) &&
	       info->heartbeat_ns < ktime_get_real_ns() - ktime_get_boottime_ns();
}

/*
 * A process of the initial namespaces of this machine, whose number exists no more
 * or belongs to one that started later.
 */
static bool has_ended(const struct daxfs_sbi *sbi, const struct daxfs_host_info *info)
{
	struct task_struct *task;
	bool gone;

	if (!info->id.pid || !is_known(sbi->id.boot_id) ||
	    !is_same(info->id.boot_id, sbi->id.boot_id))
		return false;
	rcu_read_lock();
	task = pid_task(find_pid_ns((int)info->id.pid, &init_pid_ns), PIDTYPE_TGID);
	gone = !task;
	/* While it joins, the start time may still be its predecessor's. */
	if (task && info->state == DAXFS_H_ALIVE && info->id.start_time)
		gone = div_u64(task->start_boottime, NSEC_PER_SEC / USER_HZ) !=
		       info->id.start_time;
	/* A zombie stores nothing more; its other threads would. */
	if (task && task->exit_state && thread_group_empty(task))
		gone = true;
	rcu_read_unlock();
	return gone;
}

static bool is_gone(const struct daxfs_sbi *sbi, const struct daxfs_host_info *info)
{
	return has_ended(sbi, info) || lost_power(sbi, info);
}

static void reap(struct daxfs_sbi *sbi, struct daxfs_cx *cx)
{
	struct daxfs_host_info info;
	u32 slot;

	for (slot = 0; slot < DAXFS_HOSTS; slot++) {
		bool dead;

		if ((sbi->rg.joined && slot == sbi->rg.host) ||
		    daxfs_host_info(&sbi->rg, slot, &info))
			continue;
		dead = info.state == DAXFS_H_DEAD ||
		       info.state == DAXFS_H_RECOVERING;
		if (info.state != DAXFS_H_DEAD && is_gone(sbi, &info))
			dead |= !daxfs_host_mark_dead(&sbi->rg, slot,
						      info.incarnation);
		/* -EBUSY: another host does it. It is tried again anyway. */
		if (dead && cx)
			daxfs_host_recover(cx, slot);
	}
}

void daxfs_reap(struct daxfs_sbi *sbi)
{
	struct daxfs_cx *cx = daxfs_begin(sbi);

	reap(sbi, cx);
	daxfs_end(sbi, cx, 0);
}

/* ---- what others change ---- */

struct daxfs_watchers {
	struct rcu_head rcu;
	struct daxfs_watch list;
};

u64 daxfs_version(struct daxfs_sbi *sbi)
{
	u64 turns = (u64)atomic64_read(&sbi->turns), v = 0;
	struct daxfs_watchers *w;

	/* The number first: see do_it() in branch.c. */
	smp_rmb();
	if (atomic_read(&sbi->turning))
		return 0;
	rcu_read_lock();
	w = rcu_dereference(sbi->watchers);
	if (w && !READ_ONCE(sbi->dead))
		v = daxfs_watch_look(&sbi->rg, &w->list);
	if (!v && w && daxfs_watch_is_old(&sbi->rg, &w->list))
		wake_up_process(sbi->keeper);	/* it makes another list */
	rcu_read_unlock();
	return v ? v + turns : 0;
}

/* Without a list each use of a copy looks into the region: slow, and right. */
static void list_watchers(struct daxfs_sbi *sbi)
{
	struct daxfs_watchers *old = rcu_dereference_protected(sbi->watchers, true);
	struct daxfs_watchers *w;

	if (old && !daxfs_watch_is_old(&sbi->rg, &old->list))
		return;
	w = kvmalloc(sizeof(*w), GFP_KERNEL);
	if (w && daxfs_watch_list(&sbi->rg, &w->list, sbi->watchers_nr++ % 65535 + 1)) {
		kvfree(w);	/* too many to watch */
		w = NULL;
	}
	rcu_assign_pointer(sbi->watchers, w);
	if (old)
		kvfree_rcu(old, rcu);
}

/* ---- joining ---- */

#define JOIN_TRIES	8	/* -ESTALE: somebody took us for dead meanwhile */

/* Every slot is taken: become the host of one that is dead. */
static int take_over(struct daxfs_sbi *sbi)
{
	u32 slot;
	int r = -EBUSY;

	reap(sbi, NULL);
	for (slot = 0; slot < DAXFS_HOSTS && r == -EBUSY; slot++)
		r = daxfs_host_take_over(&sbi->rg, sbi->cx, &sbi->id, slot);
	return r == -EBUSY ? -EUSERS : r;
}

static int join(struct daxfs_sbi *sbi)
{
	int r, tries = JOIN_TRIES;

	identify(&sbi->id);
	do
		r = daxfs_host_join(&sbi->rg, &sbi->id);
	while (r == -ESTALE && --tries);
	return r == -EUSERS ? take_over(sbi) : r;
}

/* ---- the keeper ---- */

/* From here on every call fails; pages that programs have mapped go. */
static void die(struct daxfs_sbi *sbi)
{
	if (sbi->dead)
		return;
	WRITE_ONCE(sbi->dead, true);
	pr_err("daxfs: %s: declared dead by another host: all access fails; unmount it\n",
	       sbi->sb->s_id);
	daxfs_zap_all(sbi);
	wake_up_all(&sbi->lock_wait);
}

/* What ended branches leave, some of it. */
static void tidy(struct daxfs_sbi *sbi, struct daxfs_cx *cx)
{
	unsigned long end = jiffies + msecs_to_jiffies(TIDY_MS);
	u32 i;

	for (i = 0; i < TIDY_STEPS && daxfs_tidy(cx) > 0; i++) {
		if (time_after(jiffies, end))
			break;
		cond_resched();
	}
}

static void beat(struct daxfs_sbi *sbi)
{
	struct daxfs_cx *cx;

	if (daxfs_host_check(&sbi->rg)) {
		die(sbi);
		return;
	}
	daxfs_host_beat(&sbi->rg);
	cx = daxfs_begin(sbi);
	reap(sbi, cx);
	if (sbi->branching)
		tidy(sbi, cx);
	daxfs_end(sbi, cx, 0);
}

/* To sleep, until there may be something to do. */
static long rest(const struct daxfs_sbi *sbi)
{
	if (READ_ONCE(sbi->stores))
		return LISTEN;
	return READ_ONCE(sbi->map_shown) ? LOOK : BEAT;
}

static int keep(void *arg)
{
	struct daxfs_sbi *sbi = arg;
	unsigned long next = jiffies, look = jiffies;

	while (!kthread_should_stop()) {
		if (time_after_eq(jiffies, next)) {
			beat(sbi);
			next = jiffies + BEAT;
		}
		list_watchers(sbi);
		if (READ_ONCE(sbi->stores) && daxfs_stores_unwanted(&sbi->rg))
			daxfs_stores_stop(sbi);
		if (time_after_eq(jiffies, look)) {
			daxfs_zap_changed(sbi);
			look = jiffies + LOOK;
		}
		set_current_state(TASK_INTERRUPTIBLE);
		if (!kthread_should_stop())
			schedule_timeout(rest(sbi));
		__set_current_state(TASK_RUNNING);
	}
	return 0;
}

int daxfs_host_start(struct daxfs_sbi *sbi)
{
	int r = cx_pool_init(sbi);

	if (r || sbi->constant)
		return r;
	r = join(sbi);
	if (r)
		return r;
	sbi->keeper = kthread_run(keep, sbi, "daxfs/%u", sbi->rg.host);
	if (IS_ERR(sbi->keeper)) {
		r = PTR_ERR(sbi->keeper);
		sbi->keeper = NULL;
	}
	return r;
}

/* Also after a start that failed. */
void daxfs_host_stop(struct daxfs_sbi *sbi)
{
	struct daxfs_cx *cx;

	if (sbi->keeper)
		kthread_stop(sbi->keeper);
	kvfree(rcu_dereference_protected(sbi->watchers, true));
	RCU_INIT_POINTER(sbi->watchers, NULL);
	if (sbi->rg.joined && !daxfs_host_check(&sbi->rg)) {
		cx = daxfs_begin(sbi);
		if (sbi->branching)
			daxfs_branch_leave(cx);
		daxfs_host_leave(cx);
		daxfs_end(sbi, cx, 0);
	}
	kvfree(sbi->cx);
	sbi->cx = NULL;
}
