/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Between the session and its operations (session_*.c, exec.c): nobody else includes
 * this.
 *
 * A request starts an operation: its start function either answers at once, or calls
 * session_begin() and later session_end(), which always come in pairs.  Whatever happens
 * in between is the operation's; it is told of DATA, of room in the write queue, and
 * that it must end.
 */
#ifndef KF_SESSION_OP_H
#define KF_SESSION_OP_H

#include "agent/deploy/deploy.h"
#include "agent/session/session.h"
#include "agent/session/stream.h"
#include "proto/base/job.h"
#include "proto/base/sm.h"

struct session_op {
	const char *name;
	/* NULL: DATA is dropped. */
	void (*data)(struct session *s, const struct peer_event *ev);
	/* stream_full() was true and is not any more; may be NULL. */
	void (*room)(struct session *s);
	/* All that was sent is written; NULL: the operation does not use stream_flush().
	 */
	void (*flushed)(struct session *s);
	/* The other side is gone, or the agent stops: come to session_end() soon.  Once.
	 * NULL: it is short and ends by itself. */
	void (*cancel)(struct session *s);
};

struct session {
	struct session_env *env;
	struct stream *stream;
	uv_timer_t timer;
	struct sm sm;
	char holder[LIMIT_PERSON + 1]; /* "alice (uid 1000) user@host" */
	struct session_user user;
	const char *refuse;
	uint32_t id; /* of the request under way */
	const struct session_op *op;
	void *op_data;	     /* the operation's */
	struct deploy *held; /* the board is ours; ended with the session or by a new plan
			      */
	bool giving_up;
	unsigned handles;
};

void session_begin(struct session *s, const struct session_op *op, void *op_data);
void session_end(struct session *s);
/* The other side has the word; when it says nothing for too long the session ends.  Again
 * at each sign of life; off when it is waited for no more. */
void session_await(struct session *s);
void session_await_off(struct session *s);

/* Send with the request's id (env->id is set).  What cannot be sent becomes an Error. */
void session_send(struct session *s, Kferry__Envelope *env);
void session_send_data(struct session *s, const void *data, size_t n, uint8_t flags);
void session_send_done(struct session *s, const char *text);
void session_send_error(struct session *s, const struct kf_error *err);
/* The same without an error object. */
void session_refuse(struct session *s, int code, int reason, const char *what);
void session_send_log_start(struct session *s, const char *boot_id, const char *slot);
/* A LogRequest for an earlier boot. */
void session_kept_log(struct session *s, const Kferry__LogRequest *q);

/* The work for a request of modules, on a job thread; *ret is its answer, on the heap.
 * log_us: of the kernel's newest record when it began. */
int session_modules_work(struct agent *a, const Kferry__Envelope *req, uint64_t log_us,
			 Kferry__Envelope **ret, struct kf_error *err) _must_check_;

/* The handlers of requests; req is valid until something is sent. */
typedef void session_handler(struct session *s, const Kferry__Envelope *req);
session_handler session_call, session_reboot, session_plan, session_log, session_boots,
	session_collect, session_exec;

#endif
