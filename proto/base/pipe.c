/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The bounded pipe: a ring under a mutex, one condition for the side that blocks.
 *
 * on_room is called once for each time the loop side was refused, when half of the
 * ring is free again: a socket that is stopped and started for every few bytes costs
 * more than it moves.  It is called without the lock, so it may call back.
 */
#include "proto/base/pipe.h"

#include <assert.h>
#include <limits.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>

struct pipe {
	pthread_mutex_t lock;
	pthread_cond_t readable;
	void (*on_room)(void *arg);
	void *arg;
	uint8_t *ring;
	size_t size;
	size_t head; /* of the oldest byte */
	size_t used;
	bool finished;
	bool refused; /* the loop side waits for on_room */
	int code;     /* of the abort, 0: none */
};

int pipe_new(size_t capacity, void (*on_room)(void *arg), void *arg, struct pipe **ret)
{
	struct pipe *p;

	if (capacity == 0)
		return -EINVAL;
	p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	p->ring = malloc(capacity);
	if (!p->ring) {
		free(p);
		return -ENOMEM;
	}
	p->size = capacity;
	p->on_room = on_room;
	p->arg = arg;
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->readable, NULL);
	*ret = p;
	return 0;
}

void pipe_free(struct pipe *p)
{
	if (!p)
		return;
	pthread_cond_destroy(&p->readable);
	pthread_mutex_destroy(&p->lock);
	free(p->ring);
	free(p);
}

static size_t min_size(size_t a, size_t b)
{
	return a < b ? a : b;
}

size_t pipe_push(struct pipe *p, const void *data, size_t n)
{
	size_t take, tail, first;

	pthread_mutex_lock(&p->lock);
	assert(!p->finished);
	if (p->code != 0) {
		pthread_mutex_unlock(&p->lock);
		return n;
	}
	take = min_size(n, p->size - p->used);
	tail = (p->head + p->used) % p->size;
	first = min_size(take, p->size - tail);
	if (take > 0) {
		memcpy(p->ring + tail, data, first);
		memcpy(p->ring, (const uint8_t *)data + first, take - first);
		p->used += take;
		pthread_cond_signal(&p->readable);
	}
	if (take < n)
		p->refused = true;
	pthread_mutex_unlock(&p->lock);
	return take;
}

void pipe_finish(struct pipe *p)
{
	pthread_mutex_lock(&p->lock);
	p->finished = true;
	pthread_cond_broadcast(&p->readable);
	pthread_mutex_unlock(&p->lock);
}

/* Under the lock: must on_room be called now? */
static bool take_refused(struct pipe *p)
{
	bool call = p->refused && p->on_room;

	p->refused = false;
	return call;
}

void pipe_abort(struct pipe *p, int code)
{
	bool call;

	assert(code < 0);
	pthread_mutex_lock(&p->lock);
	if (p->code == 0)
		p->code = code;
	call = take_refused(p);
	pthread_cond_broadcast(&p->readable);
	pthread_mutex_unlock(&p->lock);
	if (call)
		p->on_room(p->arg);
}

bool pipe_full(struct pipe *p)
{
	bool full;

	pthread_mutex_lock(&p->lock);
	full = p->code == 0 && p->used == p->size;
	if (full)
		p->refused = true;
	pthread_mutex_unlock(&p->lock);
	return full;
}

ssize_t pipe_pull(struct pipe *p, void *data, size_t n)
{
	bool call = false;
	size_t first;
	ssize_t r;

	assert(n > 0 && n <= SSIZE_MAX);
	pthread_mutex_lock(&p->lock);
	while (p->used == 0 && !p->finished && p->code == 0)
		pthread_cond_wait(&p->readable, &p->lock);
	if (p->code != 0) {
		r = p->code;
	} else {
		n = min_size(n, p->used);
		first = min_size(n, p->size - p->head);
		memcpy(data, p->ring + p->head, first);
		memcpy((uint8_t *)data + first, p->ring, n - first);
		p->head = (p->head + n) % p->size;
		p->used -= n;
		if (p->used <= p->size / 2)
			call = take_refused(p);
		r = (ssize_t)n;
	}
	pthread_mutex_unlock(&p->lock);
	if (call)
		p->on_room(p->arg);
	return r;
}
