/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One connection of a controller: its requests, one operation at a time.
 *
 * A session ends when the other side does, or by session_stop(); what it runs is then
 * cancelled and the board released.  All calls on the loop thread.
 */
#ifndef KF_SESSION_H
#define KF_SESSION_H

#include <sys/types.h>
#include <uv.h>

#include "agent/agent.h"
#include "agent/log/kernlog.h"
#include "agent/trial/trial.h"

struct session;

/* What sessions share; outlives them all.  kernlog and watch may be NULL. */
struct session_env {
	uv_loop_t *loop;
	struct agent *agent;
	struct kernlog *kernlog;
	struct trial_watch *watch;
	/* kernlog is NULL and somebody wants it: try again to start it. */
	void (*start_log)(void *arg);
	/* A session asks for the records that pstore may have got since the start. */
	void (*collect)(void *arg);
	/* The session is about to be freed. */
	void (*ended)(void *arg, struct session *s);
	void *arg;
	/* How long the other side may say nothing, in ms; 0: as session.c has it. */
	unsigned stall_ms; /* while a deploy waits for its bytes */
	unsigned held_ms;  /* between requests, while the board is its */
};

/* Who is at the other end, as the kernel says. */
struct session_user {
	uid_t uid;
	gid_t gid;
};

/* Takes fd when it succeeds.  refuse: say why (KF_REASON_BUSY) after HELLO and end; NULL:
 * serve. */
int session_new(struct session_env *env, int fd, struct session_user user,
		const char *refuse, struct session **ret) _must_check_;
/* Cancel what runs, write out what is owed, close.  Idempotent. */
void session_stop(struct session *s);

#endif
