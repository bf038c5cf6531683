/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The board's modprobe, run outside of the sandbox.  In a scratch root it is the one that
 * stands there, never this machine's. */
#ifndef KF_MODPROBE_H
#define KF_MODPROBE_H

#include "agent/agent.h"

/* Blocking.  KF_REASON_EXEC: there is none, or it took too long; KF_REASON_NOT_FOUND: it
 * knows no such module; else KF_REASON_MODULE, with what it said. */
int modprobe_load(const struct agent *a, const char *name, char *const params[],
		  size_t n_params, struct kf_error *err) _must_check_;
int modprobe_unload(const struct agent *a, const char *name,
		    struct kf_error *err) _must_check_;

#endif
