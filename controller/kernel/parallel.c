/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Worker threads that take the next thing by an atomic index.
 */
#include "controller/kernel/parallel.h"

#include <pthread.h>
#include <stdatomic.h>

#include "controller/cancel.h"

#define MAX_THREADS 32

struct parallel {
	size_t n;
	parallel_fn fn;
	void *arg;
	atomic_size_t next;
	atomic_int failed; /* the first negative errno */
	atomic_size_t failed_at;
};

static void *run(void *arg)
{
	struct parallel *p = arg;

	while (atomic_load(&p->failed) == 0) {
		size_t i = atomic_fetch_add(&p->next, 1);
		int none = 0;
		int r;

		if (i >= p->n)
			break;
		r = atomic_load(cancel_flag()) ? -ECANCELED : p->fn(p->arg, i);
		if (r < 0 && atomic_compare_exchange_strong(&p->failed, &none, r))
			atomic_store(&p->failed_at, i);
	}
	return NULL;
}

int parallel_run(size_t n, parallel_fn fn, void *arg, size_t *ret_at)
{
	struct parallel p = {.n = n, .fn = fn, .arg = arg};
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	pthread_t threads[MAX_THREADS];
	size_t started = 0;
	int r;

	while (started < MAX_THREADS && started + 1 < n && (long)started + 1 < cpus) {
		if (pthread_create(&threads[started], NULL, run, &p) != 0)
			break;
		started++;
	}
	run(&p);
	while (started > 0)
		pthread_join(threads[--started], NULL);
	r = atomic_load(&p.failed);
	if (r < 0 && ret_at)
		*ret_at = atomic_load(&p.failed_at);
	return r;
}
