// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A queue and the threads that take from it.  A thread is made when a job is added and
 * all that there are have work; it ends with fleet_free().  One mutex guards all of it;
 * a job runs without it.
 */
#include "controller/fleet/fleet.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>

/* Of a job's thread: what is deep (logins, make) has threads and processes of its own. */
#define STACK (1024 * 1024)

struct job {
	struct job *next;
	fleet_fn fn;
	void *arg;
};

struct fleet {
	pthread_mutex_t lock; /* everything below */
	pthread_cond_t work;  /* a job was queued, or it ends */
	pthread_cond_t rest;  /* all are done */
	struct job *first, **last;
	size_t unfinished; /* queued or running */
	bool ends;
	unsigned threads, at_once;
	pthread_t thread[];
};

int fleet_new(unsigned at_once, struct fleet **ret)
{
	struct fleet *f;

	at_once = at_once ? at_once : 1;
	f = calloc(1, sizeof(*f) + at_once * sizeof(f->thread[0]));
	if (!f)
		return -ENOMEM;
	f->at_once = at_once;
	f->last = &f->first;
	pthread_mutex_init(&f->lock, NULL);
	pthread_cond_init(&f->work, NULL);
	pthread_cond_init(&f->rest, NULL);
	*ret = f;
	return 0;
}

static struct job *next_job(struct fleet *f)
{
	struct job *j;

	while (!f->first && !f->ends)
		pthread_cond_wait(&f->work, &f->lock);
	j = f->first;
	if (j) {
		f->first = j->next;
		if (!f->first)
			f->last = &f->first;
	}
	return j;
}

static void *work(void *arg)
{
	struct fleet *f = arg;
	struct job *j;

	pthread_mutex_lock(&f->lock);
	while ((j = next_job(f))) {
		pthread_mutex_unlock(&f->lock);
		j->fn(j->arg);
		free(j);
		pthread_mutex_lock(&f->lock);
		if (--f->unfinished == 0)
			pthread_cond_broadcast(&f->rest);
	}
	pthread_mutex_unlock(&f->lock);
	return NULL;
}

/* One more thread; wants the lock. */
static int start_thread(struct fleet *f)
{
	pthread_attr_t attr;
	sigset_t all, old;
	int r;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	r = pthread_create(&f->thread[f->threads], &attr, work, f);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	if (r == 0)
		f->threads++;
	return -r;
}

int fleet_add(struct fleet *f, fleet_fn fn, void *arg)
{
	struct job *j = malloc(sizeof(*j));
	int r = 0;

	if (!j)
		return -ENOMEM;
	*j = (struct job){.fn = fn, .arg = arg};
	pthread_mutex_lock(&f->lock);
	if (f->threads < f->at_once && f->unfinished >= f->threads)
		r = start_thread(f);
	/* Without one more, those there are will come to it. */
	if (r < 0 && f->threads == 0) {
		pthread_mutex_unlock(&f->lock);
		free(j);
		return r;
	}
	*f->last = j;
	f->last = &j->next;
	f->unfinished++;
	pthread_cond_signal(&f->work);
	pthread_mutex_unlock(&f->lock);
	return 0;
}

void fleet_wait(struct fleet *f)
{
	pthread_mutex_lock(&f->lock);
	while (f->unfinished > 0)
		pthread_cond_wait(&f->rest, &f->lock);
	pthread_mutex_unlock(&f->lock);
}

void fleet_free(struct fleet *f)
{
	if (!f)
		return;
	fleet_wait(f);
	pthread_mutex_lock(&f->lock);
	f->ends = true;
	pthread_cond_broadcast(&f->work);
	pthread_mutex_unlock(&f->lock);
	for (unsigned i = 0; i < f->threads; i++)
		pthread_join(f->thread[i], NULL);
	pthread_cond_destroy(&f->work);
	pthread_cond_destroy(&f->rest);
	pthread_mutex_destroy(&f->lock);
	free(f);
}
