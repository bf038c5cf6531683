/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One command at a session's socket: its request, its flow, and what it is told. */
#ifndef KF_SESSION_GUEST_H
#define KF_SESSION_GUEST_H

#include "controller/link/carrier.h"
#include "controller/session/session_wire.h"

enum guest_stage {
	GUEST_ASKS,    /* its request has not come whole */
	GUEST_OPENING, /* its channel, or its command begins */
	GUEST_RUNNING,
	GUEST_LEAVING, /* what it was told last is on its way to it */
	GUEST_GONE,    /* only a channel that is being opened is left of it, or nothing */
};

struct guest {
	enum guest_stage stage;
	int fd;
	struct buf in, out;
	struct ssh_flow *flow;
	int stream;	      /* its end, until it has it */
	deadline_ms deadline; /* to ask, and to leave */
	bool doubted;
};

/* Takes fd. */
void guest_init(struct guest *g, int fd);
void guest_fini(struct guest *g);
/* Read what has come.  1: *ret is its request, to be dropped with session_frame_done().
 */
int guest_request(struct guest *g, struct session_frame *ret) _must_check_;
/* Start its command in this flow, which is taken. */
int guest_run(struct guest *g, struct ssh_flow *flow, const struct session_run *run,
	      deadline_ms deadline) _must_check_;
/* The last thing it is told; a flow that it had is gone. */
void guest_refuse(struct guest *g, const char *why);
void guest_tell(struct guest *g, enum session_type type, const char *text);
void guest_end(struct guest *g, const char *error);
/* Move its bytes, and tell it what has come of its flow.  true: there may be more. */
bool guest_step(struct guest *g, const struct carrier *c);
/* What to wait for: its socket, its stream; the time in ms, -1 for none. */
int guest_wants(const struct guest *g, struct pollfd ret[static 2]);
void guest_woken(struct guest *g, const struct pollfd fds[static 2]);
/* Nothing is left of it. */
bool guest_is_done(const struct guest *g);

#endif
