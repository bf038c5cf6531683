/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Modules as users name them, and what is said of a change. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "controller/module/module_call.h"
#include "controller/module/module_spec.h"
#include "proto/limits.h"
#include "proto/reason.h"

static void names_with_parameters(void **state)
{
	_module_spec_ struct module_spec s = {0};
	struct kf_error err = {0};

	(void)state;
	assert_int_equal(
		module_spec_parse(" e1000e  debug=16 'dyndbg=file a.c +p' on ", &s, &err),
		0);
	assert_string_equal(s.name, "e1000e");
	assert_int_equal(s.n_params, 3);
	assert_string_equal(s.params[0], "debug=16");
	assert_string_equal(s.params[1], "dyndbg=file a.c +p");
	assert_string_equal(s.params[2], "on");
}

static void a_file_names_its_module(void **state)
{
	_module_spec_ struct module_spec s = {0};
	struct kf_error err = {0};

	(void)state;
	assert_int_equal(module_spec_parse("drivers/net/tun.ko", &s, &err), 0);
	assert_string_equal(s.name, "tun");
	assert_int_equal(s.n_params, 0);
}

static void what_is_no_module(void **state)
{
	static const char *const wrong[] = {"",	     " ",    "-r",	 "--all",
					    "a/b/",  "a;b",  "a 'b",	 "a =1",
					    "a --x", ".ko/", "a x=\001", "a x=\303\244"};
	struct kf_error err = {0};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		struct module_spec s = {0};

		if (module_spec_parse(wrong[i], &s, &err) == 0)
			fail_msg("\"%s\" was taken", wrong[i]);
		assert_int_equal(err.reason, KF_REASON_USAGE);
	}
}

static void words_of_a_command(void **state)
{
	char *words[] = {(char *)"a", (char *)"x=1",  (char *)"y=2 3",
			 (char *)"b", (char *)"c.ko", (char *)"z="};
	struct module_spec *all = NULL;
	struct kf_error err = {0};
	size_t n = 0;

	(void)state;
	assert_int_equal(module_specs_of(words, ARRAY_SIZE(words), &all, &n, &err), 0);
	assert_int_equal(n, 3);
	assert_string_equal(all[0].name, "a");
	assert_int_equal(all[0].n_params, 2);
	assert_string_equal(all[0].params[1], "y=2 3");
	assert_int_equal(all[1].n_params, 0);
	assert_string_equal(all[2].name, "c");
	assert_string_equal(all[2].params[0], "z=");
	for (size_t i = 0; i < n; i++)
		module_spec_fini(&all[i]);
	free(all);
	assert_true(module_specs_of(words + 1, 1, &all, &n, &err) < 0);
	assert_non_null(strstr(err.msg, "of which module?"));
	assert_int_equal(module_specs_of(words, 0, &all, &n, &err), 0);
	assert_int_equal(n, 0);
	free(all);
}

static void expect_text(const char *name, char **unloaded, size_t n_unloaded,
			char **loaded, size_t n_loaded, const char *want)
{
	Kferry__ModuleChange m = KFERRY__MODULE_CHANGE__INIT;
	_free_ char *text = NULL;

	m.unloaded = unloaded;
	m.n_unloaded = n_unloaded;
	m.loaded = loaded;
	m.n_loaded = n_loaded;
	text = module_call_text(name, &m);
	assert_string_equal(text, want);
}

static void a_change_is_told(void **state)
{
	char *names[] = {(char *)"low", (char *)"my_mod", (char *)"top"};

	(void)state;
	expect_text("my-mod", NULL, 0, names, 2, "my-mod loaded (with low)");
	expect_text("my-mod", NULL, 0, names + 1, 1, "my-mod loaded");
	expect_text("my_mod", names + 1, 1, NULL, 0, "my_mod unloaded");
	expect_text("my_mod", names, 3, names, 3,
		    "my_mod unloaded and loaded again (with low, top)");
	expect_text("my_mod", NULL, 0, NULL, 0, "my_mod was loaded already");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_with_parameters),
		cmocka_unit_test(a_file_names_its_module),
		cmocka_unit_test(what_is_no_module),
		cmocka_unit_test(words_of_a_command),
		cmocka_unit_test(a_change_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
