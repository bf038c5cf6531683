/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Building a tree's kernel: checked first, then made (makerun.h), then told.
 */
#include <string.h>

#include "controller/build/makerun.h"
#include "controller/history/note.h"
#include "controller/kernel/kernel.h"
#include "controller/kernel/require.h"
#include "controller/kernel/tree.h"
#include "proto/base/clock.h"
#include "proto/reason.h"

#define TOLD_MAX 1000 /* new warnings in an event */

static int add_warnings_word(const struct config *cfg, const char *board,
			     char word[static 16], struct kf_error *err)
{
	const char *level = config_get(cfg, board, "build.warnings");

	*word = '\0';
	if (!level || !*level)
		return 0;
	if (strlen(level) > 5 || strspn(level, "123ce") != strlen(level))
		return kf_err(
			err, -EINVAL, KF_REASON_USAGE,
			"build.warnings (--warnings) takes 1, 2, 3, c, e, or several "
			"of them, not \"%s\"",
			level);
	snprintf(word, 16, "W=%s", level);
	return 0;
}

/* Words for make: W=, the profile's targets, the caller's.  One block. */
static const char **make_words(const char *warnings, char *const targets[],
			       const char *const extra[])
{
	size_t n = 1, at = 0;
	const char **words;

	for (size_t i = 0; targets && targets[i]; i++)
		n++;
	for (size_t i = 0; extra && extra[i]; i++)
		n++;
	words = calloc(n + 1, sizeof(*words));
	if (!words)
		return NULL;
	if (*warnings)
		words[at++] = warnings;
	for (size_t i = 0; targets && targets[i]; i++)
		words[at++] = targets[i];
	for (size_t i = 0; extra && extra[i]; i++)
		words[at++] = extra[i];
	return words;
}

/* ", 3 warnings, 1 of them new, 2 fixed" */
static void count_warnings(const struct makerun_result *m, char text[static 96])
{
	size_t at = 0;

	*text = '\0';
	if (m->warnings > 0)
		at += (size_t)snprintf(text, 96, ", %u warning%s", m->warnings,
				       m->warnings == 1 ? "" : "s");
	if (m->compared && m->warnings > 0)
		at += (size_t)snprintf(text + at, 96 - at, ", %zu new", m->diff.n_fresh);
	if (m->compared && m->diff.fixed > 0)
		snprintf(text + at, 96 - at, ", %zu fixed", m->diff.fixed);
}

static json_t *fresh_warnings(const struct makerun_result *m)
{
	json_t *list = json_array();

	for (size_t i = 0; m->compared && i < m->diff.n_fresh && i < TOLD_MAX; i++)
		json_array_append_new(list, json_string(m->diff.fresh[i]));
	return list;
}

static int report(struct ui *ui, const struct tree *t, const struct makerun_result *m,
		  struct build_result *ret, struct kf_error *err)
{
	_free_ char *release = NULL;
	char counted[96];
	int r = tree_release(t, &release, err);

	if (r < 0)
		return r;
	snprintf(ret->release, sizeof(ret->release), "%s", release);
	ret->errors = m->errors;
	ret->warnings = m->warnings;
	count_warnings(m, counted);
	ui_step(ui, "build", NULL, ret->took_ms,
		json_pack("{s:s, s:i, s:o, s:I, s:s}", "release", release, "warnings",
			  (int)ret->warnings, "new_warnings", fresh_warnings(m),
			  "fixed_warnings", (json_int_t)(m->compared ? m->diff.fixed : 0),
			  "log", m->log_path),
		"%s%s", release, counted);
	ui_note(ui, "           log: %s", m->log_path);
	return 0;
}

/* For kferry report. */
static void note_build(const struct config *cfg, struct ui *ui, const struct tree *t,
		       const char *board, int r, const struct build_result *result,
		       const struct kf_error *err)
{
	const char *verdict = r == 0			       ? "PASS"
			      : r == -ECANCELED		       ? "NONE"
			      : err->reason == KF_REASON_BUILD ? "FAIL"
							       : "ERROR";
	const struct history_event e = {.kind = HISTORY_BUILD,
					.started = note_began(result->took_ms),
					.took_ms = result->took_ms,
					.boot_ms = -1,
					.verdict = verdict,
					.reason = r < 0 ? reason_name(err->reason) : NULL,
					.board = board,
					.tree = t->src,
					.release = result->release};

	note_event(cfg, ui, &e);
}

int kernel_build(const struct config *cfg, struct ui *ui, const char *board,
		 const char *const extra_targets[], struct build_result *ret,
		 struct kf_error *err)
{
	static const struct makerun_opts opts = {"build", "build.log", true};
	_free_ char **targets = config_argv(cfg, board, "build.targets");
	_free_ const char **words = NULL;
	struct makerun_result m = {0};
	struct build_result result = {0};
	struct tree *t = NULL;
	int64_t start = clock_now_ms();
	struct kf_error inner = {0};
	bool began = false;
	char warnings[16];
	int r;

	if (!err)
		err = &inner;
	r = add_warnings_word(cfg, board, warnings, err);
	if (r == 0)
		r = tree_open(cfg, board, &t, err);
	if (r == 0)
		r = tree_check_config(t, err);
	if (r == 0)
		r = require_check_tree(cfg, ui, board, t, err);
	words = r == 0 ? make_words(warnings, targets, extra_targets) : NULL;
	if (r == 0 && !words)
		r = kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
	began = r == 0;
	if (r == 0)
		r = makerun(cfg, ui, board, t, words, &opts, &m, err);
	result.took_ms = clock_now_ms() - start;
	if (r == 0)
		r = report(ui, t, &m, &result, err);
	if (began)
		note_build(cfg, ui, t, board, r, &result, err);
	if (r == 0)
		*ret = result;
	makerun_result_fini(&m);
	tree_free(t);
	return r;
}
