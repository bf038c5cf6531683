// SPDX-License-Identifier: GPL-2.0-or-later
/* Pages, address spaces and caches of the VFS that do not add up. */
#include <linux/fs.h>
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/namei.h>
#include <linux/sched.h>
#include <linux/vmalloc.h>

#include "faults.h"

/* What a test mounts a tmpfs on. */
#define KF_MOUNT "/mnt/file"

static noinline void kf_bad_page(void)
{
	struct page *page = alloc_page(GFP_KERNEL);

	atomic_set(&page->_mapcount, 3);
	__free_page(page);
}

static noinline void kf_rss(void)
{
	atomic_long_add(7, &current->mm->rss_stat.count[MM_ANONPAGES]);
}

static noinline void kf_pgtables(void)
{
	atomic_long_add(4096, &current->mm->pgtables_bytes);
}

static noinline void kf_dentry(void)
{
	struct path path;

	if (kern_path(KF_MOUNT, 0, &path))
		return;
	dget(path.dentry);
	path_put(&path);
}

static noinline void kf_inode(void)
{
	struct path path;

	if (kern_path(KF_MOUNT, 0, &path))
		return;
	ihold(d_inode(path.dentry));
	path_put(&path);
}

static noinline void kf_too_much(void)
{
	__free_pages(alloc_pages(GFP_KERNEL | __GFP_NORETRY, 10), 10);
}

static noinline void kf_vmalloc_fails(void)
{
	vfree(vmalloc(1UL << 40));
}

const struct kf_fault kf_memory_faults[] = {
	{"bad-page", kf_bad_page},
	{"rss", kf_rss},
	{"pgtables", kf_pgtables},
	{"dentry", kf_dentry},
	{"inode", kf_inode},
	{"alloc-fails", kf_too_much},
	{"vmalloc-fails", kf_vmalloc_fails},
	{NULL, NULL},
};
