// SPDX-License-Identifier: GPL-2.0-or-later
/* Single quotes protect everything but themselves; plain words stay readable. */
#include "controller/link/quote.h"

#include <stdbool.h>
#include <string.h>

static bool is_plain_word(const char *word)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789_./:,@%+-";

	return *word && strspn(word, plain) == strlen(word);
}

int quote_word(struct buf *out, const char *word)
{
	int rc;

	if (is_plain_word(word))
		return buf_append(out, word, strlen(word));
	rc = buf_append(out, "'", 1);
	while (rc == 0) {
		size_t n = strcspn(word, "'");

		rc = buf_append(out, word, n);
		if (rc < 0 || !word[n])
			break;
		rc = buf_append(out, "'\\''", 4);
		word += n + 1;
	}
	return rc < 0 ? rc : buf_append(out, "'", 1);
}

int quote_argv(struct buf *out, const char *const argv[])
{
	for (size_t i = 0; argv[i]; i++) {
		int rc = i ? buf_append(out, " ", 1) : 0;

		if (rc == 0)
			rc = quote_word(out, argv[i]);
		if (rc < 0)
			return rc;
	}
	return 0;
}
