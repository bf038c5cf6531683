// SPDX-License-Identifier: GPL-2.0-or-later
/* Where the files are, and reading them in order. */
#include <fcntl.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>

#include "controller/config/config_internal.h"
#include "proto/base/fs.h"
#include "proto/reason.h"

#define TREE_FILE ".kferry/config.ini"

/* What every kernel tree has at its top, and hardly anything else. */
static const char *const kernel_tree[] = {"Makefile", "Kbuild", "Kconfig", "arch",
					  "scripts/Kbuild.include"};

static const char *home_dir(void)
{
	const char *home = getenv("HOME");
	struct passwd *pw;

	if (home && home[0] == '/')
		return home;
	pw = getpwuid(getuid());
	return pw ? pw->pw_dir : "/";
}

/* $env/rest, or $HOME/fallback/rest. */
static int user_path(const char *env, const char *fallback, const char *rest, char **ret)
{
	const char *base = getenv(env);
	int n;

	if (base && base[0] == '/')
		n = asprintf(ret, "%s/%s", base, rest);
	else
		n = asprintf(ret, "%s/%s/%s", home_dir(), fallback, rest);
	if (n < 0)
		*ret = NULL;
	return n < 0 ? -ENOMEM : 0;
}

static bool has(const char *dir, const char *name)
{
	_free_ char *path = NULL;

	if (asprintf(&path, "%s/%s", dir, name) < 0) {
		path = NULL;
		return false;
	}
	return fs_exists(AT_FDCWD, path);
}

static bool is_tree(const char *dir)
{
	if (has(dir, TREE_FILE))
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(kernel_tree); i++)
		if (!has(dir, kernel_tree[i]))
			return false;
	return true;
}

/* The tree that an object directory, by the link that kbuild makes, was made from. */
static char *source_of(const char *dir)
{
	_free_ char *link = NULL, *real = NULL;

	if (asprintf(&link, "%s/source", dir) < 0) {
		link = NULL;
		return NULL;
	}
	real = realpath(link, NULL);
	return real && is_tree(real) ? TAKE_PTR(real) : NULL;
}

/* The directory at or above the working one that is a tree, or was made from one; "" if
 * none is. */
static int find_tree(char **ret)
{
	_free_ char *dir = getcwd(NULL, 0);

	if (!dir)
		return errno == ENOMEM ? -ENOMEM : (*ret = strdup("")) ? 0 : -ENOMEM;
	while (*dir && !is_tree(dir)) {
		char *slash = strrchr(dir, '/'), *source = source_of(dir);

		if (source) {
			*ret = source;
			return 0;
		}
		*slash = '\0';
	}
	*ret = TAKE_PTR(dir);
	return 0;
}

/* A tree's file may name programs to run, and is found above the working directory: in
 * /tmp, anybody could have put it there. */
static int check_owner(const char *path, struct kf_error *err)
{
	const char *sudo = getenv("SUDO_UID");
	struct stat st;

	if (stat(path, &st) < 0 || !st.st_uid || st.st_uid == geteuid())
		return 0;
	if (!geteuid() && sudo && strtoul(sudo, NULL, 10) == st.st_uid)
		return 0;
	return kf_err(err, -EPERM, KF_REASON_CONFIG,
		      "%s belongs to another user (uid %u), who could make kferry run "
		      "programs in your name: if you trust it, chown it; else work "
		      "elsewhere",
		      path, (unsigned)st.st_uid);
}

int config_find_dirs(char **ret_tree, char **ret_data)
{
	_free_ char *tree = NULL;
	int rc = find_tree(&tree);

	if (rc == 0)
		rc = user_path("XDG_DATA_HOME", ".local/share", "kferry", ret_data);
	if (rc == 0)
		*ret_tree = TAKE_PTR(tree);
	return rc;
}

static int set_paths(struct config *c, const struct config_paths *paths)
{
	const char *cache = getenv("KFERRY_CACHE");
	int rc = 0;

	if (paths->user_file)
		rc = (c->user_file = strdup(paths->user_file)) ? 0 : -ENOMEM;
	else
		rc = user_path("XDG_CONFIG_HOME", ".config", "kferry/config.ini",
			       &c->user_file);
	if (rc == 0 && paths->tree_dir)
		rc = (c->tree = strdup(paths->tree_dir)) ? 0 : -ENOMEM;
	else if (rc == 0)
		rc = find_tree(&c->tree);
	if (rc == 0 && *c->tree &&
	    asprintf(&c->tree_file, "%s/" TREE_FILE, c->tree) < 0) {
		c->tree_file = NULL;
		rc = -ENOMEM;
	}
	if (rc == 0)
		rc = user_path("XDG_DATA_HOME", ".local/share", "kferry", &c->data_dir);
	if (rc == 0 && *c->tree)
		rc = config_env_place(c->data_dir, c->tree, &c->env_dir);
	else if (rc == 0)
		rc = (c->env_dir = strdup("")) ? 0 : -ENOMEM;
	if (rc == 0 && cache && *cache)
		rc = (c->cache_dir = strdup(cache)) ? 0 : -ENOMEM;
	else if (rc == 0)
		rc = user_path("XDG_CACHE_HOME", ".cache", "kferry", &c->cache_dir);
	if (rc == 0 && paths->profile_dir)
		rc = (c->profile_dir = strdup(paths->profile_dir)) ? 0 : -ENOMEM;
	return rc;
}

static int load(const struct config_paths *paths, bool with_env, struct config **ret,
		struct kf_error *err)
{
	static const struct config_paths standard;
	_cleanup_(config_freep) struct config *c = calloc(1, sizeof(*c));
	int rc;

	if (!c || set_paths(c, paths ? paths : &standard) < 0)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "configuration: %m");
	rc = config_parse_file(c, CONFIG_USER, NULL, c->user_file, err);
	if (rc == 0 && c->tree_file)
		rc = check_owner(c->tree_file, err);
	if (rc == 0 && c->tree_file)
		rc = config_parse_file(c, CONFIG_TREE, NULL, c->tree_file, err);
	if (rc == 0 && *c->tree && with_env)
		rc = config_env_load(c, err);
	if (rc == 0)
		rc = config_load_profiles(c, err);
	if (rc < 0)
		return rc;
	*ret = TAKE_PTR(c);
	return 0;
}

int config_load(const struct config_paths *paths, struct config **ret,
		struct kf_error *err)
{
	return load(paths, true, ret, err);
}

int config_load_plain(const struct config_paths *paths, struct config **ret,
		      struct kf_error *err)
{
	return load(paths, false, ret, err);
}
