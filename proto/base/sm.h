/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * State machines as tables: a state has a name and the set of states that may
 * follow it.  sm_move() logs one line per move and aborts on a move the table
 * does not allow: that is a programmer's error, never the world's.
 */
#ifndef KF_SM_H
#define KF_SM_H

#include <stdbool.h>
#include <stdint.h>

struct sm_state {
	const char *name;
	uint32_t next; /* bit n: state n may follow */
	bool final;
};

struct sm {
	const char *what; /* for the log: "deploy", "session" */
	const struct sm_state *table;
	unsigned count;
	unsigned now;
};

#define SM_TO(s) (UINT32_C(1) << (s))

void sm_init(struct sm *sm, const char *what, const struct sm_state *table,
	     unsigned count, unsigned first);
void sm_move(struct sm *sm, unsigned to);
bool sm_may(const struct sm *sm, unsigned to);
const char *sm_name(const struct sm *sm);

#endif
