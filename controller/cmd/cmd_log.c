// SPDX-License-Identifier: GPL-2.0-or-later
/* kferry log: the findings of a run, of a boot of a board, or of any file. */
#include <getopt.h>
#include <string.h>

#include "controller/client.h"
#include "controller/cmd/cmd.h"
#include "controller/decode/decode.h"
#include "controller/deploy/run.h"
#include "controller/log/boardlog.h"
#include "controller/log/logfile.h"
#include "controller/log/show.h"
#include "controller/strf.h"
#include "proto/reason.h"

const char cmd_log_details[] =
	"  -b, --board BOARD  its newest run; its log.ignore and "
	"log.patterns\n"
	"  --boot N           of that boot of the board: 0 this one, "
	"-1 the one "
	"before, ...\n"
	"  --fail-on LEVEL    exit status 1 for that and worse: warn "
	"error "
	"fatal\n"
	"  --new-since LOG    what that run or file has, too, is "
	"known and does "
	"not count\n"
	"  -f, --full         with the lines of each report\n"
	"  -a, --all          also what is known\n"
	"  --decode           traces with files and lines, by the "
	"tree's vmlinux\n"
	"  --vmlinux FILE     the same, by that one\n"
	"\nWithout a name: the newest run. FILE may be compressed; - "
	"is standard "
	"input.\n";

struct args {
	const char *board;
	const char *what;  /* run, file, "-"; NULL: the newest run, or --boot */
	const char *since; /* likewise */
	bool of_boot, full, all, decode;
	const char *vmlinux; /* NULL: the tree's */
	long boot;
	int fail_on; /* a severity; -1: no finding is a failure */
};

/* Where the findings come from, once it is known. */
struct look {
	struct cmd_env *env;
	const struct args *a;
	char *base, *path, *board_of_run;
	bool run;
	const char *board; /* whose ignores count; NULL: nobody's */
	struct patterns *patterns;
	struct classifier *classifier;
	uint64_t lines;
};

static void look_fini(struct look *l)
{
	classifier_free(l->classifier);
	patterns_free(l->patterns);
	free(l->base);
	free(l->path);
	free(l->board_of_run);
}

static int no_memory(struct kf_error *err)
{
	return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
}

/* --- a board's boot ----------------------------------------------------------------- */

static int look_at_boot(struct look *l, struct kf_error *err)
{
	deadline_ms deadline = cmd_connect_deadline(l->env, l->board);
	struct client *c;
	int rc = client_open(l->env->cfg, l->board, deadline, &c, err);

	if (rc < 0)
		return rc;
	rc = boardlog_read(c, (int)l->a->boot, NULL, l->classifier, deadline, err);
	client_close(c);
	l->lines = classifier_lines(l->classifier);
	return rc;
}

/* --- files and runs ------------------------------------------------------------------
 */

static int read_any(struct classifier *c, const char *path, bool run, uint64_t *lines,
		    struct kf_error *err)
{
	if (run)
		return logfile_read_run(c, path, lines, err);
	return logfile_read(c, path, strcmp(path, "-") == 0 ? "standard input" : path,
			    lines, err);
}

/* Which file or run is meant, and whose it is. */
static int find(struct look *l, struct kf_error *err)
{
	int rc;

	l->base = run_base(l->env->cfg, l->a->board);
	if (!l->base)
		return no_memory(err);
	if (l->a->what) {
		rc = logfile_find(l->base, l->a->what, &l->path, &l->run, err);
	} else {
		l->run = true;
		rc = logfile_newest(l->base, l->a->board, &l->path, err);
	}
	if (rc < 0)
		return rc;
	if (l->run && !l->board)
		l->board_of_run = logfile_board(l->path);
	if (l->board_of_run && config_has_board(l->env->cfg, l->board_of_run))
		l->board = l->board_of_run;
	if (l->run)
		ui_note(l->env->ui, "the run %s", l->path);
	return 0;
}

/* What the other log has is known in this one. */
static int compare(struct look *l, struct kf_error *err)
{
	_cleanup_(classifier_freep) struct classifier *old = NULL;
	_free_ char *path = NULL;
	uint64_t lines = 0;
	bool run;
	int rc = logfile_find(l->base, l->a->since, &path, &run, err);

	if (rc == 0 && classifier_new(l->patterns, &old) < 0)
		rc = no_memory(err);
	if (rc == 0)
		rc = read_any(old, path, run, &lines, err);
	if (rc == 0)
		findings_mark_known(classifier_findings(l->classifier),
				    classifier_findings(old));
	return rc;
}

static int look(struct look *l, struct kf_error *err)
{
	int rc = 0;

	l->board = l->a->board;
	l->base = NULL;
	if (!l->a->of_boot)
		rc = find(l, err);
	else
		l->base = run_base(l->env->cfg, l->board);
	if (rc == 0 && !l->base)
		rc = no_memory(err);
	if (rc == 0)
		rc = patterns_load(l->env->cfg, l->board, &l->patterns, err);
	if (rc == 0 && classifier_new(l->patterns, &l->classifier) < 0)
		rc = no_memory(err);
	if (rc == 0)
		rc = l->a->of_boot
			     ? look_at_boot(l, err)
			     : read_any(l->classifier, l->path, l->run, &l->lines, err);
	if (rc == 0 && l->a->since)
		rc = compare(l, err);
	return rc;
}

/* --- traces ----------------------------------------------------------------------------
 */

/* Which kernel it is: a run knows, of other logs their banner tells. */
static int decode_as(struct look *l, json_t *result, struct decoder **ret,
		     struct kf_error *err)
{
	const char *build_id = json_string_value(json_object_get(result, "build_id"));
	const char *started = json_string_value(json_object_get(result, "started"));
	const struct decode_of of = {
		.cfg = l->env->cfg,
		.board = l->board,
		.vmlinux = l->a->vmlinux,
		.build_id = build_id,
		.banner = classifier_banner(l->classifier),
		.release = json_string_value(json_object_get(result, "release")),
		.built_before = decode_time(started),
	};

	return decoder_new(&of, ret, err);
}

/* A log without its places is still a log: why there are none is said once. */
static void decode(struct look *l)
{
	_cleanup_(decoder_freep) struct decoder *decoder = NULL;
	_free_ char *path = l->run ? strf("%s/result.json", l->path) : NULL;
	json_t *result = path ? json_load_file(path, 0, NULL) : NULL;
	struct findings *f = classifier_findings(l->classifier);
	struct kf_error err = {0};
	unsigned lines = 0;
	int rc = 0;

	if (decode_is_wanted(f))
		rc = decode_as(l, result, &decoder, &err);
	if (decoder && rc == 0)
		rc = decoder_decode(decoder, f, &lines, &err);
	json_decref(result);
	if (rc < 0)
		ui_warn(l->env->ui, "traces are not decoded: %s", err.msg);
	else if (decoder && lines == 0)
		ui_warn(l->env->ui,
			"traces are not decoded: %s has no lines of these functions (was "
			"it "
			"built with CONFIG_DEBUG_INFO?)",
			decoder_vmlinux(decoder));
}

/* --- the command -----------------------------------------------------------------------
 */

static int parse_boot(struct cmd_env *env, const char *text, struct args *ret)
{
	char *end;

	errno = 0;
	ret->boot = strtol(text, &end, 10);
	ret->of_boot = true;
	if (errno || *end || end == text || ret->boot > 0 || ret->boot < INT32_MIN)
		return cmd_usage(env, "log", "--boot takes 0, -1, -2, ...");
	return 0;
}

static int parse_level(struct cmd_env *env, const char *text, struct args *ret)
{
	enum severity s;

	if (severity_parse(text, &s) < 0 || s == SEVERITY_INFO)
		return cmd_usage(env, "log", "--fail-on takes warn, error or fatal");
	ret->fail_on = (int)s;
	return 0;
}

static int check(struct cmd_env *env, struct args *a)
{
	if (a->of_boot && a->what)
		return cmd_usage(env, "log", "--boot is of a board: no file beside it");
	if (a->what && a->since && !strcmp(a->what, "-") && !strcmp(a->since, "-"))
		return cmd_usage(env, "log", "standard input is one log only");
	if (!a->board)
		a->board = env->board;
	if (!a->of_boot && !a->board)
		return 0;
	a->board = cmd_board_arg(env, "log", a->board);
	return a->board ? 0 : STATUS_USAGE;
}

static int parse(struct cmd_env *env, int argc, char *argv[], struct args *ret)
{
	static const struct option options[] = {
		{"board", required_argument, NULL, 'b'},
		{"boot", required_argument, NULL, 'n'},
		{"fail-on", required_argument, NULL, 'F'},
		{"new-since", required_argument, NULL, 's'},
		{"full", no_argument, NULL, 'f'},
		{"all", no_argument, NULL, 'a'},
		{"decode", no_argument, NULL, 'd'},
		{"vmlinux", required_argument, NULL, 'V'},
		{NULL, 0, NULL, 0},
	};
	int c, rc = 0;

	*ret = (struct args){.fail_on = -1};
	while (rc == 0 && (c = getopt_long(argc, argv, ":b:fa", options, NULL)) != -1) {
		if (c == 'b')
			ret->board = optarg;
		else if (c == 'n')
			rc = parse_boot(env, optarg, ret);
		else if (c == 'F')
			rc = parse_level(env, optarg, ret);
		else if (c == 's')
			ret->since = optarg;
		else if (c == 'f')
			ret->full = true;
		else if (c == 'a')
			ret->all = true;
		else if (c == 'd')
			ret->decode = true;
		else if (c == 'V')
			ret->vmlinux = optarg;
		else
			return cmd_bad_option(env, "log", argv);
	}
	if (rc)
		return rc;
	if (argc - optind > 1)
		return cmd_usage(env, "log",
				 "one run or file at a time, not \"%s\" as well",
				 argv[optind + 1]);
	ret->what = argv[optind];
	return check(env, ret);
}

int cmd_log(struct cmd_env *env, int argc, char *argv[])
{
	_cleanup_(look_fini) struct look l = {.env = env};
	struct kf_error err = {0};
	struct findings *f;
	struct args a;
	int rc = parse(env, argc, argv, &a);

	if (rc)
		return rc;
	l.a = &a;
	rc = look(&l, &err);
	if (rc < 0)
		return cmd_fail(env, l.board, &err);
	if (a.decode || a.vmlinux)
		decode(&l);
	f = classifier_findings(l.classifier);
	show_findings(
		env->ui, f,
		&(struct show){.full = a.full, .with_known = a.all, .lines = l.lines});
	if (ui_out_error(env->ui) < 0)
		return STATUS_ERROR;
	return a.fail_on >= 0 && show_worst(f) >= a.fail_on ? STATUS_FAIL : STATUS_PASS;
}
