// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A board that does not come back is power cycled, if its power can be switched.  The
 * boot chain has used up its one-shot by then, or uses it now: what comes up is looked at
 * as after any reboot, so that a kernel is judged by what it left, and not by the hand
 * that ended it.
 */
#include <string.h>

#include "controller/cancel.h"
#include "controller/deploy/deploy_internal.h"
#include "controller/power/power.h"
#include "proto/base/clock.h"
#include "proto/reason.h"

static void record(struct deploy *d, bool ok, bool maybe_off, int64_t took_ms,
		   const struct kf_error *err)
{
	json_t *fields =
		json_pack("{s:s, s:b, s:b, s:s}", "action", "cycle", "ok", (int)ok,
			  "maybe_off", (int)maybe_off, "log", "power.log");

	run_step(d->run, "power", took_ms, json_incref(fields));
	if (ok)
		ui_step(d->ui, "power", d->board, took_ms, fields,
			"it did not come back: switched off and on");
	else
		ui_step(d->ui, "power", d->board, took_ms, fields,
			"it did not come back, and the power cycle failed: %s", err->msg);
}

static int cycle(struct deploy *d, struct kf_error *err)
{
	struct power p = {.cancel = cancel_flag()};
	int64_t start = clock_now_ms();
	struct kf_error inner = {0};
	int r;

	ui_progress(d->ui, "power", d->board, 0, 0, "it did not come back: power cycle");
	p.log_fd = run_create(d->run, "power.log", &inner);
	if (p.log_fd < 0)
		ui_warn(d->ui, "%s: %s", d->board, inner.msg);
	r = power_do(d->cfg, d->board, POWER_CYCLE, &p, err);
	cleanup_close(&p.log_fd);
	record(d, r == 0, p.maybe_off, clock_now_ms() - start, err);
	return r;
}

/* what was tried is in err; why: how it began. */
static int lost(const struct kf_error *why, struct kf_error *err)
{
	return kf_err(err, -ENODEV, KF_REASON_BOARD_LOST,
		      "board lost: %.320s; %.320s; see to its power, its console and its "
		      "network",
		      why->msg, err->msg);
}

int rescue_board(struct deploy *d, struct kf_error *err)
{
	int64_t limit = config_ms(d->cfg, d->board, "timeout.reboot") +
			config_ms(d->cfg, d->board, "timeout.confirm");
	struct kf_error why = *err;
	int r;

	if (!power_can(d->cfg, d->board, POWER_CYCLE))
		return err->code;
	if (d->rescue.tried) {
		kf_err(err, err->code, err->reason, "it was power cycled once before");
		return lost(&why, err);
	}
	d->rescue.tried = true;
	*err = (struct kf_error){0};
	r = cycle(d, err);
	d->rescue.interrupted = r == -ECANCELED;
	if (r == -ECANCELED)
		return r;
	if (r < 0) {
		kf_err_wrap(err, "it could not be power cycled");
		return lost(&why, err);
	}
	/* Between the reboot and now there is another time than that of its firmware. */
	d->boot.down = 0;
	r = wait_for_boot(d->cfg, d->ui, d->board, &d->boot, deadline_in(limit),
			  &d->client, err);
	d->rescue.came_back = r == 0;
	if (r != -ETIMEDOUT)
		return r;
	kf_err_wrap(err, "after a power cycle");
	return lost(&why, err);
}

void rescue_tell(const struct deploy *d, int r, char text[static 256],
		 struct kf_error *err)
{
	static const char how[] = "it came back by a power cycle only";
	size_t n = strlen(text);

	if (!d->rescue.came_back)
		return;
	if (r == 0)
		snprintf(text + n, 256 - n, "; %s", how);
	else if (r < 0)
		kf_err(err, err->code, err->reason, "%s; %s", err->msg, how);
}
