// SPDX-License-Identifier: GPL-2.0-or-later
/* Directories of suite files, in the order in which they count. */
#include "controller/suite/suitefind.h"

#include <fcntl.h>
#include <string.h>

#include "controller/place.h"
#include "controller/strf.h"
#include "proto/base/fs.h"
#include "proto/reason.h"
#include "proto/text.h"

#define DIRS  16
#define NAMES 256

struct dirs {
	char *dir[DIRS];
	size_t n;
};

static void dirs_fini(struct dirs *d)
{
	for (size_t i = 0; i < d->n; i++)
		free(d->dir[i]);
}

static void add(struct dirs *d, char *dir)
{
	if (dir && d->n < DIRS)
		d->dir[d->n++] = dir;
	else
		free(dir);
}

/* Beside the user's configuration. */
static char *of_user(const struct config *cfg)
{
	const char *file = config_file(cfg, CONFIG_USER);
	const char *slash = file ? strrchr(file, '/') : NULL;

	return slash ? strf("%.*s/suites", (int)(slash - file), file) : NULL;
}

static void find_dirs(const struct config *cfg, struct dirs *ret)
{
	const char *path = getenv("KF_SUITE_PATH"), *tree = config_tree(cfg);
	char *own = NULL;

	if (place_find("suites", "suites", &own) == 0)
		add(ret, own);
	while (path && *path) {
		size_t n = strcspn(path, ":");

		if (n > 0)
			add(ret, strndup(path, n));
		path += n + (path[n] == ':');
	}
	add(ret, of_user(cfg));
	if (tree && *tree)
		add(ret, strf("%s/.kferry/suites", tree));
}

static int read_one(const char *path, struct suitefile *f, bool *ret_found,
		    struct kf_error *err)
{
	_buf_ struct buf text = BUF_INIT;
	int r = fs_read_file(AT_FDCWD, path, SUITEFILE_BYTES, &text);

	if (r == -ENOENT || r == -ENOTDIR)
		return 0;
	if (r < 0)
		return kf_err(err, r, KF_REASON_CONFIG, "read %s: %m", path);
	*ret_found = true;
	return suitefile_parse(f, buf_len(&text) ? (const char *)buf_data(&text) : "",
			       buf_len(&text), path, err);
}

int suitefind_load(const struct config *cfg, const char *name, struct suitefile *ret,
		   struct kf_error *err)
{
	_cleanup_(dirs_fini) struct dirs dirs = {.n = 0};
	_suitefile_ struct suitefile f = {{NULL}};
	bool found = false;
	int r = 0;

	find_dirs(cfg, &dirs);
	for (size_t i = 0; r == 0 && i < dirs.n && text_is_name(name); i++) {
		_free_ char *path = strf("%s/%s.ini", dirs.dir[i], name);

		r = path ? read_one(path, &f, &found, err)
			 : kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
	}
	if (r == 0 && !found)
		return kf_err(
			err, -ENOENT, KF_REASON_USAGE,
			"there is no suite \"%s\"; `kferry test --list` shows those "
			"there are, and cmd:PROGRAM runs any program",
			name);
	if (r == 0)
		r = suitefile_check(&f, name, err);
	if (r < 0)
		return r;
	*ret = f;
	f = (struct suitefile){{NULL}};
	return 0;
}

struct names {
	char *name[NAMES];
	size_t n;
};

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void collect(struct names *names, const char *dir)
{
	_closedir_ DIR *d = opendir(dir);
	struct dirent *de;

	while (d && (de = readdir(d)) && names->n < NAMES) {
		size_t len = strlen(de->d_name);
		char *name;
		bool known = false;

		if (len < 5 || strcmp(de->d_name + len - 4, ".ini") != 0)
			continue;
		name = strndup(de->d_name, len - 4);
		for (size_t i = 0; name && i < names->n; i++)
			known = known || strcmp(names->name[i], name) == 0;
		if (name && !known && text_is_name(name))
			names->name[names->n++] = name;
		else
			free(name);
	}
}

int suitefind_names(const struct config *cfg, char ***ret)
{
	_cleanup_(dirs_fini) struct dirs dirs = {.n = 0};
	struct names *names = calloc(1, sizeof(*names));
	_buf_ struct buf all = BUF_INIT;
	int r = names ? 0 : -ENOMEM;

	find_dirs(cfg, &dirs);
	for (size_t i = 0; names && i < dirs.n; i++)
		collect(names, dirs.dir[i]);
	if (names)
		qsort(names->name, names->n, sizeof(names->name[0]), compare);
	for (size_t i = 0; names && r == 0 && i < names->n; i++)
		r = buf_printf(&all, "%s ", names->name[i]);
	for (size_t i = 0; names && i < names->n; i++)
		free(names->name[i]);
	free(names);
	return r < 0 ? r : config_words(buf_len(&all) ? buf_str(&all) : "", ret);
}
