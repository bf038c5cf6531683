// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Attempts start close together and grow apart: a virtual board is back in seconds, and
 * an attempt at one that is down costs little; later ones should not keep a board busy
 * with logins while it boots.  A board that was seen to be down is another matter: what
 * answers then is the new boot, and each moment counts.
 */
#include "controller/deploy/wait.h"

#include <poll.h>
#include <string.h>

#include "controller/cancel.h"
#include "controller/link/probe.h"
#include "proto/reason.h"
#include "proto/text.h"

#define FIRST_PAUSE 100
#define LAST_PAUSE  2000  /* between logins */
#define PROBE_PAUSE 400	  /* between probes, at most */
#define PROBE_MS    1000  /* an answer takes: a SYN that was lost is sent again as soon */
#define BLIND_MS    15000 /* so often a login is tried although no probe is answered */
#define FIRST_ATTEMPT                                                                    \
	2000 /* ms a login may take at first: it may have hit the old boot */
#define REDRAW 250

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
	const char *board, *stage;
	struct wait_boot *boot;
	deadline_ms deadline;
	deadline_ms blind; /* the next login without a probe */
	int pause, login_pause, attempt_ms;
	deadline_ms next_login; /* while it may be the old boot that answers */
	struct kf_error last;
};

void wait_boot_init(struct wait_boot *b, const struct client *c)
{
	*b = (struct wait_boot){.asked = clock_now_ms()};
	snprintf(b->old_boot_id, sizeof(b->old_boot_id), "%s", client_hello(c)->boot_id);
	client_peer(c, &b->peer);
}

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

static int grow(int ms, int most)
{
	return ms * 3 / 2 < most ? ms * 3 / 2 : most;
}

static bool is_up(const struct kf_error *err)
{
	return err->code == -EAGAIN;
}

static void note_down(struct wait *w, int64_t at)
{
	if (w->boot->down)
		return;
	w->boot->down = at;
	w->pause = FIRST_PAUSE;
	w->blind = deadline_in(BLIND_MS);
}

static int connect_once(struct wait *w, struct client **ret, struct kf_error *err)
{
	const char *old = w->boot->old_boot_id;
	int limit = (int)config_ms(w->cfg, w->board, "timeout.connect");
	deadline_ms end = deadline_in(w->attempt_ms < limit ? w->attempt_ms : limit);
	struct client *c;
	int rc;

	w->attempt_ms = grow(w->attempt_ms, limit);
	rc = client_open(w->cfg, w->board, end < w->deadline ? end : w->deadline, &c,
			 err);
	if (rc < 0)
		return rc;
	if (*old && !strcmp(client_hello(c)->boot_id, old)) {
		client_close(c);
		return kf_err(err, -EAGAIN, KF_REASON_TIMEOUT,
			      "it is still up and has not rebooted");
	}
	w->boot->back = clock_now_ms();
	client_say(c, w->ui, w->board);
	*ret = c;
	return 0;
}

/* 0: a login is worth it; 1: not now. */
static int look(struct wait *w)
{
	int64_t began = clock_now_ms();
	int rc;

	if (!w->boot->peer.ss_family)
		return 0;
	if (w->boot->down && !deadline_left(w->blind)) {
		w->blind = deadline_in(BLIND_MS);
		return 0;
	}
	rc = probe_ssh(&w->boot->peer, PROBE_MS);
	if (rc == -ECANCELED)
		return rc;
	if (rc < 0) {
		note_down(w, began);
		kf_err(&w->last, rc, KF_REASON_UNREACHABLE, "connect: %m");
		return 1;
	}
	/* It may be the old boot on its way down. */
	return w->boot->down || !deadline_left(w->next_login) ? 0 : 1;
}

/* One look, and a login if that is worth it.  1: not back yet. */
static int attempt(struct wait *w, struct client **ret)
{
	int64_t began;
	int rc = look(w);

	if (rc != 0)
		return rc;
	began = clock_now_ms();
	rc = connect_once(w, ret, &w->last);
	if (rc == 0)
		return 0;
	if (!may_pass(w->last.reason))
		return rc;
	/* An agent that does not answer is not yet a board that is down; where nothing
	 * else can be asked, it is all there is. */
	if (!is_up(&w->last) && !w->boot->peer.ss_family)
		note_down(w, began);
	ui_debug(w->ui, "%s: not back yet: %s", w->board, w->last.msg);
	w->login_pause = grow(w->login_pause, LAST_PAUSE);
	w->next_login = deadline_in(w->login_pause);
	return 1;
}

static int wait_for(struct wait *w, struct client **ret, struct kf_error *err)
{
	int64_t began = clock_now_ms();
	bool probes = w->boot->peer.ss_family != 0;
	char took[16];

	w->pause = w->login_pause = FIRST_PAUSE;
	w->attempt_ms = FIRST_ATTEMPT;
	for (;;) {
		int rc = pause_for(w, w->pause);

		w->pause = grow(w->pause, probes ? PROBE_PAUSE : LAST_PAUSE);
		if (rc == 0 && w->last.code && !deadline_left(w->deadline))
			return kf_err(err, -ETIMEDOUT, KF_REASON_TIMEOUT,
				      "it was not back after %s; last: %s",
				      text_duration(clock_now_ms() - began, took),
				      w->last.msg);
		if (rc == 0)
			rc = attempt(w, ret);
		if (rc == 0)
			return 0;
		if (rc == -ECANCELED)
			return kf_err(err, rc, KF_REASON_CANCELLED, "cancelled");
		if (rc < 0)
			return kf_err(err, w->last.code, w->last.reason, "%s",
				      w->last.msg);
	}
}

int wait_for_boot(const struct config *cfg, struct ui *ui, const char *board,
		  struct wait_boot *boot, deadline_ms deadline, struct client **ret,
		  struct kf_error *err)
{
	struct wait w = {.cfg = cfg,
			 .ui = ui,
			 .board = board,
			 .stage = "reboot",
			 .boot = boot,
			 .deadline = deadline};

	return wait_for(&w, ret, err);
}

int wait_for_agent(const struct config *cfg, struct ui *ui, const char *board,
		   const char *stage, deadline_ms deadline, struct client **ret,
		   struct kf_error *err)
{
	struct wait_boot any = {0};
	struct wait w = {.cfg = cfg,
			 .ui = ui,
			 .board = board,
			 .stage = stage,
			 .boot = &any,
			 .deadline = deadline};

	return wait_for(&w, ret, err);
}
