// SPDX-License-Identifier: GPL-2.0-or-later
/* Objects of the heap: beyond their end, after their time, twice freed, and forgotten. */
#include <linux/delay.h>
#include <linux/kfence.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/vmalloc.h>

#include "faults.h"

static volatile char kf_seen;
static char kf_global[11];

/* An object that KFENCE guards, as it takes few. */
static noinline char *kf_guarded(size_t n)
{
	for (int i = 0; i < 20000; i++) {
		char *p = kmalloc(n, GFP_KERNEL);

		if (is_kfence_address(p))
			return p;
		kfree(p);
		usleep_range(100, 200);
	}
	return NULL;
}

static noinline char kf_get(const char *p, size_t at)
{
	KF_HIDE(p);
	return *(const volatile char *)(p + at);
}

static noinline void kf_put(char *p, size_t at)
{
	KF_HIDE(p);
	*(volatile char *)(p + at) = 'k';
}

/* KASAN sees nothing of it. */
static noinline void __no_sanitize_address kf_put_unseen(char *p, size_t at, size_t n)
{
	KF_HIDE(p);
	for (size_t i = 0; i < n; i++)
		*(volatile char *)(p + at + i) = 'k';
}

static noinline void kf_oob_read(void)
{
	char *p = kmalloc(40, GFP_KERNEL);

	kf_seen = kf_get(p, 40);
	kfree(p);
}

static noinline void kf_oob_write(void)
{
	char *p = kmalloc(100, GFP_KERNEL);

	kf_put(p, 101);
	kfree(p);
}

static noinline void kf_uaf_read(void)
{
	char *p = kmalloc(64, GFP_KERNEL);

	kfree(p);
	kf_seen = kf_get(p, 16);
}

static noinline void kf_uaf_write(void)
{
	char *p = kmalloc(64, GFP_KERNEL);

	kfree(p);
	kf_put(p, 8);
}

static noinline void kf_double_free(void)
{
	char *p = kmalloc(64, GFP_KERNEL);

	kfree(p);
	KF_HIDE(p);
	kfree(p);
}

static noinline void kf_invalid_free(void)
{
	char *p = kmalloc(64, GFP_KERNEL);

	p += 8;
	KF_HIDE(p);
	kfree(p);
}

static noinline void kf_oob_global(void)
{
	kf_seen = kf_get(kf_global, sizeof(kf_global) + 2);
}

static noinline void kf_oob_vmalloc(void)
{
	char *p = vmalloc(2000);

	kf_seen = kf_get(p, 2001);
	vfree(p);
}

/* A function of the kernel's own does it. */
static noinline void kf_oob_memset(void)
{
	char *p = kmalloc(40, GFP_KERNEL);
	size_t n = 48;

	KF_HIDE(n);
	KF_HIDE(p);
	memset(p, 0, n);
	kfree(p);
}

static noinline void kf_fence_oob(void)
{
	char *p = kf_guarded(32);
	long at;

	if (!p)
		return;
	/* It stands at the beginning of its page or at its end. */
	at = offset_in_page(p) ? (long)PAGE_SIZE - (long)offset_in_page(p) : -1;
	kf_seen = kf_get(p, (size_t)at);
	kfree(p);
}

static noinline void kf_fence_uaf(void)
{
	char *p = kf_guarded(32);

	if (!p)
		return;
	kfree(p);
	kf_seen = kf_get(p, 4);
}

/* Within the page: seen when it is freed. */
static noinline void kf_fence_corrupt(void)
{
	char *p = kf_guarded(73);

	if (!p)
		return;
	kf_put_unseen(p, 73, 1);
	kfree(p);
}

static noinline void kf_fence_free(void)
{
	char *p = kf_guarded(32);

	if (!p)
		return;
	kfree(p);
	KF_HIDE(p);
	kfree(p);
}

/* --- what SLUB finds by itself -------------------------------------------------------
 */

static noinline void kf_redzone(void)
{
	char *p = kmalloc(64, GFP_KERNEL);

	kf_put_unseen(p, 64, 4);
	kfree(p);
}

static noinline void kf_poison(void)
{
	struct kmem_cache *cache =
		kmem_cache_create("kf_cache", 96, 0, SLAB_POISON, NULL);
	void *p;

	if (!cache)
		return;
	p = kmem_cache_alloc(cache, GFP_KERNEL);
	kmem_cache_free(cache, p);
	kf_put_unseen(p, 20, 2);
	p = kmem_cache_alloc(cache, GFP_KERNEL);
	kmem_cache_free(cache, p);
}

/* A cache that goes while an object of it is out. */
static noinline void kf_cache_busy(void)
{
	struct kmem_cache *cache = kmem_cache_create("kf_busy", 96, 0, 0, NULL);

	if (cache && kmem_cache_alloc(cache, GFP_KERNEL))
		kmem_cache_destroy(cache);
}

static noinline void kf_leak(void)
{
	for (int i = 0; i < 3; i++) {
		char *p = kmalloc(72, GFP_KERNEL);

		KF_HIDE(p);
	}
}

const struct kf_fault kf_slab_faults[] = {
	{"oob-read", kf_oob_read},
	{"oob-write", kf_oob_write},
	{"uaf-read", kf_uaf_read},
	{"uaf-write", kf_uaf_write},
	{"double-free", kf_double_free},
	{"invalid-free", kf_invalid_free},
	{"oob-global", kf_oob_global},
	{"oob-vmalloc", kf_oob_vmalloc},
	{"oob-memset", kf_oob_memset},
	{"fence-oob", kf_fence_oob},
	{"fence-uaf", kf_fence_uaf},
	{"fence-corrupt", kf_fence_corrupt},
	{"fence-free", kf_fence_free},
	{"redzone", kf_redzone},
	{"poison", kf_poison},
	{"cache-busy", kf_cache_busy},
	{"leak", kf_leak},
	{NULL, NULL},
};
