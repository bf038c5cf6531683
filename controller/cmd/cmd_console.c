// SPDX-License-Identifier: GPL-2.0-or-later
/* kferry console: a board's console, to work at or to look at. */
#include <fcntl.h>
#include <getopt.h>
#include <string.h>

#include "controller/cmd/cmd.h"
#include "controller/console/terminal.h"
#include "controller/strf.h"
#include "proto/base/fs.h"
#include "proto/reason.h"

struct args {
	const char *board, *log;
	bool read_only, safe;
};

static int open_log(const char *path, int *ret, struct kf_error *err)
{
	int fd = fs_open_beneath(AT_FDCWD, path,
				 O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);

	if (fd < 0)
		return kf_err(err, fd, KF_REASON_IO, "open the log %s: %m", path);
	*ret = fd;
	return 0;
}

static int run(struct cmd_env *env, const struct args *a, struct kf_error *err)
{
	_console_spec_ struct console_spec spec = {0};
	struct terminal_opts opts = {
		.read_only = a->read_only, .safe = a->safe, .log_fd = -1};
	_free_ char *where = NULL, *who = strf("kferry console %s", a->board);
	_close_ int log = -1;
	struct console *c;
	int r = console_spec_of(env->cfg, a->board, &spec, err);

	if (r == 0 && a->log)
		r = open_log(a->log, &log, err);
	if (r < 0)
		return r;
	opts.log_fd = log;
	where = console_spec_describe(&spec);
	if (!where || !who)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
	r = console_open(&spec, who, cmd_connect_deadline(env, a->board), cancel_fd(), &c,
			 err);
	if (r < 0)
		return r;
	ui_note(env->ui, "console of %s: %s%s", a->board, where,
		a->read_only || !console_is_written(c) ? ", read only" : "");
	r = terminal_run(env->ui, c, &opts, err);
	console_close(c);
	return r;
}

int cmd_console(struct cmd_env *env, int argc, char *argv[])
{
	static const struct option options[] = {
		{"board", required_argument, NULL, 'b'},
		{"read-only", no_argument, NULL, 'r'},
		{"safe", no_argument, NULL, 's'},
		{"log", required_argument, NULL, 'l'},
		{NULL, 0, NULL, 0},
	};
	struct args a = {0};
	struct kf_error err = {0};
	int c, r;

	while ((c = getopt_long(argc, argv, ":b:r", options, NULL)) != -1) {
		if (c == 'b')
			a.board = optarg;
		else if (c == 'r')
			a.read_only = true;
		else if (c == 's')
			a.safe = true;
		else if (c == 'l')
			a.log = optarg;
		else
			return cmd_bad_option(env, "console", argv);
	}
	if (argc - optind > 1 || (argc > optind && a.board))
		return cmd_usage(env, "console", "one board has one console");
	if (ui_is_json(env->ui))
		return cmd_usage(env, "console",
				 "a console's bytes are no events: without --json");
	a.board = cmd_board_arg(env, "console", argc > optind ? argv[optind] : a.board);
	if (!a.board)
		return STATUS_USAGE;
	r = run(env, &a, &err);
	/* Nobody reads the output: as a pipe's writer would end. */
	if (r == -EPIPE)
		return 128 + 13;
	return r < 0 ? cmd_fail(env, a.board, &err) : STATUS_PASS;
}
