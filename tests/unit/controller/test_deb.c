/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The fields of a .deb's control file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "controller/kernel/deb.h"

static void test_control_fields(void **state)
{
	struct deb_control c;

	(void)state;
	deb_parse_control("Package: a\nPackages: b\nArchitecture:amd64\nDepends:  x, y",
			  &c);
	assert_string_equal(c.package, "a");
	assert_string_equal(c.arch, "x86_64");
	assert_string_equal(c.depends, "x, y");
	deb_parse_control("", &c);
	assert_string_equal(c.package, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_control_fields),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
