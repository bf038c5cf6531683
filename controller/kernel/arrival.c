/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "controller/kernel/arrival.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "proto/base/thread.h"
#include "proto/reason.h"

struct arrival {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	arrival_fn work;
	void *arg;
	size_t n;
	/* Under the lock: */
	pthread_t thread; /* if started */
	bool *here;
	unsigned *awaited; /* by so many threads, each of the n and, last, all of them */
	unsigned waiting;  /* the sum: for what is not here yet */
	size_t came, may;  /* so many are here, so many may be if nobody waits */
	bool started, over, ended;
	int r; /* of the work, once it has ended */
	struct kf_error err;
};

static void *run(void *arg)
{
	struct arrival *a = arg;
	struct kf_error err = {0};
	int r = a->work(a, a->arg, &err);

	pthread_mutex_lock(&a->lock);
	a->r = r;
	a->err = err;
	a->ended = true;
	pthread_cond_broadcast(&a->changed);
	pthread_mutex_unlock(&a->lock);
	return NULL;
}

static void destroy(struct arrival *a)
{
	pthread_cond_destroy(&a->changed);
	pthread_mutex_destroy(&a->lock);
	free(a->here);
	free(a->awaited);
	free(a);
}

int arrival_new(size_t n, arrival_fn work, void *arg, struct arrival **ret)
{
	struct arrival *a = calloc(1, sizeof(*a));

	if (!a)
		return -ENOMEM;
	pthread_mutex_init(&a->lock, NULL);
	pthread_cond_init(&a->changed, NULL);
	a->work = work;
	a->arg = arg;
	a->n = n;
	a->here = calloc(n + 1, sizeof(*a->here));
	a->awaited = calloc(n + 1, sizeof(*a->awaited));
	if (!a->here || !a->awaited) {
		destroy(a);
		return -ENOMEM;
	}
	*ret = a;
	return 0;
}

void arrival_here(struct arrival *a, size_t i)
{
	pthread_mutex_lock(&a->lock);
	a->here[i] = true;
	a->came++;
	/* Counted here, not by the threads once they run again: meanwhile this one would
	 * bring things that nobody waits for. */
	if (a->awaited[i] > 0) {
		a->waiting -= a->awaited[i];
		a->awaited[i] = 0;
		a->may = a->came + ARRIVAL_AHEAD;
	}
	pthread_cond_broadcast(&a->changed);
	while (a->came >= a->may && a->waiting == 0 && !a->over)
		pthread_cond_wait(&a->changed, &a->lock);
	pthread_mutex_unlock(&a->lock);
}

bool arrival_is_over(struct arrival *a)
{
	bool over;

	pthread_mutex_lock(&a->lock);
	over = a->over;
	pthread_mutex_unlock(&a->lock);
	return over;
}

/* i: n for all.  Holds the lock. */
static bool is_here(const struct arrival *a, size_t i)
{
	return i < a->n ? a->here[i] : a->ended && a->r == 0;
}

/* Holds the lock. */
static int ask_for_more(struct arrival *a)
{
	int r = 0;

	a->may = a->came + ARRIVAL_AHEAD;
	pthread_cond_broadcast(&a->changed);
	if (!a->started) {
		r = thread_start(run, a, &a->thread);
		a->started = r == 0;
	}
	return r;
}

static int await(struct arrival *a, size_t i, struct kf_error *err)
{
	int r;

	pthread_mutex_lock(&a->lock);
	assert(i <= a->n);
	r = ask_for_more(a);
	if (r < 0) {
		pthread_mutex_unlock(&a->lock);
		return kf_err(err, r, KF_REASON_NO_MEMORY, "start a thread: %m");
	}
	if (!is_here(a, i)) {
		a->awaited[i]++;
		a->waiting++;
	}
	while (!is_here(a, i) && !a->ended)
		pthread_cond_wait(&a->changed, &a->lock);
	if (!is_here(a, i)) {
		r = a->r < 0 ? a->r : -ENOENT;
		if (err)
			*err = a->err;
	}
	pthread_mutex_unlock(&a->lock);
	return r;
}

int arrival_wait(struct arrival *a, size_t i, struct kf_error *err)
{
	return await(a, i, err);
}

int arrival_wait_all(struct arrival *a, struct kf_error *err)
{
	return await(a, a->n, err);
}

void arrival_free(struct arrival *a)
{
	if (!a)
		return;
	pthread_mutex_lock(&a->lock);
	a->over = true;
	pthread_cond_broadcast(&a->changed);
	pthread_mutex_unlock(&a->lock);
	if (a->started)
		pthread_join(a->thread, NULL);
	destroy(a);
}
