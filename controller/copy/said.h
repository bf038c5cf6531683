/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a program on a board prints, whole; on a connection that goes on. */
#ifndef KF_SAID_H
#define KF_SAID_H

#include "controller/client.h"

/* At most max bytes (KF_REASON_INVALID past that; then the client can only be closed);
 * *ret_status is its exit status.  errors (may be NULL) gets the beginning of what it
 * says on stderr. */
int said(struct client *c, const char *const argv[], size_t max, unsigned limit_s,
	 deadline_ms deadline, struct buf *out, struct buf *errors, uint32_t *ret_status,
	 struct kf_error *err) _must_check_;

#endif
