/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside proc: starting the child of a proc_run(), with its environment and its
 * descriptors.  For proc.c only.
 */
#ifndef KF_PROC_SPAWN_H
#define KF_PROC_SPAWN_H

#include <sys/types.h>

#include "proto/base/proc.h"

/* SPAWN_EXEC: carries an int errno when the program could not be run, else its end.
 * SPAWN_END: a pidfd, -1 where the kernel has none (KF_NO_PIDFD=1 forces that); with a
 * starter it is that one's, and there is no SPAWN_EXEC and no pid. */
enum { SPAWN_OUT, SPAWN_ERR, SPAWN_EXEC, SPAWN_END, N_SPAWN };

struct proc_spawn {
	pid_t pid;
	bool group;	  /* the child leads a process group of its own */
	int fds[N_SPAWN]; /* ours, -1: none; the pipes do not block */
};

/* On an error nothing runs; proc_spawn_fini() closes the descriptors in any case. */
int proc_spawn_start(struct proc_spawn *sp, const char *const argv[],
		     const struct proc_opts *opts) _must_check_;
void proc_spawn_fini(struct proc_spawn *sp);

/* The child's environment: an array that is the caller's, of strings that are not. */
int proc_env_build(const struct proc_opts *opts, char ***ret_envp) _must_check_;

#endif
