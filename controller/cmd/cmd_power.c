// SPDX-License-Identifier: GPL-2.0-or-later
/* kferry power: switch boards on and off by the programs that are configured for it. */
#include <getopt.h>
#include <string.h>

#include "controller/cmd/cmd.h"
#include "controller/fleet/each.h"
#include "controller/power/power.h"

static const char *const done[] = {[POWER_ON] = "switched on",
				   [POWER_OFF] = "switched off",
				   [POWER_CYCLE] = "switched off and on"};

static int power_one(struct cmd_env *env, const char *board, void *arg)
{
	enum power_action what = *(const enum power_action *)arg;
	struct power p = {.log_fd = -1, .cancel = cancel_flag()};
	int64_t start = clock_now_ms();
	struct kf_error err = {0};
	int r;

	ui_progress(env->ui, "power", board, 0, 0, power_name(what));
	r = power_do(env->cfg, board, what, &p, &err);
	ui_progress_end(env->ui, board);
	if (r < 0)
		return cmd_fail(env, board, &err);
	ui_step(env->ui, "power", board, clock_now_ms() - start,
		json_pack("{s:s}", "action", power_name(what)), "%s", done[what]);
	return STATUS_PASS;
}

static int parse_action(const char *word, enum power_action *ret)
{
	for (enum power_action a = POWER_ON; a <= POWER_CYCLE; a++) {
		if (strcmp(word, power_name(a)) == 0) {
			*ret = a;
			return 0;
		}
	}
	return -EINVAL;
}

int cmd_power(struct cmd_env *env, int argc, char *argv[])
{
	static const struct option options[] = {
		{"board", required_argument, NULL, 'b'},
		{"label", required_argument, NULL, 'l'},
		{NULL, 0, NULL, 0},
	};
	_pick_ struct pick pick = {0};
	enum power_action what;
	int c, r = 0;

	while (r == 0 && (c = getopt_long(argc, argv, ":b:l:", options, NULL)) != -1) {
		if (c == 'b')
			r = pick_add(&pick, optarg);
		else if (c == 'l')
			r = pick_add_label(&pick, optarg);
		else
			return cmd_bad_option(env, "power", argv);
	}
	if (optind == argc || parse_action(argv[optind], &what) < 0)
		return cmd_usage(env, "power", "on, off or cycle");
	for (int i = optind + 1; r == 0 && i < argc; i++)
		r = pick_add(&pick, argv[i]);
	if (r < 0)
		return STATUS_ERROR;
	r = cmd_boards(env, "power", &pick);
	return r ? r : each_board(env, &pick, true, power_one, &what);
}
