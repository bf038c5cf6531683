/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The life of a session, without I/O: what happens goes in, what is to be done comes out.
 *
 *	up      the SSH connection is there, new channels are opened
 *	silent  it was asked for a sign of life and has not answered: no new channels
 *	down    the connection is lost: none, and a login is tried now and then
 *	login   such a login is under way
 *	over    the process ends
 *
 * A connection that was lost is made again for as long as a deploy may wait for a board,
 * since a deploy's reboot is what loses it.  Between two tries is a pause: the command
 *that waits for the board looks more often, and comes first.
 */
#ifndef KF_SESSION_ENGINE_H
#define KF_SESSION_ENGINE_H

#include "proto/base/clock.h"
#include "proto/base/err.h"
#include "proto/base/sm.h"

enum session_state {
	SESSION_UP,
	SESSION_SILENT,
	SESSION_DOWN,
	SESSION_LOGIN,
	SESSION_OVER,
};

enum session_do {
	SESSION_DO_NOTHING,
	SESSION_DO_ASK,	  /* for a sign of life */
	SESSION_DO_DROP,  /* the connection: then session_engine_lost() */
	SESSION_DO_LOGIN, /* then session_engine_login() */
	SESSION_DO_END,
};

struct session_rules {
	int64_t idle_ms;    /* 0: it may be idle for ever */
	int64_t ask_ms;	    /* silence after which the far side is asked */
	int64_t silent_ms;  /* since then: no new channels */
	int64_t dead_ms;    /* since then: lost */
	int64_t retry_ms;   /* between logins */
	int64_t give_up_ms; /* since it was lost */
};

struct session_engine {
	struct session_rules rules;
	struct sm sm;
	int64_t began, heard, used, lost, retry;
	int64_t asked;	  /* 0: an answer is not awaited */
	int64_t patience; /* since when it counts that there is none */
	bool want_ask;
	unsigned channels;
	char why[KF_ERROR_MAX]; /* of the last loss, and of the end */
};

void session_engine_init(struct session_engine *e, const struct session_rules *rules,
			 int64_t now);
/* The far side said something. */
void session_engine_heard(struct session_engine *e, int64_t now);
/* It was asked something that it has to answer; doubt: and somebody gave up waiting. */
void session_engine_asked(struct session_engine *e, int64_t now);
void session_engine_doubt(struct session_engine *e, int64_t now);
/* What was sent has not arrived yet: a line that is slow is no peer that is dead.  (One
 * that does not even acknowledge bytes is TCP's to notice.) */
void session_engine_unsent(struct session_engine *e, int64_t now);
/* So many channels are in use. */
void session_engine_use(struct session_engine *e, unsigned channels, int64_t now);
void session_engine_lost(struct session_engine *e, const char *why, int64_t now);
/* How the login ended: err NULL, well. */
void session_engine_login(struct session_engine *e, const struct kf_error *err,
			  int64_t now);
/* By the user's wish, or as nothing can go on. */
void session_engine_end(struct session_engine *e, const char *why);

/* May a channel be opened now? */
bool session_engine_is_up(const struct session_engine *e);
enum session_state session_engine_state(const struct session_engine *e);
const char *session_engine_name(const struct session_engine *e);
/* How long it has had no channels, 0 while there are some. */
int64_t session_engine_idle(const struct session_engine *e, int64_t now);
/* What to do now, one thing at a time; with NOTHING: until when to wait. */
enum session_do session_engine_step(struct session_engine *e, int64_t now,
				    deadline_ms *ret_wake);

#endif
