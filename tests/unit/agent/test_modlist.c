/* SPDX-License-Identifier: GPL-2.0-or-later */
/* /proc/modules as kernels write it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "agent/module/modlist.h"
#include "tests/lib/scratch.h"

static void lines_of_kernels(void **state)
{
	static const char text[] =
		"iwlmvm 618496 0 - Live 0xffffffffc0b00000 (OE)\n"
		"mac80211 1048576 2 iwlmvm,mt76, Live 0xffffffffc0a00000\n"
		"rcutorture 90112 1 [permanent], Live 0x0000000000000000 (E+)\n"
		"tun 61440 3 - Live 0x0000000000000000\n"
		"going 4096 0 - Unloading 0x0000000000000000\n"
		"rpi-panel-v2-regulator 12288 - - Live 0x0000000000000000\n";
	_modlist_ struct modlist l = {0};
	const struct module *m;

	(void)state;
	assert_int_equal(modlist_parse(text, &l), 0);
	assert_int_equal(l.n, 6);
	m = modlist_find(&l, "iwlmvm");
	assert_int_equal(m->size, 618496);
	assert_int_equal(m->users, 0);
	assert_int_equal(m->n_holders, 0);
	assert_string_equal(m->state, "live");
	assert_string_equal(m->taint, "OE");
	m = modlist_find(&l, "mac80211");
	assert_int_equal(m->users, 2);
	assert_int_equal(m->n_holders, 2);
	assert_string_equal(m->holders[0], "iwlmvm");
	assert_string_equal(m->holders[1], "mt76");
	assert_null(m->holders[2]);
	assert_string_equal(m->taint, "");
	m = modlist_find(&l, "rcutorture");
	assert_true(m->permanent);
	assert_int_equal(m->users, 0);
	assert_int_equal(m->n_holders, 0);
	assert_string_equal(m->taint, "E");
	assert_int_equal(modlist_find(&l, "tun")->users, 3);
	assert_string_equal(modlist_find(&l, "going")->state, "unloading");
	assert_int_equal(modlist_find(&l, "rpi_panel_v2_regulator")->users, -1);
	assert_ptr_equal(modlist_find(&l, "rpi-panel_v2-regulator"), &l.v[5]);
	assert_null(modlist_find(&l, "mac8021"));
	assert_null(modlist_find(&l, "mac802111"));
}

static void what_is_not_understood_is_passed_over(void **state)
{
	_modlist_ struct modlist l = {0};

	(void)state;
	assert_int_equal(modlist_parse("", &l), 0);
	assert_int_equal(l.n, 0);
	assert_int_equal(modlist_parse("\n\na 1 2\n/etc 1 0 - Live 0x0\n"
				       "b 1 0 - Live 0x0\n"
				       "c 1 1 ../x,b, Live 0x0\nd 1 0 -",
				       &l),
			 0);
	assert_int_equal(l.n, 2);
	assert_string_equal(l.v[0].name, "b");
	assert_int_equal(l.v[1].n_holders, 1);
}

static void a_kernel_without_modules_has_none(void **state)
{
	_modlist_ struct modlist l = {0};
	struct scratch s;

	(void)state;
	scratch_new(&s);
	assert_int_equal(modlist_read(&s.a, &l), 0);
	assert_int_equal(l.n, 0);
	scratch_write(&s, "proc/modules", "b 1 0 - Live 0x0\n", 17);
	assert_int_equal(modlist_read(&s.a, &l), 0);
	assert_int_equal(l.n, 1);
	scratch_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_of_kernels),
		cmocka_unit_test(what_is_not_understood_is_passed_over),
		cmocka_unit_test(a_kernel_without_modules_has_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
