// SPDX-License-Identifier: GPL-2.0-or-later
/* kferry test: run test suites on boards, on the kernel that runs there. */
#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>

#include "controller/cmd/cmd.h"
#include "controller/cmd/deploy_args.h"
#include "controller/cmd/file_args.h"
#include "controller/deploy/run.h"
#include "controller/fleet/each.h"
#include "controller/fleet/sift.h"
#include "controller/history/note.h"
#include "controller/log/patterns.h"
#include "controller/report/report_files.h"
#include "controller/suite/suitefind.h"
#include "controller/suite/testcall.h"
#include "proto/reason.h"

enum {
	OPT_RETRIES = 256,
	OPT_EXPECT,
	OPT_TIMEOUT,
	OPT_FAIL_ON,
	OPT_PREBUILT,
	OPT_NO_BUILD,
	OPT_LIST
};

const char cmd_test_details[] =
	"A suite is one of --list, or cmd:'PROGRAM ARGUMENTS'. What the "
	"kernel logs meanwhile is\nlooked at too; a board that dies has "
	"failed the test that ran. Exit status: 0 pass, 1 a test\nor the "
	"kernel failed, 2 it could not be told. Words behind -- are "
	"added "
	"to each command.\n"
	"\n"
	"  --list           show the suites there are\n"
	"  -b, --board LIST  boards: names, joined by commas; or all\n"
	"  -l, --label KEY=VALUE  boards with that word in "
	"board.labels\n"
	"  --retries N      run what failed again, up to N times; what "
	"passes then is flaky\n"
	"  --expect FILE    failures that are expected: a pattern of "
	"names and a reason a line\n"
	"  --timeout TIME   of each suite, such as 90s or 2h\n"
	"  --fail-on LEVEL  warn, error (default) or fatal: what in the "
	"kernel's log fails\n"
	"  --prebuilt DIR   push this directory, and build nothing\n"
	"  --no-build       push what was built before\n"
	"  --junit FILE     the results as JUnit XML\n"
	"  --ktap FILE      as KTAP\n"
	"  --kcidb FILE     as JSON of KCIDB\n"
	"  --summary FILE   a summary in Markdown, appended\n"
	"  --artifacts DIR  a copy of each run's directory, as "
	"DIR/BOARD\n"
	"  --annotations    what is wrong as GitHub's workflow "
	"commands\n";

/* What became of a board, for the reports. */
struct tested {
	const char *board;
	char *dir;
	json_t *result;
	struct suite_run *suites;
	size_t n_suites;
};

struct args {
	struct testplan plan;
	struct report_files files;
	struct pick boards;
	const char **suites; /* as they were asked for */
	size_t n_suites;
	const char *expect;
	bool no_build, list;
	pthread_mutex_t lock; /* of tested */
	struct tested *tested;
	size_t n_tested;
};

static void args_fini(struct args *a)
{
	for (size_t i = 0; i < a->n_tested; i++) {
		struct tested *t = &a->tested[i];

		for (size_t k = 0; k < t->n_suites; k++)
			suite_fini(&t->suites[k]);
		free(t->suites);
		free(t->dir);
		json_decref(t->result);
	}
	free(a->tested);
	free(a->suites);
	pick_fini(&a->boards);
	testplan_fini(&a->plan);
	pthread_mutex_destroy(&a->lock);
}

/* --- a board ------------------------------------------------------------------------ */

static void keep(struct args *a, const char *board, struct run *run)
{
	struct tested t = {.board = board,
			   .dir = strdup(run_dir(run)),
			   .result = json_incref(run_result(run))};

	t.suites = run_take_suites(run, &t.n_suites);
	pthread_mutex_lock(&a->lock);
	a->tested[a->n_tested++] = t;
	pthread_mutex_unlock(&a->lock);
}

static int test_one(struct cmd_env *env, const char *board, void *arg)
{
	struct args *a = arg;
	struct patterns *patterns = NULL;
	struct kf_error err = {0};
	struct run *run = NULL;
	int status;

	if (sift_refuse(env, board, &err) < 0)
		return cmd_fail(env, board, &err);
	if (patterns_load(env->cfg, board, &patterns, &err) < 0)
		return cmd_fail(env, board, &err);
	if (run_new(env->cfg, board, &run, &err) < 0) {
		patterns_free(patterns);
		return cmd_fail(env, board, &err);
	}
	run_set(run, "mode", json_string("test"));
	status = testcall(env->cfg, env->ui, board, &a->plan, patterns, run);
	run_finish(run);
	run_tell_error(run, env->ui, board);
	sift_count_run(env, board, run);
	note_run(env->cfg, env->ui, run_result(run), run_dir(run));
	if (report_files_keep(&a->files, run_dir(run), board, &err) < 0) {
		ui_warn(env->ui, "%s: %s", board, err.msg);
		status = deploy_worse(status, STATUS_ERROR);
	}
	keep(a, board, run);
	run_free(run);
	patterns_free(patterns);
	return status;
}

static int add(struct report *r, const struct tested *t)
{
	struct report_run *run;
	int rc = report_add(r, t->result, &run);

	for (size_t i = 0; rc == 0 && i < t->n_suites; i++)
		rc = report_add_suite(run, &t->suites[i]);
	if (rc == 0 && t->dir)
		report_files_excerpt(run, t->dir);
	return rc;
}

/* In the order in which the boards were asked for, whichever ended first. */
static int report(struct cmd_env *env, const struct args *a)
{
	_report_ struct report r = {0};
	struct report_files f = a->files;
	int rc = 0;

	f.origin = config_get(env->cfg, NULL, "report.origin");
	for (size_t i = 0; rc == 0 && i < a->boards.n; i++) {
		for (size_t k = 0; rc == 0 && k < a->n_tested; k++) {
			if (strcmp(a->tested[k].board, a->boards.names[i]) == 0)
				rc = add(&r, &a->tested[k]);
		}
	}
	if (rc < 0)
		ui_warn(env->ui, "no memory for the reports");
	else
		rc = report_files_write(&f, &r, env->ui);
	return rc < 0 ? STATUS_ERROR : STATUS_PASS;
}

/* --- the call ----------------------------------------------------------------------- */

static int list_suites(struct cmd_env *env)
{
	_free_ char **names = NULL;
	struct kf_error err = {0};
	json_t *all = json_array();

	if (suitefind_names(env->cfg, &names) < 0)
		kf_err(&err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
	for (size_t i = 0; names && names[i]; i++) {
		_suitefile_ struct suitefile f = {{NULL}};
		const char *what;

		if (suitefind_load(env->cfg, names[i], &f, &err) < 0)
			break;
		what = f.value[SUITEFILE_DESCRIPTION];
		ui_out(env->ui, "%-12s  %s\n", names[i], what);
		json_array_append_new(all, json_pack("{s:s, s:s}", "name", names[i],
						     "description", what));
	}
	if (!err.code)
		ui_out(env->ui, "%-12s  %s\n", "cmd:PROGRAM", "Any program of the board");
	ui_json(env->ui, json_pack("{s:s, s:o}", "event", "suites", "suites", all));
	return err.code ? cmd_fail(env, NULL, &err) : STATUS_PASS;
}

static int take_level(struct cmd_env *env, const char *text, enum severity *ret)
{
	if (severity_parse(text, ret) < 0 || *ret == SEVERITY_INFO)
		return cmd_usage(env, "test", "--fail-on takes warn, error or fatal");
	return 0;
}

/* A status; -1: it is no option. */
static int take_option(struct cmd_env *env, int c, struct args *a)
{
	if (c == 'b')
		return pick_add(&a->boards, optarg) < 0 ? STATUS_ERROR : 0;
	if (c == 'l')
		return pick_add_label(&a->boards, optarg) < 0 ? STATUS_ERROR : 0;
	if (c == OPT_RETRIES)
		return file_args_retries(env, "test", optarg, &a->plan.retries);
	if (c == OPT_FAIL_ON)
		return take_level(env, optarg, &a->plan.fail_on);
	if (c == OPT_TIMEOUT && suitefile_parse_ms(optarg, &a->plan.timeout_ms) < 0)
		return cmd_usage(env, "test", "\"%s\" is no time such as 90s, 30m or 2h",
				 optarg);
	if (c == OPT_TIMEOUT)
		return 0;
	if (c == OPT_EXPECT)
		a->expect = optarg;
	else if (c == OPT_PREBUILT)
		a->plan.prebuilt = optarg;
	else if (c == OPT_NO_BUILD)
		a->no_build = true;
	else if (c == OPT_LIST)
		a->list = true;
	else
		return file_args_take(env, c, &a->files) ? 0 : -1;
	return 0;
}

/* The first word is a board where there is one of that name and no -b. */
static int take_words(struct cmd_env *env, int argc, char *argv[], struct args *a)
{
	bool asked = a->boards.n_lists > 0 || a->boards.n_labels > 0 || env->board;
	int at = optind;

	if (!asked && at < argc && config_has_board(env->cfg, argv[at]) &&
	    pick_add(&a->boards, argv[at++]) < 0)
		return STATUS_ERROR;
	a->suites = calloc((size_t)argc + 1, sizeof(*a->suites));
	if (!a->suites)
		return STATUS_ERROR;
	for (; at < argc; at++)
		a->suites[a->n_suites++] = argv[at];
	return a->n_suites > 0 || a->list
		       ? 0
		       : cmd_usage(env, "test",
				   "which suites? `kferry test --list` shows those there "
				   "are");
}

/* What stands behind "--" is for the suites; getopt would mix it with our words. */
static int cut_args(int argc, char *argv[], struct args *a)
{
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--") != 0)
			continue;
		a->plan.args = argv + i + 1;
		argv[i] = NULL;
		return i;
	}
	return argc;
}

static int parse(struct cmd_env *env, int argc, char *argv[], struct args *a)
{
	static const struct option options[] = {
		{"board", required_argument, NULL, 'b'},
		{"label", required_argument, NULL, 'l'},
		{"retries", required_argument, NULL, OPT_RETRIES},
		{"expect", required_argument, NULL, OPT_EXPECT},
		{"timeout", required_argument, NULL, OPT_TIMEOUT},
		{"fail-on", required_argument, NULL, OPT_FAIL_ON},
		{"prebuilt", required_argument, NULL, OPT_PREBUILT},
		{"no-build", no_argument, NULL, OPT_NO_BUILD},
		{"list", no_argument, NULL, OPT_LIST},
		FILE_OPTIONS,
		{0},
	};
	int c, status = 0;

	argc = cut_args(argc, argv, a);
	while (!status && (c = getopt_long(argc, argv, ":b:l:", options, NULL)) != -1) {
		status = take_option(env, c, a);
		if (status < 0)
			return cmd_bad_option(env, "test", argv);
	}
	return status ? status : take_words(env, argc, argv, a);
}

/* Before any board is touched: are all suites there, and well? */
static int make_plan(struct cmd_env *env, struct args *a, struct kf_error *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < a->n_suites; i++)
		r = testplan_add(&a->plan, env->cfg, a->suites[i], err);
	if (r == 0 && a->expect)
		r = testplan_expect(&a->plan, a->expect, err);
	return r == 0 ? testplan_check(&a->plan, err) : r;
}

static int run(struct cmd_env *env, struct args *a)
{
	const char *origin = config_get(env->cfg, NULL, "report.origin");
	struct kf_error err = {0};
	int status, r = 0;

	if (a->files.kcidb && !(origin && report_is_origin(origin)))
		return cmd_usage(env, "test",
				 "--kcidb: report.origin takes small letters, digits and "
				 "_, at most 64, not \"%s\"",
				 origin ? origin : "");
	if (report_files_prepare(&a->files, &err) < 0)
		return cmd_fail(env, NULL, &err);
	a->tested = calloc(a->boards.n + 1, sizeof(*a->tested));
	if (!a->tested)
		return STATUS_ERROR;
	for (size_t i = 0; r == 0 && i < a->boards.n && !a->no_build; i++)
		r = testplan_build(&a->plan, env->cfg, env->ui, a->boards.names[i], &err);
	if (r < 0)
		return cmd_fail(env, NULL, &err);
	status = each_board(env, &a->boards, true, test_one, a);
	status = deploy_worse(status, report(env, a));
	return status && cancel_signal() == SIGTERM ? 128 + SIGTERM : status;
}

int cmd_test(struct cmd_env *env, int argc, char *argv[])
{
	_cleanup_(args_fini) struct args a = {.no_build = false};
	struct kf_error err = {0};
	int status;

	testplan_init(&a.plan);
	pthread_mutex_init(&a.lock, NULL);
	status = parse(env, argc, argv, &a);
	if (status)
		return status;
	if (a.list)
		return list_suites(env);
	if (make_plan(env, &a, &err) < 0)
		return err.reason == KF_REASON_USAGE
			       ? cmd_usage(env, "test", "%s", err.msg)
			       : cmd_fail(env, NULL, &err);
	status = cmd_boards(env, "test", &a.boards);
	return status ? status : run(env, &a);
}
