// SPDX-License-Identifier: GPL-2.0-or-later
/* kferry dmesg: a board's kernel log as dmesg(1) shows it, live or of an earlier boot. */
#include <getopt.h>
#include <inttypes.h>
#include <string.h>

#include "controller/client.h"
#include "controller/cmd/cmd.h"
#include "controller/fleet/each.h"
#include "proto/kmsg.h"
#include "proto/limits.h"
#include "proto/reason.h"

#define STALL_MS 60000 /* a log that is not followed must go on coming */
#define WATCH_MS 15000 /* one that is followed may be silent, its board not */

struct args {
	const char *board;
	long boot;
	bool follow, list;
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

static enum ui_paint paint_of(unsigned level)
{
	return level <= 3 ? UI_RED : level == 4 ? UI_YELLOW : UI_PLAIN;
}

static void show(struct cmd_env *env, const char *data, size_t n)
{
	struct kmsg_record r;

	/* What cannot be read is shown as it came rather than not at all. */
	if (kmsg_parse(data, n, &r) < 0) {
		ui_out(env->ui, "%.*s%s", (int)n, data,
		       n && data[n - 1] == '\n' ? "" : "\n");
		return;
	}
	ui_out_paint(env->ui, paint_of(r.level), "[%5" PRIu64 ".%06" PRIu64 "] %.*s\n",
		     r.usec / 1000000, r.usec % 1000000, (int)r.text_len, r.text);
	if (ui_is_json(env->ui))
		ui_json(env->ui,
			json_pack("{s:s, s:I, s:I, s:i, s:i, s:s%}", "event", "record",
				  "usec", (json_int_t)r.usec, "seq", (json_int_t)r.seq,
				  "level", (int)r.level, "facility", (int)r.facility,
				  "text", r.text, (size_t)r.text_len));
}

/* Show the whole records that have come. */
static void take(struct cmd_env *env, struct buf *b, bool end)
{
	size_t n;

	while (buf_len(b) &&
	       (n = kmsg_record_len((const char *)buf_data(b), buf_len(b), end))) {
		show(env, (const char *)buf_data(b), n);
		buf_consume(b, n);
	}
}

static int receive(struct cmd_env *env, const struct args *a, struct client *c,
		   struct kf_error *err)
{
	_buf_ struct buf records = {.max = LIMIT_DATA + 2 * LIMIT_KMSG_RECORD};
	struct peer_event ev;

	for (;;) {
		deadline_ms deadline = a->follow ? DEADLINE_NEVER : deadline_in(STALL_MS);
		int rc = client_next(c, deadline, &ev, err);

		if (rc < 0)
			return rc;
		if (ev.type == PEER_DATA) {
			rc = buf_append(&records, ev.data, ev.len);
			if (rc < 0)
				return kf_err(err, rc, KF_REASON_PROTOCOL,
					      "a record of the log is too long");
			/* Live, the last record is whole although none follows yet. */
			take(env, &records, a->follow || ev.flags & FRAME_END);
		}
		if (ui_out_error(env->ui) ||
		    (ev.type == PEER_ENVELOPE &&
		     ev.env->body_case == KFERRY__ENVELOPE__BODY_DONE))
			return 0;
	}
}

static int run(struct cmd_env *env, const struct args *a, struct kf_error *err)
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
		rc = receive(env, a, c, err);
	client_close(c);
	/* Ctrl-C is how one stops following. */
	return rc == -ECANCELED && a->follow ? 0 : rc;
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
		{NULL, 0, NULL, 0},
	};
	char *end;
	int c, rc = 0;

	while (rc == 0 && (c = getopt_long(argc, argv, ":b:fl:", options, NULL)) != -1) {
		if (c == 'b') {
			rc = pick_add(boards, optarg);
		} else if (c == 'B') {
			rc = pick_add_label(boards, optarg);
		} else if (c == 'f') {
			ret->follow = true;
		} else if (c == 'L') {
			ret->list = true;
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
	if (ret->follow && ret->boot)
		return cmd_usage(env, "dmesg", "an earlier boot cannot be followed");
	if (ret->list && (ret->follow || ret->boot || ret->level))
		return cmd_usage(env, "dmesg", "--list stands alone");
	return cmd_boards(env, "dmesg", boards);
}

static int dmesg_one(struct cmd_env *env, const char *board, void *arg)
{
	struct args a = *(const struct args *)arg;
	struct kf_error err = {0};
	int rc;

	a.board = board;
	rc = a.list ? list(env, &a, &err) : run(env, &a, &err);
	return rc < 0 ? cmd_fail(env, board, &err) : STATUS_PASS;
}

int cmd_dmesg(struct cmd_env *env, int argc, char *argv[])
{
	_pick_ struct pick boards = {0};
	struct args a = {0};
	int rc = parse(env, argc, argv, &boards, &a);

	return rc ? rc : each_board(env, &boards, a.follow, dmesg_one, &a);
}
