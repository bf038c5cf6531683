/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A script of this machine as a command on a board, which reads it from its input. */
#ifndef KF_EXEC_SCRIPT_H
#define KF_EXEC_SCRIPT_H

#include "proto/base/err.h"

struct exec_script {
	char *file;	   /* real path */
	char *line;	   /* its first line, cut into words */
	const char **argv; /* ends with NULL; of line and of the caller's args */
};

void exec_script_fini(struct exec_script *s);
#define _exec_script_ _cleanup_(exec_script_fini)

/* Runs by the program that its "#!" names, as the kernel would have it, else by sh.  The
 * script is on descriptor 3 there, so that what it runs does not read it: their input is
 * empty.  KF_REASON_USAGE. */
int exec_script_open(const char *file, char *const args[], struct exec_script *ret,
		     struct kf_error *err) _must_check_;

#endif
