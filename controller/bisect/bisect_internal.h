/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What bisect.c and state.c share; nobody else includes it. */
#ifndef KF_BISECT_INTERNAL_H
#define KF_BISECT_INTERNAL_H

#include "controller/bisect/bisect.h"

#define STATE_FORMAT  "kferry-bisect"
#define STATE_VERSION 1

/* Another bisect begins: what is left of the last one goes.  Takes the reference. */
int bisect_new_state(struct bisect *b, json_t *state, struct kf_error *err) _must_check_;
/* As RFC 3339 has it. */
json_t *bisect_time_now(void);

#endif
