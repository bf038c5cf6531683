// SPDX-License-Identifier: GPL-2.0-or-later
/* What UBSAN and the hardening find, and a device that somebody holds on to. */
#include <linux/mm.h>
#include <linux/netdevice.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "faults.h"

static volatile int kf_number;
static int kf_table[7];

static noinline void kf_bounds(void)
{
	int at = 7;

	KF_HIDE(at);
	kf_number = kf_table[at];
}

static noinline void kf_shift(void)
{
	int by = 40;

	KF_HIDE(by);
	kf_number = 1 << by;
}

static noinline void kf_bool(void)
{
	bool b;
	char c = 7;

	KF_HIDE(c);
	*(volatile char *)&b = c;
	kf_number = *(volatile bool *)&b ? 3 : 4;
}

static noinline void kf_divide_c(void)
{
	int by = 0;

	KF_HIDE(by);
	kf_number = 42 / by;
}

struct kf_record {
	char name[8];
	char rest[8];
};

static noinline void kf_fortify(void)
{
	struct kf_record *r = kzalloc(sizeof(*r), GFP_KERNEL);
	size_t n = 24;

	KF_HIDE(n);
	strscpy(r->name, "kf", 3);
	memcpy(r->name, kf_table, n);
	kfree(r);
}

/* More of an object than it has, to a user. */
static noinline void kf_usercopy(void)
{
	char *p = kzalloc(64, GFP_KERNEL);
	size_t n = 128;

	KF_HIDE(n);
	if (copy_to_user((void __user *)(TASK_SIZE / 2), p, n))
		kf_number = 1;
	kfree(p);
}

#ifdef CONFIG_NET
static void kf_netdev(void)
{
	struct net_device *dev = dev_get_by_name(&init_net, "dummy0");

	if (!dev)
		pr_err("kf_faults: there is no dummy0\n");
}
#endif

const struct kf_fault kf_other_faults[] = {
	{"bounds", kf_bounds},
	{"shift", kf_shift},
	{"bool", kf_bool},
	{"divide-c", kf_divide_c},
	{"fortify", kf_fortify},
	{"usercopy", kf_usercopy},
#ifdef CONFIG_NET
	{"netdev", kf_netdev},
#endif
	{NULL, NULL},
};
