/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The root node's `compatible`: strings, each with its terminator. */
#include "agent/boot/devtree.h"

#include <string.h>

#define COMPATIBLE     "/proc/device-tree/compatible"
#define COMPATIBLE_MAX 4096

/* Does a string begin with these n bytes? */
static bool any(const struct agent *a, const char *head, size_t n)
{
	_buf_ struct buf b = BUF_INIT;
	const char *text;

	if (agent_read_file(a, COMPATIBLE, COMPATIBLE_MAX, &b) < 0)
		return false;
	text = buf_str(&b);
	for (size_t i = 0; text && i < buf_len(&b); i += strlen(text + i) + 1)
		if (strncmp(text + i, head, n) == 0)
			return true;
	return false;
}

bool devtree_compatible(const struct agent *a, const char *name)
{
	return any(a, name, strlen(name) + 1);
}

bool devtree_vendor(const struct agent *a, const char *head)
{
	return any(a, head, strlen(head));
}
