/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Text and copies for messages that are built on the heap. */
#include "agent/session/msg.h"

#include <string.h>

#include "proto/text.h"

/* The longest prefix of s that has at most max bytes and ends no character in two. */
static size_t cut(const char *s, size_t n, size_t max)
{
	if (n <= max)
		return n;
	n = max;
	while (n > 0 && ((unsigned char)s[n] & 0xc0) == 0x80)
		n--;
	return n;
}

char *msg_text(const char *s, size_t max)
{
	_buf_ struct buf b = BUF_INIT;
	const char *text;

	if (text_escape(&b, s ? s : "", s ? strlen(s) : 0, false) < 0)
		return NULL;
	text = buf_str(&b);
	return text ? strndup(text, cut(text, buf_len(&b), max)) : NULL;
}

Kferry__Envelope *msg_copy(const Kferry__Envelope *env)
{
	size_t n = kferry__envelope__get_packed_size(env);
	_free_ uint8_t *data = malloc(n ? n : 1);

	if (!data)
		return NULL;
	kferry__envelope__pack(env, data);
	return kferry__envelope__unpack(NULL, n, data);
}
