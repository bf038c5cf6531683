/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A conversation with one agent: a blocking driver around the peer engine.
 *
 * Straight-line code on the calling thread; one client is used by one thread.  Every call
 * has a deadline and ends early when cancel_flag() is set (-ECANCELED).  An Error message
 * becomes err with the agent's text; a broken connection is KF_REASON_CONNECTION with
 * what the link knows about it.
 */
#ifndef KF_CLIENT_H
#define KF_CLIENT_H

#include "controller/link/link.h"
#include "controller/ui/ui.h"
#include "proto/peer.h"

struct client;

/* Connect and exchange HELLO. */
int client_open(const struct config *cfg, const char *board, deadline_ms deadline,
		struct client **ret, struct kf_error *err) _must_check_;
/* The same, and `first` (small, and nothing that the agent's Hello decides about) goes
 * out with Hello, which saves a round trip: the next client_request() or client_call()
 * must be it, and sends nothing.  NULL is fine. */
int client_open_asking(const struct config *cfg, const char *board, deadline_ms deadline,
		       const Kferry__Envelope *first, struct client **ret,
		       struct kf_error *err) _must_check_;
void client_close(struct client *c);
const Kferry__Hello *client_hello(
	const struct client *c); /* the agent's, for the client's life */
const char *client_describe(const struct client *c);
/* With -v: tell how it was connected, where there is something to tell. */
void client_say(const struct client *c, struct ui *ui, const char *board);
/* As link_peer(). */
bool client_peer(const struct client *c, struct sockaddr_storage *ret);

/* Send env as a request: its id is set here (env is not changed). */
int client_request(struct client *c, const Kferry__Envelope *env, deadline_ms deadline,
		   struct kf_error *err) _must_check_;
/* The next answer.  type is PEER_ENVELOPE or PEER_DATA; Error messages are returned as
 * errors. ev is valid until the next client_ call. */
int client_next(struct client *c, deadline_ms deadline, struct peer_event *ev,
		struct kf_error *err) _must_check_;
/* Request and the one answer of the kind wanted (an Envelope body case). */
int client_call(struct client *c, const Kferry__Envelope *env,
		Kferry__Envelope__BodyCase want, deadline_ms deadline,
		const Kferry__Envelope **ret, struct kf_error *err) _must_check_;
/* As client_next(), and wakes with PEER_NOTHING when fd (-1: none) may be read and not
 * much waits to be sent, and that after each answer: for what goes both ways at once. */
int client_next_or_fd(struct client *c, int fd, deadline_ms deadline,
		      struct peer_event *ev, struct kf_error *err) _must_check_;
/* What wakes another's client_next_or_fd() when something came for this one, which may
 * have taken in more already: client_next() with no time left tells. */
int client_fd(const struct client *c);
/* For waits without a deadline: ask an agent that was silent for ms whether it is there;
 * three times that without a word is a lost connection.  Only while it reads what is
 * sent: it does not while a program that it runs leaves its input alone.  0: no more. */
void client_watch(struct client *c, int ms);
/* Queue at most LIMIT_DATA bytes; client_next() sends them while it waits. */
int client_queue_data(struct client *c, const void *data, size_t n, uint8_t flags,
		      struct kf_error *err) _must_check_;
/* Any size; split into frames; the last gets `flags` (FRAME_END).  No bytes are an empty
 * frame, which like the last is out when this returns.  While writing,
 * incoming bytes are taken in, and an Error that the agent sends meanwhile ends it with
 * that error. */
int client_send_data(struct client *c, const void *data, size_t n, uint8_t flags,
		     deadline_ms deadline, struct kf_error *err) _must_check_;
uint64_t client_bytes_sent(const struct client *c);

/* A caller-made Envelope around one body, on the stack:
 *	Kferry__StatusRequest q = KFERRY__STATUS_REQUEST__INIT;
 *	Kferry__Envelope env = CLIENT_ENVELOPE(STATUS_REQUEST, status_request, &q); */
#define CLIENT_ENVELOPE(CASE, field, msg)                                                \
	(Kferry__Envelope)                                                               \
	{                                                                                \
		PROTOBUF_C_MESSAGE_INIT(&kferry__envelope__descriptor), 0,               \
			KFERRY__ENVELOPE__BODY_##CASE,                                   \
		{                                                                        \
			.field = (msg)                                                   \
		}                                                                        \
	}

#endif
