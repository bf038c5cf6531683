/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * "key value" lines and '#' comments: what systemd-boot's files and extlinux.conf are
 * made of.  No I/O here.
 */
#ifndef KF_KEYLINE_H
#define KF_KEYLINE_H

#include <stdbool.h>
#include <stddef.h>

/* Without the blanks around either; both point into the text, both are not empty. */
struct keyline {
	const char *key, *value;
	size_t key_len, value_len;
};

/* The next line between *at and end that has a value, and *at behind it; false: there is
 * none.  Comments and lines without a value are passed over. */
bool keyline_next(const char **at, const char *end, struct keyline *ret);
bool keyline_is(const struct keyline *l, const char *key);
/* Take one pair of '"' around the value off, as systemd-boot does; it may be empty then.
 */
void keyline_unquote(struct keyline *l);

#endif
