/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Jobs of a fleet: all are done, no more at once than allowed, none waits for a slow one.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <time.h>

#include "controller/fleet/fleet.h"

#define JOBS 40

struct scene {
	atomic_int running, most, done;
	sem_t gate; /* the slow job's */
};

static void count(void *arg)
{
	struct scene *s = arg;
	int now = atomic_fetch_add(&s->running, 1) + 1, most = atomic_load(&s->most);

	while (now > most && !atomic_compare_exchange_weak(&s->most, &most, now))
		;
	sched_yield();
	atomic_fetch_sub(&s->running, 1);
	atomic_fetch_add(&s->done, 1);
}

static void all_are_done_and_the_bound_holds(void **state)
{
	struct scene s = {0};
	struct fleet *f;

	(void)state;
	assert_int_equal(fleet_new(3, &f), 0);
	for (int i = 0; i < JOBS; i++)
		assert_int_equal(fleet_add(f, count, &s), 0);
	fleet_wait(f);
	assert_int_equal(atomic_load(&s.done), JOBS);
	assert_in_range(atomic_load(&s.most), 1, 3);
	/* It can be used again. */
	assert_int_equal(fleet_add(f, count, &s), 0);
	fleet_free(f);
	assert_int_equal(atomic_load(&s.done), JOBS + 1);
}

static void block(void *arg)
{
	struct scene *s = arg;

	sem_wait(&s->gate);
	atomic_fetch_add(&s->done, 1);
}

static void open_gate(void *arg)
{
	sem_post(&((struct scene *)arg)->gate);
}

static void a_slow_job_delays_no_other(void **state)
{
	struct scene s = {0};
	struct fleet *f;

	(void)state;
	sem_init(&s.gate, 0, 0);
	assert_int_equal(fleet_new(2, &f), 0);
	assert_int_equal(fleet_add(f, block, &s), 0);
	for (int i = 0; i < JOBS; i++)
		assert_int_equal(fleet_add(f, count, &s), 0);
	/* Comes to its turn only if the others do not wait for the first. */
	assert_int_equal(fleet_add(f, open_gate, &s), 0);
	fleet_free(f);
	assert_int_equal(atomic_load(&s.done), JOBS + 1);
	sem_destroy(&s.gate);
}

static void look_at_mask(void *arg)
{
	sigset_t now;

	pthread_sigmask(SIG_SETMASK, NULL, &now);
	*(int *)arg = sigismember(&now, SIGINT);
}

static void signals_stay_with_the_caller(void **state)
{
	struct fleet *f;
	sigset_t now;
	int blocked = 0;

	(void)state;
	assert_int_equal(fleet_new(1, &f), 0);
	assert_int_equal(fleet_add(f, look_at_mask, &blocked), 0);
	fleet_free(f);
	assert_int_equal(blocked, 1);
	pthread_sigmask(SIG_SETMASK, NULL, &now);
	assert_int_equal(sigismember(&now, SIGINT), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_are_done_and_the_bound_holds),
		cmocka_unit_test(a_slow_job_delays_no_other),
		cmocka_unit_test(signals_stay_with_the_caller),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
