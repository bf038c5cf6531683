/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A thread beside an event loop that needs no loop itself: no signal ever interrupts it,
 * and its stack is small.  The caller joins it.
 */
#ifndef KF_THREAD_H
#define KF_THREAD_H

#include <pthread.h>

#include "proto/base/cleanup.h"

int thread_start(void *(*run)(void *arg), void *arg, pthread_t *ret) _must_check_;

#endif
