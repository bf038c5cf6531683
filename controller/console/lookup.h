/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The addresses of a host's name, within a time.  The C library's own look-up has no
 * deadline and cannot be ended: it runs on a thread that is left to itself when nobody
 * waits for it any more.
 */
#ifndef KF_LOOKUP_H
#define KF_LOOKUP_H

#include <netdb.h>

#include "proto/base/clock.h"
#include "proto/base/err.h"

/* *ret is for freeaddrinfo().  stop_fd (-1: none): when it is readable the waiting ends,
 * -ECANCELED. */
int lookup_stream(const char *host, const char *port, deadline_ms deadline, int stop_fd,
		  struct addrinfo **ret, struct kf_error *err) _must_check_;

#endif
