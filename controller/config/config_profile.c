// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Profiles: boards/<name>.ini in the directories of KF_PROFILE_PATH (colons between), or
 * of the source tree, or of the installation.
 */
#include <fcntl.h>
#include <string.h>

#include "controller/config/config_internal.h"
#include "controller/place.h"
#include "proto/base/fs.h"
#include "proto/reason.h"
#include "proto/text.h"

#define PROFILES_MAX 256

/* dir/<profile>.ini if it is there. */
static char *in_dir(const char *dir, size_t n, const char *profile)
{
	char *path;

	if (asprintf(&path, "%.*s/%s.ini", (int)n, dir, profile) < 0)
		return NULL;
	if (fs_exists(AT_FDCWD, path))
		return path;
	free(path);
	return NULL;
}

char *config_profile_path(const struct config *c, const char *profile)
{
	const char *dirs = c->profile_dir ? c->profile_dir : getenv("KF_PROFILE_PATH");
	_free_ char *rel = NULL;
	char *path = NULL;

	if (!text_is_name(profile))
		return NULL;
	while (dirs && *dirs && !path) {
		size_t n = c->profile_dir ? strlen(dirs) : strcspn(dirs, ":");

		if (n)
			path = in_dir(dirs, n, profile);
		dirs += n + (dirs[n] == ':');
	}
	if (path || c->profile_dir)
		return path;
	if (asprintf(&rel, "boards/%s.ini", profile) < 0) {
		rel = NULL;
		return NULL;
	}
	return place_find(rel, rel, &path) == 0 ? path : NULL;
}

/* Are the entries of this profile there? */
static bool loaded(const struct config *c, const char *profile)
{
	for (size_t i = 0; i < c->count; i++)
		if (c->entries[i].layer == CONFIG_PROFILE && !c->entries[i].dead &&
		    !strcmp(c->entries[i].profile, profile))
			return true;
	return false;
}

/* of: the configuration whose directories count; c gets the entries. */
static int load(const struct config *of, struct config *c, const char *profile,
		const char *where, struct kf_error *err)
{
	_free_ char *path = config_profile_path(of, profile);

	if (!path)
		return kf_err(err, -ENOENT, KF_REASON_CONFIG,
			      "%s: there is no profile \"%s\"; `kferry init --list` "
			      "shows those there are",
			      where, profile);
	return config_parse_file(c, CONFIG_PROFILE, profile, path, err);
}

int config_load_profiles(struct config *c, struct kf_error *err)
{
	/* Loading adds entries, which moves them; none of those added names another. */
	size_t count = c->count;

	for (size_t i = 0; i < count; i++) {
		const struct config_entry *e = &c->entries[i];
		size_t added;
		int rc;

		if (e->dead || strcmp(e->key->name, "board.profile") || !*e->value ||
		    loaded(c, e->value))
			continue;
		added = c->count;
		rc = load(c, c, e->value, e->where, err);
		if (rc == 0)
			continue;
		if (!c->entries[i].board)
			return rc;
		/* One board's profile is no matter to commands for another. */
		while (added < c->count)
			c->entries[added++].dead = true;
		if (err)
			*err = (struct kf_error){0};
	}
	return 0;
}

int config_check_board(const struct config *c, const char *board, struct kf_error *err)
{
	_cleanup_(config_freep) struct config *one = NULL;
	const char *where = NULL;
	const char *profile = config_origin(c, board, "board.profile", NULL, &where);

	if (!profile || !*profile || loaded(c, profile))
		return 0;
	one = calloc(1, sizeof(*one));
	if (!one)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
	return load(c, one, profile, where, err);
}

char *config_profile_value(const struct config *c, const char *profile, const char *key)
{
	_cleanup_(config_freep) struct config *one = calloc(1, sizeof(*one));
	_free_ char *path = config_profile_path(c, profile);

	if (!one || !path ||
	    config_parse_file(one, CONFIG_PROFILE, profile, path, NULL) < 0)
		return NULL;
	for (size_t i = 0; i < one->count; i++)
		if (!strcmp(one->entries[i].key->name, key))
			return strdup(one->entries[i].value);
	return NULL;
}

struct names {
	char *name[PROFILES_MAX];
	size_t count;
};

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void collect(struct names *names, const char *dir, size_t n)
{
	_free_ char *path = strndup(dir, n);
	_closedir_ DIR *d = path ? opendir(path) : NULL;
	struct dirent *entry;

	while (d && (entry = readdir(d)) && names->count < PROFILES_MAX) {
		_free_ char *name = strdup(entry->d_name);
		size_t len = name ? strlen(name) : 0;
		bool known = false;

		if (len < 5 || strcmp(name + len - 4, ".ini"))
			continue;
		name[len - 4] = '\0';
		for (size_t i = 0; i < names->count; i++)
			known = known || !strcmp(names->name[i], name);
		if (!known && text_is_name(name))
			names->name[names->count++] = TAKE_PTR(name);
	}
}

int config_profiles(const struct config *c, char ***ret)
{
	const char *dirs = c->profile_dir ? c->profile_dir : getenv("KF_PROFILE_PATH");
	struct names *names = calloc(1, sizeof(*names));
	_free_ char *own = NULL;
	_buf_ struct buf all = BUF_INIT;
	int rc = 0;

	if (!names)
		return -ENOMEM;
	while (dirs && *dirs) {
		size_t n = c->profile_dir ? strlen(dirs) : strcspn(dirs, ":");

		collect(names, dirs, n);
		dirs += n + (dirs[n] == ':');
	}
	if (!c->profile_dir && place_find("boards", "boards", &own) == 0)
		collect(names, own, strlen(own));
	qsort(names->name, names->count, sizeof(names->name[0]), compare);
	for (size_t i = 0; i < names->count && rc == 0; i++)
		rc = buf_printf(&all, "%s\n", names->name[i]);
	for (size_t i = 0; i < names->count; i++)
		free(names->name[i]);
	free(names);
	if (rc < 0)
		return rc;
	return buf_str(&all) ? config_words(buf_str(&all), ret) : -ENOMEM;
}
