// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Things that arrive: a waiter gets what is here while the work still goes on, the work's
 * error where it ended without, and nobody waits for ever.
 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "controller/kernel/arrival.h"
#include "proto/reason.h"

#define N    8
#define MANY (8 * ARRIVAL_AHEAD)

struct work {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	int value[N];
	size_t may; /* so many may come */
	int r;
};

static int bring(struct arrival *a, void *arg, struct kf_error *err)
{
	struct work *w = arg;

	for (size_t i = 0; i < N; i++) {
		pthread_mutex_lock(&w->lock);
		while (w->may <= i && w->r == 0 && !arrival_is_over(a)) {
			struct timespec t;

			clock_gettime(CLOCK_REALTIME, &t);
			t.tv_nsec += 1000000;
			if (t.tv_nsec >= 1000000000) {
				t.tv_sec++;
				t.tv_nsec -= 1000000000;
			}
			pthread_cond_timedwait(&w->changed, &w->lock, &t);
		}
		if (w->may <= i) {
			pthread_mutex_unlock(&w->lock);
			return w->r ? kf_err(err, w->r, KF_REASON_PACKAGE, "cut off")
				    : kf_err(err, -ECANCELED, KF_REASON_CANCELLED,
					     "over");
		}
		w->value[i] = (int)i + 100;
		pthread_mutex_unlock(&w->lock);
		arrival_here(a, i);
	}
	return 0;
}

static void allow(struct work *w, size_t may, int r)
{
	pthread_mutex_lock(&w->lock);
	w->may = may;
	w->r = r;
	pthread_cond_broadcast(&w->changed);
	pthread_mutex_unlock(&w->lock);
}

#define WORK                                                                             \
	{                                                                                \
		.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER   \
	}

static void is_had_while_the_rest_comes(void **state)
{
	struct work w = WORK;
	struct arrival *a;

	(void)state;
	assert_int_equal(arrival_new(N, bring, &w, &a), 0);
	allow(&w, 3, 0);
	assert_int_equal(arrival_wait(a, 2, NULL), 0);
	assert_int_equal(w.value[2], 102);
	allow(&w, N, 0);
	assert_int_equal(arrival_wait_all(a, NULL), 0);
	assert_int_equal(arrival_wait(a, N - 1, NULL), 0);
	arrival_free(a);
}

static void error_reaches_who_waits(void **state)
{
	struct work w = WORK;
	struct kf_error err = {0};
	struct arrival *a;

	(void)state;
	assert_int_equal(arrival_new(N, bring, &w, &a), 0);
	allow(&w, 2, -EBADMSG);
	assert_int_equal(arrival_wait(a, 5, &err), -EBADMSG);
	assert_int_equal(err.reason, KF_REASON_PACKAGE);
	assert_string_equal(err.msg, "cut off");
	/* What had come is still good; all of it is not. */
	assert_int_equal(arrival_wait(a, 1, NULL), 0);
	assert_int_equal(arrival_wait_all(a, &err), -EBADMSG);
	arrival_free(a);
}

static void work_ends_when_nobody_wants_it(void **state)
{
	struct work w = WORK;
	struct arrival *a;

	(void)state;
	assert_int_equal(arrival_new(N, bring, &w, &a), 0);
	allow(&w, 1, 0);
	assert_int_equal(arrival_wait(a, 0, NULL), 0);
	arrival_free(a);
	arrival_free(NULL);
}

/* Brings all that is asked for, and counts. */
static int bring_many(struct arrival *a, void *arg, struct kf_error *err)
{
	atomic_uint *came = arg;

	for (size_t i = 0; i < MANY; i++) {
		if (arrival_is_over(a))
			return kf_err(err, -ECANCELED, KF_REASON_CANCELLED, "over");
		atomic_fetch_add(came, 1);
		arrival_here(a, i);
	}
	return 0;
}

static void nothing_is_done_that_nobody_asks_for(void **state)
{
	atomic_uint came = 0;
	struct arrival *a;

	(void)state;
	assert_int_equal(arrival_new(MANY, bring_many, &came, &a), 0);
	arrival_free(a);
	assert_int_equal(came, 0);

	assert_int_equal(arrival_new(MANY, bring_many, &came, &a), 0);
	assert_int_equal(arrival_wait(a, 0, NULL), 0);
	assert_int_equal(arrival_wait(a, 1, NULL), 0);
	arrival_free(a);
	assert_true(came >= 2 && came < MANY / 2);

	came = 0;
	assert_int_equal(arrival_new(MANY, bring_many, &came, &a), 0);
	assert_int_equal(arrival_wait(a, MANY / 2, NULL), 0);
	assert_int_equal(arrival_wait_all(a, NULL), 0);
	assert_int_equal(came, MANY);
	arrival_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_had_while_the_rest_comes),
		cmocka_unit_test(error_reaches_who_waits),
		cmocka_unit_test(work_ends_when_nobody_wants_it),
		cmocka_unit_test(nothing_is_done_that_nobody_asks_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
