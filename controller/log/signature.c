/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Signatures are compared between runs that are years apart: what goes into one must not
 * change, or every known finding is new again.
 */
#include "controller/log/signature.h"

#include <ctype.h>
#include <string.h>

#include "proto/digest.h"

#define DIGITS 16 /* of the digest, in hex */

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

/* Of a word: is it a number, in hex perhaps?  "dead" and "add" are words. */
static bool is_number(const char *s, size_t n)
{
	bool digit = false;

	if (n > 2 && s[0] == '0' && (s[1] == 'x' || s[1] == 'X')) {
		s += 2;
		n -= 2;
		digit = true;
	}
	for (size_t i = 0; i < n; i++) {
		if (!isxdigit((unsigned char)s[i]))
			return false;
		digit = digit || isdigit((unsigned char)s[i]);
	}
	return digit || n >= 8;
}

/* "+0x12/0x34" behind a function's name; its length. */
static size_t offset(const char *s, size_t n)
{
	size_t at = 3;

	if (n < 4 || memcmp(s, "+0x", 3) != 0)
		return 0;
	while (at < n && isxdigit((unsigned char)s[at]))
		at++;
	if (at + 2 < n && memcmp(s + at, "/0x", 3) == 0) {
		at += 3;
		while (at < n && isxdigit((unsigned char)s[at]))
			at++;
	}
	return at;
}

/* A word that is no number: its digits are an instance's ("eth0", "nvme1n1"). */
static int word(struct buf *out, const char *s, size_t n)
{
	int r = 0;

	for (size_t at = 0; at < n && r == 0;) {
		size_t to = at;
		bool digit = isdigit((unsigned char)s[at]);

		while (to < n && !!isdigit((unsigned char)s[to]) == digit)
			to++;
		r = digit ? buf_append(out, "#", 1) : buf_append(out, s + at, to - at);
		at = to;
	}
	return r;
}

int signature_text(struct buf *out, const char *s, size_t n)
{
	int r = 0;

	for (size_t at = 0; at < n && r == 0;) {
		size_t to = at, skip = offset(s + at, n - at);

		if (skip) {
			at += skip;
			continue;
		}
		while (to < n && is_word(s[to]))
			to++;
		if (to == at)
			r = buf_append(out, s + to++, 1);
		else if (is_number(s + at, to - at))
			r = buf_append(out, "#", 1);
		else
			r = word(out, s + at, to - at);
		at = to;
	}
	return r;
}

size_t signature_func(const char *s, size_t n)
{
	const char *dot = memchr(s, '.', n);

	return dot && dot > s ? (size_t)(dot - s) : n;
}

static int part(struct buf *b, const char *s)
{
	int r = s ? signature_text(b, s, strlen(s)) : 0;

	return r < 0 ? r : buf_append(b, "\n", 1);
}

/* As it is: a function's digits are its name. */
static int name(struct buf *b, const char *s, size_t n)
{
	int r = buf_append(b, s, n);

	return r < 0 ? r : buf_append(b, "\n", 1);
}

int signature_set(struct finding *it)
{
	_buf_ struct buf b = BUF_INIT;
	char hex[DIGEST_HEX];
	struct digest d;
	int r = part(&b, it->first_line);

	if (r == 0)
		r = part(&b, it->title);
	if (r == 0 && it->func)
		r = name(&b, it->func, signature_func(it->func, strlen(it->func)));
	if (r == 0 && it->file)
		r = name(&b, it->file, strlen(it->file));
	if (r < 0)
		return r;
	digest_bytes(buf_data(&b), buf_len(&b), &d);
	digest_hex(&d, hex);
	snprintf(it->signature, sizeof(it->signature), "%.40s-%.*s", it->class_name,
		 DIGITS, hex);
	return 0;
}
