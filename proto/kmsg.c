// SPDX-License-Identifier: GPL-2.0-or-later
/* The records of /dev/kmsg, one at a time. */
#include "proto/kmsg.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "proto/limits.h"

/* A number up to a byte of `ends`; the cursor stops on that byte. */
static bool number(const char **at, const char *end, const char *ends, uint64_t *ret)
{
	const char *p = *at;
	uint64_t v = 0;

	for (; p < end && *p >= '0' && *p <= '9'; p++)
		if (__builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(*p - '0'), &v))
			return false;
	if (p == *at || p == end || !*p || !strchr(ends, *p))
		return false;
	*at = p;
	*ret = v;
	return true;
}

int kmsg_parse(const char *data, size_t n, struct kmsg_record *ret)
{
	const char *at = data, *end = data + n, *nl, *text;
	uint64_t prio, seq, usec;

	if (n == 0 || n > LIMIT_KMSG_RECORD)
		return -EBADMSG;
	nl = memchr(data, '\n', n);
	if (nl)
		end = nl;
	if (!number(&at, end, ",", &prio) || prio > UINT32_MAX)
		return -EBADMSG;
	at++;
	if (!number(&at, end, ",", &seq))
		return -EBADMSG;
	at++;
	if (!number(&at, end, ",;", &usec))
		return -EBADMSG;
	text = memchr(at, ';', (size_t)(end - at));
	if (!text)
		return -EBADMSG;
	text++;
	*ret = (struct kmsg_record){
		.level = (unsigned)(prio & 7),
		.facility = (unsigned)(prio >> 3),
		.seq = seq,
		.usec = usec,
		.text = text,
		.text_len = (size_t)(end - text),
	};
	return 0;
}

size_t kmsg_record_len(const char *data, size_t n, int end)
{
	size_t at = 0;

	while (at < n) {
		const char *nl = memchr(data + at, '\n', n - at);

		if (!nl)
			break;
		at = (size_t)(nl - data) + 1;
		if (at < n && data[at] != ' ')
			return at;
	}
	return end ? n : 0;
}
