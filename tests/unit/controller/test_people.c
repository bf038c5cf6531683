// SPDX-License-Identifier: GPL-2.0-or-later
/* Addresses are merged, roles are kept, lists come last. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "controller/patch/people.h"
#include "proto/base/cleanup.h"

static void add(struct people *all, const char *text, int rc)
{
	assert_int_equal(people_add(all, text, strlen(text)), rc);
}

static void merged_over_runs(void **state)
{
	_people_ struct people all = {0};

	(void)state;
	add(&all,
	    "linux-demo@vger.kernel.org (open list:DEMO (32-BIT AND 64-BIT))\n"
	    "Bea Example <bea@example.org> (reviewer:DEMO)\n"
	    "Zoe Example <zoe@example.org> (maintainer:DEMO)\n",
	    0);
	add(&all,
	    "\"B. Example\" <BEA@example.org> (maintainer:OTHER)\n"
	    "Zoe Example <zoe@example.org> (maintainer:DEMO)\n"
	    "Al Example <al@example.org> (commit_signer:3/5=60%)\n"
	    "nobody@example.org\n",
	    0);
	people_sort(&all);
	assert_int_equal(all.n, 5);
	assert_string_equal(all.p[0].address, "Bea Example <bea@example.org>");
	assert_int_equal(all.p[0].n_roles, 2);
	assert_string_equal(all.p[0].roles[1], "maintainer:OTHER");
	assert_string_equal(all.p[1].email, "zoe@example.org");
	assert_int_equal(all.p[1].n_roles, 1);
	assert_string_equal(all.p[2].email, "al@example.org");
	assert_string_equal(all.p[3].email, "nobody@example.org");
	assert_int_equal(all.p[3].n_roles, 0);
	assert_true(all.p[4].list);
	assert_string_equal(all.p[4].roles[0], "open list:DEMO (32-BIT AND 64-BIT)");
}

static void a_reviewer_comes_before_others(void **state)
{
	_people_ struct people all = {0};

	(void)state;
	add(&all, "A <a@x> (authored:1/1=100%)\nR <r@x> (reviewer:D)\n", 0);
	people_sort(&all);
	assert_string_equal(all.p[0].email, "r@x");
}

static void what_is_no_address_is_refused(void **state)
{
	_people_ struct people all = {0};

	(void)state;
	add(&all, "Odd line without one\n", -EBADMSG);
	add(&all, "Half <half@example.org\n", -EBADMSG);
	add(&all, "", 0);
	assert_int_equal(all.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(merged_over_runs),
		cmocka_unit_test(a_reviewer_comes_before_others),
		cmocka_unit_test(what_is_no_address_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
