// SPDX-License-Identifier: GPL-2.0-or-later
/* kferry checkpatch: the style of patches and sources, by the tree's own script. */
#include <getopt.h>
#include <string.h>

#include "controller/cmd/cmd.h"
#include "controller/patch/names.h"
#include "controller/patch/style.h"
#include "proto/reason.h"

#define BATCH_FILES 64
#define BATCH_BYTES (32 * 1024)

struct checkpatch {
	struct cmd_env *env;
	struct script script;
	bool strict;
	bool several; /* each is told by its name */
	struct style sum;
	int status;
};

static void show(struct checkpatch *c, const char *name, const char *text, bool clean)
{
	ui_progress_end(c->env->ui, NULL);
	if (c->several)
		ui_out_paint(c->env->ui, UI_BOLD, "%s:\n", name);
	ui_out(c->env->ui, "%s", text);
	ui_json(c->env->ui, json_pack("{s:s, s:o, s:b, s:o}", "event", "checkpatch",
				      "target", script_json(name), "clean", (int)clean,
				      "text", script_json(text)));
}

static void worse(struct checkpatch *c, int status)
{
	if (status == STATUS_ERROR || c->status == STATUS_PASS)
		c->status = status;
}

static int check(struct checkpatch *c, const char *name, const char *const files[],
		 const struct buf *patch, struct kf_error *err)
{
	_buf_ struct buf out = {.max = SCRIPT_TEXT_MAX};
	bool clean = false;
	int rc = style_check(&c->script, c->env->ui, c->strict, files, patch, &out,
			     &c->sum, &clean, err);

	if (rc < 0)
		return rc;
	show(c, name, buf_str(&out), clean);
	if (!clean)
		worse(c, STATUS_FAIL);
	return 0;
}

static int check_text(struct checkpatch *c, const char *name, const struct buf *patch,
		      struct kf_error *err)
{
	int rc = script_check_names(&c->script, patch, err);

	return rc < 0 ? rc : check(c, name, NULL, patch, err);
}

static int bad_name(const struct checkpatch *c, const char *name, struct kf_error *err)
{
	return kf_err(err, -EINVAL, KF_REASON_INVALID,
		      "%s would split the name \"%s\", or hand it to a shell",
		      c->script.name, name);
}

static int check_file(struct checkpatch *c, const struct target *t, struct kf_error *err)
{
	const char *const files[] = {t->path, NULL};

	if (!names_is_plain(t->path, strlen(t->path)))
		return bad_name(c, t->path, err);
	return check(c, t->word, files, NULL, err);
}

/* All tracked files below, in batches; one that cannot be checked does not keep the
 * others from it. */
static int check_dir(struct checkpatch *c, const struct target *t, struct kf_error *err)
{
	_buf_ struct buf list = {.max = SCRIPT_TEXT_MAX};
	int rc = script_tracked(&c->script, t->path, &list, err);
	const char *data = (const char *)buf_data(&list);
	struct kf_error first = {0};

	if (rc < 0)
		return rc;
	if (!buf_len(&list))
		return kf_err(err, -ENOENT, KF_REASON_USAGE,
			      "%s: git tracks no file there", t->word);
	for (size_t at = 0; at < buf_len(&list);) {
		const char *files[BATCH_FILES + 1];
		size_t n = 0, begin = at;

		ui_progress(c->env->ui, "checkpatch", NULL, at, buf_len(&list),
			    data + at);
		while (at < buf_len(&list) && n < BATCH_FILES &&
		       at - begin < BATCH_BYTES) {
			if (names_is_plain(data + at, strlen(data + at)))
				files[n++] = data + at;
			else
				bad_name(c, data + at, &first);
			at += strlen(data + at) + 1;
		}
		files[n] = NULL;
		if (n)
			rc = check(c, t->word, files, NULL, err);
		if (rc < 0)
			return rc;
	}
	if (first.code)
		*err = first;
	return first.code;
}

static int check_commits(struct checkpatch *c, const struct target *t,
			 struct kf_error *err)
{
	_buf_ struct buf commits = {.max = SCRIPT_TEXT_MAX};
	int rc = script_commits(&c->script, t, &commits, err);
	char *list = rc == 0 && buf_str(&commits) ? (char *)buf_str(&commits) : NULL;

	if (rc == 0 && !buf_len(&commits))
		ui_note(c->env->ui, "%s: no commits but merges", t->word);
	c->several = c->several || t->kind == TARGET_RANGE;
	for (char *line; rc == 0 && (line = strsep(&list, "\n"));) {
		_buf_ struct buf patch = {.max = SCRIPT_TEXT_MAX};
		size_t n = strcspn(line, " ");
		char name[160];

		if (n < 12)
			continue;
		snprintf(name, sizeof(name), "%.12s%s", line, line + n);
		line[n] = '\0';
		rc = script_commit(&c->script, line, &patch, err);
		if (rc == 0)
			rc = check_text(c, name, &patch, err);
		if (rc < 0)
			kf_err_wrap(err, "%s", name);
	}
	return rc;
}

static int check_target(struct checkpatch *c, const struct target *t,
			struct kf_error *err)
{
	_buf_ struct buf patch = {.max = SCRIPT_TEXT_MAX};
	int rc;

	switch (t->kind) {
	case TARGET_FILE:
		return check_file(c, t, err);
	case TARGET_DIR:
		return check_dir(c, t, err);
	case TARGET_COMMIT:
	case TARGET_RANGE:
		return check_commits(c, t, err);
	case TARGET_PATCH:
		rc = script_read(t, &patch, err);
		break;
	default:
		rc = script_change(&c->script, &patch, err);
		if (rc == 0 && !buf_len(&patch)) {
			ui_note(c->env->ui, "nothing differs from HEAD");
			return 0;
		}
	}
	return rc < 0 ? rc : check_text(c, t->word ? t->word : "HEAD", &patch, err);
}

static void serve(struct checkpatch *c, const char *word)
{
	_target_ struct target t = {0};
	struct kf_error err = {0};
	int rc = target_find(c->script.src, word, &t, &err);

	if (rc == 0)
		rc = check_target(c, &t, &err);
	ui_progress_end(c->env->ui, NULL);
	if (rc == 0)
		return;
	if (word && err.reason != KF_REASON_USAGE)
		kf_err_wrap(&err, "%s", word);
	ui_error(c->env->ui, NULL, &err);
	worse(c, STATUS_ERROR);
}

static void tell_total(const struct checkpatch *c)
{
	char checks[40] = "";

	if (c->strict)
		snprintf(checks, sizeof(checks), ", %lu checks", c->sum.checks);
	if (c->several)
		ui_out(c->env->ui, "all: %lu errors, %lu warnings%s in %lu lines\n",
		       c->sum.errors, c->sum.warnings, checks, c->sum.lines);
	ui_json(c->env->ui,
		json_pack("{s:s, s:I, s:I, s:I, s:I}", "event", "checkpatch-total",
			  "errors", (json_int_t)c->sum.errors, "warnings",
			  (json_int_t)c->sum.warnings, "checks",
			  (json_int_t)c->sum.checks, "lines", (json_int_t)c->sum.lines));
}

int cmd_checkpatch(struct cmd_env *env, int argc, char *argv[])
{
	static const struct option options[] = {
		{"strict", no_argument, NULL, 's'},
		{0},
	};
	struct checkpatch c = {.env = env};
	struct kf_error err = {0};
	int opt;

	while ((opt = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		if (opt != 's')
			return cmd_bad_option(env, "checkpatch", argv);
		c.strict = true;
	}
	if (script_find(env->cfg, "scripts/checkpatch.pl", &c.script, &err) < 0)
		return cmd_fail(env, NULL, &err);
	argv += optind;
	c.several = *argv && argv[1];
	do {
		serve(&c, *argv);
	} while (*argv && *++argv && !atomic_load(cancel_flag()));
	tell_total(&c);
	script_fini(&c.script);
	return c.status;
}
