// SPDX-License-Identifier: GPL-2.0-or-later
/* Signals set the flag and wake polls for ever; a second SIGINT ends the program. */
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "controller/cancel.h"

static bool readable(void)
{
	struct pollfd fd = {.fd = cancel_fd(), .events = POLLIN};

	return poll(&fd, 1, 0) == 1;
}

/* Run in a child: the flag cannot be taken back. */
static int in_child(int (*fn)(void))
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(fn());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static int once(void)
{
	if (cancel_fd() != -1 || cancel_init() < 0 || readable() ||
	    atomic_load(cancel_flag()))
		return 1;
	raise(SIGTERM);
	if (!atomic_load(cancel_flag()) || cancel_signal() != SIGTERM)
		return 2;
	if (!readable() || !readable())
		return 3;
	/* SIGTERM and SIGHUP again change nothing. */
	raise(SIGTERM);
	raise(SIGHUP);
	return cancel_signal() == SIGTERM ? 0 : 4;
}

static int twice(void)
{
	if (cancel_init() < 0)
		return 1;
	raise(SIGINT);
	raise(SIGINT);
	return 2;
}

static int ignored_hup(void)
{
	signal(SIGHUP, SIG_IGN);
	if (cancel_init() < 0)
		return 1;
	raise(SIGHUP);
	return atomic_load(cancel_flag()) ? 2 : 0;
}

static int gently(void)
{
	struct pollfd fd = {.events = POLLIN};

	if (cancel_init() < 0)
		return 1;
	fd.fd = cancel_gently();
	if (fd.fd < 0 || poll(&fd, 1, 0) != 0)
		return 2;
	raise(SIGINT);
	if (poll(&fd, 1, 0) != 1 || readable() || atomic_load(cancel_flag()) ||
	    cancel_signal())
		return 3;
	raise(SIGINT);
	if (!readable() || !atomic_load(cancel_flag()) || cancel_signal() != SIGINT)
		return 4;
	return 0;
}

static void gently_the_first_signal_cancels_nothing(void **state)
{
	(void)state;
	assert_int_equal(in_child(gently), 0);
}

static void a_signal_cancels_for_ever(void **state)
{
	(void)state;
	assert_int_equal(in_child(once), 0);
}

static void second_interrupt_ends_the_program(void **state)
{
	int status = in_child(twice);

	(void)state;
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGINT);
}

static void nohup_is_respected(void **state)
{
	(void)state;
	assert_int_equal(in_child(ignored_hup), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gently_the_first_signal_cancels_nothing),
		cmocka_unit_test(a_signal_cancels_for_ever),
		cmocka_unit_test(second_interrupt_ends_the_program),
		cmocka_unit_test(nohup_is_respected),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
