/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The words of `kferryd trace`. */
#ifndef KF_TRACEARGS_H
#define KF_TRACEARGS_H

#include "agent/tracing/trace.h"

/*
 * run [--event SYSTEM[:EVENT] [--filter FILTER]]... [--tracer NAME [--function NAME]...]
 *     [--buffer KIB] [-- COMMAND...]
 *
 * argv[0] is "run".  What is kept in *ret is argv's, which is changed, and ret's arrays,
 * released by traceargs_fini().  -EINVAL with err filled.
 */
int traceargs_parse(int argc, char **argv, struct trace_options *ret,
		    struct kf_error *err) _must_check_;
void traceargs_fini(struct trace_options *o);

#endif
