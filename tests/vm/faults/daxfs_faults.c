// SPDX-License-Identifier: GPL-2.0-only
/*
 * Faults on purpose, so that it is known that tests of guests see such.
 *
 * Notes: loading it commits the one that `what` names. All but the warning
 * and the oops are seen by a debug kernel alone, and it lives on.
 */
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>

static char *what = "";
module_param(what, charp, 0444);
static uint shift = 40;		/* the compiler does not know it */
module_param(shift, uint, 0444);

static DEFINE_MUTEX(first);
static DEFINE_MUTEX(second);
static DEFINE_SPINLOCK(spin);

static void warn(void)
{
	WARN(1, "daxfs_faults: on purpose\n");
}

static void oops(void)
{
	WRITE_ONCE(*(int *)(unsigned long)(shift - 40), 1);
}

static void leak(void)
{
	void *p[64];
	size_t i;

	/* Some may stay reachable by what is left in a register or a stack. */
	for (i = 0; i < ARRAY_SIZE(p); i++)
		p[i] = kmalloc(100, GFP_KERNEL);
	OPTIMIZER_HIDE_VAR(i);
	memzero_explicit(p, sizeof(p));
}

static void beyond(void)
{
	char *p = kmalloc(shift, GFP_KERNEL);

	if (p)
		WRITE_ONCE(p[shift], 1);
	kfree(p);
}

static void order(void)
{
	mutex_lock(&first);
	mutex_lock(&second);
	mutex_unlock(&second);
	mutex_unlock(&first);
	mutex_lock(&second);
	mutex_lock(&first);
	mutex_unlock(&first);
	mutex_unlock(&second);
}

static void sleep_in_atomic(void)
{
	spin_lock(&spin);
	mutex_lock(&first);
	mutex_unlock(&first);
	spin_unlock(&spin);
}

static void undefined(void)
{
	pr_info("daxfs_faults: %d\n", 1 << shift);
}

static const struct {
	const char *name;
	void (*commit)(void);
} faults[] = {
	{ "warn", warn }, { "oops", oops }, { "leak", leak }, { "beyond", beyond },
	{ "order", order }, { "sleep", sleep_in_atomic }, { "undefined", undefined },
};

static int __init daxfs_faults_init(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(faults); i++) {
		if (strcmp(faults[i].name, what) == 0) {
			faults[i].commit();
			return 0;
		}
	}
	return -EINVAL;
}

static void __exit daxfs_faults_exit(void)
{
}

module_init(daxfs_faults_init);
module_exit(daxfs_faults_exit);
MODULE_DESCRIPTION("faults on purpose");
MODULE_LICENSE("GPL");
