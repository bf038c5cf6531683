/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Run a program to its end, synchronously: argv, never a shell.
 *
 * For jobs and for the command line; an event loop thread must not call it.
 * The child gets the environment given (or a fixed PATH and LANG=C.UTF-8 when
 * env is NULL), descriptors 0-2 and no others, its own process group, and
 * default signal dispositions.  Its name is looked up in the PATH of its environment;
 * entries that are not absolute are passed over.  At the deadline, or when *cancel
 * becomes true, the group gets SIGTERM and two seconds later SIGKILL.
 */
#ifndef KF_PROC_H
#define KF_PROC_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "proto/base/buf.h"
#include "proto/base/err.h"

/* Called with each piece of output as it comes; fd is 1 or 2.  Non-zero ends the child.
 */
typedef int (*proc_output_fn)(void *arg, int fd, const void *data, size_t n);

/*
 * Somebody else who starts the program, in the place of fork().  stdio is the caller's.
 * *ret_end, a descriptor that becomes readable when look() has something to tell, is
 * closed by proc_run().  look(): 1 and a status as of waitpid(), 0 when it runs still,
 * or the negative errno of a program that did not run.  stop() begins to end it, once;
 * it is not waited for longer than for a child.
 */
struct proc_starter {
	int (*start)(void *arg, const char *const argv[], char *const envp[],
		     const char *cwd, const int stdio[3], int *ret_end);
	int (*look)(void *arg, int end, int *ret_status);
	void (*stop)(void *arg, int end);
};

struct proc_opts {
	const char *const *env; /* NULL: the fixed minimal environment */
	bool inherit_env;	/* use this process's environment instead */
	const char *const
		*env_extra; /* "K=V" entries that are added to it, may be NULL */
	const char *cwd;    /* NULL: as is */
	const void *input;  /* bytes for stdin; NULL and 0: /dev/null */
	size_t input_len;
	int input_fd;	/* > 0: this descriptor is stdin instead (kept open here) */
	int timeout_ms; /* < 0: none, 0: past, nothing is started; every caller but an
			   interactive one sets it */
	const atomic_bool *cancel;
	struct buf *out;	  /* stdout collected, may be NULL */
	struct buf *err_out;	  /* stderr collected; NULL: goes with stdout's */
	proc_output_fn on_output; /* called as well, may be NULL */
	void *arg;
	bool inherit_stdio; /* 0-2 are this process's own (editors, interactive), and
			       so is the process group: a terminal stops others */
	int reason;	    /* enum kf_reason of proc_check()'s errors */
	const struct proc_starter *starter; /* NULL: fork() */
	void *starter_arg;
};

/*
 * Returns 0 when the program ran to its end: *ret_status is its exit status, or
 * 128 + signal.  -ETIMEDOUT, -ECANCELED, -ENOENT (no such program) or another
 * errno when it could not be run to its end.  Output that comes after its end, from
 * what it left running, is not waited for.
 */
int proc_run(const char *const argv[], const struct proc_opts *opts,
	     int *ret_status) _must_check_;

/*
 * As proc_run(), and a non-zero exit status is an error too: err names the program,
 * its status and the last line it printed.
 */
int proc_check(const char *const argv[], const struct proc_opts *opts,
	       struct kf_error *err) _must_check_;

/* The program that name means in this environment; -ENOENT, -EACCES. */
int proc_env_find(const char *name, char *const envp[], char **ret_path) _must_check_;
/* Find name in the PATH of this process (absolute names are checked as they are);
 * -ENOENT. */
int proc_find(const char *name, char **ret_path) _must_check_;

#endif
