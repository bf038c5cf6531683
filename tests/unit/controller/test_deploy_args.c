/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Several boards, one exit status: 0 only if every one of them passed. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "controller/fleet/deploys.h"

static void the_worst_status_counts(void **state)
{
	(void)state;
	assert_int_equal(deploy_worse(STATUS_PASS, STATUS_NO_BOARD), STATUS_NO_BOARD);
	assert_int_equal(deploy_worse(STATUS_ERROR, STATUS_NO_BOARD), STATUS_ERROR);
	assert_int_equal(deploy_worse(STATUS_ERROR, STATUS_FAIL), STATUS_FAIL);
	assert_int_equal(deploy_worse(STATUS_PASS, STATUS_PASS), STATUS_PASS);
	/* Of a program on a board. */
	assert_int_equal(deploy_worse(STATUS_PASS, 7), 7);
	assert_int_equal(deploy_worse(7, STATUS_PASS), 7);
	assert_int_equal(deploy_worse(7, STATUS_ERROR), STATUS_ERROR);
}

static void boards_that_were_not_tried_have_not_passed(void **state)
{
	const char *boards[] = {"one", "two"};
	struct deploy_args a = {.boards = boards, .n_boards = 2, .from = "/nonexistent"};
	struct config_paths paths = {.user_file = "/nonexistent", .tree_dir = ""};
	struct cmd_env env = {0};

	(void)state;
	assert_int_equal(config_load(&paths, &env.cfg, NULL), 0);
	assert_int_equal(ui_new(&(struct ui_opts){.quiet = true}, &env.ui), 0);
	assert_int_equal(cancel_init(), 0);
	raise(SIGTERM);
	assert_int_equal(deploys_run(&env, &a), STATUS_ERROR);
	ui_free(env.ui);
	config_free(env.cfg);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_worst_status_counts),
		cmocka_unit_test(boards_that_were_not_tried_have_not_passed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
