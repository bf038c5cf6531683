/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names that come from outside, and text that goes to a terminal. */
#ifndef KF_TEXT_H
#define KF_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/buf.h"

/* Letters, digits and . _ + - ~, not starting with '.' or '-', 1..LIMIT_NAME bytes. */
bool text_is_name(const char *s);
/* The same set up to LIMIT_RELEASE bytes: what may stand in /lib/modules/<release>. */
bool text_is_release(const char *s);
/* "k-" and eight lower-case hex digits. */
bool text_is_slot(const char *s);
/*
 * A path inside a package: relative, 1..LIMIT_PATH bytes, components separated by single
 * slashes, no "." or "..", valid UTF-8 without control characters, no backslash, no
 * leading or trailing slash.
 */
bool text_is_path(const char *s, size_t n);
/* A parameter of a module, "name=value" or "name": letters, digits, _ - and . before the
 * '=', printable ASCII but no '"' behind; 1..LIMIT_PARAM bytes. */
bool text_is_param(const char *s);
/* Printable ASCII, at most max bytes: a kernel command line, an identity. */
bool text_is_line(const char *s, size_t max);

/* A blank, a tab or the end of a line. */
bool text_is_blank(char c);
/* Leave the blanks at both ends of s[0..*n) out. */
void text_trim(const char **s, size_t *n);

/* Lower-case hex digits of whole bytes, at most max_bytes of them; not empty. */
bool text_is_hex(const char *s, size_t n, size_t max_bytes);
/*
 * Valid UTF-8 without control characters (but for '\n' and '\t' when keep_lines).
 * Unicode's line separators and direction controls count as such, here and in
 * text_escape().
 */
bool text_is_plain(const char *s, size_t n, bool keep_lines);

/* Length of the valid UTF-8 sequence that s begins with, 0 if there is none. */
size_t text_utf8(const char *s, size_t n, uint32_t *ret_point);

/* How much of s fits in room bytes, whole characters only. */
size_t text_fit(const char *s, size_t n, size_t room);

/*
 * Append n bytes of s to out so that a terminal shows them and does nothing else: control
 * characters (but for '\n' and '\t' when keep_lines), bytes that are no valid UTF-8, and
 * the C1 range become \xNN; a backslash stays itself.  text_is_plain() holds for the
 * result.
 */
int text_escape(struct buf *out, const char *s, size_t n, bool keep_lines) _must_check_;

/* "1.4 MiB", "532 B"; dst of at least 16 bytes. */
const char *text_bytes(uint64_t n, char dst[static 16]);
/* "2m41s", "0.9s", "1h03m"; dst of at least 16 bytes. */
const char *text_duration(int64_t ms, char dst[static 16]);

#endif
