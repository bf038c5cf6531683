/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Messages on the heap: what kferry__x__free_unpacked(m, NULL) can release.  Text of the
 * system (names of devices, command lines) is made fit to send on its way in.
 */
#ifndef KF_MSG_H
#define KF_MSG_H

#include <stddef.h>

#include "kferry.pb-c.h"
#include "proto/base/cleanup.h"

/* A copy of s (NULL: "") with control characters escaped and cut to max bytes; NULL: no
 * memory. */
char *msg_text(const char *s, size_t max) _must_check_;
/* A deep copy that outlives the connection's next message; NULL: no memory.  Released
 * with kferry__envelope__free_unpacked(). */
Kferry__Envelope *msg_copy(const Kferry__Envelope *env) _must_check_;

#endif
