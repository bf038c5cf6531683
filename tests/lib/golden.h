/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Stored wire messages: tests/golden/wire/<version>/<kind>.hex, one whole frame each in
 * hex, white space ignored.  Tests run at the top of the tree.
 */
#ifndef KF_TEST_GOLDEN_H
#define KF_TEST_GOLDEN_H

#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>

#include "proto/base/buf.h"
#include "proto/base/cleanup.h"

#define GOLDEN_ROOT "tests/golden/wire"

/* 0 or -1; the bytes are appended to b. */
static inline int golden_read(const char *path, struct buf *b)
{
	_fclose_ FILE *f = fopen(path, "re");
	int c, digits = 0;
	unsigned v = 0;

	if (!f)
		return -1;
	while ((c = fgetc(f)) != EOF) {
		uint8_t byte;

		if (isspace(c))
			continue;
		if (!isxdigit(c))
			return -1;
		v = v << 4 | (unsigned)(isdigit(c) ? c - '0' : tolower(c) - 'a' + 10);
		if (++digits % 2)
			continue;
		byte = (uint8_t)v;
		if (buf_append(b, &byte, 1) < 0)
			return -1;
	}
	return digits % 2 ? -1 : 0;
}

static inline int golden_write(const char *path, const uint8_t *p, size_t n)
{
	_fclose_ FILE *f = fopen(path, "we");

	if (!f)
		return -1;
	for (size_t i = 0; i < n; i++)
		fprintf(f, "%02x%s", p[i], i % 32 == 31 || i + 1 == n ? "\n" : "");
	return ferror(f) ? -1 : 0;
}

#endif
