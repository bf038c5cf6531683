/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A request to the helper outside of the sandbox: what is taken obeys the limits, and is
 * the same bytes again when it is encoded.
 */
#include <assert.h>
#include <string.h>

#include "agent/outside/request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_reply(const uint8_t *data)
{
	uint8_t again[OUTSIDE_REPLY];
	struct outside_reply r;

	if (outside_reply_decode(data, &r) < 0)
		return;
	outside_reply_encode(&r, again);
	assert(memcmp(again, data, sizeof(again)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_outside_request_ struct outside_request q = {0};
	_buf_ struct buf b = BUF_INIT;
	size_t n;
	int r;

	if (size >= OUTSIDE_REPLY)
		check_reply(data);
	if (size < OUTSIDE_HEAD || outside_request_body(data, &n) < 0)
		return 0;
	assert(n <= LIMIT_OUTSIDE);
	if (size - OUTSIDE_HEAD < n)
		return 0;
	r = outside_request_decode(data, data + OUTSIDE_HEAD, &q);
	assert(r == 0 || r == -EBADMSG || r == -ENOMEM);
	if (r < 0)
		return 0;
	assert(q.cwd[0] == '/' && q.argv[0] && *q.argv[0]);
	assert(q.n_mounts <= LIMIT_OUTSIDE_MOUNTS);
	r = outside_request_encode(&q, &b);
	assert(r == 0 && buf_len(&b) == OUTSIDE_HEAD + n);
	assert(memcmp(buf_data(&b), data, buf_len(&b)) == 0);
	return 0;
}
