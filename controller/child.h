/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A program that runs beside kferry, whose standard input and output are a stream: a link
 * or a console.  Its stderr goes to a memory file, where a program that talks a lot
 * cannot block, and where its last words are found when it ends.  Signals are as they
 * are for a new program; it gets no descriptors but these.
 */
#ifndef KF_CHILD_H
#define KF_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "proto/base/cleanup.h"

#define CHILD_LAST_MS 500 /* in which a program ends after its stream has */

struct child {
	pid_t pid;  /* 0: ended and reaped */
	int status; /* of one that has ended: its exit status, or 128 + the signal */
	int err_fd;
	bool leads; /* a session of its own */
};

/* stream: what is its stdin and stdout; or terminal, a path: it leads a session whose
 * terminal that is.  Else it stays in this process's group, and may ask at its terminal.
 */
int child_start(char *const argv[], int stream, const char *terminal,
		struct child *ret) _must_check_;
/* Reap it if it ends within ms. */
bool child_wait(struct child *c, int ms);
/* The last line that it wrote to stderr; "" if there is none. */
void child_last_words(const struct child *c, char *line, size_t size);
/* One that complains without end is heard, and not kept. */
int child_trim(struct child *c) _must_check_;
/* End it: first is the signal before SIGTERM and SIGKILL, for which it has CHILD_LAST_MS;
 * 0: its end is only waited for. */
void child_end(struct child *c, int first);

#endif
