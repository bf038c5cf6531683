/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Signals are the loop's: threads that it does not know get none. */
#include "proto/base/thread.h"

#include <signal.h>

#define STACK (256 * 1024) /* bytes; buffers of ours on a stack are <= 4 KiB */

int thread_start(void *(*run)(void *arg), void *arg, pthread_t *ret)
{
	sigset_t all, before;
	pthread_attr_t attr;
	int r;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(ret, &attr, run, arg);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	return -r;
}
