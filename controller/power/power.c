// SPDX-License-Identifier: GPL-2.0-or-later
/* Programs that switch a board's power, and that it is on again afterwards. */
#include "controller/power/power.h"

#include <poll.h>
#include <string.h>

#include "controller/cancel.h"
#include "controller/strf.h"
#include "proto/base/clock.h"
#include "proto/base/fs.h"
#include "proto/base/proc.h"
#include "proto/reason.h"
#include "proto/text.h"

#define ON_TRIES 2	   /* a power supply that did not listen once may do so again */
#define LOG_MAX	 (1 << 20) /* of one program's output */
#define SLICE_MS 50	   /* how late a cancel is seen in a pause */

struct job {
	const struct config *cfg;
	const char *board;
	enum power_action what;
	struct power *p;
	size_t logged;
	bool given_back; /* by a power.on after something else */
};

static const char *const keys[] = {[POWER_ON] = "power.on",
				   [POWER_OFF] = "power.off",
				   [POWER_CYCLE] = "power.cycle"};

const char *power_name(enum power_action what)
{
	return keys[what] + strlen("power.");
}

static bool is_set(const struct config *cfg, const char *board, enum power_action what)
{
	const char *value = config_get(cfg, board, keys[what]);

	return value && value[strspn(value, " ")];
}

bool power_can(const struct config *cfg, const char *board, enum power_action what)
{
	return is_set(cfg, board, what) ||
	       (what == POWER_CYCLE && is_set(cfg, board, POWER_OFF) &&
		is_set(cfg, board, POWER_ON));
}

static bool is_cancelled(const struct power *p)
{
	return p->cancel && atomic_load(p->cancel);
}

/* --- one program ------------------------------------------------------------------ */

/* A log that cannot be written costs the log: the power matters more. */
static void note(const struct power *p, const void *data, size_t n)
{
	if (p->log_fd >= 0 && fs_write_all(p->log_fd, data, n) < 0)
		return;
}

static void note_line(const struct power *p, const char *head, const char *text)
{
	_free_ char *line = strf("%s%s\n", head, text);

	if (line)
		note(p, line, strlen(line));
}

static int keep_output(void *arg, int fd, const void *data, size_t n)
{
	struct job *j = arg;

	(void)fd;
	if (j->logged > LOG_MAX)
		return 0;
	j->logged += n;
	note(j->p, data, n);
	if (j->logged > LOG_MAX)
		note_line(j->p, "\n", "... and more");
	return 0;
}

static int execute(struct job *j, enum power_action what, char *const argv[],
		   const char *const env[], const atomic_bool *cancel,
		   struct kf_error *err)
{
	int64_t limit = config_ms(j->cfg, j->board, "timeout.power");
	struct proc_opts opts = {
		.inherit_env = true,
		.env_extra = env,
		.timeout_ms = (int)limit,
		.cancel = cancel,
		.on_output = keep_output,
		.arg = j,
		.reason = KF_REASON_EXEC,
	};
	char took[16];
	int r;

	j->logged = 0;
	note_line(j->p, "$ ", config_get(j->cfg, j->board, keys[what]));
	r = proc_check((const char *const *)argv, &opts, err);
	if (r == -ETIMEDOUT)
		kf_err(err, r, KF_REASON_EXEC, "%s did not end within %s (timeout.power)",
		       argv[0], text_duration(limit, took));
	if (r == -ECANCELED)
		kf_err(err, r, KF_REASON_CANCELLED, "%s was interrupted", argv[0]);
	note_line(j->p, "= ", r == 0 ? "exit status 0" : err->msg);
	return r < 0 ? kf_err_wrap(err, "%s", keys[what]) : 0;
}

/* cancel NULL: to its end, or its limit. */
static int run(struct job *j, enum power_action what, const atomic_bool *cancel,
	       struct kf_error *err)
{
	_free_ char **argv = NULL;
	_free_ char *name = strf("KFERRY_BOARD=%s", j->board);
	_free_ char *action = strf("KFERRY_POWER=%s", power_name(what));
	const char *const env[] = {name, action, NULL};
	int r = config_words(config_get(j->cfg, j->board, keys[what]), &argv);

	if (r == -EINVAL || (r == 0 && !argv[0]))
		return kf_err(err, -EINVAL, KF_REASON_CONFIG,
			      "%s: a quote is not closed, or there is no program",
			      keys[what]);
	if (r < 0 || !name || !action)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
	return execute(j, what, argv, env, cancel, err);
}

/* Did it not even begin? */
static bool was_not_run(int r)
{
	return r == -ENOENT || r == -EACCES || r == -ENOEXEC || r == -EINVAL ||
	       r == -ENOMEM;
}

/* --- what is made of them ----------------------------------------------------------- */

static int sleep_for(int64_t ms, const struct power *p)
{
	deadline_ms end = deadline_in(ms);

	while (deadline_left(end)) {
		int left = deadline_left(end);

		if (p && is_cancelled(p))
			return -ECANCELED;
		poll(NULL, 0, left < SLICE_MS ? left : SLICE_MS);
	}
	return 0;
}

/* The power comes back, whatever was before: nothing cancels that. */
static int give_back(struct job *j, struct kf_error *err)
{
	int64_t pause = config_ms(j->cfg, j->board, "power.pause");
	int r = -EINVAL;

	for (int i = 0; r < 0 && i < ON_TRIES; i++) {
		if (i > 0 && was_not_run(r))
			break;
		if (i > 0)
			(void)!sleep_for(pause, NULL);
		r = run(j, POWER_ON, NULL, err);
	}
	if (r == 0)
		j->p->maybe_off = false;
	return r;
}

/* After a program that may have taken the power: err (may be unset) is why it went wrong.
 */
static int end_on(struct job *j, struct kf_error *err)
{
	struct kf_error on = {0};
	int r = give_back(j, &on);

	j->given_back = r == 0;
	if (r == 0)
		return err->code;
	if (!err->code)
		*err = on;
	else
		kf_err(err, err->code, err->reason, "%s; %s", err->msg, on.msg);
	return err->code;
}

static int off_and_on(struct job *j, struct kf_error *err)
{
	int r;

	j->p->maybe_off = true;
	r = run(j, POWER_OFF, j->p->cancel, err);
	if (was_not_run(r)) {
		j->p->maybe_off = false;
		return r;
	}
	if (r == 0 && sleep_for(config_ms(j->cfg, j->board, "power.pause"), j->p) < 0)
		kf_err(err, -ECANCELED, KF_REASON_CANCELLED, "it was interrupted");
	return end_on(j, err);
}

static int cycle(struct job *j, struct kf_error *err)
{
	int r;

	if (!is_set(j->cfg, j->board, POWER_CYCLE))
		return off_and_on(j, err);
	j->p->maybe_off = true;
	r = run(j, POWER_CYCLE, j->p->cancel, err);
	if (r == 0 || was_not_run(r))
		j->p->maybe_off = false;
	if (r < 0 && j->p->maybe_off && is_set(j->cfg, j->board, POWER_ON))
		return end_on(j, err);
	return r;
}

static int switch_it(struct job *j, struct kf_error *err)
{
	int r;

	if (j->what == POWER_CYCLE)
		return cycle(j, err);
	r = run(j, j->what, j->p->cancel, err);
	/* When somebody asked for it to be off, that is no news. */
	j->p->maybe_off = r < 0 && !was_not_run(r);
	return r;
}

static int not_set(const char *board, enum power_action what, struct kf_error *err)
{
	return kf_err(err, -ENOENT, KF_REASON_CONFIG,
		      "%s is not configured for %s%s: `kferry config set -b %s %s "
		      "'PROGRAM ARGUMENT...'`",
		      keys[what], board,
		      what == POWER_CYCLE ? ", nor power.off and power.on" : "", board,
		      keys[what]);
}

int power_do(const struct config *cfg, const char *board, enum power_action what,
	     struct power *p, struct kf_error *err)
{
	struct job j = {.cfg = cfg, .board = board, .what = what, .p = p};
	struct kf_error inner = {0};
	int r;

	p->maybe_off = false;
	if (!power_can(cfg, board, what))
		return not_set(board, what, err);
	if (is_cancelled(p))
		return kf_err(err, -ECANCELED, KF_REASON_CANCELLED,
			      "interrupted before the power was switched");
	r = switch_it(&j, &inner);
	if (r == 0)
		return 0;
	if (p->maybe_off)
		return kf_err(
			err, r, inner.reason,
			"%s; the board may be off: `kferry power %s %s`", inner.msg,
			power_name(is_set(cfg, board, POWER_ON) ? POWER_ON : POWER_CYCLE),
			board);
	return kf_err(err, r, inner.reason, "%s%s", inner.msg,
		      j.given_back ? "; it was switched on again" : "");
}
