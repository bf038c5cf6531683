/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a board's stat and sha256sum print: a path that is taken is a part of its line. */
#include <assert.h>
#include <string.h>

#include "controller/copy/same.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const char *line, size_t n, const char *path, size_t path_n)
{
	assert(path_n && !memchr(path, '\0', path_n));
	assert((path_n == 1 && *path == '.') ||
	       (path > line && path + path_n == line + n));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_buf_ struct buf text = BUF_INIT;
	_same_ struct same s = {0};
	struct same_file facts;
	const char *line, *path;
	size_t at = 0, n, path_n;
	uint8_t sum[32];

	if (buf_append(&text, data, size) < 0)
		return 0;
	while (same_next_line(&text, &at, &line, &n)) {
		if (same_parse_sum(line, n, sum, &path, &path_n))
			check(line, n, path, path_n);
		if (!same_parse_stat(line, n, &facts, &path, &path_n))
			continue;
		check(line, n, path, path_n);
		assert(same_add(&s, path, path_n, &facts) == 0);
	}
	same_sort(&s);
	for (size_t i = 0; i < s.n; i++)
		assert(same_find(&s, s.files[i].path, strlen(s.files[i].path)));
	return 0;
}
