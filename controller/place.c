// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The source tree is found from the program's own path: the directory that holds a
 * `build` directory in which the program lies.
 */
#include "controller/place.h"

#include <limits.h>
#include <string.h>

/* The top of the source tree, or -ENOENT for an installed program. */
static int source_top(char **ret)
{
	_free_ char *path = malloc(PATH_MAX);
	char *at;
	ssize_t n;

	if (!path)
		return -ENOMEM;
	n = readlink("/proc/self/exe", path, PATH_MAX - 1);
	if (n < 0)
		return -errno;
	path[n] = '\0';
	at = strstr(path, "/build/");
	for (char *next; at && (next = strstr(at + 1, "/build/"));)
		at = next;
	if (!at)
		return -ENOENT;
	*at = '\0';
	*ret = TAKE_PTR(path);
	return 0;
}

static int readable(const char *dir, const char *name, char **ret)
{
	_free_ char *path = NULL;

	if (asprintf(&path, "%s/%s", dir, name) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	if (access(path, R_OK) < 0)
		return -ENOENT;
	*ret = TAKE_PTR(path);
	return 0;
}

static int find(const char *in_tree, const char *dir, const char *name, char **ret)
{
	_free_ char *top = NULL;
	int rc = -ENOENT;

	if (in_tree && source_top(&top) == 0)
		rc = readable(top, in_tree, ret);
	if (rc == -ENOENT && dir && name)
		rc = readable(dir, name, ret);
	return rc;
}

#ifndef KF_DATADIR
#define KF_DATADIR NULL
#endif
#ifndef KF_LIBEXECDIR
#define KF_LIBEXECDIR NULL
#endif

int place_find(const char *in_tree, const char *in_data, char **ret)
{
	return find(in_tree, KF_DATADIR, in_data, ret);
}

int place_find_program(const char *in_tree, const char *in_libexec, char **ret)
{
	return find(in_tree, KF_LIBEXECDIR, in_libexec, ret);
}
