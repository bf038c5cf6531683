// SPDX-License-Identifier: GPL-2.0-or-later
/* kferry help: all commands, one of them, or what kw's commands are called here. */
#include <string.h>

#include "controller/cmd/cmd.h"
#include "controller/import/kwmap.h"
#include "proto/base/buf.h"

static const char global_options[] =
	"\nOptions before the command:\n"
	"  -b, --board BOARD     the board it is for\n"
	"  -o KEY=VALUE          a configuration key for this once\n"
	"  -q, --quiet           results and errors only\n"
	"  -v, --verbose         say more\n"
	"      --json            one JSON object per line (kferry-json(7))\n"
	"      --notify          a notification at the end, if it took its time\n"
	"      --version, --help\n"
	"\nExit status: 0 pass, 1 fail (the kernel's fault), 2 error, 64 usage,\n"
	"75 the board is held by somebody else.\n"
	"`kferry help COMMAND` tells more; `kferry help kw` is for those who know kw.\n";

static void print(struct cmd_env *env, const char *text)
{
	if (ui_is_json(env->ui))
		ui_json(env->ui, json_pack("{s:s, s:s}", "event", "help", "text", text));
	else
		ui_out(env->ui, "%s", text);
}

static int help_all(struct buf *b)
{
	int rc = buf_printf(b, "kferry ferries kernels to test boards.\n\n"
			       "usage: kferry [OPTION...] COMMAND [ARGUMENT...]\n\n");

	for (const struct cmd *c = cmds; c->name && rc == 0; c++)
		rc = buf_printf(b, "  %-11s  %s\n", c->name, c->help);
	return rc < 0 ? rc : buf_printf(b, "%s", global_options);
}

static int help_kw(struct buf *b)
{
	int rc = buf_printf(b, "%-40s kferry ...\n", "kw");

	for (const struct kwcommand *c = kwmap_commands; c->kw && rc == 0; c++)
		rc = buf_printf(b, "%-40s %s\n", c->kw, c->kferry);
	return rc;
}

static int help_examples(struct buf *b, const char *lines)
{
	int rc = buf_printf(b, "\nExamples:\n");

	while (*lines && rc == 0) {
		size_t n = strcspn(lines, "\n");

		rc = buf_printf(b, "  $ %.*s\n", (int)n, lines);
		lines += n + (lines[n] == '\n');
	}
	return rc;
}

static int help_one(struct buf *b, const struct cmd *c)
{
	int rc = buf_printf(b, "usage: kferry %s %s\n\n%s.\n", c->name,
			    c->args ? c->args : "", c->help);

	if (rc == 0 && c->alias)
		rc = buf_printf(b, "Short form: %s\n", c->alias);
	if (rc == 0 && c->details)
		rc = buf_printf(b, "\n%s", c->details);
	return rc == 0 && c->examples ? help_examples(b, c->examples) : rc;
}

int cmd_help(struct cmd_env *env, int argc, char *argv[])
{
	_buf_ struct buf b = BUF_INIT;
	const struct cmd *c;
	int rc;

	if (argc > 2)
		return cmd_usage(env, "help", "one command at a time");
	if (argc < 2) {
		rc = help_all(&b);
	} else if (!strcmp(argv[1], "kw")) {
		rc = help_kw(&b);
	} else {
		c = cmd_find(argv[1]);
		if (!c)
			return cmd_unknown(env, argv[1]);
		rc = help_one(&b, c);
	}
	if (rc < 0 || !buf_str(&b))
		return STATUS_ERROR;
	print(env, buf_str(&b));
	return STATUS_PASS;
}
