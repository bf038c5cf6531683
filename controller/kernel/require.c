/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The lines of kernel.require, held against a .config. */
#include "controller/kernel/require.h"

#include <fcntl.h>
#include <string.h>

#include "controller/strf.h"
#include "proto/base/fs.h"
#include "proto/reason.h"

#define MAX_CONFIG  (4 * 1024 * 1024)
#define IN_PACKAGE  "boot/config"
#define PREFIX	    "CONFIG_"
#define SYMBOL_CHAR "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_"

/* The value of a symbol, "n" where it is not set. */
static void value_of(const char *config, const char *symbol, char ret[64])
{
	_free_ char *want = strf("%s=", symbol);
	size_t n = want ? strlen(want) : 0;

	snprintf(ret, 64, "n");
	for (const char *p = config; want && *p; p += strcspn(p, "\n"), p += *p == '\n')
		if (strncmp(p, want, n) == 0)
			snprintf(ret, 64, "%.*s", (int)strcspn(p + n, "\n"), p + n);
}

static bool fits(const char *want, const char *is)
{
	if (!want || strcmp(want, "m") == 0)
		return strcmp(is, "n") != 0;
	return strcmp(want, is) == 0;
}

static bool is_symbol(const char *s)
{
	return strncmp(s, PREFIX, strlen(PREFIX)) == 0 && s[strlen(PREFIX)] &&
	       s[strspn(s, SYMBOL_CHAR)] == '\0';
}

int require_line(const char *word, const char *config, char why[200])
{
	_free_ char *copy = strdup(word);
	char *rest = copy, first[200] = "";

	if (!copy)
		return -ENOMEM;
	for (char *one; (one = strsep(&rest, "|"));) {
		char *want = strchr(one, '='), is[64];

		if (want)
			*want++ = '\0';
		if (!is_symbol(one) || (want && !*want))
			return -EINVAL;
		value_of(config, one, is);
		if (fits(want, is))
			return 0;
		if (*first)
			continue;
		if (strcmp(is, "n") == 0)
			snprintf(first, sizeof(first), "%.100s is not set", one);
		else
			snprintf(first, sizeof(first), "%.100s is =%s", one, is);
	}
	snprintf(why, 200, "%s", first);
	return -ENOENT;
}

/* "-e X", "-d X", "--set-val X V": as scripts/config of every tree has it. */
static char *how_to_set(const char *word)
{
	size_t n = strcspn(word, "|");
	_free_ char *one = strndup(word + strlen(PREFIX), n - strlen(PREFIX));
	char *want = one ? strchr(one, '=') : NULL;

	if (!one)
		return NULL;
	if (!want)
		return strf("-e %s", one);
	*want++ = '\0';
	if (strcmp(want, "y") == 0)
		return strf("-e %s", one);
	if (strcmp(want, "n") == 0)
		return strf("-d %s", one);
	if (strcmp(want, "m") == 0)
		return strf("-m %s", one);
	return strf("--set-val %s %s", one, want);
}

struct check {
	const struct config *cfg;
	struct ui *ui;
	const char *board;
	const char *config; /* its text */
	const char *path;   /* the tree's .config; NULL: a package */
	bool strict;
};

/* `words` without the first: what it is for. */
static char *purpose(char **words)
{
	char *all = strdup("");

	for (char **w = words + 1; all && *w; w++) {
		char *more = strf("%s%s%s", all, *all ? " " : "", *w);

		free(all);
		all = more;
	}
	return all;
}

static int tell(const struct check *c, const char *word, const char *why,
		const char *what_for, struct kf_error *err)
{
	_free_ char *set = how_to_set(word), *text = NULL;

	if (set && c->path)
		text = strf("%s (%s is wanted)%s%s; `scripts/config --file %s %s`, then "
			    "`make olddefconfig`",
			    why, word, *what_for ? ": " : "", what_for, c->path, set);
	else
		text = strf("%s (%s is wanted)%s%s; the kernel has to be built so", why,
			    word, *what_for ? ": " : "", what_for);
	if (!text)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
	if (c->strict)
		return kf_err(err, -EINVAL, KF_REASON_CONFIG, "%s", text);
	ui_warn(c->ui, "%s", text);
	return 0;
}

static int check_line(const struct check *c, const char *line, struct kf_error *err)
{
	_free_ char **words = NULL;
	_free_ char *what_for = NULL;
	char why[200];
	int r = config_words(line, &words);

	if (r == 0 && !words[0])
		return 0;
	if (r == 0)
		what_for = purpose(words);
	if (r == 0 && !what_for)
		r = -ENOMEM;
	if (r == 0)
		r = require_line(words[0], c->config, why);
	if (r == -ENOENT)
		return tell(c, words[0], why, what_for, err);
	if (r == -ENOMEM)
		return kf_err(err, r, KF_REASON_NO_MEMORY, "no memory");
	if (r < 0)
		return kf_err(err, r, KF_REASON_CONFIG,
			      "kernel.require: \"%s\" does not begin with "
			      "CONFIG_NAME=VALUE",
			      line);
	return 0;
}

static int check_lines(const struct check *c, const char *lines, struct kf_error *err)
{
	while (*lines) {
		size_t n = strcspn(lines, "\n");
		_free_ char *line = strndup(lines, n);
		int r;

		if (!line)
			return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
		r = check_line(c, line, err);
		if (r < 0)
			return r;
		lines += n + (lines[n] == '\n');
	}
	return 0;
}

/* path NULL: the package brings no configuration. */
static int check(const struct config *cfg, struct ui *ui, const char *board,
		 const char *path, bool is_tree, struct kf_error *err)
{
	const char *lines = config_get(cfg, board, "kernel.require");
	struct check c = {.cfg = cfg,
			  .ui = ui,
			  .board = board,
			  .path = is_tree ? path : NULL,
			  .strict = config_bool(cfg, board, "kernel.require_strict")};
	_buf_ struct buf text = BUF_INIT;
	int r;

	if (!lines)
		return 0;
	if (!path && c.strict)
		return kf_err(err, -ENOENT, KF_REASON_CONFIG,
			      "the package has no " IN_PACKAGE ": what kernel.require "
			      "wants of it cannot be checked");
	if (!path) {
		ui_note(ui, "the package has no " IN_PACKAGE
			    ": nobody can tell whether it has what kernel.require wants");
		return 0;
	}
	r = fs_read_file(AT_FDCWD, path, MAX_CONFIG, &text);
	if (r == 0 && !buf_str(&text))
		r = -ENOMEM;
	if (r < 0)
		return kf_err(err, r, KF_REASON_IO, "read %s: %m", path);
	c.config = buf_str(&text);
	return check_lines(&c, lines, err);
}

int require_check_tree(const struct config *cfg, struct ui *ui, const char *board,
		       const struct tree *t, struct kf_error *err)
{
	_free_ char *path = tree_path(t, ".config");

	if (!path)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
	return check(cfg, ui, board, path, true, err);
}

int require_check_kernel(const struct config *cfg, struct ui *ui, const char *board,
			 const struct kernel *k, struct kf_error *err)
{
	ssize_t at = manifest_find(&k->manifest, IN_PACKAGE);
	const char *config = NULL;
	int r = at < 0 ? 0 : kernel_source(k, (size_t)at, &config, err);

	return r < 0 ? r : check(cfg, ui, board, config, false, err);
}
