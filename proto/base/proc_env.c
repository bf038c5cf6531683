/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The environment of a child, and the look-up of programs in a PATH.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "proto/base/proc_spawn.h"

#define FIXED_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static const char *const minimal_env[] = {"PATH=" FIXED_PATH, "LANG=C.UTF-8", NULL};

static size_t count(const char *const *v)
{
	size_t n = 0;

	while (v && v[n])
		n++;
	return n;
}

/* Put "K=V" into v of *n entries, in the place of an earlier K. */
static void put(char **v, size_t *n, const char *entry)
{
	size_t key = strcspn(entry, "=") + 1;

	for (size_t i = 0; i < *n; i++) {
		if (strncmp(v[i], entry, key) == 0) {
			v[i] = (char *)entry;
			return;
		}
	}
	v[(*n)++] = (char *)entry;
}

int proc_env_build(const struct proc_opts *opts, char ***ret_envp)
{
	const char *const *base = opts->env ? opts->env : minimal_env;
	const char *const *extra = opts->env_extra;
	size_t n = 0;
	char **v;

	if (opts->inherit_env)
		base = (const char *const *)environ;
	v = calloc(count(base) + count(extra) + 1, sizeof(*v));
	if (!v)
		return -ENOMEM;
	for (size_t i = 0; base && base[i]; i++)
		put(v, &n, base[i]);
	for (size_t i = 0; extra && extra[i]; i++)
		put(v, &n, extra[i]);
	*ret_envp = v;
	return 0;
}

static int check_program(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return errno == ENOTDIR ? -ENOENT : -errno;
	if (!S_ISREG(st.st_mode) || access(path, X_OK) < 0)
		return -EACCES;
	return 0;
}

/* An entry that is not absolute is passed over: what runs must not depend on where. */
static int find_in(const char *dirs, const char *name, char **ret_path)
{
	int found = -ENOENT;

	while (*dirs) {
		size_t n = strcspn(dirs, ":");
		_free_ char *path = NULL;
		int r;

		if (n > 0 && *dirs == '/') {
			if (asprintf(&path, "%.*s/%s", (int)n, dirs, name) < 0) {
				path = NULL;
				return -ENOMEM;
			}
			r = check_program(path);
			if (r == 0) {
				*ret_path = TAKE_PTR(path);
				return 0;
			}
			if (r == -EACCES)
				found = r;
		}
		dirs += n;
		dirs += *dirs == ':';
	}
	return found;
}

static int find(const char *name, const char *dirs, char **ret_path)
{
	if (*name == '\0')
		return -ENOENT;
	if (strchr(name, '/')) {
		*ret_path = strdup(name);
		return *ret_path ? 0 : -ENOMEM;
	}
	return find_in(dirs ? dirs : FIXED_PATH, name, ret_path);
}

int proc_env_find(const char *name, char *const envp[], char **ret_path)
{
	const char *dirs = NULL;

	for (size_t i = 0; envp[i]; i++) {
		if (strncmp(envp[i], "PATH=", 5) == 0)
			dirs = envp[i] + 5;
	}
	return find(name, dirs, ret_path);
}

int proc_find(const char *name, char **ret_path)
{
	_free_ char *path = NULL;
	int r = find(name, getenv("PATH"), &path);

	if (r == 0 && strchr(name, '/'))
		r = check_program(path);
	if (r < 0)
		return -ENOENT;
	*ret_path = TAKE_PTR(path);
	return 0;
}
