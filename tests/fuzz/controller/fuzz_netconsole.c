// SPDX-License-Identifier: GPL-2.0-or-later
/* Datagrams of netconsole, split at 0xff: what they say is not much longer than they are,
 * and the stamped lines of it are plain text. */
#include <assert.h>
#include <string.h>

#include "controller/console/netconsole.h"
#include "controller/console/stamp.h"
#include "proto/text.h"

#define HEAD                                                                             \
	40 /* bytes of "<6>[   12.345678] " with the largest numbers, and a newline */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void stamp(const struct buf *text)
{
	struct stamp s = {0};
	_buf_ struct buf lines = BUF_INIT;

	assert(stamp_feed(&s, 0, buf_data(text), buf_len(text), &lines) == 0);
	assert(stamp_end(&s, &lines) == 0);
	assert(text_is_plain((const char *)buf_data(&lines), buf_len(&lines), true));
	assert(strlen(s.last) < STAMP_LAST_MAX);
	stamp_fini(&s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct netconsole n = {0};
	_buf_ struct buf out = BUF_INIT;

	while (size > 0) {
		const uint8_t *end = memchr(data, 0xff, size);
		size_t len = end ? (size_t)(end - data) : size, before = buf_len(&out);

		assert(netconsole_feed(&n, data, len, &out) == 0);
		assert(buf_len(&out) - before <= len + HEAD);
		len += end != NULL;
		data += len;
		size -= len;
	}
	if (buf_len(&out))
		stamp(&out);
	return 0;
}
