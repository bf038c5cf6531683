/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A thread that copies files: it needs neither the link nor the user's interface. */
#include "controller/deploy/keeper.h"

#include <pthread.h>

struct keeper {
	pthread_t thread;
	const struct delta *x;
};

static void *run(void *arg)
{
	const struct keeper *k = arg;

	delta_keep(k->x);
	return NULL;
}

struct keeper *keeper_start(const struct delta *x)
{
	struct keeper *k;

	if (!x->versions)
		return NULL;
	k = malloc(sizeof(*k));
	if (!k)
		return NULL;
	k->x = x;
	if (pthread_create(&k->thread, NULL, run, k) == 0)
		return k;
	free(k);
	return NULL;
}

void keeper_join(struct keeper *k)
{
	if (!k)
		return;
	pthread_join(k->thread, NULL);
	free(k);
}
