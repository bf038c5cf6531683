/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A peer fed from outside, in slices that the input chooses: the first byte is the role,
 * then each slice is led by its length.  Nothing is handed out before a Hello, a failed
 * peer stays failed, and what it answers is bounded.
 */
#include <assert.h>
#include <string.h>

#include "proto/limits.h"
#include "proto/peer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct state {
	struct peer *p;
	bool open;
	int failed;
};

static void take_events(struct state *s)
{
	struct peer_event ev;
	int rc;

	while ((rc = peer_next(s->p, &ev)) == 0 && ev.type != PEER_NOTHING) {
		assert(!s->failed);
		assert(s->open != (ev.type == PEER_HELLO));
		s->open = true;
		if (ev.type == PEER_DATA)
			assert(ev.len <= LIMIT_DATA && !ev.env);
		else
			assert(!wire_fault(ev.env));
		assert(ev.type != PEER_ENVELOPE ||
		       ev.env->body_case != KFERRY__ENVELOPE__BODY_HELLO);
	}
	if (s->failed)
		assert(rc == s->failed);
	if (rc < 0) {
		assert(peer_error(s->p)->code == rc && peer_error(s->p)->msg[0]);
		s->failed = rc;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	Kferry__Hello hello = KFERRY__HELLO__INIT;
	struct state s = {0};
	size_t at = 1;

	if (size < 1)
		return 0;
	hello.protocol_min = PROTOCOL_MIN;
	hello.protocol_max = PROTOCOL_MAX;
	assert(peer_new(data[0] & 1 ? PEER_AGENT : PEER_CONTROLLER, &hello, &s.p) == 0);
	while (at < size) {
		size_t n = data[at++];

		if (n > size - at)
			n = size - at;
		(void)!peer_feed(s.p, data + at, n);
		at += n;
		take_events(&s);
		assert(buf_len(peer_out(s.p)) < 2 * LIMIT_OUT_QUEUE);
	}
	peer_free(s.p);
	return 0;
}
