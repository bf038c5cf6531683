/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is set at the top of tracefs (or in an instance): kept and put back, or switched
 * off. */
#ifndef KF_TOPSTATE_H
#define KF_TOPSTATE_H

#include "proto/base/buf.h"
#include "proto/base/err.h"

struct topstate;

/* Tracer, functions, buffer, tracing_on, and whose processes are left out.  Events are
 * not among it. */
int topstate_save(int dir, struct topstate **ret) _must_check_;
/* As well as it can be done. */
void topstate_restore(const struct topstate *s, int dir);
void topstate_free(struct topstate *s);

/* Everything off, whoever set it: tracer, events, their filters, functions, processes;
 * the buffer is emptied, and tracing_on as after a boot.  what (appended): what there
 * was, as "tracer function, 3 events"; nothing when nothing was on. */
int topstate_reset(int dir, struct buf *what, struct kf_error *err) _must_check_;

#endif
