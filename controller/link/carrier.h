/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An SSH connection that is logged in and carries any number of flows: what a session
 * keeps warm.  All calls are one thread's, and none waits; the library stays behind this.
 */
#ifndef KF_CARRIER_H
#define KF_CARRIER_H

#include "controller/link/link.h"
#include "controller/link/ssh_flow.h"
#include "proto/digest.h"

struct carrier;
struct carrier_login; /* one under way */

/* The name of what a board's configuration leads to, as ssh_target_digest().  -EOPNOTSUPP
 * where its link is not ssh. */
int carrier_target(const struct config *cfg, const char *board, struct digest *ret,
		   struct kf_error *err) _must_check_;

/* Log in: the descriptor is readable when carrier_login_end() has a result.  Called
 * before, that gives up. */
int carrier_login_start(const struct config *cfg, const char *board, deadline_ms deadline,
			struct carrier_login **ret, struct kf_error *err) _must_check_;
int carrier_login_fd(const struct carrier_login *l);
int carrier_login_end(struct carrier_login *l, struct carrier **ret,
		      struct kf_error *err) _must_check_;
/* All flows must be gone. */
void carrier_free(struct carrier *c);

/* A flow of it; as ssh_flow_new(). */
int carrier_open(struct carrier *c, deadline_ms deadline,
		 struct ssh_flow **ret) _must_check_;
/* Is the host key of this connection still one that is accepted?  What is known may have
 * changed since the login. */
int carrier_check_key(struct carrier *c, struct kf_error *err) _must_check_;
/* Take packets in.  -ECONNRESET: the connection is lost, carrier_error() says why. */
int carrier_step(struct carrier *c) _must_check_;
void carrier_wants(const struct carrier *c, struct pollfd *ret);
/* Have bytes not yet arrived at the far end? */
bool carrier_is_sending(const struct carrier *c);
/* Ask the far side for any answer. */
void carrier_ask(struct carrier *c);
/* Changes with everything that it says. */
uint64_t carrier_heard(const struct carrier *c);
const char *carrier_error(struct carrier *c);
const char *carrier_who(const struct carrier *c); /* "pi@rpi4.local:22" */
bool carrier_peer(const struct carrier *c, struct sockaddr_storage *ret);

#endif
