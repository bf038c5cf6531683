// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Attempts start close together and grow apart: a virtual board is back in seconds, and
 * an attempt at one that is down costs little; later ones should not keep a board busy
 * with logins while it boots.
 */
#include "controller/deploy/wait.h"

#include <poll.h>
#include <string.h>

#include "controller/cancel.h"
#include "proto/reason.h"
#include "proto/text.h"

#define FIRST_PAUSE 250
#define LAST_PAUSE  2000
#define REDRAW	    250

/* May another attempt end otherwise?  A login may be refused while a board boots. */
static bool may_pass(int reason)
{
	switch (reason) {
	case KF_REASON_HOST_KEY:
	case KF_REASON_CONFIG:
	case KF_REASON_NOT_FOUND:
	case KF_REASON_USAGE:
	case KF_REASON_CANCELLED:
	case KF_REASON_NO_MEMORY:
	case KF_REASON_VERSION:
		return false;
	default:
		return true;
	}
}

struct wait {
	const struct config *cfg;
	struct ui *ui;
	const char *board, *stage, *old_boot_id;
	deadline_ms deadline;
};

/* Sleep, showing the time that passes. */
static int pause_for(const struct wait *w, int ms)
{
	deadline_ms end = deadline_in(ms);
	struct pollfd fd = {.fd = cancel_fd(), .events = POLLIN};

	if (end > w->deadline)
		end = w->deadline;
	while (deadline_left(end)) {
		int left = deadline_left(end);

		ui_progress(w->ui, w->stage, w->board, 0, 0, "waiting until it is back");
		poll(&fd, 1, left < REDRAW ? left : REDRAW);
		if (atomic_load(cancel_flag()))
			return -ECANCELED;
	}
	return 0;
}

static int attempt(const struct wait *w, struct client **ret, struct kf_error *err)
{
	deadline_ms end = deadline_in(config_ms(w->cfg, w->board, "timeout.connect"));
	struct client *c;
	int rc;

	rc = client_open(w->cfg, w->board, end < w->deadline ? end : w->deadline, &c,
			 err);
	if (rc < 0)
		return rc;
	if (w->old_boot_id && !strcmp(client_hello(c)->boot_id, w->old_boot_id)) {
		client_close(c);
		return kf_err(err, -EAGAIN, KF_REASON_TIMEOUT,
			      "it is still up and has not rebooted");
	}
	*ret = c;
	return 0;
}

static int wait_for(const struct wait *w, struct client **ret, struct kf_error *err)
{
	int64_t began = clock_now_ms();
	int pause = FIRST_PAUSE;
	struct kf_error last = {0};
	char took[16];

	for (;;) {
		int rc = pause_for(w, pause);

		if (rc < 0)
			return kf_err(err, rc, KF_REASON_CANCELLED, "cancelled");
		if (last.code && !deadline_left(w->deadline))
			return kf_err(err, -ETIMEDOUT, KF_REASON_TIMEOUT,
				      "it was not back after %s; last: %s",
				      text_duration(clock_now_ms() - began, took),
				      last.msg);
		rc = attempt(w, ret, &last);
		if (rc == 0)
			return 0;
		if (!may_pass(last.reason))
			return kf_err(err, last.code, last.reason, "%s", last.msg);
		ui_debug(w->ui, "%s: not back yet: %s", w->board, last.msg);
		pause = pause * 3 / 2 < LAST_PAUSE ? pause * 3 / 2 : LAST_PAUSE;
	}
}

int wait_for_boot(const struct config *cfg, struct ui *ui, const char *board,
		  const char *old_boot_id, deadline_ms deadline, struct client **ret,
		  struct kf_error *err)
{
	struct wait w = {cfg, ui, board, "reboot", old_boot_id, deadline};

	return wait_for(&w, ret, err);
}

int wait_for_agent(const struct config *cfg, struct ui *ui, const char *board,
		   const char *stage, deadline_ms deadline, struct client **ret,
		   struct kf_error *err)
{
	struct wait w = {cfg, ui, board, stage, NULL, deadline};

	return wait_for(&w, ret, err);
}
