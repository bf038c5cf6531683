// SPDX-License-Identifier: GPL-2.0-or-later
#include "controller/copy/spot.h"

#include <string.h>

#include "proto/limits.h"
#include "proto/reason.h"

void spot_fini(struct spot *s)
{
	free(s->board);
	free(s->dir);
	free(s->name);
	*s = (struct spot){0};
}

/* A path without slashes at its end. */
static int split(const char *path, size_t n, struct spot *s)
{
	const char *slash = memrchr(path, '/', n);
	size_t dir = (size_t)(slash - path);

	while (dir && path[dir - 1] == '/')
		dir--;
	s->dir = dir ? strndup(path, dir) : strdup("/");
	s->name = strndup(slash + 1, n - (size_t)(slash - path) - 1);
	return s->dir && s->name ? 0 : -ENOMEM;
}

int spot_parse(const struct config *cfg, const char *word, struct spot *ret,
	       struct kf_error *err)
{
	_spot_ struct spot s = {0};
	const char *colon = strchr(word, ':'), *path = word;
	size_t n;

	if (colon && *word != '/') {
		s.board = strndup(word, (size_t)(colon - word));
		if (!s.board)
			return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
		if (!config_has_board(cfg, s.board))
			return kf_err(err, -ENOENT, KF_REASON_USAGE,
				      "%s: there is no board \"%s\"", word, s.board);
		path = colon + 1;
	}
	n = strlen(path);
	if (*path != '/')
		return kf_err(err, -EINVAL, KF_REASON_USAGE,
			      "%s: a path on a board begins with a slash", word);
	if (n >= LIMIT_STRING)
		return kf_err(err, -ENAMETOOLONG, KF_REASON_USAGE,
			      "a path on a board has less than %d bytes", LIMIT_STRING);
	while (n > 1 && path[n - 1] == '/')
		n--;
	if (split(path, n, &s) < 0)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
	if (!strcmp(s.name, ".") || !strcmp(s.name, ".."))
		return kf_err(err, -EINVAL, KF_REASON_USAGE,
			      "%s: the last part must be a name", word);
	*ret = s;
	s = (struct spot){0};
	return 0;
}
