// SPDX-License-Identifier: GPL-2.0-or-later
/* kferry: global options, then one command. */
#include <fcntl.h>
#include <getopt.h>
#include <malloc.h>
#include <signal.h>
#include <sodium.h>
#include <string.h>

#include "controller/clean/cachelock.h"
#include "controller/cmd/cmd.h"
#include "controller/import/kwmap.h"
#include "controller/notify.h"
#include "controller/strf.h"

#define ARENAS 2 /* of malloc() */

struct globals {
	struct ui_opts ui;
	char *boards;	     /* of every -b, joined by commas */
	const char *set[64]; /* -o KEY=VALUE */
	unsigned set_count;
	bool help, version, notify;
	const char *wrong; /* an option that is none */
};

enum { OPT_JSON = 256, OPT_VERSION, OPT_NOTIFY };

static void add_board(struct globals *g, const char *board)
{
	_free_ char *before = g->boards;

	g->boards = before ? strf("%s,%s", before, board) : strdup(board);
}

static void parse_globals(int argc, char *argv[], struct globals *g)
{
	static const struct option options[] = {
		{"board", required_argument, NULL, 'b'},
		{"option", required_argument, NULL, 'o'},
		{"quiet", no_argument, NULL, 'q'},
		{"verbose", no_argument, NULL, 'v'},
		{"json", no_argument, NULL, OPT_JSON},
		{"notify", no_argument, NULL, OPT_NOTIFY},
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, OPT_VERSION},
		{NULL, 0, NULL, 0},
	};
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "+:b:o:qvh", options, NULL)) != -1) {
		if (c == 'b')
			add_board(g, optarg);
		else if (c == 'o' && g->set_count < ARRAY_SIZE(g->set))
			g->set[g->set_count++] = optarg;
		else if (c == 'q')
			g->ui.quiet = true;
		else if (c == 'v')
			g->ui.verbose++;
		else if (c == OPT_JSON)
			g->ui.json = true;
		else if (c == OPT_NOTIFY)
			g->notify = true;
		else if (c == 'h')
			g->help = true;
		else if (c == OPT_VERSION)
			g->version = true;
		else
			g->wrong = argv[optind - 1];
	}
}

/* What has a letter or a word of its own nowhere else counts behind a command's name,
 * too.  What follows "--", and the words of exec, are somebody else's. */
static int take_late_options(int argc, char *argv[], struct globals *g)
{
	/* Of send it is the version of a series. */
	bool verbose = strcmp(argv[0], "send") != 0;
	int kept = 1;

	if (!strcmp(argv[0], "exec")) {
		g->help = g->help || (argc > 1 && !strcmp(argv[1], "--help"));
		return argc;
	}
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--")) {
			while (i < argc)
				argv[kept++] = argv[i++];
			break;
		}
		if (!strcmp(argv[i], "--json"))
			g->ui.json = true;
		else if (!strcmp(argv[i], "-q") || !strcmp(argv[i], "--quiet"))
			g->ui.quiet = true;
		else if ((verbose && !strcmp(argv[i], "-v")) ||
			 !strcmp(argv[i], "--verbose"))
			g->ui.verbose++;
		else if (!strcmp(argv[i], "--notify"))
			g->notify = true;
		else if (!strcmp(argv[i], "--help"))
			g->help = true;
		else
			argv[kept++] = argv[i];
	}
	argv[kept] = NULL;
	return kept;
}

static int load_config(struct cmd_env *env, const struct globals *g)
{
	struct kf_error err = {0};
	int rc = config_load(NULL, &env->cfg, &err);

	for (unsigned i = 0; i < g->set_count && rc == 0; i++) {
		_free_ char *key = strdup(g->set[i]);
		char *value = key ? strchr(key, '=') : NULL;

		if (!value)
			return cmd_usage(env, NULL, "-o takes KEY=VALUE, not \"%s\"",
					 g->set[i]);
		*value++ = '\0';
		rc = config_override(env->cfg, key, value, &err);
	}
	return rc < 0 ? cmd_fail(env, NULL, &err) : 0;
}

static int run(struct cmd_env *env, struct globals *g, int argc, char *argv[])
{
	char version_word[] = "version", help_word[] = "help";
	char *version[] = {version_word, NULL};
	char *help[] = {help_word, argc ? argv[0] : NULL, NULL};
	const struct cmd *cmd;
	int64_t began = clock_now_ms();
	int rc;

	if (g->wrong)
		return cmd_usage(env, NULL, "%s is no option, or lacks its argument",
				 g->wrong);
	if (g->version)
		return cmd_version(env, 1, version);
	if (g->help)
		return cmd_help(env, argc ? 2 : 1, help);
	if (!argc)
		return cmd_usage(env, NULL, "a command is missing");
	cmd = cmd_find(argv[0]);
	if (!cmd && kwmap_hint(argv[0]))
		return cmd_usage(env, NULL,
				 "there is no command %s; what kw calls so is %s",
				 argv[0], kwmap_hint(argv[0]));
	if (!cmd)
		return cmd_unknown(env, argv[0]);
	if (!cmd->no_config) {
		rc = load_config(env, g);
		if (rc)
			return rc;
	}
	/* Until this process ends. */
	if (env->cfg && cmd->caches)
		(void)cachelock_share(env->cfg);
	optind = 0;
	rc = cmd->run(env, argc, argv);
	if (env->cfg && (cmd->notifies || g->notify))
		notify(env->cfg, env->ui,
		       &(struct notice){.argv = argv,
					.status = rc,
					.took_ms = clock_now_ms() - began,
					.asked = g->notify});
	return rc;
}

/* The three must exist: a socket with their number would get what is meant for them. */
static int check_stdio(void)
{
	for (int fd = 0; fd <= 2; fd++)
		/* lint: a constant path, and the number of the descriptor matters */
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd)
			return -errno;
	return 0;
}

int main(int argc, char *argv[])
{
	struct globals g = {0};
	struct cmd_env env = {0};
	const struct cmd *cmd;
	int rc;

	if (check_stdio() < 0 || sodium_init() < 0)
		return STATUS_ERROR;
	signal(SIGPIPE, SIG_IGN);
	/* Many boards are many threads, which mostly wait: an arena for each would keep
	 * what it once had. */
	mallopt(M_ARENA_MAX, ARENAS);
	parse_globals(argc, argv, &g);
	argc -= optind;
	argv += optind;
	if (argc)
		argc = take_late_options(argc, argv, &g);
	if (ui_new(&g.ui, &env.ui) < 0 || cancel_init() < 0)
		return STATUS_ERROR;
	env.board = g.boards;
	rc = run(&env, &g, argc, argv);
	/* A result that could not be written was not given; a reader that has enough is
	 * no error. */
	if (rc == STATUS_PASS && ui_out_error(env.ui) && ui_out_error(env.ui) != -EPIPE) {
		ui_warn(env.ui, "standard output: %s", strerror(-ui_out_error(env.ui)));
		rc = STATUS_ERROR;
	}
	cmd = argc ? cmd_find(argv[0]) : NULL;
	if (cmd && cmd->status)
		rc = cmd->status(argc, argv, rc);
	config_free(env.cfg);
	free(g.boards);
	ui_free(env.ui);
	/* A shell's loop ends at an interrupted command only if a signal ended it. */
	if (rc && cancel_signal() == SIGINT) {
		signal(SIGINT, SIG_DFL);
		raise(SIGINT);
	}
	return rc;
}
