/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The early-boot step; the agent itself starts much later and judges the trial then. */
#include "agent/trial/early.h"

#include <fcntl.h>
#include <string.h>

#include "agent/slot/shown.h"
#include "agent/trial/bootnote.h"
#include "agent/trial/trial.h"
#include "agent/trial/watchdog.h"
#include "agent/trial/watchkeeper.h"
#include "agent/trial/wdinfo.h"
#include "proto/base/fs.h"
#include "proto/base/log.h"

#define RUN_DIR "/run/kferry"

/*
 * No trial needs the watchdog that the firmware started, and where nobody takes it a good
 * kernel would be reset: to open and to stop it once ends that.  One that cannot be
 * stopped is left to the agent, which goes on petting it.
 */
static void answer_firmware(const struct agent *a)
{
	struct watchdog *w = NULL;
	struct wdinfo i;

	if (!watchdog_is_awaited(a) || (wdinfo_choose(a, &i) && i.nowayout) ||
	    watchdog_open(a, &w) < 0)
		return;
	if (watchdog_release(&w))
		bootnote(a->root, "the watchdog that the firmware started is stopped");
	else
		watchdog_leave(&w);
}

/* What ends a trial that nobody confirmed, and nobody rebooted: as kferry-deadline. */
static int64_t end_of(const struct agent *a, unsigned timeout_s)
{
	return a->boot.start_ms + ((int64_t)timeout_s + TRIAL_GRACE_S) * 1000;
}

static void start_watchdog(const struct agent *a, unsigned timeout_s, bool keep)
{
	struct watchdog *w = NULL;
	char text[256];
	int rc;

	if (watchkeeper_is_there(a)) {
		log_info("early text=\"the watchdog is petted already\"");
		return;
	}
	rc = watchdog_open(a, &w);
	watchdog_describe(a, w, rc, text);
	bootnote(a->root, "trial of %s, watchdog: %s", a->boot.slot, text);
	if (!w || !keep) {
		watchdog_leave(&w);
		return;
	}
	rc = watchkeeper_start(a, &w, end_of(a, timeout_s));
	if (rc < 0) {
		bootnote(a->root, "nobody pets the watchdog until the agent starts: %s",
			 strerror(-rc));
		watchdog_leave(&w);
	}
}

/* What kferry-late.service goes by: nothing is left to do for it. */
static void leave_mark(const struct agent *a)
{
	_free_ char *dir = agent_path(a, RUN_DIR);
	_close_ int fd = -1;
	int rc = dir ? fs_mkdirs(AT_FDCWD, dir) : -ENOMEM;

	fd = rc < 0 ? rc : fs_open_dir(AT_FDCWD, dir);
	rc = fd < 0 ? fd : fs_replace(fd, "early", "", 0, 0644);
	if (rc < 0)
		log_warn("early error=\"%s/early: %s\"", RUN_DIR, strerror(-rc));
}

static void show_modules(const struct agent *a)
{
	char id[SLOT_ID_SIZE];
	struct kf_error err;

	if (shown_settle(a, id, &err) < 0) {
		bootnote(a->root, "the modules of slot %s are not shown: %s",
			 a->boot.slot, err.msg);
		return;
	}
	if (strcmp(id, a->boot.slot) == 0)
		bootnote(a->root, "slot %s runs, release %s", id, a->boot.release);
	else
		bootnote(a->root, "slot %s runs, release %s, with the modules of %s",
			 a->boot.slot, a->boot.release, id);
	leave_mark(a);
}

int early_run(const char *root, bool keep)
{
	unsigned timeout_s;
	struct kf_error err;
	struct agent a;

	if (agent_init_early(&a, root, &err) < 0) {
		bootnote(root, "early step skipped: %s", err.msg);
		return 0;
	}
	if (a.boot.slot[0]) {
		/* Before anything that could hang. */
		if (trial_is_on(&a, &timeout_s))
			start_watchdog(&a, timeout_s, keep);
		else
			answer_firmware(&a);
		show_modules(&a);
	}
	agent_fini(&a);
	return 0;
}

int early_show_modules(const char *root, struct kf_error *err)
{
	char id[SLOT_ID_SIZE];
	struct agent a;
	int rc = agent_init_early(&a, root, err);

	if (rc < 0)
		return rc;
	rc = shown_settle(&a, id, err);
	agent_fini(&a);
	return rc;
}
