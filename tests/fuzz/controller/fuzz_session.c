/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a session and a command read of each other: frames in pieces of any size, and
 * their bodies.  What is taken holds what the header promises, and can be sent again.
 */
#include <assert.h>
#include <string.h>

#include "controller/session/session_wire.h"
#include "proto/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_run(const struct session_frame *f)
{
	struct session_run run;

	if (session_take_run(f, &run) < 0)
		return;
	assert(run.command_len > 0 && run.command_len <= SESSION_COMMAND_MAX);
	assert(!memchr(run.command, 0, run.command_len));
}

static void check_opened(const struct session_frame *f)
{
	_buf_ struct buf again = BUF_INIT;
	struct session_opened open;

	if (session_take_opened(f, &open) < 0)
		return;
	assert(text_is_plain(open.who, strlen(open.who), true));
	assert(session_put_opened(&again, &open.peer, open.who) == 0);
}

static void check_ended(const struct session_frame *f)
{
	_buf_ struct buf again = BUF_INIT;
	struct session_ended end;

	if (session_take_ended(f, &end) < 0)
		return;
	assert(text_is_plain(end.error, strlen(end.error), true));
	assert(session_put_ended(&again, end.status, end.error, end.words,
				 end.words_len) == 0);
	/* The same bytes: nothing was lost, and nothing added. */
	assert(buf_len(&again) == SESSION_HEADER + f->len);
	assert(!memcmp(buf_data(&again) + SESSION_HEADER, f->body, f->len));
}

static void check_refused(const struct session_frame *f)
{
	char text[SESSION_ERROR_MAX + 1];

	if (session_take_refused(f, text) == 0)
		assert(text_is_plain(text, strlen(text), true));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_buf_ struct buf in = BUF_INIT;
	struct session_frame f;
	size_t piece, n;
	int rc = 0;

	if (!size)
		return 0;
	piece = data[0] + 1u;
	for (data++, size--; size && rc >= 0; data += n, size -= n) {
		n = size < piece ? size : piece;
		if (buf_append(&in, data, n) < 0)
			return 0;
		while ((rc = session_frame(&in, &f)) > 0) {
			check_run(&f);
			check_opened(&f);
			check_ended(&f);
			check_refused(&f);
			session_frame_done(&in, &f);
		}
	}
	return 0;
}
