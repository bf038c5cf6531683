/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where pattern files are, and whether they do what they say. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "controller/log/logline.h"
#include "controller/log/patterns_internal.h"
#include "controller/place.h"
#include "controller/strf.h"
#include "proto/base/fs.h"
#include "proto/reason.h"

#define SUFFIX	  ".patterns"
#define FILES_MAX 256

static int read_file(struct patterns *ps, const char *path, struct kf_error *err)
{
	_buf_ struct buf b = BUF_INIT;
	int r = fs_read_file(AT_FDCWD, path, PATTERN_FILE_MAX, &b);

	if (r == -EFBIG)
		return kf_err(err, r, KF_REASON_CONFIG,
			      "%s is larger than %u KiB: no pattern file", path,
			      PATTERN_FILE_MAX >> 10);
	if (r < 0)
		return kf_err(err, r, KF_REASON_CONFIG, "read the patterns of %s: %m",
			      path);
	return patterns_parse(ps, path, (const char *)buf_data(&b), buf_len(&b), err);
}

static int is_pattern_file(const struct dirent *de)
{
	size_t n = strlen(de->d_name), suffix = strlen(SUFFIX);

	return de->d_name[0] != '.' && n > suffix &&
	       strcmp(de->d_name + n - suffix, SUFFIX) == 0;
}

static int read_dir(struct patterns *ps, const char *path, struct kf_error *err)
{
	struct dirent **list = NULL;
	int n = scandir(path, &list, is_pattern_file, alphasort), r = 0;

	if (n < 0)
		return kf_err(err, -errno, KF_REASON_CONFIG,
			      "read the patterns of %s: %m", path);
	if (n > FILES_MAX)
		r = kf_err(err, -E2BIG, KF_REASON_CONFIG,
			   "%s has more than %d pattern files", path, FILES_MAX);
	for (int i = 0; i < n; i++) {
		_free_ char *file = r == 0 ? strf("%s/%s", path, list[i]->d_name) : NULL;

		if (r == 0)
			r = file ? read_file(ps, file, err)
				 : kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
		free(list[i]);
	}
	free(list);
	return r;
}

int patterns_read(struct patterns *ps, const char *path, struct kf_error *err)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return kf_err(err, -errno, KF_REASON_CONFIG,
			      "read the patterns of %s: %m", path);
	return S_ISDIR(st.st_mode) ? read_dir(ps, path, err) : read_file(ps, path, err);
}

/* --- examples ------------------------------------------------------------------- */

static bool example_fits(const struct patterns *ps, const struct pattern *p,
			 pcre2_match_data *data, const char *example)
{
	struct pattern_match m;
	struct logline l;

	logline_parse(example, strlen(example), &l);
	return pattern_fits(ps, p, data, l.text, l.n, &m);
}

static int check_one(const struct patterns *ps, const struct pattern *p,
		     pcre2_match_data *data, struct kf_error *err)
{
	for (size_t i = 0; i < p->yes.n; i++) {
		if (!example_fits(ps, p, data, p->yes.v[i]))
			return kf_err(err, -EINVAL, KF_REASON_CONFIG,
				      "%s: [%s] does not fit its own example \"%s\"",
				      p->place, p->name, p->yes.v[i]);
	}
	for (size_t i = 0; i < p->no.n; i++) {
		if (example_fits(ps, p, data, p->no.v[i]))
			return kf_err(err, -EINVAL, KF_REASON_CONFIG,
				      "%s: [%s] fits \"%s\", which it says it does not",
				      p->place, p->name, p->no.v[i]);
	}
	return 0;
}

int patterns_check(const struct patterns *ps, size_t from, struct kf_error *err)
{
	pcre2_match_data *data = patterns_match_data();
	int r = data ? 0 : kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");

	for (size_t i = from; i < ps->n && r == 0; i++)
		r = check_one(ps, &ps->list[i], data, err);
	pcre2_match_data_free(data);
	return r;
}

/* --- those of a board ----------------------------------------------------------- */

static int ignore_text(struct patterns *ps, const char *line, struct kf_error *err)
{
	_free_ char **words = NULL;
	struct pattern *p;

	if (config_words(line, &words) < 0)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
	if (!words[0])
		return 0;
	if (words[1] || strlen(words[0]) < PATTERN_TEXT_MIN)
		return kf_err(
			err, -EINVAL, KF_REASON_CONFIG,
			"log.ignore: \"%s\": each line is one text in quotes, of at "
			"least %u bytes",
			line, PATTERN_TEXT_MIN);
	if (ps->n >= PATTERNS_MAX)
		return kf_err(err, -E2BIG, KF_REASON_CONFIG,
			      "log.ignore: more than %u patterns", PATTERNS_MAX);
	p = &ps->list[ps->n++];
	*p = (struct pattern){.kind = PATTERN_IGNORE, .anywhere = true};
	p->name = strdup("log.ignore");
	p->place = strdup("log.ignore");
	if (!p->name || !p->place ||
	    strings_add(&p->text, words[0], strlen(words[0])) < 0)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
	return 0;
}

static int add_ignores(struct patterns *ps, const char *value, struct kf_error *err)
{
	_free_ char *copy = strdup(value);
	char *rest = copy;
	int r = copy ? 0 : kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");

	for (char *line; r == 0 && (line = strsep(&rest, "\n"));)
		r = ignore_text(ps, line, err);
	return r;
}

/* patterns.d beside the user's config.ini, if it is there. */
static int read_users(struct patterns *ps, const struct config *cfg, struct kf_error *err)
{
	const char *file = config_file(cfg, CONFIG_USER);
	const char *slash = file ? strrchr(file, '/') : NULL;
	_free_ char *dir = NULL;

	if (!slash)
		return 0;
	dir = strf("%.*s/patterns.d", (int)(slash - file), file);
	if (!dir)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
	return fs_exists(AT_FDCWD, dir) ? patterns_read(ps, dir, err) : 0;
}

static int read_own(struct patterns *ps, struct kf_error *err)
{
	_free_ char *dir = NULL;

	if (place_find("controller/log/patterns", "patterns", &dir) < 0)
		return kf_err(err, -ENOENT, KF_REASON_NOT_FOUND,
			      "kferry's own log patterns are not there: install kferry "
			      "again");
	return patterns_read(ps, dir, err);
}

int patterns_load(const struct config *cfg, const char *board, struct patterns **ret,
		  struct kf_error *err)
{
	_cleanup_(patterns_freep) struct patterns *ps = NULL;
	const char *ignores = config_get(cfg, board, "log.ignore");
	const char *path = config_get(cfg, board, "log.patterns");
	int r = patterns_new(&ps) < 0
			? kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory")
			: 0;

	if (r == 0 && ignores)
		r = add_ignores(ps, ignores, err);
	if (r == 0 && path && *path)
		r = patterns_read(ps, path, err);
	if (r == 0)
		r = read_users(ps, cfg, err);
	/* Before kferry's own are there: their prefixes are not for others to rely on. */
	if (r == 0)
		r = patterns_check(ps, 0, err);
	if (r == 0)
		r = read_own(ps, err);
	if (r == 0)
		r = patterns_build(ps, err);
	if (r == 0)
		*ret = TAKE_PTR(ps);
	return r;
}
