/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Programs that must not run inside the sandbox of kferryd.service: a user's commands,
 * the lab's hook and reboot program, the distribution's initramfs generator.
 *
 * What a service of systemd has given up its children cannot take back.  Where
 * kferry-outside.socket is there, its helper (helper.h), which systemd starts for each
 * connection, runs the program with the descriptors that it is passed.  Where that
 * socket's file is not there (no systemd, a scratch root) there is no sandbox either, and
 * the program is a plain child.
 *
 * What a program gets is the same in both cases: PATH, LANG, HOME and env, the directory
 * /, a process group of its own.  Two things differ: by the helper it leads a session,
 * and what it leaves running is killed when it ends.
 */
#ifndef KF_OUTSIDE_H
#define KF_OUTSIDE_H

#include "agent/agent.h"
#include "agent/outside/request.h"
#include "proto/base/proc.h"

struct outside_program {
	const char *const *argv; /* the name is looked up in the PATH of env */
	const char *const *env;	 /* "K=V" in addition, may be NULL */
	const struct outside_mount *mounts;
	size_t n_mounts;
};

/*
 * Connect with the helper.  -ENOENT: there is none, run it directly; -ECONNREFUSED: its
 * socket is there and nobody listens; another errno.  The descriptor does not block if
 * nonblock, else it has a time-out for sending.
 */
int outside_connect(const struct agent *a, bool nonblock, int *ret_fd) _must_check_;
/* The bytes of the request, appended. */
int outside_encode(const struct outside_program *p, struct buf *b) _must_check_;
/* The whole environment of p: the caller's array, of strings that are not. */
int outside_env(const struct outside_program *p, const char ***ret) _must_check_;
/* Send the first bytes of n, with the descriptors; how many, or a negative errno. */
ssize_t outside_send(int fd, const void *data, size_t n, const int stdio[3]) _must_check_;

/*
 * As proc_run(), outside; for jobs.  opts->env, env_extra, cwd and inherit_stdio are not
 * looked at.  -ECONNREFUSED, -ECONNRESET: see outside_hint().
 */
int outside_run(const struct agent *a, const struct outside_program *p,
		const struct proc_opts *opts, int *ret_status) _must_check_;
/* The same as proc_check(). */
int outside_check(const struct agent *a, const struct outside_program *p,
		  const struct proc_opts *opts, struct kf_error *err) _must_check_;

/* What to append to the text of such an error: why, what to do; "" for other errors. */
const char *outside_hint(int r);

#endif
