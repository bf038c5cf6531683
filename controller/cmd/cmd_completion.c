// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * kferry completion: what a shell completes, from the table of commands and the table of
 * keys.  Options are found in the commands' own help, so that what is told is completed.
 * Only names of boards and profiles are asked for when they are needed.
 */
#include <ctype.h>
#include <string.h>

#include "controller/cmd/cmd.h"
#include "proto/base/buf.h"
#include "proto/reason.h"

#define GLOBAL_OPTIONS                                                                   \
	"-b --board -o --option -q --quiet -v --verbose --json --notify --version "      \
	"--help"
#define BOARDS	 "kferry board list --names 2>/dev/null"
#define LABELS	 "kferry board list --labels 2>/dev/null"
#define ENVS	 "kferry env list --names 2>/dev/null"
#define KCONFIGS "kferry kconfig list --names 2>/dev/null"
#define PROFILES "kferry init --list 2>/dev/null | cut -d' ' -f1"

/* Options with a value, and what completes it: %b boards, %l labels, %p profiles, %f
 * files, %c configurations, %k keys, %n that it has none, else the words themselves. cmd:
 * of that command only; such stand before those of all.  Without a command, -o is the
 * global one. */
static const struct {
	const char *name, *value, *cmd;
} valued[] = {
	{"-b", "%b", NULL},
	{"--board", "%b", NULL},
	{"--option", "%k", NULL},
	{"-o", "%f", NULL},
	{"--output", "%f", NULL},
	{"--from", "%f", NULL},
	{"--log", "%f", NULL},
	{"--new-since", "%f", NULL},
	{"--vmlinux", "%f", NULL},
	{"--fail-on", "warn error fatal", NULL},
	{"--identity", "%f", NULL},
	{"-i", "%f", NULL},
	{"--image", "%f", NULL},
	{"--template", "%p", NULL},
	{"-t", "%p", NULL},
	{"--profile", "%p", NULL},
	{"-p", "%p", NULL},
	{"--level", "emerg alert crit err warn notice info debug", NULL},
	{"-l", "emerg alert crit err warn notice info debug", "dmesg"},
	{"-l", "%l", NULL},
	{"--label", "%l", NULL},
	{"--boot", "0 -1", NULL},
	{"--accept-host-key", "", NULL},
	{"--script", "", "bisect"},
	{"--exec", "", NULL},
	{"--retries", "", NULL},
	{"--cmdline", "", NULL},
	{"--template-from", "%f", NULL},
	{"--arch", "x86_64 arm64 arm riscv", NULL},
	{"--cross-compile", "aarch64-linux-gnu- arm-linux-gnueabihf-", NULL},
	{"--llvm", "%n", "build|b"},
	{"--llvm", "%n", "bd"},
	{"--llvm", "1", NULL},
	{"-i", "%n", "build|b"},
	{"-d", "%n", "build|b"},
	{"--cpu-scaling", "50 100", NULL},
	{"-S", "50 100", NULL},
	{"--warnings", "1 2 3 c e 12 1e", NULL},
	{"-w", "1 2 3 c e 12 1e", NULL},
	{"--save-log-to", "%f", NULL},
	{"-s", "%f", NULL},
	{"--cflags", "", NULL},
	{"--from-sha", "", NULL},
	{"--kconfig", "%c", NULL},
	{"--branch", "", NULL},
	{"--remark", "", NULL},
	{"-n", "", "patches"},
	{"--cpus", "", NULL},
	{"-d", "", "kconfig"},
	{"--description", "", NULL},
	{"--test", "", NULL},
	{"--prebuilt", "%f", NULL},
	{"--expect", "%f", NULL},
	{"--format", "auto ktap ltp xfstests", NULL},
	{"--junit", "%f", NULL},
	{"--ktap", "%f", NULL},
	{"--kcidb", "%f", NULL},
	{"--summary", "%f", NULL},
	{"--artifacts", "%f", NULL},
	{"--link", "ssh exec: unix:", NULL},
	{"--name", "", NULL},
	{"--reload", "", NULL},
	{"--memory", "", NULL},
	{"-m", "", NULL},
	{"--run", "", NULL},
	{"--cmd", "", NULL},
	{"--buffer", "", NULL},
	{"-c", "", NULL},
	{"--script", "%f", NULL},
	{"--timeout", "", NULL},
	{"--since", "36h 10d 2w", NULL},
	{"--html", "%f", NULL},
	{"--older-than", "36h 10d 2w", NULL},
	{"--prefix", "", NULL},
	{"--cover", "%f", NULL},
	{"--to", "", NULL},
	{"--cc", "", NULL},
	{"--in-reply-to", "", NULL},
};

static bool has_word(const struct buf *b, const char *word, size_t n)
{
	const char *all = buf_len(b) ? (const char *)buf_data(b) : "";

	for (size_t at = 0; at + n <= buf_len(b); at++)
		if (!memcmp(all + at, word, n) && (!at || all[at - 1] == ' ') &&
		    (at + n == buf_len(b) || all[at + n] == ' '))
			return true;
	return false;
}

/* Does an option begin here: first on its line, or after "[", "|" or ", "? */
static bool is_option(const char *text, const char *p)
{
	const char *before = p;

	if (*p != '-' || !isalpha(p[1 + (p[1] == '-')]))
		return false;
	while (before > text && before[-1] == ' ')
		before--;
	return before == text || strchr("\n,[|", before[-1]);
}

/* The options that a text tells, each once, blanks between. */
static int add_options(struct buf *b, const char *text)
{
	int rc = 0;

	for (const char *p = text; p && *p && rc == 0; p++) {
		size_t n = 2;

		if (!is_option(text, p))
			continue;
		while (isalpha(p[n]) || (p[n] == '-' && isalpha(p[n + 1])))
			n++;
		if (!has_word(b, p, n))
			rc = buf_printf(b, "%s%.*s", buf_len(b) ? " " : "", (int)n, p);
		p += n - 1;
	}
	return rc;
}

static int options_of(const struct cmd *c, struct buf *b)
{
	int rc = add_options(b, c->args);

	if (rc == 0)
		rc = add_options(b, c->details);
	return rc < 0 ? rc : add_options(b, "--help");
}

static void say_keys(struct ui *ui, const char *tail)
{
	for (const struct config_key *k = config_keys; k->name; k++)
		ui_out(ui, "%s%s%s", k == config_keys ? "" : " ", k->name, tail);
}

static void say_commands(struct ui *ui)
{
	for (const struct cmd *c = cmds; c->name; c++)
		ui_out(ui, "%s ", c->name);
}

/* --- bash and zsh: one function in their common language -----------------------------
 */

static const char head[] = "# What may follow the words given, one word a line; \"//\" "
			   "at the end: a file's name.\n"
			   "__kferry_next()\n"
			   "{\n"
			   "\tlocal cmd='' verb='' prev='' value='' word\n"
			   "\tfor word in \"$@\"; do\n"
			   "\t\tprev=$word\n"
			   "\t\tif [ -n \"$value\" ]; then value=''; continue; fi\n"
			   "\t\tcase $word in\n";

static const char middle[] =
	"\t\t-*) ;;\n"
	"\t\t*) if [ -z \"$cmd\" ]; then cmd=$word; else verb=${verb:-$word}; fi ;;\n"
	"\t\tesac\n"
	"\tdone\n"
	"\tcase ${value:+$prev}:$cmd in\n"
	"\t:) ;;\n";

static const char bash_tail[] =
	"_kferry()\n"
	"{\n"
	"\tlocal cur=${COMP_WORDS[COMP_CWORD]} words\n"
	"\twords=$(__kferry_next \"${COMP_WORDS[@]:1:COMP_CWORD-1}\")\n"
	"\tif [[ $words == *// ]]; then\n"
	"\t\tcompopt -o filenames\n"
	"\t\tmapfile -t COMPREPLY < <(compgen -f -- \"$cur\"; "
	"compgen -W \"${words%//}\" -- \"$cur\")\n"
	"\telse\n"
	"\t\tmapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")\n"
	"\tfi\n"
	"\t[[ ${COMPREPLY[0]-} != *= ]] || compopt -o nospace\n"
	"}\n"
	"complete -F _kferry kferry\n";

static const char zsh_tail[] =
	"_kferry()\n"
	"{\n"
	"\tlocal next\n"
	"\tnext=$(__kferry_next \"${(@)words[2,CURRENT-1]}\")\n"
	"\tcompadd -- ${=next%//}\n"
	"\tif [[ $next == *// ]]; then _files; fi\n"
	"}\n"
	"if [[ $funcstack[1] == _kferry ]]; then _kferry; else compdef _kferry kferry; "
	"fi\n";

static void say_value(struct ui *ui, const char *value)
{
	if (!strcmp(value, "%b"))
		ui_out(ui, BOARDS);
	else if (!strcmp(value, "%l"))
		ui_out(ui, LABELS);
	else if (!strcmp(value, "%p"))
		ui_out(ui, PROFILES);
	else if (!strcmp(value, "%c"))
		ui_out(ui, KCONFIGS "; echo //");
	else if (!strcmp(value, "%f"))
		ui_out(ui, "echo //");
	else if (*value && *value != '%')
		ui_out(ui, "echo '%s'", value);
	else if (*value)
		say_keys(ui, "=");
	else
		ui_out(ui, ":");
}

/* cmd: one or more words of a case, "|" between; NULL: any. */
static void say_case(struct ui *ui, const char *name, const char *cmd)
{
	size_t n;

	ui_out(ui, "\t");
	for (cmd = cmd ? cmd : "*"; *cmd; cmd += n + (cmd[n] == '|')) {
		n = strcspn(cmd, "|");
		ui_out(ui, "%s:%.*s%s", name, (int)n, cmd, cmd[n] ? "|" : ") ");
	}
}

/* Is name among the words of cmd? */
static bool is_of(const char *cmd, const char *name)
{
	size_t n;

	for (; cmd && *cmd; cmd += n + (cmd[n] == '|')) {
		n = strcspn(cmd, "|");
		if (strlen(name) == n && !memcmp(cmd, name, n))
			return true;
	}
	return !cmd;
}

static void say_valued(struct ui *ui)
{
	ui_out(ui, "%s\t\t", head);
	for (size_t i = 0; i < ARRAY_SIZE(valued); i++)
		ui_out(ui, "%s%s", i ? "|" : "", valued[i].name);
	ui_out(ui, ") value=1 ;;\n%s\t-o:|--option:*) echo '", middle);
	say_keys(ui, "=");
	ui_out(ui, "'; return ;;\n");
	for (size_t i = 0; i < ARRAY_SIZE(valued); i++) {
		if (!strcmp(valued[i].value, "%k"))
			continue;
		say_case(ui, valued[i].name, valued[i].cmd);
		if (!strcmp(valued[i].value, "%n")) {
			ui_out(ui, ";;\n");
			continue;
		}
		say_value(ui, valued[i].value);
		ui_out(ui, "; return ;;\n");
	}
	ui_out(ui, "\tesac\n\tcase $cmd in\n\t'') echo '");
	say_commands(ui);
	ui_out(ui, GLOBAL_OPTIONS "' ;;\n");
}

static void say_words(struct ui *ui, const struct cmd *c)
{
	if (c->verbs)
		ui_out(ui, "; if [ -z \"$verb\" ]; then echo '%s'; else :", c->verbs);
	if (c->words == WORDS_BOARD)
		ui_out(ui, "; " BOARDS);
	if (c->words == WORDS_ENV)
		ui_out(ui, "; " ENVS);
	if (c->words == WORDS_KCONFIG)
		ui_out(ui, "; " KCONFIGS);
	if (c->words == WORDS_FILE || c->words == WORDS_KCONFIG)
		ui_out(ui, "; echo //");
	if (c->words == WORDS_KEY || c->words == WORDS_COMMAND)
		ui_out(ui, "; echo '");
	if (c->words == WORDS_KEY)
		say_keys(ui, "");
	if (c->words == WORDS_COMMAND)
		say_commands(ui);
	if (c->words == WORDS_KEY || c->words == WORDS_COMMAND)
		ui_out(ui, "'");
	ui_out(ui, "%s ;;\n", c->verbs ? "; fi" : "");
}

static int say_sh(struct ui *ui, const char *first, const char *tail)
{
	int rc = 0;

	ui_out(ui, "%s", first);
	say_valued(ui);
	for (const struct cmd *c = cmds; c->name && rc == 0; c++) {
		_buf_ struct buf options = BUF_INIT;

		rc = options_of(c, &options);
		ui_out(ui, "\t%s%s%s) echo '%s'", c->name, c->alias ? "|" : "",
		       c->alias ? c->alias : "", rc ? "" : buf_str(&options));
		say_words(ui, c);
	}
	ui_out(ui, "\tesac\n}\n%s", tail);
	return rc;
}

/* --- fish ----------------------------------------------------------------------------
 */

static void fish_option(struct ui *ui, const char *when, const char *cmd,
			const char *name)
{
	bool is_long = name[1] == '-';
	const char *value = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(valued) && !value; i++)
		if (!strcmp(valued[i].name, name) && is_of(valued[i].cmd, cmd))
			value = valued[i].value;
	if (value && !strcmp(value, "%n"))
		value = NULL;
	ui_out(ui, "complete -c kferry %s -%c %s", when, is_long ? 'l' : 's',
	       name + 1 + is_long);
	if (value && !strcmp(value, "%b"))
		ui_out(ui, " -x -a '(" BOARDS ")'");
	else if (value && !strcmp(value, "%l"))
		ui_out(ui, " -x -a '(" LABELS ")'");
	else if (value && !strcmp(value, "%p"))
		ui_out(ui, " -x -a \"(" PROFILES ")\"");
	else if (value && !strcmp(value, "%c"))
		ui_out(ui, " -r -F -a '(" KCONFIGS ")'");
	else if (value && !strcmp(value, "%f"))
		ui_out(ui, " -r -F");
	else if (value && *value == '%')
		ui_out(ui, " -x");
	else if (value)
		ui_out(ui, " -x -a '%s'", value);
	ui_out(ui, "\n");
}

static void fish_options(struct ui *ui, const char *when, const char *cmd, char *options)
{
	for (char *one; (one = strsep(&options, " "));)
		fish_option(ui, when, cmd, one);
}

static int fish_command(struct ui *ui, const struct cmd *c)
{
	_buf_ struct buf options = BUF_INIT;
	char when[80];
	int rc = options_of(c, &options);

	if (rc < 0 || !buf_str(&options))
		return -ENOMEM;
	ui_out(ui, "complete -c kferry -n __fish_use_subcommand -a %s -d \"%s\"\n",
	       c->name, c->help);
	snprintf(when, sizeof(when), "-n '__fish_seen_subcommand_from %s%s%s'", c->name,
		 c->alias ? " " : "", c->alias ? c->alias : "");
	fish_options(ui, when, c->name, (char *)buf_str(&options));
	if (c->verbs)
		ui_out(ui,
		       "complete -c kferry -n '__fish_seen_subcommand_from %s; and not "
		       "__fish_seen_subcommand_from %s' -a '%s'\n",
		       c->name, c->verbs, c->verbs);
	if (c->verbs)
		snprintf(when, sizeof(when), "-n '__fish_seen_subcommand_from %s'",
			 c->verbs);
	if (c->words == WORDS_BOARD)
		ui_out(ui, "complete -c kferry %s -a '(" BOARDS ")'\n", when);
	if (c->words == WORDS_ENV)
		ui_out(ui, "complete -c kferry %s -a '(" ENVS ")'\n", when);
	if (c->words == WORDS_KCONFIG)
		ui_out(ui, "complete -c kferry %s -a '(" KCONFIGS ")'\n", when);
	if (c->words == WORDS_FILE || c->words == WORDS_KCONFIG)
		ui_out(ui, "complete -c kferry %s -F\n", when);
	if (c->words == WORDS_KEY || c->words == WORDS_COMMAND)
		ui_out(ui, "complete -c kferry %s -a '", when);
	if (c->words == WORDS_KEY)
		say_keys(ui, "");
	if (c->words == WORDS_COMMAND)
		say_commands(ui);
	if (c->words == WORDS_KEY || c->words == WORDS_COMMAND)
		ui_out(ui, "'\n");
	return 0;
}

static int say_fish(struct ui *ui)
{
	char globals[] = GLOBAL_OPTIONS;
	int rc = 0;

	ui_out(ui, "complete -c kferry -f\n");
	fish_options(ui, "-n __fish_use_subcommand", "", globals);
	for (const struct cmd *c = cmds; c->name && rc == 0; c++)
		rc = fish_command(ui, c);
	return rc;
}

int cmd_completion(struct cmd_env *env, int argc, char *argv[])
{
	const char *shell = argc == 2 ? argv[1] : "";
	int rc;

	if (ui_is_json(env->ui))
		return cmd_usage(env, "completion", "a script is no JSON");
	if (!strcmp(shell, "bash"))
		rc = say_sh(env->ui, "# bash completion of kferry\n", bash_tail);
	else if (!strcmp(shell, "zsh"))
		rc = say_sh(env->ui, "#compdef kferry\n", zsh_tail);
	else if (!strcmp(shell, "fish"))
		rc = say_fish(env->ui);
	else
		return cmd_usage(env, "completion", "which shell? bash, zsh or fish");
	return rc < 0 ? STATUS_ERROR : STATUS_PASS;
}
