/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading ahead: a ring of blocks.  The thread fills the one behind the last without the
 * lock; the reader works in the first, which is given back when it asks for the next.
 */
#include "proto/base/ahead.h"

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#include "proto/base/thread.h"

struct ahead {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	ahead_fill_fn fill;
	void *arg;
	uint8_t *room;
	size_t *len; /* of each block */
	size_t block_size;
	unsigned blocks, first, used;
	bool held; /* the reader works in the first */
	bool stop, ended;
	int code; /* valid once ended */
};

/* The lock is held.  The block to fill, or NULL: the reader wants no more. */
static uint8_t *wait_free(struct ahead *a, unsigned *ret)
{
	while (a->used == a->blocks && !a->stop)
		pthread_cond_wait(&a->changed, &a->lock);
	if (a->stop)
		return NULL;
	*ret = (a->first + a->used) % a->blocks;
	return a->room + *ret * a->block_size;
}

static void *run(void *arg)
{
	struct ahead *a = arg;
	unsigned i = 0;
	uint8_t *block;

	pthread_mutex_lock(&a->lock);
	while (!a->ended && (block = wait_free(a, &i))) {
		ssize_t n;

		pthread_mutex_unlock(&a->lock);
		n = a->fill(a->arg, block, a->block_size);
		pthread_mutex_lock(&a->lock);
		assert(n <= (ssize_t)a->block_size);
		if (n > 0) {
			a->len[i] = (size_t)n;
			a->used++;
		} else {
			a->ended = true;
			a->code = (int)n;
		}
		pthread_cond_signal(&a->changed);
	}
	pthread_mutex_unlock(&a->lock);
	return NULL;
}

static void release(struct ahead *a)
{
	pthread_mutex_destroy(&a->lock);
	pthread_cond_destroy(&a->changed);
	free(a->room);
	free(a->len);
	free(a);
}

int ahead_new(ahead_fill_fn fill, void *arg, size_t block_size, unsigned blocks,
	      struct ahead **ret)
{
	struct ahead *a;
	int r = -ENOMEM;

	if (block_size == 0 || blocks == 0)
		return -EINVAL;
	a = calloc(1, sizeof(*a));
	if (!a)
		return -ENOMEM;
	a->fill = fill;
	a->arg = arg;
	a->block_size = block_size;
	a->blocks = blocks;
	pthread_mutex_init(&a->lock, NULL);
	pthread_cond_init(&a->changed, NULL);
	a->room = calloc(blocks, block_size);
	a->len = calloc(blocks, sizeof(*a->len));
	if (a->room && a->len)
		r = thread_start(run, a, &a->thread);
	if (r < 0) {
		release(a);
		return r;
	}
	*ret = a;
	return 0;
}

void ahead_free(struct ahead *a)
{
	if (!a)
		return;
	pthread_mutex_lock(&a->lock);
	a->stop = true;
	pthread_cond_signal(&a->changed);
	pthread_mutex_unlock(&a->lock);
	pthread_join(a->thread, NULL);
	release(a);
}

ssize_t ahead_next(struct ahead *a, const void **ret)
{
	ssize_t n;

	pthread_mutex_lock(&a->lock);
	if (a->held) {
		a->held = false;
		a->first = (a->first + 1) % a->blocks;
		a->used--;
		pthread_cond_signal(&a->changed);
	}
	while (a->used == 0 && !a->ended)
		pthread_cond_wait(&a->changed, &a->lock);
	if (a->used > 0) {
		a->held = true;
		*ret = a->room + a->first * a->block_size;
		n = (ssize_t)a->len[a->first];
	} else {
		n = a->code;
	}
	pthread_mutex_unlock(&a->lock);
	return n;
}
