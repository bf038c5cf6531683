/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The state file: what parses is emitted again byte for byte, but for lines that may be
 * ignored.  The input is the text without its digest, which is made right here: else
 * nothing would get past it. */
#include <assert.h>
#include <string.h>

#include "agent/slot/state.h"
#include "proto/digest.h"
#include "proto/reason.h"
#include "proto/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct buf *text)
{
	_buf_ struct buf out = BUF_INIT, again = BUF_INIT;
	struct kf_error err = {0};
	struct state s;

	if (state_parse(buf_data(text), buf_len(text), &s, &err) < 0) {
		assert(err.reason == KF_REASON_STATE && err.msg[0]);
		return;
	}
	assert(s.n_slots <= STATE_SLOTS);
	for (unsigned i = 0; i < s.n_slots; i++)
		assert(text_is_slot(s.slots[i].id));
	assert(state_emit(&s, &out) == 0);
	if (memmem(buf_data(text), buf_len(text), "\noptional ", 10)) {
		assert(buf_len(&out) <= buf_len(text));
		assert(state_parse(buf_data(&out), buf_len(&out), &s, &err) == 0);
		assert(state_emit(&s, &again) == 0);
		text = &again;
	}
	assert(buf_len(&out) == buf_len(text));
	assert(memcmp(buf_data(&out), buf_data(text), buf_len(text)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_buf_ struct buf text = BUF_INIT;
	char hex[DIGEST_HEX];
	struct digest digest;

	assert(buf_append(&text, data, size) == 0);
	check(&text);
	digest_bytes(data, size, &digest);
	digest_hex(&digest, hex);
	assert(buf_printf(&text, "digest %s\n", hex) == 0);
	check(&text);
	return 0;
}
