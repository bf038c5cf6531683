// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A kernel module that does wrong to order: the name of a fault, written into
 * <debugfs>/kf_faults, sets it off in the process that writes.  For kernels of
 * series 6.1. Nothing here belongs on a machine that anybody needs.
 */
#include <linux/debugfs.h>
#include <linux/module.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "faults.h"

static const struct kf_fault *const kf_tables[] = {
	kf_oops_faults,	  kf_warn_faults, kf_lock_faults,  kf_time_faults,
	kf_memory_faults, kf_slab_faults, kf_other_faults,
};

static struct dentry *kf_file;

static const struct kf_fault *kf_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(kf_tables); i++) {
		for (const struct kf_fault *f = kf_tables[i]; f->name; f++) {
			if (strcmp(f->name, name) == 0)
				return f;
		}
	}
	return NULL;
}

static ssize_t kf_write(struct file *file, const char __user *from, size_t n, loff_t *at)
{
	const struct kf_fault *f;
	char name[64];

	if (n >= sizeof(name))
		return -EINVAL;
	if (copy_from_user(name, from, n))
		return -EFAULT;
	name[n] = '\0';
	f = kf_find(strim(name));
	if (!f)
		return -ENOENT;
	f->run();
	return n;
}

static const struct file_operations kf_ops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.write = kf_write,
};

static int __init kf_init(void)
{
	kf_file = debugfs_create_file_unsafe("kf_faults", 0200, NULL, NULL, &kf_ops);
	return PTR_ERR_OR_ZERO(kf_file);
}

static void __exit kf_exit(void)
{
	debugfs_remove(kf_file);
}

module_init(kf_init);
module_exit(kf_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("faults to order, for logs of them");
