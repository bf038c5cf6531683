// SPDX-License-Identifier: GPL-2.0-or-later
/* kferry dmesg: a board's kernel log as dmesg(1) shows it, live or of an earlier boot. */
#include <getopt.h>
#include <string.h>

#include "controller/client.h"
#include "controller/cmd/cmd.h"
#include "controller/cmd/dmesg_cmd.h"
#include "controller/fleet/each.h"
#include "controller/log/kept.h"
#include "proto/reason.h"

#define STALL_MS 60000 /* a log that is not followed must go on coming */
#define WATCH_MS 15000 /* one that is followed may be silent, its board not */

struct args {
	const char *board, *command;
	long boot;
	bool follow, list, keep;
	unsigned level; /* as in LogRequest */
};

static const char *const levels[] = {"emerg", "alert",	"crit", "err",
				     "warn",  "notice", "info", "debug"};

static int parse_level(const char *text, unsigned *ret)
{
	for (unsigned i = 0; i < ARRAY_SIZE(levels); i++) {
		if (!strcmp(text, levels[i]) ||
		    (text[0] == (char)('0' + i) && !text[1])) {
			*ret = i + 1;
			return 0;
		}
	}
	return -EINVAL;
}

static int receive(const struct args *a, struct client *c, struct dmesg_out *out,
		   struct kf_error *err)
{
	struct peer_event ev;

	for (;;) {
		deadline_ms deadline = a->follow ? DEADLINE_NEVER : deadline_in(STALL_MS);
		int rc = client_next(c, deadline, &ev, err);

		/* Live, the last record is whole although none follows yet. */
		if (rc == 0 && ev.type == PEER_DATA)
			rc = dmesg_out_take(out, ev.data, ev.len,
					    a->follow || ev.flags & FRAME_END, err);
		if (rc < 0)
			return rc;
		if (ui_out_error(out->ui) ||
		    (ev.type == PEER_ENVELOPE &&
		     ev.env->body_case == KFERRY__ENVELOPE__BODY_DONE))
			return 0;
	}
}

static int read_log(struct cmd_env *env, const struct args *a, struct dmesg_out *out,
		    struct kf_error *err)
{
	Kferry__LogRequest q = KFERRY__LOG_REQUEST__INIT;
	Kferry__Envelope request = CLIENT_ENVELOPE(LOG_REQUEST, log_request, &q);
	struct client *c;
	int rc;

	q.boot = (int32_t)a->boot;
	q.follow = a->follow;
	q.max_level = a->level;
	rc = cmd_connect(env, a->board, &request, &c, err);
	if (rc < 0)
		return rc;
	rc = client_request(c, &request, cmd_connect_deadline(env, a->board), err);
	client_watch(c, a->follow ? WATCH_MS : 0);
	if (rc == 0)
		rc = receive(a, c, out, err);
	client_close(c);
	/* Ctrl-C is how one stops following. */
	return rc == -ECANCELED && a->follow ? 0 : rc;
}

/* --history: also of what ends badly. */
static int keep(struct cmd_env *env, const struct args *a, const struct kept *h,
		int status, struct kf_error *err)
{
	json_t *info = json_pack("{s:s, s:s*, s:i, s:i}", "board", a->board, "command",
				 a->command, "boot", (int)a->boot, "status", status);

	ui_note(env->ui, "%s: kept in %s", a->board, h->dir);
	return kept_tell(h, info, err);
}

static int run(struct cmd_env *env, const struct args *a, int *ret_status,
	       struct kf_error *err)
{
	_kept_ struct kept history = KEPT_INIT;
	_dmesg_out_ struct dmesg_out out;
	struct kf_error late = {0};
	int rc = 0;

	dmesg_out_init(&out, env->ui);
	out.level = a->level;
	if (a->keep) {
		rc = kept_open(env->cfg, a->board, "dmesg", &history, err);
		out.fd = rc < 0 ? rc : kept_create(&history, "dmesg", err);
		if (out.fd < 0)
			return out.fd;
	}
	if (a->command)
		rc = dmesg_cmd(env, a->board, a->command, &out, ret_status, err);
	else
		rc = read_log(env, a, &out, err);
	if (a->keep && keep(env, a, &history, *ret_status, &late) < 0 && rc == 0) {
		*err = late;
		rc = late.code;
	}
	return rc;
}

static const char *end_name(Kferry__BootEnd end)
{
	switch (end) {
	case KFERRY__BOOT_END__BOOT_END_REBOOT:
		return "reboot";
	case KFERRY__BOOT_END__BOOT_END_DEADLINE:
		return "deadline";
	case KFERRY__BOOT_END__BOOT_END_CRASH:
		return "crash";
	case KFERRY__BOOT_END__BOOT_END_LOST:
		return "lost";
	default:
		return "";
	}
}

static json_t *show_boot(struct cmd_env *env, const Kferry__Boot *b, size_t before)
{
	const char *end = before ? end_name(b->end) : "runs";

	ui_out_paint(env->ui, before ? UI_PLAIN : UI_BOLD,
		     "%4d  %-10s  %-8s  %-3s  %6zu  %s\n", -(int)before,
		     *b->slot ? b->slot : "foreign", *end ? end : "unknown",
		     b->has_log ? "yes" : "no", b->n_pstore, b->release);
	return json_pack("{s:i, s:s, s:s, s:s, s:s, s:b, s:i}", "boot", -(int)before,
			 "boot_id", b->boot_id, "slot", b->slot, "release", b->release,
			 "end", before ? end : "", "log", (int)b->has_log, "pstore",
			 (int)b->n_pstore);
}

/* What --boot may name. */
static int list(struct cmd_env *env, const struct args *a, struct kf_error *err)
{
	Kferry__BootsRequest q = KFERRY__BOOTS_REQUEST__INIT;
	Kferry__Envelope request = CLIENT_ENVELOPE(BOOTS_REQUEST, boots_request, &q);
	const Kferry__Envelope *answer;
	struct client *c;
	json_t *boots;
	int rc;

	rc = cmd_connect(env, a->board, &request, &c, err);
	if (rc < 0)
		return rc;
	rc = client_call(c, &request, KFERRY__ENVELOPE__BODY_BOOTS,
			 cmd_connect_deadline(env, a->board), &answer, err);
	if (rc == 0) {
		ui_out(env->ui, "BOOT  SLOT        END       LOG  PSTORE  RELEASE\n");
		boots = json_array();
		for (size_t i = 0; i < answer->boots->n_boot; i++)
			json_array_append_new(boots,
					      show_boot(env, answer->boots->boot[i], i));
		ui_json(env->ui, json_pack("{s:s, s:s, s:o}", "event", "boots", "board",
					   a->board, "boots", boots));
	}
	client_close(c);
	return rc;
}

static int check(const struct cmd_env *env, const struct args *a)
{
	if (a->follow && a->boot)
		return cmd_usage(env, "dmesg", "an earlier boot cannot be followed");
	if (a->command && (a->follow || a->boot))
		return cmd_usage(env, "dmesg",
				 "--cmd is from its start to its end: no %s with it",
				 a->follow ? "--follow" : "--boot");
	if (a->command && !*a->command)
		return cmd_usage(env, "dmesg", "--cmd of nothing");
	if (a->list && (a->follow || a->boot || a->level || a->command || a->keep))
		return cmd_usage(env, "dmesg", "--list stands alone");
	return 0;
}

static int parse(struct cmd_env *env, int argc, char *argv[], struct pick *boards,
		 struct args *ret)
{
	static const struct option options[] = {
		{"board", required_argument, NULL, 'b'},
		{"label", required_argument, NULL, 'B'},
		{"follow", no_argument, NULL, 'f'},
		{"boot", required_argument, NULL, 'n'},
		{"level", required_argument, NULL, 'l'},
		{"list", no_argument, NULL, 'L'},
		{"cmd", required_argument, NULL, 'c'},
		{"history", no_argument, NULL, 'H'},
		{NULL, 0, NULL, 0},
	};
	char *end;
	int c, rc = 0;

	while (rc == 0 &&
	       (c = getopt_long(argc, argv, ":b:c:fl:", options, NULL)) != -1) {
		if (c == 'b') {
			rc = pick_add(boards, optarg);
		} else if (c == 'B') {
			rc = pick_add_label(boards, optarg);
		} else if (c == 'f') {
			ret->follow = true;
		} else if (c == 'L') {
			ret->list = true;
		} else if (c == 'H') {
			ret->keep = true;
		} else if (c == 'c') {
			ret->command = optarg;
		} else if (c == 'n') {
			errno = 0;
			ret->boot = strtol(optarg, &end, 10);
			if (errno || *end || end == optarg || ret->boot > 0 ||
			    ret->boot < INT32_MIN)
				return cmd_usage(env, "dmesg",
						 "--boot takes 0, -1, -2, ...");
		} else if (c == 'l') {
			if (parse_level(optarg, &ret->level) < 0)
				return cmd_usage(env, "dmesg",
						 "\"%s\" is no level: emerg to debug, or "
						 "0 to 7",
						 optarg);
		} else {
			return cmd_bad_option(env, "dmesg", argv);
		}
	}
	for (int i = optind; rc == 0 && i < argc; i++)
		rc = pick_add(boards, argv[i]);
	if (rc < 0)
		return STATUS_ERROR;
	rc = check(env, ret);
	return rc ? rc : cmd_boards(env, "dmesg", boards);
}

static int dmesg_one(struct cmd_env *env, const char *board, void *arg)
{
	struct args a = *(const struct args *)arg;
	struct kf_error err = {0};
	int status = STATUS_PASS, rc;

	a.board = board;
	rc = a.list ? list(env, &a, &err) : run(env, &a, &status, &err);
	return rc < 0 ? cmd_fail(env, board, &err) : status;
}

int cmd_dmesg(struct cmd_env *env, int argc, char *argv[])
{
	_pick_ struct pick boards = {0};
	struct args a = {0};
	int rc = parse(env, argc, argv, &boards, &a);

	return rc ? rc : each_board(env, &boards, a.follow || a.command, dmesg_one, &a);
}
