/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Work on many things: each is done once, a failure ends it, and so does a cancel. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdatomic.h>

#include "controller/cancel.h"
#include "controller/kernel/parallel.h"

#define N 1000

static atomic_int times[N];
static atomic_int total;

static int count(void *arg, size_t i)
{
	size_t *bad = arg;

	if (i < N)
		atomic_fetch_add(&times[i], 1);
	atomic_fetch_add(&total, 1);
	return bad && i == *bad ? -EDOM : 0;
}

static void test_each_once(void **state)
{
	(void)state;
	assert_int_equal(parallel_run(0, count, NULL, NULL), 0);
	assert_int_equal(total, 0);
	assert_int_equal(parallel_run(N, count, NULL, NULL), 0);
	for (size_t i = 0; i < N; i++)
		assert_int_equal(times[i], 1);
}

static void test_a_failure_ends_it(void **state)
{
	size_t bad = 3, at = 0;

	(void)state;
	assert_int_equal(parallel_run(SIZE_MAX / 2, count, &bad, &at), -EDOM);
	assert_int_equal(at, 3);
}

static int cancel_at_ten(void *arg, size_t i)
{
	(void)arg;
	if (i == 10)
		raise(SIGTERM);
	return 0;
}

static void test_a_cancel_ends_it(void **state)
{
	(void)state;
	assert_int_equal(cancel_init(), 0);
	assert_int_equal(parallel_run(SIZE_MAX / 2, cancel_at_ten, NULL, NULL),
			 -ECANCELED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_once),
		cmocka_unit_test(test_a_failure_ends_it),
		cmocka_unit_test(test_a_cancel_ends_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
