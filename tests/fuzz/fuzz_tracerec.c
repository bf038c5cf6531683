/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Records of a trace from a board: what is taken is in the buffer. */
#include <assert.h>

#include "proto/limits.h"
#include "proto/tracerec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_buf_ struct buf b = BUF_INIT;
	struct tracerec r;

	assert(buf_append(&b, data, size) == 0);
	while (tracerec_next(&b, &r) == 0 && r.type != TRACEREC_NOTHING) {
		const char *start = (const char *)buf_data(&b);

		assert(r.used <= buf_len(&b) && r.len <= LIMIT_TRACE_RECORD);
		assert(r.data >= start && r.data + r.len <= start + r.used);
		buf_consume(&b, r.used);
	}
	return 0;
}
