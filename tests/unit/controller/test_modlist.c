/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * modules.order of three generations of kernels, what is none, and makefiles that install
 * more than is known.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "controller/kernel/pack/modlist.h"

static void expect(const struct modlist *l, const char *const names[], const char *order)
{
	size_t n = 0;

	for (; names[n]; n++) {
		assert_true(n < l->n);
		assert_string_equal(l->v[n], names[n]);
	}
	assert_int_equal(l->n, n);
	assert_int_equal(buf_len(&l->order), strlen(order));
	assert_memory_equal(buf_data(&l->order), order, strlen(order));
}

static int parse(const char *text, struct modlist *ret)
{
	return modlist_parse(text, strlen(text), ret);
}

static void test_below_the_object_directory(void **state)
{
	const char *const names[] = {"drivers/net/a.ko", "fs/b.ko", "lib/c-d.ko", NULL};
	_modlist_ struct modlist l = {0};

	(void)state;
	assert_int_equal(parse("lib/c-d.ko\nfs/b.ko\ndrivers/net/a.ko\nfs/b.ko\n", &l),
			 0);
	expect(&l, names,
	       "kernel/lib/c-d.ko\nkernel/fs/b.ko\nkernel/drivers/net/a.ko\n"
	       "kernel/fs/b.ko\n");
	assert_false(l.maybe_installed);
}

static void test_objects(void **state)
{
	const char *const names[] = {"fs/b.ko", "kernel/torture.ko", NULL};
	_modlist_ struct modlist l = {0};

	(void)state;
	assert_int_equal(parse("kernel/torture.o\nfs/b.o\n", &l), 0);
	expect(&l, names, "kernel/kernel/torture.ko\nkernel/fs/b.ko\n");
}

static void test_as_installed(void **state)
{
	const char *const names[] = {"fs/b.ko", "kernel/torture.ko", NULL};
	_modlist_ struct modlist l = {0};

	(void)state;
	assert_int_equal(parse("kernel/kernel/torture.ko\nkernel/fs/b.ko\n", &l), 0);
	assert_true(l.maybe_installed);
	modlist_are_installed(&l);
	/* Their order did not change: what they all lost, they had all in common. */
	expect(&l, names, "kernel/kernel/torture.ko\nkernel/fs/b.ko\n");
	modlist_fini(&l);
	assert_int_equal(parse("kernel/a.o\n", &l), 0);
	assert_false(l.maybe_installed);
}

static void test_none(void **state)
{
	_modlist_ struct modlist l = {0};

	(void)state;
	assert_int_equal(modlist_parse(NULL, 0, &l), 0);
	assert_int_equal(l.n, 0);
	assert_int_equal(buf_len(&l.order), 0);
	assert_false(l.maybe_installed);
}

static void test_what_is_not_understood(void **state)
{
	static const char *const bad[] = {
		"fs/b.ko",	  "fs/b\n",	    "../b.ko\n",	"/fs/b.ko\n",
		"fs/b.ko\n\n",	  "fs/b.ko x.ko\n", "fs/a:b.ko\n",	"fs/%.ko\n",
		"fs/a.ko\nb.o\n", ".ko\n",	    "fs//b.ko\n",	"fs/$(x).ko\n",
		"fs/b.ko\r\n",	  "fs/b.ko.gz\n",   "fs/\xc3\xa4.ko\n", "\n"};
	struct modlist l;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		if (parse(bad[i], &l) != -EBADMSG)
			fail_msg("\"%s\" was taken", bad[i]);
	}
	assert_int_equal(modlist_parse("a.ko\0b.ko\n", 10, &l), -EBADMSG);
}

static void test_makefiles(void **state)
{
	char *unknown;

	(void)state;
	assert_null(modlist_unknown_file("cp x $(MODLIB)/modules.order\n"
					 "dst := $(MODLIB)/$(INSTALL_MOD_DIR)\n"
					 "rm -rf $(MODLIB)/kernel $(MODLIB)/build\n"));
	assert_null(modlist_unknown_file(
		"y += $(addprefix $(MODLIB)/, modules.builtin modules.builtin.modinfo)"));
	unknown = modlist_unknown_file(
		"y += $(addprefix $(MODLIB)/, modules.builtin modules.load)");
	assert_string_equal(unknown, "modules.load");
	free(unknown);
	unknown = modlist_unknown_file(
		"cp x $(MODLIB)/modules.order\ncp $(MODLIB)/blocked");
	assert_string_equal(unknown, "blocked");
	free(unknown);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_below_the_object_directory),
		cmocka_unit_test(test_objects),
		cmocka_unit_test(test_as_installed),
		cmocka_unit_test(test_none),
		cmocka_unit_test(test_what_is_not_understood),
		cmocka_unit_test(test_makefiles),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
