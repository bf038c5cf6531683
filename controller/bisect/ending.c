/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "controller/bisect/ending.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/text.h"

#define CANDIDATES_MAX 4096u

void ending_fini(struct ending *e)
{
	free(e->candidates);
	*e = (struct ending){0};
}

/* "# first bad commit: [<hash>] subject": the hash, when the line begins so. */
static bool take(const char *line, size_t n, const char *head, char ret[ENDING_HEX])
{
	size_t len = strlen(head);
	const char *end;

	if (n <= len || memcmp(line, head, len) != 0)
		return false;
	end = memchr(line + len, ']', n - len);
	if (!end)
		return false;
	n = (size_t)(end - line) - len;
	if (n < 40 || n >= ENDING_HEX || !text_is_hex(line + len, n, 32))
		return false;
	memcpy(ret, line + len, n);
	ret[n] = '\0';
	return true;
}

static int add(struct ending *e, const char hex[ENDING_HEX])
{
	char(*more)[ENDING_HEX];

	if (e->n == CANDIDATES_MAX)
		return -E2BIG;
	more = reallocarray(e->candidates, e->n + 1, sizeof(*more));
	if (!more)
		return -ENOMEM;
	e->candidates = more;
	memcpy(more[e->n++], hex, ENDING_HEX);
	return 0;
}

static int take_line(const char *line, size_t n, struct ending *e)
{
	static const char command[] = "git bisect ";
	char hex[ENDING_HEX];

	/* Another verdict: what was the end before is none. */
	if (n >= strlen(command) && memcmp(line, command, strlen(command)) == 0)
		ending_fini(e);
	else if (take(line, n, "# first bad commit: [", hex))
		memcpy(e->first_bad, hex, ENDING_HEX);
	else if (take(line, n, "# possible first bad commit: [", hex))
		return add(e, hex);
	return 0;
}

int ending_read(const char *log, size_t n, struct ending *ret)
{
	_ending_ struct ending e = {0};

	while (n > 0) {
		const char *nl = memchr(log, '\n', n);
		size_t len = nl ? (size_t)(nl - log) : n;
		int rc = take_line(log, len, &e);

		if (rc < 0)
			return rc;
		len += nl != NULL;
		log += len;
		n -= len;
	}
	*ret = e;
	e = (struct ending){0};
	return 0;
}
