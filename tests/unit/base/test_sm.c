/* SPDX-License-Identifier: GPL-2.0-or-later */
/* State tables: allowed moves happen, others abort the program. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proto/base/log.h"
#include "proto/base/sm.h"

enum { OFF, ON, DONE, N_STATES };

static const struct sm_state table[N_STATES] = {
	[OFF] = {.name = "off", .next = SM_TO(ON)},
	[ON] = {.name = "on", .next = SM_TO(OFF) | SM_TO(DONE)},
	[DONE] = {.name = "done", .final = true},
};

static void allowed_moves(void **state)
{
	struct sm sm;

	(void)state;
	sm_init(&sm, "lamp", table, N_STATES, OFF);
	assert_string_equal(sm_name(&sm), "off");
	assert_true(sm_may(&sm, ON));
	assert_false(sm_may(&sm, DONE));
	assert_false(sm_may(&sm, OFF));
	assert_false(sm_may(&sm, N_STATES));
	assert_false(sm_may(&sm, 77));
	sm_move(&sm, ON);
	sm_move(&sm, DONE);
	assert_string_equal(sm_name(&sm), "done");
	assert_false(sm_may(&sm, OFF));
}

/* Run moves in a child; its wait status, and what it logged in text. */
static int in_child(const unsigned *moves, size_t n, char text[static 512])
{
	int p[2], status = 0;
	ssize_t len;
	pid_t pid;

	assert_int_equal(pipe(p), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct sm sm;

		signal(SIGABRT, SIG_DFL);
		dup2(p[1], STDERR_FILENO);
		log_init(LOG_DEBUG, false);
		sm_init(&sm, "lamp", table, N_STATES, OFF);
		for (size_t i = 0; i < n; i++)
			sm_move(&sm, moves[i]);
		_exit(0);
	}
	close(p[1]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	len = read(p[0], text, 511);
	assert_true(len >= 0);
	text[len] = '\0';
	close(p[0]);
	return status;
}

static void each_move_is_one_line(void **state)
{
	const unsigned moves[] = {ON, OFF};
	char text[512];

	(void)state;
	assert_int_equal(in_child(moves, 2, text), 0);
	assert_string_equal(text, "state what=lamp from=off to=on\n"
				  "state what=lamp from=on to=off\n");
}

static void an_illegal_move_aborts(void **state)
{
	const unsigned skip[] = {DONE}, outside[] = {N_STATES}, after[] = {ON, DONE, OFF};
	char text[512];
	int status;

	(void)state;
	status = in_child(skip, 1, text);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	assert_non_null(strstr(text, "illegal-move what=lamp from=off to=done"));
	status = in_child(outside, 1, text);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	status = in_child(after, 3, text);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(allowed_moves),
		cmocka_unit_test(each_move_is_one_line),
		cmocka_unit_test(an_illegal_move_aborts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
