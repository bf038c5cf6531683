/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Jobs on a real loop: done always runs, cancel is seen, progress arrives. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>

#include "proto/base/job.h"

struct fixture {
	uv_loop_t loop;
	struct job *job;
	pthread_t loop_thread;
	sem_t go;
	int progress, done, result, order_wrong;
	bool signals_open;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	if (!f || uv_loop_init(&f->loop) < 0)
		return -1;
	sem_init(&f->go, 0, 0);
	f->loop_thread = pthread_self();
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	int r = uv_loop_close(&f->loop);

	sem_destroy(&f->go);
	free(f);
	return r;
}

static void on_progress(void *arg)
{
	struct fixture *f = arg;

	f->order_wrong += f->done || !pthread_equal(pthread_self(), f->loop_thread);
	f->progress++;
}

static void on_progress_go(void *arg)
{
	struct fixture *f = arg;

	on_progress(arg);
	sem_post(&f->go);
}

static void on_progress_cancel(void *arg)
{
	struct fixture *f = arg;

	on_progress(arg);
	job_cancel(f->job);
}

static void on_done(void *arg, int result)
{
	struct fixture *f = arg;

	f->order_wrong += !pthread_equal(pthread_self(), f->loop_thread);
	f->done++;
	f->result = result;
}

static int work_simple(struct job *job, void *arg)
{
	struct fixture *f = arg;
	sigset_t mask;

	(void)job;
	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	f->signals_open = !sigismember(&mask, SIGTERM);
	f->order_wrong += pthread_equal(pthread_self(), f->loop_thread) != 0;
	return -EROFS;
}

static int work_three_steps(struct job *job, void *arg)
{
	struct fixture *f = arg;

	for (int i = 0; i < 3; i++) {
		job_progress(job);
		sem_wait(&f->go);
	}
	return 3;
}

static int work_until_cancelled(struct job *job, void *arg)
{
	(void)arg;
	job_progress(job);
	while (!job_cancelled(job))
		sched_yield();
	return -ECANCELED;
}

static int work_progress_last(struct job *job, void *arg)
{
	(void)arg;
	for (int i = 0; i < 1000; i++)
		job_progress(job);
	return 0;
}

static void run(struct fixture *f, const struct job_ops *ops)
{
	assert_int_equal(job_start(&f->loop, ops, f, &f->job), 0);
	assert_int_equal(uv_run(&f->loop, UV_RUN_DEFAULT), 0);
	assert_int_equal(f->done, 1);
	assert_int_equal(f->order_wrong, 0);
}

static void done_gets_the_result(void **state)
{
	const struct job_ops ops = {.work = work_simple, .done = on_done};
	struct fixture *f = *state;

	run(f, &ops);
	assert_int_equal(f->result, -EROFS);
	assert_false(f->signals_open);
}

static void progress_runs_on_the_loop(void **state)
{
	const struct job_ops ops = {
		.work = work_three_steps, .progress = on_progress_go, .done = on_done};
	struct fixture *f = *state;

	run(f, &ops);
	assert_int_equal(f->progress, 3);
	assert_int_equal(f->result, 3);
}

static void progress_may_be_absent(void **state)
{
	const struct job_ops ops = {.work = work_progress_last, .done = on_done};

	run(*state, &ops);
}

static void the_last_progress_comes_before_done(void **state)
{
	const struct job_ops ops = {
		.work = work_progress_last, .progress = on_progress, .done = on_done};
	struct fixture *f = *state;

	run(f, &ops);
	assert_in_range(f->progress, 1, 1000);
}

static void cancel_is_seen_and_done_still_runs(void **state)
{
	const struct job_ops ops = {.work = work_until_cancelled,
				    .progress = on_progress_cancel,
				    .done = on_done};
	struct fixture *f = *state;

	run(f, &ops);
	assert_int_equal(f->result, -ECANCELED);
}

static void many_jobs_at_once(void **state)
{
	const struct job_ops ops = {.work = work_progress_last, .done = on_done};
	struct fixture *f = *state;
	struct job *job;

	for (int i = 0; i < 16; i++)
		assert_int_equal(job_start(&f->loop, &ops, f, &job), 0);
	assert_int_equal(uv_run(&f->loop, UV_RUN_DEFAULT), 0);
	assert_int_equal(f->done, 16);
}

#define JOB_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		JOB_TEST(done_gets_the_result),
		JOB_TEST(progress_runs_on_the_loop),
		JOB_TEST(progress_may_be_absent),
		JOB_TEST(the_last_progress_comes_before_done),
		JOB_TEST(cancel_is_seen_and_done_still_runs),
		JOB_TEST(many_jobs_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
