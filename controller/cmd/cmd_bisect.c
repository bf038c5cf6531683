/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kferry bisect: find the commit that broke a kernel, by booting. */
#include <getopt.h>
#include <string.h>

#include "controller/bisect/drive.h"
#include "controller/bisect/show.h"
#include "controller/cmd/bisect_plan.h"
#include "controller/git/git.h"
#include "proto/reason.h"
#include "proto/text.h"

const char cmd_bisect_details[] =
	"  bisect start BAD GOOD... [-- PATH...]  check the ends, begin\n"
	"  bisect run [BOARD...]   build, boot, test, until the commit "
	"is found\n"
	"  bisect step [BOARD...]  only what is checked out: for `git "
	"bisect run`\n"
	"  bisect log              the steps so far, with reasons and "
	"logs\n"
	"  bisect status           how far it is\n"
	"  bisect reset            end it; the tree is where it was\n"
	"\n"
	"  -b, --board LIST  boards: names, joined by commas; after a "
	"fault the next is taken\n"
	"  --test SUITE      pass this suite once it has booted; see "
	"kferry test\n"
	"  --expect FILE     ... with failures that are expected\n"
	"  --exec COMMAND    run on the board once it has booted: 0 is "
	"good, 125 skip, else bad\n"
	"  --script COMMAND  run here likewise, with KFERRY_BOARD, "
	"KFERRY_RUN and more set\n"
	"  --timeout S       of either command, in seconds (600)\n"
	"  --retries N       attempts after a fault of board or network "
	"(3)\n"
	"  --check-ends      run: see first that GOOD passes and BAD "
	"fails\n"
	"  --summary FILE    run, log: append a summary in Markdown\n"
	"\nA commit that does not build is skipped. A fault that is not "
	"the kernel's stops the\nbisect, and says nothing of the "
	"commit: run goes on there. Options of run are kept.\n";

#define RETRIES_MAX 100
#define TEST_S_MAX  1000000

/* A tree's configuration may have no board; the tree is what counts here. */
static int open_bisect(struct cmd_env *env, bool lock, struct bisect **ret)
{
	struct kf_error err = {0};
	struct bisect *b = NULL;
	int rc = bisect_open(env->cfg, NULL, &b, &err);

	if (rc == 0 && lock)
		rc = bisect_lock(b, &err);
	if (rc < 0) {
		bisect_free(b);
		return cmd_fail(env, NULL, &err);
	}
	*ret = b;
	return 0;
}

static int fail(struct cmd_env *env, const struct kf_error *err)
{
	return cmd_fail(env, NULL, err);
}

/* --- start, status, log, reset --------------------------------------------------------
 */

static int start(struct cmd_env *env, int argc, char *argv[])
{
	_cleanup_(bisect_freep) struct bisect *b = NULL;
	struct bisect_range range = {0};
	struct kf_error err = {0};
	int words = 1, rc;

	while (words < argc && strcmp(argv[words], "--") != 0) {
		if (*argv[words] == '-')
			return cmd_usage(env, "bisect",
					 "start has no options, and %s is no commit",
					 argv[words]);
		words++;
	}
	if (words < 3)
		return cmd_usage(env, "bisect",
				 "start takes a bad commit, and a good one or several");
	range.bad = argv[1];
	range.good = (const char *const *)argv + 2;
	range.n_good = (size_t)words - 2;
	if (words < argc) {
		range.paths = (const char *const *)argv + words + 1;
		range.n_paths = (size_t)(argc - words - 1);
	}
	rc = open_bisect(env, true, &b);
	if (rc)
		return rc;
	if (bisect_start(b, &range, &err) < 0)
		return fail(env, &err);
	ui_step(env->ui, "bisect", NULL, -1,
		json_pack("{s:s, s:i}", "tree", b->src, "steps",
			  (int)bisect_number(b, "steps")),
		"about %u steps; `kferry bisect run` takes them",
		bisect_number(b, "steps"));
	return STATUS_PASS;
}

static int say_under_way(struct cmd_env *env, struct bisect *b, struct kf_error *err)
{
	unsigned left = 0, commits = 0;
	_free_ char *head = NULL;
	_free_ char *subject = NULL;
	char took[16] = "";
	int64_t usual = steps_usual_ms(&b->steps);
	int rc = bisect_left(b, &left, &commits, err);

	if (rc == 0)
		rc = git_commit(b->src, "HEAD", &head, err);
	if (rc == 0)
		rc = git_subject(b->src, head, &subject, err);
	if (rc < 0)
		return rc;
	if (usual >= 0)
		text_duration(usual * left, took);
	ui_out(env->ui, "bisecting %s\n", b->src);
	ui_out(env->ui, "bad %.12s; about %u steps left, %u commits%s%s\n",
	       bisect_text(b, "bad"), left, commits, *took ? ", about " : "", took);
	ui_out(env->ui, "at %.12s %s\n", head, subject);
	ui_json(env->ui,
		json_pack("{s:s, s:s, s:s, s:O, s:s, s:s, s:i, s:i, s:i}", "event",
			  "bisect-status", "tree", b->src, "bad", bisect_text(b, "bad"),
			  "good", json_object_get(b->state, "good"), "commit", head,
			  "subject", subject, "left", (int)left, "commits", (int)commits,
			  "steps", (int)steps_count(&b->steps)));
	return 0;
}

static int status(struct cmd_env *env, const struct bisect_args *a)
{
	_cleanup_(bisect_freep) struct bisect *b = NULL;
	_ending_ struct ending e = {0};
	struct kf_error err = {0};
	int rc = open_bisect(env, false, &b);

	(void)a;
	if (rc)
		return rc;
	rc = bisect_check_ours(b, &err);
	if (rc == 0)
		rc = bisect_ending(b, &e, &err);
	if (rc == 0)
		rc = *e.first_bad || e.n ? show_ending(env->ui, b, &e, &err)
					 : say_under_way(env, b, &err);
	return rc < 0 ? fail(env, &err) : STATUS_PASS;
}

static int show(struct cmd_env *env, const struct bisect_args *a)
{
	_cleanup_(bisect_freep) struct bisect *b = NULL;
	_ending_ struct ending e = {0};
	struct kf_error err = {0};
	int rc = open_bisect(env, false, &b);

	if (rc)
		return rc;
	if (!b->state)
		return cmd_usage(env, "bisect", "nothing was bisected in %s yet", b->src);
	show_log(env->ui, b);
	/* After a reset git knows no more than the steps do. */
	if (bisect_check_ours(b, &err) == 0)
		rc = bisect_ending(b, &e, &err);
	if (rc == 0 && (*e.first_bad || e.n > 0))
		rc = show_ending(env->ui, b, &e, &err);
	if (rc == 0 && a->summary)
		rc = show_summary(a->summary, b, &e, &err);
	return rc < 0 ? fail(env, &err) : STATUS_PASS;
}

static int reset(struct cmd_env *env, const struct bisect_args *a)
{
	_cleanup_(bisect_freep) struct bisect *b = NULL;
	struct kf_error err = {0};
	int rc = open_bisect(env, true, &b);

	(void)a;
	if (rc)
		return rc;
	if (bisect_reset(b, &err) < 0)
		return fail(env, &err);
	ui_step(env->ui, "bisect", NULL, -1, json_pack("{s:s}", "tree", b->src),
		"over; the tree is where it was, and `kferry bisect log` has the steps");
	return STATUS_PASS;
}

/* --- run, step ------------------------------------------------------------------------
 */

static int run(struct cmd_env *env, struct bisect_args *a)
{
	_cleanup_(bisect_freep) struct bisect *b = NULL;
	_bisect_plan_ struct bisect_plan p = {0};
	struct kf_error err = {0};
	int rc = open_bisect(env, true, &b);

	if (rc)
		return rc;
	rc = bisect_check_ours(b, &err);
	if (rc == 0)
		rc = bisect_plan_make(env, b, a, &p, &err);
	if (rc < 0)
		return fail(env, &err);
	return rc ? rc : drive_run(env, b, &p.opts);
}

static int step(struct cmd_env *env, struct bisect_args *a)
{
	_cleanup_(bisect_freep) struct bisect *b = NULL;
	_bisect_plan_ struct bisect_plan p = {0};
	struct kf_error err = {0};
	int rc = open_bisect(env, true, &b);

	if (rc)
		return rc;
	rc = bisect_adopt(b, &err);
	if (rc == 0)
		rc = bisect_plan_make(env, b, a, &p, &err);
	if (rc < 0)
		return fail(env, &err);
	return rc ? rc : drive_step(env, b, &p.opts);
}

/* --- the command ----------------------------------------------------------------------
 */

static int number(struct cmd_env *env, const char *name, unsigned least, unsigned most,
		  unsigned *ret, bool *ret_told)
{
	char *end;
	unsigned long n;

	errno = 0;
	n = strtoul(optarg, &end, 10);
	if (errno || *end || *optarg < '0' || *optarg > '9' || n < least || n > most)
		return cmd_usage(env, "bisect", "--%s takes %u to %u, not \"%s\"", name,
				 least, most, optarg);
	*ret = (unsigned)n;
	*ret_told = true;
	return 0;
}

enum {
	OPT_SCRIPT = 256,
	OPT_EXEC,
	OPT_TEST,
	OPT_EXPECT,
	OPT_TIMEOUT,
	OPT_RETRIES,
	OPT_ENDS,
	OPT_SUMMARY
};

static int add_test(struct cmd_env *env, const char *name, struct bisect_args *a)
{
	if (a->n_tests == BISECT_PLAN_TESTS)
		return cmd_usage(env, "bisect", "more than %d suites", BISECT_PLAN_TESTS);
	a->tests[a->n_tests++] = name;
	return 0;
}

static int take(struct cmd_env *env, int c, char *argv[], struct bisect_args *a)
{
	switch (c) {
	case 'b':
		return pick_add(&a->boards, optarg) < 0 ? STATUS_ERROR : 0;
	case OPT_SCRIPT:
		a->script = optarg;
		return 0;
	case OPT_EXEC:
		a->exec = optarg;
		return 0;
	case OPT_TEST:
		return add_test(env, optarg, a);
	case OPT_EXPECT:
		a->expect = optarg;
		return 0;
	case OPT_TIMEOUT:
		return number(env, "timeout", 1, TEST_S_MAX, &a->timeout_s,
			      &a->timeout_told);
	case OPT_RETRIES:
		return number(env, "retries", 0, RETRIES_MAX, &a->retries,
			      &a->retries_told);
	case OPT_ENDS:
		a->check_ends = true;
		return 0;
	case OPT_SUMMARY:
		a->summary = optarg;
		return 0;
	default:
		return cmd_bad_option(env, "bisect", argv);
	}
}

/* Which verbs an option is of. */
static int check(struct cmd_env *env, const char *verb, const struct bisect_args *a,
		 bool boards)
{
	bool tests = strcmp(verb, "run") == 0 || strcmp(verb, "step") == 0;
	bool test = a->script || a->exec || a->n_tests || a->expect || a->timeout_told ||
		    a->retries_told || boards;

	if (!tests && test)
		return cmd_usage(env, "bisect",
				 "%s takes neither boards nor tests: run "
				 "does",
				 verb);
	if (a->check_ends && strcmp(verb, "run") != 0)
		return cmd_usage(env, "bisect", "--check-ends is for run");
	if (a->summary && strcmp(verb, "run") != 0 && strcmp(verb, "log") != 0)
		return cmd_usage(env, "bisect", "--summary is for run and log");
	return 0;
}

static int parse(struct cmd_env *env, int argc, char *argv[], struct bisect_args *a)
{
	static const struct option options[] = {
		{"board", required_argument, NULL, 'b'},
		{"script", required_argument, NULL, OPT_SCRIPT},
		{"exec", required_argument, NULL, OPT_EXEC},
		{"test", required_argument, NULL, OPT_TEST},
		{"expect", required_argument, NULL, OPT_EXPECT},
		{"timeout", required_argument, NULL, OPT_TIMEOUT},
		{"retries", required_argument, NULL, OPT_RETRIES},
		{"check-ends", no_argument, NULL, OPT_ENDS},
		{"summary", required_argument, NULL, OPT_SUMMARY},
		{0},
	};
	int c, rc = 0;

	while (!rc && (c = getopt_long(argc, argv, ":b:", options, NULL)) != -1)
		rc = take(env, c, argv, a);
	for (int i = optind; !rc && i < argc; i++)
		rc = pick_add(&a->boards, argv[i]) < 0 ? STATUS_ERROR : 0;
	return rc;
}

int cmd_bisect(struct cmd_env *env, int argc, char *argv[])
{
	static const struct {
		const char *name;
		int (*run)(struct cmd_env *env, struct bisect_args *a);
		int (*look)(struct cmd_env *env, const struct bisect_args *a);
	} verbs[] = {{"run", run, NULL},
		     {"step", step, NULL},
		     {"log", NULL, show},
		     {"status", NULL, status},
		     {"reset", NULL, reset}};
	const char *verb = argc > 1 ? argv[1] : "";
	struct bisect_args a = {0};
	int rc;

	if (strcmp(verb, "start") == 0)
		return start(env, argc - 1, argv + 1);
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
		if (strcmp(verb, verbs[i].name) != 0)
			continue;
		rc = parse(env, argc - 1, argv + 1, &a);
		if (!rc)
			rc = check(env, verb, &a, a.boards.n_lists > 0);
		if (!rc)
			rc = verbs[i].run ? verbs[i].run(env, &a)
					  : verbs[i].look(env, &a);
		pick_fini(&a.boards);
		return rc;
	}
	return cmd_usage(env, "bisect",
			 "start, run, step, log, status or reset? (%s is none of them)",
			 *verb ? verb : "nothing");
}

/* `git bisect run` takes all from 1 to 124 for a bad commit: a word that is wrong in its
 * command would blame each of them. */
int cmd_bisect_status(int argc, char *const argv[], int status)
{
	bool step = argc > 1 && strcmp(argv[1], "step") == 0;

	if (step && (status == STATUS_ERROR || status == STATUS_USAGE ||
		     status == STATUS_NO_BOARD))
		return judge_status(JUDGED_FAULT);
	return status;
}
