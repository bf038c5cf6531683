/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The commands: one table, one file per command (cmd_<name>.c).
 *
 * A command parses its own options with getopt_long(), does its work through the modules
 * beside it, and returns the exit status (EXIT_* below).  It never calls exit().
 */
#ifndef KF_CMD_H
#define KF_CMD_H

#include "controller/cancel.h"
#include "controller/config/config.h"
#include "controller/ui/ui.h"
#include "proto/base/clock.h"

/* Exit statuses (design section 5). */
enum {
	STATUS_PASS = 0,
	STATUS_FAIL = 1,  /* the kernel's fault */
	STATUS_ERROR = 2, /* board, power, network, this machine */
	STATUS_USAGE = 64,
	STATUS_NO_BOARD = 75, /* no board in time: held by somebody else */
};

struct cmd_env {
	struct config *cfg;
	struct ui *ui;
	const char *board; /* -b BOARD given before the command, or NULL */
};

/* What a command's further words are, for completions. */
enum cmd_words {
	WORDS_NONE,
	WORDS_BOARD,
	WORDS_KEY,
	WORDS_COMMAND,
	WORDS_FILE,
	WORDS_ENV,     /* names of environments */
	WORDS_KCONFIG, /* names of kconfig's store, and files */
};

struct cmd {
	const char *name;
	const char *alias; /* kw's short form, or NULL */
	int (*run)(struct cmd_env *env, int argc,
		   char *argv[]); /* argv[0] is the command's name */
	const char *args;	  /* "[BOARD...] [--from FILE]" */
	const char *help;	  /* one line */
	const char
		*details; /* its options and verbs, for `kferry help NAME` and --help */
	const char *examples; /* command lines, one a line */
	const char *verbs; /* "add list rm": its first argument is one of them, or NULL */
	enum cmd_words words; /* behind the verb */
	bool no_config;	      /* runs without loading the configuration */
	/* What its caller understands in place of that status, also of one that came
	 * before run(); NULL: it is as it is. */
	int (*status)(int argc, char *const argv[], int status);
	bool caches;   /* it uses the cache, and is not to be disturbed by clean */
	bool notifies; /* its end is worth a notification (notify.command) */
};

extern const struct cmd cmds[]; /* cmd_table.c; ends with a NULL name */

int cmd_init(struct cmd_env *env, int argc, char *argv[]);
int cmd_import(struct cmd_env *env, int argc, char *argv[]);
int cmd_config(struct cmd_env *env, int argc, char *argv[]);
int cmd_env(struct cmd_env *env, int argc, char *argv[]);
int cmd_kconfig(struct cmd_env *env, int argc, char *argv[]);
int cmd_board(struct cmd_env *env, int argc, char *argv[]);
int cmd_build(struct cmd_env *env, int argc, char *argv[]);
int cmd_pack(struct cmd_env *env, int argc, char *argv[]);
int cmd_deploy(struct cmd_env *env, int argc, char *argv[]);
int cmd_bd(struct cmd_env *env, int argc, char *argv[]);
int cmd_bisect(struct cmd_env *env, int argc, char *argv[]);
int cmd_bisect_status(int argc, char *const argv[], int status);
int cmd_reboot(struct cmd_env *env, int argc, char *argv[]);
int cmd_power(struct cmd_env *env, int argc, char *argv[]);
int cmd_log(struct cmd_env *env, int argc, char *argv[]);
int cmd_dmesg(struct cmd_env *env, int argc, char *argv[]);
int cmd_console(struct cmd_env *env, int argc, char *argv[]);
int cmd_kernels(struct cmd_env *env, int argc, char *argv[]);
int cmd_module(struct cmd_env *env, int argc, char *argv[]);
int cmd_trace(struct cmd_env *env, int argc, char *argv[]);
int cmd_drm(struct cmd_env *env, int argc, char *argv[]);
int cmd_gui(struct cmd_env *env, int argc, char *argv[]);
/* Their help, where it is long. */
extern const char cmd_trace_details[], cmd_drm_details[], cmd_gui_details[],
	cmd_kconfig_details[], cmd_test_details[], cmd_deploy_details[], cmd_bd_details[],
	cmd_bisect_details[], cmd_board_details[], cmd_log_details[], cmd_vm_details[],
	cmd_send_details[];
int cmd_test(struct cmd_env *env, int argc, char *argv[]);
int cmd_results(struct cmd_env *env, int argc, char *argv[]);
int cmd_report(struct cmd_env *env, int argc, char *argv[]);
int cmd_exec(struct cmd_env *env, int argc, char *argv[]);
int cmd_maintainers(struct cmd_env *env, int argc, char *argv[]);
int cmd_checkpatch(struct cmd_env *env, int argc, char *argv[]);
int cmd_send(struct cmd_env *env, int argc, char *argv[]);
int cmd_patches(struct cmd_env *env, int argc, char *argv[]);
int cmd_put(struct cmd_env *env, int argc, char *argv[]);
int cmd_get(struct cmd_env *env, int argc, char *argv[]);
int cmd_shell(struct cmd_env *env, int argc, char *argv[]);
int cmd_session(struct cmd_env *env, int argc, char *argv[]);
int cmd_vm(struct cmd_env *env, int argc, char *argv[]);
int cmd_backup(struct cmd_env *env, int argc, char *argv[]);
int cmd_restore(struct cmd_env *env, int argc, char *argv[]);
int cmd_clean(struct cmd_env *env, int argc, char *argv[]);
int cmd_completion(struct cmd_env *env, int argc, char *argv[]);
int cmd_help(struct cmd_env *env, int argc, char *argv[]);
int cmd_version(struct cmd_env *env, int argc, char *argv[]);

/* Print "kferry NAME: text" and how to get help; returns STATUS_USAGE. */
int cmd_usage(const struct cmd_env *env, const char *name, const char *fmt, ...)
	_printf_(3, 4);
/* After getopt_long() gave '?' or ':' (its option string begins with ':' or "+:"): say
 * what is wrong; STATUS_USAGE. */
int cmd_bad_option(const struct cmd_env *env, const char *name, char *const argv[]);
/* Print err for board and return the exit status that its reason means. */
int cmd_fail(const struct cmd_env *env, const char *board, const struct kf_error *err);
/* The status for a reason: BUSY 75, USAGE 64,
 * BUILD/FELL_BACK/WRONG_KERNEL/UNHEALTHY/MODULE/TESTS 1, else 2. */
int cmd_status(int reason);
/* The command of that name or alias, or NULL. */
const struct cmd *cmd_find(const char *name);
/* Say that there is none, and the one that was meant, if one is near; STATUS_USAGE. */
int cmd_unknown(const struct cmd_env *env, const char *name);
/* The deadline of a connection to this board, from timeout.connect. */
deadline_ms cmd_connect_deadline(const struct cmd_env *env, const char *board);
/* Connect to its agent in that time; with -v it is told how.  first: as that of
 * client_open_asking(). */
struct client;
struct Kferry__Envelope;
int cmd_connect(const struct cmd_env *env, const char *board,
		const struct Kferry__Envelope *first, struct client **ret,
		struct kf_error *err) _must_check_;
/* The board a command is for: arg, else -b, else the default; NULL with a message
 * printed (then: STATUS_USAGE). */
const char *cmd_board_arg(const struct cmd_env *env, const char *name, const char *arg);

/* Find the boards that p asks for; where it names none: -b's, else, without labels, the
 * default.  0, or STATUS_USAGE when what is wrong was said. */
struct pick;
int cmd_boards(const struct cmd_env *env, const char *name, struct pick *p);

/* --strict: what kernel.require wants is an error where it lacks.  false: it was told why
 * that cannot be set. */
bool cmd_strict(const struct cmd_env *env);
/* Whose profile says how to build: -b, else the default board, else NULL (the tree's).
 * false: there is no such board, and that was said. */
bool cmd_build_board(const struct cmd_env *env, const char *name, const char **ret);

#endif
