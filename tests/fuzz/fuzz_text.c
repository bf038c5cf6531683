/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Escapes and names: what is escaped is plain, escaping it again changes nothing, and
 * plain text is left as it is.
 */
#include <assert.h>
#include <string.h>

#include "proto/limits.h"
#include "proto/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_escape(const char *s, size_t n, bool keep_lines)
{
	_buf_ struct buf once = BUF_INIT, twice = BUF_INIT;

	assert(text_escape(&once, s, n, keep_lines) == 0);
	if (!buf_len(&once)) {
		assert(n == 0);
		return;
	}
	assert(text_is_plain((const char *)buf_data(&once), buf_len(&once), keep_lines));
	assert(text_escape(&twice, (const char *)buf_data(&once), buf_len(&once),
			   keep_lines) == 0);
	assert(buf_len(&twice) == buf_len(&once));
	assert(memcmp(buf_data(&twice), buf_data(&once), buf_len(&once)) == 0);
	assert(text_is_plain(s, n, keep_lines) == (buf_len(&once) == n));
	for (size_t i = 0; i < buf_len(&once); i++) {
		uint8_t c = buf_data(&once)[i];

		assert(c != 0x7f && (c >= 0x20 || (keep_lines && strchr("\n\t", c))));
	}
}

static void check_names(const char *s, size_t n)
{
	if (text_is_path(s, n)) {
		assert(n > 0 && n <= LIMIT_PATH && s[0] != '/' && s[n - 1] != '/');
		assert(!memmem(s, n, "//", 2) && !memmem(s, n, "/../", 4));
		assert(n < 3 || memcmp(s, "../", 3) != 0);
		assert(n < 3 || memcmp(s + n - 3, "/..", 3) != 0);
	}
}

static void check_string(const char *s)
{
	size_t n = strlen(s);

	if (text_is_name(s) || text_is_release(s)) {
		assert(text_is_path(s, n));
		assert(!strchr(s, '/') && text_is_line(s, LIMIT_NAME));
	}
	if (text_is_slot(s))
		assert(text_is_name(s) && n == 10);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *s = strndup((const char *)data, size);

	assert(s);
	check_escape((const char *)data, size, false);
	check_escape((const char *)data, size, true);
	check_names((const char *)data, size);
	check_string(s);
	free(s);
	return 0;
}
