// SPDX-License-Identifier: GPL-2.0-or-later
/* What warns, and what only leaves a trace. */
#include <linux/device.h>
#include <linux/kobject.h>
#include <linux/list.h>
#include <linux/platform_device.h>
#include <linux/refcount.h>
#include <linux/slab.h>
#include <linux/timer.h>

#include "faults.h"

static noinline void kf_warn(void)
{
	WARN(1, "kf_faults: %d of %d fuses blown\n", 3, 7);
}

static noinline void kf_warn_on(void)
{
	WARN_ON(1);
}

/* Twice, and said once. */
static noinline void kf_warn_once(void)
{
	for (int i = 0; i < 2; i++)
		WARN_ONCE(1, "kf_faults: once is enough\n");
}

/* The same place three times. */
static noinline void kf_warn_again(void)
{
	for (int i = 0; i < 3; i++)
		WARN(1, "kf_faults: try %d failed\n", i);
}

static noinline void kf_warn_twice(void)
{
	WARN_ON(1);
	WARN(1, "kf_faults: the second\n");
}

static noinline void kf_refcount_underflow(void)
{
	refcount_t r = REFCOUNT_INIT(0);

	if (refcount_dec_and_test(&r))
		pr_info("kf_faults: that was the last one\n");
}

static noinline void kf_refcount_add(void)
{
	refcount_t r = REFCOUNT_INIT(0);

	refcount_inc(&r);
}

static noinline void kf_refcount_saturated(void)
{
	refcount_t r = REFCOUNT_INIT(INT_MAX);

	refcount_inc(&r);
}

static noinline void kf_refcount_leak(void)
{
	refcount_t r = REFCOUNT_INIT(1);

	refcount_dec(&r);
}

static noinline void kf_trace(void)
{
	dump_stack();
}

/* --- lists ------------------------------------------------------------------------- */

struct kf_item {
	struct list_head list;
};

static noinline void kf_list_del_twice(void)
{
	struct kf_item *a = kzalloc(sizeof(*a), GFP_KERNEL);
	LIST_HEAD(head);

	list_add(&a->list, &head);
	list_del(&a->list);
	list_del(&a->list);
}

static noinline void kf_list_del(void)
{
	struct kf_item a, b;
	LIST_HEAD(head);

	list_add(&a.list, &head);
	list_add(&b.list, &head);
	a.list.prev = &head;
	list_del(&a.list);
}

static noinline void kf_list_add(void)
{
	struct kf_item a, b;
	LIST_HEAD(head);

	list_add(&a.list, &head);
	a.list.prev = &a.list;
	list_add(&b.list, &head);
}

/* --- objects ----------------------------------------------------------------------- */

static void kf_nothing(struct timer_list *t)
{
}

/* Freed while it runs. */
static noinline void kf_odebug(void)
{
	struct timer_list *t = kzalloc(sizeof(*t), GFP_KERNEL);

	timer_setup(t, kf_nothing, 0);
	mod_timer(t, jiffies + 1000 * HZ);
	kfree(t);
}

static noinline void kf_duplicate(void)
{
	struct kobject *a = kobject_create_and_add("kf_twice", kernel_kobj);
	struct kobject *b = kobject_create_and_add("kf_twice", kernel_kobj);

	kobject_put(b);
	kobject_put(a);
}

/* --- a driver that does not get its device -------------------------------------------
 */

static int kf_probe(struct platform_device *dev)
{
	return -EIO;
}

static int kf_probe_says(struct platform_device *dev)
{
	return dev_err_probe(&dev->dev, -ETIMEDOUT, "failed to get clock\n");
}

static struct platform_driver kf_silent = {
	.probe = kf_probe,
	.driver = {.name = "kf-silent"},
};
static struct platform_driver kf_says = {
	.probe = kf_probe_says,
	.driver = {.name = "kf-says"},
};

static void kf_drive(struct platform_driver *driver)
{
	struct platform_device *dev;

	if (platform_driver_register(driver))
		return;
	dev = platform_device_register_simple(driver->driver.name, 0, NULL, 0);
	if (!IS_ERR(dev))
		platform_device_unregister(dev);
	platform_driver_unregister(driver);
}

static void kf_probes(void)
{
	kf_drive(&kf_silent);
	kf_drive(&kf_says);
}

const struct kf_fault kf_warn_faults[] = {
	{"warn", kf_warn},
	{"warn-on", kf_warn_on},
	{"warn-once", kf_warn_once},
	{"warn-again", kf_warn_again},
	{"warn-twice", kf_warn_twice},
	{"refcount-underflow", kf_refcount_underflow},
	{"refcount-add", kf_refcount_add},
	{"refcount-saturated", kf_refcount_saturated},
	{"refcount-leak", kf_refcount_leak},
	{"trace", kf_trace},
	{"list-del-twice", kf_list_del_twice},
	{"list-del", kf_list_del},
	{"list-add", kf_list_add},
	{"odebug", kf_odebug},
	{"duplicate", kf_duplicate},
	{"probe", kf_probes},
	{NULL, NULL},
};
