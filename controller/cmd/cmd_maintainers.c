// SPDX-License-Identifier: GPL-2.0-or-later
/* kferry maintainers: whom to tell of a change, by the tree's own script. */
#include <getopt.h>
#include <string.h>

#include "controller/cmd/cmd.h"
#include "controller/patch/ask.h"
#include "controller/patch/names.h"
#include "proto/reason.h"

struct maintainers {
	struct cmd_env *env;
	struct script script;
	struct people people;
};

static int ask(struct maintainers *m, const char *const files[], const struct buf *patch,
	       struct kf_error *err)
{
	return ask_people(&m->script, m->env->ui, files, patch, &m->people, err);
}

static int ask_patch(struct maintainers *m, const struct buf *patch, struct kf_error *err)
{
	int rc = script_check_names(&m->script, patch, err);

	return rc < 0 ? rc : ask(m, NULL, patch, err);
}

static int ask_file(struct maintainers *m, const struct target *t, struct kf_error *err)
{
	const char *const files[] = {t->path, NULL};

	if (!names_is_plain(t->path, strlen(t->path)))
		return kf_err(err, -EINVAL, KF_REASON_INVALID,
			      "%s would split this name, or hand it to a shell; name its "
			      "directory",
			      m->script.name);
	return ask(m, files, NULL, err);
}

/* Of all commits at once: it reads any number of patches. */
static int ask_commits(struct maintainers *m, const struct target *t,
		       struct kf_error *err)
{
	_buf_ struct buf commits = {.max = SCRIPT_TEXT_MAX};
	_buf_ struct buf patch = {.max = SCRIPT_TEXT_MAX};
	int rc = script_commits(&m->script, t, &commits, err);
	char *list = rc == 0 && buf_str(&commits) ? (char *)buf_str(&commits) : NULL;

	for (char *line; rc == 0 && (line = strsep(&list, "\n"));) {
		line[strcspn(line, " ")] = '\0';
		if (*line)
			rc = script_commit(&m->script, line, &patch, err);
	}
	if (rc == 0 && !buf_len(&patch))
		ui_note(m->env->ui, "%s: no commits but merges", t->word);
	else if (rc == 0)
		rc = ask_patch(m, &patch, err);
	return rc;
}

static int ask_target(struct maintainers *m, const struct target *t, struct kf_error *err)
{
	_buf_ struct buf patch = {.max = SCRIPT_TEXT_MAX};
	int rc;

	if (t->kind == TARGET_FILE || t->kind == TARGET_DIR)
		return ask_file(m, t, err);
	if (t->kind == TARGET_COMMIT || t->kind == TARGET_RANGE)
		return ask_commits(m, t, err);
	if (t->kind == TARGET_PATCH)
		rc = script_read(t, &patch, err);
	else
		rc = script_change(&m->script, &patch, err);
	if (rc < 0)
		return rc;
	if (t->kind == TARGET_CHANGE && !buf_len(&patch)) {
		ui_note(m->env->ui, "nothing differs from HEAD");
		return 0;
	}
	return ask_patch(m, &patch, err);
}

static void show(struct cmd_env *env, const struct person *p)
{
	json_t *roles = json_array();

	ui_out(env->ui, "%s", p->address);
	for (size_t i = 0; i < p->n_roles; i++) {
		json_array_append_new(roles, script_json(p->roles[i]));
		ui_out(env->ui, "%s%s", i ? ", " : " (", p->roles[i]);
	}
	ui_out(env->ui, "%s\n", p->n_roles ? ")" : "");
	ui_json(env->ui,
		json_pack("{s:s, s:o, s:o, s:b, s:o}", "event", "maintainer", "address",
			  script_json(p->address), "email", script_json(p->email), "list",
			  (int)p->list, "roles", roles));
}

/* One target; what is wrong with it is said with its name. */
static int serve(struct maintainers *m, const char *word)
{
	_target_ struct target t = {0};
	struct kf_error err = {0};
	int rc = target_find(m->script.src, word, &t, &err);

	if (rc == 0)
		rc = ask_target(m, &t, &err);
	if (rc == 0)
		return STATUS_PASS;
	if (word && err.reason != KF_REASON_USAGE)
		kf_err_wrap(&err, "%s", word);
	return cmd_fail(m->env, NULL, &err);
}

int cmd_maintainers(struct cmd_env *env, int argc, char *argv[])
{
	static const struct option options[] = {{0}};
	struct maintainers m = {.env = env};
	struct kf_error err = {0};
	int status = STATUS_PASS;

	if (getopt_long(argc, argv, ":", options, NULL) != -1)
		return cmd_bad_option(env, "maintainers", argv);
	if (script_find(env->cfg, "scripts/get_maintainer.pl", &m.script, &err) < 0)
		return cmd_fail(env, NULL, &err);
	argv += optind;
	do {
		int one = serve(&m, *argv);

		if (one)
			status = one;
	} while (*argv && *++argv && !atomic_load(cancel_flag()));
	people_sort(&m.people);
	for (size_t i = 0; i < m.people.n; i++)
		show(env, &m.people.p[i]);
	people_fini(&m.people);
	script_fini(&m.script);
	return status;
}
