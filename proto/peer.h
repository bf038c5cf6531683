/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One side of a connection, as an engine without I/O.
 *
 * Bytes from the other side go in through peer_feed(); peer_next() gives out events;
 * what must be written collects in peer_out().  The engine does the HELLO exchange
 * (nothing else is handed out before both were seen and agree), answers Ping, and
 * checks that frames are well-formed and messages valid.  Once it fails it stays failed.
 *
 *	controller                      agent
 *	   |  [Identity, by the bridge]   |
 *	   |  Hello  ------------------>  |
 *	   |  <------------------  Hello  |
 *	   |  request (id n) ---------->  |
 *	   |  <---- answers, DATA (id n)  |
 *
 * A driver: while (peer_next() gives an event) handle it; write out all of peer_out();
 * read more, peer_feed().
 *
 * A message that the other side may not send in its role ends the connection.  An
 *Envelope whose body is not known here is handed out; a request's handler answers
 *UNSUPPORTED.
 */
#ifndef KF_PEER_H
#define KF_PEER_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/frame.h"
#include "proto/wire.h"

#define PROTOCOL_MIN 1
#define PROTOCOL_MAX 1

/* Bits of Hello.features: what an agent must not ignore when it is asked for it. */
#define FEATURE_KEXEC (UINT64_C(1) << 0) /* `kexec` of Plan-, Arm-, ConfirmRequest */
#define FEATURE_DELTA (UINT64_C(1) << 1) /* `delta` of PlanRequest: patches are taken */
#define FEATURE_MODULES                                                                  \
	(UINT64_C(1) << 2) /* `modules_only` of PlanRequest, and bodies 50 to 55 */

enum peer_role { PEER_CONTROLLER, PEER_AGENT };

enum peer_event_type {
	PEER_NOTHING, /* more bytes are needed */
	PEER_HELLO,   /* the exchange is complete: env is the other side's Hello */
	PEER_ENVELOPE,
	PEER_DATA,
};

struct peer_event {
	enum peer_event_type type;
	const Kferry__Envelope
		*env;	     /* HELLO, ENVELOPE; valid until the next peer_ call */
	const uint8_t *data; /* DATA; likewise */
	size_t len;
	uint8_t flags; /* FRAME_END, FRAME_STDERR */
};

struct peer;

/* hello is packed at once into the output.  role says which side this is. */
int peer_new(enum peer_role role, const Kferry__Hello *hello,
	     struct peer **ret) _must_check_;
void peer_free(struct peer *p);

int peer_feed(struct peer *p, const void *data, size_t n) _must_check_;
/* 0 with *ret filled, or a negative errno with peer_error() saying what was wrong. */
int peer_next(struct peer *p, struct peer_event *ret) _must_check_;
/* -EINVAL or -EMSGSIZE (nothing was added, the peer goes on) with peer_error() set. */
int peer_send(struct peer *p, const Kferry__Envelope *env) _must_check_;
/* An Error with err's code, reason and text, made fit to send.  holder may be NULL. */
int peer_send_error(struct peer *p, uint32_t id, const struct kf_error *err,
		    const char *holder) _must_check_;
/* At most LIMIT_DATA bytes.  More frames than one when the other side takes less in one;
 * FRAME_END is then on the last. */
int peer_send_data(struct peer *p, const void *data, size_t n,
		   uint8_t flags) _must_check_;
/* Bytes to write; the driver consumes what it wrote with buf_consume(). */
struct buf *peer_out(struct peer *p);
/* The name that the bridge gave, or NULL.  Agent's side; known from PEER_HELLO on. */
const char *peer_identity(const struct peer *p);
const struct kf_error *peer_error(const struct peer *p);

#endif
