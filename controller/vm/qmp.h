/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * QEMU's machine protocol (docs/interop/qmp-spec): one JSON object a line over a unix
 * socket.  Only what stopping and resetting a virtual machine takes.  Blocking.
 */
#ifndef KF_QMP_H
#define KF_QMP_H

#include "proto/base/clock.h"
#include "proto/base/err.h"

struct qmp;

/* Connect to dir_fd:"name" and negotiate capabilities. */
int qmp_open(int dir_fd, const char *name, deadline_ms deadline, struct qmp **ret,
	     struct kf_error *err) _must_check_;
/* A command without arguments ("system_powerdown", "quit", "system_reset"). */
int qmp_command(struct qmp *q, const char *command, deadline_ms deadline,
		struct kf_error *err) _must_check_;
void qmp_close(struct qmp *q);

#endif
