/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Records to standard output. */
#ifndef KF_TRACEOUT_H
#define KF_TRACEOUT_H

#include "proto/tracerec.h"

/* What cannot be written is gone, with whoever would read it: a negative errno. */
int traceout(enum tracerec_type type, const void *data, size_t n) _must_check_;
int traceout_note(const char *fmt, ...) _printf_(1, 2);
int traceout_end(uint64_t lost, uint32_t status, uint32_t flags) _must_check_;
/* Returns exit status 1. */
int traceout_failed(const struct kf_error *err);

#endif
