/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A bounded in-memory pipe between an event loop and a job thread.
 *
 * The loop side never blocks: pipe_push() takes what fits and says so; when it
 * is full the loop stops reading its socket and `on_room` (called from the job
 * thread: make it a uv_async_send) tells it to go on.  The job side blocks in
 * pipe_pull() until there are bytes, the end, or an abort.
 */
#ifndef KF_PIPE_H
#define KF_PIPE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "proto/base/cleanup.h"

struct pipe;

int pipe_new(size_t capacity, void (*on_room)(void *arg), void *arg,
	     struct pipe **ret) _must_check_;
void pipe_free(struct pipe *p);

/* Loop side: bytes taken (0..n).  After an abort everything is taken and dropped, so
 * that what follows the data on its connection is still seen. */
size_t pipe_push(struct pipe *p, const void *data, size_t n);
/* No more bytes come. */
void pipe_finish(struct pipe *p);
/* Either side: everybody waiting gets code (a negative errno) from now on. */
void pipe_abort(struct pipe *p, int code);
/* Loop side: true asks for on_room, as a push that took less than n does; on_room then
 * comes once, when half of the capacity is free or the pipe is aborted. */
bool pipe_full(struct pipe *p);

/* Job side: > 0 bytes copied, 0 at the end, or the negative errno of the abort. */
ssize_t pipe_pull(struct pipe *p, void *data, size_t n);

#endif
