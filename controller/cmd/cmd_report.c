// SPDX-License-Identifier: GPL-2.0-or-later
/* kferry report: builds, deploys, boots and verdicts, by the history. */
#include <fcntl.h>
#include <getopt.h>
#include <string.h>
#include <time.h>

#include "controller/cmd/cmd.h"
#include "controller/history/chart.h"
#include "controller/history/page.h"
#include "proto/base/fs.h"
#include "proto/reason.h"
#include "proto/text.h"

enum { OPT_DAY = 256, OPT_WEEK, OPT_MONTH, OPT_SINCE, OPT_HTML };

#define BOARDS_MAX 256

struct report_args {
	char *names[BOARDS_MAX + 1]; /* of boards, gone ones too; NULL-terminated */
	size_t n;
	const char *html;
	const char *when; /* the option that said, for messages */
	struct span span;
	struct tally tally;
};

static void args_free(struct report_args **a)
{
	if (!*a)
		return;
	for (size_t i = 0; i < (*a)->n; i++)
		free((*a)->names[i]);
	tally_fini(&(*a)->tally);
	free(*a);
}

/* "a,b": a board need not be there any more. */
static int add_boards(struct cmd_env *env, const char *list, struct report_args *a)
{
	_free_ char *copy = strdup(list);
	char *rest = copy;

	if (!copy)
		return STATUS_ERROR;
	for (char *one; (one = strsep(&rest, ","));) {
		if (!text_is_name(one))
			return cmd_usage(env, "report", "\"%s\" is no name of a board",
					 one);
		if (a->n == BOARDS_MAX)
			return cmd_usage(env, "report", "at most %d boards", BOARDS_MAX);
		a->names[a->n] = strdup(one);
		if (!a->names[a->n])
			return STATUS_ERROR;
		a->n++;
	}
	return 0;
}

static int take_time(struct cmd_env *env, int c, struct report_args *a)
{
	static const struct {
		int opt, days;
		const char *name;
	} spans[] = {{OPT_DAY, 1, "--day"},
		     {OPT_WEEK, 7, "--week"},
		     {OPT_MONTH, 30, "--month"}};
	int64_t now = (int64_t)time(NULL);
	struct kf_error err = {0};

	if (a->when)
		return cmd_usage(env, "report", "%s says already of which time", a->when);
	for (size_t i = 0; i < ARRAY_SIZE(spans); i++) {
		if (c != spans[i].opt)
			continue;
		a->when = spans[i].name;
		span_days(spans[i].days, now, &a->span);
		return 0;
	}
	a->when = "--since";
	if (span_since(optarg, now, &a->span, &err) < 0)
		return cmd_usage(env, "report", "--since: %s", err.msg);
	return 0;
}

static int parse(struct cmd_env *env, int argc, char *argv[], struct report_args *a)
{
	static const struct option options[] = {
		{"board", required_argument, NULL, 'b'},
		{"day", no_argument, NULL, OPT_DAY},
		{"week", no_argument, NULL, OPT_WEEK},
		{"month", no_argument, NULL, OPT_MONTH},
		{"since", required_argument, NULL, OPT_SINCE},
		{"html", required_argument, NULL, OPT_HTML},
		{0},
	};
	int c, rc = env->board ? add_boards(env, env->board, a) : 0;

	while (!rc && (c = getopt_long(argc, argv, ":b:", options, NULL)) != -1) {
		if (c == 'b')
			rc = add_boards(env, optarg, a);
		else if (c == OPT_HTML)
			a->html = optarg;
		else if (c == '?' || c == ':')
			rc = cmd_bad_option(env, "report", argv);
		else
			rc = take_time(env, c, a);
	}
	for (int i = optind; !rc && i < argc; i++)
		rc = add_boards(env, argv[i], a);
	if (!rc && !a->when)
		span_days(7, (int64_t)time(NULL), &a->span);
	return rc;
}

static int write_page(struct cmd_env *env, const struct report_args *a)
{
	_buf_ struct buf page = BUF_INIT;
	struct kf_error err = {0};
	int rc = page_write(&a->tally, &page);

	if (rc == 0)
		rc = fs_replace(AT_FDCWD, a->html, buf_data(&page), buf_len(&page), 0644);
	if (rc < 0) {
		kf_err(&err, rc, KF_REASON_IO, "write %s: %m", a->html);
		return cmd_fail(env, NULL, &err);
	}
	ui_note(env->ui, "written: %s", a->html);
	return STATUS_PASS;
}

int cmd_report(struct cmd_env *env, int argc, char *argv[])
{
	_cleanup_(args_free) struct report_args *a = calloc(1, sizeof(*a));
	_free_ char *path = history_path(env->cfg);
	struct kf_error err = {0};
	int rc;

	if (!a || !path)
		return STATUS_ERROR;
	rc = parse(env, argc, argv, a);
	if (rc)
		return rc;
	if (tally_read(path, &a->span, a->n ? (const char *const *)a->names : NULL,
		       &a->tally, &err) < 0)
		return cmd_fail(env, NULL, &err);
	chart_show(env->ui, &a->tally, ui_out_columns(env->ui));
	ui_json(env->ui, tally_json(&a->tally));
	return a->html ? write_page(env, a) : STATUS_PASS;
}
