// SPDX-License-Identifier: GPL-2.0-or-later
/* kferry backup and restore: what kferry knows of its user, in a file and back. */
#include <getopt.h>
#include <string.h>

#include "controller/backup/backup.h"
#include "controller/cmd/cmd.h"
#include "proto/text.h"

/* Both take a file and --force.  A status; 0: *ret_file is the file. */
static int parse(struct cmd_env *env, int argc, char *argv[], bool *ret_force,
		 const char **ret_file)
{
	static const struct option options[] = {
		{"force", no_argument, NULL, 'f'},
		{0},
	};
	int c;

	while ((c = getopt_long(argc, argv, ":f", options, NULL)) != -1) {
		if (c != 'f')
			return cmd_bad_option(env, argv[0], argv);
		*ret_force = true;
	}
	if (argc - optind != 1)
		return cmd_usage(env, argv[0], "it takes one file");
	*ret_file = argv[optind];
	return 0;
}

static void tell(struct cmd_env *env, const char *what, const char *file,
		 const struct backup_sum *sum)
{
	json_t *event = json_pack("{s:s, s:s, s:I, s:I, s:I, s:b}", "event", what, "file",
				  file, "files", (json_int_t)sum->files, "bytes",
				  (json_int_t)sum->bytes, "same", (json_int_t)sum->same,
				  "history", (int)sum->history);

	if (event)
		ui_json(env->ui, event);
}

/* Keys stay where they are: which, one wants to know before the disk is gone. */
static void tell_keys(struct cmd_env *env)
{
	const char *board;

	for (size_t i = 0; (board = config_board(env->cfg, i)); i++) {
		const char *key = config_get(env->cfg, board, "board.identity");

		if (key && *key)
			ui_note(env->ui, "left out: %s: the private key of %s", key,
				board);
	}
}

int cmd_backup(struct cmd_env *env, int argc, char *argv[])
{
	struct backup_sum sum = {0};
	struct kf_error err = {0};
	const char *file = NULL;
	bool force = false;
	char size[16];
	int rc = parse(env, argc, argv, &force, &file);

	if (rc)
		return rc;
	if (backup_write(env->cfg, env->ui, file, force, &sum, &err) < 0)
		return cmd_fail(env, NULL, &err);
	tell_keys(env);
	ui_out(env->ui, "%s: %llu files, %s%s\n", file, (unsigned long long)sum.files,
	       text_bytes(sum.bytes, size), sum.history ? ", with the history" : "");
	tell(env, "backup", file, &sum);
	return STATUS_PASS;
}

int cmd_restore(struct cmd_env *env, int argc, char *argv[])
{
	struct backup_sum sum = {0};
	struct kf_error err = {0};
	const char *file = NULL;
	bool force = false;
	int rc = parse(env, argc, argv, &force, &file);

	if (rc)
		return rc;
	if (backup_restore(env->cfg, file, force, &sum, &err) < 0)
		return cmd_fail(env, NULL, &err);
	ui_out(env->ui, "%llu files restored%s; %llu were there already\n",
	       (unsigned long long)sum.files, sum.history ? ", with the history" : "",
	       (unsigned long long)sum.same);
	tell(env, "restore", file, &sum);
	return STATUS_PASS;
}
