// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two guests count in one word of shared memory, by compare and swap.
 *
 * Notes: loading it does one phase: both guests wait for each other, each adds
 * 1 to the phase's word on all of its processors, nr times on each, and both
 * wait again. What the word holds then, and what it should, are parameters to
 * be read; so is the byte in front of the instruction that was used, as it
 * stands in memory: 0xf0 is a lock prefix, 0x3e one that the kernel patched out
 * because it booted on one processor. The memory starts as zeros.
 */
#include <linux/completion.h>
#include <linux/cpu.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/io.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/sched.h>

#include "raw.h"

#define PHASES 64
#define PATIENCE (400 * HZ)	/* the guest has a limit, too */

/* What two guests share. Each word has one writer, but sum. */
struct place {
	struct daxfs_a64 sum;	/* what all count in */
	u64 ready[2];		/* this guest has come */
	u64 amount[2];		/* what it has added, when it is done */
	u64 pad[3];
};

static unsigned long phys;
module_param(phys, ulong, 0444);
static uint phase;
module_param(phase, uint, 0444);
static uint me;
module_param(me, uint, 0444);
static uint nr = 1000000;
module_param(nr, uint, 0444);
static bool plain;
module_param(plain, bool, 0444);

static unsigned long total;
module_param(total, ulong, 0444);
static unsigned long expected;
module_param(expected, ulong, 0444);
static uint prefix;
module_param(prefix, uint, 0444);

static struct place *place;
static atomic_t running;
static DECLARE_COMPLETION(all_done);

/* As the core has it: its lock prefix stays. */
static noinline u64 port_cas(struct daxfs_a64 *word, u64 old, u64 new)
{
	return raw_cas(word, old, new);
}

static noinline u64 plain_cas(struct daxfs_a64 *word, u64 old, u64 new)
{
	return cmpxchg(&word->raw, old, new);
}

static void add_one(struct daxfs_a64 *word)
{
	u64 seen = raw_load_relaxed(word), found;

	for (;;) {
		found = plain ? plain_cas(word, seen, seen + 1) :
				port_cas(word, seen, seen + 1);
		if (found == seen)
			return;
		seen = found;
	}
}

static int count(void *unused)
{
	uint i;

	for (i = 0; i < nr; i++) {
		add_one(&place->sum);
		if (i % 1024 == 0)
			cond_resched();
	}
	if (atomic_dec_and_test(&running))
		complete(&all_done);
	return 0;
}

/* Waits until the other guest has written it, and leaves the processors to it. */
static int wait_for(u64 *word)
{
	unsigned long end = jiffies + PATIENCE;

	/* Pairs with the releases of run_phase() and count_on_all(). */
	while (!virt_load_acquire(word)) {
		if (time_after(jiffies, end))
			return -ETIMEDOUT;
		usleep_range(50, 100);
	}
	return 0;
}

static int start(int cpu)
{
	struct task_struct *task = kthread_create(count, NULL, "daxfs_cas/%d", cpu);

	if (IS_ERR(task))
		return PTR_ERR(task);
	kthread_bind(task, cpu);
	atomic_inc(&running);
	wake_up_process(task);
	return 0;
}

/* Each processor counts; the last one to end says so. */
static int count_on_all(void)
{
	u64 threads = 0;
	int cpu, err = 0;

	atomic_set(&running, 1);
	for_each_online_cpu(cpu) {
		err = start(cpu);
		if (err)
			break;
		threads++;
	}
	if (!atomic_dec_and_test(&running))
		wait_for_completion(&all_done);
	/* Pairs with wait_for() of the other guest: what we counted is there. */
	virt_store_release(&place->amount[me], threads * nr);
	return err;
}

/* The byte in front of the first cmpxchg, and of its REX prefix. */
static uint prefix_of(const u8 *code)
{
	int i;

	for (i = 2; i < 128; i++) {
		if (code[i] == 0x0f && code[i + 1] == 0xb1)
			return (code[i - 1] & 0xf0) == 0x40 ? code[i - 2] : code[i - 1];
	}
	return 0;
}

static int run_phase(void)
{
	int err;

	/* Pairs with wait_for() of the other guest. */
	virt_store_release(&place->ready[me], 1);
	err = wait_for(&place->ready[!me]);
	if (!err)
		err = count_on_all();
	if (!err)
		err = wait_for(&place->amount[!me]);
	if (err)
		return err;
	total = raw_load_relaxed(&place->sum);
	expected = place->amount[0] + place->amount[1];
	prefix = prefix_of(plain ? (u8 *)plain_cas : (u8 *)port_cas);
	return 0;
}

static int __init daxfs_cas_init(void)
{
	struct place *places;
	int err;

	if (phase >= PHASES || me > 1 || !phys)
		return -EINVAL;
	places = memremap(phys, PHASES * sizeof(*places), MEMREMAP_WB);
	if (!places)
		return -ENOMEM;
	place = &places[phase];
	err = run_phase();
	memunmap(places);
	if (err)
		pr_err("daxfs_cas: no end of phase %u: error %d\n", phase, err);
	return err;
}

static void __exit daxfs_cas_exit(void)
{
}

module_init(daxfs_cas_init);
module_exit(daxfs_cas_exit);
MODULE_DESCRIPTION("compare and swap between guests");
MODULE_LICENSE("GPL");
