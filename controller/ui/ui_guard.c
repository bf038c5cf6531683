// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What GitHub's runner takes for a command to it: a line that begins, behind blanks, with
 * "::", and "##[" anywhere in a line.  It compares texts by a language's rules, by which
 * a character that is not ASCII may count for nothing.
 */
#include <string.h>

#include "controller/ui/ui_internal.h"

static bool counts(char c)
{
	return c > ' ' && c < 0x7f;
}

/* What goes in front of c. */
static const char *mark(struct ui_guard *g, char c)
{
	const char *with = "";

	if (c == ':' && !g->begun)
		with = "| ";
	else if (c == '[' && g->hashes >= 2)
		with = " ";
	if (c == '\n' || c == '\r')
		*g = (struct ui_guard){.begun = false};
	else if (c == '#')
		g->hashes++;
	else if (counts(c) || c == ' ')
		g->hashes = 0;
	g->begun = g->begun || counts(c);
	return with;
}

int ui_guard_copy(struct ui_guard *g, const char *data, size_t n, struct buf *out)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < n; i++) {
		const char *with = mark(g, data[i]);

		r = buf_append(out, with, strlen(with));
		if (r == 0)
			r = buf_append(out, &data[i], 1);
	}
	return r;
}
