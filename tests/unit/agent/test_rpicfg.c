/* SPDX-License-Identifier: GPL-2.0-or-later */
/* config.txt: filters, what is derived from it, and getting the original back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "agent/boot/rpi/rpicfg.h"

static const char *const pi4[] = {"pi4", "pi400", NULL};

static const struct rpicfg_start start = {
	.slot = "k-3f9a1c2b",
	.kernel = "kernel8.img",
	.initramfs = "initramfs8",
	.arm64 = true,
};

static char *derive(const char *text, const struct rpicfg_start *s)
{
	_buf_ struct buf b = BUF_INIT;

	assert_int_equal(rpicfg_derive(text, strlen(text), s, &b), 0);
	return strdup(buf_str(&b));
}

static char *strip(const char *text)
{
	_buf_ struct buf b = BUF_INIT;

	assert_int_equal(rpicfg_strip(text, strlen(text), &b), 0);
	return strdup(buf_len(&b) ? buf_str(&b) : "");
}

static void derives_and_gives_back(void **state)
{
	static const char text[] =
		"dtparam=audio=on\r\n[pi4]\ninitramfs old followkernel\n"
		"  ramfsfile = x\n[gpio4=1]\ninclude more.txt\n";
	_free_ char *made = derive(text, &start), *back = strip(made);

	(void)state;
	assert_string_equal(made,
			    "dtparam=audio=on\r\n[pi4]\n"
			    "#kferry# initramfs old followkernel\n"
			    "#kferry#   ramfsfile = x\n[gpio4=1]\ninclude more.txt\n"
			    "# kferry: begin\n[all]\nos_prefix=kferry/k-3f9a1c2b/\n"
			    "arm_64bit=1\nkernel=kernel8.img\ncmdline=cmdline.txt\n"
			    "auto_initramfs=0\ninitramfs initramfs8 followkernel\n"
			    "# kferry: end\n");
	assert_string_equal(back, text);
}

static void derives_without_initramfs_and_with_watchdog(void **state)
{
	const struct rpicfg_start s = {
		.slot = "k-3f9a1c2b", .kernel = "kernel7l.img", .watchdog_s = 60};
	_free_ char *made = derive("overlay_prefix=mine/\nauto_initramfs=1", &s);
	_free_ char *back = strip(made);

	(void)state;
	assert_string_equal(made, "overlay_prefix=mine/\nauto_initramfs=1\n"
				  "# kferry: begin, the line above had no end\n[all]\n"
				  "os_prefix=kferry/k-3f9a1c2b/\narm_64bit=0\n"
				  "kernel=kernel7l.img\ncmdline=cmdline.txt\n"
				  "auto_initramfs=0\noverlay_prefix=overlays/\n"
				  "kernel_watchdog_timeout=60\n# kferry: end\n");
	assert_string_equal(back, "overlay_prefix=mine/\nauto_initramfs=1");
}

static void replaces_its_own_block(void **state)
{
	_free_ char *one = derive("a=1\n", &start), *two = NULL, *edited = NULL;
	struct rpicfg_start other = start;
	char slot[SLOT_ID_SIZE];

	(void)state;
	other.slot = "k-00000001";
	two = derive(one, &other);
	/* Only the slot differs, in its place: one sector is written. */
	assert_int_equal(strlen(one), strlen(two));
	assert_int_equal(rpicfg_slot(two, strlen(two), slot), 0);
	assert_string_equal(slot, "k-00000001");
	/* What the user added since stays. */
	assert_true(asprintf(&edited, "%sdtoverlay=x\n", two) > 0);
	free(two);
	two = strip(edited);
	assert_string_equal(two, "a=1\ndtoverlay=x\n");
	assert_int_equal(rpicfg_slot(two, strlen(two), slot), -ENOENT);
}

static void refuses_damage(void **state)
{
	static const char open[] = "a=1\n# kferry: begin\n[all]\n";
	_buf_ struct buf b = BUF_INIT;
	char slot[SLOT_ID_SIZE];

	(void)state;
	assert_int_equal(rpicfg_strip(open, strlen(open), &b), -EBADMSG);
	assert_int_equal(rpicfg_derive(open, strlen(open), &start, &b), -EBADMSG);
	assert_int_equal(rpicfg_strip("a\0b", 3, &b), -EBADMSG);
	assert_int_equal(buf_len(&b), 0);
	assert_int_equal(
		rpicfg_slot("# kferry: begin\nos_prefix=kferry/k-XYZ45678/\n", 46, slot),
		-EBADMSG);
}

static void value_is(const char *text, const char *key, const char *want)
{
	_free_ char *value = NULL;

	assert_int_equal(rpicfg_get(text, strlen(text), pi4, key, &value), 0);
	assert_string_equal(value, want);
}

static void honours_filters(void **state)
{
	_free_ char *value = NULL;
	static const char other[] = "[pi5]\nos_prefix=a/\n[tryboot]\nos_prefix=b/\n"
				    "[all]\n[none]\nos_prefix=c/\n";

	(void)state;
	value_is("os_prefix=a/\n[pi4]\nos_prefix = b/ \n[pi5]\nos_prefix=c/", "os_prefix",
		 "b/");
	value_is("[pi5]\ninitramfs five followkernel\n[all]\ninitramfs  all\n",
		 "initramfs", "all");
	/* Filters of different kinds must both hold. */
	value_is("[pi400]\n[tryboot]\nkernel=x\n[all]\nkernel=y\n", "kernel", "y");
	assert_int_equal(rpicfg_get(other, strlen(other), pi4, "os_prefix", &value),
			 -ENOENT);
	assert_int_equal(rpicfg_get("[0x12]\nkernel=x\n", 16, pi4, "kernel", &value),
			 -EAGAIN);
	value_is("[0x12]\nkernel=x\n[all]\nkernel=y\n", "kernel", "y");
	assert_int_equal(rpicfg_get("kernel=x\ninclude f\n", 19, pi4, "kernel", &value),
			 -EAGAIN);
	/* Comments and things that only look like settings. */
	assert_int_equal(rpicfg_get("#kernel=x\nkernel\n", 17, pi4, "kernel", &value),
			 -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(derives_and_gives_back),
		cmocka_unit_test(derives_without_initramfs_and_with_watchdog),
		cmocka_unit_test(replaces_its_own_block),
		cmocka_unit_test(refuses_damage),
		cmocka_unit_test(honours_filters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
