// SPDX-License-Identifier: GPL-2.0-or-later
#include "controller/tracing/tracelist.h"

#include <fnmatch.h>
#include <string.h>

#define NAME_SIZE 1024 /* no function's name is half as long */

bool tracelist_fits(const char *line, size_t n, const char *pattern)
{
	char name[NAME_SIZE], *colon;

	if (n >= sizeof(name))
		return false;
	memcpy(name, line, n);
	name[n] = '\0';
	if (fnmatch(pattern, name, 0) == 0)
		return true;
	name[strcspn(name, " \t")] = '\0';
	if (fnmatch(pattern, name, 0) == 0)
		return true;
	colon = strchr(name, ':');
	if (!colon)
		return false;
	*colon = '\0';
	return fnmatch(pattern, name, 0) == 0 || fnmatch(pattern, colon + 1, 0) == 0;
}

static bool is_wanted(const char *line, size_t n, char *const patterns[])
{
	for (size_t i = 0; patterns[i]; i++)
		if (tracelist_fits(line, n, patterns[i]))
			return true;
	return !patterns[0];
}

size_t tracelist_show(struct ui *ui, const char *text, char *const patterns[],
		      json_t *names)
{
	size_t shown = 0;

	while (*text) {
		size_t n = strcspn(text, "\n");

		if (n && is_wanted(text, n, patterns)) {
			ui_out(ui, "%.*s\n", (int)n, text);
			json_array_append_new(names, json_stringn(text, n));
			shown++;
		}
		text += n + (text[n] == '\n');
	}
	return shown;
}
