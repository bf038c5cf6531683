/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Does an SSH server answer at an address?  A TCP connection and the first byte of its
 * greeting: much less than a login, for both sides, and it cannot hang in a name server.
 */
#ifndef KF_PROBE_H
#define KF_PROBE_H

#include <sys/socket.h>

#include "proto/base/cleanup.h"

/* 0: it does.  -ETIMEDOUT after ms; -ECANCELED; else what the network says. */
int probe_ssh(const struct sockaddr_storage *to, int ms) _must_check_;

#endif
