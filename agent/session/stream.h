/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A connection on the loop: the peer engine driven by a libuv pipe.
 *
 * The only place with read and write callbacks of connections.  Bytes are read while the
 * owner wants events and the write queue is not full; a slow reader at the other end
 * therefore stops what it asks for, and nothing grows.  All calls on the loop thread.
 */
#ifndef KF_STREAM_H
#define KF_STREAM_H

#include <uv.h>

#include "proto/peer.h"

#define STREAM_HIGH   (256 * 1024) /* bytes queued: stream_full() */
#define STREAM_ENOUGH (128 * 1024) /* bytes queued: stream_enough() */
#define STREAM_LOW    (64 * 1024)  /* room() is called when the queue falls below */

struct stream;

struct stream_ops {
	/* ev is valid until this returns or something is sent. */
	void (*event)(void *arg, const struct peer_event *ev);
	/* The queue was full, or had enough, and is nearly empty. */
	void (*room)(void *arg);
	/* All that was sent is written; called once for each stream_flush(). */
	void (*flushed)(void *arg);
	/* The other side has ended (why is NULL), or the connection is broken.  Once; no
	 * events come after it.  The owner closes. */
	void (*ended)(void *arg, const struct kf_error *why);
	/* Last call: the stream is freed when it returns. */
	void (*closed)(void *arg);
};

/* Takes fd (a connected stream socket) when it succeeds.  hello is sent at once. */
int stream_new(uv_loop_t *loop, int fd, const Kferry__Hello *hello,
	       const struct stream_ops *ops, void *arg, struct stream **ret) _must_check_;
/* Write out what is queued, for at most a few seconds, then close.  No callback but
 * closed() comes after this.  Idempotent. */
void stream_close(struct stream *s);

/* The peer engine, for sending and its error: call stream_kick() after sending. */
struct peer *stream_peer(struct stream *s);
void stream_kick(struct stream *s);
void stream_flush(struct stream *s);
/* True asks for room(), and until then no events are handed out. */
bool stream_full(struct stream *s);
/* For those who send without being asked, and want events (input, a cancel) meanwhile:
 * true asks for room() before the queue is full. */
bool stream_enough(struct stream *s);
/* No events until stream_resume(); the end of the other side is still noticed. */
void stream_pause(struct stream *s);
void stream_resume(struct stream *s);

#endif
