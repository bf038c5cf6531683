/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "controller/build/nameset.h"

#include <stdint.h>
#include <string.h>

#include "proto/base/cleanup.h"

static size_t hash(const char *s, size_t n)
{
	uint64_t h = 1469598103934665603u;

	for (size_t i = 0; i < n; i++)
		h = (h ^ (unsigned char)s[i]) * 1099511628211u;
	return (size_t)h;
}

static char **at_of(const struct nameset *m, const char *s, size_t n)
{
	size_t at = hash(s, n) & (m->size - 1);

	while (m->slot[at] && (strncmp(m->slot[at], s, n) != 0 || m->slot[at][n] != '\0'))
		at = (at + 1) & (m->size - 1);
	return &m->slot[at];
}

bool nameset_has(const struct nameset *m, const char *s)
{
	return m->size > 0 && *at_of(m, s, strlen(s));
}

static int grow(struct nameset *m)
{
	struct nameset more = {.size = m->size ? 2 * m->size : 64, .n = m->n};

	more.slot = calloc(more.size, sizeof(*more.slot));
	if (!more.slot)
		return -ENOMEM;
	for (size_t i = 0; i < m->size; i++) {
		if (m->slot[i])
			*at_of(&more, m->slot[i], strlen(m->slot[i])) = m->slot[i];
	}
	free(m->slot);
	*m = more;
	return 0;
}

int nameset_add(struct nameset *m, const char *s, size_t n)
{
	char **at;

	if (2 * m->n >= m->size && grow(m) < 0)
		return -ENOMEM;
	at = at_of(m, s, n);
	if (*at)
		return 1;
	*at = strndup(s, n);
	if (!*at)
		return -ENOMEM;
	m->n++;
	return 0;
}

void nameset_fini(struct nameset *m)
{
	for (size_t i = 0; i < m->size; i++)
		free(m->slot[i]);
	free(m->slot);
}
