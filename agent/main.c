/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kferryd: the command table. */
#include <getopt.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>

#include "agent/agent.h"
#include "agent/conf.h"
#include "agent/log/boottimes.h"
#include "agent/outside/helper.h"
#include "agent/pty.h"
#include "agent/session/server.h"
#include "agent/session/status.h"
#include "agent/session/stdio.h"
#include "agent/tracing/traceargs.h"
#include "agent/tracing/traceout.h"
#include "agent/trial/early.h"
#include "proto/base/log.h"
#include "proto/digest.h"
#include "proto/reason.h"
#include "proto/text.h"
#include "proto/version.h"

#define EXIT_USAGE	64
#define EXIT_NO_AGENT	69 /* nobody listens */
#define EXIT_PERMISSION 77

struct options {
	const char *root;   /* "": this machine */
	const char *socket; /* NULL: as configured */
	int verbose;
};

struct command {
	const char *name, *args, *help;
	int (*run)(const struct options *o, int argc, char **argv);
};

/* --- saying what went wrong ----------------------------------------------------- */

static int exit_status(const struct kf_error *err)
{
	switch (err->reason) {
	case KF_REASON_USAGE:
		return EXIT_USAGE;
	case KF_REASON_NO_AGENT:
		return EXIT_NO_AGENT;
	case KF_REASON_PERMISSION:
		return EXIT_PERMISSION;
	default:
		return 1;
	}
}

static int complain(const struct kf_error *err)
{
	_buf_ struct buf text = BUF_INIT;
	const char *s = NULL;

	if (text_escape(&text, err->msg, strlen(err->msg), true) == 0)
		s = buf_str(&text);
	fprintf(stderr, "kferryd: %s\n", s ? s : "out of memory");
	return exit_status(err);
}

static int usage_error(const char *what, const char *which)
{
	fprintf(stderr, "kferryd: %s%s; `kferryd help` tells the commands\n", what,
		which);
	return EXIT_USAGE;
}

/* --- commands ------------------------------------------------------------------- */

/* The socket's path as this process sees it; the caller's. */
static char *socket_path(const struct options *o, struct kf_error *err)
{
	struct agent_conf conf;
	char *path = NULL;

	if (o->socket) {
		path = strdup(o->socket);
	} else {
		if (conf_load(&conf, o->root, err) < 0)
			return NULL;
		if (asprintf(&path, "%s%s", o->root, conf.socket) < 0)
			path = NULL;
		conf_fini(&conf);
	}
	if (!path)
		kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "out of memory");
	return path;
}

static int cmd_serve(const struct options *o, int argc, char **argv)
{
	_free_ char *path = NULL;
	struct kf_error err = {0};
	struct agent a;
	int r;

	(void)argv;
	if (argc > 1)
		return usage_error("serve takes no arguments", "");
	/* One arena is enough for a process that mostly waits, and it idles in less. */
	mallopt(M_ARENA_MAX, 1);
	mallopt(M_TRIM_THRESHOLD, 256 * 1024);
	log_init(o->verbose ? LOG_DEBUG : LOG_INFO, getenv("JOURNAL_STREAM") != NULL);
	path = socket_path(o, &err);
	if (!path || agent_init(&a, o->root, &err) < 0) {
		log_err("start-failed reason=%s text=\"%s\"", reason_name(err.reason),
			err.msg);
		return exit_status(&err);
	}
	boottimes_find(&a);
	digest_speed_up();
	r = server_run(&a, path, &err);
	if (r < 0)
		log_err("serve-failed reason=%s text=\"%s\"", reason_name(err.reason),
			err.msg);
	agent_fini(&a);
	return r < 0 ? exit_status(&err) : 0;
}

static int cmd_stdio(const struct options *o, int argc, char **argv)
{
	static const struct option longs[] = {{"as", required_argument, NULL, 'a'},
					      {NULL, 0, NULL, 0}};
	_free_ char *path = NULL;
	struct kf_error err = {0};
	const char *as = NULL;
	int c;

	optind = 0;
	while ((c = getopt_long(argc, argv, "+", longs, NULL)) >= 0) {
		if (c != 'a')
			return EXIT_USAGE;
		as = optarg;
	}
	if (optind < argc)
		return usage_error("stdio does not know ", argv[optind]);
	path = socket_path(o, &err);
	if (!path || stdio_run(path, as, &err) < 0)
		return complain(&err);
	return 0;
}

static int cmd_early(const struct options *o, int argc, char **argv)
{
	const bool keep = argc > 1 && strcmp(argv[1], "--keep") == 0;

	if (argc > 1 + keep)
		return usage_error("early does not know ", argv[1 + keep]);
	log_init(o->verbose ? LOG_DEBUG : LOG_INFO, getenv("JOURNAL_STREAM") != NULL);
	return early_run(o->root, keep);
}

static int cmd_show_modules(const struct options *o, int argc, char **argv)
{
	struct kf_error err = {0};

	(void)argv;
	if (argc > 1)
		return usage_error("show-modules takes no arguments", "");
	return early_show_modules(o->root, &err) < 0 ? complain(&err) : 0;
}

static int cmd_outside(const struct options *o, int argc, char **argv)
{
	int r;

	(void)argv;
	if (argc > 1)
		return usage_error("outside takes no arguments", "");
	log_init(o->verbose ? LOG_DEBUG : LOG_INFO, getenv("JOURNAL_STREAM") != NULL);
	r = outside_helper_run(STDIN_FILENO);
	if (r < 0)
		log_warn("outside error=\"%s\"", strerror(-r));
	return r < 0 ? 1 : 0;
}

static int terminal_size(const char *text, unsigned *ret)
{
	char *end;
	unsigned long n;

	errno = 0;
	n = strtoul(text, &end, 10);
	if (errno || *end || *text < '0' || *text > '9' || n > UINT16_MAX)
		return -EINVAL;
	*ret = (unsigned)n;
	return 0;
}

static int cmd_pty(const struct options *o, int argc, char **argv)
{
	struct pty_options pty;
	struct kf_error err = {0};
	int r;

	(void)o;
	if (argc < 4 || terminal_size(argv[1], &pty.rows) < 0 ||
	    terminal_size(argv[2], &pty.columns) < 0 || !text_is_name(argv[3]))
		return usage_error("pty takes ROWS COLUMNS TERM [PROGRAM...]", "");
	pty.term = argv[3];
	pty.argv = argv + 4;
	r = pty_run(&pty, &err);
	return r < 0 ? complain(&err) : r;
}

static int trace_run_args(const char *root, int argc, char **argv)
{
	struct trace_options t = {.root = root};
	struct kf_error err = {0};
	int status = traceargs_parse(argc, argv, &t, &err) < 0 ? traceout_failed(&err)
							       : trace_run(&t);

	traceargs_fini(&t);
	return status;
}

static int cmd_trace(const struct options *o, int argc, char **argv)
{
	/* The agent's, which cannot name its root on a command line of somebody else. */
	const char *root = getenv("KFERRY_ROOT");

	if (*o->root || !root)
		root = o->root;
	if (argc >= 2 && strcmp(argv[1], "run") == 0)
		return trace_run_args(root, argc - 1, argv + 1);
	if (argc == 3 && strcmp(argv[1], "list") == 0)
		return trace_list(root, argv[2]);
	if (argc == 2 && strcmp(argv[1], "reset") == 0)
		return trace_reset(root);
	return usage_error("trace takes run, list or reset", "");
}

static int cmd_status(const struct options *o, int argc, char **argv)
{
	_free_ char *path = NULL;
	struct kf_error err = {0};

	(void)argv;
	if (argc > 1)
		return usage_error("status takes no arguments", "");
	path = socket_path(o, &err);
	if (!path || status_print(o->root, path, &err) < 0)
		return complain(&err);
	return 0;
}

static int cmd_version(const struct options *o, int argc, char **argv)
{
	(void)o;
	(void)argc;
	(void)argv;
	puts("kferryd " KF_VERSION);
	return 0;
}

static int cmd_help(const struct options *o, int argc, char **argv);

static const struct command commands[] = {
	{"serve", "", "run the agent: listen on its socket until SIGTERM", cmd_serve},
	{"stdio", "[--as NAME]", "connect stdin and stdout with the agent's socket",
	 cmd_stdio},
	{"early", "[--keep]", "the early-boot step: modules and watchdog of a trial",
	 cmd_early},
	{"show-modules", "", "show the modules that the state says; the agent runs this",
	 cmd_show_modules},
	{"outside", "", "run a program for the agent; systemd starts this", cmd_outside},
	{"pty", "ROWS ...", "a terminal for kferry shell; the agent runs this", cmd_pty},
	{"trace", "run ...", "a trace for kferry trace; the agent runs this", cmd_trace},
	{"status", "", "what runs, what is the default, how the trial stands",
	 cmd_status},
	{"version", "", "print the version", cmd_version},
	{"help", "", "print this", cmd_help},
};

static int cmd_help(const struct options *o, int argc, char **argv)
{
	(void)o;
	(void)argc;
	(void)argv;
	puts("kferryd " KF_VERSION ", the agent of kferry on a board\n"
	     "\n"
	     "usage: kferryd [--root DIR] [--socket PATH] [-v] COMMAND\n");
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		printf("  %-12s %-12s %s\n", commands[i].name, commands[i].args,
		       commands[i].help);
	puts("\n"
	     "  --root DIR     take DIR for the board's / (tests)\n"
	     "  --socket PATH  the agent's socket, instead of the configured one\n"
	     "  -v, --verbose  say more\n"
	     "\n"
	     "exit status: 0 done, 1 failed, 64 wrong usage, 69 nobody listens at the\n"
	     "socket, 77 no permission to connect to it");
	return 0;
}

/* --- options -------------------------------------------------------------------- */

/* "" for "/", no slash at the end. */
static int set_root(struct options *o, char *dir)
{
	size_t n = strlen(dir);

	if (*dir != '/')
		return usage_error("--root takes an absolute path, not ", dir);
	while (n > 0 && dir[n - 1] == '/')
		dir[--n] = '\0';
	o->root = dir;
	return 0;
}

int main(int argc, char **argv)
{
	static const struct option longs[] = {
		{"root", required_argument, NULL, 'r'},
		{"socket", required_argument, NULL, 's'},
		{"verbose", no_argument, NULL, 'v'},
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'V'},
		{NULL, 0, NULL, 0},
	};
	struct options o = {.root = ""};
	const char *name = NULL;
	int c, r = 0;

	while (!name && r == 0 &&
	       (c = getopt_long(argc, argv, "+vh", longs, NULL)) >= 0) {
		if (c == 'r')
			r = set_root(&o, optarg);
		else if (c == 's')
			o.socket = optarg;
		else if (c == 'v')
			o.verbose = 1;
		else if (c == 'h' || c == 'V')
			name = c == 'h' ? "help" : "version";
		else
			return EXIT_USAGE;
	}
	if (r)
		return r;
	argc -= name ? 0 : optind;
	argv += name ? 0 : optind;
	if (!name && argc < 1)
		return usage_error("no command was given", "");
	if (!name)
		name = argv[0];
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (strcmp(commands[i].name, name) == 0)
			return commands[i].run(&o, argc, argv);
	return usage_error("there is no command ", name);
}
