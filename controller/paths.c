/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Finding the program's own parts; see paths.h. */
#include "controller/paths.h"

#include <limits.h>
#include <string.h>

#define PROGRAM_DEPTH 3 /* <tree>/build/<variant>/kferry */

static int source_tree(char **ret)
{
	char exe[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);

	if (n < 0)
		return -errno;
	exe[n] = '\0';
	for (int i = 0; i < PROGRAM_DEPTH; i++) {
		char *slash = strrchr(exe, '/');

		if (!slash)
			return -ENOENT;
		*slash = '\0';
	}
	*ret = strdup(exe);
	return *ret ? 0 : -ENOMEM;
}

int paths_find(const char *env, const char *in_tree, const char *installed, char **ret)
{
	const char *value = env ? getenv(env) : NULL;
	_free_ char *tree = NULL;
	_free_ char *path = NULL;

	if (value && *value)
		path = strdup(value);
	else if (source_tree(&tree) == 0) {
		if (asprintf(&path, "%s/%s", tree, in_tree) < 0)
			return -ENOMEM;
		if (access(path, R_OK) < 0) {
			free(path);
			path = strdup(installed);
		}
	} else
		path = strdup(installed);
	if (!path)
		return -ENOMEM;
	if (access(path, R_OK) < 0)
		return -errno;
	*ret = TAKE_PTR(path);
	return 0;
}
