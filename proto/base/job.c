/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Jobs: one thread and one uv_async_t each.
 *
 * The thread sets `finished` as the last thing before its last uv_async_send().  The
 * loop, on seeing it, joins the thread (so nothing refers to the handle any more) and
 * only then closes the handle; done() runs in the close callback.
 */
#include "proto/base/job.h"

#include <pthread.h>
#include <signal.h>

#define JOB_STACK (1024 * 1024) /* bytes; buffers of ours on a stack are <= 4 KiB */

struct job {
	uv_async_t async;
	uv_thread_t thread;
	const struct job_ops *ops;
	void *arg;
	int result; /* valid once finished */
	atomic_bool cancel;
	atomic_bool progressed;
	atomic_bool finished;
};

static void closed(uv_handle_t *handle)
{
	struct job *job = handle->data;

	job->ops->done(job->arg, job->result);
	free(job);
}

static void free_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static void woken(uv_async_t *async)
{
	struct job *job = async->data;
	bool finished = atomic_load(&job->finished);

	if (uv_is_closing((uv_handle_t *)async))
		return;
	if (atomic_exchange(&job->progressed, false) && job->ops->progress)
		job->ops->progress(job->arg);
	if (!finished)
		return;
	uv_thread_join(&job->thread);
	uv_close((uv_handle_t *)async, closed);
}

static void run(void *arg)
{
	struct job *job = arg;

	job->result = job->ops->work(job, job->arg);
	atomic_store(&job->finished, true);
	uv_async_send(&job->async);
}

/* Signals are the loop's: a job thread must never be interrupted by one. */
static int start_thread(struct job *job)
{
	const uv_thread_options_t opts = {
		.flags = UV_THREAD_HAS_STACK_SIZE,
		.stack_size = JOB_STACK,
	};
	sigset_t all, before;
	int r;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = uv_thread_create_ex(&job->thread, &opts, run, job);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return r;
}

int job_start(uv_loop_t *loop, const struct job_ops *ops, void *arg, struct job **ret_job)
{
	struct job *job = calloc(1, sizeof(*job));
	int r;

	if (!job)
		return -ENOMEM;
	job->ops = ops;
	job->arg = arg;
	job->async.data = job;
	r = uv_async_init(loop, &job->async, woken);
	if (r < 0) {
		free(job);
		return r;
	}
	/* Before the thread: work() may reach the job through what arg holds. */
	*ret_job = job;
	r = start_thread(job);
	if (r < 0) {
		*ret_job = NULL;
		uv_close((uv_handle_t *)&job->async, free_closed);
		return r;
	}
	return 0;
}

void job_cancel(struct job *job)
{
	atomic_store(&job->cancel, true);
}

const atomic_bool *job_cancel_flag(const struct job *job)
{
	return &job->cancel;
}

void job_progress(struct job *job)
{
	atomic_store(&job->progressed, true);
	uv_async_send(&job->async);
}
