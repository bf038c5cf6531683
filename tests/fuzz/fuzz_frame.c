/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The frame decoder: the first byte says how the rest is sliced.  The frames that come
 * out, encoded again, are a prefix of what went in, and the same for another slicing.
 */
#include <assert.h>
#include <string.h>

#include "proto/frame.h"
#include "proto/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The frames of data, encoded again, are appended to out.  Returns how it ended. */
static int run(const uint8_t *data, size_t n, size_t slice, struct buf *out)
{
	struct frame_decoder d;
	struct frame f;
	int rc = 0;

	frame_decoder_init(&d);
	for (size_t at = 0; at < n && rc == 0; at += slice) {
		(void)!frame_feed(&d, data + at, n - at < slice ? n - at : slice);
		while ((rc = frame_next(&d, &f)) > 0) {
			uint8_t head[FRAME_HEADER];

			assert(f.len <= frame_limit(f.type));
			frame_header(head, f.type, f.flags, f.len);
			assert(buf_append(out, head, sizeof(head)) == 0);
			assert(buf_append(out, f.payload, f.len) == 0);
		}
	}
	if (rc < 0) {
		assert(frame_feed(&d, data, 1) == rc);
		assert(frame_next(&d, &f) == rc);
	}
	frame_decoder_fini(&d);
	return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_buf_ struct buf a = BUF_INIT, b = BUF_INIT;
	size_t slice;
	int rc;

	if (size < 2)
		return 0;
	slice = (size_t)data[0] + 1;
	data++;
	size--;
	rc = run(data, size, slice, &a);
	assert(run(data, size, size, &b) == rc);
	assert(buf_len(&a) == buf_len(&b) && buf_len(&a) <= size);
	assert(!buf_len(&a) || memcmp(buf_data(&a), buf_data(&b), buf_len(&a)) == 0);
	assert(!buf_len(&a) || memcmp(buf_data(&a), data, buf_len(&a)) == 0);
	return 0;
}
