// SPDX-License-Identifier: GPL-2.0-or-later
/* kferry trace: events and functions of a board's kernel, as they happen. */
#include <fcntl.h>
#include <getopt.h>
#include <string.h>

#include "controller/cmd/cmd.h"
#include "controller/log/kept.h"
#include "controller/tracing/tracecall.h"
#include "controller/tracing/tracelist.h"
#include "controller/tracing/traceview.h"
#include "controller/tracing/tracewords.h"
#include "proto/base/fs.h"
#include "proto/reason.h"

const char cmd_trace_details[] =
	"  trace event SYSTEM[:EVENT,EVENT...][;SYSTEM...]   each may have a [FILTER] "
	"behind "
	"it\n"
	"  trace ftrace TRACER[:FUNCTION,FUNCTION...]        names may have * and ? in "
	"them\n"
	"  trace reset      switch everything off that anybody traces there\n"
	"\n"
	"  -f, --follow       until Ctrl-C; so it is without --cmd, too\n"
	"  -c, --cmd CMD      while CMD runs on the board, by its sh; its exit status is "
	"kferry's\n"
	"  -o, --output FILE  into a file that Perfetto reads\n"
	"  --history          keep it, too, in a directory that is told\n"
	"  --buffer KIB       the kernel's buffer, for each processor\n"
	"  --list [PATTERN]   the events there are; the tracers, or functions that fit\n"
	"  --reset            as trace reset\n"
	"  -b, --board BOARD  the board\n"
	"\nOther people's tracing is left alone, and what was set is undone at the end, "
	"also "
	"when the\nconnection dies.\n";

#define LIST_MAX   (16u << 20)	   /* bytes: some 50,000 functions are a tenth of it */
#define BUFFER_MAX (1024ul * 1024) /* KiB, as the agent takes it */

struct trace {
	struct cmd_env *env;
	const char *board, *verb, *command, *output;
	bool follow, keep, list, reset;
	bool begun; /* what it writes to is open */
	unsigned buffer_kib;
	char **words; /* what is not an option */
	int n_words;
	struct tracespec spec;
	struct kept history;
	struct traceview view;
};

static void trace_fini(struct trace *t)
{
	tracespec_fini(&t->spec);
	kept_fini(&t->history);
	traceview_fini(&t->view);
	cleanup_close(&t->view.fd);
}

/* --- what comes ------------------------------------------------------------------------
 */

/* Standard output is the trace's. */
static void take_output(void *arg, bool errors, const char *data, size_t n)
{
	struct trace *t = arg;

	(void)errors;
	ui_err_bytes(t->env->ui, data, n);
}

static void take_note(void *arg, const char *text)
{
	struct trace *t = arg;

	ui_note(t->env->ui, "%s: %s", t->board, text);
}

/* --- one trace -------------------------------------------------------------------------
 */

static int open_output(struct trace *t, struct kf_error *err)
{
	int fd = -1;

	t->view.show = !t->output;
	if (t->output) {
		fd = fs_open_beneath(AT_FDCWD, t->output,
				     O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
		if (fd < 0)
			return kf_err(err, fd, KF_REASON_IO, "write %s: %m", t->output);
	} else if (t->keep) {
		int rc = kept_open(t->env->cfg, t->board, "trace", &t->history, err);

		fd = rc < 0 ? rc : kept_create(&t->history, "trace", err);
		if (fd < 0)
			return fd;
	}
	t->view.fd = fd;
	return 0;
}

/* Not before the board traces: an older file is not lost over a mistake. */
static int take_text(void *arg, const char *data, size_t n, struct kf_error *err)
{
	struct trace *t = arg;
	int rc = t->begun ? 0 : open_output(t, err);

	t->begun = true;
	return rc < 0 ? rc : traceview_take(&t->view, data, n, err);
}

/* Whether all of it arrived is known only now.  A pipe or a device has nothing to flush.
 */
static int close_output(struct trace *t, struct kf_error *err)
{
	const char *where = t->output ? t->output : t->history.dir;
	int fd = TAKE_FD(t->view.fd), rc = 0;

	if (fd < 0)
		return 0;
	if (fsync(fd) < 0 && errno != EINVAL && errno != EROFS)
		rc = -errno;
	if (close(fd) < 0 && rc == 0)
		rc = -errno;
	return rc < 0 ? kf_err(err, rc, KF_REASON_IO, "write %s: %m", where) : 0;
}

static json_t *describe(const struct trace *t, const struct tracecall_end *end)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:s*, s:I, s:I, s:b, s:i}", "event",
			 "trace", "board", t->board, "kind", t->verb, "what", t->words[0],
			 "command", t->command, "events", (json_int_t)t->view.events,
			 "lost", (json_int_t)end->lost, "whole", (int)!end->cut, "status",
			 end->status);
}

static int tell_end(struct trace *t, struct tracecall_end *end, struct kf_error *err)
{
	struct ui *ui = t->env->ui;
	const char *where = t->output ? t->output : t->history.dir;

	if (!end->counted)
		end->lost = t->view.lost;
	if (end->cut)
		ui_warn(ui,
			"%s: the connection ended before the trace did, so that its last "
			"lines may be missing; the board switches off what was set",
			t->board);
	if (end->lost)
		ui_warn(ui,
			"%s: the kernel had no room for %llu events more: a filter or a "
			"larger --buffer loses fewer",
			t->board, (unsigned long long)end->lost);
	ui_note(ui, "%s: %llu lines%s%s", t->board, (unsigned long long)t->view.events,
		where ? " in " : "", where ? where : "");
	ui_json(ui, describe(t, end));
	return t->history.dir ? kept_tell(&t->history, describe(t, end), err) : 0;
}

static int run(struct trace *t, int *ret_status, struct kf_error *err)
{
	_tracewords_ struct tracewords words = {.n = 0};
	struct tracecall c = {
		.cfg = t->env->cfg,
		.board = t->board,
		.stoppable = true,
		.text = take_text,
		.output = take_output,
		.note = take_note,
		.arg = t,
	};
	struct tracecall_end end = {0};
	int rc;

	if (tracewords_make(&t->spec, t->buffer_kib, t->command, &words) < 0)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
	c.words = (const char *const *)words.v;
	rc = tracecall_run(&c, &end, err);
	/* Also of one that had nothing to say. */
	if (rc == 0)
		rc = take_text(t, "", 0, err);
	if (rc == 0)
		rc = traceview_end(&t->view, err);
	if (rc == 0)
		rc = close_output(t, err);
	if (rc == 0)
		rc = tell_end(t, &end, err);
	/* What became of the command nobody knows. */
	*ret_status = end.cut && t->command ? STATUS_ERROR : end.status;
	return rc;
}

/* --- lists, and off --------------------------------------------------------------------
 */

static int take_list(void *arg, const char *data, size_t n, struct kf_error *err)
{
	int rc = buf_append(arg, data, n);

	if (rc == -EMSGSIZE)
		return kf_err(err, rc, KF_REASON_PROTOCOL,
			      "the board's list is longer than %u MiB", LIST_MAX >> 20);
	return rc < 0 ? kf_err(err, rc, KF_REASON_NO_MEMORY, "no memory") : 0;
}

static int list(struct trace *t, struct kf_error *err)
{
	bool of_events = strcmp(t->verb, "event") == 0;
	const char *what = of_events ? "events" : t->n_words ? "functions" : "tracers";
	const char *const words[] = {"list", what, NULL};
	_buf_ struct buf text = {.max = LIST_MAX};
	const struct tracecall c = {
		.cfg = t->env->cfg,
		.board = t->board,
		.words = words,
		.text = take_list,
		.arg = &text,
	};
	struct tracecall_end end;
	int rc = tracecall_run(&c, &end, err);
	json_t *names = json_array();
	size_t n = 0;

	if (rc == 0 && !buf_str(&text))
		rc = kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
	if (rc == 0)
		n = tracelist_show(t->env->ui, buf_str(&text), t->words, names);
	if (rc == 0 && !n)
		rc = kf_err(err, -ENOENT, KF_REASON_NOT_FOUND,
			    t->n_words ? "none of its %s fits" : "it has no %s", what);
	if (rc == 0)
		ui_json(t->env->ui,
			json_pack("{s:s, s:s, s:s, s:O}", "event", "trace-list", "board",
				  t->board, "what", what, "names", names));
	json_decref(names);
	return rc;
}

static int reset(struct trace *t, struct kf_error *err)
{
	static const char *const words[] = {"reset", NULL};
	const struct tracecall c = {
		.cfg = t->env->cfg,
		.board = t->board,
		.words = words,
		.note = take_note,
		.arg = t,
	};
	struct tracecall_end end;
	int rc = tracecall_run(&c, &end, err);

	if (rc == 0)
		ui_json(t->env->ui, json_pack("{s:s, s:s}", "event", "trace-reset",
					      "board", t->board));
	return rc;
}

/* --- the command -----------------------------------------------------------------------
 */

static int parse_buffer(struct trace *t, const char *text)
{
	char *end;
	unsigned long n;

	errno = 0;
	n = strtoul(text, &end, 10);
	if (errno || *end || *text < '0' || *text > '9' || !n || n > BUFFER_MAX)
		return cmd_usage(t->env, "trace", "--buffer takes KiB, 1 to %lu",
				 BUFFER_MAX);
	t->buffer_kib = (unsigned)n;
	return 0;
}

static int take_option(struct trace *t, int c, char *argv[])
{
	switch (c) {
	case 'b':
		t->board = optarg;
		return 0;
	case 'c':
		t->command = optarg;
		return 0;
	case 'f':
		t->follow = true;
		return 0;
	case 'H':
		t->keep = true;
		return 0;
	case 'L':
		t->list = true;
		return 0;
	case 'R':
		t->reset = true;
		return 0;
	case 'o':
		t->output = optarg;
		return 0;
	case 's':
		return parse_buffer(t, optarg);
	default:
		return cmd_bad_option(t->env, "trace", argv);
	}
}

/* What to trace, in words that fit together. */
static int check_trace(struct trace *t, bool of_events)
{
	struct kf_error err = {0};
	int rc;

	if (t->n_words != 1)
		return cmd_usage(t->env, "trace",
				 t->n_words ? "%s takes one word, with ; between systems "
					      "of events (quote it)"
					    : "%s of what? --list shows what there is",
				 t->verb);
	if (t->command && !*t->command)
		return cmd_usage(t->env, "trace", "--cmd of nothing");
	if (t->command && t->follow)
		return cmd_usage(t->env, "trace",
				 "--follow goes on until Ctrl-C, --cmd until it ends: "
				 "one of them");
	if (t->output && t->keep)
		return cmd_usage(t->env, "trace", "--output or --history, not both");
	rc = of_events ? tracespec_events(t->words[0], &t->spec, &err)
		       : tracespec_ftrace(t->words[0], &t->spec, &err);
	return rc < 0 ? cmd_usage(t->env, "trace", "%s", err.msg) : 0;
}

static int check(struct trace *t, int argc, char *argv[])
{
	bool of_events;

	t->verb = argc ? argv[0] : "";
	t->words = argv + 1;
	t->n_words = argc ? argc - 1 : 0;
	of_events = strcmp(t->verb, "event") == 0;
	if (strcmp(t->verb, "reset") == 0)
		t->reset = true;
	else if (!of_events && strcmp(t->verb, "ftrace") != 0 && (argc || !t->reset))
		return cmd_usage(t->env, "trace", "event, ftrace or reset, not \"%s\"",
				 t->verb);
	if ((t->reset || t->list) &&
	    (t->command || t->follow || t->keep || t->output || t->buffer_kib))
		return cmd_usage(t->env, "trace", "%s stands alone",
				 t->reset ? "reset" : "--list");
	if (t->reset && (t->n_words || t->list))
		return cmd_usage(t->env, "trace",
				 "reset switches all off, whoever set "
				 "it, and takes no words");
	return t->reset || t->list ? 0 : check_trace(t, of_events);
}

static int dispatch(struct trace *t)
{
	struct kf_error err = {0};
	int status = STATUS_PASS, rc;

	t->board = cmd_board_arg(t->env, "trace", t->board);
	if (!t->board)
		return STATUS_USAGE;
	if (t->reset)
		rc = reset(t, &err);
	else if (t->list)
		rc = list(t, &err);
	else
		rc = run(t, &status, &err);
	/* Whoever reads the lines has enough. */
	if (rc == -EPIPE && ui_out_error(t->env->ui) == -EPIPE)
		return STATUS_PASS;
	return rc < 0 ? cmd_fail(t->env, t->board, &err) : status;
}

int cmd_trace(struct cmd_env *env, int argc, char *argv[])
{
	static const struct option options[] = {
		{"board", required_argument, NULL, 'b'},
		{"buffer", required_argument, NULL, 's'},
		{"cmd", required_argument, NULL, 'c'},
		{"follow", no_argument, NULL, 'f'},
		{"history", no_argument, NULL, 'H'},
		{"list", no_argument, NULL, 'L'},
		{"output", required_argument, NULL, 'o'},
		{"reset", no_argument, NULL, 'R'},
		{NULL, 0, NULL, 0},
	};
	_cleanup_(trace_fini) struct trace t = {
		.env = env, .history = KEPT_INIT, .view = {.ui = env->ui, .fd = -1}};
	int c, rc = 0;

	while (rc == 0 && (c = getopt_long(argc, argv, ":b:c:fo:", options, NULL)) != -1)
		rc = take_option(&t, c, argv);
	if (rc == 0)
		rc = check(&t, argc - optind, argv + optind);
	return rc ? rc : dispatch(&t);
}
