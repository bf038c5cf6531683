// SPDX-License-Identifier: GPL-2.0-or-later
/* Checks of names from outside, and text made fit for a terminal. */
#include "proto/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "proto/limits.h"

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_hex(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'f');
}

static bool is_alnum(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_name(const char *s, size_t max)
{
	size_t n = strnlen(s, max + 1);

	if (n == 0 || n > max || s[0] == '.' || s[0] == '-')
		return false;
	for (size_t i = 0; i < n; i++)
		if (!is_alnum(s[i]) && !strchr("._+-~", s[i]))
			return false;
	return true;
}

bool text_is_name(const char *s)
{
	return is_name(s, LIMIT_NAME);
}

bool text_is_release(const char *s)
{
	return is_name(s, LIMIT_RELEASE);
}

bool text_is_slot(const char *s)
{
	return strnlen(s, 11) == 10 && s[0] == 'k' && s[1] == '-' &&
	       text_is_hex(s + 2, 8, 4);
}

bool text_is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

void text_trim(const char **s, size_t *n)
{
	while (*n > 0 && text_is_blank(**s)) {
		(*s)++;
		(*n)--;
	}
	while (*n > 0 && text_is_blank((*s)[*n - 1]))
		(*n)--;
}

bool text_is_hex(const char *s, size_t n, size_t max_bytes)
{
	if (n == 0 || n % 2 || n / 2 > max_bytes)
		return false;
	for (size_t i = 0; i < n; i++)
		if (!is_hex(s[i]))
			return false;
	return true;
}

static bool is_component(const char *s, size_t n)
{
	if (n == 0 || (n == 1 && s[0] == '.') || (n == 2 && s[0] == '.' && s[1] == '.'))
		return false;
	return true;
}

bool text_is_path(const char *s, size_t n)
{
	size_t begin = 0;

	if (n == 0 || n > LIMIT_PATH || memchr(s, '\\', n) || !text_is_plain(s, n, false))
		return false;
	for (size_t i = 0; i <= n; i++) {
		if (i < n && s[i] != '/')
			continue;
		if (!is_component(s + begin, i - begin))
			return false;
		begin = i + 1;
	}
	return true;
}

bool text_is_param(const char *s)
{
	size_t n = strnlen(s, LIMIT_PARAM + 1), key = strcspn(s, "=");

	if (n == 0 || n > LIMIT_PARAM || (!is_alnum(s[0]) && s[0] != '_'))
		return false;
	for (size_t i = 0; i < key; i++)
		if (!is_alnum(s[i]) && !strchr("_-.", s[i]))
			return false;
	return text_is_line(s, LIMIT_PARAM) && !strchr(s, '"');
}

bool text_is_line(const char *s, size_t max)
{
	size_t n = strnlen(s, max + 1);

	if (n > max)
		return false;
	for (size_t i = 0; i < n; i++)
		if (s[i] < ' ' || s[i] > '~')
			return false;
	return true;
}

size_t text_utf8(const char *s, size_t n, uint32_t *ret_point)
{
	static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
	const uint8_t *b = (const uint8_t *)s;
	uint32_t point;
	size_t len;

	if (n == 0)
		return 0;
	if (b[0] < 0x80) {
		*ret_point = b[0];
		return 1;
	}
	if (b[0] >= 0xc2 && b[0] <= 0xdf)
		len = 2;
	else if (b[0] >= 0xe0 && b[0] <= 0xef)
		len = 3;
	else if (b[0] >= 0xf0 && b[0] <= 0xf4)
		len = 4;
	else
		return 0;
	if (n < len)
		return 0;
	point = b[0] & (0x7fu >> len);
	for (size_t i = 1; i < len; i++) {
		if ((b[i] & 0xc0) != 0x80)
			return 0;
		point = point << 6 | (b[i] & 0x3f);
	}
	if (point < smallest[len] || point > 0x10ffff ||
	    (point >= 0xd800 && point <= 0xdfff))
		return 0;
	*ret_point = point;
	return len;
}

size_t text_fit(const char *s, size_t n, size_t room)
{
	size_t used = 0, len;
	uint32_t point;

	while ((len = text_utf8(s + used, n - used, &point)) && used + len <= room)
		used += len;
	return used;
}

/* U+2028, U+2029 and the bidirectional controls can make a line read as what it is not.
 */
static bool is_control(uint32_t point)
{
	return point < 0x20 || (point >= 0x7f && point <= 0x9f) ||
	       (point >= 0x2028 && point <= 0x202e) ||
	       (point >= 0x2066 && point <= 0x2069);
}

/* Bytes at s that may be shown as they are, 0 if the first may not. */
static size_t shown(const char *s, size_t n, bool keep_lines)
{
	uint32_t point = 0;
	size_t len = text_utf8(s, n, &point);

	if (len && is_control(point) && !(keep_lines && (point == '\n' || point == '\t')))
		return 0;
	return len;
}

bool text_is_plain(const char *s, size_t n, bool keep_lines)
{
	for (size_t i = 0; i < n;) {
		size_t len = shown(s + i, n - i, keep_lines);

		if (!len)
			return false;
		i += len;
	}
	return true;
}

static int append_hex(struct buf *out, const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int rc = buf_printf(out, "\\x%02x", (unsigned)(uint8_t)s[i]);

		if (rc < 0)
			return rc;
	}
	return 0;
}

int text_escape(struct buf *out, const char *s, size_t n, bool keep_lines)
{
	size_t i = 0;

	while (i < n) {
		uint32_t point;
		size_t run = i, bad;
		int rc;

		for (size_t len; (len = shown(s + run, n - run, keep_lines)); run += len)
			;
		rc = buf_append(out, s + i, run - i);
		if (rc < 0)
			return rc;
		if (run == n)
			break;
		bad = text_utf8(s + run, n - run, &point);
		if (!bad)
			bad = 1;
		rc = append_hex(out, s + run, bad);
		if (rc < 0)
			return rc;
		i = run + bad;
	}
	return 0;
}

const char *text_bytes(uint64_t n, char dst[static 16])
{
	static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	double v = (double)n / 1024;
	size_t unit = 0;

	if (n < 1024) {
		snprintf(dst, 16, "%" PRIu64 " B", n);
		return dst;
	}
	/* 1023.95 is where one decimal would show 1024.0. */
	while (v >= 1023.95 && unit + 1 < ARRAY_SIZE(units)) {
		v /= 1024;
		unit++;
	}
	snprintf(dst, 16, "%.1f %s", v, units[unit]);
	return dst;
}

const char *text_duration(int64_t ms, char dst[static 16])
{
	int64_t s;

	if (ms < 0)
		ms = 0;
	if (ms < 9950) {
		int64_t tenths = (ms + 50) / 100;

		snprintf(dst, 16, "%d.%ds", (int)(tenths / 10), (int)(tenths % 10));
		return dst;
	}
	s = ms / 1000 + (ms % 1000 >= 500);
	if (s < 60)
		snprintf(dst, 16, "%ds", (int)s);
	else if (s < 3600)
		snprintf(dst, 16, "%dm%02ds", (int)(s / 60), (int)(s % 60));
	else if (s / 3600 < 1000000)
		snprintf(dst, 16, "%dh%02dm", (int)(s / 3600), (int)(s / 60 % 60));
	else
		snprintf(dst, 16, "for ever");
	return dst;
}
