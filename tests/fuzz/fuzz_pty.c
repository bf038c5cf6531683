/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Records of a terminal's input: what is taken is in the buffer, and all of it is used.
 */
#include <assert.h>

#include "proto/limits.h"
#include "proto/pty.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_buf_ struct buf b = BUF_INIT;
	struct pty_record r;

	assert(buf_append(&b, data, size) == 0);
	while (pty_next(&b, &r) == 0 && r.type != PTY_NOTHING) {
		assert(r.used > r.len && r.used <= buf_len(&b) && r.len <= LIMIT_PTY);
		assert(r.data >= buf_data(&b) && r.data + r.len == buf_data(&b) + r.used);
		buf_consume(&b, r.used);
	}
	return 0;
}
