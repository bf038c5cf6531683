/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A stream of kernel records, cut into records and parsed: the cuts do not depend on how
 * much has arrived, and what a record points to lies inside it.
 */
#include <assert.h>
#include <string.h>

#include "proto/kmsg.h"
#include "proto/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_record(const char *p, size_t n)
{
	struct kmsg_record r;

	if (kmsg_parse(p, n, &r) < 0)
		return;
	assert(n <= LIMIT_KMSG_RECORD);
	assert(r.level <= 7);
	assert(r.text > p && r.text + r.text_len <= p + n);
	assert(r.text[-1] == ';');
	assert(!memchr(r.text, '\n', r.text_len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *p = (const char *)data;
	size_t left = size;

	while (left) {
		size_t whole = kmsg_record_len(p, left, 0);
		size_t n = kmsg_record_len(p, left, 1);

		assert(n > 0 && n <= left);
		assert(whole == 0 || whole == n);
		if (whole) {
			/* It was not whole a byte after its end, but for what follows. */
			assert(kmsg_record_len(p, n, 0) == 0);
			assert(kmsg_record_len(p, n + 1, 0) == n);
			assert(p[n - 1] == '\n' && p[n] != ' ');
		}
		check_record(p, n);
		p += n;
		left -= n;
	}
	return 0;
}
