/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a board is compatible with. */
#include "agent/boot/devtree.h"

#include "tests/lib/board.h"

#define FILE_NAME "proc/device-tree/compatible"

static void names_and_vendors(void **state)
{
	static const char text[] = "raspberrypi,400\0brcm,bcm2711";
	struct board b;

	(void)state;
	board_init(&b);
	assert_false(devtree_compatible(&b.a, "raspberrypi,400"));
	assert_false(devtree_vendor(&b.a, ""));
	put_bytes(&b, FILE_NAME, text, sizeof(text));
	assert_true(devtree_compatible(&b.a, "raspberrypi,400"));
	assert_true(devtree_compatible(&b.a, "brcm,bcm2711"));
	assert_false(devtree_compatible(&b.a, "raspberrypi,40"));
	assert_false(devtree_compatible(&b.a, "raspberrypi,400x"));
	assert_true(devtree_vendor(&b.a, "raspberrypi,"));
	assert_true(devtree_vendor(&b.a, "brcm,"));
	assert_false(devtree_vendor(&b.a, "bcm2711"));
	/* The last one without its terminator. */
	put_bytes(&b, FILE_NAME, text, sizeof(text) - 1);
	assert_true(devtree_compatible(&b.a, "brcm,bcm2711"));
	put_bytes(&b, FILE_NAME, "", 0);
	assert_false(devtree_vendor(&b.a, "raspberrypi,"));
	board_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_and_vendors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
