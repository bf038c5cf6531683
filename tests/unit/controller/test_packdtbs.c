/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Device trees and overlays: by the tree's list, and by its makefile, only when it must.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proto/base/fs.h"
#include "tests/lib/controller/packtree.h"

#define DTS "arch/arm64/boot/dts/"

static void test_device_trees_by_the_makefile(void **state)
{
	struct packtree *p = *state;
	const struct packtree_way kept = {p->keep, "yes", "yes", "yes"};
	_free_ char *gone = packtree_path(p, DTS "vendor/b.dtb");

	packtree_write(p, DTS "vendor/a.dtb", "a");
	packtree_write(p, DTS "vendor/b.dtb", "b");
	packtree_write(p, DTS "overlays/o.dtbo", "o");
	packtree_compare_ways(p, "yes", "yes");
	for (int i = 0; i < 3; i++) {
		kernel_free(packtree_pack(p, &kept));
		packtree_settle(p);
	}
	kernel_free(packtree_pack(p, &kept));
	kernel_free(packtree_pack(p, &kept));
	packtree_made(p);
	kernel_free(packtree_pack(p, &kept));
	assert_int_equal(packtree_made(p), 0);
	packtree_write(p, DTS "vendor/a.dtb", "A");
	packtree_compare_ways(p, "yes", "yes");
	unlink(gone);
	packtree_compare_ways(p, "yes", "vendor/*");
}

static void test_device_trees_by_the_list(void **state)
{
	struct packtree *p = *state;
	const struct packtree_way kept = {p->keep, "yes", "yes", "yes"};
	struct kernel *k;

	packtree_write(p, "scripts/Makefile.dtbinst",
		       "dtbs := $(call read-file, $(obj)/dtbs-list)\n");
	packtree_write(p, DTS "dtbs-list", DTS "vendor/a.dtb\n" DTS "overlays/o.dtbo\n");
	packtree_write(p, DTS "vendor/a.dtb", "a");
	packtree_write(p, DTS "overlays/o.dtbo", "o");
	packtree_write(p, DTS "vendor/off-board.dtb", "not in the list");
	packtree_compare_ways(p, "yes", "yes");
	packtree_settle(p);
	k = packtree_pack(p, &kept);
	assert_int_equal(packtree_made(p), 0);
	assert_true(manifest_find(&k->manifest, "dtbs/vendor/a.dtb") >= 0);
	assert_true(manifest_find(&k->manifest, "overlays/o.dtbo") >= 0);
	assert_int_equal(manifest_find(&k->manifest, "dtbs/vendor/off-board.dtb"), -1);
	kernel_free(k);
	packtree_write(p, DTS "vendor/a.dtb", "A");
	packtree_compare_ways(p, "yes", "yes");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, packtree_setup, packtree_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_device_trees_by_the_makefile),
		TEST(test_device_trees_by_the_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
